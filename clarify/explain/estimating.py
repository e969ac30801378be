"""Which estimator a design gets, and the estimates of a block, rows with missing answers included."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from clarify.errors import ConfigError, Problem
from clarify.explain.coalitions import CoalitionDesign
from clarify.explain.estimators.base import BlockEstimates, BlockEstimator, empty_block
from clarify.explain.estimators.exact import ExactEstimator
from clarify.explain.estimators.kernel import KernelEstimator
from clarify.explain.estimators.kriging import FALLBACK_PARAMETERS, KrigingEstimator, KrigingParameters
from clarify.explain.estimators.sparse import SparseEstimator, SparseParameters
from clarify.explain.games import Game, Method
from clarify.explain.requests import HalfDifferences

# Rows that lost more than this share of their pairs are not explained.
MOST_PAIRS_LOST = 0.5
# A kriging estimator of 1,024 pairs holds 9 MB; a job meets one for each number of live players and budget.
MOST_CACHED_BYTES = 384 * 1024**2


def estimate(game: Game, block: HalfDifferences) -> BlockEstimates:
    """Estimates of a block; NaN for a row that lost more than half of its pairs."""
    estimates = _estimate(game, block)
    if not game.noise:
        return estimates
    # The ends are asked once: their noise moves the sum of the attributions, and each of them by its share.
    ends = 2 * np.square(game.noise) / block.design.n_players**2
    errors = np.sqrt(np.square(estimates.standard_errors) + ends[:, None, None])
    return replace(estimates, standard_errors=errors)


def _estimate(game: Game, block: HalfDifferences) -> BlockEstimates:
    lost: NDArray[np.bool_] = np.logical_or.reduce(np.isnan(block.values), axis=0)
    damaged = np.flatnonzero(lost.any(axis=1))
    if len(damaged) == 0:
        return estimator_of(game, block.design).estimate(block.values)
    whole = block.values.copy()
    whole[:, damaged] = 0.0
    estimates = estimator_of(game, block.design).estimate(whole)
    for row in damaged.tolist():
        _replace(estimates, row, _estimate_damaged(game, block, row, lost[row, :-1]))
    return estimates


def _estimate_damaged(game: Game, block: HalfDifferences, row: int, lost: NDArray[np.bool_]) -> BlockEstimates | None:
    """One row from the pairs it has, as the first of a block; by kriging, which needs no particular pairs."""
    design = block.design.without(lost)
    if lost.mean() > MOST_PAIRS_LOST or design.n_pairs == 0:
        return None
    values = empty_block(game.n_outputs, 1, design.n_pairs)
    values[:, 0] = block.values[:, row][:, np.append(~lost, True)]
    return KrigingEstimator.of(design, game.kriging or FALLBACK_PARAMETERS).estimate(values)


def _replace(estimates: BlockEstimates, row: int, own: BlockEstimates | None) -> None:
    estimates.values[:, row] = np.nan if own is None else own.values[:, 0]
    estimates.standard_errors[:, row] = np.nan if own is None else own.standard_errors[:, 0]
    if own is not None:
        estimates.codes[row] = own.codes[0]


def estimator_of(game: Game, design: CoalitionDesign) -> BlockEstimator:
    """Exact where every coalition is asked, else what the game says."""
    if design.is_complete:
        return _estimators.get((design, None, None, None))
    method = _settled_method(game, design)
    return _estimators.get((design, method, game.kriging, game.sparse if method == "sparse" else None))


def _settled_method(game: Game, design: CoalitionDesign) -> Method:
    method = game.estimator(design.n_players, design.n_pairs)
    if method == "kernel":
        return method
    if method == "auto" or game.kriging is None or (method == "sparse" and game.sparse is None):
        raise ConfigError(
            Problem(
                "SHAP-NO-PILOTS",
                "methods.shap.num_samples",
                f"{design.n_coalitions} coalitions for {design.n_players} live players, without pilot rows",
                "a game that fit_pilots has seen",
                "call fit_pilots(game, pilot_rows, value) once before explain_rows, or choose method='kernel'",
            )
        )
    return method


_Key = tuple[CoalitionDesign, Method | None, KrigingParameters | None, SparseParameters | None]


@dataclass(eq=False)
class _Estimators:
    """The estimators of this process, the longest unused forgotten first; designs are cached, so keys are few."""

    kept: OrderedDict[_Key, BlockEstimator] = field(default_factory=OrderedDict)

    def get(self, key: _Key) -> BlockEstimator:
        if key not in self.kept:
            self.kept[key] = _build(*key)
        self.kept.move_to_end(key)
        while len(self.kept) > 1 and sum(_bytes(design) for design, *_ in self.kept) > MOST_CACHED_BYTES:
            self.kept.popitem(last=False)
        return self.kept[key]


_estimators = _Estimators()


def _bytes(design: CoalitionDesign) -> int:
    """Of the largest part of an estimator: a square of pairs."""
    return 8 * (design.n_pairs + 1) ** 2


def _build(
    design: CoalitionDesign,
    method: Method | None,
    kriging: KrigingParameters | None,
    sparse: SparseParameters | None,
) -> BlockEstimator:
    if method is None:
        return ExactEstimator.of(design)
    kernel = KernelEstimator.of(design) if method == "kernel" else None
    if kernel is not None:
        return kernel
    kriged = KrigingEstimator.of(design, kriging or FALLBACK_PARAMETERS)
    return kriged if method != "sparse" or sparse is None else SparseEstimator.of(design, sparse, kriged)
