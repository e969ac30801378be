"""The lattice house against its table of expected values, all at 95 %."""

import math

import numpy as np
import pytest
from scipy.optimize import brentq
from scipy.special import betainc, betaincinv, expit

from clarify.bias.catalog import BY_NAME, METRICS
from clarify.bias.contingency import ContingencyTable
from clarify.bias.evaluate import estimate
from clarify.bias.intervals import LatticeValues, lattice_values, plausible_values
from clarify.bias.lattice import N_POINTS, lattice_points, shaped_logits
from clarify.errors import ConfigError
from clarify.results import FlipCounts

TABLES = {
    "german": ContingencyTable.from_confusion(a=(27, 1, 1, 3), d=(556, 31, 52, 229)),
    "monitor": ContingencyTable.from_confusion(a=(32, 17, 130, 45), d=(2, 0, 78, 30)),
    "docs": ContingencyTable.from_confusion(a=(65, 10, 5, 20), d=(20, 5, 7, 18)),
    "small": ContingencyTable.from_confusion(a=(6, 2, 4, 8), d=(1, 0, 3, 6)),
}

EXPECTED = [
    ("german", "DPL", 0.0264, 0.2621), ("german", "DPPL", 0.0505, 0.2865), ("german", "DI", 0.6981, 0.9309),
    ("german", "RD", -0.0707, 0.0909), ("german", "SD", -0.0960, 0.5968), ("german", "DAR", -0.1025, 0.0558),
    ("german", "DRR", -0.1630, 0.5316), ("german", "AD", -0.0911, 0.0872),
    ("german", "TE", -13.72, 2.0964), ("german", "DCA", -0.1577, 0.1014), ("german", "DCR", -1.2572, 0.4699),
    ("german", "GE", 0.0398, 0.0608),
    ("german", "KL", 0.00170, 0.21831), ("german", "JS", 0.00043, 0.06467), ("german", "TVD", 0.0264, 0.2621),
    ("german", "KS", 0.0264, 0.2621), ("german", "LP", 0.0264 * math.sqrt(2), 0.2621 * math.sqrt(2)),
    ("monitor", "DPPL", 0.1372, 0.2585), ("monitor", "RD", 0.0964, 0.2403), ("monitor", "SD", 0.1465, 0.3826),
    ("monitor", "GE", 0.7621, 1.1670), ("monitor", "DI", 0.0171, 0.2694), ("monitor", "DAR", -0.4409, 0.3286),
    ("monitor", "DRR", -0.0830, 0.1285), ("monitor", "TE", 22.73, math.inf),
    ("monitor", "KL", 0.0, 0.0286), ("monitor", "JS", 0.0, 0.0068), ("monitor", "TVD", 0.0, 0.1023),
    ("docs", "AD", -0.0395, 0.2331), ("docs", "RD", 0.0309, 0.3741), ("docs", "SD", -0.1278, 0.3369),
    ("docs", "DI", 0.4800, 0.8767), ("docs", "TE", -0.4112, 3.9992),
    ("small", "DPPL", -0.0371, 0.5322), ("small", "DI", 0.0268, 1.1297), ("small", "GE", 0.0944, 0.3936),
    ("small", "DCR", -0.6906, 0.3227),
]


def of(name, table, flips=None):
    return estimate(BY_NAME[name], table.known().with_flips(flips))


@pytest.mark.parametrize(("table", "name", "low", "high"), EXPECTED)
def test_interval_agrees_with_the_table_of_expected_values(table, name, low, high):
    tolerance = {"rel": 5e-3} if name == "TE" else {"abs": 1e-4}

    interval = of(name, TABLES[table]).plausible.interval()

    assert interval.low == pytest.approx(low, **tolerance)
    assert interval.high == pytest.approx(high, **tolerance)
    assert interval.level == 0.95


@pytest.mark.parametrize(("name", "low", "high"), [("KL", 0.0413, 0.4672), ("JS", 0.0207, 0.2543)])
def test_signed_roots_of_the_divergences_agree_with_the_table(name, low, high):
    values = lattice_values(name, TABLES["german"].known())

    assert np.quantile(values, [0.025, 0.975]) == pytest.approx([low, high], abs=1e-4)


def exact_mass_at_most(edge, x_a, n_a, x_d, n_d):
    """Posterior mass of theta_a - theta_d <= edge, by quadrature over theta_d."""
    theta_d = betaincinv(x_d + 0.5, n_d - x_d + 0.5, (np.arange(20_000) + 0.5) / 20_000)
    return betainc(x_a + 0.5, n_a - x_a + 0.5, np.clip(theta_d + edge, 0, 1)).mean()


