"""One axis for every check: the allowed range fills the same band, and right means that the named group has less."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from clarify.bias.catalog import BY_NAME
from clarify.bias.deciding import binding_limits
from clarify.report.forest import Scale
from clarify.report.selection import Group, Measured, clearest_gaps, first_metrics, worst_checks
from clarify.results import Interval, Judgement, Reason

VIEW = (-1.45, 2.45)
"""What a drawing shows, in widths of the allowed range."""

# The width of a band that has none of its own: an open or an empty range around the ideal.
_WIDTHS = {"difference": 0.2, "ratio": 2 * math.log(1.25), "distance": 0.1, "index": 0.1}


@dataclass(frozen=True)
class Axis:
    """From the values of one check to widths of its allowed range; ``low`` and ``high`` are None on an open side."""

    low: float | None
    high: float | None
    start: float
    width: float
    ideal: float
    logarithmic: bool
    mirrored: bool

    def u(self, value: float) -> float:
        """0 and 1 are the limits that exist; infinite where the value is, or is the logarithm of 0."""
        return (_flat(value, self.logarithmic, self.mirrored) - self.start) / self.width

    def side(self, value: float) -> int:
        """-1 left of the band, 0 inside it or on its limit, 1 right of it: by the values, free of any rounding."""
        below = self.low is not None and value < self.low
        above = self.high is not None and value > self.high
        return (int(above) - int(below)) * (-1 if self.mirrored else 1)

    @property
    def band(self) -> tuple[float, float]:
        """Where the band starts and ends, infinite on an open side."""
        low, high = (self.high, self.low) if self.mirrored else (self.low, self.high)
        return -math.inf if low is None else self.u(low), math.inf if high is None else self.u(high)


def axis_of(judgement: Judgement) -> Axis:
    """The axis of a judged check: the range it was held to as 0 to 1.

    An open side is as far from the ideal as the limit on the other side, so that a one-sided range looks like half of
    a two-sided one; ratios are measured by their logarithm.
    """
    metric = BY_NAME[judgement.metric]
    logarithmic = metric.kind == "ratio"
    low, high = binding_limits(judgement.metric, judgement.evidence.low, judgement.evidence.high)
    mirrored = metric.is_mirrored
    ends = [_finite(end, logarithmic, mirrored) for end in (low, high)]
    left, right = (ends[1], ends[0]) if mirrored else (ends[0], ends[1])
    start, width = _span(left, right, _flat(metric.ideal, logarithmic, mirrored), _WIDTHS[metric.kind])
    return Axis(low, high, start, width, metric.ideal, logarithmic, mirrored)


def _finite(end: float | None, logarithmic: bool, mirrored: bool) -> float | None:
    """A limit on the axis; None where it has no place there, as a ratio of 0 has none."""
    at = None if end is None else _flat(end, logarithmic, mirrored)
    return at if at is not None and math.isfinite(at) else None


def _flat(value: float, logarithmic: bool, mirrored: bool) -> float:
    if logarithmic and math.isfinite(value):
        value = math.log(value) if value > 0 else -math.inf
    return -value if mirrored else value


def _span(left: float | None, right: float | None, ideal: float, usual: float) -> tuple[float, float]:
    """Where 0 is, and how far from it 1."""
    if left is not None and right is not None:
        return (left, right - left) if right > left else (left - usual / 2, usual)
    if right is not None:
        half = right - ideal if right > ideal else usual / 2
        return right - 2 * half, 2 * half
    if left is not None:
        return left, 2 * (ideal - left) if ideal > left else usual
    return ideal - usual / 2, usual


Ends = tuple[float, float]


@dataclass(frozen=True)
class Places:
    """What is drawn of one check, as places on the view: 0 and 1 are the limits of the allowed range.

    ``thick``: the 95 % interval; ``thin``: the one that decides; ``band``: None where no range was declared.
    """

    ideal: float
    value: float
    thick: Ends | None
    thin: Ends | None
    band: Ends | None


def places_of(measured: Measured, scale: Scale) -> Places | None:
    """Where to draw a check: on its own axis when it was judged, else on the fixed domain of its metric.

    None without a value: there is nothing to draw.
    """
    metric, judgement = measured.metric, measured.judgement
    if metric.value is None:
        return None
    axis = axis_of(judgement) if judgement is not None else None
    u = axis.u if axis is not None else _on_view(scale)
    thin = judgement.deciding if judgement is not None else None
    return Places(
        u(BY_NAME[metric.name].ideal),
        u(metric.value),
        _ends(metric.interval, metric.value, u),
        _ends(thin, metric.value, u),
        axis.band if axis is not None else None,
    )


def _on_view(scale: Scale) -> Callable[[float], float]:
    return lambda value: VIEW[0] + scale.position(value) * (VIEW[1] - VIEW[0])


def _ends(interval: Interval | None, value: float, u: Callable[[float], float]) -> Ends | None:
    """Both ends from left to right; an interval that does not hold its value is widened to it."""
    if interval is None:
        return None
    first, second = u(min(interval.low, value)), u(max(interval.high, value))
    return min(first, second), max(first, second)


def is_seen(u: float) -> bool:
    """Whether a place lies in the view."""
    return VIEW[0] <= u <= VIEW[1]


def share_of_view(u: float) -> float:
    """0 at the left end of the view, 1 at the right; what lies beyond is held at the end."""
    return min(max((u - VIEW[0]) / (VIEW[1] - VIEW[0]), 0.0), 1.0)


@dataclass(frozen=True)
class Row:
    """One check of one group."""

    group: Group
    measured: Measured


@dataclass(frozen=True)
class Shortlist:
    """The checks that a small view has room for, and how many there are."""

    rows: tuple[Row, ...]
    total: int

    @property
    def left_out(self) -> int:
        return self.total - len(self.rows)


def shortlist(groups: Sequence[Group], *, most: int) -> Shortlist:
    """All first metrics as the report orders them; where they do not fit the worst checks, or the clearest gaps."""
    rows = [Row(group, measured) for group in groups for measured in first_metrics(group)]
    if len(rows) <= most:
        return Shortlist(tuple(rows), len(rows))
    worst = {id(measured) for _, measured in worst_checks(groups, most=most)}
    if worst:
        return Shortlist(tuple(row for row in rows if id(row.measured) in worst), len(rows))
    clearest = {id(measured) for _, measured in clearest_gaps(groups, most=most)}
    found = [Row(group, m) for group in groups for m in group.measured if id(m) in clearest]
    return Shortlist(tuple(found), max(len(rows), len(found)))


def is_withheld(measured: Measured) -> bool:
    """Whether the number exists and is not shown to this reader."""
    return measured.metric.value is None and measured.metric.undefined_because is Reason.WITHHELD
