"""The two ways one formula is read: honestly, where 0/0 does not exist, and as AWS's library computes it."""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

from clarify.bias.contingency import FoldedTable
from clarify.errors import UndefinedMetricError
from clarify.results import Reason

NO_COMMON_CLASS_TEXT: Final = "No instance of common facet found, dataset may be too small"


class Reading:
    """The honest arithmetic: a missing denominator raises :class:`UndefinedMetricError` with its reason.

    Formulas are written once against this class; :class:`AwsReading` gives the same formulas the zero rules
    of AWS's library. The text of a :meth:`need` is the library's own, so that it can be printed as its error.
    """

    def need(self, holds: bool, reason: Reason, aws_text: str) -> None:
        """A condition both readings check."""
        if not holds:
            raise UndefinedMetricError(reason, aws_text)

    def need_honestly(self, holds: bool, reason: Reason, detail: str) -> None:
        """A condition AWS's library does not check."""
        if not holds:
            raise UndefinedMetricError(reason, detail)

    def need_facets(self, table: FoldedTable, *, d_text: str, a_text: str, a_first: bool = False) -> None:
        """Both facets must have rows; the order decides which text is printed when neither has."""
        checks = [(table.d.rows, Reason.EMPTY_FACET, d_text), (table.a.rows, Reason.SINGLE_GROUP, a_text)]
        for rows, reason, text in reversed(checks) if a_first else checks:
            self.need(rows > 0, reason, text)

    def share(self, count: float, rows: int, what: str) -> float:
        """count / rows, where ``count`` is a part of ``rows``; ``what`` names the rows."""
        if rows == 0:
            raise UndefinedMetricError(Reason.NO_ROWS, f"{what}=0")
        return count / rows

    def ratio(self, above: float, below: float, what: str, *, empty: Reason = Reason.NO_ROWS) -> float:
        """above / below, two quantities of their own; ``what`` names the lower, ``empty`` the reason of 0/0."""
        if below == 0:
            raise UndefinedMetricError(empty if above == 0 else Reason.ZERO_DENOMINATOR, f"{what}=0")
        return above / below

    def difference(self, left: float, right: float) -> float:
        return left - right

    def compared(
        self, p: NDArray[np.float64], q: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """The classes over which two distributions are compared: all of them."""
        return p, q


class AwsReading(Reading):
    """The arithmetic of AWS's library: 0/0 is 0, x/0 is infinite, infinity minus infinity is 0."""

    def need_honestly(self, holds: bool, reason: Reason, detail: str) -> None:
        return None

    def share(self, count: float, rows: int, what: str) -> float:
        return _divide(count, rows)

    def ratio(self, above: float, below: float, what: str, *, empty: Reason = Reason.NO_ROWS) -> float:
        return _divide(above, below)

    def difference(self, left: float, right: float) -> float:
        return 0.0 if left == right == math.inf else left - right

    def compared(
        self, p: NDArray[np.float64], q: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Only the classes that both facets have: a divergence may turn negative, a distance may halve."""
        common = (p > 0) & (q > 0)
        self.need(bool(common.any()), Reason.NO_COMMON_CLASS, NO_COMMON_CLASS_TEXT)
        return p[common], q[common]


def _divide(above: float, below: float) -> float:
    if below == 0:
        return 0.0 if above == 0 else math.copysign(math.inf, above)
    return above / below


HONEST: Final = Reading()
AWS: Final = AwsReading()
