"""Centres of clusters as baseline rows: k-means for numbers, k-prototypes where some columns are text."""

from itertools import product

import numpy as np
import pytest
from sklearn.cluster import KMeans

from clarify.errors import ConfigError, DataError
from clarify.explain.clusters import Sample, assign, cluster_centres, k_prototypes, prepare

NAN = np.nan
NUMBERS = np.array([False, False])
MIXED = np.array([False, False, True, True])


def mixed_rows(seed, n):
    """Two columns of numbers with different units, two of text."""
    draw = np.random.default_rng(seed)
    return np.column_stack([draw.normal(size=(n, 2)) * [1, 1000], draw.integers(0, 3, (n, 2))]).astype(float)


def cost_of(sample, clusters, gamma):
    """Huang's cost of an assignment, under the best centre for each cluster, term by term."""
    total = 0.0
    for label in set(clusters):
        numbers, words = sample.numbers[clusters == label], sample.words[clusters == label]
        total += ((numbers - numbers.mean(axis=0)) ** 2).sum()
        total += gamma * sum(len(column) - max(np.bincount(column)) for column in words.T)
    return total


def test_a_centre_is_the_mean_of_numbers_and_the_mode_of_text():
    values = np.array([[1.0, 7], [3.0, 7], [2.0, 4], [50.0, 5], [54.0, 5]])

    centres, sizes = cluster_centres(values, np.array([False, True]), 2, seed=0)

    np.testing.assert_allclose(centres, [[2, 7], [52, 5]])
    assert sizes.tolist() == [3, 2]


def test_numbers_weigh_the_same_whatever_their_units():
    values = np.array([[0.0, 0], [0.01, 100], [1.0, 0], [1.01, 100]])      # by the wide column it would be other halves
    apart = np.column_stack([values, values[:, 0]])                        # two columns speak for these

    centres, _ = cluster_centres(apart, np.zeros(3, dtype=bool), 2, seed=0)

    np.testing.assert_allclose(centres, [[0.005, 50, 0.005], [1.005, 50, 1.005]])


@pytest.mark.parametrize("seed", range(12))
def test_k_prototypes_finds_the_best_of_all_assignments_of_few_rows(seed):
    sample = prepare(mixed_rows(seed, 8), MIXED)
    n_clusters = 2 + seed % 2
    every = (np.array(a) for a in product(range(n_clusters), repeat=8))

    found = k_prototypes(sample, n_clusters, seed)

    best = min(cost_of(sample, assignment, 0.5) for assignment in every if len(set(assignment)) == n_clusters)
    assert cost_of(sample, found, 0.5) == pytest.approx(best, rel=1e-12)


@pytest.mark.parametrize("seed", range(6))
def test_moving_one_row_to_another_centre_lowers_no_cost(seed):
    sample = prepare(mixed_rows(seed, 120), MIXED)

    found = k_prototypes(sample, 5, seed)

    assert set(found) == set(range(5))
    costs = np.empty((120, 5))
    for label in range(5):
        mean = sample.numbers[found == label].mean(axis=0)
        modes = [np.bincount(column).argmax() for column in sample.words[found == label].T]
        costs[:, label] = ((sample.numbers - mean) ** 2).sum(1) + 0.5 * (sample.words != modes).sum(1)
    assert (costs[np.arange(120), found] <= costs.min(axis=1) + 1e-12).all()


def numbers_alone(*numbers):
    return Sample(np.array(numbers, dtype=float)[:, None], np.empty((len(numbers), 0), dtype=int))


def test_a_centre_nobody_is_near_takes_the_row_worst_off():
    centres = numbers_alone(0, 0)

    cost, clusters = assign(numbers_alone(1, 0, 5, 2), centres.numbers, centres.words, 0.5)

    assert clusters.tolist() == [0, 0, 1, 0]
    assert cost == 1 + 4            # the row that moved is its own centre from now on


def test_no_cluster_loses_its_only_row_to_an_empty_one():
    centres = numbers_alone(0, 0, 100)

    _, clusters = assign(numbers_alone(0, 1, 90), centres.numbers, centres.words, 0.5)

    assert clusters.tolist() == [0, 1, 2]


@pytest.mark.parametrize("seed", range(4))
def test_without_text_k_prototypes_is_k_means(seed):
    draw = np.random.default_rng(seed)
    values = np.concatenate([draw.normal(size=(30, 2)) + middle for middle in ([0, 0], [9, 0], [0, 9])])
    sample = prepare(values, NUMBERS)

    ours = k_prototypes(sample, 3, seed)

    theirs = KMeans(3, n_init=10, random_state=0).fit((values - values.mean(0)) / values.std(0))
    assert cost_of(sample, ours, 0.5) == pytest.approx(theirs.inertia_, rel=1e-9)


def test_numbers_alone_are_clustered_with_the_inertia_of_k_means():
    draw = np.random.default_rng(3)
    values = np.concatenate([draw.normal(size=(40, 2)) * [1, 50] + middle for middle in ([0, 0], [6, 0], [3, 400])])
    scaled = (values - values.mean(0)) / values.std(0)

    centres, sizes = cluster_centres(values, NUMBERS, 3, seed=11)

    at = (centres - values.mean(0)) / values.std(0)
    nearest = ((scaled[:, None] - at) ** 2).sum(-1).min(1)
    assert nearest.sum() == pytest.approx(KMeans(3, n_init=10, random_state=0).fit(scaled).inertia_, rel=1e-9)
    assert sizes.sum() == 120


