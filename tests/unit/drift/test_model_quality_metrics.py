"""Metrics of model quality: AWS's published examples, scikit-learn on random tables, and cases without an answer."""

import math

import numpy as np
import pytest
from sklearn import metrics as peer

from clarify.drift.model_quality import RowGroup, ScoredRows, drawn, measure_quality
from clarify.drift.quality_metrics import (
    MOST_CURVE_POINTS,
    BinaryCounts,
    MeanError,
    Proportion,
    ScoreCounts,
    area_under_curve,
    binary_metrics,
    curves_of,
    multiclass_metrics,
    regression_metrics,
)
from clarify.results import Reason


def values(found):
    return {measured.metric: measured.value for measured in found}


def binary_rows(n=400, seed=1, groups=()):
    draw = np.random.default_rng(seed)
    label = draw.integers(0, 2, n)
    score = np.round(np.clip(draw.normal(0.3 + 0.4 * label, 0.3), 0, 1), 2)      # rounded: scores with ties
    return ScoredRows("BinaryClassification", label, (score > 0.5).astype(np.int64), score, ("0", "1"), groups)


def test_two_classes_give_the_figures_that_aws_publishes_for_its_example():
    # Label 0: predicted 0 once, 1 twice; label 1: predicted 1 once.
    found = values(binary_metrics(BinaryCounts(1, 2, 0, 1)))

    assert found == pytest.approx({
        "recall": 1.0, "precision": 1 / 3, "accuracy": 0.5,
        "recall_best_constant_classifier": 1.0, "precision_best_constant_classifier": 0.25,
        "accuracy_best_constant_classifier": 0.25,
        "true_positive_rate": 1.0, "true_negative_rate": 1 / 3, "false_positive_rate": 2 / 3,
        "false_negative_rate": 0.0,
        "f0_5": 0.3846153846153846, "f1": 0.5, "f2": 0.7142857142857143,
        "f0_5_best_constant_classifier": 0.29411764705882354, "f1_best_constant_classifier": 0.4,
        "f2_best_constant_classifier": 0.625,
    }, rel=1e-15)  # fmt: skip


def test_several_classes_give_the_figures_that_aws_publishes_for_its_example():
    found = values(multiclass_metrics(np.array([[1180, 510], [268, 138]])))

    assert found == pytest.approx({
        "accuracy": 0.6288167938931297, "weighted_recall": 0.6288167938931297,
        "weighted_precision": 0.6983172269629505, "weighted_f0_5": 0.6803947317178771,
        "weighted_f1": 0.6571162346664904, "weighted_f2": 0.6384024354394601,
        "accuracy_best_constant_classifier": 0.19370229007633588,
        "weighted_recall_best_constant_classifier": 0.19370229007633588,
        "weighted_precision_best_constant_classifier": 0.03752057718081697,
        "weighted_f0_5_best_constant_classifier": 0.04473443104152011,
        "weighted_f1_best_constant_classifier": 0.06286421244683643,
        "weighted_f2_best_constant_classifier": 0.10570313141262414,
    }, rel=1e-14)  # fmt: skip


@pytest.mark.parametrize("seed", range(20))
def test_metrics_of_two_classes_are_those_of_scikit_learn(seed):
    rows = binary_rows(seed=seed)

    found = values(measure_quality(rows).overall.metrics)

    label, predicted = rows.label, rows.predicted
    expected = {
        "recall": peer.recall_score(label, predicted),
        "precision": peer.precision_score(label, predicted),
        "accuracy": peer.accuracy_score(label, predicted),
        "true_negative_rate": peer.recall_score(label, predicted, pos_label=0),
        "auc": peer.roc_auc_score(label, rows.score),
        **{name: peer.fbeta_score(label, predicted, beta=b) for name, b in (("f0_5", 0.5), ("f1", 1), ("f2", 2))},
    }
    assert {name: found[name] for name in expected} == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("seed", range(5))
def test_curves_are_those_of_scikit_learn(seed):
    rows = binary_rows(seed=seed)

    found = curves_of(ScoreCounts.of(rows.label, rows.score))

    false, true, _ = peer.roc_curve(rows.label, rows.score, drop_intermediate=False)
    precision, recall, _ = peer.precision_recall_curve(rows.label, rows.score)
    np.testing.assert_allclose(found.false_positive_rates, false, rtol=1e-12)
    np.testing.assert_allclose(found.true_positive_rates, true, rtol=1e-12)
    # The first point has recall 0 in both; scikit-learn gives it precision 1, Spark that of the highest score.
    np.testing.assert_allclose(found.precisions[1:], precision[::-1][1:], rtol=1e-12)
    np.testing.assert_allclose(found.recalls, recall[::-1], rtol=1e-12)
    assert found.precisions[0] == found.precisions[1]


