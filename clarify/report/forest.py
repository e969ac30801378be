"""One axis for every check: where its value, its intervals and its allowed range stand, and the paths drawn there."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from clarify.bias.catalog import BY_NAME
from clarify.bias.deciding import binding_limits
from clarify.results import Interval, Judgement, MetricValue, Verdict

_MARK = 3.5
_SEEN = 1e-9                       # positions closer than this are one: the rounding of a scale is finer
_NICE = (1.0, 1.2, 1.6, 2.0, 2.4, 3.0, 4.0, 5.0, 6.0, 8.0)      # a quarter of each is a short number too


@dataclass(frozen=True)
class Frame:
    """The view box of a row: its width, the margin left at both ends for arrow heads, the height of its line.

    ``hollow``: how far bars keep from the middle of an undecided mark, where its inside cannot be painted over.
    """

    width: int
    margin: float
    y: int
    hollow: float = 0.0

    def x(self, position: float) -> float:
        """From 0..1 to drawing units; what lies beyond is held at the end."""
        return self.margin + min(max(position, 0.0), 1.0) * (self.width - 2 * self.margin)


FOREST = Frame(width=250, margin=8, y=12)


@dataclass(frozen=True)
class Scale:
    """Maps values to the width of a drawing: a domain chosen by rule, mirrored so that right means the same.

    ``ideal`` is the value that means no difference; ``logarithmic`` for ratios; ``mirrored`` where a larger
    value means that the named group has more.
    """

    low: float
    high: float
    ideal: float
    logarithmic: bool = False
    mirrored: bool = False

    def position(self, value: float) -> float:
        """0 at the left end, 1 at the right end; outside of that the value lies beyond the drawing."""
        u = (self._flat(value) - self._flat(self.low)) / (self._flat(self.high) - self._flat(self.low))
        return 1 - u if self.mirrored else u

    def _flat(self, value: float) -> float:
        if not self.logarithmic or math.isinf(value):
            return value
        return math.log(value) if value > 0 else -math.inf


@dataclass(frozen=True)
class Placed:
    """One row on its view: 0 is the left end, 1 the right one; what lies outside of that is beyond the drawing.

    ``thick``: the interval that is printed; ``thin``: the interval that decides; ``band``: the allowed range, infinite
    on a side that runs on; ``limits``: the places in the band's ends where a value would leave it. Ends of ``thick``
    and ``thin`` stand on their side of every limit, and on it only when they are it: the drawing decides as the
    numbers do.
    """

    ideal: float
    value: float | None = None
    thick: tuple[float, float] | None = None
    thin: tuple[float, float] | None = None
    band: tuple[float, float] | None = None
    limits: tuple[float, ...] = ()

    @property
    def reach(self) -> tuple[float, float] | None:
        """From the leftmost to the rightmost end of both bars; None where there is no bar."""
        bars = [ends for ends in (self.thick, self.thin) if ends is not None]
        return (min(low for low, _ in bars), max(high for _, high in bars)) if bars else None


@dataclass(frozen=True)
class Glyph:
    """Paths of one row; an empty path is not drawn. ``state``: the class of bars and mark, the verdict or nothing."""

    ideal_x: str
    bar: str
    arrows: str
    mark: str
    band: str = ""
    edges: str = ""
    state: str = ""
    thin: str = ""


def nice_above(value: float) -> float:
    """The smallest round number that is not below ``value``: the end of an axis with short labels.

    Examples
    --------
    >>> nice_above(0.13), nice_above(3.0), nice_above(8.1)
    (0.16, 3.0, 10.0)
    """
    if value <= 0 or not math.isfinite(value):
        return 1.0
    power = 10.0 ** math.floor(math.log10(value))
    return float(f"{next((n * power for n in _NICE if n * power >= value * (1 - 1e-12)), 10 * power):.6g}")


def is_in_view(at: float) -> bool:
    """Whether a place lies in the drawing, its ends included."""
    return 0 <= at <= 1


def placed(metric: MetricValue, scale: Scale, judgement: Judgement | None = None) -> Placed:
    """Where the value, both intervals and the allowed range of one metric stand on a scale."""
    thick = _containing(metric.interval, metric.value)
    if judgement is None:
        return Placed(scale.position(scale.ideal), _at(metric.value, scale), _ends(thick, (), scale))
    limits = binding_limits(metric.name, judgement.evidence.low, judgement.evidence.high)
    bound = tuple(limit for limit in limits if limit is not None)
    return Placed(
        ideal=scale.position(scale.ideal),
        value=None if metric.value is None else _beside(metric.value, bound, scale),
        thick=_ends(thick, bound, scale),
        thin=_ends(judgement.deciding, bound, scale),
        band=_band(metric.name, *limits, scale),
        limits=tuple(sorted({scale.position(limit) for limit in bound})),
    )


def _containing(interval: Interval | None, value: float | None) -> Interval | None:
    if interval is None or value is None:
        return interval if value is None else Interval(value, value)
    return Interval(min(interval.low, value), max(interval.high, value), interval.level)


def _at(value: float | None, scale: Scale) -> float | None:
    return None if value is None else scale.position(value)


def _ends(interval: Interval | None, bound: tuple[float, ...], scale: Scale) -> tuple[float, float] | None:
    if interval is None:
        return None
    ends = (_beside(interval.low, bound, scale), _beside(interval.high, bound, scale))
    return min(ends), max(ends)


def _beside(value: float, bound: tuple[float, ...], scale: Scale) -> float:
    """The position of a value, on the same side of every limit as the value itself although positions are rounded."""
    at, rightward = scale.position(value), -1 if scale.mirrored else 1
    for limit in bound:
        edge, side = scale.position(limit), rightward * ((value > limit) - (value < limit))
        at = max(at, edge + _SEEN) if side > 0 else min(at, edge - _SEEN) if side < 0 else edge
    return at


def _band(name: str, low: float | None, high: float | None, scale: Scale) -> tuple[float, float]:
    """The allowed range; it runs on where it has no limit, but a distance has nothing below 0."""
    metric = BY_NAME[name]
    lowest = metric.low if metric.low == metric.ideal else -math.inf
    ends = (scale.position(lowest if low is None else low), scale.position(math.inf if high is None else high))
    return min(ends), max(ends)


def glyph(
    metric: MetricValue, scale: Scale, frame: Frame = FOREST, *, judgement: Judgement | None = None
) -> Glyph:
    """The row of one metric: dotted ideal, allowed band, thick and thin interval, arrow heads where these leave it.

    The mark tells the verdict by its shape: filled circle inside, triangle outside, open circle undecided, square
    where no range was declared; none where there is no value. Nothing but the band is drawn of a metric that has
    neither a value nor an interval that decides.
    """
    drawn = placed(metric, scale, judgement)
    verdict = judgement.verdict if judgement is not None else None
    ideal_x = coordinate(frame.x(drawn.ideal)) if is_in_view(drawn.ideal) else ""
    band, edges = _band_path(drawn.band, frame), _edges_path(drawn.limits, frame)
    state = verdict.lower() if verdict is not None else ""
    if drawn.value is None and drawn.thin is None:
        return Glyph(ideal_x, "", "", "", band, edges, state)
    hole = _hole(drawn, verdict, frame)
    return Glyph(
        ideal_x=ideal_x,
        bar=_bar_path(drawn.thick, drawn.limits, hole, frame),
        arrows=_arrows(drawn.reach, frame),
        mark=_mark(drawn, verdict, frame),
        band=band,
        edges=edges,
        state=state,
        thin=_thin_path(drawn.thin, drawn.limits, hole, frame),
    )


def _band_path(band: tuple[float, float] | None, frame: Frame) -> str:
    if band is None:
        return ""
    left, right = (coordinate(frame.x(end)) for end in band)
    return f"M{left} 2H{right}V{2 * frame.y - 2}H{left}z" if left != right else ""


def _edges_path(limits: tuple[float, ...], frame: Frame) -> str:
    """A line at each limit that lies within the drawing."""
    return "".join(f"M{coordinate(frame.x(at))} 1V{2 * frame.y - 1}" for at in limits if is_in_view(at))


def _bar_path(
    ends: tuple[float, float] | None, limits: tuple[float, ...], hole: tuple[float, float] | None, frame: Frame
) -> str:
    return "" if ends is None else _line_path(*_drawn(ends, limits, frame), hole, frame)


def _thin_path(
    ends: tuple[float, float] | None, limits: tuple[float, ...], hole: tuple[float, float] | None, frame: Frame
) -> str:
    """A line with a cap at each end that lies within the drawing; beyond it only the arrow head's own line."""
    if ends is None:
        return ""
    left, right = _drawn(ends, limits, frame)
    if ends[1] < 0:
        left = 1.0
    if ends[0] > 1:
        right = frame.width - 1.0
    seen = [x for x, end in ((left, ends[0]), (right, ends[1])) if is_in_view(end)]
    caps = "".join(f"M{coordinate(x)} {coordinate(frame.y - 3.5)}v7" for x in seen)
    line = _line_path(left, right, hole, frame) or f"M{coordinate(left)} {frame.y}H{coordinate(right)}"
    return f"{line}{caps}"


