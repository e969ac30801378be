"""Global attributions as the report shows them: sizes with their errors, in the unit of the score, and what they cost.

The drawing shows mean absolute attributions without what errors of the rows add to them, whatever the configuration
aggregates by: that is what intervals and order refer to. The table below the drawing has what analysis.json holds.
"""

from __future__ import annotations

from dataclasses import dataclass

from clarify.report import numbers
from clarify.report.charts import AttributionGlyph, Tick, attribution_glyph, attribution_interval, attribution_ticks
from clarify.report.explanations.beeswarm import SwarmView, swarm_of
from clarify.report.explanations.by_facet import FacetChart, facet_charts
from clarify.report.explanations.selected_rows import RowChart, row_charts
from clarify.report.explanations.units import Unit, unit_of
from clarify.report.explanations.words import (
    effort_sentences,
    finding_sentence,
    groups_sentence,
    is_certain,
    is_exact,
    size_of,
    stability_sentence,
    steadiness_warning,
)
from clarify.report.forest import nice_above
from clarify.report.names import Names
from clarify.report.page_limits import DEFAULT, MOST_OUTPUTS, Limits, shared_by
from clarify.report.words import Sentence
from clarify.results import (
    Aggregation,
    AnalysisResult,
    ExplanationSection,
    GlobalAttribution,
    Interval,
    OutputExplanation,
)

__all__ = ["MOST_OUTPUTS", "explanations_of", "size_of", "strongest", "unit_of"]

MOST_DRAWN = 10
MOST_LISTED = 200
LISTED_DECIMALS = 6

AGGREGATIONS: dict[Aggregation, str] = {
    "mean_abs": "mean of absolute attributions",
    "median": "median of attributions",
    "mean_sq": "mean of squared attributions",
}
HEADINGS: dict[Aggregation, str] = {"mean_abs": "Mean absolute", "median": "Median", "mean_sq": "Mean square"}


@dataclass(frozen=True)
class FeatureRow:
    """One drawn feature; ``opens`` when the order is not certain from here on."""

    feature: str
    glyph: AttributionGlyph
    value: str
    interval: str
    opens: bool


@dataclass(frozen=True)
class Column:
    """A heading of the table of all values; ``is_published`` for what analysis.json holds."""

    heading: str
    is_published: bool = False


@dataclass(frozen=True)
class ListedFeature:
    """One feature in the closed table, in the score's own unit; cells follow ``OutputView.columns``."""

    feature: str
    cells: tuple[str, ...]


@dataclass(frozen=True)
class OutputView:
    """One model output."""

    label: str
    heading: str
    caption: str
    rest: str
    stability: Sentence
    rows: tuple[FeatureRow, ...]
    ticks: tuple[Tick, ...]
    columns: tuple[Column, ...]
    listed: tuple[ListedFeature, ...]
    n_features: int
    has_intervals: bool
    finding: Sentence
    swarm: SwarmView | None
    by_facet: tuple[FacetChart, ...]
    selected: tuple[RowChart, ...]
    rest_of_groups: str
    rest_of_rows: str


@dataclass(frozen=True)
class ExplanationView:
    """All that the report shows of attributions; ``has_rows`` when single rows or groups are drawn, not sizes alone."""

    outputs: tuple[OutputView, ...]
    warning: Sentence
    groups: Sentence
    effort: tuple[Sentence, ...]
    has_rows: bool


def strongest(output: OutputExplanation, *, most: int) -> tuple[GlobalAttribution, ...]:
    """Features by size, the order of the data deciding between equals."""
    return tuple(sorted(output.features, key=lambda f: f.mean_abs_excess - f.mean_abs)[:most])


def explanations_of(result: AnalysisResult, names: Names, limits: Limits = DEFAULT) -> ExplanationView | None:
    """The first outputs, each with its strongest features, and what they cost; None when nothing was explained."""
    if result.explanations is None:
        return None
    section, unit = result.explanations, unit_of(result)
    outputs = section.outputs[:MOST_OUTPUTS]
    each = shared_by(limits, len(outputs))
    views = tuple(_output(output, result, section, unit, names, each) for output in outputs)
    return ExplanationView(
        outputs=views,
        warning=steadiness_warning(section),
        groups=groups_sentence(section, names),
        effort=effort_sentences(section),
        has_rows=any(view.swarm or view.by_facet or view.selected for view in views),
    )


