"""Differences between two models: by hand, against independence, and at the edges of what counts can say."""

import numpy as np
import pytest

from clarify.bias.catalog import BY_NAME
from clarify.bias.intervals import plausible_values
from clarify.bias.lattice import lattice_points
from clarify.bias.paired import (
    COMPARED,
    SHARES,
    JointTable,
    gained_and_lost,
    normal_points,
    paired_accuracy,
    paired_difference,
    unpaired_accuracy,
    unpaired_difference,
)
from clarify.errors import DataError
from clarify.results import Reason

# (label, champion, challenger): rows. Facet a: 40 rows; facet d: 20 rows.
PLACES = ((1, 1, 1), (1, 1, 0), (1, 0, 1), (1, 0, 0), (0, 1, 1), (0, 1, 0), (0, 0, 1), (0, 0, 0))
SIDE_A = dict(zip(PLACES, (14, 2, 1, 3, 3, 1, 2, 14), strict=True))
SIDE_D = dict(zip(PLACES, (4, 1, 2, 3, 1, 1, 1, 7), strict=True))


def joint(a, d, *, strata=1):
    counts = np.zeros((3, 3, 3, 3, strata), dtype=int)
    for side, cells in ((0, a), (1, d)):
        for place, rows in cells.items():
            counts[(side, *place, 0) if len(place) == 3 else (side, *place)] += rows
    return JointTable(counts, has_strata=strata > 1)


def swapped(cells):
    return {(label, after, before): rows for (label, before, after), rows in cells.items()}


def interval(difference):
    return difference.plausible.interval()


@pytest.fixture
def table():
    return joint(SIDE_A, SIDE_D)


def test_positive_decisions_by_hand(table):
    found = paired_difference("DPPL", table)

    # champion: a (14 + 2 + 3 + 1) / 40 = 20/40, d (4 + 1 + 1 + 1) / 20 = 7/20
    # challenger: a (14 + 1 + 3 + 2) / 40 = 20/40, d (4 + 2 + 1 + 1) / 20 = 8/20
    assert (found.champion, found.challenger) == pytest.approx((0.15, 0.10), abs=1e-12)
    assert found.value == pytest.approx(-0.05, abs=1e-12)


def test_precision_by_hand(table):
    found = paired_difference("DAR", table)

    # champion: a 16/20, d 5/7; challenger: a 15/20, d 6/8
    assert found.champion == pytest.approx(16 / 20 - 5 / 7, abs=1e-12)
    assert found.challenger == pytest.approx(0.0, abs=1e-12)


@pytest.mark.parametrize("name", [name for name in COMPARED if name != "CDDPL"])
def test_the_interval_holds_the_difference(name, table):
    found = paired_difference(name, table)

    assert interval(found).low <= found.value <= interval(found).high


@pytest.mark.parametrize("name", [name for name in COMPARED if name not in ("CDDPL", "TE")])
def test_plausible_differences_lie_around_the_value(name):
    # Ten times the rows, and facet d turned to positive often: the value is far from 0, and the middle of its law near.
    turned = {(1, 0, 1): 150, (0, 0, 1): 40, (1, 1, 0): 5}
    often = {place: 10 * rows + turned.get(place, 0) for place, rows in SIDE_D.items()}
    found = paired_difference(name, joint({place: 10 * rows for place, rows in SIDE_A.items()}, often))
    low, middle, high = np.quantile(found.plausible.values, [0.025, 0.5, 0.975])

    assert abs(middle - found.value) < 0.15 * (high - low)
    assert abs(found.value) > 0.2 * (high - low)


@pytest.mark.parametrize("name", [name for name in COMPARED if name != "CDDPL"])
def test_the_difference_changes_sign_when_the_models_swap(name, table):
    other = paired_difference(name, joint(swapped(SIDE_A), swapped(SIDE_D)))
    found = paired_difference(name, table)

    assert other.value == pytest.approx(-found.value, abs=1e-12)
    width = interval(found).high - interval(found).low
    assert abs(interval(other).low + interval(found).high) < 0.02 * width     # the lattice is not symmetric


@pytest.mark.parametrize("name", sorted(SHARES - {"CDDPL"}))
def test_models_that_mostly_agree_differ_less_on_the_same_rows_than_on_others(name):
    table = joint({place: 10 * rows if place[1] == place[2] else rows for place, rows in SIDE_A.items()},
                  {place: 10 * rows if place[1] == place[2] else rows for place, rows in SIDE_D.items()})  # fmt: skip
    paired = interval(paired_difference(name, table))
    alone = interval(unpaired_difference(name, table.of("champion").known(), table.of("challenger").known()))

    assert (paired.high - paired.low) < 0.7 * (alone.high - alone.low)


@pytest.mark.parametrize("name", [name for name in COMPARED if name != "CDDPL"])
def test_models_that_never_disagree_still_have_an_interval(name):
    table = joint({(1, 1, 1): 30, (1, 0, 0): 10, (0, 1, 1): 10, (0, 0, 0): 50},
                  {(1, 1, 1): 8, (1, 0, 0): 4, (0, 1, 1): 3, (0, 0, 0): 15})  # fmt: skip
    found = paired_difference(name, table)

    assert found.value == 0
    assert interval(found).low < 0 < interval(found).high


