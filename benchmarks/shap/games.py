"""The games of the SHAP benchmarks: a model, the rows to explain, a baseline without ties, and the truth.

Public games need no file: the data come with scikit-learn or are drawn from a seed. German Credit and Adult are read
from CSV files that the user names (header; the label is the last column), and their games are left out without them.
"""

from __future__ import annotations

import csv
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from truths import Matrix, Truth, Value, additivity_error, cached, enumerated, gaussian_machine, tree_shap

from clarify.explain.budget import ceiling

Kind = Literal["tree", "smooth", "other"]
SEED = 0
TREES, DEPTH, RATE = 100, 6, 0.1
# Up to so many players the 2^M coalitions are listed.
LISTED_PLAYERS = 20


@dataclass(frozen=True)
class Files:
    """CSV files named on the command line."""

    german: Path | None = None
    adult: Path | None = None


@dataclass(frozen=True, eq=False)
class Data:
    """Training rows and rows that may be explained."""

    training: Matrix
    labels: Matrix
    rows: Matrix


@dataclass(frozen=True, eq=False)
class BenchGame:
    """A game with known attributions; every row differs from the baseline in every feature."""

    name: str
    kind: Kind
    score: Value
    baseline: Matrix        # (1, M)
    rows: Matrix            # (n, M)
    exact: Matrix           # (n, M)
    truth: str              # how ``exact`` was found

    @property
    def n_players(self) -> int:
        return int(self.rows.shape[1])

    @property
    def ceiling(self) -> int:
        """AWS's number of coalitions: min(2 M + 2048, 2^M - 2)."""
        return ceiling(self.n_players)


@dataclass(frozen=True, eq=False)
class Setup:
    """A game before its truth is computed."""

    kind: Kind
    score: Value
    baseline: Matrix
    rows: Matrix
    truth: Truth
    how: str


@dataclass(frozen=True)
class Source:
    """How a game is made, and what it needs."""

    build: Callable[[Files, int], Setup]
    file: Literal["german", "adult"] | None = None
    module: str | None = None
    slow_truth: bool = False        # 2^20 model rows per explained row

    def missing(self, files: Files) -> str | None:
        """What keeps the game from being played here, or None."""
        if self.file is not None and getattr(files, self.file) is None:
            return f"--{self.file} was not given"
        if self.module is not None and find_spec(self.module) is None:
            return f"{self.module} is not installed"
        return None


def make_game(name: str, files: Files, n_rows: int) -> BenchGame:
    """A game of the catalogue with at most so many rows, its truth computed or remembered."""
    setup = GAMES[name].build(files, n_rows)
    exact = cached(name, setup.truth, setup.score, setup.baseline, setup.rows)
    gap = additivity_error(exact, setup.score, setup.rows, setup.baseline)
    how = f"{setup.how}, additive within {gap:.0e}"
    return BenchGame(name, setup.kind, setup.score, setup.baseline, setup.rows, exact, how)


def make_games(names: list[str], files: Files, n_rows: int) -> Iterator[BenchGame]:
    """The named games that can be played here, one at a time; says what is left out."""
    for name in names:
        missing = GAMES[name].missing(files)
        if missing:
            print(f"{name} is left out: {missing}\n")
        else:
            yield make_game(name, files, n_rows)


# --- Data


def split(features: Matrix, labels: Matrix, n_training: int) -> Data:
    """Shuffled by a fixed seed; the rows to explain take no part in the training."""
    order = np.random.default_rng(SEED).permutation(len(features))
    training, held_out = order[:n_training], order[n_training:]
    return Data(features[training], labels[training], np.ascontiguousarray(features[held_out]))


def tieless_baseline(training: Matrix) -> Matrix:
    """Mean plus a thousandth of the spread: equal to no row in any feature, so that no player can be dropped."""
    baseline: Matrix = training.mean(axis=0) + 1e-3 * training.std(axis=0)
    return baseline[None, :]


@cache
def read_table(path: Path) -> tuple[Matrix, NDArray[np.bool_], Matrix]:
    """Features with text as ordinal codes, which of them are text, and the label: is it the first of its two words."""
    with path.open(newline="") as lines:
        _, *records = (tuple(cell.strip() for cell in record) for record in csv.reader(lines) if record)
    columns = list(zip(*records, strict=True))
    coded = [_coded(column) for column in columns]
    is_text = np.array([text for _, text in coded[:-1]])
    labels = coded[-1][0]
    return np.column_stack([codes for codes, _ in coded[:-1]]), is_text, (labels == labels.min()).astype(np.float64)


