"""The pages of several libraries beside each other: what one Chromium says of each, in one table.

    python benchmarks/report/measure_pages.py NAME=FILE [NAME=FILE ...] [--repeats 3]

Needs the extra ``browser``. HTML pages and images; each is opened from disk, in a context of its own.
"""

from __future__ import annotations

import argparse
import statistics
from dataclasses import dataclass, field
from pathlib import Path

from axe_playwright_python.sync_playwright import Axe
from large_result import first_paint
from playwright.sync_api import Browser, Page, sync_playwright

from clarify.report.paper.pdf import find_browser, is_sandboxed

SETTLE_MS = 3_000                 # pages that draw with scripts take a while
SHOTS = {"light": {}, "dark": {"color_scheme": "dark"}, "without-script": {"java_script_enabled": False}}


@dataclass
class Measured:
    """What was seen of one page."""

    name: str
    path: Path
    paints: list[float] = field(default_factory=list)
    elements: int = 0
    height: int = 0
    requests: int = 0
    axe: list[str] = field(default_factory=list)
    words_without_script: float = 0.0
    width_at_390: int = 0
    is_dark: bool = False


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("pages", nargs="+", metavar="NAME=FILE")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--shots", type=Path, help="folder for screenshots to look at")
    options = parser.parse_args()
    named = [text.split("=", 1) for text in options.pages]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_browser(playwright), chromium_sandbox=is_sandboxed())
        found = [measure(browser, name, Path(file).resolve(), options.repeats) for name, file in named]
        for one in found if options.shots else ():
            shoot(browser, one, options.shots)
        browser.close()
    print(table(found))


def measure(browser: Browser, name: str, path: Path, repeats: int) -> Measured:
    found = Measured(name, path)
    measured = [first_paint(browser, path) for _ in range(repeats + 1)][1:]
    found.paints = [paint for paint, _ in measured]
    tab = opened(browser, path, bypass_csp=True)
    requests: list[str] = []
    tab.on("request", lambda request: requests.append(request.url))
    tab.reload()
    tab.wait_for_timeout(SETTLE_MS)
    found.elements = tab.evaluate("document.querySelectorAll('*').length")
    found.requests = sum(not url.startswith(("file:", "data:", "blob:")) for url in requests)
    found.height = tab.evaluate("Math.max(document.documentElement.scrollHeight, document.body?.scrollHeight ?? 0)")
    if path.suffix == ".html":
        found.axe = sorted(rule["id"] for rule in Axe().run(tab).response["violations"])
    words = len(tab.inner_text("body").split())
    tab.context.close()
    still = opened(browser, path, java_script_enabled=False)
    found.words_without_script = len(still.locator("body").inner_text().split()) / max(words, 1)
    still.context.close()
    narrow = opened(browser, path, viewport={"width": 390, "height": 844})
    found.width_at_390 = narrow.evaluate("document.documentElement.scrollWidth")
    narrow.context.close()
    dark = opened(browser, path, color_scheme="dark")
    found.is_dark = sum(dark.evaluate(BACKGROUND)) < 3 * 96
    dark.context.close()
    return found


BACKGROUND = """() => {
    const of = e => getComputedStyle(e).backgroundColor.match(/[\\d.]+/g).map(Number);
    const [r, g, b, opacity = 1] = of(document.body);
    return opacity ? [r, g, b] : (of(document.documentElement)[3] ?? 1) ? of(document.documentElement).slice(0, 3)
                                                                        : [255, 255, 255];
}"""


def opened(browser: Browser, path: Path, **context: object) -> Page:
    tab = browser.new_context(**{"viewport": {"width": 1280, "height": 800}, **context}).new_page()  # type: ignore[arg-type]
    tab.goto(path.as_uri())
    tab.wait_for_timeout(SETTLE_MS)
    return tab


def shoot(browser: Browser, one: Measured, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, context in SHOTS.items():
        tab = opened(browser, one.path, **context)
        tab.screenshot(path=folder / f"{one.name}-{name}.png")
        tab.context.close()


def table(found: list[Measured]) -> str:
    lines = {
        "bytes": [f"{one.path.stat().st_size:,}" for one in found],
        "first paint, median": [f"{statistics.median(one.paints) / 1000:.2f} s" for one in found],
        "elements / page height": [f"{one.elements:,} / {one.height:,} px" for one in found],
        "requests to other machines": [str(one.requests) for one in found],
        "axe: rules broken": [axe_text(one) for one in found],
        "words left without script": [f"{one.words_without_script:.0%}" for one in found],
        "width of the page at 390 px": [f"{one.width_at_390:,} px" for one in found],
        "dark background when asked": ["yes" if one.is_dark else "no" for one in found],
    }
    head = "| | " + " | ".join(one.name for one in found) + " |\n|" + "---|" * (len(found) + 1)
    return "\n".join([head, *(f"| {what} | {' | '.join(cells)} |" for what, cells in lines.items())])


def axe_text(one: Measured) -> str:
    if one.path.suffix != ".html":
        return "an image: no text at all"
    return f"{len(one.axe)} ({', '.join(one.axe)})" if one.axe else "0"


if __name__ == "__main__":
    main()
