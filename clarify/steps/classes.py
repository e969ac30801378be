"""A label of more than two classes: each class in turn against the rest, and the class each metric finds worst."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from clarify.bias.contingency import ContingencyTable
from clarify.bias.evaluate import evaluate
from clarify.bias.worst_class import furthest_from_ideal, level_of_each
from clarify.data.coding import Coding
from clarify.endpoints.selection import class_key
from clarify.engines.base import Engine
from clarify.results import ClassBias, ClassSection, FacetBias, Notice, Stage, WorstClass
from clarify.steps.joint_counts import (
    MOST_PLACES,
    TOO_MANY,
    Axis,
    CodedCells,
    Histogram,
    OutcomeAxes,
    Place,
    coded_cells,
    count_jointly,
    facet_axes,
    sides_of_group,
    sides_of_value,
    stratum_axis,
    without_predictions,
)
from clarify.steps.plan import AnalysisPlan
from clarify.steps.predict import ScoredDataset, part_uri_of, read_part
from clarify.steps.validate_dataset import PreparedData

FEWEST_CLASSES, MOST_CLASSES = 3, 50
LEVEL = 0.95


def measure_classes(
    plan: AnalysisPlan, data: PreparedData, scored: ScoredDataset | None, engine: Engine
) -> ClassSection | None:
    """All requested metrics with each class of the label as the positive outcome; post-training ones where the
    predictions name classes. The flip test is not computed.

    Returns
    -------
    ClassSection or None
        None for a label of fewer than three classes or a continuous one; a section of notices alone for a label of
        more than 50 values.
    """
    label = data.roles.label
    if label is None or label.reading != "categorical" or not data.facets:
        return None
    distinct = next(summary.distinct for summary in data.outcome.columns if summary.name == label.column)
    if distinct is not None and distinct < FEWEST_CLASSES:
        return None
    if distinct is None or distinct > MOST_CLASSES:
        return ClassSection((), (), LEVEL, (_too_many(label, distinct),))
    predicted = _predicted_axis(data, scored)
    outcome = OutcomeAxes(Axis(label.column), predicted, stratum_axis(data))
    wanted = [(facet, *outcome.axes) for facet in facet_axes(data.facets)]
    histograms = count_jointly(engine, data, scored, wanted, stage="counting classes")
    found = {wanted[i][0].column: histogram for i, histogram in enumerate(histograms)}
    return _section(plan, data, Counts(outcome, found), scored)


@dataclass(frozen=True, eq=False)
class Counts:
    """Rows by facet, class and predicted class: one histogram for every facet column."""

    outcome: OutcomeAxes
    histograms: dict[str, Histogram]

    @property
    def classes(self) -> tuple[str, ...]:
        """The label's values as text, numbers by size, then words."""
        places = next(iter(self.histograms.values())).places[1]
        return tuple(sorted((place for place in places if isinstance(place, str)), key=_by_size))

    @property
    def predictions(self) -> Histogram | None:
        """A histogram whose axis 2 holds predicted classes, or None when nobody names any or too many are named."""
        histogram = next(iter(self.histograms.values()))
        if self.outcome.predicted is None or TOO_MANY in histogram.places[2]:
            return None
        return None if len(histogram.places[2]) > MOST_PLACES else histogram


def _by_size(name: str) -> tuple[bool, float, str]:
    try:
        return False, float(name), name
    except ValueError:
        return True, 0.0, name


def _predicted_axis(data: PreparedData, scored: ScoredDataset | None) -> Axis | None:
    if scored is None:
        predicted = data.predicted_label
        return Axis(predicted.column, most_places=MOST_PLACES) if predicted is not None else None
    return Axis("", None, "class", MOST_PLACES) if _names_classes(scored) else None


def _names_classes(scored: ScoredDataset) -> bool:
    """Whether the answers carry a class: beside the scores, or as the one number they are."""
    first = read_part(part_uri_of(scored.parts_uri, scored.fragments[0]))
    return "label" in first.column_names or (scored.names_class and len(scored.output_names) == 1)


def _section(plan: AnalysisPlan, data: PreparedData, counts: Counts, scored: ScoredDataset | None) -> ClassSection:
    spelt = _spellings(counts)
    tables = {name: _tables(data, counts, name, spelt[name]) for name in counts.classes}
    post = plan.config.post_training_metrics if counts.predictions is not None else ()
    stages: tuple[tuple[Stage, tuple[str, ...]], ...] = (
        ("pre_training", plan.config.pre_training_metrics), ("post_training", post),
    )
    biases = {stage: {name: _evaluate(data, tables[name], stage, methods) for name in tables}
              for stage, methods in stages}
    classes = tuple(
        ClassBias(name, _rows_of(counts, name), biases["pre_training"][name], biases["post_training"][name])
        for name in tables
    )
    worst = tuple(item for stage, _ in stages for item in _worst(data, tables, biases[stage], stage))
    return ClassSection(classes, worst, LEVEL, tuple(_notices(plan, data, counts, spelt, scored)))


Tables = tuple[ContingencyTable, ...]
"""One class against the rest: a table for every group of every facet, in the config's order."""


