"""Places in live records come from the monitor, else from the analysis config, as in AWS."""

import json

import pytest

from clarify.config.input_attributes import free_name, input_attributes, live_columns
from clarify.config.monitor import read_monitor
from clarify.config.parse import parse_analysis_config
from clarify.config.window_config import WindowRoles, window_document
from clarify.errors import ConfigError

CONFIG = {
    "dataset_type": "application/json",
    "features": "instances[*].features",
    "label": "instances[*].label",
    "headers": ["age", "sex", "approved"],
    "label_values_or_threshold": [1],
    "facet": [{"name_or_index": "sex"}],
    "probability_threshold": 0.8,
    "methods": {"pre_training_bias": {"methods": "all"}},
    "predictor": {"model_name": "m", "content_type": "application/json", "content_template": '{"instances":$records}',
                  "record_template": "$features", "label": "predictions[*].label", "probability": "predictions[*].p"},
}  # fmt: skip


def config(**changes):
    kept = {key: value for key, value in {**CONFIG, **changes}.items() if value is not None}
    return parse_analysis_config(json.dumps(kept)).config


def monitor(attributes=None, kind="bias-drift", layout="capture"):
    document = {
        "version": "1.0", "name": "m", "kind": kind, "schedule": {"cron": "0 * * * *"},
        "window": {"uri": "u", "layout": layout, "length": "PT1H"}, "attributes": attributes or {},
        "config": "c", "reference": "r", "output": "o",
    }  # fmt: skip
    if layout == "table":
        document["window"]["time_column"] = "t"
    elif kind == "bias-drift":
        document["ground_truth"] = {"uri": "g"}
    if kind == "attribution-drift":
        document["model"] = "m"
    return read_monitor(json.dumps(document).encode()).monitor


def test_what_the_monitor_leaves_out_follows_from_the_analysis_config():
    found = input_attributes(monitor(), config())

    assert (found.features, found.inference, found.probability, found.threshold, found.ground_truth) == (
        "instances[*].features", "predictions[*].label", "predictions[*].p", 0.8, "instances[*].label")  # fmt: skip


def test_what_the_monitor_names_wins_and_a_number_is_a_position():
    named = {"features_attribute": "f", "inference_attribute": "0", "probability_attribute": "1",
             "probability_threshold_attribute": 0.5, "ground_truth_attribute": "y"}  # fmt: skip

    found = input_attributes(monitor(named), config())

    assert (found.features, found.inference, found.probability, found.threshold, found.ground_truth) == (
        "f", 0, 1, 0.5, "y")  # fmt: skip


def test_a_column_of_a_table_is_never_taken_for_a_place_in_an_answer():
    found = input_attributes(monitor(layout="table"), config())

    assert (found.inference, found.probability) == (None, None)


def test_every_place_that_is_no_path_is_refused_under_its_key():
    with pytest.raises(ConfigError) as caught:
        input_attributes(monitor({"features_attribute": "a[", "probability_attribute": "b]["}), config())

    assert [(p.code, p.field) for p in caught.value.problems] == [
        ("CFG-JMESPATH", "attributes.features_attribute"), ("CFG-JMESPATH", "attributes.probability_attribute")]


def test_columns_are_the_features_the_label_and_names_of_their_own_for_what_was_answered():
    columns = live_columns(monitor({"exclude_features_attribute": "0"}), config())

    assert (columns.captured, columns.features) == (("age", "sex"), ("sex",))
    assert (columns.label, columns.predicted_label, columns.score) == ("approved", "predicted_label", "score")


def test_kinds_that_compare_no_labels_have_features_alone():
    columns = live_columns(monitor(kind="data-quality"), config())

    assert (columns.features, columns.label, columns.predicted_label, columns.score) == (
        ("age", "sex"), None, None, None)  # fmt: skip


def test_features_and_facets_that_are_not_there_are_told_together():
    with pytest.raises(ConfigError) as caught:
        live_columns(monitor({"exclude_features_attribute": "1,income,7"}), config())

    assert [(p.code, p.received) for p in caught.value.problems] == [
        ("CFG-MONITOR-EXCLUDED", '"income"'), ("CFG-MONITOR-EXCLUDED", "7"), ("CFG-MONITOR-COLUMN", '"sex"')]


def test_a_name_is_free_when_no_other_differs_by_case_or_space_alone():
    assert free_name("score", ["SCORE", "score_2"]) == "score_3"


def test_a_model_that_was_asked_in_json_is_still_asked_so_when_the_window_is_a_table():
    roles = WindowRoles("application/x-parquet", "d", ("age", "sex"))
    shap = {"baseline": {"instances": [{"features": [1, 2]}]}}

    document, notices = window_document(
        config(methods={"shap": shap}), "attribution-drift", roles, shap_baseline=None)

    assert document["predictor"]["content_type"] == "application/json"
    assert document["methods"] == {"shap": {}}
    assert [notice.code for notice in notices] == ["WINDOW-BASELINE"]
