"""The frozen values a monitor produces: one record for each window of live data it looked at."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Literal

from clarify.results import AwsValue, FacetBias, Interval, Notice, Reason, Stage

Kind = Literal["bias-drift", "attribution-drift", "data-quality", "model-quality"]
Rule = Literal["sagemaker", "bootstrap_overlap", "decision"]


class Status(StrEnum):
    """What a window ended in: a verdict, or ERROR when it could not be looked at; never silence."""

    PASS = "PASS"
    VIOLATION = "VIOLATION"
    INCONCLUSIVE = "INCONCLUSIVE"
    ERROR = "ERROR"


@dataclass(frozen=True, order=True)
class Window:
    """A half-open span of time ``[start, end)``; both in UTC, ISO 8601 to the second, ending in Z."""

    start: str
    end: str

    @classmethod
    def between(cls, start: datetime, end: datetime) -> Window:
        """The window of two moments, of whatever zone."""
        return cls(*(moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") for moment in (start, end)))

    @property
    def starts(self) -> datetime:
        return datetime.fromisoformat(self.start)

    @property
    def ends(self) -> datetime:
        return datetime.fromisoformat(self.end)

    @property
    def name(self) -> str:
        """How folders call it; names sort as windows do.

        >>> Window("2026-11-01T00:00:00Z", "2026-11-02T00:00:00Z").name
        '20261101T000000Z-20261102T000000Z'
        """
        return "-".join(moment.replace("-", "").replace(":", "") for moment in (self.start, self.end))


@dataclass(frozen=True)
class WindowCounts:
    """What was found on the way to the rows of one window; every row that is left out is counted under a reason."""

    files: int = 0
    requests: int = 0                 # captured requests; equal to rows where there are no requests
    rows: int = 0                     # rows of the window, as they are analysed
    outside: int = 0                  # rows in the files that were read whose time lies before or after the window
    undated: int = 0                  # rows whose time cannot be read
    future: int = 0                   # rows dated after the run itself: a clock is wrong
    unreadable: int = 0               # lines that are no record
    duplicates: int = 0               # rows left out because their event was there already
    labels: int | None = None         # labels found for events of the window; None: no labels are joined
    unlabelled: int = 0               # rows left out because no label has come
    orphan_labels: int = 0            # labels whose event is not in the window
    duplicate_labels: int = 0
    late_labels: int = 0              # labels left out because they came after the lateness that is allowed

    @property
    def join_rate(self) -> float | None:
        """Share of the window's rows that have a label; None where no labels are joined."""
        events = self.rows + self.unlabelled
        return self.rows / events if self.labels is not None and events else None


@dataclass(frozen=True)
class RuleFinding:
    """What one rule says of one series; ``text`` is for people."""

    rule: Rule
    status: Status
    reason: Reason | None = None
    text: str = ""


@dataclass(frozen=True)
class SeriesDrift:
    """One metric of one group of one facet in one window, against its reference: everything the three rules read."""

    stage: Stage
    facet: str
    value_or_threshold: str
    metric: str
    value: float | None
    aws: AwsValue
    reference: AwsValue | None                # None: the reference does not have it
    interval: Interval | None = None          # 95 %, of the window alone
    bootstrap: Interval | None = None         # 95 % normal bootstrap, of the window alone
    low: float | None = None                  # allowed range
    high: float | None = None
    range_from: Literal["reference", "policy"] | None = None
    blind_zone: float | None = None           # a change smaller than that hides in the noise of the reference
    evidence: float = 0.0                     # log evidence over log alarm, 0 to 1; 1 is an alarm
    log_e: tuple[float, ...] = ()             # this window's log e-values, by side and size of the change
    log_m: tuple[float, ...] = ()             # logarithms of the sums after this window; after an alarm all -Infinity
    approximate: bool = False                 # e-values by normal scores instead of exact ones
    pooled: Interval | None = None            # 95 %, of the most recent windows together
    pooled_windows: int = 0
    pooled_rows: int = 0                      # rows of facet d in them
    findings: tuple[RuleFinding, ...] = ()
    since_reset: int | None = None            # windows since the last alarm or other range, this one among them

    @property
    def key(self) -> tuple[Stage, str, str, str]:
        return self.stage, self.facet, self.value_or_threshold, self.metric

    def says(self, rule: Rule) -> RuleFinding:
        return next(finding for finding in self.findings if finding.rule == rule)


@dataclass(frozen=True)
class BiasDrift:
    """All series of one window, and the counts they come from."""

    rule: Rule
    series: tuple[SeriesDrift, ...]
    counted: tuple[FacetBias, ...]            # counts of every facet and stage, without metrics; what is pooled later
    alarm_at: float                           # evidence that is an alarm, in false alarms: windows x series / budget
    promise: str                              # what the monitor's own rule promises, in words
    notices: tuple[Notice, ...] = ()
    alarms_per_month: float | None = None     # false alarms that are bearable; None: not recorded
    windows_per_month: float | None = None    # that the schedule opens; None: not recorded


