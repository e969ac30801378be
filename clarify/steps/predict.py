"""Ask the model about every row once, and keep the answers as parts beside the data."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from clarify.config.analysis import AnalysisConfig
from clarify.data import storage
from clarify.data.coding import NOT_SELECTED, SELECTED, UNKNOWN, Coding
from clarify.data.dataset import Fragment, cut, read_fragment
from clarify.data.expectations import blocking_problems, check_slab, combine, score_expectations
from clarify.data.feature_matrix import read_features
from clarify.endpoints.base import Endpoint, EndpointSpec, OutputKind, Predictions
from clarify.endpoints.opening import open_endpoint
from clarify.endpoints.quarantine import RowFailure, predict_or_quarantine
from clarify.endpoints.selection import class_key
from clarify.engines.base import Engine
from clarify.errors import BadPrediction, DataError, Problem, clip
from clarify.features import FeatureColumn
from clarify.results import ExpectationOutcome, ValidationOutcome
from clarify.steps.plan import AnalysisPlan
from clarify.steps.provision_endpoint import LeasedEndpoint
from clarify.steps.validate_dataset import PreparedData

ROWS_PER_PREDICTION = 8_192
PARTS_PER_SLAB = 32
FEWEST_FAILURES = 16
ROWS_PER_FAILURE = 8
EVEN = 0.5                       # the class of the larger of two probabilities


@dataclass(frozen=True)
class DecisionRule:
    """How an answer becomes a predicted label: the class it names, or its one score above a threshold."""

    names_class: bool                # the answer's label, or its number, is a class of the label column
    threshold: float
    positive: Coding
    whole_labels: bool = False       # the label column holds whole numbers: a fraction is no label of it


@dataclass(frozen=True)
class ScoredDataset:
    """Where the answers lie: one part a fragment, in the same order, row for row."""

    fragments: tuple[Fragment, ...]
    parts_uri: str
    output_names: tuple[str, ...]
    rows: int
    unusable: int                    # rows whose score is not finite or whose label is missing
    expectations: tuple[ExpectationOutcome, ...] = ()
    first_failure: str = ""          # why the first of the rows without an answer has none
    speaks_in_labels: bool = False   # its one score is a value of the label, in the label's unit
    names_class: bool = False        # its one score, where it names no label beside it, is a class


@dataclass(frozen=True)
class PartSummary:
    rows: int
    unusable: int
    output_names: tuple[str, ...]
    first_failure: str = ""          # why the first of the rows without an answer has none


def predict(plan: AnalysisPlan, data: PreparedData, lease: LeasedEndpoint, engine: Engine) -> ScoredDataset:
    """Score all rows; finished parts of a run that was killed are not asked for again."""
    fragments = cut(data.dataset, ROWS_PER_PREDICTION)
    parts_uri = storage.join(data.work_uri, "predictions")
    rule = decision_rule(plan, data, lease)
    work = partial(
        score_fragment,
        spec=lease.spec,
        columns=data.features,
        rule=rule,
        parts_uri=parts_uri,
    )
    summaries = engine.map(work, fragments, stage="predicting")
    scored = ScoredDataset(
        fragments=tuple(fragments),
        parts_uri=parts_uri,
        output_names=summaries[0].output_names if summaries else (),
        rows=sum(summary.rows for summary in summaries),
        unusable=sum(summary.unusable for summary in summaries),
        first_failure=next((summary.first_failure for summary in summaries if summary.first_failure), ""),
        speaks_in_labels=speaks_in_labels(data, lease),
        names_class=rule.names_class,
    )
    return check_answers(scored, lease.model.output)


def decision_rule(plan: AnalysisPlan, data: PreparedData, lease: LeasedEndpoint) -> DecisionRule:
    """The config's threshold; a model that predicts a continuous label itself is held to the label's own.

    Where the config names label and probability both, bias is measured of the label a model names. A model served here
    answers probabilities alone, and names the class of the larger one.
    """
    label, config = data.outcome_label, plan.config
    is_foreign = lease.model.isolation == "remote"
    names_class = lease.model.output == "label" or (is_foreign and lease.spec.label is not None)
    whole = any(column.name == label.column and column.kind == "int" for column in data.outcome.columns)
    threshold = config.probability_threshold
    if speaks_in_labels(data, lease) and label.threshold is not None and not config.probability_threshold_given:
        threshold = label.threshold
    elif not is_foreign and lease.model.output == "probability" and _names_both(plan.config):
        threshold = EVEN
    return DecisionRule(names_class, threshold, label, whole and label.reading == "categorical")


def _names_both(config: AnalysisConfig) -> bool:
    predictor = config.predictor
    return predictor is not None and predictor.label is not None and predictor.probability is not None


def speaks_in_labels(data: PreparedData, lease: LeasedEndpoint) -> bool:
    """Whether the model predicts a continuous label itself, not a probability or a class."""
    label = data.roles.label
    return lease.model.output == "score" and label is not None and label.reading == "continuous"


def score_fragment(
    fragment: Fragment,
    *,
    spec: EndpointSpec,
    columns: Sequence[FeatureColumn],
    rule: DecisionRule,
    parts_uri: str,
) -> PartSummary:
    """Answers of one fragment, written as one Parquet part."""
    part_uri = part_uri_of(parts_uri, fragment)
    if not storage.exists(part_uri):
        table = read_fragment(fragment, columns=[column.name for column in columns])
        features = read_features(table, columns)
        answers = predict_or_quarantine(endpoint_of(spec), features, most_failures=most_failures(len(features)))
        storage.write_bytes(part_uri, to_parquet(_answer_table(answers.predictions, rule, answers.failures)))
    return _summary(read_part(part_uri))


def most_failures(n_rows: int) -> int:
    """How many rows of a request may stay without an answer: one in eight, and a few of a small one."""
    return max(FEWEST_FAILURES, n_rows // ROWS_PER_FAILURE)


def _answer_table(answers: Predictions, rule: DecisionRule, failures: Sequence[RowFailure]) -> pa.Table:
    n = len(answers.labels) if answers.scores is None else len(answers.scores)   # type: ignore[arg-type]
    columns = {"positive": pa.array(_positive(answers, rule, n), pa.int8())}
    if failures:
        reasons = {failure.row: f"{failure.code}: {failure.reason}" for failure in failures}
        columns["failure"] = pa.array([reasons.get(row) for row in range(n)], pa.string())
    if answers.labels is not None:
        columns["label"] = pa.array(answers.labels, pa.string())
    if answers.scores is not None:
        for index, name in enumerate(answers.output_names):
            columns[f"score:{name}"] = pa.array(answers.scores[:, index])
    return pa.table(columns)


def _positive(answers: Predictions, rule: DecisionRule, n: int) -> NDArray[np.int8]:
    scores, labels = answers.scores, answers.labels
    if labels is not None and (rule.names_class or scores is None or scores.shape[1] > 1):
        return _coded([label or None for label in labels], rule)
    if scores is None:
        return np.full(n, UNKNOWN, dtype=np.int8)
    if rule.names_class:
        return _coded([class_name(score) for score in scores[:, 0]], rule)
    codes = np.where(scores[:, 0] > rule.threshold, SELECTED, NOT_SELECTED).astype(np.int8)
    codes[~np.isfinite(scores[:, 0])] = UNKNOWN
    return codes


def _coded(words: Sequence[str | None], rule: DecisionRule) -> NDArray[np.int8]:
    """Predicted labels as text, compared as classes are: 1, 1.0 and true are one.

    Raises
    ------
    BadPrediction
        ENDPOINT-LABEL-VALUES, when a fraction comes where labels are whole numbers: it must be a score.
    """
    if rule.positive.reading == "continuous":
        return rule.positive.code(pa.chunked_array([pa.array(words, pa.string())]))
    wanted = {class_key(str(value)) for value in rule.positive.values}
    codes: dict[str | None, int] = {None: UNKNOWN}
    for word in set(words) - {None}:
        if rule.whole_labels and _is_fraction(str(word)):
            raise BadPrediction(_fraction(str(word), rule.positive.column))
        codes[word] = SELECTED if class_key(str(word)) in wanted else NOT_SELECTED
    return np.array([codes[word] for word in words], dtype=np.int8)


def _is_fraction(word: str) -> bool:
    try:
        return not float(word).is_integer()
    except (ValueError, OverflowError):
        return False


def _fraction(word: str, column: str) -> Problem:
    return Problem(
        "ENDPOINT-LABEL-VALUES", "predictor.label", f"{word} among the predicted labels",
        f"whole numbers, as in column '{column}'", "say where the score sits in predictor.probability",
    )


def class_name(score: float) -> str | None:
    """A class that a server names by number; None when it is not finite."""
    if not np.isfinite(score):
        return None
    return str(int(score)) if float(score).is_integer() else str(float(score))


def check_answers(scored: ScoredDataset, output: OutputKind) -> ScoredDataset:
    """The second validation: scores that cannot be used are counted, too many of them end the run.

    Raises
    ------
    DataError
        With every blocking expectation the scores broke.
    """
    if not scored.output_names or output == "label":
        return scored
    suite = score_expectations(scored.output_names, output="probability" if output == "probability" else "score")
    outcomes = combine(suite, (check_slab(slab, suite) for slab in _score_slabs(scored)))
    problems = blocking_problems(ValidationOutcome(scored.rows, (), outcomes))
    DataError.collect(_with_reason(problem, scored.first_failure) for problem in problems)
    return replace(scored, expectations=outcomes)


def _with_reason(problem: Problem, first_failure: str) -> Problem:
    """A problem with scores, and why the first row has none: the model's own words."""
    return replace(problem, hint=f"{problem.hint}; {clip(first_failure)}") if first_failure else problem


