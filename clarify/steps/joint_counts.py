"""Rows counted jointly along several columns in one pass: the tables of cells, segments and classes are its sums."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal, Protocol

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from clarify.bias.contingency import FACET_A, FACET_D, UNKNOWN, ContingencyTable
from clarify.data.coding import SELECTED, Coding, one_array
from clarify.data.coding import UNKNOWN as UNKNOWN_CODE
from clarify.data.dataset import Fragment, cut, read_fragment
from clarify.engines.base import Engine
from clarify.steps.predict import ScoredDataset, class_name, part_uri_of, read_part
from clarify.steps.validate_dataset import PreparedData

ROWS_PER_STRETCH = 262_144
MOST_STRETCHES = 1_024               # so many partial counts are held at once, whatever the rows
MOST_PLACES = 1_000                  # different values of an axis by value, where a limit is set

Place = tuple[int, ...] | str | None
"""Where a row lies on an axis: the groups that select it (none: the rest), its value as text, or None: unknown."""

TOO_MANY: Place = "\0more values than are counted"

Source = Literal["data", "decision", "class"]
"""Where an axis reads: a column of the data, the model's predicted label (1, 0), or the class that it names."""


class Group(Protocol):
    """What selects rows by one column: a Coding, or a segment's rule."""

    def code(self, column: pa.ChunkedArray) -> NDArray[np.int8]: ...


@dataclass(frozen=True)
class Axis:
    """One direction of a histogram: the rows by which of some groups of a column select them, or by value.

    Groups may overlap: a row's place is the set of all that select it. Without groups every value is a place, and
    more than ``most_places`` of them are put together as TOO_MANY.
    """

    column: str
    groups: tuple[Group, ...] | None = None
    source: Source = "data"
    most_places: int | None = None


DECISION = Axis("", (Coding("", "categorical", "1", (1,)),), "decision")


@dataclass(frozen=True, eq=False)
class Histogram:
    """The occupied cells of some axes: row j of ``cells`` holds a position in ``places`` for every axis."""

    places: tuple[tuple[Place, ...], ...]
    cells: NDArray[np.int64]             # (occupied cells, axes)
    counts: NDArray[np.int64]            # (occupied cells,)

    @property
    def rows(self) -> int:
        return int(self.counts.sum())

    def along(self, axis: int, codes: Mapping[Place, int]) -> NDArray[np.int64]:
        """For every occupied cell the code of its place on one axis."""
        table = np.array([codes[place] for place in self.places[axis]], dtype=np.int64)
        return table[self.cells[:, axis]] if len(table) else np.zeros(0, dtype=np.int64)


@dataclass(frozen=True)
class Stretch:
    """Consecutive fragments that are counted together; its boundaries depend on the data only."""

    fragments: tuple[Fragment, ...]

    @property
    def rows(self) -> int:
        return sum(fragment.rows for fragment in self.fragments)


def stretches(fragments: Sequence[Fragment]) -> tuple[Stretch, ...]:
    """Fragments in at most about a thousand stretches of about a quarter of a million rows or more."""
    rows_each = max(ROWS_PER_STRETCH, math.ceil(sum(fragment.rows for fragment in fragments) / MOST_STRETCHES))
    return tuple(Stretch(batch) for batch in batches(fragments, rows_each))


def batches(fragments: Iterable[Fragment], rows_each: int) -> Iterator[tuple[Fragment, ...]]:
    """Consecutive fragments of together at most so many rows, or one larger fragment."""
    held: list[Fragment] = []
    for fragment in fragments:
        if held and sum(item.rows for item in held) + fragment.rows > rows_each:
            yield tuple(held)
            held = []
        held.append(fragment)
    if held:
        yield tuple(held)


