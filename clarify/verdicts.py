"""Value, interval and policy to PASS, VIOLATION or INCONCLUSIVE: errors held over all verdicts of a report together."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from clarify.bias.deciding import binding_limits, in_agreement, interval_at
from clarify.bias.lattice import N_POINTS
from clarify.config.columns import listed
from clarify.config.policy import Policy
from clarify.results import (
    BiasSection,
    DetectableChange,
    FacetBias,
    Interval,
    Judgement,
    MetricValue,
    Notice,
    RangeEvidence,
    Reason,
    Stage,
    Verdict,
    VerdictSection,
)

# No p of the lattice is smaller: half a point on each of two sides.
SMALLEST_P: Final = 1 / (N_POINTS + 1)

# A smallest change takes about a tenth of a second: nobody reads more of them than these.
MOST_DETECTABLE: Final = 200

# For two classes the three distances are DPL without its sign, and LP times the root of 2.
_SCALES: Final[Mapping[str, float]] = {"DPL": 1.0, "TVD": 1.0, "KS": 1.0, "LP": math.sqrt(2)}

_STAGES: Final[tuple[Stage, ...]] = ("pre_training", "post_training")

Place = tuple[Stage, str, str, str]


@dataclass(frozen=True)
class Step:
    """What Holm's procedure says of one p-value: the level it had to reach, and whether it did."""

    threshold: float
    accepted: bool


@dataclass(frozen=True)
class _Pair:
    """A metric of a group, with the range it is held to."""

    bias: FacetBias
    metric: MetricValue
    evidence: RangeEvidence

    @property
    def place(self) -> Place:
        return self.bias.stage, self.bias.facet, self.bias.value_or_threshold, self.metric.name

    @property
    def p(self) -> float | None:
        """The smaller of both p-values; None where the counts say nothing."""
        outside, inside = self.evidence.p_outside, self.evidence.p_inside
        if outside is None or inside is None or _missing_facet(self.bias) is not None:
            return None
        return min(outside, inside)

    @property
    def tentative(self) -> Verdict:
        outside, inside = self.evidence.p_outside, self.evidence.p_inside
        is_outside = outside is not None and inside is not None and outside < inside
        return Verdict.VIOLATION if is_outside else Verdict.PASS


def holm(p_values: Sequence[float], level: float) -> tuple[Step, ...]:
    """Holm's step-down procedure.

    Sorted from the smallest, the j-th of K has to reach ``level / (K - j + 1)``; from the first that does not, all
    have to reach the level of that one. So a p-value is accepted if and only if it is at most its threshold.

    Returns
    -------
    tuple of Step, in the order of ``p_values``

    References
    ----------
    .. [1] S. Holm, "A simple sequentially rejective multiple test procedure", 1979.

    Examples
    --------
    >>> [step.accepted for step in holm([0.04, 0.01, 0.03], level=0.05)]
    [False, True, False]
    """
    steps: dict[int, Step] = {}
    stopped: float | None = None
    for rank, position in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        threshold = level / (len(p_values) - rank) if stopped is None else stopped
        accepted = p_values[position] <= threshold
        stopped = None if accepted else threshold
        steps[position] = Step(threshold, accepted)
    return tuple(steps[position] for position in range(len(p_values)))


def one_by_one(p_values: Sequence[float], level: float) -> tuple[Step, ...]:
    """Every p-value held to the level by itself: ``family: none``."""
    return tuple(Step(level, p <= level) for p in p_values)


