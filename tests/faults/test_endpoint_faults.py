"""What an endpoint does when servers die, refuse, stall and lie."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import psutil
import pytest

from clarify.endpoints.base import EndpointSpec
from clarify.endpoints.http import HttpEndpoint
from clarify.endpoints.lease import (
    LeaseRecord,
    ProcessMark,
    close_lease,
    find_lease,
    list_leases,
    log_tail,
    open_lease,
    reap,
)
from clarify.endpoints.opening import open_endpoint
from clarify.endpoints.pinning import pin_directory
from clarify.endpoints.quarantine import predict_or_quarantine
from clarify.errors import BadPrediction, ConfigError, EndpointError, EndpointUnavailable
from clarify.features import FeatureColumn, Features

COLUMNS = (FeatureColumn("a", "float"), FeatureColumn("b", "float"))

SUM_MODEL = """
import os, time

class Sum:
    def predict(self, frame, params=None):
        if os.path.exists(MARKER):
            time.sleep(0.2)
        if (frame.to_numpy()[:, 0] == 13).any():
            raise ArithmeticError("thirteen")
        return frame.to_numpy().sum(axis=1)

def _load_pyfunc(path):
    return Sum()
"""


def features(n_rows: int) -> Features:
    return Features(COLUMNS, np.arange(2.0 * n_rows).reshape(n_rows, 2) + 1000.0)


def write_model(folder: Path, code: str) -> str:
    """An MLflow model directory by hand: the loader-module route, by which any code may run."""
    (folder / "code").mkdir(parents=True)
    (folder / "code" / "sum_model.py").write_text(code)
    (folder / "MLmodel").write_text(
        "flavors:\n  python_function:\n    loader_module: sum_model\n    code: code\n    python_version: 3.11.0\n"
    )
    return str(folder)


@pytest.fixture(scope="module")
def slow_marker(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """While this file exists, every request takes 0.2 s."""
    return tmp_path_factory.mktemp("marker") / "slow"


@pytest.fixture(scope="module")
def sum_model(tmp_path_factory: pytest.TempPathFactory, slow_marker: Path) -> str:
    return write_model(tmp_path_factory.mktemp("model") / "sum", SUM_MODEL.replace("MARKER", repr(str(slow_marker))))


@pytest.fixture(scope="module")
def lease(sum_model: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LeaseRecord]:
    record = open_lease(pin_directory(sum_model), state_dir=str(tmp_path_factory.mktemp("state")))
    yield record
    close_lease(record)


def wait_until(claim: Callable[[], bool], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if claim():
            return True
        time.sleep(0.05)
    return claim()


# --- our own server ---------------------------------------------------------------------------------------------------


def test_a_server_killed_in_the_middle_is_restarted_and_every_answer_arrives(lease: LeaseRecord, slow_marker: Path):
    rows = features(20_000 * 8)                                     # eight requests of 0.2 s each
    slow_marker.touch()
    killer = threading.Timer(0.7, os.kill, (lease.servers[0].pid, signal.SIGKILL))

    with HttpEndpoint(lease.spec(EndpointSpec(unavailable_seconds=120))) as endpoint:
        killer.start()
        got = endpoint.predict(rows)
    slow_marker.unlink()

    np.testing.assert_array_equal(got.scores[:, 0], rows.values.sum(axis=1))
    after = find_lease(lease.lease_id, str(Path(lease.record_path).parents[1]))
    assert (after.restarts, after.port, after.model_digest) == (1, lease.port, lease.model_digest)
    assert after.servers != lease.servers


def test_one_poison_row_is_found_and_the_others_are_answered(lease: LeaseRecord):
    rows = features(1000)
    rows.values[321, 0] = 13.0
    expected = rows.values.sum(axis=1)
    expected[321] = np.nan

    with HttpEndpoint(lease.spec()) as endpoint:
        got = predict_or_quarantine(endpoint, rows, most_failures=5)

    np.testing.assert_array_equal(got.predictions.scores[:, 0], expected)
    assert [(failure.row, failure.code) for failure in got.failures] == [(321, "ENDPOINT-MODEL-RAISED")]
    assert "ArithmeticError: thirteen" in got.failures[0].reason
    assert "ArithmeticError: thirteen" in log_tail(lease)


def test_more_poison_rows_than_allowed_are_an_error(lease: LeaseRecord):
    rows = features(100)
    rows.values[:, 0] = 13.0

    with HttpEndpoint(lease.spec()) as endpoint, pytest.raises(BadPrediction, match="more than 2 of 100 rows failed"):
        predict_or_quarantine(endpoint, rows, most_failures=2)


def test_a_killed_owner_leaves_no_process(sum_model: str, tmp_path: Path):
    script = (
        "import sys, time\n"
        "from clarify.endpoints.lease import open_lease\n"
        "from clarify.endpoints.pinning import pin_directory\n"
        "open_lease(pin_directory(sys.argv[1]), state_dir=sys.argv[2])\n"
    )
    owner = subprocess.Popen([sys.executable, "-c", script, sum_model, str(tmp_path)])
    assert wait_until(lambda: any(record.servers for record in list_leases(str(tmp_path))), 30)
    record = list_leases(str(tmp_path))[0]

    owner.kill()
    owner.wait()

    marks = (record.supervisor, *record.servers)
    assert wait_until(lambda: not any(mark.is_alive for mark in marks), 10)
    assert list_leases(str(tmp_path)) == ()


def test_a_killed_supervisor_takes_its_server_along_and_the_reaper_removes_the_record(sum_model: str, tmp_path: Path):
    script = (
        "import sys, time\n"
        "from clarify.endpoints.lease import open_lease\n"
        "from clarify.endpoints.pinning import pin_directory\n"
        "open_lease(pin_directory(sys.argv[1]), state_dir=sys.argv[2])\n"
    )
    owner = subprocess.Popen([sys.executable, "-c", script, sum_model, str(tmp_path)], stderr=subprocess.DEVNULL)
    assert wait_until(lambda: any(record.servers for record in list_leases(str(tmp_path))), 30)
    record = list_leases(str(tmp_path))[0]
    owner.send_signal(signal.SIGSTOP)                               # so that it cannot clean up itself
    os.kill(record.supervisor.pid, signal.SIGKILL)

    died_alone = wait_until(lambda: not any(mark.is_alive for mark in record.servers), 4)
    owner.kill()
    owner.wait()
    reaped = reap(str(tmp_path))

    assert died_alone
    assert [ended.lease_id for ended in reaped] == [record.lease_id]
    assert list_leases(str(tmp_path)) == ()


def test_the_reaper_ends_a_stranger_whose_owner_is_gone_and_spares_the_living(lease: LeaseRecord, tmp_path: Path):
    state_dir = str(Path(lease.record_path).parents[1])
    stranger = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)
    gone = ProcessMark(os.getpid(), 1.0)                            # our pid, but started in 1970: someone else
    record = json.loads(Path(lease.record_path).read_text())
    mark = ProcessMark.of(stranger.pid)
    record.update(
        lease_id="orphan", record_path=str(Path(lease.record_path).with_name("orphan.json")),
        owner={"pid": gone.pid, "started": gone.started}, supervisor={"pid": mark.pid, "started": mark.started},
        servers=[{"pid": os.getpid(), "started": 1.0}],             # a reused pid must not be killed
    )
    Path(record["record_path"]).write_text(json.dumps(record))

    reaped = reap(state_dir)

    assert [ended.lease_id for ended in reaped] == ["orphan"]
    assert stranger.wait(timeout=5) == -signal.SIGTERM
    assert [living.lease_id for living in list_leases(state_dir)] == [lease.lease_id]


def test_a_model_that_does_not_load_says_why_and_leaves_nothing(tmp_path: Path):
    model = write_model(tmp_path / "broken", "raise ImportError('no module named tensorfish')")

    with pytest.raises(EndpointError, match=r"could not be loaded(.|\n)*no module named tensorfish") as failed:
        open_lease(pin_directory(model), state_dir=str(tmp_path))

    assert failed.value.problems[0].code == "ENDPOINT-MODEL-LOAD"
    assert list_leases(str(tmp_path)) == ()
    assert not [p for p in psutil.process_iter(["cmdline"]) if str(model) in " ".join(p.info["cmdline"] or ())]


def test_a_model_changed_after_it_was_pinned_is_not_run(sum_model: str, tmp_path: Path):
    model = pin_directory(write_model(tmp_path / "changed", "raise SystemExit('this code must not run')"))
    (Path(model.path) / "code" / "more.py").write_text("")

    with pytest.raises(EndpointError, match="ENDPOINT-MODEL-DIGEST") as failed:
        open_lease(model, state_dir=str(tmp_path))

    assert "this code must not run" not in str(failed.value)


def test_closing_ends_every_process_and_closing_twice_is_harmless(sum_model: str, tmp_path: Path):
    record = open_lease(pin_directory(sum_model), state_dir=str(tmp_path), name="closing")

    close_lease(record)
    close_lease(record)

    assert not any(mark.is_alive for mark in (record.supervisor, *record.servers))
    assert list_leases(str(tmp_path)) == ()


# --- a server that misbehaves by script -------------------------------------------------------------------------------


@dataclass
class Script:
    """Answers in order, the last one repeated: (status, headers, body) for a request of n rows."""

    answers: list[Callable[[int], tuple[int, dict[str, str], bytes]]]
    requests: list[tuple[float, int]] = field(default_factory=list)
    url: str = ""


def csv_of(values: Callable[[int], list[object]], status: int = 200, **headers: str):
    return lambda n: (status, {"Content-Type": "text/csv", **headers}, "\n".join(map(str, values(n))).encode())


def raw(body: bytes, status: int = 200, **headers: str):
    return lambda n: (status, {name.replace("_", "-"): value for name, value in headers.items()}, body)


GOOD = csv_of(lambda n: [0.5] * n)


@pytest.fixture
def faulty() -> Iterator[Callable[..., Script]]:
    servers = []

    def start(*answers: Callable[[int], tuple[int, dict[str, str], bytes]]) -> Script:
        script = Script(list(answers))
        server = ThreadingHTTPServer(("127.0.0.1", 0), handler_of(script))
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        script.url = f"http://127.0.0.1:{server.server_port}/invocations"
        return script

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def handler_of(script: Script) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_error(404)

        def do_POST(self) -> None:
            n_rows = len(self.rfile.read(int(self.headers["Content-Length"])).splitlines())
            answer = script.answers[min(len(script.requests), len(script.answers) - 1)]
            script.requests.append((time.monotonic(), n_rows))
            status, headers, body = answer(n_rows)
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *words: object) -> None:
            """Keep the test's output clean."""

    return Handler


