"""What the report says: sentences from counts, never from raw strings, and never about causes or merit."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from clarify.bias.catalog import BY_NAME
from clarify.report import numbers
from clarify.report.rates import SHARES, Share, SharePhrase
from clarify.results import FacetCounts, GroupCounts, Interval, MetricValue, Reason

FORBIDDEN = (
    "fair", "unfair", "biased", "unbiased", "discriminates", "discriminatory", "significant", "insignificant",
    "illegal", "safe", "because of", "due to", "protected", "sensitive", "target",
)  # fmt: skip
"""Words that no sentence of ours may hold: they judge, or claim causes that a count cannot show."""

FEW_ROWS = 100
OTHERS = "other rows"

REASONS: dict[Reason, str] = {
    Reason.NO_ROWS: "one of the shares it compares has no row behind it",
    Reason.EMPTY_FACET: "no row belongs to the named group",
    Reason.SINGLE_GROUP: "every row belongs to the named group, so there is nothing to compare it with",
    Reason.SINGLE_CLASS: "all labels, or all predicted labels, are alike",
    Reason.ZERO_DENOMINATOR: "it divides by a count that is 0 here",
    Reason.NO_COMMON_CLASS: "no class of the label occurs in both groups",
    Reason.NO_GROUP_VARIABLE: "no group variable was named",
    Reason.NON_NUMERIC_FEATURES: "it measures distances, and some features are not numbers",
    Reason.MISSING_FEATURES: "it measures distances, and some feature values are missing",
    Reason.ALL_FALSE_NEGATIVES: "every prediction is a false negative",
    Reason.NOT_COMPUTED: "it needs the rows themselves, and they were not read for it",
    Reason.TOO_MANY_ROWS: "it compares every row with every other, and there are too many of them",
    Reason.TOO_FEW: "there are too few rows",
    Reason.FAMILY: "among this many checks one such result can be chance",
    Reason.BLIND: "the reference is too small: its own noise hides changes of this size",
    Reason.NO_REFERENCE: "the reference has no counts for it, and no range is declared",
    Reason.EMPTY_WINDOW: "nothing happened in the window",
    Reason.OVERLAP: "rows of the window were counted in an earlier window already",
    Reason.LOW_JOIN_RATE: "too few rows of the window have their label yet",
    Reason.DATA_QUALITY: "the data did not pass their checks, so nothing else was looked at",
    Reason.FAILED: "the window could not be looked at",
    Reason.NOTHING_JUDGED: "nothing has an allowed range",
    Reason.WITHHELD: "too few rows stand behind it to be shown here",
    Reason.DRIFT: "it has left its allowed range",
}


@dataclass(frozen=True)
class Part:
    """A piece of a sentence: our own words, a name from outside, or words to stress."""

    text: str
    kind: Literal["text", "name", "strong"] = "text"


Sentence = tuple[Part, ...]


@dataclass(frozen=True)
class _Case:
    """A metric that has a value, with all that its sentence may mention."""

    metric: str
    value: float
    interval: Interval | None
    counts: FacetCounts
    group: Sentence


def say(*pieces: str | Part | Sentence) -> Sentence:
    """Join words, names and sentences into one sentence."""
    parts: list[Part] = []
    for piece in pieces:
        if isinstance(piece, str):
            parts.append(Part(piece))
        else:
            parts.extend((piece,) if isinstance(piece, Part) else piece)
    return tuple(parts)


def name(text: str) -> Part:
    """A name from outside, already cleaned."""
    return Part(text, "name")


def strong(text: str) -> Part:
    """Words that carry the result."""
    return Part(text, "strong")


def plain(sentence: Sentence) -> str:
    """The sentence as text, for a terminal or a log."""
    return "".join(part.text for part in sentence)


def named_group(facet: str, value: str) -> Sentence:
    """``sex = female``, ``age in (40, 60]``; both texts already cleaned."""
    is_interval = value.startswith("(") and value.endswith("]")
    return say(name(facet), " in " if is_interval else " = ", name(value))


def some(quantity: int, one: str, many: str) -> str:
    """``1 row``, ``1,000 rows``."""
    return f"{numbers.count(quantity)} {one if quantity == 1 else many}"


def metric_sentence(metric: MetricValue, counts: FacetCounts, group: Sentence) -> Sentence:
    """One metric of one group in plain words: both groups, natural frequencies, then the gap and its interval."""
    if metric.value is None:
        return say(f"{BY_NAME[metric.name].title}: ", strong("undefined"), f"; {why_undefined(metric)}.")
    case = _Case(metric.name, metric.value, metric.interval, counts, group)
    if math.isinf(metric.value):
        return _value_sentence(case)
    return _SENTENCES.get(metric.name, _share_sentence)(case)


def why_undefined(metric: MetricValue) -> str:
    """The reason in words."""
    return "the reason was not recorded" if metric.undefined_because is None else REASONS[metric.undefined_because]


def out_of(share: Share) -> tuple[str, int]:
    """``67 of 100``, or the counts themselves when few rows or a rounding to none or all would mislead."""
    rounded = round(100 * share.value)
    misleads = (rounded == 0) != (share.count == 0) or (rounded == 100) != (share.count == share.of)
    if share.of < FEW_ROWS or misleads:
        return f"{numbers.count(share.count)} of {numbers.count(share.of)}", share.count
    return f"{rounded} of 100", rounded


def _share_sentence(case: _Case) -> Sentence:
    phrase = SHARES.get(case.metric)
    if phrase is None or not (phrase.of_group(case.counts.a).of and phrase.of_group(case.counts.d).of):
        return _value_sentence(case)
    return say(_frequencies(phrase, case.counts, case.group), _gap(case.value, case.interval))


def _frequencies(phrase: SharePhrase, counts: FacetCounts, group: Sentence) -> Sentence:
    frequency_d, number_d = out_of(phrase.of_group(counts.d))
    frequency_a, _ = out_of(phrase.of_group(counts.a))
    verb = phrase.one if number_d == 1 else phrase.many
    condition = f" {phrase.among}" if phrase.among else ""
    joint = " and" if phrase.among.startswith("with") else ","
    members = say(f"rows{condition}{joint} ", group) if condition else say("rows with ", group)
    return say(
        f"{frequency_d} ", members, "," if condition else "", f" {verb} {phrase.state}; ",
        f"{frequency_a} {OTHERS}{condition} {phrase.again}.",
    )  # fmt: skip


def _gap(value: float, interval: Interval | None) -> Sentence:
    if value == 0:
        return say(" No gap", _limits(interval, sign=1, show=numbers.signed_points), ".")
    unit = "point" if numbers.points(value) in ("1", "less than 1") else "points"
    limits = _limits(interval, sign=1 if value > 0 else -1, show=numbers.signed_points)
    return say(" A gap of ", strong(f"{numbers.points(value)} {unit}"), limits, ".")


def _limits(interval: Interval | None, *, sign: int, show: Callable[[float], str]) -> str:
    """`` (95 % interval 7 to 21)``, turned with the gap so that the gap reads as a positive number."""
    if interval is None:
        return ""
    low, high = (interval.low, interval.high) if sign > 0 else (-interval.high, -interval.low)
    if math.isinf(low) or math.isinf(high):
        return f" ({numbers.level(interval)} interval: {numbers.interval(Interval(low, high))})"
    return f" ({numbers.level(interval)} interval {show(low)} to {show(high)})"


def _value_sentence(case: _Case) -> Sentence:
    return say(f"{BY_NAME[case.metric].title} is ", strong(numbers.decimal(case.value)), _decimal_limits(case), ".")


def _decimal_limits(case: _Case) -> str:
    if case.interval is None:
        return ""
    return f" ({numbers.level(case.interval)} interval {numbers.interval(case.interval)})"


def _group_sizes(case: _Case) -> Sentence:
    verb = "has" if case.counts.d.rows == 1 else "have"
    again = "does" if case.counts.a.rows == 1 else "do"
    return say(
        f"{some(case.counts.d.rows, 'row', 'rows')} {verb} ", case.group,
        f" and {numbers.count(case.counts.a.rows)} {again} not. Imbalance ",
        strong(numbers.decimal(case.value)), _decimal_limits(case), ".",
    )  # fmt: skip


def _ratio_of_shares(case: _Case) -> Sentence:
    return say(
        f"For every 100 positive predictions that {OTHERS} receive, the same number of rows with ", case.group,
        " receive ", strong(str(round(100 * case.value))),
        _limits(case.interval, sign=1, show=lambda limit: str(round(100 * limit))), ".",
    )  # fmt: skip


def _label_distance(case: _Case) -> Sentence:
    return say(
        "The label's distributions for rows with ", case.group, f" and for {OTHERS} lie ",
        strong(numbers.decimal(case.value)), " apart", _decimal_limits(case), "; 0 would mean equal shares.",
    )  # fmt: skip


def _conditional_disparity(what: str) -> Callable[[_Case], Sentence]:
    def sentence(case: _Case) -> Sentence:
        relation = "equals" if case.value == 0 else "exceeds" if case.value > 0 else "falls short of"
        unit = "point" if numbers.points(case.value) in ("1", "less than 1") else "points"
        size = say(" by ", strong(f"{numbers.points(case.value)} {unit}")) if case.value else ()
        return say(
            "Averaged over the groups of the group variable, the share of rows with ", case.group,
            f" among negative {what} {relation} their share among positive ones", size,
            _limits(case.interval, sign=-1 if case.value < 0 else 1, show=numbers.signed_points), ".",
        )  # fmt: skip

    return sentence


def _conditional_rate(
    labels: str, count_labels: Callable[[GroupCounts], int], count_predictions: Callable[[GroupCounts], int]
) -> Callable[[_Case], Sentence]:
    def sentence(case: _Case) -> Sentence:
        predicted_d, predicted_a = count_predictions(case.counts.d), count_predictions(case.counts.a)
        if not predicted_d or not predicted_a:
            return _value_sentence(case)
        per_100_d = numbers.count(round(100 * count_labels(case.counts.d) / predicted_d))
        per_100_a = numbers.count(round(100 * count_labels(case.counts.a) / predicted_a))
        return say(
            f"For every 100 rows predicted {labels} there are {per_100_d} {labels} labels among rows with ", case.group,
            f" and {per_100_a} among {OTHERS}. Difference ", strong(numbers.decimal(case.value)),
            _decimal_limits(case), ".",
        )  # fmt: skip

    return sentence


def _error_ratios(case: _Case) -> Sentence:
    return say(
        "Rows with ", case.group, ": ", _errors(case.counts.d), f"; {OTHERS}: ", _errors(case.counts.a),
        ". The ratios of the two kinds of error differ by ", strong(numbers.decimal(case.value)),
        _decimal_limits(case), ".",
    )  # fmt: skip


def _errors(counts: GroupCounts) -> str:
    missed = some(counts.false_negatives, "false negative", "false negatives")
    return f"{missed} and {some(counts.false_positives, 'false positive', 'false positives')}"


def _flips(case: _Case) -> Sentence:
    own, neighbours = ("positive", "negative") if case.value >= 0 else ("negative", "positive")
    return say(
        "Counted net, ", strong(f"{numbers.points(case.value)} of 100"), " rows with ", case.group,
        f" are predicted {own} where the nearest {OTHERS} are predicted {neighbours}",
        _limits(case.interval, sign=1 if case.value >= 0 else -1, show=numbers.signed_points), ".",
    )  # fmt: skip


def _entropy(case: _Case) -> Sentence:
    return say(
        "The outcomes of all rows, whatever their group, are unequal by ", strong(numbers.decimal(case.value)),
        _decimal_limits(case), "; 0 would mean the same outcome for every row.",
    )  # fmt: skip


_SENTENCES: dict[str, Callable[[_Case], Sentence]] = {
    "CI": _group_sizes,
    "DI": _ratio_of_shares,
    **dict.fromkeys(("KL", "JS", "LP", "TVD", "KS"), _label_distance),
    "CDDL": _conditional_disparity("labels"),
    "CDDPL": _conditional_disparity("predictions"),
    "DCA": _conditional_rate(
        "positive", lambda c: c.true_positives + c.false_negatives, lambda c: c.true_positives + c.false_positives
    ),
    "DCR": _conditional_rate(
        "negative", lambda c: c.true_negatives + c.false_positives, lambda c: c.true_negatives + c.false_negatives
    ),
    "TE": _error_ratios,
    "FT": _flips,
    "GE": _entropy,
}
