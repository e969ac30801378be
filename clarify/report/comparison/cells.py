"""One difference between two models in cells: its numbers, its chip, its place in the order of urgency."""

from __future__ import annotations

from collections.abc import Iterator

from clarify.compared import Comparison, MetricDifference, NotCompared
from clarify.report import numbers
from clarify.report.judged import NO_RANGE, OF_VERDICT, ORDER, Chip

Placed = tuple[int, int]
"""A group and a metric of it, by position."""


def compared(comparison: Comparison) -> Iterator[tuple[Placed, MetricDifference]]:
    """Every metric with a difference, and where it stands."""
    for i, group in enumerate(comparison.groups):
        for j, metric in enumerate(group.metrics):
            if metric.difference is not None:
                yield (i, j), metric


def told(comparison: Comparison) -> Iterator[tuple[Placed, MetricDifference]]:
    """Every metric with a difference or with a verdict whose difference is withheld."""
    for i, group in enumerate(comparison.groups):
        for j, metric in enumerate(group.metrics):
            is_withheld = metric.not_compared is NotCompared.WITHHELD and metric.verdict is not None
            if metric.difference is not None or is_withheld:
                yield (i, j), metric


def urgency(metric: MetricDifference) -> tuple[int, float]:
    """VIOLATION, INCONCLUSIVE, PASS, no range; inside each the interval that lies furthest from no change."""
    order = len(ORDER) if metric.verdict is None else ORDER.index(metric.verdict)
    interval = metric.interval
    return order, 0.0 if interval is None else -max(interval.low, -interval.high, 0.0)


def anchor(group: int, metric: MetricDifference) -> str:
    """Where a row of the forest leads: the same difference among the values."""
    return f"g{group}-{metric.metric}"


def chip_of(metric: MetricDifference) -> Chip:
    """The verdict, or that no range was declared."""
    return NO_RANGE if metric.verdict is None else OF_VERDICT[metric.verdict]


def edges_of(metric: MetricDifference) -> tuple[float, ...]:
    """The ends of the declared band, which no rounding may cross."""
    found = metric.evidence
    return () if found is None else tuple(edge for edge in (found.low, found.high) if edge is not None)


def difference_text(metric: MetricDifference, decimals: int) -> str:
    """``+0.03``; with more decimals where fewer would put it on the other side of the band."""
    if metric.difference is None:
        return ""
    text = numbers.decimal(metric.difference, numbers.decimals_apart(metric.difference, edges_of(metric), decimals))
    return f"+{text}" if metric.difference > 0 else text


def interval_text(metric: MetricDifference, decimals: int) -> str:
    """``0.01 to 0.05``, empty without an interval."""
    return "" if metric.interval is None else numbers.interval(metric.interval, decimals, edges=edges_of(metric))


def value_text(value: float | None, decimals: int) -> str:
    """A run's own value, a dash where it has none."""
    return "–" if value is None else numbers.decimal(value, decimals)
