"""Beyond one facet and one positive class: crossed facets, segments, single classes and continuous outcomes."""

from __future__ import annotations

from dataclasses import dataclass

from clarify.engines.base import Engine
from clarify.results import ClassSection, Intersection, OutcomeGap, SegmentBias
from clarify.steps.classes import measure_classes
from clarify.steps.intersections import measure_intersections
from clarify.steps.outcome_gaps import measure_outcome_gaps
from clarify.steps.plan import AnalysisPlan
from clarify.steps.predict import ScoredDataset
from clarify.steps.segments import measure_segments
from clarify.steps.validate_dataset import PreparedData


@dataclass(frozen=True)
class CloserLooks:
    """What was found; empty for what was not asked or does not apply to the label."""

    intersections: tuple[Intersection, ...] = ()
    segments: tuple[SegmentBias, ...] = ()
    classes: ClassSection | None = None
    outcome_gaps: tuple[OutcomeGap, ...] = ()


def look_closer(
    plan: AnalysisPlan, data: PreparedData, scored: ScoredDataset | None, engine: Engine
) -> CloserLooks:
    """Cross the facets on request, measure within segments, class by class, and compare continuous outcomes.

    Raises
    ------
    ConfigError
        CFG-CROSS for more cells than are measured, CFG-SEGMENT-... for segments that cannot be told apart.
    """
    return CloserLooks(
        intersections=measure_intersections(plan, data, scored, engine),
        segments=measure_segments(plan, data, scored, engine),
        classes=measure_classes(plan, data, scored, engine),
        outcome_gaps=measure_outcome_gaps(plan, data, scored, engine),
    )
