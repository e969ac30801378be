"""The main job on real parts: documents, numbers, engines, resuming. Nothing is replaced."""

import csv
import json
from dataclasses import replace
from itertools import combinations
from math import factorial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from clarify.config.shap_options import ShapOptions
from clarify.steps.line import run_analysis
from tests.subjects import PINNED, digests


@pytest.fixture(scope="session")
def local_values(published):
    return pd.read_csv(Path(published.output_uri) / "explanations_shap/out.csv")


@pytest.fixture(scope="session")
def native(subject):
    import mlflow.sklearn

    return mlflow.sklearn.load_model(subject.model)


def test_every_document_is_published_and_vouched_for(published):
    assert set(digests(published.output_uri)) == {
        "analysis.json",
        "decisions/decisions.parquet",
        "extended.json",
        "explanations_shap/baseline.csv",
        "explanations_shap/out.csv",
        "explanations_shap/out.parquet",
        "report.ipynb",
    }
    assert (Path(published.output_uri) / "report.html").exists()
    assert not (Path(published.output_uri) / ".work").exists()


def test_no_scoring_server_is_left(published):
    from clarify.endpoints.lease import list_leases

    assert list_leases() == ()


def test_analysis_json_has_awss_keys_in_awss_order(published):
    document = json.loads((Path(published.output_uri) / "analysis.json").read_text())

    assert list(document) == ["version", "explanations", "post_training_bias_metrics", "pre_training_bias_metrics"]
    facets = document["pre_training_bias_metrics"]["facets"]
    assert [group["value_or_threshold"] for group in facets["sex"]] == ["f"]
    assert len(facets["region"]) == 3
    assert [m["name"] for m in facets["sex"][0]["metrics"]] == ["CDDL", "CI", "DPL", "JS", "KL", "KS", "LP", "TVD"]


def test_bias_is_that_of_the_rows_counted_by_hand(published, subject, native):
    frame = subject.frame
    women = frame["sex"] == "f"
    positive = frame["approved"] == "yes"
    predicted = native.predict_proba(frame.drop(columns="approved"))[:, 1] > 0.5
    document = json.loads((Path(published.output_uri) / "analysis.json").read_text())

    def value(section, name):
        metrics = document[section]["facets"]["sex"][0]["metrics"]
        return next(metric["value"] for metric in metrics if metric["name"] == name)

    dpl = positive[~women].mean() - positive[women].mean()
    assert value("pre_training_bias_metrics", "DPL") == pytest.approx(dpl, abs=1e-12)
    dppl = predicted[~women].mean() - predicted[women].mean()
    assert value("post_training_bias_metrics", "DPPL") == pytest.approx(dppl, abs=1e-12)
    agree = predicted == positive
    ad = agree[~women].mean() - agree[women].mean()
    assert value("post_training_bias_metrics", "AD") == pytest.approx(ad, abs=1e-12)


def test_attributions_and_expected_value_add_up_to_the_score(published, local_values, subject, native):
    explained = published.result.explanations.outputs[0]
    scores = native.predict_proba(subject.frame.drop(columns="approved"))[:, 1]

    np.testing.assert_allclose(local_values.sum(axis=1) + explained.expected_value, scores, atol=1e-8)


def test_columns_are_named_as_aws_names_them(local_values, subject):
    features = [name for name in subject.frame.columns if name != "approved"]

    assert list(local_values.columns) == [f"{name}_label0" for name in features]


def test_the_global_value_is_the_mean_magnitude_of_the_local_ones(published, local_values):
    document = json.loads((Path(published.output_uri) / "analysis.json").read_text())
    explained = document["explanations"]["kernel_shap"]["label0"]["global_shap_values"]

    for feature, value in explained.items():
        assert value == pytest.approx(local_values[f"{feature}_label0"].abs().mean(), rel=1e-12)


def test_the_baseline_is_a_row_of_the_data(published, subject):
    (row,) = csv.DictReader((Path(published.output_uri) / "explanations_shap/baseline.csv").open())

    frame = subject.frame
    same = (frame["sex"] == row["sex"]) & (frame["age"] == int(row["age"])) & (frame["x0"] == float(row["x0"]))
    assert same.sum() == 1


def test_spark_gives_the_same_bytes(published, subject, spark_session, tmp_path):
    run = run_analysis(subject.request(tmp_path / "out", engine="spark"))

    assert run.engine == "spark"
    assert digests(run.output_uri) == digests(published.output_uri)


def test_one_worker_gives_the_same_bytes_as_two(published, subject, tmp_path):
    run = run_analysis(subject.request(tmp_path / "out", workers=1, in_process_model=True))

    same = digests(run.output_uri)
    expected = digests(published.output_uri)
    assert same.pop("extended.json") != expected["extended.json"]        # it says isolation: none
    assert same == {path: digest for path, digest in expected.items() if path != "extended.json"}
    assert run.result.model.isolation == "none"


