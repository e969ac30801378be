"""Constraints of model quality: which values break them, when an interval decides, and what is promised."""

import numpy as np
import pytest

from clarify.drift.model_quality import GroupQuality, QualityStatistics, ScoredRows, measure_quality
from clarify.drift.quality_metrics import Measured, Proportion
from clarify.drift.quality_rules import (
    Constraint,
    GroupReference,
    KnownQuality,
    QualityBudget,
    QualityReference,
    judge_quality,
    model_quality_status,
    suggest_quality_constraints,
)
from clarify.errors import ConfigError
from clarify.records import Status
from clarify.results import Interval, Reason


def rows(right, n):
    """``right`` of ``n`` rows predicted right, half of the labels positive."""
    label = np.arange(n) % 2
    predicted = np.where(np.arange(n) < right, label, 1 - label)
    return ScoredRows("BinaryClassification", label, predicted, None, ("0", "1"))


def statistics(count, n, metric="accuracy", group=""):
    found = Measured(metric, count / n, Proportion(metric, count, n))
    return QualityStatistics("BinaryClassification", (GroupQuality(group, n, (found,)),))


def reference(threshold, *, operator="LessThanThreshold", metric="accuracy", known=None):
    group = GroupReference("", (Constraint(metric, threshold, operator),), {metric: known} if known else {})
    return QualityReference("BinaryClassification", (group,))


def judged(window, ref, rule="decision", *, alarms=1.0, windows=30.0):
    return judge_quality(window, ref, rule=rule, alarms_per_month=alarms, windows_per_month=windows)


def says(quality, rule):
    return next(finding for finding in quality.findings if finding.rule == rule)


def test_the_violation_is_worded_as_the_service_words_it():
    window = QualityStatistics("BinaryClassification", (GroupQuality("", 9, (Measured("gini", 0.6111),)),))

    quality = judged(window, reference(0.6611, metric="gini"), "sagemaker")

    (violation,) = quality.violations
    assert violation.description == "Metric gini with 0.6111 was LessThanThreshold 0.6611"
    assert (violation.subject, violation.check) == ("gini", "LessThanThreshold")


@pytest.mark.parametrize(
    ("operator", "threshold", "status"),
    [
        ("LessThanThreshold", 0.81, Status.VIOLATION),
        ("LessThanThreshold", 0.80, Status.PASS),
        ("GreaterThanThreshold", 0.79, Status.VIOLATION),
        ("GreaterThanThreshold", 0.80, Status.PASS),
    ],
)
def test_the_services_rule_compares_numbers_and_equality_breaks_nothing(operator, threshold, status):
    quality = judged(statistics(80, 100), reference(threshold, operator=operator), "sagemaker")

    assert model_quality_status(quality)[0] is status


def test_the_same_gap_is_undecided_with_few_rows_and_a_violation_with_many():
    few, many = judged(statistics(70, 100), reference(0.75)), judged(statistics(7000, 10_000), reference(0.75))

    assert (says(few, "decision").status, says(few, "decision").reason) == (Status.INCONCLUSIVE, Reason.TOO_FEW)
    assert (says(many, "decision").status, says(many, "decision").reason) == (Status.VIOLATION, Reason.DRIFT)


def test_a_value_well_on_the_good_side_passes():
    assert says(judged(statistics(900, 1000), reference(0.8)), "decision").status is Status.PASS
    errors = judged(statistics(100, 1000), reference(0.2, operator="GreaterThanThreshold"))
    assert says(errors, "decision").status is Status.PASS


def test_the_level_is_the_months_budget_over_windows_and_different_checks():
    budget = QualityBudget(alarms_per_month=1, windows_per_month=720, checks=10)

    assert budget.interval_level == pytest.approx(1 - 1 / 7200, rel=1e-15)
    assert QualityBudget(1, 4, 1).window_level == 0.05              # a quarter would be no evidence


def test_recall_and_its_other_names_count_as_one_check():
    window = measure_quality(rows(80, 100))

    quality = judged(window, suggest_quality_constraints(window))

    # True positive rate, true negative rate, precision, accuracy and F1: five; .05 / 5 = .01, one window a day: 1/30.
    recall = next(metric for metric in quality.metrics if metric.metric == "recall")
    assert recall.findings[1].text.startswith(f"{100 * (1 - 1 / 30 / 5):.6g} % interval")


def test_a_threshold_that_is_the_references_own_value_carries_its_noise():
    known = KnownQuality(0.75, Interval(0.68, 0.81, 0.99))
    window = statistics(7000, 10_000)

    own, edited = judged(window, reference(0.75, known=known)), judged(window, reference(0.751, known=known))

    assert says(own, "decision").status is Status.PASS              # 0.70 lies within what the reference is known to
    assert says(edited, "decision").status is Status.VIOLATION      # a chosen number is taken as it is


def test_a_change_that_the_references_noise_hides_is_blind():
    # 95 % interval about 0.66 to 0.74: beyond 0.75, on both sides of 0.68.
    quality = judged(statistics(350, 500), reference(0.75, known=KnownQuality(0.75, Interval(0.68, 0.81, 0.99))))

    assert (says(quality, "decision").status, says(quality, "decision").reason) == (Status.INCONCLUSIVE, Reason.BLIND)


