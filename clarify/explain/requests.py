"""Which synthetic rows travel in which request, and the half differences that come back."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from clarify.explain.coalitions import CoalitionDesign
from clarify.explain.estimators.base import BLOCK_ROWS, empty_block
from clarify.explain.games import Game, average_baseline, checked_outputs
from clarify.explain.masking import mask_pairs, selection_table
from clarify.explain.players import seats
from clarify.explain.scoring import MIN_ROWS_PER_CALL, Value, ask, link


@dataclass(frozen=True, eq=False)
class Question:
    """Rows with equally many live players, and how much of their design is still to be asked.

    ``known`` (n_outputs, n, n_known) are the half differences of the design's first pairs, from an earlier round.
    """

    rows: NDArray[np.intp]                  # positions among the explained rows
    design: CoalitionDesign
    known: NDArray[np.float64]

    @property
    def n_known(self) -> int:
        return int(self.known.shape[2])


@dataclass(frozen=True, eq=False)
class HalfDifferences:
    """At most BLOCK_ROWS rows with equally many live players, and what the model said of their coalitions.

    NaN stands where the model had no answer for one half of a pair, or for both: a pair is whole or not there.
    """

    rows: NDArray[np.intp]                  # positions among the explained rows
    live: NDArray[np.bool_]                 # (n, n_players)
    design: CoalitionDesign
    values: NDArray[np.float64]             # (n_outputs, n_lines, n_pairs + 1), zero behind the last row


@dataclass(frozen=True, eq=False)
class _Block:
    """Half differences that are being asked for."""

    answers: HalfDifferences
    table: NDArray[np.uint64]
    seats: NDArray[np.intp]
    first_pair: int
    backgrounds: NDArray[np.intp] | None    # (n_pairs, 10): the baseline rows of each pair; None: all of them
    n_background: int

    @property
    def n(self) -> int:
        return len(self.answers.rows)

    @property
    def n_pairs(self) -> int:
        return len(self.table)

    @property
    def rows_per_pair(self) -> int:
        """Synthetic rows, for one explained row."""
        return 2 * self.n_background


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
        return bool(self.rows.stop == self.block.n and self.pairs.stop == self.block.n_pairs)

    def baseline(self, game: Game) -> NDArray[np.float64]:
        """The baseline rows that the tile's coalitions are averaged over."""
        if self.block.backgrounds is None:
            return game.baseline
        own: NDArray[np.float64] = game.baseline[self.block.backgrounds[self.pairs.start]]
        return own


def first_questions(game: Game, live: NDArray[np.bool_], rows: NDArray[np.intp]) -> list[Question]:
    """One question for each number of live players, two or more, with what such a row costs at first."""
    n_live = live[rows].sum(axis=1)
    questions = []
    for n in np.unique(n_live[n_live >= 2]).tolist():
        alike = rows[n_live == n]
        design = game.design(n, game.budget.first(n))
        questions.append(Question(alike, design, np.empty((game.n_outputs, len(alike), 0))))
    return questions


def ask_coalitions(
    game: Game,
    rows: NDArray[np.float64],
    live: NDArray[np.bool_],
    scores: NDArray[np.float64],
    value: Value,
    capacity: int,
    questions: Sequence[Question],
) -> Iterator[HalfDifferences]:
    """Ask what the questions leave open; blocks in the order of the questions and of their rows.

    ``live`` (n, n_players) is that of ``live_players``; ``scores`` (n, n_outputs) are those of the rows themselves,
    after the link.
    """
    buffer = np.empty((max(capacity, 2 * len(game.baseline), MIN_ROWS_PER_CALL), rows.shape[1]))
    for request in _plan(_blocks(game, live, scores, questions), capacity):
        n_rows = _fill(request, game, rows, buffer)
        answers = checked_outputs(ask(value, buffer, n_rows), game)
        _store(request, game, answers)
        for tile in request:
            if tile.is_last:
                yield tile.block.answers


