"""Single rows: steps that lead from the baseline to the score, errors, order, reasons in words, and no row's place."""

import re
from dataclasses import replace

import pytest

from clarify.report.explanations.outputs import explanations_of
from clarify.report.explanations.selected_rows import reason, row_id, stability_of_row
from clarify.report.explanations.units import unit_of
from clarify.report.html import render_report
from clarify.report.names import name_all
from clarify.report.page_limits import Limits
from clarify.report.view import names_of
from clarify.report.words import FORBIDDEN, plain
from clarify.results import Contribution, OutputExplanation
from tests.unit.report import attribution_examples as examples
from tests.unit.report.report_examples import example_provenance

NAMES = name_all(["income", "months", "age", "(18, 25]"])
HALF_A_DECIMAL = 0.05 + 1e-9


def charts(*rows, limits=None, **changes):
    section = replace(examples.drawn_section(), selected=rows or (examples.selected_row(),), **changes)
    result = examples.explained_result(section)
    return explanations_of(result, names_of(result), limits or Limits()).outputs[0].selected


def at(score, low=0.0, high=1.0):
    """268 units of 280 between two margins of 6."""
    return 6 + 268 * (score - low) / (high - low)


def ends(path):
    return [float(x) for x in re.findall(r"[MH]([\d.]+)", path)[:2]]


def test_steps_lead_from_the_baseline_to_the_score():
    (chart,) = charts()

    assert [(plain(step.label), step.kind, step.value) for step in chart.steps] == [
        ("average of the baseline", "place", "50.0 %"),
        ("months = 45", "down", "−16.0"),
        ("income = A11", "down", "−15.0"),
        ("age = 23", "up", "+2.0"),
        ("5 other features", "up", "+4.0"),
        ("score of this row", "place", "25.0 %"),
    ]


def test_every_bar_starts_where_the_one_before_it_ended():
    # 0.5, then 0.5 - 0.16 = 0.34, then 0.19, 0.21, 0.25.
    (chart,) = charts()

    running = [0.5, 0.34, 0.19, 0.21, 0.25]
    for step, start, end in zip(chart.steps[1:-1], running, running[1:], strict=False):
        assert ends(step.path) == pytest.approx(sorted((at(start), at(end))), abs=HALF_A_DECIMAL)
    assert ends(chart.steps[0].path)[0] == pytest.approx(at(0.5), abs=HALF_A_DECIMAL)
    assert ends(chart.steps[-1].path)[0] == pytest.approx(at(0.25), abs=HALF_A_DECIMAL)


def test_the_thin_bar_is_the_error_of_the_step_around_its_end():
    (chart,) = charts()

    # months ends at 0.34 with a standard error of 0.02: 1.96 of it to either side.
    assert ends(chart.steps[1].error) == pytest.approx([at(0.34 - 0.0392), at(0.34 + 0.0392)], abs=HALF_A_DECIMAL)
    assert chart.has_errors


def test_exact_steps_have_no_thin_bar():
    row = examples.selected_row(order_holds=None, first_swaps=None)
    exact = replace(
        row, contributions=tuple(replace(c, standard_error=0.0) for c in row.contributions), rest_standard_error=0.0
    )

    (chart,) = charts(exact)

    assert not chart.has_errors
    assert plain(chart.stability) == "Exact: no error could change the order."


def test_more_than_eight_contributions_join_the_others():
    many = tuple(Contribution(f"f{i}", 0.01, 0.003, "1") for i in range(10))

    (chart,) = charts(replace(examples.selected_row(), contributions=many, rest=-0.35, rest_standard_error=0.0))

    # Two of 0.01 beyond the eighth and -0.35: -0.33; five others and these two: 7.
    assert len(chart.steps) == 1 + 8 + 1 + 1
    assert (plain(chart.steps[9].label), chart.steps[9].value) == ("7 other features", "−33.0")
    width = 1.96 * 0.003 * 2**0.5           # errors of the two, as independent ones add up
    low, high = ends(chart.steps[9].error)
    assert high - low == pytest.approx(268 * 2 * width, abs=2 * HALF_A_DECIMAL)


def test_without_other_features_there_is_no_such_step():
    (chart,) = charts(replace(examples.selected_row(), n_rest=0, rest=0.0, score=0.21))

    assert not [step for step in chart.steps if "other" in plain(step.label)]


def test_the_threshold_is_drawn_on_the_same_axis():
    (chart,) = charts(threshold=0.5)

    assert float(chart.threshold_x) == pytest.approx(at(0.5), abs=HALF_A_DECIMAL)
    assert chart.threshold == "50.0 %"


def test_no_threshold_is_drawn_where_none_is_known():
    (chart,) = charts(threshold=None)

    assert (chart.threshold_x, chart.threshold) == ("", "")


def test_log_odds_have_their_score_and_threshold_in_log_odds():
    (chart,) = charts(use_logit=True, threshold=0.3)

    assert (chart.steps[0].value, chart.steps[1].value, chart.steps[-1].value) == ("0.500", "−0.160", "0.250")
    assert chart.threshold == "0.300"
    assert chart.unit == "log-odds of the score"


def test_running_scores_beyond_a_probability_widen_the_axis():
    strong = (Contribution("income", 0.7, 0.0, "x"),)
    high = replace(examples.selected_row(), contributions=strong, rest=-0.3, score=0.9)

    (chart,) = charts(high)

    places = [x for step in chart.steps for x in ends(step.path)]
    assert max(places) < 274
    assert ends(chart.steps[1].path)[1] == max(places)


