"""explain_rows: what it asks, what it answers, and what it refuses."""

import pickle

import numpy as np
import pytest

from clarify.errors import BadPrediction, ConfigError, DataError, EndpointUnavailable, Problem
from clarify.explain.budget import Outcome
from clarify.explain.estimators.base import Estimator
from clarify.explain.estimators.kriging import FALLBACK_PARAMETERS
from clarify.explain.explainer import explain_rows
from clarify.explain.games import prepare_game
from clarify.explain.pilots import fit_pilots
from clarify.explain.players import Players


def one_output(function):
    return lambda rows: function(rows)[:, None]


def bumpy(rows):
    """Element by element, column after column: the same bits in any batch."""
    total = np.zeros(len(rows))
    for column in range(rows.shape[1]):
        total = total + np.sin(rows[:, column] * (column + 1)) + 0.3 * total * rows[:, column]
    return total


class Recorder:
    """A model that remembers the requests it got."""

    def __init__(self, function):
        self.function = function
        self.requests = []

    def __call__(self, rows):
        self.requests.append(rows.copy())
        return self.function(rows)


def rows_of(n, n_columns, seed=0):
    return np.random.default_rng(seed).normal(size=(n, n_columns))


def test_a_linear_model_gives_its_coefficients_times_the_distance_from_the_baseline():
    slopes = np.array([1.5, -2.0, 0.0, 4.0])
    baseline = np.array([[1.0, 1.0, 1.0, 1.0]])
    rows = np.array([[2.0, 3.0, 4.0, 5.0], [0.0, 1.0, -1.0, 2.0]])
    model = one_output(lambda x: x @ slopes + 10)

    explained = explain_rows(prepare_game(baseline, model), rows, model)

    assert explained.values[:, 0] == pytest.approx((rows - baseline) * slopes, abs=1e-12)
    assert explained.scores[:, 0] == pytest.approx(rows @ slopes + 10)


def test_rows_without_or_with_one_live_player_need_no_coalitions():
    baseline = np.array([[1.0, np.nan, 3.0]])
    rows = np.array([[1.0, np.nan, 3.0], [1.0, np.nan, 8.0]])
    model = one_output(lambda x: x[:, 0] + x[:, 2] ** 2)

    explained = explain_rows(prepare_game(baseline, model), rows, model)

    assert explained.values[:, 0].tolist() == [[0, 0, 0], [0, 0, 64 - 9]]
    assert explained.calls.tolist() == [0, 0]
    assert explained.estimator.tolist() == [Estimator.EXACT, Estimator.EXACT]


def test_the_budget_decides_between_enumeration_least_squares_and_kriging():
    baseline = np.zeros((1, 12))
    rows = rows_of(4, 12)
    rows[0, 4:] = 0       # 4 live: 14 coalitions, all asked
    rows[1, 5:] = 0       # 5 live: 30 coalitions, 26 asked, 13 pairs >= 2 * 5
    rows[2, 7:] = 0       # 7 live: 13 pairs < 2 * 7
    model = one_output(bumpy)
    game = fit_pilots(prepare_game(baseline, model, num_samples=27, method="kernel"), rows, model)

    explained = explain_rows(game, rows, model)

    assert [Estimator(code).name for code in explained.estimator] == ["EXACT", "KERNEL", "KRIGING", "KRIGING"]
    assert explained.calls.tolist() == [14, 26, 26, 26]
    assert not explained.standard_errors[0].any()
    assert (explained.standard_errors[1, 0, :5] > 0).all()
    assert not explained.standard_errors[1, 0, 5:].any()


@pytest.mark.parametrize(("n_players", "expected"), [(5, 30), (10, 1022), (11, 2046), (12, 2072), (20, 2088)])
def test_default_budget_is_the_rule_of_the_shap_library(n_players, expected):
    game = prepare_game(np.zeros((1, n_players)), one_output(bumpy))

    assert game.budget.largest(n_players) == expected


def test_calls_count_every_baseline_row_of_every_coalition():
    model = Recorder(one_output(bumpy))
    game = prepare_game(rows_of(3, 6, seed=1), model, num_samples=20, method="kernel")
    model.requests.clear()
    game = fit_pilots(game, rows_of(1, 6), one_output(bumpy))

    explained = explain_rows(game, rows_of(40, 6), model)

    assert explained.calls.tolist() == [60] * 40
    asked_for_rows = 64       # 40 rows, padded
    assert sum(len(request) for request in model.requests) == asked_for_rows + 40 * 60


