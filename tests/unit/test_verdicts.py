"""Verdicts: the specification's worked cases, every reason, what shares a test, what the reader is told."""

import json
from dataclasses import replace

import pytest

from clarify.bias.contingency import ContingencyTable
from clarify.bias.deciding import in_agreement, interval_at, read_off
from clarify.bias.evaluate import evaluate
from clarify.config.parse import parse_analysis_config
from clarify.config.policy import read_policy, recommended
from clarify.errors import ConfigError
from clarify.results import BiasSection, Interval, MetricValue, RangeEvidence, Reason, Verdict
from clarify.steps.judge import allowed_ranges, check_policy, judge, read_policy_document
from clarify.verdicts import decide, holm, one_by_one

PASS, VIOLATION, INCONCLUSIVE = Verdict.PASS, Verdict.VIOLATION, Verdict.INCONCLUSIVE
GERMAN = ContingencyTable.from_confusion(a=(27, 1, 1, 3), d=(556, 31, 52, 229))
MONITOR = ContingencyTable.from_confusion(a=(32, 17, 130, 45), d=(2, 0, 78, 30))


def policy(*ranges, **keys):
    body = {"version": "1.0", "name": "test", "small_group": 0, "ranges": list(ranges), **keys}
    return read_policy(json.dumps(body).encode()).policy


def within(metric, half=0.1, **place):
    return {"metric": metric, "low": -half, "high": half, **place}


def measured(table, rules, *, stage="post_training", facet="sex", group="f", methods="all"):
    """One group of one facet, with evidence for the ranges of a policy."""
    ranges = rules.ranges_of(facet, group)
    return evaluate(table, facet=facet, value_or_threshold=group, stage=stage, methods=methods, ranges=ranges)


def section(*biases):
    return BiasSection(biases[0].stage, "label", "1", biases)


def judged(table, rules, **options):
    """The verdicts on one group, by metric."""
    found = decide(rules, "digest", [section(measured(table, rules, **options))], with_detectable=False)
    return {judgement.metric: judgement for judgement in found.judgements}


def with_p(p, metric="DPPL", group="f", outside=True):
    """A bias of one metric whose smaller p is given."""
    empty = measured(MONITOR, policy(within("DPPL")), group=group, methods=("DPPL",))
    evidence = RangeEvidence(-0.1, 0.1, p if outside else 1.0, 1.0 if outside else p)
    value = MetricValue(metric, 0.2, empty.metrics[0].aws, Interval(0.1, 0.3), evidence=evidence)
    return replace(empty, metrics=(value,))


# --- the specification's cases ---------------------------------------------------------------------------------


@pytest.mark.parametrize(("table", "metric", "verdict", "p"), [
    (GERMAN, "DPPL", INCONCLUSIVE, 0.1755),
    (GERMAN, "AD", PASS, 0.0381),
    (MONITOR, "DPPL", VIOLATION, 0.00204),
    (MONITOR, "SD", VIOLATION, 0.00760),
    (MONITOR, "RD", INCONCLUSIVE, 0.0622),
])
def test_a_verdict_that_stands_alone_agrees_with_the_table(table, metric, verdict, p):
    judgement = judged(table, policy(within(metric)))[metric]

    assert judgement.verdict is verdict
    assert min(judgement.evidence.p_outside, judgement.evidence.p_inside) == pytest.approx(p, rel=0.02)
    assert judgement.threshold == 0.05


def test_a_pass_lies_inside_and_a_violation_outside_as_the_printed_intervals_do():
    german, monitor = judged(GERMAN, policy(within("AD")))["AD"], judged(MONITOR, policy(within("SD")))["SD"]

    assert [german.interval.low, german.interval.high] == pytest.approx([-0.0911, 0.0872], abs=1e-4)
    assert [monitor.interval.low, monitor.interval.high] == pytest.approx([0.1465, 0.3826], abs=1e-4)


def test_holm_accepts_the_first_two_of_three():
    steps = holm([0.00204, 0.00760, 0.0622], level=0.05)

    assert [step.accepted for step in steps] == [True, True, False]
    assert [step.threshold for step in steps] == pytest.approx([0.05 / 3, 0.05 / 2, 0.05])


