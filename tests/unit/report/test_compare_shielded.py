"""What readers may not see of a comparison: names under numbers, counts below a limit, and what tells of them."""

import re
from dataclasses import replace

import pytest

from clarify.compared import AccuracyDifference, Comparison, NotCompared, PairCounts, Unpaired
from clarify.report.comparison.held_back import HeldBack, held_back
from clarify.report.comparison.page import comparison_page
from clarify.report.comparison.shielded import masked_comparison, suppressed_comparison
from clarify.report.comparison.text import comparison_markdown, comparison_text
from clarify.report.shielding.masked import masked
from clarify.report.shielding.suppressed import WITHHELD_CODE
from clarify.results import Interval, Notice, RangeEvidence, Reason
from tests.unit.report import small_counts
from tests.unit.report.compare_examples import INSIDE, OPEN, OUTSIDE, comparison, dppl
from tests.unit.report.every_field import filled, filled_result, integers_in
from tests.unit.report.outlines import Outline
from tests.unit.report.report_examples import credit_result

PLACE = ("sex", "female")
SETTINGS = {
    ("Comparison", "tests"), ("GroupComparison", "fewer_than"),
    ("DatasetDescription", "rows"), ("DatasetDescription", "n_columns"), ("DatasetDescription", "bytes"),
}  # fmt: skip
"""Integers that are no count of a group of rows: checks, the limit itself, all rows."""

VIEWS = {
    "page": comparison_page,
    "markdown": comparison_markdown,
    "terminal": lambda found: "\n".join(comparison_text(found)),
}


# --- names ------------------------------------------------------------------------------------------------------------


def marked():
    """A comparison with a marker in every text, and the two results whose groups it compares."""
    found, markers = filled(Comparison)
    one, _ = filled_result()
    other, _ = filled_result(text_of=lambda number: f"Mk{number}y")
    groups = tuple(
        replace(group, facet=facet.facet, value_or_threshold=facet.value_or_threshold)
        for group, facet in zip(found.groups, (one.post_training.facets[0], other.post_training.facets[0]), strict=True)
    )
    digest = "0123abcd" * 8                                 # of the bytes that were read: ours
    found = replace(found, groups=groups, champion=replace(found.champion, evidence=digest),
                    challenger=replace(found.challenger, evidence=digest))  # fmt: skip
    return found, one, other, markers


def test_no_text_of_any_field_is_left():
    """A field that is added later holds a marker here, and turns this red until it is masked."""
    found, one, other, markers = marked()

    assert len(markers) > 25
    assert "Mk" not in repr(masked_comparison(found, one, other))


@pytest.mark.parametrize("view", VIEWS)
def test_no_view_holds_a_name(view):
    found, one, other, _ = marked()
    show = VIEWS[view]

    assert "Mk" in show(found)
    assert "Mk" not in show(masked_comparison(found, one, other))


def listing(*places):
    """A result with these groups, in this order, in both stages."""
    result = credit_result()
    facet = result.post_training.facets[0]
    facets = tuple(replace(facet, facet=name, value_or_threshold=group) for name, group in places)
    return replace(
        result, pre_training=replace(result.pre_training, facets=facets),
        post_training=replace(result.post_training, facets=facets),
    )  # fmt: skip


def compared_under_masks(champion, challenger):
    places = dict.fromkeys(
        (facet.facet, facet.value_or_threshold) for run in (champion, challenger) for facet in run.post_training.facets
    )
    group = comparison(dppl()).groups[0]
    groups = tuple(replace(group, facet=facet, value_or_threshold=value) for facet, value in places)
    shown = masked_comparison(comparison(dppl(), groups=groups), champion, challenger)
    return dict(zip(places, ((one.facet, one.value_or_threshold) for one in shown.groups), strict=True))


def test_groups_have_the_numbers_of_the_runs_own_masked_reports():
    champion = listing(("age", "(25, 75]"), ("sex", "f"), ("sex", "m"))
    own = [(facet.facet, facet.value_or_threshold) for facet in masked(champion).post_training.facets]

    assert list(compared_under_masks(champion, champion).values()) == own
    assert own == [("facet 1", "group 1.1"), ("facet 2", "group 2.1"), ("facet 2", "group 2.2")]


def test_groups_that_only_the_challenger_has_are_numbered_after_the_champions():
    champion = listing(("sex", "f"), ("age", "(25, 75]"))
    challenger = listing(("town", "a"), ("age", "(25, 75]"), ("sex", "m"), ("sex", "f"))

    assert compared_under_masks(champion, challenger) == {
        ("sex", "f"): ("facet 1", "group 1.1"), ("age", "(25, 75]"): ("facet 2", "group 2.1"),
        ("town", "a"): ("facet 3", "group 3.1"), ("sex", "m"): ("facet 1", "group 1.2"),
    }  # fmt: skip


