"""Rows a model cannot take: found by halving, set aside with their reason, so that one does not cost the rest."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

import numpy as np

from clarify.endpoints.base import Endpoint, Predictions
from clarify.endpoints.batching import Part, joined_predictions
from clarify.errors import BadPrediction, Problem
from clarify.features import Features

# What a single row can cause. A wrong count or a garbled answer is the server's fault, and halving would hide it.
ROW_CODES = frozenset({"ENDPOINT-MODEL-RAISED", "ENDPOINT-STATUS", "ENDPOINT-CATEGORY", "ENDPOINT-COLUMN-TYPE"})
# Statuses by which a server may say that it cannot take a row (424: SageMaker's ModelError); 401 or 404 never are.
ROW_STATUSES = frozenset({"400", "422", "424", "500"})


@dataclass(frozen=True)
class RowFailure:
    """One row without a usable answer: its position in the features, the code and the reason."""

    row: int
    code: str
    reason: str


@dataclass(frozen=True)
class QuarantinedPredictions:
    """Predictions for n rows; a failed row has NaN scores and an empty label, and is listed."""

    predictions: Predictions
    failures: tuple[RowFailure, ...]


@runtime_checkable
class AnswersInParts(Protocol):
    """An endpoint that says which of its requests failed, so that only those rows are asked again."""

    def predict_parts(
        self, features: Features, *, keeps: Callable[[BadPrediction], bool], once: bool = False
    ) -> tuple[Part, ...]: ...


def predict_or_quarantine(endpoint: Endpoint, features: Features, *, most_failures: int) -> QuarantinedPredictions:
    """Predictions of the rows that have one, and the list of those that do not.

    A row fails when the model raises on it, whatever its neighbours, or when a score is not finite. While every row
    has an answer this costs nothing: no request more than ``endpoint.predict`` sends. A request that fails is halved
    until its poison rows stand alone, at most ``2 log2(rows of the request)`` requests for each of them; a request
    whose every score is not finite is halved too, as one row may have spoiled its neighbours.

    Raises
    ------
    BadPrediction
        ENDPOINT-FAILED-ROWS, when more than ``most_failures`` rows fail; any code a single row cannot cause.
    EndpointUnavailable
        Passed on: another try may help.
    """
    search = _Search(endpoint, features, most_failures)
    if len(features):
        search.ask(0, len(features))
    search.failures.sort(key=lambda failure: failure.row)
    return QuarantinedPredictions(_assembled(search), tuple(search.failures))


def is_row_failure(error: BadPrediction) -> bool:
    """Whether a single row among those of the request may have caused the error."""
    return all(
        problem.code in ROW_CODES and (problem.code != "ENDPOINT-STATUS" or problem.received in ROW_STATUSES)
        for problem in error.problems
    )


@dataclass(eq=False)
class _Search:
    """The answers and failures found so far."""

    endpoint: Endpoint
    features: Features
    most_failures: int
    answered: list[tuple[int, Predictions]] = field(default_factory=list)
    failures: list[RowFailure] = field(default_factory=list)

    def ask(self, start: int, stop: int, *, once: bool = False) -> bool:
        """Ask for rows, halve what fails; says whether anything did."""
        rows = self.features.with_values(self.features.values[start:stop])
        parts = _parts(self.endpoint, rows, once=once)
        failed = [part for part in parts if not self._takes(start, part)]
        for part in failed:
            self._narrow(start + part.start, start + part.stop, part.outcome)
        return bool(failed)

    def _takes(self, offset: int, part: Part) -> bool:
        """Keep the answers of a part, unless it failed as a whole."""
        if not isinstance(part.outcome, Predictions):
            return False
        lost = _not_finite(part.outcome)
        if len(lost) == part.stop - part.start > 1:
            return False
        self.answered.append((offset + part.start, part.outcome))
        for row in lost:
            self._fail(offset + part.start + row, "ENDPOINT-NOT-FINITE", _scores_as_text(part.outcome, row))
        return True

    def _narrow(self, start: int, stop: int, outcome: Predictions | BadPrediction) -> None:
        """Rows that failed together: a single one is the poison, more are halved."""
        if stop - start == 1 and isinstance(outcome, BadPrediction):
            self._fail(start, outcome.problems[0].code, outcome.problems[0].received)
            return
        while stop - start > 1:
            middle = (start + stop) // 2
            if self.ask(start, middle, once=middle - start > 1):
                break
            start = middle                   # the first half is well, so the second is not: no need to ask it whole
        else:
            middle = start
        self.ask(middle, stop, once=stop - middle > 1)

    def _fail(self, row: int, code: str, reason: str) -> None:
        self.failures.append(RowFailure(row, code, reason))
        if len(self.failures) > self.most_failures:
            raise _too_many(self.failures, self.most_failures, len(self.features))


def _parts(endpoint: Endpoint, features: Features, *, once: bool) -> tuple[Part, ...]:
    """One part a request, or one in all from an endpoint that does not say."""
    if isinstance(endpoint, AnswersInParts):
        return endpoint.predict_parts(features, keeps=is_row_failure, once=once)
    try:
        return (Part(0, len(features), endpoint.predict(features)),)
    except BadPrediction as error:
        if not is_row_failure(error):
            raise
        return (Part(0, len(features), error),)


def _not_finite(predictions: Predictions) -> list[int]:
    if predictions.scores is None:
        return []
    rows: list[int] = np.flatnonzero(~np.isfinite(predictions.scores).all(axis=1)).tolist()
    return rows


def _scores_as_text(predictions: Predictions, row: int) -> str:
    return "" if predictions.scores is None else ", ".join(map(repr, predictions.scores[row].tolist()))


def _assembled(search: _Search) -> Predictions:
    """Every row in its place; a failed one has NaN, not infinity, and no label."""
    if not search.answered:                  # asked for no rows an endpoint tells its outputs without a request
        outputs = search.endpoint.predict(search.features.with_values(search.features.values[:0]))
        return _scattered(outputs, [], search)
    search.answered.sort(key=lambda pair: pair[0])
    joined = joined_predictions([part for _, part in search.answered])
    if not search.failures:
        return joined
    return _scattered(joined, [row for start, part in search.answered for row in _rows_of(start, part)], search)


def _scattered(joined: Predictions, rows: list[int], search: _Search) -> Predictions:
    """Answers of some rows among as many as were asked for."""
    n_rows, lost = len(search.features), [failure.row for failure in search.failures]
    scores, labels = None, None
    if joined.scores is not None:
        scores = np.full((n_rows, joined.scores.shape[1]), np.nan)
        scores[rows] = joined.scores
        scores[lost] = np.nan
    if joined.labels is not None:
        words = np.full(n_rows, "", dtype=object)
        words[rows] = joined.labels
        words[lost] = ""
        labels = tuple(words.tolist())
    return Predictions(scores, labels, joined.output_names)


def _rows_of(start: int, part: Predictions) -> range:
    return range(start, start + (len(part.labels or ()) if part.scores is None else len(part.scores)))


def _too_many(failures: list[RowFailure], most: int, n_rows: int) -> BadPrediction:
    first = min(failures, key=lambda failure: failure.row)
    return BadPrediction(
        Problem(
            "ENDPOINT-FAILED-ROWS", "endpoint.answer", f"more than {most} of {n_rows} rows failed",
            f"at most {most} rows without an answer", f"row {first.row}: {first.code}: {first.reason}",
        )
    )
