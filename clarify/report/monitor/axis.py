"""Time as drawings of a monitor place it: windows where they lie in time, ticks whose labels never touch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from statistics import median

from clarify.records import Window
from clarify.report.forest import coordinate

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")

# Labels are set in 11 px and grow to 13 on paper, where the drawing shrinks: both are paid for here.
_LETTER = 7.5
_APART = 12.0
_HOUR_STEPS = (1, 2, 3, 6, 12)
_DAY_STEPS = (1, 2, 7, 14)
_MONTH_STEPS = (1, 3, 6, 12, 24, 60, 120)
_SHORTEST_MONTH = timedelta(days=28)
_EPOCH = datetime(1970, 1, 5, tzinfo=UTC)                # a Monday: weeks begin there
_MISSED = 1.5
_NEARLY = 0.9                                            # months are shorter than others


@dataclass(frozen=True)
class Tick:
    """A moment on the axis: where it lies, the word below it, how that is anchored."""

    x: str
    text: str


@dataclass(frozen=True)
class TimeAxis:
    """From the start of the first window to the end of the last, on drawing units ``left`` to ``right``.

    ``step``: the usual distance from one window's start to the next one's.
    """

    start: datetime
    end: datetime
    step: timedelta
    left: float
    right: float

    def x(self, moment: datetime) -> float:
        """Where a moment lies; what is before or after the axis is held at its ends."""
        share = (moment - self.start) / (self.end - self.start)
        return self.left + min(max(share, 0.0), 1.0) * (self.right - self.left)

    def middle(self, window: Window) -> float:
        return (self.x(window.starts) + self.x(window.ends)) / 2

    @property
    def spacing(self) -> float:
        """Drawing units from one window to the next."""
        return (self.right - self.left) * (self.step / (self.end - self.start))


def axis_of(windows: Sequence[Window], *, left: float, right: float) -> TimeAxis:
    """The axis of windows in order of time, one or more."""
    start, end = windows[0].starts, max(window.ends for window in windows)
    end = max(end, start + timedelta(seconds=1))
    steps = [(later.starts - earlier.starts).total_seconds() for earlier, later in pairwise(windows)]
    step = timedelta(seconds=median(steps)) if steps else end - start
    return TimeAxis(start, end, step or timedelta(seconds=1), left, right)


def missed(windows: Sequence[Window]) -> tuple[tuple[Window, Window], ...]:
    """Neighbours between which windows are missing: farther apart than half a usual step more than usual."""
    if len(windows) < 3:
        return ()
    step = axis_of(windows, left=0, right=1).step
    return tuple(pair for pair in pairwise(windows) if pair[1].starts - pair[0].starts > _MISSED * step)


def ticks_of(axis: TimeAxis, *, width: float) -> tuple[Tick, ...]:
    """Hours, days, weeks, months or years: the finest whose labels keep apart and inside a drawing so wide."""
    for moments, letters, shortest in _candidates(axis):
        room = letters * _LETTER
        if shortest < axis.step * _NEARLY:
            continue                                     # between two windows there is nothing to name
        if axis.spacing * (shortest / axis.step) < room + _APART:
            continue
        placed = [(axis.x(moment), moment) for moment in moments]
        inside = [(x, moment) for x, moment in placed if x - room / 2 >= 0 and x + room / 2 <= width]
        if inside:
            return tuple(Tick(coordinate(x), _label(moment, shortest)) for x, moment in inside)
    return ()


def _candidates(axis: TimeAxis) -> Iterator[tuple[list[datetime], int, timedelta]]:
    """Moments within the axis, letters of their longest label, and the least time between two of them."""
    for hours in (*_HOUR_STEPS, *(24 * days for days in _DAY_STEPS)):
        step = timedelta(hours=hours)
        if (axis.end - axis.start) / step < 400:
            yield list(_multiples(axis, step)), len("30 Nov"), step
    for months in _MONTH_STEPS:
        yield list(_months(axis, months)), len("Nov 2026"), months * _SHORTEST_MONTH


def _multiples(axis: TimeAxis, step: timedelta) -> Iterator[datetime]:
    moment = _EPOCH + -(-(axis.start - _EPOCH) // step) * step
    while moment <= axis.end:
        yield moment
        moment += step


def _months(axis: TimeAxis, step: int) -> Iterator[datetime]:
    first = axis.start.year * 12 + axis.start.month - 1
    last = axis.end.year * 12 + axis.end.month - 1
    for month in range(first - first % step, last + 1, step):
        moment = datetime(month // 12, month % 12 + 1, 1, tzinfo=UTC)
        if axis.start <= moment <= axis.end:
            yield moment


def _label(moment: datetime, step: timedelta) -> str:
    if step >= _SHORTEST_MONTH:
        return f"{MONTHS[moment.month - 1]} {moment.year}"
    return day(moment) if moment.hour == 0 or step >= timedelta(days=1) else f"{moment:%H:%M}"


# --- moments in words -------------------------------------------------------------------------------------------------


def day(moment: datetime) -> str:
    """``3 Nov``."""
    return f"{moment.day} {MONTHS[moment.month - 1]}"


def named(window: Window) -> str:
    """What people call a window: ``3 Nov``, ``3 Nov, 14:00`` where it does not begin at midnight."""
    start = window.starts
    return day(start) if (start.hour, start.minute) == (0, 0) else f"{day(start)}, {start:%H:%M}"


def span(window: Window) -> str:
    """``3 Nov 2026, 14:00 to 3 Nov 2026, 15:00 UTC``; whole days by their dates alone."""
    start, end = window.starts, window.ends
    if start.hour == start.minute == end.hour == end.minute == 0:
        last = end - timedelta(days=1)
        if last <= start:
            return f"{day(start)} {start.year}, UTC"
        return f"{day(start)} {start.year} to {day(last)} {last.year}, UTC"
    return f"{day(start)} {start.year}, {start:%H:%M} to {day(end)} {end.year}, {end:%H:%M} UTC"


def begins(window: Window) -> str:
    """``2026-11-03 00:00``, for tables; seconds only where there are some."""
    return window.start.removesuffix("Z").removesuffix(":00").replace("T", " ")
