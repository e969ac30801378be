"""How one series is measured in drawings: a view around its allowed range by rule, and its unit in words."""

from __future__ import annotations

import math
from dataclasses import dataclass

from clarify.bias.catalog import BY_NAME
from clarify.records import SeriesDrift
from clarify.report import numbers
from clarify.results import Interval

# As in the forest: so many widths of the range are seen on either side of it, whatever the values of one run are.
BEYOND = 1.45
_NO_EDGE_WIDTH = 0.1                       # of a range whose only edge is the ideal itself
_UNDECLARED = {"difference": (-0.5, 0.5), "ratio": (0.5, 2.0), "distance": (0.0, 0.5), "index": (0.0, 1.0)}
_NO_SHARES = ("CI", "FT", "CDDL", "CDDPL")


@dataclass(frozen=True)
class View:
    """The values that a drawing shows, ``low`` to ``high``; logarithmic for ratios."""

    low: float
    high: float
    logarithmic: bool = False

    def share(self, value: float) -> float:
        """0 at the lower end, 1 at the upper; what lies beyond the view is below 0 or above 1."""
        low, high = _flat(self.low, self.logarithmic), _flat(self.high, self.logarithmic)
        return (_flat(value, self.logarithmic) - low) / (high - low)


def view_of(series: SeriesDrift) -> View:
    """The view of a series: its range and 1.45 widths beyond; never more than the metric's own scale.

    The width of a range with one edge is the distance from there to the ideal. Without a range: a part of the scale
    that does not depend on the data.
    """
    metric = BY_NAME.get(series.metric)
    kind = metric.kind if metric is not None else "difference"
    ideal, least, most = (metric.ideal, metric.low, metric.high) if metric is not None else (0.0, -math.inf, math.inf)
    if series.low is None and series.high is None:
        return View(*_UNDECLARED[kind], kind == "ratio")
    is_log = kind == "ratio" and all(limit is None or limit > 0 for limit in (series.low, series.high))
    low, high = _edges(series, _flat(ideal, is_log), is_log)
    reach = BEYOND * (high - low)
    low, high = low - reach, high + reach
    if is_log:
        return View(math.exp(low), math.exp(high), True)
    return View(max(low, least), min(high, most))


def _edges(series: SeriesDrift, ideal: float, is_log: bool) -> tuple[float, float]:
    """Both edges of the range; a missing one lies as far from the other as the ideal does."""
    low = None if series.low is None else _flat(series.low, is_log)
    high = None if series.high is None else _flat(series.high, is_log)
    if low is not None and high is not None:
        return (low, high) if high > low else (low, low + _NO_EDGE_WIDTH)
    if high is not None:
        return high - (abs(high - ideal) or _NO_EDGE_WIDTH), high
    edge = low if low is not None else ideal
    return edge, edge + (abs(edge - ideal) or _NO_EDGE_WIDTH)


def _flat(value: float, is_log: bool) -> float:
    if not is_log or value == math.inf:
        return value
    return math.log(value) if value > 0 else -math.inf


# --- units ------------------------------------------------------------------------------------------------------------


def is_in_points(metric: str) -> bool:
    """Whether a metric is a difference of two shares, which people read in percentage points."""
    known = BY_NAME.get(metric)
    return known is not None and known.kind == "difference" and known.high == 1.0 and metric not in _NO_SHARES


def quantity(metric: str, value: float) -> str:
    """A value with its unit: ``4.5 points``, ``0.83``."""
    if not is_in_points(metric) or not math.isfinite(value):
        return numbers.decimal(value, numbers.CARD_DECIMALS)
    text = numbers.decimal(100 * value, 1)
    return f"{text} point" if text in ("1.0", f"{numbers.MINUS}1.0") else f"{text} points"


def quantities(metric: str, found: Interval) -> str:
    """An interval in the unit of :func:`quantity`, which is not said again: ``12.0 to 18.3``."""
    if not is_in_points(metric):
        return numbers.interval(found, numbers.CARD_DECIMALS)
    return numbers.interval(Interval(100 * found.low, 100 * found.high), 1)


def blind_zone_words(series: SeriesDrift) -> str:
    """The smallest change that is not hidden, in the series' own unit; or why there is none to name."""
    if series.range_from == "policy":
        return "no blind zone: the range is declared"
    if series.blind_zone is None or not math.isfinite(series.blind_zone):
        return "no blind zone known"
    sign = "+" if is_upward(series.metric) else "±"
    return f"blind zone {sign}{quantity(series.metric, series.blind_zone)}"


def blind_ends(series: SeriesDrift) -> tuple[float, float] | None:
    """From where to where a change of the reference's own value stays unseen; None where that is not known."""
    reference = series.reference.value if series.reference is not None else None
    if series.range_from == "policy" or series.blind_zone is None or reference is None:
        return None
    if not (math.isfinite(reference) and math.isfinite(series.blind_zone)):
        return None
    return reference - (0.0 if is_upward(series.metric) else series.blind_zone), reference + series.blind_zone


def is_upward(metric: str) -> bool:
    """Whether a metric drifts upwards only: a distance."""
    return metric in BY_NAME and BY_NAME[metric].kind == "distance"
