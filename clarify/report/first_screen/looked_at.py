"""What was looked at and what was not: rows and columns, what counts as positive, what this reader is not shown."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from clarify.report import numbers
from clarify.report.first_screen.examined import file_name
from clarify.report.first_screen.undecided import withheld_findings
from clarify.report.names import Names
from clarify.report.selection import Group, is_shown, sections_of
from clarify.report.shielding.suppressed import CROSSED_FACETS, is_part_withheld
from clarify.report.words import Sentence, name, named_group, say, some
from clarify.results import AnalysisResult, FacetCounts, GroupCounts

MOST_FACETS = 3
COMBINED = "Facets in combination."


def looked_at(result: AnalysisResult, groups: Sequence[Group], names: Names) -> tuple[Sentence, ...]:
    """The data and what of them no comparison counts; the positive class, its share, the model's accuracy."""
    data = say(
        "Every row of ", name(file_name(result)), f": {some(result.dataset.rows, 'row', 'rows')}, ",
        some(result.dataset.n_columns, "column", "columns"), "; ", _dropped(groups, names), ".",
    )  # fmt: skip
    if not groups:
        return (data,)
    section = sections_of(result)[-1]
    positive = named_group(names[section.label], names[section.label_value_or_threshold])
    shown = next(filter(is_shown, groups), None)
    totals = () if shown is None else say(": ", _totals(shown))
    return data, say("Positive means ", positive, totals, _threshold(result), _accuracy(shown), ".")


def _dropped(groups: Sequence[Group], names: Names) -> Sentence:
    """Rows that no comparison counts; of facets the first ones, the rest is in the list of what was left out."""
    unknown = {group.facet: group.counts.unknown.rows for group in groups if is_shown(group)}
    incomplete = [(facet, rows) for facet, rows in unknown.items() if rows]
    listed = [say(f"{some(n, 'row', 'rows')} without ", name(names[facet])) for facet, n in incomplete[:MOST_FACETS]]
    n_unlabelled = _without_outcome(groups)
    if n_unlabelled:
        listed.append(say(f"{some(n_unlabelled, 'row', 'rows')} without a label or predicted label"))
    if not listed:
        return say("none dropped")
    return say("not counted ", *(say(", " if i else "", what) for i, what in enumerate(listed)))


def _without_outcome(groups: Sequence[Group]) -> int:
    shown = next(filter(is_shown, groups), None)
    if shown is None:
        return 0
    everyone = (shown.counts.a, shown.counts.d, shown.counts.unknown)
    return sum(side.unknown_labels for side in everyone) + sum(side.unknown_predictions for side in everyone)


def _totals(group: Group) -> str:
    """``700 of 1,000 labels, 782 predicted``; predicted labels with their number where it is another one."""
    positive, labels = _of_all(group.counts, lambda c: c.positive_labels, lambda c: c.negative_labels)
    told = f"{numbers.count(positive)} of {some(labels, 'label', 'labels')}"
    if not group.has_predictions:
        return told
    predicted, of = _of_all(group.counts, lambda c: c.positive_predictions, lambda c: c.negative_predictions)
    return f"{told}, {numbers.count(predicted)}{'' if of == labels else f' of {numbers.count(of)}'} predicted"


def _of_all(
    counts: FacetCounts, positives: Callable[[GroupCounts], int], negatives: Callable[[GroupCounts], int]
) -> tuple[int, int]:
    everyone = (counts.a, counts.d, counts.unknown)
    n_positive = sum(map(positives, everyone))
    return n_positive, n_positive + sum(map(negatives, everyone))


def _threshold(result: AnalysisResult) -> str:
    """The score from which a row is predicted positive, where the result knows it."""
    threshold = result.explanations.threshold if result.explanations is not None else None
    return "" if threshold is None else f" (score above {numbers.decimal(threshold)})"


def _accuracy(group: Group | None) -> str:
    if group is None or not group.has_predictions:
        return ""
    everyone = (group.counts.a, group.counts.d, group.counts.unknown)
    right = sum(c.true_positives + c.true_negatives for c in everyone)
    of = right + sum(c.false_positives + c.false_negatives for c in everyone)
    return f"; accuracy {numbers.percent(right / of)}" if of else ""


def not_shown(result: AnalysisResult, groups: Sequence[Group], names: Names) -> tuple[Sentence, ...]:
    """What was looked at and is kept from this reader; empty where everything is shown."""
    combined = (say(COMBINED),) if is_part_withheld(result, CROSSED_FACETS) else ()
    return *withheld_findings(groups, names), *combined


def not_looked_at(result: AnalysisResult, groups: Sequence[Group]) -> tuple[Sentence, ...]:
    """What a reader could believe to be covered."""
    found = []
    if groups and not result.intersections and not is_part_withheld(result, CROSSED_FACETS):
        found.append(COMBINED)
    if any(group.has_predictions for group in groups):
        found.append("Thresholds other than the one behind the predicted labels.")
    if result.pre_training is None:
        found.append("Bias in the labels.")
    if result.post_training is None:
        found.append("Bias in the predicted labels.")
    if result.explanations is None:
        found.append("What drives the score.")
    return tuple(map(say, found))
