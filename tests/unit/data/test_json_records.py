"""What JSON Lines and JSON documents say as rows: columns, types kept, paths, and faults told by line."""

import gzip
import json

import pyarrow as pa
import pytest

from clarify.data import json_records, source
from clarify.data.dataset import iter_batches, stage
from clarify.data.json_records import JsonPaths, inline_records
from clarify.data.profile import profile_source
from clarify.data.source import open_source, read_source_file
from clarify.errors import DataError

LINES = "application/jsonlines"
DOCUMENT = "application/json"


@pytest.fixture
def open_lines(write_file):
    """Write values as JSON Lines, or bytes as they are, and open them."""

    def write_and_open(values, *, features="x", label=None, predicted_label=None, name="rows.jsonl", **options):
        content = values if isinstance(values, bytes) else "\n".join(map(json.dumps, values)).encode()
        paths = JsonPaths(features, label, predicted_label)
        return open_source(write_file(content, name), dataset_type=LINES, paths=paths, **options)

    return write_and_open


@pytest.fixture
def open_document(write_file):
    def write_and_open(value, *, features="[*].x", label=None, name="rows.json", **options):
        content = value if isinstance(value, bytes) else json.dumps(value).encode()
        paths = JsonPaths(features, label)
        return open_source(write_file(content, name), dataset_type=DOCUMENT, paths=paths, **options)

    return write_and_open


def texts_of(opened):
    batches = [batch for file in opened.files for batch in read_source_file(opened, file)]
    return pa.Table.from_batches(batches).to_pydict()


def rows_of(opened, tmp_path):
    """The rows as the steps get them: typed and staged."""
    profile = profile_source(opened)
    dataset = stage(profile.source, profile.kinds, str(tmp_path / "work"))
    return pa.Table.from_batches(list(iter_batches(dataset))).to_pydict()


def problems_of(opened):
    with pytest.raises(DataError) as caught:
        texts_of(opened)
    return {problem.code: problem for problem in caught.value.problems}


# Columns.


def test_columns_are_the_features_then_label_then_predicted_label(open_lines):
    record = {"x": [1, 2], "seen": {"y": 1}, "guess": 0}

    opened = open_lines([record], label="seen.y", predicted_label="guess")

    assert opened.column_names == ("column_0", "column_1", "y", "guess")
    assert texts_of(opened) == {"column_0": ["1"], "column_1": ["2"], "y": ["1"], "guess": ["0"]}


def test_headers_name_features_and_labels_in_that_order(open_lines):
    opened = open_lines([{"x": [1, 2], "y": 1}], label="y", headers=["age", "sex", "Approved"])

    assert opened.column_names == ("age", "sex", "Approved")


def test_headers_that_are_too_few_are_refused_in_aws_words(open_lines):
    with pytest.raises(DataError, match=r"2 headers for 3 columns.*\n.*\n.*Headers in config do not match"):
        open_lines([{"x": [1, 2], "y": 1}], label="y", headers=["age", "sex"])


def test_features_that_are_objects_name_the_columns_in_order_of_appearance(open_lines):
    opened = open_lines([{"x": {"b": 1, "a": 2}}, {"x": {"a": 3, "c": 4}}])

    assert texts_of(opened) == {"b": ["1", None], "a": ["2", "3"], "c": [None, "4"]}


def test_a_label_path_without_a_key_at_its_end_is_called_label(open_lines):
    assert open_lines([{"x": [1], "y": [5, 6]}], label="y[1]").column_names == ("column_0", "label")


def test_records_may_be_lists(open_lines):
    opened = open_lines([[1, "a", 0], [2, "b", 1]], features="[0:2]", label="[2]")

    assert texts_of(opened) == {"column_0": ["1", "2"], "column_1": ["a", "b"], "label": ["0", "1"]}


def test_a_document_gives_one_row_per_record(open_document):
    document = {"instances": [{"features": [1, "m"], "label": 0}, {"features": [2, "f"], "label": 1}]}

    opened = open_document(
        document, features="instances[*].features", label="instances[*].label", headers=["age", "sex", "Target"]
    )

    assert texts_of(opened) == {"age": ["1", "2"], "sex": ["m", "f"], "Target": ["0", "1"]}


