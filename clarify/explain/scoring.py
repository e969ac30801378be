"""Asking the model: requests of a safe size, answers checked, and the link between scores and attributions."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from clarify.errors import BadPrediction, ConfigError, Problem

Value = Callable[[NDArray[np.float64]], NDArray[np.float64]]
"""A model: (m, n_columns) synthetic rows to (m, n_outputs) scores, NaN for a row it cannot answer.

May raise EndpointError. The rows live in a buffer that is filled again after the call: a model that keeps them must
copy them.
"""

# Some models answer the last bits of a row differently in small batches; none seen from 64 rows up.
MIN_ROWS_PER_CALL = 64
# Calls of 2,000 to 12,000 rows stay in cache: 0.9 M rows/s a core with XGBoost against 0.6 M at 50,000 rows and more.
MAX_ROWS_PER_CALL = 12_000
# Probabilities are clipped so far from 0 and 1 before the logit, as log-odds of +-16.1.
LOGIT_MARGIN = 1e-7
_ROUNDING = 1e-6


def checked_rows_per_call(max_rows_per_call: int) -> int:
    """The largest request in rows, or a ConfigError when it is below the smallest."""
    if max_rows_per_call < MIN_ROWS_PER_CALL:
        raise ConfigError(
            Problem(
                "SHAP-ROWS-PER-CALL",
                "max_rows_per_call",
                str(max_rows_per_call),
                f"an integer of at least {MIN_ROWS_PER_CALL}",
                "smaller requests make some models answer differently in the last bits",
            )
        )
    return max_rows_per_call


def ask(value: Value, buffer: NDArray[np.float64], n_rows: int) -> NDArray[np.float64]:
    """Scores of the first ``n_rows`` of a buffer, shape (n_rows, n_outputs); fewer than 64 are padded by the last one.

    A row with a score that is not finite gets NaN for every output: the model had no answer for it.

    Raises
    ------
    BadPrediction
        If the answer has another shape.
    """
    asked = max(n_rows, MIN_ROWS_PER_CALL)
    buffer[n_rows:asked] = buffer[n_rows - 1]
    scores = np.asarray(value(buffer[:asked]), dtype=np.float64)
    if scores.ndim != 2 or len(scores) != asked or scores.shape[1] == 0:
        raise BadPrediction(
            Problem("SHAP-SCORE-SHAPE", "predictions", f"shape {scores.shape}", f"({asked}, number of outputs)")
        )
    # A score that is not finite says nothing about the row: the caller sees it as no answer.
    if not np.isfinite(scores).all():
        scores = np.where(np.isfinite(scores).all(axis=1, keepdims=True), scores, np.nan)
    return scores[:n_rows]


def score_rows(value: Value, rows: NDArray[np.float64], max_rows_per_call: int) -> NDArray[np.float64]:
    """Scores of given rows, before the link, shape (n, n_outputs)."""
    buffer = np.empty((max_rows_per_call, rows.shape[1]))
    answers = []
    for start in range(0, len(rows), max_rows_per_call):
        part = rows[start : start + max_rows_per_call]
        buffer[: len(part)] = part
        answers.append(ask(value, buffer, len(part)).copy())
    return np.concatenate(answers)


def link(scores: NDArray[np.float64], use_logit: bool) -> NDArray[np.float64]:
    """The scale that attributions add up on: the score itself, or its log-odds.

    Raises
    ------
    BadPrediction
        If log-odds are wanted of a score outside [0, 1].
    """
    if not use_logit:
        return scores
    if (scores < -_ROUNDING).any() or (scores > 1 + _ROUNDING).any():
        raise BadPrediction(
            Problem(
                "SHAP-NOT-A-PROBABILITY",
                "methods.shap.use_logit",
                f"scores from {np.nanmin(scores):g} to {np.nanmax(scores):g}",
                "scores in [0, 1]",
                "switch use_logit off, or let the model answer probabilities",
            )
        )
    clipped = np.clip(scores, LOGIT_MARGIN, 1 - LOGIT_MARGIN)
    return np.log(clipped) - np.log1p(-clipped)
