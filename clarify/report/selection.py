"""Which groups and metrics a reader sees first, and in what order."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from clarify.bias.catalog import BY_NAME
from clarify.report.charts import allowed_scale
from clarify.report.judged import ORDER
from clarify.report.names import Names
from clarify.report.words import Sentence, named_group
from clarify.results import (
    AnalysisResult,
    BiasSection,
    FacetBias,
    FacetCounts,
    Interval,
    Judgement,
    MetricValue,
    Verdict,
    VerdictSection,
)

RECOMMENDED = ("CI", "DPL", "DPPL", "DI", "RD", "AD")
"""The few metrics shown first when nobody declared ranges: sizes, labels, predictions, both ways of being wrong."""

IN_POINTS = ("DPL", "DPPL", "RD", "SD", "DAR", "DRR", "AD")
"""Differences between two shares: the only ones whose sizes can be compared with each other."""

MOST_FOREST_ROWS = 24
MOST_FOREST_GROUPS = 6
MOST_CHECKS_IN_ROWS = 60
MOST_GROUPS_IN_ORDER = 40
MOST_MATRIX_ROWS = 20
WORST_ROWS = 12
MOST_CARD_GROUPS = 12
MOST_TABLE_GROUPS = 200
CLEAREST_ROWS = 12
SMALL_GROUP = 50                              # where no policy says what small is


@dataclass(frozen=True)
class Measured:
    """One metric of one group with the counts it was computed from, and its verdict when a range was declared."""

    metric: MetricValue
    counts: FacetCounts
    judgement: Judgement | None = None


@dataclass(frozen=True)
class Group:
    """One group of one facet with the metrics of both stages; ``counts`` are the fullest there are."""

    facet: str
    value: str
    counts: FacetCounts
    has_predictions: bool
    measured: tuple[Measured, ...]

    def get(self, name: str) -> Measured | None:
        return next((m for m in self.measured if m.metric.name == name), None)


def groups_of(result: AnalysisResult) -> tuple[Group, ...]:
    """Every group once, in the order of the configuration; post-training counts win because they hold both."""
    stages: dict[tuple[str, str], list[FacetBias]] = {}
    for section in sections_of(result):
        for facet in section.facets:
            stages.setdefault((facet.facet, facet.value_or_threshold), []).append(facet)
    judged = _judged(result)
    return tuple(_merge(parts, judged) for parts in stages.values())


Judged = dict[tuple[str, str, str], Judgement]


def _judged(result: AnalysisResult) -> Judged:
    """Judgements by facet, group and metric; a metric belongs to one stage only."""
    found = result.verdicts.judgements if result.verdicts is not None else ()
    return {(j.facet, j.value_or_threshold, j.metric): j for j in found}


def sections_of(result: AnalysisResult) -> tuple[BiasSection, ...]:
    """The bias sections that exist, pre-training first."""
    return tuple(section for section in (result.pre_training, result.post_training) if section is not None)


def _merge(parts: list[FacetBias], judged: Judged) -> Group:
    last = parts[-1]
    measured = [
        Measured(metric, part.counts, judged.get((part.facet, part.value_or_threshold, metric.name)))
        for part in parts
        for metric in part.metrics
    ]
    order = list(BY_NAME)
    measured.sort(key=lambda m: order.index(m.metric.name))
    has_predictions = last.stage == "post_training"
    return Group(last.facet, last.value_or_threshold, last.counts, has_predictions, tuple(measured))


def group_words(group: Group, names: Names) -> Sentence:
    """``sex = female`` with cleaned names."""
    return named_group(names[group.facet], names[group.value])


def first_metrics(group: Group) -> tuple[Measured, ...]:
    """What the policy judges, the worst first; without one the recommended metrics, or the catalogue's first ones."""
    judged = [(_urgency(m.metric, m.judgement), m) for m in group.measured if m.judgement is not None]
    if judged:
        return tuple(m for _, m in sorted(judged, key=lambda pair: pair[0]))
    found = tuple(m for name in RECOMMENDED if (m := group.get(name)) is not None)
    return found or group.measured[: len(RECOMMENDED)]


def _urgency(metric: MetricValue, judgement: Judgement) -> tuple[int, float, float]:
    """VIOLATION, INCONCLUSIVE, what is undefined and undecided, PASS; inside each the clearest first.

    Many p-values are the least there is: of these the first is the one that lies farthest out.
    """
    is_nothing = metric.value is None and judgement.verdict is Verdict.INCONCLUSIVE
    p = [p for p in (judgement.evidence.p_outside, judgement.evidence.p_inside) if p is not None]
    place = ORDER.index(judgement.verdict) + (judgement.verdict is Verdict.PASS) + is_nothing
    return place, min(p, default=1.0), -_beyond(judgement)


def _beyond(judgement: Judgement) -> float:
    """How far outside the allowed range the interval lies that decides, in the widths that the forest draws."""
    if judgement.verdict is not Verdict.VIOLATION or judgement.deciding is None:
        return 0.0
    scale = allowed_scale(judgement)
    first, second = scale.position(judgement.deciding.low), scale.position(judgement.deciding.high)
    return max(min(first, second) - 0.5, 0.5 - max(first, second))


