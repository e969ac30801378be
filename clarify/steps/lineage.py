"""What a tracking server is told of one analysis: names and values, free of any tracker's types."""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial

from clarify.data import storage
from clarify.report.names import without_secrets
from clarify.results import AnalysisResult, MetricValue, Verdict
from clarify.steps.plan import AnalysisRequest, read_config
from clarify.steps.write_report import PublishedAnalysis

LONGEST_SLUG = 60
STAGES = {"pre_training": "pre", "post_training": "post"}


@dataclass(frozen=True)
class DatasetLineage:
    """A dataset as trackers list it."""

    uri: str
    name: str
    digest: str
    source_json: str
    schema_json: str
    profile_json: str


@dataclass(frozen=True)
class AnalysisLineage:
    """Everything worth logging of one published analysis; metrics are finite."""

    published: PublishedAnalysis
    params: tuple[tuple[str, str], ...]
    metrics: tuple[tuple[str, float], ...]
    tags: tuple[tuple[str, str], ...]
    dataset: DatasetLineage
    model_name: str | None
    model_version: str | None
    evidence: str
    status: str | None                # the verdict of the whole; None: no policy was given

    def files(self) -> Iterator[tuple[str, Callable[[], bytes], int]]:
        """Path, reader and size of every published file, the manifest last."""
        uri = self.published.output_uri
        for path, record in self.published.files:
            yield path, partial(storage.read_bytes, storage.join(uri, path)), record.bytes
        yield "manifest.json", partial(storage.read_bytes, storage.join(uri, "manifest.json")), 0


def lineage_of(published: PublishedAnalysis, *, engine: str) -> AnalysisLineage:
    """What to log of a published analysis."""
    result = published.result
    model = result.model
    named = name_metrics(result)
    undefined = [(f"undefined.{name}", str(m.undefined_because or m.detail)) for name, m in named if m.value is None]
    return AnalysisLineage(
        published=published,
        params=tuple(_params(result, engine)),
        metrics=(*_finite(_bias_numbers(named)), *_finite(_shap_numbers(result)), *_verdict_numbers(result)),
        tags=(*_tags(published), *undefined),
        dataset=_dataset(result),
        model_name=model.name if model is not None and model.version is not None else None,
        model_version=model.version if model is not None else None,
        evidence=published.evidence_digest,
        status=result.verdicts.verdict.lower() if result.verdicts is not None else None,
    )


def subject_of(request: AnalysisRequest) -> str:
    """What the analysis is about, for the experiment's name: the model, else the data.

    Raises
    ------
    ConfigError
        When the config cannot be read.
    """
    config = read_config(request).config
    named = config.predictor.model_name if config.predictor is not None else None
    subject = request.settings.model or request.settings.endpoint or named or request.dataset_uri or "analysis"
    registered = re.match(r"^models:/([^/@]+)", subject)
    return slug(registered.group(1) if registered else without_secrets(subject).rstrip("/").rsplit("/", 1)[-1])


def name_metrics(result: AnalysisResult) -> tuple[tuple[str, MetricValue], ...]:
    """``pre|post.<METRIC>.<facet>.<value>`` with slugs; names that collide are numbered in order."""
    return tuple((name, metric) for _, name, metric in _named_metrics(result))


Place = tuple[str, str, str, str]
"""Stage, facet, group and metric."""


def _named_metrics(result: AnalysisResult) -> Iterator[tuple[Place, str, MetricValue]]:
    taken: dict[str, int] = {}
    for place, metric in _placed_metrics(result):
        name = _slugs(place)
        taken[name] = taken.get(name, 0) + 1
        yield place, name if taken[name] == 1 else f"{name}-{taken[name]}", metric


def _placed_metrics(result: AnalysisResult) -> Iterator[tuple[Place, MetricValue]]:
    for section in (result.pre_training, result.post_training):
        for facet in section.facets if section is not None else ():
            for metric in facet.metrics:
                yield (facet.stage, facet.facet, facet.value_or_threshold, metric.name), metric


def _slugs(place: Place) -> str:
    stage, facet, group, metric = place
    return f"{STAGES[stage]}.{metric}.{slug(facet)}.{slug(group)}"


