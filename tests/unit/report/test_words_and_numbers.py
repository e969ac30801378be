"""What the report says: sentences from counts, in words that neither judge nor claim causes."""

import math
import re
from dataclasses import replace

import pytest

from clarify.bias.catalog import BY_NAME
from clarify.report import numbers
from clarify.report.charts import scales_of, share_text
from clarify.report.forest import Scale, glyph
from clarify.report.groups.rates import Share
from clarify.report.html import render_report
from clarify.report.names import clean, name_all, without_secrets
from clarify.report.selection import clearest_gaps, groups_of
from clarify.report.views.summary import code_span, findings, markdown_summary, metric_rows, text_forest
from clarify.report.words import FORBIDDEN, REASONS, metric_sentence, named_group, out_of, plain
from clarify.results import AwsValue, FacetCounts, GroupCounts, Interval, MetricValue, Reason
from tests.unit.report import report_examples as examples

NOBODY = GroupCounts(0, 0, 0, 0)
COUNTS = examples.AGE.facet_counts()
YOUNG = named_group("age", "(18, 25]")


def value(name, number, low=None, high=None, reason=None):
    interval = None if low is None else Interval(low, high)
    return MetricValue(name, number, AwsValue(number), interval, reason)


def sentence(metric, counts=COUNTS):
    return plain(metric_sentence(metric, counts, YOUNG))


def test_a_gap_is_told_by_both_groups_then_in_points_with_its_interval():
    # 127 of 190 are 67 of 100, 655 of 810 are 81 of 100; 0.8086 - 0.6684 = 0.1402.
    assert sentence(value("DPPL", 0.1402, 0.070, 0.214)) == (
        "67 of 100 rows with age in (18, 25] are predicted positive; 81 of 100 other rows are. "
        "A gap of 14 points (95 % interval 7 to 21)."
    )


def test_a_gap_in_the_other_direction_is_turned_with_its_interval():
    assert sentence(value("DPPL", -0.1402, -0.214, 0.02)).endswith("A gap of 14 points (95 % interval −2 to 21).")


def test_the_ratio_is_told_per_hundred_positive_predictions():
    assert sentence(value("DI", 0.827, 0.738, 0.912)) == (
        "For every 100 positive predictions that other rows receive, the same number of rows with age in (18, 25] "
        "receive 83 (95 % interval 74 to 91)."
    )


def test_group_sizes_are_told_as_counts():
    assert sentence(value("CI", 0.62, 0.57, 0.667)) == (
        "190 rows have age in (18, 25] and 810 do not. Imbalance 0.62 (95 % interval 0.57 to 0.67)."
    )


def test_few_rows_are_told_as_they_were_counted():
    assert out_of(Share(3, 7)) == ("3 of 7", 3)
    assert out_of(Share(670, 1000)) == ("67 of 100", 67)


def test_a_rare_outcome_is_not_rounded_to_none_nor_a_frequent_one_to_all():
    assert out_of(Share(3, 4512))[0] == "3 of 4,512"
    assert out_of(Share(4509, 4512))[0] == "4,509 of 4,512"


def test_under_twenty_rows_a_share_is_a_count():
    assert share_text(Share(3, 19)) == "3 of 19"
    assert share_text(Share(3, 20)) == "15.0 %"


@pytest.mark.parametrize("name", BY_NAME)
@pytest.mark.parametrize(
    "state",
    [(0.2, 0.1, 0.3), (-0.2, -0.3, 0.1), (0.0, -0.1, 0.1), (0.2, None, None), (0.2, 0.1, math.inf), (0.001, 0.0, 0.01)],
)
@pytest.mark.parametrize("counts", [COUNTS, FacetCounts(NOBODY, NOBODY, NOBODY)])
def test_every_metric_has_a_finished_sentence_without_forbidden_words_in_every_state(name, state, counts):
    text = sentence(value(name, *state), counts)

    assert text.endswith(".")
    assert not {"nan", "None", "inf"} & set(re.findall(r"\w+", text))
    assert forbidden_in(text) == []


@pytest.mark.parametrize("reason", [r for r in Reason if r not in ("empty_facet", "single_group", "withheld")])
def test_every_reason_has_words(reason):
    text = sentence(value("DI", None, reason=reason))

    assert text == f"Ratio of positive decisions cannot be computed: {REASONS[reason]}."
    assert forbidden_in(text) == []


@pytest.mark.parametrize(
    ("reason", "said"),
    [
        (Reason.EMPTY_FACET, "No row has age in (18, 25]."),
        (Reason.SINGLE_GROUP, "Every row has age in (18, 25], so there is nothing to compare it with."),
        (Reason.WITHHELD, "Recall: not shown, for it would show, or give away, a count below the limit."),
    ],
)
def test_a_group_that_is_empty_alone_or_hidden_is_said_to_be_so(reason, said):
    assert sentence(value("RD", None, reason=reason)) == said