def ask(script: Script, n_rows: int = 100, **choices: object):
    with HttpEndpoint(EndpointSpec(url=script.url, **choices)) as endpoint:
        return endpoint.predict(features(n_rows))


def test_a_short_request_is_padded_to_64_rows_and_the_answer_is_cut(faulty):
    script = faulty(GOOD)

    got = ask(script, n_rows=3)

    assert script.requests[0][1] == 64
    assert got.scores.shape == (3, 1)


def test_a_busy_server_is_asked_again_after_the_time_it_names(faulty):
    script = faulty(csv_of(lambda n: [], 429, **{"Retry-After": "1"}), GOOD)

    got = ask(script)

    assert got.scores.shape == (100, 1)
    assert script.requests[1][0] - script.requests[0][0] >= 1.0


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_a_server_that_stays_busy_is_unavailable_not_wrong(faulty, status):
    script = faulty(csv_of(lambda n: [], status))

    with pytest.raises(EndpointUnavailable, match=rf"status {status}"):
        ask(script, unavailable_seconds=0.3)


def test_a_passing_500_is_tried_again(faulty):
    script = faulty(csv_of(lambda n: ["oops"], 500), GOOD)

    got = ask(script)

    assert got.scores.shape == (100, 1)


def test_a_500_that_stays_is_told_with_what_the_server_said(faulty):
    script = faulty(csv_of(lambda n: ["row is poison"], 500))

    with pytest.raises(BadPrediction, match=r"(?s)received 500.*row is poison"):
        ask(script)

    assert len(script.requests) == 3


