"""The same findings elsewhere: Markdown, a notebook, a pull request, JUnit, a picture."""

import re
import struct
from dataclasses import replace
from html.parser import HTMLParser
from io import BytesIO
from xml.etree import ElementTree

import numpy as np
import pytest
from matplotlib import image

from clarify.errors import DataError, Problem
from clarify.report.html import render_report
from clarify.report.views.junit import junit_document, junit_error
from clarify.report.views.markdown import escape, link, table
from clarify.report.views.notebook import COLOURS, GREY, notebook_html, text_view
from clarify.report.views.picture import forest_png
from clarify.report.views.pull_request import pull_request_markdown
from clarify.report.views.summary import check_rows, markdown_summary, metric_rows, subject_slug
from clarify.report.words import FORBIDDEN
from clarify.results import AwsValue, GroupCounts, MetricValue, Reason, Verdict
from tests.unit.report import report_examples as examples
from tests.unit.report.outlines import Outline
from tests.unit.report.style_sheets import colour, contrast
from tests.unit.report.test_verdicts_in_report import ALIKE, APART, FEW, NOBODY, judged

TOLD = {"report_uri": "/runs/7/report.html", "evidence": "e" * 64}


def withheld_result():
    """One group suppressed: no number, no count."""
    result = replace(judged(ALIKE), verdicts=None)
    (facet,) = result.post_training.facets
    metrics = tuple(
        MetricValue(m.name, None, AwsValue(None), undefined_because=Reason.WITHHELD) for m in facet.metrics
    )
    hidden = GroupCounts(0, 0, 0, 0, fewer_than=10)
    counts = replace(facet.counts, d=hidden, a=hidden)
    section = replace(result.post_training, facets=(replace(facet, metrics=metrics, counts=counts),))
    return replace(result, post_training=section, explanations=None)


def outside_code(text):
    """Markdown without its fences and code spans."""
    return re.sub(r"(`+)(?!`).*?(?<!`)\1(?!`)", "", text, flags=re.DOTALL)


# --- Markdown -------------------------------------------------------------------------------------------------------


def test_a_link_is_one_only_where_a_browser_can_follow_it():
    assert link("Report", "https://host/#/a b(1)") == "[Report](https://host/#/a%20b%281%29)"
    assert link("Report", "https://me:pw@host/r.html?X-Signature=s") == "[Report](https://host/r.html)"
    assert link("Report", "s3://k:s@bucket/r.html") == "Report: `s3://bucket/r.html`"
    assert link("Report", "javascript:alert(1)").startswith("Report: `")


def test_every_mark_of_markdown_is_escaped():
    assert escape("a|b<c>[d](e)*_~#!@`\\") == r"a\|b\<c\>\[d\](e)\*\_\~\#\!\@\`\\"


def test_a_line_end_cannot_end_a_table():
    assert table(("a", "b"), [("1\n| 2", "3")]) == "| a | b |\n| --- | --- |\n| 1 | 2 | 3 |"


@pytest.mark.parametrize("view", [
    lambda r: markdown_summary(r, report_uri=TOLD["report_uri"], evidence="<b>"),
    lambda r: pull_request_markdown(r, **TOLD),
])  # fmt: skip
def test_hostile_names_stay_in_code_spans(view):
    text = view(examples.hostile_result())

    bare = re.sub(r"\\.", "", outside_code(text))
    assert not set(bare) & set("<[]!@")
    assert "\u202e" not in text
    assert "\0" not in text


def test_the_summary_has_the_sentence_three_lists_the_forest_the_report_and_the_digests():
    result = judged(FEW)

    text = markdown_summary(result, report_uri="https://host/report.html", evidence="e" * 64)

    heads = re.findall("^## (.*)$", text, flags=re.MULTILINE)
    assert heads == ["Found", "Could not be decided", "Undefined"]
    assert "**None of 1 check**" in text
    assert re.search(r"^```\nDPPL  sex = f .*INCONCLUSIVE\n\[···\] the range you allow", text, flags=re.MULTILINE)
    assert "[Report](https://host/report.html)" in text
    assert f"evidence `{'e' * 64}`" in text


def test_the_table_puts_the_worst_verdict_first_and_unjudged_metrics_last():
    words = [row.verdict for row in metric_rows(judged(APART))]

    assert words[0] == "VIOLATION"
    assert set(words[1:]) == {"NO RANGE", "UNDEFINED"}