def test_another_seed_gives_another_design_and_says_so(published, subject, tmp_path):
    run = run_analysis(subject.request(tmp_path / "out", seed=7, workers=1, in_process_model=True))

    assert run.result.seed == 7
    ours = run.result.explanations.outputs[0].features[0]
    assert ours.mean_abs != published.result.explanations.outputs[0].features[0].mean_abs


def test_a_row_is_explained_alike_wherever_it_lies(local_values, subject, tmp_path):
    order = np.random.default_rng(0).permutation(len(subject.frame))
    subject.frame.iloc[order].to_csv(tmp_path / "shuffled.csv", index=False)
    quickly = {"workers": 1, "in_process_model": True}
    run = run_analysis(subject.request(tmp_path / "out", dataset=str(tmp_path / "shuffled.csv"), **quickly))

    shuffled = pd.read_csv(Path(run.output_uri) / "explanations_shap/out.csv")
    np.testing.assert_array_equal(shuffled.to_numpy(), local_values.to_numpy()[order])


def test_parquet_gives_the_same_numbers_as_csv(published, subject, tmp_path):
    subject.frame.to_parquet(tmp_path / "data.parquet", index=False)
    config = subject.config(dataset_type="application/x-parquet")
    config["predictor"] = {**config["predictor"], "content_type": "text/csv"}
    request = subject.request(tmp_path / "out", config=config, dataset=str(tmp_path / "data.parquet"), workers=1)

    run = run_analysis(replace(request, settings=replace(request.settings, in_process_model=True)))

    expected = digests(published.output_uri)
    assert digests(run.output_uri)["analysis.json"] == expected["analysis.json"]
    assert digests(run.output_uri)["explanations_shap/out.csv"] == expected["explanations_shap/out.csv"]


def explained(subject, tmp_path, *, options=PINNED, **shap):
    """Only SHAP, in this process: quick."""
    config = subject.config()
    config["methods"] = {"shap": {"num_samples": 64, "save_local_shap_values": True, **shap}}
    run = run_analysis(subject.request(tmp_path / "out", config=config, shap=options, workers=1, in_process_model=True))
    return run, pd.read_csv(tmp_path / "out" / "explanations_shap/out.csv")


def test_too_few_samples_for_least_squares_are_explained_by_kriging_and_said(subject, tmp_path):
    run, _ = explained(subject, tmp_path, options=ShapOptions(estimator="kernel"), num_samples=16)

    section = run.result.explanations
    others = len(subject.frame) - 1                          # the baseline is a row of the data: nothing to explain
    assert dict(section.estimators) == {"exact": 1, "kriging": others}
    assert section.calls == 16 * others
    assert [notice.code for notice in section.notices] == ["SHAP-FEW-SAMPLES"]


def test_an_odd_number_of_samples_costs_one_call_less(subject, tmp_path):
    run, _ = explained(subject, tmp_path, num_samples=65)

    assert run.result.explanations.calls == 64 * (len(subject.frame) - 1)      # one row is the baseline itself


def test_log_odds_add_up_where_they_are_asked_for(subject, native, tmp_path):
    run, values = explained(subject, tmp_path, use_logit=True)

    scores = native.predict_proba(subject.frame.drop(columns="approved"))[:, 1]
    expected = np.log(scores / (1 - scores)) - run.result.explanations.outputs[0].expected_value
    np.testing.assert_allclose(values.sum(axis=1), expected, atol=1e-8)


def test_only_the_features_asked_for_are_reported_though_all_play(subject, local_values, tmp_path):
    run, values = explained(subject, tmp_path, features_to_explain=["sex", "x1"])

    assert list(values.columns) == ["x1_label0", "sex_label0"]
    np.testing.assert_array_equal(values["sex_label0"], local_values["sex_label0"])
    assert {f.feature for f in run.result.explanations.outputs[0].features} == {"sex", "x1"}


def test_a_feature_named_by_number_is_counted_among_all_columns_of_the_dataset(subject, tmp_path):
    frame = subject.frame[["approved", *subject.frame.columns.drop("approved")]]
    frame.to_csv(tmp_path / "label-first.csv", index=False)
    config = subject.config(methods={"shap": {"num_samples": 64, "features_to_explain": [1]}})
    request = subject.request(tmp_path / "out", config=config, dataset=str(tmp_path / "label-first.csv"), workers=1)

    run = run_analysis(replace(request, settings=replace(request.settings, in_process_model=True)))

    assert [feature.feature for feature in run.result.explanations.outputs[0].features] == ["x0"]


@pytest.mark.parametrize("method", ["median", "mean_sq"])
def test_the_global_value_is_the_one_the_config_names(subject, tmp_path, method):
    run, values = explained(subject, tmp_path, agg_method=method)

    document = json.loads((Path(run.output_uri) / "analysis.json").read_text())
    found = document["explanations"]["kernel_shap"]["label0"]["global_shap_values"]["x0"]
    column = values["x0_label0"]
    assert found == pytest.approx({"median": column.median(), "mean_sq": (column**2).mean()}[method], rel=1e-12)


