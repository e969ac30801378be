"""Small tables for the tests of suppression: every table with given totals, as results whose metrics tell all."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import astuple
from itertools import product

from clarify.results import (
    AnalysisResult,
    AwsValue,
    BiasSection,
    DatasetDescription,
    FacetBias,
    FacetCounts,
    GroupCounts,
    Interval,
    MetricValue,
    ValidationOutcome,
)

Cells = tuple[int, ...]                  # of one group: negative and positive labels; or TN, FP, FN, TP
UNKNOWN = "unknown"


def compositions(total: int, parts: int) -> Iterator[Cells]:
    """All ways to write ``total`` as an ordered sum of so many counts."""
    if parts == 1:
        yield (total,)
        return
    for first in range(total + 1):
        yield from ((first, *rest) for rest in compositions(total - first, parts - 1))


def worlds(totals: Sequence[int], groups: Sequence[str]) -> Iterator[dict[str, Cells]]:
    """Every table of these groups whose cells add up to the totals of all rows."""
    for columns in product(*(compositions(total, len(groups)) for total in totals)):
        yield dict(zip(groups, zip(*columns, strict=True), strict=True))


def counts_of(cells: Cells) -> GroupCounts:
    if len(cells) == 2:
        negative, positive = cells
        return GroupCounts(sum(cells), positive, negative, 0)
    tn, fp, fn, tp = cells
    return GroupCounts(sum(cells), tp + fn, tn + fp, 0, tp + fp, tn + fn, 0, tp, fp, fn, tn)


def added(many: Sequence[Cells], n_cells: int) -> Cells:
    return tuple(sum(cells[i] for cells in many) for i in range(n_cells))


def result_of(world: dict[str, Cells], listed: Sequence[str]) -> AnalysisResult:
    """One facet with the listed groups; those that are not listed are among the others, ``unknown`` is unknown."""
    n_cells = len(next(iter(world.values())))
    facets = []
    for group in listed:
        others = [cells for name, cells in world.items() if name not in (group, UNKNOWN)]
        counts = FacetCounts(
            counts_of(added(others, n_cells)), counts_of(world[group]),
            counts_of(world.get(UNKNOWN, (0,) * n_cells)),
        )  # fmt: skip
        facets.append(telling_facet(counts, group, "pre_training" if n_cells == 2 else "post_training"))
    rows = sum(map(sum, world.values()))
    section = BiasSection(facets[0].stage, "label", "1", tuple(facets))
    return AnalysisResult(
        "c0", DatasetDescription("data.csv", "csv", "d1", rows, 3, 100), ValidationOutcome(rows, (), ()),
        **{section.stage: section},
    )  # fmt: skip


def telling_facet(counts: FacetCounts, group: str, stage: str, *, facet: str = "f") -> FacetBias:
    """A metric that tells every count, as an interval of six digits nearly does."""
    told = float(hash(tuple(map(astuple, (counts.a, counts.d, counts.unknown)))) % 10**15)
    name = "CI" if stage == "pre_training" else "AD"
    metric = MetricValue(name, told, AwsValue(told, "told"), Interval(told, told), detail=f"{told} rows")
    return FacetBias(facet, group, stage, counts, (metric,))
