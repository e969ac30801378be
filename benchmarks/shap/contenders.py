"""Our engine and its rivals, each as a function from a game and a number of calls to attributions."""

from __future__ import annotations

from importlib.util import find_spec

import numpy as np
from games import BenchGame
from truths import Matrix

from clarify.explain.coalitions import design_coalitions
from clarify.explain.explainer import LocalAttributions, explain_rows
from clarify.explain.games import Game, MethodChoice, prepare_game
from clarify.explain.pilots import fit_pilots

ESTIMATORS: tuple[MethodChoice, ...] = ("kernel", "kriging", "sparse")
PILOT_ROWS = 12


def prepared(
    game: BenchGame, method: MethodChoice, calls: int | None, seed: int, *, tolerance: float = 0.02
) -> Game:
    """A job of the engine with its pilots; ``calls`` None lets the error bars decide."""
    job = prepare_game(game.baseline, game.score, num_samples=calls, seed=seed, method=method, tolerance=tolerance)
    return fit_pilots(job, game.rows[:PILOT_ROWS], game.score)


def with_engine(game: BenchGame, method: MethodChoice, calls: int, seed: int) -> LocalAttributions:
    return explain_rows(prepared(game, method, calls, seed), game.rows, game.score)


def with_shap(game: BenchGame, calls: int, seed: int) -> Matrix:
    """shap.KernelExplainer without its feature selection, which keeps ten features by default."""
    import shap

    explainer = shap.KernelExplainer(lambda rows: game.score(rows)[:, 0], game.baseline)
    np.random.seed(seed)        # shap draws from NumPy's global generator
    return np.asarray(explainer.shap_values(game.rows, nsamples=calls, l1_reg=False, silent=True), dtype=np.float64)


def with_shapiq(game: BenchGame, calls: int, seed: int) -> Matrix:
    """shapiq's KernelSHAP with complement pairs (off by default); it counts nobody and all as calls, we do not."""
    from shapiq import KernelSHAP

    return np.array([_shapiq_row(KernelSHAP, game, row, calls, seed) for row in game.rows])


def _shapiq_row(approximator: type, game: BenchGame, row: Matrix, calls: int, seed: int) -> Matrix:
    empty = float(game.score(game.baseline)[0, 0])

    def play(members: Matrix) -> Matrix:
        masked = np.where(np.asarray(members, dtype=np.bool_), row, game.baseline[0])
        return np.asarray(game.score(masked)[:, 0] - empty)

    found = approximator(game.n_players, pairing_trick=True, random_state=seed).approximate(calls + 2, play)
    return np.array([found[(player,)] for player in range(game.n_players)])


def with_odd_shap(game: BenchGame, calls: int, seed: int) -> Matrix:
    from odd_shap import explain_with_odd_shap

    design = design_coalitions(game.n_players, calls, seed)
    return explain_with_odd_shap(game.score, game.rows, game.baseline, design)


def rivals_here() -> tuple[str, ...]:
    """Peers whose packages are installed."""
    needs = {"shap": "shap", "shapiq": "shapiq", "OddSHAP (our port)": "lightgbm"}
    return tuple(name for name, module in needs.items() if find_spec(module) is not None)


RIVALS = {"shap": with_shap, "shapiq": with_shapiq, "OddSHAP (our port)": with_odd_shap}


def relative_errors(found: Matrix, exact: Matrix) -> Matrix:
    """||found - exact|| / ||exact|| of each row; 0 where both are zero, infinite where only ``exact`` is."""
    gaps, sizes = np.linalg.norm(found - exact, axis=1), np.linalg.norm(exact, axis=1)
    errors = np.where(gaps == 0, 0.0, np.inf)
    np.divide(gaps, sizes, out=errors, where=sizes > 0)
    return errors
