"""A dataset that can be computed on: typed columns in row groups, cut into fragments that any process can read."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.parquet

from clarify.data import formats, storage
from clarify.data.column_types import ARROW_TYPES, declared_kind, to_kind
from clarify.data.profile import SourceProfile
from clarify.data.read_ahead import read_ahead
from clarify.data.source import Format, Source, SourceFile, dataset_digest, read_source_file
from clarify.errors import DataError, Problem
from clarify.features import Kind
from clarify.results import DatasetDescription

ROW_GROUP_ROWS = 8_192
SLAB_ROWS = 122 * ROW_GROUP_ROWS        # 999,424: the largest whole number of row groups below a million
SLAB_BYTES = 128 * 1024 * 1024
STAGING_VERSION = 1                     # part of every key: raise it when the staged bytes change


@dataclass(frozen=True)
class Column:
    """A column's name and the kind of its values."""

    name: str
    kind: Kind


@dataclass(frozen=True, slots=True)
class Fragment:
    """Rows ``offset`` to ``offset + rows`` of one row group; ``first_row`` counts from the start of the dataset."""

    index: int
    uri: str
    row_group: int
    offset: int
    rows: int
    first_row: int


@dataclass(frozen=True)
class Dataset:
    """A typed dataset; ``fragments`` are its row groups in dataset order (file, then row).

    A dataset that was only counted has no fragments, and its rows cannot be read (``counted_dataset``).

    Attributes
    ----------
    uri, format : str
        What the user named, and how it was written there.
    digest, bytes : str, int
        SHA-256 over the digests of the source files in order, and their size.
    """

    uri: str
    format: Format
    columns: tuple[Column, ...]
    fragments: tuple[Fragment, ...]
    rows: int
    digest: str
    bytes: int

    @property
    def column_names(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns)

    @property
    def kinds(self) -> dict[str, Kind]:
        return {column.name: column.kind for column in self.columns}

    @property
    def schema(self) -> pa.Schema:
        """The Arrow types in which its rows are read."""
        return pa.schema([(column.name, ARROW_TYPES[column.kind]) for column in self.columns])

    def describe(self) -> DatasetDescription:
        return DatasetDescription(self.uri, self.format, self.digest, self.rows, len(self.columns), self.bytes)


@dataclass(frozen=True)
class StagedPart:
    """One Parquet file of staged rows, with the rows of each of its row groups."""

    uri: str
    row_groups: tuple[int, ...]


@dataclass(frozen=True)
class StagedFile:
    """The staged parts of one source file, in order."""

    file: SourceFile
    parts: tuple[StagedPart, ...]


def stage(source: Source, kinds: Mapping[str, Kind], work_uri: str) -> Dataset:
    """Write all files of a source, typed, as Parquet row groups below ``work_uri``; finished ones are re-used."""
    staged = [stage_file(file, source=source, kinds=kinds, work_uri=work_uri) for file in source.files]
    return staged_dataset(source, kinds, staged)


def stage_file(file: SourceFile, *, source: Source, kinds: Mapping[str, Kind], work_uri: str) -> StagedFile:
    """Stage one file: a chunk function, run by an engine over ``source.files`` when there are many.

    Its parts go to ``work_uri/staged/<key>/``, the key being a digest of the file's content, the columns
    and their kinds; a list of the parts is written last, so a killed run starts this file again and a
    finished file is not read a second time. The same input gives the same bytes.

    Raises
    ------
    DataError
        DATA-CONVERSION when the file changed since it was profiled, and what reading it raises.
    """
    folder = storage.join(work_uri, "staged", _staging_key(source, file, kinds))
    index_uri = storage.join(folder, "parts.json")
    if storage.exists(index_uri):
        return _reuse(file, folder, index_uri)
    parts = []
    for i, slab in enumerate(_slabs(read_ahead(_typed_batches(source, file, kinds)), _schema(source, kinds))):
        name = f"part-{i:05d}.parquet"
        storage.write_bytes(storage.join(folder, name), _as_parquet(slab))
        parts.append((name, _split(slab.num_rows, ROW_GROUP_ROWS)))
    storage.write_bytes(index_uri, json.dumps(parts).encode())
    return StagedFile(file, tuple(StagedPart(storage.join(folder, name), rows) for name, rows in parts))


def staged_dataset(source: Source, kinds: Mapping[str, Kind], staged: Sequence[StagedFile]) -> Dataset:
    """The dataset made of the staged files, in the order of the source's files.

    Raises
    ------
    DataError
        DATA-EMPTY when there is no row.
    """
    ordered = sorted(staged, key=lambda item: item.file.index)
    groups = [(part.uri, i, n) for item in ordered for part in item.parts for i, n in enumerate(part.row_groups)]
    return _assemble(source, kinds, groups)


