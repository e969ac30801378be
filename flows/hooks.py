"""What a flow run does beside its work: its name, and the clean-up when it ends early."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from prefect import runtime
from prefect.client.schemas.objects import FlowRun
from prefect.flows import Flow
from prefect.states import State

from clarify.steps.provision_endpoint import reap_endpoints as reap


def name_after_output() -> str:
    """``analysis-<last part of the output>``: what a list of runs is searched for; masked, the run's own id."""
    parameters: Any = runtime.flow_run.parameters.get("parameters", {})
    given = parameters if isinstance(parameters, dict) else parameters.model_dump()
    if given.get("mask_names"):
        return f"analysis-{str(runtime.flow_run.id)[:8]}"
    return f"analysis-{str(given.get('output') or '').rstrip('/').rsplit('/', 1)[-1] or 'run'}"


def name_after_monitor() -> str:
    """``<monitor's file>-<moment>``, the moment being the one whose window is looked at."""
    parameters: Any = runtime.flow_run.parameters.get("parameters", {})
    given = parameters if isinstance(parameters, dict) else parameters.model_dump()
    moment = given.get("at") or runtime.flow_run.scheduled_start_time
    name = str(given.get("monitor") or "monitor").rstrip("/").rsplit("/", 1)[-1].rsplit(".", 1)[0]
    return f"{name}-{f'{moment:%Y%m%dT%H%M%SZ}' if isinstance(moment, datetime) else moment}"


# Prefect calls hooks with exactly these three keywords; other names fail, and only the log says so.
def reap_endpoints(flow: Flow[Any, Any], flow_run: FlowRun, state: State[Any]) -> None:
    """End scoring servers whose owner is gone: the hook may run in another process than the flow."""
    reap()
