"""What a few pilot rows settle once per job: hyper-parameters, and which estimator is worth its time."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from statistics import median
from time import perf_counter

import numpy as np
from numpy.typing import NDArray

from clarify.config.shap_options import EstimatorChoice
from clarify.explain.coalitions import CoalitionDesign
from clarify.explain.estimators.base import empty_block
from clarify.explain.estimators.kriging import (
    FALLBACK_PARAMETERS,
    PARAMETER_GRID,
    KrigingEstimator,
    KrigingParameters,
    leave_one_out_score,
)
from clarify.explain.estimators.sparse import (
    ERROR_INFLATION,
    FALLBACK_SPARSE_PARAMETERS,
    SPARSE_GRID,
    SparseEstimator,
    SparseParameters,
    sparse_score,
)
from clarify.explain.games import Game, checked_outputs, checked_rows
from clarify.explain.players import live_players
from clarify.explain.requests import HalfDifferences, ask_coalitions, first_questions
from clarify.explain.scoring import MAX_ROWS_PER_CALL, Value, checked_rows_per_call, link, score_rows
from clarify.explain.threads import one_thread

MAX_PILOT_ROWS = 12
MAX_PILOT_PAIRS = 200
SPARSE_PILOT_ROWS = 8
SPARSE_PILOT_PAIRS = 300
# In times of the model calls that a user has fixed.
MOST_EXTRA_COST = 3.0
_TIMED_COPIES = 4


@dataclass(frozen=True)
class Costs:
    """What the choice between kriging and sparse was made from; the seconds are this machine's, this time."""

    model_row_seconds: float
    sparse_row_seconds: float
    error_ratio: float               # median over pilot rows of |se_sparse| / 1.5 over |se_kriging|
    calls: int                       # model rows of one explained row
    calls_given: bool                # whether the user said how many

    @property
    def sparse_pays(self) -> bool:
        r"""Whether sparse is cheaper than the calls that kriging would need for the same error.

        The error of kriging falls about like one over the number of calls K, so that it needs K (1 / q - 1) more of
        them: sparse pays iff :math:`t \le c K (1 / q - 1)`. Where the calls are given, nobody asked for a smaller error
        at any price: then sparse may cost three times what the calls cost and no more.
        """
        more_calls = 1 / self.error_ratio - 1 if self.error_ratio > 0 else math.inf
        worth = min(more_calls, MOST_EXTRA_COST) if self.calls_given else more_calls
        return self.sparse_row_seconds <= self.model_row_seconds * self.calls * worth


@dataclass(frozen=True, eq=False)
class PilotFit:
    """The game with everything settled, and what it was settled from; no costs where nothing had to be chosen."""

    game: Game
    costs: Costs | None = None


@dataclass(frozen=True, eq=False)
class _Pilot:
    """One pilot row: its design and its half differences (n_outputs, n_pairs + 1), in the model's units."""

    design: CoalitionDesign
    values: NDArray[np.float64]


def fit_pilots(
    game: Game, pilot_rows: NDArray[np.float64], value: Value, *, max_rows_per_call: int = MAX_ROWS_PER_CALL
) -> Game:
    """The game with its estimator settled; see ``weigh_pilots``."""
    return weigh_pilots(game, pilot_rows, value, max_rows_per_call=max_rows_per_call).game


