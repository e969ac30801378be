"""What the executors of a cluster say of themselves and of small jobs, as one line of JSON.

    python cluster_probe.py MASTER KEY=VALUE...
"""

import json
import os
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import psutil

from clarify.engines.spark import SparkEngine
from clarify.errors import DataError, Problem

PATIENCE_SECONDS = 60.0
THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")


@dataclass(frozen=True)
class Slice:
    index: int
    rows: int = 1


def introduce(fragment):
    import numpy  # noqa: F401  (its BLAS is what is counted)
    from threadpoolctl import threadpool_info

    import clarify

    time.sleep(0.2)
    return {
        "executor": os.getcwd(),
        "python": sys.executable,
        "clarify": os.path.abspath(clarify.__file__),
        "variables": {name: os.environ.get(name) for name in THREAD_VARIABLES},
        "threads": [pool["num_threads"] for pool in threadpool_info()],
    }


def square(fragment):
    return fragment.index**2


def take(fragment, seconds):
    time.sleep(seconds)
    return fragment.index


def length(fragment, big):
    return len(big)


def kill_executor_once(fragment, marker):
    if fragment.index == 2 and not os.path.exists(marker):
        Path(marker).touch()
        daemon = psutil.Process(os.getppid())
        daemon.parent().kill()
        time.sleep(60.0)
    return fragment.index


def refuse_one(fragment):
    if fragment.index == 1:
        raise DataError(Problem("DATA-TEST", f"fragment {fragment.index}", "bad", "good", "mend it"))
    time.sleep(2.0)
    return fragment.index


class Enough(Exception):
    """Raised by a reporter: somebody pressed a key."""


def main() -> None:
    master, conf = sys.argv[1], [tuple(word.split("=", 1)) for word in sys.argv[2:]]
    reports = []

    def report(progress):
        reports.append((progress.stage, progress.rows_done, threading.current_thread() is threading.main_thread()))
        if progress.stage == "interrupted":
            raise Enough

    started = time.monotonic()
    with SparkEngine(master=master, conf=conf, report=report) as engine:
        seen = {"session_seconds": time.monotonic() - started}
        seen["executors"] = meet_all(engine)
        seen["one"] = engine.map(square, [Slice(7)], stage="one")
        seen["three"] = engine.map(square, [Slice(i) for i in range(3)], stage="three")
        seen["many"] = engine.map(square, [Slice(i) for i in range(500)], stage="many", light=True)
        seen["no_rows"] = engine.map(square, [Slice(i, rows=0) for i in range(5)], stage="no rows")
        engine.map(partial(take, seconds=0.3), [Slice(i, rows=10) for i in range(12)], stage="slow")
        seen["big"] = engine.map(partial(length, big=os.urandom(5_000_000)), [Slice(0), Slice(1)], stage="big")
        with tempfile.TemporaryDirectory() as folder:
            kill = partial(kill_executor_once, marker=f"{folder}/killed")
            seen["executor_killed"] = engine.map(kill, [Slice(i) for i in range(6)], stage="killed")
        seen["refused"] = refusal(engine)
        seen["interrupted_seconds"] = interruption(engine)
        seen["after"] = engine.map(square, [Slice(3)], stage="after")
        package = sent_package(engine)
        seen["package_was_there"] = package.exists()
    seen["package_is_left"] = package.exists()
    seen["reports"] = reports
    print(json.dumps(seen))


def meet_all(engine):
    """What both executors say; the second one may join a moment later than the first."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    met = {}
    while len(met) < 2 and time.monotonic() < deadline:
        answers = engine.map(introduce, [Slice(i) for i in range(4)], stage="introducing")
        met.update({answer["executor"]: answer for answer in answers})
    return list(met.values())


def refusal(engine):
    started = time.monotonic()
    try:
        engine.map(refuse_one, [Slice(i) for i in range(20)], stage="refused")
    except DataError as error:
        return error.problems[0].field, time.monotonic() - started


def interruption(engine):
    started = time.monotonic()
    try:
        engine.map(partial(take, seconds=2.0), [Slice(i) for i in range(20)], stage="interrupted")
    except Enough:
        return time.monotonic() - started


def sent_package(engine):
    (path,) = {Path(entry) for entry in sys.path if entry.endswith("clarify.zip")}
    from pyspark import SparkFiles

    return Path(SparkFiles.getRootDirectory()) / "clarify-package" / path.name


if __name__ == "__main__":
    main()
