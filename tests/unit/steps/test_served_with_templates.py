"""An AWS config that shapes requests for a container, run with a model served here: it simply works."""

import numpy as np
import pytest

from clarify.data.dataset import cut
from clarify.engines.local import LocalEngine
from clarify.steps.plan import plan_analysis
from clarify.steps.predict import ROWS_PER_PREDICTION, close_endpoints, predict, read_positive
from clarify.steps.provision_endpoint import provision_endpoint, release_endpoint
from clarify.steps.validate_dataset import validate_dataset

SHAPED = {
    "content_type": "application/json", "accept_type": "application/json", "content_template": '{"instances":$records}',
    "record_template": '{"features":$features}', "custom_attributes": "a", "probability": "predictions[*].score",
}  # fmt: skip


@pytest.mark.parametrize(
    ("label", "threshold"), [({"label": "predictions[*].predicted_label"}, 0.5), ({}, 0.8)], ids=["label", "score"]
)
def test_our_own_server_ignores_templates_and_paths_and_means_what_they_mean(label, threshold, subject, tmp_path):
    import mlflow.sklearn

    config = subject.config(
        methods={"post_training_bias": {"methods": ["DPPL"]}}, probability_threshold=0.8,
        predictor={"model_name": subject.model, **SHAPED, **label},
    )  # fmt: skip
    plan = plan_analysis(subject.request(tmp_path / "out", config=config, workers=1, server_processes=1))
    with LocalEngine(workers=1) as engine:
        data = validate_dataset(plan, engine)
        lease = provision_endpoint(plan, data)
        try:
            scored = predict(plan, data, lease, engine)
        finally:
            close_endpoints()
            release_endpoint(lease)

    got = np.concatenate([read_positive(scored, part) for part in cut(data.dataset, ROWS_PER_PREDICTION)])
    scores = mlflow.sklearn.load_model(subject.model).predict_proba(subject.frame.drop(columns="approved"))[:, 1]
    assert 0 < (scores > 0.8).sum() < (scores > 0.5).sum()
    np.testing.assert_array_equal(got, scores > threshold)
    assert [(notice.code, notice.field) for notice in lease.notices] == [
        ("CFG-NO-EFFECT", f"predictor.{key}") for key in ("content_template", "record_template", "custom_attributes")
    ]  # fmt: skip
