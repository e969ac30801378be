"""Power and the smallest detectable change against the table of expected values and against brute force."""

import math

import numpy as np
import pytest
from scipy.special import betainc, betaincinv
from scipy.stats import binom

from clarify.bias.catalog import METRICS
from clarify.bias.contingency import ContingencyTable
from clarify.bias.critical_counts import Curve, Line, critical_counts, mass_at_or_above, power_below
from clarify.bias.intervals import plausible_values
from clarify.bias.parametric_tables import N_TABLES, TABLE_METRICS, draw_tables
from clarify.bias.power import detectable_change, power_of, rows_needed, smallest_change
from clarify.bias.two_rates import TWO_RATES
from clarify.errors import ConfigError
from clarify.results import FlipCounts

TENTH = {"low": -0.1, "high": 0.1}

# pa = .5 either sign; pa = .3 with facet d lower, then higher; n_a = 4 n_d
SMALLEST = [
    (50, 0.3027, 0.2478, 0.3163), (100, 0.2475, 0.2129, 0.2541), (200, 0.2060, 0.1837, 0.2086),
    (500, 0.1678, 0.1548, 0.1685), (1_000, 0.1482, 0.1394, 0.1483), (2_000, 0.1342, 0.1282, 0.1341),
    (5_000, 0.1217, 0.1179, 0.1216),
]


def smallest(n_d, rate_a, **options):
    return smallest_change("DPPL", rows_a=4 * n_d, rows_d=n_d, rate_a=rate_a, **{**TENTH, **options})


@pytest.mark.parametrize(("n_d", "at_half", "lower", "higher"), SMALLEST)
def test_smallest_change_agrees_with_the_table(n_d, at_half, lower, higher):
    # the table's last digit; above 500 rows its own method differs by up to a point of power
    tolerance = 1.5e-4 if n_d > 500 else 1.1e-4

    half, third = smallest(n_d, 0.5), smallest(n_d, 0.3)

    assert [half.above, -half.below] == pytest.approx([at_half, at_half], abs=tolerance)
    assert [third.above, -third.below] == pytest.approx([lower, higher], abs=tolerance)
    assert not half.approximate


@pytest.mark.parametrize(("rate_a", "rate_d", "expected"), [(0.3, 0.05, 0.985), (0.3, 0.15, 0.197)])
def test_power_agrees_with_the_table(rate_a, rate_d, expected):
    power = power_of("DPPL", rows_a=400, rows_d=100, rate_a=rate_a, rate_d=rate_d, **TENTH)

    assert power == pytest.approx(expected, abs=5e-4)


def test_fifty_two_tests_need_a_larger_change():
    # Exact quadrature with 4,096 nodes gives .1993 and brute force below agrees; the table's .1968 and .1690 come from
    # 256 nodes, too few for a tail of .00048 (the lowest node stands for a mass of .0039).
    found = [smallest(n_d, 0.5, level=0.05 / 52).above for n_d in (500, 1_000)]

    assert found == pytest.approx([0.1993, 0.171], abs=5e-4)
    assert found == pytest.approx([0.1968, 0.1690], abs=3e-3)


@pytest.mark.parametrize(("x_a", "x_d", "expected"), [(200, 30, 0.032486), (176, 24, 0.027410)])
def test_posterior_mass_agrees_with_the_table(x_a, x_d, expected):
    mass = mass_at_or_above(Line(1.0, -0.1), np.array([float(x_d)]), 100, np.array([float(x_a)]), 400)

    assert mass[0] == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(("n_d", "n_a"), [(1, 1), (3, 9), (20, 20), (20, 5_000), (40, 60)])
@pytest.mark.parametrize("edge", [0.0, 0.1])
def test_posterior_mass_is_that_of_a_fine_quadrature(n_d, n_a, edge):
    rng = np.random.default_rng(0)
    x_d, x_a = np.repeat(np.arange(n_d + 1), 2), rng.integers(0, n_a + 1, 2 * (n_d + 1))
    # facet a at the midpoints of 8,000 equal parts of its posterior
    theta_a = betaincinv(x_a[:, None] + 0.5, n_a - x_a[:, None] + 0.5, (np.arange(4_000) + 0.5) / 4_000)
    exact = 1 - betainc(x_d[:, None] + 0.5, n_d - x_d[:, None] + 0.5, np.clip(theta_a - edge, 0, 1)).mean(axis=1)

    mass = mass_at_or_above(Line(1.0, -edge), x_d.astype(float), n_d, x_a.astype(float), n_a)

    # where the edge ends inside [0, 1] the integrand has the slope of a square root: fewer digits
    assert np.abs(mass - exact).max() < (0.005 if edge else 2e-4)
    assert np.abs(mass - exact)[exact < 0.05].max(initial=0.0) < (0.001 if edge else 2e-5)


