"""What every metric of the catalogue promises, over seeded tables: a new metric is tested by being listed."""

import math

import numpy as np
import pytest

from clarify.bias.catalog import METRICS
from clarify.bias.contingency import ContingencyTable
from clarify.bias.evaluate import aws_value, estimate, evaluate
from clarify.results import FlipCounts

SEEDS = range(4)


def each_metric(*kinds):
    chosen = [metric for metric in METRICS if not kinds or metric.kind in kinds]
    return pytest.mark.parametrize("metric", chosen, ids=lambda metric: metric.name)


METRIC = each_metric()
SEED = pytest.mark.parametrize("seed", SEEDS)


def random_table(seed, *, smallest=0):
    """Three strata and one unknown; sizes from a handful to hundreds; unknown facets, labels and predictions."""
    rng = np.random.default_rng(seed)
    scale = (3, 20, 300)[seed % 3]
    counts = rng.poisson(rng.gamma(1.0, scale, size=(3, 3, 3, 4)))
    counts[:2, :2, :2, 0] += smallest
    return ContingencyTable(counts, has_predictions=True, has_strata=True)


def random_flips(seed):
    to_positive, to_negative, n_unflipped = np.random.default_rng(seed).poisson([4, 7, 30])
    return FlipCounts(int(to_positive), int(to_negative), int(to_positive + to_negative + n_unflipped))


def swapped(table):
    return ContingencyTable(table.counts[[1, 0, 2]], has_predictions=True, has_strata=True)


def alike(table):
    """A table whose facet d is a copy of its facet a."""
    return ContingencyTable(table.counts[[0, 0, 2]], has_predictions=True, has_strata=True)


def of(metric, table, flips):
    return estimate(metric, table.known().with_flips(flips))


@METRIC
@SEED
def test_value_lies_in_the_declared_range(metric, seed):
    value = of(metric, random_table(seed), random_flips(seed)).value

    assert value is None or metric.low <= value <= metric.high


@METRIC
@SEED
def test_value_exists_when_every_cell_has_rows(metric, seed):
    assert of(metric, random_table(seed, smallest=1), random_flips(seed)).value is not None


@each_metric("difference", "ratio", "distance")
@SEED
def test_value_is_ideal_when_the_facets_are_identical(metric, seed):
    flips = FlipCounts(5, 5, 40)

    assert of(metric, alike(random_table(seed, smallest=1)), flips).value == pytest.approx(metric.ideal, abs=1e-12)


@METRIC
@SEED
def test_value_answers_when_the_facets_swap(metric, seed):
    table, flips = random_table(seed, smallest=1), random_flips(seed)
    back = FlipCounts(flips.to_negative, flips.to_positive, flips.n_d)
    value, other = of(metric, table, flips).value, of(metric, swapped(table), back).value

    if metric.kind == "difference":
        assert other == pytest.approx(-value, rel=1e-12, abs=1e-12)
    elif metric.kind == "ratio":
        assert other == pytest.approx(1 / value, rel=1e-12)
    elif metric.name == "KL":                      # the one distance that is not symmetric: both are positive
        assert math.copysign(1, other) == math.copysign(1, value) == 1
    else:
        assert other == pytest.approx(value, rel=1e-12, abs=1e-12)


@METRIC
@SEED
def test_value_ignores_multiplication_of_all_counts_by_ten(metric, seed):
    table, flips = random_table(seed, smallest=1), random_flips(seed)
    tenfold = ContingencyTable(table.counts * 10, has_predictions=True, has_strata=True)
    more = FlipCounts(flips.to_positive * 10, flips.to_negative * 10, flips.n_d * 10)

    assert of(metric, tenfold, more).value == pytest.approx(of(metric, table, flips).value, rel=1e-12, abs=1e-12)


@METRIC
@SEED
def test_interval_contains_the_finite_value_and_lies_in_the_range(metric, seed):
    found = of(metric, random_table(seed), random_flips(seed))
    if found.plausible is None:
        assert found.undefined_because is not None
        return

    interval = found.plausible.interval()

    assert interval.low <= interval.high
    assert found.value is None or interval.low <= found.value <= interval.high
    if not metric.needs_strata:                    # square-and-add limits may leave [-1, 1]
        assert metric.low <= interval.low
        assert interval.high <= metric.high


@METRIC
@SEED
def test_interval_narrows_with_ten_times_the_rows(metric, seed):
    table, flips = random_table(seed, smallest=1), random_flips(seed)
    tenfold = ContingencyTable(table.counts * 10, has_predictions=True, has_strata=True)
    more = FlipCounts(flips.to_positive * 10, flips.to_negative * 10, flips.n_d * 10)

    wide, narrow = (of(metric, *pair).plausible.interval() for pair in ((table, flips), (tenfold, more)))

    assert narrow.high - narrow.low < wide.high - wide.low


@each_metric("difference")
@SEED
def test_difference_intervals_mirror_when_the_facets_swap(metric, seed):
    table, flips = random_table(seed, smallest=1), random_flips(seed)
    back = FlipCounts(flips.to_negative, flips.to_positive, flips.n_d)

    one, other = (of(metric, *pair).plausible.interval() for pair in ((table, flips), (swapped(table), back)))

    # the facets read other columns of the lattice: measured .35 % of the width at worst, .8 % with four columns
    tolerance = (8e-3 if metric.name in ("DCA", "DCR") else 4e-3) * (one.high - one.low)
    assert other.low == pytest.approx(-one.high, abs=tolerance)
    assert other.high == pytest.approx(-one.low, abs=tolerance)


@METRIC
@SEED
def test_a_verdict_on_the_interval_and_on_the_p_values_is_the_same(metric, seed):
    table, flips = random_table(seed, smallest=1), random_flips(seed)
    plausible = of(metric, table, flips).plausible
    interval = plausible.interval()
    rng = np.random.default_rng(seed)

    for _ in range(20):
        centre, half = rng.normal(metric.ideal, 0.5), rng.gamma(1.0, 0.3)
        low, high = (None, half) if metric.kind == "distance" else (centre - half, centre + half)
        p = plausible.tail_p(low, high)
        lowest = -math.inf if low is None else low
        assert (p.inside <= 0.05) == (lowest < interval.low and interval.high < high)
        assert (p.outside <= 0.05) == (interval.high < lowest or high < interval.low)


@METRIC
@SEED
def test_both_readings_agree_when_nothing_is_unknown_and_every_cell_has_rows(metric, seed):
    counts = random_table(seed, smallest=1).counts.copy()
    counts[2], counts[:, 2], counts[:, :, 2] = 0, 0, 0
    table, flips = ContingencyTable(counts, has_predictions=True, has_strata=True), random_flips(seed)

    assert aws_value(metric, table.as_aws().with_flips(flips)).value == of(metric, table, flips).value


@SEED
def test_the_same_table_gives_the_same_bytes_twice(seed):
    def written():
        return repr(evaluate(
            random_table(seed), facet="f", value_or_threshold="1", stage="post_training", flips=random_flips(seed)
        ))

    assert written() == written()


@SEED
def test_the_order_of_strata_is_no_information(seed):
    table, flips = random_table(seed, smallest=1), random_flips(seed)
    reordered = ContingencyTable(table.counts[..., [2, 0, 1, 3]], has_predictions=True, has_strata=True)

    for metric in METRICS:
        one, other = of(metric, table, flips), of(metric, reordered, flips)
        assert other.value == pytest.approx(one.value, abs=1e-15, rel=1e-12)
