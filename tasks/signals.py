"""What the world hears of a finished window: events that automations bind to, and a page in Prefect."""

from __future__ import annotations

import hashlib
import logging
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit, urlunsplit
from uuid import UUID, uuid5

from prefect import runtime
from prefect.artifacts import create_markdown_artifact
from prefect.client.orchestration import get_client
from prefect.events import Event
from prefect.events.schemas.events import ReceivedEvent
from prefect.exceptions import MissingContextError
from prefect.logging import get_logger, get_run_logger

from clarify.records import MonitorRecord, RuleFinding, Status, Window
from clarify.steps.monitor_views import monitor_markdown

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient

RESOURCE: Final = "clarify.monitor"
OPENED, RESOLVED, REVISED = "clarify.alert.opened", "clarify.alert.resolved", "clarify.alert.revised"
WORDS: Final = {
    Status.PASS: "ok",
    Status.VIOLATION: "violation",
    Status.INCONCLUSIVE: "inconclusive",
    Status.ERROR: "error",
}
"""How the events of a kind end: ``clarify.bias-drift.violation``."""

ALARMING: Final = (Status.VIOLATION, Status.ERROR)
NOTIFY: Final = "clarify: notify"
"""How the automations that pass alerts on are named."""

MOST_NAMES, LONGEST_TEXT = 10, 400
MOST_TELLINGS, MOST_AUTOMATIONS = 5, 200
PATIENCE, REMEMBERED = timedelta(minutes=1), timedelta(days=7)
_SPACE: Final = UUID("6f1c8a52-6a0e-5b7e-9b0a-6d7c3a1f4e20")


@dataclass(frozen=True)
class Signal:
    """One event: its name, what it is about, and a few facts; the same finding gives the same ``id``."""

    id: UUID
    event: str
    resource: str
    monitor: str
    payload: tuple[tuple[str, str | int | float | None], ...]


@dataclass(frozen=True)
class Undelivered:
    """A signal that Prefect did not take, and why."""

    signal: Signal
    why: str


def slug_of(monitor: str) -> str:
    """A monitor's name where only lower case, digits and dashes may stand; names that differ keep differing.

    >>> slug_of("income"), slug_of("Income_Model")
    ('income', 'income-model-5aa82d')
    """
    slug = re.sub(r"[^a-z0-9]+", "-", monitor.lower()).strip("-") or "x"
    return slug if slug == monitor else f"{slug}-{hashlib.sha256(monitor.encode()).hexdigest()[:6]}"


def resource_of(monitor: str) -> str:
    """What events name a monitor by, and automations match."""
    return f"{RESOURCE}.{slug_of(monitor)}"


def compared(earlier: Sequence[MonitorRecord], window: Window | None = None) -> MonitorRecord | None:
    """What the next record is news against: the earlier revision of its window, else the last that said something.

    An alert stays open through windows that are INCONCLUSIVE: those neither open nor resolve one. ``earlier`` is in
    the order of windows and revisions; ``window`` is the next record's.
    """
    if earlier and earlier[-1].window == window:
        return earlier[-1]
    said = [record for record in earlier if record.status != Status.INCONCLUSIVE]
    return said[-1] if said else None


def events_of(
    record: MonitorRecord, previous: MonitorRecord | None, *, output_uri: str, facet_values: bool = False
) -> tuple[Signal, ...]:
    """What is to be told of a window: always its status, and an alert where that is news.

    ``previous`` is what the record is news against: the earlier revision of the same window, or else the earlier
    window (``compared``). Without ``facet_values`` nothing is told that names a group, a feature or a value.
    """
    names = [f"clarify.{record.kind}.{WORDS[record.status]}"]
    alert = _alert(record, previous)
    names += [alert] if alert is not None else []
    payload = tuple(_payload(record, previous, output_uri, facet_values))
    return tuple(
        Signal(_id(name, record), name, resource_of(record.monitor), record.monitor, payload) for name in names
    )


