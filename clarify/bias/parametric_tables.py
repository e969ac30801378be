"""Smallest changes of metrics that are not two rates: 2,000 tables drawn on the lattice, each judged by its limits."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from clarify.bias.lattice import PRIOR, lattice_points
from clarify.results import DetectableChange, FacetCounts, FlipCounts, GroupCounts

Values = NDArray[np.float64]
Cells = tuple[int, ...]
Limits = tuple[Values, Values]

N_TABLES: Final = 2_000
_FURTHEST_TILT: Final = 30.0
_STEPS: Final = 16


@dataclass(frozen=True)
class TableMetric:
    """A metric of the cells of one or two groups; the last group is the one that changes.

    ``value`` and ``limits`` read smoothed counts, shape (..., n_cells), of every group; ``limits`` takes the normal
    quantile too. ``raise_by`` and ``lower_by``: how the log odds of the last group's cells move as the metric
    rises, and as it falls.
    """

    cells: Callable[[FacetCounts, FlipCounts | None], tuple[Cells, ...] | None]
    value: Callable[..., Values]
    limits: Callable[..., Limits]
    raise_by: tuple[float, ...]
    lower_by: tuple[float, ...]


def smallest_by_tables(
    metric: str,
    counts: FacetCounts,
    low: float | None,
    high: float | None,
    *,
    tail: float,
    power: float,
    flips: FlipCounts | None,
) -> DetectableChange | None:
    """The smallest values of CI, DCA, DCR, FT or GE outside a range that are seen with ``power``; approximate."""
    cells = TABLE_METRICS[metric].cells(counts, flips)
    if cells is None or any(sum(group) == 0 for group in cells):
        return None
    return _smallest(metric, cells, low, high, tail, power)


@lru_cache(maxsize=256)
def _smallest(
    name: str, cells: tuple[Cells, ...], low: float | None, high: float | None, tail: float, power: float
) -> DetectableChange:
    below, below_is_impossible = TiltSearch(TABLE_METRICS[name], cells, low, False, tail).smallest(power)
    above, above_is_impossible = TiltSearch(TABLE_METRICS[name], cells, high, True, tail).smallest(power)
    return DetectableChange(below, above, power, True, below_is_impossible, above_is_impossible)


@dataclass(frozen=True)
class TiltSearch:
    """One side of the range: the last group's cells are tilted from their posterior mean until tables show it."""

    metric: TableMetric
    cells: tuple[Cells, ...]
    edge: float | None
    upwards: bool
    tail: float

    def smallest(self, power: float) -> tuple[float | None, bool]:
        """The value, and whether none can occur."""
        if self.edge is None or not self._is_outside(_FURTHEST_TILT):
            return None, True
        near, far = -_FURTHEST_TILT, _FURTHEST_TILT
        for _ in range(_STEPS + 10):                  # to the edge
            middle = (near + far) / 2
            near, far = (near, middle) if self._is_outside(middle) else (middle, far)
        near, far = far, _FURTHEST_TILT
        others = tuple(draw_tables(group, share, column) for group, share, column in self._others())
        if self._power(far, others) < power:
            return None, False
        while far - near > 1e-3:
            middle = (near + far) / 2
            near, far = (near, middle) if self._power(middle, others) >= power else (middle, far)
        return self.value(far), False

    def shares(self, tilt: float) -> Values:
        """Of the last group's cells."""
        smoothed = np.array(self.cells[-1]) + PRIOR
        weights = np.log(smoothed) + tilt * np.array(self.metric.raise_by if self.upwards else self.metric.lower_by)
        shares = np.exp(weights - weights.max())
        moved: Values = shares / shares.sum()
        return moved

    def value(self, tilt: float) -> float:
        """The metric when the last group's cells are tilted."""
        *others, moved = (np.array(group) + PRIOR for group in self.cells)
        return float(self.metric.value(*others, self.shares(tilt) * moved.sum()))

    def _is_outside(self, tilt: float) -> bool:
        value = self.value(tilt)
        return self.edge is not None and (value > self.edge if self.upwards else value < self.edge)

    def _others(self) -> list[tuple[int, Values, int]]:
        smoothed = [np.array(group) + PRIOR for group in self.cells[:-1]]
        return [(sum(group), mean / mean.sum(), 0) for group, mean in zip(self.cells, smoothed, strict=False)]

    def _power(self, tilt: float, others: tuple[Values, ...]) -> float:
        """Share of the tables whose limit lies beyond the edge."""
        moved = draw_tables(sum(self.cells[-1]), self.shares(tilt), 2 * (len(self.cells) - 1))
        tables = (table + PRIOR for table in (*others, moved))
        lower, upper = self.metric.limits(*tables, z=-float(ndtri(self.tail)))
        edge = np.nan if self.edge is None else self.edge
        return float(np.mean(lower > edge if self.upwards else upper < edge))


