"""Mean attributions of groups of rows and the gaps between them, from sums that are exact in any order."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from clarify.explain.aggregate import ERROR_CORRELATION
from clarify.results import GroupEffect, Interval

LEVEL = 0.95
FEWEST_ROWS = 2                    # one row has no variance
# Larger magnitudes would overflow the grid below; attributions of such a feature are not summed.
_LARGEST = 2.0**960
_MOST_TERMS = 64


@dataclass(frozen=True, eq=False)
class GroupSums:
    """What groups of rows add up to: sums of deviations, of their squares, and of standard errors.

    ``terms`` is float64 of shape (n_terms, 3, n_groups, n_columns): added exactly over its first axis it is the sums.
    """

    rows: NDArray[np.int64]        # (n_groups,)
    terms: NDArray[np.float64]

    def rounded(self) -> GroupTotals:
        """The sums, each rounded once."""
        columns = _flat(self.terms).T.tolist()
        return GroupTotals(self.rows, np.array([math.fsum(column) for column in columns]).reshape(self.terms.shape[1:]))


@dataclass(frozen=True, eq=False)
class GroupTotals:
    """Sums of deviations, of their squares and of standard errors, as float64 of shape (3, n_groups, n_columns)."""

    rows: NDArray[np.int64]        # (n_groups,)
    values: NDArray[np.float64]


def sum_groups(
    members: NDArray[np.bool_],
    attributions: NDArray[np.float64],
    standard_errors: NDArray[np.float64],
    centres: NDArray[np.float64],
) -> GroupSums:
    """Sums over the members of each group.

    Parameters
    ----------
    members : bool of shape (n_groups, n)
    attributions, standard_errors : float64 of shape (n, n_columns), finite
    centres : float64 of shape (n_columns,)
        Deviations are taken from these, the same ones for all rows of an analysis. Any number near the attributions
        will do; it keeps squares from drowning their differences.
    """
    n_groups, n_columns = len(members), attributions.shape[1]
    deviations = attributions - centres
    summed = np.concatenate([deviations, np.square(deviations), standard_errors], axis=1)
    terms = exact_terms(summed, members.astype(np.float64))
    terms = terms.reshape(len(terms), n_groups, 3, n_columns).transpose(0, 2, 1, 3)
    return GroupSums(members.sum(axis=1, dtype=np.int64), terms)


def merge_sums(parts: Sequence[GroupSums]) -> GroupSums:
    """The sums over all parts, to the last bit whatever the parts are; there is at least one."""
    rows: NDArray[np.int64] = np.stack([part.rows for part in parts]).sum(axis=0)
    terms = np.concatenate([part.terms for part in parts])
    if len(terms) > _MOST_TERMS:
        fewer = exact_terms(_flat(terms), np.ones((1, len(terms))))
        terms = fewer.reshape(len(fewer), *terms.shape[1:])
    return GroupSums(rows, terms)


def _flat(terms: NDArray[np.float64]) -> NDArray[np.float64]:
    return terms.reshape(len(terms), math.prod(terms.shape[1:]))


def exact_terms(values: NDArray[np.float64], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Numbers whose exact sum is the exact sum of the weighted values: shape (n_terms, n_groups, n_columns).

    Each value is split at a power of two so that its upper parts add up without rounding, in any order and so also in
    a matrix product; then the lower parts are split, until nothing is left. Two or three terms in practice.

    Parameters
    ----------
    values : float64 of shape (n, n_columns)
        A column with a number that is not finite, or beyond 2^960, gives the term infinity.
    weights : float64 of shape (n_groups, n), each 0 or 1

    References
    ----------
    .. [1] Rump, Ogita and Oishi, "Accurate floating-point summation part I", SIAM J. Sci. Comput. 31 (2008),
       ExtractVector.
    """
    usable: NDArray[np.bool_] = np.logical_and.reduce(np.abs(values) <= _LARGEST, axis=0)
    rest = np.where(usable, values, 0.0)
    terms = [] if usable.all() else [np.broadcast_to(np.where(usable, 0.0, np.inf), (len(weights), len(usable)))]
    head = len(values).bit_length()              # the sum of n upper parts needs so many bits more than one of them
    while rest.any():
        _, exponents = np.frexp(np.abs(rest).max(axis=0))
        grid = np.ldexp(1.5, exponents + head)
        upper = (rest + grid) - grid
        terms.append(weights @ upper)
        rest -= upper
    return np.array(terms).reshape(len(terms), len(weights), values.shape[1])


