"""Error per model call: our estimators, shap.KernelExplainer and other peers on the same rows.

    python benchmarks/shap/accuracy.py [--full] [--german FILE --adult FILE] [--games GAME ...] [--seeds S ...]

The error of a row is ||found - exact|| / ||exact||. All methods get the scores of the row and of the baseline free; a
call is one model row besides these. Every row differs from the baseline in every feature, so nobody drops players.

First table: errors at equal calls, 512 and min(2048 + 2M, 2^M - 2), as median (95th percentile; worst) over rows and
seeds. Second: ratios of a peer's error to that of ``sparse``, row by row, as median (worst row). Third: ``sparse`` with
a quarter, a third and half of the calls that shap gets, as the median ratio and the share of rows where it is better.
Peers that are not installed are left out; see peers-requirements.txt.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from contenders import ESTIMATORS, RIVALS, relative_errors, rivals_here, with_engine
from games import GAMES, BenchGame, make_games
from tables import describe_machine, files_of, options_of, short, spread, table_head, table_line
from truths import Matrix

from clarify.explain.coalitions import needs_sampling
from clarify.explain.threads import one_thread

FIRST_CALLS = 512
FEWER_CALLS = (512, 700, 1044)
QUICK_ROWS, FULL_ROWS = 8, 20
QUICK_SEEDS, FULL_SEEDS = (3,), (3, 4, 5)
# Slow per row and not part of the quick run unless asked for.
SLOW_RIVALS = ("shapiq",)


@dataclass(frozen=True, eq=False)
class Errors:
    """Relative errors of one game by method and number of calls, rows of all seeds in one line."""

    game: BenchGame
    by: dict[tuple[str, int], Matrix]

    def ratio(self, rival: str, rival_calls: int, calls: int) -> Matrix:
        """Rival's error over that of ``sparse``, of the rows where both mean something."""
        above, below = self.by[rival, rival_calls], self.by["sparse", calls]
        told = np.isfinite(above) & np.isfinite(below) & (below > 0)
        return above[told] / below[told]


def budgets(game: BenchGame) -> list[int]:
    return sorted({min(FIRST_CALLS, game.ceiling), game.ceiling})


def fewer_calls(game: BenchGame) -> list[int]:
    return [calls for calls in FEWER_CALLS if needs_sampling(game.n_players, game.ceiling)]


def measure(game: BenchGame, rivals: tuple[str, ...], seeds: tuple[int, ...]) -> Errors:
    by: dict[tuple[str, int], list[Matrix]] = {}

    def note(method: str, calls: int, found: Matrix) -> None:
        by.setdefault((method, calls), []).append(relative_errors(found, game.exact))

    for seed in seeds:
        for calls in sorted({*budgets(game), *fewer_calls(game)}):
            wanted = ESTIMATORS if calls in budgets(game) else ("sparse",)
            for method in wanted:
                note(method, calls, with_engine(game, method, calls, seed).values[:, 0, :])
        for calls in budgets(game):
            for rival in rivals:
                note(rival, calls, RIVALS[rival](game, calls, seed))
    return Errors(game, {key: np.concatenate(errors) for key, errors in by.items()})


def error_lines(found: list[Errors], rivals: tuple[str, ...]) -> Iterator[str]:
    methods = (*ESTIMATORS, *rivals)
    yield table_head("game", "calls", *methods)
    for errors in found:
        for calls in budgets(errors.game):
            name = f"{calls}" if needs_sampling(errors.game.n_players, calls) else f"{calls} (all)"
            yield table_line(errors.game.name, name, *(spread(errors.by[method, calls]) for method in methods))


def ratio_lines(found: list[Errors], rivals: tuple[str, ...]) -> Iterator[str]:
    yield table_head("game", "calls", *(f"{rival} / sparse" for rival in rivals))
    for errors in found:
        for calls in budgets(errors.game):
            if needs_sampling(errors.game.n_players, calls):
                cells = (_ratio(errors.ratio(rival, calls, calls)) for rival in rivals)
                yield table_line(errors.game.name, str(calls), *cells)


def _ratio(ratios: Matrix) -> str:
    return f"{short(float(np.median(ratios)))} ({short(ratios.min())})" if len(ratios) else "-"


def fewer_lines(found: list[Errors]) -> Iterator[str]:
    yield table_head("game", "calls of shap", *(f"sparse with {calls}" for calls in FEWER_CALLS))
    for errors in found:
        ceiling = errors.game.ceiling
        if fewer_calls(errors.game):
            cells = (_better(errors.ratio("shap", ceiling, calls)) for calls in FEWER_CALLS)
            yield table_line(errors.game.name, str(ceiling), *cells)


def _better(ratios: Matrix) -> str:
    return f"{short(float(np.median(ratios)))}; {(ratios > 1).mean():.2f} of rows" if len(ratios) else "-"


def chosen_rivals(options: argparse.Namespace) -> tuple[str, ...]:
    here = rivals_here()
    return tuple(name for name in here if name not in SLOW_RIVALS or options.full or options.shapiq)


def report(options: argparse.Namespace) -> Iterator[str]:
    rows = options.rows or (FULL_ROWS if options.full else QUICK_ROWS)
    seeds = tuple(options.seeds or (FULL_SEEDS if options.full else QUICK_SEEDS))
    rivals = chosen_rivals(options)
    yield describe_machine()
    yield f"At most {rows} rows a game, design seeds {', '.join(map(str, seeds))}.\n"
    found = []
    for game in make_games(options.games, files_of(options), rows):
        found.append(measure(game, rivals, seeds))
        yield f"{game.name}: {len(game.rows)} rows, truth: {game.truth}"
    yield "\nErrors at equal calls, median (p95; worst)\n"
    yield from error_lines(found, rivals)
    yield "\nPeer's error over ours, row by row, median (worst row)\n"
    yield from ratio_lines(found, rivals)
    if "shap" in rivals:
        yield "\nshap's error at its most calls over that of sparse with fewer: median; rows where ours is less\n"
        yield from fewer_lines(found)


def main() -> None:
    parser = options_of(__doc__ or "", list(GAMES))
    parser.add_argument("--shapiq", action="store_true", help="shapiq too (slow; part of --full)")
    options = parser.parse_args()
    with one_thread():
        for line in report(options):
            print(line, flush=True)


if __name__ == "__main__":
    main()
