"""JSON text to plain values, stricter than ``json``: no repeated keys, no NaN, no nulls, bounded depth and size."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from clarify.errors import ConfigError, Problem, clip

MAX_BYTES = 16 * 1024 * 1024
MAX_DEPTH = 64
LONGEST_KEY = 60

ROOT = "analysis_config"
Path = tuple[str | int, ...]


@dataclass(frozen=True)
class _Pairs:
    """An object as written, repeated keys and all."""

    items: tuple[tuple[str, Any], ...]


@dataclass(frozen=True)
class _NotANumber:
    """A token that Python's reader takes for a number and JSON does not have, or a number without bounds."""

    token: str


def field_path(path: Path) -> str:
    """``("facet", 1, "name_or_index")`` as ``facet[1].name_or_index``."""
    written = ""
    for part in path:
        if isinstance(part, int):
            written += f"[{part}]"
        else:
            written += ("." if written else "") + clip(part, LONGEST_KEY)
    return written or ROOT


def shown(value: object) -> str:
    """A value as the user wrote it, shortened."""
    return clip(json.dumps(value, ensure_ascii=False))


def canonical(value: object) -> bytes:
    """The one spelling of a JSON value that digests are taken of: sorted keys, no spaces, ASCII."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False).encode("ascii")


def read_json(document: bytes | str) -> tuple[Any, tuple[Problem, ...]]:
    """Parse a document.

    Returns
    -------
    tuple of the value and the problems found inside it
        Of a repeated key the last value is kept, as ``json`` does; a NaN or a lone surrogate becomes None.

    Raises
    ------
    ConfigError
        CFG-JSON when the text is no JSON at all, is too long or is nested too deep.
    """
    text = _decoded(document)
    try:
        raw = json.loads(text, object_pairs_hook=_pairs, parse_constant=_NotANumber, parse_float=_finite)
    except json.JSONDecodeError as error:
        raise _unreadable(f"{error.msg} at line {error.lineno}, column {error.colno}") from error
    except RecursionError as error:
        raise _unreadable(f"more than {MAX_DEPTH} nested levels") from error
    except ValueError as error:  # an integer of more digits than Python converts
        raise _unreadable(str(error)) from error
    problems: list[Problem] = []
    return _plain(raw, (), problems), tuple(problems)


def value_at(document: Any, path: Path) -> Any:
    """The value at a path that exists in the document."""
    for part in path:
        document = document[part]
    return document


def has(document: Any, path: Path) -> bool:
    """Whether a path exists in the document."""
    for part in path:
        if not _holds(document, part):
            return False
        document = document[part]
    return True


def _holds(container: Any, part: str | int) -> bool:
    if isinstance(container, list):
        return isinstance(part, int) and 0 <= part < len(container)
    return isinstance(container, dict) and part in container


def nulls(document: Any, path: Path = ()) -> Iterator[Path]:
    """Keys whose value is null."""
    if isinstance(document, dict):
        for key, item in document.items():
            if item is None:
                yield (*path, key)
            else:
                yield from nulls(item, (*path, key))
    elif isinstance(document, list):
        for position, item in enumerate(document):
            yield from nulls(item, (*path, position))


def _decoded(document: bytes | str) -> str:
    if len(document) > MAX_BYTES:
        raise _unreadable(f"{len(document):,} bytes", f"at most {MAX_BYTES:,} bytes", "put a long baseline into a file")
    if isinstance(document, str):
        return document.removeprefix("\ufeff")
    try:
        return document.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _unreadable(f"byte {error.start} is not UTF-8", hint="save the file as UTF-8") from error


def _unreadable(received: str, allowed: str = "one JSON object", hint: str = "") -> ConfigError:
    told = "Unable to load analysis configuration as JSON."  # AWS's words, for those who search their logs for them
    return ConfigError(Problem("CFG-JSON", ROOT, received, allowed, f"{hint or 'mend the file'}. {told}"))


def _pairs(items: list[tuple[str, Any]]) -> _Pairs:
    return _Pairs(tuple(items))


def _finite(token: str) -> float | _NotANumber:
    number = float(token)
    return number if math.isfinite(number) else _NotANumber(token)


def _plain(raw: Any, path: Path, problems: list[Problem]) -> Any:
    if len(path) > MAX_DEPTH:
        raise _unreadable(f"more than {MAX_DEPTH} nested levels", f"at most {MAX_DEPTH} nested levels")
    if isinstance(raw, _Pairs):
        return _object(raw, path, problems)
    if isinstance(raw, list):
        return [_plain(item, (*path, position), problems) for position, item in enumerate(raw)]
    if isinstance(raw, _NotANumber):
        problems.append(_problem("CFG-VALUE", path, raw.token, "a finite number", "write a number, or leave it out"))
        return None
    if isinstance(raw, int) and abs(raw) >= 2**64:
        problems.append(_problem("CFG-VALUE", path, str(raw), "an integer that 64 bits hold", "write a smaller number"))
        return None
    if isinstance(raw, str) and not _is_text(raw):
        problems.append(_problem("CFG-VALUE", path, ascii(raw), "text", "remove the lone surrogate escape"))
        return None
    return raw


def _object(raw: _Pairs, path: Path, problems: list[Problem]) -> dict[str, Any]:
    seen: dict[str, Any] = {}
    for key, item in raw.items:
        here = (*path, key if _is_text(key) else ascii(key))
        if key in seen:
            problems.append(
                _problem("CFG-DUPLICATE-KEY", here, "a second value", "each key once", "keep one of the two")
            )
        seen[key] = _plain(item, here, problems)
    return seen


def _problem(code: str, path: Path, received: str, allowed: str, hint: str) -> Problem:
    return Problem(code, field_path(path), clip(received), allowed, hint)


def _is_text(value: str) -> bool:
    """Whether the text can be written as UTF-8 (JSON's escapes can name half a character)."""
    return not any("\ud800" <= character <= "\udfff" for character in value)
