"""One Chromium for all tests; every page is opened from disk, as its reader would."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, sync_playwright
from tests.browser.pages import PAGES

from clarify.report.pdf import find_browser, is_sandboxed

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


@pytest.fixture
def open_page(browser: Browser, pages: dict[str, Path]) -> Iterator[Open]:
    """Open a page by name: ``width``, ``height``, and whatever a context of playwright takes."""
    contexts = []

    def opened(name: str, *, width: int = WIDTH, height: int = HEIGHT, **context: Any) -> Opened:
        contexts.append(browser.new_context(viewport={"width": width, "height": height}, **context))
        tab = contexts[-1].new_page()
        found = Opened(tab, pages[name])
        tab.on("request", lambda request: found.requests.append(request.url))
        tab.on("console", lambda message: found.complaints.append(message.text))
        tab.on("pageerror", lambda error: found.complaints.append(str(error)))
        tab.goto(pages[name].as_uri())
        return found

    yield opened
    for context in contexts:
        context.close()