def test_records_without_a_label_keep_their_place(open_document):
    # JMESPath leaves nulls out of a projection: labels would move up to other people's rows.
    opened = open_document([{"x": [1], "y": 7}, {"x": [2]}, {"x": [3], "y": 9}], label="[*].y")

    assert texts_of(opened) == {"column_0": ["1", "2", "3"], "y": ["7", None, "9"]}


def test_labels_that_are_not_as_many_as_the_records_are_refused(open_document):
    document = {"x": [[1], [2], [3]], "y": [0, 1]}

    with pytest.raises(DataError, match=r"label: received 'y' finds 2 values for 3 records"):
        texts_of(open_document(document, features="x", label="y"))


def test_lists_of_one_are_labels(open_document):
    opened = open_document([{"x": [1], "y": 7}, {"x": [2]}], label="[*].[y]")

    assert texts_of(opened)["label"] == ["7", None]


# Types.


def test_values_keep_the_types_of_json(open_lines, tmp_path):
    values = [{"x": [1, 40.0, True, "12", None, "a"]}, {"x": [2, 0.5, False, "7", None, None]}]

    opened = open_lines(values)

    assert profile_source(opened).kinds == {
        "column_0": "int", "column_1": "float", "column_2": "bool", "column_3": "text", "column_4": "float",
        "column_5": "text",
    }  # fmt: skip
    assert rows_of(opened, tmp_path) == {
        "column_0": [1, 2], "column_1": [40.0, 0.5], "column_2": [True, False], "column_3": ["12", "7"],
        "column_4": [None, None], "column_5": ["a", None],
    }  # fmt: skip


def test_decimals_without_a_fraction_stay_decimals(open_lines):
    profile = profile_source(open_lines([{"x": [0.0]}, {"x": [1.0]}, {"x": [1e22]}, {"x": [-0.0]}]))

    assert profile.kinds == {"column_0": "float"}


def test_a_type_that_changes_in_a_later_file_counts_for_all_files(tmp_path, write_file):
    for index, value in enumerate([1, 2.5, "3"]):
        write_file(json.dumps({"x": [value, value if index < 2 else 3]}).encode(), f"in/{index}.jsonl")

    opened = open_source(str(tmp_path / "in"), dataset_type=LINES, paths=JsonPaths("x"))

    profile = profile_source(opened)
    assert profile.kinds == {"column_0": "text", "column_1": "float"}
    assert rows_of(opened, tmp_path) == {"column_0": ["1", "2.5", "3"], "column_1": [1.0, 2.5, 3.0]}


def test_a_column_of_strings_and_numbers_is_text_and_the_strings_are_counted(open_lines):
    profile = profile_source(open_lines([{"x": [value]} for value in ("1", 2, True, None, "x")]))

    (notice,) = profile.notices
    assert profile.kinds == {"column_0": "text"}
    assert [item.value for item in profile.columns[0].values] == ["1", "2", "true", "x"]
    assert notice.code == "DATA-JSON-MIXED"
    assert "2 of 4 values are strings" in notice.message


def test_a_column_of_strings_that_look_like_numbers_gives_no_notice(open_lines):
    profile = profile_source(open_lines([{"x": ["1"]}, {"x": [None]}]))

    assert profile.notices == ()
    assert profile.columns[0].reading == "strings in JSON"


def test_whole_numbers_of_64_bits_are_exact(open_lines, tmp_path):
    rows = rows_of(open_lines([{"x": [2**63 - 1]}, {"x": [-(2**63)]}]), tmp_path)

    assert rows == {"column_0": [2**63 - 1, -(2**63)]}


def test_tokens_that_are_no_json_numbers_are_null_and_counted(open_lines):
    profile = profile_source(open_lines(b'{"x": [1.5, NaN]}\n{"x": [Infinity, -Infinity]}\n{"x": [2.5, 1.0]}'))

    (notice,) = profile.notices
    assert [column.nulls for column in profile.columns] == [1, 2]
    assert (notice.code, notice.message.split()[0]) == ("DATA-JSON-NAN", "3")


