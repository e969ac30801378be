"""The Prefect server goes away in the middle of a monitor's run and comes back: the window has its record."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from clarify.records import Status
from deployments.processes import free_port, stop, wait_until
from deployments.services import start_prefect_server
from tests.subjects.monitored import at

DEADLINE_SECONDS = 240


@pytest.fixture
def server(tmp_path):
    """Starts the same server again, as often as it is called; whatever runs in the end is stopped."""
    port, started = free_port(), []
    environ = {**os.environ, "PREFECT_HOME": str(tmp_path / "prefect")}

    def start():
        process, is_ready = start_prefect_server(
            log=tmp_path / "prefect.log", environ=environ, directory=tmp_path, port=port
        )
        started.append(process)
        wait_until(is_ready, process, deadline_seconds=DEADLINE_SECONDS)
        return process

    yield start
    for process in started:
        stop(process)


def test_a_window_is_published_although_the_server_is_restarted_meanwhile(live, server, tmp_path):
    document = live.monitor("bias-drift")
    live.traffic(0)
    first = server()
    command = [str(Path(sys.executable).parent / "clarify"), "monitor", "run", str(document), "--at", at(1).isoformat(),
               "--tracking-uri", f"sqlite:///{tmp_path}/mlflow.db", "--workers", "1", "--fail-on", "never"]
    environ = {**os.environ, "PREFECT_API_URL": first.address, "PREFECT_HOME": str(tmp_path / "client")}
    run = subprocess.Popen(command, env=environ, cwd=tmp_path, stdin=subprocess.DEVNULL,
                           stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    windows = Path(live.output("bias-drift")) / "windows"
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not list(windows.glob("*/r1/data/analysis_config.json")):
        assert run.poll() is None, run.communicate()[0]
        assert time.monotonic() < deadline
        time.sleep(0.05)

    stop(first)
    time.sleep(2)
    server()

    told, _ = run.communicate(timeout=DEADLINE_SECONDS)
    (stored,) = live.records("bias-drift", 0)
    assert stored.record.status in (Status.PASS, Status.INCONCLUSIVE), told
    assert run.returncode == 0, told
