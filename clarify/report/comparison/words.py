"""What a comparison says: how far two models' gaps lie apart, how well that is known, why something is missing."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from clarify.bias.catalog import BY_NAME
from clarify.compared import (
    AccuracyDifference,
    Comparison,
    GroupComparison,
    MetricDifference,
    NotCompared,
    PairCounts,
    Unpaired,
)
from clarify.report import numbers
from clarify.report.comparison.cells import edges_of
from clarify.report.words import REASONS, Sentence, name, say, some, strong
from clarify.results import Interval, Reason, Verdict

SHARES = frozenset(("DPPL", "RD", "SD", "AD", "DAR", "DRR", "CDDPL"))
"""Metrics that are differences of shares, said in points."""

UNPAIRED: dict[Unpaired, str] = {
    Unpaired.ROWS_DIFFER: "the two runs read different rows",
    Unpaired.CODING_DIFFERS: "the two runs code label or groups of the same rows differently",
    Unpaired.NO_DECISIONS: "a run did not leave its decisions row by row",
    Unpaired.WITHHELD: "pairs of the two runs would give away counts too small to be shown",
}

NOT_COMPARED: dict[NotCompared, str] = {
    NotCompared.SAME_LABELS: "It reads labels alone, and both runs have the same: equal by construction.",
    NotCompared.LABELS_ONLY: "It reads labels alone, on different rows: it says nothing of the models.",
    NotCompared.NEEDS_NEIGHBOURS: "Its value hangs on neighbouring rows, for which no interval of a difference exists.",
    NotCompared.NOT_OF_GROUPS: "It does not look at groups; each run's report has it.",
    NotCompared.OTHER_STRATA: "The two runs condition on different group variables.",
    NotCompared.ONLY_CHAMPION: "Only the champion's run measured it.",
    NotCompared.ONLY_CHALLENGER: "Only the challenger's run measured it.",
    NotCompared.WITHHELD: "Withheld: counts too small to be shown stand behind it, or could be worked out from it.",
}

CANNOT_SHOW: tuple[str, ...] = (
    "A smaller gap is not a better model by itself: both groups may be worse off than before.",
    "A tolerance bounds how far a value moves, to either side; moving towards no difference counts alike.",
    "The intervals speak of rows like these, not of other people, places or times.",
    "Labels can be wrong or missing, above all of people who were once rejected; both models are held to them.",
    "Explanations, segments, crossed facets, single classes and continuous outcomes are not compared; each run's own"
    " report has them.",
)


@dataclass(frozen=True)
class _Gap:
    """Two signed gaps of one metric; ``sign`` makes the change positive when the gap grows."""

    before: float
    after: float

    @property
    def turns(self) -> bool:
        return self.before * self.after < 0

    @property
    def sign(self) -> int:
        larger = self.before if self.before != 0 else self.after
        return -1 if larger < 0 else 1


def pairing_sentence(comparison: Comparison) -> Sentence:
    """Whether rows were matched one by one, and what follows from it."""
    if comparison.unpaired_because is None:
        return say(strong("Paired"), ": the same rows under both models, so rows that both decide alike add no noise.")
    why = UNPAIRED[comparison.unpaired_because]
    return say(strong("Unpaired: intervals are wider"), f", since {why}.")


def agreement_sentence(pairs: PairCounts) -> Sentence:
    """``The two models decide alike on 9,312 of 9,812 rows.``"""
    return say(
        "The two models decide alike on ", strong(f"{numbers.count(pairs.alike)} of {some(pairs.rows, 'row', 'rows')}"),
        ".", *_directions(pairs),
    )  # fmt: skip


def _directions(pairs: PairCounts) -> tuple[Sentence, ...]:
    if pairs.alike == pairs.rows:
        return ()
    more, fewer = numbers.count(pairs.to_positive), numbers.count(pairs.to_negative)
    return (say(f" {more} positive with the challenger only, {fewer} with the champion only."),)


def group_pairs_sentence(group: GroupComparison) -> Sentence:
    """How many rows of each side of a group the models decide differently."""
    if group.pairs_d is None or group.pairs_a is None:
        return ()
    return say("Decided differently: ", _different(group.pairs_d), " of the named group, ",
               _different(group.pairs_a), " of the other rows.")  # fmt: skip


def _different(pairs: PairCounts) -> str:
    changed = numbers.count(pairs.to_positive + pairs.to_negative)
    if changed == "0":
        return f"none of {some(pairs.rows, 'row', 'rows')}"
    return (f"{changed} of {some(pairs.rows, 'row', 'rows')} ({numbers.count(pairs.to_positive)} to positive,"
            f" {numbers.count(pairs.to_negative)} to negative)")  # fmt: skip


def accuracy_sentence(accuracy: AccuracyDifference) -> Sentence:
    """All rows with a label, whatever their group."""
    champion, challenger = numbers.percent(accuracy.champion), numbers.percent(accuracy.challenger)
    both = f"Of all rows with a label the challenger decides {challenger} rightly and the champion {champion}: "
    size = abs(accuracy.difference)
    how = "no difference" if size == 0 else f"{_fine(size)} points {'more' if accuracy.difference > 0 else 'fewer'}"
    return say(both, strong(how), f" ({numbers.level(accuracy.interval)} interval "
               f"{_sides(accuracy.interval, _fine, 'more', 'fewer')}).")  # fmt: skip


def difference_sentence(metric: MetricDifference, group: Sentence) -> Sentence:
    """``The challenger's gap in positive decisions for sex = f is 3 points smaller (95 % interval 1 to 5 smaller).``"""
    title = _lower(BY_NAME[metric.metric].title)
    if metric.not_compared is NotCompared.WITHHELD:
        return say(f"The change in {title} for ", group, " is withheld.")
    if metric.difference is None or metric.champion is None or metric.challenger is None:
        return why_not(metric)
    if metric.metric not in SHARES:
        return _value_sentence(metric, title, group, metric.champion, metric.challenger)
    gap = _Gap(metric.champion, metric.challenger)
    if gap.turns:
        return _turned_sentence(metric, title, group, gap)
    edges = edges_of(metric)
    change = gap.sign * metric.difference
    head = say(f"The challenger's gap in {title} for ", group, " is ")
    limits = "" if metric.interval is None else _limits(metric.interval, gap.sign, edges)
    if change == 0:
        return say(head, strong("the same"), limits, ".")
    amount = numbers.points(change, edges=edges)
    how = f"{amount} {_unit(amount)} {'larger' if change > 0 else 'smaller'}"
    return say(head, strong(how), limits, ".")


