"""Replies to the questions of a proposal: which is next, what a reply means, and the answers it leads to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from string import ascii_lowercase

from clarify.proposal.draft import Proposal
from clarify.proposal.evidence import EACH, NONE, Answers, Choice, FacetAnswer, Guess


def next_question(proposal: Proposal, asked: frozenset[str]) -> Guess | None:
    """The first question that was not asked yet; optional keys are asked when there is something to choose."""
    pressing = proposal.questions(accept_likely=False)
    optional = [guess for guess in proposal.guesses if guess.certainty == "unknown" and guess.choices]
    return next((g for g in proposal.guesses if g in (*pressing, *optional) and g.field not in asked), None)


def keyed_choices(question: Guess) -> tuple[tuple[str, Choice], ...]:
    """Choices with the keys to type: numbers, but letters where the answers are numbers themselves."""
    numbers = any(_is_number(choice.answer) for choice in question.choices)
    keys = ascii_lowercase if numbers else [str(i + 1) for i in range(len(question.choices))]
    return tuple(zip(keys, question.choices, strict=False))


def default_reply(question: Guess) -> str | None:
    """What Enter stands for: the likely answer, or none for an optional key."""
    return ", ".join(question.answers) or (None if question.needed else NONE)


def reply_values(reply: str, question: Guess) -> tuple[str, ...]:
    """The answers a reply names, by key or as they are written; several are separated by commas.

    >>> sexes = Guess("facet[0].value_or_threshold", "", "unknown", choices=(Choice("f"), Choice("m")), many=True)
    >>> reply_values("1", sexes), reply_values("m, 1", sexes), reply_values("x", sexes)
    (('f',), ('m', 'f'), ('x',))
    """
    text = reply.strip()
    if text == default_reply(question) and question.answers:
        return question.answers
    known = {choice.answer for choice in question.choices}
    keys = {key: choice.answer for key, choice in keyed_choices(question)}
    parts = [text] if text in known or not question.many else [part.strip() for part in text.split(",")]
    return tuple(dict.fromkeys(part if part in known else keys.get(part.lower(), part) for part in parts if part))


def answered(answers: Answers, guess: Guess, replies: tuple[str, ...]) -> Answers:
    """The answers with one more question answered."""
    match guess.field:
        case "label":
            return replace(answers, label=replies[0])
        case "label_values_or_threshold":
            return replace(answers, positive=replies)
        case "predicted_label":
            return replace(answers, predicted_label=replies[0])
        case "facet":
            skip = replies == (NONE,)
            return replace(answers, bias=not skip, facets=() if skip else tuple(FacetAnswer(name) for name in replies))
        case "group_variable":
            return replace(answers, group_variable=replies[0])
        case "excluded_columns":
            return replace(answers, excluded=replies)
    position = int(guess.field.partition("[")[2].partition("]")[0])
    values = () if replies == (EACH,) else replies
    facets = tuple(
        replace(facet, values=values) if i == position else facet for i, facet in enumerate(answers.facets)
    )
    return replace(answers, facets=facets)


def facet_answer(text: str, columns: Sequence[str]) -> FacetAnswer:
    """``COLUMN``, ``COLUMN=*`` (each value in turn) or ``COLUMN=VALUE,VALUE``; the longest column name wins.

    >>> facet_answer("a=b=1,2", ["a", "a=b"])
    FacetAnswer(column='a=b', values=('1', '2'))
    """
    fitting = [name for name in columns if text == name or text.startswith(f"{name}=")]
    column = max(fitting, key=len, default=text.partition("=")[0])
    rest = text[len(column) + 1 :]
    return FacetAnswer(column, () if rest in ("", EACH) else tuple(part.strip() for part in rest.split(",")))


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
