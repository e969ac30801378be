"""The last windows of a monitor as drawings: their statuses, and one strip a series with its evidence below."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from clarify.records import MonitorRecord, SeriesDrift, Status, Window
from clarify.report import numbers
from clarify.report.forest import coordinate
from clarify.report.judged import Chip, State
from clarify.report.monitor.axis import Tick, TimeAxis, axis_of, day, missed, named, ticks_of
from clarify.report.monitor.marks import circle, cross, triangle
from clarify.report.monitor.points import (
    Point,
    counted,
    facts_of,
    finding_of,
    has_alarm,
    is_gap,
    status_at,
    values_of,
)
from clarify.report.monitor.scales import View, blind_ends, view_of
from clarify.report.monitor.tables import (
    OF_STATUS,
    Table,
    by_urgency,
    chip_of,
    is_judged,
    series_words,
)
from clarify.report.words import Sentence, plain, some
from clarify.results import Stage

MOST_WINDOWS = 60
MOST_STRIPS = 12
MOST_MULTIPLES = 36

# The value box is 64 high, with room for arrow heads at both ends; then a lane for what has no value, and evidence.
HEIGHT = 108
_TOP, _BOTTOM = 8.0, 56.0
_ARROW_TOP, _ARROW_BOTTOM = 1.0, 63.0
_LANE = 71.0
_EVIDENCE_TOP, _EVIDENCE_BOTTOM = 79.0, 93.0
_TICK_Y = 105
_CLOSEST_LABELS = 11.0
_DATE_ROOM, _REVISION_ROOM = 48.0, 12.5
STATUS_HEIGHT = 46


@dataclass(frozen=True)
class Frame:
    """Width of a drawing and of the part of it that holds windows."""

    width: int
    left: float
    right: float


WIDE = Frame(880, 58, 860)
SMALL = Frame(360, 46, 344)


@dataclass(frozen=True)
class Mark:
    """All marks of one state, as one path."""

    state: State
    path: str


@dataclass(frozen=True)
class Label:
    x: str
    y: str
    text: str
    anchor: str = ""                       # class: "first", "last", or in the middle


@dataclass(frozen=True)
class Timeline:
    """One mark a window, where it lies in time."""

    marks: tuple[Mark, ...]
    revisions: tuple[Label, ...]
    ticks: tuple[Tick, ...]
    label: str
    words: str
    width: int = WIDE.width
    height: int = STATUS_HEIGHT


@dataclass(frozen=True)
class Strip:
    """One series over the windows; an empty path is not drawn. ``facts``: what stands beside the drawing."""

    anchor: str
    heading: Sentence
    chip: Chip
    title: str
    finding: str
    frame: Frame
    bands: str
    edges: str
    reference: str
    bars: str
    arrows: str
    marks: tuple[Mark, ...]
    dates: tuple[Label, ...]
    revisions: tuple[Label, ...]
    gaps: str
    crosses: str
    levels: str
    alarms: str
    has_evidence: bool
    blind: str
    scale: tuple[Label, ...]
    ticks: tuple[Tick, ...]
    facts: tuple[str, ...]
    values: Table


@dataclass(frozen=True)
class Strips:
    """The strips that are drawn, and how many series are not."""

    strips: tuple[Strip, ...]
    are_small: bool
    note: str


# --- windows ----------------------------------------------------------------------------------------------------------


def last_windows(record: MonitorRecord, history: Iterable[MonitorRecord]) -> tuple[MonitorRecord, ...]:
    """At most 60 windows up to the record's, in order of time; of several revisions of a window the latest."""
    found: dict[tuple[str, str], MonitorRecord] = {}
    for one in sorted((*history, record), key=lambda one: one.revision):
        if one.monitor == record.monitor and one.window.start <= record.window.start:
            found[one.window.start, one.window.end] = one
    found[record.window.start, record.window.end] = record
    return tuple(found[key] for key in sorted(found))[-MOST_WINDOWS:]