def count_jointly(
    engine: Engine,
    data: PreparedData,
    scored: ScoredDataset | None,
    histograms: Sequence[tuple[Axis, ...]],
    *,
    stage: str,
) -> tuple[Histogram, ...]:
    """Several histograms in one pass over the rows; the same on any engine and for any order of the rows.

    No pass at all when no model answered and combinations were counted with the profile.
    """
    wanted = tuple(histograms)
    if scored is None and data.combinations is not None:
        return _count(data.combinations.values, None, data.combinations.counts, wanted)
    fragments = cut(data.dataset, ROWS_PER_STRETCH) if scored is None else scored.fragments
    count = partial(count_stretch, histograms=wanted, scored=scored)
    counted = engine.map(count, stretches(fragments), stage=stage, light=True)
    return tuple(merge([part[i] for part in counted]) for i in range(len(wanted)))


def count_stretch(
    stretch: Stretch, *, histograms: tuple[tuple[Axis, ...], ...], scored: ScoredDataset | None
) -> tuple[Histogram, ...]:
    """The histograms of one stretch; its rows are read once."""
    parts = []
    for fragments in batches(stretch.fragments, ROWS_PER_STRETCH):
        rows, answers = read_rows(fragments, [axis for axes in histograms for axis in axes], scored)
        parts.append(_count(rows, answers, np.ones(rows.num_rows, dtype=np.int64), histograms))
    return tuple(merge([part[i] for part in parts]) for i in range(len(histograms)))


def _count(
    rows: pa.Table, answers: pa.Table | None, counts: NDArray[np.int64], histograms: tuple[tuple[Axis, ...], ...]
) -> tuple[Histogram, ...]:
    """Histograms of a table whose row j stands for ``counts[j]`` rows."""
    axes = tuple(dict.fromkeys(axis for histogram in histograms for axis in histogram))
    placed = dict(zip(axes, place_rows(rows, answers, axes), strict=True))
    return tuple(merge([_histogram([placed[axis] for axis in histogram], counts)]) for histogram in histograms)


Placed = tuple[tuple[Place, ...], NDArray[np.int64]]
"""The places of an axis, and for every row its position among them."""


def read_rows(
    fragments: Sequence[Fragment], axes: Sequence[Axis], scored: ScoredDataset | None
) -> tuple[pa.Table, pa.Table | None]:
    """The columns of the data that axes read, and the model's decisions and classes if any of them does."""
    names = list(dict.fromkeys(axis.column for axis in axes if axis.source == "data"))
    rows = pa.concat_tables([read_fragment(fragment, columns=names) for fragment in fragments])
    sources = {axis.source for axis in axes if axis.source != "data"}
    if scored is None or not sources:
        return rows, None
    parts = [read_part(part_uri_of(scored.parts_uri, fragment)) for fragment in fragments]
    read = {source: _decisions if source == "decision" else _named_classes for source in sources}
    return rows, pa.table({source: pa.chunked_array([read[source](part) for part in parts]) for source in sources})


def place_rows(rows: pa.Table, answers: pa.Table | None, axes: Sequence[Axis]) -> tuple[Placed, ...]:
    """Every row's place on every axis."""
    return tuple(
        _placed(axis, rows[axis.column] if axis.source == "data" or answers is None else answers[axis.source])
        for axis in axes
    )


def _decisions(part: pa.Table) -> pa.Array:
    codes = part["positive"].to_numpy()
    return pa.array(codes.astype(np.int64), mask=codes == UNKNOWN_CODE)


def _named_classes(part: pa.Table) -> pa.Array:
    """The class of every answer, as text: the one it names, or the number it is."""
    if "label" in part.column_names:
        return pa.array([label or None for label in part["label"].to_pylist()], pa.string())
    score = next(name for name in part.column_names if name.startswith("score:"))
    return pa.array([class_name(value) for value in part[score].to_numpy()], pa.string())


def _placed(axis: Axis, column: pa.ChunkedArray) -> Placed:
    encoded = one_array(column).dictionary_encode()
    n = len(encoded.dictionary)
    codes = encoded.indices.fill_null(n).to_numpy(zero_copy_only=False).astype(np.int64)
    by_value = _by_value(axis, encoded.dictionary) if axis.groups is None else _by_group(axis.groups, encoded)
    places = tuple(dict.fromkeys((*by_value, None)))
    position = {place: index for index, place in enumerate(places)}
    return places, np.array([position[place] for place in (*by_value, None)], dtype=np.int64)[codes]


