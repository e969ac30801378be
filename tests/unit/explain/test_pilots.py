"""What the pilot rows settle, and by which arithmetic."""

import numpy as np
import pytest

from clarify.explain.games import prepare_game
from clarify.explain.pilots import Costs, weigh_pilots


@pytest.mark.parametrize(
    ("sparse_ms", "error_ratio", "given", "pays"),
    [
        # 512 calls of 2 microseconds are 1.024 ms of model.
        (3.0, 0.25, False, True),       # kriging needs three times as many more: 3.07 ms
        (3.2, 0.25, False, False),
        (3.0, 0.10, True, True),        # the calls are fixed: three times the model, and no more
        (3.2, 0.10, True, False),
        (3.2, 0.10, False, True),       # nine times as many calls: 9.2 ms
        (0.1, 0.99, False, False),      # hardly better: .01 ms
        (0.1, 1.5, False, False),
        (50.0, 0.0, False, True),       # no error left at all
    ],
)
def test_sparse_pays_when_it_costs_less_than_the_calls_it_saves(sparse_ms, error_ratio, given, pays):
    costs = Costs(2e-6, sparse_ms / 1000, error_ratio, 512, given)

    assert costs.sparse_pays is pays


def slow(seconds_per_row):
    """Trees in four columns and a slope in the others, with a price a row."""
    from time import perf_counter

    def model(rows):
        end = perf_counter() + seconds_per_row * len(rows)
        answer = np.where(rows[:, 0] > 0, 2.0, -1.0) * (rows[:, 1] > 0.3) * (rows[:, 2] < 0.5) + 0.2 * rows.sum(axis=1)
        while perf_counter() < end:
            pass
        return answer[:, None]

    return model


@pytest.mark.parametrize(("seconds_per_row", "expected"), [(0.0, "kriging"), (2e-4, "sparse")])
def test_a_fast_model_gets_kriging_and_a_slow_one_sparse(seconds_per_row, expected):
    rng = np.random.default_rng(2)
    rows, baseline, model = rng.normal(size=(4, 16)), np.zeros((1, 16)), slow(seconds_per_row)

    fit = weigh_pilots(prepare_game(baseline, model, num_samples=512), rows, model)

    assert fit.game.method == expected
    assert fit.costs is not None
    assert fit.costs.calls == 512
    assert fit.costs.model_row_seconds >= seconds_per_row
    assert 0 < fit.costs.error_ratio < 1


def test_hyper_parameters_depend_on_the_rows_and_not_on_their_order_within_a_design():
    rng = np.random.default_rng(4)
    rows, baseline, model = rng.normal(size=(6, 13)), np.zeros((1, 13)), slow(0.0)
    game = prepare_game(baseline, model, num_samples=200, method="sparse")

    fitted = weigh_pilots(game, rows, model).game
    again = weigh_pilots(game, rows, model).game

    assert fitted.kriging == again.kriging
    assert fitted.sparse == again.sparse
