import math

import numpy as np
import pytest
from scipy.special import ndtri
from scipy.stats import binom

from clarify.bias.catalog import BY_NAME, METRICS
from clarify.bias.closed_form import StratifiedDisparity
from clarify.bias.contingency import ContingencyTable
from clarify.bias.evaluate import estimate
from clarify.drift.e_values import (
    ABOVE,
    BELOW,
    DELTAS,
    FACTORS,
    LAMBDAS,
    is_exact,
    log_e_difference,
    log_e_rate,
    log_e_ratio,
    log_e_scores,
    log_e_values,
    n_components,
)
from clarify.results import FlipCounts

DIFFERENCES = ("DPL", "DPPL", "RD", "SD", "DAR", "DRR", "AD")
A_CONFUSION, D_CONFUSION = (40, 12, 25, 83), (12, 5, 9, 24)


def confusion(a=A_CONFUSION, d=D_CONFUSION):
    return ContingencyTable.from_confusion(a=a, d=d).known()


def labels(positives_a, n_a, positives_d, n_d):
    return ContingencyTable.from_labels(
        a=(positives_a, n_a - positives_a), d=(positives_d, n_d - positives_d)
    ).known()


def predictions(positives_a, n_a, positives_d, n_d):
    return confusion(a=(positives_a, 0, 0, n_a - positives_a), d=(positives_d, 0, 0, n_d - positives_d))


def with_strata_and_flips():
    counts = np.zeros((3, 3, 3, 3), dtype=np.int64)
    counts[0, :2, :2, 0], counts[1, :2, :2, 0] = [[50, 10], [20, 30]], [[20, 8], [9, 11]]
    counts[0, :2, :2, 1], counts[1, :2, :2, 1] = [[30, 8], [12, 25]], [[14, 6], [7, 9]]
    table = ContingencyTable(counts, has_predictions=True, has_strata=True).known()
    return table.with_flips(FlipCounts(9, 4, 84))


def mean_over_counts(log_e, p_a, n_a, p_d, n_d):
    """Mean of E over all counts of two facets with true rates p_a and p_d; ``log_e(x_a, x_d)`` broadcasts."""
    x_a, x_d = np.arange(n_a + 1)[:, None], np.arange(n_d + 1)[None, :]
    chance = binom.pmf(x_a, n_a, p_a) * binom.pmf(x_d, n_d, p_d)
    return float(np.sum(chance * np.exp(log_e(x_a, x_d))))


@pytest.mark.parametrize(("x_a", "x_d", "log_e"), [(176, 24, 1.872117), (160, 30, -1.899498), (160, 35, -3.850318)])
def test_the_worked_example_of_a_difference_has_its_log_e_value(x_a, x_d, log_e):
    # Rates before: mid = .8 * .42 + .2 * .32 = .4, so the alternative at .1 + .1 is (.4 + .04, .4 - .16).
    found = log_e_difference(x_a, 400, x_d, 100, 0.1, ABOVE, 0.1, 0.42, 0.32)

    assert float(found) == pytest.approx(log_e, abs=1e-6)


def test_the_null_point_of_the_worked_example_is_the_nearest_rate_pair_on_the_edge():
    # log E is linear in the counts, so differences of it give the null point back: with t_a = .44 and t_d = .24,
    # log E(1, 0) - log E(0, 0) = logit(.44) - logit(A), and likewise for facet d.
    def log_e(x_a, x_d):
        return float(log_e_difference(x_a, 400, x_d, 100, 0.1, ABOVE, 0.1, 0.42, 0.32))

    odds_a = 0.44 / 0.56 * math.exp(log_e(0, 0) - log_e(1, 0))
    odds_d = 0.24 / 0.76 * math.exp(log_e(0, 0) - log_e(0, 1))

    assert odds_a / (1 + odds_a) == pytest.approx(0.4181004, abs=1e-7)
    assert odds_d / (1 + odds_d) == pytest.approx(0.3181004, abs=1e-7)


def test_the_tilted_score_of_three_deviations_has_mean_e_of_six():
    # (e^(.75 - .03125) + e^(1.5 - .125) + e^(3 - .5)) / 3
    log_e = log_e_scores(1 - 0.9986501019683699, LAMBDAS)

    assert float(np.exp(log_e).mean()) == pytest.approx(6.063146, abs=1e-6)