def test_digests_and_the_number_of_a_version_stay():
    run = masked_comparison(comparison(dppl()), credit_result(), credit_result()).champion

    assert (run.evidence, run.config_digest, run.dataset.digest) == ("e" * 64, "c" * 64, "d" * 64)
    assert (run.model.name, run.model.version, run.uri, run.dataset.uri) == ("model", "7", "not shown", "data")


# --- counts -----------------------------------------------------------------------------------------------------------


def held(*metrics, groups=(), **changes):
    return HeldBack(10, frozenset(groups), frozenset((PLACE, "post_training", name) for name in metrics), **changes)


def test_nothing_held_back_is_the_very_same_comparison():
    found = comparison(dppl())

    assert suppressed_comparison(found, HeldBack()) is found


def test_no_count_of_any_field_is_left():
    """Every count is 7 here, also one of a field that is added later."""
    one, _ = filled_result(7)
    found, _ = filled(Comparison, 7)
    groups = tuple(
        replace(group, facet=facet.facet, value_or_threshold=facet.value_or_threshold)
        for group, facet in zip(found.groups, one.post_training.facets, strict=True)
    )
    shown = suppressed_comparison(replace(found, groups=groups), held_back(one, one, 10))

    assert {(owner, field) for owner, field, number in integers_in(shown) if number} <= SETTINGS


def test_a_withheld_group_has_neither_rows_nor_pairs_nor_values():
    shown = suppressed_comparison(comparison(dppl(), INSIDE), held("DPPL", groups=[PLACE]))
    (group,) = shown.groups

    assert (group.champion_rows, group.challenger_rows, group.pairs_d, group.pairs_a) == ((0, 0), (0, 0), None, None)
    assert group.fewer_than == 10
    assert {(m.champion, m.challenger, m.difference, m.interval, m.deciding, m.threshold) for m in group.metrics} == {
        (None,) * 6
    }
    assert [metric.not_compared for metric in group.metrics] == [
        NotCompared.WITHHELD, NotCompared.WITHHELD, NotCompared.NOT_OF_GROUPS, NotCompared.UNDEFINED,
        NotCompared.SAME_LABELS,
    ]  # fmt: skip


def test_a_reason_that_tells_a_count_is_withheld_too():
    shown = suppressed_comparison(comparison(dppl()), held("DPPL", "TE", groups=[PLACE]))
    undefined = next(metric for metric in shown.groups[0].metrics if metric.metric == "TE")

    assert (undefined.not_compared, undefined.undefined_challenger) == (NotCompared.WITHHELD, None)


def test_one_withheld_metric_leaves_the_others_of_its_group():
    found = comparison(dppl(), dppl(metric="CDDPL"))
    shown = suppressed_comparison(found, held("CDDPL")).groups[0]

    assert shown.metrics[0] == dppl()
    assert (shown.metrics[1].not_compared, shown.metrics[1].difference) == (NotCompared.WITHHELD, None)
    assert shown.champion_rows == (4_000, 5_812)


@pytest.mark.parametrize(("metric", "reason"), [
    (INSIDE, None), (OUTSIDE, None), (OPEN, Reason.TOO_FEW), (replace(OPEN, reason=Reason.NO_ROWS), Reason.WITHHELD),
])  # fmt: skip
def test_a_verdict_stays_with_its_range_and_without_its_numbers(metric, reason):
    shown = suppressed_comparison(comparison(metric), held("DPPL", groups=[PLACE]))
    found = shown.groups[0].metrics[0]

    assert (found.verdict, found.reason, found.evidence) == (metric.verdict, reason, RangeEvidence(-0.02, 0.02))
    assert (shown.verdict, shown.tests) == (metric.verdict, 1)


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize(("metric", "words"), [
    (OUTSIDE, "Outside the range you allow (−0.02 to 0.02)."),
    (INSIDE, "Inside the range you allow (−0.02 to 0.02)."),
    (replace(OPEN, reason=Reason.NO_ROWS), "Cannot be decided: the reason is not shown either."),
])  # fmt: skip
def test_every_view_says_the_verdict_of_a_withheld_difference(view, metric, words):
    text = VIEWS[view](suppressed_comparison(comparison(metric), held("DPPL", groups=[PLACE])))

    text = Outline(text).text if view == "page" else re.sub(r"[*`\\]", "", text)
    assert words in text
    assert "Withheld: counts too small to be shown" in text


