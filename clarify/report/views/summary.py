"""A result in a few lines: for a terminal, for a Markdown page, for a table of checks."""

from __future__ import annotations

import re
from dataclasses import dataclass

from clarify.bias.catalog import BY_NAME
from clarify.report import numbers
from clarify.report.first_screen.examined import file_name, subject
from clarify.report.first_screen.found import found_attributions, found_gaps, found_violations
from clarify.report.first_screen.overview import verdict_sentence
from clarify.report.first_screen.undecided import found_undecided, undefined_findings, withheld_findings
from clarify.report.judged import allowed_text, edges_of
from clarify.report.names import Names
from clarify.report.selection import Group, Measured, clearest_gaps, first_metrics, group_words, groups_of
from clarify.report.view import names_of
from clarify.report.views.markdown import code_span, digest_span, fenced, link, listed, to_markdown
from clarify.report.views.shortlist import shortlist
from clarify.report.views.text_forest import LEGEND, text_forest, word_of
from clarify.report.words import NOT_SHOWN, REASONS, Sentence, metric_sentence, plain, row_count, say, why_undefined
from clarify.results import AnalysisResult

__all__ = [
    "CheckRow",
    "check_rows",
    "code_span",
    "findings",
    "markdown_summary",
    "metric_rows",
    "subject_slug",
    "text_forest",
    "to_markdown",
]

MOST_GAPS = 3
MOST_VIOLATIONS = 10
MOST_UNDECIDED = 5
MOST_TABLE_ROWS = 200
LONGEST_SUBJECT = 40


@dataclass(frozen=True)
class CheckRow:
    """One check for a table: text only, names cleaned."""

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
        *(say("Not shown: ", sentence) for sentence in withheld_findings(groups, names)),
    )
    return tuple(plain(sentence) for sentence in sentences)


def metric_rows(result: AnalysisResult, *, most: int = MOST_TABLE_ROWS) -> tuple[CheckRow, ...]:
    """One row per metric and group, inert in Markdown: facet and group are code spans.

    Groups in the order of the configuration; inside a group VIOLATION, INCONCLUSIVE, PASS, each with the clearest
    first, then what has no range. A last row says how many did not fit.
    """
    names = names_of(result)
    rows = [_check_row(group, m, names) for group in groups_of(result) for m in by_urgency(group)]
    marked = [_marked(row) for row in rows[: most if len(rows) <= most else most - 1]]
    if len(rows) <= most:
        return tuple(marked)
    more = f"{numbers.count(len(rows) - most + 1)} more rows in extended.json"
    return (*marked, CheckRow("", "", "", more, "", "", "", "", ""))


def check_rows(result: AnalysisResult) -> tuple[CheckRow, ...]:
    """All of ``metric_rows``, without any mark-up."""
    names = names_of(result)
    return tuple(_check_row(group, m, names) for group in groups_of(result) for m in by_urgency(group))


def _marked(row: CheckRow) -> CheckRow:
    return CheckRow(row.verdict, code_span(row.facet), code_span(row.group), row.check, row.value, row.interval,
                    row.allowed, row.rows, row.why)  # fmt: skip


def by_urgency(group: Group) -> tuple[Measured, ...]:
    """All metrics of a group: the worst verdict first, then those without a range as the catalogue lists them."""
    judged = tuple(m for m in first_metrics(group) if m.judgement is not None)
    return *judged, *(m for m in group.measured if m.judgement is None)


def _check_row(group: Group, measured: Measured, names: Names) -> CheckRow:
    metric, counts = measured.metric, measured.counts
    hidden = NOT_SHOWN if measured.metric.is_withheld else ""
    return CheckRow(
        verdict=word_of(measured),
        facet=names[group.facet],
        group=names[group.value],
        check=f"{BY_NAME[metric.name].title} ({metric.name})",
        value=_value(measured, numbers.CARD_DECIMALS) or hidden,
        interval=_interval(measured, numbers.CARD_DECIMALS) or hidden,
        allowed="none declared" if measured.judgement is None else allowed_text(measured.judgement),
        rows=f"{row_count(counts.d)} / {row_count(counts.a)}",
        why=_why(measured),
    )


