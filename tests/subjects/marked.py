"""A subject whose every name from outside bears one mark, so that a test can look for names in what it reads."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from clarify.config.presentation import Presentation
from clarify.config.settings import RunSettings
from clarify.steps.plan import AnalysisRequest
from tests.subjects import PINNED, make_rows

MARK = "Marke"
TINY = 7                     # rows of the smallest group: below every usual limit
ROWS = 160


@dataclass(frozen=True)
class Marked:
    """Data, model, config and policy on disk, in a folder that bears the mark too."""

    folder: Path
    model: str

    def request(self, output, *, model=None, shown=Presentation(), **settings) -> AnalysisRequest:      # noqa: B008
        """Everything in this process, so that it is quick."""
        chosen = RunSettings(**{"engine": "local", "workers": 1, "in_process_model": True, **settings})
        return AnalysisRequest(
            str(self.folder / "config.json"), str(output), RunSettings(**{**chosen.__dict__, "model": model}),
            str(self.folder / f"{MARK}Data.csv"), None, PINNED, str(self.folder / "policy.json"), presentation=shown,
        )  # fmt: skip


def make_marked(folder: Path) -> Marked:
    """Write the data, train and save the model, write the documents."""
    place = folder / f"{MARK}Folder"
    place.mkdir()
    frame = marked_rows()
    frame.to_csv(place / f"{MARK}Data.csv", index=False)
    model = str(place / f"{MARK}Model")
    _save_model(frame, model)
    (place / "config.json").write_text(json.dumps(_config(model)))
    ranges = [{"metric": "DPPL", "low": 0.9, "high": 1.0}, {"metric": "DPL", "low": -0.9, "high": 0.9}]
    (place / "policy.json").write_text(json.dumps({"version": "1.0", "name": f"{MARK}Policy", "ranges": ranges}))
    return Marked(place, model)


def marked_rows() -> pd.DataFrame:
    """Real rows under marked names; the third region has seven of them."""
    frame = make_rows(ROWS)[["x0", "x1", "age", "sex", "region", "approved"]]
    frame["region"] = np.where(np.arange(ROWS) < TINY, "east", np.where(frame["region"] == "north", "north", "south"))
    for column in ("sex", "region", "approved"):
        frame[column] = MARK + frame[column]
    return frame.rename(columns=lambda name: f"{MARK}{name}")


def _save_model(frame: pd.DataFrame, path: str) -> None:
    import mlflow.sklearn
    from mlflow.models import infer_signature
    from sklearn.compose import make_column_transformer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    features = frame.drop(columns=f"{MARK}approved")
    words, numbers = [f"{MARK}sex", f"{MARK}region"], [f"{MARK}{name}" for name in ("x0", "x1", "age")]
    encode = make_column_transformer((OneHotEncoder(handle_unknown="ignore"), words), (StandardScaler(), numbers))
    model = make_pipeline(encode, LogisticRegression()).fit(features, frame[f"{MARK}approved"])
    mlflow.sklearn.save_model(
        model, path, signature=infer_signature(features, model.predict(features)),
        pyfunc_predict_fn="predict_proba", serialization_format="cloudpickle", pip_requirements=[],
    )  # fmt: skip


def _config(model: str) -> dict:
    return {
        "version": "1.0",
        "dataset_type": "text/csv",
        "label": f"{MARK}approved",
        "label_values_or_threshold": [f"{MARK}yes"],
        "facet": [{"name_or_index": f"{MARK}sex", "value_or_threshold": [f"{MARK}f"]},
                  {"name_or_index": f"{MARK}region", "value_or_threshold": [f"{MARK}east"]}],
        "group_variable": f"{MARK}region",
        "methods": {
            "pre_training_bias": {"methods": ["CI", "DPL"]},
            "post_training_bias": {"methods": ["DPPL", "DI", "AD", "FT"]},
            "shap": {"num_samples": 32, "save_local_shap_values": True},
            "pdp": {"grid_resolution": 3, "features": [f"{MARK}age", f"{MARK}region"]},
            "report": {"name": f"{MARK}Report", "title": f"{MARK}Title"},
        },
        "predictor": {"model_name": model},
    }  # fmt: skip
