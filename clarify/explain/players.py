"""Who plays: the features, or declared groups of them, and which of them can matter for a row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from clarify.errors import ConfigError, Problem


@dataclass(frozen=True)
class Players:
    """The columns each player brings along; every column of the matrix belongs to exactly one player."""

    columns: tuple[tuple[int, ...], ...]

    def __post_init__(self) -> None:
        members = sorted(column for player in self.columns for column in player)
        if members != list(range(len(members))) or not all(self.columns):
            raise ConfigError(
                Problem(
                    "SHAP-PLAYERS",
                    "methods.shap.players",
                    str(self.columns),
                    "groups of column positions that together hold every column exactly once",
                    "leave a feature out of all groups to make it a player of its own",
                )
            )

    @classmethod
    def single(cls, n_columns: int) -> Players:
        """One player a column."""
        return cls(tuple((column,) for column in range(n_columns)))

    @classmethod
    def grouped(cls, groups: Sequence[Sequence[int]], n_columns: int) -> Players:
        """The declared groups, and one player for each other column, ordered by their first column.

        >>> Players.grouped([(3, 1)], 4).columns
        ((0,), (1, 3), (2,))
        """
        declared: list[tuple[int, ...]] = [tuple(sorted(group)) for group in groups]
        taken = {column for group in declared for column in group}
        alone: list[tuple[int, ...]] = [(column,) for column in range(n_columns) if column not in taken]
        return cls(tuple(sorted(declared + alone)))

    def __len__(self) -> int:
        return len(self.columns)

    @property
    def n_columns(self) -> int:
        return sum(len(player) for player in self.columns)

    @property
    def owners(self) -> NDArray[np.intp]:
        """The player each column belongs to, shape (n_columns,)."""
        owners = np.empty(self.n_columns, dtype=np.intp)
        owners[self.order] = np.repeat(np.arange(len(self)), [len(player) for player in self.columns])
        return owners

    @property
    def order(self) -> NDArray[np.intp]:
        """The columns, player after player."""
        return np.array([column for player in self.columns for column in player], dtype=np.intp)


def live_players(rows: NDArray[np.float64], baseline: NDArray[np.float64], players: Players) -> NDArray[np.bool_]:
    """Which players differ from the baseline, shape (n, n_players).

    A player whose columns equal those of *every* baseline row (missing equals missing) cannot change a
    deterministic model's answer: its attribution is exactly 0 and it takes no part in the game.
    """
    first = baseline[0]
    constant = _equal(baseline, first).all(axis=0)
    differs = ~(constant & _equal(rows, first))
    starts = np.cumsum([0] + [len(player) for player in players.columns[:-1]])
    live: NDArray[np.bool_] = np.logical_or.reduceat(differs[:, players.order], starts, axis=1)
    return live


def seats(live: NDArray[np.bool_], players: Players) -> NDArray[np.intp]:
    """The bit of a coalition that governs each column, shape (n, n_columns), for rows with equally many live players.

    Live players sit in the order of their number; columns of null players get the seat behind the last one.
    """
    n_live = int(live[0].sum()) if len(live) else 0
    places = np.where(live, np.cumsum(live, axis=1) - 1, n_live).astype(np.intp)
    return np.ascontiguousarray(places[:, players.owners])


def _equal(rows: NDArray[np.float64], row: NDArray[np.float64]) -> NDArray[np.bool_]:
    equal: NDArray[np.bool_] = (rows == row) | (np.isnan(rows) & np.isnan(row))
    return equal
