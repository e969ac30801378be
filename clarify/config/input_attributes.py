"""Where live records hold features, predictions and labels: AWS's input attributes, else the analysis config."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from clarify.config.analysis import AnalysisConfig
from clarify.config.answer_paths import path_problems
from clarify.config.columns import DOCUMENTS, by_column, column_name, did_you_mean, feature_columns, listed
from clarify.config.json_path import json_path
from clarify.config.json_text import shown
from clarify.config.monitor import MonitorConfig
from clarify.errors import ConfigError, Problem
from clarify.records import Kind

PREDICTED: Final[tuple[Kind, ...]] = ("bias-drift", "model-quality")
"""Kinds that read what the model answered, and the labels that came later."""

_INDEX = re.compile(r"^\d{1,6}$")
Place = str | int | None


@dataclass(frozen=True)
class InputAttributes:
    """Places in live records: positions from 0 in CSV, JMESPath in JSON, columns in tables.

    Attributes
    ----------
    features : JMESPath of the features of a request, None where they are CSV
    inference, probability : predicted label, and score or scores, in an answer
    threshold : a single score above it is a predicted positive
    ground_truth : the label in the record of a label
    label_headers : classes in the order of the scores
    """

    features: str | None
    inference: Place
    probability: Place
    threshold: float
    ground_truth: Place
    label_headers: tuple[str, ...] = ()


@dataclass(frozen=True)
class LiveColumns:
    """The columns of a window, by name.

    Attributes
    ----------
    captured : features in the order in which a request holds them; None where the records themselves name them
    features : those that are kept; None where the records themselves name them
    excluded : names and positions of features that are left out
    label : None for kinds that compare no labels
    predicted_label, score : None for kinds that read no answers
    """

    captured: tuple[str, ...] | None
    features: tuple[str, ...] | None
    excluded: tuple[str | int, ...]
    label: str | None
    predicted_label: str | None
    score: str | None


def input_attributes(monitor: MonitorConfig, config: AnalysisConfig) -> InputAttributes:
    """The places that the monitor names; what it leaves out follows from the analysis config, as in AWS.

    Columns of a table are never those of a model's answer, so nothing of ``predictor`` is taken for one.

    Raises
    ------
    ConfigError
        CFG-JMESPATH for every place that is no path.
    """
    own = monitor.attributes
    predictor = config.predictor if monitor.window.layout != "table" else None
    threshold_given = "probability_threshold_attribute" in own.model_fields_set
    found = InputAttributes(
        features=own.features_attribute or config.features,
        inference=_place(own.inference_attribute, predictor.label if predictor is not None else None),
        probability=_place(own.probability_attribute, predictor.probability if predictor is not None else None),
        threshold=own.probability_threshold_attribute if threshold_given else config.probability_threshold,
        ground_truth=_place(own.ground_truth_attribute, _label_path(config)),
        label_headers=tuple(str(name) for name in (config.predictor.label_headers if config.predictor else None) or ()),
    )
    if monitor.window.layout != "table":
        ConfigError.collect(_bad_paths(found))
    return found


def live_columns(monitor: MonitorConfig, config: AnalysisConfig) -> LiveColumns:
    """What the columns of a window are called.

    Raises
    ------
    ConfigError
        With every problem: CFG-MONITOR-EXCLUDED for a feature that is left out and is not there, CFG-MISSING for a
        label or headers that are needed and not given, CFG-MONITOR-COLUMN for a facet that live records cannot have.
    """
    problems: list[Problem] = []
    headers = config.headers
    named = by_column(config, headers) if headers is not None else config
    captured = feature_columns(named, headers) if headers is not None else None
    excluded = tuple(_excluded(monitor))
    features = captured
    if captured is not None and monitor.window.layout != "table":
        problems += _unknown_exclusions(excluded, captured)
        left_out = {column_name(reference, captured) for reference in excluded}
        features = tuple(name for name in captured if name not in left_out)
    label = _label_name(config, headers) if monitor.kind in PREDICTED else None
    if monitor.kind in PREDICTED and label is None:
        problems.append(_no_label(config))
    taken = [*(headers or ()), *([label] if label is not None else [])]
    predicted = score = None
    if monitor.kind in PREDICTED:
        own = _name_of(named.predicted_label, headers)
        predicted = own if own is not None and monitor.window.layout == "table" else own or free_name(
            "predicted_label", taken)
        score = free_name("score", [*taken, predicted])
    columns = LiveColumns(captured, features, excluded, label, predicted, score)
    if features is not None and monitor.window.layout != "table":
        problems += missing_roles(monitor, config, features)
    ConfigError.collect(problems)
    return columns


def missing_roles(monitor: MonitorConfig, config: AnalysisConfig, columns: Sequence[str]) -> Iterator[Problem]:
    """CFG-MONITOR-COLUMN for every facet and group variable that is not among the columns of the window."""
    if monitor.kind not in PREDICTED:
        return
    wanted = [(f"facet[{i}].name_or_index", facet.name_or_index) for i, facet in enumerate(config.facets)]
    wanted += [("group_variable", config.group_variable)] if config.group_variable is not None else []
    for field, reference in wanted:
        if resolved(reference, config) not in columns:
            hint = did_you_mean(reference, columns, "send the column with the request, or leave it out of the config")
            allowed = f"a column of the live records: {listed(list(columns))}"
            yield Problem("CFG-MONITOR-COLUMN", field, shown(reference), allowed, hint)


def resolved(reference: str | int, config: AnalysisConfig) -> str | None:
    """The name of a column that the config names or counts; None for a position where there are no headers."""
    if config.headers is not None:
        return column_name(reference, config.headers) or (reference if isinstance(reference, str) else None)
    return reference if isinstance(reference, str) else None


def free_name(name: str, taken: Sequence[str]) -> str:
    """The name, numbered when another column is called so in whatever case.

    >>> free_name("score", ["Score", "age"])
    'score_2'
    """
    known = {" ".join(other.split()).casefold() for other in taken}
    free, number = name, 1
    while free.casefold() in known:
        number += 1
        free = f"{name}_{number}"
    return free


def _place(own: str | None, back_fill: Place) -> Place:
    """A place as a position where it is a number; AWS writes positions as text."""
    found: Place = own if own is not None else back_fill
    return int(found) if isinstance(found, str) and _INDEX.match(found) else found


def _label_path(config: AnalysisConfig) -> Place:
    """Labels of JSON are built like the dataset, so the path of its label finds them."""
    return config.label if config.dataset_type in DOCUMENTS and isinstance(config.label, str) else None


def _bad_paths(found: InputAttributes) -> Iterator[Problem]:
    for field in ("features", "inference", "probability", "ground_truth"):
        yield from path_problems(f"attributes.{field}_attribute", getattr(found, field))


def _excluded(monitor: MonitorConfig) -> Iterator[str | int]:
    for word in (monitor.attributes.exclude_features_attribute or "").split(","):
        if word.strip():
            yield int(word) if _INDEX.match(word.strip()) else word.strip()


def _unknown_exclusions(excluded: Sequence[str | int], captured: Sequence[str]) -> Iterator[Problem]:
    for reference in excluded:
        if column_name(reference, captured) is None:
            allowed = f"0 to {len(captured) - 1}, or one of {listed(captured)}"
            hint = did_you_mean(reference, captured, "count the captured features from 0")
            yield Problem("CFG-MONITOR-EXCLUDED", "attributes.exclude_features_attribute", shown(reference), allowed,
                          hint)


def _label_name(config: AnalysisConfig, headers: Sequence[str] | None) -> str | None:
    if config.label is None:
        return None
    if headers is not None:
        return _name_of(by_column(config, headers).label, headers)
    if config.dataset_type in DOCUMENTS:
        return json_path(str(config.label)).last_key or "label"
    return config.label if isinstance(config.label, str) else None


def _name_of(reference: str | int | None, headers: Sequence[str] | None) -> str | None:
    if reference is None or headers is None:
        return reference if isinstance(reference, str) else None
    return column_name(reference, headers) or (reference if isinstance(reference, str) else None)


def _no_label(config: AnalysisConfig) -> Problem:
    if config.label is None:
        return Problem("CFG-MISSING", "label", "nothing", "the column of the observed label",
                       'add "label": "<column>" to the analysis config')
    return Problem("CFG-MISSING", "headers", f"nothing, with label {shown(config.label)} by position",
                   "the names of the columns", "add headers to the analysis config, or name the label")
