"""Which synthetic rows travel in which request, and the half differences that come back."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from clarify.explain.coalitions import CoalitionDesign, design_coalitions
from clarify.explain.estimators.base import BLOCK_ROWS
from clarify.explain.games import Game, average_baseline, checked_outputs
from clarify.explain.masking import mask_pairs, selection_table
from clarify.explain.players import seats
from clarify.explain.scoring import MIN_ROWS_PER_CALL, Value, ask, link


@dataclass(frozen=True, eq=False)
class HalfDifferences:
    """At most BLOCK_ROWS rows with equally many live players, and what the model said of their coalitions."""

    rows: NDArray[np.intp]                  # positions among the explained rows
    live: NDArray[np.bool_]                 # (n, n_players)
    design: CoalitionDesign
    values: NDArray[np.float64]             # (n_outputs, BLOCK_ROWS, n_pairs + 1), zero behind the last row


@dataclass(frozen=True, eq=False)
class _Block:
    """Half differences that are being asked for."""

    answers: HalfDifferences
    table: NDArray[np.uint64]
    seats: NDArray[np.intp]
    rows_per_pair: int                      # of the model, for one explained row

    @property
    def n(self) -> int:
        return len(self.answers.rows)


@dataclass(frozen=True, eq=False)
class _Tile:
    """Some explained rows of a block times some pairs of its design: a stretch of one request."""

    block: _Block
    rows: slice
    pairs: slice

    @property
    def n_rows(self) -> int:
        """Synthetic rows."""
        n_pairs = self.pairs.stop - self.pairs.start
        return int((self.rows.stop - self.rows.start) * n_pairs * self.block.rows_per_pair)

    @property
    def is_last(self) -> bool:
        return bool(self.rows.stop == self.block.n and self.pairs.stop == len(self.block.table))


def ask_coalitions(
    game: Game,
    rows: NDArray[np.float64],
    live: NDArray[np.bool_],
    scores: NDArray[np.float64],
    value: Value,
    capacity: int,
) -> Iterator[HalfDifferences]:
    """Ask every coalition of every row with at least two live players; blocks by number of live players, in row order.

    ``live`` (n, n_players) is that of ``live_players``; ``scores`` (n, n_outputs) are those of the rows themselves,
    after the link.
    """
    buffer = np.empty((max(capacity, 2 * len(game.baseline), MIN_ROWS_PER_CALL), rows.shape[1]))
    for request in _plan(_blocks(game, live, scores), capacity):
        n_rows = _fill(request, game, rows, buffer)
        answers = checked_outputs(ask(value, buffer, n_rows), game)
        _store(request, game, answers)
        for tile in request:
            if tile.is_last:
                yield tile.block.answers


def _blocks(game: Game, live: NDArray[np.bool_], scores: NDArray[np.float64]) -> Iterator[_Block]:
    n_live = live.sum(axis=1)
    ends = (scores - game.expected_values) / 2
    for n_players in np.unique(n_live[n_live >= 2]):
        design = design_coalitions(int(n_players), game.budget, game.seed)
        table = selection_table(design)
        alike = np.flatnonzero(n_live == n_players)
        for start in range(0, len(alike), BLOCK_ROWS):
            members = alike[start : start + BLOCK_ROWS]
            values = np.zeros((game.n_outputs, BLOCK_ROWS, design.n_pairs + 1))
            values[:, : len(members), -1] = ends[members].T
            answers = HalfDifferences(members, live[members], design, values)
            yield _Block(answers, table, seats(live[members], game.players), 2 * len(game.baseline))


def _plan(blocks: Iterator[_Block], capacity: int) -> Iterator[list[_Tile]]:
    """Cut blocks into requests of at most ``capacity`` synthetic rows, or one pair of one row if that is more."""
    request: list[_Tile] = []
    room = capacity
    for block in blocks:
        all_pairs = slice(0, len(block.table))
        rows_each = len(block.table) * block.rows_per_pair
        start = 0
        while start < block.n:
            n = min(block.n - start, room // rows_each)
            if n:
                request.append(_Tile(block, slice(start, start + n), all_pairs))
                room -= n * rows_each
                start += n
                continue
            if request:
                yield request
                request, room = [], capacity
                continue
            yield from _cut_row(block, start, capacity)
            start += 1
    if request:
        yield request


def _cut_row(block: _Block, row: int, capacity: int) -> Iterator[list[_Tile]]:
    """One row whose coalitions fill more than a request: requests of whole pairs."""
    step = max(1, capacity // block.rows_per_pair)
    n_pairs = len(block.table)
    for start in range(0, n_pairs, step):
        yield [_Tile(block, slice(row, row + 1), slice(start, min(start + step, n_pairs)))]


def _fill(request: list[_Tile], game: Game, rows: NDArray[np.float64], buffer: NDArray[np.float64]) -> int:
    """Write a request's synthetic rows into the buffer and count them."""
    filled = 0
    for tile in request:
        explained = rows[tile.block.answers.rows[tile.rows]]
        out = buffer[filled : filled + tile.n_rows]
        mask_pairs(tile.block.table[tile.pairs], explained, game.baseline, tile.block.seats[tile.rows], out)
        filled += tile.n_rows
    return filled


def _store(request: list[_Tile], game: Game, scores: NDArray[np.float64]) -> None:
    """Half differences of a request's scores, into the blocks they belong to."""
    read = 0
    for tile in request:
        n_rows, n_pairs = tile.rows.stop - tile.rows.start, tile.pairs.stop - tile.pairs.start
        answers = scores[read : read + tile.n_rows].reshape(-1, len(game.baseline), game.n_outputs)
        read += tile.n_rows
        halves = link(average_baseline(answers), game.use_logit).reshape(2, n_pairs, n_rows, game.n_outputs)
        differences = (halves[0] - halves[1]) / 2
        tile.block.answers.values[:, tile.rows, tile.pairs] = differences.transpose(2, 1, 0)
