"""Suppression: no count from 1 up to the limit can be read off a page or worked out from what it shows."""

from collections import defaultdict
from dataclasses import fields, replace

import pytest

from clarify.config.presentation import Presentation
from clarify.errors import ConfigError
from clarify.report.html import render_report
from clarify.report.shielding.shielded import shielded
from clarify.report.shielding.suppressed import WITHHELD_CODE, suppressed
from clarify.report.shielding.withheld_groups import cells_of
from clarify.results import (
    AttributionSample,
    AwsValue,
    BiasSection,
    CellBias,
    ClassBias,
    ClassSection,
    ColumnSummary,
    DetectableChange,
    ExpectationOutcome,
    ExplainedRow,
    FacetAttributions,
    FacetCounts,
    FlipCounts,
    GroupCounts,
    Intersection,
    Interval,
    Judgement,
    MetricValue,
    Notice,
    OutcomeGap,
    RangeEvidence,
    Reason,
    SegmentBias,
    StratumCounts,
    ValidationOutcome,
    Verdict,
    VerdictSection,
    WorstClass,
)
from tests.unit.report import dependence_examples, report_examples, small_counts
from tests.unit.report.every_field import filled_result, integers_in

PEOPLE_OR_COMPUTATION = {
    "AnalysisResult": {"seed"},
    "DatasetDescription": {"rows", "n_columns", "bytes"},
    "ValidationOutcome": {"rows"},
    "ExplanationSection": {"calls", "n_baseline_rows", "n_features", "num_samples", "rows", "rows_at_ceiling",
                           "rows_exact", "rows_failed", "rows_within_tolerance", "seed"},
    "OutputExplanation": {"certain_order"},
    "PartialDependence": {"distinct_rows", "rows", "rows_used", "fewer_than"},
    "VerdictSection": {"small_group", "tests"},
}  # fmt: skip
"""Integers that are no count of a group of rows: all rows, sizes of the computation, settings."""


# --- what can be worked out ------------------------------------------------------------------------------------


@pytest.mark.parametrize(("totals", "groups", "listed", "below"), [
    ((6, 6), "x y z", "x y z", 3),                     # the listed groups are all there are
    ((6, 5), "x y z", "x y", 3),                       # some rows are in no listed group
    ((8, 8), "x y z", "x y", 3),                       # ... and few enough to follow from large groups
    ((4, 9), "x y", "x", 3),                           # one group against the rest
    ((5, 4), "x y z unknown", "x y z", 3),             # some rows have no value of the facet
    ((9, 7), "x y z", "x y z", 4),
    ((2, 2, 3, 1), "x y z", "x y", 3),                 # TN, FP, FN, TP
    ((11, 3, 12), "x y", "x y", 3),                    # ... without a TP: three cells
])  # fmt: skip
def test_every_small_count_could_be_another_one(totals, groups, listed, below):
    """All tables with these totals, which a reader is given as well, grouped by what is shown of them."""
    totals = (*totals, 0) if len(totals) == 3 else totals
    pages = pages_of(small_counts.worlds(totals, groups.split()), below, listed.split())

    assert len(pages) < sum(map(len, pages.values()))
    assert recovered(pages, below) == []


def pages_of(worlds, below, listed):
    """The tables behind each page; equal results are equal pages, also to a reader who knows every rule of ours."""
    pages = defaultdict(list)
    for world in worlds:
        pages[shielded(small_counts.result_of(world, listed), Presentation(suppress_below=below))].append(world)
    return pages


def recovered(pages, below):
    """Cells, and sizes of groups, that have one value in all tables behind a page, and it is a small one."""
    found = []
    for worlds in pages.values():
        for group, cells in worlds[0].items():
            values = [{world[group][i] for world in worlds} for i in range(len(cells))]
            values.append({sum(world[group]) for world in worlds})
            found += [(group, one) for one in values if len(one) == 1 and 0 < min(one) < below]
    return found


def test_a_limit_of_two_would_give_counts_of_one_away():
    pages = defaultdict(list)
    for world in small_counts.worlds((2, 2), ("x", "y", "z")):
        pages[suppressed(small_counts.result_of(world, ("x", "y", "z")), 2)].append(world)

    assert recovered(pages, 2)


