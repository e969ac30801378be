"""All monitors at a glance: what each said last, since when, and which of them have gone silent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from clarify.config.monitor import MonitorConfig
from clarify.config.schedule import tick_of, ticks_between
from clarify.errors import LONGEST_ECHO, ClarifyError, clip
from clarify.records import Kind, Status, Window
from clarify.report.encoding import dump, to_plain
from clarify.steps.record_store import StoredRecord, latest, read_note, windows_seen

VERSION = "1.0"
LONGEST_HEADLINE = 100
_HEADS = ("monitor", "kind", "window until", "revision", "verdict", "since", "last success", "labels", "says")


@dataclass(frozen=True)
class MonitorStatus:
    """One monitor; times are ISO 8601 in UTC, and None is what no record tells."""

    name: str
    kind: Kind
    status: Status | None                     # of the latest window; None before the first record
    headline: str
    silent: bool                              # no record for more than two periods and the lateness of labels
    window: Window | None = None
    revision: int | None = None
    since: str | None = None                  # start of the first of the windows in a row with this status
    last_success: str | None = None           # end of the last run that did not end in ERROR
    join_rate: float | None = None
    record_uri: str | None = None


def fleet_status(monitors: Sequence[MonitorConfig], now: datetime) -> tuple[MonitorStatus, ...]:
    """What each monitor said last, by name; one record of each is read.

    A monitor whose records cannot be read is an ERROR that says why, and hides none of the others.
    """
    return tuple(_status_of(monitor, now) for monitor in sorted(monitors, key=lambda monitor: monitor.name))


def is_silent(monitor: MonitorConfig, looked_at: Window | None, now: datetime) -> bool:
    """Whether two later windows are due, and labels had their time to come; True before the first record.

    Counted in moments of the schedule, so a monitor of working days is not silent on a Sunday.
    """
    if looked_at is None:
        return True
    lateness = monitor.ground_truth.lateness_seconds if monitor.ground_truth is not None else 0
    until = now - timedelta(seconds=lateness)
    later = ticks_between(monitor.schedule, tick_of(monitor.window, looked_at), until, most=3)
    return len(later) > 2 or (len(later) == 2 and later[1] < until)


def fleet_document(statuses: Sequence[MonitorStatus]) -> bytes:
    """The statuses as JSON."""
    return dump({"version": VERSION, "monitors": [to_plain(status, field=status.name) for status in statuses]})


def fleet_table(statuses: Sequence[MonitorStatus]) -> str:
    """The statuses as lines of text, one for each monitor, in columns."""
    rows = [_HEADS, *(_cells(status) for status in statuses)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEADS))]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows)
    return "".join(f"{line.rstrip()}\n" for line in lines)


def _status_of(monitor: MonitorConfig, now: datetime) -> MonitorStatus:
    try:
        newest = _newest(monitor.output)
        if newest is None:
            return MonitorStatus(monitor.name, monitor.kind, None, "no record yet", True)
        record, note = newest.record, read_note(newest)
    except ClarifyError as error:
        told = "; ".join(f"{problem.code}, {problem.field}: {problem.received}" for problem in error.problems)
        headline = clip(f"records cannot be read: {told}", 2 * LONGEST_ECHO)
        return MonitorStatus(monitor.name, monitor.kind, Status.ERROR, headline, True)
    return MonitorStatus(
        name=monitor.name,
        kind=monitor.kind,
        status=record.status,
        headline=record.headline,
        silent=is_silent(monitor, record.window, now),
        window=record.window,
        revision=record.revision,
        since=note.since,
        last_success=note.last_success_at,
        join_rate=record.counts.join_rate,
        record_uri=newest.folder_uri,
    )


def _newest(output_uri: str) -> StoredRecord | None:
    """The record of the latest window that has one; windows that are only begun come before it."""
    stored = (latest(output_uri, window) for window in reversed(windows_seen(output_uri)))
    return next((one for one in stored if one is not None), None)


def _cells(status: MonitorStatus) -> tuple[str, ...]:
    said = str(status.status) if status.status is not None else "-"
    return (
        status.name,
        status.kind,
        _minute(status.window.end if status.window is not None else None),
        str(status.revision or "-"),
        f"{said} (silent)" if status.silent else said,
        _minute(status.since),
        _minute(status.last_success),
        "-" if status.join_rate is None else f"{status.join_rate:.1%}",
        clip(status.headline, LONGEST_HEADLINE),
    )


def _minute(moment: str | None) -> str:
    """A time to the minute, for people.

    >>> _minute("2026-11-01T09:05:59Z")
    '2026-11-01 09:05'
    """
    return moment[:16].replace("T", " ") if moment else "-"
