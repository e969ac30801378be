"""What the report says: sentences from counts, never from raw strings, and never about causes or merit."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from clarify.bias.catalog import BY_NAME
from clarify.report import numbers
from clarify.report.groups.rates import SHARES, Share, SharePhrase
from clarify.results import FacetCounts, GroupCounts, Interval, MetricValue, Reason

FORBIDDEN = (
    "fair", "unfair", "biased", "unbiased", "discriminates", "discriminatory", "significant", "insignificant",
    "illegal", "safe", "because of", "due to", "protected", "sensitive", "target", "wide bar",
)  # fmt: skip
"""Words that no sentence of ours may hold: they judge, or claim causes that a count cannot show."""

FEW_ROWS = 100
OTHERS = "other rows"
NOT_SHOWN = "not shown"

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
    Reason.WITHHELD: "it would show, or give away, a count below the limit",
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
    """A metric that has a value, with all that its sentence may mention; ``others`` is empty for the other rows."""

    metric: str
    value: float
    interval: Interval | None
    counts: FacetCounts
    group: Sentence
    others: Sentence
    edges: tuple[float, ...]


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


def row_count(counts: GroupCounts) -> str:
    """``1,000``; of a withheld group ``not shown``, for it may have any number of rows."""
    return NOT_SHOWN if counts.fewer_than else numbers.count(counts.rows)


def rows_text(counts: GroupCounts) -> str:
    """``37 rows``; of a withheld group ``rows not shown``."""
    return f"rows {NOT_SHOWN}" if counts.fewer_than else some(counts.rows, "row", "rows")


def other_rows(others: Sentence) -> Sentence:
    """Who the named group is held against: the facet's other value where it has only two, else ``other rows``."""
    return say("rows with ", others) if others else say(OTHERS)


def metric_sentence(
    metric: MetricValue,
    counts: FacetCounts,
    group: Sentence,
    *,
    others: Sentence = (),
    edges: tuple[float, ...] = (),
) -> Sentence:
    """One metric of one group in plain words: both groups, natural frequencies, then the gap and its interval.

    Parameters
    ----------
    others : Sentence
        The facet's other value, in the words of :func:`named_group`; empty for "other rows".
    edges : tuple of float
        Limits of the allowed range, in units of the metric: no number is rounded across one of them.
    """
    if metric.value is None:
        return _without_value(metric, group)
    case = _Case(metric.name, metric.value, metric.interval, counts, group, others, edges)
    if math.isinf(metric.value) or counts.a.fewer_than or counts.d.fewer_than:
        return _value_sentence(case)
    return _SENTENCES.get(metric.name, _share_sentence)(case)


def _without_value(metric: MetricValue, group: Sentence) -> Sentence:
    title = BY_NAME[metric.name].title
    if metric.undefined_because is Reason.EMPTY_FACET:
        return say("No row has ", group, ".")
    if metric.undefined_because is Reason.SINGLE_GROUP:
        return say("Every row has ", group, ", so there is nothing to compare it with.")
    if metric.undefined_because is Reason.WITHHELD:
        return say(f"{title}: not shown, for {why_undefined(metric)}.")
    return say(f"{title} cannot be computed: {why_undefined(metric)}.")


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
    return say(_frequencies(phrase, case), " ", gap_words(case.value, case.interval, edges=case.edges), ".")


def _frequencies(phrase: SharePhrase, case: _Case) -> Sentence:
    frequency_d, number_d = out_of(phrase.of_group(case.counts.d))
    frequency_a, number_a = out_of(phrase.of_group(case.counts.a))
    verb = phrase.verb.one if number_d == 1 else phrase.verb.many
    again = phrase.verb.again_one if number_a == 1 else phrase.verb.again_many
    return say(
        f"{frequency_d} ", rows_among(case.group, phrase), f" {verb} {phrase.state}; ",
        f"{frequency_a} ", rows_among(case.others, phrase), f" {again}.",
    )  # fmt: skip


def rows_among(side: Sentence, phrase: SharePhrase) -> Sentence:
    """``rows with sex = f and a positive label``, ``other rows predicted positive``: whom a share is taken of."""
    if not side:
        return say(OTHERS, f" {phrase.among}" if phrase.among else "")
    if not phrase.among:
        return say("rows with ", side)
    joined = f" and {phrase.among[5:]}" if phrase.among.startswith("with ") else f" that are {phrase.among}"
    return say("rows with ", side, joined)


def gap_words(value: float, interval: Interval | None, *, edges: tuple[float, ...] = ()) -> Sentence:
    """``A gap of 14 points (95 % interval 7 to 21)``, turned so that the gap reads as a positive number."""
    if value == 0:
        return say("No gap", _limits(interval, 1, edges))
    gap = numbers.points_unit(numbers.points(value, edges=edges))
    return say("A gap of ", strong(gap), _limits(interval, 1 if value > 0 else -1, edges))


