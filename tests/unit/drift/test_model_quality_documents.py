"""The service's documents of model quality: their form, strict JSON, and reading what a user edited."""

import json

import numpy as np
import pytest

from clarify.drift.model_quality import RowGroup, ScoredRows, measure_quality
from clarify.drift.model_quality_documents import (
    constraints_document,
    groups_document,
    read_quality_reference,
    statistics_document,
    violations_document,
)
from clarify.drift.quality_rules import judge_quality, suggest_quality_constraints
from clarify.errors import ConstraintsError
from clarify.records import Window

WINDOW = Window("2026-11-01T00:00:00Z", "2026-11-02T00:00:00Z")


def strict(content):
    def refuse(token):
        raise AssertionError(f"{token} is no JSON")

    return json.loads(content, parse_constant=refuse)


def binary(n=300, *, seed=4):
    draw = np.random.default_rng(seed)
    label, score = draw.integers(0, 2, n), draw.random(n)
    group = RowGroup('se"x=2', np.arange(n) % 4 == 0)
    return measure_quality(
        ScoredRows("BinaryClassification", label, (score > 0.5).astype(int), score, ("0", "1"), (group,))
    )


def test_statistics_have_the_services_form_and_no_time_but_the_windows():
    found = strict(statistics_document(binary(), window=WINDOW))

    assert (found["version"], list(found)) == (0.0, ["version", "dataset", "binary_classification_metrics"])
    assert found["dataset"] == {"item_count": 300, "start_time": WINDOW.start, "end_time": WINDOW.end}
    metrics = found["binary_classification_metrics"]
    assert list(metrics) == [
        "confusion_matrix", "recall", "precision", "accuracy", "recall_best_constant_classifier",
        "precision_best_constant_classifier", "accuracy_best_constant_classifier", "true_positive_rate",
        "true_negative_rate", "false_positive_rate", "false_negative_rate",
        "receiver_operating_characteristic_curve", "precision_recall_curve", "auc", "f0_5", "f1", "f2",
        "f0_5_best_constant_classifier", "f1_best_constant_classifier", "f2_best_constant_classifier",
    ]  # fmt: skip
    assert set(metrics["recall"]) == {"value", "standard_deviation"}
    assert sum(sum(row.values()) for row in metrics["confusion_matrix"].values()) == 300
    assert list(strict(statistics_document(binary()))["dataset"]) == ["item_count"]


def test_the_deviation_of_few_rows_is_the_text_nan():
    metrics = strict(statistics_document(binary(199)))["binary_classification_metrics"]

    assert metrics["recall"]["standard_deviation"] == "NaN"


def test_an_undefined_value_is_the_text_nan():
    rows = ScoredRows("BinaryClassification", np.zeros(9, int), np.zeros(9, int), None, ("0", "1"))

    metrics = strict(statistics_document(measure_quality(rows)))["binary_classification_metrics"]

    assert metrics["recall"] == {"value": "NaN", "standard_deviation": "NaN"}
    assert metrics["accuracy"]["value"] == 1.0


@pytest.mark.parametrize(
    ("rows", "name"),
    [
        (ScoredRows("Regression", np.arange(9.0), np.arange(9.0) + 1), "regression"),
        (ScoredRows("MulticlassClassification", np.arange(9) % 3, np.arange(9) % 2, classes=("a", "b", "c")),
         "multiclass_classification"),
    ],
)  # fmt: skip
def test_every_problem_type_names_its_metrics_and_constraints(rows, name):
    statistics = measure_quality(rows)
    constraints = strict(constraints_document(suggest_quality_constraints(statistics)))

    assert f"{name}_metrics" in strict(statistics_document(statistics))
    assert list(constraints) == ["version", f"{name}_constraints"]


def test_constraints_have_threshold_and_operator():
    statistics = binary()
    accuracy = next(m.value for m in statistics.overall.metrics if m.metric == "accuracy")

    found = strict(constraints_document(suggest_quality_constraints(statistics)))["binary_classification_constraints"]

    assert found["accuracy"] == {"threshold": accuracy, "comparison_operator": "LessThanThreshold"}
    assert found["false_negative_rate"]["comparison_operator"] == "GreaterThanThreshold"


def test_what_was_written_is_read_back():
    reference = suggest_quality_constraints(binary(), positive="yes", readings={"age": "continuous"})

    assert read_quality_reference(constraints_document(reference), groups_document(reference)) == reference


def test_the_same_rows_give_the_same_bytes():
    assert statistics_document(binary()) == statistics_document(binary())


def test_an_edited_threshold_counts_for_all_rows_together():
    reference = suggest_quality_constraints(binary())
    edited = strict(constraints_document(reference))
    edited["binary_classification_constraints"] = {"recall": {"threshold": 0.9}}

    found = read_quality_reference(json.dumps(edited).encode(), groups_document(reference))

    assert [(c.metric, c.threshold, c.operator) for c in found.of("").constraints] == [
        ("recall", 0.9, "LessThanThreshold")
    ]
    assert found.of('se"x=2') == reference.of('se"x=2')


@pytest.mark.parametrize(
    ("constraints", "message"),
    [
        (b"{", r"constraints\.json: received .*QUALITY-CONSTRAINTS"),
        (b"[]", r"constraints\.json: received \[\]"),
        (b"{}", r"constraints\.json: received no key"),
        (b'{"regression_constraints": {"mae": {"threshold": "0"}}}', r"mae\.threshold: received 0 "),
        (b'{"regression_constraints": {"mae": {"threshold": NaN}}}', r"mae\.threshold: received nan"),
        (b'{"regression_constraints": {"mae": {"threshold": 1, "comparison_operator": "<"}}}',
         r"mae\.comparison_operator: received <"),
        (b'{"regression_constraints": {}, "binary_classification_constraints": {}}', r"received regression_cons"),
    ],
)  # fmt: skip
def test_constraints_that_cannot_be_read_are_refused_by_place(constraints, message):
    with pytest.raises(ConstraintsError, match=message):
        read_quality_reference(constraints)


def test_a_file_of_groups_of_another_problem_type_is_refused():
    groups = groups_document(suggest_quality_constraints(binary()))

    with pytest.raises(ConstraintsError, match=r"groups\.json\.problem_type: received BinaryClassification"):
        read_quality_reference(b'{"regression_constraints": {}}', groups)


def test_violations_have_the_services_keys():
    statistics = binary()
    strictest = json.dumps(
        {"binary_classification_constraints": {"recall": {"threshold": 1, "comparison_operator": "LessThanThreshold"}}}
    )
    quality = judge_quality(
        statistics, read_quality_reference(strictest.encode()), rule="sagemaker", alarms_per_month=1,
        windows_per_month=30,
    )  # fmt: skip
    recall = next(m.value for m in statistics.overall.metrics if m.metric == "recall")

    assert strict(violations_document(quality))["violations"] == [{
        "constraint_check_type": "LessThanThreshold",
        "description": f"Metric recall with {recall!r} was LessThanThreshold 1.0",
        "metric_name": "recall",
    }]  # fmt: skip
