"""The flip test's neighbours: the one metric that needs rows, counted block by block wherever the engine runs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial, reduce
from io import BytesIO

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from clarify.bias.contingency import FACET_A, FACET_D, ContingencyTable, FlipFailure
from clarify.bias.flip_test import FlipReference, add_flips
from clarify.data import storage
from clarify.data.coding import NOT_SELECTED, SELECTED, UNKNOWN, Coding
from clarify.data.dataset import Fragment, cut, fragment_batches
from clarify.data.distinct import scramble
from clarify.data.feature_matrix import read_features
from clarify.engines.base import Engine
from clarify.features import FeatureColumn
from clarify.results import FlipCounts, Reason
from clarify.steps.plan import AnalysisPlan
from clarify.steps.predict import ScoredDataset, read_positive
from clarify.steps.validate_dataset import PreparedData, keep_rows

ROWS_PER_BLOCK = 65_536
MOST_PAIRS = 20_000_000_000     # rows of facet a times rows of facet d: minutes, not days
MOST_NEIGHBOURS = 1_000_000     # rows of facet a in a sample; what is left of the pairs goes to facet d
FEWEST_ASKED = 20_000           # rows of facet d in a sample: the standard error of FT is at most 0.007,
MOST_ASKED = 100_000            # and more than so many would buy little
MOST_NUMBERS = 20_000_000       # features of one side of a sample: 160 MB in every process
ASKED_PER_BLOCK = 2_048
NON_NUMERIC = FlipFailure(Reason.NON_NUMERIC_FEATURES, "FlipTest does not support non-numeric columns")
SAMPLED = FlipFailure(Reason.TOO_MANY_ROWS, "FlipTest is quadratic in the rows and was estimated from a sample of them")

Flips = FlipCounts | FlipFailure | None


@dataclass(frozen=True)
class FlipsOfFacet:
    """Flips over the rows whose facet and prediction are known, and over the rows as AWS folds them.

    ``note`` says that the first are those of a sample, and of how many rows; AWS has no value for one.
    """

    known: Flips = None
    aws: Flips = None
    note: str = ""


@dataclass(frozen=True)
class Draw:
    """Which rows take part: those whose place in the dataset hashes into a share of the range of all hashes.

    A row's own place decides, so that no partition of the work and no engine changes the sample.
    """

    seed: int
    share_a: float = 1.0
    share_d: float = 1.0

    def takes(self, first_row: int, rows: int, *, facet_d: bool) -> NDArray[np.bool_]:
        """For rows ``first_row`` and on of the dataset, whether each takes part if it is of the facet."""
        share = self.share_d if facet_d else self.share_a
        if share >= 1.0:
            return np.ones(rows, dtype=bool)
        places = np.arange(first_row, first_row + rows, dtype=np.uint64)
        start = scramble(np.array([self.seed % 2**64], dtype=np.uint64))
        hashes = scramble(places ^ start) >> np.uint64(11)
        return np.asarray(hashes.astype(np.float64) < share * 2.0**53)


@dataclass(frozen=True)
class FlipJob:
    """What a worker needs to pick one facet's rows: columns measured, and how facet and prediction are coded."""

    facet: Coding
    columns: tuple[FeatureColumn, ...]
    predicted: Coding | None
    scored: ScoredDataset | None
    as_aws: bool
    draw: Draw

    @property
    def names(self) -> list[str]:
        """The columns it reads."""
        coded = [self.facet.column] if self.predicted is None else [self.facet.column, self.predicted.column]
        return list(dict.fromkeys([*coded, *(column.name for column in self.columns)]))


@dataclass(frozen=True, eq=False)
class Side:
    """Rows of one facet: features, and whether each row is predicted positive."""

    features: NDArray[np.float64]
    positive: NDArray[np.bool_]


@dataclass(frozen=True)
class AskedBlock:
    """Rows ``start`` to ``start + rows`` of the sample of facet d."""

    start: int
    rows: int


def flips_of_facets(
    plan: AnalysisPlan,
    data: PreparedData,
    scored: ScoredDataset | None,
    engine: Engine,
    tables: Sequence[ContingencyTable],
) -> tuple[FlipsOfFacet, ...]:
    """The flip test of every facet, or nothing where it was not asked for; ``tables`` has one for each facet."""
    if "FT" not in plan.config.post_training_metrics:
        return tuple(FlipsOfFacet() for _ in data.facets)
    return tuple(
        _FlipTest(facet, position, plan.seed, data, scored, engine).run(table)
        for position, (facet, table) in enumerate(zip(data.facets, tables, strict=True))
    )


