"""The forest as a picture, for places that show images and nothing else; a door to matplotlib."""

from __future__ import annotations

from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clarify.bias.catalog import BY_NAME
from clarify.report.charts import scales_of
from clarify.report.forest import Scale
from clarify.report.judged import allowed_text
from clarify.report.names import Names
from clarify.report.normalised import Ends, Places, Row, is_seen, places_of, share_of_view, shortlist
from clarify.report.overview import subject, verdict_sentence
from clarify.report.selection import Group, Measured, group_words, groups_of
from clarify.report.summary import missing_text, rows_text, value_text
from clarify.report.text_forest import word_of
from clarify.report.view import names_of
from clarify.report.words import plain, say, some
from clarify.results import AnalysisResult, Verdict

if TYPE_CHECKING:
    from matplotlib.font_manager import FontProperties

MOST_ROWS = 24
WIDTH_PX = 1200
_DPI = 100
_TOP, _GROUP, _ROW, _BOTTOM = 132, 34, 27, 40
_NAME_X, _GLYPH, _VALUE_X, _ALLOWED_X, _VERDICT_X = 30, (330, 630), 650, 870, 1040
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
        _draw_head(sheet, result, names)
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


def _draw_head(sheet: _Sheet, result: AnalysisResult, names: Names) -> None:
    title = plain(say(subject(result, names), f", on {some(result.dataset.rows, 'row', 'rows')}"))
    sheet.text(_NAME_X, 28, title, points=15, bold=True, most=WIDTH_PX - 2 * _NAME_X)
    said = plain(verdict_sentence(result))
    sheet.lines(_NAME_X, 58, said, points=10.5, most=WIDTH_PX - 2 * _NAME_X, at_most=2)
    heads = (
        (_NAME_X, "Check"), (_GLYPH[0], "◂ has more"), (_GLYPH[1] - 70, "has less ▸"),
        (_VALUE_X, "Value (95 % interval)"), (_ALLOWED_X, "You allow"), (_VERDICT_X, "Verdict"),
    )  # fmt: skip
    for x, text in heads:
        sheet.text(x, 114, text, _MUTED, points=8.5)


def _draw_rows(sheet: _Sheet, rows: tuple[Row, ...], names: Names) -> float:
    y = float(_TOP)
    scales = scales_of(row.measured.metric for row in rows)
    for i, row in enumerate(rows):
        if _starts_group(rows, i):
            _draw_group(sheet, row.group, names, y)
            y += _GROUP
        _draw_row(sheet, row.measured, scales[row.measured.metric.name], y + _ROW / 2)
        y += _ROW
    return y


def _draw_group(sheet: _Sheet, group: Group, names: Names, y: float) -> None:
    sheet.line([_NAME_X, WIDTH_PX - _NAME_X], [y + 3, y + 3], _RULE, 0.8)
    sheet.text(_NAME_X, y + 20, plain(group_words(group, names)), bold=True, points=10, most=580)
    sizes = f"{rows_text(group.counts.d)} rows · others {rows_text(group.counts.a)} rows"
    sheet.text(_VALUE_X, y + 20, sizes, _MUTED)


def _draw_row(sheet: _Sheet, measured: Measured, scale: Scale, y: float) -> None:
    metric, judgement, places = measured.metric, measured.judgement, places_of(measured, scale)
    sheet.text(_NAME_X, y, f"{BY_NAME[metric.name].title} ({metric.name})", most=_GLYPH[0] - _NAME_X - 10)
    if places is None:
        sheet.text(_GLYPH[0], y, missing_text(measured), _MUTED, most=_ALLOWED_X - _GLYPH[0] - 10)
    else:
        _draw_glyph(sheet, places, judgement.verdict if judgement is not None else None, y)
        sheet.text(_VALUE_X, y, value_text(measured), most=_ALLOWED_X - _VALUE_X - 10)
    allowed = "none declared" if judgement is None else allowed_text(judgement)
    sheet.text(_ALLOWED_X, y, allowed, most=_VERDICT_X - _ALLOWED_X - 10)
    colour = _MUTED if judgement is None else _COLOURS[judgement.verdict]
    sheet.text(_VERDICT_X, y, word_of(measured), colour, bold=True)


def _draw_glyph(sheet: _Sheet, places: Places, verdict: Verdict | None, y: float) -> None:
    colour = _COLOURS[verdict] if verdict is not None else _MARK
    if places.band is not None:
        sheet.axes.fill_between([_x(u) for u in places.band], y - 11, y + 11, color=_BAND, linewidth=0)
        for edge in filter(is_seen, places.band):
            sheet.line([_x(edge)] * 2, [y - 11, y + 11], _EDGE, 1)
    if is_seen(places.ideal):
        sheet.line([_x(places.ideal)] * 2, [y - 11, y + 11], _AXIS, 1, dotted=True)
    for ends, width in ((places.thin, 1.3), (places.thick, 3.2)):
        if ends is not None:
            sheet.line([_x(ends[0]), _x(ends[1])], [y, y], colour, width)
            _draw_ends(sheet, ends, y, colour, capped=ends is places.thin)
    if is_seen(places.value):
        filled = verdict is not Verdict.INCONCLUSIVE
        sheet.mark(_x(places.value), y, _MARKS[verdict], colour, filled=filled)


def _draw_ends(sheet: _Sheet, ends: Ends, y: float, colour: str, *, capped: bool) -> None:
    """Caps where the deciding interval ends, arrow heads where any bar leaves the view."""
    for u, arrow in zip(ends, ("<", ">"), strict=True):
        if not is_seen(u):
            sheet.mark(_x(u), y, arrow, colour)
        elif capped:
            sheet.line([_x(u)] * 2, [y - 5, y + 5], colour, 1.3)


def _x(u: float) -> float:
    return _GLYPH[0] + share_of_view(u) * (_GLYPH[1] - _GLYPH[0])
