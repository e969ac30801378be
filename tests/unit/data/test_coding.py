"""How raw values become groups: AWS's inference where it gives a result, exact matching where it selects nobody."""

import numpy as np
import pyarrow as pa
import pytest

from clarify.data.coding import ColumnFacts, aws_reading, code_facet, code_label, code_predicted_label
from clarify.data.feature_matrix import model_columns, read_features
from clarify.errors import DataError
from clarify.results import ColumnSummary


def facts(values, kind, name="column", nulls=0):
    """What a first pass learns of these values."""
    seen = list(dict.fromkeys(values))
    numbers = [float(v) for v in seen] if kind in ("int", "float") else []
    summary = ColumnSummary(
        name, kind, "", len(values) + nulls, nulls, len(seen), min(numbers, default=None), max(numbers, default=None)
    )
    return ColumnFacts(summary, tuple(seen), tuple(values.count(v) for v in seen), len(seen) / max(len(values), 1))


def codes(coding, values):
    return coding.code(pa.chunked_array([pa.array(values)])).tolist()


@pytest.mark.parametrize(
    ("values", "kind", "listed", "reading"),
    [
        ([0, 1] * 20, "int", [1], "continuous"),            # 2 of 40 is exactly 5 %
        ([0, 1] * 20 + [0], "int", [1], "categorical"),     # 2 of 41 is less
        ([0, 1, 2], "int", [1, 2], "categorical"),          # several values listed
        ([0.5] * 100, "float", [0.5], "continuous"),        # floats always
        ([True, False], "bool", [True], "categorical"),
        (["a", "b"], "text", ["a"], "categorical"),
        (["1.5", "2.5"], "text", ["1.5"], "categorical"),   # not castable to an integer
        (["1", "2"], "text", ["1"], "continuous"),
    ],
)
def test_columns_are_read_as_aws_reads_them(values, kind, listed, reading):
    assert aws_reading(facts(values, kind), listed) == reading


def test_integers_with_nulls_are_continuous_as_pandas_makes_them_floats():
    assert aws_reading(facts([0, 1] * 100, "int", nulls=1), [1]) == "continuous"


def test_a_threshold_is_exclusive_and_printed_with_the_maximum():
    (coding,) = code_facet(facts([20.0, 30.0, 40.0, 50.0, 60.0], "float"), [40], where="facet[0]")

    assert coding.text == "(40.0, 60.0]"
    assert codes(coding, [20.0, 40.0, 40.5, 60.0, None]) == [0, 0, 1, 1, 2]


def test_integer_ranges_are_printed_without_a_point():
    (coding,) = code_facet(facts([1, 2, 3, 4], "int"), [2], where="facet[0]")

    assert coding.text == "(2, 4]"


def test_a_threshold_above_the_maximum_selects_nobody_and_says_its_range():
    (coding,) = code_facet(facts([1.0, 2.0], "float"), [5], where="facet[0]")

    assert coding.text == "(5.0, 2.0]"
    assert codes(coding, [1.0, 2.0]) == [0, 0]


def test_a_binary_label_in_a_small_file_is_read_by_value_where_aws_finds_no_positive():
    coding = code_label(facts([0, 1] * 10, "int", name="y"), [1])

    assert (coding.reading, coding.text) == ("categorical", "1")
    assert codes(coding, [0, 1, None]) == [0, 1, 2]
    (notice,) = coding.notices
    assert notice.code == "TYPE-AWS-WOULD-FAIL"
    assert "'y'" in notice.message
    assert "2 distinct values in 20 rows" in notice.message


def test_a_small_code_below_the_maximum_is_a_range_as_in_aws_and_says_so():
    (coding,) = code_facet(facts([0, 1] * 10, "int", name="sex"), [0], where="facet[0]")

    assert coding.text == "(0, 1]"
    assert coding.notices[0].code == "TYPE-READ-AS-RANGE"


@pytest.mark.parametrize("listed", [1, 1.0, "1", "1.0"])
def test_numbers_match_however_they_are_spelt(listed):
    (coding,) = code_facet(facts([0, 1] * 50, "int"), [listed], where="facet[0]")

    assert codes(coding, [0, 1, 1]) == [0, 1, 1]


