"""Every metric in every state: its fixed phrase, and no word on the page, in Markdown or the findings that judges."""

import re
from dataclasses import replace

import pytest

from clarify.bias.catalog import BY_NAME, METRICS
from clarify.report.charts import scales_of
from clarify.report.first_screen.overview import overview_of
from clarify.report.groups.sections import group_sections
from clarify.report.html import render_report
from clarify.report.judged import (
    decision_sentence,
    detectable_words,
    overall_sentence,
    short_result,
    smallest_seen,
)
from clarify.report.names import name_all
from clarify.report.selection import groups_of
from clarify.report.views.summary import findings, markdown_summary, metric_rows
from clarify.report.words import FORBIDDEN, plain
from clarify.results import (
    AwsValue,
    BiasSection,
    DetectableChange,
    FacetCounts,
    GroupCounts,
    Interval,
    Judgement,
    MetricValue,
    RangeEvidence,
    Reason,
    Verdict,
    VerdictSection,
)
from tests.unit.report import report_examples as examples
from tests.unit.report.outlines import Outline

ALLOWED = (-0.1, 0.1)
PASS, VIOLATION, OPEN = Verdict.PASS, Verdict.VIOLATION, Verdict.INCONCLUSIVE
SEEN = DetectableChange(-0.187, 0.19)

# State: value and interval, verdict, its reason, the change that would have been seen, evidence (outside, inside).
STATES = {
    "pass": ((0.02, -0.03, 0.06), PASS, None, None, (1.0, 0.001)),
    "violation": ((0.4, 0.3, 0.5), VIOLATION, None, None, (0.001, 1.0)),
    "too few": ((0.08, -0.01, 0.17), OPEN, Reason.TOO_FEW, SEEN, (0.9, 0.4)),
    "family": ((0.14, 0.104, 0.18), OPEN, Reason.FAMILY, SEEN, (0.02, 1.0)),
    "undefined": ((None,), OPEN, Reason.NO_ROWS, None, (None, None)),
    "empty group": ((None,), OPEN, Reason.EMPTY_FACET, None, (None, None)),
    "only group": ((None,), OPEN, Reason.SINGLE_GROUP, None, (None, None)),
    "impossible side": (
        (0.08, -0.01, 0.17), OPEN, Reason.TOO_FEW,
        DetectableChange(None, 0.3, impossible_below=True), (0.9, 0.4),
    ),
    "nothing seen": ((0.08, -0.01, 0.17), OPEN, Reason.TOO_FEW, DetectableChange(None, None), (0.9, 0.4)),
    "no range": ((0.14, 0.07, 0.21), None, None, None, None),
    "undefined without a range": ((None,), None, Reason.ZERO_DENOMINATOR, None, None),
    "withheld": ((None,), None, Reason.WITHHELD, None, None),
    "withheld and outside": ((None,), VIOLATION, Reason.WITHHELD, None, (None, None)),
    "withheld and open": ((None,), OPEN, Reason.WITHHELD, None, (None, None)),
}  # fmt: skip
PHRASES = {
    "pass": "Inside the range you allow (−0.10 to 0.10), after accounting for all 21 checks.",
    "violation": "Outside the range you allow (−0.10 to 0.10), after accounting for all 21 checks.",
    "too few": "Cannot be decided: the interval reaches both into the range you allow (−0.10 to 0.10) and out of it.",
    "family": "Cannot be decided: taken alone the interval lies outside, but among 21 checks one such result can be "
              "chance. The thin bar, which counts all checks, reaches back into the range you allow (−0.10 to 0.10).",
    "undefined": "cannot be computed: one of the shares it compares has no row behind it. Cannot be decided: ",
    "empty group": "No row has sex = f. Cannot be decided: the group is empty.",
    "only group": "Every row has sex = f, so there is nothing to compare it with. Cannot be decided: the other group "
                  "is empty.",
    "impossible side": "Cannot be decided: the interval reaches both into",
    "nothing seen": "outside the range would be reported reliably.",
    "no range": "No allowed range was declared, so there is no verdict.",
    "undefined without a range": "cannot be computed: it divides by a count that is 0 here. Undefined, so no verdict.",
    "withheld": "not shown, for it would show, or give away, a count below the limit. Withheld, so no verdict.",
    "withheld and outside": "a count below the limit. Outside the range you allow (−0.10 to 0.10)",
    "withheld and open": "a count below the limit. Cannot be decided: the reason is not shown either.",
}  # fmt: skip


