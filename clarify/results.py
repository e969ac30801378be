"""The frozen values an analysis produces: small, printable, comparable, free of any library's types."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal

Stage = Literal["pre_training", "post_training"]
Aggregation = Literal["mean_abs", "median", "mean_sq"]


class Reason(StrEnum):
    """Why a number is missing or a verdict cannot be given; lower-case, one list for the whole product."""

    NO_ROWS = "no_rows"                            # a rate has nobody behind it
    EMPTY_FACET = "empty_facet"                    # facet d has no row
    SINGLE_GROUP = "single_group"                  # facet a has no row
    SINGLE_CLASS = "single_class"                  # all labels, or all predictions, are alike
    ZERO_DENOMINATOR = "zero_denominator"          # rows exist, but the count below the line is 0
    NO_COMMON_CLASS = "no_common_class"            # a divergence compares classes that both facets must have
    NO_GROUP_VARIABLE = "no_group_variable"        # conditional metrics need strata
    NON_NUMERIC_FEATURES = "non_numeric_features"  # the flip test measures distances
    MISSING_FEATURES = "missing_features"          # ... and cannot measure them with nulls
    ALL_FALSE_NEGATIVES = "all_false_negatives"    # generalised entropy divides by the mean benefit
    NOT_COMPUTED = "not_computed"                  # it needs the rows, and nobody looked at them
    TOO_MANY_ROWS = "too_many_rows"                # the flip test grows with the square of the rows
    TOO_FEW = "too_few"
    FAMILY = "family"
    BLIND = "blind"                                # the noise of the reference hides changes of this size
    NO_REFERENCE = "no_reference"                  # the reference has no counts for it, and no range is declared
    EMPTY_WINDOW = "empty_window"                  # nothing happened in that time
    OVERLAP = "overlap"                            # its rows were counted in an earlier window already
    LOW_JOIN_RATE = "low_join_rate"                # too few of the window's rows have their label yet
    DATA_QUALITY = "data_quality"                  # the data fail their checks, so nothing else was looked at
    FAILED = "failed"                              # the window could not be looked at
    NOTHING_JUDGED = "nothing_judged"              # no series has a range
    DRIFT = "drift"                                # the alarm itself


@dataclass(frozen=True)
class Notice:
    """Something the reader must know although the run went on; ``code`` is stable."""

    code: str
    field: str
    message: str


# Standard errors to either side of a 95 % interval.
Z_95 = 1.959963984540054


@dataclass(frozen=True)
class Interval:
    """A range of plausible values; a side may be infinite."""

    low: float
    high: float
    level: float = 0.95


class Verdict(StrEnum):
    """What the counts say of one metric against its allowed range; never silence."""

    PASS = "PASS"
    VIOLATION = "VIOLATION"
    INCONCLUSIVE = "INCONCLUSIVE"


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


@dataclass(frozen=True)
class GroupCounts:
    """Rows of one group by label and predicted label; unknown labels are counted, never guessed."""

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


@dataclass(frozen=True)
class BiasSection:
    """One stage of the bias analysis: AWS's ``pre_`` or ``post_training_bias_metrics``."""

    stage: Stage
    label: str
    label_value_or_threshold: str
    facets: tuple[FacetBias, ...]
    notices: tuple[Notice, ...] = ()


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

    @property
    def verdict(self) -> Verdict:
        """VIOLATION when there is any, else INCONCLUSIVE when there is any or nothing was judged, else PASS."""
        found = {judgement.verdict for judgement in self.judgements}
        if Verdict.VIOLATION in found:
            return Verdict.VIOLATION
        return Verdict.PASS if found == {Verdict.PASS} else Verdict.INCONCLUSIVE

    def count(self, verdict: Verdict) -> int:
        return sum(judgement.verdict is verdict for judgement in self.judgements)


@dataclass(frozen=True)
class CellBias:
    """One cell of crossed facets against all rows outside it: facet d is the cell, facet a the rest."""

    groups: tuple[str, ...]                   # one per crossed facet; "rest" for the rows outside the listed values
    rows: int
    pre_training: FacetBias | None = None
    post_training: FacetBias | None = None


@dataclass(frozen=True)
class Intersection:
    """Facets crossed on request; rows with an unknown coordinate are in no cell and are counted."""

    facets: tuple[str, ...]
    cells: tuple[CellBias, ...]
    unknown_rows: int = 0


