"""Great Expectations at work: a suite runs on small frames made of the column profile, and on slabs of scores.

The first pass counts every value of every column, and what it counted (values seen, nulls, infinities, groups,
classes) is what the expectations are held against: a billion rows are checked as quickly as a thousand. Scores,
which no profile describes, are checked slab by slab, and the unexpected counts are added. Never on Spark frames.
Files that are not readable as a table, or have ragged rows, do not get here: the reader refuses them.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from clarify.data.coding import ColumnFacts, Scalar, kind_of_column
from clarify.data.column_types import ARROW_TYPES
from clarify.data.suite import (
    TOLERATED_NON_FINITE_SHARE,
    Expectation,
    Frame,
    derive_expectations,
    measured,
    score_expectations,
    spelled,
)
from clarify.errors import DataError, Problem
from clarify.results import ExpectationOutcome, ValidationOutcome

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "Expectation",
    "SlabCounts",
    "batches",
    "blocking_problems",
    "check_profile",
    "check_scores",
    "check_slab",
    "combine",
    "derive_expectations",
    "score_expectations",
]

SLAB_ROWS = 1_000_000

# What Great Expectations calls our kinds, once a slab of Arrow columns became a pandas frame.
FRAME_TYPES: dict[str, list[str]] = {
    "int": ["int64", "Int64Dtype"],
    "float": ["float64"],
    "bool": ["bool", "BooleanDtype"],
    "text": ["str"],
}

# The code of each blocking expectation's Problem, what it allows, and AWS's words for the same failure.
BLOCKING: dict[str, tuple[str, str, str]] = {
    "column_exists": ("DATA-COLUMN-MISSING", "a column of the dataset", ""),
    "at_least_one_row": ("DATA-EMPTY", "at least one row", ""),
    "type_readable": ("DATA-TYPE", "values of one kind", ""),
    "threshold_given": (
        "DATA-THRESHOLD-MISSING", "value_or_threshold with one number",
        "Threshold values must be provided for continuous features",
    ),
    "same_type_as_label": (
        "DATA-LABEL-TYPES", "label and predicted label written alike",
        "Predicted Label Column series datatype is not the same as Label Column series",
    ),
    "positive_prediction_seen": (
        "DATA-NO-POSITIVE-PREDICTION", "at least one positive predicted label",
        "No Label values are present in the predicted Label Column,"
        "Positive Predicted Index Series contains all False values",
    ),
    "scores_present": ("DATA-SCORES", "a finite score for every row, or nearly", ""),
    "scores_finite": ("DATA-SCORES", "a finite score for every row, or nearly", ""),
    "scores_are_probabilities": ("DATA-SCORES", "probabilities from 0 to 1", ""),
}


@dataclass(frozen=True)
class SlabCounts:
    """Unexpected rows of each slab expectation, in their order; adding two gives the counts of both slabs."""

    rows: int
    unexpected: tuple[int, ...]

    def __add__(self, other: SlabCounts) -> SlabCounts:
        pairs = zip(self.unexpected, other.unexpected, strict=True)
        return SlabCounts(self.rows + other.rows, tuple(one + more for one, more in pairs))


# --- the dataset as a whole -----------------------------------------------------------------------------------


def check_profile(expectations: Sequence[Expectation], facts: Sequence[ColumnFacts]) -> tuple[ExpectationOutcome, ...]:
    """Check everything that is true of a dataset as a whole, on small frames made of its profile.

    Returns
    -------
    tuple of ExpectationOutcome
        One for each expectation, those about every row last. One about features has an outcome for each
        feature that breaks it. An expectation that a whole dataset breaks counts all of its rows.
    """
    rows = facts[0].summary.rows if facts else 0
    by_name = {fact.summary.name: fact for fact in facts}
    asked = sorted(expectations, key=lambda expectation: expectation.frame in ("types", "rows"))
    outcomes: dict[Expectation, tuple[ExpectationOutcome, ...]] = {}
    for frames, build in _FRAMES.items():
        here = [expectation for expectation in asked if expectation.frame in frames]
        results = _validate(build(here, by_name), here) if here else ()
        for expectation, result in zip(here, results, strict=True):
            outcomes[expectation] = tuple(_profile_outcomes(expectation, result, by_name, rows))
    return tuple(outcome for expectation in asked for outcome in outcomes[expectation])


def _profile_outcomes(
    expectation: Expectation, result: _Result, by_name: Mapping[str, ColumnFacts], rows: int
) -> Iterator[ExpectationOutcome]:
    if expectation.frame == "features" and not result.success:
        for name in expectation.values:
            count = getattr(by_name[str(name)].summary, expectation.subject)
            if count:
                yield _outcome(expectation, False, int(count), rows, column=str(name))
        return
    detail = f"not in the data: {', '.join(result.absent)}" if result.absent else expectation.detail
    broken = 0 if result.success else rows
    if broken and expectation.frame == "rows":
        broken = int(measured(expectation.subject, by_name[expectation.column], ()) or 0)
    yield _outcome(expectation, result.success, broken, rows, detail=detail)


def _outcome(
    expectation: Expectation, success: bool, unexpected: int, rows: int, *,
    column: str | None = None, detail: str | None = None,
) -> ExpectationOutcome:
    share = unexpected / rows if rows else 0.0
    tolerated = expectation.tolerated_share
    severity = "blocking" if tolerated is not None and share > tolerated else expectation.severity
    told = "" if success else (expectation.detail if detail is None else detail)
    name = expectation.column if column is None else column
    return ExpectationOutcome(expectation.name, name, severity, success, unexpected, rows, told)


def _header_frame(expectations: Sequence[Expectation], by_name: Mapping[str, ColumnFacts]) -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame(columns=list(by_name))


def _numbers_frame(expectations: Sequence[Expectation], by_name: Mapping[str, ColumnFacts]) -> pd.DataFrame:
    """One row; a column for each expectation, and a second one for what it is compared with."""
    import pandas as pd

    row: dict[str, float | str | None] = {}
    for place, expectation in enumerate(expectations):
        columns = (expectation.column, expectation.other)
        for name, column in zip(_number_columns(place), columns, strict=True):
            fact = by_name.get(column) if column else next(iter(by_name.values()), None)
            row[name] = 0 if fact is None else measured(expectation.subject, fact, expectation.values)
    return pd.DataFrame([row], dtype=object)


def _number_columns(place: int) -> tuple[str, str]:
    return f"measure {place}", f"other {place}"


def _values_frame(expectations: Sequence[Expectation], by_name: Mapping[str, ColumnFacts]) -> pd.DataFrame:
    """The different values of each column, as text in the column's own spelling."""
    import pandas as pd

    seen = {
        expectation.column: pd.Series([spelled(value, fact) for value in fact.values or ()], dtype=object)
        for expectation in expectations
        for fact in (by_name[expectation.column],)
    }
    return pd.DataFrame(seen, dtype=object)


