"""Bias within slices of the rows: every facet in every segment of ``segment_config``, counted in one pass."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from clarify.bias.evaluate import evaluate
from clarify.config.segments import DEFAULT, SegmentRule, Slicing, Span, read_segments
from clarify.data.coding import NOT_SELECTED, SELECTED, UNKNOWN, Coding, as_numbers
from clarify.engines.base import Engine
from clarify.results import FacetBias, SegmentBias
from clarify.steps.joint_counts import (
    Axis,
    CodedCells,
    Histogram,
    OutcomeAxes,
    binary_cells,
    count_jointly,
    facet_axes,
    outcome_axes,
    sides_of_group,
    without_predictions,
)
from clarify.steps.plan import AnalysisPlan
from clarify.steps.predict import ScoredDataset
from clarify.steps.validate_dataset import PreparedData


@dataclass(frozen=True)
class InSpans:
    """The rows whose number lies in one of a few intervals."""

    spans: tuple[Span, ...]

    def code(self, column: pa.ChunkedArray) -> NDArray[np.int8]:
        """SELECTED, NOT_SELECTED or UNKNOWN (null) for every row; int8 of shape (rows,)."""
        numbers = as_numbers(column)
        inside = np.zeros(len(numbers), dtype=bool)
        for span in self.spans:
            above = numbers >= span.low if span.low_closed else numbers > span.low
            below = numbers <= span.high if span.high_closed else numbers < span.high
            inside |= above & below
        codes = np.where(inside, SELECTED, NOT_SELECTED).astype(np.int8)
        codes[np.isnan(numbers)] = UNKNOWN
        return codes


def measure_segments(
    plan: AnalysisPlan, data: PreparedData, scored: ScoredDataset | None, engine: Engine
) -> tuple[SegmentBias, ...]:
    """Every group of every facet within every segment, and within ``__default__``, which holds all other rows.

    Rows whose segment column is empty are in ``__default__`` and counted there. The flip test is not computed.

    Raises
    ------
    ConfigError
        CFG-SEGMENT-..., with everything that is wrong with ``segment_config``; segments that overlap are an error.
    """
    entries = plan.config.segment_config
    if not entries or not data.facets:
        return ()
    slicings = read_segments(entries, data.dataset.kinds)
    outcome, facets = outcome_axes(data, scored), facet_axes(data.facets)
    wanted = [(segment_axis(slicing), facet, *outcome.axes) for slicing in slicings for facet in facets]
    histograms = iter(count_jointly(engine, data, scored, wanted, stage="counting segments"))
    return tuple(
        segment
        for slicing in slicings
        for segment in _segments(plan, data, slicing, outcome, {axis.column: next(histograms) for axis in facets})
    )


def segment_axis(slicing: Slicing) -> Axis:
    """The column by which of the segments holds a row."""
    return Axis(slicing.column, tuple(_group(slicing, rule) for rule in slicing.rules))


def _group(slicing: Slicing, rule: SegmentRule) -> InSpans | Coding:
    return InSpans(rule.spans) if rule.spans else Coding(slicing.column, "categorical", rule.text, rule.values)


@dataclass(frozen=True, eq=False)
class Counted:
    """One facet column's rows: where they lie, and with what outcome."""

    histogram: Histogram
    coded: CodedCells


def _segments(
    plan: AnalysisPlan, data: PreparedData, slicing: Slicing, outcome: OutcomeAxes, found: dict[str, Histogram]
) -> tuple[SegmentBias, ...]:
    counted = {column: Counted(item, binary_cells(item, outcome, first=2)) for column, item in found.items()}
    named = [(rule.text, rule.alias, (index,)) for index, rule in enumerate(slicing.rules)]
    return (
        *(_segment(plan, data, slicing, counted, text, alias, place) for text, alias, place in named),
        _segment(plan, data, slicing, counted, DEFAULT, slicing.default_alias, ()),
    )


def _segment(
    plan: AnalysisPlan,
    data: PreparedData,
    slicing: Slicing,
    counted: dict[str, Counted],
    text: str,
    alias: str,
    place: tuple[int, ...],
) -> SegmentBias:
    histogram = next(iter(counted.values())).histogram
    unknown = int(histogram.counts[_lies_at(histogram, None)].sum()) if place == () else 0
    return SegmentBias(
        config_name=slicing.name,
        column=slicing.column,
        segment=text,
        alias=alias,
        rows=int(histogram.counts[_lies_at(histogram, place)].sum()) + unknown,
        unknown_rows=unknown,
        pre_training=_facets(plan, data, counted, place, before=True),
        post_training=_facets(plan, data, counted, place, before=False),
    )


def _lies_at(histogram: Histogram, place: tuple[int, ...] | None) -> NDArray[np.bool_]:
    return np.equal(histogram.along(0, {found: int(found == place) for found in histogram.places[0]}), 1)


def _facets(
    plan: AnalysisPlan, data: PreparedData, counted: dict[str, Counted], place: tuple[int, ...], *, before: bool
) -> tuple[FacetBias, ...]:
    methods = plan.config.pre_training_metrics if before else plan.config.post_training_metrics
    found = []
    for facet in data.facets if methods else ():
        item, group = counted[facet.column], _position(data, facet)
        among = _lies_at(item.histogram, place)
        among = among | _lies_at(item.histogram, None) if place == () else among
        table = item.coded.table(item.histogram.along(1, sides_of_group(item.histogram.places[1], group)), among)
        if before or table.has_predictions:
            found.append(
                evaluate(
                    without_predictions(table) if before else table,
                    facet=facet.column,
                    value_or_threshold=facet.text,
                    stage="pre_training" if before else "post_training",
                    methods=methods,
                )
            )
    return tuple(found)


def _position(data: PreparedData, facet: Coding) -> int:
    return [other for other in data.facets if other.column == facet.column].index(facet)