def test_three_metrics_of_one_group_share_the_level():
    found = judged(MONITOR, policy(within(["DPPL", "SD", "RD"])))

    verdicts = {metric: judgement.verdict for metric, judgement in found.items()}

    assert verdicts == {"DPPL": VIOLATION, "SD": VIOLATION, "RD": INCONCLUSIVE}
    assert found["SD"].threshold == pytest.approx(0.025)


def test_from_the_first_that_fails_all_have_to_reach_its_level():
    steps = holm([0.03, 0.04, 0.001], level=0.05)

    # .001 <= .05/3; .03 > .05/2 stops; .04 would have been below .05
    assert [step.accepted for step in steps] == [False, False, True]
    assert [step.threshold for step in steps] == pytest.approx([0.025, 0.025, 0.05 / 3])


def test_p_values_at_their_threshold_are_accepted():
    assert [step.accepted for step in holm([0.025, 0.05], level=0.05)] == [True, True]
    assert holm([], level=0.05) == ()


# --- reasons ---------------------------------------------------------------------------------------------------


def test_too_few_when_the_own_interval_does_not_decide():
    judgement = judged(MONITOR, policy(within("RD")))["RD"]

    assert (judgement.verdict, judgement.reason) == (INCONCLUSIVE, Reason.TOO_FEW)


def test_family_when_the_own_interval_decides_and_holm_does_not():
    groups = [with_p(0.04, group="f"), with_p(0.03, group="g"), with_p(0.2, group="h")]

    found = decide(policy(within("DPPL")), "", [section(*groups)], with_detectable=False)

    assert [judgement.verdict for judgement in found.judgements] == [INCONCLUSIVE] * 3
    assert [judgement.reason for judgement in found.judgements] == [Reason.FAMILY, Reason.FAMILY, Reason.TOO_FEW]


@pytest.mark.parametrize(("a", "d", "metric", "reason"), [
    ((20, 5, 5, 20), (0, 5, 0, 20), "RD", Reason.NO_ROWS),
    ((20, 5, 5, 20), (0, 0, 0, 0), "RD", Reason.EMPTY_FACET),
    ((20, 5, 5, 20), (0, 0, 0, 0), "GE", Reason.EMPTY_FACET),
    ((0, 0, 0, 0), (20, 5, 5, 20), "DPPL", Reason.SINGLE_GROUP),
    ((20, 5, 5, 20), (20, 5, 5, 20), "CDDPL", Reason.NO_GROUP_VARIABLE),
    ((20, 5, 5, 20), (20, 5, 5, 20), "FT", Reason.NOT_COMPUTED),
])
def test_a_metric_without_evidence_is_inconclusive_with_the_reason_and_costs_the_others_nothing(a, d, metric, reason):
    table = ContingencyTable.from_confusion(a=a, d=d)
    rules = policy({"metric": metric, "high": 0.1})
    found = decide(rules, "", [section(measured(table, rules))], with_detectable=False)

    (judgement,) = found.judgements

    assert (judgement.verdict, judgement.reason, judgement.threshold) == (INCONCLUSIVE, reason, None)
    assert found.tests == 0


def test_an_undefined_value_with_an_interval_can_still_be_judged():
    # nobody in facet d is wrongly accepted: TE is undefined, its interval [22.73, inf)
    judgement = judged(MONITOR, policy({"metric": "TE", "high": 2.0}))["TE"]

    assert (judgement.value, judgement.verdict) == (None, VIOLATION)


def test_a_ratio_below_four_fifths_from_few_rows_is_no_violation():
    # 5 of 10 against 70 of 100: a ratio of .71
    table = ContingencyTable.from_confusion(a=(70, 0, 0, 30), d=(5, 0, 0, 5))

    judgement = judged(table, policy({"metric": "DI", "low": 0.8, "high": 1.25}))["DI"]

    assert judgement.value == pytest.approx(5 / 7)
    assert (judgement.verdict, judgement.reason) == (INCONCLUSIVE, Reason.TOO_FEW)


def test_a_value_on_the_edge_of_its_range_is_inconclusive_even_where_all_else_lies_inside():
    # a tenth of facet a and none of ten in facet d: hardly anything above .1 is plausible, so the interval ends at .1
    table = ContingencyTable.from_labels(a=(10_000_000, 90_000_000), d=(0, 10))

    judgement = judged(table, policy({"metric": "DPL", "high": 0.1}), stage="pre_training")["DPL"]

    assert judgement.value == judgement.interval.high == 0.1
    assert judgement.verdict is INCONCLUSIVE


