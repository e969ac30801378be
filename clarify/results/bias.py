"""Bias metrics of groups, and the counts that they are computed from."""

from __future__ import annotations

from dataclasses import dataclass

from clarify.results.reasons import Interval, Notice, Reason, Stage


@dataclass(frozen=True)
class RangeEvidence:
    """How the counts speak to the allowed range ``[low, high]`` of a metric, None for a side without a limit.

    ``p_outside``: small when the value is outside; ``p_inside``: small when it is inside. Both None without rows.
    """

    low: float | None
    high: float | None
    p_outside: float | None = None
    p_inside: float | None = None


@dataclass(frozen=True)
class AwsValue:
    """What AWS's library prints for a metric: a number (possibly infinite), or null with an error text."""

    value: float | None
    error: str | None = None


@dataclass(frozen=True)
class MetricValue:
    """One metric of one facet: its value with an interval, or the reason it has none."""

    name: str
    value: float | None
    aws: AwsValue
    interval: Interval | None = None
    undefined_because: Reason | None = None
    detail: str = ""
    sparse_strata: float | None = None
    evidence: RangeEvidence | None = None    # None: the policy declares no range for it

    @property
    def is_withheld(self) -> bool:
        """Whether the number exists and is not shown to this reader."""
        return self.undefined_because is Reason.WITHHELD


@dataclass(frozen=True)
class GroupCounts:
    """Rows of one group by label and predicted label; unknown labels are counted, never guessed.

    ``fewer_than``: not 0 in what is shown of a withheld group; the counts are then not given, all of them 0. Some count
    of it, or of a group that it would give away, is fewer than this; its rows need not be.
    """

    rows: int
    positive_labels: int
    negative_labels: int
    unknown_labels: int
    positive_predictions: int = 0
    negative_predictions: int = 0
    unknown_predictions: int = 0
    true_positives: int = 0
    false_positives: int = 0
    false_negatives: int = 0
    true_negatives: int = 0
    fewer_than: int = 0


@dataclass(frozen=True)
class FacetCounts:
    """Counts of facet a (the rest), facet d (the listed values) and the rows whose facet is unknown."""

    a: GroupCounts
    d: GroupCounts
    unknown: GroupCounts


@dataclass(frozen=True)
class StratumCounts:
    """Rows of one value of the group variable whose facet and (predicted) label are known."""

    name: str
    positive_a: int
    negative_a: int
    positive_d: int
    negative_d: int


@dataclass(frozen=True)
class FlipCounts:
    """How many rows of facet d their neighbours in facet a would decide otherwise.

    ``to_positive``: predicted 0, neighbours say 1; ``to_negative``: predicted 1, neighbours say 0; ``n_d``: rows asked.
    """

    to_positive: int
    to_negative: int
    n_d: int

    def __add__(self, other: FlipCounts) -> FlipCounts:
        return FlipCounts(
            self.to_positive + other.to_positive, self.to_negative + other.to_negative, self.n_d + other.n_d
        )


@dataclass(frozen=True)
class FacetBias:
    """All requested metrics of one group of one facet at one stage, and the counts that they are computed from."""

    facet: str
    value_or_threshold: str
    stage: Stage
    counts: FacetCounts
    metrics: tuple[MetricValue, ...]
    strata: tuple[StratumCounts, ...] | None = None   # by label, or predicted label; None: no group variable
    flips: FlipCounts | None = None                   # None: the flip test was not run, or on a sample only
    sampled_flips: FlipCounts | None = None           # of the sample's rows: not counts of the facet, never pooled


@dataclass(frozen=True)
class BiasSection:
    """One stage of the bias analysis: AWS's ``pre_`` or ``post_training_bias_metrics``."""

    stage: Stage
    label: str
    label_value_or_threshold: str
    facets: tuple[FacetBias, ...]
    notices: tuple[Notice, ...] = ()
