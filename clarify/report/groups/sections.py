"""One group of one facet in full: its counts, a card per recommended metric, a row for every other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from clarify.bias.catalog import BY_NAME
from clarify.report import numbers
from clarify.report.charts import DifferenceChart, ShareChart, difference_chart, kind_of, share_chart
from clarify.report.forest import Scale
from clarify.report.groups.listed_groups import FacetTable, facet_tables, other_value
from clarify.report.judged import Chip, chip_of, decision_sentence, detectable_words, edges_of, state_sentence
from clarify.report.names import LONGEST_DETAIL, Names, clean
from clarify.report.selection import Group, Measured, first_metrics, group_words, is_small, other_metrics
from clarify.report.words import NOT_SHOWN, OTHERS, Sentence, metric_sentence, name, say, some
from clarify.results import ColumnSummary, GroupCounts, MetricValue, VerdictSection

WHAT_IS_DRAWN = {
    "difference": "Difference", "balance": "Imbalance", "ratio": "Ratio of shares",
    "open": "Difference of ratios", "distance": "Distance, 0 is none",
}  # fmt: skip


@dataclass(frozen=True)
class KeyRow:
    """One side of a comparison with its counts in words; ``mark`` is d or a."""

    mark: str
    group: Sentence
    text: str


@dataclass(frozen=True)
class Card:
    """One metric in full: what it compares, its own scale, a sentence, and what it cannot show.

    ``key`` stands where there are no ``shares`` to draw: the counts that the metric compares; empty where it has none.
    ``is_short``: a small screen shows it closed; a VIOLATION is open everywhere.
    """

    anchor: str
    name: str
    acronym: str
    chip: Chip
    shares: ShareChart | None
    key: tuple[KeyRow, ...]
    difference: DifferenceChart
    what: str
    value: str
    interval: str
    sentence: Sentence
    cannot_show: str
    group: Sentence
    others: Sentence
    is_short: bool


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
class CountsColumn:
    """One count in the words of outcomes; ``acronym`` is what the literature calls it, or empty."""

    heading: str
    acronym: str
    counted: str


@dataclass(frozen=True)
class CountsRow:
    """One line of the counts table; cells follow ``GroupSection.columns``, ``mark`` is d, a or empty."""

    mark: str
    group: Sentence
    cells: tuple[str, ...]


@dataclass(frozen=True)
class GroupSection:
    """Everything about one group of one facet; ``listed`` stands before the first of three or more groups."""

    anchor: str
    group: Sentence
    others: Sentence
    columns: tuple[CountsColumn, ...]
    counts: tuple[CountsRow, ...]
    suppressed: str
    cards: tuple[Card, ...]
    more: tuple[MetricRow, ...]
    more_heading: str
    listed: FacetTable | None = None


@dataclass(frozen=True)
class _Place:
    """Who is compared on a card, and under which verdicts; ``others`` is empty for the other rows."""

    anchor: str
    group: Sentence
    others: Sentence
    verdicts: VerdictSection | None


def group_sections(
    groups: Sequence[Group],
    scales: dict[str, Scale],
    names: Names,
    verdicts: VerdictSection | None,
    *,
    most: int,
    columns: Sequence[ColumnSummary] = (),
) -> tuple[GroupSection, ...]:
    """The first ``most`` groups in full; the first of a facet with three or more listed values has their table.

    ``columns`` tell the other value of a facet of two integers.
    """
    tables = facet_tables(groups, names)
    sections = []
    for index, group in enumerate(groups[:most]):
        section = section_of(index, group, scales, names, verdicts, others=other_value(group, groups, names, columns))
        sections.append(replace(section, listed=tables.pop(group.facet, None)))
    return tuple(sections)


def section_of(
    index: int,
    group: Group,
    scales: dict[str, Scale],
    names: Names,
    verdicts: VerdictSection | None,
    *,
    others: Sentence = (),
) -> GroupSection:
    """One group in full; ``others`` names the facet's other value where there is only one."""
    place = _Place(f"g{index}", group_words(group, names), others, verdicts)
    columns, counts = _counts_table(group, place)
    return GroupSection(
        anchor=place.anchor,
        group=place.group,
        others=others or say(OTHERS),
        columns=columns,
        counts=counts,
        suppressed=_suppressed(group),
        cards=tuple(_card(m, scales[m.metric.name], place) for m in first_metrics(group)),
        more=tuple(_metric_row(m, place) for m in other_metrics(group)),
        more_heading=_more_heading(other_metrics(group), verdicts),
    )


