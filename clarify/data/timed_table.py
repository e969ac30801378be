"""Rows of CSV and Parquet files that happened within a window, by the column that says when."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any, BinaryIO, Final, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet
from numpy.typing import NDArray

from clarify.config.columns import did_you_mean, listed
from clarify.data import formats, storage
from clarify.data.byte_limit import limited
from clarify.data.capture import SHOWN, Duplicates, Sorting
from clarify.data.column_types import declared_kind
from clarify.data.moments import UNDATED, Span, microseconds, read_moment, read_moments, unit_of
from clarify.data.source import MOST_RATIO, MOST_UNPACKED
from clarify.data.storage import StoredFile
from clarify.errors import DataError, Problem, clip

TableFormat = Literal["csv", "parquet"]
IDS: Final = ("inferenceId", "eventId")
"""Columns that name the event of a row; the first that a row has counts."""

_ENDINGS: Final[dict[str, TableFormat]] = {
    ".csv": "csv", ".csv.gz": "csv", ".parquet": "parquet", ".pq": "parquet",
}  # fmt: skip


@dataclass(frozen=True)
class TimedRows:
    """Rows of a window, in the order of their moments; ``events`` names the event of each, if the table has them."""

    format: TableFormat
    table: pa.Table
    moments: NDArray[np.int64]
    events: tuple[str | None, ...] | None


@dataclass
class _Reading:
    """What is told of all files at once."""

    sorting: Sorting
    problems: list[Problem] = field(default_factory=list)
    parts: list[tuple[str, pa.Table, NDArray[np.int64]]] = field(default_factory=list)


def table_format(files: Sequence[StoredFile], otherwise: TableFormat) -> TableFormat:
    """What the files are written in, by their endings.

    Raises
    ------
    DataError
        WINDOW-MIXED-FORMATS when some are CSV and some are Parquet.
    """
    found = sorted({_format(file.uri) or otherwise for file in files})
    if len(found) > 1:
        raise DataError(
            Problem("WINDOW-MIXED-FORMATS", "window.uri", " and ".join(found), "CSV only, or Parquet only",
                    "keep the two in folders of their own")
        )
    return found[0] if found else otherwise


def is_table(uri: str) -> bool:
    """Whether a file's name ends as a table's does, or says nothing."""
    return _format(uri) is not None or "." not in uri.rsplit("/", 1)[-1]


def read_timed_rows(
    files: Sequence[StoredFile], *, time_column: str, span: Span, sorting: Sorting, otherwise: TableFormat
) -> TimedRows | None:
    """The rows of all files that lie in the window, by moment, event and content; None where there are none.

    Of Parquet, row groups whose statistics lie outside the window are counted and not read.

    Raises
    ------
    DataError
        With all files that lack the time column (WINDOW-TIME-COLUMN), and DATA-SCHEMA when files with rows of the
        window have different columns.
    """
    kind = table_format(files, otherwise)
    reading = _Reading(sorting)
    for file in files:
        for table in _tables(file, kind, time_column, span, reading):
            _sort_out(table, time_column, span, file.uri, reading)
    DataError.collect((*reading.problems, *_other_columns(reading.parts)))
    if not reading.parts:
        return None
    table = _together(reading.parts)
    moments = np.concatenate([moments for _, _, moments in reading.parts])
    events = _events(table)
    order = _order(table, moments, events)
    return TimedRows(kind, table.take(order), moments[order], None if events is None else tuple(
        events[i] for i in order))


def once(rows: TimedRows, policy: Duplicates) -> tuple[TimedRows, int]:
    """The rows without those whose event was there before, or comes again; and how many they are.

    Raises
    ------
    DataError
        WINDOW-DUPLICATE-EVENT with the policy ``fail``.
    """
    if rows.events is None:
        return rows, 0
    seen: set[str] = set()
    kept: list[int] = []
    places = range(len(rows.events))
    for place in places if policy != "last" else reversed(places):
        event = rows.events[place]
        if event is None or event not in seen:
            kept.append(place)
        if event is not None:
            seen.add(event)
    left_out = len(rows.events) - len(kept)
    if left_out and policy == "fail":
        again = sorted({rows.events[place] or "" for place in set(places) - set(kept)})[:SHOWN]
        some = ", ".join(repr(clip(event, 60)) for event in again)
        raise DataError(
            Problem("WINDOW-DUPLICATE-EVENT", "duplicates", f"{left_out:,} rows of events that are there: {some}",
                    "each event once, with duplicates: fail", "choose first or last, or mend what writes the table")
        )
    return (select(rows, sorted(kept)), left_out) if left_out else (rows, 0)


def select(rows: TimedRows, places: Sequence[int]) -> TimedRows:
    """Some of the rows, in the order of the places."""
    chosen = np.asarray(places, dtype=np.int64)
    events = None if rows.events is None else tuple(rows.events[place] for place in places)
    return TimedRows(rows.format, rows.table.take(chosen), rows.moments[chosen], events)


# --- reading ----------------------------------------------------------------------------------------------------------


def _format(uri: str) -> TableFormat | None:
    return next((kind for ending, kind in _ENDINGS.items() if uri.lower().endswith(ending)), None)


def _tables(
    file: StoredFile, kind: TableFormat, time_column: str, span: Span, reading: _Reading
) -> Iterator[pa.Table]:
    if not file.bytes:
        return
    try:
        batches = _csv(file, time_column) if kind == "csv" else _parquet(file, time_column, span, reading.sorting)
        for batch in batches:
            yield pa.Table.from_batches([batch])
    except DataError as error:
        reading.problems += error.problems


def _csv(file: StoredFile, time_column: str) -> Iterator[pa.RecordBatch]:
    layout = formats.read_csv_layout(file.uri, headers=None, csv_header="present")
    _check_time(layout.column_names, time_column, file.uri)
    with _opened(file) as stream:
        yield from formats.csv_batches(
            stream, uri=file.uri, column_names=layout.column_names, header_line=layout.header_line
        )


@contextmanager
def _opened(file: StoredFile) -> Iterator[BinaryIO]:
    with storage.open_input(file.uri) as stream:
        most = max(MOST_UNPACKED, MOST_RATIO * file.bytes)
        problem = Problem("DATA-GZIP-SIZE", file.uri, f"over {most:,} bytes from {file.bytes:,} packed ones",
                          f"at most {most:,} bytes", "unpack the file yourself if you trust it")
        yield limited(stream, most, problem) if file.uri.endswith(".gz") else stream


def _parquet(file: StoredFile, time_column: str, span: Span, sorting: Sorting) -> Iterator[pa.RecordBatch]:
    with formats.open_parquet(file.uri) as opened:
        names = opened.schema_arrow.names
        _check_time(names, time_column, file.uri)
        for name in names:
            declared_kind(opened.schema_arrow.field(name).type, name)
        groups = [opened.metadata.row_group(i) for i in range(opened.num_row_groups)]
        wanted = [i for i, group in enumerate(groups) if not _lies_outside(group, time_column, span)]
        sorting.outside += sum(group.num_rows for i, group in enumerate(groups) if i not in wanted)
        if wanted:
            yield from opened.iter_batches(formats.PARQUET_BATCH_ROWS, row_groups=wanted, use_threads=False)


def _check_time(names: Sequence[str], time_column: str, uri: str) -> None:
    if time_column not in names:
        hint = did_you_mean(time_column, names, "CSV needs a header line that names the column")
        received = f"{time_column!r}, which {uri} does not have"
        raise DataError(Problem("WINDOW-TIME-COLUMN", "window.time_column", received, f"one of {listed(list(names))}",
                                hint))


def _lies_outside(group: Any, time_column: str, span: Span) -> bool:
    """Whether the statistics of a row group say that all of its rows have a time, and none lies in the window."""
    column = next((group.column(i) for i in range(group.num_columns) if group.column(i).path_in_schema == time_column),
                  None)
    found = column.statistics if column is not None else None
    if found is None or not found.has_min_max or not found.has_null_count or found.null_count:
        return False
    low, high = _bound(found.min), _bound(found.max)
    if low is None or high is None or unit_of(found.min) != unit_of(found.max):
        return False
    return high < span.start or (low >= span.end and high <= span.latest)


def _bound(value: Any) -> int | None:
    """A bound in microseconds; None for texts, whose order is not that of time, and for what is no time."""
    if isinstance(value, datetime):
        return microseconds(value if value.tzinfo is not None else value.replace(tzinfo=UTC))
    if isinstance(value, date):
        return microseconds(datetime(value.year, value.month, value.day, tzinfo=UTC))
    if isinstance(value, int | float) and not isinstance(value, bool) and value >= 0:
        moment, _ = read_moment(value)
        return None if moment == UNDATED else moment
    return None


def _sort_out(table: pa.Table, time_column: str, span: Span, uri: str, reading: _Reading) -> None:
    found = read_moments(table[time_column])
    moments, sorting = found.values, reading.sorting
    undated = moments == UNDATED
    future = ~undated & (moments > span.latest)
    inside = ~undated & ~future & (moments >= span.start) & (moments < span.end)
    sorting.undated += int(undated.sum())
    sorting.future += int(future.sum())
    sorting.outside += int((~undated & ~future & ~inside).sum())
    sorting.naive += found.without_zone
    if inside.any():
        reading.parts.append((uri, table.filter(pa.array(inside)), moments[inside]))


def _other_columns(parts: Sequence[tuple[str, pa.Table, NDArray[np.int64]]]) -> Iterator[Problem]:
    told: set[str] = set()
    for uri, table, _ in parts[1:]:
        if uri not in told and sorted(table.column_names) != sorted(parts[0][1].column_names):
            told.add(uri)
            yield Problem("DATA-SCHEMA", uri, ", ".join(table.column_names),
                          f"{', '.join(parts[0][1].column_names)}, as in {parts[0][0]}",
                          "all files with rows of a window have the same columns")


def _together(parts: Sequence[tuple[str, pa.Table, NDArray[np.int64]]]) -> pa.Table:
    orders = {tuple(table.column_names) for _, table, _ in parts}
    names = list(min(orders)) if len(orders) == 1 else sorted(parts[0][1].column_names)
    try:
        joined = pa.concat_tables([_plain(table.select(names)) for _, table, _ in parts], promote_options="permissive")
    except (pa.ArrowTypeError, pa.ArrowInvalid) as error:
        raise DataError(
            Problem("DATA-SCHEMA", "window.uri", clip(str(error)), "columns of one type in all files",
                    "write the files again with the types of the reference")
        ) from error
    return joined.combine_chunks()


def _plain(table: pa.Table) -> pa.Table:
    """Dictionaries decoded, and what pandas wrote beside the schema left out: how values are packed is no content."""
    for position, column in enumerate(table.schema):
        if pa.types.is_dictionary(column.type):
            table = table.set_column(position, column.name, pc.cast(table.column(position), column.type.value_type))
    return table.replace_schema_metadata(None)


def _events(table: pa.Table) -> tuple[str | None, ...] | None:
    columns = [pc.cast(table[name], pa.string()) for name in IDS if name in table.column_names]
    return tuple(pc.coalesce(*columns).to_pylist()) if columns else None


def _order(table: pa.Table, moments: NDArray[np.int64], events: tuple[str | None, ...] | None) -> NDArray[np.int64]:
    """By moment, then event, then all columns: whatever file or place a row came from."""
    named = pa.array(events or [None] * len(moments), pa.string())
    keys: dict[str, Any] = {"moment": pa.array(moments), "event": named}
    for position, name in enumerate(table.column_names):
        keys[str(position)] = pc.cast(table[name], pa.string())
    order = pc.sort_indices(pa.table(keys), sort_keys=[(name, "ascending") for name in keys])
    places: NDArray[np.int64] = order.to_numpy().astype(np.int64)
    return places
