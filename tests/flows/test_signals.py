"""What the world hears of a window: which events, how often, and what they leave unsaid."""

import json
import re
import threading
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from types import SimpleNamespace

import httpx
import pytest
from typer.testing import CliRunner

from clarify.records import (
    BiasDrift,
    DataQuality,
    MonitorRecord,
    RuleFinding,
    SeriesDrift,
    Status,
    Window,
    WindowCounts,
)
from clarify.results import AwsValue, Reason
from flows.monitor_commands import monitor
from tasks import signals
from tasks.monitor_tracking import log_window, numbers_of
from tasks.signals import compared, emit, events_of, resource_of, show_record, signal, slug_of

HOUR = timedelta(hours=1)
START = datetime(2026, 11, 1, tzinfo=UTC)


def series(status, *, facet="sex", group="2", metric="DPPL", text=""):
    finding = RuleFinding("decision", Status(status), text=text)
    now, then = AwsValue(0.2), AwsValue(0.05)
    return SeriesDrift("post_training", facet, group, metric, 0.2, now, then, findings=(finding,))


def record(status, hour=0, *, monitor="income", revision=1, kind="bias-drift", found=(), **other):
    return MonitorRecord(
        monitor=monitor,
        kind=kind,
        rule="decision",
        window=Window.between(START + hour * HOUR, START + (hour + 1) * HOUR),
        revision=revision,
        status=Status(status),
        headline="DPPL of sex=2 went from 0.05 to 0.2",
        inputs_digest="1" * 64,
        data_digest="2" * 64,
        counts=WindowCounts(rows=90, labels=90, unlabelled=10),
        bias=BiasDrift("decision", tuple(found), (), 1.0, "one false alarm a month"),
        **other,
    )


def names(now, before=None):
    return [event.event for event in events_of(now, before, output_uri="out")]


def alerts(*statuses):
    """The alerts of windows that follow one another, each compared as the line compares it."""
    heard, earlier = [], []
    for hour, status in enumerate(statuses):
        now = record(status, hour)
        heard += [event.event.rpartition(".")[2] for event in events_of(now, compared(earlier), output_uri="out")[1:]]
        earlier.append(now)
    return heard


# --- which events -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "word"),
    [("PASS", "ok"), ("VIOLATION", "violation"), ("INCONCLUSIVE", "inconclusive"), ("ERROR", "error")],
)
def test_every_window_tells_its_kind_and_its_status(status, word):
    assert names(record(status, kind="model-quality"))[0] == f"clarify.model-quality.{word}"


def test_three_violations_in_a_row_open_one_alert():
    assert alerts("PASS", "VIOLATION", "VIOLATION", "VIOLATION") == ["opened"]


def test_a_pass_resolves_an_open_alert_once():
    assert alerts("VIOLATION", "PASS", "PASS") == ["opened", "resolved"]


def test_an_alert_stays_open_through_inconclusive_windows():
    assert alerts("VIOLATION", "INCONCLUSIVE", "VIOLATION", "INCONCLUSIVE", "PASS") == ["opened", "resolved"]


def test_a_monitor_that_can_no_longer_look_is_news_beside_its_violation():
    assert alerts("VIOLATION", "ERROR", "ERROR", "PASS") == ["opened", "opened", "resolved"]


def test_a_monitor_that_never_found_anything_opens_and_resolves_nothing():
    assert alerts("INCONCLUSIVE", "PASS", "INCONCLUSIVE", "PASS") == []


def test_a_revision_that_says_otherwise_is_an_alert_of_its_own():
    first, second = record("PASS"), record("VIOLATION", revision=2)

    assert names(second, first) == ["clarify.bias-drift.violation", "clarify.alert.revised"]


def test_a_window_that_could_not_be_judged_before_its_labels_came_is_revised_by_them():
    earlier = [record("PASS", 0), record("INCONCLUSIVE", 1)]
    now = record("VIOLATION", 1, revision=2)

    assert names(now, compared(earlier, now.window)) == ["clarify.bias-drift.violation", "clarify.alert.revised"]


def test_a_revision_that_says_the_same_raises_no_alert():
    assert names(record("VIOLATION", revision=2), record("VIOLATION")) == ["clarify.bias-drift.violation"]


