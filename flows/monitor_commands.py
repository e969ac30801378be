"""`clarify monitor`: which monitors Prefect runs, what they said, and what Prefect does about it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from flows.exit_codes import exit_codes, say
from flows.options import Json

if TYPE_CHECKING:
    from clarify.config.monitor import MonitorConfig
    from clarify.steps.fleet import MonitorStatus
    from deployments.automations import Retraining
    from deployments.monitors import RegisteredMonitor
    from tasks.signals import Alert

RUNS_SHOWN = 3

monitor = typer.Typer(
    name="monitor",
    help="Compare live data with a reference, on a schedule.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
automations = typer.Typer(
    name="automations",
    help="What Prefect does when a monitor finds something.",
    no_args_is_help=True,
    rich_markup_mode=None,
)



@monitor.command()
def add(
    document: Annotated[str, typer.Argument(metavar="MONITOR", help="URI of monitor.yaml, as workers see it")],
    directory: Annotated[
        str | None, typer.Option("--directory", metavar="DIR", help="Checkout as workers see it [default: this one]")
    ] = None,
    json_: Json = False,
) -> None:
    """Check a monitor and everything it refers to, and have Prefect run it; again: with what has changed."""
    with exit_codes(json_):
        from clarify.steps.monitor_plan import MonitorRequest, plan_monitor
        from deployments.monitors import CHECKOUT, register_monitor

        uri = _absolute(document)
        checked = plan_monitor(MonitorRequest(uri)).monitor
        registered = register_monitor(checked, uri, directory=directory or CHECKOUT)
        _print_added(registered, as_json=json_)


@monitor.command()
def remove(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Of the monitor")],
    json_: Json = False,
) -> None:
    """Have Prefect run a monitor no more; its records stay."""
    with exit_codes(json_):
        from deployments.monitors import remove_monitor

        removed = remove_monitor(name) or _unknown(name)
        _print({"status": "removed", "removed": list(removed)}, json_, [f"removed: {', '.join(removed)}"])


@monitor.command()
def resume(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Of the monitor")],
    json_: Json = False,
) -> None:
    """Have Prefect run a monitor again that was paused."""
    with exit_codes(json_):
        from deployments.monitors import resume_monitor

        resumed = resume_monitor(name) or _unknown(name)
        _print({"status": "resumed", "resumed": list(resumed)}, json_, [f"resumed: {', '.join(resumed)}"])


@monitor.command()
def status(
    documents: Annotated[
        list[str] | None, typer.Argument(metavar="[MONITOR]...", help="Instead of those that Prefect runs")
    ] = None,
    json_: Json = False,
) -> None:
    """What every monitor said last, which are silent or paused, and which alerts reached nobody."""
    with exit_codes(json_):
        from datetime import UTC, datetime

        from clarify.steps.fleet import fleet_status
        from clarify.steps.monitor_plan import read_monitor_document

        if documents:
            readable = [read_monitor_document(uri).monitor for uri in documents]
            _print_fleet(fleet_status(readable, datetime.now(UTC)), (), (), as_json=json_)
            return
        from deployments.monitors import registered_monitors
        from tasks.signals import undelivered_alerts

        registered = registered_monitors()
        readable, unreadable = _documents(registered)
        found = (*fleet_status(readable, datetime.now(UTC)), *unreadable)
        _print_fleet(found, registered, undelivered_alerts(), as_json=json_)


@automations.command()
def install(
    notify: Annotated[
        str | None, typer.Option("--notify", metavar="TYPE/NAME", help="Prefect's block for alerts [default: as was]")
    ] = None,
    retrain: Annotated[
        list[str] | None,
        typer.Option(
            "--retrain",
            metavar="FLOW/DEPLOYMENT[:PARAMETER][=MONITOR,...]",
            help="Run it on a violation, once a day at most. Repeatable [default: parameter record, every monitor]",
        ),
    ] = None,
    pause_after: Annotated[
        int, typer.Option("--pause-after", min=0, help="Errors in a row that pause a monitor; 0: never")
    ] = 3,
    json_: Json = False,
) -> None:
    """Install or update Prefect's automations for all monitors; nothing is installed twice."""
    with exit_codes(json_):
        from dataclasses import asdict

        from deployments.automations import install_automations
        from tasks.signals import NOTIFY

        installed = install_automations(
            notify=notify,
            retraining=[_retraining(text) for text in retrain or ()],
            pause_after=pause_after or None,
        )
        document = {"status": "installed", "automations": [asdict(automation) for automation in installed]}
        _print(document, json_, [f"{automation.outcome:9} {automation.name}" for automation in installed])
        if not any(automation.name == NOTIFY for automation in installed):
            say("nobody is notified of alerts: --notify TYPE/NAME names a block, such as slack-webhook/alerts")


