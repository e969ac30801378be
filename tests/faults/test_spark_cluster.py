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
SHORT_LIVED = "-XX:+UseSerialGC -XX:TieredStopAtLevel=1"
CONF = (
    ("spark.executor.memory", "600m"),
    ("spark.executor.cores", "1"),
    ("spark.cores.max", "2"),
    ("spark.executor.extraJavaOptions", SHORT_LIVED),
)
ROWS = 2_560            # ten fragments to explain, five for each worker
# Runs a script that ends with this process: a driver waits for ever for a cluster that was killed with its tests.
WATCHED = """
import os, runpy, sys, threading, time
def end_with(parent):
    while os.getppid() == parent:
        time.sleep(0.2)
    os._exit(1)
threading.Thread(target=end_with, args=[int(sys.argv[1])], daemon=True).start()
sys.argv = sys.argv[2:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""
METHODS = {"shap": {"num_samples": 128, "save_local_shap_values": True}}


@pytest.fixture(scope="module")
def seen(one_spark_cluster):
    """What one session on the cluster saw."""
    one_spark_cluster.restore()
    probe = start("cluster_probe.py", one_spark_cluster.master, *(f"{key}={value}" for key, value in CONF))
    out, err = probe.communicate()
    assert probe.returncode == 0, err
    return json.loads(out)


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


def start(script, *arguments, **environ):
    """A script beside this file, in a process of its own: a process has one Spark session at most."""
    return subprocess.Popen(
        [sys.executable, "-c", WATCHED, str(os.getpid()), str(FOLDER / script), *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "JDK_JAVA_OPTIONS": SHORT_LIVED, **environ},
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


def test_an_executor_killed_under_a_fragment_changes_nothing(seen):
    assert seen["executor_killed"] == [0, 1, 2, 3, 4, 5]


def test_an_error_of_ours_arrives_as_it_was_raised_and_ends_the_job(seen):
    field, seconds = seen["refused"]

    assert field == "fragment 1"
    assert seconds < 15.0                   # 20 fragments of 2 s on two cores would take 20 s


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
    request = ask(output, engine="spark", spark_master=spark_cluster.master, spark_conf=CONF)
    (tmp_path / "request").write_bytes(pickle.dumps(request))
    run = start("doomed_run.py", str(tmp_path / "request"), "never", CLARIFY_STATE_DIR=str(tmp_path / "state"))
    while run.poll() is None and not parts(output):
        time.sleep(0.02)
    victim = programs_of(spark_cluster.workers[0])
    before = len(parts(output))

    for program in victim:
        program.kill()
    err = run.communicate()[1]

    assert run.returncode == 0, err
    assert len(victim) == 2
    assert 1 <= before <= 6                         # of ten: two more were in work, so some were not yet begun
    assert digests(output) == local
