"""Facets crossed on request: every combination of their groups against all other rows, counted in one pass."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import product

import numpy as np
from numpy.typing import NDArray

from clarify.bias.contingency import FACET_A, FACET_D, UNKNOWN, ContingencyTable
from clarify.bias.evaluate import evaluate
from clarify.config.cross import cross_problems, size_problems
from clarify.data.coding import Coding
from clarify.engines.base import Engine
from clarify.errors import ConfigError
from clarify.results import CellBias, FacetBias, Intersection, Stage
from clarify.steps.joint_counts import (
    Axis,
    CodedCells,
    Histogram,
    OutcomeAxes,
    binary_cells,
    count_jointly,
    facet_axes,
    outcome_axes,
    without_predictions,
)
from clarify.steps.plan import AnalysisPlan
from clarify.steps.predict import ScoredDataset
from clarify.steps.validate_dataset import PreparedData

REST = "rest"
TIMES = " × "
CELLS_WORTH_A_POOL = 100              # metrics of a cell take about a tenth of a second


def measure_intersections(
    plan: AnalysisPlan, data: PreparedData, scored: ScoredDataset | None, engine: Engine
) -> tuple[Intersection, ...]:
    """All requested metrics of every cell of the crossed facets, cell against all other rows that are known.

    Every combination of groups is listed, also those without a row: metrics of an empty cell are undefined,
    ``empty_facet``. The flip test is not computed.

    Raises
    ------
    ConfigError
        CFG-CROSS, with every request that cannot be met.
    """
    if not plan.cross or not data.facets:
        return ()
    axes = {axis.column: axis for axis in facet_axes(data.facets)}
    ConfigError.collect(cross_problems(plan.cross, tuple(axes)))
    ConfigError.collect(size_problems(plan.cross, _group_counts(data, axes)))
    outcome = outcome_axes(data, scored)
    wanted = [(*(axes[name] for name in names), *outcome.axes) for names in plan.cross]
    histograms = count_jointly(engine, data, scored, wanted, stage="crossing facets")
    return tuple(
        _intersection(plan, names, [axes[name] for name in names], outcome, histogram, engine)
        for names, histogram in zip(plan.cross, histograms, strict=True)
    )


def _group_counts(data: PreparedData, axes: dict[str, Axis]) -> dict[str, int]:
    """Groups of every facet and its rest, which a facet has unless it lists as many values as the column holds."""
    distinct = {summary.name: summary.distinct for summary in data.outcome.columns}
    counts = {}
    for name, axis in axes.items():
        groups = axis.groups or ()
        values = {value for group in groups if isinstance(group, Coding) for value in group.values}
        counts[name] = len(groups) + (len(values) != distinct.get(name))
    return counts


@dataclass(frozen=True, eq=False)
class CellTable:
    """The counts of one cell (facet d) beside those of all other known rows (facet a)."""

    names: tuple[str, ...]
    groups: tuple[str, ...]
    table: ContingencyTable
    rows: int = 1                     # of the progress: one cell


def _intersection(
    plan: AnalysisPlan,
    names: tuple[str, ...],
    axes: Sequence[Axis],
    outcome: OutcomeAxes,
    histogram: Histogram,
    engine: Engine,
) -> Intersection:
    unknown = np.any(np.stack([_is_unknown(histogram, axis) for axis in range(len(names))]), axis=0)
    tables = list(_tables(names, axes, binary_cells(histogram, outcome, first=len(names)), histogram, unknown))
    work = partial(measure_cell, pre=plan.config.pre_training_metrics, post=plan.config.post_training_metrics)
    cells = engine.map(work, tables, stage="measuring cells", light=len(tables) < CELLS_WORTH_A_POOL)
    return Intersection(names, tuple(cells), int(histogram.counts[unknown].sum()))


def _tables(
    names: tuple[str, ...], axes: Sequence[Axis], coded: CodedCells, histogram: Histogram, unknown: NDArray[np.bool_]
) -> Iterator[CellTable]:
    members = [_members(histogram, position, axis) for position, axis in enumerate(axes)]
    for groups in product(*members):
        inside = np.all(np.stack([among for _, among in groups]), axis=0)
        facet = np.where(unknown, UNKNOWN, np.where(inside, FACET_D, FACET_A)).astype(np.int64)
        yield CellTable(names, tuple(text for text, _ in groups), coded.table(facet))


def _members(histogram: Histogram, position: int, axis: Axis) -> list[tuple[str, NDArray[np.bool_]]]:
    """Every group of one facet, the rest too when a row is in it, with the occupied cells that belong to it."""
    groups = [
        (group.text, _among(histogram, position, index))
        for index, group in enumerate(axis.groups or ()) if isinstance(group, Coding)
    ]
    rest = histogram.along(position, {place: int(place == ()) for place in histogram.places[position]}) == 1
    return [*groups, (REST, rest)] if rest.any() else groups


def _among(histogram: Histogram, position: int, group: int) -> NDArray[np.bool_]:
    places = histogram.places[position]
    return np.equal(histogram.along(position, {p: int(isinstance(p, tuple) and group in p) for p in places}), 1)


def _is_unknown(histogram: Histogram, position: int) -> NDArray[np.bool_]:
    return np.equal(histogram.along(position, {p: int(p is None) for p in histogram.places[position]}), 1)


def measure_cell(cell: CellTable, *, pre: tuple[str, ...], post: tuple[str, ...]) -> CellBias:
    """The requested metrics of one cell; post-training ones where there are predictions."""
    table = cell.table
    return CellBias(
        groups=cell.groups,
        rows=table.facet_counts().d.rows,
        pre_training=_evaluate(cell, without_predictions(table), "pre_training", pre) if pre else None,
        post_training=_evaluate(cell, table, "post_training", post) if post and table.has_predictions else None,
    )


def _evaluate(cell: CellTable, table: ContingencyTable, stage: Stage, methods: tuple[str, ...]) -> FacetBias:
    names, groups = TIMES.join(cell.names), TIMES.join(cell.groups)
    return evaluate(table, facet=names, value_or_threshold=groups, stage=stage, methods=methods)
