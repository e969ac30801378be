"""Monitors as Prefect runs them, and as the command line does: states, MLflow, the page, exit codes."""

import json
from pathlib import Path

import httpx
import pytest
from typer.testing import CliRunner

from clarify.records import Status
from flows.cli import app
from tests.subjects.monitored import FACET, GROUP, Live, at, contents, window_of

STATES = {
    0: ("Completed", Status.PASS),
    1: ("CompletedWithViolations", Status.VIOLATION),
    2: ("CompletedInconclusive", Status.INCONCLUSIVE),
    3: ("Failed", Status.ERROR),
}
EXIT_CODES = {0: 0, 1: 1, 2: 3, 3: 4}


def tell_story(live):
    """An hour as ever, one in which the whole group is refused, a silent one, and one with a column fewer.

    By the rule of the KDD'21 paper one window decides.
    """
    document = live.monitor("bias-drift", rule="bootstrap_overlap")
    live.traffic(0)
    people = live.traffic(1)
    live.capture(1, people.assign(score=people["score"].where(people[FACET] != GROUP, 0.01)))
    live.capture(3, live.patients(3), columns=live.subject.features[:-1])
    return document


# --- Prefect ------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def tracking_uri(tmp_path_factory):
    """MLflow in a file."""
    return f"sqlite:///{tmp_path_factory.mktemp('mlflow')}/mlflow.db"


def run_flow(document, hour, tracking_uri):
    from flows.monitoring import MonitorParameters, clarify_bias_drift

    asked = MonitorParameters(monitor=str(document), at=at(hour), tracking_uri=tracking_uri, workers=1)
    return clarify_bias_drift(asked, return_state=True)


