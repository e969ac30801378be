"""What a sample can show: the power of a verdict, the smallest change it would see, the rows that a change needs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Final, Literal

import numpy as np

from clarify.bias.critical_counts import power_above, power_below
from clarify.bias.lattice import PRIOR
from clarify.bias.parametric_tables import TABLE_METRICS, smallest_by_tables
from clarify.bias.two_rates import TWO_RATES, TwoRates
from clarify.errors import ConfigError, Problem
from clarify.results import DetectableChange, FacetCounts, FlipCounts

Side = Literal["lower", "upper"]

MOST_ROWS: Final = 10**12
_STEPS: Final = 40

@dataclass(frozen=True)
class _Design:
    """A metric, the sizes of the facets and the test: all of a verdict but the true rates."""

    metric: TwoRates
    rows_a: int
    rows_d: int
    low: float | None               # of the signed quantity
    high: float | None
    tail: float

    def power(self, rate_a: float, rate_d: float) -> float:
        return min(1.0, self._beyond("upper", rate_a, rate_d) + self._beyond("lower", rate_a, rate_d))

    def _beyond(self, side: Side, rate_a: float, rate_d: float) -> float:
        """Chance of seeing the signed quantity beyond one side; the smaller facet is enumerated."""
        edge = self.high if side == "upper" else self.low
        if edge is None or (self.metric.kind == "ratio" and edge >= 0):    # no ratio lies below 0
            return 0.0
        d_is_smaller = self.rows_d <= self.rows_a
        # Beyond the upper side facet d's rate is too low, which is to say that facet a's is too high.
        seen = power_below if (side == "upper") == d_is_smaller else power_above
        if d_is_smaller:
            return seen(self.metric.boundary(edge, "a"), rate_d, self.rows_d, rate_a, self.rows_a, self.tail)
        return seen(self.metric.boundary(edge, "d"), rate_a, self.rows_a, rate_d, self.rows_d, self.tail)

    def smallest(self, side: Side, rate_a: float, power: float) -> _Found:
        """The signed value nearest to one side that is seen with ``power``, facet a's rate held."""
        edge = self.high if side == "upper" else self.low
        far = 0.0 if side == "upper" else 1.0
        utmost = self.metric.signed_at(rate_a, far)
        if edge is None or not (utmost > edge if side == "upper" else utmost < edge):
            return _Found(None, utmost, is_impossible=True)
        if self.power(rate_a, far) < power:
            return _Found(None, utmost)
        near = min(max(float(self.metric.boundary(edge, "a").at(np.array([rate_a]))[0]), 0.0), 1.0)
        for _ in range(_STEPS):
            rate_d = (near + far) / 2
            near, far = (near, rate_d) if self.power(rate_a, rate_d) >= power else (rate_d, far)
        return _Found(self.metric.signed_at(rate_a, far), utmost)


@dataclass(frozen=True)
class _Found:
    signed: float | None
    utmost: float                   # the signed value furthest out on this side
    is_impossible: bool = False


def detectable_change(
    metric: str,
    counts: FacetCounts,
    low: float | None,
    high: float | None,
    *,
    level: float = 0.05,
    power: float = 0.8,
    flips: FlipCounts | None = None,
) -> DetectableChange | None:
    """The smallest true values outside the allowed range that a table of this size would show as a VIOLATION.

    Facet a's rate is held at its posterior mean and facet d's is moved; the rows behind each rate stay as they are.

    Parameters
    ----------
    metric : str
        Name in the catalogue.
    counts : FacetCounts
        Of the facet, unknowns included.
    low, high : float or None
        Allowed range of the metric, None for a side without a limit.
    level : float
        Accepted chance of a wrong verdict; divided by the number of tests it gives Holm's worst case.
    power : float
        Chance with which the change is to be seen.
    flips : FlipCounts or None
        Of the flip test, for FT.

    Returns
    -------
    DetectableChange or None
        Values of the metric, below and above the range. ``impossible_below`` and ``impossible_above``: no value out
        there can occur with facet a as it is, or there is no limit on that side. For a distance (KL, JS, LP, TVD,
        KS) ``above`` is seen whichever facet has more. ``approximate`` for CI, DCA, DCR, FT and GE, whose power is
        that of 2,000 parametric tables. None when a rate has nobody behind it, for FT without flips, and for
        CDDL and CDDPL: which of their strata would change, and how, has no single answer.

    Notes
    -----
    Up to 500 rows of the smaller facet all its counts are enumerated against the critical counts of the larger
    (statistics: within a point of simulation); above, the test's normal score gives the power.
    """
    if metric in TABLE_METRICS:
        return smallest_by_tables(metric, counts, low, high, tail=level / 2, power=power, flips=flips)
    if metric not in TWO_RATES:
        return None
    return _detectable(metric, *(TWO_RATES[metric].rate(group) for group in (counts.a, counts.d)),
                       low, high, level, power)


@lru_cache(maxsize=1_024)
def _detectable(
    name: str,
    of_a: tuple[int, int],
    of_d: tuple[int, int],
    low: float | None,
    high: float | None,
    level: float,
    power: float,
) -> DetectableChange | None:
    if of_a[1] == 0 or of_d[1] == 0:
        return None
    rate_a = (of_a[0] + PRIOR) / (of_a[1] + 2 * PRIOR)
    return smallest_change(name, rows_a=of_a[1], rows_d=of_d[1], rate_a=rate_a, low=low, high=high,
                           level=level, power=power)


