"""What every column of a dataset holds, counted in one pass and merged exactly, in whatever order files are read."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, reduce
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from clarify.data.column_types import DECIMAL, Shapes, classify, decide, declared_kind, to_kind
from clarify.data.combinations import Combinations, CombinationTally, add_combinations
from clarify.data.distinct import DistinctSketch, DistinctTally, hash_numbers, hash_texts, hash_values
from clarify.data.file_parts import in_order
from clarify.data.read_ahead import read_ahead
from clarify.data.remarks import Remarks, mixed_column, remark_notices
from clarify.data.source import Source, SourceFile, dataset_digest, read_source_file
from clarify.errors import DataError, Problem
from clarify.features import Kind
from clarify.results import ColumnSummary, Notice

LISTED_VALUES = 1_000
Value = str | int | float | bool
Position = tuple[int, int]


@dataclass(frozen=True)
class ValueCount:
    """A value, how often it occurs, and where first: (file, row of that file), both from 0."""

    value: Value
    count: int
    first: Position


@dataclass(frozen=True)
class ColumnProfile:
    """The facts of one column; merging the profiles of parts gives exactly the profile of the whole.

    Attributes
    ----------
    declared : Kind or None
        What a Parquet file says the column is; None for CSV, where the values decide.
    nulls : int
        Empty fields; in Parquet nulls and NaN.
    shapes : Shapes
        What the texts look like (all zero for columns that Parquet declares as numbers).
    values : tuple of ValueCount or None
        Every different value, in order of first appearance; None when there are more than 1,000. CSV
        values as they are written; ``typed_values`` has them as the kind decides.
    sketch : DistinctSketch
        Of all values; those that are numbers count by value, so 1 and 1.0 are one.
    minimum, maximum : int, float or None
        Over the values that are finite numbers.
    non_finite : int
        Infinities (Parquet only; CSV has none).
    declared_as : categorical, continuous or None
        How the user says the column is to be read; None: as AWS infers.
    """

    name: str
    declared: Kind | None
    declared_reading: str
    rows: int
    nulls: int
    shapes: Shapes
    values: tuple[ValueCount, ...] | None
    sketch: DistinctSketch
    minimum: int | float | None
    maximum: int | float | None
    non_finite: int
    declared_as: Literal["categorical", "continuous"] | None = None

    @property
    def kind(self) -> Kind:
        return self.declared or decide(self.shapes)[0]

    @property
    def reading(self) -> str:
        """Why the column has its kind."""
        return self.declared_reading if self.declared else decide(self.shapes)[1]

    @property
    def non_null(self) -> int:
        return self.rows - self.nulls

    @cached_property
    def typed_values(self) -> tuple[ValueCount, ...] | None:
        """Every different value as the column's kind has it, in order of first appearance (None: over 1,000)."""
        if self.values is None or self.declared or self.kind == "text":
            return self.values
        texts = pa.array([str(item.value) for item in self.values], pa.string())
        typed = to_kind(texts, self.kind, self.name).to_pylist()
        found = (replace(item, value=value) for item, value in zip(self.values, typed, strict=True))
        return _add_up(found)

    @property
    def distinct(self) -> int | None:
        """How many different non-null values there are; None when there are too many to count exactly."""
        if self.typed_values is not None:
            return len(self.typed_values)
        return int(self.sketch.estimate) if self.sketch.is_exact else None

    @property
    def uniqueness(self) -> float:
        """Different values per non-null value, which AWS compares with 0.05; 0 when there is no value.

        Exact up to 16,384 different values, and therefore always right about 5 % in columns of up to
        327,680 values; beyond both, an estimate with a relative standard error of 0.8 %.
        """
        if self.non_null == 0:
            return 0.0
        distinct = self.distinct
        return min(1.0, (self.sketch.estimate if distinct is None else distinct) / self.non_null)

    def merge(self, other: ColumnProfile) -> ColumnProfile:
        """The profile of the rows of both.

        Raises
        ------
        DataError
            DATA-SCHEMA when two Parquet files declare the column differently.
        """
        if self.declared != other.declared:
            raise DataError(_kinds_differ(self, other))
        return ColumnProfile(
            self.name,
            self.declared,
            min(self.declared_reading, other.declared_reading),
            self.rows + other.rows,
            self.nulls + other.nulls,
            self.shapes + other.shapes,
            _merge_values(self.values, other.values),
            self.sketch.merge(other.sketch),
            _least((self.minimum, other.minimum)),
            _greatest((self.maximum, other.maximum)),
            self.non_finite + other.non_finite,
        )

    def summary(self) -> ColumnSummary:
        numeric = self.kind in ("int", "float")
        return ColumnSummary(
            self.name,
            self.kind,
            self.reading,
            self.rows,
            self.nulls,
            self.distinct,
            float(self.minimum) if numeric and self.minimum is not None else None,
            float(self.maximum) if numeric and self.maximum is not None else None,
            self.non_finite,
        )