@pytest.mark.parametrize(("n_small", "n_large", "edge", "tail"), [
    (37, 41, 0.0, 0.025), (40, 160, 0.1, 0.025), (20, 333, -0.1, 0.025 / 52), (5, 2, 0.1, 0.025), (1, 1, 0.0, 0.025),
])
def test_critical_counts_are_the_least_seen_ones(n_small, n_large, edge, tail):
    boundary = Line(1.0, -edge)
    x_small = np.repeat(np.arange(n_small + 1), n_large + 1)
    x_large = np.tile(np.arange(n_large + 1), n_small + 1)
    mass = mass_at_or_above(boundary, x_small.astype(float), n_small, x_large.astype(float), n_large)
    seen = (mass <= tail) & (x_large / n_large - x_small / n_small > edge)
    by_hand = np.append(seen.reshape(n_small + 1, -1), np.full((n_small + 1, 1), True), axis=1).argmax(axis=1)

    assert (critical_counts(boundary, n_small, n_large, tail) == by_hand).all()


def test_power_is_the_share_of_tables_whose_interval_leaves_the_range():
    # every table of 12 against 15 rows, weighed by its probability
    n_a, n_d, rate_a, rate_d = 15, 12, 0.8, 0.15
    power = 0.0
    for x_a in range(n_a + 1):
        for x_d in range(n_d + 1):
            table = ContingencyTable.from_labels(a=(x_a, n_a - x_a), d=(x_d, n_d - x_d)).known()
            interval = plausible_values("DPL", table, x_a / n_a - x_d / n_d).interval()
            if interval.low > 0.1 or interval.high < -0.1:
                power += binom.pmf(x_a, n_a, rate_a) * binom.pmf(x_d, n_d, rate_d)

    planned = power_of("DPL", rows_a=n_a, rows_d=n_d, rate_a=rate_a, rate_d=rate_d, **TENTH)

    # a pair of counts on the edge of 5 % may fall to either side of the lattice
    assert planned == pytest.approx(power, abs=0.01)


@pytest.mark.parametrize("metric", ["DPL", "DI", "KL", "TE"])
def test_power_does_not_ask_which_facet_is_smaller_when_the_rates_swap(metric):
    # n_d = 40 of 100 enumerates facet d, n_d = 100 of 40 enumerates facet a: a mirror image for a symmetric metric
    low, high = {"DI": (0.5, 2.0), "KL": (0.0, 0.1), "TE": (-0.5, 0.5)}.get(metric, (-0.1, 0.1))
    one = power_of(metric, rows_a=100, rows_d=40, rate_a=0.6, rate_d=0.3, low=low, high=high)

    other = power_of(metric, rows_a=40, rows_d=100, rate_a=0.3, rate_d=0.6, low=low, high=high)

    assert one == pytest.approx(other, abs=0.06 if metric == "KL" else 1e-9)


def test_just_above_the_enumerated_sizes_power_is_continuous():
    at_500, at_501 = (
        power_of("DPL", rows_a=2_000, rows_d=n_d, rate_a=0.5, rate_d=0.34, **TENTH) for n_d in (500, 501)
    )

    assert at_501 == pytest.approx(at_500, abs=0.005)


def test_what_facet_a_makes_impossible_is_not_called_unseen():
    # of facet a 8 % are positive: facet d cannot have 10 points less, but it can have more
    counts = ContingencyTable.from_labels(a=(32, 368), d=(8, 92)).facet_counts()

    found = detectable_change("DPL", counts, -0.1, 0.1)

    assert found.above is None
    assert found.impossible_above
    assert found.below < -0.1
    assert not found.impossible_below


def test_what_can_happen_and_is_never_seen_is_not_called_impossible():
    # facet d at 0 would be 12 points below facet a, outside the range by 2: too little for 30 rows
    counts = ContingencyTable.from_labels(a=(48, 352), d=(4, 26)).facet_counts()

    found = detectable_change("DPL", counts, -0.1, 0.1)

    assert found.above is None
    assert not found.impossible_above


def test_a_side_without_a_limit_is_never_left():
    counts = ContingencyTable.from_labels(a=(200, 200), d=(50, 50)).facet_counts()

    found = detectable_change("DPL", counts, None, 0.1)

    assert found.below is None
    assert found.impossible_below
    assert found.above == pytest.approx(0.2475, abs=1e-4)


@pytest.mark.parametrize("metric", ["SD", "DRR"])
def test_differences_written_d_minus_a_mirror_those_written_a_minus_d(metric):
    # 120 of 400 in facet a, 40 of 100 in facet d, behind recall as behind specificity and negative precision
    recall = ContingencyTable.from_confusion(a=(120, 0, 280, 0), d=(40, 0, 60, 0)).facet_counts()
    cells = {"SD": [(0, 280, 0, 120), (0, 60, 0, 40)], "DRR": [(0, 0, 280, 120), (0, 0, 60, 40)]}[metric]
    mirrored = ContingencyTable.from_confusion(a=cells[0], d=cells[1]).facet_counts()

    one, other = detectable_change("RD", recall, -0.05, 0.1), detectable_change(metric, mirrored, -0.1, 0.05)

    assert (other.below, other.above) == (-one.above, -one.below)


