"""Declared types against a profile: the columns as the user says they are, where their values allow it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import pyarrow as pa

from clarify.config.declared_types import DeclaredType, DeclaredTypes, unknown_columns
from clarify.data.column_types import ARROW_TYPES, Shapes, to_kind
from clarify.data.profile import ColumnProfile, SourceProfile, ValueCount
from clarify.errors import DataError, Problem
from clarify.features import Kind
from clarify.results import Notice

_SAID = "declared as {kind} in the types document"


@dataclass(frozen=True)
class _Misfit:
    """Values of a column that a declared kind cannot hold: how many, if known, and what they are."""

    count: int | None
    what: str
    hint: str = "take the declaration out, or mend the values"


def declare_types(profile: SourceProfile, types: DeclaredTypes) -> SourceProfile:
    """The profile with kinds and readings as declared; staging converts the rows by its ``kinds``.

    Its notices say TYPE-DECLARED of every column whose kind the declaration changes.

    Raises
    ------
    DataError
        With every declaration that does not fit: CFG-TYPES-COLUMN for a column that is not there, DATA-CONVERSION
        with the number of values that are not of the declared kind.
    """
    problems = [*unknown_columns(types, profile.source.column_names)]
    columns: list[ColumnProfile] = []
    for column in profile.columns:
        declared = types.by_name.get(column.name)
        if declared is None:
            columns.append(column)
            continue
        kind = _kind(column, declared)
        misfit = _misfit(column, kind) or _unreadable(kind, declared)
        if misfit is not None:
            problems.append(_problem(column, declared, misfit))
        else:
            columns.append(_declared(column, kind, declared))
    DataError.collect(problems)
    notices = (*profile.notices, *_notices(profile, types))
    return replace(profile, columns=tuple(columns), notices=notices)


def is_recast(profile: SourceProfile) -> bool:
    """Whether a declaration changed the kind of some column, so that its files' own types are not those to read."""
    return any(column.declared_reading == _SAID.format(kind=column.kind) for column in profile.columns)


def _notices(profile: SourceProfile, types: DeclaredTypes) -> Iterator[Notice]:
    for column in profile.columns:
        declared = types.by_name.get(column.name)
        kind = column.kind if declared is None else _kind(column, declared)
        if kind != column.kind:
            by_itself = f"by itself it is {column.kind}: {column.reading}"
            message = f"column '{column.name}' is {kind} by declaration; {by_itself}"
            yield Notice("TYPE-DECLARED", f"types.columns.{column.name}", message)


def _kind(column: ColumnProfile, declared: DeclaredType) -> Kind:
    """The declared kind; a continuous column of digits is made of numbers, whatever their spelling."""
    if declared.kind is not None:
        return declared.kind
    if declared.reading == "continuous" and column.kind == "text":
        return "float" if column.shapes.decimal or column.shapes.large_integer else "int"
    return column.kind


def _declared(column: ColumnProfile, kind: Kind, declared: DeclaredType) -> ColumnProfile:
    if kind == column.kind:
        return replace(column, declared_as=declared.reading)
    values = _typed(column, kind)
    numbers = [item.value for item in values or () if kind in ("int", "float") and not isinstance(item.value, str)]
    # Spelled with zeros in front, numbers did not count towards the extremes of the profile.
    lost = values is None and column.shapes.leading_zero > 0
    return replace(
        column,
        declared=kind,
        declared_reading=_SAID.format(kind=kind),
        declared_as=declared.reading,
        values=values,
        minimum=None if lost else min(numbers, default=column.minimum),
        maximum=None if lost else max(numbers, default=column.maximum),
    )


def _typed(column: ColumnProfile, kind: Kind) -> tuple[ValueCount, ...] | None:
    """The different values in the new kind, equal ones added up, in order of first appearance."""
    if column.values is None:
        return None
    source = pa.string() if column.declared is None else ARROW_TYPES[column.declared]
    as_read = [str(item.value) if column.declared is None else item.value for item in column.values]
    typed = to_kind(pa.array(as_read, source), kind, column.name).to_pylist()
    merged: dict[object, ValueCount] = {}
    for item, value in zip(column.values, typed, strict=True):
        known = merged.get(value)
        count = item.count + (known.count if known else 0)
        merged[value] = ValueCount(value, count, min(item.first, known.first) if known else item.first)
    return tuple(sorted(merged.values(), key=lambda item: item.first))


# --- what does not fit -----------------------------------------------------------------------------------------


def _misfit(column: ColumnProfile, kind: Kind) -> _Misfit | None:
    if kind in ("text", column.kind) or column.non_null == 0:
        return None
    if column.declared in (None, "text"):
        return _of_texts(column.shapes, kind)
    return _of_typed(column, kind)


def _of_texts(shapes: Shapes, kind: Kind) -> _Misfit | None:
    """Texts are read by the grammar of ``column_types``, whose shapes were counted."""
    misfits = {
        "int": (shapes.decimal + shapes.large_integer + shapes.boolean + shapes.other, "not whole 64-bit numbers"),
        "float": (shapes.boolean + shapes.other, "not numbers"),
        "bool": (shapes.total - shapes.boolean, "neither true nor false"),
    }
    count, what = misfits[kind]
    hint = "declare kind float, or reading categorical" if kind == "int" and count == shapes.decimal else ""
    return _Misfit(count, what, hint or _Misfit.hint) if count else None


def _of_typed(column: ColumnProfile, kind: Kind) -> _Misfit | None:
    """Numbers and booleans that a file declares."""
    if kind == "float" or column.declared == "bool":
        return None
    values = column.values
    if kind == "bool":
        wrong = None if values is None else sum(item.count for item in values if item.value not in (0, 1))
        return _Misfit(wrong, "neither 0 nor 1") if wrong is None or wrong else None
    if column.non_finite:
        return _Misfit(column.non_finite, "infinite")
    wrong = sum(item.count for item in values or () if not float(item.value).is_integer())
    return _Misfit(wrong, "not whole numbers") if wrong else None


def _unreadable(kind: Kind, declared: DeclaredType) -> _Misfit | None:
    if declared.reading == "continuous" and kind not in ("int", "float"):
        return _Misfit(None, f"{kind}, which has no order to put a threshold in", "declare it categorical")
    return None


def _problem(column: ColumnProfile, declared: DeclaredType, misfit: _Misfit) -> Problem:
    said = declared.kind or declared.reading or ""
    many = f"{misfit.count:,} of {column.non_null:,} values" if misfit.count is not None else "values"
    return Problem(
        code="DATA-CONVERSION",
        field=f"types.columns.{column.name}",
        received=f"{said}, but {many} are {misfit.what}",
        allowed=f"a type that all values of column '{column.name}' have; by itself it is {column.kind}",
        hint=misfit.hint,
    )
