"""Values of tree ensembles are the Shapley values by their definition, for any players, baseline and missing values."""

from itertools import permutations
from math import factorial

import numpy as np
import pytest

from clarify.errors import DataError
from clarify.explain.players import Players
from clarify.explain.trees import MAX_DEPTH, TreeEnsemble, explain_trees

GRID = np.array([-1.0, -0.5, 0.0, 0.5, 1.0])


def random_trees(seed, *, n_columns=5, n_trees=6, depth=4, n_outputs=1):
    """Trees that test few columns often, so that paths test one column again; thresholds lie on the values."""
    rng = np.random.default_rng(seed)
    nodes, roots = [], []

    def grow(level):
        place = len(nodes)
        nodes.append([-1, -1, rng.integers(n_columns), rng.choice(GRID), rng.random() < 0.5, rng.normal()])
        if level < depth and rng.random() < 0.85:
            nodes[place][0] = grow(level + 1)
            nodes[place][1] = grow(level + 1)
        return place

    for _ in range(n_trees):
        roots.append(grow(0))
    left, right, columns, thresholds, missing_left, leaf_values = (np.array(part) for part in zip(*nodes, strict=True))
    return TreeEnsemble(
        np.column_stack([left, right]).astype(np.int32), columns.astype(np.int32), thresholds.astype(np.float32),
        missing_left.astype(bool), leaf_values, np.array(roots, np.int32),
        np.arange(n_trees, dtype=np.int32) % n_outputs, rng.normal(size=n_outputs), n_columns,
    )


def chain(depth, *, n_columns=1):
    """A path of tests that go left at 0, column after column, with leaf value 1 at its end and 0 aside."""
    inner, aside = np.arange(depth), np.full(depth, 0)
    left = np.concatenate([inner + 1, [-1], [-1] * depth])
    right = np.concatenate([depth + 1 + inner, [-1], [-1] * depth])
    columns = np.concatenate([inner % n_columns, np.zeros(depth + 1)])
    values = np.concatenate([aside, [1], aside])
    n_nodes = 2 * depth + 1
    return TreeEnsemble(
        np.column_stack([left, right]).astype(np.int32), columns.astype(np.int32), np.zeros(n_nodes, np.float32),
        np.ones(n_nodes, bool), values.astype(float), np.zeros(1, np.int32), np.zeros(1, np.int32), np.zeros(1),
        n_columns,
    )


def random_rows(seed, n, n_columns, *, missing=0.2):
    rng = np.random.default_rng(seed)
    rows = rng.choice(np.append(GRID, [-0.75, 0.25, 2.0]), size=(n, n_columns))
    rows[rng.random(rows.shape) < missing] = np.nan
    return rows


def walked_margin(ensemble, row):
    """One row through one node after another, as the class says it."""
    margins = ensemble.base_scores.copy()
    for root, output in zip(ensemble.roots, ensemble.outputs, strict=True):
        node = root
        while ensemble.children[node, 0] >= 0:
            value = np.float32(row[ensemble.columns[node]])
            left = ensemble.missing_left[node] if np.isnan(value) else value < ensemble.thresholds[node]
            node = ensemble.children[node, 0 if left else 1]
        margins[output] += ensemble.leaf_values[node]
    return margins


def by_definition(ensemble, row, baseline, players):
    """The weighted sum over all coalitions, mean over baseline rows; shape (n_outputs, n_players)."""
    n_players = len(players)
    game = np.zeros((2**n_players, ensemble.n_outputs))
    for coalition in range(2**n_players):
        present = [c for p, columns in enumerate(players.columns) if coalition >> p & 1 for c in columns]
        for other in baseline:
            mixture = other.copy()
            mixture[present] = row[present]
            game[coalition] += walked_margin(ensemble, mixture) / len(baseline)
    values = np.zeros((ensemble.n_outputs, n_players))
    for player in range(n_players):
        for coalition in range(2**n_players):
            if not coalition >> player & 1:
                size = coalition.bit_count()
                weight = factorial(size) * factorial(n_players - size - 1) / factorial(n_players)
                values[:, player] += weight * (game[coalition | 1 << player] - game[coalition])
    return values


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("n_baseline", [1, 3, 5])
def test_values_of_random_trees_equal_the_definition(seed, n_baseline):
    ensemble = random_trees(seed, n_columns=5, n_outputs=2)
    rows, baseline = random_rows(seed, 3, 5), random_rows(seed + 100, n_baseline, 5)

    values = explain_trees(ensemble, rows, baseline, Players.single(5))

    for row, found in zip(rows, values, strict=True):
        assert found == pytest.approx(by_definition(ensemble, row, baseline, Players.single(5)), abs=1e-12)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("n_baseline", [1, 5])
