"""What Prefect does about signals: notifies, retrains, pauses, ends zombie runs, misses monitors that are silent."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, Literal
from uuid import UUID

from clarify.errors import ConfigError, Problem
from deployments.monitors import (
    MOST_AUTOMATIONS,
    OF_ONE_MONITOR,
    PAUSE,
    SILENT,
    RegisteredMonitor,
    connect,
    registered_monitors,
)
from tasks.signals import NOTIFY, OPENED, RESOLVED, RESOURCE, REVISED, resource_of

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient
    from prefect.events.actions import ActionTypes
    from prefect.events.schemas.automations import Automation, AutomationCore, EventTrigger

ZOMBIES: Final = "clarify: zombie runs"
RETRAIN: Final = "clarify: retrain with "

WEBHOOK: Final = "webhook"
"""The type of blocks that are called; those of every other type are told to notify."""

HEARTBEAT_SECONDS: Final = 180
MISSED_HEARTBEATS: Final = 3

SUBJECT: Final = "Clarify: {{ event.payload.monitor }} {{ event.payload.status }}"
BODY: Final = (
    "{{ event.event }}: {{ event.payload.headline }}\n"
    "window {{ event.payload.window_start }} to {{ event.payload.window_end }}, "
    "revision {{ event.payload.revision }}, before: {{ event.payload.before or 'nothing' }}\n"
    "{{ event.payload.record }}"
)
CALL: Final = '{"event": {{ event.event | tojson }}, "id": {{ event.id | string | tojson }}, ' \
    '"payload": {{ event.payload | tojson }}}'


@dataclass(frozen=True)
class Retraining:
    """Which deployment is to run when a monitor finds a violation, and which of its parameters names the record."""

    deployment: str                      # flow/deployment
    monitors: tuple[str, ...] = ()       # none: all of them
    parameter: str = "record"


@dataclass(frozen=True)
class Installed:
    """One automation and what became of it."""

    name: str
    outcome: Literal["created", "updated", "unchanged", "removed"]


def install_automations(
    *,
    notify: str | None = None,
    retraining: Sequence[Retraining] = (),
    pause_after: int | None = 3,
    heartbeat_seconds: int = HEARTBEAT_SECONDS,
) -> tuple[Installed, ...]:
    """Install the automations of all registered monitors; those that are as they should be are left alone.

    ``notify``: a block of Prefect's by type and name, such as ``slack-webhook/alerts``; secrets are in the block and
    nowhere else. Left out: the block that was named last. ``pause_after``: errors in a row after which a monitor's
    deployment is paused. An automation that was switched off stays off; those of monitors that are gone are removed.

    Raises
    ------
    ConfigError
        With every block, monitor, deployment and parameter that does not exist.
    """
    monitors = registered_monitors()
    with connect() as client:
        there = {automation.name: automation for automation in client.read_automations(limit=MOST_AUTOMATIONS)}
        channel = _channel(client, notify) if notify is not None else _channel_of(there.get(NOTIFY))
        wanted = [_zombies(heartbeat_seconds)]
        wanted += [] if channel is None else [_notify(channel)]
        wanted += [] if channel is None else [_silent(monitor, channel) for monitor in monitors]
        wanted += [] if pause_after is None else [_pause(monitor, pause_after, channel) for monitor in monitors]
        wanted += [_retrain(client, asked, monitors) for asked in retraining]
        installed = [_install(client, automation, there.get(automation.name)) for automation in wanted]
        return (*installed, *_remove_leftovers(client, monitors, there.values()))


def _install(client: SyncPrefectClient, wanted: AutomationCore, there: Automation | None) -> Installed:
    if there is None:
        client.create_automation(wanted)
        return Installed(wanted.name, "created")
    wanted.enabled = there.enabled
    # An update begins to count anew: what may happen once a day could happen again.
    if _facts(wanted) == _facts(there):
        return Installed(wanted.name, "unchanged")
    client.update_automation(there.id, wanted)
    return Installed(wanted.name, "updated")


def _facts(automation: AutomationCore) -> dict[str, Any]:
    said = automation.model_dump(mode="json", include={"name", "description", "trigger", "actions"})
    for key in ("expect", "after", "for_each"):
        said["trigger"][key] = sorted(said["trigger"][key])
    return said


def _remove_leftovers(
    client: SyncPrefectClient, monitors: Sequence[RegisteredMonitor], there: Iterable[Automation]
) -> Iterator[Installed]:
    kept = {f"{prefix}{monitor.name}" for monitor in monitors for prefix in OF_ONE_MONITOR}
    for automation in there:
        if automation.name.startswith(OF_ONE_MONITOR) and automation.name not in kept:
            client.delete_automation(automation.id)
            yield Installed(automation.name, "removed")


# --- what triggers what -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Channel:
    """A block that passes words on."""

    block_id: UUID
    is_webhook: bool

    def tells(self, *, subject: str = SUBJECT, body: str = BODY, call: str = CALL) -> ActionTypes:
        """The action that tells it something."""
        from prefect.events.actions import CallWebhook, SendNotification

        if self.is_webhook:
            return CallWebhook(block_document_id=self.block_id, payload=call)
        return SendNotification(block_document_id=self.block_id, subject=subject, body=body)

    def says(self, sentence: str) -> ActionTypes:
        """The same, for a sentence that is known beforehand."""
        return self.tells(subject="Clarify", body=sentence, call=f'{{"text": {json.dumps(sentence)}}}')


def _notify(channel: Channel) -> AutomationCore:
    """Alerts: the first window of a kind of trouble, the end of it, and a revision that says otherwise."""
    return _automation(
        NOTIFY,
        "Passes on alerts that open, are resolved or are revised.",
        _trigger({OPENED, RESOLVED, REVISED}, [f"{RESOURCE}.*"]),
        channel.tells(),
    )


def _silent(monitor: RegisteredMonitor, channel: Channel) -> AutomationCore:
    """Nothing heard in two periods: no worker, a broken schedule, or a paused deployment."""
    from prefect.events.schemas.automations import Posture

    within = 2 * monitor.longest_gap
    sentence = f"{monitor.name} has said nothing for {within}: see whether a worker polls its work pool"
    trigger = _trigger(
        {f"clarify.{monitor.kind}.*"}, [resource_of(monitor.name)], within=within, posture=Posture.Proactive
    )
    return _automation(f"{SILENT}{monitor.name}", "Misses a monitor.", trigger, channel.says(sentence))


def _pause(monitor: RegisteredMonitor, errors: int, channel: Channel | None) -> AutomationCore:
    """As many errors in a row: as many as the time of that many runs holds, and hardly more."""
    from prefect.events.actions import PauseDeployment

    within = (errors - 1) * monitor.longest_gap + monitor.shortest_gap / 2
    trigger = _trigger(
        {f"clarify.{monitor.kind}.error"}, [resource_of(monitor.name)], threshold=errors, within=within
    )
    actions: list[ActionTypes] = [PauseDeployment(source="selected", deployment_id=monitor.deployment_id)]
    if channel is not None:
        sentence = f"{monitor.name} was paused after {errors} errors; mend it, then: clarify monitor resume NAME"
        actions.append(channel.says(sentence))
    return _automation(f"{PAUSE}{monitor.name}", "Pauses a monitor that cannot look.", trigger, *actions)


def _retrain(client: SyncPrefectClient, asked: Retraining, monitors: Sequence[RegisteredMonitor]) -> AutomationCore:
    """A violation runs a deployment, once a day and monitor at most; the deployment hears of the record."""
    from prefect.events.actions import RunDeployment

    chosen = _chosen(asked, monitors)
    trigger = _trigger(
        {f"clarify.{monitor.kind}.violation" for monitor in chosen},
        [resource_of(monitor.name) for monitor in chosen],
        within=timedelta(days=1),
    )
    action = RunDeployment(
        source="selected",
        deployment_id=_retraining_deployment(client, asked),
        parameters={asked.parameter: "{{ event.payload.record }}"},
    )
    return _automation(f"{RETRAIN}{asked.deployment}", "Answers violations.", trigger, action)


def _zombies(heartbeat_seconds: int) -> AutomationCore:
    """Runs of ours whose process is gone; Prefect itself would call them running for ever."""
    from prefect.client.schemas.objects import StateType
    from prefect.events.actions import ChangeFlowRunState
    from prefect.events.schemas.automations import EventTrigger, Posture

    # A violation ends in a state of another name (CompletedWithViolations): without the star it would look dead.
    ended = {f"prefect.flow-run.{state}" for state in ("Completed", "Completed*", "Failed", "Cancelled", "Crashed")}
    trigger = EventTrigger(
        after={"prefect.flow-run.heartbeat"},
        expect={"prefect.flow-run.heartbeat", *ended},
        match={"prefect.resource.id": "prefect.flow-run.*"},
        match_related={"prefect.resource.id": "prefect.tag.clarify", "prefect.resource.role": "tag"},
        for_each={"prefect.resource.id"},
        posture=Posture.Proactive,
        threshold=1,
        within=timedelta(seconds=(MISSED_HEARTBEATS + 1) * heartbeat_seconds),
    )
    message = f"No heartbeat for {MISSED_HEARTBEATS + 1} times {heartbeat_seconds} s: the process is gone"
    crashed = ChangeFlowRunState(state=StateType.CRASHED, message=message)
    return _automation(ZOMBIES, "Ends runs whose process is gone.", trigger, crashed)


def _trigger(
    expect: set[str],
    resources: list[str],
    *,
    threshold: int = 1,
    within: timedelta = timedelta(0),
    posture: Any = None,
) -> EventTrigger:
    """Events of monitors; reactive ones are counted for each monitor by itself."""
    from prefect.events.schemas.automations import EventTrigger, Posture

    posture = posture or Posture.Reactive
    return EventTrigger(
        expect=expect,
        match={"prefect.resource.id": resources},
        # One that waits for nothing must be about something before anything was heard of it.
        for_each={"prefect.resource.id"} if posture == Posture.Reactive else set(),
        posture=posture,
        threshold=threshold,
        within=within,
    )


def _automation(name: str, description: str, trigger: EventTrigger, *actions: ActionTypes) -> AutomationCore:
    from prefect.events.schemas.automations import AutomationCore

    return AutomationCore(name=name, description=description, trigger=trigger, actions=list(actions))


# --- what they refer to -----------------------------------------------------------------------------------------------


def _channel(client: SyncPrefectClient, notify: str) -> Channel:
    """A block by type and name; an address is refused unread, for whoever reads automations would read it."""
    from prefect.exceptions import ObjectNotFound

    kind, _, name = notify.partition("/")
    if "://" in notify or not name or "/" in name:
        received = "an address" if "://" in notify else notify
        raise ConfigError(
            Problem("AUTOMATION-BLOCK", "--notify", received, "a block, as TYPE/NAME",
                    "save the address in a block: prefect block create slack-webhook; then --notify slack-webhook/NAME")
        )
    try:
        block = client.read_block_document_by_name(name, kind, include_secrets=False)
    except ObjectNotFound as error:
        found = ", ".join(sorted(_channels(client))) or "a block of Prefect's: there is none yet"
        raise ConfigError(
            Problem("AUTOMATION-BLOCK", "--notify", notify, found, f"prefect block create {kind}")
        ) from error
    return Channel(block.id, kind == WEBHOOK)


def _channel_of(there: Automation | None) -> Channel | None:
    """The block that an installed automation passes alerts on to."""
    from prefect.events.actions import CallWebhook, SendNotification

    for action in there.actions if there is not None else ():
        if isinstance(action, CallWebhook | SendNotification):
            return Channel(action.block_document_id, isinstance(action, CallWebhook))
    return None


def _channels(client: SyncPrefectClient) -> Iterator[str]:
    for block in client.read_block_documents(include_secrets=False):
        kind = block.block_type.slug if block.block_type is not None else ""
        capabilities = block.block_schema.capabilities if block.block_schema is not None else []
        if kind == WEBHOOK or "notify" in capabilities:
            yield f"{kind}/{block.name}"


def _chosen(asked: Retraining, monitors: Sequence[RegisteredMonitor]) -> list[RegisteredMonitor]:
    known = {monitor.name: monitor for monitor in monitors}
    names = asked.monitors or tuple(known)
    ConfigError.collect(
        Problem("AUTOMATION-MONITOR", "--retrain", name, ", ".join(known) or "a monitor: none is registered",
                "clarify monitor add monitor.yaml")
        for name in (names or ("nothing",))
        if name not in known
    )
    return [known[name] for name in names]


def _retraining_deployment(client: SyncPrefectClient, asked: Retraining) -> UUID:
    from prefect.exceptions import ObjectNotFound

    try:
        deployment = client.read_deployment_by_name(asked.deployment)
    except (ObjectNotFound, ValueError) as error:
        raise ConfigError(
            Problem("AUTOMATION-DEPLOYMENT", "--retrain", asked.deployment, "a deployment, as FLOW/DEPLOYMENT",
                    "prefect deployment ls shows those there are")
        ) from error
    parameters = tuple((deployment.parameter_openapi_schema or {}).get("properties", {}))
    if asked.parameter not in parameters:
        raise ConfigError(
            Problem("AUTOMATION-PARAMETER", "--retrain", f"{asked.deployment} without a parameter {asked.parameter}",
                    ", ".join(parameters) or "a flow with a parameter for the record's address",
                    f"write {asked.deployment}:PARAMETER, or give the flow a parameter {asked.parameter}: str")
        )
    return deployment.id
