"""What could not be decided, what has no value, and what is not shown to this reader: each with its reason."""

from __future__ import annotations

from collections.abc import Sequence

from clarify.bias.catalog import BY_NAME
from clarify.report.first_screen.one_check import Check, check_sentence, checks_found, short_check, short_size
from clarify.report.judged import detectable_words, smallest_seen
from clarify.report.names import Names
from clarify.report.selection import Group, group_words, undefined_metrics, withheld_metrics
from clarify.report.words import Sentence, say, some, why_undefined
from clarify.results import MetricValue, Verdict

MOST_LISTED = 3
WOULD_SHOW = "each would show, or give away, a count below the limit"

Found = tuple[tuple[Group, MetricValue], ...]


def undecided_briefly(groups: Sequence[Group], names: Names) -> tuple[Sentence, ...]:
    """The first screen's list: at most three with their sizes or reasons, the rest counted.

    First the checks nearest to being outside, and the gap that would have been seen; then what is undefined.
    """
    found = sorted(checks_found(groups, Verdict.INCONCLUSIVE), key=_nearest_to_outside)
    valued = [check for check in found if check.measured.metric.value is not None]
    n_hidden = sum(check.measured.metric.is_withheld for check in found)
    listed = [_short_open(check, groups, names) for check in valued[:MOST_LISTED]]
    n_more = len(valued) - len(listed) + n_hidden
    more = some(n_more, "more check", "more checks") if listed else some(n_more, "check", "checks")
    return (
        *listed,
        *([say(f"{more}; see the table.")] if n_more else ()),
        *_undefined_briefly(groups, names, most=MOST_LISTED - len(listed)),
    )


def _nearest_to_outside(check: Check) -> float:
    p_outside = check.judgement.evidence.p_outside
    return 1.0 if p_outside is None else p_outside


def _short_open(check: Check, groups: Sequence[Group], names: Names) -> Sentence:
    """``Accuracy, foreign_worker: 13 points (0 to 21); only 48 or more would show.``"""
    seen = smallest_seen(check.judgement)
    would_show = f"; only {seen} would show." if seen else "."
    return say(short_check(check, groups, names), ": ", short_size(check), would_show)


def _undefined_briefly(groups: Sequence[Group], names: Names, *, most: int) -> tuple[Sentence, ...]:
    """The first reasons, and one line that counts the metrics of all others."""
    by_reason = _by_reason(undefined_metrics(groups))
    told = [_sentence(found, groups, names, reason) for reason, found in by_reason[:most]]
    n_more = sum(len(found) for _, found in by_reason[most:])
    more = some(n_more, "more metric is", "more metrics are")
    return (*told, *([say(f"{more} undefined.")] if n_more else ()))


def found_undecided(groups: Sequence[Group], names: Names, *, most: int) -> tuple[Sentence, ...]:
    """The checks that cannot be decided and what would have been seen; what does not fit is counted."""
    found = checks_found(groups, Verdict.INCONCLUSIVE)
    more = some(len(found) - most, "more check", "more checks")
    sentences = [
        say(check_sentence("Cannot be decided", check, names), detectable_words(check.judgement, check.measured.counts))
        for check in found[:most]
    ]
    return (*sentences, *([say(f"{more} cannot be decided.")] if len(found) > most else ()))


def undefined_findings(groups: Sequence[Group], names: Names) -> tuple[Sentence, ...]:
    """The metrics without a value, one sentence per reason."""
    return tuple(_sentence(found, groups, names, reason) for reason, found in _by_reason(undefined_metrics(groups)))


def withheld_findings(groups: Sequence[Group], names: Names) -> tuple[Sentence, ...]:
    """The metrics that are not shown to this reader, in one sentence; empty where everything is."""
    found = withheld_metrics(groups)
    return (_sentence(found, groups, names, WOULD_SHOW),) if found else ()


def _by_reason(metrics: Found) -> list[tuple[str, Found]]:
    found: dict[str, list[tuple[Group, MetricValue]]] = {}
    for group, metric in metrics:
        found.setdefault(why_undefined(metric), []).append((group, metric))
    return [(reason, tuple(those)) for reason, those in found.items()]


def _sentence(found: Found, groups: Sequence[Group], names: Names, reason: str) -> Sentence:
    titles = [BY_NAME[metric.name].title for _, metric in found]
    return say(_titles(titles), _where([group for group, _ in found], groups, names), f": {reason}.")


def _titles(titles: Sequence[str]) -> str:
    """Two titles by name, more as a number; the tables have them all."""
    different = list(dict.fromkeys(titles))
    if len(different) > 2:
        return f"{len(different)} metrics"
    first, *second = different
    return first + "".join(f" and {title[:1].lower()}{title[1:]}" for title in second)


def _where(affected: Sequence[Group], groups: Sequence[Group], names: Names) -> Sentence:
    n_affected = len({(group.facet, group.value) for group in affected})
    if n_affected == len(groups):
        return ()
    if n_affected == 1:
        return say(" for ", group_words(affected[0], names))
    return say(f" for {n_affected} of {len(groups)} groups")
