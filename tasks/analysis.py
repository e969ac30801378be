"""One task per step of an analysis: each calls its step, shows what came out, and returns it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from prefect import task

from clarify.steps import (
    closer_looks,
    measure_bias,
    partial_dependence,
    plan,
    predict,
    provision_endpoint,
    validate_dataset,
    write_report,
)
from clarify.steps import explain as explaining
from clarify.steps import judge as judging
from tasks import artifacts, policies, tracking
from tasks.calling import as_tasks
from tasks.tracking import TrackedRun


@task(name="plan", task_run_name="plan", **policies.RESUMES)
def plan_analysis(*args: Any) -> Any:
    """Read the documents, list the data, pin the model."""
    return plan.plan_analysis(*args)


@task(name="validate", task_run_name="validate", **policies.RESUMES)
def validate(*args: Any) -> Any:
    """Profile, check and stage the dataset."""
    return validate_dataset.validate_dataset(*args)


@task(name="pre-training-bias", task_run_name="pre-training-bias", **policies.RESUMES)
def pre_training_bias(*args: Any) -> Any:
    """Measure bias in the labels."""
    return measure_bias.measure_pre_training_bias(*args)


@task(name="provision-endpoint", task_run_name="provision-endpoint", **policies.NEVER_REPEATED)
def provision(*args: Any) -> Any:
    """Lease a scoring server."""
    return provision_endpoint.provision_endpoint(*args)


@task(name="predict", task_run_name="predict", **policies.RESUMES)
def predict_rows(*args: Any) -> Any:
    """Ask the model about every row."""
    return predict.predict(*args)


@task(name="post-training-bias", task_run_name="post-training-bias", **policies.RESUMES)
def post_training_bias(*args: Any) -> Any:
    """Measure bias in the predicted labels."""
    return measure_bias.measure_post_training_bias(*args)


@task(name="explain", task_run_name="explain", **policies.RESUMES)
def explain(*args: Any) -> Any:
    """Attribute every score to the features."""
    return explaining.explain(*args)


@task(name="partial-dependence", task_run_name="partial-dependence", **policies.RESUMES)
def vary_features(*args: Any) -> Any:
    """Mean predictions as single features take other values."""
    return partial_dependence.partial_dependence(*args)


@task(name="closer-looks", task_run_name="closer-looks", **policies.RESUMES)
def look_closer(*args: Any) -> Any:
    """Cross facets, measure within segments and class by class, compare continuous outcomes."""
    return closer_looks.look_closer(*args)


@task(name="judge", task_run_name="judge", **policies.RESUMES)
def judge(*args: Any) -> Any:
    """Hold the metrics against the allowed ranges."""
    return judging.judge(*args)


@task(name="release-endpoint", task_run_name="release-endpoint", **policies.NEVER_REPEATED)
def release(*args: Any) -> None:
    """Give the lease back."""
    provision_endpoint.release_endpoint(*args)


@task(name="report", task_run_name="report", **policies.RESUMES)
def report(*args: Any) -> Any:
    """Write and publish the documents."""
    published = write_report.write_report(*args)
    artifacts.show_analysis(published)
    return published


@task(name="log-to-mlflow", task_run_name="log-to-mlflow", **policies.RESUMES)
def log_to_mlflow(run: TrackedRun, published: Any, engine: str) -> None:
    """Log parameters, metrics, dataset, model and documents; say where the report can be opened."""
    tracking.log_analysis(run, published, engine=engine)
    artifacts.show_link(published, tracking.report_address(run, published))


OF_STEP: dict[Callable[..., Any], Any] = {
    plan.plan_analysis: plan_analysis,
    validate_dataset.validate_dataset: validate,
    measure_bias.measure_pre_training_bias: pre_training_bias,
    provision_endpoint.provision_endpoint: provision,
    predict.predict: predict_rows,
    measure_bias.measure_post_training_bias: post_training_bias,
    explaining.explain: explain,
    partial_dependence.partial_dependence: vary_features,
    closer_looks.look_closer: look_closer,
    judging.judge: judge,
    provision_endpoint.release_endpoint: release,
    write_report.write_report: report,
}

call_as_task = as_tasks(OF_STEP)
