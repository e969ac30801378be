"""The listed values of one facet side by side: who the other value is, rates and their ratio to the highest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from clarify.report import numbers
from clarify.report.charts import share_text
from clarify.report.groups.rates import SHARES, Share
from clarify.report.names import Names
from clarify.report.selection import Group, group_words
from clarify.report.words import Sentence, name, named_group, row_count, say, some
from clarify.results import ColumnSummary, GroupCounts

FEWEST_LISTED = 3
SMALLEST_SHARE = 0.02
"""Groups with a smaller share of the rows stay out of the ratios, as New York City's Local Law 144 allows."""

UNDER_SHARE = "excluded from ratios"


@dataclass(frozen=True)
class ListedRow:
    """One value of a facet: its rows, its rate, and its rate against the highest one."""

    group: Sentence
    rows: str
    rate: str
    ratio: str


@dataclass(frozen=True)
class FacetTable:
    """Every listed value of a facet with three or more, in the order of the configuration; unknown rows last."""

    facet: Sentence
    rate_heading: str
    rows: tuple[ListedRow, ...]
    note: str


def other_value(
    group: Group, groups: Sequence[Group], names: Names, columns: Sequence[ColumnSummary] = ()
) -> Sentence:
    """The facet's other value where the result tells that it has two; empty where the others are just other rows.

    Two listed values are all there are when each holds exactly the rows that are not the other's; two integers are
    the smallest and the largest of their column.
    """
    if group.counts.a.fewer_than or group.counts.d.fewer_than or not group.counts.a.rows:
        return ()
    listed = [other for other in groups if other.facet == group.facet and other.value != group.value]
    if len(listed) == 1 and listed[0].counts.d == group.counts.a and listed[0].counts.a == group.counts.d:
        return group_words(listed[0], names)
    column = next((column for column in columns if column.name == group.facet), None)
    values = () if column is None or listed else _both_integers(column)
    if group.value not in values:
        return ()
    return named_group(names[group.facet], next(value for value in values if value != group.value))


def _both_integers(column: ColumnSummary) -> tuple[str, ...]:
    """The two values of a column of integers that has no more; empty for any other column."""
    if column.kind != "int" or column.distinct != 2 or column.minimum is None or column.maximum is None:
        return ()
    return str(int(column.minimum)), str(int(column.maximum))


def facet_tables(groups: Sequence[Group], names: Names) -> dict[str, FacetTable]:
    """A table for every facet with at least three listed values."""
    by_facet: dict[str, list[Group]] = {}
    for group in groups:
        by_facet.setdefault(group.facet, []).append(group)
    return {facet: _table(facet, found, names) for facet, found in by_facet.items() if len(found) >= FEWEST_LISTED}


def _table(facet: str, groups: Sequence[Group], names: Names) -> FacetTable:
    phrase = SHARES["DPPL" if groups[0].has_predictions else "DPL"]
    shares = [_share(phrase.of_group(group.counts.d), group.counts.d) for group in groups]
    enough = [_is_enough(group) for group in groups]
    highest = max((s.value for s, is_enough in zip(shares, enough, strict=True) if s and is_enough), default=0.0)
    rows = [
        ListedRow(group_words(group, names), row_count(group.counts.d), _rate(share, group.counts.d),
                  _ratio(share, highest, is_enough=is_enough))
        for group, share, is_enough in zip(groups, shares, enough, strict=True)
    ]  # fmt: skip
    unknown = groups[0].counts.unknown
    rows.append(ListedRow(say(name(names[facet]), " unknown"), row_count(unknown), "–", "–"))
    return FacetTable(say(name(names[facet])), phrase.heading, tuple(rows), _note(groups, enough))


def _share(share: Share, counts: GroupCounts) -> Share | None:
    return share if share.of and not counts.fewer_than else None


def _is_enough(group: Group) -> bool:
    """Whether the group holds enough of the rows whose value is known to take part in the ratios."""
    known = group.counts.d.rows + group.counts.a.rows
    return known > 0 and group.counts.d.rows >= SMALLEST_SHARE * known and not group.counts.d.fewer_than


def _rate(share: Share | None, counts: GroupCounts) -> str:
    if share is None:
        return "–" if counts.fewer_than else "no rows"
    return share_text(share)


def _ratio(share: Share | None, highest: float, *, is_enough: bool) -> str:
    if share is None:
        return "–"
    if not is_enough:
        return UNDER_SHARE
    return numbers.decimal(share.value / highest) if highest else "undefined"


def _note(groups: Sequence[Group], enough: Sequence[bool]) -> str:
    counts = [(group.counts.d, is_enough) for group, is_enough in zip(groups, enough, strict=True)]
    n_few = sum(not is_enough and side.rows > 0 and not side.fewer_than for side, is_enough in counts)
    least = max(side.fewer_than for group in groups for side in (group.counts.d, group.counts.unknown))
    few = (
        f"{some(n_few, 'value', 'values')} with under {100 * SMALLEST_SHARE:g} % of the rows "
        f"{'keeps its' if n_few == 1 else 'keep their'} numbers and {'stays' if n_few == 1 else 'stay'} out of the "
        "ratios, as New York City's Local Law 144 allows. "
    )
    hidden = f"Counts under {numbers.count(least)} are not shown, nor those from which they could be worked out. "
    return (
        f"{few if n_few else ''}{hidden if least else ''}"
        "The ratio has no interval; each value's comparison with all other rows has one, below."
    )