monitor.add_typer(automations)


def _unknown(name: str) -> NoReturn:
    from clarify.errors import ConfigError, Problem
    from deployments.monitors import registered_monitors

    known = ", ".join(found.name for found in registered_monitors()) or "a monitor: none is registered"
    raise ConfigError(Problem("MONITOR-NAME", "NAME", name, known, "clarify monitor status lists those there are"))


def _absolute(uri: str) -> str:
    """A path in full: workers have another working directory."""
    import os

    return uri if "://" in uri else os.path.abspath(uri)


def _print_added(registered: RegisteredMonitor, *, as_json: bool) -> None:
    from datetime import UTC, datetime

    from deployments.monitors import next_runs

    runs = next_runs(registered.schedule, n=RUNS_SHOWN, now=datetime.now(UTC))
    moments = [f"{run:%Y-%m-%dT%H:%M:%SZ}" for run in runs]
    document = {
        "status": "added",
        "monitor": registered.name,
        "kind": registered.kind,
        "deployment": registered.deployment,
        "document": registered.document,
        "paused": registered.is_paused,
        "next_runs": moments,
    }
    lines = [f"{registered.name}: deployment {registered.deployment}", f"next runs: {', '.join(moments) or 'none'}"]
    if registered.is_paused:
        lines.append(f"paused: clarify monitor resume {registered.name}")
    _print(document, as_json, lines)


def _documents(registered: tuple[RegisteredMonitor, ...]) -> tuple[list[MonitorConfig], list[MonitorStatus]]:
    """The monitors' documents; one that cannot be read is an error of its monitor."""
    from clarify.errors import ClarifyError
    from clarify.records import Status
    from clarify.steps.fleet import MonitorStatus
    from clarify.steps.monitor_plan import read_monitor_document

    readable, unreadable = [], []
    for one in registered:
        try:
            readable.append(read_monitor_document(one.document).monitor)
        except ClarifyError as error:
            said = f"{one.document}: {error.problems[0].code}" if error.problems else one.document
            unreadable.append(MonitorStatus(one.name, one.kind, Status.ERROR, said, True))
    return readable, unreadable


def _print_fleet(
    found: tuple[MonitorStatus, ...],
    registered: tuple[RegisteredMonitor, ...],
    alerts: tuple[Alert, ...],
    *,
    as_json: bool,
) -> None:
    import json

    from clarify.steps.fleet import fleet_document, fleet_table

    paused = [one.name for one in registered if one.is_paused]
    lost = [_alert(alert) for alert in alerts]
    document = {**json.loads(fleet_document(found)), "paused": paused, "undelivered_alerts": lost}
    lines = [fleet_table(found).rstrip("\n")] if found else ["no monitor: clarify monitor add monitor.yaml"]
    lines += [f"paused: {', '.join(paused)}"] if paused else []
    lines += [f"reached nobody: {one['event']} of {one['monitor']}, told {one['tellings']} times" for one in lost]
    _print(document, as_json, lines)


def _alert(alert: Alert) -> dict[str, Any]:
    said = dict(alert.signal.payload)
    return {
        "event": alert.signal.event,
        "monitor": alert.signal.monitor,
        "window_end": said.get("window_end"),
        "tellings": alert.tellings,
    }


def _retraining(text: str) -> Retraining:
    """``flow/deployment:parameter=monitor,monitor``; parameter and monitors may be left out."""
    from deployments.automations import Retraining

    run, _, names = text.partition("=")
    deployment, _, parameter = run.partition(":")
    monitors = tuple(name.strip() for name in names.split(",") if name.strip())
    return Retraining(deployment, monitors, parameter or "record")


def _print(document: dict[str, Any], as_json: bool, lines: list[str]) -> None:
    import json

    print(json.dumps(document, indent=2) if as_json else "\n".join(lines))
