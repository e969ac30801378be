"""What was counted file by file, put in the order of the files, whichever of them was read first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from clarify.data.remarks import Remarks
from clarify.data.source import Source, SourceFile
from clarify.errors import DataError, Problem


class FilePart(Protocol):
    """What was counted of one file."""

    @property
    def file(self) -> SourceFile: ...

    @property
    def rows(self) -> int: ...

    @property
    def remarks(self) -> Remarks: ...


Part = TypeVar("Part", bound=FilePart)


@dataclass(frozen=True)
class OrderedParts(Generic[Part]):
    """All parts by file, those with rows (at least one), and the remarks on all files together."""

    parts: tuple[Part, ...]
    with_rows: tuple[Part, ...]
    remarks: Remarks


def in_order(source: Source, parts: Sequence[Part]) -> OrderedParts[Part]:
    """The parts of a dataset in the order of its files.

    Raises
    ------
    DataError
        DATA-EMPTY when no file has a row.
    """
    ordered = tuple(sorted(parts, key=lambda part: part.file.index))
    with_rows = tuple(part for part in ordered if part.rows)
    if not with_rows:
        unmatched = any(kind == "no partner" for part in parts for kind, _ in part.remarks)
        hint = "no row has a join key that occurs in the side table" if unmatched else "check what wrote the files"
        received = f"{len(parts)} files without a row"
        raise DataError(Problem("DATA-EMPTY", source.uri, received, "at least one row", hint))
    remarks: Remarks = sum((part.remarks for part in ordered), Counter())
    return OrderedParts(ordered, with_rows, remarks)
