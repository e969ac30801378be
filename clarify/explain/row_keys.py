"""A name for each row made of its feature values, whatever file, order or vocabulary it came from."""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import NDArray

from clarify.features import FeatureColumn, Features

_NUMBER, _TEXT, _INTEGER = 0, 1, 2
_CELL_BYTES = 9
_LARGEST_EXACT = 2**53
_BLOCK_ROWS = 8192


def row_keys(features: Features) -> NDArray[np.uint64]:
    """BLAKE2b-64 of each row's canonically encoded values, shape (n,).

    A cell is nine bytes: a tag and eight bytes of content. Numbers, booleans and missing cells of any kind are tag 0
    and the little-endian float64 (-0.0 as 0.0, one NaN); text is tag 1 and the 8-byte BLAKE2b of its UTF-8, so that
    the order of the vocabulary does not matter; an integer that float64 cannot hold is tag 2 and the 8-byte BLAKE2b of
    its decimal digits. Equal rows have equal keys, on every machine; column names take no part.
    """
    keys = np.empty(len(features), dtype=np.uint64)
    words = [_word_cells(column) for column in features.columns]
    for start in range(0, len(features), _BLOCK_ROWS):
        values = features.values[start : start + _BLOCK_ROWS]
        cells = np.empty((len(values), len(words), _CELL_BYTES), dtype=np.uint8)
        for position, table in enumerate(words):
            column = values[:, position]
            cells[:, position] = _number_cells(column) if table is None else table[_codes(column)]
        keys[start : start + len(values)] = _digest(cells.reshape(len(values), -1))
    return keys


def smallest_keys(keys: NDArray[np.uint64], n: int) -> NDArray[np.intp]:
    """Positions of the n smallest keys, in the order of the keys, ties in row order."""
    return np.argsort(keys, kind="stable")[:n]


def _digest(rows: NDArray[np.uint8]) -> NDArray[np.uint64]:
    digests = b"".join(hashlib.blake2b(row, digest_size=8).digest() for row in rows)
    return np.frombuffer(digests, dtype="<u8").astype(np.uint64)


def _number_cells(numbers: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Tag and bytes of plain numbers, shape (n, 9)."""
    canonical = np.where(np.isnan(numbers), np.nan, numbers + 0.0)      # -0.0 + 0.0 is 0.0
    cells = np.full((len(numbers), _CELL_BYTES), _NUMBER, dtype=np.uint8)
    cells[:, 1:] = np.ascontiguousarray(canonical, dtype="<f8").view(np.uint8).reshape(-1, 8)
    return cells


def _word_cells(column: FeatureColumn) -> NDArray[np.uint8] | None:
    """The cell of each word of a vocabulary, and last that of a missing one; None for a column of plain numbers."""
    if column.vocabulary is None:
        return None
    missing = _number_cells(np.array([np.nan]))
    return np.concatenate([*(_word_cell(word) for word in column.vocabulary), missing])


def _word_cell(word: str | int) -> NDArray[np.uint8]:
    if isinstance(word, int) and abs(word) <= _LARGEST_EXACT:
        return _number_cells(np.array([float(word)]))
    tag = _TEXT if isinstance(word, str) else _INTEGER
    digest = hashlib.blake2b(str(word).encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return np.frombuffer(bytes([tag]) + digest, dtype=np.uint8)[None, :]


def _codes(column: NDArray[np.float64]) -> NDArray[np.intp]:
    """Places in a column's vocabulary; -1, the last place of its table of cells, where missing."""
    return np.where(np.isnan(column), -1.0, column).astype(np.intp)