def other_metrics(group: Group) -> tuple[Measured, ...]:
    """What ``first_metrics`` leaves for the table behind the cards."""
    first = first_metrics(group)
    return tuple(m for m in group.measured if m not in first)


Layout = Literal["rows", "folded", "matrix"]
"""The first screen: every row; what is not PASS, with the rest folded; a matrix and the worst rows."""


def layout_of(groups: tuple[Group, ...], *, is_judged: bool) -> Layout:
    """How much of what was measured the first screen can show.

    Checks of a policy: up to 24 as rows, up to 60 of six groups folded. Without one there is nothing to fold by.
    """
    n_rows = len(checks_of(groups)) if is_judged else sum(len(first_metrics(group)) for group in groups)
    if len(groups) > MOST_FOREST_GROUPS or n_rows > MOST_CHECKS_IN_ROWS:
        return "matrix"
    if n_rows <= MOST_FOREST_ROWS:
        return "rows"
    return "folded" if is_judged else "matrix"


def checks_of(groups: Iterable[Group]) -> tuple[tuple[Group, Measured], ...]:
    """Every metric that was held to a range, group by group, the worst of a group first."""
    return tuple((group, m) for group in groups for m in first_metrics(group) if m.judgement is not None)


def worst_checks(
    groups: Iterable[Group], *, most: int, without_passes: bool = False
) -> tuple[tuple[Group, Measured], ...]:
    """The checks that a reader should see first, over all groups."""
    judged = [
        (_urgency(m.metric, m.judgement), group, m)
        for group, m in checks_of(groups)
        if m.judgement is not None and not (without_passes and m.judgement.verdict is Verdict.PASS)
    ]
    return tuple((group, m) for _, group, m in sorted(judged, key=lambda found: found[0])[:most])


def verdict_matrix_groups(groups: tuple[Group, ...]) -> tuple[Group, ...]:
    """All groups in the order of the configuration; of more than 40 the first 20 by worst verdict, then by size."""
    if len(groups) <= MOST_GROUPS_IN_ORDER:
        return groups
    return tuple(sorted(groups, key=lambda group: (_worst(group), -group.counts.d.rows))[:MOST_MATRIX_ROWS])


def _worst(group: Group) -> int:
    found = (ORDER.index(m.judgement.verdict) for m in group.measured if m.judgement is not None)
    return min(found, default=len(ORDER))


def matrix_groups(groups: tuple[Group, ...]) -> tuple[Group, ...]:
    """All groups in the order of the configuration, or the largest ones when they would not fit."""
    if len(groups) <= MOST_MATRIX_ROWS:
        return groups
    return tuple(sorted(groups, key=lambda g: -g.counts.d.rows)[:MOST_MATRIX_ROWS])


def clearest_gaps(groups: Iterable[Group], *, most: int) -> tuple[tuple[Group, Measured], ...]:
    """Differences of shares, those first that their interval holds farthest from zero, then by size.

    A tiny group shows the widest gaps by chance alone; what the interval rules out is what was seen.
    """
    found = [
        (group, m) for group in groups for name in IN_POINTS
        if (m := group.get(name)) is not None and m.metric.value is not None
    ]  # fmt: skip
    found.sort(key=lambda pair: (-_held_from_zero(pair[1].metric.interval), -abs(_value(pair[1].metric))))
    return tuple(found[:most])


def _value(metric: MetricValue) -> float:
    return metric.value if metric.value is not None else 0.0


def _held_from_zero(interval: Interval | None) -> float:
    return max(interval.low, -interval.high, 0.0) if interval is not None else 0.0


def undefined_metrics(groups: Iterable[Group]) -> tuple[tuple[Group, MetricValue], ...]:
    """Every metric that has no value, group by group; what is only not shown may have one."""
    return tuple(
        (group, m.metric)
        for group in groups
        for m in group.measured
        if m.metric.value is None and not m.metric.is_withheld
    )


def withheld_metrics(groups: Iterable[Group]) -> tuple[tuple[Group, MetricValue], ...]:
    """Every metric that is not shown to this reader, group by group."""
    return tuple((group, m.metric) for group in groups for m in group.measured if m.metric.is_withheld)


def is_shown(group: Group) -> bool:
    """Whether the counts of the group are given, of both sides and of the rows whose facet is unknown."""
    return not any(side.fewer_than for side in (group.counts.a, group.counts.d, group.counts.unknown))


def is_small(counts: FacetCounts, verdicts: VerdictSection | None) -> bool:
    """Whether one side has fewer rows than the policy calls small; nobody can tell of one that is not shown."""
    if counts.d.fewer_than or counts.a.fewer_than:
        return False
    return min(counts.d.rows, counts.a.rows) < (SMALL_GROUP if verdicts is None else verdicts.small_group)
