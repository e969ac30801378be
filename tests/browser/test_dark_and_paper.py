"""Dark is dark everywhere; paper is white and shows all of it."""

from io import BytesIO

import numpy as np
import pytest
from PIL import Image
from pypdf import PdfReader
from tests.browser.pages import PRINTED_AT

from clarify.report.pdf import print_pdf

CONTRAST = """() => {
    const parts = c => c.match(/[\\d.]+/g).map(Number);
    const light = ([r, g, b]) => {
        const [x, y, z] = [r, g, b].map(v => v / 255).map(v => v <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4);
        return .2126 * x + .7152 * y + .0722 * z;
    };
    const ratio = (a, b) => { const [h, l] = [light(a), light(b)].sort((x, y) => y - x); return (h + .05) / (l + .05) };
    const back = parts(getComputedStyle(document.body).backgroundColor);
    const low = [];
    for (const e of document.querySelectorAll("svg text, svg .mark, svg .bar, svg .edge, svg .whisker, svg .dots")) {
        if (!e.checkVisibility()) continue;
        const style = getComputedStyle(e);
        const isText = e.tagName === "text";
        const paint = [style.fill, style.stroke].filter(p => p.startsWith("rgb") && !/, 0\\)$/.test(p));
        const best = Math.max(...paint.map(p => ratio(parts(p), back)));
        if (paint.length && best < (isText ? 4.5 : 3)) low.push(`${e.tagName}.${e.className.baseVal}: ${best}`);
    }
    return [...new Set(low)];
}"""


@pytest.mark.parametrize("name", ["judged", "plain", "monitor", "compare"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_mark_and_letter_of_a_drawing_stands_out(open_page, name, scheme):
    page = open_page(name, color_scheme=scheme).page
    page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")

    assert page.evaluate(CONTRAST) == []


@pytest.mark.parametrize("name", ["judged", "monitor", "compare"])
def test_a_dark_page_has_no_white_patch(open_page, name):
    shot = Image.open(BytesIO(open_page(name, color_scheme="dark").page.screenshot(full_page=True))).convert("L")
    blocks = np.asarray(shot)[: shot.height // 8 * 8, : shot.width // 8 * 8].reshape(shot.height // 8, 8, -1, 8)

    near_white = (blocks.min(axis=(1, 3)) > 200).mean()

    assert near_white < 0.001


@pytest.mark.parametrize("name", ["judged", "monitor", "compare"])
def test_paper_is_white_even_from_a_dark_desktop_and_nothing_stays_closed(open_page, name):
    page = open_page(name, color_scheme="dark").page
    page.emulate_media(media="print", color_scheme="dark")

    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    hidden = page.evaluate(
        """() => [...document.querySelectorAll("details > *:not(summary)")]
            .filter(e => e.getBoundingClientRect().height < 1).length"""
    )
    assert hidden == 0


@pytest.fixture(scope="module")
def printed(pages):
    return print_pdf(pages["judged"].read_text(encoding="utf-8"), printed_at=PRINTED_AT)


def test_the_pdf_has_tags_a_title_a_language_and_the_place_to_sign(printed):
    document = PdfReader(BytesIO(printed))
    text = "\n".join(page.extract_text() for page in document.pages)

    assert document.metadata.title
    assert document.trailer["/Root"]["/MarkInfo"]["/Marked"]
    assert document.trailer["/Root"]["/Lang"] == "en"
    for field in ("Name", "Role", "Date", "Decision", "Conditions"):
        assert field in text


def test_a_sheet_is_a4_and_the_report_fills_a_dozen_or_two(printed):
    document = PdfReader(BytesIO(printed))

    assert [round(float(side)) for side in document.pages[0].mediabox[2:]] == [595, 842]
    assert 5 <= len(document.pages) <= 24


def test_the_same_page_prints_to_the_same_bytes(pages, printed):
    assert print_pdf(pages["judged"].read_text(encoding="utf-8"), printed_at=PRINTED_AT) == printed


def test_no_check_is_torn_across_two_sheets(open_page):
    """On paper each row of the forest says that it must stay whole."""
    page = open_page("judged").page
    page.emulate_media(media="print")

    torn = page.evaluate(
        """() => [...document.querySelectorAll("tr, .card, figure")]
            .filter(e => getComputedStyle(e).breakInside !== "avoid").length"""
    )

    assert torn == 0


def test_three_verdicts_stay_apart_in_grey(open_page):
    page = open_page("judged").page
    page.emulate_media(media="print")
    greys, borders = {}, {}
    for state in ("pass", "violation", "inconclusive"):
        chip = page.locator(f".chip.{state}").first
        greys[state] = np.asarray(Image.open(BytesIO(chip.screenshot())).convert("L")).mean()
        borders[state] = chip.evaluate("e => getComputedStyle(e).borderTopStyle")

    assert greys["violation"] < min(greys["pass"], greys["inconclusive"]) - 60  # filled
    assert borders["pass"] != borders["inconclusive"]  # whole and dashed
