"""Two models on the same rows, or on other rows: what a metric's difference, challenger minus champion, may be."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from types import MappingProxyType
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline
from scipy.special import betaincinv, ndtr, ndtri

from clarify.bias.catalog import BY_NAME
from clarify.bias.closed_form import StratifiedDisparity
from clarify.bias.contingency import FACET_A, FACET_D, NEGATIVE, POSITIVE, UNKNOWN, ContingencyTable, FoldedTable
from clarify.bias.intervals import LatticeValues
from clarify.bias.lattice import N_POINTS, PRIOR, Values
from clarify.bias.reading import HONEST
from clarify.errors import DataError, Problem, UndefinedMetricError
from clarify.results import GroupCounts, Reason

Run = Literal["champion", "challenger"]
Mask = NDArray[np.bool_]
Counts = NDArray[np.int64]

PRIOR_OF_PAIRS: Final = PRIOR             # in every joint cell that two ratios read


@dataclass(frozen=True, eq=False)
class JointTable:
    """Rows counted by facet, label, both models' decisions and stratum; 2 is unknown on each of the first four axes.

    Parameters
    ----------
    counts : int64, shape (3 facets a, d, unknown, 3 labels, 3 champion's, 3 challenger's decisions, n_strata >= 1)
        Rows. With strata the last one holds the rows whose stratum is unknown.
    has_strata : bool
        Whether both runs had a group variable, the same one.

    Raises
    ------
    DataError
        DATA-TABLE-SHAPE, for another shape or a negative count.
    """

    counts: Counts
    has_strata: bool = False

    def __post_init__(self) -> None:
        counts = np.array(self.counts, dtype=np.int64)
        if counts.ndim != 5 or counts.shape[:4] != (3, 3, 3, 3) or counts.shape[4] < 1 or (counts < 0).any():
            raise DataError(
                Problem("DATA-TABLE-SHAPE", "counts", f"shape {counts.shape}", "(3, 3, 3, 3, n_strata), none negative",
                        "count rows by facet, label, decision of the champion, decision of the challenger and stratum")
            )
        counts.setflags(write=False)
        object.__setattr__(self, "counts", counts)

    @cached_property
    def decided(self) -> Counts:
        """Rows that both models decided; shape (3 facets, 3 labels, 2 champion, 2 challenger, n_strata)."""
        both: Counts = self.counts[:, :, :UNKNOWN, :UNKNOWN]
        return both

    def of(self, run: Run) -> ContingencyTable:
        """One run's own table of the rows that both decided."""
        own = self.decided.sum(axis=3 if run == "champion" else 2)
        counts = np.zeros((3, 3, 3, self.counts.shape[4]), dtype=np.int64)
        counts[:, :, :UNKNOWN] = own
        return ContingencyTable(counts, has_predictions=True, has_strata=self.has_strata)

    def sides(self) -> tuple[Counts, Counts]:
        """Cells of facet a and facet d; shape (3 labels, 2 champion, 2 challenger)."""
        cells = self.decided.sum(axis=4)
        return cells[FACET_A], cells[FACET_D]


@dataclass(frozen=True, eq=False)
class Difference:
    """A metric of both models and what the counts allow challenger minus champion to be; None where undefined."""

    champion: float | None
    challenger: float | None
    plausible: LatticeValues | None
    undefined_champion: Reason | None = None
    undefined_challenger: Reason | None = None

    @property
    def value(self) -> float | None:
        if self.champion is None or self.challenger is None:
            return None
        return self.challenger - self.champion


@dataclass(frozen=True, eq=False)
class _Rate:
    """Rows of a kind per rows of another kind: which (label, decision) are counted above and below the line.

    ``top``, ``bottom``: shape (3 labels 0, 1, unknown, 2 decisions). ``sign``: 1 for facet a minus d, -1 for d minus
    a; ``is_ratio``: d over a.
    """

    top: Mask
    bottom: Mask
    sign: int = 1
    is_ratio: bool = False

    @property
    def has_fixed_rows(self) -> bool:
        """Whether the rows below the line are the same whatever a model decides."""
        return bool((self.bottom[:, 0] == self.bottom[:, 1]).all())

    def combine(self, of_a: Values, of_d: Values) -> Values:
        found: Values = of_d / of_a if self.is_ratio else self.sign * (of_a - of_d)
        return found


