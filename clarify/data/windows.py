"""Windows of live data: which files may hold one, the features of its requests, and the one file it is written to."""

from __future__ import annotations

import hashlib
import io
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet

from clarify.config.columns import column_name, listed
from clarify.config.json_text import canonical
from clarify.config.monitor import MonitorConfig
from clarify.data import storage
from clarify.data.capture import Request
from clarify.data.column_types import ARROW_TYPES, decide, shapes_of, to_kind
from clarify.data.dataset import ROW_GROUP_ROWS
from clarify.data.dated_folders import DatedFile, dated_roots, files_between, list_or_nothing
from clarify.data.json_faults import what_is
from clarify.data.json_values import parse_json, text_column
from clarify.data.moments import HOUR
from clarify.data.payloads import Payload, RecordPath, UnreadablePayload, csv_cell, csv_records, decode, json_documents
from clarify.data.remarks import Remarks
from clarify.data.timed_table import is_table
from clarify.errors import ConfigError, DataError, Problem, clip
from clarify.records import Window
from clarify.results import Notice

MOST_MISFITS_SHOWN: Final = 5
DATASET_TYPES: Final = {"csv": "text/csv", "parquet": "application/x-parquet"}
_SPECIAL = r'[",\r\n]'


# --- files ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class WindowFiles:
    """The files that may hold rows and labels of a window, by hour and name.

    ``inputs`` are those of a batch transform that hold what was asked, ``files`` those with answers, too.
    """

    files: tuple[DatedFile, ...]
    inputs: tuple[DatedFile, ...] = ()
    truth: tuple[DatedFile, ...] = ()
    notices: tuple[Notice, ...] = ()

    @property
    def count(self) -> int:
        return len(self.files) + len(self.inputs) + len(self.truth)


def window_files(monitor: MonitorConfig, window: Window) -> WindowFiles:
    """List what may hold rows of a window; no file is opened, and no hour but the window's and its neighbours listed.

    Where a prefix has no folders by hour, all of its files are listed; a table never has any.

    Raises
    ------
    StorageError
        When something cannot be listed; a prefix without anything gives no files and a notice.
    """
    uri, layout = monitor.window.uri, monitor.window.layout
    start, end = window.starts - HOUR, window.ends + HOUR
    inputs: tuple[DatedFile, ...] = ()
    if layout == "table":
        found = tuple(DatedFile(window.starts, file.uri, file.bytes) for file in list_or_nothing(uri))
        files = tuple(file for file in found if is_table(file.uri))
        notices = _nothing_there(uri, "window.uri") if not found else _other_files(found, files, "window.uri")
    elif layout == "capture":
        files, notices = _dated(uri, "window.uri", start, end, window.starts)
    else:
        asked = storage.join(uri, "input")
        inputs, _ = _dated(asked, "window.uri", start, end, window.starts, endings=None, flat=False)
        outputs = storage.join(uri, "output")
        files, notices = _dated(outputs, "window.uri", start, end, window.starts, endings=None, flat=False)
        if not files and not inputs:
            files, notices = _dated(uri, "window.uri", start, end, window.starts, endings=None)
    truth, more = _truth_files(monitor, window)
    return WindowFiles(files, inputs, truth, (*notices, *more))


def window_fingerprint(monitor: MonitorConfig, window: Window) -> str:
    """SHA-256 over names and sizes of the files that may hold rows or labels of a window; none of them is opened.

    As long as it stays the same, a window that was looked at need not be looked at again.
    """
    found = window_files(monitor, window)
    listing = [[[file.uri, file.bytes] for file in sorted(part, key=lambda file: file.uri)]
               for part in (found.files, found.inputs, found.truth)]
    return hashlib.sha256(canonical(listing)).hexdigest()


def lateness(monitor: MonitorConfig) -> timedelta:
    """How long after its event a label may come."""
    return timedelta(seconds=monitor.ground_truth.lateness_seconds if monitor.ground_truth is not None else 0)


def _truth_files(monitor: MonitorConfig, window: Window) -> tuple[tuple[DatedFile, ...], tuple[Notice, ...]]:
    if monitor.ground_truth is None:
        return (), ()
    end = window.ends + lateness(monitor)
    return _dated(monitor.ground_truth.uri, "ground_truth.uri", window.starts, end, window.starts)


