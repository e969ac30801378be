"""The top of a comparison: both models, whether rows are paired, what they agree on, the most urgent differences."""

from __future__ import annotations

from dataclasses import dataclass

from clarify.compared import ComparedRun, Comparison
from clarify.report import numbers
from clarify.report.comparison.cells import compared, told, urgency
from clarify.report.comparison.words import (
    accuracy_sentence,
    agreement_sentence,
    decision_sentence,
    difference_sentence,
    model_words,
    pairing_sentence,
)
from clarify.report.judged import ORDER
from clarify.report.names import LONGEST_DETAIL, Names, clean, name_all, without_secrets
from clarify.report.notes import Fact
from clarify.report.words import Sentence, name, named_group, say, some
from clarify.results import Interval, Verdict

MOST_FOUND = 6


@dataclass(frozen=True)
class RunFacts:
    """One run in the header and at the end."""

    role: str
    model: Sentence
    data: str
    facts: tuple[Fact, ...]


def names_of(comparison: Comparison) -> Names:
    """What facets, groups and models are called, once for the page, the Markdown and the terminal."""
    raw = [text for group in comparison.groups for text in (group.facet, group.value_or_threshold)]
    return name_all([*raw, *(_model_name(run) for _, run in roles(comparison))])


def roles(comparison: Comparison) -> tuple[tuple[str, ComparedRun], ...]:
    """Both runs by what they are here."""
    return ("Champion", comparison.champion), ("Challenger", comparison.challenger)


def _model_name(run: ComparedRun) -> str:
    return run.model.name if run.model is not None else "predicted labels in the data"


def short_result(comparison: Comparison) -> str:
    """``1 VIOLATION, 2 PASS``, for a title."""
    counted = (f"{comparison.count(v)} {v}" for v in ORDER if comparison.count(v))
    return ", ".join(counted) or "Comparison"


def heading_of(comparison: Comparison, names: Names) -> Sentence:
    """Both models, and on how many rows."""
    one, other = comparison.champion, comparison.challenger
    rows = some(one.dataset.rows, "row", "rows")
    if one.dataset.digest != other.dataset.digest:
        rows = f"{numbers.count(one.dataset.rows)} and {some(other.dataset.rows, 'other row', 'other rows')}"
    return say("Challenger ", _model(other, names), " against champion ", _model(one, names), f", on {rows}")


def _model(run: ComparedRun, names: Names) -> Sentence:
    version = None if run.model is None or run.model.version is None else clean(run.model.version)
    return model_words(names[_model_name(run)], version, None)


def lead_of(comparison: Comparison) -> tuple[Sentence, ...]:
    """How the rows were matched, how often both decide alike, how often rightly."""
    found = [pairing_sentence(comparison)]
    if comparison.agreement is not None:
        found.append(agreement_sentence(comparison.agreement))
    if comparison.accuracy is not None:
        found.append(accuracy_sentence(comparison.accuracy))
    return tuple(found)


def run_facts(role: str, run: ComparedRun, names: Names) -> RunFacts:
    """What was read where, and the digests of it."""
    model, data = run.model, run.dataset
    facts = [
        Fact("Run", say(name(clean(without_secrets(run.uri), longest=LONGEST_DETAIL))), is_code=True),
        Fact("extended.json SHA-256", say(name(clean(run.evidence, longest=80))), is_code=True),
        Fact("Configuration SHA-256", say(name(clean(run.config_digest, longest=80))), is_code=True),
        Fact("Data", say(name(clean(without_secrets(data.uri), longest=LONGEST_DETAIL))), is_code=True),
        Fact("Data SHA-256", say(name(clean(data.digest, longest=80))), is_code=True),
    ]
    digest = "no model: the data's own predicted labels"
    if model is not None:
        digest = model.digest or "not known: a running endpoint"
        facts.append(Fact("Model", say(name(clean(without_secrets(model.pinned_uri), longest=LONGEST_DETAIL))), True))
    facts.append(Fact("Model SHA-256", say(name(clean(digest, longest=80))), is_code=True))
    return RunFacts(role, _model(run, names), f"{some(data.rows, 'row', 'rows')}", tuple(facts))


def found_sentences(comparison: Comparison, names: Names) -> tuple[Sentence, ...]:
    """The most urgent differences in words; without a tolerance those whose interval leaves no change out."""
    chosen = []
    for (i, _), metric in sorted(told(comparison), key=lambda placed: urgency(placed[1])):
        is_open = metric.verdict in (Verdict.VIOLATION, Verdict.INCONCLUSIVE)
        if is_open if metric.verdict is not None else _is_clear(metric.interval):
            chosen.append((comparison.groups[i], metric))
    sentences = []
    for group, metric in chosen[:MOST_FOUND]:
        who = named_group(names[group.facet], names[group.value_or_threshold])
        decision = decision_sentence(metric, comparison.tests)
        sentences.append(say(difference_sentence(metric, who), *((" ", decision) if decision else ())))
    if len(chosen) > MOST_FOUND:
        sentences.append(say(f"{len(chosen) - MOST_FOUND} more below."))
    return tuple(sentences or (say(_nothing_found(comparison)),))


def _nothing_found(comparison: Comparison) -> str:
    if comparison.verdicts:
        return "Every difference lies inside the range you allow."
    if next(compared(comparison), None) is None:
        return "There is no difference to show."
    return "No gap differs so much that its interval leaves no change out."


def _is_clear(interval: Interval | None) -> bool:
    return interval is not None and (interval.low > 0 or interval.high < 0)
