"""Cards, counts and paper: what stands behind a metric, whose other value is named, who signs."""

from dataclasses import replace

import pytest

from clarify.bias.contingency import ContingencyTable
from clarify.bias.evaluate import evaluate
from clarify.config.approval import Approval
from clarify.report.charts import scales_of
from clarify.report.groups.sections import group_sections
from clarify.report.html import render_report
from clarify.report.names import name_all
from clarify.report.paper.page_foot import foot_style
from clarify.report.paper.signature_block import signature_of
from clarify.report.selection import groups_of
from clarify.report.words import plain
from clarify.results import ColumnSummary, FacetCounts, GroupCounts
from tests.unit.report import report_examples as examples
from tests.unit.report.outlines import Outline

# Facet sex: 200 women, 800 men; the second table is the first one with its facets swapped.
WOMEN = ContingencyTable.from_confusion(a=(400, 100, 100, 200), d=(60, 20, 40, 80))
MEN = ContingencyTable.from_confusion(a=(60, 20, 40, 80), d=(400, 100, 100, 200))
HIDDEN = GroupCounts(0, 0, 0, 0, fewer_than=10)


def of(*groups):
    """A result with (facet, value, table) measured after training."""
    facets = tuple(evaluate(table, facet=f, value_or_threshold=v, stage="post_training") for f, v, table in groups)
    section = examples.bias_section("post_training", facets=facets)
    return replace(examples.credit_result(), pre_training=None, post_training=section)


def sections(result, columns=()):
    groups = groups_of(result)
    scales = scales_of(m.metric for group in groups for m in group.measured)
    return group_sections(groups, scales, name_all([]), result.verdicts, most=12, columns=columns)


def cards(*groups):
    (section, *_) = sections(of(*groups))
    return {card.acronym: card for card in section.cards}


def test_of_two_listed_values_that_hold_each_others_rest_the_other_one_is_named():
    first, second = sections(of(("sex", "female", WOMEN), ("sex", "male", MEN)))

    assert (plain(first.others), plain(second.others)) == ("sex = male", "sex = female")
    assert plain(first.counts[1].group) == "sex = male"
    assert "80 of 200" not in plain(first.cards[0].sentence)
    assert "50 of 100 rows with sex = male" not in plain(first.cards[0].sentence)
    assert "rows with sex = male are" in plain(first.cards[0].sentence)


def test_of_two_listed_values_that_leave_rows_over_the_others_stay_other_rows():
    few = ContingencyTable.from_confusion(a=(60, 20, 40, 80), d=(390, 100, 100, 200))

    first, second = sections(of(("sex", "female", WOMEN), ("sex", "male", few)))

    assert (plain(first.others), plain(second.others)) == ("other rows", "other rows")


@pytest.mark.parametrize(
    ("kind", "distinct", "said"), [("int", 2, "sex = 2"), ("int", 3, "other rows"), ("float", 2, "other rows")]
)
def test_the_other_one_of_two_integers_is_named(kind, distinct, said):
    column = ColumnSummary("sex", kind, "declared", 1000, 0, distinct, 1.0, 2.0)

    (section,) = sections(of(("sex", "1", WOMEN)), (column,))

    assert plain(section.others) == said


def test_a_value_that_is_not_one_of_the_two_integers_names_nobody():
    column = ColumnSummary("sex", "int", "declared", 1000, 0, 2, 1.0, 2.0)

    (section,) = sections(of(("sex", "group 01", WOMEN)), (column,))

    assert plain(section.others) == "other rows"


def test_the_card_of_group_sizes_shows_the_rows_of_both_groups():
    result = of(("sex", "f", WOMEN))
    pre = evaluate(WOMEN, facet="sex", value_or_threshold="f", stage="pre_training")
    result = replace(result, pre_training=examples.bias_section("pre_training", facets=(pre,)))

    (card, *_) = sections(result)[0].cards

    assert (card.acronym, card.shares) == ("CI", None)
    assert [(row.mark, plain(row.group), row.text) for row in card.key] == [
        ("d", "sex = f", "200 rows"), ("a", "other rows", "800 rows"),
    ]  # fmt: skip
    assert card.what == "Imbalance"


def only(*names):
    result = of(("sex", "f", WOMEN))
    (facet,) = result.post_training.facets
    metrics = tuple(m for m in facet.metrics if m.name in names)
    section = replace(result.post_training, facets=(replace(facet, metrics=metrics),))
    return sections(replace(result, post_training=section))[0].cards


def test_the_card_of_both_kinds_of_error_shows_the_four_counts():
    (card,) = only("TE")

    assert [row.text for row in card.key] == [
        "40 wrong rejections, 20 wrong acceptances", "100 wrong rejections, 100 wrong acceptances",
    ]  # fmt: skip


