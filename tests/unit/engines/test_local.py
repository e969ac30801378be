"""The local engine: order, parallelism, dead workers, errors, progress, no orphans."""

import os
import signal
import subprocess
import sys
import time

import psutil
import pytest
from jobs import Slice, always_die, die_once, refuse, square, worker_pid

from clarify.engines.local import LocalEngine, WorkersDied
from clarify.errors import DataError


@pytest.fixture(scope="module")
def engine():
    with LocalEngine(workers=2) as engine:
        yield engine


def test_results_keep_the_order_of_the_fragments(engine):
    results = engine.map(square, [Slice(i) for i in range(20)], stage="squares")

    assert results == [i**2 for i in range(20)]


def test_fragments_run_in_other_processes(engine):
    pids = set(engine.map(worker_pid, [Slice(i) for i in range(8)], stage="pids"))

    assert os.getpid() not in pids
    assert len(pids) == 2


def test_a_single_fragment_needs_no_pool():
    with LocalEngine(workers=2) as engine:
        assert engine.map(worker_pid, [Slice(0)], stage="pid") == [os.getpid()]


def test_a_killed_worker_changes_nothing(engine, tmp_path):
    fragments = [Slice(i, marker=str(tmp_path / "died")) for i in range(6)]

    assert engine.map(die_once, fragments, stage="killed") == list(range(6))
    assert (tmp_path / "died").exists()


def test_workers_that_keep_dying_end_in_an_error_that_says_so():
    with LocalEngine(workers=2) as engine, pytest.raises(WorkersDied, match="ENGINE-WORKERS-DIED") as caught:
        engine.map(always_die, [Slice(i) for i in range(4)], stage="always")

    assert "4 deaths" in caught.value.problems[0].received


def test_an_error_of_ours_arrives_with_its_problems(engine):
    with pytest.raises(DataError, match=r"column x: received 3 .*\[DATA-TEST\]"):
        engine.map(refuse, [Slice(i) for i in range(4)], stage="refused")


def test_progress_counts_rows():
    seen = []
    with LocalEngine(workers=1, report=seen.append) as engine:
        engine.map(square, [Slice(i, rows=5) for i in range(3)], stage="squares")

    assert [(p.stage, p.rows_done, p.rows_total) for p in seen] == [("squares", n, 15) for n in (5, 10, 15)]


def test_workers_do_not_outlive_a_killed_parent(tmp_path):
    script = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from jobs import Slice, worker_pid\n"
        "from clarify.engines.local import LocalEngine\n"
        "if __name__ == '__main__':\n"
        "    engine = LocalEngine(workers=2)\n"
        "    print(*set(engine.map(worker_pid, [Slice(i) for i in range(8)], stage='pids')), flush=True)\n"
        "    import time; time.sleep(60)\n"
    )
    file = tmp_path / "parent.py"
    file.write_text(script)
    parent = subprocess.Popen(
        [sys.executable, str(file), os.path.dirname(__file__)], stdout=subprocess.PIPE, text=True
    )
    pids = [int(pid) for pid in parent.stdout.readline().split()]

    parent.send_signal(signal.SIGKILL)
    parent.wait()

    deadline = time.monotonic() + 10
    while time.monotonic() < deadline and any(psutil.pid_exists(pid) for pid in pids):
        time.sleep(0.1)
    assert pids
    assert not any(psutil.pid_exists(pid) for pid in pids)
