"""Names that have broken pages before, in every field that holds a text: they stay text, short and apart."""

import re
import xml.etree.ElementTree as ET
from dataclasses import astuple, replace
from functools import cache

import pytest

from clarify.report.html import render_report
from clarify.report.names import LONGEST_NAME, clean, name_all
from clarify.report.view import names_of, page_of
from clarify.report.views.junit import junit_document
from clarify.report.views.markdown import code_span
from clarify.report.views.notebook import notebook_html, text_view
from clarify.report.views.pull_request import pull_request_markdown
from clarify.report.views.summary import check_rows, findings, markdown_summary, metric_rows
from tests.unit.report.every_field import filled_result
from tests.unit.report.outlines import Outline
from tests.unit.report.report_examples import HOSTILE, credit_result, example_provenance

# Each with a number behind it, so that names differ; of 10 kB only what is clipped away does.
NAMES = (*HOSTILE, "<img src=x onerror=alert(1)>", "' onmouseover='alert(1)", "<!--", "</title><title>", "&lt;b&gt;",
         "</bdi></th></table>", "{% raw %}", "@SUM(A1)", "-1+1", "\u3164", "\N{RIGHT-TO-LEFT MARK}", "| --- |", "```")
"""The shared list, and what parsers of HTML, templates, tables and fences each trip over."""
CONTROL = re.compile("[\u202a-\u202e\u2066-\u2069\u200e\u200f\x00-\x08\x0b-\x1f\x7f\ud800-\udfff]")


def result_of(name):
    return filled_result(text_of=lambda number: f"{name}{number}")[0]


def harmless(name):
    """A name of ours in its place, as long: texts that are alike once they are clipped are said once."""
    return "name" if len(name) < LONGEST_NAME else "m" * min(len(name) // 2, 1_000)


def provenance_of(name):
    plain = example_provenance()
    run = replace(plain.run, command=name, mlflow_run_id=name + "1", prefect_flow_run_id=name + "2", host=name,
                  engine=name)
    return replace(plain, dataset_uri=f"s3://{name}/a", model_uri=f"models:/{name}/3", run=run)


@cache
def page(name):
    return render_report(result_of(name), provenance_of(name))


@pytest.mark.parametrize("name", NAMES)
def test_a_name_makes_no_element_and_no_attribute(name):
    """The page has the tags and attributes of a page with harmless names, in the same order."""
    hostile, plain = Outline(page(name)), Outline(page(harmless(name)))

    assert shape(hostile) == shape(plain)
    assert hostile.is_balanced
    assert hostile.open == []


def shape(outline):
    """Tags with the names of their attributes; classes and ids are ours, so their values count too."""
    kept = ("class", "id", "href", "http-equiv", "name", "scope", "role")
    return [(tag, [(a, v if a in kept else "") for a, v in attrs.items()]) for tag, attrs in outline.tags]


@pytest.mark.parametrize("name", NAMES)
def test_no_name_reorders_hides_or_floods_what_stands_around_it(name):
    assert not CONTROL.search(page(name))
    assert len(page(name)) < 4 * len(page("name"))
    assert max(len(word) for word in Outline(page(name)).text.split()) <= 2 * 500       # a URI or a command, clipped


@pytest.mark.parametrize("name", NAMES)
def test_the_title_is_one_line_that_leads_with_the_result(name):
    (title,), (plain,) = (Outline(page(n)).texts["title"] for n in (name, harmless(name)))

    assert title.partition(": ")[0] == plain.partition(": ")[0] == "No violation, none undecided"
    assert len(title.splitlines()) == 1
    assert len(title) < 2 * LONGEST_NAME + 50


@pytest.mark.parametrize("name", NAMES)
def test_names_that_are_clipped_to_the_same_text_are_told_apart(name):
    result = result_of(name)
    raw = {facet.facet for section in (result.pre_training, result.post_training) for facet in section.facets}

    shown = [names_of(result)[one] for one in raw]

    assert len(set(shown)) == len(raw) == 4
    assert max(map(len, shown)) <= LONGEST_NAME + len(" #1000")


def test_groups_of_a_page_are_told_apart_too():
    result = result_of("n" * 10_000)

    groups = page_of(result, example_provenance()).sections

    assert len({group.group for group in groups}) == len(groups) > 1


# --- Markdown, tables, terminal, notebook, XML -------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("view", [
    lambda result: markdown_summary(result),
    lambda result: pull_request_markdown(result, report_uri="r"),
], ids=["summary", "pull request"])  # fmt: skip
def test_markdown_keeps_names_out_of_its_marks(name, view):
    """Outside of code spans and fences only our own words are left: the same ones as with harmless names."""
    text, plain = view(result_of(name)), view(result_of(harmless(name)))

    assert not CONTROL.search(text)
    assert outside_of_code(text) == outside_of_code(plain)