def test_text_alone_has_the_modes_as_centres():
    values = np.array([[0.0, 5], [0, 5], [0, 6], [1, 7], [1, 7]])

    centres, sizes = cluster_centres(values, np.array([True, True]), 2, seed=0)

    assert centres.tolist() == [[0, 5], [1, 7]]
    assert sizes.tolist() == [3, 2]


def test_numbers_that_never_vary_leave_the_decision_to_the_text():
    values = np.array([[4.0, 1], [4.0, 1], [4.0, 2], [4.0, 2], [4.0, 2], [4.0, 3]])

    centres, _ = cluster_centres(values, np.array([False, True]), 2, seed=0)

    assert sorted(centres.tolist()) == [[4, 1], [4, 2]]        # one row is off; with the centres 2 and 3, two would be


@pytest.mark.parametrize("is_text", [np.zeros(4, dtype=bool), MIXED])
def test_one_seed_gives_the_same_bits_again(is_text):
    values = mixed_rows(0, 300)

    first, again = (cluster_centres(values, is_text, 4, seed=2**63 - 1) for _ in range(2))

    np.testing.assert_array_equal(first[0], again[0])
    np.testing.assert_array_equal(first[1], again[1])


def test_the_largest_cluster_comes_first_then_the_smallest_cells():
    values = np.array([[5.0, 1], [5.0, 0], [9.0, 0], [9.0, 0], [NAN, 0]])

    centres, sizes = cluster_centres(values, np.array([True, True]), 9, seed=0)

    np.testing.assert_array_equal(centres, [[9, 0], [5, 0], [5, 1], [NAN, 0]])
    assert sizes.tolist() == [2, 1, 1, 1]


def test_more_clusters_than_distinct_rows_give_the_distinct_rows():
    values = np.array([[1.0, 2.0], [3.0, 4.0], [1.0, 2.0]])

    centres, sizes = cluster_centres(values, NUMBERS, 12, seed=0)

    np.testing.assert_allclose(centres, [[1, 2], [3, 4]])
    assert sizes.tolist() == [2, 1]


def test_a_centre_is_missing_where_most_members_are():
    members = [[0.0, NAN], [0.1, NAN], [0.2, 8.0], [100.0, NAN], [100.1, 4.0], [100.2, 6.0]]

    centres, _ = cluster_centres(np.array(members), NUMBERS, 2, seed=0)

    np.testing.assert_allclose(centres, [[0.1, NAN], [100.1, 5.0]])


def test_a_missing_text_is_a_word_of_its_own():
    values = np.array([[0.0, NAN], [0.1, NAN], [0.2, 8.0], [100.0, 8.0], [100.1, NAN], [100.2, 8.0], [100.3, 8.0]])

    centres, _ = cluster_centres(values, np.array([False, True]), 2, seed=0)

    np.testing.assert_allclose(centres, [[100.15, 8.0], [0.1, NAN]])


def test_integers_are_rounded_where_the_caller_says_so():
    values = np.array([[1.0, 1.0], [2.0, 2.0], [2.0, 2.0], [60.0, 60.0], [61.0, 61.0], [61.0, 61.0]])
    is_integer = np.array([True, False])

    centres, _ = cluster_centres(values, NUMBERS, 2, seed=0, is_integer=is_integer)

    np.testing.assert_allclose(centres, [[2, 5 / 3], [61, 182 / 3]])


def test_centres_that_rounding_makes_equal_become_one():
    values = np.array([[0.0], [0.0], [0.1], [0.4], [0.4], [-0.3], [30.0]])

    centres, sizes = cluster_centres(values, np.array([False]), 4, seed=0, is_integer=np.array([True]))

    assert centres.tolist() == [[0.0], [30.0]]
    assert sizes.tolist() == [6, 1]


def test_infinite_and_huge_numbers_have_a_place():
    values = np.array([[-np.inf], [-1.7e308], [-1.7e308], [1.7e308], [np.inf]])

    centres, sizes = cluster_centres(values, np.array([False]), 2, seed=0)

    np.testing.assert_allclose(centres, [[-1.7e308], [1.7e308]])
    assert sizes.tolist() == [3, 2]


@pytest.mark.parametrize("nothing", [NAN, 3.0, np.inf, 5e-324])
def test_a_column_without_a_range_decides_nothing(nothing):
    values = np.column_stack([np.full(4, nothing), [0.0, 1.0, 50.0, 51.0]])

    centres, _ = cluster_centres(values, NUMBERS, 2, seed=0)

    np.testing.assert_allclose(centres[:, 1], [0.5, 50.5])


def test_rows_nearer_than_a_distance_can_show_are_one():
    values = np.column_stack([[0.0, 1e-200, 2e-200, 1.0], np.zeros(4)])

    _, sizes = cluster_centres(values, np.array([False, True]), 3, seed=0)

    assert sizes.tolist() == [3, 1]


def test_a_sample_without_rows_is_refused():
    with pytest.raises(DataError, match=r"num_clusters: received a sample of 0 rows .*SHAP-BASELINE-NO-ROWS"):
        cluster_centres(np.empty((0, 2)), NUMBERS, 2, seed=0)


def test_no_cluster_is_refused():
    with pytest.raises(ConfigError, match=r"methods.shap.num_clusters: received 0 .*CFG-VALUE"):
        cluster_centres(np.zeros((3, 2)), NUMBERS, 0, seed=0)
