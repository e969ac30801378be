"""CSV and Parquet files as streams of Arrow record batches, in bounded memory, nothing skipped in silence."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from clarify.data import storage
from clarify.data.csv_header import CsvHeader, Layout, check_headers, check_names, first_line, lay_out
from clarify.errors import DataError, Problem

BLOCK_BYTES = 4 * 1024 * 1024       # a row longer than this is refused: most likely a quote was never closed
SAMPLE_BYTES = 1024 * 1024
SAMPLE_ROWS = 1_000
PARQUET_BATCH_ROWS = 65_536
SHOWN_RAGGED_ROWS = 5


def read_csv_layout(uri: str, *, headers: Sequence[str] | None, csv_header: CsvHeader) -> Layout:
    """Name the columns of a CSV file from its first megabyte.

    Raises
    ------
    DataError
        DATA-EMPTY for a file without a line; DATA-CSV, DATA-ENCODING; and what ``lay_out`` raises.
    """
    with storage.open_input(uri) as stream:
        head = stream.read(SAMPLE_BYTES)
    if len(head) == SAMPLE_BYTES:
        head = head[: head.rfind(b"\n") + 1]
    with _csv_problems(uri):
        # Opened twice: the first time only tells how many columns there are to be read as text.
        n_columns = len(_open_csv(io.BytesIO(head), None, lambda row: "skip").schema)
        names = [str(i) for i in range(n_columns)]
        sample = _open_csv(io.BytesIO(head), names, lambda row: "skip").read_all().slice(0, SAMPLE_ROWS + 1)
    if sample.num_rows == 0:
        raise DataError(Problem("DATA-EMPTY", uri, "no line", "at least one row", "check what wrote the file"))
    return lay_out(sample, uri=uri, headers=headers, csv_header=csv_header)


def csv_batches(
    stream: BinaryIO, *, uri: str, column_names: Sequence[str], header_line: Sequence[str] | None
) -> Iterator[pa.RecordBatch]:
    """Every row of a CSV file (RFC 4180, UTF-8 with or without a byte order mark), all columns as text.

    Only an empty, unquoted field is null. Blank lines are no rows, as pandas has it. Row 1 of an error
    message is the first line; a field with line breaks in it does not start a new row.

    Raises
    ------
    DataError
        DATA-SCHEMA when the file does not begin with ``header_line`` or has another number of columns;
        DATA-RAGGED after the last row, when some rows had more or fewer fields;
        DATA-ENCODING for bytes that are not UTF-8; DATA-CSV for a quote that is never closed.
    """
    ragged = _RaggedRows(column_names)
    awaited = header_line
    with _csv_problems(uri):
        for batch in _open_csv(stream, list(column_names), ragged.note):
            if awaited is not None and batch.num_rows:
                _check_header(batch, awaited, ragged, uri)
                batch, awaited = batch.slice(1), None
            if batch.num_rows:
                yield batch
    ragged.report(uri)


def _check_header(batch: pa.RecordBatch, awaited: Sequence[str], ragged: _RaggedRows, uri: str) -> None:
    ragged.report_first_row(uri)
    if first_line(batch) != tuple(awaited):
        hint = "all files of a dataset begin with the same header, or none has one"
        raise DataError(Problem("DATA-SCHEMA", uri, f"first line {first_line(batch)}", f"{tuple(awaited)}", hint))


def parquet_schema(uri: str, *, headers: Sequence[str] | None) -> pa.Schema:
    """The columns of a Parquet file with their types.

    Raises
    ------
    DataError
        DATA-PARQUET for a file that is none; DATA-DUPLICATE-COLUMN; DATA-HEADERS when the config's
        headers are not the file's own names, in its order (a Parquet column is known by its name).
    """
    with open_parquet(uri) as file:
        schema = file.schema_arrow
    check_names(schema.names, uri)
    if headers is not None:
        check_headers(headers, len(schema.names), uri)
        if list(headers) != schema.names:
            hint = "leave headers out: Parquet files name their columns themselves"
            raise DataError(Problem("DATA-HEADERS", "headers", repr(list(headers)), repr(schema.names), hint))
    return schema


def parquet_batches(uri: str, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
    """Every row of a Parquet file with the file's own types, in batches of at most 65,536 rows."""
    with open_parquet(uri) as file:
        for batch in file.iter_batches(PARQUET_BATCH_ROWS, columns=list(columns), use_threads=False):
            yield batch.select(list(columns))