def test_what_only_many_checks_leave_undecided_says_so():
    # Alone the 95 % interval of 70 of 100 ends at 0.78; at 1/720 it ends at 0.83.
    quality = judged(statistics(70, 100), reference(0.8), windows=720)

    assert says(quality, "decision").reason is Reason.FAMILY


def test_a_metric_without_an_interval_is_left_to_the_services_rule():
    window = QualityStatistics("BinaryClassification", (GroupQuality("", 500, (Measured("f2", 0.5),)),))

    quality = judged(window, reference(0.9, metric="f2"))

    (metric,) = quality.metrics
    assert [(finding.rule, finding.status) for finding in metric.findings] == [("sagemaker", Status.VIOLATION)]
    assert quality.violations == ()
    assert says(quality, "decision").reason is Reason.NOTHING_JUDGED
    assert quality.notices[0].code == "QUALITY-NO-INTERVAL"


def test_a_groups_drop_is_found_although_all_rows_together_pass():
    accuracy = [Measured("accuracy", k / n, Proportion("accuracy", k, n)) for k, n in ((9000, 10_000), (350, 500))]
    groups = (GroupQuality("", 10_000, (accuracy[0],)), GroupQuality("sex=2", 500, (accuracy[1],)))
    window = QualityStatistics("BinaryClassification", groups)
    of_group = GroupReference("sex=2", (Constraint("accuracy", 0.85, "LessThanThreshold"),))
    ref = QualityReference("BinaryClassification", (reference(0.85).of(""), of_group))

    quality = judged(window, ref)

    assert [violation.subject for violation in quality.violations] == ["accuracy [sex=2]"]
    assert model_quality_status(judged(window, ref, "sagemaker"))[0] is Status.PASS      # the service knows no groups


def test_an_undefined_metric_is_undecided_with_its_reason():
    window = measure_quality(ScoredRows("BinaryClassification", np.zeros(50, int), np.zeros(50, int), None, ("0", "1")))

    quality = judged(window, reference(0.7, metric="recall"))

    assert model_quality_status(quality)[:2] == (Status.INCONCLUSIVE, Reason.SINGLE_CLASS)


def test_a_window_without_a_row_is_empty_and_not_a_pass():
    window = measure_quality(ScoredRows("BinaryClassification", np.zeros(0, int), np.zeros(0, int), None, ("0", "1")))

    status = model_quality_status(judged(window, reference(0.7)))

    assert status == (
        Status.INCONCLUSIVE, Reason.EMPTY_WINDOW, "No row of the window has both a label and a prediction."
    )


def test_suggested_thresholds_are_the_values_measured():
    window = measure_quality(rows(80, 100))

    found = {c.metric: c for c in suggest_quality_constraints(window).of("").constraints}

    assert (found["accuracy"].threshold, found["accuracy"].operator) == (0.8, "LessThanThreshold")
    assert found["false_positive_rate"].operator == "GreaterThanThreshold"
    assert not any(name.endswith("_best_constant_classifier") for name in found)


def test_the_headline_counts_and_names_the_first_violation():
    quality = judged(statistics(7000, 10_000), reference(0.75))

    assert model_quality_status(quality)[2] == (
        "Of 1 check of the model's quality on 10,000 rows, 1 is worse than the constraints allow, none keeps to them;"
        " first accuracy, 0.7 against 0.75."
    )


@pytest.mark.parametrize(
    ("rule", "known", "words"),
    [
        ("decision", None, "at most 1 false alarm a month"),
        ("decision", None, "noise of the reference is not counted"),
        ("decision", KnownQuality(0.7, Interval(0.6, 0.8, 0.99)), "noise of the reference is counted"),
        ("sagemaker", None, "about half of the windows"),
    ],
)
def test_the_promise_says_what_the_rule_holds(rule, known, words):
    assert words in judged(statistics(70, 100), reference(0.7, known=known), rule).promise


def test_the_rule_of_the_paper_is_refused():
    with pytest.raises(ConfigError, match=r"rule: received bootstrap_overlap"):
        judged(statistics(70, 100), reference(0.7), "bootstrap_overlap")


def test_unchanged_models_raise_fewer_false_alarms_than_the_budget_allows():
    draw = np.random.default_rng(8)
    alarms = {"decision": 0, "sagemaker": 0}
    n_windows = 300
    for _ in range(n_windows):
        ref = suggest_quality_constraints(measured(draw, 400))
        window = measured(draw, 400)
        for rule in alarms:
            alarms[rule] += model_quality_status(judged(window, ref, rule))[0] is Status.VIOLATION

    assert alarms["decision"] <= n_windows / 30                      # one a month, thirty windows a month
    assert alarms["sagemaker"] > n_windows / 2


def measured(draw, n):
    label = draw.integers(0, 2, n)
    predicted = np.where(draw.random(n) < 0.8, label, 1 - label)
    return measure_quality(ScoredRows("BinaryClassification", label, predicted, None, ("0", "1")))
