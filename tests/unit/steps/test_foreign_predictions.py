"""Predicted labels of a container that is spoken to by template: what AWS's ``predictor`` section means for bias."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from clarify.config.settings import RunSettings
from clarify.data.dataset import cut
from clarify.engines.local import LocalEngine
from clarify.errors import BadPrediction, ConfigError
from clarify.steps.plan import AnalysisRequest, plan_analysis
from clarify.steps.predict import ROWS_PER_PREDICTION, close_endpoints, predict, read_positive
from clarify.steps.provision_endpoint import provision_endpoint
from clarify.steps.validate_dataset import validate_dataset

SERVER = Path(__file__).parents[1] / "endpoints" / "foreign_server.py"

LINES = {"content_type": "application/jsonlines", "content_template": '{"Features": $features}'}
SPLIT = {
    "content_type": "application/json", "content_template": '{"instances": $records, "feature_names": $feature_names}',
    "record_template": "$features",
}  # fmt: skip
ONE = {"content_type": "application/json", "content_template": "$record", "record_template": "$features_kvp"}


@pytest.fixture(scope="module")
def server():
    process = subprocess.Popen([sys.executable, str(SERVER), "shapes"], stdout=subprocess.PIPE, text=True)
    yield f"http://127.0.0.1:{process.stdout.readline().strip()}"
    process.kill()
    process.wait()
    process.stdout.close()


@pytest.fixture(scope="module")
def frame():
    """The server scores a row as a + 2b + 3c, and names class 1, or C3, above 3."""
    numbers = np.random.default_rng(8).integers(0, 8, (300, 3)) / 8
    frame = pd.DataFrame(numbers, columns=["a", "b", "c"])
    frame["sex"] = np.arange(300) % 2
    frame["y"] = (score_of(frame) > 2.5).astype(int)
    frame["word"] = np.where(frame["y"] == 1, "C3", "C1")
    frame["price"] = score_of(frame).round(2)
    return frame


def score_of(frame):
    return frame["a"] + 2 * frame["b"] + 3 * frame["c"]


@pytest.fixture
def predicted(server, frame, tmp_path):
    """Predicted labels of all rows (1 positive), and the lease with its notices."""

    count = iter(range(10))

    def run(path, predictor, *, label="y", positive=(1,), **changes):
        data, config = tmp_path / "data.csv", tmp_path / "config.json"
        output = tmp_path / f"out-{next(count)}"
        frame.to_csv(data, index=False)
        others = [name for name in ("sex", "y", "word", "price") if name != label]
        document = {
            "dataset_type": "text/csv", "label": label, "label_values_or_threshold": list(positive),
            "facet": [{"name_or_index": "sex", "value_or_threshold": [0]}], "excluded_columns": others,
            "methods": {"post_training_bias": {"methods": ["DPPL"]}},
            "predictor": {"endpoint_name": "e", **predictor}, **changes,
        }  # fmt: skip
        config.write_text(json.dumps(document))
        settings = RunSettings(endpoint=f"{server}/{path}", workers=1, csv_header="present")
        plan = plan_analysis(AnalysisRequest(str(config), str(output), settings, dataset_uri=str(data)))
        try:
            with LocalEngine(workers=1) as engine:
                prepared = validate_dataset(plan, engine)
                lease = provision_endpoint(plan, prepared)
                if "post_training_bias" not in document["methods"]:
                    return None, lease
                scored = predict(plan, prepared, lease, engine)
            parts = [read_positive(scored, part) for part in cut(prepared.dataset, ROWS_PER_PREDICTION)]
        finally:
            close_endpoints()
        return np.concatenate(parts), lease

    return run


@pytest.mark.parametrize(
    ("path", "predictor"),
    [
        ("split/json", {**SPLIT, "label": "predictions[*].predicted_label", "probability": "predictions[*].score"}),
        ("csv/csv_label_score", {"label": 0}),
        ("csv/csv_label_score", {"label": 0, "probability": 1}),
        ("lines/json", {**LINES, "accept_type": "application/json", "label": "predictions[*].predicted_label"}),
    ],
)
def test_a_scalar_label_of_the_label_column_is_the_predicted_label(path, predictor, predicted, frame):
    got, lease = predicted(path, predictor)

    np.testing.assert_array_equal(got, score_of(frame) > 3)
    assert lease.notices == ()


@pytest.mark.parametrize(
    ("path", "predictor"),
    [
        ("lines/lines", {**LINES, "probability": "score"}),
        ("one/json_record", {**ONE, "probability": "score"}),
        ("csv/csv", {}),
        ("csv/csv_label_score", {"probability": 1}),
        ("split/json_columns", {**SPLIT, "probability": "out.scores"}),
    ],
)
def test_a_single_number_is_held_to_the_threshold(path, predictor, predicted, frame):
    got, _ = predicted(path, predictor, probability_threshold=2.0)

    np.testing.assert_array_equal(got, score_of(frame) > 2)


def test_a_score_path_in_label_is_read_as_a_score_and_said(predicted, frame):
    got, lease = predicted("lines/lines", {**LINES, "label": "score"}, probability_threshold=2.0)

    np.testing.assert_array_equal(got, score_of(frame) > 2)
    (notice,) = lease.notices
    assert (notice.code, notice.field) == ("ENDPOINT-LABEL-SCORE", "predictor.label")
    assert "are no labels of column 'y' (0, 1) and are read as scores" in notice.message
    assert (lease.spec.label, lease.spec.probability) == (None, "score")


def test_a_number_within_the_range_of_a_continuous_label_is_a_predicted_label(predicted, frame):
    got, lease = predicted(
        "lines/lines", {**LINES, "label": "score"}, label="price", positive=[2.25], probability_threshold=0.5
    )

    np.testing.assert_array_equal(got, score_of(frame) > 2.25)
    assert lease.notices == ()


@pytest.mark.parametrize(
    ("path", "predictor"),
    [
        ("lines/csv_class_list", {**LINES, "accept_type": "text/csv", "label": 0, "probability": 1}),
        ("lines/csv_list", {**LINES, "accept_type": "text/csv", "probability": 0, "label_headers": ["C1", "C2", "C3"]}),
        ("lines/lines_class_list", {**LINES, "label": "pred", "probability": "sc"}),
        ("lines/lines_class_list", {**LINES, "label": "pred"}),
        ("lines/lines_class_list", {**LINES, "label": "sc", "label_headers": ["C1", "C2", "C3"]}),
        ("lines/lines_all_classes", {**LINES, "label": "pred", "probability": "sc"}),
    ],
)
def test_the_papers_multi_class_answers_name_the_predicted_label(path, predictor, predicted, frame):
    got, lease = predicted(path, predictor, label="word", positive=["C3"])

    np.testing.assert_array_equal(got, score_of(frame) > 3)
    assert lease.notices == ()


def test_labels_that_are_not_those_of_the_column_give_way_to_the_score(predicted, frame):
    got, lease = predicted(
        "csv/csv_label_score", {"label": 0, "probability": 1}, label="word", positive=["C3"], probability_threshold=2.0
    )

    np.testing.assert_array_equal(got, score_of(frame) > 2)
    assert [notice.code for notice in lease.notices] == ["ENDPOINT-LABEL-SCORE"]


@pytest.mark.parametrize(
    ("path", "predictor", "field"),
    [
        ("lines/lines_class_list", {**LINES, "label": "pred"}, "predictor.label"),
        ("lines/lines_class_list", {**LINES, "probability": "sc"}, "predictor.label_headers"),
    ],
)
def test_classes_the_label_column_does_not_have_are_refused_before_all_rows_are_asked(
    path, predictor, field, predicted
):
    with pytest.raises(ConfigError) as caught:
        predicted(path, predictor)

    (problem,) = caught.value.problems
    assert (problem.code, problem.field) == ("ENDPOINT-LABEL-VALUES", field)
    assert problem.allowed == "labels of column 'y' (0, 1)"


def test_explanations_take_the_probability_and_else_the_path_in_label(predicted):
    methods = {"pdp": {"features": ["a"], "grid_resolution": 3}}

    _, both = predicted(
        "split/json", {**SPLIT, "label": "predictions[*].predicted_label", "probability": "predictions[*].score"},
        methods=methods,
    )  # fmt: skip
    _, alone = predicted("lines/lines", {**LINES, "label": "score"}, methods=methods)

    assert (both.spec.label, both.spec.probability, both.model.output) == (None, "predictions[*].score", "score")
    assert (alone.spec.label, alone.spec.probability, alone.model.output) == (None, "score", "score")


def test_custom_attributes_and_target_model_become_headers(predicted):
    _, lease = predicted(
        "lines/lines", {**LINES, "probability": "score", "custom_attributes": "a b", "target_model": "m.tar.gz"}
    )

    assert lease.spec.request_headers == (
        ("X-Amzn-SageMaker-Custom-Attributes", "a b"), ("X-Amzn-SageMaker-Target-Model", "m.tar.gz"),
    )  # fmt: skip


def test_a_path_that_finds_nothing_ends_the_run_with_the_keys_there_are(predicted):
    with pytest.raises(BadPrediction, match=r"(?s)ENDPOINT-PATH.*the answer has predictions, predictions\[\*\]\.score"):
        predicted("split/json", {**SPLIT, "probability": "predictions[*].probability"})
