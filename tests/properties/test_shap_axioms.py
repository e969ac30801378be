"""What Shapley values must satisfy whatever the model: over seeded models, rows, baselines and budgets."""

from itertools import combinations
from math import factorial

import numpy as np
import pytest

from clarify.explain.estimators.base import Estimator
from clarify.explain.explainer import explain_rows
from clarify.explain.games import prepare_game
from clarify.explain.pilots import fit_pilots
from clarify.explain.players import Players

SAMPLED_BUDGETS = [20, 40, 64, 300]


def batch_invariant_model(seed, n_outputs=2):
    """A bumpy model of all columns, computed element by element: the same bits in any batch."""
    rng = np.random.default_rng(seed)
    phases, rates = rng.normal(size=(n_outputs, 64)), rng.normal(size=(n_outputs, 64))

    def value(rows):
        outputs = []
        for phase, rate in zip(phases, rates, strict=True):
            total = np.zeros(len(rows))
            for column in range(rows.shape[1]):
                cell = np.where(np.isnan(rows[:, column]), 0.7, rows[:, column])
                total = total + np.sin(cell * rate[column] + phase[column]) + 0.4 * total * cell * rate[column]
            outputs.append(np.tanh(total))
        return np.column_stack(outputs)

    return value


def table(seed, n, n_columns, *, share_missing=0.1):
    """Small integers with missing cells, so that many cells equal the baseline's."""
    rng = np.random.default_rng([seed, n, n_columns])
    rows = rng.integers(-2, 3, (n, n_columns)).astype(np.float64)
    rows[rng.random(rows.shape) < share_missing] = np.nan
    return rows


def explained(value, rows, baseline, **options):
    game = fit_pilots(prepare_game(baseline, value, **options), rows[:12], value)
    return game, explain_rows(game, rows, value)


def shapley_values_by_definition(value, row, baseline, players, output):
    """Sum over coalitions of |S|! (M - |S| - 1)! / M! (v(S + i) - v(S)), with rows built one by one."""
    n_players = len(players)

    def v(coalition):
        synthetic = baseline.copy()
        columns = [column for player in coalition for column in players.columns[player]]
        synthetic[:, columns] = row[columns]
        return value(synthetic)[:, output].mean()

    values = np.zeros(n_players)
    for player in range(n_players):
        others = [other for other in range(n_players) if other != player]
        for size in range(n_players):
            weight = factorial(size) * factorial(n_players - size - 1) / factorial(n_players)
            for coalition in combinations(others, size):
                values[player] += weight * (v((*coalition, player)) - v(coalition))
    return values


@pytest.mark.parametrize(
    ("n_columns", "groups", "n_baseline"),
    [(2, (), 1), (3, (), 2), (4, (), 1), (6, (), 3), (8, ((0, 5), (2, 3)), 2), (7, (), 1), (10, ((1, 9), (3, 4)), 1)],
)
def test_enumeration_equals_the_definition(n_columns, groups, n_baseline):
    value = batch_invariant_model(n_columns)
    rows, baseline = table(1, 3 if n_columns < 7 else 1, n_columns), table(2, n_baseline, n_columns)
    players = Players.grouped(groups, n_columns)

    _, local = explained(value, rows, baseline, players=players)

    assert (local.estimator == Estimator.EXACT).all()
    assert not local.standard_errors.any()
    for position, row in enumerate(rows):
        for output in range(2):
            expected = shapley_values_by_definition(value, row, baseline, players, output)
            assert local.values[position, output] == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("num_samples", [None, *SAMPLED_BUDGETS])
@pytest.mark.parametrize("n_baseline", [1, 3])
def test_attributions_sum_to_the_score_minus_the_expected_value(num_samples, n_baseline):
    value = batch_invariant_model(3)

    game, local = explained(value, table(3, 90, 13), table(4, n_baseline, 13), num_samples=num_samples)

    gap = local.values.sum(axis=2) - (local.scores - game.expected_values)
    assert np.abs(gap).max() <= 1e-12


@pytest.mark.parametrize("num_samples", [None, 64])
def test_with_logits_attributions_sum_to_log_odds(num_samples):
    value = batch_invariant_model(5)

    def probability(rows):
        return 0.5 + 0.5 * value(rows)

    rows, baseline = table(5, 40, 9), table(6, 2, 9)
    game, local = explained(probability, rows, baseline, num_samples=num_samples, use_logit=True)

    p = np.clip(probability(rows), 1e-7, 1 - 1e-7)
    assert local.scores == pytest.approx(np.log(p / (1 - p)), abs=1e-9)
    assert local.values.sum(axis=2) == pytest.approx(local.scores - game.expected_values, abs=1e-9)


@pytest.mark.parametrize("num_samples", SAMPLED_BUDGETS)
def test_a_player_equal_to_the_baseline_gets_exactly_zero(num_samples):
    value = batch_invariant_model(7)
    rows, baseline = table(7, 80, 14, share_missing=0.3), table(8, 1, 14, share_missing=0.3)

    _, local = explained(value, rows, baseline, num_samples=num_samples)

    null = (rows == baseline) | (np.isnan(rows) & np.isnan(baseline))
    assert null.sum() > 100
    assert not local.values.transpose(0, 2, 1)[null].any()
    assert not local.standard_errors.transpose(0, 2, 1)[null].any()


