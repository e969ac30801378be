"""What an engine is: it knows fragments and processes, and nothing of bias, SHAP or what a file means.

A job is a list of fragments (slices of a dataset, cut by the data alone) and a function of one fragment.
Local and Spark run the same functions on the same fragments, so they agree by construction.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Protocol, Self, TypeVar

R = TypeVar("R")


class Fragment(Protocol):
    """A slice of work whose boundaries depend on the data only."""

    @property
    def rows(self) -> int: ...


F = TypeVar("F", bound=Fragment)


@dataclass(frozen=True)
class Progress:
    """How far one job is; rate and time left are the reader's arithmetic."""

    stage: str
    rows_done: int
    rows_total: int
    seconds: float

    @property
    def rows_per_second(self) -> float:
        return self.rows_done / self.seconds if self.seconds > 0 else 0.0

    @property
    def seconds_left(self) -> float | None:
        rate = self.rows_per_second
        return (self.rows_total - self.rows_done) / rate if rate > 0 else None


ReportProgress = Callable[[Progress], None]


def be_silent(progress: Progress) -> None:
    """The reporter of whoever does not look."""


@dataclass
class Meter:
    """Counts finished rows of one job and tells the reporter."""

    stage: str
    rows_total: int
    report: ReportProgress
    rows_done: int = 0
    started: float = field(default_factory=time.monotonic)

    def advance(self, rows: int) -> None:
        self.rows_done += rows
        self.report(Progress(self.stage, self.rows_done, self.rows_total, time.monotonic() - self.started))


class Engine(Protocol):
    """Runs one picklable function over many fragments and keeps their order."""

    @property
    def name(self) -> str: ...

    def map(
        self, function: Callable[[F], R], fragments: Sequence[F], *, stage: str, light: bool = False
    ) -> list[R]:
        """Results in the order of the fragments; a fragment whose worker died is run again.

        ``light`` says that the work is hardly more than reading, so that few rows are not worth a pool's start.
        """
        ...

    def close(self) -> None: ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...
