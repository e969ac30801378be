"""Partial dependence: the model asked about all rows, grid point by grid point, wherever the engine runs them."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import lru_cache, partial

import numpy as np
from numpy.typing import NDArray

from clarify.data import storage
from clarify.data.dataset import read_fragment
from clarify.data.feature_matrix import read_features
from clarify.endpoints.base import EndpointSpec, Predictions
from clarify.endpoints.quarantine import ROW_CODES
from clarify.engines.base import Engine
from clarify.errors import BadPrediction, Problem
from clarify.explain.partial_dependence import PERCENTS, PointSummary, forced, summarise
from clarify.explain.threads import one_thread
from clarify.features import FeatureColumn
from clarify.results import Z_95, ExplanationSection, Interval, OutputDependence, PartialDependence, ScoreQuantile
from clarify.steps.dependence_axes import Axis, Bucket, Grid, choose_axes
from clarify.steps.dependence_rows import ChosenRows, look_at_rows, store_rows
from clarify.steps.plan import AnalysisPlan
from clarify.steps.predict import endpoint_of, read_part
from clarify.steps.provision_endpoint import LeasedEndpoint
from clarify.steps.validate_dataset import PreparedData

MOST_ROWS = 50_000                # different rows asked at every grid point; the mean of more is estimated from these


@dataclass(frozen=True)
class GridPoint:
    """One feature set to one value, for all chosen rows: a piece of work, and what a killed run loses of it."""

    index: int
    position: int
    value: float | str
    rows: int


@dataclass(frozen=True)
class GridJob:
    """What a worker needs to answer a grid point."""

    spec: EndpointSpec
    columns: tuple[FeatureColumn, ...]
    chosen: ChosenRows
    parts_uri: str


@dataclass(frozen=True)
class PointAnswer:
    """The model's outputs at one grid point; no summaries when some rows got no finite score."""

    outputs: tuple[str, ...]
    summaries: tuple[PointSummary, ...]
    unusable: int = 0
    rounded: bool = False             # the model refuses fractions of integers: asked at the nearest whole number


def partial_dependence(
    plan: AnalysisPlan,
    data: PreparedData,
    lease: LeasedEndpoint,
    explained: ExplanationSection | None,
    engine: Engine,
) -> tuple[PartialDependence, ...]:
    """The mean prediction over all rows as each chosen feature takes each value of its grid.

    Rows that are equal in every feature are asked once and weighted. With more than 50,000 different rows the mean is
    taken over those with the smallest keys, a random sample, and every mean carries a 95 % interval.

    Raises
    ------
    ConfigError
        When a feature is named that the model does not see.
    EndpointError
        When the model stops answering, or answers labels where scores are needed.
    """
    axes = choose_axes(plan, data, explained)
    varied = tuple(axis for axis in axes if axis.error is None)
    found = _vary(varied, data, lease, engine) if varied else {}
    return tuple(found[axis] if axis in found else _failed(axis, data, axis.error or "") for axis in axes)


def _vary(
    axes: tuple[Axis, ...], data: PreparedData, lease: LeasedEndpoint, engine: Engine
) -> dict[Axis, PartialDependence]:
    looked = look_at_rows(data, axes, engine, most=MOST_ROWS)
    chosen = store_rows(data, looked.rows, engine)
    job = GridJob(lease.spec, data.features, chosen, storage.join(data.work_uri, "dependence"))
    grids = [axis.grid(counts) for axis, counts in zip(axes, looked.counts, strict=True)]
    points = _grid_points(axes, grids, chosen)
    answers = iter(engine.map(partial(answer_point, job=job), points, stage="partial dependence"))
    return {
        axis: _dependence(axis, grid, counts, [next(answers) for _ in grid], chosen, data)
        for axis, grid, counts in zip(axes, grids, looked.counts, strict=True)
    }


def _grid_points(axes: Sequence[Axis], grids: Sequence[Grid], chosen: ChosenRows) -> tuple[GridPoint, ...]:
    pairs = [(axis.position, value) for axis, grid in zip(axes, grids, strict=True) for value in grid]
    return tuple(GridPoint(i, position, value, chosen.distinct) for i, (position, value) in enumerate(pairs))


def answer_point(point: GridPoint, *, job: GridJob) -> PointAnswer:
    """Ask about all chosen rows with one feature set; a finished point is not asked again."""
    part_uri = storage.join(job.parts_uri, f"point-{point.index:08d}.json")
    if not storage.exists(part_uri):
        storage.write_bytes(part_uri, json.dumps(asdict(_ask(point, job))).encode())
    return _read_answer(storage.read_bytes(part_uri))


