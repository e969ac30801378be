"""The forest drawn with letters: seventy-two columns for a terminal, a log, a fence in Markdown."""

from __future__ import annotations

import math
import unicodedata
from dataclasses import dataclass

from clarify.report import numbers
from clarify.report.forest import Placed, is_in_view
from clarify.report.judged import chip_of, edges_of
from clarify.report.names import Names
from clarify.report.selection import Measured, groups_of
from clarify.report.view import names_of
from clarify.report.views.shortlist import Row, shortlist
from clarify.report.words import NOT_SHOWN, named_group
from clarify.results import AnalysisResult, Judgement, MetricValue, Reason, Verdict

MOST_ROWS = 12
COLUMNS = 72
CELLS = 23
_ACRONYM, _VALUE = 5, 7
_WHO = COLUMNS - _ACRONYM - CELLS - _VALUE - len("INCONCLUSIVE") - 4
_WIDE = {"W", "F"}
_KEPT = 4                                 # letters at the end of a name: " #12" tells it from another

OUTSIDE, INSIDE, LEFT, RIGHT, IDEAL = "░", "·", "[", "]", "┊"
THIN, THICK, LEFT_CAP, RIGHT_CAP, BOTH_CAPS, FURTHER_LEFT, FURTHER_RIGHT = "─", "━", "├", "┤", "┼", "◂", "▸"
MARKS: dict[Verdict | None, str] = {
    None: "■", Verdict.PASS: "●", Verdict.INCONCLUSIVE: "○", Verdict.VIOLATION: "▲",
}  # fmt: skip
_ASCII = str.maketrans(
    {
        OUTSIDE: ".", INSIDE: "_", IDEAL: ":", THIN: "-", THICK: "=", LEFT_CAP: "|", RIGHT_CAP: "|", BOTH_CAPS: "|",
        FURTHER_LEFT: "<", FURTHER_RIGHT: ">", "■": "#", "●": "*", "○": "o", "▲": "!", numbers.MINUS: "-", "…": "~",
    }
)  # fmt: skip
LEGEND = f"{LEFT}{INSIDE * 3}{RIGHT} the range you allow, {THICK} 95 %, {LEFT_CAP}{RIGHT_CAP} the interval that decides"


def text_forest(result: AnalysisResult, *, most: int = MOST_ROWS) -> tuple[str, ...]:
    """At most ``most`` rows of at most 72 columns: check, group, drawing, value, verdict; right means has less.

    Drawn on the axis of the page's forest. Of a check with an allowed range the row tells the verdict: the interval
    that decides lies between the brackets (PASS), beyond one of them (VIOLATION), or on both sides of one
    (INCONCLUSIVE).
    """
    names = names_of(result)
    return tuple(_text_row(row, names) for row in shortlist(groups_of(result), most=most).rows)


def in_ascii(lines: tuple[str, ...]) -> tuple[str, ...]:
    """The same lines for a place that knows only ASCII; letters of names that are not become question marks."""
    return tuple("".join(map(_ascii_letter, line.translate(_ASCII))) for line in lines)


def _ascii_letter(letter: str) -> str:
    return letter if letter.isascii() else "?" * _columns(letter)


def _text_row(row: Row, names: Names) -> str:
    who = _fitted(short_group(names[row.group.facet], names[row.group.value], _WHO), _WHO)
    name, value = f"{row.measured.metric.name:<{_ACRONYM}}", f"{_short_value(row.measured):>{_VALUE}}"
    return f"{name} {who} {_drawn(row)} {value} {word_of(row.measured)}"


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


def _drawn(row: Row) -> str:
    metric = row.measured.metric
    if metric.value is None:
        return _fitted(_short_reason(metric, row.measured.judgement), CELLS)
    return row_cells(row.placed, row.verdict)


def _short_reason(metric: MetricValue, judgement: Judgement | None) -> str:
    reason: Reason | None = metric.undefined_because or (judgement.reason if judgement is not None else None)
    if reason is Reason.WITHHELD:
        return NOT_SHOWN
    return str(reason or "").replace("_", " ")


