"""Rows of a table as the matrix a model is asked about: numbers as they are, words as codes of a vocabulary."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from clarify.data.coding import ColumnFacts, as_numbers, kind_of_column, one_array
from clarify.features import FeatureColumn, Features
from clarify.results import ColumnSummary

LARGEST_EXACT_INTEGER = 2**53


def model_columns(facts: Sequence[ColumnFacts]) -> tuple[FeatureColumn, ...]:
    """Name and kind of the columns a model sees; words, and integers float64 would round, get a vocabulary."""
    return tuple(
        FeatureColumn(fact.summary.name, kind_of_column(fact), () if _needs_vocabulary(fact.summary) else None)
        for fact in facts
    )


def _needs_vocabulary(summary: ColumnSummary) -> bool:
    extremes = (summary.minimum or 0.0, summary.maximum or 0.0)
    too_large = summary.kind == "int" and max(map(abs, extremes)) >= LARGEST_EXACT_INTEGER
    return summary.kind == "text" or too_large


def read_features(table: pa.Table, columns: Sequence[FeatureColumn]) -> Features:
    """Rows of a table as a model's inputs; vocabularies start with the given words and grow by this table's.

    Codes depend on the table at hand: compare or hash words, never codes, across tables.
    """
    read = [_read_column(table[column.name], column) for column in columns]
    values = np.empty((table.num_rows, len(read)), dtype=np.float64)
    for index, (_, numbers) in enumerate(read):
        values[:, index] = numbers
    return Features(tuple(column for column, _ in read), values)


def _read_column(column: pa.ChunkedArray, known: FeatureColumn) -> tuple[FeatureColumn, NDArray[np.float64]]:
    if known.vocabulary is None:
        return known, as_numbers(column)
    encoded = one_array(column).dictionary_encode()
    words = encoded.dictionary.to_pylist()
    position: dict[str | int, int] = {word: code for code, word in enumerate(known.vocabulary)}
    for word in words:
        position.setdefault(word, len(position))
    codes = np.array([position[word] for word in words] + [math.nan], dtype=np.float64)
    numbers = codes[encoded.indices.fill_null(len(words)).to_numpy(zero_copy_only=False)]
    return replace(known, vocabulary=tuple(position)), numbers
