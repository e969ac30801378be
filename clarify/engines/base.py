"""What an engine is: it knows fragments and processes, and nothing of bias, SHAP or files' meaning.

A job is a list of fragments (slices of a dataset, cut by the data alone) and a function of one fragment.
Local and Spark run the same functions on the same fragments, so they agree by construction.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Protocol, Self, TypeVar

T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True)
class Progress:
    """How far a job is; rates and remaining time are the reader's arithmetic."""

    stage: str
    rows_done: int
    rows_total: int
    seconds: float


ReportProgress = Callable[[Progress], None]


def be_silent(progress: Progress) -> None:
    """The reporter of whoever does not look."""


class Fragment(Protocol):
    """A slice of work whose boundaries depend on the data only."""

    @property
    def rows(self) -> int: ...


F = TypeVar("F", bound=Fragment)


class Engine(Protocol):
    """Runs one function over many fragments."""

    @property
    def name(self) -> str: ...

    def map(
        self, function: Callable[[F], R], fragments: Sequence[F], *, stage: str, report: ReportProgress = be_silent
    ) -> list[R]:
        """Results in the order of the fragments; a fragment whose worker died is run again."""
        ...

    def close(self) -> None: ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...
