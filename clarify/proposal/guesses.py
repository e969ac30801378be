"""One guess per key of an analysis_config.json, each from the facts of the columns and with its evidence in words."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence

from clarify.errors import clip
from clarify.proposal.column_words import (
    adverse_word,
    facet_kind,
    identifier_word,
    label_word,
    outcome_word,
    prediction_word,
)
from clarify.proposal.evidence import (
    EACH,
    FEW_VALUES,
    NONE,
    Answers,
    Certainty,
    Choice,
    ColumnFact,
    FacetAnswer,
    Guess,
    ModelFacts,
    Scalar,
)

LIKELY_POINTS, MARGIN = 4, 2           # a label needs this many points, and this many more than the next column
MOST_CHOICES, MOST_LABELS = 12, 5
SHOWN_VALUES = 6
FEWEST_ROWS_FOR_UNIQUE = 20            # in fewer rows every number may be the only one of its kind
MOSTLY_UNIQUE = 0.5

Facts = Sequence[ColumnFact]


# --- the label --------------------------------------------------------------------------------------------------------


def guess_label(facts: Facts, model: ModelFacts | None, answers: Answers) -> Guess:
    """The column of the observed label."""
    ranked = sorted(
        ((sum(points for points, _ in signs), fact, tuple(words for _, words in signs))
         for fact, signs in ((fact, tuple(_label_signs(fact, facts, model))) for fact in facts)),
        key=lambda ranking: (-ranking[0], ranking[1].position),
    )
    choices = tuple(Choice(fact.name, describe(fact), option_of("--label", fact.name))
                    for points, fact, _ in ranked[:MOST_LABELS] if points > 0)  # fmt: skip

    def guess(certainty: Certainty, found: tuple[str, ...], evidence: tuple[str, ...]) -> Guess:
        question = "Which column holds the observed label?"
        return Guess("label", question, certainty, found, evidence, choices, "--label COLUMN")

    if answers.label is not None:
        return guess("given", (answers.label,), ())
    certain = _label_by_model(facts, model)
    if certain is not None:
        return guess("certain", *certain)
    best, fact, words = ranked[0]
    runner_up = ranked[1][0] if len(ranked) > 1 else 0
    if best >= LIKELY_POINTS and best - runner_up >= MARGIN:
        return guess("likely", (fact.name,), (*words, describe(fact)))
    return guess("unknown", (), ("no column stands out by its name, place and values",))


def _label_by_model(facts: Facts, model: ModelFacts | None) -> tuple[tuple[str, ...], tuple[str, ...]] | None:
    """The label that MLflow's records leave no doubt about, and the evidence."""
    names = {fact.name for fact in facts}
    if model is None:
        return None
    for name in model.labels:
        if name in names:
            return (name,), ("the training data that MLflow logged name it as what is learnt",)
    named = [name for name in model.outputs if name in names and name not in (model.inputs or ())]
    if len(named) == 1:
        return (named[0],), ("the model's signature gives its output this name",)
    if model.inputs is None:
        return None
    left = [fact for fact in facts if fact.name not in model.inputs and _may_be_label(fact)]
    if len(left) == 1:
        return (left[0].name,), (f"the only column that the model does not take ({model.source})", describe(left[0]))
    return None


def _may_be_label(fact: ColumnFact) -> bool:
    return not why_identifier(fact) and not prediction_word(fact.name) and fact.distinct != 1


def _label_signs(fact: ColumnFact, facts: Facts, model: ModelFacts | None) -> Iterator[tuple[int, str]]:
    """What speaks for a column as the label, in points; points below zero speak against it."""
    if not _may_be_label(fact):
        yield -10, "one value only, an identifier, or a prediction"
    if model is not None and model.inputs is not None:
        is_input = fact.name in model.inputs
        yield (-10, "the model takes it") if is_input else (3, f"the model does not take it ({model.source})")
    if (word := label_word(fact.name)) is not None:
        yield 3, f"its name holds {word!r}"
    if fact.position == len(facts) - 1:
        yield 2, f"the last of {len(facts)} columns"
    elif fact.position == 0:
        yield 1, f"the first of {len(facts)} columns"
    if fact.distinct == 2:
        yield 2, "two different values"
    elif fact.distinct is not None and 2 < fact.distinct <= 10 and not fact.continuous:
        yield 1, f"{fact.distinct} different values"
    if (kind := facet_kind(fact.name)) is not None:
        yield -2, f"its name speaks of {kind[0]}"


