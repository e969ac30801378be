"""The sparse estimator: published numbers, a dense solution by definition, and what must not change a row's result."""

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest

from clarify.explain.coalitions import CoalitionDesign, design_coalitions
from clarify.explain.estimators.base import BLOCK_ROWS, Estimator
from clarify.explain.estimators.exact import shapley_weights
from clarify.explain.estimators.kernel import KernelEstimator
from clarify.explain.estimators.kriging import FALLBACK_PARAMETERS, KrigingEstimator
from clarify.explain.estimators.relevance import RelevancePrior, fill_covariance, relevance_prior
from clarify.explain.estimators.sparse import (
    SPARSE_GRID,
    SparseEstimator,
    SparseParameters,
    factorise,
    inverse_diagonal,
    sparse_score,
)
from clarify.explain.estimators.triples import TripleScreen, estimate_triples

PUBLISHED = SparseParameters(power=1.0, total=1.0, main=30.0, nugget=1e-5)


def halves(design, v):
    """Half differences of the game v: (pairs, players) membership -> values; the pair (all, nobody) is last."""
    members = np.vstack([design.members, np.ones((1, design.n_players), dtype=bool)])
    return (v(members) - v(~members)) / 2


def block_of(*rows):
    """A block of rows, each (n_pairs + 1,) or (n_outputs, n_pairs + 1), padded with zero rows."""
    rows = [np.atleast_2d(row) for row in rows]
    block = np.zeros((len(rows[0]), BLOCK_ROWS, rows[0].shape[1]))
    for place, row in enumerate(rows):
        block[:, place] = row
    return block


def sparse_of(design, parameters=PUBLISHED):
    return SparseEstimator.of(design, parameters, KrigingEstimator.of(design, FALLBACK_PARAMETERS))


def random_tree_game(n_players, seed, n_outputs=1):
    """A sum of products of one to four players: members -> (n_coalitions,) or (n_outputs, n_coalitions)."""
    random = np.random.default_rng(seed)
    leaves = [random.choice(n_players, random.integers(1, 5), replace=False) for _ in range(12)]
    heights = random.normal(size=(n_outputs, 12))

    def v(members):
        found = heights @ np.array([members[:, leaf].all(axis=1) for leaf in leaves], dtype=float)
        return found if n_outputs > 1 else found[0]

    return v


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


def parity_and_a_slope(members):
    """(|S & {0,1,2}| mod 2) + 0.1 * (sum of the numbers in S)."""
    return parity_of_three(members) + 0.1 * (members @ np.arange(6.0))


# Published numbers.


def test_sparse_gives_the_published_attributions_on_twelve_pairs():
    design = design_coalitions(6, 24, 0)
    estimator = SparseEstimator.of(design, PUBLISHED, KernelEstimator.of(design))

    estimates = estimator.estimate(block_of(halves(design, parity_and_a_slope)))

    assert estimates.codes[0] == Estimator.SPARSE
    assert estimates.values[0, 0].tolist() == pytest.approx(
        [0.2674587, 0.4903247, 0.5410429, 0.2956379, 0.3722055, 0.5333303], abs=1e-6
    )
    assert estimates.values[0, 0].sum() == pytest.approx(2.5, abs=1e-12)


def test_errors_are_one_and_a_half_times_the_published_ones_on_twelve_pairs():
    design = design_coalitions(6, 24, 0)
    estimator = SparseEstimator.of(design, PUBLISHED, KernelEstimator.of(design))

    estimates = estimator.estimate(block_of(halves(design, parity_and_a_slope)))

    assert (estimates.standard_errors[0, 0] / 1.5).tolist() == pytest.approx(
        [0.0810285, 0.1314059, 0.0524430, 0.0316124, 0.1292241, 0.0906748], abs=1e-6
    )


