"""Global attributions: exact sums, and an error bar that does not pretend that rows are independent."""

from dataclasses import replace
from math import erf, exp, isnan, pi, sqrt

import numpy as np
import pytest

from clarify.explain.aggregate import aggregate_column


def test_exact_rows_give_plain_means_without_error():
    summary = aggregate_column([(np.array([1.0, -3.0]), np.zeros(2)), (np.array([2.0]), np.zeros(1))])

    assert summary.n == 3
    assert summary.mean_abs == 2.0
    assert summary.median == 1.0
    assert summary.mean_sq == pytest.approx(14 / 3)
    assert summary.mean_abs_excess == 0.0
    assert summary.standard_error == 0.0


def test_the_median_keeps_its_sign():
    assert aggregate_column([(np.array([-5.0, -1.0, 9.0]), np.zeros(3))]).median == -1.0


def test_the_error_assumes_a_correlation_of_a_quarter_between_rows():
    errors = np.array([0.3, 0.1])

    summary = aggregate_column([(np.array([1.0, 1.0]), errors)])

    assert summary.standard_error == pytest.approx(sqrt(0.25 * 0.2**2 + 0.75 * (0.09 + 0.01) / 4))


def test_the_error_does_not_vanish_with_many_rows():
    summary = aggregate_column([(np.ones(100_000), np.full(100_000, 0.2))])

    assert summary.standard_error == pytest.approx(0.1, abs=1e-5)


def test_the_excess_is_that_of_a_folded_normal():
    x, s = 0.1, 0.2
    folded = s * sqrt(2 / pi) * exp(-(x**2) / (2 * s**2)) + x * erf(x / (s * sqrt(2)))

    summary = aggregate_column([(np.array([-0.1]), np.array([0.2]))])

    assert summary.mean_abs_excess == pytest.approx(folded - x)
    assert summary.corrected_mean_abs == pytest.approx(2 * x - folded)


def test_correcting_removes_most_of_the_upward_bias_of_noise():
    rng = np.random.default_rng(0)
    truth, errors = rng.normal(size=20_000), np.full(20_000, 0.6)

    summary = aggregate_column([(truth + errors * rng.normal(size=20_000), errors)])

    exact = np.abs(truth).mean()
    assert summary.mean_abs - exact > 0.1
    assert abs(summary.corrected_mean_abs - exact) < 0.6 * (summary.mean_abs - exact)


@pytest.mark.parametrize("n_parts", [1, 2, 7, 64])
def test_any_order_and_partition_gives_the_same_bits(n_parts):
    rng = np.random.default_rng(1)
    values, errors = rng.normal(size=999) * 10.0 ** rng.integers(-9, 9, 999), rng.random(999)
    reference = aggregate_column([(values, errors)])
    order = rng.permutation(999)

    parts = zip(np.array_split(values[order], n_parts), np.array_split(errors[order], n_parts), strict=True)

    assert aggregate_column(parts) == reference


def test_scaling_the_score_scales_the_summary():
    values, errors = np.array([1.0, -2.0, 0.5]), np.array([0.1, 0.4, 0.3])
    once = aggregate_column([(values, errors)])

    eight_times = aggregate_column([(8 * values, 8 * errors)])

    assert eight_times == replace(
        once,
        mean_abs=8 * once.mean_abs,
        median=8 * once.median,
        mean_sq=64 * once.mean_sq,
        mean_abs_excess=8 * once.mean_abs_excess,
        standard_error=8 * once.standard_error,
    )


def test_no_rows_have_no_mean():
    summary = aggregate_column([])

    assert summary.n == 0
    assert isnan(summary.mean_abs)
    assert isnan(summary.standard_error)
