"""How many coalitions a row is asked, and when it is asked no more."""

from itertools import pairwise

import numpy as np
import pytest

from clarify.explain.budget import Budget, ceiling, relative_errors


def doublings(budget, n_live):
    """Every budget a row can pass through."""
    asked = [budget.first(n_live)]
    while (more := budget.after(n_live, asked[-1])) is not None:
        asked.append(more)
    return asked


@pytest.mark.parametrize(
    ("n_live", "expected"),
    [
        (3, [6]),                     # 2^3 - 2: all of them
        (9, [510]),
        (10, [512, 1022]),            # the last doubling enumerates
        (11, [512, 1024, 2046]),
        (12, [512, 1024, 2048]),      # ceiling 2072
        (20, [512, 1024, 2048]),      # ceiling 2088
        (61, [976, 1952]),            # 16 x 61; ceiling 2170
        (200, [2448]),                # 16 x 200 is beyond the ceiling, 2 x 200 + 2048
    ],
)
def test_without_num_samples_a_row_starts_small_and_doubles_up_to_the_number_of_aws(n_live, expected):
    assert doublings(Budget(), n_live) == expected


@pytest.mark.parametrize(("num_samples", "n_live", "expected"), [(2, 5, 2), (27, 12, 26), (99, 4, 14)])
def test_a_given_number_is_rounded_down_to_pairs_and_never_changed(num_samples, n_live, expected):
    assert doublings(Budget(num_samples), n_live) == [expected]


def test_every_doubling_asks_more_and_stays_below_the_ceiling():
    for n_live in range(2, 130):
        asked = doublings(Budget(), n_live)
        assert all(before < after for before, after in pairwise(asked))
        assert asked[-1] <= ceiling(n_live)
        assert all(count % 2 == 0 for count in asked)


def test_a_row_is_sampled_unless_its_first_budget_asks_everything():
    assert not Budget().samples(9)
    assert Budget().samples(10)
    assert Budget(28).samples(5)
    assert not Budget(30).samples(5)


def test_relative_error_is_the_root_mean_square_over_outputs_whatever_their_units():
    values = np.array([[[3.0, 4.0]], [[300.0, 400.0]]])           # norms 5 and 500
    errors = np.array([[[0.3, 0.4]], [[0.0, 50.0]]])              # shares .1 and .1
    assert relative_errors(values, errors) == pytest.approx([0.1])

    errors[1] = 0
    assert relative_errors(values, errors) == pytest.approx([np.sqrt((0.1**2 + 0) / 2)])


def test_constant_outputs_take_no_part_and_errors_without_attributions_are_never_small():
    nothing = np.zeros((1, 1, 3))
    some = np.full((1, 1, 3), 0.1)

    assert relative_errors(nothing, nothing).tolist() == [0.0]
    assert relative_errors(np.concatenate([some, nothing]), np.concatenate([some / 10, nothing])) == pytest.approx(0.1)
    assert relative_errors(nothing, some).tolist() == [np.inf]
