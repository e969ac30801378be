"""The row that stands for the absence of information, when the user names none."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from clarify.errors import DataError, Problem


def medoid(values: NDArray[np.float64], is_text: NDArray[np.bool_]) -> int:
    r"""Position of the row with the smallest sum of Gower distances to all rows of a sample.

    The distance of two rows is the mean over columns of :math:`|x - y| / \text{range}` for numbers and of
    :math:`[x \ne y]` for text. A real row, so that the baseline is a combination of values that occurs.

    Parameters
    ----------
    values : float64 of shape (n, n_columns), n >= 1
        Codes for text, NaN for missing.
    is_text : bool of shape (n_columns,)

    Returns
    -------
    int
        The first such row if several are equally close.

    Raises
    ------
    DataError
        If the sample has no row.

    Notes
    -----
    Missing and missing are at distance 0, missing and present at the largest distance, 1 (Gower leaves such columns
    out; we do not, so that a row is not close to all others by saying nothing). Infinite numbers stand at the largest
    or smallest finite value. The sum over rows is a sum over columns, each by one sort: n log n, not n squared, so the
    sample may be large.

    Examples
    --------
    >>> medoid(np.array([[0.0], [4.0], [10.0]]), np.array([False]))
    1
    """
    if len(values) == 0:
        raise DataError(
            Problem("SHAP-BASELINE-NO-ROWS", "methods.shap.baseline", "a sample of 0 rows", "at least one row")
        )
    sums = np.zeros(len(values))
    for column, text in zip(values.T, is_text, strict=True):
        sums += _text_distances(column) if text else _number_distances(column)
    return int(sums.argmin())


def _text_distances(codes: NDArray[np.float64]) -> NDArray[np.float64]:
    """For each cell, how many cells hold something else; missing is a word of its own."""
    _, place, count = np.unique(codes, return_inverse=True, return_counts=True, equal_nan=True)
    return (len(codes) - count[place]).astype(np.float64)


def _number_distances(numbers: NDArray[np.float64]) -> NDArray[np.float64]:
    """For each cell, the sum of its distances to all cells, in units of the range."""
    missing = np.isnan(numbers)
    present = _unit_range(numbers[~missing])
    distances = np.full(len(numbers), float(len(present)))
    if len(present):
        distances[~missing] = _summed_distances(present) + float(missing.sum())
    return distances


def _unit_range(numbers: NDArray[np.float64]) -> NDArray[np.float64]:
    """Numbers moved to [0, 1]; all 0 if there is no range."""
    finite = numbers[np.isfinite(numbers)]
    if len(finite) == 0:
        return np.where(numbers > 0, 1.0, 0.0)
    low, high = finite.min(), finite.max()
    if low == high:
        return np.zeros(len(numbers))
    # Halved first: the range of two huge numbers of opposite sign may overflow.
    unit: NDArray[np.float64] = (np.clip(numbers, low, high) / 2 - low / 2) / (high / 2 - low / 2)
    return unit


def _summed_distances(numbers: NDArray[np.float64]) -> NDArray[np.float64]:
    r""":math:`\sum_j |x_i - x_j|` by sorting: r of n numbers below give r x - sum(below) + sum(above) - (n - r) x."""
    distinct, place, count = np.unique(numbers, return_inverse=True, return_counts=True)
    below = np.cumsum(count) - count
    total = np.concatenate([[0.0], np.cumsum(distinct * count)])
    above = len(numbers) - below
    sums = below * distinct - total[:-1] + (total[-1] - total[:-1]) - above * distinct
    distances: NDArray[np.float64] = sums[place]
    return distances
