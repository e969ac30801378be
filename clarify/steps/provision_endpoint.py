"""Lease a scoring server for the time of one analysis, or connect to one that runs already."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace

import numpy as np

from clarify.config.support import notices_without_invocations
from clarify.config.template_checks import content_type_of
from clarify.config.templates import template_text
from clarify.data.dataset import cut, read_fragment
from clarify.data.feature_matrix import read_features
from clarify.endpoints.base import Endpoint, EndpointSpec, ModelMetadata, OutputKind, Predictions
from clarify.endpoints.lease import LeaseRecord, close_lease, open_lease, reap
from clarify.endpoints.opening import open_endpoint
from clarify.errors import ConfigError, Problem
from clarify.results import ModelDescription, Notice
from clarify.steps.label_reading import KnownLabels, LabelReading, check_labels, read_label
from clarify.steps.plan import AnalysisPlan
from clarify.steps.validate_dataset import PreparedData

PROBE_ROWS = 256
CUSTOM_ATTRIBUTES = "X-Amzn-SageMaker-Custom-Attributes"
TARGET_MODEL = "X-Amzn-SageMaker-Target-Model"
FEWEST_ROWS_TO_TELL = 20         # fewer answers say nothing about whether they are labels


@dataclass(frozen=True)
class LeasedEndpoint:
    """Where the model answers while the analysis runs, what it is, and the lease to give back."""

    spec: EndpointSpec
    model: ModelDescription
    lease: LeaseRecord | None = None     # None: a foreign server, or a model inside the workers
    notices: tuple[Notice, ...] = ()


def provision_endpoint(plan: AnalysisPlan, data: PreparedData) -> LeasedEndpoint:
    """Start the model in a process of its own (or find it), and see what kind of answers it gives.

    Raises
    ------
    EndpointError
        When the model cannot be loaded or nobody answers; with the end of the server's own log.
    ConfigError
        When scores are needed and the model can only name classes.
    """
    reap()
    spec, lease = _open(plan)
    try:
        return replace(_meet(plan, data, spec), lease=lease)
    except BaseException:
        if lease is not None:
            close_lease(lease)
        raise


def reap_endpoints() -> None:
    """End every lease whose owner is gone; run wherever a run may have ended without its own clean-up."""
    reap()


def release_endpoint(endpoint: LeasedEndpoint) -> None:
    """Stop what provision_endpoint started; safe to call twice."""
    if endpoint.lease is not None:
        close_lease(endpoint.lease)


def _open(plan: AnalysisPlan) -> tuple[EndpointSpec, LeaseRecord | None]:
    spec = _reading(plan)
    if plan.settings.endpoint is not None:
        return replace(spec, url=plan.settings.endpoint), None
    if plan.model is None:
        raise ConfigError(
            Problem("CFG-MODEL-MISSING", "predictor", "no model", "a model or an endpoint", "add --model or --endpoint")
        )
    if plan.settings.in_process_model:
        return replace(spec, model_path=plan.model.path), None
    lease = open_lease(plan.model, n_workers=server_processes(plan))
    return lease.spec(spec), lease


def server_processes(plan: AnalysisPlan) -> int:
    """The settings' number, else the larger of the config's instance count and the cores of this machine."""
    predictor = plan.config.predictor
    asked = predictor.initial_instance_count if predictor is not None else None
    return plan.settings.server_processes or max(asked or 1, os.cpu_count() or 1)


def _reading(plan: AnalysisPlan) -> EndpointSpec:
    """What the config says of requests and answers."""
    config, predictor = plan.config, plan.config.predictor
    spec = EndpointSpec(
        content_type=content_type_of(config),
        positive_label=tuple(str(value) for value in config.label_values_or_threshold or ()),
    )
    if predictor is None:
        return spec
    content = predictor.content_template
    headers = ((CUSTOM_ATTRIBUTES, predictor.custom_attributes), (TARGET_MODEL, predictor.target_model))
    return replace(
        spec,
        accept_type=predictor.accept_type,
        content_template=None if content is None else template_text(content),
        record_template=predictor.record_template,
        request_headers=tuple((name, value) for name, value in headers if value is not None),
        # The same place twice holds one thing, and a probability says which.
        label=None if predictor.label == predictor.probability else predictor.label,
        probability=predictor.probability,
        label_headers=tuple(str(name) for name in predictor.label_headers or ()),
    )


def _meet(plan: AnalysisPlan, data: PreparedData, spec: EndpointSpec) -> LeasedEndpoint:
    endpoint = open_endpoint(spec)
    notices: tuple[Notice, ...] = ()
    try:
        output, server = endpoint.metadata.output_kind, endpoint.metadata.server
        if output is None:
            output, reading = _probe(endpoint, plan, data, spec)
            spec, notices = reading.spec, reading.notices
        model = _describe(plan, endpoint.metadata, output)
        if server not in ("invocations", "mlflow"):
            notices += notices_without_invocations(plan.config)
    finally:
        endpoint.close()
    if output == "label" and plan.config.explanations_requested:
        raise ConfigError(
            Problem(
                code="ENDPOINT-LABELS",
                field="predictor",
                received=f"a model that answers class labels ({', '.join(model.classes) or 'at most two values'})",
                allowed="a model that answers scores: what is explained is a number",
                hint="save the model with pyfunc_predict_fn='predict_proba', or say where the score sits in"
                " predictor.probability",
            )
        )
    return LeasedEndpoint(spec, model, notices=notices)


def _probe(
    endpoint: Endpoint, plan: AnalysisPlan, data: PreparedData, spec: EndpointSpec
) -> tuple[OutputKind, LabelReading]:
    """What a server that does not say answers, and what sits at ``predictor.label``: seen in answers to some rows."""
    fragment = cut(data.dataset, PROBE_ROWS)[0]
    label = data.roles.label if plan.config.needs_predictions else None
    names = [column.name for column in data.features]
    table = read_fragment(fragment, columns=names if label is None else [*names, label.column])
    answers = endpoint.predict(read_features(table, data.features))
    known = None if label is None else KnownLabels.of(label, table[label.column])
    output, reading = _output_of(answers), read_label(spec, answers, known)
    if output == "label" and known is not None:
        check_labels(answers, known)
    return output, reading


def _output_of(answers: Predictions) -> OutputKind:
    """Whether answers are labels: at most two whole numbers over many different rows."""
    if answers.scores is None:
        return "label"
    scores = answers.scores
    if scores.shape[1] > 1 or len(scores) < FEWEST_ROWS_TO_TELL:
        return "probability"
    values = np.unique(scores[np.isfinite(scores)])
    if len(values) <= 2 and not (values % 1).any():
        return "label"
    return "probability" if ((values >= 0) & (values <= 1)).all() else "score"


def _describe(plan: AnalysisPlan, metadata: ModelMetadata, output: OutputKind) -> ModelDescription:
    pinned = plan.model
    if pinned is None:
        url = plan.settings.endpoint or ""
        return ModelDescription(url, url, url, None, None, output, metadata.classes, "remote")
    return ModelDescription(
        uri=pinned.uri,
        pinned_uri=pinned.pinned_uri,
        name=pinned.name or pinned.uri.rstrip("/").rsplit("/", 1)[-1],
        version=pinned.version,
        digest=pinned.digest,
        output=output,
        classes=metadata.classes,
        isolation="none" if plan.settings.in_process_model else "process",
    )