def test_a_value_at_the_end_of_its_scale_does_not_touch_a_limit_there():
    # nobody of 400 in facet d is predicted positive: DI is 0, the least there is, and the range starts there
    table = ContingencyTable.from_confusion(a=(200, 0, 0, 200), d=(0, 0, 0, 400))

    assert judged(table, policy({"metric": "DI", "low": 0.0, "high": 0.5}))["DI"].verdict is PASS


# --- the interval that decides -----------------------------------------------------------------------------------


def test_the_interval_that_decides_is_that_of_the_level_its_p_had_to_reach():
    found = judged(MONITOR, policy(within(["DPPL", "SD", "RD"])))

    # three tests: DPPL has to reach .05/3, SD .05/2, RD .05
    assert [1 - found[name].deciding.level for name in ("DPPL", "SD", "RD")] == pytest.approx([0.05 / 3, 0.025, 0.05])
    for name in ("DPPL", "SD", "RD"):
        closer = evaluate(MONITOR, facet="f", value_or_threshold="g", stage="post_training", methods=(name,),
                          level=found[name].deciding.level).metrics[0].interval
        assert found[name].interval.low >= found[name].deciding.low
        # 32,768 points: a limit lies within one of them of the quantile between two
        assert found[name].deciding.low == pytest.approx(closer.low, abs=1e-3)
        assert found[name].deciding.high == pytest.approx(closer.high, abs=1e-3)


def test_it_reaches_back_into_the_range_where_the_family_forbids_the_verdict():
    # p .0076 for SD alone is outside; among twelve it would have to reach .05/12 = .0042
    groups = [measured(MONITOR, policy(within("SD")), group=str(group)) for group in range(12)]

    found = decide(policy(within("SD")), "", [section(*groups)], with_detectable=False).judgements

    assert {judgement.verdict for judgement in found} == {INCONCLUSIVE}
    assert {judgement.reason for judgement in found} == {Reason.FAMILY}
    assert all(judgement.interval.low > 0.1 > judgement.deciding.low for judgement in found)
    assert found[0].deciding.level == pytest.approx(1 - 0.05 / 12)


def test_without_a_family_it_is_the_interval_at_the_level_of_the_policy():
    found = judged(MONITOR, policy(within(["DPPL", "SD"]), family="none", level=0.01))

    assert {judgement.deciding.level for judgement in found.values()} == {0.99}


@pytest.mark.parametrize(("a", "d", "metric"), [
    ((20, 5, 5, 20), (0, 5, 0, 20), "RD"), ((20, 5, 5, 20), (0, 0, 0, 0), "GE"), ((20, 5, 5, 20), (20, 5, 5, 20), "FT"),
])
def test_where_no_test_was_made_no_interval_decides(a, d, metric):
    table = ContingencyTable.from_confusion(a=a, d=d)

    judgement = judged(table, policy({"metric": metric, "high": 0.1}))[metric]

    assert (judgement.verdict, judgement.deciding) == (INCONCLUSIVE, None)


def test_an_undefined_value_has_the_interval_that_decides_and_it_is_open_where_the_metric_is():
    judgement = judged(MONITOR, policy({"metric": "TE", "high": 2.0}))["TE"]

    assert judgement.value is None
    assert judgement.deciding.low == pytest.approx(22.73, rel=5e-3)
    assert judgement.deciding.high == float("inf")


def test_a_conditional_disparity_has_it_from_the_formula_of_its_strata():
    # statistics, line 19: one stratum, facet d 46 rejected and 32 accepted, facet a 54 and 68
    table = ContingencyTable.from_label_strata(a=[(68, 54)], d=[(32, 46)])

    judgement = judged(table, policy(within("CDDL", 0.5)), stage="pre_training", methods=("CDDL",))["CDDL"]

    assert judgement.verdict is PASS
    assert [judgement.deciding.low, judgement.deciding.high] == pytest.approx([0.004921, 0.268131], abs=1e-6)


def test_it_contains_the_value_and_ends_on_the_limit_that_the_value_lies_on():
    table = ContingencyTable.from_labels(a=(10_000_000, 90_000_000), d=(0, 10))

    judgement = judged(table, policy({"metric": "DPL", "high": 0.1}), stage="pre_training")["DPL"]

    assert judgement.deciding.high == judgement.value == 0.1


