"""What a CSV file says, byte for byte, and what happens to files that are none."""

import gzip

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from clarify.data import formats
from clarify.data.source import open_source, read_source_file
from clarify.errors import DataError


def rows_of(source):
    batches = [batch for file in source.files for batch in read_source_file(source, file)]
    return pa.Table.from_batches(batches).to_pydict()


def test_only_an_empty_unquoted_field_is_null(open_csv):
    source = open_csv(b'a,b\n,1\n"",2\n?,3\nNA,4\nnan,5\nnull,6\n" ",7\n', csv_header="present")

    assert rows_of(source)["a"] == [None, "", "?", "NA", "nan", "null", " "]


def test_a_byte_order_mark_is_not_part_of_the_first_name(open_csv):
    assert open_csv(b"\xef\xbb\xbfage,sex\n1,m\n").column_names == ("age", "sex")


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_lines_end_as_they_like_and_the_last_one_need_not(open_csv, end):
    source = open_csv(end.join([b"age,sex", b"1,m", b"2,f"]))

    assert rows_of(source) == {"age": ["1", "2"], "sex": ["m", "f"]}


def test_a_quoted_field_holds_commas_quotes_and_line_breaks(open_csv):
    source = open_csv(b'a,b\n1,"x, ""y""\nz"\n2,w\n')

    assert rows_of(source)["b"] == ['x, "y"\nz', "w"]


def test_line_breaks_inside_quotes_survive_the_end_of_a_block(open_csv):
    field = "\n" * 97
    n = formats.BLOCK_BYTES // 100 * 2           # rows of 102 bytes, nearly all of them line breaks

    rows = rows_of(open_csv(b"a\n" + f'"x{field}"\n'.encode() * n, csv_header="present"))

    assert rows["a"] == ["x" + field] * n


def test_a_quoted_header_with_a_line_break_is_one_header(open_csv):
    source = open_csv(b'"age\nin years",sex\n1,m\n')

    assert source.column_names == ("age\nin years", "sex")
    assert rows_of(source)["sex"] == ["m"]


def test_unicode_survives(open_csv):
    source = open_csv("città,性別\nÅrhus,女\n".encode(), csv_header="present")

    assert rows_of(source) == {"città": ["Århus"], "性別": ["女"]}


def test_blank_lines_are_no_rows(open_csv):
    assert rows_of(open_csv(b"a,b\n\n1,2\n\n\n3,4\n\n"))["a"] == ["1", "3"]


def test_a_gz_file_is_unpacked(open_csv):
    assert rows_of(open_csv(gzip.compress(b"a,b\n1,2\n"), "rows.csv.gz")) == {"a": ["1"], "b": ["2"]}


def test_ragged_rows_are_counted_and_the_first_ones_are_named(open_csv):
    good, long, short = b"1,2\n", b"1,2,3\n", b"1\n"
    source = open_csv(b"a,b\n" + good + long + good + short + 6 * long, csv_header="present")

    with pytest.raises(DataError) as caught:
        rows_of(source)

    problem = caught.value.problems[0]
    assert problem.code == "DATA-RAGGED"
    assert problem.received == (
        "8 rows with another number of fields: row 3 has 3, row 5 has 1, row 6 has 3, row 7 has 3, row 8 has 3, ..."
    )
    assert problem.allowed == "2 fields in every row"


def test_a_ragged_row_behind_the_first_block_keeps_its_number(open_csv):
    n = formats.BLOCK_BYTES // 8 * 3        # lines of 8 bytes: three blocks
    source = open_csv(b"a,b\n" + b"123,456\n" * n + b"1,2,3\n", csv_header="present")

    with pytest.raises(DataError, match=f"1 rows with another number of fields: row {n + 2} has 3 "):
        rows_of(source)


def test_bytes_that_are_not_utf8_are_named_with_their_column(open_csv):
    with pytest.raises(DataError, match=r"(?s)column #1.*\[DATA-ENCODING\].*UTF-8"):
        open_csv("a,b\n1,Århus\n".encode("latin-1"))


