"""Asking a model behind HTTP: ours, MLflow's, an Open Inference Protocol server, or a container on /invocations."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import SplitResult

from clarify.endpoints import codec, oip
from clarify.endpoints.addresses import checked_address, is_refused, refused_address
from clarify.endpoints.base import Answer, EndpointSpec, InputColumn, ModelMetadata, Predictions, TensorSpec, Transport
from clarify.endpoints.batching import cut, joined, requests_of, rows_per_request
from clarify.endpoints.selection import no_predictions, select_predictions
from clarify.errors import BadPrediction, ConfigError, EndpointUnavailable, Problem, clip
from clarify.features import Features

if TYPE_CHECKING:
    import httpx

# Waits between attempts, in seconds, the last one repeated: deterministic, so that a run can be told in advance.
BACK_OFF_SECONDS = (0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 3.0)
LONGEST_RETRY_AFTER_SECONDS = 30.0
# A 500 is either a passing upset or a row the model cannot take; after this many the caller had better bisect.
MOST_SERVER_ERRORS = 3
METADATA_BYTES = 4 * 1024 * 1024
ANSWER_BYTES = 1024 * 1024
ANSWER_BYTES_PER_ROW = 4096
_TRY_LATER = (429, 502, 503, 504)


@dataclass(frozen=True)
class Received:
    """One HTTP answer, read whole and within the caps."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class Request:
    """One HTTP request, ready to be sent again if need be."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes
    most_answer_bytes: int


class HttpEndpoint:
    """An endpoint behind a URL; one per thread or process, since it keeps a connection alive.

    Raises
    ------
    ConfigError
        ENDPOINT-ADDRESS, when the URL is not http(s) or resolves to a link-local address.
    EndpointUnavailable
        ENDPOINT-UNAVAILABLE, when nobody answers within ``spec.unavailable_seconds``.
    """

    def __init__(self, spec: EndpointSpec) -> None:
        self.spec = spec
        self._address = checked_address(spec.url or "")
        self._caller = Caller(spec)
        self.metadata = _discover(self._address, self._caller, spec)

    def predict(self, features: Features) -> Predictions:
        """Predictions in the order of the rows.

        Raises
        ------
        EndpointUnavailable
            Nobody answered in time: the same rows may succeed later.
        BadPrediction
            The answer cannot be used (ENDPOINT-ROWS, ENDPOINT-FORMAT, ENDPOINT-STATUS, ENDPOINT-MODEL-RAISED, ...).
        DataError
            The rows cannot be said in the server's protocol (ENDPOINT-NULL-TEXT, ENDPOINT-INPUTS).
        """
        if len(features) == 0:
            return no_predictions(self.metadata, self.spec)
        transport = self._transport(features)
        most_rows = rows_per_request(len(features.columns), as_text=transport in ("csv", "json"))
        answers = [
            cut(self._ask(part, transport), n_rows) for part, n_rows in requests_of(features, most_rows)
        ]
        return select_predictions(joined(answers), self.metadata, self.spec)

    def close(self) -> None:
        """Give the connection back."""
        self._caller.close()

    def __enter__(self) -> HttpEndpoint:
        return self

    def __exit__(self, *raised: object) -> None:
        self.close()

    def _transport(self, features: Features) -> Transport:
        if self.spec.transport != "auto":
            return self.spec.transport
        if self.metadata.server == "clarify":
            return "tensor" if features.is_numeric else "arrow"
        if self.metadata.server == "oip":
            return "tensor"
        return _text_transport(self.spec.content_type)

    def _ask(self, features: Features, transport: Transport) -> Answer:
        request = _request(features, transport, self.metadata, self._address, self.spec)
        return _read(self._caller.call(request), len(features), self.spec)


def read_metadata(spec: EndpointSpec) -> ModelMetadata:
    """What the server behind a spec says of its model; raises as ``HttpEndpoint``."""
    with HttpEndpoint(spec) as endpoint:
        return endpoint.metadata


# --- requests and answers ---------------------------------------------------------------------------------------------


def _text_transport(content_type: str | None) -> Transport:
    kind = (content_type or codec.CSV).split(";")[0].strip().lower()
    if kind == codec.CSV:
        return "csv"
    if kind == codec.JSON:
        return "json"
    raise ConfigError(
        Problem("ENDPOINT-CONTENT-TYPE", "predictor.content_type", kind, f"{codec.CSV} or {codec.JSON}")
    )


def _request(
    features: Features, transport: Transport, metadata: ModelMetadata, address: SplitResult, spec: EndpointSpec
) -> Request:
    most = ANSWER_BYTES + ANSWER_BYTES_PER_ROW * len(features)
    if transport == "tensor":
        if metadata.server == "clarify":
            body, length = oip.encode_features(features)
            url = f"{_base(address)}/v2/models/model/infer"
        else:
            body, length = oip.encode_foreign(features, metadata.tensors)
            url = metadata.url
        headers = {"Content-Type": oip.OCTETS, oip.HEADER_LENGTH: str(length)}
        return Request("POST", url, headers, body, most)
    if transport == "arrow":
        body, content_type, accept = codec.encode_arrow(features), codec.ARROW_STREAM, codec.ARROW_STREAM
    elif transport == "json":
        body, content_type = codec.encode_dataframe_split(features), codec.JSON
        accept = spec.accept_type or codec.JSON
    else:
        body = codec.encode_csv(features, header=metadata.server in ("clarify", "mlflow"))
        content_type, accept = codec.CSV, spec.accept_type or (codec.JSON if metadata.server == "mlflow" else codec.CSV)
    return Request("POST", _invocations(address), {"Content-Type": content_type, "Accept": accept}, body, most)


def _read(received: Received, n_rows: int, spec: EndpointSpec) -> Answer:
    kind = received.headers.get("content-type", "").split(";")[0].strip().lower()
    length = received.headers.get(oip.HEADER_LENGTH.lower(), "")
    if length.isdigit() or kind == oip.OCTETS:
        return oip.read_answer(received.body, int(length) if length.isdigit() else None, n_rows)
    if kind == codec.ARROW_STREAM:
        return codec.read_arrow_answer(received.body, n_rows)
    if kind in (codec.JSON, codec.JSON_LINES, "application/x-ndjson") or _looks_like_json(received.body, kind):
        if received.body[:400].find(b'"outputs"') >= 0:
            return oip.read_answer(received.body, None, n_rows)
        return codec.read_json_answer(received.body, n_rows, label=spec.label, probability=spec.probability)
    label, probability = _position(spec.label, "label"), _position(spec.probability, "probability")
    return codec.read_csv_answer(received.body, n_rows, label=label, probability=probability)


def _looks_like_json(body: bytes, kind: str) -> bool:
    return kind != codec.CSV and body.lstrip()[:1] == b"{"


def _position(place: int | str | None, key: str) -> int | None:
    if place is None or isinstance(place, int):
        return place
    if place.isdigit():
        return int(place)
    raise ConfigError(
        Problem("ENDPOINT-CSV-POSITION", f"predictor.{key}", place, "a column's position, as the answer is CSV")
    )


def _base(address: SplitResult) -> str:
    path = address.path.rstrip("/").removesuffix("/invocations")
    return f"{address.scheme}://{address.netloc}{path}"


def _invocations(address: SplitResult) -> str:
    """A URL with a path of its own is taken as it is; a bare host answers at /invocations."""
    if address.path.strip("/"):
        query = f"?{address.query}" if address.query else ""
        return f"{address.scheme}://{address.netloc}{address.path}{query}"
    return f"{address.scheme}://{address.netloc}/invocations"


# --- who answers ------------------------------------------------------------------------------------------------------


def _discover(address: SplitResult, caller: Caller, spec: EndpointSpec) -> ModelMetadata:
    """Ask the server who it is: ours, an Open Inference Protocol model named in the path, MLflow's, or a container."""
    if "/v2/models/" in address.path:
        return _foreign_tensors(address, caller)
    if address.path.strip("/") not in ("", "invocations"):
        return ModelMetadata("invocations")
    base = f"{address.scheme}://{address.netloc}"
    ours = _get(caller, f"{base}/v2/models/model")
    parameters = ours.get("parameters") if ours is not None else None
    if isinstance(parameters, dict) and parameters.get("server") == "clarify":
        return _our_metadata(parameters)
    version = caller.call(Request("GET", f"{base}/version", {}, b"", METADATA_BYTES), accept_any=True)
    if version.status == 200 and version.body[:1].isdigit() and len(version.body) < 40:
        return ModelMetadata("mlflow")
    return ModelMetadata("invocations")


