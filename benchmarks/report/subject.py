"""The subject of the comparison: German Credit, one split, one model, and everything each library reads.

    python benchmarks/report/subject.py --german FILE --output DIR

``FILE`` is Statlog German Credit with a header, its label ``credit`` (1 good, 2 bad) in the last column. 500 rows train
the model, the other 500 are looked at by every library: ``test.csv`` (with label) and ``scores.csv`` (the model's
answers), ``model/`` and the configuration and policy of ours.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import pandas as pd

LABEL, GOOD, BAD = "credit", 1, 2
ROWS, SEED, THRESHOLD = 500, 0, 0.5
POLICY = """\
version: "1.0"
name: comparison
description: The ranges of the design's mock, declared before any value was seen.
level: 0.05
family: holm
ranges:
  - {metric: CI, low: -0.8, high: 0.8}
  - {metric: DPPL, low: -0.05, high: 0.05}
  - {metric: [DPL, RD, AD], low: -0.2, high: 0.2}
  - {metric: DI, low: 0.8, high: 1.25}
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--german", type=Path, required=True)
    parser.add_argument("--output", type=Path, required=True)
    options = parser.parse_args()
    options.output.mkdir(parents=True, exist_ok=True)
    prepare(pd.read_csv(options.german), options.output)


def prepare(frame: pd.DataFrame, folder: Path) -> None:
    """Split, train, and write what every library reads."""
    import mlflow
    from mlflow.models import infer_signature
    from sklearn.compose import make_column_transformer
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OrdinalEncoder

    from clarify.demo import TRUSTED_TYPES

    shuffled = frame.sample(frac=1, random_state=SEED).reset_index(drop=True)
    train, test = shuffled[:ROWS], shuffled[ROWS:].reset_index(drop=True)
    features = frame.columns.drop(LABEL)
    numbers = train[features].select_dtypes("integer").columns
    as_floats = dict.fromkeys(numbers, float)
    words = [name for name in features if name not in numbers]
    encode = make_column_transformer(
        (OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1), words), remainder="passthrough"
    )
    model = make_pipeline(encode, HistGradientBoostingClassifier(max_iter=80, max_depth=4, random_state=SEED))
    rows = train[features].astype(as_floats)
    model.fit(rows, (train[LABEL] == GOOD).astype(int))
    mlflow.sklearn.save_model(
        model, str(folder / "model"), signature=infer_signature(rows, model.predict(rows)),
        pyfunc_predict_fn="predict_proba", skops_trusted_types=list(TRUSTED_TYPES), serialization_format="skops",
    )  # fmt: skip
    scores = model.predict_proba(test[features].astype(as_floats))[:, 1]
    test.to_csv(folder / "test.csv", index=False)
    pd.DataFrame({"score": scores, "predicted": (scores > THRESHOLD).astype(int)}).to_csv(folder / "scores.csv")
    (folder / "policy.yaml").write_text(POLICY, encoding="utf-8")
    (folder / "analysis_config.json").write_text(json.dumps(config(folder), indent=4) + "\n", encoding="utf-8")


def config(folder: Path) -> dict[str, object]:
    return {
        "version": "1.0",
        "dataset_type": "text/csv",
        "label": LABEL,
        "label_values_or_threshold": [GOOD],
        "facet": [
            {"name_or_index": "foreign_worker", "value_or_threshold": ["A201"]},
            {"name_or_index": "age", "value_or_threshold": [25]},
        ],
        "methods": {
            "pre_training_bias": {"methods": "all"},
            "post_training_bias": {"methods": "all"},
            "shap": {"agg_method": "mean_abs", "save_local_shap_values": True},
            "pdp": {"top_k_features": 8, "grid_resolution": 15},
            "report": {"name": "report", "title": "German Credit"},
        },
        "predictor": {"model_name": str(folder / "model")},
    }


if __name__ == "__main__":
    main()
