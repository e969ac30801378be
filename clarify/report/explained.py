"""Global attributions as the report shows them: sizes with their errors, in the unit of the score, and what they cost.

The drawing shows mean absolute attributions without what errors of the rows add to them, whatever the configuration
aggregates by: that is what intervals and order refer to. The table below the drawing has what analysis.json holds.
"""

from __future__ import annotations

from dataclasses import dataclass

from clarify.report import numbers
from clarify.report.attribution_words import (
    effort_sentences,
    groups_sentence,
    is_certain,
    is_exact,
    stability_sentence,
    steadiness_warning,
)
from clarify.report.charts import AttributionGlyph, Tick, attribution_glyph, attribution_interval, attribution_ticks
from clarify.report.forest import nice_above
from clarify.report.names import Names
from clarify.report.words import Sentence
from clarify.results import (
    Aggregation,
    AnalysisResult,
    ExplanationSection,
    GlobalAttribution,
    Interval,
    OutputExplanation,
)

MOST_DRAWN = 10
MOST_OUTPUTS = 6
MOST_LISTED = 200
LISTED_DECIMALS = 6

AGGREGATIONS: dict[Aggregation, str] = {
    "mean_abs": "mean of absolute attributions",
    "median": "median of attributions",
    "mean_sq": "mean of squared attributions",
}
HEADINGS: dict[Aggregation, str] = {"mean_abs": "Mean absolute", "median": "Median", "mean_sq": "Mean square"}


@dataclass(frozen=True)
class Unit:
    """The unit attributions are printed in: percentage points for a probability, else the score's own unit."""

    name: str
    factor: float
    decimals: int

    def text(self, value: float) -> str:
        return numbers.decimal(value * self.factor, self.decimals)


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


@dataclass(frozen=True)
class ExplanationView:
    """All that the report shows of attributions."""

    outputs: tuple[OutputView, ...]
    warning: Sentence
    groups: Sentence
    effort: tuple[Sentence, ...]


def unit_of(result: AnalysisResult) -> Unit:
    """Percentage points when the model answers probabilities and the attributions are of that order."""
    section = result.explanations
    if section is not None and section.use_logit:
        return Unit("log-odds of the score", 1.0, 3)
    is_probability = result.model is not None and result.model.output == "probability"
    return Unit("percentage points of the score", 100.0, 1) if is_probability else Unit("units of the score", 1.0, 3)


def size_of(feature: GlobalAttribution) -> float:
    """Mean absolute attribution without what errors of the rows add to it; a size cannot lie below 0."""
    return max(feature.mean_abs - feature.mean_abs_excess, 0.0)


def strongest(output: OutputExplanation, *, most: int) -> tuple[GlobalAttribution, ...]:
    """Features by size, the order of the data deciding between equals."""
    return tuple(sorted(output.features, key=lambda f: f.mean_abs_excess - f.mean_abs)[:most])


def explanations_of(result: AnalysisResult, names: Names) -> ExplanationView | None:
    """The first outputs, each with its strongest features, and what they cost; None when nothing was explained."""
    if result.explanations is None:
        return None
    section, unit = result.explanations, unit_of(result)
    return ExplanationView(
        outputs=tuple(_output(output, section, unit, names) for output in section.outputs[:MOST_OUTPUTS]),
        warning=steadiness_warning(section),
        groups=groups_sentence(section, names),
        effort=effort_sentences(section),
    )


def _output(output: OutputExplanation, section: ExplanationSection, unit: Unit, names: Names) -> OutputView:
    drawn = strongest(output, most=MOST_DRAWN)
    intervals = [attribution_interval(feature) for feature in drawn]
    values = [size_of(feature) for feature in drawn]
    top = nice_above(unit.factor * max([*values, *(i.high for i in intervals if i is not None)], default=1.0))
    rows = tuple(
        _row(feature, interval, unit, top, names, opens=_opens(place, output, section))
        for place, (feature, interval) in enumerate(zip(drawn, intervals, strict=True))
    )
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
    )


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
