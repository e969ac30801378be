"""The page of a comparison: what it says, what it draws, and that no name from outside can do harm."""

import base64
import hashlib
import re
from dataclasses import replace

import pytest

from clarify.compared import (
    MetricDifference,
    NotCompared,
    Unpaired,
)
from clarify.report.comparison.page import comparison_page, page_of_comparison
from clarify.report.comparison.text import comparison_markdown, comparison_text
from clarify.report.comparison.words import CANNOT_SHOW, NOT_COMPARED, UNPAIRED, difference_sentence
from clarify.report.words import FORBIDDEN, name, plain, say
from clarify.results import Interval
from tests.unit.report.compare_examples import INSIDE, OPEN, OUTSIDE, comparison, dppl, run
from tests.unit.report.outlines import Outline

HOSTILE = '<script>alert(1)</script>"|`\x00\u202e' + "x" * 10_000


def text_of(found):
    return Outline(comparison_page(found)).text


def sentence(metric):
    return plain(difference_sentence(metric, say(name("sex"), " = ", name("female"))))


# --- words ------------------------------------------------------------------------------------------------------------


def test_a_gap_that_shrinks_is_said_in_points():
    assert sentence(dppl()) == (
        "The challenger's gap in positive decisions for sex = female is 3 points smaller"
        " (95 % interval 1 to 5 smaller)."
    )


def test_a_gap_to_the_other_side_shrinks_towards_zero():
    metric = dppl(champion=-0.12, challenger=-0.09, difference=0.03, interval=Interval(-0.01, 0.05))

    assert sentence(metric).endswith("is 3 points smaller (95 % interval 5 smaller to 1 larger).")


def test_a_gap_that_grows_is_larger():
    metric = dppl(champion=0.09, challenger=0.12, difference=0.03, interval=Interval(-0.01, 0.05))

    assert sentence(metric).endswith("is 3 points larger (95 % interval 1 smaller to 5 larger).")


def test_a_gap_that_turns_is_not_called_smaller():
    metric = dppl(champion=0.05, challenger=-0.03, difference=-0.08, interval=Interval(-0.12, -0.04))

    assert sentence(metric) == (
        "The gap in positive decisions for sex = female turns: 5 points with the champion, 3 the other way with the"
        " challenger, a change of 8 points (95 % interval 4 to 12)."
    )


def test_points_that_would_not_add_up_get_a_decimal():
    metric = dppl(champion=0.084, challenger=-0.164, difference=-0.248, interval=Interval(-0.4, -0.1))

    assert "8.4 points with the champion, 16.4 the other way with the challenger, a change of 24.8" in sentence(metric)


def test_equal_gaps_are_the_same():
    metric = dppl(champion=0.1, challenger=0.1, difference=0.0, interval=Interval(-0.02, 0.02))

    assert sentence(metric).endswith("is the same (95 % interval 2 smaller to 2 larger).")


def test_a_ratio_is_said_with_both_values():
    metric = MetricDifference("post_training", "DI", 0.72, 0.78, 0.06, Interval(0.01, 0.11))

    assert sentence(metric) == (
        "Ratio of positive decisions for sex = female is 0.72 with the champion and 0.78 with the challenger, a change"
        " of 0.06 (95 % interval 0.01 to 0.11)."
    )


def test_agreement_is_counted_in_rows():
    assert "The two models decide alike on 9,312 of 9,812 rows." in text_of(comparison(dppl()))


def test_accuracy_is_the_first_number():
    assert (
        "Of all rows with a label the challenger decides 84.2 % rightly and the champion 83.0 %: 1.2 points more"
        " (95 % interval 0.3 to 2.1 more)."
    ) in text_of(comparison(dppl()))


@pytest.mark.parametrize("reason", list(Unpaired))
def test_unpaired_rows_are_said_with_the_reason(reason):
    text = text_of(comparison(dppl(), unpaired_because=reason, agreement=None))

    assert f"Unpaired: intervals are wider, since {UNPAIRED[reason]}." in text


