"""What one row of the sparse estimator costs, against one Cholesky factor of the same size.

    python benchmarks/shap/sparse_cost.py [--rows 16] [--repeats 7] [--players 20 61] [--budgets 512 1024 2048]

Three contenders of each size, one thread, interleaved within every repeat:

dpotrf       LAPACK's factor of a row's own covariance, K/2 + 1 on a side
row          attributions of one row from its half differences
row + bars   the same with standard errors, as the product does

The game is a sum of random trees' leaves: products of one to five players. On a busy machine take ``--clock cpu``.
Times are medians over the repeats; a ratio is the median of the ratios of the repeats, with their range.
"""

from __future__ import annotations

import argparse
import platform
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from time import perf_counter, process_time

import numpy as np
from numpy.typing import NDArray
from scipy.linalg.lapack import dpotrf

from clarify.explain.coalitions import CoalitionDesign, design_coalitions
from clarify.explain.estimators.base import BLOCK_ROWS
from clarify.explain.estimators.kriging import FALLBACK_PARAMETERS, KrigingEstimator
from clarify.explain.estimators.relevance import fill_covariance, relevance_prior
from clarify.explain.estimators.sparse import FALLBACK_SPARSE_PARAMETERS, SparseEstimator
from clarify.explain.threads import one_thread

Matrix = NDArray[np.float64]
Clock = Callable[[], float]
CLOCKS: dict[str, Clock] = {"wall": perf_counter, "cpu": process_time}
N_LEAVES = 200
SEED = 0


class WithoutBars(SparseEstimator):
    """The estimator with its last step left out: zeros for standard errors."""

    def _errors(self, posterior):
        return np.zeros_like(posterior.values)


@dataclass
class Measurements:
    """Times in seconds, one per repeat; those of rows are per row."""

    factor: list[float] = field(default_factory=list)
    bare: list[float] = field(default_factory=list)
    full: list[float] = field(default_factory=list)


def leaf_games(design: CoalitionDesign, n_rows: int) -> Matrix:
    """Half differences (1, n_rows, n_pairs + 1) of games that are sums of products of one to five players."""
    random = np.random.default_rng(SEED)
    members = np.vstack([design.members, np.ones(design.n_players, dtype=bool)])
    favourites = 1.0 / np.arange(1, design.n_players + 1)
    games = np.zeros((1, n_rows, len(members)))
    for row in range(n_rows):
        for _ in range(N_LEAVES):
            size = min(int(random.integers(1, 6)), design.n_players)
            leaf = random.choice(design.n_players, size, replace=False, p=favourites / favourites.sum())
            inside, outside = members[:, leaf].all(axis=1), ~members[:, leaf].any(axis=1)
            games[0, row] += random.normal() * (inside.astype(float) - outside) / 2
    return games


def covariance_of(game: Matrix, design: CoalitionDesign, first_pass: KrigingEstimator) -> Matrix:
    """The covariance that the sparse estimator factorises for a row."""
    parameters = FALLBACK_SPARSE_PARAMETERS
    line = game / np.sqrt(np.square(game).mean())
    prior = relevance_prior(
        (line @ first_pass.weights)[None, :], power=parameters.power, total=parameters.total, main=parameters.main
    )
    covariance = np.zeros((len(line), len(line)))
    fill_covariance(covariance, design.signs, prior, parameters.nugget)
    return covariance


def timed(action: Callable[[], object], clock: Clock) -> float:
    start = clock()
    action()
    return clock() - start


def measure(n_players: int, budget: int, options: argparse.Namespace) -> Measurements:
    design, clock = design_coalitions(n_players, budget, SEED), CLOCKS[options.clock]
    first_pass = KrigingEstimator.of(design, FALLBACK_PARAMETERS)
    block = np.zeros((1, BLOCK_ROWS, design.n_pairs + 1))
    block[:, : options.rows] = leaf_games(design, options.rows)
    covariance = covariance_of(block[0, 0], design, first_pass)
    room = np.empty_like(covariance)
    estimators = [kind.of(design, FALLBACK_SPARSE_PARAMETERS, first_pass) for kind in (WithoutBars, SparseEstimator)]
    found = Measurements()
    for repeat in range(options.repeats + 1):
        factor = []
        for _ in range(options.rows):
            np.copyto(room, covariance)
            factor.append(timed(lambda: dpotrf(room.T, lower=0, clean=0, overwrite_a=1), clock))
        bare, full = (timed(lambda one=one: one.estimate(block), clock) / options.rows for one in estimators)
        if repeat:                                           # the first one warms up
            found.factor.append(float(np.mean(factor)))
            found.bare.append(bare)
            found.full.append(full)
    return found


def ratio(numerators: list[float], denominators: list[float]) -> str:
    ratios = np.array(numerators) / np.array(denominators)
    return f"{np.median(ratios):.2f} ({ratios.min():.2f}-{ratios.max():.2f})"


def table_lines(options: argparse.Namespace) -> Iterator[str]:
    yield "| M | K | dpotrf, ms | row, ms | row + bars, ms | row / dpotrf | row + bars / dpotrf |"
    yield "|---|---|---|---|---|---|---|"
    for n_players in options.players:
        for budget in options.budgets:
            found = measure(n_players, budget, options)
            times = [f"{1000 * np.median(each):.2f}" for each in (found.factor, found.bare, found.full)]
            ratios = [ratio(found.bare, found.factor), ratio(found.full, found.factor)]
            yield "| " + " | ".join([str(n_players), str(budget), *times, *ratios]) + " |"


def describe_machine() -> str:
    cpu = platform.processor() or platform.machine()
    information = Path("/proc/cpuinfo")
    if information.exists():
        names = [line.split(":")[1].strip() for line in information.read_text().splitlines() if "model name" in line]
        cpu = f"{names[0]}, {len(names)} cores" if names else cpu
    packages = ", ".join(f"{name} {version(name)}" for name in ("numpy", "scipy"))
    return f"{cpu}; Python {platform.python_version()}; {packages}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=16, choices=range(1, BLOCK_ROWS + 1), metavar="1..64")
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--players", type=int, nargs="+", default=[20, 61])
    parser.add_argument("--budgets", type=int, nargs="+", default=[512, 1024, 2048])
    parser.add_argument("--clock", choices=sorted(CLOCKS), default="wall")
    options = parser.parse_args()
    print(describe_machine())
    print(f"{options.rows} rows, {options.repeats} interleaved repeats, {options.clock} time, 1 thread, seed {SEED}\n")
    with one_thread():
        for line in table_lines(options):
            print(line, flush=True)


if __name__ == "__main__":
    main()
