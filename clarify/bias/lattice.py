"""The fixed points on which every Beta proportion is evaluated: no generator, no seed, the same numbers for ever."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline
from scipy.special import betaincinv, ndtr, ndtri

Values = NDArray[np.float64]

N_POINTS: Final = 32_768
PRIOR: Final = 0.5                        # Jeffreys: half a row in each cell of the collapsed table
MIDPOINTS: Final = 0                      # the column for metrics of one proportion: evenly spaced, hence exact

_KNOTS: Final = np.linspace(-6.0, 6.0, 97)
_KNOTS_LOW: Final = ndtr(_KNOTS)
_KNOTS_HIGH: Final = ndtr(-_KNOTS)


@lru_cache(maxsize=1)
def lattice_points() -> Values:
    """Points in (0, 1), shape (N_POINTS, 4): multiples of the powers of 1/g, where g^5 = g + 1."""
    polynomial_roots = np.roots([1.0, 0.0, 0.0, 0.0, -1.0, -1.0])
    g = float(polynomial_roots[np.isclose(polynomial_roots.imag, 0.0)].real.max())
    for _ in range(3):                    # Newton: the last bits do not hang on the eigenvalue routine
        g -= (g**5 - g - 1.0) / (5.0 * g**4 - 1.0)
    steps = np.array([g**-power for power in (1, 2, 3, 4)])
    points: Values = np.modf(0.5 + np.arange(1, N_POINTS + 1)[:, None] * steps)[0]
    return points


@lru_cache(maxsize=5)
def _abscissae(column: int) -> tuple[NDArray[np.intp], Values]:
    """Knot interval and offset into it of every normal quantile of a column (1 to 4, or MIDPOINTS)."""
    uniform = (np.arange(N_POINTS) + 0.5) / N_POINTS if column == MIDPOINTS else lattice_points()[:, column - 1]
    z = ndtri(uniform)
    knot = np.clip(np.searchsorted(_KNOTS, z, side="right") - 1, 0, len(_KNOTS) - 2)
    return knot, z - _KNOTS[knot]


def beta_logits(successes: float, failures: float, column: int) -> Values:
    """Logits of the proportion with a Jeffreys prior, at the points of one lattice column; read-only."""
    return shaped_logits(successes + PRIOR, failures + PRIOR, column)


@lru_cache(maxsize=128)
def shaped_logits(alpha: float, beta: float, column: int) -> Values:
    """Logits of Beta(alpha, beta) quantiles at the points of one column; relative error below 1e-6, both tails."""
    at_knots = np.log(betaincinv(alpha, beta, _KNOTS_LOW)) - np.log(betaincinv(beta, alpha, _KNOTS_HIGH))
    coefficients = CubicSpline(_KNOTS, at_knots).c
    knot, offset = _abscissae(column)
    logits = coefficients[0][knot]
    for power in (1, 2, 3):
        logits = logits * offset + coefficients[power][knot]
    logits.setflags(write=False)
    frozen: Values = logits
    return frozen


def three_shares(x: float, y: float, w: float, columns: tuple[int, int]) -> tuple[Values, Values]:
    """Logits (s, t) of a Jeffreys Dirichlet over three cells, whose shares are (s t, s (1 - t), 1 - s)."""
    s = shaped_logits(x + y + 2 * PRIOR, w + PRIOR, columns[0])
    t = beta_logits(x, y, columns[1])
    return s, t


def quantile(ascending: Values, p: float) -> float:
    """Quantile of sorted lattice values, linear between the two nearest."""
    position = min(max(p * len(ascending) - 0.5, 0.0), len(ascending) - 1.0)
    below = min(int(position), len(ascending) - 2)
    low, high = float(ascending[below]), float(ascending[below + 1])
    return low + (position - below) * (high - low)
