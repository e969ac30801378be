"""AWS's library on rows: the contract's small datasets go through file, profile, coding and tally, nothing by hand."""

import math

import pytest

from tests.parity.our_answers import our_answer
from tests.parity.random_tables import RandomColumn, RandomTable, csv_text

SEX = "M F F M F M F F M M F F"
SEX_LABELS = "0 1 1 1 1 0 0 0 1 0 0 0"
SEX_PREDICTIONS = "1 1 1 0 0 0 1 1 0 1 0 0"
NOBODY_OF_M = "0 1 1 0 1 0 1 1 0 0 1 1"
LINE = [*range(10), 1, 3, 5, 7]


def column(words, kind="text"):
    read = {"int": int, "float": float, "text": str}[kind]
    return RandomColumn(kind, tuple(read(word) for word in str(words).split()))


def table_of(facet, facet_values, label, positive, *, predicted=None, group=None, **features):
    columns = {"facet": facet, "label": label}
    columns |= {"predicted": predicted} if predicted else {}
    columns |= {"stratum": group} if group else {}
    columns |= features
    return RandomTable(
        0, "csv", columns, "facet", facet_values, "label", positive, "predicted" if predicted else None,
        "stratum" if group else None, csv_text(columns),
    )  # fmt: skip


def answers(table, folder, stage="pre_training"):
    """Value of each metric by name, for each group by its text."""
    ours = our_answer(table, folder)
    assert not ours.failure
    return {text: {name: value for name, _, value, _ in metrics} for text, metrics in ours.stages[stage]}


def by_text(words):
    """0 and 1 as words: in twelve rows AWS reads integers as a quantity."""
    return column(" ".join({"0": "no", "1": "yes"}[word] for word in words.split()))


@pytest.mark.parametrize(("listed", "expected"), [
    ("F", {"CI": -1 / 6, "DI": 10 / 7, "DCA": 1 / 4, "DCR": 1 / 3, "RD": -2 / 3, "SD": 1 / 6, "DRR": 1 / 3,
           "AD": -13 / 35, "DAR": -1 / 2, "TE": -1 / 2, "GE": 0.24556213017751485}),
    ("M", {"CI": 1 / 6, "DI": 7 / 10, "DCA": -1 / 4, "DCR": -1 / 3, "RD": 2 / 3, "SD": -1 / 6, "DRR": -1 / 3,
           "AD": 13 / 35, "DAR": 1 / 2, "TE": 1 / 2, "GE": 0.24556213017751485}),
])  # fmt: skip
def test_twelve_rows_agree_with_the_library_from_either_side(listed, expected, tmp_path):
    table = table_of(column(SEX), (listed,), by_text(SEX_LABELS), ("yes",), predicted=by_text(SEX_PREDICTIONS))

    ours = our_answer(table, tmp_path).stages
    found = {name: value for stage in ours.values() for name, _, value, _ in stage[0][1]}

    assert {name: found[name] for name in expected} == pytest.approx(expected, abs=1e-15, rel=1e-15)


def test_disparate_impact_of_twelve_rows_is_infinite_when_no_man_is_predicted_positive(tmp_path):
    table = table_of(column(SEX), ("F",), by_text(SEX_LABELS), ("yes",), predicted=by_text(NOBODY_OF_M))

    assert answers(table, tmp_path, "post_training")["F"]["DI"] == math.inf


def test_cddl_of_twenty_four_rows_without_listed_values_agrees_with_the_library(tmp_path):
    facet = column("M M M F F F F M M M M F M M F M F F M M F M M F")
    labels = by_text("0 1 1 0 1 0 1 1 1 1 0 1 1 1 0 0 0 0 1 0 0 1 1 0")
    strata = column("1 0 2 2 1 1 2 1 1 2 0 1 2 0 1 1 1 2 0 1 0 0 1 1", "int")

    found = answers(table_of(facet, None, labels, ("yes",), group=strata), tmp_path)

    rounded = {text: round(values["CDDL"], 10) for text, values in found.items()}
    assert rounded == {"M": -0.3982142857, "F": 0.3982142857}