@pytest.mark.parametrize("seed", range(20))
def test_metrics_of_several_classes_are_those_of_scikit_learn(seed):
    draw = np.random.default_rng(seed)
    label, predicted = draw.integers(0, 4, 60), draw.integers(0, 3, 60)          # one class is never predicted
    rows = ScoredRows("MulticlassClassification", label, predicted, classes=("a", "b", "c", "d"))

    statistics = measure_quality(rows)

    found = values(statistics.overall.metrics)
    options = {"average": "weighted", "zero_division": 0}
    assert found["weighted_precision"] == pytest.approx(peer.precision_score(label, predicted, **options), rel=1e-12)
    assert found["weighted_recall"] == pytest.approx(peer.recall_score(label, predicted, **options), rel=1e-12)
    for name, beta in (("weighted_f0_5", 0.5), ("weighted_f1", 1), ("weighted_f2", 2)):
        assert found[name] == pytest.approx(peer.fbeta_score(label, predicted, beta=beta, **options), rel=1e-12)
    assert np.array_equal(statistics.confusion, peer.confusion_matrix(label, predicted, labels=range(4)))


@pytest.mark.parametrize("seed", range(20))
def test_metrics_of_numbers_are_those_of_scikit_learn(seed):
    draw = np.random.default_rng(seed)
    label = draw.normal(50, 10, 300)
    predicted = label + draw.normal(1, 5, 300)

    found = values(regression_metrics(label, predicted))

    assert found == pytest.approx({
        "mae": peer.mean_absolute_error(label, predicted), "mse": peer.mean_squared_error(label, predicted),
        "rmse": peer.root_mean_squared_error(label, predicted), "r2": peer.r2_score(label, predicted),
    }, rel=1e-12)  # fmt: skip


@pytest.mark.parametrize(
    ("counts", "undefined"),
    [
        (BinaryCounts(0, 2, 0, 8), {"recall": Reason.SINGLE_CLASS, "false_negative_rate": Reason.SINGLE_CLASS}),
        (BinaryCounts(8, 0, 2, 0), {"true_negative_rate": Reason.SINGLE_CLASS}),
        (BinaryCounts(0, 0, 3, 7), {"precision": Reason.ZERO_DENOMINATOR}),
        (BinaryCounts(0, 0, 0, 9), {"f1": Reason.ZERO_DENOMINATOR, "f2": Reason.ZERO_DENOMINATOR}),
        (BinaryCounts(0, 0, 0, 0), {"accuracy": Reason.NO_ROWS, "f1": Reason.NO_ROWS}),
    ],
)
def test_a_rate_with_nobody_behind_it_is_undefined_with_its_reason(counts, undefined):
    found = {measured.metric: measured for measured in binary_metrics(counts)}

    assert {name: (found[name].value, found[name].undefined_because) for name in undefined} == {
        name: (None, reason) for name, reason in undefined.items()
    }


@pytest.mark.parametrize("label", [0, 1])
def test_a_window_of_one_class_has_no_area_and_no_curves(label):
    rows = ScoredRows("BinaryClassification", np.full(5, label), np.zeros(5, int), np.linspace(0, 1, 5), ("0", "1"))

    statistics = measure_quality(rows)

    area = next(measured for measured in statistics.overall.metrics if measured.metric == "auc")
    assert (area.value, area.undefined_because) == (None, Reason.SINGLE_CLASS)
    assert statistics.curves is None


def test_a_constant_label_has_no_r2():
    found = {m.metric: m for m in regression_metrics(np.full(4, 2.0), np.array([1.0, 2, 3, 2]))}

    assert (found["r2"].value, found["r2"].undefined_because) == (None, Reason.ZERO_DENOMINATOR)
    assert found["mae"].value == 0.5


def test_the_intervals_of_a_rate_and_of_its_complement_mirror_each_other():
    share, rest = Proportion("r", 30, 100).interval(0.95), Proportion("r", 30, 100, "complement").interval(0.95)

    assert (rest.low, rest.high) == (1 - share.high, 1 - share.low)
    assert share.low < 0.3 < share.high


