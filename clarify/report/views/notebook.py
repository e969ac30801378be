"""A result inside a notebook: the verdict sentence and the forest, readable with every style stripped."""

from __future__ import annotations

import hashlib
from html import escape

from clarify.report.first_screen.overview import verdict_sentence
from clarify.report.forest import Frame, glyph
from clarify.report.names import Names
from clarify.report.selection import group_words, groups_of
from clarify.report.view import names_of
from clarify.report.views.shortlist import Row, shortlist
from clarify.report.views.small_views import allowed_or_none, check_name, sizes_text, title_of
from clarify.report.views.summary import missing_text, value_text
from clarify.report.views.text_forest import LEGEND, text_forest, word_of
from clarify.report.words import Sentence, plain, some
from clarify.results import AnalysisResult, Verdict

MOST_ROWS = 24
FRAME = Frame(width=220, margin=8, y=11, hollow=4.2)
HEIGHT = 2 * FRAME.y

# On white, #111 and #1F1F1F each has a contrast of at least 3.7: nobody knows the background of a notebook.
COLOURS = {Verdict.PASS: "#2F7DB8", Verdict.VIOLATION: "#CC5528", Verdict.INCONCLUSIVE: "#94780F"}
GREY = "#777E87"

_STYLE = (
    "{c} table{{border-collapse:collapse;font-size:13px}}"
    "{c} th,{c} td{{padding:2px 8px;text-align:left;vertical-align:middle;background:none}}"
    "{c} tbody th[colspan]{{padding-top:8px;border-bottom:1px solid " + GREY + "}}"
    "{c} .n,{c} tbody th{{white-space:nowrap;font-variant-numeric:tabular-nums}}"
    "{c} tbody th[scope=row]{{font-weight:400}}"
    "{c} svg{{display:block;max-width:none}}"
)
_PART = {"text": "{}", "strong": "<strong>{}</strong>", "name": "<code><bdi>{}</bdi></code>"}
_HEAD = ("Check", "◂ has more · has less ▸", "Value (95 % interval)", "You allow", "Verdict")


def notebook_html(result: AnalysisResult) -> str:
    """An HTML fragment for ``_repr_html_``: sentence and forest table, at most 24 rows; the same result, same bytes.

    No script, no ``style=``, no address. Rules are scoped under one class whose suffix is a digest of the content.
    """
    body = _body(result)
    scope = f"clarify-{hashlib.sha256(body.encode()).hexdigest()[:10]}"
    style = _STYLE.format(c=f".{scope}")
    # Notebooks set $...$ as mathematics; the names are in <code>, which they leave alone, the rest says so itself.
    return f'<div class="{scope} tex2jax_ignore mathjax_ignore"><style>{style}</style>{body}</div>'


def text_view(result: AnalysisResult) -> str:
    """The same for ``text/plain``: subject, verdict sentence, forest drawn with letters."""
    lines = text_forest(result)
    left_out = shortlist(groups_of(result), most=max(len(lines), 1)).left_out
    more = [f"{some(left_out, 'more row', 'more rows')} in the report"] if left_out else []
    legend = [LEGEND] if lines and result.verdicts is not None else []
    return "\n".join([plain(title_of(result)), plain(verdict_sentence(result)), *lines, *more, *legend])


def _body(result: AnalysisResult) -> str:
    names, chosen = names_of(result), shortlist(groups_of(result), most=MOST_ROWS)
    parts = [f"<p><strong>{_html(title_of(result))}</strong></p>", f"<p>{_html(verdict_sentence(result))}</p>"]
    if chosen.rows:
        parts.append(_table(chosen.rows, names))
    if chosen.left_out:
        parts.append(f"<p>{some(chosen.left_out, 'more check', 'more checks')} in the report.</p>")
    return "\n".join(parts)


def _html(sentence: Sentence) -> str:
    return "".join(_PART[part.kind].format(escape(part.text)) for part in sentence)


def _table(rows: tuple[Row, ...], names: Names) -> str:
    head = "".join(f'<th scope="col" align="left">{word}</th>' for word in _HEAD)
    lines = [f"<table><thead><tr>{head}</tr></thead>"]
    for i, row in enumerate(rows):
        if i == 0 or row.group is not rows[i - 1].group:
            lines.append(f"{'</tbody>' if i else ''}<tbody>{_group_line(row, names)}")
        lines.append(_line(row))
    return "\n".join([*lines, "</tbody></table>"])


def _group_line(row: Row, names: Names) -> str:
    who = f"{_html(group_words(row.group, names))}, {sizes_text(row.group)}"
    return f'<tr><th scope="rowgroup" colspan="{len(_HEAD)}" align="left">{who}</th></tr>'


def _line(row: Row) -> str:
    return (
        f'<tr><th scope="row" align="left">{escape(check_name(row.measured))}</th>'
        f'{_drawing_and_value(row)}<td class="n">{allowed_or_none(row.measured)}</td>'
        f"<td><strong>{word_of(row.measured)}</strong></td></tr>"
    )


def _drawing_and_value(row: Row) -> str:
    """Two cells; without a value one, with the reason in place of the drawing."""
    if row.measured.metric.value is None:
        return f'<td colspan="2">{escape(missing_text(row.measured))}</td>'
    return f'<td>{_drawing(row)}</td><td class="n">{value_text(row.measured)}</td>'


def _drawing(row: Row) -> str:
    """The page's glyph with attributes only, for a notebook may strip every style; order and meaning are the same."""
    drawn = glyph(row.measured.metric, row.scale, FRAME, judgement=row.measured.judgement)
    colour = COLOURS[row.verdict] if row.verdict is not None else GREY
    mark = _stroked(colour, "1.8") if row.verdict is Verdict.INCONCLUSIVE else _filled(colour)
    ideal = f"M{drawn.ideal_x} 0V{HEIGHT}" if drawn.ideal_x else ""
    paths = (
        (drawn.band, f'{_filled(GREY)} opacity=".22"'),
        (ideal, 'fill="none" stroke="currentColor" stroke-opacity=".6" stroke-dasharray="1.5 2"'),
        (drawn.edges, _stroked(GREY, "1.2")),
        (drawn.thin, _stroked(colour, "1.2")),
        (drawn.bar, _stroked(colour, "4")),
        (drawn.arrows, _filled(colour)),
        (drawn.mark, mark),
    )
    placed = "".join(f'<path d="{path}" {looks}/>' for path, looks in paths if path)
    size = f'width="{FRAME.width}" height="{HEIGHT}" viewBox="0 0 {FRAME.width} {HEIGHT}"'
    return f'<svg {size} aria-hidden="true">{placed}</svg>'


def _stroked(colour: str, width: str) -> str:
    return f'fill="none" stroke="{colour}" stroke-width="{width}"'


def _filled(colour: str) -> str:
    return f'fill="{colour}"'
