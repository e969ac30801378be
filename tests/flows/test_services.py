"""The main job beside real services: S3, a foreign model server, Prefect with a worker, MLflow."""

import json
import os
import re
import subprocess
from pathlib import Path

import httpx
import numpy as np
import pandas as pd
import pytest

from clarify.steps.line import run_analysis
from deployments.processes import free_port, programs, start, stop, wait_until
from deployments.services import answers
from tests.subjects import digests

ROOT = Path(__file__).parents[2]
POOL = "clarify-pool"


# --- S3 ---------------------------------------------------------------------------------------------------------


def test_config_data_and_results_may_live_on_s3(subject, published, moto_server, tmp_path):
    import fsspec

    bucket = moto_server.create_bucket()
    store = fsspec.filesystem("s3")
    store.put(subject.data, f"{bucket}/in/data.csv")
    store.pipe(f"{bucket}/in/config.json", json.dumps(subject.config()).encode())
    request = subject.request(tmp_path / "unused", workers=2)
    moved = type(request)(
        f"s3://{bucket}/in/config.json", f"s3://{bucket}/out", request.settings, f"s3://{bucket}/in/data.csv"
    )

    run_analysis(moved)

    store.invalidate_cache()
    store.get(f"{bucket}/out/", str(tmp_path / "out"), recursive=True)
    here, there = digests(published.output_uri), digests(tmp_path / "out")
    same = here.keys() - {"extended.json"}         # which names the dataset's URI
    assert {path: there[path] for path in same} == {path: here[path] for path in same}
    assert not store.glob(f"{bucket}/out/.work/**")


# --- a foreign model server -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def foreign_endpoint(subject, tmp_path_factory):
    """`mlflow models serve`, as anybody would start it."""
    folder = tmp_path_factory.mktemp("serve")
    port = free_port()
    environ = {**os.environ, "PATH": f"{programs()}{os.pathsep}{os.environ['PATH']}"}
    command = [str(programs() / "mlflow"), "models", "serve", "-m", subject.model, "-p", str(port), "-h", "127.0.0.1"]
    server = start(
        "serve", [*command, "--env-manager", "local"], log=folder / "log", environ=environ, directory=folder,
        address=f"http://127.0.0.1:{port}",
    )  # fmt: skip
    try:
        wait_until(lambda: answers(f"{server.address}/ping"), server, deadline_seconds=180)
        yield server.address
    finally:
        stop(server, patience_seconds=5)


def test_a_foreign_endpoint_gives_the_same_findings(subject, published, foreign_endpoint, tmp_path):
    run = run_analysis(subject.request(tmp_path / "out", endpoint=foreign_endpoint, workers=2))

    assert run.result.model.isolation == "remote"
    ours = json.loads((Path(published.output_uri) / "analysis.json").read_text())
    theirs = json.loads((Path(run.output_uri) / "analysis.json").read_text())
    assert theirs["post_training_bias_metrics"] == ours["post_training_bias_metrics"]
    local = [pd.read_csv(Path(p.output_uri) / "explanations_shap/out.csv") for p in (published, run)]
    np.testing.assert_allclose(local[1], local[0], atol=1e-9)


# --- Prefect and MLflow -----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def worker(prefect_api, mlflow_server, tmp_path_factory):
    """The deployments of prefect.yaml, and a worker that runs them."""
    folder = tmp_path_factory.mktemp("worker")
    environ = {
        **os.environ,
        "PREFECT_API_URL": prefect_api,
        "PREFECT_HOME": str(folder / "home"),
        "MLFLOW_TRACKING_URI": mlflow_server,
        "CLARIFY_STATE_DIR": str(folder / "state"),
        "PATH": f"{programs()}{os.pathsep}{os.environ['PATH']}",
    }
    for words in (["work-pool", "create", POOL, "--type", "process"], ["--no-prompt", "deploy", "--all"]):
        answer = subprocess.run(
            [str(programs() / "prefect"), *words],
            cwd=ROOT,
            env=environ,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
        )
        assert answer.returncode == 0, answer.stdout + answer.stderr
    command = [str(programs() / "prefect"), "worker", "start", "--pool", POOL, "--type", "process"]
    process = start("worker", command, log=folder / "worker.log", environ=environ, directory=ROOT)
    try:
        yield process
    finally:
        stop(process, patience_seconds=5)


