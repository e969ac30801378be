"""Evidently's classification report of the same rows, as HTML; its own environment: peers-evidently.txt.

    python benchmarks/report/peer_evidently.py DIR
"""

from __future__ import annotations

import sys
from pathlib import Path

import pandas as pd
from evidently import BinaryClassification, DataDefinition, Dataset, Report
from evidently.presets import ClassificationPreset, DataSummaryPreset

folder = Path(sys.argv[1])
rows = pd.read_csv(folder / "test.csv")
scores = pd.read_csv(folder / "scores.csv")
rows["label"] = (rows.pop("credit") == 1).astype(int)
rows["predicted"], rows["score"] = scores["predicted"], scores["score"]
definition = DataDefinition(
    classification=[BinaryClassification(target="label", prediction_labels="predicted", prediction_probas="score")]
)
data = Dataset.from_pandas(rows, data_definition=definition)
Report([ClassificationPreset(), DataSummaryPreset()]).run(data, None).save_html(str(folder / "evidently.html"))