def smallest_change(
    metric: str,
    *,
    rows_a: int,
    rows_d: int,
    rate_a: float,
    low: float | None,
    high: float | None,
    level: float = 0.05,
    power: float = 0.8,
) -> DetectableChange:
    """As :func:`detectable_change`, at a given rate of facet a; ``rows_a`` and ``rows_d`` are the rows behind it.

    Raises
    ------
    ConfigError
        If the metric is not one of two rates.
    """
    kind = _two_rates(metric)
    design = _Design(kind, rows_a, rows_d, *kind.edges(low, high), level / 2)
    lower, upper = (design.smallest(side, rate_a, power) for side in ("lower", "upper"))
    if kind.fold is not None:
        return _folded_change(kind, lower, upper, power)
    below, above = (lower, upper) if kind.sign > 0 else (upper, lower)
    return DetectableChange(
        below=None if below.signed is None else kind.folded(below.signed),
        above=None if above.signed is None else kind.folded(above.signed),
        power=power,
        impossible_below=below.is_impossible,
        impossible_above=above.is_impossible,
    )


def _folded_change(kind: TwoRates, lower: _Found, upper: _Found, power: float) -> DetectableChange:
    """A distance is seen when it is seen on whichever side it can occur: beyond the utmost of a side it cannot."""
    possible = [found for found in (lower, upper) if not found.is_impossible]
    seen = [kind.folded(found.signed) for found in possible if found.signed is not None]
    unseen = [kind.folded(found.utmost) for found in possible if found.signed is None]
    above = max((*seen, *unseen)) if seen else None
    return DetectableChange(None, above, power, impossible_below=True, impossible_above=not possible)


def power_of(
    metric: str,
    *,
    rows_a: int,
    rows_d: int,
    rate_a: float,
    rate_d: float,
    low: float | None,
    high: float | None,
    level: float = 0.05,
) -> float:
    """Probability that the verdict is VIOLATION at true rates of both facets.

    Raises
    ------
    ConfigError
        If the metric is not one of two rates.

    Examples
    --------
    >>> at = dict(rows_a=400, rows_d=100, low=-0.1, high=0.1)
    >>> round(power_of("DPPL", rate_a=0.3, rate_d=0.05, **at), 3)
    0.985
    """
    kind = _two_rates(metric)
    return _Design(kind, rows_a, rows_d, *kind.edges(low, high), level / 2).power(rate_a, rate_d)


@dataclass(frozen=True)
class RowsNeeded:
    """Rows behind the rates, in total and in facet d, that show one true rate of facet d with the wanted power.

    ``rows`` is None when more than 10^12 would be needed.
    """

    rate_d: float
    rows: int | None
    rows_d: int | None


def rows_needed(
    metric: str,
    *,
    value: float,
    rate_a: float,
    share_d: float,
    low: float | None,
    high: float | None,
    level: float = 0.05,
    power: float = 0.8,
) -> tuple[RowsNeeded, ...]:
    """Rows that show a true value of the metric as a VIOLATION, one entry for each facet that can have more.

    Parameters
    ----------
    value : float
        Of the metric, not its distance from the range. A difference of ``value`` may lie in either direction, as may
        a distance; a ratio lies in one. Directions that the range allows are left out.
    rate_a : float
        True rate of facet a.
    share_d : float
        Share of facet d among the rows behind the rates.

    Returns
    -------
    tuple of RowsNeeded
        Empty when no rate of facet d gives such a value, or the range allows it. Counts are discrete, so a
        few rows more may have a little less power.

    Raises
    ------
    ConfigError
        If the metric is not one of two rates.
    """
    kind = _two_rates(metric)
    edges = kind.edges(low, high)
    return tuple(
        _rows_for(partial(_power_in, kind, edges, level / 2, share_d, rate_a, rate_d), rate_d, share_d, power)
        for rate_d in kind.rates_d(value, rate_a, low, high)
    )


def sizes(rows: int, share_d: float) -> tuple[int, int]:
    """Rows of facet a and facet d among ``rows``, at least one each."""
    rows_d = min(max(round(rows * share_d), 1), max(rows - 1, 1))
    return max(rows - rows_d, 1), rows_d


def _power_in(
    kind: TwoRates,
    edges: tuple[float | None, float | None],
    tail: float,
    share_d: float,
    rate_a: float,
    rate_d: float,
    rows: int,
) -> float:
    return _Design(kind, *sizes(rows, share_d), *edges, tail).power(rate_a, rate_d)


def _rows_for(power_in: Callable[[int], float], rate_d: float, share_d: float, power: float) -> RowsNeeded:
    enough = 2
    while enough < MOST_ROWS and power_in(enough) < power:
        enough *= 2
    if enough >= MOST_ROWS:
        return RowsNeeded(rate_d, None, None)
    few = enough // 2
    while enough - few > 1:
        middle = (few + enough) // 2
        few, enough = (few, middle) if power_in(middle) >= power else (middle, enough)
    return RowsNeeded(rate_d, enough, sizes(enough, share_d)[1])


def _two_rates(metric: str) -> TwoRates:
    if metric not in TWO_RATES:
        raise ConfigError(
            Problem("PLAN-METRIC", "--metric", metric, f"one of {', '.join(TWO_RATES)}",
                    "name a metric of two rates; the others need a table: plan with a config and its data")
        )
    return TWO_RATES[metric]