def exact_interval(*counts):
    return [brentq(lambda edge, p=p: exact_mass_at_most(edge, *counts) - p, -1, 1, xtol=1e-10) for p in (0.025, 0.975)]


@pytest.mark.parametrize(("counts", "low", "high"), [
    ((28, 32, 587, 868), 0.0505166, 0.2865454),      # German DPPL
    ((28, 32, 608, 868), 0.0264800, 0.2621319),      # German DPL
    ((0, 10, 40, 160), -0.3046740, -0.0261952),
    ((56, 70, 48, 80), 0.0538251, 0.3360777),
    ((200, 400, 30, 100), 0.0936878, 0.2966640),
])
def test_lattice_agrees_with_exact_quadrature_of_the_same_posterior(counts, low, high):
    x_a, n_a, x_d, n_d = counts
    table = ContingencyTable.from_labels(a=(x_a, n_a - x_a), d=(x_d, n_d - x_d))

    interval = plausible_values("DPL", table.known(), None).interval()

    # 1e-6 is the printed precision plus the quadrature's own error; the lattice errs by up to .09 % of the width here
    assert exact_interval(*counts) == pytest.approx([low, high], abs=1e-6)
    assert [interval.low, interval.high] == pytest.approx([low, high], abs=1e-3 * (high - low))


@pytest.mark.parametrize(("x_a", "x_d", "expected"), [(200, 30, 0.032486), (176, 24, 0.027410)])
def test_tail_mass_below_an_edge_agrees_with_the_table(x_a, x_d, expected):
    table = ContingencyTable.from_labels(a=(x_a, 400 - x_a), d=(x_d, 100 - x_d))

    outside = of("DPL", table).plausible.tail_p(None, 0.1).outside

    # the table's value is exact; the lattice's p may differ by 2 %, and does by .3 %
    assert exact_mass_at_most(0.1, x_a, 400, x_d, 100) == pytest.approx(expected, abs=1e-6)
    assert outside == pytest.approx(2 * expected, rel=4e-3)


@pytest.mark.parametrize(("table", "name", "side", "expected"), [
    ("german", "DPPL", "outside", 0.1755), ("german", "AD", "inside", 0.0381),
    ("monitor", "DPPL", "outside", 0.00204), ("monitor", "SD", "outside", 0.00760),
    ("monitor", "RD", "outside", 0.0622),
])
def test_p_values_against_a_tenth_agree_with_the_table(table, name, side, expected):
    p = of(name, TABLES[table]).plausible.tail_p(-0.1, 0.1)

    # the table allows 2 %; its last printed digit is within .25 %
    assert getattr(p, side) == pytest.approx(expected, rel=3e-3)
    assert max(p) == 1.0


@pytest.mark.parametrize(("to_negative", "to_positive", "low", "high"), [
    (7, 3, -0.0443, 0.2050), (0, 0, -0.0421, 0.0420),
])
def test_flip_test_interval_agrees_with_the_table(to_negative, to_positive, low, high):
    flips = FlipCounts(to_positive, to_negative, 50)

    interval = of("FT", TABLES["german"], flips).plausible.interval()

    assert [interval.low, interval.high] == pytest.approx([low, high], abs=1e-4)


@pytest.mark.parametrize(("strata", "value", "low", "high"), [
    ([(46, 32, 54, 68)], 0.14, 0.004921, 0.268131),
    ([(10, 4, 30, 36), (6, 9, 14, 31), (3, 1, 2, 4)], 0.1366667, 0.005672, 0.269217),
])
def test_conditional_disparity_interval_agrees_with_the_table(strata, value, low, high):
    table = ContingencyTable.from_label_strata(
        a=[(a_accepted, a_rejected) for _, _, a_rejected, a_accepted in strata],
        d=[(d_accepted, d_rejected) for d_rejected, d_accepted, _, _ in strata],
    )

    found = of("CDDL", table)
    interval = found.plausible.interval()

    assert found.value == pytest.approx(value, abs=1e-6)
    assert [interval.low, interval.high] == pytest.approx([low, high], abs=1e-6)


def test_a_difference_of_nothing_from_nothing_contains_zero():
    table = ContingencyTable.from_labels(a=(0, 40), d=(0, 10))

    interval = of("DPL", table).plausible.interval()

    assert interval.low < 0 < interval.high


def test_the_interval_is_widened_to_contain_a_point_beyond_the_quantiles():
    values = LatticeValues(np.linspace(0.2, 0.4, N_POINTS), point=0.1)

    assert values.interval().low == 0.1
    # .975 of the way from .2 to .4, half a lattice step aside
    assert values.interval().high == pytest.approx(0.395, abs=0.2 / N_POINTS)


