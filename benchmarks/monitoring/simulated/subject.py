"""A real model on real rows: 442 diabetes patients, a logistic regression that is trained again on demand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
from mlflow.models import infer_signature
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from clarify.demo import load_diabetes_patients

MODEL, SERVING = "simulated-progression", "serving"
LABEL, POSITIVE, FACET, GROUP = "progressed", "yes", "sex", "code 2"
TEXTS = ["sex", "age_band"]
TRUSTED = ["sklearn.compose._column_transformer._RemainderColsList"]


def patients() -> pd.DataFrame:
    """The rows that traffic is drawn from; whole numbers as floats, as the model's signature has them."""
    frame = load_diabetes_patients()
    return frame.astype(dict.fromkeys(frame.select_dtypes("integer").columns, float))


def features_of(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.drop(columns=[LABEL])


def train(frame: pd.DataFrame) -> Pipeline:
    """A logistic regression on standardised numbers and one-hot texts."""
    encode = make_column_transformer(
        (OneHotEncoder(handle_unknown="ignore"), TEXTS), remainder=StandardScaler()
    )
    return make_pipeline(encode, LogisticRegression(C=1.0, max_iter=2_000)).fit(features_of(frame), frame[LABEL])


def register(model: Pipeline, frame: pd.DataFrame, *, tracking_uri: str) -> str:
    """Save the model in MLflow, point the alias ``serving`` at it, and return its version."""
    mlflow.set_tracking_uri(tracking_uri)
    mlflow.set_experiment("/clarify/training")
    features = features_of(frame).head(50)
    with mlflow.start_run(run_name=f"train-{MODEL}"):
        info = mlflow.sklearn.log_model(
            model,
            name="model",
            signature=infer_signature(features, model.predict(features)),
            registered_model_name=MODEL,
            pyfunc_predict_fn="predict_proba",
            skops_trusted_types=TRUSTED,
        )
    version = str(info.registered_model_version)
    mlflow.MlflowClient(tracking_uri).set_registered_model_alias(MODEL, SERVING, version)
    return version


def forget(tracking_uri: str) -> None:
    """Remove the models of an earlier month, so that versions count from 1."""
    client = mlflow.MlflowClient(tracking_uri)
    if client.search_registered_models(f"name = '{MODEL}'"):
        client.delete_registered_model(MODEL)


def served(tracking_uri: str) -> tuple[str, Pipeline]:
    """Version and model that answer right now."""
    mlflow.set_tracking_uri(tracking_uri)
    version = mlflow.MlflowClient(tracking_uri).get_model_version_by_alias(MODEL, SERVING).version
    return str(version), mlflow.sklearn.load_model(f"models:/{MODEL}/{version}")


def scores(model: Pipeline, frame: pd.DataFrame) -> np.ndarray:
    """Probability of progression."""
    return model.predict_proba(features_of(frame))[:, list(model.classes_).index(POSITIVE)]


def write_analysis_config(
    path: Path,
    frame: pd.DataFrame,
    *,
    before: str | list[str] = "all",
    after: str | list[str] = "all",
    predicted: str | None = None,
) -> None:
    """What columns mean, in AWS's document.

    ``before``, ``after``: metrics of the labels and of the predictions; ``predicted``: a column has these, no model.
    """
    document: dict[str, Any] = {
        "version": "1.0",
        "dataset_type": "text/csv",
        "headers": list(frame.columns),
        "label": LABEL,
        "label_values_or_threshold": [POSITIVE],
        "facet": [{"name_or_index": FACET, "value_or_threshold": [GROUP]}],
        "group_variable": "age_band",
        "methods": {
            "pre_training_bias": {"methods": before},
            "post_training_bias": {"methods": after},
            "shap": {"num_samples": 256, "use_logit": True, "save_local_shap_values": True},
            "report": {"name": "report", "title": "Baseline of the simulated month"},
        },
        "predictor": {"model_name": f"models:/{MODEL}/1"},
    }
    if predicted is not None:
        del document["predictor"], document["methods"]["shap"]
        document["predicted_label"] = predicted
    path.write_text(json.dumps(document, indent=4) + "\n", encoding="utf-8")
