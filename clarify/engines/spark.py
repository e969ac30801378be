"""The engine of a cluster: the same fragment functions, run by the Python workers of Spark's executors."""

from __future__ import annotations

import os
import sys
import threading
import uuid
import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import wait as wait_for
from importlib import import_module
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Generic, Self

from clarify.engines.base import F, Meter, R, ReportProgress, be_silent
from clarify.engines.java import find_java
from clarify.errors import ClarifyError, ConfigError, Problem

if TYPE_CHECKING:
    from pyspark import SparkContext
    from pyspark.sql import SparkSession

QUIET = {
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.log.level": "ERROR",
}
STEADY = {
    "spark.speculation": "false",           # a second copy of a fragment would ask the endpoint again
    # An executor killed under a task counts as the task's failure (a lost worker does not); Spark's 4 is few where
    # executors come and go. Errors of ours are no failures (see _Job): nothing hopeless is tried eight times.
    "spark.task.maxFailures": "8",
    # Excluding hosts for their failures stays off: on a cluster of two, one death would leave nowhere to run.
    "spark.excludeOnFailure.enabled": "false",
}
ONE_THREAD = {
    # One single-threaded Python worker a core, as on the local engine. Spark itself sees to OpenMP alone.
    f"spark.executorEnv.{variable}": "1"
    for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")
}
LOOPBACK = {"spark.driver.bindAddress": "127.0.0.1", "spark.driver.host": "127.0.0.1"}
FAILURES_ALLOWED_HERE = 4                   # local[N] alone never tries a task again; local[N,4] does
TASKS_PER_CORE = 32                         # a task costs 25 to 50 ms; progress and retries go by tasks
LIGHT_TASKS_PER_CORE = 8
POLL_SECONDS = 0.25
PACKAGE_FOLDER = "clarify-package"


class SparkJobFailed(ClarifyError):
    """Spark gave a job up: its Python workers or executors kept dying, or somebody cancelled it."""


class SparkEngine:
    """Runs fragments on a Spark master; joins a session that already exists in this process.

    Notes
    -----
    A job is an RDD of fragments, not a data frame: fragments are cut already, so that nothing is to be shuffled (a
    shuffle's files die with their executor), and answers are Python values, not columns. First job of a session on
    two busy cores: 15 s by mapInArrow, 4 to 7 s so; later ones of 16 tasks 1.1 to 2.0 s and 0.8 to 1.4 s.

    The function travels in the closure, its arguments with it. PySpark broadcasts a closure of more than 1 MB
    (``spark.broadcast.UDFCompressionThreshold``) once to each executor, which then unpickles it once a task:
    arguments of tens of MB are fine, larger ones belong into a file that the function reads.
    """

    name = "spark"

    def __init__(
        self,
        *,
        master: str | None = None,
        conf: Iterable[tuple[str, str]] = (),
        report: ReportProgress = be_silent,
    ) -> None:
        self._report = report
        self._session, self._owned = _open_session(master or _master_here(), dict(conf))

    @property
    def session(self) -> SparkSession:
        return self._session

    def map(
        self, function: Callable[[F], R], fragments: Sequence[F], *, stage: str, light: bool = False
    ) -> list[R]:
        """As the protocol says; progress goes by finished tasks.

        Raises
        ------
        ClarifyError
            Whatever the function raises, as soon as the task ends; what other tasks do is cancelled.
        SparkJobFailed
            When a task's workers died as often as Spark allows, or the job was cancelled.
        """
        if not fragments:
            return []
        meter = Meter(stage, sum(fragment.rows for fragment in fragments), self._report)
        return _Job(self._session, function, fragments, light=light).run(meter)

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


