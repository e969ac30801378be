"""Numbers as readers see them: a true minus, fixed decimals, never a zero where there is none."""

from __future__ import annotations

import math
from collections.abc import Iterable

from clarify.results import Interval

MINUS = "\N{MINUS SIGN}"
FOREST_DECIMALS = 2
CARD_DECIMALS = 3
_MOST_DECIMALS = 8
_LONGEST_FIXED = 1e15
_NOISE = 1e-9                      # of 100 times a share: 0.07 is no more than 7 points


def decimal(value: float, decimals: int = FOREST_DECIMALS) -> str:
    """Fixed decimals and grouped thousands; a small number gets more decimals rather than become 0.

    Examples
    --------
    >>> decimal(-0.1744), decimal(0.0), decimal(0.0004), decimal(12345.678, 1)
    ('−0.17', '0.00', '0.0004', '12,345.7')
    """
    if math.isinf(value):
        return "infinity" if value > 0 else f"{MINUS}infinity"
    if abs(value) >= _LONGEST_FIXED:
        return f"{value:.{decimals}e}".replace("-", MINUS)
    while value != 0 and round(value, decimals) == 0 and decimals < _MOST_DECIMALS:
        decimals += 1
    text = f"{abs(value):,.{decimals}f}"
    return MINUS + text if value < 0 and float(text.replace(",", "")) != 0 else text


def decimals_apart(value: float, edges: Iterable[float], decimals: int = FOREST_DECIMALS) -> int:
    """As many decimals as keep the rounded value on its own side of every edge; at least ``decimals``.

    Examples
    --------
    >>> decimals_apart(0.104, (-0.1, 0.1)), decimals_apart(0.12, (-0.1, 0.1)), decimals_apart(0.1, (0.1,))
    (3, 2, 2)
    """
    if not math.isfinite(value) or abs(value) >= _LONGEST_FIXED:
        return decimals
    limits = tuple(edges)
    while decimals < _MOST_DECIMALS and any(_crosses(value, limit, decimals) for limit in limits):
        decimals += 1
    return decimals


def _crosses(value: float, edge: float, decimals: int) -> bool:
    rounded = round(value, decimals)
    return (value > edge) - (value < edge) != (rounded > edge) - (rounded < edge)


def interval(found: Interval, decimals: int = FOREST_DECIMALS, *, edges: Iterable[float] = ()) -> str:
    """``0.06 to 0.22``, ``0.80 or more``, ``0.22 or less``; both sides open is ``any value``.

    A limit that would round across one of the ``edges`` gets more decimals.
    """
    limits = tuple(edges)
    low, high = (decimals_apart(limit, limits, decimals) for limit in (found.low, found.high))
    if math.isinf(found.low) and math.isinf(found.high):
        return "any value"
    if math.isinf(found.high):
        return f"{decimal(found.low, low)} or more"
    if math.isinf(found.low):
        return f"{decimal(found.high, high)} or less"
    return f"{_limit(found.low, low)} to {_limit(found.high, high)}"


def _limit(value: float, decimals: int) -> str:
    """A limit needs no more decimals than its value, but keeps its sign: −0.001 is on the other side of zero."""
    return decimal(value, decimals) if abs(value) >= 10.0 ** -(decimals + 2) else f"{0:.{decimals}f}"


def level(found: Interval) -> str:
    """``95 %``."""
    return f"{100 * found.level:g} %"


def count(number: int) -> str:
    """Grouped by comma from 1,000."""
    return f"{number:,}"


def percent(share: float) -> str:
    """One decimal, and never 0.0 % or 100.0 % unless exactly so."""
    if 0 < share < 0.0005:
        return "under 0.1 %"
    if 0.9995 <= share < 1:
        return "over 99.9 %"
    return f"{100 * share:.1f} %"


def points(share_difference: float, *, edges: Iterable[float] = ()) -> str:
    """Percentage points without their sign, whole ones where that is enough.

    A difference that would round to none is "less than 1"; one that would round across an edge, given as shares, gets
    decimals.

    Examples
    --------
    >>> points(-0.1402), points(0.004), points(0.104, edges=(0.1,))
    ('14', 'less than 1', '10.4')
    """
    text = signed_points(abs(share_difference), edges=[side * edge for edge in edges for side in (1, -1)])
    return "less than 1" if text == "0" and share_difference != 0 else text


def signed_points(share_difference: float, *, edges: Iterable[float] = ()) -> str:
    """Percentage points with their sign, for the limits of an interval; rounded as :func:`points` does."""
    decimals = decimals_apart(share_difference, edges) - 2
    rounded = round(100 * share_difference, decimals)
    return f"{MINUS if rounded < 0 else ''}{abs(rounded):,.{decimals}f}"


def points_unit(text: str) -> str:
    """``1 point``, ``14 points``, ``less than 1 point``."""
    return f"{text} {'point' if text in ('1', 'less than 1') else 'points'}"


def points_at_least(share_difference: float) -> str:
    """Whole percentage points, rounded away from zero: a change of so many points is no smaller than the given one.

    Examples
    --------
    >>> points_at_least(0.187), points_at_least(-0.19), points_at_least(0.07)
    ('19', '19', '7')
    """
    return count(math.ceil(100 * abs(share_difference) - _NOISE))


def bytes_text(size: int) -> str:
    """Bytes in the unit a person would use."""
    for factor, unit in ((10**9, "GB"), (10**6, "MB"), (10**3, "kB")):
        if size >= factor:
            return f"{size / factor:.1f} {unit}"
    return f"{size} bytes"


def duration(seconds: float) -> str:
    """Seconds in the unit a person would use, three digits.

    Examples
    --------
    >>> duration(0.0000112), duration(0.0034), duration(2.0)
    ('11.2 µs', '3.4 ms', '2 s')
    """
    for factor, unit in ((1.0, "s"), (1e-3, "ms")):
        if seconds >= factor:
            return f"{seconds / factor:.3g} {unit}"
    return f"{seconds * 1e6:.3g} µs"
