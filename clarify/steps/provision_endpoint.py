"""Lease a scoring server for the time of one analysis, or connect to one that runs already."""

from __future__ import annotations

import os
from dataclasses import dataclass

from clarify.config.analysis import Predictor
from clarify.endpoints.base import EndpointSpec
from clarify.endpoints.deployment import LeaseRecord, close_lease, describe, open_lease, reap
from clarify.errors import ConfigError, Problem
from clarify.results import ModelDescription, Notice
from clarify.steps.plan import AnalysisPlan
from clarify.steps.validate_dataset import PreparedData


@dataclass(frozen=True)
class LeasedEndpoint:
    """Where the model answers while the analysis runs, what it is, and the lease to give back."""

    spec: EndpointSpec
    model: ModelDescription
    lease: LeaseRecord | None = None     # None: a foreign server, or a model inside the workers
    notices: tuple[Notice, ...] = ()


def provision_endpoint(plan: AnalysisPlan, data: PreparedData) -> LeasedEndpoint:
    """Start the model in a process of its own (or find it), and ask what kind of answers it gives.

    Raises
    ------
    EndpointError
        When the model cannot be loaded or nobody answers; with the tail of the server's own log.
    ConfigError
        When scores are needed and the model can only name classes.
    """
    reap()
    spec, lease = _open(plan, data)
    try:
        metadata = describe(spec)
        model = _model(plan, metadata)
        _check_scores_exist(plan, model)
    except BaseException:
        if lease is not None:
            close_lease(lease)
        raise
    return LeasedEndpoint(spec, model, lease)


def release_endpoint(endpoint: LeasedEndpoint) -> None:
    """Stop what provision_endpoint started; safe to call twice."""
    if endpoint.lease is not None:
        close_lease(endpoint.lease)
