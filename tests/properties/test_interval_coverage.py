"""How often the intervals hold what they claim, on seeded tables of small groups."""

import numpy as np
import pytest

from clarify.bias.contingency import ContingencyTable
from clarify.bias.intervals import plausible_values
from clarify.bias.pre_training import kullback_leibler_divergence, total_variation_distance

N_TABLES = 2_000
N_D, N_A = 20, 80


def coverage(name, p_a, p_d, truth):
    """Share of random tables whose interval of metric ``name`` holds the truth, each distinct table judged once."""
    rng = np.random.default_rng(20)
    pairs = np.column_stack([rng.binomial(N_A, p_a, N_TABLES), rng.binomial(N_D, p_d, N_TABLES)])
    distinct, times = np.unique(pairs, axis=0, return_counts=True)
    held = [holds(name, int(x_a), int(x_d), truth) for x_a, x_d in distinct]
    return float(np.average(held, weights=times))


def holds(name, x_a, x_d, truth):
    a, d = (x_a, 0, N_A - x_a, 0), (x_d, 0, N_D - x_d, 0)
    if name in ("KL", "TVD"):
        a, d = (x_a, 0, 0, N_A - x_a), (x_d, 0, 0, N_D - x_d)
    interval = plausible_values(name, ContingencyTable.from_confusion(a=a, d=d).known(), None).interval()
    return interval.low <= truth <= interval.high


@pytest.mark.parametrize(("name", "truth"), [("DPPL", 0.0), ("DI", 1.0)])
def test_small_facets_are_covered_at_equal_shares_of_a_tenth(name, truth):
    assert coverage(name, 0.1, 0.1, truth) >= 0.925


@pytest.mark.parametrize("name", ["KL", "TVD"])
def test_divergences_cover_zero_at_equality_where_an_unsigned_interval_never_would(name):
    assert coverage(name, 0.3, 0.3, 0.0) >= 0.93


def test_divergences_cover_their_true_value_away_from_equality():
    # the values of the formulas at the true shares, written as counts of 1,000 rows
    truth = ContingencyTable.from_labels(a=(500, 500), d=(300, 700)).known()

    assert coverage("TVD", 0.5, 0.3, total_variation_distance(truth)) >= 0.92
    assert coverage("KL", 0.5, 0.3, kullback_leibler_divergence(truth)) >= 0.92
