"""How loaded models are asked: without a server, since the code is the same."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path

import mlflow.pyfunc
import mlflow.sklearn
import mlflow.xgboost
import numpy as np
import pandas as pd
import pytest
import xgboost
from mlflow.models import infer_signature
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.svm import LinearSVC

from clarify.endpoints import oip
from clarify.endpoints.scoring import Scorer, load_scorer
from clarify.endpoints.server import ScoringApp
from clarify.errors import DataError
from clarify.features import FeatureColumn, Features

NAN = float("nan")
RNG = np.random.default_rng(5)
FRAME = pd.DataFrame(RNG.normal(size=(300, 2)), columns=["a", "b"])
LABEL = np.where(FRAME["a"] > 0, "yes", "no")
NUMBERS = Features((FeatureColumn("a", "float"), FeatureColumn("b", "float")), FRAME.to_numpy().copy())


def saved(model, path: Path, *, signed: bool = True, **choices) -> str:
    signature = infer_signature(FRAME, model.predict(FRAME)) if signed else None
    mlflow.sklearn.save_model(
        model, str(path), signature=signature, serialization_format="cloudpickle", pip_requirements=[], **choices
    )
    return str(path)


def test_a_classifier_without_probabilities_names_classes_only(tmp_path):
    scorer = load_scorer(saved(LinearSVC().fit(FRAME, LABEL), tmp_path / "svc"))

    answer = scorer.score_features(NUMBERS)

    assert (scorer.output_kind, scorer.classes, answer.scores) == ("label", ("no", "yes"), None)
    assert set(answer.labels) == {"no", "yes"}


def test_a_regressor_scores(tmp_path):
    assert load_scorer(saved(LinearRegression().fit(FRAME, FRAME["a"]), tmp_path / "r")).output_kind == "score"


@pytest.mark.parametrize(
    ("example", "kind"),
    [
        (np.array([0, 1]), "label"), (pd.DataFrame({"y": [0, 1]}), "label"), (np.array(["no", "yes"]), "label"),
        (np.array([0.5, 1.0]), "score"), (pd.DataFrame({"y": [0.5, 1.0]}), "score"),
    ],
)
def test_a_pyfuncs_signature_tells_classes_from_scores(tmp_path, example, kind):
    class Sign(mlflow.pyfunc.PythonModel):
        def predict(self, context, model_input, params=None):
            return (model_input["a"] > 0).astype(int)

    signature = infer_signature(FRAME, example)
    mlflow.pyfunc.save_model(str(tmp_path / "m"), python_model=Sign(), signature=signature, pip_requirements=[])

    assert load_scorer(str(tmp_path / "m")).output_kind == kind


def test_a_pyfunc_with_predict_proba_is_asked_for_probabilities(tmp_path):
    class Proba(mlflow.pyfunc.PythonModel):
        classes_ = ("no", "yes")

        def predict(self, context, model_input, params=None):
            return ["yes"] * len(model_input)

        def predict_proba(self, context, model_input):
            return np.tile([0.25, 0.75], (len(model_input), 1))

    mlflow.pyfunc.save_model(str(tmp_path / "m"), python_model=Proba(), pip_requirements=[])
    scorer = load_scorer(str(tmp_path / "m"))

    answer = scorer.score_features(NUMBERS)

    assert (scorer.output_kind, scorer.classes) == ("probability", ("no", "yes"))
    np.testing.assert_array_equal(answer.scores[0], [0.25, 0.75])


def test_pyfunc_predict_fn_does_not_hide_the_probabilities(tmp_path):
    model = LogisticRegression().fit(FRAME, LABEL)

    by_default = load_scorer(saved(model, tmp_path / "default")).score_features(NUMBERS)
    by_proba = load_scorer(saved(model, tmp_path / "p", pyfunc_predict_fn="predict_proba")).score_features(NUMBERS)

    np.testing.assert_array_equal(by_default.scores, model.predict_proba(FRAME))
    np.testing.assert_array_equal(by_proba.scores, by_default.scores)


def test_a_model_fitted_on_an_array_is_given_an_array(tmp_path, recwarn):
    model = LogisticRegression().fit(FRAME.to_numpy(), LABEL)
    scorer = load_scorer(saved(model, tmp_path / "m", signed=False))
    recwarn.clear()

    answer = scorer.score_features(NUMBERS)

    np.testing.assert_array_equal(answer.scores, model.predict_proba(FRAME.to_numpy()))
    assert not [warning for warning in recwarn if "feature names" in str(warning.message)]


def test_a_bare_booster_tells_probability_by_its_objective(tmp_path):
    matrix = xgboost.DMatrix(FRAME, label=(LABEL == "yes").astype(int))
    booster = xgboost.train({"objective": "binary:logistic", "nthread": 1}, matrix, 5)
    mlflow.xgboost.save_model(booster, str(tmp_path / "m"), pip_requirements=[])
    scorer = load_scorer(str(tmp_path / "m"))

    answer = scorer.score_features(NUMBERS)

    assert scorer.output_kind == "probability"
    np.testing.assert_array_equal(answer.scores[:, 0], booster.predict(matrix).astype(float))


@pytest.fixture(scope="module")
def categorical(tmp_path_factory):
    """A booster trained on pandas categories whose order of appearance is not the alphabet's."""
    words = RNG.choice(["pear", "apple", "fig"], 400)
    frame = pd.DataFrame({"fruit": pd.Categorical(words, ["pear", "apple", "fig"]), "n": RNG.normal(size=400)})
    model = xgboost.XGBClassifier(n_estimators=10, enable_categorical=True, n_jobs=1)
    model.fit(frame, (words == "apple") | (frame["n"] > 1))
    path = tmp_path_factory.mktemp("categorical") / "m"
    mlflow.xgboost.save_model(model, str(path), signature=infer_signature(frame), pip_requirements=[])
    return model, str(path)


