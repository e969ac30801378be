"""The user's dataset as it was found: its files, format and column names; nothing of it was typed or counted yet."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import BinaryIO, Literal

import pyarrow as pa

from clarify.data import formats, storage
from clarify.data.byte_limit import limited
from clarify.data.csv_header import CsvHeader
from clarify.data.json_records import JsonFormat, JsonLayout, JsonPaths, json_batches, read_json_layout
from clarify.data.remarks import Remarks
from clarify.data.side_tables import SideTable, joined
from clarify.errors import DataError, Problem
from clarify.results import Notice

Format = Literal["csv", "parquet", "jsonlines", "json"]
_FORMATS: dict[str, Format] = {
    "text/csv": "csv",
    "application/x-parquet": "parquet",
    "application/parquet": "parquet",
    "application/jsonlines": "jsonlines",
    "application/json": "json",
}
# Deflate makes 1 of 1,032 at best; real tables reach 100.
MOST_UNPACKED = 1024**3
MOST_RATIO = 400


@dataclass(frozen=True)
class SourceFile:
    """One file of the user's dataset.

    ``digest`` is empty until somebody read the file to its end; then SHA-256 of its bytes and of the digests of the
    side tables joined to it.
    """

    index: int
    uri: str
    bytes: int
    digest: str = ""

    @property
    def rows(self) -> int:
        """Size for a progress bar: bytes stand in for rows that nobody has counted yet."""
        return self.bytes


@dataclass(frozen=True)
class Source:
    """The files of a dataset in order of their names, and how to read them.

    ``column_names`` ends with the columns of ``sides``, which are joined to the rows of the files: by the column
    ``key``, or row by row where there is none. ``layout`` says where JSON has its features and labels.
    """

    uri: str
    format: Format
    files: tuple[SourceFile, ...]
    column_names: tuple[str, ...]
    header_line: tuple[str, ...] | None
    notices: tuple[Notice, ...]
    layout: JsonLayout | None = None
    sides: tuple[SideTable, ...] = ()
    key: str | None = None

    @property
    def header_present(self) -> bool:
        return self.header_line is not None

    @property
    def bytes(self) -> int:
        return sum(file.bytes for file in self.files)

    @property
    def own_columns(self) -> tuple[str, ...]:
        """The columns of its files, without those of side tables."""
        n_joined = sum(len(side.columns) for side in self.sides)
        return self.column_names[: len(self.column_names) - n_joined]


def open_source(
    uri: str,
    *,
    dataset_type: str,
    headers: Sequence[str] | None = None,
    csv_header: CsvHeader = "guess",
    paths: JsonPaths | None = None,
) -> Source:
    """Find the files of a dataset and name its columns, from the first file.

    ``uri`` is a file or a prefix that is read recursively; ``.gz`` is unpacked, but for Parquet. ``paths`` is needed
    for JSON Lines and JSON. Whether the other files agree is seen when they are read (DATA-SCHEMA, DATA-RAGGED),
    which an engine does in parallel.

    Raises
    ------
    DataError
        DATA-FORMAT for a dataset type we do not read, DATA-EMPTY when there is no file with a byte in
        it, and what naming the columns raises.
    StorageError
        STORAGE-NOT-FOUND, STORAGE-READ, STORAGE-SCHEME.
    """
    kind = _FORMATS.get(dataset_type.lower())
    if kind is None:
        raise DataError(Problem("DATA-FORMAT", "dataset_type", dataset_type, ", ".join(_FORMATS)))
    found = storage.list_files(uri)
    files = tuple(SourceFile(i, f.uri, f.bytes) for i, f in enumerate(f for f in found if f.bytes))
    if not files:
        received = f"{len(found)} files, all empty" if found else "no file"
        raise DataError(Problem("DATA-EMPTY", uri, received, "at least one file with rows", "check dataset_uri"))
    notices = _empty_files(tuple(f.uri for f in found if not f.bytes))
    uri = storage.normalise(uri)
    if kind == "parquet":
        schema = formats.parquet_schema(files[0].uri, headers=headers)
        return Source(uri, kind, files, tuple(schema.names), None, notices)
    if kind == "csv":
        csv = formats.read_csv_layout(files[0].uri, headers=headers, csv_header=csv_header)
        return Source(uri, kind, files, csv.column_names, csv.header_line, notices + csv.notices)
    layout = _read_json_layout(files[0], kind, paths, headers)
    return Source(uri, kind, files, layout.column_names, None, notices, layout)


def _read_json_layout(
    file: SourceFile, kind: JsonFormat, paths: JsonPaths | None, headers: Sequence[str] | None
) -> JsonLayout:
    if paths is None:
        raise DataError(Problem("CFG-MISSING", "features", "nothing", "the JMESPath of the features", "name the path"))
    with _open(file, None) as stream:
        return read_json_layout(stream, uri=file.uri, kind=kind, paths=paths, headers=headers)


def read_source_file(
    source: Source, file: SourceFile, *, hasher: storage.Hasher | None = None, remarks: Remarks | None = None
) -> Iterator[pa.RecordBatch]:
    """The rows of one file with the columns of the side tables: CSV and JSON as text, Parquet with its own types.

    When the last batch is out, a ``hasher`` has seen all bytes of the file and the digests of the side tables, and
    ``remarks`` holds what was counted on the way.

    Raises
    ------
    DataError
        DATA-SCHEMA when the file's columns are not those of the dataset, DATA-GZIP-SIZE when it unpacks to more
        than 1 GiB and 400 times its size, and what reading and joining it raises.
    """
    remarks = Counter() if remarks is None else remarks
    batches = _own_batches(source, file, hasher, remarks)
    for side in source.sides:
        batches = joined(batches, side, key=source.key, uri=file.uri, remarks=remarks)
    yield from batches
    if hasher is not None:
        for side in source.sides:
            hasher.update(bytes.fromhex(side.digest))


def _own_batches(
    source: Source, file: SourceFile, hasher: storage.Hasher | None, remarks: Remarks
) -> Iterator[pa.RecordBatch]:
    if source.format == "parquet":
        yield from _parquet_batches(source, file, hasher)
        return
    with _open(file, hasher) as stream:
        if source.layout is not None:
            yield from json_batches(stream, uri=file.uri, layout=source.layout, remarks=remarks)
            return
        yield from formats.csv_batches(
            stream, uri=file.uri, column_names=source.own_columns, header_line=source.header_line
        )


def _parquet_batches(
    source: Source, file: SourceFile, hasher: storage.Hasher | None
) -> Iterator[pa.RecordBatch]:
    names = formats.parquet_schema(file.uri, headers=None).names
    if sorted(names) != sorted(source.column_names):
        raise DataError(_other_columns(source, file, names))
    if hasher is not None:
        storage.feed(file.uri, hasher)
    yield from formats.parquet_batches(file.uri, source.column_names)


@contextmanager
def _open(file: SourceFile, hasher: storage.Hasher | None) -> Iterator[BinaryIO]:
    """A file of text; one that is packed must not unpack without end."""
    with storage.open_input(file.uri, hasher=hasher) as stream:
        if not file.uri.endswith(".gz"):
            yield stream
            return
        most = max(MOST_UNPACKED, MOST_RATIO * file.bytes)
        received = f"over {most:,} bytes from {file.bytes:,} packed ones"
        allowed = f"at most {MOST_UNPACKED:,} bytes, or {MOST_RATIO} times what is packed"
        hint = "unpack the file yourself if you trust it"
        yield limited(stream, most, Problem("DATA-GZIP-SIZE", file.uri, received, allowed, hint))


def dataset_digest(files: Sequence[SourceFile]) -> str:
    """SHA-256 over the digests of the files, in order."""
    hasher = hashlib.sha256()
    for file in files:
        hasher.update(bytes.fromhex(file.digest))
    return hasher.hexdigest()


def _other_columns(source: Source, file: SourceFile, names: Sequence[str]) -> Problem:
    allowed = f"{', '.join(source.column_names)}, as in {source.files[0].uri}"
    return Problem("DATA-SCHEMA", file.uri, ", ".join(names), allowed, "all files of a dataset have the same columns")


def _empty_files(uris: tuple[str, ...]) -> tuple[Notice, ...]:
    if not uris:
        return ()
    message = f"{len(uris)} files without a byte were left out, the first is {uris[0]}"
    return (Notice("DATA-EMPTY-FILE", "dataset", message),)