def test_distances_that_take_the_verdict_of_dpl_have_its_interval_without_the_sign():
    rules = policy(within("DPL"), {"metric": ["TVD", "KS"], "low": 0.0, "high": 0.1})
    table = ContingencyTable.from_labels(a=(10, 90), d=(90, 10))      # the named group has more: DPL is below 0

    found = judged(table, rules, stage="pre_training")

    assert found["TVD"].deciding == found["KS"].deciding
    assert [found["TVD"].deciding.low, found["TVD"].deciding.high] == [
        -found["DPL"].deciding.high, -found["DPL"].deciding.low
    ]


def test_a_family_so_large_that_no_p_is_small_enough_leaves_every_value_possible():
    groups = [with_p(1e-9, group=str(group)) for group in range(1_700)]

    (first, *_) = decide(policy(within("DPPL")), "", [section(*groups)], with_detectable=False).judgements

    assert first.threshold < 1 / 32_769
    assert interval_at(groups[0], "DPPL", first.threshold).low == -float("inf")


@pytest.mark.parametrize(("verdict", "ends"), [
    (PASS, (-0.1, 0.1)), (PASS, (-0.2, 0.05)), (VIOLATION, (0.1, 0.2)), (VIOLATION, (-0.2, -0.1)),
    (INCONCLUSIVE, (-0.05, 0.05)), (INCONCLUSIVE, (0.15, 0.2)), (INCONCLUSIVE, (-0.3, -0.2)),
])
def test_an_interval_that_touches_or_misses_is_moved_to_agree_and_no_further(verdict, ends):
    moved = in_agreement(Interval(*ends), verdict, -0.1, 0.1)

    assert read_off(moved, -0.1, 0.1) is verdict
    shifts = [abs(moved.low - ends[0]), abs(moved.high - ends[1])]
    needed = {(PASS, (-0.2, 0.05)): 0.1, (INCONCLUSIVE, (-0.05, 0.05)): 0.05, (INCONCLUSIVE, (0.15, 0.2)): 0.05,
              (INCONCLUSIVE, (-0.3, -0.2)): 0.1}
    assert max(shifts) == pytest.approx(needed.get((verdict, ends), 0.0), abs=1e-9)


def test_a_value_on_one_side_and_what_is_plausible_on_the_other_show_neither():
    # 0 of 5 are predicted positive, so the ratio is 0 and no plausible ratio is; the range lies between the two
    table = ContingencyTable.from_confusion(a=(500, 0, 0, 500), d=(0, 0, 0, 5))

    judgement = judged(table, policy({"metric": "DI", "low": 1e-9, "high": 1e-8}))["DI"]

    assert judgement.value == 0.0
    assert judgement.verdict is INCONCLUSIVE
    assert judgement.deciding.low < 1e-9 < 1e-8 < judgement.deciding.high


# --- one test for what is one question -------------------------------------------------------------------------


TWICE = {"low": 0.0, "high": 0.1}
LABELS = ContingencyTable.from_labels(a=(90, 10), d=(10, 90))


def test_distances_with_the_range_of_dpl_take_its_verdict_and_no_place_in_the_family():
    rules = policy(within("DPL"), {"metric": ["TVD", "KS"], **TWICE}, {"metric": "LP", "high": 0.1 * 2**0.5})

    found = decide(rules, "", [section(measured(LABELS, rules, stage="pre_training"))], with_detectable=False)

    assert [(judgement.metric, judgement.verdict) for judgement in found.judgements] == [
        ("DPL", VIOLATION), ("KS", VIOLATION), ("LP", VIOLATION), ("TVD", VIOLATION)
    ]
    assert found.tests == 1
    assert {judgement.threshold for judgement in found.judgements} == {0.05}
    assert [notice.message.split()[0] for notice in found.notices if notice.code == "POLICY-SAME-TEST"] == [
        "KS", "LP", "TVD"
    ]


@pytest.mark.parametrize("dpl", [{"low": -0.2, "high": 0.1}, {"high": 0.1}, {"low": -0.11, "high": 0.11}])
def test_a_distance_with_another_range_than_dpl_is_a_test_of_its_own(dpl):
    rules = policy({"metric": "DPL", **dpl}, {"metric": "TVD", **TWICE})

    found = decide(rules, "", [section(measured(LABELS, rules, stage="pre_training"))], with_detectable=False)

    assert found.tests == 2


