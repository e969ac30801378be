"""What a monitor's record holds, as tables of cleaned text: series, features, outputs, checks, rows left out."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from clarify.bias.catalog import BY_NAME
from clarify.records import (
    BiasDrift,
    ConstraintViolation,
    DataQuality,
    FeatureDrift,
    ModelQuality,
    OutputDrift,
    QualityMetric,
    Rule,
    RuleFinding,
    SeriesDrift,
    Status,
    WindowCounts,
)
from clarify.report import numbers
from clarify.report.forest import coordinate
from clarify.report.judged import OF_VERDICT, Chip
from clarify.report.names import LONGEST_DETAIL, clean
from clarify.report.words import REASONS, Sentence, name, named_group, say, some
from clarify.results import Interval, Reason

MOST_ROWS = 200
METER_WIDTH = 48
RULES: tuple[Rule, ...] = ("decision", "bootstrap_overlap", "sagemaker")

OF_STATUS: dict[Status, Chip] = {
    **{Status(verdict.value): chip for verdict, chip in OF_VERDICT.items()},
    Status.ERROR: Chip("error", "ERROR"),
}
NO_VERDICT = Chip("norange", "NO RANGE")
ORDER: tuple[Status, ...] = (Status.ERROR, Status.VIOLATION, Status.INCONCLUSIVE, Status.PASS)


@dataclass(frozen=True)
class Said:
    """What one rule says, and why where it cannot decide."""

    rule: str
    chip: Chip
    why: str


@dataclass(frozen=True)
class Cell:
    """One cell: words, a number, what one rule or all of them say, or a meter from 0 to 1."""

    kind: Literal["words", "number", "chip", "meter", "rules"]
    words: Sentence = ()
    text: str = ""
    chip: Chip | None = None
    path: str = ""
    full: bool = False
    note: str = ""                        # a second, smaller line
    rules: tuple[Said, ...] = ()


@dataclass(frozen=True)
class Column:
    title: str
    is_number: bool = False


@dataclass(frozen=True)
class Row:
    what: Sentence
    cells: tuple[Cell, ...]


@dataclass(frozen=True)
class Table:
    """A table with its caption; ``note`` says how many rows did not fit."""

    caption: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    note: str = ""


def table_of(caption: str, columns: Sequence[str], rows: Iterable[Row], *, numeric: Sequence[str] = ()) -> Table:
    """At most 200 rows; all others are in the record."""
    every = tuple(rows)
    note = f"{MOST_ROWS} of {numbers.count(len(every))} rows shown; all of them are in record.json."
    titles = tuple(Column(title, title in numeric) for title in columns)
    return Table(caption, titles, every[:MOST_ROWS], note if len(every) > MOST_ROWS else "")


def number(value: float | None, decimals: int = numbers.CARD_DECIMALS) -> Cell:
    """A dash for what is not there."""
    return Cell("number", text="–" if value is None else numbers.decimal(value, decimals))


def between(found: Interval | None) -> Cell:
    return Cell("number", text="–" if found is None else numbers.interval(found, numbers.CARD_DECIMALS))


def limits(low: float | None, high: float | None) -> Cell:
    if low is None and high is None:
        return Cell("number", text="–")
    return between(Interval(-math.inf if low is None else low, math.inf if high is None else high))


def meter(evidence: float) -> Cell:
    """A bar from 0 to 1; at 1 it is an alarm."""
    share = min(max(evidence, 0.0), 1.0)
    path = f"M0 0H{coordinate(share * METER_WIDTH)}V10H0z" if share > 0 else ""
    return Cell("meter", text=numbers.decimal(share), path=path, full=evidence >= 1)


def text(words: str | Sentence) -> Cell:
    return Cell("words", words=say(words) if isinstance(words, str) else words)


def outside_name(raw: str, *, longest: int = LONGEST_DETAIL) -> Cell:
    return Cell("words", words=say(name(clean(raw, longest=longest))))


def p_value(p: float | None) -> Cell:
    if p is None:
        return Cell("number", text="–")
    return Cell("number", text="under 0.001" if p < 0.001 else f"{p:.3f}")


def finding(findings: Sequence[RuleFinding], rule: Rule, *, with_text: bool = False) -> Cell:
    """What one rule says, and why where it cannot decide."""
    found = next((one for one in findings if one.rule == rule), None)
    if found is None:
        return Cell("chip")
    why = why_of(found)
    said = clean(found.text, longest=LONGEST_DETAIL) if with_text and found.text else ""
    return Cell("chip", chip=OF_STATUS[found.status], text="; ".join(part for part in (why, said) if part))


def status_of(findings: Sequence[RuleFinding], rule: Rule) -> Status | None:
    return next((one.status for one in findings if one.rule == rule), None)


# --- bias -------------------------------------------------------------------------------------------------------------


def series_words(series: SeriesDrift) -> Sentence:
    """``Difference in positive predictions (DPPL), sex = 2``."""
    known = BY_NAME.get(series.metric)
    metric = say(known.title, f" ({series.metric})") if known else say(name(clean(series.metric)))
    return say(metric, ", ", named_group(clean(series.facet), clean(series.value_or_threshold)))


def by_urgency(series: Iterable[SeriesDrift], rule: Rule) -> list[SeriesDrift]:
    """Violations first, then what has most evidence against it; what has nothing to be held to comes last."""
    def rank(one: SeriesDrift) -> tuple[int, float]:
        status = status_of(one.findings, rule) if is_judged(one, rule) else None
        return (ORDER.index(status) if status is not None else len(ORDER)), -one.evidence

    return sorted(series, key=rank)


def is_judged(series: SeriesDrift, rule: Rule) -> bool:
    """Whether a rule has anything to hold the series to."""
    return any(one.rule == rule and one.reason is not Reason.NO_REFERENCE for one in series.findings)


def chip_of(series: SeriesDrift, rule: Rule) -> Chip:
    """What one rule says of a series; NO RANGE where it has nothing to hold it to."""
    status = status_of(series.findings, rule)
    return OF_STATUS[status] if status is not None and is_judged(series, rule) else NO_VERDICT


def bias_table(drift: BiasDrift) -> Table:
    """One row a series: now, then, allowed, evidence, the recent windows together, and what every rule says."""
    columns = ("Series", "Value", "Reference", "Allowed", "Evidence", "Windows together", "What the rules say")
    rows = (Row(series_words(one), _series_cells(one)) for one in by_urgency(drift.series, drift.rule))
    return table_of("Every series of the window, the most urgent first", columns, rows, numeric=columns[1:6])


def _series_cells(series: SeriesDrift) -> tuple[Cell, ...]:
    value, pooled = number(series.value), between(series.pooled)
    if series.interval is not None:
        value = Cell("number", text=value.text, note=between(series.interval).text)
    if series.pooled is not None:
        windows = some(series.pooled_windows, "window", "windows")
        pooled = Cell("number", text=pooled.text, note=f"{windows}, {some(series.pooled_rows, 'row', 'rows')}")
    reference = series.reference.value if series.reference is not None else None
    return (
        value, number(reference), limits(series.low, series.high), meter(series.evidence), pooled,
        Cell("rules", rules=tuple(_said(one) for rule in RULES for one in series.findings if one.rule == rule)),
    )  # fmt: skip


def _said(found: RuleFinding) -> Said:
    return Said(found.rule, OF_STATUS[found.status], why_of(found))


def why_of(found: RuleFinding) -> str:
    """The reason of a rule that cannot decide."""
    undecided = found.status in (Status.INCONCLUSIVE, Status.ERROR)
    return REASONS[found.reason] if undecided and found.reason is not None else ""


# --- attribution ------------------------------------------------------------------------------------------------------


def output_table(output: OutputDrift) -> Table:
    """The measures of one output: how far, from which value on it counts, and how often chance goes as far."""
    calibrated = number(output.ndcg_threshold).text
    rows = (
        Row(say("Order of the features (nDCG)"), (
            number(output.ndcg), Cell("number", text=f"0.90 fixed, {calibrated} calibrated"), p_value(output.p_ndcg))),
        Row(say("Distance between the shares"), (
            number(output.share_distance), number(output.share_threshold), p_value(output.p_share))),
        Row(say("Largest change of one feature"), (
            Cell("number", text=_largest(output.features)), Cell("number", text="–"),
            p_value(_smallest(output.features)))),
        Row(say("All attributions together, now over then"), (
            number(output.scale), Cell("number", text="–"), Cell("number", text="–"))),
    )  # fmt: skip
    columns = ("Measure", "Now", "Threshold", "p")
    return table_of("Three tests of one output, and its scale", columns, rows, numeric=columns[1:])


def _smallest(features: Sequence[FeatureDrift]) -> float | None:
    return min((feature.p for feature in features if feature.p is not None), default=None)


def _largest(features: Sequence[FeatureDrift]) -> str:
    """Shares then and now of the feature that speaks loudest."""
    p = _smallest(features)
    largest = next((feature for feature in features if p is not None and feature.p == p), None)
    return "–" if largest is None else f"{numbers.percent(largest.reference_share)} to {numbers.percent(largest.share)}"


def feature_table(output: OutputDrift) -> Table:
    """Each feature's share of the explanation, then and now."""
    columns = ("Feature", "Share then", "Share now", "Now over then", "95 % interval", "p", "Counts")
    ordered = sorted(output.features, key=lambda feature: -max(feature.share, feature.reference_share))
    rows = (
        Row(say(name(clean(one.feature))), (
            Cell("number", text=numbers.percent(one.reference_share)), Cell("number", text=numbers.percent(one.share)),
            number(one.ratio), between(one.ratio_interval), p_value(one.p),
            text("large enough to count" if one.material else "too small to count"),
        ))
        for one in ordered
    )  # fmt: skip
    return table_of("Features, the largest share first", columns, rows, numeric=columns[1:6])


