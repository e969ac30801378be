import numpy as np
import pytest
from sklearn.neighbors import KNeighborsClassifier

from clarify.bias.contingency import FlipFailure
from clarify.bias.flip_test import NON_NUMERIC, FlipReference, add_flips, count_flips, find_failure
from clarify.errors import DataError
from clarify.results import FlipCounts, Reason


def random_facets(seed, n_a, n_d, n_features):
    rng = np.random.default_rng(seed)
    features_a, predictions_a = rng.normal(size=(n_a, n_features)), rng.random(n_a) < 0.4
    return features_a, predictions_a, rng.normal(size=(n_d, n_features)), rng.random(n_d) < 0.6


@pytest.mark.parametrize("algorithm", ["brute", "kd_tree"])
@pytest.mark.parametrize(("seed", "n_a", "n_features"), [(0, 9, 3), (1, 10, 3), (2, 300, 1), (3, 500, 20), (4, 1, 2)])
def test_neighbours_agree_with_scikit_learn_when_no_distances_tie(seed, n_a, n_features, algorithm):
    features_a, predictions_a, features_d, _ = random_facets(seed, n_a, 200, n_features)
    reference = FlipReference(features_a, predictions_a)
    classifier = KNeighborsClassifier(n_neighbors=5 if n_a > 9 else 1, algorithm=algorithm)

    expected = classifier.fit(features_a, predictions_a).predict(features_d)

    assert reference.neighbours_say(features_d).tolist() == expected.tolist()


def test_neighbours_agree_with_scikit_learn_on_whole_numbers_whose_ties_are_predicted_alike():
    rng = np.random.default_rng(5)
    features_a = rng.integers(0, 4, size=(400, 2)).astype(float)
    predictions_a = features_a.sum(axis=1) > 3           # equal rows, equal predictions; ties only among copies
    features_d = features_a[:100]
    expected = KNeighborsClassifier(5, algorithm="kd_tree").fit(features_a, predictions_a).predict(features_d)

    assert FlipReference(features_a, predictions_a).neighbours_say(features_d).tolist() == expected.tolist()


def test_five_neighbours_from_ten_rows_on_and_one_below():
    assert FlipReference(np.zeros((9, 1)), np.zeros(9)).n_neighbours == 1
    assert FlipReference(np.zeros((10, 1)), np.zeros(10)).n_neighbours == 5


def test_among_equally_near_rows_those_that_come_first_in_facet_a_win():
    # ten rows at the same place: only the first five may vote
    first_five = np.array([1] * 5 + [0] * 5)
    place = np.zeros((10, 1))

    assert FlipReference(place, first_five).neighbours_say(np.array([[3.0]])).tolist() == [True]
    assert FlipReference(place, 1 - first_five).neighbours_say(np.array([[3.0]])).tolist() == [False]


def test_a_nearer_row_is_never_displaced_by_a_tie():
    # nearest to 0: the rows at 0.1 and 0.2 (positive), then eight at distance 1 of which three vote (negative)
    features = np.array([[1.0], [-1.0], [1.0], [1.0], [1.0], [1.0], [1.0], [1.0], [0.1], [0.2]])
    predictions = np.array([0, 0, 1, 0, 0, 0, 0, 0, 1, 1])

    # votes: 0.1 -> 1, 0.2 -> 1, then rows 0, 1, 2 -> 0, 0, 1: three of five
    assert FlipReference(features, predictions).neighbours_say(np.array([[0.0]])).tolist() == [True]


@pytest.mark.parametrize("block_bytes", [1, 40_000, 10**9])
def test_the_cut_into_blocks_changes_nothing(block_bytes):
    features_a, predictions_a, features_d, predictions_d = random_facets(6, 80, 101, 2)
    features_a, features_d = np.round(features_a), np.round(features_d)
    whole = count_flips(features_a, predictions_a, features_d, predictions_d)
    reference = FlipReference(features_a, predictions_a, block_bytes=block_bytes)

    parts = [reference.count(features_d[rows], predictions_d[rows]) for rows in (slice(0, 40), slice(40, 101))]

    assert add_flips(*parts) == whole
    assert whole.n_d == 101


def test_each_direction_of_a_flip_is_counted_in_its_place():
    # one neighbour each: it says 1 for the rows near 0, and 0 for the rows near 10
    flips = count_flips([[0.0], [10.0]], [1, 0], [[1.0], [2.0], [9.0], [8.0], [7.0]], [0, 1, 1, 1, 0])

    assert flips == FlipCounts(to_positive=1, to_negative=2, n_d=5)


def test_an_empty_block_of_facet_d_counts_nobody():
    assert count_flips([[0.0]], [1], np.zeros((0, 1)), []) == FlipCounts(0, 0, 0)


@pytest.mark.parametrize(("features", "reason"), [
    (np.array([[1.0, np.nan], [0.0, 1.0]]), Reason.MISSING_FEATURES),
    (np.array([[1.0, np.inf], [0.0, 1.0]]), Reason.MISSING_FEATURES),
    (np.zeros((2, 0)), Reason.NON_NUMERIC_FEATURES),
])
def test_a_failure_speaks_the_words_of_scikit_learn(features, reason):
    with pytest.raises(ValueError, match=r"Input X|0 feature") as refused:
        KNeighborsClassifier(1).fit(features, [0, 1])

    assert find_failure(features) == FlipFailure(reason, str(refused.value))


def test_a_failed_block_fails_the_test_whichever_side_it_comes_from():
    counts = FlipCounts(1, 2, 3)

    assert add_flips(counts, NON_NUMERIC) == add_flips(NON_NUMERIC, counts) == NON_NUMERIC


def test_missing_values_in_facet_d_fail_the_block():
    outcome = count_flips([[0.0]], [1], [[np.nan]], [1])

    assert isinstance(outcome, FlipFailure)
    assert outcome.reason is Reason.MISSING_FEATURES


def test_a_facet_a_without_rows_is_refused_with_its_shapes():
    with pytest.raises(DataError, match=r"features_a: received features \(0, 2\), predictions \(0,\)"):
        FlipReference(np.zeros((0, 2)), np.zeros(0))
