"""Rows that stand for others: which are drawn, how many of each group, and where their values rank."""

import numpy as np
import pytest

from clarify.explain.drawn_rows import allot, position_hashes, weighted_fifths


def test_hashes_depend_on_position_and_seed_alone():
    whole = position_hashes(np.arange(100), 3)

    assert np.array_equal(whole[40:], position_hashes(np.arange(40, 100), 3))
    assert not np.array_equal(whole, position_hashes(np.arange(100), 4))
    assert len(set(whole.tolist())) == 100


def test_the_smallest_hashes_are_spread_evenly_over_the_rows():
    chosen = np.argsort(position_hashes(np.arange(100_000), 0))[:2_000]

    tenths = np.bincount(chosen // 10_000, minlength=10)
    assert np.abs(tenths - 200).max() < 60                  # four standard deviations of a binomial: 54
    assert abs((chosen % 2).mean() - 0.5) < 0.045


def test_a_group_smaller_than_its_share_is_drawn_whole():
    assert allot([963, 37], 400) == (363, 37)


def test_half_is_shared_equally_and_half_by_size():
    # 100 each, then 200 by what is left: 1,900 to 900.
    assert allot([2_000, 1_000], 400) == (100 + 136, 100 + 64)


@pytest.mark.parametrize("seed", range(20))
def test_as_many_are_drawn_as_asked_for_and_no_more_than_there_are(seed):
    sizes = np.random.default_rng(seed).integers(1, 3_000, 1 + seed).tolist()

    drawn = allot(sizes, 400)

    assert sum(drawn) == min(400, sum(sizes))
    assert all(0 < some <= size for some, size in zip(drawn, sizes, strict=True))


def test_fifths_follow_the_rows_that_the_drawn_ones_stand_for():
    # The first value stands for 80 of 100 rows: its middle rank is 0.4, those of the others 0.85 and 0.95.
    codes = weighted_fifths(np.array([1.0, 2.0, 3.0]), np.array([80.0, 10.0, 10.0]))

    assert codes.tolist() == [2, 4, 4]


def test_equal_values_share_a_fifth_and_missing_ones_have_none():
    codes = weighted_fifths(np.array([7.0, np.nan, 7.0, -np.inf, 9.0, 9.0]), np.ones(6))

    # Ranks: -inf 0.1, 7 twice 0.4, 9 twice 0.8.
    assert codes.tolist() == [2, -1, 2, 0, 4, 4]


def test_a_feature_without_values_has_no_fifths():
    assert weighted_fifths(np.array([np.nan, np.nan]), np.ones(2)).tolist() == [-1, -1]
