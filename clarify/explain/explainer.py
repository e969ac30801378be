"""From rows and a model to local attributions: the design asked, the answers projected, in blocks of fixed size."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from clarify.explain.budget import Outcome, relative_errors
from clarify.explain.coalitions import CoalitionDesign
from clarify.explain.estimating import estimate
from clarify.explain.estimators.base import Estimator
from clarify.explain.games import Game, checked_outputs, checked_rows
from clarify.explain.players import live_players
from clarify.explain.requests import HalfDifferences, Question, ask_coalitions, first_questions
from clarify.explain.scoring import MAX_ROWS_PER_CALL, Value, checked_rows_per_call, link, score_rows
from clarify.explain.threads import one_thread
from clarify.explain.tree_check import same_as_trees
from clarify.explain.trees import explain_trees

# Rows whose answers are kept at the same time while they wait for the next doubling of their budget.
ROWS_IN_FLIGHT = 1024
# Not an outcome that a caller sees: the row is asked again.
_UNDECIDED = 255


@dataclass(frozen=True, eq=False)
class LocalAttributions:
    """Attributions of n rows, on the scale of the link; they sum to ``scores`` minus the game's expected values.

    A row whose outcome is FAILED has NaN throughout.
    """

    values: NDArray[np.float64]             # (n, n_outputs, n_players)
    standard_errors: NDArray[np.float64]    # the same; 0 where exact
    scores: NDArray[np.float64]             # (n, n_outputs)
    estimator: NDArray[np.uint8]            # (n,): codes of Estimator
    outcome: NDArray[np.uint8]              # (n,): codes of Outcome
    relative_errors: NDArray[np.float64]    # (n,): predicted, see budget.relative_errors
    calls: NDArray[np.int64]                # (n,): model rows spent on the row's coalitions

    def __len__(self) -> int:
        return len(self.values)


@dataclass(frozen=True, eq=False)
class _Job:
    """One call of ``explain_rows``: what is asked, of whom, and where the results go."""

    game: Game
    rows: NDArray[np.float64]
    live: NDArray[np.bool_]
    value: Value
    capacity: int
    explained: LocalAttributions


def explain_rows(
    game: Game, rows: NDArray[np.float64], value: Value, *, max_rows_per_call: int = MAX_ROWS_PER_CALL
) -> LocalAttributions:
    """Shapley values of every row against the game's baseline, with standard errors.

    Parameters
    ----------
    rows : float64 of shape (n, n_columns)
        In the codes of the baseline; n may be 0.
    value : Value
        The model. Asked for the rows themselves, then for their synthetic rows, in requests of 64 to
        ``max_rows_per_call`` rows (more only if the baseline itself has more) that hold both halves of every pair
        and whose boundaries depend on ``rows`` and earlier answers alone. Where it has no answer (NaN) for one half of
        a pair, the row is explained without that pair, as long as half of its pairs are left.

    Raises
    ------
    DataError
        If the rows do not have the columns of the baseline.
    ConfigError
        If the game needs what ``fit_pilots`` settles and has not been given to it.
    EndpointError
        Whatever ``value`` raises; BadPrediction if its scores cannot be used.

    Notes
    -----
    A row's result depends on no other row, to the last bit, if the model's answers do not. BLAS and OpenMP are held to
    one thread. Memory: one request, the answers of at most ``ROWS_IN_FLIGHT`` rows, a few estimators.
    """
    rows = checked_rows(rows, game)
    capacity = checked_rows_per_call(max_rows_per_call)
    if len(rows) == 0:
        return _nothing_explained(game, np.empty((0, game.n_outputs)))
    with one_thread():
        scores = link(checked_outputs(score_rows(value, rows, capacity), game), game.use_logit)
        explained = _nothing_explained(game, scores)
        live = live_players(rows, game.baseline, game.players)
        job = _Job(game, rows, live, value, capacity, explained)
        open_rows = _explain_by_trees(job, _without_unanswered(job, np.arange(len(rows))))
        _explain_single_players(job, open_rows)
        for start in range(0, len(open_rows), ROWS_IN_FLIGHT):
            questions = first_questions(game, live, open_rows[start : start + ROWS_IN_FLIGHT])
            while questions:
                questions = _ask_round(job, questions)
    return explained


def _nothing_explained(game: Game, scores: NDArray[np.float64]) -> LocalAttributions:
    """Zero attributions, exact: what a row without live players has."""
    n = len(scores)
    shape = (n, game.n_outputs, len(game.players))
    return LocalAttributions(
        values=np.zeros(shape),
        standard_errors=np.zeros(shape),
        scores=scores,
        estimator=np.full(n, Estimator.EXACT, dtype=np.uint8),
        outcome=np.full(n, Outcome.EXACT, dtype=np.uint8),
        relative_errors=np.zeros(n),
        calls=np.zeros(n, dtype=np.int64),
    )


def _without_unanswered(job: _Job, rows: NDArray[np.intp]) -> NDArray[np.intp]:
    """The rows that have a score; the others have failed."""
    answered = np.isfinite(job.explained.scores[rows]).all(axis=1)
    _fail(job, rows[~answered])
    return rows[answered]


def _fail(job: _Job, rows: NDArray[np.intp]) -> None:
    explained = job.explained
    for numbers in (explained.values, explained.standard_errors, explained.scores, explained.relative_errors):
        numbers[rows] = np.nan
    explained.outcome[rows] = Outcome.FAILED


def _explain_by_trees(job: _Job, rows: NDArray[np.intp]) -> NDArray[np.intp]:
    """Explain rows from the trees; the rows whose score is not that of the trees are left to the model."""
    trees, explained = job.game.trees, job.explained
    if trees is None:
        return rows
    same = same_as_trees(trees, job.rows[rows], explained.scores[rows], is_log_odds=job.game.use_logit)
    alike = rows[same]
    explained.values[alike] = explain_trees(trees, job.rows[alike], job.game.baseline, job.game.players)
    explained.estimator[alike] = Estimator.TREE
    return rows[~same]


def _explain_single_players(job: _Job, rows: NDArray[np.intp]) -> None:
    """The only live player of a row accounts for the whole difference."""
    alone = rows[job.live[rows].sum(axis=1) == 1]
    explained = job.explained
    players = job.live[alone].argmax(axis=1)
    explained.values[alone, :, players] = explained.scores[alone] - job.game.expected_values
    if job.game.noise:
        explained.standard_errors[alone, :, players] = np.sqrt(2) * np.array(job.game.noise)


def _ask_round(job: _Job, questions: Sequence[Question]) -> list[Question]:
    """Ask, estimate and record; what is left are the rows whose errors are too large, with twice the coalitions."""
    scores = job.explained.scores
    blocks = ask_coalitions(job.game, job.rows, job.live, scores, job.value, job.capacity, questions)
    return _merged(job.game, [_settle(job, block) for block in blocks])


def _settle(job: _Job, block: HalfDifferences) -> HalfDifferences:
    """Record a block's estimates and return the part of it that needs more coalitions."""
    estimates = estimate(job.game, block)
    n, explained = len(block.rows), job.explained
    players = np.nonzero(block.live)[1].reshape(n, block.design.n_players)
    where = (block.rows[:, None, None], np.arange(job.game.n_outputs)[None, :, None], players[:, None, :])
    values, errors = estimates.values[:, :n], estimates.standard_errors[:, :n]
    explained.values[where] = values.transpose(1, 0, 2)
    explained.standard_errors[where] = errors.transpose(1, 0, 2)
    explained.estimator[block.rows] = estimates.codes[:n]
    explained.calls[block.rows] = block.design.n_pairs * job.game.rows_per_pair(block.design)
    explained.relative_errors[block.rows] = relative_errors(values, errors)
    outcomes = _outcomes(job.game, block.design, explained.relative_errors[block.rows], estimates.codes[:n])
    explained.outcome[block.rows] = outcomes
    _fail(job, block.rows[np.isnan(values).any(axis=(0, 2))])
    return _part(block, explained.outcome[block.rows] == _UNDECIDED)


