"""The forest: where things stand on a row, which rows are shown and in what order, what its numbers say."""

import json
import math
import re
from dataclasses import replace
from itertools import pairwise

import pytest

from clarify.bias.contingency import ContingencyTable
from clarify.bias.evaluate import evaluate
from clarify.config.policy import read_policy
from clarify.report.charts import allowed_scale, difference_chart, scales_of
from clarify.report.first_screen.checks import checks_for
from clarify.report.forest import FOREST, glyph, placed
from clarify.report.html import render_report
from clarify.report.names import name_all
from clarify.report.selection import groups_of, layout_of
from clarify.results import AwsValue, BiasSection, GroupCounts, Interval, Judgement, MetricValue, RangeEvidence, Verdict
from clarify.verdicts import decide
from tests.unit.report.outlines import Outline
from tests.unit.report.report_examples import AGE, FOREIGN_WORKER, credit_result, example_provenance

PASS, VIOLATION, INCONCLUSIVE = Verdict.PASS, Verdict.VIOLATION, Verdict.INCONCLUSIVE
LEFT, RIGHT = 95.0, 155.0                    # 8 + 1.45 x 60 and 8 + 2.45 x 60: the margins, a band 60 wide
TWO_GROUPS = ((FOREIGN_WORKER, "foreign_worker", "A201"), (AGE, "age", "(18, 25]"))
POST = ("DPPL", "AD", "RD", "SD", "DAR", "DRR")


def check(name, low, high, *, value, thin, verdict=INCONCLUSIVE, thick=None):
    """One metric with its judgement, made up."""
    thick = thick or thin
    metric = MetricValue(name, value, AwsValue(value), Interval(*thick))
    evidence = RangeEvidence(low, high, 0.2, 0.2)
    return metric, Judgement("post_training", "f", "g", name, verdict, value, metric.interval, evidence,
                             deciding=None if thin is None else Interval(*thin))


def drawn(*arguments, **options):
    metric, judgement = check(*arguments, **options)
    return glyph(metric, allowed_scale(judgement), judgement=judgement)


def numbers_of(path):
    return [float(number) for number in re.findall(r"[MH](\d+(?:\.\d+)?)", path)]


def measured(groups, *rules, stage="post_training", **keys):
    """A result whose groups were held to the rules."""
    parsed = read_policy(json.dumps({"version": "1.0", "name": "p", "ranges": list(rules), **keys}).encode())
    facets = tuple(
        evaluate(table, facet=facet, value_or_threshold=value, stage=stage,
                 ranges=parsed.policy.ranges_of(facet, value))
        for table, facet, value in groups
    )
    section = BiasSection(stage, "credit", "1", facets)
    verdicts = decide(parsed.policy, parsed.digest, [section], with_detectable=False)
    empty = replace(credit_result(), pre_training=None, post_training=None)
    return replace(empty, **{stage: section}, verdicts=verdicts)


def first_screen(result):
    names = name_all([])
    return checks_for(groups_of(result), result.verdicts, names)


def many_groups(n, table=AGE):
    return tuple((table, f"facet {i % 3}", f"value {i}") for i in range(n))


# --- one axis for all rows -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "low", "high"), [
    ("DPPL", -0.1, 0.1), ("CI", -0.8, 0.8), ("DI", 0.8, 1.25), ("SD", -0.05, 0.2), ("GE", 0.1, 0.2),
])
def test_the_allowed_range_fills_the_same_band_in_every_row(name, low, high):
    row = drawn(name, low, high, value=low, thin=(low, high))

    assert row.band == "M95 2H155V22H95z"
    assert numbers_of(row.edges) == [LEFT, RIGHT]


@pytest.mark.parametrize(("name", "low", "high", "value"), [
    ("DPPL", -0.1, 0.1, 0.15), ("DI", 0.8, 1.25, 0.7), ("SD", -0.1, 0.1, -0.15), ("TE", -1.0, 1.0, -1.2),
])
def test_right_of_the_band_means_that_the_named_group_has_less(name, low, high, value):
    metric, judgement = check(name, low, high, value=value, thin=(value, value), verdict=VIOLATION)

    place = placed(metric, allowed_scale(judgement), judgement)

    assert place.value > place.band[1] > 0.5


