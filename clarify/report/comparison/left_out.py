"""What a comparison could not compare, put together by its reason."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from clarify.compared import Comparison, MetricDifference, NotCompared
from clarify.report.comparison.words import decision_sentence, why_not
from clarify.report.names import Names
from clarify.report.words import Sentence, named_group, plain, say


@dataclass(frozen=True)
class MissingRow:
    """Metrics without a difference, for one reason; ``is_everywhere``: in all groups."""

    metrics: str
    groups: Sentence
    why: Sentence
    is_everywhere: bool


def left_out(comparison: Comparison, names: Names) -> Iterator[MissingRow]:
    """Metrics without a difference, put together by their reason."""
    found: dict[str, tuple[Sentence, dict[str, None], dict[int, None]]] = {}
    for i, group in enumerate(comparison.groups):
        for metric in group.metrics:
            if metric.not_compared is None:
                continue
            why = _why(metric, comparison.tests)
            _, acronyms, groups = found.setdefault(plain(why), (why, {}, {}))
            acronyms[metric.metric] = None
            groups[i] = None
    for why, acronyms, groups in found.values():
        is_everywhere = len(groups) == len(comparison.groups)
        yield MissingRow(", ".join(acronyms), _which(comparison, list(groups), names), why, is_everywhere)


def _why(metric: MetricDifference, tests: int) -> Sentence:
    """The reason; of a withheld difference the verdict too, which stays."""
    if metric.not_compared is not NotCompared.WITHHELD or metric.verdict is None:
        return why_not(metric)
    return say(why_not(metric), " ", decision_sentence(metric, tests))


def _which(comparison: Comparison, positions: Sequence[int], names: Names) -> Sentence:
    if len(positions) == len(comparison.groups) and len(positions) > 1:
        return say("all groups")
    if len(positions) > 3:
        return say(f"{len(positions)} groups")
    pieces: list[Sentence] = []
    for position in positions:
        group = comparison.groups[position]
        pieces.append(say(", " if pieces else "", named_group(names[group.facet], names[group.value_or_threshold])))
    return say(*pieces)