def result_in(state, *, counts=None, metrics=METRICS):
    """All metrics of one group in one state; facet a has 590 positive labels, facet d 110."""
    return examples_with([(metric, state) for metric in metrics], counts or examples.AGE.facet_counts())


def examples_with(found, counts):
    plain_result = examples.credit_result()
    by_stage = {stage: [(m, s) for m, s in found if m.stage == stage] for stage in ("pre_training", "post_training")}
    sections = {stage: stage_of(stage, pairs, counts) for stage, pairs in by_stage.items()}
    judgements = tuple(j for m, s in found if (j := judgement(m, s)) is not None)
    verdicts = VerdictSection("mine", "d" * 64, 0.05, "holm", len(found), judgements)
    return replace(plain_result, pre_training=sections["pre_training"], post_training=sections["post_training"],
                   verdicts=verdicts)  # fmt: skip


def stage_of(stage, pairs, counts):
    facet = examples.bias_section(stage).facets[1]
    metrics = tuple(value_in(metric, state) for metric, state in pairs)
    named = replace(facet, facet="sex", value_or_threshold="f", counts=counts, metrics=metrics)
    return BiasSection(stage, "hired", "1", (named,))


def value_in(metric, state):
    (number, *limits), verdict, reason, _, _ = STATES[state]
    undefined = reason if number is None else None
    interval = Interval(*limits) if limits else None
    evidence = RangeEvidence(*ALLOWED) if verdict else None
    return MetricValue(metric.name, number, AwsValue(number), interval, undefined, evidence=evidence)


def judgement(metric, state):
    (number, *limits), verdict, reason, change, p = STATES[state]
    if verdict is None:
        return None
    deciding = Interval(limits[0] - 0.1, limits[1] + 0.1) if limits and verdict is OPEN else None
    return Judgement(
        metric.stage, "sex", "f", metric.name, verdict, number, Interval(*limits) if limits else None,
        RangeEvidence(*ALLOWED, *p), reason if verdict is OPEN else None, 0.05, change, deciding,
    )  # fmt: skip


def sentences(result):
    """What every metric is said to be, on a card or in the table beside the cards."""
    groups = groups_of(result)
    scales = scales_of(m.metric for group in groups for m in group.measured)
    names = name_all(["sex", "f"])
    sections = group_sections(groups, scales, names, result.verdicts, most=12)
    return {row.acronym: plain(row.sentence) for s in sections for row in (*s.cards, *s.more)}


@pytest.mark.parametrize("state", STATES)
def test_every_metric_says_the_fixed_phrase_of_its_state(state):
    for metric in METRICS:
        said = sentences(result_in(state, metrics=(metric,)))[metric.name].replace("all 1 checks", "all 21 checks")
        expected = PHRASES[state].replace(", after accounting for all 21 checks", "").replace("among 21", "among 1")

        assert expected in said, (metric.name, said)


@pytest.mark.parametrize("state", ["pass", "violation"])
def test_a_verdict_says_how_many_checks_it_accounts_for(state):
    assert all(PHRASES[state] in said for said in sentences(result_in(state)).values())


@pytest.mark.parametrize("state", STATES)
def test_nothing_that_is_written_holds_a_word_that_judges(state):
    result = result_in(state)
    page = render_report(result, examples.example_provenance())
    rows = " ".join(" ".join(vars(row).values()) for row in metric_rows(result))

    for text in (Outline(page).text, markdown_summary(result), "\n".join(findings(result)), rows):
        assert [word for word in FORBIDDEN if re.search(rf"\b{word}\b", text, re.IGNORECASE)] == []
        assert "not significant" not in text
        assert not re.search(r"\w!", text)
        assert not {"nan", "None of the", "inf"} & set(re.findall(r"\w+", text))


