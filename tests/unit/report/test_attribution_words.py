"""What the report says of attributions: stability, effort, steadiness and groups, from made-up results."""

import re
from dataclasses import replace

import pytest

from clarify.report.explanations.outputs import strongest, unit_of
from clarify.report.explanations.words import (
    effort_sentences,
    finding_sentence,
    groups_sentence,
    members_sentence,
    names_in,
    order_remark,
    stability_sentence,
    steadiness_warning,
)
from clarify.report.names import name_all
from clarify.report.notes import how_computed, left_out
from clarify.report.views.summary import findings
from clarify.report.words import FORBIDDEN, plain
from tests.unit.report import attribution_examples as examples

NAMES = name_all(["income", "age"])


def stability(section):
    return plain(stability_sentence(section.outputs[0], section))


def effort(section):
    return " ".join(map(plain, effort_sentences(section)))


def facts(section):
    result = examples.explained_result(section)
    return {fact.term: plain(fact.text) for fact in how_computed(result, (), NAMES)}


USED = "This says what the model used, not what is right to use."


def finding(section, result=None):
    output = section.outputs[0]
    unit = unit_of(result or examples.explained_result(section))
    return plain(finding_sentence(strongest(output, most=10), output, section, unit, NAMES))


def test_the_finding_says_how_far_the_first_feature_moved_the_score_and_that_no_other_did():
    # 0.31 - 0.01 = 30 points, 1.96 to either side.
    assert finding(examples.section(certain_order=1)) == (
        f"On average income moved the score by 30.0 points (28.0 to 32.0), more than any other feature. {USED}"
    )


@pytest.mark.parametrize("section", [
    examples.section(certain_order=0), examples.section(certain_order=None),
    replace(examples.section(certain_order=4), probe="noisy"), replace(examples.exact_section(), probe="noisy"),
])  # fmt: skip
def test_the_finding_claims_no_first_place_that_is_not_certain(section):
    text = finding(section)

    assert "more than any other" not in text
    assert "Whether another moved it more is not certain." in text
    assert text.endswith(USED)


def test_the_finding_of_exact_attributions_has_no_interval():
    assert finding(examples.exact_section()) == (
        f"On average income moved the score by 31.0 points, more than any other feature. {USED}"
    )


def test_a_tie_of_exact_attributions_is_no_first_place():
    tied = tuple(replace(feature, mean_abs=0.2) for feature in examples.exact_features())

    assert "20.0 points, and no other feature moved it further." in finding(examples.section(tied, certain_order=0))


def test_the_finding_compares_with_reported_features_only_when_not_all_are():
    section = replace(examples.section(), n_features=20)

    assert "more than any other reported feature" in finding(section)


def test_a_single_feature_is_compared_with_none():
    assert finding(examples.section(examples.exact_features()[:1], 1)) == (
        f"On average income moved the score by 31.0 points. {USED}"
    )


def test_attributions_of_nought_are_no_finding_about_a_feature():
    nothing = tuple(replace(feature, mean_abs=0.0) for feature in examples.exact_features())
    within = tuple(replace(f, mean_abs=0.01, mean_abs_excess=0.02) for f in examples.estimated_features())

    assert finding(examples.section(nothing)) == "No feature moved the score."
    assert finding(examples.section(within)) == (
        "No feature is seen to move the score: what there is can be error of the estimate."
    )


def test_the_finding_in_log_odds_has_their_unit():
    assert "moved the score by 0.300 log-odds (0.280 to 0.320)" in finding(replace(examples.section(), use_logit=True))


def test_every_name_of_groups_samples_and_rows_is_cleaned_with_the_others():
    found = names_in(examples.drawn_section())

    assert {"age", "(18, 25]", "A11", "A12", "A14", "45", "23"} <= set(found)
    assert "" not in found                   # the stratum of no group, a group of columns


@pytest.mark.parametrize(
    ("certain", "sentence"),
    [
        (0, "The order is not certain within the errors of the estimate, not even which feature comes first."),
        (1, "The place of the first feature is certain within the errors of the estimate; the order below it is not."),
        (2, "The order of the first 2 features is certain within the errors of the estimate; below them it is not."),
        (4, "The order of all 4 features is certain within the errors of the estimate."),
        (None, ""),
    ],
)
def test_stability_says_how_many_leading_features_keep_their_order(certain, sentence):
    assert stability(examples.section(certain_order=certain)) == sentence


def test_stability_of_exact_attributions_is_one_plain_sentence():
    assert stability(examples.exact_section()) == "All attributions are exact."


def test_one_estimated_feature_among_exact_ones_is_enough_not_to_be_exact():
    mixed = (examples.estimated_features()[0], *examples.exact_features()[1:])

    assert "exact" not in stability(examples.section(mixed, certain_order=4))