@pytest.fixture(scope="module")
def story(monitored, prefect_api, tracking_uri, tmp_path_factory):
    """The states that the flow ended in, window by window, and a second run of the last good one."""
    folder = tmp_path_factory.mktemp("story")
    live = Live(monitored, folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        document = tell_story(live)
        states = {hour: run_flow(document, hour + 1, tracking_uri) for hour in STATES}
        return live, states, run_flow(document, 3, tracking_uri)


@pytest.mark.parametrize("hour", STATES)
def test_a_flow_run_is_named_after_what_its_window_ended_in(story, prefect_api, hour):
    live, states, _ = story
    name, status = STATES[hour]

    shown = httpx.get(f"{prefect_api}/flow_runs/{states[hour].state_details.flow_run_id}").json()

    (stored,) = live.records("bias-drift", hour)
    assert stored.record.status is status, stored.record.headline
    assert (shown["state_name"], shown["state_type"]) == (name, "FAILED" if hour == 3 else "COMPLETED")
    assert shown["state"]["message"] == stored.record.headline
    assert shown["name"].startswith("m-bias-drift-20260302T0")


def test_a_flow_run_with_nothing_new_says_that_it_was_done_already(story, prefect_api):
    live, _, again = story

    shown = httpx.get(f"{prefect_api}/flow_runs/{again.state_details.flow_run_id}").json()

    assert (shown["state_name"], shown["state_type"]) == ("AlreadyDone", "COMPLETED")
    assert [len(live.records("bias-drift", hour)) for hour in STATES] == [1, 1, 1, 1]


def test_a_flow_run_gives_the_record_of_the_library(story, monitored, tmp_path):
    live = Live(monitored, tmp_path)
    tell_story(live)
    live.run("bias-drift", 1, clock=24)                        # a day later, as the flow run was later than its window

    ours, theirs = (contents(one.records("bias-drift", 0)[0].folder_uri)["record.json"] for one in (live, story[0]))

    assert ours == theirs


def test_every_window_is_a_step_of_the_monitors_one_run_in_mlflow(story, tracking_uri):
    from mlflow.tracking import MlflowClient

    live, _, _ = story
    client = MlflowClient(tracking_uri)
    experiments = [experiment.experiment_id for experiment in client.search_experiments()]

    (run,) = client.search_runs(experiments, "tags.`clarify.monitor` = 'm-bias-drift'")

    steps = {round(at(hour + 1).timestamp()) // 60: hour for hour in STATES}
    rows = {steps[metric.step]: metric.value for metric in client.get_metric_history(run.info.run_id, "rows")}
    assert rows == {0: 150.0, 1: 150.0, 2: 0.0, 3: 0.0}
    levels = {steps[m.step]: m.value for m in client.get_metric_history(run.info.run_id, "status")}
    assert levels == {0: 0.0, 1: 2.0, 2: 1.0, 3: 3.0}
    (dppl,) = [s.value for s in live.records("bias-drift", 1)[0].record.bias.series if s.metric == "DPPL"]
    history = client.get_metric_history(run.info.run_id, "bias.DPPL.sex.code-2")
    assert {steps[metric.step]: metric.value for metric in history}[1] == pytest.approx(dppl)
    kept = client.list_artifacts(run.info.run_id, f"windows/{window_of(1).name}/r1")
    assert {Path(file.path).name for file in kept} >= {"record.json", "constraint_violations.json"}


def test_a_page_in_prefect_shows_the_finding(story, prefect_api):
    _, states, _ = story
    mine = {"flow_runs": {"id": {"any_": [str(states[1].state_details.flow_run_id)]}}}

    pages = httpx.post(f"{prefect_api}/artifacts/filter", json=mine).json()

    (page,) = [artifact for artifact in pages if artifact["key"] == "clarify-monitor-m-bias-drift"]
    assert "VIOLATION" in page["data"]
    assert "DPPL" in page["data"]


def test_without_mlflow_the_verdict_is_published_and_tracked_by_the_next_run(
    live, prefect_api, tracking_uri, monkeypatch
):
    from mlflow.tracking import MlflowClient

    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    monkeypatch.chdir(live.folder)
    document = live.monitor("data-quality", name="untracked")
    live.traffic(0)
    from flows.monitoring import MonitorParameters, clarify_data_quality

    def run(uri):
        asked = MonitorParameters(monitor=str(document), at=at(1), tracking_uri=uri, workers=1)
        return clarify_data_quality(asked, return_state=True)

    away = run("http://127.0.0.1:9")
    (stored,) = live.records("data-quality", 0)
    told = Path(stored.folder_uri) / "told.json"
    assert (away.name, stored.record.status) == ("Completed", Status.PASS)
    assert not told.exists()
    back = run(tracking_uri)

    assert back.name == "AlreadyDone"
    assert told.exists()
    client = MlflowClient(tracking_uri)
    experiments = [experiment.experiment_id for experiment in client.search_experiments()]
    (found,) = client.search_runs(experiments, "tags.`clarify.monitor` = 'untracked'")
    assert found.data.tags["clarify.last_window"] == window_of(0).name


# --- the command line ---------------------------------------------------------------------------------------------


def command(document, hour, *options):
    words = ["monitor", "run", str(document), "--at", at(hour).isoformat(), "--workers", "1", *options]
    return CliRunner().invoke(app, words)


def test_the_exit_code_says_what_the_window_ended_in(live):
    document = tell_story(live)

    said = {hour: command(document, hour + 1, "--direct", "--json") for hour in EXIT_CODES}

    assert {hour: one.exit_code for hour, one in said.items()} == EXIT_CODES, [one.output for one in said.values()]
    for hour, one in said.items():
        answer = json.loads(one.stdout)
        (stored,) = live.records("bias-drift", hour)
        assert (answer["status"], answer["skipped"]) == (stored.record.status, [])
        assert answer["windows"][-1] == {
            "window": window_of(hour).name,
            "why": "scheduled",
            "outcome": "published",
            "revision": 1,
            "status": stored.record.status,
            "headline": stored.record.headline,
            "record": stored.folder_uri,
        }
    assert command(document, 2, "--direct", "--again", "--fail-on", "never").exit_code == 0
    done = command(document, 1, "--direct", "--json")
    assert (done.exit_code, json.loads(done.stdout)["status"]) == (0, None)


def test_a_window_that_could_not_be_looked_at_is_told_on_the_path_of_the_schedule_too(
    live, prefect_api, tracking_uri, monkeypatch
):
    monkeypatch.chdir(live.folder)
    document = tell_story(live)

    said = command(document, 4, "--tracking-uri", tracking_uri, "--json")

    assert said.exit_code == EXIT_CODES[3], said.output
    answer = json.loads(said.stdout)
    assert (answer["status"], answer["windows"][0]["outcome"]) == (Status.ERROR, "published")


def test_a_monitor_that_is_not_right_is_refused_with_every_problem(live):
    document = live.monitor("bias-drift", catch_up=-1, reference="nowhere")

    said = command(document, 1, "--direct", "--json")

    assert said.exit_code == 2
    assert {problem["field"] for problem in json.loads(said.stdout)["problems"]} == {"catch_up"}
    document = live.monitor("bias-drift", reference="nowhere")
    said = command(document, 1, "--direct", "--json")
    assert said.exit_code in (2, 4)
    assert "nowhere" in said.stdout
    assert not (live.folder / "out").exists()
