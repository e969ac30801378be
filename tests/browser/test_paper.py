"""Paper is white and shows all of it: nothing closed, every row whole on one sheet, words that can be searched for."""

import re
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO

import numpy as np
import pytest
from PIL import Image
from pypdf import PdfReader

from clarify.report.paper.pdf import print_pdf
from tests.browser import pictures
from tests.browser.pages import PRINTED_AT

PRINTED = ("judged", "monitor", "compare")
SHEET = {"width": 688, "height": 1017}        # A4 less margins of 14 mm, at 96 to the inch


@pytest.mark.parametrize("name", PRINTED)
def test_paper_is_white_even_from_a_dark_desktop(open_page, name):
    page = open_page(name, **SHEET, color_scheme="dark").page
    page.emulate_media(media="print", color_scheme="dark")
    from_dark = page.screenshot()

    page.emulate_media(media="print", color_scheme="light")

    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert page.screenshot() == from_dark


@pytest.mark.parametrize("name", [*PRINTED, "large"])
def test_on_paper_nothing_stays_closed_but_the_values_of_a_drawing(open_page, name):
    page = open_page(name).page
    page.emulate_media(media="print")

    closed = page.evaluate(
        """() => [...document.querySelectorAll("details > *:not(summary), .card .body")]
            .filter(e => !e.checkVisibility() && !e.closest(".panel, .strip-of"))
            .map(e => e.outerHTML.slice(0, 200))"""
    )

    assert closed == []


def test_the_place_to_sign_is_on_paper_alone(open_page):
    page = open_page("judged").page
    block = page.locator(".signature")

    on_screen = block.is_visible()
    page.emulate_media(media="print")

    assert (on_screen, block.is_visible()) == (False, True)


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


# --- the document ----------------------------------------------------------------------------------------------------


def printed_aside(text):
    """A document by its own browser, in a thread of its own: playwright is already running in this one."""
    with ThreadPoolExecutor(1) as aside:
        return aside.submit(print_pdf, text, printed_at=PRINTED_AT).result()


@pytest.fixture(scope="module")
def printed(pages):
    return {name: printed_aside(pages[name].read_text(encoding="utf-8")) for name in PRINTED}


@pytest.fixture(scope="module")
def documents(printed):
    return {name: PdfReader(BytesIO(content)) for name, content in printed.items()}


@pytest.fixture(scope="module")
def texts(documents):
    """What each sheet says, as a search finds it."""
    return {name: [sheet.extract_text() for sheet in document.pages] for name, document in documents.items()}


def letters(text):
    """Letters and digits alone: where a line ends, and marks that are drawn, do not matter."""
    return re.sub(r"[^A-Za-z0-9]", "", text)


@pytest.mark.parametrize("name", PRINTED)
def test_the_document_has_tags_a_title_and_a_language(documents, name):
    document = documents[name]

    assert document.metadata.title
    assert document.trailer["/Root"]["/MarkInfo"]["/Marked"]
    assert document.trailer["/Root"]["/Lang"] == "en"
    assert document.trailer["/Root"]["/StructTreeRoot"]
    assert document.outline


def test_the_document_ends_with_the_place_to_sign(texts):
    last = texts["judged"][-1]

    assert [word for word in ("Name", "Role", "Date", "Decision", "Conditions") if word not in last] == []


def test_every_sheet_is_a4_counts_itself_and_names_the_run(documents, texts):
    sheets = texts["judged"]

    assert {tuple(round(float(side)) for side in sheet.mediabox[2:]) for sheet in documents["judged"].pages} == {
        (595, 842)
    }
    assert all(f"page {n} of {len(sheets)}" in sheet for n, sheet in enumerate(sheets, 1))
    assert all("run 8c1f40ba" in sheet for sheet in sheets)


@pytest.mark.usefixtures("fonts_of_the_goldens")
@pytest.mark.parametrize("name", PRINTED)
def test_the_document_has_as_many_sheets_as_it_had(documents, name):
    found = len(documents[name].pages)
    if pictures.WRITES:
        pictures.keep_measured("sheets", {name: found})

    assert found == pytest.approx(pictures.measured("sheets")[name], rel=0.1)


@pytest.mark.parametrize("name", PRINTED)
def test_every_row_and_card_stands_whole_on_one_sheet_and_can_be_searched_for(open_page, texts, name):
    page = open_page(name, **SHEET).page
    page.emulate_media(media="print")
    whole = page.evaluate(
        """() => [...document.querySelectorAll("tbody tr, .card, .signature")]
            .filter(e => e.checkVisibility()).map(e => e.innerText)"""
    )
    sheets = [letters(sheet) for sheet in texts[name]]

    torn = [text for text in whole if not any(letters(text) in sheet for sheet in sheets)]

    assert len(whole) > 8
    assert torn == []


def test_the_same_page_prints_to_the_same_bytes(pages, printed):
    assert printed_aside(pages["compare"].read_text(encoding="utf-8")) == printed["compare"]
