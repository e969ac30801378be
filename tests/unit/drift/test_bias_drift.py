"""One window against its reference: three rules for every series, and what the window as a whole ends in."""

import math

import pytest

from clarify.bias.contingency import ContingencyTable
from clarify.bias.evaluate import evaluate
from clarify.config.ranges import AllowedRange
from clarify.drift.bias_drift import bias_status, check_bias_drift, empty_bias_drift
from clarify.drift.constraints import BiasReference, ReferenceSeries, bias_reference
from clarify.drift.promises import bias_promise
from clarify.drift.sagemaker import compare_as_aws
from clarify.records import BiasDrift, RuleFinding, SeriesDrift, Status, Window
from clarify.results import (
    AnalysisResult,
    AwsValue,
    BiasSection,
    DatasetDescription,
    Reason,
    ValidationOutcome,
)

WINDOW = Window("2026-11-01T00:00:00Z", "2026-11-02T00:00:00Z")
NOW = {"a": (320, 80, 80, 320), "d": (70, 30, 30, 70)}                # TP, FP, FN, TN


def decided(counts, *, group="0", methods="all", flips=None):
    table = ContingencyTable.from_confusion(**counts)
    return evaluate(table, facet="sex", value_or_threshold=group, stage="post_training", methods=methods, flips=flips)


def analysis(*facets, label="approved") -> AnalysisResult:
    return AnalysisResult(
        config_digest="c",
        dataset=DatasetDescription("rows.csv", "csv", "d", 1000, 3, 1),
        validation=ValidationOutcome(1000, (), ()),
        post_training=BiasSection("post_training", label, "1", facets) if facets else None,
    )


def values(**aws) -> BiasReference:
    """A reference of AWS: values alone."""
    return BiasReference(tuple(
        ReferenceSeries("post_training", "sex", "0", name, AwsValue(value), value) for name, value in aws.items()
    ))


def check(live, reference, *, rule="decision", declared=None, **changes) -> BiasDrift:
    allowed = declared or {}
    terms = {"tolerance": 0.0, "windows_per_month": 30.0, "alarms_per_month": 1.0, "past": (), "key": "rows"}
    return check_bias_drift(
        live, reference, rule=rule, window=WINDOW,
        allowed=lambda facet, group, metric: allowed.get((group, metric), allowed.get(metric)), **(terms | changes),
    )


def of(drift, metric, group="0") -> SeriesDrift:
    return next(s for s in drift.series if (s.metric, s.value_or_threshold) == (metric, group))


# --- sagemaker --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("now", "then", "status"),
    [
        (-0.3, 0.2, Status.VIOLATION),
        (0.1, 0.2, Status.PASS),
        (0.2, -0.2, Status.PASS),
        (0.08, 0.18, Status.PASS),                    # a disparate impact, far worse and not noticed
        (math.inf, 2.9, Status.VIOLATION),
        (math.inf, math.inf, Status.PASS),
        (2.9, -math.inf, Status.PASS),
    ],
)
def test_farther_from_zero_than_the_reference_is_a_violation(now, then, status):
    assert compare_as_aws(AwsValue(now), AwsValue(then)).status is status


@pytest.mark.parametrize(
    ("now", "then", "text"),
    [
        (0.17253086419753086, 0.1308103661044837,
         "Metric value 0.17253086419753086 doesn't meet the baseline constraint requirement 0.1308103661044837"),
        (-math.inf, 2.0, "Metric value -Infinity doesn't meet the baseline constraint requirement 2.0"),
        (1e-7, 0.0, "Metric value 1e-07 doesn't meet the baseline constraint requirement 0.0"),
    ],
)
def test_a_violation_is_told_in_the_words_of_the_service(now, then, text):
    assert compare_as_aws(AwsValue(now), AwsValue(then)).text == text


@pytest.mark.parametrize(
    ("now", "then", "reason", "text"),
    [
        (AwsValue(0.1), None, Reason.NO_REFERENCE, "no such metric in the reference"),
        (AwsValue(0.1), AwsValue(None, "no group"), Reason.NO_REFERENCE, "null in the reference: no group"),
        (AwsValue(None, "no d"), AwsValue(0.1), Reason.EMPTY_FACET, "null in the window: no d"),
        (AwsValue(math.nan), AwsValue(0.1), Reason.EMPTY_FACET, "null in the window"),
    ],
)
def test_what_is_null_is_not_compared_and_says_so(now, then, reason, text):
    finding = compare_as_aws(now, then, undefined=Reason.EMPTY_FACET)

    assert (finding.status, finding.reason, finding.text) == (Status.INCONCLUSIVE, reason, text)


# --- bootstrap_overlap ------------------------------------------------------------------------------------------------


def overlap(metric, reference=None, declared=None) -> RuleFinding:
    known = values(**{metric: reference}) if reference is not None else BiasReference(())
    drift = check(analysis(decided(NOW, methods=(metric,))), known, declared={metric: declared} if declared else None)
    return of(drift, metric).says("bootstrap_overlap")


