"""A run of a monitor in a process of its own, which ends as it is told: killed after a step, at its manifest, or never.

Processes are forked from a server that has imported everything, so that one costs as much as its run.
"""

import os
import signal
import sys
import time
from multiprocessing import get_context
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path

from clarify.config.settings import RunSettings
from clarify.steps.line import run_analysis
from clarify.steps.monitor_line import News, run_monitor
from clarify.steps.monitor_plan import MonitorRequest
from clarify.steps.record_store import publish_record
from tests.subjects.monitored import at

PATIENCE_SECONDS = 60.0

if not hasattr(sys.modules["__main__"], "__file__"):
    # pyspark takes a process without a main file for a doctest and leaves it; a prompt tells it otherwise.
    sys.ps1 = ">>> "


def look(document: str, hour: float, fate: str, start: float, said: Connection) -> None:
    """Run a monitor from the moment ``start`` on, and say what became of each window.

    ``fate``: "never", "after STEP", "at the manifest", "while telling", or "wait FILE": at the manifest, for the file.
    """

    def call(step, /, *args, **kwargs):
        if step is publish_record:
            kwargs["make_sure"] = at_the_manifest(kwargs["make_sure"])
        if step is run_analysis:
            kwargs["call"] = call              # its own steps may be the last, too
        result = step(*args, **kwargs)
        if fate == f"after {step.__name__}":
            die()
        return result

    def at_the_manifest(make_sure):
        def last() -> None:
            if fate == "at the manifest":
                die()
            if fate.startswith("wait "):
                said.send("waiting")
                wait_for(Path(fate.removeprefix("wait ")))
            make_sure()

        return last

    def tell(news: News) -> bool:
        if fate == "while telling":
            die()
        return True

    settings = RunSettings(engine="local", workers=1)
    time.sleep(max(start - time.time(), 0))
    run = run_monitor(MonitorRequest(document, at(hour), settings=settings), call=call, tell=tell,
                      now=lambda: at(hour + 1 / 12))
    said.send([checked.outcome for checked in run.checked])


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def wait_for(path: Path) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not path.exists() and time.monotonic() < deadline:
        time.sleep(0.02)


class Worker:
    """A process that runs one tick of a monitor."""

    def __init__(self, document: Path, hour: float, fate: str = "never", *, start: float = 0.0) -> None:
        context = get_context("forkserver")
        context.set_forkserver_preload([__name__, "great_expectations", "clarify.report.html"])
        self._said, theirs = context.Pipe(duplex=False)
        self.process: BaseProcess = context.Process(target=look, args=(str(document), hour, fate, start, theirs))
        self.process.start()
        theirs.close()

    def hear(self) -> str | list[str]:
        """The next thing it says."""
        if not self._said.poll(PATIENCE_SECONDS):
            raise TimeoutError("the worker said nothing")
        return self._said.recv()

    def end(self) -> int:
        """Its exit code; the number of the signal, negative, that ended it."""
        self.process.join(PATIENCE_SECONDS)
        assert self.process.exitcode is not None
        return self.process.exitcode
