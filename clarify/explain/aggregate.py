"""From local to global attributions, one player at a time, exactly summed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import fsum, hypot, nan, sqrt

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from clarify.results import Z_95

# Rows share one design, so their errors are correlated a little (.01-.06 seen); 0.25 is what makes 95 % intervals
# of the mean cover, and stays when the number of rows grows.
ERROR_CORRELATION = 0.25

Chunk = tuple[NDArray[np.float64], NDArray[np.float64]]


@dataclass(frozen=True)
class GlobalColumn:
    """One player's attributions to one output over n rows, in units of the score.

    ``mean_abs``, ``median`` (signed) and ``mean_sq`` are what the names say of the local values. Errors of the local
    values push ``mean_abs`` up by about ``mean_abs_excess``; ``standard_error`` is that of
    ``mean_abs - mean_abs_excess`` over the coalition design, 0 if all rows are exact.
    """

    n: int
    mean_abs: float
    median: float
    mean_sq: float
    mean_abs_excess: float
    standard_error: float

    @property
    def corrected_mean_abs(self) -> float:
        return self.mean_abs - self.mean_abs_excess

    @property
    def interval(self) -> tuple[float, float]:
        """95 %, of ``corrected_mean_abs`` over the coalition design."""
        reach = Z_95 * self.standard_error
        return max(self.corrected_mean_abs - reach, 0.0), self.corrected_mean_abs + reach


def aggregate_column(chunks: Iterable[Chunk]) -> GlobalColumn:
    r"""Aggregate one player's attributions: chunks of (values, standard errors), each of shape (m,).

    With b the folded-normal excess of each row and rho = 0.25 the correlation of errors between rows:

    .. math:: b_r = \max(0, E|\phi_r + s_r Z| - |\phi_r|), \qquad
        \mathrm{se}^2 = \rho\, \Big(\tfrac1n \sum_r s_r\Big)^2 + (1 - \rho) \sum_r s_r^2 / n^2

    Sums are exact (``math.fsum``), so the result is the same for any order and any partition of the rows. Memory: one
    player's column and its errors. Rows without an attribution (NaN) are left out. All numbers are NaN when there is
    no other row.
    """
    parts = [(np.asarray(values), np.asarray(errors)) for values, errors in chunks]
    values = np.concatenate([np.empty(0), *(part[0] for part in parts)])
    errors = np.concatenate([np.empty(0), *(part[1] for part in parts)])
    del parts
    explained = ~np.isnan(values)
    values, errors = values[explained], errors[explained]
    n = len(values)
    if n == 0:
        return GlobalColumn(0, nan, nan, nan, nan, nan)
    magnitudes = np.abs(values)
    uncertain = errors > 0
    excess = _folded_excess(magnitudes[uncertain], errors[uncertain])
    shared, own = _exact_sum(errors) / n, _exact_sum(np.square(errors)) / n**2
    return GlobalColumn(
        n=n,
        mean_abs=_exact_sum(magnitudes) / n,
        median=float(np.median(values)),
        mean_sq=_exact_sum(np.square(values)) / n,
        mean_abs_excess=_exact_sum(excess) / n,
        standard_error=sqrt(ERROR_CORRELATION * shared**2 + (1 - ERROR_CORRELATION) * own),
    )


def certain_order(columns: Sequence[GlobalColumn]) -> int:
    """How many of the leading players, by corrected mean |attribution|, keep their place within the errors.

    A player keeps its place if the next one is smaller by more than 1.96 standard errors of the difference, the two
    taken as independent; the last of all has nobody to change with.
    """
    ranked = sorted(columns, key=lambda column: -column.corrected_mean_abs)
    for place, (column, follower) in enumerate(pairwise(ranked)):
        difference = column.corrected_mean_abs - follower.corrected_mean_abs
        if not difference > Z_95 * hypot(column.standard_error, follower.standard_error):
            return place
    return len(ranked)


def _exact_sum(numbers: NDArray[np.float64]) -> float:
    return fsum(numbers.tolist())


def _folded_excess(magnitudes: NDArray[np.float64], errors: NDArray[np.float64]) -> NDArray[np.float64]:
    """How much larger |x + s Z| is than |x| on average, for standard normal Z; s > 0."""
    ratio = magnitudes / errors
    folded = errors * np.sqrt(2 / np.pi) * np.exp(-0.5 * np.square(ratio)) + magnitudes * (1 - 2 * ndtr(-ratio))
    excess: NDArray[np.float64] = np.maximum(folded - magnitudes, 0.0)
    return excess
