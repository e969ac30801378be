"""The first screen in words: title, verdict sentence, and the four short lists beside the forest."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC

from clarify.bias.catalog import BY_NAME
from clarify.report import numbers
from clarify.report.attribution_words import order_remark
from clarify.report.explained import size_of, strongest, unit_of
from clarify.report.judged import (
    allowed_text,
    detectable_words,
    edges_of,
    overall_sentence,
    short_result,
    smallest_seen,
)
from clarify.report.names import Names, clean, without_secrets
from clarify.report.provenance import Provenance
from clarify.report.rates import SHARES
from clarify.report.selection import (
    Group,
    Measured,
    clearest_gaps,
    group_words,
    groups_of,
    sections_of,
    undefined_metrics,
)
from clarify.report.words import (
    Sentence,
    name,
    named_group,
    out_of,
    plain,
    points_range,
    say,
    some,
    strong,
    why_undefined,
)
from clarify.results import AnalysisResult, FacetCounts, GroupCounts, Interval, Judgement, Reason, Verdict

FEW = 3
SMALL_GROUP = 50


@dataclass(frozen=True)
class Overview:
    """What stands on the first screen beside the forest.

    ``undecided`` with a policy, ``undefined`` without one: what the data could not tell, and why.
    """

    title: str
    heading: Sentence
    report_title: str
    when: str
    run_id: str
    verdict: Sentence
    looked_at: tuple[Sentence, ...]
    found: tuple[Sentence, ...]
    undecided: tuple[Sentence, ...]
    undefined: tuple[Sentence, ...]
    not_looked_at: tuple[Sentence, ...]

    @property
    def foot(self) -> str:
        """What stands below every printed page: the subject, and the run that made it."""
        return plain(self.heading) + (f" · run {self.run_id}" if self.run_id else "")


def overview_of(result: AnalysisResult, provenance: Provenance, groups: tuple[Group, ...], names: Names) -> Overview:
    """The first screen of a result."""
    run, undefined = provenance.run, undefined_findings(groups, names)
    is_judged = result.verdicts is not None
    return Overview(
        title=f"{_short_result(result, groups)}: {_short_subject(result, names)}",
        heading=say(subject(result, names), f", on {some(result.dataset.rows, 'row', 'rows')}"),
        report_title=clean(result.report_title),
        when=f"{run.finished_at.astimezone(UTC):%d %b %Y, %H:%M} UTC",
        run_id=clean(run_id) if (run_id := run.mlflow_run_id or run.prefect_flow_run_id) else "",
        verdict=verdict_sentence(result),
        looked_at=_looked_at(result, groups, names),
        found=_found(result, groups, names),
        undecided=(*_could_not_be_decided(groups, names), *undefined) if is_judged else (),
        undefined=() if is_judged else undefined,
        not_looked_at=_not_looked_at(result, groups),
    )


def _short_subject(result: AnalysisResult, names: Names) -> str:
    """``credit-hgb version 7``: in a title a comma would only part it from itself."""
    return plain(subject(result, names)).replace(", version ", " version ", 1)


def _found(result: AnalysisResult, groups: tuple[Group, ...], names: Names) -> tuple[Sentence, ...]:
    """With a policy what is outside, then how much is inside; without one the clearest gaps."""
    if result.verdicts is None:
        checked = (*found_gaps(groups, names, most=FEW), *_small_groups(groups, names))
    else:
        checked = (*_outside(groups, names), *_inside(groups, names))
    return *checked, *found_attributions(result, names)


def subject(result: AnalysisResult, names: Names) -> Sentence:
    """What was examined: the model and its version, or the dataset when there is no model."""
    if result.model is None:
        return say(name(file_name(result)))
    version = say(", version ", name(clean(result.model.version))) if result.model.version else ()
    return say(name(names[result.model.name]), version)


def file_name(result: AnalysisResult) -> str:
    """Last part of the dataset's URI, cleaned."""
    return clean(without_secrets(result.dataset.uri).rstrip("/").rpartition("/")[2])


def verdict_sentence(result: AnalysisResult) -> Sentence:
    """The one sentence on top: what was decided, or how much was measured when nobody declared what is allowed."""
    if result.verdicts is not None:
        return overall_sentence(result.verdicts)
    groups = groups_of(result)
    if not groups:
        return _only_explained(result)
    n_metrics = sum(len(group.measured) for group in groups)
    n_undefined = len(undefined_metrics(groups))
    are = "is" if n_undefined == 1 else "are"
    undefined = say("; ", strong(f"{numbers.count(n_undefined)} {are} undefined")) if n_undefined else ()
    n_defined = f"{numbers.count(n_metrics - n_undefined)} of {some(n_metrics, 'bias metric', 'bias metrics')}"
    verb = "has" if n_metrics - n_undefined == 1 else "have"
    return say(
        strong(n_defined), f" for {some(len(groups), 'group', 'groups')} {verb} a value", undefined,
        ". No allowed range was declared, so there is ", strong("no verdict"), ".",
    )  # fmt: skip


