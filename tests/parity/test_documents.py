"""analysis.json, character by character as AWS's service writes it."""

import json
import math

import pytest

from clarify.errors import DataError
from clarify.report.document import analysis_document
from clarify.results import (
    AnalysisResult,
    AwsValue,
    BiasSection,
    DatasetDescription,
    ExplanationSection,
    FacetBias,
    FacetCounts,
    GlobalAttribution,
    GroupCounts,
    MetricValue,
    OutputExplanation,
    Reason,
    ValidationOutcome,
)

# The beginning of a document that AWS published from a monitoring run, with the failing metric of its documentation.
PUBLISHED = """\
{
    "version": "1.0",
    "explanations": {
        "kernel_shap": {
            "label0": {
                "global_shap_values": {
                    "Age": 0.0366,
                    "Sex": 0.0179
                },
                "expected_value": 0.000638
            }
        }
    },
    "post_training_bias_metrics": {
        "label": "Target",
        "facets": {
            "Sex": [
                {
                    "value_or_threshold": "0",
                    "metrics": [
                        {
                            "name": "AD",
                            "description": "Accuracy Difference (AD)",
                            "value": -0.15156641604010024
                        },
                        {
                            "name": "DI",
                            "description": "Disparate Impact (DI)",
                            "value": "Infinity"
                        },
                        {
                            "name": "TE",
                            "description": "Treatment Equality (TE)",
                            "value": "-Infinity"
                        }
                    ]
                }
            ]
        },
        "label_value_or_threshold": "1"
    },
    "pre_training_bias_metrics": {
        "label": "Target",
        "facets": {
            "Sex": [
                {
                    "value_or_threshold": "0",
                    "metrics": [
                        {
                            "name": "CDDL",
                            "description": "Conditional Demographic Disparity in Labels (CDDL)",
                            "value": null,
                            "error": "Group variable is empty or not provided"
                        },
                        {
                            "name": "KL",
                            "description": "Kullback-Liebler Divergence (KL)",
                            "value": 0.35
                        }
                    ]
                }
            ]
        },
        "label_value_or_threshold": "1"
    }
}
"""
NOBODY = GroupCounts(0, 0, 0, 0)


def section(stage, *groups, facet="Sex"):
    counts = FacetCounts(NOBODY, NOBODY, NOBODY)
    facets = tuple(FacetBias(facet, value, stage, counts, metrics) for value, metrics in groups)
    return BiasSection(stage, "Target", "1", facets)


def metric(name, value, error=None):
    reason = Reason.NO_GROUP_VARIABLE if value is None else None
    return MetricValue(name, 0.5, AwsValue(value, error), undefined_because=reason)


def explained(aggregation="mean_abs"):
    features = (GlobalAttribution("Age", 0.0366, 0.03, 0.002), GlobalAttribution("Sex", 0.0179, 0.01, 0.0004))
    return ExplanationSection(
        (OutputExplanation("label0", 0.000638, features),), aggregation, (("exact", 4),), 4, 16, 4, 4, 2, 1, "inline",
        use_logit=False, seed=0, local_values_saved=False,
    )  # fmt: skip


def result(**parts):
    dataset = DatasetDescription("data.csv", "csv", "0" * 64, 4, 3, 100)
    return AnalysisResult("0" * 64, dataset, ValidationOutcome(4, (), ()), **parts)


def test_analysis_json_has_the_published_shape_to_the_letter():
    found = result(
        explanations=explained(),
        post_training=section(
            "post_training",
            ("0", (metric("TE", -math.inf), metric("DI", math.inf), metric("AD", -0.15156641604010024))),
        ),
        pre_training=section(
            "pre_training",
            ("0", (metric("KL", 0.35), metric("CDDL", None, "Group variable is empty or not provided"))),
        ),
    )

    document = analysis_document(found)

    assert document.decode() == PUBLISHED.removesuffix("\n")


def test_several_groups_of_one_facet_share_its_list():
    found = result(pre_training=section("pre_training", ("a", (metric("CI", 0.5),)), ("b", (metric("CI", 0.1),))))

    document = json.loads(analysis_document(found))

    groups = document["pre_training_bias_metrics"]["facets"]["Sex"]
    assert [group["value_or_threshold"] for group in groups] == ["a", "b"]


@pytest.mark.parametrize(("aggregation", "age"), [("mean_abs", 0.0366), ("median", 0.03), ("mean_sq", 0.002)])
def test_global_shap_values_follow_the_configured_aggregation(aggregation, age):
    document = json.loads(analysis_document(result(explanations=explained(aggregation))))

    assert document["explanations"]["kernel_shap"]["label0"]["global_shap_values"]["Age"] == age


def test_what_was_not_asked_for_has_no_key():
    assert json.loads(analysis_document(result())) == {"version": "1.0"}


def test_a_metric_that_is_not_a_number_becomes_null_with_an_error():
    found = result(pre_training=section("pre_training", ("0", (metric("CI", math.nan),))))

    document = analysis_document(found)

    (group,) = json.loads(document)["pre_training_bias_metrics"]["facets"]["Sex"]
    assert group["metrics"][0]["value"] is None
    assert group["metrics"][0]["error"] == "The value is not a number."
    assert b"NaN" not in document


def test_an_attribution_that_is_not_a_number_is_an_error_that_names_the_feature():
    section_with_nan = ExplanationSection(
        (OutputExplanation("label0", 0.5, (GlobalAttribution("Age", math.nan, 0.0, 0.0),)),), "mean_abs", (), 4, 16, 4,
        4, 1, 1, "inline", use_logit=False, seed=0, local_values_saved=False,
    )  # fmt: skip

    with pytest.raises(DataError, match=r"explanations\.Age: received NaN"):
        analysis_document(result(explanations=section_with_nan))
