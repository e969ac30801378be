"""Mean attributions by group: sums to the last bit in any order, intervals that cover, gaps with their own."""

import math
from math import sqrt

import numpy as np
import pytest
from scipy.stats import t as student

from clarify.explain.group_effects import compare_groups, exact_terms, merge_sums, sum_groups
from clarify.results import Interval

NOBODY = np.zeros(1)


def effects(d, a, *, errors_d=0.0, errors_a=0.0, centre=0.0):
    """The comparison of one feature in two groups."""
    values = np.array([*d, *a], dtype=float)[:, None]
    members = np.arange(len(values)) < len(d)
    errors = np.where(members, errors_d, errors_a)[:, None]
    centres = np.array([centre])
    totals = sum_groups(np.stack([members, ~members]), values, errors, centres).rounded()
    return compare_groups(totals, centres, ["age"], d=0, a=1)


def test_means_and_the_gap_a_minus_d():
    (found,) = effects([1, 3], [2, 4, 6])

    assert (found.feature, found.mean_d, found.mean_a, found.gap) == ("age", 2.0, 4.0, 2.0)


def test_intervals_are_those_of_student_with_the_freedom_of_the_smaller_group():
    (found,) = effects([1, 3], [2, 4, 6])

    of_d, of_a = 2 / 2, 4 / 3                                # sample variance over rows
    reaches = [student.ppf(0.975, 1) * sqrt(of_d), student.ppf(0.975, 2) * sqrt(of_a)]
    reaches.append(student.ppf(0.975, 1) * sqrt(of_d + of_a))
    for interval, middle, reach in zip(
        (found.interval_d, found.interval_a, found.interval), (2, 4, 2), reaches, strict=True
    ):
        assert (interval.low, interval.high) == pytest.approx((middle - reach, middle + reach), rel=1e-9)
        assert interval.level == 0.95


def test_a_quarter_of_the_mean_error_squared_is_shared_by_all_rows_of_a_group():
    many = np.tile([-1.0, 1.0], 5_000)

    (exact,), (estimated,) = effects(many, many), effects(many, many, errors_d=0.2, errors_a=0.1)

    rows = 1 / 9_999
    assert exact.interval.high == pytest.approx(1.96 * sqrt(2 * rows), rel=1e-3)
    assert estimated.interval_d.high == pytest.approx(1.96 * sqrt(rows + 0.25 * 0.04), rel=1e-3)
    assert estimated.interval.high == pytest.approx(1.96 * sqrt(2 * rows + 0.25 * (0.04 + 0.01)), rel=1e-3)


@pytest.mark.parametrize(("n_d", "n_a", "spread_d"), [(2, 40, 1.0), (5, 12, 4.0), (37, 963, 1.0)])
def test_intervals_of_normal_attributions_cover_at_least_as_often_as_they_say(n_d, n_a, spread_d):
    n_features = 4_000                                      # as many repetitions
    draw = np.random.default_rng(n_d)
    values = np.concatenate([
        draw.normal(0.3, spread_d, (n_d, n_features)), draw.normal(0.1, 1.0, (n_a, n_features))
    ])
    members = np.arange(n_d + n_a) < n_d
    centres = np.zeros(n_features)

    sums = sum_groups(np.stack([members, ~members]), values, np.zeros_like(values), centres)
    found = compare_groups(sums.rounded(), centres, [""] * n_features, d=0, a=1)

    covered = np.mean([effect.interval.low <= -0.2 <= effect.interval.high for effect in found])
    assert covered > 0.94
    assert np.mean([effect.interval_d.low <= 0.3 <= effect.interval_d.high for effect in found]) > 0.94


@pytest.mark.parametrize(("d", "a"), [([1.0], [1.0, 2.0]), ([1.0, 2.0], [3.0]), ([], [1.0, 2.0]), ([], [])])
def test_a_side_with_fewer_than_two_rows_is_not_compared(d, a):
    assert effects(d, a) == ()