def test_a_4xx_is_not_tried_again(faulty):
    script = faulty(csv_of(lambda n: ["what?"], 415))

    with pytest.raises(BadPrediction, match="ENDPOINT-STATUS"):
        ask(script)

    assert len(script.requests) == 1


def test_nobody_listening_is_unavailable(faulty):
    with pytest.raises(EndpointUnavailable, match="ENDPOINT-UNAVAILABLE"):
        HttpEndpoint(EndpointSpec(url="http://127.0.0.1:9", unavailable_seconds=0.2))


@pytest.mark.parametrize("difference", [-1, 1])
def test_a_wrong_number_of_answers_is_refused(faulty, difference):
    script = faulty(csv_of(lambda n: [0.5] * (n + difference)))

    with pytest.raises(BadPrediction, match=rf"{100 + difference} answers for 100 rows  \[ENDPOINT-ROWS\]"):
        ask(script)


def test_intermittent_nan_scores_are_kept_and_quarantined_by_row(faulty):
    script = faulty(csv_of(lambda n: ["nan" if row == 7 else "" if row == 9 else 0.5 for row in range(n)]))

    with HttpEndpoint(EndpointSpec(url=script.url)) as endpoint:
        got = predict_or_quarantine(endpoint, features(100), most_failures=5)

    assert [(failure.row, failure.code) for failure in got.failures] == [
        (7, "ENDPOINT-NOT-FINITE"), (9, "ENDPOINT-NOT-FINITE"),
    ]
    assert np.isnan(got.predictions.scores).sum() == 2


