"""What the two ways of collecting a window share: the task, its outcome, the columns of labels and predictions."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pyarrow as pa

from clarify.config.analysis import AnalysisConfig
from clarify.config.input_attributes import PREDICTED, InputAttributes, LiveColumns
from clarify.config.monitor import MonitorConfig
from clarify.config.window_config import WindowRoles
from clarify.data.capture import Request, Sorting
from clarify.data.column_types import decide, shapes_of
from clarify.data.moments import Span
from clarify.data.window_columns import WindowColumns
from clarify.data.window_files import WindowFiles
from clarify.errors import DataError, Problem
from clarify.records import Window, WindowCounts
from clarify.results import Notice
from clarify.steps.window_answers import Predicted


@dataclass(frozen=True)
class Task:
    """What is to be collected."""

    monitor: MonitorConfig
    config: AnalysisConfig
    window: Window
    span: Span
    attributes: InputAttributes
    names: LiveColumns
    files: WindowFiles

    @property
    def reads_answers(self) -> bool:
        return self.monitor.kind in PREDICTED


@dataclass(frozen=True)
class Collected:
    """The rows of a window before they are written, None for no row."""

    columns: WindowColumns | None
    counts: WindowCounts
    roles: WindowRoles
    notices: tuple[Notice, ...]
    merged: tuple[tuple[Request, bytes], ...] | None = None


def roles_of(task: Task, *, has_scores: bool) -> WindowRoles:
    """Which column is what; where and how it is written follows."""
    names = task.names
    return WindowRoles("text/csv", None, (), names.label, names.predicted_label, names.score if has_scores else None)


def label_column(values: Sequence[str | None], *, is_text: bool) -> tuple[pa.Array, bool]:
    """Labels as a column of text, and whether they are text beyond doubt."""
    array = pa.array(values, pa.string())
    return array, is_text or decide(shapes_of(array.drop_null()))[0] == "text"


def with_predictions(columns: WindowColumns, task: Task, predicted: Predicted, *, is_text: bool) -> WindowColumns:
    """The columns with predicted label and score behind them; ``is_text``: as the labels are."""
    names = task.names
    words = pa.array(predicted.words, pa.string())
    columns = columns.having(names.predicted_label or "", words, is_text=is_text)
    if predicted.scores is None:
        return columns
    scores = [score if math.isfinite(score) else None for score in predicted.scores.tolist()]
    return columns.having(names.score or "", pa.array(scores, pa.float64()))


def prediction_notices(predicted: Predicted) -> tuple[Notice, ...]:
    """A notice of rows without a predicted label.

    Raises
    ------
    DataError
        WINDOW-NO-PREDICTIONS when no row has one.
    """
    missing = sum(word is None for word in predicted.words)
    if missing == len(predicted.words):
        raise DataError(
            Problem("WINDOW-NO-PREDICTIONS", "attributes.inference_attribute", f"no prediction in {missing:,} rows",
                    "a predicted label or a score for each row",
                    "capture the answers too, and name inference_attribute or probability_attribute")
        )
    if not missing:
        return ()
    message = f"{missing:,} of {len(predicted.words):,} rows have no predicted label: they count as unknown"
    return (Notice("WINDOW-MISSING-PREDICTIONS", "window", message),)


def sorting_notices(sorting: Sorting, duplicates: int, task: Task) -> Iterator[Notice]:
    """What was left out because of its time or its event, as far as a reader must know."""
    if sorting.undated:
        yield Notice("WINDOW-UNDATED", "window", f"{sorting.undated:,} rows have a time that cannot be read; left out")
    if sorting.future:
        message = f"{sorting.future:,} rows are dated after the run; left out, because a clock is wrong"
        yield Notice("WINDOW-FUTURE", "window", message)
    if sorting.naive:
        message = f"{sorting.naive:,} rows have a time without a zone, read as UTC"
        yield Notice("WINDOW-NAIVE-TIME", "window", message)
    if duplicates:
        policy = task.monitor.duplicates
        message = f"{duplicates:,} rows left out: their event occurs again, and the {policy} one counts"
        yield Notice("WINDOW-DUPLICATES", "duplicates", message)


def label_notices(counts: WindowCounts, task: Task) -> Iterator[Notice]:
    """What was left out for want of a label, and labels that were not used."""
    if counts.unlabelled:
        events = counts.rows + counts.unlabelled
        yield Notice("WINDOW-UNLABELLED", "window", f"{counts.unlabelled:,} of {events:,} rows have no label; left out")
    truth = task.monitor.ground_truth
    if truth is None:
        return
    if counts.late_labels:
        message = f"{counts.late_labels:,} labels came more than {truth.lateness} after their event; not used"
        yield Notice("WINDOW-LATE-LABELS", "ground_truth.lateness", message)
    if counts.duplicate_labels:
        which = truth.duplicates
        message = f"{counts.duplicate_labels:,} labels left out: their event has another, and the {which} one counts"
        yield Notice("WINDOW-DUPLICATE-LABELS", "ground_truth.duplicates", message)
