"""A result in a few lines: for a terminal, for a Markdown page, for a table of checks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from clarify.bias.catalog import BY_NAME
from clarify.report import numbers
from clarify.report.charts import scales_of
from clarify.report.forest import Scale
from clarify.report.judged import allowed_text, chip_of
from clarify.report.names import Names, clean
from clarify.report.overview import (
    found_attributions,
    found_gaps,
    found_undecided,
    found_violations,
    subject,
    undefined_findings,
    verdict_sentence,
)
from clarify.report.selection import Group, Measured, clearest_gaps, first_metrics, groups_of
from clarify.report.view import names_of
from clarify.report.words import Sentence, metric_sentence, named_group, plain, say, why_undefined
from clarify.results import AnalysisResult, MetricValue

MOST_GAPS = 3
MOST_VIOLATIONS = 10
MOST_UNDECIDED = 5
MOST_TABLE_ROWS = 200
MOST_TEXT_FOREST_ROWS = 12
TEXT_FOREST_CELLS = 21
_SPECIAL = frozenset("\\`*_[]<>#|~@!")


@dataclass(frozen=True)
class CheckRow:
    """One check for a table: text only, cleaned and inert in Markdown; ``facet`` and ``group`` are code spans."""

    verdict: str
    facet: str
    group: str
    check: str
    value: str
    interval: str
    allowed: str
    rows: str
    why: str


def findings(result: AnalysisResult) -> tuple[str, ...]:
    """What the command line prints last: the verdict sentence, the clearest gaps, attributions, what is undefined."""
    names, groups = names_of(result), groups_of(result)
    sentences = (
        verdict_sentence(result),
        *found_violations(groups, names, most=MOST_VIOLATIONS),
        *found_undecided(groups, names, most=MOST_UNDECIDED),
        *found_gaps(groups, names, most=MOST_GAPS),
        *found_attributions(result, names),
        *(say("Undefined: ", sentence) for sentence in undefined_findings(groups, names)),
    )
    return tuple(plain(sentence) for sentence in sentences)


def metric_rows(result: AnalysisResult, *, most: int = MOST_TABLE_ROWS) -> tuple[CheckRow, ...]:
    """One row per metric and group, in the order of the configuration; a last row says how many did not fit."""
    names = names_of(result)
    rows = [_check_row(group, m, names) for group in groups_of(result) for m in group.measured]
    if len(rows) <= most:
        return tuple(rows)
    more = f"{numbers.count(len(rows) - most + 1)} more rows in extended.json"
    return (*rows[: most - 1], CheckRow("", "", "", more, "", "", "", "", ""))


def _check_row(group: Group, measured: Measured, names: Names) -> CheckRow:
    metric, counts = measured.metric, measured.counts
    return CheckRow(
        verdict=chip_of(metric, measured.judgement).word,
        facet=code_span(names[group.facet]),
        group=code_span(names[group.value]),
        check=f"{BY_NAME[metric.name].title} ({metric.name})",
        value="" if metric.value is None else numbers.decimal(metric.value, numbers.CARD_DECIMALS),
        interval="" if metric.interval is None else numbers.interval(metric.interval, numbers.CARD_DECIMALS),
        allowed="none declared" if measured.judgement is None else allowed_text(measured.judgement),
        rows=f"{numbers.count(counts.d.rows)} / {numbers.count(counts.a.rows)}",
        why=why_undefined(metric) if metric.value is None else "",
    )


def markdown_summary(result: AnalysisResult) -> str:
    """GitHub Markdown without HTML: the verdict sentence, three lists, a forest drawn with letters, the digests."""
    names, groups = names_of(result), groups_of(result)
    parts = [
        f"# {to_markdown(subject(result, names))}, on {numbers.count(result.dataset.rows)} rows",
        to_markdown(verdict_sentence(result)),
        *_list("Found", (*_gap_sentences(groups, names), *found_attributions(result, names))),
        *_list("Undefined", undefined_findings(groups, names)),
        *_fenced(text_forest(result)),
        f"Data {_digest(result.dataset.digest)}, configuration {_digest(result.config_digest)}.",
    ]
    return "\n\n".join(parts) + "\n"


def _gap_sentences(groups: tuple[Group, ...], names: Names) -> tuple[Sentence, ...]:
    return tuple(
        metric_sentence(m.metric, m.counts, named_group(names[group.facet], names[group.value]))
        for group, m in clearest_gaps(groups, most=MOST_GAPS)
    )


def _list(title: str, sentences: tuple[Sentence, ...]) -> tuple[str, ...]:
    if not sentences:
        return ()
    return f"## {title}", "\n".join(f"- {to_markdown(sentence)}" for sentence in sentences)


def to_markdown(sentence: Sentence) -> str:
    """Our words escaped, names as code spans, stress as bold."""
    return "".join(_TO_MARKDOWN[part.kind](part.text) for part in sentence)


def _escape(text: str) -> str:
    return "".join(f"\\{c}" if c in _SPECIAL else c for c in text)


def code_span(name: str) -> str:
    """A cleaned name where Markdown cannot read it: fenced by more backticks than it holds, without a pipe.

    Examples
    --------
    >>> code_span("a`b|c")
    '``a`b¦c``'
    """
    text = name.replace("|", "¦")
    fence = "`" * (_longest_run(text) + 1)
    pad = " " if text.startswith("`") or text.endswith("`") else ""
    return f"{fence}{pad}{text}{pad}{fence}"


def _bold(text: str) -> str:
    return f"**{_escape(text)}**"


_TO_MARKDOWN: dict[str, Callable[[str], str]] = {"text": _escape, "name": code_span, "strong": _bold}


def _digest(text: str) -> str:
    return code_span(clean(text, longest=80))


def _longest_run(text: str) -> int:
    runs = "".join(c if c == "`" else " " for c in text).split()
    return max(map(len, runs), default=0)


def _fenced(lines: tuple[str, ...]) -> tuple[str, ...]:
    if not lines:
        return ()
    text = "\n".join(lines)
    fence = "`" * max(3, _longest_run(text) + 1)
    return (f"{fence}\n{text}\n{fence}",)


def text_forest(result: AnalysisResult) -> tuple[str, ...]:
    """At most twelve rows of at most 72 columns: acronym, group, interval and value drawn from has more to has less."""
    names, groups = names_of(result), groups_of(result)
    rows = [(group, m) for group in groups for m in first_metrics(group)]
    if len(rows) > MOST_TEXT_FOREST_ROWS:
        rows = list(clearest_gaps(groups, most=MOST_TEXT_FOREST_ROWS))
    scales = scales_of(m.metric for _, m in rows)
    return tuple(_text_row(group, m, scales[m.metric.name], names) for group, m in rows)


def _text_row(group: Group, measured: Measured, scale: Scale, names: Names) -> str:
    metric = measured.metric
    who = clean(plain(named_group(names[group.facet], names[group.value])), longest=24)
    value = "" if metric.value is None else numbers.decimal(metric.value)
    return f"{metric.name:<5} {who:<24} {_drawn(metric, scale)} {value:>7} {chip_of(metric, measured.judgement).word}"


def _drawn(metric: MetricValue, scale: Scale) -> str:
    cells = [" "] * TEXT_FOREST_CELLS
    cells[_cell(scale, scale.ideal)] = "┊"
    if metric.value is None:
        return "".join(cells)
    ends = (metric.interval.low, metric.interval.high) if metric.interval else (metric.value, metric.value)
    first, last = sorted(_cell(scale, end) for end in ends)
    cells[first : last + 1] = ["━"] * (last - first + 1)
    cells[_cell(scale, metric.value)] = "■"
    return "".join(cells)


def _cell(scale: Scale, value: float) -> int:
    return round(min(max(scale.position(value), 0.0), 1.0) * (TEXT_FOREST_CELLS - 1))
