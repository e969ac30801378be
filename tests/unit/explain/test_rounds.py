"""Rows are asked twice as many coalitions until their error bars are small enough; nothing asked is asked again."""

from dataclasses import replace

import numpy as np
import pytest

from clarify.errors import BadPrediction
from clarify.explain.budget import Outcome
from clarify.explain.estimators.base import Estimator
from clarify.explain.explainer import explain_rows
from clarify.explain.games import prepare_game
from clarify.explain.pilots import fit_pilots

N_COLUMNS = 14


def smooth_or_jagged(rows):
    """Additive with a weak product where column 0 is positive, rough where it is negative; bits alike in any batch."""
    slopes = np.linspace(1.0, 2.0, N_COLUMNS)
    total = np.zeros(len(rows))
    for column in range(N_COLUMNS):
        total = total + slopes[column] * rows[:, column]
    rough = np.sin(3.0 * total) * 12.0
    return np.where(rows[:, 0] >= 0, total + 0.05 * rows[:, 1] * rows[:, 2] * rows[:, 3], rough)[:, None]


class Recorder:
    def __init__(self, function):
        self.function = function
        self.rows = []

    def __call__(self, rows):
        self.rows.append(rows.copy())
        return self.function(rows)


@pytest.fixture(scope="module")
def problem():
    rng = np.random.default_rng(3)
    rows = rng.normal(size=(40, N_COLUMNS))
    rows[::2, 0] = np.abs(rows[::2, 0])
    rows[1::2, 0] = -np.abs(rows[1::2, 0]) - 0.1
    rows[5, 8:] = 0.0                              # 8 live players: 254 coalitions, all asked
    return rows, np.zeros((1, N_COLUMNS))


def explained(rows, baseline, model=smooth_or_jagged, **options):
    game = fit_pilots(prepare_game(baseline, model, **options), rows[:12], model)
    return game, explain_rows(game, rows, model)


@pytest.mark.parametrize("method", ["kernel", "kriging", "sparse"])
def test_easy_rows_stop_early_and_hard_rows_reach_the_ceiling(problem, method):
    _, local = explained(*problem, method=method)

    outcomes = [Outcome(code).name for code in local.outcome]
    assert outcomes[5] == "EXACT"
    assert set(outcomes[::2]) == {"WITHIN_TOLERANCE"}
    assert outcomes.count("CEILING") >= 15
    within = local.outcome == Outcome.WITHIN_TOLERANCE
    assert (local.relative_errors[within] <= 0.02).all()
    assert (local.relative_errors[local.outcome == Outcome.CEILING] > 0.02).all()
    assert set(local.calls[local.outcome == Outcome.CEILING].tolist()) == {2048}
    assert set(local.calls[within].tolist()) <= {512, 1024, 2048}
    assert local.calls[5] == 254


def test_a_doubling_asks_only_what_was_not_asked(problem):
    rows, baseline = problem
    game, _ = explained(rows, baseline, method="kriging")
    model = Recorder(smooth_or_jagged)

    local = explain_rows(game, rows[1:2], model)

    synthetic = np.concatenate(model.rows[1:])               # the first request scores the row itself
    assert local.calls.tolist() == [2048]
    assert len(synthetic) == 2048
    assert len(np.unique(synthetic, axis=0)) == 2048


def test_a_row_that_was_doubled_equals_the_row_asked_for_all_of_it_at_once(problem):
    rows, baseline = problem
    game, local = explained(rows, baseline, method="kriging")
    at_once = prepare_game(baseline, smooth_or_jagged, num_samples=2048, method="kriging")
    at_once = replace(at_once, kriging=game.kriging)

    doubled = np.flatnonzero(local.calls == 2048)
    assert len(doubled) > 0
    again = explain_rows(at_once, rows, smooth_or_jagged)
    assert np.array_equal(local.values[doubled], again.values[doubled])
    assert np.array_equal(local.standard_errors[doubled], again.standard_errors[doubled])


@pytest.mark.parametrize("method", ["kernel", "kriging", "sparse"])
def test_partitions_order_and_request_size_change_no_bit(problem, method):
    rows, baseline = problem
    game, together = explained(rows, baseline, method=method)
    order = np.random.default_rng(0).permutation(len(rows))

    parts = [explain_rows(game, rows[start : start + 7], smooth_or_jagged) for start in range(0, len(rows), 7)]
    shuffled = explain_rows(game, rows[order], smooth_or_jagged, max_rows_per_call=700)

    assert np.array_equal(np.concatenate([part.values for part in parts]), together.values)
    assert np.array_equal(np.concatenate([part.standard_errors for part in parts]), together.standard_errors)
    assert np.array_equal(shuffled.values, together.values[order])
    assert np.array_equal(shuffled.outcome, together.outcome[order])
    assert np.array_equal(shuffled.calls, together.calls[order])


