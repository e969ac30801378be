"""What a run tells the people who started it: a few lines, tables, a page of Markdown, a note at the model."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from clarify.report.first_screen.examined import file_name
from clarify.report.first_screen.overview import verdict_sentence
from clarify.report.names import LONGEST_DETAIL, clean, without_secrets
from clarify.report.views.markdown import bold, code_span, digest_span, link, to_markdown
from clarify.report.views.summary import CheckRow, findings, markdown_summary, metric_rows, subject_slug
from clarify.report.words import some
from clarify.results import AnalysisResult, ExplanationSection, PartialDependence, ValidationOutcome

if TYPE_CHECKING:
    pass

__all__ = [
    "CheckRow",
    "check_table",
    "dependence_table",
    "explanation_table",
    "findings",
    "link_to",
    "markdown_summary",
    "masked_note",
    "metric_rows",
    "model_note",
    "subject_slug",
    "validation_table",
    "with_note",
    "without_secrets",
]

MOST_ROWS = 200
Table = list[dict[str, str | int | float | None]]

NOTE_STARTS, NOTE_ENDS = "<!-- clarify: written by the last analysis -->", "<!-- clarify: end -->"
_NOTE = re.compile(rf"\n*{re.escape(NOTE_STARTS)}.*?{re.escape(NOTE_ENDS)}\n*", re.DOTALL)


def check_table(result: AnalysisResult) -> Table:
    """One row per check as every view orders them, names inert in Markdown; the last row says what did not fit."""
    return [
        {
            "Verdict": row.verdict, "Facet": row.facet, "Group": row.group, "Check": row.check, "Value": row.value,
            "95 %": row.interval, "Allowed": row.allowed, "Rows d / a": row.rows, "Why": row.why,
        }
        for row in metric_rows(result, most=MOST_ROWS)
    ]  # fmt: skip


def link_to(uri: str) -> str:
    """The address of a file for a browser: a path of this machine as ``file://``; without what may be secret."""
    if "://" in uri:
        return without_secrets(uri)
    return Path(uri).absolute().as_uri()


def model_note(result: AnalysisResult, *, evidence: str, report: str) -> str:
    """Three lines of Markdown for a model version: what was decided, on what, where the report is.

    ``report`` is an HTTP address, or a place to copy.
    """
    status = f"{bold(result.verdicts.verdict)}: " if result.verdicts is not None else ""
    rows = some(result.dataset.rows, "row", "rows")
    lines = (
        f"{status}{to_markdown(verdict_sentence(result))}",
        f"Looked at {rows} of {code_span(file_name(result))}, evidence {digest_span(evidence[:16])}.",
        link("Report", report),
    )
    return "\n\n".join(lines)


def masked_note(result: AnalysisResult, *, evidence: str, run_id: str) -> str:
    """Two lines for a model version whose analysis masks names: what was decided, and which run to ask."""
    status = result.verdicts.verdict if result.verdicts is not None else "Looked at"
    lines = (
        f"{bold(status)} in run {code_span(run_id)}, evidence {digest_span(evidence[:16])}.",
        "Names are masked in that run; the documents are in the output folder.",
    )
    return "\n\n".join(lines)


def with_note(description: str, note: str) -> str:
    """A description with our note in it: in place of the last one, else below what people wrote, which stays."""
    before, after = _NOTE.split(description, maxsplit=1) if _NOTE.search(description) else (description.rstrip(), "")
    ours = f"{NOTE_STARTS}\n{note}\n{NOTE_ENDS}"
    return "\n\n".join(part for part in (before, ours, after) if part)


def _inert(raw: str) -> str:
    """A name from outside on one line, where Markdown cannot read it."""
    return code_span(clean(raw))


def validation_table(outcome: ValidationOutcome) -> Table:
    """One row per expectation; names are inert in Markdown."""
    return [
        {
            "expectation": checked.expectation,
            "column": _inert(checked.column) if checked.column else "",
            "severity": checked.severity,
            "met": "yes" if checked.success else "no",
            "unexpected rows": checked.unexpected,
            "rows": checked.rows,
        }
        for checked in outcome.expectations[:MOST_ROWS]
    ]


def explanation_table(section: ExplanationSection) -> Table:
    """One row per output and feature, the largest first."""
    return [
        {
            "output": _inert(output.label),
            "feature": _inert(attribution.feature),
            section.aggregation: attribution.by(section.aggregation),
            "mean_abs, 95 % from": attribution.interval.low if attribution.interval is not None else None,
            "mean_abs, 95 % to": attribution.interval.high if attribution.interval is not None else None,
        }
        for output in section.outputs
        for attribution in sorted(output.features, key=lambda a: -abs(a.by(section.aggregation)))
    ][:MOST_ROWS]


def dependence_table(found: tuple[PartialDependence, ...]) -> Table:
    """One row per varied feature and output: the smallest and the largest mean prediction, or why there is none."""
    rows: Table = [
        {
            "feature": _inert(varied.feature),
            "output": _inert(output.label),
            "lowest mean": min(output.means),
            "highest mean": max(output.means),
            "rows used": varied.rows_used,
            "error": "",
        }
        for varied in found
        for output in varied.outputs
    ]
    failed: Table = [
        {"feature": _inert(v.feature), "output": "", "lowest mean": None, "highest mean": None, "rows used": 0,
         "error": "" if v.error is None else clean(v.error, longest=LONGEST_DETAIL)}
        for v in found if v.error is not None
    ]  # fmt: skip
    return (rows + failed)[:MOST_ROWS]
