"""Tree ensembles as flat arrays: their margins, and the exact Shapley values of those margins."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from math import comb

import numpy as np
from numpy.typing import NDArray

from clarify.errors import DataError, Problem
from clarify.explain.players import Players

MAX_DEPTH = 64
"""Tests on a path from root to leaf; no more players can matter to one leaf, so a 64-bit mask holds them."""

# Rows at a time and leaves at a time: their masks (128 kB at depth 8) and look-up tables (about 1 MB) stay in cache.
_BLOCK_ROWS = 128
_CHUNK_LEAVES = 1024
_CHUNK_TESTS = 8192
# Up to here a table of all masks of a leaf is small (16 MB a chunk at 8); deeper leaves meet every baseline row.
_TABLE_SLOTS = 8


@dataclass(frozen=True, eq=False)
class TreeEnsemble:
    """Binary trees whose leaf values are added up per output; picklable, checked when it is made.

    A row goes left where ``float32(value) < float32(threshold)``, as in XGBoost, and where a missing value is sent
    by ``missing_left``. Nodes of all trees share the arrays; those no root leads to (pruned ones) are ignored.

    Parameters
    ----------
    children : int of shape (n_nodes, 2)
        Positions of the left and right child; -1 twice at a leaf.
    columns : int of shape (n_nodes,)
        The column a node tests; anything at a leaf.
    thresholds : float32 of shape (n_nodes,)
    missing_left : bool of shape (n_nodes,)
    leaf_values : float64 of shape (n_nodes,)
        In units of the margin; anything at an inner node.
    roots, outputs : int of shape (n_trees,)
        Where each tree begins, and which output it adds to.
    base_scores : float64 of shape (n_outputs,)
        Margin before the first tree.
    n_columns : int
        Columns of the rows, those that no tree tests included.

    Raises
    ------
    DataError
        TREES-SHAPE, TREES-NODE, TREES-NUMBER or TREES-DEPTH, so that no walk can leave the arrays or go in circles.
    """

    children: NDArray[np.int32]
    columns: NDArray[np.int32]
    thresholds: NDArray[np.float32]
    missing_left: NDArray[np.bool_]
    leaf_values: NDArray[np.float64]
    roots: NDArray[np.int32]
    outputs: NDArray[np.int32]
    base_scores: NDArray[np.float64]
    n_columns: int

    def __post_init__(self) -> None:
        _check_shapes(self)
        _check_nodes(self, self.node_trees >= 0)

    @property
    def n_outputs(self) -> int:
        return len(self.base_scores)

    @cached_property
    def node_trees(self) -> NDArray[np.int32]:
        """The tree each node belongs to, -1 for a node that no root leads to."""
        trees = np.full(len(self.columns), -1, dtype=np.int32)
        level, level_trees = self.roots, np.arange(len(self.roots), dtype=np.int32)
        for _ in range(MAX_DEPTH + 1):
            if (trees[level] >= 0).any() or len(np.unique(level)) < len(level):
                raise _problem("TREES-NODE", "a node with two parents", "trees: every node has one parent")
            trees[level] = level_trees
            is_inner = self.children[level, 0] >= 0
            level, level_trees = self.children[level[is_inner]].ravel(), np.repeat(level_trees[is_inner], 2)
            if not len(level):
                return trees
        raise _problem("TREES-DEPTH", f"a path of more than {MAX_DEPTH} tests", f"at most {MAX_DEPTH} tests")

    def predict_margin(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Margins of rows (m, n_columns), shape (m, n_outputs): float64 sums, tree after tree, of the leaf values.

        XGBoost adds the same leaves in float32, so its own margins differ by some 1e-7 of their size.

        Raises
        ------
        DataError
            SHAP-COLUMNS, when the rows have other columns.
        """
        single = _single_precision(_checked(values, self, "dataset"))
        margins = np.empty((len(single), self.n_outputs))
        for start in range(0, len(single), _BLOCK_ROWS):
            margins[start : start + _BLOCK_ROWS] = self._margins(single[start : start + _BLOCK_ROWS])
        return margins

    def _margins(self, single: NDArray[np.float32]) -> NDArray[np.float64]:
        nodes = np.repeat(self.roots[:, None], len(single), axis=1)
        rows = np.arange(len(single))
        for _ in range(MAX_DEPTH):
            is_inner = self.children[nodes, 0] >= 0
            if not is_inner.any():
                break
            seen = single[rows, np.where(is_inner, self.columns[nodes], 0)]
            goes_left = np.where(np.isnan(seen), self.missing_left[nodes], seen < self.thresholds[nodes])
            nodes = np.where(is_inner, np.where(goes_left, self.children[nodes, 0], self.children[nodes, 1]), nodes)
        margins = np.repeat(self.base_scores[None, :], len(single), axis=0)
        for output, leaves in zip(self.outputs.tolist(), nodes, strict=True):
            margins[:, output] += self.leaf_values[leaves]
        return margins

    def with_signs(self, signs: Sequence[int]) -> TreeEnsemble:
        """One output for each sign of the single output: ``(-1, 1)`` gives the log-odds of both of two classes."""
        n_trees, n_nodes = len(self.roots), len(self.columns)
        shifts = np.arange(len(signs), dtype=np.int32) * n_nodes
        children = np.concatenate([np.where(self.children < 0, -1, self.children + shift) for shift in shifts])
        return replace(
            self,
            children=children.astype(np.int32),
            columns=np.tile(self.columns, len(signs)),
            thresholds=np.tile(self.thresholds, len(signs)),
            missing_left=np.tile(self.missing_left, len(signs)),
            leaf_values=np.concatenate([sign * self.leaf_values for sign in signs]),
            roots=np.concatenate([self.roots + shift for shift in shifts]).astype(np.int32),
            outputs=np.repeat(np.arange(len(signs), dtype=np.int32), n_trees),
            base_scores=np.concatenate([sign * self.base_scores for sign in signs]),
        )

    @cached_property
    def _paths(self) -> _Paths:
        return _paths_of(self)


