"""Asking a model behind HTTP: rows cut into requests, a few of them in flight, what is worth it tried again."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING

from clarify.endpoints import codec
from clarify.endpoints.addresses import checked_address, is_refused, refused_address
from clarify.endpoints.base import EndpointSpec, ModelMetadata, Predictions, Transport
from clarify.endpoints.batching import FEWEST_ROWS, Part, cut, joined_predictions, padded
from clarify.endpoints.discovery import discover
from clarify.endpoints.exchange import (
    BUSY,
    TRY_LATER,
    Oversized,
    Received,
    Request,
    nobody,
    refused,
    retry_after_seconds,
    says_too_large,
    too_large,
    too_much,
    too_slow,
)
from clarify.endpoints.in_flight import Window, in_order
from clarify.endpoints.protocols import Protocol, protocol_for
from clarify.endpoints.request_size import RequestSize
from clarify.endpoints.selection import no_predictions, select_predictions
from clarify.errors import BadPrediction
from clarify.features import Features

if TYPE_CHECKING:
    import httpx

# Waits between attempts, in seconds, the last one repeated: deterministic, so that a run can be told in advance.
BACK_OFF_SECONDS = (0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 3.0)
# A 500 is either a passing upset or a row the model cannot take; after this many the caller had better bisect.
MOST_SERVER_ERRORS = 3
KEEP_ALIVE_SECONDS = 30.0


class HttpEndpoint:
    """An endpoint behind a URL; one per process. Its own threads keep ``spec.max_in_flight`` requests in flight.

    How many rows a request holds is found by experiment (see ``RequestSize`` for what that means for the answers'
    bytes) unless ``spec.rows_per_request`` fixes it.

    Raises
    ------
    ConfigError
        ENDPOINT-ADDRESS, when the URL is not http(s) or resolves to a link-local address.
    EndpointUnavailable
        ENDPOINT-UNAVAILABLE, when nobody answers within ``spec.unavailable_seconds``.
    """

    def __init__(self, spec: EndpointSpec) -> None:
        self.spec = spec
        self.window = Window(spec.max_in_flight)
        self._address = checked_address(spec.url or "")
        self._caller = Caller(spec, self.window)
        self.metadata: ModelMetadata = discover(self._address, self._caller.get)
        self.sizes: dict[tuple[Transport, int], RequestSize] = {}        # by transport and width
        self._pool: ThreadPoolExecutor | None = None
        self._no_rows: Predictions | None = None     # the outputs of the last answer, without its rows

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
            return self._no_rows or no_predictions(self.metadata, self.spec)
        parts = self.predict_parts(features, keeps=_nothing)
        return joined_predictions([part.outcome for part in parts if isinstance(part.outcome, Predictions)])

    def predict_parts(
        self, features: Features, *, keeps: Callable[[BadPrediction], bool], once: bool = False
    ) -> tuple[Part, ...]:
        """Consecutive parts, one a request: predictions, or the error of a request that ``keeps`` wants to see.

        With ``once`` a 500 is believed at once: the caller will ask about fewer rows anyway. Raises as ``predict``
        for every other error, and then leaves alone what was not sent yet.
        """
        if len(features) == 0:
            return ()
        protocol = protocol_for(features, self.metadata, self._address, self.spec)
        call = _Call(features, protocol, self.size_for(protocol, features), keeps, once)
        spans = self._spans(len(features), call.size)
        try:
            if len(features) <= call.size.next_rows(len(features), self._lanes) or self.window.most == 1:
                answered = [part for span in spans for part in self._ask(call, span)]
            else:
                work = partial(self._ask, call)
                landed = in_order(work, spans, self._threads(), most_ahead=2 * self.window.most)
                answered = [part for parts in landed for part in parts]
        finally:
            call.abandoned.set()
        return tuple(answered)

    def size_for(self, protocol: Protocol, features: Features) -> RequestSize:
        """The size found so far for a transport and a width."""
        key = (protocol.transport, len(features.columns))
        if key not in self.sizes:
            n_columns, as_text = len(features.columns), protocol.as_text
            if protocol.one_record(features):
                self.sizes[key] = RequestSize(n_columns, as_text, fixed=1, fewest=1)
            else:
                self.sizes[key] = RequestSize(n_columns, as_text, fixed=self.spec.rows_per_request)
        return self.sizes[key]

    def close(self) -> None:
        """Give threads and connections back."""
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)
            self._pool = None
        self._caller.close()

    def __enter__(self) -> HttpEndpoint:
        return self

    def __exit__(self, *raised: object) -> None:
        self.close()

    @property
    def _lanes(self) -> int:
        """Workers known to answer at once: rows are shared between them even when one request could hold all."""
        return min(self.window.most, self.metadata.n_workers)

    def _spans(self, n_rows: int, size: RequestSize) -> Iterator[tuple[int, int]]:
        """Consecutive spans, each as long as the size is when it is drawn."""
        start = 0
        while start < n_rows:
            stop = min(start + size.next_rows(n_rows, self._lanes), n_rows)
            yield start, stop
            start = stop

    def _ask(self, call: _Call, span: tuple[int, int]) -> list[Part]:
        """One request, or smaller ones when it proves too large."""
        start, stop = span
        try:
            outcome = self._outcome(call, start, stop)
        except BadPrediction as error:
            if not call.keeps(error):
                raise
            return [Part(start, stop, error)]
        if isinstance(outcome, Predictions):
            return [Part(start, stop, outcome)]
        parts: list[Part] = []
        if outcome.timed_out:
            # A probe of 64 rows tells a slow model from a dead server, and how many rows it answers in time.
            parts += self._ask(call, (start, start + FEWEST_ROWS))
            start += FEWEST_ROWS
        while start < stop:
            middle = min(start + call.size.rows, stop)
            parts += self._ask(call, (start, middle))
            start = middle
        return parts

    def _outcome(self, call: _Call, start: int, stop: int) -> Predictions | Oversized:
        rows = call.features.with_values(call.features.values[start:stop])
        if call.size.fewest > 1:
            rows = padded(rows)
        request = call.protocol.request_of(rows)
        if call.size.exceeds(len(rows), len(request.body)):
            return Oversized(too_large(Received(413, {}, b""), len(request.body)))
        patience = Patience(
            server_errors=1 if call.once else MOST_SERVER_ERRORS, may_split=call.size.may_split(len(rows)),
            abandoned=call.abandoned,
        )
        received = self._caller.send(request, patience)
        if isinstance(received, Oversized):
            call.size.refused(len(rows))
            return received
        if received.attempts == 1:
            call.size.answered(len(rows), received.seconds)
        answer = cut(call.protocol.read(received, len(rows)), stop - start)
        predictions = select_predictions(answer, self.metadata, self.spec)
        self._no_rows = without_rows(predictions)
        return predictions

    def _threads(self) -> ThreadPoolExecutor:
        if self._pool is None:
            self._pool = ThreadPoolExecutor(self.window.most, thread_name_prefix="endpoint")
        return self._pool


@dataclass(frozen=True, eq=False)
class _Call:
    """What the threads of one call to ``predict`` share."""

    features: Features
    protocol: Protocol
    size: RequestSize
    keeps: Callable[[BadPrediction], bool]
    once: bool
    abandoned: threading.Event = field(default_factory=threading.Event)


def read_metadata(spec: EndpointSpec) -> ModelMetadata:
    """What the server behind a spec says of its model; raises as ``HttpEndpoint``."""
    with HttpEndpoint(spec) as endpoint:
        return endpoint.metadata


def without_rows(predictions: Predictions) -> Predictions:
    """The outputs of predictions, and no rows."""
    scores, labels = predictions.scores, predictions.labels
    return replace(predictions, scores=None if scores is None else scores[:0].copy(), labels=labels and ())


def _nothing(error: BadPrediction) -> bool:
    return False


# --- connections ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Patience:
    """When a request is given up, besides the time a server may be unavailable."""

    server_errors: int = MOST_SERVER_ERRORS
    accepts_any: bool = False                # any status but "try later" is an answer
    may_split: bool = False                  # a refused size or a timeout comes back as Oversized
    abandoned: threading.Event = field(default_factory=threading.Event)


@dataclass(frozen=True)
class _Silence:
    """Why there was no answer, and whether it was for want of time."""

    reason: str
    timed_out: bool


class Caller:
    """Sends requests over kept connections, retries what is worth it, and reads no more than it may.

    Shared by the threads of one endpoint, which the window holds to what the server bears.
    """

    def __init__(self, spec: EndpointSpec, window: Window | None = None) -> None:
        import httpx

        window = window or Window(spec.max_in_flight)

        self._timeout_seconds = spec.timeout_seconds
        self._unavailable_seconds = spec.unavailable_seconds
        self._window = window
        # trust_env would send credentials from ~/.netrc and go through proxies nobody named here.
        self._client: httpx.Client = httpx.Client(
            timeout=spec.timeout_seconds, follow_redirects=False, trust_env=False,
            headers={"Accept-Encoding": "identity"},
            limits=httpx.Limits(
                max_connections=window.most, max_keepalive_connections=window.most, keepalive_expiry=KEEP_ALIVE_SECONDS
            ),
        )

    def close(self) -> None:
        self._client.close()

    def get(self, request: Request) -> Received:
        """Any answer that is not "try later"."""
        return self.call(request, accept_any=True)

    def call(self, request: Request, *, accept_any: bool = False) -> Received:
        """Send until answered; a status other than 200 raises unless any is accepted."""
        outcome = self.send(request, Patience(accepts_any=accept_any))
        if isinstance(outcome, Oversized):
            raise outcome.error
        return outcome

    def send(self, request: Request, patience: Patience) -> Received | Oversized:
        """Send until answered, refused for its size, or given up.

        The time a server may be unavailable counts from the first attempt and leaves out the waits for a place in
        the window. A ``Retry-After`` beyond that time is not waited for.
        """
        deadline = time.monotonic() + self._unavailable_seconds
        server_errors, attempts = 0, 0
        while True:
            outcome, sent_at, waited = self._in_window(request)
            deadline += waited
            wait = BACK_OFF_SECONDS[min(attempts, len(BACK_OFF_SECONDS) - 1)]
            attempts += 1
            if isinstance(outcome, Received):
                server_errors += outcome.status == 500
                settled = self._settled(outcome, request, patience, server_errors)
                if settled is not None:
                    return replace(settled, attempts=attempts) if isinstance(settled, Received) else settled
                wait = max(wait, retry_after_seconds(outcome))
                if outcome.status in BUSY:
                    self._window.busy(sent_at, min(wait, max(deadline - time.monotonic(), 0.0)))
                last = f"status {outcome.status}" + (f", to be asked again in {wait:g} s" if wait > 3.0 else "")
            elif outcome.timed_out and patience.may_split:
                return Oversized(nobody(request.url, outcome.reason, self._timeout_seconds), timed_out=True)
            else:
                last = outcome.reason
            if time.monotonic() + wait > deadline or patience.abandoned.wait(wait):
                raise nobody(request.url, last, self._unavailable_seconds)

    def _settled(
        self, received: Received, request: Request, patience: Patience, server_errors: int
    ) -> Received | Oversized | None:
        """What the caller gets; None when another attempt is worth it."""
        if received.status == 200 or (patience.accepts_any and received.status not in TRY_LATER):
            self._window.answered()
            return received
        if says_too_large(received):
            error = too_large(received, len(request.body))
            if patience.may_split:
                return Oversized(error)
            raise error
        if received.status not in (*TRY_LATER, 500) or server_errors >= patience.server_errors:
            raise refused(received)
        return None

    def _in_window(self, request: Request) -> tuple[Received | _Silence, float, float]:
        """One attempt in its place: the outcome, when it was sent (monotonic), and the seconds waited before."""
        waited = self._window.enter()
        sent_at = time.monotonic()
        try:
            return self._attempt(request, sent_at), sent_at, waited
        finally:
            self._window.leave()

    def _attempt(self, request: Request, sent_at: float) -> Received | _Silence:
        """The answer, or in words why there was none and another try is worth it."""
        import httpx

        try:
            with self._client.stream(
                request.method, request.url, headers=dict(request.headers), content=request.body or None
            ) as response:
                received = self._received(response, request)
            return replace(received, seconds=time.monotonic() - sent_at)
        except (httpx.TransportError, OSError) as error:
            timed_out = isinstance(error, httpx.ReadTimeout | httpx.WriteTimeout)
            return _Silence(f"{type(error).__name__}: {error}", timed_out)

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
                raise too_much(request.most_answer_bytes)
            if time.monotonic() > deadline:
                raise too_slow(self._timeout_seconds)
            parts.append(part)
        return Received(response.status_code, response.headers, b"".join(parts))


def _check_peer(response: httpx.Response) -> None:
    """A name may resolve to another address when the connection is made than when it was checked."""
    stream = response.extensions.get("network_stream")
    peer = stream.get_extra_info("server_addr") if stream is not None else None
    if peer and is_refused(str(peer[0])):
        raise refused_address(str(peer[0]), "the name moved to a link-local address")
