"""What reading the files did beyond copying them: counted file by file, added up, told in notices."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Literal

from clarify.results import Notice

Kind = Literal["text", "not a number", "no partner"]
Remarks = Counter[tuple[Kind, str]]
"""How often what happened to whom: ``text``, a column: values that are strings in JSON; ``not a number``, the dataset:
NaN and infinities read as null; ``no partner``, a side table: rows of the dataset that a join dropped."""


def remark_notices(remarks: Remarks) -> tuple[Notice, ...]:
    """Notices of rows that were dropped and of values that became null (mixed columns are told by their profile)."""
    return tuple(_told(remarks))


def mixed_column(name: str, n_texts: int, n_values: int) -> Notice:
    """A column of JSON that holds strings beside other values."""
    message = (
        f"column {name!r} is read as text: {n_texts:,} of {n_values:,} values are strings in JSON, the rest are "
        "numbers or truth values; write all of them alike"
    )
    return Notice("DATA-JSON-MIXED", "dataset", message)


def _told(remarks: Remarks) -> Iterator[Notice]:
    for (kind, subject), count in sorted(remarks.items()):
        if kind == "no partner":
            message = f"{count:,} rows dropped: their join key is empty or does not occur in {subject}"
            yield Notice("DATA-JOIN-DROPPED", "joinsource_name_or_index", message)
        elif kind == "not a number":
            message = f"{count:,} times NaN or Infinity, which JSON does not have, read as null"
            yield Notice("DATA-JSON-NAN", "dataset", message)
