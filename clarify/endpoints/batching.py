"""How rows become requests: boundaries that depend on the data only, and never fewer than 64 rows in one."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from clarify.endpoints.base import Answer
from clarify.features import Features

# Logistic regression answers differently in batches of one on a quarter of rows; nothing did from 64 rows up.
FEWEST_ROWS = 64
MOST_ROWS = 20_000
MOST_TENSOR_BYTES = 16 * 1024 * 1024
# Containers behind AWS's runtime refuse bodies of more than 6 MB; a CSV cell takes about 20 bytes.
MOST_TEXT_CELLS = 250_000


def rows_per_request(n_columns: int, *, as_text: bool) -> int:
    """Rows of one request: 20,000, or fewer when the table is wide."""
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