@dataclass(frozen=True)
class FileProfile:
    """The profile of one file, which now has its digest."""

    file: SourceFile
    rows: int
    columns: tuple[ColumnProfile, ...]
    combinations: Combinations | None = None
    remarks: Remarks = field(default_factory=Counter)


@dataclass(frozen=True)
class SourceProfile:
    """The profile of a whole dataset; ``source`` is the one that was profiled, with the digests of its files.

    ``combinations``: of the columns that were asked for, values as they are written; None when nobody asked or
    there are too many.
    """

    source: Source
    rows_by_file: tuple[int, ...]
    columns: tuple[ColumnProfile, ...]
    combinations: Combinations | None = None
    notices: tuple[Notice, ...] = ()

    @property
    def rows(self) -> int:
        return sum(self.rows_by_file)

    @property
    def kinds(self) -> dict[str, Kind]:
        return {column.name: column.kind for column in self.columns}

    @property
    def digest(self) -> str:
        """SHA-256 over the digests of the files, in order."""
        return dataset_digest(self.source.files)

    @property
    def summaries(self) -> tuple[ColumnSummary, ...]:
        return tuple(column.summary() for column in self.columns)

    def column(self, name: str) -> ColumnProfile:
        """One column's profile.

        Raises
        ------
        DataError
            DATA-COLUMN-MISSING, with the names there are.
        """
        for column in self.columns:
            if column.name == name:
                return column
        names = ", ".join(repr(column.name) for column in self.columns)
        raise DataError(Problem("DATA-COLUMN-MISSING", "column", repr(name), names, "check spelling and headers"))


def profile_file(source: Source, file: SourceFile, *, combined: Sequence[str] = ()) -> FileProfile:
    """Read one file to its end and count: a chunk function, run by an engine over ``source.files``.

    ``combined`` names the columns whose combinations of values are counted on the way.
    """
    hasher = hashlib.sha256()
    tally = _FileTally(source, file, combined)
    for batch in read_ahead(read_source_file(source, file, hasher=hasher, remarks=tally.remarks)):
        tally.add(batch)
    return tally.profile(hasher.hexdigest())


def profile_head(source: Source, most_rows: int) -> tuple[FileProfile, bool]:
    """The profile of the first rows of the first file (at least ``most_rows`` if there are so many), and whether
    they are all rows there are. The digest names the head, not the content."""
    file, whole = source.files[0], len(source.files) == 1
    tally = _FileTally(source, file, ())
    for batch in read_source_file(source, file, remarks=tally.remarks):
        if tally.rows >= most_rows:
            whole = False
            break
        tally.add(batch)
    return tally.profile(hashlib.sha256(f"{file.uri} {tally.rows}".encode()).hexdigest()), whole


