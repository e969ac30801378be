"""Many baseline rows and few coalitions: each pair is asked on ten of them."""

import numpy as np
import pytest

from clarify.explain.background import background_blocks, n_split_pairs, splits_background
from clarify.explain.estimators.base import Estimator
from clarify.explain.explainer import explain_rows
from clarify.explain.games import prepare_game
from clarify.explain.pilots import fit_pilots


@pytest.mark.parametrize(
    ("n_live", "n_coalitions", "n_baseline", "expected"),
    [
        (20, 79, 100, True),       # fewer than 4 x 20 coalitions
        (20, 80, 100, False),
        (20, 40, 10, False),       # ten rows are a block: nothing to split
        (20, 40, 11, True),
        (6, 20, 100, False),       # 100 pairs on ten rows each, but the game has 31
    ],
)
def test_the_baseline_is_split_when_all_of_it_leaves_too_few_coalitions(n_live, n_coalitions, n_baseline, expected):
    assert splits_background(n_live, n_coalitions, n_baseline) is expected


def test_splitting_keeps_the_number_of_model_rows():
    assert 2 * 10 * n_split_pairs(40, 100) == 40 * 100


def test_blocks_use_every_baseline_row_equally_often_and_fewer_pairs_are_a_prefix():
    blocks = background_blocks(25, 40, 7)

    counts = np.bincount(blocks.ravel(), minlength=25)
    assert blocks.shape == (40, 10)
    assert counts.tolist() == [16] * 25
    assert background_blocks(25, 13, 7).tolist() == blocks[:13].tolist()
    assert background_blocks(25, 40, 8).tolist() != blocks.tolist()


def test_the_average_over_blocks_estimates_the_average_over_the_baseline():
    rng = np.random.default_rng(0)
    baseline, rows = rng.normal(size=(60, 14)), rng.normal(size=(5, 14))
    slopes = np.linspace(-1.0, 2.0, 14)
    calls = []

    def model(x):
        calls.append(len(x))
        return ((x @ slopes) + x[:, 0] * x[:, 1])[:, None]

    game = fit_pilots(prepare_game(baseline, model, num_samples=40), rows, model)
    calls.clear()
    local = explain_rows(game, rows, model)

    # Over the whole baseline: linear terms from the mean, half of the product's change to each of its two players.
    means = baseline.mean(axis=0)
    exact = slopes * (rows - means)
    product = (baseline[:, 0] * baseline[:, 1]).mean()
    exact[:, 0] += 0.5 * (rows[:, 0] * rows[:, 1] - means[0] * rows[:, 1] + rows[:, 0] * means[1] - product)
    exact[:, 1] += 0.5 * (rows[:, 0] * rows[:, 1] + means[0] * rows[:, 1] - rows[:, 0] * means[1] - product)
    assert local.calls.tolist() == [40 * 60] * 5
    assert sum(calls) == 64 + 5 * 40 * 60
    assert (local.estimator == Estimator.KRIGING).all()
    assert np.abs(local.values[:, 0] - exact).max() < 0.5 * np.abs(exact).max()
    inside = np.abs(local.values[:, 0] - exact) <= 1.96 * local.standard_errors[:, 0]
    assert inside.mean() >= 0.85
    assert local.values[:, 0].sum(axis=1) == pytest.approx(local.scores[:, 0] - game.expected_values[0], abs=1e-6)
