import math

import numpy as np
import pytest
from scipy.special import gammaln
from scipy.stats import hypergeom, ks_2samp

from clarify.drift import distances
from clarify.drift.distances import (
    calibrated_threshold,
    hypergeometric,
    kolmogorov_smirnov,
    largest_share_gap,
    p_value,
    permuted,
    refined_p,
    robust,
    tail_bound,
    total_variation,
)


def counted(values, bins):
    return np.bincount(values, minlength=bins)


@pytest.mark.parametrize("seed", range(20))
def test_ks_is_that_of_the_values_when_every_value_has_its_bin(seed):
    generator = np.random.default_rng(seed)
    reference, window = generator.integers(0, 12, 300), generator.integers(0, 9, 70)

    ours = kolmogorov_smirnov(counted(reference, 12), counted(window, 12))

    assert float(ours) == pytest.approx(ks_2samp(reference, window).statistic, abs=1e-12)


def test_distances_are_those_worked_out_by_hand():
    reference, window = np.array([50, 30, 20]), np.array([6, 1, 3])   # .5 .3 .2 against .6 .1 .3

    assert float(kolmogorov_smirnov(reference, window)) == pytest.approx(0.1)     # .5 - .6, then .8 - .7
    assert float(total_variation(reference, window)) == pytest.approx(0.2)       # (.1 + .2 + .1) / 2
    assert largest_share_gap(reference, window) == pytest.approx(0.2)
    assert robust(0.2, 100, 10) == 0.0                                           # 1.8 * sqrt(110 / 1000) = .597
    assert robust(0.7, 100, 10) == pytest.approx(0.7 - 1.8 * math.sqrt(0.11))


def test_distances_of_one_bin_are_zero():
    reference, window = np.array([5]), np.array([9])

    assert (float(kolmogorov_smirnov(reference, window)), float(total_variation(reference, window))) == (0.0, 0.0)


def test_draws_hold_as_many_rows_as_asked_and_no_more_than_there_are():
    pooled = np.array([3, 0, 40, 7, 1])

    draws = hypergeometric(pooled, 20, draws=500, key="k")

    assert (draws.sum(axis=1) == 20).all()
    assert (draws >= 0).all()
    assert (draws <= pooled).all()


@pytest.mark.parametrize(("size", "total", "n"), [(5, 20, 8), (1, 2, 1), (300, 1_000, 400), (3, 6_000, 1_000)])
def test_draws_of_a_bin_have_the_hypergeometric_distribution(size, total, n):
    n_draws = 40_000

    found = hypergeometric(np.array([size, total - size]), n, draws=n_draws, key="exact")[:, 0]

    law = hypergeom(total, size, n)
    for value in range(size + 1):
        expected = law.cdf(value)
        error = math.sqrt(expected * (1 - expected) / n_draws)
        assert abs(np.mean(found <= value) - expected) <= 5 * error + 5 / n_draws    # the second for far tails


def test_second_bins_keep_their_correlation_with_first_ones():
    pooled, n, n_draws = np.array([30, 50, 20]), 40, 40_000

    draws = hypergeometric(pooled, n, draws=n_draws, key="joint")

    expected = -n * 0.3 * 0.5 * 60 / 99                  # covariance of a multivariate hypergeometric
    covariance = np.cov(draws[:, 0], draws[:, 1])[0, 1]
    assert covariance == pytest.approx(expected, abs=0.15)
    assert draws[:, 2].mean() == pytest.approx(8, abs=0.05)


def test_the_hat_lies_over_every_small_hypergeometric_distribution():
    worst = 0.0
    for total in range(2, 41):
        for size in range(1, total):
            for n in range(1, total):
                x = np.arange(max(0, n - total + size), min(n, size) + 1)
                log_weight = -(gammaln(x + 1) + gammaln(size - x + 1) + gammaln(n - x + 1)
                               + gammaln(total - size - n + x + 1))
                height = np.exp((log_weight - log_weight.max()) / 2)
                share = size / total
                variance = n * share * (1 - share) * (total - n) / (total - 1)
                hat = distances._HAT_SLOPE * math.sqrt(variance + 0.5) + distances._HAT_BASE
                centre = n * share + 0.5
                reach = np.maximum(np.abs(x - centre), np.abs(x + 1 - centre)) * height
                worst = max(worst, float(reach.max()) / (hat / 2))

    assert worst <= 1.0


