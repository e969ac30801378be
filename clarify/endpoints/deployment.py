"""Our plugin for ``mlflow.deployments``, named ``clarify``: registered models become leased scoring servers."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from mlflow.deployments import BaseDeploymentClient, PredictionsResponse

from clarify.endpoints.codec import CSV, JSON
from clarify.endpoints.exchange import Request
from clarify.endpoints.http import Caller
from clarify.endpoints.lease import (
    LeaseRecord,
    ProcessMark,
    close_lease,
    find_lease,
    lease_folder,
    list_leases,
    open_lease,
    renew_lease,
)
from clarify.endpoints.pinning import PinnedModel, model_digest, pin_directory
from clarify.endpoints.protocols import ANSWER_BYTES, ANSWER_BYTES_PER_ROW
from clarify.errors import ConfigError, EndpointError, Problem

if TYPE_CHECKING:
    from mlflow import MlflowClient

_REGISTERED = re.compile(r"^models:/(?P<name>[^/@]+)(?:/(?P<version>[^/@]+)|@(?P<alias>[^/@]+))?$")
_LOGGED = re.compile(r"^models:/(?P<id>m-[0-9a-f]{16,})$")
_BARE = re.compile(r"^(?P<name>[^/@:]+)(?:/(?P<version>\d+)|@(?P<alias>[^/@]+))?$")


# --- pinning ----------------------------------------------------------------------------------------------------------


def pin_model(
    uri: str, tracking_uri: str | None = None, *, registry_uri: str | None = None, state_dir: str | None = None
) -> PinnedModel:
    """Resolve a model URI once, download it, and take its digest.

    Parameters
    ----------
    uri : str
        ``models:/name/3``, ``models:/name@alias``, ``models:/m-...``, ``runs:/id/path``, a directory, or a bare
        registered name, which means its latest version.
    tracking_uri, registry_uri : str, optional
        Where MLflow answers; the registry is the tracking server unless named.
    state_dir : str, optional
        The download goes to ``<state_dir>/models/<digest>``, so that a resumed run finds it again.

    Raises
    ------
    ConfigError
        MODEL-MISSING, when there is no such model, version or alias.
    """
    directory = Path(uri.removeprefix("file://"))
    if directory.is_dir():
        return pin_directory(str(directory), uri=uri)
    registered = _REGISTERED.match(uri) or _BARE.match(uri)
    if registered is None or _LOGGED.match(uri):
        return _downloaded(PinnedModel(uri, uri, None, None, "", ""), tracking_uri, registry_uri, state_dir)
    name = registered["name"]
    version = _resolved_version(uri, registered, tracking_uri, registry_uri)
    pinned = PinnedModel(uri, f"models:/{name}/{version}", name, version, "", "")
    return _downloaded(pinned, tracking_uri, registry_uri, state_dir)


def logged_schemas(run_id: str, tracking_uri: str | None = None) -> tuple[str, ...]:
    """Schemas, as JSON text, of the datasets that a run logged as its inputs; none when the run cannot be read."""
    from mlflow import MlflowClient
    from mlflow.exceptions import MlflowException

    try:
        run = MlflowClient(tracking_uri).get_run(run_id)
    except MlflowException:                  # deleted, or kept by another server: the model says enough without it
        return ()
    found = run.inputs.dataset_inputs if run.inputs is not None else []
    return tuple(str(logged.dataset.schema) for logged in found if logged.dataset.schema)


def _resolved_version(
    uri: str, registered: re.Match[str], tracking_uri: str | None, registry_uri: str | None
) -> str:
    from mlflow import MlflowClient
    from mlflow.exceptions import MlflowException

    client = MlflowClient(tracking_uri, registry_uri or tracking_uri)
    try:
        if registered["alias"]:
            return str(client.get_model_version_by_alias(registered["name"], registered["alias"]).version)
        if registered["version"] and registered["version"] != "latest":
            return str(client.get_model_version(registered["name"], registered["version"]).version)
        return _latest_version(client, registered["name"], uri)
    except MlflowException as error:
        raise _missing(uri, str(error)) from error


def _latest_version(client: MlflowClient, name: str, uri: str) -> str:
    if "'" in name:
        raise _missing(uri, "a registered name holds no quote")
    versions = [int(found.version) for found in client.search_model_versions(f"name='{name}'")]
    if not versions:
        raise _missing(uri, f"{name!r} has no version, and there is no such directory")
    return str(max(versions))


def _downloaded(
    model: PinnedModel, tracking_uri: str | None, registry_uri: str | None, state_dir: str | None
) -> PinnedModel:
    import tempfile

    from mlflow.artifacts import download_artifacts
    from mlflow.exceptions import MlflowException

    models = lease_folder(state_dir).parent / "models"
    models.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=models, prefix=".download-") as waiting:
        try:
            arrived = Path(
                download_artifacts(
                    artifact_uri=_location(model, tracking_uri, registry_uri), dst_path=waiting,
                    tracking_uri=tracking_uri, registry_uri=registry_uri or tracking_uri,
                )
            )
        except (MlflowException, OSError) as error:
            raise _missing(model.uri, str(error)) from error
        if not (arrived / "MLmodel").is_file():
            raise _missing(model.uri, "what was downloaded holds no MLmodel file")
        digest = model_digest(str(arrived))
        kept = models / digest
        if kept.is_dir() and model_digest(str(kept)) == digest:
            return replace(model, path=str(kept), digest=digest)
        # A half-written or altered copy under this digest is worth nothing; two writers bring the same bytes.
        _replace_directory(arrived, kept)
    return replace(model, path=str(kept), digest=digest)


def _location(model: PinnedModel, tracking_uri: str | None, registry_uri: str | None) -> str:
    """Where the files lie. MLflow 3.17 resolves ``models:/`` against its global registry, whatever it is passed."""
    from mlflow import MlflowClient

    client = MlflowClient(tracking_uri, registry_uri or tracking_uri)
    uri = model.pinned_uri
    if model.name is not None and model.version is not None:
        uri = str(client.get_model_version_download_uri(model.name, model.version))
    if logged := _LOGGED.match(uri):
        return str(client.get_logged_model(logged["id"]).artifact_location)
    return uri


def _replace_directory(arrived: Path, kept: Path) -> None:
    import shutil

    if kept.exists():
        shutil.rmtree(kept)
    shutil.move(str(arrived), str(kept))


def _missing(uri: str, hint: str) -> ConfigError:
    allowed = "models:/name/version, models:/name@alias, runs:/id/path, a directory, or a registered name"
    return ConfigError(Problem("MODEL-MISSING", "model", uri, allowed, hint))


# --- the deployments plugin -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class DeploymentConfig:
    """What ``create_deployment(config=...)`` understands; everything may come as text from the command line.

    Without ``owner_pid`` a deployment outlives its creator and ends ``lease_seconds`` after its last prediction.
    """

    workers: int = 1
    lease_seconds: float = 3600.0
    owner_pid: int = 0
    port: int = 0
    start_seconds: float = 180.0
    tracking_uri: str = ""
    state_dir: str = ""


class Frame(Protocol):
    """What ``predict`` needs of a pandas DataFrame."""

    def __len__(self) -> int: ...

    def to_csv(self, *, index: bool) -> str: ...


class ClarifyDeploymentClient(BaseDeploymentClient):  # type: ignore[misc]
    """Deployments of one machine: each is a lease, and its record is the truth about it."""

    def create_deployment(
        self, name: str, model_uri: str, flavor: str | None = None, config: Mapping[str, object] | None = None,
        endpoint: str | None = None,
    ) -> dict[str, object]:
        """Download and pin the model, start its server, wait for its health, and return the record."""
        chosen = read_config(config)
        model = pin_model(model_uri, chosen.tracking_uri or None, state_dir=chosen.state_dir or None)
        record = open_lease(
            model, name=name, state_dir=chosen.state_dir or None, n_workers=chosen.workers,
            owner=ProcessMark.of(chosen.owner_pid) if chosen.owner_pid else None,
            outlive_owner=not chosen.owner_pid, lease_seconds=chosen.lease_seconds,
            start_seconds=chosen.start_seconds, port=chosen.port,
        )
        return _told(record)

    def update_deployment(
        self, name: str, model_uri: str | None = None, flavor: str | None = None,
        config: Mapping[str, object] | None = None, endpoint: str | None = None,
    ) -> dict[str, object]:
        """Refused: a lease is of one model's bytes. Delete it and create another."""
        raise EndpointError(
            Problem("ENDPOINT-DEPLOYMENT", "deployment", name, "create, list, get, predict, delete", "delete it first")
        )

    def delete_deployment(
        self, name: str, config: Mapping[str, object] | None = None, endpoint: str | None = None
    ) -> None:
        """End the server; deleting what is not there is no error."""
        record = find_lease(name, read_config(config).state_dir or None)
        if record is not None:
            close_lease(record)

    def list_deployments(self, endpoint: str | None = None) -> list[dict[str, object]]:
        """The records of all leases, living or not."""
        return [_told(record) for record in list_leases()]

    def get_deployment(self, name: str, endpoint: str | None = None) -> dict[str, object]:
        return _told(_known(name))

    def predict(
        self, deployment_name: str | None = None, inputs: Frame | None = None, endpoint: str | None = None
    ) -> PredictionsResponse:
        """Predictions for a frame; read them with ``get_predictions()``. Renews the lease."""
        record = _known(deployment_name or "")
        if inputs is None:
            raise ConfigError(Problem("ENDPOINT-DEPLOYMENT", "inputs", "nothing", "a pandas DataFrame"))
        renew_lease(record, seconds=record.lease_seconds)
        body = inputs.to_csv(index=False).encode()
        headers = {"Content-Type": CSV, "Accept": JSON}
        most_bytes = ANSWER_BYTES + ANSWER_BYTES_PER_ROW * len(inputs)
        caller = Caller(record.spec())
        try:
            answer = caller.call(Request("POST", f"{record.url}/invocations", headers, body, most_bytes))
        finally:
            caller.close()
        return PredictionsResponse.from_json(answer.body.decode())


