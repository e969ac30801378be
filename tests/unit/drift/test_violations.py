"""The documents of violations, key by key."""

import json

from clarify.drift.violations import bias_violations, data_quality_violations, feature_attribution_violations
from clarify.records import (
    AttributionDrift,
    BiasDrift,
    ConstraintViolation,
    OutputDrift,
    RuleFinding,
    SeriesDrift,
    Status,
)
from clarify.results import AwsValue, Reason


def series(metric, status, text) -> SeriesDrift:
    found = tuple(RuleFinding(rule, status, None, f"{text} by {rule}") for rule in ("sagemaker", "decision"))
    return SeriesDrift("post_training", "Sex", "0", metric, 0.2, AwsValue(0.2), AwsValue(0.1), findings=found)


def drift(*found) -> BiasDrift:
    return BiasDrift("decision", found, (), 30.0, "")


def output(label, ndcg, status) -> OutputDrift:
    findings = (RuleFinding("sagemaker", status), RuleFinding("decision", status, Reason.DRIFT, "the order changed"))
    return OutputDrift(label, ndcg, None, None, 0.1, None, None, None, (), findings)


def test_a_violation_of_bias_drift_has_the_keys_and_the_layout_that_the_service_writes():
    found = drift(series("RD", Status.VIOLATION, "worse"), series("AD", Status.PASS, "fine"))

    document = bias_violations(found, "sagemaker")

    assert document.decode() == """{
  "version": "1.0",
  "violations": [
    {
      "constraint_check_type": "bias_drift_check",
      "description": "worse by sagemaker",
      "facet": "Sex",
      "facet_value": "0",
      "metric_name": "RD"
    }
  ]
}"""


def test_another_rule_writes_the_same_keys_with_its_own_words():
    violations = json.loads(bias_violations(drift(series("RD", Status.VIOLATION, "worse")), "decision"))["violations"]

    assert [violation["description"] for violation in violations] == ["worse by decision"]
    assert sorted(violations[0]) == ["constraint_check_type", "description", "facet", "facet_value", "metric_name"]


def test_without_violations_the_list_is_empty():
    undecided = drift(series("RD", Status.INCONCLUSIVE, "unknown"))

    assert json.loads(bias_violations(undecided, "sagemaker")) == {"version": "1.0", "violations": []}


def test_attribution_drift_is_told_in_the_words_of_the_service():
    outputs = (output("label0", 0.7639720927323322, Status.VIOLATION), output("label1", 0.99, Status.PASS))

    document = feature_attribution_violations(AttributionDrift("sagemaker", outputs, 100, 1000, 0.05, ""), "sagemaker")

    assert json.loads(document)["violations"] == [{
        "label": "label0",
        "metric_name": "shap",
        "constraint_check_type": "feature_attribution_drift_check",
        "description": "Feature attribution drift 0.7639720927323322 exceeds threshold 0.9",
    }]


def test_attribution_drift_by_our_rule_is_told_in_its_own_words():
    found = AttributionDrift("decision", (output("label0", 0.99, Status.VIOLATION),), 100, 1000, 0.05, "")

    violations = json.loads(feature_attribution_violations(found, "decision"))["violations"]

    assert [violation["description"] for violation in violations] == ["the order changed"]


def test_data_quality_names_features():
    age = ConstraintViolation("age", "completeness_check", "too few values")

    assert json.loads(data_quality_violations([age])) == {"violations": [
        {"feature_name": "age", "constraint_check_type": "completeness_check", "description": "too few values"}
    ]}
    assert json.loads(data_quality_violations([])) == {"violations": []}
