"""What kind of values a column holds, decided from all of its values; and the way from text to that kind.

The rules follow pandas, which AWS reads CSV with, wherever pandas gives a number, a boolean or a text:

==================  ==========================================================================
int                 every value is a whole number within 64 bits: ``5``, ``-3``, ``+7``, `` 5 ``
float               every value is a number and one has a point or an exponent, or the column is empty
bool                every value is True, TRUE, true, False, FALSE or false
text                everything else
==================  ==========================================================================

Notes
-----
Three rules differ from pandas, on purpose. Only an empty, unquoted field is null: ``NA``, ``nan`` and ``?``
are text. Whole numbers with leading zeros (``007``) are codes, not quantities: text. ``inf`` is text.
Like pandas, a whole number beyond 64 bits makes a column of whole numbers text (pandas keeps the range
2^63 to 2^64 as unsigned; here that is text too), and ``1e999`` is text.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple, dataclass
from typing import get_args

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from clarify.errors import DataError, Problem
from clarify.features import Kind

INTEGER, LARGE_INTEGER, DECIMAL, LEADING_ZERO, BOOLEAN, OTHER = range(6)
KINDS: tuple[Kind, ...] = get_args(Kind)
ARROW_TYPES: dict[Kind, pa.DataType] = {
    "int": pa.int64(),
    "float": pa.float64(),
    "bool": pa.bool_(),
    "text": pa.string(),
}
_TRUE = ("True", "TRUE", "true")
_FALSE = ("False", "FALSE", "false")
_EXPONENT = "[eE]"
_NUMBER = r"^[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?$"
_LARGEST = "9223372036854775807"
_SMALLEST = "9223372036854775808"
_HEAD = 64


@dataclass(frozen=True)
class Shapes:
    """How many non-null values of a column look like what; adding two gives the counts of both."""

    integer: int = 0
    large_integer: int = 0
    decimal: int = 0
    leading_zero: int = 0
    boolean: int = 0
    other: int = 0

    def __add__(self, more: Shapes) -> Shapes:
        return Shapes(*(a + b for a, b in zip(astuple(self), astuple(more), strict=True)))

    @property
    def total(self) -> int:
        return sum(astuple(self))

    @property
    def is_numeric(self) -> bool:
        """Whether every value stands for a number (true of no value at all)."""
        return self.leading_zero == self.boolean == self.other == 0

    @property
    def casts_to_int64(self) -> bool:
        """AWS's test of a text column: could pandas turn every value into a 64-bit integer?"""
        return self.total > 0 and self.integer + self.leading_zero == self.total


def shapes_of(values: pa.Array, counts: NDArray[np.int64] | None = None) -> Shapes:
    """Count the shapes of non-null strings; ``counts`` says how often each value occurs (default once)."""
    tally = np.bincount(classify(values)[0], weights=counts, minlength=6)
    return Shapes(*(int(count) for count in tally))


def decide(shapes: Shapes) -> tuple[Kind, str]:
    """The kind of a CSV column, and the reason in words."""
    n = shapes.total
    if n == 0:
        return "float", "no value at all"
    if shapes.boolean == n:
        return "bool", "every value is true or false"
    if not shapes.is_numeric:
        return "text", _why_text(shapes)
    if shapes.decimal:
        return "float", "every value is a number, and some have a point or an exponent"
    if shapes.large_integer:
        return "text", f"{shapes.large_integer} of {n} values are whole numbers beyond 64 bits"
    return "int", "every value is a whole number"


def _why_text(shapes: Shapes) -> str:
    n = shapes.total
    if shapes.other == n:
        return "no value is a number"
    if shapes.other:
        return f"{shapes.other} of {n} values are not numbers"
    if shapes.leading_zero:
        return f"{shapes.leading_zero} of {n} values are numbers with leading zeros"
    return f"{shapes.boolean} of {n} values are true or false, the rest are numbers"


def declared_kind(kind: pa.DataType, column: str) -> tuple[Kind, str]:
    """The kind that a Parquet column's own type gives it, and the reason in words.

    Raises
    ------
    DataError
        DATA-TYPE for lists, structs, maps and binary columns.
    """
    reading = f"declared by Parquet as {kind}"
    if pa.types.is_dictionary(kind):
        return declared_kind(kind.value_type, column)[0], reading
    if pa.types.is_boolean(kind):
        return "bool", reading
    if pa.types.is_integer(kind):
        return "int", reading
    if pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        return "float", reading
    if _is_text(kind) or _is_date_or_time(kind) or pa.types.is_null(kind):
        return "text", reading
    allowed = "numbers, booleans, text, categories, dates"
    raise DataError(Problem("DATA-TYPE", column, str(kind), allowed, "leave the column out of the file or flatten it"))


