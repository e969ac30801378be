"""The interval house: every metric as a function of at most four independent Jeffreys proportions on one lattice."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, NamedTuple, Protocol

import numpy as np
from scipy.special import expit, xlogy

from clarify.bias.closed_form import StratifiedDisparity, normal_quantile
from clarify.bias.contingency import FoldedTable
from clarify.bias.lattice import MIDPOINTS, N_POINTS, Values, beta_logits, quantile, three_shares
from clarify.bias.post_training import n_pairs
from clarify.errors import ConfigError, Problem
from clarify.results import FlipCounts, GroupCounts, Interval


class TailP(NamedTuple):
    """Two p-values of one metric against one allowed range: evidence that it is outside, that it is inside."""

    outside: float
    inside: float


class Plausible(Protocol):
    """What the counts allow a metric to be: an interval at any level, tail masses for any range."""

    def interval(self, level: float = 0.95) -> Interval: ...

    def tail_p(self, low: float | None, high: float | None) -> TailP: ...


@dataclass(frozen=True, eq=False)
class LatticeValues:
    """A metric on the lattice.

    ``values``: ascending, of the signed quantity when ``power`` is set (KL, JS, TVD, KS, LP): the metric is then
    ``scale * abs(value) ** power``. ``point``: the metric's finite value, None when undefined. ``open_below``,
    ``open_above``: the side is fed by a zero denominator and is infinite at every level.
    """

    values: Values
    point: float | None
    open_below: bool = False
    open_above: bool = False
    power: int | None = None
    scale: float = 1.0

    def interval(self, level: float = 0.95) -> Interval:
        """Equal-tailed interval, widened to contain the finite point."""
        low, high = (quantile(self.values, p) for p in ((1 - level) / 2, (1 + level) / 2))
        if self.power is not None:
            low, high = self._fold(low, high, self.power)
        low = -math.inf if self.open_below else low
        high = math.inf if self.open_above else high
        return _containing(self.point, Interval(low, high, level))

    def tail_p(self, low: float | None, high: float | None) -> TailP:
        """p-values against the allowed range [low, high], None for a missing side; see statistics, section 2.

        They agree with :meth:`interval` at every level: a range edge between the quantiles and the point
        counts as touched, and an infinite side reaches beyond any range.
        """
        if self.power is None:
            return self._tail_p(low, high)
        return self._tail_p(*self._unfold(low, high, self.power), point_range=(low, high))

    def _tail_p(
        self,
        low: float | None,
        high: float | None,
        *,
        point_range: tuple[float | None, float | None] | None = None,
    ) -> TailP:
        at_most = 1.0 if high is None or self.open_below else self._mass(int(self._rank(high, "right")))
        at_least = 1.0 if low is None or self.open_above else self._mass(N_POINTS - int(self._rank(low, "left")))
        if point_range is None:
            at_most, at_least = _on_the_side_of(self.point, low, high, at_most, at_least)
        below = 0.0 if low is None else self._mass(int(self._rank(low, "left")))
        above = 0.0 if high is None else self._mass(N_POINTS - int(self._rank(high, "right")))
        outside, inside = min(1.0, 2 * min(at_most, at_least)), min(1.0, 2 * max(below, above))
        if (self.open_below and low is not None) or (self.open_above and high is not None):
            inside = 1.0
        return _touching(self.point, *(point_range or (low, high)), TailP(outside, inside))

    def _rank(self, edge: float, side: str) -> np.intp:
        rank: np.intp = np.searchsorted(self.values, edge, side=side)  # type: ignore[call-overload]
        return rank

    @staticmethod
    def _mass(count: int) -> float:
        return (count + 0.5) / (N_POINTS + 1)

    def _fold(self, low: float, high: float, power: int) -> tuple[float, float]:
        nearest = 0.0 if low <= 0 <= high else min(abs(low), abs(high))
        return self.scale * nearest**power, self.scale * max(abs(low), abs(high)) ** power

    def _unfold(self, low: float | None, high: float | None, power: int) -> tuple[float | None, float | None]:
        """The allowed range [0, high] on the signed scale."""
        if (low is not None and low > 0) or (high is not None and high < 0):
            raise ConfigError(
                Problem("CFG-RANGE-FOLDED", "range", f"[{low}, {high}]", "[0, h] with h >= 0",
                        "a divergence is 0 at equality; allow everything from 0 up to a limit")
            )
        if high is None or high == math.inf:
            return None, None
        signed = (high / self.scale) ** (1 / power)
        return -signed, signed


@dataclass(frozen=True, eq=False)
class StratifiedValues:
    """CDDL or CDDPL by stratified MOVER: closed form, no lattice."""

    disparity: StratifiedDisparity
    point: float

    def interval(self, level: float = 0.95) -> Interval:
        return _containing(self.point, Interval(*self.disparity.limits(normal_quantile(level)), level))

    def tail_p(self, low: float | None, high: float | None) -> TailP:
        below_high = 1.0 if high is None else self.disparity.mass_below(high)
        below_low = 0.0 if low is None else self.disparity.mass_below(low)
        outside = min(1.0, 2 * min(_on_the_side_of(self.point, low, high, below_high, 1.0 - below_low)))
        inside = min(1.0, 2 * max(below_low, 1.0 - below_high))
        return _touching(self.point, low, high, TailP(outside, inside))


def _containing(point: float | None, interval: Interval) -> Interval:
    if point is None:
        return interval
    return Interval(min(interval.low, point), max(interval.high, point), interval.level)


def _touching(point: float | None, low: float | None, high: float | None, p: TailP) -> TailP:
    """The interval contains the point, so a point outside forbids "inside" and a point inside forbids "outside".

    A point on an edge is a tie: the interval reaches to the edge at every level, and neither is shown.
    """
    if point is None:
        return p
    if point in (low, high):
        return TailP(1.0, 1.0)
    is_inside = (low is None or point >= low) and (high is None or point <= high)
    return TailP(1.0, p.inside) if is_inside else TailP(p.outside, 1.0)


def _on_the_side_of(
    point: float | None, low: float | None, high: float | None, at_most: float, at_least: float
) -> tuple[float, float]:
    """Masses that speak for a value above ``high`` and below ``low``: where the point lies beyond the other limit, the
    interval that contains it spans the whole range, and neither is shown."""
    if point is None:
        return at_most, at_least
    return 1.0 if low is not None and point < low else at_most, 1.0 if high is not None and point > high else at_least


Builder = Callable[[FoldedTable, float | None], "Plausible | None"]
Rate = Callable[[GroupCounts], tuple[int, int]]


def plausible_values(name: str, table: FoldedTable, point: float | None) -> Plausible | None:
    """What the counts allow metric ``name`` to be, or None when a rate behind it has no rows.

    ``table`` is the honest fold (:meth:`ContingencyTable.known`), with flips for FT; ``point`` is the metric's
    honest value there, None when undefined.
    """
    return _BUILDERS[name](table, point)


def lattice_values(name: str, table: FoldedTable, point: float | None = None) -> Values | None:
    """Ascending values on the lattice (signed for KL, JS, TVD, KS, LP); None for CDDL, CDDPL and without rows."""
    plausible = plausible_values(name, table, point)
    return plausible.values if isinstance(plausible, LatticeValues) else None


def _ascending(values: Values) -> Values:
    ordered = np.sort(values)
    ordered.setflags(write=False)
    return ordered


def _labels(group: GroupCounts) -> tuple[int, int]:
    return group.positive_labels, group.negative_labels


def _predictions(group: GroupCounts) -> tuple[int, int]:
    return group.positive_predictions, group.negative_predictions


def _recall(group: GroupCounts) -> tuple[int, int]:
    return group.true_positives, group.false_negatives


def _specificity(group: GroupCounts) -> tuple[int, int]:
    return group.true_negatives, group.false_positives


def _precision(group: GroupCounts) -> tuple[int, int]:
    return group.true_positives, group.false_positives


def _negative_precision(group: GroupCounts) -> tuple[int, int]:
    return group.true_negatives, group.false_negatives


def _accuracy(group: GroupCounts) -> tuple[int, int]:
    return group.true_positives + group.true_negatives, group.false_positives + group.false_negatives


def _errors(group: GroupCounts) -> tuple[int, int]:
    return group.false_negatives, group.false_positives


def _logits(rate: Rate, table: FoldedTable) -> tuple[Values, Values] | None:
    """Logits of a rate in facet a (column 1) and facet d (column 2); None when nobody is behind one of them."""
    of_a, of_d = rate(table.a), rate(table.d)
    if sum(of_a) == 0 or sum(of_d) == 0:
        return None
    return beta_logits(*of_a, 1), beta_logits(*of_d, 2)


def _difference(rate: Rate, *, sign: int = 1) -> Builder:
    """Rate of facet a minus rate of facet d; ``sign`` -1 for d minus a."""

    def build(table: FoldedTable, point: float | None) -> LatticeValues | None:
        logits = _logits(rate, table)
        if logits is None:
            return None
        return LatticeValues(_ascending(sign * (expit(logits[0]) - expit(logits[1]))), point)

    return build


def _folded_difference(*, scale: float = 1.0) -> Builder:
    """TVD and KS (scale 1), LP (scale sqrt 2): the absolute difference of the positive labels."""

    def build(table: FoldedTable, point: float | None) -> LatticeValues | None:
        logits = _logits(_labels, table)
        if logits is None:
            return None
        return LatticeValues(_ascending(expit(logits[0]) - expit(logits[1])), point, power=1, scale=scale)

    return build


def _signed_root(divergence: Callable[[Values, Values], Values]) -> Builder:
    """KL and JS: the root of the divergence with the sign of DPL, smooth through equality, folded afterwards."""

    def build(table: FoldedTable, point: float | None) -> LatticeValues | None:
        logits = _logits(_labels, table)
        if logits is None:
            return None
        p_a, p_d = expit(logits[0]), expit(logits[1])
        root = np.sign(p_a - p_d) * np.sqrt(np.maximum(divergence(p_a, p_d), 0.0))
        return LatticeValues(_ascending(root), point, power=2)

    return build


def _binary_kl(p: Values, q: Values) -> Values:
    result: Values = xlogy(p, p / q) + xlogy(1 - p, (1 - p) / (1 - q))
    return result


def _binary_js(p: Values, q: Values) -> Values:
    mean = 0.5 * (p + q)
    return 0.5 * (_binary_kl(p, mean) + _binary_kl(q, mean))


def _class_imbalance(table: FoldedTable, point: float | None) -> LatticeValues | None:
    if table.a.rows == 0 or table.d.rows == 0:
        return None
    # 1 - 2q with q the share of facet d: -tanh of half its logit.
    return LatticeValues(_ascending(-np.tanh(beta_logits(table.d.rows, table.a.rows, MIDPOINTS) / 2)), point)


def _disparate_impact(table: FoldedTable, point: float | None) -> LatticeValues | None:
    logits = _logits(_predictions, table)
    if logits is None:
        return None
    return LatticeValues(
        _ascending(expit(logits[1]) / expit(logits[0])), point, open_above=table.a.positive_predictions == 0
    )


def _treatment_equality(table: FoldedTable, point: float | None) -> LatticeValues | None:
    logits = _logits(_errors, table)
    if logits is None:
        return None
    return LatticeValues(
        _ascending(np.exp(logits[1]) - np.exp(logits[0])),
        point,
        open_below=table.a.false_positives == 0,
        open_above=table.d.false_positives == 0,
    )


def observed_per_predicted(right: int, wrong: int, missed: int, columns: tuple[int, int]) -> Values | None:
    """(right + missed) / (right + wrong) of a Jeffreys Dirichlet over the three cells, in lattice order."""
    if right + wrong + missed == 0:
        return None
    s, t = three_shares(right, wrong, missed, columns)
    ratios: Values = expit(t) + np.exp(-s)
    return ratios


def _conditional_outcome(*, positive: bool) -> Builder:
    """DCA (positive, a minus d) and DCR (negative, d minus a)."""

    def build(table: FoldedTable, point: float | None) -> LatticeValues | None:
        cells = [_outcome_cells(group, positive) for group in (table.a, table.d)]
        of_a = observed_per_predicted(*cells[0], (1, 2))
        of_d = observed_per_predicted(*cells[1], (3, 4))
        if of_a is None or of_d is None:
            return None
        a_is_infinite, d_is_infinite = (right + wrong == 0 for right, wrong, _ in cells)
        if positive:
            return LatticeValues(_ascending(of_a - of_d), point, open_below=d_is_infinite, open_above=a_is_infinite)
        return LatticeValues(_ascending(of_d - of_a), point, open_below=a_is_infinite, open_above=d_is_infinite)

    return build


def _outcome_cells(group: GroupCounts, positive: bool) -> tuple[int, int, int]:
    if positive:
        return group.true_positives, group.false_positives, group.false_negatives
    return group.true_negatives, group.false_negatives, group.false_positives


def _generalised_entropy(table: FoldedTable, point: float | None) -> LatticeValues | None:
    everyone = table.everyone
    n, n_fp, n_fn = n_pairs(everyone), everyone.false_positives, everyone.false_negatives
    if n == 0:
        return None
    s, t = (expit(logits) for logits in three_shares(n_fp, n_fn, n - n_fp - n_fn, (1, 2)))
    f, g = s * t, s * (1 - t)
    return LatticeValues(_ascending(((1 + 3 * f - g) / (1 + f - g) ** 2 - 1) / 2), point, open_above=n_fn == n)


def _flip_test(table: FoldedTable, point: float | None) -> LatticeValues | None:
    flips = table.flips
    if not isinstance(flips, FlipCounts) or flips.n_d == 0 or table.a.rows == 0:
        return None
    unflipped = flips.n_d - flips.to_negative - flips.to_positive
    s, t = (expit(logits) for logits in three_shares(flips.to_negative, flips.to_positive, unflipped, (1, 2)))
    return LatticeValues(_ascending(s * (2 * t - 1)), point)


def _stratified(*, predicted: bool) -> Builder:
    def build(table: FoldedTable, point: float | None) -> StratifiedValues | None:
        if point is None:
            return None
        strata = table.predicted_strata if predicted else table.label_strata
        occupied = strata[strata.sum(axis=(1, 2)) > 0]
        return StratifiedValues(StratifiedDisparity(occupied), point)

    return build


_BUILDERS: Final[Mapping[str, Builder]] = MappingProxyType({
    "CI": _class_imbalance,
    "DPL": _difference(_labels),
    "KL": _signed_root(_binary_kl),
    "JS": _signed_root(_binary_js),
    "LP": _folded_difference(scale=math.sqrt(2)),
    "TVD": _folded_difference(),
    "KS": _folded_difference(),
    "CDDL": _stratified(predicted=False),
    "DPPL": _difference(_predictions),
    "DI": _disparate_impact,
    "DCA": _conditional_outcome(positive=True),
    "DCR": _conditional_outcome(positive=False),
    "RD": _difference(_recall),
    "SD": _difference(_specificity, sign=-1),
    "DAR": _difference(_precision),
    "DRR": _difference(_negative_precision, sign=-1),
    "AD": _difference(_accuracy),
    "CDDPL": _stratified(predicted=True),
    "TE": _treatment_equality,
    "FT": _flip_test,
    "GE": _generalised_entropy,
})
