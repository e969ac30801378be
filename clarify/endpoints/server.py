"""The isolated scoring server: one MLflow model in its own process, on loopback, for as long as its lease lives."""

from __future__ import annotations

import argparse
import json
import os
import socket
import sys
import threading
import time
import traceback
from collections.abc import Awaitable, Callable, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clarify.endpoints import codec, oip
from clarify.endpoints.base import Answer, ModelMetadata
from clarify.endpoints.lease import read_record
from clarify.endpoints.pinning import model_digest
from clarify.errors import BadPrediction, ClarifyError, EndpointError, Problem

if TYPE_CHECKING:
    from clarify.endpoints.scoring import Scorer

MODEL_NAME = "model"
SERVER_NAME = "clarify"
MOST_BODY_BYTES = 128 * 1024 * 1024
WATCH_SECONDS = 0.5
LOAD_FAILED = 3

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


@dataclass(frozen=True)
class Reply:
    """One HTTP answer."""

    status: int
    body: bytes
    content_type: str = codec.JSON
    headers: tuple[tuple[str, str], ...] = ()


@dataclass
class ScoringApp:
    """The ASGI application: health and metadata at once, predictions one at a time behind a bounded queue."""

    scorer: Scorer
    metadata: ModelMetadata
    queue_length: int
    waiting: int = 0
    thread: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(max_workers=1))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        if scope["method"] == "GET":
            reply = self.tell(scope["path"], headers)
        elif scope["method"] == "POST":
            reply = await self.answer(scope["path"], headers, receive)
        else:
            reply = _refusal(405, "ENDPOINT-REQUEST", "request.method", scope["method"], "GET or POST")
        await _send(reply, send)

    def tell(self, path: str, headers: dict[str, str]) -> Reply:
        """Answers that need no model."""
        if not _is_loopback_host(headers.get("host", "")):
            return _foreign_host(headers)
        if path in ("/ping", "/health", "/v2/health/ready", "/v2/health/live"):
            return Reply(200, b"{}")
        if path == "/v2":
            return Reply(200, codec.dump_json({"name": SERVER_NAME, "extensions": ["binary_tensor_data"]}))
        if path in (f"/v2/models/{MODEL_NAME}", "/metadata"):
            return Reply(200, codec.dump_json(metadata_document(self.metadata)))
        return _refusal(404, "ENDPOINT-REQUEST", "request.path", path, "/ping, /v2, /v2/models/model, /invocations")

    async def answer(self, path: str, headers: dict[str, str], receive: Receive) -> Reply:
        """Read a request and score it, or say that the queue is full."""
        had_to_wait = self.waiting > 0
        if self.waiting >= self.queue_length:
            await _body_of(receive)
            return _refusal(
                429, "ENDPOINT-BUSY", "endpoint.queue", f"{self.waiting} requests wait", f"at most {self.queue_length}",
                (("Retry-After", "1"),),
            )
        self.waiting += 1
        try:
            reply = await self.score(path, headers, await _body_of(receive))
        finally:
            self.waiting -= 1
        if had_to_wait and self.metadata.n_workers > 1:
            # Two clients sit on this process: sent away, one meets an idle sibling at the shared socket.
            return Reply(reply.status, reply.body, reply.content_type, (*reply.headers, ("Connection", "close")))
        return reply

    async def score(self, path: str, headers: dict[str, str], body: bytes | None) -> Reply:
        import asyncio

        if not _is_loopback_host(headers.get("host", "")):
            return _foreign_host(headers)
        if body is None:
            return _refusal(413, "ENDPOINT-REQUEST", "request.body", "too many bytes", f"{MOST_BODY_BYTES} bytes")
        if path == f"/v2/models/{MODEL_NAME}/infer":
            work = self.infer
        elif path == "/invocations":
            work = self.invoke
        else:
            return _refusal(404, "ENDPOINT-REQUEST", "request.path", path, "/invocations, /v2/models/model/infer")
        return await asyncio.get_running_loop().run_in_executor(self.thread, _guarded, work, headers, body)

    def infer(self, headers: dict[str, str], body: bytes) -> Reply:
        """The Open Inference Protocol: a binary tensor in, a binary tensor out."""
        length = headers.get(oip.HEADER_LENGTH.lower())
        request = oip.read_request(body, int(length) if length and length.isdigit() else None)
        answer = self.scorer.score_matrix(request.names, request.kinds, request.values)
        encoded, header_length = oip.encode_answer(answer, MODEL_NAME, self.metadata.digest)
        return Reply(200, encoded, oip.OCTETS, ((oip.HEADER_LENGTH, str(header_length)),))

    def invoke(self, headers: dict[str, str], body: bytes) -> Reply:
        """AWS's and MLflow's path: Arrow, CSV with a header, or JSON; the answer's format follows ``Accept``."""
        content_type = headers.get("content-type", codec.JSON)
        answer = self.scorer.score_table(codec.read_table(body, content_type))
        return _encoded(answer, headers.get("accept", "*/*"), content_type)