def _features_frame(expectations: Sequence[Expectation], by_name: Mapping[str, ColumnFacts]) -> pd.DataFrame:
    """A row for each feature, so that a suite for a thousand features is as quick as one for ten."""
    import pandas as pd

    names = [str(name) for name in expectations[0].values] if expectations else []
    summaries = [by_name[name].summary for name in names]
    return pd.DataFrame({"nulls": [s.nulls for s in summaries], "non_finite": [s.non_finite for s in summaries]})


def _types_frame(expectations: Sequence[Expectation], by_name: Mapping[str, ColumnFacts]) -> pd.DataFrame:
    """The different values of each column as they were read, or its extremes where they are too many to list."""
    seen = {expectation.column: _some_values(by_name[expectation.column]) for expectation in expectations}
    length = max(map(len, seen.values()))
    padded = {name: [*values, *[None] * (length - len(values))] for name, values in seen.items()}
    own = {name: None if values else ARROW_TYPES[kind_of_column(by_name[name])] for name, values in seen.items()}
    return _slab_frame(pa.table({name: pa.array(values, own[name]) for name, values in padded.items()}))


def _some_values(fact: ColumnFacts) -> tuple[Scalar, ...]:
    if fact.values is not None:
        return fact.values
    extremes = (fact.summary.minimum, fact.summary.maximum)
    whole = fact.summary.kind == "int"
    return tuple(int(value) if whole else value for value in extremes if value is not None)