def test_the_same_key_gives_the_same_splits_and_another_key_others():
    pooled = np.array([10, 20, 30])

    first, again = (hypergeometric(pooled, 20, draws=50, key="a") for _ in range(2))

    assert (first == again).all()
    assert (first != hypergeometric(pooled, 20, draws=50, key="b")).any()


@pytest.mark.parametrize("kind", ["ks", "tvd"])
def test_false_alarms_without_a_change_stay_at_the_level(kind):
    generator, shares, runs = np.random.default_rng(7), np.full(5, 0.2), 300
    alarms = 0
    for run in range(runs):
        reference, window = generator.multinomial(500, shares), generator.multinomial(100, shares)
        splits = permuted(reference, window, kind=kind, key=f"null {run}", draws=199)
        alarms += refined_p(kind, reference, window, splits)[1] <= 0.05

    assert 0.02 <= alarms / runs <= 0.085


@pytest.mark.parametrize("kind", ["ks", "tvd"])
def test_a_shift_of_a_twentieth_of_the_mass_is_seen_at_a_thousand_rows_where_a_tenth_sees_nothing(kind):
    generator, shares, runs = np.random.default_rng(8), np.full(10, 0.1), 60
    moved = shares + np.array([-0.05, 0, 0, 0, 0, 0, 0, 0, 0, 0.05])
    seen = by_a_tenth = 0
    for run in range(runs):
        reference, window = generator.multinomial(5_000, shares), generator.multinomial(1_000, moved)
        splits = permuted(reference, window, kind=kind, key=f"shift {run}", draws=199)
        distance, p = refined_p(kind, reference, window, splits)
        seen += p <= 0.05
        by_a_tenth += (distance if kind == "ks" else largest_share_gap(reference, window)) > 0.1

    assert seen / runs >= 0.85
    assert by_a_tenth == 0


def test_the_p_value_counts_the_data_among_the_splits():
    assert p_value(0.3, np.array([0.1, 0.3, 0.4, 0.2])) == pytest.approx(3 / 5)


def test_a_distance_is_beyond_its_threshold_exactly_when_its_p_is_small_enough():
    reference, window = np.full(8, 100), np.array([40, 20, 20, 20, 20, 20, 30, 30])
    splits = permuted(reference, window, kind="ks", key="t")
    threshold = calibrated_threshold("ks", reference, window, splits, 0.05)

    assert p_value(threshold, splits) > 0.05 or np.count_nonzero(splits >= threshold) >= 49
    assert p_value(threshold + 1e-6, splits) <= 0.05


@pytest.mark.parametrize("kind", ["ks", "tvd"])
def test_the_bound_is_above_the_exact_chance_of_two_bins(kind):
    n, m, size = 200, 800, 300
    law = hypergeom(n + m, size, n)
    marked = np.arange(0, n + 1)
    gaps = np.abs(marked / n - (size - marked) / m)      # KS and TVD of two bins are this gap

    for distance in (0.02, 0.05, 0.1, 0.15, 0.2, 0.3):
        exact = law.pmf(marked)[gaps >= distance - 1e-12].sum()
        assert tail_bound(kind, np.array([size, n + m - size]), n, distance) >= exact * (1 - 1e-9)


@pytest.mark.parametrize("kind", ["ks", "tvd"])
def test_the_bound_is_above_the_share_of_splits_in_many_bins(kind):
    reference, window = np.full(12, 200), np.full(12, 50)
    splits = permuted(reference, window, kind=kind, key="bound", draws=2_000)

    for distance in np.quantile(splits, [0.1, 0.5, 0.9, 0.99]):
        assert tail_bound(kind, reference + window, 600, float(distance)) >= np.mean(splits >= distance) - 0.01


@pytest.mark.parametrize("kind", ["ks", "tvd"])
def test_a_gross_change_has_a_p_below_what_999_splits_can_say(kind):
    reference, window = np.array([500] * 10), np.array([10] * 5 + [190] * 5)

    _, p = refined_p(kind, reference, window, permuted(reference, window, kind=kind, key="gross"))

    assert p < 1e-9


def test_a_threshold_below_a_thousandth_is_where_the_bound_falls_to_it():
    reference, window = np.full(10, 500), np.full(10, 100)
    splits = permuted(reference, window, kind="ks", key="deep")

    threshold = calibrated_threshold("ks", reference, window, splits, 1e-5)

    assert threshold > splits.max()
    assert tail_bound("ks", reference + window, 1_000, threshold) == pytest.approx(1e-5, rel=1e-6)