@dataclass(frozen=True)
class FeatureDrift:
    """How much of the explanation one feature takes, now and in the reference."""

    feature: str
    reference_share: float
    share: float
    ratio: float | None                       # of mean absolute attributions, now over then; None: none then
    p: float | None                           # family-wise over features; None: global values only, no rows to test
    material: bool
    ratio_interval: Interval | None = None
    share_change: Interval | None = None      # 95 %, of share - reference_share


@dataclass(frozen=True)
class OutputDrift:
    """Attribution drift of one model output."""

    label: str
    ndcg: float
    ndcg_threshold: float | None              # calibrated for this model and these rows
    p_ndcg: float | None
    share_distance: float
    share_threshold: float | None
    p_share: float | None
    scale: float | None                       # all attributions together, now over then
    features: tuple[FeatureDrift, ...]
    findings: tuple[RuleFinding, ...] = ()    # of ``sagemaker`` and ``decision``


@dataclass(frozen=True)
class AttributionDrift:
    """Attribution drift of one window."""

    rule: Rule
    outputs: tuple[OutputDrift, ...]
    rows: int
    reference_rows: int
    level: float                              # of the three tests together
    promise: str
    notices: tuple[Notice, ...] = ()


@dataclass(frozen=True)
class ConstraintViolation:
    """One entry of a ``constraint_violations.json`` of data or model quality; ``subject`` is a feature or metric."""

    subject: str
    check: str
    description: str


@dataclass(frozen=True)
class FeatureDistance:
    """How far the values of one feature lie from those of the reference."""

    feature: str
    kind: Literal["numeric", "categorical"]
    ks: float                                 # largest gap between cumulative shares over ordered bins
    tvd: float                                # half the sum of gaps between shares
    tested: Literal["ks", "tvd"]
    threshold: float | None                   # of the tested distance, calibrated by permutation at this row count
    p: float | None
    largest_gap: str                          # the bin or value in which the shares differ most
    findings: tuple[RuleFinding, ...] = ()


@dataclass(frozen=True)
class FeatureShare:
    """Values of one feature that do not meet a constraint: missing ones, or of another type, domain or sign."""

    feature: str
    check: str
    required: float                           # share that must meet it
    observed: float                           # share that does
    rows: int                                 # values behind it
    reference: float | None                   # share that did in the reference
    p: float | None                           # of so many that do not, if nothing changed
    difference: Interval | None = None        # of the shares that do not, window less reference
    findings: tuple[RuleFinding, ...] = ()


@dataclass(frozen=True)
class DataQuality:
    """What the constraints of data quality say of one window. ``blocking``: those that stop other monitors."""

    rule: Rule
    violations: tuple[ConstraintViolation, ...]
    distances: tuple[FeatureDistance, ...]
    blocking: tuple[ConstraintViolation, ...]
    findings: tuple[RuleFinding, ...]         # of the window as a whole
    promise: str = ""
    notices: tuple[Notice, ...] = ()
    shares: tuple[FeatureShare, ...] = ()     # constraints that some values do not meet


@dataclass(frozen=True)
class QualityMetric:
    """One metric of the model's quality, overall or in one group of a facet."""

    group: str                                # "" overall, else such as "sex=2" or "sex=rest"
    metric: str
    value: float | None
    standard_deviation: float | None = None
    interval: Interval | None = None
    threshold: float | None = None
    operator: Literal["LessThanThreshold", "GreaterThanThreshold"] | None = None
    findings: tuple[RuleFinding, ...] = ()
    undefined_because: Reason | None = None


@dataclass(frozen=True)
class ModelQuality:
    """Quality of the model in one window."""

    rule: Rule
    problem_type: Literal["Regression", "BinaryClassification", "MulticlassClassification"]
    rows: int
    metrics: tuple[QualityMetric, ...]
    violations: tuple[ConstraintViolation, ...]
    findings: tuple[RuleFinding, ...]
    promise: str = ""
    notices: tuple[Notice, ...] = ()


@dataclass(frozen=True)
class MonitorRecord:
    """What one monitor found in one window; holds no time, host or run id, so a rerun writes the same bytes."""

    monitor: str
    kind: Kind
    rule: Rule
    window: Window
    revision: int
    status: Status
    headline: str                             # one sentence for people
    inputs_digest: str                        # SHA-256 over monitor, documents and data: the same, and it is done
    data_digest: str                          # of the window's rows
    counts: WindowCounts
    reason: Reason | None = None
    bias: BiasDrift | None = None
    attribution: AttributionDrift | None = None
    data_quality: DataQuality | None = None   # the finding itself, or the gate that other kinds pass first
    model_quality: ModelQuality | None = None
    notices: tuple[Notice, ...] = ()
