"""Which rows stand for all in a picture: drawn by a hash of their position, group by group, and ranked into fifths."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

_WORD = (1 << 64) - 1
_STRIDE = np.uint64(0x9E3779B97F4A7C15)
_SHIFTS = (np.uint64(30), np.uint64(27), np.uint64(31))
_FACTORS = (np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB))


def position_hashes(positions: NDArray[np.int64], seed: int) -> NDArray[np.uint64]:
    """A 64-bit number for each row of a dataset, shape (n,): as good as random, the same wherever it is computed.

    The finaliser of SplitMix64 (Steele, Lea and Flood 2014), twice: streams of NumPy may change between versions.
    """
    start = _scramble(np.array([seed & _WORD], dtype=np.uint64) + _STRIDE)
    return _scramble(_scramble(positions.astype(np.uint64) * _STRIDE) ^ start)


def allot(sizes: Sequence[int], most: int) -> tuple[int, ...]:
    """How many rows to draw from groups of such sizes, at most so many in all.

    Half of the rows are shared out equally, so that small groups are seen; the other half, and what small groups leave
    over, by what is left of each group. All rows when there are not more.

    >>> allot([963, 37], 400), allot([500_000, 500_000, 1_000], 400), allot([5, 3], 400)
    ((363, 37), (167, 167, 66), (5, 3))
    """
    if sum(sizes) <= most:
        return tuple(sizes)
    given = [min(size, most // (2 * len(sizes))) for size in sizes]
    spare = most - sum(given)
    left = [size - drawn for size, drawn in zip(sizes, given, strict=True)]
    whole = [rows * spare // sum(left) for rows in left]
    fractions = sorted(range(len(left)), key=lambda place: -(left[place] * spare % sum(left)))
    for place in fractions[: spare - sum(whole)]:
        whole[place] += 1
    return tuple(drawn + more for drawn, more in zip(given, whole, strict=True))


def weighted_fifths(values: NDArray[np.float64], weights: NDArray[np.float64]) -> NDArray[np.int64]:
    """In which fifth of all rows each value lies by rank, 0 to 4, shape (n,); -1 where it is missing.

    Each value stands for ``weights`` rows. Its rank is the middle of the ranks of its equals, so that equal values are
    in one fifth, and a feature of one value is in the middle one.

    >>> weighted_fifths(np.array([3.0, 1.0, 2.0, np.nan, 4.0, 5.0]), np.ones(6)).tolist()
    [2, 0, 1, -1, 3, 4]
    """
    fifths = np.full(len(values), -1, dtype=np.int64)
    known = ~np.isnan(values)
    if not known.any():
        return fifths
    _, places = np.unique(values[known], return_inverse=True)
    mass = np.bincount(places.ravel(), weights=weights[known])
    middles = (np.cumsum(mass) - mass / 2) / mass.sum()
    fifths[known] = np.minimum((5 * middles).astype(np.int64), 4)[places.ravel()]
    return fifths


def _scramble(bits: NDArray[np.uint64]) -> NDArray[np.uint64]:
    bits = (bits ^ (bits >> _SHIFTS[0])) * _FACTORS[0]
    bits = (bits ^ (bits >> _SHIFTS[1])) * _FACTORS[1]
    scrambled: NDArray[np.uint64] = bits ^ (bits >> _SHIFTS[2])
    return scrambled