def _alert(record: MonitorRecord, previous: MonitorRecord | None) -> str | None:
    before = previous.status if previous is not None else None
    if previous is not None and previous.window == record.window and previous.revision < record.revision:
        return REVISED if record.status != before else None
    if record.status in ALARMING:
        return OPENED if record.status != before else None
    return RESOLVED if record.status == Status.PASS and before in ALARMING else None


def _id(name: str, record: MonitorRecord) -> UUID:
    parts = (name, record.monitor, record.window.name, f"r{record.revision}", record.status, record.inputs_digest)
    return uuid5(_SPACE, "\n".join(parts))


def _payload(
    record: MonitorRecord, previous: MonitorRecord | None, output_uri: str, facet_values: bool
) -> Iterator[tuple[str, str | int | float | None]]:
    violated = series_in_violation(record)
    yield "monitor", record.monitor
    yield "kind", record.kind
    yield "rule", record.rule
    yield "window_start", record.window.start
    yield "window_end", record.window.end
    yield "revision", record.revision
    yield "status", record.status.value
    yield "before", previous.status.value if previous is not None else None
    yield "reason", record.reason.value if record.reason is not None else None
    yield "headline", _harmless(record.headline) if facet_values else _bare_headline(record, len(violated))
    yield "join_rate", record.counts.join_rate
    yield "rows", record.counts.rows
    yield "series_in_violation", len(violated)
    if facet_values:
        yield "series", _harmless(", ".join(violated[:MOST_NAMES]))
    yield "record", record_uri(record, output_uri)


def _bare_headline(record: MonitorRecord, violated: int) -> str:
    """The record's own sentence names groups; this one names none."""
    parts = [f"{record.kind}: {record.status}"]
    parts += [f"({record.reason})"] if record.reason is not None else []
    parts += [f"in {violated} series"] if violated else []
    return " ".join(parts)


def record_uri(record: MonitorRecord, output_uri: str) -> str:
    """Where the record lies, without any credentials that the address holds."""
    uri = f"{output_uri.rstrip('/')}/windows/{record.window.name}/r{record.revision}/record.json"
    parts = urlsplit(uri)
    if not parts.scheme or not parts.netloc:
        return uri
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def series_in_violation(record: MonitorRecord) -> tuple[str, ...]:
    """Names of everything that the monitor's own rule holds against the window."""
    said = _findings_by_name(record)
    of_rule = ((name, finding) for name, findings in said for finding in findings if finding.rule == record.rule)
    return tuple(name for name, finding in of_rule if finding.status == Status.VIOLATION)


def _findings_by_name(record: MonitorRecord) -> Iterator[tuple[str, Sequence[RuleFinding]]]:
    """Every series that the rules speak of, and what they say; checks that the data passed before are none."""
    if record.bias is not None:
        for series in record.bias.series:
            yield f"{series.metric} {series.facet}={series.value_or_threshold}", series.findings
    if record.attribution is not None:
        for output in record.attribution.outputs:
            yield f"attributions of {output.label}", output.findings
    if record.kind == "data-quality" and record.data_quality is not None:
        yield "data quality", record.data_quality.findings
        for distance in record.data_quality.distances:
            yield f"values of {distance.feature}", distance.findings
    if record.model_quality is not None:
        for metric in record.model_quality.metrics:
            yield f"{metric.metric} {metric.group}".rstrip(), metric.findings


def _harmless(text: str) -> str:
    """Text of the data without what chats and pages read as commands: mentions, links, markup, control characters."""
    printable = "".join(c if c.isprintable() else " " for c in text)
    for command, harmless in (("<", "‹"), (">", "›"), ("@", "＠"), ("[", "("), ("]", ")"), ("`", "'"), ("://", ":/ /")):
        printable = printable.replace(command, harmless)
    return printable if len(printable) <= LONGEST_TEXT else printable[: LONGEST_TEXT - 1] + "…"


# --- telling ----------------------------------------------------------------------------------------------------------