@pytest.mark.parametrize("state", STATES)
def test_a_sentence_has_at_most_thirty_words_of_ours(state):
    for acronym, said in sentences(result_in(state)).items():
        for one in re.split(r"(?<=[.;]) ", re.sub(r"\([^)]*\)", "", said)):
            assert len(re.findall(r"[A-Za-z][\w'-]*", one.replace("sex = f", ""))) <= 30, (acronym, one)


@pytest.mark.parametrize("state", STATES)
def test_a_minus_is_a_true_one_and_no_acronym_stands_alone(state):
    for acronym, said in sentences(result_in(state)).items():
        assert not re.search(r"(^|\s)-\d", said), said
        assert acronym not in re.findall(r"\b[A-Z]{2,}\b", said)


@pytest.mark.parametrize("metric", [m for m in METRICS if m.name in ("DPL", "DPPL", "RD", "SD", "DAR", "DRR", "AD")],
                         ids=lambda metric: metric.name)  # fmt: skip
def test_what_would_be_seen_of_shares_is_a_gap_no_smaller_than_the_change(metric):
    # 0.187 and 0.19 are both 19 points, rounded up.
    said = sentences(result_in("too few", metrics=(metric,)))[metric.name]

    assert said.endswith("Only a gap above 19 points in either direction would be reported reliably (4 times in 5).")


def test_a_gap_that_differs_by_direction_says_the_measured_one_first():
    found = replace(judgement(BY_NAME["DPPL"], "too few"), detectable=DetectableChange(-0.15, 0.187), value=-0.08)

    assert plain(detectable_words(found)) == (
        " Only a gap above 15 points, or above 19 points in the other direction, would be reported reliably "
        "(4 times in 5)."
    )


def test_a_gap_that_would_be_seen_only_against_the_measured_one_is_said_to_be_so():
    found = replace(judgement(BY_NAME["DPPL"], "too few"), detectable=DetectableChange(-0.15, None))

    assert plain(detectable_words(found)) == (
        " Only a gap above 15 points in the other direction would be reported reliably (4 times in 5)."
    )


def test_of_a_ratio_the_change_is_a_ratio_rounded_away_from_the_range():
    change = DetectableChange(0.628, 1.602, approximate=True)
    found = replace(judgement(BY_NAME["DI"], "too few"), detectable=change)

    assert plain(detectable_words(found)) == (
        " Only a ratio below 0.62 or above 1.61 would be reported reliably (4 times in 5, by simulated tables)."
    )


def test_a_side_that_cannot_be_left_is_explained_by_the_share_that_bounds_it():
    # 9 of 10 other rows are predicted positive: the named group can be ahead of them by 10 points.
    counts = FacetCounts(a=predicted(9, 10), d=predicted(80, 100), unknown=GroupCounts(0, 0, 0, 0))
    said = sentences(result_in("impossible side", counts=counts, metrics=(BY_NAME["DPPL"],)))["DPPL"]

    assert "Only a gap above 30 points would be reported reliably (4 times in 5). " in said
    assert said.endswith(
        "As 9 of 10 other rows are predicted positive, a gap in the other direction cannot exceed 10 points, which the "
        "range allows."
    )


def predicted(positive, rows):
    return GroupCounts(rows, rows, 0, 0, positive, rows - positive)


def test_without_the_interval_that_decides_nothing_is_said_of_a_bar():
    found = replace(judgement(BY_NAME["DPPL"], "family"), deciding=None)
    section = result_in("family").verdicts

    assert "bar" not in plain(decision_sentence(found, section, beside_chart=True))


def test_away_from_the_page_the_interval_that_decides_is_told_in_numbers():
    found = judgement(BY_NAME["DPPL"], "family")

    said = plain(decision_sentence(found, result_in("family").verdicts))

    assert "The interval that counts all checks, 0.004 to 0.28, reaches back into the range you allow" in said


