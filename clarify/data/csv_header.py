"""Whether the first line of a CSV file names its columns, and what the columns are called.

AWS's job guesses and does not say how; its guess is known to misfire. Ours is this rule, and is reported:

1. The config gives ``headers``: the first line is a header when it equals them, else it is data.
2. It is data when a cell is empty (the first one may be: pandas writes its index so), occurs twice, is a
   number or a truth value, or is a word for a missing value (``?``, ``NA``, ...).
3. It is a header when a column holds nothing but numbers below it, in the first 1,000 rows.
4. All is text: it is data when one of its cells occurs again below itself, else a header.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import pyarrow as pa
import pyarrow.compute as pc

from clarify.data.column_types import shapes_of
from clarify.errors import DataError, Problem
from clarify.results import Notice

CsvHeader = Literal["present", "absent", "guess"]
_MISSING_WORDS = frozenset({"?", "-", "na", "n/a", "nan", "null", "none", "nil", "missing", "unknown"})


@dataclass(frozen=True)
class Layout:
    """The names of a file's columns, its header line as it stands there (None: all is data), and what was guessed."""

    column_names: tuple[str, ...]
    header_line: tuple[str, ...] | None
    notices: tuple[Notice, ...] = ()


def lay_out(sample: pa.Table, *, uri: str, headers: Sequence[str] | None, csv_header: CsvHeader) -> Layout:
    """Name the columns of a CSV file from its first rows (all text, the first line included).

    Raises
    ------
    DataError
        DATA-HEADERS when the config's headers do not match the columns; DATA-DUPLICATE-COLUMN.
    """
    first = first_line(sample)
    if headers is not None:
        check_headers(headers, len(first), uri)
    header_present, notices = _is_header(first, sample.slice(1), uri, headers, csv_header)
    if headers is not None:
        names = tuple(headers)
    elif header_present:
        names, unnamed = _name_the_unnamed(first, uri)
        notices += unnamed
    else:
        names = tuple(f"column_{i}" for i in range(len(first)))
    check_names(names, uri)
    return Layout(names, first if header_present else None, notices)


def first_line(rows: pa.Table | pa.RecordBatch) -> tuple[str, ...]:
    """The cells of the first row, empty text for empty fields."""
    return tuple(column[0].as_py() or "" for column in rows.columns)


def check_headers(headers: Sequence[str], n_columns: int, uri: str) -> None:
    """Refuse headers that are not as many as the columns, in AWS's words."""
    if len(headers) != n_columns:
        received = f"{len(headers)} headers for {n_columns} columns in {uri}"
        hint = "Headers in config do not match with the number of columns in the dataset."
        raise DataError(Problem("DATA-HEADERS", "headers", received, f"{n_columns} headers", hint))


def check_names(names: Sequence[str], uri: str) -> None:
    """Refuse two columns of one name, and names that differ only by case or white space."""
    spelled = [" ".join(name.split()).casefold() for name in names]
    twice = {name for name, count in Counter(spelled).items() if count > 1}
    if twice:
        found = [name for name, plain in zip(names, spelled, strict=True) if plain in twice]
        allowed = "names that differ by more than case and white space"
        hint = "rename the columns in the file, or give all names in headers"
        raise DataError(Problem("DATA-DUPLICATE-COLUMN", uri, ", ".join(map(repr, found)), allowed, hint))


def guess(first: Sequence[str], below: pa.Table) -> tuple[bool, str]:
    """Rules 2 to 4: is it a header, and why."""
    doubt = _why_data(first)
    if doubt:
        return False, doubt
    if below.num_rows == 0:
        return True, "it is the only line and holds no number"
    for name, column in zip(first, below.columns, strict=True):
        values = column.combine_chunks().drop_null()
        if len(values) and shapes_of(values).other == 0:
            return True, f"there are only numbers or truth values below {name!r}"
    for name, column in zip(first, below.columns, strict=True):
        if pc.any(pc.equal(column, name)).as_py():
            return False, f"{name!r} occurs again in its own column"
    return True, "none of its words occurs again in its own column"


def _why_data(first: Sequence[str]) -> str:
    """A reason why the first line cannot name columns, or nothing."""
    if "" in first[1:] or first == ("",):
        return "it has an empty cell"
    if len(set(first)) < len(first):
        return "a word occurs twice in it"
    for cell in first:
        if cell and shapes_of(pa.array([cell])).other == 0:
            return f"its cell {cell!r} is a number or truth value"
        if cell.strip().casefold() in _MISSING_WORDS:
            return f"its cell {cell!r} stands for a missing value"
    return ""


def _is_header(
    first: tuple[str, ...], below: pa.Table, uri: str, headers: Sequence[str] | None, csv_header: CsvHeader
) -> tuple[bool, tuple[Notice, ...]]:
    if csv_header != "guess":
        return csv_header == "present", ()
    if headers is None:
        header_present, why = guess(first, below)
        return header_present, (_guessed(uri, header_present, why),)
    if tuple(cell.strip() for cell in first) == tuple(header.strip() for header in headers):
        return True, (_guessed(uri, True, "it equals the headers of the config"),)
    return False, (_guessed(uri, False, "it differs from the headers of the config"), *_suspicion(first, below, uri))


def _guessed(uri: str, header_present: bool, why: str) -> Notice:
    role, other = ("names the columns", "absent") if header_present else ("is read as data", "present")
    message = f"the first line of {uri} {role}, because {why}; if that is wrong, set csv_header to {other!r}"
    return Notice("CSV-HEADER-GUESSED", "dataset", message)


def _suspicion(first: tuple[str, ...], below: pa.Table, uri: str) -> tuple[Notice, ...]:
    looks_like_header, why = guess(first, below)
    if not looks_like_header:
        return ()
    message = f"the first line of {uri} is read as data but looks like a header ({why})"
    return (Notice("CSV-HEADER-SUSPECT", "dataset", f"{message}; if it is one, set csv_header to 'present'"),)


def _name_the_unnamed(first: tuple[str, ...], uri: str) -> tuple[tuple[str, ...], tuple[Notice, ...]]:
    names = tuple(cell if cell.strip() else f"column_{i}" for i, cell in enumerate(first))
    given = [name for name, cell in zip(names, first, strict=True) if name != cell]
    if not given:
        return names, ()
    message = f"columns without a name in the header of {uri} are called {', '.join(given)}"
    return names, (Notice("CSV-COLUMN-UNNAMED", "dataset", message),)
