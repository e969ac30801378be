"""Monitors as Prefect deployments: one for each, with the schedule of its document."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib import import_module
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, get_args
from uuid import UUID

from clarify.config.monitor import MonitorConfig
from clarify.config.schedule import EPOCH, ticks_between
from clarify.config.timing import Schedule
from clarify.errors import ConfigError, Problem
from clarify.records import Kind
from deployments.services import POOL

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient
    from prefect.client.schemas.responses import DeploymentResponse
    from prefect.client.schemas.schedules import CronSchedule, IntervalSchedule, RRuleSchedule
    from prefect.flows import Flow

    PrefectSchedule = CronSchedule | IntervalSchedule | RRuleSchedule

ENTRYPOINTS: Final[dict[Kind, str]] = {
    "bias-drift": "flows/monitoring.py:clarify_bias_drift",
    "attribution-drift": "flows/monitoring.py:clarify_attribution_drift",
    "data-quality": "flows/monitoring.py:clarify_data_quality",
    "model-quality": "flows/monitoring.py:clarify_model_quality",
}
TAG: Final = "clarify"
PAUSE, SILENT = "clarify: pause ", "clarify: silent "
OF_ONE_MONITOR: Final = (PAUSE, SILENT)
"""How the automations begin whose name ends in that of the one monitor they are about; they go with it."""

MOST_AUTOMATIONS: Final = 200
LOOKS: Final = (1 / 24, 1, 7, 35, 1500)
"""Days to look ahead or back for runs, growing."""

MOST_TICKS: Final = 20_000
PAGE: Final = 200
CHECKOUT: Final = str(Path(__file__).resolve().parent.parent)


@dataclass(frozen=True)
class RegisteredMonitor:
    """A monitor that has a deployment."""

    name: str
    kind: Kind
    document: str
    deployment_id: UUID
    is_paused: bool
    schedule: Schedule
    shortest_gap: timedelta              # between two runs
    longest_gap: timedelta

    @property
    def deployment(self) -> str:
        return f"{flow_name(self.kind)}/{self.name}"


def flow_name(kind: Kind) -> str:
    """The flow that runs monitors of a kind."""
    return f"clarify-{kind}"


def register_monitor(
    monitor: MonitorConfig, document_uri: str, *, entrypoint: str | None = None, directory: str = CHECKOUT
) -> RegisteredMonitor:
    """Create or update the deployment of a monitor; whether it is paused stays as it is.

    ``document_uri``: where workers read monitor.yaml. ``directory``: the checkout as workers see it.

    Raises
    ------
    ConfigError
        PREFECT-API without a server, PREFECT-POOL when the work pool does not exist.
    """
    from prefect.client.schemas.actions import DeploymentScheduleCreate
    from prefect.client.schemas.objects import ConcurrencyLimitStrategy, ConcurrencyOptions
    from prefect.utilities.callables import parameter_schema

    entrypoint = entrypoint or ENTRYPOINTS[monitor.kind]
    flow = _load(entrypoint)
    schedule = prefect_schedule(monitor.schedule)
    with connect() as client:
        pool = _existing_pool(client, monitor.work_pool or POOL)
        deployment_id = client.create_deployment(
            client.create_flow(flow),
            monitor.name,
            entrypoint=entrypoint,
            pull_steps=[{"prefect.deployments.steps.set_working_directory": {"directory": directory}}],
            parameters={"parameters": {"monitor": document_uri}},
            parameter_openapi_schema=parameter_schema(flow).model_dump_for_openapi(),
            enforce_parameter_schema=True,
            schedules=[DeploymentScheduleCreate(schedule=schedule, active=True)],
            work_pool_name=pool,
            tags=[TAG, monitor.kind],
            description=f"{monitor.kind} monitor of {document_uri}",
            concurrency_limit=1,
            concurrency_options=ConcurrencyOptions(collision_strategy=ConcurrencyLimitStrategy.CANCEL_NEW),
        )
        for other in _of_name(client, monitor.name):       # a monitor whose kind was changed has one deployment, too
            if other.id != deployment_id:
                client.delete_deployment(other.id)
        return _registered(client.read_deployment(deployment_id), monitor.kind)


def remove_monitor(name: str) -> tuple[str, ...]:
    """Delete the deployment of a monitor, and return what was deleted; what it found stays where it is."""
    with connect() as client:
        found = [(other.id, other.name) for other in _of_name(client, name)]
        for deployment_id, _ in found:
            client.delete_deployment(deployment_id)
        return (*(deployment for _, deployment in found), *_remove_automations(client, name))


def _remove_automations(client: SyncPrefectClient, monitor: str) -> tuple[str, ...]:
    """Remove what acts on one monitor only, and return the names."""
    names = [f"{prefix}{monitor}" for prefix in OF_ONE_MONITOR]
    found = [a for a in client.read_automations(limit=MOST_AUTOMATIONS) if a.name in names]
    for automation in found:
        client.delete_automation(automation.id)
    return tuple(automation.name for automation in found)


def resume_monitor(name: str) -> tuple[str, ...]:
    """Have a paused monitor run again, and return its deployments; none when no monitor has the name."""
    with connect() as client:
        found = [(deployment.id, deployment.name) for deployment in _of_name(client, name)]
        for deployment_id, _ in found:
            client.resume_deployment(deployment_id)
        return tuple(deployment for _, deployment in found)


def registered_monitors() -> tuple[RegisteredMonitor, ...]:
    """All monitors that have a deployment, by name."""
    with connect() as client:
        found = [_registered(deployment, kind) for kind, deployment in _deployments(client)]
    return tuple(sorted(found, key=lambda monitor: (monitor.name, monitor.kind)))


def connect() -> SyncPrefectClient:
    """A client of the server that workers poll.

    Raises
    ------
    ConfigError
        PREFECT-API when no server is named: Prefect would start one of its own, to which no worker listens.
    """
    from prefect.client.orchestration import get_client
    from prefect.settings import PREFECT_API_URL

    if PREFECT_API_URL.value() is None:
        raise ConfigError(
            Problem("PREFECT-API", "PREFECT_API_URL", "nothing", "the address of a Prefect server's API",
                    "start the services with `make up` and export the line that it prints")
        )
    return get_client(sync_client=True)


# --- schedules --------------------------------------------------------------------------------------------------------


def prefect_schedule(schedule: Schedule) -> PrefectSchedule:
    """A monitor's schedule as Prefect writes it."""
    from prefect.client.schemas.schedules import CronSchedule, IntervalSchedule, RRuleSchedule

    if schedule.cron is not None:
        return CronSchedule(cron=schedule.cron, timezone=schedule.timezone)
    if schedule.interval is not None:
        seconds = timedelta(seconds=schedule.interval_seconds)
        return IntervalSchedule(interval=seconds, anchor_date=EPOCH, timezone="UTC")
    return RRuleSchedule(rrule=str(schedule.rrule), timezone=schedule.timezone)


