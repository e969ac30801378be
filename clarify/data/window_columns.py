"""The columns of a window of live data, and how the features of its requests become columns."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import pyarrow as pa

from clarify.config.columns import column_name, listed
from clarify.data.capture import Request
from clarify.data.json_faults import what_is
from clarify.data.json_values import text_column
from clarify.data.payloads import Payload, RecordPath, UnreadablePayload, csv_records, decode, json_documents
from clarify.data.remarks import Remarks
from clarify.errors import ConfigError, DataError, Problem, clip

MOST_MISFITS_SHOWN: Final = 5


@dataclass(frozen=True, slots=True)
class Asked:
    """The records of one request, as JSON has them or as cells of CSV."""

    records: list[Any]
    is_csv: bool


@dataclass(frozen=True)
class FeatureReader:
    """How the records of a request are found."""

    path: RecordPath | None
    names: tuple[str, ...] | None

    @classmethod
    def at(cls, path: str | None, names: tuple[str, ...] | None) -> FeatureReader:
        return cls(None if path is None else RecordPath.of(path), names)

    def read(self, asked: Payload | None, remarks: Remarks) -> Asked:
        """The records of a request; one None where nothing was captured.

        Raises
        ------
        UnreadablePayload
            For what is neither CSV nor JSON.
        ConfigError
            CFG-MISSING for JSON without features_attribute.
        """
        if asked is None:
            return Asked([None], False)
        if asked.encoding == "CELLS":
            return Asked([asked.data], True)
        text = decode(asked)
        if text.format == "csv":
            records = csv_records(text.text)
            return Asked(records[1:] if records and records[0] == list(self.names or ()) else records, True)
        documents, by_line = json_documents(asked, text, remarks)
        if self.path is None:
            raise ConfigError(
                Problem("CFG-MISSING", "attributes.features_attribute", "nothing, with requests of JSON",
                        "the JMESPath of the features in a request",
                        'add features_attribute: "instances[*].features", say')
            )
        return Asked(self.path.values(documents, by_line), False)

    def count(self, request: Request) -> int:
        """How many records a request has that is left out; 1 where it cannot be read."""
        try:
            return len(self.read(request.asked, Counter()).records)
        except (UnreadablePayload, DataError):
            return 1


@dataclass
class _Misfits:
    """Records without the features that are expected, by what they have instead."""

    expected: str
    rows: int = 0
    found: Counter[str] = field(default_factory=Counter)

    def note(self, what: str) -> None:
        self.found[what] += 1

    def report(self) -> None:
        if not self.found:
            return
        shown = sorted(self.found.items(), key=lambda item: (-item[1], item[0]))[:MOST_MISFITS_SHOWN]
        told = "; ".join(f"{count:,} of {self.rows:,} records with {what}" for what, count in shown)
        more = "" if len(shown) == len(self.found) else "; ..."
        raise DataError(
            Problem("WINDOW-FEATURES", "window", f"{told}{more}", self.expected,
                    "the endpoint is asked with other features than the reference knows: suggest constraints anew, or "
                    "correct headers and the monitor's attributes")
        )


@dataclass(frozen=True)
class WindowColumns:
    """Columns of a window.

    ``texts``: columns of strings whose values JSON has as strings, so that ``"5"`` stays text; ``is_csv``: all values
    are as they stand in CSV, so that their types are for a reader of CSV to infer. Arrays of other types than string
    keep their type.
    """

    names: tuple[str, ...]
    arrays: tuple[pa.Array, ...]
    texts: frozenset[str] = frozenset()
    is_csv: bool = True

    @property
    def rows(self) -> int:
        return len(self.arrays[0]) if self.arrays else 0

    def having(self, name: str, array: pa.Array, *, is_text: bool = False) -> WindowColumns:
        """The same columns and one more."""
        texts = self.texts | {name} if is_text else self.texts
        return WindowColumns((*self.names, name), (*self.arrays, array), texts, self.is_csv)

    def take(self, places: Sequence[int]) -> WindowColumns:
        """Some of the rows."""
        chosen = pa.array(np.asarray(places, dtype=np.int64))
        return WindowColumns(self.names, tuple(array.take(chosen) for array in self.arrays), self.texts, self.is_csv)


def feature_columns_of(
    asked: Sequence[Asked], names: tuple[str, ...] | None, excluded: Sequence[str | int]
) -> WindowColumns:
    """The features of all records as columns, without the excluded ones.

    ``names`` None: keys of objects name the columns, values of lists are ``column_0`` and so on.

    Raises
    ------
    DataError
        WINDOW-FEATURES, with everything that came instead of what was expected; CFG-MISSING as a ConfigError for CSV
        without headers.
    """
    records = [record for item in asked for record in item.records]
    captured = _names(records, names, any(item.is_csv for item in asked))
    rows = _fitting(records, captured)
    left_out = {column_name(reference, captured) for reference in excluded}
    remarks: Remarks = Counter()
    columns = zip(captured, zip(*rows, strict=True) if rows else [()] * len(captured), strict=True)
    kept = [(name, text_column(list(values), name, remarks)) for name, values in columns if name not in left_out]
    is_csv = any(item.is_csv for item in asked)
    texts = frozenset() if is_csv else frozenset(name for name, _ in kept if remarks["text", name])
    return WindowColumns(tuple(name for name, _ in kept), tuple(array for _, array in kept), texts, is_csv)


def _names(records: Sequence[Any], names: tuple[str, ...] | None, has_csv: bool) -> tuple[str, ...]:
    if names is not None:
        return names
    if has_csv:
        raise ConfigError(
            Problem("CFG-MISSING", "headers", "nothing, with requests of CSV", "names of the columns in their order",
                    "add headers to the analysis config: captured CSV does not name its columns")
        )
    keys = dict.fromkeys(key for record in records if isinstance(record, dict) for key in record)
    if keys:
        return tuple(keys)
    first = next((record for record in records if isinstance(record, list)), [])
    return tuple(f"column_{i}" for i in range(len(first)))


def _fitting(records: Sequence[Any], names: tuple[str, ...]) -> list[list[Any]]:
    """The records as lists of values in the order of the names."""
    width = len(names)
    if all(type(record) is list and len(record) == width for record in records):
        rows: list[list[Any]] = list(records)
    else:
        rows = _each_fitting(records, names)
    misfits = _Misfits("numbers, texts, true, false or null", len(rows))
    for record in rows:
        for value in record:
            if type(value) in (list, dict):
                misfits.note(f"{what_is(value)} in the place of a value")
                break
    misfits.report()
    return rows


def _each_fitting(records: Sequence[Any], names: tuple[str, ...]) -> list[list[Any]]:
    misfits = _Misfits(f"{len(names)} features: {listed(names)}", len(records))
    known, seen = frozenset(names), set[str]()
    rows: list[list[Any]] = []
    for record in records:
        if isinstance(record, dict):
            seen.update(record)
            extra = sorted(key for key in record if key not in known)
            if extra:
                misfits.note(f"a feature {clip(extra[0], 40)!r} besides")
            rows.append([record.get(name) for name in names])
        elif isinstance(record, list):
            if len(record) != len(names):
                misfits.note(f"{len(record):,} values")
            rows.append(record)
        else:
            misfits.note("no features" if record is None else what_is(record))
    lost = known - seen if records and all(isinstance(record, dict) for record in records) else frozenset()
    for name in sorted(lost):
        misfits.found[f"no feature {clip(name, 40)!r}"] = len(records)
    misfits.report()
    return rows
