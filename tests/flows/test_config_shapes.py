"""Configs of the shapes that people bring from AWS: each is understood, and runs to analysis.json or says why not."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from clarify.config.settings import RunSettings
from clarify.errors import ConfigError
from clarify.steps.line import run_analysis
from clarify.steps.plan import AnalysisRequest
from clarify.steps.understanding import understand
from tests.subjects import PINNED

ROWS = 120
FEATURES = ["Age", "Gender", "Income", "Region"]
BIAS = {"pre_training_bias": {"methods": "all"}, "post_training_bias": {"methods": "all"}}
REPORT = {"report": {"name": "report", "title": "Analysis Report"}}
WOMEN = [{"name_or_index": "Gender", "value_or_threshold": [0]}]
HARDWARE = {"instance_type": "ml.m5.large", "initial_instance_count": 1}


@pytest.fixture(scope="module")
def people():
    draw = np.random.default_rng(17)
    frame = pd.DataFrame(
        {
            "Age": draw.integers(20, 70, ROWS),
            "Gender": draw.integers(0, 2, ROWS),
            "Income": draw.normal(50, 12, ROWS).round(1),
            "Region": draw.integers(0, 3, ROWS),
        }
    )
    score = (frame["Income"] - 50) / 8 + frame["Gender"] + draw.normal(size=ROWS)
    frame["Target"] = (score > 0.3).astype(int)
    return frame


@pytest.fixture(scope="module")
def model(people, tmp_path_factory):
    import mlflow.sklearn
    from mlflow.models import infer_signature
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    features = people[FEATURES]
    fitted = make_pipeline(StandardScaler(), LogisticRegression()).fit(features, people["Target"])
    folder = str(tmp_path_factory.mktemp("model") / "model")
    mlflow.sklearn.save_model(
        fitted,
        folder,
        signature=infer_signature(features, fitted.predict(features)),
        pyfunc_predict_fn="predict_proba",
        serialization_format="cloudpickle",
    )
    return folder


@pytest.fixture
def brought(tmp_path, model):
    """A config as it is brought, beside the command's own --dataset and --model."""

    def request(config, dataset, **settings):
        path = tmp_path / "analysis_config.json"
        path.write_text(json.dumps({key: value for key, value in config.items() if value is not None}))
        chosen = RunSettings(**{"workers": 1, "in_process_model": True, "model": model, **settings})
        return AnalysisRequest(str(path), str(tmp_path / "out"), chosen, dataset, shap=PINNED)

    return request


def analysed(request):
    return json.loads((Path(run_analysis(request).output_uri) / "analysis.json").read_text())


def metric(document, stage, facet, name, group=0):
    metrics = document[f"{stage}_bias_metrics"]["facets"][facet][group]["metrics"]
    return next(m["value"] for m in metrics if m["name"] == name)


def label_gap(people, facet_d):
    """DPL by hand: the share of positive labels of everybody else minus that of facet d."""
    return people["Target"][~facet_d].mean() - people["Target"][facet_d].mean()


def as_csv(folder, frame, name="data.csv", **options):
    path = folder / name
    frame.to_csv(path, index=False, **options)
    return str(path)


def label_first(people):
    return people[["Target", *FEATURES]]


# Tables.


@pytest.fixture
def bias_config():
    """Shape 2: headers with the label first, a group variable, a threshold of its own, CSV both ways."""
    return {
        "dataset_type": "text/csv",
        "headers": ["Target", *FEATURES],
        "label": "Target",
        "label_values_or_threshold": [1],
        "facet": WOMEN,
        "group_variable": "Age",
        "probability_threshold": 0.6,
        "methods": {**BIAS, **REPORT},
        "predictor": {"model_name": "a-model", **HARDWARE, "accept_type": "text/csv", "content_type": "text/csv"},
    }


def test_shape_2_bias_of_a_csv_with_headers_in_the_config(brought, bias_config, people, tmp_path):
    request = brought(bias_config, as_csv(tmp_path, label_first(people), header=False))

    known, document = understand(request), analysed(request)

    assert (known.label, known.features) == ("Target", tuple(FEATURES))
    assert metric(document, "pre_training", "Gender", "DPL") == pytest.approx(label_gap(people, people["Gender"] == 0))
    assert len(document["post_training_bias_metrics"]["facets"]["Gender"][0]["metrics"]) == 13