def test_the_same_finding_has_the_same_ids_and_another_revision_has_others():
    first, again = (events_of(record("VIOLATION"), None, output_uri="out") for _ in range(2))
    revised = events_of(record("VIOLATION", revision=2), None, output_uri="out")

    assert [event.id for event in first] == [event.id for event in again]
    assert len({event.id for event in (*first, *revised)}) == 4


# --- what they say ------------------------------------------------------------------------------------------------


def test_a_signal_names_no_facet_and_no_value_unless_allowed():
    found = [series("VIOLATION", facet="religion", group="zoroastrian"), series("PASS")]
    quiet, open_ = (
        dict(events_of(record("VIOLATION", found=found), None, output_uri="out", facet_values=allowed)[0].payload)
        for allowed in (False, True)
    )

    assert "zoroastrian" not in json.dumps(quiet)
    assert "religion" not in json.dumps(quiet)
    assert quiet["series_in_violation"] == 1
    assert quiet["headline"] == "bias-drift: VIOLATION in 1 series"
    assert open_["series"] == "DPPL religion=zoroastrian"
    assert open_["headline"] == "DPPL of sex=2 went from 0.05 to 0.2"


def test_what_the_data_checks_say_is_not_held_against_another_monitor():
    drift = RuleFinding("decision", Status.VIOLATION, Reason.DRIFT, "bp")
    checks = DataQuality("decision", (), (), (), (drift,))

    (event,) = events_of(record("PASS", found=[series("PASS")], data_quality=checks), None, output_uri="out")

    assert dict(event.payload)["series_in_violation"] == 0


def test_a_signal_says_window_join_rate_reason_and_where_the_record_lies():
    (event,) = events_of(record("INCONCLUSIVE", reason=Reason.LOW_JOIN_RATE), None, output_uri="s3://live/out/")

    said = dict(event.payload)
    assert (said["window_start"], said["window_end"]) == ("2026-11-01T00:00:00Z", "2026-11-01T01:00:00Z")
    assert said["join_rate"] == 0.9                            # 90 of 90 + 10
    assert said["reason"] == Reason.LOW_JOIN_RATE.value
    assert said["record"] == "s3://live/out/windows/20261101T000000Z-20261101T010000Z/r1/record.json"


def test_credentials_of_an_address_are_not_told():
    (event,) = events_of(record("PASS"), None, output_uri="s3://key:secret@live/out?token=secret")

    assert "secret" not in json.dumps(dict(event.payload))


def test_names_from_the_data_cannot_mention_link_or_mark_up():
    hostile = series("VIOLATION", group="<!channel> [x](http://evil) `@here` |a|\n# b", text="<b>")
    found = record("VIOLATION", found=[hostile])

    said = dict(events_of(found, None, output_uri="out", facet_values=True)[0].payload)["series"]

    assert not set("<>@[]`\n") & set(said)


@pytest.mark.parametrize(("name", "slug"), [("income", "income"), ("a-b", "a-b")])
def test_a_name_that_is_a_slug_stays(name, slug):
    assert slug_of(name) == slug


def test_names_that_differ_have_slugs_that_differ():
    assert len({slug_of(name) for name in ("a-b", "a_b", "A-b", "a__b")}) == 4


# --- a real server ------------------------------------------------------------------------------------------------


def heard(api, monitor, event="clarify."):
    """Events of a monitor that the server keeps."""
    asked = {"filter": {"resource": {"id": [resource_of(monitor)]}, "event": {"prefix": [event]}, "order": "ASC"}}
    return httpx.post(f"{api}/events/filter", json=asked).json()["events"]


def eventually(question, *, seconds=90):
    deadline = time.monotonic() + seconds
    while not (answer := question()) and time.monotonic() < deadline:
        time.sleep(0.2)
    return answer


class Inbox(HTTPServer):
    """A chat's webhook: keeps what it is sent, and answers with ``status``."""

    def __init__(self):
        self.received, self.status = [], 200
        super().__init__(("127.0.0.1", 0), InboxHandler)

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}/hook"