@pytest.fixture(scope="module")
def flow_run(worker, prefect_api, subject, tmp_path_factory):
    """A run that was asked for through the API and has ended."""
    from prefect.deployments import run_deployment

    output = tmp_path_factory.mktemp("deployed") / "out"
    request = subject.request(output)
    parameters = {"config": request.config, "dataset": subject.data, "output": str(output), "workers": 2}
    parameters |= {"estimator": request.shap.estimator}
    run = run_deployment(
        "clarify-analysis/clarify-analysis", parameters={"parameters": parameters}, timeout=300, poll_interval=2
    )
    assert run.state is not None
    assert run.state.is_completed(), f"{run.state}\n{Path(worker.log).read_text()[-3000:]}"
    return run, output


def test_a_deployed_run_gives_the_same_bytes(flow_run, published):
    _, output = flow_run

    assert digests(output) == digests(published.output_uri)


def test_a_deployed_run_shows_its_steps_and_artifacts(flow_run, prefect_api):
    run, _ = flow_run
    mine = {"flow_runs": {"id": {"any_": [str(run.id)]}}}

    tasks = httpx.post(f"{prefect_api}/task_runs/filter", json=mine).json()
    artifacts = httpx.post(f"{prefect_api}/artifacts/filter", json=mine).json()

    assert {task["name"] for task in tasks} == {
        "plan", "validate", "pre-training-bias", "provision-endpoint", "predict", "post-training-bias", "closer-looks",
        "explain", "release-endpoint", "report", "log-to-mlflow",
    }  # fmt: skip
    assert {artifact["key"] for artifact in artifacts} == {
        f"clarify-model-{fact}" for fact in ("summary", "verdicts", "validation", "attributions", "progress", "report")
    }  # fmt: skip


def test_the_form_of_the_deployment_explains_every_parameter(worker, prefect_api):
    deployment = httpx.get(f"{prefect_api}/deployments/name/clarify-analysis/clarify-analysis").json()

    fields = deployment["parameter_openapi_schema"]["definitions"]["AnalysisParameters"]["properties"]
    assert all(field.get("description") for field in fields.values())
    assert fields["engine"]["enum"] == ["auto", "local", "spark"]


def test_the_run_in_mlflow_leads_to_everything(flow_run, mlflow_server):
    from mlflow.tracking import MlflowClient

    run, output = flow_run
    client = MlflowClient(mlflow_server)
    experiment = client.get_experiment_by_name("/clarify/model")
    (logged,) = client.search_runs([experiment.experiment_id])

    assert logged.info.status == "FINISHED"
    assert logged.data.tags["clarify.prefect_flow_run_id"] == str(run.id)
    assert re.fullmatch("[0-9a-f]{40}", logged.data.tags["clarify.git_commit"])
    analysis = json.loads((output / "analysis.json").read_text())
    metrics = analysis["pre_training_bias_metrics"]["facets"]["sex"][0]["metrics"]
    dpl = next(metric["value"] for metric in metrics if metric["name"] == "DPL")
    assert logged.data.metrics["clarify/sex-f/DPL"] == dpl
    assert logged.data.metrics["clarify/sex-f/DPL/low"] < dpl < logged.data.metrics["clarify/sex-f/DPL/high"]
    assert logged.data.tags["clarify.undefined.sex-f/FT"] == "non_numeric_features"
    (data,) = logged.inputs.dataset_inputs
    assert data.dataset.name == "data.csv"
    assert len(data.dataset.digest) == 36
    assert {file.path for file in client.list_artifacts(logged.info.run_id, "report")} == {
        "report/analysis.json", "report/extended.json", "report/explanations_shap", "report/provenance.json",
        "report/report.html", "report/report.ipynb", "report/forest.png", "report/manifest.json",
    }  # fmt: skip


def test_a_flow_in_this_process_reports_to_the_configured_api(prefect_api, subject, tmp_path):
    from flows.analysis import AnalysisParameters, clarify_analysis

    config = subject.config(predicted_label="said")
    del config["predictor"], config["methods"]["shap"]
    subject.frame.assign(said=subject.frame["approved"]).to_csv(tmp_path / "data.csv", index=False)
    request = subject.request(tmp_path / "out", config=config)
    parameters = AnalysisParameters(
        config=request.config,
        dataset=str(tmp_path / "data.csv"),
        output=str(tmp_path / "out"),
        tracking_uri=f"sqlite:///{tmp_path}/mlflow.db",
    )

    published = clarify_analysis(parameters)

    runs = httpx.post(f"{prefect_api}/flow_runs/filter", json={"sort": "START_TIME_DESC"}).json()
    assert runs[0]["name"] == "analysis-out"
    assert (runs[0]["state_type"], runs[0]["state_name"]) == ("COMPLETED", "Completed")      # no policy, no verdict
    assert published.result.post_training is not None
