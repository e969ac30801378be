"""Raw values -> codes: which rows are facet d, which labels are positive.

The one place where thresholds are applied and listed values are matched. A column is read as declared, else as AWS
infers, wherever AWS gives a result; where AWS's reading selects nobody although the listed code is in the column,
it is read as categorical and the notice ``TYPE-AWS-WOULD-FAIL`` says so.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from clarify.data.column_types import to_kind
from clarify.data.matching import Matched, Scalar, canonical, match
from clarify.data.readings import ColumnFacts, Reading, aws_reading, kind_of, may_hold_codes, reading_of
from clarify.errors import DataError, Problem
from clarify.features import Kind
from clarify.results import Notice

__all__ = [
    "NOT_SELECTED",
    "SELECTED",
    "UNKNOWN",
    "Coding",
    "ColumnFacts",
    "Reading",
    "Scalar",
    "as_numbers",
    "aws_reading",
    "canonical",
    "code_facet",
    "code_label",
    "code_predicted_label",
    "kind_of",
    "kind_of_column",
    "one_array",
    "printed",
    "reading_of",
    "reads_like_label",
]

SELECTED, NOT_SELECTED, UNKNOWN = 1, 0, 2
MOST_GROUPS = 1_000
DECLARE = "declare the column's reading in a types document to settle it"


@dataclass(frozen=True)
class Coding:
    """How one column splits its rows in two: the listed values or the range above a threshold, and the rest."""

    column: str
    reading: Reading
    text: str                            # AWS's value_or_threshold: 'a,b' or '(40.0, 60.0]'
    values: tuple[Scalar, ...] = ()      # in the column's own spelling
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
        return canonical(value, facts.kind) in {canonical(listed, facts.kind) for listed in self.values}

    def noting(self, *notices: Notice) -> Coding:
        """The same coding with more to say."""
        return replace(self, notices=(*self.notices, *notices))


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
        With AWS's words: when the two columns cannot be read alike, or nobody is predicted positive.
    """
    if not reads_like_label(facts, label_facts, listed):
        raise DataError(
            Problem(
                code="DATA-LABEL-TYPES",
                field="predicted_label",
                received=f"column '{facts.summary.name}' ({facts.summary.kind}, {facts.summary.reading})",
                allowed=f"the type of column '{label_facts.summary.name}' ({label_facts.summary.kind})",
                hint="Predicted Label Column series datatype is not the same as Label Column series",
            )
        )
    coding = _predicted_as_label(facts, listed, label)
    if not _infers_alike(facts, label_facts, listed):
        coding = coding.noting(_read_as_label(facts, label_facts, coding))
    if not _selects_any(coding, facts):
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


def reads_like_label(facts: ColumnFacts, label_facts: ColumnFacts, listed: Sequence[Scalar]) -> bool:
    """Whether predicted labels can be read as the labels are.

    Either AWS infers one type for both (nulls aside, which make it read integers as floats), or the reader cannot
    go wrong: all predicted values are values of the label, or both columns are numbers above one threshold.
    """
    if _infers_alike(facts, label_facts, listed):
        return True
    if reading_of(label_facts, listed) == "continuous" and not may_hold_codes(label_facts):
        return facts.kind in ("int", "float")
    if facts.values is None or label_facts.values is None:
        return False
    known = {canonical(value, label_facts.kind) for value in label_facts.values}
    return bool(facts.values) and {canonical(value, label_facts.kind) for value in facts.values} <= known


def _infers_alike(facts: ColumnFacts, label_facts: ColumnFacts, listed: Sequence[Scalar]) -> bool:
    return reading_of(facts.without_nulls(), listed) == reading_of(label_facts.without_nulls(), listed)


def _predicted_as_label(facts: ColumnFacts, listed: Sequence[Scalar], label: Coding) -> Coding:
    if label.reading == "continuous":
        return replace(label, column=facts.summary.name, notices=())
    return replace(_categorical(facts, listed, "predicted_label"), text=label.text)


