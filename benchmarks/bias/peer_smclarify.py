"""One bias report by smclarify, in its own environment; prints the seconds of loading and measuring as JSON.

    peer_smclarify.py ROWS.csv
"""

import json
import sys
import time

import pandas as pd
from smclarify.bias import report

PRE = ["CDDL", "CI", "DPL", "JS", "KL", "KS", "LP", "TVD"]
POST = ["AD", "CDDPL", "DAR", "DCA", "DCR", "DI", "DPPL", "DRR", "GE", "RD", "SD", "TE"]     # FT is left out


def measure(frame: pd.DataFrame) -> dict[str, float]:
    facet = report.FacetColumn("sex", ["f"])
    label = report.LabelColumn("label", frame["label"], [1])
    predicted = report.LabelColumn("predicted", frame["predicted"], [1])
    common = {"group_variable": frame["region"]}
    stages = (
        report.bias_report(frame, facet, label, report.StageType.PRE_TRAINING, metrics=PRE, **common),
        report.bias_report(frame, facet, label, report.StageType.POST_TRAINING, predicted, metrics=POST, **common),
    )
    return {metric["name"]: metric["value"] for (group,) in stages for metric in group["metrics"]}


start = time.perf_counter()
rows = pd.read_csv(sys.argv[1])
loaded = time.perf_counter()
values = measure(rows)
done = time.perf_counter()
print(json.dumps({"load": loaded - start, "measure": done - loaded, "values": values}))