def _output(
    output: OutputExplanation, result: AnalysisResult, section: ExplanationSection, unit: Unit, names: Names,
    limits: Limits,
) -> OutputView:  # fmt: skip
    drawn = strongest(output, most=MOST_DRAWN)
    intervals = [attribution_interval(feature) for feature in drawn]
    values = [size_of(feature) for feature in drawn]
    top = nice_above(unit.factor * max([*values, *(i.high for i in intervals if i is not None)], default=1.0))
    rows = tuple(
        _row(feature, interval, unit, top, names, opens=_opens(place, output, section))
        for place, (feature, interval) in enumerate(zip(drawn, intervals, strict=True))
    )
    order = [feature.feature for feature in strongest(output, most=len(output.features))]
    by_facet = [found for found in section.by_facet if found.output == output.label]
    sample = next((found for found in section.samples if found.output == output.label), None)
    n_selected = sum(row.output == output.label for row in section.selected)
    return OutputView(
        label=names[output.label],
        heading="Average size of each feature's effect",
        caption=_caption(output, section.aggregation, unit, rows),
        rest=_rest(output, drawn, section, unit),
        stability=stability_sentence(output, section),
        rows=rows,
        ticks=attribution_ticks(top),
        columns=_columns(output, section.aggregation),
        listed=tuple(_listed(f, output, section.aggregation, names) for f in strongest(output, most=MOST_LISTED)),
        n_features=len(output.features),
        has_intervals=any(intervals),
        finding=finding_sentence(drawn, output, section, unit, names),
        swarm=swarm_of(sample, order, unit, names, limits=limits, seed=section.seed),
        by_facet=facet_charts(by_facet, order, unit, names, most=limits.facet_groups),
        selected=row_charts(result, output, unit, names, most=limits.selected_rows),
        rest_of_groups=_beyond(len(by_facet), limits.facet_groups, "groups"),
        rest_of_rows=_beyond(n_selected, limits.selected_rows, "selected rows"),
    )


def _beyond(n: int, most: int, what: str) -> str:
    return f"{most} of {n} {what} are drawn; all of them are in extended.json." if n > most else ""


def _opens(place: int, output: OutputExplanation, section: ExplanationSection) -> bool:
    is_divided = section.probe != "noisy" and not is_exact(output)
    return is_divided and place > 0 and output.certain_order == place


def _row(
    feature: GlobalAttribution, interval: Interval | None, unit: Unit, top: float, names: Names, *, opens: bool
) -> FeatureRow:
    scaled = None if interval is None else Interval(interval.low * unit.factor, interval.high * unit.factor)
    value = unit.factor * size_of(feature)
    limits = "" if scaled is None else numbers.interval(scaled, unit.decimals)
    shown = attribution_glyph(value, scaled, top)
    return FeatureRow(names[feature.feature], shown, numbers.decimal(value, unit.decimals), limits, opens)


def _caption(output: OutputExplanation, aggregation: Aggregation, unit: Unit, rows: tuple[FeatureRow, ...]) -> str:
    excess = any(feature.mean_abs_excess for feature in output.features)
    without = ", without what errors of single rows add to it" if excess else ""
    bars = "; bar: 95 % interval" if any(row.interval for row in rows) else ""
    line = "; dashed line: from here on the order is not certain" if any(row.opens for row in rows) else ""
    drawn = f"{unit.name[:1].upper()}{unit.name[1:]}, {AGGREGATIONS['mean_abs']}{without}{bars}{line}."
    return f"{drawn} {_published(aggregation, has_excess=excess)}"


def _published(aggregation: Aggregation, *, has_excess: bool) -> str:
    """Which number a reader of analysis.json finds there."""
    if aggregation != "mean_abs":
        return f"analysis.json holds another number, the {AGGREGATIONS[aggregation]}: see the table of all values."
    if has_excess:
        return "analysis.json holds the mean with it: see the table of all values."
    return "analysis.json holds the same mean, in units of the score."


def _rest(
    output: OutputExplanation, drawn: tuple[GlobalAttribution, ...], section: ExplanationSection, unit: Unit
) -> str:
    n_reported, n_rest = len(output.features), len(output.features) - len(drawn)
    asked = f" {n_reported} of {section.n_features} features are reported, as configured."
    others = asked if n_reported < section.n_features else ""
    if n_rest == 0:
        return others.strip()
    rest = unit.text(sum(map(size_of, output.features)) - sum(map(size_of, drawn)))
    about = "" if is_certain(output, section) else "about "
    adds = f"the other one has {about}{rest}" if n_rest == 1 else f"the other {n_rest} add up to {about}{rest}"
    return f"{len(drawn)} of {n_reported} features; {adds}.{others}"


def _kinds(aggregation: Aggregation) -> list[Aggregation]:
    """What analysis.json holds comes first, where a narrow page shows it without scrolling."""
    return sorted(HEADINGS, key=lambda kind: kind != aggregation)


def _columns(output: OutputExplanation, aggregation: Aggregation) -> tuple[Column, ...]:
    columns = []
    for kind in _kinds(aggregation):
        columns.append(Column(HEADINGS[kind], kind == aggregation))
        if kind == "mean_abs" and not is_exact(output):
            columns += [Column("Added by errors"), Column("95 % interval")]
    return tuple(columns)


def _listed(
    feature: GlobalAttribution, output: OutputExplanation, aggregation: Aggregation, names: Names
) -> ListedFeature:
    cells = []
    for kind in _kinds(aggregation):
        cells.append(numbers.decimal(feature.by(kind), LISTED_DECIMALS))
        if kind == "mean_abs" and not is_exact(output):
            interval = attribution_interval(feature)
            limits = "–" if interval is None else numbers.interval(interval, LISTED_DECIMALS)
            cells += [_excess_text(feature.mean_abs_excess), limits]
    return ListedFeature(names[feature.feature], tuple(cells))


def _excess_text(excess: float) -> str:
    """An excess below the last decimal is said to be small, not printed as nought."""
    smallest = 10.0**-LISTED_DECIMALS
    if 0 < excess < smallest:
        return f"under {smallest:.{LISTED_DECIMALS}f}"
    return numbers.decimal(excess, LISTED_DECIMALS)
