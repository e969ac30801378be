"""Which coalitions are asked: one nested order of complement pairs per seed and number of players."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations, islice
from math import comb

import numpy as np
from numpy.typing import NDArray

_WORD = (1 << 64) - 1
# Sizes with at most so many subsets are drawn at random up to the half, then listed: late draws would mostly repeat.
LISTED_SUBSETS = 20_000
MAX_CACHED_DESIGNS = 128


class SplitMix64:
    """A 64-bit generator of our own, since the streams of NumPy may change between versions."""

    def __init__(self, seed: int, n_players: int, size: int) -> None:
        self._state = (seed * 2**32 + n_players * 2**16 + size) & _WORD
        self.next()

    def next(self) -> int:
        self._state = (self._state + 0x9E3779B97F4A7C15) & _WORD
        z = self._state
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & _WORD
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & _WORD
        return z ^ (z >> 31)

    def below(self, n: int) -> int:
        return ((self.next() >> 32) * n) >> 32

    def permutation(self, n: int) -> list[int]:
        order = list(range(n))
        for i in range(n - 1, 0, -1):
            j = self.below(i + 1)
            order[i], order[j] = order[j], order[i]
        return order


def n_pairs_of_size(n_players: int, size: int) -> int:
    """How many complement pairs have ``size`` players in the smaller half."""
    subsets = comb(n_players, size)
    return subsets // 2 if 2 * size == n_players else subsets


def n_pairs_in_all(n_players: int) -> int:
    """Complement pairs of a game, without the pair (all, nobody)."""
    return max((1 << n_players) // 2 - 1, 0)


def _subsets(seed: int, n_players: int, size: int) -> Iterator[tuple[int, ...]]:
    """Every subset of one size once, in the order of the seed: random blocks first, the unseen rest after.

    When the size is half the players, a pair is represented by the half that holds player 0.
    """
    generator = SplitMix64(seed, n_players, size)
    is_half = 2 * size == n_players
    total = n_pairs_of_size(n_players, size)
    wanted = total // 2 if total <= LISTED_SUBSETS else total
    seen: set[tuple[int, ...]] = set()
    while len(seen) < wanted:
        order = generator.permutation(n_players)
        for start in range(0, n_players - size + 1, size):
            subset = tuple(sorted(order[start : start + size]))
            if is_half and subset[0] != 0:
                subset = tuple(sorted(set(range(n_players)) - set(subset)))
            if subset not in seen:
                seen.add(subset)
                yield subset
            if len(seen) == wanted:
                break
    if wanted == total:
        return
    candidates = combinations(range(n_players), size)
    unseen = [s for s in candidates if s not in seen and not (is_half and s[0] != 0)]
    for place in generator.permutation(len(unseen)):
        yield unseen[place]


def nested_order(n_players: int, seed: int) -> Iterator[tuple[int, ...]]:
    """The smaller half of every complement pair once, sizes taking turns; any prefix is a design.

    The middle size has half as many pairs as its neighbours' pattern suggests and takes every second turn.
    """
    middle = n_players / 2
    streams = {size: _subsets(seed, n_players, size) for size in range(1, n_players // 2 + 1)}
    turn = 0
    while streams:
        turn += 1
        for size in list(streams):
            if size == middle and turn % 2 == 1 and len(streams) > 1:
                continue
            subset = next(streams[size], None)
            if subset is None:
                del streams[size]
            else:
                yield subset


@dataclass(frozen=True, eq=False)
class CoalitionDesign:
    """Complement pairs for games of ``n_players`` players, the same for every row with so many live players.

    ``members`` (n_pairs, n_players) marks who is in the smaller half of each pair; its complement is implied.
    ``is_noisy`` says that the values of coalitions are themselves estimates: then no number of pairs is exact.
    """

    n_players: int
    members: NDArray[np.bool_]
    is_noisy: bool = False

    @property
    def n_pairs(self) -> int:
        return len(self.members)

    @property
    def n_coalitions(self) -> int:
        return 2 * self.n_pairs

    @property
    def is_complete(self) -> bool:
        """Whether every coalition is in the design, so that attributions are exact."""
        return self.n_pairs == n_pairs_in_all(self.n_players) and not self.is_noisy

    @property
    def sizes(self) -> NDArray[np.int64]:
        sizes: NDArray[np.int64] = self.members.sum(axis=1, dtype=np.int64)
        return sizes

    @property
    def signs(self) -> NDArray[np.float64]:
        """+1 for members and -1 for the others; a last row of ones stands for the pair (all, nobody)."""
        signs = np.ones((self.n_pairs + 1, self.n_players))
        signs[:-1][~self.members] = -1.0
        return signs

    @property
    def pair_weights(self) -> NDArray[np.float64]:
        r"""Shapley kernel mass of a size, shared by its pairs: :math:`w_j = (M-1) / (s(M-s)) / n_s`."""
        m = self.n_players
        in_design = np.bincount(self.sizes, minlength=m // 2 + 1)
        mass = [(m - 1) / (s * (m - s)) * (0.5 if 2 * s == m else 1.0) for s in range(1, m // 2 + 1)]
        shared = np.array(mass) / np.maximum(in_design[1:], 1)
        return shared[self.sizes - 1]

    @property
    def unsampled_shares(self) -> NDArray[np.float64]:
        """Finite-population factor of each pair: the share of the pairs of its size that is not in the design.

        One for all pairs of a noisy design: asking every pair would not end its errors.
        """
        if self.is_noisy:
            return np.ones(self.n_pairs)
        in_design = np.bincount(self.sizes, minlength=self.n_players // 2 + 1)
        in_all = [n_pairs_of_size(self.n_players, s) for s in range(1, self.n_players // 2 + 1)]
        shares = np.maximum(1.0 - in_design[1:] / np.array(in_all, dtype=np.float64), 0.0)
        return shares[self.sizes - 1]

    def first(self, n_pairs: int) -> CoalitionDesign:
        """The nested design of fewer pairs."""
        return CoalitionDesign(self.n_players, self.members[:n_pairs], self.is_noisy)

    def without(self, pairs: NDArray[np.bool_]) -> CoalitionDesign:
        """The design of the other pairs, for a row whose model had no answer for these."""
        return CoalitionDesign(self.n_players, self.members[~pairs], self.is_noisy)


def needs_sampling(n_players: int, num_samples: int) -> bool:
    """Whether the budget is too small to ask every coalition of so many players."""
    return 2 * n_pairs_in_all(n_players) > num_samples


@lru_cache(maxsize=MAX_CACHED_DESIGNS)
def design_coalitions(n_players: int, num_samples: int, seed: int, *, is_noisy: bool = False) -> CoalitionDesign:
    """The first ``num_samples // 2`` pairs of the nested order, or all of them when the budget allows.

    The order is the same on every machine; the returned arrays are read-only and shared.
    """
    n_pairs = num_samples // 2 if needs_sampling(n_players, num_samples) else n_pairs_in_all(n_players)
    members = np.zeros((n_pairs, n_players), dtype=np.bool_)
    for pair, subset in enumerate(islice(nested_order(n_players, seed), n_pairs)):
        members[pair, subset] = True
    members.flags.writeable = False
    return CoalitionDesign(n_players, members, is_noisy)