def test_categories_reach_xgboost_as_in_training_whatever_the_batch_holds(categorical):
    model, path = categorical
    columns = (FeatureColumn("fruit", "text", ("fig", "apple")), FeatureColumn("n", "float"))
    training = pd.CategoricalDtype(["pear", "apple", "fig"])
    expected = model.predict_proba(
        pd.DataFrame({"fruit": pd.Series(["apple", "fig", None], dtype=training), "n": [0.0, 0.5, 0.0]})
    )

    got = load_scorer(path).score_features(Features(columns, np.array([[1, 0.0], [0, 0.5], [NAN, 0.0]])))

    np.testing.assert_array_equal(got.scores, expected)


def test_a_category_unseen_in_training_is_named(categorical):
    columns = (FeatureColumn("fruit", "text", ("kiwi",)), FeatureColumn("n", "float"))

    with pytest.raises(DataError, match=r"request\.fruit: received kiwi  \[ENDPOINT-CATEGORY\]"):
        load_scorer(categorical[1]).score_features(Features(columns, np.array([[0, 0.0]])))


class Recorder:
    """A model that keeps the frame it was asked about."""

    def __init__(self) -> None:
        self.frames: list[pd.DataFrame] = []

    def __call__(self, frame: pd.DataFrame) -> np.ndarray:
        self.frames.append(frame)
        return np.zeros(len(frame))


def test_without_a_signature_columns_keep_the_kinds_they_have():
    recorder = Recorder()
    columns = (
        FeatureColumn("t", "text", ("x", "y")), FeatureColumn("i", "int"), FeatureColumn("gaps", "int"),
        FeatureColumn("b", "bool"), FeatureColumn("bgaps", "bool"), FeatureColumn("f", "float"),
    )

    Scorer(recorder, "score").score_features(
        Features(columns, np.array([[0, 1, 1, 1, 1, 0.5], [NAN, 2, NAN, 0, NAN, NAN]]))
    )

    frame = recorder.frames[0]
    assert [str(kind) for kind in frame.dtypes] == ["object", "int64", "float64", "bool", "object", "float64"]
    assert frame["t"].tolist()[0] == "x"
    assert np.isnan(frame["t"][1])
    assert frame["bgaps"].tolist()[0] is True


def test_a_tensor_keeps_the_kinds_it_was_sent_with():
    recorder = Recorder()
    columns = (FeatureColumn("i", "int"), FeatureColumn("b", "bool"), FeatureColumn("f", "float"))

    body, length = oip.encode_features(Features(columns, np.array([[1, 1, 0.5], [2, 0, NAN]])))
    request = oip.read_request(body, length)
    Scorer(recorder, "score").score_matrix(request.names, request.kinds, request.values)

    assert [str(kind) for kind in recorder.frames[0].dtypes] == ["int64", "bool", "float64"]


def test_a_full_queue_answers_429_with_a_time_to_wait():
    def slow(frame: pd.DataFrame) -> np.ndarray:
        time.sleep(0.3)
        return np.zeros(len(frame))

    scorer = Scorer(slow, "score")
    app = ScoringApp(scorer, scorer.metadata("clarify"), queue_length=2)
    body, length = oip.encode_features(NUMBERS)

    async def ask() -> tuple[int, dict[bytes, bytes]]:
        sent: list[dict] = []

        async def receive() -> dict:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: dict) -> None:
            sent.append(message)

        headers = [(b"host", b"127.0.0.1:1"), (b"inference-header-content-length", str(length).encode())]
        scope = {"type": "http", "method": "POST", "path": "/v2/models/model/infer", "headers": headers}
        await app(scope, receive, send)
        return sent[0]["status"], dict(sent[0]["headers"])

    async def three() -> list[tuple[int, dict[bytes, bytes]]]:
        return await asyncio.gather(ask(), ask(), ask())

    answers = asyncio.run(three())

    assert sorted(status for status, _ in answers) == [200, 200, 429]
    assert next(headers for status, headers in answers if status == 429)[b"retry-after"] == b"1"


def test_a_request_under_another_host_name_is_refused():
    scorer = Scorer(lambda frame: np.zeros(len(frame)), "score")
    app = ScoringApp(scorer, scorer.metadata("clarify"), queue_length=2)

    reply = app.tell("/v2/models/model", {"host": "attacker.example:80"})

    assert reply.status == 421
    assert json.loads(reply.body)["problems"][0]["received"] == "attacker.example:80"
