"""What the report says of attributions: whether their order would hold, what they cost, how steady the model was."""

from __future__ import annotations

from collections.abc import Sequence

from clarify.report import numbers
from clarify.report.charts import attribution_interval
from clarify.report.explanations.units import Unit
from clarify.report.names import Names, clean
from clarify.report.words import Part, Sentence, name, say, some, strong
from clarify.results import ExplanationSection, GlobalAttribution, OutputExplanation

MOST_GROUPS = 6
MOST_MEMBERS = 8

ESTIMATORS = {
    "exact": "all coalitions that matter to a row are asked; its attributions are solved for, not estimated",
    "tree": "attributions are computed from the model's own trees, and no coalition is asked",
    "kernel": "least squares over pairs of complementary coalitions, weighted as in Kernel SHAP",
    "kriging": "coalitions that were not asked are predicted from those that were, by one kriging model for all rows",
    "sparse": "kriging with a model for each row, fitted to the features and triples of features that matter there",
}
"""What explained a row, by the name that the result counts it under."""

EXACT_ESTIMATORS = ("exact", "tree")


def size_of(feature: GlobalAttribution) -> float:
    """Mean absolute attribution without what errors of the rows add to it; a size cannot lie below 0."""
    return max(feature.mean_abs - feature.mean_abs_excess, 0.0)


def is_exact(output: OutputExplanation) -> bool:
    """Whether no attribution of this output is estimated."""
    return bool(output.features) and all(feature.exact for feature in output.features)


def is_certain(output: OutputExplanation, section: ExplanationSection) -> bool:
    """Whether a rerun gives these numbers: nothing is estimated, and the model answers the same again."""
    return is_exact(output) and section.probe != "noisy"


def stability_sentence(output: OutputExplanation, section: ExplanationSection) -> Sentence:
    """How much of the order of features would hold; empty where there is no order or it was not examined."""
    if section.probe == "noisy":
        return say(strong("No order is certain"), ": the model answered the same rows differently when asked again.")
    if is_exact(output):
        return say(strong("All attributions are exact."))
    if output.certain_order is None or len(output.features) < 2:
        return ()
    return _order_sentence(output.certain_order, len(output.features), n_playing=section.n_features)


def _order_sentence(n_certain: int, n_features: int, *, n_playing: int) -> Sentence:
    feature = "reported feature" if n_features < n_playing else "feature"
    errors = "within the errors of the estimate"
    if n_certain == 0:
        return say(strong("The order is not certain"), f" {errors}, not even which {feature} comes first.")
    if n_certain >= n_features:
        return say("The order of ", strong(f"all {n_features} {feature}s"), f" is certain {errors}.")
    if n_certain == 1:
        return say("The place of ", strong(f"the first {feature}"), f" is certain {errors}; the order below it is not.")
    first = strong(f"the first {n_certain} {feature}s")
    return say("The order of ", first, f" is certain {errors}; below them it is not.")


USED = " This says what the model used, not what is right to use."


def finding_sentence(
    features: Sequence[GlobalAttribution], output: OutputExplanation, section: ExplanationSection, unit: Unit,
    names: Names,
) -> Sentence:  # fmt: skip
    """How far the first of ``features`` moved the score, and whether it is certain that no other moved it more."""
    if not features:
        return ()
    first, size = features[0], size_of(features[0])
    if size == 0:
        none = "No feature moved the score." if is_certain(output, section) else (
            "No feature is seen to move the score: what there is can be error of the estimate."
        )
        return say(none)
    limits = "" if (found := attribution_interval(first)) is None else f" ({unit.interval(found)})"
    moved = say("On average ", name(names[first.feature]), " moved the score by ", strong(unit.amount(size)), limits)
    return say(moved, _rank(features, output, section), USED)


def _rank(
    features: Sequence[GlobalAttribution], output: OutputExplanation, section: ExplanationSection
) -> str:
    if len(output.features) < 2:
        return "."
    other = "other reported feature" if len(output.features) < section.n_features else "other feature"
    if is_certain(output, section):
        is_tie = len(features) > 1 and size_of(features[0]) == size_of(features[1])
        return f", and no {other} moved it further." if is_tie else f", more than any {other}."
    if section.probe != "noisy" and (output.certain_order or 0) >= 1:
        return f", more than any {other}."
    return ". Whether another moved it more is not certain."