def _dated(
    uri: str, where: str, start: datetime, end: datetime, otherwise: datetime,
    *, endings: tuple[str, ...] | None = (".jsonl", ".jsonl.gz"), flat: bool = True,
) -> tuple[tuple[DatedFile, ...], tuple[Notice, ...]]:
    """Files in folders by hour; of a prefix without them all files, if ``flat``."""
    roots = dated_roots(uri)
    notices: tuple[Notice, ...] = ()
    if len(roots) > 1:
        message = f"{uri} has folders by hour in {len(roots)} places, which are read together: {listed(roots, most=5)}"
        notices = (Notice("WINDOW-SEVERAL-PREFIXES", where, message),)
    if roots:
        found = files_between(roots, start, end)
    else:
        found = tuple(DatedFile(otherwise, file.uri, file.bytes) for file in list_or_nothing(uri)) if flat else ()
        notices = () if found else _nothing_there(uri, where)
    kept = found if endings is None else tuple(file for file in found if file.uri.endswith(endings))
    return kept, (*notices, *_other_files(found, kept, where))


def _nothing_there(uri: str, where: str) -> tuple[Notice, ...]:
    message = f"nothing is at {uri} yet; if data should be there, check the spelling"
    return (Notice("WINDOW-NOTHING-THERE", where, message),)


def _other_files(found: Sequence[DatedFile], kept: Sequence[DatedFile], where: str) -> tuple[Notice, ...]:
    if len(found) == len(kept):
        return ()
    first = min(file.uri for file in set(found) - set(kept))
    message = f"{len(found) - len(kept)} files with another ending are not read, the first is {first}"
    return (Notice("WINDOW-OTHER-FILES", where, message),)


# --- features ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Asked:
    """The records of one request, as JSON has them or as cells of CSV."""

    records: list[Any]
    is_csv: bool


@dataclass(frozen=True)
class FeatureReader:
    """How the records of a request are found."""

    path: RecordPath | None
    names: tuple[str, ...] | None

    @classmethod
    def at(cls, path: str | None, names: tuple[str, ...] | None) -> FeatureReader:
        return cls(None if path is None else RecordPath.of(path), names)

    def read(self, asked: Payload | None, remarks: Remarks) -> Asked:
        """The records of a request; one None where nothing was captured.

        Raises
        ------
        UnreadablePayload
            For what is neither CSV nor JSON.
        ConfigError
            CFG-MISSING for JSON without features_attribute.
        """
        if asked is None:
            return Asked([None], False)
        if asked.encoding == "CELLS":
            return Asked([asked.data], True)
        text = decode(asked)
        if text.format == "csv":
            records = csv_records(text.text)
            return Asked(records[1:] if records and records[0] == list(self.names or ()) else records, True)
        documents, by_line = json_documents(asked, text, remarks)
        if self.path is None:
            raise ConfigError(
                Problem("CFG-MISSING", "attributes.features_attribute", "nothing, with requests of JSON",
                        "the JMESPath of the features in a request",
                        'add features_attribute: "instances[*].features", say')
            )
        return Asked(self.path.values(documents, by_line), False)

    def count(self, request: Request) -> int:
        """How many records a request has that is left out; 1 where it cannot be read."""
        try:
            return len(self.read(request.asked, Counter()).records)
        except (UnreadablePayload, DataError):
            return 1


@dataclass
class _Misfits:
    """Records without the features that are expected, by what they have instead."""

    expected: str
    rows: int = 0
    found: Counter[str] = field(default_factory=Counter)

    def note(self, what: str) -> None:
        self.found[what] += 1

    def report(self) -> None:
        if not self.found:
            return
        shown = sorted(self.found.items(), key=lambda item: (-item[1], item[0]))[:MOST_MISFITS_SHOWN]
        told = "; ".join(f"{count:,} of {self.rows:,} records with {what}" for what, count in shown)
        more = "" if len(shown) == len(self.found) else "; ..."
        raise DataError(
            Problem("WINDOW-FEATURES", "window", f"{told}{more}", self.expected,
                    "the endpoint is asked with other features than the reference knows: suggest constraints anew, or "
                    "correct headers and the monitor's attributes")
        )


