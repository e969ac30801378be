"""Verdicts in words and signs: the chip of a check, the range it was held to, the phrase that says it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from clarify.bias.catalog import BY_NAME
from clarify.report import numbers
from clarify.report.groups.rates import SHARES
from clarify.report.words import REASONS, Sentence, out_of, rows_among, say, some, strong
from clarify.results import (
    DetectableChange,
    FacetCounts,
    Interval,
    Judgement,
    MetricValue,
    Reason,
    Verdict,
    VerdictSection,
)

State = Literal["pass", "violation", "inconclusive", "norange", "undefined", "error"]


@dataclass(frozen=True)
class Chip:
    """The state of a check: the class that draws it and the word that says it."""

    state: State
    word: str


NO_RANGE = Chip("norange", "NO RANGE")
UNDEFINED = Chip("undefined", "UNDEFINED")
WITHHELD = Chip("undefined", "WITHHELD")
OF_VERDICT: dict[Verdict, Chip] = {
    Verdict.PASS: Chip("pass", "PASS"),
    Verdict.VIOLATION: Chip("violation", "VIOLATION"),
    Verdict.INCONCLUSIVE: Chip("inconclusive", "INCONCLUSIVE"),
}
ORDER = (Verdict.VIOLATION, Verdict.INCONCLUSIVE, Verdict.PASS)


def chip_of(metric: MetricValue, judgement: Judgement | None) -> Chip:
    """The state of a metric: its verdict, or why it has none."""
    if judgement is not None:
        return OF_VERDICT[judgement.verdict]
    if metric.undefined_because is Reason.WITHHELD:
        return WITHHELD
    return UNDEFINED if metric.value is None else NO_RANGE


def allowed_range(judgement: Judgement) -> Interval:
    """The range somebody declared, infinite where it has no limit."""
    low, high = judgement.evidence.low, judgement.evidence.high
    return Interval(-math.inf if low is None else low, math.inf if high is None else high)


def edges_of(judgement: Judgement | None) -> tuple[float, ...]:
    """The limits of the declared range that a number must not be rounded across."""
    if judgement is None:
        return ()
    return tuple(e for e in (judgement.evidence.low, judgement.evidence.high) if e is not None and math.isfinite(e))


def allowed_text(judgement: Judgement, decimals: int = numbers.FOREST_DECIMALS) -> str:
    """``−0.10 to 0.10``, ``0.80 or more``; as many decimals as tell the limits apart from rounded ones."""
    return numbers.interval(allowed_range(judgement), _enough_decimals(edges_of(judgement), decimals))


def _enough_decimals(edges: tuple[float, ...], decimals: int = numbers.FOREST_DECIMALS) -> int:
    while decimals < 6 and any(round(edge, decimals) != edge for edge in edges):
        decimals += 1
    return decimals


def state_sentence(metric: MetricValue, judgement: Judgement | None) -> Sentence:
    """What follows the sentence of a metric that has no value and no verdict; empty for the others."""
    if judgement is not None or metric.value is not None:
        return ()
    word = "Withheld" if metric.undefined_because is Reason.WITHHELD else "Undefined"
    return say(strong(word), ", so no verdict.")


def decision_sentence(judgement: Judgement, section: VerdictSection, *, beside_chart: bool = False) -> Sentence:
    """What was decided of one check, with the range; where nothing was, why not.

    ``beside_chart``: it follows the metric's own sentence and may point at the thin bar of its drawing.
    """
    if judgement.verdict is Verdict.INCONCLUSIVE:
        return say(strong("Cannot be decided"), ": ", _why(judgement, section, beside_chart=beside_chart), ".")
    side = "Outside" if judgement.verdict is Verdict.VIOLATION else "Inside"
    return say(strong(f"{side} the range you allow"), f" ({allowed_text(judgement)}){_accounting(section)}.")


def _accounting(section: VerdictSection) -> str:
    if section.tests < 2 or section.family == "none":
        return ""
    return f", after accounting for all {numbers.count(section.tests)} checks"


def _why(judgement: Judgement, section: VerdictSection, *, beside_chart: bool) -> str:
    if judgement.reason is Reason.TOO_FEW:
        return f"the interval reaches both into the range you allow ({allowed_text(judgement)}) and out of it"
    if judgement.reason is Reason.FAMILY:
        return _chance(judgement, section, beside_chart=beside_chart)
    if judgement.reason is Reason.WITHHELD:
        return "the reason is not shown either"
    if beside_chart and judgement.reason is Reason.EMPTY_FACET:
        return "the group is empty"
    if beside_chart and judgement.reason is Reason.SINGLE_GROUP:
        return "the other group is empty"
    return REASONS[judgement.reason] if judgement.reason is not None else "the reason was not recorded"


def _chance(judgement: Judgement, section: VerdictSection, *, beside_chart: bool) -> str:
    """Decided alone, open among all: the interval that counts all checks reaches over the edge."""
    outside, inside = judgement.evidence.p_outside, judgement.evidence.p_inside
    chance = f"but among {numbers.count(section.tests)} checks one such result can be chance"
    allowed = f"the range you allow ({allowed_text(judgement)})"
    if outside is None or inside is None:
        return f"taken alone it would be decided against {allowed}, {chance}"
    side, over = ("outside", "back into") if outside < inside else ("inside", "out of")
    alone = f"taken alone the interval lies {side}, {chance}"
    if judgement.deciding is None:
        return f"{alone}. You allow {allowed_text(judgement)}"
    if beside_chart:
        return f"{alone}. The thin bar, which counts all checks, reaches {over} {allowed}"
    limits = numbers.interval(judgement.deciding, edges=edges_of(judgement))
    return f"{alone}. The interval that counts all checks, {limits}, reaches {over} {allowed}"


@dataclass(frozen=True)
class _Side:
    """One side of the allowed range in the words of a check: ``edge`` None where it has no limit."""

    edge: float | None
    seen: float | None
    is_impossible: bool
    is_ahead: bool                            # in the direction of the gap that was measured


def detectable_words(judgement: Judgement, counts: FacetCounts | None = None, *, others: Sentence = ()) -> Sentence:
    """What these rows could have shown, as a gap where shares are compared; a side that cannot occur is said to be so.

    ``counts`` give the share that makes a side impossible.
    """
    change = judgement.detectable
    if change is None:
        return ()
    if _is_gap(judgement, change):
        sides = _sides(judgement, change)
        return say(_reliable_gaps(sides, change), *(_impossible_gap(s, judgement, counts, others) for s in sides))
    seen = _reliable_values(judgement, change)
    reliable = f" Only {seen} would be reported reliably ({_odds(change)})." if seen else ""
    return say(
        reliable or _nothing_seen(_what(judgement), _sides(judgement, change)), _impossible_values(judgement, change)
    )


def smallest_seen(judgement: Judgement) -> str:
    """``19 or more``: the smallest change that would have been reported reliably, in points as the gap beside it is.

    In the direction of the value; where there is none, in the other; ``below 0.62 or above 1.61`` of what is no gap.
    Empty where there is none at all.
    """
    change = judgement.detectable
    if change is None:
        return ""
    if not _is_gap(judgement, change):
        return _seen_values(change)
    ahead, back = _sides(judgement, change)
    seen = back.seen if ahead.seen is None else ahead.seen
    if seen is None:
        return ""
    return f"{numbers.points_at_least(seen)} or more{' the other way' if ahead.seen is None else ''}"


def _is_gap(judgement: Judgement, change: DetectableChange) -> bool:
    """Whether both changes are gaps in points, one to each side of no difference."""
    kind = BY_NAME[judgement.metric].kind
    is_around_zero = (change.below is None or change.below < 0) and (change.above is None or change.above > 0)
    return judgement.metric in SHARES and kind == "difference" and bool(judgement.value) and is_around_zero


def _sides(judgement: Judgement, change: DetectableChange) -> tuple[_Side, _Side]:
    """Both sides of the range, the one in whose direction the value lies first."""
    is_positive = (judgement.value or 0.0) > 0
    above = _Side(judgement.evidence.high, change.above, change.impossible_above, is_positive)
    below = _Side(judgement.evidence.low, change.below, change.impossible_below, not is_positive)
    return (above, below) if is_positive else (below, above)


def _reliable_gaps(sides: tuple[_Side, _Side], change: DetectableChange) -> str:
    ahead, back = sides
    if ahead.seen is None and back.seen is None:
        return _nothing_seen("gap", sides)
    where = []
    if ahead.seen is not None:
        where.append(f"above {numbers.points_unit(numbers.points_at_least(ahead.seen))}")
    if back.seen is not None:
        size = numbers.points_unit(numbers.points_at_least(back.seen))
        where.append(f"above {size} in the other direction")
    found = ", or ".join(where) + ("," if len(where) > 1 else "")
    if ahead.seen is not None and found == f"{where[0]}, or {where[0]} in the other direction,":
        found = f"{where[0]} in either direction"
    return f" Only a gap {found} would be reported reliably ({_odds(change)})."


def _nothing_seen(what: str, sides: tuple[_Side, _Side]) -> str:
    is_open = any(side.edge is not None and not side.is_impossible for side in sides)
    return f" With these rows no {what} outside the range would be reported reliably." if is_open else ""


def _odds(change: DetectableChange) -> str:
    odds = "4 times in 5" if change.power == 0.8 else f"{100 * change.power:g} times in 100"
    return f"{odds}, by simulated tables" if change.approximate else odds


def _impossible_gap(side: _Side, judgement: Judgement, counts: FacetCounts | None, others: Sentence) -> Sentence:
    """Why one side cannot be left: the share of the other group bounds the gap."""
    if not side.is_impossible or side.edge is None:
        return ()
    phrase = SHARES[judgement.metric]
    share = phrase.of_group(counts.a) if counts is not None else None
    where = "this gap" if side.is_ahead else "a gap in the other direction"
    if share is None or not share.of:
        return say(f" With these shares {where} cannot leave the range you allow.")
    frequency, number = out_of(share)
    verb = phrase.verb.one if number == 1 else phrase.verb.many
    return say(
        f" As {frequency} ", rows_among(others, phrase), f" {verb} {phrase.state}, {where} ",
        _bound(share.value, side, judgement), ".",
    )  # fmt: skip


def _bound(share_a: float, side: _Side, judgement: Judgement) -> str:
    """The widest gap that one share leaves room for, where the measured share agrees that it lies in the range."""
    is_above = side.is_ahead == ((judgement.value or 0.0) > 0)
    widest = share_a if is_above != BY_NAME[judgement.metric].is_mirrored else 1 - share_a
    if side.edge is None or widest > abs(side.edge):
        return "cannot leave the range you allow"
    return f"cannot exceed {numbers.points_unit(numbers.points_at_least(widest))}, which the range allows"


def _reliable_values(judgement: Judgement, change: DetectableChange) -> str:
    """``a value below 0.62 or above 1.60``; empty where nothing would be seen."""
    seen = _seen_values(change)
    return f"a {_what(judgement)} {seen}" if seen else ""


def _seen_values(change: DetectableChange) -> str:
    return " or ".join(
        f"{word} {_rounded_out(value, up=word == 'above')}"
        for word, value in (("below", change.below), ("above", change.above))
        if value is not None
    )


def _what(judgement: Judgement) -> str:
    return "ratio" if BY_NAME[judgement.metric].kind == "ratio" else "value"


def _rounded_out(value: float, *, up: bool) -> str:
    """Two decimals, away from the range, so that what is named would indeed be seen."""
    if not math.isfinite(value) or abs(value) >= 1e6:
        return numbers.decimal(value)
    scaled = 100 * value
    return numbers.decimal((math.ceil(scaled - 1e-9) if up else math.floor(scaled + 1e-9)) / 100)


def _impossible_values(judgement: Judgement, change: DetectableChange) -> str:
    sides = [
        f"{word} {numbers.decimal(edge, _enough_decimals((edge,)))}"
        for word, edge, holds in (
            ("below", judgement.evidence.low, change.impossible_below),
            ("above", judgement.evidence.high, change.impossible_above),
        )
        if holds and edge is not None and math.isfinite(edge)
    ]
    return f" With these shares it cannot lie {' or '.join(sides)}." if sides else ""


def overall_sentence(section: VerdictSection) -> Sentence:
    """The one sentence on top: how many checks came out how, and what is promised of them."""
    n = len(section.judgements)
    if n == 0:
        return say(strong("No check"), " of the policy could be made: it declares no range for what was measured.")
    outside, inside, open_ = (section.count(v) for v in (Verdict.VIOLATION, Verdict.PASS, Verdict.INCONCLUSIVE))
    if open_ == n:
        return say(strong(f"None of {some(n, 'check', 'checks')}"), " can be decided with this much data.")
    undecided = say(", and ", strong(f"{numbers.count(open_)} cannot be decided"), " with this much data")
    return say(
        f"Of {some(n, 'check', 'checks')}, ", strong(f"{_number(outside, n)} outside"), " the range you allow",
        ", " if open_ else " and ", strong(f"{_number(inside, n)} inside"), undecided if open_ else (), ". ",
        promise(section),
    )  # fmt: skip


def _number(count: int, of: int) -> str:
    if count == 0:
        return "none is"
    if count == 1:
        return "1 is"
    return f"all {numbers.count(count)} are" if count == of else f"{numbers.count(count)} are"


def promise(section: VerdictSection) -> str:
    """What the level says, and of what."""
    level = f"{100 * section.level:g} %"
    if section.family == "none":
        return f"Each check by itself is wrong in at most {level} of such analyses; all of them together more often."
    return f"The chance that any PASS or VIOLATION here is wrong is at most {level}."


def short_result(section: VerdictSection) -> str:
    """``1 violation, 7 undecided``: for a page's title, which leads with it."""
    outside, open_ = section.count(Verdict.VIOLATION), section.count(Verdict.INCONCLUSIVE)
    if not section.judgements:
        return "Nothing checked"
    violations = some(outside, "violation", "violations") if outside else "No violation"
    return f"{violations}, {numbers.count(open_) if open_ else 'none'} undecided"