def test_shape_3_shap_with_one_baseline_row_in_the_config(brought, people, tmp_path):
    shap = {"baseline": [[40, 1, 50.0, 1]], "num_samples": 15, "agg_method": "mean_abs", "use_logit": False,
            "save_local_shap_values": True}  # fmt: skip
    config = {
        "dataset_type": "text/csv",
        "headers": ["Target", *FEATURES],
        "label": "Target",
        "methods": {"shap": shap, **REPORT},
        "predictor": {"model_name": "a-model", **HARDWARE, "accept_type": "text/csv", "content_type": "text/csv"},
    }
    request = brought(config, as_csv(tmp_path, label_first(people), header=False))

    known, document = understand(request), analysed(request)

    assert known.model_calls_per_row is not None
    assert list(document["explanations"]["kernel_shap"]["label0"]["global_shap_values"]) == FEATURES
    assert len(pd.read_csv(tmp_path / "out/explanations_shap/out.csv")) == ROWS


def test_shape_5_two_facets_of_which_one_is_a_threshold(brought, people, tmp_path):
    config = {
        "dataset_type": "text/csv",
        "headers": ["Target", *FEATURES],
        "label": "Target",
        "label_values_or_threshold": [1],
        "facet": [*WOMEN, {"name_or_index": "Age", "value_or_threshold": [40]}],
        "group_variable": "Region",
        "methods": {**BIAS, "report": {"name": "report", "title": "XAI Analysis Report"}},
        "predictor": {"model_name": "a-model", **HARDWARE},
    }
    request = brought(config, as_csv(tmp_path, label_first(people), header=False))

    known, document = understand(request), analysed(request)

    assert [group.facet for group in known.groups] == ["Gender", "Age"]
    assert metric(document, "pre_training", "Age", "DPL") == pytest.approx(label_gap(people, people["Age"] > 40))


def test_shape_6_no_headers_and_a_baseline_file(brought, people, tmp_path):
    baseline = as_csv(tmp_path, people[FEATURES].head(2), name="baseline.csv", header=False)
    config = {
        "dataset_type": "text/csv",
        "label": "Target",
        "label_values_or_threshold": [1],
        "facet": [{"name_or_index": "Gender", "value_or_threshold": [1]}],
        "group_variable": "Region",
        "methods": {"shap": {"baseline": baseline, "num_samples": 3000, "agg_method": "mean_abs"}, **BIAS, **REPORT},
        "predictor": {"model_name": "a-model", **HARDWARE},
    }
    request = brought(config, as_csv(tmp_path, label_first(people)))

    known, document = understand(request), analysed(request)

    assert known.features == tuple(FEATURES)
    assert list(document) == ["version", "explanations", "post_training_bias_metrics", "pre_training_bias_metrics"]
    assert metric(document, "pre_training", "Gender", "DPL") == pytest.approx(label_gap(people, people["Gender"] == 1))


# Side tables, by row and by key.


@pytest.mark.parametrize("by_key", [False, True])
def test_facets_apart_from_the_data_give_the_same_bias(brought, bias_config, people, tmp_path, by_key):
    key = pd.DataFrame({"Id": [f"p{i}" for i in range(ROWS)]})
    columns = ["Target", "Age", "Income", "Region"]
    main, facets = people[columns], people[["Gender"]]
    if by_key:
        main, facets = key.join(main), key.join(facets).sample(frac=1, random_state=3)
    predicted = (people["Income"] > 50).astype(int).to_frame("predicted_label")
    predictions = key.join(predicted) if by_key else predicted
    config = {
        **bias_config,
        "headers": None,
        "facet_dataset_uri": as_csv(tmp_path, facets, name="facets.csv"),
        "predicted_label_dataset_uri": as_csv(tmp_path, predictions, name="predictions.csv"),
        "joinsource_name_or_index": "Id" if by_key else None,
        "predictor": None,
    }
    request = brought(config, as_csv(tmp_path, main), model=None, in_process_model=False)

    known, document = understand(request), analysed(request)

    assert known.features == ("Age", "Income", "Region")
    women = people["Gender"] == 0
    accepted = predicted["predicted_label"]
    assert metric(document, "pre_training", "Gender", "DPL") == pytest.approx(label_gap(people, women))
    assert metric(document, "post_training", "Gender", "DPPL") == pytest.approx(
        accepted[~women].mean() - accepted[women].mean()
    )


