"""The forest glyph: one row's value and interval as a small static drawing on a fixed domain."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from clarify.results import Interval, Judgement, MetricValue, RangeEvidence, Verdict

_MARK = 3.5
_NICE = (1.0, 1.2, 1.6, 2.0, 2.4, 3.0, 4.0, 5.0, 6.0, 8.0)      # a quarter of each is a short number too


@dataclass(frozen=True)
class Frame:
    """The view box of a row: its width, the margin left at both ends for arrow heads, the height of its line."""

    width: int
    margin: float
    y: int

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
class Glyph:
    """Paths of one row; an empty path is not drawn. ``state`` is the class of bar and mark: the verdict, or nothing."""

    ideal_x: str
    bar: str
    arrows: str
    mark: str
    band: str = ""
    edges: str = ""
    state: str = ""


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


def glyph(
    metric: MetricValue, scale: Scale, frame: Frame = FOREST, *, judgement: Judgement | None = None
) -> Glyph:
    """The row of one metric: dotted ideal, allowed band, thick interval with arrow heads where it leaves the view.

    The mark tells the verdict by its shape: filled circle inside, triangle outside, open circle undecided, square
    where no range was declared.
    """
    ideal_x = coordinate(frame.x(scale.position(scale.ideal)))
    band, edges = _band(judgement.evidence, scale, frame) if judgement is not None else ("", "")
    verdict = judgement.verdict if judgement is not None else None
    state = verdict.lower() if verdict is not None else ""
    if metric.value is None:
        return Glyph(ideal_x, "", "", "", band, edges, state)
    at = scale.position(metric.value)
    bar, arrows = _bar(metric.interval, scale, at, frame)
    mark = _MARKS[verdict](frame.x(at), frame.y) if 0 <= at <= 1 else ""
    return Glyph(ideal_x, bar, arrows, mark, band, edges, state)


def _band(allowed: RangeEvidence, scale: Scale, frame: Frame) -> tuple[str, str]:
    """The allowed range as a filled path, and a line at each limit that lies within the drawing."""
    limits = [math.inf * side if limit is None else limit for side, limit in ((-1, allowed.low), (1, allowed.high))]
    ends = sorted(scale.position(limit) for limit in limits)
    left, right = (frame.x(end) for end in ends)
    band = f"M{coordinate(left)} 2H{coordinate(right)}V{2 * frame.y - 2}H{coordinate(left)}z" if right > left else ""
    lines = (f"M{coordinate(frame.x(end))} 1V{2 * frame.y - 1}" for end in ends if 0 <= end <= 1)
    return band, "".join(lines)


def _bar(interval: Interval | None, scale: Scale, at: float, frame: Frame) -> tuple[str, str]:
    ends = (scale.position(interval.low), scale.position(interval.high)) if interval else (at, at)
    left, right = min(*ends, at), max(*ends, at)
    arrows = (f"M1 {frame.y}l7-4.5v9z" if left < 0 else "") + (
        f"M{frame.width - 1} {frame.y}l-7-4.5v9z" if right > 1 else ""
    )
    start, end = frame.x(left), frame.x(right)
    return (f"M{coordinate(start)} {frame.y}H{coordinate(end)}" if end > start else ""), arrows


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
