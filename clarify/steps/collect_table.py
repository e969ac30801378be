"""Rows of a timed table of one window: columns chosen, labels and predictions among them or joined to them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import pyarrow as pa

from clarify.config.columns import column_name, did_you_mean, listed
from clarify.config.input_attributes import missing_roles
from clarify.config.json_text import shown
from clarify.config.window_config import WindowRoles
from clarify.data.capture import LineFaults, Sorting
from clarify.data.coding import as_numbers, one_array
from clarify.data.ground_truth import LabelReader, choose, read_truth
from clarify.data.payloads import UnreadablePayload
from clarify.data.remarks import Remarks
from clarify.data.storage import StoredFile
from clarify.data.timed_table import IDS, TimedRows, once, read_timed_rows, select
from clarify.data.window_columns import WindowColumns
from clarify.data.window_files import lateness
from clarify.errors import ConfigError, DataError, Problem
from clarify.records import WindowCounts
from clarify.results import Notice
from clarify.steps.window_answers import Answers, predict_from
from clarify.steps.window_task import (
    Collected,
    Task,
    label_column,
    label_notices,
    prediction_notices,
    roles_of,
    sorting_notices,
    with_predictions,
)

PARQUET: Final = "application/x-parquet"


@dataclass(frozen=True)
class _Sources:
    """Columns of the table by what they are; ``label`` None: it is joined, or nobody asks."""

    features: tuple[str, ...]
    label: str | None
    predicted_label: str | None
    score: str | None


def collect_table(task: Task) -> Collected:
    """The rows of a table that happened in the window."""
    sorting = Sorting()
    rows = read_timed_rows(
        [StoredFile(file.uri, file.bytes) for file in task.files.files],
        time_column=task.monitor.window.time_column or "", span=task.span, sorting=sorting,
        otherwise="parquet" if task.config.dataset_type == PARQUET else "csv",
    )
    counts = WindowCounts(files=task.files.count, outside=sorting.outside, undated=sorting.undated,
                          future=sorting.future)
    if rows is None:
        return Collected(None, _labelled(task, counts), roles_of(task, has_scores=False),
                         tuple(sorting_notices(sorting, 0, task)))
    rows, duplicates = once(rows, task.monitor.duplicates)
    n = len(rows.moments)
    counts = replace(counts, requests=n, rows=n, duplicates=duplicates)
    sources = _sources(task, rows)
    notices = (*sorting_notices(sorting, duplicates, task), *_extra_columns(task, rows, sources))
    if not task.reads_answers:
        return Collected(_columns(rows, sources.features), counts, WindowRoles("text/csv", None, ()), notices)
    ConfigError.collect(missing_roles(task.monitor, task.config, sources.features))
    return _with_labels(task, rows, sources, counts, notices)


def _with_labels(
    task: Task, rows: TimedRows, sources: _Sources, counts: WindowCounts, notices: tuple[Notice, ...]
) -> Collected:
    if sources.label is None:
        values, is_text, counts, said = _joined_labels(task, rows, counts)
        column = pa.array(values, pa.string())
    else:
        column, said = one_array(rows.table[sources.label]), ()
        is_text = rows.format == "parquet" and pa.types.is_string(column.type)
    places = np.flatnonzero(np.asarray(column.is_valid())).tolist()
    counts = replace(counts, rows=len(places), labels=len(places), unlabelled=len(column) - len(places))
    notices = (*notices, *said, *label_notices(counts, task))
    if not places:
        return Collected(None, counts, roles_of(task, has_scores=False), notices)
    rows, column = select(rows, places), column.drop_null()
    if pa.types.is_string(column.type):
        column, is_text = label_column(column.to_pylist(), is_text=is_text)
    columns = _columns(rows, sources.features).having(task.names.label or "", column, is_text=is_text)
    columns, more = _with_predictions(task, rows, sources, columns, column, is_text)
    return Collected(columns, counts, roles_of(task, has_scores=sources.score is not None), (*notices, *more))


def _with_predictions(
    task: Task, rows: TimedRows, sources: _Sources, columns: WindowColumns, labels: pa.Array, is_text: bool
) -> tuple[WindowColumns, tuple[Notice, ...]]:
    scores = None if sources.score is None else as_numbers(rows.table[sources.score])
    if sources.predicted_label is None:
        words = {str(word) for word in labels.cast(pa.string()).unique().to_pylist()}
        answers = Answers((None,) * len(labels), None if scores is None else scores.reshape(-1, 1))
        attributes = replace(task.attributes, inference=None, label_headers=())
        predicted = predict_from(answers, attributes, listed=task.config.label_values_or_threshold or (), labels=words)
        return with_predictions(columns, task, predicted, is_text=is_text), prediction_notices(predicted)
    own = one_array(rows.table[sources.predicted_label])
    own_text = rows.format == "parquet" and pa.types.is_string(own.type)
    columns = columns.having(task.names.predicted_label or "", own, is_text=own_text)
    if scores is not None:
        columns = columns.having(task.names.score or "", pa.array(scores, from_pandas=True))
    return columns, ()


def _joined_labels(
    task: Task, rows: TimedRows, counts: WindowCounts
) -> tuple[list[str | None], bool, WindowCounts, tuple[Notice, ...]]:
    """Labels of ground truth, by the event of each row."""
    events = rows.events
    if events is None:
        names = " or ".join(IDS)
        raise DataError(Problem("WINDOW-NO-EVENTS", "ground_truth", f"a table without {names}", f"a column {names}",
                                "add the id that the labels call the event by, or the label itself as a column"))
    faults, remarks = LineFaults("lines of ground truth"), Remarks()
    reader = LabelReader.at(task.attributes.ground_truth)
    moments = {event: int(moment) for event, moment in zip(events, rows.moments, strict=True) if event is not None}
    truth = choose(read_truth(task.files.truth, faults), moments,
                   lateness_seconds=int(lateness(task.monitor).total_seconds()),
                   policy=task.monitor.ground_truth.duplicates if task.monitor.ground_truth is not None else "fail")
    values: list[str | None] = []
    is_text = False
    for event in events:
        line = truth.by_event.get(event) if event is not None else None
        value = None
        if line is not None:
            try:
                labels = reader.labels(line, 1, remarks)
                value, is_text = labels.values[0], is_text or labels.texts
            except UnreadablePayload as error:
                faults.note(f"label of event {event}", 1, str(error))
        values.append(value)
    counts = replace(counts, orphan_labels=truth.orphans, duplicate_labels=truth.duplicates, late_labels=truth.late,
                     unreadable=faults.unreadable)
    return values, is_text, counts, faults.report()


def _labelled(task: Task, counts: WindowCounts) -> WindowCounts:
    return replace(counts, labels=0) if task.reads_answers else counts


# --- columns ----------------------------------------------------------------------------------------------------------


def _columns(rows: TimedRows, names: Sequence[str]) -> WindowColumns:
    arrays = tuple(one_array(rows.table[name]) for name in names)
    texts = {name for name, array in zip(names, arrays, strict=True) if pa.types.is_string(array.type)}
    is_csv = rows.format == "csv"
    return WindowColumns(tuple(names), arrays, frozenset() if is_csv else frozenset(texts), is_csv)


def _sources(task: Task, rows: TimedRows) -> _Sources:
    """Which column is what.

    Raises
    ------
    DataError
        WINDOW-COLUMNS with every column that is not there.
    """
    there, headers = tuple(rows.table.column_names), task.config.headers
    label = predicted = score = None
    problems: list[Problem] = []
    if task.reads_answers:
        label, predicted, score = _outcome_sources(task, there)
        problems += _missing_outcomes(task, there, label, predicted, score)
    names = task.names
    outcomes = {label, predicted, score, names.label, names.predicted_label, _own_label(task)}
    left_out = {column_name(reference, there) for reference in names.excluded}
    if headers is not None:
        features = tuple(name for name in headers if name not in outcomes | left_out)
        problems += [_lost("headers", name, there) for name in features if name not in there]
    else:
        besides = {task.monitor.window.time_column, *IDS}
        features = tuple(name for name in there if name not in outcomes | left_out | besides)
    if task.monitor.kind == "data-quality" and headers is not None:
        features = (*features, *_extra(task, rows, (*features, *(headers or ())), left_out))
    DataError.collect(problems)
    return _Sources(features, label, predicted, score)


def _own_label(task: Task) -> str | None:
    """The label's column, also for kinds that compare no labels."""
    reference = task.config.label
    if isinstance(reference, int):
        return column_name(reference, task.config.headers or ())
    return reference


