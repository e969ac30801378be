"""What a real Prefect server does about signals, by the automations that we install."""

import json
import threading
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from types import SimpleNamespace

import httpx
import pytest
from prefect import flow

from clarify.config.monitor import MonitorConfig
from clarify.errors import ConfigError
from clarify.records import MonitorRecord, Status, Window, WindowCounts
from deployments.automations import (
    Channel,
    Retraining,
    _silent,
    _zombies,
    install_automations,
)
from deployments.monitors import connect, register_monitor, registered_monitors, remove_monitor
from tasks.signals import emit, events_of

POOL = "clarify-pool"
ZOMBIES = "clarify: zombie runs"


@flow(name="clarify-bias-drift")
def idle(parameters: dict):
    """Stands in for the monitors' flow."""


@flow(name="train")
def train(record: str, epochs: int = 3):
    """Stands in for somebody's training."""


def window(hour):
    return Window(f"2026-11-01T{hour:02d}:00:00Z", f"2026-11-01T{hour + 1:02d}:00:00Z")


def tell(monitor, status, hour):
    """The signal of one window; every window is news."""
    found = MonitorRecord(
        monitor=monitor, kind="bias-drift", rule="decision", window=window(hour), revision=1, status=Status(status),
        headline="", inputs_digest="1" * 64, data_digest="2" * 64, counts=WindowCounts(),
    )  # fmt: skip
    assert emit(events_of(found, None, output_uri="s3://live/out")[:1]) == ()


def eventually(question, *, seconds=20):
    deadline = time.monotonic() + seconds
    while not (answer := question()) and time.monotonic() < deadline:
        time.sleep(0.2)
    return answer


@pytest.fixture(scope="module")
def pool(prefect_api):
    if httpx.get(f"{prefect_api}/work_pools/{POOL}").status_code == 404:
        httpx.post(f"{prefect_api}/work_pools/", json={"name": POOL, "type": "process"}).raise_for_status()


@pytest.fixture
def register(pool, monkeypatch):
    """Registers hourly monitors; monitors and automations are gone afterwards."""
    monkeypatch.setattr("deployments.monitors.import_module", lambda name: SimpleNamespace(idle=idle))

    def register(name, *, every="PT1H"):
        document = MonitorConfig(
            version="1.0", name=name, kind="bias-drift", schedule={"interval": every}, config="c", reference="r",
            window={"uri": "s3://live", "layout": "table", "time_column": "at", "length": every}, output="out",
        )  # fmt: skip
        return register_monitor(document, "m.yaml", entrypoint="idle.py:idle")

    yield register
    for registered in registered_monitors():
        remove_monitor(registered.name)
    with connect() as client:
        for automation in client.read_automations():
            client.delete_automation(automation.id)


@pytest.fixture
def training(pool):
    """A deployment that nobody runs: its runs wait, and say what they were asked."""
    from prefect.utilities.callables import parameter_schema

    with connect() as client:
        deployment_id = client.create_deployment(
            client.create_flow(train), "nightly", work_pool_name=POOL,
            parameter_openapi_schema=parameter_schema(train).model_dump_for_openapi(),
        )  # fmt: skip
        yield deployment_id
        client.delete_deployment(deployment_id)


def runs_of(api, deployment_id):
    asked = {"deployments": {"id": {"any_": [str(deployment_id)]}}}
    return httpx.post(f"{api}/flow_runs/filter", json=asked).json()


@pytest.fixture
def block(prefect_api):
    from prefect.blocks.webhook import Webhook

    Webhook(url="https://chat.example.com/secret-token").save("pager", overwrite=True)
    return "webhook/pager"


def outcomes(installed):
    return {automation.name: automation.outcome for automation in installed}


# --- installing ---------------------------------------------------------------------------------------------------


def test_automations_are_installed_once(register, training, block):
    register("income")
    asked = {"notify": block, "retraining": [Retraining("train/nightly")]}

    first, second = install_automations(**asked), install_automations(**asked)

    assert outcomes(first) == dict.fromkeys(
        [
            "clarify: notify", "clarify: retrain with train/nightly", "clarify: pause income",
            "clarify: silent income", ZOMBIES,
        ],
        "created",
    )  # fmt: skip
    assert set(outcomes(second).values()) == {"unchanged"}
    with connect() as client:
        assert len(client.read_automations()) == 5


def test_a_changed_automation_is_updated_in_place_and_stays_switched_off(register):
    register("income")
    install_automations()
    with connect() as client:
        (before,) = client.read_automations_by_name("clarify: pause income")
        client.pause_automation(before.id)

    installed = install_automations(pause_after=5)

    with connect() as client:
        (after,) = client.read_automations_by_name("clarify: pause income")
    assert outcomes(installed) == {"clarify: pause income": "updated", ZOMBIES: "unchanged"}
    assert (after.id, after.enabled) == (before.id, False)
    assert after.trigger.threshold == 5
    assert after.trigger.within == timedelta(hours=4, minutes=30)      # four hours lie between five runs


def test_a_monitor_that_was_added_later_is_told_of_on_the_channel_there_is(register, block):
    register("income")
    install_automations(notify=block)
    register("other")

    assert outcomes(install_automations()) == {
        "clarify: notify": "unchanged", "clarify: pause income": "unchanged", "clarify: silent income": "unchanged",
        "clarify: pause other": "created", "clarify: silent other": "created", ZOMBIES: "unchanged",
    }  # fmt: skip


def test_automations_of_a_monitor_that_is_gone_go_too(register, block):
    register("income")
    register("other")
    install_automations(notify=block)

    assert remove_monitor("income") == ("income", "clarify: pause income", "clarify: silent income")

    with connect() as client:
        names = {automation.name for automation in client.read_automations()}
    assert names == {"clarify: notify", "clarify: pause other", "clarify: silent other", ZOMBIES}