def test_many_files_under_a_prefix_are_one_dataset(published, subject, tmp_path):
    (tmp_path / "parts").mkdir()
    for index, start in enumerate(range(0, len(subject.frame), 80)):
        part = subject.frame.iloc[start : start + 80]
        part.to_csv(tmp_path / "parts" / f"part-{index}.csv", index=False)

    quickly = {"workers": 1, "in_process_model": True}
    run = run_analysis(subject.request(tmp_path / "out", dataset=str(tmp_path / "parts"), **quickly))

    here, there = digests(published.output_uri), digests(run.output_uri)
    same = ("analysis.json", "explanations_shap/out.csv", "explanations_shap/baseline.csv")
    assert {path: there[path] for path in same} == {path: here[path] for path in same}


def test_predictions_in_the_data_need_no_model(subject, tmp_path):
    frame = subject.frame.assign(said=np.where(subject.frame["x0"] > 0, "yes", "no"))
    frame.to_csv(tmp_path / "data.csv", index=False)
    config = subject.config(predicted_label="said")
    del config["predictor"], config["methods"]["shap"]

    run = run_analysis(subject.request(tmp_path / "out", config=config, dataset=str(tmp_path / "data.csv")))

    assert run.result.model is None
    women, yes = frame["sex"] == "f", frame["said"] == "yes"
    dppl = next(m for m in run.result.post_training.facets[0].metrics if m.name == "DPPL")
    assert dppl.value == pytest.approx(yes[~women].mean() - yes[women].mean(), abs=1e-12)


def test_the_flip_test_runs_where_all_other_columns_are_numbers(subject, tmp_path):
    from sklearn.neighbors import KNeighborsClassifier

    frame = subject.frame[["x0", "x1", "x2", "age", "sex"]].assign(
        y=(subject.frame["approved"] == "yes").astype(int), said=(subject.frame["x0"] > 0.2).astype(int)
    )
    frame.to_csv(tmp_path / "data.csv", index=False)
    config = subject.config(label="y", label_values_or_threshold=[1], predicted_label="said")
    config["facet"] = [{"name_or_index": "sex", "value_or_threshold": ["f"]}]
    del config["predictor"], config["methods"]["shap"], config["group_variable"]

    run = run_analysis(subject.request(tmp_path / "out", config=config, dataset=str(tmp_path / "data.csv")))

    columns = ["x0", "x1", "x2", "age"]
    women = frame["sex"] == "f"
    near = KNeighborsClassifier(5).fit(frame.loc[~women, columns], frame.loc[~women, "said"])
    neighbours = near.predict(frame.loc[women, columns])
    expected = -(neighbours - frame.loc[women, "said"]).sum() / women.sum()
    flips = next(m for m in run.result.post_training.facets[0].metrics if m.name == "FT")
    assert flips.value == pytest.approx(expected, abs=1e-12)


def test_shap_equals_the_definition_on_a_small_model(subject, tmp_path, native):
    """Five features, every coalition of every row, by the textbook sum over subsets."""
    import mlflow.sklearn
    from mlflow.models import infer_signature
    from sklearn.ensemble import RandomForestClassifier

    columns = ["x0", "x1", "x2", "x3", "age"]
    frame = subject.frame[[*columns, "approved"]].head(70)
    model = RandomForestClassifier(20, max_depth=4, random_state=0).fit(frame[columns], frame["approved"])
    mlflow.sklearn.save_model(
        model,
        str(tmp_path / "model"),
        signature=infer_signature(frame[columns], ["no"]),
        pyfunc_predict_fn="predict_proba",
        serialization_format="cloudpickle",
    )
    frame.to_csv(tmp_path / "data.csv", index=False)
    baseline = [0.1, -0.2, 0.3, 0.0, 40]
    config = {
        "dataset_type": "text/csv",
        "label": "approved",
        "methods": {"shap": {"baseline": [baseline], "save_local_shap_values": True}},
        "predictor": {"model_name": str(tmp_path / "model")},
    }

    run = run_analysis(subject.request(tmp_path / "out", config=config, dataset=str(tmp_path / "data.csv")))

    assert run.result.explanations.rows_exact == 70
    found = pd.read_csv(Path(run.output_uri) / "explanations_shap/out.csv").to_numpy()
    for row in (0, 13, 69):
        expected = textbook_shapley(model, columns, frame[columns].to_numpy(float)[row], np.array(baseline, float))
        np.testing.assert_allclose(found[row], expected, atol=1e-9)


def textbook_shapley(model, columns, row, baseline):
    players = range(len(columns))

    def value(coalition):
        mixed = [row[i] if i in coalition else baseline[i] for i in players]
        return model.predict_proba(pd.DataFrame([mixed], columns=columns))[0, 1]

    n = len(columns)
    phi = np.zeros(n)
    for player in players:
        others = [i for i in players if i != player]
        for size in range(n):
            weight = factorial(size) * factorial(n - size - 1) / factorial(n)
            for coalition in combinations(others, size):
                phi[player] += weight * (value({*coalition, player}) - value(set(coalition)))
    return phi
