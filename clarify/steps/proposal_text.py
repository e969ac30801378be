"""A proposal in words for a terminal: every key, how sure it is, and why."""

from __future__ import annotations

import json
from collections.abc import Iterator

from clarify.errors import clip
from clarify.proposal.draft import Proposal
from clarify.proposal.evidence import Guess
from clarify.proposal.replies import keyed_choices

SURENESS = {"given": "as you said", "certain": "certain", "likely": "likely", "unknown": "cannot know"}
WIDTH = 28


def proposal_text(proposal: Proposal) -> str:
    """The proposal, one paragraph a key."""
    return "\n".join(_lines(proposal))


def guess_text(guess: Guess) -> str:
    """One key of the proposal, with its evidence."""
    return "\n".join((_headline(guess), *(f"    {line}" for line in guess.evidence)))


def question_text(question: Guess) -> str:
    """One question with its evidence and the choices by key."""
    several = " (several: separate them by commas)" if question.many else ""
    lines = [question.question + several, *(f"    {line}" for line in question.evidence)]
    lines += [f"  {key}) {clip(choice.answer, 60)}   {choice.words}" for key, choice in keyed_choices(question)]
    return "\n".join(lines)


def opening_text(proposal: Proposal) -> str:
    """What was read, what is remarkable about it, and what is certain; the rest is asked."""
    sure = [guess_text(guess) for guess in proposal.guesses if guess.certainty in ("given", "certain")]
    return "\n".join((*_found(proposal), "", *sure))


def _lines(proposal: Proposal) -> Iterator[str]:
    yield from _found(proposal)
    yield ""
    for guess in proposal.guesses:
        yield guess_text(guess)
        yield from (f"      {choice}" for choice in _candidates(guess))
    yield from _methods(proposal)


def _found(proposal: Proposal) -> Iterator[str]:
    data, model = proposal.dataset, proposal.model
    rows = f"all {data.rows:,}" if data.whole else f"the first {data.rows:,}"
    yield f"Dataset   {clip(data.uri)} ({data.dataset_type}), {rows} rows read"
    if model is not None:
        inputs = f"{len(model.inputs)} inputs by {model.source}" if model.inputs else "without a signature"
        answers = f", answers {', '.join(model.output_kinds)}" if model.output_kinds else ""
        yield f"Model     {clip(model.uri)}, {inputs}{answers}"
    for note in proposal.notes:
        yield f"Note      {note}"


def _headline(guess: Guess) -> str:
    found = ", ".join(clip(answer, 60) for answer in guess.answers) or "?"
    sureness = "left out" if guess.certainty == "unknown" and not guess.needed else SURENESS[guess.certainty]
    return f"{guess.field:<{WIDTH}}{found}   [{sureness}]"


def _candidates(guess: Guess) -> Iterator[str]:
    if guess.certainty != "unknown" or not guess.choices:
        return
    if not guess.needed:
        yield f"possible: {', '.join(clip(choice.answer, 40) for choice in guess.choices)}"
        return
    width = max(len(clip(choice.answer, 40)) for choice in guess.choices)
    for choice in guess.choices:
        yield f"{clip(choice.answer, 40):<{width}}  {choice.words}"


def _methods(proposal: Proposal) -> Iterator[str]:
    config = json.loads(proposal.document)
    yield f"{'methods':<{WIDTH}}{', '.join(config['methods'])}"
    if "shap" in config["methods"]:
        yield "    baseline: left out, so the row in the middle of the data is computed and used"