def test_an_unused_feature_gets_nothing_from_an_enumerated_model():
    value = batch_invariant_model(9)

    _, local = explained(lambda rows: value(np.delete(rows, 4, axis=1)), table(9, 30, 8), table(10, 2, 8))

    assert np.abs(local.values[:, :, 4]).max() <= 1e-14


def test_features_the_model_treats_alike_get_equal_attributions():
    value = batch_invariant_model(11)

    def symmetric(rows):
        return value(np.column_stack([rows[:, 0] * rows[:, 1] + rows[:, 0] + rows[:, 1], rows[:, 2:]]))

    rows, baseline = table(11, 30, 8, share_missing=0), table(12, 1, 8, share_missing=0)
    rows[:, 1], baseline[:, 1] = rows[:, 0], baseline[:, 0]
    _, local = explained(symmetric, rows, baseline)

    assert local.values[:, :, 0] == pytest.approx(local.values[:, :, 1], abs=1e-14)


@pytest.mark.parametrize("num_samples", [None, 300])
def test_a_linear_model_gives_its_coefficients_times_the_distance(num_samples):
    rng = np.random.default_rng(13)
    slopes, rows, baseline = rng.normal(size=13), rng.normal(size=(70, 13)), rng.normal(size=(4, 13))

    _, local = explained(lambda x: (x @ slopes)[:, None], rows, baseline, num_samples=num_samples)

    assert local.values[:, 0] == pytest.approx((rows - baseline.mean(axis=0)) * slopes, abs=1e-11)


@pytest.mark.parametrize("num_samples", SAMPLED_BUDGETS)
def test_a_constant_added_to_the_model_changes_nothing(num_samples):
    value = batch_invariant_model(15)
    rows, baseline = table(15, 60, 12), table(16, 1, 12)

    _, local = explained(value, rows, baseline, num_samples=num_samples)
    _, shifted = explained(lambda x: value(x) + 3.0, rows, baseline, num_samples=num_samples)

    assert shifted.values == pytest.approx(local.values, abs=1e-12)
    assert shifted.standard_errors == pytest.approx(local.standard_errors, abs=1e-12)


def test_swapping_outputs_swaps_attributions():
    value = batch_invariant_model(17, n_outputs=3)
    rows, baseline = table(17, 60, 12), table(18, 1, 12)

    _, local = explained(value, rows, baseline, num_samples=64)
    _, swapped = explained(lambda x: value(x)[:, [2, 0, 1]], rows, baseline, num_samples=64)

    assert np.array_equal(swapped.values, local.values[:, [2, 0, 1]])


def test_outputs_that_sum_to_one_get_attributions_that_sum_to_zero():
    value = batch_invariant_model(19, n_outputs=3)

    def softmax(rows):
        odds = np.exp(value(rows))
        return odds / odds.sum(axis=1, keepdims=True)

    for num_samples in (20, 64, None):
        _, local = explained(softmax, table(19, 60, 12), table(20, 1, 12), num_samples=num_samples)
        assert np.abs(local.values.sum(axis=1)).max() <= 1e-12


@pytest.mark.parametrize("method", ["kernel", "kriging", "sparse"])
@pytest.mark.parametrize("num_samples", [64, 300])
def test_intervals_cover_what_they_promise_and_shrink_with_more_coalitions(num_samples, method):
    value = batch_invariant_model(21)
    rows, baseline = table(21, 60, 13), table(22, 1, 13)
    _, exact = explained(value, rows, baseline, num_samples=2**13)

    covered, shrinkage = [], []
    for seed in range(4):
        _, local = explained(value, rows, baseline, num_samples=num_samples, seed=seed, method=method)
        _, finer = explained(value, rows, baseline, num_samples=4 * num_samples, seed=seed, method=method)
        sampled = local.standard_errors > 0
        inside = np.abs(local.values - exact.values) <= 1.96 * local.standard_errors
        covered.append(inside[sampled].mean())
        shrinkage.append(finer.standard_errors.mean() / local.standard_errors.mean())

    assert 0.92 <= np.mean(covered) <= 1.0
    assert max(shrinkage) < 0.7


@pytest.mark.parametrize("num_samples", [None, *SAMPLED_BUDGETS])
@pytest.mark.parametrize("n_parts", [1, 2, 7, 64])
def test_any_order_and_partition_of_the_rows_gives_the_same_bits(num_samples, n_parts):
    value = batch_invariant_model(23)
    rows, baseline = table(23, 130, 13), table(24, 2, 13)
    if num_samples is None:
        rows, baseline = rows[:, :9], baseline[:, :9]
    game, reference = explained(value, rows, baseline, num_samples=num_samples)
    order = np.random.default_rng(n_parts).permutation(len(rows))

    parts = [explain_rows(game, rows[part], value) for part in np.array_split(order, n_parts)]

    for name in ("values", "standard_errors", "scores", "estimator", "calls"):
        pieces = np.concatenate([getattr(part, name) for part in parts])
        assert pieces.tobytes() == getattr(reference, name)[order].tobytes(), name


@pytest.mark.parametrize("max_rows_per_call", [64, 333, 5000])
def test_the_size_of_the_requests_changes_no_bit(max_rows_per_call):
    value = batch_invariant_model(25)
    rows, baseline = table(25, 100, 13), table(26, 3, 13)
    game, reference = explained(value, rows, baseline, num_samples=300)

    local = explain_rows(game, rows, value, max_rows_per_call=max_rows_per_call)

    assert local.values.tobytes() == reference.values.tobytes()
    assert local.standard_errors.tobytes() == reference.standard_errors.tobytes()