def test_a_score_is_cut_at_four_deviations():
    assert log_e_scores([1e-12, 1 - 1e-12], 1.0).tolist() == [4 - 0.5, -4 - 0.5]


@pytest.mark.parametrize("edge", [-0.6, -0.1, 0.0, 0.1, 0.45])
@pytest.mark.parametrize("side", [ABOVE, BELOW])
@pytest.mark.parametrize("delta", DELTAS)
def test_a_difference_has_mean_e_of_at_most_one_on_and_inside_the_edge(edge, side, delta):
    n_a, n_d = 12, 7

    def log_e(x_a, x_d):
        return log_e_difference(x_a, n_a, x_d, n_d, edge, side, delta, 0.4, 0.3)

    for difference in (edge, edge - side * 0.05, edge - side * 0.2):
        for p_d in np.linspace(max(0, -difference), min(1, 1 - difference), 21):
            p_a = min(max(p_d + difference, 0.0), 1.0)
            assert mean_over_counts(log_e, p_a, n_a, p_d, n_d) <= 1 + 1e-9


@pytest.mark.parametrize("edge", [0.4, 0.8, 1.0, 1.25, 3.0])
@pytest.mark.parametrize("side", [ABOVE, BELOW])
@pytest.mark.parametrize("factor", FACTORS)
def test_a_ratio_has_mean_e_of_at_most_one_on_and_inside_the_edge(edge, side, factor):
    n_a, n_d = 12, 7

    def log_e(x_a, x_d):
        return log_e_ratio(x_a, n_a, x_d, n_d, edge, side, factor, 0.4, 0.3)

    for ratio in (edge, edge * 1.1**-side, edge * 2.0**-side):
        for p_a in np.linspace(0, min(1, 1 / ratio), 21):
            assert mean_over_counts(log_e, p_a, n_a, min(ratio * p_a, 1.0), n_d) <= 1 + 1e-9


def log_e_above_a_difference(x_a, x_d):
    return log_e_difference(x_a, 40, x_d, 10, 0.1, ABOVE, 0.1, 0.45, 0.3)


def log_e_below_a_ratio(x_a, x_d):
    return log_e_ratio(x_a, 40, x_d, 10, 0.8, BELOW, 1.5, 0.45, 0.3)


@pytest.mark.parametrize(("log_e", "rate_d"), [
    (log_e_above_a_difference, lambda rate_a: rate_a - 0.1),
    (log_e_below_a_ratio, lambda rate_a: 0.8 * rate_a),
])
def test_the_mean_e_reaches_one_somewhere_on_the_edge(log_e, rate_d):
    """Otherwise evidence is given away: the null point itself has mean exactly 1."""
    rates_a = np.linspace(0.11, 0.99, 441)

    highest = max(mean_over_counts(log_e, rate_a, 40, rate_d(rate_a), 10) for rate_a in rates_a)

    assert highest == pytest.approx(1.0, abs=1e-4)


@pytest.mark.parametrize("side", [ABOVE, BELOW])
def test_one_rate_has_mean_e_of_one_on_the_edge_and_less_inside(side):
    n, edge, delta = 15, 0.3, 0.1
    counts = np.arange(n + 1)
    log_e = log_e_rate(counts, n, edge, side, delta)

    means = [float(np.sum(binom.pmf(counts, n, p) * np.exp(log_e))) for p in (edge, edge - side * 0.1)]

    assert means[0] == pytest.approx(1.0, abs=1e-12)
    assert means[1] < 1


def test_class_imbalance_is_the_binomial_share_of_facet_d():
    # CI above .2 is a share of facet d below .4; an alternative .1 further out in CI is .05 in the share.
    table = labels(30, 70, 10, 30)

    log_e = log_e_values("CI", table, None, 0.2, None)

    assert log_e[2] == pytest.approx(30 * math.log(0.35 / 0.4) + 70 * math.log(0.65 / 0.6), abs=1e-12)


