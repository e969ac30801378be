"""A draw of rows by their values: the same rows in whatever order they lie, however they are cut into files."""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
from numpy.typing import NDArray

from clarify.data import storage
from clarify.data.csv_header import CsvHeader
from clarify.data.distinct import hash_values, scramble
from clarify.data.source import Source, open_source, read_source_file
from clarify.errors import DataError, Problem

FEWEST_EXPLAINED = 30
REFERENCE_ROWS_PER_ROW = 10
EXPLAINED_WITHOUT_ROWS = 2_000

_NULL = np.uint64(0x9AE16A3B2F90404F)
_STRIDE = np.uint64(0x9E3779B97F4A7C15)

Hashes = NDArray[np.uint64]


def rows_to_explain(reference_rows: int, explained_rows: int | None = None) -> int:
    """How many rows of a window to explain: as many as asked for, else a tenth of the reference's, at least 30.

    With ten times the window's rows, the reference's own noise hardly matters, and windows that share it are nearly
    independent. 2,000 where the reference has global values only, as AWS's analysis.json.

    >>> rows_to_explain(20_000), rows_to_explain(120), rows_to_explain(20_000, 500), rows_to_explain(0)
    (2000, 30, 500, 2000)
    """
    if explained_rows is not None:
        return explained_rows
    if reference_rows == 0:
        return EXPLAINED_WITHOUT_ROWS
    return max(FEWEST_EXPLAINED, reference_rows // REFERENCE_ROWS_PER_ROW)


def sample_window(
    data_uri: str, most_rows: int, target_uri: str, *, csv_header: CsvHeader = "present"
) -> tuple[int, int]:
    """Write at most so many rows of a CSV or Parquet dataset to one file of the same kind, told by their values.

    All rows have the same chance, copies of a row included. The file holds them in the order of their hashes, so
    another order of the data gives the same bytes. Memory: eight bytes a row, and the rows that are kept.

    Parameters
    ----------
    data_uri : a file or folder; ``.parquet`` at the end of its first file means Parquet, everything else CSV
    csv_header : whether CSV files begin with the columns' names; the target begins as they do

    Returns
    -------
    (rows kept, rows in the data)

    Raises
    ------
    DataError, StorageError
        What reading the data raises.
    """
    source = open_source(data_uri, dataset_type=_dataset_type(data_uri), csv_header=csv_header)
    hashes = np.concatenate([np.empty(0, np.uint64), *(row_hashes(batch) for batch in _batches(source))])
    if len(hashes) == 0:
        raise DataError(Problem("DATA-EMPTY", data_uri, "no rows", "at least one row", "check what collected them"))
    drawn = draw(hashes, most_rows)
    table = take_rows(_batches(source), drawn)
    storage.write_bytes(target_uri, _as_file(table, source))
    return len(drawn), len(hashes)


def draw(hashes: Hashes, most_rows: int) -> NDArray[np.intp]:
    """Positions of at most so many rows, in the order of their salted hashes.

    The k-th copy of a row has a salt of its own: otherwise all copies would be drawn, or none.
    """
    order = np.argsort(hashes, kind="stable")
    ordered = hashes[order]
    places = np.arange(len(ordered), dtype=np.uint64)
    is_first = np.ones(len(ordered), dtype=np.bool_)
    is_first[1:] = ordered[1:] != ordered[:-1]
    first = np.maximum.accumulate(np.where(is_first, places, np.uint64(0)))
    salted = scramble(ordered + (places - first) * _STRIDE)
    chosen: NDArray[np.intp] = order[np.argsort(salted, kind="stable")[:most_rows]]
    return chosen


def take_rows(batches: Iterator[pa.RecordBatch], positions: NDArray[np.intp]) -> pa.Table:
    """The rows at some positions of a stream, in the order of ``positions``."""
    ascending, start, found = np.sort(positions), 0, []
    for batch in batches:
        low, high = np.searchsorted(ascending, [start, start + batch.num_rows])
        found.append(batch.take(pa.array(ascending[low:high] - start)))
        start += batch.num_rows
    return pa.Table.from_batches(found).take(pa.array(np.searchsorted(ascending, positions)))


def row_hashes(rows: pa.RecordBatch | pa.Table) -> Hashes:
    """A 64-bit hash of the values of each row; columns count in their order, names do not."""
    hashes = np.zeros(rows.num_rows, dtype=np.uint64)
    for column in rows.columns:
        whole = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
        hashes = scramble(hashes ^ _column_hashes(_plain(whole)))
    return hashes


def _column_hashes(values: pa.Array) -> Hashes:
    hashes = np.full(len(values), _NULL, dtype=np.uint64)
    hashes[values.is_valid().to_numpy(zero_copy_only=False)] = hash_values(values.drop_null())
    return hashes


def _plain(values: pa.Array) -> pa.Array:
    """As one of the four types that have a hash; dates, decimals and the like as they are written."""
    kind = values.type
    if pa.types.is_boolean(kind) or pa.types.is_string(kind):
        return values
    if pa.types.is_floating(kind):
        return values.cast(pa.float64())
    if pa.types.is_integer(kind) and not pa.types.is_uint64(kind):
        return values.cast(pa.int64())
    return pa.array([None if value is None else str(value) for value in values.to_pylist()], pa.string())


def _dataset_type(uri: str) -> str:
    files = [file.uri for file in storage.list_files(uri) if file.bytes]
    return "application/x-parquet" if files and files[0].endswith((".parquet", ".pq")) else "text/csv"


def _batches(source: Source) -> Iterator[pa.RecordBatch]:
    for file in source.files:
        yield from read_source_file(source, file)


def _as_file(table: pa.Table, source: Source) -> bytes:
    sink = BytesIO()
    if source.format == "parquet":
        pq.write_table(table, sink, compression="zstd")
    else:
        pa_csv.write_csv(table, sink, pa_csv.WriteOptions(include_header=source.header_present))
    return sink.getvalue()
