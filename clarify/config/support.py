"""What a config may ask for and this version cannot do: refused by name, with what to do instead."""

from __future__ import annotations

from collections.abc import Iterator

from clarify.config.analysis import AnalysisConfig
from clarify.config.checks import DOCUMENTS, TABLES
from clarify.config.json_text import shown
from clarify.config.template_checks import foreign_problems
from clarify.errors import ConfigError, Problem
from clarify.results import Notice

REQUEST_TYPES = ("text/csv", "application/json", "application/jsonlines")

FLATTEN = "write the records as CSV or Parquet and set dataset_type to match"

NO_PREDICTIONS = "predicted_label_column has to be provided for Post training metrics"

# Keys that parse and are not built, and what to do instead.
NOT_BUILT = (
    ("time_series_data_config", "time series cannot be explained yet: remove the key"),
    ("methods.asymmetric_shapley_value", "time series cannot be explained yet: remove the method"),
    ("methods.shap.text_config", "remove the key; text columns are explained as a whole"),
    ("methods.shap.image_config", "images cannot be explained yet: remove the key"),
    ("predictor.time_series_predictor_config", "time series cannot be explained yet: remove the key"),
)

# AWS's knobs of hired hardware: understood, and nothing happens.
NO_EFFECT = (
    ("predictor.instance_type", "the model is served on this machine"),
    ("predictor.accelerator_type", "the model is served on this machine"),
    ("predictor.endpoint_name_prefix", "endpoints are leased under names of their own"),
)

TABLES_ONLY = (("features", "a table has columns, a path into records is for JSON Lines and JSON"),)


# How a container is asked on /invocations; our own server and tensor servers have protocols of their own.
INVOCATIONS_ONLY = ("content_template", "record_template", "custom_attributes", "target_model")


def unsupported(
    config: AnalysisConfig, *, endpoint: str | None = None, model: str | None = None
) -> tuple[Problem, ...]:
    """Everything the config asks for that is not built, as CFG-UNSUPPORTED problems.

    Parameters
    ----------
    endpoint : str or None
        URL of a running endpoint; answers for ``predictor.endpoint_name``, which means nothing outside AWS.
    model : str or None
        URI of a model to serve instead of the predictor's; it answers for ``endpoint_name`` too.
    """
    return tuple(_unsupported(config, endpoint, model))


def model_problems(
    config: AnalysisConfig, *, endpoint: str | None = None, model: str | None = None
) -> tuple[Problem, ...]:
    """CFG-MODEL-MISSING when a method has to ask a model and none is named, by the config or the command."""
    predictor = config.predictor
    named = predictor is not None and (predictor.model_name is not None or predictor.endpoint_name is not None)
    if not config.needs_model or named or endpoint is not None or model is not None:
        return ()
    asking = [name for name in type(config.methods).model_fields if _asks(config, name)]
    hint = "add predictor.model_name, or name the model with --model or --endpoint"
    if asking == ["post_training_bias"]:
        hint += f"; or name the column of earlier predictions in predicted_label. AWS answers: {NO_PREDICTIONS}"
    return (
        Problem("CFG-MODEL-MISSING", "predictor", "no model", f"a model, needed by {' and '.join(asking)}", hint),
    )


def ensure_runnable(config: AnalysisConfig, *, endpoint: str | None = None, model: str | None = None) -> None:
    """Raise one ConfigError with everything that keeps this config from being run here."""
    ConfigError.collect(
        (*unsupported(config, endpoint=endpoint, model=model), *model_problems(config, endpoint=endpoint, model=model))
    )


def notices_without_effect(config: AnalysisConfig) -> tuple[Notice, ...]:
    """One CFG-NO-EFFECT notice for each key that is understood and changes nothing."""
    paths = (*NO_EFFECT, *(TABLES_ONLY if config.dataset_type in TABLES else ()))
    return tuple(
        Notice("CFG-NO-EFFECT", path, f"{shown(_at(config, path))} has no effect: {why}")
        for path, why in paths
        if _at(config, path) is not None
    )


def notices_without_invocations(config: AnalysisConfig) -> tuple[Notice, ...]:
    """One CFG-NO-EFFECT notice for each key that shapes requests to /invocations, when none are sent there."""
    return tuple(
        Notice("CFG-NO-EFFECT", f"predictor.{key}", "has no effect: this server is not asked on /invocations")
        for key in INVOCATIONS_ONLY
        if _at(config, f"predictor.{key}") is not None
    )


def _unsupported(config: AnalysisConfig, endpoint: str | None, model: str | None) -> Iterator[Problem]:
    if config.dataset_type not in (*TABLES, *DOCUMENTS):
        yield _refusal("dataset_type", config.dataset_type, FLATTEN, " or ".join((*TABLES, *DOCUMENTS)))
    for path, instead in NOT_BUILT:
        value = _at(config, path)
        if value is not None:
            yield _refusal(path, value, instead)
    if endpoint is None and model is None:
        yield from _endpoint_name(config)
    yield from _content_types(config, endpoint)
    if endpoint is not None:
        yield from foreign_problems(config)


def _endpoint_name(config: AnalysisConfig) -> Iterator[Problem]:
    path = "predictor.endpoint_name"
    if _at(config, path) is not None:
        allowed = "an endpoint name together with --endpoint"
        hint = "say where it answers with --endpoint URL, or serve the model with --model"
        yield _refusal(path, _at(config, path), hint, allowed)


def _content_types(config: AnalysisConfig, endpoint: str | None) -> Iterator[Problem]:
    allowed = " or ".join(REQUEST_TYPES)
    for path in ("predictor.content_type", "predictor.accept_type"):
        value = _at(config, path)
        if value is not None and value not in REQUEST_TYPES:
            yield _refusal(path, value, "let the endpoint speak one of these, or serve the model with --model", allowed)
    stated = _at(config, "predictor.content_type") is not None
    if endpoint is not None and config.dataset_type == "application/x-parquet" and not stated:
        hint = "say in predictor.content_type what the endpoint reads: it cannot be sent Parquet"
        yield Problem("CFG-MISSING", "predictor.content_type", "nothing, with a Parquet dataset", allowed, hint)


def _refusal(field: str, received: object, instead: str, allowed: str = "not in this version") -> Problem:
    return Problem("CFG-UNSUPPORTED", field, _brief(received), allowed, instead)


def _brief(value: object) -> str:
    return shown(value) if value is None or isinstance(value, (str, int, float)) else "this key"


def _asks(config: AnalysisConfig, method: str) -> bool:
    if method == "post_training_bias":
        return config.needs_predictions
    return method in ("shap", "pdp", "asymmetric_shapley_value") and getattr(config.methods, method) is not None


def _at(config: AnalysisConfig, path: str) -> object:
    value: object = config
    for part in path.split("."):
        value = getattr(value, part) if value is not None else None
    return value
