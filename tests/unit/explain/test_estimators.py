"""Exact, kernel and kriging estimators: hand-worked games and the published numbers of the specification."""

from itertools import product
from math import factorial

import numpy as np
import pytest

from clarify.explain.coalitions import design_coalitions
from clarify.explain.estimators.base import BLOCK_ROWS, Estimator
from clarify.explain.estimators.exact import ExactEstimator
from clarify.explain.estimators.kernel import KernelEstimator
from clarify.explain.estimators.kriging import (
    KrigingEstimator,
    KrigingParameters,
    attribution_covariance,
    prior_table,
)


def half_differences(design, v):
    """A block whose only row is the game v: (pairs, players) membership -> values."""
    everybody = np.ones((1, design.n_players), dtype=bool)
    halves = np.concatenate([v(design.members) - v(~design.members), v(everybody) - v(~everybody)]) / 2
    block = np.zeros((1, BLOCK_ROWS, design.n_pairs + 1))
    block[0, 0] = halves
    return block


def first_row(estimates):
    return estimates.values[0, 0], estimates.standard_errors[0, 0]


def complete(n_players):
    return design_coalitions(n_players, 2**n_players - 2, 0)


def glove(members):
    return (members[:, 0] & (members[:, 1] | members[:, 2])).astype(float)


def additive(members):
    return members @ np.arange(1.0, members.shape[1] + 1)


def parity_of_three(members):
    return members[:, :3].sum(axis=1) % 2 * 1.0


def majority(members):
    return (members.sum(axis=1) >= 3) * 1.0


def all_of_the_first_three(members):
    return members[:, :3].all(axis=1) * 1.0


def constant(members):
    return np.full(len(members), 7.0)


# The left glove is pivotal in 4 of 6 orders, each right glove in one.
KNOWN_GAMES = [
    (3, glove, [2 / 3, 1 / 6, 1 / 6]),
    (5, additive, [1, 2, 3, 4, 5]),
    (6, parity_of_three, [1 / 3, 1 / 3, 1 / 3, 0, 0, 0]),
    (5, majority, [0.2] * 5),
    (4, all_of_the_first_three, [1 / 3, 1 / 3, 1 / 3, 0]),
    (4, constant, [0] * 4),
]


@pytest.mark.parametrize(("n_players", "v", "expected"), KNOWN_GAMES)
def test_exact_weights_give_the_shapley_values_of_known_games_without_error(n_players, v, expected):
    design = complete(n_players)

    values, errors = first_row(ExactEstimator.of(design).estimate(half_differences(design, v)))

    assert values.tolist() == pytest.approx(expected, abs=1e-14)
    assert errors.tolist() == [0] * n_players


@pytest.mark.parametrize(("n_players", "v", "expected"), KNOWN_GAMES)
def test_least_squares_on_all_pairs_gives_the_shapley_values_of_known_games(n_players, v, expected):
    design = complete(n_players)

    values, _ = first_row(KernelEstimator.of(design).estimate(half_differences(design, v)))

    assert values.tolist() == pytest.approx(expected, abs=1e-13)


@pytest.mark.parametrize(("n_players", "v", "expected"), KNOWN_GAMES)
def test_kriging_on_all_pairs_is_within_its_nugget_of_the_shapley_values(n_players, v, expected):
    design = complete(n_players)

    estimates = KrigingEstimator.of(design, KrigingParameters(0.1, 10.0, 1e-3)).estimate(half_differences(design, v))

    assert first_row(estimates)[0].tolist() == pytest.approx(expected, abs=2e-4)


def parity_and_a_slope(members):
    """(|S & {0,1,2}| mod 2) + 0.1 * (sum of the numbers in S)."""
    return parity_of_three(members) + 0.1 * (members @ np.arange(6.0))


def test_the_example_game_has_the_published_size():
    block = half_differences(design_coalitions(6, 24, 0), parity_and_a_slope)

    assert np.sqrt(np.square(block[0, 0]).mean()) == pytest.approx(0.68345840, abs=1e-8)


def test_least_squares_gives_the_published_numbers_on_twelve_pairs():
    design = design_coalitions(6, 24, 0)

    values, errors = first_row(KernelEstimator.of(design).estimate(half_differences(design, parity_and_a_slope)))

    assert values.tolist() == pytest.approx(
        [-0.2072885, 0.6894450, 0.6401073, 0.2029021, 0.3196998, 0.8551342], abs=1e-6
    )
    assert errors.tolist() == pytest.approx(
        [0.4932905, 0.3439534, 0.3904937, 0.2566242, 0.3559358, 0.3281519], abs=1e-6
    )


def test_kriging_gives_the_published_numbers_on_twelve_pairs():
    design = design_coalitions(6, 24, 0)
    estimator = KrigingEstimator.of(design, KrigingParameters(0.1, 10.0, 1e-3))

    values, errors = first_row(estimator.estimate(half_differences(design, parity_and_a_slope)))

    assert values.tolist() == pytest.approx(
        [-0.0229532, 0.6946480, 0.5991523, 0.2867474, 0.3247275, 0.6176780], abs=1e-6
    )
    assert errors.tolist() == pytest.approx(
        [0.3857161, 0.2098091, 0.2431834, 0.2178627, 0.2582552, 0.2885658], abs=1e-6
    )