def _only_explained(result: AnalysisResult) -> Sentence:
    if result.explanations is None and result.partial_dependence:
        n_varied = some(len(result.partial_dependence), "feature", "features")
        return say("Mean scores were computed as ", strong(n_varied), " vary one by one; no bias metric was asked for.")
    if result.explanations is None:
        return say("The data were checked; no bias metric and no explanation was asked for.")
    section = result.explanations
    return say(
        "The scores of ", strong(some(section.rows, "row", "rows")), " were explained by ",
        strong(some(section.n_features, "feature", "features")), "; no bias metric was asked for.",
    )  # fmt: skip


def _short_result(result: AnalysisResult, groups: tuple[Group, ...]) -> str:
    if not groups:
        return "Explanations" if result.explanations is not None or result.partial_dependence else "Data check"
    if result.verdicts is not None:
        return short_result(result.verdicts)
    n_metrics = sum(len(group.measured) for group in groups)
    return f"No verdict, {some(n_metrics, 'metric', 'metrics')}, {len(undefined_metrics(groups))} undefined"


def _looked_at(result: AnalysisResult, groups: tuple[Group, ...], names: Names) -> tuple[Sentence, ...]:
    data = say(
        "Every row of ", name(file_name(result)), f": {some(result.dataset.rows, 'row', 'rows')}, ",
        some(result.dataset.n_columns, "column", "columns"), "; ", _dropped(groups, names), ".",
    )  # fmt: skip
    if not groups:
        return (data,)
    section = sections_of(result)[-1]
    positive = named_group(names[section.label], names[section.label_value_or_threshold])
    shown = next((group for group in groups if _is_shown(group)), None)
    totals = () if shown is None else say(": ", _totals(shown))
    return data, say("Positive means ", positive, totals, _threshold(result), ".", _accuracy(shown))


def _is_shown(group: Group) -> bool:
    counts = group.counts
    return not any(side.fewer_than for side in (counts.a, counts.d, counts.unknown))


def _dropped(groups: tuple[Group, ...], names: Names) -> Sentence:
    """Rows that no comparison counts; of facets the first ones, the rest is in the list of what was left out."""
    unknown = {group.facet: group.counts.unknown.rows for group in groups if _is_shown(group)}
    incomplete = [(facet, rows) for facet, rows in unknown.items() if rows]
    listed = [say(f"{some(rows, 'row', 'rows')} without ", name(names[facet])) for facet, rows in incomplete[:FEW]]
    n_unlabelled = _without_outcome(groups)
    if n_unlabelled:
        listed.append(say(f"{some(n_unlabelled, 'row', 'rows')} without a label or predicted label"))
    if not listed:
        return say("none dropped")
    return say("not counted ", *(say(", " if i else "", what) for i, what in enumerate(listed)))


def _without_outcome(groups: tuple[Group, ...]) -> int:
    shown = next((group for group in groups if _is_shown(group)), None)
    if shown is None:
        return 0
    everyone = (shown.counts.a, shown.counts.d, shown.counts.unknown)
    return sum(side.unknown_labels for side in everyone) + sum(side.unknown_predictions for side in everyone)


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
    return f" Accuracy {numbers.percent(right / of)}." if of else ""


def _totals(group: Group) -> str:
    counts = group.counts
    labels = f"{_positive(counts, lambda c: c.positive_labels, lambda c: c.negative_labels)} labels"
    if not group.has_predictions:
        return labels
    predicted = _positive(counts, lambda c: c.positive_predictions, lambda c: c.negative_predictions)
    return f"{labels}, {predicted} predicted labels"


def _positive(
    counts: FacetCounts, positives: Callable[[GroupCounts], int], negatives: Callable[[GroupCounts], int]
) -> str:
    everyone = (counts.a, counts.d, counts.unknown)
    n_positive = sum(map(positives, everyone))
    return f"{numbers.count(n_positive)} of {numbers.count(n_positive + sum(map(negatives, everyone)))}"


def found_gaps(groups: tuple[Group, ...], names: Names, *, most: int) -> tuple[Sentence, ...]:
    """The clearest differences of shares, one short sentence each."""
    return tuple(_short_gap(group, m, names) for group, m in clearest_gaps(groups, most=most))


