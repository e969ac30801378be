"""When is sparse worth its time? Wall time of kriging and sparse at equal error, for models of different cost per row.

    python benchmarks/shap/break_even.py [--full] [--games GAME ...] [--spin 0 3 10 50] [--calls 512] [--repeats 5]

A game's model is slowed by a busy wait of ``spin`` microseconds a row. ``sparse`` gets K calls; kriging gets as many as
it needs for the same median error, interpolated on a ladder of budgets whose steps are half an octave; where the ladder
ends before kriging is as good (">"), its time is that of the last rung and too kind to it. Both are then timed on the
same rows, warm, interleaved within every repeat: the shared matrix of kriging, made once a job, is not counted.
``chosen`` is what the engine's rule settles on for this model and K, from its own pilots; its price is its time over
that of the better of the two, and should not exceed 1.15. ``q`` is the error ratio the rule saw.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass, replace
from time import perf_counter

import numpy as np
from contenders import PILOT_ROWS, prepared, relative_errors, with_engine
from games import BenchGame, make_games
from tables import describe_machine, files_of, options_of, short, table_head, table_line
from truths import Matrix, Value

from clarify.explain.explainer import explain_rows
from clarify.explain.games import Game, prepare_game
from clarify.explain.pilots import PilotFit, weigh_pilots
from clarify.explain.threads import one_thread

LADDER = (512, 724, 1024, 1448, 2048, 2896, 4096, 5792)
QUICK_ROWS, FULL_ROWS = 12, 32
DEFAULT_GAMES = ["cancer-xgb-30", "mixed-xgb-20", "cancer-svr-30"]
ACCEPTED = 1.15


@dataclass(frozen=True)
class SlowModel:
    """A model with a busy wait behind every request."""

    score: Value
    seconds_per_row: float

    def __call__(self, rows: Matrix) -> Matrix:
        scores = self.score(rows)
        end = perf_counter() + self.seconds_per_row * len(rows)
        while perf_counter() < end:
            pass
        return scores


@dataclass(frozen=True)
class Equal:
    """Budgets of equal median error."""

    error: float
    sparse_calls: int
    kriging_calls: int
    is_reached: bool        # whether kriging gets there within the ladder


def find_equal(game: BenchGame, calls: int, seed: int) -> Equal:
    wanted = _median_error(game, "sparse", calls, seed)
    ladder = [rung for rung in LADDER if calls <= rung < 2**game.n_players - 2]
    errors = [_median_error(game, "kriging", rung, seed) for rung in ladder]
    for rung, error, before, above in zip(ladder[1:], errors[1:], ladder, errors, strict=False):
        if error <= wanted < above:
            share = np.log(above / wanted) / np.log(above / error)
            return Equal(wanted, calls, int(before * (rung / before) ** share) // 2 * 2, True)
    return Equal(wanted, calls, ladder[0] if errors[0] <= wanted else ladder[-1], errors[0] <= wanted)


def _median_error(game: BenchGame, method: str, calls: int, seed: int) -> float:
    local = with_engine(game, "sparse" if method == "sparse" else "kriging", calls, seed)
    return float(np.median(relative_errors(local.values[:, 0], game.exact)))


@dataclass(frozen=True, eq=False)
class Race:
    """Seconds per row, one per repeat."""

    sparse: Matrix
    kriging: Matrix

    def price(self, method: str) -> float:
        """Median over repeats of the time of a method over that of the faster one (by medians)."""
        chosen = self.sparse if method == "sparse" else self.kriging
        better = self.sparse if np.median(self.sparse) <= np.median(self.kriging) else self.kriging
        return float(np.median(chosen / better))


def race(game: BenchGame, equal: Equal, seed: int, repeats: int) -> Race:
    jobs = (prepared(game, "sparse", equal.sparse_calls, seed), prepared(game, "kriging", equal.kriging_calls, seed))
    for job in jobs:
        _seconds(job, game)                     # warm
    times = np.array([[_seconds(job, game) for job in jobs] for _ in range(repeats)]) / len(game.rows)
    return Race(times[:, 0], times[:, 1])


def _seconds(job: Game, game: BenchGame) -> float:
    start = perf_counter()
    explain_rows(job, game.rows, game.score)
    return perf_counter() - start


def choice(game: BenchGame, calls: int, seed: int) -> PilotFit:
    job = prepare_game(game.baseline, game.score, num_samples=calls, seed=seed, method="auto")
    return weigh_pilots(job, game.rows[:PILOT_ROWS], game.score)


def lines_of(game: BenchGame, options: argparse.Namespace, seed: int) -> Iterator[str]:
    for calls in options.calls:
        equal = find_equal(game, calls, seed)
        reach = f"{equal.kriging_calls}" if equal.is_reached else f"> {equal.kriging_calls}"
        for spin in options.spin:
            slow = replace(game, score=SlowModel(game.score, spin * 1e-6))
            fit, times = choice(slow, calls, seed), race(slow, equal, seed, options.repeats)
            cost = f"{1e6 * fit.costs.model_row_seconds:.1f}" if fit.costs else "-"
            quotient = f"{fit.costs.error_ratio:.2f}" if fit.costs else "-"
            price = times.price(fit.game.method)
            yield table_line(
                game.name, f"{spin:g}", cost, short(equal.error), str(calls), reach,
                f"{1e3 * np.median(times.sparse):.2f}", f"{1e3 * np.median(times.kriging):.2f}",
                f"{np.median(times.kriging / times.sparse):.2f}", quotient, fit.game.method,
                f"{price:.2f}{'' if price <= ACCEPTED else ' (!)'}",
            )  # fmt: skip


def report(options: argparse.Namespace) -> Iterator[str]:
    rows = options.rows or (FULL_ROWS if options.full else QUICK_ROWS)
    seeds = tuple(options.seeds or ((3, 4) if options.full else (3,)))
    yield describe_machine()
    yield f"At most {rows} rows a game, design seeds {', '.join(map(str, seeds))}, 1 thread, wall time, medians of"
    yield f"{options.repeats} interleaved repeats; a busy machine makes them worthless.\n"
    yield table_head(
        "game", "spin, us", "model row, us", "error", "calls of sparse", "calls of kriging", "sparse, ms/row",
        "kriging, ms/row", "kriging / sparse", "q", "chosen", "its price",
    )  # fmt: skip
    for game in make_games(options.games, files_of(options), rows):
        for seed in seeds:
            yield from lines_of(game, options, seed)


def main() -> None:
    parser = options_of(__doc__ or "", DEFAULT_GAMES)
    parser.add_argument("--spin", type=float, nargs="+", help="microseconds a row added to the model")
    parser.add_argument("--calls", type=int, nargs="+", default=[512], help="coalitions per row of sparse")
    parser.add_argument("--repeats", type=int)
    options = parser.parse_args()
    options.spin = options.spin or ([0, 0.5, 1, 2, 5, 10, 20, 50] if options.full else [0, 3, 10, 50])
    options.repeats = options.repeats or (9 if options.full else 3)
    with one_thread():
        for line in report(options):
            print(line, flush=True)


if __name__ == "__main__":
    main()
