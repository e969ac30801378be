"""A result inside a notebook: the verdict sentence and the forest, readable with every style stripped."""

from __future__ import annotations

import hashlib
from html import escape

from clarify.bias.catalog import BY_NAME
from clarify.report.charts import scales_of
from clarify.report.forest import Scale, coordinate
from clarify.report.judged import allowed_text
from clarify.report.names import Names
from clarify.report.normalised import (
    VIEW,
    Ends,
    Places,
    Row,
    is_seen,
    places_of,
    share_of_view,
    shortlist,
)
from clarify.report.overview import subject, verdict_sentence
from clarify.report.selection import Measured, group_words, groups_of
from clarify.report.summary import missing_text, rows_text, value_text
from clarify.report.text_forest import LEGEND, text_forest, word_of
from clarify.report.view import names_of
from clarify.report.words import Sentence, plain, say, some
from clarify.results import AnalysisResult, Verdict

MOST_ROWS = 24
WIDTH, HEIGHT, MARGIN, RADIUS = 220, 22, 8, 4.4
_Y = HEIGHT // 2

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
    return "\n".join([plain(_title(result)), plain(verdict_sentence(result)), *lines, *more, *legend])


def _title(result: AnalysisResult) -> Sentence:
    return say(subject(result, names_of(result)), f", on {some(result.dataset.rows, 'row', 'rows')}")


def _body(result: AnalysisResult) -> str:
    names, chosen = names_of(result), shortlist(groups_of(result), most=MOST_ROWS)
    parts = [f"<p><strong>{_html(_title(result))}</strong></p>", f"<p>{_html(verdict_sentence(result))}</p>"]
    if chosen.rows:
        parts.append(_table(chosen.rows, names))
    if chosen.left_out:
        parts.append(f"<p>{some(chosen.left_out, 'more check', 'more checks')} in the report.</p>")
    return "\n".join(parts)


def _html(sentence: Sentence) -> str:
    return "".join(_PART[part.kind].format(escape(part.text)) for part in sentence)


def _table(rows: tuple[Row, ...], names: Names) -> str:
    head = "".join(f'<th scope="col" align="left">{word}</th>' for word in _HEAD)
    scales = scales_of(row.measured.metric for row in rows)
    lines = [f"<table><thead><tr>{head}</tr></thead>"]
    for i, row in enumerate(rows):
        if i == 0 or row.group is not rows[i - 1].group:
            lines.append(f"{'</tbody>' if i else ''}<tbody>{_group_line(row, names)}")
        lines.append(_line(row.measured, scales[row.measured.metric.name]))
    return "\n".join([*lines, "</tbody></table>"])


def _group_line(row: Row, names: Names) -> str:
    counts = row.group.counts
    sizes = f"{rows_text(counts.d)} rows · others {rows_text(counts.a)} rows"
    who = f"{_html(group_words(row.group, names))}, {sizes}"
    return f'<tr><th scope="rowgroup" colspan="{len(_HEAD)}" align="left">{who}</th></tr>'


def _line(measured: Measured, scale: Scale) -> str:
    metric, judgement = measured.metric, measured.judgement
    allowed = "none declared" if judgement is None else allowed_text(judgement)
    return (
        f'<tr><th scope="row" align="left">{escape(BY_NAME[metric.name].title)} ({metric.name})</th>'
        f'{_drawing_and_value(measured, scale)}<td class="n">{allowed}</td>'
        f"<td><strong>{word_of(measured)}</strong></td></tr>"
    )


def _drawing_and_value(measured: Measured, scale: Scale) -> str:
    """Two cells; without a value one, with the reason in place of the drawing."""
    metric, places = measured.metric, places_of(measured, scale)
    if metric.value is None or places is None:
        return f'<td colspan="2">{escape(missing_text(measured))}</td>'
    verdict = measured.judgement.verdict if measured.judgement is not None else None
    return f'<td>{_glyph(places, verdict)}</td><td class="n">{value_text(measured)}</td>'


