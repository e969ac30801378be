"""DeclaredTypes: what the user says the columns hold, in place of what their values suggest.

::

    version: "1.0"
    columns:
      Age: continuous                          # a reading alone ...
      zip: text                                # ... or a kind alone
      grade: {kind: int, reading: categorical} # ... or both
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, Literal, get_args

from clarify.config.columns import closest, did_you_mean, listed
from clarify.config.documents import read_document
from clarify.config.json_text import field_path, shown
from clarify.errors import Problem
from clarify.features import Kind

ROOT: Final = "types"
CODE: Final = "CFG-TYPES"

Reading = Literal["categorical", "continuous"]
KINDS: Final[tuple[Kind, ...]] = get_args(Kind)
READINGS: Final[tuple[Reading, ...]] = get_args(Reading)
WORDS: Final = f"one of {', '.join((*KINDS, *READINGS))}, or an object with kind, reading or both"


@dataclass(frozen=True)
class DeclaredType:
    """What is declared of one column; ``kind`` None: as its values decide, ``reading`` None: as AWS infers.

    Text and booleans are categorical whatever their values look like.
    """

    column: str
    kind: Kind | None = None
    reading: Reading | None = None


@dataclass(frozen=True)
class DeclaredTypes:
    """The declarations of one document, in its order; ``digest`` is SHA-256 over what was written."""

    columns: tuple[DeclaredType, ...] = ()
    digest: str = ""

    def __bool__(self) -> bool:
        return bool(self.columns)

    @cached_property
    def by_name(self) -> Mapping[str, DeclaredType]:
        return {column.column: column for column in self.columns}


def read_declared_types(content: bytes) -> DeclaredTypes:
    """Read a document of declared types, JSON or YAML.

    Raises
    ------
    ConfigError
        With every problem at once, codes CFG-TYPES-*. Whether the columns exist is another question:
        :func:`unknown_columns`.

    Examples
    --------
    >>> read_declared_types(b'columns: {Age: continuous, zip: text}').columns[1]
    DeclaredType(column='zip', kind='text', reading='categorical')
    """
    return DeclaredTypes(*read_document(content, _read_all, root=ROOT, prefix=CODE))


def unknown_columns(types: DeclaredTypes, columns: Sequence[str]) -> Iterator[Problem]:
    """Declarations of columns that the dataset does not have, each with the name most like it."""
    for column in types.columns:
        if column.column not in columns:
            near = closest(column.column, columns)
            hint = f"did you mean {near!r}?" if near else "take the line out, or check the header of the data"
            field = field_path(("columns", column.column))
            yield Problem(f"{CODE}-COLUMN", field, repr(column.column), f"columns of the data: {listed(columns)}", hint)


def types_schema() -> dict[str, Any]:
    """JSON Schema (2020-12) of the document."""
    long_form = {
        "type": "object",
        "properties": {"kind": {"enum": list(KINDS)}, "reading": {"enum": list(READINGS)}},
        "additionalProperties": False,
        "minProperties": 1,
        "not": {
            "properties": {"kind": {"enum": ["text", "bool"]}, "reading": {"const": "continuous"}},
            "required": ["kind", "reading"],
        },
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Declared column types",
        "type": "object",
        "properties": {
            "version": {"enum": ["1.0", 1.0]},
            "columns": {
                "type": "object",
                "minProperties": 1,
                "additionalProperties": {"oneOf": [{"enum": [*KINDS, *READINGS]}, long_form]},
            },
        },
        "required": ["columns"],
        "additionalProperties": False,
    }


def _read_all(written: Any) -> tuple[tuple[DeclaredType, ...], list[Problem]]:
    found: list[DeclaredType] = []
    problems = list(_read(written, found))
    return tuple(found), problems


def _read(written: Any, found: list[DeclaredType]) -> Iterator[Problem]:
    """Problems of the document, while the declarations without one are added to ``found``."""
    if not isinstance(written, dict):
        hint = "write  columns: {Age: continuous}"
        yield Problem(f"{CODE}-TYPE", ROOT, shown(written), "an object with columns", hint)
        return
    for key in written:
        if key not in ("version", "columns"):
            hint = did_you_mean(key, ("version", "columns"), "take the key out; columns go below columns")
            yield Problem(f"{CODE}-UNKNOWN-KEY", field_path((key,)), shown(written[key]), "version, columns", hint)
    version = written.get("version", "1.0")
    if isinstance(version, bool) or version not in ("1.0", 1.0):
        yield Problem(f"{CODE}-VERSION", "version", shown(version), '"1.0"', "leave it out or write 1.0")
    columns = written.get("columns")
    if not isinstance(columns, dict) or not columns:
        received = "nothing" if columns is None else shown(columns)
        yield Problem(f"{CODE}-COLUMNS", "columns", received, "an object with one entry a column", "declare a column")
        return
    for name, said in columns.items():
        yield from _read_column(name, said, found)


def _read_column(name: str, said: Any, found: list[DeclaredType]) -> Iterator[Problem]:
    field = field_path(("columns", name))
    long_form = _long_form(said)
    if long_form is None or not long_form:
        hint = did_you_mean(said, (*KINDS, *READINGS), "write for example  continuous  or  {kind: int}")
        yield Problem(f"{CODE}-VALUE", field, shown(said), WORDS, hint)
        return
    wrong = [*_wrong_words(field, long_form)]
    yield from wrong
    kind, reading = long_form.get("kind"), long_form.get("reading")
    if wrong:
        return
    if kind in ("text", "bool") and reading == "continuous":
        allowed = f"categorical for {kind}; continuous for int and float"
        yield Problem(f"{CODE}-CONTRADICTION", f"{field}.reading", "continuous", allowed, "declare a kind of number")
        return
    found.append(DeclaredType(name, kind, "categorical" if kind in ("text", "bool") else reading))


def _long_form(said: Any) -> dict[str, Any] | None:
    """``"int"`` and ``"continuous"`` as the objects they are short for; None for anything else but an object."""
    if isinstance(said, dict):
        return said
    if isinstance(said, str) and said in KINDS:
        return {"kind": said}
    return {"reading": said} if isinstance(said, str) and said in READINGS else None


def _wrong_words(field: str, said: Mapping[str, Any]) -> Iterator[Problem]:
    allowed: dict[str, tuple[str, ...]] = {"kind": KINDS, "reading": READINGS}
    for key, word in said.items():
        if key not in allowed:
            hint = did_you_mean(key, allowed, "take the key out")
            yield Problem(f"{CODE}-UNKNOWN-KEY", f"{field}.{key}", json.dumps(word), "kind, reading", hint)
        elif word not in allowed[key]:
            hint = did_you_mean(word, allowed[key], f"choose a {key}")
            yield Problem(f"{CODE}-VALUE", f"{field}.{key}", shown(word), ", ".join(allowed[key]), hint)