@dataclass(frozen=True)
class _FlipTest:
    """One facet's flip test, on all rows or on a sample of them."""

    facet: Coding
    position: int
    seed: int
    data: PreparedData
    scored: ScoredDataset | None
    engine: Engine

    def run(self, table: ContingencyTable) -> FlipsOfFacet:
        columns = _columns(self.facet, self.data, self.scored)
        if columns is None:
            return FlipsOfFacet(NON_NUMERIC, NON_NUMERIC)
        n_a, n_d = _known_rows(table, FACET_A), _known_rows(table, FACET_D)
        if n_a * n_d > MOST_PAIRS:
            return self._sampled(columns, n_a, n_d)
        known = self._exact(columns, as_aws=False)
        has_unknowns = _has_unknowns(self.facet, self.data, self.scored)
        return FlipsOfFacet(known, self._exact(columns, as_aws=True) if has_unknowns else known)

    def _exact(self, columns: tuple[FeatureColumn, ...], *, as_aws: bool) -> Flips:
        job, fragments = self._job(columns, Draw(self.seed), as_aws), self._fragments(ROWS_PER_BLOCK)
        sides = self.engine.map(partial(rows_of_facet_a, job=job), fragments, stage="flip test, facet a")
        uri = self._store("aws" if as_aws else "known", _joined(sides))
        if uri is None:
            return None
        count = partial(flips_in_fragment, job=job, reference_uri=uri)
        return reduce(add_flips, self.engine.map(count, fragments, stage="flip test, facet d"))

    def _sampled(self, columns: tuple[FeatureColumn, ...], n_a: int, n_d: int) -> FlipsOfFacet:
        draw = _draw(self.seed, n_a, n_d, n_features=len(columns))
        job = self._job(columns, draw, as_aws=False)
        drawn = self.engine.map(partial(sample_of_facets, job=job), self._fragments(None), stage="flip test, sample")
        neighbours, asked = _joined([a for a, _ in drawn]), _joined([d for _, d in drawn])
        reference_uri, asked_uri = self._store("sample-a", neighbours), self._store("sample-d", asked)
        if reference_uri is None or asked_uri is None:
            return FlipsOfFacet(None, SAMPLED)
        used_a, used_d = len(neighbours.positive), len(asked.positive)
        blocks = [AskedBlock(i, min(ASKED_PER_BLOCK, used_d - i)) for i in range(0, used_d, ASKED_PER_BLOCK)]
        count = partial(flips_in_block, reference_uri=reference_uri, asked_uri=asked_uri)
        flips = reduce(add_flips, self.engine.map(count, blocks, stage="flip test, facet d"))
        note = (
            f"estimated from a sample: {used_d:,} of {n_d:,} rows of facet d were asked about their neighbours among "
            f"{used_a:,} of {n_a:,} rows of facet a; the interval is that of the rows asked"
        )
        return FlipsOfFacet(flips, SAMPLED, note)

    def _job(self, columns: tuple[FeatureColumn, ...], draw: Draw, as_aws: bool) -> FlipJob:
        predicted = self.data.predicted_label if self.scored is None else None
        return FlipJob(self.facet, columns, predicted, self.scored, as_aws, draw)

    def _fragments(self, most_rows: int | None) -> tuple[Fragment, ...]:
        if self.scored is not None:
            return self.scored.fragments
        rows = keep_rows(self.data, self.engine)
        return rows.fragments if most_rows is None else cut(rows, most_rows)

    def _store(self, name: str, side: Side) -> str | None:
        """Where workers find the rows of one side; None when there are none."""
        if not len(side.positive):
            return None
        uri = storage.join(self.data.work_uri, f"flips-{self.position:05d}-{name}.npz")
        storage.write_bytes(uri, _packed(side))
        return uri


def _columns(
    facet: Coding, data: PreparedData, scored: ScoredDataset | None
) -> tuple[FeatureColumn, ...] | None:
    """Every column but facet, label, predicted label and join key, as AWS has it; None when one is not a number."""
    left_out = {facet.column, data.outcome_label.column, data.source.key}
    if scored is None and data.predicted_label is not None:
        left_out.add(data.predicted_label.column)
    kept = [column for column in data.dataset.columns if column.name not in left_out]
    if any(column.kind == "text" for column in kept):
        return None
    return tuple(FeatureColumn(column.name, column.kind) for column in kept)


def _known_rows(table: ContingencyTable, facet: int) -> int:
    """Rows of a facet whose prediction is known."""
    return int(table.counts[facet, :, :UNKNOWN].sum())


def _has_unknowns(facet: Coding, data: PreparedData, scored: ScoredDataset | None) -> bool:
    nulls = {summary.name: summary.nulls for summary in data.outcome.columns}
    if scored is not None:
        return bool(nulls[facet.column] or scored.unusable)
    predicted = data.predicted_label
    return bool(nulls[facet.column] or (predicted is not None and nulls[predicted.column]))


