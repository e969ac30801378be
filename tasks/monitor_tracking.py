"""A monitor's numbers over time in MLflow: one run per monitor, one step per window."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from clarify.records import AttributionDrift, BiasDrift, DataQuality, ModelQuality, MonitorRecord, Status, Window
from clarify.steps.lineage import slug
from tasks.tracking import LONGEST_TAG, MOST_METRICS, TrackedRun, batches, client_of, experiment_of

SUBJECT: Final = "monitors"
LEVELS: Final = {Status.PASS: 0, Status.INCONCLUSIVE: 1, Status.VIOLATION: 2, Status.ERROR: 3}
LAST: Final = "revision"
"""The metric that is logged last: where it has a window's revision, all of the window is there."""

LONGEST_NAME: Final = 250
SECONDS_PER_STEP: Final = 60
"""A step is a minute: the shortest period that a schedule may have."""


def log_window(
    tracking_uri: str, record: MonitorRecord, files: Mapping[str, bytes], *, subject: str = SUBJECT
) -> TrackedRun:
    """Log one window to the run of its monitor; a window that is there already adds nothing.

    ``files`` (``record.json``, ``constraint_violations.json``) go below ``windows/<window>/r<revision>/``.
    """
    run = monitor_run(tracking_uri, record, subject=subject)
    client = client_of(tracking_uri)
    if not _is_logged(client, run, record):
        _log_files(client, run, record, files)
        _log_metrics(client, run, record)
        _log_tags(client, run, record)
    return run


def monitor_run(tracking_uri: str, record: MonitorRecord, *, subject: str = SUBJECT) -> TrackedRun:
    """The one run of a monitor in the experiment ``/clarify/<subject>``; the first window creates it."""
    client = client_of(tracking_uri)
    experiment_id = experiment_of(tracking_uri, f"/clarify/{subject}")
    # The grammar of monitors' names has no quote.
    ours = f"tags.`clarify.monitor` = '{record.monitor}' and tags.`clarify.monitor_kind` = '{record.kind}'"
    found = client.search_runs([experiment_id], ours, max_results=1, order_by=["attributes.start_time ASC"])
    if found:
        return TrackedRun(tracking_uri, found[0].info.run_id, experiment_id)
    tags = {"clarify.kind": "monitor", "clarify.monitor": record.monitor, "clarify.monitor_kind": record.kind}
    created = client.create_run(experiment_id, run_name=f"monitor-{record.monitor}", tags=tags)
    client.set_terminated(created.info.run_id, "FINISHED")      # no process stands behind it; it can be logged to
    return TrackedRun(tracking_uri, created.info.run_id, experiment_id)


def step_of(window: Window) -> int:
    """The step of a window: minutes from 1970 to its end.

    >>> step_of(Window("1970-01-01T00:00:00Z", "1970-01-02T01:00:00Z"))
    1500
    """
    return int(window.ends.timestamp()) // SECONDS_PER_STEP


def _milliseconds(window: Window) -> int:
    return int(window.ends.timestamp()) * 1000


def _is_logged(client: Any, run: TrackedRun, record: MonitorRecord) -> bool:
    step = step_of(record.window)
    history = client.get_metric_history(run.run_id, LAST)
    return any(metric.step == step and metric.value == record.revision for metric in history)


def _log_metrics(client: Any, run: TrackedRun, record: MonitorRecord) -> None:
    from mlflow.entities import Metric

    step, moment = step_of(record.window), _milliseconds(record.window)
    metrics = [Metric(name, float(value), moment, step) for name, value in numbers_of(record)]
    for batch in batches(metrics, MOST_METRICS):
        client.log_batch(run.run_id, metrics=batch)


def _log_tags(client: Any, run: TrackedRun, record: MonitorRecord) -> None:
    """The newest window's name and status; one that is made up for later does not take their place."""
    tags = client.get_run(run.run_id).data.tags
    place = f"{record.window.end} r{record.revision:06d}"
    if tags.get("clarify.last_place", "") > place:
        return
    for name, value in (
        ("clarify.last_place", place),
        ("clarify.last_window", record.window.name),
        ("clarify.last_status", record.status.lower()),
        ("clarify.status", record.status.lower()),
        ("clarify.rule", record.rule),
    ):
        client.set_tag(run.run_id, name, value[:LONGEST_TAG])


def _log_files(client: Any, run: TrackedRun, record: MonitorRecord, files: Mapping[str, bytes]) -> None:
    if not files:
        return
    with tempfile.TemporaryDirectory(prefix="clarify-window-") as folder:
        for name, content in files.items():
            (Path(folder) / name).write_bytes(content)
        client.log_artifacts(run.run_id, folder, f"windows/{record.window.name}/r{record.revision}")


# --- numbers ----------------------------------------------------------------------------------------------------------


def numbers_of(record: MonitorRecord) -> tuple[tuple[str, float], ...]:
    """Every finite number of a window by its metric's name; names that collide are numbered in order."""
    taken: dict[str, int] = {}
    named: list[tuple[str, float]] = []
    for name, value in (*_all_numbers(record), ("status", LEVELS[record.status]), (LAST, record.revision)):
        if value is None or not math.isfinite(value):
            continue
        taken[name] = taken.get(name, 0) + 1
        suffix = "" if taken[name] == 1 else f"-{taken[name]}"
        named.append((f"{name[: LONGEST_NAME - len(suffix)]}{suffix}", float(value)))
    return tuple(named)


Number = tuple[str, float | None]


def _all_numbers(record: MonitorRecord) -> Iterator[Number]:
    if record.bias is not None:
        yield from _bias(record.bias)
    if record.attribution is not None:
        yield from _attributions(record.attribution)
    if record.data_quality is not None:
        yield from _data_quality(record.data_quality)
    if record.model_quality is not None:
        yield from _model_quality(record.model_quality)
    counts = record.counts
    yield "rows", counts.rows
    yield "join_rate", counts.join_rate
    yield "unlabelled", counts.unlabelled if counts.labels is not None else None
    yield "unreadable", counts.unreadable


def _bias(found: BiasDrift) -> Iterator[Number]:
    for series in found.series:
        name = f"{slug(series.metric)}.{slug(series.facet)}.{slug(series.value_or_threshold)}"
        yield f"bias.{name}", series.value
        if series.interval is not None:
            yield f"bias.{name}.low", series.interval.low
            yield f"bias.{name}.high", series.interval.high
        yield f"evidence.{name}", series.evidence


def _attributions(found: AttributionDrift) -> Iterator[Number]:
    for output in found.outputs:
        label = slug(output.label)
        yield f"ndcg.{label}", output.ndcg
        yield f"share_distance.{label}", output.share_distance
        yield f"scale.{label}", output.scale
        for feature in output.features:
            yield f"share.{label}.{slug(feature.feature)}", feature.share


def _data_quality(found: DataQuality) -> Iterator[Number]:
    yield "quality_violations", len(found.violations)
    for distance in found.distances:
        yield f"distance.{slug(distance.feature)}", distance.ks if distance.tested == "ks" else distance.tvd


def _model_quality(found: ModelQuality) -> Iterator[Number]:
    for metric in found.metrics:
        group = f".{slug(metric.group)}" if metric.group else ""
        yield f"quality.{slug(metric.metric)}{group}", metric.value
