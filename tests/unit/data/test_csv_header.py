"""Whether the first line is a header: the rule, what is reported, and the names that are refused."""

import pyarrow as pa
import pytest

from clarify.data.csv_header import guess
from clarify.errors import DataError


@pytest.mark.parametrize(
    ("first", "below", "header", "why"),
    [
        (["age", "sex"], [["39", "40"], ["m", "f"]], True, "only numbers or truth values below 'age'"),
        (["hired", "sex"], [["True", "false"], ["m", "f"]], True, "below 'hired'"),
        (["zip", "sex"], [["007", "012"], ["m", "f"]], True, "below 'zip'"),
        (["", "sex"], [["0", "1"], ["m", "f"]], True, "below ''"),
        (["age", "sex"], [[None, None], ["m", "f"]], True, "none of its words occurs again"),
        (["age", "sex"], [[], []], True, "the only line"),
        (["39", "m"], [["40"], ["f"]], False, "cell '39' is a number"),
        (["?", "m"], [["40"], ["f"]], False, "cell '?' stands for a missing value"),
        (["m", "x"], [["f", "m"], ["x", "y"]], False, "'m' occurs again in its own column"),
        (["age", ""], [["1"], ["2"]], False, "an empty cell"),
        (["a", "a"], [["1"], ["2"]], False, "occurs twice"),
        (["True", "a"], [["False"], ["2"]], False, "truth value"),
    ],
)
def test_the_guess_follows_the_stated_rule_and_says_why(first, below, header, why):
    table = pa.table([pa.array(column, pa.string()) for column in below], names=[f"c{i}" for i in range(len(first))])

    guessed, reason = guess(first, table)

    assert guessed is header
    assert why in reason


def test_a_guessed_header_is_reported_with_the_way_to_overrule_it(open_csv):
    source = open_csv(b"age,sex\n39,m\n")

    assert source.column_names == ("age", "sex")
    assert source.header_present
    (notice,) = source.notices
    assert notice.code == "CSV-HEADER-GUESSED"
    assert "names the columns, because there are only numbers" in notice.message
    assert "set csv_header to 'absent'" in notice.message


def test_a_guessed_absence_gives_awss_generated_names(open_csv):
    source = open_csv(b"39,m\n40,f\n")

    assert source.column_names == ("column_0", "column_1")
    assert not source.header_present
    assert "set csv_header to 'present'" in source.notices[0].message


def test_a_stated_header_is_not_reported(open_csv):
    assert open_csv(b"39,m\n40,f\n", csv_header="present").column_names == ("39", "m")
    assert open_csv(b"39,m\n40,f\n", csv_header="present").notices == ()
    assert open_csv(b"age,sex\n40,f\n", csv_header="absent").column_names == ("column_0", "column_1")


def test_a_first_line_that_equals_the_headers_of_the_config_is_a_header(open_csv):
    source = open_csv(b"1,2\n3,4\n", headers=["1", "2"])

    assert source.header_present
    assert "equals the headers of the config" in source.notices[0].message


def test_a_first_line_that_differs_from_the_headers_is_data_and_a_suspect_one_is_reported(open_csv):
    source = open_csv(b"years,sex\n39,m\n", headers=["age", "sex"])

    assert source.column_names == ("age", "sex")
    assert not source.header_present
    assert [notice.code for notice in source.notices] == ["CSV-HEADER-GUESSED", "CSV-HEADER-SUSPECT"]


def test_headers_of_another_number_are_refused_in_awss_words(open_csv):
    with pytest.raises(DataError) as caught:
        open_csv(b"39,m\n40,f\n", headers=["age", "sex", "income"])

    message = str(caught.value)
    assert message.startswith("headers: received 3 headers for 2 columns")
    assert "Headers in config do not match with the number of columns in the dataset." in message


@pytest.mark.parametrize(
    "line", [b"age,sex,age", b"age,Age,sex", b"age, age,sex", b"a  b,a b,c", "straße,STRASSE,x".encode()]
)
def test_names_that_are_equal_but_for_case_and_white_space_are_refused(open_csv, line):
    with pytest.raises(DataError, match="DATA-DUPLICATE-COLUMN"):
        open_csv(line + b"\n1,2,3\n", csv_header="present")


def test_columns_without_a_name_get_the_generated_one_and_are_reported(open_csv):
    source = open_csv(b",sex\n0,m\n1,f\n")

    assert source.column_names == ("column_0", "sex")
    assert source.notices[-1].code == "CSV-COLUMN-UNNAMED"
    assert "column_0" in source.notices[-1].message