def _draw(seed: int, n_a: int, n_d: int, *, n_features: int) -> Draw:
    """All of facet a, or as much as memory holds; of facet d as many rows as the pairs allow."""
    most_rows = MOST_NUMBERS // max(1, n_features)
    neighbours = min(n_a, MOST_NEIGHBOURS, most_rows)
    asked = min(n_d, most_rows, MOST_ASKED, max(FEWEST_ASKED, MOST_PAIRS // neighbours))
    return Draw(seed, neighbours / n_a, asked / n_d)


def rows_of_facet_a(fragment: Fragment, *, job: FlipJob) -> Side:
    """Facet a's rows of one fragment."""
    return _joined([_pick(piece, job, facet_d=False) for piece in _pieces(fragment, job)])


def flips_in_fragment(fragment: Fragment, *, job: FlipJob, reference_uri: str) -> FlipCounts | FlipFailure:
    """Flips among one fragment's rows of facet d."""
    side = _joined([_pick(piece, job, facet_d=True) for piece in _pieces(fragment, job)])
    return _reference(reference_uri).count(side.features, side.positive)


def sample_of_facets(fragment: Fragment, *, job: FlipJob) -> tuple[Side, Side]:
    """The rows of facet a and of facet d of one fragment that are in the sample."""
    both = [(_pick(piece, job, facet_d=False), _pick(piece, job, facet_d=True)) for piece in _pieces(fragment, job)]
    return _joined([a for a, _ in both]), _joined([d for _, d in both])


def flips_in_block(block: AskedBlock, *, reference_uri: str, asked_uri: str) -> FlipCounts | FlipFailure:
    """Flips among one block of the sample of facet d."""
    asked, rows = _asked(asked_uri), slice(block.start, block.start + block.rows)
    return _reference(reference_uri).count(asked.features[rows], asked.positive[rows])


@dataclass(frozen=True, eq=False)
class _Piece:
    """Some rows of a fragment, coded; ``first_row`` counts from the start of the dataset."""

    first_row: int
    table: pa.Table
    facet: NDArray[np.int8]
    predicted: NDArray[np.int8]


def _pieces(fragment: Fragment, job: FlipJob) -> Iterator[_Piece]:
    scored = None if job.scored is None else read_positive(job.scored, fragment)
    start = 0
    for batch in fragment_batches(fragment, columns=job.names):
        table, end = pa.Table.from_batches([batch]), start + batch.num_rows
        facet = job.facet.code(table[job.facet.column])
        if scored is not None:
            predicted = scored[start:end]
        elif job.predicted is not None:
            predicted = job.predicted.code(table[job.predicted.column])
        else:
            predicted = np.full(table.num_rows, UNKNOWN, dtype=np.int8)
        yield _Piece(fragment.first_row + start, table, facet, predicted)
        start = end


def _pick(piece: _Piece, job: FlipJob, *, facet_d: bool) -> Side:
    chosen = _chosen(piece.facet, piece.predicted, facet_d=facet_d, as_aws=job.as_aws)
    chosen &= job.draw.takes(piece.first_row, len(chosen), facet_d=facet_d)
    rows = piece.table.filter(pa.array(chosen))
    features = read_features(rows.select([column.name for column in job.columns]), job.columns)
    return Side(features.values, piece.predicted[chosen] == SELECTED)


def _chosen(
    facet: NDArray[np.int8], predicted: NDArray[np.int8], *, facet_d: bool, as_aws: bool
) -> NDArray[np.bool_]:
    """One facet's rows; AWS counts an unknown facet to a and an unknown prediction as negative."""
    known = predicted != UNKNOWN
    chosen = facet == SELECTED if facet_d else (facet != SELECTED if as_aws else facet == NOT_SELECTED)
    return np.asarray(chosen if as_aws else chosen & known)


def _joined(sides: Sequence[Side]) -> Side:
    return Side(np.concatenate([side.features for side in sides]), np.concatenate([side.positive for side in sides]))


def _packed(side: Side) -> bytes:
    sink = BytesIO()
    np.savez(sink, features=side.features, positive=side.positive)
    return sink.getvalue()


def _unpacked(uri: str) -> Side:
    with np.load(BytesIO(storage.read_bytes(uri))) as packed:
        return Side(packed["features"], packed["positive"])


@lru_cache(maxsize=1)
def _reference(uri: str) -> FlipReference:
    side = _unpacked(uri)
    return FlipReference(side.features, side.positive)


@lru_cache(maxsize=1)
def _asked(uri: str) -> Side:
    return _unpacked(uri)