def found_violations(groups: tuple[Group, ...], names: Names, *, most: int) -> tuple[Sentence, ...]:
    """The checks outside their allowed range, one short sentence each; what does not fit is counted."""
    found = _checks(groups, Verdict.VIOLATION)
    more = some(len(found) - most, "more check is", "more checks are")
    sentences = [_check("Outside the range you allow", check, names) for check in found[:most]]
    return (*sentences, *([say(f"{more} outside.")] if len(found) > most else ()))


def found_undecided(groups: tuple[Group, ...], names: Names, *, most: int) -> tuple[Sentence, ...]:
    """The checks that cannot be decided and what would have been seen; what does not fit is counted."""
    found = _checks(groups, Verdict.INCONCLUSIVE)
    more = some(len(found) - most, "more check", "more checks")
    sentences = [
        say(_check("Cannot be decided", check, names), detectable_words(check.judgement, check.measured.counts))
        for check in found[:most]
    ]
    return (*sentences, *([say(f"{more} cannot be decided.")] if len(found) > most else ()))


def _could_not_be_decided(groups: tuple[Group, ...], names: Names) -> tuple[Sentence, ...]:
    """The checks with a value nearest to being outside, and the gap that would have been seen; the rest is counted."""
    found = sorted(_checks(groups, Verdict.INCONCLUSIVE), key=_nearest_to_outside)
    valued = [check for check in found if check.measured.metric.value is not None]
    more = (say(f"{some(len(valued) - FEW, 'more check', 'more checks')}; see the table."),)
    return (*(_undecided(check, names) for check in valued[:FEW]), *(more if len(valued) > FEW else ()))


def _nearest_to_outside(check: _Check) -> float:
    p_outside = check.judgement.evidence.p_outside
    return 1.0 if p_outside is None else p_outside


def _undecided(check: _Check, names: Names) -> Sentence:
    seen = smallest_seen(check.judgement)
    return say(
        _which(check, names), ": ", _size(check), ".",
        f" Only {seen} would be reported reliably." if seen else "",
    )  # fmt: skip


def _outside(groups: tuple[Group, ...], names: Names) -> tuple[Sentence, ...]:
    """The first checks that are outside, by name and size; the rest is counted."""
    found = _checks(groups, Verdict.VIOLATION)
    more = (say(f"{some(len(found) - FEW, 'more check is', 'more checks are')} outside."),)
    listed = (say(strong("Outside"), ": ", _which(check, names), ", ", _size(check), ".") for check in found[:FEW])
    return (*listed, *(more if len(found) > FEW else ()))


def _which(check: _Check, names: Names) -> Sentence:
    return say(f"{BY_NAME[check.measured.metric.name].title} for ", group_words(check.group, names))


def _size(check: _Check) -> Sentence:
    """``gap 14 points (7 to 21)``; the value where no shares are compared."""
    metric = check.measured.metric
    if metric.value is None or metric.name not in SHARES or BY_NAME[metric.name].kind != "difference":
        return say(_value_and_interval(check))
    gap = numbers.points_unit(numbers.points(metric.value, edges=edges_of(check.judgement)))
    return say("gap ", strong(gap), _short_limits(metric.value, metric.interval, edges_of(check.judgement)))


def _inside(groups: tuple[Group, ...], names: Names) -> tuple[Sentence, ...]:
    """How many checks of which groups are inside."""
    found = _checks(groups, Verdict.PASS)
    by_group = [(group, n) for group in groups if (n := sum(check.group is group for check in found))]
    if not found:
        return ()
    if len(by_group) > FEW:
        where = say(f"{some(len(found), 'check', 'checks')} of {some(len(by_group), 'group', 'groups')}")
    else:
        where = say(*(
            say(", " if i else "", f"{some(n, 'check', 'checks')} of ", group_words(group, names))
            for i, (group, n) in enumerate(by_group)
        ))  # fmt: skip
    return (say(strong("Inside"), ": ", where, "."),)


@dataclass(frozen=True)
class _Check:
    group: Group
    measured: Measured
    judgement: Judgement


def _checks(groups: tuple[Group, ...], verdict: Verdict) -> list[_Check]:
    return [
        _Check(group, m, m.judgement)
        for group in groups
        for m in group.measured
        if m.judgement is not None and m.judgement.verdict is verdict
    ]


def _check(decision: str, check: _Check, names: Names) -> Sentence:
    return say(
        strong(decision), f": {BY_NAME[check.measured.metric.name].title} for ", group_words(check.group, names),
        f", {_value_and_interval(check)}; you allow {allowed_text(check.judgement)}.",
    )  # fmt: skip


def _has_shares(measured: Measured) -> bool:
    phrase, counts = SHARES[measured.metric.name], measured.counts
    return bool(phrase.of_group(counts.d).of and phrase.of_group(counts.a).of)


