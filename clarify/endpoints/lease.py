"""Leases of scoring servers: opened, renewed, closed, and reaped when nobody is left to close them."""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
import signal
import site
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Literal

import psutil

from clarify.endpoints.base import EndpointSpec
from clarify.endpoints.pinning import PinnedModel
from clarify.errors import ConfigError, EndpointError, EndpointUnavailable, Problem

LeaseState = Literal["starting", "ready", "restarting", "failed"]

LEASE_SECONDS = 30.0
START_SECONDS = 180.0
MAX_RESTARTS = 5
_GRACE_SECONDS = 5.0
_LOG_DAYS = 1.0
_TAIL_BYTES = 4_000

# A model's code sees these and nothing else: no cloud keys, no tokens, no home directory with credential files.
_ALLOWED_ENVIRONMENT = re.compile(
    r"^(PATH|LANG|LANGUAGE|LC_[A-Z]+|TZ|TMPDIR|TEMP|TMP|SYSTEMROOT|LD_LIBRARY_PATH|VIRTUAL_ENV|CONDA_PREFIX"
    r"|PYTHON(PATH|HASHSEED|USERBASE|NOUSERSITE|UTF8|IOENCODING|WARNINGS|DONTWRITEBYTECODE|PYCACHEPREFIX))$"
)

# Supervisors this process started: kept so that their exit is collected and no zombie is left.
_STARTED: dict[int, subprocess.Popen[bytes]] = {}


@dataclass(frozen=True)
class ProcessMark:
    """A process that cannot be mistaken for a later one with the same number: pid and start time (epoch seconds)."""

    pid: int
    started: float

    @classmethod
    def of(cls, pid: int) -> ProcessMark:
        return cls(pid, psutil.Process(pid).create_time())

    @classmethod
    def current(cls) -> ProcessMark:
        return cls.of(os.getpid())

    @property
    def is_alive(self) -> bool:
        """Whether that very process runs; a zombie does not."""
        try:
            process = psutil.Process(self.pid)
            # A start time is derived from the boot time, which the clock's discipline may move by a second.
            return abs(process.create_time() - self.started) < 2.0 and process.status() != psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return False


@dataclass(frozen=True)
class LeaseRecord:
    """The durable truth about one lease, written by its supervisor, readable by any later process."""

    lease_id: str
    record_path: str
    state: LeaseState
    url: str
    port: int
    model_uri: str
    model_path: str
    model_digest: str
    owner: ProcessMark | None                # None: lives until expires_at unless renewed
    supervisor: ProcessMark
    servers: tuple[ProcessMark, ...]
    n_workers: int
    restarts: int
    created_at: float                        # epoch seconds
    expires_at: float
    lease_seconds: float                     # how long it lives without an owner or a renewal
    log_path: str
    problem: str = ""

    def spec(self, spec: EndpointSpec | None = None) -> EndpointSpec:
        """An endpoint spec that points at this lease, keeping what the given one says of labels and scores."""
        return replace(spec or EndpointSpec(), url=self.url, model_path=None)


@dataclass(frozen=True)
class Renewal:
    """A request to the supervisor: live until ``expires_at``, and watch another owner if one is named."""

    expires_at: float
    owner: ProcessMark | None


# --- the public verbs -------------------------------------------------------------------------------------------------


def open_lease(
    model: PinnedModel,
    *,
    name: str | None = None,
    state_dir: str | None = None,
    n_workers: int = 1,
    owner: ProcessMark | None = None,
    outlive_owner: bool = False,
    lease_seconds: float = LEASE_SECONDS,
    start_seconds: float = START_SECONDS,
    max_restarts: int = MAX_RESTARTS,
    queue_length: int = 16,
    port: int = 0,
    allow_pickle: bool = True,
) -> LeaseRecord:
    """Start a supervised scoring server of a pinned model and wait until it answers.

    The lease ends when the owner process (this one unless named) is gone, when it is closed, or, with
    ``outlive_owner``, when ``lease_seconds`` pass without a renewal.

    Raises
    ------
    EndpointError
        ENDPOINT-MODEL-LOAD with the end of the server's log, when the model cannot be loaded.
    EndpointUnavailable
        ENDPOINT-START, when the server is not ready within ``start_seconds``.
    ConfigError
        ENDPOINT-LEASE-NAME, when the name is taken by a living lease or is not a plain word.
    """
    folder = lease_folder(state_dir)
    folder.mkdir(parents=True, exist_ok=True)
    lease_id = name or f"lease-{os.getpid()}-{secrets.token_hex(4)}"
    path = record_path(lease_id, state_dir)
    _refuse_taken(lease_id, path)
    order = {
        "lease_id": lease_id, "record_path": str(path), "log_path": str(path.with_suffix(".log")),
        "model_uri": model.pinned_uri, "model_path": model.path, "model_digest": model.digest,
        "n_workers": n_workers, "lease_seconds": lease_seconds, "start_seconds": start_seconds,
        "max_restarts": max_restarts, "queue_length": queue_length, "port": port,
        "owner": None if outlive_owner else asdict(owner or ProcessMark.current()),
    }
    supervisor = _start_supervisor(order, path, allow_pickle)
    return _wait_until_ready(path, supervisor, start_seconds)