def test_of_a_repeated_key_the_last_value_stays(open_lines):
    assert texts_of(open_lines(b'{"x": [1], "x": [2]}')) == {"column_0": ["2"]}


# Files.


def test_blank_lines_byte_order_mark_and_line_ends_are_no_records(open_lines):
    opened = open_lines(b'\xef\xbb\xbf{"x": [1]}\r\n\r\n{"x": [2]}\n  \n{"x": [3]}')

    assert texts_of(opened) == {"column_0": ["1", "2", "3"]}


def test_lines_survive_the_end_of_a_block(open_lines, monkeypatch):
    monkeypatch.setattr(json_records, "BLOCK_BYTES", 100)

    assert texts_of(open_lines([{"x": [i, "é" * 10]} for i in range(50)]))["column_0"] == [str(i) for i in range(50)]


def test_packed_files_are_unpacked(open_lines, open_document):
    lines, document = gzip.compress(b'{"x": [1]}\n'), gzip.compress(b'[{"x": [1]}]')

    assert texts_of(open_lines(lines, name="rows.jsonl.gz")) == {"column_0": ["1"]}
    assert texts_of(open_document(document, name="rows.json.gz")) == {"column_0": ["1"]}


def test_documents_below_a_prefix_are_one_dataset(tmp_path, write_file):
    for index in range(3):
        write_file(json.dumps([{"x": [index]}, {"x": [index + 10]}]).encode(), f"in/{index}.json")

    opened = open_source(str(tmp_path / "in"), dataset_type=DOCUMENT, paths=JsonPaths("[*].x"))

    assert texts_of(opened)["column_0"] == ["0", "10", "1", "11", "2", "12"]


# Faults.


def test_a_truncated_last_line_is_told_with_its_number(open_lines):
    problem = problems_of(open_lines(b'{"x": [1]}\n\n{"x": [2]}\n{"x": [3'))["DATA-JSON-LINE"]

    assert problem.received.startswith("1 line not JSON: line 4 (unexpected end of data")


def test_every_fault_is_counted_and_the_first_ones_are_told(open_lines):
    bad = [{"x": [1, 2, 3]}] * 7 + [{"y": [1, 2]}, {"x": [1, [2]]}, {"x": [{"a": 1}, 2]}]

    found = problems_of(open_lines([{"x": [1, 2]}, *bad]))

    assert found["DATA-RAGGED"].received == (
        "7 lines with other features than the first: " + ", ".join(f"line {n} has 3" for n in range(2, 7)) + ", ..."
    )
    assert found["DATA-JSON-PATH"].received == "1 line without features: line 9 has nothing"
    assert found["DATA-JSON-VALUE"].received == (
        "values that are lists or objects, 2 in all: line 11 has an object with the keys 'a' in 'column_0', "
        "line 10 has a list of 1 in 'column_1'"
    )


def test_a_key_that_comes_late_is_ragged(open_lines, monkeypatch):
    monkeypatch.setattr(json_records, "BLOCK_BYTES", 32)

    problem = problems_of(open_lines([{"x": {"a": 1}}, {"x": {"a": 2, "b": 3}}]))["DATA-RAGGED"]

    assert problem.received.endswith("line 2 has also 'b'")


@pytest.mark.parametrize(
    ("record", "found", "told"),
    [
        ({"y": 1}, "nothing in the first 1 lines", "Data must contain features."),
        ({"x": "1,2"}, "the text '1,2'", "Data must contain features."),
        ({"x": 5}, "the number 5", "Data must contain features."),
        ({"x": []}, "a list of 0", "Data must contain features."),
        ({"x": {}}, "an object without keys", "Feature names not found."),
    ],
)
def test_features_that_are_none_are_refused_in_aws_words(open_lines, record, found, told):
    with pytest.raises(DataError) as caught:
        open_lines([record])

    (problem,) = caught.value.problems
    assert (problem.code, problem.field) == ("DATA-JSON-PATH", "features")
    assert found in problem.received
    assert told in problem.allowed