# --- from sums to intervals -------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class _Side:
    """One group: means, and their variances from rows and from errors, each of shape (n_columns,)."""

    means: NDArray[np.float64]
    from_rows: NDArray[np.float64]
    from_errors: NDArray[np.float64]
    freedom: int                   # degrees of freedom of ``from_rows``


def compare_groups(
    totals: GroupTotals, centres: NDArray[np.float64], features: Sequence[str], *, d: int, a: int
) -> tuple[GroupEffect, ...]:
    r"""Mean attribution of each feature in two groups of rows, and the gap, with 95 % intervals.

    With the attributions :math:`\phi_r` of the n rows of a group, their sample variance :math:`s^2`, their standard
    errors :math:`e_r` and rho = 0.25, the correlation of errors of rows that share a design (``aggregate_column``):

    .. math:: \mathrm{Var}(\bar\phi) = \frac{s^2}{n} + \rho \Big(\frac1n \sum_r e_r\Big)^2

    Rows are a sample of those the model will see. The part of the errors that is a row's own is in s^2 already, as
    in any measured quantity; the shared part is not, and no number of rows averages it away. The gap's variance is the
    sum of both sides', as if the shared errors of the two groups had nothing in common: where they have, they cancel
    and the interval is too wide. Quantiles are Student's with the degrees of freedom of the smaller group: for normal
    attributions never too narrow [1], where Welch's degrees cover .875 instead of .95 at 2 rows against 40.

    Parameters
    ----------
    centres : those that the deviations were taken from
    features : names of the columns
    d, a : positions of the two groups

    Returns
    -------
    tuple of GroupEffect
        Empty when a side has fewer than two rows. A feature whose sums are not finite is left out.

    References
    ----------
    .. [1] M. R. Mickey and M. B. Brown, "Bounds on the distribution functions of the Behrens-Fisher statistic",
       Ann. Math. Statist. 37 (1966).
    """
    if min(totals.rows[d], totals.rows[a]) < FEWEST_ROWS:
        return ()
    finite: NDArray[np.bool_] = np.logical_and.reduce(np.isfinite(totals.values), axis=(0, 1))
    side_d, side_a = (
        _side(totals.values[:, group, finite], int(totals.rows[group]), centres[finite]) for group in (d, a)
    )
    around = [_reach((side_d,)), _reach((side_a,)), _reach((side_d, side_a))]
    names = [name for name, usable in zip(features, finite.tolist(), strict=True) if usable]
    columns = [names, side_d.means.tolist(), side_a.means.tolist(), *(reach.tolist() for reach in around)]
    return tuple(_effect(*row) for row in zip(*columns, strict=True))


def _side(totals: NDArray[np.float64], n: int, centres: NDArray[np.float64]) -> _Side:
    deviations, squares, errors = totals
    variance = np.maximum(squares - np.square(deviations) / n, 0.0) / (n - 1)
    return _Side(centres + deviations / n, variance / n, ERROR_CORRELATION * np.square(errors / n), n - 1)


def _reach(sides: Sequence[_Side]) -> NDArray[np.float64]:
    """Half the width of the interval of a mean, or of the difference of two."""
    variance = sum((side.from_rows + side.from_errors for side in sides), np.zeros(len(sides[0].means)))
    quantile = stdtrit(min(side.freedom for side in sides), (1 + LEVEL) / 2)
    reach: NDArray[np.float64] = quantile * np.sqrt(variance)
    return reach


def _effect(
    feature: str, mean_d: float, mean_a: float, reach_d: float, reach_a: float, reach_gap: float
) -> GroupEffect:
    gap = mean_a - mean_d
    return GroupEffect(
        feature=feature,
        mean_d=mean_d,
        mean_a=mean_a,
        interval_d=Interval(mean_d - reach_d, mean_d + reach_d),
        interval_a=Interval(mean_a - reach_a, mean_a + reach_a),
        gap=gap,
        interval=Interval(gap - reach_gap, gap + reach_gap),
    )