def test_the_other_value_of_a_facet_with_two_is_named():
    said = metric_sentence(value("RD", 0.0555, -0.01, 0.134), COUNTS, YOUNG, others=named_group("age", "over 25"))

    # 93 of 110 are 85 of 100, 531 of 590 are 90 of 100.
    assert plain(said) == (
        "85 of 100 rows with age in (18, 25] and a positive label are predicted positive; "
        "90 of 100 rows with age = over 25 and a positive label are. A gap of 6 points (95 % interval −1 to 13)."
    )


def test_a_share_of_predictions_is_said_of_the_rows_that_were_predicted_so():
    said = sentence(value("DAR", 0.1, 0.0, 0.2))

    assert said.startswith("73 of 100 rows with age in (18, 25] that are predicted positive have a positive label; ")
    assert "81 of 100 other rows predicted positive do. " in said


def test_one_row_takes_the_verb_of_one():
    # Specificity: 1 of 2 against 1 of 4.
    one = FacetCounts(a=confusion(0, 3, 0, 1), d=confusion(0, 1, 0, 1), unknown=NOBODY)

    assert sentence(value("SD", 0.25), one).startswith(
        "1 of 2 rows with age in (18, 25] and a negative label is predicted negative; "
        "1 of 4 other rows with a negative label is. "
    )


def test_counts_that_are_not_shown_are_not_said():
    hidden = GroupCounts(0, 0, 0, 0, fewer_than=10)

    assert sentence(value("CI", 0.5), FacetCounts(hidden, hidden, NOBODY)) == "Group size balance is 0.50."


@pytest.mark.parametrize(
    ("number", "edges", "said"),
    [(0.104, (-0.1, 0.1), "10.4 points"), (-0.104, (-0.1, 0.1), "10.4 points"), (0.0996, (0.1,), "9.96 points"),
     (0.1, (0.1,), "10 points"), (0.104, (), "10 points")],
)  # fmt: skip
def test_a_gap_is_never_rounded_across_the_edge_of_what_is_allowed(number, edges, said):
    assert f"A gap of {said}" in plain(metric_sentence(value("DPPL", number), COUNTS, YOUNG, edges=edges))


def test_a_limit_of_an_interval_is_never_rounded_across_an_edge():
    said = plain(metric_sentence(value("DPPL", 0.14, 0.104, 0.18), COUNTS, YOUNG, edges=(-0.1, 0.1)))

    assert "(95 % interval 10.4 to 18)" in said


def test_a_ratio_is_never_rounded_across_an_edge():
    said = plain(metric_sentence(value("DI", 0.798, 0.7, 0.9), COUNTS, YOUNG, edges=(0.8, 1.25)))

    assert "receive 79.8 (95 % interval 70 to 90)" in said


def confusion(tp, fp, fn, tn):
    rows = tp + fp + fn + tn
    return GroupCounts(rows, tp + fn, fp + tn, 0, tp + fp, fn + tn, 0, tp, fp, fn, tn)


@pytest.mark.parametrize("metric", BY_NAME.values(), ids=lambda metric: metric.name)
def test_every_metric_says_what_it_cannot_show(metric):
    assert metric.blind_spot.endswith(".")
    assert metric.title
    assert metric.direction in ("less", "more", "none")
    assert forbidden_in(metric.title + metric.blind_spot) == []


@pytest.mark.parametrize("make", [examples.credit_result, examples.empty_group_result])
def test_no_output_holds_a_forbidden_word(make):
    result = make()
    page = re.sub(r"<style>.*?</style>", "", render_report(result, examples.example_provenance()), flags=re.DOTALL)

    for text in (re.sub(r"<[^>]*>", " ", page), markdown_summary(result), "\n".join(findings(result))):
        assert forbidden_in(text) == []


def forbidden_in(text):
    return [word for word in FORBIDDEN if re.search(rf"\b{word}\b", text, re.IGNORECASE)]


@pytest.mark.parametrize(
    ("number", "text"),
    [(-0.1744, "−0.17"), (0.0, "0.00"), (0.0004, "0.0004"), (-0.0004, "−0.0004"), (math.inf, "infinity"),
     (-math.inf, "−infinity"), (1234.5, "1,234.50"), (5e-324, "0.00000000")],
)  # fmt: skip
def test_numbers_keep_a_true_minus_and_never_lose_what_is_there(number, text):
    assert numbers.decimal(number) == text


def test_intervals_say_which_side_is_open():
    assert numbers.interval(Interval(0.8, math.inf)) == "0.80 or more"
    assert numbers.interval(Interval(-math.inf, 0.2)) == "0.20 or less"
    assert numbers.interval(Interval(-math.inf, math.inf)) == "any value"


