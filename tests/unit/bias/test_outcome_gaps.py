"""Exact moments, Welch's interval and quantile gaps, worked by hand."""

import math
from fractions import Fraction

import numpy as np
import pytest

from clarify.bias.outcome_gaps import Moments, Side, outcome_gap, quantile_gap, quantile_of, rank_limits, welch
from clarify.bias.worst_class import furthest_from_ideal, level_of_each
from clarify.results import AwsValue, MetricValue, Reason


def wild(n=500, seed=0):
    """Doubles of every size and sign, whose naive sum depends on the order."""
    draw = np.random.default_rng(seed)
    return np.ldexp(draw.normal(size=n), draw.integers(-1000, 1000, n)) * draw.choice([-1.0, 1.0], n)


def side(values):
    values = np.array(values, dtype=float)
    return Side(len(values), Moments.of(values), values)


def gap(a, d, outcome="label"):
    return outcome_gap(outcome, a, d, facet="sex", value_or_threshold="f")


def test_moments_are_those_of_exact_arithmetic():
    values = wild() * 1e-150
    total = sum((Fraction(x) for x in values.tolist()), Fraction())
    squares = sum((Fraction(x) ** 2 for x in values.tolist()), Fraction())

    moments = Moments.of(values)

    assert moments.mean == float(total / 500)
    assert moments.variance == float((500 * squares - total**2) / (500 * 499))


def test_moments_are_the_same_for_any_order_and_any_cutting():
    values = wild()

    whole, back = Moments.of(values), Moments.of(values[::-1])
    cut = Moments.of(values[:3]) + Moments.of(values[3:77]) + Moments.of(values[77:])

    assert whole == back == cut


def test_the_variance_survives_an_offset_that_eats_every_digit_of_the_squares():
    moments = Moments.of(1e15 + np.array([1.0, 2.0, 3.0, 4.0]))

    assert moments.mean == 1e15 + 2.5
    assert moments.variance == pytest.approx(5 / 3, rel=1e-15)


def test_the_smallest_and_the_largest_doubles_have_moments():
    assert Moments.of(np.array([5e-324, 5e-324])).mean == 5e-324
    assert Moments.of(np.array([1.5e308, -1.5e308])).mean == 0.0
    assert Moments.of(np.array([1.5e308, -1.5e308])).variance == math.inf
    assert Moments.of(np.empty(0)).mean is None


def test_welchs_interval_of_two_samples_of_three():
    # a: mean 2, variance 1; d: mean 4, variance 4. se^2 = 1/3 + 4/3 = 5/3, df = (5/3)^2 / ((1/9 + 16/9) / 2) = 50/17.
    # t_.975 is 3.182446 at 3 and 4.302653 at 2 degrees of freedom.
    interval = welch(Moments.of(np.array([1.0, 2.0, 3.0])), Moments.of(np.array([2.0, 4.0, 6.0])))

    half = (interval.high - interval.low) / 2
    assert (interval.low + interval.high) / 2 == pytest.approx(-2.0)
    assert 3.182446 < half / math.sqrt(5 / 3) < 4.302653
    assert half / math.sqrt(5 / 3) == pytest.approx(t_quantile(0.975, 50 / 17), abs=1e-9)


def t_quantile(p, freedom):
    """By bisection on the integrated density."""
    from scipy.integrate import quad

    scale = math.exp(math.lgamma((freedom + 1) / 2) - math.lgamma(freedom / 2)) / math.sqrt(freedom * math.pi)
    low, high = 0.0, 50.0
    for _ in range(60):
        middle = (low + high) / 2
        below = 0.5 + quad(lambda x: scale * (1 + x * x / freedom) ** (-(freedom + 1) / 2), 0, middle)[0]
        low, high = (middle, high) if below < p else (low, middle)
    return low


def test_one_row_or_no_variation_gives_no_interval_of_the_mean():
    one, many, constant = (Moments.of(np.array(v)) for v in ([3.0], [1.0, 2.0, 3.0], [2.0, 2.0]))

    assert welch(one, many) is None
    assert welch(constant, constant) is None
    assert welch(constant, many) is not None


def test_ranks_of_the_median_of_twenty_rows():
    # X ~ Binomial(20, 1/2): P(X <= 5) = 21,700 / 2^20 = .0207, P(X <= 6) = .0577
    assert rank_limits(20, 0.5) == (6, 15)


