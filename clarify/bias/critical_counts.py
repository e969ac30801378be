"""Which pairs of counts show a value outside its range: the house's test of two rates, solved for the counts."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Final, Literal, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.special import betainc, betaincc, gammaln, ndtr, ndtri, xlogy

from clarify.bias.lattice import PRIOR

Values = NDArray[np.float64]
Counts = NDArray[np.int64]

MOST_ENUMERATED: Final = 500              # rows of the smaller group; above, a normal score is within a point
N_NODES: Final = 16                       # .75 standard deviations apart: a smooth integrand's error is e^-35
N_NODES_OF_FEW: Final = 48                # where a boundary ends inside [0, 1] it is not smooth, and few rows show it
FEW: Final = 64
HALF_WINDOW: Final = 6.0                  # standard deviations of the integrated posterior to either side
STRIDE: Final = 16                        # counts between those solved without a guess
FINEST: Final = 2**17                     # a critical count is found to 1 or to this part of the larger group
N_KNOTS: Final = 2_049


class Boundary(Protocol):
    """Where a metric meets an edge of its range: the rate of the smaller group as a function of the larger one's.

    Rising, and beyond [0, 1] where no rate meets the edge. ``reflected`` is the same boundary between the complements
    of both rates, 1 - rate.
    """

    def at(self, rate: Values) -> Values: ...

    def reflected(self) -> Boundary: ...

    def __hash__(self) -> int: ...


@dataclass(frozen=True)
class Line:
    """``slope * rate + intercept``, slope > 0: differences and ratios of rates."""

    slope: float
    intercept: float

    def at(self, rate: Values) -> Values:
        return self.slope * rate + self.intercept

    def reflected(self) -> Line:
        # In this order a slope of 1 gives -intercept exactly, and one cache entry serves both edges of +-h.
        return Line(self.slope, (1.0 - self.slope) - self.intercept)


Signed = Callable[[Values, Values], Values]


@dataclass(frozen=True)
class Curve:
    """Where ``signed(rate of a, rate of d)``, which rises with the first and falls with the second, equals ``edge``.

    ``given``: whose rate is the argument. Tabulated once on the arcsine scale and interpolated there.
    """

    signed: Signed
    edge: float
    given: Literal["a", "d"]
    is_reflected: bool = False

    def at(self, rate: Values) -> Values:
        knots, solved = _solved_curve(self.signed, self.edge, self.given)
        angle = np.arcsin(np.sqrt(1.0 - rate if self.is_reflected else rate))
        found = np.sin(np.interp(angle, knots, solved)) ** 2
        return 1.0 - found if self.is_reflected else found

    def reflected(self) -> Curve:
        return replace(self, is_reflected=not self.is_reflected)


@lru_cache(maxsize=32)
def _solved_curve(signed: Signed, edge: float, given: str) -> tuple[Values, Values]:
    """Angles of the given rate and of the other one at the boundary, by bisection."""
    knots = np.linspace(0.0, math.pi / 2, N_KNOTS)
    rate = np.sin(knots) ** 2
    low, high = np.zeros(N_KNOTS), np.full(N_KNOTS, math.pi / 2)
    for _ in range(50):
        middle = (low + high) / 2
        other = np.sin(middle) ** 2
        is_high = signed(rate, other) > edge if given == "a" else signed(other, rate) < edge
        low, high = np.where(is_high, middle, low), np.where(is_high, high, middle)
    return knots, (low + high) / 2


def mass_at_or_above(
    boundary: Boundary, x_small: Values, n_small: int | Values, x_large: Values, n_large: int | Values
) -> Values:
    """Posterior mass of ``rate of the smaller group >= boundary(rate of the larger group)``, element by element.

    Jeffreys priors, as everywhere in the house; counts may be fractions. The larger group is integrated over on the
    arcsine scale, where its posterior is nearly normal and smooth up to 0 and 1; the smaller one's distribution
    function varies more slowly than that posterior, so few nodes suffice.
    """
    of_small, of_large = np.asarray(n_small)[..., None], np.asarray(n_large)[..., None]
    x_small, x_large = x_small[..., None], x_large[..., None]
    peak, half = 2 * np.arcsin(np.sqrt(x_large / of_large)), HALF_WINDOW / np.sqrt(of_large)
    # The density is even around both ends: midpoints of a window cut there are as good as those of a whole one.
    first, last = np.maximum(peak - half, 0.0), np.minimum(peak + half, math.pi)
    n_nodes = N_NODES_OF_FEW if of_small.min() <= FEW else N_NODES
    angles = first + (last - first) * (np.arange(n_nodes) + 0.5) / n_nodes
    rate, rest = np.sin(angles / 2) ** 2, np.cos(angles / 2) ** 2
    log_weights = xlogy(x_large, rate) + xlogy(of_large - x_large, rest)
    weights = np.exp(log_weights - log_weights.max(axis=-1, keepdims=True))
    above = betaincc(x_small + PRIOR, of_small - x_small + PRIOR, np.clip(boundary.at(rate), 0.0, 1.0))
    mass: Values = (weights * above).sum(axis=-1) / weights.sum(axis=-1)
    return mass


@lru_cache(maxsize=64)
def critical_counts(boundary: Boundary, n_small: int, n_large: int, tail: float) -> Counts:
    """For each count 0..n_small of the smaller group: the least count of the larger one that is seen as beyond.

    Beyond is a rate of the smaller group below the boundary. Seen: the posterior mass on the other side is at most
    ``tail`` and the observed rates lie beyond. ``n_large + 1`` where no count is.
    """
    coarse = np.union1d(np.arange(0, n_small + 1, STRIDE), [n_small])
    test = _Test(boundary, n_small, n_large, tail)
    solved = test.solve(coarse, np.full(coarse.shape, -1), np.full(coarse.shape, n_large + 1))
    counts = test.solve(np.arange(n_small + 1), *_guessed_brackets(test, coarse, solved))
    counts.setflags(write=False)
    return counts


@dataclass(frozen=True)
class _Test:
    """Whether the house sees a pair of counts beyond a boundary."""

    boundary: Boundary
    n_small: int
    n_large: int
    tail: float

    def sees(self, x_small: Counts, x_large: Counts) -> NDArray[np.bool_]:
        """Element by element; no count below 0 is seen, every count above ``n_large`` is."""
        inside = np.clip(x_large, 0, self.n_large)
        mass = mass_at_or_above(
            self.boundary, x_small.astype(float), self.n_small, inside.astype(float), self.n_large
        )
        # The interval is widened to contain the point: a point inside the range is never seen as outside.
        is_beyond = x_small / self.n_small < self.boundary.at(inside / self.n_large)
        seen: NDArray[np.bool_] = ((mass <= self.tail) & is_beyond & (x_large >= 0)) | (x_large > self.n_large)
        return seen

    def solve(self, x_small: Counts, low: Counts, high: Counts) -> Counts:
        """The least count seen, given counts not seen and seen."""
        low, high = low.copy(), high.copy()
        finest = max(1, self.n_large // FINEST)
        while (wide := np.flatnonzero(high - low > finest)).size:
            middle = (low[wide] + high[wide]) // 2
            seen = self.sees(x_small[wide], middle)
            high[wide[seen]], low[wide[~seen]] = middle[seen], middle[~seen]
        return high


def _guessed_brackets(test: _Test, coarse: Counts, solved: Counts) -> tuple[Counts, Counts]:
    """For every count of the smaller group, counts not seen and seen; near a straight line between solved ones."""
    x_small = np.arange(test.n_small + 1)
    guess = np.interp(x_small, coarse, solved)
    slack = 2 + test.n_large // 4_096
    below, above = np.floor(guess).astype(np.int64) - slack, np.ceil(guess).astype(np.int64) + slack
    # The critical count rises with the smaller group's count, so the solved neighbours hold where a guess fails.
    after = np.searchsorted(coarse, x_small)
    left, right = solved[np.maximum(after - 1, 0)], solved[after]
    lowest = np.where(after == 0, -1, left - max(1, test.n_large // FINEST))
    low = np.where(test.sees(x_small, below), lowest, np.maximum(below, -1))
    return low, np.where(test.sees(x_small, above), np.minimum(above, test.n_large + 1), right)


def power_below(
    boundary: Boundary, p_small: float, n_small: int, p_large: float, n_large: int, tail: float
) -> float:
    """Probability that two samples show the smaller group's rate below the boundary, at true rates of both groups."""
    if n_small > MOST_ENUMERATED:
        return _power_by_score(boundary, p_small, n_small, p_large, n_large, tail)
    critical = critical_counts(boundary, n_small, n_large, tail)
    return float(np.sum(_probabilities(p_small, n_small) * _at_least(critical, n_large, p_large)))


