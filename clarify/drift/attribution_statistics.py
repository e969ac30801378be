"""What random splits of two samples of attributions say of the difference between the samples."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from clarify.drift.ndcg import ndcg_rows
from clarify.drift.permutation import split_blocks
from clarify.results import Z_95

Numbers = NDArray[np.float64]

# Numbers that are equal in exact arithmetic may differ by so much.
SLACK = 1e-12
LEAST_PERMUTATIONS = 999
# At the level of a test so many splits, the rows as they are among them, are as extreme: fewer would be luck.
SPLITS_IN_THE_TAIL = 5
N_TESTS = 3


def permutations_for(level: float) -> int:
    """How many random splits three tests at a joint level need: 999, more where the level is small.

    A p-value is at least 1 / (P + 1): with 999 splits, hourly windows (level 1/720) could never alarm.

    >>> permutations_for(0.05), permutations_for(1 / 720)
    (999, 10799)
    """
    return max(LEAST_PERMUTATIONS, math.ceil(SPLITS_IN_THE_TAIL * N_TESTS / level - SLACK) - 1)


@dataclass(frozen=True, eq=False)
class Effect:
    """How two samples of scores differ, window against reference; arrays of shape (n_features,).

    ``ratios`` of mean scores are 0 or infinite where one sample has nothing, 1 where both have nothing. The bounds are
    95 %; those of a ratio are 0 and infinity where it cannot be told. ``scale`` is the ratio over all features.
    """

    reference_shares: Numbers
    shares: Numbers
    ratios: Numbers
    ratio_low: Numbers
    ratio_high: Numbers
    change_low: Numbers                       # of shares - reference_shares
    change_high: Numbers
    scale: float


@dataclass(frozen=True, eq=False)
class Comparison:
    """The difference of two samples, and how unusual it is among random splits of all their rows.

    An alarm of one test: its p is at most ``largest_p``, a third of the joint level rounded down to a whole number of
    splits; then its statistic lies beyond the threshold. No threshold where so few splits cannot show one.
    """

    effect: Effect
    ndcg: float
    share_distance: float
    p_ndcg: float
    p_share: float
    p_features: Numbers                       # family-wise over features
    ndcg_threshold: float | None
    share_threshold: float | None
    largest_p: float


def compare(reference: Numbers, window: Numbers, *, level: float, permutations: int, key: str) -> Comparison:
    """Hold two samples of scores against random splits of all their rows.

    Scores are finite and not negative, of shapes (n0, n_features) and (n, n_features) with two rows or more. The order
    of rows and the number of threads change no bit: rows are put in the order of their digests, sums are exact.
    """
    pooled = Pooled.of(reference, window)
    observed = pooled.statistics(pooled.as_they_are[None, :])
    exceeded = np.zeros(pooled.n_features, dtype=np.int64)
    gains, distances = [np.empty(0)], [np.empty(0)]
    for block in split_blocks(pooled.n_reference, pooled.n_window, permutations, key):
        split = pooled.statistics(block)
        gains.append(split.ndcg)
        distances.append(split.share_distance)
        largest = np.abs(split.t).max(axis=1, initial=0.0)
        exceeded += (largest[:, None] >= np.abs(observed.t) - SLACK).sum(axis=0)
    all_gains, all_distances = np.sort(np.concatenate(gains)), np.sort(np.concatenate(distances))
    n_tail = math.floor(level / N_TESTS * (permutations + 1) + SLACK)
    ndcg, share_distance = float(observed.ndcg[0]), float(observed.share_distance[0])
    return Comparison(
        effect=pooled.effect(),
        ndcg=ndcg,
        share_distance=share_distance,
        p_ndcg=(1 + int((all_gains <= ndcg + SLACK).sum())) / (permutations + 1),
        p_share=(1 + int((all_distances >= share_distance - SLACK).sum())) / (permutations + 1),
        p_features=(1 + exceeded) / (permutations + 1),
        ndcg_threshold=float(all_gains[n_tail - 1]) if n_tail else None,
        share_threshold=float(all_distances[-n_tail]) if n_tail else None,
        largest_p=n_tail / (permutations + 1),
    )


@dataclass(frozen=True, eq=False)
class _Split:
    """The three statistics of some splits: shapes (n_splits,) and, for t, (n_splits, n_features)."""

    ndcg: Numbers
    share_distance: Numbers
    t: Numbers


@dataclass(frozen=True, eq=False)
class Pooled:
    """All rows, the reference's first, ready for sums over any subset of them.

    Each column is divided by a power of two that brings it into [0, 1], and so are its squares; both are rounded to
    whole multiples of 2^-bits, few enough bits that the sum over all rows is below 2^53: every sum is then exact, in
    whatever order a matrix product adds.
    """

    units: Numbers                            # (N, 2 n_features): values, then squares, in multiples of 2^-bits
    column_scales: Numbers                    # (n_features,): powers of two, the largest is 1
    bits: int
    n_reference: int
    n_window: int

    @classmethod
    def of(cls, reference: Numbers, window: Numbers) -> Pooled:
        rows = np.concatenate([_in_order_of_digests(reference), _in_order_of_digests(window)])
        exponents = np.frexp(rows.max(axis=0, initial=0.0))[1]
        largest = int(exponents[rows.any(axis=0)].max(initial=-1074))
        unit_rows = np.ldexp(rows, -exponents)
        bits = 52 - math.ceil(math.log2(len(rows)))
        units = np.rint(np.ldexp(np.hstack([unit_rows, np.square(unit_rows)]), bits))
        scales = np.ldexp(np.ones(rows.shape[1]), np.minimum(exponents - largest, 0))
        return cls(units, scales, bits, len(reference), len(window))

    @property
    def n_features(self) -> int:
        return len(self.column_scales)

    @property
    def as_they_are(self) -> NDArray[np.bool_]:
        return np.arange(self.n_reference + self.n_window) >= self.n_reference

    def statistics(self, splits: NDArray[np.bool_]) -> _Split:
        """nDCG, distance of shares and T of each split; shape (n_splits, N), True for rows of the window."""
        window, reference = self._moments(splits)
        shares, reference_shares = (_shares(moments.means * self.column_scales) for moments in (window, reference))
        silent, silent_then = ~shares.any(axis=1), ~reference_shares.any(axis=1)
        distance = np.abs(shares - reference_shares).sum(axis=1) / 2
        change, error = _change_and_error(window, reference)
        return _Split(
            ndcg=ndcg_rows(reference_shares, shares),
            share_distance=np.where(silent != silent_then, 1.0, distance),
            t=np.divide(change, error, out=np.where(change == 0, 0.0, np.copysign(np.inf, change)), where=error > 0),
        )

    def effect(self) -> Effect:
        """The difference of the rows as they are, with intervals."""
        window, reference = self._moments(self.as_they_are[None, :])
        m1, m0 = window.means[0] * self.column_scales, reference.means[0] * self.column_scales
        change, error = (pair[0] for pair in _change_and_error(window, reference))
        both, neither = (m1 > 0) & (m0 > 0), (m1 == 0) & (m0 == 0)
        ratios = np.divide(m1, m0, out=np.where(neither, 1.0, np.inf), where=m0 > 0)
        reach = Z_95 * error
        shares, reference_shares = _shares(m1[None, :])[0], _shares(m0[None, :])[0]
        share_reach = Z_95 * np.sqrt(self._share_variance(True) + self._share_variance(False))
        return Effect(
            reference_shares=reference_shares,
            shares=shares,
            ratios=ratios,
            ratio_low=np.where(both, np.exp(np.where(both, change - reach, 0.0)), np.where(neither, 1.0, 0.0)),
            ratio_high=np.where(both, np.exp(np.where(both, change + reach, 0.0)), np.where(neither, 1.0, np.inf)),
            change_low=shares - reference_shares - share_reach,
            change_high=shares - reference_shares + share_reach,
            scale=float(m1.sum() / m0.sum()) if m0.sum() > 0 else math.inf,
        )

    def _moments(self, splits: NDArray[np.bool_]) -> tuple[_Moments, _Moments]:
        """Of the window and of the reference, in the units of each column."""
        in_window = splits.astype(np.float64) @ self.units
        in_reference = self.units.sum(axis=0) - in_window
        return self._moments_of(in_window, self.n_window), self._moments_of(in_reference, self.n_reference)

    def _moments_of(self, sums: Numbers, n: int) -> _Moments:
        means = np.ldexp(sums / n, -self.bits)
        mean, mean_square = means[:, : self.n_features], means[:, self.n_features :]
        variance = np.maximum(mean_square - np.square(mean), 0.0) * (n / max(n - 1, 1))
        return _Moments(mean, variance / n)

    def _share_variance(self, of_window: bool) -> Numbers:
        """Of each feature's share in one sample; a row that is large in all features moves no share."""
        chosen = self.as_they_are == of_window
        rows = np.ldexp(self.units[chosen, : self.n_features], -self.bits) * self.column_scales
        totals = rows.sum(axis=1)
        if not totals.any():
            return np.zeros(self.n_features)
        residuals = rows - _shares(rows.mean(axis=0)[None, :]) * totals[:, None]
        variance: Numbers = residuals.var(axis=0, ddof=1) / len(rows) / totals.mean() ** 2
        return variance