def _more_heading(others: Sequence[Measured], verdicts: VerdictSection | None) -> str:
    what = some(len(others), "more metric", "more metrics")
    is_unranged = verdicts is not None and all(m.judgement is None for m in others)
    return f"{what} without an allowed range, so without a verdict" if is_unranged else what


def _card(measured: Measured, scale: Scale, place: _Place) -> Card:
    metric, chip = measured.metric, chip_of(measured.metric, measured.judgement)
    return Card(
        anchor=f"{place.anchor}-{metric.name}",
        name=BY_NAME[metric.name].title,
        acronym=metric.name,
        chip=chip,
        shares=share_chart(metric.name, measured.counts),
        key=_key(measured, place),
        difference=difference_chart(metric, scale, measured.judgement),
        what=WHAT_IS_DRAWN[kind_of(metric.name)],
        value=_value_text(measured),
        interval=_interval_text(measured),
        sentence=say(_in_words(measured, place), _no_range(measured, place)),
        cannot_show=BY_NAME[metric.name].blind_spot,
        group=place.group,
        others=place.others or say(OTHERS),
        is_short=chip.state != "violation",
    )


def _key(measured: Measured, place: _Place) -> tuple[KeyRow, ...]:
    """The counts behind a metric that compares no shares: rows of both groups, or both kinds of error in each."""
    counts = measured.counts
    if counts.a.fewer_than or counts.d.fewer_than:
        return ()
    sides = (("d", place.group, counts.d), ("a", place.others or say(OTHERS), counts.a))
    return tuple(KeyRow(mark, who, text) for mark, who, side in sides if (text := _counted(measured.metric, side)))


def _counted(metric: MetricValue, counts: GroupCounts) -> str:
    if metric.name == "CI":
        return some(counts.rows, "row", "rows")
    if metric.name == "TE":
        return (
            f"{some(counts.false_negatives, 'wrong rejection', 'wrong rejections')}, "
            f"{some(counts.false_positives, 'wrong acceptance', 'wrong acceptances')}"
        )
    if metric.name in ("DCA", "DCR"):
        return _labels_and_predictions(counts, positive=metric.name == "DCA")
    return ""


def _labels_and_predictions(counts: GroupCounts, *, positive: bool) -> str:
    right, missed = (
        (counts.true_positives, counts.false_negatives) if positive else (counts.true_negatives, counts.false_positives)
    )
    wrong = counts.false_positives if positive else counts.false_negatives
    word = "positive" if positive else "negative"
    labels = some(right + missed, f"{word} label", f"{word} labels")
    return f"{labels}, {numbers.count(right + wrong)} predicted {word}"


def _in_words(measured: Measured, place: _Place) -> Sentence:
    metric, judgement, counts = measured.metric, measured.judgement, measured.counts
    said = [metric_sentence(metric, counts, place.group, others=place.others, edges=edges_of(judgement))]
    if metric.value is not None and metric.detail:
        detail = clean(metric.detail, longest=LONGEST_DETAIL)
        said.append(say(name(detail[:1].upper() + detail[1:]), "."))
    said.append(state_sentence(metric, judgement))
    if judgement is not None and place.verdicts is not None:
        decided = decision_sentence(judgement, place.verdicts, beside_chart=True)
        said.append(say(decided, detectable_words(judgement, counts, others=place.others)))
    said.append(_small(measured, place))
    return say(*(say(" " if i else "", part) for i, part in enumerate(filter(None, said))))