@pytest.mark.parametrize("listed", [True, "True", "true", 1, "1"])
def test_booleans_match_however_they_are_spelt(listed):
    (coding,) = code_facet(facts([True, False], "bool"), [listed], where="facet[0]")

    assert codes(coding, [True, False, None]) == [1, 0, 2]


@pytest.mark.parametrize("listed", [False, "False", "false", 0])
def test_false_names_the_false_rows(listed):
    (coding,) = code_facet(facts([True, False], "bool"), [listed], where="facet[0]")

    assert codes(coding, [True, False]) == [0, 1]


def test_several_values_are_joined_by_a_comma():
    (coding,) = code_facet(facts(["a", "b", "c"], "text"), ["c", "a"], where="facet[0]")

    assert coding.text == "c,a"
    assert codes(coding, ["a", "b", "c"]) == [1, 0, 1]


def test_without_values_every_value_is_a_group_in_order_of_first_appearance():
    groups = code_facet(facts(["q", "p", "q", "r"], "text"), (), where="facet[0]")

    assert [group.text for group in groups] == ["q", "p", "r"]
    assert codes(groups[1], ["q", "p", None]) == [0, 1, 2]


def test_a_continuous_facet_without_a_threshold_is_refused_with_the_median():
    with pytest.raises(DataError, match="Threshold values must be provided for continuous features") as caught:
        code_facet(facts([10.0, 20.0, 30.0], "float", name="income"), (), where="facet[2]")

    (problem,) = caught.value.problems
    assert problem.field == "facet[2].value_or_threshold"
    assert "10.0 to 30.0" in problem.allowed
    assert "half of the rows lie above 20.0" in problem.hint


def test_a_facet_of_thousands_of_values_is_refused():
    many = ColumnFacts(ColumnSummary("id", "text", "", 5000, 0, None), None, None, 1.0)

    with pytest.raises(DataError, match="DATA-FACET-VALUES"):
        code_facet(many, (), where="facet[0]")


def test_a_word_as_threshold_is_refused_in_awss_words():
    with pytest.raises(DataError, match="must be a single numeric threshold for continuous data"):
        code_facet(facts([1.0, 2.0], "float"), ["old"], where="facet[0]")


def test_a_positive_label_that_is_not_in_the_data_is_refused_with_the_values_seen():
    with pytest.raises(DataError, match="Positive label values or thresholds are empty for Label column") as caught:
        code_label(facts(["good", "bad"], "text", name="credit"), ["yes"])

    assert caught.value.problems[0].received == "yes"
    assert "'good', 'bad'" in caught.value.problems[0].allowed


def test_predicted_labels_share_the_labels_threshold_and_its_text_has_the_labels_own_maximum():
    label, predicted = facts([1.0, 2.0, 3.0], "float", "y"), facts([1.0, 4.0], "float", "yhat")

    coding = code_label(label, [2], maximum=4.0)

    assert coding.text == "(2.0, 3.0]"
    assert codes(code_predicted_label(predicted, [2], coding, label), [1.0, 4.0]) == [0, 1]


def test_predictions_of_another_type_than_the_label_are_refused():
    label, predicted = facts([0, 1] * 50, "int", "y"), facts([0.1, 0.9], "float", "yhat")

    with pytest.raises(DataError, match="series datatype is not the same as Label Column series"):
        code_predicted_label(predicted, [1], code_label(label, [1]), label)


def test_predictions_without_a_positive_are_refused_in_awss_words():
    label, predicted = facts([0, 1] * 50, "int", "y"), facts([0] * 100, "int", "yhat")

    with pytest.raises(DataError, match="Positive Predicted Index Series contains all False values"):
        code_predicted_label(predicted, [1], code_label(label, [1]), label)