def to_kind(values: pa.Array, kind: Kind, column: str) -> pa.Array:
    """Values of any readable type as the one Arrow type of their kind; NaN becomes null, as in pandas.

    Strings are read by the grammar of this module, other types are cast.

    Raises
    ------
    DataError
        DATA-CONVERSION when a value does not fit the kind, or an unsigned integer 64 bits.
    """
    if pa.types.is_dictionary(values.type):
        values = values.dictionary_decode()
    try:
        if pa.types.is_string(values.type) and kind != "text":
            return _parse(values, kind)
        cast = pc.cast(values, ARROW_TYPES[kind])
    except pa.ArrowInvalid as error:
        hint = "the file changed since its types were decided, or the column needs another type"
        raise DataError(Problem("DATA-CONVERSION", column, str(error), f"values of kind {kind}", hint)) from error
    if kind == "float" and pa.types.is_floating(values.type):
        return pc.if_else(pc.is_nan(cast), pa.scalar(None, pa.float64()), cast)
    return cast


def classify(values: pa.Array) -> tuple[NDArray[np.int8], pa.Array]:
    """The shape of each non-null string (INTEGER ... OTHER), and the numbers among them.

    The numbers are those of shape INTEGER, LARGE_INTEGER and DECIMAL, in order: int64 when all of them
    are INTEGER, else float64.
    """
    integers = _plain_integers(values)
    if integers is not None:
        return np.full(len(values), INTEGER, dtype=np.int8), integers
    codes = np.full(len(values), OTHER, dtype=np.int8)
    codes[_mask(_is_one_of(values, _TRUE + _FALSE))] = BOOLEAN
    trimmed = pc.ascii_trim_whitespace(values)
    spelled = _mask(pc.match_substring_regex(trimmed, _NUMBER))
    if not spelled.any():
        return codes, pa.array([], pa.int64())
    texts = _only(trimmed, spelled)
    floats = pc.cast(texts, pa.float64())
    codes[spelled] = shapes = _classify_numbers(texts, floats)
    if (shapes == INTEGER).all():
        return codes, _parse(texts, "int")
    return codes, _only(floats, shapes <= DECIMAL)


def _plain_integers(values: pa.Array) -> pa.Array | None:
    """The quick answer for most integer columns; a 0 in front may be ``007`` or ``0x1f`` and takes the long way."""
    try:
        # Every value that fails costs Arrow an error message: 20 times a cast, in a column of decimals.
        pc.cast(values.slice(0, _HEAD), pa.int64())
        integers = pc.cast(values, pa.int64())
    except pa.ArrowInvalid:
        return None
    zero = pc.and_(pc.starts_with(values, "0"), pc.greater(pc.binary_length(values), 1))
    return None if pc.any(pc.or_(zero, pc.starts_with(values, "-0"))).as_py() else integers


def _classify_numbers(texts: pa.Array, floats: pa.Array) -> NDArray[np.int8]:
    """The shape of strings that match the number grammar; what overflows float64 is no number."""
    codes = np.full(len(texts), DECIMAL, dtype=np.int8)
    whole = ~_mask(pc.match_substring(texts, "."))
    if whole.any():
        whole[whole] = ~_mask(pc.match_substring_regex(_only(texts, whole), _EXPONENT))
        codes[whole] = _classify_whole(_only(texts, whole))
    codes[~np.isfinite(floats.to_numpy())] = OTHER
    return codes


def _classify_whole(values: pa.Array) -> NDArray[np.int8]:
    digits = pc.ascii_ltrim(values, characters="+-")
    length = pc.binary_length(digits)
    limit = pc.if_else(pc.starts_with(values, "-"), _SMALLEST, _LARGEST)
    # Strings of 19 digits compare like the numbers they spell.
    too_long = pc.or_(pc.greater(length, 19), pc.and_(pc.equal(length, 19), pc.greater(digits, limit)))
    leading = pc.and_(pc.starts_with(digits, "0"), pc.greater(length, 1))
    codes = np.where(_mask(too_long), LARGE_INTEGER, INTEGER).astype(np.int8)
    codes[_mask(leading)] = LEADING_ZERO
    return codes


def _parse(values: pa.Array, kind: Kind) -> pa.Array:
    if kind == "bool":
        known = pc.or_(_is_one_of(values, _TRUE + _FALSE), pc.is_null(values))
        if not pc.all(known).as_py():
            raise pa.ArrowInvalid(f"{_only(values, ~_mask(known))[0].as_py()!r} is neither true nor false")
        return pc.if_else(pc.is_valid(values), _is_one_of(values, _TRUE), pa.scalar(None, pa.bool_()))
    try:
        return pc.cast(values, ARROW_TYPES[kind])
    except pa.ArrowInvalid:
        bare = pc.ascii_trim_whitespace(values)
        return pc.cast(pc.replace_substring_regex(bare, r"^\+", ""), ARROW_TYPES[kind])


def _is_one_of(values: pa.Array, words: Sequence[str]) -> pa.Array:
    return pc.is_in(values, pa.array(words))


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def _is_date_or_time(kind: pa.DataType) -> bool:
    return bool(pa.types.is_temporal(kind) and not pa.types.is_interval(kind))


def _only(values: pa.Array, mask: NDArray[np.bool_]) -> pa.Array:
    return values if mask.all() else values.filter(pa.array(mask))


def _mask(answers: pa.Array) -> NDArray[np.bool_]:
    mask: NDArray[np.bool_] = answers.to_numpy(zero_copy_only=False)
    return mask
