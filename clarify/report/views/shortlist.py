"""The checks that a view smaller than the page has room for, each on the axis that the page draws it on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from clarify.report.charts import forest_scales
from clarify.report.forest import Placed, Scale, placed
from clarify.report.selection import Group, Measured, clearest_gaps, first_metrics, worst_checks
from clarify.results import Verdict


@dataclass(frozen=True)
class Row:
    """One check of one group with the scale of its drawing."""

    group: Group
    measured: Measured
    scale: Scale

    @property
    def verdict(self) -> Verdict | None:
        return self.measured.judgement.verdict if self.measured.judgement is not None else None

    @property
    def placed(self) -> Placed:
        return placed(self.measured.metric, self.scale, self.measured.judgement)


@dataclass(frozen=True)
class Shortlist:
    """The rows that were chosen, and how many there are."""

    rows: tuple[Row, ...]
    total: int

    @property
    def left_out(self) -> int:
        return self.total - len(self.rows)


Found = list[tuple[Group, Measured]]


def shortlist(groups: Sequence[Group], *, most: int) -> Shortlist:
    """All first metrics as the report orders them; where they do not fit the worst checks, or the clearest gaps."""
    every = [(group, measured) for group in groups for measured in first_metrics(group)]
    if len(every) <= most:
        return Shortlist(_rows(every), len(every))
    worst = {id(measured) for _, measured in worst_checks(groups, most=most)}
    if worst:
        return Shortlist(_rows([found for found in every if id(found[1]) in worst]), len(every))
    clearest = {id(measured) for _, measured in clearest_gaps(groups, most=most)}
    gaps = [(group, m) for group in groups for m in group.measured if id(m) in clearest]
    return Shortlist(_rows(gaps), max(len(every), len(gaps)))


def _rows(found: Found) -> tuple[Row, ...]:
    scales = forest_scales([(measured.metric, measured.judgement) for _, measured in found])
    return tuple(Row(group, measured, scale) for (group, measured), scale in zip(found, scales, strict=True))
