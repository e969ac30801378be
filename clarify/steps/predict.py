"""Ask the model about every row once, and keep the answers as parts beside the data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache, partial

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from clarify.data import storage
from clarify.data.coding import NOT_SELECTED, SELECTED, UNKNOWN, Coding, read_features
from clarify.data.dataset import Fragment, cut, read_fragment
from clarify.endpoints.base import Endpoint, EndpointSpec, Predictions, open_endpoint
from clarify.engines.base import Engine
from clarify.features import FeatureColumn
from clarify.steps.plan import AnalysisPlan
from clarify.steps.provision_endpoint import LeasedEndpoint
from clarify.steps.validate_dataset import PreparedData

ROWS_PER_PREDICTION = 8_192


@dataclass(frozen=True)
class DecisionRule:
    """How an answer becomes a predicted label: the class it names, or its one score above a threshold."""

    prefer_label: bool               # the config says where the label sits in the answer
    threshold: float
    positive: Coding


@dataclass(frozen=True)
class ScoredDataset:
    """Where the answers lie: one part a fragment, in the same order, row for row."""

    fragments: tuple[Fragment, ...]
    parts_uri: str
    output_names: tuple[str, ...]
    rows: int
    unusable: int                    # rows whose score is not finite or whose label is missing


@dataclass(frozen=True)
class PartSummary:
    rows: int
    unusable: int
    output_names: tuple[str, ...]


def predict(plan: AnalysisPlan, data: PreparedData, lease: LeasedEndpoint, engine: Engine) -> ScoredDataset:
    """Score all rows; finished parts of a run that was killed are not asked for again."""
    fragments = cut(data.dataset, ROWS_PER_PREDICTION)
    parts_uri = storage.join(plan.work_uri, "predictions")
    work = partial(
        score_fragment,
        spec=lease.spec,
        columns=data.features,
        rule=decision_rule(plan, data, lease),
        parts_uri=parts_uri,
    )
    summaries = engine.map(work, fragments, stage="predicting")
    scored = ScoredDataset(
        fragments=tuple(fragments),
        parts_uri=parts_uri,
        output_names=summaries[0].output_names if summaries else (),
        rows=sum(summary.rows for summary in summaries),
        unusable=sum(summary.unusable for summary in summaries),
    )
    check_scores(scored)
    return scored


def decision_rule(plan: AnalysisPlan, data: PreparedData, lease: LeasedEndpoint) -> DecisionRule:
    """The config's threshold; a model that predicts a continuous label itself is held to the label's own."""
    label, config = data.outcome_label, plan.config
    prefer_label = config.predictor is not None and config.predictor.label is not None
    speaks_in_labels = lease.model.output == "score" and label.reading == "continuous"
    if speaks_in_labels and label.threshold is not None and not config.probability_threshold_given:
        return DecisionRule(prefer_label, label.threshold, label)
    return DecisionRule(prefer_label, config.probability_threshold, label)


def score_fragment(
    fragment: Fragment,
    *,
    spec: EndpointSpec,
    columns: Sequence[FeatureColumn],
    rule: DecisionRule,
    parts_uri: str,
) -> PartSummary:
    """Answers of one fragment, written as one Parquet part."""
    part_uri = _part_uri(parts_uri, fragment)
    if not storage.exists(part_uri):
        table = read_fragment(fragment, columns=[column.name for column in columns])
        answers = endpoint_of(spec).predict(read_features(table, columns))
        storage.write_bytes(part_uri, to_parquet(_answer_table(answers, rule)))
    return _summary(read_part(part_uri))


def _answer_table(answers: Predictions, rule: DecisionRule) -> pa.Table:
    n = len(answers.labels) if answers.scores is None else len(answers.scores)   # type: ignore[arg-type]
    columns = {"positive": pa.array(_positive(answers, rule, n), pa.int8())}
    if answers.labels is not None:
        columns["label"] = pa.array(answers.labels, pa.string())
    if answers.scores is not None:
        for index, name in enumerate(answers.output_names):
            columns[f"score:{name}"] = pa.array(answers.scores[:, index])
    return pa.table(columns)


def _positive(answers: Predictions, rule: DecisionRule, n: int) -> NDArray[np.int8]:
    scores, labels = answers.scores, answers.labels
    if labels is not None and (rule.prefer_label or scores is None or scores.shape[1] > 1):
        words = pa.array([label or None for label in labels], pa.string())
        return rule.positive.code(pa.chunked_array([words]))
    if scores is None:
        return np.full(n, UNKNOWN, dtype=np.int8)
    codes = np.where(scores[:, 0] > rule.threshold, SELECTED, NOT_SELECTED).astype(np.int8)
    codes[~np.isfinite(scores[:, 0])] = UNKNOWN
    return codes


def _summary(part: pa.Table) -> PartSummary:
    names = tuple(name.removeprefix("score:") for name in part.column_names if name.startswith("score:"))
    unusable = int((part["positive"].to_numpy() == UNKNOWN).sum())
    return PartSummary(part.num_rows, unusable, names)


def read_positive(scored: ScoredDataset, fragment: Fragment) -> NDArray[np.int8]:
    """The predicted label of every row of a fragment: SELECTED, NOT_SELECTED or UNKNOWN."""
    part = read_part(_part_uri(scored.parts_uri, fragment))
    return part["positive"].to_numpy().astype(np.int8)


def _part_uri(parts_uri: str, fragment: Fragment) -> str:
    return storage.join(parts_uri, f"part-{fragment.index:08d}.parquet")


def to_parquet(table: pa.Table) -> bytes:
    """A table as the bytes of one Parquet file."""
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd")
    return bytes(sink.getvalue())


def read_part(uri: str) -> pa.Table:
    """One part written by ``to_parquet``."""
    return pq.read_table(pa.BufferReader(storage.read_bytes(uri)))


@lru_cache(maxsize=2)
def endpoint_of(spec: EndpointSpec) -> Endpoint:
    """This process's own connection to the endpoint, opened once."""
    return open_endpoint(spec)
