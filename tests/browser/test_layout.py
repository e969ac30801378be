"""What is on the first screen, and that nothing is cut off at any width."""

import pytest
from tests.browser.pages import PAGES

OVERFLOWING = """() => [...document.querySelectorAll("main *, header *")].filter(e => {
    if (e.closest(".scroll, svg, .hidden, .skip") || !e.checkVisibility()) return false;
    const style = getComputedStyle(e);
    if (style.position === "absolute" || style.display === "inline") return false;
    return e.scrollWidth > e.clientWidth + 1 && e.clientWidth > 0;
}).map(e => `${e.tagName}.${e.className}: ${e.scrollWidth} > ${e.clientWidth}`).slice(0, 5)"""
SPACED = """* { line-height: 1.5 !important; letter-spacing: .12em !important; word-spacing: .16em !important }
            p { margin-bottom: 2em !important }"""


@pytest.mark.parametrize("width", [320, 390, 768, 1280, 2560])
@pytest.mark.parametrize("name", sorted(PAGES))
def test_nothing_needs_a_scroll_sideways(open_page, name, width):
    page = open_page(name, width=width).page
    page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")

    assert page.evaluate("document.documentElement.scrollWidth") == width
    assert page.evaluate(OVERFLOWING) == []


@pytest.mark.parametrize("name", ["judged", "monitor", "compare"])
def test_text_spacing_and_double_size_cut_nothing_off(open_page, name):
    """The spacing that the accessibility guideline asks a page to bear, at 200 %: half the room for the same text."""
    page = open_page(name, width=640, bypass_csp=True).page
    page.add_style_tag(content=SPACED)

    assert page.evaluate("document.documentElement.scrollWidth") == 640
    assert page.evaluate(OVERFLOWING) == []


def test_the_first_screen_holds_the_sentence_twelve_rows_and_what_is_undecided(open_page):
    opened = open_page("judged")
    undecided = opened.page.get_by_role("heading", name="Could not be decided").bounding_box()

    assert opened.box(".lead")["y"] < 200
    rows = opened.page.locator(".forest tbody tr:not(.group)")
    assert rows.count() >= 12
    for nth in range(12):
        box = rows.nth(nth).bounding_box()
        assert box["y"] + box["height"] <= 800, f"row {nth + 1} ends at {box['y'] + box['height']}"
    assert undecided["y"] + undecided["height"] <= 800


def test_a_viewer_of_900_by_500_shows_the_sentence_and_three_rows(open_page):
    opened = open_page("judged", width=900, height=500)

    assert opened.box(".lead")["y"] + opened.box(".lead")["height"] <= 500
    third = opened.page.locator(".forest tbody tr:not(.group)").nth(2).bounding_box()
    assert third["y"] + third["height"] <= 500


def test_a_narrow_page_shows_the_checks_before_the_lists(open_page):
    opened = open_page("judged", width=390, height=844)

    assert opened.box(".forest")["y"] < opened.box(".lists")["y"]


def test_two_names_that_are_cut_to_the_same_letters_stay_apart(open_page):
    names = open_page("hostile").page.locator(".forest .who").all_inner_texts()

    assert len(names) == len(set(names))