def _value_and_interval(check: _Check) -> str:
    metric, edges = check.measured.metric, edges_of(check.judgement)
    if metric.value is None:
        return "not shown" if metric.undefined_because is Reason.WITHHELD else "undefined"
    value = numbers.decimal(metric.value, numbers.decimals_apart(metric.value, edges))
    return value if metric.interval is None else f"{value} ({numbers.interval(metric.interval, edges=edges)})"


def _short_gap(group: Group, measured: Measured, names: Names) -> Sentence:
    metric, phrase = measured.metric, SHARES[measured.metric.name]
    title = f"{BY_NAME[metric.name].title} for "
    value = metric.value if metric.value is not None else 0.0
    gap = strong(numbers.points_unit(numbers.points(value)))
    apart = say(gap, _short_limits(value, metric.interval), " apart.")
    if not _has_shares(measured):
        return say(title, group_words(group, names), ": ", apart)
    share_d, _ = out_of(phrase.of_group(measured.counts.d))
    share_a, _ = out_of(phrase.of_group(measured.counts.a))
    return say(title, group_words(group, names), f": {share_d} against {share_a}, ", apart)


def _short_limits(value: float, interval: Interval | None, edges: tuple[float, ...] = ()) -> str:
    """`` (7 to 21)`` in points, turned with the gap."""
    if interval is None or math.isinf(interval.low) or math.isinf(interval.high):
        return ""
    return f" ({points_range(interval, -1 if value < 0 else 1, edges)})"


def _small_groups(groups: tuple[Group, ...], names: Names) -> tuple[Sentence, ...]:
    small = [g for g in groups if _is_shown(g) and min(g.counts.d.rows, g.counts.a.rows) < SMALL_GROUP]
    sentences = [
        say(
            "Comparisons for ", group_words(g, names), " rest on ",
            strong(some(min(g.counts.d.rows, g.counts.a.rows), "row", "rows")), " in the smaller group.",
        )
        for g in small[:FEW]
    ]  # fmt: skip
    if len(small) > FEW:
        sentences.append(say(f"{some(len(small) - FEW, 'more small group', 'more small groups')}."))
    return tuple(sentences)


def found_attributions(result: AnalysisResult, names: Names) -> tuple[Sentence, ...]:
    """The feature that moved each of the first outputs most; empty without explanations."""
    if result.explanations is None:
        return ()
    section, unit = result.explanations, unit_of(result)
    sentences = []
    for output in section.outputs[:FEW]:
        top = strongest(output, most=FEW)
        if top:
            which = say(" of ", name(names[output.label])) if len(section.outputs) > 1 else ()
            listed = [
                say(", " if i else "", name(names[f.feature]), f" ({unit.text(size_of(f))})") for i, f in enumerate(top)
            ]
            remark = order_remark(output, section, listed=len(top))
            sentences.append(say("The score", which, " moved most with ", *listed, f", in {unit.name}{remark}."))
    return tuple(sentences)


def undefined_findings(groups: tuple[Group, ...], names: Names) -> tuple[Sentence, ...]:
    """The metrics without a value, one sentence per reason."""
    by_reason: dict[str, list[tuple[Group, str]]] = {}
    for group, metric in undefined_metrics(groups):
        by_reason.setdefault(why_undefined(metric), []).append((group, BY_NAME[metric.name].title))
    return tuple(
        say(_titles([title for _, title in found]), _where([g for g, _ in found], groups, names), f": {reason}.")
        for reason, found in by_reason.items()
    )


def _titles(titles: list[str]) -> str:
    """Two titles by name, more as a number; the tables have them all."""
    different = list(dict.fromkeys(titles))
    if len(different) > 2:
        return f"{len(different)} metrics"
    first, *second = different
    return first + "".join(f" and {title[:1].lower()}{title[1:]}" for title in second)


def _where(affected: list[Group], groups: tuple[Group, ...], names: Names) -> Sentence:
    n_affected = len({(group.facet, group.value) for group in affected})
    if n_affected == len(groups):
        return ()
    if n_affected == 1:
        return say(" for ", group_words(affected[0], names))
    return say(f" for {n_affected} of {len(groups)} groups")


def _not_looked_at(result: AnalysisResult, groups: tuple[Group, ...]) -> tuple[Sentence, ...]:
    found = []
    if groups and not result.intersections:
        found.append("Facets in combination.")
    if any(group.has_predictions for group in groups):
        found.append("Thresholds other than the one behind the predicted labels.")
    if result.pre_training is None:
        found.append("Bias in the labels.")
    if result.post_training is None:
        found.append("Bias in the predicted labels.")
    if result.explanations is None:
        found.append("What drives the score.")
    return tuple(say(text) for text in found)
