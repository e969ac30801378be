"""Quality of the model in one table of rows, overall and by group: what the service's statistics hold, and more."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from clarify.drift.quality_metrics import (
    BinaryCounts,
    Curves,
    Measured,
    ScoreCounts,
    area_under_curve,
    binary_metrics,
    confusion_matrix,
    curves_of,
    multiclass_metrics,
    regression_metrics,
)
from clarify.results import Notice

ProblemType = Literal["Regression", "BinaryClassification", "MulticlassClassification"]

FEWEST_FOR_DEVIATION: Final = 200
N_DRAWS: Final = 5
DRAWN_SHARE: Final = 0.8


@dataclass(frozen=True, eq=False)
class RowGroup:
    """One group of a facet, such as ``sex=2`` or ``sex=rest``; ``members`` of shape (rows,)."""

    name: str
    members: NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class ScoredRows:
    """Labels beside predictions; rows in which either is unknown are left out and counted.

    Attributes
    ----------
    label, predicted : shape (rows,)
        Codes into ``classes``, or numbers for a regression. Of two classes the second one is positive.
    score : shape (rows,), optional
        Finite score of the positive class.
    """

    problem_type: ProblemType
    label: NDArray[np.int64] | NDArray[np.float64]
    predicted: NDArray[np.int64] | NDArray[np.float64]
    score: NDArray[np.float64] | None = None
    classes: tuple[str, ...] = ()
    groups: tuple[RowGroup, ...] = ()
    left_out: int = 0
    notices: tuple[Notice, ...] = ()

    @property
    def rows(self) -> int:
        return len(self.label)

    def among(self, members: NDArray[np.bool_]) -> ScoredRows:
        """The rows of one group."""
        score = None if self.score is None else self.score[members]
        return ScoredRows(self.problem_type, self.label[members], self.predicted[members], score, self.classes)


@dataclass(frozen=True)
class GroupQuality:
    """All metrics of one group; the name is empty for all rows together."""

    group: str
    rows: int
    metrics: tuple[Measured, ...]


@dataclass(frozen=True)
class QualityStatistics:
    """What was measured in one window: what ``statistics.json`` and the judgement are made of."""

    problem_type: ProblemType
    groups: tuple[GroupQuality, ...]               # the first one is all rows together
    deviations: Mapping[str, float] = field(default_factory=dict)
    confusion: tuple[tuple[int, ...], ...] = ()
    classes: tuple[str, ...] = ()
    curves: Curves | None = None
    notices: tuple[Notice, ...] = ()

    @property
    def overall(self) -> GroupQuality:
        return self.groups[0]


# --- measuring --------------------------------------------------------------------------------------------------------


def measure_quality(rows: ScoredRows) -> QualityStatistics:
    """Every metric, overall and by group. Deviations: of five draws of 80 % of the rows, from 200 rows on.

    The draws are fixed by the rows' numbers, so the same file gives the same deviations. They are AWS's figure and
    no standard error: draws that overlap so much differ by about half of it.
    """
    overall = GroupQuality("", rows.rows, _metrics(rows))
    groups = tuple(
        GroupQuality(group.name, int(group.members.sum()), _metrics(rows.among(group.members)))
        for group in rows.groups
    )
    matrix = _matrix(rows)
    curves = None if rows.score is None else curves_of(_score_counts(rows))
    return QualityStatistics(
        rows.problem_type, (overall, *groups), _deviations(rows), matrix, rows.classes, curves,
        (*rows.notices, *_left_out(rows)),
    )  # fmt: skip


def _metrics(rows: ScoredRows) -> tuple[Measured, ...]:
    if rows.problem_type == "Regression":
        return regression_metrics(rows.label.astype(np.float64), rows.predicted.astype(np.float64))
    label, predicted = rows.label.astype(np.int64), rows.predicted.astype(np.int64)
    if rows.problem_type == "MulticlassClassification":
        return multiclass_metrics(confusion_matrix(label, predicted, len(rows.classes)))
    found = binary_metrics(BinaryCounts.of(label, predicted))
    if rows.score is None:
        return found
    before = next(i for i, measured in enumerate(found) if measured.metric == "f0_5")       # the service's order
    return (*found[:before], area_under_curve(_score_counts(rows)), *found[before:])


def _score_counts(rows: ScoredRows) -> ScoreCounts:
    score = np.zeros(rows.rows) if rows.score is None else rows.score
    return ScoreCounts.of(rows.label.astype(np.int64), score)


def _matrix(rows: ScoredRows) -> tuple[tuple[int, ...], ...]:
    if rows.problem_type == "Regression":
        return ()
    matrix = confusion_matrix(rows.label.astype(np.int64), rows.predicted.astype(np.int64), len(rows.classes))
    return tuple(tuple(map(int, row)) for row in matrix)


def _deviations(rows: ScoredRows) -> dict[str, float]:
    if rows.rows < FEWEST_FOR_DEVIATION:
        return {}
    draws = [_metrics(rows.among(drawn(rows.rows, number))) for number in range(N_DRAWS)]
    found = {}
    for same in zip(*draws, strict=True):
        values = [measured.value for measured in same if measured.value is not None]
        if len(values) == N_DRAWS:
            found[same[0].metric] = float(np.std(values, ddof=1))
    return found


def drawn(rows: int, number: int) -> NDArray[np.bool_]:
    """Which rows the draw of this number takes: 80 % of them, by a hash of draw and row (splitmix64)."""
    key = np.uint64((number + 1) * 0xD1342543DE82EF95 % 2**64)
    mixed = (np.arange(1, rows + 1, dtype=np.uint64) ^ key) * np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    taken = np.zeros(rows, dtype=bool)
    n_taken = math.floor(DRAWN_SHARE * rows)
    taken[np.argpartition(mixed ^ (mixed >> np.uint64(31)), n_taken - 1)[:n_taken]] = True
    return taken


def _left_out(rows: ScoredRows) -> tuple[Notice, ...]:
    if not rows.left_out:
        return ()
    message = f"{rows.left_out:,} rows without a known label or prediction were left out of the model's quality"
    return (Notice("QUALITY-UNKNOWN-ROWS", "model_quality", message),)
