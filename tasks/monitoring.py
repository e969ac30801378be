"""One task per step of a monitor's run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from prefect import task

from clarify.steps import collect_window, line, look_at_window, monitor_plan, record_store
from tasks import monitor_tracking, policies
from tasks.calling import as_tasks


@task(name="plan-monitor", task_run_name="plan", **policies.RESUMES)
def plan_monitor(*args: Any, **kwargs: Any) -> Any:
    """Read the monitor's documents."""
    return monitor_plan.plan_monitor(*args, **kwargs)


@task(name="collect-window", task_run_name="collect", **policies.RESUMES)
def collect(*args: Any, **kwargs: Any) -> Any:
    """Gather the window's rows and their labels into one file."""
    return collect_window.collect_window(*args, **kwargs)


@task(name="check-data-quality", task_run_name="check data quality", **policies.RESUMES)
def check_data_quality(*args: Any, **kwargs: Any) -> Any:
    """Hold the window's columns against their constraints."""
    return look_at_window.check_quality(*args, **kwargs)


@task(name="analyse-window", task_run_name="analyse", **policies.RESUMES)
def analyse(*args: Any, **kwargs: Any) -> Any:
    """The window's own analysis, as one task: its steps would triple what Prefect has to write down."""
    return line.run_analysis(*args, **kwargs)


@task(name="check-window", task_run_name="check", **policies.RESUMES)
def check(*args: Any, **kwargs: Any) -> Any:
    """Hold the window against the reference."""
    return look_at_window.check(*args, **kwargs)


@task(name="publish-record", task_run_name="publish", **policies.RESUMES)
def publish(*args: Any, **kwargs: Any) -> Any:
    """Publish the window's record, its manifest last."""
    return record_store.publish_record(*args, **kwargs)


@task(name="log-to-mlflow", task_run_name="log-to-mlflow", **policies.RESUMES)
def log_to_mlflow(tracking_uri: str, stored: record_store.StoredRecord) -> None:
    """Log the window's numbers to the monitor's run, and its documents."""
    monitor_tracking.log_window(tracking_uri, stored.record, record_store.documents_of(stored))


OF_STEP: dict[Callable[..., Any], Any] = {
    monitor_plan.plan_monitor: plan_monitor,
    collect_window.collect_window: collect,
    look_at_window.check_quality: check_data_quality,
    line.run_analysis: analyse,
    look_at_window.check: check,
    record_store.publish_record: publish,
}

call_as_task = as_tasks(OF_STEP)
