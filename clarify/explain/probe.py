"""Whether the model answers the same row the same way twice, and in any company."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from clarify.explain.scoring import MIN_ROWS_PER_CALL, Value, link

Steadiness = Literal["steady", "batch_variant", "noisy"]


@dataclass(frozen=True)
class Probe:
    """How the model answered the same rows again, and by how much it differed: a standard deviation per output."""

    steadiness: Steadiness
    noise: tuple[float, ...] = ()

PROBE_ROWS = MIN_ROWS_PER_CALL
COMPANY_ROWS = 1_000


def probe_steadiness(value: Value, rows: NDArray[np.float64], *, use_logit: bool = False) -> Probe:
    """Ask 64 rows twice, then once more backwards at the end of a larger request.

    Returns
    -------
    "steady"
        All answers are equal to the last bit: results are promised to be the same bytes under any partition.
    "batch_variant"
        The same request has the same answers, another request has not: the last bits of results, or more, depend on
        which rows travel together.
    "noisy"
        The same request has other answers: no two runs agree, nothing is exact, and error bars include the model's own
        noise, whose standard deviation is told for each output, after the link.

    Notes
    -----
    At most 64 rows are looked at, repeated if they are fewer; 1,128 model rows in all. Missing answers are equal to
    each other.
    """
    if len(rows) == 0:
        return Probe("steady")
    asked = np.resize(rows[:PROBE_ROWS], (PROBE_ROWS, rows.shape[1]))
    company = np.resize(rows, (COMPANY_ROWS, rows.shape[1]))
    company[-PROBE_ROWS:] = asked[::-1]
    first, second = value(asked).copy(), value(asked).copy()
    if not np.array_equal(first, second, equal_nan=True):
        return Probe("noisy", _noise(link(first, use_logit), link(second, use_logit)))
    among_others = value(company)[-PROBE_ROWS:][::-1]
    same = np.array_equal(first, among_others, equal_nan=True)
    return Probe("steady" if same else "batch_variant")


def _noise(first: NDArray[np.float64], second: NDArray[np.float64]) -> tuple[float, ...]:
    """Standard deviation of one answer, per output: that of a difference over the root of two."""
    squares = np.square(first - second) / 2
    return tuple(float(np.sqrt(column[~np.isnan(column)].mean())) if not np.isnan(column).all() else 0.0
                 for column in squares.T)
