"""What was found: the checks outside their range, how many are inside, the clearest gaps, what moved the score."""

from __future__ import annotations

from collections.abc import Sequence

from clarify.bias.catalog import BY_NAME
from clarify.report import numbers
from clarify.report.explanations.outputs import size_of, strongest, unit_of
from clarify.report.explanations.words import order_remark
from clarify.report.first_screen.one_check import (
    check_sentence,
    checks_found,
    short_check,
    short_group,
    short_limits,
    short_size,
)
from clarify.report.groups.rates import SHARES
from clarify.report.names import Names
from clarify.report.selection import Group, Measured, clearest_gaps, group_words, is_small
from clarify.report.words import Sentence, name, out_of, say, some, strong
from clarify.results import AnalysisResult, OutputExplanation, Verdict

MOST_GAPS = 3
MOST_OUTSIDE = 2
MOST_GROUPS = 3
MOST_OUTPUTS = 3
MOST_FEATURES = 3


def found_briefly(result: AnalysisResult, groups: Sequence[Group], names: Names) -> tuple[Sentence, ...]:
    """The first screen's list: what is outside and how much is inside; without a policy the clearest gaps."""
    if result.verdicts is None:
        checked = (*found_gaps(groups, names, most=MOST_GAPS), *_small_groups(groups, names))
    else:
        checked = (*_outside(groups, names), *_inside(groups, names))
    return *checked, *_moved_most(result, names)


# --- checks of a policy ----------------------------------------------------------------------------------------


def found_violations(groups: Sequence[Group], names: Names, *, most: int) -> tuple[Sentence, ...]:
    """The checks outside their allowed range, one short sentence each; what does not fit is counted."""
    found = checks_found(groups, Verdict.VIOLATION)
    more = some(len(found) - most, "more check is", "more checks are")
    sentences = [check_sentence("Outside the range you allow", check, names) for check in found[:most]]
    return (*sentences, *([say(f"{more} outside.")] if len(found) > most else ()))


def _outside(groups: Sequence[Group], names: Names) -> tuple[Sentence, ...]:
    """The first checks that are outside, by name and size; the rest is counted."""
    found = checks_found(groups, Verdict.VIOLATION)
    n_more = len(found) - MOST_OUTSIDE
    more = (say(f"{some(n_more, 'more check is', 'more checks are')} outside."),)
    listed = (
        say(strong("Outside"), ": ", short_check(check, groups, names), ", ", short_size(check), ".")
        for check in found[:MOST_OUTSIDE]
    )
    return (*listed, *(more if n_more > 0 else ()))


def _inside(groups: Sequence[Group], names: Names) -> tuple[Sentence, ...]:
    """How many checks of which groups are inside."""
    found = checks_found(groups, Verdict.PASS)
    by_group = [(group, n) for group in groups if (n := sum(check.group is group for check in found))]
    if not found:
        return ()
    if len(by_group) > MOST_GROUPS:
        where = say(f"{some(len(found), 'check', 'checks')} of {some(len(by_group), 'group', 'groups')}")
    else:
        where = say(*(
            say(f", {numbers.count(n)} of " if i else f"{some(n, 'check', 'checks')} of ",
                short_group(group, groups, names))
            for i, (group, n) in enumerate(by_group)
        ))  # fmt: skip
    return (say(strong("Inside"), ": ", where, "."),)


# --- gaps and sizes, where nobody declared a range -------------------------------------------------------------


def found_gaps(groups: Sequence[Group], names: Names, *, most: int) -> tuple[Sentence, ...]:
    """The clearest differences of shares, one short sentence each."""
    return tuple(_short_gap(group, m, names) for group, m in clearest_gaps(groups, most=most))


def _short_gap(group: Group, measured: Measured, names: Names) -> Sentence:
    metric, phrase = measured.metric, SHARES[measured.metric.name]
    title = f"{BY_NAME[metric.name].title} for "
    value = metric.value if metric.value is not None else 0.0
    gap = strong(numbers.points_unit(numbers.points(value)))
    apart = say(gap, short_limits(value, metric.interval), " apart.")
    if not _has_shares(measured):
        return say(title, group_words(group, names), ": ", apart)
    share_d, _ = out_of(phrase.of_group(measured.counts.d))
    share_a, _ = out_of(phrase.of_group(measured.counts.a))
    return say(title, group_words(group, names), f": {share_d} against {share_a}, ", apart)


def _has_shares(measured: Measured) -> bool:
    phrase, counts = SHARES[measured.metric.name], measured.counts
    return bool(phrase.of_group(counts.d).of and phrase.of_group(counts.a).of)


def _small_groups(groups: Sequence[Group], names: Names) -> tuple[Sentence, ...]:
    small = [(group, min(group.counts.d.rows, group.counts.a.rows)) for group in groups if is_small(group.counts, None)]
    sentences = [
        say(
            "Comparisons for ", group_words(group, names), " rest on ", strong(some(n, "row", "rows")),
            " in the smaller group.",
        )
        for group, n in small[:MOST_GROUPS]
    ]  # fmt: skip
    if len(small) > MOST_GROUPS:
        sentences.append(say(f"{some(len(small) - MOST_GROUPS, 'more small group', 'more small groups')}."))
    return tuple(sentences)


# --- attributions ----------------------------------------------------------------------------------------------


def found_attributions(result: AnalysisResult, names: Names) -> tuple[Sentence, ...]:
    """The features that moved each of the first outputs most, with sizes; empty without explanations."""
    if result.explanations is None:
        return ()
    section, unit = result.explanations, unit_of(result)
    sentences = []
    for output in section.outputs[:MOST_OUTPUTS]:
        top = strongest(output, most=MOST_FEATURES)
        if top:
            listed = [
                say(", " if i else "", name(names[f.feature]), f" ({unit.text(size_of(f))})") for i, f in enumerate(top)
            ]
            remark = order_remark(output, section, listed=len(top))
            which = _which_output(output, len(section.outputs), names)
            sentences.append(say("The score", which, " moved most with ", *listed, f", in {unit.name}{remark}."))
    return tuple(sentences)


def _moved_most(result: AnalysisResult, names: Names) -> tuple[Sentence, ...]:
    """The names alone, of the first output: sizes are in the section that it points at."""
    section = result.explanations
    if section is None or not section.outputs:
        return ()
    first, *others = section.outputs
    top = strongest(first, most=MOST_FEATURES)
    if not top:
        return ()
    listed = [say(", " if i else "", name(names[f.feature])) for i, f in enumerate(top)]
    which = _which_output(first, len(section.outputs), names)
    more = f"; {some(len(others), 'more output', 'more outputs')} below" if others else ""
    remark = order_remark(first, section, listed=len(top))
    return (say("The score", which, " moved most with ", *listed, f"{remark}{more}."),)


def _which_output(output: OutputExplanation, n_outputs: int, names: Names) -> Sentence:
    return say(" of ", name(names[output.label])) if n_outputs > 1 else ()
