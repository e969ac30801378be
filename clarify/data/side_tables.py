"""Facets or predictions that live in CSV files of their own, joined to the dataset's rows as further columns.

Without a key, row *i* of the side table belongs to row *i* of the dataset, one file each. With a key (an inner
join), every key occurs once in the side table; rows of the dataset whose key is empty or unknown are dropped and
counted. Keys are compared as text: ``7`` and ``07`` are two keys.

Notes
-----
A side table is held in memory, once per process: at most 1 GiB of CSV, unpacked, and with a key some 150 bytes
more for each row.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from clarify.config.columns import column_name
from clarify.data import formats, storage
from clarify.data.byte_limit import limited
from clarify.data.csv_header import CsvHeader
from clarify.data.remarks import Remarks
from clarify.errors import DataError, Problem, clip
from clarify.results import Notice

MAX_BYTES = 1024**3
SHOWN_KEYS = 5

Role = Literal["facet", "predicted_label"]


@dataclass(frozen=True)
class SideTable:
    """A table to be joined: its files and columns, the column that is the key (None: row by row), and its content.

    ``digest`` is SHA-256 over the digests of its files in order.
    """

    role: Role
    uri: str
    files: tuple[str, ...]
    all_columns: tuple[str, ...]
    header_line: tuple[str, ...] | None
    key: str | None
    digest: str
    rows: int

    @property
    def field(self) -> str:
        """The key of the config that names it."""
        return f"{self.role}_dataset_uri"

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns it adds to the dataset."""
        return tuple(name for name in self.all_columns if name != self.key)


@dataclass(frozen=True, eq=False)
class _Loaded:
    columns: pa.Table
    rows_by_key: dict[str, int] | None


def open_side_table(
    role: Role, uri: str, *, headers: Sequence[str] | None, csv_header: CsvHeader, key: Sequence[str | int]
) -> tuple[SideTable, tuple[Notice, ...]]:
    """Read a side table once: name its columns, check its key, take its digest.

    Columns without any name are called ``facet_0``, ``facet_1``, ... or ``predicted_label``, and
    ``predicted_label_1``, ... where there are several. ``key`` is what the join column may be: names, or a position
    that counts in this table; the first that is there is taken; none joins row by row.

    Raises
    ------
    DataError
        DATA-EMPTY; DATA-SIDE-SIZE; DATA-JOIN-KEY when the key is missing, empty or not unique; what reading raises.
    """
    files = tuple(file.uri for file in storage.list_files(uri) if file.bytes)
    if not files:
        hint = f"check {role}_dataset_uri"
        raise DataError(Problem("DATA-EMPTY", uri, "no file with a byte in it", "a CSV file with rows", hint))
    layout = formats.read_csv_layout(files[0], headers=headers, csv_header=csv_header)
    named = headers is not None or layout.header_line is not None
    names = layout.column_names if named else _generated(role, len(layout.column_names))
    found = _key_column(role, names, key)
    table, digest = _read(files, names, layout.header_line, f"{role}_dataset_uri")
    if table.num_rows == 0:
        raise DataError(Problem("DATA-EMPTY", uri, "no row", "at least one row", "check what wrote the file"))
    if found is not None:
        _check_key(table.column(found), uri)
    normal = storage.normalise(uri)
    side = SideTable(role, normal, files, names, layout.header_line, found, digest, table.num_rows)
    return side, layout.notices


def joined(
    batches: Iterator[pa.RecordBatch], side: SideTable, *, key: str | None, uri: str, remarks: Remarks
) -> Iterator[pa.RecordBatch]:
    """Batches of a dataset's file with the columns of a side table behind their own.

    ``key`` is the dataset's column that holds the key.

    Raises
    ------
    DataError
        DATA-JOIN-ROWS, at the end of the file, when row by row the two have not equally many rows;
        DATA-JOIN-CHANGED when the side table is no longer what it was when it was opened.
    """
    loaded = _load(side)
    if loaded.rows_by_key is None or key is None:
        yield from _row_by_row(batches, side, loaded.columns, uri)
        return
    for batch in batches:
        positions = _partners(batch.column(batch.schema.get_field_index(key)), loaded.rows_by_key)
        has_partner = positions >= 0
        if not has_partner.all():
            remarks["no partner", side.uri] += int((~has_partner).sum())
            batch = batch.filter(pa.array(has_partner))
        if batch.num_rows:
            yield _beside(batch, loaded.columns.take(pa.array(positions[has_partner])))