def draw_tables(n: int, shares: Values, column: int) -> Values:
    """Multinomial counts, shape (N_TABLES, len(shares)), at lattice columns from ``column`` on: quantiles, no seed."""
    from scipy.stats import binom  # half a second to import; only this route needs it

    points = lattice_points()[:N_TABLES]
    left, rest = np.full(N_TABLES, float(n)), 1.0
    drawn = []
    for position, share in enumerate(shares[:-1]):
        part = min(1.0, max(0.0, float(share) / rest)) if rest > 0 else 0.0
        count = np.where(left > 0, binom.ppf(points[:, column + position], np.maximum(left, 1.0), part), 0.0)
        drawn.append(np.maximum(count, 0.0))
        left, rest = left - drawn[-1], rest - float(share)
    return np.stack([*drawn, left], axis=-1)


def _imbalance(cells: Values) -> Values:
    value: Values = (cells[..., 0] - cells[..., 1]) / cells.sum(axis=-1)
    return value


def _imbalance_limits(cells: Values, *, z: float) -> Limits:
    """On the logit of facet a's share."""
    logit = np.log(cells[..., 0] / cells[..., 1])
    half = z * np.sqrt((1 / cells).sum(axis=-1))
    return np.tanh((logit - half) / 2), np.tanh((logit + half) / 2)


def _flip_share(cells: Values) -> Values:
    value: Values = (cells[..., 0] - cells[..., 1]) / cells.sum(axis=-1)
    return value


def _flip_limits(cells: Values, *, z: float) -> Limits:
    n = cells.sum(axis=-1)
    value = _flip_share(cells)
    half = z * np.sqrt(((cells[..., 0] + cells[..., 1]) / n - value**2) / n)
    return value - half, value + half


def _entropy(cells: Values) -> Values:
    f, g = (cells[..., position] / cells.sum(axis=-1) for position in (0, 1))
    value: Values = ((1 + 3 * f - g) / (1 + f - g) ** 2 - 1) / 2
    return value


def _entropy_limits(cells: Values, *, z: float) -> Limits:
    """On the log, by the delta method; cells (FP, FN, right)."""
    n = cells.sum(axis=-1)
    f, g = cells[..., 0] / n, cells[..., 1] / n
    above, below = 1 + 3 * f - g, 1 + f - g
    by_f, by_g = (3 * below - 2 * above) / (2 * below**3), (2 * above - below) / (2 * below**3)
    variance = (f * by_f**2 + g * by_g**2 - (f * by_f + g * by_g) ** 2) / n
    value = _entropy(cells)
    factor = np.exp(z * np.sqrt(variance) / value)
    return value / factor, value * factor


def _outcome(cells: Values) -> Values:
    """Observed per predicted of one group; cells (right, wrong, missed)."""
    value: Values = (cells[..., 0] + cells[..., 2]) / (cells[..., 0] + cells[..., 1])
    return value