def test_values_of_groups_of_columns_equal_the_definition(seed, n_baseline):
    ensemble = random_trees(seed, n_columns=8)
    players = Players.grouped([(0, 5, 2), (7, 3)], 8)
    rows, baseline = random_rows(seed, 3, 8), random_rows(seed + 100, n_baseline, 8)

    values = explain_trees(ensemble, rows, baseline, players)

    for row, found in zip(rows, values, strict=True):
        assert found == pytest.approx(by_definition(ensemble, row, baseline, players), abs=1e-12)


def test_a_leaf_that_needs_three_players_present_and_one_absent_gives_shares_by_hand():
    # 1 for x0, x1, x2 < 0 and x3 < 0: the row satisfies the first three, the baseline the fourth.
    ensemble = chain(4, n_columns=4)
    row, baseline = np.array([[-1.0, -1.0, -1.0, 1.0]]), np.array([[1.0, 1.0, 1.0, -1.0]])

    values = explain_trees(ensemble, row, baseline, Players.single(4))[0, 0]

    # Of the 24 orders, player 3 comes last in 6: in these the last of the others brings 1 (2 orders each), and 3 takes
    # it away. In no other order is the leaf ever reached.
    orders = list(permutations(range(4)))
    assert [sum(order[3] == 3 and order[2] == player for order in orders) for player in range(3)] == [2, 2, 2]
    assert values == pytest.approx([2 / 24, 2 / 24, 2 / 24, -6 / 24])


def test_a_group_whose_columns_are_needed_from_both_rows_brings_nothing():
    ensemble = chain(2, n_columns=2)
    row, baseline = np.array([[-1.0, 1.0]]), np.array([[1.0, -1.0]])

    alone = explain_trees(ensemble, row, baseline, Players.single(2))
    together = explain_trees(ensemble, row, baseline, Players.grouped([(0, 1)], 2))

    assert alone.tolist() == [[[0.5, -0.5]]]
    assert together.tolist() == [[[0.0]]]


def test_values_sum_to_the_margin_minus_the_mean_margin_of_the_baseline():
    ensemble = random_trees(3, n_columns=12, n_trees=40, depth=6, n_outputs=3)
    rows, baseline = random_rows(1, 200, 12), random_rows(2, 7, 12)

    values = explain_trees(ensemble, rows, baseline, Players.single(12))

    gained = ensemble.predict_margin(rows) - ensemble.predict_margin(baseline).mean(axis=0)
    assert values.sum(axis=2) == pytest.approx(gained, abs=1e-12)


@pytest.mark.parametrize("n_baseline", [1, 5])
def test_a_leaf_that_more_than_eight_players_matter_to_is_exact(n_baseline):
    # All 20 columns of the row satisfy the leaf and none of the baseline's: each player brings 1/20.
    ensemble = chain(20, n_columns=20)

    values = explain_trees(ensemble, np.full((1, 20), -1.0), np.full((n_baseline, 20), 1.0), Players.single(20))

    assert values[0, 0] == pytest.approx(np.full(20, 1 / 20), rel=1e-12)


def test_the_deepest_path_is_exact():
    ensemble = chain(MAX_DEPTH, n_columns=MAX_DEPTH)

    values = explain_trees(
        ensemble, np.full((1, MAX_DEPTH), -1.0), np.full((1, MAX_DEPTH), 1.0), Players.single(MAX_DEPTH)
    )

    assert values[0, 0] == pytest.approx(np.full(MAX_DEPTH, 1 / MAX_DEPTH), rel=1e-12)


def test_a_row_that_equals_its_baseline_gets_exact_zeros():
    ensemble = random_trees(0)
    row = random_rows(0, 1, 5)

    values = explain_trees(ensemble, row, row, Players.single(5))

    assert not values.any()


@pytest.mark.parametrize("n_baseline", [1, 5])
def test_values_of_a_row_are_the_same_to_the_bit_in_any_batch(n_baseline):
    # 300 trees have more leaves than one chunk, 300 rows are more than one block.
    ensemble = random_trees(5, n_columns=10, n_trees=300, depth=6, n_outputs=2)
    rows, baseline = random_rows(1, 300, 10), random_rows(2, n_baseline, 10)
    players = Players.grouped([(1, 2)], 10)
    assert (ensemble.children[:, 0] < 0).sum() > 2048

    together = explain_trees(ensemble, rows, baseline, players)

    order = np.random.default_rng(0).permutation(300)
    for part in (order[:1], order[1:3], order[3:140], order[140:]):
        assert np.array_equal(explain_trees(ensemble, rows[part], baseline, players), together[part])
        assert np.array_equal(ensemble.predict_margin(rows[part]), ensemble.predict_margin(rows)[part])