@pytest.mark.parametrize("below", [-1, 1, 2, 1_001])
def test_limits_that_hide_nothing_are_refused(below):
    with pytest.raises(ConfigError, match=rf"suppress_below: received {below}\b.*\n.*0, or 3 to 1,000"):
        Presentation(suppress_below=below)


def crossed_result(world):
    """Two facets with two listed values each, and their four cells; ``world`` by pairs of values."""
    main = []
    for position, facet in enumerate(("f", "g")):
        for value in ("x", "y"):
            inside = [cells for pair, cells in world.items() if pair.split()[position] == value]
            outside = [cells for pair, cells in world.items() if pair.split()[position] != value]
            counts = FacetCounts(counts_of(outside), counts_of(inside), counts_of([]))
            main.append(small_counts.telling_facet(counts, value, "pre_training", facet=facet))
    cells = []
    for pair, inside in world.items():
        outside = [other for name, other in world.items() if name != pair]
        counts = FacetCounts(counts_of(outside), counts_of([inside]), counts_of([]))
        cell = small_counts.telling_facet(counts, pair, "pre_training", facet="f × g")
        cells.append(CellBias(tuple(pair.split()), sum(inside), cell))
    one = small_counts.result_of({"x": (9, 9), "y": (9, 9)}, ("x",))
    section = BiasSection("pre_training", "label", "1", tuple(main))
    return replace(one, pre_training=section, intersections=(Intersection(("f", "g"), tuple(cells)),))


def counts_of(groups):
    return small_counts.counts_of(small_counts.added(groups, 2))


def test_no_small_cell_of_a_crossing_follows_from_its_margins():
    pages = defaultdict(list)
    for world in small_counts.worlds((10, 0), ("x x", "x y", "y x", "y y")):
        shown = suppressed(crossed_result(world), 3)
        pages[shown.pre_training, shown.intersections].append(world)

    assert recovered(pages, 3) == []


def test_a_crossing_without_a_small_cell_is_shown():
    world = dict.fromkeys(("x x", "x y", "y x", "y y"), (3, 4))

    (crossed,) = suppressed(crossed_result(world), 3).intersections

    assert [cell.rows for cell in crossed.cells] == [7, 7, 7, 7]
    assert all(cell.pre_training.metrics[0].value is not None for cell in crossed.cells)


def test_two_tables_that_differ_only_in_a_small_group_give_the_same_bytes():
    presentation = Presentation(suppress_below=10)
    pages = {
        render_report(shielded(small_counts.result_of(world, ("x", "y", "z")), presentation), PROVENANCE)
        for world in ({"x": (300, 200), "y": (20, 7), "z": (40, 31)}, {"x": (300, 200), "y": (22, 5), "z": (38, 33)})
    }

    assert len(pages) == 1


PROVENANCE = report_examples.example_provenance()


def test_no_small_integer_is_left_in_any_field_that_may_count_rows():
    """Every field holds a 7: one that is added later fails here until it is suppressed or listed as harmless."""
    result, _ = filled_result(7)

    left = {
        (kind, field) for kind, field, value in integers_in(suppressed(result, 10))
        if 0 < value < 10 and field not in PEOPLE_OR_COMPUTATION.get(kind, ())
    }  # fmt: skip

    assert left == set()


# --- groups ----------------------------------------------------------------------------------------------------


def groups_shown(result, below=10):
    section = suppressed(result, below).pre_training or suppressed(result, below).post_training
    return [facet.value_or_threshold for facet in section.facets if not facet.counts.d.fewer_than]


def test_the_smallest_other_group_is_withheld_with_a_small_one():
    world = {"x": (300, 200), "y": (20, 7), "z": (40, 30), "w": (35, 30)}

    assert groups_shown(small_counts.result_of(world, ["x", "y", "z", "w"])) == ["x", "z"]


def test_an_empty_group_is_no_cover_for_a_small_one():
    world = {"x": (300, 200), "y": (20, 7), "z": (0, 0), "w": (35, 30)}

    assert groups_shown(small_counts.result_of(world, ["x", "y", "z", "w"])) == ["x", "z"]