def _outcome_sources(task: Task, there: Sequence[str]) -> tuple[str | None, str | None, str | None]:
    attributes, names = task.attributes, task.names
    label = None
    if task.monitor.ground_truth is None:
        own = attributes.ground_truth
        label = names.label if own is None else column_name(own, there) or str(own)
    predicted = None
    if attributes.inference is not None:
        predicted = column_name(attributes.inference, there) or str(attributes.inference)
    elif names.predicted_label in there:
        predicted = names.predicted_label
    score = attributes.probability
    return label, predicted, None if score is None else column_name(score, there) or str(score)


def _missing_outcomes(
    task: Task, there: Sequence[str], label: str | None, predicted: str | None, score: str | None
) -> Iterator[Problem]:
    for field, name in (("label", label), ("attributes.inference_attribute", predicted),
                        ("attributes.probability_attribute", score)):
        if name is not None and name not in there:
            yield _lost(field, name, there)
    if predicted is None and score is None:
        yield _lost("predicted_label", task.names.predicted_label or "predicted_label", there)


def _lost(field: str, name: str, there: Sequence[str]) -> Problem:
    hint = did_you_mean(name, there, "add the column to the table, or correct the name")
    return Problem("WINDOW-COLUMNS", field, f"{shown(name)}, which the table does not have",
                   f"columns that are there: {listed(there)}", hint)


def _extra(task: Task, rows: TimedRows, known: Sequence[str], left_out: set[str | None]) -> Iterator[str]:
    besides = {task.monitor.window.time_column, *IDS, *left_out, *known}
    yield from (name for name in rows.table.column_names if name not in besides)


def _extra_columns(task: Task, rows: TimedRows, sources: _Sources) -> tuple[Notice, ...]:
    headers = task.config.headers
    known = (*sources.features, sources.label or "", sources.predicted_label or "", sources.score or "")
    extra = [] if headers is None else list(_extra(task, rows, (*known, *headers), set()))
    if not extra:
        return ()
    message = f"columns that the config's headers do not name are not analysed: {listed(extra)}"
    return (Notice("WINDOW-EXTRA-COLUMNS", "headers", message),)