@dataclass(frozen=True)
class _Cells:
    """Which cells lie left of the allowed range, inside it and right of it: a limit's own cell holds its bracket.

    What stands on one side of a limit is never drawn on the other, however close it is.
    """

    left: float | None
    right: float | None
    left_bracket: int
    right_bracket: int

    @classmethod
    def of(cls, drawn: Placed) -> _Cells:
        """The brackets stand where the page draws its limits: 8 cells, ``[``, 5 cells, ``]``, 8 cells."""
        left, right = (at if at in drawn.limits else None for at in drawn.band or (-math.inf, math.inf))
        first = -1 if left is None else _cell(left, 2, CELLS - 4)
        last = CELLS if right is None else _cell(right, 3, CELLS - 3)
        if last - first < 2:                  # a range of one value has a cell of its own
            first, last = first - 1, last + 1
        return cls(left, right, first, last)

    def at(self, place: float) -> int:
        """The cell of a place: on a limit is inside."""
        if self.left is not None and place < self.left:
            return _cell(place, 0, self.left_bracket - 1)
        if self.right is not None and place > self.right:
            return _cell(place, self.right_bracket + 1, CELLS - 1)
        return _cell(place, self.left_bracket + 1, self.right_bracket - 1)

    def ends(self, low: float, high: float) -> tuple[int, int]:
        """The cells of an interval that decides: an end on a limit reaches over it, for what touches is undecided."""
        return self.at(math.nextafter(low, -math.inf)), self.at(math.nextafter(high, math.inf))


def _cell(place: float, first: int, last: int) -> int:
    return min(max(math.floor(min(max(place, 0.0), 1.0) * CELLS), first), last)


def row_cells(drawn: Placed, verdict: Verdict | None) -> str:
    """The cells of one check: brackets at the limits, never painted over, so that the verdict can be read off.

    Without an interval that decides (no range, nothing to test, a document of an earlier version) nothing is capped.
    """
    cells = _Cells.of(drawn)
    painted = _background(drawn, cells)
    thin = cells.ends(*drawn.thin) if drawn.thin is not None else None
    if thin is not None:
        _paint(painted, thin, THIN)
    if drawn.thick is not None:
        _paint(painted, (cells.at(drawn.thick[0]), cells.at(drawn.thick[1])), THICK)
    if thin is not None:
        painted[thin[0]], painted[thin[1]] = (LEFT_CAP, RIGHT_CAP) if thin[0] < thin[1] else (BOTH_CAPS, BOTH_CAPS)
    if drawn.value is not None:
        painted[cells.at(drawn.value)] = MARKS[verdict]
    _point_beyond(painted, drawn)
    for bracket, letter in ((cells.left_bracket, LEFT), (cells.right_bracket, RIGHT)):
        if 0 <= bracket < CELLS:
            painted[bracket] = letter
    return "".join(painted)


def _background(drawn: Placed, cells: _Cells) -> list[str]:
    if drawn.band is None:
        painted = [" "] * CELLS
    else:
        first, last = cells.at(drawn.band[0]), cells.at(drawn.band[1])
        painted = [INSIDE if first <= cell <= last else OUTSIDE for cell in range(CELLS)]
    if is_in_view(drawn.ideal):
        painted[cells.at(drawn.ideal)] = IDEAL
    return painted


def _paint(painted: list[str], ends: tuple[int, int], line: str) -> None:
    first, last = ends
    painted[first : last + 1] = [line] * (last - first + 1)


def _point_beyond(painted: list[str], drawn: Placed) -> None:
    """An arrow head stands for the cap, or the mark, that would stand there; where one is hidden it would mislead."""
    ends = drawn.thin or drawn.thick or ()
    seen = ends if drawn.value is None else (*ends, drawn.value)
    if min(seen, default=0.0) < 0:
        painted[0] = FURTHER_LEFT
    if max(seen, default=1.0) > 1:
        painted[-1] = FURTHER_RIGHT
