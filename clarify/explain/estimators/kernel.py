"""KernelSHAP on complement pairs: weighted least squares for all rows of a block in one product."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from clarify.explain.coalitions import CoalitionDesign
from clarify.explain.estimators.base import BlockEstimates, Estimator, project, root_mean_squares, sandwich_errors

# A residual is divided by 1 - leverage, never by less than this.
LEAST_SLACK = 0.05
# Least squares with a normal matrix worse conditioned than this is not attempted.
SINGULAR = 1e-10
# A row whose leave-one-out residuals under least squares are this small, in units of its half differences, is
# additive: least squares is exact there and kriging is not, by its nugget.
ADDITIVE_RESIDUAL = 1e-6


@dataclass(frozen=True, eq=False)
class KernelEstimator:
    r"""Paired weighted least squares with attributions that add up to v(all) - v(nobody).

    With Z the signs of the P pairs, W their weights, B = (Z'WZ)^-1 Z'W, a = (Z'WZ)^-1 1 and t = sum(a):

    .. math:: \phi = 2 \left[ \left(B - a (1'B) / t\right) h + (a / t)\, h_P \right]

    Standard errors are a sandwich of leave-one-out residuals; 95 % intervals cover 94-99 % of exact attributions.
    """

    weights: NDArray[np.float64]            # (n_pairs + 1, n_players): half differences to attributions
    slack: NDArray[np.float64]              # (n_pairs,): 1 - leverage
    fit: NDArray[np.float64]                # (n_players, n_pairs): attributions to half differences
    squared_influence: NDArray[np.float64]  # (n_pairs, n_players), see sandwich_errors

    @classmethod
    def of(cls, design: CoalitionDesign) -> KernelEstimator | None:
        """The estimator of a design, or None when its pairs do not determine the attributions."""
        signs, pair_weights = design.signs[:-1], design.pair_weights
        weighted = signs * pair_weights[:, None]
        normal = weighted.T @ signs
        spectrum = np.linalg.eigvalsh(normal)
        if spectrum[0] <= SINGULAR * spectrum[-1]:
            return None
        inverse = np.linalg.inv(normal)
        to_slopes = weighted @ inverse
        leverage = (to_slopes * signs).sum(axis=1)
        totals = inverse.sum(axis=1)
        share = totals / totals.sum()
        to_slopes -= to_slopes.sum(axis=1, keepdims=True) * share
        weights = 2.0 * np.concatenate([to_slopes, share[None, :]])
        return cls(
            weights=weights,
            slack=np.maximum(1.0 - leverage, LEAST_SLACK),
            fit=np.ascontiguousarray(0.5 * signs.T),
            squared_influence=np.square(weights[:-1]) * design.unsampled_shares[:, None],
        )

    def leave_one_out(self, half_differences: NDArray[np.float64], values: NDArray[np.float64]) -> NDArray[np.float64]:
        """What each pair misses when it is predicted from the others, shape (n_lines, n_pairs)."""
        return (half_differences[:, :-1] - project(values, self.fit)) / self.slack

    def additive_rows(self, half_differences: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Which rows least squares explains without residual, in every output, shape (n_lines,)."""
        is_additive = np.ones(half_differences.shape[1], dtype=np.bool_)
        for block in half_differences:
            residuals = self.leave_one_out(block, project(block, self.weights))
            is_additive &= root_mean_squares(residuals) <= ADDITIVE_RESIDUAL * root_mean_squares(block)
        return is_additive

    def estimate(self, half_differences: NDArray[np.float64]) -> BlockEstimates:
        values, errors = [], []
        for block in half_differences:
            attributions = project(block, self.weights)
            residuals = self.leave_one_out(block, attributions)
            values.append(attributions)
            errors.append(sandwich_errors(project(np.square(residuals), self.squared_influence), attributions))
        codes = np.full(half_differences.shape[1], Estimator.KERNEL, dtype=np.uint8)
        return BlockEstimates(np.stack(values), np.stack(errors), codes)
