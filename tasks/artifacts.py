"""What an analysis leaves in Prefect: one key per fact and subject, the same every run, so that versions line up."""

from __future__ import annotations

from uuid import UUID

from prefect.artifacts import (
    create_link_artifact,
    create_markdown_artifact,
    create_progress_artifact,
    create_table_artifact,
    update_progress_artifact,
)
from prefect.logging import get_logger

from clarify.steps.line import Progress
from clarify.steps.lineage import key_of, key_of_request
from clarify.steps.plan import AnalysisRequest
from clarify.steps.summarise import (
    Table,
    check_table,
    dependence_table,
    explanation_table,
    markdown_summary,
    validation_table,
)
from clarify.steps.write_report import PublishedAnalysis


def show_analysis(published: PublishedAnalysis) -> None:
    """The findings as a page; checks, attributions, partial dependence and the checks of the data as tables.

    All of it as the report's readers may see it; with masked names not even where the report lies. No document goes
    to Prefect.
    """
    result, is_masked = published.shown, published.presentation.mask_names
    report_uri = "" if is_masked else published.report_uri
    page = markdown_summary(result, report_uri=report_uri, evidence=published.evidence_digest)
    create_markdown_artifact(key=_key(published, "summary"), markdown=page, description="Findings")
    _show_table(published, "verdicts", check_table(result), "Every check, the worst of each group first")
    _show_table(published, "validation", validation_table(result.validation), "Checks of the data")
    if result.explanations is not None:
        _show_table(published, "attributions", explanation_table(result.explanations), "Global attributions")
    _show_table(published, "partial-dependence", dependence_table(result.partial_dependence), "Partial dependence")


class ShownProgress:
    """How many of the rows are explained, in percent: one artifact, made by the first report and kept up to date.

    It hears of every pass and shows one. A percentage, so that it tells no count.
    """

    STAGE = "explaining"

    def __init__(self, request: AnalysisRequest) -> None:
        self._request = request
        self._shown: UUID | None = None
        self._is_given_up = False

    def __call__(self, progress: Progress) -> None:
        if progress.stage != self.STAGE or self._is_given_up:
            return
        percent = 100.0 * progress.rows_done / progress.rows_total if progress.rows_total else 100.0
        try:
            self._show(round(percent, 1))
        except Exception as error:      # whatever Prefect's client raises: a bar must not cost a run of hours
            self._is_given_up = True
            get_logger(__name__).warning("the progress of the attributions is not shown any more: %s", error)

    def _show(self, percent: float) -> None:
        if self._shown is not None:
            update_progress_artifact(self._shown, percent)
            return
        key = f"clarify-{key_of_request(self._request)}-progress"
        self._shown = create_progress_artifact(percent, key=key, description="Rows explained, in percent")


def show_link(published: PublishedAnalysis, uri: str | None) -> None:
    """Where the report can be opened: in MLflow when that is a server, else the place of the file; None: no link."""
    if uri is not None:
        create_link_artifact(
            key=_key(published, "report"), link=uri, link_text="Report", description="The report of this analysis"
        )


def _show_table(published: PublishedAnalysis, fact: str, rows: Table, description: str) -> None:
    if rows:
        create_table_artifact(key=_key(published, fact), table=rows, description=description)


def _key(published: PublishedAnalysis, fact: str) -> str:
    """Lower case, digits and dashes, as Prefect wants it."""
    return f"clarify-{key_of(published)}-{fact}"
