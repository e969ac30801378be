"""On a real cluster of two workers an analysis gives the same bytes as here, also when one of them is killed."""

import json
import os
import pickle
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from clarify.steps.line import run_analysis
from tests.subjects import digests, make_rows

FOLDER = Path(__file__).parent
CONF = (("spark.executor.memory", "600m"), ("spark.executor.cores", "1"), ("spark.cores.max", "2"))
ROWS = 2_560            # ten fragments to explain, five for each worker
METHODS = {"shap": {"num_samples": 256, "save_local_shap_values": True}}


@pytest.fixture(scope="module")
def seen(one_spark_cluster):
    """What a session on the cluster saw; in a process of its own, because a process has one session at most."""
    one_spark_cluster.restore()
    command = [sys.executable, str(FOLDER / "cluster_probe.py"), one_spark_cluster.master]
    started = time.monotonic()
    probe = subprocess.run(
        [*command, *(f"{key}={value}" for key, value in CONF)], capture_output=True, text=True, cwd=FOLDER.parents[1]
    )
    assert probe.returncode == 0, probe.stderr
    return {**json.loads(probe.stdout), "seconds": time.monotonic() - started}


@pytest.fixture(scope="module")
def ask(subject, tmp_path_factory):
    """A request for SHAP of many rows."""
    rows = tmp_path_factory.mktemp("rows") / "data.csv"
    make_rows(ROWS).to_csv(rows, index=False)

    def ask(output, **settings):
        config = subject.config(methods=METHODS)
        return subject.request(output, config=config, dataset=str(rows), server_processes=1, **settings)

    return ask


@pytest.fixture(scope="module")
def local(ask, tmp_path_factory):
    return digests(run_analysis(ask(tmp_path_factory.mktemp("local") / "out", workers=2)).output_uri)


def start(request, folder):
    """The analysis in a process of its own; it prints a line for every report of progress."""
    (folder / "request.pickle").write_bytes(pickle.dumps(request))
    return subprocess.Popen(
        [sys.executable, str(FOLDER / "doomed_run.py"), str(folder / "request.pickle"), "never"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "CLARIFY_STATE_DIR": str(folder / "state")},
        cwd=FOLDER.parents[1],
    )


def programs_of(worker):
    """The Java programs of a worker: itself and its executors, each as a process."""
    family = psutil.Process(worker.pid).children(recursive=True)
    return [process for process in family if process.name() == "java"]


def parts(output):
    return list((output / ".work").glob("*/explanations/part-*.parquet"))


def test_both_workers_run_fragments(seen):
    assert len(seen["executors"]) == 2


def test_executors_run_this_interpreter(seen):
    assert {executor["python"] for executor in seen["executors"]} == {sys.executable}


def test_executors_import_the_package_they_were_sent_and_not_the_checkout(seen):
    for executor in seen["executors"]:
        assert executor["clarify"] == executor["executor"] + "/clarify.zip/clarify/__init__.py"


def test_python_workers_have_one_thread(seen):
    for executor in seen["executors"]:
        assert set(executor["variables"].values()) == {"1"}
        assert set(executor["threads"]) == {1}


def test_results_keep_their_order_whatever_the_number_of_fragments(seen):
    assert seen["one"] == [49]
    assert seen["three"] == [0, 1, 4]
    assert seen["many"] == [i**2 for i in range(500)]
    assert seen["no_rows"] == [0, 1, 4, 9, 16]


def test_progress_arrives_while_the_job_runs_in_the_thread_that_asked(seen):
    slow = [rows_done for stage, rows_done, _ in seen["reports"] if stage == "slow"]

    assert slow[-1] == 120
    assert slow == sorted(set(slow))
    assert len(slow) >= 3                   # 12 tasks of 0.3 s on two cores: 1.8 s, looked at four times a second
    assert all(in_main_thread for *_, in_main_thread in seen["reports"])


def test_a_function_with_large_arguments_arrives(seen):
    assert seen["big"] == [5_000_000, 5_000_000]


def test_the_first_error_of_ours_arrives_as_it_was_raised(seen):
    assert seen["refused"] == "fragment 1"


def test_an_interrupted_job_is_cancelled_and_the_next_one_runs(seen):
    assert seen["interrupted_seconds"] < 15.0       # 20 fragments of 2 s on two cores would take 20 s
    assert seen["after"] == [9]


def test_the_package_that_was_sent_is_removed_with_the_session(seen):
    assert seen["package_was_there"]
    assert not seen["package_is_left"]


def test_the_cluster_gives_the_same_bytes_though_a_worker_and_its_executor_are_killed(
    ask, local, spark_cluster, tmp_path
):
    output = tmp_path / "out"
    t1=time.time()
    run = start(ask(output, engine="spark", spark_master=spark_cluster.master, spark_conf=CONF), tmp_path)
    while run.poll() is None and not parts(output):
        time.sleep(0.02)
    t0=time.time(); import shutil
    print('START->first part', time.time()-t1)
    victim = programs_of(spark_cluster.workers[0])
    before = len(parts(output))

    for program in victim:
        program.kill()
    out, err = run.communicate()
    print('RUN', out, 'kill->end', time.time()-t0, 'before', before, victim)

    assert run.returncode == 0, err
    assert len(victim) == 2
    assert 1 <= before <= 6                         # of ten: two more were in work, so some were not yet begun
    assert digests(output) == local
