"""Raw values -> codes: which rows are facet d, which labels are positive.

The one place where thresholds are applied and listed values are matched. Types follow AWS's inference
wherever AWS gives a result; where AWS's reading selects nobody although the listed value is in the column,
the column is read as categorical and the notice ``TYPE-AWS-WOULD-FAIL`` says so.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from clarify.data.profile import ColumnProfile
from clarify.errors import DataError, Problem
from clarify.features import Kind
from clarify.results import ColumnSummary, Notice

Scalar = str | int | float | bool
Reading = Literal["categorical", "continuous"]

SELECTED, NOT_SELECTED, UNKNOWN = 1, 0, 2
CONTINUOUS_FROM_UNIQUENESS = 0.05       # AWS: distinct / non-null at or above this reads integers as continuous
MOST_GROUPS = 1_000


@dataclass(frozen=True)
class ColumnFacts:
    """What the first pass learnt of one column; ``values`` in order of first appearance, None when too many."""

    summary: ColumnSummary
    values: tuple[Scalar, ...] | None
    counts: tuple[int, ...] | None
    uniqueness: float                    # distinct over non-null values

    @classmethod
    def of(cls, profile: ColumnProfile) -> ColumnFacts:
        found = profile.typed_values
        values = None if found is None else tuple(item.value for item in found)
        counts = None if found is None else tuple(item.count for item in found)
        return cls(profile.summary(), values, counts, profile.uniqueness)


@dataclass(frozen=True)
class Coding:
    """How one column splits its rows in two: the listed values or the range above a threshold, and the rest."""

    column: str
    reading: Reading
    text: str                            # AWS's value_or_threshold: 'a,b' or '(40.0, 60.0]'
    values: tuple[Scalar, ...] = ()
    threshold: float | None = None
    notices: tuple[Notice, ...] = ()

    def code(self, column: pa.ChunkedArray) -> NDArray[np.int8]:
        """SELECTED, NOT_SELECTED or UNKNOWN (null) for every row; int8 of shape (rows,)."""
        if self.reading == "continuous":
            return _above(column, self.threshold if self.threshold is not None else math.nan)
        return _among(column, self.values)


    def selects(self, value: Scalar, facts: ColumnFacts) -> bool:
        """Whether one value of the column is in the group."""
        if self.reading == "continuous":
            return self.threshold is not None and float(value) > self.threshold
        kind = kind_of_column(facts)
        return canonical(value, kind) in {canonical(listed, kind) for listed in self.values}


def _above(column: pa.ChunkedArray, threshold: float) -> NDArray[np.int8]:
    numbers = as_numbers(column)
    codes = np.where(numbers > threshold, SELECTED, NOT_SELECTED).astype(np.int8)
    codes[np.isnan(numbers)] = UNKNOWN
    return codes


def _among(column: pa.ChunkedArray, listed: tuple[Scalar, ...]) -> NDArray[np.int8]:
    encoded = one_array(column).dictionary_encode()
    kind = kind_of(encoded.dictionary.type)
    wanted = {canonical(value, kind) for value in listed}
    table = np.array(
        [SELECTED if canonical(value, kind) in wanted else NOT_SELECTED for value in encoded.dictionary.to_pylist()]
        + [UNKNOWN],
        dtype=np.int8,
    )
    codes: NDArray[np.int8] = table[encoded.indices.fill_null(len(table) - 1).to_numpy(zero_copy_only=False)]
    return codes


def canonical(value: Scalar, kind: Kind) -> Scalar:
    """A listed or observed value in the column's own kind, so that 1, "1" and 1.0 name the same group.

    A value that cannot be brought into the kind is returned as it is and matches nothing.
    """
    if kind == "bool":
        spelled = {"true": True, "1": True, "1.0": True, "false": False, "0": False, "0.0": False}
        return spelled.get(str(value).strip().lower(), str(value))
    if kind == "text":
        return str(value)
    try:
        return float(value)
    except ValueError:
        return str(value)


def kind_of(arrow_type: pa.DataType) -> Kind:
    """Our word for an Arrow type."""
    if pa.types.is_dictionary(arrow_type):
        return kind_of(arrow_type.value_type)
    if pa.types.is_boolean(arrow_type):
        return "bool"
    if pa.types.is_integer(arrow_type):
        return "int"
    if pa.types.is_floating(arrow_type) or pa.types.is_decimal(arrow_type):
        return "float"
    return "text"


# --- which reading AWS's inference gives ---------------------------------------------------------------------


def aws_reading(facts: ColumnFacts, listed: Sequence[Scalar]) -> Reading:
    """AWS's type inference for a facet, label or predicted label column (contract: smclarify ``common.py``)."""
    if len(listed) > 1:
        return "categorical"
    summary = facts.summary
    if summary.kind == "bool":
        return "categorical"
    if summary.kind == "text":
        return "continuous" if _castable_to_integer(facts) and _is_spread(facts) else "categorical"
    if summary.kind == "float" or summary.nulls:    # pandas holds integers with nulls as floats
        return "continuous"
    return "continuous" if _is_spread(facts) else "categorical"


