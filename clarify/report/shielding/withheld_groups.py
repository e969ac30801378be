"""Which groups may not be shown so that no small count can be read off a table or worked out from its totals.

The rule, for each facet by itself. All its rows lie in disjoint groups (the listed ones and the rest) and in the rows
whose facet is unknown; reports print counts of a group, of everybody outside it, and of all rows.

1. A count is small from 1 up to the limit, exclusive. A group is small when a cell of it, or of the rows outside it,
   is: label by predicted label, each positive, negative or unknown. Totals of cells are not looked at: where a total
   is small, a cell in it is.
2. A small group alone would be the total minus the others, so the smallest other one with rows is withheld as well.
   Which of the two was small is not told. With both gone, any part of their common cells may be one's or the other's.
3. Rows in no listed group are the total minus the others: where a cell of theirs is small and no group is, the facet
   is withheld. To withhold one group only would tell which rows are few.
4. Rows of an unknown facet are the total minus any group and its outside: where they are small, the facet is withheld.
5. Thresholds on one column nest. Differences of nested groups are counts too: a small one withholds the facet.
6. A group of values that overlaps an earlier one of its facet is withheld.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from clarify.bias.catalog import BY_NAME
from clarify.results import FacetBias, FacetCounts, GroupCounts, StratumCounts

Cells = tuple[int, ...]
Place = tuple[str, str]
"""A facet and one of its groups."""

_ABOVE = re.compile(r"\((\S+), \S+\]")


@dataclass(frozen=True)
class Sides:
    """The disjoint counts of one group, of the rows outside it, and of those whose facet is unknown."""

    facet: str
    group: str
    d: Cells
    a: Cells
    unknown: Cells = ()


def is_small(count: int, below: int) -> bool:
    """Whether a count has to be kept back: 0 says nothing of anybody."""
    return 0 < count < below


def any_small(counts: Iterable[int], below: int) -> bool:
    return any(is_small(count, below) for count in counts)


def cells_of(counts: GroupCounts) -> Cells:
    """All nine disjoint cells, label by predicted label, also those that only a subtraction shows."""
    c = counts
    positive = c.positive_labels - c.true_positives - c.false_negatives
    negative = c.negative_labels - c.false_positives - c.true_negatives
    predicted = c.positive_predictions - c.true_positives - c.false_positives
    refused = c.negative_predictions - c.false_negatives - c.true_negatives
    return (
        c.true_positives, c.false_negatives, positive,
        c.false_positives, c.true_negatives, negative,
        predicted, refused, c.unknown_labels - predicted - refused,
    )  # fmt: skip


def sides_of(found: Iterable[FacetBias]) -> tuple[Sides, ...]:
    """Every group once; counts of both stages side by side."""
    stages: dict[Place, list[FacetCounts]] = {}
    for facet in found:
        stages.setdefault(place_of(facet), []).append(facet.counts)
    return tuple(
        Sides(facet, group, *(_joined(counts, side) for side in ("d", "a", "unknown")))
        for (facet, group), counts in stages.items()
    )


def place_of(facet: FacetBias) -> Place:
    return facet.facet, facet.value_or_threshold


def _joined(counts: Sequence[FacetCounts], side: str) -> Cells:
    return tuple(cell for stage in counts for cell in cells_of(getattr(stage, side)))


def withheld_groups(sides: Iterable[Sides], below: int) -> frozenset[Place]:
    """The groups that no count, metric or interval may be shown of."""
    by_facet: dict[str, dict[str, Sides]] = {}
    for side in sides:
        by_facet.setdefault(side.facet, {})[side.group] = side
    return frozenset(
        (facet, group) for facet, groups in by_facet.items() for group in _withheld_in_facet(groups, below)
    )


def unknown_is_small(sides: Iterable[Sides], facet: str, below: int) -> bool:
    """Whether the rows without a value of the facet may not be counted."""
    return any(any_small(side.unknown, below) for side in sides if side.facet == facet)


def _withheld_in_facet(groups: Mapping[str, Sides], below: int) -> set[str]:
    if any(any_small(side.unknown, below) for side in groups.values()):
        return set(groups)
    if _are_nested(groups):
        return set(groups) if any_small(_between_thresholds(groups), below) else set()
    disjoint = _disjoint(groups)
    small = {group for group in disjoint if any_small((*groups[group].d, *groups[group].a), below)}
    if not small and any_small(_rest(groups, disjoint), below):
        return set(groups)
    if len(small) == 1 and len(disjoint) > 1:
        small.add(_smallest_other(groups, disjoint, small))
    return small | (set(groups) - set(disjoint))


def _rest(groups: Mapping[str, Sides], disjoint: Sequence[str]) -> Cells:
    """Counts of the rows in no listed group: all rows of known facet minus every listed group."""
    first, *others = (groups[group] for group in disjoint)
    return tuple(out - sum(cells) for out, *cells in zip(first.a, *(other.d for other in others), strict=True))


def share_rows(groups: Iterable[str]) -> bool:
    """Whether a row can lie in two of the groups of one facet."""
    different = tuple(dict.fromkeys(groups))
    return sum(_ABOVE.fullmatch(group) is not None for group in different) > 1 or _disjoint(different) != different


def _are_nested(groups: Iterable[str]) -> bool:
    """Whether all of them, and more than one, are rows above a threshold."""
    found = tuple(groups)
    return len(found) > 1 and all(map(_ABOVE.fullmatch, found))


def _between_thresholds(groups: Mapping[str, Sides]) -> Cells:
    """Counts between neighbouring thresholds, above the highest and below the lowest; any other is a sum of these."""
    nested = sorted(groups.values(), key=lambda side: sum(side.d), reverse=True)
    steps = [outer - inner for one, other in pairwise(nested) for outer, inner in zip(one.d, other.d, strict=True)]
    return (*steps, *nested[-1].d, *nested[0].a)


def _disjoint(groups: Iterable[str]) -> tuple[str, ...]:
    """The groups that hold no value of an earlier one; a list of values is written ``a,b``."""
    seen: set[str] = set()
    found = []
    for group in groups:
        values = {group} if _ABOVE.fullmatch(group) else set(group.split(","))
        if not seen & values:
            found.append(group)
        seen |= values
    return tuple(found)


def _smallest_other(groups: Mapping[str, Sides], disjoint: Sequence[str], small: set[str]) -> str:
    """The smallest that has rows, for an empty one hides nothing; the configuration's order decides between equals."""
    others = [group for group in disjoint if group not in small]
    return min(others, key=lambda group: (sum(groups[group].d) == 0, sum(groups[group].d)))


def has_small_stratum(facet: FacetBias, below: int) -> bool:
    """Whether a cell behind the conditional metrics is small."""
    return any(any_small(_cells_of_stratum(stratum), below) for stratum in facet.strata or ())


def _cells_of_stratum(stratum: StratumCounts) -> Cells:
    return stratum.positive_a, stratum.negative_a, stratum.positive_d, stratum.negative_d


@dataclass(frozen=True)
class Withheld:
    """What has to stay back: groups of the main tables, facets whose unknown rows are few, conditional metrics."""

    below: int
    groups: frozenset[Place]
    unknown: frozenset[str]
    conditional: frozenset[str]

    @property
    def facets(self) -> frozenset[str]:
        return frozenset(facet for facet, _ in self.groups)

    def holds(self, place: Place, metric: str) -> bool:
        return place in self.groups or (BY_NAME[metric].needs_strata and place[0] in self.conditional)
