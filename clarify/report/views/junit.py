"""The checks as JUnit XML: one test case each, for the tools of continuous integration that read nothing else."""

from __future__ import annotations

import re
from typing import Literal
from xml.etree.ElementTree import Element, SubElement, tostring

from clarify.bias.catalog import BY_NAME
from clarify.errors import ClarifyError
from clarify.report.judged import decision_sentence
from clarify.report.names import LONGEST_DETAIL, Names, clean
from clarify.report.selection import Group, Measured, group_words, groups_of
from clarify.report.view import names_of
from clarify.report.views.small_views import check_name
from clarify.report.views.summary import missing_text, value_text
from clarify.report.words import metric_sentence, plain, say, why_undefined
from clarify.results import AnalysisResult, Judgement, Verdict, VerdictSection

FailOn = Literal["violation", "inconclusive", "never"]
SUITE = "clarify"

# What XML 1.0 cannot hold at all, not even escaped.
_ILLEGAL = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def junit_document(result: AnalysisResult, *, fail_on: FailOn = "inconclusive") -> bytes:
    """One test case per check, ``classname`` its facet and ``name`` ``facet = group/check``; the message a sentence.

    VIOLATION is a failure unless ``fail_on`` is ``never``; INCONCLUSIVE is a failure where ``fail_on`` says so, else
    skipped: so the document is red exactly when the exit code is not 0. Without a policy every metric is skipped.
    """
    names = names_of(result)
    cases = [
        _case(group, measured, names, result.verdicts, fail_on)
        for group in groups_of(result)
        for measured in group.measured
        if measured.judgement is not None or result.verdicts is None
    ]
    return _document(cases)


def junit_error(error: ClarifyError) -> bytes:
    """A run that could not finish: one test case in error, with every problem."""
    case = Element("testcase", classname=SUITE, name="the analysis could be run")
    first = str(error.problems[0]) if error.problems else type(error).__name__
    found = SubElement(case, "error", message=_legal(first.partition("\n")[0]), type=type(error).__name__)
    found.text = _ILLEGAL.sub("", str(error))
    return _document([case])


def _document(cases: list[Element]) -> bytes:
    suites = Element("testsuites")
    suite = SubElement(suites, "testsuite", name=SUITE, tests=str(len(cases)))
    for word, plural in (("failure", "failures"), ("error", "errors"), ("skipped", "skipped")):
        suite.set(plural, str(sum(case.find(word) is not None for case in cases)))
    suite.extend(cases)
    written: bytes = tostring(suites, encoding="utf-8", xml_declaration=True)
    return written


def _case(
    group: Group, measured: Measured, names: Names, section: VerdictSection | None, fail_on: FailOn
) -> Element:
    who = group_words(group, names)
    metric, judgement = measured.metric, measured.judgement
    case = Element("testcase", classname=_legal(names[group.facet]), name=_legal(f"{plain(who)}/{metric.name}"))
    if judgement is None or section is None:
        message = why_undefined(metric) if metric.value is None else "no allowed range was declared"
        SubElement(case, "skipped", message=_legal(f"{BY_NAME[metric.name].title}: {message}."))
        return case
    title = f"{check_name(measured)} for "
    found_value = value_text(measured) or missing_text(measured)
    said = plain(say(title, who, f": {found_value}. ", decision_sentence(judgement, section)))
    outcome = _outcome(judgement, fail_on)
    if outcome is not None:
        found = SubElement(case, outcome, message=_legal(said))
        if outcome == "failure":
            found.set("type", judgement.verdict)
            found.text = _legal(plain(metric_sentence(metric, measured.counts, who)))
    elif judgement.verdict is not Verdict.PASS:
        SubElement(case, "system-out").text = _legal(said)
    return case


def _outcome(judgement: Judgement, fail_on: FailOn) -> Literal["failure", "skipped"] | None:
    if judgement.verdict is Verdict.VIOLATION:
        return None if fail_on == "never" else "failure"
    if judgement.verdict is Verdict.INCONCLUSIVE:
        return "failure" if fail_on == "inconclusive" else "skipped"
    return None


def _legal(text: str) -> str:
    """One line; cleaning leaves nothing that XML cannot hold."""
    return clean(text, longest=4 * LONGEST_DETAIL)