def _outcome_limits(cells: Values, z: float) -> Limits:
    """On the log, by the delta method."""
    observed, predicted = cells[..., 0] + cells[..., 2], cells[..., 0] + cells[..., 1]
    variance = (
        cells[..., 0] * (1 / observed - 1 / predicted) ** 2 + cells[..., 1] / predicted**2
        + cells[..., 2] / observed**2
    )
    factor = np.exp(z * np.sqrt(variance))
    return observed / predicted / factor, observed / predicted * factor


def _acceptance(of_a: Values, of_d: Values) -> Values:
    """DCA, a minus d."""
    return _outcome(of_a) - _outcome(of_d)


def _acceptance_limits(of_a: Values, of_d: Values, *, z: float) -> Limits:
    """MOVER: the limits of the two groups, square and add."""
    a, d = _outcome(of_a), _outcome(of_d)
    (low_a, high_a), (low_d, high_d) = _outcome_limits(of_a, z), _outcome_limits(of_d, z)
    return a - d - np.hypot(a - low_a, high_d - d), a - d + np.hypot(high_a - a, d - low_d)


def _rejection(of_a: Values, of_d: Values) -> Values:
    """DCR, d minus a."""
    return -_acceptance(of_a, of_d)


def _rejection_limits(of_a: Values, of_d: Values, *, z: float) -> Limits:
    low, high = _acceptance_limits(of_a, of_d, z=z)
    return -high, -low


def _facet_cells(counts: FacetCounts, flips: FlipCounts | None) -> tuple[Cells, ...]:
    return ((counts.a.rows, counts.d.rows),) if counts.a.rows and counts.d.rows else ((0, 0),)


def _flip_cells(counts: FacetCounts, flips: FlipCounts | None) -> tuple[Cells, ...] | None:
    if flips is None:
        return None
    return ((flips.to_negative, flips.to_positive, flips.n_d - flips.to_negative - flips.to_positive),)


def _error_cells(counts: FacetCounts, flips: FlipCounts | None) -> tuple[Cells, ...]:
    groups = (counts.a, counts.d, counts.unknown)
    return (
        (
            sum(group.false_positives for group in groups),
            sum(group.false_negatives for group in groups),
            sum(group.true_positives + group.true_negatives for group in groups),
        ),
    )


def _acceptance_cells(counts: FacetCounts, flips: FlipCounts | None) -> tuple[Cells, ...]:
    return tuple(_of_positive(group) for group in (counts.a, counts.d))


def _rejection_cells(counts: FacetCounts, flips: FlipCounts | None) -> tuple[Cells, ...]:
    return tuple(_of_negative(group) for group in (counts.a, counts.d))


def _of_positive(group: GroupCounts) -> Cells:
    return group.true_positives, group.false_positives, group.false_negatives


def _of_negative(group: GroupCounts) -> Cells:
    return group.true_negatives, group.false_negatives, group.false_positives


TABLE_METRICS: Final[Mapping[str, TableMetric]] = MappingProxyType({
    "CI": TableMetric(_facet_cells, _imbalance, _imbalance_limits, (1.0, 0.0), (-1.0, 0.0)),
    "FT": TableMetric(_flip_cells, _flip_share, _flip_limits, (1.0, -1.0, 0.0), (-1.0, 1.0, 0.0)),
    # Up by false negatives alone: the index falls again where nearly all rows are false positives.
    "GE": TableMetric(_error_cells, _entropy, _entropy_limits, (0.0, 1.0, 0.0), (-1.0, -1.0, 0.0)),
    "DCA": TableMetric(_acceptance_cells, _acceptance, _acceptance_limits, (0.0, 1.0, -1.0), (0.0, -1.0, 1.0)),
    "DCR": TableMetric(_rejection_cells, _rejection, _rejection_limits, (0.0, -1.0, 1.0), (0.0, 1.0, -1.0)),
})
