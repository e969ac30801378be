import math

import numpy as np
import pytest

from clarify.bias.closed_form import StratifiedDisparity, newcombe, ratio_of_rates, wilson


@pytest.mark.parametrize(("count", "rows", "low", "high"), [
    (0, 10, 0.0, 0.2775328), (3, 10, 0.1077913, 0.6032219), (1, 400, 0.000441, 0.014023),
])
def test_wilson_agrees_with_the_table(count, rows, low, high):
    interval = wilson(count, rows)

    assert [interval.low, interval.high] == pytest.approx([low, high], abs=1e-6)


def test_wilson_is_exact_at_both_ends():
    assert wilson(0, 7).low == 0.0
    assert wilson(7, 7).high == 1.0


@pytest.mark.parametrize(("counts", "low", "high"), [
    ((56, 70, 48, 80), 0.052431, 0.333873), ((0, 10, 40, 160), -0.322424, 0.034093),
    ((28, 32, 587, 868), 0.040130, 0.280488),
])
def test_newcombe_agrees_with_the_table(counts, low, high):
    interval = newcombe(*counts)

    assert [interval.low, interval.high] == pytest.approx([low, high], abs=1e-6)


@pytest.mark.parametrize(("counts", "low", "high"), [
    ((3, 10, 40, 160), 0.421528, 2.563242), ((0, 10, 40, 160), 0.0, 1.144376),
    ((5, 10, 0, 50), 5.956617, math.inf), ((587, 868, 28, 32), 0.702326, 0.944445),
])
def test_ratio_of_rates_agrees_with_the_table(counts, low, high):
    interval = ratio_of_rates(*counts)

    assert [interval.low, interval.high] == pytest.approx([low, high], abs=1e-6)


def test_sparse_share_is_the_weight_of_strata_with_fewer_than_five_rows_in_a_cell():
    # 100 rows in a full stratum, 20 rows in one whose smallest cell holds 4
    disparity = StratifiedDisparity(np.array([[[25, 25], [25, 25]], [[5, 5], [4, 6]]]))

    assert disparity.sparse_share == pytest.approx(20 / 120)


def test_a_term_without_rows_has_the_limits_zero_and_one():
    # nobody is rejected: r0 = 0 within [0, 1]; r1 = 5/10 with Wilson limits l1, u1; one stratum has no weight noise
    disparity = StratifiedDisparity(np.array([[[0, 5], [0, 5]]]))
    accepted = wilson(5, 10)

    low, high = disparity.limits(1.959963984540054)

    assert low == pytest.approx(-0.5 - (accepted.high - 0.5))
    assert high == pytest.approx(-0.5 + math.hypot(1.0, 0.5 - accepted.low))


def test_mass_below_grows_from_nothing_to_everything():
    disparity = StratifiedDisparity(np.array([[[54, 68], [46, 32]]]))

    masses = [disparity.mass_below(edge) for edge in (-math.inf, -0.5, 0.0, 0.14, 0.3, 1.0, math.inf)]

    assert masses == sorted(masses)
    assert masses[0] == 0.0
    assert masses[3] == pytest.approx(0.5)
    assert masses[-1] == 1.0
