"""What a report owes its reader beside the numbers: what was left out, how it was computed, where it comes from."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from clarify.report import numbers
from clarify.report.explanations.dependence import basis
from clarify.report.explanations.outputs import MOST_OUTPUTS
from clarify.report.explanations.words import ESTIMATORS, is_exact, members_sentence
from clarify.report.judged import promise
from clarify.report.names import Names, clean, without_secrets
from clarify.report.page_limits import DEFAULT, Limits, not_drawn
from clarify.report.provenance import Provenance, utc_text
from clarify.report.selection import MOST_CARD_GROUPS, Group, is_shown, undefined_metrics, withheld_metrics
from clarify.report.words import NOT_SHOWN, REASONS, Sentence, name, row_count, say, some, why_undefined
from clarify.results import AnalysisResult, ExplanationSection, GroupCounts, Reason, VerdictSection

BASELINES = {
    "inline": "given in the configuration",
    "uri": "read from a file",
    "medoid": "chosen from the data",
    "clusters": "computed as centres of clusters of the data",
}
ISOLATION = {
    "process": "in a process of its own",
    "none": "inside this process, without isolation",
    "remote": "behind an endpoint of its own",
}


@dataclass(frozen=True)
class Fact:
    """A term and what there is to say of it; ``is_code`` for digests, URIs and commands."""

    term: str
    text: Sentence
    is_code: bool = False


@dataclass(frozen=True)
class LeftOut:
    """Something that the numbers do not rest on, how many, and why."""

    what: Sentence
    how_many: str
    why: str


def left_out(
    result: AnalysisResult, groups: tuple[Group, ...], names: Names, limits: Limits = DEFAULT
) -> tuple[LeftOut, ...]:
    """Rows, metrics and parts that a reader could believe to be included."""
    return (
        *_unknown_facets(groups, names),
        *_unknown_outcomes(groups),
        *_hidden(groups),
        *_undefined(groups),
        *_withheld(groups),
        *_missing_values(result),
        *_failed_expectations(result, names),
        *_unexplained(result),
        *_not_drawn(result, groups),
        *(LeftOut(found.what, found.how_many, found.why) for found in not_drawn(result, limits)),
    )


def _unknown_facets(groups: tuple[Group, ...], names: Names) -> tuple[LeftOut, ...]:
    unknown = {group.facet: group.counts.unknown for group in groups}
    return tuple(
        LeftOut(say("Rows without a value of ", name(names[facet])), row_count(counts), _why_unknown(counts))
        for facet, counts in unknown.items()
    )


def _why_unknown(counts: GroupCounts) -> str:
    if counts.fewer_than:
        return REASONS[Reason.WITHHELD]
    return "they belong to neither group" if counts.rows else "none missing"


def _hidden(groups: tuple[Group, ...]) -> tuple[LeftOut, ...]:
    """Groups whose counts are not shown to this reader."""
    hidden = [group for group in groups if group.counts.d.fewer_than or group.counts.a.fewer_than]
    if not hidden:
        return ()
    how_many = numbers.count(len(hidden))
    return (LeftOut(say("Groups whose counts are not shown"), how_many, REASONS[Reason.WITHHELD]),)


def _unknown_outcomes(groups: tuple[Group, ...]) -> tuple[LeftOut, ...]:
    """Of all rows, so any group that is shown can tell; without one nobody is told, which is not the same as none."""
    if not groups:
        return ()
    shown = next(filter(is_shown, groups), None)
    found = [_unknown("Rows without a label", shown, lambda counts: counts.unknown_labels)]
    if groups[0].has_predictions:
        found.append(_unknown("Rows without a predicted label", shown, lambda counts: counts.unknown_predictions))
    return tuple(found)


def _sides(group: Group) -> tuple[GroupCounts, GroupCounts, GroupCounts]:
    return group.counts.a, group.counts.d, group.counts.unknown


def _unknown(what: str, group: Group | None, counted: Callable[[GroupCounts], int]) -> LeftOut:
    if group is None:
        return LeftOut(say(what), NOT_SHOWN, REASONS[Reason.WITHHELD])
    count = sum(map(counted, _sides(group)))
    why = "metrics that need it do not count them" if count else "none missing"
    return LeftOut(say(what), numbers.count(count), why)


def _undefined(groups: tuple[Group, ...]) -> tuple[LeftOut, ...]:
    reasons = Counter(why_undefined(metric) for _, metric in undefined_metrics(groups))
    return tuple(LeftOut(say("Metrics without a value"), numbers.count(n), why) for why, n in reasons.most_common())


def _withheld(groups: tuple[Group, ...]) -> tuple[LeftOut, ...]:
    n_hidden = len(withheld_metrics(groups))
    if not n_hidden:
        return ()
    return (LeftOut(say("Metrics that are not shown"), numbers.count(n_hidden), REASONS[Reason.WITHHELD]),)


def _missing_values(result: AnalysisResult) -> tuple[LeftOut, ...]:
    incomplete = [column for column in result.validation.columns if column.nulls]
    if not incomplete:
        return ()
    nulls = sum(column.nulls for column in incomplete)
    what = f"Missing values in {some(len(incomplete), 'column', 'columns')}"
    return (LeftOut(say(what), numbers.count(nulls), "counted as unknown, or given to the model as missing"),)


def _failed_expectations(result: AnalysisResult, names: Names) -> tuple[LeftOut, ...]:
    return tuple(
        LeftOut(
            say("Rows that break an expectation on ", name(names[outcome.column])),
            numbers.count(outcome.unexpected),
            clean(outcome.detail or outcome.expectation, longest=200),
        )
        for outcome in result.validation.expectations if not outcome.success
    )  # fmt: skip


def _unexplained(result: AnalysisResult) -> tuple[LeftOut, ...]:
    section, found = result.explanations, []
    if section is None:
        return ()
    if section.rows_failed:
        why = "the model had no answer for them; averages of attributions do not count them"
        found.append(LeftOut(say("Rows without attributions"), numbers.count(section.rows_failed), why))
    n_more = section.n_features - max((len(output.features) for output in section.outputs), default=0)
    if section.outputs and n_more > 0:
        why = "only the configured ones are; the others took part in every coalition"
        found.append(LeftOut(say("Features whose attributions are not reported"), numbers.count(n_more), why))
    return tuple(found)


def _not_drawn(result: AnalysisResult, groups: tuple[Group, ...]) -> tuple[LeftOut, ...]:
    found = []
    if len(groups) > MOST_CARD_GROUPS:
        n_more = numbers.count(len(groups) - MOST_CARD_GROUPS)
        found.append(LeftOut(say("Groups shown without cards"), n_more, "their values are in the table of all values"))
    if result.explanations is not None and len(result.explanations.outputs) > MOST_OUTPUTS:
        n_more = numbers.count(len(result.explanations.outputs) - MOST_OUTPUTS)
        found.append(LeftOut(say("Outputs of the model not drawn"), n_more, "their values are in extended.json"))
    return tuple(found)


def how_computed(result: AnalysisResult, groups: tuple[Group, ...], names: Names) -> tuple[Fact, ...]:
    """Methods, budgets and the limits of what they show."""
    facts: list[Fact] = []
    if groups:
        facts += [Fact(term, say(text)) for term, text in _BIAS_FACTS]
        facts += _verdict_facts(result.verdicts)
    if result.explanations is not None:
        facts += _shap_facts(result.explanations, names)
    if result.partial_dependence:
        facts.append(Fact("Partial dependence", say(_PDP_FACT, basis(result))))
    facts.append(Fact("What none of this shows", say(
        "A number near its ideal is not a certificate, and a number far from it names no cause. ",
        "Attributions say what the model used, not what is right to use.",
    )))  # fmt: skip
    return tuple(facts)


_BIAS_FACTS = (
    ("Groups", "The named group holds the listed values of a facet, the other rows hold the rest. Rows whose facet, "
               "label or predicted label is unknown are counted and left out of the numbers on this page; "
               "analysis.json folds them into the other rows and the negative class, as the original does."),
    ("Signs", "To the right of the dotted line the named group has less. Printed values keep the sign of their "
              "definition."),
    ("Intervals", "95 % equal-tailed intervals of independent Jeffreys proportions, evaluated on one fixed lattice: "
                  "no resampling and no random seed. Metrics within strata use the stratified MOVER interval. The flip "
                  "test's interval holds the neighbours fixed."),
    ("Many numbers", "Each interval stands for itself. Among twenty of them, one is expected to miss."),
)  # fmt: skip


def _verdict_facts(section: VerdictSection | None) -> list[Fact]:
    if section is None:
        return []
    family = (
        f"Holm's correction over {some(section.tests, 'check', 'checks')} with a range and an interval"
        if section.family == "holm" else "no correction for the number of checks"
    )
    text = (
        f": a verdict rests on the share of the lattice's values inside and outside the allowed range, at level "
        f"{section.level:g}, with {family}. {promise(section)}"
    )
    return [Fact("Verdicts", say("Policy ", name(clean(section.policy)), text))]


_PDP_FACT = (
    "A number is set to the centres of equally wide buckets between its smallest and largest value, a text or truth "
    "value to each value that occurs; missing values are no point of the grid. Sums are exact. Bands are quantiles of "
    "the rows' own scores. "
)


def _shap_facts(section: ExplanationSection, names: Names) -> list[Fact]:
    link = "log-odds of the score" if section.use_logit else "the score itself"
    source = BASELINES.get(section.baseline_source, clean(section.baseline_source))
    baseline = some(section.n_baseline_rows, "baseline row", "baseline rows")
    facts = [
        _text("Attributions", f"Shapley values of {link} against {baseline}, {source}: the attributions of a row add "
                              "up to its score minus the baseline's."),
        _text("Estimators", _estimators(section)),
        _text("Error bars", _errors(section)),
        _text("Budget", f"{_budget(section)} {some(section.calls, 'model row', 'model rows')} in all; "
                        f"seed {section.seed}."),
    ]  # fmt: skip
    members = members_sentence(section, names)
    return [*facts, Fact("Groups of columns", members)] if members else facts


def _estimators(section: ExplanationSection) -> str:
    if not section.estimators:
        return "No row was explained."
    used = (
        f"{clean(kind)} ({some(rows, 'row', 'rows')}){_what(kind)}" for kind, rows in section.estimators
    )
    return ". ".join(used) + "."


def _what(kind: str) -> str:
    return f": {ESTIMATORS[kind]}" if kind in ESTIMATORS else ""


def _errors(section: ExplanationSection) -> str:
    is_estimated = not section.outputs or not all(is_exact(output) for output in section.outputs)
    if not is_estimated and section.probe == "noisy":
        return "None: every coalition was asked once, and nothing shows how far the model's noise moves the numbers."
    if not is_estimated:
        return "None, because no attribution is estimated. Another baseline or other rows would give other numbers."
    return (
        "95 % intervals of the estimate: what other coalitions could have given for the same rows and the same "
        "baseline. They do not speak of other rows. Errors of single rows make the mean of their absolute values too "
        "large; the drawing leaves this excess out. A place in the order counts as certain when the next feature is "
        "smaller by more than 1.96 standard errors of their difference."
    )


def _budget(section: ExplanationSection) -> str:
    n_coalitions = some(section.num_samples, "coalition", "coalitions")
    if section.budget_given or section.tolerance is None:
        return f"At most {n_coalitions} for each row."
    return (
        f"Coalitions of a row were doubled until its predicted error was within {100 * section.tolerance:.4g} % of its "
        f"attributions, up to {n_coalitions}."
    )


def provenance_facts(result: AnalysisResult, provenance: Provenance, names: Names) -> tuple[Fact, ...]:
    """Data, model, configuration, code, environment and run, as one list."""
    run = provenance.run
    machine = f"Python {provenance.environment.python}, {provenance.environment.platform}"
    return (
        _code("Data", provenance.dataset_uri),
        _code("Data SHA-256", provenance.dataset_digest),
        _text("Data format", f"{clean(result.dataset.format)}, {numbers.bytes_text(result.dataset.bytes)}"),
        *_model_facts(result, names),
        _code("Configuration SHA-256", provenance.config_digest),
        *((_code("Policy SHA-256", result.verdicts.policy_digest),) if result.verdicts is not None else ()),
        _text("Code", f"clarify {clean(provenance.code.version)}"),
        _code("Code SHA-256", provenance.code.digest),
        _text("Environment", clean(machine, longest=200)),
        _text("Packages", ", ".join(f"{package} {version}" for package, version in provenance.environment.packages)),
        _text("Engine", clean(run.engine)),
        _text("Started and finished", f"{utc_text(run.started_at)} to {utc_text(run.finished_at)}"),
        *_run_ids(provenance),
        *_costs(provenance),
        _code("To run it again", run.command),
    )


def _model_facts(result: AnalysisResult, names: Names) -> tuple[Fact, ...]:
    model = result.model
    if model is None:
        return (_text("Model", "none: labels and predicted labels were read from the data"),)
    version = f", version {clean(model.version)}" if model.version else ""
    answers = f"answers with a {model.output}, {ISOLATION[model.isolation]}"
    digest = model.digest or "not known: the endpoint's files are not ours to read"
    return (
        Fact("Model", say(name(names[model.name]), f"{version}; {answers}")),
        _code("Model URI", without_secrets(model.pinned_uri)),
        Fact("Model SHA-256", say(name(clean(digest, longest=100))), is_code=model.digest is not None),
    )


def _run_ids(provenance: Provenance) -> tuple[Fact, ...]:
    run = provenance.run
    ids = (("MLflow run", run.mlflow_run_id), ("Prefect flow run", run.prefect_flow_run_id))
    return tuple(_code(term, run_id) for term, run_id in ids if run_id is not None)


def _costs(provenance: Provenance) -> tuple[Fact, ...]:
    """What the choice of the estimator was made from; these are this machine's times, and no rerun repeats them."""
    costs = provenance.run.costs
    if not costs:
        return ()
    measured = ", ".join(f"{_cost_name(cost)} {_cost_text(cost, value)}" for cost, value in costs)
    return (_text("Measured costs", measured),)


def _cost_name(cost: str) -> str:
    return clean(cost.removesuffix("_seconds").replace("_", " "))


def _cost_text(cost: str, value: float) -> str:
    if not math.isfinite(value):
        return "unknown"
    return numbers.duration(value) if cost.endswith("_seconds") else f"{value:,.4g}" if value % 1 else f"{value:,.0f}"


def _text(term: str, text: str) -> Fact:
    return Fact(term, say(text))


def _code(term: str, text: str) -> Fact:
    return Fact(term, say(name(clean(text, longest=500))), is_code=True)
