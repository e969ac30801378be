"""The largest result as a page: bytes, time to write it, first paint, and what a doubling of the rows changes.

    python benchmarks/report/large_result.py [--repeats 5]

Needs the extra ``pdf`` and a Chromium. The floor of the same run is an empty page of the same browser.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from difflib import SequenceMatcher
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

from clarify.report.html import render_report
from clarify.report.paper.pdf import find_browser, is_sandboxed
from clarify.results import AnalysisResult
from tests.subjects.large_result import ROWS, large_result
from tests.unit.report.report_examples import example_provenance

LIMIT_BYTES = 2_000_000
PAINT = "() => performance.getEntriesByType('paint').find(e => e.name === 'first-contentful-paint')?.startTime ?? null"
EMPTY = "<!doctype html><html lang=en><title>floor</title><p>floor"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--repeats", type=int, default=5)
    repeats = parser.parse_args().repeats
    result, doubled = large_result(), large_result(2 * ROWS)
    seconds, page = timed(result, repeats)
    paints, elements = first_paints(page, repeats)
    floors, _ = first_paints(EMPTY, repeats)
    print(f"| what | value |\n|---|---|\n| rows, features, groups | {ROWS:,}, 100, 43 in 5 facets |")
    print(f"| bytes of the page (limit {LIMIT_BYTES:,}) | {len(page.encode()):,} |")
    print(f"| seconds to write it, median of {repeats} | {statistics.median(seconds):.2f} |")
    print(f"| elements | {elements:,} |")
    print(f"| first paint, median of {repeats} | {statistics.median(paints) / 1000:.2f} s |")
    print(f"| the same of an empty page | {statistics.median(floors) / 1000:.2f} s |")
    print(f"| twice the rows: bytes of the page | {len(render(doubled).encode()):,} |")
    print(f"| of its words, alike | {alike(page, render(doubled)):.1%} |")


def render(result: AnalysisResult) -> str:
    return render_report(result, example_provenance())


def timed(result: AnalysisResult, repeats: int) -> tuple[list[float], str]:
    render(result)                                        # templates are compiled once a process
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        page = render(result)
        seconds.append(time.perf_counter() - start)
    return seconds, page


def first_paints(page: str, repeats: int) -> tuple[list[float], int]:
    """Milliseconds from navigation to first paint of a page on disk, each in a context of its own."""
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        path = Path(folder) / "page.html"
        path.write_text(page, encoding="utf-8")
        browser = playwright.chromium.launch(executable_path=find_browser(playwright), chromium_sandbox=is_sandboxed())
        found = [first_paint(browser, path) for _ in range(repeats + 1)][1:]     # the first one starts the renderer
        browser.close()
    return [paint for paint, _ in found], found[-1][1]


def first_paint(browser: Browser, path: Path) -> tuple[float, int]:
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    tab = context.new_page()
    tab.goto(path.as_uri())
    while tab.evaluate(PAINT) is None:             # not wait_for_function: our policy forbids what that evaluates
        tab.wait_for_timeout(20)
    measured = float(tab.evaluate(PAINT)), int(tab.evaluate("document.querySelectorAll('*').length"))
    context.close()
    return measured


def alike(one: str, other: str) -> float:
    """Share of words that both pages have in the same order."""
    return SequenceMatcher(None, one.split(), other.split(), autojunk=False).quick_ratio()


if __name__ == "__main__":
    main()
