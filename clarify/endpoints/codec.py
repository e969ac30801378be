"""Rows to bytes, as Arrow, CSV and JSON, and what our own server does with them; answers are read in ``answers.py``."""

from __future__ import annotations

import io
import json
import re
from typing import TypeAlias

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.csv as pa_csv
from numpy.typing import NDArray

from clarify.endpoints.base import Answer
from clarify.errors import BadPrediction, DataError, Problem, clip
from clarify.features import FeatureColumn, Features

ARROW_STREAM = "application/vnd.apache.arrow.stream"
CSV = "text/csv"
JSON = "application/json"
JSON_LINES = "application/jsonlines"

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"

_NEEDS_QUOTES = re.compile(r'[",\r\n]|^\s|\s$|^$')


# --- features out -----------------------------------------------------------------------------------------------------


def to_table(features: Features) -> pa.Table:
    """Features as Arrow columns of their kinds; missing is null, text is a dictionary column."""
    by_column = np.ascontiguousarray(features.values.T)
    arrays = [_to_array(column, by_column[j]) for j, column in enumerate(features.columns)]
    return pa.Table.from_arrays(arrays, names=list(features.names))


def _to_array(column: FeatureColumn, values: NDArray[np.float64]) -> pa.Array:
    missing = np.isnan(values)
    if _says_fractions(column, values[~missing]):
        return pa.array(values, from_pandas=True)
    filled = np.where(missing, 0.0, values) if missing.any() else values
    mask = missing if missing.any() else None
    if column.vocabulary is None:
        return pa.array(filled != 0.0 if column.kind == "bool" else filled.astype(np.int64), mask=mask)
    codes = pa.array(filled.astype(np.int32), mask=mask)
    if column.kind == "text":
        return pa.DictionaryArray.from_arrays(codes, pa.array(column.vocabulary, pa.string()))
    return pa.array(column.vocabulary, pa.int64()).take(codes)


def _says_fractions(column: FeatureColumn, values: NDArray[np.float64]) -> bool:
    """Whether a column goes as floating point: its kind, or a baseline that holds the mean of an integer column."""
    if column.vocabulary is not None or column.kind == "bool":
        return False
    return column.kind == "float" or bool((values != np.rint(values)).any())


def encode_arrow(features: Features) -> bytes:
    """The Arrow IPC stream of a table, nulls and dictionaries kept."""
    return table_to_stream(to_table(features))