def test_the_card_of_labels_per_prediction_shows_both_totals():
    # 60 + 40 positive labels against 60 + 20 predicted so; 400 + 100 against 400 + 100.
    (card,) = only("DCA")

    assert [row.text for row in card.key] == [
        "100 positive labels, 80 predicted positive", "500 positive labels, 500 predicted positive",
    ]  # fmt: skip


def test_a_share_card_names_what_it_shares():
    assert cards(("sex", "f", WOMEN))["DPPL"].shares.heading == "Share that are predicted positive"


def test_confusion_cells_are_named_by_outcomes_and_carry_their_acronyms():
    (section,) = sections(of(("sex", "f", WOMEN)))

    assert [(c.heading, c.acronym) for c in section.columns[1:]] == [
        ("Positive label, predicted positive", "TP"), ("Positive label, predicted negative", "FN"),
        ("Negative label, predicted positive", "FP"), ("Negative label, predicted negative", "TN"),
    ]  # fmt: skip
    assert [row.cells for row in section.counts] == [
        ("200", "60", "40", "20", "80"), ("800", "400", "100", "100", "200"),
    ]  # fmt: skip


def test_counts_that_are_not_shown_are_none_and_said_to_be_so():
    result = of(("sex", "f", WOMEN))
    (facet,) = result.post_training.facets
    hidden = replace(facet, counts=FacetCounts(HIDDEN, HIDDEN, facet.counts.unknown))
    result = replace(result, post_training=replace(result.post_training, facets=(hidden,)))

    (section,) = sections(result)

    assert {cell for row in section.counts for cell in row.cells} == {"not shown"}
    assert section.suppressed == (
        "Counts under 10 are not shown, nor counts from which they could be worked out."
    )


def listed(*rows):
    tables = [(v, ContingencyTable.from_confusion(a=(1000 - p, 0, 0, 1000), d=(p, 0, 0, n - p))) for v, n, p in rows]
    return sections(of(*(("race", value, table) for value, table in tables)))


def test_three_listed_values_stand_in_one_table_in_their_order_with_ratios_to_the_highest():
    # Rates 300 of 400, 60 of 120 and 10 of 20; the highest is 0.75, and 20 of 2,010 rows are under 2 %.
    first, second, third = listed(("w", 400, 300), ("b", 120, 60), ("o", 20, 10))

    rows = [(plain(row.group), row.rows, row.rate, row.ratio) for row in first.listed.rows]

    assert rows == [
        ("race = w", "400", "75.0 %", "1.00"), ("race = b", "120", "50.0 %", "0.67"),
        ("race = o", "20", "50.0 %", "excluded from ratios"), ("race unknown", "0", "–", "–"),
    ]  # fmt: skip
    assert first.listed.note.startswith("1 value with under 2 % of the rows keeps its numbers and stays out of")
    assert (second.listed, third.listed) == (None, None)


def test_the_highest_rate_is_one_of_those_that_take_part():
    # The tiny group has the highest rate, 20 of 20; the ratios are held against 300 of 400.
    first, *_ = listed(("w", 400, 300), ("b", 120, 60), ("o", 20, 20))

    assert [row.ratio for row in first.listed.rows] == ["1.00", "0.67", "excluded from ratios", "–"]


def test_two_listed_values_need_no_table():
    first, second = sections(of(("sex", "female", WOMEN), ("sex", "male", MEN)))

    assert (first.listed, second.listed) == (None, None)


def page_of_credit():
    return Outline(render_report(examples.credit_result(), examples.example_provenance()))


def test_every_card_but_a_violation_can_be_opened_without_a_script():
    outline = page_of_credit()
    boxes = {attrs["id"] for tag, attrs in outline.tags if tag == "input"}
    labels = {attrs["for"] for tag, attrs in outline.tags if tag == "label"}
    articles = [attrs for tag, attrs in outline.tags if tag == "article"]

    assert boxes == labels == {f"{attrs['id']}-open" for attrs in articles}


def test_the_page_ends_with_a_block_to_sign():
    outline = page_of_credit()

    assert {"Name", "Role", "Date", "Decision", "Conditions"} <= set(outline.texts["dt"])
    assert "Signature" in outline.text_of("h2")


def test_an_approval_fills_the_block_with_cleaned_texts():
    filled = signature_of(Approval("A\nB", "risk", "1 Dec 2025", "approved", ""))

    assert [(line.term, line.text) for line in filled] == [
        ("Name", "A B"), ("Role", "risk"), ("Date", "1 Dec 2025"), ("Decision", "approved"), ("Conditions", ""),
    ]  # fmt: skip


def test_without_an_approval_every_line_is_empty():
    assert {line.text for line in signature_of(None)} == {""}


@pytest.mark.parametrize("name", examples.HOSTILE)
def test_no_name_breaks_out_of_the_foot_of_the_page(name):
    before, written, after = foot_style(name).split('"')

    assert (before, after) == ("@media print{@page{@bottom-left{content:", "}}}")
    assert set(written) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 \\")