def timeline_of(windows: Sequence[MonitorRecord]) -> Timeline:
    """The statuses of the last windows where they lie in time, and in words how many there are of each."""
    axis = axis_of([one.window for one in windows], left=WIDE.left, right=WIDE.right)
    radius = _radius(axis)
    placed = [(one.status, axis.middle(one.window), 14.0) for one in windows]
    return Timeline(
        marks=_marks(placed, radius),
        revisions=_revisions(windows, axis, y=31.0),
        ticks=ticks_of(axis, width=WIDE.width),
        label=f"{some(len(windows), 'window', 'windows')}: {counted([one.status for one in windows])}",
        words=_gap_words([one.window for one in windows]),
    )


def _gap_words(windows: Sequence[Window]) -> str:
    """Where no window was looked at; an empty window is one that was."""
    gaps = missed(windows)
    if not gaps:
        return ""
    before, after = gaps[-1]
    last = f"between those of {named(before)} and {named(after)}"
    return f"No window was looked at {last}." if len(gaps) == 1 else (
        f"Windows are missing in {len(gaps)} places, the last {last}."
    )


# --- strips -----------------------------------------------------------------------------------------------------------


def strips_of(windows: Sequence[MonitorRecord]) -> Strips:
    """Strips of the series of the last window, the most urgent first; small ones, three wide, where there are many.

    None for a single window or another kind of monitor. Of more than 36 series those with most evidence are drawn.
    """
    last = windows[-1]
    if last.bias is None or len(windows) < 2:
        return Strips((), False, "")
    every = by_urgency(last.bias.series, last.rule)
    are_small = len(every) > MOST_STRIPS
    if are_small:
        every.sort(key=lambda series: (not is_judged(series, last.rule), -series.evidence))
    shown = every[:MOST_MULTIPLES]
    frame = SMALL if are_small else WIDE
    axis = axis_of([one.window for one in windows], left=frame.left, right=frame.right)
    found = [{} if one.bias is None else {series.key: series for series in one.bias.series} for one in windows]
    strips = tuple(_strip(i, series, windows, found, axis, frame) for i, series in enumerate(shown))
    note = f"{len(shown)} of {numbers.count(len(every))} series drawn, those with most evidence; the table has more."
    return Strips(strips, are_small, note if len(shown) < len(every) else "")


def _strip(
    place: int,
    series: SeriesDrift,
    windows: Sequence[MonitorRecord],
    found: Sequence[Mapping[tuple[Stage, str, str, str], SeriesDrift]],
    axis: TimeAxis,
    frame: Frame,
) -> Strip:
    points = [
        Point(record, one.get(series.key), status_at(record, one.get(series.key)), axis.middle(record.window))
        for record, one in zip(windows, found, strict=True)
    ]
    view = view_of(series)
    valued = [point for point in points if point.series is not None and point.series.value is not None]
    radius = _radius(axis)
    dates = _dates([point for point in points if point.series is not None and point.status is Status.VIOLATION], frame)
    taken = [(float(label.x), _DATE_ROOM / 2 + 8) for label in dates]
    taken += [(point.x, 8.0) for point in points if is_gap(point) or point.record.status is Status.ERROR]
    has_evidence = series.low is not None or series.high is not None
    return Strip(
        anchor=f"strip-{place}",
        heading=series_words(series),
        chip=chip_of(series, windows[-1].rule),
        title=plain(series_words(series)),
        finding=finding_of(series, points, windows[-1]),
        frame=frame,
        bands="".join(_bands(points, axis, view)),
        edges="".join(_edges(points, axis, view)),
        reference=_reference(series, view, frame),
        bars="".join(_bar(point.series, point.x, view) for point in valued if point.series),
        arrows="".join(_arrows(point.series, point.x, view, radius) for point in valued if point.series),
        marks=_marks([(p.status, p.x, _y(view, p.series.value)) for p in valued if p.series and
                      p.series.value is not None], radius),
        dates=dates,
        revisions=() if frame is SMALL else _revisions(windows, axis, y=_LANE + 4, taken=taken),
        gaps="".join(f"M{coordinate(p.x)} {_LANE - 3:g}v6" for p in points if is_gap(p)),
        crosses="".join(cross(p.x, _LANE, min(radius, 3.0)) for p in points if p.record.status is Status.ERROR),
        levels="".join(_level(point, axis) for point in valued if not has_alarm(point)),
        alarms="".join(_level(point, axis) for point in points if has_alarm(point)),
        has_evidence=has_evidence,
        blind=_blind(series, view, frame),
        scale=_scale(series, view, frame, has_evidence=has_evidence),
        ticks=ticks_of(axis, width=frame.width),
        facts=facts_of(series, points),
        values=values_of(series, points),
    )  # fmt: skip


