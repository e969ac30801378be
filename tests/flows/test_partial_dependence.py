"""Partial dependence from the config to the documents: numbers by asking the model oneself, bytes by any partition."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from mlflow.pyfunc import PythonModel

from clarify.errors import ConfigError
from clarify.report.document import read_extended
from clarify.steps import dependence_rows, partial_dependence
from clarify.steps.line import run_analysis
from tests.subjects import digests


class Strict(PythonModel):
    """A hundredth of the age, which MLflow hands over as a whole number or not at all."""

    def predict(self, context, model_input, params=None):
        return model_input["age"].to_numpy() / 100


FEATURES = ["age", "sex", "owns", 1]          # column 1 is x1: the positions are those of the file


@pytest.fixture(scope="module")
def native(subject):
    import mlflow.sklearn

    return mlflow.sklearn.load_model(subject.model)


def analysed(subject, output, *, dataset=None, shap=None, workers=1, **pdp):
    """Only explanations, with the model in this process: quick."""
    config = subject.config()
    config["methods"] = {"pdp": {"grid_resolution": 5, **pdp}} | ({"shap": shap} if shap is not None else {})
    return run_analysis(
        subject.request(output, config=config, dataset=dataset, workers=workers, in_process_model=True)
    )


def pdp_of(run):
    return json.loads((Path(run.output_uri) / "analysis.json").read_text())["explanations"]["pdp"]


@pytest.fixture(scope="module")
def varied(subject, tmp_path_factory):
    return analysed(subject, tmp_path_factory.mktemp("pdp") / "out", features=FEATURES)


def asked(native, frame, name, value):
    """What the model says of every row with one column set to one value."""
    return native.predict_proba(frame.drop(columns="approved").assign(**{name: value}))[:, 1]


def test_features_are_those_of_the_config_in_its_order(varied):
    assert [(item["feature_name"], item["data_type"]) for item in pdp_of(varied)] == [
        ("age", "numerical"), ("sex", "categorical"), ("owns", "categorical"), ("x1", "numerical"),
    ]  # fmt: skip


def test_numbers_are_the_centres_of_equal_buckets_and_the_mean_of_all_rows_there(varied, subject, native):
    frame = subject.frame
    found = pdp_of(varied)[0]

    edges = np.linspace(frame["age"].min(), frame["age"].max(), 6)
    np.testing.assert_allclose(found["feature_values"], (edges[:-1] + edges[1:]) / 2, rtol=1e-12)
    means = [asked(native, frame, "age", float(value)).mean() for value in found["feature_values"]]
    np.testing.assert_allclose(found["model_predictions"], [means], rtol=1e-9)
    counts, _ = np.histogram(frame["age"], bins=edges)
    np.testing.assert_allclose(found["data_distribution"], counts / len(frame), rtol=1e-12)
    assert found["label_headers"] == ["label0"]


def test_words_and_truth_values_are_all_that_occur(varied, subject, native):
    frame = subject.frame
    sex, owns = pdp_of(varied)[1:3]

    assert sex["feature_values"] == ["f", "m"]
    assert owns["feature_values"] == ["False", "True"]
    means = [asked(native, frame, "sex", word).mean() for word in ("f", "m")]
    np.testing.assert_allclose(sex["model_predictions"], [means], rtol=1e-9)
    truths = [asked(native, frame, "owns", truth).mean() for truth in (False, True)]
    np.testing.assert_allclose(owns["model_predictions"], [truths], rtol=1e-9)
    assert owns["data_distribution"] == pytest.approx([(~frame["owns"]).mean(), frame["owns"].mean()])


def test_bands_are_quantiles_of_the_rows_own_scores(varied, subject, native):
    age = varied.result.partial_dependence[0]

    for quantile in age.outputs[0].quantiles:
        own = [
            np.quantile(asked(native, subject.frame, "age", value), quantile.level, method="inverted_cdf")
            for value in age.feature_values
        ]
        np.testing.assert_allclose(quantile.values, own, rtol=1e-9)
    assert [quantile.level for quantile in age.outputs[0].quantiles] == [0.05, 0.25, 0.5, 0.75, 0.95]


def test_all_rows_were_used_so_there_is_no_interval(varied, subject):
    for found in varied.result.partial_dependence:
        assert (found.rows, found.rows_used, found.distinct_rows) == (len(subject.frame),) * 3
        assert found.outputs[0].intervals == ()


def test_the_extended_document_holds_the_bands(varied):
    content = (Path(varied.output_uri) / "extended.json").read_bytes()

    assert read_extended(content).partial_dependence == varied.result.partial_dependence


@pytest.fixture
def hold(monkeypatch):
    """Other sizes of what is read, kept and asked at once."""

    def set_sizes(*, look=65_536, merge=64, keep=8_192, most=50_000):
        monkeypatch.setattr(dependence_rows, "ROWS_PER_LOOK", look)
        monkeypatch.setattr(dependence_rows, "FRAGMENTS_PER_MERGE", merge)
        monkeypatch.setattr(dependence_rows, "ROWS_PER_SLICE", keep)
        monkeypatch.setattr(partial_dependence, "MOST_ROWS", most)

    return set_sizes


@pytest.mark.parametrize(("look", "merge", "keep"), [(7, 3, 64), (100, 1, 65)])
def test_other_fragments_give_the_same_bytes(varied, subject, tmp_path, hold, look, merge, keep):
    hold(look=look, merge=merge, keep=keep)

    run = analysed(subject, tmp_path / "out", features=FEATURES)

    assert digests(run.output_uri) == digests(varied.output_uri)


def test_rows_in_another_order_give_the_same_numbers(varied, subject, tmp_path):
    shuffled = subject.frame.iloc[np.random.default_rng(0).permutation(len(subject.frame))]
    shuffled.to_csv(tmp_path / "shuffled.csv", index=False)

    run = analysed(subject, tmp_path / "out", dataset=str(tmp_path / "shuffled.csv"), features=FEATURES)

    assert run.result.partial_dependence == varied.result.partial_dependence


def test_workers_give_the_same_bytes(varied, subject, tmp_path):
    run = analysed(subject, tmp_path / "out", workers=2, features=FEATURES)

    assert digests(run.output_uri) == digests(varied.output_uri)


def test_equal_rows_are_asked_once_and_weigh_as_many(varied, subject, tmp_path):
    twice = pd.concat([subject.frame, subject.frame.iloc[:60], subject.frame.iloc[:60]])
    twice.to_csv(tmp_path / "twice.csv", index=False)
    run = analysed(subject, tmp_path / "out", dataset=str(tmp_path / "twice.csv"), features=["sex"])

    (sex,) = run.result.partial_dependence
    assert (sex.rows, sex.rows_used, sex.distinct_rows) == (360, 360, 240)
    assert sex.outputs[0].intervals == ()
    assert sum(sex.counts) == 360


def test_of_too_many_rows_a_sample_is_asked_and_its_means_carry_intervals(subject, native, tmp_path, hold):
    hold(most=100, look=50, merge=2)

    (age,) = analysed(subject, tmp_path / "out", features=["age"]).result.partial_dependence

    assert (age.rows, age.rows_used, age.distinct_rows) == (240, 100, 100)
    assert sum(age.counts) == 240                                    # the distribution is that of all rows
    (output,) = age.outputs
    for value, mean, interval in zip(age.feature_values, output.means, output.intervals, strict=True):
        scores = asked(native, subject.frame, "age", value)
        half = 1.96 * scores.std() / 10                              # the sample's spread is near that of all rows
        assert interval.high - mean == pytest.approx(half, rel=0.25)
        assert abs(mean - scores.mean()) < 3.5 / 1.96 * half


def test_missing_values_are_no_grid_point_and_are_counted(subject, tmp_path):
    frame = subject.frame.copy()
    frame.loc[:9, "sex"] = None
    frame.to_csv(tmp_path / "gaps.csv", index=False)

    run = analysed(subject, tmp_path / "out", dataset=str(tmp_path / "gaps.csv"), features=["sex"])

    (sex,) = run.result.partial_dependence
    assert sex.categories == ("f", "m")
    assert (sex.missing, sum(sex.counts), sex.rows_used) == (10, 230, 240)
    assert sum(pdp_of(run)[0]["data_distribution"]) == pytest.approx(230 / 240)


def test_free_text_has_awss_error_and_the_others_their_numbers(subject, tmp_path):
    frame = subject.frame.copy()
    frame["region"] = [f"street {i}" for i in range(len(frame))]
    frame.to_csv(tmp_path / "text.csv", index=False)

    run = analysed(subject, tmp_path / "out", dataset=str(tmp_path / "text.csv"), features=["region", "sex"])

    text, sex = pdp_of(run)
    assert text == {
        "feature_name": "region",
        "data_type": "free_text",
        "error": "Detected data type is not supported for PDP. PDP can only be computed for numerical or categorical"
        " columns",
    }
    assert len(sex["model_predictions"][0]) == 2


def test_a_model_that_refuses_fractions_is_asked_at_whole_numbers(subject, tmp_path, varied):
    import mlflow.pyfunc
    from mlflow.models import infer_signature

    ages = subject.frame[["age"]]
    mlflow.pyfunc.save_model(
        str(tmp_path / "strict"), python_model=Strict(), signature=infer_signature(ages, Strict().predict(None, ages)),
    )  # fmt: skip
    excluded = [name for name in subject.frame.columns if name not in ("age", "approved")]
    config = subject.config(methods={"pdp": {"grid_resolution": 5, "features": ["age"]}}, excluded_columns=excluded)
    config["predictor"] = {"model_name": str(tmp_path / "strict")}

    run = run_analysis(subject.request(tmp_path / "out", config=config, workers=1, in_process_model=True))

    (age,) = run.result.partial_dependence
    assert age.rounded
    assert age.outputs[0].means == pytest.approx([round(value) / 100 for value in age.feature_values])
    assert not varied.result.partial_dependence[0].rounded


def test_without_features_the_largest_global_attributions_choose(subject, tmp_path):
    run = analysed(subject, tmp_path / "out", shap={"num_samples": 64}, top_k_features=3)

    sizes = {f.feature: f.mean_abs for f in run.result.explanations.outputs[0].features}
    largest = sorted(sizes, key=sizes.get, reverse=True)[:3]
    assert [item["feature_name"] for item in pdp_of(run)] == largest
    assert "kernel_shap" in json.loads((Path(run.output_uri) / "analysis.json").read_text())["explanations"]


def test_a_column_that_the_model_does_not_see_is_refused_by_name(subject, tmp_path):
    config = subject.config(excluded_columns=["x7"], methods={"pdp": {"grid_resolution": 3, "features": ["sex", "x7"]}})
    request = subject.request(tmp_path / "out", config=config, workers=1)

    with pytest.raises(ConfigError, match=r"methods\.pdp\.features\[1\].*'x7'"):
        run_analysis(replace(request, settings=replace(request.settings, in_process_model=True)))


def test_a_label_or_a_repeated_feature_is_refused_before_anything_runs(subject, tmp_path):
    config = subject.config(headers=list(subject.frame.columns))
    config["methods"] = {"pdp": {"grid_resolution": 3, "features": ["approved", "sex", 10]}}      # 10 is sex

    with pytest.raises(ConfigError) as refused:
        run_analysis(subject.request(tmp_path / "out", config=config))

    fields = [problem.field for problem in refused.value.problems]
    assert fields == ["methods.pdp.features", "methods.pdp.features[0]"]


def test_a_model_that_names_classes_is_refused(subject, tmp_path):
    import mlflow.sklearn
    from sklearn.linear_model import RidgeClassifier

    numbers = subject.frame[["x0", "x1"]]
    mlflow.sklearn.save_model(
        RidgeClassifier().fit(numbers, subject.frame["approved"]), str(tmp_path / "labels"),
        serialization_format="cloudpickle",
    )  # fmt: skip
    excluded = [name for name in subject.frame.columns if name not in ("x0", "x1", "approved")]
    config = subject.config(methods={"pdp": {"grid_resolution": 3, "features": ["x0"]}}, excluded_columns=excluded)
    config["predictor"] = {"model_name": str(tmp_path / "labels")}

    with pytest.raises(ConfigError, match="ENDPOINT-LABELS"):
        run_analysis(subject.request(tmp_path / "out", config=config, workers=1, in_process_model=True))
