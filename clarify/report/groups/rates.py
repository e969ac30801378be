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
    """How one kind of share is counted and said: "3 of 7 rows <among> <are> <state>; 5 of 9 other rows <are>"."""

    heading: str
    among: str
    verb: Verb
    state: str
    of_group: Callable[[GroupCounts], Share]


@dataclass(frozen=True)
class Verb:
    """A verb for one row and for several, and how it is repeated of other rows."""

    one: str
    many: str
    again_one: str
    again_many: str


ARE = Verb("is", "are", "is", "are")
HAVE = Verb("has", "have", "does", "do")


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


_POSITIVE_LABEL = SharePhrase("Share that have a positive label", "", HAVE, "a positive label", _labels)
_PREDICTED_POSITIVE = SharePhrase("Share that are predicted positive", "", ARE, "predicted positive", _predictions)

SHARES: dict[str, SharePhrase] = {
    **dict.fromkeys(("DPL", "KL", "JS", "LP", "TVD", "KS"), _POSITIVE_LABEL),
    **dict.fromkeys(("DPPL", "DI"), _PREDICTED_POSITIVE),
    "RD": SharePhrase(
        "Share that are predicted positive, of those with a positive label",
        "with a positive label", ARE, "predicted positive", _recall,
    ),
    "SD": SharePhrase(
        "Share that are predicted negative, of those with a negative label",
        "with a negative label", ARE, "predicted negative", _specificity,
    ),
    "DAR": SharePhrase(
        "Share that have a positive label, of those predicted positive",
        "predicted positive", HAVE, "a positive label", _precision,
    ),
    "DRR": SharePhrase(
        "Share that have a negative label, of those predicted negative",
        "predicted negative", HAVE, "a negative label", _rejection,
    ),
    "AD": SharePhrase("Share that are predicted correctly", "", ARE, "predicted correctly", _accuracy),
}  # fmt: skip
"""The shares that a metric compares; for a distance between label distributions those of the positive label."""
