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


def test_predicted_labels_share_the_labels_threshold_and_maximum():
    label, predicted = facts([1.0, 2.0, 3.0], "float", "y"), facts([1.0, 4.0], "float", "yhat")

    coding = code_label(label, [2], maximum=4.0)

    assert coding.text == "(2.0, 4.0]"
    assert codes(code_predicted_label(predicted, [2], coding, label), [1.0, 4.0]) == [0, 1]


def test_predictions_of_another_type_than_the_label_are_refused():
    label, predicted = facts([0, 1] * 50, "int", "y"), facts([0.1, 0.9], "float", "yhat")

    with pytest.raises(DataError, match="series datatype is not the same as Label Column series"):
        code_predicted_label(predicted, [1], code_label(label, [1]), label)


def test_predictions_without_a_positive_are_refused_in_awss_words():
    label, predicted = facts([0, 1] * 50, "int", "y"), facts([0] * 100, "int", "yhat")

    with pytest.raises(DataError, match="Positive Predicted Index Series contains all False values"):
        code_predicted_label(predicted, [1], code_label(label, [1]), label)


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