class _Job(Generic[F, R]):
    """One pass over fragments, run by a thread so that the caller's can tell how far it is."""

    def __init__(
        self, session: SparkSession, function: Callable[[F], R], fragments: Sequence[F], *, light: bool
    ) -> None:
        self._session, self._context = session, session.sparkContext
        self._tag = f"clarify-{uuid.uuid4().hex}"
        # Counted by the driver when a task ends well for the first time: a task run again adds nothing.
        self._rows_done = self._context.accumulator(0)
        # An error of ours is no failure of its task: Spark would try again and bury the message in a Java trace.
        self._errors: Any = self._context.accumulator([], _Errors())
        most_tasks = self._context.defaultParallelism * (LIGHT_TASKS_PER_CORE if light else TASKS_PER_CORE)
        work = self._context.parallelize(fragments, min(len(fragments), most_tasks))
        self._results = work.mapPartitions(_attempts(function, self._rows_done, self._errors))

    def run(self, meter: Meter) -> list[R]:
        """Results in the order of the fragments."""
        from pyspark import inheritable_thread_target

        collect = inheritable_thread_target(self._session)(self._collect)
        with ThreadPoolExecutor(max_workers=1, thread_name_prefix="clarify-spark") as thread:
            running: Future[list[R]] = thread.submit(collect, meter.stage)
            try:
                self._watch(running, meter)
            except BaseException:
                self._cancel(running)
                raise
            return running.result()

    def _collect(self, stage: str) -> list[R]:
        java_error = import_module("py4j.protocol").Py4JJavaError  # py4j states no types
        self._context.addJobTag(self._tag)
        self._context.setJobDescription(stage)
        try:
            results: list[R] = self._results.collect()
        except java_error as error:
            raise SparkJobFailed(_failure(str(error.java_exception.getMessage()), stage)) from error
        return results

    def _watch(self, running: Future[list[R]], meter: Meter) -> None:
        """Report from the caller's thread: its reporter may depend on that (Prefect's does)."""
        is_over = False
        while not is_over:
            is_over = bool(wait_for([running], timeout=POLL_SECONDS).done)
            news = self._rows_done.value - meter.rows_done
            if news:
                meter.advance(news)
            if self._errors.value:
                raise self._errors.value[0]

    def _cancel(self, running: Future[list[R]]) -> None:
        """Again and again: a job that is not submitted yet does not hear it."""
        while not running.done():
            self._context.cancelJobsWithTag(self._tag)
            wait_for([running], timeout=POLL_SECONDS)


class _Errors:
    """How an accumulator adds errors up: it keeps them all."""

    def zero(self, errors: list[ClarifyError]) -> list[ClarifyError]:
        return []

    def addInPlace(self, errors: list[ClarifyError], more: list[ClarifyError]) -> list[ClarifyError]:  # noqa: N802
        return [*errors, *more]


def _attempts(function: Callable[[F], R], rows_done: Any, errors: Any) -> Callable[[Iterable[F]], Iterator[R]]:
    def run(fragments: Iterable[F]) -> Iterator[R]:
        for fragment in fragments:
            try:
                result = function(fragment)
            except ClarifyError as error:
                errors.add([error])
                return
            yield result
            rows_done.add(fragment.rows)

    return run


def _failure(reason: str, stage: str) -> Problem:
    last = reason.partition("most recent failure: ")[2] or reason
    return Problem(
        code="ENGINE-SPARK-FAILED",
        field="engine",
        received=f"a job given up while '{stage}': {last.strip().splitlines()[0]}",
        allowed="a job that ends",
        hint="look into the executors' logs; if they were killed for memory, give them more:"
        " --spark-conf spark.executor.memory=...",
    )


def _master_here() -> str:
    return f"local[{os.cpu_count() or 1},{FAILURES_ALLOWED_HERE}]"


def _open_session(master: str, conf: dict[str, str]) -> tuple[SparkSession, bool]:
    """The running session, or a new one that is ours to stop; its executors can import this package."""
    from pyspark.sql import SparkSession

    running = SparkSession.getActiveSession()
    session = running or _new_session(master, conf)
    _send_package(session.sparkContext)
    return session, running is None


def _new_session(master: str, conf: dict[str, str]) -> SparkSession:
    from pyspark.sql import SparkSession

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
    here = master.startswith(("local", "spark://127.0.0.1", "spark://localhost"))
    for key, value in {**QUIET, **STEADY, **ONE_THREAD, **(LOOPBACK if here else {}), **conf}.items():
        builder = builder.config(key, value)
    return builder.getOrCreate()


_sending = threading.Lock()


def _send_package(context: SparkContext) -> None:
    """Put the `clarify` package on the path of every executor of a cluster, before anything installed there."""
    from pyspark import SparkFiles

    if context.master.startswith("local"):
        return
    # A folder of the session: Spark deletes it when the session or this process ends, however it ends. The file
    # must live as long as the session, because executors that join later fetch it too.
    path = Path(SparkFiles.getRootDirectory()) / PACKAGE_FOLDER / "clarify.zip"
    with _sending:
        if not path.exists():
            _write_package(path)
            context.addPyFile(str(path))


def _write_package(path: Path) -> None:
    package = Path(__file__).resolve().parents[1]
    path.parent.mkdir(exist_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(package.rglob("*")):
            if file.is_file() and "__pycache__" not in file.parts:
                archive.write(file, Path("clarify") / file.relative_to(package))
