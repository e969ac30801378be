"""What a container's answers at ``predictor.label`` are: classes of the label column, or scores that sit there.

AWS's SDK writes the path of the scores into ``label`` when that is all it is told, so the path alone does not say
which. The answers to some rows do, held against the label column.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import pyarrow as pa

from clarify.config.json_text import shown
from clarify.data.coding import Coding, as_numbers
from clarify.endpoints.answers import number_words
from clarify.endpoints.base import EndpointSpec, Predictions
from clarify.endpoints.selection import class_key
from clarify.errors import ConfigError, Problem, clip
from clarify.results import Notice

MOST_WORDS_SHOWN = 6
FEWEST_LABELS = 0.5              # share of answers that must be labels when some are values no row of the probe has


@dataclass(frozen=True)
class KnownLabels:
    """What is known of the label column: its classes, or the range of a continuous one."""

    column: str
    classes: frozenset[str]              # as ``class_key`` writes them; empty when continuous
    smallest: float = -math.inf
    largest: float = math.inf

    @classmethod
    def of(cls, coding: Coding, observed: pa.ChunkedArray) -> KnownLabels:
        """From the coding and the label's values in the rows at hand."""
        if coding.reading == "continuous":
            numbers = as_numbers(observed)
            numbers = numbers[~(numbers != numbers)]
            if not len(numbers):
                return cls(coding.column, frozenset())
            return cls(coding.column, frozenset(), float(numbers.min()), float(numbers.max()))
        seen = [value for value in observed.unique().to_pylist() if value is not None]
        return cls(coding.column, frozenset(class_key(str(value)) for value in (*seen, *coding.values)))

    def hold(self, words: Sequence[str]) -> bool:
        """Whether answers, as text, are labels: all are known, or most are and no number among the rest is broken."""
        numbers = [_number(word) for word in words]
        if not self.classes:
            within = [self.smallest <= number <= self.largest for number in numbers]
            return sum(within) >= FEWEST_LABELS * len(within)
        known = [class_key(word) in self.classes for word in words]
        whole = all(is_known or math.isnan(n) or n.is_integer() for is_known, n in zip(known, numbers, strict=True))
        return all(known) or (whole and sum(known) >= FEWEST_LABELS * len(known))

    def __str__(self) -> str:
        values = f"{self.smallest:g} to {self.largest:g}" if not self.classes else _some(sorted(self.classes))
        return f"column '{self.column}' ({values})"


@dataclass(frozen=True)
class LabelReading:
    """How answers are read from now on, and what the reader must know of it."""

    spec: EndpointSpec
    notices: tuple[Notice, ...] = ()


def read_label(spec: EndpointSpec, answers: Predictions, known: KnownLabels | None) -> LabelReading:
    """Decide once, from answers to some rows, what ``label`` and ``probability`` are used for.

    Bias takes a scalar at ``label`` that is a value of the label column; else the scores, of ``probability`` or, where
    numbers or lists of numbers sit at ``label``, of ``label``. Explanations take ``probability``, else ``label``.

    Parameters
    ----------
    known : None when no predicted labels are needed: only explanations ask, and ``label`` is a path of scores

    Raises
    ------
    ConfigError
        ENDPOINT-LABEL-VALUES, when the labels answered are not those of the label column and there is no score.
    """
    words = [word for word in answers.labels or () if word]
    if known is None or spec.label is None:
        reading = _of_scores(spec) if known is None and answers.scores is not None else LabelReading(spec)
    elif not words and answers.labels is None:
        reading = _of_scores(spec)
    elif not words or known.hold(words):
        return LabelReading(replace(spec, label_holds_scores=answers.scores is not None))
    elif answers.scores is not None:
        unused = Notice("ENDPOINT-LABEL-SCORE", "predictor.label", _told(spec, known, words))
        reading = replace(_of_scores(spec), notices=(unused,))
    else:
        raise ConfigError(_no_labels(known, words, "predictor.label"))
    if known is not None and words and _names_by_largest(answers) and not known.hold(words):
        raise ConfigError(_no_labels(known, words, "predictor.label_headers"))
    return reading


def check_labels(answers: Predictions, known: KnownLabels) -> None:
    """Answers that are taken for labels must be some of the label column's; raises as ``read_label``."""
    words = answers.labels or (number_words(answers.scores[:, 0]) if answers.scores is not None else ())
    named = [word for word in words if word]
    if named and not known.hold(named):
        raise ConfigError(_no_labels(known, named, "predictor.label"))


def _of_scores(spec: EndpointSpec) -> LabelReading:
    if spec.label is None:
        return LabelReading(spec)
    place = spec.label if spec.probability is None else spec.probability
    return LabelReading(replace(spec, label=None, probability=place))


def _names_by_largest(answers: Predictions) -> bool:
    return answers.scores is not None and answers.scores.shape[1] > 1


def _told(spec: EndpointSpec, known: KnownLabels, words: Sequence[str]) -> str:
    place = "read as scores" if spec.probability is None else f"put aside for those at {shown(spec.probability)}"
    return (
        f"the values at {shown(spec.label)} ({_some(words)}) are no labels of {known} and are {place}; for bias a score"
        " above probability_threshold is predicted positive, of several the largest names the class"
    )


def _no_labels(known: KnownLabels, words: Sequence[str], field: str) -> Problem:
    hint = "name the classes as the label column does, in the order of the scores"
    if field == "predictor.label":
        hint = "say where the score sits in predictor.probability, or have the model answer labels of the column"
    return Problem("ENDPOINT-LABEL-VALUES", field, f"predicted labels {_some(words)}", f"labels of {known}", hint)


def _some(words: Sequence[str]) -> str:
    distinct = list(dict.fromkeys(words))
    some = ", ".join(distinct[:MOST_WORDS_SHOWN])
    return clip(some if len(distinct) <= MOST_WORDS_SHOWN else f"{some}, ...")


def _number(word: str) -> float:
    try:
        return float(word)
    except ValueError:
        return math.nan
