"""The four flows of monitors: one run serves one tick of a schedule, and makes up for the ticks that were missed."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial
from typing import Any, Self

from prefect import flow, runtime
from prefect.logging import get_run_logger
from prefect.states import State
from pydantic import BaseModel, Field

from clarify.config.settings import RunSettings
from clarify.steps.line import ReportProgress
from clarify.steps.monitor_line import MonitorRun, News, run_monitor
from clarify.steps.monitor_plan import MonitorRequest
from clarify.steps.write_report import RunFacts
from flows import hooks
from flows.progress import log_progress
from flows.states import monitored
from tasks import signals, tracking
from tasks.monitoring import call_as_task, log_to_mlflow


class MonitorParameters(BaseModel):
    """Which monitor runs. Paths are seen from the worker; secrets belong in its environment."""

    monitor: str = Field(description="URI of the monitor's document (monitor.yaml): a path the worker sees, or s3://...")
    at: datetime | None = Field(
        default=None,
        description="Moment whose window is looked at; empty: the moment the run was scheduled for. Between two ticks"
        " of the schedule the earlier one is meant",
    )
    again: bool = Field(default=False, description="Look at the window even if nothing has changed since the last look")
    tracking_uri: str | None = Field(
        default=None, description="MLflow tracking server; empty: MLFLOW_TRACKING_URI, else a file beside the worker"
    )
    workers: int | None = Field(default=None, ge=1, description="Processes of the local engine; empty: one per core")

    @classmethod
    def of(cls, request: MonitorRequest) -> Self:
        """The parameters that ask for the same."""
        settings = request.settings
        return cls(
            monitor=request.monitor,
            at=request.at,
            again=request.again,
            tracking_uri=settings.tracking_uri,
            workers=settings.workers,
        )

    def request(self, scheduled: datetime | None) -> MonitorRequest:
        """The same, as the library understands it."""
        settings = RunSettings(tracking_uri=tracking.tracking_uri_of(self.tracking_uri), workers=self.workers)
        at = self.at or scheduled
        if at is not None and at.tzinfo is None:
            at = at.replace(tzinfo=UTC)
        return MonitorRequest(self.monitor, at, self.again, settings)


OPTIONS: dict[str, Any] = {
    "flow_run_name": hooks.name_after_monitor,
    "retries": 0,               # a retried flow would take its own concurrency slot; tasks are retried instead
    "persist_result": False,
    "on_cancellation": [hooks.reap_endpoints],
    "on_crashed": [hooks.reap_endpoints],
    "on_failure": [hooks.reap_endpoints],
}


@flow(name="clarify-bias-drift", **OPTIONS)
def clarify_bias_drift(parameters: MonitorParameters) -> Any:
    """Measure the window's bias metrics and hold them against the reference."""
    return _run(parameters)


@flow(name="clarify-attribution-drift", **OPTIONS)
def clarify_attribution_drift(parameters: MonitorParameters) -> Any:
    """Explain the window's rows and compare the attributions with the reference."""
    return _run(parameters)


@flow(name="clarify-data-quality", **OPTIONS)
def clarify_data_quality(parameters: MonitorParameters) -> Any:
    """Check the window's columns and distributions against the constraints."""
    return _run(parameters)


@flow(name="clarify-model-quality", **OPTIONS)
def clarify_model_quality(parameters: MonitorParameters) -> Any:
    """Measure how well the model did in the window, overall and by facet."""
    return _run(parameters)


FLOWS = {
    "bias-drift": clarify_bias_drift,
    "attribution-drift": clarify_attribution_drift,
    "data-quality": clarify_data_quality,
    "model-quality": clarify_model_quality,
}


def run_flow(kind: str, parameters: MonitorParameters) -> MonitorRun:
    """Run the flow of a kind in this process, on the configured Prefect API or Prefect's own."""
    state: State[Any] = FLOWS[kind](parameters, return_state=True)
    # A window that could not be looked at fails the flow run; what was found is there all the same.
    found = state.result(raise_on_failure=False)
    if isinstance(found, BaseException):
        raise found
    run: MonitorRun = found
    return run


def _run(parameters: MonitorParameters) -> Any:
    return monitored(watch(parameters, report=log_progress(get_run_logger())))


def watch(parameters: MonitorParameters, *, report: ReportProgress) -> MonitorRun:
    """Look at every due window as tasks; each finding is tracked and signalled as soon as it is published."""
    request = parameters.request(_scheduled())
    facts = RunFacts(command=f"clarify monitor run {request.monitor}", prefect_flow_run_id=str(runtime.flow_run.id))
    return run_monitor(
        request, call=call_as_task, facts=facts, report=report, tell=partial(_tell, request.settings.tracking_uri)
    )


def _tell(tracking_uri: str | None, news: News) -> bool:
    """MLflow, Prefect's page and Prefect's events; whoever is away does not keep the others from hearing it."""
    record = news.stored.record
    window = f"{record.window.name}, revision {record.revision}"
    get_run_logger().info("%s: %s. %s", window, record.status, record.headline)
    tracked = log_to_mlflow(str(tracking_uri), news.stored, return_state=True)
    signals.show_record(record, output_uri=news.monitor.output)
    unheard = signals.signal(record, signals.compared(news.past, record.window), output_uri=news.monitor.output)
    return tracked.is_completed() and not unheard


def _scheduled() -> datetime | None:
    """The moment this run was scheduled for, however late it starts."""
    moment: datetime | None = runtime.flow_run.scheduled_start_time
    # Prefect's moments are pendulum's, which do not take part in the arithmetic of ordinary ones.
    return None if moment is None else datetime.fromtimestamp(moment.timestamp(), UTC)