def _is_spread(facts: ColumnFacts) -> bool:
    return facts.uniqueness >= CONTINUOUS_FROM_UNIQUENESS


def _castable_to_integer(facts: ColumnFacts) -> bool:
    if not facts.values:
        return False
    return all(_integer_text(str(value)) for value in facts.values)


def _integer_text(text: str) -> bool:
    digits = text.strip().removeprefix("-").removeprefix("+")
    return digits.isascii() and digits.isdigit()


# --- resolving what the config lists -------------------------------------------------------------------------


def code_label(facts: ColumnFacts, listed: Sequence[Scalar], *, maximum: float | None = None) -> Coding:
    """The positive labels; ``maximum`` is that of label and predicted label together (default: of the label).

    Raises
    ------
    DataError
        When no threshold can be read, or no row is positive although AWS's reading and exact matching were tried.
    """
    coding = _code_listed(facts, listed, where="label_values_or_threshold", maximum=maximum)
    if facts.values is not None and coding.reading == "categorical" and not _selects_any(coding, facts):
        raise DataError(
            Problem(
                code="DATA-NO-POSITIVE-LABEL",
                field="label_values_or_threshold",
                received=", ".join(map(str, listed)),
                allowed=f"values of column '{facts.summary.name}': {_some_values(facts)}",
                hint="Positive label values or thresholds are empty for Label column",
            )
        )
    return coding


def code_predicted_label(
    facts: ColumnFacts, listed: Sequence[Scalar], label: Coding, label_facts: ColumnFacts
) -> Coding:
    """Predicted labels in the data, read as the label is read.

    Raises
    ------
    DataError
        With AWS's words: when the two columns infer to different types, or nobody is predicted positive.
    """
    if aws_reading(facts, listed) != aws_reading(label_facts, listed):
        raise DataError(
            Problem(
                code="DATA-LABEL-TYPES",
                field="predicted_label",
                received=f"column '{facts.summary.name}' ({facts.summary.kind}, {facts.summary.reading})",
                allowed=f"the type of column '{label_facts.summary.name}' ({label_facts.summary.kind})",
                hint="Predicted Label Column series datatype is not the same as Label Column series",
            )
        )
    coding = replace(label, column=facts.summary.name, notices=())
    if label.reading == "categorical":
        some = facts.values is None or _selects_any(coding, facts)
    else:
        top = _maximum(facts)
        some = top is not None and label.threshold is not None and top > label.threshold
    if not some:
        raise DataError(
            Problem(
                code="DATA-NO-POSITIVE-PREDICTION",
                field="predicted_label",
                received=f"no row of column '{facts.summary.name}' in {label.text}",
                allowed=f"values {_some_values(facts)} of which some are positive",
                hint="No Label values are present in the predicted Label Column,"
                "Positive Predicted Index Series contains all False values",
            )
        )
    return coding


def code_facet(facts: ColumnFacts, listed: Sequence[Scalar], *, where: str) -> tuple[Coding, ...]:
    """The groups of one facet: the listed one, or every value in turn against the rest."""
    if listed:
        return (_code_listed(facts, listed, where=f"{where}.value_or_threshold"),)
    if aws_reading(facts, ()) == "continuous" and (facts.values is None or facts.summary.kind == "float"):
        raise DataError(_threshold_needed(facts, f"{where}.value_or_threshold"))
    values = facts.values
    if values is None or len(values) > MOST_GROUPS:
        raise DataError(
            Problem(
                code="DATA-FACET-VALUES",
                field=f"{where}.value_or_threshold",
                received=f"no values, and column '{facts.summary.name}' has more than {MOST_GROUPS} distinct ones",
                allowed=f"at most {MOST_GROUPS} groups",
                hint="list the values whose treatment you want to measure, or bin the column",
            )
        )
    notices: tuple[Notice, ...] = ()
    if aws_reading(facts, ()) == "continuous":
        if len(values) > max(2, math.isqrt(facts.summary.rows)):
            raise DataError(_threshold_needed(facts, f"{where}.value_or_threshold"))
        notices = (_aws_would_fail(facts, where, "AWS reads it as continuous and asks for a threshold"),)
    return tuple(
        Coding(facts.summary.name, "categorical", printed(value), (value,), notices=notices) for value in values
    )


def _code_listed(
    facts: ColumnFacts, listed: Sequence[Scalar], *, where: str, maximum: float | None = None
) -> Coding:
    if aws_reading(facts, listed) == "categorical":
        return _categorical(facts, listed)
    threshold = _threshold(facts, listed[0], where)
    top = _maximum(facts) if maximum is None else maximum
    continuous = Coding(facts.summary.name, "continuous", _interval_text(threshold, top, facts), threshold=threshold)
    if top is not None and top > threshold:
        if _is_small_code(facts, listed[0]):
            note = _read_as_range(facts, where, continuous, listed[0])
            return replace(continuous, notices=(note,))
        return continuous
    exact = _categorical(facts, listed)
    if facts.values is None or not _selects_any(exact, facts):
        return continuous
    why = f"AWS reads it as continuous and finds no value above {printed(listed[0])}"
    return replace(exact, notices=(_aws_would_fail(facts, where, why),))


