"""What an estimator is: half differences of a block of rows in, attributions with standard errors out."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

# The last bits of a matrix product depend on its shape. Lines are multiplied sixteen at a time, padded with zero lines,
# so that a row's result is independent of the rows beside it, and so of any partition.
LINES_PER_PRODUCT = 16
# Rows that are asked and estimated together.
BLOCK_ROWS = 4 * LINES_PER_PRODUCT
# Errors below this share of the row's largest attribution are not resolved by the calibration of the error bars.
RELATIVE_ERROR_FLOOR = 1e-5


class Estimator(IntEnum):
    """How a row was explained."""

    EXACT = 0       # every coalition of its live players was asked, or there were at most one
    KERNEL = 1      # weighted least squares on complement pairs: KernelSHAP
    KRIGING = 2     # Gaussian-process prior over the odd part of the game: few pairs
    SPARSE = 3      # the same with the relevance of each player for the row, and the triples the row shows
    TREE = 4        # from the trees themselves


@dataclass(frozen=True, eq=False)
class BlockEstimates:
    """Attributions of one block: shapes (n_outputs, n_lines, n_players), codes (n_lines,)."""

    values: NDArray[np.float64]
    standard_errors: NDArray[np.float64]
    codes: NDArray[np.uint8]


class BlockEstimator(Protocol):
    """Estimates one design's games, a block of rows at a time.

    ``half_differences`` has shape (n_outputs, n_lines, n_pairs + 1), see ``empty_block``: (v(S) - v(~S)) / 2 for each
    pair, then (v(all) - v(nobody)) / 2. Lines behind the last real one are zero.
    """

    def estimate(self, half_differences: NDArray[np.float64]) -> BlockEstimates: ...


def empty_block(n_outputs: int, n_rows: int, n_pairs: int) -> NDArray[np.float64]:
    """Zeros for the half differences of ``n_rows`` rows, padded to a multiple of sixteen lines."""
    n_lines = -(-n_rows // LINES_PER_PRODUCT) * LINES_PER_PRODUCT
    return np.zeros((n_outputs, n_lines, n_pairs + 1))


def project(lines: NDArray[np.float64], matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    """``lines`` (n_lines, k) @ ``matrix`` (k, m), each line to the same bits wherever it stands."""
    n_lines, n_terms = lines.shape
    products = np.ascontiguousarray(lines).reshape(-1, LINES_PER_PRODUCT, n_terms) @ matrix
    return products.reshape(n_lines, -1)


def choose_rows(chosen: NDArray[np.bool_], first: BlockEstimates, second: BlockEstimates) -> BlockEstimates:
    """The ``first`` estimates for the rows that are ``chosen`` (n_lines,), the ``second`` for the others."""
    everywhere = chosen[None, :, None]
    return BlockEstimates(
        np.where(everywhere, first.values, second.values),
        np.where(everywhere, first.standard_errors, second.standard_errors),
        np.where(chosen, first.codes, second.codes),
    )


def root_mean_squares(lines: NDArray[np.float64]) -> NDArray[np.float64]:
    """The size of each line of half differences, shape (n_lines,)."""
    root: NDArray[np.float64] = np.sqrt(np.square(lines).mean(axis=1))
    return root


def sandwich_errors(variances: NDArray[np.float64], values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Standard errors from sandwich variances, with the floor below which they are not calibrated.

    ``variances`` (n_lines, n_players) are the squared leave-one-out residuals of the pairs times each pair's squared
    influence: its squared weight times its finite-population factor.
    """
    floor = RELATIVE_ERROR_FLOOR * np.abs(values).max(axis=1, keepdims=True)
    errors: NDArray[np.float64] = np.sqrt(variances + np.square(floor))
    return errors
