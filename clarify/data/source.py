"""The user's dataset as it was found: its files, format and column names; nothing of it was typed or counted yet."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import pyarrow as pa

from clarify.data import formats, storage
from clarify.data.csv_header import CsvHeader
from clarify.errors import DataError, Problem
from clarify.results import Notice

Format = Literal["csv", "parquet"]
_FORMATS: dict[str, Format] = {
    "text/csv": "csv",
    "application/x-parquet": "parquet",
    "application/parquet": "parquet",
}


@dataclass(frozen=True)
class SourceFile:
    """One file of the user's dataset; ``digest`` is empty until somebody read the file to its end."""

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
    """The files of a dataset in order of their names, and how to read them."""

    uri: str
    format: Format
    files: tuple[SourceFile, ...]
    column_names: tuple[str, ...]
    header_line: tuple[str, ...] | None
    notices: tuple[Notice, ...]

    @property
    def header_present(self) -> bool:
        return self.header_line is not None

    @property
    def bytes(self) -> int:
        return sum(file.bytes for file in self.files)


def open_source(
    uri: str, *, dataset_type: str, headers: Sequence[str] | None = None, csv_header: CsvHeader = "guess"
) -> Source:
    """Find the files of a dataset and name its columns, from the first file.

    ``uri`` is a file or a prefix that is read recursively; ``.csv.gz`` is unpacked. Whether the other
    files agree is seen when they are read (DATA-SCHEMA), which an engine does in parallel.

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
    if kind == "parquet":
        schema = formats.parquet_schema(files[0].uri, headers=headers)
        return Source(storage.normalise(uri), kind, files, tuple(schema.names), None, notices)
    layout = formats.read_csv_layout(files[0].uri, headers=headers, csv_header=csv_header)
    return Source(
        storage.normalise(uri), kind, files, layout.column_names, layout.header_line, notices + layout.notices
    )


def read_source_file(
    source: Source, file: SourceFile, *, hasher: storage.Hasher | None = None
) -> Iterator[pa.RecordBatch]:
    """The rows of one file as they stand there: CSV as text, Parquet with its own types.

    A ``hasher`` has seen all bytes of the file when the last batch is out.

    Raises
    ------
    DataError
        DATA-SCHEMA when the file's columns are not those of the dataset, and what reading it raises.
    """
    if source.format == "csv":
        with storage.open_input(file.uri, hasher=hasher) as stream:
            yield from formats.csv_batches(
                stream, uri=file.uri, column_names=source.column_names, header_line=source.header_line
            )
        return
    names = formats.parquet_schema(file.uri, headers=None).names
    if sorted(names) != sorted(source.column_names):
        raise DataError(_other_columns(source, file, names))
    if hasher is not None:
        storage.feed(file.uri, hasher)
    yield from formats.parquet_batches(file.uri, source.column_names)


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
