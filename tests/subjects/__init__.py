"""A small subject of analysis: real rows of every kind, a real pipeline saved by MLflow, and its config."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from clarify.config.settings import RunSettings
from clarify.config.shap_options import ShapOptions
from clarify.steps.plan import AnalysisRequest

ROWS = 240
# "auto" chooses an estimator by time: tests that compare bytes must not depend on it.
PINNED = ShapOptions(estimator="kriging")
NUMBERS = tuple(f"x{i}" for i in range(8))


@dataclass(frozen=True)
class Subject:
    """Data, model and config on disk; ``request`` asks for an analysis of them."""

    folder: Path
    frame: pd.DataFrame
    model: str

    @property
    def data(self) -> str:
        return str(self.folder / "data.csv")

    def config(self, **changes) -> dict:
        config = {
            "version": "1.0",
            "dataset_type": "text/csv",
            "label": "approved",
            "label_values_or_threshold": ["yes"],
            "facet": [{"name_or_index": "sex", "value_or_threshold": ["f"]}, {"name_or_index": "region"}],
            "group_variable": "region",
            "methods": {
                "pre_training_bias": {"methods": "all"},
                "post_training_bias": {"methods": "all"},
                "shap": {"num_samples": 64, "save_local_shap_values": True},
                "report": {"name": "report", "title": "A test"},
            },
            "predictor": {"model_name": self.model},
        }
        return {**config, **changes}

    def request(
        self, output, *, config=None, name="analysis_config.json", dataset=None, seed=None, shap=PINNED, **settings
    ):
        path = Path(output).parent / f"{Path(output).name}-{name}"
        path.write_text(json.dumps(config or self.config()))
        return AnalysisRequest(str(path), str(output), RunSettings(**settings), dataset or self.data, seed, shap)


def make_subject(folder: Path) -> Subject:
    """Write the data, train and save the model."""
    import mlflow.sklearn
    from mlflow.models import infer_signature
    from sklearn.compose import make_column_transformer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    frame = make_rows(ROWS)
    frame.to_csv(folder / "data.csv", index=False)
    features = frame.drop(columns="approved")
    encode = make_column_transformer(
        (OneHotEncoder(handle_unknown="ignore"), ["sex", "region"]), (StandardScaler(), ["age", "owns", *NUMBERS])
    )
    model = make_pipeline(encode, LogisticRegression()).fit(features, frame["approved"])
    mlflow.sklearn.save_model(
        model,
        str(folder / "model"),
        signature=infer_signature(features, model.predict(features)),
        pyfunc_predict_fn="predict_proba",
        serialization_format="cloudpickle",
    )
    return Subject(folder, frame, str(folder / "model"))


def make_rows(n: int) -> pd.DataFrame:
    """Text, integers, booleans and floats, with a label that depends on some of them."""
    draw = np.random.default_rng(5)
    frame = pd.DataFrame({name: draw.normal(size=n).round(3) for name in NUMBERS})
    frame["age"] = draw.integers(18, 80, n)
    frame["owns"] = draw.random(n) < 0.5
    frame["sex"] = draw.choice(["f", "m"], n)
    frame["region"] = draw.choice(["north", "south", "east"], n)
    score = frame["x0"] + 0.5 * frame["x1"] * (frame["sex"] == "m") + (frame["age"] - 50) / 30 + draw.normal(size=n)
    frame["approved"] = np.where(score > 0, "yes", "no")
    return frame


def digests(output: str | Path) -> dict[str, str]:
    """What a rerun must reproduce, as the manifest has it and as the files are."""
    manifest = json.loads((Path(output) / "manifest.json").read_text())
    for path, record in manifest["files"].items():
        assert hashlib.sha256((Path(output) / path).read_bytes()).hexdigest() == record["sha256"], path
    return {path: record["sha256"] for path, record in manifest["files"].items() if record["reproducible"]}
