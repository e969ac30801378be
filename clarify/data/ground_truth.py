"""Labels that came later: lines of ground truth to one label for each event, and what is left out."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import orjson

from clarify.data.capture import SHOWN, Duplicates, LineFaults, json_lines
from clarify.data.dated_folders import DatedFile
from clarify.data.moments import microseconds
from clarify.data.payloads import (
    Payload,
    RecordPath,
    UnreadablePayload,
    csv_records,
    decode,
    json_documents,
    payload_of,
)
from clarify.data.remarks import Remarks
from clarify.errors import DataError, Problem, clip

MICROSECONDS: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class TruthLine:
    """What one line says of one event; ``collected`` is the hour of its folder, in microseconds since 1970."""

    event: str
    collected: int
    data: Payload
    written: bytes                # the groundTruthData as it was written, in canonical JSON

    @property
    def order(self) -> tuple[int, bytes]:
        """By hour; within one hour by content, because neither names nor order of files say anything."""
        return self.collected, self.written


@dataclass(frozen=True)
class Truth:
    """The label of each event of the window that has one, and counts of lines that are left out."""

    by_event: dict[str, TruthLine]
    orphans: int
    duplicates: int
    late: int


@dataclass(frozen=True, slots=True)
class Labels:
    """The labels of one request as text, None for missing ones; ``texts`` says that JSON has them as strings."""

    values: tuple[str | None, ...]
    texts: bool = False


def read_truth(files: Sequence[DatedFile], faults: LineFaults) -> Iterable[TruthLine]:
    """The lines of ground truth in files of folders by hour."""
    for file, number, _, found in json_lines(files, faults):
        line = _line(found, file.hour)
        if line is None:
            faults.note(file.uri, number, "no groundTruthData with the eventId of an event")
        else:
            yield line


def choose(
    lines: Iterable[TruthLine], moments: dict[str, int], *, lateness_seconds: int, policy: Duplicates
) -> Truth:
    """One label for each event of the window, of those that came in time.

    Parameters
    ----------
    moments : when each event happened, in microseconds since 1970
    lateness_seconds : how much later than its event a label's hour may begin

    Raises
    ------
    DataError
        WINDOW-DUPLICATE-LABEL with the policy ``fail``.
    """
    in_time: dict[str, list[TruthLine]] = {}
    orphans = late = 0
    for line in lines:
        moment = moments.get(line.event)
        if moment is None:
            orphans += 1
        elif line.collected > moment + lateness_seconds * MICROSECONDS:
            late += 1
        else:
            in_time.setdefault(line.event, []).append(line)
    several = sorted(event for event, found in in_time.items() if len(found) > 1)
    if several and policy == "fail":
        some = ", ".join(repr(clip(event, 60)) for event in several[:SHOWN])
        raise DataError(
            Problem("WINDOW-DUPLICATE-LABEL", "ground_truth.duplicates",
                    f"{len(several):,} events with several labels: {some}",
                    "one label for each event, with duplicates: fail",
                    "choose first or last, or mend what writes the labels")
        )
    chosen = {event: _chosen(found, policy) for event, found in in_time.items()}
    return Truth(chosen, orphans, sum(len(found) - 1 for found in in_time.values()), late)


@dataclass(frozen=True)
class LabelReader:
    """How the data of a line become labels: at a position of CSV, or at a path of JSON."""

    place: str | int | None
    path: RecordPath | None

    @classmethod
    def at(cls, place: str | int | None) -> LabelReader:
        return cls(place, RecordPath.of(place) if isinstance(place, str) else None)

    def labels(self, line: TruthLine, n_records: int, remarks: Remarks) -> Labels:
        """One label for each record of the request.

        Raises
        ------
        UnreadablePayload
            For another number of labels than records, and what is neither CSV nor JSON.
        """
        text = decode(line.data)
        found = _csv_labels(text.text, self.place, n_records) if text.format == "csv" else None
        values = self._json_labels(line.data, n_records, remarks) if found is None else found
        if len(values) != n_records:
            raise UnreadablePayload(f"{len(values):,} labels for {n_records:,} records")
        if any(isinstance(value, list | dict) for value in values):
            raise UnreadablePayload("a list or an object in the place of a label")
        is_text = found is None and any(isinstance(value, str) for value in values)
        return Labels(tuple(_spelled(value) for value in values), is_text)

    def _json_labels(self, data: Payload, n_records: int, remarks: Remarks) -> Sequence[Any]:
        documents, by_line = json_documents(data, decode(data), remarks)
        if self.path is not None and (by_line or _is_nested(documents[0])):
            found = self.path.values(documents, by_line)
        else:
            found = documents if by_line else documents[0] if isinstance(documents[0], list) else [documents[0]]
        if len(found) == 1 and n_records > 1 and isinstance(found[0], list):
            found = found[0]
        return [value[0] if isinstance(value, list) and len(value) == 1 else value for value in found]


def _csv_labels(text: str, place: str | int | None, n_records: int) -> Sequence[Any]:
    records = csv_records(text)
    if isinstance(place, int):
        if any(place >= len(cells) for cells in records):
            raise UnreadablePayload(f"no cell at position {place}")
        return [cells[place] for cells in records]
    if len(records) == 1 and n_records > 1:
        return records[0]
    if any(len(cells) > 1 for cells in records):
        raise UnreadablePayload("several cells, and no ground_truth_attribute that says which of them is the label")
    if not records and n_records == 1:
        return [None]
    return [cells[0] for cells in records]


def _is_nested(document: Any) -> bool:
    """Whether labels lie deeper than in a plain list of them."""
    items = document if isinstance(document, list) else [document]
    return any(isinstance(item, dict) for item in items)


def _line(found: Any, hour: datetime) -> TruthLine | None:
    if not isinstance(found, dict):
        return None
    event, truth = found.get("eventMetadata"), found.get("groundTruthData")
    data = payload_of(truth)
    if not isinstance(event, dict) or event.get("eventId") is None or data is None:
        return None
    return TruthLine(str(event["eventId"]), microseconds(hour), data,
                     orjson.dumps(truth, option=orjson.OPT_SORT_KEYS))


def _chosen(found: Collection[TruthLine], policy: Duplicates) -> TruthLine:
    ordered = sorted(found, key=lambda line: line.order)
    return ordered[-1] if policy == "last" else ordered[0]


def _spelled(value: Any) -> str | None:
    if value is None or value == "":
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else repr(value)