def code_facet(facts: ColumnFacts, listed: Sequence[Scalar], *, where: str) -> tuple[Coding, ...]:
    """The groups of one facet: the listed one, or every value in turn against the rest."""
    if listed:
        return (_code_listed(facts, listed, where=f"{where}.value_or_threshold"),)
    is_continuous = reading_of(facts, ()) == "continuous"
    if is_continuous and (facts.declared or facts.values is None or facts.kind == "float"):
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
    notices = _declared_otherwise(facts, (), where)
    if is_continuous:
        if len(values) > max(2, math.isqrt(facts.summary.rows)):
            raise DataError(_threshold_needed(facts, f"{where}.value_or_threshold"))
        notices = (_aws_would_fail(facts, where, "AWS reads it as continuous and asks for a threshold"),)
    return tuple(
        Coding(facts.summary.name, "categorical", printed(value), (value,), notices=notices) for value in values
    )


def _code_listed(
    facts: ColumnFacts, listed: Sequence[Scalar], *, where: str, maximum: float | None = None
) -> Coding:
    said = _declared_otherwise(facts, listed, where)
    if reading_of(facts, listed) == "categorical":
        return _categorical(facts, listed, where).noting(*said)
    threshold = _threshold(facts, listed, where)
    text = _interval_text(listed[0], threshold, facts)
    coding = Coding(facts.summary.name, "continuous", text, threshold=threshold, notices=said)
    if isinstance(listed[0], str):
        coding = coding.noting(_respelt(facts, where, listed[0], threshold))
    top = _maximum(facts) if maximum is None else maximum
    if facts.declared:
        return coding if _lies_above(top, threshold) else coding.noting(_nobody_above(facts, where, coding))
    if _lies_above(top, threshold):
        is_a_code = may_hold_codes(facts) and _holds(facts, listed)
        return coding.noting(_read_as_range(facts, where, coding, listed[0])) if is_a_code else coding
    if may_hold_codes(facts) and _holds(facts, listed):
        why = f"AWS reads it as continuous and finds no value above {printed(listed[0])}"
        return _categorical(facts, listed, where).noting(_aws_would_fail(facts, where, why))
    return coding.noting(_nobody_above(facts, where, coding))


def _lies_above(top: float | None, threshold: float) -> bool:
    return top is not None and top > threshold


def _categorical(facts: ColumnFacts, listed: Sequence[Scalar], where: str) -> Coding:
    """The listed values in the column's own spelling; AWS's text keeps the config's."""
    name = facts.summary.name
    matched = match(listed, facts.kind, facts.values, column=name, where=where)
    text = ",".join(printed(value) for value in listed)
    return Coding(name, "categorical", text, matched.values, notices=_matching_notices(facts, matched, where))


def _holds(facts: ColumnFacts, listed: Sequence[Scalar]) -> bool:
    return _selects_any(_categorical(facts, listed, ""), facts)


def _selects_any(coding: Coding, facts: ColumnFacts) -> bool:
    """Whether some row is in the group; taken for granted when the values are too many to know."""
    if coding.reading == "continuous":
        return coding.threshold is not None and _lies_above(_maximum(facts), coding.threshold)
    return facts.values is None or any(coding.selects(value, facts) for value in facts.values)


def kind_of_column(facts: ColumnFacts) -> Kind:
    return facts.kind


