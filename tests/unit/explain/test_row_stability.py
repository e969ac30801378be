"""The order of a row's reasons: certain where errors are small, a coin where they are large, silent where exact."""

import numpy as np
import pytest
from scipy.stats import norm

from clarify.explain.row_stability import N_REDRAWS, row_stability

TWO_ERRORS = 2 * (0.25 / N_REDRAWS) ** 0.5


def stability(attributions, errors, seed=1):
    return row_stability(np.array(attributions, dtype=float), np.array(errors, dtype=float), seed=seed)


def test_exact_attributions_have_nothing_to_redraw():
    assert stability([3, -2, 1], [0, 0, 0]) is None


def test_well_separated_attributions_keep_their_order():
    found = stability([0.1, -5, 3, 1], [0.05, 0.1, 0.1, 0.1])

    assert (found.order_holds, found.first_swaps) == (1.0, 0.0)


@pytest.mark.parametrize(("first", "second", "error"), [(1.0, 0.8, 0.3), (-1.0, 0.9, 0.5), (0.3, 0.1, 0.4)])
def test_the_share_of_swaps_is_the_chance_that_the_second_is_larger(first, second, error):
    found = stability([first, second], [error, error])

    # |y| > |x| when y - x and y + x have one sign; with equal errors these two are independent.
    spread = error * 2**0.5
    less, more = norm.cdf((second - first) / spread), norm.cdf((second + first) / spread)
    chance = less * more + (1 - less) * (1 - more)
    assert found.first_swaps == pytest.approx(chance, abs=TWO_ERRORS)
    assert found.order_holds == pytest.approx(1 - chance, abs=TWO_ERRORS)


def test_three_equals_are_in_order_once_in_six_times():
    found = stability([5, 5, 5], [1, 1, 1])

    assert found.order_holds == pytest.approx(1 / 6, abs=TWO_ERRORS)


def test_a_fourth_that_reaches_the_third_breaks_the_order():
    found = stability([9, 7, 2, 2], [0.01, 0.01, 0.5, 0.5])

    assert found.order_holds == pytest.approx(0.5, abs=TWO_ERRORS)
    assert found.first_swaps == 0.0


def test_features_that_are_exactly_equal_do_not_change_places():
    found = stability([4, 0, 0, 0], [0.1, 0, 0, 0])

    assert (found.order_holds, found.first_swaps) == (1.0, 0.0)


def test_a_single_feature_is_always_first():
    found = stability([2.0], [3.0])

    assert (found.order_holds, found.first_swaps) == (1.0, 0.0)


def test_the_seed_settles_the_redraws():
    one, same, other = (stability([1, 0.9, 0.8], [0.2] * 3, seed=seed) for seed in (5, 5, 6))

    assert one == same
    assert one != other
