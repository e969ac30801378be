from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pandas as pd
import psutil
import pytest

from clarify.endpoints.deployment import pin_model, read_config, target_help
from clarify.endpoints.lease import clean_environment, find_lease, open_lease, record_path, renew_lease
from clarify.endpoints.pinning import model_digest, pin_directory
from clarify.errors import ConfigError
from clarify.features import Features


@pytest.fixture(scope="module")
def registry(tmp_path_factory, booster_path: str, regressor_path: str) -> str:
    """A tracking store with the model ``loans``: version 1 (alias champion) and version 2."""
    from mlflow import MlflowClient

    uri = f"sqlite:///{tmp_path_factory.mktemp('registry')}/mlflow.db"
    client = MlflowClient(uri, uri)
    client.create_registered_model("loans")
    for path in (booster_path, regressor_path):
        client.create_model_version("loans", path)
    client.set_registered_model_alias("loans", "champion", "1")
    return uri


# --- pinning ----------------------------------------------------------------------------------------------------------


def test_a_directory_is_pinned_where_it_is(booster_path: str):
    pinned = pin_model(booster_path)

    assert (pinned.path, pinned.name, pinned.digest) == (booster_path, None, model_digest(booster_path))


@pytest.mark.parametrize(
    ("uri", "version"),
    [
        ("loans", "2"), ("models:/loans", "2"), ("models:/loans/latest", "2"), ("models:/loans/1", "1"),
        ("loans/1", "1"), ("models:/loans@champion", "1"), ("loans@champion", "1"),
    ],
)
def test_a_registered_name_is_resolved_to_one_version(registry: str, uri: str, version: str, tmp_path: Path):
    pinned = pin_model(uri, registry, state_dir=str(tmp_path))

    assert (pinned.uri, pinned.pinned_uri, pinned.version) == (uri, f"models:/loans/{version}", version)
    assert pinned.path == str(tmp_path / "models" / pinned.digest)
    assert model_digest(pinned.path) == pinned.digest


def test_a_runs_model_is_pinned_with_the_digest_of_its_files(registry: str, regressor_path: str, tmp_path: Path):
    from mlflow import MlflowClient

    client = MlflowClient(registry, registry)
    run = client.create_run(client.create_experiment("pins", artifact_location=(tmp_path / "store").as_uri()))
    client.log_artifacts(run.info.run_id, regressor_path, "model")
    uri = f"runs:/{run.info.run_id}/model"

    pinned = pin_model(uri, registry, state_dir=str(tmp_path))

    assert (pinned.pinned_uri, pinned.version, pinned.digest) == (uri, None, model_digest(regressor_path))


def test_an_alias_that_moves_does_not_move_what_was_pinned(registry: str, tmp_path: Path):
    from mlflow import MlflowClient

    before = pin_model("models:/loans@champion", registry, state_dir=str(tmp_path))
    MlflowClient(registry, registry).set_registered_model_alias("loans", "champion", "2")

    after = pin_model("models:/loans@champion", registry, state_dir=str(tmp_path))
    MlflowClient(registry, registry).set_registered_model_alias("loans", "champion", "1")

    assert (before.version, after.version) == ("1", "2")
    assert model_digest(before.path) == before.digest != after.digest


@pytest.mark.parametrize("uri", ["nobody", "models:/nobody/1", "models:/loans/9", "models:/loans@nobody", "it's"])
def test_a_model_that_is_not_there_is_a_config_error(registry: str, uri: str, tmp_path: Path):
    with pytest.raises(ConfigError, match="MODEL-MISSING") as missing:
        pin_model(uri, registry, state_dir=str(tmp_path))

    assert missing.value.problems[0].received == uri


def test_a_directory_without_a_model_is_a_config_error(tmp_path: Path):
    with pytest.raises(ConfigError, match="MLmodel"):
        pin_model(str(tmp_path))


def test_the_digest_sees_a_changed_byte_and_a_moved_file(tmp_path: Path):
    (tmp_path / "a").write_text("x")
    before = model_digest(str(tmp_path))
    (tmp_path / "a").write_text("y")
    changed = model_digest(str(tmp_path))
    (tmp_path / "a").rename(tmp_path / "b")

    assert len({before, changed, model_digest(str(tmp_path))}) == 3


