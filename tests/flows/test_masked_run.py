"""One run with masked names and withheld counts on real servers: what others read there names nothing."""

import json
import re
import time
from pathlib import Path

import httpx
import pytest

from clarify.config.presentation import Presentation
from tests.subjects.marked import MARK, make_marked

SHOWN = Presentation(mask_names=True, suppress_below=10)
MODEL = f"{MARK}Credit"


@pytest.fixture(scope="module")
def marked(tmp_path_factory):
    return make_marked(tmp_path_factory.mktemp("masked-run"))


@pytest.fixture(scope="module")
def registered(marked, mlflow_server):
    """The model of the subject, registered."""
    from mlflow.tracking import MlflowClient

    client = MlflowClient(mlflow_server)
    source = client.create_run(client.create_experiment("where the masked model comes from"))
    client.log_artifacts(source.info.run_id, marked.model, "model")
    client.create_registered_model(MODEL)
    client.create_model_version(MODEL, f"{source.info.artifact_uri}/model", source.info.run_id)
    client.update_model_version(MODEL, "1", "Trained by Ann.")
    return f"models:/{MODEL}/1"


@pytest.fixture(scope="module")
def state(marked, registered, prefect_api, mlflow_server):
    from flows.analysis import AnalysisParameters, clarify_analysis

    request = marked.request(
        marked.folder / f"{MARK}Out", model=registered, shown=SHOWN, tracking_uri=mlflow_server
    )
    state = clarify_analysis(AnalysisParameters.of(request), return_state=True)
    assert state.is_completed(), state
    return state


@pytest.fixture(scope="module")
def published(state):
    return state.result()


@pytest.fixture(scope="module")
def logged(published, mlflow_server):
    """The run in MLflow, found by the provenance of the output."""
    from mlflow.tracking import MlflowClient

    provenance = json.loads((Path(published.output_uri) / "provenance.json").read_text())
    return MlflowClient(mlflow_server).get_run(provenance["run"]["mlflow_run_id"])


def own(prefect_api, state, kind):
    """What Prefect keeps of the flow run: its ``artifacts``, ``task_runs``, ``logs``."""
    run_id = str(state.state_details.flow_run_id)
    if kind == "logs":
        return httpx.post(f"{prefect_api}/logs/filter", json={"logs": {"flow_run_id": {"any_": [run_id]}}}).json()
    return httpx.post(f"{prefect_api}/{kind}/filter", json={"flow_runs": {"id": {"any_": [run_id]}}}).json()


# --- MLflow -------------------------------------------------------------------------------------------------------


def test_the_experiment_is_named_after_the_configurations_digest(published, logged, mlflow_server):
    from mlflow.tracking import MlflowClient

    experiment = MlflowClient(mlflow_server).get_experiment(logged.info.experiment_id)

    assert experiment.name == f"/clarify/analysis-{published.result.config_digest[:8]}"


def test_no_metric_parameter_tag_or_dataset_of_the_run_holds_a_name(logged):
    assert logged.data.metrics["clarify/facet-1-group-1-1/DPPL/verdict_code"] == -1.0
    assert logged.data.params["dataset_uri"] == "data"
    assert MARK not in repr(logged.to_dictionary())


def test_no_artifact_of_the_run_holds_a_name(logged, mlflow_server, tmp_path):
    from mlflow.tracking import MlflowClient

    folder = Path(MlflowClient(mlflow_server).download_artifacts(logged.info.run_id, "report", str(tmp_path)))

    files = {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert set(files) == {"report.html", "findings.txt", "forest.png"}
    assert b"facet 1" in files["findings.txt"]
    assert [path for path, content in files.items() if MARK.encode() in content] == []


def test_the_small_group_has_a_verdict_and_no_number(logged):
    ends = {name.rpartition("/")[2] for name in logged.data.metrics if name.startswith("clarify/facet-2-group-2-1")}

    assert ends == {"verdict_code"}


def test_the_registered_model_is_told_the_verdict_and_the_run_only(logged, mlflow_server):
    from mlflow.tracking import MlflowClient

    version = MlflowClient(mlflow_server).get_model_version(MODEL, "1")

    assert version.tags["clarify.status"] == "violation"
    assert version.tags["clarify.run_id"] == logged.info.run_id
    assert version.description.startswith("Trained by Ann.\n\n<!--")
    assert f"**VIOLATION** in run `{logged.info.run_id}`" in version.description
    assert MARK not in version.description
    assert "facet" not in version.description


# --- Prefect ------------------------------------------------------------------------------------------------------


def test_no_artifact_in_prefect_holds_a_name(published, state, prefect_api):
    artifacts = own(prefect_api, state, "artifacts")

    subject = f"analysis-{published.result.config_digest[:8]}"
    assert {artifact["key"] for artifact in artifacts} == {
        f"clarify-{subject}-{fact}" for fact in (
            "summary", "verdicts", "validation", "attributions", "partial-dependence", "progress", "report",
        )
    }  # fmt: skip
    assert MARK not in json.dumps(artifacts)


def test_the_flow_run_shows_names_only_where_somebody_typed_them(state, prefect_api):
    shown = httpx.get(f"{prefect_api}/flow_runs/{state.state_details.flow_run_id}").json()
    typed = shown.pop("parameters")

    assert MARK in json.dumps(typed)
    assert shown["name"] == f"analysis-{str(state.state_details.flow_run_id)[:8]}"
    assert shown["state"]["message"].startswith("Of 4 checks, ")
    assert MARK not in json.dumps(shown)
    assert MARK not in json.dumps(own(prefect_api, state, "task_runs"))


def test_the_log_tells_shares_and_no_counts(state, prefect_api):
    lines = log_of(prefect_api, state)

    assert "explaining: 100%" in lines
    assert [line for line in lines if MARK in line or re.search(r"\d rows|\d of \d", line)] == []


def log_of(prefect_api, state):
    """Prefect sends its log now and then: until the last pass is in it, or half a minute is over."""
    deadline = time.monotonic() + 30
    lines = []
    while "explaining: 100%" not in lines and time.monotonic() < deadline:
        time.sleep(0.5)
        lines = [line["message"] for line in own(prefect_api, state, "logs")]
    return lines


def test_the_attributions_are_shown_to_the_end(state, prefect_api):
    (progress,) = [a for a in own(prefect_api, state, "artifacts") if a["key"].endswith("-progress")]

    assert (progress["type"], float(progress["data"])) == ("progress", 100.0)
    assert progress["flow_run_id"] == str(state.state_details.flow_run_id)
