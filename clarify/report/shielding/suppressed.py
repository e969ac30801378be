"""A result without its small counts: what they stand in is withheld, and what they could be worked out from too.

The counts of a group are withheld together, with all metrics, intervals and p-values made of them. The verdict stays:
it is one of three words that exit code, tracker and ``extended.json`` say as well, and a page that dropped a VIOLATION
because its group is small would be a place to hide one.

Numbers of rows that speak of the computation (calls, estimators, sampled rows) and the number of all rows stay.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from clarify.bias.catalog import BY_NAME
from clarify.report.shielding.suppressed_looks import shown_classes, shown_gaps, shown_intersections, shown_segments
from clarify.report.shielding.texts_with_counts import COUNTS_WITHHELD, holds_number, plain_metric, without_counts
from clarify.report.shielding.withheld_groups import (
    Place,
    Sides,
    Withheld,
    any_small,
    has_small_stratum,
    is_small,
    place_of,
    sides_of,
    unknown_is_small,
    withheld_groups,
)
from clarify.results import (
    AnalysisResult,
    AwsValue,
    BiasSection,
    ExplanationSection,
    FacetAttributions,
    FacetBias,
    FacetCounts,
    FlipCounts,
    GroupCounts,
    Judgement,
    MetricValue,
    Notice,
    PartialDependence,
    RangeEvidence,
    Reason,
    ValidationOutcome,
    Verdict,
    VerdictSection,
)

WITHHELD_CODE = "PAGE-WITHHELD"
CROSSED_FACETS = "crossed facets"
_PART_WITHHELD = "Some or all of this is withheld"
_SETTINGS = (Reason.NO_GROUP_VARIABLE, Reason.NOT_COMPUTED, Reason.NON_NUMERIC_FEATURES, Reason.TOO_MANY_ROWS)
"""Why a metric is undefined whatever the counts are."""
_UNDECIDED = (Reason.TOO_FEW, Reason.FAMILY)


def suppressed(result: AnalysisResult, below: int) -> AnalysisResult:
    """The result without anything that gives away a count from 1 up to ``below``, exclusive.

    What was taken out is said in notices of the code ``PAGE-WITHHELD``; every other text with a number in it is
    replaced by a fixed sentence.
    """
    kept_back = _withheld_of(result, below)
    flips = _flips_told(result, below)
    shown = replace(
        result,
        pre_training=_section(result.pre_training, kept_back, flips),
        post_training=_section(result.post_training, kept_back, flips),
        verdicts=_verdicts(result.verdicts, kept_back, flips),
        intersections=shown_intersections(result, kept_back),
        segments=shown_segments(result.segments, kept_back),
        classes=shown_classes(result, kept_back),
        outcome_gaps=shown_gaps(result, kept_back),
        explanations=_explanations(result.explanations, kept_back),
        partial_dependence=_dependence(result, kept_back),
        validation=_validation(result.validation, kept_back),
        notices=without_counts(result.notices),
    )
    return replace(shown, notices=(*shown.notices, *_told(result, shown, kept_back)))


def _told(before: AnalysisResult, after: AnalysisResult, kept_back: Withheld) -> Iterator[Notice]:
    """What was taken out, for the reader."""
    below = kept_back.below
    for facet in sorted(kept_back.facets):
        yield Notice(
            WITHHELD_CODE, facet,
            f"Counts below {below} are not shown, nor groups that they could be worked out from: some or all groups of "
            "this facet are withheld; verdicts stay.",
        )  # fmt: skip
    for (part, whole), (_, left) in zip(_parts(before), _parts(after), strict=True):
        if left < whole:
            yield Notice(
                WITHHELD_CODE, part,
                f"{_PART_WITHHELD}: it holds counts below {below}, or they could be worked out from it.",
            )  # fmt: skip


def is_part_withheld(result: AnalysisResult, part: str) -> bool:
    """Whether something of this part, which was there, was taken out of a suppressed result."""
    return any(
        notice.code == WITHHELD_CODE and notice.field == part and notice.message.startswith(_PART_WITHHELD)
        for notice in result.notices
    )


def _parts(result: AnalysisResult) -> tuple[tuple[str, int], ...]:
    """The parts of a result that suppression can shorten, and how much each holds."""
    facets = [facet for segment in result.segments for facet in (*segment.pre_training, *segment.post_training)]
    return (
        (CROSSED_FACETS, len(result.intersections)),
        ("segments", len(facets) + len(result.segments)),
        ("classes", 0 if result.classes is None else len(result.classes.worst)),
        ("outcome gaps", len(result.outcome_gaps)),
        ("attributions by facet", 0 if result.explanations is None else len(result.explanations.by_facet)),
        ("rows in partial dependence", sum(not varied.fewer_than for varied in result.partial_dependence)),
        ("missing values", len(result.validation.columns)),
        ("expectations", len(result.validation.expectations)),
    )


def _withheld_of(result: AnalysisResult, below: int) -> Withheld:
    found = _main_facets(result)
    sides = sides_of(found)
    return Withheld(
        below,
        withheld_groups(sides, below),
        frozenset(side.facet for side in sides if unknown_is_small(sides, side.facet, below)),
        frozenset(facet.facet for facet in found if has_small_stratum(facet, below)),
    )


def _main_facets(result: AnalysisResult) -> list[FacetBias]:
    sections = (result.pre_training, result.post_training)
    return [facet for section in sections if section is not None for facet in section.facets]


# --- groups and their verdicts ---------------------------------------------------------------------------------


def _section(section: BiasSection | None, kept_back: Withheld, flips: frozenset[Place]) -> BiasSection | None:
    if section is None:
        return None
    facets = tuple(_facet(facet, kept_back, flips) for facet in section.facets)
    return replace(section, facets=facets, notices=without_counts(section.notices))


def _facet(facet: FacetBias, kept_back: Withheld, flips: frozenset[Place]) -> FacetBias:
    place = place_of(facet)
    metrics = tuple(
        _withheld_metric(metric) if _is_held(place, metric.name, kept_back, flips) else plain_metric(metric)
        for metric in facet.metrics
    )
    shown_flips = facet.flips if place in flips and place not in kept_back.groups else None
    return replace(
        facet, counts=_counts(facet, kept_back), metrics=metrics, strata=None, flips=shown_flips, sampled_flips=None
    )


def _is_held(place: Place, metric: str, kept_back: Withheld, flips: frozenset[Place]) -> bool:
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


def _counts(facet: FacetBias, kept_back: Withheld) -> FacetCounts:
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


def _verdicts(
    section: VerdictSection | None, kept_back: Withheld, flips: frozenset[Place]
) -> VerdictSection | None:
    if section is None:
        return None
    judgements = tuple(
        _withheld_judgement(j)
        if _is_held((j.facet, j.value_or_threshold), j.metric, kept_back, flips) else j
        for j in section.judgements
    )  # fmt: skip
    return replace(section, judgements=judgements, notices=without_counts(section.notices))


def _withheld_judgement(judgement: Judgement) -> Judgement:
    """The word and the range that it was held to; no number of the rows, and no rank among the family."""
    reason = None
    if judgement.verdict is Verdict.INCONCLUSIVE:
        reason = judgement.reason if judgement.reason in _UNDECIDED else Reason.WITHHELD
    return replace(
        judgement, value=None, interval=None, evidence=_range_only(judgement.evidence), reason=reason, threshold=None,
        detectable=None, deciding=None,
    )  # fmt: skip


# --- explanations ----------------------------------------------------------------------------------------------


def _explanations(section: ExplanationSection | None, kept_back: Withheld) -> ExplanationSection | None:
    if section is None:
        return None
    by_facet = _by_facet(section, kept_back)
    return replace(section, by_facet=by_facet, samples=(), selected=(), notices=without_counts(section.notices))


def _by_facet(section: ExplanationSection, kept_back: Withheld) -> tuple[FacetAttributions, ...]:
    def sides(found: FacetAttributions) -> Sides:
        left = section.rows - section.rows_failed - found.rows_d - found.rows_a
        return Sides(found.facet, found.value_or_threshold, (found.rows_d,), (found.rows_a,), (left,))

    held = {facet for facet, _ in withheld_groups(map(sides, section.by_facet), kept_back.below)}
    return tuple(found for found in section.by_facet if found.facet not in held | kept_back.facets)


def _dependence(result: AnalysisResult, kept_back: Withheld) -> tuple[PartialDependence, ...]:
    """Curves stay; the rows of each bucket or category go together.

    Those of a column that is cut elsewhere (a facet's threshold, segments) go too: a bucket minus a part of it is a
    count.
    """
    cut = kept_back.facets | {segment.column for segment in result.segments}
    cut |= {facet.facet for facet in _main_facets(result) if facet.value_or_threshold.endswith("]")}
    return tuple(_varied(found, found.feature in cut, kept_back.below) for found in result.partial_dependence)


def _varied(found: PartialDependence, is_cut: bool, below: int) -> PartialDependence:
    if found.error is not None and holds_number(found.error):
        found = replace(found, error=COUNTS_WITHHELD)
    if not is_cut and not any_small((*found.counts, found.missing), below):
        return found
    return replace(found, counts=(0,) * len(found.counts), missing=0, fewer_than=below)


# --- the data --------------------------------------------------------------------------------------------------


def _validation(outcome: ValidationOutcome, kept_back: Withheld) -> ValidationOutcome:
    below = kept_back.below

    def column_shows(rows: int, *counts: int) -> bool:
        return not any_small((*counts, *(rows - count for count in counts)), below)

    columns = tuple(
        replace(column, minimum=None, maximum=None)
        for column in outcome.columns
        if column.name not in kept_back.unknown and column_shows(column.rows, column.nulls, column.non_finite)
    )
    expectations = tuple(
        replace(checked, detail="") if holds_number(checked.detail) else checked
        for checked in outcome.expectations
        if column_shows(checked.rows, checked.unexpected) and not is_small(outcome.rows - checked.rows, below)
        and not (checked.column in kept_back.unknown and checked.unexpected)
    )  # fmt: skip
    return replace(outcome, columns=columns, expectations=expectations, notices=without_counts(outcome.notices))