def test_every_value_against_the_rest_with_two_positive_labels_agrees_with_the_library(tmp_path):
    table = table_of(column("a b b c c"), None, column("p q r p q"), ("p", "q"), group=column("1 1 1 0 0", "int"))

    found = answers(table, tmp_path)

    assert list(found) == ["a", "b", "c"]
    assert [values["CDDL"] for values in found.values()] == pytest.approx([-0.3, 0.3, -0.4], abs=1e-15)
    assert [values["DPL"] for values in found.values()] == pytest.approx([-0.25, 0.5, -1 / 3], abs=1e-15)


def test_four_rows_whose_positive_label_zero_is_a_threshold_agree_with_the_library(tmp_path):
    table = table_of(
        column("a b b b"), None, column("1 1 0 0", "int"), (0,), group=column("1 1 1 0", "int")
    )

    ours = our_answer(table, tmp_path)
    found = {text: {name: value for name, _, value, _ in metrics} for text, metrics in ours.stages["pre_training"]}

    assert ours.roles.label.text == "(0, 1]"
    assert {name: round(found["a"][name], 10) for name in ("CI", "DPL", "KL", "LP", "TVD", "KS", "CDDL")} == {
        "CI": 0.5, "DPL": -0.6666666667, "KL": -0.3662040962, "LP": 0.6666666667, "TVD": 0.3333333333,
        "KS": 0.6666666667, "CDDL": -0.375,
    }  # fmt: skip
    assert {name: round(found["b"][name], 10) for name in ("CI", "DPL", "KL", "CDDL")} == {
        "CI": -0.5, "DPL": 0.6666666667, "KL": 1.0986122887, "CDDL": 0.625,
    }  # fmt: skip


def test_ten_rows_of_one_line_flip_with_the_sign_of_the_library(tmp_path):
    table = table_of(
        column("a " * 10 + "d " * 4), ("d",), column("yes no " * 7), ("yes",),
        predicted=column("yes " * 10 + "no no no yes"), x=column(" ".join(map(str, LINE)), "int"),
    )  # fmt: skip

    assert answers(table, tmp_path, "post_training")["d"]["FT"] == -0.75


def test_five_ages_above_forty_have_the_text_and_imbalance_of_the_library(tmp_path):
    table = table_of(column("20.0 30.0 40.0 50.0 60.0", "float"), (40,), column("p q p q p"), ("p",))

    found = answers(table, tmp_path)

    assert list(found) == ["(40.0, 60.0]"]
    assert found["(40.0, 60.0]"]["CI"] == pytest.approx(0.2, abs=1e-15)


def test_disparate_impact_is_infinite_when_only_facet_d_is_predicted_positive(tmp_path):
    predicted = column("no no no yes no")
    table = table_of(column("a a a d d"), ("d",), column("yes no no yes no"), ("yes",), predicted=predicted)

    assert answers(table, tmp_path, "post_training")["d"]["DI"] == math.inf


def test_predictions_without_any_positive_end_the_job_as_in_the_library(tmp_path):
    table = table_of(column("a a d d"), ("d",), column("yes no yes no"), ("yes",), predicted=column("no no no no"))

    assert our_answer(table, tmp_path).failure == ("DATA-NO-POSITIVE-PREDICTION",)


def test_a_column_of_booleans_given_as_text_selects_the_false_rows(tmp_path):
    facet = RandomColumn("bool", (True, False, False, True, False))
    table = table_of(facet, ("False",), column("p q p q p"), ("p",))

    found = answers(table, tmp_path)

    assert found["False"]["CI"] == pytest.approx((2 - 3) / 5, abs=1e-15)     # AWS selects the True rows: 0.2


def test_a_null_facet_counts_as_facet_a_in_awss_numbers(tmp_path):
    facet = RandomColumn("text", ("d", "d", "a", "a", None, None))
    table = table_of(facet, ("d",), column("p q p q p p"), ("p",))

    found = answers(table, tmp_path)["d"]

    assert found["CI"] == pytest.approx((4 - 2) / 6, abs=1e-15)
    assert found["DPL"] == pytest.approx(3 / 4 - 1 / 2, abs=1e-15)


def test_null_strata_drop_out_of_cddl(tmp_path):
    strata = RandomColumn("text", ("s", "s", "s", "s", None, None))
    table = table_of(column("d d a a d a"), ("d",), column("p q p q q q"), ("p",), group=strata)

    # Inside s: one of two rejected and one of two accepted rows is d.
    assert answers(table, tmp_path)["d"]["CDDL"] == pytest.approx(1 / 2 - 1 / 2, abs=1e-15)
