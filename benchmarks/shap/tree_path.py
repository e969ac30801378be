"""Exact values from the trees themselves: against shap.TreeExplainer, and against asking the model 1,000 times a row.

    python benchmarks/shap/tree_path.py [--rows 1024] [--repeats 5] [--baselines 1 10 100] [--clock cpu]

Contenders on the same rows, one thread, interleaved within every repeat:

trees    explain_trees, everything it prepares included
shap     shap.TreeExplainer, feature_perturbation="interventional", made beforehand
calls    the model alone, asked for 1,000 synthetic rows for each of the first 64 rows and the first baseline row

XGBoost, 100 trees of depth 6, 20 features, margin. A ratio is the median of the ratios of the repeats, and
their range; error is the largest relative distance of a row's values from shap's.
"""

from __future__ import annotations

import argparse
import platform
from collections.abc import Callable, Iterator
from importlib.metadata import version
from time import perf_counter, process_time

import numpy as np
import xgboost
from numpy.typing import NDArray
from sklearn.datasets import make_classification

from clarify.endpoints.ubjson import parse_ubjson
from clarify.explain.players import Players
from clarify.explain.threads import one_thread
from clarify.explain.trees import TreeEnsemble, explain_trees

Matrix = NDArray[np.float64]
CLOCKS: dict[str, Callable[[], float]] = {"wall": perf_counter, "cpu": process_time}
N_FEATURES = 20
N_CALLS = 1000
CALL_ROWS = 64
SEED = 0


def make_data(n: int) -> tuple[Matrix, NDArray[np.int64]]:
    features, labels = make_classification(
        n_samples=n, n_features=N_FEATURES, n_informative=12, n_redundant=4, random_state=SEED
    )
    return features, labels


def train(features: Matrix, labels: NDArray[np.int64]) -> xgboost.Booster:
    options = {"max_depth": 6, "eta": 0.1, "objective": "binary:logistic", "tree_method": "hist"}
    options |= {"nthread": 1, "seed": SEED}
    return xgboost.train(options, xgboost.DMatrix(features, label=labels), num_boost_round=100)


def trees_of(booster: xgboost.Booster) -> TreeEnsemble:
    """As tree_reading does for a model directory, without the checks and with a base score of 0."""
    document = parse_ubjson(bytes(booster.save_raw("ubj")))
    trees = document["learner"]["gradient_booster"]["model"]["trees"]
    starts = np.cumsum([0] + [len(tree["left_children"]) for tree in trees])
    pairs = [np.column_stack([tree["left_children"], tree["right_children"]]) for tree in trees]
    children = [np.where(pair < 0, -1, pair + start) for pair, start in zip(pairs, starts[:-1], strict=True)]
    conditions = np.concatenate([tree["split_conditions"] for tree in trees]).astype(np.float32)
    return TreeEnsemble(
        children=np.concatenate(children).astype(np.int32),
        columns=np.concatenate([tree["split_indices"] for tree in trees]).astype(np.int32),
        thresholds=conditions,
        missing_left=np.concatenate([tree["default_left"] for tree in trees]).astype(bool),
        leaf_values=conditions.astype(np.float64),
        roots=starts[:-1].astype(np.int32),
        outputs=np.zeros(len(trees), dtype=np.int32),
        base_scores=np.zeros(1),
        n_columns=N_FEATURES,
    )


def timed(action: Callable[[], object], clock: Callable[[], float]) -> float:
    start = clock()
    action()
    return clock() - start


def ratio(numerators: list[float], denominators: list[float]) -> str:
    ratios = np.array(numerators) / np.array(denominators)
    return f"{np.median(ratios):.2f} ({ratios.min():.2f}-{ratios.max():.2f})"


def table_lines(options: argparse.Namespace) -> Iterator[str]:
    import shap

    features, labels = make_data(4000 + options.rows)
    rows, training = features[: options.rows], features[options.rows :]
    booster = train(training, labels[options.rows :])
    ensemble, players, clock = trees_of(booster), Players.single(N_FEATURES), CLOCKS[options.clock]
    synthetic = np.repeat(rows[:CALL_ROWS], N_CALLS, axis=0)
    is_row = np.random.default_rng(SEED).random(synthetic.shape) < 0.5
    yield "| baseline rows | trees, us/row | shap, us/row | calls, us/row | shap / trees | calls / trees | error |"
    yield "|---|---|---|---|---|---|---|"
    for n_baseline in options.baselines:
        baseline = training[:n_baseline]
        rival = shap.TreeExplainer(booster, data=baseline, feature_perturbation="interventional")
        mixtures = np.where(is_row, synthetic, baseline[0])
        ours, theirs = explain_trees(ensemble, rows, baseline, players)[:, 0], rival.shap_values(rows)
        error = np.max(np.linalg.norm(ours - theirs, axis=1) / np.linalg.norm(theirs, axis=1))
        trees, others, calls = [], [], []
        for _ in range(options.repeats):
            trees.append(timed(lambda b=baseline: explain_trees(ensemble, rows, b, players), clock) / len(rows))
            others.append(timed(lambda r=rival: r.shap_values(rows), clock) / len(rows))
            calls.append(timed(lambda m=mixtures: ask(booster, m), clock) / CALL_ROWS)
        cells = [str(n_baseline), *(f"{1e6 * np.median(times):.0f}" for times in (trees, others, calls))]
        yield f"| {' | '.join(cells)} | {ratio(others, trees)} | {ratio(calls, trees)} | {error:.0e} |"


def ask(booster: xgboost.Booster, mixtures: Matrix) -> None:
    """Requests of 8,000 rows: where the model is fastest."""
    for start in range(0, len(mixtures), 8000):
        booster.inplace_predict(mixtures[start : start + 8000], predict_type="margin")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1024)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--baselines", type=int, nargs="+", default=[1, 10, 100])
    parser.add_argument("--clock", choices=sorted(CLOCKS), default="wall")
    options = parser.parse_args()
    packages = ", ".join(f"{name} {version(name)}" for name in ("numpy", "xgboost-cpu", "shap"))
    print(f"{platform.processor() or platform.machine()}; Python {platform.python_version()}; {packages}")
    print(f"{options.rows} rows, {options.repeats} interleaved repeats, {options.clock} time, 1 thread, seed {SEED}\n")
    with one_thread():
        for line in table_lines(options):
            print(line, flush=True)


if __name__ == "__main__":
    main()
