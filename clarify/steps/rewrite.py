"""A published analysis written again for another reader: as a page, on paper, in a few lines; nothing is computed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from clarify.config.approval import Approval, read_approval
from clarify.config.presentation import Presentation
from clarify.data import storage
from clarify.errors import ConfigError, DataError, Problem
from clarify.report.html import render_report
from clarify.report.junit import FailOn, junit_document
from clarify.report.notebook_view import text_view
from clarify.report.pdf import print_pdf
from clarify.report.provenance import Provenance
from clarify.report.pull_request import pull_request_markdown
from clarify.report.shielded import shielded, shielded_provenance
from clarify.report.summary import markdown_summary
from clarify.results import AnalysisResult
from clarify.steps.named_document import read_named
from clarify.steps.opened_report import OpenedReport, open_report


@dataclass(frozen=True)
class RewriteRequest:
    """Which analysis, in which form, for whom.

    ``form``: html, pdf, markdown, pull-request, junit or text. ``approval_uri``: the record of a decision, which fills
    the block to sign on paper. ``fail_on``: the mildest verdict that a pull request's check fails on.
    """

    run_uri: str
    form: str = "html"
    presentation: Presentation = field(default_factory=Presentation)
    approval_uri: str | None = None
    fail_on: FailOn = "inconclusive"


@dataclass(frozen=True)
class _Shown:
    """What one reader may see of an analysis."""

    opened: OpenedReport
    result: AnalysisResult
    approval: Approval | None
    request: RewriteRequest

    @property
    def report_uri(self) -> str:
        """Where the published page is; with masked names only what such a page is called, for a folder is a name."""
        return f"{self.result.report_name}.html" if self.request.presentation.mask_names else self.opened.report_uri

    @property
    def provenance(self) -> Provenance:
        """As far as this reader may see it; the page needs it, and few other forms do."""
        found = self.opened.provenance
        if found is None:
            raise DataError(
                Problem("DOC-MISSING", "provenance.json", "no such file", "the whole output folder of an analysis",
                        "copy the folder again, provenance.json included")
            )
        return shielded_provenance(found, self.request.presentation)


def rewrite(request: RewriteRequest) -> bytes:
    """The analysis in the form asked for; the same bytes for the same folder and request.

    Raises
    ------
    ConfigError
        REPORT-FORM, or what the approval has wrong, or PDF-NOT-INSTALLED and PDF-NO-BROWSER.
    DataError, StorageError
        When the folder is no published analysis.
    """
    write = FORMS.get(request.form)
    if write is None:
        raise ConfigError(Problem("REPORT-FORM", "--format", request.form, ", ".join(FORMS), "name one of these"))
    approval = None if request.approval_uri is None else read_approval(read_named(request.approval_uri, "--approval"))
    opened = open_report(request.run_uri)
    return write(_Shown(opened, shielded(opened.result, request.presentation), approval, request))


def _page(shown: _Shown) -> str:
    return render_report(shown.result, shown.provenance, approval=shown.approval)


def _pdf(shown: _Shown) -> bytes:
    return print_pdf(_page(shown), printed_at=shown.provenance.run.finished_at)


def _markdown(shown: _Shown) -> bytes:
    return markdown_summary(shown.result, report_uri=shown.report_uri, evidence=shown.opened.evidence).encode()


def _pull_request(shown: _Shown) -> bytes:
    return pull_request_markdown(
        shown.result, report_uri=shown.report_uri, fail_on=shown.request.fail_on, evidence=shown.opened.evidence
    ).encode()


def save(uri: str, written: bytes) -> None:
    """Write what :func:`rewrite` gave to a file.

    Raises
    ------
    StorageError
        When it cannot be written.
    """
    storage.write_bytes(uri, written)


FORMS: Final[Mapping[str, Callable[[_Shown], bytes]]] = MappingProxyType({
    "html": lambda shown: _page(shown).encode(),
    "pdf": _pdf,
    "markdown": _markdown,
    "pull-request": _pull_request,
    "junit": lambda shown: junit_document(shown.result, fail_on=shown.request.fail_on),
    "text": lambda shown: f"{text_view(shown.result)}\n".encode(),
})
