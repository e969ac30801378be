"""What a report owes its reader beside the numbers: what was left out, how it was computed, where it comes from."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from clarify.report import numbers
from clarify.report.explained import MOST_OUTPUTS
from clarify.report.names import Names, clean, without_secrets
from clarify.report.provenance import Provenance, utc_text
from clarify.report.selection import MOST_CARD_GROUPS, Group, undefined_metrics
from clarify.report.words import Sentence, name, say, some, why_undefined
from clarify.results import AnalysisResult, ExplanationSection

BASELINES = {"inline": "given in the configuration", "uri": "read from a file", "medoid": "chosen from the data"}
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


def left_out(result: AnalysisResult, groups: tuple[Group, ...], names: Names) -> tuple[LeftOut, ...]:
    """Rows, metrics and parts that a reader could believe to be included."""
    return (
        *_unknown_facets(groups, names),
        *_unknown_outcomes(groups),
        *_undefined(groups),
        *_missing_values(result),
        *_failed_expectations(result),
        *_not_drawn(result, groups),
    )


def _unknown_facets(groups: tuple[Group, ...], names: Names) -> tuple[LeftOut, ...]:
    rows = {group.facet: group.counts.unknown.rows for group in groups}
    return tuple(
        LeftOut(say("Rows without a value of ", name(names[facet])), numbers.count(count),
                "they belong to neither group" if count else "none missing")
        for facet, count in rows.items()
    )  # fmt: skip


def _unknown_outcomes(groups: tuple[Group, ...]) -> tuple[LeftOut, ...]:
    if not groups:
        return ()
    everyone = (groups[0].counts.a, groups[0].counts.d, groups[0].counts.unknown)
    found = [_unknown("Rows without a label", sum(c.unknown_labels for c in everyone))]
    if groups[0].has_predictions:
        found.append(_unknown("Rows without a predicted label", sum(c.unknown_predictions for c in everyone)))
    return tuple(found)


def _unknown(what: str, count: int) -> LeftOut:
    why = "metrics that need it do not count them" if count else "none missing"
    return LeftOut(say(what), numbers.count(count), why)


def _undefined(groups: tuple[Group, ...]) -> tuple[LeftOut, ...]:
    reasons = Counter(why_undefined(metric) for _, metric in undefined_metrics(groups))
    return tuple(LeftOut(say("Metrics without a value"), numbers.count(n), why) for why, n in reasons.most_common())


def _missing_values(result: AnalysisResult) -> tuple[LeftOut, ...]:
    incomplete = [column for column in result.validation.columns if column.nulls]
    if not incomplete:
        return ()
    nulls = sum(column.nulls for column in incomplete)
    what = f"Missing values in {some(len(incomplete), 'column', 'columns')}"
    return (LeftOut(say(what), numbers.count(nulls), "counted as unknown, or given to the model as missing"),)


def _failed_expectations(result: AnalysisResult) -> tuple[LeftOut, ...]:
    return tuple(
        LeftOut(
            say("Rows that break an expectation on ", name(clean(outcome.column))),
            numbers.count(outcome.unexpected),
            clean(outcome.detail or outcome.expectation, longest=200),
        )
        for outcome in result.validation.expectations if not outcome.success
    )  # fmt: skip


def _not_drawn(result: AnalysisResult, groups: tuple[Group, ...]) -> tuple[LeftOut, ...]:
    found = []
    if len(groups) > MOST_CARD_GROUPS:
        n_more = numbers.count(len(groups) - MOST_CARD_GROUPS)
        found.append(LeftOut(say("Groups shown without cards"), n_more, "their values are in the table of all values"))
    if result.explanations is not None and len(result.explanations.outputs) > MOST_OUTPUTS:
        n_more = numbers.count(len(result.explanations.outputs) - MOST_OUTPUTS)
        found.append(LeftOut(say("Outputs of the model not drawn"), n_more, "their values are in extended.json"))
    return tuple(found)


def how_computed(result: AnalysisResult, groups: tuple[Group, ...]) -> tuple[Fact, ...]:
    """Methods, budgets and the limits of what they show."""
    facts: list[Fact] = []
    if groups:
        facts += [Fact(term, say(text)) for term, text in _BIAS_FACTS]
    if result.explanations is not None:
        facts += [Fact(term, say(text)) for term, text in _shap_facts(result.explanations)]
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


def _shap_facts(section: ExplanationSection) -> tuple[tuple[str, str], ...]:
    estimators = ", ".join(f"{clean(kind)} {numbers.count(rows)}" for kind, rows in section.estimators)
    link = "log-odds of the score" if section.use_logit else "the score itself"
    source = BASELINES.get(section.baseline_source, clean(section.baseline_source))
    baseline = some(section.n_baseline_rows, "baseline row", "baseline rows")
    return (
        ("Attributions", f"Kernel SHAP of {link} against {baseline}, {source}. "
                         f"{some(section.rows, 'row was', 'rows were')} explained, "
                         f"{numbers.count(section.rows_exact)} of them exactly by enumerating every coalition."),
        ("Estimators", f"Rows by estimator: {estimators or 'none'}. Bars are the 95 % sampling error of the "
                       "coalitions drawn, not of the choice of rows."),
        ("Budget", f"{some(section.num_samples, 'coalition', 'coalitions')} for each row and "
                   f"{some(section.calls, 'model row', 'model rows')} in all; seed {section.seed}."),
    )  # fmt: skip


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
        _text("Code", f"clarify {clean(provenance.code.version)}"),
        _code("Code SHA-256", provenance.code.digest),
        _text("Environment", clean(machine, longest=200)),
        _text("Packages", ", ".join(f"{package} {version}" for package, version in provenance.environment.packages)),
        _text("Engine", clean(run.engine)),
        _text("Started and finished", f"{utc_text(run.started_at)} to {utc_text(run.finished_at)}"),
        *_run_ids(provenance),
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


def _text(term: str, text: str) -> Fact:
    return Fact(term, say(text))


def _code(term: str, text: str) -> Fact:
    return Fact(term, say(name(clean(text, longest=500))), is_code=True)
