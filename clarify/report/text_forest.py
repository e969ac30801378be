"""The forest drawn with letters: seventy-two columns for a terminal, a log, a fence in Markdown."""

from __future__ import annotations

import math
import unicodedata
from dataclasses import dataclass

from clarify.report import numbers
from clarify.report.charts import scales_of
from clarify.report.forest import Scale
from clarify.report.judged import chip_of, edges_of
from clarify.report.names import Names
from clarify.report.normalised import VIEW, Axis, Row, axis_of, shortlist
from clarify.report.selection import Measured, groups_of
from clarify.report.view import names_of
from clarify.report.words import named_group
from clarify.results import AnalysisResult, Interval, Judgement, MetricValue, Reason, Verdict

MOST_ROWS = 12
COLUMNS = 72
CELLS = 23
_SIDE, _INSIDE = 8, 5                     # of the cells: 8 outside, limit, 5 inside, limit, 8 outside
_ACRONYM, _VALUE = 5, 7
_WHO = COLUMNS - _ACRONYM - CELLS - _VALUE - len("INCONCLUSIVE") - 4
_WIDE = {"W", "F"}
_KEPT = 4                                 # letters at the end of a name: " #12" tells it from another

OUTSIDE, INSIDE, LEFT, RIGHT, IDEAL = "░", "·", "[", "]", "┊"
THIN, THICK, LEFT_CAP, RIGHT_CAP, FURTHER_LEFT, FURTHER_RIGHT = "─", "━", "├", "┤", "◂", "▸"
MARKS: dict[Verdict | None, str] = {
    None: "■", Verdict.PASS: "●", Verdict.INCONCLUSIVE: "○", Verdict.VIOLATION: "▲",
}  # fmt: skip
_ASCII = str.maketrans(
    {
        OUTSIDE: ".", INSIDE: "_", IDEAL: ":", THIN: "-", THICK: "=", LEFT_CAP: "|", RIGHT_CAP: "|",
        FURTHER_LEFT: "<", FURTHER_RIGHT: ">", "■": "#", "●": "*", "○": "o", "▲": "!", numbers.MINUS: "-", "…": "~",
    }
)  # fmt: skip
LEGEND = f"{LEFT}{INSIDE * 3}{RIGHT} the range you allow, {THICK} 95 %, {LEFT_CAP}{RIGHT_CAP} the interval that decides"


def text_forest(result: AnalysisResult, *, most: int = MOST_ROWS) -> tuple[str, ...]:
    """At most ``most`` rows of at most 72 columns: check, group, drawing, value, verdict; right means has less.

    Of a check with an allowed range the row tells the verdict: all that is drawn of the interval lies between the
    brackets (PASS), beyond one of them (VIOLATION), or on both sides of one (INCONCLUSIVE).
    """
    names, chosen = names_of(result), shortlist(groups_of(result), most=most)
    scales = scales_of(row.measured.metric for row in chosen.rows)
    return tuple(_text_row(row, scales[row.measured.metric.name], names) for row in chosen.rows)


def in_ascii(lines: tuple[str, ...]) -> tuple[str, ...]:
    """The same lines for a place that knows only ASCII; letters of names that are not become question marks."""
    return tuple("".join(map(_ascii_letter, line.translate(_ASCII))) for line in lines)


def _ascii_letter(letter: str) -> str:
    return letter if letter.isascii() else "?" * _columns(letter)


def _text_row(row: Row, scale: Scale, names: Names) -> str:
    who = _fitted(short_group(names[row.group.facet], names[row.group.value], _WHO), _WHO)
    name, value = f"{row.measured.metric.name:<{_ACRONYM}}", f"{_short_value(row.measured):>{_VALUE}}"
    return f"{name} {who} {_drawn(row.measured, scale)} {value} {word_of(row.measured)}"