def test_a_given_number_of_samples_is_spent_whatever_the_errors(problem):
    _, local = explained(*problem, num_samples=601, method="kriging")

    sampled = np.delete(np.arange(40), 5)
    assert set(local.calls[sampled].tolist()) == {600}
    assert set(local.outcome[sampled].tolist()) == {Outcome.BUDGET}


# --- missing answers --------------------------------------------------------------------------------------------------


def poisoned(share):
    """No answer for mixtures with a fraction in column 3 that falls in a band: ``share`` of uniform ones."""

    def model(rows):
        answers = smooth_or_jagged(rows)
        key = np.abs(np.sin((rows * np.arange(1, N_COLUMNS + 1)).sum(axis=1)) * 1e4) % 1.0
        mixed = (rows == 0).any(axis=1) & (rows != 0).any(axis=1)
        answers[mixed & (key < share)] = np.nan
        return answers

    return model


@pytest.mark.parametrize("method", ["kernel", "kriging", "sparse"])
def test_a_missing_half_drops_the_pair_and_the_row_is_explained_by_the_others(problem, method):
    rows, baseline = problem
    rows = rows[::2]
    _, whole = explained(rows, baseline, num_samples=512, method=method)
    _, local = explained(rows, baseline, poisoned(0.02), num_samples=512, method=method)

    assert np.isfinite(local.values).all()
    assert set(local.estimator.tolist()) <= {Estimator.KRIGING, Estimator.KERNEL}
    assert local.values == pytest.approx(whole.values, abs=0.1)
    assert local.values.sum(axis=2) == pytest.approx(whole.values.sum(axis=2), abs=1e-6)


def test_a_row_that_loses_most_of_its_pairs_or_its_own_score_fails_alone(problem):
    rows, baseline = problem
    game, whole = explained(rows, baseline, num_samples=512, method="kriging")

    def no_answer(batch):
        answers = smooth_or_jagged(batch)
        answers[(batch == rows[4]).all(axis=1)] = np.nan                # the row itself
        answers[(batch[:, 1] == rows[7, 1])] = np.inf                   # and whatever holds this cell of row 7
        return answers

    local = explain_rows(game, rows, no_answer)

    assert np.flatnonzero(local.outcome == Outcome.FAILED).tolist() == [4, 7]
    assert np.isnan(local.values[[4, 7]]).all()
    others = np.delete(np.arange(40), [4, 7])
    assert np.array_equal(local.values[others], whole.values[others])


def test_a_baseline_without_a_score_ends_the_job():
    with pytest.raises(BadPrediction, match="SHAP-SCORE-NOT-FINITE"):
        prepare_game(np.zeros((1, 3)), lambda rows: np.full((len(rows), 1), np.nan))


# --- models that no prior fits, and models that are noisy -------------------------------------------------------------


def step(rows):
    """Nothing but interactions of many players."""
    return (rows.sum(axis=1) > 0).astype(np.float64)[:, None]


@pytest.mark.parametrize("method", ["kriging", "sparse"])
def test_rows_that_the_prior_does_not_fit_are_given_to_least_squares(method):
    rng = np.random.default_rng(1)
    rows, baseline = rng.normal(size=(24, N_COLUMNS)), np.zeros((1, N_COLUMNS))
    exact = explain_rows(prepare_game(baseline, step, num_samples=2**N_COLUMNS), rows, step)

    _, local = explained(rows, baseline, step, num_samples=2048, method=method)

    covered = np.abs(local.values - exact.values) <= 1.96 * local.standard_errors
    assert (local.estimator == Estimator.KERNEL).mean() > 0.25
    assert covered.mean() >= 0.9


class Noisy:
    def __init__(self, spread):
        self.generator, self.spread = np.random.default_rng(8), spread

    def __call__(self, rows):
        noise = self.generator.normal(size=(len(rows), 1)) * self.spread
        return smooth_or_jagged(np.abs(rows)) + noise


@pytest.mark.parametrize("method", ["kernel", "kriging", "sparse"])
def test_error_bars_of_a_noisy_model_include_its_noise_and_nothing_is_exact(problem, method):
    rows, baseline = problem
    rows = np.abs(rows)
    clean = explain_rows(prepare_game(baseline, smooth_or_jagged, num_samples=2**N_COLUMNS), rows, smooth_or_jagged)
    model = Noisy(0.5)
    game = replace(prepare_game(baseline, model, num_samples=512, method=method), noise=(0.5,))

    local = explain_rows(fit_pilots(game, rows[:12], model), rows, model)

    covered = (np.abs(local.values - clean.values) <= 1.96 * local.standard_errors)[local.standard_errors > 0]
    assert 0.92 <= covered.mean() <= 1.0
    assert not (local.outcome == Outcome.EXACT).any()
    alone = explain_rows(game, np.eye(1, N_COLUMNS), model)
    assert alone.standard_errors[0, 0, 0] == pytest.approx(np.sqrt(2) * 0.5)