def test_several_baseline_rows_are_averaged_before_the_link():
    baseline = np.array([[0.0, 0.0], [1.0, 1.0]])
    rows = np.array([[2.0, 3.0]])

    def probability(x):
        return (0.1 + 0.1 * x[:, :1] * x[:, 1:] + 0.05 * x[:, :1])

    def logit(p):
        return np.log(p / (1 - p))

    game = prepare_game(baseline, probability, use_logit=True)
    explained = explain_rows(game, rows, probability)

    empty, full = logit((0.1 + 0.25) / 2), logit(0.1 + 0.6 + 0.1)
    only_first = logit(((0.1 + 0 + 0.1) + (0.1 + 0.2 + 0.1)) / 2)
    only_second = logit((0.1 + (0.1 + 0.3 + 0.05)) / 2)
    first = (only_first - empty + full - only_second) / 2
    assert game.expected_values[0] == pytest.approx(empty)
    assert explained.scores[0, 0] == pytest.approx(full)
    assert explained.values[0, 0].tolist() == pytest.approx([first, full - empty - first])


def test_logits_are_clipped_away_from_infinity():
    model = one_output(lambda x: (x[:, 0] > 0) * 1.0)

    explained = explain_rows(prepare_game(np.array([[0.0]]), model, use_logit=True), np.array([[1.0]]), model)

    assert explained.values[0, 0, 0] == pytest.approx(2 * np.log((1 - 1e-7) / 1e-7))


def test_a_declared_group_plays_as_one_player():
    model = one_output(lambda x: x[:, 0] * x[:, 1] + 5 * x[:, 2])
    players = Players.grouped([(0, 1)], n_columns=3)

    explained = explain_rows(prepare_game(np.zeros((1, 3)), model, players=players), np.array([[2.0, 3, 4]]), model)

    assert explained.values[0, 0].tolist() == pytest.approx([6, 20])


def test_outputs_are_explained_together_as_they_would_be_alone():
    baseline, rows = np.zeros((1, 14)), rows_of(30, 14)
    outputs = [bumpy, lambda x: bumpy(x[:, ::-1])]
    both = lambda x: np.column_stack([f(x) for f in outputs])   # noqa: E731

    together = explain_rows(prepare_game(baseline, both, num_samples=64, method="kernel"), rows, both)

    for position, function in enumerate(outputs):
        model = one_output(function)
        alone = explain_rows(prepare_game(baseline, model, num_samples=64, method="kernel"), rows, model)
        assert np.array_equal(together.values[:, position], alone.values[:, 0])
        assert np.array_equal(together.standard_errors[:, position], alone.standard_errors[:, 0])


@pytest.mark.parametrize("max_rows_per_call", [64, 100, 12_000])
def test_requests_hold_64_rows_to_the_maximum_and_whole_pairs(max_rows_per_call):
    model = Recorder(one_output(bumpy))
    baseline, rows = np.zeros((1, 9)), rows_of(70, 9)
    rows[:20, 6:] = 0
    game = prepare_game(baseline, model, num_samples=150, method="kernel")

    explained = explain_rows(game, rows, model, max_rows_per_call=max_rows_per_call)

    assert all(64 <= len(request) <= max_rows_per_call for request in model.requests)
    unlimited = explain_rows(game, rows, model)
    assert np.array_equal(explained.values, unlimited.values)


def test_a_short_request_is_padded_by_its_last_row():
    model = Recorder(one_output(bumpy))

    game = prepare_game(np.array([[1.0, 2.0], [3.0, 4.0]]), model)

    (request,) = model.requests
    assert request.shape == (64, 2)
    assert (request[1:] == [3.0, 4.0]).all()
    assert game.expected_values[0] == pytest.approx((bumpy(request[:1])[0] + bumpy(request[1:2])[0]) / 2)


def test_more_baseline_rows_than_a_request_holds_travel_together():
    model = Recorder(one_output(bumpy))
    baseline, rows = rows_of(90, 4, seed=3), rows_of(2, 4)
    game = prepare_game(baseline, model)

    explained = explain_rows(game, rows, model, max_rows_per_call=64)

    reference = explain_rows(game, rows, model)
    assert max(len(request) for request in model.requests[2:]) >= 180
    assert explained.values == pytest.approx(reference.values, abs=1e-12)


def test_no_rows_give_no_attributions():
    game = prepare_game(np.zeros((1, 3)), one_output(bumpy))

    explained = explain_rows(game, np.empty((0, 3)), one_output(bumpy))

    assert explained.values.shape == (0, 1, 3)
    assert explained.scores.shape == (0, 1)


def test_a_game_survives_pickling():
    model = one_output(bumpy)
    game = fit_pilots(prepare_game(np.zeros((1, 12)), model, num_samples=20), rows_of(12, 12), model)

    shipped = pickle.loads(pickle.dumps(game))

    assert np.array_equal(
        explain_rows(shipped, rows_of(5, 12), model).values, explain_rows(game, rows_of(5, 12), model).values
    )


def test_an_error_of_the_endpoint_passes_through():
    game = prepare_game(np.zeros((1, 3)), one_output(bumpy))

    def down(rows):
        raise EndpointUnavailable(Problem("ENDPOINT-DOWN", "endpoint", "refused", "an answer"))

    with pytest.raises(EndpointUnavailable, match="ENDPOINT-DOWN"):
        explain_rows(game, rows_of(2, 3), down)


