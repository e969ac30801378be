"""Mean attributions of a group and of the other rows: drawn where they are, judged by the gap and its interval."""

import math
import re
from dataclasses import replace

import pytest

from clarify.report.explanations.by_facet import chance_sentence, facet_charts, gap_sentence, signed_interval
from clarify.report.explanations.outputs import explanations_of, unit_of
from clarify.report.names import name_all
from clarify.report.page_limits import Limits
from clarify.report.view import names_of
from clarify.report.words import named_group, plain
from clarify.results import GroupEffect, Interval
from tests.unit.report import attribution_examples as examples

NAMES = name_all(["income", "months", "age", "(18, 25]"])
POINTS = unit_of(examples.explained_result(examples.section()))
GROUP = named_group("age", "(18, 25]")
HALF_A_DECIMAL = 0.05 + 1e-9


def charts(*found, order=("income", "months", "age"), most=12):
    return facet_charts(found or (examples.by_facet(),), order, POINTS, NAMES, most=most)


def at(effect):
    """280 units of 300 between two margins of 10; the axis ends at 6 points, the limit of income in facet d."""
    return 150 + 140 * effect / 0.06


def test_rows_follow_the_global_order_and_print_gap_and_interval():
    (chart,) = charts()

    assert [(row.feature, row.gap, row.interval) for row in chart.rows] == [
        ("income", "+6.0", "+4.0 to +8.0"),
        ("months", "+1.0", "−1.0 to +3.0"),
        ("age", "−2.0", "−4.0 to 0.0"),
    ]


def test_marks_and_bars_of_both_groups_lie_where_their_means_are():
    (chart,) = charts()

    income = chart.rows[0]
    for mark, mean, y in ((income.d, -0.05, 8), (income.a, 0.01, 18)):
        low, high = (float(x) for x in re.findall(r"[MH]([\d.]+)", mark.bar))
        assert float(mark.x) == pytest.approx(at(mean), abs=HALF_A_DECIMAL)
        assert (low, high) == pytest.approx((at(mean - 0.01), at(mean + 0.01)), abs=HALF_A_DECIMAL)
        assert f" {y}H" in mark.bar
        assert mark.arrows == ""


def test_swapping_the_groups_swaps_the_marks_and_turns_the_gap():
    swapped = tuple(
        GroupEffect(e.feature, e.mean_a, e.mean_d, e.interval_a, e.interval_d, -e.gap,
                    Interval(-e.interval.high, -e.interval.low))
        for e in examples.by_facet().effects
    )  # fmt: skip

    (chart,), (turned,) = charts(), charts(replace(examples.by_facet(), effects=swapped))

    assert [row.d.x for row in turned.rows] == [row.a.x for row in chart.rows]
    assert [row.gap for row in turned.rows] == ["−6.0", "−1.0", "+2.0"]


def test_an_interval_without_end_has_an_arrow_and_its_own_words():
    endless = replace(
        examples.effect("income", 0.01, 0.02), interval_d=Interval(-math.inf, math.inf),
        interval=Interval(-math.inf, 0.03),
    )  # fmt: skip

    (chart,) = charts(replace(examples.by_facet(), effects=(endless,)))

    assert chart.rows[0].d.arrows.count("z") == 2
    assert chart.rows[0].interval == "3.0 or less"
    assert all(math.isfinite(float(x)) for x in re.findall(r"[MH]([\d.]+)", chart.rows[0].d.bar))


def test_the_closed_table_holds_gap_both_means_and_all_three_intervals():
    (chart,) = charts()

    assert chart.listed[0].cells == ("+6.0", "+4.0 to +8.0", "−5.0", "−6.0 to −4.0", "+1.0", "0.0 to +2.0")
    assert (chart.rows_d, chart.rows_a) == ("190 rows", "810 rows")


def test_the_finding_names_the_widest_gap_with_both_means():
    text = plain(gap_sentence(examples.by_facet().effects, GROUP, POINTS, NAMES))

    assert text == (
        "Widest gap: on average income moved the score by −5.0 in rows with age in (18, 25] and by +1.0 in other rows, "
        "a gap of +6.0 points (95 % interval +4.0 to +8.0)."
    )


def test_gaps_of_nought_are_said_to_be_none():
    effects = (examples.effect("income", 0.01, 0.01), examples.effect("age", 0.0, 0.0))

    assert plain(gap_sentence(effects, GROUP, POINTS, NAMES)) == "No feature moved the two groups' scores apart."
    assert plain(chance_sentence(effects)) == (
        " Of 2 gaps, no interval leaves 0 outside; chance alone gives one in twenty."
    )


def test_the_gaps_that_leave_nought_outside_are_counted():
    # income from 4 to 8; months holds 0 inside; age from -5 to -1.
    effects = (*examples.by_facet().effects[:2], examples.effect("age", 0.04, 0.01))

    assert "Of 3 gaps, 2 intervals leave 0 outside" in plain(chance_sentence(effects))


def test_a_limit_that_is_nought_but_for_rounding_prints_as_nought():
    assert signed_interval(Interval(-0.04, 7e-18), POINTS) == "−4.0 to 0.0"
    assert signed_interval(Interval(-0.04, 0.0002), POINTS) == "−4.0 to +0.02"


def test_twelve_groups_are_drawn_on_one_axis_and_the_rest_is_said():
    groups = tuple(examples.by_facet("facet", f"v{i}") for i in range(15))
    result = examples.explained_result(replace(examples.section(), by_facet=groups))

    (output,) = explanations_of(result, names_of(result)).outputs

    assert len(output.by_facet) == 12
    assert len({chart.ticks for chart in output.by_facet}) == 1
    assert output.rest_of_groups == "12 of 15 groups are drawn; all of them are in extended.json."


def test_fewer_groups_are_drawn_when_asked():
    result = examples.explained_result(replace(examples.section(), by_facet=(examples.by_facet(),) * 4))

    (output,) = explanations_of(result, names_of(result), Limits(facet_groups=3)).outputs

    assert len(output.by_facet) == 3


def test_eight_features_are_drawn_and_twenty_are_listed():
    names = tuple(f"f{i}" for i in range(20))

    (chart,) = charts(examples.by_facet(names=names), order=names)

    assert [row.feature for row in chart.rows] == list(names[:8])
    assert len(chart.listed) == chart.n_features == 20


def test_the_closed_table_is_cut_at_forty_features():
    names = tuple(f"f{i}" for i in range(100))

    (chart,) = charts(examples.by_facet(names=names), order=names)

    assert (len(chart.listed), chart.n_features) == (40, 100)


def test_a_group_without_features_is_not_drawn():
    assert charts(replace(examples.by_facet(), effects=())) == ()