def test_f1_takes_the_interval_of_the_share_it_is_a_function_of():
    # 2 s / (1 + s): at s = 0.25 it is 0.4.
    share, f1 = Proportion("f1", 25, 100).interval(0.9), Proportion("f1", 25, 100, "f1").interval(0.9)

    assert f1.low == pytest.approx(2 * share.low / (1 + share.low))
    assert f1.low < 0.4 < f1.high


def test_the_area_has_delongs_standard_error_for_a_case_worked_by_hand():
    # Positives .9 and .4, negatives .6 and .1. Of .9 both negatives lie below, of .4 one: area 3/4.
    # Placements 1 and .5 of positives and of negatives: variance .125 each, error sqrt(.125 / 2 + .125 / 2).
    found = area_under_curve(ScoreCounts.of(np.array([1, 1, 0, 0]), np.array([0.9, 0.4, 0.6, 0.1])))

    assert found.value == 0.75
    assert found.bounds.standard_error == pytest.approx(math.sqrt(0.125))
    assert found.bounds.interval(0.95) is None                    # four rows are too few for it


def test_the_error_of_the_area_counts_ties_half_as_pairs_do():
    draw = np.random.default_rng(7)
    label, score = draw.integers(0, 2, 80), draw.integers(0, 6, 80) / 6
    positive, negative = score[label == 1], score[label == 0]
    pairs = (positive[:, None] > negative[None, :]) + 0.5 * (positive[:, None] == negative[None, :])
    of_positives, of_negatives = pairs.mean(axis=1), pairs.mean(axis=0)
    variance = of_positives.var(ddof=1) / len(positive) + of_negatives.var(ddof=1) / len(negative)

    found = area_under_curve(ScoreCounts.of(label, score))

    assert found.value == pytest.approx(pairs.mean(), rel=1e-12)
    assert found.bounds.standard_error == pytest.approx(math.sqrt(variance), rel=1e-12)


def test_the_interval_of_the_area_covers_the_true_one():
    draw = np.random.default_rng(3)
    true = 0.7602499389065233                                     # normal scores one standard deviation apart
    covered = 0
    for _ in range(300):
        label = np.repeat([0, 1], 60)
        found = area_under_curve(ScoreCounts.of(label, draw.normal(label, 1)))
        interval = found.bounds.interval(0.95)
        covered += interval.low <= true <= interval.high

    assert 0.92 <= covered / 300 <= 0.98


def test_a_mean_of_few_errors_has_no_interval():
    assert MeanError("mae", 1.0, 0.1, 29).interval(0.95) is None
    assert MeanError("mae", 1.0, 0.1, 30).interval(0.95).high == pytest.approx(1.0 + 0.1 * 2.045229642132703)


def test_deviations_come_with_200_rows_and_are_the_same_every_time():
    many, few = measure_quality(binary_rows(200)), measure_quality(binary_rows(199))

    assert few.deviations == {}
    assert many.deviations == measure_quality(binary_rows(200)).deviations
    assert {"recall", "accuracy", "auc", "f2"} <= set(many.deviations)


def test_the_deviation_is_that_of_five_draws_of_four_fifths():
    rows = binary_rows(500)
    right = rows.label == rows.predicted

    found = measure_quality(rows).deviations["accuracy"]

    draws = [drawn(500, number) for number in range(5)]
    assert [draw.sum() for draw in draws] == [400] * 5
    assert len({draw.tobytes() for draw in draws}) == 5
    assert found == pytest.approx(np.std([right[draw].mean() for draw in draws], ddof=1), rel=1e-12)


def test_a_group_is_measured_on_its_own_rows():
    members = np.arange(400) % 3 == 0
    rows = binary_rows(groups=(RowGroup("sex=2", members),))

    group = measure_quality(rows).groups[1]

    assert (group.group, group.rows) == ("sex=2", members.sum())
    assert values(group.metrics)["accuracy"] == np.mean((rows.label == rows.predicted)[members])


def test_a_curve_of_many_scores_keeps_its_ends_and_a_bounded_number_of_points():
    draw = np.random.default_rng(0)

    found = curves_of(ScoreCounts.of(draw.integers(0, 2, 5000), draw.random(5000)))

    assert len(found.recalls) == MOST_CURVE_POINTS
    assert (found.false_positive_rates[0], found.true_positive_rates[-1], found.recalls[-1]) == (0, 1, 1)