def explain_trees(
    ensemble: TreeEnsemble, rows: NDArray[np.float64], baseline: NDArray[np.float64], players: Players
) -> NDArray[np.float64]:
    r"""Exact Shapley values of the margin, where absent players take their columns from a baseline row.

    A leaf is a box: one interval, and whether missing passes, for every column its path tests (several tests of a
    column are one interval). Coalition S sends the mixture of row x and baseline row b into the box iff every player
    in S satisfies the box with x's values in all of the player's columns, and every other player with b's. A player
    who satisfies it

    - with both rows is free and takes no part;
    - with neither makes the leaf unreachable (for a group also when x fails one of its columns and b another: the
      columns move together);
    - with x only must be in S: call these players X;
    - with b only must not be in S: call these B.

    So the leaf is the game :math:`v \cdot 1[X \subseteq S,\; B \cap S = \emptyset]`. In a random order of the
    players, i in X brings the value when all of X precedes all of B and i is the last of X; i in B takes it away
    when X precedes B and i is the first of B. Hence

    .. math:: \phi_{i \in X} = v \frac{(|X|-1)!\,|B|!}{(|X|+|B|)!}, \qquad
              \phi_{i \in B} = -v \frac{|X|!\,(|B|-1)!}{(|X|+|B|)!},

    added up over leaves and averaged over baseline rows. A row whose values equal those of its only baseline row
    gets zeros, and the values of a row sum to its margin minus the mean margin of the baseline (to rounding).

    Parameters
    ----------
    rows : float64 of shape (n, n_columns)
        NaN is missing.
    baseline : float64 of shape (n_baseline, n_columns), at least one row
    players : Players
        Columns or groups of columns, as in the sampling engine.

    Returns
    -------
    float64 of shape (n, n_outputs, n_players), in units of the margin

    Raises
    ------
    DataError
        SHAP-COLUMNS or SHAP-BASELINE, when rows, baseline or players have other columns than the ensemble.

    Notes
    -----
    Rows are taken 128 at a time and leaves at most 1,024 at a time: besides the result, at most about 50 MB
    whatever the ensemble and the number of rows. All that is added up for a row is added in an order that depends
    on the ensemble and the baseline only: the values of a row are the same to the bit in any batch.

    References
    ----------
    .. [1] Lundberg et al. 2020, "From local explanations to global understanding with explainable AI for trees",
       Nature Machine Intelligence 2, 56-67: interventional TreeSHAP.
    .. [2] Laberge and Pequignot 2022, "Understanding Interventional TreeSHAP: How and Why it Works",
       arXiv 2209.15123: the view leaf by leaf.

    Examples
    --------
    One test of column 0 at 0.5, 0 on the left and 10 on the right; column 1 is never tested:

    >>> stump = TreeEnsemble(
    ...     np.array([[1, 2], [-1, -1], [-1, -1]]), np.zeros(3, int), np.full(3, 0.5, np.float32), np.ones(3, bool),
    ...     np.array([0.0, 0.0, 10.0]), np.array([0]), np.array([0]), np.array([3.0]), 2)
    >>> explain_trees(stump, np.array([[1.0, 7.0]]), np.array([[0.0, 0.0]]), Players.single(2)).tolist()
    [[[10.0, 0.0]]]
    """
    single = _single_precision(_checked(rows, ensemble, "dataset"))
    baseline = _checked(baseline, ensemble, "methods.shap.baseline")
    if len(baseline) == 0 or players.n_columns != ensemble.n_columns:
        received = f"{len(baseline)} baseline rows, players of {players.n_columns} columns"
        raise DataError(
            Problem(
                "SHAP-BASELINE", "methods.shap.baseline", received,
                f"at least one baseline row and players of {ensemble.n_columns} columns",
            )
        )
    values = np.zeros((len(single), ensemble.n_outputs, len(players)))
    baseline_single = _single_precision(baseline)
    for chunk in _chunks(ensemble, players):
        add = _adder(chunk, chunk.fails(baseline_single))
        for start in range(0, len(single), _BLOCK_ROWS):
            block = slice(start, start + _BLOCK_ROWS)
            add(chunk.fails(single[block]), values[block])
    values /= len(baseline)
    return values