def _score_slabs(scored: ScoredDataset) -> Iterator[pa.Table]:
    """The scores of all parts, in tables of about a quarter of a million rows."""
    names = [f"score:{name}" for name in scored.output_names]
    for start in range(0, len(scored.fragments), PARTS_PER_SLAB):
        parts = [
            read_part(part_uri_of(scored.parts_uri, fragment), columns=names)
            for fragment in scored.fragments[start : start + PARTS_PER_SLAB]
        ]
        yield pa.concat_tables(parts).rename_columns(list(scored.output_names))


def _summary(part: pa.Table) -> PartSummary:
    names = tuple(name.removeprefix("score:") for name in part.column_names if name.startswith("score:"))
    unusable = int((part["positive"].to_numpy() == UNKNOWN).sum())
    failures = part["failure"].drop_null().to_pylist() if "failure" in part.column_names else []
    return PartSummary(part.num_rows, unusable, names, failures[0] if failures else "")


def read_positive(scored: ScoredDataset, fragment: Fragment) -> NDArray[np.int8]:
    """The predicted label of every row of a fragment: SELECTED, NOT_SELECTED or UNKNOWN."""
    part = read_part(part_uri_of(scored.parts_uri, fragment))
    positive: NDArray[np.int8] = part["positive"].to_numpy().astype(np.int8)
    return positive


def part_uri_of(parts_uri: str, fragment: Fragment) -> str:
    """Where the part of one fragment lies."""
    return storage.join(parts_uri, f"part-{fragment.index:08d}.parquet")


def to_parquet(table: pa.Table) -> bytes:
    """A table as the bytes of one Parquet file."""
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd")
    return bytes(sink.getvalue())


def read_part(uri: str, columns: Sequence[str] | None = None) -> pa.Table:
    """One part written by ``to_parquet``."""
    names = None if columns is None else list(columns)
    return pq.read_table(pa.BufferReader(storage.read_bytes(uri)), columns=names)


_open_endpoints: dict[EndpointSpec, Endpoint] = {}


def endpoint_of(spec: EndpointSpec) -> Endpoint:
    """This process's own connection to the endpoint, opened once; another spec's is closed."""
    if spec not in _open_endpoints:
        close_endpoints()
        _open_endpoints[spec] = open_endpoint(spec)
    return _open_endpoints[spec]


def close_endpoints() -> None:
    """Give this process's connections back."""
    while _open_endpoints:
        _open_endpoints.popitem()[1].close()
