"""How many coalitions a row is asked: as configured, or doubled until its error bars are small enough."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from clarify.config.shap_options import DEFAULT_TOLERANCE
from clarify.explain.coalitions import n_pairs_in_all

FEWEST_COALITIONS = 512
COALITIONS_PER_PLAYER = 16


class Outcome(IntEnum):
    """Why a row was asked no more coalitions."""

    EXACT = 0               # all coalitions of its live players were asked, or none had to be
    WITHIN_TOLERANCE = 1    # its predicted error is within the tolerance
    CEILING = 2             # it is not, and another doubling would pass the ceiling
    BUDGET = 3              # num_samples was configured: no row is asked more or less
    FAILED = 4              # the model had no answer for the row, or for most of its coalitions


def ceiling(n_players: int) -> int:
    """AWS's number of coalitions, as far as it is known: min(2 M + 2048, 2^M - 2) for M players."""
    return min(2 * n_players + 2048, n_coalitions_in_all(n_players))


def n_coalitions_in_all(n_players: int) -> int:
    """Coalitions besides nobody and all: 2^M - 2."""
    return 2 * n_pairs_in_all(n_players)


@dataclass(frozen=True)
class Budget:
    """The rule for one job; ``num_samples`` None means that error bars decide.

    With ``num_samples`` every sampled row costs 2 floor(num_samples / 2) coalitions. Without it a row starts with
    max(512, 16 M), M being its live players, and is asked twice as many as long as its predicted relative error
    exceeds ``tolerance`` and the ceiling allows; the last doubling enumerates when that is within AWS's number.
    """

    num_samples: int | None = None
    tolerance: float = DEFAULT_TOLERANCE

    @property
    def is_given(self) -> bool:
        return self.num_samples is not None

    def first(self, n_live: int) -> int:
        """Coalitions a row is asked at first; even, and all of them where they are no more than that."""
        wanted = self.num_samples if self.num_samples is not None else self._start(n_live)
        return min(wanted // 2 * 2, n_coalitions_in_all(n_live))

    def after(self, n_live: int, asked: int) -> int | None:
        """Coalitions in all after one more doubling, or None when there is none."""
        every = n_coalitions_in_all(n_live)
        if self.is_given or asked >= every:
            return None
        doubled = min(2 * asked, every)
        return doubled if doubled <= ceiling(n_live) else None

    def largest(self, n_players: int) -> int:
        """The most coalitions that a row with so many live players can be asked."""
        if self.num_samples is not None:
            return self.first(n_players)
        return ceiling(n_players)

    def samples(self, n_live: int) -> bool:
        """Whether rows with so many live players may end without all their coalitions asked."""
        return self.first(n_live) < n_coalitions_in_all(n_live)

    @staticmethod
    def _start(n_live: int) -> int:
        return min(max(FEWEST_COALITIONS, COALITIONS_PER_PLAYER * n_live), ceiling(n_live))


def relative_errors(values: NDArray[np.float64], standard_errors: NDArray[np.float64]) -> NDArray[np.float64]:
    r"""Predicted relative error of each row, from arrays of shape (n_outputs, n, n_players).

    :math:`\sqrt{\text{mean}_c\, (\lVert se_c \rVert / \lVert \phi_c \rVert)^2}` over the outputs whose attributions or
    errors are not all zero, so that it does not depend on the outputs' units; 0 where all are, infinite where there is
    error and no attribution.
    """
    size, error = np.square(values).sum(axis=2), np.square(standard_errors).sum(axis=2)
    counted = (size > 0) | (error > 0)
    share = np.full(size.shape, np.inf)
    np.divide(error, size, out=share, where=size > 0)
    total = np.where(counted, share, 0.0).sum(axis=0)
    errors: NDArray[np.float64] = np.sqrt(total / np.maximum(counted.sum(axis=0), 1))
    return errors
