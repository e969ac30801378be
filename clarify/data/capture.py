"""Captured requests of an endpoint: lines of JSON to requests with a moment, those of one window, each event once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from io import BufferedReader
from typing import Any, Final, Literal, cast

import orjson

from clarify.data import storage
from clarify.data.byte_limit import limited
from clarify.data.dated_folders import DatedFile
from clarify.data.json_values import parse_json
from clarify.data.moments import UNDATED, Span, read_moment
from clarify.data.payloads import Payload, payload_of
from clarify.data.remarks import Remarks
from clarify.data.source import MOST_RATIO, MOST_UNPACKED
from clarify.errors import DataError, Problem, clip
from clarify.results import Notice

LONGEST_LINE: Final = 64 * 1024 * 1024      # a payload has at most 25 MiB, and base64 takes a third more
MOST_UNREADABLE: Final = 0.05
SHOWN: Final = 5

Duplicates = Literal["first", "last", "fail"]


@dataclass(frozen=True, slots=True)
class Request:
    """One captured request: when, which event, what was asked and what was answered.

    ``line`` is the JSON of the capture, kept for the merged documents.
    """

    moment: int
    event_id: str
    inference_id: str | None
    asked: Payload | None
    answered: Payload | None
    line: bytes = b""

    @property
    def key(self) -> str:
        """What labels call the event."""
        return self.inference_id or self.event_id


@dataclass
class LineFaults:
    """How many lines were read, how many of them are no record, and the first of these."""

    what: str
    total: int = 0
    unreadable: int = 0
    shown: list[tuple[str, int, str]] = field(default_factory=list)

    def note(self, uri: str, number: int, why: str) -> None:
        self.unreadable += 1
        self.shown.append((uri, number, why))
        if len(self.shown) > 4 * SHOWN:
            self.shown = sorted(self.shown)[:SHOWN]

    def report(self) -> tuple[Notice, ...]:
        """A notice of the lines that were left out.

        Raises
        ------
        DataError
            WINDOW-UNREADABLE when they are more than one in twenty.
        """
        if not self.unreadable:
            return ()
        told = "; ".join(f"{uri}, line {number:,}: {why}" for uri, number, why in sorted(self.shown)[:SHOWN])
        message = f"{self.unreadable:,} of {self.total:,} {self.what} cannot be read: {told}"
        if self.unreadable > MOST_UNREADABLE * self.total:
            raise DataError(
                Problem("WINDOW-UNREADABLE", self.what, clip(message, 2_000), f"at most {MOST_UNREADABLE:.0%} of them",
                        "look at what writes these files; a file that is still written ends in half a line")
            )
        return (Notice("WINDOW-UNREADABLE", "window", f"{message}; they are left out"),)


@dataclass
class Sorting:
    """Rows that are not of the window, and those whose time names no zone."""

    outside: int = 0
    undated: int = 0
    future: int = 0
    naive: int = 0


def read_requests(files: Sequence[DatedFile], faults: LineFaults) -> Iterator[tuple[Request, bool]]:
    """The requests of captured files, and whether the moment of each names no zone.

    Raises
    ------
    DataError
        WINDOW-LINE-SIZE for a line of more than 64 MiB; DATA-GZIP-SIZE.
    """
    for file, number, line, found in json_lines(files, faults):
        request = request_of(found, line)
        if request is None:
            faults.note(file.uri, number, "no captureData with eventMetadata")
        else:
            yield request


def request_of(found: Any, line: bytes) -> tuple[Request, bool] | None:
    """One line of a capture; None when it is none."""
    if not isinstance(found, dict):
        return None
    captured, event = found.get("captureData"), found.get("eventMetadata")
    if not isinstance(captured, dict) or not isinstance(event, dict):
        return None
    event_id, inference_id = event.get("eventId"), event.get("inferenceId")
    if event_id is None and inference_id is None:
        return None
    moment, is_naive = read_moment(event.get("inferenceTime"))
    request = Request(
        moment,
        "" if event_id is None else str(event_id),
        None if inference_id in (None, "") else str(inference_id),
        payload_of(captured.get("endpointInput")),
        payload_of(captured.get("endpointOutput")),
        line,
    )
    return request, is_naive


def json_lines(
    files: Iterable[DatedFile], faults: LineFaults
) -> Iterator[tuple[DatedFile, int, bytes, Any]]:
    """Every line that is JSON, with its file, number and bytes; those that are none are counted."""
    remarks: Remarks = Counter()
    for file in files:
        for number, line in text_lines(file, faults):
            try:
                found = parse_json(line, remarks)
            except orjson.JSONDecodeError as error:
                faults.note(file.uri, number, f"{error.msg}, column {error.colno}")
                continue
            yield file, number, line, found


def text_lines(file: DatedFile, faults: LineFaults) -> Iterator[tuple[int, bytes]]:
    """The lines of one file that are not blank, packed with gzip or not, numbered from 1."""
    most = max(MOST_UNPACKED, MOST_RATIO * file.bytes)
    problem = Problem("DATA-GZIP-SIZE", file.uri, f"over {most:,} bytes from {file.bytes:,} packed ones",
                      f"at most {most:,} bytes", "unpack the file yourself if you trust it")
    with storage.open_input(file.uri) as stored:
        stream = cast(BufferedReader, limited(stored, most, problem))
        number = 0
        while line := stream.readline(LONGEST_LINE + 1):
            number += 1
            if len(line) > LONGEST_LINE:
                raise DataError(_long_line(file, number))
            line = line.removeprefix(b"\xef\xbb\xbf").strip() if number == 1 else line.strip()
            if line:
                faults.total += 1
                yield number, line


def of_window(
    requests: Iterable[tuple[Request, bool]], span: Span, sorting: Sorting
) -> tuple[list[Request], list[Request]]:
    """Requests of the window by time, then event, then content; and the others, which ``sorting`` counts by reason."""
    inside: list[Request] = []
    outside: list[Request] = []
    for request, is_naive in requests:
        if span.start <= request.moment < span.end and request.moment <= span.latest:
            inside.append(request)
            sorting.naive += is_naive
        else:
            outside.append(request)
    return sorted(inside, key=_order), outside


def reason_of(request: Request, span: Span) -> Literal["undated", "future", "outside"]:
    """Why a request is not of the window."""
    if request.moment == UNDATED:
        return "undated"
    return "future" if request.moment > span.latest else "outside"


def each_once(requests: Sequence[Request], policy: Duplicates) -> tuple[list[Request], list[Request]]:
    """The requests without those whose event was there before, or comes again, as the policy has it; and the latter.

    Two requests are of one event when they share an inference id or an event id.

    Raises
    ------
    DataError
        WINDOW-DUPLICATE-EVENT with the policy ``fail``.
    """
    seen: set[tuple[str, str]] = set()
    kept: list[Request] = []
    again: list[Request] = []
    for request in requests if policy != "last" else reversed(requests):
        names = _names(request)
        (again if not seen.isdisjoint(names) else kept).append(request)
        seen.update(names)
    if again and policy == "fail":
        some = ", ".join(repr(clip(name, 60)) for name in sorted({request.key for request in again})[:SHOWN])
        raise DataError(
            Problem("WINDOW-DUPLICATE-EVENT", "duplicates", f"{len(again):,} requests of events that are there: {some}",
                    "each event once, with duplicates: fail", "choose first or last, or mend what writes the capture")
        )
    return (kept, again) if policy != "last" else (kept[::-1], again)


def _names(request: Request) -> list[tuple[str, str]]:
    names = [("event", request.event_id)] if request.event_id else []
    return [*names, ("inference", request.inference_id)] if request.inference_id is not None else names


def _order(request: Request) -> tuple[int, str, str, str, str]:
    return request.moment, request.event_id, request.inference_id or "", _content(request.asked), _content(
        request.answered)


def _content(payload: Payload | None) -> str:
    if payload is None:
        return ""
    return payload.data if isinstance(payload.data, str) else orjson.dumps(payload.data).decode()


def _long_line(file: DatedFile, number: int) -> Problem:
    return Problem("WINDOW-LINE-SIZE", file.uri, f"line {number:,}: over {LONGEST_LINE:,} bytes",
                   f"lines of at most {LONGEST_LINE:,} bytes", "captured files hold one request a line")
