"""Which share of each group a metric compares, and how the two shares are said in words."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from clarify.results import GroupCounts


@dataclass(frozen=True)
class Share:
    """``count`` of ``of`` rows."""

    count: int
    of: int

    @property
    def value(self) -> float:
        return self.count / self.of


@dataclass(frozen=True)
class SharePhrase:
    """How one kind of share is counted and said: "3 of 7 rows <among> <is / are> <state>"."""

    heading: str
    among: str
    one: str
    many: str
    again: str
    state: str
    of_group: Callable[[GroupCounts], Share]


def _labels(counts: GroupCounts) -> Share:
    return Share(counts.positive_labels, counts.positive_labels + counts.negative_labels)


def _predictions(counts: GroupCounts) -> Share:
    return Share(counts.positive_predictions, counts.positive_predictions + counts.negative_predictions)


def _recall(counts: GroupCounts) -> Share:
    return Share(counts.true_positives, counts.true_positives + counts.false_negatives)


def _specificity(counts: GroupCounts) -> Share:
    return Share(counts.true_negatives, counts.true_negatives + counts.false_positives)


def _precision(counts: GroupCounts) -> Share:
    return Share(counts.true_positives, counts.true_positives + counts.false_positives)


def _rejection(counts: GroupCounts) -> Share:
    return Share(counts.true_negatives, counts.true_negatives + counts.false_negatives)


def _accuracy(counts: GroupCounts) -> Share:
    correct = counts.true_positives + counts.true_negatives
    return Share(correct, correct + counts.false_positives + counts.false_negatives)


_POSITIVE_LABEL = SharePhrase(
    "Share with a positive label", "", "has", "have", "do", "a positive label", _labels
)
_PREDICTED_POSITIVE = SharePhrase(
    "Share predicted positive", "", "is", "are", "are", "predicted positive", _predictions
)

SHARES: dict[str, SharePhrase] = {
    "DPL": _POSITIVE_LABEL,
    "DPPL": _PREDICTED_POSITIVE,
    "DI": _PREDICTED_POSITIVE,
    "RD": SharePhrase(
        "Share predicted positive, of those with a positive label",
        "with a positive label", "is", "are", "are", "predicted positive", _recall,
    ),
    "SD": SharePhrase(
        "Share predicted negative, of those with a negative label",
        "with a negative label", "is", "are", "are", "predicted negative", _specificity,
    ),
    "DAR": SharePhrase(
        "Share with a positive label, of those predicted positive",
        "predicted positive", "has", "have", "do", "a positive label", _precision,
    ),
    "DRR": SharePhrase(
        "Share with a negative label, of those predicted negative",
        "predicted negative", "has", "have", "do", "a negative label", _rejection,
    ),
    "AD": SharePhrase("Share predicted correctly", "", "is", "are", "are", "predicted correctly", _accuracy),
}  # fmt: skip