def test_an_answer_of_the_wrong_shape_is_refused():
    with pytest.raises(BadPrediction, match=r"predictions: received shape \(64,\) .*SHAP-SCORE-SHAPE"):
        prepare_game(np.zeros((1, 3)), bumpy)


def test_a_row_whose_mixtures_have_no_finite_answer_fails():
    game = prepare_game(np.ones((1, 3)), one_output(lambda x: 1 / x[:, 0] + x[:, 1] + x[:, 2]))

    with np.errstate(divide="ignore"):
        local = explain_rows(game, np.array([[0.0, 2.0, 3.0], [2.0, 2.0, 3.0]]), one_output(
            lambda x: 1 / x[:, 0] + x[:, 1] + x[:, 2]))

    assert local.outcome.tolist() == [Outcome.FAILED, Outcome.EXACT]
    assert np.isnan(local.values[0]).all()
    assert local.values[1, 0].tolist() == pytest.approx([-0.5, 1.0, 2.0])


def test_a_changing_number_of_outputs_is_refused():
    game = prepare_game(np.zeros((1, 3)), one_output(bumpy))

    with pytest.raises(BadPrediction, match=r"received 3 outputs .*SHAP-OUTPUTS"):
        explain_rows(game, rows_of(2, 3), lambda x: x)


def test_logit_of_a_margin_is_refused():
    with pytest.raises(BadPrediction, match=r"use_logit: received scores from -2 to -2 .*SHAP-NOT-A-PROBABILITY"):
        prepare_game(np.zeros((1, 3)), one_output(lambda x: x[:, 0] - 2), use_logit=True)


def test_rows_with_other_columns_are_refused():
    game = prepare_game(np.zeros((1, 3)), one_output(bumpy))

    with pytest.raises(DataError, match=r"dataset: received shape \(2, 4\) .*SHAP-COLUMNS"):
        explain_rows(game, rows_of(2, 4), one_output(bumpy))


def test_an_empty_baseline_is_refused():
    with pytest.raises(DataError, match=r"methods.shap.baseline: received shape \(0, 3\) .*SHAP-BASELINE"):
        prepare_game(np.empty((0, 3)), one_output(bumpy))


def test_every_number_out_of_range_is_named_at_once():
    with pytest.raises(ConfigError) as caught:
        prepare_game(np.zeros((1, 3)), one_output(bumpy), num_samples=1, seed=-4)

    assert [(p.field, p.received) for p in caught.value.problems] == [
        ("methods.shap.num_samples", "1"),
        ("methods.shap.seed", "-4"),
    ]


def test_too_small_requests_are_refused():
    with pytest.raises(ConfigError, match=r"max_rows_per_call: received 63 .*SHAP-ROWS-PER-CALL"):
        prepare_game(np.zeros((1, 3)), one_output(bumpy), max_rows_per_call=63)


def test_kriging_without_pilots_is_refused():
    game = prepare_game(np.zeros((1, 12)), one_output(bumpy), num_samples=20)

    with pytest.raises(ConfigError, match=r"received 20 coalitions for 12 live players.*SHAP-NO-PILOTS"):
        explain_rows(game, rows_of(1, 12), one_output(bumpy))


def test_pilots_are_not_asked_when_no_row_can_need_kriging():
    model = Recorder(one_output(bumpy))
    game = prepare_game(np.zeros((1, 12)), model, num_samples=48, method="kernel")
    model.requests.clear()

    assert not game.may_need_pilots
    assert fit_pilots(game, rows_of(12, 12), model) is game
    assert model.requests == []


def test_pilots_without_a_game_to_krige_leave_the_fallback():
    model = one_output(bumpy)
    game = prepare_game(np.zeros((1, 12)), model, num_samples=20)

    assert fit_pilots(game, np.zeros((3, 12)), model).kriging == FALLBACK_PARAMETERS
    assert fit_pilots(game, np.empty((0, 12)), model).kriging == FALLBACK_PARAMETERS
    assert fit_pilots(game, rows_of(3, 12), one_output(lambda x: 0 * x[:, 0])).kriging == FALLBACK_PARAMETERS


def test_noisy_pilots_choose_a_larger_nugget_than_smooth_ones():
    rows, baseline = rows_of(12, 20), np.zeros((1, 20))
    slopes = np.linspace(-1, 2, 20)

    def noisy(x):
        bits = np.abs(np.sin((x * 12.9898).sum(axis=1)) * 43758.5453)
        return (x @ slopes + 20 * (bits - np.floor(bits)))[:, None]

    smooth = one_output(lambda x: x @ slopes)
    fitted = {}
    for name, model in (("smooth", smooth), ("noisy", noisy)):
        fitted[name] = fit_pilots(prepare_game(baseline, model, num_samples=70), rows, model).kriging

    assert fitted["noisy"].nugget > fitted["smooth"].nugget