def test_an_interval_that_meets_the_range_of_the_reference_is_no_violation():
    # RD is .8 - .7 with a standard error of .05: from .00 to .20.
    assert overlap("RD", -0.02).status is Status.PASS


def test_an_interval_beyond_the_range_of_the_reference_is_a_violation():
    # 220 of 1,000 rows are wrong, half of them either way: GE is .11 with a standard error below .01.
    assert overlap("GE", 0.01).status is Status.VIOLATION


def test_a_ratio_may_lie_between_the_reference_and_its_inverse():
    finding = overlap("DI", 0.4)

    assert finding.status is Status.PASS
    assert "[0.4, 2.5]" in finding.text


def test_a_ratio_nearer_to_zero_than_the_reference_is_a_violation():
    live = analysis(decided({"a": (320, 80, 80, 320), "d": (5, 5, 95, 95)}, methods=("DI",)))   # .05 / .5 = .1

    assert of(check(live, values(DI=0.8)), "DI").says("bootstrap_overlap").status is Status.VIOLATION
    assert of(check(live, values(DI=0.8)), "DI").says("sagemaker").status is Status.PASS


def test_the_range_of_the_policy_comes_before_that_of_the_reference():
    assert overlap("RD", 0.5, AllowedRange(-0.9, -0.5)).status is Status.VIOLATION


@pytest.mark.parametrize(("metric", "reference"), [("TE", math.inf), ("DI", 0.0), ("RD", None)])
def test_a_reference_that_makes_no_range_is_undecided(metric, reference):
    finding = overlap(metric, reference)

    assert (finding.status, finding.reason) == (Status.INCONCLUSIVE, Reason.NO_REFERENCE)


# --- all series -------------------------------------------------------------------------------------------------------


def test_every_series_has_the_findings_of_three_rules():
    drift = check(analysis(decided(NOW)), bias_reference(analysis(decided(NOW))))

    assert len(drift.series) == 13
    assert {tuple(f.rule for f in s.findings) for s in drift.series} == {("sagemaker", "bootstrap_overlap", "decision")}


def test_the_alarm_counts_the_series_that_have_a_range():
    # CDDPL has no group variable and FT nobody looked at: 11 of 13.
    drift = check(analysis(decided(NOW)), bias_reference(analysis(decided(NOW))), alarms_per_month=2.0)

    assert drift.alarm_at == 30 * 11 / 2


def test_a_metric_that_was_not_computed_gives_its_own_reason():
    drift = check(analysis(decided(NOW, methods=("FT",))), BiasReference(()), declared={"FT": AllowedRange(-0.1, 0.1)})

    finding = of(drift, "FT").says("decision")
    assert (finding.status, finding.reason) == (Status.INCONCLUSIVE, Reason.NOT_COMPUTED)


def test_a_group_that_is_not_in_the_window_is_undecided_by_every_rule():
    reference = bias_reference(analysis(decided(NOW, methods=("RD",)), decided(NOW, group="1", methods=("RD",))))

    drift = check(analysis(decided(NOW, methods=("RD",))), reference)

    missing = of(drift, "RD", "1")
    assert {(f.status, f.reason) for f in missing.findings} == {(Status.INCONCLUSIVE, Reason.EMPTY_FACET)}
    assert bias_status(drift)[0] is Status.INCONCLUSIVE


def test_what_the_reference_has_and_the_monitor_does_not_ask_for_is_left_out():
    drift = check(analysis(decided(NOW, methods=("RD",))), bias_reference(analysis(decided(NOW))))

    assert [series.metric for series in drift.series] == ["RD"]


def test_a_metric_that_no_catalogue_has_is_passed_over():
    reference = values(RD=0.2, OWN=0.3)

    drift = empty_bias_drift(
        reference, rule="sagemaker", allowed=lambda *_: None, tolerance=0.0, windows_per_month=30.0,
        alarms_per_month=1.0, past=(), window=WINDOW,
    )

    assert {(s.metric, s.says("sagemaker").reason) for s in drift.series} == {
        ("RD", Reason.EMPTY_WINDOW), ("OWN", Reason.EMPTY_WINDOW)
    }


def test_the_counts_of_the_window_are_kept_without_metrics():
    live = decided(NOW)

    drift = check(analysis(live), BiasReference(()))

    assert [(facet.counts, facet.metrics) for facet in drift.counted] == [(live.counts, ())]


def test_another_label_than_the_references_is_pointed_out():
    drift = check(analysis(decided(NOW), label="paid back"), bias_reference(analysis(decided(NOW))))

    assert [(notice.code, notice.field) for notice in drift.notices] == [("DRIFT-LABEL", "post_training.label")]
    assert "paid back" in drift.notices[0].message


