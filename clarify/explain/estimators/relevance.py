"""The prior of one row: a product kernel in which every player has the relevance that a first pass gave it."""

from __future__ import annotations

from dataclasses import dataclass
from math import exp

import numpy as np
from numpy.typing import NDArray

from clarify.explain.estimators.prior import add_nuggets

# No player is irrelevant for sure, and none is so relevant that the others do not count.
LEAST_RELEVANCE = 0.003
MAX_CORRELATION = 0.9
# Rows of the covariance that are made at a time: three passes of elementwise work that stay in the cache.
_ROWS_IN_CACHE = 32


@dataclass(frozen=True, eq=False)
class RelevancePrior:
    r"""Odd part, degree 3 and up, of :math:`\prod_i (1 + r_i z_i z'_i)` with unit variance, plus main effects.

    .. math:: k(z, z') = \left[e^c \sinh(\sum_i a_i z_i z'_i) - \sum_i r_i z_i z'_i\right] / k_0
        + \sum_i m_i z_i z'_i, \qquad a_i = \operatorname{atanh} r_i,\; c = \tfrac12 \sum_i \log(1 - r_i^2)
    """

    correlations: NDArray[np.float64]   # (n_players,): r, how fast similarity decays when the player changes sides
    main_effects: NDArray[np.float64]   # (n_players,): m, variances of the main effects
    scale: float                        # e^c
    k0: float                           # variance of the raw odd part; 0 with fewer than three players

    @classmethod
    def of(cls, correlations: NDArray[np.float64], main_effects: NDArray[np.float64]) -> RelevancePrior:
        scale = exp(0.5 * float(np.log1p(-np.square(correlations)).sum()))
        return cls(correlations, main_effects, scale, _odd_variance(correlations.tolist()))

    @property
    def is_proper(self) -> bool:
        return self.k0 > 0.0


def relevance_prior(
    first_pass: NDArray[np.float64], *, power: float, total: float, main: float
) -> RelevancePrior:
    """The prior of a row whose attributions are about ``first_pass`` (n_outputs, n_players), in units of each rms.

    Relevance is the size of the attributions, pooled over the outputs; correlations go with its ``power`` and sum to
    ``total``, variances of the main effects go with its square and sum to ``main``.
    """
    size = np.sqrt(np.square(first_pass).mean(axis=0))
    largest = float(size.max())
    relevance = (size / largest if largest > 0 else size) + LEAST_RELEVANCE
    shares = relevance**power
    correlations = np.minimum(total * shares / shares.sum(), MAX_CORRELATION)
    variances = np.square(relevance)
    return RelevancePrior.of(correlations, main * variances / variances.sum())


def fill_covariance(
    covariance: NDArray[np.float64], signs: NDArray[np.float64], prior: RelevancePrior, nugget: float
) -> None:
    """Write the lower triangle of the covariance of n half differences, nuggets included.

    ``covariance`` (n, n) is C-contiguous; what stands above its diagonal afterwards is undefined. Blocks of rows are
    made from product to exponential while they are in the cache: 4-5 times faster than the whole matrix at once.
    """
    n = len(signs)
    tilted = signs * np.arctanh(prior.correlations)
    linear = signs * (prior.main_effects - prior.correlations / prior.k0)
    half_scale = 0.5 * prior.scale / prior.k0
    rooms = np.empty((2, _ROWS_IN_CACHE * n))
    for start in range(0, n, _ROWS_IN_CACHE):
        stop = min(start + _ROWS_IN_CACHE, n)
        shape, others = (stop - start, stop), signs[:stop].T
        first, second = (room[: shape[0] * stop].reshape(shape) for room in rooms)
        np.matmul(tilted[start:stop], others, out=first)
        np.exp(first, out=second)
        np.divide(1.0, second, out=first)
        second -= first                                     # 2 sinh
        second *= half_scale
        np.matmul(linear[start:stop], others, out=first)
        np.add(first, second, out=covariance[start:stop, :stop])
    add_nuggets(covariance, nugget)


def _odd_variance(correlations: list[float]) -> float:
    r"""The odd part, degree 3 and up, of :math:`\prod_i (1 + r_i)`.

    Factor by factor, by degree: a difference of exponentials would cancel when all correlations are small.
    """
    linear = even = odd = 0.0                   # degree 1; degrees 2, 4, ...; degrees 3, 5, ...
    for r in correlations:
        linear, even, odd = linear + r, even + r * (linear + odd), odd + r * even
    return odd
