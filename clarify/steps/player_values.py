"""What a player held in some rows: as words, as fifths of the rows by rank, and as a text for one row."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from clarify.data.coding import as_numbers, printed
from clarify.errors import clip
from clarify.explain.drawn_rows import weighted_fifths
from clarify.features import FeatureColumn
from clarify.results import ColumnSummary
from clarify.steps.dependence_axes import MOST_CATEGORIES

MOST_WORDS = 12
LONGEST_WORD = 80
MOST_MEMBERS = 100                # of a group whose columns are read to see which of them is 1
OTHER = "other"
MISSING = "missing"
NONE_OF_THEM = "none"             # of the columns of a one-hot group
_WHOLE = 1e15                     # below it every whole number is exact and short enough to be read


@dataclass(frozen=True)
class Player:
    """One feature as it is explained: its place among the players, and its columns in the data.

    ``is_free_text``: a text with more different values than partial dependence calls categories.
    """

    place: int
    name: str
    columns: tuple[FeatureColumn, ...]
    is_free_text: bool = False

    @property
    def is_group(self) -> bool:
        return len(self.columns) > 1

    @property
    def may_be_one_hot(self) -> bool:
        numbers = all(column.kind != "text" for column in self.columns)
        return self.is_group and numbers and len(self.columns) <= MOST_MEMBERS

    @property
    def read(self) -> tuple[str, ...]:
        """The columns that say what the player held; none of a group whose columns cannot be one-hot."""
        return tuple(column.name for column in self.columns) if not self.is_group or self.may_be_one_hot else ()


def is_free_text(column: FeatureColumn, summary: ColumnSummary) -> bool:
    """Whether a text is no category, by the same rule as in partial dependence."""
    return column.kind == "text" and (summary.distinct is None or summary.distinct > MOST_CATEGORIES)


def codes_of(
    player: Player, rows: pa.Table, weights: NDArray[np.float64]
) -> tuple[tuple[int, ...], tuple[str, ...]]:
    """The codes and words of a player in some rows, each of which stands for ``weights`` rows.

    A number: its fifth by rank among the rows that these stand for, and no words. A text or a boolean: its word, the
    most frequent first; the rarest words share OTHER. A group of columns of which at most one is 1 in every row: the
    column that is. Any other group, and free text: one word for all, as they have neither order nor categories.
    """
    if player.is_group:
        return _group_codes(player, rows, weights)
    column = player.columns[0]
    values = rows[column.name]
    if column.kind in ("int", "float"):
        return tuple(weighted_fifths(as_numbers(values), weights).tolist()), ()
    found = [None if value is None else clip(printed(value), LONGEST_WORD) for value in values.to_pylist()]
    if player.is_free_text:
        return tuple(-1 if word is None else 0 for word in found), ("text",)
    return _word_codes(found, weights)


def _group_codes(
    player: Player, rows: pa.Table, weights: NDArray[np.float64]
) -> tuple[tuple[int, ...], tuple[str, ...]]:
    ones = _ones(player, rows)
    if ones is None:
        return (0,) * rows.num_rows, (f"{len(player.columns)} columns",)
    names = [clip(column.name, LONGEST_WORD) for column in player.columns]
    found = [names[row.argmax()] if row.any() else NONE_OF_THEM for row in ones]
    return _word_codes(found, weights)


def _ones(player: Player, rows: pa.Table) -> NDArray[np.bool_] | None:
    """Which column of a group is 1 in each row; None unless all cells are 0 or 1 and no row has two ones."""
    if not player.may_be_one_hot:
        return None
    values = np.stack([as_numbers(rows[column.name]) for column in player.columns], axis=1)
    ones: NDArray[np.bool_] = values == 1
    is_one_hot = bool((ones | (values == 0)).all()) and bool((ones.sum(axis=1) <= 1).all())
    return ones if is_one_hot else None


def _word_codes(
    found: Sequence[str | None], weights: NDArray[np.float64]
) -> tuple[tuple[int, ...], tuple[str, ...]]:
    mass: Counter[str] = Counter()
    for word, weight in zip(found, weights.tolist(), strict=True):
        if word is not None:
            mass[word] += weight
    ranked = sorted(mass, key=lambda word: (-mass[word], word))
    kept = ranked if len(ranked) <= MOST_WORDS else ranked[: MOST_WORDS - 1]
    words = tuple(kept) if len(kept) == len(ranked) or OTHER in kept else (*kept, OTHER)
    place = {word: code for code, word in enumerate(words)}
    other = place.get(OTHER, -1)
    return tuple(-1 if word is None else place.get(word, other) for word in found), words


def value_in_words(player: Player, rows: pa.Table, row: int) -> str:
    """What a player held in one row; "" for a group, unless one of its columns is 1 and the others 0."""
    if player.is_group:
        ones = _ones(player, rows.slice(row, 1))
        return "" if ones is None or not ones.any() else clip(player.columns[int(ones[0].argmax())].name, LONGEST_WORD)
    value = rows[player.columns[0].name][row].as_py()
    if value is None:
        return MISSING
    return _in_digits(value) if isinstance(value, float) else clip(printed(value), LONGEST_WORD)


def _in_digits(value: float) -> str:
    """At most six significant digits, but all digits of the whole part.

    >>> _in_digits(5.0), _in_digits(0.1 + 0.2), _in_digits(1234567.89), _in_digits(-0.0), _in_digits(2.5e-9)
    ('5', '0.3', '1234568', '0', '2.5e-09')
    """
    if 1e6 <= abs(value) < _WHOLE or value == 0:
        return f"{value + 0.0:.0f}"
    return f"{value:.6g}"
