"""The forest as a picture, for places that show images and nothing else; a door to matplotlib."""

from __future__ import annotations

from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clarify.report.first_screen.overview import verdict_sentence
from clarify.report.forest import Frame, Placed, drawn_x, is_in_view
from clarify.report.names import Names
from clarify.report.selection import Group, group_words, groups_of
from clarify.report.view import names_of
from clarify.report.views.shortlist import Row, shortlist
from clarify.report.views.small_views import allowed_or_none, check_name, sizes_text, title_of
from clarify.report.views.summary import missing_text, value_text
from clarify.report.views.text_forest import word_of
from clarify.report.words import plain, some
from clarify.results import AnalysisResult, Verdict

if TYPE_CHECKING:
    from matplotlib.font_manager import FontProperties

MOST_ROWS = 24
WIDTH_PX = 1200
_DPI = 100
_TOP, _GROUP, _ROW, _BOTTOM = 132, 34, 27, 40
_NAME_X, _GLYPH_X, _VALUE_X, _ALLOWED_X, _VERDICT_X = 30, 322, 650, 870, 1040
FRAME = Frame(width=316, margin=8, y=_ROW // 2)
_INK, _MUTED, _RULE, _AXIS, _BAND, _EDGE = "#15181C", "#565E68", "#D8DCE1", "#747D88", "#E4E9EE", "#6E7985"
_MARK = "#1F3A5F"
_COLOURS = {Verdict.PASS: "#00558C", Verdict.VIOLATION: "#A3310B", Verdict.INCONCLUSIVE: "#665000"}
_MARKS: dict[Verdict | None, str] = {
    None: "s", Verdict.PASS: "o", Verdict.VIOLATION: "^", Verdict.INCONCLUSIVE: "o",
}  # fmt: skip
_TAIL = 6


def forest_png(result: AnalysisResult) -> bytes:
    """A PNG of 1200 pixels' width on white: title, verdict sentence and at most 24 rows.

    The same result gives the same bytes with the same matplotlib: its own font and defaults, no time, no software
    name. Names are drawn as they are; a letter that the font lacks becomes a replacement character.
    """
    import matplotlib.style
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    names, groups = names_of(result), groups_of(result)
    chosen = shortlist(groups, most=MOST_ROWS)
    height = _TOP + _BOTTOM + sum(_ROW + _GROUP * _starts_group(chosen.rows, i) for i in range(len(chosen.rows)))
    with matplotlib.style.context("default", after_reset=True):
        figure = Figure(figsize=(WIDTH_PX / _DPI, height / _DPI), dpi=_DPI, facecolor="white")
        canvas: Any = FigureCanvasAgg(figure)
        sheet = _Sheet(figure.add_axes((0, 0, 1, 1)), canvas.get_renderer(), _Fonts.own())
        sheet.axes.set(xlim=(0, WIDTH_PX), ylim=(height, 0))
        sheet.axes.axis("off")
        _draw_head(sheet, result)
        y = _draw_rows(sheet, chosen.rows, names)
        if chosen.left_out:
            sheet.text(_NAME_X, y + 22, f"{some(chosen.left_out, 'more check', 'more checks')} in the report", _MUTED)
        written = BytesIO()
        figure.savefig(written, format="png", dpi=_DPI, metadata={"Software": None})
    return written.getvalue()


def _starts_group(rows: tuple[Row, ...], i: int) -> bool:
    return i == 0 or rows[i].group is not rows[i - 1].group


@dataclass(frozen=True)
class _Fonts:
    """DejaVu from matplotlib's own files: what else is installed does not matter."""

    regular: FontProperties
    bold: FontProperties
    letters: frozenset[int]

    @classmethod
    def own(cls) -> _Fonts:
        from matplotlib import get_data_path
        from matplotlib.font_manager import FontProperties
        from matplotlib.ft2font import FT2Font

        folder = Path(get_data_path()) / "fonts" / "ttf"
        regular, bold = folder / "DejaVuSans.ttf", folder / "DejaVuSans-Bold.ttf"
        letters = frozenset(FT2Font(str(regular)).get_charmap()) & frozenset(FT2Font(str(bold)).get_charmap())
        return cls(FontProperties(fname=str(regular)), FontProperties(fname=str(bold)), letters)

    def drawable(self, text: str) -> str:
        return "".join(c if ord(c) in self.letters else "\N{REPLACEMENT CHARACTER}" for c in text)


@dataclass(frozen=True)
class _Sheet:
    """Axes measured in pixels from the top left corner."""

    axes: Any
    renderer: Any
    fonts: _Fonts

    def text(
        self, x: float, y: float, text: str, colour: str = _INK, *,
        points: float = 9.5, bold: bool = False, most: float = WIDTH_PX,
    ) -> None:  # fmt: skip
        """One line, never read as mathematics, cut in its middle where it is wider than ``most`` pixels."""
        font = self.fonts.bold if bold else self.fonts.regular
        whole = self.fonts.drawable(text)
        drawn = self.axes.text(
            x, y, whole, color=colour, fontproperties=font, fontsize=points, va="center", parse_math=False
        )
        length = len(whole) - _TAIL
        while length > 1 and self._width(drawn) > most:
            length = min(length - 1, int(length * most / self._width(drawn)))
            drawn.set_text(f"{whole[:length].rstrip()}…{whole[-_TAIL:]}")

    def lines(self, x: float, y: float, text: str, *, points: float, most: float, at_most: int) -> None:
        """Words over several lines, 20 pixels apart; the last one is cut where they do not fit."""
        words = text.split(" ")
        for line in range(at_most):
            taken = self._fitting(words, points, most) if line < at_most - 1 else len(words)
            self.text(x, y + 20 * line, " ".join(words[:taken]), points=points, most=most)
            words = words[taken:]

    def _fitting(self, words: list[str], points: float, most: float) -> int:
        """How many of the words one line holds, at least one."""
        probe = self.axes.text(0, 0, "", fontproperties=self.fonts.regular, fontsize=points, parse_math=False)
        taken = len(words)
        while taken > 1:
            probe.set_text(self.fonts.drawable(" ".join(words[:taken])))
            if self._width(probe) <= most:
                break
            taken -= 1
        probe.remove()
        return taken

    def _width(self, drawn: Any) -> float:
        return float(drawn.get_window_extent(self.renderer).width)

    def line(self, x: list[float], y: list[float], colour: str, width: float, *, dotted: bool = False) -> None:
        self.axes.plot(x, y, color=colour, linewidth=width, linestyle=":" if dotted else "-", solid_capstyle="butt")

    def mark(self, x: float, y: float, shape: str, colour: str, *, filled: bool = True) -> None:
        self.axes.plot([x], [y], shape, color=colour, markersize=7.5, markerfacecolor=colour if filled else "white",
                       markeredgewidth=1.6)  # fmt: skip


def _draw_head(sheet: _Sheet, result: AnalysisResult) -> None:
    sheet.text(_NAME_X, 28, plain(title_of(result)), points=15, bold=True, most=WIDTH_PX - 2 * _NAME_X)
    said = plain(verdict_sentence(result))
    sheet.lines(_NAME_X, 58, said, points=10.5, most=WIDTH_PX - 2 * _NAME_X, at_most=2)
    heads = (
        (_NAME_X, "Check"), (_GLYPH_X + 8, "◂ has more"), (_GLYPH_X + FRAME.width - 78, "has less ▸"),
        (_VALUE_X, "Value (95 % interval)"), (_ALLOWED_X, "You allow"), (_VERDICT_X, "Verdict"),
    )  # fmt: skip
    for x, text in heads:
        sheet.text(x, 114, text, _MUTED, points=8.5)


def _draw_rows(sheet: _Sheet, rows: tuple[Row, ...], names: Names) -> float:
    y = float(_TOP)
    for i, row in enumerate(rows):
        if _starts_group(rows, i):
            _draw_group(sheet, row.group, names, y)
            y += _GROUP
        _draw_row(sheet, row, y + _ROW / 2)
        y += _ROW
    return y


def _draw_group(sheet: _Sheet, group: Group, names: Names, y: float) -> None:
    sheet.line([_NAME_X, WIDTH_PX - _NAME_X], [y + 3, y + 3], _RULE, 0.8)
    sheet.text(_NAME_X, y + 20, plain(group_words(group, names)), bold=True, points=10, most=580)
    sheet.text(_VALUE_X, y + 20, sizes_text(group), _MUTED)


def _draw_row(sheet: _Sheet, row: Row, y: float) -> None:
    measured = row.measured
    sheet.text(_NAME_X, y, check_name(measured), most=_GLYPH_X - _NAME_X)
    if measured.metric.value is None:
        sheet.text(_GLYPH_X + 8, y, missing_text(measured), _MUTED, most=_ALLOWED_X - _GLYPH_X - 18)
    else:
        _draw_glyph(sheet, row.placed, row.verdict, y)
        sheet.text(_VALUE_X, y, value_text(measured), most=_ALLOWED_X - _VALUE_X - 10)
    sheet.text(_ALLOWED_X, y, allowed_or_none(measured), most=_VERDICT_X - _ALLOWED_X - 10)
    colour = _MUTED if row.verdict is None else _COLOURS[row.verdict]
    sheet.text(_VERDICT_X, y, word_of(measured), colour, bold=True)


def _draw_glyph(sheet: _Sheet, drawn: Placed, verdict: Verdict | None, y: float) -> None:
    """The page's glyph: the same places, in the same order, off the limits by the same least gap."""

    def x(at: float) -> float:
        return _GLYPH_X + drawn_x(at, drawn.limits, FRAME)

    def upright(at: float, half: float, colour: str, width: float, *, dotted: bool = False) -> None:
        if is_in_view(at):
            sheet.line([x(at)] * 2, [y - half, y + half], colour, width, dotted=dotted)

    colour = _COLOURS[verdict] if verdict is not None else _MARK
    if drawn.band is not None:
        sheet.axes.fill_between([x(at) for at in drawn.band], y - 11, y + 11, color=_BAND, linewidth=0)
    upright(drawn.ideal, 11, _AXIS, 1, dotted=True)
    for limit in drawn.limits:
        upright(limit, 11, _EDGE, 1)
    for ends, width in ((drawn.thin, 1.3), (drawn.thick, 3.2)):
        if ends is not None:
            sheet.line([x(at) for at in ends], [y, y], colour, width)
    for end in drawn.thin or ():
        upright(end, 5, colour, 1.3)
    low, high = drawn.reach or (0.0, 1.0)
    for arrow, end, is_beyond in (("<", 0.0, low < 0), (">", 1.0, high > 1)):
        if is_beyond:
            sheet.mark(x(end), y, arrow, colour)
    if drawn.value is not None and is_in_view(drawn.value):
        sheet.mark(x(drawn.value), y, _MARKS[verdict], colour, filled=verdict is not Verdict.INCONCLUSIVE)