def _line_path(left: float, right: float, hole: tuple[float, float] | None, frame: Frame) -> str:
    """A level line, in two pieces where the mark is a hole in it; empty where nothing of it is left."""
    pieces = [(left, right)] if hole is None else [(left, min(right, hole[0])), (max(left, hole[1]), right)]
    seen = [(coordinate(start), coordinate(end)) for start, end in pieces if start <= end]
    return "".join(f"M{start} {frame.y}H{end}" for start, end in seen if start != end)


def _hole(drawn: Placed, verdict: Verdict | None, frame: Frame) -> tuple[float, float] | None:
    """What an undecided mark keeps free, in drawing units; None where bars may run through under it."""
    if not frame.hollow or verdict is not Verdict.INCONCLUSIVE or drawn.value is None or not is_in_view(drawn.value):
        return None
    x = drawn_x(drawn.value, drawn.limits, frame)
    return x - frame.hollow, x + frame.hollow


def _drawn(ends: tuple[float, float], limits: tuple[float, ...], frame: Frame) -> tuple[float, float]:
    left, right = (_tenths(end, limits, frame) for end in ends)
    if left > right:                          # limits closer to each other than the least gap that can be seen
        left = right = (left + right) // 2
    return left / 10, right / 10


def drawn_x(at: float, limits: tuple[float, ...], frame: Frame) -> float:
    """Where a place is drawn, in units with one decimal: off every limit that it is not, by 0.2 at least."""
    return _tenths(at, limits, frame) / 10