def test_a_ratio_and_its_inverse_stand_on_mirrored_places():
    places = []
    for value in (0.7, 1 / 0.7):
        metric, judgement = check("DI", 0.8, 1.25, value=value, thin=(value, value))
        places.append(placed(metric, allowed_scale(judgement), judgement).value)

    assert sum(places) == pytest.approx(1.0, abs=1e-12)


def test_no_difference_is_dotted_and_left_out_where_it_lies_beyond_the_view():
    # A range of 0.2 width from 0.1 to 0.3: 0 lies half a width left of it. From 0.6 to 0.7 it is six widths away.
    assert drawn("DPPL", 0.1, 0.3, value=0.2, thin=(0.15, 0.25)).ideal_x == "65"
    assert drawn("DPPL", 0.6, 0.7, value=0.65, thin=(0.61, 0.69)).ideal_x == ""


@pytest.mark.parametrize(("name", "low", "high", "band", "edge"), [
    ("DPPL", None, 0.1, "M8 2H155V22H8z", RIGHT),
    ("DPPL", -1.0, 0.1, "M8 2H155V22H8z", RIGHT),       # nothing lies below -1: that is no limit
    ("DPPL", -0.1, None, "M95 2H242V22H95z", LEFT),
    ("DI", 0.8, None, "M8 2H155V22H8z", RIGHT),         # mirrored
    ("TVD", None, 0.1, "M95 2H155V22H95z", RIGHT),      # nothing lies left of 0, where the band begins
    ("GE", 0.0, 0.3, "M95 2H155V22H95z", RIGHT),
])
def test_a_side_without_a_limit_has_no_edge_and_runs_on(name, low, high, band, edge):
    row = drawn(name, low, high, value=0.05, thin=(0.01, 0.09))

    assert row.band == band
    assert numbers_of(row.edges) == [edge]


@pytest.mark.parametrize(("low", "high"), [(0.1, 0.1), (0.0, 0.0)])
def test_a_range_of_one_value_is_a_line_that_any_interval_crosses_or_misses(low, high):
    row = drawn("DPPL", low, high, value=0.1, thin=(-0.05, 0.15))

    assert row.band == ""
    assert numbers_of(row.edges) == [125.0]
    assert numbers_of(row.thin)[0] < 125.0 < numbers_of(row.thin)[1]


@pytest.mark.parametrize(("name", "low", "high"), [
    ("DI", None, 0.0), ("DI", 1e-300, 1.25), ("TE", None, 1e308), ("TE", -1e308, 1e308), ("TVD", None, 0.0),
    ("DPPL", 0.1, 0.1 + 1e-16),
])
def test_ranges_that_no_scale_was_made_for_draw_numbers(name, low, high):
    row = drawn(name, low, high, value=0.3, thin=(0.2, math.inf))

    assert all(math.isfinite(number) for number in numbers_of(row.band + row.edges + row.thin + row.bar))


# --- picture and word ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("thin", "ends"), [
    ((-0.0999, 0.0999), (LEFT + 0.2, RIGHT - 0.2)),     # a hair inside stays inside
    ((-0.1001, 0.1001), (LEFT - 0.2, RIGHT + 0.2)),     # a hair outside stays outside
    ((-0.1, 0.1), (LEFT, RIGHT)),                       # what touches touches
])
def test_no_end_is_rounded_across_a_limit_or_onto_it(thin, ends):
    row = drawn("DPPL", -0.1, 0.1, value=0.0, thin=thin)

    assert numbers_of(row.thin)[:2] == pytest.approx(ends, abs=1e-9)


def test_thick_is_what_is_printed_and_thin_with_its_caps_is_what_decides():
    # 60 units for 0.2: 0.05 stands at 140, 0.08 at 149, 0.02 at 131, -0.01 at 122
    row = drawn("DPPL", -0.1, 0.1, value=0.05, thick=(0.02, 0.08), thin=(-0.01, 0.09))

    assert row.bar == "M131 12H149"
    assert row.thin == "M122 12H152M122 8.5v7M152 8.5v7"


def test_an_end_beyond_the_view_is_an_arrow_head_instead_of_a_cap():
    row = drawn("DPPL", -0.1, 0.1, value=0.2, thin=(0.05, 0.5))

    assert row.thin == "M140 12H242M140 8.5v7"
    assert row.arrows == "M249 12l-7-4.5v9z"