# --- paths and boxes --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class _Paths:
    """The tests above every leaf: those of leaf i are ``starts[i]`` to ``starts[i + 1]``."""

    leaves: NDArray[np.intp]
    starts: NDArray[np.intp]
    nodes: NDArray[np.intp]
    went_right: NDArray[np.bool_]


def _paths_of(ensemble: TreeEnsemble) -> _Paths:
    """Climb from all leaves at once."""
    is_reached = ensemble.node_trees >= 0
    inner = np.flatnonzero(is_reached & (ensemble.children[:, 0] >= 0))
    parents, is_right = np.full(len(is_reached), -1, dtype=np.intp), np.zeros(len(is_reached), dtype=np.bool_)
    parents[ensemble.children[inner]] = inner[:, None]
    is_right[ensemble.children[inner, 1]] = True
    leaves = np.flatnonzero(is_reached & (ensemble.children[:, 0] < 0))
    climbers, positions = np.arange(len(leaves)), leaves
    found = [(climbers[:0], leaves[:0], is_right[:0])]
    while len(positions):
        keep = parents[positions] >= 0
        climbers, positions = climbers[keep], positions[keep]
        found.append((climbers, parents[positions], is_right[positions]))
        positions = parents[positions]
    owners, nodes, went_right = (np.concatenate(part) for part in zip(*found, strict=True))
    order = np.argsort(owners, kind="stable")
    starts = np.concatenate([[0], np.cumsum(np.bincount(owners, minlength=len(leaves)))])
    return _Paths(leaves, starts, nodes[order], went_right[order])


@dataclass(frozen=True, eq=False)
class _Bins:
    """A column's thresholds among some leaves, and which leaves a value fails, by the bin it falls into.

    ``fails`` has a row for each bin (number of thresholds at or below the value), then one for missing; its entry
    is the bit of the player's slot in the leaf, or 0 where the leaf accepts the value or does not look at it.
    """

    column: int
    thresholds: NDArray[np.float32]
    fails: NDArray[np.unsignedinteger]

    def look_up(self, single: NDArray[np.float32]) -> NDArray[np.unsignedinteger]:
        seen = single[:, self.column]
        bins = np.where(np.isnan(seen), len(self.fails) - 1, self.thresholds.searchsorted(seen, side="right"))
        return self.fails.take(bins, axis=0)


