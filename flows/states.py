"""What a finished analysis is called in Prefect: a violation is a finding, not a failure, and its name says so."""

from __future__ import annotations

from prefect.client.schemas.objects import State
from prefect.states import Completed

from clarify.results import Verdict
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
    return Completed(name=name, message=findings(published.result)[0], data=published)