def verdicts_of(outside=0, inside=0, open_=0):
    one = judgement(BY_NAME["DPPL"], "pass")
    wanted = [VIOLATION] * outside + [PASS] * inside + [OPEN] * open_
    found = [replace(one, verdict=verdict) for verdict in wanted]
    return VerdictSection("mine", "d" * 64, 0.05, "holm", len(found), tuple(found))


@pytest.mark.parametrize(
    ("counted", "said"),
    [
        ({"outside": 1, "inside": 4, "open_": 7}, "Of 12 checks, 1 is outside the range you allow, 4 are inside, and 7 "
                                                  "cannot be decided with this much data. "),
        ({"inside": 2, "open_": 1}, "Of 3 checks, none is outside the range you allow, 2 are inside, and 1 cannot be "
                                    "decided with this much data. "),
        ({"outside": 2, "inside": 1}, "Of 3 checks, 2 are outside the range you allow and 1 is inside. "),
        ({"inside": 12}, "Of 12 checks, none is outside the range you allow and all 12 are inside. "),
        ({"outside": 12}, "Of 12 checks, all 12 are outside the range you allow and none is inside. "),
        ({"open_": 12}, "None of 12 checks can be decided with this much data."),
        ({}, "No check of the policy could be made"),
    ],
)  # fmt: skip
def test_the_sentence_on_top_agrees_with_its_counts(counted, said):
    assert plain(overall_sentence(verdicts_of(**counted))).startswith(said)


@pytest.mark.parametrize(
    ("counted", "said"),
    [({"outside": 1, "open_": 7}, "1 violation, 7 undecided"), ({"outside": 2}, "2 violations, none undecided"),
     ({"inside": 3}, "No violation, none undecided"), ({"open_": 1}, "No violation, 1 undecided"),
     ({}, "Nothing checked")],
)  # fmt: skip
def test_the_title_leads_with_violations_and_what_is_undecided(counted, said):
    assert short_result(verdicts_of(**counted)) == said


def overview(result):
    names = name_all(["sex", "f", "hired", "1", "credit-hgb"])
    return overview_of(result, examples.example_provenance(), groups_of(result), names)


def lines(found):
    return [plain(sentence) for sentence in found]


def test_with_a_policy_the_undefined_ones_are_among_what_could_not_be_decided():
    pairs = [(BY_NAME["DPPL"], "family"), (BY_NAME["RD"], "undefined"), (BY_NAME["FT"], "undefined without a range")]

    found = overview(examples_with(pairs, examples.AGE.facet_counts()))

    assert lines(found.undecided) == [
        "Positive decisions, sex: 14 points (10.4 to 18); only 19 or more would show.",
        "Recall: one of the shares it compares has no row behind it.",
        "Decisions that neighbours would flip: it divides by a count that is 0 here.",
    ]
    assert found.undefined == ()


def test_of_what_could_not_be_decided_three_are_named_and_the_rest_counted():
    names = ("DPPL", "RD", "AD", "DPL", "DI")

    found = overview(examples_with([(BY_NAME[n], "too few") for n in names], examples.AGE.facet_counts()))

    assert len(found.undecided) == 4
    assert plain(found.undecided[-1]) == "2 more checks; see the table."


def test_behind_three_undecided_checks_the_undefined_metrics_are_one_line():
    names = ("DPPL", "RD", "AD", "DPL")
    pairs = [(BY_NAME[n], "too few") for n in names]
    pairs += [(BY_NAME["FT"], "undefined without a range"), (BY_NAME["SD"], "undefined")]

    found = overview(examples_with(pairs, examples.AGE.facet_counts()))

    assert lines(found.undecided)[3:] == ["1 more check; see the table.", "2 more metrics are undefined."]


def test_a_facet_with_two_named_groups_needs_the_value_too():
    result = examples_with([(BY_NAME["DPPL"], "too few")], examples.AGE.facet_counts())
    (facet,), (one,) = result.post_training.facets, result.verdicts.judgements
    facets = (facet, replace(facet, value_or_threshold="m"))
    verdicts = replace(result.verdicts, judgements=(one, replace(one, value_or_threshold="m")))
    section = replace(result.post_training, facets=facets)

    found = overview(replace(result, pre_training=None, post_training=section, verdicts=verdicts))

    assert [line.partition(":")[0] for line in lines(found.undecided)] == [
        "Positive decisions, sex = f", "Positive decisions, sex = m",
    ]  # fmt: skip