def test_distances_of_two_classes_follow_the_difference_of_labels():
    counts = ContingencyTable.from_labels(a=(120, 280), d=(30, 70)).facet_counts()
    difference = detectable_change("DPL", counts, -0.1, 0.1)

    found = {name: detectable_change(name, counts, 0.0, 0.1 * scale)
             for name, scale in (("TVD", 1.0), ("KS", 1.0), ("LP", math.sqrt(2)))}

    # seen whichever facet has more: the direction that is harder to see decides
    hardest = max(difference.above, -difference.below)
    assert found["TVD"].above == found["KS"].above == pytest.approx(hardest, abs=1e-9)
    assert found["LP"].above == pytest.approx(math.sqrt(2) * hardest, abs=1e-6)
    assert found["TVD"].below is None
    assert found["TVD"].impossible_below


@pytest.mark.parametrize("metric", sorted(TWO_RATES))
def test_the_smallest_change_is_seen_with_the_power_it_names(metric):
    low, high = {"DI": (0.8, 1.25), "TE": (-0.5, 1.0), "KL": (0.0, 0.02), "JS": (0.0, 0.005)}.get(metric, (-0.1, 0.1))
    low, high = (0.0, high) if TWO_RATES[metric].fold else (low, high)
    found = smallest_change(metric, rows_a=600, rows_d=150, rate_a=0.5, low=low, high=high, power=0.7)

    needed = {value: list(TWO_RATES[metric].rates_d(abs(value), 0.5, low, high))
              for value in (found.below, found.above) if value is not None}

    assert needed
    for value, rates in needed.items():
        powers = [power_of(metric, rows_a=600, rows_d=150, rate_a=0.5, rate_d=rate, low=low, high=high)
                  for rate in rates if TWO_RATES[metric].value(0.5, rate) == pytest.approx(value, rel=1e-6)]
        assert min(powers) == pytest.approx(0.7, abs=0.002)


def test_a_ratio_below_zero_is_impossible():
    found = smallest_change("DI", rows_a=400, rows_d=100, rate_a=0.5, low=0.0, high=1.25)

    assert found.below is None
    assert found.impossible_below
    assert found.above > 1.25


def test_nobody_behind_a_rate_has_no_smallest_change():
    counts = ContingencyTable.from_confusion(a=(10, 2, 3, 5), d=(0, 4, 0, 6)).facet_counts()

    assert detectable_change("RD", counts, -0.1, 0.1) is None
    assert detectable_change("SD", counts, -0.1, 0.1) is not None


@pytest.mark.parametrize("metric", [metric.name for metric in METRICS])
def test_every_metric_but_the_conditional_ones_has_a_smallest_change(metric):
    counts = ContingencyTable.from_confusion(a=(650, 100, 50, 1_200), d=(120, 25, 37, 218)).facet_counts()
    low, high = {"DI": (0.8, 1.25), "TE": (-1.0, 1.0), "KL": (0.0, 0.02)}.get(metric, (-0.2, 0.2))

    found = detectable_change(metric, counts, low, high, flips=FlipCounts(6, 14, 100))

    if metric in ("CDDL", "CDDPL"):
        assert found is None
        return
    assert found.approximate == (metric in TABLE_METRICS)
    assert found.above is None or found.above > high
    assert found.below is None or found.below < low
    assert found.above is not None or found.below is not None


def test_the_flip_test_needs_its_counts():
    counts = ContingencyTable.from_confusion(a=(65, 10, 5, 20), d=(20, 5, 7, 18)).facet_counts()

    assert detectable_change("FT", counts, -0.1, 0.1) is None


def test_parametric_tables_have_the_moments_of_a_multinomial():
    shares = np.array([0.2, 0.3, 0.5])

    tables = draw_tables(1_000, shares, 0)

    assert tables.shape == (N_TABLES, 3)
    assert (tables.sum(axis=1) == 1_000).all()
    assert (tables >= 0).all()
    # standard errors of independent tables: .28 rows of a mean, 1.6 % of a standard deviation
    assert tables.mean(axis=0) == pytest.approx(1_000 * shares, abs=1.0)
    assert tables.std(axis=0) == pytest.approx(np.sqrt(1_000 * shares * (1 - shares)), rel=0.05)