def decide(
    policy: Policy, policy_digest: str, sections: Sequence[BiasSection], *, with_detectable: bool = True
) -> VerdictSection:
    """The verdict on every metric that has an allowed range.

    Parameters
    ----------
    policy : Policy
        Ranges and level. The evidence was gathered by ``evaluate(..., ranges=policy.ranges_of(facet, group))``.
    policy_digest : str
        Names the policy in the result.
    sections : sequence of BiasSection
        Stages of one analysis, in any order.
    with_detectable : bool
        Whether to compute the smallest detectable change of INCONCLUSIVE judgements, 200 of them at the most: it
        takes longer than all else.

    Returns
    -------
    VerdictSection
        Judgements by stage, facet, group and metric. Two-sided p-values, so every verdict agrees with the interval at
        1 minus the level that its p had to reach, ``Judgement.deciding``: PASS when it lies inside the range, VIOLATION
        when it lies apart from it. For a verdict that stands alone that is the interval at ``1 - level``.

    Notes
    -----
    The family holds one test a metric and group with a range and an interval. TVD, KS and LP of two classes are DPL
    without its sign: with equivalent ranges they are one test, and share its verdict. Groups that are judged on the
    same rows, as the values of a facet each against the rest, all count: Holm is then on the safe side.
    """
    pairs = sorted(_pairs(sections), key=lambda pair: (_STAGES.index(pair.bias.stage), *pair.place[1:]))
    leaders = _leaders(pairs)
    tested = {position: pair.p for position, pair in enumerate(pairs) if leaders[position] == position}
    p_values = {position: p for position, p in tested.items() if p is not None}
    adjust = holm if policy.family == "holm" else one_by_one
    steps = dict(zip(p_values, adjust(tuple(p_values.values()), policy.level), strict=True))
    own_level = policy.level / max(len(steps), 1) if policy.family == "holm" else policy.level
    decided = [_judgement(pair, pairs[leader], steps.get(leader), policy.level)
               for pair, leader in zip(pairs, leaders, strict=True)]
    undecided = [position for position, judgement in enumerate(decided) if _is_open(judgement)]
    for position in undecided[:MOST_DETECTABLE] if with_detectable else ():
        decided[position] = replace(decided[position], detectable=_detectable(pairs[position], own_level))
    notices = (
        *_detectable_notices(len(undecided)),
        *_family_notices(policy, len(steps)),
        *_shared_notices(pairs, leaders),
        *_small_group_notices(pairs, policy.small_group),
        *unmatched(policy, sections),
    )
    return VerdictSection(
        policy.name, policy_digest, policy.level, policy.family, len(steps), tuple(decided), tuple(notices),
        policy.small_group,
    )


def _pairs(sections: Sequence[BiasSection]) -> Iterator[_Pair]:
    for section in sections:
        for bias in section.facets:
            for metric in bias.metrics:
                if metric.evidence is not None:
                    yield _Pair(bias, metric, metric.evidence)


def _leaders(pairs: Sequence[_Pair]) -> tuple[int, ...]:
    """For every pair the position of the one whose test it shares; its own where it shares none."""
    first: dict[tuple[object, ...], int] = {}
    leaders = list(range(len(pairs)))
    in_turn = [position for name in _SCALES for position, pair in enumerate(pairs) if pair.metric.name == name]
    for position in in_turn:
        pair = pairs[position]
        edges = _edges_of_difference(pair)
        if edges is not None:
            leaders[position] = first.setdefault((*pair.place[:3], *edges), position)
    return tuple(leaders)


def _edges_of_difference(pair: _Pair) -> tuple[float, float] | None:
    """The allowed range as one of DPL; None where the metric is not DPL in another form."""
    low, high = pair.evidence.low, pair.evidence.high
    if pair.metric.name == "DPL":
        return -1.0 if low is None else _rounded(low), 1.0 if high is None else _rounded(high)
    if high is None:
        return None
    limit = _rounded(high / _SCALES[pair.metric.name])
    return -limit, limit


def _rounded(edge: float) -> float:
    """Twelve digits: LP's limit is a multiple of the root of 2, which no decimal number is."""
    return float(f"{edge:.12g}")


def _judgement(pair: _Pair, leader: _Pair, step: Step | None, level: float) -> Judgement:
    verdict = leader.tentative if step is not None and step.accepted else Verdict.INCONCLUSIVE
    return Judgement(
        *pair.place,
        verdict=verdict,
        value=pair.metric.value,
        interval=pair.metric.interval,
        evidence=pair.evidence,
        reason=_reason(leader, level) if verdict is Verdict.INCONCLUSIVE else None,
        threshold=None if step is None else step.threshold,
        deciding=None if step is None else _deciding(pair, verdict, step.threshold),
    )


def _deciding(pair: _Pair, verdict: Verdict, threshold: float) -> Interval | None:
    """The interval by which the verdict can be read off; None where a rate behind the metric has no rows."""
    found = interval_at(pair.bias, pair.metric.name, threshold)
    if found is None:
        return None
    return in_agreement(found, verdict, *binding_limits(pair.metric.name, pair.evidence.low, pair.evidence.high))


def _is_open(judgement: Judgement) -> bool:
    """Whether there was a test, and it decided nothing."""
    return judgement.verdict is Verdict.INCONCLUSIVE and judgement.threshold is not None


def _reason(pair: _Pair, level: float) -> Reason:
    if pair.p is None:
        return _missing_facet(pair.bias) or pair.metric.undefined_because or Reason.NO_ROWS
    return Reason.FAMILY if pair.p <= level else Reason.TOO_FEW


def _missing_facet(bias: FacetBias) -> Reason | None:
    if bias.counts.d.rows == 0:
        return Reason.EMPTY_FACET
    return Reason.SINGLE_GROUP if bias.counts.a.rows == 0 else None


