"""How often each number of a column occurs: exact up to 65,536 different ones, in fine bins beyond, merged exactly."""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce

import numpy as np
from numpy.typing import NDArray

CAPACITY = 65_536
_SIGN_BITS = np.int64(0x7FFF_FFFF_FFFF_FFFF)

Values = NDArray[np.float64]
Counts = NDArray[np.int64]
Keys = NDArray[np.int64]


@dataclass(frozen=True)
class ValueHistogram:
    """Counts of numbers by their leading bits, as many bits as leave at most 65,536 bins.

    Doubles sort as their bits do (the negative ones flipped), so that bins are intervals, finest where the values
    are. The number of bits depends on the values alone: parts merge to the same histogram in any order.

    Attributes
    ----------
    level : int
        Low bits that are left out; 0: every bin is one value.
    keys, counts : bytes
        Sorted int64 keys of the bins, and how many values each holds.
    """

    level: int = 0
    keys: bytes = b""
    counts: bytes = b""

    @classmethod
    def of(cls, values: Values, counts: Counts | None = None) -> ValueHistogram:
        """The histogram of numbers, infinities among them; ``counts``: how often each occurs (default once)."""
        weights = np.ones(len(values), dtype=np.int64) if counts is None else counts
        return _fitted(0, _keys_of(values), weights)

    def __add__(self, other: ValueHistogram) -> ValueHistogram:
        level = max(self.level, other.level)
        pairs = [(part._keys, part._counts) for part in (self, other)]
        return _fitted(level, np.concatenate([keys for keys, _ in pairs]), np.concatenate([n for _, n in pairs]))

    @property
    def is_exact(self) -> bool:
        return self.level == 0

    @property
    def values(self) -> Values:
        """The lowest value that each bin may hold, ascending; the value itself where the histogram is exact."""
        keys = self._keys
        bits = np.where(keys < 0, keys ^ _SIGN_BITS, keys)
        return bits.view(np.float64)

    @property
    def weights(self) -> Counts:
        return self._counts

    @property
    def _keys(self) -> Keys:
        return np.frombuffer(self.keys, dtype=np.int64)

    @property
    def _counts(self) -> Counts:
        return np.frombuffer(self.counts, dtype=np.int64)


class HistogramTally:
    """Collects numbers until their histogram is asked for; memory stays within a few histograms."""

    def __init__(self) -> None:
        self._done = ValueHistogram()
        self._waiting: list[tuple[Values, Counts]] = []
        self._held = 0

    def add(self, values: Values, counts: Counts) -> None:
        self._waiting.append((values, counts))
        self._held += len(values)
        if self._held > 8 * CAPACITY:         # sorting a few large pieces is cheaper than many small merges
            self._done, self._waiting, self._held = self.histogram(), [], 0

    def histogram(self) -> ValueHistogram:
        if not self._waiting:
            return self._done
        values, counts = (np.concatenate(part) for part in zip(*self._waiting, strict=True))
        return self._done + ValueHistogram.of(values, counts)


def merged(parts: list[ValueHistogram]) -> ValueHistogram:
    return reduce(ValueHistogram.__add__, parts, ValueHistogram())


def _keys_of(values: Values) -> Keys:
    bits = (values + 0.0).view(np.int64)                  # plus 0.0: -0.0 equals 0.0
    return np.where(bits < 0, bits ^ _SIGN_BITS, bits)


def _fitted(level: int, keys: Keys, counts: Counts) -> ValueHistogram:
    """Bins added up, with as few bits left out from ``level`` on as make them few enough."""
    if not len(keys):
        return ValueHistogram(level)
    order = np.argsort(keys, kind="stable")
    keys, counts = keys[order], counts[order]
    while len(starts := _starts(keys >> level)) > CAPACITY:
        level += 1
    return ValueHistogram(
        level, (keys[starts] >> level << level).tobytes(), np.add.reduceat(counts, starts).tobytes()
    )


def _starts(ascending: Keys) -> NDArray[np.intp]:
    """Where each run of equal keys begins."""
    return np.flatnonzero(np.concatenate([[True], ascending[1:] != ascending[:-1]]))