def test_two_small_groups_cover_each_other():
    world = {"x": (300, 200), "y": (20, 7), "z": (4, 30), "w": (35, 30)}

    assert groups_shown(small_counts.result_of(world, ["x", "y", "z", "w"])) == ["x", "w"]


def test_few_rows_in_no_listed_group_withhold_the_facet():
    world = {"x": (300, 200), "y": (40, 30), "rest": (2, 0)}

    assert groups_shown(small_counts.result_of(world, ["x", "y"])) == []


def test_few_rows_without_a_value_withhold_the_facet():
    world = {"x": (300, 200), "y": (40, 30), "unknown": (2, 0)}
    (x, y) = suppressed(small_counts.result_of(world, ("x", "y")), 10).pre_training.facets

    assert [counts.fewer_than for counts in (x.counts.d, x.counts.a, x.counts.unknown)] == [10, 10, 10]
    assert y.counts.d.fewer_than == 10


def test_a_cell_that_only_a_subtraction_shows_is_small():
    # 50 positive labels, 30 + 18 of them with a prediction: 2 without.
    counts = GroupCounts(100, 50, 50, 0, 60, 38, 2, 30, 30, 18, 20)

    assert 2 in cells_of(counts)
    assert sum(cells_of(counts)) == 100


def test_counts_between_two_thresholds_are_small_counts_too():
    """Above 25 are 60 and 40 rows, above 40 are 57 and 40: three in between."""
    world = {"low": (80, 70), "between": (3, 0), "high": (57, 40)}
    above = ("(25, 75]", "(40, 75]")
    inside = ([world["between"], world["high"]], [world["high"]])
    outside = ([world["low"]], [world["low"], world["between"]])
    facets = tuple(
        small_counts.telling_facet(FacetCounts(counts_of(a), counts_of(d), counts_of([])), group, "pre_training")
        for group, d, a in zip(above, inside, outside, strict=True)
    )
    result = replace(
        small_counts.result_of(world, ("low",)), pre_training=BiasSection("pre_training", "label", "1", facets)
    )

    assert groups_shown(result) == []
    assert groups_shown(result, below=3) == list(above)


def test_a_list_of_values_that_holds_an_earlier_group_is_withheld():
    one = small_counts.result_of({"x": (300, 200), "y": (40, 30)}, ("x",))
    (x,) = one.pre_training.facets
    both = replace(x, value_or_threshold="x,z")
    result = replace(one, pre_training=replace(one.pre_training, facets=(x, both)))

    assert groups_shown(result) == ["x"]


def test_zero_is_no_small_count():
    world = {"x": (300, 0), "y": (40, 30)}

    assert groups_shown(small_counts.result_of(world, ("x", "y"))) == ["x", "y"]


def test_a_withheld_group_keeps_no_number():
    small = suppressed(small_counts.result_of({"x": (300, 200), "y": (20, 7)}, ("y",)), 10).pre_training.facets[0]

    assert {getattr(small.counts.d, f.name) for f in fields(GroupCounts) if f.name != "fewer_than"} == {0}
    assert small.metrics == (MetricValue("CI", None, AwsValue(None), undefined_because=Reason.WITHHELD),)


# --- metrics and verdicts --------------------------------------------------------------------------------------


def judged_result(judgement, counts=((300, 200), (20, 7))):
    others, group = counts
    result = small_counts.result_of({"x": others, "y": group}, ("y",))
    return replace(result, verdicts=VerdictSection("policy", "d1", 0.05, "holm", 1, (judgement,)))


def judgement_of(verdict, reason=None):
    return Judgement(
        "pre_training", "f", "y", "CI", verdict, 0.9, Interval(0.8, 0.95), RangeEvidence(-0.8, 0.8, 0.001, 0.999),
        reason, 0.025, DetectableChange(-0.9, 0.9), Interval(0.82, 0.97),
    )  # fmt: skip


