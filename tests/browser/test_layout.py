"""What is on the first screen, and that nothing is cut off at any width."""

import pytest
from tests.browser.pages import PAGES

WIDTHS = (320, 390, 768, 1280, 2560)
OPEN_ALL = "document.querySelectorAll('details').forEach(d => d.open = true)"
# Heads of tables that a narrow page only reads aloud are clipped to one pixel; a wrapper that scrolls says so.
OVERFLOWING = """() => {
    const clipped = e => getComputedStyle(e).clipPath !== "none";
    const apart = new Set(document.querySelectorAll(".scroll *, svg *"));
    for (const head of document.querySelectorAll("thead, caption, .hidden"))
        if (clipped(head)) [head, ...head.querySelectorAll("*")].forEach(e => apart.add(e));
    return [...document.querySelectorAll("main *, .strip, .strip *")].filter(e => {
        if (apart.has(e) || e.matches(".scroll, svg") || !e.checkVisibility()) return false;
        const style = getComputedStyle(e);
        if (style.position === "absolute" || style.display === "inline") return false;
        return e.scrollWidth > e.clientWidth + 1 && e.clientWidth > 0;
    }).map(e => `${e.tagName}.${e.className}: ${e.scrollWidth} > ${e.clientWidth}`).slice(0, 5);
}"""
# The spacing that the accessibility guideline asks a page to bear.
SPACED = """* { line-height: 1.5 !important; letter-spacing: .12em !important; word-spacing: .16em !important }
            p { margin-bottom: 2em !important }"""


def cut_off(page):
    """By how much the page is wider than its window, and the boxes whose text leaves them."""
    wider = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    return ([f"page: {wider} too wide"] if wider else []) + page.evaluate(OVERFLOWING)


@pytest.mark.parametrize("name", sorted(PAGES))
def test_nothing_needs_a_scroll_sideways_at_any_width(open_page, name):
    page = open_page(name).page
    page.evaluate(OPEN_ALL)
    found = {}

    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 800})
        found[width] = cut_off(page)

    assert found == dict.fromkeys(WIDTHS, [])


@pytest.mark.parametrize("name", ["judged", "hostile", "large", "monitor", "compare"])
def test_text_spacing_cuts_nothing_off(open_page, name):
    page = open_page(name, bypass_csp=True).page
    page.evaluate(OPEN_ALL)
    page.add_style_tag(content=SPACED)
    found = {}

    for width in (390, 640, 1280):
        page.set_viewport_size({"width": width, "height": 800})
        found[width] = cut_off(page)

    assert found == {390: [], 640: [], 1280: []}


@pytest.mark.parametrize("name", ["judged", "hostile", "large", "monitor", "compare"])
def test_at_double_size_everything_can_still_be_read(open_page, name):
    """A browser at 200 % lays a window of 1280 px out as one of 640, with two dots to a pixel."""
    page = open_page(name, width=640, height=400, device_scale_factor=2).page
    page.evaluate(OPEN_ALL)

    assert cut_off(page) == []


def test_the_first_screen_holds_the_sentence_twelve_rows_and_what_is_undecided(open_page):
    opened = open_page("judged")
    undecided = opened.page.get_by_role("heading", name="Could not be decided").bounding_box()
    rows = opened.page.locator(".forest tbody tr:not(.group)")

    ends = [box["y"] + box["height"] for box in (rows.nth(nth).bounding_box() for nth in range(12))]

    assert opened.box(".lead")["y"] < 200
    assert max(ends) <= 800
    assert undecided["y"] + undecided["height"] <= 800


def test_a_viewer_of_900_by_500_shows_the_sentence_and_three_rows(open_page):
    opened = open_page("judged", width=900, height=500)

    lead, third = opened.box(".lead"), opened.box(".forest tbody tr:not(.group)", 2)

    assert lead["y"] + lead["height"] <= 500
    assert third["y"] + third["height"] <= 500


def test_a_narrow_page_shows_the_checks_before_the_lists(open_page):
    opened = open_page("judged", width=390, height=844)

    assert opened.box(".forest")["y"] < opened.box(".lists")["y"]


def test_two_names_that_are_cut_to_the_same_letters_stay_apart(open_page):
    names = open_page("hostile").page.locator(".forest .who").all_inner_texts()

    assert len(names) == len(set(names)) > 1