# One run of Great Expectations costs as much as several expectations, so two kinds of them may share a frame.
_FRAMES: dict[tuple[Frame, ...], Callable[[Sequence[Expectation], Mapping[str, ColumnFacts]], pd.DataFrame]] = {
    ("header",): _header_frame,
    ("numbers", "rows"): _numbers_frame,
    ("values",): _values_frame,
    ("features",): _features_frame,
    ("types",): _types_frame,
}


# --- rows ------------------------------------------------------------------------------------------------------


def check_slab(table: pa.Table, expectations: Sequence[Expectation]) -> SlabCounts:
    """Count the rows of one slab that break each row expectation.

    Parameters
    ----------
    table : pyarrow.Table
        At most 1,000,000 rows; columns the suite does not read are left alone.
    expectations : sequence of Expectation
        A whole suite; only those about rows are checked, and the counts are in their order.

    Raises
    ------
    DataError
        DATA-SLAB when the slab is too long or lacks a column.
    """
    asked = _about_rows(expectations)
    columns = list(dict.fromkeys(expectation.subject for expectation in asked))
    absent = [column for column in columns if column not in table.column_names]
    if absent or table.num_rows > SLAB_ROWS:
        received = f"{table.num_rows:,} rows, columns {table.column_names}"
        raise DataError(Problem("DATA-SLAB", "slab", received, f"at most {SLAB_ROWS:,} rows, with columns {columns}",
                                "cut the dataset into smaller slabs"))
    if not table.num_rows or not asked:
        return SlabCounts(table.num_rows, (0,) * len(asked))
    results = _validate(_slab_frame(table.select(columns)), asked)
    return SlabCounts(table.num_rows, tuple(result.unexpected for result in results))


def combine(expectations: Sequence[Expectation], slabs: Iterable[SlabCounts]) -> tuple[ExpectationOutcome, ...]:
    """One outcome for each row expectation, over all slabs in whatever order they were checked."""
    asked = _about_rows(expectations)
    total = SlabCounts(0, (0,) * len(asked))
    for slab in slabs:
        total = total + slab
    return tuple(
        _outcome(expectation, unexpected == 0, unexpected, total.rows)
        for expectation, unexpected in zip(asked, total.unexpected, strict=True)
    )


def check_scores(
    scores: NDArray[np.float64],
    outputs: Sequence[str],
    *,
    output: Literal["probability", "score"] = "score",
    tolerated_share: float = TOLERATED_NON_FINITE_SHARE,
) -> tuple[ExpectationOutcome, ...]:
    """Check scores of shape (rows, len(outputs)) after prediction, in slabs; see ``score_expectations``."""
    suite = score_expectations(outputs, output=output, tolerated_share=tolerated_share)
    slabs = (scores[start : start + SLAB_ROWS] for start in range(0, len(scores), SLAB_ROWS))
    tables = (pa.table({name: slab[:, place] for place, name in enumerate(outputs)}) for slab in slabs)
    return combine(suite, (check_slab(table, suite) for table in tables))


def blocking_problems(outcome: ValidationOutcome) -> tuple[Problem, ...]:
    """The failed expectations that stop the run, each as a Problem for one DataError."""
    return tuple(_problem(o) for o in outcome.expectations if o.severity == "blocking" and not o.success)


def _problem(outcome: ExpectationOutcome) -> Problem:
    code, allowed, told = BLOCKING[outcome.expectation]
    if outcome.expectation == "column_exists":
        field, hint = outcome.detail.split(": ", maxsplit=1)
        return Problem(code, field, repr(outcome.column), allowed, hint)
    received = f"{outcome.unexpected:,} of {outcome.rows:,} rows break {outcome.expectation}"
    hint = ". AWS answers: ".join(part for part in (outcome.detail, told) if part)
    return Problem(code, outcome.column or "dataset", received, allowed, hint or "check what wrote the files")


def _about_rows(expectations: Sequence[Expectation]) -> tuple[Expectation, ...]:
    return tuple(expectation for expectation in expectations if expectation.frame == "slab")