def test_change_found_by_tables_is_near_the_closed_form_of_class_imbalance():
    # 150 of 200 rows in facet a: CI is seen above .6 when the share q of facet a is sure to be above .8;
    # on the logit: logit(q) = logit(.8) + (1.96 + .8416) standard errors 1 / sqrt(n q (1 - q)), solved by iteration
    q = 0.85
    for _ in range(50):
        logit = math.log(0.8 / 0.2) + (1.959964 + 0.841621) / math.sqrt(200 * q * (1 - q))
        q = 1 / (1 + math.exp(-logit))
    counts = ContingencyTable.from_labels(a=(100, 50), d=(20, 30)).facet_counts()

    found = detectable_change("CI", counts, -0.6, 0.6)

    assert found.above == pytest.approx(2 * q - 1, abs=0.015)


def test_rows_needed_are_those_of_the_textbook_within_the_difference_of_the_methods():
    # a difference of .05 from 0 at rates near .3: (1.96 + .8416)^2 (p_a q_a + p_d q_d) / .05^2 per group
    z_square = (1.959964 + 0.841621) ** 2
    by_textbook = [z_square * (0.3 * 0.7 + rate * (1 - rate)) / 0.05**2 for rate in (0.25, 0.35)]

    needed = rows_needed("DPPL", value=0.05, rate_a=0.3, share_d=0.5, low=0.0, high=0.0)

    assert [one.rate_d for one in needed] == pytest.approx([0.25, 0.35])
    assert [one.rows_d for one in needed] == pytest.approx(by_textbook, rel=0.01)
    # both rates .3: 1,319 a group
    assert np.mean([one.rows_d for one in needed]) == pytest.approx(1_319, rel=0.01)


def test_a_small_share_needs_many_rows_in_all():
    # the variance is p q (1/n_d + 1/n_a): at a share of .05, 21.05 / 4 times the rows of equal shares in all
    equal, small = (rows_needed("DPL", value=0.05, rate_a=0.3, share_d=share, low=0.0, high=0.0)[1].rows
                    for share in (0.5, 0.05))

    assert small / equal == pytest.approx((1 / 0.05 + 1 / 0.95) / 4, rel=0.03)


def test_rows_needed_reach_the_power_and_fewer_do_not():
    needed = rows_needed("DPPL", value=0.3, rate_a=0.5, share_d=0.2, **TENTH)[0]
    rows_a = needed.rows - needed.rows_d

    enough = power_of("DPPL", rows_a=rows_a, rows_d=needed.rows_d, rate_a=0.5, rate_d=0.2, **TENTH)
    fewer = power_of("DPPL", rows_a=rows_a * 9 // 10, rows_d=needed.rows_d * 9 // 10, rate_a=0.5, rate_d=0.2, **TENTH)

    assert enough >= 0.8 > fewer


def test_a_value_no_rate_can_give_needs_no_number_of_rows():
    assert rows_needed("DPL", value=0.9, rate_a=0.5, share_d=0.5, **TENTH) == ()


def test_a_direction_that_the_range_allows_is_left_out():
    needed = rows_needed("DPL", value=0.2, rate_a=0.5, share_d=0.3, low=None, high=0.1)

    assert [one.rate_d for one in needed] == pytest.approx([0.3])


def test_a_value_a_hair_outside_needs_more_rows_than_are_counted():
    # the difference to the edge is 1e-7: (2.8)^2 * .5 / 1e-14 rows
    needed = rows_needed("DPL", value=0.1 + 1e-7, rate_a=0.5, share_d=0.5, **TENTH)

    assert [one.rows for one in needed] == [None, None]


def test_the_power_of_a_metric_that_is_not_two_rates_is_refused():
    with pytest.raises(ConfigError, match=r"--metric: received GE .*\[PLAN-METRIC\]"):
        power_of("GE", rows_a=10, rows_d=10, rate_a=0.5, rate_d=0.5, low=None, high=0.1)


def test_a_curve_reflected_twice_is_itself():
    curve = Curve(TWO_RATES["KL"].signed, 0.3, "a")
    rates = np.linspace(0.01, 0.99, 50)

    assert curve.reflected().reflected() == curve
    assert curve.reflected().at(rates) == pytest.approx(1 - curve.at(1 - rates), abs=1e-9)
    # KL(.5 || .25) = .5 ln 2 + .5 ln(2/3) = .143841: its root is the edge that .25 meets
    edge = math.sqrt(0.5 * math.log(2) + 0.5 * math.log(2 / 3))
    assert Curve(TWO_RATES["KL"].signed, edge, "a").at(np.array([0.5]))[0] == pytest.approx(0.25, abs=1e-6)
    assert Curve(TWO_RATES["KL"].signed, edge, "d").at(np.array([0.25]))[0] == pytest.approx(0.5, abs=1e-6)


def test_a_boundary_nobody_reaches_is_never_seen():
    # rate of the smaller group below 0: impossible
    assert power_below(Line(1.0, -1.5), 0.2, 20, 0.9, 80, 0.025) == 0.0