def _y(view: View, value: float) -> float:
    """From a value to drawing units; what lies beyond the view, an infinity too, is held at its end."""
    return _BOTTOM - min(max(view.share(value), 0.0), 1.0) * (_BOTTOM - _TOP)


def _radius(axis: TimeAxis) -> float:
    """Of a mark: 4.2 where there is room, less where windows lie close."""
    return min(max(0.42 * axis.spacing, 1.8), 4.2)


# --- paths ------------------------------------------------------------------------------------------------------------


def _runs(points: Sequence[Point], axis: TimeAxis) -> Iterable[tuple[SeriesDrift, float, float]]:
    """Stretches of time with one allowed range, from the first window that was held to it up to the next range."""
    ranged = [p for p in points if p.series is not None and (p.series.low is not None or p.series.high is not None)]
    starts = [
        (p.series, p.record.window) for i, p in enumerate(ranged)
        if p.series is not None and (i == 0 or _range(p) != _range(ranged[i - 1]))
    ]  # fmt: skip
    for i, (series, window) in enumerate(starts):
        end = axis.x(starts[i + 1][1].starts) if i + 1 < len(starts) else axis.right
        yield series, axis.x(window.starts), end


def _range(point: Point) -> tuple[float | None, float | None]:
    return (None, None) if point.series is None else (point.series.low, point.series.high)


def _bands(points: Sequence[Point], axis: TimeAxis, view: View) -> Iterable[str]:
    for series, left, right in _runs(points, axis):
        top = _ARROW_TOP if series.high is None else _y(view, series.high)
        bottom = _ARROW_BOTTOM if series.low is None else _y(view, series.low)
        yield f"M{coordinate(left)} {coordinate(top)}H{coordinate(right)}V{coordinate(bottom)}H{coordinate(left)}z"


def _edges(points: Sequence[Point], axis: TimeAxis, view: View) -> Iterable[str]:
    for series, left, right in _runs(points, axis):
        for limit in (series.low, series.high):
            if limit is not None and 0 <= view.share(limit) <= 1:
                yield f"M{coordinate(left)} {coordinate(_y(view, limit))}H{coordinate(right)}"


def _reference(series: SeriesDrift, view: View, frame: Frame) -> str:
    value = series.reference.value if series.reference is not None else None
    if value is None or not 0 <= view.share(value) <= 1:
        return ""
    return f"M{frame.left:g} {coordinate(_y(view, value))}H{frame.right:g}"


def _bar(series: SeriesDrift, x: float, view: View) -> str:
    if series.interval is None:
        return ""
    top, bottom = _y(view, series.interval.high), _y(view, series.interval.low)
    return f"M{coordinate(x)} {coordinate(top)}V{coordinate(bottom)}" if bottom > top else ""


def _arrows(series: SeriesDrift, x: float, view: View, radius: float) -> str:
    """Heads where the interval, or the value, goes on beyond the view."""
    ends = [series.value] if series.interval is None else [series.interval.low, series.interval.high, series.value]
    shares = [view.share(end) for end in ends if end is not None]
    half = min(radius, 3.0)
    up = f"M{coordinate(x)} {_ARROW_TOP:g}l{half:g} 5.5h-{2 * half:g}z" if max(shares) > 1 else ""
    down = f"M{coordinate(x)} {_ARROW_BOTTOM:g}l{half:g}-5.5h-{2 * half:g}z" if min(shares) < 0 else ""
    return up + down


