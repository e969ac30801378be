"""From findings to files: documents, report and local values, published so that a reader sees all or nothing."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from functools import cached_property
from io import BytesIO
from typing import BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
from numpy.typing import NDArray

from clarify.config.presentation import Presentation
from clarify.data import storage
from clarify.features import FeatureColumn, Features
from clarify.report.document import analysis_document, extended_document
from clarify.report.html import notebook_document, render_report
from clarify.report.provenance import (
    FileRecord,
    Provenance,
    RunRecord,
    evidence_of,
    file_record,
    manifest_document,
    provenance_document,
    provenance_of,
)
from clarify.report.shielding.shielded import shielded, shielded_provenance
from clarify.report.views.notebook import notebook_html, text_view
from clarify.results import AnalysisResult, BiasSection, PartialDependence, VerdictSection
from clarify.steps.closer_looks import CloserLooks
from clarify.steps.decisions import DECISIONS, decisions_wanted, write_decisions
from clarify.steps.explain import Explanations
from clarify.steps.local_parts import LocalParts, row_facts
from clarify.steps.plan import AnalysisPlan
from clarify.steps.predict import ScoredDataset
from clarify.steps.provision_endpoint import LeasedEndpoint
from clarify.steps.published import MANIFEST
from clarify.steps.validate_dataset import PreparedData

LOCAL_CSV = "explanations_shap/out.csv"
LOCAL_PARQUET = "explanations_shap/out.parquet"
BASELINE_CSV = "explanations_shap/baseline.csv"


@dataclass(frozen=True)
class RunFacts:
    """What is true of this run only; it goes to provenance and nowhere else."""

    engine: str = "local"
    command: str = ""
    started_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    mlflow_run_id: str | None = None
    prefect_flow_run_id: str | None = None


@dataclass(frozen=True, repr=False)
class PublishedAnalysis:
    """The findings, and what was written where."""

    result: AnalysisResult
    output_uri: str
    files: tuple[tuple[str, FileRecord], ...]
    engine: str = "local"
    presentation: Presentation = field(default_factory=Presentation)

    @cached_property
    def shown(self) -> AnalysisResult:
        """The findings as pages and views may show them."""
        return shielded(self.result, self.presentation)

    def __repr__(self) -> str:
        return text_view(self.shown)

    def _repr_html_(self) -> str:
        return notebook_html(self.shown)

    @property
    def report_uri(self) -> str:
        return storage.join(self.output_uri, f"{self.result.report_name}.html")

    @property
    def evidence_digest(self) -> str:
        """SHA-256 over the digests of the reproducible files: the same whenever the findings are the same."""
        return evidence_of(dict(self.files))


@dataclass(frozen=True)
class Findings:
    """What the steps of one analysis found; None and empty for what was not asked."""

    pre_training: BiasSection | None = None
    post_training: BiasSection | None = None
    verdicts: VerdictSection | None = None
    closer: CloserLooks = field(default_factory=CloserLooks)
    explanations: Explanations | None = None
    dependence: tuple[PartialDependence, ...] = ()


def write_report(
    plan: AnalysisPlan,
    data: PreparedData,
    lease: LeasedEndpoint | None,
    scored: ScoredDataset | None,
    found: Findings,
    facts: RunFacts,
) -> PublishedAnalysis:
    """Gather everything into one result, write it as documents, and publish: manifest first gone, last written."""
    result = gather_result(plan, data, lease, scored, found)
    output_uri = plan.output_uri
    storage.delete(storage.join(output_uri, MANIFEST))
    files = {path: _publish(output_uri, path, content, True) for path, content in _documents(result).items()}
    if found.explanations is not None:
        files |= _publish_explanations(output_uri, found.explanations)
    files |= _publish_decisions(plan, data, scored)
    provenance = provenance_of(result, _run_record(facts, found.explanations))
    for path, page in _pages(result, provenance, plan.presentation).items():
        files[path] = _publish(output_uri, path, page, path.endswith(".ipynb"))
    files["provenance.json"] = _publish(output_uri, "provenance.json", provenance_document(provenance), False)
    storage.write_bytes(storage.join(output_uri, MANIFEST), manifest_document(files))
    storage.delete(storage.join(output_uri, ".work"))
    return PublishedAnalysis(
        result, output_uri, tuple(sorted(files.items())), facts.engine, presentation=plan.presentation
    )


def gather_result(
    plan: AnalysisPlan,
    data: PreparedData,
    lease: LeasedEndpoint | None,
    scored: ScoredDataset | None,
    found: Findings,
) -> AnalysisResult:
    """Everything found, as one frozen value."""
    answered = scored.expectations if scored is not None else ()
    validation = replace(data.outcome, expectations=(*data.outcome.expectations, *answered))
    return AnalysisResult(
        config_digest=plan.config_digest,
        dataset=data.dataset.describe(),
        validation=validation,
        model=lease.model if lease is not None else None,
        pre_training=found.pre_training,
        post_training=found.post_training,
        explanations=found.explanations.section if found.explanations is not None else None,
        notices=lease.notices if lease is not None else (),
        seed=plan.seed,
        report_name=plan.config.report.name,
        report_title=plan.config.report.title,
        partial_dependence=found.dependence,
        verdicts=found.verdicts,
        intersections=found.closer.intersections,
        segments=found.closer.segments,
        classes=found.closer.classes,
        outcome_gaps=found.closer.outcome_gaps,
    )


def _documents(result: AnalysisResult) -> dict[str, bytes]:
    return {"analysis.json": analysis_document(result), "extended.json": extended_document(result)}


def _pages(result: AnalysisResult, provenance: Provenance, presentation: Presentation) -> dict[str, bytes]:
    """What people open: the report, as its readers may see it, and the notebook that opens the documents again."""
    report = render_report(shielded(result, presentation), shielded_provenance(provenance, presentation))
    return {f"{result.report_name}.html": report.encode(), f"{result.report_name}.ipynb": notebook_document()}


def _publish_decisions(plan: AnalysisPlan, data: PreparedData, scored: ScoredDataset | None) -> dict[str, FileRecord]:
    files: dict[str, FileRecord] = {}
    if not decisions_wanted(plan, data, scored):
        storage.delete(storage.join(plan.output_uri, DECISIONS))
        return files
    with _recorded(plan.output_uri, DECISIONS, files) as sink:
        write_decisions(data, scored, sink)
    return files


def _publish(output_uri: str, path: str, content: bytes, reproducible: bool) -> FileRecord:
    storage.write_bytes(storage.join(output_uri, path), content)
    return file_record(content, reproducible=reproducible)


def _run_record(facts: RunFacts, explanations: Explanations | None) -> RunRecord:
    costs = explanations.costs if explanations is not None else None
    return RunRecord(
        started_at=facts.started_at,
        finished_at=datetime.now(UTC),
        engine=facts.engine,
        command=facts.command,
        mlflow_run_id=facts.mlflow_run_id,
        prefect_flow_run_id=facts.prefect_flow_run_id,
        host=platform.node(),
        costs=() if costs is None else tuple(asdict(costs).items()),
    )


def _publish_explanations(output_uri: str, explanations: Explanations) -> dict[str, FileRecord]:
    files = {BASELINE_CSV: _publish(output_uri, BASELINE_CSV, baseline_csv(explanations.baseline), True)}
    if not explanations.section.local_values_saved:
        storage.delete(storage.join(output_uri, LOCAL_CSV))
        storage.delete(storage.join(output_uri, LOCAL_PARQUET))
        return files
    with _recorded(output_uri, LOCAL_CSV, files) as sink:
        for index, table in enumerate(_local_tables(explanations.local, errors=False)):
            pa_csv.write_csv(table, sink, pa_csv.WriteOptions(include_header=index == 0))
    with _recorded(output_uri, LOCAL_PARQUET, files) as sink:
        _write_parquet(sink, _local_tables(explanations.local, errors=True))
    return files


def _local_tables(local: LocalParts, *, errors: bool) -> Iterator[pa.Table]:
    """Rows in dataset order, one column per feature and output as AWS names it, the join key before them.

    With errors, one more each, and four of the row itself: what explained it, why it was asked no more, its calls and
    its predicted relative error.
    """
    chosen = [
        (kind, output, player, f"{name}_{label}{suffix}")
        for output, label in enumerate(local.outputs)
        for player, name in local.reported
        for kind, suffix in (("value", ""), ("error", "_standard_error"))[: 2 if errors else 1]
    ]
    for part, key in zip(local.read(), local.keys(), strict=True):
        columns = {name: part[f"{kind}:{output}:{player}"] for kind, output, player, name in chosen}
        if local.join_key is not None:
            columns = {local.join_key: key, **columns}
        yield pa.table(columns | (row_facts(part) if errors else {}))


def _write_parquet(sink: BinaryIO, tables: Iterator[pa.Table]) -> None:
    writer: pq.ParquetWriter | None = None
    for table in tables:
        writer = writer or pq.ParquetWriter(sink, table.schema, compression="zstd")
        writer.write_table(table)
    if writer is not None:
        writer.close()


@contextmanager
def _recorded(output_uri: str, path: str, files: dict[str, FileRecord]) -> Iterator[BinaryIO]:
    """A file being published, whose record is added when it is whole."""
    with storage.open_output(storage.join(output_uri, path)) as raw:
        counted = _Counted(raw)
        yield counted
        files[path] = FileRecord(counted.digest.hexdigest(), counted.bytes, True)


class _Counted(BytesIO):
    """A sink that hashes and counts what passes through."""

    def __init__(self, raw: BinaryIO) -> None:
        super().__init__()
        self._raw = raw
        self.digest = hashlib.sha256()
        self.bytes = 0

    def write(self, content: object) -> int:  # type: ignore[override]
        block = bytes(content)  # type: ignore[call-overload]
        self._raw.write(block)
        self.digest.update(block)
        self.bytes += len(block)
        return len(block)

    def tell(self) -> int:
        return self.bytes


def baseline_csv(rows: Features) -> bytes:
    """The baseline rows in the features' own words, with a header line."""
    columns = [pa.array(list(_cells(column, rows.values[:, i]))) for i, column in enumerate(rows.columns)]
    sink = BytesIO()
    pa_csv.write_csv(pa.table(columns, names=list(rows.names)), sink)
    return sink.getvalue()


def _cells(column: FeatureColumn, values: NDArray[np.float64]) -> Iterator[str | int | float | None]:
    """Codes as words, whole numbers of an integer column as integers, missing as nothing."""
    for value in values:
        if np.isnan(value):
            yield None
        elif column.vocabulary is not None:
            yield column.vocabulary[int(value)]
        else:
            yield int(value) if column.kind != "float" and float(value).is_integer() else float(value)