def metadata_document(metadata: ModelMetadata) -> dict[str, object]:
    """Model metadata as the Open Inference Protocol shapes it; what it lacks lies under ``parameters``."""
    inputs = [asdict(column) for column in metadata.inputs]
    return {
        "name": MODEL_NAME, "platform": "mlflow", "versions": [],
        "inputs": [{"name": "rows", "datatype": "FP64", "shape": [-1, len(inputs) or -1]}],
        "outputs": [
            {"name": "labels", "datatype": "BYTES", "shape": [-1]}
            if metadata.output_kind == "label"
            else {"name": "scores", "datatype": "FP64", "shape": [-1, len(metadata.classes) or -1]}
        ],
        "parameters": {
            "server": SERVER_NAME, "output_kind": metadata.output_kind, "classes": list(metadata.classes),
            "columns": inputs, "digest": metadata.digest, "n_workers": metadata.n_workers,
        },
    }


# --- one request ------------------------------------------------------------------------------------------------------


def _guarded(work: Callable[[dict[str, str], bytes], Reply], headers: dict[str, str], body: bytes) -> Reply:
    """Errors with a Problem become its JSON: 400 for the request, 422 for a model that failed on these rows."""
    try:
        return work(headers, body)
    except ClarifyError as error:
        if error.__cause__ is not None:
            traceback.print_exception(error.__cause__)
        problems = [asdict(problem) for problem in error.problems]
        return Reply(422 if isinstance(error, BadPrediction) else 400, codec.dump_json({"problems": problems}))


def _encoded(answer: Answer, accept: str, content_type: str) -> Reply:
    if codec.ARROW_STREAM in accept or (content_type == codec.ARROW_STREAM and codec.JSON not in accept):
        return Reply(200, codec.table_to_stream(codec.answer_to_table(answer)), codec.ARROW_STREAM)
    if codec.CSV in accept:
        return Reply(200, codec.encode_table_csv(codec.answer_to_table(answer)), codec.CSV)
    return Reply(200, codec.answer_to_json(answer))


async def _body_of(receive: Receive) -> bytes | None:
    """The whole body, or None when it is larger than we read."""
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return b""
        part = message.get("body", b"")
        size += len(part)
        if size <= MOST_BODY_BYTES:
            parts.append(part)
        else:
            parts.clear()
        if not message.get("more_body", False):
            return b"".join(parts) if size <= MOST_BODY_BYTES else None


async def _send(reply: Reply, send: Send) -> None:
    headers = [
        (b"content-type", reply.content_type.encode()), (b"content-length", str(len(reply.body)).encode()),
        *((name.lower().encode(), value.encode()) for name, value in reply.headers),
    ]
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    await send({"type": "http.response.body", "body": reply.body})


def _refusal(
    status: int, code: str, place: str, received: str, allowed: str, headers: tuple[tuple[str, str], ...] = ()
) -> Reply:
    problem = Problem(code, place, received, allowed)
    return Reply(status, codec.dump_json({"problems": [asdict(problem)]}), headers=headers)