def value_text(measured: Measured) -> str:
    """``0.17 (0.06 to 0.22)``, never rounded across a limit of the allowed range; empty without a value."""
    held = _interval(measured, numbers.FOREST_DECIMALS)
    return _value(measured, numbers.FOREST_DECIMALS) + (f" ({held})" if held else "")


def _value(measured: Measured, decimals: int) -> str:
    value, edges = measured.metric.value, edges_of(measured.judgement)
    return "" if value is None else numbers.decimal(value, numbers.decimals_apart(value, edges, decimals))


def _interval(measured: Measured, decimals: int) -> str:
    found = measured.metric.interval
    return "" if found is None else numbers.interval(found, decimals, edges=edges_of(measured.judgement))


def missing_text(measured: Measured) -> str:
    """Why there is no number, for the place where it would stand: ``undefined: ...``, ``not shown``."""
    return NOT_SHOWN if measured.metric.is_withheld else f"undefined: {why_undefined(measured.metric)}"


def _why(measured: Measured) -> str:
    """Why there is no number, or no decision; empty for a PASS, a VIOLATION and a number without a range."""
    if measured.metric.value is None:
        return why_undefined(measured.metric)
    reason = measured.judgement.reason if measured.judgement is not None else None
    return "" if reason is None else REASONS[reason]


def markdown_summary(result: AnalysisResult, *, report_uri: str = "", evidence: str = "") -> str:
    """GitHub Markdown without HTML: the verdict sentence, three lists, a forest drawn with letters, report, digests.

    ``report_uri``: a link where it is HTTP, else a place to copy; ``evidence``: digest of the reproducible files.
    """
    names, groups = names_of(result), groups_of(result)
    parts = [
        f"# {to_markdown(subject(result, names))}, on {numbers.count(result.dataset.rows)} rows",
        to_markdown(verdict_sentence(result)),
        *listed("Found", _found(result, groups, names)),
        *listed("Could not be decided", found_undecided(groups, names, most=MOST_UNDECIDED)),
        *listed("Undefined", undefined_findings(groups, names)),
        *listed("Not shown", withheld_findings(groups, names)),
        *_forest(result, groups),
        *([link("Report", report_uri)] if report_uri else []),
        _digests(result, evidence),
    ]
    return "\n\n".join(parts) + "\n"


def _found(result: AnalysisResult, groups: tuple[Group, ...], names: Names) -> tuple[Sentence, ...]:
    return (
        *found_violations(groups, names, most=MOST_VIOLATIONS),
        *_gap_sentences(groups, names),
        *found_attributions(result, names),
    )


def _gap_sentences(groups: tuple[Group, ...], names: Names) -> tuple[Sentence, ...]:
    return tuple(
        metric_sentence(m.metric, m.counts, group_words(group, names), edges=edges_of(m.judgement))
        for group, m in clearest_gaps(groups, most=MOST_GAPS)
    )


def _forest(result: AnalysisResult, groups: tuple[Group, ...]) -> tuple[str, ...]:
    lines = text_forest(result)
    if not lines:
        return ()
    left_out = shortlist(groups, most=len(lines)).left_out
    more = (f"{numbers.count(left_out)} more in the report",) if left_out else ()
    legend = (LEGEND,) if result.verdicts is not None else ()
    return fenced((*lines, *more, *legend))


def _digests(result: AnalysisResult, evidence: str) -> str:
    found = f"Data {digest_span(result.dataset.digest)}, configuration {digest_span(result.config_digest)}"
    return f"{found}, evidence {digest_span(evidence)}." if evidence else f"{found}."


def subject_slug(result: AnalysisResult) -> str:
    """What the result is about in lower case, digits and dashes: the same for every run of one configuration.

    The model's name, else the data's; behind it the report's name, where the configuration gives it one.

    Examples
    --------
    A report named ``sex only`` of the model ``Credit HGB`` gives ``credit-hgb-sex-only``.
    """
    about = result.model.name if result.model is not None else file_name(result).partition(".")[0]
    named = [about] if result.report_name == "report" else [about, result.report_name]
    return "-".join(_slug(part) for part in named)


def _slug(text: str) -> str:
    return re.sub("[^a-z0-9]+", "-", text.lower()).strip("-")[:LONGEST_SUBJECT].strip("-") or "x"
