"""The bootstrap of the KDD 2021 paper's drift rule, on counts: resampled cells, metrics again, a normal interval."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import betainc, ndtri

from clarify.bias.catalog import BY_NAME, Metric
from clarify.bias.closed_form import normal_quantile
from clarify.bias.contingency import FoldedTable
from clarify.bias.evaluate import aws_value
from clarify.bias.reading import HONEST
from clarify.errors import UndefinedMetricError
from clarify.results import FlipCounts, GroupCounts, Interval

Counts = NDArray[np.int64]
Values = NDArray[np.float64]

_BITS: Final = 52                          # of a raw word, so that a half can be added exactly


def bootstrap_intervals(
    table: FoldedTable, metrics: Sequence[str], *, key: str, resamples: int = 1000, level: float = 0.95
) -> dict[str, Interval | None]:
    """Normal bootstrap intervals b +- z s of metrics of one table, s the deviation over resampled tables.

    Rows drawn with replacement and counted are multinomial cells, so no rows are needed. Most metrics see the 27
    cells of facet, label and predicted label; CDDL and CDDPL the cells of facet, (predicted) label and stratum; FT
    the flips of facet d's rows, whose neighbours are held.

    Parameters
    ----------
    table : FoldedTable
        Rows with something unknown are drawn like all others.
    metrics : sequence of str
        Names in the catalogue.
    key : str
        A digest of what is measured: the same key and counts give the same intervals with every version of NumPy.
    resamples : int
        Tables drawn.
    level : float
        Of the intervals.

    Returns
    -------
    dict of Interval by metric
        None where the metric is undefined on the table itself (or fewer than two resamples have a finite value).

    Notes
    -----
    A resample is read as AWS's library reads a table: 0/0 is 0, which keeps the interval of a rate with a few rows
    wide; infinite and missing values are left out. A normal bootstrap of a rate that is 0 is a point. The intervals
    to trust are those of :mod:`clarify.bias.intervals`; these exist so that the paper's rule runs as published.

    References
    ----------
    .. [1] M. Hardt et al., "Amazon SageMaker Clarify: machine learning bias detection and explainability in the
       cloud", KDD 2021.
    """
    tables = _Resampled(table, key, resamples)
    z = normal_quantile(level)
    return {name: _interval(BY_NAME[name], tables, z, level) for name in metrics}


def draw_multinomial(counts: Counts, *, key: str, draws: int) -> Counts:
    """Multinomial resamples of cells: as many rows, each cell as likely as it was; shape (draws, cells).

    A chain of exact binomials by inverse distribution function, one raw Philox word each. Raw words and the integer
    that a word selects do not change with the version of NumPy or SciPy.
    """
    occupied = np.flatnonzero(counts)
    drawn = np.zeros((draws, len(counts)), dtype=np.int64)
    uniforms = _uniforms(key, draws * len(occupied)).reshape(len(occupied), draws)
    left = np.full(draws, counts.sum(), dtype=np.int64)
    rest = int(counts.sum())
    for cell, uniform in zip(occupied, uniforms, strict=True):
        count = int(counts[cell])
        drawn[:, cell] = left if count == rest else _binomial(uniform, left, count / rest)
        left, rest = left - drawn[:, cell], rest - count
    return drawn


def _uniforms(key: str, n: int) -> Values:
    """Numbers in (0, 1), neither end among them, from raw 64-bit words."""
    digest = hashlib.blake2b(key.encode(), digest_size=16).digest()
    words = np.random.Philox(key=int.from_bytes(digest, "little")).random_raw(n)
    uniforms: Values = ((words >> np.uint64(64 - _BITS)).astype(np.float64) + 0.5) * 2.0**-_BITS
    return uniforms


def _binomial(uniform: Values, n: Counts, p: float) -> Counts:
    """The smallest k with P(X <= k) >= uniform: from the skewed normal quantile, walked to the exact one."""
    z = ndtri(uniform)
    guess = n * p + z * np.sqrt(n * p * (1 - p)) + (z * z - 1) * (1 - 2 * p) / 6
    k: Counts = np.clip(np.rint(guess), 0, n).astype(np.int64)
    _walk(k, 1, lambda at: _at_most(k[at], n[at], p) < uniform[at])
    _walk(k, -1, lambda at: _at_most(k[at] - 1, n[at], p) >= uniform[at])
    return k


def _walk(k: Counts, step: int, is_wrong: Callable[[NDArray[np.intp]], NDArray[np.bool_]]) -> None:
    """Move the elements of ``k``, in place, until none is wrong."""
    moving = np.arange(len(k))
    while len(moving):
        moving = moving[is_wrong(moving)]
        k[moving] += step


def _at_most(k: Counts, n: Counts, p: float) -> Values:
    """P(X <= k) for a binomial X; 0 below 0, 1 from n on."""
    inner = (k >= 0) & (k < n)
    below = np.where(inner, k, 0).astype(np.float64)
    above = np.where(inner, n - below, 1.0)
    return np.where(inner, betainc(above, below + 1.0, 1.0 - p), (k >= n).astype(np.float64))


class _Resampled:
    """The resampled tables that a metric reads, each kind drawn once and from words of its own."""

    def __init__(self, table: FoldedTable, key: str, n: int) -> None:
        self.table = table
        self.n = n
        self._key = key

    def of(self, metric: Metric) -> Sequence[FoldedTable]:
        if metric.needs_strata:
            return self._by_label if metric.stage == "pre_training" else self._by_prediction
        return self._by_flips if metric.needs_flips else self._by_cells

    @cached_property
    def _by_cells(self) -> list[FoldedTable]:
        known = self.table
        cells = np.concatenate([_cells(known.a), _cells(known.d), _cells(known.everyone)])
        cells[18:] -= cells[:9] + cells[9:18]           # rows of neither facet
        drawn = self._draw("cells", cells).reshape(-1, 3, 9)
        groups = np.stack([drawn[:, 0], drawn[:, 1], drawn.sum(axis=1)], axis=1)
        return [
            replace(known, a=a, d=d, everyone=everyone)
            for a, d, everyone in zip(*(_groups(groups[:, group]) for group in range(3)), strict=True)
        ]

    @cached_property
    def _by_label(self) -> list[FoldedTable]:
        return [replace(self.table, label_strata=drawn) for drawn in self._strata("label", self.table.label_strata)]

    @cached_property
    def _by_prediction(self) -> list[FoldedTable]:
        drawn_strata = self._strata("predicted label", self.table.predicted_strata)
        return [replace(self.table, predicted_strata=drawn) for drawn in drawn_strata]

    @cached_property
    def _by_flips(self) -> list[FoldedTable]:
        flips = self.table.flips
        if not isinstance(flips, FlipCounts):
            return []
        cells = np.array([flips.to_positive, flips.to_negative, flips.n_d - flips.to_positive - flips.to_negative])
        return [
            self.table.with_flips(FlipCounts(int(to_positive), int(to_negative), flips.n_d))
            for to_positive, to_negative, _ in self._draw("flips", cells)
        ]

    def _strata(self, what: str, strata: Counts) -> Iterator[Counts]:
        others = self.table.everyone.rows - int(strata.sum())
        for drawn in self._draw(f"strata by {what}", np.append(strata.ravel(), others)):
            yield drawn[:-1].reshape(strata.shape)

    def _draw(self, what: str, cells: Counts) -> Counts:
        return draw_multinomial(cells.astype(np.int64), key=f"{self._key}\n{what}", draws=self.n)


def _cells(group: GroupCounts) -> Counts:
    """Rows by label (1, 0, unknown) and predicted label (1, 0, unknown), shape (9,)."""
    tp, fp, fn, tn = group.true_positives, group.false_positives, group.false_negatives, group.true_negatives
    only_label = (group.positive_labels - tp - fn, group.negative_labels - fp - tn)
    only_predicted = (group.positive_predictions - tp - fp, group.negative_predictions - fn - tn)
    neither = group.unknown_labels - sum(only_predicted)
    return np.array([tp, fn, only_label[0], fp, tn, only_label[1], *only_predicted, neither], dtype=np.int64)


def _groups(cells: Counts) -> list[GroupCounts]:
    """The counts of many groups from their cells, shape (n, 9); the inverse of :func:`_cells`."""
    square = cells.reshape(-1, 3, 3)
    labels, predictions = square.sum(axis=2), square.sum(axis=1)
    columns = np.column_stack([
        cells.sum(axis=1), labels, predictions, square[:, 0, 0], square[:, 1, 0], square[:, 0, 1], square[:, 1, 1]
    ])
    return [GroupCounts(*row) for row in columns.tolist()]


def _interval(metric: Metric, tables: _Resampled, z: float, level: float) -> Interval | None:
    value = _value(metric, tables.table)
    if value is None:
        return None
    read = (aws_value(metric, resampled).value for resampled in tables.of(metric))
    found = [number for number in read if number is not None and math.isfinite(number)]
    if len(found) < 2:
        return None
    half = z * _deviation(found)
    return Interval(value - half, value + half, level)


def _value(metric: Metric, table: FoldedTable) -> float | None:
    try:
        return float(metric.formula(table, HONEST))
    except UndefinedMetricError:
        return None


def _deviation(values: Sequence[float]) -> float:
    mean = math.fsum(values) / len(values)
    return math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (len(values) - 1))