def weigh_pilots(
    game: Game, pilot_rows: NDArray[np.float64], value: Value, *, max_rows_per_call: int = MAX_ROWS_PER_CALL
) -> PilotFit:
    """Fit hyper-parameters on pilot rows and settle the method "auto"; the same game if no row can need either.

    Parameters
    ----------
    pilot_rows : float64 of shape (n, n_columns)
        The rows with the smallest keys (see ``row_keys``); at most the first 12 are looked at, and those that least
        squares or enumeration will explain are skipped.

    Notes
    -----
    Kriging: the smallest weighted squared leave-one-out residual over 24 combinations, on at most 200 pairs a row.
    Sparse: the smallest mean logarithm of it over 72 combinations, 8 rows, at most 300 pairs a row: about a second.
    No exact attribution is needed. Without a usable pilot row fallback parameters and kriging are taken. "auto" is
    settled by time, so it may differ between machines and runs where the two cost about the same; everything else
    depends on the game and the rows alone.
    """
    if not game.may_need_pilots:
        return PilotFit(game)
    clock = _TimedValue(value)
    with one_thread():
        pilots = _ask_pilots(game, checked_rows(pilot_rows, game)[:MAX_PILOT_ROWS], clock, max_rows_per_call)
        fitted = replace(game, kriging=_fit_kriging(pilots))
        chosen = [pilot for pilot in pilots if _may_be_sparse(game, pilot.design)][:SPARSE_PILOT_ROWS]
        if game.method in ("kernel", "kriging"):
            return PilotFit(fitted)
        if not chosen:
            method: EstimatorChoice = "kriging" if game.method == "auto" else game.method
            return PilotFit(replace(fitted, method=method, sparse=FALLBACK_SPARSE_PARAMETERS))
        first_passes = [KrigingEstimator.of(pilot.design, _kriging_of(fitted)) for pilot in chosen]
        fitted = replace(fitted, sparse=_fit_sparse(chosen, first_passes))
        costs = _weigh(chosen, first_passes, fitted, clock.seconds_per_row)
    if game.method == "auto":
        fitted = replace(fitted, method="sparse" if costs.sparse_pays else "kriging")
    return PilotFit(fitted, costs)


def _may_be_sparse(game: Game, design: CoalitionDesign) -> bool:
    return game.estimator(design.n_players, design.n_pairs) in ("auto", "sparse")


