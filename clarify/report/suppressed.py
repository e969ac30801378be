"""A result without its small counts: what they stand in is withheld, and what they could be worked out from too.

The counts of a group are withheld together, with all metrics, intervals and p-values made of them. The verdict stays:
it is one of three words that exit code, tracker and ``extended.json`` say as well, and a page that dropped a VIOLATION
because its group is small would be a place to hide one.

Closer looks split the same rows once more. Every facet of a look (segments of one column, classes, outcome gaps,
attributions by facet, one crossing) is shown whole or not at all. Where some of it is small, two rows alike in label
and predicted label could change places in it without a change to any total that is shown; this argument covers each
table with its totals, not what several tables could tell together of rows that nobody tabulated.

Numbers of rows that speak of the computation (calls, estimators, sampled rows) and the number of all rows stay.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from clarify.bias.catalog import BY_NAME
from clarify.report.withheld_groups import (
    Place,
    Sides,
    any_small,
    has_small_stratum,
    is_small,
    place_of,
    share_rows,
    sides_of,
    unknown_is_small,
    withheld_groups,
)
from clarify.results import (
    AnalysisResult,
    AwsValue,
    BiasSection,
    CellBias,
    ClassSection,
    ExplanationSection,
    FacetAttributions,
    FacetBias,
    FacetCounts,
    FlipCounts,
    GroupCounts,
    Intersection,
    Judgement,
    MetricValue,
    Notice,
    OutcomeGap,
    PartialDependence,
    RangeEvidence,
    Reason,
    SegmentBias,
    ValidationOutcome,
    Verdict,
    VerdictSection,
)

T = TypeVar("T")

WITHHELD_CODE = "PAGE-WITHHELD"
COUNTS_WITHHELD = "These words hold a number that may count rows; they are in extended.json."

_COUNTS = re.compile(r"\d|\b(?:one|two|three|four|five|six|seven|eight|nine|ten|single)\b", re.IGNORECASE)
_SETTINGS = (Reason.NO_GROUP_VARIABLE, Reason.NOT_COMPUTED, Reason.NON_NUMERIC_FEATURES, Reason.TOO_MANY_ROWS)
"""Why a metric is undefined whatever the counts are."""
_UNDECIDED = (Reason.TOO_FEW, Reason.FAMILY)


@dataclass(frozen=True)
class _Withheld:
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


def suppressed(result: AnalysisResult, below: int) -> AnalysisResult:
    """The result without anything that gives away a count from 1 up to ``below``, exclusive.

    What was taken out is said in notices of the code ``PAGE-WITHHELD``; every other text with a number in it is
    replaced by a fixed sentence.
    """
    kept_back = _withheld_of(result, below)
    told = _Told()
    told.groups(kept_back)
    flips = _flips_told(result, below)
    return replace(
        result,
        pre_training=_section(result.pre_training, kept_back, flips),
        post_training=_section(result.post_training, kept_back, flips),
        verdicts=_verdicts(result.verdicts, kept_back, flips),
        intersections=told.part("crossed facets", result.intersections, _intersections(result, kept_back), below),
        segments=told.part("segments", result.segments, _segments(result.segments, kept_back), below),
        classes=_told_classes(told, result, kept_back),
        outcome_gaps=told.part("outcome gaps", result.outcome_gaps, _gaps(result, kept_back), below),
        explanations=_explanations(told, result.explanations, kept_back),
        partial_dependence=told.part(
            "partial dependence", result.partial_dependence, _dependence(result, kept_back), below
        ),
        validation=_validation(told, result.validation, kept_back),
        notices=(*_without_counts(result.notices), *told.notices),
    )


class _Told:
    """Collects what was withheld, for the reader."""

    def __init__(self) -> None:
        self.notices: list[Notice] = []

    def say(self, field: str, message: str) -> None:
        self.notices.append(Notice(WITHHELD_CODE, field, message))

    def groups(self, kept_back: _Withheld) -> None:
        for facet in dict.fromkeys(facet for facet, _ in sorted(kept_back.groups)):
            self.say(facet, f"Counts below {kept_back.below} are not shown, nor groups that they could be worked out "
                            "from: some or all groups of this facet are withheld; verdicts stay.")  # fmt: skip

    def part(self, field: str, before: tuple[T, ...], after: tuple[T, ...], below: int) -> tuple[T, ...]:
        """``after``, with a word when it is not all that there was."""
        if before != after:
            self.say(field, f"Some or all of this is withheld: it holds counts below {below}, or they could be worked "
                            "out from it.")  # fmt: skip
        return after


def _withheld_of(result: AnalysisResult, below: int) -> _Withheld:
    found = _main_facets(result)
    sides = sides_of(found)
    return _Withheld(
        below,
        withheld_groups(sides, below),
        frozenset(side.facet for side in sides if unknown_is_small(sides, side.facet, below)),
        frozenset(facet.facet for facet in found if has_small_stratum(facet, below)),
    )


def _main_facets(result: AnalysisResult) -> list[FacetBias]:
    sections = (result.pre_training, result.post_training)
    return [facet for section in sections if section is not None for facet in section.facets]


# --- groups and their verdicts ---------------------------------------------------------------------------------


def _section(section: BiasSection | None, kept_back: _Withheld, flips: frozenset[Place]) -> BiasSection | None:
    if section is None:
        return None
    facets = tuple(_facet(facet, kept_back, flips) for facet in section.facets)
    return replace(section, facets=facets, notices=_without_counts(section.notices))


def _facet(facet: FacetBias, kept_back: _Withheld, flips: frozenset[Place]) -> FacetBias:
    place = place_of(facet)
    metrics = tuple(
        _withheld_metric(metric) if _is_held(place, metric.name, kept_back, flips) else _shown_metric(metric)
        for metric in facet.metrics
    )
    shown_flips = facet.flips if place in flips and place not in kept_back.groups else None
    return replace(facet, counts=_counts(facet, kept_back), metrics=metrics, strata=None, flips=shown_flips)


def _is_held(place: Place, metric: str, kept_back: _Withheld, flips: frozenset[Place]) -> bool:
    return kept_back.holds(place, metric) or (BY_NAME[metric].needs_flips and place not in flips)


def _flips_told(result: AnalysisResult, below: int) -> frozenset[Place]:
    """Groups whose flip test counts no small number of rows; of a sampled one it cannot be known."""
    return frozenset(
        place_of(facet)
        for facet in _main_facets(result)
        if facet.flips is not None and not any_small(_cells_of_flips(facet.flips), below)
    )


def _cells_of_flips(flips: FlipCounts) -> tuple[int, ...]:
    return flips.to_positive, flips.to_negative, flips.n_d - flips.to_positive - flips.to_negative


def _counts(facet: FacetBias, kept_back: _Withheld) -> FacetCounts:
    if place_of(facet) not in kept_back.groups:
        return facet.counts
    withheld = GroupCounts(0, 0, 0, 0, fewer_than=kept_back.below)
    unknown = withheld if facet.facet in kept_back.unknown else facet.counts.unknown
    return FacetCounts(withheld, withheld, unknown)


def _withheld_metric(metric: MetricValue) -> MetricValue:
    settled = metric.undefined_because in _SETTINGS
    reason = metric.undefined_because if settled else Reason.WITHHELD
    evidence = None if metric.evidence is None else _range_only(metric.evidence)
    return MetricValue(metric.name, None, AwsValue(None), undefined_because=reason, evidence=evidence)


def _range_only(evidence: RangeEvidence) -> RangeEvidence:
    return RangeEvidence(evidence.low, evidence.high)


def _shown_metric(metric: MetricValue) -> MetricValue:
    return replace(metric, detail="") if _COUNTS.search(metric.detail) else metric


def _verdicts(
    section: VerdictSection | None, kept_back: _Withheld, flips: frozenset[Place]
) -> VerdictSection | None:
    if section is None:
        return None
    judgements = tuple(
        _withheld_judgement(j)
        if _is_held((j.facet, j.value_or_threshold), j.metric, kept_back, flips) else j
        for j in section.judgements
    )  # fmt: skip
    return replace(section, judgements=judgements, notices=_without_counts(section.notices))


def _withheld_judgement(judgement: Judgement) -> Judgement:
    """The word and the range that it was held to; no number of the rows, and no rank among the family."""
    reason = None
    if judgement.verdict is Verdict.INCONCLUSIVE:
        reason = judgement.reason if judgement.reason in _UNDECIDED else Reason.WITHHELD
    return replace(
        judgement, value=None, interval=None, evidence=_range_only(judgement.evidence), reason=reason, threshold=None,
        detectable=None, deciding=None,
    )  # fmt: skip


# --- closer looks ----------------------------------------------------------------------------------------------


def _intersections(result: AnalysisResult, kept_back: _Withheld) -> tuple[Intersection, ...]:
    """Crossings without a small cell; all are withheld with one of three facets, whose cells have pairs as totals."""
    shown = tuple(crossed for crossed in result.intersections if _is_shown(crossed, kept_back))
    if any(len(crossed.facets) > 2 for crossed in result.intersections if crossed not in shown):
        return ()
    return tuple(replace(crossed, cells=tuple(map(_shown_cell, crossed.cells))) for crossed in shown)


def _is_shown(crossed: Intersection, kept_back: _Withheld) -> bool:
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
    return replace(facet, metrics=tuple(map(_shown_metric, facet.metrics)), strata=None, flips=None)


def _segments(segments: Sequence[SegmentBias], kept_back: _Withheld) -> tuple[SegmentBias, ...]:
    by_column: dict[tuple[str, str], list[SegmentBias]] = {}
    for segment in segments:
        by_column.setdefault((segment.config_name, segment.column), []).append(segment)
    return tuple(
        segment
        for (_, column), found in by_column.items()
        if column not in kept_back.facets and not _splits_few(found, kept_back.below)
        for segment in _shown_segments(found, kept_back)
    )


def _splits_few(found: Sequence[SegmentBias], below: int) -> bool:
    return any(any_small((s.rows, s.unknown_rows, s.rows - s.unknown_rows), below) for s in found)


def _shown_segments(found: Sequence[SegmentBias], kept_back: _Withheld) -> Iterator[SegmentBias]:
    shown = _facets_to_show([(*segment.pre_training, *segment.post_training) for segment in found], kept_back)
    for segment in found:
        pre, post = _only(segment.pre_training, shown), _only(segment.post_training, shown)
        yield replace(segment, pre_training=pre, post_training=post)


def _facets_to_show(slices: Sequence[Sequence[FacetBias]], kept_back: _Withheld) -> frozenset[str]:
    """The facets that no slice of the rows tells a small count of."""
    below = kept_back.below
    held = set(kept_back.facets)
    for found in slices:
        held |= {facet for facet, _ in withheld_groups(sides_of(found), below)}
        held |= {facet.facet for facet in found if has_small_stratum(facet, below)}
    return frozenset(facet.facet for found in slices for facet in found) - held


def _only(facets: Iterable[FacetBias], shown: frozenset[str]) -> tuple[FacetBias, ...]:
    return tuple(_plain(facet) for facet in facets if facet.facet in shown)


def _told_classes(told: _Told, result: AnalysisResult, kept_back: _Withheld) -> ClassSection | None:
    before = result.classes
    if before is None:
        return None
    after = _classes(before, result.dataset.rows, kept_back)
    told.part("classes", before.worst, () if after is None else after.worst, kept_back.below)
    return after


def _classes(section: ClassSection, rows: int, kept_back: _Withheld) -> ClassSection | None:
    """One class against the rest, of the facets that no class tells a small count of; None when none is left."""
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
    return replace(section, classes=classes, worst=worst, notices=_without_counts(section.notices))


def _gaps(result: AnalysisResult, kept_back: _Withheld) -> tuple[OutcomeGap, ...]:
    rows = result.dataset.rows

    def sides(gap: OutcomeGap) -> Sides:
        left = rows - gap.rows_d - gap.rows_a
        return Sides(f"{gap.outcome} {gap.facet}", gap.value_or_threshold, (gap.rows_d,), (gap.rows_a,), (left,))

    held = {facet for facet, _ in withheld_groups(map(sides, result.outcome_gaps), kept_back.below)}
    return tuple(
        gap for gap in result.outcome_gaps if sides(gap).facet not in held and gap.facet not in kept_back.facets
    )


# --- explanations ----------------------------------------------------------------------------------------------


def _explanations(
    told: _Told, section: ExplanationSection | None, kept_back: _Withheld
) -> ExplanationSection | None:
    if section is None:
        return None
    shown = _by_facet(section, kept_back)
    by_facet = told.part("attributions by facet", section.by_facet, shown, kept_back.below)
    return replace(section, by_facet=by_facet, samples=(), selected=(), notices=_without_counts(section.notices))


def _by_facet(section: ExplanationSection, kept_back: _Withheld) -> tuple[FacetAttributions, ...]:
    def sides(found: FacetAttributions) -> Sides:
        left = section.rows - section.rows_failed - found.rows_d - found.rows_a
        return Sides(found.facet, found.value_or_threshold, (found.rows_d,), (found.rows_a,), (left,))

    held = {facet for facet, _ in withheld_groups(map(sides, section.by_facet), kept_back.below)}
    return tuple(found for found in section.by_facet if found.facet not in held | kept_back.facets)


def _dependence(result: AnalysisResult, kept_back: _Withheld) -> tuple[PartialDependence, ...]:
    """Curves stay; the rows of each bucket or category go together.

    Those of a column that is cut elsewhere (a facet's threshold, segments) go too: a bucket minus a part of it is a
    count.
    """
    cut = kept_back.facets | {segment.column for segment in result.segments}
    cut |= {facet.facet for facet in _main_facets(result) if facet.value_or_threshold.endswith("]")}
    return tuple(_varied(found, found.feature in cut, kept_back.below) for found in result.partial_dependence)


def _varied(found: PartialDependence, is_cut: bool, below: int) -> PartialDependence:
    if found.error is not None and _COUNTS.search(found.error):
        found = replace(found, error=COUNTS_WITHHELD)
    if not is_cut and not any_small((*found.counts, found.missing), below):
        return found
    return replace(found, counts=(0,) * len(found.counts), missing=0, fewer_than=below)


# --- the data --------------------------------------------------------------------------------------------------


def _validation(told: _Told, outcome: ValidationOutcome, kept_back: _Withheld) -> ValidationOutcome:
    below = kept_back.below

    def column_shows(rows: int, *counts: int) -> bool:
        return not any_small((*counts, *(rows - count for count in counts)), below)

    columns = tuple(
        replace(column, minimum=None, maximum=None)
        for column in outcome.columns
        if column.name not in kept_back.unknown and column_shows(column.rows, column.nulls, column.non_finite)
    )
    expectations = tuple(
        replace(checked, detail="") if _COUNTS.search(checked.detail) else checked
        for checked in outcome.expectations
        if column_shows(checked.rows, checked.unexpected) and not is_small(outcome.rows - checked.rows, below)
        and not (checked.column in kept_back.unknown and checked.unexpected)
    )  # fmt: skip
    if len(columns) < len(outcome.columns):
        told.say("columns", f"Missing values of some columns are left out: fewer than {below} rows have none or one.")
    if len(expectations) < len(outcome.expectations):
        told.say("validation", f"Some expectations are left out: fewer than {below} rows break or meet them.")
    return replace(
        outcome, columns=columns, expectations=expectations, notices=_without_counts(outcome.notices)
    )


def _without_counts(notices: Iterable[Notice]) -> tuple[Notice, ...]:
    """Notices whose words hold a number keep code and field only: which numbers count rows cannot be known."""
    return tuple(replace(n, message=COUNTS_WITHHELD) if _COUNTS.search(n.message) else n for n in notices)