def run_local(
    target: str, name: str, model_uri: str, flavor: str | None = None, config: Mapping[str, object] | None = None
) -> dict[str, object]:
    """``mlflow deployments run-local``: every deployment of ours is local anyway."""
    return ClarifyDeploymentClient(target).create_deployment(name, model_uri, flavor, config)


def target_help() -> str:
    """What ``mlflow deployments help -t clarify`` prints."""
    settings = ", ".join(f"{setting.name} ({setting.default!r})" for setting in fields(DeploymentConfig))
    return (
        "Serves one model in its own process on loopback, without the caller's credentials, under a lease.\n"
        f"Config keys and defaults: {settings}.\n"
        "Records lie in $CLARIFY_STATE_DIR/leases, by default .clarify/leases."
    )


def read_config(config: Mapping[str, object] | None) -> DeploymentConfig:
    """Settings from MLflow's mapping.

    Raises
    ------
    ConfigError
        ENDPOINT-DEPLOYMENT-CONFIG, with every key that is unknown or cannot be read.
    """
    known: dict[str, Callable[[object], object]] = {
        setting.name: type(setting.default) for setting in fields(DeploymentConfig)
    }
    problems: list[Problem] = []
    values: dict[str, object] = {}
    for key, value in (config or {}).items():
        try:
            values[key] = known[key](value)
        except (KeyError, ValueError, TypeError):
            problems.append(
                Problem("ENDPOINT-DEPLOYMENT-CONFIG", f"config.{key}", str(value), ", ".join(known))
            )
    ConfigError.collect(problems)
    return DeploymentConfig(**values)  # type: ignore[arg-type]


def _known(name: str) -> LeaseRecord:
    record = find_lease(name)
    if record is None:
        names = ", ".join(lease.lease_id for lease in list_leases())
        raise ConfigError(Problem("ENDPOINT-DEPLOYMENT", "deployment", name, names or "none exists here"))
    return record


def _told(record: LeaseRecord) -> dict[str, object]:
    """MLflow prints a mapping with ``name`` and ``flavor``; the rest is our record."""
    return {"name": record.lease_id, "flavor": "python_function", **asdict(record)}
