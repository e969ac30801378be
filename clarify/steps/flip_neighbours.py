"""The flip test's neighbours: the one metric that needs rows, counted block by block wherever the engine runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache, partial, reduce
from io import BytesIO

import numpy as np
from numpy.typing import NDArray

from clarify.bias.contingency import FlipCounts, FlipFailure
from clarify.bias.flip_test import FlipReference, add_flips
from clarify.data import storage
from clarify.data.coding import NOT_SELECTED, SELECTED, UNKNOWN, Coding
from clarify.data.dataset import Fragment, cut, read_fragment
from clarify.data.feature_matrix import read_features
from clarify.engines.base import Engine
from clarify.features import FeatureColumn
from clarify.results import Reason
from clarify.steps.plan import AnalysisPlan
from clarify.steps.predict import ScoredDataset, read_positive
from clarify.steps.validate_dataset import PreparedData

ROWS_PER_BLOCK = 8_192
MOST_PAIRS = 20_000_000_000     # rows of facet a times rows of facet d: minutes, not days
NON_NUMERIC = FlipFailure(Reason.NON_NUMERIC_FEATURES, "FlipTest does not support non-numeric columns")

Flips = FlipCounts | FlipFailure | None


@dataclass(frozen=True)
class FlipsOfFacet:
    """Flips over the rows whose facet and prediction are known, and over the rows as AWS folds them."""

    known: Flips = None
    aws: Flips = None


@dataclass(frozen=True)
class FlipJob:
    """What a worker needs to pick one facet's rows: columns measured, and how facet and prediction are coded."""

    facet: Coding
    columns: tuple[FeatureColumn, ...]
    predicted: Coding | None
    scored: ScoredDataset | None
    as_aws: bool


@dataclass(frozen=True, eq=False)
class Side:
    """Rows of one facet: features, and whether each row is predicted positive."""

    features: NDArray[np.float64]
    positive: NDArray[np.bool_]


def flips_of_facets(
    plan: AnalysisPlan, data: PreparedData, scored: ScoredDataset | None, engine: Engine
) -> tuple[FlipsOfFacet, ...]:
    """The flip test of every facet, or nothing where it was not asked for."""
    if "FT" not in plan.config.post_training_metrics:
        return tuple(FlipsOfFacet() for _ in data.facets)
    return tuple(_flips(facet, position, data, scored, engine) for position, facet in enumerate(data.facets))


def _flips(
    facet: Coding, position: int, data: PreparedData, scored: ScoredDataset | None, engine: Engine
) -> FlipsOfFacet:
    columns = _columns(facet, data, scored)
    if columns is None:
        return FlipsOfFacet(NON_NUMERIC, NON_NUMERIC)
    predicted = data.predicted_label if scored is None else None
    fragments = scored.fragments if scored is not None else cut(data.dataset, ROWS_PER_BLOCK)

    def count(*, as_aws: bool) -> Flips:
        job = FlipJob(facet, columns, predicted, scored, as_aws)
        name = f"flips-{position:05d}-{'aws' if as_aws else 'known'}.npz"
        return _count(job, fragments, storage.join(data.work_uri, name), engine)

    known = count(as_aws=False)
    return FlipsOfFacet(known, count(as_aws=True) if _has_unknowns(facet, data, scored) else known)


def _columns(
    facet: Coding, data: PreparedData, scored: ScoredDataset | None
) -> tuple[FeatureColumn, ...] | None:
    """Every column but facet, label and predicted label, as AWS has it; None when one is not a number."""
    left_out = {facet.column, data.outcome_label.column}
    if scored is None and data.predicted_label is not None:
        left_out.add(data.predicted_label.column)
    kept = [column for column in data.dataset.columns if column.name not in left_out]
    if any(column.kind == "text" for column in kept):
        return None
    return tuple(FeatureColumn(column.name, column.kind) for column in kept)


def _has_unknowns(facet: Coding, data: PreparedData, scored: ScoredDataset | None) -> bool:
    nulls = {summary.name: summary.nulls for summary in data.outcome.columns}
    if scored is not None:
        return bool(nulls[facet.column] or scored.unusable)
    predicted = data.predicted_label
    return bool(nulls[facet.column] or (predicted is not None and nulls[predicted.column]))


def _count(job: FlipJob, fragments: Sequence[Fragment], reference_uri: str, engine: Engine) -> Flips:
    sides = engine.map(partial(rows_of_facet_a, job=job), fragments, stage="flip test, facet a")
    reference = Side(np.concatenate([s.features for s in sides]), np.concatenate([s.positive for s in sides]))
    n_a, n = len(reference.positive), sum(fragment.rows for fragment in fragments)
    if n_a == 0:
        return None
    if n_a * (n - n_a) > MOST_PAIRS:
        return FlipFailure(Reason.TOO_MANY_ROWS, "FlipTest is quadratic in the rows and was not run")
    storage.write_bytes(reference_uri, _packed(reference))
    counted = engine.map(
        partial(flips_in_fragment, job=job, reference_uri=reference_uri), fragments, stage="flip test, facet d"
    )
    return reduce(add_flips, counted) if counted else None


def rows_of_facet_a(fragment: Fragment, *, job: FlipJob) -> Side:
    """Facet a's rows of one fragment."""
    return _side(fragment, job, facet_d=False)


def flips_in_fragment(fragment: Fragment, *, job: FlipJob, reference_uri: str) -> FlipCounts | FlipFailure:
    """Flips among one fragment's rows of facet d."""
    side = _side(fragment, job, facet_d=True)
    return _reference(reference_uri).count(side.features, side.positive)


def _side(fragment: Fragment, job: FlipJob, *, facet_d: bool) -> Side:
    table = read_fragment(fragment)
    facet = job.facet.code(table[job.facet.column])
    if job.scored is not None:
        predicted = read_positive(job.scored, fragment)
    elif job.predicted is not None:
        predicted = job.predicted.code(table[job.predicted.column])
    else:
        predicted = np.full(table.num_rows, UNKNOWN, dtype=np.int8)
    chosen = _chosen(facet, predicted, facet_d=facet_d, as_aws=job.as_aws)
    features = read_features(table.select([column.name for column in job.columns]), job.columns)
    return Side(features.values[chosen], predicted[chosen] == SELECTED)


def _chosen(
    facet: NDArray[np.int8], predicted: NDArray[np.int8], *, facet_d: bool, as_aws: bool
) -> NDArray[np.bool_]:
    """One facet's rows; AWS counts an unknown facet to a and an unknown prediction as negative."""
    known = predicted != UNKNOWN
    chosen = facet == SELECTED if facet_d else (facet != SELECTED if as_aws else facet == NOT_SELECTED)
    return np.asarray(chosen if as_aws else chosen & known)


def _packed(side: Side) -> bytes:
    sink = BytesIO()
    np.savez(sink, features=side.features, positive=side.positive)
    return sink.getvalue()


@lru_cache(maxsize=1)
def _reference(uri: str) -> FlipReference:
    with np.load(BytesIO(storage.read_bytes(uri))) as packed:
        return FlipReference(packed["features"], packed["positive"])