# --- spellings -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "kind", "listed", "meant"),
    [
        ([0, 1] * 50, "int", "1", 1),
        ([0, 1] * 50, "int", True, 1),
        (["0", "1"] * 50, "text", 1, "1"),
        (["0.0", "1.0"] * 50, "text", 1, "1.0"),
        (["0", "1"] * 50, "text", "1.0", "1"),
        (["0", "1"] * 50, "text", True, "1"),
        (["true", "false"], "text", True, "true"),
        (["TRUE", "FALSE"], "text", "true", "TRUE"),
        ([True, False], "bool", "False", False),
        ([True, False], "bool", 0, False),
    ],
)
def test_a_value_in_another_spelling_is_found_and_the_spelling_noticed(values, kind, listed, meant):
    (coding,) = code_facet(facts(values, kind, name="group"), [listed], where="facet[0]")

    assert coding.values == (meant,)
    assert type(coding.values[0]) is type(meant)
    assert coding.text == str(listed)
    (notice,) = coding.notices
    assert (notice.code, notice.field) == ("TYPE-RESPELT", "facet[0].value_or_threshold")
    assert f"{listed!r} is read as {meant!r}" in notice.message


@pytest.mark.parametrize(
    ("values", "kind", "listed"),
    [
        ([0, 1] * 50, "int", 1.0),
        (["f", "m"], "text", "f"),
        ([True, False], "bool", True),
        (["007", "x"], "text", "007"),
    ],
)
def test_a_value_as_the_column_has_it_needs_no_notice(values, kind, listed):
    (coding,) = code_facet(facts(values, kind), [listed], where="facet[0]")

    assert coding.notices == ()


def test_a_code_with_leading_zeros_is_not_the_number_it_looks_like():
    (coding,) = code_facet(facts(["007", "x"], "text"), [7], where="facet[0]")

    assert codes(coding, ["007", "x"]) == [0, 0]


def test_a_value_that_may_mean_two_texts_is_refused():
    with pytest.raises(DataError, match="DATA-AMBIGUOUS-VALUE") as caught:
        code_facet(facts(["true", "1", "no"], "text", name="flag"), [True], where="facet[3]")

    (problem,) = caught.value.problems
    assert (problem.field, problem.received) == ("facet[3].value_or_threshold", "True")
    assert problem.allowed == "one of 'true', '1', as column 'flag' spells them"


def test_one_of_several_values_in_another_spelling_is_found_too():
    (coding,) = code_facet(facts([1, 2, 3] * 50, "int"), [1, "2"], where="facet[0]")

    assert codes(coding, [1, 2, 3]) == [1, 1, 0]     # AWS finds 1, and does not look for "2" any more


def test_a_value_listed_twice_counts_once_and_is_told():
    (coding,) = code_facet(facts([1, 2, 3] * 50, "int"), [1, "1"], where="facet[0]")

    assert coding.values == (1,)
    assert [notice.code for notice in coding.notices] == ["DATA-VALUE-REPEATED"]


def test_a_fraction_does_not_select_the_integer_below_it():
    (coding,) = code_facet(facts([1, 2] * 50, "int"), [1.5], where="facet[0]")

    assert codes(coding, [1, 2]) == [0, 0]


def test_integers_beyond_float_precision_are_told_apart():
    big = 2**53
    (coding,) = code_facet(facts([big, big + 1] * 50, "int"), [str(big + 1)], where="facet[0]")

    assert codes(coding, [big, big + 1]) == [0, 1]


# --- thresholds nobody is above --------------------------------------------------------------------------------


@pytest.mark.parametrize(("threshold", "text"), [(60, "(60.0, 60.0]"), (70.5, "(70.5, 60.0]"), ("60", "(60.0, 60.0]")])
def test_a_threshold_at_or_above_the_maximum_selects_nobody_says_so_and_keeps_the_order_of_its_text(threshold, text):
    (coding,) = code_facet(facts([20.5, 30.0, 60.0], "float", name="age"), [threshold], where="facet[0]")

    assert coding.text == text
    assert codes(coding, [20.5, 60.0]) == [0, 0]
    notice = coding.notices[-1]
    assert notice.code == "DATA-NO-ROWS-ABOVE"
    assert "largest value is 60.0" in notice.message


def test_negative_numbers_are_compared_with_their_sign():
    column = facts([-9.5, -5.0, -3.0], "float")

    (above,) = code_facet(column, [-4], where="facet[0]")
    (mirrored,) = code_facet(column, [3], where="facet[0]")     # AWS prints no text: it looks at |-3|

    assert (above.text, codes(above, [-9.5, -5.0, -3.0])) == ("(-4.0, -3.0]", [0, 0, 1])
    assert (mirrored.text, codes(mirrored, [-9.5, -5.0, -3.0])) == ("(3.0, -3.0]", [0, 0, 0])