def slug(text: str) -> str:
    """Letters, digits, dash and underscore; anything else becomes a dash, long names are cut.

    >>> slug("(40.0, 60.0]"), slug("Ünknown"), slug("***")
    ('40-0-60-0', 'nknown', 'x')
    """
    return re.sub(r"[^A-Za-z0-9_]+", "-", text).strip("-")[:LONGEST_SLUG] or "x"


def _bias_numbers(named: Iterable[tuple[str, MetricValue]]) -> Iterator[tuple[str, float]]:
    for name, metric in named:
        if metric.value is not None:
            yield name, metric.value
        if metric.interval is not None:
            yield f"{name}.low", metric.interval.low
            yield f"{name}.high", metric.interval.high


def _shap_numbers(result: AnalysisResult) -> Iterator[tuple[str, float]]:
    section = result.explanations
    if section is None:
        return
    yield "shap.calls", section.calls
    yield "shap.rows_exact", section.rows_exact
    yield "shap.rows_within_tolerance", section.rows_within_tolerance
    yield "shap.rows_at_ceiling", section.rows_at_ceiling
    yield "shap.rows_failed", section.rows_failed
    for output in section.outputs:
        yield f"shap.{slug(output.label)}.expected_value", output.expected_value
        taken: dict[str, int] = {}
        for attribution in output.features:
            name = f"shap.{slug(output.label)}.{slug(attribution.feature)}"
            taken[name] = taken.get(name, 0) + 1
            suffix = "" if taken[name] == 1 else f"-{taken[name]}"
            yield f"{name}{suffix}", attribution.by(section.aggregation)


def _finite(pairs: Iterable[tuple[str, float]]) -> Iterator[tuple[str, float]]:
    return ((name, value) for name, value in pairs if math.isfinite(value))


def _params(result: AnalysisResult, engine: str) -> Iterator[tuple[str, str]]:
    yield "config_digest", result.config_digest
    yield "dataset_uri", without_secrets(result.dataset.uri)
    yield "dataset_digest", result.dataset.digest
    yield "rows", str(result.dataset.rows)
    yield "engine", engine
    yield "seed", str(result.seed)
    if result.model is not None:
        yield "model_uri", without_secrets(result.model.pinned_uri)
        yield "model_digest", str(result.model.digest)
    if result.explanations is not None:
        yield "num_samples", str(result.explanations.num_samples)
        yield "aggregation", result.explanations.aggregation


def _tags(published: PublishedAnalysis) -> Iterator[tuple[str, str]]:
    yield "clarify.config_digest", published.result.config_digest
    yield "clarify.evidence", published.evidence_digest
    yield "clarify.report", without_secrets(published.report_uri)
    yield from _verdict_tags(published.result)
    if published.result.model is not None:
        yield "clarify.model", without_secrets(published.result.model.pinned_uri)


def _verdict_tags(result: AnalysisResult) -> Iterator[tuple[str, str]]:
    """The verdict of the whole and of every check: tags can be searched for, and a word is no number."""
    section = result.verdicts
    if section is None:
        return
    yield "clarify.status", section.verdict.lower()
    yield "clarify.policy", section.policy
    yield "clarify.policy_digest", section.policy_digest
    names = {place: name for place, name, _ in _named_metrics(result)}
    for j in section.judgements:
        why = f" ({j.reason})" if j.reason is not None else ""
        yield f"verdict.{names[j.stage, j.facet, j.value_or_threshold, j.metric]}", f"{j.verdict}{why}"


def _verdict_numbers(result: AnalysisResult) -> Iterator[tuple[str, float]]:
    if result.verdicts is not None:
        for verdict in Verdict:
            yield f"verdicts.{verdict.lower()}", result.verdicts.count(verdict)


def _dataset(result: AnalysisResult) -> DatasetLineage:
    data = result.dataset
    uri = without_secrets(data.uri)
    columns = [{"name": column.name, "type": column.kind} for column in result.validation.columns[:200]]
    return DatasetLineage(
        uri=uri,
        name=uri.rstrip("/").rsplit("/", 1)[-1][:200] or "dataset",
        digest=data.digest or hashlib.sha256(uri.encode()).hexdigest(),
        source_json=json.dumps({"uri": uri}),
        schema_json=json.dumps({"columns": columns}),
        profile_json=json.dumps({"num_rows": data.rows, "num_columns": data.n_columns, "bytes": data.bytes}),
    )
