"""An analysis_config.json proposed from facts and answers: what is sure, what is likely, and what must be asked."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass

from clarify.config.analysis import POST_TRAINING_METRICS, PRE_TRAINING_METRICS
from clarify.config.columns import closest, listed
from clarify.errors import ConfigError, Problem, clip
from clarify.proposal.column_words import MISSING_WORDS
from clarify.proposal.evidence import (
    NONE,
    Answers,
    ColumnFact,
    DatasetFacts,
    FacetAnswer,
    Guess,
    ModelFacts,
    Scalar,
    typed,
)
from clarify.proposal.guesses import (
    Facts,
    guess_excluded,
    guess_facet,
    guess_group,
    guess_group_variable,
    guess_label,
    guess_positive,
    guess_predicted_label,
)

CONDITIONAL = ("CDDL", "CDDPL")        # the metrics that need a group variable
SCHEMA_VERSION = "1.0"
Json = Scalar | list["Json"] | dict[str, "Json"]


@dataclass(frozen=True)
class Proposal:
    """A config as far as it is known, every guess with its evidence, and remarks on the data.

    ``document`` is the JSON text of the config without the keys that are still open.
    """

    dataset: DatasetFacts
    model: ModelFacts | None
    guesses: tuple[Guess, ...]
    notes: tuple[str, ...]
    document: str

    def questions(self, *, accept_likely: bool) -> tuple[Guess, ...]:
        """What must be answered before the config may be written, in order."""
        return tuple(guess for guess in self.guesses if _is_question(guess, accept_likely=accept_likely))

    def as_json(self, *, status: str, accept_likely: bool) -> str:
        """Config, evidence and open questions as one document."""
        document = {
            "status": status,
            "dataset": asdict(self.dataset),
            "guesses": [asdict(guess) for guess in self.guesses],
            "questions": [guess.field for guess in self.questions(accept_likely=accept_likely)],
            "notes": list(self.notes),
            "config": json.loads(self.document),
        }
        return json.dumps(document, indent=2, ensure_ascii=False)


def propose(
    facts: Facts, model: ModelFacts | None, answers: Answers, dataset: DatasetFacts, notes: Sequence[str] = ()
) -> Proposal:
    """Everything that can be said of the config now; ask the first question, answer it, and propose again.

    Raises
    ------
    ConfigError
        PROPOSE-COLUMN, PROPOSE-VALUE: every answer that names a column or value that is not there.
    """
    ConfigError.collect(_wrong_columns(facts, model, answers))
    by_name = {fact.name: fact for fact in facts}
    label_guess = guess_label(facts, model, answers)
    label = by_name[label_guess.answers[0]] if label_guess.answers else None
    predicted = guess_predicted_label(facts, label, answers)
    roles = frozenset((*label_guess.answers, *predicted.answers))
    ConfigError.collect(_wrong_values(by_name, label, answers))
    guesses = [label_guess]
    if answers.bias:
        guesses += [guess_positive(label, answers)] if label is not None else []
    guesses += [predicted] if predicted.choices or predicted.answers else []
    if answers.bias:
        guesses.append(guess_facet(facts, roles, answers, may_skip=model is not None))
        guesses += [guess_group(by_name[facet.column], facet, i) for i, facet in enumerate(answers.facets)]
        guesses.append(guess_group_variable(facts, roles, answers))
    guesses.append(guess_excluded(facts, model, roles, answers))
    document = _document(guesses, by_name, model, dataset, answers)
    return Proposal(dataset, model, tuple(guesses), (*notes, *_remarks(facts, label, answers)), document)


def open_problems(proposal: Proposal, *, accept_likely: bool) -> Iterator[Problem]:
    """One problem per open question, with the option that answers it."""
    for guess in proposal.questions(accept_likely=accept_likely):
        likely = f"probably {', '.join(guess.answers)}, which nobody confirmed" if guess.answers else "no answer"
        found = [choice for choice in guess.choices if not guess.answers or choice.answer in guess.answers]
        options = "; ".join(choice.option for choice in found) or guess.option
        which = f"add {guess.option}" if guess.certainty == "unknown" else "add it, or --yes to accept what is likely"
        yield Problem("PROPOSE-OPEN", guess.field, likely, options, which)


def written_values(fact: ColumnFact, chosen: tuple[Scalar, ...]) -> tuple[Scalar, ...]:
    """What the config lists for chosen values or one threshold, so that AWS's type inference selects the same rows.

    One listed value of a continuous column is a threshold: the larger of two codes is written as the smaller one,
    above which it lies. One listed value of a categorical column is that value: all values above the threshold are
    listed. Empty when AWS has no spelling for the choice, or nothing lies above the threshold.
    """
    if len(chosen) != 1:
        return chosen
    if fact.asks_threshold:
        above = _values_above(fact, chosen[0])
        return above if not fact.continuous else chosen if above or fact.values is None else ()
    if not (fact.continuous and fact.is_code):
        return chosen
    low, high = sorted((value for value, _ in fact.values or ()), key=float)
    return (low,) if chosen[0] == high else ()


def _values_above(fact: ColumnFact, threshold: Scalar) -> tuple[Scalar, ...]:
    return tuple(sorted((value for value, _ in fact.values or () if float(value) > float(threshold)), key=float))


def _is_question(guess: Guess, *, accept_likely: bool) -> bool:
    return guess.is_open or (guess.certainty == "likely" and not accept_likely)


# --- wrong answers ----------------------------------------------------------------------------------------------------


def _wrong_columns(facts: Facts, model: ModelFacts | None, answers: Answers) -> Iterator[Problem]:
    names = [fact.name for fact in facts]
    optional = [name for name in (answers.predicted_label, answers.group_variable, *(answers.excluded or ())) if name]
    asked = [("--label", answers.label), *(("--facet", facet.column) for facet in answers.facets)]
    for option, name in (*asked, *(("an option", name) for name in optional if name != NONE)):
        if name is not None and name not in names:
            near = closest(name, names)
            hint = f"did you mean {near!r}?" if near else "name an existing column"
            yield Problem("PROPOSE-COLUMN", option, repr(name), f"a column of the dataset: {listed(names)}", hint)
    missing = [name for name in (model.inputs or () if model is not None else ()) if name not in names]
    if model is not None and missing:
        hint = "give the data as the model takes them, or leave --model out"
        allowed = f"columns of the dataset: {listed(names)}"
        yield Problem("PROPOSE-MODEL-COLUMNS", "--model", f"a model that takes {listed(missing)}", allowed, hint)
    if not answers.bias and model is None:
        yield Problem("PROPOSE-NOTHING", "--no-bias", "no model", "--model beside it", "explanations need a model")


def _wrong_values(
    by_name: dict[str, ColumnFact], label: ColumnFact | None, answers: Answers
) -> Iterator[Problem]:
    if label is not None:
        yield from _not_there("--positive", label, answers.positive)
    for facet in answers.facets:
        yield from _not_there(f"--facet {facet.column}", by_name[facet.column], facet.values or ())


def _not_there(option: str, fact: ColumnFact, texts: tuple[str, ...]) -> Iterator[Problem]:
    if fact.asks_threshold and len(texts) == 1:
        yield from _wrong_threshold(option, fact, texts[0])
        return
    known = [value for value, _ in fact.values] if fact.values is not None else None
    for text in texts:
        if known is not None and typed(text, fact) not in known:
            values = [str(value) for value in known]
            near = closest(text, values)
            hint = f"did you mean {near!r}?" if near else "choose one of these"
            yield Problem("PROPOSE-VALUE", option, repr(text), f"values of {clip(fact.name)}: {listed(values)}", hint)
            return
    if texts and not written_values(fact, _all_typed(fact, texts)):
        allowed = f"the larger of the two values of {clip(fact.name)}"
        hint = "AWS reads the column as a range and can only name what lies above a value: write it as text"
        yield Problem("PROPOSE-VALUE", option, repr(texts[0]), allowed, hint)


def _wrong_threshold(option: str, fact: ColumnFact, text: str) -> Iterator[Problem]:
    number = typed(text, fact)
    low, high = fact.summary.minimum, fact.summary.maximum
    if not isinstance(number, int | float):
        yield Problem("PROPOSE-VALUE", option, repr(text), f"one number: {clip(fact.name)} is a scale",
                      "give the threshold above which a row counts")
    elif high is not None and number >= high:
        yield Problem("PROPOSE-VALUE", option, text, f"a number from {low:g} to below {high:g}",
                      "no row lies above this threshold")
    elif not written_values(fact, (number,)):
        yield Problem("PROPOSE-VALUE", option, text, "a column of at most 1,000 values, or with decimals",
                      f"AWS reads {clip(fact.name)} as groups, and they are too many to be listed: bin the column")


def _all_typed(fact: ColumnFact, texts: tuple[str, ...]) -> tuple[Scalar, ...]:
    return tuple(value for text in texts if (value := typed(text, fact)) is not None)


# --- the document -----------------------------------------------------------------------------------------------------


def _document(
    guesses: Sequence[Guess], by_name: dict[str, ColumnFact], model: ModelFacts | None, dataset: DatasetFacts,
    answers: Answers,
) -> str:
    """The config as AWS's users write it, in AWS's order of keys."""
    said = {guess.field: tuple(a for a in guess.answers if a != NONE) for guess in guesses}
    config: dict[str, Json] = {
        "version": SCHEMA_VERSION, "dataset_type": dataset.dataset_type, "dataset_uri": dataset.uri,
    }  # fmt: skip
    for key in ("label", "predicted_label"):
        if said.get(key):
            config[key] = said[key][0]
    label = by_name[said["label"][0]] if said["label"] else None
    if label is not None and said.get("label_values_or_threshold"):
        config["label_values_or_threshold"] = _written(label, said["label_values_or_threshold"])
    facets = [_facet(by_name[facet.column], facet) for facet in answers.facets]
    if answers.bias and facets:
        config["facet"] = list(facets)
    if said.get("group_variable"):
        config["group_variable"] = said["group_variable"][0]
    if said["excluded_columns"]:
        config["excluded_columns"] = list(said["excluded_columns"])
    config["methods"] = _methods(said, model, bias=answers.bias)
    if model is not None:
        config["predictor"] = {"model_name": model.uri}
    return json.dumps(config, indent=4, ensure_ascii=False) + "\n"


def _facet(fact: ColumnFact, answer: FacetAnswer) -> Json:
    if not answer.values:
        return {"name_or_index": fact.name}
    return {"name_or_index": fact.name, "value_or_threshold": _written(fact, answer.values)}


def _written(fact: ColumnFact, texts: tuple[str, ...]) -> list[Json]:
    return list(written_values(fact, _all_typed(fact, texts)))


def _methods(said: dict[str, tuple[str, ...]], model: ModelFacts | None, *, bias: bool) -> Json:
    stratified = bool(said.get("group_variable"))
    methods: dict[str, Json] = {}
    if bias:
        methods["pre_training_bias"] = {"methods": _metrics(PRE_TRAINING_METRICS, stratified)}
    if bias and (model is not None or said.get("predicted_label")):
        methods["post_training_bias"] = {"methods": _metrics(POST_TRAINING_METRICS, stratified)}
    if model is not None:
        methods["shap"] = {"agg_method": "mean_abs"}
    return methods


def _metrics(names: tuple[str, ...], stratified: bool) -> Json:
    """All of them, or all but those that would only say that a group variable is missing."""
    return "all" if stratified else [name for name in names if name not in CONDITIONAL]


# --- remarks ----------------------------------------------------------------------------------------------------------


def _remarks(facts: Facts, label: ColumnFact | None, answers: Answers) -> Iterator[str]:
    facets = {facet.column for facet in answers.facets}
    used = [fact for fact in facts if (label is not None and fact.name == label.name) or fact.name in facets]
    for fact in used:
        if fact.summary.nulls:
            yield f"{clip(fact.name, 40)}: {fact.summary.nulls:,} rows have no value and are counted apart"
        if fact.continuous and fact.is_code:
            yield (
                f"{clip(fact.name, 40)}: AWS reads two numbers here as a range, so the larger value is written as"
                " what lies above the smaller"
            )
        if fact.asks_threshold and not fact.continuous:
            yield (
                f"{clip(fact.name, 40)}: AWS reads whole numbers that repeat so often as groups, so the values above"
                " the threshold are listed one by one, as far as they were read"
            )
    for fact in facts:
        words = [(str(value), rows) for value, rows in fact.values or () if _says_missing(value)]
        if words and fact.summary.kind == "text":
            shown = ", ".join(f"{rows:,} rows of {value!r}" for value, rows in words)
            yield f"{clip(fact.name, 40)}: {shown} are read as a value, not as missing"


def _says_missing(value: Scalar) -> bool:
    return isinstance(value, str) and value.strip().casefold() in MISSING_WORDS
