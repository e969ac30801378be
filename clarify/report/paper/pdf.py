"""The report on paper: the same page, printed by a browser without script or network; the only door to playwright."""

from __future__ import annotations

import os
import re
import shutil
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from clarify.errors import ConfigError, Problem

if TYPE_CHECKING:
    from playwright.sync_api import Playwright

BROWSER = "CLARIFY_CHROMIUM"
"""Environment variable: the Chromium or Chrome to print with, where it is not on the path."""

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
_DATES = re.compile(rb"/(CreationDate|ModDate) \(D:[^)]*\)")


def print_pdf(page: str, *, printed_at: datetime) -> bytes:
    """A page of ours as a PDF with tags, an outline and a title; A4 as its style says.

    The page is held to its own policy: no script runs, no request leaves. ``printed_at`` stands in the file as its
    date, so that the same page under the same browser gives the same bytes.

    Raises
    ------
    ConfigError
        PDF-NOT-INSTALLED, PDF-NO-BROWSER.
    """
    try:
        from playwright.sync_api import sync_playwright
    except ImportError as missing:
        raise ConfigError(
            Problem("PDF-NOT-INSTALLED", "--format", "pdf", "an environment with the extra 'pdf'",
                    "in the checkout: .venv/bin/pip install -e '.[pdf]'; or print report.html from a browser")
        ) from missing
    with sync_playwright() as playwright:
        return _dated(_printed(playwright, page), printed_at)


def _printed(playwright: Playwright, page: str) -> bytes:
    browser = playwright.chromium.launch(executable_path=find_browser(playwright), chromium_sandbox=is_sandboxed())
    try:
        sheet = browser.new_context(java_script_enabled=False, offline=True).new_page()
        sheet.set_content(page, wait_until="load")
        return bytes(sheet.pdf(prefer_css_page_size=True, print_background=True, tagged=True, outline=True))
    finally:
        browser.close()


def is_sandboxed() -> bool:
    """Whether Chromium's own sandbox is on: for root it refuses to start."""
    return not hasattr(os, "geteuid") or os.geteuid() != 0


def find_browser(playwright: Playwright) -> str:
    """The browser that was named, else one on the path, else the one that playwright installed.

    Raises
    ------
    ConfigError
        PDF-NO-BROWSER.
    """
    own = playwright.chromium.executable_path
    found = os.environ.get(BROWSER) or next((path for name in NAMES if (path := shutil.which(name))), own)
    if not os.path.exists(found):
        raise ConfigError(
            Problem("PDF-NO-BROWSER", BROWSER, found, "a Chromium or Chrome on this machine",
                    "install Debian's chromium, or run: playwright install chromium")
        )
    return found


def _dated(document: bytes, moment: datetime) -> bytes:
    """The dates of the document as ``moment``, in as many bytes: places inside a PDF are counted from its start."""
    text = f"D:{moment.astimezone(UTC):%Y%m%d%H%M%S}+00'00'".encode()

    def dated(found: re.Match[bytes]) -> bytes:
        return b"/%s (%s)" % (found[1], text) if len(found[0]) == len(found[1]) + 4 + len(text) else found[0]

    return _DATES.sub(dated, document)
