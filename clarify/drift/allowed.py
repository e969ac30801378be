"""The values that a series may take: those of the policy as they are, else what the reference is known to."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from clarify.bias.catalog import Metric
from clarify.config.ranges import DISTANCES, AllowedRange
from clarify.drift.constraints import ReferenceSeries
from clarify.drift.sagemaker import number_of
from clarify.results import Interval


@dataclass(frozen=True)
class SeriesRange:
    """The values ``[low, high]`` of one series, None for a side without a limit, and where they come from.

    ``half_width``: of what the reference is known to; None for a range of the policy, and where that is infinite.
    ``tolerance``: added to it. ``reach``: how far beyond an edge a change has to go to be planned for.
    """

    low: float | None
    high: float | None
    source: Literal["reference", "policy"]
    half_width: float | None = None
    tolerance: float = 0.0
    reach: float | None = None

    @property
    def blind_zone(self) -> float | None:
        """A smaller change hides in the noise of the reference and in the tolerance; the policy has no such noise."""
        return None if self.half_width is None else self.half_width + self.tolerance

    @property
    def is_blind(self) -> bool:
        """The noise of the reference is larger than the change that was declared to be tolerable."""
        return self.source == "reference" and (self.half_width is None or self.tolerance < self.half_width)

    def holds(self, interval: Interval) -> bool:
        """Whether an interval lies inside; one that touches an edge does not."""
        return (self.low is None or interval.low > self.low) and (self.high is None or interval.high < self.high)

    def misses(self, interval: Interval) -> bool:
        """Whether an interval lies outside; one that touches an edge does not."""
        return (self.low is not None and interval.high < self.low) or (
            self.high is not None and interval.low > self.high
        )

    def __str__(self) -> str:
        if self.low is not None and self.high is not None:
            return f"[{self.low:.4g}, {self.high:.4g}] of the {self.source}"
        side = f"at most {self.high:.4g}" if self.low is None else f"at least {self.low:.4g}"
        return f"the range of the {self.source}, {side}"


def decision_range(
    metric: Metric, reference: ReferenceSeries | None, declared: AllowedRange | None, *, tolerance: float
) -> SeriesRange | None:
    """The range of the rule ``decision``; None when there is none, or none that the metric can leave.

    Of the policy: taken as it is. Of the reference: its 99 % interval, and ``tolerance`` to either side. A side that
    no value of the metric lies beyond has no limit; a distance has an upper limit only.
    """
    if declared is not None:
        low, high = _within_scale(metric, declared.low, declared.high)
        return _unless_open(SeriesRange(low, high, "policy", reach=_reach(metric, low, high)))
    interval = None if reference is None else reference.interval
    if interval is None:
        return None
    low, high = _within_scale(metric, _finite(interval.low - tolerance), _finite(interval.high + tolerance))
    half = _finite(half_width(metric, interval, None if reference is None else reference.value))
    reach = None if half is None else half + tolerance
    return _unless_open(SeriesRange(low, high, "reference", half, tolerance, reach))


def paper_range(
    metric: Metric, reference: ReferenceSeries | None, declared: AllowedRange | None
) -> SeriesRange | None:
    """The range of the rule ``bootstrap_overlap``: the policy's, else no farther from the ideal than the reference.

    For a difference, a distance and an index that is ``abs(value) <= abs(reference)``; for DI, whose ideal is 1, all
    between the reference and its inverse. None where the reference has no finite value, or a DI of 0.
    """
    if declared is not None:
        return _unless_open(SeriesRange(*_within_scale(metric, declared.low, declared.high), "policy"))
    value = None if reference is None else reference.value
    value = number_of(reference.aws) if value is None and reference is not None else value
    if value is None or math.isinf(value):
        return None
    if metric.kind != "ratio":
        return _unless_open(SeriesRange(*_within_scale(metric, -abs(value), abs(value)), "reference"))
    return SeriesRange(min(value, 1 / value), max(value, 1 / value), "reference") if value > 0 else None


def _within_scale(metric: Metric, low: float | None, high: float | None) -> tuple[float | None, float | None]:
    """Sides that no value of the metric lies beyond are no limits."""
    low = None if low is None or low <= metric.low or metric.name in DISTANCES else low
    high = None if high is None or high >= metric.high else high
    return low, high


def _unless_open(found: SeriesRange) -> SeriesRange | None:
    return None if found.low is None and found.high is None else found


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def half_width(metric: Metric, interval: Interval, value: float | None) -> float:
    """Half of an interval; for a distance, which drifts upwards only, from its value to the upper end."""
    if metric.name in DISTANCES:
        return interval.high - (interval.low if value is None else value)
    return (interval.high - interval.low) / 2


def _reach(metric: Metric, low: float | None, high: float | None) -> float | None:
    """Half of a range with two edges; with one, from there to the ideal; None where the ideal is on the edge."""
    if low is not None and high is not None and metric.name not in DISTANCES:
        return (high - low) / 2 or None
    edge = high if low is None else low
    return None if edge is None else abs(edge - metric.ideal) or None
