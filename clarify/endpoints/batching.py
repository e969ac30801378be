"""How rows become requests and answers become one again: never fewer than 64 rows in a request."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from clarify.endpoints.base import Answer, Predictions
from clarify.errors import BadPrediction, Problem
from clarify.features import Features

# Logistic regression answers differently in batches of one on a quarter of rows; nothing did from 64 rows up.
FEWEST_ROWS = 64
MOST_ROWS = 20_000
MOST_TENSOR_BYTES = 16 * 1024 * 1024
# Containers behind AWS's runtime refuse bodies of more than 6 MB; a CSV cell takes about 20 bytes.
MOST_TEXT_CELLS = 250_000


@dataclass(frozen=True)
class Part:
    """What became of rows ``start`` to ``stop`` of a call, asked in one request."""

    start: int
    stop: int
    outcome: Predictions | BadPrediction


def rows_per_request(n_columns: int, *, as_text: bool) -> int:
    """Rows of one request by width alone: 20,000, or fewer when the table is wide."""
    by_width = MOST_TEXT_CELLS // max(n_columns, 1) if as_text else MOST_TENSOR_BYTES // (8 * max(n_columns, 1))
    return max(FEWEST_ROWS, min(MOST_ROWS, by_width))


def requests_of(features: Features, most_rows: int) -> Iterator[tuple[Features, int]]:
    """Consecutive slices and the number of true rows in each; a short one is padded with its last row."""
    for start in range(0, len(features), most_rows):
        rows = features.values[start : start + most_rows]
        yield padded(features.with_values(rows)), len(rows)


def padded(features: Features) -> Features:
    """The same rows, the last one repeated until there are 64."""
    missing = FEWEST_ROWS - len(features)
    if missing <= 0:
        return features
    tail = np.repeat(features.values[-1:], missing, axis=0)
    return features.with_values(np.concatenate([features.values, tail]))


def cut(answer: Answer, n_rows: int) -> Answer:
    """The answer without the rows of the padding."""
    return Answer(
        None if answer.scores is None else answer.scores[:n_rows],
        None if answer.labels is None else answer.labels[:n_rows],
    )


def joined(answers: list[Answer]) -> Answer:
    """Answers of consecutive requests as one."""
    if len(answers) == 1:
        return answers[0]
    scores = [answer.scores for answer in answers if answer.scores is not None]
    labels = [answer.labels for answer in answers if answer.labels is not None]
    return Answer(
        np.concatenate(scores) if len(scores) == len(answers) else None,
        tuple(label for part in labels for label in part) if len(labels) == len(answers) else None,
    )


def joined_predictions(parts: Sequence[Predictions]) -> Predictions:
    """Predictions of consecutive requests as one.

    Raises
    ------
    BadPrediction
        ENDPOINT-OUTPUTS, when the requests were answered with different outputs.
    """
    first = parts[0]
    if len(parts) == 1:
        return first
    outputs = {_outputs(part) for part in parts}
    if len(outputs) > 1:
        raise BadPrediction(
            Problem(
                "ENDPOINT-OUTPUTS", "endpoint.answer", " and ".join(sorted(str(names) for names, *_ in outputs)),
                "the same outputs for all rows of one call", "does more than one model answer at this address?",
            )
        )
    scores = [part.scores for part in parts if part.scores is not None]
    labels = [part.labels for part in parts if part.labels is not None]
    return Predictions(
        np.concatenate(scores) if scores else None,
        tuple(label for part in labels for label in part) if labels else None,
        first.output_names,
    )


def _outputs(part: Predictions) -> tuple[tuple[str, ...], bool, bool]:
    return part.output_names, part.scores is None, part.labels is None
