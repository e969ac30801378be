"""How far a single row's order of reasons can be trusted: the order in redraws of its estimated attributions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from clarify.explain.drawn_rows import position_hashes

N_REDRAWS = 2_000                # a share of one half is known to 2.2 points (two standard errors)
FIRST = 3


@dataclass(frozen=True)
class RowStability:
    """Shares of redraws, from 0 to 1."""

    order_holds: float           # the first three features are the same three in the same order
    first_swaps: float           # the second feature moves the score more than the first one


def row_stability(
    attributions: NDArray[np.float64], standard_errors: NDArray[np.float64], *, seed: int
) -> RowStability | None:
    """Redraw a row's attributions from their errors and see whether the largest, by magnitude, keep their places.

    Parameters
    ----------
    attributions, standard_errors : float64 of shape (n_players,)
        Each redraw takes every player from a normal distribution of its own. Errors of a row sum to zero in truth,
        which makes pairs of them a little more different than that.

    Returns
    -------
    RowStability, or None when all attributions are exact: there is nothing to redraw.
    """
    if not (standard_errors > 0).any():
        return None
    order = np.argsort(-np.abs(attributions), kind="stable")
    redrawn = attributions + standard_errors * _normals((N_REDRAWS, len(attributions)), seed)
    sizes = np.abs(redrawn)[:, order]
    holds = np.ones(N_REDRAWS, dtype=np.bool_)
    for place in range(min(FIRST, len(order) - 1)):
        holds &= sizes[:, place] >= sizes[:, place + 1 :].max(axis=1)
    swaps = sizes[:, 1] > sizes[:, 0] if len(order) > 1 else ~holds
    return RowStability(float(holds.mean()), float(swaps.mean()))


def _normals(shape: tuple[int, int], seed: int) -> NDArray[np.float64]:
    hashes = position_hashes(np.arange(shape[0] * shape[1], dtype=np.int64), seed)
    uniform = ((hashes >> np.uint64(11)).astype(np.float64) + 0.5) * 2.0**-53
    normals: NDArray[np.float64] = ndtri(uniform).reshape(shape)
    return normals
