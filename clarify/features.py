"""One batch of model inputs: a matrix of numbers and codes, with the words behind the codes.

The one shape that the data room, the explanation engine and the endpoints all understand. Numbers stand
for themselves (missing is NaN), text stands as the position of its word in the column's vocabulary
(missing is NaN), so that a coalition can be masked by selecting bits whatever the column holds.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Kind = Literal["int", "float", "bool", "text"]


@dataclass(frozen=True)
class FeatureColumn:
    """Name and kind of one feature; ``vocabulary`` is None for numbers, else the words by code.

    A column of 64-bit integers that float64 cannot hold exactly is coded through a vocabulary of ints.
    """

    name: str
    kind: Kind
    vocabulary: tuple[str | int, ...] | None = None


@dataclass(frozen=True)
class Features:
    """Rows of model inputs; ``values`` is float64 of shape (rows, columns), C-contiguous."""

    columns: tuple[FeatureColumn, ...]
    values: NDArray[np.float64]

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns)

    @property
    def is_numeric(self) -> bool:
        """Whether every column is a plain number, so that the matrix itself can travel."""
        return all(column.vocabulary is None for column in self.columns)

    def __len__(self) -> int:
        return len(self.values)

    def with_values(self, values: NDArray[np.float64]) -> Features:
        """The same columns with other rows: masked ones, a slice, a padded tail."""
        return replace(self, values=values)
