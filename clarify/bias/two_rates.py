"""The metrics of two proportions, one a facet: which rate each reads, and where it meets the edges of a range."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import xlogy

from clarify.bias.critical_counts import Boundary, Curve, Line
from clarify.results import GroupCounts

Values = NDArray[np.float64]
_EDGE_OF_RATES: Final = 1e-12

Rate = Callable[[GroupCounts], tuple[int, int]]


@dataclass(frozen=True)
class TwoRates:
    """A metric of two proportions, one a facet, through a signed quantity that falls as facet d's rate grows.

    The metric is ``sign * signed``, or ``scale * abs(signed) ** fold`` when ``fold`` is set. ``rate``: count and rows
    of one group; ``denominator``: who these rows are.
    """

    rate: Rate
    denominator: str
    signed: Callable[[Values, Values], Values]
    kind: Literal["difference", "ratio", "curve"] = "difference"
    sign: int = 1
    fold: int | None = None
    scale: float = 1.0

    def signed_at(self, rate_a: float, rate_d: float) -> float:
        return float(self.signed(np.array([rate_a]), np.array([rate_d]))[0])

    def value(self, rate_a: float, rate_d: float) -> float:
        """The metric at true rates of the two facets."""
        return self.folded(self.signed_at(rate_a, rate_d))

    def folded(self, signed: float) -> float:
        return self.sign * signed if self.fold is None else self.scale * abs(signed) ** self.fold

    def edges(self, low: float | None, high: float | None) -> tuple[float | None, float | None]:
        """The allowed range of the metric as limits of the signed quantity; None for a side without a limit."""
        if self.fold is not None:
            root = None if high is None else (max(high, 0.0) / self.scale) ** (1 / self.fold)
            return (None, None) if root is None else (-root, root)
        if self.sign > 0:
            return low, high
        return None if high is None else -high, None if low is None else -low

    def boundary(self, edge: float, given: Literal["a", "d"]) -> Boundary:
        """Rate of the other facet at which the signed quantity equals ``edge``, given one facet's rate."""
        if self.kind == "difference":
            return Line(1.0, -edge if given == "a" else edge)
        if self.kind == "ratio":                # the signed quantity is -(rate of d) / (rate of a)
            return Line(-edge if given == "a" else -1.0 / edge, 0.0)
        return Curve(self.signed, edge, given)

    def rate_d_at(self, signed: float, rate_a: float) -> float | None:
        """Facet d's rate at which the signed quantity takes a value; None when there is none."""
        if self.kind == "ratio" and signed >= 0:
            return None
        rate_d = float(self.boundary(signed, "a").at(np.array([rate_a]))[0])
        if not 0.0 <= rate_d <= 1.0:
            return None
        return rate_d if math.isclose(self.signed_at(rate_a, rate_d), signed, rel_tol=1e-3, abs_tol=1e-6) else None

    def rates_d(self, value: float, rate_a: float, low: float | None, high: float | None) -> Iterator[float]:
        """Facet d's rates at which the metric is ``value``, or minus it where its sign only says who has more.

        Only where that lies outside the allowed range.
        """
        lower, upper = self.edges(low, high)
        for signed in self.signed_values(value):
            is_outside = (lower is not None and signed < lower) or (upper is not None and signed > upper)
            rate_d = self.rate_d_at(signed, rate_a) if is_outside else None
            if rate_d is not None:
                yield rate_d

    def signed_values(self, value: float) -> tuple[float, ...]:
        """The signed quantities that a planned ``value`` of the metric stands for, one for each facet with more."""
        if self.fold is not None:
            root = (value / self.scale) ** (1 / self.fold)
            return root, -root
        return (-value,) if self.kind == "ratio" else (value, -value)


def _inside(rate: Values) -> Values:
    return np.clip(rate, _EDGE_OF_RATES, 1.0 - _EDGE_OF_RATES)


def _difference(rate_a: Values, rate_d: Values) -> Values:
    return rate_a - rate_d


def _negative_ratio(rate_a: Values, rate_d: Values) -> Values:
    return -rate_d / _inside(rate_a)


def _difference_of_odds(share_a: Values, share_d: Values) -> Values:
    share_a, share_d = _inside(share_a), _inside(share_d)
    return share_a / (1 - share_a) - share_d / (1 - share_d)


def _binary_kl(p: Values, q: Values) -> Values:
    divergence: Values = xlogy(p, p / q) + xlogy(1 - p, (1 - p) / (1 - q))
    return np.maximum(divergence, 0.0)


def _root_of_kl(rate_a: Values, rate_d: Values) -> Values:
    p, q = _inside(rate_a), _inside(rate_d)
    return np.sign(p - q) * np.sqrt(_binary_kl(p, q))


def _root_of_js(rate_a: Values, rate_d: Values) -> Values:
    p, q = _inside(rate_a), _inside(rate_d)
    mean = (p + q) / 2
    return np.sign(p - q) * np.sqrt((_binary_kl(p, mean) + _binary_kl(q, mean)) / 2)


def _labels(group: GroupCounts) -> tuple[int, int]:
    return group.positive_labels, group.positive_labels + group.negative_labels


def _predictions(group: GroupCounts) -> tuple[int, int]:
    return group.positive_predictions, group.positive_predictions + group.negative_predictions


def _recall(group: GroupCounts) -> tuple[int, int]:
    return group.true_positives, group.true_positives + group.false_negatives


def _specificity(group: GroupCounts) -> tuple[int, int]:
    return group.true_negatives, group.true_negatives + group.false_positives


def _precision(group: GroupCounts) -> tuple[int, int]:
    return group.true_positives, group.true_positives + group.false_positives


def _negative_precision(group: GroupCounts) -> tuple[int, int]:
    return group.true_negatives, group.true_negatives + group.false_negatives


def _accuracy(group: GroupCounts) -> tuple[int, int]:
    right = group.true_positives + group.true_negatives
    return right, right + group.false_positives + group.false_negatives


def _missed_of_errors(group: GroupCounts) -> tuple[int, int]:
    return group.false_negatives, group.false_negatives + group.false_positives


_OF_LABELS: Final = TwoRates(_labels, "rows with a label", _difference)

TWO_RATES: Final[Mapping[str, TwoRates]] = MappingProxyType({
    "DPL": _OF_LABELS,
    "TVD": replace(_OF_LABELS, fold=1),
    "KS": replace(_OF_LABELS, fold=1),
    "LP": replace(_OF_LABELS, fold=1, scale=math.sqrt(2)),
    "KL": TwoRates(_labels, "rows with a label", _root_of_kl, "curve", fold=2),
    "JS": TwoRates(_labels, "rows with a label", _root_of_js, "curve", fold=2),
    "DPPL": TwoRates(_predictions, "rows with a predicted label", _difference),
    "DI": TwoRates(_predictions, "rows with a predicted label", _negative_ratio, "ratio", sign=-1),
    "RD": TwoRates(_recall, "rows with a positive label", _difference),
    "SD": TwoRates(_specificity, "rows with a negative label", _difference, sign=-1),
    "DAR": TwoRates(_precision, "rows with a positive predicted label", _difference),
    "DRR": TwoRates(_negative_precision, "rows with a negative predicted label", _difference, sign=-1),
    "AD": TwoRates(_accuracy, "rows with a label and a predicted label", _difference),
    "TE": TwoRates(_missed_of_errors, "rows that are predicted wrongly", _difference_of_odds, "curve", sign=-1),
})
"""Metrics whose power is enumerated; for TE the errors of each facet are taken as given."""
