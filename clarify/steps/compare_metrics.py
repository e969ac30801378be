"""From two results, and the joint counts of their rows where there are some, to one comparison."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from clarify.bias.catalog import BY_NAME
from clarify.bias.contingency import FACET_A, FACET_D, NEGATIVE, POSITIVE, UNKNOWN
from clarify.bias.counted import counted_table
from clarify.bias.deciding import in_agreement
from clarify.bias.paired import (
    COMPARED,
    Difference,
    JointTable,
    gained_and_lost,
    paired_accuracy,
    paired_difference,
    unpaired_accuracy,
    unpaired_difference,
)
from clarify.compared import (
    AccuracyDifference,
    ComparedRun,
    Comparison,
    GroupComparison,
    MetricDifference,
    NotCompared,
    PairCounts,
    Unpaired,
)
from clarify.results import (
    AnalysisResult,
    BiasSection,
    FacetBias,
    MetricValue,
    Notice,
    RangeEvidence,
    Reason,
    Stage,
    Verdict,
)
from clarify.steps.decisions import GroupName, PairedRows
from clarify.steps.tolerances import Tolerances
from clarify.verdicts import holm

LEVEL: Final = 0.95
_STAGES: Final[tuple[Stage, ...]] = ("post_training", "pre_training")


@dataclass(frozen=True)
class RunResult:
    """One run as it was read."""

    run: ComparedRun
    result: AnalysisResult


@dataclass(frozen=True, eq=False)
class _Open:
    """A difference that is not judged yet."""

    metric: MetricDifference
    found: Difference | None = None


def compare_results(
    champion: RunResult, challenger: RunResult, rows: PairedRows | Unpaired, tolerances: Tolerances
) -> Comparison:
    """Every metric of every group of either run, challenger minus champion, judged as one family.

    Parameters
    ----------
    rows : PairedRows or Unpaired
        Joint counts of the same rows, or why there are none: both runs' own counts are then independent.
    """
    paired = rows if isinstance(rows, PairedRows) else None
    sides = [_facets(run.result) for run in (champion, challenger)]
    names = tuple(dict.fromkeys((*sides[0], *sides[1])))
    opened = [_group(name, sides[0].get(name), sides[1].get(name), paired, _same_labels(champion, challenger, rows))
              for name in names]
    groups, tests = _judged(opened, tolerances)
    return Comparison(
        champion=champion.run,
        challenger=challenger.run,
        groups=groups,
        unpaired_because=None if isinstance(rows, PairedRows) else rows,
        agreement=None if paired is None else _pairs(paired.everyone),
        accuracy=_accuracy(sides, paired),
        level=LEVEL,
        tests=tests,
        notices=tuple(_notices(groups, paired, tolerances)),
    )


def same_labels(champion: AnalysisResult, challenger: AnalysisResult) -> bool:
    """Whether both runs read the same rows and call the same labels positive."""
    return same_rows(champion, challenger) and _label(champion) == _label(challenger)


def same_rows(champion: AnalysisResult, challenger: AnalysisResult) -> bool:
    """Whether both runs read the same bytes: equal digests and equal numbers of rows."""
    one, other = champion.dataset, challenger.dataset
    return (one.digest, one.rows) == (other.digest, other.rows)


def _label(result: AnalysisResult) -> tuple[str, str] | None:
    section = result.post_training or result.pre_training
    return None if section is None else (section.label, section.label_value_or_threshold)


def _same_labels(champion: RunResult, challenger: RunResult, rows: PairedRows | Unpaired) -> bool:
    return rows is not Unpaired.CODING_DIFFERS and same_labels(champion.result, challenger.result)


Stages = Mapping[Stage, FacetBias]


def _facets(result: AnalysisResult) -> dict[GroupName, dict[Stage, FacetBias]]:
    sections: dict[Stage, BiasSection | None] = {
        "post_training": result.post_training, "pre_training": result.pre_training,
    }
    found: dict[GroupName, dict[Stage, FacetBias]] = {}
    for stage in _STAGES:
        section = sections[stage]
        for facet in section.facets if section is not None else ():
            found.setdefault((facet.facet, facet.value_or_threshold), {})[stage] = facet
    return found


# --- one group --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class _OpenGroup:
    group: GroupComparison
    metrics: tuple[_Open, ...]


def _group(
    name: GroupName, champion: Stages | None, challenger: Stages | None, paired: PairedRows | None, same: bool
) -> _OpenGroup:
    table = None if paired is None else paired.tables.get(name)
    metrics = tuple(
        _metric(stage, metric, before, after, table, paired, same)
        for stage in _STAGES
        for metric, before, after in _in_both(stage, champion, challenger)
    )
    group = GroupComparison(
        *name,
        champion_rows=_rows(champion),
        challenger_rows=_rows(challenger),
        metrics=(),
        pairs_d=None if table is None else _pairs(table.counts[FACET_D].sum(axis=3)),
        pairs_a=None if table is None else _pairs(table.counts[FACET_A].sum(axis=3)),
    )
    return _OpenGroup(group, metrics)


Side = tuple[MetricValue, FacetBias] | None


def _in_both(stage: Stage, champion: Stages | None, challenger: Stages | None) -> Iterator[tuple[str, Side, Side]]:
    """The metrics of either run in the order of the catalogue."""
    before, after = (_by_name(stages.get(stage) if stages is not None else None) for stages in (champion, challenger))
    for name in BY_NAME:
        if name in before or name in after:
            yield name, before.get(name), after.get(name)


def _by_name(facet: FacetBias | None) -> dict[str, tuple[MetricValue, FacetBias]]:
    return {} if facet is None else {metric.name: (metric, facet) for metric in facet.metrics}


def _metric(
    stage: Stage, name: str, before: Side, after: Side, table: JointTable | None, paired: PairedRows | None, same: bool
) -> _Open:
    published = MetricDifference(
        stage,
        name,
        champion=None if before is None else before[0].value,
        challenger=None if after is None else after[0].value,
        undefined_champion=None if before is None else before[0].undefined_because,
        undefined_challenger=None if after is None else after[0].undefined_because,
    )
    reason = _never_compared(stage, name, before, after, same)
    if reason is None and name == "CDDPL" and paired is not None and not paired.same_strata:
        reason = NotCompared.OTHER_STRATA
    if reason is not None or before is None or after is None:
        return _Open(replace(published, not_compared=reason))
    if table is not None:
        found = paired_difference(name, table)
    else:
        found = unpaired_difference(name, counted_table(before[1]), counted_table(after[1]))
    return _Open(_measured(published, found), found)


def _never_compared(stage: Stage, name: str, before: Side, after: Side, same: bool) -> NotCompared | None:
    if before is None:
        return NotCompared.ONLY_CHALLENGER
    if after is None:
        return NotCompared.ONLY_CHAMPION
    if stage == "pre_training":
        return NotCompared.SAME_LABELS if same else NotCompared.LABELS_ONLY
    if name == "FT":
        return NotCompared.NEEDS_NEIGHBOURS
    return None if name in COMPARED else NotCompared.NOT_OF_GROUPS


def _measured(published: MetricDifference, found: Difference) -> MetricDifference:
    return replace(
        published,
        champion=found.champion,
        challenger=found.challenger,
        difference=found.value,
        interval=None if found.plausible is None else found.plausible.interval(LEVEL),
        not_compared=NotCompared.UNDEFINED if found.value is None else None,
        undefined_champion=found.undefined_champion,
        undefined_challenger=found.undefined_challenger,
    )


def _rows(stages: Stages | None) -> tuple[int, int]:
    """Rows of facet d and facet a."""
    if not stages:
        return 0, 0
    counts = next(iter(stages.values())).counts
    return counts.d.rows, counts.a.rows


# --- all rows ---------------------------------------------------------------------------------------------------------


def _pairs(cells: NDArray[np.int64]) -> PairCounts:
    """From cells of shape (3 labels, 3 champion's, 3 challenger's decisions)."""
    by_decision = cells.sum(axis=0)
    rows = int(by_decision[:UNKNOWN, :UNKNOWN].sum())
    return PairCounts(
        rows=rows,
        to_positive=int(by_decision[NEGATIVE, POSITIVE]),
        to_negative=int(by_decision[POSITIVE, NEGATIVE]),
        left_out=int(by_decision.sum()) - rows,
    )


def _accuracy(
    sides: Sequence[Mapping[GroupName, Stages]], paired: PairedRows | None
) -> AccuracyDifference | None:
    gained = lost = None
    if paired is not None:
        cells = paired.everyone[:, :UNKNOWN, :UNKNOWN]
        found = paired_accuracy(cells)
        gained, lost = gained_and_lost(cells)
    else:
        facets = [facet for side in sides for facet in _first_of_predictions(side)]
        if len(facets) < len(sides):
            return None
        found = unpaired_accuracy(*(counted_table(facet).everyone for facet in facets))
    if found.champion is None or found.challenger is None or found.value is None or found.plausible is None:
        return None
    return AccuracyDifference(
        found.champion, found.challenger, found.value, found.plausible.interval(LEVEL), gained, lost
    )


def _first_of_predictions(side: Mapping[GroupName, Stages]) -> tuple[FacetBias, ...]:
    """Every group counts all rows: one is enough."""
    return tuple(stages["post_training"] for stages in side.values() if "post_training" in stages)[:1]


# --- verdicts ---------------------------------------------------------------------------------------------------------


def _judged(opened: Sequence[_OpenGroup], tolerances: Tolerances) -> tuple[tuple[GroupComparison, ...], int]:
    """All groups with their metrics judged, and the size of the family."""
    evidence = [[_evidence(one, tolerances) for one in group.metrics] for group in opened]
    places = [(i, j) for i, row in enumerate(evidence) for j, one in enumerate(row) if one is not None and _p(one)]
    steps = dict(zip(places, holm([_smaller(evidence[i][j]) for i, j in places], 1 - LEVEL), strict=True))
    groups = []
    for i, group in enumerate(opened):
        metrics = []
        for j, one in enumerate(group.metrics):
            step = steps.get((i, j))
            threshold, accepted = (None, False) if step is None else (step.threshold, step.accepted)
            metrics.append(_decided(one, evidence[i][j], threshold, accepted))
        groups.append(replace(group.group, metrics=tuple(metrics)))
    return tuple(groups), len(places)


def _evidence(one: _Open, tolerances: Tolerances) -> RangeEvidence | None:
    """Against the declared band; None where no band is declared, or the metric is never compared."""
    tolerance = tolerances.of(one.metric.metric)
    if tolerance is None or one.found is None:
        return None
    if one.found.plausible is None:
        return RangeEvidence(-tolerance, tolerance)
    p = one.found.plausible.tail_p(-tolerance, tolerance)
    return RangeEvidence(-tolerance, tolerance, p.outside, p.inside)


def _p(evidence: RangeEvidence) -> bool:
    return evidence.p_outside is not None and evidence.p_inside is not None


def _smaller(evidence: RangeEvidence | None) -> float:
    both = () if evidence is None else (evidence.p_outside, evidence.p_inside)
    return min((p for p in both if p is not None), default=1.0)


def _decided(
    one: _Open, evidence: RangeEvidence | None, threshold: float | None, accepted: bool
) -> MetricDifference:
    if evidence is None:
        return one.metric
    metric = replace(one.metric, evidence=evidence, verdict=Verdict.INCONCLUSIVE, threshold=threshold)
    if threshold is None or one.found is None or one.found.plausible is None:
        return replace(metric, reason=metric.undefined_champion or metric.undefined_challenger or Reason.NO_ROWS)
    if accepted:
        metric = replace(metric, verdict=_tentative(evidence))
    else:
        metric = replace(metric, reason=Reason.FAMILY if _smaller(evidence) <= 1 - LEVEL else Reason.TOO_FEW)
    verdict = metric.verdict or Verdict.INCONCLUSIVE
    deciding = one.found.plausible.interval(1 - threshold)
    return replace(metric, deciding=in_agreement(deciding, verdict, evidence.low, evidence.high))


def _tentative(evidence: RangeEvidence) -> Verdict:
    outside, inside = evidence.p_outside, evidence.p_inside
    return Verdict.VIOLATION if outside is not None and inside is not None and outside < inside else Verdict.PASS


# --- what the reader must know ----------------------------------------------------------------------------------------


def _notices(
    groups: Sequence[GroupComparison], paired: PairedRows | None, tolerances: Tolerances
) -> Iterator[Notice]:
    if paired is not None and (lost := _pairs(paired.everyone).left_out):
        yield Notice("CMP-LEFT-OUT", "decisions", f"{lost:,} rows that a model left undecided are in no pair, and in"
                     " neither value: values can differ from those of the runs' own reports")
    judged = {metric.metric for group in groups for metric in group.metrics if metric.verdict is not None}
    idle = [name for name, _ in tolerances.by_metric if name not in judged]
    if idle:
        yield Notice("CMP-UNUSED-TOLERANCE", "--tolerance", f"not compared here: {', '.join(idle)}")
    if tolerances.shares is not None and not any(tolerances.of(name) == tolerances.shares for name in judged):
        yield Notice("CMP-UNUSED-TOLERANCE", "--tolerance", "no difference of shares is compared here")