def _turned_sentence(metric: MetricDifference, title: str, group: Sentence, gap: _Gap) -> Sentence:
    edges = edges_of(metric)
    before, after, moved = _adding_up(gap, edges)
    interval = ""
    if metric.interval is not None:
        ends = sorted((abs(metric.interval.low), abs(metric.interval.high)))
        low = "less than 0" if metric.interval.low < 0 < metric.interval.high else numbers.points(ends[0], edges=edges)
        interval = f" ({numbers.level(metric.interval)} interval {low} to {numbers.points(ends[1], edges=edges)})"
    return say(
        f"The gap in {title} for ", group, f" turns: {before} {_unit(before)} with the champion, {after} the other way"
        " with the challenger, a change of ", strong(f"{moved} {_unit(moved)}"), interval, ".",
    )  # fmt: skip


def _adding_up(gap: _Gap, edges: tuple[float, ...]) -> tuple[str, str, str]:
    """Both gaps and the change in points; with a decimal where whole points would not add up."""
    sizes = [abs(gap.before), abs(gap.after), abs(gap.after - gap.before)]
    before, after, moved = (round(100 * size) for size in sizes)
    whole = before > 0 and after > 0 and before + after == moved
    return tuple(numbers.points(size, edges=edges) if whole else _fine(size) for size in sizes)  # type: ignore[return-value]


def _value_sentence(
    metric: MetricDifference, title: str, group: Sentence, champion: float, challenger: float
) -> Sentence:
    difference = metric.difference or 0.0
    interval = ""
    if metric.interval is not None:
        interval = f" ({numbers.level(metric.interval)} interval {numbers.interval(metric.interval)})"
    return say(
        f"{title[0].upper()}{title[1:]} for ", group, f" is {numbers.decimal(champion)} with the champion and "
        f"{numbers.decimal(challenger)} with the challenger, a change of ", strong(numbers.decimal(difference)),
        interval, ".",
    )  # fmt: skip


def _limits(interval: Interval, sign: int, edges: tuple[float, ...]) -> str:
    turned = interval if sign > 0 else Interval(-interval.high, -interval.low, interval.level)
    show: Callable[[float], str] = lambda value: numbers.points(value, edges=edges)  # noqa: E731
    return f" ({numbers.level(interval)} interval {_sides(turned, show, 'larger', 'smaller')})"