def _row_by_row(
    batches: Iterator[pa.RecordBatch], side: SideTable, columns: pa.Table, uri: str
) -> Iterator[pa.RecordBatch]:
    rows = 0
    for batch in batches:
        if rows + batch.num_rows <= side.rows:
            yield _beside(batch, columns.slice(rows, batch.num_rows))
        rows += batch.num_rows
    if rows != side.rows:
        received = f"{side.rows:,} rows in {side.uri}, {rows:,} rows in {uri}"
        hint = "write a row for every row, in the same order; or name a key in joinsource_name_or_index"
        raise DataError(Problem("DATA-JOIN-ROWS", side.field, received, "equally many rows", hint))


def _beside(batch: pa.RecordBatch, columns: pa.Table) -> pa.RecordBatch:
    arrays = [pa.concat_arrays(column.chunks) if column.num_chunks != 1 else column.chunk(0) for column in columns]
    names = [*batch.schema.names, *columns.column_names]
    return pa.RecordBatch.from_arrays([*batch.columns, *arrays], names)


def _partners(keys: pa.Array, rows_by_key: dict[str, int]) -> NDArray[np.int64]:
    """The side table's row of each key, -1 for none."""
    return np.fromiter((rows_by_key.get(key, -1) for key in keys.to_pylist()), dtype=np.int64, count=len(keys))


@lru_cache(maxsize=4)
def _load(side: SideTable) -> _Loaded:
    table, digest = _read(side.files, side.all_columns, side.header_line, side.field)
    if digest != side.digest:
        hint = "write it to its end first, then run again"
        raise DataError(Problem("DATA-JOIN-CHANGED", side.field, side.uri, "a file that nobody writes to", hint))
    columns = table.select(list(side.columns)).combine_chunks()
    if side.key is None:
        return _Loaded(columns, None)
    return _Loaded(columns, {key: row for row, key in enumerate(table.column(side.key).to_pylist())})


def _read(
    files: Sequence[str], names: Sequence[str], header_line: Sequence[str] | None, config_field: str
) -> tuple[pa.Table, str]:
    """All rows as text, and the digest of the files."""
    digest, left = hashlib.sha256(), MAX_BYTES
    batches: list[pa.RecordBatch] = []
    for uri in files:
        hasher = hashlib.sha256()
        with storage.open_input(uri, hasher=hasher) as stream:
            held = limited(stream, left, _too_large(config_field, uri))
            found = list(formats.csv_batches(held, uri=uri, column_names=names, header_line=header_line))
        batches += found
        left -= sum(batch.nbytes for batch in found)
        digest.update(hasher.digest())
    schema = pa.schema([(name, pa.string()) for name in names])
    return pa.Table.from_batches(batches, schema=schema), digest.hexdigest()


def _too_large(config_field: str, uri: str) -> Problem:
    received, allowed = f"over {MAX_BYTES:,} bytes with {uri}", f"at most {MAX_BYTES:,} bytes, unpacked"
    hint = "keep only the key and the columns that are needed, or put the columns into the dataset itself"
    return Problem("DATA-SIDE-SIZE", config_field, received, allowed, hint)


def _generated(role: Role, n_columns: int) -> tuple[str, ...]:
    if role == "facet":
        return tuple(f"facet_{i}" for i in range(n_columns))
    return (role, *(f"{role}_{i}" for i in range(1, n_columns)))


def _key_column(role: Role, names: Sequence[str], key: Sequence[str | int]) -> str | None:
    if not key:
        return None
    found = next((name for reference in key if (name := column_name(reference, names)) is not None), None)
    if found is not None:
        return found
    hint = f"name it in {role}_headers, or write it into the table as the dataset has it"
    field, received = "joinsource_name_or_index", f"{key[0]!r}, which {role}_dataset_uri does not have"
    raise DataError(Problem("DATA-JOIN-KEY", field, received, f"a column of it: {', '.join(map(repr, names))}", hint))


def _check_key(keys: pa.ChunkedArray, uri: str) -> None:
    if keys.null_count:
        received = f"{keys.null_count:,} rows of {uri} without a key"
        raise DataError(Problem("DATA-JOIN-KEY", "joinsource_name_or_index", received, "a key in every row"))
    counts = Counter(keys.to_pylist())
    if len(counts) < len(keys):
        again = [key for key, count in counts.items() if count > 1]
        some = ", ".join(repr(clip(key, 40)) for key in again[:SHOWN_KEYS])
        received = f"{len(again):,} keys more than once in {uri}: {some}{', ...' if len(again) > SHOWN_KEYS else ''}"
        hint = "keep one row for each key"
        raise DataError(Problem("DATA-JOIN-KEY", "joinsource_name_or_index", received, "each key once", hint))
