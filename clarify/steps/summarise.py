"""What a run tells the people who started it: a few lines, tables, a page of Markdown."""

from __future__ import annotations

from clarify.report.summary import CheckRow, code_span, findings, markdown_summary, metric_rows
from clarify.results import BiasSection, ExplanationSection, PartialDependence, ValidationOutcome, VerdictSection

__all__ = [
    "CheckRow",
    "bias_table",
    "dependence_table",
    "explanation_table",
    "findings",
    "markdown_summary",
    "metric_rows",
    "validation_table",
    "verdict_table",
]

MOST_ROWS = 200
Table = list[dict[str, str | int | float | None]]


def validation_table(outcome: ValidationOutcome) -> Table:
    """One row per expectation; names are inert in Markdown."""
    return [
        {
            "expectation": checked.expectation,
            "column": code_span(checked.column),
            "severity": checked.severity,
            "met": "yes" if checked.success else "no",
            "unexpected rows": checked.unexpected,
            "rows": checked.rows,
        }
        for checked in outcome.expectations[:MOST_ROWS]
    ]


def bias_table(section: BiasSection) -> Table:
    """One row per group and metric."""
    return [
        {
            "facet": code_span(facet.facet),
            "group": code_span(facet.value_or_threshold),
            "metric": metric.name,
            "value": metric.value,
            "low": metric.interval.low if metric.interval is not None else None,
            "high": metric.interval.high if metric.interval is not None else None,
            "undefined because": str(metric.undefined_because or ""),
        }
        for facet in section.facets
        for metric in facet.metrics
    ][:MOST_ROWS]


def verdict_table(section: VerdictSection) -> Table:
    """One row per check."""
    return [
        {
            "verdict": str(j.verdict),
            "facet": code_span(j.facet),
            "group": code_span(j.value_or_threshold),
            "metric": j.metric,
            "value": j.value,
            "allowed from": j.evidence.low,
            "allowed to": j.evidence.high,
            "p outside": j.evidence.p_outside,
            "p inside": j.evidence.p_inside,
            "reason": str(j.reason or ""),
        }
        for j in section.judgements
    ][:MOST_ROWS]


def explanation_table(section: ExplanationSection) -> Table:
    """One row per output and feature, the largest first."""
    return [
        {
            "output": code_span(output.label),
            "feature": code_span(attribution.feature),
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
            "feature": code_span(varied.feature),
            "output": code_span(output.label),
            "lowest mean": min(output.means),
            "highest mean": max(output.means),
            "rows used": varied.rows_used,
            "error": "",
        }
        for varied in found
        for output in varied.outputs
    ]
    failed: Table = [
        {"feature": code_span(v.feature), "output": "", "lowest mean": None, "highest mean": None, "rows used": 0,
         "error": v.error}
        for v in found if v.error is not None
    ]  # fmt: skip
    return (rows + failed)[:MOST_ROWS]
