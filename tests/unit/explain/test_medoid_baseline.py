"""The medoid by Gower distance."""

import numpy as np
import pytest

from clarify.errors import DataError
from clarify.explain.baseline import medoid

NAN = np.nan


def gower_sums(values, is_text):
    """Sum of Gower distances to all rows, pair by pair; missing is at distance 1 from everything but missing."""
    sums = np.zeros(len(values))
    for column, text in zip(values.T, is_text, strict=True):
        width = np.nanmax(column) - np.nanmin(column)
        for i, x in enumerate(column):
            for y in column:
                if np.isnan(x) or np.isnan(y):
                    sums[i] += np.isnan(x) != np.isnan(y)
                elif text:
                    sums[i] += x != y
                elif width:
                    sums[i] += abs(x - y) / width
    return sums


def test_the_middle_of_three_numbers_is_the_medoid():
    assert medoid(np.array([[10.0], [0.0], [4.0]]), np.array([False])) == 2


def test_text_counts_mismatches_not_differences_of_codes():
    codes = np.array([[0.0], [1.0], [2.0], [2.0]])

    assert medoid(codes, np.array([True])) == 2


def test_columns_weigh_the_same_whatever_their_units():
    values = np.array([[0.0, 0.0], [0.5, 1000.0], [1.0, 1000.0]])

    assert medoid(values, np.array([False, False])) == 1


@pytest.mark.parametrize("seed", range(20))
def test_the_medoid_has_the_smallest_sum_of_gower_distances(seed):
    rng = np.random.default_rng(seed)
    values = np.column_stack([rng.normal(size=40), rng.integers(0, 4, 40), rng.exponential(size=40) * 1e6])
    values[rng.random(values.shape) < 0.15] = NAN
    is_text = np.array([False, True, False])

    sums = gower_sums(values, is_text)

    assert sums[medoid(values, is_text)] == pytest.approx(sums.min(), abs=1e-9)


def test_ties_go_to_the_first_row():
    values = np.array([[5.0, 1.0], [3.0, 1.0], [5.0, 1.0], [3.0, 1.0]])

    assert medoid(values, np.array([False, True])) == 0


def test_a_row_that_says_nothing_is_not_close_to_all_others():
    values = np.array([[NAN, NAN], [1.0, 2.0], [2.0, 3.0], [3.0, 4.0]])

    assert medoid(values, np.array([False, False])) == 2


def test_where_most_cells_are_missing_a_missing_one_is_central():
    values = np.array([[1.0], [NAN], [NAN], [NAN]])

    assert medoid(values, np.array([False])) == 1


def test_infinite_and_huge_numbers_have_a_place():
    values = np.array([[-np.inf], [-1.7e308], [0.0], [1.7e308], [np.inf]])

    assert medoid(values, np.array([False])) == 2


@pytest.mark.parametrize("column", [[NAN, NAN], [3.0, 3.0], [np.inf, np.inf], [-np.inf, -np.inf]])
def test_a_column_without_a_range_decides_nothing(column):
    values = np.column_stack([column, [1.0, 1.0]])

    assert medoid(values, np.array([False, False])) == 0


def test_one_row_is_its_own_medoid():
    assert medoid(np.array([[NAN, 4.0]]), np.array([False, True])) == 0


def test_a_sample_without_rows_is_refused():
    with pytest.raises(DataError, match=r"received a sample of 0 rows .*SHAP-BASELINE-NO-ROWS"):
        medoid(np.empty((0, 2)), np.array([False, False]))
