"""Baseline rows computed as centres of clusters, from the document to the attributions."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from clarify.steps.line import run_analysis


def explained(subject, folder, **shap):
    """Only SHAP, in this process; the run and its folder of explanations."""
    config = subject.config()
    config["methods"] = {"shap": {"num_samples": 64, "save_local_shap_values": True, **shap}}
    run = run_analysis(subject.request(folder / "out", config=config, workers=1, in_process_model=True))
    return run.result.explanations, Path(run.output_uri) / "explanations_shap"


@pytest.fixture(scope="module")
def three_clusters(subject, tmp_path_factory):
    return explained(subject, tmp_path_factory.mktemp("clusters"), num_clusters=3)


@pytest.fixture(scope="module")
def baseline(three_clusters):
    return pd.read_csv(three_clusters[1] / "baseline.csv")


@pytest.fixture(scope="module")
def score(subject):
    import mlflow.sklearn

    model = mlflow.sklearn.load_model(subject.model)
    return lambda rows: model.predict_proba(rows)[:, 1]


def test_the_baseline_has_a_row_for_each_cluster(three_clusters, baseline):
    section, _ = three_clusters

    assert len(baseline) == section.n_baseline_rows == 3
    assert section.baseline_source == "clusters"


def test_centres_are_rows_the_model_was_trained_for(subject, baseline):
    assert (baseline[["age", "owns"]].dtypes == np.int64).all()         # no fractions of years or of truth
    assert set(baseline["sex"]) <= {"f", "m"}
    assert baseline["x0"].between(subject.frame["x0"].min(), subject.frame["x0"].max()).all()


def test_the_expected_value_is_the_mean_score_of_the_centres(three_clusters, baseline, score):
    section, _ = three_clusters

    assert section.outputs[0].expected_value == pytest.approx(score(baseline).mean(), abs=1e-12)


def test_attributions_are_the_score_less_the_expected_value(three_clusters, subject, score):
    section, folder = three_clusters
    scores = score(subject.frame.drop(columns="approved"))

    local = pd.read_csv(folder / "out.csv")

    np.testing.assert_allclose(local.sum(axis=1), scores - section.outputs[0].expected_value, atol=1e-8)


def test_the_reader_is_told_what_was_clustered(three_clusters):
    section, folder = three_clusters

    (notice,) = [notice for notice in section.notices if notice.code == "SHAP-BASELINE-CLUSTERS"]
    assert notice.message == "baseline rows computed as centres of k-prototypes clusters of all 240 rows: 3"
    report = (folder.parent / "report.html").read_text()
    assert "3 baseline rows, computed as centres of clusters of the data" in " ".join(report.split())


def test_the_order_of_the_rows_changes_no_centre(three_clusters, subject, tmp_path):
    shuffled = subject.frame.sample(frac=1, random_state=0)
    shuffled.to_csv(tmp_path / "shuffled.csv", index=False)
    config = subject.config()
    config["methods"] = {"shap": {"num_samples": 64, "num_clusters": 3}}
    request = subject.request(
        tmp_path / "out", config=config, dataset=str(tmp_path / "shuffled.csv"), workers=1, in_process_model=True
    )

    run = run_analysis(request)

    there = Path(run.output_uri) / "explanations_shap/baseline.csv"
    assert there.read_bytes() == (three_clusters[1] / "baseline.csv").read_bytes()
