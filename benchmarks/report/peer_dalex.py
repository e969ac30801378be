"""dalex's fairness check of the same rows and answers, as HTML; its own environment: peers-dalex.txt.

    python benchmarks/report/peer_dalex.py DIR
"""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace

import dalex
import pandas as pd

folder = Path(sys.argv[1])
rows = pd.read_csv(folder / "test.csv")
scores = pd.read_csv(folder / "scores.csv")["score"]
label = (rows.pop("credit") == 1).astype(int)
explainer = dalex.Explainer(
    SimpleNamespace(),          # the answers are given: no model is asked
    rows,
    label,
    predict_function=lambda model, data: scores.loc[data.index].to_numpy(),
    label="credit",
    model_type="classification",
    verbose=False,
)
found = explainer.model_fairness(protected=rows["foreign_worker"], privileged="A202")
found.fairness_check()
found.plot(show=False).write_html(str(folder / "dalex.html"))