def merge_profiles(source: Source, parts: Sequence[FileProfile]) -> SourceProfile:
    """The profile of a dataset from those of its files, in any order.

    Raises
    ------
    DataError
        DATA-EMPTY when no file has a row; DATA-SCHEMA when Parquet files declare a column differently.
    """
    found = in_order(source, parts)
    columns = found.with_rows[0].columns
    for part in found.with_rows[1:]:
        columns = tuple(a.merge(b) for a, b in zip(columns, part.columns, strict=True))
    read = replace(source, files=tuple(part.file for part in found.parts))
    combinations = reduce(add_combinations, (part.combinations for part in found.with_rows))
    columns = tuple(_with_texts(column, found.remarks) for column in columns)
    notices = (*remark_notices(found.remarks), *_mixed(columns, found.remarks))
    return SourceProfile(read, tuple(part.rows for part in found.parts), columns, combinations, notices)


def _with_texts(column: ColumnProfile, remarks: Remarks) -> ColumnProfile:
    """A column with strings of JSON is text, even where every one of them looks like a number."""
    n_texts = remarks["text", column.name]
    if not n_texts:
        return column
    reading = "strings in JSON" if n_texts == column.non_null else "strings in JSON beside other values"
    return replace(column, declared="text", declared_reading=reading)


def _mixed(columns: Iterable[ColumnProfile], remarks: Remarks) -> tuple[Notice, ...]:
    counted = ((column, remarks["text", column.name]) for column in columns)
    return tuple(mixed_column(c.name, n, c.non_null) for c, n in counted if 0 < n < c.non_null)


def profile_source(source: Source) -> SourceProfile:
    """Profile all files in this process, one after the other."""
    return merge_profiles(source, [profile_file(source, file) for file in source.files])


class _FileTally:
    """Counts the columns of one file, and the combinations of some of them."""

    def __init__(self, source: Source, file: SourceFile, combined: Sequence[str]) -> None:
        self.rows = 0
        self.remarks: Remarks = Counter()
        self._file = file
        self._is_declared = source.format == "parquet"
        self._columns: list[_ColumnTally] = []
        self._combinations = CombinationTally(combined)

    def add(self, batch: pa.RecordBatch) -> None:
        if not self._columns:
            self._columns = [_ColumnTally(field, self._is_declared) for field in batch.schema]
        start = (self._file.index, self.rows)
        encoded = [tally.add(values, start) for tally, values in zip(self._columns, batch.columns, strict=True)]
        self._combinations.add(dict(zip(batch.schema.names, encoded, strict=True)))
        self.rows += batch.num_rows

    def profile(self, digest: str) -> FileProfile:
        columns = tuple(tally.profile() for tally in self._columns)
        file = replace(self._file, digest=digest)
        return FileProfile(file, self.rows, columns, self._combinations.combinations(), self.remarks)