def test_a_model_is_asked_without_the_columns_that_live_apart(brought, bias_config, people, tmp_path):
    # The model knows no column Gender2: it would refuse a request that held it.
    facets = people[["Gender"]].rename(columns={"Gender": "Gender2"})
    config = {
        **bias_config,
        "facet": [{"name_or_index": 0, "value_or_threshold": [0]}],
        "facet_dataset_uri": as_csv(tmp_path, facets, name="facets.csv"),
    }
    request = brought(config, as_csv(tmp_path, label_first(people), header=False))

    known, document = understand(request), analysed(request)

    assert known.features == tuple(FEATURES)
    assert metric(document, "pre_training", "Gender2", "DPL") == pytest.approx(label_gap(people, people["Gender"] == 0))


def test_local_attributions_carry_the_key_that_rows_were_joined_by(brought, bias_config, people, tmp_path):
    key = pd.DataFrame({"Id": [f"p{i}" for i in range(ROWS)]})
    facets = key.join(people[["Gender"]].rename(columns={"Gender": "Gender2"})).sample(frac=1, random_state=3)
    config = {
        **bias_config,
        "headers": ["Id", "Target", *FEATURES],
        "facet": [{"name_or_index": "Gender2", "value_or_threshold": [0]}],
        "facet_dataset_uri": as_csv(tmp_path, facets, name="facets.csv"),
        "joinsource_name_or_index": "Id",
        "methods": {"shap": {"num_samples": 10, "save_local_shap_values": True}, **REPORT},
    }
    request = brought(config, as_csv(tmp_path, key.join(label_first(people)), header=False))

    output = Path(run_analysis(request).output_uri)

    local = pd.read_csv(output / "explanations_shap" / "out.csv")
    assert list(local.columns) == ["Id", *(f"{name}_label0" for name in FEATURES)]
    assert local["Id"].tolist() == key["Id"].tolist()


# Records.


def records_of(people):
    """Features and label of each row, whole numbers as such."""
    columns = [people[name].tolist() for name in FEATURES]
    return zip(map(list, zip(*columns, strict=True)), people["Target"].tolist(), strict=True)


def test_shape_8_a_json_document_with_paths(brought, people, tmp_path):
    records = [{"features": features, "label": label} for features, label in records_of(people)]
    (tmp_path / "data.json").write_text(json.dumps({"instances": records}))
    config = {
        "dataset_type": "application/json",
        "features": "instances[*].features",
        "headers": [*FEATURES, "Target"],
        "label": "instances[*].label",
        "label_values_or_threshold": [1],
        "facet": WOMEN,
        "group_variable": "Age",
        "methods": {**REPORT, **BIAS},
        "predictor": {
            "model_name": "a-model", **HARDWARE,
            "accept_type": "application/json", "content_type": "application/json",
            "content_template": '{"instances":$records}', "record_template": '{"features":$features}',
            "label": "predictions[*].predicted_label", "probability": "predictions[*].score",
        },
    }  # fmt: skip
    request = brought(config, str(tmp_path / "data.json"))

    known, document = understand(request), analysed(request)

    assert (known.label, known.features) == ("Target", tuple(FEATURES))
    assert document["pre_training_bias_metrics"]["label"] == "Target"
    assert metric(document, "pre_training", "Gender", "DPL") == pytest.approx(label_gap(people, people["Gender"] == 0))


