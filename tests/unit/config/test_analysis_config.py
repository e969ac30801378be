"""AnalysisConfig: defaults, questions it answers, how it travels."""

import pickle

import jsonschema
import pytest
from pydantic import ValidationError

from clarify.config.analysis import (
    AnalysisConfig,
    BiasMethods,
    Facet,
    Methods,
    Predictor,
    Report,
    Shap,
    analysis_config_schema,
)
from clarify.config.columns import closest, column_name, feature_columns


def config_with(methods: Methods, **keys) -> AnalysisConfig:
    return AnalysisConfig(dataset_type="text/csv", methods=methods, **keys)


ALL = BiasMethods(methods="all")


def test_the_defaults_are_those_of_aws():
    config = config_with(Methods(shap=Shap()))

    shap = config.methods.shap
    assert config.probability_threshold == 0.5
    assert (shap.agg_method, shap.use_logit, shap.save_local_shap_values) == ("mean_abs", False, False)
    assert config.report == Report(name="report", title="Analysis Report")


def test_a_stated_probability_threshold_differs_from_a_silent_one():
    silent = config_with(Methods(shap=Shap()))
    stated = config_with(Methods(shap=Shap()), probability_threshold=0.5)

    assert (silent.probability_threshold_given, stated.probability_threshold_given) == (False, True)
    assert pickle.loads(pickle.dumps(stated)).probability_threshold_given


def test_all_names_every_metric_of_a_stage_once():
    config = config_with(Methods(pre_training_bias=ALL, post_training_bias=ALL))

    assert len(config.pre_training_metrics) == 8
    assert len(config.post_training_metrics) == 13


def test_listed_metrics_come_sorted_and_once():
    config = config_with(Methods(pre_training_bias=BiasMethods(methods=("DPL", "CI", "DPL"))))

    assert config.pre_training_metrics == ("CI", "DPL")
    assert config.post_training_metrics == ()


@pytest.mark.parametrize(
    ("methods", "keys", "needed"),
    [
        (Methods(pre_training_bias=ALL), {}, False),
        (Methods(post_training_bias=ALL), {}, True),
        (Methods(post_training_bias=ALL), {"predicted_label": "yhat"}, False),
        (Methods(shap=Shap()), {"predicted_label": "yhat"}, True),
    ],
)
def test_a_model_is_needed_for_shap_and_for_predictions_that_are_not_in_the_data(methods, keys, needed):
    assert config_with(methods, **keys).needs_model is needed


def test_a_config_is_frozen():
    config = config_with(Methods(shap=Shap()))

    with pytest.raises(ValidationError, match="frozen"):
        config.label = "y"


def test_a_config_survives_the_way_to_another_process():
    config = config_with(Methods(shap=Shap(baseline=((1, None, "a"),))), facet=(Facet(name_or_index=0),))

    assert pickle.loads(pickle.dumps(config)) == config


def test_features_are_the_columns_without_labels_excluded_and_join_column():
    config = config_with(
        Methods(shap=Shap()), label="y", predicted_label=1, excluded_columns=("id", 9), joinsource_name_or_index="key"
    )

    assert feature_columns(config, ("y", "yhat", "id", "key", "age", "sex")) == ("age", "sex")


@pytest.mark.parametrize(("reference", "name"), [("b", "b"), (0, "a"), (2, None), ("c", None), (-1, None)])
def test_a_column_is_found_by_name_or_by_position_from_0(reference, name):
    assert column_name(reference, ("a", "b")) == name


@pytest.mark.parametrize(("typed", "meant"), [("AGE ", "age"), ("ForeginWorker", "foreign_worker"), ("zzz", None)])
def test_the_closest_name_ignores_case(typed, meant):
    assert closest(typed, ("age", "foreign_worker")) == meant


def test_the_report_name_cannot_leave_the_output_folder():
    for name in ("../report", "a/b", ".hidden", "", "a\n", "con\x00"):
        with pytest.raises(ValidationError):
            Report(name=name)


def test_the_predictor_refuses_an_endpoint_prefix_that_aws_refuses():
    for prefix in ("-a", "a_b", "x" * 24):
        with pytest.raises(ValidationError):
            Predictor(endpoint_name_prefix=prefix)


ADULT = {
    "version": "1.0",
    "dataset_type": "text/csv",
    "label": "y",
    "label_values_or_threshold": [1, "yes", 0.5],
    "facet": [{"name_or_index": "sex", "value_or_threshold": [0]}, {"name_or_index": 3}],
    "methods": {"pre_training_bias": {"methods": "all"}, "shap": {"baseline": [[1, None, "a"]]}},
}


def test_the_json_schema_accepts_a_good_document():
    jsonschema.Draft202012Validator.check_schema(analysis_config_schema())

    jsonschema.validate(ADULT, analysis_config_schema())


@pytest.mark.parametrize(
    "change",
    [{"facets": []}, {"label": None}, {"version": 1.0}, {"methods": {"shap": {"agg_method": "mean"}}}, {"facet": []}],
)
def test_the_json_schema_refuses_what_the_parser_refuses(change):
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**ADULT, **change}, analysis_config_schema())
