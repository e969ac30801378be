"""From the counts that a result carries back to what the formulas read, and counts of several results together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple, replace
from functools import reduce

import numpy as np
from numpy.typing import NDArray

from clarify.bias.contingency import ContingencyTable, FoldedTable
from clarify.results import FacetBias, FacetCounts, FlipCounts, GroupCounts, Stage, StratumCounts


def strata_of(table: ContingencyTable, stage: Stage) -> tuple[StratumCounts, ...] | None:
    """Known rows of each stratum by facet and label, after training by predicted label; None without a group variable.

    Sorted by name; strata without a known row are left out. Where the table has no names, numbers stand for them.
    """
    if not table.has_strata:
        return None
    known = table.known()
    strata = known.label_strata if stage == "pre_training" else known.predicted_strata
    names = table.strata_names or tuple(str(number) for number in range(len(strata)))
    counted = (
        StratumCounts(name, *(int(rows) for rows in cells[:, ::-1].flat))   # positive first, facet a before facet d
        for name, cells in zip(names, strata, strict=True)
        if cells.any()
    )
    return tuple(sorted(counted, key=lambda stratum: stratum.name))


def counted_table(facet: FacetBias) -> FoldedTable:
    """The table that the honest formulas read, unknowns left out: ``ContingencyTable.known`` of the same rows.

    The strata are those of the facet's own stage; the other stage's are empty. A sampled flip test is not in it.
    """
    counts = facet.counts
    strata = _strata(facet.strata or ())
    nothing = np.zeros_like(strata)
    before = facet.stage == "pre_training"
    return FoldedTable(
        a=counts.a,
        d=counts.d,
        everyone=_sum([counts.a, counts.d, counts.unknown]),
        label_strata=strata if before else nothing,
        predicted_strata=nothing if before else strata,
        has_strata=facet.strata is not None,
        flips=facet.flips,
    )


def pool(facets: Sequence[FacetBias]) -> FacetBias:
    """The counts of the same group of the same facet at the same stage in several sets of rows; no metrics.

    The flip test is pooled where all have it, strata by their names.
    """
    strata: dict[str, StratumCounts] = {}
    for stratum in (stratum for facet in facets for stratum in facet.strata or ()):
        before = strata.get(stratum.name)
        strata[stratum.name] = stratum if before is None else _added(before, stratum)
    flips = [facet.flips for facet in facets if facet.flips is not None]
    return replace(
        facets[0],
        counts=FacetCounts(
            _sum([facet.counts.a for facet in facets]),
            _sum([facet.counts.d for facet in facets]),
            _sum([facet.counts.unknown for facet in facets]),
        ),
        metrics=(),
        strata=None if facets[0].strata is None else tuple(strata[name] for name in sorted(strata)),
        flips=reduce(FlipCounts.__add__, flips) if len(flips) == len(facets) else None,
        sampled_flips=None,
    )


def _added(one: StratumCounts, other: StratumCounts) -> StratumCounts:
    return StratumCounts(one.name, *(x + y for x, y in zip(astuple(one)[1:], astuple(other)[1:], strict=True)))


def _sum(groups: Sequence[GroupCounts]) -> GroupCounts:
    return GroupCounts(*(sum(cells) for cells in zip(*map(astuple, groups), strict=True)))


def _strata(strata: Sequence[StratumCounts]) -> NDArray[np.int64]:
    """Shape (n_strata, 2 facets a and d, 2 classes negative and positive)."""
    cells = [[[s.negative_a, s.positive_a], [s.negative_d, s.positive_d]] for s in strata]
    return np.array(cells, dtype=np.int64).reshape(-1, 2, 2)
