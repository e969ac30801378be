"""Which windows one run of a monitor looks at: those it missed, those whose data changed, and its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal

from clarify.config.monitor import MonitorConfig
from clarify.config.schedule import tick_of, ticks_between, window_of
from clarify.records import Status, Window
from clarify.results import Reason
from clarify.steps.record_store import StoredRecord, find_records, last_look, latest, latest_finding, windows_seen

Why = Literal["scheduled", "missed", "retried", "reopened"]

MOST_SKIPPED = 1_000
MOST_ATTEMPTS = 3


@dataclass(frozen=True)
class DueWindow:
    """A window to look at; ``tick`` is the scheduled moment that it belongs to."""

    window: Window
    why: Why
    tick: datetime


@dataclass(frozen=True)
class DueWindows:
    """What to look at, oldest first, and which missed windows are older than the monitor makes up for."""

    windows: tuple[DueWindow, ...]
    skipped: tuple[Window, ...] = ()          # the latest thousand of them


def due_windows(
    monitor: MonitorConfig,
    tick: datetime,
    *,
    now: datetime,
    output_uri: str,
    fingerprint: Callable[[Window], str],
) -> DueWindows:
    """The windows that the run scheduled for ``tick`` looks at, oldest first.

    - *reopened*: published windows whose labels may still come, or could when they were last looked at, and whose
      places hold something else than then;
    - *missed*: those of the moments since the last finding, at most ``monitor.catch_up`` of them. Of those that ended
      in ERROR the ones that *failed* are *retried*, three times in all, the others when their data changed;
    - *scheduled*: the window of ``tick``, always.

    A monitor without any window looks at that of its tick only. A window that somebody else is at may be among the
    missed ones: the lock tells.

    Parameters
    ----------
    tick : scheduled moment of this run
    now : the clock; labels may come until it is past the window's end by ``ground_truth.lateness``
    fingerprint : of what lies in a window's places, without reading it; compared with that of the last look
    """
    seen = windows_seen(output_uri)
    own = DueWindow(window_of(monitor.window, tick), "scheduled", tick)
    missed, skipped = _missed(monitor, own, seen, output_uri, fingerprint)
    taken = {own.window, *(due.window for due in missed)}
    reopened = [due for due in _reopened(monitor, seen, now, output_uri, fingerprint) if due.window not in taken]
    return DueWindows(tuple(sorted((*reopened, *missed, own), key=lambda due: due.window)), skipped)


# --- missed -----------------------------------------------------------------------------------------------------------


def _missed(
    monitor: MonitorConfig,
    own: DueWindow,
    seen: tuple[Window, ...],
    output_uri: str,
    fingerprint: Callable[[Window], str],
) -> tuple[tuple[DueWindow, ...], tuple[Window, ...]]:
    """The windows between the last finding, or the first attempt where there is none, and this run's own.

    And those before it that a run began and never published: another run may have gone on without waiting for it.
    """
    earlier = [window for window in seen if window < own.window]
    if not earlier:
        return (), ()
    finding = next((w for w in reversed(earlier) if latest_finding(output_uri, w) is not None), None)
    # The first attempt of all is missed itself, if it came to nothing.
    begin = tick_of(monitor.window, finding) if finding else tick_of(monitor.window, earlier[0]) - timedelta(seconds=1)
    most = monitor.catch_up + MOST_SKIPPED
    ticks = [t for t in ticks_between(monitor.schedule, begin, own.tick, most=most + 1) if t < own.tick][-most:]
    windows = [DueWindow(window_of(monitor.window, t), "missed", t) for t in ticks]
    split = max(len(windows) - monitor.catch_up, 0)
    known = set(earlier)
    skipped = (due.window for due in windows[:split] if due.window not in known or not latest(output_uri, due.window))
    tried = (_tried(due, output_uri, fingerprint) if due.window in known else due for due in windows[split:])
    left = (w for w in earlier[-monitor.catch_up :] if monitor.catch_up and finding and w < finding)
    abandoned = [DueWindow(w, "missed", tick_of(monitor.window, w)) for w in left if latest(output_uri, w) is None]
    return (*abandoned, *(due for due in tried if due is not None)), tuple(skipped)


def _tried(due: DueWindow, output_uri: str, fingerprint: Callable[[Window], str]) -> DueWindow | None:
    """A window after the last finding that was begun: missed, worth another try, or the ERROR that it is."""
    stored = latest(output_uri, due.window)
    if stored is None:
        return due
    return replace(due, why="retried") if _is_worth_a_look(stored, output_uri, fingerprint) else None


def _is_worth_a_look(stored: StoredRecord, output_uri: str, fingerprint: Callable[[Window], str]) -> bool:
    """Whether the window's places changed, or it failed for other reasons than its data, and not too often."""
    record = stored.record
    if record.reason is Reason.FAILED and record.status is Status.ERROR:
        failures = [s for s in find_records(output_uri, record.window) if s.record.reason is Reason.FAILED]
        if len(failures) < MOST_ATTEMPTS:
            return True
    return last_look(stored).fingerprint != fingerprint(record.window)


# --- reopened ---------------------------------------------------------------------------------------------------------


def _reopened(
    monitor: MonitorConfig,
    seen: tuple[Window, ...],
    now: datetime,
    output_uri: str,
    fingerprint: Callable[[Window], str],
) -> Iterator[DueWindow]:
    """Published windows whose labels were still coming when they were last looked at, and whose places changed."""
    stored = (latest(output_uri, window) for window in reversed(seen))
    newest = next((one for one in stored if one is not None), None)
    if monitor.ground_truth is None or newest is None:
        return
    # What closed before the last run was looked at by that run, at the latest.
    horizon = min(now, last_look(newest).looked_at) - timedelta(seconds=monitor.ground_truth.lateness_seconds)
    for window in (window for window in seen if window.ends >= horizon):
        published = latest(output_uri, window)
        if published is not None and _is_worth_a_look(published, output_uri, fingerprint):
            yield DueWindow(window, "reopened", tick_of(monitor.window, window))