def _mask(*cells: tuple[int, int]) -> Mask:
    mask = np.zeros((3, 2), dtype=bool)
    for label, decision in cells:
        mask[label, decision] = True
    return mask


_TP, _FP = (POSITIVE, POSITIVE), (NEGATIVE, POSITIVE)
_FN, _TN = (POSITIVE, NEGATIVE), (NEGATIVE, NEGATIVE)
_ALL: Final = np.ones((3, 2), dtype=bool)
_DECIDED_POSITIVE: Final = _mask(_TP, _FP, (UNKNOWN, POSITIVE))
_CORRECT: Final = _Rate(_mask(_TP, _TN), _mask(_TP, _FP, _FN, _TN))

_RATES: Final[Mapping[str, _Rate]] = MappingProxyType({
    "DPPL": _Rate(_DECIDED_POSITIVE, _ALL),
    "DI": _Rate(_DECIDED_POSITIVE, _ALL, is_ratio=True),
    "RD": _Rate(_mask(_TP), _mask(_TP, _FN)),
    "SD": _Rate(_mask(_TN), _mask(_TN, _FP), sign=-1),
    "AD": _CORRECT,
    "DAR": _Rate(_mask(_TP), _mask(_TP, _FP)),
    "DRR": _Rate(_mask(_TN), _mask(_TN, _FN), sign=-1),
    "DCA": _Rate(_mask(_TP, _FN), _mask(_TP, _FP)),
    "DCR": _Rate(_mask(_TN, _FP), _mask(_TN, _FN), sign=-1),
    "TE": _Rate(_mask(_FN), _mask(_FP), sign=-1),
})

COMPARED: Final = (*_RATES, "CDDPL")
"""Metrics whose difference between two models is computed; the others have a reason."""

SHARES: Final = frozenset(("DPPL", "RD", "SD", "AD", "DAR", "DRR", "CDDPL"))
"""Those of them that are differences of shares, from -1 to 1."""


def paired_difference(name: str, table: JointTable) -> Difference:
    """A metric of two models on the same rows: what both decide alike carries no noise of the difference.

    Parameters
    ----------
    name : str
        One of ``COMPARED``.
    table : JointTable
        Rows that either model left undecided are left out, from both values too.

    Notes
    -----
    DPPL, RD, SD and AD divide by the same rows for both models, so that the change of a facet's share is
    (gained - lost) / rows: a Jeffreys Dirichlet over the three cells gained, lost, unchanged, as the flip test. DI,
    DAR, DRR, DCA, DCR and TE: a Dirichlet over the joint cells that their two ratios read. CDDPL: MOVER with the
    correlation of both estimates [1]_. Measured coverage at 95 %, n_d 20 to 500, models that differ in 1 to 30 of
    100 rows: see ``tests/properties/test_paired_coverage.py``.

    References
    ----------
    .. [1] G. Y. Zou, A. Donner, "Construction of confidence limits about effect measures", Statistics in Medicine 27,
       2008.
    """
    champion, challenger = table.of("champion").known(), table.of("challenger").known()
    found = _both(name, champion, challenger)
    if found.value is None:
        return found
    if name == "CDDPL":
        values = _moved(champion, challenger, _correlation(table))
    elif _RATES[name].has_fixed_rows and not _RATES[name].is_ratio:
        values = _RATES[name].sign * _change(_RATES[name], table.sides())
    else:
        values = _paired_ratios(_RATES[name], table.sides())
    return _with(found, values)


def unpaired_difference(name: str, champion: FoldedTable, challenger: FoldedTable) -> Difference:
    """A metric of two models on rows of their own, or on rows that cannot be matched: both tables are independent."""
    found = _both(name, champion, challenger)
    if found.value is None:
        return found
    if name == "CDDPL":
        return _with(found, _moved(champion, challenger, 0.0))
    rate = _RATES[name]
    before, after = _independent(rate, [champion.a, champion.d, challenger.a, challenger.d])
    return _with(found, after - before)


def paired_accuracy(cells: Counts) -> Difference:
    """Share of right decisions of two models on the same rows; cells (3 labels, 2 champion, 2 challenger)."""
    rows = [_decisions_of(cells, run) for run in (0, 1)]
    if not rows[0][_CORRECT.bottom].sum():
        return Difference(None, None, None, Reason.NO_ROWS, Reason.NO_ROWS)
    champion, challenger = (_share(_CORRECT, own) for own in rows)
    return _with(Difference(champion, challenger, None), _change(_CORRECT, (cells,)))


