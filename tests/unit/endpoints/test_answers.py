"""Labels and scores found in an answer by JMESPath, key or position."""

from __future__ import annotations

import json

import numpy as np
import pytest

from clarify.endpoints.answers import number_words, read_csv_answer, read_json_answer
from clarify.errors import BadPrediction, ConfigError

NAN = float("nan")


def read(document: object, n_rows: int, **places: object):
    return read_json_answer(json.dumps(document).encode(), n_rows, **places)


def lines(*documents: object) -> bytes:
    return b"\n".join(json.dumps(document).encode() for document in documents)


@pytest.mark.parametrize(
    ("document", "place"),
    [
        ({"predictions": [{"score": 0.25}, {"score": 0.5}]}, "predictions[*].score"),
        ({"predictions": [{"score": 0.25}, {"score": 0.5}]}, "predictions[].score"),
        ({"predictions": [{"score": 0.25}, {"score": 0.5}]}, "score"),
        ({"predictions": [{"out": {"score": 0.25}}, {"out": {"score": 0.5}}]}, "predictions[*].out.score"),
        ({"predictions": [{"out": {"score": 0.25}}, {"out": {"score": 0.5}}]}, "out.score"),
        ({"predictions": [{"p": [0.75, 0.25]}, {"p": [0.5, 0.5]}]}, "predictions[*].p[1]"),
        ({"out": {"scores": [0.25, 0.5]}}, "out.scores"),
        ({"scores": [0.25, 0.5], "predictions": [1, 0]}, "scores"),
        ([{"score": 0.25}, {"score": 0.5}], "[*].score"),
        ([{"score": 0.25}, {"score": 0.5}], "score"),
        ([[0, 0.25], [1, 0.5]], "[*][1]"),
        ([[0, 0.25], [1, 0.5]], 1),
        ({"a": [[{"s": 0.25}], [{"s": 0.5}]]}, "a[].s"),
        ({"predictions": [{"my score": 0.25}, {"my score": 0.5}]}, "my score"),
        ({"predictions": [{"my score": 0.25}, {"my score": 0.5}]}, 'predictions[*]."my score"'),
    ],
)
def test_a_place_in_a_document_gives_one_score_a_row(document, place):
    np.testing.assert_array_equal(read(document, 2, probability=place).scores, [[0.25], [0.5]])


@pytest.mark.parametrize(
    ("row", "place"),
    [(lambda s: {"score": s}, "score"), (lambda s: {"a": {"s": s}}, "a.s"), (lambda s: {"p": [0, s]}, "p[1]"),
     (lambda s: [0, s], "[1]"), (lambda s: [0, s], 1), (lambda s: {"predictions": [{"s": s}]}, "predictions[0].s")],
)  # fmt: skip
def test_a_place_in_json_lines_is_looked_for_on_every_line(row, place):
    got = read_json_answer(lines(row(0.25), row(0.5)), 2, probability=place)

    np.testing.assert_array_equal(got.scores, [[0.25], [0.5]])


@pytest.mark.parametrize(
    ("document", "place", "scores"),
    [
        ({"score": 0.25}, "score", [[0.25]]), ({"scores": [0.25, 0.75]}, "scores", [[0.25, 0.75]]),
        ({"predictions": [{"score": 0.25}]}, "predictions[*].score", [[0.25]]), ([0.25, 0.75], None, [[0.25, 0.75]]),
        (0.25, None, [[0.25]]), ({"predictions": [[0.25, 0.75]]}, None, [[0.25, 0.75]]), ([0.25], None, [[0.25]]),
    ],
)  # fmt: skip
def test_the_answer_to_one_row_may_be_the_row_itself(document, place, scores):
    np.testing.assert_array_equal(read(document, 1, probability=place).scores, scores)


@pytest.mark.parametrize("place", ["predictions[*].score", "predictions[*].score | @", "score"])
def test_a_null_score_keeps_its_row(place):
    document = {"predictions": [{"score": None}, {"score": 0.5}, {}]}
    if "|" in place:
        with pytest.raises(BadPrediction, match="ENDPOINT-ROWS"):            # jmespath itself drops nulls
            read(document, 3, probability=place)
    else:
        np.testing.assert_array_equal(read(document, 3, probability=place).scores, [[NAN], [0.5], [NAN]])


def test_label_and_probability_are_both_kept():
    document = {"predictions": [{"predicted_label": 1, "score": 0.8}, {"predicted_label": 0, "score": 0.1}]}

    got = read(document, 2, label="predictions[*].predicted_label", probability="predictions[*].score")

    assert got.labels == ("1", "0")
    np.testing.assert_array_equal(got.scores, [[0.8], [0.1]])