def test_the_interval_of_no_disagreement_is_that_of_half_a_row():
    # 100 rows a side and none changed: the share that changed is Beta(1, 100.5), its sign Beta(1/2, 1/2). The sum of
    # two such sides beyond 0.03 has little mass; a width of a few rows in 100 is what zero in 100 means.
    found = paired_difference("DPPL", joint({(1, 1, 1): 50, (0, 0, 0): 50}, {(1, 1, 1): 50, (0, 0, 0): 50}))

    assert 0.01 < interval(found).high < 0.04


def test_a_row_that_one_model_left_undecided_is_in_neither_value():
    with_unknown = joint({**SIDE_A, (1, 1, 2): 50, (0, 2, 0): 50}, SIDE_D)

    assert paired_difference("AD", with_unknown).champion == paired_difference("AD", joint(SIDE_A, SIDE_D)).champion


def test_a_row_without_a_label_counts_in_decisions_alone():
    with_unlabelled = joint({**SIDE_A, (2, 0, 1): 40}, SIDE_D)

    assert paired_difference("RD", with_unlabelled).value == paired_difference("RD", joint(SIDE_A, SIDE_D)).value
    # a: champion 20/80, challenger 60/80; d as before
    assert paired_difference("DPPL", with_unlabelled).champion == pytest.approx(20 / 80 - 7 / 20, abs=1e-12)


def test_a_metric_that_one_model_leaves_undefined_says_for_which():
    never_positive = {(1, 1, 0): 5, (0, 1, 0): 5, (1, 0, 0): 5, (0, 0, 0): 5}
    found = paired_difference("DAR", joint(never_positive, SIDE_D))

    assert (found.value, found.plausible) == (None, None)
    assert (found.undefined_champion, found.undefined_challenger) == (None, Reason.NO_ROWS)


def test_four_columns_of_the_lattice_are_the_house_lattice():
    from scipy.special import ndtri

    assert np.array_equal(normal_points(4), ndtri(lattice_points()).T)


@pytest.mark.parametrize("name", ["DPPL", "DI", "RD", "DAR", "TE", "DCA"])
def test_on_other_rows_the_spread_is_that_of_both_runs_together(name, table):
    champion, challenger = table.of("champion").known(), table.of("challenger").known()
    values = [plausible_values(name, run, BY_NAME[name].formula(run)).values for run in (champion, challenger)]
    together = unpaired_difference(name, champion, challenger).plausible.values
    # Inner half of the masses: variances of heavy tails do not add up, but medians of shuffled differences agree.
    shuffled = np.sort(values[1][np.random.default_rng(0).permutation(len(values[1]))] - values[0])

    for share in (0.025, 0.25, 0.5, 0.75, 0.975):
        low, high = np.quantile(shuffled, [max(share - 0.01, 0), min(share + 0.01, 1)])
        assert low <= np.quantile(together, share) <= high


def test_accuracy_of_all_rows_by_hand(table):
    cells = table.decided.sum(axis=(0, 4))
    found = paired_accuracy(cells)

    # right for the champion: 14 + 2 + 14 + 2, and 4 + 1 + 7 + 1; for the challenger 14 + 1 + 14 + 1, and 4 + 2 + 7 + 1
    assert (found.champion, found.challenger) == pytest.approx((45 / 60, 44 / 60), abs=1e-12)
    # gained: the challenger alone is right in (1, 0, 1) and (0, 1, 0)
    assert gained_and_lost(cells) == (1 + 1 + 2 + 1, 2 + 2 + 1 + 1)


def test_accuracy_of_other_rows_is_wider(table):
    champion, challenger = (table.of(run).known().everyone for run in ("champion", "challenger"))
    alone = unpaired_accuracy(champion, challenger)
    paired = paired_accuracy(table.decided.sum(axis=(0, 4)))

    assert alone.value == pytest.approx(paired.value, abs=1e-12)
    assert interval(alone).high - interval(alone).low > interval(paired).high - interval(paired).low


def stratified(move):
    """Two strata; ``move`` rows of facet d in the first one that only the challenger decides positively."""
    a = {(1, 1, 1, 0): 60, (1, 0, 0, 0): 40, (1, 1, 1, 1): 30, (1, 0, 0, 1): 70}
    d = {(1, 1, 1, 0): 15, (1, 0, 0, 0): 25 - move, (1, 0, 1, 0): move, (1, 1, 1, 1): 8, (1, 0, 0, 1): 32}
    return joint(a, d, strata=3)


def test_the_conditional_disparity_by_hand():
    found = paired_difference("CDDPL", stratified(5))

    # stratum 1, 140 rows: champion 25/65 - 15/75, challenger 20/60 - 20/80; stratum 2, 140 rows, the same for both
    assert found.value == pytest.approx(0.5 * ((20 / 60 - 20 / 80) - (25 / 65 - 15 / 75)), abs=1e-12)


def test_the_conditional_disparity_knows_that_the_rows_are_the_same():
    table = stratified(5)
    paired = interval(paired_difference("CDDPL", table))
    alone = interval(unpaired_difference("CDDPL", table.of("champion").known(), table.of("challenger").known()))

    assert paired.high - paired.low < 0.6 * (alone.high - alone.low)


def test_the_conditional_disparity_of_equal_decisions_has_an_interval():
    found = interval(paired_difference("CDDPL", stratified(0)))

    assert found.low < 0 < found.high


def test_a_table_of_another_shape_is_refused():
    with pytest.raises(DataError, match=r"counts: received shape \(3, 3, 3, 1\)"):
        JointTable(np.zeros((3, 3, 3, 1), dtype=int))
