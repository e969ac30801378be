"""What data quality needs of every column, counted in one pass and merged exactly, in whatever order files are read."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from clarify.bias.outcome_gaps import Moments
from clarify.data.column_types import BOOLEAN, DECIMAL, Shapes, classify, decide, declared_kind, to_kind
from clarify.data.distinct import DistinctSketch, DistinctTally, hash_texts, hash_values
from clarify.data.file_parts import in_order
from clarify.data.read_ahead import read_ahead
from clarify.data.remarks import Remarks, remark_notices
from clarify.data.source import Source, SourceFile, dataset_digest, read_source_file
from clarify.data.value_histogram import HistogramTally, ValueHistogram
from clarify.errors import DataError, Problem
from clarify.features import Kind
from clarify.results import Notice

LISTED_TEXTS: Final = 65_536
LISTED_BYTES: Final = 16 * 1024 * 1024
_TEXTS = pa.schema([("text", pa.string()), ("count", pa.int64())])

Values = NDArray[np.float64]
Counts = NDArray[np.int64]


@dataclass(frozen=True)
class Against:
    """What the values of one column are counted against: cuts between bins, and texts by name."""

    cuts: tuple[float, ...] = ()
    listed: tuple[str, ...] = ()


@dataclass(frozen=True)
class ColumnStatistics:
    """The facts of one column; adding those of parts gives exactly those of the whole.

    Attributes
    ----------
    declared : Kind or None
        What a Parquet file says the column is, or text for strings of JSON; None for CSV, where the values decide.
    shapes : Shapes
        What the texts of CSV look like.
    numbers, whole, negative : int
        Values that are numbers; those without a fraction, however they are written; those below 0.
    moments : Moments
        Exact sums of the finite ones.
    texts : tuple of (str, int) or None
        How often each value occurs as text, in order of the texts; None beyond 65,536 or 16 MiB of them. Truth values
        are ``true`` and ``false``. Empty for columns that Parquet declares as numbers.
    bins, listed : tuple of int
        Counts against what was asked for: numbers by bin, then values by listed text.
    """

    name: str
    declared: Kind | None
    rows: int
    missing: int
    shapes: Shapes
    numbers: int
    whole: int
    negative: int
    moments: Moments
    minimum: float | None
    maximum: float | None
    distinct: DistinctSketch
    histogram: ValueHistogram
    texts: tuple[tuple[str, int], ...] | None
    bins: tuple[int, ...] = ()
    listed: tuple[int, ...] = ()

    @property
    def kind(self) -> Kind:
        return self.declared or decide(self.shapes)[0]

    @property
    def present(self) -> int:
        return self.rows - self.missing

    @property
    def distinct_count(self) -> int:
        """How many different values there are; exact up to 16,384, beyond with a relative error of 0.8 %."""
        return round(self.distinct.estimate)

    def __add__(self, other: ColumnStatistics) -> ColumnStatistics:
        """The facts of the rows of both.

        Raises
        ------
        DataError
            DATA-SCHEMA when two Parquet files declare the column differently.
        """
        if self.declared != other.declared:
            received = f"{self.declared} in one file, {other.declared} in another"
            hint = "write all files with one schema (a column without values is often written as null type)"
            raise DataError(Problem("DATA-SCHEMA", self.name, received, "one kind of value in all files", hint))
        return ColumnStatistics(
            self.name,
            self.declared,
            self.rows + other.rows,
            self.missing + other.missing,
            self.shapes + other.shapes,
            self.numbers + other.numbers,
            self.whole + other.whole,
            self.negative + other.negative,
            self.moments + other.moments,
            min((n for n in (self.minimum, other.minimum) if n is not None), default=None),
            max((n for n in (self.maximum, other.maximum) if n is not None), default=None),
            self.distinct.merge(other.distinct),
            self.histogram + other.histogram,
            _merged_texts(self.texts, other.texts),
            tuple(a + b for a, b in zip(self.bins, other.bins, strict=True)),
            tuple(a + b for a, b in zip(self.listed, other.listed, strict=True)),
        )


@dataclass(frozen=True)
class FileStatistics:
    """The statistics of one file, which now has its digest."""

    file: SourceFile
    rows: int
    columns: tuple[ColumnStatistics, ...]
    remarks: Remarks = field(default_factory=Counter)


@dataclass(frozen=True)
class SourceStatistics:
    """The statistics of a whole dataset, and SHA-256 over the digests of its files in order."""

    rows: int
    columns: tuple[ColumnStatistics, ...]
    digest: str
    notices: tuple[Notice, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns)

    def of(self, name: str) -> ColumnStatistics | None:
        return next((column for column in self.columns if column.name == name), None)


def read_file_statistics(source: Source, against: Mapping[str, Against], file: SourceFile) -> FileStatistics:
    """Read one file to its end and count: a chunk function, run by an engine over ``source.files``."""
    hasher, rows = hashlib.sha256(), 0
    remarks: Remarks = Counter()
    tallies: list[_Tally] = []
    for batch in read_ahead(read_source_file(source, file, hasher=hasher, remarks=remarks)):
        if not tallies:
            is_declared = source.format == "parquet"
            tallies = [_Tally(column, is_declared, against.get(column.name, Against())) for column in batch.schema]
        for tally, values in zip(tallies, batch.columns, strict=True):
            tally.add(values)
        rows += batch.num_rows
    columns = tuple(tally.statistics() for tally in tallies)
    return FileStatistics(replace(file, digest=hasher.hexdigest()), rows, columns, remarks)


def merge_statistics(source: Source, parts: Sequence[FileStatistics]) -> SourceStatistics:
    """The statistics of a dataset from those of its files, in any order.

    Raises
    ------
    DataError
        DATA-EMPTY when no file has a row; DATA-SCHEMA when Parquet files declare a column differently.
    """
    found = in_order(source, parts)
    columns = found.with_rows[0].columns
    for part in found.with_rows[1:]:
        columns = tuple(a + b for a, b in zip(columns, part.columns, strict=True))
    columns = tuple(_with_texts(column, found.remarks) for column in columns)
    digest = dataset_digest([part.file for part in found.parts])
    return SourceStatistics(sum(part.rows for part in found.parts), columns, digest, remark_notices(found.remarks))


def _with_texts(column: ColumnStatistics, remarks: Remarks) -> ColumnStatistics:
    """A column of strings of JSON is text, even where every one of them looks like a number."""
    is_text = column.present and remarks["text", column.name] == column.present
    return replace(column, declared="text", numbers=0, whole=0, negative=0) if is_text else column


class _Tally:
    """Counts one column batch by batch."""

    def __init__(self, column: pa.Field, is_declared: bool, against: Against) -> None:
        self._name = column.name
        self._declared = declared_kind(column.type, column.name)[0] if is_declared else None
        self._rows = self._missing = self._numbers = self._whole = self._negative = 0
        self._shapes = np.zeros(6, dtype=np.int64)
        self._moments = Moments()
        self._extremes: list[float] = []
        self._distinct = DistinctTally()
        self._histogram = HistogramTally()
        self._texts = _Texts()
        self._cuts = np.array(against.cuts, dtype=np.float64)
        self._bins = np.zeros(len(against.cuts) + 1, dtype=np.int64)
        self._listed_texts = pa.array(against.listed, pa.string())
        self._listed = np.zeros(len(against.listed), dtype=np.int64)

    def add(self, values: pa.Array) -> None:
        if self._declared:
            values = to_kind(values, self._declared, self._name)
        self._rows += len(values)
        self._missing += values.null_count
        counted = pc.value_counts(values.drop_null())
        different, counts = counted.field("values"), counted.field("counts").to_numpy()
        if len(different):
            self._add(different, counts)

    def statistics(self) -> ColumnStatistics:
        known = self._texts.counts()
        return ColumnStatistics(
            self._name,
            self._declared,
            self._rows,
            self._missing,
            Shapes(*self._shapes.tolist()),
            self._numbers,
            self._whole,
            self._negative,
            self._moments,
            min(self._extremes, default=None),
            max(self._extremes, default=None),
            self._distinct.sketch(),
            self._histogram.histogram(),
            known,
            tuple(self._bins.tolist()),
            tuple(self._listed.tolist()),
        )

    def _add(self, different: pa.Array, counts: Counts) -> None:
        """Different values of one batch, and how often each occurs."""
        if self._declared in ("int", "float"):
            self._distinct.add(hash_values(different))
            self._add_numbers(pc.cast(different, pa.float64(), safe=False).to_numpy(), counts)
            if len(self._listed):
                self._count_listed(pc.cast(different, pa.string()), counts)
            return
        if self._declared == "bool":
            different = pc.if_else(different, "true", "false")
        codes = np.full(len(different), -1)
        if self._declared is None:
            codes, numbers = classify(different)
            self._shapes += np.bincount(codes, weights=counts, minlength=6).astype(np.int64)
            if len(numbers):
                self._distinct.add(hash_values(numbers))
                self._add_numbers(pc.cast(numbers, pa.float64(), safe=False).to_numpy(), counts[codes <= DECIMAL])
        texts = different
        if (codes == BOOLEAN).any():
            texts = pc.if_else(pa.array(codes == BOOLEAN), pc.ascii_lower(different), different)
        self._distinct.add(hash_texts(texts.filter(pa.array((codes < 0) | (codes > DECIMAL)))))
        self._count_listed(texts, counts)
        self._texts.add(texts, counts)

    def _add_numbers(self, numbers: Values, counts: Counts) -> None:
        finite = np.isfinite(numbers)
        self._numbers += int(counts.sum())
        self._whole += int(counts[finite & (np.floor(numbers) == numbers)].sum())
        self._negative += int(counts[numbers < 0].sum())
        self._histogram.add(numbers, counts)
        self._bins += np.bincount(
            np.searchsorted(self._cuts, numbers, side="right"), weights=counts, minlength=len(self._bins)
        ).astype(np.int64)
        if finite.any():
            self._moments += Moments.of(np.repeat(numbers[finite], counts[finite]))
            self._extremes = [*self._extremes, float(numbers[finite].min()), float(numbers[finite].max())]
            self._extremes = [min(self._extremes), max(self._extremes)]

    def _count_listed(self, texts: pa.Array, counts: Counts) -> None:
        if not len(self._listed):
            return
        places = pc.index_in(texts, self._listed_texts).fill_null(len(self._listed)).to_numpy()
        self._listed += np.bincount(places, weights=counts, minlength=len(self._listed) + 1)[:-1].astype(np.int64)


class _Texts:
    """How often each text occurs, until there are too many or too long ones."""

    def __init__(self) -> None:
        self._parts: list[pa.Table] = []
        self._held = 0
        self._is_too_much = False

    def add(self, texts: pa.Array, counts: Counts) -> None:
        if self._is_too_much:
            return
        self._parts.append(pa.table({"text": texts, "count": pa.array(counts, pa.int64())}, schema=_TEXTS))
        self._held += texts.nbytes
        if self._held > 2 * LISTED_BYTES:
            self._add_up()

    def counts(self) -> tuple[tuple[str, int], ...] | None:
        self._add_up()
        return None if self._is_too_much else _listed(self._parts[0])

    def _add_up(self) -> None:
        table = _added(pa.concat_tables([_TEXTS.empty_table(), *self._parts]))
        self._is_too_much = self._is_too_much or _is_too_much(table)
        self._parts, self._held = [] if self._is_too_much else [table], 0


def _added(table: pa.Table) -> pa.Table:
    return table.group_by("text", use_threads=False).aggregate([("count", "sum")]).rename_columns(["text", "count"])


def _is_too_much(table: pa.Table) -> bool:
    n_bytes = pc.sum(pc.binary_length(table["text"])).as_py() or 0
    return bool(table.num_rows > LISTED_TEXTS or n_bytes > LISTED_BYTES)


def _listed(table: pa.Table) -> tuple[tuple[str, int], ...]:
    ordered = table.sort_by("text").to_pydict()
    return tuple(zip(ordered["text"], ordered["count"], strict=True))


def _merged_texts(
    some: tuple[tuple[str, int], ...] | None, more: tuple[tuple[str, int], ...] | None
) -> tuple[tuple[str, int], ...] | None:
    if some is None or more is None:
        return None
    texts, counts = zip(*some, *more, strict=True) if some or more else ((), ())
    merged = _added(pa.table({"text": texts, "count": counts}, schema=_TEXTS))
    return None if _is_too_much(merged) else _listed(merged)