def test_dpl_of_another_group_lends_nothing():
    rules = policy(within("DPL", facet="sex", group="m"), {"metric": "TVD", "facet": "sex", "group": "f", **TWICE})
    groups = [measured(LABELS, rules, stage="pre_training", group=group) for group in ("f", "m")]

    assert decide(rules, "", [section(*groups)], with_detectable=False).tests == 2


# --- the section -----------------------------------------------------------------------------------------------


def test_judgements_come_by_stage_facet_group_and_metric():
    rules = policy(within(["DPL", "DPPL", "AD"]))
    places = [("sex", "m"), ("age", "(40, 90]"), ("sex", "f")]
    post = section(*(measured(GERMAN, rules, facet=facet, group=group) for facet, group in places))
    pre = section(measured(GERMAN, rules, stage="pre_training"))

    found = decide(rules, "abc", [post, pre], with_detectable=False)

    assert [(j.stage[:3], j.facet, j.value_or_threshold, j.metric) for j in found.judgements] == [
        ("pre", "sex", "f", "DPL"),
        ("pos", "age", "(40, 90]", "AD"), ("pos", "age", "(40, 90]", "DPPL"),
        ("pos", "sex", "f", "AD"), ("pos", "sex", "f", "DPPL"),
        ("pos", "sex", "m", "AD"), ("pos", "sex", "m", "DPPL"),
    ]
    assert (found.policy, found.policy_digest, found.tests, found.level) == ("test", "abc", 7, 0.05)


def test_metrics_without_a_range_are_not_judged():
    assert set(judged(GERMAN, policy(within("AD")))) == {"AD"}


def test_without_family_control_each_verdict_stands_alone_and_the_reader_is_told():
    groups = [with_p(0.04, group="f"), with_p(0.03, group="g")]
    alone = policy(within("DPPL"), family="none")

    found = decide(alone, "", [section(*groups)], with_detectable=False)

    assert [judgement.verdict for judgement in found.judgements] == [VIOLATION, VIOLATION]
    assert [notice.code for notice in found.notices] == ["POLICY-UNADJUSTED"]
    assert one_by_one([0.04], 0.05)[0].threshold == 0.05


def test_a_family_too_large_for_any_verdict_is_told():
    # 1,700 tests share .05: .0000294 each, less than 1 / 32,769
    groups = [with_p(1e-9, group=str(group)) for group in range(1_700)]

    found = decide(policy(within("DPPL")), "", [section(*groups)], with_detectable=False)

    assert [notice.code for notice in found.notices] == ["POLICY-FAMILY-TOO-LARGE"]


def test_small_groups_are_named():
    rules = policy(within("DPPL"), small_group=36)     # facet a of the table has 32 rows

    (notice,) = decide(rules, "", [section(measured(GERMAN, rules))], with_detectable=False).notices

    assert (notice.code, notice.field) == ("POLICY-SMALL-GROUP", "sex")
    assert notice.message == "fewer than 36 rows are in the group or outside it: 'f'"


@pytest.mark.parametrize(("rule", "field", "message"), [
    (within(["SD", "CI", "DPL"]), "policy.ranges[1].metric", "not computed: CI, DPL; methods does not ask for it"),
    (within("SD", facet="sex", group="F"), "policy.ranges[1].group", "facet 'sex' has no group 'F'; it has 'f'"),
    (within("SD", facet="age"), "policy.ranges[1].facet", "no facet 'age'; the analysis has 'sex'"),
    (within("AD", facet="sex"), "policy.ranges[0]", "every group has a range of its own for AD"),
])
def test_a_range_that_nothing_is_held_to_is_told(rule, field, message):
    rules = policy(within("AD"), rule)

    notices = decide(rules, "", [section(measured(GERMAN, rules))], with_detectable=False).notices

    assert [(n.code, n.field, n.message) for n in notices] == [("POLICY-UNMATCHED", field, message)]


def test_nothing_measured_leaves_an_inconclusive_section_that_says_so():
    found = decide(policy(within("AD")), "", [])

    assert (found.verdict, found.tests, found.judgements) == (INCONCLUSIVE, 0, ())
    assert [notice.code for notice in found.notices] == ["POLICY-UNMATCHED"]