def renew_lease(record: LeaseRecord, *, seconds: float = LEASE_SECONDS, owner: ProcessMark | None = None) -> None:
    """Ask the supervisor to live another ``seconds``, for another owner if one is named."""
    renewal = Renewal(time.time() + seconds, owner)
    write_atomically(Path(record.record_path).with_suffix(".renewal"), json.dumps(asdict(renewal)))


def close_lease(record: LeaseRecord, *, grace_seconds: float = _GRACE_SECONDS) -> None:
    """End supervisor and servers, by request then by force, and remove the record. Closing twice is harmless.

    Raises
    ------
    EndpointError
        ENDPOINT-CLOSE, when a process survived SIGKILL; the record stays for the reaper.
    """
    latest = read_record(Path(record.record_path)) or record
    _end(latest.supervisor, latest.servers, grace_seconds)
    survivors = [mark.pid for mark in (latest.supervisor, *latest.servers) if mark.is_alive]
    if survivors:
        raise EndpointError(
            Problem("ENDPOINT-CLOSE", "lease", f"processes {survivors} live", "no process left", record.lease_id)
        )
    remove_lease_files(Path(record.record_path))


def reap(state_dir: str | None = None) -> tuple[LeaseRecord, ...]:
    """End every lease whose owner or supervisor is gone or whose time is over; returns those ended.

    Run at every start: nothing else covers a machine that lost its power.
    """
    ended = []
    for record in list_leases(state_dir):
        if is_orphaned(record):
            close_lease(record, grace_seconds=1.0)
            ended.append(record)
    _remove_old_logs(lease_folder(state_dir))
    return tuple(ended)


def is_orphaned(record: LeaseRecord) -> bool:
    """Whether nobody answers for this lease any more."""
    owner_gone = record.owner is not None and not record.owner.is_alive
    return owner_gone or not record.supervisor.is_alive or record.expires_at < time.time()


def list_leases(state_dir: str | None = None) -> tuple[LeaseRecord, ...]:
    """Every readable record, living or not, by name."""
    records = [read_record(path) for path in sorted(lease_folder(state_dir).glob("*.json"))]
    return tuple(record for record in records if record is not None)


def find_lease(name: str, state_dir: str | None = None) -> LeaseRecord | None:
    """The record of one lease, or None."""
    return read_record(record_path(name, state_dir))


def log_tail(record: LeaseRecord) -> str:
    """The end of the server's log, at most 4,000 bytes."""
    return tail(Path(record.log_path))


# --- the record on disk -----------------------------------------------------------------------------------------------


def lease_folder(state_dir: str | None = None) -> Path:
    """Where records lie: ``<state_dir>/leases``, by default below $CLARIFY_STATE_DIR or ``.clarify``."""
    return Path(state_dir or os.environ.get("CLARIFY_STATE_DIR") or ".clarify").resolve() / "leases"


def record_path(lease_id: str, state_dir: str | None = None) -> Path:
    """The record's file; a name is a plain word, so that it cannot leave the folder."""
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}", lease_id):
        raise ConfigError(
            Problem("ENDPOINT-LEASE-NAME", "lease.name", lease_id, "letters, digits, dot, dash and underscore")
        )
    return lease_folder(state_dir) / f"{lease_id}.json"


def write_record(record: LeaseRecord) -> None:
    """Replace the record in one step, so that a reader sees the old one or the new one."""
    write_atomically(Path(record.record_path), json.dumps(asdict(record), indent=2))


def write_atomically(path: Path, text: str) -> None:
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    with beside.open("w", encoding="utf-8") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())
    beside.replace(path)


def read_record(path: Path) -> LeaseRecord | None:
    """The record, or None when it is gone or is not a record."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        marks = tuple(ProcessMark(**mark) for mark in document.pop("servers"))
        supervisor = ProcessMark(**document.pop("supervisor"))
        owner = document.pop("owner")
        owner_mark = None if owner is None else ProcessMark(**owner)
        return LeaseRecord(**document, servers=marks, supervisor=supervisor, owner=owner_mark)
    except (FileNotFoundError, ValueError, TypeError, KeyError):
        return None


def take_renewal(path: Path) -> Renewal | None:
    """What was asked since the last look; the request is consumed."""
    asked = path.with_suffix(".renewal")
    try:
        document = json.loads(asked.read_text(encoding="utf-8"))
        asked.unlink()
    except (FileNotFoundError, ValueError):
        return None
    owner = document["owner"]
    return Renewal(float(document["expires_at"]), None if owner is None else ProcessMark(**owner))


def remove_lease_files(path: Path) -> None:
    """Remove the record and the server's home; the log stays for a day."""
    path.unlink(missing_ok=True)
    path.with_suffix(".renewal").unlink(missing_ok=True)
    shutil.rmtree(path.with_suffix(".home"), ignore_errors=True)