def _coded(column: tuple[str, ...]) -> tuple[Matrix, bool]:
    try:
        return np.array([float(cell) for cell in column]), False
    except ValueError:
        return np.unique(np.array(column), return_inverse=True)[1].astype(np.float64), True


def german(files: Files) -> Data:
    features, _, labels = read_table(_named(files.german))
    return split(features, labels, 700)


def german_one_hot(files: Files) -> Data:
    features, is_text, labels = read_table(_named(files.german))
    columns = []
    for column, text in zip(features.T, is_text, strict=True):
        columns += [(column == word).astype(np.float64) for word in np.unique(column)] if text else [column]
    return split(np.column_stack(columns), labels, 700)


def adult(files: Files) -> Data:
    features, _, labels = read_table(_named(files.adult))
    return split(features, labels, 20_000)


def _named(path: Path | None) -> Path:
    if path is None:
        raise SystemExit("this game needs a CSV file: name it with --german or --adult")
    return path


def cancer() -> Data:
    from sklearn.datasets import load_breast_cancer

    bunch = load_breast_cancer()
    return split(bunch.data, bunch.target.astype(np.float64), 260)


def diabetes() -> Data:
    from sklearn.datasets import load_diabetes

    bunch = load_diabetes()
    return split(bunch.data, bunch.target.astype(np.float64), 220)


def mixed() -> Data:
    """Twenty drawn features: four continuous, the others of few levels."""
    from sklearn.datasets import make_classification

    features, labels = make_classification(
        n_samples=4000, n_features=20, n_informative=12, n_redundant=4, random_state=SEED
    )
    coarse = features[:, 4:]
    features[:, 4:] = np.round(coarse / (1.9 * coarse.std(axis=0)))
    return split(features, labels.astype(np.float64), 3000)


# --- Models


def train_xgboost(data: Data, objective: str) -> Any:
    import xgboost

    options = {"max_depth": DEPTH, "eta": RATE, "objective": objective, "tree_method": "hist"}
    options |= {"nthread": 1, "seed": SEED}
    return xgboost.train(options, xgboost.DMatrix(data.training, label=data.labels), num_boost_round=TREES)


def score_booster(booster: Any) -> Value:
    return lambda rows: np.asarray(booster.inplace_predict(rows), dtype=np.float64)[:, None]


def xgboost_probability(data: Data, n_rows: int) -> Setup:
    score = score_booster(train_xgboost(data, "binary:logistic"))
    baseline = tieless_baseline(data.training)
    return Setup("tree", score, baseline, data.rows[:n_rows], enumerated(score, baseline), "enumeration")


def xgboost_sum(data: Data, n_rows: int) -> Setup:
    """A regression on the label: additive over trees, so that TreeSHAP is exact where enumeration is out of reach."""
    booster = train_xgboost(data, "reg:squarederror")
    score, baseline, rows = score_booster(booster), tieless_baseline(data.training), data.rows[:n_rows]
    if rows.shape[1] <= LISTED_PLAYERS:
        return Setup("tree", score, baseline, rows, enumerated(score, baseline), "enumeration")
    return Setup("tree", score, baseline, rows, tree_shap(booster, baseline), "interventional TreeSHAP")


def lightgbm_probability(data: Data, n_rows: int) -> Setup:
    import lightgbm

    options = {"objective": "binary", "num_threads": 1, "seed": SEED, "verbose": -1, "deterministic": True}
    booster = lightgbm.train(options, lightgbm.Dataset(data.training, data.labels), num_boost_round=TREES)

    def score(rows: Matrix) -> Matrix:
        return np.asarray(booster.predict(rows, num_threads=1), dtype=np.float64)[:, None]

    baseline = tieless_baseline(data.training)
    return Setup("tree", score, baseline, data.rows[:n_rows], enumerated(score, baseline), "enumeration")