@dataclass(frozen=True, eq=False)
class _Chunk:
    """Some leaves: the players that matter to each, one slot a player, and the tables that tell who fails.

    ``places`` (n_slots, n_leaves) is output times n_players plus player; unused slots hold any.
    """

    values: NDArray[np.float64]
    places: NDArray[np.intp]
    bins: tuple[_Bins, ...]
    dtype: np.dtype[np.unsignedinteger]

    @property
    def n_slots(self) -> int:
        return len(self.places)

    def fails(self, single: NDArray[np.float32]) -> NDArray[np.unsignedinteger]:
        """For rows and leaves the slots whose player does not satisfy the box, as bits: shape (n, n_leaves)."""
        masks = np.zeros((len(single), len(self.values)), dtype=self.dtype)
        for column in self.bins:
            np.bitwise_or(masks, column.look_up(single), out=masks)
        return masks


def _chunks(ensemble: TreeEnsemble, players: Players) -> Iterator[_Chunk]:
    """The leaves that have a path, so many at a time that their tables stay small."""
    paths = ensemble._paths
    start = 0
    while start < len(paths.leaves):
        most_tests = int(np.searchsorted(paths.starts, paths.starts[start] + _CHUNK_TESTS, side="right")) - 1
        stop = min(start + _CHUNK_LEAVES, max(most_tests, start + 1))
        if paths.starts[stop] > paths.starts[start]:
            yield _chunk_of(ensemble, players, start, stop)
        start = stop


def _chunk_of(ensemble: TreeEnsemble, players: Players, start: int, stop: int) -> _Chunk:
    paths = ensemble._paths
    tests = slice(paths.starts[start], paths.starts[stop])
    nodes, went_right = paths.nodes[tests], paths.went_right[tests]
    leaves = np.repeat(np.arange(stop - start), np.diff(paths.starts[start : stop + 1]))
    columns = ensemble.columns[nodes].astype(np.intp)
    # The players of each leaf in ascending order: a player's slot is its rank among them.
    keys, which = np.unique(leaves * len(players) + players.owners[columns], return_inverse=True)
    key_leaves, key_players = np.divmod(keys, len(players))
    slots = np.arange(len(keys)) - np.searchsorted(key_leaves, key_leaves)
    n_slots = int(slots.max()) + 1
    dtype = np.dtype(next(f"u{size}" for size in (1, 2, 4, 8) if n_slots <= 8 * size))
    leaf_nodes = paths.leaves[start:stop]
    outputs = ensemble.outputs[ensemble.node_trees[leaf_nodes]].astype(np.intp)
    places = np.repeat(outputs[None, :] * len(players), n_slots, axis=0)
    places[slots, key_leaves] += key_players
    bits = (np.uint64(1) << slots[which].astype(np.uint64)).astype(dtype)
    order = np.lexsort((leaves, columns))
    found, firsts = np.unique(columns[order], return_index=True)
    bins = tuple(
        _bins_of(
            int(column), ensemble.thresholds[nodes[part]], went_right[part],
            ensemble.missing_left[nodes[part]] != went_right[part], leaves[part], bits[part], stop - start,
        )
        for column, part in zip(found, np.split(order, firsts[1:]), strict=True)
    )
    return _Chunk(ensemble.leaf_values[leaf_nodes], places, bins, dtype)


def _bins_of(
    column: int,
    thresholds: NDArray[np.float32],
    went_right: NDArray[np.bool_],
    takes_missing: NDArray[np.bool_],
    leaves: NDArray[np.intp],
    bits: NDArray[np.unsignedinteger],
    n_leaves: int,
) -> _Bins:
    """The table of one column from its tests, sorted by leaf: tests of one leaf are joined into one interval."""
    cuts, positions = np.unique(thresholds, return_inverse=True)
    owners, firsts = np.unique(leaves, return_index=True)
    low = np.maximum.reduceat(np.where(went_right, positions + 1, 0), firsts)
    high = np.minimum.reduceat(np.where(went_right, len(cuts), positions), firsts)
    places = np.arange(len(cuts) + 1)[:, None]
    outside = np.vstack([(places < low) | (places > high), ~np.logical_and.reduceat(takes_missing, firsts)])
    fails = np.zeros((len(outside), n_leaves), dtype=bits.dtype)
    fails[:, owners] = outside * bits[firsts]
    return _Bins(column, cuts, fails)


