"""The report of judged metrics: word, chip and drawing say the same."""

import re
from dataclasses import replace

import pytest

from clarify.bias.contingency import ContingencyTable
from clarify.bias.evaluate import evaluate
from clarify.config.policy import read_policy
from clarify.report.html import render_report
from clarify.report.judged import decision_sentence, overall_sentence
from clarify.report.views.summary import findings, metric_rows
from clarify.report.words import FORBIDDEN, plain
from clarify.results import BiasSection, Reason, Verdict
from clarify.verdicts import decide
from tests.unit.report.report_examples import credit_result, example_provenance

# Shares of positive predictions: 500 of 1,000 in both groups; 900 and 100 of 1,000; 5 and 4 of 10.
ALIKE = ContingencyTable.from_confusion(a=(250, 250, 250, 250), d=(250, 250, 250, 250))
APART = ContingencyTable.from_confusion(a=(450, 450, 50, 50), d=(50, 50, 450, 450))
FEW = ContingencyTable.from_confusion(a=(3, 2, 2, 3), d=(2, 2, 3, 3))
NOBODY = ContingencyTable.from_confusion(a=(3, 2, 2, 3), d=(0, 0, 0, 0))


def judged(table, policy=b'{version: "1.0", name: mine, ranges: [{metric: DPPL, low: -0.1, high: 0.1}]}'):
    parsed = read_policy(policy)
    ranges = parsed.policy.ranges_of("sex", "f")
    facet = evaluate(table, facet="sex", value_or_threshold="f", stage="post_training", ranges=ranges)
    section = BiasSection("post_training", "hired", "1", (facet,))
    verdicts = decide(parsed.policy, parsed.digest, [section])
    return replace(credit_result(), pre_training=None, post_training=section, verdicts=verdicts)


@pytest.mark.parametrize(
    ("table", "word", "phrase", "state"),
    [
        (ALIKE, "PASS", "Inside the range you allow (−0.10 to 0.10).", "pass"),
        (APART, "VIOLATION", "Outside the range you allow (−0.10 to 0.10).", "violation"),
        (FEW, "INCONCLUSIVE", "Cannot be decided: the interval reaches both into the range you allow", "inconclusive"),
    ],
)
def test_word_phrase_and_mark_are_those_of_the_verdict(table, word, phrase, state):
    result = judged(table)

    page = render_report(result, example_provenance())

    assert [row.verdict for row in metric_rows(result) if "DPPL" in row.check] == [word]
    assert phrase in plain(decision_sentence(result.verdicts.judgements[0], result.verdicts))
    assert phrase.partition(" (")[0].partition(":")[0] in page
    assert f'class="mark {state} halo"' in page
    assert f'class="chip {state}"' in page


def test_an_empty_group_is_undecided_and_not_silent():
    result = judged(NOBODY)

    (judgement,) = result.verdicts.judgements

    assert (judgement.verdict, judgement.reason) == (Verdict.INCONCLUSIVE, Reason.EMPTY_FACET)
    assert "no row belongs to the named group" in plain(decision_sentence(judgement, result.verdicts))


def test_the_sentence_on_top_counts_the_verdicts_and_states_the_promise():
    said = plain(overall_sentence(judged(APART).verdicts))

    assert said.startswith("Of 1 check, 1 is outside the range you allow and none is inside. ")
    assert said.endswith("The chance that any PASS or VIOLATION here is wrong is at most 5 %.")


def test_without_a_correction_the_promise_is_of_each_check_alone():
    policy = b'{version: "1.0", name: mine, family: none, ranges: [{metric: DPPL, low: -0.1, high: 0.1}]}'

    assert "Each check by itself is wrong in at most 5 %" in plain(overall_sentence(judged(APART, policy).verdicts))


def test_nothing_decided_is_said_as_such():
    assert findings(judged(FEW))[0] == "None of 1 check can be decided with this much data."


def test_a_limit_is_never_rounded_to_another_one():
    policy = b'{version: "1.0", name: mine, ranges: [{metric: DPPL, low: -0.125, high: 0.125}]}'

    (row,) = [row for row in metric_rows(judged(ALIKE, policy)) if "DPPL" in row.check]

    assert row.allowed == "−0.125 to 0.125"


@pytest.mark.parametrize("table", [ALIKE, APART, FEW, NOBODY])
def test_no_sentence_holds_a_forbidden_word(table):
    result = judged(table)
    said = " ".join(plain(decision_sentence(j, result.verdicts)) for j in result.verdicts.judgements)
    said += plain(overall_sentence(result.verdicts))

    assert not [word for word in FORBIDDEN if re.search(rf"\b{word}\b", said.lower())]


def test_a_violation_is_named_in_the_findings_with_its_range():
    said = findings(judged(APART))

    assert said[1].startswith("Outside the range you allow: Positive decisions for sex = f, 0.80 (")
    assert said[1].endswith("; you allow −0.10 to 0.10.")


def test_a_value_that_rests_on_a_sample_says_so():
    result = judged(ALIKE)
    facet = result.post_training.facets[0]
    metrics = tuple(replace(m, detail="estimated from a sample: 5 of 9 rows") for m in facet.metrics if m.name == "AD")
    section = replace(result.post_training, facets=(replace(facet, metrics=metrics),))

    page = render_report(replace(result, post_training=section, verdicts=None), example_provenance())

    assert "Estimated from a sample: 5 of 9 rows" in page
