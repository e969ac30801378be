"""Global attributions as the report shows them: the strongest features of each output, in the unit of the score."""

from __future__ import annotations

from dataclasses import dataclass

from clarify.report import numbers
from clarify.report.charts import AttributionGlyph, Tick, attribution_glyph, attribution_interval, attribution_ticks
from clarify.report.forest import nice_above
from clarify.report.names import Names
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

AGGREGATIONS: dict[Aggregation, str] = {
    "mean_abs": "mean of absolute attributions",
    "median": "median of attributions",
    "mean_sq": "mean of squared attributions",
}


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
    """One drawn feature."""

    feature: str
    glyph: AttributionGlyph
    value: str
    interval: str


@dataclass(frozen=True)
class ListedFeature:
    """One feature in the closed table, in the score's own unit."""

    feature: str
    mean_abs: str
    standard_error: str
    median: str
    mean_sq: str
    exact: str


@dataclass(frozen=True)
class OutputView:
    """One model output."""

    label: str
    heading: str
    caption: str
    rest: str
    rows: tuple[FeatureRow, ...]
    ticks: tuple[Tick, ...]
    listed: tuple[ListedFeature, ...]
    n_features: int
    has_intervals: bool


def unit_of(result: AnalysisResult) -> Unit:
    """Percentage points when the model answers probabilities and the attributions are of that order."""
    section = result.explanations
    if section is not None and section.use_logit:
        return Unit("log-odds of the score", 1.0, 3)
    is_probability = result.model is not None and result.model.output == "probability"
    if section is not None and section.aggregation == "mean_sq":
        return Unit("squared units of the score", 1.0, 4)
    return Unit("percentage points of the score", 100.0, 1) if is_probability else Unit("units of the score", 1.0, 3)


def strongest(output: OutputExplanation, aggregation: Aggregation, *, most: int) -> tuple[GlobalAttribution, ...]:
    """Features by size, the order of the data deciding between equals."""
    return tuple(sorted(output.features, key=lambda feature: -abs(feature.by(aggregation)))[:most])


def explanations_of(result: AnalysisResult, names: Names) -> tuple[OutputView, ...]:
    """The first outputs, each with its strongest features; empty when nothing was explained."""
    if result.explanations is None:
        return ()
    section, unit = result.explanations, unit_of(result)
    return tuple(_output(output, section, unit, names) for output in section.outputs[:MOST_OUTPUTS])


def _output(output: OutputExplanation, section: ExplanationSection, unit: Unit, names: Names) -> OutputView:
    drawn = strongest(output, section.aggregation, most=MOST_DRAWN)
    intervals = [_interval(feature, section.aggregation) for feature in drawn]
    values = [feature.by(section.aggregation) for feature in drawn]
    top = nice_above(unit.factor * max([*values, *(i.high for i in intervals if i is not None)], default=1.0))
    bars = "; bar: 95 % interval" if any(intervals) else ""
    return OutputView(
        label=names[output.label],
        heading="Average size of each feature's effect",
        caption=f"{unit.name[:1].upper()}{unit.name[1:]}, {AGGREGATIONS[section.aggregation]}{bars}.",
        rest=_rest(output, drawn, section.aggregation, unit),
        rows=tuple(_row(f, i, section.aggregation, unit, top, names) for f, i in zip(drawn, intervals, strict=True)),
        ticks=attribution_ticks(top),
        listed=tuple(_listed(f, names) for f in strongest(output, section.aggregation, most=MOST_LISTED)),
        n_features=len(output.features),
        has_intervals=any(intervals),
    )


def _interval(feature: GlobalAttribution, aggregation: Aggregation) -> Interval | None:
    return attribution_interval(feature) if aggregation == "mean_abs" else None


def _row(
    feature: GlobalAttribution,
    interval: Interval | None,
    aggregation: Aggregation,
    unit: Unit,
    top: float,
    names: Names,
) -> FeatureRow:
    scaled = None if interval is None else Interval(interval.low * unit.factor, interval.high * unit.factor)
    value = unit.factor * feature.by(aggregation)
    limits = "" if scaled is None else numbers.interval(scaled, unit.decimals)
    shown = attribution_glyph(value, scaled, top)
    return FeatureRow(names[feature.feature], shown, numbers.decimal(value, unit.decimals), limits)


def _rest(
    output: OutputExplanation, drawn: tuple[GlobalAttribution, ...], aggregation: Aggregation, unit: Unit
) -> str:
    n_rest = len(output.features) - len(drawn)
    if n_rest == 0:
        return ""
    if aggregation != "mean_abs":
        return f"{len(drawn)} of {len(output.features)} features."
    rest = sum(feature.mean_abs for feature in output.features) - sum(feature.mean_abs for feature in drawn)
    others = "the other one moves" if n_rest == 1 else f"the other {n_rest} together move"
    return f"{len(drawn)} of {len(output.features)} features; {others} the score by {unit.text(max(rest, 0.0))}."


def _listed(feature: GlobalAttribution, names: Names) -> ListedFeature:
    error = "" if feature.standard_error is None else numbers.decimal(feature.standard_error, 6)
    return ListedFeature(
        names[feature.feature],
        numbers.decimal(feature.mean_abs, 6),
        error,
        numbers.decimal(feature.median, 6),
        numbers.decimal(feature.mean_sq, 6),
        "yes" if feature.exact else "no",
    )