@pytest.mark.parametrize("section", [examples.section(certain_order=4), examples.exact_section()])
def test_no_order_of_a_noisy_models_attributions_is_certain(section):
    assert stability(replace(section, probe="noisy")) == (
        "No order is certain: the model answered the same rows differently when asked again."
    )


def test_a_single_feature_has_no_order_to_be_certain_of():
    assert stability(examples.section(examples.estimated_features()[:1], certain_order=1)) == ""


def test_an_order_among_some_features_is_that_of_the_reported_ones():
    some = replace(examples.section(certain_order=2), n_features=20)

    assert stability(some).startswith("The order of the first 2 reported features is certain")


@pytest.mark.parametrize(
    ("certain", "remark"),
    [(0, "; their order is not certain"), (1, "; the order after the first is not certain"),
     (2, "; the order after the first 2 is not certain"), (3, ""), (4, ""), (None, "")],
)  # fmt: skip
def test_a_list_of_three_says_how_far_its_order_is_certain(certain, remark):
    section = examples.section(certain_order=certain)

    assert order_remark(section.outputs[0], section, listed=3) == remark


def test_findings_carry_sizes_without_excess_and_the_remark():
    # 0.31 - 0.01 = 30 points, 0.11 - 0.01 = 10, 0.10 - 0.01 = 9: months before age, the other way round in the data.
    lines = findings(examples.explained_result(examples.section(certain_order=1)))

    assert (
        "The score moved most with income (30.0), months (10.0), age (9.0), in percentage points of the score; "
        "the order after the first is not certain."
    ) in lines


def test_effort_with_a_configured_budget_names_calls_exact_and_estimated_rows():
    assert effort(examples.section()) == (
        "100 rows were explained; 17,920 model rows were spent on coalitions. 30 rows had every coalition that matters "
        "to them asked: their attributions are exact. 70 rows are estimated with the estimator sparse, chosen "
        "automatically. Each of them was asked up to 256 coalitions, as configured."
    )


def test_effort_of_exact_rows_speaks_of_no_estimate():
    assert effort(examples.exact_section()) == (
        "100 rows were explained; 1,400 model rows were spent on coalitions. 100 rows had every coalition that matters "
        "to them asked: their attributions are exact."
    )


def test_effort_with_a_tolerance_names_where_rows_stopped_and_what_the_ceiling_means():
    # 1,003 rows of which 3 failed: 1,000 explained; 100 + 113 exact, 780 + 7 sampled = 607 within + 180 at the ceiling.
    assert effort(examples.adaptive_section()) == (
        "1,000 rows were explained; 900,000 model rows were spent on coalitions. 100 rows had every coalition that "
        "matters to them asked: their attributions are exact. 113 rows were explained from the model's own trees: "
        "their attributions are exact. 787 rows are estimated: 7 with kriging, 780 with sparse; sparse was chosen "
        "automatically. 607 rows stopped when their predicted error was within 2 % of their attributions. 180 rows "
        "reached the ceiling of 2,056 coalitions first: their predicted errors are larger than 2 %, and their error "
        "bars say how large. 3 rows have no attributions: the model had no answer for them, or for most of their "
        "coalitions. The averages leave them out."
    )


def test_effort_of_single_rows_is_told_in_the_singular():
    one = replace(
        examples.adaptive_section(), estimators=(("exact", 1), ("sparse", 1), ("tree", 1)), rows=4, rows_failed=1,
        rows_within_tolerance=0, rows_at_ceiling=1, calls=1,
    )  # fmt: skip

    text = effort(one)

    assert "3 rows were explained; 1 model row was spent on coalitions." in text
    assert "1 row had every coalition that matters to it asked: its attributions are exact." in text
    assert "1 row was explained from the model's own trees: its attributions are exact." in text
    assert "1 row is estimated with the estimator sparse" in text
    assert "1 row reached the ceiling of 2,056 coalitions first: its predicted error is larger than 2 %" in text
    assert "1 row has no attributions: the model had no answer for it, or for most of its coalitions" in text


@pytest.mark.parametrize(
    ("asked", "chosen", "estimators", "said"),
    [
        ("kernel", "kernel", (("kernel", 70),), "70 rows are estimated with the estimator kernel, as asked for."),
        ("kernel", "kernel", (("kriging", 70),), "estimated with the estimator kriging; kernel was asked for."),
        ("auto", "kriging", (("kriging", 70),), "estimated with the estimator kriging, chosen automatically."),
        ("auto", "", (("kernel", 70),), "70 rows are estimated with the estimator kernel."),
    ],
)
def test_effort_says_whether_the_estimator_was_asked_for_or_chosen(asked, chosen, estimators, said):
    section = replace(
        examples.section(), estimator_asked=asked, estimator_chosen=chosen, estimators=estimators, rows_exact=0
    )

    assert said in effort(section)