def source_dataset(source: Source, profile: SourceProfile) -> Dataset:
    """A Parquet dataset as it stands, without staging: for a run that reads its rows only once or twice.

    Raises
    ------
    DataError
        DATA-FORMAT for CSV, whose types and row boundaries exist only once it is staged.
    """
    if source.format != "parquet":
        hint = "stage the dataset first"
        raise DataError(Problem("DATA-FORMAT", source.uri, source.format, "parquet", hint))
    groups: list[tuple[str, int, int]] = []
    for file in source.files:
        with formats.open_parquet(file.uri) as opened:
            sizes = [opened.metadata.row_group(i).num_rows for i in range(opened.num_row_groups)]
        groups += [(file.uri, i, n) for i, n in enumerate(sizes)]
    return _assemble(profile.source, profile.kinds, groups)


def counted_dataset(source: Source, kinds: Mapping[str, Kind], rows: int) -> Dataset:
    """A dataset whose rows were counted and not kept: it can be described, not read."""
    columns = tuple(Column(name, kinds[name]) for name in source.column_names)
    return Dataset(source.uri, source.format, columns, (), rows, dataset_digest(source.files), source.bytes)


def cut(dataset: Dataset, rows_per_fragment: int) -> tuple[Fragment, ...]:
    """Slices of the row groups of at most so many rows; their boundaries depend on the data only.

    Raises
    ------
    DataError
        DATA-NOT-KEPT for a dataset that was only counted.
    """
    _ensure_kept(dataset)
    slices = (
        (group, offset, rows)
        for group in dataset.fragments
        for offset, rows in _offsets(_split(group.rows, rows_per_fragment))
    )
    return tuple(
        Fragment(i, group.uri, group.row_group, group.offset + offset, rows, group.first_row + offset)
        for i, (group, offset, rows) in enumerate(slices)
    )


def read_fragment(fragment: Fragment, columns: Sequence[str] | None = None) -> pa.Table:
    """The rows of a fragment in our four types (int64, float64, bool, string), from its URI alone.

    ``columns`` chooses and orders; NaN is null.

    Raises
    ------
    DataError
        DATA-COLUMN-MISSING, DATA-PARQUET.
    """
    with formats.open_parquet(fragment.uri) as file:
        names = _chosen(file.schema_arrow.names, columns)
        batches = list(_part_of_row_group(file, fragment, names))
    return pa.Table.from_batches(batches)


def fragment_batches(fragment: Fragment, columns: Sequence[str] | None = None) -> Iterator[pa.RecordBatch]:
    """The rows of ``read_fragment`` piece by piece, at most 65,536 at a time: for fragments of a million rows."""
    with formats.open_parquet(fragment.uri) as file:
        yield from _part_of_row_group(file, fragment, _chosen(file.schema_arrow.names, columns))


def iter_batches(dataset: Dataset, columns: Sequence[str] | None = None) -> Iterator[pa.RecordBatch]:
    """All rows in dataset order, one batch per row group (more for row groups beyond 65,536 rows)."""
    _ensure_kept(dataset)
    names = _chosen(dataset.column_names, columns)
    opened: dict[str, list[int]] = {}
    for fragment in dataset.fragments:
        opened.setdefault(fragment.uri, []).append(fragment.row_group)
    for uri, row_groups in opened.items():
        with formats.open_parquet(uri) as file:
            for row_group in row_groups:
                yield from _row_group_batches(file, row_group, names)


def _assemble(source: Source, kinds: Mapping[str, Kind], groups: Sequence[tuple[str, int, int]]) -> Dataset:
    fragments: list[Fragment] = []
    first_row = 0
    for uri, row_group, rows in groups:
        if rows:
            fragments.append(Fragment(len(fragments), uri, row_group, 0, rows, first_row))
            first_row += rows
    if not fragments:
        raise DataError(Problem("DATA-EMPTY", source.uri, "no row", "at least one row", "check what wrote the files"))
    columns = tuple(Column(name, kinds[name]) for name in source.column_names)
    digest = dataset_digest(source.files)
    return Dataset(source.uri, source.format, columns, tuple(fragments), first_row, digest, source.bytes)


def _ensure_kept(dataset: Dataset) -> None:
    if dataset.rows and not dataset.fragments:
        hint = "keep the rows first (keep_rows)"
        raise DataError(Problem("DATA-NOT-KEPT", dataset.uri, "a dataset that was only counted", "its rows", hint))


