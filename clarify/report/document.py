"""The documents of an analysis: analysis.json in AWS's shape, extended.json with all that shape cannot hold."""

from __future__ import annotations

import math
from dataclasses import replace

from clarify.bias.catalog import BY_NAME
from clarify.errors import DataError, Problem
from clarify.report.encoding import Plain, dump, dump_numbers_in_rows, from_plain, load, number, to_plain
from clarify.report.names import without_secrets
from clarify.report.schema import EXTENDED_VERSION
from clarify.results import (
    AnalysisResult,
    AwsValue,
    BiasSection,
    ExplanationSection,
    FacetBias,
    MetricValue,
    PartialDependence,
)

ANALYSIS_VERSION = "1.0"
NOT_A_NUMBER = "The value is not a number."


def analysis_document(result: AnalysisResult) -> bytes:
    """``analysis.json`` exactly as AWS shapes it: readers of the original need no change.

    Keys in the order version, explanations, post-training, pre-training; four-space indent; metrics sorted by
    name; a value is a number, null (then ``error`` says why) or ``"Infinity"`` / ``"-Infinity"``.

    Raises
    ------
    DataError
        If an attribution or an expected value is NaN.
    """
    document: dict[str, Plain] = {"version": ANALYSIS_VERSION}
    explanations: dict[str, Plain] = {}
    if result.explanations is not None:
        explanations["kernel_shap"] = _kernel_shap(result.explanations)
    if result.partial_dependence:
        explanations["pdp"] = [_dependence(varied) for varied in result.partial_dependence]
    if explanations:
        document["explanations"] = explanations
    if result.post_training is not None:
        document["post_training_bias_metrics"] = _bias(result.post_training)
    if result.pre_training is not None:
        document["pre_training_bias_metrics"] = _bias(result.pre_training)
    return dump(document).removesuffix(b"\n")      # as the original, which ends with the brace


def _kernel_shap(section: ExplanationSection) -> Plain:
    return {
        output.label: {
            "global_shap_values": {
                feature.feature: number(feature.by(section.aggregation), field=f"explanations.{feature.feature}")
                for feature in output.features
            },
            "expected_value": number(output.expected_value, field=f"explanations.{output.label}.expected_value"),
        }
        for output in section.outputs
    }


def _dependence(varied: PartialDependence) -> Plain:
    head: dict[str, Plain] = {"feature_name": varied.feature, "data_type": varied.data_type}
    if varied.error is not None:
        return {**head, "error": varied.error}
    return {
        **head,
        "feature_values": list(varied.categories or varied.feature_values),
        "model_predictions": [
            [number(mean, field=f"explanations.pdp.{varied.feature}") for mean in output.means]
            for output in varied.outputs
        ],
        "data_distribution": list(varied.data_distribution),
        "label_headers": [output.label for output in varied.outputs],
    }


def _bias(section: BiasSection) -> Plain:
    facets: dict[str, list[Plain]] = {}
    for facet in section.facets:
        facets.setdefault(facet.facet, []).append(_facet(facet))
    return {
        "label": section.label,
        "facets": {name: list(groups) for name, groups in facets.items()},
        "label_value_or_threshold": section.label_value_or_threshold,
    }


def _facet(facet: FacetBias) -> Plain:
    metrics = sorted(facet.metrics, key=lambda metric: metric.name)
    return {"value_or_threshold": facet.value_or_threshold, "metrics": [_metric(metric) for metric in metrics]}


def _metric(metric: MetricValue) -> Plain:
    value = AwsValue(None, NOT_A_NUMBER) if _is_nan(metric.aws.value) else metric.aws
    row: dict[str, Plain] = {"name": metric.name, "description": BY_NAME[metric.name].description}
    row["value"] = None if value.value is None else number(value.value, field=metric.name)
    if value.error is not None:
        row["error"] = value.error
    return row


def _is_nan(value: float | None) -> bool:
    return value is not None and math.isnan(value)


def extended_document(result: AnalysisResult) -> bytes:
    """``extended.json``: the whole result as strict JSON, described by ``schema.extended_schema``.

    Holds no time, host or run id, so a rerun writes the same bytes. Credentials inside URIs are left out. Four-space
    indent; an array of numbers is one line.

    Raises
    ------
    DataError
        If a number is NaN.
    """
    plain = to_plain(_without_credentials(result))
    return dump_numbers_in_rows({"version": EXTENDED_VERSION, **plain} if isinstance(plain, dict) else plain)


def _without_credentials(result: AnalysisResult) -> AnalysisResult:
    dataset = replace(result.dataset, uri=without_secrets(result.dataset.uri))
    if result.model is None:
        return replace(result, dataset=dataset)
    uri, pinned = without_secrets(result.model.uri), without_secrets(result.model.pinned_uri)
    return replace(result, dataset=dataset, model=replace(result.model, uri=uri, pinned_uri=pinned))


def read_extended(content: bytes) -> AnalysisResult:
    """The result that ``extended_document`` wrote.

    Raises
    ------
    DataError
        If the bytes are not strict JSON, of another version, or a field does not fit.
    """
    plain = load(content, field="extended.json")
    version = plain.pop("version", None)
    if version != EXTENDED_VERSION:
        raise DataError(
            Problem("DOC-VERSION", "version", str(version), EXTENDED_VERSION, "run the analysis again to rewrite it")
        )
    return from_plain(AnalysisResult, plain, field="extended.json")
