"""How often each combination of values occurs in a few columns: all that count metrics need to know of any row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from clarify.data.column_types import to_kind
from clarify.features import Kind

MOST_COMBINATIONS = 16_384
_COUNT = "n"


@dataclass(frozen=True, eq=False)
class Combinations:
    """Counted combinations: ``values`` has a row for each, in order of first appearance, ``counts`` how often.

    Adding the combinations of two parts of a dataset gives those of the whole. There are at most 16,384: whoever
    counts more has nothing (None), and the rows have to be read again.
    """

    values: pa.Table
    counts: NDArray[np.int64]

    @property
    def rows(self) -> int:
        """Rows of the dataset that were counted."""
        return int(self.counts.sum())

    @property
    def columns(self) -> tuple[str, ...]:
        return tuple(self.values.column_names)

    def typed(self, kinds: Mapping[str, Kind]) -> Combinations:
        """The same counts with values as the kinds of their columns have them: texts of a CSV file become numbers."""
        typed = {name: to_kind(_one(self.values, name), kinds[name], name) for name in self.columns}
        return Combinations(pa.table(typed), self.counts)


def add_combinations(some: Combinations | None, more: Combinations | None) -> Combinations | None:
    """The combinations of both, or None when one is unknown or they are too many."""
    if some is None or more is None:
        return None
    counts = np.concatenate([some.counts, more.counts])
    return _grouped(pa.concat_tables([some.values, more.values]), counts)


class CombinationTally:
    """Counts the combinations of some columns batch by batch, until there are too many."""

    def __init__(self, columns: Sequence[str]) -> None:
        self.columns = tuple(columns)
        self._found: Combinations | None = None
        self._given_up = not columns
        self._is_first = True

    def add(self, encoded: Mapping[str, pa.DictionaryArray | None]) -> None:
        """One batch, as codes of dictionaries; None for a column that has too many values for one."""
        if self._given_up:
            return
        known = {name: column for name, column in encoded.items() if name in self.columns and column is not None}
        fresh = _count(known) if len(known) == len(self.columns) else None
        self._found = fresh if self._is_first else add_combinations(self._found, fresh)
        self._is_first = False
        self._given_up = self._found is None

    def combinations(self) -> Combinations | None:
        return self._found


def _count(encoded: Mapping[str, pa.DictionaryArray]) -> Combinations | None:
    """Combinations of codes are counted, and only those found are looked up as values."""
    codes = pa.table({str(place): column.indices for place, column in enumerate(encoded.values())})
    found = codes.group_by(codes.column_names, use_threads=False).aggregate([([], "count_all")])
    if found.num_rows > MOST_COMBINATIONS:
        return None
    values = {
        name: column.dictionary.take(_one(found, str(place)))
        for place, (name, column) in enumerate(encoded.items())
    }
    return Combinations(pa.table(values), _numbers(found, "count_all"))


def _grouped(values: pa.Table, counts: NDArray[np.int64]) -> Combinations | None:
    # By position: a column of the data may have any name.
    names = [str(place) for place in range(values.num_columns)]
    table = values.rename_columns(names).append_column(_COUNT, pa.array(counts))
    found = table.group_by(names, use_threads=False).aggregate([(_COUNT, "sum")])
    if found.num_rows > MOST_COMBINATIONS:
        return None
    return Combinations(found.select(names).rename_columns(values.column_names), _numbers(found, f"{_COUNT}_sum"))


def _one(table: pa.Table, name: str) -> pa.Array:
    column = table[name].combine_chunks()
    return pa.concat_arrays(column.chunks) if isinstance(column, pa.ChunkedArray) else column


def _numbers(table: pa.Table, name: str) -> NDArray[np.int64]:
    numbers: NDArray[np.int64] = table[name].to_numpy().astype(np.int64)
    return numbers