# --- quality ----------------------------------------------------------------------------------------------------------


def violations_table(violations: Sequence[ConstraintViolation]) -> Table:
    rows = (
        Row(say(name(clean(one.subject))), (outside_name(one.check), outside_name(one.description)))
        for one in violations
    )
    return table_of("Violations of constraints", ("Of", "Check", "In the service's words"), rows)


def distances_table(quality: DataQuality) -> Table:
    columns = ("Feature", "Distance", "Threshold", "p", "Differs most in", "decision", "sagemaker")
    rows = (
        Row(say(name(clean(one.feature))), (
            number(one.ks if one.tested == "ks" else one.tvd), number(one.threshold), p_value(one.p),
            outside_name(one.largest_gap, longest=60), finding(one.findings, "decision"),
            finding(one.findings, "sagemaker"),
        ))
        for one in sorted(quality.distances, key=lambda one: -(one.ks if one.tested == "ks" else one.tvd))
    )  # fmt: skip
    caption = "Distance from the reference: of numbers the largest gap of cumulative shares, of others the TVD"
    return table_of(caption, columns, rows, numeric=columns[1:4])


def shares_table(quality: DataQuality) -> Table:
    columns = ("Feature and check", "Meet it", "Must", "Met it then", "Values", "p", "decision", "sagemaker")
    rows = (
        Row(say(name(clean(one.feature)), ", ", name(clean(one.check.replace("_", " ")))), (
            _share(one.observed), _share(one.required), _share(one.reference),
            Cell("number", text=numbers.count(one.rows)), p_value(one.p), finding(one.findings, "decision"),
            finding(one.findings, "sagemaker"),
        ))
        for one in quality.shares
    )  # fmt: skip
    return table_of("Constraints that some values do not meet", columns, rows, numeric=columns[1:6])


