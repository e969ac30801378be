"""Whether trees read from a file are the model that answers: the same score for rows and for their mixtures."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from clarify.explain.coalitions import design_coalitions
from clarify.explain.games import Game, checked_outputs
from clarify.explain.masking import mask_pairs, selection_table
from clarify.explain.players import live_players, seats
from clarify.explain.scoring import MIN_ROWS_PER_CALL, Value, ask, link
from clarify.explain.trees import TreeEnsemble

CHECKED_ROWS = 12
CHECKED_COALITIONS = 64
# Boosters add up single-precision leaves; a probability in single precision knows its log-odds m to about eps e^|m|.
_RELATIVE = 1e-5
_SINGLE = float(np.finfo(np.float32).eps)


def same_as_trees(
    trees: TreeEnsemble, rows: NDArray[np.float64], scores: NDArray[np.float64], *, is_log_odds: bool
) -> NDArray[np.bool_]:
    """Which rows the model scores as the trees do, up to single precision, shape (n,).

    ``scores`` (n, n_outputs) are those of the model, after the link.
    """
    if len(rows) == 0:
        return np.zeros(0, dtype=np.bool_)
    margins = trees.predict_margin(rows)
    if margins.shape != scores.shape:
        return np.zeros(len(rows), dtype=np.bool_)
    tolerance = _RELATIVE * (1 + np.abs(margins))
    if is_log_odds:
        tolerance += 4 * _SINGLE * np.exp(np.minimum(np.abs(margins), 50.0))
    gaps: NDArray[np.float64] = np.abs(margins - scores) - tolerance
    same: NDArray[np.bool_] = gaps.max(axis=1) <= 0
    return same


def plays_same_game(game: Game, trees: TreeEnsemble, rows: NDArray[np.float64], value: Value) -> bool:
    """Whether the trees answer as the model does on the baseline, on pilot rows and on mixtures of the two.

    At most 12 rows with 64 coalitions each are asked. No row with two live players proves nothing: False.
    """
    rows = np.ascontiguousarray(rows[:CHECKED_ROWS], dtype=np.float64)
    live = live_players(rows, game.baseline, game.players)
    checked = 0
    for row, alive in zip(rows, live, strict=True):
        if alive.sum() < 2:
            continue
        mixtures = _mixtures(game, row, alive)
        answers = link(checked_outputs(ask(value, mixtures.copy(), len(mixtures)), game), game.use_logit)
        if not same_as_trees(trees, mixtures, answers, is_log_odds=game.use_logit).all():
            return False
        checked += 1
    return checked > 0


def _mixtures(game: Game, row: NDArray[np.float64], alive: NDArray[np.bool_]) -> NDArray[np.float64]:
    """A row mixed with the first baseline row, by the first pairs of the design, and padded to a request."""
    design = design_coalitions(int(alive.sum()), CHECKED_COALITIONS, game.seed)
    mixed = np.empty((design.n_coalitions, game.baseline.shape[1]))
    mask_pairs(selection_table(design), row[None], game.baseline[:1], seats(alive[None], game.players), mixed)
    return np.resize(np.vstack([mixed, row[None], game.baseline[:1]]), (2 * MIN_ROWS_PER_CALL, mixed.shape[1]))