def test_every_reason_for_no_difference_has_words():
    assert set(NOT_COMPARED) == set(NotCompared) - {NotCompared.UNDEFINED}


def test_metrics_without_a_difference_are_listed_with_their_reason():
    text = text_of(comparison(dppl()))

    assert "Both runs have the same" not in text
    assert "It reads labels alone, and both runs have the same: equal by construction." in text
    assert "Undefined for the challenger: it divides by a count that is 0 here." in text


def test_without_a_tolerance_the_page_says_there_is_no_verdict():
    text = text_of(comparison(dppl()))

    assert "No tolerance was declared, so there is no verdict." in text
    assert "NO RANGE" in text


def test_verdicts_are_counted_on_top():
    text = text_of(comparison(INSIDE, replace(OUTSIDE, metric="RD"), replace(OPEN, metric="AD")))

    assert (
        "Of 3 checks, 1 is outside the range you allow, 1 is inside, and 1 cannot be decided with this much data."
        " The chance that any PASS or VIOLATION here is wrong is at most 5 %."
    ) in text
    assert "Outside the range you allow (−0.02 to 0.02), after accounting for all 3 checks." in text


def test_all_undecided_is_said_so():
    assert "None of 1 check can be decided with this much data." in text_of(comparison(OPEN))


def test_no_sentence_judges_or_claims_causes():
    text = text_of(comparison(dppl(), replace(OUTSIDE, metric="RD"), replace(OPEN, metric="AD"))).lower()

    assert [word for word in FORBIDDEN if re.search(rf"\b{word}\b", text)] == []


def test_what_the_comparison_cannot_show_is_on_the_page():
    text = text_of(comparison(dppl()))

    assert all(line in text for line in CANNOT_SHOW)


def test_both_models_stand_in_the_header_with_their_digests():
    page = Outline(comparison_page(comparison(dppl())))

    assert page.text_of("h1") == "Challenger , version  against champion , version , on 9,812 rows"
    assert "Champion credit, version 7, 9,812 rows; model " + "7" * 64 in page.text


def test_rows_that_differ_are_counted_apart():
    found = comparison(dppl(), challenger=run("8", digest="f" * 64, rows=500), unpaired_because=Unpaired.ROWS_DIFFER)

    assert "on 9,812 and 500 other rows" in text_of(found)


# --- drawing ----------------------------------------------------------------------------------------------------------


def ends(path):
    """The ends of a thin bar."""
    return [float(x) for x in re.match(r"M([\d.]+) [\d.]+H([\d.]+)", path).groups()]


@pytest.mark.parametrize(("metric", "expected"), [(INSIDE, "inside"), (OUTSIDE, "apart"), (OPEN, "crossing")])
def test_the_thin_bar_and_the_band_say_what_the_verdict_says(metric, expected):
    row = page_of_comparison(comparison(metric)).groups[0].rows[0]
    band = [float(x) for x in re.match(r"M([\d.]+) 2H([\d.]+)", row.glyph.band).groups()]
    low, high = ends(row.glyph.thin)
    is_inside, is_apart = band[0] < low and high < band[1], high < band[0] or low > band[1]

    assert ("inside" if is_inside else "apart" if is_apart else "crossing") == expected


def test_the_named_group_has_less_on_the_right_for_every_metric():
    # a positive DPPL says that the named group has less, a positive SD that it has more
    worse = dppl(difference=0.03, interval=Interval(0.01, 0.05), challenger=0.15)
    better = replace(worse, metric="SD")
    rows = {row.acronym: row for row in page_of_comparison(comparison(worse, better)).groups[0].rows}

    assert ends(rows["DPPL"].glyph.bar)[0] > 125 > ends(rows["SD"].glyph.bar)[1]


def test_the_runs_own_values_are_faint_dots_above_and_below():
    row = page_of_comparison(comparison(dppl())).groups[0].rows[0]
    champion, challenger = (re.match(r"M([\d.]+) (\d+)", mark).groups()
                            for mark in (row.champion_mark, row.challenger_mark))  # fmt: skip

    assert float(champion[0]) > float(challenger[0]) > 125
    assert (champion[1], challenger[1]) == ("4", "20")


