"""What a finished analysis is called in Prefect: a violation is a finding, not a failure, and its name says so."""

from __future__ import annotations

from prefect.client.schemas.objects import State
from prefect.states import Completed, Failed

from clarify.records import Status
from clarify.results import Verdict
from clarify.steps.monitor_line import MonitorRun
from clarify.steps.summarise import findings
from clarify.steps.write_report import PublishedAnalysis

NAMES = {
    Verdict.PASS: "Completed",
    Verdict.VIOLATION: "CompletedWithViolations",
    Verdict.INCONCLUSIVE: "CompletedInconclusive",
}


def finished(published: PublishedAnalysis) -> State[PublishedAnalysis]:
    """The completed state of an analysis, named after its verdict; without a policy there is none to name."""
    verdicts = published.result.verdicts
    name = "Completed" if verdicts is None else NAMES[verdicts.verdict]
    return Completed(name=name, message=findings(published.shown)[0], data=published)


def monitored(run: MonitorRun) -> State[MonitorRun]:
    """The state of a monitor's run, named after the worst status among the windows it published.

    A window that could not be looked at fails the run: that is the state on which Prefect's own tools act.
    """
    if run.status is None:
        held = [checked.due.window.name for checked in run.checked if checked.outcome == "held"]
        message = f"somebody else is at {held[0]}" if held else "every window that is due was looked at before"
        return Completed(name="AlreadyDone", message=message, data=run)
    message = next(record.headline for record in run.published if record.status is run.status)
    if run.status is Status.ERROR:
        return Failed(message=message, data=run)
    return Completed(name=NAMES[Verdict(run.status)], message=message, data=run)