# --- the positive outcome ---------------------------------------------------------------------------------------------


def guess_positive(label: ColumnFact, answers: Answers) -> Guess:
    """The value or values of the positive outcome, or the threshold it lies above."""
    if label.asks_threshold:
        question = f"Above which value of {clip(label.name, 40)} is the outcome positive?"
    else:
        question = f"Which value of {clip(label.name, 40)} is the positive outcome, the one people hope for?"
    certainty, found, evidence = _positive(label, answers)
    choices = value_choices(label, "--positive ")
    return Guess(
        "label_values_or_threshold", question, certainty, found, evidence, choices, "--positive VALUE",
        many=not label.asks_threshold and not label.is_code,
    )


def _positive(label: ColumnFact, answers: Answers) -> tuple[Certainty, tuple[str, ...], tuple[str, ...]]:
    if answers.positive:
        return "given", answers.positive, ()
    if label.asks_threshold:
        return "unknown", (), (describe(label), "numbers on a scale have no positive value, only a threshold")
    values = tuple(value for value, _ in label.values or ())
    if len(values) != 2:
        return "unknown", (), (f"{len(values)} classes: any of them may be the positive ones",)
    good = [value for value in values if outcome_word(_plain(value)) > 0]
    bad = [value for value in values if outcome_word(_plain(value)) < 0]
    if (word := adverse_word(label.name)) is not None:
        return "unknown", (), (f"its name holds {word!r}, an outcome that people may hope to be spared",)
    if len(good) == 1 and len(bad) == 1:
        return "likely", (str(good[0]),), (f"{str(good[0])!r} beside {str(bad[0])!r} usually says so", shares_of(label))
    return "unknown", (), (_undecided(values),)


