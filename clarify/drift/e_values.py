"""E-values: how much one window of counts speaks for a metric beyond an edge of its range, by size of the change."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtri

from clarify.bias.catalog import BY_NAME
from clarify.bias.contingency import FoldedTable
from clarify.bias.evaluate import estimate
from clarify.bias.intervals import LatticeValues, Plausible, StratifiedValues
from clarify.bias.lattice import N_POINTS
from clarify.bias.two_rates import TWO_RATES, TwoRates
from clarify.results import GroupCounts

Values = NDArray[np.float64]

DELTAS: Final = (0.025, 0.05, 0.1, 0.2)    # how far beyond the edge of a difference the alternatives lie
FACTORS: Final = (1.1, 1.25, 1.5, 2.0)     # the same for a ratio
LAMBDAS: Final = (0.25, 0.5, 1.0)          # tilts of a normal score; with 2 the mean on the edge is far above 1
ABOVE: Final = 1
BELOW: Final = -1

_SIDES: Final = (ABOVE, BELOW)
_EXACT: Final = frozenset({"CI", "DPL", "LP", "TVD", "KS", "DPPL", "DI", "RD", "SD", "DAR", "DRR", "AD"})
_LARGEST_DIFFERENCE: Final = 0.98
_LOWEST_RATE: Final = 0.005
_HIGHEST_RATE: Final = 0.995
_LARGEST_SCORE: Final = 4.0
_HALVINGS: Final = 54                       # of an interval no wider than 1: the last bit of a rate


def is_exact(metric: str) -> bool:
    """Whether the e-values of a metric have mean at most 1 whatever the rates inside the range and the rows."""
    return metric in _EXACT


def n_components(metric: str) -> int:
    """Length of :func:`log_e_values`: two sides of four sizes of change, or of three tilts."""
    return len(_SIDES) * (len(DELTAS) if is_exact(metric) else len(LAMBDAS))


def log_e_values(
    metric: str, table: FoldedTable, low: float | None, high: float | None, before: FoldedTable | None
) -> tuple[float, ...]:
    """Logarithms of the e-values of one window for one series.

    An e-value is a likelihood ratio of the window's counts: a rate pair beyond the edge over the nearest pair within
    the range. Its mean is at most 1 for every pair within. Metrics that are no line in two rates (TE, DCA, DCR, GE,
    KL, JS, CDDL, CDDPL, FT) have tilted normal scores of their tail masses instead, which are approximate.

    Parameters
    ----------
    metric : str
        Name in the catalogue.
    table : FoldedTable
        The window, unknowns left out; its rows are in no other window.
    low, high : float or None
        Allowed range, None or beyond the metric's own scale for a side without a limit. A distance (KL, JS, LP, TVD,
        KS) has the limit ``high`` in both directions of the gap, and ``low`` is not read.
    before : FoldedTable or None
        Counts known before the window (the reference, or earlier windows). They place the alternatives: stale ones
        cost power, never validity. None: alternatives around a rate of one half.

    Returns
    -------
    tuple of float, length :func:`n_components`
        Above ``high`` first, then below ``low``; each by size of the change. Exactly 0 where the window says nothing:
        a side without a limit, a facet without rows, no alternative left beyond the edge.

    Notes
    -----
    CI is one binomial, the share of facet d among all rows: there a facet without rows is an observation, not a lack
    of one, and only a window without any row says nothing.
    """
    if metric == "CI":
        return _class_imbalance(table, low, high)
    if not is_exact(metric):
        return _tilted(metric, table, low, high)
    rates = TWO_RATES[metric]
    if rates.fold is not None:
        low, high = rates.edges(None, high)
    return _of_two_rates(rates, table, low, high, before)


def log_e_difference(
    x_a: ArrayLike,
    n_a: ArrayLike,
    x_d: ArrayLike,
    n_d: ArrayLike,
    edge: ArrayLike,
    side: ArrayLike,
    delta: ArrayLike,
    pa0: ArrayLike,
    pd0: ArrayLike,
) -> Values:
    r"""Log e-values of the difference of two rates, a minus d; all arguments broadcast.

    .. math:: \log E = x_a \log\frac{t_a}{A} + (n_a - x_a) \log\frac{1 - t_a}{1 - A}
              + x_d \log\frac{t_d}{t} + (n_d - x_d) \log\frac{1 - t_d}{1 - t}, \qquad A = t + \mathrm{edge}

    where :math:`t_a - t_d` is the edge moved by ``delta`` and t minimises
    :math:`n_a KL(t_a, A) + n_d KL(t_d, t)`.

    Parameters
    ----------
    x_a, n_a, x_d, n_d : array_like
        Counts and rows of the window.
    edge, side, delta : array_like
        Edge of the range, :data:`ABOVE` (+1) or :data:`BELOW` (-1) it, and how far beyond.
    pa0, pd0 : array_like
        Rates known before the window.

    Returns
    -------
    ndarray of float64
        0 where a facet has no rows or no alternative lies beyond the edge.

    Examples
    --------
    >>> round(float(log_e_difference(176, 400, 24, 100, .1, ABOVE, .1, .42, .32)), 6)
    1.872117
    """
    n_a, n_d, edge, side, delta, pa0, pd0 = _floats(n_a, n_d, edge, side, delta, pa0, pd0)
    informed = (n_a > 0) & (n_d > 0)
    rows = np.where(informed, n_a + n_d, 1.0)
    alternative = np.clip(edge + side * delta, -_LARGEST_DIFFERENCE, _LARGEST_DIFFERENCE)
    t_a = (n_a * pa0 + n_d * pd0) / rows + alternative * n_d / rows
    t_d = t_a - alternative
    # Both are moved alike: the difference stays the alternative, which fits into the allowed rates.
    up = np.maximum(_LOWEST_RATE - np.minimum(t_a, t_d), 0.0)
    down = np.maximum(np.maximum(t_a, t_d) - _HIGHEST_RATE, 0.0)
    t_a, t_d = t_a + up - down, t_d + up - down
    informed &= (side * (alternative - edge) > 0) & (np.abs(edge) < 1)
    edge = np.where(informed, edge, 0.0)
    first, last = np.minimum(t_d, t_a - edge), np.maximum(t_d, t_a - edge)

    def slope(t: Values) -> Values:
        a = t + edge
        result: Values = n_a * (a - t_a) / (a * (1 - a)) + n_d * (t - t_d) / (t * (1 - t))
        return result

    t = _root(slope, np.maximum(first, np.maximum(0.0, -edge)), np.minimum(last, np.minimum(1.0, 1.0 - edge)))
    log_e = _log_ratio(x_a, n_a, t_a, t + edge) + _log_ratio(x_d, n_d, t_d, t)
    return np.where(informed, log_e, 0.0)


def log_e_ratio(
    x_a: ArrayLike,
    n_a: ArrayLike,
    x_d: ArrayLike,
    n_d: ArrayLike,
    edge: ArrayLike,
    side: ArrayLike,
    factor: ArrayLike,
    pa0: ArrayLike,
    pd0: ArrayLike,
) -> Values:
    """Log e-values of the ratio of two rates, d over a: as :func:`log_e_difference`, with the null on d = edge * a.

    ``factor`` (above 1) multiplies the edge upwards and divides it downwards.
    """
    n_a, n_d, edge, side, factor, pa0, pd0 = _floats(n_a, n_d, edge, side, factor, pa0, pd0)
    informed = (n_a > 0) & (n_d > 0) & (edge > 0) & np.isfinite(edge)
    edge = np.where(informed, edge, 1.0)
    alternative = edge * factor**side
    t_a = (n_a * pa0 + n_d * pd0) / np.where(informed, n_a + n_d * alternative, 1.0)
    t_a = np.clip(t_a, _LOWEST_RATE / np.minimum(1.0, alternative), _HIGHEST_RATE / np.maximum(1.0, alternative))
    t_a, t_d = (np.clip(t, _LOWEST_RATE, _HIGHEST_RATE) for t in (t_a, alternative * t_a))
    informed &= side * (t_d - edge * t_a) > 0
    first, last = np.minimum(t_a, t_d / edge), np.maximum(t_a, t_d / edge)

    def slope(t: Values) -> Values:
        d = edge * t
        result: Values = n_a * (t - t_a) / (t * (1 - t)) + n_d * edge * (d - t_d) / (d * (1 - d))
        return result

    t = _root(slope, first, np.minimum(last, np.minimum(1.0, 1.0 / edge)))
    log_e = _log_ratio(x_a, n_a, t_a, t) + _log_ratio(x_d, n_d, t_d, edge * t)
    return np.where(informed, log_e, 0.0)


def log_e_rate(x: ArrayLike, n: ArrayLike, edge: ArrayLike, side: ArrayLike, delta: ArrayLike) -> Values:
    """Log e-values of one rate against an edge: one binomial, the null point is the edge itself."""
    n, edge, side, delta = _floats(n, edge, side, delta)
    alternative = np.clip(edge + side * delta, _LOWEST_RATE, _HIGHEST_RATE)
    informed = (n > 0) & (edge > 0) & (edge < 1) & (side * (alternative - edge) > 0)
    return np.where(informed, _log_ratio(x, n, alternative, np.where(informed, edge, 0.5)), 0.0)


def log_e_scores(tail_mass: ArrayLike, tilt: ArrayLike) -> Values:
    """Log e-values of a normal score z: tilt z - tilt^2 / 2, where z is large when ``tail_mass`` is small.

    ``tail_mass`` is the chance, given the counts, that the metric lies on the allowed side of the edge.
    """
    mass, tilt = _floats(tail_mass, tilt)
    z = np.clip(-ndtri(mass), -_LARGEST_SCORE, _LARGEST_SCORE)
    result: Values = tilt * z - tilt**2 / 2
    return result


def _floats(*values: ArrayLike) -> tuple[Values, ...]:
    return tuple(np.asarray(value, dtype=np.float64) for value in values)


def _log_ratio(x: ArrayLike, n: ArrayLike, alternative: Values, null: Values) -> Values:
    """Log likelihood ratio of a binomial at two rates."""
    x, n = _floats(x, n)
    result: Values = x * np.log(alternative / null) + (n - x) * np.log((1 - alternative) / (1 - null))
    return result


def _root(slope: Callable[[Values], Values], first: Values, last: Values) -> Values:
    """Where an increasing function changes its sign between ``first`` and ``last``, element by element."""
    for _ in range(_HALVINGS):
        middle = (first + last) / 2
        is_late = slope(middle) > 0
        first, last = np.where(is_late, first, middle), np.where(is_late, middle, last)
    return (first + last) / 2


def _of_two_rates(
    rates: TwoRates, table: FoldedTable, low: float | None, high: float | None, before: FoldedTable | None
) -> tuple[float, ...]:
    is_ratio = rates.kind == "ratio"
    # A difference that is counted d minus a is the same formula with the facets in the other places.
    first, second = (table.a, table.d) if rates.sign > 0 or is_ratio else (table.d, table.a)
    pa0, pd0 = _rates_before(rates, before)
    known = (pa0, pd0) if rates.sign > 0 or is_ratio else (pd0, pa0)
    log_e = log_e_ratio if is_ratio else log_e_difference
    steps = FACTORS if is_ratio else DELTAS
    counts = (*rates.rate(first), *rates.rate(second))
    return _as_tuple(log_e(*counts, *_edges(low, high), np.tile(steps, len(_SIDES)), *known))


def _edges(low: float | None, high: float | None) -> tuple[Values, Values]:
    """Edge and side of each component; infinite, with nothing beyond, for a side without a limit."""
    edges = [np.inf if high is None else high, -np.inf if low is None else low]
    return np.repeat(edges, len(DELTAS)), np.repeat(np.array(_SIDES, dtype=np.float64), len(DELTAS))


def _as_tuple(values: Values) -> tuple[float, ...]:
    return tuple(float(value) for value in values)


def _rates_before(rates: TwoRates, before: FoldedTable | None) -> tuple[float, float]:
    """Rates of facet a and facet d; what is not known is taken from the other facet, or is one half."""
    if before is None:
        return 0.5, 0.5
    of_a, of_d = _share(rates, before.a), _share(rates, before.d)
    either = next((share for share in (of_a, of_d) if share is not None), 0.5)
    return either if of_a is None else of_a, either if of_d is None else of_d


def _share(rates: TwoRates, group: GroupCounts) -> float | None:
    count, rows = rates.rate(group)
    return count / rows if rows else None


def _class_imbalance(table: FoldedTable, low: float | None, high: float | None) -> tuple[float, ...]:
    """CI = 1 - 2 q, with q the share of facet d: above the high edge is below an edge of q."""
    edge, side = _edges(low, high)
    halves = np.tile(DELTAS, len(_SIDES)) / 2
    return _as_tuple(log_e_rate(table.d.rows, table.a.rows + table.d.rows, (1 - edge) / 2, -side, halves))


def _tilted(metric: str, table: FoldedTable, low: float | None, high: float | None) -> tuple[float, ...]:
    plausible = estimate(BY_NAME[metric], table).plausible
    silence = (0.0,) * len(LAMBDAS)
    if plausible is None:
        return silence * len(_SIDES)
    masses = _tail_masses(metric, plausible, low, high)
    return tuple(
        value
        for mass in masses
        for value in (silence if mass is None else (float(log_e_scores(mass, tilt)) for tilt in LAMBDAS))
    )


def _tail_masses(
    metric: str, plausible: Plausible, low: float | None, high: float | None
) -> tuple[float | None, float | None]:
    """How much of what the counts allow lies at or below ``high``, and at or above ``low``; None without a limit."""
    scale = BY_NAME[metric]
    high = None if high is None or high >= scale.high else high
    if isinstance(plausible, StratifiedValues):
        low = None if low is None or low <= scale.low else low
        disparity = plausible.disparity
        return (
            None if high is None else disparity.mass_below(high),
            None if low is None else 1.0 - disparity.mass_below(low),
        )
    if not isinstance(plausible, LatticeValues):
        return None, None
    if plausible.power is not None:
        edge = None if high is None else (max(high, 0.0) / plausible.scale) ** (1 / plausible.power)
        low, high = (None, None) if edge is None else (-edge, edge)
    elif low is not None and low <= scale.low:
        low = None
    values = plausible.values
    return (
        None if high is None else _mass(int(np.searchsorted(values, high, side="right"))),
        None if low is None else _mass(N_POINTS - int(np.searchsorted(values, low, side="left"))),
    )


def _mass(count: int) -> float:
    return (count + 0.5) / (N_POINTS + 1)