def test_a_feature_that_never_moves_has_no_gap_and_no_doubt():
    (found,) = effects([0.0] * 4, [0.0] * 9)

    assert found.gap == 0.0
    assert found.interval == Interval(0.0, 0.0)


def test_equal_attributions_far_from_zero_have_no_variance_when_the_centre_is_near():
    (found,) = effects([0.1] * 7, [0.1] * 5, centre=0.1)

    assert found.interval_d == Interval(0.1, 0.1)


def test_the_centre_changes_nothing_that_is_seen():
    values = np.random.default_rng(1).normal(size=30)

    (plain,), (centred,) = effects(values[:10], values[10:]), effects(values[:10], values[10:], centre=0.4)

    assert centred.gap == pytest.approx(plain.gap, abs=1e-14)
    assert centred.interval.high == pytest.approx(plain.interval.high, abs=1e-12)


def test_a_feature_whose_squares_overflow_is_left_out_alone():
    values = np.array([[1.0, 1e200], [2.0, 1.0], [3.0, 2.0], [4.0, 3.0]])
    members = np.array([[True, True, False, False], [False, False, True, True]])

    with np.errstate(over="ignore"):
        totals = sum_groups(members, values, np.zeros_like(values), np.zeros(2)).rounded()
    found = compare_groups(totals, np.zeros(2), ["small", "huge"], d=0, a=1)

    assert [effect.feature for effect in found] == ["small"]
    assert found[0].gap == 2.0


# --- exact sums -------------------------------------------------------------------------------------------------------


def wild(n, n_columns, seed=0):
    draw = np.random.default_rng(seed)
    return draw.normal(size=(n, n_columns)) * 10.0 ** draw.integers(-12, 12, (n, n_columns))


def test_terms_add_up_to_the_exact_sum():
    values = wild(700, 5)
    weights = (np.random.default_rng(1).random((3, 700)) < 0.4).astype(float)

    terms = exact_terms(values, weights)

    for group in range(3):
        for column in range(5):
            exact = math.fsum(values[weights[group] == 1, column])
            assert math.fsum(terms[:, group, column]) == exact


@pytest.mark.parametrize("values", [[5e-324, 1e-310, 0.0], [1e288, -1e288, 1e-300], [0.1] * 10], ids=str)
def test_terms_are_exact_at_the_ends_of_the_numbers(values):
    terms = exact_terms(np.array(values)[:, None], np.ones((1, len(values))))

    assert math.fsum(terms.ravel()) == math.fsum(values)


def test_sums_do_not_depend_on_order_or_partition_to_the_last_bit():
    values, errors = wild(1_000, 4), np.abs(wild(1_000, 4, seed=9))
    members = np.random.default_rng(2).random((2, 1_000)) < 0.5
    centres = np.array([0.1, 0.2, 0.3, 0.4])
    order = np.random.default_rng(3).permutation(1_000)

    def total(rows, size):
        pieces = [rows[start : start + size] for start in range(0, 1_000, size)]
        parts = [sum_groups(members[:, piece], values[piece], errors[piece], centres) for piece in pieces]
        return merge_sums(parts).rounded()

    whole, pieces = total(np.arange(1_000), 1_000), total(order, 7)
    assert np.array_equal(whole.values, pieces.values)
    assert np.array_equal(whole.rows, pieces.rows)


def test_rows_that_are_in_no_group_count_nowhere():
    totals = sum_groups(np.array([[True, False], [False, False]]), np.array([[2.0], [9.0]]), np.zeros((2, 1)), NOBODY)

    assert totals.rounded().values[0].tolist() == [[2.0], [0.0]]
    assert totals.rows.tolist() == [1, 0]


def test_no_rows_add_up_to_zero():
    sums = sum_groups(np.zeros((2, 0), dtype=bool), np.zeros((0, 3)), np.zeros((0, 3)), np.zeros(3))

    assert sums.rounded().values.tolist() == [[[0.0] * 3] * 2] * 3
