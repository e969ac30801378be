"""The order of one monitor's run, written once: which windows are due, and for each of them one record."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from clarify.config.monitor import MonitorConfig
from clarify.data import storage
from clarify.data.window_files import window_fingerprint
from clarify.engines.base import ReportProgress, be_silent
from clarify.records import MonitorRecord, Status, Window
from clarify.steps.claimed_window import MOST_PAST, CheckedWindow, ClaimedWindow
from clarify.steps.due_windows import DueWindow, due_windows
from clarify.steps.line import Call, call_directly
from clarify.steps.monitor_plan import MonitorPlan, MonitorRequest, plan_monitor
from clarify.steps.monitor_views import write_views
from clarify.steps.record_store import StoredRecord, find_records, latest, past_records, window_folder, windows_seen
from clarify.steps.window_lock import HeldByOther, claim, utc_now
from clarify.steps.write_report import RunFacts

TOLD = "told.json"
MOST_TOLD_AGAIN = 5


@dataclass(frozen=True)
class MonitorRun:
    """All windows that one run looked at, oldest first; ``skipped``: missed ones that are not made up for."""

    plan: MonitorPlan
    checked: tuple[CheckedWindow, ...]
    skipped: tuple[Window, ...] = ()

    @property
    def published(self) -> tuple[MonitorRecord, ...]:
        """The records of this run."""
        return tuple(
            checked.record
            for checked in self.checked
            if checked.outcome == "published" and checked.record is not None
        )

    @property
    def status(self) -> Status | None:
        """The worst status of what it published; None when nothing was new."""
        found = {record.status for record in self.published}
        return next((status for status in WORST_FIRST if status in found), None)


WORST_FIRST = (Status.ERROR, Status.VIOLATION, Status.INCONCLUSIVE, Status.PASS)


@dataclass(frozen=True)
class News:
    """A published record, and the earlier ones it is news to: of windows before it, and of this one before."""

    monitor: MonitorConfig
    stored: StoredRecord
    past: tuple[MonitorRecord, ...]


Tell = Callable[[News], bool]
"""Spreads a finding; False when somebody could not be reached, and it is to be told again by the next run."""


def tell_nobody(news: News) -> bool:
    """What a run without signals does with a finding."""
    return True


def run_monitor(
    request: MonitorRequest,
    *,
    call: Call = call_directly,
    facts: RunFacts | None = None,
    report: ReportProgress = be_silent,
    tell: Tell = tell_nobody,
    now: Callable[[], datetime] = utc_now,
) -> MonitorRun:
    """Look at every window that is due, oldest first: collect, check the data, analyse, compare, publish.

    Parameters
    ----------
    call : how each step is run
    facts : what is true of this run only; goes to the note beside each record
    report : told how far each pass over the data is
    tell : called with each finding as soon as it is published, and again by the next run if it could not be told
    now : the clock

    Raises
    ------
    ClarifyError
        When the monitor's documents are wrong, or its output cannot be written. A window that cannot be looked at is
        no exception: its record says ERROR, and why.
    """
    plan = call(plan_monitor, request, now=now())
    due = due_windows(
        plan.monitor,
        plan.tick,
        now=plan.now,
        output_uri=plan.monitor.output,
        fingerprint=partial(window_fingerprint, plan.monitor),
    )
    _tell_again(plan, tell)
    checked: list[CheckedWindow] = []
    for window in due.windows:
        checked.append(look_at(plan, window, call, facts or RunFacts(), report, tell, now))
        if checked[-1].outcome == "held":
            break                              # later windows build on this one; whoever is at it goes on to them
    return MonitorRun(plan, tuple(checked), due.skipped)


def look_at(
    plan: MonitorPlan,
    due: DueWindow,
    call: Call,
    facts: RunFacts,
    report: ReportProgress,
    tell: Tell,
    now: Callable[[], datetime] = utc_now,
) -> CheckedWindow:
    """One window, unless somebody else is at it or nothing has changed since the last look."""
    output_uri = plan.monitor.output
    with claim(window_folder(output_uri, due.window), digest=plan.digest) as lock:
        if isinstance(lock, HeldByOther):
            return CheckedWindow("held", due, latest(output_uri, due.window))
        checked = ClaimedWindow(plan, due, lock, call, facts, report, now).look()
        if checked.stored is not None:
            _tell(plan, checked.stored, tell, checked.past)
        return checked


def _tell(
    plan: MonitorPlan, stored: StoredRecord, tell: Tell, past: tuple[MonitorRecord, ...] | None = None
) -> bool:
    """Spread a finding once, and say whether all have heard it by now.

    A run that ended between publishing and telling left it to the next one.
    """
    marker = storage.join(stored.folder_uri, TOLD)
    if storage.exists(marker):
        return True
    record, output_uri = stored.record, plan.monitor.output
    before = [s.record for s in find_records(output_uri, record.window) if s.record.revision < record.revision]
    past = past_records(output_uri, record.window, most=MOST_PAST) if past is None else past
    write_views(plan.monitor, stored, past)
    is_heard = tell(News(plan.monitor, stored, (*past, *before)))
    if is_heard:
        storage.write_bytes(marker, b"{}\n")
    return is_heard


def _tell_again(plan: MonitorPlan, tell: Tell) -> None:
    """The newest findings that did not reach everybody, oldest first, as long as they do now.

    Whoever is away takes minutes to be given up; the windows that are due wait for one of them at most.
    """
    for window in windows_seen(plan.monitor.output)[-MOST_TOLD_AGAIN:]:
        stored = latest(plan.monitor.output, window)
        if stored is None or storage.exists(storage.join(stored.folder_uri, TOLD)):
            continue
        with claim(window_folder(plan.monitor.output, window), digest=plan.digest) as lock:
            if not isinstance(lock, HeldByOther) and not _tell(plan, stored, tell):
                return
