"""One series over the windows of a monitor in words and numbers: what stands beside a strip, and below it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from clarify.records import MonitorRecord, SeriesDrift, Status
from clarify.report import numbers
from clarify.report.monitor.axis import begins, named
from clarify.report.monitor.scales import blind_zone_words
from clarify.report.monitor.tables import Cell, Row, Table, between, limits, number, series_words, status_of, table_of
from clarify.report.words import plain, say, some


@dataclass(frozen=True)
class Point:
    """One series in one window; ``series`` None where the window does not have it."""

    record: MonitorRecord
    series: SeriesDrift | None
    status: Status
    x: float


def status_at(record: MonitorRecord, series: SeriesDrift | None) -> Status:
    if series is None:
        return Status.ERROR if record.status is Status.ERROR else Status.INCONCLUSIVE
    return status_of(series.findings, record.rule) or Status.INCONCLUSIVE


def is_gap(point: Point) -> bool:
    """A window that was looked at and has no value of this series."""
    return (point.series is None or point.series.value is None) and point.record.status is not Status.ERROR


def has_alarm(point: Point) -> bool:
    return point.series is not None and point.series.evidence >= 1


def counted(statuses: Sequence[Status]) -> str:
    return ", ".join(f"{n} {status.value}" for status in Status if (n := sum(one is status for one in statuses)))


def facts_of(series: SeriesDrift, points: Sequence[Point]) -> tuple[str, ...]:
    """Since when evidence is summed, how many rows of the named group are known together, what stays unseen."""
    if series.low is None and series.high is None:
        return ("no allowed range",)
    pooled = f"{some(series.pooled_rows, 'row', 'rows')} of the named group in the last " \
             f"{some(series.pooled_windows, 'window', 'windows')}"  # fmt: skip
    return (
        f"evidence {numbers.decimal(min(max(series.evidence, 0.0), 1.0))} of 1",
        _since(series, points),
        pooled if series.pooled_windows else "no rows of the named group yet",
        blind_zone_words(series),
    )


def _since(series: SeriesDrift, points: Sequence[Point]) -> str:
    """How long evidence is summed; of a record that does not say, counted from the windows at hand."""
    if series.since_reset is not None:
        return f"{some(series.since_reset, 'window', 'windows')} since the last reset"
    before = [point for point in points[:-1] if point.series is not None]
    after = next((i for i, point in enumerate(reversed(before)) if has_alarm(point)), None)
    if after is None:
        return f"at least {some(len(before) + 1, 'window', 'windows')} since the last reset"
    return f"{some(after + 1, 'window', 'windows')} since the last reset"


def finding_of(series: SeriesDrift, points: Sequence[Point], last: MonitorRecord) -> str:
    """What the drawing shows, for those who do not see it."""
    status = status_of(series.findings, last.rule)
    value = "no value" if series.value is None else f"value {numbers.decimal(series.value, numbers.CARD_DECIMALS)}"
    within = "" if series.interval is None else (
        f" (95 % interval {numbers.interval(series.interval, numbers.CARD_DECIMALS)})"
    )
    seen = [p.status for p in points if p.series is not None and p.series.value is not None]
    without = sum(is_gap(p) for p in points)
    failed = sum(p.record.status is Status.ERROR for p in points)
    verdict = status.value if status is not None else "No verdict"
    parts = [
        f"{verdict} in the window of {named(last.window)}: {value}{within}",
        f"allowed {limits(series.low, series.high).text}",
        *facts_of(series, points),
        f"{some(len(points), 'window', 'windows')} drawn: {counted(seen)}",
    ]
    parts += [f"{without} without a value"] if without else []
    parts += [f"{failed} that could not be looked at"] if failed else []
    alarms = [named(p.record.window) for p in points if p.series is not None and p.status is Status.VIOLATION]
    parts += [f"alarms in the windows of {', '.join(alarms[-5:])}"] if alarms else []
    return "; ".join(parts) + "."


def values_of(series: SeriesDrift, points: Sequence[Point]) -> Table:
    rows = (Row(say(_window_words(point)), _cells(point)) for point in reversed(points))
    columns = ("Window from (UTC)", "Value", "95 % interval", "Allowed", "Evidence", "Verdict")
    return table_of(f"{plain(series_words(series))}: every window drawn, the newest first", columns, rows,
                    numeric=columns[1:5])  # fmt: skip


def _window_words(point: Point) -> str:
    revision = f", r{point.record.revision}" if point.record.revision > 1 else ""
    return begins(point.record.window) + revision


def _cells(point: Point) -> tuple[Cell, ...]:
    series = point.series
    if series is None:
        dashes = (Cell("number", text="–"),) * 4
        return (*dashes, Cell("words", words=say(Status.ERROR.value if point.status is Status.ERROR else "–")))
    allowed, evidence = limits(series.low, series.high), numbers.decimal(min(max(series.evidence, 0.0), 1.0))
    return (
        number(series.value), between(series.interval), allowed, Cell("number", text=evidence),
        Cell("words", words=say(point.status.value)),
    )  # fmt: skip
