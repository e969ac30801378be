"""The only MLflow tracking code: an explicit client and run id, never the fluent global run."""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from clarify.steps.lineage import AnalysisLineage, lineage_of, page_name, subject_of
from clarify.steps.plan import AnalysisRequest
from clarify.steps.summarise import link_to, masked_note, model_note, with_note, without_secrets
from clarify.steps.write_report import PublishedAnalysis

T = TypeVar("T")

DEFAULT_TRACKING_URI = "sqlite:///.clarify/mlflow.db"
DEFAULT_ARTIFACTS = ".clarify/mlartifacts"
MOST_METRICS, MOST_PARAMS, MOST_TAGS = 1_000, 100, 100     # what one MLflow batch may hold
LONGEST_TAG, LONGEST_PARAM = 5_000, 6_000
LONGEST_DESCRIPTION = 5_000
FOLDER = "report"
LARGEST_ARTIFACT = 64 * 1024 * 1024


@dataclass(frozen=True)
class TrackedRun:
    """One MLflow run and where it lives."""

    tracking_uri: str
    run_id: str
    experiment_id: str


def tracking_uri_of(asked: str | None) -> str:
    """The asked URI, else MLFLOW_TRACKING_URI, else a SQLite file below the working directory."""
    uri = asked or os.environ.get("MLFLOW_TRACKING_URI") or DEFAULT_TRACKING_URI
    if uri == DEFAULT_TRACKING_URI:
        Path(".clarify").mkdir(exist_ok=True)
    return uri


def start_run(tracking_uri: str, *, subject: str, kind: str, tags: Mapping[str, str]) -> TrackedRun:
    """Open a run in the experiment of its subject: ``/clarify/<model name>``."""
    client = client_of(tracking_uri)
    experiment_id = experiment_of(tracking_uri, f"/clarify/{subject}")
    name = f"{kind}-{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}"
    run = client.create_run(experiment_id, run_name=name, tags={**_git_tags(), **_clipped(tags)})
    return TrackedRun(tracking_uri, run.info.run_id, experiment_id)


def start_analysis_run(request: AnalysisRequest, *, prefect_flow_run_id: str | None = None) -> TrackedRun:
    """Open the run of one analysis; a config that cannot be read is refused before there is a run.

    With masked names neither the experiment nor a tag names a place: paths are named after what lies there.
    """
    tags = {"clarify.kind": "analysis"}
    if not request.presentation.mask_names:
        tags["clarify.output"] = request.output_uri
    if prefect_flow_run_id is not None:
        tags["clarify.prefect_flow_run_id"] = prefect_flow_run_id
    uri = tracking_uri_of(request.settings.tracking_uri)
    return start_run(uri, subject=subject_of(request), kind="analysis", tags=tags)


@contextmanager
def ended_properly(run: TrackedRun | None) -> Iterator[None]:
    """Close the run as FINISHED, FAILED or KILLED, whatever happens inside."""
    status = "KILLED"
    try:
        yield
        status = "FINISHED"
    except Exception:
        status = "FAILED"
        raise
    finally:
        if run is not None:
            client_of(run.tracking_uri).set_terminated(run.run_id, status)


def log_analysis(run: TrackedRun, published: PublishedAnalysis, *, engine: str) -> None:
    """Parameters, finite metrics, undefined ones as tags, the dataset as input, the model version, the documents."""
    lineage = lineage_of(published, engine=engine)
    client = client_of(run.tracking_uri)
    _log_values(client, run, lineage)
    _log_dataset(client, run, lineage)
    _link_model(client, run, lineage)
    _log_files(client, run, lineage)


def _log_values(client: Any, run: TrackedRun, lineage: AnalysisLineage) -> None:
    from mlflow.entities import Metric, Param, RunTag

    now = int(time.time() * 1000)
    metrics = [Metric(name, value, now, 0) for name, value in lineage.metrics]
    params = [Param(name, value[:LONGEST_PARAM]) for name, value in lineage.params]
    tags = [RunTag(name, value[:LONGEST_TAG]) for name, value in lineage.tags]
    for batch in batches(metrics, MOST_METRICS):
        client.log_batch(run.run_id, metrics=batch)
    for batch in batches(params, MOST_PARAMS):
        client.log_batch(run.run_id, params=batch)
    for batch in batches(tags, MOST_TAGS):
        client.log_batch(run.run_id, tags=batch)


