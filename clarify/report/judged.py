"""Verdicts in words and signs: the chip of a check, the range it was held to, the phrase that says it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from clarify.bias.catalog import BY_NAME
from clarify.report import numbers
from clarify.report.words import REASONS, Sentence, say, some, strong
from clarify.results import DetectableChange, Interval, Judgement, MetricValue, Reason, Verdict, VerdictSection

State = Literal["pass", "violation", "inconclusive", "norange", "undefined", "error"]


@dataclass(frozen=True)
class Chip:
    """The state of a check: the class that draws it and the word that says it."""

    state: State
    word: str


NO_RANGE = Chip("norange", "NO RANGE")
UNDEFINED = Chip("undefined", "UNDEFINED")
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
    return UNDEFINED if metric.value is None else NO_RANGE


def allowed_range(judgement: Judgement) -> Interval:
    """The range somebody declared, infinite where it has no limit."""
    low, high = judgement.evidence.low, judgement.evidence.high
    return Interval(-math.inf if low is None else low, math.inf if high is None else high)


def allowed_text(judgement: Judgement, decimals: int = numbers.FOREST_DECIMALS) -> str:
    """``−0.10 to 0.10``, ``0.80 or more``; as many decimals as tell the limits apart from rounded ones."""
    while decimals < 6 and _is_rounded(judgement, decimals):
        decimals += 1
    return numbers.interval(allowed_range(judgement), decimals)


def _is_rounded(judgement: Judgement, decimals: int) -> bool:
    limits = (judgement.evidence.low, judgement.evidence.high)
    return any(limit is not None and math.isfinite(limit) and round(limit, decimals) != limit for limit in limits)


def decision_sentence(judgement: Judgement, section: VerdictSection) -> Sentence:
    """What was decided of one check, with the range and, where nothing was, what would have been seen."""
    allowed = f" ({allowed_text(judgement)})"
    if judgement.verdict is Verdict.VIOLATION:
        return say(strong("Outside the range you allow"), allowed, _accounting(section), ".")
    if judgement.verdict is Verdict.PASS:
        return say(strong("Inside the range you allow"), allowed, _accounting(section), ".")
    return say(strong("Cannot be decided"), f": {_why(judgement, section)}.{detectable_words(judgement)}")


def _accounting(section: VerdictSection) -> str:
    if section.tests < 2 or section.family == "none":
        return ""
    return f", after accounting for all {section.tests} checks"


def _why(judgement: Judgement, section: VerdictSection) -> str:
    allowed = f"the range you allow ({allowed_text(judgement)})"
    if judgement.reason is Reason.TOO_FEW:
        return f"the interval reaches both into {allowed} and out of it"
    if judgement.reason is Reason.FAMILY:
        return f"taken alone it would be decided against {allowed}, but among {section.tests} checks it can be chance"
    return REASONS[judgement.reason] if judgement.reason is not None else "the reason was not recorded"


def detectable_words(judgement: Judgement) -> str:
    """What these rows could have shown; a side that cannot occur is said to be so."""
    change = judgement.detectable
    if change is None:
        return ""
    seen = [
        f"{word} {numbers.decimal(value)}"
        for word, value in (("below", change.below), ("above", change.above))
        if value is not None
    ]
    odds = f"{round(100 * change.power)} times in 100{', by simulated tables' if change.approximate else ''}"
    text = f" Only a value {' or '.join(seen)} would be seen reliably ({odds})." if seen else ""
    return text + _impossible(change)


def _impossible(change: DetectableChange) -> str:
    sides = [word for word, holds in (("below", change.impossible_below), ("above", change.impossible_above)) if holds]
    return f" The range cannot be left {' or '.join(sides)} with these shares." if sides else ""


def overall_sentence(section: VerdictSection) -> Sentence:
    """The one sentence on top: how many checks came out how, and what is promised of them."""
    n = len(section.judgements)
    if n == 0:
        return say(strong("No check"), " of the policy could be made: it declares no range for what was measured.")
    outside, inside, open_ = (section.count(v) for v in (Verdict.VIOLATION, Verdict.PASS, Verdict.INCONCLUSIVE))
    if open_ == n:
        return say(strong(f"None of {some(n, 'check', 'checks')}"), " can be decided with this much data.")
    undecided = say(", and ", strong(f"{open_}"), " cannot be decided with this much data") if open_ else ()
    return say(
        f"Of {some(n, 'check', 'checks')}, ", strong(f"{_number(outside)} outside"), " the range you allow",
        ", " if open_ else " and ", strong(f"{_number(inside)} inside"), undecided, ". ", promise(section),
    )  # fmt: skip


def _number(count: int) -> str:
    return "none is" if count == 0 else "1 is" if count == 1 else f"{count} are"


def promise(section: VerdictSection) -> str:
    """What the level says, and of what."""
    level = f"{100 * section.level:g} %"
    if section.family == "none":
        return f"Each check by itself is wrong in at most {level} of such analyses; all of them together more often."
    return f"The chance that any PASS or VIOLATION here is wrong is at most {level}."


def short_result(section: VerdictSection) -> str:
    """``1 VIOLATION, 4 PASS, 7 INCONCLUSIVE``: for a page's title."""
    return ", ".join(f"{section.count(v)} {v}" for v in ORDER if section.count(v)) or "nothing checked"


def check_name(judgement: Judgement) -> str:
    """``Positive decisions (DPPL)``."""
    return f"{BY_NAME[judgement.metric].title} ({judgement.metric})"
