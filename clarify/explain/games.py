"""Everything about a SHAP job that is the same for all rows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from clarify.errors import BadPrediction, ConfigError, DataError, Problem
from clarify.explain.coalitions import needs_sampling
from clarify.explain.estimators.kriging import KrigingParameters
from clarify.explain.players import Players
from clarify.explain.scoring import MAX_ROWS_PER_CALL, Value, checked_rows_per_call, link, score_rows

# Fewer pairs than this many times the players: least squares is poor, kriging is better.
KERNEL_PAIRS_PER_PLAYER = 2


@dataclass(frozen=True, eq=False)
class Game:
    """A SHAP job without its rows: small, picklable, made once and shipped to every worker.

    ``baseline`` has shape (n_baseline, n_columns), codes for text and NaN for missing; ``expected_values``
    (n_outputs,) is the mean score of the baseline rows, then the link: attributions of a row sum to its score minus
    this. ``num_samples`` None means AWS's rule; ``kriging`` None means that no pilot rows were looked at.
    """

    players: Players
    baseline: NDArray[np.float64]
    expected_values: NDArray[np.float64]
    num_samples: int | None = None
    seed: int = 0
    use_logit: bool = False
    kriging: KrigingParameters | None = None

    @property
    def n_outputs(self) -> int:
        return len(self.expected_values)

    @property
    def budget(self) -> int:
        """Coalitions per row: as asked, else min(2 M + 2048, 2^M - 2) for M players."""
        n_players = len(self.players)
        default = min(2 * n_players + 2048, 2**n_players - 2)
        return default if self.num_samples is None else self.num_samples

    def uses_kriging(self, n_live: int) -> bool:
        """Whether rows with so many live players have too few pairs for least squares."""
        return needs_sampling(n_live, self.budget) and self.budget // 2 < KERNEL_PAIRS_PER_PLAYER * n_live

    @property
    def needs_pilots(self) -> bool:
        """Whether some row could be explained by kriging, whose hyper-parameters come from pilot rows."""
        return any(self.uses_kriging(n_live) for n_live in range(2, len(self.players) + 1))


def prepare_game(
    baseline: NDArray[np.float64],
    value: Value,
    *,
    players: Players | None = None,
    num_samples: int | None = None,
    seed: int = 0,
    use_logit: bool = False,
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
        Model rows per explained row: this times n_baseline.

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
    _check(baseline, players, num_samples, seed)
    scores = score_rows(value, baseline, checked_rows_per_call(max_rows_per_call))
    expected = link(average_baseline(scores[None, :, :]), use_logit)[0]
    return Game(players, baseline, expected, num_samples, seed, use_logit)


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


def _check(baseline: NDArray[np.float64], players: Players, num_samples: int | None, seed: int) -> None:
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
    if seed < 0:
        problems.append(Problem("SHAP-SEED", "methods.shap.seed", str(seed), "an integer of at least 0"))
    ConfigError.collect(problems)