# --- processes --------------------------------------------------------------------------------------------------------


def clean_environment(
    home: str, *, allow_pickle: bool = True, inherited: Mapping[str, str] | None = None
) -> dict[str, str]:
    """The environment of a process that runs a model's code, built from an allow-list.

    HOME points at an empty directory: credential files of cloud tools are found through it.
    """
    source = os.environ if inherited is None else inherited
    kept = {name: value for name, value in source.items() if _ALLOWED_ENVIRONMENT.fullmatch(name)}
    one_thread = dict.fromkeys(
        ("OMP_NUM_THREADS", "OMP_THREAD_LIMIT", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS"), "1"
    )
    return {
        "PYTHONUSERBASE": site.getuserbase(), **kept, **one_thread,
        "HOME": home, "PYTHONUNBUFFERED": "1", "MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "1",
        "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "true" if allow_pickle else "false",
    }


def _start_supervisor(order: Mapping[str, object], path: Path, allow_pickle: bool) -> subprocess.Popen[bytes]:
    home = path.with_suffix(".home")
    home.mkdir(mode=0o700, exist_ok=True)
    with path.with_suffix(".log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "clarify.endpoints.supervisor", json.dumps(order)],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=home, start_new_session=True,
            env=clean_environment(str(home), allow_pickle=allow_pickle),
        )
    _STARTED[process.pid] = process
    return process


def _wait_until_ready(path: Path, supervisor: subprocess.Popen[bytes], start_seconds: float) -> LeaseRecord:
    deadline = time.monotonic() + start_seconds
    try:
        while time.monotonic() < deadline:
            record = read_record(path)
            if record is not None and record.state == "ready":
                return record
            if supervisor.poll() is not None or (record is not None and record.state == "failed"):
                raise _load_failure(read_record(path), path)
            time.sleep(0.05)
        raise EndpointUnavailable(
            Problem(
                "ENDPOINT-START", "endpoint", f"not ready after {start_seconds:g} s", "a server that answers in time",
                tail(path.with_suffix(".log"))[-1000:],
            )
        )
    except BaseException:
        _abandon(path, supervisor)
        raise


def _load_failure(record: LeaseRecord | None, path: Path) -> EndpointError:
    log = tail(path.with_suffix(".log"))
    reason = record.problem if record is not None and record.problem else "the server ended before it was ready"
    return EndpointError(
        Problem(
            "ENDPOINT-MODEL-LOAD", "model", reason, "a model that loads in this environment",
            f"the server's log ends with:\n{log}",
        )
    )


def _abandon(path: Path, supervisor: subprocess.Popen[bytes]) -> None:
    record = read_record(path)
    if supervisor.poll() is None:
        _end(ProcessMark.of(supervisor.pid), () if record is None else record.servers, 1.0)
    _STARTED.pop(supervisor.pid, None)
    remove_lease_files(path)


def _end(supervisor: ProcessMark, servers: tuple[ProcessMark, ...], grace_seconds: float) -> None:
    """TERM the supervisor, which ends its servers; then KILL the whole session, guarded by start times."""
    if supervisor.is_alive:
        _send(supervisor, signal.SIGTERM)
        _await_death((supervisor, *servers), grace_seconds)
    for mark in (supervisor, *servers):
        if mark.is_alive:
            _kill_session(supervisor.pid, mark)
    _await_death((supervisor, *servers), grace_seconds)
    child = _STARTED.pop(supervisor.pid, None)
    if child is not None:
        child.wait(timeout=grace_seconds)


def _kill_session(session: int, mark: ProcessMark) -> None:
    """Kill a marked process and, when it still belongs to the lease's group, whatever the model started there."""
    try:
        in_group = os.getpgid(mark.pid) == session
    except ProcessLookupError:
        return
    if in_group and session != os.getpgid(0):
        os.killpg(session, signal.SIGKILL)
    else:
        _send(mark, signal.SIGKILL)


def _send(mark: ProcessMark, number: signal.Signals) -> None:
    try:
        os.kill(mark.pid, number)
    except ProcessLookupError:
        return


def _await_death(marks: tuple[ProcessMark, ...], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and any(mark.is_alive for mark in marks):
        time.sleep(0.02)


def _refuse_taken(lease_id: str, path: Path) -> None:
    record = read_record(path)
    if record is None:
        return
    if not is_orphaned(record):
        raise ConfigError(
            Problem("ENDPOINT-LEASE-NAME", "lease.name", lease_id, "a name no living lease has", f"see {record.url}")
        )
    close_lease(record, grace_seconds=1.0)


def _remove_old_logs(folder: Path) -> None:
    for log in folder.glob("*.log"):
        old = time.time() - log.stat().st_mtime > _LOG_DAYS * 86_400
        if old and not log.with_suffix(".json").exists():
            log.unlink(missing_ok=True)


def tail(path: Path) -> str:
    """The last 4,000 bytes of a text file, or nothing when there is none."""
    try:
        return path.read_bytes()[-_TAIL_BYTES:].decode("utf-8", "replace")
    except FileNotFoundError:
        return ""
