"""A published analysis written again for another reader: as a page, on paper, in a few lines; nothing is computed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from clarify.config.approval import Approval, read_approval
from clarify.config.presentation import Presentation
from clarify.data import storage
from clarify.errors import ConfigError, Problem
from clarify.report.document import read_extended
from clarify.report.html import render_report
from clarify.report.paper.pdf import print_pdf
from clarify.report.provenance import Provenance
from clarify.report.provenance_reading import read_provenance
from clarify.report.shielding.shielded import shielded, shielded_provenance
from clarify.report.views.junit import FailOn, junit_document
from clarify.report.views.notebook import text_view
from clarify.report.views.pull_request import pull_request_markdown
from clarify.report.views.summary import markdown_summary
from clarify.results import AnalysisResult
from clarify.steps.named_document import read_named
from clarify.steps.opened_report import PROVENANCE, RESULT
from clarify.steps.published import read_published


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

    result: AnalysisResult
    provenance: Provenance
    approval: Approval | None
    report_uri: str
    evidence: str
    fail_on: FailOn

    @property
    def page(self) -> str:
        return render_report(self.result, self.provenance, approval=self.approval)


def rewrite(request: RewriteRequest) -> bytes:
    """The analysis in the form asked for; the same bytes for the same folder and request.

    Raises
    ------
    ConfigError
        REPORT-FORM, or what the approval has wrong, PUB-FOLDER when the folder is no published analysis, or
        PDF-NOT-INSTALLED and PDF-NO-BROWSER.
    DataError, StorageError
        PUB-CHANGED when its documents are not as they were published; or they cannot be read or understood.
    """
    write = FORMS.get(request.form)
    if write is None:
        raise ConfigError(Problem("REPORT-FORM", "--format", repr(request.form), ", ".join(FORMS), "name one of these"))
    approval = None if request.approval_uri is None else read_approval(read_named(request.approval_uri, "--approval"))
    return write(_shown(request, approval))


def _shown(request: RewriteRequest, approval: Approval | None) -> _Shown:
    """From the bytes that the manifest vouches for, since it may be signed; without what is not to be seen."""
    folder = read_published(request.run_uri, named_by="RUN")
    result = shielded(read_extended(folder.read(RESULT)), request.presentation)
    provenance = shielded_provenance(read_provenance(folder.read(PROVENANCE)), request.presentation)
    page = f"{result.report_name}.html"
    # A folder is a name too: where names are masked, only what such a page is called.
    place = page if request.presentation.mask_names else storage.join(request.run_uri, page)
    return _Shown(result, provenance, approval, place, folder.evidence, request.fail_on)


def _pdf(shown: _Shown) -> bytes:
    return print_pdf(shown.page, printed_at=shown.provenance.run.finished_at)


def _markdown(shown: _Shown) -> bytes:
    return markdown_summary(shown.result, report_uri=shown.report_uri, evidence=shown.evidence).encode()


def _pull_request(shown: _Shown) -> bytes:
    return pull_request_markdown(
        shown.result, report_uri=shown.report_uri, fail_on=shown.fail_on, evidence=shown.evidence
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
    "html": lambda shown: shown.page.encode(),
    "pdf": _pdf,
    "markdown": _markdown,
    "pull-request": _pull_request,
    "junit": lambda shown: junit_document(shown.result, fail_on=shown.fail_on),
    "text": lambda shown: f"{text_view(shown.result)}\n".encode(),
})