def test_the_digest_ignores_bytecode_that_loading_leaves_behind(tmp_path: Path):
    (tmp_path / "a").write_text("x")
    before = model_digest(str(tmp_path))
    (tmp_path / "__pycache__").mkdir()
    (tmp_path / "__pycache__" / "a.pyc").write_text("z")

    assert model_digest(str(tmp_path)) == before


# --- the deployments plugin -------------------------------------------------------------------------------------------


def test_a_deployment_is_created_listed_asked_renewed_and_deleted(
    booster_path: str, numeric_features: Features, tmp_path: Path, monkeypatch
):
    from mlflow.deployments import get_deploy_client

    monkeypatch.setenv("CLARIFY_STATE_DIR", str(tmp_path))
    client = get_deploy_client("clarify")
    frame = pd.DataFrame(numeric_features.values[:70], columns=list(numeric_features.names))

    created = client.create_deployment("loans", booster_path, config={"lease_seconds": "600"})
    answer = client.predict("loans", frame).get_predictions()
    listed = [found["name"] for found in client.list_deployments()]
    alive = psutil.pid_exists(created["supervisor"]["pid"])
    expires_at = find_lease("loans").expires_at
    renew_lease(find_lease("loans"), seconds=5000)
    for _ in range(100):
        if find_lease("loans").expires_at > expires_at + 1000:
            break
        time.sleep(0.05)
    renewed = find_lease("loans").expires_at - time.time()
    client.delete_deployment("loans")

    assert (created["name"], listed, alive) == ("loans", ["loans"], True)
    assert created["model_digest"] == model_digest(booster_path)
    assert created["owner"] is None
    assert np.asarray(answer).shape == (70, 2)
    assert 4000 < renewed <= 5000
    assert client.list_deployments() == []
    assert not any(psutil.pid_exists(mark["pid"]) for mark in (created["supervisor"], *created["servers"]))


def test_a_lease_without_an_owner_ends_by_itself(regressor_path: str, tmp_path: Path):
    record = open_lease(
        pin_directory(regressor_path), state_dir=str(tmp_path), name="short", outlive_owner=True, lease_seconds=60
    )
    renew_lease(record, seconds=0.0)
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline and any(mark.is_alive for mark in (record.supervisor, *record.servers)):
        time.sleep(0.05)

    assert not any(mark.is_alive for mark in (record.supervisor, *record.servers))
    assert find_lease("short", str(tmp_path)) is None


def test_unknown_deployment_settings_are_all_named():
    with pytest.raises(ConfigError) as refused:
        read_config({"worker": 2, "port": "many"})

    assert [problem.field for problem in refused.value.problems] == ["config.worker", "config.port"]


def test_the_help_names_every_setting():
    assert "lease_seconds (3600.0)" in target_help()


@pytest.mark.parametrize("name", ["../escape", "a/b", "", ".hidden"])
def test_a_lease_name_cannot_leave_its_folder(name: str):
    with pytest.raises(ConfigError, match="ENDPOINT-LEASE-NAME"):
        record_path(name)


def test_the_environment_of_a_model_is_built_from_an_allow_list():
    inherited = {
        "PATH": "/bin", "LANG": "C", "PYTHONPATH": "/x", "HOME": "/home/someone", "AWS_ACCESS_KEY_ID": "k",
        "AWS_PROFILE": "p", "MLFLOW_TRACKING_TOKEN": "t", "PREFECT_API_KEY": "k", "GITHUB_TOKEN": "g",
        "PYTHONSTARTUP": "/evil.py",
    }

    environment = clean_environment("/empty", inherited=inherited)

    assert environment["HOME"] == "/empty"
    assert (environment["PATH"], environment["PYTHONPATH"]) == ("/bin", "/x")
    assert environment.keys().isdisjoint(set(inherited) - {"PATH", "LANG", "PYTHONPATH", "HOME"})
    assert "MLFLOW_TRACKING_URI" not in environment
