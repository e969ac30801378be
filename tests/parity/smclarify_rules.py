"""What smclarify 0.5 on pandas 2.1 makes of a column, written from its source: types, selections, texts, failures.

An independent reading, which shares no code with ours: the sweep uses it to say WHY two answers differ.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from tests.parity.random_tables import RandomColumn, Scalar

THRESHOLD_MISSING = "Threshold values must be provided for continuous features"
NOT_A_THRESHOLD = "Facet/label value provided must be a single numeric threshold for continuous data"
TYPES_DIFFER = "Predicted Label Column series datatype is not the same as Label Column series"
NOBODY_POSITIVE = (
    "No Label values are present in the predicted Label Column,"
    "Positive Predicted Index Series contains all False values"
)


@dataclass(frozen=True)
class Selection:
    """The values that are in the group and how AWS prints them; ``failure`` when the job ends instead."""

    values: frozenset[Scalar] = frozenset()
    text: str = ""
    failure: str = ""


def dtype(column: RandomColumn, file_format: str) -> str:
    """The pandas dtype of a column that was read from a file."""
    if file_format == "csv" and not column.seen:
        return "float64"
    if column.kind == "text" or (column.kind == "bool" and column.nulls):
        return "object"
    if column.kind == "bool":
        return "bool"
    return "float64" if column.kind == "float" or column.nulls else "int64"


def is_continuous(column: RandomColumn, listed: Sequence[Scalar] | None, file_format: str) -> bool:
    """``series_datatype``: several listed values, then the dtype, then 5 % different values."""
    if listed is not None and len(listed) > 1:
        return False
    present = len(column.values) - column.nulls
    is_spread = present > 0 and len(column.seen) / present >= 0.05
    match dtype(column, file_format):
        case "float64":
            return True
        case "int64":
            return is_spread
        case "object":
            casts = column.kind == "text" and not column.nulls and all(_casts(value) for value in column.seen)
            return bool(column.seen) and casts and is_spread
    return False


def select(column: RandomColumn, listed: Sequence[Scalar], file_format: str) -> Selection:
    """``_interval_index`` for a threshold, ``_categorical_data_idx`` for values."""
    if is_continuous(column, listed, file_format):
        return _above(column, listed[0], file_format)
    text = ",".join(map(str, listed))
    exact = frozenset(value for value in column.seen if any(is_equal(value, one) for one in listed))
    if exact or not column.values:
        return Selection(exact, text)
    first = column.values[0]
    to_type = float if first is None else type(first)
    if isinstance(listed[0], to_type):
        return Selection(frozenset(), text)
    try:
        converted = _converted(listed, to_type)
    except ValueError:
        return Selection(failure="the listed values cannot be cast to the type of the first row")
    return Selection(frozenset(value for value in column.seen if any(is_equal(value, one) for one in converted)), text)


def _above(column: RandomColumn, listed: Scalar, file_format: str) -> Selection:
    try:
        threshold = listed if isinstance(listed, int | float) else float(listed)
    except ValueError:
        return Selection(failure=NOT_A_THRESHOLD)
    numbers = {value: float(value) for value in column.seen}
    if not numbers:
        return Selection(failure="no maximum")
    whole = dtype(column, file_format) != "float64"
    top = int(max(numbers.values())) if whole else max(numbers.values())
    if abs(top) == threshold:
        return Selection(frozenset(), "")
    low, high = sorted((threshold, top))
    inside = frozenset(value for value, number in numbers.items() if low < number <= high)
    if isinstance(low, float) or isinstance(high, float):
        low, high = float(low), float(high)
    return Selection(inside, f"({low}, {high}]")


def _converted(listed: Sequence[Scalar], to_type: type) -> list[Scalar]:
    try:
        return [to_type(value) for value in listed]
    except ValueError as error:
        if "invalid literal for int() with base 10" in str(error):
            return [float(value) for value in listed]
        raise


def is_equal(value: Scalar, other: Scalar) -> bool:
    """Whether pandas finds a listed value among the categories: a boolean is no number there, nor a text."""
    alike = all(isinstance(value, kind) == isinstance(other, kind) for kind in (str, bool))
    return alike and value == other


def _casts(value: Scalar) -> bool:
    try:
        return math.isfinite(int(str(value)))
    except ValueError:
        return False