def _blocks(
    game: Game, live: NDArray[np.bool_], scores: NDArray[np.float64], questions: Sequence[Question]
) -> Iterator[_Block]:
    ends = (scores - game.expected_values) / 2
    for question in questions:
        design, known = question.design, question.n_known
        table, backgrounds = selection_table(design), game.blocks(design)
        n_background = len(game.baseline) if backgrounds is None else backgrounds.shape[1]
        for start in range(0, len(question.rows), BLOCK_ROWS):
            members = question.rows[start : start + BLOCK_ROWS]
            values = empty_block(game.n_outputs, len(members), design.n_pairs)
            values[:, : len(members), :known] = question.known[:, start : start + BLOCK_ROWS]
            values[:, : len(members), -1] = ends[members].T
            answers = HalfDifferences(members, live[members], design, values)
            yield _Block(answers, table, seats(live[members], game.players), known, backgrounds, n_background)


def _plan(blocks: Iterator[_Block], capacity: int) -> Iterator[list[_Tile]]:
    """Fill requests of at most ``capacity`` synthetic rows, or one pair of one row if that is more."""
    request: list[_Tile] = []
    room = capacity
    for tile in (tile for block in blocks for tile in _tiles(block, capacity)):
        for piece in _fitted(tile, room, capacity):
            if request and piece.n_rows > room:
                yield request
                request, room = [], capacity
            request.append(piece)
            room -= piece.n_rows
    if request:
        yield request


def _tiles(block: _Block, capacity: int) -> Iterator[_Tile]:
    """A block as tiles that fit into a request: all its pairs for as many rows as fit, else some pairs of one row.

    When every pair has baseline rows of its own, a tile is one pair.
    """
    pairs_each = max(1, capacity // block.rows_per_pair)
    if block.backgrounds is not None:
        for start in range(0, block.n, pairs_each):
            rows = slice(start, min(start + pairs_each, block.n))
            yield from (_Tile(block, rows, slice(pair, pair + 1)) for pair in range(block.first_pair, block.n_pairs))
    elif pairs_each >= block.n_pairs - block.first_pair:
        yield _Tile(block, slice(0, block.n), slice(block.first_pair, block.n_pairs))
    else:
        for row in range(block.n):
            for start in range(block.first_pair, block.n_pairs, pairs_each):
                pairs = slice(start, min(start + pairs_each, block.n_pairs))
                yield _Tile(block, slice(row, row + 1), pairs)


def _fitted(tile: _Tile, room: int, capacity: int) -> Iterator[_Tile]:
    """A tile of many rows, cut so that its first piece fills what room is left and the others whole requests."""
    rows_each = tile.n_rows // (tile.rows.stop - tile.rows.start)
    start = tile.rows.start
    while start < tile.rows.stop:
        fits = max(room, 0) // rows_each or capacity // rows_each or 1
        stop = min(start + fits, tile.rows.stop)
        yield _Tile(tile.block, slice(start, stop), tile.pairs)
        start, room = stop, capacity


def _fill(request: list[_Tile], game: Game, rows: NDArray[np.float64], buffer: NDArray[np.float64]) -> int:
    """Write a request's synthetic rows into the buffer and count them."""
    filled = 0
    for tile in request:
        explained = rows[tile.block.answers.rows[tile.rows]]
        out = buffer[filled : filled + tile.n_rows]
        mask_pairs(tile.block.table[tile.pairs], explained, tile.baseline(game), tile.block.seats[tile.rows], out)
        filled += tile.n_rows
    return filled


def _store(request: list[_Tile], game: Game, scores: NDArray[np.float64]) -> None:
    """Half differences of a request's scores, into the blocks they belong to."""
    read = 0
    for tile in request:
        n_rows, n_pairs = tile.rows.stop - tile.rows.start, tile.pairs.stop - tile.pairs.start
        answers = scores[read : read + tile.n_rows].reshape(-1, tile.block.n_background, game.n_outputs)
        read += tile.n_rows
        halves = link(average_baseline(answers), game.use_logit).reshape(2, n_pairs, n_rows, game.n_outputs)
        differences = (halves[0] - halves[1]) / 2
        tile.block.answers.values[:, tile.rows, tile.pairs] = differences.transpose(2, 1, 0)
