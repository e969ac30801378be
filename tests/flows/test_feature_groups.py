"""Groups of columns as one feature, from the command line to the documents."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

ROOT = Path(__file__).parents[2]


def analyze(subject, folder, *options):
    """Only SHAP, on the command line as a user types it."""
    config = subject.config()
    config["methods"] = {"shap": {"num_samples": 128, "save_local_shap_values": True}}
    request = subject.request(folder / "out", config=config)
    command = [sys.executable, "-m", "flows.cli", "analyze", request.config, "--dataset", subject.data,
               "--output", request.output_uri, "--direct", "--quiet", "--in-process-model", "--workers",
               "1"]  # fmt: skip
    return subprocess.run([*command, *options], capture_output=True, text=True, cwd=ROOT, stdin=subprocess.DEVNULL)


@pytest.fixture(scope="module")
def grouped(subject, tmp_path_factory):
    folder = tmp_path_factory.mktemp("groups")
    answer = analyze(subject, folder, "--group", "first=x1,x0", "--group", "person=age,sex,region")
    assert answer.returncode == 0, answer.stderr
    return folder / "out"


def test_a_group_stands_where_its_first_column_stood(grouped):
    local = pd.read_csv(grouped / "explanations_shap/out.csv")

    names = ["first", "x2", "x3", "x4", "x5", "x6", "x7", "person", "owns"]
    assert list(local.columns) == [f"{name}_label0" for name in names]


def test_groups_are_part_of_the_result(grouped):
    section = json.loads((grouped / "extended.json").read_text())["explanations"]

    assert section["groups"] == [["first", ["x0", "x1"]], ["person", ["age", "sex", "region"]]]
    assert section["n_features"] == 9


def test_attributions_of_groups_add_up_to_the_score(grouped, subject):
    import mlflow.sklearn

    section = json.loads((grouped / "extended.json").read_text())["explanations"]
    model = mlflow.sklearn.load_model(subject.model)
    scores = model.predict_proba(subject.frame.drop(columns="approved"))[:, 1]

    local = pd.read_csv(grouped / "explanations_shap/out.csv")

    np.testing.assert_allclose(local.sum(axis=1) + section["outputs"][0]["expected_value"], scores, atol=1e-8)


def test_a_group_of_unknown_columns_is_refused_with_the_nearest(subject, tmp_path):
    answer = analyze(subject, tmp_path, "--group", "place=regoin", "--group", "nothing")

    assert answer.returncode == 2, answer.stderr
    assert "--group: received 'regoin'  [SHAP-GROUP-COLUMN]" in answer.stderr
    assert "did you mean 'region'?" in answer.stderr
    assert "--group: received 'nothing'  [SHAP-GROUP-COLUMN]" in answer.stderr