def test_least_squares_is_impossible_with_fewer_pairs_than_players():
    assert KernelEstimator.of(design_coalitions(12, 20, 0)) is None


def test_kriging_hands_additive_rows_to_least_squares():
    design = design_coalitions(10, 26, 0)
    block = half_differences(design, additive)
    block[0, 1] = half_differences(design, parity_of_three)[0, 0]

    estimates = KrigingEstimator.of(design, KrigingParameters(0.1, 10.0, 1e-2)).estimate(block)

    assert estimates.codes[:2].tolist() == [Estimator.KERNEL, Estimator.KRIGING]
    assert estimates.values[0, 0].tolist() == pytest.approx(list(range(1, 11)), abs=1e-12)


def test_an_additive_game_that_is_not_enumerated_keeps_a_small_error():
    design = design_coalitions(10, 100, 0)

    _, errors = first_row(KernelEstimator.of(design).estimate(half_differences(design, additive)))

    assert errors.tolist() == pytest.approx([1e-5 * 10] * 10, rel=1e-6)     # 1e-5 of the largest attribution, 10


def odd_part_from_degree_three(r, z, other):
    """Half of prod(1 + r z z') - prod(1 - r z z') without its linear part."""
    plus, minus = np.prod(1 + r * z * other), np.prod(1 - r * z * other)
    return (plus - minus) / 2 - np.sum(r * z * other)


def shapley_by_definition(n_players, v):
    values = np.zeros(n_players)
    for members in product([False, True], repeat=n_players):
        with_player = np.array(members)
        for player in np.flatnonzero(with_player):
            without = with_player.copy()
            without[player] = False
            s = int(without.sum())
            weight = factorial(s) * factorial(n_players - s - 1) / factorial(n_players)
            values[player] += weight * (v(with_player) - v(without))
    return values


def sign(members):
    return np.where(members, 1.0, -1.0)


@pytest.mark.parametrize("rho", [0.02, 0.2])
def test_prior_is_the_odd_part_of_the_product_kernel_plus_main_effects(rho):
    table, k0 = prior_table(5, KrigingParameters(rho, 3.0, 0.0))
    z, other = np.array([1, 1, -1, 1, -1.0]), np.array([1, 1, 1, 1, 1.0])
    r = np.full(5, rho)

    scale = odd_part_from_degree_three(r, z, z)
    agreement = int(z @ other)
    assert k0 == pytest.approx(scale, rel=1e-9)
    expected = odd_part_from_degree_three(r, z, other) / scale + 3.0 / 5 * agreement
    assert table[agreement + 5] == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("main_effects", [[0, 0, 0, 0], [0.5, 0.3, 0.2, 0.1]])
def test_attribution_covariance_is_the_shapley_value_of_the_prior(main_effects):
    r, m = np.array([0.4, 0.3, 0.2, 0.1]), np.array(main_effects, dtype=float)
    k0 = odd_part_from_degree_three(r, np.ones(4), np.ones(4))
    observed = np.array([True, False, False, False])

    def prior(members):
        z, other = sign(members), sign(observed)
        return odd_part_from_degree_three(r, z, other) / k0 + np.sum(m * z * other)

    covariance = attribution_covariance(sign(observed)[None, :], r, m, k0)[0]

    assert k0 == pytest.approx(0.05, abs=1e-15)
    assert covariance.tolist() == pytest.approx(shapley_by_definition(4, prior).tolist(), abs=1e-12)
    if not m.any():
        assert covariance.tolist() == pytest.approx([0.5866667, 0.4, 0.3466667, 0.1866667], abs=1e-7)


@pytest.mark.parametrize("estimator", ["kernel", "kriging"])
def test_scaling_the_game_scales_values_and_errors_and_a_constant_changes_nothing(estimator):
    design = design_coalitions(9, 60, 2)
    values_by_size = np.random.default_rng(0).normal(size=(9, 10))

    def v(members):
        sizes = members.sum(axis=1)
        return sum(members[:, i] * values_by_size[i, sizes] for i in range(9))

    build = KernelEstimator.of if estimator == "kernel" else lambda d: KrigingEstimator.of(
        d, KrigingParameters(0.05, 10.0, 1e-2)
    )
    values, errors = first_row(build(design).estimate(half_differences(design, v)))
    scaled = first_row(build(design).estimate(half_differences(design, lambda members: 40 * v(members) + 3)))

    assert scaled[0].tolist() == pytest.approx((40 * values).tolist(), rel=1e-9, abs=1e-9)
    assert scaled[1].tolist() == pytest.approx((40 * errors).tolist(), rel=1e-9)


@pytest.mark.parametrize("estimator", ["kernel", "kriging"])
def test_a_constant_game_has_no_attributions_and_no_errors(estimator):
    design = design_coalitions(9, 60, 0)
    build = KernelEstimator.of if estimator == "kernel" else lambda d: KrigingEstimator.of(
        d, KrigingParameters(0.05, 10.0, 1e-2)
    )

    values, errors = first_row(build(design).estimate(half_differences(design, constant)))

    assert not values.any()
    assert not errors.any()