def _log_dataset(client: Any, run: TrackedRun, lineage: AnalysisLineage) -> None:
    from mlflow.entities import Dataset, DatasetInput, InputTag

    data = lineage.dataset
    source_type = data.uri.split("://", 1)[0] if "://" in data.uri else "local"
    dataset = Dataset(data.name, data.digest[:36], source_type, data.source_json, data.schema_json, data.profile_json)
    client.log_inputs(run.run_id, [DatasetInput(dataset, [InputTag("mlflow.data.context", "validation")])])


def _link_model(client: Any, run: TrackedRun, lineage: AnalysisLineage) -> None:
    """Tag the registered version with the run that looked at it, so that the registry leads to the evidence."""
    if lineage.model_name is None or lineage.model_version is None:
        return
    from mlflow.exceptions import MlflowException

    evidence = [("clarify.run_id", run.run_id), ("clarify.evidence", lineage.evidence)]
    evidence += [("clarify.status", lineage.status)] if lineage.status is not None else []
    try:
        for key, value in evidence:
            client.set_model_version_tag(lineage.model_name, lineage.model_version, key, value)
        _describe_model(client, run, lineage)
    except MlflowException as error:
        # The model may live in another registry than the runs, or be read-only for us: the run has the link.
        client.set_tag(run.run_id, "clarify.model_version_tag", f"not set: {error.error_code}")


def _describe_model(client: Any, run: TrackedRun, lineage: AnalysisLineage) -> None:
    """Three lines at the model version, below what people wrote there, in place of what we wrote last time."""
    written = client.get_model_version(lineage.model_name, lineage.model_version).description or ""
    described = with_note(written, _note(run, lineage))
    if len(described) <= LONGEST_DESCRIPTION:
        client.update_model_version(lineage.model_name, lineage.model_version, described)


def _note(run: TrackedRun, lineage: AnalysisLineage) -> str:
    """The page is the registry's and names the model; beside masked names it is told the verdict and the run only."""
    address = report_address(run, lineage.published)
    if lineage.published.presentation.mask_names or address is None:
        return masked_note(lineage.shown, evidence=lineage.evidence, run_id=run.run_id)
    return model_note(lineage.shown, evidence=lineage.evidence, report=address)


def report_address(run: TrackedRun, published: PublishedAnalysis) -> str | None:
    """The report in MLflow's pages where runs are tracked by a server, else where the file itself is.

    None without a server and with masked names: the place of a file is a name too.
    """
    if run.tracking_uri.startswith(("http://", "https://")):
        server, name = without_secrets(run.tracking_uri).rstrip("/"), page_name(published)
        return f"{server}/#/experiments/{run.experiment_id}/runs/{run.run_id}/artifacts/{FOLDER}/{name}"
    return None if published.presentation.mask_names else link_to(published.report_uri)


def _log_files(client: Any, run: TrackedRun, lineage: AnalysisLineage) -> None:
    with tempfile.TemporaryDirectory(prefix="clarify-artifacts-") as folder:
        for path, read, size in lineage.files():
            if size <= LARGEST_ARTIFACT:
                target = Path(folder) / path
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(read())
        client.log_artifacts(run.run_id, folder, FOLDER)


def client_of(tracking_uri: str) -> Any:
    """A client of the tracking server."""
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    from mlflow.tracking import MlflowClient

    return MlflowClient(tracking_uri)


def experiment_of(tracking_uri: str, name: str) -> str:
    """The id of an experiment, created if need be."""
    from mlflow.exceptions import MlflowException

    client = client_of(tracking_uri)
    found = client.get_experiment_by_name(name)
    if found is not None:
        return str(found.experiment_id)
    # A database on this machine would otherwise put artifacts into ./mlruns, wherever that happens to be.
    here = Path(DEFAULT_ARTIFACTS).resolve().as_uri() if tracking_uri == DEFAULT_TRACKING_URI else None
    try:
        return str(client.create_experiment(name, artifact_location=here))
    except MlflowException:
        found = client.get_experiment_by_name(name)     # somebody else was quicker
        if found is None:
            raise
        return str(found.experiment_id)


def _git_tags() -> dict[str, str]:
    """The commit of the checkout the code runs from, when there is one."""
    here = Path(__file__).resolve().parent
    answer = subprocess.run(
        ["git", "-C", str(here), "rev-parse", "HEAD"], capture_output=True, text=True, stdin=subprocess.DEVNULL
    )
    return {"clarify.git_commit": answer.stdout.strip()} if answer.returncode == 0 else {}


def _clipped(tags: Mapping[str, str]) -> dict[str, str]:
    return {name: value[:LONGEST_TAG] for name, value in tags.items()}


def batches(items: Sequence[T], most: int) -> Iterator[list[T]]:
    """The items in lists of at most ``most``."""
    for start in range(0, len(items), most):
        yield list(items[start : start + most])