def test_a_label_path_that_finds_nothing_is_refused(open_lines):
    with pytest.raises(DataError, match=r"label: received 'z' finds nothing in the first 2 lines"):
        open_lines([{"x": [1], "y": 1}] * 2, label="z")


def test_a_document_whose_path_gives_no_list_is_refused(open_document):
    with pytest.raises(DataError, match=r"features: received 'rows' finds an object with the keys 'a'"):
        open_document({"rows": {"a": 1}}, features="rows")


def test_a_path_that_cannot_work_on_a_record_is_told(open_lines):
    with pytest.raises(DataError, match="DATA-JSON-PATH"):
        open_lines([{"x": 5}], features="keys(x)")


def test_a_document_that_is_none_is_told_with_its_place(open_document):
    with pytest.raises(DataError, match=r"unexpected end of data: line 1 column 10.*DATA-JSON\]"):
        open_document(b'[{"x": [1')


def test_a_document_read_as_lines_is_told_what_to_do(open_lines):
    with pytest.raises(DataError, match="a document over several lines is dataset_type application/json"):
        open_lines(json.dumps([{"x": [1]}], indent=1).encode())


@pytest.mark.parametrize("opening", ["open_lines", "open_document"])
def test_ten_thousand_levels_are_refused(opening, request):
    with pytest.raises(DataError, match="depth limit"):
        request.getfixturevalue(opening)(b"[" * 10_000 + b"]" * 10_000)


def test_a_line_beyond_the_limit_is_refused(open_lines):
    long = b'{"x": ["' + b"a" * (4 * 1024 * 1024) + b'"]}'

    with pytest.raises(DataError, match=r"line 2: over 4 MiB.*DATA-JSON-SIZE"):
        texts_of(open_lines(b'{"x": ["a"]}\n' + long + b"\n"))


def test_a_document_beyond_the_limit_is_refused_packed_or_not(open_document, monkeypatch):
    monkeypatch.setattr(json_records, "MAX_DOCUMENT_BYTES", 1_000)
    content = json.dumps([{"x": [1]}] * 1_000).encode()

    for given, name in ((content, "rows.json"), (gzip.compress(content), "rows.json.gz")):
        with pytest.raises(DataError, match=r"over 1,000 bytes.*DATA-JSON-SIZE"):
            open_document(given, name=name)


@pytest.mark.parametrize(("dataset_type", "name"), [(LINES, "rows.jsonl.gz"), ("text/csv", "rows.csv.gz")])
def test_a_packed_file_that_unpacks_without_end_is_refused(write_file, monkeypatch, dataset_type, name):
    monkeypatch.setattr(source, "MOST_UNPACKED", 100_000)
    monkeypatch.setattr(source, "MOST_RATIO", 2)
    line = b'{"x": [1]}\n' if dataset_type == LINES else b"1,2\n"
    uri = write_file(gzip.compress(line * 1_000_000), name)

    with pytest.raises(DataError, match="DATA-GZIP-SIZE"):
        texts_of(open_source(uri, dataset_type=dataset_type, paths=JsonPaths("x")))


def test_a_file_of_nothing_but_blanks_has_no_record(open_lines):
    with pytest.raises(DataError, match=r"no record.*DATA-EMPTY"):
        open_lines(b"\n \n")


# Records inside a config.


def test_records_of_a_config_are_read_like_the_dataset():
    lines = inline_records(
        ({"x": [1, "a"]}, {"x": [2, None]}), field="baseline", kind="jsonlines", features="x", names=["n", "t"]
    )
    document = inline_records(
        {"rows": [{"x": [1, "a"]}, {"x": [2, None]}]}, field="baseline", kind="json", features="rows[*].x",
        names=["n", "t"],
    )  # fmt: skip

    assert lines.to_pydict() == document.to_pydict() == {"n": ["1", "2"], "t": ["a", None]}


def test_a_record_of_a_config_with_too_many_values_is_refused():
    with pytest.raises(DataError, match=r"headers: received 1 headers for 2 columns in baseline"):
        inline_records(({"x": [1, 2]},), field="baseline", kind="jsonlines", features="x", names=["n"])
