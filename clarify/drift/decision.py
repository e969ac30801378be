"""The rule `decision`: evidence summed over windows, an alarm that keeps a budget, PASS only where counts show it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from clarify.bias.catalog import BY_NAME
from clarify.bias.closed_form import normal_quantile
from clarify.bias.contingency import FoldedTable
from clarify.bias.counted import counted_table
from clarify.bias.evaluate import Estimate, estimate
from clarify.drift.allowed import SeriesRange, half_width
from clarify.drift.detector import update
from clarify.drift.e_values import is_exact, log_e_values, n_components
from clarify.drift.history import MOST_WINDOWS, SeriesState, pooled_table
from clarify.records import RuleFinding, SeriesDrift, Status
from clarify.results import Z_95, FacetBias, Interval, Reason

Z_POWER_80: Final = 0.8416212335729143


@dataclass(frozen=True)
class Precision:
    """Standard error of a metric with so many rows of facet d."""

    standard_error: float
    rows: int

    @classmethod
    def of(cls, metric: str, interval: Interval | None, value: float | None, rows: int) -> Precision | None:
        """From the width of an interval; None where it is not finite or there are no rows."""
        if interval is None or not rows:
            return None
        half = half_width(BY_NAME[metric], interval, value)
        return cls(half / normal_quantile(interval.level), rows) if math.isfinite(half) else None


@dataclass(frozen=True)
class Pooled:
    """Recent windows together: what is known of the metric now."""

    interval: Interval | None
    windows: int
    rows: int
    is_enough: bool
    planned: int | None


def planned_rows(allowed: SeriesRange, precision: Precision | None) -> int | None:
    """Rows of facet d that show, 80 times in 100, a change that reaches beyond the edge as far as the range goes.

    For a range of the reference that distance is its blind zone. The standard error falls with the root of the rows,
    at the reference's ratio of facets and with its rates: the smallest detectable change lies 2.8 of them (1.96 for
    95 %, 0.84 for the power) beyond the edge. So without a tolerance it is 1.18 times the rows of the reference,
    whatever the metric. None: no such number follows, and all recent windows are pooled.
    """
    if precision is None or allowed.reach is None:
        return None
    ratio = (Z_95 + Z_POWER_80) * precision.standard_error / allowed.reach
    return max(1, math.ceil(precision.rows * ratio**2))


def decide_series(
    series: SeriesDrift,
    allowed: SeriesRange | None,
    *,
    window: FacetBias | None,
    before: FoldedTable | None,
    state: SeriesState | None,
    precision: Precision | None,
    alarm_at: float,
    absent: Reason | None = None,
) -> SeriesDrift:
    """One series of a window with the finding of this rule and all it rests on.

    Parameters
    ----------
    series : SeriesDrift
        Its place and values, without a range.
    allowed : SeriesRange or None
        None: it is not judged.
    window : FacetBias or None
        The window's counts; None: there are none.
    before : FoldedTable or None
        Counts known before the window.
    state : SeriesState or None
        What earlier windows left; None: without a range.
    precision : Precision or None
        Of the reference; None: that of the window is taken.
    alarm_at : float
        Evidence that is an alarm.
    absent : Reason or None
        Why the window has nothing to say, whatever its counts; its e-values are then 1.
    """
    if allowed is None or state is None:
        nothing = RuleFinding("decision", Status.INCONCLUSIVE, Reason.NO_REFERENCE, "no allowed range")
        return replace(series, findings=(*series.findings, nothing))
    now = None if window is None or absent is not None else estimate(BY_NAME[series.metric], counted_table(window))
    silent = absent or _silent(now)
    log_e = _log_e(series.metric, None if silent else window, allowed, before)
    detection = update(state.log_m, log_e, alarm_at)
    pooled = _pool_recent(series.metric, state, None if silent else window, allowed, precision, now)
    judged = replace(
        series,
        low=allowed.low,
        high=allowed.high,
        range_from=allowed.source,
        blind_zone=allowed.blind_zone,
        evidence=detection.evidence,
        log_e=log_e,
        log_m=detection.log_m,
        approximate=not is_exact(series.metric),
        pooled=pooled.interval,
        pooled_windows=pooled.windows,
        pooled_rows=pooled.rows,
    )
    finding = _finding(judged, allowed, pooled, silent, detection.alarm)
    return replace(judged, findings=(*series.findings, finding))


def _silent(now: Estimate | None) -> Reason | None:
    """Why a window's counts say nothing of the metric; None where they do."""
    if now is None:
        return Reason.NOT_COMPUTED
    return (now.undefined_because or Reason.NO_ROWS) if now.plausible is None else None


