"""What the alarm sets off: a flow that trains the model again on what has come in since, and lets it answer."""

from __future__ import annotations

import os
from pathlib import Path

import pandas as pd
from prefect import flow
from simulated.subject import register, train


@flow(name="simulated-retraining", log_prints=True)
def retrain(record: str, last_days: int = 2) -> str:
    """Train on the rows of the last days, because of the finding at ``record``; returns the version."""
    month = Path(record.split("/monitors/")[0])
    files = sorted((month / "recent").glob("day*.csv"))[-last_days:]
    rows = pd.concat([pd.read_csv(file) for file in files], ignore_index=True)
    version = register(train(rows), rows, tracking_uri=os.environ["MLFLOW_TRACKING_URI"])
    print(f"version {version}, trained on {', '.join(file.stem for file in files)}")
    return version