def _detectable(pair: _Pair, level: float) -> DetectableChange | None:
    from clarify.bias.power import detectable_change  # work for reports that leave something open

    low, high = binding_limits(pair.metric.name, pair.evidence.low, pair.evidence.high)
    return detectable_change(pair.metric.name, pair.bias.counts, low, high, level=level)


# --- what the reader must know ---------------------------------------------------------------------------------


def _detectable_notices(undecided: int) -> Iterator[Notice]:
    if undecided > MOST_DETECTABLE:
        yield Notice(
            "POLICY-MANY-UNDECIDED",
            "policy.ranges",
            f"{undecided:,} checks are undecided; the change that could have been seen was computed for the first"
            f" {MOST_DETECTABLE}",
        )


def _family_notices(policy: Policy, tests: int) -> Iterator[Notice]:
    if policy.family == "none" and tests > 1:
        yield Notice(
            "POLICY-UNADJUSTED",
            "policy.family",
            f"each of {tests} verdicts is wrong with a chance of up to {policy.level:g} by itself; that any of them is"
            " wrong is much more likely",
        )
    if policy.family == "holm" and tests and policy.level / tests < SMALLEST_P:
        yield Notice(
            "POLICY-FAMILY-TOO-LARGE",
            "policy.ranges",
            f"{tests:,} tests share a level of {policy.level:g}: the first would need a p below {SMALLEST_P:.1g}, the"
            " smallest there is; declare fewer ranges or measure fewer groups",
        )


def _shared_notices(pairs: Sequence[_Pair], leaders: Sequence[int]) -> Iterator[Notice]:
    shared = sorted({
        (pair.metric.name, pairs[leader].metric.name)
        for pair, leader in zip(pairs, leaders, strict=True)
        if pair.metric.name != pairs[leader].metric.name
    })
    for name, other in shared:
        yield Notice(
            "POLICY-SAME-TEST",
            "policy.ranges",
            f"{name} of two classes is {other} in another form, and its range is equivalent: it takes the verdict of"
            f" {other} and is not counted again",
        )


def _small_group_notices(pairs: Sequence[_Pair], smallest: int) -> Iterator[Notice]:
    few: dict[str, dict[str, None]] = {}
    for pair in pairs:
        if min(pair.bias.counts.a.rows, pair.bias.counts.d.rows) < smallest:
            few.setdefault(pair.bias.facet, {})[pair.bias.value_or_threshold] = None
    for facet, groups in few.items():
        yield Notice(
            "POLICY-SMALL-GROUP",
            facet,
            f"fewer than {smallest} rows are in the group or outside it: {listed(tuple(groups))}",
        )


def unmatched(policy: Policy, sections: Sequence[BiasSection]) -> Iterator[Notice]:
    """Declared ranges that no metric of no group is held to, and why; a range is never dropped in silence."""
    biases = [bias for section in sections for bias in section.facets]
    held = {
        (rule, metric.name)
        for bias in biases
        for name, rule in policy.rules_of(bias.facet, bias.value_or_threshold).items()
        for metric in bias.metrics
        if metric.name == name
    }
    for position, rule in enumerate(policy.ranges):
        covered = [bias for bias in biases if rule.covers(bias.facet, bias.value_or_threshold)]
        computed = {metric.name for bias in covered for metric in bias.metrics}
        idle = [name for name in rule.metrics if (position, name) not in held]
        if not covered and biases:
            yield _no_group(position, policy, biases)
            continue
        missing = tuple(name for name in idle if name not in computed)
        if missing:
            yield Notice("POLICY-UNMATCHED", f"policy.ranges[{position}].metric",
                         f"not computed: {', '.join(missing)}; methods does not ask for it")
        overruled = tuple(name for name in idle if name in computed)
        if overruled:
            yield Notice("POLICY-UNMATCHED", f"policy.ranges[{position}]",
                         f"every group has a range of its own for {', '.join(overruled)}")


def _no_group(position: int, policy: Policy, biases: Sequence[FacetBias]) -> Notice:
    rule = policy.ranges[position]
    groups = tuple(dict.fromkeys(bias.value_or_threshold for bias in biases if bias.facet == rule.facet))
    if not groups:
        facets = tuple(dict.fromkeys(bias.facet for bias in biases))
        return Notice("POLICY-UNMATCHED", f"policy.ranges[{position}].facet",
                      f"no facet '{rule.facet}'; the analysis has {listed(facets)}")
    return Notice("POLICY-UNMATCHED", f"policy.ranges[{position}].group",
                  f"facet '{rule.facet}' has no group '{rule.group}'; it has {listed(groups)}")
