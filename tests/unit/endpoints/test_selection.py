from __future__ import annotations

import numpy as np
import pytest

from clarify.endpoints.base import Answer, EndpointSpec, ModelMetadata
from clarify.endpoints.selection import arg_max_labels, positive_column, select_predictions
from clarify.errors import BadPrediction

TWO = Answer(np.array([[0.9, 0.1], [0.2, 0.8]]), None)
THREE = Answer(np.array([[0.1, 0.3, 0.6], [0.5, 0.3, 0.2]]), None)


def classifier(*classes: str) -> ModelMetadata:
    return ModelMetadata("clarify", "probability", classes)


def test_two_probabilities_are_one_score_of_the_second_class():
    got = select_predictions(TWO, classifier("0", "1"), EndpointSpec())

    np.testing.assert_array_equal(got.scores, [[0.1], [0.8]])
    assert (got.labels, got.output_names) == (None, ("label0",))


@pytest.mark.parametrize(
    ("classes", "positive", "column"),
    [
        (("0", "1"), ("0",), 0), (("0", "1"), ("1.0",), 1), (("1", "2"), ("1",), 0), (("1.0", "2.0"), ("1",), 0),
        (("bad", "good"), ("bad",), 0), (("False", "True"), ("false",), 0), (("a", "b"), ("c",), 1),
        (("a", "b"), ("a", "b"), 1), (("a", "b"), (), 1), (("01a", "1"), ("1",), 1),
    ],
)
def test_the_positive_class_is_compared_as_text_and_numbers_as_numbers(classes, positive, column):
    assert positive_column(classes, positive) == column


def test_the_one_output_takes_the_first_header():
    got = select_predictions(TWO, classifier("0", "1"), EndpointSpec(label_headers=("approved",)))

    assert got.output_names == ("approved",)


def test_two_headers_keep_two_outputs_and_the_larger_names_the_label():
    got = select_predictions(TWO, classifier("0", "1"), EndpointSpec(label_headers=("no", "yes")))

    np.testing.assert_array_equal(got.scores, TWO.scores)
    assert (got.labels, got.output_names) == (("no", "yes"), ("no", "yes"))


def test_three_classes_stay_and_the_largest_names_the_label():
    got = select_predictions(THREE, classifier("a", "b", "c"), EndpointSpec())

    assert (got.labels, got.output_names) == (("c", "a"), ("label0", "label1", "label2"))


def test_a_foreign_answer_of_two_columns_is_one_score():
    got = select_predictions(TWO, ModelMetadata("invocations"), EndpointSpec())

    np.testing.assert_array_equal(got.scores, [[0.1], [0.8]])


def test_two_outputs_of_a_regressor_are_two_scores_without_labels():
    got = select_predictions(TWO, ModelMetadata("clarify", "score"), EndpointSpec())

    assert got.scores.shape == (2, 2)
    assert got.labels is None


def test_headers_that_do_not_fit_the_scores_are_refused():
    with pytest.raises(BadPrediction, match=r"received 2 names for 3 scores  \[ENDPOINT-CLASSES\]"):
        select_predictions(THREE, classifier("a", "b", "c"), EndpointSpec(label_headers=("a", "b")))


def test_a_model_that_only_names_classes_gives_labels_and_no_score():
    got = select_predictions(Answer(np.array([[1.0], [0.0]]), None), ModelMetadata("clarify", "label"), EndpointSpec())

    assert (got.scores, got.labels) == (None, ("1", "0"))


def test_a_row_with_a_missing_score_has_no_arg_max():
    assert arg_max_labels(np.array([[0.1, np.nan], [0.1, 0.9]]), ("a", "b")) == ("", "b")
