"""Are the error bars honest? Coverage of 95 % intervals, and predicted against true errors.

    python benchmarks/shap/interval_coverage.py [--full] [--german FILE --adult FILE] [--games GAME ...] [--calls K ...]

Each cell, over the rows of all seeds: the share of the attributions that are not zero whose exact value lies within
1.96 standard errors; the median over rows of predicted over true error; the rank correlation, over rows, of the
predicted with the true relative error. Cells whose coalitions are all asked are left out: there is no error.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from contenders import ESTIMATORS, relative_errors, with_engine
from games import GAMES, BenchGame, make_games
from scipy.stats import spearmanr
from tables import describe_machine, files_of, options_of, short, table_head, table_line
from truths import Matrix

from clarify.explain.coalitions import needs_sampling
from clarify.explain.games import MethodChoice
from clarify.explain.threads import one_thread

NORMAL_95 = 1.959964
QUICK_ROWS, FULL_ROWS = 12, 20
QUICK_SEEDS, FULL_SEEDS = (3,), (3, 4, 5, 6)
QUICK_CALLS, FULL_CALLS = (512, 1024), (512, 1024, 2048)


@dataclass(frozen=True, eq=False)
class Honesty:
    """One estimator on one game: exact attributions, errors made and errors predicted, rows of all seeds."""

    exact: Matrix
    made: Matrix
    predicted: Matrix

    @property
    def coverage(self) -> float:
        counted = self.exact != 0
        return float((np.abs(self.made) <= NORMAL_95 * self.predicted)[counted].mean()) if counted.any() else np.nan

    @property
    def ratio(self) -> float:
        made, predicted = np.linalg.norm(self.made, axis=1), np.linalg.norm(self.predicted, axis=1)
        return float(np.median(predicted[made > 0] / made[made > 0])) if (made > 0).any() else np.nan

    @property
    def rank_correlation(self) -> float:
        true = relative_errors(self.exact + self.made, self.exact)
        size = np.linalg.norm(self.exact + self.made, axis=1)
        told = (size > 0) & np.isfinite(true)
        predicted = np.linalg.norm(self.predicted, axis=1)[told] / size[told]
        return float(spearmanr(predicted, true[told]).statistic) if len(set(true[told])) > 1 else np.nan


def measure(game: BenchGame, method: MethodChoice, calls: int, seeds: tuple[int, ...]) -> Honesty:
    runs = [with_engine(game, method, calls, seed) for seed in seeds]
    exact = np.concatenate([game.exact] * len(runs))
    values = np.concatenate([run.values[:, 0] for run in runs])
    return Honesty(exact, values - exact, np.concatenate([run.standard_errors[:, 0] for run in runs]))


def cell(found: Honesty) -> str:
    share = "-" if np.isnan(found.coverage) else f"{found.coverage:.2f}"
    return f"{share}; {short(found.ratio)}; {short(found.rank_correlation)}"


def report(options: argparse.Namespace) -> Iterator[str]:
    rows = options.rows or (FULL_ROWS if options.full else QUICK_ROWS)
    seeds = tuple(options.seeds or (FULL_SEEDS if options.full else QUICK_SEEDS))
    budgets = options.calls or (FULL_CALLS if options.full else QUICK_CALLS)
    yield describe_machine()
    yield f"At most {rows} rows a game, design seeds {', '.join(map(str, seeds))}."
    yield "Coverage; predicted over true error, median; rank correlation of the two\n"
    yield table_head("game", "rows", "calls", *ESTIMATORS)
    for game in make_games(options.games, files_of(options), rows):
        for calls in budgets:
            if needs_sampling(game.n_players, calls):
                cells = (cell(measure(game, method, calls, seeds)) for method in ESTIMATORS)
                yield table_line(game.name, str(len(game.rows)), str(calls), *cells)


def main() -> None:
    parser = options_of(__doc__ or "", list(GAMES))
    parser.add_argument("--calls", type=int, nargs="+", help="coalitions per row")
    options = parser.parse_args()
    with one_thread():
        for line in report(options):
            print(line, flush=True)


if __name__ == "__main__":
    main()
