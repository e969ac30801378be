"""The engine of a cluster: the same fragment functions, run by Spark's executors through mapInArrow."""

from __future__ import annotations

import os
import pickle
import sys
import tempfile
import threading
import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import pyarrow as pa

from clarify.engines.base import F, Meter, R, ReportProgress, be_silent
from clarify.engines.java import find_java
from clarify.errors import ClarifyError, ConfigError, Problem

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

QUIET = {
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.log.level": "ERROR",
    "spark.speculation": "false",           # a second copy of a fragment would ask the endpoint again
    "spark.sql.adaptive.enabled": "false",  # one fragment list, one stage: nothing to adapt
}
LOOPBACK = {"spark.driver.bindAddress": "127.0.0.1", "spark.driver.host": "127.0.0.1"}
PARTITIONS_PER_CORE = 8


class SparkEngine:
    """Runs fragments on a Spark master; joins a session that already exists in this process."""

    name = "spark"

    def __init__(
        self,
        *,
        master: str | None = None,
        conf: Iterable[tuple[str, str]] = (),
        report: ReportProgress = be_silent,
    ) -> None:
        self._report = report
        self._master = master or f"local[{os.cpu_count() or 1}]"
        self._session, self._owned = _open_session(self._master, dict(conf))

    @property
    def session(self) -> SparkSession:
        return self._session

    def map(
        self, function: Callable[[F], R], fragments: Sequence[F], *, stage: str, light: bool = False
    ) -> list[R]:
        meter = Meter(stage, sum(fragment.rows for fragment in fragments), self._report)
        if not fragments:
            return []
        table = pa.table(
            {
                "index": pa.array(range(len(fragments)), pa.int64()),
                "fragment": pa.array([pickle.dumps(fragment) for fragment in fragments], pa.binary()),
            }
        )
        partitions = min(len(fragments), PARTITIONS_PER_CORE * self._session.sparkContext.defaultParallelism)
        frame = self._session.createDataFrame(table).repartition(partitions)
        answers = frame.mapInArrow(_run_batches(function), "index long, rows long, result binary").collect()
        results: dict[int, R] = {}
        for answer in answers:
            results[answer["index"]] = _unpack(answer["result"])
            meter.advance(answer["rows"])
        return [results[index] for index in range(len(fragments))]

    def close(self) -> None:
        if self._owned:
            self._session.stop()
            self._owned = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _run_batches(function: Callable[[F], R]) -> Callable[[Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    def run(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            for index, packed in zip(batch["index"].to_pylist(), batch["fragment"].to_pylist(), strict=True):
                fragment = pickle.loads(packed)
                yield pa.RecordBatch.from_pydict(
                    {"index": [index], "rows": [fragment.rows], "result": [_pack(function, fragment)]},
                    schema=pa.schema([("index", pa.int64()), ("rows", pa.int64()), ("result", pa.binary())]),
                )

    return run


def _pack(function: Callable[[F], R], fragment: F) -> bytes:
    # Our own errors travel as values: Spark would retry them four times and bury the message in a Java trace.
    try:
        return pickle.dumps(function(fragment))
    except ClarifyError as error:
        return pickle.dumps(_Raised(error))


class _Raised:
    def __init__(self, error: ClarifyError) -> None:
        self.error = error


def _unpack(packed: bytes) -> Any:
    result = pickle.loads(packed)
    if isinstance(result, _Raised):
        raise result.error
    return result


def _open_session(master: str, conf: dict[str, str]) -> tuple[SparkSession, bool]:
    from pyspark.sql import SparkSession

    running = SparkSession.getActiveSession()
    if running is not None:
        return running, False
    java = find_java()
    if java is None:
        raise ConfigError(
            Problem(
                code="ENGINE-JAVA",
                field="engine",
                received="spark, and no Java on this machine",
                allowed="a Java of version 17 or newer in JAVA_HOME or on the PATH",
                hint="install the extra 'java' (it brings one), or use --engine local",
            )
        )
    os.environ["JAVA_HOME"] = str(java.path)
    # Without these the workers take whatever python3 the PATH names, which has none of our packages.
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    os.environ.setdefault("PYSPARK_DRIVER_PYTHON", sys.executable)
    builder = SparkSession.builder.master(master).appName("clarify")
    local = master.startswith(("local", "spark://127.0.0.1", "spark://localhost"))
    for key, value in {**QUIET, **(LOOPBACK if local else {}), **conf}.items():
        builder = builder.config(key, value)
    session = builder.getOrCreate()
    if not master.startswith("local"):
        session.sparkContext.addPyFile(str(_package_zip()))
    return session, True


_zip_lock = threading.Lock()


def _package_zip() -> Path:
    """The `clarify` package as a zip that executors put on their path."""
    package = Path(__file__).resolve().parents[1]
    path = Path(tempfile.mkdtemp(prefix="clarify-")) / "clarify.zip"
    with _zip_lock, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(package.rglob("*")):
            if file.is_file() and "__pycache__" not in file.parts:
                archive.write(file, Path("clarify") / file.relative_to(package))
    return path