def test_what_lies_beyond_the_view_is_an_arrow_alone():
    row = drawn("DPPL", -0.1, 0.1, value=0.7, thin=(0.6, 0.8), verdict=VIOLATION)

    assert (row.bar, row.mark, row.thin) == ("", "", "M242 12H249")
    assert row.arrows == "M249 12l-7-4.5v9z"


@pytest.mark.parametrize(("verdict", "shape"), [(PASS, "a4.2"), (INCONCLUSIVE, "a4.2"), (VIOLATION, "l5.8")])
def test_the_mark_tells_the_verdict_by_its_shape(verdict, shape):
    row = drawn("DPPL", -0.1, 0.1, value=0.0, thin=(-0.05, 0.05), verdict=verdict)

    assert shape in row.mark
    assert row.state == verdict.lower()


def test_an_undefined_value_that_was_decided_has_bars_and_no_mark():
    row = drawn("TE", None, 2.0, value=None, thin=(2.5, math.inf), thick=(3.0, math.inf), verdict=VIOLATION)

    assert row.mark == ""
    # TE is mirrored: the limit 2 stands at 95, and 0.5 more of the width of 4 is 7.5 further to the left
    assert row.thin == "M8 12H87.5M87.5 8.5v7"
    assert row.arrows == "M1 12l7-4.5v9z"


def test_without_an_interval_that_decides_only_the_printed_one_is_drawn():
    row = drawn("FT", -0.1, 0.1, value=-0.05, thin=None, thick=(-0.08, -0.02))      # mirrored

    assert (row.bar, row.thin) == ("M131 12H149", "")


def test_a_card_has_both_intervals_and_the_band_in_true_units():
    # DI in a card runs from 0.5 to 2 by its logarithm, unmirrored, over 276 units from 12: 1 is at 150
    metric, judgement = check("DI", 0.8, 1.25, value=0.9, thick=(0.85, 0.95), thin=(0.75, 1.0))

    chart = difference_chart(metric, scales_of([metric], [judgement])["DI"], judgement).glyph

    start, end = numbers_of(chart.thin)[:2]
    assert (start, end) == pytest.approx((150 + 138 * math.log2(0.75), 150.0), abs=0.06)
    assert numbers_of(chart.edges)[0] == pytest.approx(150 + 138 * math.log2(0.8), abs=0.06)
    assert start < numbers_of(chart.bar)[0] < numbers_of(chart.bar)[1] < end


def test_the_axis_of_a_card_has_room_for_the_range_and_the_interval_that_decides():
    metric, judgement = check("DPPL", -0.1, 0.1, value=0.3, thick=(0.2, 0.4), thin=(0.1, 0.6))

    assert scales_of([metric])["DPPL"].high == 0.5
    assert scales_of([metric], [judgement])["DPPL"].high == 1.0


# --- which rows, in what order ---------------------------------------------------------------------------------------


def test_up_to_24_checks_are_all_shown_and_nothing_is_folded():
    found = first_screen(measured(TWO_GROUPS, {"metric": list(POST), "low": -0.1, "high": 0.1}))

    assert [len(group.rows) for group in found.groups] == [6, 6]
    assert {group.folded for group in found.groups} == {""}
    assert found.matrix is None


def test_up_to_60_checks_show_what_is_not_inside_and_fold_the_rest_into_a_line():
    # GE is inside 0.9 for whoever it is; five groups of five and six metrics are 30 checks
    groups = many_groups(5)
    rules = ({"metric": list(POST[:5]), "low": -0.001, "high": 0.001}, {"metric": "GE", "high": 0.9})

    found = first_screen(measured(groups, *rules))

    shown = sum(len(group.rows) for group in found.groups)
    assert shown == 24
    assert all(row.chip.state != "pass" for group in found.groups for row in group.rows)
    assert all("1 inside: GE" in group.folded for group in found.groups)
    assert sum(int(re.match(r"(\d+) more undecided", group.folded)[1]) for group in found.groups
               if "more undecided" in group.folded) + shown == 25


@pytest.mark.parametrize(("n_groups", "metrics", "layout"), [
    (4, POST, "rows"), (5, POST, "folded"), (6, POST, "folded"), (7, POST[:1], "matrix"),
    (6, (*POST, "GE", "DCA", "DCR", "TE", "DI"), "matrix"),
])
def test_more_than_60_checks_or_six_groups_are_a_matrix(n_groups, metrics, layout):
    result = measured(many_groups(n_groups), {"metric": list(metrics), "low": -0.1, "high": 0.1})

    assert layout_of(groups_of(result), is_judged=True) == layout


