import math

import pytest

from clarify.bias.contingency import ContingencyTable
from clarify.bias.performance import jeffreys_interval, measure_performance
from clarify.results import Reason


def measures(tp, fp, fn, tn):
    group = ContingencyTable.from_confusion(a=(tp, fp, fn, tn), d=(0, 0, 0, 0)).known().a
    return {measure.name: measure for measure in measure_performance(group)}


def test_every_measure_agrees_with_its_formula():
    found = {name: measure.value for name, measure in measures(20, 5, 7, 18).items()}

    assert found == pytest.approx({
        "Accuracy": 38 / 50,
        "Proportion of Positive Predictions in Labels": 25 / 50,
        "Proportion of Negative Predictions in Labels": 25 / 50,
        "True Positive Rate / Recall": 20 / 27,
        "True Negative Rate / Specificity": 18 / 23,
        "Acceptance Rate / Precision": 20 / 25,
        "Rejection Rate": 18 / 25,
        "Conditional Acceptance": 27 / 25,
        "Conditional Rejection": 23 / 25,
        "F1 Score": 2 * 20 / (2 * 20 + 5 + 7),
    }, abs=1e-15)


def test_accuracy_of_nothing_right_starts_at_zero():
    interval = jeffreys_interval(0, 10)

    assert interval.low == 0.0
    assert interval.high == pytest.approx(0.2171963, abs=1e-6)


def test_accuracy_of_nine_in_ten_agrees_with_the_table():
    interval = jeffreys_interval(9, 10)

    assert [interval.low, interval.high] == pytest.approx([0.6186852, 0.9889883], abs=1e-6)


def test_f1_interval_agrees_with_the_table():
    interval = measures(20, 5, 7, 0)["F1 Score"].interval

    assert [interval.low, interval.high] == pytest.approx([0.6229781, 0.8739331], abs=1e-6)


def test_a_rate_without_rows_has_a_reason_and_no_interval():
    recall = measures(0, 3, 0, 4)["True Positive Rate / Recall"]

    assert (recall.value, recall.interval, recall.undefined_because) == (None, None, Reason.NO_ROWS)


def test_conditional_acceptance_without_positive_predictions_is_unbounded_above():
    acceptance = measures(0, 0, 7, 4)["Conditional Acceptance"]

    assert acceptance.undefined_because is Reason.ZERO_DENOMINATOR
    assert acceptance.interval.high == math.inf
    assert acceptance.interval.low > 1


def test_a_group_of_nobody_has_no_measure():
    assert {measure.undefined_because for measure in measures(0, 0, 0, 0).values()} == {Reason.NO_ROWS}


def test_every_interval_holds_its_value_strictly_inside_when_nothing_is_zero():
    for measure in measures(20, 5, 7, 18).values():
        assert measure.interval.low < measure.value < measure.interval.high


def test_conditional_acceptance_of_many_rows_has_the_interval_of_its_normal_approximation():
    # (TP + FN) / (TP + FP) with TP 8000, FP 2000, FN 2000: log ratio has variance (FP + FN) / ((TP + FP)(TP + FN))
    half = 1.959964 * math.sqrt(4000 / 10_000**2)

    interval = measures(8000, 2000, 2000, 0)["Conditional Acceptance"].interval

    assert [math.log(interval.low), math.log(interval.high)] == pytest.approx([-half, half], rel=5e-3)