# --- from masks to values ---------------------------------------------------------------------------------------------


_Add = Callable[[NDArray[np.unsignedinteger], NDArray[np.float64]], None]
"""Adds to values (n, n_outputs, n_players) what a chunk's leaves bring to rows that fail it so (n, n_leaves)."""


def _adder(chunk: _Chunk, baseline_fails: NDArray[np.unsignedinteger]) -> _Add:
    """The faster way for some hundred rows; the choice never looks at the rows, so it is the same in any batch.

    The table pays from 4 baseline rows on at depth 6, 64 at depth 8: making it takes about 4^n_slots.
    """
    if chunk.n_slots <= _TABLE_SLOTS and len(baseline_fails) >= max(4, 4 ** (chunk.n_slots - 5)):
        return _table_adder(chunk, baseline_fails)

    def add(row_fails: NDArray[np.unsignedinteger], values: NDArray[np.float64]) -> None:
        for fails in baseline_fails:
            _add_pairs(chunk, row_fails, fails, values)

    return add


def _add_pairs(
    chunk: _Chunk,
    row_fails: NDArray[np.unsignedinteger],
    baseline_fails: NDArray[np.unsignedinteger],
    values: NDArray[np.float64],
) -> None:
    """One baseline row: B are the players the row fails, X those it fails; unreachable where both fail one."""
    is_active = ((row_fails & baseline_fails) == 0) & ((row_fails | baseline_fails) != 0)
    flat = np.flatnonzero(is_active)
    rows, leaves = np.divmod(flat, row_fails.shape[1])
    shares = _shares(baseline_fails[leaves], row_fails.ravel()[flat], chunk.n_slots)
    _scatter(chunk, rows, leaves, (share * chunk.values[leaves] for share in shares), values)


def _table_adder(chunk: _Chunk, baseline_fails: NDArray[np.unsignedinteger]) -> _Add:
    """All baseline rows at once: what a leaf brings to a row is a function of the slots the row fails.

    The table has shape (n_slots, n_leaves * 2^n_slots); a row costs the same for any number of baseline rows.
    """
    n_leaves, n_masks = len(chunk.values), 1 << chunk.n_slots
    masks = np.arange(n_masks, dtype=chunk.dtype)
    table = np.zeros((chunk.n_slots, n_leaves, n_masks))
    for needed in np.unique(baseline_fails):
        counts = (baseline_fails == needed).sum(axis=0)
        leaves = np.flatnonzero(counts)
        is_reachable = (masks & needed) == 0
        shares = _shares(np.where(is_reachable, needed, 0).astype(chunk.dtype), masks * is_reachable, chunk.n_slots)
        scale = (chunk.values * counts)[leaves, None]
        for slot, share in enumerate(shares):
            table[slot, leaves] += scale * share
    flat_table = table.reshape(chunk.n_slots, -1)
    matters = (flat_table != 0).any(axis=0)
    offsets = np.arange(n_leaves) * n_masks

    def add(row_fails: NDArray[np.unsignedinteger], values: NDArray[np.float64]) -> None:
        entries = (row_fails + offsets).ravel()
        flat = np.flatnonzero(matters.take(entries))
        rows, leaves = np.divmod(flat, n_leaves)
        entries = entries[flat]
        _scatter(chunk, rows, leaves, (slot.take(entries) for slot in flat_table), values)

    return add


def _shares(
    needed: NDArray[np.unsignedinteger], removed: NDArray[np.unsignedinteger], n_slots: int
) -> Iterator[NDArray[np.float64]]:
    """Slot after slot the Shapley value of the game 1[X in S, no B in S], for disjoint masks of X and B."""
    weights = _weights(n_slots)
    n_needed, n_removed = np.bitwise_count(needed), np.bitwise_count(removed)
    gain, loss = weights[n_needed, n_removed], weights[n_removed, n_needed]
    for slot in range(n_slots):
        bit = needed.dtype.type(1 << slot)
        yield np.where(needed & bit, gain, 0.0) - np.where(removed & bit, loss, 0.0)


