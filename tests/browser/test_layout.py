"""What is on the first screen, and that nothing is cut off at any width."""

import pytest

from tests.browser.pages import PAGES
from tests.browser.questions import CUT_OFF, OFF_THE_SHEET, OPEN_ALL, TOO_WIDE

EVERY = sorted(PAGES)
KEY = ("judged", "hostile", "large", "monitor", "compare")
TURNING = ("judged", "plain", "monitor", "compare")       # the others lay out the same parts, with more of them
WIDTHS = (320, 390, 768, 1280, 2560)
# Both sides of every width at which a style sheet changes its mind.
TURNS = (640, 641, 820, 821, 980, 981, 1060, 1061, 1100, 1101, 1200, 1201)
SHEET = 688                   # A4 less two margins of 14 mm, at 96 to the inch
# The spacing that the accessibility guideline asks a page to bear.
SPACED = """* { line-height: 1.5 !important; letter-spacing: .12em !important; word-spacing: .16em !important }
            p { margin-bottom: 2em !important }"""


def cut_off(page):
    """By how much the page is wider than its window, and the boxes whose text leaves them."""
    wider = page.evaluate(TOO_WIDE)
    return ([f"page: {wider} too wide"] if wider else []) + page.evaluate(CUT_OFF)


def cut_off_at(page, widths):
    found = {}
    for width in widths:
        page.set_viewport_size({"width": width, "height": 800})
        found[width] = cut_off(page)
    return {width: what for width, what in found.items() if what}


@pytest.mark.parametrize("name", EVERY)
def test_nothing_needs_a_scroll_sideways_at_any_width(open_page, name):
    page = open_page(name).page
    page.evaluate(OPEN_ALL)

    assert cut_off_at(page, WIDTHS + TURNS if name in TURNING else WIDTHS) == {}


@pytest.mark.parametrize("name", KEY)
def test_text_spacing_cuts_nothing_off(open_page, name):
    page = open_page(name, bypass_csp=True).page
    page.evaluate(OPEN_ALL)
    page.add_style_tag(content=SPACED)

    assert cut_off_at(page, WIDTHS + TURNS if name in TURNING else WIDTHS) == {}


@pytest.mark.parametrize("name", ["judged", "monitor", "compare"])
def test_the_widest_common_font_cuts_nothing_off(open_page, name):
    """Where none of the fonts that a page asks for is installed."""
    page = open_page(name, bypass_csp=True).page
    page.evaluate(OPEN_ALL)
    page.add_style_tag(content='body { font-family: "DejaVu Sans", Verdana, sans-serif }')

    assert cut_off_at(page, WIDTHS + TURNS) == {}


@pytest.mark.parametrize("name", KEY)
def test_at_double_size_everything_can_still_be_read(open_page, name):
    """A browser at 200 % lays a window of 1280 px out as one of 640, with two dots to a pixel."""
    page = open_page(name, width=640, height=400, device_scale_factor=2).page
    page.evaluate(OPEN_ALL)

    assert cut_off(page) == []


@pytest.mark.parametrize("name", EVERY)
def test_a_sheet_of_paper_holds_every_table(open_page, name):
    """What is too wide is not cut off by a printer: it shrinks the whole document until it fits."""
    page = open_page(name, width=SHEET, height=1017).page
    page.emulate_media(media="print")

    assert page.evaluate(OFF_THE_SHEET) == []


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
