"""From rows and a model to local attributions: the design asked, the answers projected, in blocks of fixed size."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from clarify.errors import ConfigError, Problem
from clarify.explain.coalitions import MAX_CACHED_DESIGNS, CoalitionDesign
from clarify.explain.estimators.base import BlockEstimator, Estimator
from clarify.explain.estimators.exact import ExactEstimator
from clarify.explain.estimators.kernel import KernelEstimator
from clarify.explain.estimators.kriging import FALLBACK_PARAMETERS, KrigingEstimator, KrigingParameters
from clarify.explain.games import Game, checked_outputs, checked_rows
from clarify.explain.players import live_players
from clarify.explain.requests import HalfDifferences, ask_coalitions
from clarify.explain.scoring import MAX_ROWS_PER_CALL, Value, checked_rows_per_call, link, score_rows
from clarify.explain.threads import one_thread


@dataclass(frozen=True, eq=False)
class LocalAttributions:
    """Attributions of n rows, on the scale of the link; they sum to ``scores`` minus the game's expected values."""

    values: NDArray[np.float64]             # (n, n_outputs, n_players)
    standard_errors: NDArray[np.float64]    # the same; 0 where exact
    scores: NDArray[np.float64]             # (n, n_outputs)
    estimator: NDArray[np.uint8]            # (n,): codes of Estimator
    calls: NDArray[np.int64]                # (n,): model rows spent on the row's coalitions

    def __len__(self) -> int:
        return len(self.values)


def explain_rows(
    game: Game, rows: NDArray[np.float64], value: Value, *, max_rows_per_call: int = MAX_ROWS_PER_CALL
) -> LocalAttributions:
    """Shapley values of every row against the game's baseline, with standard errors.

    Parameters
    ----------
    rows : float64 of shape (n, n_columns)
        In the codes of the baseline; n may be 0.
    value : Value
        The model. Asked for the rows themselves, then for their synthetic rows, in requests of 64 to
        ``max_rows_per_call`` rows (more only if the baseline itself has more) that hold both halves of every pair
        and whose boundaries depend on ``rows`` alone.

    Raises
    ------
    DataError
        If the rows do not have the columns of the baseline.
    ConfigError
        If the game needs kriging and was not given to ``fit_pilots``.
    EndpointError
        Whatever ``value`` raises; BadPrediction if its scores cannot be used.

    Notes
    -----
    A row's result depends on no other row, to the last bit, if the model's answers do not. BLAS and OpenMP are held to
    one thread. Memory: one request, one block of ``BLOCK_ROWS`` x coalitions answers per block in flight, one design.
    """
    rows = checked_rows(rows, game)
    capacity = checked_rows_per_call(max_rows_per_call)
    if len(rows) == 0:
        return _nothing_explained(game, np.empty((0, game.n_outputs)))
    with one_thread():
        scores = link(checked_outputs(score_rows(value, rows, capacity), game), game.use_logit)
        explained = _nothing_explained(game, scores)
        live = live_players(rows, game.baseline, game.players)
        _explain_single_players(game, live, explained)
        for block in ask_coalitions(game, rows, live, scores, value, capacity):
            _estimate(game, block, explained)
    return explained


def _nothing_explained(game: Game, scores: NDArray[np.float64]) -> LocalAttributions:
    """Zero attributions, exact: what a row without live players has."""
    n = len(scores)
    shape = (n, game.n_outputs, len(game.players))
    codes = np.full(n, Estimator.EXACT, dtype=np.uint8)
    return LocalAttributions(np.zeros(shape), np.zeros(shape), scores, codes, np.zeros(n, dtype=np.int64))


def _explain_single_players(game: Game, live: NDArray[np.bool_], explained: LocalAttributions) -> None:
    """The only live player of a row accounts for the whole difference."""
    alone = np.flatnonzero(live.sum(axis=1) == 1)
    explained.values[alone, :, live[alone].argmax(axis=1)] = explained.scores[alone] - game.expected_values


def _estimate(game: Game, block: HalfDifferences, explained: LocalAttributions) -> None:
    estimates = estimator_of(game, block.design).estimate(block.values)
    n, n_live = len(block.rows), block.design.n_players
    players = np.nonzero(block.live)[1].reshape(n, n_live)
    where = (block.rows[:, None, None], np.arange(game.n_outputs)[None, :, None], players[:, None, :])
    explained.values[where] = estimates.values[:, :n].transpose(1, 0, 2)
    explained.standard_errors[where] = estimates.standard_errors[:, :n].transpose(1, 0, 2)
    explained.estimator[block.rows] = estimates.codes[:n]
    explained.calls[block.rows] = block.design.n_coalitions * len(game.baseline)


def estimator_of(game: Game, design: CoalitionDesign) -> BlockEstimator:
    """Exact where every coalition is asked, least squares where the pairs suffice, else kriging."""
    prefers_kriging = game.uses_kriging(design.n_players)
    if prefers_kriging and game.kriging is None:
        raise ConfigError(
            Problem(
                "SHAP-NO-PILOTS",
                "methods.shap.num_samples",
                f"{game.budget} for {design.n_players} live players, without pilot rows",
                "a game that fit_pilots has seen",
                "call fit_pilots(game, pilot_rows, value) once before explain_rows",
            )
        )
    return _build_estimator(design, prefers_kriging, game.kriging or FALLBACK_PARAMETERS)


@lru_cache(maxsize=MAX_CACHED_DESIGNS)
def _build_estimator(design: CoalitionDesign, prefers_kriging: bool, parameters: KrigingParameters) -> BlockEstimator:
    if design.is_complete:
        return ExactEstimator.of(design)
    kernel = None if prefers_kriging else KernelEstimator.of(design)
    return kernel or KrigingEstimator.of(design, parameters)