@pytest.mark.parametrize(
    "body",
    [
        b"<html>gateway</html>", b"\xff\xfe\x00", b"0.1,0.2\n0.3\n" * 50, b"[1, 2", b'{"predictions": 7}', b"",
        b"[" * 200_000, b'{"predictions": [[[1]]]}',
    ],
)
@pytest.mark.parametrize("content_type", ["text/csv", "application/json", "application/octet-stream"])
def test_garbage_is_a_bad_prediction_whatever_it_calls_itself(faulty, body, content_type):
    script = faulty(raw(body, Content_Type=content_type))

    with pytest.raises(BadPrediction, match=r"ENDPOINT-(FORMAT|ROWS)"):
        ask(script)


def test_an_answer_larger_than_the_rows_explain_is_cut_off(faulty):
    script = faulty(raw(b"1" * (1024 * 1024 + 4096 * 100 + 1), Content_Type="text/csv"))

    with pytest.raises(BadPrediction, match="ENDPOINT-BYTES"):
        ask(script)


def test_a_compressed_answer_is_refused_unread(faulty):
    script = faulty(raw(b"\x1f\x8b" + b"\0" * 100, Content_Type="text/csv", Content_Encoding="gzip"))

    with pytest.raises(BadPrediction, match="not compressed"):
        ask(script)


def test_a_redirect_is_not_followed(faulty):
    script = faulty(raw(b"", 302, Location="http://169.254.169.254/latest/meta-data/"))

    with pytest.raises(BadPrediction, match="received 302"):
        ask(script)


def test_a_server_slower_than_the_time_cap_is_unavailable(faulty):
    def late(n_rows: int):
        time.sleep(1.0)
        return GOOD(n_rows)

    with pytest.raises(EndpointUnavailable, match="ReadTimeout"):
        ask(faulty(late), timeout_seconds=0.2, unavailable_seconds=0.3)


@pytest.mark.parametrize(
    ("content_type", "problem"),
    [
        ("application/jsonlines", r"content_template: received nothing, with application/jsonlines  \[CFG-TEMPLATE\]"),
        ("image/png", r"received image/png  \[ENDPOINT-CONTENT-TYPE\]"),
    ],
)
def test_a_content_type_we_cannot_write_is_refused_before_anything_is_sent(faulty, content_type, problem):
    script = faulty(GOOD)

    with pytest.raises(ConfigError, match=problem):
        ask(script, content_type=content_type)

    assert script.requests == []


@pytest.mark.parametrize(
    "url",
    [
        "http://169.254.169.254/latest", "http://[fe80::1]/", "http://[::ffff:169.254.169.254]/", "http://2852039166/",
        "file:///etc/passwd", "ftp://example.org", "http://user:secret@127.0.0.1/", "http://", "http://h:99999/",
    ],
)
def test_addresses_where_clouds_keep_credentials_are_refused(url):
    with pytest.raises(ConfigError, match="ENDPOINT-ADDRESS") as refused:
        open_endpoint(EndpointSpec(url=url))

    assert "secret" not in str(refused.value)