def _plain(value: object) -> object:
    """0.0 and 1.0 say what 0 and 1 say."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _undecided(values: Sequence[object]) -> str:
    return f"{' and '.join(repr(str(value)) for value in values)} do not say which of them is the positive outcome"


def value_choices(fact: ColumnFact, option: str) -> tuple[Choice, ...]:
    """Values with their counts, or quartiles to choose a threshold from; ``option`` is what stands before one."""
    if fact.asks_threshold:
        if fact.quartiles is None:
            return ()
        shares = ("three quarters", "half", "a quarter")
        middle = zip(fact.quartiles, shares, strict=True)
        return tuple(
            Choice(f"{value:g}", f"about {share} of the rows lie above", f"{option}{value:g}")
            for value, share in middle
        )
    return tuple(
        Choice(str(value), f"{rows:,} rows ({rows / fact.non_null:.0%})", f"{option}{shlex.quote(str(value))}")
        for value, rows in _sorted_values(fact)[:MOST_CHOICES]
    )


def _sorted_values(fact: ColumnFact) -> list[tuple[Scalar, int]]:
    """Numbers in their order, words by how many rows they have."""
    values = list(fact.values or ())
    if fact.is_number:
        return sorted(values, key=lambda item: float(item[0]))
    return sorted(values, key=lambda item: (-item[1], str(item[0])))


# --- predictions ------------------------------------------------------------------------------------------------------


def guess_predicted_label(facts: Facts, label: ColumnFact | None, answers: Answers) -> Guess:
    """The column of predictions made earlier, if there is one."""
    candidates = [fact for fact in facts if label is not None and _may_be_predicted(fact, label)]
    named = [fact for fact in candidates if prediction_word(fact.name) is not None]
    certainty: Certainty = "likely" if len(named) == 1 else "unknown"
    evidence = tuple(
        f"its name holds {prediction_word(fact.name)!r}, and its values are among those of the label"
        for fact in named[:1]
    )
    if answers.predicted_label is not None:
        certainty, evidence = "given", ()
    found = (answers.predicted_label,) if answers.predicted_label is not None else (named[0].name,) if named else ()
    return Guess(
        "predicted_label", "Does a column hold predicted labels, made earlier?", certainty,
        found if certainty != "unknown" else (), evidence,
        tuple(Choice(fact.name, describe(fact), option_of("--predicted-label", fact.name)) for fact in named),
        f"--predicted-label COLUMN|{NONE}",
        needed=len(named) > 1,
    )


def _may_be_predicted(fact: ColumnFact, label: ColumnFact) -> bool:
    if fact.name == label.name or fact.summary.kind != label.summary.kind:
        return False
    if label.values is None or fact.values is None or label.asks_threshold:
        return prediction_word(fact.name) is not None
    return {value for value, _ in fact.values} <= {value for value, _ in label.values}


# --- facets -----------------------------------------------------------------------------------------------------------


def guess_facet(facts: Facts, left_out: frozenset[str], answers: Answers, *, may_skip: bool) -> Guess:
    """Candidates for facets: who is to be compared with whom is never ours to choose."""
    telling, small = facet_candidates(facts, left_out)
    choices = tuple(Choice(fact.name, f"{why}; {describe(fact)}", _facet_option(fact)) for fact, why in telling)
    if not choices:
        choices = tuple(Choice(fact.name, describe(fact), _facet_option(fact)) for fact in small[:MOST_CHOICES])
    evidence = [f"{len(telling)} columns have names that speak of groups of people; choosing among them is yours"]
    if telling and small:
        evidence.append(f"columns of few values that may hold facets, too: {_names(small)}")
    found = tuple(facet.column for facet in answers.facets)
    option = "--facet COLUMN[=VALUE,...]" + (" or --no-bias" if may_skip else "")
    return Guess(
        "facet", "Whose treatment is to be measured? (columns)", "given" if found else "unknown", found,
        () if found else tuple(evidence), choices, option, many=True,
    )


def _facet_option(fact: ColumnFact) -> str:
    """The option that names facet d of a column, its possible values separated by a bar."""
    values = [str(value) for value, _ in _sorted_values(fact)]
    shown = "NUMBER" if fact.asks_threshold else "|".join(values) if len(values) <= SHOWN_VALUES else "VALUE,..."
    return option_of("--facet", f"{fact.name}={shown}")


def facet_candidates(
    facts: Facts, left_out: frozenset[str]
) -> tuple[tuple[tuple[ColumnFact, str], ...], tuple[ColumnFact, ...]]:
    """Columns whose names speak of groups of people, with what they say, and other columns of few values."""
    usable = [fact for fact in facts if fact.name not in left_out and fact.distinct != 1 and not why_identifier(fact)]
    named = [(fact, kind) for fact in usable if (kind := facet_kind(fact.name)) is not None]
    telling = tuple((fact, f"{kind} (its name holds {word!r})") for fact, (kind, word) in named)
    known = {fact.name for fact, _ in named}
    small = tuple(
        fact for fact in usable
        if fact.name not in known and not fact.asks_threshold and (fact.distinct or FEW_VALUES + 1) <= FEW_VALUES
    )  # fmt: skip
    return telling, small


def guess_group(fact: ColumnFact, answer: FacetAnswer, position: int) -> Guess:
    """Facet d within its column: the group whose treatment is measured."""
    name = clip(fact.name, 40)
    evidence: tuple[str, ...]
    if fact.asks_threshold:
        question = f"Facet d is the rows with {name} above which value?"
        evidence = (describe(fact), "facet d lies above the threshold, facet a at or below it")
    else:
        question = f"Which value of {name} is facet d, the group whose treatment is measured?"
        evidence = (f"{EACH!r} compares each value with the rest",)
    found, each = answer.values, answer.values == ()
    said = found is not None and not (each and fact.asks_threshold)
    choices = value_choices(fact, f"--facet {shlex.quote(fact.name)}=")
    return Guess(
        f"facet[{position}].value_or_threshold", question, "given" if said else "unknown",
        ((EACH,) if each else found or ()) if said else (), () if said else evidence, choices,
        f"--facet {fact.name}={'NUMBER' if fact.asks_threshold else 'VALUE,...'}", many=not fact.asks_threshold,
    )


# --- what may be left out ---------------------------------------------------------------------------------------------


def guess_group_variable(facts: Facts, left_out: frozenset[str], answers: Answers) -> Guess:
    """Strata of the conditional metrics: possible columns, and none unless somebody says so."""
    choices = tuple(
        Choice(fact.name, describe(fact), option_of("--group-variable", fact.name)) for fact in facts
        if fact.name not in left_out and not fact.asks_threshold and fact.summary.kind != "float"
        and fact.distinct is not None and 2 <= fact.distinct <= FEW_VALUES and facet_kind(fact.name) is None
    )  # fmt: skip
    said = answers.group_variable is not None
    return Guess(
        "group_variable", "Within which groups are the conditional metrics CDDL and CDDPL computed?",
        "given" if said else "unknown", (str(answers.group_variable),) if said else (),
        () if said else ("optional; without it CDDL and CDDPL are left out",), choices[:MOST_CHOICES],
        f"--group-variable COLUMN|{NONE}", needed=False,
    )


def guess_excluded(
    facts: Facts, model: ModelFacts | None, roles: frozenset[str], answers: Answers
) -> Guess:
    """Columns that are no features: what the model does not take, else identifiers and old predictions."""
    question = "Which columns are no features, besides the label?"
    option = f"--exclude COLUMN|{NONE}"
    if answers.excluded is not None:
        return Guess("excluded_columns", question, "given", answers.excluded, (), (), option, needed=False, many=True)
    others = [fact for fact in facts if fact.name not in roles]
    found = [(fact, why) for fact in others if (why := _why_excluded(fact, model)) is not None]
    reasons = dict.fromkeys(why for _, why in found)
    evidence = tuple(f"{_names([fact for fact, why in found if why == reason])}: {reason}" for reason in reasons)
    certainty: Certainty = "certain" if not found or (model is not None and model.inputs is not None) else "likely"
    choices = tuple(Choice(fact.name, why, option_of("--exclude", fact.name)) for fact, why in found)
    names = tuple(fact.name for fact, _ in found) or (NONE,)
    return Guess("excluded_columns", question, certainty, names, evidence, choices, option, needed=False, many=True)


def _why_excluded(fact: ColumnFact, model: ModelFacts | None) -> str | None:
    if model is not None and model.inputs is not None:
        return None if fact.name in model.inputs else f"not taken by the model ({model.source})"
    word = prediction_word(fact.name)
    return f"looks like a prediction: its name holds {word!r}" if word is not None else why_identifier(fact)


def why_identifier(fact: ColumnFact) -> str | None:
    """Why a column tells rows apart instead of describing them; None when it does not."""
    if fact.non_null < FEWEST_ROWS_FOR_UNIQUE or fact.summary.kind in ("float", "bool"):
        return None
    word = identifier_word(fact.name)
    if word is not None and fact.uniqueness > MOSTLY_UNIQUE:
        return f"an identifier: its name holds {word!r}, and {fact.uniqueness:.0%} of its values are different"
    if fact.uniqueness < 1:
        return None
    if fact.summary.kind == "text":
        return "a different text in every row: an identifier or free text"
    low, high = fact.summary.minimum, fact.summary.maximum
    counts_up = low is not None and high is not None and high - low + 1 == fact.non_null
    return "whole numbers that count the rows" if counts_up else None


# --- words ------------------------------------------------------------------------------------------------------------


def option_of(option: str, value: str) -> str:
    """An option with its value, as a shell takes it."""
    return f"{option} {shlex.quote(value)}"


def _names(facts: Sequence[ColumnFact]) -> str:
    shown = ", ".join(clip(fact.name, 40) for fact in facts[:MOST_CHOICES])
    return shown if len(facts) <= MOST_CHOICES else f"{shown} and {len(facts) - MOST_CHOICES} more"


def describe(fact: ColumnFact) -> str:
    """A column in half a line: how many values of what kind, and some of them."""
    if fact.asks_threshold or fact.values is None:
        return _spread(fact)
    return f"{len(fact.values)} values, {_counts(fact)}"


def shares_of(fact: ColumnFact) -> str:
    """Values with their rows and shares."""
    return _counts(fact) if fact.values is not None else _spread(fact)


def _counts(fact: ColumnFact) -> str:
    total = sum(rows for _, rows in fact.values or ())
    values = _sorted_values(fact)
    shown = [f"{clip(str(value), 30)}: {rows:,} ({rows / total:.0%})" for value, rows in values[:SHOWN_VALUES]]
    more = f" and {len(values) - SHOWN_VALUES} more" if len(values) > SHOWN_VALUES else ""
    return ", ".join(shown) + more


def _spread(fact: ColumnFact) -> str:
    summary = fact.summary
    if not fact.is_number or summary.minimum is None or summary.maximum is None:
        return f"{summary.kind}, more than 1,000 different values"
    quarters = "" if fact.quartiles is None else ", quartiles " + ", ".join(f"{q:g}" for q in fact.quartiles)
    return f"numbers from {summary.minimum:g} to {summary.maximum:g}{quarters}"
