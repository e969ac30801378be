"""The order of one monitor's run, written once: which windows are due, and for each of them one record."""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from typing import Literal

from clarify.config.monitor import MonitorConfig
from clarify.data import storage
from clarify.data.windows import window_fingerprint
from clarify.engines.base import ReportProgress, be_silent
from clarify.errors import ClarifyError, DataError
from clarify.records import MonitorRecord, Status, Window, WindowCounts
from clarify.results import AnalysisResult, Notice, Reason
from clarify.steps.collect_window import CollectedWindow, collect_window
from clarify.steps.due_windows import DueWindow, due_windows
from clarify.steps.line import Call, call_directly, run_analysis
from clarify.steps.look_at_window import (
    Finding,
    Look,
    check,
    check_quality,
    is_single_class,
    request_of,
    stopped,
)
from clarify.steps.monitor_plan import MonitorPlan, MonitorRequest, plan_monitor
from clarify.steps.monitor_views import write_views
from clarify.steps.plan import rerun_command
from clarify.steps.record_store import Look as LastLook
from clarify.steps.record_store import (
    Revision,
    RunNote,
    StoredRecord,
    already_done,
    begin_revision,
    find_records,
    latest,
    past_records,
    publish_record,
    remember_look,
    window_folder,
    windows_seen,
)
from clarify.steps.window_lock import Claimed, HeldByOther, claim, utc_now
from clarify.steps.write_report import RunFacts

MOST_PAST = 60
"""Earlier windows that a check reads: thirty that may be pooled, and as many whose sums a late revision may change."""

COLLECTED = "data"
TOLD = "told.json"
MOST_TOLD_AGAIN = 5

Outcome = Literal["published", "already_done", "held"]
"""held: somebody else is at the window right now."""


@dataclass(frozen=True)
class CheckedWindow:
    """What became of one due window; ``stored`` is None when somebody else is at it and has published nothing yet."""

    outcome: Outcome
    due: DueWindow
    stored: StoredRecord | None

    @property
    def record(self) -> MonitorRecord | None:
        return self.stored.record if self.stored is not None else None


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
            checked.stored.record
            for checked in self.checked
            if checked.outcome == "published" and checked.stored is not None
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
        checked = _Window(plan, due, lock, call, facts, report, now).look()
        if checked.stored is not None:
            _tell(plan, checked.stored, tell)
        return checked


def _tell(plan: MonitorPlan, stored: StoredRecord, tell: Tell) -> bool:
    """Spread a finding once, and say whether all have heard it by now.

    A run that ended between publishing and telling left it to the next one.
    """
    marker = storage.join(stored.folder_uri, TOLD)
    if storage.exists(marker):
        return True
    record, output_uri = stored.record, plan.monitor.output
    before = [s.record for s in find_records(output_uri, record.window) if s.record.revision < record.revision]
    past = past_records(output_uri, record.window, most=MOST_PAST)
    write_views(plan.monitor, stored, past)
    is_heard = tell(News(plan.monitor, stored, (*past, *before)))
    if is_heard:
        storage.write_bytes(marker, b"{}\n")
    return is_heard


def _tell_again(plan: MonitorPlan, tell: Tell) -> None:
    """The newest findings that did not reach everybody, oldest first, as long as they do now.

    Whoever is away takes minutes to be given up (MLflow: four); the windows that are due wait for one of them at most.
    """
    for window in windows_seen(plan.monitor.output)[-MOST_TOLD_AGAIN:]:
        stored = latest(plan.monitor.output, window)
        if stored is None or storage.exists(storage.join(stored.folder_uri, TOLD)):
            continue
        with claim(window_folder(plan.monitor.output, window), digest=plan.digest) as lock:
            if not isinstance(lock, HeldByOther) and not _tell(plan, stored, tell):
                return


