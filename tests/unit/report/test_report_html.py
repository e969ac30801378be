"""report.html: one inert file that says what was found, whatever the names in it."""

import base64
import hashlib
import re
from dataclasses import replace
from itertools import pairwise

import pytest

from clarify.report.html import render_report
from tests.unit.report import report_examples as examples
from tests.unit.report.outlines import Outline
from tests.unit.report.style_sheets import colour, contrast

RESULTS = {
    "credit": examples.credit_result(),
    "empty group": examples.empty_group_result(),
    "hostile": examples.hostile_result(),
    "crowded": examples.crowded_result(15),
}


@pytest.fixture(scope="module")
def pages():
    return {name: render_report(result, examples.example_provenance()) for name, result in RESULTS.items()}


@pytest.fixture(scope="module")
def outlines(pages):
    return {name: Outline(page) for name, page in pages.items()}


@pytest.mark.parametrize("name", RESULTS)
def test_the_policy_names_the_hash_of_the_only_style(pages, name):
    (style,) = re.findall(r"<style>(.*?)</style>", pages[name], re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()

    policy = f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    assert f'http-equiv="Content-Security-Policy" content="{policy}"' in pages[name]


@pytest.mark.parametrize("name", RESULTS)
def test_the_page_has_no_script_no_handler_no_inline_style_and_loads_nothing(outlines, name):
    outline = outlines[name]
    loading = {"src", "srcset", "action", "formaction", "data", "poster", "background", "xlink:href"}

    assert not {"script", "img", "link", "iframe", "object", "embed", "form", "base"} & {tag for tag, _ in outline.tags}
    assert not [a for a, _ in outline.attributes if a.startswith("on") or a == "style" or a in loading]
    assert {value[0] for a, value in outline.attributes if a == "href"} == {"#"}


@pytest.mark.parametrize("name", RESULTS)
def test_every_tag_is_closed_and_every_id_is_used_once(outlines, name):
    outline = outlines[name]
    ids = [value for a, value in outline.attributes if a == "id"]

    assert outline.is_balanced
    assert outline.open == []
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize("name", RESULTS)
def test_every_link_leads_somewhere_on_the_page(outlines, name):
    ids = {value for a, value in outlines[name].attributes if a == "id"}
    links = {value.removeprefix("#") for a, value in outlines[name].attributes if a == "href"}

    assert links <= ids


def test_the_page_names_no_web_address(pages):
    assert "http:" not in pages["credit"]
    assert "https:" not in pages["credit"]


@pytest.mark.parametrize("name", ["credit", "hostile"])
def test_two_renders_are_the_same_text(name, pages):
    assert render_report(RESULTS[name], examples.example_provenance()) == pages[name]


def test_the_title_leads_with_the_result(outlines):
    assert outlines["credit"].text_of("title") == "No verdict, 42 metrics, 6 undefined: credit-hgb version 7"


def test_hostile_names_stay_text(pages, outlines):
    page, outline = pages["hostile"], outlines["hostile"]

    assert "<script>window" not in page
    assert "&lt;script&gt;window.pwn=1&lt;/script&gt;" in page
    assert "{{7*7}}" in page
    assert "49" not in outline.text_of("h3")
    assert not re.search("[\u202a-\u202e\u2066-\u2069\x00-\x08\x0b-\x1f\ud800-\udfff]", page)


def test_names_of_ten_thousand_letters_are_clipped_and_told_apart(outlines):
    names = {text for text in outlines["hostile"].texts["bdi"] if text.startswith("nnn") and len(text) < 100}

    assert names == {"n" * 59 + "…", "n" * 59 + "… #2"}


def test_the_page_stays_far_below_its_size_budget():
    page = render_report(examples.crowded_result(215), examples.example_provenance())

    assert len(page.encode()) < 600_000


def test_a_crowded_report_leads_with_a_matrix_and_twelve_rows(outlines):
    rows = [attrs for tag, attrs in outlines["crowded"].tags if tag == "svg" and attrs.get("class") == "gl"]

    assert len(rows) == 12
    assert "Values by group; a dash stands for undefined or not asked for" in outlines["crowded"].text_of("caption")


def test_an_undefined_metric_shows_its_reason_and_no_glyph(outlines):
    outline = outlines["empty group"]

    assert "no row belongs to the named group" in outline.text_of("td")
    assert not [attrs for tag, attrs in outline.tags if attrs.get("class") == "gl"]
    assert "UNDEFINED" in outline.text_of("span")


def test_headings_skip_no_level_and_there_is_one_h1(outlines):
    levels = [int(tag[1]) for tag, _ in outlines["credit"].tags if re.fullmatch("h[1-6]", tag)]

    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))


def test_the_values_printed_are_those_of_the_result(outlines):
    # DPPL of foreign_worker: 35 of 37 against 747 of 963, 0.9459 - 0.7757 = 0.1702.
    assert "94.6 %" in outlines["credit"].text_of("b")
    assert "0.170" in outlines["credit"].text_of("b")


@pytest.mark.parametrize(("scheme", "text", "background"), [
    ("light", ("ink", "muted", "link"), "bg"), ("dark", ("ink", "muted", "link"), "bg"),
    ("light", ("ink", "muted"), "sub"), ("dark", ("ink", "muted"), "sub"),
])  # fmt: skip
def test_text_has_a_contrast_of_at_least_four_and_a_half(pages, scheme, text, background):
    light, dark = re.findall(r":root\{(.*?)\}", pages["credit"])[:2]
    tokens = dict(re.findall(r"--(\w+):(#\w+)", {"light": light, "dark": dark}[scheme]))

    assert all(contrast(colour(tokens[name]), colour(tokens[background])) >= 4.5 for name in text)


def test_a_run_without_an_id_shows_none():
    provenance = examples.example_provenance()
    nameless = replace(provenance, run=replace(provenance.run, mlflow_run_id=None, prefect_flow_run_id=None))

    page = render_report(examples.credit_result(), nameless)

    assert "(empty)" not in page
    assert "· run" not in page
