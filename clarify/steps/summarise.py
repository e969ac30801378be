"""What a run tells the people who started it: a few lines, tables, a page of Markdown."""

from __future__ import annotations

from clarify.report.summary import CheckRow, code_span, findings, markdown_summary, metric_rows
from clarify.results import BiasSection, ExplanationSection, ValidationOutcome

__all__ = [
    "CheckRow",
    "bias_table",
    "explanation_table",
    "findings",
    "markdown_summary",
    "metric_rows",
    "validation_table",
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


def explanation_table(section: ExplanationSection) -> Table:
    """One row per output and feature, the largest first."""
    return [
        {
            "output": code_span(output.label),
            "feature": code_span(attribution.feature),
            section.aggregation: attribution.by(section.aggregation),
            "standard error": attribution.standard_error,
        }
        for output in section.outputs
        for attribution in sorted(output.features, key=lambda a: -abs(a.by(section.aggregation)))
    ][:MOST_ROWS]
