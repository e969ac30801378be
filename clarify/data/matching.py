"""Listed values against a column's own: which values are meant, however config and column spell them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from clarify.errors import DataError, Problem
from clarify.features import Kind

Scalar = str | int | float | bool

_BOOLEANS = {"true": True, "1": True, "1.0": True, "false": False, "0": False, "0.0": False}
_WORDS = {"true": True, "false": False}


@dataclass(frozen=True)
class Matched:
    """Listed values in the column's spelling, each once; ``respelt`` pairs listed and found where they differ."""

    values: tuple[Scalar, ...]
    respelt: tuple[tuple[Scalar, Scalar], ...] = ()
    repeated: tuple[Scalar, ...] = ()


def match(
    listed: Sequence[Scalar], kind: Kind, seen: Sequence[Scalar] | None, *, column: str, where: str
) -> Matched:
    """The column's values that are listed; a listed value that is not in the column stays as it is.

    ``seen``: the column's different values, None when they are too many to know: then texts must be equal.

    Raises
    ------
    DataError
        DATA-AMBIGUOUS-VALUE when a listed value may mean several texts of the column.
    """
    found: dict[Scalar, Scalar] = {}
    respelt: list[tuple[Scalar, Scalar]] = []
    repeated: list[Scalar] = []
    for value in listed:
        own = _in_text(value, seen, column, where) if kind == "text" else _among_typed(value, kind, seen)
        key = canonical(own, kind)
        if key in found:
            repeated.append(value)
            continue
        found[key] = own
        if not _is_alike(value, own):
            respelt.append((value, own))
    return Matched(tuple(found.values()), tuple(respelt), tuple(repeated))


def canonical(value: Scalar, kind: Kind) -> Scalar:
    """A listed or observed value in the column's own kind, so that 1, "1" and 1.0 name the same group.

    A value that cannot be brought into the kind is returned as text and matches nothing.
    """
    if kind == "bool":
        return _BOOLEANS.get(str(value).strip().lower(), str(value))
    if kind == "text":
        return str(value)
    number = _number(value)
    return str(value) if number is None else number


def meaning(value: Scalar) -> int | float | bool | None:
    """What a value says beyond its letters: a truth value or a number; None for words, codes as 007 among them."""
    if not isinstance(value, str):
        return value
    word = value.strip()
    if word.lower() in _WORDS:
        return _WORDS[word.lower()]
    digits = word.lstrip("+-")
    return None if len(digits) > 1 and digits[0] == "0" and digits[1].isdigit() else _number(word)


def is_integer_text(text: str) -> bool:
    """Whether pandas could cast the text to a 64-bit integer."""
    digits = text.strip().removeprefix("-").removeprefix("+")
    return digits.isascii() and digits.isdigit() and -(2**63) <= int(text) < 2**63


def _in_text(value: Scalar, seen: Sequence[Scalar] | None, column: str, where: str) -> Scalar:
    exact = str(value)
    meant = meaning(value)
    if seen is None or exact in seen or meant is None:
        return exact
    found = [text for text in seen if meaning(text) == meant]
    if len(found) > 1:
        raise DataError(
            Problem(
                code="DATA-AMBIGUOUS-VALUE",
                field=where,
                received=repr(value),
                allowed=f"one of {', '.join(map(repr, found))}, as column '{column}' spells them",
                hint="list the texts you mean, letter by letter",
            )
        )
    return found[0] if found else exact


def _among_typed(value: Scalar, kind: Kind, seen: Sequence[Scalar] | None) -> Scalar:
    own = canonical(value, kind)
    return next((known for known in seen or () if canonical(known, kind) == own), value)


def _is_alike(value: Scalar, own: Scalar) -> bool:
    """Whether a reader would say that both are written the same; 1 and 1.0 are the same number."""
    return value == own and isinstance(value, str) == isinstance(own, str) and (type(value) is bool) == (
        type(own) is bool
    )


def _number(value: Scalar) -> int | float | None:
    """The number a value stands for: integers to all their digits, as Python compares them with floats exactly."""
    if not isinstance(value, str):
        return int(value) if isinstance(value, bool) else value
    text = value.strip()
    if is_integer_text(text):
        return int(text)
    try:
        return None if "_" in text else float(text)
    except ValueError:
        return None