@pytest.mark.parametrize(("metric", "value", "change", "said"), [
    ("DPPL", 0.08, DetectableChange(-0.15, 0.187), "19 or more"),
    ("DPPL", -0.08, DetectableChange(-0.15, 0.187), "15 or more"),
    ("DPPL", 0.08, DetectableChange(-0.15, None), "15 or more the other way"),
    ("DI", 0.8, DetectableChange(0.628, 1.602), "below 0.62 or above 1.61"),
    ("DI", 0.8, DetectableChange(None, 1.602), "above 1.61"),
    ("DPPL", 0.08, DetectableChange(None, None), ""),
])  # fmt: skip
def test_what_would_show_is_told_in_a_few_words(metric, value, change, said):
    found = replace(judgement(BY_NAME[metric], "too few"), detectable=change, value=value)

    assert smallest_seen(found) == said


def test_found_names_what_is_outside_first_and_counts_what_is_inside():
    pairs = [(BY_NAME["CI"], "violation"), (BY_NAME["RD"], "pass"), (BY_NAME["AD"], "pass")]

    found = overview(examples_with(pairs, examples.AGE.facet_counts()))

    assert lines(found.found)[:2] == [
        "Outside: Group size balance, sex, 0.40 (0.30 to 0.50).", "Inside: 2 checks of sex.",
    ]  # fmt: skip
    assert found.title == "1 violation, none undecided: credit-hgb version 7"


def test_found_counts_what_is_outside_beyond_two_checks():
    pairs = [(BY_NAME[name], "violation") for name in ("CI", "RD", "AD", "DPPL")]

    found = overview(examples_with(pairs, examples.AGE.facet_counts()))

    assert [line.partition(":")[0] for line in lines(found.found)[:3]] == [
        "Outside", "Outside", "2 more checks are outside.",
    ]  # fmt: skip


def test_what_was_looked_at_names_rows_what_was_dropped_shares_and_accuracy():
    # 624 + 76 positive labels of 1,000, 624 + 158 positive predictions, 624 + 142 right ones.
    found = overview(examples.credit_result())

    assert lines(found.looked_at) == [
        "Every row of german.csv: 1,000 rows, 21 columns; none dropped.",
        "Positive means credit = 1: 700 of 1,000 labels, 782 predicted; accuracy 76.6 %.",
    ]


def test_the_threshold_of_the_score_is_told_where_it_is_known():
    result = examples.credit_result()

    found = overview(replace(result, explanations=replace(result.explanations, threshold=0.5)))

    assert "782 predicted (score above 0.50); accuracy" in plain(found.looked_at[1])


def test_predicted_labels_have_their_own_number_where_some_rows_have_none():
    result = examples.credit_result()
    facets = tuple(replace(facet, counts=without_a_prediction(facet.counts)) for facet in result.post_training.facets)

    found = overview(replace(result, post_training=replace(result.post_training, facets=facets)))

    assert "700 of 1,000 labels, 782 of 998 predicted" in plain(found.looked_at[1])


def without_a_prediction(counts):
    d = replace(counts.d, negative_predictions=counts.d.negative_predictions - 2, unknown_predictions=2)
    return replace(counts, d=d)


def test_rows_that_are_not_counted_are_told():
    known = examples.AGE.facet_counts()
    unknown = GroupCounts(3, 2, 1, 0, 2, 1, 0, 1, 1, 1, 0)

    found = overview(result_in("no range", counts=replace(known, unknown=unknown)))

    assert "; not counted 3 rows without sex." in plain(found.looked_at[0])


def test_totals_of_hidden_groups_are_not_told():
    hidden = GroupCounts(0, 0, 0, 0, fewer_than=10)

    found = overview(result_in("withheld", counts=FacetCounts(hidden, hidden, hidden)))

    assert plain(found.looked_at[1]) == "Positive means hired = 1."
