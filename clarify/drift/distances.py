"""How far two vectors of counts lie apart, and how far apart chance alone would put them."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln, rel_entr

from clarify.drift.permutation import raw_words

Counts = NDArray[np.int64]
Values = NDArray[np.float64]
Distance = Literal["ks", "tvd"]

DRAWS: Final = 999
ROBUST_C: Final = 1.8

# The hat of the ratio of uniforms: 2 sqrt(2/e) and 3 - 2 sqrt(3/e), valid for every hypergeometric distribution.
_HAT_SLOPE: Final = 2 * math.sqrt(2 / math.e)
_HAT_BASE: Final = 3 - 2 * math.sqrt(3 / math.e)
_TIE: Final = 1e-12


def kolmogorov_smirnov(reference: Counts, window: Counts) -> Values:
    """Largest gap between cumulative shares over ordered bins; counts of shape (..., bins), each with a row or more.

    >>> float(kolmogorov_smirnov(np.array([5, 5, 0]), np.array([1, 1, 2])))
    0.5
    """
    gaps = np.abs(np.cumsum(_shares(reference) - _shares(window), axis=-1))
    largest: Values = gaps[..., :-1].max(axis=-1, initial=0.0)
    return largest


def total_variation(reference: Counts, window: Counts) -> Values:
    """Half the sum of absolute gaps between shares; counts of shape (..., bins), each with a row or more.

    >>> float(total_variation(np.array([5, 5, 0]), np.array([1, 1, 2])))
    0.5
    """
    distance: Values = np.abs(_shares(reference) - _shares(window)).sum(axis=-1) / 2
    return distance


def largest_share_gap(reference: Counts, window: Counts) -> float:
    """Largest absolute gap between shares of one value: AWS's LInfinity of categories."""
    return float(np.abs(_shares(reference) - _shares(window)).max(initial=0.0))


def robust(distance: float, n_reference: int, n_window: int, *, c: float = ROBUST_C) -> float:
    """AWS's linf_robust: the distance less ``c * sqrt((n + m) / (n m))``, not below 0.

    >>> round(robust(0.5, 100, 100, c=1.8), 6)          # 0.5 - 1.8 * sqrt(200 / 10,000)
    0.245442
    """
    return max(0.0, distance - c * math.sqrt((n_reference + n_window) / (n_reference * n_window)))


DISTANCES: Final[dict[Distance, Callable[[Counts, Counts], Values]]] = {
    "ks": kolmogorov_smirnov,
    "tvd": total_variation,
}


def permuted(reference: Counts, window: Counts, *, kind: Distance, key: str, draws: int = DRAWS) -> Values:
    """Distances of random splits of all rows into a reference and a window of these sizes, shape (draws,).

    Only the pooled counts matter: a random split of the rows is a multivariate hypergeometric draw of counts.
    """
    pooled = reference + window
    split = hypergeometric(pooled, int(window.sum()), draws=draws, key=key)
    return DISTANCES[kind](pooled - split, split)


def hypergeometric(pooled: Counts, n: int, *, draws: int, key: str) -> Counts:
    """Counts of ``n`` rows drawn without replacement from ``pooled`` counts, shape (draws, bins); exact.

    One bin after the other, each given those before it, by the ratio of uniforms on Philox raw words: no generator
    whose stream may change with a version, and a cost that does not grow with the rows.

    References
    ----------
    .. [1] E. Stadlober, "The ratio of uniforms approach for generating discrete random variates", Journal of
       Computational and Applied Mathematics 31, 1990.
    """
    found = np.zeros((draws, len(pooled)), dtype=np.int64)
    wanted = np.full(draws, n, dtype=np.int64)
    left = int(pooled.sum())
    for place, size in enumerate(pooled[:-1].tolist()):
        found[:, place] = _draw(size, left, wanted, key=f"{key}/{place}")
        wanted -= found[:, place]
        left -= size
    if len(pooled):
        found[:, -1] = wanted
    return found


def p_value(distance: float, of_splits: Values) -> float:
    """Share of splits at least as far apart, the data's own among them."""
    return float((1 + np.count_nonzero(of_splits >= distance - _TIE)) / (len(of_splits) + 1))


def refined_p(kind: Distance, reference: Counts, window: Counts, of_splits: Values) -> tuple[float, float]:
    """The distance and its p: by permutation, or by a proven bound where no split comes as far and the bound is less.

    999 splits cannot say less than .001, and Holm over many columns asks for less. Where a split comes as far, the p
    of the permutation stands; where none does, the bound can only lower .001, so that the p stays valid at every
    level: below .001 it is a bound's alone.
    """
    distance = float(DISTANCES[kind](reference, window))
    p = p_value(distance, of_splits)
    if np.any(of_splits >= distance - _TIE):
        return distance, p
    return distance, min(p, tail_bound(kind, reference + window, int(window.sum()), distance))