@dataclass(frozen=True)
class _Window:
    """One window while this run holds its lock."""

    plan: MonitorPlan
    due: DueWindow
    lock: Claimed
    call: Call
    facts: RunFacts
    report: ReportProgress
    now: Callable[[], datetime]

    def look(self) -> CheckedWindow:
        started = self.now()
        fingerprint = window_fingerprint(self.plan.monitor, self.due.window)
        output_uri = self.plan.monitor.output
        revision = begin_revision(output_uri, self.due.window)
        collected = self._collect(revision)
        if isinstance(collected, CollectedWindow) and not self.plan.again:
            done = already_done(output_uri, self.due.window, inputs_digest(self.plan, collected))
            if done is not None:
                self.lock.make_sure()
                storage.delete(revision.folder_uri)
                remember_look(done, LastLook(fingerprint, started))
                return CheckedWindow("already_done", self.due, done)
        past = past_records(output_uri, self.due.window, most=MOST_PAST)
        finding = self._find(collected, revision, past)
        record = self._record(collected, finding, revision)
        note = self._note(fingerprint, started)
        stored = self.call(
            publish_record,
            revision.folder_uri,
            record,
            dict(finding.documents),
            note=note,
            make_sure=self.lock.make_sure,
        )
        return CheckedWindow("published", self.due, stored)

    def _collect(self, revision: Revision) -> CollectedWindow | ClarifyError:
        try:
            return self.call(
                collect_window,
                self.plan.monitor,
                self.plan.config,
                self.due.window,
                folder_uri=storage.join(revision.folder_uri, COLLECTED),
                now=self.plan.now,
            )
        except ClarifyError as error:
            return error

    def _find(
        self, collected: CollectedWindow | ClarifyError, revision: Revision, past: Sequence[MonitorRecord]
    ) -> Finding:
        """What the window shows; an ERROR when the data fail their checks or something fails on the way."""
        if isinstance(collected, ClarifyError):
            return failed(collected)
        try:
            gate = self.call(check_quality, self.plan, collected)
            if self.plan.monitor.kind != "data-quality" and (stop := stopped(gate)) is not None:
                return stop
            result, notices = self._analyse(collected, revision)
            look = Look(self.plan, collected, gate, result, revision.analysis_uri, tuple(past))
            finding = self.call(check, look)
            return replace(finding, notices=(*finding.notices, *notices))
        except ClarifyError as error:
            return failed(error)

    def _analyse(
        self, collected: CollectedWindow, revision: Revision
    ) -> tuple[AnalysisResult | None, tuple[Notice, ...]]:
        """The analysis that the check reads, if it reads one; why there is none where the rows are of one class."""
        request = request_of(self.plan, collected, revision.analysis_uri)
        if request is None:
            return None, ()
        facts = replace(self.facts, command=rerun_command(request))
        try:
            return run_analysis(request, call=self.call, facts=facts, report=self.report).result, ()
        except DataError as error:
            if self.plan.monitor.kind != "bias-drift" or not is_single_class(error):
                raise
            return None, notices_of(error)

    def _record(
        self, collected: CollectedWindow | ClarifyError, finding: Finding, revision: Revision
    ) -> MonitorRecord:
        monitor = self.plan.monitor
        record = MonitorRecord(
            monitor=monitor.name,
            kind=monitor.kind,
            rule=monitor.rule,
            window=self.due.window,
            revision=revision.number,
            status=finding.status,
            headline=finding.headline,
            inputs_digest=self.plan.digest,
            data_digest="",
            counts=WindowCounts(),
            reason=finding.reason,
            bias=finding.bias,
            attribution=finding.attribution,
            data_quality=finding.data_quality,
            model_quality=finding.model_quality,
            notices=(*self.plan.reference.notices, *finding.notices),
        )
        if isinstance(collected, ClarifyError):
            return record
        return replace(
            record,
            inputs_digest=inputs_digest(self.plan, collected),
            data_digest=collected.digest,
            counts=collected.counts,
            notices=(*collected.notices, *record.notices),
        )

    def _note(self, fingerprint: str, started: datetime) -> RunNote:
        finished = self.now()
        return RunNote(
            fingerprint=fingerprint,
            started_at=_text(started),
            finished_at=_text(finished),
            scheduled_at=_text(self.due.tick),
            seconds=round((finished - started).total_seconds(), 3),
            host=platform.node(),
            engine=self.facts.engine,
            command=self.facts.command,
            flow_run_id=self.facts.prefect_flow_run_id,
            tracking_run_id=self.facts.mlflow_run_id,
            trigger=self.due.why,
        )


def failed(error: ClarifyError) -> Finding:
    """The ERROR of a window that could not be looked at; its notices are the error's problems."""
    first = error.problems[0]
    headline = f"could not be looked at: {first.field}: received {first.received} [{first.code}]"
    return Finding(Status.ERROR, Reason.FAILED, headline, notices=notices_of(error))


def notices_of(error: ClarifyError) -> tuple[Notice, ...]:
    """The problems of an error that did not end the run."""
    return tuple(
        Notice(problem.code, problem.field, f"received {problem.received}; allowed: {problem.allowed}")
        for problem in error.problems
    )


def inputs_digest(plan: MonitorPlan, collected: CollectedWindow) -> str:
    """SHA-256 over all that a record depends on: the same, and it need not be made again."""
    # Rows that wait for their label decide whether enough of them have one; other counts change with their neighbours.
    parts = {
        "documents": plan.digest,
        "window": collected.window.name,
        "rows": collected.digest,
        "unlabelled": collected.counts.unlabelled,
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
