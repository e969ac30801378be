"""Rows a model cannot take: found by halving, set aside with their reason, so that one does not cost the rest."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from clarify.endpoints.base import Endpoint, Predictions
from clarify.errors import BadPrediction, Problem
from clarify.features import Features

# What a single row can cause. A wrong count or a garbled answer is the server's fault, and halving would hide it.
ROW_CODES = frozenset({"ENDPOINT-MODEL-RAISED", "ENDPOINT-STATUS", "ENDPOINT-CATEGORY", "ENDPOINT-COLUMN-TYPE"})


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


def predict_or_quarantine(endpoint: Endpoint, features: Features, *, most_failures: int) -> QuarantinedPredictions:
    """Predictions of the rows that have one, and the list of those that do not.

    A row fails when the model raises on it, whatever its neighbours, or when a score is not finite.

    Raises
    ------
    BadPrediction
        ENDPOINT-FAILED-ROWS, when more than ``most_failures`` rows fail; any code a single row cannot cause.
    EndpointUnavailable
        Passed on: another try may help.
    """
    failures: list[RowFailure] = []
    answered: list[tuple[int, Predictions]] = []
    pending = [(0, len(features))]
    while pending:
        start, stop = pending.pop()
        part = features.with_values(features.values[start:stop])
        try:
            predictions = endpoint.predict(part)
        except BadPrediction as error:
            if not ROW_CODES.issuperset(problem.code for problem in error.problems):
                raise
            if stop - start > 1:
                middle = (start + stop) // 2
                pending += [(middle, stop), (start, middle)]
                continue
            failures.append(RowFailure(start, error.problems[0].code, error.problems[0].received))
        else:
            answered.append((start, predictions))
            failures += _not_finite(start, predictions)
        if len(failures) > most_failures:
            raise _too_many(failures, most_failures, len(features))
    failures.sort(key=lambda failure: failure.row)
    return QuarantinedPredictions(_assembled(answered, len(features)), tuple(failures))


def _not_finite(start: int, predictions: Predictions) -> list[RowFailure]:
    if predictions.scores is None:
        return []
    rows = np.flatnonzero(~np.isfinite(predictions.scores).all(axis=1)).tolist()
    return [
        RowFailure(start + row, "ENDPOINT-NOT-FINITE", ", ".join(map(repr, predictions.scores[row].tolist())))
        for row in rows
    ]


def _assembled(answered: list[tuple[int, Predictions]], n_rows: int) -> Predictions:
    if len(answered) == 1 and _length(answered[0][1]) == n_rows:
        return answered[0][1]
    if not answered:
        return Predictions(np.full((n_rows, 1), np.nan), None, ("label0",))
    first = answered[0][1]
    scores = None if first.scores is None else np.full((n_rows, first.scores.shape[1]), np.nan)
    labels = None if first.labels is None else [""] * n_rows
    for start, part in answered:
        if scores is not None and part.scores is not None:
            scores[start : start + len(part.scores)] = part.scores
        if labels is not None and part.labels is not None:
            labels[start : start + len(part.labels)] = part.labels
    return Predictions(scores, None if labels is None else tuple(labels), first.output_names)


def _length(predictions: Predictions) -> int:
    return len(predictions.labels or ()) if predictions.scores is None else len(predictions.scores)


def _too_many(failures: list[RowFailure], most: int, n_rows: int) -> BadPrediction:
    first = min(failures, key=lambda failure: failure.row)
    return BadPrediction(
        Problem(
            "ENDPOINT-FAILED-ROWS", "endpoint.answer", f"more than {most} of {n_rows} rows failed",
            f"at most {most} rows without an answer", f"row {first.row}: {first.code}: {first.reason}",
        )
    )