def test_the_matrix_has_a_letter_for_every_check_the_rows_of_the_group_and_twelve_rows_below():
    nobody = ContingencyTable.from_confusion(a=(9, 9, 9, 9), d=(0, 0, 0, 0))
    alike = ContingencyTable.from_confusion(a=(2500,) * 4, d=(2500,) * 4)
    apart = ContingencyTable.from_confusion(a=(4500, 4500, 500, 500), d=(500, 500, 4500, 4500))
    groups = (*many_groups(7), (alike, "x", "1"), (apart, "x", "2"), (nobody, "x", "3"))

    found = first_screen(measured(groups, {"metric": ["DPPL", "AD"], "low": -0.1, "high": 0.1}))

    letters = {row.group[-1].text: [cell.letter for cell in row.cells] for row in found.matrix.rows}
    assert [acronym for acronym, _ in found.matrix.acronyms] == ["DPPL", "AD"]
    assert letters["1"] == ["P", "P"]
    assert letters["2"] == ["V", "P"]
    assert letters["3"] == ["–", "–"]
    assert [row.rows for row in found.matrix.rows][-3:] == ["10,000", "10,000", "0"]
    assert sum(len(group.rows) for group in found.groups) == 12
    assert found.groups[-1].rows[0].chip.state == "violation"


def test_of_more_than_40_groups_the_matrix_shows_20_the_worst_first_and_says_so():
    large = ContingencyTable.from_confusion(a=(4500, 4500, 500, 500), d=(500, 500, 4500, 4500))
    small = ContingencyTable.from_confusion(a=(4500, 4500, 500, 500), d=(50, 50, 450, 450))
    groups = (*many_groups(41), (small, "x", "small"), (large, "x", "large"))

    matrix = first_screen(measured(groups, {"metric": "DPPL", "low": -0.1, "high": 0.1})).matrix

    assert [row.group[-1].text for row in matrix.rows][:2] == ["large", "small"]
    assert len(matrix.rows) == 20
    assert matrix.shown.startswith("20 of 43 groups shown")


def test_inside_a_group_come_violation_undecided_undefined_pass_and_the_clearest_of_each_first():
    table = ContingencyTable.from_confusion(a=(4500, 450, 500, 50), d=(50, 50, 450, 450))
    rules = ({"metric": ["DPPL", "RD"], "low": -0.1, "high": 0.1}, {"metric": "CDDPL", "low": -0.1, "high": 0.1},
             {"metric": ["DAR", "SD", "AD"], "low": -0.4, "high": 0.4}, {"metric": "GE", "high": 0.9})

    (group,) = first_screen(measured(((table, "f", "g"),), *rules)).groups

    order = {"violation": 0, "inconclusive": 1, "pass": 3}
    places = [2 if row.reason else order[row.chip.state] for row in group.rows]
    assert places == sorted(places)
    assert 2 in places
    assert {0, 3} <= set(places)


def test_groups_stand_in_the_order_of_the_configuration():
    found = first_screen(measured(TWO_GROUPS[::-1], {"metric": "DPPL", "low": -0.1, "high": 0.1}))

    assert [group.facet[0].text for group in found.groups] == ["age", "foreign_worker"]


def test_the_header_counts_both_groups_and_points_out_small_ones_as_the_policy_says():
    rule = {"metric": "DPPL", "low": -0.1, "high": 0.1}

    first, second = first_screen(measured(TWO_GROUPS, rule)).groups
    large, _ = first_screen(measured(TWO_GROUPS, rule, small_group=30)).groups

    assert (first.rows_d, first.rows_a, first.is_small) == ("963 rows", "37 rows", True)
    assert second.is_small is False
    assert large.is_small is False


def test_a_withheld_group_is_neither_counted_nor_called_small():
    result = measured(TWO_GROUPS, {"metric": "DPPL", "low": -0.1, "high": 0.1})
    facet = result.post_training.facets[0]
    hidden = replace(facet.counts, a=GroupCounts(0, 0, 0, 0, fewer_than=50))
    section = replace(result.post_training, facets=(replace(facet, counts=hidden),))

    (group, *_) = first_screen(replace(result, post_training=section)).groups

    assert (group.rows_a, group.is_small) == ("rows not shown", False)


