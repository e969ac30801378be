"""Counts by facet, label, predicted label and stratum: all that the bias metrics ever see of a dataset."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from clarify.errors import DataError, Problem
from clarify.results import FacetCounts, FlipCounts, GroupCounts, Reason

FACET_A, FACET_D, UNKNOWN = 0, 1, 2
NEGATIVE, POSITIVE = 0, 1


@dataclass(frozen=True)
class FlipFailure:
    """Why the flip test could not be run: our reason, and the text AWS's library prints in its place."""

    reason: Reason
    aws_error: str


@dataclass(frozen=True, eq=False)
class FoldedTable:
    """A contingency table with its unknowns settled, in the shape the formulas read.

    ``a``, ``d``: counts of the two facets; ``everyone``: counts over all rows, whatever their facet (the
    generalised entropy does not read the facet). ``label_strata`` and ``predicted_strata`` have shape
    (n_strata, 2 facets a and d, 2 classes negative and positive) and are empty when no group variable was given.
    """

    a: GroupCounts
    d: GroupCounts
    everyone: GroupCounts
    label_strata: NDArray[np.int64]
    predicted_strata: NDArray[np.int64]
    has_strata: bool
    flips: FlipCounts | FlipFailure | None = None

    def with_flips(self, flips: FlipCounts | FlipFailure | None) -> FoldedTable:
        return replace(self, flips=flips)


@dataclass(frozen=True, eq=False)
class ContingencyTable:
    """Rows counted by facet (a, d, unknown), label and predicted label (0, 1, unknown) and stratum.

    Parameters
    ----------
    counts : int64, shape (3, 3, 3, n_strata), n_strata >= 1
        Rows. Without a group variable there is one stratum. With one (``has_strata``), the LAST stratum holds
        the rows whose stratum is unknown; the conditional metrics leave those out, as AWS's library does.
    has_predictions : bool
        False: every row lies at predicted label "unknown".
    has_strata : bool
        Whether a group variable was given.
    strata_names : tuple of str
        Names of the strata but the unknown one, when the caller has them.

    Raises
    ------
    DataError
        If the shape is another one or a count is negative.
    """

    counts: NDArray[np.int64]
    has_predictions: bool = False
    has_strata: bool = False
    strata_names: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        counts = np.array(self.counts, dtype=np.int64)
        if counts.ndim != 4 or counts.shape[:3] != (3, 3, 3) or counts.shape[3] < 1 or (counts < 0).any():
            raise DataError(
                Problem(
                    "DATA-TABLE-SHAPE",
                    "counts",
                    f"shape {counts.shape}, smallest count {counts.min(initial=0)}",
                    "shape (3, 3, 3, n_strata) with n_strata >= 1 and no negative count",
                    "count rows by facet (a, d, unknown), label and predicted label (0, 1, unknown) and stratum",
                )
            )
        counts.setflags(write=False)
        object.__setattr__(self, "counts", counts)

    @classmethod
    def from_confusion(cls, *, a: Sequence[int], d: Sequence[int]) -> ContingencyTable:
        """Table of known labels and predictions; each facet as (TP, FP, FN, TN)."""
        counts = np.zeros((3, 3, 3, 1), dtype=np.int64)
        for facet, (tp, fp, fn, tn) in ((FACET_A, a), (FACET_D, d)):
            counts[facet, :2, :2, 0] = [[tn, fp], [fn, tp]]
        return cls(counts, has_predictions=True)

    @classmethod
    def from_labels(cls, *, a: Sequence[int], d: Sequence[int]) -> ContingencyTable:
        """Table of known labels without predictions; each facet as (positives, negatives)."""
        counts = np.zeros((3, 3, 3, 1), dtype=np.int64)
        for facet, (positives, negatives) in ((FACET_A, a), (FACET_D, d)):
            counts[facet, :2, UNKNOWN, 0] = [negatives, positives]
        return cls(counts)

    @classmethod
    def from_label_strata(cls, *, a: ArrayLike, d: ArrayLike) -> ContingencyTable:
        """Table of known labels by stratum; each facet as rows of (positives, negatives); no stratum is unknown."""
        by_facet = np.array([a, d], dtype=np.int64)
        counts = np.zeros((3, 3, 3, by_facet.shape[1] + 1), dtype=np.int64)
        counts[:2, :2, UNKNOWN, :-1] = by_facet[:, :, ::-1].transpose(0, 2, 1)
        return cls(counts, has_strata=True)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, ContingencyTable):
            return NotImplemented
        return self._kind == other._kind and np.array_equal(self.counts, other.counts)

    __hash__ = None  # type: ignore[assignment]

    def __add__(self, other: ContingencyTable) -> ContingencyTable:
        return self.merge(other)

    def merge(self, other: ContingencyTable) -> ContingencyTable:
        """The table of both sets of rows; that stratum i means the same in both is the caller's promise.

        Raises
        ------
        DataError
            If the tables differ in shape or in what they hold.
        """
        if self._kind != other._kind:
            raise DataError(
                Problem(
                    "DATA-TABLE-MISMATCH",
                    "counts",
                    f"(shape, has_predictions, has_strata) = {other._kind}",
                    str(self._kind),
                    "align the strata of the tables before adding them",
                )
            )
        return replace(self, counts=self.counts + other.counts)

    @property
    def _kind(self) -> tuple[tuple[int, ...], bool, bool]:
        return self.counts.shape, self.has_predictions, self.has_strata

    @property
    def n_strata(self) -> int:
        """Strata of the group variable; rows without a stratum and tables without a group variable add none."""
        return self.counts.shape[3] - 1 if self.has_strata else 0

    @property
    def rows(self) -> int:
        return int(self.counts.sum())

    def facet_counts(self) -> FacetCounts:
        """Counts of facet a, facet d and the rows whose facet is unknown, nothing guessed."""
        a, d, unknown = (_group_counts(cells) for cells in self.counts.sum(axis=3))
        return FacetCounts(a, d, unknown)

    def as_aws(self) -> FoldedTable:
        """Fold the unknowns as AWS's library does.

        A null facet counts as facet a; a null label and a null predicted label count as negative.
        """
        return _fold(_unknown_into_first(self.counts), self.has_strata)

    def known(self) -> FoldedTable:
        """Leave the unknowns out: each metric reads the rows whose every coordinate it needs is known.

        A row without a label still counts in DPPL, a row without a prediction in DPL; neither counts in RD.
        """
        return _fold(self.counts, self.has_strata)


