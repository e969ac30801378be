"""Frozen dataclasses to plain JSON values and back: strict JSON, infinities as words, nothing lost."""

from __future__ import annotations

import dataclasses
import json
import math
import types
from collections.abc import Mapping
from enum import Enum
from functools import cache
from typing import Any, Literal, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from clarify.errors import DataError, Problem, clip

Plain = None | bool | int | float | str | list["Plain"] | dict[str, "Plain"]
T = TypeVar("T")

INFINITIES = {"Infinity": math.inf, "-Infinity": -math.inf}


def to_plain(value: object, *, field: str = "result") -> Plain:
    """Dataclasses as objects in field order, tuples as arrays, infinities as ``"Infinity"`` and ``"-Infinity"``.

    Raises
    ------
    DataError
        If a number is NaN: a missing number is null with a reason, never NaN.
    """
    if isinstance(value, float):
        return number(value, field=field)
    if isinstance(value, Enum):
        return str(value.value)
    if value is None or isinstance(value, bool | int | str):
        return value
    if dataclasses.is_dataclass(value):
        names = [f.name for f in dataclasses.fields(value)]
        return {name: to_plain(getattr(value, name), field=f"{field}.{name}") for name in names}
    if isinstance(value, tuple):
        return [to_plain(item, field=f"{field}[{i}]") for i, item in enumerate(value)]
    raise DataError(
        Problem("DOC-TYPE", field, type(value).__name__, "numbers, texts, tuples and frozen dataclasses")
    )


def number(value: float, *, field: str) -> float | str:
    """A finite number as it is, an infinite one as the word for it."""
    if math.isnan(value):
        raise DataError(
            Problem("DOC-NAN", field, "NaN", "a number, an infinity or null", "say why the number is missing instead")
        )
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    return value


def from_plain(kind: type[T], plain: object, *, field: str) -> T:
    """The value of type ``kind`` that ``to_plain`` turned into ``plain``; every misfit names its field."""
    return cast(T, _read(kind, plain, field))


def dump(plain: Plain) -> bytes:
    """Four-space indent, keys as given, shortest floats, ASCII only, no NaN token, one line end at the end."""
    return (json.dumps(plain, indent=4, allow_nan=False) + "\n").encode("ascii")


def dump_numbers_in_rows(plain: Plain) -> bytes:
    """As ``dump``, but an array of numbers is one line: thousands of them stay readable, at a third of the bytes."""
    return (_lines(plain, "\n") + "\n").encode("ascii")


def _lines(plain: Plain, line: str) -> str:
    """JSON with four-space indent; ``line`` is the line end before a value's own closing bracket."""
    deeper = line + "    "
    if isinstance(plain, dict) and plain:
        return "{" + ",".join(f"{deeper}{json.dumps(key)}: {_lines(plain[key], deeper)}" for key in plain) + line + "}"
    if isinstance(plain, list) and not all(isinstance(item, int | float) for item in plain):
        return "[" + ",".join(deeper + _lines(item, deeper) for item in plain) + line + "]"
    return json.dumps(plain, allow_nan=False)


def load(content: bytes, *, field: str) -> dict[str, object]:
    """One JSON object, with no NaN token, no repeated key and no deep nesting."""
    try:
        plain = json.loads(content, parse_constant=_refuse_constant, object_pairs_hook=_refuse_repeated_keys)
    except (ValueError, RecursionError) as error:
        raise DataError(
            Problem("DOC-UNREADABLE", field, clip(str(error)), "one strict JSON object", "write the document again")
        ) from error
    if not isinstance(plain, dict):
        raise _misfit(field, plain, "a JSON object")
    return plain


def _refuse_constant(token: str) -> float:
    raise json.JSONDecodeError(f"the token {token} is not JSON", token, 0)


def _refuse_repeated_keys(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise json.JSONDecodeError("a key occurs twice in one object", "", 0)
    return found


def _read(kind: Any, plain: object, field: str) -> object:
    origin = get_origin(kind)
    if origin in (Union, types.UnionType):
        return None if plain is None else _read(_only_member(kind), plain, field)
    if origin is Literal:
        if plain in get_args(kind):
            return plain
        raise _misfit(field, plain, ", ".join(map(str, get_args(kind))))
    if origin is tuple:
        return _read_tuple(get_args(kind), plain, field)
    if dataclasses.is_dataclass(kind):
        return _read_dataclass(cast(type, kind), plain, field)
    return _read_scalar(kind, plain, field)


def _only_member(kind: Any) -> Any:
    return next(member for member in get_args(kind) if member is not type(None))


def _read_tuple(members: tuple[Any, ...], plain: object, field: str) -> tuple[object, ...]:
    if not isinstance(plain, list):
        raise _misfit(field, plain, "an array")
    if members[-1] is Ellipsis:
        members = (members[0],) * len(plain)
    if len(members) != len(plain):
        raise _misfit(field, plain, f"an array of {len(members)}")
    return tuple(_read(kind, item, f"{field}[{i}]") for i, (kind, item) in enumerate(zip(members, plain, strict=True)))


@cache
def _hints(kind: type) -> Mapping[str, Any]:
    return get_type_hints(kind)


def _read_dataclass(kind: type, plain: object, field: str) -> object:
    """An object with the fields of ``kind``; what an older document lacks takes its default."""
    fields = {f.name: f for f in dataclasses.fields(kind)}
    required = {name for name, f in fields.items() if f.default is f.default_factory is dataclasses.MISSING}
    if not isinstance(plain, dict):
        raise _misfit(field, plain, f"an object with the keys {', '.join(fields)}")
    unknown, missing = sorted(set(plain) - set(fields)), sorted(required - set(plain))
    if unknown or missing:
        received = "; ".join(f"{what} {', '.join(n)}" for what, n in (("unknown", unknown), ("no", missing)) if n)
        raise _misfit(field, received, f"an object with the keys {', '.join(fields)}")
    return kind(**{name: _read(_hints(kind)[name], plain[name], f"{field}.{name}") for name in fields if name in plain})


def _read_scalar(kind: Any, plain: object, field: str) -> object:
    if isinstance(kind, type) and issubclass(kind, Enum):
        if plain in [member.value for member in kind]:
            return kind(plain)
        raise _misfit(field, plain, ", ".join(str(member.value) for member in kind))
    if kind is float and isinstance(plain, str) and plain in INFINITIES:
        return INFINITIES[plain]
    if kind is float and isinstance(plain, int | float) and not isinstance(plain, bool):
        return plain
    if isinstance(plain, kind) and not (kind is int and isinstance(plain, bool)):
        return plain
    raise _misfit(field, plain, {float: "a number", int: "a whole number", str: "a text", bool: "true or false"}[kind])


def _misfit(field: str, received: object, allowed: str) -> DataError:
    return DataError(
        Problem("DOC-FIELD", field, clip(str(received)), allowed, "was the document written by another version?")
    )