def signal(
    record: MonitorRecord, previous: MonitorRecord | None, *, output_uri: str, facet_values: bool = False
) -> tuple[Undelivered, ...]:
    """Tell Prefect of a window, and tell again the alerts of its monitor that reached nobody.

    Whatever goes wrong is logged and returned, never raised: the verdict is published already.
    """
    lost = emit(events_of(record, previous, output_uri=output_uri, facet_values=facet_values))
    return lost if lost else redeliver(record.monitor)


def emit(signals: Sequence[Signal]) -> tuple[Undelivered, ...]:
    """Hand signals to Prefect, and return those that it did not take."""
    try:
        _post([_event(signal) for signal in signals])
    except Exception as error:          # a server that is gone, refuses or is not ours: the finding outlives all of it
        why = f"{type(error).__name__}: {error}"
        for signal in signals:
            _logger().error("%s of %s was not delivered: %s", signal.event, signal.monitor, why)
        return tuple(Undelivered(signal, why) for signal in signals)
    return ()


# --- alerts that reached nobody ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Alert:
    """An alert that Prefect took, and how often it was told; ``signal`` is the first telling."""

    signal: Signal
    tellings: int
    occurred: datetime


def undelivered_alerts(monitor: str | None = None, *, now: datetime | None = None) -> tuple[Alert, ...]:
    """Alerts of the last week that an automation was to pass on and no channel took; the oldest first.

    Prefect does not repeat a notification that failed. Where no automation of ours notifies, nobody was to be told.
    """
    now = now or datetime.now(UTC)
    with get_client(sync_client=True) as client:
        if not any(a.name.startswith(NOTIFY) and a.enabled for a in client.read_automations(limit=MOST_AUTOMATIONS)):
            return ()
        told = _told(client, monitor, now)
        return tuple(
            Alert(_signal(tellings[0]), len(tellings), tellings[0].occurred)
            for tellings in told
            if now - tellings[-1].occurred >= PATIENCE and not _is_delivered(client, tellings)
        )


def redeliver(monitor: str) -> tuple[Undelivered, ...]:
    """Tell undelivered alerts of a monitor again, each a few times at most, and show them on a page in Prefect."""
    try:
        alerts = undelivered_alerts(monitor)
        _show_undelivered(monitor, alerts)
    except Exception as error:          # as above: the finding is published, and alerts are looked at again next time
        _logger().error("alerts of %s could not be checked: %s: %s", monitor, type(error).__name__, error)
        return ()
    again = [_retold(alert) for alert in alerts if alert.tellings < MOST_TELLINGS]
    return emit(again) if again else ()


def _show_undelivered(monitor: str, alerts: Sequence[Alert]) -> None:
    for alert in alerts:
        _logger().warning("%s of %s reached nobody, told %s times", alert.signal.event, monitor, alert.tellings)
    if alerts:
        create_markdown_artifact(
            key=f"clarify-undelivered-{slug_of(monitor)}",
            markdown="\n".join(["# Alerts that reached nobody", "", *map(_alert_line, alerts)]),
            description=f"Undelivered alerts of {monitor}",
        )


def _told(client: SyncPrefectClient, monitor: str | None, now: datetime) -> list[list[ReceivedEvent]]:
    """Alerts of the last week, each with its repetitions, in the order they were told."""
    about = {"id": [resource_of(monitor)]} if monitor is not None else {"id_prefix": [f"{RESOURCE}."]}
    found = _events(client, now, event={"prefix": ["clarify.alert."]}, resource=about)
    told: dict[str, list[ReceivedEvent]] = {}
    for event in found:
        told.setdefault(str(event.payload.get("first", event.id)), []).append(event)
    return list(told.values())