def _share(share: float | None) -> Cell:
    return Cell("number", text="–" if share is None else numbers.percent(share))


def quality_table(quality: ModelQuality) -> Table:
    """Every metric, overall and by group; those that a rule calls a violation first."""
    columns = ("Metric", "Value", "95 % interval", "Deviation of draws", "Must not be", "decision", "sagemaker")
    ordered = sorted(quality.metrics, key=lambda metric: _rank(metric, quality.rule))
    rows = (Row(_metric_words(metric), _metric_cells(metric)) for metric in ordered)
    caption = "Metrics of the model's quality; those of all rows together have no group"
    return table_of(caption, columns, rows, numeric=columns[1:5])


def _rank(metric: QualityMetric, rule: Rule) -> int:
    status = status_of(metric.findings, rule)
    return len(ORDER) if status is None else ORDER.index(status)


def _metric_words(metric: QualityMetric) -> Sentence:
    spelt = name(clean(metric.metric.replace("_", " ")))
    return say(spelt, ", ", name(clean(metric.group))) if metric.group else say(spelt)


def _metric_cells(metric: QualityMetric) -> tuple[Cell, ...]:
    value = number(metric.value)
    if metric.value is None and metric.undefined_because is not None:
        value = text(f"undefined: {REASONS[metric.undefined_because]}")
    allowed = "–"
    if metric.threshold is not None:
        side = "below" if metric.operator == "LessThanThreshold" else "above"
        allowed = f"{side} {numbers.decimal(metric.threshold, numbers.CARD_DECIMALS)}"
    return (
        value, between(metric.interval), number(metric.standard_deviation, 4), Cell("number", text=allowed),
        finding(metric.findings, "decision", with_text=True), finding(metric.findings, "sagemaker"),
    )  # fmt: skip


# --- rows -------------------------------------------------------------------------------------------------------------

_LEFT_OUT: tuple[tuple[str, Callable[[WindowCounts], int]], ...] = (
    ("rows before or after the window", lambda counts: counts.outside),
    ("rows whose time cannot be read", lambda counts: counts.undated),
    ("rows dated after the run", lambda counts: counts.future),
    ("lines that are no record", lambda counts: counts.unreadable),
    ("rows of an event that was there already", lambda counts: counts.duplicates),
    ("rows whose label has not come", lambda counts: counts.unlabelled),
    ("labels of no row of the window", lambda counts: counts.orphan_labels),
    ("labels of an event that had one already", lambda counts: counts.duplicate_labels),
    ("labels that came too late", lambda counts: counts.late_labels),
)


def left_out(counts: WindowCounts) -> tuple[tuple[str, int], ...]:
    """What was left out of the window and how much of it, by reason; every reason, also with nothing."""
    return tuple((what, count(counts)) for what, count in _LEFT_OUT)


def left_out_table(counts: WindowCounts) -> Table:
    rows = (Row(say(what), (Cell("number", text=numbers.count(count)),)) for what, count in left_out(counts))
    return table_of("Left out of the window, by reason", ("What", "How many"), rows, numeric=("How many",))

