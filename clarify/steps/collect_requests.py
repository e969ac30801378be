"""Captured requests and batch transforms of one window: requests to rows, with predictions and the labels of events."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from clarify.config.input_attributes import missing_roles
from clarify.config.window_config import WindowRoles
from clarify.data.batch_transform import batch_files, read_batch
from clarify.data.capture import LineFaults, Request, Sorting, each_once, of_window, read_requests, reason_of
from clarify.data.ground_truth import LabelReader, Labels, Truth, choose, read_truth
from clarify.data.payloads import UnreadablePayload
from clarify.data.remarks import Remarks, remark_notices
from clarify.data.window_columns import Asked, FeatureReader, WindowColumns, feature_columns_of
from clarify.data.window_files import lateness
from clarify.errors import ConfigError
from clarify.records import WindowCounts
from clarify.results import Notice
from clarify.steps.window_answers import Answers, predict_from, read_answers
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


@dataclass
class _Requests:
    """Requests of the window with their records, one list beside the other; what cannot be read was left out."""

    requests: list[Request] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)

    def keep(self, places: Sequence[int]) -> None:
        self.requests = [self.requests[place] for place in places]
        self.asked = [self.asked[place] for place in places]

    @property
    def sizes(self) -> list[int]:
        return [len(item.records) for item in self.asked]


def collect_requests(task: Task) -> Collected:
    """The rows of captured requests, or of a batch transform."""
    faults, sorting, remarks = LineFaults("lines of live data"), Sorting(), Remarks()
    reader = FeatureReader.at(task.attributes.features, task.names.captured)
    inside, outside = of_window(_read(task, faults), task.span, sorting)
    kept, again = each_once(inside, task.monitor.duplicates)
    left_out = Counter[str]()
    for request in outside:
        left_out[reason_of(request, task.span)] += reader.count(request)
    sorting = replace(sorting, outside=left_out["outside"], undated=left_out["undated"], future=left_out["future"])
    duplicates = sum(reader.count(request) for request in again)
    found = _with_records(kept, reader, faults, remarks)
    answers = _answered(task, found, faults) if task.reads_answers else None
    said = faults.report()
    features = feature_columns_of(found.asked, task.names.captured, task.names.excluded) if found.requests else None
    counts = WindowCounts(
        files=task.files.count, requests=len(found.requests), rows=sum(found.sizes), outside=sorting.outside,
        undated=sorting.undated, future=sorting.future, unreadable=faults.unreadable, duplicates=duplicates,
    )
    notices = (*said, *sorting_notices(sorting, duplicates, task), *remark_notices(remarks))
    if not task.reads_answers:
        return Collected(features, counts, WindowRoles("text/csv", None, ()), notices)
    return _with_labels(task, found, features, answers, counts, notices)


def _read(task: Task, faults: LineFaults) -> Iterator[tuple[Request, bool]]:
    if task.monitor.window.layout == "capture":
        return read_requests(task.files.files, faults)
    uri, files = task.monitor.window.uri, task.files
    is_input = not files.files
    named = list(batch_files(files.inputs if is_input else files.files, uri=uri, is_input=is_input))
    captured = task.names.captured
    return read_batch(named, faults, n_features=None if captured is None else len(captured))


def _with_records(
    requests: Sequence[Request], reader: FeatureReader, faults: LineFaults, remarks: Remarks
) -> _Requests:
    found = _Requests()
    for request in requests:
        try:
            asked = reader.read(request.asked, remarks)
            if not asked.records:
                raise UnreadablePayload("a request without a record")
        except UnreadablePayload as error:
            faults.note(f"event {request.key}", 1, str(error))
            continue
        found.requests.append(request)
        found.asked.append(asked)
    return found


def _answered(task: Task, found: _Requests, faults: LineFaults) -> Answers:
    answers = read_answers([request.answered for request in found.requests], found.sizes, task.attributes)
    for place, why in answers.unusable.items():
        faults.note(f"event {found.requests[place].key}", 1, why)
    if answers.unusable:
        found.keep([place for place in range(len(found.requests)) if place not in answers.unusable])
    return answers


def _with_labels(
    task: Task, found: _Requests, features: WindowColumns | None, answers: Answers | None,
    counts: WindowCounts, notices: tuple[Notice, ...],
) -> Collected:
    truth, labels, said, unreadable = _labels(task, found)
    values = [label for own in labels for label in own.values]
    places = [place for place, value in enumerate(values) if value is not None]
    counts = replace(
        counts, rows=len(places), unlabelled=len(values) - len(places), labels=len(places),
        orphan_labels=truth.orphans, duplicate_labels=truth.duplicates, late_labels=truth.late,
        unreadable=counts.unreadable + unreadable,
    )
    notices = (*notices, *said, *label_notices(counts, task))
    merged = tuple((request, truth.by_event[request.key].written) for request in found.requests
                   if request.key in truth.by_event)
    if features is None or answers is None or not places:
        return Collected(None, counts, roles_of(task, has_scores=False), notices, merged or None)
    ConfigError.collect(missing_roles(task.monitor, task.config, features.names))
    known = [value for value in values if value is not None]
    predicted = predict_from(answers, task.attributes, listed=task.config.label_values_or_threshold or (),
                             labels=set(known)).at(places)
    notices = (*notices, *prediction_notices(predicted))
    column, is_text = label_column(known, is_text=any(own.texts for own in labels))
    columns = features.take(places).having(task.names.label or "", column, is_text=is_text)
    columns = with_predictions(columns, task, predicted, is_text=is_text)
    return Collected(columns, counts, roles_of(task, has_scores=predicted.scores is not None), notices, merged)


def _labels(task: Task, found: _Requests) -> tuple[Truth, list[Labels], tuple[Notice, ...], int]:
    """The labels of each request, of None where it has none; and how many lines of labels cannot be read."""
    faults, remarks = LineFaults("lines of ground truth"), Remarks()
    reader = LabelReader.at(task.attributes.ground_truth)
    moments = {request.key: request.moment for request in found.requests}
    policy = task.monitor.ground_truth.duplicates if task.monitor.ground_truth is not None else "fail"
    truth = choose(read_truth(task.files.truth, faults), moments,
                   lateness_seconds=int(lateness(task.monitor).total_seconds()), policy=policy)
    labels = []
    for request, size in zip(found.requests, found.sizes, strict=True):
        line = truth.by_event.get(request.key)
        own = Labels((None,) * size)
        if line is not None:
            try:
                own = reader.labels(line, size, remarks)
            except UnreadablePayload as error:
                faults.note(f"label of event {request.key}", 1, str(error))
        labels.append(own)
    return truth, labels, faults.report(), faults.unreadable
