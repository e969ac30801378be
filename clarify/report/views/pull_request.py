"""The findings as a comment under a proposed change: what is outside, what is open, and what the exit code means."""

from __future__ import annotations

from clarify.report.first_screen.overview import verdict_sentence
from clarify.report.judged import allowed_text
from clarify.report.names import Names
from clarify.report.selection import Group, Measured, groups_of
from clarify.report.view import names_of
from clarify.report.views.junit import FailOn
from clarify.report.views.markdown import code_span, digest_span, escape, link, table, to_markdown
from clarify.report.views.small_views import check_name, title_of
from clarify.report.views.summary import by_urgency, value_text
from clarify.report.words import NOT_SHOWN, row_count, some
from clarify.results import AnalysisResult, Judgement, Verdict

MOST_ROWS = 20
EXIT_CODES = {Verdict.VIOLATION: 1, Verdict.INCONCLUSIVE: 3}
_HEAD = ("Verdict", "Facet", "Group", "Check", "Value (95 % interval)", "You allow", "Rows d / a")


def pull_request_markdown(
    result: AnalysisResult, *, report_uri: str, fail_on: FailOn = "inconclusive", evidence: str = ""
) -> str:
    """GitHub Markdown: sentence, the checks that are not a PASS (at most 20), one line for the rest, digests.

    Parameters
    ----------
    report_uri : a link where it is HTTP, else a place to copy
    fail_on : the mildest verdict that fails; decides what is said of the exit code
    evidence : digest of the reproducible files, from ``PublishedAnalysis.evidence_digest``; empty: not said
    """
    names, groups = names_of(result), groups_of(result)
    parts = [
        f"### {to_markdown(title_of(result))}",
        to_markdown(verdict_sentence(result)),
        *_table(groups, names),
        *_passed(groups),
        escape(exit_code_sentence(result, fail_on)),
        link("Report", report_uri),
        *([f"Evidence {digest_span(evidence)}"] if evidence else []),
    ]
    return "\n\n".join(parts) + "\n"


def exit_code_sentence(result: AnalysisResult, fail_on: FailOn) -> str:
    """What the command line returned for this result, and why."""
    if result.verdicts is None:
        return "Exit code 0: no allowed range was declared, so nothing can fail."
    verdict = result.verdicts.verdict
    if verdict is Verdict.PASS:
        return "Exit code 0: every check is inside its range."
    found = "at least one check is outside its range"
    if verdict is Verdict.INCONCLUSIVE:
        found = "no check is outside its range, and not all could be decided"
    is_failure = fail_on == "inconclusive" or (fail_on == "violation" and verdict is Verdict.VIOLATION)
    if not is_failure:
        return f"Exit code 0: {found}; asked to fail on {fail_on}."
    return f"Exit code {EXIT_CODES[verdict]}: {found}."


def _table(groups: tuple[Group, ...], names: Names) -> tuple[str, ...]:
    open_or_outside = _judged(groups, (Verdict.VIOLATION, Verdict.INCONCLUSIVE))
    # Across groups too the violations come first: the table may be cut.
    ordered = sorted(open_or_outside, key=lambda found: found[2].verdict is not Verdict.VIOLATION)
    if not ordered:
        return ()
    rows = [_row(group, measured, judgement, names) for group, measured, judgement in ordered[:MOST_ROWS]]
    left_out = len(ordered) - MOST_ROWS
    more = (f"{some(left_out, 'more check', 'more checks')} outside or undecided in the report.",)
    return table(_HEAD, rows), *(more if left_out > 0 else ())


def _judged(groups: tuple[Group, ...], verdicts: tuple[Verdict, ...]) -> list[tuple[Group, Measured, Judgement]]:
    return [
        (group, measured, measured.judgement)
        for group in groups
        for measured in by_urgency(group)
        if measured.judgement is not None and measured.judgement.verdict in verdicts
    ]


def _row(group: Group, measured: Measured, judgement: Judgement, names: Names) -> tuple[str, ...]:
    metric, counts = measured.metric, measured.counts
    return (
        judgement.verdict,
        code_span(names[group.facet]),
        code_span(names[group.value]),
        check_name(measured),
        value_text(measured) or (NOT_SHOWN if metric.is_withheld else "undefined"),
        allowed_text(judgement),
        f"{row_count(counts.d)} / {row_count(counts.a)}",
    )


def _passed(groups: tuple[Group, ...]) -> tuple[str, ...]:
    n_passed = len(_judged(groups, (Verdict.PASS,)))
    return (f"{some(n_passed, 'check is', 'checks are')} inside the range you allow (PASS).",) if n_passed else ()
