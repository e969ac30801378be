"""``make up`` and ``make down``: a Prefect server, an MLflow server and one worker on this machine, loopback only."""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

from deployments.processes import Process, ServiceFailed, find, free_port, programs, start, stop, wait_until

POOL = "clarify-pool"
LEAST_RUNS_AT_ONCE = 3
START_DEADLINE_SECONDS = 300.0
ANSWER_DEADLINE_SECONDS = 5.0

QUIET = {
    "DO_NOT_TRACK": "1",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "GX_ANALYTICS_ENABLED": "false",
}
"""No service reports its use to anybody."""


@dataclass(frozen=True)
class Place:
    """Where the services keep their state, logs and record: ``.clarify`` in a checkout."""

    checkout: Path

    @property
    def state(self) -> Path:
        return self.checkout / ".clarify"

    @property
    def record(self) -> Path:
        return self.state / "services.json"

    def log(self, name: str) -> Path:
        return self.state / "logs" / f"{name}.log"

    def environ(self) -> dict[str, str]:
        """The caller's environment with Prefect's home in the checkout and the services' telemetry off."""
        return {**os.environ, **QUIET, "PREFECT_HOME": str(self.state / "prefect")}


def up(place: Place) -> tuple[Process, ...]:
    """Start what does not run yet, deploy every flow of ``prefect.yaml``, and return all services."""
    with _only_one(place):
        running = {process.name: process for process in read_record(place) if find(process) is not None}
        for name, begin in STARTERS.items():
            if name in running:
                print(f"{name} already runs (pid {running[name].pid})")
                continue
            print(f"starting {name} ...", flush=True)
            # In the record before it is ready: whatever goes wrong from here on, `make down` finds it.
            running[name], is_ready = begin(place, running)
            write_record(place, tuple(running.values()))
            wait_until(is_ready, running[name], deadline_seconds=START_DEADLINE_SECONDS)
        return tuple(running.values())


def down(place: Place) -> tuple[str, ...]:
    """Stop the services of the record, the last started first, and return the names of those that ran."""
    with _only_one(place):
        stopped = []
        left = list(read_record(place))
        while left:
            print(f"stopping {left[-1].name} ...", flush=True)
            if stop(left[-1]):
                stopped.append(left[-1].name)
            left.pop()
            write_record(place, tuple(left))
        return tuple(stopped)


def read_record(place: Place) -> tuple[Process, ...]:
    """Return the services that were started from this checkout, whether they still run or not."""
    if not place.record.exists():
        return ()
    return tuple(Process(**entry) for entry in json.loads(place.record.read_text(encoding="utf-8"))["services"])


def write_record(place: Place, services: tuple[Process, ...]) -> None:
    """Replace the record in one step, so that a crash leaves the old one or the new one."""
    place.state.mkdir(parents=True, exist_ok=True)
    document = json.dumps({"services": [asdict(service) for service in services]}, indent=2)
    draft = place.record.with_suffix(".draft")
    draft.write_text(document, encoding="utf-8")
    os.replace(draft, place.record)


def start_prefect_server(
    *, log: Path, environ: Mapping[str, str], directory: Path, port: int
) -> tuple[Process, Callable[[], bool]]:
    """Start a Prefect server on the loopback address; the second value says whether it answers."""
    api = f"http://127.0.0.1:{port}/api"
    # Without its address the web page of a server on another port than 4200 still asks port 4200.
    settings = {**environ, "PREFECT_UI_API_URL": api, "PREFECT_API_URL": api}
    command = [str(programs() / "prefect"), "server", "start", "--host", "127.0.0.1", "--port", str(port)]
    process = start("prefect", command, log=log, environ=settings, directory=directory, address=api)
    return process, lambda: answers(f"{api}/health")