def _schema(source: Source, kinds: Mapping[str, Kind]) -> pa.Schema:
    return pa.schema([(name, ARROW_TYPES[kinds[name]]) for name in source.column_names])


def _typed_batches(source: Source, file: SourceFile, kinds: Mapping[str, Kind]) -> Iterator[pa.RecordBatch]:
    schema = _schema(source, kinds)
    for batch in read_source_file(source, file):
        yield _typed(batch, kinds, schema)


def _typed(batch: pa.RecordBatch, kinds: Mapping[str, Kind], schema: pa.Schema) -> pa.RecordBatch:
    names = schema.names
    return pa.RecordBatch.from_arrays(
        [to_kind(values, kinds[name], name) for name, values in zip(names, batch.columns, strict=True)], schema=schema
    )


def _slabs(batches: Iterator[pa.RecordBatch], schema: pa.Schema) -> Iterator[pa.Table]:
    """Tables of whole row groups, of at most 999,424 rows and about 128 MiB; the last one holds the rest."""
    held = schema.empty_table()
    for batch in batches:
        held = pa.concat_tables([held, pa.Table.from_batches([batch])])
        while held.num_rows >= SLAB_ROWS or (held.nbytes >= SLAB_BYTES and held.num_rows >= ROW_GROUP_ROWS):
            rows = min(SLAB_ROWS, held.num_rows // ROW_GROUP_ROWS * ROW_GROUP_ROWS)
            yield held.slice(0, rows).combine_chunks()
            held = held.slice(rows)
    if held.num_rows:
        yield held.combine_chunks()


def _as_parquet(slab: pa.Table) -> bytes:
    # Chunks are combined before: where they end would otherwise show in the pages, and thereby in the bytes.
    sink = io.BytesIO()
    pa.parquet.write_table(slab, sink, row_group_size=ROW_GROUP_ROWS, compression="zstd", compression_level=1)
    return sink.getvalue()


def _staging_key(source: Source, file: SourceFile, kinds: Mapping[str, Kind]) -> str:
    content = file.digest or storage.digest(file.uri)
    columns = [(name, kinds[name]) for name in source.column_names]
    facts = [STAGING_VERSION, pa.__version__, content, source.format, source.header_line, columns]
    return f"{file.index:05d}-{hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:20]}"


def _reuse(file: SourceFile, folder: str, index_uri: str) -> StagedFile:
    listed = json.loads(storage.read_bytes(index_uri))
    return StagedFile(file, tuple(StagedPart(storage.join(folder, name), tuple(rows)) for name, rows in listed))


def _split(rows: int, most: int) -> tuple[int, ...]:
    """So many rows in runs of ``most``, the last one shorter."""
    whole, rest = divmod(rows, most)
    return (most,) * whole + ((rest,) if rest else ())


def _offsets(sizes: Sequence[int]) -> Iterator[tuple[int, int]]:
    offset = 0
    for size in sizes:
        yield offset, size
        offset += size


def _chosen(names: Sequence[str], columns: Sequence[str] | None) -> list[str]:
    if columns is None:
        return list(names)
    missing = [name for name in columns if name not in names]
    if missing:
        known = ", ".join(repr(name) for name in names)
        raise DataError(Problem("DATA-COLUMN-MISSING", "columns", ", ".join(map(repr, missing)), known))
    return list(columns)


def _row_group_batches(
    file: pa.parquet.ParquetFile, row_group: int, names: Sequence[str]
) -> Iterator[pa.RecordBatch]:
    kinds = {name: declared_kind(file.schema_arrow.field(name).type, name)[0] for name in names}
    schema = pa.schema([(name, ARROW_TYPES[kinds[name]]) for name in names])
    rows = formats.PARQUET_BATCH_ROWS
    for batch in file.iter_batches(rows, row_groups=[row_group], columns=list(names), use_threads=False):
        yield _typed(batch.select(list(names)), kinds, schema)


def _part_of_row_group(
    file: pa.parquet.ParquetFile, fragment: Fragment, names: Sequence[str]
) -> Iterator[pa.RecordBatch]:
    """The fragment's slices of the row group's batches; what lies behind them is not decoded."""
    start = 0
    for batch in _row_group_batches(file, fragment.row_group, names):
        low = max(fragment.offset - start, 0)
        high = min(fragment.offset + fragment.rows - start, batch.num_rows)
        if low < high:
            yield batch.slice(low, high - low)
        start += batch.num_rows
        if start >= fragment.offset + fragment.rows:
            return