def unpaired_accuracy(champion: GroupCounts, challenger: GroupCounts) -> Difference:
    """The same for rows that cannot be matched."""
    tables = [_table_of(champion), _table_of(challenger)]
    shares = [_share(_CORRECT, own) if own[_CORRECT.bottom].sum() else None for own in tables]
    reasons = [Reason.NO_ROWS if share is None else None for share in shares]
    found = Difference(shares[0], shares[1], None, reasons[0], reasons[1])
    if found.value is None:
        return found
    (before,), (after,) = _rates_of(_CORRECT, tables[:1], 0, 2), _rates_of(_CORRECT, tables[1:], 1, 2)
    return _with(found, after - before)


def gained_and_lost(cells: Counts) -> tuple[int, int]:
    """Rows that only the challenger decides rightly, and rows that only the champion does."""
    gained, lost, _ = _changes(_CORRECT, cells)
    return gained, lost


def _both(name: str, champion: FoldedTable, challenger: FoldedTable) -> Difference:
    (before, why_before), (after, why_after) = _value(name, champion), _value(name, challenger)
    return Difference(before, after, None, why_before, why_after)


def _value(name: str, table: FoldedTable) -> tuple[float | None, Reason | None]:
    try:
        return float(BY_NAME[name].formula(table, HONEST)), None
    except UndefinedMetricError as undefined:
        return None, Reason(undefined.reason)


def _with(found: Difference, values: Values) -> Difference:
    ordered = np.sort(values)
    ordered.setflags(write=False)
    return Difference(found.champion, found.challenger, LatticeValues(ordered, found.value))


# --- rates on the lattice ---------------------------------------------------------------------------------------------


def _change(rate: _Rate, sides: Sequence[Counts]) -> Values:
    """Change of a share whose rows are fixed, challenger minus champion; of two sides, the first minus the second."""
    changes: list[Values] = []
    for side, cells in enumerate(sides):
        gained, lost, unchanged = _changes(rate, cells)
        up, down, _ = _shares((gained, lost, unchanged), PRIOR, 2 * side, 2 * len(sides))
        changes.append(up - down)
    return changes[0] if len(changes) == 1 else changes[0] - changes[1]


def _changes(rate: _Rate, cells: Counts) -> tuple[int, int, int]:
    """Rows that count above the line for the challenger only, for the champion only, and for both or neither."""
    before, after = rate.top[:, :, None], rate.top[:, None, :]
    counted = np.where(rate.bottom[:, :1, None], cells, 0)
    gained, lost = int(counted[~before & after].sum()), int(counted[before & ~after].sum())
    return gained, lost, int(counted.sum()) - gained - lost


def _paired_ratios(rate: _Rate, sides: tuple[Counts, Counts]) -> Values:
    """The metric of the challenger minus that of the champion, from joint cells."""
    kinds = np.stack(np.broadcast_arrays(
        rate.top[:, :, None], rate.bottom[:, :, None], rate.top[:, None, :], rate.bottom[:, None, :]
    ))  # (4, 3 labels, 2, 2): does a cell count above, below for the champion; above, below for the challenger
    patterns = _patterns(kinds)
    columns = 2 * (len(patterns) - 1)
    rates = []
    for side, cells in enumerate(sides):
        counts = [int(cells[(kinds == pattern[:, None, None, None]).all(axis=0)].sum()) for pattern in patterns]
        shares = _shares(counts, PRIOR_OF_PAIRS, side * (len(counts) - 1), columns)
        above, below, above_again, below_again = patterns.T.astype(float) @ shares
        rates.append((above / below, above_again / below_again))
    (a_before, a_after), (d_before, d_after) = rates
    return rate.combine(a_after, d_after) - rate.combine(a_before, d_before)


def _independent(rate: _Rate, groups: Sequence[GroupCounts]) -> tuple[Values, Values]:
    """The metric of two runs whose rows differ; groups: facet a and d of the first, then of the second."""
    tables = [_table_of(group) for group in groups]
    before = _rates_of(rate, tables[:2], 0, 4)
    after = _rates_of(rate, tables[2:], 2, 4)
    return rate.combine(*before), rate.combine(*after)