def calibrated_threshold(kind: Distance, reference: Counts, window: Counts, of_splits: Values, level: float) -> float:
    """The distance beyond which p is at most ``level``, with these pooled counts and numbers of rows."""
    allowed = int(level * (len(of_splits) + 1)) - 1       # splits that may come as far
    if allowed >= 0:
        return float(np.sort(of_splits)[::-1][allowed])
    pooled, n = reference + window, int(window.sum())
    low, high = 0.0, 1.0
    for _ in range(50):
        middle = (low + high) / 2
        low, high = (low, middle) if tail_bound(kind, pooled, n, middle) <= level else (middle, high)
    return max(high, float(of_splits.max()))


def tail_bound(kind: Distance, pooled: Counts, n: int, distance: float) -> float:
    """An upper bound of the chance that a random split comes so far.

    KS: Chvatal's bound for each cut, added. TVD: its mean is at most that of root mean squares, and McDiarmid's
    inequality for samples without replacement bounds how far it may exceed its mean.

    References
    ----------
    .. [1] V. Chvatal, "The tail of the hypergeometric distribution", Discrete Mathematics 25, 1979.
    .. [2] R. El-Yaniv and D. Pechyony, "Stable transductive learning", COLT 2006, lemma 2.
    """
    total = int(pooled.sum())
    m = total - n
    if min(n, m) == 0:
        return 1.0
    return _ks_bound(pooled, n, m, distance) if kind == "ks" else _tvd_bound(pooled, n, m, distance)


def _ks_bound(pooled: Counts, n: int, m: int, distance: float) -> float:
    total, fewer, more = n + m, min(n, m), max(n, m)
    shares = np.cumsum(pooled)[:-1] / total
    shares = shares[(shares > 0) & (shares < 1)]
    step = distance * more / total                        # such a gap moves the smaller sample's share so far
    bound = 0.0
    for moved in (shares + step, shares - step):
        possible = (moved >= 0) & (moved <= 1)
        p, q = shares[possible], moved[possible]
        bound += float(np.exp(-fewer * (rel_entr(q, p) + rel_entr(1 - q, 1 - p))).sum())
    return min(1.0, bound)


def _tvd_bound(pooled: Counts, n: int, m: int, distance: float) -> float:
    total = n + m
    shares = pooled / total
    deviations = np.sqrt(n * shares * (1 - shares) * m / max(total - 1, 1))
    step = total / (n * m)                                # two rows that change sides move the TVD so far at most
    excess = distance - float(deviations.sum()) * step / 2
    if excess <= 0:
        return 1.0
    factor = (total - 0.5) * (1 - 1 / (2 * max(n, m)))
    return min(1.0, math.exp(-2 * excess**2 * factor / (n * m * step**2)))


def _shares(counts: Counts) -> Values:
    shares: Values = counts / counts.sum(axis=-1, keepdims=True)
    return shares


def _draw(size: int, total: int, wanted: Counts, *, key: str) -> Counts:
    """How many of ``wanted`` rows out of ``total`` are among ``size`` marked ones, for each element of ``wanted``."""
    if size == 0 or total == 0:
        return np.zeros_like(wanted)
    if size == total:
        return wanted.copy()
    found = np.empty_like(wanted)
    pending = np.arange(len(wanted))
    attempt = 0
    while len(pending):
        values, accepted = _attempt(size, total, wanted[pending], raw_words(f"{key}/{attempt}", 2 * len(pending)))
        found[pending[accepted]] = values[accepted]
        pending = pending[~accepted]
        attempt += 1
    return found


def _attempt(
    size: int, total: int, wanted: Counts, words: NDArray[np.uint64]
) -> tuple[Counts, NDArray[np.bool_]]:
    """One point under the hat for each element, and whether it lies under the distribution too."""
    uniform = ((words >> np.uint64(11)).astype(np.float64) + 0.5) * 2.0**-53
    height, across = uniform[: len(wanted)], uniform[len(wanted) :]
    share = size / total
    variance = wanted * share * (1 - share) * (total - wanted) / max(total - 1, 1)
    hat = _HAT_SLOPE * np.sqrt(variance + 0.5) + _HAT_BASE
    values = np.floor(wanted * share + 0.5 + hat * (across - 0.5) / height)
    lowest, highest = np.maximum(0, wanted - (total - size)), np.minimum(wanted, size)
    possible = (values >= lowest) & (values <= highest)
    values = np.where(possible, values, lowest)
    mode = np.clip(np.floor((wanted + 1) * ((size + 1) / (total + 2))), lowest, highest)
    gain = _log_weight(values, size, total, wanted) - _log_weight(mode, size, total, wanted)
    return values.astype(np.int64), possible & (2 * np.log(height) <= gain)


def _log_weight(values: Values, size: int, total: int, wanted: Counts) -> Values:
    """Logarithm of the hypergeometric probability, but for a constant."""
    rest: Values = -(
        gammaln(values + 1)
        + gammaln(size - values + 1)
        + gammaln(wanted - values + 1)
        + gammaln(total - size - wanted + values + 1)
    )
    return rest
