"""What every Gaussian-process prior over games needs: its nuggets, and the Shapley values of its kernel."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

JITTER = 1e-10
# The last pair, (all, nobody), is observed without error; a little is left for the factorisation.
LAST_NUGGET = 1e-9
_LEGENDRE_NODES, _LEGENDRE_WEIGHTS = np.polynomial.legendre.leggauss(12)
_NODES: NDArray[np.float64] = (_LEGENDRE_NODES + 1) / 2
_NODE_WEIGHTS: NDArray[np.float64] = _LEGENDRE_WEIGHTS / 2


def add_nuggets(covariance: NDArray[np.float64], nugget: float) -> None:
    """Add the variances of n observations to the diagonal of their covariance, in place; the last one is exact."""
    nuggets = np.full(len(covariance), nugget + JITTER)
    nuggets[-1] = LAST_NUGGET
    diagonal = np.einsum("ii->i", covariance)
    diagonal += nuggets


def attribution_covariance(
    signs: NDArray[np.float64], correlations: NDArray[np.float64], main_effects: NDArray[np.float64], k0: float
) -> NDArray[np.float64]:
    r"""Prior covariance of attributions and half differences, shape (n, n_players): Shapley values of the kernel.

    By quadrature over the multilinear extension, 12 Gauss-Legendre nodes t with weights u on [0, 1], q_i = t r_i:

    .. math:: C_{ji} = \frac{2 r_i}{k_0} \sum_t u \left[ \frac{z_{ji} (F_j + G_j) / 2 - q_i (F_j - G_j) / 2}
        {1 - q_i^2} - z_{ji} \right] + 2 m_i z_{ji}

    with F, G = prod(1 +- q_i z_ji). The sum over t is two products of (n, 12) and (12, n_players) matrices.
    """
    q = np.outer(_NODES, correlations)
    slack = 1.0 - np.square(q)
    size = np.sqrt(slack.prod(axis=1))
    tilt = signs @ np.arctanh(q).T
    forward, backward = size * np.exp(tilt), size * np.exp(-tilt)
    shares = _NODE_WEIGHTS[:, None] / slack
    integral: NDArray[np.float64] = (0.5 * (forward + backward)) @ shares
    integral -= 1.0
    integral *= signs
    integral -= (0.5 * (forward - backward)) @ (shares * q)
    integral *= 2.0 * correlations / k0
    integral += 2.0 * main_effects * signs
    return integral
