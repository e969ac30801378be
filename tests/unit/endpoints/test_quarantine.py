"""Poison rows found by halving, with an endpoint in this process that counts what it is asked."""

from __future__ import annotations

import math

import numpy as np
import pytest

from clarify.endpoints.base import Answer, ModelMetadata
from clarify.endpoints.in_process import InProcessEndpoint
from clarify.endpoints.quarantine import is_row_failure, predict_or_quarantine
from clarify.errors import BadPrediction, EndpointUnavailable, Problem
from clarify.features import FeatureColumn, Features

COLUMNS = (FeatureColumn("a", "float"), FeatureColumn("b", "float"))
POISON = -1.0


def rows(n: int, poison: tuple[int, ...] = ()) -> Features:
    values = np.arange(2.0 * n).reshape(n, 2)
    values[list(poison), 0] = POISON
    return Features(COLUMNS, values)


def raised(code: str, received: str = "ValueError: poison") -> BadPrediction:
    return BadPrediction(Problem(code, "model", received, "an answer"))


class Counting:
    """Sums its columns; raises when a row is poison; counts the requests."""

    def __init__(self, error: Exception | None = None, n_scores: int = 1) -> None:
        self.requests = 0
        self.error = error or raised("ENDPOINT-MODEL-RAISED")
        self.n_scores = n_scores

    def endpoint(self) -> InProcessEndpoint:
        return InProcessEndpoint(self.answer, ModelMetadata("in_process", "score", ("x",) * self.n_scores))

    def answer(self, features: Features) -> Answer:
        self.requests += 1
        if (features.values[:, 0] == POISON).any():
            raise self.error
        return Answer(np.repeat(features.values.sum(axis=1)[:, None], self.n_scores, axis=1), None)


def test_while_every_row_is_answered_no_request_is_added():
    model = Counting()

    got = predict_or_quarantine(model.endpoint(), rows(5000), most_failures=3)

    assert model.requests == 1
    assert got.failures == ()
    np.testing.assert_array_equal(got.predictions.scores[:, 0], rows(5000).values.sum(axis=1))


@pytest.mark.parametrize("poison", [(0,), (4095,), (2048,), (1, 2), (100, 101, 3000), tuple(range(0, 4096, 500))])
def test_exactly_the_poison_rows_are_found_in_at_most_two_requests_for_each_halving(poison):
    model = Counting()
    asked = rows(4096, poison)
    expected = asked.values.sum(axis=1)
    expected[list(poison)] = np.nan

    got = predict_or_quarantine(model.endpoint(), asked, most_failures=10)

    assert tuple(failure.row for failure in got.failures) == poison
    np.testing.assert_array_equal(got.predictions.scores[:, 0], expected)
    assert model.requests <= 1 + 2 * len(poison) * math.log2(4096)


def test_the_half_that_must_hold_the_poison_is_not_asked_whole():
    model = Counting()

    predict_or_quarantine(model.endpoint(), rows(4096, (4095,)), most_failures=1)

    # The first halves of 2,048, 1,024, ..., 1 rows are well: 12 requests, then the last row itself, after the first.
    assert model.requests == 1 + 12 + 1


def test_one_row_that_spoils_every_score_of_its_request_is_set_aside_alone():
    def spoiled(features: Features) -> np.ndarray:
        scores = features.values.sum(axis=1)
        return scores if (features.values[:, 0] != POISON).all() else np.full(len(scores), np.nan)

    got = predict_or_quarantine(InProcessEndpoint.of_function(spoiled), rows(1000, (321,)), most_failures=2)

    assert [(failure.row, failure.code) for failure in got.failures] == [(321, "ENDPOINT-NOT-FINITE")]
    assert np.flatnonzero(np.isnan(got.predictions.scores[:, 0])).tolist() == [321]


def test_an_infinite_score_becomes_missing_and_its_value_is_told():
    endpoint = InProcessEndpoint.of_function(lambda f: np.where(f.values[:, 0] == POISON, np.inf, 1.0))

    got = predict_or_quarantine(endpoint, rows(100, (7,)), most_failures=1)

    assert [(failure.row, failure.reason) for failure in got.failures] == [(7, "inf")]
    assert np.isnan(got.predictions.scores[7, 0])


def test_too_many_poison_rows_end_the_search_early():
    model = Counting()

    with pytest.raises(BadPrediction, match=r"more than 2 of 4096 rows failed"):
        predict_or_quarantine(model.endpoint(), rows(4096, tuple(range(4096))), most_failures=2)

    assert model.requests <= 1 + 2 * 3 * math.log2(4096)


def test_nothing_but_poison_keeps_the_models_outputs():
    got = predict_or_quarantine(Counting(n_scores=3).endpoint(), rows(2, (0, 1)), most_failures=2)

    assert got.predictions.scores.shape == (2, 3)
    assert np.isnan(got.predictions.scores).all()


def test_a_server_that_is_gone_is_not_mistaken_for_poison():
    model = Counting(EndpointUnavailable(Problem("ENDPOINT-UNAVAILABLE", "endpoint.url", "u", "an answer")))

    with pytest.raises(EndpointUnavailable):
        predict_or_quarantine(model.endpoint(), rows(100, (5,)), most_failures=5)

    assert model.requests == 1


@pytest.mark.parametrize(
    ("code", "received", "by_a_row"),
    [
        ("ENDPOINT-MODEL-RAISED", "ValueError", True), ("ENDPOINT-STATUS", "500", True),
        ("ENDPOINT-STATUS", "422", True), ("ENDPOINT-STATUS", "401", False), ("ENDPOINT-STATUS", "404", False),
        ("ENDPOINT-ROWS", "3 answers for 4 rows", False), ("ENDPOINT-TOO-LARGE", "413", False),
        ("ENDPOINT-FORMAT", "<html>", False),
    ],
)
def test_only_what_a_row_can_cause_is_halved(code, received, by_a_row):
    model = Counting(raised(code, received))

    assert is_row_failure(model.error) is by_a_row
    if not by_a_row:
        with pytest.raises(BadPrediction, match=code):
            predict_or_quarantine(model.endpoint(), rows(100, (5,)), most_failures=5)
        assert model.requests == 1
