"""Several readings of which some may fail: the problems of all of them are told together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeVar

from clarify.errors import ClarifyError, ConfigError, DataError, Problem

T = TypeVar("T")


def attempt(errors: list[ClarifyError], read: Callable[[], T], *, document: str | None = None) -> T | None:
    """What ``read`` returns; None when documents or data are wrong, after the error was added to ``errors``.

    ``document``: which one the problems are of, where that is not the config; their fields then begin with it.
    """
    try:
        return read()
    except (ConfigError, DataError) as error:
        named = (problem if document is None else _within(document, problem) for problem in error.problems)
        errors.append(type(error)(*named))
        return None


def _within(document: str, problem: Problem) -> Problem:
    begins = (f"{document}.", f"{document}[", "--")
    is_named = problem.field == document or problem.field.startswith(begins)
    return problem if is_named else replace(problem, field=f"{document}.{problem.field}")


def together(errors: Sequence[ClarifyError]) -> ClarifyError:
    """The only error, or one with the problems of all: DataError when all of them are, else ConfigError."""
    if len(errors) == 1:
        return errors[0]
    kind = DataError if all(isinstance(error, DataError) for error in errors) else ConfigError
    return kind(*(problem for error in errors for problem in error.problems))
