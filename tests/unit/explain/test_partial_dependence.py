"""Partial dependence as arithmetic: grids, weighted distinct rows, forced values, exact summaries."""

from math import inf, sqrt
from statistics import mean, stdev

import numpy as np
import pytest

from clarify.errors import DataError
from clarify.explain.partial_dependence import (
    bucket_centres,
    buckets_of,
    count_rows,
    forced,
    merge_rows,
    summarise,
)
from clarify.features import FeatureColumn, Features


def ones(n):
    return np.ones(n, dtype=np.int64)


def test_centres_are_those_of_awss_sample():
    centres = bucket_centres(19.0, 75.0, 15)

    np.testing.assert_allclose(centres[:3], [20.0 + 26 / 30, 24.6, 28 + 1 / 3], rtol=1e-12)
    assert len(centres) == 15
    assert centres[-1] == pytest.approx(75 - 56 / 30)


def test_a_column_with_one_value_has_that_value_as_its_grid():
    assert bucket_centres(7.0, 7.0, 15).tolist() == [7.0]
    assert buckets_of(np.array([7.0, 7.0, np.nan]), 7.0, 7.0, 15).tolist() == [0, 0]


def test_the_largest_numbers_there_are_have_a_finite_grid():
    centres = bucket_centres(-1.7e308, 1.7e308, 4)

    np.testing.assert_allclose(centres, [-1.275e308, -0.425e308, 0.425e308, 1.275e308])
    assert buckets_of(np.array([-1.7e308, 0.0, 1.7e308]), -1.7e308, 1.7e308, 4).tolist() == [0, 2, 3]


def test_a_bucket_holds_its_lower_end_and_the_last_one_both():
    values = np.array([0.0, 2.4, 2.5, 5.0, 9.9, 10.0])

    assert buckets_of(values, 0.0, 10.0, 4).tolist() == [0, 0, 1, 2, 3, 3]


def test_missing_and_infinite_values_are_in_no_bucket():
    assert buckets_of(np.array([np.nan, 1.0, inf]), 0.0, 2.0, 2).tolist() == [1]


def test_equal_rows_are_counted_once_and_weighted_with_the_first_place():
    rows = count_rows(np.array([9, 3, 9, 3, 9], dtype=np.uint64), 100, most=10)

    assert rows.keys.tolist() == [3, 9]
    assert rows.weights.tolist() == [2, 3]
    assert rows.first_rows.tolist() == [101, 100]


@pytest.mark.parametrize("size", [1, 7, 64, 999])
@pytest.mark.parametrize("most", [5, 40, 5_000])
def test_any_partition_gives_the_same_rows(size, most):
    keys = np.random.default_rng(3).integers(0, 300, 999).astype(np.uint64)

    parts = [count_rows(keys[start : start + size], start, most=most) for start in range(0, 999, size)]
    found = merge_rows(parts, most=most)

    expected = sorted(set(keys.tolist()))[:most]
    assert found.keys.tolist() == expected
    assert found.weights.tolist() == [keys.tolist().count(key) for key in expected]
    assert found.first_rows.tolist() == [keys.tolist().index(key) for key in expected]


def test_keys_above_the_largest_kept_one_are_not_even_looked_at():
    keys = np.array([5, 2**64 - 1, 4], dtype=np.uint64)

    assert count_rows(keys, 0, most=10, below=5).keys.tolist() == [4, 5]
    assert count_rows(keys, 0, most=10, below=2**64 - 1).keys.tolist() == [4, 5, 2**64 - 1]


def test_nothing_merged_is_no_row():
    assert len(merge_rows((), most=3)) == 0


def test_a_number_is_forced_in_all_rows_and_nothing_else_changes():
    rows = Features((FeatureColumn("a", "int"), FeatureColumn("b", "float")), np.array([[1.0, 2.0], [np.nan, 3.0]]))

    changed = forced(rows, 0, 20.5)

    assert changed.values.tolist() == [[20.5, 2.0], [20.5, 3.0]]
    assert rows.values[0, 0] == 1.0