@contextmanager
def open_parquet(uri: str) -> Iterator[pa.parquet.ParquetFile]:
    """A Parquet file open for reading; errors of its content are DataErrors, those of storage StorageErrors."""
    with storage.open_input(uri, compression="none") as stream:
        try:
            with pa.parquet.ParquetFile(stream) as file:
                yield file
        except (pa.ArrowInvalid, OSError) as error:
            # Arrow reports damaged files as OSError too, but without the number of a system error.
            if isinstance(error, OSError) and error.errno is not None:
                raise
            hint = "check dataset_type, and that the file was written to its end"
            raise DataError(Problem("DATA-PARQUET", uri, str(error), "a readable Parquet file", hint)) from error


def _open_csv(stream: BinaryIO, names: list[str] | None, on_ragged: Any) -> pa.csv.CSVStreamingReader:
    types = None if names is None else dict.fromkeys(names, pa.string())
    return pa.csv.open_csv(
        stream,
        # One thread: rows keep their numbers, and engines already work on several files at a time.
        read_options=pa.csv.ReadOptions(
            use_threads=False, block_size=BLOCK_BYTES, column_names=names, autogenerate_column_names=names is None
        ),
        parse_options=pa.csv.ParseOptions(
            newlines_in_values=True, ignore_empty_lines=True, invalid_row_handler=on_ragged
        ),
        convert_options=pa.csv.ConvertOptions(
            null_values=[""], strings_can_be_null=True, quoted_strings_can_be_null=False, column_types=types
        ),
    )


@dataclass
class _RaggedRows:
    """Counts the rows with a wrong number of fields and keeps the first few."""

    column_names: Sequence[str]
    count: int = 0
    shown: list[tuple[int, int]] = field(default_factory=list)

    def note(self, row: Any) -> str:
        self.count += 1
        if len(self.shown) < SHOWN_RAGGED_ROWS:
            self.shown.append((row.number, row.actual_columns))
        return "skip"

    def report_first_row(self, uri: str) -> None:
        if self.shown and self.shown[0][0] == 1:
            names = ", ".join(self.column_names)
            hint = "all files of a dataset have the same columns"
            received, allowed = f"{self.shown[0][1]} columns", f"{len(self.column_names)} columns: {names}"
            raise DataError(Problem("DATA-SCHEMA", uri, received, allowed, hint))

    def report(self, uri: str) -> None:
        self.report_first_row(uri)
        if self.count:
            shown = ", ".join(f"row {number} has {n_fields}" for number, n_fields in self.shown)
            more = "" if self.count == len(self.shown) else ", ..."
            received = f"{self.count} rows with another number of fields: {shown}{more}"
            hint = "quote fields that contain commas, and complete the short rows"
            allowed = f"{len(self.column_names)} fields in every row"
            raise DataError(Problem("DATA-RAGGED", uri, received, allowed, hint))


@contextmanager
def _csv_problems(uri: str) -> Iterator[None]:
    try:
        yield
    except pa.ArrowInvalid as error:
        text = str(error)
        if "Empty CSV" in text:
            problem = Problem("DATA-EMPTY", uri, "no line", "at least one row", "check what wrote the file")
        elif "invalid UTF8" in text:
            problem = Problem("DATA-ENCODING", uri, text, "UTF-8", "write the file again as UTF-8")
        else:
            hint = "look for a quote that is never closed; one row may have at most 4 MiB"
            problem = Problem("DATA-CSV", uri, text, "CSV as RFC 4180 has it, separated by commas", hint)
        raise DataError(problem) from error
