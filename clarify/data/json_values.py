"""Values of JSON as Arrow columns of text, spelled so that the rules of CSV give each its own JSON type again.

A whole number is spelled ``5``, any other number with a point or an exponent (``40.0``), a truth value ``true``
or ``false``, a string as it is. Strings are counted in ``Remarks``, which makes their column text even where
every one of them looks like a number.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.compute as pc

from clarify.data.remarks import Remarks


class Nested(Exception):
    """A list or an object where a value belongs; private to the reading of JSON."""


def parse_json(text: bytes, remarks: Remarks) -> Any:
    """One JSON value; NaN and the infinities, which Python's writer makes of missing numbers, are null and counted.

    Of a repeated key the last value stays, as in AWS's reader. At most 1,024 levels.

    Raises
    ------
    orjson.JSONDecodeError
        A built-in error on purpose: the caller knows the line.
    """
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        lenient = _with_constants(text)
        if lenient is None:
            raise
        value, count = lenient
        remarks["not a number", ""] += count
        return value


def _with_constants(text: bytes) -> tuple[Any, int] | None:
    """The value and how many NaN or Infinity tokens became null; None when that is not what is wrong with the text."""
    if b"NaN" not in text and b"Infinity" not in text:
        return None
    seen: list[str] = []
    try:
        value = json.loads(text, parse_constant=seen.append)
        return orjson.loads(orjson.dumps(value)), len(seen)
    except (ValueError, RecursionError, TypeError):      # no JSON either; too deep; half a character, a huge integer
        return None


def text_column(values: Sequence[Any], name: str, remarks: Remarks) -> pa.Array:
    """Values of one column as text.

    Raises
    ------
    Nested
        When one of them is a list or an object.
    """
    types = set(map(type, values)) - {type(None)}
    if types == {str}:
        remarks["text", name] += len(values) - values.count(None)
        return pa.array(values, pa.string())
    if types == {float}:
        return _decimals(pa.array(values, pa.float64()))
    if types == {bool}:
        return pc.cast(pa.array(values, pa.bool_()), pa.string())
    if types == {int}:
        return _whole_numbers(values)
    if types & {list, dict}:
        raise Nested(name)
    if str in types:
        remarks["text", name] += sum(1 for value in values if isinstance(value, str))
    return pa.array(map(_spelled, values), pa.string())


def is_nested(value: object) -> bool:
    return isinstance(value, list | dict)


def _whole_numbers(values: Sequence[Any]) -> pa.Array:
    try:
        return pc.cast(pa.array(values, pa.int64()), pa.string())
    except (OverflowError, pa.ArrowInvalid):      # from 2^63 on
        return pa.array(map(_spelled, values), pa.string())


def _decimals(numbers: pa.Array) -> pa.Array:
    """Arrow spells 40.0 as 40, which would make it a whole number."""
    texts = pc.cast(numbers, pa.string())
    whole = pc.match_substring_regex(texts, r"^-?[0-9]+$")
    return pc.if_else(whole, pc.binary_join_element_wise(texts, ".0", ""), texts)


def _spelled(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    return repr(value)