def _limits(interval: Interval | None, sign: int, edges: tuple[float, ...]) -> str:
    """`` (95 % interval 7 to 21)`` in points; a side without a limit is said in units of the metric."""
    if interval is None:
        return ""
    if math.isinf(interval.low) or math.isinf(interval.high):
        return f" ({numbers.level(interval)} interval: {numbers.interval(turned(interval, sign))})"
    return f" ({numbers.level(interval)} interval {points_range(interval, sign, edges)})"


def points_range(interval: Interval, sign: int = 1, edges: tuple[float, ...] = ()) -> str:
    """``7 to 21``: finite limits in points, turned with the gap."""
    found, turned_edges = turned(interval, sign), [sign * edge for edge in edges]
    low, high = (numbers.signed_points(limit, edges=turned_edges) for limit in (found.low, found.high))
    return f"{low} to {high}"


def turned(interval: Interval, sign: int) -> Interval:
    """The interval of the value times ``sign``."""
    return interval if sign > 0 else Interval(-interval.high, -interval.low, interval.level)


def _value_sentence(case: _Case) -> Sentence:
    return say(f"{BY_NAME[case.metric].title} is ", _decimal(case), _decimal_limits(case), ".")


def _decimal(case: _Case) -> Part:
    if case.value == math.inf:
        return strong("infinite")
    return strong(numbers.decimal(case.value, numbers.decimals_apart(case.value, case.edges)))


def _decimal_limits(case: _Case) -> str:
    if case.interval is None:
        return ""
    return f" ({numbers.level(case.interval)} interval {numbers.interval(case.interval, edges=case.edges)})"


def _group_sizes(case: _Case) -> Sentence:
    verb = "has" if case.counts.d.rows == 1 else "have"
    named_verb, other_verb = ("has", "does") if case.counts.a.rows == 1 else ("have", "do")
    again = say(f"{named_verb} ", case.others) if case.others else say(f"{other_verb} not")
    return say(
        f"{some(case.counts.d.rows, 'row', 'rows')} {verb} ", case.group,
        f" and {numbers.count(case.counts.a.rows)} ", again, ". Imbalance ", _decimal(case), _decimal_limits(case), ".",
    )  # fmt: skip


def _ratio_of_shares(case: _Case) -> Sentence:
    per_100 = numbers.signed_points(case.value, edges=case.edges)
    return say(
        "For every 100 positive predictions that ", other_rows(case.others), " receive, the same number of rows with ",
        case.group, " receive ", strong(per_100), _limits(case.interval, 1, case.edges), ".",
    )  # fmt: skip


def _label_distance(case: _Case) -> Sentence:
    return say(
        "The label's distributions for rows with ", case.group, " and for ", other_rows(case.others), " lie ",
        _decimal(case), " apart", _decimal_limits(case), "; 0 would mean equal shares.",
    )  # fmt: skip


def _conditional_disparity(what: str) -> Callable[[_Case], Sentence]:
    def sentence(case: _Case) -> Sentence:
        size = "the same" if case.value == 0 else "a larger" if case.value > 0 else "a smaller"
        than = "as" if case.value == 0 else "than"
        return say(
            "Averaged over the groups of the group variable, rows with ", case.group,
            f" hold {size} share of the negative {what} {than} of the positive ones. ",
            gap_words(case.value, case.interval, edges=case.edges), ".",
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
            f" and {per_100_a} among ", other_rows(case.others), ". Difference ", _decimal(case), _decimal_limits(case),
            ".",
        )  # fmt: skip

    return sentence


def _error_ratios(case: _Case) -> Sentence:
    return say(
        "Rows with ", case.group, ": ", _errors(case.counts.d), ". ",
        say("Rows with ", case.others) if case.others else "Other rows", ": ", _errors(case.counts.a),
        ". The ratios of the two kinds of error differ by ", _decimal(case), _decimal_limits(case), ".",
    )  # fmt: skip


def _errors(counts: GroupCounts) -> str:
    missed = some(counts.false_negatives, "wrong rejection", "wrong rejections")
    return f"{missed} and {some(counts.false_positives, 'wrong acceptance', 'wrong acceptances')}"


def _flips(case: _Case) -> Sentence:
    own, neighbours = ("positive", "negative") if case.value >= 0 else ("negative", "positive")
    return say(
        "Counted net, ", strong(f"{numbers.points(case.value, edges=case.edges)} of 100"), " rows with ", case.group,
        " are predicted ", own, " where the nearest ", other_rows(case.others), f" are predicted {neighbours}",
        _limits(case.interval, 1 if case.value >= 0 else -1, case.edges), ".",
    )  # fmt: skip


def _entropy(case: _Case) -> Sentence:
    return say(
        "The outcomes of all rows, whatever their group, are unequal by ", _decimal(case), _decimal_limits(case),
        "; 0 would mean the same outcome for every row.",
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
