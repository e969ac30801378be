"""The report as one HTML file, no script, no network, no inline style; the only door to jinja2. And a notebook."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

from clarify.config.approval import Approval
from clarify.report.page_limits import LADDER
from clarify.report.paper.page_foot import foot_style
from clarify.report.provenance import Provenance
from clarify.report.view import page_of
from clarify.results import AnalysisResult

if TYPE_CHECKING:
    from jinja2 import Template

TEMPLATES = "templates"
TEMPLATE_FILES = (
    "report.html", "parts.html", "forest.html", "explanations.html", "dependence.html", "further.html", "monitor.html",
    "compare.html",
)
REPORT_STYLES = ("report.css", "forest.css", "explanations.css", "paper.css")


LARGEST_PAGE = 2_000_000
"""Bytes that a page holds at most: what does not fit is drawn with fewer dots, panels and rows, and that is said."""


def render_report(result: AnalysisResult, provenance: Provenance, *, approval: Approval | None = None) -> str:
    """``report.html``: the first screen, bias metric by metric, attributions, what was left out, provenance.

    The same arguments give the same text. Every name from outside is cleaned before and escaped while it is
    placed; the content security policy in the file forbids scripts, requests and styles other than its own.
    ``approval`` fills the block that is signed on paper.
    """
    text = ""
    for limits in LADDER:
        page = page_of(result, provenance, approval=approval, limits=limits)
        text = render_page("report.html", page, styles=REPORT_STYLES, foot=page.overview.foot)
        if len(text.encode()) <= LARGEST_PAGE:
            break
    return text


def notebook_document() -> bytes:
    """``report.ipynb``: opens the documents beside it, draws them again, checks their digests; not yet run.

    The same for every analysis: it holds none of its numbers and no name.
    """
    return _source("report.ipynb").encode()


def render_page(template: str, page: object, *, styles: Sequence[str], foot: str = "") -> str:
    """A template with its page placed and its styles inside, under a policy that names their hash and nothing else.

    ``foot`` stands below every printed page.
    """
    style = "".join(_source(file_name) for file_name in styles) + (foot_style(foot) if foot else "")
    return _template(template).render(page=page, style=style, style_hash=_hash(style))


def _hash(style: str) -> str:
    """How a content security policy names a style element: SHA-256 over the exact text between its tags."""
    return "sha256-" + base64.b64encode(hashlib.sha256(style.encode()).digest()).decode("ascii")


def _source(file_name: str) -> str:
    return (files("clarify.report") / TEMPLATES / file_name).read_text(encoding="utf-8")


@cache
def _template(file_name: str) -> Template:
    from jinja2 import DictLoader, Environment, StrictUndefined

    sources = {file_name: _source(file_name) for file_name in TEMPLATE_FILES}
    environment = Environment(
        loader=DictLoader(sources), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.get_template(file_name)