@pytest.mark.parametrize("view", VIEWS)
def test_no_view_holds_a_count_of_a_withheld_group(view):
    group = replace(
        comparison(OUTSIDE).groups[0], champion_rows=(4_321, 5_491), challenger_rows=(4_321, 5_491),
        pairs_d=PairCounts(4_321, 153, 57), pairs_a=PairCounts(5_491, 101, 203),
    )  # fmt: skip
    found = comparison(OUTSIDE, groups=(group,), agreement=None)

    def counts_in(shown):
        text = VIEWS[view](shown)
        text = Outline(text).text if view == "page" else text
        return [n for n in ("4,321", "5,491", "153", "57", "210", "101", "203") if re.search(rf"\b{n}\b", text)]

    assert counts_in(suppressed_comparison(found, held("DPPL", groups=[PLACE]))) == []
    assert view != "page" or len(counts_in(found)) == 7


@pytest.mark.parametrize("view", ["markdown", "terminal"])
def test_a_difference_that_is_withheld_in_one_group_names_the_group(view):
    one = comparison(dppl()).groups[0]
    found = comparison(dppl(), groups=(one, replace(one, value_or_threshold="male")))
    text = VIEWS[view](suppressed_comparison(found, held("DPPL")))

    assert re.search(r"DPPL for `?sex`? = `?female`?[.:] Withheld", text)


@pytest.mark.parametrize(("changes", "keeps"), [
    ({}, True),
    ({"to_positive": 9}, False), ({"to_negative": 1}, False), ({"left_out": 3}, False), ({"rows": 505}, False),
    ({"to_positive": 0}, True),
])  # fmt: skip
def test_agreement_is_shown_where_none_of_its_counts_is_small(changes, keeps):
    pairs = replace(PairCounts(9_812, 250, 250), **changes)             # 505 rows: 5 decided alike
    shown = suppressed_comparison(comparison(dppl(), agreement=pairs), held())

    assert shown.agreement == (pairs if keeps else None)


@pytest.mark.parametrize("small", ["pairs_d", "pairs_a"])
def test_pairs_of_both_sides_of_a_group_go_together(small):
    group = replace(comparison(dppl()).groups[0], **{small: PairCounts(4_000, 3, 50)})
    (shown,) = suppressed_comparison(comparison(dppl(), groups=(group,)), held()).groups

    assert (shown.pairs_d, shown.pairs_a) == (None, None)


@pytest.mark.parametrize(("gained", "lost", "all_rows", "keeps"), [
    (300, 182, False, True), (None, None, False, True), (300, 4, False, False), (4, 182, False, False),
    (300, 182, True, False),
])  # fmt: skip
def test_accuracy_is_shown_where_none_of_its_counts_is_small(gained, lost, all_rows, keeps):
    accuracy = AccuracyDifference(0.83, 0.842, 0.012, Interval(0.003, 0.021), gained, lost)
    shown = suppressed_comparison(comparison(dppl(), accuracy=accuracy), held(accuracy=all_rows))

    assert shown.accuracy == (accuracy if keeps else None)
    assert [notice.field for notice in shown.notices] == ([] if keeps else ["accuracy"])


def test_what_is_withheld_is_said_under_masked_names_too():
    notice = Notice(WITHHELD_CODE, "foreign_worker", "Counts below 10 are not shown.")
    shown = suppressed_comparison(comparison(dppl()), held(notices=(notice,)))

    assert masked_comparison(shown, credit_result(), credit_result()).notices == (replace(notice, field="facet 1"),)


# --- what is held back of two runs ------------------------------------------------------------------------------------

# TN, FP, FN, TP
LARGE = {"x": (300, 200, 100, 100), "y": (40, 30, 20, 20), "z": (50, 50, 50, 50)}
SMALL = {**LARGE, "y": (47, 23, 37, 3)}


@pytest.mark.parametrize(("champion", "challenger"), [(LARGE, SMALL), (SMALL, LARGE), (SMALL, SMALL)])
def test_a_group_that_one_run_withholds_is_withheld_of_both(champion, challenger):
    one, other = (small_counts.result_of(world, ("x", "y", "z")) for world in (champion, challenger))
    found = held_back(one, other, 10)

    assert found.groups == {("f", "y"), ("f", "z")}         # z, the smallest other one, covers y
    assert {place for place, _, _ in found.metrics} == {("f", "y"), ("f", "z")}
    assert [(notice.code, notice.field) for notice in found.notices] == [(WITHHELD_CODE, "f")]


def test_two_runs_without_small_counts_hold_nothing_back():
    one = small_counts.result_of(LARGE, ("x", "y", "z"))

    assert held_back(one, one, 10) == HeldBack(10)


def test_accuracy_of_all_rows_is_held_back_with_a_small_cell_of_them():
    one = small_counts.result_of({"x": (300, 200, 4, 100), "y": (40, 30, 0, 20)}, ("x",))

    assert held_back(one, small_counts.result_of(LARGE, ("x",)), 10).accuracy


def test_unpaired_because_of_small_pairs_is_said():
    text = Outline(comparison_page(comparison(dppl(), unpaired_because=Unpaired.WITHHELD, agreement=None))).text

    assert "Unpaired: intervals are wider, since pairs of the two runs would give away counts too small" in text
