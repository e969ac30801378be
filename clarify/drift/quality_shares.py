"""Constraints that a share of the values must meet (completeness, type, domain, sign), and what chance explains."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.special import bdtrc, expit, gammaln

from clarify.bias.lattice import beta_logits, quantile
from clarify.drift.quality_values import Distribution, FeatureConstraints, FeatureStatistics, InferredType
from clarify.results import Interval

NEVER_BY_CHANCE: Final = 1e-6
MISSING_FLOOR: Final = 0.01             # more missing values than that, where the reference misses some already


@dataclass(frozen=True)
class ObservedColumn:
    """What one window holds in one column; ``numbers`` and ``whole`` are 0 where the file declares texts.

    ``bins`` and ``listed`` count what the reference asked for: numbers between its cuts, then texts by name.
    """

    name: str
    inferred_type: InferredType
    rows: int
    missing: int
    numbers: int
    whole: int                            # numbers without a fraction, however they are written
    negative: int
    bins: tuple[int, ...] = ()
    listed: tuple[tuple[str, int], ...] = ()
    unlisted: tuple[str, ...] = ()        # some texts that the reference does not name

    @property
    def present(self) -> int:
        return self.rows - self.missing


@dataclass(frozen=True)
class ShareCheck:
    """``bad`` of ``rows`` values do not meet a constraint, and in the reference ``reference_bad`` of its own."""

    feature: str
    check: str
    required: float
    bad: int
    rows: int
    reference_bad: int
    reference_rows: int                   # 0: the reference does not say
    met_by: str                           # who meets it, for people: "is Integral"
    noun: str                             # the constraint, for people: "Data type match"
    expected: str = ""

    @property
    def observed(self) -> float:
        return (self.rows - self.bad) / self.rows

    @property
    def reference(self) -> float | None:
        return 1 - self.reference_bad / self.reference_rows if self.reference_rows else None

    @property
    def description(self) -> str:
        """In AWS's words."""
        return (
            f"{self.noun} requirement is not met. {self.expected}Expected match: {100 * self.required}%. "
            f"Observed: Only {100 * self.observed}% of data {self.met_by}."
        )

    @property
    def is_material(self) -> bool:
        """Whether the change is large enough to be told, however certain it is."""
        if self.check != "completeness_check" or self.reference is None or self.reference_bad == 0:
            return True
        return self.reference - self.observed >= MISSING_FLOOR


def share_checks(
    asked: FeatureConstraints,
    window: ObservedColumn,
    statistics: FeatureStatistics | None,
    distribution: Distribution | None,
) -> Iterator[ShareCheck]:
    """Every constraint of one column that its values can be held to."""
    known = 0 if statistics is None else statistics.present
    missed = 0 if statistics is None else statistics.missing
    options = asked.options
    if asked.completeness is not None:
        yield ShareCheck(asked.name, "completeness_check", asked.completeness, window.missing, window.rows,
                         missed, known + missed, "is present", "Completeness")
    if not window.present:
        return
    if asked.inferred_type != "Unknown":
        other = window.present - _of_type(asked.inferred_type, window, distribution)
        yield ShareCheck(asked.name, "data_type_check", options.datatype_threshold, other, window.present, 0, known,
                         f"is {asked.inferred_type}", "Data type match",
                         f"Expected data type: {asked.inferred_type}, ")
    if asked.domains is not None and asked.inferred_type == "String":
        named = dict(window.listed)
        outside = window.present - sum(named.get(value, 0) for value in set(asked.domains))
        seen = f"has a known value{_such_as(window.unlisted)}"
        yield ShareCheck(asked.name, "categorical_values_check", options.domain_threshold, outside, window.present,
                         0, known, seen, "Categorical values")
    if asked.is_non_negative and window.numbers:
        yield ShareCheck(asked.name, "data_type_check", 1.0, window.negative, window.numbers, 0, known,
                         "is not below 0", "Non-negative")


def _of_type(expected: InferredType, window: ObservedColumn, distribution: Distribution | None) -> int:
    """Values of the expected type. Whole numbers are Fractional too, and 5.0 is Integral: both are spellings.

    Any value may stand in a column of texts; a column without a single one is another type, unless the reference's
    texts are numbers so often that it could happen.
    """
    if expected == "Integral":
        return window.whole
    if expected == "Fractional":
        return window.numbers
    if window.numbers < window.present:
        return window.present
    numbers = 0.0 if distribution is None or not distribution.present else distribution.numbers / distribution.present
    return window.present if numbers**window.present >= NEVER_BY_CHANCE else 0


def _such_as(values: Sequence[str]) -> str:
    return f" (unknown: {', '.join(repr(value) for value in values)})" if values else ""


def chance(check: ShareCheck) -> float:
    """The p of so many values that do not meet the constraint, if the window is like its reference and within bounds.

    The larger of two: of the exact test of two rates, and of the binomial test of the share that the constraint
    allows; a violation says that the window is worse than both.

    Notes
    -----
    Exact hypergeometric instead of the tail of Jeffreys posteriors: with no such value in the reference, as is the
    rule here, those tails reach twice their level, and the test is repeated for every column of every window.
    """
    if check.bad == 0:
        return 1.0
    allowed = 1 - check.required
    binomial = float(bdtrc(check.bad - 1, check.rows, allowed)) if allowed > 0 else 0.0
    if check.reference_rows == 0:
        return binomial
    return max(binomial, _two_rates(check.bad, check.rows, check.reference_bad, check.reference_rows))


def _two_rates(bad: int, rows: int, reference_bad: int, reference_rows: int) -> float:
    """Chance that at least ``bad`` of all bad values are among the window's rows."""
    total, marked = rows + reference_rows, bad + reference_bad
    x = np.arange(bad, min(marked, rows) + 1, dtype=np.float64)
    log_p = _log_choose(marked, x) + _log_choose(total - marked, rows - x) - _log_choose(total, np.float64(rows))
    return min(1.0, float(np.exp(log_p).sum()))


def _log_choose(n: int, k: np.ndarray | np.float64) -> np.ndarray:  # type: ignore[type-arg]
    return np.asarray(gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1))


def difference(check: ShareCheck, *, level: float = 0.95) -> Interval | None:
    """House interval of the difference of the shares that do not meet the constraint, window less reference."""
    if check.reference_rows == 0:
        return None
    window = expit(beta_logits(check.bad, check.rows - check.bad, 1))
    reference = expit(beta_logits(check.reference_bad, check.reference_rows - check.reference_bad, 2))
    values = np.sort(window - reference)
    return Interval(quantile(values, (1 - level) / 2), quantile(values, (1 + level) / 2), level)