def _by_value(axis: Axis, values: pa.Array) -> list[Place]:
    if axis.most_places is not None and len(values) > axis.most_places:
        return [TOO_MANY] * len(values)
    return [str(value) for value in values.to_pylist()]


def _by_group(groups: tuple[Group, ...], encoded: pa.DictionaryArray) -> list[Place]:
    """Groups are asked about different values, not about rows."""
    values = pa.chunked_array([encoded.dictionary])
    codes = np.stack([group.code(values) for group in groups])
    selecting = [tuple(np.flatnonzero(column).tolist()) for column in (codes == SELECTED).T]
    unknown = (codes == UNKNOWN_CODE).all(axis=0)
    return [None if lost else place for place, lost in zip(selecting, unknown.tolist(), strict=True)]


def _histogram(placed: Sequence[Placed], counts: NDArray[np.int64]) -> Histogram:
    sizes = tuple(len(places) for places, _ in placed)
    codes = tuple(positions for _, positions in placed)
    return Histogram(tuple(places for places, _ in placed), *_occupied(codes, sizes, counts))


def _occupied(
    codes: Sequence[NDArray[np.int64]], sizes: tuple[int, ...], weights: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The different cells among rows (or cells) and what they weigh, in the order of their positions."""
    if math.prod(sizes) >= 2**63:
        cells, inverse = np.unique(np.stack(codes, axis=1), axis=0, return_inverse=True)
        return cells, _weigh(inverse.ravel(), weights, len(cells))
    keys = np.ravel_multi_index(tuple(codes), sizes)
    if math.prod(sizes) <= 4 * len(weights):
        counts = _weigh(keys, weights, math.prod(sizes))
        present = np.flatnonzero(counts)
        return np.stack(np.unravel_index(present, sizes), axis=1), counts[present]
    present, inverse = np.unique(keys, return_inverse=True)
    return np.stack(np.unravel_index(present, sizes), axis=1), _weigh(inverse, weights, len(present))


def _weigh(positions: NDArray[np.int64], weights: NDArray[np.int64], n: int) -> NDArray[np.int64]:
    # Counts below 2^53 rows are exact as doubles.
    return np.bincount(positions, weights=weights, minlength=n).astype(np.int64)


def merge(parts: Sequence[Histogram]) -> Histogram:
    """The sum of histograms of the same axes; places come sorted, so that no order of reading shows."""
    if not parts:
        return Histogram((), np.zeros((0, 0), dtype=np.int64), np.zeros(0, dtype=np.int64))
    places = tuple(_sorted(part.places[axis] for part in parts) for axis in range(len(parts[0].places)))
    moved = [_moved(part, places) for part in parts]
    codes = [np.concatenate([cells[:, axis] for cells in moved]) for axis in range(len(places))]
    sizes = tuple(len(along) for along in places)
    return Histogram(places, *_occupied(codes, sizes, np.concatenate([part.counts for part in parts])))


def _sorted(found: Iterable[tuple[Place, ...]]) -> tuple[Place, ...]:
    every = {place for places in found for place in places}
    words = sorted(place for place in every if isinstance(place, str))
    groups = sorted(place for place in every if isinstance(place, tuple))
    return (*words, *groups, *((None,) if None in every else ()))


def _moved(part: Histogram, places: tuple[tuple[Place, ...], ...]) -> NDArray[np.int64]:
    columns = []
    for axis, along in enumerate(places):
        position = {place: index for index, place in enumerate(along)}
        columns.append(part.along(axis, position))
    return np.stack(columns, axis=1)


# --- from histograms to tables ----------------------------------------------------------------------------------------


def sides_of_group(places: Iterable[Place], group: int) -> dict[Place, int]:
    """Facet d where a group selects, facet a where it does not, unknown where nobody knows."""
    return {
        place: UNKNOWN if place is None else FACET_D if isinstance(place, tuple) and group in place else FACET_A
        for place in places
    }


def sides_of_value(places: Iterable[Place], values: frozenset[str]) -> dict[Place, int]:
    """One class against the rest: 1 for its spellings, 0 for every other value, unknown for none."""
    return {place: UNKNOWN if place is None else int(place in values) for place in places}


@dataclass(frozen=True)
class OutcomeAxes:
    """What follows the facets in a histogram of outcomes: label, predicted label if there is one, stratum if given."""

    label: Axis
    predicted: Axis | None
    stratum: Axis | None

    @property
    def axes(self) -> tuple[Axis, ...]:
        return (self.label, *(axis for axis in (self.predicted, self.stratum) if axis is not None))


def outcome_axes(data: PreparedData, scored: ScoredDataset | None) -> OutcomeAxes:
    """Positive labels and positive predictions, from the data's own column or the model's answers."""
    label, predicted = data.outcome_label, data.predicted_label
    decided = DECISION if scored is not None else None
    if scored is None and predicted is not None:
        decided = Axis(predicted.column, (predicted,))
    return OutcomeAxes(Axis(label.column, (label,)), decided, stratum_axis(data))


def stratum_axis(data: PreparedData) -> Axis | None:
    """The group variable by value."""
    return Axis(data.group_variable) if data.group_variable is not None else None


@dataclass(frozen=True, eq=False)
class CodedCells:
    """The occupied cells of a histogram with label, predicted label and stratum settled; only the facet is open."""

    positions: NDArray[np.int64]
    counts: NDArray[np.int64]
    has_predictions: bool
    strata: tuple[str, ...] | None     # names, without the unknown stratum, which is the last; None: no group variable

    @property
    def n_strata(self) -> int:
        return 1 if self.strata is None else len(self.strata) + 1

    def table(self, facet: NDArray[np.int64], among: NDArray[np.bool_] | None = None) -> ContingencyTable:
        """The contingency table of some cells (default: all), given which facet each of them belongs to."""
        keys = facet * (9 * self.n_strata) + self.positions
        counts = self.counts if among is None else np.where(among, self.counts, 0)
        table = _weigh(keys, counts, 27 * self.n_strata).reshape(3, 3, 3, self.n_strata)
        return ContingencyTable(table, self.has_predictions, self.strata is not None, self.strata or ())


def coded_cells(
    histogram: Histogram, axes: OutcomeAxes, *, first: int, label: Mapping[Place, int], predicted: Mapping[Place, int]
) -> CodedCells:
    """Settle the outcome of a histogram whose outcome axes begin at position ``first``."""
    labels = histogram.along(first, label)
    has_predictions = axes.predicted is not None
    decided = histogram.along(first + 1, predicted) if has_predictions else np.full_like(labels, UNKNOWN)
    stratum, names = np.zeros_like(labels), None
    if axes.stratum is not None:
        at = first + 1 + has_predictions
        names = [place for place in histogram.places[at] if place is not None]
        stratum = histogram.along(at, {**{place: i for i, place in enumerate(names)}, None: len(names)})
    strata = None if names is None else tuple(str(name) for name in names)
    positions = (labels * 3 + decided) * (1 if strata is None else len(strata) + 1) + stratum
    return CodedCells(positions, histogram.counts, has_predictions, strata)


def binary_cells(histogram: Histogram, axes: OutcomeAxes, *, first: int) -> CodedCells:
    """The same for a histogram of positive labels and positive predictions."""
    predicted = sides_of_group(histogram.places[first + 1], 0) if axes.predicted is not None else {}
    label = sides_of_group(histogram.places[first], 0)
    return coded_cells(histogram, axes, first=first, label=label, predicted=predicted)


def without_predictions(table: ContingencyTable) -> ContingencyTable:
    """The table as it is before any model: every predicted label unknown."""
    counts = np.zeros_like(table.counts)
    counts[:, :, UNKNOWN, :] = table.counts.sum(axis=2)
    return ContingencyTable(counts, has_strata=table.has_strata, strata_names=table.strata_names)


def facet_axes(facets: Sequence[Coding]) -> tuple[Axis, ...]:
    """One axis for each facet column, with all groups of that column in the config's order."""
    columns = dict.fromkeys(facet.column for facet in facets)
    return tuple(Axis(column, tuple(facet for facet in facets if facet.column == column)) for column in columns)