def _is_loopback_host(host: str) -> bool:
    # A page in a browser can reach loopback under a name of its own; only the true names are answered.
    return host.rsplit(":", 1)[0] in ("127.0.0.1", "localhost", "")


def _foreign_host(headers: dict[str, str]) -> Reply:
    return _refusal(421, "ENDPOINT-REQUEST", "request.host", headers.get("host", ""), "127.0.0.1 or localhost")


# --- one process ------------------------------------------------------------------------------------------------------


def watch_lease(lease_path: str | None, parent: int | None) -> None:
    """End this process as soon as its parent or its lease is gone: the last line against orphans."""
    while True:
        time.sleep(WATCH_SECONDS)
        if parent is not None and os.getppid() != parent:
            _end_now("the supervisor is gone")
        if lease_path is None:
            continue
        record = read_record(Path(lease_path))
        if record is None:
            _end_now("the lease was removed")
        elif record.expires_at < time.time():
            _end_now("the lease has expired")


def _end_now(reason: str) -> None:
    print(f"ending: {reason}", file=sys.stderr, flush=True)
    os._exit(0)


def load(options: argparse.Namespace) -> ScoringApp:
    """Check the digest before the model's code runs, then load it.

    Raises
    ------
    EndpointError
        ENDPOINT-MODEL-DIGEST, when the files changed since they were pinned; ENDPOINT-MODEL-LOAD.
    """
    digest = model_digest(options.model)
    if options.digest and digest != options.digest:
        raise EndpointError(
            Problem("ENDPOINT-MODEL-DIGEST", "model", digest, options.digest, "files changed after they were pinned")
        )
    from clarify.endpoints.scoring import load_scorer

    scorer = load_scorer(options.model)
    metadata = scorer.metadata("clarify", digest=digest, n_workers=options.workers)
    return ScoringApp(scorer, metadata, options.queue_length)


def serve(app: ScoringApp, options: argparse.Namespace) -> None:
    import uvicorn

    listener = socket.socket(fileno=options.fd) if options.fd is not None else _bind(options.port)
    config = uvicorn.Config(
        app, http="h11", loop="asyncio", ws="none", lifespan="off", access_log=False, log_level="warning",
        timeout_keep_alive=300, timeout_graceful_shutdown=1, server_header=False, date_header=False,
    )
    if options.ready_fd is not None:
        os.write(options.ready_fd, b"ready\n")
        os.close(options.ready_fd)
    uvicorn.Server(config).run(sockets=[listener])


def _bind(port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", port))
    return listener


def read_options(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m clarify.endpoints.server", description=__doc__)
    parser.add_argument("--model", required=True, help="MLflow model directory")
    parser.add_argument("--digest", default="", help="SHA-256 the directory must have")
    parser.add_argument("--port", type=int, default=0, help="port on loopback")
    parser.add_argument("--fd", type=int, help="listening socket inherited from the supervisor")
    parser.add_argument("--ready-fd", type=int, help="pipe on which to say that the model is loaded")
    parser.add_argument("--lease", help="lease record; the process ends with it")
    parser.add_argument("--parent", type=int, help="pid of the supervisor; the process ends with it")
    parser.add_argument("--workers", type=int, default=1, help="how many processes share the socket")
    parser.add_argument("--queue-length", type=int, default=16, help="requests that may wait before 429")
    return parser.parse_args(arguments)


def main(arguments: list[str]) -> int:
    options = read_options(arguments)
    threading.Thread(target=watch_lease, args=(options.lease, options.parent), daemon=True).start()
    try:
        app = load(options)
    except EndpointError as error:
        if error.__cause__ is not None:
            traceback.print_exception(error.__cause__)
        print(json.dumps([asdict(problem) for problem in error.problems]), file=sys.stderr, flush=True)
        return LOAD_FAILED
    serve(app, options)
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