def _log_e(
    metric: str, window: FacetBias | None, allowed: SeriesRange, before: FoldedTable | None
) -> tuple[float, ...]:
    if window is None:
        return (0.0,) * n_components(metric)
    return log_e_values(metric, counted_table(window), allowed.low, allowed.high, before)


def _pool_recent(
    metric: str,
    state: SeriesState,
    window: FacetBias | None,
    allowed: SeriesRange,
    precision: Precision | None,
    now: Estimate | None,
) -> Pooled:
    """The fewest of the most recent windows since the last alarm that hold the planned rows, at most 30."""
    recent = _recent(state, window)
    if not recent:
        return Pooled(None, 0, 0, False, None)
    own = None if now is None or now.plausible is None else now.plausible.interval()
    precision = precision or Precision.of(metric, own, None if now is None else now.value, recent[0].counts.d.rows)
    planned = planned_rows(allowed, precision)
    rows, chosen = 0, 0
    while chosen < len(recent) and (planned is None or rows < planned):
        rows += recent[chosen].counts.d.rows
        chosen += 1
    seen = now if chosen == 1 and window is not None else _estimate(metric, recent[:chosen])
    interval = None if seen is None or seen.plausible is None else seen.plausible.interval()
    return Pooled(interval, chosen, rows, planned is None or rows >= planned, planned)


def _recent(state: SeriesState, window: FacetBias | None) -> list[FacetBias]:
    """The window and those before it, newest first."""
    if window is None:
        return []
    place = (window.stage, window.facet, window.value_or_threshold)
    counted = [one.counts[place] for one in reversed(state.windows) if one.is_counted and place in one.counts]
    return [window, *counted][:MOST_WINDOWS]


def _estimate(metric: str, facets: Sequence[FacetBias]) -> Estimate:
    return estimate(BY_NAME[metric], pooled_table(tuple(facets)))


def _finding(
    series: SeriesDrift, allowed: SeriesRange, pooled: Pooled, silent: Reason | None, alarm: bool
) -> RuleFinding:
    if alarm:
        text = f"{series.metric} has left {allowed}: the evidence of all windows since the last alarm is enough"
        return RuleFinding("decision", Status.VIOLATION, Reason.DRIFT, text)
    if silent is not None or pooled.interval is None:
        return RuleFinding("decision", Status.INCONCLUSIVE, silent or Reason.NO_ROWS, _UNSAID.get(silent, ""))
    seen = f"95 % interval [{pooled.interval.low:.4g}, {pooled.interval.high:.4g}] of {_windows(pooled)}"
    if pooled.is_enough and allowed.holds(pooled.interval):
        return RuleFinding("decision", Status.PASS, None, f"{seen} lies within {allowed}")
    if not pooled.is_enough:
        text = f"{seen}; {pooled.planned or 0:,} rows of facet d are needed"
        return RuleFinding("decision", Status.INCONCLUSIVE, Reason.TOO_FEW, text)
    if allowed.is_blind:
        text = f"{seen} reaches beyond {allowed}, which is as wide as the noise of the reference: give it more rows"
        return RuleFinding("decision", Status.INCONCLUSIVE, Reason.BLIND, text)
    return RuleFinding("decision", Status.INCONCLUSIVE, Reason.TOO_FEW, f"{seen} reaches beyond {allowed}")


_UNSAID: Final[dict[Reason | None, str]] = {
    Reason.OVERLAP: "rows of this window were counted in an earlier one: it adds no evidence",
    Reason.EMPTY_WINDOW: "nothing happened in this time: the evidence stays as it was",
    Reason.EMPTY_FACET: "nobody of this group is in the window: the evidence stays as it was",
}


def _windows(pooled: Pooled) -> str:
    windows = "this window" if pooled.windows == 1 else f"the last {pooled.windows} windows"
    return f"{windows} ({pooled.rows:,} rows of facet d)"
