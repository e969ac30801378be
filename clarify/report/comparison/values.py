"""Every difference of a comparison in three decimals and in words."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from clarify.bias.catalog import BY_NAME
from clarify.compared import Comparison, MetricDifference
from clarify.report import numbers
from clarify.report.comparison.cells import anchor, chip_of, compared, difference_text, interval_text, value_text
from clarify.report.comparison.words import decision_sentence, difference_sentence, group_pairs_sentence
from clarify.report.judged import Chip
from clarify.report.names import Names
from clarify.report.words import Sentence, named_group, say

MOST_TABLE_ROWS = 300


@dataclass(frozen=True)
class ValueRow:
    """One difference in the table of values, in three decimals and in words."""

    anchor: str
    name: str
    acronym: str
    champion: str
    challenger: str
    difference: str
    interval: str
    sentence: Sentence
    decision: Sentence
    cannot_show: str
    chip: Chip


@dataclass(frozen=True)
class ValueGroup:
    """All differences of one group."""

    heading: Sentence
    pairs: Sentence
    rows: tuple[ValueRow, ...]


def value_groups(comparison: Comparison, names: Names) -> Iterator[ValueGroup]:
    """Every group with its differences, up to ``MOST_TABLE_ROWS`` of them."""
    left = MOST_TABLE_ROWS
    for i, group in enumerate(comparison.groups):
        who = named_group(names[group.facet], names[group.value_or_threshold])
        measured = [metric for metric in group.metrics if metric.difference is not None][:left]
        left -= len(measured)
        if measured:
            rows = tuple(_value_row(i, metric, who, comparison.tests) for metric in measured)
            yield ValueGroup(say(who, " against the other rows"), group_pairs_sentence(group), rows)


def _value_row(group: int, metric: MetricDifference, who: Sentence, tests: int) -> ValueRow:
    decimals = numbers.CARD_DECIMALS
    return ValueRow(
        anchor=anchor(group, metric),
        name=BY_NAME[metric.metric].title,
        acronym=metric.metric,
        champion=value_text(metric.champion, decimals),
        challenger=value_text(metric.challenger, decimals),
        difference=difference_text(metric, decimals),
        interval=interval_text(metric, decimals),
        sentence=difference_sentence(metric, who),
        decision=decision_sentence(metric, tests),
        cannot_show=BY_NAME[metric.metric].blind_spot,
        chip=chip_of(metric),
    )


def values_note(comparison: Comparison) -> str:
    """How many are shown of how many; empty when all are."""
    total = sum(1 for _ in compared(comparison))
    if total <= MOST_TABLE_ROWS:
        return ""
    return f"{MOST_TABLE_ROWS} of {numbers.count(total)} differences shown; all of them are in comparison.json."