def _outcomes(
    game: Game, design: CoalitionDesign, errors: NDArray[np.float64], codes: NDArray[np.uint8]
) -> NDArray[np.uint8]:
    if game.budget.is_given:
        sampled = np.full(len(errors), Outcome.BUDGET)
    else:
        more = game.budget.after(design.n_players, design.n_coalitions)
        too_large = Outcome.CEILING if more is None else _UNDECIDED
        sampled = np.where(errors <= game.budget.tolerance, Outcome.WITHIN_TOLERANCE, too_large)
    return np.where(codes == Estimator.EXACT, Outcome.EXACT, sampled).astype(np.uint8)


def _part(block: HalfDifferences, chosen: NDArray[np.bool_]) -> HalfDifferences:
    """Some rows of a block, without padding."""
    n = len(block.rows)
    return HalfDifferences(block.rows[chosen], block.live[chosen], block.design, block.values[:, :n][:, chosen])


def _merged(game: Game, parts: Sequence[HalfDifferences]) -> list[Question]:
    """Questions for the undecided rows of all blocks: those of one design together, so that blocks fill again."""
    questions = []
    for n_live, alike in groupby((part for part in parts if len(part.rows)), lambda part: part.design.n_players):
        group = list(alike)
        n_coalitions = game.budget.after(n_live, group[0].design.n_coalitions)
        if n_coalitions is not None:
            rows = np.concatenate([part.rows for part in group])
            known = np.concatenate([part.values[:, :, :-1] for part in group], axis=1)
            questions.append(Question(rows, game.design(n_live, n_coalitions), known))
    return questions