def order_remark(output: OutputExplanation, section: ExplanationSection, *, listed: int) -> str:
    """What a list of the strongest features must add when errors could change its order; else empty."""
    if listed < 2:
        return ""
    if section.probe == "noisy":
        return "; their order is not certain"
    if is_exact(output) or output.certain_order is None or output.certain_order >= listed:
        return ""
    if output.certain_order == 0:
        return "; their order is not certain"
    first = "the first" if output.certain_order == 1 else f"the first {output.certain_order}"
    return f"; the order after {first} is not certain"


def effort_sentences(section: ExplanationSection) -> tuple[Sentence, ...]:
    """One paragraph on what was spent: calls, exact and estimated rows, where rows stopped, what is missing."""
    found = (
        _calls(section),
        _enumerated(section),
        _from_trees(section),
        _estimated(section),
        _stopped(section),
        _at_ceiling(section),
        _failed(section),
    )
    return tuple(sentence for sentence in found if sentence)


def _calls(section: ExplanationSection) -> Sentence:
    rows = some(section.rows - section.rows_failed, "row was", "rows were")
    if section.calls == 0:
        return say(strong(f"{rows} explained"), "; no coalition had to be asked.")
    spent = some(section.calls, "model row was", "model rows were")
    return say(strong(f"{rows} explained"), f"; {spent} spent on coalitions.")


def _count(section: ExplanationSection, estimator: str) -> int:
    return dict(section.estimators).get(estimator, 0)


def _enumerated(section: ExplanationSection) -> Sentence:
    n = _count(section, "exact")
    if n == 0:
        return ()
    them, their = ("it", "its") if n == 1 else ("them", "their")
    # Asking everything once leaves the model's own noise in, and no error bar shows it.
    so = "" if section.probe == "noisy" else f": {their} attributions are exact"
    return say(f"{some(n, 'row', 'rows')} had every coalition that matters to {them} asked{so}.")


def _from_trees(section: ExplanationSection) -> Sentence:
    n = _count(section, "tree")
    if n == 0:
        return ()
    so = "" if section.probe == "noisy" else f": {'its' if n == 1 else 'their'} attributions are exact"
    return say(f"{some(n, 'row was', 'rows were')} explained from the model's own trees{so}.")


def _sampled(section: ExplanationSection) -> tuple[tuple[str, int], ...]:
    return tuple((kind, n) for kind, n in section.estimators if kind not in EXACT_ESTIMATORS and n)


def _estimated(section: ExplanationSection) -> Sentence:
    sampled = _sampled(section)
    if not sampled:
        return ()
    rows = some(sum(count for _, count in sampled), "row is estimated", "rows are estimated")
    kinds = [clean(kind) for kind, _ in sampled]
    if len(kinds) > 1:
        with_ = ": " + ", ".join(f"{numbers.count(n)} with {kind}" for kind, (_, n) in zip(kinds, sampled, strict=True))
    else:
        with_ = f" with the estimator {kinds[0]}"
    return say(f"{rows}{with_}{_choice(section, kinds)}.")


def _choice(section: ExplanationSection, kinds: list[str]) -> str:
    asked, chosen = clean(section.estimator_asked), clean(section.estimator_chosen)
    if section.estimator_asked != "auto":
        return ", as asked for" if kinds == [asked] else f"; {asked} was asked for"
    if section.estimator_chosen in ("", "auto"):
        return ""
    return ", chosen automatically" if kinds == [chosen] else f"; {chosen} was chosen automatically"


def _stopped(section: ExplanationSection) -> Sentence:
    sampled = _sampled(section)
    if not sampled or (not section.budget_given and section.tolerance is None):
        return ()
    if section.budget_given:
        each = "It was" if sum(n for _, n in sampled) == 1 else "Each of them was"
        return say(f"{each} asked up to {some(section.num_samples, 'coalition', 'coalitions')}, as configured.")
    n = section.rows_within_tolerance
    its = "its" if n == 1 else "their"
    verb = "row stopped" if n == 1 else "rows stopped"
    return say(f"{numbers.count(n)} {verb} when {its} predicted error was within {_tolerance(section)} of {its} "
               "attributions.")  # fmt: skip