@dataclass(frozen=True)
class WindowColumns:
    """Columns of a window.

    ``texts``: columns of strings whose values JSON has as strings, so that ``"5"`` stays text; ``is_csv``: all values
    are as they stand in CSV, so that their types are for a reader of CSV to infer. Arrays of other types than string
    keep their type.
    """

    names: tuple[str, ...]
    arrays: tuple[pa.Array, ...]
    texts: frozenset[str] = frozenset()
    is_csv: bool = True

    @property
    def rows(self) -> int:
        return len(self.arrays[0]) if self.arrays else 0

    def having(self, name: str, array: pa.Array, *, is_text: bool = False) -> WindowColumns:
        """The same columns and one more."""
        texts = self.texts | {name} if is_text else self.texts
        return WindowColumns((*self.names, name), (*self.arrays, array), texts, self.is_csv)

    def take(self, places: Sequence[int]) -> WindowColumns:
        """Some of the rows."""
        chosen = pa.array(np.asarray(places, dtype=np.int64))
        return WindowColumns(self.names, tuple(array.take(chosen) for array in self.arrays), self.texts, self.is_csv)


def feature_columns_of(
    asked: Sequence[Asked], names: tuple[str, ...] | None, excluded: Sequence[str | int]
) -> WindowColumns:
    """The features of all records as columns, without the excluded ones.

    ``names`` None: keys of objects name the columns, values of lists are ``column_0`` and so on.

    Raises
    ------
    DataError
        WINDOW-FEATURES, with everything that came instead of what was expected; CFG-MISSING as a ConfigError for CSV
        without headers.
    """
    records = [record for item in asked for record in item.records]
    captured = _names(records, names, any(item.is_csv for item in asked))
    rows = _fitting(records, captured)
    left_out = {column_name(reference, captured) for reference in excluded}
    remarks: Remarks = Counter()
    columns = zip(captured, zip(*rows, strict=True) if rows else [()] * len(captured), strict=True)
    kept = [(name, text_column(list(values), name, remarks)) for name, values in columns if name not in left_out]
    is_csv = any(item.is_csv for item in asked)
    texts = frozenset() if is_csv else frozenset(name for name, _ in kept if remarks["text", name])
    return WindowColumns(tuple(name for name, _ in kept), tuple(array for _, array in kept), texts, is_csv)


def _names(records: Sequence[Any], names: tuple[str, ...] | None, has_csv: bool) -> tuple[str, ...]:
    if names is not None:
        return names
    if has_csv:
        raise ConfigError(
            Problem("CFG-MISSING", "headers", "nothing, with requests of CSV", "names of the columns in their order",
                    "add headers to the analysis config: captured CSV does not name its columns")
        )
    keys = dict.fromkeys(key for record in records if isinstance(record, dict) for key in record)
    if keys:
        return tuple(keys)
    first = next((record for record in records if isinstance(record, list)), [])
    return tuple(f"column_{i}" for i in range(len(first)))


def _fitting(records: Sequence[Any], names: tuple[str, ...]) -> list[list[Any]]:
    """The records as lists of values in the order of the names."""
    width = len(names)
    if all(type(record) is list and len(record) == width for record in records):
        rows: list[list[Any]] = list(records)
    else:
        rows = _each_fitting(records, names)
    misfits = _Misfits("numbers, texts, true, false or null", len(rows))
    for record in rows:
        for value in record:
            if type(value) in (list, dict):
                misfits.note(f"{what_is(value)} in the place of a value")
                break
    misfits.report()
    return rows


def _each_fitting(records: Sequence[Any], names: tuple[str, ...]) -> list[list[Any]]:
    misfits = _Misfits(f"{len(names)} features: {listed(names)}", len(records))
    known, seen = frozenset(names), set[str]()
    rows: list[list[Any]] = []
    for record in records:
        if isinstance(record, dict):
            seen.update(record)
            extra = sorted(key for key in record if key not in known)
            if extra:
                misfits.note(f"a feature {clip(extra[0], 40)!r} besides")
            rows.append([record.get(name) for name in names])
        elif isinstance(record, list):
            if len(record) != len(names):
                misfits.note(f"{len(record):,} values")
            rows.append(record)
        else:
            misfits.note("no features" if record is None else what_is(record))
    lost = known - seen if records and all(isinstance(record, dict) for record in records) else frozenset()
    for name in sorted(lost):
        misfits.found[f"no feature {clip(name, 40)!r}"] = len(records)
    misfits.report()
    return rows


# --- the one file -----------------------------------------------------------------------------------------------------


