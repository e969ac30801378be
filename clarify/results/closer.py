"""Closer looks: crossed facets, segments, one class against the rest, continuous outcomes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from clarify.results.bias import FacetBias
from clarify.results.reasons import Interval, Notice, Reason, Stage


@dataclass(frozen=True)
class CellBias:
    """One cell of crossed facets against all rows outside it: facet d is the cell, facet a the rest."""

    groups: tuple[str, ...]                   # one per crossed facet; "rest" for the rows outside the listed values
    rows: int
    pre_training: FacetBias | None = None
    post_training: FacetBias | None = None


@dataclass(frozen=True)
class Intersection:
    """Facets crossed on request; rows with an unknown coordinate are in no cell and are counted."""

    facets: tuple[str, ...]
    cells: tuple[CellBias, ...]
    unknown_rows: int = 0


@dataclass(frozen=True)
class SegmentBias:
    """All facets measured within one slice of the rows (``segment_config``); ``__default__`` holds the others."""

    config_name: str
    column: str
    segment: str                              # the listed values or intervals, joined by comma
    alias: str
    rows: int
    pre_training: tuple[FacetBias, ...] = ()
    post_training: tuple[FacetBias, ...] = ()
    unknown_rows: int = 0                     # of ``__default__``: rows that are there because their value is missing


@dataclass(frozen=True)
class ClassBias:
    """One class of a label with more than two: that class as the positive outcome, every other one as negative."""

    label_value: str
    rows: int
    pre_training: tuple[FacetBias, ...] = ()
    post_training: tuple[FacetBias, ...] = ()


@dataclass(frozen=True)
class WorstClass:
    """The class in which a metric lies furthest from its ideal, for one group of one facet."""

    stage: Stage
    facet: str
    value_or_threshold: str
    metric: str
    label_value: str
    value: float
    interval: Interval | None = None          # at the level that counts all classes


@dataclass(frozen=True)
class ClassSection:
    """A label of more than two classes, one against the rest, beyond AWS's collapse into one positive class."""

    classes: tuple[ClassBias, ...]
    worst: tuple[WorstClass, ...]
    level: float = 0.95                       # joint level of the worst classes' intervals
    notices: tuple[Notice, ...] = ()


@dataclass(frozen=True)
class QuantileGap:
    """A quantile of the outcome in facet a minus the same in facet d."""

    level: float
    a: float
    d: float
    gap: float
    interval: Interval | None = None


@dataclass(frozen=True)
class OutcomeGap:
    """A continuous outcome compared between the facets, in the outcome's own unit: facet a minus facet d."""

    outcome: Literal["label", "prediction", "error"]   # error: prediction minus label
    facet: str
    value_or_threshold: str
    rows_a: int
    rows_d: int
    mean_a: float | None
    mean_d: float | None
    gap: float | None
    interval: Interval | None = None
    quantiles: tuple[QuantileGap, ...] = ()
    undefined_because: Reason | None = None
    sampled_rows: int | None = None           # the quantiles rest on so many rows; None: on all
