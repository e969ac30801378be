"""Group metrics by fairlearn, in an interpreter of its own: tables as JSON on stdin, its answers on stdout.

Needs nothing of this repository. A table is three lists: facet (a or d), label and predicted (0 or 1).
"""

import json
import sys
import warnings

from fairlearn import metrics
from sklearn.metrics import accuracy_score, precision_score


def answer(table):
    label, predicted, facet = table["label"], table["predicted"], {"sensitive_features": table["facet"]}
    frame = metrics.MetricFrame(
        metrics={
            "TPR": metrics.true_positive_rate,
            "FPR": metrics.false_positive_rate,
            "accuracy": accuracy_score,
            "precision": precision_score,
            "selection": metrics.selection_rate,
        },
        y_true=label,
        y_pred=predicted,
        **facet,
    )
    return {
        "parity_difference": metrics.demographic_parity_difference(label, predicted, **facet),
        "parity_ratio": metrics.demographic_parity_ratio(label, predicted, **facet),
        "odds_difference": metrics.equalized_odds_difference(label, predicted, **facet),
        "by_group": {name: frame.by_group[name].astype(float).to_dict() for name in frame.by_group},
    }


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    json.dump([answer(table) for table in json.load(sys.stdin)], sys.stdout)
