"""A value with something in every field, made from its type itself: a field that is added later is filled as well."""

from __future__ import annotations

import dataclasses
import types
from collections.abc import Callable
from enum import Enum
from itertools import count
from typing import Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from clarify.results import AnalysisResult

T = TypeVar("T")
FROM_CATALOGUE = ("CI", "DPL")          # names of metrics are ours; views look them up
METRICS = {("MetricValue", "name"), ("Judgement", "metric"), ("WorstClass", "metric"), ("MetricDifference", "metric")}


def marker(number: int) -> str:
    """Capital, small letters and digits: no word, code or digest of ours looks like it."""
    return f"Mk{number}x"


def filled_result(
    number: int = 40, *, text_of: Callable[[int], str] = marker
) -> tuple[AnalysisResult, tuple[str, ...]]:
    """A whole result, whose judgements are of groups that there are; and the markers."""
    result, markers = filled(AnalysisResult, number, text_of=text_of)
    return _judged(result), markers


def filled(
    kind: type[T], number: int = 40, *, text_of: Callable[[int], str] = marker
) -> tuple[T, tuple[str, ...]]:
    """Two items in every tuple, a marker of its own in every text, one integer everywhere; and the markers."""
    numbers = count(1)
    markers: list[str] = []

    def text(owner: str, field: str) -> str:
        if (owner, field) in METRICS:
            return FROM_CATALOGUE[next(numbers) % 2]
        markers.append(text_of(next(numbers)))
        return markers[-1]

    def made(hint: object, owner: str, field: str) -> object:
        origin, inner = get_origin(hint), get_args(hint)
        if origin is Literal:
            return inner[-1]
        if origin in (Union, types.UnionType):
            return made(inner[0], owner, field)
        if origin is tuple:
            parts = (inner[0],) * 2 if inner[-1] is Ellipsis else inner
            return tuple(made(part, owner, field) for part in parts)
        if dataclasses.is_dataclass(hint):
            return instance(hint)
        if issubclass(hint, Enum):
            return next(iter(hint))
        return {str: lambda: text(owner, field), bool: lambda: True, int: lambda: number, float: lambda: 0.25}[hint]()

    def instance(kind: type) -> object:
        hints = get_type_hints(kind)
        return kind(**{name: made(hint, kind.__name__, name) for name, hint in hints.items()})

    return instance(kind), tuple(markers)


def _judged(result: AnalysisResult) -> AnalysisResult:
    """The judgements are of groups that there are."""
    judgements = tuple(
        dataclasses.replace(
            judgement, facet=facet.facet, value_or_threshold=facet.value_or_threshold, metric=facet.metrics[0].name
        )
        for judgement, facet in zip(result.verdicts.judgements, result.pre_training.facets, strict=True)
    )
    return dataclasses.replace(result, verdicts=dataclasses.replace(result.verdicts, judgements=judgements))


def integers_in(value: object) -> set[tuple[str, str, int]]:
    """Every integer of a result with the class and the field that hold it."""
    found: set[tuple[str, str, int]] = set()
    if isinstance(value, tuple):
        for item in value:
            found |= integers_in(item)
    elif dataclasses.is_dataclass(value):
        for field in dataclasses.fields(value):
            inner = getattr(value, field.name)
            items = inner if isinstance(inner, tuple) else (inner,)
            found |= {(type(value).__name__, field.name, i) for i in items if type(i) is int}
            found |= integers_in(inner)
    return found