def _slab_frame(table: pa.Table) -> pd.DataFrame:
    """Pandas types that hold nulls without changing the kind: integers stay integers."""
    import pandas as pd

    types = {pa.int64(): pd.Int64Dtype(), pa.bool_(): pd.BooleanDtype()}
    frame: pd.DataFrame = table.to_pandas(types_mapper=types.get)
    return frame


# --- Great Expectations ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Result:
    """What Great Expectations answered: rows that break it, and listed values that are absent."""

    success: bool
    unexpected: int
    absent: tuple[str, ...] = ()


def _validate(frame: pd.DataFrame, expectations: Sequence[Expectation]) -> tuple[_Result, ...]:
    batch = batches().get_batch({"dataframe": frame})  # first of all: it settles the environment of the import
    import great_expectations as gx

    theirs = [_in_their_words(expectation, place) for place, expectation in enumerate(expectations)]
    suite = gx.ExpectationSuite(name="clarify", expectations=theirs)
    validation = batch.validate(suite, result_format="SUMMARY").to_json_dict()
    # They answer in an order of their own.
    by_place = {answer["expectation_config"]["meta"]["place"]: answer for answer in validation["results"]}
    return tuple(
        _read(by_place[place], expectation, len(frame)) for place, expectation in enumerate(expectations)
    )


@lru_cache(maxsize=1)
def batches() -> Any:
    """One context per process: the import costs seconds and writes nothing; no usage data leave the machine."""
    os.environ["GX_ANALYTICS_ENABLED"] = "false"  # read once, at import
    with _main_module_with_a_file():
        import great_expectations as gx

    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}
    asset = context.data_sources.add_pandas("clarify").add_dataframe_asset("frame")
    return asset.add_batch_definition_whole_dataframe("whole")


@contextmanager
def _main_module_with_a_file() -> Iterator[None]:
    """Their import brings in pyspark.sql.connect, which takes a main module without a file (``python -c``, a spawned
    worker) for a run of its own doctests and leaves the process with exit code 0."""
    main = sys.modules["__main__"]
    if hasattr(main, "__file__"):
        yield
        return
    main.__file__ = "<clarify>"
    try:
        yield
    finally:
        del main.__file__


def _in_their_words(expectation: Expectation, place: int) -> Any:
    import great_expectations.expectations as theirs

    meta = {"place": place}
    subject = _number_columns(place)[0] if expectation.frame in ("numbers", "rows") else expectation.subject
    match expectation.check:
        case "exists":
            return theirs.ExpectColumnToExist(column=subject, meta=meta)
        case "between":
            low, high = expectation.minimum, expectation.maximum
            return theirs.ExpectColumnValuesToBeBetween(column=subject, min_value=low, max_value=high, meta=meta)
        case "contains":
            values = list(expectation.values)
            return theirs.ExpectColumnDistinctValuesToContainSet(column=subject, value_set=values, meta=meta)
        case "equal":
            first, second = _number_columns(place)
            return theirs.ExpectColumnPairValuesToBeEqual(column_A=first, column_B=second, meta=meta)
        case "not_null":
            return theirs.ExpectColumnValuesToNotBeNull(column=subject, meta=meta)
        case "in_types":
            types = [name for kind in expectation.values for name in FRAME_TYPES[str(kind)]]
            return theirs.ExpectColumnValuesToBeInTypeList(column=subject, type_list=types, meta=meta)


def _read(answer: Mapping[str, Any], expectation: Expectation, rows: int) -> _Result:
    """A count of rows from an answer; an answer about the whole column counts all rows or none."""
    failure = answer["exception_info"]
    if failure.get("raised_exception", True):
        raise DataError(Problem("DATA-EXPECTATION", expectation.column or "dataset", str(failure)[:200],
                                f"an answer to {expectation.name}", "the check itself failed: report it"))
    success, result = bool(answer["success"]), answer["result"]
    unexpected = int(result.get("unexpected_count", 0 if success else rows))
    return _Result(success, unexpected, tuple(map(str, result.get("partial_missing_list", ()))))
