"""What each task leaves in Prefect's pages: tables and a page of Markdown, one key per fact, the same every run."""

from __future__ import annotations

from dataclasses import asdict

from prefect.artifacts import create_markdown_artifact, create_table_artifact

from clarify.results import VerdictSection
from clarify.steps.explain import ExplanationSection
from clarify.steps.measure_bias import BiasSection
from clarify.steps.partial_dependence import PartialDependence
from clarify.steps.summarise import (
    bias_table,
    dependence_table,
    explanation_table,
    markdown_summary,
    metric_rows,
    validation_table,
    verdict_table,
)
from clarify.steps.validate_dataset import ValidationOutcome
from clarify.steps.write_report import PublishedAnalysis


def show_validation(outcome: ValidationOutcome) -> None:
    """Every expectation, its severity, and how many rows broke it."""
    create_table_artifact(key="clarify-validation", table=validation_table(outcome), description="Checks of the data")


def show_bias(section: BiasSection) -> None:
    """Every metric of one stage with its interval."""
    stage = section.stage.replace("_", "-")
    create_table_artifact(key=f"clarify-{stage}-bias", table=bias_table(section), description=f"{stage} bias")


def show_explanations(section: ExplanationSection) -> None:
    """Global attributions of every output."""
    create_table_artifact(
        key="clarify-attributions", table=explanation_table(section), description="Global attributions"
    )


def show_dependence(found: tuple[PartialDependence, ...]) -> None:
    """How far the mean prediction moves with each varied feature."""
    create_table_artifact(
        key="clarify-partial-dependence", table=dependence_table(found), description="Partial dependence"
    )


def show_verdicts(section: VerdictSection) -> None:
    """Every check of the policy with its verdict."""
    create_table_artifact(key="clarify-verdicts", table=verdict_table(section), description="Verdicts")


def show_report(published: PublishedAnalysis) -> None:
    """The findings as a page, all checks as a table."""
    page = f"{markdown_summary(published.result)}\nReport: `{published.report_uri}`\n"
    create_markdown_artifact(key="clarify-summary", markdown=page, description="Findings")
    rows = [asdict(row) for row in metric_rows(published.result)]
    create_table_artifact(key="clarify-checks", table=rows, description="All checks")