def network_probability(data: Data, n_rows: int) -> Setup:
    """scikit-learn's MLP 64-32, evaluated in NumPy."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.neural_network import MLPClassifier

    mean, spread = data.training.mean(axis=0), data.training.std(axis=0)
    network = MLPClassifier((64, 32), random_state=SEED, max_iter=300)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)     # any network will do
        network.fit((data.training - mean) / spread, data.labels)
    layers = list(zip(network.coefs_, network.intercepts_, strict=True))

    def score(rows: Matrix) -> Matrix:
        activity = (rows - mean) / spread
        for weights, bias in layers[:-1]:
            activity = np.maximum(activity @ weights + bias, 0.0)
        weights, bias = layers[-1]
        return np.asarray(1.0 / (1.0 + np.exp(-(activity @ weights + bias))))

    baseline = tieless_baseline(data.training)
    return Setup("smooth", score, baseline, data.rows[:n_rows], enumerated(score, baseline), "enumeration")


def support_vectors(data: Data, n_rows: int) -> Setup:
    """An RBF support vector regression on standardised features, evaluated in NumPy."""
    from sklearn.svm import SVR

    mean, spread = data.training.mean(axis=0), data.training.std(axis=0)
    gamma = 1.0 / data.training.shape[1]
    machine = SVR(gamma=gamma).fit((data.training - mean) / spread, data.labels)
    weights, centres = machine.dual_coef_[0], machine.support_vectors_
    squares = np.square(centres).sum(axis=1)

    def score(rows: Matrix) -> Matrix:
        distances = np.square(rows).sum(axis=1, keepdims=True) + squares - 2.0 * rows @ centres.T
        return np.asarray(np.exp(-gamma * distances) @ weights + machine.intercept_[0])[:, None]

    baseline = tieless_baseline((data.training - mean) / spread)
    rows = (data.rows[:n_rows] - mean) / spread
    truth = gaussian_machine(weights, centres, gamma, baseline[0])
    return Setup("smooth", score, baseline, rows, truth, "closed form of a product kernel")


def forest(data: Data, n_rows: int) -> Setup:
    from sklearn.ensemble import RandomForestRegressor

    model = RandomForestRegressor(100, random_state=SEED, n_jobs=1).fit(data.training, data.labels)
    baseline = tieless_baseline(data.training)

    def score(rows: Matrix) -> Matrix:
        return np.asarray(model.predict(rows))[:, None]

    return Setup("tree", score, baseline, data.rows[:n_rows], enumerated(score, baseline), "enumeration")


def xor_of_three(n_rows: int) -> Setup:
    """Parity of the first three of 20 features, plus a weak linear part in all of them."""
    draw = np.random.default_rng(SEED)
    slopes, m = draw.uniform(0.01, 0.1, 20), 20
    baseline, rows = np.full((1, m), -1.0), draw.uniform(0.1, 1.0, (n_rows, m))

    def score(rows: Matrix) -> Matrix:
        scores: Matrix = (rows[:, :3] > 0).sum(axis=1) % 2 + rows @ slopes
        return scores[:, None]

    def truth(rows: Matrix) -> Matrix:
        attributions: Matrix = (rows - baseline) * slopes
        attributions[:, :3] += 1 / 3
        return attributions

    return Setup("other", score, baseline, rows, truth, "by symmetry")


def constant(n_rows: int) -> Setup:
    rows = np.random.default_rng(SEED).uniform(0.1, 1.0, (n_rows, 20))
    return Setup("other", lambda rows: np.full((len(rows), 1), 0.5), np.zeros((1, 20)), rows, np.zeros_like, "zero")


GAMES: dict[str, Source] = {
    "adult-xgb-14": Source(lambda files, n: xgboost_probability(adult(files), n), "adult"),
    "adult-lightgbm-14": Source(lambda files, n: lightgbm_probability(adult(files), n), "adult", "lightgbm"),
    "german-xgb-20": Source(lambda files, n: xgboost_probability(german(files), n), "german", slow_truth=True),
    "german-mlp-20": Source(lambda files, n: network_probability(german(files), n), "german", slow_truth=True),
    "german-onehot-xgb-61": Source(lambda files, n: xgboost_sum(german_one_hot(files), n), "german"),
    "mixed-xgb-20": Source(lambda files, n: xgboost_probability(mixed(), n), slow_truth=True),
    "mixed-mlp-20": Source(lambda files, n: network_probability(mixed(), n), slow_truth=True),
    "cancer-xgb-30": Source(lambda files, n: xgboost_sum(cancer(), n)),
    "cancer-svr-30": Source(lambda files, n: support_vectors(cancer(), n)),
    "diabetes-forest-10": Source(lambda files, n: forest(diabetes(), n)),
    "diabetes-xgb-10": Source(lambda files, n: xgboost_sum(diabetes(), n)),
    "xor-20": Source(lambda files, n: xor_of_three(n)),
    "constant-20": Source(lambda files, n: constant(n)),
}
