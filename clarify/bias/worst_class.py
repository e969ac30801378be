"""Which class of a label a metric finds furthest from its ideal, and the level at which many classes are looked at."""

from __future__ import annotations

import math
from collections.abc import Sequence

from clarify.bias.catalog import BY_NAME, Metric
from clarify.results import MetricValue


def level_of_each(n: int, level: float = 0.95) -> float:
    """The level of each of n intervals so that all of them hold together with at least ``level`` (Bonferroni).

    Examples
    --------
    >>> round(level_of_each(5), 6)
    0.99
    """
    return 1 - (1 - level) / n


def distance_from_ideal(metric: Metric, value: float) -> float:
    """How far a value lies from the metric's ideal: the difference, for a ratio the factor on the log scale.

    Examples
    --------
    A ratio of a half is as far from 1 as a ratio of two:

    >>> distance_from_ideal(BY_NAME["DI"], 0.5) == distance_from_ideal(BY_NAME["DI"], 2.0)
    True
    """
    if metric.kind == "ratio":
        return math.inf if value <= 0 else abs(math.log(value))
    return abs(value - metric.ideal)


def furthest_from_ideal(values: Sequence[MetricValue]) -> int | None:
    """Position of the value furthest from the ideal among those of one metric, the first of equals.

    None when no class has a value, or the metric reads no label at all (CI: the same in every class).
    """
    defined = [(position, item.value) for position, item in enumerate(values) if item.value is not None]
    if not defined or values[0].name == "CI":
        return None
    metric = BY_NAME[values[0].name]
    return max(defined, key=lambda item: (distance_from_ideal(metric, item[1]), -item[0]))[0]
