"""Two workers at one window: exactly one publishes, whether they start together or one of them is killed."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from clarify.records import MonitorRecord, Status, Window, WindowCounts
from clarify.steps.record_store import (
    RunNote,
    already_done,
    begin_revision,
    find_records,
    publish_record,
    window_folder,
)
from clarify.steps.window_lock import Claimed, HeldByOther, claim, holder_of

WINDOW = Window("2026-11-01T00:00:00Z", "2026-11-01T01:00:00Z")
NOTE = RunNote("f", "2026-11-01T01:05:00Z", "2026-11-01T01:06:00Z")


def look(output: str, start: float, before_manifest) -> str:
    """What the worker of a monitor does with one window, in short; says how it ended."""
    time.sleep(max(start - time.time(), 0))
    with claim(window_folder(output, WINDOW), digest="d") as outcome:
        if isinstance(outcome, HeldByOther):
            return "held by other"
        if already_done(output, WINDOW, "d") is not None:
            return "already done"
        revision = begin_revision(output, WINDOW)
        record = MonitorRecord("loans", "bias-drift", "decision", WINDOW, revision.number, Status.PASS, "", "d", "d",
                               WindowCounts())

        def last_step() -> None:
            before_manifest()
            outcome.make_sure()

        publish_record(revision.folder_uri, record, {}, note=NOTE, make_sure=last_step)
        return "published"


def main(output: str, start: str, end: str) -> None:
    """A worker of its own process; ``end``: publish, or wait to be killed with all written but the manifest."""

    def wait_for_the_end() -> None:
        print("about to publish", flush=True)
        time.sleep(60)

    print(look(output, float(start), wait_for_the_end if end == "killed" else lambda: time.sleep(0.2)), flush=True)


def worker(output, start=0.0, end="publish"):
    command = [sys.executable, str(Path(__file__)), output, str(start), end]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


@pytest.fixture
def output(tmp_path):
    return str(tmp_path / "out")


@pytest.mark.parametrize("place", ["local", "s3"])
def test_of_two_workers_that_start_together_exactly_one_publishes(place, request, output):
    if place == "s3":
        output = f"s3://{request.getfixturevalue('moto_server').create_bucket()}/out"
    start = time.time() + 4.0           # both have imported everything by then
    workers = [worker(output, start) for _ in range(2)]

    said = sorted(process.communicate(timeout=60)[0].strip() for process in workers)

    assert said in (["held by other", "published"], ["already done", "published"])
    assert [stored.record.revision for stored in find_records(output, WINDOW)] == [1]


def test_the_window_of_a_killed_worker_is_taken_at_once_and_its_half_record_replaced(output):
    killed = worker(output, end="killed")
    assert killed.stdout.readline() == "about to publish\n"
    with claim(window_folder(output, WINDOW), digest="d") as living:
        assert isinstance(living, HeldByOther)
        assert living.holder.process.pid == killed.pid

    os.kill(killed.pid, signal.SIGKILL)
    killed.communicate(timeout=60)

    assert holder_of(window_folder(output, WINDOW)) is None
    assert find_records(output, WINDOW) == ()
    assert look(output, 0.0, lambda: None) == "published"
    assert [stored.record.revision for stored in find_records(output, WINDOW)] == [1]


def test_of_two_who_take_a_killed_workers_window_exactly_one_publishes(output):
    killed = worker(output, end="killed")
    killed.stdout.readline()
    os.kill(killed.pid, signal.SIGKILL)
    killed.communicate(timeout=60)
    start = time.time() + 4.0
    workers = [worker(output, start) for _ in range(2)]

    said = sorted(process.communicate(timeout=60)[0].strip() for process in workers)

    assert said in (["held by other", "published"], ["already done", "published"])
    assert len(find_records(output, WINDOW)) == 1


def test_a_worker_that_is_not_reaped_yet_counts_as_gone(output):
    killed = worker(output, end="killed")
    killed.stdout.readline()
    os.kill(killed.pid, signal.SIGKILL)
    os.waitid(os.P_PID, killed.pid, os.WEXITED | os.WNOWAIT)        # dead, and still in the table of processes

    with claim(window_folder(output, WINDOW), digest="d") as outcome:
        assert isinstance(outcome, Claimed)
        assert outcome.replaced.process.pid == killed.pid
    killed.communicate(timeout=60)


if __name__ == "__main__":
    main(*sys.argv[1:])