def test_margins_equal_a_walk_from_node_to_node():
    ensemble = random_trees(7, n_outputs=2)
    rows = random_rows(7, 200, 5)

    margins = ensemble.predict_margin(rows)

    assert margins == pytest.approx(np.array([walked_margin(ensemble, row) for row in rows]), abs=1e-12)


def test_a_value_is_rounded_to_single_precision_before_it_is_compared():
    # 0.1 in float32 is above 0.1 in float64: as float64 this row would go left.
    ensemble = chain(1)
    object.__setattr__(ensemble, "thresholds", np.full(3, 0.1, np.float32))
    rows = np.array([[0.1], [np.nextafter(np.float32(0.1), np.float32(0))], [1e300]])

    margins = ensemble.predict_margin(rows)
    values = explain_trees(ensemble, rows, np.array([[0.0]]), Players.single(1))

    assert margins[:, 0].tolist() == [0.0, 1.0, 0.0]
    assert values[:, 0, 0].tolist() == [-1.0, 0.0, -1.0]


def test_two_signs_give_both_classes():
    ensemble = random_trees(2)
    rows, baseline = random_rows(0, 4, 5), random_rows(1, 2, 5)

    both = ensemble.with_signs((-1, 1))

    single = explain_trees(ensemble, rows, baseline, Players.single(5))
    assert explain_trees(both, rows, baseline, Players.single(5)) == pytest.approx(
        np.concatenate([-single, single], axis=1), abs=1e-12
    )
    assert both.predict_margin(rows) == pytest.approx(ensemble.predict_margin(rows) * [-1, 1], abs=1e-12)


def test_no_rows_give_no_values():
    values = explain_trees(random_trees(0, n_outputs=2), np.empty((0, 5)), np.zeros((1, 5)), Players.single(5))

    assert values.shape == (0, 2, 5)


def damaged(**changed):
    """One test at column 0 with two leaves, and what is to be wrong about it."""
    parts = {
        "children": np.array([[1, 2], [-1, -1], [-1, -1]], np.int32),
        "columns": np.zeros(3, np.int32),
        "thresholds": np.zeros(3, np.float32),
        "missing_left": np.zeros(3, bool),
        "leaf_values": np.arange(3.0),
        "roots": np.zeros(1, np.int32),
        "outputs": np.zeros(1, np.int32),
        "base_scores": np.zeros(1),
        "n_columns": 1,
    }
    return TreeEnsemble(**parts | changed)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"children": np.array([[0, 2], [-1, -1], [-1, -1]])}, "two parents"),
        ({"children": np.array([[1, 1], [-1, -1], [-1, -1]])}, "two parents"),
        ({"children": np.array([[1, 2], [0, 2], [-1, -1]])}, "two parents"),
        ({"children": np.array([[1, 3], [-1, -1], [-1, -1]])}, "children 3"),
        ({"children": np.array([[1, -1], [-1, -1], [-1, -1]])}, "one child"),
        ({"children": np.array([[-7, 2], [-1, -1], [-1, -1]])}, "children -7"),
        ({"columns": np.array([1, 0, 0])}, "columns 1"),
        ({"roots": np.array([5])}, "roots 5"),
        ({"outputs": np.array([1])}, "outputs 1"),
        ({"thresholds": np.array([np.nan, 0, 0], np.float32)}, "missing threshold"),
        ({"leaf_values": np.array([0, np.inf, 0])}, "not finite"),
        ({"base_scores": np.array([np.nan])}, "not finite"),
        ({"missing_left": np.zeros(2, bool)}, r"missing_left \(2,\), not \(3,\)"),
    ],
)
def test_damaged_trees_are_refused(changed, message):
    with pytest.raises(DataError, match=message):
        damaged(**changed)


def test_a_path_that_is_too_long_is_refused():
    with pytest.raises(DataError, match=r"more than 64 tests"):
        chain(MAX_DEPTH + 1)


def test_rows_of_other_columns_are_refused():
    with pytest.raises(DataError, match=r"shape \(2, 4\)"):
        explain_trees(random_trees(0), np.zeros((2, 4)), np.zeros((1, 5)), Players.single(5))


def test_an_empty_baseline_is_refused():
    with pytest.raises(DataError, match="0 baseline rows"):
        explain_trees(random_trees(0), np.zeros((2, 5)), np.zeros((0, 5)), Players.single(5))
