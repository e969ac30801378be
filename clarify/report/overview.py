"""The first screen in words: title, verdict sentence, and the four short lists beside the forest."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC

from clarify.bias.catalog import BY_NAME
from clarify.report import numbers
from clarify.report.attribution_words import order_remark
from clarify.report.explained import size_of, strongest, unit_of
from clarify.report.judged import allowed_text, detectable_words, overall_sentence, short_result
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
from clarify.report.words import Sentence, name, named_group, out_of, plain, say, some, strong, why_undefined
from clarify.results import AnalysisResult, FacetCounts, GroupCounts, Judgement, MetricValue, Verdict

FEW = 3
SMALL_GROUP = 50


@dataclass(frozen=True)
class Overview:
    """What stands on the first screen beside the forest."""

    title: str
    heading: Sentence
    report_title: str
    when: str
    run_id: str
    verdict: Sentence
    looked_at: tuple[Sentence, ...]
    found: tuple[Sentence, ...]
    undefined: tuple[Sentence, ...]
    not_looked_at: tuple[Sentence, ...]


def overview_of(result: AnalysisResult, provenance: Provenance, groups: tuple[Group, ...], names: Names) -> Overview:
    """The first screen of a result."""
    run = provenance.run
    return Overview(
        title=f"{_short_result(result, groups)}: {plain(subject(result, names))}",
        heading=say(subject(result, names), f", on {some(result.dataset.rows, 'row', 'rows')}"),
        report_title=clean(result.report_title),
        when=f"{run.finished_at.astimezone(UTC):%d %b %Y, %H:%M} UTC",
        run_id=clean(run_id) if (run_id := run.mlflow_run_id or run.prefect_flow_run_id) else "",
        verdict=verdict_sentence(result),
        looked_at=_looked_at(result, groups, names),
        found=(
            *found_violations(groups, names, most=FEW),
            *found_gaps(groups, names, most=FEW), *_small_groups(groups, names),
            *found_attributions(result, names),
        ),
        undefined=undefined_findings(groups, names),
        not_looked_at=_not_looked_at(result, groups),
    )


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
        some(result.dataset.n_columns, "column", "columns"), ".",
    )  # fmt: skip
    if not groups:
        return (data,)
    section = sections_of(result)[-1]
    positive = named_group(names[section.label], names[section.label_value_or_threshold])
    return data, say("Positive means ", positive, ": ", _totals(groups[0]), ".")


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
        say(_check("Cannot be decided", check, names), detectable_words(check.judgement)) for check in found[:most]
    ]
    return (*sentences, *([say(f"{more} cannot be decided.")] if len(found) > most else ()))


@dataclass(frozen=True)
class _Check:
    group: Group
    metric: MetricValue
    judgement: Judgement


def _checks(groups: tuple[Group, ...], verdict: Verdict) -> list[_Check]:
    return [
        _Check(group, m.metric, m.judgement)
        for group in groups
        for m in group.measured
        if m.judgement is not None and m.judgement.verdict is verdict
    ]


def _check(decision: str, check: _Check, names: Names) -> Sentence:
    return say(
        strong(decision), f": {BY_NAME[check.metric.name].title} for ", group_words(check.group, names),
        f", {_value_and_interval(check.metric)}; you allow {allowed_text(check.judgement)}.",
    )  # fmt: skip


def _value_and_interval(metric: MetricValue) -> str:
    value = "undefined" if metric.value is None else numbers.decimal(metric.value)
    return value if metric.interval is None else f"{value} ({numbers.interval(metric.interval)})"


def _short_gap(group: Group, measured: Measured, names: Names) -> Sentence:
    metric, phrase = measured.metric, SHARES[measured.metric.name]
    share_d, _ = out_of(phrase.of_group(measured.counts.d))
    share_a, _ = out_of(phrase.of_group(measured.counts.a))
    value = metric.value if metric.value is not None else 0.0
    sign = -1 if value < 0 else 1
    limits = metric.interval
    held = () if limits is None else f" ({' to '.join(sorted_limits(limits.low * sign, limits.high * sign))})"
    unit = "point" if numbers.points(value) in ("1", "less than 1") else "points"
    return say(
        f"{BY_NAME[metric.name].title} for ", group_words(group, names), f": {share_d} against {share_a}, ",
        strong(f"{numbers.points(value)} {unit}"), held or "", " apart.",
    )  # fmt: skip


def sorted_limits(first: float, second: float) -> tuple[str, str]:
    """Both limits in whole points, the lower one first."""
    return numbers.signed_points(min(first, second)), numbers.signed_points(max(first, second))


def _small_groups(groups: tuple[Group, ...], names: Names) -> tuple[Sentence, ...]:
    small = [g for g in groups if min(g.counts.d.rows, g.counts.a.rows) < SMALL_GROUP]
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
    if result.pre_training is None:
        found.append("Bias in the labels.")
    if result.post_training is None:
        found.append("Bias in the predicted labels.")
    if result.explanations is None:
        found.append("What drives the score.")
    return tuple(say(text) for text in found)