def test_eight_triples_are_kept_on_twelve_pairs():
    design = design_coalitions(6, 24, 0)
    line = halves(design, parity_and_a_slope)[None, :] / 0.68345840
    prior = relevance_prior(line @ KernelEstimator.of(design).weights, power=1.0, total=1.0, main=30.0)
    factor = factorise(design.signs, prior, 1e-5, np.empty((13, 13)))
    inverse = np.linalg.inv(np.triu(factor))
    coefficients = line @ inverse @ inverse.T
    variances = (line * coefficients).sum(axis=1) / 13

    members = TripleScreen.of(design.signs).strongest(coefficients, variances, prior.correlations, 8)
    triples = estimate_triples(members, np.ascontiguousarray(design.signs.T), factor, coefficients, variances)

    assert len(triples) == 8
    assert triples.members[0].tolist() == [0, 1, 2]


@pytest.mark.parametrize(
    ("n_players", "v", "expected"),
    [
        (3, glove, [2 / 3, 1 / 6, 1 / 6]),
        (5, additive, [1, 2, 3, 4, 5]),
        (6, parity_of_three, [1 / 3, 1 / 3, 1 / 3, 0, 0, 0]),
        (5, majority, [0.2] * 5),
        (4, all_of_the_first_three, [1 / 3, 1 / 3, 1 / 3, 0]),
        (4, constant, [0] * 4),
    ],
)
def test_sparse_on_all_pairs_is_within_its_nugget_of_the_shapley_values(n_players, v, expected):
    design = design_coalitions(n_players, 2**n_players - 2, 0)

    values = sparse_of(design).estimate(block_of(halves(design, v))).values[0, 0]

    assert values.tolist() == pytest.approx(expected, abs=2e-6)


def test_a_parity_of_three_among_twenty_players_is_found_with_512_coalitions_and_fitted_parameters():
    slopes = 0.02 * np.random.default_rng(0).normal(size=20)
    exact = slopes + np.array([1 / 3] * 3 + [0] * 17)
    design = design_coalitions(20, 512, 0)
    row = halves(design, lambda members: parity_of_three(members) + members @ slopes)[None, :]
    kriging = KrigingEstimator.of(design, FALLBACK_PARAMETERS)
    line = row / np.sqrt((row**2).mean())
    fitted = min(SPARSE_GRID, key=lambda one: sparse_score(design, line, line @ kriging.weights, one))

    found = SparseEstimator.of(design, fitted, kriging).estimate(block_of(row)).values[0, 0]

    assert np.linalg.norm(found - exact) < 0.002 * np.linalg.norm(exact)


def test_there_are_72_different_parameters_to_choose_from():
    assert len(set(SPARSE_GRID)) == 3 * 4 * 6


# The prior by definition.


def odd_part_from_degree_three(r, z, other):
    """Half of prod(1 + r z z') - prod(1 - r z z') without its linear part."""
    plus, minus = np.prod(1 + r * z * other, axis=-1), np.prod(1 - r * z * other, axis=-1)
    return (plus - minus) / 2 - np.sum(r * z * other, axis=-1)


def dense_kernel(prior, signs, others):
    """The prior covariance of two lists of coalitions, pair by pair, by its definition."""
    r, m = prior.correlations, prior.main_effects
    z, other = signs[:, None, :], others[None, :, :]
    k0 = odd_part_from_degree_three(r, np.ones(len(r)), np.ones(len(r)))
    return odd_part_from_degree_three(r, z, other) / k0 + np.sum(m * z * other, axis=-1)


def test_prior_of_four_players_worked_by_hand():
    prior = RelevancePrior.of(np.array([0.4, 0.3, 0.2, 0.1]), np.zeros(4))
    signs = np.array([[1, -1, -1, -1], [-1, 1, -1, -1], [1, 1, -1, -1], [1, 1, 1, 1.0]])
    covariance = np.empty((4, 4))

    fill_covariance(covariance, signs, prior, 0.0)

    # k0 = .4*.3*.2 + .4*.3*.1 + .4*.2*.1 + .3*.2*.1
    assert prior.k0 == pytest.approx(0.05, abs=1e-15)
    assert covariance[1, 0] == pytest.approx(0.44, abs=1e-14)
    assert covariance[2, 0] == pytest.approx(-0.68, abs=1e-14)
    assert covariance[3, 0] == pytest.approx(0.76, abs=1e-14)