def test_a_quote_that_is_never_closed_in_a_large_file_is_an_error_not_one_long_field(open_csv):
    source = open_csv(b"a,b\n" * (formats.SAMPLE_BYTES // 4 + 1) + b'1,"open\n' + b"1,2\n" * (2 * formats.BLOCK_BYTES))

    with pytest.raises(DataError, match=r"\[DATA-(CSV|RAGGED)\]"):
        rows_of(source)


@pytest.mark.parametrize("content", [b"\n\n\n", b"\xef\xbb\xbf"])
def test_a_file_without_a_line_is_empty(open_csv, content):
    with pytest.raises(DataError, match="DATA-EMPTY"):
        open_csv(content)


def test_a_prefix_is_read_in_the_order_of_its_names_and_empty_files_are_reported(write_file, tmp_path):
    for name, content in (("b/2.csv", b"x\n2\n"), ("a/1.csv", b"x\n1\n"), ("c.csv", b"x\n3\n"), ("d.csv", b"")):
        write_file(content, name)
    write_file(b"", "_SUCCESS")

    source = open_source(str(tmp_path), dataset_type="text/csv")

    assert rows_of(source) == {"x": ["1", "2", "3"]}
    assert "DATA-EMPTY-FILE" in [notice.code for notice in source.notices]


@pytest.mark.parametrize(
    ("second", "received"), [(b"a,c\n1,2\n", r"first line \('a', 'c'\)"), (b"a,b,c\n1,2,3\n", "received 3 columns")]
)
def test_files_with_other_columns_are_refused_and_both_sides_are_named(write_file, tmp_path, second, received):
    write_file(b"a,b\n1,2\n", "1.csv")
    write_file(second, "2.csv")
    source = open_source(str(tmp_path), dataset_type="text/csv")

    with pytest.raises(DataError, match=rf"(?s)2\.csv: .*{received}.*\[DATA-SCHEMA\].*a.*b"):
        rows_of(source)


def test_parquet_files_with_other_columns_are_refused_and_both_sides_are_named(tmp_path):
    pq.write_table(pa.table({"age": [1], "sex": ["m"]}), tmp_path / "1.parquet")
    pq.write_table(pa.table({"age": [1], "gender": ["m"]}), tmp_path / "2.parquet")
    source = open_source(str(tmp_path), dataset_type="application/x-parquet")

    with pytest.raises(DataError, match=r"(?s)2\.parquet: received age, gender .*\[DATA-SCHEMA\].*age, sex"):
        rows_of(source)


def test_parquet_columns_are_found_by_name_whatever_their_order(tmp_path):
    pq.write_table(pa.table({"age": [1], "education.num": [2]}), tmp_path / "1.parquet")
    pq.write_table(pa.table({"education.num": [4], "age": [3]}), tmp_path / "2.parquet")

    rows = rows_of(open_source(str(tmp_path), dataset_type="application/x-parquet"))

    assert rows == {"age": [1, 3], "education.num": [2, 4]}


def test_a_csv_file_is_no_parquet_file(write_file):
    with pytest.raises(DataError, match=r"\[DATA-PARQUET\]"):
        open_source(write_file(b"a,b\n1,2\n" * 10), dataset_type="application/x-parquet")


def test_parquet_headers_must_be_the_files_own_names(tmp_path):
    uri = str(tmp_path / "rows.parquet")
    pq.write_table(pa.table({"age": [1], "sex": ["m"]}), uri)

    assert open_source(uri, dataset_type="application/x-parquet", headers=["age", "sex"]).notices == ()
    with pytest.raises(DataError, match=r"(?s)DATA-HEADERS.*Parquet files name their columns themselves"):
        open_source(uri, dataset_type="application/x-parquet", headers=["sex", "age"])


def test_a_dataset_type_we_do_not_read_is_named_with_those_we_do(write_file):
    with pytest.raises(DataError, match=r"(?s)dataset_type: received application/x-image .*text/csv"):
        open_source(write_file(b"a\n1\n"), dataset_type="application/x-image")