def test_class_imbalance_takes_a_window_without_facet_d_as_an_observation():
    log_e = log_e_values("CI", labels(30, 70, 0, 0), None, 0.2, None)

    assert log_e[2] == pytest.approx(70 * math.log(0.65 / 0.6), abs=1e-12)


def test_class_imbalance_of_a_window_without_rows_says_nothing():
    assert log_e_values("CI", labels(0, 0, 0, 0), -0.2, 0.2, None) == (0.0,) * 8


@pytest.mark.parametrize("metric", DIFFERENCES)
def test_swapping_the_facets_mirrors_a_difference(metric):
    table, before = confusion(), confusion(a=(50, 10, 22, 90), d=(14, 6, 8, 30))
    swapped = confusion(a=D_CONFUSION, d=A_CONFUSION)
    swapped_before = confusion(a=(14, 6, 8, 30), d=(50, 10, 22, 90))

    above, below = np.split(np.array(log_e_values(metric, table, -0.07, 0.03, before)), 2)
    mirrored_above, mirrored_below = np.split(
        np.array(log_e_values(metric, swapped, -0.03, 0.07, swapped_before)), 2
    )

    assert above == pytest.approx(mirrored_below, abs=1e-9)
    assert below == pytest.approx(mirrored_above, abs=1e-9)


def test_swapping_the_facets_mirrors_the_ratio():
    table, swapped = predictions(90, 150, 20, 50), predictions(20, 50, 90, 150)

    log_e = log_e_values("DI", table, 0.8, 1.25, None)
    mirrored = log_e_values("DI", swapped, 0.8, 1.25, None)

    assert log_e[:4] == pytest.approx(mirrored[4:], abs=1e-9)
    assert log_e[4:] == pytest.approx(mirrored[:4], abs=1e-9)


@pytest.mark.parametrize("metric", ["DPPL", "RD", "DAR", "AD", "SD", "DRR", "DI"])
def test_evidence_grows_on_the_side_where_the_metric_lies(metric):
    # Facet a is right and accepted more often; the sign of each metric is its formula's own.
    table = confusion(a=(400, 50, 100, 450), d=(200, 250, 300, 250))
    value = float(BY_NAME[metric].formula(table))
    high_below_value = log_e_values(metric, table, None, value - 0.15, table)
    low_above_value = log_e_values(metric, table, value + 0.15, None, table)

    assert max(high_below_value[:4]) > 1
    assert high_below_value[4:] == (0.0,) * 4
    assert max(low_above_value[4:]) > 1
    assert low_above_value[:4] == (0.0,) * 4


@pytest.mark.parametrize(("distance", "scale"), [("TVD", 1.0), ("KS", 1.0), ("LP", math.sqrt(2))])
def test_a_distance_is_the_difference_in_labels_in_both_directions(distance, scale):
    table, before = labels(60, 150, 12, 50), labels(55, 140, 20, 60)

    assert log_e_values(distance, table, 0.0, 0.1 * scale, before) == pytest.approx(
        log_e_values("DPL", table, -0.1, 0.1, before), abs=1e-12
    )


# Rows of facet a alone are an observation for the share of facet d (CI) and for all rows together (GE).
@pytest.mark.parametrize("metric", sorted({metric.name for metric in METRICS} - {"CI", "GE"}))
def test_a_facet_without_rows_says_nothing(metric):
    empty = confusion(d=(0, 0, 0, 0)).with_flips(FlipCounts(0, 0, 0))

    assert log_e_values(metric, empty, 0.05, 0.1, None) == (0.0,) * n_components(metric)


@pytest.mark.parametrize("metric", [metric.name for metric in METRICS])
def test_a_side_without_a_limit_says_nothing(metric):
    table = with_strata_and_flips()

    assert log_e_values(metric, table, None, None, None) == (0.0,) * n_components(metric)
    assert log_e_values(metric, table, -math.inf, math.inf, None) == (0.0,) * n_components(metric)


@pytest.mark.parametrize("metric", [metric.name for metric in METRICS])
def test_every_metric_has_its_number_of_finite_components(metric):
    log_e = log_e_values(metric, with_strata_and_flips(), 0.01, 0.02, None)

    assert len(log_e) == n_components(metric) == (8 if is_exact(metric) else 6)
    assert all(math.isfinite(value) for value in log_e)
    assert any(value != 0 for value in log_e)


