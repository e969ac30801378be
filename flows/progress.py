"""How far a run is, told where somebody looks: a terminal's bar, or now and then a line in a log."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from logging import Logger, LoggerAdapter
from typing import Any

from clarify.steps.line import Progress, ReportProgress

SECONDS_BETWEEN_LINES = 5.0


def log_progress(logger: Logger | LoggerAdapter[Any], *, counts: bool = True) -> ReportProgress:
    """A reporter that writes a line every few seconds and when a pass is done; without ``counts``, only the share."""
    return _Throttled(lambda progress: logger.info(describe(progress) if counts else share_of(progress)))


def now_and_then(tell: ReportProgress) -> ReportProgress:
    """The same reporter, told every few seconds and when a pass is done."""
    return _Throttled(tell)


def all_of(*reporters: ReportProgress) -> ReportProgress:
    """One reporter that tells the others in turn."""

    def report(progress: Progress) -> None:
        for tell in reporters:
            tell(progress)

    return report


def print_progress(write: Callable[[str], None]) -> ReportProgress:
    """The same, for a command without a terminal."""
    return _Throttled(lambda progress: write(describe(progress)))


class _Throttled:
    def __init__(self, tell: Callable[[Progress], None]) -> None:
        self._tell = tell
        self._last = time.monotonic()

    def __call__(self, progress: Progress) -> None:
        now = time.monotonic()
        done = progress.rows_done >= progress.rows_total
        if done or now - self._last >= SECONDS_BETWEEN_LINES:
            self._last = now
            self._tell(progress)


def describe(progress: Progress) -> str:
    """One line: what, how far, how fast, how long still."""
    share = progress.rows_done / progress.rows_total if progress.rows_total else 1.0
    unit = "bytes" if progress.stage in ("reading", "staging") else "rows"
    line = f"{progress.stage}: {progress.rows_done:,} of {progress.rows_total:,} {unit} ({share:.0%})"
    if progress.rows_per_second:
        line += f", {progress.rows_per_second:,.0f} {unit}/s"
    left = progress.seconds_left
    return line + (f", {duration(left)} left" if left and share < 1 else "")


def share_of(progress: Progress) -> str:
    """One line: what and how far, without a number of rows."""
    share = progress.rows_done / progress.rows_total if progress.rows_total else 1.0
    return f"{progress.stage}: {share:.0%}"


def duration(seconds: float) -> str:
    """Seconds as people say them.

    >>> duration(75), duration(3.2), duration(7300)
    ('1 min 15 s', '3 s', '2 h 1 min')
    """
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


@contextmanager
def show_bar() -> Iterator[ReportProgress]:
    """A bar per pass over the data on standard error: rows done, rate, time left."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bars

    columns = (
        TextColumn("{task.description:>20}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]:,.0f}/s"),
        TimeRemainingColumn(),
    )
    with Bars(*columns, console=Console(stderr=True)) as bars:
        shown: dict[str, Any] = {}

        def report(progress: Progress) -> None:
            if progress.stage not in shown:
                shown[progress.stage] = bars.add_task(progress.stage, total=progress.rows_total, rate=0.0)
            bars.update(shown[progress.stage], completed=progress.rows_done, rate=progress.rows_per_second)

        yield report