def test_a_point_outside_the_range_forbids_inside_and_a_point_inside_forbids_outside():
    values = np.linspace(0.2, 0.4, N_POINTS)

    assert LatticeValues(values, point=0.1).tail_p(0.15, 0.5).inside == 1.0
    assert LatticeValues(values, point=0.1).tail_p(0.0, 0.15).outside == 1.0


def test_an_infinite_side_is_never_inside_a_bounded_range():
    values = np.linspace(0.2, 0.4, N_POINTS)

    assert LatticeValues(values, None, open_above=True).tail_p(0.0, 1.0).inside == 1.0
    assert LatticeValues(values, None, open_above=True).tail_p(0.0, None).inside < 1e-4
    assert LatticeValues(values, None, open_above=True).tail_p(-1.0, 0.1).outside < 1e-4


def test_a_missing_side_of_the_range_is_never_left():
    values = LatticeValues(np.linspace(0.2, 0.4, N_POINTS), point=0.3)

    assert values.tail_p(None, None) == (1.0, 0.0)
    assert values.tail_p(None, 1.0).inside < 1e-4


def test_a_divergence_is_judged_on_both_sides_of_equality():
    # half of the signed values below -.1, half above .1: none within the range that TVD <= .1 allows
    signed = np.concatenate([np.linspace(-0.3, -0.2, N_POINTS // 2), np.linspace(0.2, 0.3, N_POINTS // 2)])

    p = LatticeValues(signed, None, power=1).tail_p(0.0, 0.1)

    assert p.inside == pytest.approx(1.0)


def test_a_divergence_judged_far_from_equality_is_outside():
    table = ContingencyTable.from_labels(a=(90, 10), d=(10, 90))

    assert of("TVD", table).plausible.tail_p(0.0, 0.1).outside < 1e-3
    assert of("KL", table).plausible.tail_p(None, 0.01).outside < 1e-3


def test_a_range_that_excludes_equality_is_refused_for_a_divergence():
    table = ContingencyTable.from_labels(a=(9, 10), d=(10, 9))

    with pytest.raises(ConfigError, match=r"range: received \[0.1, 0.2\]"):
        of("TVD", table).plausible.tail_p(0.1, 0.2)


def test_tail_masses_of_the_stratified_interval_meet_its_limits():
    table = ContingencyTable.from_label_strata(a=[(36, 30), (31, 14)], d=[(4, 10), (9, 6)])
    plausible = of("CDDL", table).plausible
    interval = plausible.interval()

    # an edge at a 95 % limit has a two-sided p of 5 %
    assert plausible.tail_p(interval.low, None).inside == pytest.approx(0.05, abs=1e-9)
    assert plausible.tail_p(None, interval.high).inside == pytest.approx(0.05, abs=1e-9)
    assert plausible.tail_p(None, interval.low).outside == pytest.approx(0.05, abs=1e-9)


@pytest.mark.parametrize("name", [metric.name for metric in METRICS if not metric.needs_strata])
def test_p_value_and_interval_agree_at_the_limit(name):
    plausible = of(name, TABLES["docs"], FlipCounts(3, 7, 50)).plausible
    interval = plausible.interval()
    if plausible.power is not None:
        assert plausible.tail_p(None, interval.high).inside <= 0.05 + 2 / N_POINTS
        return

    assert plausible.tail_p(interval.low, None).inside == pytest.approx(0.05, abs=2 / N_POINTS)
    assert plausible.tail_p(None, interval.low).outside == pytest.approx(0.05, abs=3 / N_POINTS)


def test_first_lattice_row_is_the_stated_one():
    assert lattice_points()[0] == pytest.approx([0.35667488, 0.23389186, 0.12870672, 0.03859726], abs=5e-9)


@pytest.mark.parametrize(("alpha", "beta"), [(0.5, 0.5), (0.5, 25_000.5), (3.5, 200.5), (12_000.5, 25_000.5)])
def test_lattice_quantiles_have_six_digits(alpha, beta):
    uniform = lattice_points()[:, 1]

    proportions = expit(shaped_logits(alpha, beta, 2))

    assert np.max(np.abs(proportions / betaincinv(alpha, beta, uniform) - 1)) < 1e-6


def test_a_metric_of_one_proportion_has_its_closed_form_quantiles():
    table = ContingencyTable.from_labels(a=(150, 50), d=(20, 17))

    interval = of("CI", table).plausible.interval()

    share_of_d = betaincinv(37.5, 200.5, [0.975, 0.025])
    assert [interval.low, interval.high] == pytest.approx(list(1 - 2 * share_of_d), abs=1e-7)
