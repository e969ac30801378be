"""`clarify monitor run`: one tick of a monitor, now, on the path that its schedule takes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from flows.exit_codes import check_fail_on, exit_codes, leave_with_status
from flows.options import FailOn, Json, Tracking

if TYPE_CHECKING:
    from datetime import datetime

    from clarify.steps.claimed_window import CheckedWindow
    from clarify.steps.monitor_line import MonitorRun
    from clarify.steps.monitor_plan import MonitorRequest


def run(
    document: Annotated[str, typer.Argument(metavar="MONITOR", help="URI of monitor.yaml")],
    at: Annotated[
        str | None, typer.Option("--at", metavar="TIME", help="Moment, ISO 8601 [default: the last tick before now]")
    ] = None,
    again: Annotated[bool, typer.Option("--again", help="Also if nothing has changed since the last look")] = False,
    tracking_uri: Tracking = None,
    workers: Annotated[int | None, typer.Option("--workers", help="Processes of the local engine")] = None,
    fail_on: FailOn = "inconclusive",
    direct: Annotated[
        bool, typer.Option("--direct", help="Without Prefect and MLflow: no events, no history there")
    ] = False,
    json_: Json = False,
) -> None:
    """Look at the window of the last tick, and at those that were missed or have changed."""
    with exit_codes(json_):
        from clarify.config.settings import RunSettings
        from clarify.steps.monitor_plan import MonitorRequest

        check_fail_on(fail_on)
        settings = RunSettings(workers=workers, tracking_uri=tracking_uri)
        found = _run(MonitorRequest(document, _moment(at), again, settings), direct=direct)
        _print_windows(found, as_json=json_)
        leave_with_status(found.status, fail_on)


def _run(request: MonitorRequest, *, direct: bool) -> MonitorRun:
    if direct:
        from clarify.steps.monitor_line import run_monitor

        return run_monitor(request)
    from clarify.steps.monitor_plan import read_monitor_document
    from flows.monitoring import MonitorParameters, run_flow

    kind = read_monitor_document(request.monitor).monitor.kind
    return run_flow(kind, MonitorParameters.of(request))


def _moment(text: str | None) -> datetime | None:
    """A moment of ISO 8601; without a zone it is in UTC."""
    from datetime import UTC, datetime

    from clarify.errors import ConfigError, Problem

    try:
        moment = None if text is None else datetime.fromisoformat(text)
    except ValueError as error:
        problem = Problem("RUN-VALUE", "--at", repr(text), "a moment of ISO 8601", "write 2026-11-01T06:00:00Z, say")
        raise ConfigError(problem) from error
    return moment if moment is None or moment.tzinfo else moment.replace(tzinfo=UTC)


def _print_windows(run: MonitorRun, *, as_json: bool) -> None:
    import json

    rows = [_row(checked) for checked in run.checked]
    if as_json:
        skipped = [window.name for window in run.skipped]
        print(json.dumps({"status": run.status, "windows": rows, "skipped": skipped}, indent=2))
        return
    for row in rows:
        said = f"{row['status']}. {row['headline']}" if row["status"] else "somebody else is at it"
        print(f"{row['window']} ({row['outcome']}, revision {row['revision']}): {said}\n  {row['record']}")
    if run.skipped:
        print(f"not made up for: {len(run.skipped)} windows, the first is {run.skipped[0].name}")


def _row(checked: CheckedWindow) -> dict[str, str | int | None]:
    record = checked.record
    return {
        "window": checked.due.window.name,
        "why": checked.due.why,
        "outcome": checked.outcome,
        "revision": record.revision if record is not None else None,
        "status": record.status if record is not None else None,
        "headline": record.headline if record is not None else None,
        "record": checked.stored.folder_uri if checked.stored is not None else None,
    }