@dataclass(frozen=True)
class SegmentBias:
    """All facets measured within one slice of the rows (``segment_config``); ``__default__`` holds the others."""

    config_name: str
    column: str
    segment: str                              # the listed values or intervals, joined by comma
    alias: str
    rows: int
    pre_training: tuple[FacetBias, ...] = ()
    post_training: tuple[FacetBias, ...] = ()
    unknown_rows: int = 0                     # of ``__default__``: rows that are there because their value is missing


@dataclass(frozen=True)
class ClassBias:
    """One class of a label with more than two: that class as the positive outcome, every other one as negative."""

    label_value: str
    rows: int
    pre_training: tuple[FacetBias, ...] = ()
    post_training: tuple[FacetBias, ...] = ()


@dataclass(frozen=True)
class WorstClass:
    """The class in which a metric lies furthest from its ideal, for one group of one facet."""

    stage: Stage
    facet: str
    value_or_threshold: str
    metric: str
    label_value: str
    value: float
    interval: Interval | None = None          # at the level that counts all classes


@dataclass(frozen=True)
class ClassSection:
    """A label of more than two classes, one against the rest, beyond AWS's collapse into one positive class."""

    classes: tuple[ClassBias, ...]
    worst: tuple[WorstClass, ...]
    level: float = 0.95                       # joint level of the worst classes' intervals
    notices: tuple[Notice, ...] = ()


@dataclass(frozen=True)
class QuantileGap:
    """A quantile of the outcome in facet a minus the same in facet d."""

    level: float
    a: float
    d: float
    gap: float
    interval: Interval | None = None


@dataclass(frozen=True)
class OutcomeGap:
    """A continuous outcome compared between the facets, in the outcome's own unit: facet a minus facet d."""

    outcome: Literal["label", "prediction", "error"]   # error: prediction minus label
    facet: str
    value_or_threshold: str
    rows_a: int
    rows_d: int
    mean_a: float | None
    mean_d: float | None
    gap: float | None
    interval: Interval | None = None
    quantiles: tuple[QuantileGap, ...] = ()
    undefined_because: Reason | None = None
    sampled_rows: int | None = None           # the quantiles rest on so many rows; None: on all


@dataclass(frozen=True)
class GlobalAttribution:
    """How much one feature moved the score over all explained rows, in units of the score."""

    feature: str
    mean_abs: float
    median: float
    mean_sq: float
    standard_error: float | None = None     # of mean_abs - mean_abs_excess, over the design; None: not computed
    exact: bool = False                     # no row's attribution is estimated
    mean_abs_excess: float = 0.0            # errors of the rows push mean_abs up by about so much
    interval: Interval | None = None        # 95 %, of mean_abs without its excess; None: not computed

    def by(self, aggregation: Aggregation) -> float:
        return {"mean_abs": self.mean_abs, "median": self.median, "mean_sq": self.mean_sq}[aggregation]


@dataclass(frozen=True)
class OutputExplanation:
    """Global attributions of one model output (``label0`` for a single score)."""

    label: str
    expected_value: float
    features: tuple[GlobalAttribution, ...]
    certain_order: int | None = None        # so many leading features keep their order within the errors


@dataclass(frozen=True)
class ExplanationSection:
    """SHAP of one analysis: what was asked, what it cost, what came out."""

    outputs: tuple[OutputExplanation, ...]
    aggregation: Aggregation
    estimators: tuple[tuple[str, int], ...]   # rows by what explained them: exact, kernel, kriging, ...
    num_samples: int
    calls: int                                # model rows spent on coalitions
    rows: int
    rows_exact: int
    n_features: int
    n_baseline_rows: int
    baseline_source: str                      # inline | uri | medoid | clusters
    use_logit: bool
    seed: int
    local_values_saved: bool
    notices: tuple[Notice, ...] = ()
    budget_given: bool = True                 # num_samples was configured: every sampled row costs the same
    tolerance: float | None = None            # relative error at which a row stops; None: no stop rule
    rows_within_tolerance: int = 0            # sampled rows that stopped because their predicted error was small enough
    rows_at_ceiling: int = 0                  # sampled rows whose budget ended first
    rows_failed: int = 0                      # rows without attributions: the model could not answer for them
    estimator_asked: Literal["auto", "kernel", "kriging", "sparse"] = "auto"
    estimator_chosen: Literal["", "auto", "kernel", "kriging", "sparse"] = ""     # for sampled rows; auto: none was
    probe: Literal["steady", "batch_variant", "noisy"] = "steady"     # how the same row was answered again
    groups: tuple[tuple[str, tuple[str, ...]], ...] = ()   # columns explained as one feature