def power_above(
    boundary: Boundary, p_small: float, n_small: int, p_large: float, n_large: int, tail: float
) -> float:
    """Probability that two samples show the smaller group's rate above the boundary, at true rates of both groups."""
    return power_below(boundary.reflected(), 1.0 - p_small, n_small, 1.0 - p_large, n_large, tail)


def _probabilities(p: float, n: int) -> Values:
    """Binomial probabilities of 0..n."""
    x = np.arange(n + 1)
    log_ways = gammaln(n + 1) - gammaln(x + 1) - gammaln(n - x + 1)
    probabilities: Values = np.exp(log_ways + xlogy(x, p) + xlogy(n - x, 1.0 - p))
    return probabilities


def _at_least(counts: Counts, n: int, p: float) -> Values:
    """Probability of a binomial count of at least each of ``counts``, which lie in 0..n+1."""
    inside = np.clip(counts, 1, n)
    return np.where(counts <= 0, 1.0, np.where(counts > n, 0.0, betainc(inside, n - inside + 1, p)))


def _power_by_score(
    boundary: Boundary, p_small: float, n_small: int, p_large: float, n_large: int, tail: float
) -> float:
    """The test's normal score at the expected counts, its spread by its slope in either count."""
    x_small, x_large = p_small * n_small, p_large * n_large
    d_small = math.sqrt(x_small * (1 - p_small)) / 2
    d_large = math.sqrt(x_large * (1 - p_large)) / 2
    small = np.clip(x_small + d_small * np.array([0.0, -1.0, 1.0, 0.0, 0.0]), 0, n_small)
    large = np.clip(x_large + d_large * np.array([0.0, 0.0, 0.0, -1.0, 1.0]), 0, n_large)
    mass = mass_at_or_above(boundary, small, n_small, large, n_large)
    scores = -ndtri(np.clip(mass, 1e-300, 1.0 - 1e-15))
    spread = math.hypot(float(scores[2] - scores[1]), float(scores[4] - scores[3]))
    distance = float(scores[0]) + float(ndtri(tail))
    return float(ndtr(distance / spread)) if spread > 0 else float(distance > 0)
