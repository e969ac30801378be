"""The analysis_config.json of one window: that of the monitor, with what its kind needs, about its own columns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from clarify.config.analysis import AnalysisConfig, Shap
from clarify.config.columns import DOCUMENTS
from clarify.config.input_attributes import resolved
from clarify.records import Kind
from clarify.results import Notice

REQUEST_TYPES = ("text/csv", *DOCUMENTS)


@dataclass(frozen=True)
class WindowRoles:
    """What a window was written as: where, how, and which column is what."""

    dataset_type: str
    dataset_uri: str | None
    columns: tuple[str, ...]
    label: str | None = None
    predicted_label: str | None = None
    score: str | None = None


def window_document(
    config: AnalysisConfig, kind: Kind, roles: WindowRoles, *, shap_baseline: str | None
) -> tuple[dict[str, Any], tuple[Notice, ...]]:
    """The document, ready for JSON, and what the reader must know of it.

    Bias drift asks for both stages of bias and no model, attribution drift for attributions of the features alone.
    Model quality is bias of the same columns where the config has facets; data quality needs no method, so the one
    that says nothing about labels stands there.
    """
    document: dict[str, Any] = {"version": "1.0", "dataset_type": roles.dataset_type}
    if roles.dataset_uri is not None:
        document["dataset_uri"] = roles.dataset_uri
    if roles.columns:
        document["headers"] = list(roles.columns)
    has_groups = config.facet is not None and config.label_values_or_threshold is not None
    notices: tuple[Notice, ...] = ()
    if kind == "bias-drift" or (kind == "model-quality" and has_groups):
        document |= _bias(config, roles)
    else:
        document |= _label(roles)
        explained, notices = _explanations(config, roles, kind, shap_baseline)
        document |= explained
    excluded = list(_excluded(config, roles))
    return document | ({"excluded_columns": excluded} if excluded else {}), notices


def _bias(config: AnalysisConfig, roles: WindowRoles) -> dict[str, Any]:
    methods = config.methods
    found: dict[str, Any] = {
        **_label(roles),
        "label_values_or_threshold": _plain(config.label_values_or_threshold),
        "facet": [_plain(facet) | {"name_or_index": resolved(facet.name_or_index, config)} for facet in config.facets],
        "methods": {
            "pre_training_bias": _plain(methods.pre_training_bias) or {"methods": "all"},
            "post_training_bias": _plain(methods.post_training_bias) or {"methods": "all"},
            **_report(config),
        },
    }
    if config.group_variable is not None:
        found["group_variable"] = resolved(config.group_variable, config)
    segments = [_plain(part) | {"name_or_index": resolved(part.name_or_index, config)}
                for part in config.segment_config or ()]
    return found | ({"segment_config": segments} if segments else {})


def _label(roles: WindowRoles) -> dict[str, Any]:
    named = {"label": roles.label, "predicted_label": roles.predicted_label}
    return {key: name for key, name in named.items() if name is not None}


def _explanations(
    config: AnalysisConfig, roles: WindowRoles, kind: Kind, baseline: str | None
) -> tuple[dict[str, Any], tuple[Notice, ...]]:
    if kind != "attribution-drift":
        return {"methods": {"shap": {}, **_report(config)}}, ()
    shap, notices = _shap(config, roles, baseline)
    found: dict[str, Any] = {"methods": {"shap": shap, **_report(config)}}
    if config.predictor is not None:
        found["predictor"] = _plain(config.predictor)
        stated = config.predictor.content_type is not None
        if not stated and config.dataset_type in REQUEST_TYPES and config.dataset_type != roles.dataset_type:
            found["predictor"]["content_type"] = config.dataset_type
    return found, notices


def _shap(
    config: AnalysisConfig, roles: WindowRoles, baseline: str | None
) -> tuple[dict[str, Any], tuple[Notice, ...]]:
    shap = config.methods.shap
    found: dict[str, Any] = _plain(shap) or {}
    notices: tuple[Notice, ...] = ()
    if baseline is not None:
        found.pop("num_clusters", None)
        found["baseline"] = baseline
    elif shap is not None and not _is_table_baseline(shap):
        del found["baseline"]
        message = "rows written as objects do not fit the window's table: the baseline is computed from the window"
        notices = (Notice("WINDOW-BASELINE", "methods.shap.baseline", message),)
    chosen = shap.features_to_explain if shap is not None else None
    if chosen is not None:
        names = [resolved(reference, config) for reference in chosen]
        found["features_to_explain"] = [name for name in names if name in roles.columns]
    return found, notices


def _is_table_baseline(shap: Shap) -> bool:
    rows = shap.baseline
    return rows is None or isinstance(rows, str) or (
        not isinstance(rows, dict) and not any(isinstance(row, dict) for row in rows))


def _report(config: AnalysisConfig) -> dict[str, Any]:
    return {"report": _plain(config.methods.report)} if config.methods.report is not None else {}


def _excluded(config: AnalysisConfig, roles: WindowRoles) -> Iterator[str]:
    joined = () if config.joinsource_name_or_index is None else (config.joinsource_name_or_index,)
    references: Sequence[str | int] = (*(config.excluded_columns or ()), *joined)
    names = [resolved(reference, config) for reference in references]
    for name in dict.fromkeys((*names, roles.score)):
        if name is not None and name in roles.columns:
            yield name


def _plain(value: Any) -> Any:
    """A part of the config as JSON has it, with the keys that were written."""
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json", exclude_none=True, exclude_unset=True)
    return list(value) if isinstance(value, tuple) else value