def _sides(interval: Interval, show: Callable[[float], str], more: str, less: str) -> str:
    """``1 to 5 smaller``, ``2 smaller to 1 larger``; the end that is nearer to no change comes first."""
    low, high = interval.low, interval.high
    if low >= 0:
        return f"{show(low)} to {show(high)} {more}"
    if high <= 0:
        return f"{show(-high)} to {show(-low)} {less}"
    return f"{show(-low)} {less} to {show(high)} {more}"


def _fine(share: float) -> str:
    """Points with one decimal: a change of accuracy is small."""
    return numbers.decimal(100 * share, 1)


def _unit(text: str) -> str:
    return "point" if text in ("1", "less than 1") else "points"


def _lower(title: str) -> str:
    return title[0].lower() + title[1:]


def why_not(metric: MetricDifference) -> Sentence:
    """Why a metric has no difference, in words."""
    if metric.not_compared is None or metric.not_compared is NotCompared.UNDEFINED:
        return say(_undefined(metric))
    return say(NOT_COMPARED[metric.not_compared])


def _undefined(metric: MetricDifference) -> str:
    reasons = (("champion", metric.undefined_champion), ("challenger", metric.undefined_challenger))
    found = [(run, reason) for run, reason in reasons if reason is not None]
    if len(found) == 2 and found[0][1] is found[1][1]:
        return f"Undefined for both: {REASONS[found[0][1]]}."
    said = "; ".join(f"for the {run}: {REASONS[reason]}" for run, reason in found)
    return f"Undefined {said or 'in one of the runs'}."


def decision_sentence(metric: MetricDifference, tests: int) -> Sentence:
    """What was decided against the declared tolerance; empty without one."""
    if metric.verdict is None or metric.evidence is None or metric.evidence.high is None:
        return ()
    allowed = f" ({tolerance_text(metric)})"
    accounting = f", after accounting for all {tests} checks" if tests > 1 else ""
    if metric.verdict is Verdict.VIOLATION:
        return say(strong("Outside the range you allow"), allowed, accounting, ".")
    if metric.verdict is Verdict.PASS:
        return say(strong("Inside the range you allow"), allowed, accounting, ".")
    return say(strong("Cannot be decided"), f": {_why_open(metric, tests)}.")


def _why_open(metric: MetricDifference, tests: int) -> str:
    allowed = f"the range you allow ({tolerance_text(metric)})"
    if metric.reason is Reason.TOO_FEW:
        return f"the interval reaches both into {allowed} and out of it"
    if metric.reason is Reason.FAMILY:
        return f"taken alone it would be decided against {allowed}, but among {tests} checks it can be chance"
    if metric.reason is Reason.WITHHELD:
        return "the reason is not shown either"
    return REASONS[metric.reason] if metric.reason is not None else "the reason was not recorded"


def tolerance_text(metric: MetricDifference) -> str:
    """``−0.02 to 0.02``, with as many decimals as the tolerance has."""
    evidence = metric.evidence
    if evidence is None or evidence.low is None or evidence.high is None:
        return ""
    decimals = numbers.FOREST_DECIMALS
    while decimals < 6 and not math.isclose(round(evidence.high, decimals), evidence.high, rel_tol=1e-9):
        decimals += 1
    return numbers.interval(Interval(evidence.low, evidence.high), decimals)


def overall_sentence(comparison: Comparison) -> Sentence:
    """How many checks came out how, and what is promised of them; without a tolerance, that there is none."""
    n = len(comparison.verdicts)
    if n == 0:
        return say("No tolerance was declared, so there is no verdict.")
    outside, inside, left = (comparison.count(v) for v in (Verdict.VIOLATION, Verdict.PASS, Verdict.INCONCLUSIVE))
    if left == n:
        return say(strong(f"None of {some(n, 'check', 'checks')}"), " can be decided with this much data.")
    undecided = say(", and ", strong(f"{left}"), " cannot be decided with this much data") if left else ()
    promise = f"The chance that any PASS or VIOLATION here is wrong is at most {100 - 100 * comparison.level:.3g} %."
    return say(
        f"Of {some(n, 'check', 'checks')}, ", strong(f"{_is(outside)} outside"), " the range you allow",
        ", " if left else " and ", strong(f"{_is(inside)} inside"), undecided, ". ", promise,
    )  # fmt: skip


def _is(count: int) -> str:
    return "none is" if count == 0 else "1 is" if count == 1 else f"{count} are"


def model_words(model_name: str, version: str | None, digest: str | None) -> Sentence:
    """``credit, version 3 (a1b2c3d4e5f6)``; names already cleaned."""
    said = say(name(model_name))
    if version is not None:
        said = say(said, ", version ", name(version))
    return said if digest is None else say(said, f" ({digest[:12]})")
