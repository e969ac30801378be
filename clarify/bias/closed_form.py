"""Intervals with a closed form: Wilson, Newcombe and MOVER for ratios (cross-checks), stratified MOVER for CDD."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from clarify.bias.pre_training import shares_of_facet_d
from clarify.results import Interval

LIMIT_OF_Z = 40.0


def normal_quantile(level: float) -> float:
    """z such that a normal variable lies within +-z with probability ``level``."""
    return float(-ndtri((1.0 - level) / 2.0))


def wilson(count: int, rows: int, *, level: float = 0.95) -> Interval:
    """Wilson's score interval of a proportion; exactly 0 at count 0, exactly 1 at count = rows.

    References
    ----------
    .. [1] E. B. Wilson, "Probable inference, the law of succession, and statistical inference", 1927.
    """
    low, high = _wilson_limits(np.array([count]), np.array([rows]), normal_quantile(level))
    return Interval(float(low[0]), float(high[0]), level)


def newcombe(count_a: int, rows_a: int, count_d: int, rows_d: int, *, level: float = 0.95) -> Interval:
    """Newcombe's interval (method 10) of the difference of two proportions, a minus d.

    References
    ----------
    .. [1] R. G. Newcombe, "Interval estimation for the difference between independent proportions", 1998.
    """
    a, d = wilson(count_a, rows_a, level=level), wilson(count_d, rows_d, level=level)
    q_a, q_d = count_a / rows_a, count_d / rows_d
    low = q_a - q_d - math.hypot(q_a - a.low, d.high - q_d)
    high = q_a - q_d + math.hypot(a.high - q_a, q_d - d.low)
    return Interval(low, high, level)


def ratio_of_rates(count_d: int, rows_d: int, count_a: int, rows_a: int, *, level: float = 0.95) -> Interval:
    """MOVER interval of the ratio of two proportions, d over a, from Wilson limits.

    References
    ----------
    .. [1] A. Donner, G. Y. Zou, "Closed-form confidence intervals for functions of the normal mean...", 2012.
    """
    d, a = wilson(count_d, rows_d, level=level), wilson(count_a, rows_a, level=level)
    t_d, t_a = count_d / rows_d, count_a / rows_a
    product = t_d * t_a
    low_square = product**2 - d.low * a.high * (2 * t_d - d.low) * (2 * t_a - a.high)
    high_square = product**2 - d.high * a.low * (2 * t_d - d.high) * (2 * t_a - a.low)
    low = d.low * (2 * t_d - d.low) / (product + math.sqrt(max(low_square, 0.0))) if d.low > 0 else 0.0
    below = a.low * (2 * t_a - a.low)
    high = (product + math.sqrt(max(high_square, 0.0))) / below if below > 0 else math.inf
    return Interval(low, high, level)


@dataclass(frozen=True, eq=False)
class StratifiedDisparity:
    """Stratified MOVER of a conditional demographic disparity; ``strata`` (n_strata, 2 facets, 2 classes)."""

    strata: NDArray[np.int64]

    @property
    def estimate(self) -> float:
        return float(np.sum(self._weights * self._disparities))

    @property
    def sparse_share(self) -> float:
        """Share of the weight in strata with fewer than 5 rows in any of the four cells."""
        return float(np.sum(self._weights[(self.strata < 5).any(axis=(1, 2))]))

    def limits(self, z: float) -> tuple[float, float]:
        """Lower and upper limit at a normal quantile; both move outwards as z grows."""
        rejected, accepted = shares_of_facet_d(self.strata)
        totals = self.strata.sum(axis=1)
        low_0, high_0 = _wilson_limits(self.strata[:, 1, 0], totals[:, 0], z)
        low_1, high_1 = _wilson_limits(self.strata[:, 1, 1], totals[:, 1], z)
        weights, estimate = self._weights, self.estimate
        # The weights are random too: the strata of another sample would have other sizes.
        of_weights = z * z * float(np.sum(weights * (self._disparities - estimate) ** 2)) / float(self.strata.sum())
        down = float(np.sum(weights**2 * ((rejected - low_0) ** 2 + (high_1 - accepted) ** 2)))
        up = float(np.sum(weights**2 * ((high_0 - rejected) ** 2 + (accepted - low_1) ** 2)))
        return estimate - math.sqrt(down + of_weights), estimate + math.sqrt(up + of_weights)

    def mass_below(self, edge: float) -> float:
        """Tail mass of the values below an edge: the one-sided level at which a limit touches it."""
        if edge == -math.inf or edge == math.inf:
            return 0.0 if edge < 0 else 1.0
        above = edge > self.estimate
        z = self._z_at(edge, side=1 if above else 0)
        return float(ndtr(z if above else -z))

    def _z_at(self, edge: float, *, side: int) -> float:
        near, far = 0.0, LIMIT_OF_Z
        for _ in range(60):
            z = (near + far) / 2
            inside = self.limits(z)[side] < edge if side else self.limits(z)[side] > edge
            near, far = (z, far) if inside else (near, z)
        return near

    @property
    def _weights(self) -> NDArray[np.float64]:
        rows = self.strata.sum(axis=(1, 2))
        weights: NDArray[np.float64] = rows / rows.sum()
        return weights

    @property
    def _disparities(self) -> NDArray[np.float64]:
        rejected, accepted = shares_of_facet_d(self.strata)
        return rejected - accepted


def _wilson_limits(
    counts: NDArray[np.int64], rows: NDArray[np.int64], z: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Wilson limits element by element; [0, 1] where there are no rows."""
    some = np.maximum(rows, 1)
    centre = (counts + z * z / 2) / (some + z * z)
    half = z / (some + z * z) * np.sqrt(counts * (some - counts) / some + z * z / 4)
    low = np.where((rows == 0) | (counts == 0), 0.0, np.maximum(centre - half, 0.0))
    high = np.where((rows == 0) | (counts == rows), 1.0, np.minimum(centre + half, 1.0))
    return low, high
