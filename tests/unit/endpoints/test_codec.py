from __future__ import annotations

import json

import numpy as np
import pyarrow as pa
import pytest

from clarify.endpoints import answers, codec, oip
from clarify.endpoints.base import Answer, TensorSpec
from clarify.errors import BadPrediction, DataError
from clarify.features import FeatureColumn, Features

NAN = float("nan")


def mixed() -> Features:
    columns = (
        FeatureColumn("job", "text", ("nurse", "cook, chef", 'so-called "artist"')),
        FeatureColumn("age", "int"),
        FeatureColumn("owner", "bool"),
        FeatureColumn("income", "float"),
        FeatureColumn("account", "int", (2**53 + 1, 7)),
    )
    return Features(columns, np.array([[0, 41, 1, 1.5, 0], [1, NAN, 0, NAN, 1], [NAN, 0, NAN, -0.25, NAN]]))


def plain() -> Features:
    columns = (FeatureColumn("job", "text", ("nurse", "cook")), FeatureColumn("age", "int"))
    return Features(columns, np.array([[0, 41], [1, 7.0]]))


# --- features out -----------------------------------------------------------------------------------------------------


def test_csv_writes_integers_as_integers_and_missing_as_nothing():
    lines = codec.encode_csv(mixed(), header=False).decode().splitlines()

    assert lines == ['"nurse",41,true,1.5,9007199254740993', '"cook, chef",,false,,7', ",0,,-0.25,"]


def test_csv_quotes_no_text_that_needs_no_quotes():
    assert codec.encode_csv(plain(), header=False) == b"nurse,41\ncook,7\n"


def test_csv_has_a_header_line_when_asked():
    assert codec.encode_csv(plain(), header=True).startswith(b"job,age\n")


def test_csv_tells_an_empty_text_from_a_missing_one():
    columns = (FeatureColumn("job", "text", ("",)), FeatureColumn("n", "int"))
    features = Features(columns, np.array([[0, 1], [NAN, 1.0]]))

    assert codec.encode_csv(features, header=False) == b'"",1\n,1\n'


def test_arrow_keeps_kinds_nulls_and_dictionaries():
    table = pa.ipc.open_stream(codec.encode_arrow(mixed())).read_all()

    assert [str(kind) for kind in table.schema.types] == [
        "dictionary<values=string, indices=int32, ordered=0>", "int64", "bool", "double", "int64",
    ]
    assert table.to_pylist()[2] == {"job": None, "age": 0, "owner": None, "income": -0.25, "account": None}
    assert table["account"][0].as_py() == 2**53 + 1


def test_dataframe_split_names_columns_and_keeps_types():
    document = json.loads(codec.encode_dataframe_split(mixed()))["dataframe_split"]

    assert document["columns"] == ["job", "age", "owner", "income", "account"]
    assert document["data"][1] == ["cook, chef", None, False, None, 7]


@pytest.mark.parametrize("content_type", [codec.CSV, codec.JSON, codec.ARROW_STREAM])
def test_what_the_client_writes_the_server_reads(content_type):
    write = {
        codec.CSV: lambda f: codec.encode_csv(f, header=True),
        codec.JSON: codec.encode_dataframe_split,
        codec.ARROW_STREAM: codec.encode_arrow,
    }[content_type]

    table = codec.read_table(write(mixed()), content_type)

    assert table.to_pylist() == codec.to_table(mixed()).to_pylist()


def test_a_body_that_is_not_what_it_says_is_a_request_error():
    with pytest.raises(DataError, match=r"request\.body: received nonsense  \[ENDPOINT-REQUEST\]"):
        codec.read_table(b"nonsense", codec.ARROW_STREAM)


# --- CSV and JSON answers ---------------------------------------------------------------------------------------------


def test_one_score_per_line():
    got = answers.read_csv_answer(b"0.25\n0.5\n", 2)

    np.testing.assert_array_equal(got.scores, [[0.25], [0.5]])


