"""Declared types against real columns: kinds, readings and values as staged, or a count of what does not fit."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from clarify.config.declared_types import read_declared_types
from clarify.data.coding import ColumnFacts, code_facet, code_label
from clarify.data.dataset import iter_batches, stage
from clarify.data.declared import declare_types, is_recast
from clarify.data.profile import profile_source
from clarify.data.source import open_source
from clarify.errors import DataError

ROWS = b"""zip,grade,score,owns,flag,mixed
007,1,0.5,true,0,1
7,2,1.0,false,1,2.5
,3,2.0,true,1,x
010,1,,false,0,
"""


def declared(source, text):
    return declare_types(profile_source(source), read_declared_types(text.encode()))


def values_of(profile, name):
    return [(item.value, item.count) for item in profile.column(name).typed_values]


def rows_of(profile, folder):
    dataset = stage(profile.source, profile.kinds, str(folder))
    return pa.Table.from_batches(list(iter_batches(dataset))).to_pydict()


@pytest.fixture
def source(open_csv):
    return open_csv(ROWS, csv_header="present")


def test_declared_kinds_are_those_of_the_staged_rows(source, tmp_path):
    profile = declared(source, "columns: {zip: int, grade: text, owns: text, score: text, mixed: text, flag: float}")

    rows = rows_of(profile, tmp_path / "work")

    assert rows["zip"] == [7, 7, None, 10]
    assert rows["grade"] == ["1", "2", "3", "1"]
    assert rows["owns"] == ["true", "false", "true", "false"]
    assert rows["score"] == ["0.5", "1.0", "2.0", None]
    assert rows["flag"] == [0.0, 1.0, 1.0, 0.0]


def test_values_counts_and_extremes_follow_the_declared_kind(source):
    profile = declared(source, "columns: {zip: int}")

    assert values_of(profile, "zip") == [(7, 2), (10, 1)]
    summary = profile.column("zip").summary()
    assert (summary.kind, summary.distinct, summary.minimum, summary.maximum) == ("int", 2, 7.0, 10.0)
    assert summary.reading == "declared as int in the types document"


def test_a_reading_alone_keeps_the_kind(source):
    profile = declared(source, "columns: {grade: categorical}")

    assert profile.column("grade").kind == "int"
    assert ColumnFacts.of(profile.column("grade")).declared == "categorical"


def test_digits_that_are_declared_continuous_become_numbers(source):
    (coding,) = code_facet(
        ColumnFacts.of(declared(source, "columns: {zip: continuous}").column("zip")), [7], where="facet[0]"
    )

    assert (coding.reading, coding.text) == ("continuous", "(7.0, 10.0]")


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("{mixed: int}", "int, but 2 of 3 values are not whole 64-bit numbers"),
        ("{mixed: float}", "float, but 1 of 3 values are not numbers"),
        ("{flag: bool}", "bool, but 4 of 4 values are neither true nor false"),
        ("{score: int}", "int, but 3 of 3 values are not whole 64-bit numbers"),
        ("{owns: continuous}", "continuous, but values are bool, which has no order to put a threshold in"),
    ],
)
def test_what_the_values_do_not_allow_is_counted(source, said, told):
    with pytest.raises(DataError) as caught:
        declared(source, f"columns: {said}")

    (problem,) = caught.value.problems
    assert (problem.code, problem.received) == ("DATA-CONVERSION", told)


def test_all_misfits_and_unknown_columns_are_told_at_once(source):
    with pytest.raises(DataError) as caught:
        declared(source, "columns: {mixed: int, zipp: text, flag: bool}")

    assert [problem.code for problem in caught.value.problems] == [
        "CFG-TYPES-COLUMN", "DATA-CONVERSION", "DATA-CONVERSION",
    ]  # fmt: skip


def test_a_change_of_kind_is_noticed_and_a_confirmation_is_not(source):
    profile = declared(source, "columns: {zip: int, grade: int, score: continuous}")

    (notice,) = profile.notices
    assert (notice.code, notice.field) == ("TYPE-DECLARED", "types.columns.zip")
    assert "is int by declaration; by itself it is text" in notice.message


def test_only_another_kind_makes_the_files_own_types_useless(source):
    assert is_recast(declared(source, "columns: {zip: int}"))
    assert not is_recast(declared(source, "columns: {grade: int, score: continuous, zip: text}"))


def test_parquet_columns_are_converted_too(tmp_path):
    table = pa.table({"code": [1, 0, None, 1], "ratio": [1.0, 2.0, 3.0, None], "big": [0.5, 1.5, 2.5, 3.5]})
    pq.write_table(table, tmp_path / "rows.parquet")
    source = open_source(str(tmp_path / "rows.parquet"), dataset_type="application/x-parquet")

    profile = declared(source, "columns: {code: bool, ratio: int}")

    assert values_of(profile, "code") == [(True, 2), (False, 1)]
    assert rows_of(profile, tmp_path / "work")["code"] == [True, False, None, True]
    assert rows_of(profile, tmp_path / "work")["ratio"] == [1, 2, 3, None]
    with pytest.raises(DataError, match="int, but 4 of 4 values are not whole numbers"):
        declared(source, "columns: {big: int}")


def test_a_declared_label_in_a_small_file_is_read_by_value_without_a_doubt(open_csv):
    source = open_csv(b"y,s\n" + b"0,a\n1,b\n" * 10, csv_header="present")
    profile = declared(source, "columns: {y: categorical}")

    coding = code_label(ColumnFacts.of(profile.column("y")), [0])

    assert (coding.reading, coding.text) == ("categorical", "0")
    assert [notice.code for notice in coding.notices] == ["TYPE-DECLARED"]
    assert "AWS would read it as continuous" in coding.notices[0].message


def test_a_declared_threshold_takes_one_number(open_csv):
    source = open_csv(b"age,s\n" + b"20,a\n30,b\n" * 40, csv_header="present")
    facts = ColumnFacts.of(declared(source, "columns: {age: continuous}").column("age"))

    with pytest.raises(DataError, match="must be a single numeric threshold") as caught:
        code_facet(facts, [20, 30], where="facet[0]")
    with pytest.raises(DataError, match="Threshold values must be provided"):
        code_facet(facts, (), where="facet[0]")

    assert caught.value.problems[0].received == "20, 30"
    assert code_facet(facts, [30], where="facet[0]")[0].notices[-1].code == "DATA-NO-ROWS-ABOVE"
