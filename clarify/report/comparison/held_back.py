"""What suppression holds back of a comparison: all that either run's own shielded report does, and small pairs of rows.

Pairs are counts of their own, mostly small ones: ``holds_small_pairs`` says whether a comparison may rest on them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from clarify.bias.catalog import BY_NAME
from clarify.bias.contingency import FACET_A, FACET_D, UNKNOWN
from clarify.bias.counted import counted_table
from clarify.bias.paired import COMPARED, JointTable
from clarify.config.presentation import Presentation
from clarify.report.shielding.shielded import shielded
from clarify.report.shielding.suppressed import WITHHELD_CODE
from clarify.report.shielding.withheld_groups import Cells, Place, Sides, any_small, cells_of, place_of, withheld_groups
from clarify.results import AnalysisResult, FacetBias, Notice, Reason, Stage

Checked = tuple[Place, Stage, str]
"""A metric of a group at a stage."""


@dataclass(frozen=True)
class HeldBack:
    """What no reader of a comparison may see: groups with all their counts, metrics, the accuracy of all rows.

    ``below``: the limit of suppression; 0: nothing is held back.
    """

    below: int = 0
    groups: frozenset[Place] = frozenset()
    metrics: frozenset[Checked] = frozenset()
    accuracy: bool = False
    notices: tuple[Notice, ...] = ()


def held_back(champion: AnalysisResult, challenger: AnalysisResult, below: int) -> HeldBack:
    """What suppression takes out of either run, and so out of both; nothing where ``below`` is 0."""
    if not below:
        return HeldBack()
    runs = (champion, challenger)
    shown = tuple(shielded(run, Presentation(suppress_below=below)) for run in runs)
    facets = [facet for run in shown for facet in facets_of(run)]
    named = {facet.facet for facet in facets}
    notices = (n for run in shown for n in run.notices if n.code == WITHHELD_CODE and n.field in named)
    return HeldBack(
        below,
        groups=frozenset(place_of(facet) for facet in facets if facet.counts.d.fewer_than),
        metrics=frozenset(
            (place_of(facet), facet.stage, metric.name)
            for facet in facets
            for metric in facet.metrics
            if metric.undefined_because is Reason.WITHHELD
        ),
        accuracy=any(any_small(cells, below) for run in runs for cells in _cells_of_all_rows(run)),
        notices=tuple(dict.fromkeys(notices)),
    )


def facets_of(run: AnalysisResult) -> Iterator[FacetBias]:
    """Every group of every stage."""
    for section in (run.pre_training, run.post_training):
        if section is not None:
            yield from section.facets


def _cells_of_all_rows(run: AnalysisResult) -> tuple[Cells, ...]:
    """Every group counts all rows: one is enough."""
    facets = run.post_training.facets[:1] if run.post_training is not None else ()
    return tuple(cells_of(counted_table(facet).everyone) for facet in facets)


# --- pairs ------------------------------------------------------------------------------------------------------------


def holds_small_pairs(tables: Mapping[Place, JointTable], everyone: NDArray[np.int64], held: HeldBack) -> bool:
    """Whether a small count of rows, by label and both decisions, could be read or worked out from paired numbers.

    An interval of a paired difference tells how many rows the models decide differently, so all numbers of a group
    that is shown rest on these counts. ``everyone``: shape (3 labels, 3 champion's, 3 challenger's decisions).
    """
    sides = [_sides(place, table) for place, table in tables.items()]
    return any_small(_cells(everyone), held.below) or not withheld_groups(sides, held.below) <= held.groups


def with_small_strata(held: HeldBack, tables: Mapping[Place, JointTable]) -> HeldBack:
    """Conditional metrics go too where a stratum holds few pairs."""
    few = {facet for (facet, _), table in tables.items() if any_small(_cells(table.counts), held.below)}
    conditional = [metric for metric in COMPARED if BY_NAME[metric].needs_strata]
    places = [place for place in tables if place[0] in few]
    found: set[Checked] = {(place, "post_training", metric) for place in places for metric in conditional}
    return replace(held, metrics=held.metrics | found)


def _sides(place: Place, table: JointTable) -> Sides:
    d, a, unknown = (_cells(table.counts[side].sum(axis=-1)) for side in (FACET_D, FACET_A, UNKNOWN))
    return Sides(*place, d, a, unknown)


def _cells(counts: NDArray[np.int64]) -> Cells:
    return tuple(counts.ravel().tolist())