def test_no_automation_holds_the_address_of_a_channel(prefect_api, register, block):
    register("income")
    install_automations(notify=block)

    assert "secret-token" not in httpx.post(f"{prefect_api}/automations/filter", json={}).text


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"notify": "https://hooks.example.com/secret-token"}, r"--notify: received an address(?s:.)*in a block"),
        ({"notify": "pager"}, r"--notify: received pager(?s:.)*TYPE/NAME"),
        ({"notify": "webhook/none"}, r"--notify: received webhook/none(?s:.)*webhook/pager"),
        ({"retraining": [Retraining("train/none")]}, r"--retrain: received train/none(?s:.)*FLOW/DEPLOYMENT"),
        ({"retraining": [Retraining("train/nightly", ("nobody",))]}, r"--retrain: received nobody(?s:.)*income"),
        (
            {"retraining": [Retraining("train/nightly", parameter="uri")]},
            r"--retrain: received train/nightly without a parameter uri(?s:.)*allowed: record, epochs",
        ),
    ],
)
def test_what_does_not_exist_is_refused_by_name(register, training, block, asked, words):
    register("income")

    with pytest.raises(ConfigError, match=words) as refused:
        install_automations(**asked)

    assert "secret-token" not in str(refused.value)


# --- acting -------------------------------------------------------------------------------------------------------


def test_a_violation_runs_the_training_once_a_day_and_tells_it_the_record(prefect_api, register, training):
    register("income")
    install_automations(retraining=[Retraining("train/nightly", ("income",))])

    for hour in range(3):
        tell("income", "VIOLATION", hour)

    (run,) = eventually(lambda: runs_of(prefect_api, training))
    time.sleep(1)                                              # whatever else would come
    assert len(runs_of(prefect_api, training)) == 1
    assert run["parameters"]["record"] == "s3://live/out/windows/20261101T000000Z-20261101T010000Z/r1/record.json"


def test_violations_of_other_monitors_and_other_findings_train_nothing(prefect_api, register, training):
    register("income")
    register("other")
    install_automations(retraining=[Retraining("train/nightly", ("income",))])

    tell("other", "VIOLATION", 3)
    tell("income", "INCONCLUSIVE", 3)
    tell("income", "VIOLATION", 4)

    (run,) = eventually(lambda: runs_of(prefect_api, training))
    assert "20261101T040000Z" in run["parameters"]["record"]


def test_errors_in_a_row_pause_the_monitor_and_no_other(register):
    register("income")
    register("other")
    install_automations(pause_after=3)

    for hour in range(2):
        tell("income", "ERROR", hour)
        tell("other", "ERROR", hour)
    time.sleep(1)
    assert not any(monitor.is_paused for monitor in registered_monitors())
    tell("income", "ERROR", 2)

    assert eventually(lambda: [monitor.name for monitor in registered_monitors() if monitor.is_paused]) == ["income"]


class Chat(BaseHTTPRequestHandler):
    def do_POST(self):
        self.server.received.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *arguments):
        pass


@pytest.fixture
def chat(prefect_api):
    """The words that reach a chat, and the block that leads there."""
    from prefect.blocks.webhook import Webhook

    server = HTTPServer(("127.0.0.1", 0), Chat)
    server.received = []
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    block_id = Webhook(url=f"http://127.0.0.1:{server.server_port}").save("chat", overwrite=True)
    yield SimpleNamespace(received=server.received, channel=Channel(block_id, is_webhook=True))
    server.shutdown()
    thread.join()
    server.server_close()


def running(client, tags):
    from prefect.states import Running

    return client.create_flow_run(idle, parameters={"parameters": {}}, tags=tags, state=Running()).id


def heartbeat(api, run_id, tags):
    related = [{"prefect.resource.id": f"prefect.tag.{tag}", "prefect.resource.role": "tag"} for tag in tags]
    event = {
        "event": "prefect.flow-run.heartbeat",
        "resource": {"prefect.resource.id": f"prefect.flow-run.{run_id}"},
        "related": related,
        "payload": {},
        "id": str(run_id),
        "occurred": datetime.now(UTC).isoformat(),
    }
    httpx.post(f"{api}/events", json=[event]).raise_for_status()


def test_what_falls_silent_is_noticed(prefect_api, register, chat):
    from prefect.states import Completed

    monitor = replace(register("mute"), longest_gap=timedelta(seconds=5))
    with connect() as client:
        client.create_automation(_silent(monitor, chat.channel))
        client.create_automation(_zombies(heartbeat_seconds=3))
        gone, finished, foreign = (running(client, tags) for tags in (["clarify"], ["clarify"], ["theirs"]))
        for run_id, tags in ((gone, ["clarify"]), (finished, ["clarify"]), (foreign, ["theirs"])):
            heartbeat(prefect_api, run_id, tags)
        client.set_flow_run_state(finished, Completed(name="CompletedWithViolations"))

        def state(run_id):
            return client.read_flow_run(run_id).state

        assert eventually(lambda: state(gone).is_crashed(), seconds=40)
        assert eventually(lambda: chat.received, seconds=20)

        assert state(finished).name == "CompletedWithViolations"
        assert state(foreign).is_running()
    assert chat.received[0]["text"].startswith("mute has said nothing for 0:00:10")
    assert eventually(lambda: triggered(prefect_api, ZOMBIES)) == 1


def triggered(api, automation):
    about = {"labels": {"prefect.resource.name": [automation]}}
    asked = {"filter": {"event": {"name": ["prefect.automation.triggered"]}, "resource": about}}
    return len(httpx.post(f"{api}/events/filter", json=asked).json()["events"])