def test_what_is_withheld_is_called_so_and_never_zero():
    (row,) = [row for row in check_rows(withheld_result()) if row.check.endswith("(DPPL)")]

    assert (row.verdict, row.value, row.interval) == ("WITHHELD", "not shown", "not shown")
    assert row.rows == "not shown / not shown"
    assert row.why == "it would show, or give away, a count below the limit"


def test_a_slug_is_that_of_model_and_report_in_lower_case_and_dashes():
    result = examples.credit_result()

    assert subject_slug(result) == "credit-hgb"
    assert subject_slug(replace(result, report_name="Sex Only!")) == "credit-hgb-sex-only"
    assert subject_slug(replace(result, model=None)) == "german"
    assert re.fullmatch("[a-z0-9-]+", subject_slug(examples.hostile_result()))
    assert len(subject_slug(replace(result, report_name="n" * 500))) <= 81


# --- notebook -------------------------------------------------------------------------------------------------------


class Safe(HTMLParser):
    """What is left of a fragment when a careful notebook has cleaned it."""

    def __init__(self, page):
        super().__init__()
        self.words, self.skipped = [], 0
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.skipped += tag in ("style", "svg")

    def handle_endtag(self, tag):
        self.skipped -= tag in ("style", "svg")

    def handle_data(self, data):
        self.words += [] if self.skipped else data.split()


@pytest.mark.parametrize("result", [examples.hostile_result(), judged(APART), withheld_result()])
def test_a_fragment_has_no_script_no_inline_style_no_address_and_closes_its_tags(result):
    page = notebook_html(result)

    outline = Outline(page)
    assert {tag for tag, _ in outline.tags} <= {
        "div", "style", "p", "strong", "code", "bdi", "table", "thead", "tbody", "tr", "th", "td", "svg", "path",
        "rect", "circle",
    }  # fmt: skip
    assert outline.is_balanced
    assert not {name for name, _ in outline.attributes} & {"style", "href", "src", "id", "onload"}
    assert "http" not in page
    assert len(re.findall("<script", page)) == 0


def test_without_any_style_the_fragment_still_says_check_value_range_and_verdict():
    words = " ".join(Safe(notebook_html(judged(APART))).words)

    assert "1 is outside" in words
    assert "Positive decisions (DPPL)" in words
    assert "0.80 (" in words                                     # 900 of 1,000 against 100 of 1,000
    assert "−0.10 to 0.10" in words
    assert words.endswith("VIOLATION")


def test_rules_reach_nothing_outside_the_fragment_and_two_fragments_differ():
    first, second = notebook_html(judged(APART)), notebook_html(judged(FEW))

    (scope,) = re.findall(r'^<div class="(clarify-[0-9a-f]{10}) ', first)
    (style,) = re.findall("<style>(.*?)</style>", first, flags=re.DOTALL)
    selectors = [one for rule in re.findall(r"([^{}]+)\{", style) for one in rule.split(",")]
    assert all(selector.startswith(f".{scope} ") for selector in selectors)
    assert scope not in second
    assert notebook_html(judged(APART)) == first


@pytest.mark.parametrize("background", ["#FFFFFF", "#111111", "#1F1F1F"])
def test_marks_are_seen_on_light_and_on_dark(background):
    for mark in (*COLOURS.values(), GREY):
        assert contrast(colour(mark), colour(background)) >= 3.7, mark


def test_at_most_twenty_four_rows_and_the_rest_is_counted():
    page = notebook_html(examples.crowded_result(30))

    assert page.count('<th scope="row"') == 24
    assert re.search(r"<p>\d+ more checks in the report\.</p>", page)


def test_the_text_is_the_sentence_and_the_forest():
    lines = text_view(judged(APART)).split("\n")

    assert lines[0] == "credit-hgb, version 7, on 1,000 rows"
    assert lines[1].startswith("Of 1 check, 1 is outside the range you allow")
    assert lines[2].endswith(" VIOLATION")


def numbers_in(path):
    return [float(number) for number in re.findall(r"-?\d+(?:\.\d+)?", path)]


@pytest.mark.parametrize("result", [judged(ALIKE), judged(APART), examples.credit_result()])
def test_the_fragment_draws_what_the_page_draws(result):
    page = render_report(result, examples.example_provenance())
    (row, *_) = [row for row in re.findall("<tr>.*?</tr>", page, re.DOTALL) if '<svg class="gl"' in row]
    (fragment, *_) = re.findall("<svg.*?</svg>", notebook_html(result), re.DOTALL)

    on_page, here = ([numbers_in(path)[0] for path in re.findall(r' d="(M[^"]*)"', svg)] for svg in (row, fragment))

    # Both drawings have a margin of 8; the page's is 250 units wide, the fragment's 220. Arrow heads are in the margin.
    assert len(on_page) == len(here)
    for there, x in zip(on_page, here, strict=True):
        assert x == pytest.approx(8 + (there - 8) * 204 / 234, abs=0.75) or there > 242


