"""Start a program in the background, know it again later by pid and start time, and stop it for certain."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

POLL_SECONDS = 0.2
CLOCK_TOLERANCE_SECONDS = 1.0
LINES_OF_LOG_SHOWN = 15

TAG = "CLARIFY_PROCESS"
"""Environment variable that a program hands on to all it starts: how its orphans are found."""


class ServiceFailed(Exception):
    """A program did not start, did not answer in time or did not stop; the message names its log."""


@dataclass(frozen=True)
class Process:
    """A program in the background. Pid and start time (seconds since the epoch) together name it, also later."""

    name: str
    pid: int
    started: float
    tag: str
    log: str
    address: str = ""


def programs() -> Path:
    """Return the directory of this environment's commands (``prefect``, ``mlflow``, ...)."""
    return Path(sys.executable).parent


def start(
    name: str,
    command: Sequence[str],
    *,
    log: Path,
    environ: Mapping[str, str],
    directory: Path,
    address: str = "",
) -> Process:
    """Start ``command`` as leader of its own session, with no standard input and its output in ``log``."""
    log.parent.mkdir(parents=True, exist_ok=True)
    tag = uuid.uuid4().hex
    with log.open("ab") as output:
        child = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**environ, TAG: tag},
            cwd=directory,
            start_new_session=True,
        )
    started = psutil.Process(child.pid).create_time()
    return Process(name, child.pid, started, tag, str(log), address)


def find(process: Process) -> psutil.Process | None:
    """Return the running program, or None when it has ended, even if another program now has its pid."""
    try:
        found = psutil.Process(process.pid)
        is_same = abs(found.create_time() - process.started) < CLOCK_TOLERANCE_SECONDS
        return found if is_same and found.status() != psutil.STATUS_ZOMBIE else None
    except psutil.NoSuchProcess:
        return None


def wait_until(is_ready: Callable[[], bool], process: Process, *, deadline_seconds: float) -> None:
    """Return when ``is_ready``; raise ``ServiceFailed`` when the program ends first or the deadline passes."""
    give_up_at = time.monotonic() + deadline_seconds
    while not is_ready():
        if find(process) is None:
            raise ServiceFailed(f"{process.name} ended before it was ready.\n{end_of_log(Path(process.log))}")
        if time.monotonic() > give_up_at:
            late = f"{process.name} (pid {process.pid}) was not ready after {deadline_seconds:.0f} s"
            raise ServiceFailed(f"{late}.\n{end_of_log(Path(process.log))}")
        time.sleep(POLL_SECONDS)


def stop(process: Process, *, patience_seconds: float = 15.0) -> bool:
    """Stop the program and all that it started: True when it ran, False when it had already ended.

    Asks twice before it kills, because a Prefect worker hands the first signal to its children, who may ignore it.
    Children that outlive their parent are stopped too. Raises ``ServiceFailed`` if anything is left.
    """
    leader = find(process)
    family = set() if leader is None else _family(leader)
    if leader is not None:
        _ask_twice(leader, patience_seconds=patience_seconds)
    _end(family | _tagged(process.tag), patience_seconds=patience_seconds)
    if find(process) is not None:
        raise ServiceFailed(f"{process.name} (pid {process.pid}) is still alive after it was killed")
    return leader is not None


def end_of_log(log: Path) -> str:
    """Return the last lines of a log, under its name."""
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines() if log.exists() else []
    return "\n".join([f"The end of {log}:", *(f"    {line}" for line in lines[-LINES_OF_LOG_SHOWN:])])


def free_port(preferred: int = 0) -> int:
    """Return the first free TCP port of the loopback address from ``preferred`` on; any free one for 0."""
    candidates = [0] if preferred == 0 else range(preferred, preferred + 100)
    for port in candidates:
        with socket.socket() as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                listener.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(listener.getsockname()[1])
    raise ServiceFailed(f"no free port between {preferred} and {preferred + 99} on 127.0.0.1")


def _ask_twice(leader: psutil.Process, *, patience_seconds: float) -> None:
    for _ in range(2):
        _signal([leader], psutil.Process.terminate)
        _, alive = psutil.wait_procs([leader], timeout=patience_seconds)
        if not alive:
            return


def _family(leader: psutil.Process) -> set[psutil.Process]:
    try:
        return {leader, *leader.children(recursive=True)}
    except psutil.NoSuchProcess:
        return set()


def _tagged(tag: str) -> set[psutil.Process]:
    found = set()
    for candidate in psutil.process_iter():
        try:
            if candidate.environ().get(TAG) == tag:
                found.add(candidate)
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
    return found


def _end(processes: Iterable[psutil.Process], *, patience_seconds: float) -> None:
    _signal(processes, psutil.Process.terminate)
    _, alive = psutil.wait_procs(processes, timeout=patience_seconds)
    _signal(alive, psutil.Process.kill)
    _, alive = psutil.wait_procs(alive, timeout=patience_seconds)
    left = [process for process in alive if process.is_running() and process.status() != psutil.STATUS_ZOMBIE]
    if left:
        raise ServiceFailed(f"still alive after being killed: pids {', '.join(str(p.pid) for p in left)}")


def _signal(processes: Iterable[psutil.Process], send: Callable[[psutil.Process], None]) -> None:
    for process in processes:
        try:
            send(process)  # psutil refuses when the pid belongs to another program by now
        except psutil.NoSuchProcess:
            continue
