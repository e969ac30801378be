"""The forest of a comparison: which differences are drawn, on which scales, and what stands in every row."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from clarify.bias.catalog import BY_NAME
from clarify.compared import Comparison, GroupComparison, MetricDifference
from clarify.report import numbers
from clarify.report.comparison.cells import (
    Placed,
    anchor,
    chip_of,
    compared,
    difference_text,
    interval_text,
    urgency,
    value_text,
)
from clarify.report.comparison.words import SHARES, tolerance_text
from clarify.report.forest import FOREST, Glyph, Scale, coordinate, glyph, nice_above
from clarify.report.judged import Chip
from clarify.report.names import Names
from clarify.report.words import Sentence, name, say, some
from clarify.results import AwsValue, Judgement, MetricValue

MOST_FOREST_ROWS = 60
SMALL_GROUP = 50
BANDS = 4                         # an axis ends at so many tolerances at the latest

# A metric without ends to its scale: its differences are drawn on an axis that ends where ours does.
_ENDLESS = "DCA"


@dataclass(frozen=True)
class CompareRow:
    """One difference in the forest; ``champion_mark`` and ``challenger_mark`` are the runs' own values, faintly."""

    anchor: str
    name: str
    acronym: str
    glyph: Glyph
    champion_mark: str
    challenger_mark: str
    champion: str
    challenger: str
    difference: str
    interval: str
    allowed: str
    chip: Chip


@dataclass(frozen=True)
class CompareGroup:
    """The header of one group and its rows."""

    facet: Sentence
    group: Sentence
    rows_d: str
    rows_a: str
    is_small: bool
    rows: tuple[CompareRow, ...]


def forest_rows(comparison: Comparison) -> frozenset[Placed]:
    """All differences, or the most urgent ones where they are too many to be read."""
    every = sorted(compared(comparison), key=lambda placed: urgency(placed[1]))
    return frozenset(place for place, _ in every[:MOST_FOREST_ROWS])


def forest_groups(comparison: Comparison, shown: frozenset[Placed], names: Names) -> Iterator[CompareGroup]:
    """The groups that have a row, each with its rows, the most urgent first where there are verdicts."""
    scales = _scales(comparison, shown)
    for i, group in enumerate(comparison.groups):
        places = [j for j in range(len(group.metrics)) if (i, j) in shown]
        if not places:
            continue
        ordered = sorted(places, key=lambda j: urgency(group.metrics[j])) if comparison.verdicts else places
        smallest = min(*group.champion_rows, *group.challenger_rows)
        yield CompareGroup(
            facet=say(name(names[group.facet])),
            group=say(name(names[group.value_or_threshold])),
            rows_d=_row_counts(group, 0, comparison),
            rows_a=_row_counts(group, 1, comparison),
            is_small=smallest < SMALL_GROUP,
            rows=tuple(_row(i, group.metrics[j], scales[group.metrics[j].metric]) for j in ordered),
        )


def _row_counts(group: GroupComparison, side: int, comparison: Comparison) -> str:
    before, after = group.champion_rows[side], group.challenger_rows[side]
    if comparison.is_paired or before == after:
        return some(before, "row", "rows")
    return f"{numbers.count(before)} and {some(after, 'row', 'rows')}"


def _row(group: int, metric: MetricDifference, scale: Scale) -> CompareRow:
    ideal = BY_NAME[metric.metric].ideal
    decimals = numbers.FOREST_DECIMALS
    return CompareRow(
        anchor=anchor(group, metric),
        name=BY_NAME[metric.metric].title,
        acronym=metric.metric,
        glyph=_glyph(metric, scale),
        champion_mark=_own_mark(metric.champion, ideal, scale, is_challenger=False),
        challenger_mark=_own_mark(metric.challenger, ideal, scale, is_challenger=True),
        champion=value_text(metric.champion, decimals),
        challenger=value_text(metric.challenger, decimals),
        difference=difference_text(metric, decimals),
        interval=interval_text(metric, decimals),
        allowed=tolerance_text(metric),
        chip=chip_of(metric),
    )


def _glyph(metric: MetricDifference, scale: Scale) -> Glyph:
    """A difference drawn as the report draws a value: the same bars, marks and band."""
    drawn = metric.metric if metric.metric in SHARES else _ENDLESS
    value = MetricValue(drawn, metric.difference, AwsValue(None), metric.interval)
    if metric.verdict is None or metric.evidence is None:
        return glyph(value, scale, FOREST)
    judged = Judgement(
        metric.stage, "", "", drawn, metric.verdict, metric.difference, metric.interval, metric.evidence,
        deciding=metric.deciding,
    )
    return glyph(value, scale, FOREST, judgement=judged)


def _own_mark(value: float | None, ideal: float, scale: Scale, *, is_challenger: bool) -> str:
    """A run's own distance from no difference between the groups: a small dot, the challenger's below the line."""
    if value is None:
        return ""
    at = scale.position(value - ideal)
    if not 0 <= at <= 1:
        return ""
    x, y = FOREST.x(at), FOREST.y + (8 if is_challenger else -8)
    return f"M{coordinate(x - 2.5)} {y}a2.5 2.5 0 1 0 5 0a2.5 2.5 0 1 0 -5 0z"


def _scales(comparison: Comparison, shown: frozenset[Placed]) -> dict[str, Scale]:
    """One scale for all differences of shares, one for each other metric, symmetric around no difference."""
    reach: dict[str, float] = {}
    for place, metric in compared(comparison):
        if place in shown:
            kind = "shares" if metric.metric in SHARES else metric.metric
            reach[kind] = max(reach.get(kind, 0.0), *_reaches(metric))
    found = {}
    for _, metric in compared(comparison):
        kind = "shares" if metric.metric in SHARES else metric.metric
        if kind in reach:
            half = nice_above(reach[kind])
            found[metric.metric] = Scale(-half, half, 0.0, mirrored=BY_NAME[metric.metric].is_mirrored)
    return found


def _reaches(metric: MetricDifference) -> list[float]:
    """How far from the middle a row needs its axis to go; an interval alone does not stretch it without bound."""
    values = (metric.champion, metric.challenger)
    own = [abs(value - BY_NAME[metric.metric].ideal) for value in values if value is not None]
    core = [*own, abs(metric.difference or 0.0), 0.01]
    ends = () if metric.interval is None else (abs(metric.interval.low), abs(metric.interval.high))
    reaches = [*core, *(min(end, 2 * max(core)) for end in ends)]
    if metric.evidence is None or metric.evidence.high is None:
        return reaches
    edge = metric.evidence.high           # the band stays wide enough to be seen
    return [1.5 * edge, *(min(reach, BANDS * edge) for reach in reaches)]


def forest_note(comparison: Comparison, shown: frozenset[Placed]) -> str:
    """How many are drawn of how many, and what the sides mean."""
    total = sum(1 for _ in compared(comparison))
    which = f"The {len(shown)} most urgent of {numbers.count(total)} differences. " if total > len(shown) else ""
    return (f"{which}Challenger minus champion; right of the dotted line the named group has less with the challenger"
            " than with the champion.")  # fmt: skip