def test_a_group_without_a_declared_range_keeps_its_rows_and_says_so():
    found = first_screen(measured(TWO_GROUPS, {"metric": "DPPL", "low": -0.1, "high": 0.1, "facet": "age"}))

    assert {row.chip.word for row in found.groups[0].rows} == {"NO RANGE"}
    assert {(row.glyph.band, row.allowed) for row in found.groups[0].rows} == {("", "")}
    assert "Rows without one" in found.note


# --- numbers and words -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("value", "low", "high", "text"), [
    (0.104, -0.1, 0.1, "0.104"), (0.0996, -0.1, 0.1, "0.0996"), (0.12, -0.1, 0.1, "0.12"), (0.1, -0.1, 0.1, "0.10"),
])
def test_no_number_is_rounded_across_the_limit_that_it_is_held_to(value, low, high, text):
    result = measured(TWO_GROUPS[:1], {"metric": "DPPL", "low": low, "high": high})
    facet = result.post_training.facets[0]
    moved = tuple(replace(m, value=value, interval=Interval(value, 0.3)) if m.name == "DPPL" else m
                  for m in facet.metrics)
    section = replace(result.post_training, facets=(replace(facet, metrics=moved),))

    row = first_screen(replace(result, post_training=section)).groups[0].rows[0]

    assert row.value == text
    assert row.interval.startswith(f"{text} to ")


def test_the_legend_says_what_the_thin_bar_counts():
    result = measured(TWO_GROUPS, {"metric": ["DPPL", "RD"], "low": -0.1, "high": 0.1})
    alone = measured(TWO_GROUPS, {"metric": ["DPPL", "RD"], "low": -0.1, "high": 0.1}, family="none", level=0.1)

    assert first_screen(result).deciding == "interval that decides: counts all 4 checks"
    assert first_screen(alone).deciding == "interval that decides, 90 %"


def test_a_judged_page_has_the_columns_of_a_decision_and_one_of_its_own_for_every_word():
    page = render_report(measured(TWO_GROUPS, {"metric": "DPPL", "low": -0.1, "high": 0.1}), example_provenance())
    table = re.search(r'<table class="forest judged">(.*?)</table>', page, re.DOTALL).group(1)

    heads = re.findall(r'<th scope="col"[^>]*>(.*?)</th>', table)

    assert [re.sub(r"<[^>]*>", " ", head).split()[0] for head in heads] == [
        "Check", "Drawing:", "Value", "You", "Verdict"
    ]
    assert re.sub(r"<[^>]*>", " ", heads[1]).split()[1:] == ["◂", "has", "more", "allowed", "has", "less", "▸"]


def test_a_judged_page_is_well_built_whatever_its_layout():
    for groups in (TWO_GROUPS, many_groups(5), many_groups(8), many_groups(43)):
        page = render_report(measured(groups, {"metric": list(POST), "low": -0.1, "high": 0.1}), example_provenance())
        outline = Outline(page)
        links = {value.removeprefix("#") for name, value in outline.attributes if name == "href"}
        ids = [value for name, value in outline.attributes if name == "id"]
        levels = [int(tag[1]) for tag, _ in outline.tags if re.fullmatch("h[1-6]", tag)]

        assert outline.is_balanced
        assert links <= set(ids)
        assert len(ids) == len(set(ids))
        assert all(after - before <= 1 for before, after in pairwise(levels))
        assert "style" not in {name for name, _ in outline.attributes}
        assert len(page.encode()) < 2_000_000


def test_a_swap_of_the_groups_mirrors_the_row_and_keeps_the_verdict():
    swapped = ContingencyTable.from_confusion(a=(93, 34, 17, 46), d=(531, 124, 59, 96))
    rows = [first_screen(measured(((table, "f", "g"),), {"metric": "DPPL", "low": -0.1, "high": 0.1})).groups[0].rows[0]
            for table in (AGE, swapped)]

    first, second = (numbers_of(row.glyph.thin)[:2] for row in rows)

    assert rows[0].chip == rows[1].chip
    # the lattice is mirrored to a thousandth of the interval's width
    assert [FOREST.width - x for x in reversed(first)] == pytest.approx(second, abs=0.3)