def test_the_mark_lies_right_of_the_ideal_when_the_named_group_has_less():
    less = [value("DPPL", 0.2), value("DI", 0.7), value("SD", -0.2), value("CI", 0.5)]
    scales = scales_of(less)

    positions = {m.name: scales[m.name].position(m.value) for m in less}

    assert all(position > 0.5 for position in positions.values()), positions


def test_swapping_the_facets_mirrors_the_mark_of_a_ratio():
    scale = Scale(0.5, 2.0, 1.0, logarithmic=True, mirrored=True)

    assert scale.position(0.8) == pytest.approx(1 - scale.position(1 / 0.8), abs=1e-12)


def test_a_value_beyond_the_domain_becomes_an_arrow_head_not_a_mark():
    drawn = glyph(value("DI", 3.0, 1.5, math.inf), Scale(0.5, 2.0, 1.0, logarithmic=True, mirrored=True))

    assert drawn.mark == ""
    assert drawn.arrows.startswith("M1 12l7")


def test_differences_reach_half_and_all_of_them_one_when_a_drawn_one_leaves_it():
    assert scales_of([value("DPPL", 0.2), value("RD", 0.4)])["DPPL"].high == 0.5
    assert scales_of([value("DPPL", 0.2), value("RD", 0.6)])["DPPL"].high == 1.0


def test_the_clearest_gap_is_the_one_its_interval_holds_farthest_from_zero():
    (group, *_) = groups_of(examples.credit_result())
    wide = replace(group.measured[0], metric=value("RD", 0.5, -0.1, 0.9))
    held = replace(group.measured[0], metric=value("DPPL", 0.2, 0.15, 0.25))

    ((_, first), _) = clearest_gaps((replace(group, measured=(wide, held)),), most=2)

    assert first is held


@pytest.mark.parametrize(
    ("raw", "shown"),
    [("", "(empty)"), ("a\nb", "a b"), ("\u202egnp", "\ufffdgnp"), ("\x1b[31m", "\ufffd[31m"), ("\ud800", "\ufffd")],
)
def test_a_name_is_one_printable_line(raw, shown):
    assert clean(raw) == shown


def test_combining_marks_are_bounded():
    assert clean("a" + "\u0301" * 500 + "b") == "a\u0301\u0301\u0301"


def test_names_that_look_alike_after_cleaning_carry_a_number():
    names = name_all(["x" * 100, "x" * 100 + "y", "x"])

    assert names["x" * 100 + "y"] == "x" * 59 + "… #2"


@pytest.mark.parametrize(
    ("uri", "shown"),
    [("data/a.csv", "data/a.csv"), ("s3://k:s@b/a.csv", "s3://b/a.csv"), ("https://h/a?x=1#y", "https://h/a"),
     ("http://[oops/a?x=1", "http:"), ("file:///a?b", "file:///a?b")],
)  # fmt: skip
def test_uris_lose_what_may_be_secret(uri, shown):
    assert without_secrets(uri).removesuffix("//") == shown


def test_findings_lead_with_the_verdict_sentence_and_end_with_what_is_undefined():
    lines = findings(examples.credit_result())

    assert lines[0] == (
        "36 of 42 bias metrics for 2 groups have a value; 6 are undefined. "
        "No allowed range was declared, so there is no verdict."
    )
    assert lines[1].startswith("Positive labels for age in (18, 25]: 58 of 100 against 73 of 100, 15 points")
    assert lines[-1].startswith("Undefined: Decisions that neighbours would flip: ")


def test_the_verdict_sentence_of_explanations_alone_names_rows_and_features():
    alone = replace(examples.credit_result(), pre_training=None, post_training=None)

    assert findings(alone)[0] == "The scores of 1,000 rows were explained by 13 features; no bias metric was asked for."


def test_markdown_keeps_hostile_names_in_code_spans():
    text = markdown_summary(examples.hostile_result())

    outside_code = re.sub(r"(`+)(?!`).*?(?<!`)\1(?!`)", "", text, flags=re.DOTALL)
    assert "<" not in outside_code.replace("\\<", "")
    assert "](" not in outside_code


def test_a_code_span_is_fenced_by_more_backticks_than_it_holds():
    assert code_span("a``b|c") == "```a``b¦c```"
    assert code_span("`") == "`` ` ``"


def test_the_text_forest_fits_seventy_two_columns_and_twelve_rows():
    rows = text_forest(examples.hostile_result())

    assert len(rows) == 12
    assert max(map(len, rows)) <= 72


def test_check_rows_are_cut_at_the_limit_and_say_so():
    rows = metric_rows(examples.credit_result(), most=10)

    assert len(rows) == 10
    assert rows[0].verdict == "NO RANGE"
    assert (rows[0].rows, rows[0].value) == ("963 / 37", "−0.926")
    assert rows[-1].check == "33 more rows in extended.json"