def test_only_open_judgements_with_rows_behind_them_say_what_would_have_been_seen():
    table = ContingencyTable.from_confusion(a=(200, 0, 0, 200), d=(50, 0, 0, 50))
    rules = policy(within("DPPL"), {"metric": "AD", "low": -0.5, "high": 0.5}, within("CDDPL"))
    found = decide(rules, "", [section(measured(table, rules))])

    by_metric = {judgement.metric: judgement for judgement in found.judgements}

    assert by_metric["AD"].verdict is PASS
    assert by_metric["AD"].detectable is None
    assert by_metric["CDDPL"].detectable is None
    # two tests, so the level is .025: a little above the .2475 that a single test of these counts would see
    assert 0.2475 < by_metric["DPPL"].detectable.above < 0.28


# --- the step ----------------------------------------------------------------------------------------------------


def test_evidence_is_gathered_for_metrics_with_a_range_and_for_no_other():
    rules = policy(within(["AD", "RD"]))
    table = ContingencyTable.from_confusion(a=(20, 5, 5, 20), d=(0, 5, 0, 20))  # no positive label in d: no RD

    evidence = {metric.name: metric.evidence for metric in measured(table, rules).metrics}

    assert {name for name, found in evidence.items() if found is not None} == {"AD", "RD"}
    assert evidence["RD"] == RangeEvidence(-0.1, 0.1, None, None)
    assert None not in (evidence["AD"].p_inside, evidence["AD"].p_outside)


def test_without_a_policy_there_is_no_verdict_and_no_evidence_to_gather():
    assert judge(None, section(measured(GERMAN, policy(within("AD")))), None) is None
    assert allowed_ranges(None, "sex", "f") is None


def test_the_step_judges_both_stages_as_one_family():
    parsed = recommended()
    pre = section(measured(GERMAN, parsed.policy, stage="pre_training"))
    post = section(measured(GERMAN, parsed.policy))

    found = judge(parsed, pre, post)

    assert [judgement.metric for judgement in found.judgements] == ["DPL", "AD", "DI", "RD"]
    assert (found.tests, found.policy, found.policy_digest) == (4, "recommended", parsed.digest)


def test_a_policy_is_read_from_a_file_or_by_the_name_of_the_one_that_comes_along(tmp_path):
    (tmp_path / "ours.yaml").write_text("version: 1.0\nname: ours\nranges: [{metric: DI, low: 0.8}]")

    assert read_policy_document(str(tmp_path / "ours.yaml")).policy.name == "ours"
    assert read_policy_document("recommended") == recommended()
    with pytest.raises(ConfigError) as refused:
        read_policy_document(str(tmp_path / "other.yaml"))
    assert [(problem.code, problem.field) for problem in refused.value.problems] == [("CFG-NOT-FOUND", "--policy")]


def test_a_facet_that_the_data_lack_stops_the_run(tmp_path):
    (tmp_path / "p.yaml").write_text("version: 1.0\nname: p\nranges: [{metric: DI, low: 0.8, facet: Sex}]")
    parsed = read_policy_document(str(tmp_path / "p.yaml"))

    config = parse_analysis_config(
        b'{"dataset_type": "text/csv", "label": "y", "label_values_or_threshold": [1], "facet": [{"name_or_index": 0}],'
        b' "methods": {"pre_training_bias": {"methods": "all"}}}'
    ).config

    check_policy(parsed, config, ["Sex"])
    with pytest.raises(ConfigError, match=r'ranges\[0\].facet: received "Sex"  \[CFG-POLICY-FACET\]'):
        check_policy(parsed, config, ["sex"])


def test_beyond_two_hundred_undecided_checks_smallest_changes_are_left_out_and_said(monkeypatch):
    monkeypatch.setattr("clarify.verdicts.MOST_DETECTABLE", 1)
    parsed = read_policy(b"{version: '1.0', name: p, ranges: [{metric: [DPPL, RD], low: -0.1, high: 0.1}]}")
    table = ContingencyTable.from_confusion(a=(27, 1, 1, 3), d=(56, 3, 5, 23))
    ranges = parsed.policy.ranges_of("g", "1")
    bias = evaluate(table, facet="g", value_or_threshold="1", stage="post_training", ranges=ranges)

    found = decide(parsed.policy, parsed.digest, [BiasSection("post_training", "y", "1", (bias,))])

    assert [judgement.verdict for judgement in found.judgements] == [Verdict.INCONCLUSIVE, Verdict.INCONCLUSIVE]
    assert [judgement.detectable is None for judgement in found.judgements] == [False, True]
    assert "POLICY-MANY-UNDECIDED" in [notice.code for notice in found.notices]
