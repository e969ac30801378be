"""Whether the model answers the same row the same way twice, and in any company."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from clarify.explain.scoring import MIN_ROWS_PER_CALL, Value

Steadiness = Literal["steady", "batch_variant", "noisy"]

PROBE_ROWS = MIN_ROWS_PER_CALL
COMPANY_ROWS = 1_000


def probe_steadiness(value: Value, rows: NDArray[np.float64]) -> Steadiness:
    """Ask 64 rows twice, then once more backwards at the end of a larger request.

    Returns
    -------
    "steady"
        All answers are equal to the last bit: results are promised to be the same bytes under any partition.
    "batch_variant"
        The same request has the same answers, another request has not: the last bits of results, or more, depend on
        which rows travel together.
    "noisy"
        The same request has other answers: no two runs agree, and error bars include the model's own noise.

    Notes
    -----
    At most 64 rows are looked at, repeated if they are fewer; 1,128 model rows in all. Missing answers are equal to
    each other.
    """
    if len(rows) == 0:
        return "steady"
    asked = np.resize(rows[:PROBE_ROWS], (PROBE_ROWS, rows.shape[1]))
    company = np.resize(rows, (COMPANY_ROWS, rows.shape[1]))
    company[-PROBE_ROWS:] = asked[::-1]
    first, second = value(asked).copy(), value(asked).copy()
    if not np.array_equal(first, second, equal_nan=True):
        return "noisy"
    among_others = value(company)[-PROBE_ROWS:][::-1]
    return "steady" if np.array_equal(first, among_others, equal_nan=True) else "batch_variant"