def short_group(facet: str, value: str, width: int) -> str:
    """``sex = female`` in at most ``width`` columns; each name is cut in its middle, for it may end in its number.

    Examples
    --------
    >>> short_group("foreign_worker_of_any_kind", "A201", 21)
    'foreign_w…kind = A201'
    """
    relation = named_group(facet, value)[1].text
    room = width - len(relation)
    value = _cut(value, max(room // 2, room - _width(facet)))
    return f"{_cut(facet, room - _width(value))}{relation}{value}"


def _cut(name: str, width: int) -> str:
    if _width(name) <= width:
        return name
    tail = name[-_KEPT:]
    while _width(name) + 1 + _width(tail) > width and name:
        name = name[:-1]
    return f"{name}…{tail}"


def word_of(measured: Measured) -> str:
    """The verdict, or why there is none: NO RANGE, UNDEFINED, WITHHELD."""
    return chip_of(measured.metric, measured.judgement).word


def _short_value(measured: Measured) -> str:
    metric = measured.metric
    if metric.value is None:
        return ""
    if math.isinf(metric.value):
        return "inf" if metric.value > 0 else f"{numbers.MINUS}inf"
    text = numbers.decimal(metric.value, numbers.decimals_apart(metric.value, edges_of(measured.judgement)))
    return text if len(text) <= _VALUE else f"{metric.value:.0e}".replace("-", numbers.MINUS)


def _fitted(text: str, width: int) -> str:
    """Exactly ``width`` columns."""
    shown = _cut(text, width)
    return shown + " " * (width - _width(shown))


def _width(text: str) -> int:
    """Columns of a terminal: wide letters take two, combining marks none."""
    return sum(map(_columns, text))


def _columns(letter: str) -> int:
    if unicodedata.combining(letter) or unicodedata.category(letter) == "Cf":
        return 0
    return 2 if unicodedata.east_asian_width(letter) in _WIDE else 1


def _drawn(measured: Measured, scale: Scale) -> str:
    metric, judgement = measured.metric, measured.judgement
    if metric.value is None:
        return _fitted(_short_reason(metric, judgement), CELLS)
    if judgement is None:
        return _on_scale(metric, metric.value, scale)
    return judged_cells(axis_of(judgement), metric.value, metric.interval, judgement)


def _short_reason(metric: MetricValue, judgement: Judgement | None) -> str:
    reason: Reason | None = metric.undefined_because or (judgement.reason if judgement is not None else None)
    return str(reason or "").replace("_", " ")


@dataclass(frozen=True)
class _Stretch:
    """Consecutive cells, and what they span in widths of the allowed range."""

    start: float
    end: float
    first: int
    last: int

    def cell(self, u: float) -> int:
        share = (u - self.start) / (self.end - self.start) if self.end > self.start else 0.5
        n_cells = self.last - self.first + 1
        return self.first + min(max(math.floor(min(max(share, 0.0), 1.0) * n_cells), 0), n_cells - 1)


def _stretches(axis: Axis) -> dict[int, _Stretch]:
    """The cells left of, inside and right of the band; a value is only ever drawn in the stretch it belongs to."""
    start, end = axis.band
    first, last = 0, CELLS - 1
    found = {}
    if math.isfinite(start):
        found[-1] = _Stretch(VIEW[0], start, 0, _SIDE - 1)
        first = _SIDE + 1
    if math.isfinite(end):
        found[1] = _Stretch(end, VIEW[1], _SIDE + _INSIDE + 2, last)
        last = _SIDE + _INSIDE
    found[0] = _Stretch(max(start, VIEW[0]), min(end, VIEW[1]), first, last)
    return found


def judged_cells(axis: Axis, value: float, interval: Interval | None, judgement: Judgement) -> str:
    """The cells of one check: brackets at the limits, never painted over, so that the verdict can be read off.

    Without a deciding interval (a document of an earlier version) the 95 % interval is drawn, and nothing is capped.
    """
    stretches = _stretches(axis)

    def place(at: float) -> int:
        return stretches[axis.side(at)].cell(axis.u(at))

    cells = _background(stretches, place(axis.ideal))
    thick, thin = _ends(interval, value), _ends(judgement.deciding or interval, value)
    _paint(cells, sorted(map(place, thin)), THIN)
    _paint(cells, sorted(map(place, thick)), THICK)
    if judgement.deciding is not None:
        first, last = sorted(map(place, thin))
        cells[first], cells[last] = LEFT_CAP, RIGHT_CAP
    cells[place(value)] = MARKS[judgement.verdict]
    _point_beyond(cells, [axis.u(end) for end in thin])
    _set_limits(cells, stretches)
    return "".join(cells)


def _ends(interval: Interval | None, value: float) -> tuple[float, float]:
    return (value, value) if interval is None else (min(interval.low, value), max(interval.high, value))


def _background(stretches: dict[int, _Stretch], ideal: int) -> list[str]:
    inside = range(stretches[0].first, stretches[0].last + 1)
    cells = [INSIDE if cell in inside else OUTSIDE for cell in range(CELLS)]
    cells[ideal] = IDEAL
    return cells


def _paint(cells: list[str], ends: list[int], line: str) -> None:
    first, last = ends
    cells[first : last + 1] = [line] * (last - first + 1)


def _point_beyond(cells: list[str], drawn: list[float]) -> None:
    if min(drawn) < VIEW[0]:
        cells[0] = FURTHER_LEFT
    if max(drawn) > VIEW[1]:
        cells[-1] = FURTHER_RIGHT


def _set_limits(cells: list[str], stretches: dict[int, _Stretch]) -> None:
    if -1 in stretches:
        cells[stretches[0].first - 1] = LEFT
    if 1 in stretches:
        cells[stretches[0].last + 1] = RIGHT


def _on_scale(metric: MetricValue, value: float, scale: Scale) -> str:
    """A check without an allowed range, on the fixed domain of its metric."""

    def place(at: float) -> int:
        return round(min(max(scale.position(at), 0.0), 1.0) * (CELLS - 1))

    cells = [" "] * CELLS
    cells[place(scale.ideal)] = IDEAL
    _paint(cells, sorted(map(place, _ends(metric.interval, value))), THICK)
    cells[place(value)] = MARKS[None]
    return "".join(cells)
