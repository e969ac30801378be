"""The one file that the rows of a window are written to, its digest, and the merged file of requests and labels."""

from __future__ import annotations

import hashlib
import io
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, Final

import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet

from clarify.config.json_text import canonical
from clarify.data import storage
from clarify.data.capture import Request
from clarify.data.column_types import ARROW_TYPES, decide, shapes_of, to_kind
from clarify.data.dataset import ROW_GROUP_ROWS
from clarify.data.json_values import parse_json
from clarify.data.payloads import csv_cell
from clarify.data.window_columns import WindowColumns

DATASET_TYPES: Final = {"csv": "text/csv", "parquet": "application/x-parquet"}
_SPECIAL = r'[",\r\n]'


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
