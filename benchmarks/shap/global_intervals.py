"""Global mean |attribution|: the bias that noise adds, its correction, and the coverage of the intervals.

    python benchmarks/shap/global_intervals.py [--full] [--german FILE --adult FILE] [--games GAME ...] [--calls K ...]

Over 100 rows (300 with --full) and three design seeds or more. Bias is the sum over players of estimate minus truth,
the L1 error the sum of their absolute differences, both as a share of the sum of the true values, raw and after the
correction, means over seeds; coverage is the share of players and seeds whose true mean lies within 1.96 standard
errors of the corrected one. Truth: the mean of the exact attributions of the same rows.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from contenders import ESTIMATORS, with_engine
from games import GAMES, BenchGame, make_games
from tables import describe_machine, files_of, options_of, short, table_head, table_line
from truths import Matrix

from clarify.explain.aggregate import aggregate_column
from clarify.explain.coalitions import needs_sampling
from clarify.explain.explainer import LocalAttributions
from clarify.explain.games import MethodChoice
from clarify.explain.threads import one_thread

NORMAL_95 = 1.959964
TOP = 5
QUICK_ROWS, FULL_ROWS = 100, 300
QUICK_SEEDS, FULL_SEEDS = (3, 4, 5), (3, 4, 5, 6, 7)
QUICK_CALLS, FULL_CALLS = (512,), (512, 2048)
# A truth that costs 2^20 model rows a row takes minutes for so many rows: those games only when asked for by name.
DEFAULT_GAMES = [
    name for name, source in GAMES.items() if not source.slow_truth and name not in ("constant-20", "xor-20")
]


@dataclass(frozen=True, eq=False)
class Globals:
    """One seed: mean |attribution| per player."""

    true: Matrix
    raw: Matrix
    corrected: Matrix
    errors: Matrix

    @property
    def within(self) -> float:
        return float((np.abs(self.corrected - self.true) <= NORMAL_95 * self.errors).mean())

    @property
    def top(self) -> float:
        """Share of the five largest players that stand in their right position."""
        return float((np.argsort(-self.corrected)[:TOP] == np.argsort(-self.true)[:TOP]).mean())


def summarise(local: LocalAttributions, exact: Matrix) -> Globals:
    values, errors = local.values[:, 0], local.standard_errors[:, 0]
    columns = [aggregate_column([(values[:, i], errors[:, i])]) for i in range(exact.shape[1])]
    return Globals(
        np.abs(exact).mean(axis=0),
        np.array([column.mean_abs for column in columns]),
        np.array([column.corrected_mean_abs for column in columns]),
        np.array([column.standard_error for column in columns]),
    )


def cells(game: BenchGame, method: MethodChoice, calls: int, seeds: tuple[int, ...]) -> list[str]:
    found = [summarise(with_engine(game, method, calls, seed), game.exact) for seed in seeds]
    total = found[0].true.sum()

    def bias(estimates: list[Matrix]) -> str:
        return short(float(np.mean([(e - f.true).sum() / total for e, f in zip(estimates, found, strict=True)])))

    def l1(estimates: list[Matrix]) -> str:
        return short(float(np.mean([np.abs(e - f.true).sum() / total for e, f in zip(estimates, found, strict=True)])))

    raw, corrected = [f.raw for f in found], [f.corrected for f in found]
    return [
        f"{bias(raw)} / {bias(corrected)}",
        f"{l1(raw)} / {l1(corrected)}",
        f"{np.mean([f.within for f in found]):.2f}",
        f"{np.mean([f.top for f in found]):.2f}",
    ]


def report(options: argparse.Namespace) -> Iterator[str]:
    rows = options.rows or (FULL_ROWS if options.full else QUICK_ROWS)
    seeds = tuple(options.seeds or (FULL_SEEDS if options.full else QUICK_SEEDS))
    budgets = options.calls or (FULL_CALLS if options.full else QUICK_CALLS)
    yield describe_machine()
    yield f"At most {rows} rows a game, design seeds {', '.join(map(str, seeds))}.\n"
    head = ("bias raw / corrected", "L1 error raw / corrected", "coverage", f"top {TOP} in place")
    yield table_head("game", "rows", "calls", "estimator", *head)
    for game in make_games(options.games, files_of(options), rows):
        for calls in budgets:
            for method in ESTIMATORS if needs_sampling(game.n_players, calls) else ():
                yield table_line(
                    game.name, str(len(game.rows)), str(calls), method, *cells(game, method, calls, seeds)
                )


def main() -> None:
    parser = options_of(__doc__ or "", DEFAULT_GAMES)
    parser.add_argument("--calls", type=int, nargs="+", help="coalitions per row")
    options = parser.parse_args()
    with one_thread():
        for line in report(options):
            print(line, flush=True)


if __name__ == "__main__":
    main()