def outside_of_code(markdown):
    """What a Markdown reader may interpret: fences and code spans cut out as CommonMark finds them."""
    kept, fence = [], ""
    for line in markdown.split("\n"):
        opened = re.match(r"`{3,}", line)
        if fence:
            fence = "" if line == fence else fence
        elif opened and line == opened.group():
            fence = line
        else:
            kept.append(re.sub(r"(?<!`)(`+)(?!`)(.+?)(?<!`)\1(?!`)", "<code>", line))
    assert not fence
    return [re.sub(r"\(\+\d+ characters\)", "", line) for line in kept]


@pytest.mark.parametrize("name", NAMES)
def test_a_row_of_a_table_is_one_line_without_a_border_in_it(name):
    rows = metric_rows(result_of(name))

    assert len(rows) == len(metric_rows(result_of(harmless(name))))
    assert not [cell for row in rows for cell in astuple(row) if "|" in cell or "\n" in cell or CONTROL.search(cell)]
    assert {(row.facet[0], row.group[0]) for row in rows} == {("`", "`")}


@pytest.mark.parametrize("name", NAMES)
def test_a_terminal_gets_one_printable_line_for_each_finding(name):
    lines = (*findings(result_of(name)), *text_view(result_of(name)).splitlines())

    assert not [line for line in lines if CONTROL.search(line) or "\n" in line]
    assert len(text_view(result_of(name)).splitlines()) == len(text_view(result_of(harmless(name))).splitlines())


@pytest.mark.parametrize("name", NAMES)
def test_a_notebook_shows_names_as_text(name):
    """The values of attributes differ: styles are scoped by a class that is made from what is shown."""
    hostile, plain = (Outline(notebook_html(result_of(n))).tags for n in (name, harmless(name)))

    assert [(tag, list(attrs)) for tag, attrs in hostile] == [(tag, list(attrs)) for tag, attrs in plain]


@pytest.mark.parametrize("name", NAMES)
def test_the_xml_of_a_build_is_well_formed(name):
    found, plain = (ET.fromstring(junit_document(result_of(n))) for n in (name, harmless(name)))

    assert [(e.tag, sorted(e.attrib)) for e in found.iter()] == [(e.tag, sorted(e.attrib)) for e in plain.iter()]


def test_names_reach_the_rows_of_a_table_clean_and_whole():
    (first, *_) = check_rows(result_of("=cmd()|x"))

    assert first.facet.startswith("=cmd()|x")


# --- cleaning ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("raw", "shown"), [
    ("a" + "\u20e0" * 50, "a" + "\u20e0" * 3),                    # enclosing marks have no combining class
    ("a\u3164", "a\ufffd"), ("\u2800", "\ufffd"),                 # letters and symbols that are drawn as nothing
    ("\N{MAN}\N{ZERO WIDTH JOINER}\N{PERSONAL COMPUTER}", "\N{MAN}\N{ZERO WIDTH JOINER}\N{PERSONAL COMPUTER}"),
    ("कृष्ण", "कृष्ण"), ("नि", "नि"), ("", "(empty)"), (" \t\n", "(empty)"), ("two\r\nlines", "two lines"),
])  # fmt: skip
def test_cleaning_keeps_what_can_be_read(raw, shown):
    assert clean(raw) == shown


def test_a_number_never_meets_a_name_that_has_one():
    shown = name_all(["a\0", "a\1", "a\ufffd #2", "a\2"]).shown.values()

    assert list(shown) == ["a\ufffd", "a\ufffd #2", "a\ufffd #2 #2", "a\ufffd #3"]


def test_thousands_of_names_with_the_same_beginning_are_named_in_one_pass():
    shown = name_all("n" * 100 + str(i) for i in range(5_000)).shown

    assert len(set(shown.values())) == 5_000


@pytest.mark.parametrize("name", ["`", "``", "a`b", "`a", "a`"])
def test_a_code_span_ends_where_it_should(name):
    assert re.fullmatch(r"(`+) ?(.+?) ?\1", code_span(name)).group(2).strip() == name.strip()


def test_a_plain_result_is_not_changed_by_cleaning():
    names = names_of(credit_result())

    assert {raw for raw, shown in names.shown.items() if raw != shown} == set()
