"""Answers to numbers: labels and scores found by position, key or JMESPath, strict about counts, silent about nothing.

A place of an answer in JSON is a JMESPath expression on the whole document that yields one entry per row
(``predictions[*].score``), or keys that each row has (``score``, ``out.score``); on every line by itself in JSON Lines.
Unlike JMESPath, a projection keeps the rows that have null there: the score is missing, and the next row's does not
slip into its place.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv
from numpy.typing import NDArray

from clarify.config.answer_paths import keys_of
from clarify.config.json_path import JsonPath, json_path
from clarify.endpoints.base import Answer
from clarify.endpoints.codec import Json, bad_format, check_count, is_json, load_json
from clarify.errors import BadPrediction, DataError, Problem, clip

Place = str | int | None

_NO_SCORES = "one finite or missing number per row and class"
_PROJECTION = re.compile(r"((?:[A-Za-z_]\w*\.)*[A-Za-z_]\w*)?\[\*?\]\.((?:[A-Za-z_]\w*\.)*[A-Za-z_]\w*)")
MOST_KEYS_SHOWN = 8


# --- CSV --------------------------------------------------------------------------------------------------------------


def read_csv_answer(
    body: bytes, n_rows: int, *, label: int | None = None, probability: int | None = None,
    label_holds_scores: bool = True,
) -> Answer:
    """One line per row. Without positions every cell is a score; a cell may hold a quoted list of scores.

    ``C3,"[0.1,0.3,0.6]"`` has its label at 0 and its scores at 1. An answer to a single padded request that
    comes as one line of n cells (AWS's XGBoost container) is read as n rows. Numbers at ``label`` without a
    ``probability`` are labels and scores both, unless ``label_holds_scores`` is False.
    """
    plain = _plain_answer(body, n_rows, label, probability, label_holds_scores)
    if plain is not None:
        return plain
    cells = _csv_rows(body, n_rows)
    if len(cells) == 1 and n_rows > 1 and len(cells[0]) == n_rows and label is None and probability is None:
        cells = [[cell] for cell in cells[0]]
    check_count(len(cells), n_rows)
    if label is None and probability is None:
        if all(len(row) == 1 and not _is_numeric_cell(row[0]) for row in cells):
            return Answer(None, tuple(row[0] for row in cells))
        return Answer(_matrix([_flat_numbers(row, body) for row in cells], body), None)
    scores = None
    if probability is not None:
        scores = _matrix([_flat_numbers([_cell(row, probability, body)], body) for row in cells], body)
    labels: list[Json] | None = None if label is None else [_cell_value(_cell(row, label, body)) for row in cells]
    return _resolve(labels, scores, body, label_holds_scores)


def _plain_answer(
    body: bytes, n_rows: int, label: int | None, probability: int | None, label_holds_scores: bool
) -> Answer | None:
    """The answer when it is lines of bare numbers; None for the slow reader to judge."""
    numbers = _plain_numbers(body, n_rows)
    places = [place for place in (label, probability) if place is not None]
    if numbers is None or not all(0 <= place < numbers.shape[1] for place in places):
        return None
    if label is None:
        return Answer(numbers if probability is None else numbers[:, [probability]], None)
    labels = number_words(numbers[:, label])
    if probability is not None:
        return Answer(numbers[:, [probability]], labels)
    return Answer(numbers[:, [label]] if label_holds_scores else None, labels)


def _plain_numbers(body: bytes, n_rows: int) -> NDArray[np.float64] | None:
    """Lines of bare numbers, read by Arrow; None when there is anything else."""
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
    return np.column_stack([cells.to_numpy() for cells in table.columns]) if table.num_rows == n_rows else None


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


def _cell(row: Sequence[str], position: int, body: bytes) -> str:
    if position >= len(row):
        raise bad_format(body, f"at least {position + 1} cells a line", f"a line has {len(row)}")
    return row[position]


def _cell_value(cell: str) -> Json:
    """What a cell at ``label`` says: a list of class names or scores, a number, or a word."""
    text = cell.strip()
    if text.startswith("["):
        try:
            listed: Json = json.loads(text.replace("'", '"'))
        except (ValueError, RecursionError):
            return cell
        return listed
    return cell


def _is_numeric_cell(cell: str) -> bool:
    text = cell.strip()
    return not text or text[:1] == "[" or _as_number(text) is not None


def _flat_numbers(cells: Sequence[str], body: bytes) -> list[float]:
    numbers: list[float] = []
    for cell in cells:
        text = cell.strip()
        if text.startswith("["):
            numbers += _numbers(load_json(text.encode()), body)
        else:
            numbers.append(_number(text, body))
    return numbers


# --- JSON and JSON Lines ----------------------------------------------------------------------------------------------


def read_json_answer(
    body: bytes, n_rows: int, *, label: Place = None, probability: Place = None, label_holds_scores: bool = True
) -> Answer:
    """``{"predictions": [...]}``, a bare list, any document a path leads into, or one document per line.

    Without places each row is a number, a list of numbers or a class name. With one row asked for, a document may be
    that row.

    Raises
    ------
    BadPrediction
        ENDPOINT-ROWS for another number of entries than rows, ENDPOINT-PATH for a place that is not there,
        ENDPOINT-FORMAT for values of another type.
    """
    lines = [line for line in body.splitlines() if line.strip()]
    by_line = len(lines) > 1 and is_json(lines[0])
    document = load_json(b"[" + b",".join(lines) + b"]") if by_line else load_json(body)
    if label is None and probability is None:
        return _whole_answer(_rows_of(document, n_rows, body), n_rows, body)
    found = []
    for key, place in (("label", label), ("probability", probability)):
        found.append(None if place is None else _entries(document, place, f"predictor.{key}", n_rows, by_line, body))
    labels, values = found
    scores = None if values is None else _scores_of(values, body)
    return _resolve(labels, scores, body, label_holds_scores)


def _whole_answer(rows: list[Json], n_rows: int, body: bytes) -> Answer:
    check_count(len(rows), n_rows)
    if rows and isinstance(rows[0], dict):
        raise bad_format(
            body, "numbers or lists of numbers",
            f"name the key of the scores in predictor.probability: {_keys_there(rows[0])}",
        )
    if all(isinstance(row, str) and not _is_numeric_cell(row) for row in rows):
        return Answer(None, tuple(str(row) for row in rows))
    return Answer(_scores_of(rows, body), None)


def _rows_of(document: Json, n_rows: int, body: bytes) -> list[Json]:
    """One entry per row of an answer without a path."""
    if isinstance(document, dict) and "predictions" in document:
        document = document["predictions"]
    if isinstance(document, dict):
        return [document]
    if isinstance(document, list):
        return [document] if n_rows == 1 and _is_one_row(document) else document
    if n_rows == 1:
        return [document]
    raise bad_format(body, 'a list, or {"predictions": [...]}', f"a single {type(document).__name__} came")


def _is_one_row(entries: list[Json]) -> bool:
    """Whether a list can only be the scores of one row, not a list of rows."""
    return len(entries) > 1 and not any(isinstance(entry, list | dict) for entry in entries)


def _entries(document: Json, place: str | int, field: str, n_rows: int, by_line: bool, body: bytes) -> list[Json]:
    """The value of every row at a place."""
    keys = keys_of(place)
    if by_line:
        rows: list[Json] = document if isinstance(document, list) else [document]
        check_count(len(rows), n_rows)
        found = _at_each(rows, keys) if keys is not None else _search_each(rows, json_path(str(place)))
    elif keys is None:
        found = _of_document(_searched(document, json_path(str(place))), n_rows)
    elif isinstance(document, dict) and (str(keys[0]) in document or "predictions" not in document):
        whole = _at_each([document], keys)
        found = None if whole is None else _of_document(whole[0], n_rows)
    else:
        rows = _rows_of(document, n_rows, body)
        check_count(len(rows), n_rows)
        found = _at_each(rows, keys)
    if found is None:
        raise _no_such_place(document, place, field)
    check_count(len(found), n_rows)
    return found


def _of_document(found: Json, n_rows: int) -> list[Json] | None:
    """What was found in one document, as entries of rows; None when nothing was."""
    if n_rows == 1 and (not isinstance(found, list) or _is_one_row(found)):
        return None if found is None else [found]
    return found if isinstance(found, list) else None if found is None else [found]


def _at_each(rows: list[Json], keys: tuple[str | int, ...]) -> list[Json] | None:
    """The value at the keys of every row, null where a row has none; None when no row has them."""
    if len(keys) == 1 and isinstance(key := keys[0], str):
        try:
            return [row[key] for row in rows]        # type: ignore[index, call-overload]
        except (KeyError, TypeError, IndexError):
            pass                                     # a row without it, or none with it: looked at one by one
    found: list[Json] = []
    n_found = 0
    for row in rows:
        value: Json = row
        for key in keys:
            there, value = _step(value, key)
            if not there:
                break
        else:
            n_found += 1
        found.append(value)
    return found if n_found else None


def _step(value: Json, key: str | int) -> tuple[bool, Json]:
    if isinstance(value, dict) and str(key) in value:
        return True, value[str(key)]
    if isinstance(value, list) and isinstance(key, int) and -len(value) <= key < len(value):
        return True, value[key]
    return False, None


def _search_each(rows: list[Json], path: JsonPath) -> list[Json] | None:
    found: list[Json] = _guarded(path, lambda: path.search_each(rows))
    return found if any(value is not None for value in found) else None


def _searched(document: Json, path: JsonPath) -> Json:
    """What the path finds; the records of a projection keep their places, those with null too."""
    simple = _PROJECTION.fullmatch(path.expression)
    if simple is not None:
        records = document if simple[1] is None else _at_path(document, simple[1].split("."))
        if isinstance(records, list) and not any(isinstance(record, list) for record in records):
            return _at_each(records, tuple(simple[2].split(".")))
    parts = path.by_record
    if parts is None:
        found: Json = _guarded(path, lambda: path.search(document))
        return found
    outer, inner = parts
    records = _guarded(path, lambda: outer.search(document))
    return _search_each(records, inner) if isinstance(records, list) else None


def _guarded(path: JsonPath, search: Callable[[], Any]) -> Any:
    """What a search finds; a function on values of another type than it takes is the answer's fault."""
    try:
        return search()
    except (DataError, RecursionError) as error:
        raise _path_problem(path.expression, "an expression that fits the answer", str(error)) from error


def _at_path(document: Json, keys: Sequence[str]) -> Json:
    for key in keys:
        document = _step(document, key)[1]
    return document


def _no_such_place(document: Json, place: str | int, field: str) -> BadPrediction:
    hint = f"the answer has {_keys_there(document)}"
    return _path_problem(str(place), "a place that is in the answer", hint, field)


def _path_problem(received: str, allowed: str, hint: str, field: str = "predictor") -> BadPrediction:
    return BadPrediction(Problem("ENDPOINT-PATH", field, received, allowed, clip(" ".join(hint.split()))))


def _keys_there(value: Json, path: str = "") -> str:
    """What a user could have named: keys of the document, and of the rows in its lists."""
    if isinstance(value, list):
        inner = next((item for item in value if isinstance(item, dict)), None)
        if inner is not None:
            return _keys_there(inner, f"{path}[*]")
        return f"{path or 'a'} list of {type(value[0]).__name__ if value else 'nothing'}".strip()
    if not isinstance(value, dict):
        return f"{path or 'a'} {type(value).__name__}".strip()
    names = [f"{path}.{key}" if path else str(key) for key in list(value)[:MOST_KEYS_SHOWN]]
    inside = [_keys_there(item, name) for name, item in zip(names, value.values(), strict=False)
              if isinstance(item, dict) or (isinstance(item, list) and any(isinstance(one, dict) for one in item[:1]))]
    return clip(", ".join([*names, *inside]))


# --- arrow ------------------------------------------------------------------------------------------------------------


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


# --- values -----------------------------------------------------------------------------------------------------------


def _resolve(
    labels: list[Json] | None, scores: NDArray[np.float64] | None, body: bytes, label_holds_scores: bool
) -> Answer:
    """Labels and scores of the rows, by the rules of AWS's ``predictor`` section.

    Lists at ``label`` name the classes of the scores, and the largest score picks one; without scores they are the
    scores. So are numbers there, which may be labels as well: who knows the label column decides.
    """
    if labels is None:
        return Answer(scores, None)
    lists = [label for label in labels if isinstance(label, list)]
    if len(lists) < len(labels):
        if lists:
            raise bad_format(body, "one label in each row, or a list in each", f"{clip(str(lists[0]))} among others")
        numbers = _numbers_at_label(labels) if scores is None and label_holds_scores else None
        return Answer(scores if numbers is None else numbers, tuple(_word(label, body) for label in labels))
    if scores is None:
        return Answer(_matrix([_numbers(names, body) for names in lists], body), None)
    return Answer(scores, tuple(_largest(names, row, body) for names, row in zip(lists, scores, strict=True)))


def _largest(names: list[Json], scores: NDArray[np.float64], body: bytes) -> str:
    if len(names) != len(scores):
        raise bad_format(body, "as many class names as scores", f"{clip(str(names))} for {len(scores)} scores")
    return "" if np.isnan(scores).any() else _word(names[int(scores.argmax())], body)


def _numbers_at_label(labels: list[Json]) -> NDArray[np.float64] | None:
    """Labels as scores when all of them are numbers; a truth value is a class."""
    numbers = [_as_number(label) for label in labels]
    if any(isinstance(label, bool) for label in labels) or any(number is None for number in numbers):
        return None
    if all(label is None or label == "" for label in labels):
        return None
    return np.array(numbers, dtype=np.float64).reshape(-1, 1)


def _as_number(value: Json) -> float | None:
    if value is None or value == "":
        return float("nan")
    try:
        return float(value)                  # type: ignore[arg-type]
    except (ValueError, TypeError, OverflowError):
        return None


def _word(label: Json, body: bytes) -> str:
    """A label as text; a missing one is empty."""
    if label is None:
        return ""
    if isinstance(label, bool):
        return "true" if label else "false"
    if isinstance(label, list | dict):
        raise bad_format(body, "a label: a text, a number or a truth value", f"{clip(str(label))} came")
    return label if isinstance(label, str) else number_word(float(label)) if isinstance(label, float) else str(label)


def number_word(number: float) -> str:
    """A class that is named by a number: ``1`` for 1.0; nothing when it is missing."""
    if not np.isfinite(number):
        return ""
    return str(int(number)) if number.is_integer() else repr(number)


def number_words(numbers: NDArray[np.float64]) -> tuple[str, ...]:
    """Classes that are named by numbers, each distinct one written once."""
    distinct, places = np.unique(numbers, return_inverse=True)
    words = np.array([number_word(float(number)) for number in distinct], dtype=object)
    return tuple(words[places].tolist())


def _numbers(value: Json, body: bytes) -> list[float]:
    return [_number(item, body) for item in value] if isinstance(value, list) else [_number(value, body)]


def _number(value: Json, body: bytes) -> float:
    """A missing score stays missing (NaN): counting and refusing it is the caller's decision."""
    number = _as_number(value)
    if number is None:
        raise bad_format(body, _NO_SCORES, f"{clip(str(value))} is not a number")
    return number


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