@dataclass(frozen=True)
class ScoreQuantile:
    """One quantile of the rows' own scores at every grid point: how far single rows lie from their mean."""

    level: float                              # 0.05, 0.25, 0.5, 0.75, 0.95
    values: tuple[float, ...]


@dataclass(frozen=True)
class OutputDependence:
    """One model output as a feature takes each value of its grid, in units of the score."""

    label: str
    means: tuple[float, ...]
    quantiles: tuple[ScoreQuantile, ...]
    intervals: tuple[Interval, ...] = ()      # 95 % for the mean over all rows; empty: the mean is over all rows


@dataclass(frozen=True)
class PartialDependence:
    """Mean prediction over the rows as one feature is set to each value of its grid, or the error that prevents it.

    A numerical feature's grid is ``feature_values``, centres of equal-width buckets over its range; a categorical
    one's is ``categories``. ``counts`` says how many rows of the data lie in each bucket or category.
    """

    feature: str
    data_type: Literal["numerical", "categorical", "free_text"]
    feature_values: tuple[float, ...] = ()
    categories: tuple[str, ...] = ()
    counts: tuple[int, ...] = ()
    outputs: tuple[OutputDependence, ...] = ()
    error: str | None = None
    missing: int = 0                          # rows without a value of the feature; no grid point is made of them
    rows: int = 0                             # of the dataset
    rows_used: int = 0                        # rows that the means are taken over: all, or those of a sample
    distinct_rows: int = 0                    # different rows among them: the model was asked once for each
    rounded: bool = False                     # the model refuses fractions of integers: asked at whole numbers

    @property
    def data_distribution(self) -> tuple[float, ...]:
        """Share of all rows in each bucket or category; missing values leave the sum below 1."""
        return tuple(count / self.rows for count in self.counts)


@dataclass(frozen=True)
class ColumnSummary:
    """What was understood of one column, and why."""

    name: str
    kind: str                                 # int | float | text | bool
    reading: str                              # why this type: declared by Parquet, all values are integers, ...
    rows: int
    nulls: int
    distinct: int | None                      # None: more than were counted
    minimum: float | None = None
    maximum: float | None = None
    non_finite: int = 0


@dataclass(frozen=True)
class ExpectationOutcome:
    """One expectation on the data: what was expected, how many rows broke it, whether that stops the run."""

    expectation: str
    column: str
    severity: Literal["blocking", "recorded"]
    success: bool
    unexpected: int
    rows: int
    detail: str = ""


@dataclass(frozen=True)
class ValidationOutcome:
    """The result of checking the dataset against what the config needs of it."""

    rows: int
    columns: tuple[ColumnSummary, ...]
    expectations: tuple[ExpectationOutcome, ...]
    notices: tuple[Notice, ...] = ()

    @property
    def passed(self) -> bool:
        return all(o.success for o in self.expectations if o.severity == "blocking")


@dataclass(frozen=True)
class ModelDescription:
    """Which model answered: pinned, never an alias that may move."""

    uri: str                                  # as asked: models:/name@champion, a path, an endpoint URL
    pinned_uri: str                           # models:/name/3, runs:/..., a path, the URL
    name: str
    version: str | None
    digest: str | None                        # SHA-256 over the model's files; None for a foreign endpoint
    output: Literal["probability", "score", "label"]
    classes: tuple[str, ...] = ()
    isolation: Literal["process", "none", "remote"] = "process"


@dataclass(frozen=True)
class DatasetDescription:
    """Which data were read."""

    uri: str
    format: str
    digest: str                               # SHA-256 over the files' bytes
    rows: int
    n_columns: int
    bytes: int


@dataclass(frozen=True)
class AnalysisResult:
    """Everything one analysis found, as one value; the documents and the report are functions of it."""

    config_digest: str
    dataset: DatasetDescription
    validation: ValidationOutcome
    model: ModelDescription | None = None
    pre_training: BiasSection | None = None
    post_training: BiasSection | None = None
    explanations: ExplanationSection | None = None
    notices: tuple[Notice, ...] = field(default=())
    seed: int = 0
    report_name: str = "report"
    report_title: str = "Analysis Report"
    partial_dependence: tuple[PartialDependence, ...] = ()
    verdicts: VerdictSection | None = None    # None: no policy was given
    intersections: tuple[Intersection, ...] = ()
    segments: tuple[SegmentBias, ...] = ()
    classes: ClassSection | None = None
    outcome_gaps: tuple[OutcomeGap, ...] = ()
