"""One analysis as one value: what was read, checked, asked and found."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from clarify.results.bias import BiasSection
from clarify.results.closer import ClassSection, Intersection, OutcomeGap, SegmentBias
from clarify.results.explanations import ExplanationSection, PartialDependence
from clarify.results.reasons import Notice
from clarify.results.verdicts import VerdictSection


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