def _group_counts(cells: NDArray[np.int64]) -> GroupCounts:
    """Counts of one group from its (3 labels, 3 predicted labels) cells."""
    labels, predictions = cells.sum(axis=1), cells.sum(axis=0)
    return GroupCounts(
        rows=int(cells.sum()),
        positive_labels=int(labels[POSITIVE]),
        negative_labels=int(labels[NEGATIVE]),
        unknown_labels=int(labels[UNKNOWN]),
        positive_predictions=int(predictions[POSITIVE]),
        negative_predictions=int(predictions[NEGATIVE]),
        unknown_predictions=int(predictions[UNKNOWN]),
        true_positives=int(cells[POSITIVE, POSITIVE]),
        false_positives=int(cells[NEGATIVE, POSITIVE]),
        false_negatives=int(cells[POSITIVE, NEGATIVE]),
        true_negatives=int(cells[NEGATIVE, NEGATIVE]),
    )


def _unknown_into_first(counts: NDArray[np.int64]) -> NDArray[np.int64]:
    """Move the unknown of facet, label and predicted label into index 0: facet a, negative, negative."""
    folded = counts.copy()
    for axis in range(3):
        view = np.moveaxis(folded, axis, 0)
        view[0] += view[UNKNOWN]
        view[UNKNOWN] = 0
    return folded


def _fold(counts: NDArray[np.int64], has_strata: bool) -> FoldedTable:
    cells = counts.sum(axis=3)
    strata = counts[..., :-1] if has_strata else counts[..., :0]
    return FoldedTable(
        a=_group_counts(cells[FACET_A]),
        d=_group_counts(cells[FACET_D]),
        everyone=_group_counts(cells.sum(axis=0)),
        label_strata=strata[:2, :2].sum(axis=2).transpose(2, 0, 1),
        predicted_strata=strata[:2, :, :2].sum(axis=1).transpose(2, 0, 1),
        has_strata=has_strata,
    )