def test_numbers_at_label_alone_are_labels_and_scores_until_someone_knows():
    document = {"predictions": [{"score": 0.8}, {"score": 1.0}]}

    both, labels = (read(document, 2, label="score", label_holds_scores=holds) for holds in (True, False))

    np.testing.assert_array_equal(both.scores, [[0.8], [1.0]])
    assert both.labels == labels.labels == ("0.8", "1")
    assert labels.scores is None


def test_truth_values_and_words_are_labels_alone():
    assert read([{"l": True}, {"l": None}, {"l": "no"}], 3, label="l").labels == ("true", "", "no")
    assert read([{"l": True}, {"l": False}], 2, label="l").scores is None


def test_lists_of_numbers_at_label_alone_are_scores():
    got = read([{"l": [0.2, 0.8]}, {"l": [0.6, 0.4]}], 2, label="l")

    assert got.labels is None
    np.testing.assert_array_equal(got.scores, [[0.2, 0.8], [0.6, 0.4]])


def test_all_class_names_at_label_are_narrowed_to_the_one_with_the_largest_score():
    got = read_json_answer(
        lines({"l": ["cat", "dog"], "p": [0.2, 0.8]}, {"l": ["dog", "cat"], "p": [0.9, 0.1]}), 2,
        label="l", probability="p",
    )

    assert got.labels == ("dog", "dog")


@pytest.mark.parametrize(
    ("document", "place", "there"),
    [
        ({"predictions": [{"score": 1, "label": 0}, {}]}, "predictions[*].scroe", "predictions[*].score"),
        ({"predictions": [{"score": 1, "label": 0}, {}]}, "scroe", "predictions[*].label"),
        ({"out": {"score": [1, 2]}}, "outt.score", "out.score"),
        ([{"score": 1}, {"score": 2}], "[*].p", "[*].score"),
    ],
)
def test_a_path_that_finds_nothing_says_which_there_are(document, place, there):
    with pytest.raises(BadPrediction) as caught:
        read(document, 2, probability=place)

    (problem,) = caught.value.problems
    assert (problem.code, problem.field, problem.received) == ("ENDPOINT-PATH", "predictor.probability", place)
    assert there in problem.hint


@pytest.mark.parametrize("place", ["predictions[*].score", "score", "predictions[?score > `0`].score"])
def test_a_wrong_count_is_refused_wherever_the_scores_sit(place):
    document = {"predictions": [{"score": 1}, {"score": 2}]}

    with pytest.raises(BadPrediction, match=r"2 answers for 3 rows  \[ENDPOINT-ROWS\]"):
        read(document, 3, probability=place)


@pytest.mark.parametrize("value", [{"a": 1}, "high", [[1]]])
def test_what_is_no_number_is_no_score(value):
    with pytest.raises(BadPrediction, match="ENDPOINT-FORMAT"):
        read([{"s": value}, {"s": value}], 2, probability="s")


def test_an_object_is_no_label():
    with pytest.raises(BadPrediction, match="a label: a text, a number or a truth value"):
        read([{"l": {"a": 1}}, {"l": 1}], 2, label="l")


def test_a_function_that_does_not_fit_the_answer_is_the_answers_fault():
    with pytest.raises(BadPrediction, match="ENDPOINT-PATH"):
        read({"predictions": 1}, 2, probability="join(',', predictions)")


def test_an_expression_that_would_blow_an_answer_up_is_not_run():
    with pytest.raises(ConfigError, match="CFG-JMESPATH"):
        read([1, 2], 2, probability="[@,@]|[]|" * 40 + "@")


def test_csv_numbers_at_label_alone_are_labels_and_scores():
    got = read_csv_answer(b"0.8,x\n1.0,y\n", 2, label=0)
    plain = read_csv_answer(b"0.8,7\n1.0,7\n", 2, label=0)

    assert got.labels == ("0.8", "1.0")
    assert plain.labels == ("0.8", "1")
    np.testing.assert_array_equal(got.scores, plain.scores)


def test_plain_csv_gives_label_and_score_by_position():
    got = read_csv_answer(b"0,0.028986845165491\n1,0.825382471084594\n", 2, label=0, probability=1)

    assert got.labels == ("0", "1")
    np.testing.assert_array_equal(got.scores, [[0.028986845165491], [0.825382471084594]])


def test_numbers_name_classes_without_a_point():
    assert number_words(np.array([1.0, 0.0, 0.5, NAN, 1e20])) == ("1", "0", "0.5", "", "100000000000000000000")