@pytest.mark.parametrize(("verdict", "reason", "told"), [
    (Verdict.VIOLATION, None, None),
    (Verdict.PASS, None, None),
    (Verdict.INCONCLUSIVE, Reason.FAMILY, Reason.FAMILY),
    (Verdict.INCONCLUSIVE, Reason.EMPTY_FACET, Reason.WITHHELD),
])  # fmt: skip
def test_a_verdict_stays_without_its_numbers(verdict, reason, told):
    """A VIOLATION that a page may drop because its group is small could be hidden by choosing a limit."""
    (judgement,) = suppressed(judged_result(judgement_of(verdict, reason)), 10).verdicts.judgements

    assert judgement == Judgement(
        "pre_training", "f", "y", "CI", verdict, None, None, RangeEvidence(-0.8, 0.8), told
    )  # fmt: skip


def test_a_judgement_of_a_shown_group_is_untouched():
    judgement = judgement_of(Verdict.PASS)

    shown = suppressed(judged_result(judgement, counts=((300, 200), (20, 70))), 10)

    assert shown.verdicts.judgements == (judgement,)


def test_conditional_metrics_of_a_facet_go_with_a_small_stratum():
    result = small_counts.result_of({"x": (300, 200), "y": (40, 30)}, ("x", "y"))
    conditional = MetricValue("CDDL", 0.1, AwsValue(0.1), Interval(0.0, 0.2))
    x, y = (replace(f, metrics=(*f.metrics, conditional)) for f in result.pre_training.facets)
    x = replace(x, strata=(StratumCounts("s", 100, 100, 3, 90),))
    shown = suppressed(replace(result, pre_training=replace(result.pre_training, facets=(x, y))), 10)

    for facet in shown.pre_training.facets:
        by_name = {metric.name: metric for metric in facet.metrics}
        assert by_name["CI"].value is not None
        assert by_name["CDDL"].undefined_because is Reason.WITHHELD
        assert facet.strata is None


@pytest.mark.parametrize(("flips", "is_shown"), [
    (FlipCounts(20, 30, 100), True), (FlipCounts(20, 3, 100), False), (FlipCounts(60, 38, 100), False), (None, False),
])  # fmt: skip
def test_the_flip_test_is_shown_where_all_its_counts_could_be(flips, is_shown):
    result = small_counts.result_of({"x": (300, 200, 100, 100), "y": (40, 30, 20, 20)}, ("y",))
    (facet,) = result.post_training.facets
    facet = replace(facet, metrics=(MetricValue("FT", 0.1, AwsValue(0.1)),), flips=flips)
    shown = suppressed(replace(result, post_training=replace(result.post_training, facets=(facet,))), 10)

    (metric,) = shown.post_training.facets[0].metrics
    assert (metric.value is not None) == is_shown


def test_a_reason_that_is_a_setting_stays_a_reason():
    result = small_counts.result_of({"x": (300, 200), "y": (20, 7)}, ("y",))
    (facet,) = result.pre_training.facets
    unset = MetricValue("CDDL", None, AwsValue(None), undefined_because=Reason.NO_GROUP_VARIABLE)
    section = replace(result.pre_training, facets=(replace(facet, metrics=(unset,)),))
    (metric,) = suppressed(replace(result, pre_training=section), 10).pre_training.facets[0].metrics

    assert metric.undefined_because is Reason.NO_GROUP_VARIABLE


# --- closer looks ----------------------------------------------------------------------------------------------


MAIN = small_counts.result_of({"x": (300, 200), "y": (100, 80)}, ("x",))
(X,) = MAIN.pre_training.facets
SMALL = replace(X, counts=FacetCounts(counts_of([(300, 200)]), counts_of([(95, 5)]), counts_of([])))
OTHER = replace(SMALL, facet="g")


def segment(name, *facets, rows=340, unknown_rows=0, column="region"):
    return SegmentBias("by region", column, name, "", rows, facets, (), unknown_rows)


@pytest.mark.parametrize(("segments", "shown"), [
    ((segment("n", X), segment("s", X)), ["n f", "s f"]),
    ((segment("n", X, OTHER), segment("s", X)), ["n f", "s f"]),        # only the facet with a small count goes
    ((segment("n", X, rows=3), segment("s", X)), []),
    ((segment("n", X), segment("s", X, unknown_rows=4)), []),
    ((segment("n", X), segment("s", X, rows=344, unknown_rows=340)), []),
])  # fmt: skip
def test_segments_are_shown_facet_by_facet_where_none_is_small(segments, shown):
    found = suppressed(replace(MAIN, segments=segments), 10).segments

    assert [f"{s.segment} {facet.facet}" for s in found for facet in s.pre_training] == shown