def start_mlflow_server(
    *, log: Path, environ: Mapping[str, str], directory: Path, store: Path, port: int
) -> tuple[Process, Callable[[], bool]]:
    """Start an MLflow server on the loopback address that keeps runs (SQLite) and artifacts in ``store``."""
    store.mkdir(parents=True, exist_ok=True)
    address = f"http://127.0.0.1:{port}"
    command = [str(programs() / "mlflow"), "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    command += ["--backend-store-uri", f"sqlite:///{store / 'mlflow.db'}", "--serve-artifacts"]
    command += ["--artifacts-destination", str(store / "artifacts")]
    on_path = {**environ, "PATH": f"{programs()}{os.pathsep}{environ.get('PATH', '')}"}  # it execs uvicorn by name
    process = start("mlflow", command, log=log, environ=on_path, directory=directory, address=address)
    return process, lambda: answers(f"{address}/health")


def answers(url: str) -> bool:
    """Whether a GET of ``url`` brings status 200."""
    try:
        with urllib.request.urlopen(url, timeout=ANSWER_DEADLINE_SECONDS) as answer:
            return int(answer.status) == 200
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return False


def _start_prefect(place: Place, running: Mapping[str, Process]) -> tuple[Process, Callable[[], bool]]:
    return start_prefect_server(
        log=place.log("prefect"), environ=place.environ(), directory=place.checkout, port=free_port(4200)
    )


def _start_mlflow(place: Place, running: Mapping[str, Process]) -> tuple[Process, Callable[[], bool]]:
    return start_mlflow_server(
        log=place.log("mlflow"),
        environ=place.environ(),
        directory=place.checkout,
        store=place.state / "mlflow",
        port=free_port(5000),
    )


def _start_worker(place: Place, running: Mapping[str, Process]) -> tuple[Process, Callable[[], bool]]:
    environ = place.environ() | {
        "PREFECT_API_URL": running["prefect"].address,
        "MLFLOW_TRACKING_URI": running["mlflow"].address,
        "PATH": f"{programs()}{os.pathsep}{os.environ.get('PATH', '')}",
    }
    _create_pool(place, environ)
    _deploy(place, environ)
    # A run is a process of some hundred megabytes: fifty monitors of one minute wait for each other.
    at_once = str(max(LEAST_RUNS_AT_ONCE, os.cpu_count() or 1))
    command = [str(programs() / "prefect"), "worker", "start", "--pool", POOL, "--type", "process", "--limit", at_once]
    process = start("worker", command, log=place.log("worker"), environ=environ, directory=place.checkout)
    return process, lambda: _polls(running["prefect"].address, since=process.started)


def _create_pool(place: Place, environ: Mapping[str, str]) -> None:
    if not answers(f"{environ['PREFECT_API_URL']}/work_pools/{POOL}"):
        _run_prefect(place, environ, "work-pool", "create", POOL, "--type", "process")


def _deploy(place: Place, environ: Mapping[str, str]) -> None:
    print("deploying the flows of prefect.yaml ...", flush=True)
    _run_prefect(place, environ, "--no-prompt", "deploy", "--all")


def _run_prefect(place: Place, environ: Mapping[str, str], *arguments: str) -> None:
    answer = subprocess.run(
        [str(programs() / "prefect"), *arguments],
        env=dict(environ),
        cwd=place.checkout,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    if answer.returncode != 0:
        raise ServiceFailed(f"`prefect {' '.join(arguments)}` failed:\n{answer.stdout}{answer.stderr}")


def _polls(api: str, *, since: float) -> bool:
    request = urllib.request.Request(
        f"{api}/work_pools/{POOL}/workers/filter", data=b"{}", headers={"Content-Type": "application/json"}
    )
    try:
        with urllib.request.urlopen(request, timeout=ANSWER_DEADLINE_SECONDS) as answer:
            workers = json.load(answer)
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return False
    return any(_seconds(worker["last_heartbeat_time"]) >= since for worker in workers)


def _seconds(moment: str) -> float:
    return datetime.fromisoformat(moment).timestamp()


@contextmanager
def _only_one(place: Place) -> Iterator[None]:
    place.state.mkdir(parents=True, exist_ok=True)
    with (place.state / "services.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ServiceFailed("another `make up` or `make down` is at work in this checkout; wait for it") from error
        yield


STARTERS: dict[str, Callable[[Place, Mapping[str, Process]], tuple[Process, Callable[[], bool]]]] = {
    "prefect": _start_prefect,
    "mlflow": _start_mlflow,
    "worker": _start_worker,
}
"""In the order of need; stopped in the reverse order."""


def _describe(services: tuple[Process, ...]) -> str:
    by_name = {service.name: service for service in services}
    api = by_name["prefect"].address
    return "\n".join(
        [
            "",
            f"Prefect  {api.removesuffix('/api')}",
            f"MLflow   {by_name['mlflow'].address}",
            f"worker   polls the pool '{POOL}'; its log is {by_name['worker'].log}",
            "",
            "To send your own shell's runs there:",
            f"    export PREFECT_API_URL={api} MLFLOW_TRACKING_URI={by_name['mlflow'].address}",
        ]
    )


def main(arguments: list[str]) -> int:
    """Run ``up`` or ``down`` for the checkout of the current directory; return the exit code."""
    place = Place(Path.cwd())
    try:
        if arguments == ["up"]:
            print(_describe(up(place)))
        elif arguments == ["down"]:
            print(f"stopped: {', '.join(down(place)) or 'nothing, nothing was running'}")
        else:
            print(f"received {arguments}; allowed: up, down", file=sys.stderr)
            return 2
    except ServiceFailed as failure:
        print(f"{failure}\nWhatever was started is in {place.record}; `make down` stops it.", file=sys.stderr)
        return 4
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
