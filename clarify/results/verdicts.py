"""What was decided of the metrics that have an allowed range."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from clarify.results.bias import RangeEvidence
from clarify.results.reasons import Interval, Notice, Reason, Stage


class Verdict(StrEnum):
    """What the counts say of one metric against its allowed range; never silence."""

    PASS = "PASS"
    VIOLATION = "VIOLATION"
    INCONCLUSIVE = "INCONCLUSIVE"


@dataclass(frozen=True)
class DetectableChange:
    """The smallest true values outside the allowed range that these rows would show with the stated power.

    None on a side: no value there would be seen, or (``impossible_*``) none can occur.
    """

    below: float | None
    above: float | None
    power: float = 0.8
    approximate: bool = False                 # found by simulated tables instead of exact enumeration
    impossible_below: bool = False
    impossible_above: bool = False


@dataclass(frozen=True)
class Judgement:
    """The verdict on one metric of one group of one facet, and what it rests on."""

    stage: Stage
    facet: str
    value_or_threshold: str
    metric: str
    verdict: Verdict
    value: float | None
    interval: Interval | None
    evidence: RangeEvidence
    reason: Reason | None = None              # of an INCONCLUSIVE one
    threshold: float | None = None            # the level its p had to reach, after the correction for the family
    detectable: DetectableChange | None = None
    deciding: Interval | None = None          # inside the range exactly when PASS, apart from it when VIOLATION


@dataclass(frozen=True)
class VerdictSection:
    """All verdicts of one analysis under one policy.

    ``tests`` counts the pairs of metric and group with a range and an interval: the family over which errors are held.
    """

    policy: str                               # its name
    policy_digest: str
    level: float
    family: Literal["holm", "none"]
    tests: int
    judgements: tuple[Judgement, ...]
    notices: tuple[Notice, ...] = ()
    small_group: int = 50                     # groups with fewer rows are pointed out

    @property
    def verdict(self) -> Verdict:
        """VIOLATION when there is any, else INCONCLUSIVE when there is any or nothing was judged, else PASS."""
        found = {judgement.verdict for judgement in self.judgements}
        if Verdict.VIOLATION in found:
            return Verdict.VIOLATION
        return Verdict.PASS if found == {Verdict.PASS} else Verdict.INCONCLUSIVE

    def count(self, verdict: Verdict) -> int:
        return sum(judgement.verdict is verdict for judgement in self.judgements)
