"""How much of attributions and partial dependence one page draws, and what to say of the rest."""

from __future__ import annotations

from dataclasses import dataclass, replace

from clarify.report import numbers
from clarify.report.words import Sentence, say
from clarify.results import AnalysisResult

MOST_OUTPUTS = 6
FEWEST_SHARED = 2


@dataclass(frozen=True)
class Limits:
    """How much a page draws at most: dots of a feature, panels of partial dependence, single rows, groups."""

    beeswarm_rows: int = 400
    dependence_features: int = 8
    selected_rows: int = 5
    facet_groups: int = 12


DEFAULT = Limits()
LADDER = (DEFAULT, Limits(200), Limits(100), Limits(100, 4), Limits(100, 4, 2))
"""What a writer tries in turn when a page is too large: fewer dots, then fewer panels, then fewer rows."""


@dataclass(frozen=True)
class NotDrawn:
    """Something that the result holds and the page does not draw, how many, and where it is."""

    what: Sentence
    how_many: str
    why: str


def shared_by(limits: Limits, n_outputs: int) -> Limits:
    """The limits of one output, where several share the page: fewer groups of each; single rows are of one output."""
    shared = max(FEWEST_SHARED, limits.facet_groups // max(n_outputs, 1))
    return replace(limits, facet_groups=min(limits.facet_groups, shared))


def not_drawn(result: AnalysisResult, limits: Limits = DEFAULT) -> tuple[NotDrawn, ...]:
    """What these limits keep off the page, for the section on what was left out; empty when all of it fits."""
    found = (
        ("Drawn rows without a dot", _dots_beyond(result, limits)),
        ("Groups whose attributions are not drawn", _groups_beyond(result, limits)),
        ("Selected rows not drawn", _rows_beyond(result, limits)),
        ("Features whose partial dependence is not drawn", _panels_beyond(result, limits)),
    )
    why = "the page would grow too large; their numbers are in extended.json"
    return tuple(NotDrawn(say(what), numbers.count(n), why) for what, n in found if n > 0)


def _drawn_outputs(result: AnalysisResult) -> tuple[tuple[str, ...], int]:
    outputs = result.explanations.outputs if result.explanations is not None else ()
    return tuple(output.label for output in outputs[:MOST_OUTPUTS]), len(outputs[:MOST_OUTPUTS])


def _dots_beyond(result: AnalysisResult, limits: Limits) -> int:
    samples = result.explanations.samples if result.explanations is not None else ()
    sizes = (len(sample.features[0].attributions) for sample in samples if sample.features)
    return max((size - limits.beeswarm_rows for size in sizes), default=0)


def _groups_beyond(result: AnalysisResult, limits: Limits) -> int:
    labels, n_outputs = _drawn_outputs(result)
    by_facet = result.explanations.by_facet if result.explanations is not None else ()
    most = shared_by(limits, n_outputs).facet_groups
    return max((sum(found.output == label for found in by_facet) - most for label in labels), default=0)


def _rows_beyond(result: AnalysisResult, limits: Limits) -> int:
    labels, _ = _drawn_outputs(result)
    selected = result.explanations.selected if result.explanations is not None else ()
    return sum(max(sum(row.output == label for row in selected) - limits.selected_rows, 0) for label in labels)


def _panels_beyond(result: AnalysisResult, limits: Limits) -> int:
    return sum(found.error is None for found in result.partial_dependence) - limits.dependence_features