def _scatter(
    chunk: _Chunk,
    rows: NDArray[np.intp],
    leaves: NDArray[np.intp],
    shares: Iterable[NDArray[np.float64]],
    values: NDArray[np.float64],
) -> None:
    """Add shares of (row, leaf) pairs, slot after slot and in the order of the pairs, to the players in the slots."""
    first = rows * (values.shape[1] * values.shape[2])
    flat_values = values.reshape(-1)
    for places, share in zip(chunk.places, shares, strict=True):
        flat_values += np.bincount(first + places[leaves], share, minlength=flat_values.size)


def _weights(n_slots: int) -> NDArray[np.float64]:
    """(i - 1)! j! / (i + j)! for i, j up to n_slots; 0 for i = 0."""
    sizes = range(n_slots + 1)
    return np.array([[1 / (i * comb(i + j, j)) if i else 0.0 for j in sizes] for i in sizes])


# --- checks -----------------------------------------------------------------------------------------------------------


def _single_precision(values: NDArray[np.float64]) -> NDArray[np.float32]:
    # A number beyond float32 becomes infinite, as in XGBoost: no fault, so no warning.
    with np.errstate(over="ignore"):
        return values.astype(np.float32)


def _checked(rows: NDArray[np.float64], ensemble: TreeEnsemble, field: str) -> NDArray[np.float64]:
    rows = np.ascontiguousarray(rows, dtype=np.float64)
    if rows.ndim != 2 or rows.shape[1] != ensemble.n_columns:
        allowed = f"(n, {ensemble.n_columns}), the columns of the trees"
        raise DataError(Problem("SHAP-COLUMNS", field, f"shape {rows.shape}", allowed))
    return rows


def _check_shapes(ensemble: TreeEnsemble) -> None:
    n_nodes, n_trees = len(ensemble.columns), len(ensemble.roots)
    found = {
        "children": (ensemble.children.shape, (n_nodes, 2)),
        "columns": (ensemble.columns.shape, (n_nodes,)),
        "thresholds": (ensemble.thresholds.shape, (n_nodes,)),
        "missing_left": (ensemble.missing_left.shape, (n_nodes,)),
        "leaf_values": (ensemble.leaf_values.shape, (n_nodes,)),
        "outputs": (ensemble.outputs.shape, (n_trees,)),
        "base_scores": (ensemble.base_scores.shape, (max(1, ensemble.n_outputs),)),
    }
    wrong = [f"{name} {shape}, not {wanted}" for name, (shape, wanted) in found.items() if shape != wanted]
    if wrong:
        raise _problem("TREES-SHAPE", "; ".join(wrong), "arrays of one length per node and per tree")
    _check_range("roots", ensemble.roots, 0, n_nodes)
    _check_range("outputs", ensemble.outputs, 0, ensemble.n_outputs)
    _check_range("children", ensemble.children, -1, n_nodes)
    halves = (ensemble.children < 0).sum(axis=1)
    if (halves == 1).any():
        raise _problem("TREES-NODE", "a node with one child", "two children or none")


def _check_nodes(ensemble: TreeEnsemble, is_reached: NDArray[np.bool_]) -> None:
    is_leaf = ensemble.children[:, 0] < 0
    inner, leaves = is_reached & ~is_leaf, is_reached & is_leaf
    _check_range("columns", ensemble.columns[inner], 0, ensemble.n_columns)
    if np.isnan(ensemble.thresholds[inner]).any():
        raise _problem("TREES-NUMBER", "a missing threshold", "numbers")
    if not (np.isfinite(ensemble.leaf_values[leaves]).all() and np.isfinite(ensemble.base_scores).all()):
        raise _problem("TREES-NUMBER", "a leaf value or base score that is not finite", "finite numbers")


def _check_range(name: str, values: NDArray[np.integer], low: int, stop: int) -> None:
    wrong = values[(values < low) | (values >= stop)]
    if len(wrong):
        raise _problem("TREES-NODE", f"{name} {wrong[0]}", f"{name} from {low} to {stop - 1}")


def _problem(code: str, received: str, allowed: str) -> DataError:
    return DataError(Problem(code, "trees", received, allowed, "the model file is damaged or of an unknown kind"))
