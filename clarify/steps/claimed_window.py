"""One due window while this run holds its lock: collect it, find what it shows, publish one record."""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Literal

from clarify.data import storage
from clarify.data.window_files import window_fingerprint
from clarify.engines.base import ReportProgress
from clarify.errors import ClarifyError, DataError
from clarify.records import MonitorRecord, Status, WindowCounts
from clarify.results import AnalysisResult, Notice, Reason
from clarify.steps.collect_window import CollectedWindow, collect_window
from clarify.steps.due_windows import DueWindow
from clarify.steps.line import Call, run_analysis
from clarify.steps.look_at_window import (
    Finding,
    Look,
    check,
    check_quality,
    is_single_class,
    request_of,
    stopped,
)
from clarify.steps.monitor_plan import MonitorPlan
from clarify.steps.plan import rerun_command
from clarify.steps.record_store import Look as LastLook
from clarify.steps.record_store import (
    Revision,
    RunNote,
    StoredRecord,
    already_done,
    begin_revision,
    past_records,
    publish_record,
    remember_look,
)
from clarify.steps.window_lock import Claimed
from clarify.steps.write_report import RunFacts

MOST_PAST = 60
"""Earlier windows that a check reads: thirty that may be pooled, and as many whose sums a late revision may change."""

COLLECTED = "data"

Outcome = Literal["published", "already_done", "held"]
"""held: somebody else is at the window right now."""


@dataclass(frozen=True)
class CheckedWindow:
    """What became of one due window; ``stored`` is None when somebody else is at it and has published nothing yet.

    ``past``: records of earlier windows, where they were read.
    """

    outcome: Outcome
    due: DueWindow
    stored: StoredRecord | None
    past: tuple[MonitorRecord, ...] | None = None

    @property
    def record(self) -> MonitorRecord | None:
        return self.stored.record if self.stored is not None else None


@dataclass(frozen=True)
class ClaimedWindow:
    """One window while this run holds its lock."""

    plan: MonitorPlan
    due: DueWindow
    lock: Claimed
    call: Call
    facts: RunFacts
    report: ReportProgress
    now: Callable[[], datetime]

    def look(self) -> CheckedWindow:
        """Publish a record of what the window holds now, unless the newest one already says it."""
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
        return CheckedWindow("published", self.due, stored, past)

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
        self, collected: CollectedWindow | ClarifyError, revision: Revision, past: tuple[MonitorRecord, ...]
    ) -> Finding:
        """What the window shows; an ERROR when the data fail their checks or something fails on the way."""
        if isinstance(collected, ClarifyError):
            return failed(collected)
        try:
            gate = self.call(check_quality, self.plan, collected)
            if self.plan.monitor.kind != "data-quality" and (stop := stopped(gate)) is not None:
                return stop
            result, notices = self._analyse(collected, revision)
            look = Look(self.plan, collected, gate, result, revision.analysis_uri, past)
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
            return self.call(run_analysis, request, facts=facts, report=self.report).result, ()
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
