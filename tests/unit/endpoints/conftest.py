"""Real MLflow models and real leased servers, each made once."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from clarify.endpoints.lease import LeaseRecord, close_lease, open_lease
from clarify.endpoints.pinning import pin_directory
from clarify.features import FeatureColumn, Features

N_ROWS = 400


@pytest.fixture(scope="session")
def numeric_features() -> Features:
    columns = tuple(FeatureColumn(f"f{j}", "float") for j in range(4))
    return Features(columns, np.random.default_rng(3).normal(size=(N_ROWS, 4)))


@pytest.fixture(scope="session")
def mixed_features() -> Features:
    """Text with a gap and a comma, a bool, an int, an int with gaps, a float with gaps."""
    rng = np.random.default_rng(4)
    columns = (
        FeatureColumn("job", "text", ("clerk", "nurse", "cook, chef", "")),
        FeatureColumn("owner", "bool"),
        FeatureColumn("age", "int"),
        FeatureColumn("children", "int"),
        FeatureColumn("income", "float"),
    )
    values = np.column_stack(
        [
            rng.integers(0, 3, N_ROWS).astype(float),
            rng.integers(0, 2, N_ROWS).astype(float),
            rng.integers(18, 90, N_ROWS).astype(float),
            np.where(rng.random(N_ROWS) < 0.2, np.nan, rng.integers(0, 5, N_ROWS).astype(float)),
            np.where(rng.random(N_ROWS) < 0.2, np.nan, rng.normal(40, 10, N_ROWS)),
        ]
    )
    values[5, 0] = np.nan
    return Features(columns, values)


@pytest.fixture(scope="session")
def mixed_frame(mixed_features: Features) -> pd.DataFrame:
    """The same rows as pandas would have read them from a CSV: what training sees."""
    words = np.array([*(mixed_features.columns[0].vocabulary or ()), np.nan], dtype=object)
    codes = np.where(np.isnan(mixed_features.values[:, 0]), -1, mixed_features.values[:, 0]).astype(int)
    values = mixed_features.values
    return pd.DataFrame(
        {
            "job": words[codes],
            "owner": values[:, 1] == 1,
            "age": values[:, 2].astype(np.int64),
            "children": values[:, 3],
            "income": values[:, 4],
        }
    )


@pytest.fixture(scope="session")
def model_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("models")


@pytest.fixture(scope="session")
def spy_log(model_root: Path) -> Path:
    """Where the pipeline below writes the dtypes it was given, one line a call."""
    return model_root / "dtypes.log"


@pytest.fixture(scope="session")
def pipeline_path(model_root: Path, spy_log: Path, mixed_frame: pd.DataFrame) -> str:
    """A scikit-learn pipeline on mixed columns whose first step writes down the dtypes it receives."""
    import mlflow.sklearn
    from mlflow.models import infer_signature
    from sklearn.base import BaseEstimator, TransformerMixin
    from sklearn.compose import ColumnTransformer
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder

    class DtypeSpy(TransformerMixin, BaseEstimator):
        """Defined in a function, so that cloudpickle carries it along."""

        def __init__(self, log: str) -> None:
            self.log = log

        def fit(self, frame: pd.DataFrame, y: object = None) -> DtypeSpy:
            self.feature_names_in_ = np.array(frame.columns, dtype=object)
            return self

        def transform(self, frame: pd.DataFrame) -> pd.DataFrame:
            with open(self.log, "a") as stream:
                stream.write(",".join(f"{name}:{kind}" for name, kind in frame.dtypes.items()) + "\n")
            return frame

    encode = ColumnTransformer(
        [("words", OneHotEncoder(), ["job"]), ("numbers", SimpleImputer(), ["owner", "age", "children", "income"])]
    )
    label = np.where((mixed_frame["age"] > 50) | (mixed_frame["job"] == "nurse"), "yes", "no")
    model = make_pipeline(DtypeSpy(str(spy_log)), encode, LogisticRegression(max_iter=2000)).fit(mixed_frame, label)
    path = model_root / "pipeline"
    mlflow.sklearn.save_model(
        model, str(path), signature=infer_signature(mixed_frame, label), serialization_format="cloudpickle",
        pip_requirements=[],
    )
    return str(path)


@pytest.fixture(scope="session")
def booster_path(model_root: Path, numeric_features: Features) -> str:
    import mlflow.xgboost
    import xgboost
    from mlflow.models import infer_signature

    frame = pd.DataFrame(numeric_features.values, columns=list(numeric_features.names))
    label = (frame["f0"] + frame["f1"] * frame["f2"] > 0).astype(int)
    model = xgboost.XGBClassifier(n_estimators=20, max_depth=3, n_jobs=1).fit(frame, label)
    path = model_root / "booster"
    mlflow.xgboost.save_model(model, str(path), signature=infer_signature(frame, label), pip_requirements=[])
    return str(path)


@pytest.fixture(scope="session")
def regressor_path(model_root: Path) -> str:
    """A pyfunc whose answer is the sum of its columns."""
    import mlflow.pyfunc

    class Sum(mlflow.pyfunc.PythonModel):
        def predict(self, context, model_input, params=None):
            return model_input.to_numpy(dtype=float).sum(axis=1)

    path = model_root / "regressor"
    mlflow.pyfunc.save_model(str(path), python_model=Sum(), pip_requirements=[])
    return str(path)


@pytest.fixture(scope="session")
def state_dir(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(tmp_path_factory.mktemp("state"))


@pytest.fixture(scope="session")
def pipeline_lease(pipeline_path: str, state_dir: str) -> Iterator[LeaseRecord]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_SECRET_ACCESS_KEY", "canary")
        record = open_lease(pin_directory(pipeline_path), state_dir=state_dir)
    yield record
    close_lease(record)


@pytest.fixture(scope="session")
def booster_lease(booster_path: str, state_dir: str) -> Iterator[LeaseRecord]:
    record = open_lease(pin_directory(booster_path), state_dir=state_dir, n_workers=2)
    yield record
    close_lease(record)


@pytest.fixture(scope="session")
def mlflow_url(booster_path: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """``mlflow models serve``: the foreign server most people have."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    programs = Path(sys.executable).parent
    log = (tmp_path_factory.mktemp("serve") / "log").open("wb")
    process = subprocess.Popen(
        [str(programs / "mlflow"), "models", "serve", "-m", booster_path, "-p", str(port),
         "--env-manager", "local", "--workers", "1"],
        env={**os.environ, "PATH": f"{programs}:{os.environ['PATH']}"}, stdout=log, stderr=log,
        start_new_session=True,
    )
    try:
        _wait_for(f"http://127.0.0.1:{port}/ping", process)
        yield f"http://127.0.0.1:{port}"
    finally:
        os.killpg(process.pid, 9)
        process.wait()
        log.close()


def _wait_for(url: str, process: subprocess.Popen[bytes], seconds: float = 120.0) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if process.poll() is not None:
            pytest.fail(f"mlflow models serve ended with {process.returncode}")
        try:
            with urllib.request.urlopen(url, timeout=2):
                return
        except OSError:
            time.sleep(0.2)
    pytest.fail("mlflow models serve did not come up")
