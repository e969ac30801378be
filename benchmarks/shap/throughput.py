"""Rows a second of the whole product: 3,000 calls a row through the public job line, on all cores.

    python benchmarks/shap/throughput.py [--rows 5000] [--calls 3000] [--places in-process endpoint] [--workers N]

XGBoost, 100 trees of depth 6, 20 numeric features, data and model made from a seed and saved as a user would have them:
a Parquet file and an MLflow model. Each line is one run_analysis on the local engine, SHAP only: ``in-process`` loads
the model into every worker, ``endpoint`` asks our scoring server. Two baselines: ``distinct`` differs from every row in
every feature (nothing can be dropped); ``modal`` holds the most frequent values, so that most rows have few live
players. The tree path is off: the model stands for any model. ``explain`` is the step alone, ``job`` the whole analysis
with checks, start of the server and report. Workers take seconds to start, whatever the rows: fewer than 100,000 rows
are scaled by what the rows beyond the first 512 cost (a second, small run), and the start is added once. ``--full`` or
``--rows 100000`` runs them all and scales nothing.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import ParamSpec, TypeVar

from overhead import SEED, distinct_baseline, make_rows, modal_baseline
from tables import describe_machine, table_head, table_line
from truths import Matrix

from clarify.config.settings import RunSettings
from clarify.config.shap_options import EstimatorChoice, ShapOptions
from clarify.results import ExplanationSection
from clarify.steps.line import run_analysis
from clarify.steps.plan import AnalysisRequest

P = ParamSpec("P")
R = TypeVar("R")
SCALED_ROWS = 100_000
# Two fragments of the local engine: all workers of a small machine start, and little else happens.
FEW_ROWS = 512
PLACES = {"in-process": True, "endpoint": False}


@dataclass
class StepClock:
    """A way to call the steps of an analysis that notes how long each took, in seconds."""

    seconds: dict[str, float] = field(default_factory=dict)

    def __call__(self, step: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
        start = perf_counter()
        try:
            return step(*args, **kwargs)
        finally:
            self.seconds[step.__name__] = perf_counter() - start


@dataclass(frozen=True)
class Case:
    """One line of the table."""

    place: str
    baseline: str
    estimator: EstimatorChoice


@dataclass(frozen=True)
class Subject:
    """Data and model on disk, and the two baselines."""

    folder: Path
    baselines: dict[str, list[float]]

    def data(self, size: str) -> Path:
        return self.folder / f"{size}.parquet"

    @property
    def model(self) -> Path:
        return self.folder / "model"

    def request(self, options: argparse.Namespace, case: Case, size: str) -> AnalysisRequest:
        name = f"{case.place}-{case.baseline}-{case.estimator}-{size}"
        shap = {"baseline": [self.baselines[case.baseline]], "num_samples": options.calls, "seed": SEED}
        config = {
            "dataset_type": "application/x-parquet",
            "label": "label",
            "methods": {"shap": shap},
            "predictor": {"model_name": str(self.model), "content_type": "text/csv"},
        }
        path = self.folder / f"{name}.json"
        path.write_text(json.dumps(config))
        settings = RunSettings(engine="local", workers=options.workers, in_process_model=PLACES[case.place])
        return AnalysisRequest(
            str(path),
            str(self.folder / name),
            settings,
            dataset_uri=str(self.data(size)),
            shap=ShapOptions(estimator=case.estimator, tree_path="off"),
        )


def make_subject(folder: Path, n_rows: int) -> Subject:
    import mlflow.sklearn
    import pandas as pd
    from xgboost import XGBClassifier

    training, rows, labels = make_rows(n_rows)
    names = [f"x{i}" for i in range(training.shape[1])]
    model = XGBClassifier(
        n_estimators=100, max_depth=6, learning_rate=0.1, tree_method="hist", n_jobs=1, random_state=SEED
    )
    model.fit(pd.DataFrame(training, columns=names), labels)
    mlflow.sklearn.save_model(
        model, str(folder / "model"), pyfunc_predict_fn="predict_proba", serialization_format="cloudpickle"
    )
    frame = pd.DataFrame(rows, columns=names)
    frame["label"] = (model.predict(frame) > 0).astype(int)      # SHAP does not look at it
    frame.to_parquet(folder / "all.parquet", index=False, row_group_size=4096)
    frame[:FEW_ROWS].to_parquet(folder / "few.parquet", index=False)
    return Subject(folder, {"distinct": _row(distinct_baseline(training)), "modal": _row(modal_baseline(training))})


def _row(baseline: Matrix) -> list[float]:
    return [float(value) for value in baseline[0]]


@dataclass(frozen=True)
class Run:
    explain: float          # seconds
    job: float
    section: ExplanationSection


def run(request: AnalysisRequest) -> Run:
    clock, start = StepClock(), perf_counter()
    section = run_analysis(request, call=clock).result.explanations
    if section is None:
        raise SystemExit("the analysis explained nothing")
    return Run(clock.seconds["explain"], perf_counter() - start, section)


def scaled_minutes(whole: Run, few: Run | None) -> float:
    """``explain`` for SCALED_ROWS rows: as measured, or the rows' own cost scaled and the start added once."""
    if few is None:
        return whole.explain / whole.section.rows * SCALED_ROWS / 60
    each = (whole.explain - few.explain) / (whole.section.rows - few.section.rows)
    if each <= 0:
        return float("nan")         # too few rows to see their own cost
    return (few.explain + (SCALED_ROWS - few.section.rows) * each) / 60


