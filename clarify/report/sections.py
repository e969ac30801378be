"""One group of one facet in full: its counts, a card per recommended metric, a row for every other."""

from __future__ import annotations

from dataclasses import dataclass

from clarify.bias.catalog import BY_NAME
from clarify.report import numbers
from clarify.report.charts import DifferenceChart, ShareChart, difference_chart, share_chart
from clarify.report.forest import Scale
from clarify.report.judged import Chip, chip_of, decision_sentence
from clarify.report.names import LONGEST_DETAIL, Names, clean
from clarify.report.selection import Group, Measured, first_metrics, group_words, other_metrics
from clarify.report.words import OTHERS, Sentence, metric_sentence, name, say
from clarify.results import GroupCounts, MetricValue, VerdictSection


@dataclass(frozen=True)
class Card:
    """One metric in full: what it compares, its own scale, a sentence, and what it cannot show."""

    anchor: str
    name: str
    acronym: str
    chip: Chip
    shares: ShareChart | None
    difference: DifferenceChart
    value: str
    interval: str
    sentence: Sentence
    cannot_show: str


@dataclass(frozen=True)
class MetricRow:
    """One metric in the closed table of a group."""

    name: str
    acronym: str
    value: str
    interval: str
    chip: Chip
    sentence: Sentence
    cannot_show: str


@dataclass(frozen=True)
class CountsRow:
    """One line of the counts table; cells follow ``GroupSection.columns``, ``mark`` is d, a or empty."""

    mark: str
    group: Sentence
    cells: tuple[str, ...]


@dataclass(frozen=True)
class GroupSection:
    """Everything about one group of one facet."""

    anchor: str
    group: Sentence
    columns: tuple[str, ...]
    counts: tuple[CountsRow, ...]
    cards: tuple[Card, ...]
    others: tuple[MetricRow, ...]


def section_of(
    index: int, group: Group, scales: dict[str, Scale], names: Names, verdicts: VerdictSection | None
) -> GroupSection:
    words = group_words(group, names)
    columns, counts = _counts_table(group, words)
    return GroupSection(
        anchor=f"g{index}",
        group=words,
        columns=columns,
        counts=counts,
        cards=tuple(_card(f"g{index}", m, scales[m.metric.name], words, verdicts) for m in first_metrics(group)),
        others=tuple(_metric_row(m, words, verdicts) for m in other_metrics(group)),
    )


def _card(
    anchor: str, measured: Measured, scale: Scale, group: Sentence, verdicts: VerdictSection | None
) -> Card:
    metric = measured.metric
    return Card(
        anchor=f"{anchor}-{metric.name}",
        name=BY_NAME[metric.name].title,
        acronym=metric.name,
        chip=chip_of(metric, measured.judgement),
        shares=share_chart(metric.name, measured.counts),
        difference=difference_chart(metric, scale, measured.judgement),
        value=_value_text(metric),
        interval=_interval_text(metric),
        sentence=_in_words(measured, group, verdicts),
        cannot_show=BY_NAME[metric.name].blind_spot,
    )


def _in_words(measured: Measured, group: Sentence, verdicts: VerdictSection | None) -> Sentence:
    said = metric_sentence(measured.metric, measured.counts, group)
    if measured.metric.value is not None and measured.metric.detail:
        detail = clean(measured.metric.detail, longest=LONGEST_DETAIL)
        said = say(said, " ", name(detail[:1].upper() + detail[1:]), ".")
    if measured.judgement is None or verdicts is None:
        return said
    return say(said, " ", decision_sentence(measured.judgement, verdicts))


def _metric_row(measured: Measured, group: Sentence, verdicts: VerdictSection | None) -> MetricRow:
    metric = measured.metric
    return MetricRow(
        BY_NAME[metric.name].title,
        metric.name,
        _value_text(metric),
        _interval_text(metric),
        chip_of(metric, measured.judgement),
        _in_words(measured, group, verdicts),
        BY_NAME[metric.name].blind_spot,
    )


def _value_text(metric: MetricValue) -> str:
    return "" if metric.value is None else numbers.decimal(metric.value, numbers.CARD_DECIMALS)


def _interval_text(metric: MetricValue) -> str:
    if metric.interval is None:
        return ""
    limits = numbers.interval(metric.interval, numbers.CARD_DECIMALS)
    return f"{numbers.level(metric.interval)} {limits}"


def _counts_table(group: Group, words: Sentence) -> tuple[tuple[str, ...], tuple[CountsRow, ...]]:
    counts = group.counts
    everyone = (counts.d, counts.a, counts.unknown)
    columns = _columns(everyone, group.has_predictions)
    rows = [
        CountsRow("d", words, _cells(counts.d, columns)),
        CountsRow("a", say(OTHERS), _cells(counts.a, columns)),
    ]
    if counts.unknown.rows:
        rows.append(CountsRow("", say("facet unknown"), _cells(counts.unknown, columns)))
    return tuple(heading for heading, _ in columns), tuple(rows)


Column = tuple[str, str]


def _columns(everyone: tuple[GroupCounts, ...], has_predictions: bool) -> tuple[Column, ...]:
    if not has_predictions:
        columns = [("Rows", "rows"), ("Positive label", "positive_labels"), ("Negative label", "negative_labels")]
    else:
        columns = [
            ("Rows", "rows"),
            ("Positive label, predicted positive", "true_positives"),
            ("Positive label, predicted negative", "false_negatives"),
            ("Negative label, predicted positive", "false_positives"),
            ("Negative label, predicted negative", "true_negatives"),
        ]
    if any(counts.unknown_labels for counts in everyone):
        columns.append(("Label unknown", "unknown_labels"))
    if has_predictions and any(counts.unknown_predictions for counts in everyone):
        columns.append(("Prediction unknown", "unknown_predictions"))
    return tuple(columns)


def _cells(counts: GroupCounts, columns: tuple[Column, ...]) -> tuple[str, ...]:
    return tuple(numbers.count(getattr(counts, attribute)) for _, attribute in columns)