def test_too_few_rows_leave_a_side_of_a_quantile_open():
    # .9^35 = .02503 > .025 > .9^36: the tenth percentile is bounded below from 36 rows on
    assert rank_limits(35, 0.1)[0] == 0
    assert rank_limits(36, 0.1)[0] == 1
    assert rank_limits(35, 0.9)[1] == 36
    assert rank_limits(36, 0.9)[1] == 36


def test_ranks_of_a_million_rows_are_those_of_the_normal_approximation():
    # 500,000 -+ 1.96 * 500
    low, high = rank_limits(1_000_000, 0.5)

    assert low == pytest.approx(499_020, abs=2)
    assert high == pytest.approx(500_981, abs=2)


def test_a_quantile_gap_adds_the_squares_of_the_distances_to_the_limits():
    a, d = np.arange(1.0, 21.0), 2 * np.arange(1.0, 21.0)

    median = quantile_gap(a, d, 0.5)

    # limits by ranks 6 and 15: a 10.5 in [6, 15], d 21 in [12, 30]
    assert (median.a, median.d, median.gap) == (10.5, 21.0, -10.5)
    assert median.interval.low == pytest.approx(-10.5 - math.hypot(4.5, 9.0))
    assert median.interval.high == pytest.approx(-10.5 + math.hypot(4.5, 9.0))


def test_a_quantile_with_one_side_open_has_a_one_sided_interval_and_with_both_none():
    few, many = np.arange(20.0), np.arange(200.0)

    low_tail = quantile_gap(many, few, 0.1)

    assert low_tail.interval.high == math.inf
    assert math.isfinite(low_tail.interval.low)
    assert quantile_gap(few, few, 0.1).interval is None


@pytest.mark.parametrize("p", [0.1, 0.25, 0.5, 0.75, 0.9])
def test_quantiles_are_numpys(p):
    values = np.sort(np.random.default_rng(2).normal(size=37))

    assert quantile_of(values, p) == pytest.approx(np.quantile(values, p), abs=1e-15)


def test_the_gap_of_means_is_facet_a_minus_facet_d():
    found = gap(side([4.0, 6.0]), side([1.0, 2.0, 3.0]))

    assert (found.mean_a, found.mean_d, found.gap) == (5.0, 2.0, 3.0)
    assert (found.rows_a, found.rows_d, found.sampled_rows) == (2, 3, None)
    assert [quantile.level for quantile in found.quantiles] == [0.1, 0.25, 0.5, 0.75, 0.9]


def test_the_gap_changes_sign_when_the_facets_swap():
    a, d = side(wild(80, 1)), side(wild(30, 2))

    one, other = gap(a, d), gap(d, a)

    assert one.gap == -other.gap
    assert (one.interval.low, one.interval.high) == (-other.interval.high, -other.interval.low)
    assert [q.gap for q in one.quantiles] == [-q.gap for q in other.quantiles]


@pytest.mark.parametrize(
    ("a", "d", "reason"),
    [
        (side([1.0]), Side(), Reason.EMPTY_FACET),
        (Side(), side([1.0]), Reason.SINGLE_GROUP),
        (side([1.0]), Side(group_rows=4), Reason.NO_ROWS),
    ],
)
def test_a_missing_side_is_a_reason_and_no_number(a, d, reason):
    found = gap(a, d)

    assert found.undefined_because is reason
    assert (found.gap, found.interval, found.quantiles) == (None, None, ())


def test_a_sample_is_told_by_its_size():
    values = np.arange(100.0)
    sampled = Side(100, Moments.of(values), values[::4])

    found = gap(sampled, side([1.0, 2.0, 5.0]))

    assert found.mean_a == 49.5
    assert found.sampled_rows == 28


def test_the_furthest_value_is_the_first_of_equals_and_never_an_undefined_one():
    def values(name, *found):
        return [MetricValue(name, value, AwsValue(value)) for value in found]

    assert furthest_from_ideal(values("DPL", 0.1, None, -0.3, 0.3)) == 2
    assert furthest_from_ideal(values("DI", 1.9, 0.5, 2.0)) == 1
    assert furthest_from_ideal(values("DI", 5.0, 0.0)) == 1
    assert furthest_from_ideal(values("DPL", None, None)) is None
    assert furthest_from_ideal(values("CI", 0.4, 0.4)) is None
    assert level_of_each(10) == pytest.approx(0.995)
