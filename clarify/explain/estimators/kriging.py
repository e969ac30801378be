"""Shared kriging: a Gaussian-process prior over the odd part of the game, one projection for all rows."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from math import atanh, exp, log1p, sinh

import numpy as np
from numpy.typing import NDArray
from scipy import linalg

from clarify.explain.coalitions import CoalitionDesign
from clarify.explain.estimators.base import BlockEstimates, Estimator, project, sandwich_errors
from clarify.explain.estimators.kernel import KernelEstimator
from clarify.explain.estimators.prior import add_nuggets, attribution_covariance


@dataclass(frozen=True)
class KrigingParameters:
    """Correlation decay ``rho`` per player, variance ``main`` of the main effects, ``nugget`` on the diagonal."""

    rho: float
    main: float
    nugget: float


# Used when no pilot row needs kriging.
FALLBACK_PARAMETERS = KrigingParameters(rho=0.1, main=10.0, nugget=1e-2)
PARAMETER_GRID = tuple(
    KrigingParameters(rho, main, nugget)
    for rho, main, nugget in product((0.02, 0.05, 0.1, 0.2), (10.0, 1000.0), (1e-5, 1e-2, 0.1))
)


def prior_table(n_players: int, parameters: KrigingParameters) -> tuple[NDArray[np.float64], float]:
    r"""Prior covariance of two half differences by g = z.z', for g = -M..M, and the variance k0 of the raw odd part.

    .. math:: k(g) = \left[e^c \sinh(a g) - \rho g\right] / k_0 + c_1 g / M, \qquad
        a = \operatorname{atanh} \rho,\; c = \tfrac{M}{2} \log(1 - \rho^2),\; k_0 = e^c \sinh(a M) - \rho M

    the odd part, degree 3 and up, of :math:`\prod_i (1 + \rho z_i z'_i)`, with unit variance, plus main effects.
    """
    m, rho = n_players, parameters.rho
    scale, rate = exp(0.5 * m * log1p(-rho * rho)), atanh(rho)
    agreement = np.arange(-m, m + 1, dtype=np.float64)
    k0 = scale * sinh(rate * m) - rho * m
    odd = (scale * np.sinh(rate * agreement) - rho * agreement) / k0
    return odd + parameters.main * agreement / m, k0


def prior_covariance(signs: NDArray[np.float64], parameters: KrigingParameters) -> tuple[NDArray[np.float64], float]:
    """Covariance of the observed half differences, nugget included, shape (n, n), and k0; the last one is exact."""
    m = signs.shape[1]
    table, k0 = prior_table(m, parameters)
    agreement = np.rint(signs @ signs.T).astype(np.intp)
    covariance = table[agreement + m]
    add_nuggets(covariance, parameters.nugget)
    return covariance, k0


@dataclass(frozen=True, eq=False)
class KrigingEstimator:
    r"""Posterior mean of the attributions: :math:`\phi = C K^{-1} H`, with leave-one-out sandwich errors.

    Rows where the prior does not fit, or where least squares is exact, are given to it (``judge``), when the pairs
    suffice.
    95 % intervals cover 94-100 % of exact attributions.
    """

    weights: NDArray[np.float64]            # (n_pairs + 1, n_players)
    residual: NDArray[np.float64]           # (n_pairs + 1, n_pairs): half differences to leave-one-out residuals
    squared_influence: NDArray[np.float64]  # (n_pairs, n_players), see sandwich_errors
    judge: KernelEstimator | None

    @classmethod
    def of(cls, design: CoalitionDesign, parameters: KrigingParameters) -> KrigingEstimator:
        signs, m = design.signs, design.n_players
        covariance, k0 = prior_covariance(signs, parameters)
        cross = attribution_covariance(signs, np.full(m, parameters.rho), np.full(m, parameters.main / m), k0)
        factor = linalg.cho_factor(covariance, lower=True, check_finite=False)
        weights = linalg.cho_solve(factor, cross, check_finite=False)
        precision = linalg.cho_solve(factor, np.eye(len(signs)), check_finite=False)
        # The tiny nugget of the last pair leaves a gap of some 1e-9 of the scale; it is spread evenly.
        totals = np.append(np.zeros(design.n_pairs), 2.0)
        weights += ((totals - weights.sum(axis=1)) / m)[:, None]
        return cls(
            weights=np.ascontiguousarray(weights),
            residual=np.ascontiguousarray((precision / np.diag(precision))[:, :-1]),
            squared_influence=np.square(weights[:-1]) * design.unsampled_shares[:, None],
            judge=KernelEstimator.judge(design),
        )

    def estimate(self, half_differences: NDArray[np.float64]) -> BlockEstimates:
        values, errors = [], []
        for block in half_differences:
            attributions = project(block, self.weights)
            values.append(attributions)
            variances = project(np.square(project(block, self.residual)), self.squared_influence)
            errors.append(sandwich_errors(variances, attributions))
        codes = np.full(half_differences.shape[1], Estimator.KRIGING, dtype=np.uint8)
        kriged = BlockEstimates(np.stack(values), np.stack(errors), codes)
        return kriged if self.judge is None else self.judge.overrule(half_differences, kriged)


def leave_one_out_score(
    design: CoalitionDesign, half_differences: NDArray[np.float64], parameters: KrigingParameters
) -> float:
    """Mean over games of the weighted squared leave-one-out residual; infinite when the prior is not definite.

    ``half_differences`` (n_games, n_pairs + 1) are in units of each game's own root mean square.
    """
    covariance, _ = prior_covariance(design.signs, parameters)
    try:
        factor = linalg.cho_factor(covariance, lower=True, check_finite=False)
    except linalg.LinAlgError:
        return float("inf")
    precision = linalg.cho_solve(factor, np.eye(len(covariance)), check_finite=False)
    residuals = (half_differences @ precision / np.diag(precision))[:, :-1]
    weights = design.pair_weights / design.pair_weights.sum()
    return float((np.square(residuals) @ weights).mean())