def _get(caller: Caller, url: str) -> dict[str, codec.Json] | None:
    received = caller.call(Request("GET", url, {}, b"", METADATA_BYTES), accept_any=True)
    if received.status != 200:
        return None
    try:
        document = json.loads(received.body)
    except (ValueError, RecursionError):
        return None
    return document if isinstance(document, dict) else None


def _our_metadata(parameters: Mapping[str, codec.Json]) -> ModelMetadata:
    try:
        columns = tuple(InputColumn(**column) for column in parameters["columns"])  # type: ignore[union-attr, arg-type]
        return ModelMetadata(
            "clarify", parameters["output_kind"], tuple(parameters["classes"]), columns,  # type: ignore[arg-type]
            str(parameters["digest"]), int(parameters["n_workers"]),  # type: ignore[arg-type]
        )
    except (KeyError, TypeError) as error:
        raise codec.bad_format(str(parameters).encode(), "our server's metadata", str(error)) from error


def _foreign_tensors(address: SplitResult, caller: Caller) -> ModelMetadata:
    path = address.path.rstrip("/").removesuffix("/infer")
    model = f"{address.scheme}://{address.netloc}{path}"
    document = _get(caller, model)
    listed = document.get("inputs", []) if document is not None else []
    tensors = tuple(
        TensorSpec(str(entry.get("name")), str(entry.get("datatype", "")), _rank(entry.get("shape")))
        for entry in (listed if isinstance(listed, list) else [])
        if isinstance(entry, dict)
    )
    return ModelMetadata("oip", tensors=tensors, url=f"{model}/infer")


