"""Closer looks without small counts: each facet of a look is shown whole or not at all.

A look (segments of one column, classes, outcome gaps, one crossing) splits rows once more whose totals the main tables
show. Where some of it is small, two rows alike in label and predicted label could change places in it without a change
to any total that is shown; this argument covers each table with its totals, not what several tables could tell together
of rows that nobody tabulated.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from clarify.report.shielding.texts_with_counts import plain_metric, without_counts
from clarify.report.shielding.withheld_groups import (
    Sides,
    Withheld,
    any_small,
    has_small_stratum,
    is_small,
    share_rows,
    sides_of,
    withheld_groups,
)
from clarify.results import (
    AnalysisResult,
    CellBias,
    ClassSection,
    FacetBias,
    Intersection,
    OutcomeGap,
    SegmentBias,
)


def shown_intersections(result: AnalysisResult, kept_back: Withheld) -> tuple[Intersection, ...]:
    """Crossings without a small cell; all are withheld with one of three facets, whose cells have pairs as totals."""
    shown = tuple(crossed for crossed in result.intersections if _is_shown(crossed, kept_back))
    if any(len(crossed.facets) > 2 for crossed in result.intersections if crossed not in shown):
        return ()
    return tuple(replace(crossed, cells=tuple(map(_shown_cell, crossed.cells))) for crossed in shown)


def _is_shown(crossed: Intersection, kept_back: Withheld) -> bool:
    below = kept_back.below
    if kept_back.facets & set(crossed.facets) or is_small(crossed.unknown_rows, below):
        return False
    if any(map(share_rows, zip(*(cell.groups for cell in crossed.cells), strict=True))):
        return False
    found = [facet for cell in crossed.cells for facet in _facets_of(cell)]
    return not (
        any_small((cell.rows for cell in crossed.cells), below)
        or any(withheld_groups((side,), below) for side in sides_of(found))
        or any(has_small_stratum(facet, below) for facet in found)
    )


def _facets_of(cell: CellBias) -> list[FacetBias]:
    return [facet for facet in (cell.pre_training, cell.post_training) if facet is not None]


def _shown_cell(cell: CellBias) -> CellBias:
    pre, post = (None if facet is None else _plain(facet) for facet in (cell.pre_training, cell.post_training))
    return replace(cell, pre_training=pre, post_training=post)


def _plain(facet: FacetBias) -> FacetBias:
    metrics = tuple(map(plain_metric, facet.metrics))
    return replace(facet, metrics=metrics, strata=None, flips=None, sampled_flips=None)


def shown_segments(segments: Sequence[SegmentBias], kept_back: Withheld) -> tuple[SegmentBias, ...]:
    """Segments of columns that split no few rows off, with the facets that no segment tells a small count of."""
    by_column: dict[tuple[str, str], list[SegmentBias]] = {}
    for segment in segments:
        by_column.setdefault((segment.config_name, segment.column), []).append(segment)
    return tuple(
        segment
        for (_, column), found in by_column.items()
        if column not in kept_back.facets and not _splits_few(found, kept_back.below)
        for segment in _in_facets(found, kept_back)
    )


def _splits_few(found: Sequence[SegmentBias], below: int) -> bool:
    return any(any_small((s.rows, s.unknown_rows, s.rows - s.unknown_rows), below) for s in found)


def _in_facets(found: Sequence[SegmentBias], kept_back: Withheld) -> Iterator[SegmentBias]:
    shown = _facets_to_show([(*segment.pre_training, *segment.post_training) for segment in found], kept_back)
    for segment in found:
        pre, post = _only(segment.pre_training, shown), _only(segment.post_training, shown)
        yield replace(segment, pre_training=pre, post_training=post)


def _facets_to_show(slices: Sequence[Sequence[FacetBias]], kept_back: Withheld) -> frozenset[str]:
    """The facets that no slice of the rows tells a small count of."""
    below = kept_back.below
    held = set(kept_back.facets)
    for found in slices:
        held |= {facet for facet, _ in withheld_groups(sides_of(found), below)}
        held |= {facet.facet for facet in found if has_small_stratum(facet, below)}
    return frozenset(facet.facet for found in slices for facet in found) - held


def _only(facets: Iterable[FacetBias], shown: frozenset[str]) -> tuple[FacetBias, ...]:
    return tuple(_plain(facet) for facet in facets if facet.facet in shown)


def shown_classes(result: AnalysisResult, kept_back: Withheld) -> ClassSection | None:
    """One class against the rest, of the facets that no class tells a small count of; None when none is left."""
    section, rows = result.classes, result.dataset.rows
    if section is None:
        return None
    counted = [found.rows for found in section.classes]
    if any_small((*counted, rows - sum(counted)), kept_back.below):
        return None
    shown = _facets_to_show([(*found.pre_training, *found.post_training) for found in section.classes], kept_back)
    worst = tuple(found for found in section.worst if found.facet in shown)
    if not worst:
        return None
    classes = tuple(
        replace(found, pre_training=_only(found.pre_training, shown), post_training=_only(found.post_training, shown))
        for found in section.classes
    )
    return replace(section, classes=classes, worst=worst, notices=without_counts(section.notices))


def shown_gaps(result: AnalysisResult, kept_back: Withheld) -> tuple[OutcomeGap, ...]:
    """Gaps of the facets with enough rows on every side, those without a value among them."""
    rows = result.dataset.rows

    def sides(gap: OutcomeGap) -> Sides:
        left = rows - gap.rows_d - gap.rows_a
        return Sides(f"{gap.outcome} {gap.facet}", gap.value_or_threshold, (gap.rows_d,), (gap.rows_a,), (left,))

    held = {facet for facet, _ in withheld_groups(map(sides, result.outcome_gaps), kept_back.below)}
    return tuple(
        gap for gap in result.outcome_gaps if sides(gap).facet not in held and gap.facet not in kept_back.facets
    )