def test_covariance_is_the_odd_part_of_the_product_kernel_plus_main_effects_and_nuggets():
    random = np.random.default_rng(1)
    signs = np.where(random.random((70, 7)) < 0.5, -1.0, 1.0)
    prior = RelevancePrior.of(random.uniform(0.01, 0.9, 7), random.random(7))
    covariance = np.empty((70, 70))

    fill_covariance(covariance, signs, prior, 0.25)

    expected = dense_kernel(prior, signs, signs) + np.diag([0.25 + 1e-10] * 69 + [1e-9])
    assert np.abs(np.tril(covariance - expected)).max() < 1e-12


def test_variance_of_a_very_weak_odd_part_does_not_cancel():
    prior = RelevancePrior.of(np.full(5, 1e-5), np.zeros(5))

    # Degree 3 and 5 of prod(1 + r): 10 triples and one quintuple.
    assert prior.k0 == pytest.approx(10 * 1e-15 + 1e-25, rel=1e-12)


def test_two_players_have_no_prior_for_there_is_no_third():
    assert not RelevancePrior.of(np.array([0.4, 0.3]), np.zeros(2)).is_proper


def test_relevance_is_pooled_over_outputs_and_sums_to_what_the_parameters_say():
    first_pass = np.array([[3.0, 0.0, 1.0], [4.0, 0.0, -1.0]])

    prior = relevance_prior(first_pass, power=0.5, total=0.6, main=10.0)

    s = np.array([1.003, 0.003, 1 / np.sqrt(12.5) + 0.003])          # sizes sqrt(12.5), 0, 1
    assert prior.correlations.tolist() == pytest.approx((0.6 * np.sqrt(s) / np.sqrt(s).sum()).tolist(), rel=1e-12)
    assert prior.main_effects.tolist() == pytest.approx((10 * s**2 / (s**2).sum()).tolist(), rel=1e-12)


def test_no_correlation_exceeds_nine_tenths():
    prior = relevance_prior(np.array([[1.0, 0.0, 0.0]]), power=1.5, total=4.0, main=1.0)

    assert prior.correlations.max() == 0.9


def test_a_first_pass_without_any_attribution_makes_all_players_alike():
    prior = relevance_prior(np.zeros((1, 4)), power=1.0, total=1.0, main=2.0)

    assert prior.correlations.tolist() == pytest.approx([0.25] * 4)
    assert prior.main_effects.tolist() == pytest.approx([0.5] * 4)


# Triples.


def test_screen_keeps_the_triples_of_largest_score_among_the_forty_most_relevant_players():
    random = np.random.default_rng(2)
    signs = np.where(random.random((30, 45)) < 0.5, -1.0, 1.0)
    coefficients, variances = random.normal(size=(2, 30)), np.array([1.0, 3.0])
    r = random.uniform(0.40, 0.41, 45)              # hardly less relevant, and left out all the same

    kept = TripleScreen.of(signs).strongest(coefficients, variances, r, 12)

    relevant = sorted(np.argsort(-r)[:40].tolist())

    def score(triple):
        q = coefficients @ signs[:, triple].prod(axis=1)
        return np.sqrt((q**2 / variances).mean() * r[list(triple)].prod())

    expected = sorted(sorted(combinations(relevant, 3), key=score)[-12:])
    assert [tuple(triple) for triple in kept.tolist()] == expected


def test_the_first_of_equal_triples_are_kept():
    signs = np.ones((3, 5))

    kept = TripleScreen.of(signs).strongest(np.ones((1, 3)), np.ones(1), np.full(5, 0.1), 3)

    assert kept.tolist() == [[0, 1, 2], [0, 1, 3], [0, 1, 4]]


# One row by definition: dense matrices, no factor, no quadrature.


def all_signs(n_players):
    complete = design_coalitions(n_players, 2**n_players - 2, 0)
    return complete, complete.signs


