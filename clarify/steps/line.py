"""The order of one analysis, written once: the command line and the Prefect flow both walk this line."""

from __future__ import annotations

from collections.abc import Callable
from typing import ParamSpec, Protocol, TypeVar

from clarify.engines.base import Engine
from clarify.steps.explain import explain
from clarify.steps.measure_bias import measure_post_training_bias, measure_pre_training_bias
from clarify.steps.plan import AnalysisRequest, plan_analysis
from clarify.steps.predict import predict
from clarify.steps.provision_endpoint import provision_endpoint, release_endpoint
from clarify.steps.validate_dataset import validate_dataset
from clarify.steps.write_report import PublishedAnalysis, RunFacts, write_report

P = ParamSpec("P")
R = TypeVar("R")


class Call(Protocol):
    """How a step is run: called here and now, or as a task of a flow."""

    def __call__(self, step: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R: ...


def call_directly(step: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
    """Run a step in this process, with nothing around it."""
    return step(*args, **kwargs)


def run_analysis(
    request: AnalysisRequest, engine: Engine, *, call: Call = call_directly, facts: RunFacts | None = None
) -> PublishedAnalysis:
    """Validate, measure bias, provision the model, measure again, explain, report.

    Parameters
    ----------
    call : how each step is run
    facts : what is true of this run only (times, run ids); goes to provenance, never into results

    Raises
    ------
    ClarifyError
        Whatever a step raises. The endpoint is released whatever happens; nothing is published before the end.
    """
    plan = call(plan_analysis, request)
    data = call(validate_dataset, plan, engine)
    pre = call(measure_pre_training_bias, plan, data, engine) if plan.config.pre_training_metrics else None
    post = explanations = lease = None
    try:
        lease = call(provision_endpoint, plan, data) if plan.needs_endpoint else None
        scored = call(predict, plan, data, lease, engine) if lease and plan.config.needs_predictions else None
        if plan.config.post_training_metrics:
            post = call(measure_post_training_bias, plan, data, scored, engine)
        if lease and plan.config.methods.shap is not None:
            explanations = call(explain, plan, data, lease, engine)
    finally:
        if lease is not None:
            call(release_endpoint, lease)
    return call(write_report, plan, data, lease, pre, post, explanations, facts or RunFacts())