def _rank(shape: codec.Json) -> int:
    return len(shape) if isinstance(shape, list) else 2


# --- one connection ---------------------------------------------------------------------------------------------------


class Caller:
    """Sends requests over a kept connection, retries what is worth it, and reads no more than it may."""

    def __init__(self, spec: EndpointSpec) -> None:
        import httpx

        self._timeout_seconds = spec.timeout_seconds
        self._unavailable_seconds = spec.unavailable_seconds
        # trust_env would send credentials from ~/.netrc and go through proxies nobody named here.
        self._client: httpx.Client = httpx.Client(
            timeout=spec.timeout_seconds, follow_redirects=False, trust_env=False,
            headers={"Accept-Encoding": "identity"},
        )

    def close(self) -> None:
        self._client.close()

    def call(self, request: Request, *, accept_any: bool = False) -> Received:
        """Send until answered; a status other than 200 raises unless ``accept_any``."""
        deadline = time.monotonic() + self._unavailable_seconds
        server_errors, attempts = 0, 0
        while True:
            outcome = self._attempt(request)
            wait = BACK_OFF_SECONDS[min(attempts, len(BACK_OFF_SECONDS) - 1)]
            attempts += 1
            if isinstance(outcome, Received):
                if outcome.status == 200 or (accept_any and outcome.status not in _TRY_LATER):
                    return outcome
                server_errors += outcome.status == 500
                if outcome.status not in (*_TRY_LATER, 500) or server_errors >= MOST_SERVER_ERRORS:
                    raise _refused(outcome)
                wait = max(wait, _retry_after(outcome))
                outcome = f"status {outcome.status}"
            if time.monotonic() + wait > deadline:
                raise _nobody(request.url, outcome, self._unavailable_seconds)
            time.sleep(wait)

    def _attempt(self, request: Request) -> Received | str:
        """The answer, or in words why there was none and another try is worth it."""
        import httpx

        try:
            with self._client.stream(
                request.method, request.url, headers=dict(request.headers), content=request.body or None
            ) as response:
                return self._received(response, request)
        except (httpx.TransportError, OSError) as error:
            return f"{type(error).__name__}: {error}"

    def _received(self, response: httpx.Response, request: Request) -> Received:
        _check_peer(response)
        encoding = response.headers.get("content-encoding", "identity")
        if encoding != "identity":
            raise codec.bad_format(encoding.encode(), "an answer that is not compressed", "we asked for identity")
        deadline = time.monotonic() + self._timeout_seconds
        parts: list[bytes] = []
        size = 0
        for part in response.iter_raw():
            size += len(part)
            if size > request.most_answer_bytes:
                raise _too_much(request.most_answer_bytes)
            if time.monotonic() > deadline:
                raise _too_slow(self._timeout_seconds)
            parts.append(part)
        return Received(response.status_code, response.headers, b"".join(parts))


def _check_peer(response: httpx.Response) -> None:
    """A name may resolve to another address when the connection is made than when it was checked."""
    stream = response.extensions.get("network_stream")
    peer = stream.get_extra_info("server_addr") if stream is not None else None
    if peer and is_refused(str(peer[0])):
        raise refused_address(str(peer[0]), "the name moved to a link-local address")


def _retry_after(received: Received) -> float:
    try:
        return min(max(float(received.headers.get("retry-after", "0")), 0.0), LONGEST_RETRY_AFTER_SECONDS)
    except ValueError:
        return 0.0                           # a date: our own schedule is as good


def _refused(received: Received) -> BadPrediction:
    """The server's own problems when it is ours, else its status and the beginning of what it said."""
    try:
        document = json.loads(received.body)
        return BadPrediction(*(Problem(**{k: str(v) for k, v in problem.items()}) for problem in document["problems"]))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        said = received.body[:300].decode("utf-8", "replace")
        return BadPrediction(
            Problem("ENDPOINT-STATUS", "endpoint.status", str(received.status), "200", f"the server said: {clip(said)}")
        )


def _nobody(url: str, last: str, seconds: float) -> EndpointUnavailable:
    return EndpointUnavailable(
        Problem(
            "ENDPOINT-UNAVAILABLE", "endpoint.url", f"{url}: {last}", f"an answer within {seconds:g} s",
            "is the server up, and is the address right?",
        )
    )


def _too_much(most: int) -> BadPrediction:
    return BadPrediction(
        Problem("ENDPOINT-BYTES", "endpoint.answer", f"more than {most} bytes", f"{most} bytes for these rows")
    )


def _too_slow(seconds: float) -> BadPrediction:
    return BadPrediction(
        Problem("ENDPOINT-SLOW", "endpoint.answer", "an answer that does not end", f"an answer within {seconds:g} s")
    )