def _marks(placed: Sequence[tuple[Status, float, float]], radius: float) -> tuple[Mark, ...]:
    """One path a state; the worst last, so that nothing lies over an alarm."""
    order = (Status.PASS, Status.INCONCLUSIVE, Status.ERROR, Status.VIOLATION)
    paths = {status: "".join(_SHAPES[status](x, y, radius) for one, x, y in placed if one is status)
             for status in order}  # fmt: skip
    return tuple(Mark(OF_STATUS[status].state, path) for status, path in paths.items() if path)


_SHAPES: Mapping[Status, Callable[[float, float, float], str]] = {
    Status.PASS: circle,
    Status.INCONCLUSIVE: circle,
    Status.ERROR: cross,
    Status.VIOLATION: triangle,
}


def _level(point: Point, axis: TimeAxis) -> str:
    """The evidence after a window as a column; no evidence at all is a hair's breadth, and not nothing."""
    if point.series is None:
        return ""
    share = min(max(point.series.evidence, 0.0), 1.0)
    height = max(share * (_EVIDENCE_BOTTOM - _EVIDENCE_TOP), 0.8)
    width = min(max(0.6 * axis.spacing, 1.4), 10.0)
    return (
        f"M{coordinate(point.x - width / 2)} {_EVIDENCE_BOTTOM:g}v-{coordinate(height)}h{coordinate(width)}v"
        f"{coordinate(height)}z"
    )


def _blind(series: SeriesDrift, view: View, frame: Frame) -> str:
    """A bracket right of the windows: how far the reference's value may change unseen."""
    ends = blind_ends(series)
    if ends is None:
        return ""
    bottom, top = (_y(view, end) for end in ends)
    x = frame.right + 9
    return f"M{coordinate(x - 3)} {coordinate(top)}h6m-3 0V{coordinate(bottom)}m-3 0h6" if bottom > top else ""


# --- texts in a drawing -----------------------------------------------------------------------------------------------


def _dates(alarmed: Sequence[Point], frame: Frame) -> tuple[Label, ...]:
    """The dates of alarms below their triangles, the newest first to get room; all of them are in the table."""
    placed: list[tuple[float, Label]] = []
    for point in reversed(alarmed):
        if any(abs(point.x - x) < _DATE_ROOM for x, _ in placed):
            continue
        anchor = "last" if point.x > frame.right - 18 else "first" if point.x < frame.left + 18 else ""
        text = day(point.record.window.starts)
        placed.append((point.x, Label(coordinate(point.x), f"{_LANE + 4:g}", text, anchor)))
    return tuple(label for _, label in reversed(placed))


def _revisions(
    windows: Sequence[MonitorRecord], axis: TimeAxis, *, y: float, taken: Sequence[tuple[float, float]] = ()
) -> tuple[Label, ...]:
    """``r2`` at windows that were looked at again, the newest first to get room beside what is ``taken``."""
    placed: list[tuple[float, float]] = list(taken)
    found: list[Label] = []
    for one in reversed(windows):
        x = axis.middle(one.window)
        if one.revision > 1 and all(abs(x - other) >= room for other, room in placed):
            placed.append((x, _REVISION_ROOM))
            found.append(Label(coordinate(x), coordinate(y), f"r{one.revision}"))
    return tuple(reversed(found))


def _scale(series: SeriesDrift, view: View, frame: Frame, *, has_evidence: bool) -> tuple[Label, ...]:
    """The edges of the range and the ends of the view left of the drawing; an end too close to an edge is left out."""
    edges = [limit for limit in (series.low, series.high) if limit is not None and 0 <= view.share(limit) <= 1]
    placed: list[tuple[float, float]] = []
    for value in (*edges, view.high, view.low):
        y = _y(view, value)
        if all(abs(y - other) >= _CLOSEST_LABELS for other, _ in placed):
            placed.append((y, value))
    x = coordinate(frame.left - 6)
    texts = [Label(x, coordinate(y + 4), numbers.decimal(value), "last") for y, value in sorted(placed)]
    if has_evidence:
        texts += [Label(x, f"{_EVIDENCE_TOP + 4:g}", "alarm", "last"),
                  Label(x, f"{_EVIDENCE_BOTTOM + 2:g}", "0", "last")]  # fmt: skip
    return tuple(texts)
