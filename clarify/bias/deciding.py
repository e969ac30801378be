"""The interval that decides: a verdict read off a picture, by the same masses that its p-values are made of."""

from __future__ import annotations

import math
from dataclasses import replace

from clarify.bias.catalog import BY_NAME
from clarify.bias.counted import counted_table
from clarify.bias.evaluate import estimate
from clarify.bias.intervals import LatticeValues, Plausible
from clarify.bias.lattice import N_POINTS
from clarify.results import FacetBias, Interval, Verdict

Limits = tuple[float | None, float | None]


def binding_limits(metric: str, low: float | None, high: float | None) -> Limits:
    """The allowed range without the limits that no value of the metric lies beyond."""
    least, greatest = BY_NAME[metric].low, BY_NAME[metric].high
    return (None if low is None or low <= least else low), (None if high is None or high >= greatest else high)


def interval_at(bias: FacetBias, metric: str, alpha: float) -> Interval | None:
    """What the counts allow a metric to be at level ``1 - alpha``.

    Parameters
    ----------
    bias : FacetBias
        Its counts, strata and flips are read, its metrics are not. Of a sampled flip test the sample decides.
    metric : str
        Name of a metric of the stage.
    alpha : float
        The level that the p-value of its verdict had to reach.

    Returns
    -------
    Interval or None
        None where a rate behind the metric has no rows.

    Notes
    -----
    A p-value of the lattice is a count of its values, so a limit has to be one of them: a quantile between two would
    lie on the other side of an edge for p-values within one part in 32,768 of ``alpha``. CDDL and CDDPL have their
    limits from the stratified formula at ``alpha``.
    """
    flips = bias.flips if bias.flips is not None else bias.sampled_flips
    plausible = estimate(BY_NAME[metric], counted_table(bias).with_flips(flips)).plausible
    if plausible is None:
        return None
    found = _on_the_lattice(plausible, alpha) if isinstance(plausible, LatticeValues) else plausible.interval(1 - alpha)
    return Interval(found.low, found.high, 1 - alpha)


def _on_the_lattice(plausible: Plausible, alpha: float) -> Interval:
    beyond = _values_beyond(alpha)
    if beyond < 0:                            # no p-value is so small: every value remains possible
        return Interval(-math.inf, math.inf)
    # At this level, a whole number of 32,768ths, the quantiles fall on values of the lattice: exact in binary.
    return plausible.interval(1 - (2 * beyond + 1) / N_POINTS)


def _values_beyond(alpha: float) -> int:
    """The most values that may lie beyond a limit while the p-value, two masses of one side, is at most ``alpha``."""
    beyond = math.floor(alpha * (N_POINTS + 1) / 2 - 0.5) + 1
    while beyond >= 0 and 2 * ((beyond + 0.5) / (N_POINTS + 1)) > alpha:
        beyond -= 1
    return beyond


def read_off(interval: Interval, low: float | None, high: float | None) -> Verdict:
    """PASS when the interval lies inside the range, VIOLATION when apart from it; what touches a limit is undecided.

    Examples
    --------
    >>> [str(read_off(Interval(*ends), -0.1, 0.1)) for ends in ((-0.05, 0.09), (0.11, 0.2), (0.1, 0.2))]
    ['PASS', 'VIOLATION', 'INCONCLUSIVE']
    """
    least, greatest = -math.inf if low is None else low, math.inf if high is None else high
    if interval.high < least or interval.low > greatest:
        return Verdict.VIOLATION
    is_above = low is None or interval.low > least
    is_below = high is None or interval.high < greatest
    return Verdict.PASS if is_above and is_below else Verdict.INCONCLUSIVE


def in_agreement(interval: Interval, verdict: Verdict, low: float | None, high: float | None) -> Interval:
    """The interval with its limits moved as little as it takes to read off a verdict.

    p-values and limits are rounded apart in their last digits, and a value of the lattice may lie on a limit exactly.
    """
    if read_off(interval, low, high) is verdict:
        return interval
    if verdict is Verdict.PASS:
        return replace(
            interval,
            low=interval.low if low is None else max(interval.low, math.nextafter(low, math.inf)),
            high=interval.high if high is None else min(interval.high, math.nextafter(high, -math.inf)),
        )
    if verdict is Verdict.VIOLATION:
        return _apart(interval, low, high)
    edge = min((edge for edge in (low, high) if edge is not None), key=lambda edge: _gap(interval, edge))
    return replace(interval, low=min(interval.low, edge), high=max(interval.high, edge))


def _apart(interval: Interval, low: float | None, high: float | None) -> Interval:
    is_above = low is None or (high is not None and high - interval.low <= interval.high - low)
    if is_above and high is not None:
        low_end = math.nextafter(high, math.inf)
        return replace(interval, low=low_end, high=max(interval.high, low_end))
    if low is None:
        return interval                       # a range without a limit cannot be left
    high_end = math.nextafter(low, -math.inf)
    return replace(interval, low=min(interval.low, high_end), high=high_end)


def _gap(interval: Interval, edge: float) -> float:
    return max(interval.low - edge, edge - interval.high)