def write_columns(columns: WindowColumns, folder_uri: str) -> tuple[str, str]:
    """Write the rows as one file: its URI and dataset type.

    CSV keeps every character as it was captured; it has a header line. What JSON or Parquet typed becomes Parquet.
    """
    if columns.is_csv and not _would_lose_lines(columns):
        uri, content, kind = storage.join(folder_uri, "rows.csv"), _as_csv(columns), "csv"
    else:
        uri, content, kind = storage.join(folder_uri, "rows.parquet"), _as_parquet(columns), "parquet"
    storage.write_bytes(uri, content)
    return uri, DATASET_TYPES[kind]


def columns_digest(columns: WindowColumns) -> str:
    """SHA-256 over names, types and values of all rows in their order, however they are packed."""
    hasher = hashlib.sha256()
    kinds = [[name, "text" if name in columns.texts else str(array.type)]
             for name, array in zip(columns.names, columns.arrays, strict=True)]
    hasher.update(canonical([kinds, columns.rows, columns.is_csv]))
    for array in columns.arrays:
        texts = pc.cast(array, pa.large_string())
        lengths = pc.fill_null(pc.binary_length(texts), -1)
        hasher.update(lengths.to_numpy(zero_copy_only=False).astype("<i8").tobytes())
        hasher.update("".join(pc.fill_null(texts, "").to_pylist()).encode())
    return hasher.hexdigest()


def write_merged(requests: Sequence[tuple[Request, bytes]], folder_uri: str, *, is_batch: bool) -> str:
    """Requests with their ground truth, as AWS's merge job writes them: ``merge/part-00000.jsonl``."""
    uri = storage.join(folder_uri, "merge", "part-00000.jsonl")
    storage.write_bytes(uri, b"".join(_merged_lines(requests, is_batch)))
    return uri


def _merged_lines(requests: Sequence[tuple[Request, bytes]], is_batch: bool) -> Iterator[bytes]:
    for request, truth in requests:
        event: dict[str, Any] = {"eventId": request.event_id or request.key}
        if is_batch:
            encoding = "JSON" if request.line.startswith((b"{", b"[")) else "CSV"
            captured: Any = {"batchTransformOutput": {"data": request.line.decode(), "encoding": encoding}}
        else:
            found = parse_json(request.line, Counter())
            captured, event = found["captureData"], {**found["eventMetadata"]}
        if request.inference_id is not None:
            event["inferenceId"] = request.inference_id
        merged = {"eventVersion": "0", "groundTruthData": orjson.Fragment(truth), "captureData": captured,
                  "eventMetadata": event}
        yield orjson.dumps(merged) + b"\n"


def _would_lose_lines(columns: WindowColumns) -> bool:
    """A row of one missing value is an empty line in CSV, which is no row."""
    return len(columns.arrays) == 1 and columns.arrays[0].null_count > 0


def _as_csv(columns: WindowColumns) -> bytes:
    header = ",".join(csv_cell(name) for name in columns.names)
    cells = [_cells(array) for array in columns.arrays]
    return ("\n".join([header, *map(",".join, zip(*cells, strict=True))]) + "\n").encode()


def _cells(array: pa.Array) -> list[str]:
    texts = array if pa.types.is_string(array.type) else pc.cast(array, pa.string())
    is_plain = not pc.any(pc.or_(pc.match_substring_regex(texts, _SPECIAL), pc.equal(texts, ""))).as_py()
    if is_plain:
        found: list[str] = pc.fill_null(texts, "").to_pylist()
        return found
    return ["" if text is None else csv_cell(text) for text in texts.to_pylist()]


def _as_parquet(columns: WindowColumns) -> bytes:
    arrays = [_typed(name, array, columns.texts) for name, array in zip(columns.names, columns.arrays, strict=True)]
    sink = io.BytesIO()
    table = pa.Table.from_arrays(arrays, names=list(columns.names))
    pa.parquet.write_table(table, sink, row_group_size=ROW_GROUP_ROWS, compression="zstd")
    return sink.getvalue()


def _typed(name: str, array: pa.Array, texts: frozenset[str]) -> pa.Array:
    """A column of text as the kind that the same values of JSON or CSV have."""
    if not pa.types.is_string(array.type) or name in texts:
        return array
    kind, _ = decide(shapes_of(array.drop_null()))
    return to_kind(array, kind, name) if kind != "text" else pc.cast(array, ARROW_TYPES["text"])
