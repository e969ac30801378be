"""The reference of bias drift: what every series was, how well that is known, and the counts it comes from."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final

from clarify.bias.catalog import BY_NAME
from clarify.bias.counted import counted_table
from clarify.bias.evaluate import estimate
from clarify.errors import ConstraintsError, Problem, clip
from clarify.results import AnalysisResult, AwsValue, BiasSection, FacetBias, Interval, MetricValue, Stage

REFERENCE_LEVEL: Final = 0.99
"""Of the intervals that allowed ranges are made of: measured to keep the budget whatever the number of series."""

SECTIONS: Final[Mapping[Stage, str]] = {
    "post_training": "post_training_bias_metrics",
    "pre_training": "pre_training_bias_metrics",
}

Place = tuple[Stage, str, str]
Key = tuple[Stage, str, str, str]


@dataclass(frozen=True)
class ReferenceSeries:
    """One metric of one group of one facet in the reference; ``interval`` at 99 %, None without counts."""

    stage: Stage
    facet: str
    value_or_threshold: str
    metric: str
    aws: AwsValue
    value: float | None = None
    interval: Interval | None = None

    @property
    def key(self) -> Key:
        return self.stage, self.facet, self.value_or_threshold, self.metric


@dataclass(frozen=True)
class ReferenceLabel:
    """What the metrics of a stage are about."""

    stage: Stage
    label: str
    value_or_threshold: str


@dataclass(frozen=True)
class BiasReference:
    """What live windows are compared with. ``counted``: counts without metrics; empty when only values are known."""

    series: tuple[ReferenceSeries, ...]
    counted: tuple[FacetBias, ...] = ()
    labels: tuple[ReferenceLabel, ...] = ()

    @cached_property
    def by_key(self) -> dict[Key, ReferenceSeries]:
        return {series.key: series for series in self.series}

    @cached_property
    def counts_by_place(self) -> dict[Place, FacetBias]:
        return {place_of(facet): facet for facet in self.counted}


def place_of(facet: FacetBias) -> Place:
    """Stage, facet and group: what all metrics of the same counts have in common."""
    return facet.stage, facet.facet, facet.value_or_threshold


def bias_reference(result: AnalysisResult) -> BiasReference:
    """The reference that an analysis gives: its values, 99 % intervals from its counts, the counts themselves."""
    sections = [section for section in (result.post_training, result.pre_training) if section is not None]
    facets = [facet for section in sections for facet in section.facets]
    return BiasReference(
        series=tuple(series for facet in facets for series in _series_of(facet)),
        counted=tuple(replace(facet, metrics=()) for facet in facets),
        labels=labels_of(sections),
    )


def labels_of(sections: list[BiasSection]) -> tuple[ReferenceLabel, ...]:
    """What each stage calls its label, and the values that are its positive outcome."""
    return tuple(ReferenceLabel(s.stage, s.label, s.label_value_or_threshold) for s in sections)


def _series_of(facet: FacetBias) -> Iterator[ReferenceSeries]:
    table = counted_table(facet)
    for metric in facet.metrics:
        plausible = estimate(BY_NAME[metric.name], table).plausible
        interval = None if plausible is None else plausible.interval(REFERENCE_LEVEL)
        yield ReferenceSeries(*place_of(facet), metric.name, _without_nan(metric), metric.value, interval)


def _without_nan(metric: MetricValue) -> AwsValue:
    is_nan = metric.aws.value is not None and math.isnan(metric.aws.value)
    return AwsValue(None, "The value is not a number.") if is_nan else metric.aws


def with_edited_values(reference: BiasReference, edited: BiasReference) -> BiasReference:
    """The reference with AWS's values of another document, which somebody may have edited; a series it lacks has none.

    Only the rule ``sagemaker`` reads them: the counts say what they said.
    """
    values = edited.by_key
    return replace(
        reference,
        series=tuple(
            replace(s, aws=values[s.key].aws if s.key in values else AwsValue(None, "not in analysis.json"))
            for s in reference.series
        ),
    )


# --- AWS's document ---------------------------------------------------------------------------------------------------


def read_aws_analysis(content: bytes) -> BiasReference:
    """AWS's ``analysis.json`` as it is, also when its values were edited by hand: values, and no counts.

    Numbers, numbers in quotes, null, ``"Infinity"``, and the bare tokens ``Infinity`` and ``NaN`` that a writer of
    JSON may print; NaN is null. What is not about bias is passed over. An edited document may lack metrics.

    Raises
    ------
    ConstraintsError
        REF-UNREADABLE, REF-SHAPE: with every value that cannot be read.

    Examples
    --------
    >>> row = '{"name": "TE", "value": Infinity}'
    >>> facets = '{"sex": [{"value_or_threshold": "0", "metrics": [' + row + ']}]}'
    >>> document = '{"version": "1.0", "post_training_bias_metrics": {"label": "y", "facets": ' + facets + '}}'
    >>> read_aws_analysis(document.encode()).series[0].aws.value
    inf
    """
    document = load_document(content)
    problems: list[Problem] = []
    found = [_read_section(stage, document[name], name, problems) for stage, name in SECTIONS.items()
             if document.get(name) is not None]
    ConstraintsError.collect(problems)
    return BiasReference(
        series=tuple(series for _, rows in found for series in rows), labels=tuple(label for label, _ in found)
    )


def load_document(content: bytes) -> dict[str, object]:
    """A JSON object as AWS's tools may write it, with bare ``Infinity`` and ``NaN``, and with a byte order mark.

    Raises
    ------
    ConstraintsError
        REF-UNREADABLE, REF-SHAPE.
    """
    try:
        document = json.loads(content.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise ConstraintsError(
            Problem("REF-UNREADABLE", "reference", clip(str(error)), "one JSON object",
                    "mend the JSON: a comma or a bracket may have been lost in editing")
        ) from error
    if not isinstance(document, dict):
        raise ConstraintsError(_misfit("reference", document, "one JSON object"))
    return document


def _read_section(
    stage: Stage, section: object, where: str, problems: list[Problem]
) -> tuple[ReferenceLabel, list[ReferenceSeries]]:
    entry = _object(section, where, problems)
    facets = _object(entry.get("facets", {}), f"{where}.facets", problems)
    label = ReferenceLabel(stage, str(entry.get("label", "")), str(entry.get("label_value_or_threshold", "")))
    return label, [
        series
        for facet, groups in facets.items()
        for i, group in enumerate(_array(groups, f"{where}.facets.{facet}", problems))
        for series in _read_group(stage, facet, group, f"{where}.facets.{facet}[{i}]", problems)
    ]


def _read_group(
    stage: Stage, facet: str, group: object, where: str, problems: list[Problem]
) -> Iterator[ReferenceSeries]:
    entry = _object(group, where, problems)
    metrics = _array(entry.get("metrics", []), f"{where}.metrics", problems)
    for i, metric in enumerate(metrics):
        row = _object(metric, f"{where}.metrics[{i}]", problems)
        if not isinstance(row.get("name"), str):
            problems.append(_misfit(f"{where}.metrics[{i}].name", row.get("name"), "the name of a metric"))
            continue
        value = _number(row.get("value"), f"{where}.metrics[{i}].value", problems)
        error = row.get("error")
        aws = AwsValue(value, str(error) if error is not None and value is None else None)
        yield ReferenceSeries(stage, facet, str(entry.get("value_or_threshold", "")), str(row["name"]), aws, value)


def _number(value: object, where: str, problems: list[Problem]) -> float | None:
    if value is None:
        return None
    number = _read_number(value)
    if number is None:
        problems.append(_misfit(where, value, 'a number, "Infinity", "-Infinity" or null'))
        return None
    return None if math.isnan(number) else number


def _read_number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        return float(value)
    except (ValueError, OverflowError):
        return None


def _object(value: object, where: str, problems: list[Problem]) -> dict[str, object]:
    if isinstance(value, dict):
        return value
    problems.append(_misfit(where, value, "an object"))
    return {}


def _array(value: object, where: str, problems: list[Problem]) -> list[object]:
    if isinstance(value, list):
        return value
    problems.append(_misfit(where, value, "an array"))
    return []


def _misfit(where: str, received: object, allowed: str) -> Problem:
    return Problem("REF-SHAPE", where, clip(str(received)), allowed, "compare with the document that AWS wrote")
