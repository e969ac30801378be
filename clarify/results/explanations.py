"""What features did to the score: attributions over all rows, by group, of single rows; partial dependence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from clarify.results.reasons import Interval, Notice

Aggregation = Literal["mean_abs", "median", "mean_sq"]


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
class GroupEffect:
    """How far one feature moved the scores of two groups on average, with its sign, in units of the score."""

    feature: str
    mean_d: float
    mean_a: float
    interval_d: Interval                    # 95 %, over rows and the errors of their attributions
    interval_a: Interval
    gap: float                              # facet a minus facet d
    interval: Interval                      # 95 %, of the gap


@dataclass(frozen=True)
class FacetAttributions:
    """Attributions of one output in one group of one facet and in the rest; features as in the output."""

    output: str
    facet: str
    value_or_threshold: str
    rows_d: int                             # explained rows of each side
    rows_a: int
    effects: tuple[GroupEffect, ...]


@dataclass(frozen=True)
class SampleStratum:
    """Rows that were drawn from one group: each drawn row stands for ``rows / drawn`` rows."""

    facet: str
    value_or_threshold: str                 # "" for the rows in no listed group
    rows: int
    drawn: int


@dataclass(frozen=True)
class SampledFeature:
    """One feature of the drawn rows, row for row; attributions are rounded to six significant digits.

    ``codes`` are positions in ``words``; of a numerical feature (no words) a fifth of the rows by rank, 0 the lowest;
    -1 for a missing value.
    """

    feature: str
    attributions: tuple[float, ...]
    codes: tuple[int, ...]
    words: tuple[str, ...] = ()


@dataclass(frozen=True)
class AttributionSample:
    """Some rows of one output, drawn by group so that small groups are seen; the strongest features first."""

    output: str
    strata: tuple[SampleStratum, ...]
    features: tuple[SampledFeature, ...]


@dataclass(frozen=True)
class Contribution:
    """What one feature did to one row's score, and the row's value in words ("" for a group of columns)."""

    feature: str
    attribution: float
    standard_error: float
    value: str


@dataclass(frozen=True)
class ExplainedRow:
    """One row and why it was chosen; the strongest contributions first, the others summed."""

    output: str
    row: int                                # position in the dataset
    chosen_because: Literal["lowest", "highest", "nearest_threshold"]
    groups: tuple[tuple[str, str], ...]     # facets and listed values that the row belongs to
    score: float
    contributions: tuple[Contribution, ...]
    rest: float                             # sum of all contributions that are not listed
    rest_standard_error: float
    n_rest: int
    order_holds: float | None = None        # share of redraws that keep the first three in order; None: exact
    first_swaps: float | None = None        # share of redraws in which the first two change places; None: exact


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
    by_facet: tuple[FacetAttributions, ...] = ()
    samples: tuple[AttributionSample, ...] = ()
    selected: tuple[ExplainedRow, ...] = ()
    threshold: float | None = None            # of the score, above which a row is predicted positive


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
    ``fewer_than``: not 0 in what is shown of a feature whose counts are withheld; they and ``missing`` are then 0.
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
    fewer_than: int = 0

    @property
    def data_distribution(self) -> tuple[float, ...]:
        """Share of all rows in each bucket or category; missing values leave the sum below 1."""
        return tuple(count / self.rows for count in self.counts)
