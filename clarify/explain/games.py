"""Everything about a SHAP job that is the same for all rows."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from clarify.config.shap_options import DEFAULT_TOLERANCE, EstimatorChoice
from clarify.errors import BadPrediction, ConfigError, DataError, Problem
from clarify.explain.background import BLOCK_OF_BASELINE, background_blocks, n_split_pairs, splits_background
from clarify.explain.budget import Budget
from clarify.explain.coalitions import CoalitionDesign, design_coalitions
from clarify.explain.estimators.kernel import PAIRS_PER_PLAYER
from clarify.explain.estimators.kriging import KrigingParameters
from clarify.explain.estimators.sparse import SparseParameters
from clarify.explain.players import Players
from clarify.explain.scoring import MAX_ROWS_PER_CALL, Value, checked_rows_per_call, link, score_rows
from clarify.explain.trees import TreeEnsemble

Method = Literal["kernel", "kriging", "sparse"]

# Below this, the intervals of sparse begin to cover less than they promise (.915 at 2.5 pairs a player).
SPARSE_PAIRS_PER_PLAYER = 4
# Kriging squares the pairs and sparse cubes them: beyond this (34 MB a design) least squares is taken.
MOST_KRIGING_PAIRS = 2_048


@dataclass(frozen=True, eq=False)
class Game:
    """A SHAP job without its rows: small, picklable, made once and shipped to every worker.

    ``baseline`` has shape (n_baseline, n_columns), codes for text and NaN for missing; ``expected_values``
    (n_outputs,) is the mean score of the baseline rows, then the link: attributions of a row sum to its score minus
    this. ``method`` estimates the sampled rows; "auto", ``kriging`` and ``sparse`` are settled by ``fit_pilots``.
    ``trees`` are the model itself, where it was found to play the same game. ``noise`` (n_outputs) is the standard
    deviation of a model that answers the same row differently, after the link; empty for any other.
    """

    players: Players
    baseline: NDArray[np.float64]
    expected_values: NDArray[np.float64]
    budget: Budget = field(default_factory=Budget)
    seed: int = 0
    use_logit: bool = False
    method: EstimatorChoice = "auto"
    kriging: KrigingParameters | None = None
    sparse: SparseParameters | None = None
    trees: TreeEnsemble | None = None
    noise: tuple[float, ...] = ()

    @property
    def n_outputs(self) -> int:
        return len(self.expected_values)

    def splits_background(self, n_live: int) -> bool:
        """Whether each pair of a row with so many live players is asked on ten baseline rows instead of all."""
        return splits_background(n_live, self.budget.first(n_live), len(self.baseline))

    def design(self, n_live: int, n_coalitions: int) -> CoalitionDesign:
        """The coalitions asked of rows with so many live players."""
        is_noisy = bool(self.noise) or self.splits_background(n_live)
        return design_coalitions(n_live, 2 * self._n_pairs(n_live, n_coalitions), self.seed, is_noisy=is_noisy)

    def _n_pairs(self, n_live: int, n_coalitions: int) -> int:
        if self.splits_background(n_live):
            return n_split_pairs(n_coalitions, len(self.baseline))
        return n_coalitions // 2

    def blocks(self, design: CoalitionDesign) -> NDArray[np.intp] | None:
        """Positions of the baseline rows of each pair, shape (n_pairs, 10); None: every pair is asked on all."""
        if not self.splits_background(design.n_players):
            return None
        return background_blocks(len(self.baseline), design.n_pairs, self.seed)

    def rows_per_pair(self, design: CoalitionDesign) -> int:
        """Model rows that one pair of one explained row costs."""
        return 2 * (BLOCK_OF_BASELINE if self.splits_background(design.n_players) else len(self.baseline))

    def needs_pilots(self, n_live: int) -> bool:
        """Whether rows with so many live players are sampled and explained by something that pilot rows settle."""
        if not self.budget.samples(n_live):
            return False
        return self.estimator(n_live, self._n_pairs(n_live, self.budget.first(n_live))) != "kernel"

    def estimator(self, n_live: int, n_pairs: int) -> EstimatorChoice:
        """What estimates so many pairs of a game that are not all it has; "auto" while pilots have not settled it.

        Kriging takes the place of both others where the pairs are too few for them, and of ``sparse`` where each pair
        has baseline rows of its own: the noise of ten rows is not the model of ``sparse``. Least squares takes the
        place of both others where the pairs are too many for them.
        """
        per_player = n_pairs / n_live
        if n_pairs > MOST_KRIGING_PAIRS and per_player >= PAIRS_PER_PLAYER:
            return "kernel"
        if self.splits_background(n_live):
            return "kriging"
        if self.method == "kernel" and per_player < PAIRS_PER_PLAYER:
            return "kriging"
        if self.method == "sparse" and per_player < SPARSE_PAIRS_PER_PLAYER:
            return "kriging"
        return self.method

    @property
    def may_need_pilots(self) -> bool:
        """Whether some row could."""
        return any(self.needs_pilots(n_live) for n_live in range(2, len(self.players) + 1))


def prepare_game(
    baseline: NDArray[np.float64],
    value: Value,
    *,
    players: Players | None = None,
    num_samples: int | None = None,
    tolerance: float = DEFAULT_TOLERANCE,
    seed: int = 0,
    use_logit: bool = False,
    method: EstimatorChoice = "auto",
    max_rows_per_call: int = MAX_ROWS_PER_CALL,
) -> Game:
    """Score the baseline and gather what all rows share.

    Parameters
    ----------
    baseline : float64 of shape (n_baseline, n_columns), at least one row
        Codes for text, NaN for missing.
    value : Value
        The model; asked for the baseline rows only.
    players : Players, optional
        Default: one player a column.
    num_samples : int >= 2, optional
        Coalitions per explained row; an odd number is rounded down, since coalitions come in complement pairs.
        Model rows per explained row: this times n_baseline. Default: the rule of ``Budget``.
    tolerance : float
        Predicted relative error at which a row is asked no more; without ``num_samples`` only.
    method : "auto", "kernel", "kriging" or "sparse"
        What estimates the rows whose coalitions are not all asked; "auto" is settled by ``fit_pilots``.

    Raises
    ------
    ConfigError, DataError
        If a number is out of range or the baseline does not fit the players.
    EndpointError
        Whatever ``value`` raises; BadPrediction if its scores cannot be used.

    Notes
    -----
    With several baseline rows, scores are averaged before the link, as in the shap library.
    """
    baseline = np.ascontiguousarray(baseline, dtype=np.float64)
    players = players or Players.single(baseline.shape[-1])
    _check(baseline, players, num_samples, tolerance, seed, method)
    scores = score_rows(value, baseline, checked_rows_per_call(max_rows_per_call))
    if not np.isfinite(scores).all():
        raise _baseline_without_score(scores)
    expected = link(average_baseline(scores[None, :, :]), use_logit)[0]
    return Game(players, baseline, expected, Budget(num_samples, tolerance), seed, use_logit, method)


def average_baseline(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean over the baseline rows: (m, n_baseline, n_outputs) to (m, n_outputs).

    The baseline rows are made contiguous first, so that the order of the additions depends on their number only.
    """
    if scores.shape[1] == 1:
        return scores[:, 0, :]
    means: NDArray[np.float64] = np.ascontiguousarray(scores.transpose(0, 2, 1)).mean(axis=-1)
    return means


