"""What earlier windows left behind: their counts, and the e-values that are still summed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from clarify.bias.contingency import FoldedTable
from clarify.bias.counted import counted_table, pool
from clarify.drift.allowed import SeriesRange
from clarify.drift.constraints import Key, Place, place_of
from clarify.drift.detector import start, update
from clarify.records import MonitorRecord, SeriesDrift, Window
from clarify.results import FacetBias, Reason

MOST_WINDOWS: Final = 30
"""Earlier windows whose counts are pooled."""


@dataclass(frozen=True)
class EarlierWindow:
    """One earlier window; ``is_counted``: none of its rows were in a window before it."""

    window: Window
    series: Mapping[Key, SeriesDrift]
    counts: Mapping[Place, FacetBias]
    is_counted: bool


@dataclass(frozen=True)
class SeriesState:
    """One series before a window: its sums, and the windows since its last alarm, oldest first."""

    log_m: tuple[float, ...]
    windows: tuple[EarlierWindow, ...] = ()


def earlier_windows(past: Sequence[MonitorRecord], window: Window) -> tuple[EarlierWindow, ...]:
    """The windows before one, oldest first, the latest revision of each; without those that could not be looked at.

    Records of ``window`` itself are left out: looking again replaces what was found, and never counts twice.
    """
    latest = {record.window: record for record in sorted(past, key=lambda r: (r.window, r.revision))}
    return tuple(
        EarlierWindow(
            window=earlier,
            series={series.key: series for series in record.bias.series},
            counts={place_of(facet): facet for facet in record.bias.counted},
            is_counted=not any(series.says("decision").reason is Reason.OVERLAP for series in record.bias.series),
        )
        for earlier, record in latest.items()
        if record.bias is not None and earlier < window
    )


def overlaps(earlier: Sequence[EarlierWindow], window: Window) -> bool:
    """Whether some of the window's rows were counted before; a window without rows took none."""
    return any(one.is_counted and one.counts and window.starts < one.window.ends and one.window.starts < window.ends
               for one in earlier)


def counts_before(earlier: Sequence[EarlierWindow], place: Place, reference: FacetBias | None) -> FoldedTable | None:
    """What is known of the rates before a window: the reference and the last windows together; None: nothing."""
    known = [one.counts[place] for one in earlier if one.is_counted and place in one.counts][-MOST_WINDOWS:]
    known = known if reference is None else [reference, *known]
    return pooled_table(tuple(known)) if known else None


@lru_cache(maxsize=128)
def pooled_table(facets: tuple[FacetBias, ...]) -> FoldedTable:
    """Counts of several windows as one table; the metrics of a group mostly ask for the same windows."""
    return counted_table(pool(facets))


def series_state(
    earlier: Sequence[EarlierWindow], key: Key, allowed: SeriesRange, n_components: int, alarm_at: float
) -> SeriesState:
    """The sums of a series, from the recorded e-values of earlier windows.

    They are summed again from the oldest record's own sums on, so that a window that was looked at again counts once,
    as it was seen last. E-values speak about one range: records with another one, and all before them, are left out.
    """
    usable = _same_range(earlier, key, allowed, n_components)
    if not usable:
        return SeriesState(start(n_components))
    first = usable[0].series[key]
    state, since = first.log_m, 1 if first.evidence >= 1 else 0
    for position, one in enumerate(usable[1:], start=1):
        detection = update(state, one.series[key].log_e, alarm_at)
        state, since = detection.log_m, position + 1 if detection.alarm else since
    return SeriesState(state, tuple(usable[since:]))


def _same_range(
    earlier: Sequence[EarlierWindow], key: Key, allowed: SeriesRange, n_components: int
) -> list[EarlierWindow]:
    """The latest windows in which the series was held to the same range, oldest first."""
    usable: list[EarlierWindow] = []
    for one in reversed(earlier):
        series = one.series.get(key)
        if series is None:
            continue
        fits = len(series.log_e) == len(series.log_m) == n_components
        if not fits or (series.low, series.high) != (allowed.low, allowed.high):
            break
        usable.append(one)
    return usable[::-1]
