"""Read aloud, walked by keyboard, seen in any scheme."""

from io import BytesIO

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from PIL import Image

from tests.browser.pages import PAGES
from tests.browser.questions import FAINT, FOCUSABLE, FOCUSED, OPEN_ALL, UNFORCED

KEY = ("judged", "hostile", "large", "monitor", "compare")
# Reading off colours takes axe half a minute of a large page: there `FAINT` asks every letter and mark instead.
WITHOUT_COLOURS = {"resultTypes": ["violations"], "rules": {"color-contrast": {"enabled": False}}}
COLOURS = {"resultTypes": ["violations"], "runOnly": ["color-contrast", "link-in-text-block"]}
SCHEMES = {
    "light": {"color_scheme": "light"},
    "dark": {"color_scheme": "dark"},
    "forced": {"forced_colors": "active"},
    "forced dark": {"forced_colors": "active", "color_scheme": "dark"},
}


def violations(page, options):
    """Rules that are broken, each with its first place; axe is a script, so that the page's policy is lifted for it."""
    page.evaluate(OPEN_ALL)
    found = Axe().run(page, options=options).response["violations"]
    return [f"{rule['id']}: {rule['nodes'][0]['html'][:200]}" for rule in found]


@pytest.mark.parametrize("name", sorted(PAGES))
def test_axe_finds_no_violation(open_page, name):
    page = open_page(name, bypass_csp=True).page

    assert violations(page, WITHOUT_COLOURS) == []


@pytest.mark.parametrize("name", KEY)
def test_axe_finds_no_violation_on_a_narrow_page(open_page, name):
    page = open_page(name, width=390, height=844, bypass_csp=True).page

    assert violations(page, WITHOUT_COLOURS) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", ["judged", "monitor", "compare"])
def test_axe_finds_no_faint_text(open_page, name, scheme):
    page = open_page(name, bypass_csp=True, **SCHEMES[scheme]).page

    assert violations(page, COLOURS) == []


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("name", [*KEY, "plain", "monitor-attribution"])
def test_every_letter_and_every_mark_stands_out(open_page, name, scheme):
    page = open_page(name, **SCHEMES[scheme]).page
    page.evaluate(OPEN_ALL)

    assert page.evaluate(FAINT) == []


@pytest.mark.parametrize("name", [*KEY, "plain", "monitor-attribution"])
def test_forced_colours_are_those_of_every_shape(open_page, name):
    """A reader's own colours may be any: a colour of ours between them might not be seen."""
    page = open_page(name, forced_colors="active", bypass_csp=True).page
    page.evaluate(OPEN_ALL)

    assert page.evaluate(UNFORCED) == []


@pytest.mark.parametrize("scheme", ["forced", "forced dark"])
@pytest.mark.parametrize("name", ["judged", "monitor", "compare"])
def test_forced_colours_leave_a_chip_its_border_and_its_word(open_page, name, scheme):
    """Looked at, as a browser puts a plate of its own behind a text that it recolours."""
    page = open_page(name, **SCHEMES[scheme]).page

    for state in ("pass", "violation", "inconclusive"):
        chip = page.locator(f".chip.{state}").filter(visible=True).first
        word = grey(chip.screenshot())[4:-4, 18:-4]
        assert word.min() < 80 < 175 < word.max(), state
        assert chip.evaluate("c => getComputedStyle(c).borderTopStyle") != "none"


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("state", ["pass", "violation", "inconclusive"])
def test_the_letter_of_a_cell_can_be_read(open_page, state, scheme):
    letter = grey(open_page("large", **SCHEMES[scheme]).page.locator(f".cell.{state} abbr").first.screenshot())

    assert int(letter.max()) - int(letter.min()) > 90


def grey(shot):
    return np.asarray(Image.open(BytesIO(shot)).convert("L"))


@pytest.mark.parametrize(("name", "width"), [("judged", 1280), ("judged", 390), ("monitor", 1280), ("compare", 1280)])
def test_tab_visits_the_skip_link_then_everything_in_reading_order(open_page, name, width):
    page = open_page(name, width=width).page
    expected = page.evaluate(FOCUSABLE)

    visited = []
    for _ in expected:
        page.keyboard.press("Tab")
        visited.append(page.evaluate(FOCUSED))

    assert visited == expected
    assert 'class="skip"' in visited[0]


@pytest.mark.parametrize("key", ["Enter", "Space"])
def test_a_key_opens_what_is_closed_and_closes_it_again(open_page, key):
    page = open_page("judged").page
    closed = page.locator("details:not([open])").first.element_handle()
    closed.query_selector("summary").focus()
    states = [closed.evaluate("d => d.open")]

    for _ in range(2):
        page.keyboard.press(key)
        states.append(closed.evaluate("d => d.open"))

    assert states == [False, True, False]


def test_on_a_narrow_page_a_key_opens_a_card_that_is_folded(open_page):
    page = open_page("judged", width=390, height=844).page
    card = page.locator(".card:not(.open)").first

    was = card.locator(".body").is_visible()
    card.locator(".opener input").focus()
    page.keyboard.press("Space")

    assert not was
    assert card.locator(".body").is_visible()


def test_a_link_of_the_forest_opens_the_card_that_it_leads_to(open_page):
    page = open_page("judged", width=390, height=844).page
    folded = page.locator(".card:not(.open)").first
    anchor = folded.get_attribute("id")

    page.locator(f".forest a[href='#{anchor}']").press("Enter")

    assert page.locator(f"#{anchor} .body").is_visible()


def test_the_focus_ring_can_be_seen(open_page):
    page = open_page("judged").page
    before = page.screenshot()

    page.keyboard.press("Tab")
    page.keyboard.press("Tab")

    changed = np.abs(grey(page.screenshot()).astype(int) - grey(before))
    assert (changed > 40).sum() > 100


@pytest.mark.parametrize(("name", "width"), [("judged", 1280), ("judged", 390), ("monitor", 1280), ("compare", 1280)])
def test_links_and_summaries_are_large_enough_to_hit(open_page, name, width):
    """24 px high, but for links inside text, of which the guideline asks nothing."""
    page = open_page(name, width=width).page

    small = page.evaluate(
        """() => [...document.querySelectorAll("nav a, summary, input, label")].filter(e => e.checkVisibility())
            .filter(e => e.getBoundingClientRect().height < 24).map(e => e.outerHTML)"""
    )

    assert small == []
