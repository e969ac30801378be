"""Does the stop rule keep its word? Rows that stopped, how many of them are truly within the tolerance, at what cost.

    python benchmarks/shap/stopping.py [--full] [--german FILE --adult FILE] [--games GAME ...] [--tolerance 0.02]

Without num_samples a row is asked until its predicted relative error is within the tolerance or the ceiling is reached.
``true`` counts, among the rows that stopped within the tolerance, those whose true relative error is within it; calls
are the mean over all rows, as a share of min(2048 + 2M, 2^M - 2).
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from contenders import prepared, relative_errors
from games import GAMES, BenchGame, make_games
from numpy.typing import NDArray
from tables import describe_machine, files_of, options_of, table_head, table_line
from truths import Matrix

from clarify.explain.budget import Outcome
from clarify.explain.explainer import explain_rows
from clarify.explain.games import MethodChoice
from clarify.explain.threads import one_thread

METHODS: tuple[MethodChoice, ...] = ("sparse", "kriging")
QUICK_ROWS, FULL_ROWS = 12, 20
QUICK_SEEDS, FULL_SEEDS = (3,), (3, 4, 5, 6)


@dataclass(frozen=True, eq=False)
class Stops:
    """Rows of all seeds of one game."""

    outcomes: NDArray[np.uint8]
    errors: Matrix
    calls: Matrix       # as a share of the ceiling

    def line(self, tolerance: float) -> list[str]:
        n = len(self.outcomes)
        reached = self.outcomes == Outcome.WITHIN_TOLERANCE
        kept = (self.errors[reached] <= tolerance).sum()
        return [
            f"{reached.sum()}/{n}",
            f"{kept / reached.sum():.2f} ({kept})" if reached.any() else "-",
            f"{(self.outcomes == Outcome.EXACT).sum()}",
            f"{(self.outcomes == Outcome.CEILING).sum()}",
            f"{self.calls.mean():.2f}",
        ]


def measure(game: BenchGame, method: MethodChoice, tolerance: float, seeds: tuple[int, ...]) -> Stops:
    outcomes, errors, calls = [], [], []
    for seed in seeds:
        job = prepared(game, method, None, seed, tolerance=tolerance)
        local = explain_rows(job, game.rows, game.score)
        outcomes.append(local.outcome)
        errors.append(relative_errors(local.values[:, 0], game.exact))
        calls.append(local.calls / game.ceiling)
    return Stops(np.concatenate(outcomes), np.concatenate(errors), np.concatenate(calls))


def report(options: argparse.Namespace) -> Iterator[str]:
    rows = options.rows or (FULL_ROWS if options.full else QUICK_ROWS)
    seeds = tuple(options.seeds or (FULL_SEEDS if options.full else QUICK_SEEDS))
    yield describe_machine()
    yield f"At most {rows} rows a game, design seeds {', '.join(map(str, seeds))}.\n"
    head = ("stopped", "of these true", "exact", "ceiling", "calls / ceiling")
    yield table_head("game", "estimator", "tolerance", *head)
    kept = {method: [0, 0] for method in METHODS}
    for game in make_games(options.games, files_of(options), rows):
        for method in METHODS:
            for tolerance in options.tolerance:
                stops = measure(game, method, tolerance, seeds)
                reached = stops.outcomes == Outcome.WITHIN_TOLERANCE
                kept[method][0] += int((stops.errors[reached] <= tolerance).sum())
                kept[method][1] += int(reached.sum())
                yield table_line(game.name, method, f"{tolerance:g}", *stops.line(tolerance))
    yield "\n" + "; ".join(f"{method}: {true} of {all_} stopped rows are truly within" for method, (true, all_) in
                           kept.items())


def main() -> None:
    parser = options_of(__doc__ or "", list(GAMES))
    parser.add_argument("--tolerance", type=float, nargs="+", default=[0.02])
    options = parser.parse_args()
    with one_thread():
        for line in report(options):
            print(line, flush=True)


if __name__ == "__main__":
    main()