def _rates_of(rate: _Rate, tables: Sequence[Counts], first: int, n_tables: int) -> tuple[Values, ...]:
    """The rate of each table, shape (3 labels, 2 decisions), a Jeffreys Dirichlet over what it reads."""
    kinds = np.stack([rate.top, rate.bottom])
    patterns = _patterns(kinds)
    width = len(patterns) - 1
    rates = []
    for position, table in enumerate(tables):
        counts = [int(table[(kinds == pattern[:, None, None]).all(axis=0)].sum()) for pattern in patterns]
        shares = _shares(counts, PRIOR, (first + position) * width, n_tables * width)
        above, below = patterns.T.astype(float) @ shares
        rates.append(above / below)
    return tuple(rates)


def _patterns(kinds: Mask) -> Mask:
    """The different columns of membership, shape (n, len(kinds)), without the cells that nothing reads."""
    different = np.unique(kinds.reshape(len(kinds), -1).T, axis=0)
    read: Mask = different[different.any(axis=1)][::-1]
    return read


def _table_of(group: GroupCounts) -> Counts:
    """Counts by label (0, 1, unknown) and decision; shape (3, 2)."""
    unlabelled_positive = group.positive_predictions - group.true_positives - group.false_positives
    unlabelled_negative = group.negative_predictions - group.true_negatives - group.false_negatives
    return np.array([
        [group.true_negatives, group.false_positives],
        [group.false_negatives, group.true_positives],
        [unlabelled_negative, unlabelled_positive],
    ], dtype=np.int64)


def _decisions_of(cells: Counts, run: int) -> Counts:
    own: Counts = cells.sum(axis=2 - run)
    return own


def _share(rate: _Rate, table: Counts) -> float:
    return float(table[rate.top].sum() / table[rate.bottom].sum())


# --- one more lattice: as many columns as joint cells need ------------------------------------------------------------

_KNOTS: Final = np.linspace(-6.0, 6.0, 97)
_KNOTS_LOW: Final = ndtr(_KNOTS)
_KNOTS_HIGH: Final = ndtr(-_KNOTS)
# A cubic spline is linear in the values at its knots: shape (4 powers, 96 pieces, 97 knots), the cubes first.
_SPLINE: Final = CubicSpline(_KNOTS, np.eye(len(_KNOTS))).c


@lru_cache(maxsize=8)
def normal_points(columns: int) -> Values:
    """Normal quantiles of a lattice in (0, 1), shape (columns, N_POINTS): multiples of powers of 1/g, g^(c+1) = g + 1.

    With four columns it is the lattice of :mod:`clarify.bias.lattice`.
    """
    g = 1.2
    for _ in range(200):                  # a contraction; its fixed point is the one positive root
        g = (g + 1.0) ** (1.0 / (columns + 1))
    steps = np.array([g**-power for power in range(1, columns + 1)])
    points: Values = ndtri(np.modf(0.5 + steps[:, None] * np.arange(1, N_POINTS + 1))[0])
    points.setflags(write=False)
    return points


@lru_cache(maxsize=48)
def _abscissae(columns: int, column: int) -> tuple[NDArray[np.intp], Values]:
    """Knot interval and offset into it of every normal quantile of one column."""
    z = normal_points(columns)[column]
    knot = np.clip(np.searchsorted(_KNOTS, z, side="right") - 1, 0, len(_KNOTS) - 2)
    return knot, z - _KNOTS[knot]


def _shares(counts: Sequence[int], prior: float, first: int, columns: int) -> Values:
    """A Dirichlet over cells by stick breaking on lattice columns from ``first``; shape (len(counts), N_POINTS)."""
    weights = np.array(counts, dtype=float) + prior
    left = np.ones(N_POINTS)
    shares = []
    for cell in range(len(weights) - 1):
        share = _proportion(float(weights[cell]), float(weights[cell + 1 :].sum()), columns, first + cell)
        shares.append(left * share)
        left = left * (1.0 - share)
    return np.stack([*shares, left])