def lines_config(**changes):
    """Shape 10: everything at once, over JSON Lines."""
    return {
        "dataset_type": "application/jsonlines",
        "headers": [*FEATURES, "Target"],
        "label": "Label",
        "features": "Features",
        "probability_threshold": 0.5,
        "label_values_or_threshold": [1],
        "facet": WOMEN,
        "methods": {
            **BIAS,
            "shap": {"num_clusters": 1},
            "pdp": {"top_k_features": 2, "grid_resolution": 10},
            "report": {"name": "report"},
        },
        "predictor": {"endpoint_name": "an-endpoint", "content_template": '{"Features":$features}',
                      "probability": "probability"},
        **changes,
    }  # fmt: skip


def write_lines(people, folder):
    lines = [json.dumps({"Features": features, "Label": label}) for features, label in records_of(people)]
    (folder / "data.jsonl").write_text("\n".join(lines))
    return str(folder / "data.jsonl")


def test_shape_10_json_lines_with_all_methods(brought, people, tmp_path):
    request = brought(lines_config(), write_lines(people, tmp_path))

    known, document = understand(request), analysed(request)

    assert (known.format, known.label, known.features) == ("jsonlines", "Target", tuple(FEATURES))
    assert list(document["explanations"]) == ["kernel_shap", "pdp"]
    assert len(document["explanations"]["pdp"]) == 2
    assert document["pre_training_bias_metrics"]["label"] == "Target"
    assert metric(document, "pre_training", "Gender", "DPL") == pytest.approx(label_gap(people, people["Gender"] == 0))


def test_records_of_json_lines_are_a_baseline(brought, people, tmp_path):
    shap = {"baseline": [{"Features": [40, 1, 50.0, 1]}], "num_samples": 14}
    request = brought(lines_config(methods={"shap": shap}), write_lines(people, tmp_path))

    analysed(request)

    written = pd.read_csv(tmp_path / "out/explanations_shap/baseline.csv")
    assert written.to_dict("records") == [{"Age": 40, "Gender": 1, "Income": 50.0, "Region": 1}]


def test_lines_and_table_of_the_same_rows_give_the_same_bias(brought, bias_config, people, tmp_path):
    keys = {"methods": BIAS, "group_variable": "Age", "probability_threshold": 0.6}
    of_lines = analysed(brought(lines_config(**keys), write_lines(people, tmp_path)))
    of_table = analysed(brought(bias_config, as_csv(tmp_path, label_first(people), header=False)))

    assert of_lines["pre_training_bias_metrics"] == of_table["pre_training_bias_metrics"]
    assert of_lines["post_training_bias_metrics"] == of_table["post_training_bias_metrics"]


# Time series.


def test_shape_7_time_series_are_refused_by_name_with_what_to_do_instead(brought, tmp_path):
    config = {
        "dataset_type": "application/json",
        "headers": ["item", "time", "value", "price", "size"],
        "time_series_data_config": {
            "dataset_format": "timestamp_records", "item_id": "[].item", "timestamp": "[].time",
            "target_time_series": "[].value", "related_time_series": ["[].price"], "static_covariates": ["[].size"],
        },
        "methods": {
            "asymmetric_shapley_value": {
                "baseline": {"target_time_series": "zero", "related_time_series": "zero",
                             "static_covariates": {"shoe": [1], "hat": [0]}},
                "direction": "chronological", "granularity": "fine_grained", "num_samples": 9,
            },
            **REPORT,
        },
        "predictor": {
            "endpoint_name": "a-forecast", "content_type": "application/json", "accept_type": "application/json",
            "content_template": '{"instances": $records}',
            "record_template": '{"start": $start_time, "values": $target_time_series}',
            "time_series_predictor_config": {"forecast": "predictions[*].mean"},
        },
    }  # fmt: skip
    (tmp_path / "series.json").write_text("[]")
    request = brought(config, str(tmp_path / "series.json"))

    with pytest.raises(ConfigError) as caught:
        understand(request)

    refused = {problem.field: problem for problem in caught.value.problems}
    assert set(refused) == {
        "time_series_data_config", "methods.asymmetric_shapley_value", "predictor.time_series_predictor_config",
    }  # fmt: skip
    assert all("cannot be explained yet: remove the" in problem.hint for problem in refused.values())