def test_without_a_tolerance_no_band_is_drawn():
    row = page_of_comparison(comparison(dppl())).groups[0].rows[0]

    assert (row.glyph.band, row.glyph.thin, row.allowed) == ("", "", "")


def test_the_most_urgent_rows_come_first_when_there_are_verdicts():
    page = page_of_comparison(comparison(INSIDE, replace(OPEN, metric="AD"), replace(OUTSIDE, metric="RD")))

    assert [row.acronym for row in page.groups[0].rows] == ["RD", "AD", "DPPL"]


def test_a_crowded_comparison_draws_the_most_urgent_rows_and_says_so():
    group = comparison(dppl()).groups[0]
    many = tuple(replace(group, value_or_threshold=str(i)) for i in range(100))
    page = page_of_comparison(comparison(dppl(), groups=many))

    assert sum(len(shown.rows) for shown in page.groups) == 60
    assert page.note.startswith("The 60 most urgent of 100 differences.")


# --- the file ---------------------------------------------------------------------------------------------------------


def test_the_same_comparison_gives_the_same_page():
    first = comparison_page(comparison(dppl()))

    assert re.sub(r"[0-9a-f]{64}", "", comparison_page(comparison(dppl()))) == re.sub(r"[0-9a-f]{64}", "", first)


@pytest.mark.parametrize("metric", [dppl(), OUTSIDE])
def test_the_page_runs_nothing_and_asks_nobody(metric):
    page = comparison_page(comparison(metric))
    outline = Outline(page)
    names = {attribute for attribute, _ in outline.attributes}
    style = re.search(r"<style>(.*?)</style>", page, re.DOTALL).group(1)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()

    assert (outline.is_balanced, outline.open) == (True, [])
    assert {"script", "link", "img"} & {tag for tag, _ in outline.tags} == set()
    assert [attribute for attribute in names if attribute == "style" or attribute.startswith("on")] == []
    policies = [value for attribute, value in outline.attributes if attribute == "content" and "default-src" in value]
    assert policies == [f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"]


def test_ids_are_unique_and_links_lead_somewhere():
    outline = Outline(comparison_page(comparison(dppl(), replace(dppl(), metric="AD"))))
    ids = [value for attribute, value in outline.attributes if attribute == "id"]
    links = {value[1:] for attribute, value in outline.attributes if attribute == "href" and value.startswith("#")}

    assert len(ids) == len(set(ids))
    assert links <= set(ids)


def test_hostile_names_stay_names():
    found = comparison(OUTSIDE, facet=HOSTILE, value=HOSTILE, champion=replace(run("7"), uri=HOSTILE))
    page = comparison_page(found)

    assert [bad for bad in ("<script", "\u202e", "\x00") if bad in page] == []
    assert len(page) < 60_000
    assert "<script>" not in comparison_markdown(found).replace("`<script>", "")
    assert not [line for line in comparison_text(found) if "\u202e" in line or len(line) > 2_000]


def test_credentials_in_addresses_are_not_shown():
    found = comparison(dppl(), champion=replace(run("7"), uri="https://me:secret@host/run?token=abc"))

    assert [word for word in ("secret", "token") if word in comparison_page(found)] == []


def test_markdown_has_the_table_and_the_verdict():
    text = comparison_markdown(comparison(OUTSIDE))

    row = "| Positive decisions (DPPL) | 0.12 | 0.06 | −0.06 | −0.08 to −0.04 | −0.02 to 0.02 | VIOLATION |"
    assert f"| `sex` `female` {row}" in text
    assert "## Not compared" in text


def test_the_terminal_gets_the_verdict_first():
    lines = comparison_text(comparison(OUTSIDE))

    assert lines[0] == "Challenger credit, version 8 against champion credit, version 7, on 9,812 rows."
    assert lines[1].startswith("Of 1 check, 1 is outside the range you allow and none is inside.")