@dataclass(eq=False)
class _TimedValue:
    """A model, and what its rows cost: the median over its requests."""

    value: Value
    costs: list[float] = field(default_factory=list)

    def __call__(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        start = perf_counter()
        scores = self.value(rows)
        self.costs.append((perf_counter() - start) / max(len(rows), 1))
        return scores

    @property
    def seconds_per_row(self) -> float:
        return median(self.costs) if self.costs else 0.0


def _ask_pilots(
    game: Game, rows: NDArray[np.float64], clock: _TimedValue, max_rows_per_call: int
) -> list[_Pilot]:
    """Half differences of the pilot rows that will be sampled, each with its first budget, in the order of the rows."""
    live = live_players(rows, game.baseline, game.players)
    n_live = live.sum(axis=1)
    sampled = np.flatnonzero([game.needs_pilots(int(n)) for n in n_live])
    if len(sampled) == 0:
        return []
    capacity = checked_rows_per_call(max_rows_per_call)
    scores = link(checked_outputs(score_rows(clock, rows, capacity), game), game.use_logit)
    sampled = sampled[np.isfinite(scores[sampled]).all(axis=1)]
    questions = first_questions(game, live, sampled)
    clock.costs.clear()                      # scoring the rows themselves takes small requests
    blocks = ask_coalitions(game, rows, live, scores, clock, capacity, questions)
    found = [(row, _pilot(block, place)) for block in blocks for place, row in enumerate(block.rows.tolist())]
    return [pilot for _, pilot in sorted(found, key=lambda pair: pair[0])]


def _pilot(block: HalfDifferences, place: int) -> _Pilot:
    """One row of a block, without the pairs that the model had no answer for."""
    values = block.values[:, place]
    lost: NDArray[np.bool_] = np.logical_or.reduce(np.isnan(values[:, :-1]), axis=0)
    if not lost.any():
        return _Pilot(block.design, values.copy())
    return _Pilot(block.design.without(lost), values[:, np.append(~lost, True)])


# --- kriging ----------------------------------------------------------------------------------------------------------


def _fit_kriging(pilots: list[_Pilot]) -> KrigingParameters:
    samples = [(pilot.design.first(MAX_PILOT_PAIRS), _lines(pilot, MAX_PILOT_PAIRS)) for pilot in pilots]
    samples = [(design, lines) for design, lines in samples if len(lines) and design.n_pairs]
    if not samples:
        return FALLBACK_PARAMETERS
    alike = _by_design(samples)
    n_lines = [len(lines) for _, lines in alike]

    def score(parameters: KrigingParameters) -> float:
        scores = [leave_one_out_score(design, lines, parameters) for design, lines in alike]
        return float(np.average(scores, weights=n_lines))

    return min(PARAMETER_GRID, key=score)


def _by_design(
    samples: list[tuple[CoalitionDesign, NDArray[np.float64]]],
) -> list[tuple[CoalitionDesign, NDArray[np.float64]]]:
    """Lines of equal designs together: one factorisation serves them all."""
    groups: dict[bytes, tuple[CoalitionDesign, list[NDArray[np.float64]]]] = {}
    for design, lines in samples:
        groups.setdefault(design.members.tobytes(), (design, []))[1].append(lines)
    return [(design, np.concatenate(lines)) for design, lines in groups.values()]


def _lines(pilot: _Pilot, most_pairs: int) -> NDArray[np.float64]:
    """Half differences of the first pairs and of the ends, one line per output, divided by their rms.

    Lines that are zero throughout teach nothing and are left out.
    """
    n_pairs = pilot.design.n_pairs
    lines = pilot.values[:, np.r_[: min(n_pairs, most_pairs), n_pairs]]
    scale = np.sqrt(np.square(lines).mean(axis=1, keepdims=True))
    moving = scale[:, 0] > 0
    scaled: NDArray[np.float64] = lines[moving] / scale[moving]
    return scaled


def _kriging_of(game: Game) -> KrigingParameters:
    return game.kriging or FALLBACK_PARAMETERS


# --- sparse -----------------------------------------------------------------------------------------------------------


def _fit_sparse(pilots: list[_Pilot], first_passes: list[KrigingEstimator]) -> SparseParameters:
    samples = []
    for pilot, first_pass in zip(pilots, first_passes, strict=True):
        lines = _lines(pilot, SPARSE_PILOT_PAIRS)
        whole = _lines(pilot, pilot.design.n_pairs)
        if len(lines):
            samples.append((pilot.design.first(SPARSE_PILOT_PAIRS), lines, whole @ first_pass.weights))
    if not samples:
        return FALLBACK_SPARSE_PARAMETERS

    def score(parameters: SparseParameters) -> float:
        return float(np.mean([sparse_score(*sample, parameters) for sample in samples]))

    return min(SPARSE_GRID, key=score)


def _weigh(
    pilots: list[_Pilot], first_passes: list[KrigingEstimator], game: Game, model_row_seconds: float
) -> Costs:
    """Time sparse on the pilot rows and compare its error bars with those of kriging."""
    ratios, seconds = [], []
    for pilot, first_pass in zip(pilots, first_passes, strict=True):
        block = empty_block(game.n_outputs, _TIMED_COPIES, pilot.design.n_pairs)
        block[:, :_TIMED_COPIES] = pilot.values[:, None]     # a block has a cost of its own, shared by its rows
        sparse = SparseEstimator.of(pilot.design, game.sparse or FALLBACK_SPARSE_PARAMETERS, first_pass)
        shared = _norm(first_pass.estimate(block).standard_errors[:, 0])
        start = perf_counter()
        own = _norm(sparse.estimate(block).standard_errors[:, 0])
        seconds.append((perf_counter() - start) / _TIMED_COPIES)
        if shared > 0:
            ratios.append(own / ERROR_INFLATION / shared)
    if not ratios:
        ratios = [1.0]
    calls = median(pilot.design.n_pairs * game.rows_per_pair(pilot.design) for pilot in pilots)
    return Costs(model_row_seconds, median(seconds), median(ratios), int(calls), game.budget.is_given)


def _norm(errors: NDArray[np.float64]) -> float:
    return float(np.linalg.norm(errors))
