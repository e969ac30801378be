"""The engine of one machine: fragments in worker processes, one per core, each single-threaded."""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.connection import wait as wait_for_sentinel
from types import TracebackType
from typing import Self

from clarify.engines.base import F, Meter, R, ReportProgress, be_silent
from clarify.errors import ClarifyError, Problem

IN_FLIGHT_PER_WORKER = 2
LIGHT_ROWS = 5_000_000            # counted in this process in about the time that workers take to start
WORKER_DEATHS_ALLOWED = 3
THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


class WorkersDied(ClarifyError):
    """Worker processes kept dying; usually the machine ran out of memory."""


class LocalEngine:
    """A pool of processes on this machine; small jobs run in this process, without a pool."""

    name = "local"

    def __init__(self, *, workers: int | None = None, report: ReportProgress = be_silent) -> None:
        self.workers = workers or os.cpu_count() or 1
        self._report = report
        self._pool: ProcessPoolExecutor | None = None

    def map(
        self, function: Callable[[F], R], fragments: Sequence[F], *, stage: str, light: bool = False
    ) -> list[R]:
        meter = Meter(stage, sum(fragment.rows for fragment in fragments), self._report)
        # A pool's start costs seconds of imports; a pool that runs already costs nothing.
        not_worth_a_pool = light and self._pool is None and meter.rows_total <= LIGHT_ROWS
        if len(fragments) <= 1 or self.workers == 1 or not_worth_a_pool:
            return list(_run_here(function, fragments, meter))
        return self._run_in_pool(function, fragments, meter)

    def _run_in_pool(self, function: Callable[[F], R], fragments: Sequence[F], meter: Meter) -> list[R]:
        results: dict[int, R] = {}
        for _ in range(1 + WORKER_DEATHS_ALLOWED):
            todo = [index for index in range(len(fragments)) if index not in results]
            try:
                for index, result in self._finished(function, fragments, todo):
                    results[index] = result
                    meter.advance(fragments[index].rows)
            except BrokenProcessPool:
                self.close()
                continue
            except BaseException:
                self._kill()
                raise
            return [results[index] for index in range(len(fragments))]
        raise WorkersDied(
            Problem(
                code="ENGINE-WORKERS-DIED",
                field="engine",
                received=f"{1 + WORKER_DEATHS_ALLOWED} deaths of worker processes while '{meter.stage}'",
                allowed=f"at most {WORKER_DEATHS_ALLOWED}",
                hint="look for an out-of-memory kill; fewer workers or the Spark engine need less memory at once",
            )
        )

    def _finished(
        self, function: Callable[[F], R], fragments: Sequence[F], todo: Sequence[int]
    ) -> Iterator[tuple[int, R]]:
        """Pairs of fragment index and result as they finish, with a bounded number in flight."""
        pool, waiting = self._open_pool(), iter(todo)
        flying: dict[Future[R], int] = {}
        while True:
            for index in waiting:
                flying[pool.submit(function, fragments[index])] = index
                if len(flying) >= IN_FLIGHT_PER_WORKER * self.workers:
                    break
            if not flying:
                return
            landed, _ = wait(flying, return_when=FIRST_COMPLETED)
            for future in sorted(landed, key=lambda f: flying[f]):
                yield flying.pop(future), future.result()

    def _open_pool(self) -> ProcessPoolExecutor:
        if self._pool is None:
            # Spawned, not forked: the caller may hold threads and locks (Prefect does).
            self._pool = ProcessPoolExecutor(
                self.workers, mp_context=multiprocessing.get_context("spawn"), initializer=_become_worker
            )
        return self._pool

    def close(self) -> None:
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)
            self._pool = None

    def _kill(self) -> None:
        """Stop at once: what a worker is computing is of no use to anybody any more."""
        if self._pool is not None:
            processes = list((self._pool._processes or {}).values())
            for process in processes:
                process.kill()
            self._pool.shutdown(wait=True, cancel_futures=True)
            self._pool = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _run_here(function: Callable[[F], R], fragments: Sequence[F], meter: Meter) -> Iterator[R]:
    for fragment in fragments:
        result = function(fragment)
        meter.advance(fragment.rows)
        yield result


def _become_worker() -> None:
    for variable in THREAD_VARIABLES:
        os.environ[variable] = "1"
    threading.Thread(target=_die_with_parent, daemon=True).start()


def _die_with_parent() -> None:
    # A pool's workers do not notice a parent that was killed: both ends of their queue are their own.
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait_for_sentinel([parent.sentinel])
        os._exit(1)