class InboxHandler(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.received.append(json.loads(body))
        self.send_response(self.server.status)
        self.end_headers()

    def log_message(self, *arguments):
        pass


@pytest.fixture
def inbox():
    server = Inbox()
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def webhook(prefect_api, inbox):
    """A block that holds the inbox's address, and an automation that passes alerts on to it."""
    from prefect.blocks.webhook import Webhook

    from deployments.automations import install_automations
    from deployments.monitors import connect

    Webhook(url=inbox.url).save("inbox", overwrite=True)
    install_automations(notify="webhook/inbox")
    yield "webhook/inbox"
    with connect() as client:
        for automation in client.read_automations():
            client.delete_automation(automation.id)


def run_windows(monitor, *statuses):
    earlier = []
    for hour, status in enumerate(statuses):
        now = record(status, hour, monitor=monitor)
        assert signal(now, compared(earlier), output_uri="out") == ()
        earlier.append(now)


def test_a_webhook_hears_of_three_violations_once_and_of_their_end_once(prefect_api, webhook, inbox):
    run_windows("once", "PASS", "VIOLATION", "VIOLATION", "VIOLATION", "PASS", "PASS")

    assert eventually(lambda: len(inbox.received) >= 2)
    time.sleep(1)                                              # whatever else would come
    assert [(told["event"], told["payload"]["status"]) for told in inbox.received] == [
        ("clarify.alert.opened", "VIOLATION"),
        ("clarify.alert.resolved", "PASS"),
    ]


def test_a_finding_that_is_told_again_is_one_event_and_one_notification(prefect_api, webhook, inbox):
    told = events_of(record("VIOLATION", monitor="again"), None, output_uri="out")

    emit(told)
    emit(told)

    assert eventually(lambda: len(heard(prefect_api, "again")) == 2)       # the violation and the alert
    time.sleep(1)                                              # whatever else would come
    assert len(heard(prefect_api, "again")) == 2
    assert len(inbox.received) == 1


def test_a_notification_block_is_told_in_words(prefect_api, inbox):
    from prefect.blocks.notifications import CustomWebhookNotificationBlock

    from deployments.automations import install_automations

    sent = {"title": "{{subject}}", "text": "{{body}}"}
    CustomWebhookNotificationBlock(name="chat", url=inbox.url, json_data=sent).save("chat", overwrite=True)
    install_automations(notify="custom-webhook/chat")

    run_windows("words", "VIOLATION")

    (told,) = eventually(lambda: inbox.received)
    assert told["title"] == "Clarify: words VIOLATION"
    assert "2026-11-01T00:00:00Z to 2026-11-01T01:00:00Z" in told["text"]
    assert told["text"].endswith("out/windows/20261101T000000Z-20261101T010000Z/r1/record.json")


def test_an_alert_that_no_channel_took_is_shown_and_told_again(prefect_api, webhook, inbox, monkeypatch):
    from prefect import flow

    inbox.status = 503
    monkeypatch.setattr(signals, "PATIENCE", timedelta(0))
    run_windows("deaf", "VIOLATION")
    assert eventually(lambda: inbox.received)
    eventually(lambda: signals.undelivered_alerts("deaf"))

    inbox.status = 200
    assert flow(signals.redeliver, name="redeliver", persist_result=False)("deaf") == ()

    # Prefect may try the first telling again by itself, sooner or later.
    assert eventually(lambda: {told["payload"].get("telling") for told in inbox.received} == {None, 2})
    # Prefect may lose the event that says a channel took it; the monitor's next window tells the alert again then.
    if not eventually(lambda: not signals.undelivered_alerts("deaf")):
        signals.redeliver("deaf")
    assert eventually(lambda: not signals.undelivered_alerts("deaf"))
    shown = {"artifacts": {"key": {"any_": ["clarify-undelivered-deaf"]}}}
    (page,) = httpx.post(f"{prefect_api}/artifacts/filter", json=shown).json()
    assert "clarify.alert.opened" in page["data"]


def test_without_a_server_the_signals_come_back_as_undelivered(monkeypatch):
    from prefect.settings import PREFECT_API_URL, PREFECT_CLIENT_MAX_RETRIES, temporary_settings

    gone = {PREFECT_API_URL: "http://127.0.0.1:9/api", PREFECT_CLIENT_MAX_RETRIES: 0}
    with temporary_settings(gone):
        lost = signal(record("VIOLATION"), None, output_uri="out")

    assert [told.signal.event for told in lost] == ["clarify.bias-drift.violation", "clarify.alert.opened"]
    assert all(told.why for told in lost)


def test_events_and_page_belong_to_the_flow_run(prefect_api):
    from prefect import flow

    now = record("VIOLATION", monitor="within", found=[series("VIOLATION")])

    @flow(name="signals", persist_result=False)
    def told():
        from prefect import runtime

        assert signal(now, None, output_uri="out") == ()
        show_record(now, output_uri="out")
        return str(runtime.flow_run.id)

    run_id = told()

    (event, _) = eventually(lambda: heard(prefect_api, "within"))
    (run,) = event["related"]
    assert run == {"prefect.resource.id": f"prefect.flow-run.{run_id}", "prefect.resource.role": "flow-run"}
    mine = {"artifacts": {"key": {"any_": ["clarify-monitor-within"]}, "flow_run_id": {"any_": [run_id]}}}
    (page,) = httpx.post(f"{prefect_api}/artifacts/filter", json=mine).json()
    assert page["data"].startswith("# VIOLATION: `within`")
    assert page["data"].rstrip().endswith("/r1/record.json`")


# --- numbers over time --------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def tracker(tmp_path_factory):
    """A tracking store in a file, and a client of it."""
    from mlflow.tracking import MlflowClient

    uri = f"sqlite:///{tmp_path_factory.mktemp('mlflow')}/mlflow.db"
    return uri, MlflowClient(uri)


def test_numbers_of_a_window_are_finite_and_have_names_that_a_tracker_takes():
    odd = replace(series("PASS", facet="age (years)", group="(40, 60]"), value=float("inf"))
    twin = series("PASS", facet="age years", group="40, 60")        # the same name once it is a slug
    found = dict(numbers_of(record("VIOLATION", found=[odd, series("VIOLATION"), twin, twin])))

    assert found["bias.DPPL.sex.2"] == 0.2
    assert (found["status"], found["join_rate"], found["rows"]) == (2.0, 0.9, 90.0)
    assert [name for name in found if name.startswith("bias.DPPL.age")] == [
        "bias.DPPL.age-years.40-60", "bias.DPPL.age-years.40-60-2",
    ]  # fmt: skip
    assert all(re.fullmatch(r"[A-Za-z0-9_.-]+", name) for name in found)


def test_windows_of_a_monitor_are_steps_of_one_run_and_a_rerun_adds_nothing(tracker, monkeypatch, tmp_path):
    uri, client = tracker
    monkeypatch.chdir(tmp_path)
    for hour, status, found in ((0, "PASS", ()), (1, "VIOLATION", ()), (1, "VIOLATION", [series("VIOLATION")])):
        run = log_window(uri, record(status, hour, found=found), {"record.json": b"{}"}, subject="income-model")

    experiment = client.get_experiment_by_name("/clarify/income-model")
    (only,) = client.search_runs([experiment.experiment_id])
    assert (only.info.run_id, only.info.status) == (run.run_id, "FINISHED")
    assert "bias.DPPL.sex.2" not in only.data.metrics
    assert only.data.tags["clarify.last_window"] == "20261101T010000Z-20261101T020000Z"
    assert only.data.tags["clarify.last_status"] == "violation"
    history = client.get_metric_history(run.run_id, "status")
    ends = [int((START + hours * HOUR).timestamp()) for hours in (1, 2)]
    assert [(m.value, m.step, m.timestamp) for m in history] == [
        (0.0, ends[0] // 60, ends[0] * 1000),
        (2.0, ends[1] // 60, ends[1] * 1000),
    ]
    (file,) = client.list_artifacts(run.run_id, "windows/20261101T010000Z-20261101T020000Z/r1")
    assert file.path.endswith("r1/record.json")


def test_a_window_that_is_made_up_for_later_is_logged_but_is_not_the_last(tracker, monkeypatch, tmp_path):
    uri, client = tracker
    monkeypatch.chdir(tmp_path)
    for hour, status in ((5, "PASS"), (3, "ERROR")):
        run = log_window(uri, record(status, hour, monitor="late"), {})

    assert client.get_run(run.run_id).data.tags["clarify.last_status"] == "pass"
    assert [m.value for m in client.get_metric_history(run.run_id, "status")] == [3.0, 0.0]     # in order of windows


def test_a_revision_is_logged_beside_what_it_revises(tracker, monkeypatch, tmp_path):
    uri, client = tracker
    monkeypatch.chdir(tmp_path)
    for revision, status in ((1, "INCONCLUSIVE"), (2, "VIOLATION")):
        run = log_window(uri, record(status, monitor="revised", revision=revision), {"record.json": b"{}"})

    assert [m.value for m in client.get_metric_history(run.run_id, "status")] == [1.0, 2.0]
    folder = "windows/20261101T000000Z-20261101T010000Z"
    assert [f.path for f in client.list_artifacts(run.run_id, folder)] == [f"{folder}/r1", f"{folder}/r2"]


# --- commands -----------------------------------------------------------------------------------------------------


def command(*words):
    return CliRunner().invoke(monitor, list(words))


@pytest.fixture
def document(prefect_api, tmp_path, monkeypatch):
    """A monitor's document, a flow that does nothing, and a work pool; what was registered is gone afterwards."""
    from prefect import flow

    from deployments import monitors

    idle = flow(lambda parameters: None, name="clarify-data-quality")
    monkeypatch.setattr(monitors, "import_module", lambda name: SimpleNamespace(clarify_data_quality=idle))
    httpx.post(f"{prefect_api}/work_pools/", json={"name": "clarify-pool", "type": "process"})
    (tmp_path / "analysis_config.json").write_text('{"dataset_type": "text/csv", "headers": ["at", "age"]}')
    (tmp_path / "constraints.json").write_text('{"version": 0, "features": []}')           # as AWS writes them
    path = tmp_path / "monitor.yaml"
    path.write_text(
        "version: '1.0'\nname: quality\nkind: data-quality\nschedule: {cron: '0 5 * * *'}\n"
        "window: {uri: live, layout: table, time_column: at, length: P1D}\n"
        "config: analysis_config.json\nreference: constraints.json\noutput: out\n"
    )
    yield path
    for registered in monitors.registered_monitors():
        monitors.remove_monitor(registered.name)


def test_a_monitor_is_added_listed_and_removed(document, monkeypatch):
    monkeypatch.chdir(document.parent)

    added = command("add", "monitor.yaml", "--json")
    listed = command("status", "--json")
    removed = command("remove", "quality", "--json")

    assert added.exit_code == 0, added.output
    said = json.loads(added.stdout)
    assert said["deployment"] == "clarify-data-quality/quality"
    assert said["document"] == str(document)
    assert len(said["next_runs"]) == 3
    assert all(moment.endswith("T05:00:00Z") for moment in said["next_runs"])
    (only,) = json.loads(listed.stdout)["monitors"]
    assert (only["name"], only["silent"]) == ("quality", True)
    assert json.loads(removed.stdout)["removed"] == ["quality"]


def test_a_monitor_whose_reference_cannot_be_read_is_not_added(document):
    document.write_text(document.read_text().replace("reference: constraints.json", "reference: nowhere"))

    refused = command("add", str(document), "--json")

    assert refused.exit_code in (2, 4)
    assert "nowhere" in refused.stdout
    assert json.loads(command("status", "--json").stdout)["monitors"] == []


def test_a_name_that_no_monitor_has_is_told_beside_those_there_are(document):
    command("add", str(document))

    refused = command("remove", "qualtiy", "--json")

    assert refused.exit_code == 2
    assert json.loads(refused.stdout)["problems"][0]["allowed"] == "quality"


def test_automations_are_installed_by_command_and_say_what_became_of_them(document):
    from deployments.monitors import connect

    command("add", str(document))

    try:
        installed = [command("automations", "install", "--pause-after", "2", "--json") for _ in range(2)]
    finally:
        with connect() as client:
            for automation in client.read_automations():
                client.delete_automation(automation.id)

    outcomes = [{a["name"]: a["outcome"] for a in json.loads(one.stdout)["automations"]} for one in installed]
    assert outcomes == [
        {"clarify: zombie runs": outcome, "clarify: pause quality": outcome} for outcome in ("created", "unchanged")
    ]