def _tables(data: PreparedData, counts: Counts, name: str, spellings: frozenset[str]) -> Tables:
    cells = {column: _cells(counts, histogram, name, spellings) for column, histogram in counts.histograms.items()}
    return tuple(
        cells[facet.column].table(_facet(counts.histograms[facet.column], data, facet)) for facet in data.facets
    )


def _cells(counts: Counts, histogram: Histogram, name: str, spellings: frozenset[str]) -> CodedCells:
    label = sides_of_value(histogram.places[1], frozenset((name,)))
    has_predictions = counts.outcome.predicted is not None
    predicted = sides_of_value(histogram.places[2], spellings) if has_predictions else {}
    return coded_cells(histogram, counts.outcome, first=1, label=label, predicted=predicted)


def _facet(histogram: Histogram, data: PreparedData, facet: Coding) -> NDArray[np.int64]:
    group = [other for other in data.facets if other.column == facet.column].index(facet)
    return histogram.along(0, sides_of_group(histogram.places[0], group))


def _evaluate(
    data: PreparedData, tables: Tables, stage: Stage, methods: tuple[str, ...], level: float = LEVEL
) -> tuple[FacetBias, ...]:
    if not methods:
        return ()
    return tuple(
        _facet_bias(table, facet, stage, methods, level) for facet, table in zip(data.facets, tables, strict=True)
    )


def _facet_bias(
    table: ContingencyTable, facet: Coding, stage: Stage, methods: tuple[str, ...], level: float
) -> FacetBias:
    return evaluate(
        without_predictions(table) if stage == "pre_training" else table,
        facet=facet.column,
        value_or_threshold=facet.text,
        stage=stage,
        methods=methods,
        level=level,
    )


def _worst(
    data: PreparedData, tables: dict[str, Tables], biases: dict[str, tuple[FacetBias, ...]], stage: Stage
) -> Iterator[WorstClass]:
    """The worst class of every metric in every group, with an interval that holds for all classes together."""
    names, level = tuple(tables), level_of_each(len(tables), LEVEL)
    for index, facet in enumerate(data.facets):
        by_class = [biases[name][index] for name in names if biases[name]]
        for metrics in zip(*(bias.metrics for bias in by_class), strict=True):
            position = furthest_from_ideal(metrics)
            if position is None:
                continue
            name, metric = names[position], metrics[position].name
            (again,) = _facet_bias(tables[name][index], facet, stage, (metric,), level).metrics
            if again.value is not None:
                yield WorstClass(stage, facet.column, facet.text, metric, name, again.value, again.interval)


def _rows_of(counts: Counts, name: str) -> int:
    histogram = next(iter(counts.histograms.values()))
    return int(histogram.counts[histogram.along(1, sides_of_value(histogram.places[1], frozenset((name,)))) == 1].sum())


def _spellings(counts: Counts) -> dict[str, frozenset[str]]:
    """How predictions spell each class: as the label does, else as the same number or truth value."""
    names, predictions = counts.classes, counts.predictions
    spelt: dict[str, set[str]] = {name: {name} for name in names}
    by_number: dict[str, list[str]] = {}
    for name in names:
        by_number.setdefault(class_key(name), []).append(name)
    for place in predictions.places[2] if predictions is not None else ():
        meant = by_number.get(class_key(place), []) if isinstance(place, str) and place not in spelt else []
        if len(meant) == 1 and isinstance(place, str):
            spelt[meant[0]].add(place)
    return {name: frozenset(words) for name, words in spelt.items()}


# --- what the reader must know ----------------------------------------------------------------------------------------


def _too_many(label: Coding, distinct: int | None) -> Notice:
    many = "more values than are counted" if distinct is None else f"{distinct} different values"
    message = f"column '{label.column}' has {many}: classes are measured one by one up to {MOST_CLASSES}"
    return Notice("CLASSES-TOO-MANY", "label", message)


def _notices(
    plan: AnalysisPlan, data: PreparedData, counts: Counts, spelt: dict[str, frozenset[str]],
    scored: ScoredDataset | None,
) -> Iterator[Notice]:
    has_predictions = scored is not None or data.predicted_label is not None
    if plan.config.post_training_metrics and has_predictions and counts.predictions is None:
        message = (
            "the predictions name no classes, or more than can be counted: metrics of predicted labels are given for"
            " the positive outcome alone"
        )
        yield Notice("CLASSES-NO-PREDICTIONS", "predicted_label" if scored is None else "predictor", message)
    if counts.predictions is not None:
        yield from _unseen(counts.predictions, frozenset().union(*spelt.values()))


def _unseen(histogram: Histogram, known: frozenset[str]) -> Iterator[Notice]:
    strange: Sequence[Place] = [place for place in histogram.places[2] if place is not None and place not in known]
    if not strange:
        return
    at_one = histogram.along(2, {place: int(place in strange) for place in histogram.places[2]}) == 1
    rows, some = int(histogram.counts[at_one].sum()), ", ".join(repr(place) for place in strange[:5])
    message = f"{rows} rows are predicted as {some}, which no label is; they count against every class"
    yield Notice("CLASSES-UNSEEN", "predicted_label", message)