def test_an_alternative_that_does_not_lie_beyond_the_edge_says_nothing():
    # .95 + .025 = .975 is beyond .95, but the largest difference is .98 and nothing lies beyond .99.
    inside, outside = log_e_difference(9, 10, 1, 10, [0.95, 0.99], ABOVE, 0.025, 0.5, 0.5)

    assert inside != 0
    assert outside == 0


@pytest.mark.parametrize(("low", "high"), [(None, 1.0), (-1.0, None)])
def test_an_edge_that_no_value_lies_beyond_is_no_limit(low, high):
    assert log_e_values("DPL", labels(60, 60, 0, 50), low, high, None) == (0.0,) * 8


def test_stale_rates_change_the_alternative_and_never_the_side():
    table = labels(90, 150, 10, 50)

    fresh = log_e_values("DPL", table, -0.1, 0.1, labels(900, 1500, 100, 500))
    stale = log_e_values("DPL", table, -0.1, 0.1, labels(5, 1500, 1, 500))

    assert fresh[3] > stale[3]
    assert fresh[3] > 2


def test_many_windows_at_once_equal_one_at_a_time():
    rng = np.random.default_rng(0)
    n_a, n_d = rng.integers(0, 50, (2, 40))
    x_a, x_d = rng.binomial(n_a, 0.4), rng.binomial(n_d, 0.3)

    together = log_e_difference(x_a, n_a, x_d, n_d, 0.1, BELOW, 0.05, 0.4, 0.3)

    alone = [float(log_e_difference(*row, 0.1, BELOW, 0.05, 0.4, 0.3)) for row in zip(x_a, n_a, x_d, n_d, strict=True)]
    assert together.tolist() == alone


@pytest.mark.parametrize(("metric", "mean_limit"), [("TE", 1.1), ("DCA", 1.1), ("DCR", 1.1), ("KL", 1.1), ("FT", 1.1)])
def test_tilted_scores_have_a_mean_near_one_on_the_edge(metric, mean_limit):
    rng = np.random.default_rng(7)
    p_a, p_d, n_a, n_d, flips = (0.3, 0.1, 0.1, 0.5), (0.25, 0.15, 0.1, 0.5), 400, 100, (0.1, 0.05, 0.85)
    limit = confusion(*(tuple(round(p * 10**9) for p in facet) for facet in (p_a, p_d)))
    edge = float(BY_NAME[metric].formula(limit.with_flips(FlipCounts(10**8, 5 * 10**7, 10**9))))

    log_e = np.array([
        log_e_values(metric, table, edge if metric != "KL" else None, edge, None)
        for table in (
            confusion(rng.multinomial(n_a, p_a), rng.multinomial(n_d, p_d)).with_flips(
                FlipCounts(*(int(x) for x in rng.multinomial(n_d, flips)[:2]), n_d)
            )
            for _ in range(150)
        )
    ])

    error = np.exp(log_e).std(axis=0) / math.sqrt(len(log_e))
    assert (np.exp(log_e).mean(axis=0) <= mean_limit + 3 * error).all()


def test_the_score_of_the_middle_of_what_the_counts_allow_is_zero():
    table = confusion()
    plausible = estimate(BY_NAME["TE"], table).plausible
    middle = float(np.median(plausible.values))
    log_e = log_e_values("TE", table, middle, middle, None)

    # At z = 0 a tilt L costs L^2 / 2, on both sides alike.
    assert log_e == pytest.approx([-tilt**2 / 2 for tilt in LAMBDAS] * 2, abs=1e-4)


def test_conditional_disparity_takes_its_score_from_its_own_limits():
    table = with_strata_and_flips()
    upper = StratifiedDisparity(table.label_strata).limits(float(-ndtri(0.05)))[1]

    log_e = log_e_values("CDDL", table, None, upper, None)

    # A limit at one-sided level .95 leaves a mass of .95 below it: z = -1.6448536.
    assert log_e[2] == pytest.approx(-1.6448536 - 0.5, abs=1e-5)