def test_the_rows_of_one_output_share_their_axis():
    first, second = charts(examples.selected_row(1), examples.selected_row(2, "highest"))

    assert first.ticks == second.ticks


@pytest.mark.parametrize("score", [0.5, -3.0, 1e9])
def test_a_row_that_nothing_moved_is_drawn(score):
    row = replace(
        examples.selected_row(), contributions=(Contribution("income", 0.0, 0.0, "x"),), rest=0.0,
        rest_standard_error=0.0, score=score,
    )  # fmt: skip
    outputs = (OutputExplanation("label0", score, examples.exact_features()),)

    (chart,) = charts(row, outputs=outputs, threshold=None)

    assert chart.steps[1].value == "0.0"
    assert plain(chart.reasons[0]) == "income = x did not move the score."


@pytest.mark.parametrize(
    ("holds", "swaps", "sentence"),
    [
        (0.51, 0.44, "Order not stable: months and income swap in 44 of 100 redraws of their errors: "
                     "treat them as equal."),
        (0.81, 0.03, "Order partly stable: months stays before income, but the first three keep their places in only "
                     "81 of 100 redraws of their errors."),
        (0.97, 0.01, "Order stable: the first three keep their places in 97 of 100 redraws of their errors."),
        (0.999, 0.0, "Order stable: the first three keep their places in over 99 of 100 redraws of their errors."),
        (1.0, 0.0, "Order stable: the first three keep their places in 100 of 100 redraws of their errors."),
    ],
)  # fmt: skip
def test_stability_is_computed_from_the_redraws(holds, swaps, sentence):
    row = examples.selected_row(order_holds=holds, first_swaps=swaps)

    assert plain(stability_of_row(row, NAMES, is_noisy=False)) == sentence


def test_the_order_of_a_noisy_models_row_is_never_called_exact():
    row = examples.selected_row(order_holds=None, first_swaps=None)

    assert plain(stability_of_row(row, NAMES, is_noisy=True)).startswith("No order is certain")


def test_one_contribution_has_no_order():
    row = replace(examples.selected_row(), contributions=examples.selected_row().contributions[:1])

    assert stability_of_row(row, NAMES, is_noisy=False) == ()


def test_reasons_say_feature_value_direction_and_amount_in_order():
    (chart,) = charts()

    # 1.96 times 0.02 is 3.9 points, times 0.001 is 0.2.
    assert [plain(found) for found in chart.reasons] == [
        "months = 45 moved the score down by 16.0 points, give or take 3.9.",
        "income = A11 moved the score down by 15.0 points, give or take 3.9.",
        "age = 23 moved the score up by 2.0 points, give or take 0.2.",
    ]


def test_a_group_of_columns_has_no_value_in_its_reason():
    unit = unit_of(examples.explained_result(examples.section()))

    assert plain(reason(Contribution("income", 0.1, 0.0, ""), unit, NAMES)) == (
        "income moved the score up by 10.0 points."
    )


def test_a_row_goes_by_an_id_that_another_run_does_not_share():
    result = examples.explained_result(examples.drawn_section())

    found = row_id(result, 7)

    assert re.fullmatch("[0-9a-f]{8}", found)
    assert found != row_id(result, 8)
    assert found != row_id(replace(result, seed=result.seed + 1), 7)
    assert found != row_id(replace(result, config_digest="another"), 7)
    assert found != row_id(replace(result, dataset=replace(result.dataset, digest="another")), 7)


def test_the_page_never_prints_a_rows_position():
    rows = tuple(examples.selected_row(place) for place in (7_531_902, 8_642_013))
    result = examples.explained_result(replace(examples.drawn_section(), selected=rows))

    page = render_report(result, example_provenance())

    assert "7531902" not in page
    assert "7,531,902" not in page
    assert row_id(result, 7_531_902) in page


def test_the_page_says_why_a_row_was_chosen_and_to_which_groups_it_belongs():
    lowest, nobodys = charts(examples.selected_row(), replace(examples.selected_row(2, "nearest_threshold"), groups=()))

    assert (lowest.chosen, plain(lowest.belongs)) == ("the lowest score", "Its groups: age in (18, 25].")
    assert (nobodys.chosen, plain(nobodys.belongs)) == (
        "the score nearest the threshold", "It belongs to no listed group."
    )  # fmt: skip


def test_the_row_nearest_the_threshold_is_that_of_a_group():
    assert charts(examples.selected_row(2, "nearest_threshold"))[0].chosen == (
        "the score nearest the threshold in one of its groups"
    )


def test_steps_that_do_not_reach_the_score_say_so():
    (reached,), (apart,) = charts(), charts(replace(examples.selected_row(), score=0.22))

    assert reached.remainder == ""
    assert apart.remainder == "The steps end 3.0 points away from the score."


def test_as_many_rows_are_drawn_as_the_limits_allow():
    rows = tuple(examples.selected_row(i) for i in range(7))

    assert [len(charts(*rows, limits=Limits(selected_rows=most))) for most in (5, 2)] == [5, 2]


def test_no_sentence_names_a_cause_or_judges():
    words = [plain(found) for chart in charts() for found in (chart.stability, chart.belongs, *chart.reasons)]

    assert not [word for text in words for word in FORBIDDEN if re.search(rf"\b{word}\b", text.lower())]
    assert not [text for text in words if "because" in text]
