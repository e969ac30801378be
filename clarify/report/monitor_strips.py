"""The last windows of a monitor as drawings: one mark a window, and a strip with evidence for the worst series."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from clarify.records import MonitorRecord, SeriesDrift, Status
from clarify.report import numbers
from clarify.report.forest import coordinate
from clarify.report.judged import State
from clarify.report.monitor_tables import OF_STATUS, by_urgency, series_words, status_of
from clarify.report.words import Sentence, plain, some

MOST_WINDOWS = 60
MOST_STRIPS = 6
LEFT, RIGHT = 8.0, 1092.0
TIMELINE_HEIGHT = 38
STRIP_TOP, STRIP_BOTTOM = 6.0, 58.0
EVIDENCE_TOP, EVIDENCE_BOTTOM = 70.0, 84.0


@dataclass(frozen=True)
class Mark:
    state: State
    path: str


@dataclass(frozen=True)
class Timeline:
    """One mark a window, the oldest on the left."""

    marks: tuple[Mark, ...]
    gaps: str
    first: str
    last: str
    label: str
    height: int = TIMELINE_HEIGHT


@dataclass(frozen=True)
class Strip:
    """One series over the windows: allowed band, values with intervals, evidence below."""

    heading: Sentence
    band: str
    bars: str
    marks: tuple[Mark, ...]
    gaps: str
    curve: str
    top: str
    bottom: str
    label: str


def last_windows(record: MonitorRecord, history: Iterable[MonitorRecord]) -> tuple[MonitorRecord, ...]:
    """At most 60 windows up to the record's, in order of time; of several revisions of a window the latest."""
    found: dict[tuple[str, str], MonitorRecord] = {}
    for one in sorted((*history, record), key=lambda one: one.revision):
        if one.monitor == record.monitor and one.window.start <= record.window.start:
            found[one.window.start, one.window.end] = one
    found[record.window.start, record.window.end] = record
    return tuple(found[key] for key in sorted(found))[-MOST_WINDOWS:]


def timeline_of(windows: Sequence[MonitorRecord]) -> Timeline:
    """The statuses of the last windows, and in words how many there are of each."""
    marks = tuple(_mark(one.status, x, 12) for one, x in zip(windows, _places(len(windows)), strict=True))
    counted = [(status, sum(one.status is status for one in windows)) for status in Status]
    words = ", ".join(f"{count} {status.value}" for status, count in counted if count)
    label = f"{some(len(windows), 'window', 'windows')}: {words}"
    return Timeline(marks, "", windows[0].window.start[:10], windows[-1].window.end[:10], label)


def strips_of(windows: Sequence[MonitorRecord]) -> tuple[Strip, ...]:
    """Strips of the series that are worst in the last window; none for a single window or another kind."""
    last = windows[-1]
    if last.bias is None or len(windows) < 2:
        return ()
    worst = by_urgency(last.bias.series, last.rule)[:MOST_STRIPS]
    return tuple(_strip(series, windows) for series in worst)


def _strip(series: SeriesDrift, windows: Sequence[MonitorRecord]) -> Strip:
    found = [_same(series, one) for one in windows]
    places = _places(len(windows))
    low, high = _domain(one for one in found if one is not None)
    y = _scale(low, high)
    there = [(one, x) for one, x in zip(found, places, strict=True) if one is not None and one.value is not None]
    gaps = [x for one, x in zip(found, places, strict=True) if one is None or one.value is None]
    marks = tuple(
        _mark(status_of(one.findings, windows[-1].rule) or Status.INCONCLUSIVE, x, y(one.value))
        for one, x in there
        if one.value is not None
    )
    evidence = f"evidence {numbers.decimal(series.evidence)} of 1"
    return Strip(
        heading=series_words(series),
        band=_band(series, y),
        bars="".join(_bar(one, x, y) for one, x in there),
        marks=marks,
        gaps="".join(f"M{coordinate(x)} {STRIP_BOTTOM - 4:g}v8" for x in gaps),
        curve=_curve([(x, one.evidence) for one, x in zip(found, places, strict=True) if one is not None]),
        top=numbers.decimal(high),
        bottom=numbers.decimal(low),
        label=f"{plain(series_words(series))}: {evidence} after {some(len(windows), 'window', 'windows')}",
    )


def _same(series: SeriesDrift, record: MonitorRecord) -> SeriesDrift | None:
    if record.bias is None:
        return None
    return next((one for one in record.bias.series if one.key == series.key), None)


def _places(count: int) -> list[float]:
    step = (RIGHT - LEFT - 24) / max(count - 1, 1)
    return [LEFT + 12 + i * step for i in range(count)]


def _domain(found: Iterable[SeriesDrift]) -> tuple[float, float]:
    """From the smallest to the largest finite number that is to be drawn."""
    numbers_drawn = [
        number
        for one in found
        for number in (one.value, one.low, one.high, *((one.interval.low, one.interval.high) if one.interval else ()))
        if number is not None and math.isfinite(number)
    ]
    low, high = min(numbers_drawn, default=0.0), max(numbers_drawn, default=1.0)
    return (low, high) if high > low else (low - 0.5, high + 0.5)


def _scale(low: float, high: float) -> Callable[[float], float]:
    """From a value to drawing units; what lies beyond, an infinity too, is held at the end."""
    def y(value: float) -> float:
        share = (min(max(value, low), high) - low) / (high - low)
        return STRIP_BOTTOM - share * (STRIP_BOTTOM - STRIP_TOP)

    return y


def _band(series: SeriesDrift, y: Callable[[float], float]) -> str:
    if series.low is None and series.high is None:
        return ""
    top = y(math.inf if series.high is None else series.high)
    bottom = y(-math.inf if series.low is None else series.low)
    return f"M{LEFT:g} {coordinate(top)}H{RIGHT:g}V{coordinate(bottom)}H{LEFT:g}z"


def _bar(series: SeriesDrift, x: float, y: Callable[[float], float]) -> str:
    if series.interval is None:
        return ""
    return f"M{coordinate(x)} {coordinate(y(series.interval.high))}V{coordinate(y(series.interval.low))}"


def _curve(points: Sequence[tuple[float, float]]) -> str:
    height = EVIDENCE_BOTTOM - EVIDENCE_TOP
    placed = [(x, EVIDENCE_BOTTOM - min(max(evidence, 0.0), 1.0) * height) for x, evidence in points]
    return "".join(
        f"{'L' if i else 'M'}{coordinate(x)} {coordinate(y)}" for i, (x, y) in enumerate(placed)
    ) if len(placed) > 1 else ""


def _mark(status: Status, x: float, y: float) -> Mark:
    state = OF_STATUS[status].state
    if status is Status.VIOLATION:
        return Mark(state, f"M{coordinate(x)} {coordinate(y - 6)}l5.8 10.4h-11.6z")
    if status is Status.ERROR:
        return Mark(state, f"M{coordinate(x - 4)} {coordinate(y - 4)}l8 8M{coordinate(x + 4)} {coordinate(y - 4)}l-8 8")
    return Mark(state, f"M{coordinate(x - 4.2)} {coordinate(y)}a4.2 4.2 0 1 0 8.4 0a4.2 4.2 0 1 0 -8.4 0z")