def test_segments_of_a_facet_with_withheld_groups_are_withheld():
    small = small_counts.result_of({"x": (300, 200), "y": (20, 7)}, ("x",))
    found = suppressed(replace(small, segments=(segment("x", OTHER, column="f"),)), 10)

    assert found.segments == ()


def test_a_crossing_of_three_facets_takes_those_of_two_along():
    two = Intersection(("f", "g"), (CellBias(("x", "u"), 500, X), CellBias(("rest", "u"), 180, X)))
    three = Intersection(("f", "g", "h"), (CellBias(("x", "u", "v"), 100, SMALL),))

    assert [crossed.facets for crossed in suppressed(replace(MAIN, intersections=(two,)), 10).intersections] == [
        ("f", "g")
    ]
    assert suppressed(replace(MAIN, intersections=(two, three)), 10).intersections == ()


def test_a_crossing_with_few_unknown_rows_is_withheld():
    two = Intersection(("f", "g"), (CellBias(("x", "u"), 500, X),), unknown_rows=2)

    assert suppressed(replace(MAIN, intersections=(two,)), 10).intersections == ()


def classes(*facets, rows=(400, 280)):
    worst = WorstClass("pre_training", "f", "x", "DPL", "1", 0.3)
    found = tuple(ClassBias(str(i), n, facets) for i, n in enumerate(rows))
    return ClassSection(found, (worst, replace(worst, facet="g")))


@pytest.mark.parametrize(("section", "shown"), [
    (classes(X, replace(X, facet="g")), ["f", "g"]),
    (classes(X, OTHER), ["f"]),
    (classes(X, rows=(400, 4)), None),
    (classes(X, rows=(400, 277)), None),                # three rows of 680 have no label
    (classes(SMALL, OTHER), None),
])  # fmt: skip
def test_classes_are_shown_facet_by_facet_where_none_is_small(section, shown):
    found = suppressed(replace(MAIN, classes=section), 10).classes

    assert (None if found is None else [worst.facet for worst in found.worst]) == shown


def gap(value, rows_d, rows_a, outcome="label"):
    return OutcomeGap(outcome, "h", value, rows_a, rows_d, 2.0, 1.0, 1.0)


@pytest.mark.parametrize(("gaps", "shown"), [
    ((gap("u", 600, 80),), ["u"]),
    ((gap("u", 676, 4),), []),
    ((gap("u", 600, 77),), []),                         # 3 of 680 rows have no value
    ((gap("u", 500, 180), gap("v", 176, 504), gap("w", 4, 676)), []),
    ((gap("u", 676, 4), gap("v", 600, 80, "prediction")), ["v"]),
])  # fmt: skip
def test_outcome_gaps_of_a_facet_are_shown_together(gaps, shown):
    found = suppressed(replace(MAIN, outcome_gaps=gaps), 10).outcome_gaps

    assert [gap.value_or_threshold for gap in found] == shown


# --- explanations, partial dependence, the data, texts -----------------------------------------------------------


def explained(**changes):
    section = replace(report_examples.explanations(), rows=680, **changes)
    return replace(MAIN, explanations=section)


@pytest.mark.parametrize(("rows_d", "rows_a", "failed", "is_shown"), [
    (600, 80, 0, True), (676, 4, 0, False), (600, 77, 0, False), (600, 77, 3, True),
])  # fmt: skip
def test_attributions_by_facet_need_enough_rows_on_every_side(rows_d, rows_a, failed, is_shown):
    found = FacetAttributions("label0", "h", "u", rows_d, rows_a, ())

    shown = suppressed(explained(by_facet=(found,), rows_failed=failed), 10)

    assert bool(shown.explanations.by_facet) == is_shown


@pytest.mark.parametrize("presentation", [Presentation(suppress_below=3), Presentation(individual_rows=False)])
def test_single_rows_are_fewer_than_any_limit(presentation):
    sample = AttributionSample("label0", (), ())
    row = ExplainedRow("label0", 7, "lowest", (), 0.1, (), 0.0, 0.0, 0)

    shown = shielded(explained(samples=(sample,), selected=(row,)), presentation).explanations

    assert shown.samples == shown.selected == ()