@dataclass(frozen=True, eq=False)
class _Moments:
    """Means of the columns and the variances of these means, shape (n_splits, n_features)."""

    means: Numbers
    variances: Numbers


def _change_and_error(window: _Moments, reference: _Moments) -> tuple[Numbers, Numbers]:
    """Log ratio of the means and its standard error; where one of them is 0, difference and its standard error."""
    m1, m0 = window.means, reference.means
    both = (m1 > 0) & (m0 > 0)
    safe_1, safe_0 = np.where(both, m1, 1.0), np.where(both, m0, 1.0)
    change = np.where(both, np.log(safe_1) - np.log(safe_0), m1 - m0)
    return change, np.sqrt(window.variances / np.square(safe_1) + reference.variances / np.square(safe_0))


def _shares(means: Numbers) -> Numbers:
    """Each row divided by its sum; a row of zeros stays."""
    sums = means.sum(axis=1, keepdims=True)
    shares: Numbers = np.divide(means, sums, out=np.zeros_like(means), where=sums > 0)
    return shares


def _in_order_of_digests(rows: Numbers) -> Numbers:
    """Rows sorted by the BLAKE2b-64 of their bytes: a draw by position is then a draw by content."""
    canonical = np.ascontiguousarray(rows + 0.0, dtype="<f8")       # -0.0 + 0.0 is 0.0
    digests = b"".join(hashlib.blake2b(row, digest_size=8).digest() for row in canonical)
    ordered: Numbers = rows[np.argsort(np.frombuffer(digests, dtype="<u8"), kind="stable")]
    return ordered
