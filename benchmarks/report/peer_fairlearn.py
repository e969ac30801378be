"""fairlearn's metrics by group of the same rows, plotted as its user guide does; environment: peers-evidently.txt.

    python benchmarks/report/peer_fairlearn.py DIR
"""

from __future__ import annotations

import sys
from pathlib import Path

import matplotlib
import pandas as pd
from fairlearn.metrics import MetricFrame, count, false_negative_rate, false_positive_rate, selection_rate
from sklearn.metrics import accuracy_score, precision_score

matplotlib.use("Agg")
folder = Path(sys.argv[1])
rows = pd.read_csv(folder / "test.csv")
predicted = pd.read_csv(folder / "scores.csv")["predicted"]
metrics = {
    "accuracy": accuracy_score,
    "precision": precision_score,
    "false positive rate": false_positive_rate,
    "false negative rate": false_negative_rate,
    "selection rate": selection_rate,
    "count": count,
}
frame = MetricFrame(
    metrics=metrics,
    y_true=(rows["credit"] == 1).astype(int),
    y_pred=predicted,
    sensitive_features=rows["foreign_worker"],
)
axes = frame.by_group.plot.bar(subplots=True, layout=[3, 3], legend=False, figsize=[12, 8], title="Show all metrics")
axes[0][0].figure.savefig(folder / "fairlearn.png")
