"""Moments as microseconds since 1970 in UTC, read from ISO 8601 texts, numbers and Arrow timestamps."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from clarify.records import Window

SKEW: Final = timedelta(minutes=5)
"""How far ahead of ours the clock of an endpoint may be."""
HOUR: Final = timedelta(hours=1)
UNDATED: Final = np.iinfo(np.int64).min

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_NUMBER = re.compile(r"^[+-]?\d+(\.\d*)?([eE][+-]?\d+)?$")
_COMPACT_DATE = 8                    # 20240119 is a day, not a second of 1970
# Seconds, milliseconds, microseconds and nanoseconds since 1970 lie that far apart for some thousand years.
_UNITS: Final = ((1e11, 1_000_000.0), (1e14, 1_000.0), (1e17, 1.0), (1e20, 0.001))


@dataclass(frozen=True)
class Moments:
    """Microseconds since 1970 of some rows, ``UNDATED`` where none can be read; and how many name no zone."""

    values: NDArray[np.int64]
    without_zone: int = 0


@dataclass(frozen=True)
class Span:
    """A window in microseconds, and the moment after which a row is dated in the future."""

    start: int
    end: int
    latest: int

    @classmethod
    def of(cls, window: Window, now: datetime) -> Span:
        return cls(microseconds(window.starts), microseconds(window.ends), microseconds(now + SKEW))


def microseconds(moment: datetime) -> int:
    """A moment that knows its zone."""
    return (moment - _EPOCH) // _MICROSECOND


def read_moment(value: Any) -> tuple[int, bool]:
    """Microseconds since 1970, or ``UNDATED``; and whether the text named no zone, which is read as UTC.

    Numbers, also as text, are seconds, milliseconds, microseconds or nanoseconds since 1970, by their size.

    >>> read_moment("2024-01-19T21:06:08+01:00") == read_moment(1705694768) == (1705694768000000, False)
    True
    """
    if isinstance(value, str):
        return _read_text(value.strip())
    if isinstance(value, int | float) and not isinstance(value, bool):
        return _read_number(float(value)), False
    return UNDATED, False


def read_moments(column: pa.ChunkedArray) -> Moments:
    """The moments of a table's column: Arrow timestamps and dates, numbers, or texts."""
    kind = column.type
    if pa.types.is_dictionary(kind):
        column = pc.cast(column, kind.value_type)
        kind = column.type
    if pa.types.is_timestamp(kind):
        values = _as_microseconds(column, kind)
        return Moments(values, 0 if kind.tz is not None else int((values != UNDATED).sum()))
    if pa.types.is_date(kind):
        values = _as_microseconds(pc.cast(column, pa.timestamp("us")), pa.timestamp("us"))
        return Moments(values, int((values != UNDATED).sum()))
    if pa.types.is_decimal(kind):
        column = pc.cast(column, pa.float64())
    return _each(column.to_pylist())


def unit_of(value: Any) -> int:
    """Which unit a number is read in, by its size; -1 for what is no number. Within a unit moments keep its order."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        return -1
    return next((i for i, (below, _) in enumerate(_UNITS) if abs(value) < below), len(_UNITS))


def hours_between(start: datetime, end: datetime) -> Iterator[datetime]:
    """The hours that hold a moment of ``[start, end)``, in UTC."""
    hour = start.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    while hour < end:
        yield hour
        hour += HOUR


def _each(values: Sequence[Any]) -> Moments:
    moments = np.empty(len(values), dtype=np.int64)
    without_zone = 0
    for i, value in enumerate(values):
        moments[i], naive = read_moment(value)
        without_zone += naive
    return Moments(moments, without_zone)


def _as_microseconds(column: pa.ChunkedArray, kind: pa.TimestampType) -> NDArray[np.int64]:
    same_zone = pc.cast(column, pa.timestamp("us", kind.tz), safe=False)
    numbers = pc.cast(same_zone, pa.int64()).combine_chunks()
    moments: NDArray[np.int64] = np.asarray(pc.fill_null(numbers, UNDATED).to_numpy(zero_copy_only=False))
    return moments


def _read_text(text: str) -> tuple[int, bool]:
    if _NUMBER.match(text) and len(text) != _COMPACT_DATE:
        return _read_number(float(text)), False
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return UNDATED, False
    if moment.tzinfo is None:
        return microseconds(moment.replace(tzinfo=UTC)), True
    try:
        return microseconds(moment.astimezone(UTC)), False
    except OverflowError:                              # 0001-01-01 east of Greenwich
        return UNDATED, False


def _read_number(number: float) -> int:
    if not math.isfinite(number):
        return UNDATED
    for below, factor in _UNITS:
        if abs(number) < below:
            return round(number * factor)
    return UNDATED
