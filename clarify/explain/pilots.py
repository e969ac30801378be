"""Kriging hyper-parameters, found once per job on a few pilot rows."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from clarify.explain.coalitions import CoalitionDesign
from clarify.explain.estimators.kriging import (
    FALLBACK_PARAMETERS,
    PARAMETER_GRID,
    KrigingParameters,
    leave_one_out_score,
)
from clarify.explain.games import Game, checked_outputs, checked_rows
from clarify.explain.players import live_players
from clarify.explain.requests import ask_coalitions
from clarify.explain.scoring import MAX_ROWS_PER_CALL, Value, checked_rows_per_call, link, score_rows
from clarify.explain.threads import one_thread

MAX_PILOT_ROWS = 12
MAX_PILOT_PAIRS = 200

Sample = tuple[CoalitionDesign, NDArray[np.float64]]


def fit_pilots(
    game: Game, pilot_rows: NDArray[np.float64], value: Value, *, max_rows_per_call: int = MAX_ROWS_PER_CALL
) -> Game:
    """The game with kriging hyper-parameters, or the same game if no row can need them.

    Parameters
    ----------
    pilot_rows : float64 of shape (n, n_columns)
        The rows with the smallest keys (see ``row_keys``); at most the first 12 are looked at, and those that least
        squares or enumeration will explain are skipped.

    Notes
    -----
    The smallest weighted squared leave-one-out residual over 24 combinations, on at most 200 pairs a row; no exact
    attribution is needed. Without a usable pilot row ``FALLBACK_PARAMETERS`` are taken.
    """
    if not game.needs_pilots:
        return game
    rows = checked_rows(pilot_rows, game)[:MAX_PILOT_ROWS]
    live = live_players(rows, game.baseline, game.players)
    kriged = np.array([game.uses_kriging(int(n)) for n in live.sum(axis=1)], dtype=np.bool_)
    rows, live = rows[kriged], live[kriged]
    if len(rows) == 0:
        return replace(game, kriging=FALLBACK_PARAMETERS)
    capacity = checked_rows_per_call(max_rows_per_call)
    with one_thread():
        scores = link(checked_outputs(score_rows(value, rows, capacity), game), game.use_logit)
        samples = [
            (block.design.first(MAX_PILOT_PAIRS), _in_own_units(block.values[:, : len(block.rows)]))
            for block in ask_coalitions(game, rows, live, scores, value, capacity)
        ]
        return replace(game, kriging=_best_parameters(samples))


def _in_own_units(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Half differences of the first pairs and of the ends, one line per row and output, divided by their rms.

    Lines that are zero throughout teach nothing and are left out.
    """
    n_pairs = values.shape[-1] - 1
    kept = np.r_[: min(n_pairs, MAX_PILOT_PAIRS), n_pairs]
    lines = values[:, :, kept].reshape(-1, len(kept))
    scale = np.sqrt(np.square(lines).mean(axis=1, keepdims=True))
    moving = scale[:, 0] > 0
    scaled: NDArray[np.float64] = lines[moving] / scale[moving]
    return scaled


def _best_parameters(samples: list[Sample]) -> KrigingParameters:
    samples = [(design, lines) for design, lines in samples if len(lines)]
    if not samples:
        return FALLBACK_PARAMETERS
    n_lines = [len(lines) for _, lines in samples]

    def score(parameters: KrigingParameters) -> float:
        scores = [leave_one_out_score(design, lines, parameters) for design, lines in samples]
        return float(np.average(scores, weights=n_lines))

    return min(PARAMETER_GRID, key=score)
