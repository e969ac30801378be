"""One check in a few words: what is compared, of whom, how large it is, and what was allowed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from clarify.bias.catalog import BY_NAME
from clarify.report import numbers
from clarify.report.groups.rates import SHARES
from clarify.report.judged import allowed_text, edges_of
from clarify.report.names import Names
from clarify.report.selection import Group, Measured, group_words
from clarify.report.words import NOT_SHOWN, Sentence, name, points_range, say, strong
from clarify.results import Interval, Judgement, Verdict


@dataclass(frozen=True)
class Check:
    """One metric of one group with what was decided of it."""

    group: Group
    measured: Measured
    judgement: Judgement


def checks_found(groups: Sequence[Group], verdict: Verdict) -> list[Check]:
    """Every check with this verdict, in the order of the groups."""
    return [
        Check(group, m, m.judgement)
        for group in groups
        for m in group.measured
        if m.judgement is not None and m.judgement.verdict is verdict
    ]


def check_sentence(decision: str, check: Check, names: Names) -> Sentence:
    """``Outside the range you allow: Recall for sex = f, 0.40 (0.30 to 0.50); you allow −0.10 to 0.10.``"""
    return say(
        strong(decision), f": {BY_NAME[check.measured.metric.name].title} for ", group_words(check.group, names),
        f", {_value_and_interval(check)}; you allow {allowed_text(check.judgement)}.",
    )  # fmt: skip


def short_check(check: Check, groups: Sequence[Group], names: Names) -> Sentence:
    """``Accuracy, foreign_worker``."""
    return say(f"{BY_NAME[check.measured.metric.name].title}, ", short_group(check.group, groups, names))


def short_group(group: Group, groups: Sequence[Group], names: Names) -> Sentence:
    """The facet alone where it has one named group, for the forest beside it says which; else with its value."""
    is_only = sum(other.facet == group.facet for other in groups) == 1
    return say(name(names[group.facet])) if is_only else group_words(group, names)


def short_size(check: Check) -> Sentence:
    """``13 points (0 to 21)``; the value where no shares are compared, ``not shown`` where it is withheld."""
    metric, edges = check.measured.metric, edges_of(check.judgement)
    if metric.value is None or metric.name not in SHARES or BY_NAME[metric.name].kind != "difference":
        return say(_value_and_interval(check))
    gap = numbers.points_unit(numbers.points(metric.value, edges=edges))
    return say(strong(gap), short_limits(metric.value, metric.interval, edges))


def short_limits(value: float, interval: Interval | None, edges: tuple[float, ...] = ()) -> str:
    """`` (7 to 21)`` in points, turned with the gap."""
    if interval is None or math.isinf(interval.low) or math.isinf(interval.high):
        return ""
    return f" ({points_range(interval, -1 if value < 0 else 1, edges)})"


def _value_and_interval(check: Check) -> str:
    metric, edges = check.measured.metric, edges_of(check.judgement)
    if metric.value is None:
        return NOT_SHOWN if metric.is_withheld else "undefined"
    value = numbers.decimal(metric.value, numbers.decimals_apart(metric.value, edges))
    return value if metric.interval is None else f"{value} ({numbers.interval(metric.interval, edges=edges)})"
