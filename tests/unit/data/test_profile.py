"""What is counted of every column, from real files, and that it adds up in any order."""

import hashlib
import itertools

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from clarify.data.profile import ValueCount, merge_profiles, profile_file, profile_source
from clarify.data.source import open_source
from clarify.errors import DataError


@pytest.fixture
def profile_csv(open_csv):
    return lambda content, **options: profile_source(open_csv(content, csv_header="present", **options))


@pytest.fixture
def profile_parquet(tmp_path):
    def write_and_profile(*tables):
        for i, table in enumerate(tables):
            pq.write_table(table, tmp_path / f"{i}.parquet")
        return profile_source(open_source(str(tmp_path), dataset_type="application/x-parquet"))

    return write_and_profile


def test_a_float_on_the_last_line_of_a_large_file_makes_the_column_float(profile_csv):
    n = 400_000                     # lines of 8 bytes: 3.2 MB, beyond any sample
    profile = profile_csv(b"a,b\n" + b"123,456\n" * n + b"0.5,456\n")

    assert profile.kinds == {"a": "float", "b": "int"}
    assert profile.rows == n + 1
    assert (profile.column("a").minimum, profile.column("a").maximum) == (0.5, 123)


def test_a_word_on_the_last_line_of_a_large_file_makes_the_column_text(profile_csv):
    n = 800_000                     # lines of 6 bytes: more than one block
    column = profile_csv(b"a\n" + b"12345\n" * n + b"?\n").column("a")

    assert column.kind == "text"
    assert column.reading == f"1 of {n + 1} values are not numbers"


@pytest.mark.parametrize(
    ("fields", "kind"),
    [
        (["1", "", "3"], "int"),
        (["1", '""', "3"], "text"),
        (["1", "NA"], "text"),
        (["007", "008"], "text"),
        (["1", "2.5", ""], "float"),
        (["True", "", "False"], "bool"),
        (["9223372036854775808", "1"], "text"),
        (["", ""], "float"),
        (['"1"', '"2"'], "int"),
    ],
)
def test_the_kind_of_a_csv_column_is_decided_by_all_its_values(profile_csv, fields, kind):
    rows = "".join(f"{field},x\n" for field in fields)

    assert profile_csv(f"a,b\n{rows}".encode()).column("a").kind == kind


def test_nulls_are_the_empty_fields_alone(profile_csv):
    column = profile_csv(b'a,b\n,1\n"",1\nNA,1\n,1\n').column("a")

    assert (column.rows, column.nulls, column.non_null) == (4, 2, 2)


def test_values_are_counted_and_stand_in_order_of_first_appearance(profile_csv):
    column = profile_csv(b"sex,b\nm,1\n,1\nf,1\nm,1\nx,1\nf,1\nm,1\n").column("sex")

    assert column.values == (ValueCount("m", 3, (0, 0)), ValueCount("f", 2, (0, 2)), ValueCount("x", 1, (0, 4)))
    assert column.distinct == 3


def test_spellings_of_one_number_are_one_typed_value(profile_csv):
    column = profile_csv(b"a\n2\n1.0\n1\n+1\n2.50\n1e0\n").column("a")

    assert column.typed_values == (ValueCount(2.0, 1, (0, 0)), ValueCount(1.0, 4, (0, 1)), ValueCount(2.5, 1, (0, 4)))
    assert column.distinct == 3


def test_integers_beyond_what_floats_hold_stay_exact(profile_csv):
    column = profile_csv(b"id\n9007199254740993\n9007199254740992\n-9223372036854775808\n").column("id")

    assert column.maximum == 2**53 + 1
    assert column.minimum == -(2**63)
    assert [item.value for item in column.typed_values] == [2**53 + 1, 2**53, -(2**63)]


def test_a_thousand_values_are_listed_and_one_more_are_not(profile_csv):
    lines = [f"v{i}" for i in range(1000)] * 2

    assert len(profile_csv("\n".join(["a", *lines]).encode()).column("a").values) == 1000
    more = profile_csv("\n".join(["a", *lines, "another"]).encode()).column("a")
    assert more.values is None
    assert more.distinct == 1001


@pytest.mark.parametrize(("n", "uniqueness"), [(40, 2 / 40), (41, 2 / 41)])
def test_uniqueness_is_distinct_over_non_null(profile_csv, n, uniqueness):
    rows = "".join(f"{i % 2},x\n" for i in range(n)) + ",x\n" * 7

    assert profile_csv(f"label,b\n{rows}".encode()).column("label").uniqueness == uniqueness


def test_uniqueness_beyond_the_exact_count_cannot_fall_below_five_per_cent_in_327680_rows(profile_parquet):
    values = np.resize(np.arange(16_384), 327_680)

    column = profile_parquet(pa.table({"a": values})).column("a")

    assert column.distinct is None
    assert 0.05 <= column.uniqueness < 0.0525


def test_a_column_without_a_value_has_uniqueness_zero_and_no_extremes(profile_csv):
    column = profile_csv(b"a,b\n,1\n,1\n").column("a")

    assert (column.uniqueness, column.distinct, column.minimum, column.maximum) == (0.0, 0, None, None)


