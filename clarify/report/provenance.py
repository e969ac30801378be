"""Where a result comes from: digests of config, data, model, code and environment, times, run ids, and the manifest."""

from __future__ import annotations

import hashlib
import importlib.metadata
import math
import platform
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.resources import files
from importlib.resources.abc import Traversable

from clarify.report.encoding import Plain, dump, to_plain
from clarify.report.names import without_secrets
from clarify.results import AnalysisResult

PROVENANCE_VERSION = "1.0"
MANIFEST_VERSION = "1.0"
DISTRIBUTION = "clarify-flows"
PACKAGES = (
    "numpy", "scipy", "pyarrow", "pandas", "scikit-learn", "mlflow", "prefect", "pyspark", "great-expectations",
    "fsspec", "s3fs", "pydantic", "jinja2", "httpx", "xgboost-cpu", "shap", "skops",
)  # fmt: skip
RUN_FIELDS = ("engine", "command", "mlflow_run_id", "prefect_flow_run_id", "host")
SOURCES = (".py", ".html", ".css", ".json", ".yaml", ".ipynb", ".typed")


@dataclass(frozen=True)
class Environment:
    """What the code ran on; ``packages`` are the installed ones of those that can change a number."""

    python: str
    platform: str
    packages: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class CodeIdentity:
    """Which code ran: the package's version, and SHA-256 over the names and bytes of its source files."""

    version: str
    digest: str


@dataclass(frozen=True)
class RunRecord:
    """When and where one run happened; times in UTC, ids as their trackers print them, None when there is none."""

    started_at: datetime
    finished_at: datetime
    engine: str
    command: str                               # to run it again
    mlflow_run_id: str | None = None
    prefect_flow_run_id: str | None = None
    host: str | None = None
    costs: tuple[tuple[str, float], ...] = ()  # measured ones that a choice was made from; no rerun repeats them


@dataclass(frozen=True)
class Origin:
    """What was analysed, by which code, on what: the same for every run of it."""

    config_digest: str
    dataset_uri: str
    dataset_digest: str
    dataset_rows: int
    model_uri: str | None
    model_digest: str | None
    code: CodeIdentity
    environment: Environment


@dataclass(frozen=True)
class Provenance(Origin):
    """All of it: what was analysed, by which code, on what, when."""

    run: RunRecord


@dataclass(frozen=True)
class FileRecord:
    """One published file; ``reproducible`` when a rerun writes the same bytes."""

    sha256: str
    bytes: int
    reproducible: bool


def provenance_of(result: AnalysisResult, run: RunRecord) -> Provenance:
    """The provenance of ``result``, with the code and environment of this process."""
    return Provenance(
        config_digest=result.config_digest,
        dataset_uri=without_secrets(result.dataset.uri),
        dataset_digest=result.dataset.digest,
        dataset_rows=result.dataset.rows,
        model_uri=None if result.model is None else without_secrets(result.model.pinned_uri),
        model_digest=None if result.model is None else result.model.digest,
        code=code_identity(),
        environment=environment(),
        run=run,
    )


def provenance_document(provenance: Provenance) -> bytes:
    """``provenance.json``; the only document, with the report, that two runs on the same input write differently."""
    run = provenance.run
    times: dict[str, Plain] = {
        "started_at": utc_text(run.started_at),
        "finished_at": utc_text(run.finished_at),
        "seconds": round((run.finished_at - run.started_at).total_seconds(), 3),
    }
    rest = {name: to_plain(getattr(run, name)) for name in RUN_FIELDS}
    return dump(
        {
            "version": PROVENANCE_VERSION,
            "config": {"sha256": provenance.config_digest},
            "dataset": {
                "uri": provenance.dataset_uri,
                "sha256": provenance.dataset_digest,
                "rows": provenance.dataset_rows,
            },
            "model": {"uri": provenance.model_uri, "sha256": provenance.model_digest},
            "code": {"package": DISTRIBUTION, "version": provenance.code.version, "sha256": provenance.code.digest},
            "environment": {
                "python": provenance.environment.python,
                "platform": provenance.environment.platform,
                "packages": dict(provenance.environment.packages),
            },
            "run": {**times, **rest, "costs": {name: _measured(value) for name, value in run.costs}},
        }
    )


def _measured(value: float) -> Plain:
    """A measurement that failed is null: it must not cost the run its documents."""
    return value if math.isfinite(value) else None


def manifest_document(records: Mapping[str, FileRecord]) -> bytes:
    """``manifest.json``: what was published, by path in alphabetical order; written last, to vouch for it."""
    return dump(
        {"version": MANIFEST_VERSION, "files": {path: to_plain(records[path]) for path in sorted(records)}}
    )


def file_record(content: bytes, *, reproducible: bool) -> FileRecord:
    """The record of a file that is held in memory."""
    return FileRecord(hashlib.sha256(content).hexdigest(), len(content), reproducible)


def evidence_of(records: Mapping[str, FileRecord]) -> str:
    """SHA-256 over the digests of the reproducible files: the same whenever the findings are the same."""
    lines = (f"{path} {records[path].sha256}\n" for path in sorted(records) if records[path].reproducible)
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def code_identity() -> CodeIdentity:
    """Version of the installed package and digest of the ``clarify`` sources that are running."""
    digest = hashlib.sha256()
    for path, source in sorted(_sources(files("clarify"), "clarify")):
        content = source.read_bytes()
        digest.update(f"{path}\0{len(content)}\0".encode())
        digest.update(content)
    return CodeIdentity(_version(DISTRIBUTION) or "not installed", digest.hexdigest())


def _sources(folder: Traversable, prefix: str) -> list[tuple[str, Traversable]]:
    found: list[tuple[str, Traversable]] = []
    for entry in folder.iterdir():
        path = f"{prefix}/{entry.name}"
        if entry.is_dir():
            found += _sources(entry, path)
        elif entry.name.endswith(SOURCES):
            found.append((path, entry))
    return found


def environment() -> Environment:
    """Python, platform and the versions of the packages that can change a number."""
    versions = ((name, _version(name)) for name in PACKAGES)
    installed = tuple((name, version) for name, version in versions if version is not None)
    return Environment(platform.python_version(), platform.platform(), installed)


def _version(distribution: str) -> str | None:
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return None


def utc_text(moment: datetime) -> str:
    """ISO 8601 in UTC to the second, whatever zone the machine is in."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
