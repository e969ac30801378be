"""Payloads of captured requests, answers and labels: decoded, and cut into records that keep their values' types."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import orjson

from clarify.config.json_path import JsonPath, json_path
from clarify.data.json_faults import what_is
from clarify.data.json_values import parse_json
from clarify.data.remarks import Remarks
from clarify.errors import clip

PayloadFormat = Literal["csv", "json"]
Cells = list[str | None]

_QUOTED_CELL = re.compile(r'[ \t]*"((?:[^"]|"")*)"[ \t]*(,|\r?\n|\r|$)')
_PLAIN_CELL = re.compile(r'([^",\r\n]*)(,|\r?\n|\r|$)')
_BY_LINE = ("jsonlines", "jsonl", "ndjson")


class UnreadablePayload(Exception):
    """A payload that cannot be cut into records; private to the reading of windows, which counts them."""


@dataclass(frozen=True, slots=True)
class Payload:
    """What was sent or answered, as it was captured.

    ``data`` is text, or for encoding VALUE a JSON value, for encoding CELLS the cells of one record of CSV.
    """

    data: Any
    encoding: str
    content_type: str = ""


@dataclass(frozen=True, slots=True)
class Text:
    """A payload decoded: its text, or for JSON that was parsed before, its value."""

    format: PayloadFormat
    text: str
    by_line: bool = False


def payload_of(part: Any) -> Payload | None:
    """The payload of ``endpointInput``, ``endpointOutput`` or ``groundTruthData``; None where nothing was captured."""
    if not isinstance(part, dict) or part.get("data") is None:
        return None
    data, encoding = part["data"], str(part.get("encoding") or "").upper()
    if not isinstance(data, str):
        return Payload(data, "VALUE")
    return Payload(data, encoding, str(part.get("observedContentType") or "").lower())


def decode(payload: Payload) -> Text:
    """The text of a payload and what it is written in; without an encoding, by its content type, then its first sign.

    Raises
    ------
    UnreadablePayload
        For base64 that is none, and bytes that are no UTF-8.
    """
    if payload.encoding == "VALUE":
        return Text("json", orjson.dumps(payload.data).decode())
    if payload.encoding == "CELLS":
        return Text("csv", csv_line(payload.data))
    text = _unpacked(payload.data) if payload.encoding == "BASE64" else str(payload.data)
    kind = _format(payload, text)
    return Text(kind, text, kind == "json" and any(word in payload.content_type for word in _BY_LINE))


def csv_records(text: str) -> list[Cells]:
    """The records of CSV, one a line; an empty, unquoted cell is None, and blank lines are no records.

    Raises
    ------
    UnreadablePayload
        For a quote that is never closed, or that ends inside a cell.
    """
    if '"' not in text:
        return [[cell or None for cell in line.split(",")] for line in lines_of(text)]
    records: list[Cells] = []
    cells: Cells = []
    position = 0
    while position < len(text) or cells:
        found = _QUOTED_CELL.match(text, position)
        value: str | None
        if found is not None:
            value = found[1].replace('""', '"')
        else:
            found = _PLAIN_CELL.match(text, position)
            if found is None:
                raise UnreadablePayload(f"a quote inside a cell, or one that is never closed: {clip(text, 60)}")
            value = found[1] or None
        cells.append(value)
        position = found.end()
        if found[2] != ",":
            if cells != [None]:
                records.append(cells)
            cells = []
    return records


def lines_of(text: str) -> list[str]:
    """The lines that are not empty; only line feeds and carriage returns end one."""
    plain = text if "\r" not in text else text.replace("\r\n", "\n").replace("\r", "\n")
    return [line for line in plain.split("\n") if line]


def csv_line(cells: Sequence[str | None]) -> str:
    """One record of CSV; missing is an empty cell."""
    return ",".join("" if cell is None else csv_cell(cell) for cell in cells)


def csv_cell(cell: str) -> str:
    """A cell in quotes where it needs them; text of no letters too, which would be missing otherwise.

    >>> csv_cell('a "b", c'), csv_cell("5"), csv_cell("")
    ('"a ""b"", c"', '5', '""')
    """
    if cell and not any(sign in cell for sign in ',"\r\n'):
        return cell
    return '"' + cell.replace('"', '""') + '"'


def json_documents(payload: Payload, text: Text, remarks: Remarks) -> tuple[list[Any], bool]:
    """The document of a JSON payload, or those of its lines; and which of the two it is.

    Raises
    ------
    UnreadablePayload
        For what is no JSON.
    """
    if payload.encoding == "VALUE":
        return [payload.data], False
    if text.by_line:
        return [_parsed(line, remarks) for line in lines_of(text.text)], True
    try:
        return [_parsed(text.text, remarks)], False
    except UnreadablePayload:
        lines = lines_of(text.text.strip())
        if len(lines) < 2:
            raise
        return [_parsed(line, remarks) for line in lines], True


@dataclass(frozen=True)
class RecordPath:
    """Where the values of each record sit in a payload of JSON."""

    path: JsonPath
    parts: tuple[JsonPath, JsonPath] | None

    @classmethod
    def of(cls, expression: str) -> RecordPath:
        path = json_path(expression)
        return cls(path, path.by_record)

    def values(self, documents: Sequence[Any], by_line: bool) -> list[Any]:
        """What is found, one item a record: of each line, of each record of a projection, or of the one document.

        A list of lists or objects is one item a record; a list of plain values is the one record there is.

        Raises
        ------
        UnreadablePayload
            When a path through records finds no list.
        """
        if by_line:
            return self.path.search_each(documents)
        if self.parts is not None:
            (records,) = self.parts[0].search_each(documents)
            if not isinstance(records, list):
                raise UnreadablePayload(f"{self.path.expression!r} finds {what_is(records)}, not a list of records")
            return self.parts[1].search_each(records)
        (found,) = self.path.search_each(documents)
        if isinstance(found, list) and found and all(isinstance(item, list | dict) for item in found):
            return found
        return [found]


def _unpacked(data: Any) -> str:
    try:
        return base64.b64decode(str(data), validate=True).decode("utf-8-sig")
    except (binascii.Error, UnicodeDecodeError) as error:
        raise UnreadablePayload(f"base64 that holds no text: {error}") from error


def _format(payload: Payload, text: str) -> PayloadFormat:
    if payload.encoding in ("CSV", "JSON"):
        return "csv" if payload.encoding == "CSV" else "json"
    if "json" in payload.content_type:
        return "json"
    if "csv" in payload.content_type:
        return "csv"
    return "json" if text.lstrip()[:1] in ("{", "[") else "csv"


def _parsed(text: str, remarks: Remarks) -> Any:
    try:
        return parse_json(text.encode(), remarks)
    except (orjson.JSONDecodeError, UnicodeEncodeError) as error:
        raise UnreadablePayload(f"no JSON ({error}): {clip(text, 60)}") from error
