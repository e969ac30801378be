"""What is known of columns and model before a config exists, what was answered, and a guess with its evidence."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from clarify.results import ColumnSummary

Scalar = str | int | float | bool
Certainty = Literal["given", "certain", "likely", "unknown"]

NONE = "none"            # the answer that leaves an optional key out
EACH = "*"               # the answer that compares each value of a facet with the rest
FEW_VALUES = 20          # numbers of more different values are a scale, whatever the inference says
TRUE_WORDS = ("true", "1")
FALSE_WORDS = ("false", "0")


@dataclass(frozen=True)
class ColumnFact:
    """One column as far as the first rows tell.

    Attributes
    ----------
    position : int
        From 0.
    values : tuple of (value, rows) or None
        Every different value in order of first appearance; None when there are more than 1,000.
    uniqueness : float
        Different values per non-null value.
    continuous : bool
        Whether one listed value is read as a threshold, as AWS's type inference has it.
    quartiles : tuple of three floats or None
        Of a column of numbers.
    """

    summary: ColumnSummary
    position: int
    values: tuple[tuple[Scalar, int], ...] | None
    uniqueness: float
    continuous: bool
    quartiles: tuple[float, float, float] | None = None

    @property
    def name(self) -> str:
        return self.summary.name

    @property
    def non_null(self) -> int:
        return self.summary.rows - self.summary.nulls

    @property
    def is_number(self) -> bool:
        return self.summary.kind in ("int", "float")

    @property
    def distinct(self) -> int | None:
        """Different values; None when there are more than 1,000."""
        return None if self.values is None else len(self.values)

    @property
    def is_code(self) -> bool:
        """Whether two values stand for two groups, however the column is typed."""
        return self.distinct == 2

    @property
    def asks_threshold(self) -> bool:
        """Whether people would split the column by a threshold, and not by listing values."""
        many = self.is_number and (self.distinct is None or self.distinct > FEW_VALUES)
        return (self.continuous or many) and not self.is_code


@dataclass(frozen=True)
class ModelFacts:
    """What MLflow keeps of a model, read without loading it.

    ``inputs`` is None for a model without signature or example; ``outputs`` are the names the signature gives to its
    answers; ``trained_on`` the columns, ``labels`` the label columns of the training data that its run logged.
    """

    uri: str
    inputs: tuple[str, ...] | None = None
    source: str = ""                         # where the inputs were read
    outputs: tuple[str, ...] = ()
    output_kinds: tuple[str, ...] = ()
    trained_on: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()


@dataclass(frozen=True)
class DatasetFacts:
    """The dataset as it was found, and how much of it was read."""

    uri: str
    dataset_type: str
    rows: int
    whole: bool


@dataclass(frozen=True)
class FacetAnswer:
    """A facet's column; ``values`` as typed: None when nobody said, ``()`` for each value in turn."""

    column: str
    values: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Answers:
    """What the user said, as it was typed; None is not asked yet, the word ``none`` leaves a key out."""

    label: str | None = None
    positive: tuple[str, ...] = ()
    predicted_label: str | None = None
    facets: tuple[FacetAnswer, ...] = ()
    group_variable: str | None = None
    excluded: tuple[str, ...] | None = None
    bias: bool = True


@dataclass(frozen=True)
class Choice:
    """One possible answer as it would be typed, what speaks for it, and the option that gives it."""

    answer: str
    words: str = ""
    option: str = ""


@dataclass(frozen=True)
class Guess:
    """One key of the config: what was guessed, how sure that is, and why.

    Attributes
    ----------
    certainty : {"given", "certain", "likely", "unknown"}
        given: the user said so. certain: follows from the documents. likely: a person should look.
        unknown: the data cannot tell.
    option : str
        The command-line option that answers it.
    needed : bool
        Whether the config cannot be written without an answer.
    many : bool
        Whether several answers are possible.
    """

    field: str
    question: str
    certainty: Certainty
    answers: tuple[str, ...] = ()
    evidence: tuple[str, ...] = ()
    choices: tuple[Choice, ...] = ()
    option: str = ""
    needed: bool = True
    many: bool = False

    @property
    def is_open(self) -> bool:
        return self.needed and self.certainty == "unknown"


def typed(text: str, fact: ColumnFact) -> Scalar | None:
    """A typed answer in the column's own kind, or a threshold; None when it is no value of that kind."""
    kind = fact.summary.kind
    if kind == "text" and not fact.asks_threshold:
        return text
    if kind == "bool":
        word = text.strip().lower()
        return True if word in TRUE_WORDS else False if word in FALSE_WORDS else None
    try:
        number = float(text)
    except ValueError:
        return None
    if not math.isfinite(number):
        return None
    return int(number) if kind != "float" and number.is_integer() else number


def quartiles(values: tuple[tuple[Scalar, int], ...]) -> tuple[float, float, float] | None:
    """The least values that a quarter, half and three quarters of the rows do not exceed.

    >>> quartiles(((10, 1), (30, 2), (20, 1)))
    (10.0, 20.0, 30.0)
    """
    pairs = sorted((float(value), rows) for value, rows in values)
    total, seen = sum(rows for _, rows in pairs), 0
    found: list[float] = []
    for value, rows in pairs:
        seen += rows
        while len(found) < 3 and 4 * seen >= (len(found) + 1) * total:
            found.append(value)
    return (found[0], found[1], found[2]) if len(found) == 3 else None
