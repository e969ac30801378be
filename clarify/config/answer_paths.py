"""Where labels and scores sit in an answer: keys, positions, or JMESPath expressions where keys do not suffice."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from clarify.config.json_path import LONGEST_PATH, json_path
from clarify.config.json_text import shown
from clarify.errors import ConfigError, Problem

_MORE_THAN_KEYS = re.compile(r"[\[\]{}*|&`()\"'@!<>=?,]")


def keys_of(place: str | int) -> tuple[str | int, ...] | None:
    """The keys that a plain place steps down, ``a.b`` or a position; None for any other JMESPath expression.

    Keys that JMESPath itself would want quoted, such as ``class-1``, are taken as they are.
    """
    if isinstance(place, int):
        return (place,)
    return None if _MORE_THAN_KEYS.search(place) else tuple(part.strip() for part in place.split("."))


def path_problems(field: str, place: str | int | None) -> Iterator[Problem]:
    """What is wrong with ``predictor.label`` or ``predictor.probability`` before any answer is seen."""
    if not isinstance(place, str):
        return
    if len(place) > LONGEST_PATH:
        allowed = f"at most {LONGEST_PATH:,} characters"
        yield Problem("CFG-JMESPATH", field, shown(place), allowed, "write a shorter path")
    elif keys_of(place) is None:
        try:
            json_path(place)
        except ConfigError as error:
            yield from (replace(problem, field=field) for problem in error.problems)
