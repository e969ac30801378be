"""Shapley values of fully enumerated games, by their defining weights."""

from __future__ import annotations

from dataclasses import dataclass
from math import comb

import numpy as np
from numpy.typing import NDArray

from clarify.explain.coalitions import CoalitionDesign
from clarify.explain.estimators.base import BlockEstimates, Estimator, project


def shapley_weights(design: CoalitionDesign) -> NDArray[np.float64]:
    r"""Weight of each half difference in each attribution, shape (n_pairs + 1, n_players), for a complete design.

    .. math:: \phi_i = \sum_S c_i(S)\, v(S), \qquad
        c_i(S) = \frac{1}{M \binom{M-1}{s-1}} \text{ if } i \in S, \text{ else } -\frac{1}{M \binom{M-1}{s}}

    and c_i of a complement is -c_i(S), so that a pair's half difference counts with 2 c_i(S).
    """
    m = design.n_players
    inside = np.array([0.0] + [2.0 / (m * comb(m - 1, s - 1)) for s in range(1, m + 1)])
    outside = np.array([-2.0 / (m * comb(m - 1, s)) for s in range(m)] + [0.0])
    sizes = design.sizes[:, None]
    weights = np.where(design.members, inside[sizes], outside[sizes])
    return np.concatenate([weights, np.full((1, m), 2.0 / m)])


@dataclass(frozen=True, eq=False)
class ExactEstimator:
    """Full enumeration: no error."""

    weights: NDArray[np.float64]

    @classmethod
    def of(cls, design: CoalitionDesign) -> ExactEstimator:
        return cls(shapley_weights(design))

    def estimate(self, half_differences: NDArray[np.float64]) -> BlockEstimates:
        values = np.stack([project(block, self.weights) for block in half_differences])
        codes = np.full(values.shape[1], Estimator.EXACT, dtype=np.uint8)
        return BlockEstimates(values, np.zeros_like(values), codes)
