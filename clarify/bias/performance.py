"""How well the predictions of one group do: shares and ratios of its confusion counts, each with an interval."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.special import betaincinv

from clarify.bias import post_training
from clarify.bias.intervals import observed_per_predicted
from clarify.bias.lattice import PRIOR, quantile
from clarify.bias.post_training import n_pairs, n_predictions
from clarify.bias.reading import HONEST
from clarify.errors import UndefinedMetricError
from clarify.results import GroupCounts, Interval, Reason


@dataclass(frozen=True)
class Performance:
    """One performance measure of one group; ``name`` is the one AWS's library prints."""

    name: str
    value: float | None
    interval: Interval | None
    undefined_because: Reason | None = None


def jeffreys_interval(count: int, rows: int, *, level: float = 0.95) -> Interval:
    """Equal-tailed interval of a proportion with a Jeffreys prior, widened to contain count / rows; rows >= 1."""
    alpha, beta = count + PRIOR, rows - count + PRIOR
    low, high = (float(betaincinv(alpha, beta, p)) for p in ((1 - level) / 2, (1 + level) / 2))
    return Interval(min(low, count / rows), max(high, count / rows), level)


def measure_performance(group: GroupCounts, *, level: float = 0.95) -> tuple[Performance, ...]:
    """Accuracy, shares of positive and negative predictions, rates, conditional outcomes and F1 of one group."""
    shares = tuple(_share(name, *counts(group), level) for name, counts in _SHARES)
    return (*shares, *(_ratio(group, positive, level) for positive in (True, False)), _f1_score(group, level))


Counts = Callable[[GroupCounts], tuple[int, int]]

_SHARES: Final[tuple[tuple[str, Counts], ...]] = (
    ("Accuracy", lambda g: (g.true_positives + g.true_negatives, n_pairs(g))),
    ("Proportion of Positive Predictions in Labels", lambda g: (g.positive_predictions, n_predictions(g))),
    ("Proportion of Negative Predictions in Labels", lambda g: (g.negative_predictions, n_predictions(g))),
    ("True Positive Rate / Recall", lambda g: (g.true_positives, g.true_positives + g.false_negatives)),
    ("True Negative Rate / Specificity", lambda g: (g.true_negatives, g.true_negatives + g.false_positives)),
    ("Acceptance Rate / Precision", lambda g: (g.true_positives, g.true_positives + g.false_positives)),
    ("Rejection Rate", lambda g: (g.true_negatives, g.true_negatives + g.false_negatives)),
)


def _share(name: str, count: int, rows: int, level: float) -> Performance:
    if rows == 0:
        return Performance(name, None, None, Reason.NO_ROWS)
    return Performance(name, count / rows, jeffreys_interval(count, rows, level=level))


def _ratio(group: GroupCounts, positive: bool, level: float) -> Performance:
    """Conditional acceptance or rejection: observed per predicted, one Jeffreys Dirichlet on the lattice."""
    name = "Conditional Acceptance" if positive else "Conditional Rejection"
    measure = post_training.conditional_acceptance if positive else post_training.conditional_rejection
    cells = (
        (group.true_positives, group.false_positives, group.false_negatives)
        if positive
        else (group.true_negatives, group.false_negatives, group.false_positives)
    )
    values = observed_per_predicted(*cells, (1, 2))
    if values is None:
        return Performance(name, None, None, Reason.NO_ROWS)
    ordered = np.sort(values)
    low, high = (quantile(ordered, p) for p in ((1 - level) / 2, (1 + level) / 2))
    try:
        value = measure(group, HONEST)
    except UndefinedMetricError as undefined:
        return Performance(name, None, Interval(low, math.inf, level), Reason(undefined.reason))
    return Performance(name, value, Interval(min(low, value), max(high, value), level))


def _f1_score(group: GroupCounts, level: float) -> Performance:
    """F1 = 2s / (1 + s), where s is the share of true positives among all rows but the true negatives."""
    hits = group.true_positives
    rows = hits + group.false_positives + group.false_negatives
    if rows == 0:
        return Performance("F1 Score", None, None, Reason.NO_ROWS)
    share = jeffreys_interval(hits, rows, level=level)
    return Performance("F1 Score", _f1(hits / rows), Interval(_f1(share.low), _f1(share.high), level))


def _f1(share: float) -> float:
    return 2 * share / (1 + share)