def test_many_whole_numbers_are_a_quantity_even_where_the_threshold_is_their_largest():
    (coding,) = code_facet(facts(list(range(18, 81)), "int"), [80], where="facet[0]")

    assert (coding.reading, coding.text) == ("continuous", "(80, 80]")


def test_a_threshold_keeps_the_spelling_of_its_number():
    ages = facts(list(range(18, 81)), "int")

    assert [code_facet(ages, [value], where="facet[0]")[0].text for value in (40, 40.0, "40")] == [
        "(40, 80]", "(40.0, 80.0]", "(40.0, 80.0]",
    ]  # fmt: skip


# --- AWS's inference, edge by edge -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "kind", "nulls", "reading"),
    [
        (["1", "2"], "text", 1, "categorical"),              # a null makes the cast to integers fail
        ([str(2**63), "1"], "text", 0, "categorical"),       # so does a number beyond 64 bits
        (["-1", "+2"], "text", 0, "continuous"),
        (["1", "2"] * 50, "text", 0, "categorical"),         # 2 of 100
        ([True, False], "bool", 3, "categorical"),
        ([1.0] * 100, "float", 0, "continuous"),
    ],
)
def test_edges_of_the_inference(values, kind, nulls, reading):
    assert aws_reading(facts(values, kind, nulls=nulls), [values[0]]) == reading


# --- predictions of another type -------------------------------------------------------------------------------


def test_predictions_whose_values_are_all_values_of_the_label_are_read_as_the_label():
    label, predicted = facts([0, 1] * 50, "int", "y"), facts([0.0, 1.0] * 50, "float", "yhat")

    coding = code_predicted_label(predicted, [1], code_label(label, [1]), label)

    assert codes(coding, [0.0, 1.0, None]) == [0, 1, 2]
    assert [notice.code for notice in coding.notices] == ["TYPE-READ-AS-LABEL"]


def test_nulls_among_integer_predictions_change_no_type():
    label, predicted = facts([0, 1] * 50, "int", "y"), facts([0, 1] * 50, "int", "yhat", nulls=3)

    coding = code_predicted_label(predicted, [1], code_label(label, [1]), label)

    assert (coding.reading, coding.notices) == ("categorical", ())


def test_decimal_predictions_of_a_whole_numbered_label_are_not_cut():
    label, predicted = facts(list(range(40)), "int", "y"), facts([4.7, 5.7, 9.1], "float", "yhat")

    coding = code_predicted_label(predicted, [5], code_label(label, [5], maximum=39.0), label)

    assert codes(coding, [4.7, 5.7, 9.1]) == [0, 1, 1]     # AWS compares 4, 5 and 9 with 5


# --- features ---------------------------------------------------------------------------------------------------


def test_features_are_numbers_and_codes_with_missing_as_nan():
    columns = model_columns([facts([1, 2], "int", "n"), facts(["u", "v"], "text", "w"), facts([True], "bool", "b")])
    table = pa.table({"n": [1, None], "w": ["v", None], "b": [True, False]})

    features = read_features(table, columns)

    np.testing.assert_array_equal(features.values, [[1.0, 0.0, 1.0], [np.nan, np.nan, 0.0]])
    assert features.columns[1].vocabulary == ("v",)
    assert not features.is_numeric


def test_vocabularies_start_with_the_words_already_known():
    columns = read_features(pa.table({"w": ["base"]}), model_columns([facts(["base", "x"], "text", "w")])).columns

    features = read_features(pa.table({"w": ["x", "base"]}), columns)

    assert features.columns[0].vocabulary == ("base", "x")
    assert features.values[:, 0].tolist() == [1.0, 0.0]


def test_integers_that_float64_would_round_keep_all_their_digits():
    big = 2**53 + 1
    columns = model_columns([facts([big, 5], "int", "id")])

    features = read_features(pa.table({"id": [big, 5]}), columns)

    assert features.columns[0].vocabulary == (big, 5)
