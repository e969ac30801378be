"""What parses and is not built is refused by name, with what to do instead."""

import json

import pytest

from clarify.config.parse import ensure_runnable, model_problems, parse_analysis_config, unsupported
from clarify.errors import ConfigError


def config_of(**changes):
    document = {
        "dataset_type": "text/csv",
        "label": "y",
        "label_values_or_threshold": [1],
        "facet": [{"name_or_index": "sex", "value_or_threshold": [0]}],
        "methods": {"pre_training_bias": {"methods": "all"}},
        **changes,
    }
    return parse_analysis_config(json.dumps(document)).config


def shap_config(**shap):
    return config_of(methods={"shap": shap}, predictor={"model_name": "m"})


SERIES = {
    "time_series_data_config": {"target_time_series": 0, "item_id": 1, "timestamp": 2},
    "methods": {"asymmetric_shapley_value": {"direction": "chronological", "granularity": "timewise"}},
    "dataset_type": "application/json",
}


@pytest.mark.parametrize(
    ("config", "fields"),
    [
        (config_of(dataset_type="application/sagemakercapturejson"), ["dataset_type"]),
        (
            config_of(dataset_type="application/x-image", methods={"shap": {"image_config": {}}}),
            ["dataset_type", "methods.shap.image_config"],
        ),
        (config_of(**SERIES), ["time_series_data_config", "methods.asymmetric_shapley_value"]),
        (shap_config(text_config={"granularity": "token", "language": "en"}), ["methods.shap.text_config"]),
        (config_of(predictor={"endpoint_name": "e"}), ["predictor.endpoint_name"]),
    ],
)
def test_what_is_not_built_is_refused_by_name(config, fields):
    problems = unsupported(config)

    assert [problem.field for problem in problems] == fields
    assert all(problem.code == "CFG-UNSUPPORTED" and problem.hint for problem in problems)


@pytest.mark.parametrize(
    "config",
    [
        config_of(),
        config_of(dataset_type="application/x-parquet", group_variable="g", excluded_columns=["id", 4]),
        config_of(headers=["y", "sex"], predicted_label=1, probability_threshold=0.3, facet=[{"name_or_index": 1}]),
        shap_config(baseline="rows.csv", num_samples=9, agg_method="median", use_logit=True, seed=1,
                    save_local_shap_values=True, features_to_explain=["a"]),
        shap_config(baseline=[[1, 2]]),
        shap_config(num_clusters=3),
        config_of(dataset_type="application/jsonlines", features="x", predicted_label="z"),
        config_of(dataset_type="application/json", features="rows[*].x", label="rows[*].y"),
        config_of(facet_dataset_uri="f.csv", facet_headers=["sex"]),
        config_of(predicted_label_dataset_uri="p.csv", predicted_label_headers=["predicted_label"]),
        config_of(joinsource_name_or_index="id"),
        config_of(methods={"shap": {}, "pdp": {"grid_resolution": 5}}),
        config_of(methods={"pdp": {"grid_resolution": 5, "features": ["a", 1], "top_k_features": 3}}),
        config_of(predictor={"model_name": "m", "instance_type": "i", "initial_instance_count": 1, "label": "l",
                             "accelerator_type": "a", "content_type": "application/json", "accept_type": "text/csv",
                             "probability": 1, "label_headers": ["no", "yes"]}),
    ],
)  # fmt: skip
def test_what_is_built_is_not_refused(config):
    assert unsupported(config) == ()


def test_an_endpoint_name_is_answered_by_an_address_or_another_model():
    config = config_of(predictor={"endpoint_name": "e"})

    assert unsupported(config, endpoint="http://127.0.0.1:8080/invocations") == ()
    assert unsupported(config, model="models:/loans/3") == ()


def test_an_endpoint_cannot_be_sent_parquet():
    silent = config_of(dataset_type="application/x-parquet", predictor={"endpoint_name": "e"})
    stated = config_of(
        dataset_type="application/x-parquet", predictor={"endpoint_name": "e", "content_type": "text/csv"}
    )

    found = [(p.code, p.field) for p in unsupported(silent, endpoint="http://127.0.0.1/")]

    assert found == [("CFG-MISSING", "predictor.content_type")]
    assert unsupported(stated, endpoint="http://127.0.0.1/") == ()


def test_shap_without_a_model_is_refused():
    (problem,) = model_problems(config_of(methods={"shap": {}}))

    assert (problem.code, problem.field) == ("CFG-MODEL-MISSING", "predictor")
    assert problem.allowed == "a model, needed by shap"


def test_post_training_bias_without_model_or_predictions_is_refused_in_aws_words():
    (problem,) = model_problems(config_of(methods={"post_training_bias": {"methods": "all"}}))

    assert "predicted_label_column has to be provided for Post training metrics" in problem.hint


@pytest.mark.parametrize(
    ("changes", "arguments"),
    [
        ({"predicted_label": "yhat"}, {}),
        ({"predictor": {"model_name": "m"}}, {}),
        ({"predictor": {"endpoint_name": "m"}}, {}),
        ({}, {"model": "models:/loans/3"}),
        ({}, {"endpoint": "http://127.0.0.1/"}),
    ],
)
def test_predictions_or_a_model_from_anywhere_will_do(changes, arguments):
    config = config_of(methods={"post_training_bias": {"methods": "all"}}, **changes)

    assert model_problems(config, **arguments) == ()


def test_a_predictor_that_names_no_model_is_no_model():
    config = config_of(methods={"shap": {}}, predictor={"probability": 1})

    assert [problem.code for problem in model_problems(config)] == ["CFG-MODEL-MISSING"]


def test_everything_that_keeps_a_config_from_running_is_raised_at_once():
    config = config_of(dataset_type="application/x-image", methods={"shap": {"image_config": {}}})

    with pytest.raises(ConfigError) as caught:
        ensure_runnable(config)

    assert [problem.field for problem in caught.value.problems] == [
        "dataset_type", "methods.shap.image_config", "predictor",
    ]  # fmt: skip