def _categorical(facts: ColumnFacts, listed: Sequence[Scalar]) -> Coding:
    return Coding(facts.summary.name, "categorical", ",".join(printed(value) for value in listed), tuple(listed))


def _selects_any(coding: Coding, facts: ColumnFacts) -> bool:
    return any(coding.selects(value, facts) for value in facts.values or ())


def kind_of_column(facts: ColumnFacts) -> Kind:
    return {"int": "int", "float": "float", "bool": "bool"}.get(facts.summary.kind, "text")  # type: ignore[return-value]


def _is_small_code(facts: ColumnFacts, listed: Scalar) -> bool:
    """Whether the value looks like a group code that happens to sit below the maximum: worth a warning."""
    values = facts.values
    if values is None or len(values) > 10:
        return False
    return any(canonical(value, kind_of_column(facts)) == canonical(listed, kind_of_column(facts)) for value in values)


def _threshold(facts: ColumnFacts, listed: Scalar, where: str) -> float:
    try:
        return float(listed)
    except ValueError as error:
        raise DataError(
            Problem(
                code="DATA-THRESHOLD",
                field=where,
                received=repr(listed),
                allowed=f"a number: column '{facts.summary.name}' is read as continuous",
                hint="Facet/label value provided must be a single numeric threshold for continuous data",
            )
        ) from error


def _threshold_needed(facts: ColumnFacts, where: str) -> Problem:
    middle = _median(facts)
    suggestion = f"; half of the rows lie above {printed(middle)}" if middle is not None else ""
    return Problem(
        code="DATA-THRESHOLD-MISSING",
        field=where,
        received="no threshold",
        allowed=f"one number: column '{facts.summary.name}' is continuous"
        f" ({printed(facts.summary.minimum)} to {printed(facts.summary.maximum)})",
        hint=f"Threshold values must be provided for continuous features{suggestion}",
    )


def _median(facts: ColumnFacts) -> float | None:
    if facts.values is None or facts.counts is None or not facts.values:
        return None
    pairs = sorted((float(value), count) for value, count in zip(facts.values, facts.counts, strict=True))
    half, seen = sum(count for _, count in pairs) / 2, 0
    for value, count in pairs:
        seen += count
        if seen >= half:
            return value
    return None


def _maximum(facts: ColumnFacts) -> float | None:
    if facts.summary.maximum is not None:
        return facts.summary.maximum
    if facts.summary.kind == "text" and facts.values:
        return max(float(value) for value in facts.values)
    return None


def _interval_text(threshold: float, top: float | None, facts: ColumnFacts) -> str:
    """AWS's text of the range: integers when column and threshold are integers, else Python's floats."""
    whole = facts.summary.kind in ("int", "text") and not facts.summary.nulls and threshold.is_integer()
    low, high = threshold, math.nan if top is None else top
    return f"({int(low)}, {int(high)}]" if whole and top is not None else f"({float(low)}, {float(high)}]"


def printed(value: Scalar | None) -> str:
    """A value as AWS joins it into texts."""
    return "none" if value is None else str(value)


def _some_values(facts: ColumnFacts) -> str:
    values = facts.values or ()
    shown = ", ".join(repr(value) for value in values[:10])
    return shown + (", ..." if len(values) > 10 else "")


def _aws_would_fail(facts: ColumnFacts, where: str, why: str) -> Notice:
    return Notice(
        "TYPE-AWS-WOULD-FAIL",
        where,
        f"column '{facts.summary.name}' is read as categorical: {facts.summary.distinct} distinct values in"
        f" {facts.summary.rows - facts.summary.nulls} rows; {why}",
    )


def _read_as_range(facts: ColumnFacts, where: str, coding: Coding, listed: Scalar) -> Notice:
    return Notice(
        "TYPE-READ-AS-RANGE",
        where,
        f"column '{facts.summary.name}' is read as continuous, as AWS does, so the group is {coding.text} and not"
        f" the rows equal to {printed(listed)}; give the column as text to name groups by value",
    )


def as_numbers(column: pa.ChunkedArray) -> NDArray[np.float64]:
    """A numeric, boolean or castable text column as float64, null as NaN."""
    return np.asarray(
        one_array(column).cast(pa.float64(), safe=False).fill_null(math.nan).to_numpy(zero_copy_only=False)
    )


def one_array(column: pa.ChunkedArray) -> pa.Array:
    """One plain array: several chunks joined, dictionaries decoded."""
    array = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    if isinstance(array, pa.ChunkedArray):       # combine_chunks keeps an empty column chunked
        array = pa.array([], type=column.type)
    return array.dictionary_decode() if pa.types.is_dictionary(array.type) else array
