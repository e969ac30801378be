"""What the engine adds to the model's own time, and how that compares with shap.KernelExplainer.

    python benchmarks/shap/overhead.py [--rows 64] [--repeats 5] [--budgets 512 2088] [--methods kernel kriging]

Three contenders on the same rows and budget, one thread, interleaved within every repeat:

floor    the very requests the engine sends, recorded beforehand and replayed: the model alone
engine   explain_rows
shap     shap.KernelExplainer, l1_reg off, the same num_samples (skipped with --no-shap)

Two baselines: ``distinct`` differs from every row in every feature (nothing can be dropped: the hard case);
``modal`` holds the most frequent value of each feature (null players are dropped by both engines).
On a busy machine take ``--clock cpu``: all three are single-threaded, so their CPU time is their wall time
on a quiet one. A ratio is the median of the ratios of the repeats, with their range.
"""

from __future__ import annotations

import argparse
import platform
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from importlib.metadata import version
from itertools import product
from pathlib import Path
from time import perf_counter, process_time

import numpy as np
import xgboost
from numpy.typing import NDArray
from sklearn.datasets import make_classification

from clarify.explain.explainer import LocalAttributions, explain_rows
from clarify.explain.games import Game, prepare_game
from clarify.explain.pilots import fit_pilots
from clarify.explain.threads import one_thread

Matrix = NDArray[np.float64]
Clock = Callable[[], float]
CLOCKS: dict[str, Clock] = {"wall": perf_counter, "cpu": process_time}
N_FEATURES = 20
SEED = 0


@dataclass
class TimedModel:
    """XGBoost, 100 trees of depth 6, on one thread; remembers how long it worked and, if asked, on what."""

    booster: xgboost.Booster
    clock: Clock
    seconds: float = 0.0
    requests: list[Matrix] | None = None

    def __call__(self, rows: Matrix) -> Matrix:
        if self.requests is not None:
            self.requests.append(rows.copy())
        start = self.clock()
        scores = self.booster.inplace_predict(rows).astype(np.float64)[:, None]
        self.seconds += self.clock() - start
        return scores


@dataclass
class Measurements:
    """Times in seconds, one per repeat."""

    floor: list[float] = field(default_factory=list)
    engine: list[float] = field(default_factory=list)
    shap: list[float] = field(default_factory=list)
    model_share: list[float] = field(default_factory=list)


def make_rows(n: int) -> tuple[Matrix, Matrix, NDArray[np.int64]]:
    """Training rows, rows to explain and labels: four continuous features, the others of few levels."""
    features, labels = make_classification(
        n_samples=4000 + n, n_features=N_FEATURES, n_informative=12, n_redundant=4, random_state=SEED
    )
    coarse = features[:, 4:]
    features[:, 4:] = np.round(coarse / (1.9 * coarse.std(axis=0)))
    return features[n:], features[:n], labels[n:]


def train(features: Matrix, labels: NDArray[np.int64]) -> xgboost.Booster:
    options = {"max_depth": 6, "eta": 0.1, "objective": "binary:logistic", "tree_method": "hist"}
    options |= {"nthread": 1, "seed": SEED}
    return xgboost.train(options, xgboost.DMatrix(features, label=labels), num_boost_round=100)


def distinct_baseline(features: Matrix) -> Matrix:
    return (features.mean(axis=0) + 1e-3 * features.std(axis=0))[None, :]


def modal_baseline(features: Matrix) -> Matrix:
    """Most frequent value; the median where values hardly repeat."""
    modes = []
    for column in features.T:
        values, counts = np.unique(column, return_counts=True)
        modes.append(values[counts.argmax()] if len(values) <= 20 else np.median(column))
    return np.array(modes)[None, :]


def timed(action: Callable[[], object], clock: Clock) -> float:
    start = clock()
    action()
    return clock() - start


def measure(
    game: Game, rows: Matrix, model: TimedModel, explain_with_shap: Callable[[], object] | None, repeats: int
) -> tuple[Measurements, LocalAttributions]:
    model.requests = []
    local = explain_rows(game, rows, model)                  # recorded, and a warm-up
    requests, model.requests = model.requests, None
    found = Measurements()

    def replay() -> None:
        for request in requests:
            model(request)

    for _ in range(repeats):
        found.floor.append(timed(replay, model.clock))
        model.seconds = 0.0
        found.engine.append(timed(lambda: explain_rows(game, rows, model), model.clock))
        found.model_share.append(model.seconds / found.engine[-1])
        if explain_with_shap is not None:
            found.shap.append(timed(explain_with_shap, model.clock))
    return found, local


def ratio(numerators: list[float], denominators: list[float]) -> str:
    ratios = np.array(numerators) / np.array(denominators)
    return f"{np.median(ratios):.2f} ({ratios.min():.2f}-{ratios.max():.2f})"


def table_lines(options: argparse.Namespace) -> Iterator[str]:
    training, rows, labels = make_rows(options.rows)
    model = TimedModel(train(training, labels), CLOCKS[options.clock])
    baselines = {"distinct": distinct_baseline(training), "modal": modal_baseline(training)}
    yield "| method | baseline | K | calls | ms per row | engine / floor | model share | shap / floor | shap / engine |"
    yield "|---|---|---|---|---|---|---|---|---|"
    for method, (name, baseline) in product(options.methods, baselines.items()):
        for budget in options.budgets:
            game = prepare_game(baseline, model, num_samples=budget, seed=SEED, method=method)
            game = fit_pilots(game, rows[:12], model)
            rival = shap_explainer(model, baseline, rows, budget) if options.shap else None
            found, local = measure(game, rows, model, rival, options.repeats)
            cells = [
                method,
                name,
                str(budget),
                f"{local.calls.mean():.0f}",
                f"{1000 * np.median(found.engine) / len(rows):.3f}",
                ratio(found.engine, found.floor),
                f"{np.median(found.model_share):.3f}",
                ratio(found.shap, found.floor) if found.shap else "-",
                ratio(found.shap, found.engine) if found.shap else "-",
            ]
            yield "| " + " | ".join(cells) + " |"


def shap_explainer(model: TimedModel, baseline: Matrix, rows: Matrix, budget: int) -> Callable[[], object]:
    import shap

    explainer = shap.KernelExplainer(model, baseline)
    return lambda: explainer.shap_values(rows, nsamples=budget, l1_reg=False, silent=True)


def describe_machine() -> str:
    cpu = platform.processor() or platform.machine()
    information = Path("/proc/cpuinfo")
    if information.exists():
        names = [line.split(":")[1].strip() for line in information.read_text().splitlines() if "model name" in line]
        cpu = f"{names[0]}, {len(names)} cores" if names else cpu
    names = ("numpy", "scipy", "xgboost-cpu", "scikit-learn", "shap")
    packages = ", ".join(f"{name} {version(name)}" for name in names)
    return f"{cpu}; Python {platform.python_version()}; {packages}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=64)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--budgets", type=int, nargs="+", default=[512, 2088, 3000])
    parser.add_argument("--clock", choices=sorted(CLOCKS), default="wall")
    parser.add_argument("--methods", nargs="+", default=["kernel", "kriging"])
    parser.add_argument("--no-shap", dest="shap", action="store_false")
    options = parser.parse_args()
    print(describe_machine())
    print(f"XGBoost 100 trees of depth 6, {N_FEATURES} features, {options.rows} rows, {options.repeats} interleaved")
    print(f"repeats, {options.clock} time, 1 thread, seed {SEED}; ratios are medians (smallest-largest)\n")
    with one_thread():
        for line in table_lines(options):
            print(line, flush=True)


if __name__ == "__main__":
    main()