def _no_range(measured: Measured, place: _Place) -> Sentence:
    """Said on a card; a table of metrics without a range says it once, and a page without a policy as well."""
    is_alone = place.verdicts is not None and measured.judgement is None and measured.metric.value is not None
    return say(" No allowed range was declared, so there is no verdict.") if is_alone else ()


def _small(measured: Measured, place: _Place) -> Sentence:
    smaller = min(measured.counts.d.rows, measured.counts.a.rows)
    if measured.metric.name != "CI" or not smaller or not is_small(measured.counts, place.verdicts):
        return ()
    return say(f"Every comparison for this group rests on {some(smaller, 'row', 'rows')}.")


def _metric_row(measured: Measured, place: _Place) -> MetricRow:
    metric = measured.metric
    return MetricRow(
        BY_NAME[metric.name].title,
        metric.name,
        _value_text(measured),
        _interval_text(measured),
        chip_of(metric, measured.judgement),
        _in_words(measured, place),
        BY_NAME[metric.name].blind_spot,
    )


def _value_text(measured: Measured) -> str:
    value, edges = measured.metric.value, edges_of(measured.judgement)
    return "" if value is None else numbers.decimal(value, numbers.decimals_apart(value, edges, numbers.CARD_DECIMALS))


def _interval_text(measured: Measured) -> str:
    interval = measured.metric.interval
    if interval is None:
        return ""
    limits = numbers.interval(interval, numbers.CARD_DECIMALS, edges=edges_of(measured.judgement))
    return f"{numbers.level(interval)} {limits}"


def _counts_table(group: Group, place: _Place) -> tuple[tuple[CountsColumn, ...], tuple[CountsRow, ...]]:
    counts = group.counts
    everyone = (counts.d, counts.a, counts.unknown)
    columns = _columns(everyone, group.has_predictions)
    rows = [
        CountsRow("d", place.group, _cells(counts.d, columns)),
        CountsRow("a", place.others or say(OTHERS), _cells(counts.a, columns)),
    ]
    if counts.unknown.rows or counts.unknown.fewer_than:
        rows.append(CountsRow("", say("facet unknown"), _cells(counts.unknown, columns)))
    return columns, tuple(rows)


def _columns(everyone: tuple[GroupCounts, ...], has_predictions: bool) -> tuple[CountsColumn, ...]:
    columns = [CountsColumn("Rows", "", "rows"), *(_CONFUSION if has_predictions else _LABELS)]
    if any(counts.unknown_labels for counts in everyone):
        columns.append(CountsColumn("Label unknown", "", "unknown_labels"))
    if has_predictions and any(counts.unknown_predictions for counts in everyone):
        columns.append(CountsColumn("Prediction unknown", "", "unknown_predictions"))
    return tuple(columns)


_LABELS = (
    CountsColumn("Positive label", "", "positive_labels"), CountsColumn("Negative label", "", "negative_labels"),
)  # fmt: skip
_CONFUSION = (
    CountsColumn("Positive label, predicted positive", "TP", "true_positives"),
    CountsColumn("Positive label, predicted negative", "FN", "false_negatives"),
    CountsColumn("Negative label, predicted positive", "FP", "false_positives"),
    CountsColumn("Negative label, predicted negative", "TN", "true_negatives"),
)


def _cells(counts: GroupCounts, columns: tuple[CountsColumn, ...]) -> tuple[str, ...]:
    if counts.fewer_than:
        return tuple(NOT_SHOWN for _ in columns)
    return tuple(numbers.count(getattr(counts, column.counted)) for column in columns)


def _suppressed(group: Group) -> str:
    """What is said under a table with cells that are not shown; empty without any.

    A cell is not said to be under the limit: the group beside a small one is held back with it, whatever its size.
    """
    least = max(side.fewer_than for side in (group.counts.a, group.counts.d, group.counts.unknown))
    if not least:
        return ""
    return f"Counts under {numbers.count(least)} are not shown, nor counts from which they could be worked out."