def test_a_fraction_in_a_column_of_integers_travels_as_one():
    rows = Features((FeatureColumn("a", "int"),), np.array([[1.0]]))

    assert forced(rows, 0, 20.5).columns[0].kind == "float"
    assert forced(rows, 0, 20.0).columns[0].kind == "int"


def test_a_word_is_forced_also_where_no_row_has_it():
    rows = Features((FeatureColumn("sex", "text", ("f", "m")),), np.array([[0.0], [1.0]]))

    known, new = forced(rows, 0, "m"), forced(rows, 0, "x")

    assert known.values.tolist() == [[1.0], [1.0]]
    assert known.columns[0].vocabulary == ("f", "m")
    assert new.columns[0].vocabulary[int(new.values[0, 0])] == "x"


def test_integers_too_large_for_floats_are_set_to_whole_numbers():
    rows = Features((FeatureColumn("id", "int", (2**60 + 1,)),), np.array([[0.0]]))

    changed = forced(rows, 0, 2.0**59 + 0.5)

    assert changed.columns[0].vocabulary == (2**60 + 1, 2**59)
    assert changed.values.tolist() == [[1.0]]


def test_a_truth_value_is_forced_by_its_printed_name():
    rows = Features((FeatureColumn("owns", "bool"),), np.array([[0.0], [np.nan]]))

    assert forced(rows, 0, "True").values.tolist() == [[1.0], [1.0]]
    assert forced(rows, 0, "False").values.tolist() == [[0.0], [0.0]]


def test_weighted_rows_are_summarised_as_the_rows_they_stand_for():
    scores, weights = np.array([0.9, 0.1, 0.4, 0.2]), np.array([1, 7, 8, 4])
    every = sorted(np.repeat(scores, weights).tolist())        # 0.1 x 7, 0.2 x 4, 0.4 x 8, 0.9: 20 rows

    found = summarise(scores, weights)

    assert found.mean == pytest.approx(mean(every), rel=1e-15)
    # The 1st, 5th, 10th, 15th and 19th of 20: at least 5, 25, 50, 75, 95 % of the rows do not exceed it.
    assert found.quantiles == (every[0], every[4], every[9], every[14], every[18])


def test_the_standard_error_of_different_rows_is_their_spread_over_the_root_of_their_number():
    scores = [0.2, 0.25, 0.7, 0.4]

    assert summarise(np.array(scores), ones(4)).standard_error == pytest.approx(stdev(scores) / sqrt(4))


def test_rows_that_repeat_make_the_error_larger_than_as_many_different_ones():
    # Two different rows ten times each know two scores, not twenty: se^2 = 2/1 * 2 * (10 * 0.1)^2 / 20^2.
    found = summarise(np.array([0.1, 0.3]), np.array([10, 10]))

    assert found.standard_error == pytest.approx(sqrt(2 * 2 * 1.0 / 400))


def test_one_row_says_nothing_of_the_error():
    assert summarise(np.array([0.5]), ones(1)).standard_error == inf


def test_the_order_of_rows_changes_no_bit():
    draw = np.random.default_rng(1)
    scores, weights = draw.normal(size=5_000) * 10.0 ** draw.integers(-9, 9, 5_000), draw.integers(1, 9, 5_000)
    order = draw.permutation(5_000)

    assert summarise(scores[order], weights[order]) == summarise(scores, weights)


def test_intervals_cover_the_mean_of_all_rows():
    """A table with many repeated rows, 400 samples of 60 of its 600 different rows: 95 % within three errors."""
    draw = np.random.default_rng(2)
    scores, weights = draw.beta(2, 5, 600), draw.integers(1, 20, 600)
    truth = float(np.average(scores, weights=weights))
    samples = [draw.choice(600, 60, replace=False) for _ in range(400)]

    covered = [
        abs(found.mean - truth) <= 1.96 * found.standard_error
        for found in (summarise(scores[rows], weights[rows]) for rows in samples)
    ]

    assert 0.917 <= np.mean(covered) <= 0.985      # the population is finite, so a little above 95 %


def test_no_row_is_refused():
    with pytest.raises(DataError, match="at least one row"):
        summarise(np.empty(0), np.empty(0, dtype=np.int64))