def test_an_undecided_mark_is_a_ring_that_no_bar_runs_through():
    (fragment,) = re.findall("<svg.*?</svg>", notebook_html(judged(FEW)), re.DOTALL)

    (bar,) = re.findall(r'd="([^"]*)"[^>]* stroke-width="4"', fragment)
    (mark,) = re.findall(r'd="(M[^"]*a[^"]*)"', fragment)

    # The circle starts at its left end, 4.2 units from its middle on either side: there the bar has its gap.
    left = numbers_in(mark)[0]
    (_, gap_starts), (gap_ends, _) = [(float(a), float(b)) for a, b in re.findall(r"M([\d.]+) 11H([\d.]+)", bar)]
    assert gap_starts == pytest.approx(left, abs=0.11)
    assert gap_ends == pytest.approx(left + 8.4, abs=0.11)


# --- pull request ---------------------------------------------------------------------------------------------------


def test_a_pull_request_lists_what_is_outside_or_open_and_counts_the_rest():
    outside, passed = pull_request_markdown(judged(APART), **TOLD), pull_request_markdown(judged(ALIKE), **TOLD)

    assert "| VIOLATION | `sex` | `f` | Positive decisions (DPPL) | 0.80 (" in outside
    assert "1,000 / 1,000 |" in outside
    assert "Exit code 1: at least one check is outside its range." in outside
    assert f"Evidence `{'e' * 64}`" in outside
    assert "|" not in passed
    assert "1 check is inside the range you allow (PASS)." in passed


@pytest.mark.parametrize(
    ("table_of", "fail_on", "code"),
    [
        (APART, "inconclusive", 1), (APART, "violation", 1), (APART, "never", 0),
        (FEW, "inconclusive", 3), (FEW, "violation", 0), (FEW, "never", 0), (ALIKE, "inconclusive", 0),
    ],
)  # fmt: skip
def test_a_pull_request_says_the_exit_code(table_of, fail_on, code):
    text = pull_request_markdown(judged(table_of), report_uri="r.html", fail_on=fail_on)

    assert f"\nExit code {code}: " in text


def test_a_pull_request_shows_twenty_rows_and_says_how_many_more():
    result = judged(FEW)
    (facet,) = result.post_training.facets
    (judgement,) = result.verdicts.judgements
    names = [f"g{i}" for i in range(23)]
    section = replace(
        result.post_training, facets=tuple(replace(facet, value_or_threshold=name) for name in names)
    )
    verdicts = replace(
        result.verdicts, judgements=tuple(replace(judgement, value_or_threshold=name) for name in names)
    )

    text = pull_request_markdown(replace(result, post_training=section, verdicts=verdicts), **TOLD)

    assert text.count("| INCONCLUSIVE |") == 20
    assert "3 more checks outside or undecided in the report." in text


# --- JUnit ----------------------------------------------------------------------------------------------------------


def outcomes(result, fail_on):
    (suite,) = ElementTree.fromstring(junit_document(result, fail_on=fail_on))
    return [[child.tag for child in case] for case in suite], dict(suite.attrib)


@pytest.mark.parametrize(
    ("table_of", "fail_on", "tags"),
    [
        (APART, "violation", ["failure"]), (APART, "inconclusive", ["failure"]), (APART, "never", ["system-out"]),
        (FEW, "violation", ["skipped"]), (FEW, "inconclusive", ["failure"]), (FEW, "never", ["skipped"]),
        (ALIKE, "inconclusive", []),
    ],
)  # fmt: skip
def test_a_case_fails_exactly_when_the_exit_code_does(table_of, fail_on, tags):
    cases, counted = outcomes(judged(table_of), fail_on)

    assert cases == [tags]
    assert (counted["tests"], counted["failures"]) == ("1", str(int("failure" in tags)))


def test_a_case_is_named_after_facet_and_check_and_its_message_is_a_sentence():
    (suite,) = ElementTree.fromstring(junit_document(judged(APART)))
    (case,) = suite

    assert (case.get("classname"), case.get("name")) == ("sex", "sex = f/DPPL")
    assert case[0].get("message").startswith("Positive decisions (DPPL) for sex = f: 0.80 (")
    assert "Outside the range you allow (−0.10 to 0.10)." in case[0].get("message")


