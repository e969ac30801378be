"""Read aloud, walked by keyboard, seen in any scheme."""

from io import BytesIO

import pytest
from axe_playwright_python.sync_playwright import Axe
from tests.browser.pages import PAGES

OPEN_ALL = "document.querySelectorAll('details').forEach(d => d.open = true)"
SCHEMES = {
    "light": {},
    "dark": {"color_scheme": "dark"},
    "narrow": {"width": 390, "height": 844},
    "forced": {"forced_colors": "active"},
}


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("name", sorted(PAGES))
def test_axe_finds_no_violation(open_page, name, scheme):
    """With every closed part open; axe is a script, so that this one test lifts the page's policy."""
    page = open_page(name, bypass_csp=True, **SCHEMES[scheme]).page
    page.evaluate(OPEN_ALL)

    found = Axe().run(page)

    told = [f"{rule['id']}: {rule['nodes'][0]['html'][:200]}" for rule in found.response["violations"]]
    assert told == []


WALK = """() => [...document.querySelectorAll("a[href], summary, [tabindex='0']")]
    .filter(e => e.checkVisibility()).map(e => e.outerHTML.slice(0, 80))"""


def test_tab_visits_the_skip_link_then_everything_in_reading_order(open_page):
    page = open_page("judged").page
    expected = page.evaluate(WALK)

    visited = []
    for _ in expected:
        page.keyboard.press("Tab")
        visited.append(page.evaluate("document.activeElement.outerHTML.slice(0, 80)"))

    assert visited == expected
    assert 'class="skip"' in visited[0]


def test_enter_and_space_open_what_is_closed(open_page):
    page = open_page("judged").page
    summaries = page.locator("details:not([open]) > summary")
    assert summaries.count() > 1

    for nth, key in ((0, "Enter"), (1, "Space")):
        closed = page.locator("details").filter(has=page.locator("summary")).nth(nth)
        was = closed.evaluate("d => d.open")
        closed.locator("summary").first.focus()
        page.keyboard.press(key)
        assert closed.evaluate("d => d.open") is not was


def test_the_focus_ring_can_be_seen(open_page):
    from PIL import Image, ImageChops

    page = open_page("judged").page
    before = page.screenshot()
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")

    ring = ImageChops.difference(*(Image.open(BytesIO(shot)).convert("L") for shot in (before, page.screenshot())))

    assert sum(value > 40 for value in ring.getdata()) > 100


def test_links_and_summaries_are_large_enough_to_hit(open_page):
    """24 px, or alone on their line: the exception that the guideline makes for links inside text."""
    page = open_page("judged").page

    small = page.evaluate(
        """() => [...document.querySelectorAll("nav a, summary")].filter(e => e.checkVisibility())
            .filter(e => e.getBoundingClientRect().height < 24).map(e => e.outerHTML)"""
    )

    assert small == []


def test_forced_colours_leave_chips_bands_and_bars(open_page):
    page = open_page("judged", forced_colors="active").page

    drawn = page.evaluate(
        """() => {
            const of = (selector, what) => getComputedStyle(document.querySelector(selector))[what];
            const back = getComputedStyle(document.body).backgroundColor;
            return {back, chip: of(".chip", "borderTopColor"), border: of(".chip", "borderTopStyle"),
                    bar: of("svg .bar", "stroke"), edge: of("svg .edge", "stroke")};
        }"""
    )

    assert drawn["border"] != "none"
    assert drawn["back"] not in (drawn["chip"], drawn["bar"], drawn["edge"])