def test_an_empty_line_is_a_missing_score():
    got = answers.read_csv_answer(b"0.25\n\n0.5\n\n", 3)

    np.testing.assert_array_equal(got.scores, [[0.25], [NAN], [0.5]])


def test_one_line_of_as_many_cells_as_rows_is_read_as_rows():
    assert answers.read_csv_answer(b"0.1,0.2,0.3", 3).scores.shape == (3, 1)


def test_the_papers_multi_class_csv_is_read_by_position():
    got = answers.read_csv_answer(b'C3,"[0.1,0.3,0.6]"\nC1,"[0.5,0.3,0.2]"\n', 2, label=0, probability=1)

    assert got.labels == ("C3", "C1")
    np.testing.assert_array_equal(got.scores, [[0.1, 0.3, 0.6], [0.5, 0.3, 0.2]])


def test_a_quoted_list_of_scores_alone_is_read():
    got = answers.read_csv_answer(b'"[0.1, 0.3, 0.6]"\n', 1, probability=0)

    np.testing.assert_array_equal(got.scores, [[0.1, 0.3, 0.6]])


def test_a_list_of_labels_with_scores_names_the_largest():
    got = answers.read_csv_answer(b"\"['a', 'b']\",\"[0.2, 0.8]\"\n", 1, label=0, probability=1)

    assert got.labels == ("b",)


def test_class_names_are_labels_not_scores():
    got = answers.read_csv_answer(b"yes\nno\n", 2)

    assert (got.scores, got.labels) == (None, ("yes", "no"))


@pytest.mark.parametrize(
    "body", [b'{"predictions": [[0.1, 0.9], [0.5, 0.5]]}', b"[[0.1, 0.9], [0.5, 0.5]]", b"[0.1, 0.9]\n[0.5, 0.5]\n"]
)
def test_json_lists_are_scores(body):
    np.testing.assert_array_equal(answers.read_json_answer(body, 2).scores, [[0.1, 0.9], [0.5, 0.5]])


def test_json_mappings_are_read_by_key():
    body = b'{"predictions": [{"pred": "yes", "out": {"sc": [0.1, 0.9]}}]}'

    got = answers.read_json_answer(body, 1, label="pred", probability="out.sc")

    assert got.labels == ("yes",)
    np.testing.assert_array_equal(got.scores, [[0.1, 0.9]])


def test_json_mappings_without_a_key_name_the_keys_there_are():
    with pytest.raises(BadPrediction, match=r"predictor\.probability: pred, sc"):
        answers.read_json_answer(b'[{"pred": 1, "sc": 0.5}]', 1)


def test_a_null_score_stays_missing():
    np.testing.assert_array_equal(answers.read_json_answer(b"[null, 0.5]", 2).scores, [[NAN], [0.5]])


def test_rows_of_different_width_are_refused():
    with pytest.raises(BadPrediction, match=r"rows with \[1, 2\] scores"):
        answers.read_csv_answer(b"0.1\n0.2,0.3\n", 2)


def test_a_wrong_count_says_both_numbers():
    with pytest.raises(BadPrediction, match=r"2 answers for 3 rows  \[ENDPOINT-ROWS\]"):
        answers.read_csv_answer(b"0.1\n0.2\n", 3)


def test_arrow_answers_come_back():
    scores = np.array([[0.1, 0.9], [NAN, 0.5]])

    got = answers.read_arrow_answer(codec.table_to_stream(codec.answer_to_table(Answer(scores, None))), 2)

    np.testing.assert_array_equal(got.scores, scores)


# --- tensors ----------------------------------------------------------------------------------------------------------


def numeric() -> Features:
    columns = (FeatureColumn("a", "float"), FeatureColumn("b", "int"), FeatureColumn("c", "bool"))
    return Features(columns, np.array([[0.1, 3, 1], [NAN, -7, 0]]))


def test_a_tensor_request_comes_back_bit_for_bit():
    body, length = oip.encode_features(numeric())

    got = oip.read_request(body, length)

    assert (got.names, got.kinds) == (("a", "b", "c"), ("float", "int", "bool"))
    assert got.values.tobytes() == numeric().values.tobytes()


