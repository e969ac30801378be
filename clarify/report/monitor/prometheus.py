"""A monitor's record as Prometheus text: gauges of what was found, for a file that an exporter reads."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from clarify.records import MonitorRecord, Status

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

MOST_SERIES = 200
SERIES_LABELS = ("monitor", "kind", "stage", "facet", "group", "metric")


@dataclass(frozen=True)
class _Series:
    """One metric of one group: labels in the order of ``SERIES_LABELS`` after monitor and kind."""

    labels: tuple[str, str, str, str]
    value: float | None
    low: float | None = None
    high: float | None = None
    evidence: float | None = None


def prometheus_text(record: MonitorRecord, *, finished_at: float) -> str:
    """The record in the text format of Prometheus; ``finished_at`` in seconds since 1970.

    Gauges: ``clarify_metric_value``, ``_ci_low``, ``_ci_high``, ``clarify_evidence``, ``clarify_status`` (1 for the
    status it is, 0 for the others), ``clarify_window_end_timestamp_seconds``, ``clarify_rows``, ``clarify_join_rate``,
    ``clarify_ndcg``. At most 200 series have values: those with most evidence; ``clarify_series_dropped`` counts the
    others. Infinite and missing numbers have no sample. ``clarify_last_success_timestamp_seconds`` is left out when
    the window could not be looked at: an alert on its age must not be quieted by failures.
    """
    from prometheus_client import CollectorRegistry, generate_latest

    registry = CollectorRegistry()
    _window_gauges(registry, record, finished_at)
    _series_gauges(registry, record)
    _output_gauges(registry, record)
    return generate_latest(registry).decode("utf-8")


def _window_gauges(registry: CollectorRegistry, record: MonitorRecord, finished_at: float) -> None:
    from prometheus_client import Gauge

    names = ("monitor", "kind")
    labels = (record.monitor, record.kind)
    status = Gauge("clarify_status", "Status of the last window", (*names, "status"), registry=registry)
    for one in Status:
        status.labels(*labels, one.value).set(1 if one is record.status else 0)
    counts = record.counts
    numbers: list[tuple[str, str, float | None]] = [
        ("window_end_timestamp_seconds", "End of the last window", record.window.ends.timestamp()),
        ("rows", "Rows of the last window", counts.rows),
        ("join_rate", "Share of rows that have their label", counts.join_rate),
        ("last_success_timestamp_seconds", "When a window was last looked at",
         None if record.status is Status.ERROR else finished_at),
    ]  # fmt: skip
    for name, text, number in numbers:
        if number is not None:
            Gauge(f"clarify_{name}", text, names, registry=registry).labels(*labels).set(number)


def _series_gauges(registry: CollectorRegistry, record: MonitorRecord) -> None:
    from prometheus_client import Gauge

    every = sorted(_series(record), key=lambda one: -(one.evidence or 0.0))
    gauges = {
        name: Gauge(f"clarify_{name}", text, SERIES_LABELS, registry=registry)
        for name, text in (
            ("metric_value", "Value of a metric in the last window"),
            ("metric_value_ci_low", "Lower end of its 95 % interval"),
            ("metric_value_ci_high", "Upper end of its 95 % interval"),
            ("evidence", "Evidence for a change; 1 is an alarm"),
        )
    }
    for one in every[:MOST_SERIES]:
        samples = {"metric_value": one.value, "metric_value_ci_low": one.low, "metric_value_ci_high": one.high,
                   "evidence": one.evidence}  # fmt: skip
        for name, number in samples.items():
            if number is not None and math.isfinite(number):
                gauges[name].labels(record.monitor, record.kind, *one.labels).set(number)
    names = ("monitor", "kind")
    dropped = Gauge("clarify_series_dropped", "Series left out for their number", names, registry=registry)
    dropped.labels(record.monitor, record.kind).set(max(len(every) - MOST_SERIES, 0))


def _output_gauges(registry: CollectorRegistry, record: MonitorRecord) -> None:
    from prometheus_client import Gauge

    if record.attribution is None:
        return
    gauge = Gauge("clarify_ndcg", "Agreement of feature orders", ("monitor", "kind", "output"), registry=registry)
    for output in record.attribution.outputs[:MOST_SERIES]:
        gauge.labels(record.monitor, record.kind, output.label).set(output.ndcg)


def _series(record: MonitorRecord) -> Iterator[_Series]:
    """Everything that has a value, whatever the kind; of attributions the features' shares."""
    for one in record.bias.series if record.bias is not None else ():
        low, high = (one.interval.low, one.interval.high) if one.interval is not None else (None, None)
        yield _Series((one.stage, one.facet, one.value_or_threshold, one.metric), one.value, low, high, one.evidence)
    for metric in record.model_quality.metrics if record.model_quality is not None else ():
        low, high = (metric.interval.low, metric.interval.high) if metric.interval is not None else (None, None)
        facet, _, group = metric.group.partition("=" if "=" in metric.group else ">")
        yield _Series(("", facet, group, metric.metric), metric.value, low, high)
    for output in record.attribution.outputs if record.attribution is not None else ():
        for feature in output.features:
            yield _Series(("", feature.feature, output.label, "attribution_share"), feature.share)
    for distance in record.data_quality.distances if record.data_quality is not None else ():
        value = distance.ks if distance.tested == "ks" else distance.tvd
        yield _Series(("", distance.feature, "", f"distance_{distance.tested}"), value)