class _ColumnTally:
    """Counts one column batch by batch; values are remembered until there are more than 1,000."""

    def __init__(self, column: pa.Field, is_declared: bool) -> None:
        self._name = column.name
        self._declared: Kind | None = None
        self._reading = ""
        if is_declared:
            self._declared, self._reading = declared_kind(column.type, column.name)
        self._rows = self._nulls = self._non_finite = 0
        self._shapes = np.zeros(6, dtype=np.int64)
        self._values: dict[Value, ValueCount] | None = {}
        self._distinct = DistinctTally()
        self._lowest: int | float | None = None
        self._highest: int | float | None = None

    def add(self, values: pa.Array, start: Position) -> pa.DictionaryArray | None:
        """Count one batch; the answer is its values as codes, or None when the column has too many for that."""
        if self._declared:
            values = to_kind(values, self._declared, self._name)
        self._rows += len(values)
        self._nulls += values.null_count
        if self._values is None:
            self._count(values.drop_null(), None)
            return None
        encoded = values.dictionary_encode()
        codes = encoded.indices.drop_null().to_numpy()
        counts = np.bincount(codes, minlength=len(encoded.dictionary))
        self._count(encoded.dictionary, counts)
        self._remember(encoded, counts, start)
        return encoded if self._values is not None else None

    def profile(self) -> ColumnProfile:
        values = None if self._values is None else tuple(self._values.values())
        shapes = Shapes(*self._shapes.tolist())
        return ColumnProfile(
            self._name,
            self._declared,
            self._reading,
            self._rows,
            self._nulls,
            shapes,
            values,
            self._distinct.sketch(),
            self._lowest,
            self._highest,
            self._non_finite,
        )

    def _remember(self, encoded: pa.DictionaryArray, counts: NDArray[np.int64], start: Position) -> None:
        found = encoded.dictionary.slice(0, LISTED_VALUES + 1).to_pylist()
        if len(found) > LISTED_VALUES:
            self._values = None
            return
        known = self._values or {}
        file, row = start
        # Where a value occurs first can only be here when it was not seen before.
        places = [0] * len(found) if all(value in known for value in found) else _first_places(encoded)
        here = zip(found, counts, places, strict=True)
        fresh = (ValueCount(value, int(n), (file, row + place)) for value, n, place in here)
        self._values = _sum_by_value((*known.values(), *fresh))

    def _count(self, values: pa.Array, counts: NDArray[np.int64] | None) -> None:
        """Shapes, extremes and hashes of non-null values; ``counts`` when each occurs more than once."""
        if not pa.types.is_string(values.type):
            self._distinct.add(hash_values(values))
            if not pa.types.is_boolean(values.type):
                self._note_range(values, counts)
            return
        codes, numbers = classify(values)
        self._shapes += np.bincount(codes, weights=counts, minlength=6).astype(np.int64)
        if len(numbers) < len(values):
            self._distinct.add(hash_texts(values.filter(pa.array(codes > DECIMAL))))
        if len(numbers):
            self._distinct.add(hash_numbers(numbers))
            self._note_range(numbers, None)

    def _note_range(self, numbers: pa.Array, counts: NDArray[np.int64] | None) -> None:
        if pa.types.is_floating(numbers.type):
            finite = pc.is_finite(numbers)
            mask = finite.to_numpy(zero_copy_only=False)
            if not mask.all():
                self._non_finite += int((~mask).sum() if counts is None else counts[~mask].sum())
                numbers = numbers.filter(finite)
        extremes = pc.min_max(numbers).as_py()
        self._lowest = _least((self._lowest, extremes["min"]))
        self._highest = _greatest((self._highest, extremes["max"]))


def _first_places(encoded: pa.DictionaryArray) -> list[int]:
    """The row in which each value of the dictionary occurs first."""
    n_values = len(encoded.dictionary)
    codes = encoded.indices.fill_null(n_values).to_numpy()
    first = np.zeros(n_values + 1, dtype=np.int64)
    first[codes[::-1]] = np.arange(len(codes))[::-1]
    places: list[int] = first[:n_values].tolist()
    return places


def _merge_values(
    some: tuple[ValueCount, ...] | None, more: tuple[ValueCount, ...] | None
) -> tuple[ValueCount, ...] | None:
    if some is None or more is None:
        return None
    return _add_up((*some, *more))


def _add_up(items: Iterable[ValueCount]) -> tuple[ValueCount, ...] | None:
    """One entry per value in order of first appearance, or None when there are more than 1,000."""
    merged = _sum_by_value(items)
    return None if merged is None else tuple(sorted(merged.values(), key=lambda item: item.first))


def _sum_by_value(items: Iterable[ValueCount]) -> dict[Value, ValueCount] | None:
    merged: dict[Value, ValueCount] = {}
    for item in items:
        known = merged.get(item.value)
        if known is None:
            merged[item.value] = item
        else:
            merged[item.value] = ValueCount(item.value, known.count + item.count, min(known.first, item.first))
    return merged if len(merged) <= LISTED_VALUES else None


def _least(numbers: Iterable[int | float | None]) -> int | float | None:
    return min((number for number in numbers if number is not None), default=None)


def _greatest(numbers: Iterable[int | float | None]) -> int | float | None:
    return max((number for number in numbers if number is not None), default=None)


def _kinds_differ(some: ColumnProfile, more: ColumnProfile) -> Problem:
    received = f"{some.declared_reading} in one file, {more.declared_reading} in another"
    hint = "write all files with one schema (a column without values is often written as null type)"
    return Problem("DATA-SCHEMA", some.name, received, "one kind of value in all files", hint)