def checked_rows(rows: NDArray[np.float64], game: Game) -> NDArray[np.float64]:
    """Rows as a C-contiguous float64 matrix with the columns of the baseline, or a DataError."""
    rows = np.ascontiguousarray(rows, dtype=np.float64)
    if rows.ndim != 2 or rows.shape[1] != game.baseline.shape[1]:
        raise DataError(
            Problem(
                "SHAP-COLUMNS",
                "dataset",
                f"shape {rows.shape}",
                f"(n, {game.baseline.shape[1]}), the columns of the baseline",
                "the label and predicted-label columns are no features",
            )
        )
    return rows


def checked_outputs(scores: NDArray[np.float64], game: Game) -> NDArray[np.float64]:
    """The scores, if there are as many outputs as the baseline rows had."""
    if scores.shape[1] != game.n_outputs:
        raise BadPrediction(
            Problem(
                "SHAP-OUTPUTS",
                "predictions",
                f"{scores.shape[1]} outputs",
                f"{game.n_outputs}, as many as for the baseline",
                "the model must answer the same outputs for every request",
            )
        )
    return scores


def _check(
    baseline: NDArray[np.float64],
    players: Players,
    num_samples: int | None,
    tolerance: float,
    seed: int,
    method: str,
) -> None:
    if baseline.ndim != 2 or len(baseline) == 0 or baseline.shape[1] != players.n_columns:
        raise DataError(
            Problem(
                "SHAP-BASELINE",
                "methods.shap.baseline",
                f"shape {baseline.shape}",
                f"(n_baseline, {players.n_columns}) with at least one row",
                "the label and predicted-label columns do not belong in the baseline",
            )
        )
    problems = []
    if num_samples is not None and num_samples < 2:
        allowed = "an integer of at least 2: coalitions come in complement pairs"
        problems.append(Problem("SHAP-NUM-SAMPLES", "methods.shap.num_samples", str(num_samples), allowed))
    if not 0 < tolerance < 1:
        problems.append(Problem("SHAP-TOLERANCE", "tolerance", str(tolerance), "a number between 0 and 1"))
    if method not in get_args(EstimatorChoice):
        problems.append(Problem("SHAP-METHOD", "method", repr(method), " or ".join(get_args(EstimatorChoice))))
    if seed < 0:
        problems.append(Problem("SHAP-SEED", "methods.shap.seed", str(seed), "an integer of at least 0"))
    ConfigError.collect(problems)


def _baseline_without_score(scores: NDArray[np.float64]) -> BadPrediction:
    n_bad = int((~np.isfinite(scores)).any(axis=1).sum())
    return BadPrediction(
        Problem(
            "SHAP-SCORE-NOT-FINITE",
            "methods.shap.baseline",
            f"{n_bad} of {len(scores)} baseline rows without a finite score",
            "a finite score for every baseline row: attributions are measured from their mean",
            "give baseline rows that the model can score",
        )
    )