@lru_cache(maxsize=64)
def _proportion(alpha: float, beta: float, columns: int, column: int) -> Values:
    """Beta(alpha, beta) at the points of one column; its logits are a spline, exact to 1e-6 in both tails."""
    at_knots = np.log(betaincinv(alpha, beta, _KNOTS_LOW)) - np.log(betaincinv(beta, alpha, _KNOTS_HIGH))
    coefficients = np.einsum("pik,k->pi", _SPLINE, at_knots)
    knot, offset = _abscissae(columns, column)
    logits = coefficients[0].take(knot)
    for power in (1, 2, 3):
        logits *= offset
        logits += coefficients[power].take(knot)
    share: Values = 1.0 / (1.0 + np.exp(-logits))
    share.setflags(write=False)
    return share


# --- the conditional disparity ----------------------------------------------------------------------------------------

_Z: Final = np.linspace(0.0, 5.0, 81)[1:]      # the largest normal quantile of 32,768 midpoints is 4.2


def _moved(champion: FoldedTable, challenger: FoldedTable, correlation: float) -> Values:
    """MOVER of the difference of two conditional disparities, as values at evenly spaced quantiles."""
    before, after = (_disparity(table) for table in (champion, challenger))
    old, new = before.estimate, after.estimate
    low, high = [], []
    for z in _Z.tolist():
        (old_low, old_high), (new_low, new_high) = before.limits(z), after.limits(z)
        low.append(new - old - _distance(new - new_low, old_high - old, correlation))
        high.append(new - old + _distance(new_high - new, old - old_low, correlation))
    z_of = np.concatenate([-_Z[::-1], [0.0], _Z])
    curve = np.maximum.accumulate(np.concatenate([low[::-1], [new - old], high]))
    values: Values = np.interp(ndtri((np.arange(N_POINTS) + 0.5) / N_POINTS), z_of, curve)
    return values


def _distance(own: float, other: float, correlation: float) -> float:
    return math.sqrt(max(own * own + other * other - 2 * correlation * own * other, 0.0))


def _disparity(table: FoldedTable) -> StratifiedDisparity:
    strata = table.predicted_strata
    return StratifiedDisparity(strata[strata.sum(axis=(1, 2)) > 0])


def _correlation(table: JointTable) -> float:
    """Of two models' conditional disparities on the same rows, from each row's influence on both.

    Half a row of every facet is counted as gained and half a row as lost, spread over the strata as the facet is:
    without them, models that never disagree would be known to agree everywhere.
    """
    cells = table.decided[:UNKNOWN, ..., :-1].sum(axis=1).astype(float)     # (2 facets, champion, challenger, strata)
    rows = cells.sum(axis=(1, 2), keepdims=True)
    spread = rows / np.maximum(rows.sum(axis=3, keepdims=True), 1.0)
    cells = cells + PRIOR * spread * np.array([[0.0, 1.0], [1.0, 0.0]])[None, :, :, None]
    before = _influence(cells.sum(axis=2))[:, :, None, :]
    after = _influence(cells.sum(axis=1))[:, None, :, :]
    covariance = float((cells * before * after).sum())
    spread_of_both = float((cells * before**2).sum()) * float((cells * after**2).sum())
    return min(max(covariance / math.sqrt(spread_of_both), -1.0), 1.0) if spread_of_both > 0 else 0.0


def _influence(cells: NDArray[np.float64]) -> NDArray[np.float64]:
    """What one row more adds to the disparity, times rows; cells and result (2 facets a and d, 2 decisions, strata)."""
    by_decision = cells.sum(axis=0)
    rows = by_decision.sum(axis=0)
    share_d = np.divide(cells[FACET_D], by_decision, out=np.zeros_like(by_decision), where=by_decision > 0)
    disparity = share_d[NEGATIVE] - share_d[POSITIVE]
    estimate = float((rows * disparity).sum() / rows.sum()) if rows.sum() else 0.0
    scale = np.divide(rows, by_decision, out=np.zeros_like(by_decision), where=by_decision > 0)
    is_d = np.array([0.0, 1.0])[:, None, None]
    direction = np.array([1.0, -1.0])[None, :, None]                        # negative decisions count upwards
    influence: NDArray[np.float64] = direction * scale * (is_d - share_d) + (disparity - estimate)
    return influence


__all__ = [
    "COMPARED", "SHARES", "Difference", "JointTable", "gained_and_lost", "normal_points", "paired_accuracy",
    "paired_difference", "unpaired_accuracy", "unpaired_difference",
]  # fmt: skip
