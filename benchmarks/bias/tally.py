"""Bias of many rows: our count metrics with intervals against smclarify's without, loading included on both sides.

    python benchmarks/bias/tally.py --peer-python PEER/bin/python [--rows 1000000] [--repeats 5]

The peer needs an environment of its own: ``python -m venv PEER; PEER/bin/pip install -r
benchmarks/bias/peer-requirements.txt``. FT is left out on both sides. Values are compared before times are printed.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

from clarify.bias.catalog import metrics_of
from clarify.config.settings import RunSettings
from clarify.engines.local import LocalEngine
from clarify.steps.measure_bias import measure_post_training_bias, measure_pre_training_bias
from clarify.steps.plan import AnalysisRequest, plan_analysis
from clarify.steps.validate_dataset import validate_dataset

POST = [metric.name for metric in metrics_of("post_training", "all") if metric.name != "FT"]


def write_rows(path: Path, rows: int, seed: int = 0) -> None:
    """Six columns: facet, label, predicted label, group and two numbers."""
    draw = np.random.default_rng(seed)
    sex = draw.choice(["f", "m"], rows, p=[0.3, 0.7])
    label = (draw.random(rows) < np.where(sex == "f", 0.35, 0.45)).astype(int)
    predicted = np.where(draw.random(rows) < 0.8, label, draw.integers(0, 2, rows))
    region = draw.choice([f"region {i}" for i in range(8)], rows)
    frame = pd.DataFrame({"sex": sex, "label": label, "predicted": predicted, "region": region})
    frame.assign(age=draw.integers(18, 80, rows), income=draw.normal(3e4, 1e4, rows).round(2)).to_csv(path, index=False)


def ours(folder: Path, data: Path) -> tuple[float, dict[str, float | None]]:
    """Seconds from the file to all metrics with intervals, the checks of the data included."""
    config = {
        "dataset_type": "text/csv",
        "label": "label",
        "label_values_or_threshold": [1],
        "predicted_label": "predicted",
        "facet": [{"name_or_index": "sex", "value_or_threshold": ["f"]}],
        "group_variable": "region",
        "methods": {"pre_training_bias": {"methods": "all"}, "post_training_bias": {"methods": POST}},
    }
    (folder / "config.json").write_text(json.dumps(config))
    with tempfile.TemporaryDirectory() as output, LocalEngine() as engine:
        start = time.perf_counter()
        plan = plan_analysis(AnalysisRequest(str(folder / "config.json"), output, RunSettings(), str(data)))
        prepared = validate_dataset(plan, engine)
        sections = (
            measure_pre_training_bias(plan, prepared, engine),
            measure_post_training_bias(plan, prepared, None, engine),
        )
        seconds = time.perf_counter() - start
    return seconds, {m.name: m.aws.value for section in sections for m in section.facets[0].metrics}


def theirs(python: str, data: Path) -> tuple[float, dict[str, float | None]]:
    """The same by smclarify; starting Python and importing pandas are not counted."""
    script = Path(__file__).parent / "peer_smclarify.py"
    answer = subprocess.run([python, str(script), str(data)], capture_output=True, text=True, check=True)
    report = json.loads(answer.stdout.splitlines()[-1])
    return report["load"] + report["measure"], report["values"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peer-python", required=True)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--repeats", type=int, default=5)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_rows(folder / "rows.csv", asked.rows)
        ours(folder, folder / "rows.csv")                    # imports of Great Expectations are not what is measured
        pairs = []
        for _ in range(asked.repeats):
            mine, values = ours(folder, folder / "rows.csv")
            peer, peer_values = theirs(asked.peer_python, folder / "rows.csv")
            worst = max(abs((values[name] or 0) - value) for name, value in peer_values.items())
            pairs.append((mine, peer))
    print(f"{platform.processor() or platform.machine()}, Python {platform.python_version()}, {asked.rows:,} rows")
    print(f"{len(values)} metrics, largest difference of a value {worst:.1e}")
    print(f"ours      {statistics.median(m for m, _ in pairs):7.2f} s (with intervals and checks of the data)")
    print(f"smclarify {statistics.median(p for _, p in pairs):7.2f} s (values only)")
    print(f"ratio     {statistics.median(p / m for m, p in pairs):7.2f} (median of {asked.repeats} pairs)")


if __name__ == "__main__":
    main()