def test_rows_of_buckets_go_together_and_curves_stay():
    age, purpose = dependence_examples.age(), dependence_examples.purpose()      # buckets of 500, 300, 192, 5 rows

    shown_age, shown_purpose = suppressed(replace(MAIN, partial_dependence=(age, purpose)), 10).partial_dependence

    assert shown_age == replace(age, counts=(0, 0, 0, 0), missing=0, fewer_than=10)
    assert shown_purpose == purpose


@pytest.mark.parametrize("cut", ["threshold", "segments", "withheld"])
def test_buckets_of_a_column_that_is_cut_elsewhere_are_withheld(cut):
    purpose = replace(dependence_examples.purpose(), feature="f")
    result = replace(MAIN, partial_dependence=(purpose,))
    if cut == "threshold":
        facets = (replace(X, value_or_threshold="(25, 75]"),)
        result = replace(result, pre_training=replace(MAIN.pre_training, facets=facets))
    elif cut == "segments":
        result = replace(result, segments=(segment("n", X, column="f"),))
    else:
        result = replace(result, pre_training=replace(MAIN.pre_training, facets=(SMALL,)))

    assert suppressed(result, 10).partial_dependence[0].fewer_than == 10


def test_columns_and_expectations_with_few_rows_are_left_out():
    columns = [ColumnSummary(name, "int", "", 680, nulls, 5, 1.0, 9.0)
               for name, nulls in (("a", 0), ("b", 20), ("c", 3), ("d", 677))]
    met = ExpectationOutcome("values_not_null", "a", "recorded", True, 0, 680)
    outcomes = (met, replace(met, column="b", success=False, unexpected=20, detail="20 of 680 rows"),
                replace(met, column="c", success=False, unexpected=3), replace(met, column="d", rows=677))
    validation = ValidationOutcome(680, tuple(columns), outcomes)

    shown = suppressed(replace(MAIN, validation=validation), 10).validation

    assert [(c.name, c.nulls, c.minimum, c.maximum) for c in shown.columns] == [("a", 0, None, None),
                                                                               ("b", 20, None, None)]
    assert [(o.column, o.unexpected, o.detail) for o in shown.expectations] == [("a", 0, ""), ("b", 20, "")]


@pytest.mark.parametrize(("message", "is_kept"), [
    ("3 rows have no label", False), ("997 of 1,000 rows were joined", False), ("Two rows were dropped", False),
    ("the label is read as text", True),
])  # fmt: skip
def test_a_notice_with_a_number_keeps_its_code_only(message, is_kept):
    (notice,) = suppressed(replace(MAIN, notices=(Notice("X-CODE", "label", message),)), 10).notices

    assert (notice.message == message) == is_kept
    assert notice.code == "X-CODE"


def test_what_is_withheld_is_said():
    result = replace(small_counts.result_of({"x": (300, 200), "y": (20, 7)}, ("y",)),
                     intersections=(Intersection(("f", "g"), ()),))

    told = [n for n in suppressed(result, 10).notices if n.code == WITHHELD_CODE]

    assert [n.field for n in told] == ["f", "crossed facets"]
    assert all("below 10" in n.message for n in told)


def test_nothing_is_said_to_be_withheld_that_is_not():
    with_strata = replace(X, strata=(StratumCounts("s", 100, 100, 100, 100),))
    result = replace(MAIN, segments=(segment("n", with_strata), segment("s", with_strata)),
                     intersections=(Intersection(("f", "g"), (CellBias(("x", "u"), 500, with_strata),)),),
                     classes=classes(with_strata, replace(X, facet="g")), outcome_gaps=(gap("u", 600, 80),))

    assert not [n for n in suppressed(result, 10).notices if n.code == WITHHELD_CODE]


def test_a_result_without_small_counts_loses_nothing_of_its_groups():
    shown = suppressed(MAIN, 10)

    assert shown.pre_training.facets[0].counts == X.counts
    assert shown.pre_training.facets[0].metrics[0].value == X.metrics[0].value
    assert not [n for n in shown.notices if n.code == WITHHELD_CODE]