def read_schedule(planned: PrefectSchedule) -> Schedule:
    """A schedule of Prefect's as a monitor's document writes it."""
    cron, rrule, interval = (getattr(planned, name, None) for name in ("cron", "rrule", "interval"))
    seconds = f"PT{int(interval.total_seconds())}S" if interval is not None else None
    return Schedule(cron=cron, rrule=rrule, interval=seconds, timezone=planned.timezone or "UTC")


def next_runs(schedule: Schedule, *, n: int, now: datetime) -> tuple[datetime, ...]:
    """The next runs of a schedule, in UTC; fewer when it ends."""
    found: tuple[datetime, ...] = ()
    for days in LOOKS:
        found = ticks_between(schedule, now, now + timedelta(days=days), most=MOST_TICKS)
        if len(found) >= n:
            break
    return found[:n]


def gaps(schedule: Schedule, *, now: datetime) -> tuple[timedelta, timedelta]:
    """Shortest and longest time between two runs, of the last weeks; of a rare schedule, of the last years."""
    for days in LOOKS[-2:]:
        ticks = ticks_between(schedule, now - timedelta(days=days), now, most=MOST_TICKS)
        if len(ticks) > 2:
            break
    found = [later - earlier for earlier, later in pairwise(ticks)] or [timedelta(days=LOOKS[-1])]
    return min(found), max(found)


# --- Prefect's side ---------------------------------------------------------------------------------------------------


def _load(entrypoint: str) -> Flow[..., Any]:
    """The flow of an entrypoint, from where this process finds its packages: workers' folders may not be here."""
    path, _, name = entrypoint.rpartition(":")
    flow: Flow[..., Any] = getattr(import_module(path.removesuffix(".py").replace("/", ".")), name)
    return flow


def _existing_pool(client: SyncPrefectClient, pool: str) -> str:
    pools = [found.name for found in client.read_work_pools()]
    if pool not in pools:
        raise ConfigError(
            Problem("PREFECT-POOL", "work_pool", pool, ", ".join(pools) or "a work pool: there is none yet",
                    f"prefect work-pool create {pool} --type process; `make up` creates {POOL}")
        )
    return pool


def _deployments(client: SyncPrefectClient) -> Iterator[tuple[Kind, DeploymentResponse]]:
    """Every deployment of one of the monitors' flows."""
    from prefect.client.schemas.filters import DeploymentFilter, DeploymentFilterTags

    ours = DeploymentFilter(tags=DeploymentFilterTags(all_=[TAG]))
    offset = 0
    while page := client.read_deployments(deployment_filter=ours, limit=PAGE, offset=offset):
        for deployment in page:
            yield from ((kind, deployment) for kind in _kinds(deployment.tags) if "monitor" in _given(deployment))
        offset += len(page)


def _kinds(tags: Sequence[str]) -> list[Kind]:
    return [kind for kind in get_args(Kind) if kind in tags]


def _given(deployment: DeploymentResponse) -> dict[str, Any]:
    given = deployment.parameters.get("parameters")
    return given if isinstance(given, dict) else {}


def _of_name(client: SyncPrefectClient, name: str) -> list[DeploymentResponse]:
    return [deployment for _, deployment in _deployments(client) if deployment.name == name]


def _registered(deployment: DeploymentResponse, kind: Kind) -> RegisteredMonitor:
    schedule = read_schedule(deployment.schedules[0].schedule)  # type: ignore[arg-type]
    shortest, longest = gaps(schedule, now=datetime.now(UTC))
    return RegisteredMonitor(
        name=deployment.name,
        kind=kind,
        document=str(_given(deployment)["monitor"]),
        deployment_id=deployment.id,
        is_paused=deployment.paused,
        schedule=schedule,
        shortest_gap=shortest,
        longest_gap=longest,
    )
