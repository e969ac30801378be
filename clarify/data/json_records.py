"""JSON Lines and JSON documents as streams of Arrow record batches: features and labels found by JMESPath.

Columns are the features in their order, then the label, then the predicted label. Features of a record are a list
of values, or an object whose keys name the columns; a key that an object lacks is null. Values keep JSON's own
types (``json_values``). A label that is a list of one value is that value, so that ``rows[*].[label]`` works.

Notes
-----
A JSON document is held in memory, up to 512 MiB of text, which takes some six times as much. JSON Lines are
read in blocks, a line may have at most 4 MiB. A path ``records[*].x`` is taken record by record, so that a record
without ``x`` keeps its place; JMESPath itself, and AWS with it, would leave it out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from io import BytesIO
from itertools import islice
from typing import Any, BinaryIO, Literal

import orjson
import pyarrow as pa

from clarify.config.json_path import json_path
from clarify.data.csv_header import check_headers, check_names
from clarify.data.json_faults import Faults, what_is
from clarify.data.json_values import Nested, is_nested, parse_json, text_column
from clarify.data.remarks import Remarks
from clarify.errors import DataError, Problem

BLOCK_BYTES = 4 * 1024 * 1024           # a longer line is refused
SAMPLE_RECORDS = 1_000
MAX_DOCUMENT_BYTES = 512 * 1024 * 1024
ROWS_PER_BATCH = 65_536

JsonFormat = Literal["jsonlines", "json"]


def unit_of(kind: JsonFormat) -> str:
    """What one record is called."""
    return "line" if kind == "jsonlines" else "record"


@dataclass(frozen=True)
class JsonPaths:
    """Where features and labels sit: JMESPath per line of JSON Lines, or of a whole JSON document."""

    features: str
    label: str | None = None
    predicted_label: str | None = None

    @property
    def labels(self) -> tuple[tuple[str, str], ...]:
        """Key of the config and path, of the labels that are named."""
        named = (("label", self.label), ("predicted_label", self.predicted_label))
        return tuple((key, path) for key, path in named if path is not None)


@dataclass(frozen=True)
class JsonLayout:
    """What records look like: ``keys`` of features that are objects, in column order; else ``n_features`` values."""

    kind: JsonFormat
    paths: JsonPaths
    n_features: int
    keys: tuple[str, ...] | None
    column_names: tuple[str, ...]


@dataclass(frozen=True)
class Records:
    """Features and labels of some records, still as JSON has them, and the number of each record from 1."""

    numbers: Sequence[int]
    features: Sequence[Any]
    labels: tuple[Sequence[Any], ...]


# --- naming the columns -----------------------------------------------------------------------------------------


def read_json_layout(
    stream: BinaryIO, *, uri: str, kind: JsonFormat, paths: JsonPaths, headers: Sequence[str] | None
) -> JsonLayout:
    """Name the columns from the first records: 4 MiB of JSON Lines, all of a document.

    ``headers`` wins. Without it, values of a list are ``column_0``, ``column_1``, ...; labels are called like the
    last key of their path (``label`` of ``instances[*].label``), else ``label`` and ``predicted_label``.

    Raises
    ------
    DataError
        DATA-JSON-PATH when a path finds nothing, or something that cannot be features; DATA-HEADERS;
        DATA-DUPLICATE-COLUMN; DATA-EMPTY; and what reading raises.
    """
    faults = Faults(uri, unit_of(kind))
    sample = next((part for part in _records(stream, uri, kind, paths, faults, Counter()) if part.numbers), None)
    if sample is None:
        faults.report()
        raise DataError(Problem("DATA-EMPTY", uri, "no record", "at least one record", "check what wrote the file"))
    try:
        n_features, keys = _shape(sample, paths, uri, faults.unit)
        _check_labels(sample, paths, uri, faults.unit)
    except DataError as error:
        raise DataError(*faults.problems, *error.problems) from error
    if headers is not None:
        check_headers(headers, n_features + len(paths.labels), uri)
        names = tuple(headers)
    else:
        listed = keys if keys is not None else tuple(f"column_{i}" for i in range(n_features))
        names = (*listed, *(json_path(path).last_key or key for key, path in paths.labels))
    check_names(names, uri)
    return JsonLayout(kind, paths, n_features, keys, names)


def _shape(sample: Records, paths: JsonPaths, uri: str, unit: str) -> tuple[int, tuple[str, ...] | None]:
    first = next((found for found in sample.features if found is not None), None)
    told = "AWS answers: Data must contain features."
    if isinstance(first, list) and first:
        return len(first), None
    if isinstance(first, dict):
        objects = islice((found for found in sample.features if isinstance(found, dict)), SAMPLE_RECORDS)
        keys = tuple(dict.fromkeys(key for found in objects for key in found))
        if keys:
            return len(keys), keys
        told = "AWS answers: Feature names not found."
    what = what_is(first) if first is not None else f"nothing in the first {len(sample.numbers):,} {unit}s"
    raise DataError(_lost("features", paths.features, what, uri, f"a list of values, or an object of them. {told}"))


def _check_labels(sample: Records, paths: JsonPaths, uri: str, unit: str) -> None:
    for (key, path), values in zip(paths.labels, sample.labels, strict=True):
        if all(value is None for value in values):
            what = f"nothing in the first {len(sample.numbers):,} {unit}s"
            raise DataError(_lost(key, path, what, uri, f"one value for every {unit}"))


def _lost(key: str, path: str, what: str, uri: str, allowed: str) -> Problem:
    hint = "correct the path; it is read from the top of each line in JSON Lines, of the document in JSON"
    return Problem("DATA-JSON-PATH", key, f"{path!r} finds {what} of {uri}", allowed, hint)


# --- reading ----------------------------------------------------------------------------------------------------


def json_batches(
    stream: BinaryIO, *, uri: str, layout: JsonLayout, remarks: Remarks
) -> Iterator[pa.RecordBatch]:
    """Every record of a file as a row, all columns as text that spells JSON's types.

    Blank lines of JSON Lines are no records. Strings and tokens that are no numbers are counted in ``remarks``.

    Raises
    ------
    DataError
        After the last record, with every fault counted and the first ones named by line or record:
        DATA-JSON-LINE for what is no JSON, DATA-JSON-PATH without features, DATA-RAGGED for another number of
        features, DATA-JSON-VALUE for lists and objects where values belong.
        At once: DATA-JSON for a document that is no JSON, DATA-JSON-SIZE for one that is too large or a line
        beyond 4 MiB, DATA-JSON-PATH when labels and features are not as many.
    """
    faults = Faults(uri, unit_of(layout.kind))
    for records in _records(stream, uri, layout.kind, layout.paths, faults, remarks):
        kept = _well_formed(records, layout, faults)
        if kept.numbers:
            yield _batch(kept, layout, faults, remarks)
    faults.report()


def inline_records(
    value: object, *, field: str, kind: JsonFormat, features: str, names: Sequence[str]
) -> pa.Table:
    """Records that stand in a config: a list of them, or an object built like a JSON dataset.

    Raises
    ------
    DataError
        As for a file; ``field`` stands for its URI.
    """
    lines = value if isinstance(value, list | tuple) else (value,)
    content = orjson.dumps(value) if kind == "json" else b"\n".join(map(orjson.dumps, lines))
    paths, remarks = JsonPaths(features), Remarks()
    layout = read_json_layout(BytesIO(content), uri=field, kind=kind, paths=paths, headers=names)
    batches = json_batches(BytesIO(content), uri=field, layout=layout, remarks=remarks)
    return pa.Table.from_batches(list(batches))


def _records(
    stream: BinaryIO, uri: str, kind: JsonFormat, paths: JsonPaths, faults: Faults, remarks: Remarks
) -> Iterator[Records]:
    if kind == "jsonlines":
        return _records_of_lines(stream, uri, paths, faults, remarks)
    return _records_of_document(stream, uri, paths, remarks)


def _records_of_lines(
    stream: BinaryIO, uri: str, paths: JsonPaths, faults: Faults, remarks: Remarks
) -> Iterator[Records]:
    for first, lines in _blocks_of_lines(stream, uri):
        numbers: list[int] = []
        values: list[Any] = []
        for number, line in enumerate(lines, first):
            if not line.strip():
                continue
            try:
                values.append(parse_json(line, remarks))
                numbers.append(number)
            except orjson.JSONDecodeError as error:
                faults.note("DATA-JSON-LINE", number, f"({error.msg}, column {error.colno})")
        features = json_path(paths.features).search_each(values)
        labels = tuple(_single(json_path(path).search_each(values)) for _, path in paths.labels)
        yield Records(numbers, features, labels)


def _blocks_of_lines(stream: BinaryIO, uri: str) -> Iterator[tuple[int, list[bytes]]]:
    """Whole lines, about 4 MiB at a time, and the number of the first from 1."""
    number, rest = 1, b""
    block = stream.read(BLOCK_BYTES).removeprefix(b"\xef\xbb\xbf")
    while block:
        following = stream.read(BLOCK_BYTES)
        lines = (rest + block).split(b"\n")
        if any(len(line) > BLOCK_BYTES for line in lines):
            raise DataError(_long_line(uri, number, lines))
        rest = lines.pop() if following else b""
        yield number, lines
        number += len(lines)
        block = following


def _long_line(uri: str, number: int, lines: Sequence[bytes]) -> Problem:
    long = next(i for i, line in enumerate(lines) if len(line) > BLOCK_BYTES)
    hint = "JSON Lines has one record per line; a document over several lines is dataset_type application/json"
    return Problem("DATA-JSON-SIZE", uri, f"line {number + long:,}: over 4 MiB", "lines of at most 4 MiB", hint)


def _records_of_document(stream: BinaryIO, uri: str, paths: JsonPaths, remarks: Remarks) -> Iterator[Records]:
    document = _read_document(stream, uri, remarks)
    features = _search_records(paths.features, document, "features", uri)
    labels = tuple(_single(_search_records(path, document, key, uri)) for key, path in paths.labels)
    for (key, path), values in zip(paths.labels, labels, strict=True):
        if len(values) != len(features):
            raise DataError(_unequal(key, path, len(values), len(features), uri))
    for start in range(0, len(features), ROWS_PER_BATCH):
        part = slice(start, start + ROWS_PER_BATCH)
        rows = features[part]
        yield Records(range(start + 1, start + 1 + len(rows)), rows, tuple(values[part] for values in labels))


def _read_document(stream: BinaryIO, uri: str, remarks: Remarks) -> Any:
    content = bytearray()
    while len(content) <= MAX_DOCUMENT_BYTES and (block := stream.read(BLOCK_BYTES)):
        content += block
    if len(content) > MAX_DOCUMENT_BYTES:
        hint = "write JSON Lines, which is read in pieces"
        received, allowed = f"over {MAX_DOCUMENT_BYTES:,} bytes", f"at most {MAX_DOCUMENT_BYTES:,} bytes, unpacked"
        raise DataError(Problem("DATA-JSON-SIZE", uri, received, allowed, hint))
    try:
        return parse_json(bytes(content.removeprefix(b"\xef\xbb\xbf")), remarks)
    except orjson.JSONDecodeError as error:
        hint = "complete the document; one record per line is dataset_type application/jsonlines"
        raise DataError(Problem("DATA-JSON", uri, str(error), "one JSON document, UTF-8", hint)) from error


def _search_records(expression: str, document: object, key: str, uri: str) -> list[Any]:
    """One value per record of a document."""
    path = json_path(expression)
    parts = path.by_record
    found = path.search(document) if parts is None else parts[0].search(document)
    if not isinstance(found, list):
        told = " AWS answers: Data must contain features." if key == "features" else ""
        raise DataError(_lost(key, expression, what_is(found), uri, f"a list with one item per record.{told}"))
    return found if parts is None else parts[1].search_each(found)


def _unequal(key: str, path: str, n_values: int, n_records: int, uri: str) -> Problem:
    received = f"{path!r} finds {n_values:,} values for {n_records:,} records in {uri}"
    hint = "JMESPath leaves out nulls: write the path as records[*].key, which keeps every record in its place"
    return Problem("DATA-JSON-PATH", key, received, "one value per record", hint)


def _single(values: Sequence[Any]) -> list[Any]:
    return [value[0] if isinstance(value, list) and len(value) == 1 else value for value in values]


# --- from records to columns ------------------------------------------------------------------------------------


def _well_formed(records: Records, layout: JsonLayout, faults: Faults) -> Records:
    """The records with the right features; the others are noted."""
    if _all_well_formed(records.features, layout):
        return records
    kept = [i for i, found in enumerate(records.features) if _is_well_formed(found, records.numbers[i], layout, faults)]
    labels = tuple([values[i] for i in kept] for values in records.labels)
    return Records([records.numbers[i] for i in kept], [records.features[i] for i in kept], labels)


def _all_well_formed(features: Sequence[Any], layout: JsonLayout) -> bool:
    types = set(map(type, features))
    if layout.keys is None:
        return types == {list} and set(map(len, features)) == {layout.n_features}
    return types == {dict} and set().union(*features) <= set(layout.keys)


def _is_well_formed(found: Any, number: int, layout: JsonLayout, faults: Faults) -> bool:
    if not isinstance(found, list if layout.keys is None else dict):
        faults.note("DATA-JSON-PATH", number, f"has {what_is(found)}")
        return False
    if layout.keys is None:
        if len(found) != layout.n_features:
            faults.note("DATA-RAGGED", number, f"has {len(found)}")
        return len(found) == layout.n_features
    extra = [key for key in found if key not in layout.keys]
    if extra:
        faults.note("DATA-RAGGED", number, f"has also {extra[0]!r}")
    return not extra


def _batch(records: Records, layout: JsonLayout, faults: Faults, remarks: Remarks) -> pa.RecordBatch:
    names = layout.column_names
    columns: Iterable[Sequence[Any]] = (*_feature_columns(records.features, layout), *records.labels)
    arrays = [
        _text_column(values, name, records.numbers, faults, remarks)
        for values, name in zip(columns, names, strict=True)
    ]
    return pa.RecordBatch.from_arrays(arrays, list(names))


def _feature_columns(features: Sequence[Any], layout: JsonLayout) -> Iterable[Sequence[Any]]:
    if layout.keys is None:
        return zip(*features, strict=True)
    return ([found.get(key) for found in features] for key in layout.keys)


def _text_column(
    values: Sequence[Any], name: str, numbers: Sequence[int], faults: Faults, remarks: Remarks
) -> pa.Array:
    try:
        return text_column(values, name, remarks)
    except Nested:
        for number, value in zip(numbers, values, strict=True):
            if is_nested(value):
                faults.note("DATA-JSON-VALUE", number, f"has {what_is(value)} in {name!r}")
        return text_column([None if is_nested(value) else value for value in values], name, remarks)