def _is_delivered(client: SyncPrefectClient, tellings: Sequence[ReceivedEvent]) -> bool:
    """Whether a channel took the alert: an action of it was executed, and not answered by an HTTP error."""
    causes = {"id": [f"prefect.event.{event.id}" for event in tellings]}
    executed = {"name": ["prefect.automation.action.executed"]}
    done = _events(client, tellings[-1].occurred, event=executed, related=causes)
    return any(
        int(event.payload.get("status_code") or 200) < 400
        for event in done
        if (event.resource.name or "").startswith(NOTIFY)
    )


def _events(
    client: SyncPrefectClient,
    now: datetime,
    *,
    event: dict[str, list[str]],
    resource: dict[str, list[str]] | None = None,
    related: dict[str, list[str]] | None = None,
) -> list[ReceivedEvent]:
    occurred = {"since": (now - REMEMBERED).isoformat(), "until": (now + REMEMBERED).isoformat()}
    asked = {"occurred": occurred, "event": event, "resource": resource, "related": related, "order": "ASC"}
    document = {"filter": {key: value for key, value in asked.items() if value is not None}, "limit": 50}
    answer = client.request("POST", "/events/filter", json=document).json()
    return [ReceivedEvent.model_validate(found) for found in answer["events"]]


def _signal(event: ReceivedEvent) -> Signal:
    payload = tuple(event.payload.items())
    return Signal(event.id, event.event, event.resource.id, event.resource.name or "", payload)


def _retold(alert: Alert) -> Signal:
    """The same alert under another id: one that was seen already starts no automation."""
    first, telling = alert.signal, alert.tellings + 1
    payload = (*first.payload, ("first", str(first.id)), ("telling", telling))
    return replace(first, id=uuid5(first.id, f"telling {telling}"), payload=payload)


def _alert_line(alert: Alert) -> str:
    said = dict(alert.signal.payload)
    window = f"window {said.get('window_start')} to {said.get('window_end')}"
    return f"- {alert.signal.event}, {window}: {said.get('status')}, told {alert.tellings} times"


# --- Prefect's side ---------------------------------------------------------------------------------------------------


def _event(signal: Signal) -> Event:
    return Event(
        id=signal.id,
        event=signal.event,
        resource={"prefect.resource.id": signal.resource, "prefect.resource.name": signal.monitor},
        related=_related(),
        payload=dict(signal.payload),
    )


def _related() -> list[dict[str, str]]:
    """The flow run and the deployment that the signal comes from, if there are any."""
    found = (("flow-run", runtime.flow_run.id), ("deployment", runtime.deployment.id))
    return [
        {"prefect.resource.id": f"prefect.{kind}.{identity}", "prefect.resource.role": kind}
        for kind, identity in found
        if identity is not None
    ]


def _post(events: Sequence[Event]) -> None:
    """Send events and wait for the answer: Prefect's own ``emit_event`` says nothing of what got lost."""
    with get_client(sync_client=True) as client:
        client.request("POST", "/events", json=[event.model_dump(mode="json") for event in events])


def _logger() -> logging.Logger | logging.LoggerAdapter[Any]:
    try:
        return get_run_logger()
    except MissingContextError:
        return get_logger("clarify.signals")


# --- a page -----------------------------------------------------------------------------------------------------------


def show_record(record: MonitorRecord, *, output_uri: str | None = None) -> None:
    """Leave a page of the window in Prefect, under one key per monitor, so that its history is that of the monitor.

    One that cannot be left is logged: the record is published already.
    """
    try:
        create_markdown_artifact(
            key=f"clarify-monitor-{slug_of(record.monitor)}",
            markdown=_page(record, output_uri),
            description=f"{record.monitor}: {record.status}, {record.window.start} to {record.window.end}",
        )
    except Exception as error:          # as with signals: whoever is away must not cost the finding
        _logger().error("the page of %s could not be left: %s: %s", record.monitor, type(error).__name__, error)


def _page(record: MonitorRecord, output_uri: str | None) -> str:
    page = monitor_markdown(record)
    return page if output_uri is None else f"{page}\nRecord: `{record_uri(record, output_uri)}`\n"