# --- the glyph: attributes only, for a notebook may strip every style -------------------------------------------------


def _glyph(places: Places, verdict: Verdict | None) -> str:
    colour = COLOURS[verdict] if verdict is not None else GREY
    drawn = (
        _band(places.band) if places.band is not None else "",
        _upright(places.ideal, 'stroke="currentColor" stroke-opacity=".6" stroke-dasharray="1.5 2"'),
        _thin(places.thin, _hole(places, verdict), colour) if places.thin is not None else "",
        _bar(places.thick, _hole(places, verdict), colour, "4") if places.thick is not None else "",
        _arrows(places.thin or places.thick or (places.value,) * 2, colour),
        _mark(places.value, verdict, colour),
    )
    size = f'width="{WIDTH}" height="{HEIGHT}" viewBox="0 0 {WIDTH} {HEIGHT}"'
    return f'<svg {size} aria-hidden="true">{"".join(drawn)}</svg>'


def _x(u: float) -> float:
    return MARGIN + share_of_view(u) * (WIDTH - 2 * MARGIN)


def _band(band: Ends) -> str:
    left, right = map(_x, band)
    width = coordinate(right - left)
    filled = f'<rect x="{coordinate(left)}" y="1" width="{width}" height="{HEIGHT - 2}" fill="{GREY}" opacity=".22"/>'
    return filled + "".join(_upright(edge, f'stroke="{GREY}"') for edge in band)


def _upright(u: float, stroke: str) -> str:
    return f'<path d="M{coordinate(_x(u))} 1V{HEIGHT - 1}" {stroke} fill="none"/>' if is_seen(u) else ""


def _hole(places: Places, verdict: Verdict | None) -> Ends | None:
    """Where the open circle of INCONCLUSIVE interrupts the bars: nobody knows the colour to fill it with."""
    if verdict is not Verdict.INCONCLUSIVE or not is_seen(places.value):
        return None
    return _x(places.value) - RADIUS, _x(places.value) + RADIUS


def _thin(ends: Ends, hole: Ends | None, colour: str) -> str:
    caps = "".join(f"M{coordinate(_x(u))} {_Y - 4}v8" for u in ends if is_seen(u))
    drawn = f'<path d="{caps}" stroke="{colour}" stroke-width="1.4" fill="none"/>' if caps else ""
    return _bar(ends, hole, colour, "1.4") + drawn


def _bar(ends: Ends, hole: Ends | None, colour: str, thickness: str) -> str:
    left, right = map(_x, ends)
    pieces = [(left, right)] if hole is None else [(left, min(right, hole[0])), (max(left, hole[1]), right)]
    path = "".join(f"M{coordinate(start)} {_Y}H{coordinate(end)}" for start, end in pieces if end > start)
    return f'<path d="{path}" stroke="{colour}" stroke-width="{thickness}" fill="none"/>' if path else ""


def _arrows(ends: Ends, colour: str) -> str:
    left = f'<path d="M1 {_Y}l7-4v8z" fill="{colour}"/>' if ends[0] < VIEW[0] else ""
    return left + (f'<path d="M{WIDTH - 1} {_Y}l-7-4v8z" fill="{colour}"/>' if ends[1] > VIEW[1] else "")


def _mark(u: float, verdict: Verdict | None, colour: str) -> str:
    if not is_seen(u):
        return ""
    x = coordinate(_x(u))
    if verdict is None:
        return f'<path d="M{coordinate(_x(u) - 3.5)} {_Y - 3.5}h7v7h-7z" fill="{colour}"/>'
    if verdict is Verdict.VIOLATION:
        return f'<path d="M{x} {_Y - 6}l5.8 10.4h-11.6z" fill="{colour}"/>'
    fill = colour if verdict is Verdict.PASS else "none"
    return f'<circle cx="{x}" cy="{_Y}" r="{RADIUS}" fill="{fill}" stroke="{colour}" stroke-width="1.8"/>'
