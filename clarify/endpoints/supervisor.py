"""The process that owns a lease: it holds the port, restarts dead servers, and ends with its owner."""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

from clarify.endpoints.lease import (
    LeaseRecord,
    LeaseState,
    ProcessMark,
    read_record,
    remove_lease_files,
    take_renewal,
    write_record,
)

TICK_SECONDS = 0.2
RENEWAL_SECONDS = 1.0
TERM_SECONDS = 2.0
LOAD_FAILED = 3                              # exit status of a server whose model did not load


@dataclass(frozen=True)
class Order:
    """What the opener asked for."""

    lease_id: str
    record_path: str
    log_path: str
    model_uri: str
    model_path: str
    model_digest: str
    n_workers: int
    lease_seconds: float
    start_seconds: float
    max_restarts: int
    queue_length: int
    port: int
    owner: ProcessMark | None

    @classmethod
    def read(cls, text: str) -> Order:
        document = json.loads(text)
        owner = document.pop("owner")
        return cls(**document, owner=None if owner is None else ProcessMark(**owner))


@dataclass
class _Slot:
    """One server process and the pipe on which it says that it is ready."""

    process: subprocess.Popen[bytes]
    ready_fd: int
    started_at: float
    is_ready: bool = False


@dataclass
class Supervisor:
    """A small state machine: start, watch, restart, renew, end."""

    order: Order
    listener: socket.socket
    owner: ProcessMark | None
    renewed_until: float
    slots: list[_Slot] = field(default_factory=list)
    restarts: int = 0
    created_at: float = field(default_factory=time.time)
    written_at: float = 0.0
    was_ready: bool = False
    stopping: bool = False

    def run(self) -> int:
        """Serve until told to stop, the owner is gone, or the servers die too often; returns the exit status."""
        self.write("starting")
        self.slots = [self.start_server() for _ in range(self.order.n_workers)]
        self.write("starting")
        try:
            return self.watch()
        finally:
            self.end_servers()

    def watch(self) -> int:
        while not self.stopping:
            self.hear_servers()
            problem = self.mend()
            if problem:
                self.end_servers()
                self.write("failed", problem)
                return LOAD_FAILED
            if self.is_over():
                break
            self.write_when_due()
            time.sleep(TICK_SECONDS)
        self.end_servers()
        remove_lease_files(Path(self.order.record_path))
        return 0

    def is_over(self) -> bool:
        """Whether nobody wants this lease: the owner died, the time is up, or the record was taken away."""
        renewal = take_renewal(Path(self.order.record_path))
        if renewal is not None:
            self.renewed_until, self.owner = renewal.expires_at, renewal.owner or self.owner
        if not Path(self.order.record_path).exists():
            return True
        if self.owner is not None:
            return not self.owner.is_alive
        return time.time() > self.renewed_until

    def start_server(self) -> _Slot:
        reader, writer = os.pipe()
        order = self.order
        process = subprocess.Popen(
            [
                sys.executable, "-P", "-m", "clarify.endpoints.server", "--model", order.model_path,
                "--digest", order.model_digest, "--port", str(self.port), "--fd", str(self.listener.fileno()),
                "--ready-fd", str(writer), "--lease", order.record_path, "--parent", str(os.getpid()),
                "--workers", str(order.n_workers), "--queue-length", str(order.queue_length),
            ],
            stdin=subprocess.DEVNULL, pass_fds=(self.listener.fileno(), writer),
        )
        os.close(writer)
        return _Slot(process, reader, time.monotonic())

    def hear_servers(self) -> None:
        waiting = [slot for slot in self.slots if not slot.is_ready]
        heard, _, _ = select.select([slot.ready_fd for slot in waiting], [], [], 0)
        for slot in waiting:
            if slot.ready_fd in heard and os.read(slot.ready_fd, 16):
                slot.is_ready = True
        if waiting and self.all_ready:
            self.was_ready = True
            self.write("ready")

    def mend(self) -> str:
        """Replace dead servers; returns what is wrong when that is no use."""
        for position, slot in enumerate(self.slots):
            status = slot.process.poll()
            late = not slot.is_ready and time.monotonic() - slot.started_at > self.order.start_seconds
            if status is None and not late:
                continue
            if late:
                slot.process.kill()
                status = slot.process.wait()
            os.close(slot.ready_fd)
            slot.ready_fd = -1
            if not self.was_ready or self.restarts >= self.order.max_restarts:
                self.slots.pop(position)
                return _death_notice(status or 0, self.restarts)
            print(f"server {slot.process.pid} ended with status {status}; starting another", flush=True)
            self.restarts += 1
            self.slots[position] = self.start_server()
            self.write("restarting")
        return ""

    def end_servers(self) -> None:
        living = [slot for slot in self.slots if slot.process.poll() is None]
        for slot in living:
            slot.process.terminate()
        deadline = time.monotonic() + TERM_SECONDS
        for slot in living:
            try:
                slot.process.wait(timeout=max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                slot.process.kill()
                slot.process.wait()
        self.slots = []

    def write_when_due(self) -> None:
        if time.time() - self.written_at >= RENEWAL_SECONDS:
            self.write("ready" if self.all_ready else "restarting" if self.was_ready else "starting")

    def write(self, state: LeaseState, problem: str = "") -> None:
        order, now = self.order, time.time()
        expires_at = now + order.lease_seconds if self.owner is not None else self.renewed_until
        servers = tuple(ProcessMark.of(slot.process.pid) for slot in self.slots if slot.process.poll() is None)
        write_record(
            LeaseRecord(
                order.lease_id, order.record_path, state, f"http://127.0.0.1:{self.port}", self.port, order.model_uri,
                order.model_path, order.model_digest, self.owner, ProcessMark.current(), servers, order.n_workers,
                self.restarts, self.created_at, expires_at, order.lease_seconds,
                order.log_path, problem,
            )
        )
        self.written_at = now

    @property
    def port(self) -> int:
        port: int = self.listener.getsockname()[1]
        return port

    @property
    def all_ready(self) -> bool:
        return bool(self.slots) and all(slot.is_ready for slot in self.slots)

    def stop(self, number: int, frame: FrameType | None) -> None:
        """A signal's handler: the loop ends at its next turn."""
        self.stopping = True


def listen(port: int) -> socket.socket:
    """The lease's port on loopback. Held here, it outlives every server and nobody else can take it."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", port))
    listener.listen(128)
    return listener


def _death_notice(status: int, restarts: int) -> str:
    if status == LOAD_FAILED:
        return "the model could not be loaded"
    how = f"signal {-status}" if status < 0 else f"status {status}"
    return f"the server ended with {how} after {restarts} restarts"


def main(order_text: str) -> int:
    order = Order.read(order_text)
    if (stale := read_record(Path(order.record_path))) is not None and stale.supervisor.is_alive:
        print(f"lease {order.lease_id} is held by process {stale.supervisor.pid}", file=sys.stderr)
        return 2
    supervisor = Supervisor(order, listen(order.port), order.owner, time.time() + order.lease_seconds)
    signal.signal(signal.SIGTERM, supervisor.stop)
    signal.signal(signal.SIGINT, supervisor.stop)
    return supervisor.run()


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1]))
