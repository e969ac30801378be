"""Programs in the background are known by pid and start time, and are stopped with all they started."""

import dataclasses
import os
import socket
import sys
from pathlib import Path

import psutil
import pytest

from deployments.processes import Process, ServiceFailed, find, free_port, start, stop, wait_until

STUBBORN = """
import signal, sys, time
signals = []
def count(number, frame):
    signals.append(number)
    if len(signals) == {ends_after}:
        print('ended by itself', flush=True)
        sys.exit()
signal.signal(signal.SIGTERM, count)
print("ready", flush=True)
while True:
    time.sleep(0.05)
"""
PARENT_OF_A_DEAF_CHILD = """
import subprocess, sys, time
deaf = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('ready', flush=True); time.sleep(99)"
child = subprocess.Popen([sys.executable, "-c", deaf], start_new_session=True)
print(child.pid, flush=True)
time.sleep(99)
"""


@pytest.fixture
def begin(tmp_path):
    started = []

    def begin(program: str, lines_when_ready: int = 1) -> Process:
        log = tmp_path / f"{len(started)}.log"
        process = start("program", [sys.executable, "-c", program], log=log, environ=os.environ, directory=tmp_path)
        started.append(process)
        wait_until(lambda: len(lines(process)) >= lines_when_ready, process, deadline_seconds=30)
        return process

    yield begin
    for process in started:
        stop(process, patience_seconds=0.5)


def is_alive(pid: int) -> bool:
    # An ended orphan stays listed as a zombie until the system's first process collects it.
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


def lines(process: Process) -> list[str]:
    return Path(process.log).read_text().splitlines()


def test_a_program_that_heeds_only_the_second_signal_is_not_killed(begin):
    process = begin(STUBBORN.format(ends_after=2))

    stop(process, patience_seconds=1.0)

    assert lines(process)[-1] == "ended by itself"


def test_a_program_that_heeds_no_signal_is_killed(begin):
    process = begin(STUBBORN.format(ends_after=99))

    was_running = stop(process, patience_seconds=0.3)

    assert was_running
    assert find(process) is None


def test_stopping_a_program_stops_a_child_in_a_session_of_its_own(begin):
    process = begin(PARENT_OF_A_DEAF_CHILD, lines_when_ready=2)
    child = int(next(line for line in lines(process) if line.isdigit()))

    stop(process, patience_seconds=0.3)

    assert not is_alive(child)


def test_the_orphans_of_a_killed_program_are_stopped(begin):
    process = begin(PARENT_OF_A_DEAF_CHILD, lines_when_ready=2)
    child = int(next(line for line in lines(process) if line.isdigit()))
    leader = psutil.Process(process.pid)
    leader.kill()
    leader.wait()

    was_running = stop(process, patience_seconds=0.3)

    assert not was_running
    assert not is_alive(child)


def test_another_program_that_has_the_pid_by_now_is_left_alone(begin):
    process = begin(STUBBORN.format(ends_after=1))
    of_an_earlier_program = dataclasses.replace(process, started=process.started - 60, tag="long ago")

    was_running = stop(of_an_earlier_program, patience_seconds=0.3)

    assert not was_running
    assert find(process) is not None


def test_a_program_that_ends_before_it_is_ready_is_reported_with_the_end_of_its_log(begin):
    with pytest.raises(ServiceFailed, match=r"(?s)program ended before it was ready.*no such table"):
        begin("import sys; sys.exit('no such table')", lines_when_ready=9)


def test_a_taken_port_is_passed_over():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]

        assert free_port(port) > port
