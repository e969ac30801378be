"""Rows to bytes and answers to numbers: Arrow, CSV and JSON, strict about counts and silent about nothing."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Sequence
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
_NO_SCORES = "one finite or missing number per row and class"


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
    cells = [_json_cells(column, by_column[j]) for j, column in enumerate(features.columns)]
    return list(zip(*cells, strict=True))


def _json_cells(column: FeatureColumn, values: NDArray[np.float64]) -> list[object]:
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


def _loaded(body: bytes) -> Json:
    document: Json
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError:
        if b"NaN" not in body and b"Infinity" not in body:
            raise
        document = json.loads(body)
    return document


# --- answers in -------------------------------------------------------------------------------------------------------


def read_csv_answer(body: bytes, n_rows: int, *, label: int | None = None, probability: int | None = None) -> Answer:
    """One line per row. Without positions every cell is a score; a cell may hold a quoted list of scores.

    ``C3,"[0.1,0.3,0.6]"`` has its label at 0 and its scores at 1. An answer to a single padded request that
    comes as one line of n cells (AWS's XGBoost container) is read as n rows.
    """
    scores = _plain_scores(body, n_rows, probability) if label is None else None
    if scores is not None:
        return Answer(scores, None)
    cells = _csv_rows(body, n_rows)
    if len(cells) == 1 and n_rows > 1 and len(cells[0]) == n_rows and label is None and probability is None:
        cells = [[cell] for cell in cells[0]]
    check_count(len(cells), n_rows)
    if label is None and probability is None:
        if all(len(row) == 1 and not _is_numeric_cell(row[0]) for row in cells):
            return Answer(None, tuple(row[0] for row in cells))
        return Answer(_matrix([_flat_numbers(row, body) for row in cells], body), None)
    labels = None if label is None else [_cell(row, label, body) for row in cells]
    if probability is not None:
        scores = _matrix([_flat_numbers([_cell(row, probability, body)], body) for row in cells], body)
    return _resolve(labels, scores, body)


def read_json_answer(
    body: bytes, n_rows: int, *, label: str | int | None = None, probability: str | int | None = None
) -> Answer:
    """``{"predictions": [...]}``, a bare list, or one JSON document per line.

    Each row is a number, a list of numbers, a class name, or a mapping whose label and scores are found by key
    (dotted for nested mappings).
    """
    return answer_of_rows(_rows_of(body), n_rows, body, label=label, probability=probability)


def answer_of_rows(
    rows: list[Json], n_rows: int, body: bytes, *, label: str | int | None, probability: str | int | None
) -> Answer:
    """Rows of a JSON answer as scores, labels or both."""
    check_count(len(rows), n_rows)
    if label is None and probability is None:
        if rows and isinstance(rows[0], dict):
            raise bad_format(
                body, "numbers or lists of numbers",
                f"name the key of the scores in predictor.probability: {', '.join(list(rows[0])[:8])}",
            )
        if all(isinstance(row, str) and not _is_numeric_cell(row) for row in rows):
            return Answer(None, tuple(str(row) for row in rows))
        return Answer(_scores_of(rows, body), None)
    labels = None if label is None else [_at(row, label, body) for row in rows]
    scores = None
    if probability is not None:
        scores = _scores_of([_at(row, probability, body) for row in rows], body)
    return _resolve(labels, scores, body)


def read_arrow_answer(body: bytes, n_rows: int) -> Answer:
    """An Arrow stream of our server: float columns are scores in order, one string column is the label."""
    try:
        table = pa.ipc.open_stream(pa.py_buffer(body)).read_all()
    except (pa.ArrowInvalid, OSError) as error:
        raise bad_format(body, "an Arrow IPC stream", str(error)) from error
    check_count(table.num_rows, n_rows)
    if table.num_columns == 1 and pa.types.is_string(table.schema.field(0).type):
        return Answer(None, tuple(table.column(0).to_pylist()))
    columns = [column.cast(pa.float64()).to_numpy() for column in table.columns]
    return Answer(np.ascontiguousarray(np.column_stack(columns)), None)


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


def _plain_scores(body: bytes, n_rows: int, column: int | None) -> NDArray[np.float64] | None:
    """Lines of bare numbers, read by Arrow; None when there is anything else, for the slow reader to judge."""
    if not body or b'"' in body or b"[" in body:
        return None
    names = [str(j) for j in range(body.split(b"\n", 1)[0].count(b",") + 1)]
    try:
        table = pa_csv.read_csv(
            pa.py_buffer(body),
            pa_csv.ReadOptions(use_threads=False, column_names=names),
            pa_csv.ParseOptions(ignore_empty_lines=False, quote_char=False),
            pa_csv.ConvertOptions(column_types=dict.fromkeys(names, pa.float64()), null_values=["", "nan", "NaN"]),
        )
    except pa.ArrowInvalid:
        return None
    if table.num_rows != n_rows or (column is not None and not 0 <= column < len(names)):
        return None
    chosen = table.columns if column is None else [table.column(column)]
    return np.column_stack([cells.to_numpy() for cells in chosen])


def _csv_rows(body: bytes, n_rows: int) -> list[list[str]]:
    """Lines as cells. An empty line is a missing score; those after the last row are the server's white space."""
    try:
        rows = [row or [""] for row in csv.reader(io.StringIO(_decoded(body), newline=""))]
    except csv.Error as error:
        raise bad_format(body, "CSV", str(error)) from error
    while len(rows) > n_rows and rows[-1] == [""]:
        rows.pop()
    return rows


def _decoded(body: bytes) -> str:
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise bad_format(body, "UTF-8 text", str(error)) from error


def _rows_of(body: bytes) -> list[Json]:
    lines = [line for line in body.splitlines() if line.strip()]
    document = _lines_as_list(lines) if len(lines) > 1 and _is_document(lines[0]) else load_json(body)
    if isinstance(document, dict) and "predictions" in document:
        document = document["predictions"]
    if isinstance(document, dict):
        return [document]
    if not isinstance(document, list):
        raise bad_format(body, 'a list, or {"predictions": [...]}', f"a single {type(document).__name__} came")
    return document


def _is_document(line: bytes) -> bool:
    """Whether a first line is complete, so that the lines are documents of their own."""
    try:
        _loaded(line)
    except (ValueError, RecursionError):
        return False
    return True


def _lines_as_list(lines: list[bytes]) -> Json:
    """One document per line, read in one go: twenty thousand small calls would cost more than the parsing."""
    return load_json(b"[" + b",".join(lines) + b"]")


def _at(row: Json, key: str | int, body: bytes) -> Json:
    for part in key.split(".") if isinstance(key, str) else (key,):
        if isinstance(row, dict) and str(part) in row:
            row = row[str(part)]
        elif isinstance(row, list) and isinstance(part, int) and -len(row) <= part < len(row):
            row = row[part]
        else:
            raise bad_format(body, f"rows that hold {key!r}", f"{part!r} is not in {clip(str(row))}")
    return row


def _cell(row: Sequence[str], position: int, body: bytes) -> str:
    if position >= len(row):
        raise bad_format(body, f"at least {position + 1} cells a line", f"a line has {len(row)}")
    return row[position]


def _is_numeric_cell(cell: str) -> bool:
    text = cell.strip()
    if text[:1] == "[" or not text:
        return True
    try:
        float(text)
    except ValueError:
        return False
    return True


def _flat_numbers(cells: Sequence[str], body: bytes) -> list[float]:
    numbers: list[float] = []
    for cell in cells:
        text = cell.strip()
        if text.startswith("["):
            numbers += _numbers(load_json(text.encode()), body)
        else:
            numbers.append(_number(text, body))
    return numbers


def _numbers(value: Json, body: bytes) -> list[float]:
    return [_number(item, body) for item in value] if isinstance(value, list) else [_number(value, body)]


def _number(value: Json, body: bytes) -> float:
    """A missing score stays missing (NaN): counting and refusing it is the caller's decision."""
    if value is None or value == "":
        return float("nan")
    if isinstance(value, list | dict):
        raise bad_format(body, _NO_SCORES, f"{clip(str(value))} is not a number")
    try:
        return float(value)
    except ValueError as error:
        raise bad_format(body, _NO_SCORES, f"{clip(str(value))} is not a number") from error


def _scores_of(values: list[Json], body: bytes) -> NDArray[np.float64]:
    """Scores of shape (rows, k) of numbers or lists of numbers; numpy's own reading first, the judging one second."""
    try:
        scores = np.array(values, dtype=np.float64)
    except (ValueError, TypeError, OverflowError):
        return _matrix([_numbers(value, body) for value in values], body)
    if scores.ndim in (1, 2) and scores.size:
        return scores.reshape(len(values), -1)
    return _matrix([_numbers(value, body) for value in values], body)


def _matrix(rows: list[list[float]], body: bytes) -> NDArray[np.float64]:
    widths = {len(row) for row in rows}
    if len(widths) > 1 or widths == {0}:
        raise bad_format(body, "as many scores in each row", f"rows with {sorted(widths)} scores")
    return np.array(rows, dtype=np.float64).reshape(len(rows), -1)


def _resolve(labels: list[str] | list[Json] | None, scores: NDArray[np.float64] | None, body: bytes) -> Answer:
    """Labels that are lists name the classes of the scores: the largest score picks one."""
    if labels is None:
        return Answer(scores, None)
    lists = [_label_list(label) for label in labels]
    if any(names is None for names in lists):
        return Answer(scores, tuple(str(label) for label in labels))
    if scores is None:
        return _scores_at_label(lists, body)
    picked = []
    for names, row in zip(lists, scores, strict=True):
        if names is None or len(names) != len(row):
            raise bad_format(body, "as many class names as scores", f"{names} for {len(row)} scores")
        picked.append("" if np.isnan(row).any() else names[int(row.argmax())])
    return Answer(scores, tuple(picked))


def _scores_at_label(lists: Sequence[list[str] | None], body: bytes) -> Answer:
    """Without ``probability`` a list found at ``label`` is the scores themselves, as AWS reads it."""
    return Answer(_matrix([[_number(item, body) for item in names or ()] for names in lists], body), None)


def _label_list(label: Json) -> list[str] | None:
    if isinstance(label, str) and label.strip().startswith("["):
        try:
            label = json.loads(label.replace("'", '"'))
        except ValueError:
            return None
    return [str(item) for item in label] if isinstance(label, list) else None


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
