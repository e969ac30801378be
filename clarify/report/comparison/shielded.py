"""A comparison as its readers may see it: without what is held back, numbers for names; verdicts stay."""

from __future__ import annotations

from dataclasses import replace

from clarify.compared import (
    AccuracyDifference,
    ComparedRun,
    Comparison,
    GroupComparison,
    MetricDifference,
    NotCompared,
    PairCounts,
)
from clarify.report.comparison.held_back import HeldBack, facets_of
from clarify.report.shielding.masked import HIDDEN, masked
from clarify.report.shielding.numbered_names import Masks, masks_of
from clarify.report.shielding.suppressed import WITHHELD_CODE
from clarify.report.shielding.withheld_groups import Place, any_small
from clarify.results import AnalysisResult, Notice, RangeEvidence, Reason, ValidationOutcome, Verdict

_UNDECIDED = (Reason.TOO_FEW, Reason.FAMILY)


def suppressed_comparison(comparison: Comparison, held: HeldBack) -> Comparison:
    """The comparison without what is held back; the same object where nothing is."""
    if not held.below:
        return comparison
    keeps_accuracy = not held.accuracy and not _gives_away(comparison.accuracy, held.below)
    hidden = () if keeps_accuracy or comparison.accuracy is None else (
        Notice(WITHHELD_CODE, "accuracy", f"Withheld: it rests on counts below {held.below}."),
    )  # fmt: skip
    return replace(
        comparison,
        groups=tuple(_group(group, held) for group in comparison.groups),
        agreement=_pairs(comparison.agreement, held.below),
        accuracy=comparison.accuracy if keeps_accuracy else None,
        notices=(*comparison.notices, *held.notices, *hidden),
    )


def _gives_away(accuracy: AccuracyDifference | None, below: int) -> bool:
    return accuracy is not None and any_small((accuracy.gained or 0, accuracy.lost or 0), below)


def _pairs(pairs: PairCounts | None, below: int) -> PairCounts | None:
    if pairs is None or any_small((pairs.alike, pairs.to_positive, pairs.to_negative, pairs.left_out), below):
        return None
    return pairs


def _group(group: GroupComparison, held: HeldBack) -> GroupComparison:
    place = (group.facet, group.value_or_threshold)
    metrics = tuple(_metric(metric, place, held) for metric in group.metrics)
    if place in held.groups:
        return GroupComparison(*place, (0, 0), (0, 0), metrics, fewer_than=held.below)
    pairs_d, pairs_a = _pairs(group.pairs_d, held.below), _pairs(group.pairs_a, held.below)
    if pairs_d is None or pairs_a is None:
        pairs_d = pairs_a = None
    return replace(group, metrics=metrics, pairs_d=pairs_d, pairs_a=pairs_a)


def _metric(metric: MetricDifference, place: Place, held: HeldBack) -> MetricDifference:
    is_held = (place, metric.stage, metric.metric) in held.metrics
    if not is_held and place not in held.groups:
        return metric
    is_of_counts = metric.not_compared is None or (is_held and metric.not_compared is NotCompared.UNDEFINED)
    return MetricDifference(
        metric.stage,
        metric.metric,
        champion=None,
        challenger=None,
        not_compared=NotCompared.WITHHELD if is_of_counts else metric.not_compared,
        undefined_champion=None if is_held else metric.undefined_champion,
        undefined_challenger=None if is_held else metric.undefined_challenger,
        evidence=None if metric.evidence is None else RangeEvidence(metric.evidence.low, metric.evidence.high),
        verdict=metric.verdict,
        reason=_reason(metric, is_held=is_held),
    )


def _reason(metric: MetricDifference, *, is_held: bool) -> Reason | None:
    """Why a verdict is INCONCLUSIVE, as far as it tells no count."""
    if metric.verdict is not Verdict.INCONCLUSIVE or not is_held or metric.reason in _UNDECIDED:
        return metric.reason
    return Reason.WITHHELD


# --- masked names -----------------------------------------------------------------------------------------------------


def masked_comparison(comparison: Comparison, champion: AnalysisResult, challenger: AnalysisResult) -> Comparison:
    """Numbers for names, the same in both runs: those of the champion's own masked report where it has the group."""
    masks = _masks_of_both(champion, challenger)
    return replace(
        comparison,
        champion=_masked_run(comparison.champion),
        challenger=_masked_run(comparison.challenger),
        groups=tuple(
            replace(group, facet=masks.column(group.facet),
                    value_or_threshold=masks.group(group.facet, group.value_or_threshold))
            for group in comparison.groups
        ),
        notices=tuple(
            replace(notice, field=masks.columns.get(notice.field, notice.field))
            for notice in comparison.notices
            if notice.code == WITHHELD_CODE or notice.code.startswith("CMP-")     # ours hold no name but the facet's
        ),
    )  # fmt: skip


def _masks_of_both(champion: AnalysisResult, challenger: AnalysisResult) -> Masks:
    """The champion's numbers; groups that only the challenger has come after them."""
    section = champion.post_training
    if section is None:
        return masks_of(champion)
    return masks_of(replace(champion, post_training=replace(section, facets=(*section.facets, *facets_of(challenger)))))


def _masked_run(run: ComparedRun) -> ComparedRun:
    nothing = ValidationOutcome(0, (), ())
    shown = masked(AnalysisResult(run.config_digest, run.dataset, nothing, model=run.model))
    return replace(run, uri=HIDDEN, config_digest=shown.config_digest, dataset=shown.dataset, model=shown.model)
