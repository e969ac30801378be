"""Every exception the library raises, and the Problem each of them carries.

::

    ClarifyError
    ├── ConfigError            the documents are wrong: mend analysis_config.json or the command line
    ├── DataError              the data are wrong: mend the dataset or what the config says of it
    ├── UndefinedMetricError   a quantity does not exist for these counts (caught inside, becomes a reason)
    ├── EndpointError          the model could not answer
    │   ├── EndpointUnavailable    nobody answered: worth another try
    │   └── BadPrediction          it answered nonsense: another try will not help
    ├── StorageError           a file could not be read or written
    └── ConstraintsError       a drift reference is unusable

Classes differ when the remedy differs. Codes are upper-case with dashes and never change meaning.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar

LONGEST_ECHO = 200


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong: where, what was received, what is allowed, and what to do about it."""

    code: str
    field: str
    received: str
    allowed: str
    hint: str = ""

    def __str__(self) -> str:
        lines = [f"{self.field}: received {clip(self.received)}  [{self.code}]", f"  allowed: {self.allowed}"]
        if self.hint:
            lines.append(f"  hint: {self.hint}")
        return "\n".join(lines)


def clip(text: str, longest: int = LONGEST_ECHO) -> str:
    """Shorten an echoed value, so that a hostile name cannot flood a terminal or a log."""
    printable = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)
    return printable if len(printable) <= longest else printable[: longest - 1] + "…"


class ClarifyError(Exception):
    """Root of all our errors; holds every problem found, not only the first."""

    exit_code: ClassVar[int] = 4

    def __init__(self, *problems: Problem) -> None:
        self.problems: tuple[Problem, ...] = problems
        super().__init__("\n".join(str(problem) for problem in problems))

    def __reduce__(self) -> tuple[type[ClarifyError], tuple[Problem, ...]]:
        return type(self), self.problems

    @classmethod
    def collect(cls, problems: Iterable[Problem]) -> None:
        """Raise one error with all the problems, or return when there is none."""
        found = tuple(problems)
        if found:
            raise cls(*found)


class ConfigError(ClarifyError):
    """The documents are wrong; nothing was read or run."""

    exit_code = 2


class DataError(ClarifyError):
    """The data are wrong or do not fit the documents."""

    exit_code = 2


class UndefinedMetricError(ClarifyError):
    """A metric does not exist for these counts; ``reason`` is a member of ``results.Reason``."""

    def __init__(self, reason: str, detail: str) -> None:
        self.reason = reason
        self.detail = detail
        super().__init__(Problem("METRIC-UNDEFINED", "metric", detail, "counts for which the metric exists"))

    def __reduce__(self) -> tuple[type[UndefinedMetricError], tuple[str, str]]:  # type: ignore[override]
        return type(self), (self.reason, self.detail)


class EndpointError(ClarifyError):
    """The model could not answer."""


class EndpointUnavailable(EndpointError):
    """Nobody answered, or the server was busy: the same request may succeed later."""


class BadPrediction(EndpointError):
    """The model answered something that cannot be used; the same request would fail again."""


class StorageError(ClarifyError):
    """A file or object could not be read, written or listed."""


class ConstraintsError(ClarifyError):
    """A drift reference is missing, unreadable or does not fit the analysis."""

    exit_code = 2