def test_a_tensor_request_is_open_inference_protocol():
    body, length = oip.encode_features(numeric())

    header = json.loads(body[:length])

    assert header["inputs"][0]["shape"] == [2, 3]
    assert header["inputs"][0]["datatype"] == "FP64"
    assert header["inputs"][0]["parameters"]["binary_data_size"] == len(body) - length == 2 * 3 * 8


@pytest.mark.parametrize("answer", [Answer(np.array([[0.5], [NAN]]), None), Answer(None, ("yes", "nö"))])
def test_tensor_answers_come_back(answer):
    body, length = oip.encode_answer(answer, "model", "digest")

    got = oip.read_answer(body, length, 2)

    assert got.labels == answer.labels
    if answer.scores is not None:
        np.testing.assert_array_equal(got.scores, answer.scores)


def test_a_plain_json_tensor_answer_is_read():
    body = b'{"outputs": [{"name": "p", "datatype": "FP32", "shape": [2, 2], "data": [0.5, 0.5, 0.25, 0.75]}]}'

    np.testing.assert_array_equal(oip.read_answer(body, None, 2).scores, [[0.5, 0.5], [0.25, 0.75]])


@pytest.mark.parametrize("change", ["cut", "long", "header"])
def test_a_body_that_does_not_fit_its_header_is_refused(change):
    body, length = oip.encode_answer(Answer(np.array([[0.5], [0.25]]), None), "model", "")
    broken = {"cut": body[:-1], "long": body + b"x", "header": body}[change]

    with pytest.raises(BadPrediction, match="ENDPOINT-FORMAT"):
        oip.read_answer(broken, 10**9 if change == "header" else length, 2)


def test_a_foreign_server_with_one_matrix_gets_its_datatype():
    body, length = oip.encode_foreign(numeric(), (TensorSpec("x", "FP32", 2),))

    assert json.loads(body[:length])["inputs"][0]["datatype"] == "FP32"
    np.testing.assert_array_equal(np.frombuffer(body[length:], "<f4").reshape(2, 3), numeric().values.astype("f4"))


def test_a_foreign_server_with_named_inputs_gets_bytes_for_text_and_floats_for_gaps():
    features = Features(
        (FeatureColumn("job", "text", ("nurse", "cook")), FeatureColumn("age", "int")), np.array([[1, 41], [0, NAN]])
    )
    inputs = (TensorSpec("job", "BYTES", 2), TensorSpec("age", "INT64", 2))

    body, length = oip.encode_foreign(features, inputs)

    listed = json.loads(body[:length])["inputs"]
    assert [(entry["name"], entry["datatype"]) for entry in listed] == [("job", "BYTES"), ("age", "FP64")]
    assert body[length : length + 17] == b"\x04\0\0\0cook\x05\0\0\0nurse"


def test_a_missing_text_has_no_encoding_for_a_foreign_server():
    features = Features((FeatureColumn("job", "text", ("nurse",)), FeatureColumn("n", "int")), np.array([[NAN, 1.0]]))

    with pytest.raises(DataError, match=r"features\.job: received a missing text  \[ENDPOINT-NULL-TEXT\]"):
        oip.encode_foreign(features, (TensorSpec("job", "BYTES", 2), TensorSpec("n", "INT64", 2)))


# --- fractions in integer columns -------------------------------------------------------------------------------------


def test_a_mean_in_an_integer_column_keeps_its_fraction_in_every_format():
    features = Features(plain().columns, np.array([[0, 35.5], [1, NAN]]))

    assert codec.to_table(features)["age"].to_pylist() == [35.5, None]
    assert codec.encode_csv(features, header=False) == b"nurse,35.5\ncook,\n"
    document = json.loads(codec.encode_dataframe_split(features))
    assert document["dataframe_split"]["data"] == [["nurse", 35.5], ["cook", None]]