def _tenths(at: float, limits: tuple[float, ...], frame: Frame) -> int:
    tenths = round(10 * frame.x(at))
    for limit in limits:
        edge = round(10 * frame.x(limit))
        if is_in_view(limit):
            tenths = max(tenths, edge + 2) if at > limit else min(tenths, edge - 2) if at < limit else edge
    return tenths


def _arrows(reach: tuple[float, float] | None, frame: Frame) -> str:
    if reach is None:
        return ""
    left = f"M1 {frame.y}l7-4.5v9z" if reach[0] < 0 else ""
    return left + (f"M{frame.width - 1} {frame.y}l-7-4.5v9z" if reach[1] > 1 else "")


def _mark(drawn: Placed, verdict: Verdict | None, frame: Frame) -> str:
    if drawn.value is None or not is_in_view(drawn.value):
        return ""
    return _MARKS[verdict](drawn_x(drawn.value, drawn.limits, frame), frame.y)


def _square(x: float, y: float) -> str:
    return f"M{coordinate(x - _MARK)} {coordinate(y - _MARK)}h7v7h-7z"


def _circle(x: float, y: float) -> str:
    return f"M{coordinate(x - 4.2)} {y}a4.2 4.2 0 1 0 8.4 0a4.2 4.2 0 1 0 -8.4 0z"


def _triangle(x: float, y: float) -> str:
    return f"M{coordinate(x)} {coordinate(y - 6)}l5.8 10.4h-11.6z"


_MARKS: dict[Verdict | None, Callable[[float, float], str]] = {
    None: _square,
    Verdict.PASS: _circle,
    Verdict.INCONCLUSIVE: _circle,
    Verdict.VIOLATION: _triangle,
}


def coordinate(value: float) -> str:
    """One decimal, no trailing zero: positions finer than that cannot be seen."""
    return f"{value:.1f}".removesuffix(".0")