def test_effort_without_any_call_says_that_none_was_needed():
    trees = replace(examples.exact_section(), estimators=(("tree", 100),), calls=0)

    assert effort(trees) == (
        "100 rows were explained; no coalition had to be asked. 100 rows were explained from the model's own trees: "
        "their attributions are exact."
    )


def test_rows_of_a_noisy_model_are_never_called_exact():
    noisy = replace(examples.adaptive_section(), probe="noisy")

    assert "exact" not in effort(noisy)
    assert "100 rows had every coalition that matters to them asked. 113 rows were explained" in effort(noisy)


def test_a_noisy_model_is_told_in_plain_words():
    assert plain(steadiness_warning(replace(examples.section(), probe="noisy"))) == (
        "The model is noisy. It answered the same rows differently when asked again, so a rerun gives other "
        "attributions. Error bars of estimated rows include this noise; rows without error bars hide it."
    )


def test_a_model_that_varies_with_its_batch_is_told_in_plain_words():
    assert plain(steadiness_warning(replace(examples.section(), probe="batch_variant"))) == (
        "The model's answers depend on company. It answers a row differently when other rows travel with it. "
        "Attributions of a rerun can differ from these, usually in the last digits only."
    )


def test_a_steady_model_has_no_warning():
    assert steadiness_warning(examples.section()) == ()


def test_groups_are_named_with_how_many_columns_they_stand_for():
    assert plain(groups_sentence(examples.grouped_section(), NAMES)) == (
        "Columns explained as one feature: income (12 columns), age (2 columns)."
    )


def test_many_groups_are_counted_beyond_the_sixth():
    many = replace(examples.section(), groups=tuple((f"g{i}", ("a", "b")) for i in range(9)))

    assert plain(groups_sentence(many, NAMES)).endswith("g5 (2 columns) and 3 more.")


def test_members_of_a_group_are_listed_to_the_eighth():
    assert plain(members_sentence(examples.grouped_section(), NAMES)) == (
        "income is income_0, income_1, income_2, income_3, income_4, income_5, income_6, income_7 and 4 more. "
        "age is age_young, age_old. All of them are in extended.json."
    )


def test_without_groups_nothing_is_said_of_them():
    assert groups_sentence(examples.section(), NAMES) == members_sentence(examples.section(), NAMES) == ()


def test_how_computed_names_every_estimator_its_rows_and_what_it_does():
    text = facts(examples.adaptive_section())["Estimators"]

    assert "exact (100 rows): all coalitions that matter" in text
    assert "tree (113 rows): attributions are computed from the model's own trees" in text
    assert "kriging (7 rows): coalitions that were not asked" in text
    assert "sparse (780 rows): kriging with a model for each row" in text


def test_how_computed_tells_the_rule_of_the_budget():
    assert facts(examples.section())["Budget"] == (
        "At most 256 coalitions for each row. 17,920 model rows in all; seed 0."
    )
    assert facts(examples.adaptive_section())["Budget"] == (
        "Coalitions of a row were doubled until its predicted error was within 2 % of its attributions, up to 2,056 "
        "coalitions. 900,000 model rows in all; seed 0."
    )


def test_how_computed_claims_no_error_bars_where_nothing_is_estimated():
    assert facts(examples.exact_section())["Error bars"].startswith("None, because no attribution is estimated.")
    assert "noise" in facts(replace(examples.exact_section(), probe="noisy"))["Error bars"]
    assert facts(examples.section())["Error bars"].startswith("95 % intervals of the estimate")


def test_rows_without_attributions_and_features_not_reported_are_left_out_by_name():
    found = replace(examples.adaptive_section(), n_features=20)

    left = {plain(item.what): item.how_many for item in left_out(examples.explained_result(found), (), NAMES)}

    assert left["Rows without attributions"] == "3"
    assert left["Features whose attributions are not reported"] == "16"


@pytest.mark.parametrize("probe", ["steady", "batch_variant", "noisy"])
@pytest.mark.parametrize(
    "section", [examples.section(), examples.exact_section(), examples.adaptive_section(), examples.grouped_section()]
)
def test_no_sentence_holds_a_forbidden_word_or_an_unfinished_one(section, probe):
    section = replace(section, probe=probe)
    sentences = (
        stability_sentence(section.outputs[0], section), *effort_sentences(section), steadiness_warning(section),
        groups_sentence(section, NAMES), members_sentence(section, NAMES),
    )  # fmt: skip
    texts = [plain(sentence) for sentence in sentences if sentence] + list(facts(section).values())

    for text in texts:
        assert text.endswith(".")
        assert [word for word in FORBIDDEN if re.search(rf"\b{word}\b", text, re.IGNORECASE)] == []
        assert not {"nan", "None", "inf"} & set(re.findall(r"\w+", text.removeprefix("None")))
