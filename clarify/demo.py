"""Real data and a small real model, so that a newcomer sees a whole analysis before writing a line."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from clarify.config.settings import RunSettings
from clarify.errors import ConfigError, Problem
from clarify.steps.plan import AnalysisRequest

if TYPE_CHECKING:
    import pandas as pd

# The tree classes that skops, the format without code in it, wants to see named before it loads them.
TRUSTED_TYPES = (
    "sklearn._loss.link.Interval",
    "sklearn._loss.link.LogitLink",
    "sklearn._loss._loss.CyHalfBinomialLoss",
    "sklearn._loss.loss.HalfBinomialLoss",
    "sklearn.ensemble._hist_gradient_boosting.binning._BinMapper",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
)
SEED = 0


@dataclass(frozen=True)
class DemoSubject:
    """One demonstration: its data, and what the config says of them."""

    name: str
    load: Callable[[], pd.DataFrame]
    label: str
    positive: tuple[int | str, ...]
    facets: tuple[dict[str, object], ...]
    group_variable: str


def load_diabetes_patients() -> pd.DataFrame:
    """442 diabetes patients of the year 2004 study that ships inside scikit-learn; offline.

    The label is progression one year later above 150. The source codes sex as 1 and 2 and does not name the codes;
    neither do we.
    """
    from sklearn.datasets import load_diabetes

    frame: pd.DataFrame = load_diabetes(as_frame=True, scaled=False).frame
    frame["sex"] = frame["sex"].map({1.0: "code 1", 2.0: "code 2"})
    frame["age"] = frame["age"].astype(int)
    frame["age_band"] = (frame["age"] // 20 * 20).map("from {}".format)
    frame["progressed"] = (frame.pop("target") > PROGRESSION_ABOVE).map({True: "yes", False: "no"})
    return frame


PROGRESSION_ABOVE = 150


def load_german_credit() -> pd.DataFrame:
    """1,000 credit applications from the UCI repository, by scikit-learn's OpenML client; needs a network."""
    from sklearn.datasets import fetch_openml

    try:
        frame: pd.DataFrame = fetch_openml("credit-g", version=1, as_frame=True, parser="liac-arff", cache=False).frame
    except (OSError, ValueError) as error:
        raise ConfigError(
            Problem(
                code="DEMO-DOWNLOAD",
                field="--dataset",
                received=f"german-credit, and OpenML did not answer ({error})",
                allowed="a machine with a network, or diabetes",
                hint="clarify demo works offline",
            )
        ) from error
    return frame.astype(dict.fromkeys(frame.select_dtypes("category").columns, str))


SUBJECTS = {
    "diabetes": DemoSubject(
        "diabetes-progression",
        load_diabetes_patients,
        label="progressed",
        positive=("yes",),
        facets=({"name_or_index": "sex", "value_or_threshold": ["code 2"]},
                {"name_or_index": "age", "value_or_threshold": [50]}),
        group_variable="age_band",
    ),
    "german-credit": DemoSubject(
        "german-credit",
        load_german_credit,
        label="class",
        positive=("good",),
        facets=({"name_or_index": "foreign_worker", "value_or_threshold": ["yes"]},
                {"name_or_index": "age", "value_or_threshold": [25]}),
        group_variable="housing",
    ),
}  # fmt: skip


def prepare_demo(dataset: str, *, output: str, tracking_uri: str, experiment_id: str) -> AnalysisRequest:
    """Write data and config below ``output``/input, train and register the model, and ask for the analysis.

    Raises
    ------
    ConfigError
        For a dataset we do not know, or one that could not be downloaded.
    """
    subject = SUBJECTS.get(dataset)
    if subject is None:
        raise ConfigError(
            Problem("RUN-VALUE", "--dataset", repr(dataset), " or ".join(SUBJECTS), "choose one of these")
        )
    folder = Path(output) / "input"
    folder.mkdir(parents=True, exist_ok=True)
    frame = subject.load()
    frame.to_csv(folder / "data.csv", index=False)
    version = train_and_register(frame, subject, tracking_uri=tracking_uri, experiment_id=experiment_id)
    config = folder / "analysis_config.json"
    config.write_text(json.dumps(demo_config(subject, version), indent=4) + "\n", encoding="utf-8")
    settings = RunSettings(tracking_uri=tracking_uri, csv_header="present")
    return AnalysisRequest(str(config), output, settings, str(folder / "data.csv"))


def demo_config(subject: DemoSubject, version: str) -> dict[str, object]:
    """The analysis_config.json of a demonstration, as AWS's users write it."""
    return {
        "version": "1.0",
        "dataset_type": "text/csv",
        "label": subject.label,
        "label_values_or_threshold": list(subject.positive),
        "facet": list(subject.facets),
        "group_variable": subject.group_variable,
        "methods": {
            "pre_training_bias": {"methods": "all"},
            "post_training_bias": {"methods": "all"},
            "shap": {"agg_method": "mean_abs", "save_local_shap_values": True},
            "report": {"name": "report", "title": f"Analysis of {subject.name}"},
        },
        "predictor": {"model_name": f"models:/{subject.name}/{version}"},
    }


def train_and_register(
    frame: pd.DataFrame, subject: DemoSubject, *, tracking_uri: str, experiment_id: str
) -> str:
    """Train a gradient-boosted classifier, save it without pickled code, register it; returns the version."""
    import mlflow
    from mlflow.models import infer_signature
    from sklearn.compose import make_column_transformer
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.model_selection import train_test_split
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OrdinalEncoder

    # Whole numbers as floats: MLflow's schema could not express a missing integer later.
    features = frame.drop(columns=[subject.label])
    features = features.astype(dict.fromkeys(features.select_dtypes("integer").columns, float))
    train, _, labels, _ = train_test_split(features, frame[subject.label], train_size=0.6, random_state=SEED)
    words = [name for name in features if features[name].dtype == object]
    encode = make_column_transformer(
        (OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1), words), remainder="passthrough"
    )
    model = make_pipeline(encode, HistGradientBoostingClassifier(max_iter=80, max_depth=4, random_state=SEED))
    model.fit(train, labels)
    mlflow.set_tracking_uri(tracking_uri)
    with mlflow.start_run(experiment_id=experiment_id, run_name=f"train-{subject.name}"):
        info = mlflow.sklearn.log_model(
            model,
            name="model",
            signature=infer_signature(train, model.predict(train)),
            registered_model_name=subject.name,
            pyfunc_predict_fn="predict_proba",
            skops_trusted_types=list(TRUSTED_TYPES),
        )
    return str(info.registered_model_version)