def _threshold(facts: ColumnFacts, listed: Sequence[Scalar], where: str) -> float:
    try:
        (one,) = listed
        return float(one)
    except ValueError as error:
        raise DataError(
            Problem(
                code="DATA-THRESHOLD",
                field=where,
                received=", ".join(map(repr, listed)),
                allowed=f"one number: column '{facts.summary.name}' is read as continuous",
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
    if facts.kind == "text" and facts.values:
        return max(float(value) for value in facts.values)
    return None


def _interval_text(listed: Scalar, threshold: float, facts: ColumnFacts) -> str:
    """AWS's text of the range: integers when column and threshold are written as such, else Python's floats."""
    top = _maximum(facts)
    whole = facts.kind in ("int", "text") and not facts.summary.nulls and isinstance(listed, int)
    if whole and top is not None:
        return f"({int(threshold)}, {int(top)}]"
    return f"({threshold}, {float('nan') if top is None else float(top)}]"


def printed(value: Scalar | None) -> str:
    """A value as AWS joins it into texts."""
    return "none" if value is None else str(value)


def _some_values(facts: ColumnFacts) -> str:
    values = facts.values or ()
    shown = ", ".join(repr(value) for value in values[:10])
    return shown + (", ..." if len(values) > 10 else "")


# --- what the reader must know -------------------------------------------------------------------------------


def _matching_notices(facts: ColumnFacts, matched: Matched, where: str) -> tuple[Notice, ...]:
    respelt = tuple(_respelt(facts, where, value, own) for value, own in matched.respelt)
    if not matched.repeated:
        return respelt
    again = ", ".join(map(repr, matched.repeated))
    return (*respelt, Notice("DATA-VALUE-REPEATED", where, f"{again} is listed twice and counts once"))


def _respelt(facts: ColumnFacts, where: str, value: Scalar, own: Scalar) -> Notice:
    message = f"{value!r} is read as {own!r}: column '{facts.summary.name}' holds {facts.kind} values"
    return Notice("TYPE-RESPELT", where, message)


def _declared_otherwise(facts: ColumnFacts, listed: Sequence[Scalar], where: str) -> tuple[Notice, ...]:
    inferred = aws_reading(facts, listed)
    if facts.declared is None or facts.declared == inferred:
        return ()
    message = f"column '{facts.summary.name}' is {facts.declared} by declaration; AWS would read it as {inferred}"
    return (Notice("TYPE-DECLARED", where, message),)


def _aws_would_fail(facts: ColumnFacts, where: str, why: str) -> Notice:
    return Notice(
        "TYPE-AWS-WOULD-FAIL",
        where,
        f"column '{facts.summary.name}' is read as categorical: {facts.summary.distinct} distinct values in"
        f" {facts.summary.rows - facts.summary.nulls} rows; {why}; {DECLARE}",
    )


def _read_as_range(facts: ColumnFacts, where: str, coding: Coding, listed: Scalar) -> Notice:
    return Notice(
        "TYPE-READ-AS-RANGE",
        where,
        f"column '{facts.summary.name}' is read as continuous, as AWS does, so the group is {coding.text} and not"
        f" the rows equal to {printed(listed)}; {DECLARE}",
    )


def _nobody_above(facts: ColumnFacts, where: str, coding: Coding) -> Notice:
    top = printed(_maximum(facts))
    message = f"no row of column '{facts.summary.name}' lies above {coding.threshold}; its largest value is {top}"
    return Notice("DATA-NO-ROWS-ABOVE", where, message)


def _read_as_label(facts: ColumnFacts, label_facts: ColumnFacts, coding: Coding) -> Notice:
    return Notice(
        "TYPE-READ-AS-LABEL",
        "predicted_label",
        f"column '{facts.summary.name}' ({facts.kind}) is read as {coding.reading}, as column"
        f" '{label_facts.summary.name}' ({label_facts.kind}) is; AWS infers two types and stops",
    )


# --- columns as arrays ---------------------------------------------------------------------------------------


def as_numbers(column: pa.ChunkedArray) -> NDArray[np.float64]:
    """A numeric, boolean or castable text column as float64, null as NaN."""
    array = one_array(column)
    numbers = to_kind(array, "float", "column") if pa.types.is_string(array.type) else array.cast(
        pa.float64(), safe=False
    )
    return np.asarray(numbers.fill_null(math.nan).to_numpy(zero_copy_only=False))


def one_array(column: pa.ChunkedArray) -> pa.Array:
    """One plain array: several chunks joined, dictionaries decoded."""
    array = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    if isinstance(array, pa.ChunkedArray):       # combine_chunks keeps an empty column chunked
        array = pa.array([], type=column.type)
    return array.dictionary_decode() if pa.types.is_dictionary(array.type) else array