def test_a_reference_with_fewer_rows_than_the_window_is_pointed_out():
    small = {"a": (32, 8, 8, 32), "d": (7, 3, 3, 7)}

    drift = check(analysis(decided(NOW)), bias_reference(analysis(decided(small))))

    assert [(notice.code, notice.field) for notice in drift.notices] == [("DRIFT-SMALL-REFERENCE", "sex")]
    assert "200 rows of 0, the reference 20" in drift.notices[0].message
    assert check(analysis(decided(small)), bias_reference(analysis(decided(NOW)))).notices == ()


# --- the window -------------------------------------------------------------------------------------------------------


def window_of(*statuses, rule="decision", source="reference") -> BiasDrift:
    """A window whose series end as given: status, reason and group."""
    return BiasDrift(rule, tuple(
        SeriesDrift("post_training", "sex", group, f"M{i}", 0.1, AwsValue(0.1), AwsValue(0.1), range_from=source,
                    findings=(RuleFinding(rule, status, reason),))
        for i, (status, reason, group) in enumerate(statuses)
    ), (), 30.0, "")


PASSED = (Status.PASS, None, "0")


def undecided(reason, group="0"):
    return Status.INCONCLUSIVE, reason, group


def test_one_violation_makes_a_violation_and_is_named():
    drift = window_of(PASSED, (Status.VIOLATION, Reason.DRIFT, "0"), undecided(Reason.TOO_FEW))

    assert bias_status(drift) == (
        Status.VIOLATION, Reason.DRIFT, "1 of 3 series outside the allowed range: M1 of sex=0"
    )


def test_a_metric_that_this_data_cannot_settle_does_not_keep_a_window_from_passing():
    drift = window_of(PASSED, undecided(Reason.BLIND), undecided(Reason.NO_ROWS), undecided(Reason.BLIND))

    assert bias_status(drift) == (
        Status.PASS, None, "no violation seen: 1 of 4 series pass; 3 undecided (blind 2, no_rows 1)"
    )


@pytest.mark.parametrize("reason", [Reason.TOO_FEW, Reason.EMPTY_FACET, Reason.OVERLAP, Reason.EMPTY_WINDOW])
def test_rows_that_have_not_come_keep_a_window_from_passing(reason):
    status, why, _ = bias_status(window_of(PASSED, PASSED, undecided(reason)))

    assert (status, why) == (Status.INCONCLUSIVE, reason)


def test_a_declared_range_that_is_undecided_keeps_a_window_from_passing():
    drift = window_of(PASSED, undecided(Reason.BLIND), source="policy")

    assert bias_status(drift)[:2] == (Status.INCONCLUSIVE, Reason.BLIND)


def test_a_group_without_one_metric_that_passes_keeps_a_window_from_passing():
    drift = window_of(PASSED, undecided(Reason.BLIND), undecided(Reason.BLIND, group="1"))

    assert bias_status(drift)[:2] == (Status.INCONCLUSIVE, Reason.BLIND)


def test_series_without_a_reference_are_not_judged():
    assert bias_status(window_of(PASSED, undecided(Reason.NO_REFERENCE)))[2].startswith("no violation seen: 1 of 1")
    assert bias_status(window_of(undecided(Reason.NO_REFERENCE)))[:2] == (Status.INCONCLUSIVE, Reason.NOTHING_JUDGED)


def test_each_rule_makes_its_own_status():
    live = analysis(decided(NOW, methods=("RD",)))                     # .1, the reference .09: worse, and near

    found = {rule: bias_status(check(live, values(RD=0.09), rule=rule))[:2]
             for rule in ("sagemaker", "bootstrap_overlap", "decision")}

    assert found == {
        "sagemaker": (Status.VIOLATION, Reason.DRIFT),
        "bootstrap_overlap": (Status.PASS, None),
        "decision": (Status.INCONCLUSIVE, Reason.NOTHING_JUDGED),      # AWS's document has no counts
    }


def test_many_violations_are_named_up_to_five():
    drift = window_of(*[(Status.VIOLATION, Reason.DRIFT, "0")] * 7, rule="sagemaker")

    assert bias_status(drift)[2].endswith("M4 of sex=0 and 2 more")


# --- promises ---------------------------------------------------------------------------------------------------------


def test_the_promise_of_decision_names_budget_windows_and_series():
    promise = bias_promise("decision", windows_per_month=30.0, n_series=21, alarms_per_month=1.0)

    assert promise == (
        "If nothing has left its allowed range, this monitor sends on average at most one false alarm a month, over"
        " all its metrics and facets together, and the noise of the reference is already counted (21 series in 30"
        " windows a month)."
    )


def test_another_budget_is_named():
    assert "at most 2.5 false alarms a month" in bias_promise(
        "decision", windows_per_month=720.0, n_series=2, alarms_per_month=2.5
    )


@pytest.mark.parametrize(("rule", "measured"), [("sagemaker", "about half of the windows"),
                                                ("bootstrap_overlap", "1.2 to 1.8 false alarms in 30 windows")])
def test_other_rules_say_how_often_they_were_wrong(rule, measured):
    assert measured in bias_promise(rule, windows_per_month=30.0, n_series=1, alarms_per_month=1.0)
