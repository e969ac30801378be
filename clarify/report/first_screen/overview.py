"""The first screen in words: title, verdict sentence, and the short lists beside the forest."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC

from clarify.report import numbers
from clarify.report.first_screen.examined import subject
from clarify.report.first_screen.found import found_briefly
from clarify.report.first_screen.looked_at import looked_at, not_looked_at, not_shown
from clarify.report.first_screen.undecided import undecided_briefly, undefined_findings
from clarify.report.judged import overall_sentence, short_result
from clarify.report.names import Names, clean
from clarify.report.provenance import Provenance
from clarify.report.selection import Group, groups_of, undefined_metrics, withheld_metrics
from clarify.report.words import Sentence, plain, say, some, strong
from clarify.results import AnalysisResult


@dataclass(frozen=True)
class Overview:
    """What stands on the first screen beside the forest.

    ``undecided`` with a policy, ``undefined`` without one: what the data could not tell, and why.
    ``not_shown``: what they told and this reader is not given.
    """

    title: str
    heading: Sentence
    report_title: str
    when: str
    run_id: str
    verdict: Sentence
    looked_at: tuple[Sentence, ...]
    found: tuple[Sentence, ...]
    undecided: tuple[Sentence, ...]
    undefined: tuple[Sentence, ...]
    not_shown: tuple[Sentence, ...]
    not_looked_at: tuple[Sentence, ...]

    @property
    def foot(self) -> str:
        """What stands below every printed page: the subject, and the run that made it."""
        return plain(self.heading) + (f" · run {self.run_id}" if self.run_id else "")


def overview_of(result: AnalysisResult, provenance: Provenance, groups: tuple[Group, ...], names: Names) -> Overview:
    """The first screen of a result."""
    run, is_judged = provenance.run, result.verdicts is not None
    return Overview(
        title=f"{_short_result(result, groups)}: {_short_subject(result, names)}",
        heading=say(subject(result, names), f", on {some(result.dataset.rows, 'row', 'rows')}"),
        report_title=clean(result.report_title),
        when=f"{run.finished_at.astimezone(UTC):%d %b %Y, %H:%M} UTC",
        run_id=clean(run_id) if (run_id := run.mlflow_run_id or run.prefect_flow_run_id) else "",
        verdict=verdict_sentence(result),
        looked_at=looked_at(result, groups, names),
        found=found_briefly(result, groups, names),
        undecided=undecided_briefly(groups, names) if is_judged else (),
        undefined=() if is_judged else undefined_findings(groups, names),
        not_shown=not_shown(result, groups, names),
        not_looked_at=not_looked_at(result, groups),
    )


def _short_subject(result: AnalysisResult, names: Names) -> str:
    """``credit-hgb version 7``: in a title a comma would only part it from itself."""
    return plain(subject(result, names)).replace(", version ", " version ", 1)


def _short_result(result: AnalysisResult, groups: tuple[Group, ...]) -> str:
    if not groups:
        return "Explanations" if result.explanations is not None or result.partial_dependence else "Data check"
    if result.verdicts is not None:
        return short_result(result.verdicts)
    n_metrics, n_hidden = sum(len(group.measured) for group in groups), len(withheld_metrics(groups))
    hidden = f", {numbers.count(n_hidden)} not shown" if n_hidden else ""
    return f"No verdict, {some(n_metrics, 'metric', 'metrics')}, {len(undefined_metrics(groups))} undefined{hidden}"


def verdict_sentence(result: AnalysisResult) -> Sentence:
    """The one sentence on top: what was decided, or how much was measured when nobody declared what is allowed."""
    if result.verdicts is not None:
        return overall_sentence(result.verdicts)
    groups = groups_of(result)
    return _measured(groups) if groups else _only_explained(result)


def _measured(groups: tuple[Group, ...]) -> Sentence:
    """How many metrics have a value, have none, and are not shown; the last may be of either kind."""
    n_metrics = sum(len(group.measured) for group in groups)
    n_undefined, n_hidden = len(undefined_metrics(groups)), len(withheld_metrics(groups))
    n_defined = n_metrics - n_undefined - n_hidden
    of = f"{numbers.count(n_defined)} of {some(n_metrics, 'bias metric', 'bias metrics')}"
    return say(
        strong(of), f" for {some(len(groups), 'group', 'groups')} {'has' if n_defined == 1 else 'have'} a value",
        _counted(n_undefined, "undefined"), _counted(n_hidden, "not shown to this reader"),
        ". No allowed range was declared, so there is ", strong("no verdict"), ".",
    )  # fmt: skip


def _counted(number: int, what: str) -> Sentence:
    return say("; ", strong(f"{numbers.count(number)} {'is' if number == 1 else 'are'} {what}")) if number else ()


def _only_explained(result: AnalysisResult) -> Sentence:
    if result.explanations is None and result.partial_dependence:
        n_varied = some(len(result.partial_dependence), "feature", "features")
        return say("Mean scores were computed as ", strong(n_varied), " vary one by one; no bias metric was asked for.")
    if result.explanations is None:
        return say("The data were checked; no bias metric and no explanation was asked for.")
    section = result.explanations
    return say(
        "The scores of ", strong(some(section.rows, "row", "rows")), " were explained by ",
        strong(some(section.n_features, "feature", "features")), "; no bias metric was asked for.",
    )  # fmt: skip