def report(options: argparse.Namespace) -> Iterator[str]:
    yield describe_machine()
    yield f"{options.rows:,} rows, {options.calls:,} calls a row, {options.workers or os.cpu_count()} worker processes"
    yield f"of one thread, seed {SEED}, one run a line\n"
    yield table_head(
        "model", "baseline", "estimator", "calls per row", "exact rows", "explain, s", "few rows, s", "job, s",
        "calls/s", f"minutes for {SCALED_ROWS:,}",
    )  # fmt: skip
    with TemporaryDirectory(prefix="throughput-") as folder:
        subject = make_subject(Path(folder), options.rows)
        for choice in product(options.places, options.baselines, options.estimators):
            yield line_of(subject, Case(*choice), options)


def line_of(subject: Subject, case: Case, options: argparse.Namespace) -> str:
    is_small = FEW_ROWS < options.rows < SCALED_ROWS
    few = run(subject.request(options, case, "few")) if is_small else None
    whole = run(subject.request(options, case, "all"))
    section = whole.section
    return table_line(
        case.place, case.baseline, case.estimator, f"{section.calls / section.rows:,.0f}",
        f"{section.rows_exact / section.rows:.2f}", f"{whole.explain:.1f}", f"{few.explain:.1f}" if few else "-",
        f"{whole.job:.1f}", f"{section.calls / whole.explain:,.0f}", f"{scaled_minutes(whole, few):.1f}",
    )  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=5000)
    parser.add_argument("--calls", type=int, default=3000)
    parser.add_argument("--workers", type=int, help="default: one a core")
    parser.add_argument("--places", nargs="+", choices=list(PLACES), default=list(PLACES))
    parser.add_argument("--baselines", nargs="+", choices=["distinct", "modal"], default=["distinct", "modal"])
    parser.add_argument("--estimators", nargs="+", choices=["kernel", "kriging", "sparse", "auto"],
                        default=["kernel", "kriging"])  # fmt: skip
    parser.add_argument("--full", action="store_true", help=f"{SCALED_ROWS:,} rows")
    options = parser.parse_args()
    options.rows = SCALED_ROWS if options.full else options.rows
    for line in report(options):
        print(line, flush=True)


if __name__ == "__main__":
    main()