def table_to_stream(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    written: bytes = sink.getvalue().to_pybytes()
    return written


def encode_csv(features: Features, *, header: bool) -> bytes:
    """CSV: integers as integers, missing as an empty field, text quoted where it must be.

    AWS's containers want no header line; MLflow's server wants one.
    """
    table = _plain(to_table(features))
    style = "needed" if _any_needs_quotes(features) else "none"
    sink = io.BytesIO()
    if header:
        sink.write((",".join(_quoted(name) for name in features.names) + "\n").encode())
    pa_csv.write_csv(table, sink, pa_csv.WriteOptions(include_header=False, quoting_style=style))
    return sink.getvalue()


def _plain(table: pa.Table) -> pa.Table:
    for position, column in enumerate(table.schema):
        if pa.types.is_dictionary(column.type):
            table = table.set_column(position, column.name, table.column(position).cast(pa.string()))
    return table


def _any_needs_quotes(features: Features) -> bool:
    words = (word for column in features.columns if column.kind == "text" for word in column.vocabulary or ())
    return any(_NEEDS_QUOTES.search(str(word)) for word in words)


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"' if _NEEDS_QUOTES.search(text) else text


def encode_dataframe_split(features: Features) -> bytes:
    """MLflow's ``{"dataframe_split": {"columns": [...], "data": [[...]]}}``; missing is null.

    Raises
    ------
    DataError
        ENDPOINT-INFINITE-INPUT: JSON has no infinity, and null would be another value.
    """
    return dump_json({"dataframe_split": {"columns": list(features.names), "data": json_rows(features)}})


def json_rows(features: Features) -> NDArray[np.float64] | list[tuple[object, ...]]:
    """Rows that ``dump_json`` writes: the matrix itself when all of it is floats, else tuples of typed cells."""
    refuse_infinite(features.values)
    if all(column.kind == "float" and column.vocabulary is None for column in features.columns):
        return np.ascontiguousarray(features.values)
    by_column = np.ascontiguousarray(features.values.T)
    cells = [json_cells(column, by_column[j]) for j, column in enumerate(features.columns)]
    return list(zip(*cells, strict=True))


def json_cells(column: FeatureColumn, values: NDArray[np.float64]) -> list[object]:
    """One column's cells in their kind; a missing one is None, or a NaN that becomes null."""
    missing = np.isnan(values)
    if _says_fractions(column, values[~missing]):
        return list(values.tolist())
    whole = np.where(missing, -1.0, values).astype(np.int64)
    if column.vocabulary is not None:
        return list(np.array([*column.vocabulary, None], dtype=object)[whole].tolist())
    cells: list[object] = list((whole != 0).tolist() if column.kind == "bool" else whole.tolist())
    for row in np.flatnonzero(missing).tolist():
        cells[row] = None
    return cells


def refuse_infinite(values: NDArray[np.float64]) -> None:
    """Raises ENDPOINT-INFINITE-INPUT when JSON cannot say a value."""
    if np.isinf(values).any():
        raise DataError(
            Problem(
                "ENDPOINT-INFINITE-INPUT", "features", "an infinite value", "numbers that JSON can say",
                "mend the column, or ask the model in CSV or binary tensors",
            )
        )


def dump_json(document: object) -> bytes:
    """JSON bytes by orjson; arrays of numbers are written as they lie, NaN as null."""
    return orjson.dumps(document, option=orjson.OPT_SERIALIZE_NUMPY)


def load_json(body: bytes) -> Json:
    """A JSON document; numbers that JSON lacks (NaN, Infinity) are read as Python writes them."""
    try:
        return _loaded(body)
    except (ValueError, RecursionError) as error:
        raise bad_format(body, "a JSON document", str(error)) from error


def is_json(text: bytes) -> bool:
    """Whether a text is one complete document, as each line of JSON Lines is."""
    try:
        _loaded(text)
    except (ValueError, RecursionError):
        return False
    return True


def _loaded(body: bytes) -> Json:
    document: Json
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError:
        if b"NaN" not in body and b"Infinity" not in body:
            raise
        document = json.loads(body)
    return document


# --- our server's side -----------------------------------------------------------------------------------------------


def answer_to_table(answer: Answer) -> pa.Table:
    """What our server answers as Arrow or CSV: ``label`` of text, or ``score0``, ``score1``, ..."""
    if answer.scores is None:
        return pa.table({"label": pa.array(answer.labels, pa.string())})
    names = [f"score{position}" for position in range(answer.scores.shape[1])]
    return pa.Table.from_arrays([pa.array(column) for column in np.ascontiguousarray(answer.scores.T)], names=names)


def answer_to_json(answer: Answer) -> bytes:
    """``{"predictions": [...]}`` as MLflow's server answers it; a missing score is null."""
    if answer.scores is None:
        return dump_json({"predictions": list(answer.labels or ())})
    scores = answer.scores[:, 0] if answer.scores.shape[1] == 1 else answer.scores
    return dump_json({"predictions": np.ascontiguousarray(scores)})


def encode_table_csv(table: pa.Table) -> bytes:
    """A table as CSV without a header line: how our server answers ``Accept: text/csv``."""
    sink = io.BytesIO()
    pa_csv.write_csv(table, sink, pa_csv.WriteOptions(include_header=False, quoting_style="needed"))
    return sink.getvalue()


def read_table(body: bytes, content_type: str) -> pa.Table:
    """A request's rows as our server reads them: an Arrow stream, CSV with a header, or MLflow's JSON.

    Raises
    ------
    DataError
        ENDPOINT-REQUEST, when the bytes are not what their content type says.
    """
    kind = content_type.split(";")[0].strip().lower()
    try:
        if kind == ARROW_STREAM:
            return pa.ipc.open_stream(pa.py_buffer(body)).read_all()
        if kind == CSV:
            return pa_csv.read_csv(pa.py_buffer(body), convert_options=pa_csv.ConvertOptions(strings_can_be_null=True))
        if kind == JSON:
            return _table_of_json(load_json(body))
    except (pa.ArrowException, OSError, ValueError, TypeError, BadPrediction) as error:
        raise DataError(
            Problem("ENDPOINT-REQUEST", "request.body", body[:80].decode("utf-8", "replace"), kind, clip(str(error)))
        ) from error
    raise DataError(
        Problem("ENDPOINT-CONTENT-TYPE", "request.content-type", kind, ", ".join((ARROW_STREAM, CSV, JSON)))
    )


def _table_of_json(document: Json) -> pa.Table:
    if isinstance(document, dict) and isinstance(split := document.get("dataframe_split"), dict):
        names, rows = split.get("columns"), split.get("data")
        if isinstance(names, list) and isinstance(rows, list):
            columns = list(zip(*rows, strict=True)) if rows else [[] for _ in names]  # type: ignore[arg-type]
            return pa.Table.from_arrays([pa.array(column) for column in columns], names=[str(n) for n in names])
    if isinstance(document, dict) and isinstance(records := document.get("dataframe_records"), list):
        return pa.Table.from_pylist(records)
    if isinstance(document, dict) and isinstance(rows := document.get("instances"), list):
        if rows and isinstance(rows[0], dict):
            return pa.Table.from_pylist(rows)
        columns = list(zip(*rows, strict=True))  # type: ignore[arg-type]
        return pa.Table.from_arrays([pa.array(c) for c in columns], names=[str(j) for j in range(len(columns))])
    raise DataError(
        Problem(
            "ENDPOINT-REQUEST", "request.body", clip(str(document)),
            '{"dataframe_split": ...}, {"dataframe_records": ...} or {"instances": ...}',
        )
    )


# --- rules shared by the readers --------------------------------------------------------------------------------------


def check_count(received: int, n_rows: int) -> None:
    """Answers are matched to rows by position, so their number must be exact.

    Raises
    ------
    BadPrediction
        ENDPOINT-ROWS.
    """
    if received != n_rows:
        raise BadPrediction(
            Problem(
                "ENDPOINT-ROWS", "endpoint.answer", f"{received} answers for {n_rows} rows", "one answer per row",
                "answers are matched to rows by position, so none of these can be used",
            )
        )


def bad_format(body: bytes, allowed: str, hint: str) -> BadPrediction:
    """ENDPOINT-FORMAT, quoting how the answer begins."""
    beginning = body[:80].decode("utf-8", "replace")
    return BadPrediction(Problem("ENDPOINT-FORMAT", "endpoint.answer", beginning or "nothing", allowed, clip(hint)))
