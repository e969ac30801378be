"""What a comparison of two analyses found, champion and challenger: frozen values, no library's types."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from clarify.results import (
    DatasetDescription,
    Interval,
    ModelDescription,
    Notice,
    RangeEvidence,
    Reason,
    Stage,
    Verdict,
)


class Unpaired(StrEnum):
    """Why the rows of two runs could not be matched one by one."""

    ROWS_DIFFER = "rows_differ"                    # another digest, or another number of rows
    CODING_DIFFERS = "coding_differs"              # the same rows, with other positive labels, groups or strata
    NO_DECISIONS = "no_decisions"                  # a run did not leave its decisions
    WITHHELD = "withheld"                          # pairs would give away counts that this reader may not see


class NotCompared(StrEnum):
    """Why a metric has no difference; a metric of either run never disappears in silence."""

    SAME_LABELS = "same_labels"                    # of the labels alone, which are the same rows for both
    LABELS_ONLY = "labels_only"                    # of the labels alone, on other rows: says nothing of the models
    NEEDS_NEIGHBOURS = "needs_neighbours"          # the flip test: other rows decide what a row's value is
    NOT_OF_GROUPS = "not_of_groups"                # generalised entropy: the same for every group
    OTHER_STRATA = "other_strata"                  # conditional on another group variable
    UNDEFINED = "undefined"                        # in one run or in both; their own reasons say why
    ONLY_CHAMPION = "only_champion"                # the other run did not measure it, or has no such group
    ONLY_CHALLENGER = "only_challenger"
    WITHHELD = "withheld"                          # it rests on counts that this reader may not see


@dataclass(frozen=True)
class ComparedRun:
    """One of the two analyses; ``evidence`` is the SHA-256 of its ``extended.json``."""

    uri: str
    evidence: str
    config_digest: str
    dataset: DatasetDescription
    model: ModelDescription | None = None
    has_decisions: bool = False


@dataclass(frozen=True)
class PairCounts:
    """Rows with a decision of both models, and how many of them only one of the models decides positively."""

    rows: int
    to_positive: int                               # negative for the champion, positive for the challenger
    to_negative: int
    left_out: int = 0                              # rows that at least one model left undecided

    @property
    def alike(self) -> int:
        return self.rows - self.to_positive - self.to_negative


@dataclass(frozen=True)
class AccuracyDifference:
    """The share of right decisions over all rows with a label, whatever their group; challenger minus champion."""

    champion: float
    challenger: float
    difference: float
    interval: Interval
    gained: int | None = None                      # rows that only the challenger decides rightly; None: unpaired
    lost: int | None = None


@dataclass(frozen=True)
class MetricDifference:
    """One metric of one group in both runs, and challenger minus champion with an interval, or why there is none.

    Paired, both values are those of the rows that both models decided. ``evidence`` against the declared tolerance,
    None without one; then the verdict, the level its p had to reach, and the interval that decides.
    """

    stage: Stage
    metric: str
    champion: float | None
    challenger: float | None
    difference: float | None = None
    interval: Interval | None = None
    not_compared: NotCompared | None = None
    undefined_champion: Reason | None = None
    undefined_challenger: Reason | None = None
    evidence: RangeEvidence | None = None
    verdict: Verdict | None = None
    reason: Reason | None = None                   # of an INCONCLUSIVE one
    threshold: float | None = None
    deciding: Interval | None = None


@dataclass(frozen=True)
class GroupComparison:
    """One group of one facet in both runs; row counts of facet d and facet a.

    ``fewer_than`` above 0: counts from 1 up to it, exclusive, are kept back from this reader; rows are then 0.
    """

    facet: str
    value_or_threshold: str
    champion_rows: tuple[int, int]
    challenger_rows: tuple[int, int]
    metrics: tuple[MetricDifference, ...]
    pairs_d: PairCounts | None = None              # None: unpaired
    pairs_a: PairCounts | None = None
    fewer_than: int = 0


@dataclass(frozen=True)
class Comparison:
    """Everything one comparison found; the document and the page are functions of it.

    ``tests`` counts the differences with a tolerance: the family over which errors are held at ``1 - level``.
    """

    champion: ComparedRun
    challenger: ComparedRun
    groups: tuple[GroupComparison, ...]
    unpaired_because: Unpaired | None = None       # None: the rows are paired
    agreement: PairCounts | None = None
    accuracy: AccuracyDifference | None = None
    level: float = 0.95
    tests: int = 0
    notices: tuple[Notice, ...] = ()

    @property
    def is_paired(self) -> bool:
        return self.unpaired_because is None

    @property
    def verdicts(self) -> tuple[Verdict, ...]:
        """Verdicts of all differences that have a tolerance, in order."""
        found = (metric.verdict for group in self.groups for metric in group.metrics)
        return tuple(verdict for verdict in found if verdict is not None)

    @property
    def verdict(self) -> Verdict | None:
        """VIOLATION when there is any, else INCONCLUSIVE when there is any; None without a tolerance."""
        found = self.verdicts
        if not found:
            return None
        if Verdict.VIOLATION in found:
            return Verdict.VIOLATION
        return Verdict.INCONCLUSIVE if Verdict.INCONCLUSIVE in found else Verdict.PASS

    def count(self, verdict: Verdict) -> int:
        return self.verdicts.count(verdict)
