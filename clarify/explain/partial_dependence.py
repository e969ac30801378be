"""Mean prediction as one feature takes each value of a grid: grids, weighted distinct rows, exact sums."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from clarify.errors import DataError, Problem
from clarify.features import Features

PERCENTS = (5, 25, 50, 75, 95)
"""The quantiles of the rows' scores that are kept at every grid point."""


def bucket_centres(low: float, high: float, n_buckets: int) -> NDArray[np.float64]:
    """Centres of ``n_buckets`` equal-width buckets from ``low`` to ``high``; the value alone when both are equal.

    Examples
    --------
    >>> bucket_centres(19.0, 75.0, 15)[:2].round(4).tolist()
    [20.8667, 24.6]
    """
    if low == high:
        return np.array([low])
    return _between(low, high, (np.arange(n_buckets) + 0.5) / n_buckets)


def buckets_of(values: NDArray[np.float64], low: float, high: float, n_buckets: int) -> NDArray[np.intp]:
    """The bucket of each finite value, shape (m,); a bucket holds its lower end, the last one both."""
    finite = values[np.isfinite(values)]
    if low == high:
        return np.zeros(len(finite), dtype=np.intp)
    inner = _between(low, high, np.arange(1, n_buckets) / n_buckets)
    found: NDArray[np.intp] = np.searchsorted(inner, finite, side="right")
    return found


def _between(low: float, high: float, share: NDArray[np.float64]) -> NDArray[np.float64]:
    # Not low + share * (high - low): the difference of two large numbers of different sign overflows.
    values: NDArray[np.float64] = low * (1 - share) + high * share
    return values


@dataclass(frozen=True, eq=False)
class DistinctRows:
    """Different rows by key, ascending: how many rows of the data each stands for, and where the first one lies."""

    keys: NDArray[np.uint64]
    weights: NDArray[np.int64]
    first_rows: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.keys)


def count_rows(keys: NDArray[np.uint64], first_row: int, *, most: int, below: int | None = None) -> DistinctRows:
    """The ``most`` smallest keys of consecutive rows, of those up to ``below`` when it is given."""
    found, first, weights = np.unique(keys, return_index=True, return_counts=True)
    end = min(most, len(found) if below is None else int(np.searchsorted(found, np.uint64(below), side="right")))
    return DistinctRows(found[:end], weights[:end].astype(np.int64), first[:end].astype(np.int64) + first_row)


def merge_rows(parts: Iterable[DistinctRows], *, most: int) -> DistinctRows:
    """The ``most`` smallest keys of all parts, weights added up: the same for any partition of the rows.

    A key among the smallest of all is among the smallest of every part that has it, so that no part has cut it off.
    """
    held = list(parts)
    keys = np.concatenate([np.empty(0, np.uint64), *(part.keys for part in held)])
    weights = np.concatenate([np.empty(0, np.int64), *(part.weights for part in held)])
    first_rows = np.concatenate([np.empty(0, np.int64), *(part.first_rows for part in held)])
    order = np.lexsort((first_rows, keys))
    found, starts = np.unique(keys[order], return_index=True)
    added = np.add.reduceat(weights[order], starts) if len(starts) else weights
    return DistinctRows(found[:most], added[:most], first_rows[order][starts][:most])


def forced(features: Features, position: int, value: float | str) -> Features:
    """The same rows with one feature set to a value.

    A word in a text column, ``"True"`` or ``"False"`` in a column of truth values, else a number, which becomes a
    whole one where a column holds integers that float64 cannot.
    """
    column = features.columns[position]
    kind, vocabulary, values = column.kind, column.vocabulary, features.values.copy()
    if vocabulary is not None:
        word = value if isinstance(value, str) else round(value)
        vocabulary = vocabulary if word in vocabulary else (*vocabulary, word)
        values[:, position] = vocabulary.index(word)
    elif kind == "bool":
        values[:, position] = value == "True"
    else:
        values[:, position] = float(value)
        # A column of integers would lose the fraction on its way to the model.
        kind = kind if float(value).is_integer() else "float"
    columns = list(features.columns)
    columns[position] = replace(column, kind=kind, vocabulary=vocabulary)
    return Features(tuple(columns), values)


@dataclass(frozen=True)
class PointSummary:
    """Scores of one output at one grid point over all rows: mean, its standard error over rows, quantiles."""

    mean: float
    standard_error: float
    quantiles: tuple[float, ...]             # at PERCENTS


def summarise(scores: NDArray[np.float64], weights: NDArray[np.int64]) -> PointSummary:
    r"""Summarise the scores of distinct rows; ``scores`` and ``weights`` have shape (n,), scores are finite.

    .. math:: m = \sum_i w_i f_i / \sum_i w_i, \qquad
        \mathrm{se}^2 = \frac{n}{n - 1} \sum_i w_i^2 (f_i - m)^2 / \Big(\sum_i w_i\Big)^2

    The standard error is that of a ratio of means over a random sample of distinct rows (with weights of 1: sd over
    the root of n); it is infinite for a single row. A quantile is the smallest score that at least so many per cent of
    the rows do not exceed. Sums are exact (``math.fsum``), so the order of the rows does not matter.

    Raises
    ------
    DataError
        If there is no row.

    References
    ----------
    .. [1] Friedman, "Greedy function approximation", 2001, section 8.2 (partial dependence).
    .. [2] Goldstein et al., "Peeking inside the black box", 2015 (individual conditional expectation).
    .. [3] Cochran, "Sampling techniques", 3rd ed., section 6.4 (standard error of a ratio).

    Examples
    --------
    Three rows answer 0.2 and one answers 0.6:

    >>> found = summarise(np.array([0.6, 0.2]), np.array([1, 3]))
    >>> round(found.mean, 12), found.quantiles
    (0.3, (0.2, 0.2, 0.2, 0.2, 0.6))
    """
    n, total = len(scores), int(weights.sum())
    if n == 0:
        raise DataError(Problem("DATA-EMPTY", "dataset", "no rows", "at least one row", "check the dataset's URI"))
    mean = _exact_sum(weights * scores) / total
    squares = _exact_sum(np.square(weights * (scores - mean)))
    error = math.sqrt(n / (n - 1) * squares) / total if n > 1 else math.inf
    return PointSummary(mean, error, _quantiles(scores, weights, total))


def _quantiles(scores: NDArray[np.float64], weights: NDArray[np.int64], total: int) -> tuple[float, ...]:
    order = np.argsort(scores, kind="stable")
    reached = 100 * np.cumsum(weights[order])            # whole numbers: no quantile hangs on a rounding error
    return tuple(float(scores[order[np.searchsorted(reached, percent * total)]]) for percent in PERCENTS)


def _exact_sum(numbers: NDArray[np.float64]) -> float:
    return math.fsum(numbers.tolist())
