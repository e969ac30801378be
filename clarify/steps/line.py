"""The order of one analysis, written once: the command line and the Prefect flow both walk this line."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import ParamSpec, Protocol, TypeVar

from clarify.engines.base import Engine, Progress, ReportProgress, be_silent
from clarify.steps.choose_engine import open_engine
from clarify.steps.closer_looks import CloserLooks, look_closer
from clarify.steps.explain import explain
from clarify.steps.judge import judge
from clarify.steps.measure_bias import measure_post_training_bias, measure_pre_training_bias
from clarify.steps.partial_dependence import partial_dependence
from clarify.steps.plan import AnalysisPlan, AnalysisRequest, plan_analysis
from clarify.steps.predict import close_endpoints, predict
from clarify.steps.provision_endpoint import provision_endpoint, release_endpoint
from clarify.steps.validate_dataset import validate_dataset
from clarify.steps.write_report import Findings, PublishedAnalysis, RunFacts, write_report

__all__ = ["Call", "Progress", "ReportProgress", "be_silent", "call_directly", "run_analysis"]

P = ParamSpec("P")
R = TypeVar("R")


class Call(Protocol):
    """How a step is run: called here and now, or as a task of a flow."""

    def __call__(self, step: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R: ...


def call_directly(step: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
    """Run a step in this process, with nothing around it."""
    return step(*args, **kwargs)


def run_analysis(
    request: AnalysisRequest,
    *,
    call: Call = call_directly,
    facts: RunFacts | None = None,
    report: ReportProgress = be_silent,
) -> PublishedAnalysis:
    """Validate, measure bias, provision the model, measure again, explain, vary features, report.

    Parameters
    ----------
    call : how each step is run
    facts : what is true of this run only (times, run ids); goes to provenance, never into results
    report : told how far each pass over the data is

    Raises
    ------
    ClarifyError
        Whatever a step raises. The endpoint is released whatever happens; nothing is published before the end.
    """
    plan = call(plan_analysis, request)
    with open_engine(plan.settings, dataset_bytes=plan.source.bytes, report=report) as engine:
        return _walk(plan, engine, call, replace(facts or RunFacts(), engine=engine.name))


def _walk(plan: AnalysisPlan, engine: Engine, call: Call, facts: RunFacts) -> PublishedAnalysis:
    data = call(validate_dataset, plan, engine)
    pre = call(measure_pre_training_bias, plan, data, engine) if plan.config.pre_training_metrics else None
    lease = scored = post = explanations = dependence = closer = None
    try:
        lease = call(provision_endpoint, plan, data) if plan.needs_endpoint else None
        scored = call(predict, plan, data, lease, engine) if lease and plan.config.needs_predictions else None
        if plan.config.post_training_metrics:
            post = call(measure_post_training_bias, plan, data, scored, engine)
        if plan.config.bias_requested:
            closer = call(look_closer, plan, data, scored, engine)
        if lease and plan.config.methods.shap is not None:
            explanations = call(explain, plan, data, lease, engine)
        if lease and plan.config.methods.pdp is not None:
            explained = explanations.section if explanations is not None else None
            dependence = call(partial_dependence, plan, data, lease, explained, engine)
    finally:
        close_endpoints()
        if lease is not None:
            call(release_endpoint, lease)
    verdicts = call(judge, plan.policy, pre, post) if plan.policy is not None else None
    found = Findings(pre, post, verdicts, closer or CloserLooks(), explanations, dependence or ())
    return call(write_report, plan, data, lease, scored, found, facts)
