"""One Chromium for all tests; every page is opened from disk, as its reader would."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from clarify.report.paper.pdf import find_browser, is_sandboxed
from tests.browser import pictures
from tests.browser.pages import PAGES

WIDTH, HEIGHT = 1280, 800


@dataclass
class Opened:
    """A page in a tab, and whatever it asked for or complained of while it was opened."""

    page: Page
    path: Path
    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def box(self, selector: str, nth: int = 0) -> dict[str, float]:
        found = self.page.locator(selector).nth(nth).bounding_box()
        assert found is not None, f"nothing to see of {selector}"
        return dict(found)


Open = Callable[..., Opened]
Contexts = Callable[..., BrowserContext]


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(
            executable_path=find_browser(playwright),
            chromium_sandbox=is_sandboxed(),
            args=["--font-render-hinting=none", "--force-color-profile=srgb"],
        )
        yield found
        found.close()


@pytest.fixture(scope="session")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Every kind of page, written once."""
    folder = tmp_path_factory.mktemp("pages")
    written = {}
    for name, make in PAGES.items():
        written[name] = folder / f"{name}.html"
        written[name].write_text(make(), encoding="utf-8")
    return written


@pytest.fixture(scope="session")
def contexts(browser: Browser) -> Contexts:
    """One context for each set of options; nothing of a page outlives its tab, so that tests may share them."""

    @cache
    def context(**options: Any) -> BrowserContext:
        return browser.new_context(viewport={"width": WIDTH, "height": HEIGHT}, **options)

    return context


@pytest.fixture(scope="session")
def fonts(contexts: Contexts) -> dict[str, float]:
    """How wide this machine sets the reference text; kept when pictures are written."""
    tab = contexts().new_page()
    widths = pictures.widths_of_fonts(tab)
    tab.close()
    if pictures.WRITES:
        pictures.keep_measured("fonts", widths)
    return widths


@pytest.fixture
def fonts_of_the_goldens(fonts: dict[str, float]) -> None:
    """Skip where text is set in other fonts than on the machine that the pictures are from."""
    if fonts != (kept := pictures.measured("fonts")):
        pytest.skip(f"the pictures were taken with other fonts: {kept} there, {fonts} here")


@pytest.fixture
def open_page(contexts: Contexts, pages: dict[str, Path]) -> Iterator[Open]:
    """Open a page by name: ``width``, ``height``, and whatever a context of playwright takes."""
    tabs: list[Page] = []

    def opened(name: str, *, width: int = WIDTH, height: int = HEIGHT, **options: Any) -> Opened:
        tabs.append(contexts(**options).new_page())
        found = Opened(tabs[-1], pages[name])
        found.page.set_viewport_size({"width": width, "height": height})
        found.page.on("request", lambda request: found.requests.append(request.url))
        found.page.on("console", lambda message: found.complaints.append(message.text))
        found.page.on("pageerror", lambda error: found.complaints.append(str(error)))
        found.page.goto(pages[name].as_uri())
        return found

    yield opened
    for tab in tabs:
        tab.close()