def _ask(point: GridPoint, job: GridJob) -> PointAnswer:
    """The answer at the value; at the nearest whole number if the model refuses fractions in a column of integers."""
    try:
        return _summarised(*_scores_at(point.position, point.value, job), job)
    except BadPrediction as error:
        refused = ROW_CODES.issuperset(problem.code for problem in error.problems)
        if not refused or isinstance(point.value, str) or job.columns[point.position].kind != "int":
            raise
        answer = _summarised(*_scores_at(point.position, float(round(point.value)), job), job)
        return replace(answer, rounded=True)


def _scores_at(position: int, value: float | str, job: GridJob) -> tuple[tuple[str, ...], NDArray[np.float64]]:
    """Names of the outputs, and the scores of all chosen rows in the order of their keys."""
    endpoint = endpoint_of(job.spec)
    answers: list[NDArray[np.float64]] = []
    outputs: tuple[str, ...] = ()
    with one_thread():
        for part in job.chosen.slices():
            table = read_fragment(part, columns=[column.name for column in job.columns])
            predictions = endpoint.predict(forced(read_features(table, job.columns), position, value))
            answers.append(_scores(predictions))
            outputs = predictions.output_names
    return outputs, np.concatenate(answers)


def _summarised(outputs: tuple[str, ...], scores: NDArray[np.float64], job: GridJob) -> PointAnswer:
    unusable = int((~np.isfinite(scores)).any(axis=1).sum())
    if unusable:
        return PointAnswer(outputs, (), unusable)
    weights = _weights(job.chosen.weights_uri)
    return PointAnswer(outputs, tuple(summarise(scores[:, output], weights) for output in range(scores.shape[1])))


@lru_cache(maxsize=1)
def _weights(uri: str) -> NDArray[np.int64]:
    weights: NDArray[np.int64] = read_part(uri)["weight"].to_numpy()
    return weights


def _scores(predictions: Predictions) -> NDArray[np.float64]:
    if predictions.scores is None:
        raise BadPrediction(
            Problem(
                code="ENDPOINT-LABELS",
                field="predictor",
                received="class labels",
                allowed="scores: a mean prediction is a mean of numbers",
                hint="save the model with pyfunc_predict_fn='predict_proba', or name the score in"
                " predictor.probability",
            )
        )
    return predictions.scores


def _read_answer(content: bytes) -> PointAnswer:
    plain = json.loads(content)
    summaries = tuple(
        PointSummary(item["mean"], item["standard_error"], tuple(item["quantiles"])) for item in plain["summaries"]
    )
    return PointAnswer(tuple(plain["outputs"]), summaries, plain["unusable"], plain["rounded"])


def _dependence(
    axis: Axis,
    grid: Grid,
    counts: Counter[Bucket],
    answers: Sequence[PointAnswer],
    chosen: ChosenRows,
    data: PreparedData,
) -> PartialDependence:
    for value, answer in zip(grid, answers, strict=True):
        if answer.unusable:
            return _failed(axis, data, f"The model gave no finite score for {answer.unusable} rows at {value}")
    is_sample = chosen.represented < data.dataset.rows
    outputs = answers[0].outputs
    return PartialDependence(
        feature=axis.column.name,
        data_type=axis.data_type,
        feature_values=() if axis.is_categorical else tuple(float(value) for value in grid),
        categories=tuple(str(value) for value in grid) if axis.is_categorical else (),
        counts=axis.counts_on(grid, counts),
        outputs=tuple(
            _output(label, [answer.summaries[i] for answer in answers], is_sample) for i, label in enumerate(outputs)
        ),
        missing=axis.summary.nulls,
        rows=data.dataset.rows,
        rows_used=chosen.represented,
        distinct_rows=chosen.distinct,
        rounded=any(answer.rounded for answer in answers),
    )


def _output(label: str, points: Sequence[PointSummary], is_sample: bool) -> OutputDependence:
    return OutputDependence(
        label=label,
        means=tuple(point.mean for point in points),
        quantiles=tuple(
            ScoreQuantile(percent / 100, tuple(point.quantiles[i] for point in points))
            for i, percent in enumerate(PERCENTS)
        ),
        intervals=tuple(_interval(point) for point in points) if is_sample else (),
    )


def _interval(point: PointSummary) -> Interval:
    half = Z_95 * point.standard_error
    return Interval(point.mean - half, point.mean + half)


def _failed(axis: Axis, data: PreparedData, error: str) -> PartialDependence:
    return PartialDependence(
        axis.column.name, axis.data_type, error=error, missing=axis.summary.nulls, rows=data.dataset.rows
    )