def dense_estimates(design, lines, first_pass, parameters):
    """Attributions and errors (before 1.5) of lines in units of their rms, from the definitions."""
    m, n, signs = design.n_players, design.n_pairs + 1, design.signs
    prior = relevance_prior(first_pass, power=parameters.power, total=parameters.total, main=parameters.main)
    covariance = dense_kernel(prior, signs, signs) + np.diag([parameters.nugget + 1e-10] * (n - 1) + [1e-9])
    precision = np.linalg.inv(covariance)
    alpha = lines @ precision
    variances = (lines * alpha).sum(axis=1) / n

    triples = list(combinations(range(m), 3))
    products = np.array([signs[:, triple].prod(axis=1) for triple in triples])
    strength = ((products @ alpha.T) ** 2 / variances).mean(axis=1)
    decay = np.array([prior.correlations[list(triple)].prod() for triple in triples])
    kept = np.argsort(-np.sqrt(strength * decay))[: max(8, n // 8)]
    s = np.einsum("tj,jk,tk->t", products, precision, products)
    weights = np.zeros(len(triples))
    weights[kept] = np.maximum(0, (strength[kept] - s[kept]) / s[kept] ** 2)

    # Shapley values of the kernel: of every coalition of all players with every observed one.
    complete, everybody = all_signs(m)
    every_product = np.array([everybody[:, triple].prod(axis=1) for triple in triples])
    with_triples = dense_kernel(prior, everybody, signs) + (every_product.T * weights) @ products
    cross = shapley_weights(complete).T @ with_triples
    precision = np.linalg.inv(covariance + (products.T * weights) @ products)
    influence, alpha = cross @ precision, lines @ precision
    residuals = alpha / np.diag(precision)
    errors = np.sqrt((residuals[:, :-1] ** 2 * design.unsampled_shares) @ (influence[:, :-1] ** 2).T)
    return lines @ influence.T, errors


@pytest.mark.parametrize(
    "parameters", [PUBLISHED, SparseParameters(0.5, 4.0, 3.0, 1e-4), SparseParameters(1.5, 2.0, 30.0, 0.3)]
)
@pytest.mark.parametrize("n_outputs", [1, 3])
def test_a_row_is_what_the_dense_definition_gives(parameters, n_outputs):
    design = design_coalitions(8, 120, 1)
    scales = np.array([[1.0], [50.0], [0.1]])[:n_outputs]
    row = scales * halves(design, random_tree_game(8, 5, n_outputs))
    kriging = KrigingEstimator.of(design, FALLBACK_PARAMETERS)

    found = SparseEstimator.of(design, parameters, kriging).estimate(block_of(row))

    sizes = np.sqrt((row**2).mean(axis=1, keepdims=True))
    values, errors = dense_estimates(design, row / sizes, row / sizes @ kriging.weights, parameters)
    floor = 1e-5 * np.abs(values).max(axis=1, keepdims=True)
    assert np.abs(found.values[:, 0] / sizes - values).max() < 1e-7
    assert np.abs(found.standard_errors[:, 0] / sizes - np.hypot(1.5 * errors, floor)).max() < 1e-7


def test_diagonal_of_the_inverse_is_exact_beyond_one_block():
    random = np.random.default_rng(3)
    root = random.normal(size=(150, 150))
    covariance = root @ root.T + 10 * np.eye(150)
    factor = np.asfortranarray(np.linalg.cholesky(covariance).T)
    factor[np.tril_indices(150, -1)] = np.nan                        # never to be read

    diagonal = inverse_diagonal(factor)

    assert np.abs(diagonal - np.diag(np.linalg.inv(covariance))).max() < 1e-12


# The score of parameters.


def test_score_is_the_log_of_the_weighted_squared_error_of_predicting_each_pair_from_the_others():
    design = design_coalitions(6, 24, 0)
    row = halves(design, random_tree_game(6, 0, 2))
    row /= np.sqrt((row**2).mean(axis=1, keepdims=True))
    first_pass = row @ KernelEstimator.of(design).weights
    parameters = SparseParameters(1.0, 2.0, 3.0, 1e-2)

    score = sparse_score(design, row, first_pass, parameters)

    prior = relevance_prior(first_pass, power=1.0, total=2.0, main=3.0)
    covariance = dense_kernel(prior, design.signs, design.signs) + np.diag([1e-2 + 1e-10] * 12 + [1e-9])
    missed = np.empty((2, 12))
    for pair in range(12):
        others = np.delete(np.arange(13), pair)
        slope = np.linalg.solve(covariance[np.ix_(others, others)], covariance[others, pair])
        missed[:, pair] = row[:, pair] - row[:, others] @ slope
    shares = design.pair_weights / design.pair_weights.sum()
    assert score == pytest.approx(np.log((missed**2 @ shares).mean()), abs=1e-6)


def test_score_leaves_out_outputs_that_do_not_move():
    design = design_coalitions(6, 24, 0)
    row = np.stack([halves(design, parity_and_a_slope) / 0.68345840, np.zeros(13)])
    first_pass = row @ KernelEstimator.of(design).weights

    both = sparse_score(design, row, first_pass, PUBLISHED)

    assert both == sparse_score(design, row[:1], first_pass[:1], PUBLISHED)


def test_score_is_infinite_when_the_covariance_is_not_definite():
    design = design_coalitions(6, 24, 0)
    row = halves(design, parity_and_a_slope)[None, :] / 0.68345840
    first_pass = row @ KernelEstimator.of(design).weights

    assert sparse_score(design, row, first_pass, SparseParameters(1.0, 1.0, 30.0, -40.0)) == np.inf


# What must not change a row's result, and what must.


def test_attributions_sum_to_the_difference_that_the_row_makes():
    design = design_coalitions(20, 512, 0)
    rows = [halves(design, random_tree_game(20, seed)) for seed in range(3)]

    values = sparse_of(design).estimate(block_of(*rows)).values[0]

    for row, attributions in zip(rows, values, strict=False):
        assert abs(attributions.sum() - 2 * row[-1]) <= 1e-8 * np.sqrt((row**2).mean())


def test_a_row_has_the_same_bits_wherever_it_stands_and_whatever_stands_beside_it():
    design = design_coalitions(20, 512, 0)
    estimator = sparse_of(design)
    rows = [halves(design, random_tree_game(20, seed, 2)) for seed in range(4)]
    alone = estimator.estimate(block_of(rows[0]))

    crowded = estimator.estimate(block_of(rows[1], rows[2], np.zeros_like(rows[0]), rows[0], rows[3]))

    assert crowded.values[:, 3].tobytes() == alone.values[:, 0].tobytes()
    assert crowded.standard_errors[:, 3].tobytes() == alone.standard_errors[:, 0].tobytes()
    assert crowded.codes[3] == alone.codes[0]


def test_a_constant_added_to_the_game_changes_nothing_and_scale_scales_values_and_errors():
    design = design_coalitions(9, 60, 2)
    v = random_tree_game(9, 0)
    estimator = sparse_of(design)
    before = estimator.estimate(block_of(halves(design, v)))

    after = estimator.estimate(block_of(halves(design, lambda members: 40 * v(members) + 3)))

    assert after.values[0, 0].tolist() == pytest.approx((40 * before.values[0, 0]).tolist(), rel=1e-7, abs=1e-7)
    assert after.standard_errors[0, 0].tolist() == pytest.approx((40 * before.standard_errors[0, 0]).tolist(), rel=1e-7)


def test_outputs_in_another_order_get_the_same_results_in_that_order():
    design = design_coalitions(12, 128, 0)
    row = halves(design, random_tree_game(12, 4, 3))
    estimator = sparse_of(design)
    before = estimator.estimate(block_of(row))

    after = estimator.estimate(block_of(row[[2, 0, 1]]))

    assert np.abs(after.values[:, 0] - before.values[[2, 0, 1], 0]).max() < 1e-8
    assert np.abs(after.standard_errors[:, 0] - before.standard_errors[[2, 0, 1], 0]).max() < 1e-8


def test_attributions_of_probabilities_that_sum_to_one_sum_to_zero():
    design = design_coalitions(12, 256, 0)
    margins = random_tree_game(12, 1, 3)

    def softmax(members):
        shares = np.exp(2 * margins(members))
        return shares / shares.sum(axis=0)

    values = sparse_of(design).estimate(block_of(halves(design, softmax))).values[:, 0]

    assert np.abs(values.sum(axis=0)).max() <= 1e-6 * np.abs(values).max()


def test_an_output_that_does_not_move_gets_zeros_and_leaves_the_others_alone():
    design = design_coalitions(12, 128, 0)
    row = halves(design, random_tree_game(12, 0, 2))
    estimator = sparse_of(design)
    alone = estimator.estimate(block_of(row))

    found = estimator.estimate(block_of(np.stack([row[0], np.zeros_like(row[0]), row[1]])))

    assert not found.values[1, 0].any()
    assert not found.standard_errors[1, 0].any()
    assert found.values[[0, 2], 0].tobytes() == alone.values[:, 0].tobytes()
    assert found.standard_errors[[0, 2], 0].tobytes() == alone.standard_errors[:, 0].tobytes()


def test_constant_rows_have_no_attributions_and_no_errors():
    design = design_coalitions(9, 60, 0)

    estimates = sparse_of(design).estimate(block_of(halves(design, constant)))

    assert not estimates.values.any()
    assert not estimates.standard_errors.any()


def test_errors_are_never_below_a_hundred_thousandth_of_the_largest_attribution():
    design = design_coalitions(5, 30, 0)

    estimates = sparse_of(design).estimate(block_of(halves(design, majority)))

    # All pairs are asked: nothing is left to sample, and the bars are the floor.
    assert estimates.standard_errors[0, 0].tolist() == pytest.approx([0.2e-5] * 5, rel=1e-4)


# Rows that go elsewhere.


def test_additive_rows_are_handed_to_least_squares():
    design = design_coalitions(10, 26, 0)

    estimates = sparse_of(design).estimate(block_of(halves(design, additive), halves(design, parity_of_three)))

    assert estimates.codes[:2].tolist() == [Estimator.KERNEL, Estimator.SPARSE]
    assert estimates.values[0, 0].tolist() == pytest.approx(list(range(1, 11)), abs=1e-12)


def test_a_row_that_never_becomes_definite_gets_its_first_pass():
    design = design_coalitions(10, 60, 0)
    kriging = KrigingEstimator.of(design, FALLBACK_PARAMETERS)
    block = block_of(halves(design, random_tree_game(10, 0)), halves(design, additive))
    expected = kriging.estimate(block)

    # A negative nugget stays negative when it is raised.
    estimates = SparseEstimator.of(design, SparseParameters(1.0, 1.0, 30.0, -40.0), kriging).estimate(block)

    assert estimates.codes[:2].tolist() == [Estimator.KRIGING, Estimator.KERNEL]
    assert estimates.values.tobytes() == expected.values.tobytes()
    assert estimates.standard_errors.tobytes() == expected.standard_errors.tobytes()


def test_a_covariance_that_is_not_definite_is_tried_again_with_ten_times_the_nugget():
    once = design_coalitions(8, 40, 0)
    design = CoalitionDesign(8, np.repeat(once.members, 2, axis=0))      # every pair twice: singular without a nugget
    kriging = KrigingEstimator.of(design, FALLBACK_PARAMETERS)
    row = halves(design, random_tree_game(8, 3))[None, :]
    size = np.sqrt((row**2).mean())
    prior = relevance_prior(row / size @ kriging.weights, power=1.0, total=1.0, main=1e10)
    room = np.empty((41, 41))
    nuggets = [1e-8 * 10.0**retry for retry in range(4)]
    definite = [factorise(design.signs, prior, nugget, room) is not None for nugget in nuggets]

    def estimate(nugget):
        sparse = SparseEstimator.of(design, SparseParameters(1.0, 1.0, 1e10, nugget), kriging)
        return replace(sparse, judge=None).estimate(block_of(row))

    found = estimate(nuggets[0])

    assert not definite[0]
    assert any(definite)
    assert found.codes[0] == Estimator.SPARSE
    assert found.values.tobytes() == estimate(nuggets[definite.index(True)]).values.tobytes()


def test_fewer_pairs_than_players_are_enough():
    design = design_coalitions(61, 64, 0)
    row = halves(design, random_tree_game(61, 0))

    estimates = sparse_of(design).estimate(block_of(row))

    assert estimates.codes[0] == Estimator.SPARSE
    assert estimates.values[0, 0].sum() == pytest.approx(2 * row[-1], abs=1e-8)
    assert (estimates.standard_errors[0, 0] > 0).all()
