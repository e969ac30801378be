"""One HTTP request and its answer as values, and what each status means for the rows that were sent."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

from clarify.endpoints import codec
from clarify.errors import BadPrediction, ClarifyError, EndpointUnavailable, Problem, clip

# Statuses of a server that may answer later, and those by which it asks for fewer requests at once.
TRY_LATER = (429, 502, 503, 504)
BUSY = (429, 503)
# Not "Input X contains infinity or a value too large for dtype": that is scikit-learn on a row, not on a size.
_TOO_LARGE = re.compile(
    rb"(request|payload|body|entity|content|message)\b[^.\n]{0,40}(too large|exceed)|batch[-_ ]?size must be", re.I
)
_MAY_SAY_TOO_LARGE = (400, 422, 500)


@dataclass(frozen=True)
class Request:
    """One HTTP request, ready to be sent again if need be."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes
    most_answer_bytes: int


@dataclass(frozen=True)
class Received:
    """One HTTP answer, read whole and within the caps; ``seconds`` of its own attempt, the waits before left out."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    seconds: float = 0.0
    attempts: int = 1


@dataclass(frozen=True)
class Oversized:
    """A request that fewer rows may mend, and the error to raise when there are no fewer."""

    error: ClarifyError
    timed_out: bool = False


def retry_after_seconds(received: Received) -> float:
    """How long the server wants to be left alone: 0 unless ``Retry-After`` holds seconds or a date.

    A date is read against the server's own ``Date``, when it sends one: its clock need not be ours.
    """
    said = received.headers.get("retry-after", "").strip()
    try:
        seconds = float(said) if said else 0.0
    except ValueError:
        until, now = _epoch(said), _epoch(received.headers.get("date", ""))
        seconds = 0.0 if until is None else until - (time.time() if now is None else now)
    return seconds if 0.0 < seconds < float("inf") else 0.0


def _epoch(date: str) -> float | None:
    try:
        return parsedate_to_datetime(date).timestamp()
    except (ValueError, TypeError, OverflowError):
        return None


def says_too_large(received: Received) -> bool:
    """Whether the server refuses the size of the request rather than what it holds."""
    if received.status == 413:
        return True
    return received.status in _MAY_SAY_TOO_LARGE and _TOO_LARGE.search(received.body[:2000]) is not None


def refused(received: Received) -> BadPrediction:
    """The server's own problems when it is ours, else its status and the beginning of what it said."""
    return BadPrediction(*(_own_problems(received.body) or (_status_problem(received),)))


def _own_problems(body: bytes) -> tuple[Problem, ...]:
    try:
        document = codec.load_json(body)
        listed = document.get("problems") if isinstance(document, dict) else None
        entries = [entry for entry in listed if isinstance(entry, dict)] if isinstance(listed, list) else []
        return tuple(Problem(**{name: str(value) for name, value in entry.items()}) for entry in entries)
    except (BadPrediction, TypeError):       # not JSON, or a problem of another shape: a foreign server
        return ()


def _status_problem(received: Received) -> Problem:
    said = received.body[:300].decode("utf-8", "replace")
    return Problem("ENDPOINT-STATUS", "endpoint.status", str(received.status), "200", f"the server said: {clip(said)}")


def too_large(received: Received, n_bytes: int) -> BadPrediction:
    """ENDPOINT-TOO-LARGE: a size the server refuses, which no single row can cause."""
    said = received.body[:300].decode("utf-8", "replace")
    return BadPrediction(
        Problem(
            "ENDPOINT-TOO-LARGE", "endpoint.request", f"{n_bytes} bytes: status {received.status}",
            "a request of the size the server takes", f"lower rows_per_request; the server said: {clip(said)}",
        )
    )


def nobody(url: str, last: str, seconds: float) -> EndpointUnavailable:
    """ENDPOINT-UNAVAILABLE, with the last thing that happened."""
    return EndpointUnavailable(
        Problem(
            "ENDPOINT-UNAVAILABLE", "endpoint.url", f"{url}: {last}", f"an answer within {seconds:g} s",
            "is the server up, and is the address right?",
        )
    )


def too_much(most: int) -> BadPrediction:
    """ENDPOINT-BYTES: an answer larger than the rows explain."""
    return BadPrediction(
        Problem("ENDPOINT-BYTES", "endpoint.answer", f"more than {most} bytes", f"{most} bytes for these rows")
    )


def too_slow(seconds: float) -> BadPrediction:
    """ENDPOINT-SLOW: an answer that trickles."""
    return BadPrediction(
        Problem("ENDPOINT-SLOW", "endpoint.answer", "an answer that does not end", f"an answer within {seconds:g} s")
    )