def _at_ceiling(section: ExplanationSection) -> Sentence:
    n = section.rows_at_ceiling
    if n == 0:
        return ()
    its, is_ = ("its", "error is") if n == 1 else ("their", "errors are")
    return say(
        strong(some(n, "row reached", "rows reached")), f" the ceiling of {numbers.count(section.num_samples)} ",
        f"coalitions first: {its} predicted {is_} larger than {_tolerance(section)}, and {its} error bars say how ",
        "large.",
    )  # fmt: skip


def _tolerance(section: ExplanationSection) -> str:
    """``2 %``."""
    return "the tolerance" if section.tolerance is None else f"{100 * section.tolerance:.4g} %"


def _failed(section: ExplanationSection) -> Sentence:
    n = section.rows_failed
    if n == 0:
        return ()
    them, their = ("it", "its") if n == 1 else ("them", "their")
    return say(
        strong(some(n, "row has no attributions", "rows have no attributions")),
        f": the model had no answer for {them}, or for most of {their} coalitions. The averages leave {them} out.",
    )  # fmt: skip


def steadiness_warning(section: ExplanationSection) -> Sentence:
    """What an unsteady model does to the numbers, in plain words; empty for a steady one."""
    if section.probe == "noisy":
        return say(
            strong("The model is noisy."), " It answered the same rows differently when asked again, so a rerun gives ",
            "other attributions. Error bars of estimated rows include this noise; rows without error bars hide it.",
        )  # fmt: skip
    if section.probe == "batch_variant":
        return say(
            strong("The model's answers depend on company."), " It answers a row differently when other rows travel ",
            "with it. Attributions of a rerun can differ from these, usually in the last digits only.",
        )  # fmt: skip
    return ()


def groups_sentence(section: ExplanationSection, names: Names) -> Sentence:
    """Which features stand for several columns; empty without groups."""
    if not section.groups:
        return ()
    shown = [
        say(", " if place else "", name(names[group]), f" ({some(len(columns), 'column', 'columns')})")
        for place, (group, columns) in enumerate(section.groups[:MOST_GROUPS])
    ]
    rest = len(section.groups) - len(shown)
    return say("Columns explained as one feature: ", *shown, f" and {rest} more" if rest else "", ".")


def members_sentence(section: ExplanationSection, names: Names) -> Sentence:
    """The columns of each group, as far as they fit; empty without groups."""
    if not section.groups:
        return ()
    parts: list[str | Part | Sentence] = []
    for group, columns in section.groups[:MOST_GROUPS]:
        parts += [name(names[group]), " is ", *_listed(columns, names), ". "]
    is_cut = len(section.groups) > MOST_GROUPS or any(len(columns) > MOST_MEMBERS for _, columns in section.groups)
    return say(*parts, "All of them are in extended.json." if is_cut else "Each took part in every coalition as one.")


def _listed(columns: tuple[str, ...], names: Names) -> list[str | Part]:
    listed: list[str | Part] = []
    for place, column in enumerate(columns[:MOST_MEMBERS]):
        listed += [", " if place else "", name(names[column])]
    rest = len(columns) - MOST_MEMBERS
    return [*listed, f" and {rest} more"] if rest > 0 else listed


def names_in(section: ExplanationSection) -> list[str]:
    """Every raw name that the section brings into the report; those of global attributions come first."""
    raw = [text for output in section.outputs for text in (output.label, *(f.feature for f in output.features))]
    raw += [text for group, columns in section.groups for text in (group, *columns[:MOST_MEMBERS])]
    raw += _names_by_facet(section)
    for sample in section.samples:
        raw += [text for s in sample.strata if s.facet for text in (s.facet, s.value_or_threshold)]
        raw += [text for feature in sample.features for text in (feature.feature, *feature.words)]
    for row in section.selected:
        raw += [text for group in row.groups for text in group]
        raw += [text for found in row.contributions for text in (found.feature, found.value) if text]
    return raw


def _names_by_facet(section: ExplanationSection) -> list[str]:
    raw: list[str] = []
    for found in section.by_facet:
        raw += [found.facet, found.value_or_threshold, *(effect.feature for effect in found.effects)]
    return raw