def test_without_a_policy_every_metric_is_skipped():
    cases, counted = outcomes(examples.credit_result(), "inconclusive")

    assert {tuple(case) for case in cases} == {("skipped",)}
    assert counted["tests"] == counted["skipped"] == "42"


def test_no_name_makes_the_document_illegal():
    names = (*examples.HOSTILE, "\x0b\x0c\ufffe\uffff", "\ud800\udc00", "&lt;]]>")

    document = junit_document(examples.hostile_result(names))

    (suite,) = ElementTree.fromstring(document)
    assert len(suite) == len(names) * 13
    assert b"\x1b" not in document


def test_a_run_that_failed_is_an_error_with_every_problem():
    error = DataError(Problem("DATA-EMPTY", "dataset", "0 rows", "rows", "mend\x00 it"), Problem("X", "y", "z", "a"))

    (suite,) = ElementTree.fromstring(junit_error(error))

    assert suite.get("errors") == "1"
    assert suite[0][0].get("message") == "dataset: received 0 rows [DATA-EMPTY]"
    assert "y: received z" in suite[0][0].text


# --- picture --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("result", [judged(APART), examples.hostile_result((*examples.HOSTILE, "$\\frac$", "漢字"))])
def test_the_picture_is_1200_wide_and_the_same_every_time(result):
    picture = forest_png(result)

    assert picture.startswith(b"\x89PNG")
    assert struct.unpack(">I", picture[16:20]) == (1200,)
    assert b"Software" not in picture
    assert forest_png(result) == picture


def columns_of(pixels, ink):
    """Where, from left to right, a strip of the picture has a colour, give or take what its smooth edges mix in."""
    return np.flatnonzero((np.abs(pixels[..., :3] - colour(ink)).max(axis=-1) < 0.15).any(axis=0))


@pytest.mark.parametrize(
    ("table_of", "allowed", "ink", "verdict"),
    [
        (ALIKE, 0.1, "#00558C", Verdict.PASS), (APART, 0.5, "#A3310B", Verdict.VIOLATION),
        (FEW, 0.2, "#665000", Verdict.INCONCLUSIVE),
    ],
)  # fmt: skip
def test_the_verdict_can_be_read_off_the_pixels(table_of, allowed, ink, verdict):
    rule = f'{{version: "1.0", name: mine, ranges: [{{metric: DPPL, low: -{allowed}, high: {allowed}}}]}}'
    picture = image.imread(BytesIO(forest_png(judged(table_of, rule.encode()))))

    # The first row lies 180 pixels below the top; right of 650 stand its words.
    limits = columns_of(picture[168:171, 325:640], "#6E7985") + 325
    bar = columns_of(picture[178:182, 325:640], ink) + 325

    # 1.45 and 2.45 of 3.9 widths of the range, on 300 pixels from 330 on
    assert (limits[0], limits[-1]) == (pytest.approx(441.5, abs=1.5), pytest.approx(518.5, abs=1.5))
    read = Verdict.PASS if limits[0] < bar[0] and bar[-1] < limits[-1] else Verdict.INCONCLUSIVE
    assert (Verdict.VIOLATION if bar[0] > limits[-1] or bar[-1] < limits[0] else read) is verdict


@pytest.mark.parametrize("allowed", [-0.2, 0.2])
def test_a_check_beyond_the_drawing_is_one_arrow_head_that_points_there(allowed):
    rule = f'{{version: "1.0", name: mine, ranges: [{{metric: DPPL, low: {allowed}, high: {allowed + 0.01}}}]}}'
    picture = image.imread(BytesIO(forest_png(judged(ALIKE, rule.encode()))))

    column_heights = [len(columns_of(picture[170:190, x : x + 1].swapaxes(0, 1), "#A3310B")) for x in range(322, 640)]
    widest = 322 + int(np.argmax(column_heights))
    head = 322 + np.flatnonzero(column_heights)

    # An arrow head is widest at its back: it points to the side where the check lies.
    points_right = bool(widest < head.mean())
    assert points_right is (allowed < 0)
    assert (int(head.min()) > 600) is (allowed < 0)


@pytest.mark.parametrize("result", [judged(APART), judged(FEW), judged(NOBODY), withheld_result()])
def test_no_view_says_a_forbidden_word(result):
    views = (
        markdown_summary(result), pull_request_markdown(result, **TOLD), text_view(result),
        re.sub("<[^>]*>", " ", notebook_html(result)), junit_document(result).decode(),
    )  # fmt: skip

    for text in views:
        found = [word for word in FORBIDDEN if re.search(rf"\b{word}\b", text.lower())]
        assert not found, text
