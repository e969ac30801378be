"""Several readings of which some may fail: the problems of all of them are told together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from clarify.errors import ClarifyError, ConfigError, DataError

T = TypeVar("T")


def attempt(errors: list[ClarifyError], read: Callable[[], T]) -> T | None:
    """What ``read`` returns; None when documents or data are wrong, after the error was added to ``errors``."""
    try:
        return read()
    except (ConfigError, DataError) as error:
        errors.append(error)
        return None


def together(errors: Sequence[ClarifyError]) -> ClarifyError:
    """The only error, or one with the problems of all: DataError when all of them are, else ConfigError."""
    if len(errors) == 1:
        return errors[0]
    kind = DataError if all(isinstance(error, DataError) for error in errors) else ConfigError
    return kind(*(problem for error in errors for problem in error.problems))