def test_profiles_of_files_merge_to_the_same_in_every_order(write_file, tmp_path):
    contents = [b"a,b\n1,x\n2.5,y\n", b"a,b\n3,\n", b"a,b\n", b"a,b\n1.0,z\n-4,x\n"]
    for i, content in enumerate(contents):
        write_file(content, f"{i}.csv")
    source = open_source(str(tmp_path), dataset_type="text/csv")
    parts = [profile_file(source, file) for file in source.files]

    merged = [merge_profiles(source, order) for order in itertools.permutations(parts)]

    assert all(profile == merged[0] for profile in merged)
    assert merged[0].rows_by_file == (2, 1, 0, 2)
    assert merged[0].column("a").kind == "float"
    assert merged[0].column("a").minimum == -4
    assert [item.first for item in merged[0].column("b").values] == [(0, 0), (0, 1), (3, 0)]


def test_one_large_file_has_the_profile_of_its_rows_in_many_files(write_file, tmp_path):
    numbers = np.random.default_rng(3).integers(0, 30_000, 60_000)
    texts = [f"{n},{n / 8},c{n % 5}\n" for n in numbers]
    whole = write_file(("a,b,c\n" + "".join(texts)).encode(), "whole.csv")
    for i in range(6):
        write_file(("a,b,c\n" + "".join(texts[i * 10_000 : (i + 1) * 10_000])).encode(), f"parts/{i}.csv")

    one, many = (
        profile_source(open_source(uri, dataset_type="text/csv")) for uri in (whole, str(tmp_path / "parts"))
    )

    for a, b in zip(one.columns, many.columns, strict=True):
        assert (a.kind, a.rows, a.shapes, a.sketch, a.minimum, a.maximum) == (
            b.kind, b.rows, b.shapes, b.sketch, b.minimum, b.maximum
        )
    assert [(v.value, v.count) for v in one.column("c").values] == [(v.value, v.count) for v in many.column("c").values]
    assert len(np.unique(numbers)) > 16_384         # so that the sketches above are full ones
    assert one.column("a").distinct is None


def test_parquet_columns_keep_the_types_they_declare(profile_parquet):
    table = pa.table(
        {
            "age": pa.array([39, None, 40], pa.int16()),
            "rate": pa.array([0.5, float("nan"), float("-inf")], pa.float32()),
            "sex": pa.array(["m", "f", "m"]).dictionary_encode(),
            "hired": pa.array([True, False, None]),
            "zip": pa.array(["007", "12", None]),
        }
    )

    profile = profile_parquet(table)

    assert profile.kinds == {"age": "int", "rate": "float", "sex": "text", "hired": "bool", "zip": "text"}
    assert (profile.column("age").minimum, profile.column("age").maximum, profile.column("age").nulls) == (39, 40, 1)
    rate = profile.column("rate")
    assert (rate.nulls, rate.non_finite, rate.minimum, rate.maximum) == (1, 1, 0.5, 0.5)
    assert [item.value for item in profile.column("hired").values] == [True, False]
    assert profile.column("zip").shapes.casts_to_int64
    assert profile.column("sex").reading.startswith("declared by Parquet as dictionary")


def test_parquet_files_that_declare_a_column_differently_are_refused(profile_parquet):
    with pytest.raises(DataError, match=r"^age: received .*int64.*double.*\[DATA-SCHEMA\]"):
        profile_parquet(pa.table({"age": [1]}), pa.table({"age": [1.5]}))


def test_the_summary_says_what_was_read_and_why(profile_csv):
    summary = profile_csv(b"age,sex\n39,m\n,f\n41,m\n").summaries[0]

    assert (summary.name, summary.kind, summary.reading) == ("age", "int", "every value is a whole number")
    assert (summary.rows, summary.nulls, summary.distinct) == (3, 1, 2)
    assert (summary.minimum, summary.maximum, summary.non_finite) == (39.0, 41.0, 0)


def test_a_header_without_rows_is_an_empty_dataset(profile_csv):
    with pytest.raises(DataError, match=r"1 files without a row  \[DATA-EMPTY\]"):
        profile_csv(b"a,b\n")


def test_a_missing_column_is_answered_with_the_names_there_are(profile_csv):
    with pytest.raises(DataError, match=r"(?s)column: received 'Sex'  \[DATA-COLUMN-MISSING\].*'age', 'sex'"):
        profile_csv(b"age,sex\n1,m\n").column("Sex")


def test_the_digest_of_the_dataset_is_made_of_those_of_its_files_in_order(write_file, tmp_path):
    contents = (b"a\n1\n", b"a\n2\n")
    for i, content in enumerate(contents):
        write_file(content, f"{i}.csv")

    profile = profile_source(open_source(str(tmp_path), dataset_type="text/csv"))

    parts = [hashlib.sha256(content) for content in contents]
    assert [file.digest for file in profile.source.files] == [part.hexdigest() for part in parts]
    assert profile.digest == hashlib.sha256(b"".join(part.digest() for part in parts)).hexdigest()
