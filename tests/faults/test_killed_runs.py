"""A run that is killed, interrupted or robbed of its endpoint ends in the same bytes or in nothing published."""

import os
import pickle
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from clarify.endpoints.lease import list_leases, reap
from clarify.steps.line import run_analysis
from tests.subjects import digests

SCRIPT = Path(__file__).parent / "doomed_run.py"
STEPS = (
    "validate_dataset",
    "predict",
    "explain",
)
ROWS = 600          # three fragments to explain: one can be done when the run dies


@pytest.fixture(scope="session")
def many_rows(subject, tmp_path_factory):
    from tests.subjects import make_rows

    path = tmp_path_factory.mktemp("rows") / "data.csv"
    make_rows(ROWS).to_csv(path, index=False)
    return str(path)


@pytest.fixture(scope="session")
def undisturbed(subject, many_rows, tmp_path_factory):
    output = tmp_path_factory.mktemp("undisturbed") / "out"
    return digests(run_analysis(subject.request(output, dataset=many_rows, workers=2)).output_uri)


def start(request, folder, *fate, state_dir=None):
    pickled = Path(folder) / "request.pickle"
    pickled.write_bytes(pickle.dumps(request))
    environ = {**os.environ, "CLARIFY_STATE_DIR": str(state_dir)} if state_dir else dict(os.environ)
    command = [sys.executable, str(SCRIPT), str(pickled), *fate]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environ, cwd=Path(__file__).parents[2])


def wait_until(true, seconds=20.0):
    deadline = time.monotonic() + seconds
    while not true() and time.monotonic() < deadline:
        time.sleep(0.1)
    return true()


def test_a_run_killed_after_every_step_in_turn_ends_in_the_same_bytes(subject, many_rows, undisturbed, tmp_path):
    request = subject.request(tmp_path / "out", dataset=many_rows, workers=1, in_process_model=True)

    for step in STEPS:
        run = start(request, tmp_path, "after", step)
        run.communicate()
        assert run.returncode == -signal.SIGKILL, step
        assert not (tmp_path / "out" / "manifest.json").exists(), step
    run = start(request, tmp_path, "never")
    run.communicate()

    assert run.returncode == 0
    ours = digests(tmp_path / "out")
    assert {path: ours[path] for path in ours if path != "extended.json"} == {
        path: undisturbed[path] for path in undisturbed if path != "extended.json"
    }


def test_a_run_killed_while_explaining_leaves_no_server_and_resumes(subject, many_rows, undisturbed, tmp_path):
    request = subject.request(tmp_path / "out", dataset=many_rows, workers=2)
    run = start(request, tmp_path, "during", "explaining", state_dir=tmp_path / "state")
    run.communicate()
    assert run.returncode == -signal.SIGKILL
    parts = list((tmp_path / "out" / ".work").glob("*/explanations/part-*.parquet"))
    assert parts
    written = {part: part.stat().st_mtime_ns for part in parts}
    leases = list_leases(str(tmp_path / "state"))

    reap(str(tmp_path / "state"))

    assert list_leases(str(tmp_path / "state")) == ()
    marks = [mark for lease in leases for mark in (lease.supervisor, *lease.servers)]
    assert wait_until(lambda: not any(mark.is_alive for mark in marks))
    rerun = start(request, tmp_path, "during", "nothing", state_dir=tmp_path / "state")
    kept = [part.stat().st_mtime_ns == written[part] for part in parts if part.exists()]
    rerun.communicate()
    assert all(kept)
    assert rerun.returncode == 0
    assert digests(tmp_path / "out") == undisturbed


def test_an_endpoint_that_dies_while_explaining_is_started_again_with_the_same_model(
    subject, many_rows, undisturbed, tmp_path
):
    request = subject.request(tmp_path / "out", dataset=many_rows, workers=1)
    run = start(request, tmp_path, "never", state_dir=tmp_path / "state")
    for line in run.stdout:
        if line.startswith("explaining"):
            break
    (lease,) = list_leases(str(tmp_path / "state"))
    for mark in lease.servers:
        psutil.Process(mark.pid).kill()

    run.communicate()

    assert run.returncode == 0
    assert digests(tmp_path / "out") == undisturbed
    assert list_leases(str(tmp_path / "state")) == ()


def test_an_interrupted_command_publishes_nothing_and_leaves_no_process(subject, many_rows, tmp_path):
    request = subject.request(tmp_path / "out", dataset=many_rows)
    command = [sys.executable, "-m", "flows.cli", "analyze", request.config, "--dataset", many_rows, "--direct"]
    run = subprocess.Popen(
        [*command, "--output", str(tmp_path / "out"), "--workers", "1"],
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "CLARIFY_STATE_DIR": str(tmp_path / "state")},
        cwd=Path(__file__).parents[2],
    )
    for line in run.stderr:
        if line.startswith("predicting"):
            break
    children = psutil.Process(run.pid).children(recursive=True)

    run.send_signal(signal.SIGINT)
    run.communicate()

    assert run.returncode == 130
    assert not (tmp_path / "out" / "manifest.json").exists()
    assert list_leases(str(tmp_path / "state")) == ()
    assert wait_until(lambda: not any(child.is_running() for child in children))
