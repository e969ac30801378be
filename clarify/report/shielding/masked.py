"""Numbers in place of names: a result and its provenance in which nothing from outside can be read.

Every name has one number in one report, in the order of the configuration and the data. A column that is a facet is
called ``facet 1`` everywhere, also where it is a feature of the model: two numbers for one column would let a reader
take it for two. Other columns are ``feature 07``, or ``column 12`` when the model does not see them. Only texts that a
rule of this module allows are kept; any other text, of a field added later too, is replaced.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence
from functools import cache, singledispatch
from typing import Any, Literal, TypeVar, cast, get_origin, get_type_hints

from clarify.bias.catalog import BY_NAME
from clarify.config.segments import DEFAULT
from clarify.report.explanations.words import ESTIMATORS
from clarify.report.notes import BASELINES
from clarify.report.provenance import Provenance
from clarify.report.shielding.numbered_names import Masks, masks_of
from clarify.report.shielding.suppressed import WITHHELD_CODE
from clarify.results import (
    AnalysisResult,
    AttributionSample,
    BiasSection,
    CellBias,
    ClassBias,
    ColumnSummary,
    Contribution,
    DatasetDescription,
    ExpectationOutcome,
    ExplainedRow,
    ExplanationSection,
    FacetAttributions,
    FacetBias,
    GlobalAttribution,
    GroupEffect,
    Intersection,
    Judgement,
    MetricValue,
    ModelDescription,
    Notice,
    OutcomeGap,
    OutputDependence,
    OutputExplanation,
    PartialDependence,
    SampledFeature,
    SampleStratum,
    SegmentBias,
    StratumCounts,
    VerdictSection,
    WorstClass,
)
from clarify.results.reasons import Reason
from clarify.results.verdicts import Verdict

T = TypeVar("T")
Changes = dict[str, object]

HIDDEN = "not shown"
NOTICE_HIDDEN = "The words of this notice can hold names; they are in extended.json."
ERROR_HIDDEN = "It could not be varied; the reason can hold names and is in extended.json."
COMMAND_HIDDEN = "not shown, because it holds names: see provenance.json"

_DIGEST = re.compile(r"[0-9a-f]{8,128}")
_CODE = re.compile(r"[A-Z]+(-[A-Z]+)*")
_EXPECTATION = re.compile(r"[a-z]+(_[a-z]+)*")
_KINDS = ("int", "float", "text", "bool")
_FORMATS = ("csv", "jsonlines", "json", "parquet")


def masked(result: AnalysisResult) -> AnalysisResult:
    """The result with a number for every name, and without values that would tell a row or a column."""
    return _walk(result, masks_of(result))


def masked_provenance(provenance: Provenance) -> Provenance:
    """Digests, versions and times stay; addresses, command and host do not."""
    model_uri = None if provenance.model_uri is None else "model"
    run = dataclasses.replace(provenance.run, command=COMMAND_HIDDEN, host=None)
    return dataclasses.replace(provenance, dataset_uri="data", model_uri=model_uri, run=run)


# --- the walk --------------------------------------------------------------------------------------------------


def _walk(owner: T, masks: Masks) -> T:
    """Fields with a rule as it says; of the others numbers, literals and enumerations stay, and no text does."""
    changes = _ruled(owner, masks)
    kind = cast(Any, type(owner))
    for field in dataclasses.fields(kind):
        if field.name not in changes and not _is_literal(kind, field.name):
            changes[field.name] = _hidden(getattr(owner, field.name), masks)
    return cast(T, dataclasses.replace(cast(Any, owner), **changes))


def _hidden(value: object, masks: Masks) -> object:
    if isinstance(value, Reason | Verdict):
        return value
    if isinstance(value, str):
        return HIDDEN
    if isinstance(value, tuple):
        return tuple(_hidden(item, masks) for item in value)
    return _walk(value, masks) if dataclasses.is_dataclass(value) else value


@cache
def _is_literal(owner: type[object], field: str) -> bool:
    return get_origin(get_type_hints(owner)[field]) is Literal


def _kept(text: str, allowed: Sequence[str] | re.Pattern[str]) -> str:
    """A word of our own vocabulary as it is."""
    is_ours = allowed.fullmatch(text) is not None if isinstance(allowed, re.Pattern) else text in allowed
    return text if is_ours else HIDDEN


def _digest(text: str | None) -> str | None:
    return None if text is None else _kept(text, _DIGEST)


# --- the rules -------------------------------------------------------------------------------------------------


@singledispatch
def _ruled(owner: object, masks: Masks) -> Changes:
    """New values of the fields that have a rule."""
    return {}


@_ruled.register
def _(owner: AnalysisResult, masks: Masks) -> Changes:
    defaults = {field.name: field.default for field in dataclasses.fields(AnalysisResult)}
    titles: Changes = {name: defaults[name] for name in ("report_name", "report_title")}
    return {**titles, "config_digest": _digest(owner.config_digest)}


@_ruled.register
def _(owner: DatasetDescription, masks: Masks) -> Changes:
    return {"uri": "data", "format": _kept(owner.format, _FORMATS), "digest": _digest(owner.digest)}


@_ruled.register
def _(owner: ModelDescription, masks: Masks) -> Changes:
    version = owner.version if owner.version is not None and owner.version.isdecimal() else None
    classes = tuple(masks.class_of(name) for name in owner.classes)
    digest = _digest(owner.digest)
    return {"uri": "model", "pinned_uri": "model", "name": "model", "version": version, "classes": classes,
            "digest": digest}  # fmt: skip


@_ruled.register
def _(owner: Notice, masks: Masks) -> Changes:
    is_ours = owner.code == WITHHELD_CODE
    field = masks.columns.get(owner.field, owner.field if is_ours else "analysis")
    return {"code": _kept(owner.code, _CODE), "field": field, "message": owner.message if is_ours else NOTICE_HIDDEN}


@_ruled.register
def _(owner: ColumnSummary, masks: Masks) -> Changes:
    return {"name": masks.column(owner.name), "kind": _kept(owner.kind, _KINDS), "reading": "", "minimum": None,
            "maximum": None}  # fmt: skip


@_ruled.register
def _(owner: ExpectationOutcome, masks: Masks) -> Changes:
    column = masks.column(owner.column) if owner.column else ""
    return {"expectation": _kept(owner.expectation, _EXPECTATION), "column": column, "detail": ""}


@_ruled.register
def _(owner: BiasSection, masks: Masks) -> Changes:
    positive = masks.class_of(owner.label_value_or_threshold)
    return {"label": masks.column(owner.label), "label_value_or_threshold": positive}


def _place(owner: FacetBias | Judgement | WorstClass | OutcomeGap | FacetAttributions, masks: Masks) -> Changes:
    group = masks.group(owner.facet, owner.value_or_threshold)
    return {"facet": masks.column(owner.facet), "value_or_threshold": group}


@_ruled.register(FacetBias)
@_ruled.register(OutcomeGap)
def _(owner: FacetBias | OutcomeGap, masks: Masks) -> Changes:
    return _place(owner, masks)


@_ruled.register
def _(owner: MetricValue, masks: Masks) -> Changes:
    return {"name": _kept(owner.name, tuple(BY_NAME)), "detail": ""}


@_ruled.register
def _(owner: StratumCounts, masks: Masks) -> Changes:
    return {"name": masks.strata[owner.name]}


@_ruled.register
def _(owner: Judgement, masks: Masks) -> Changes:
    return {**_place(owner, masks), "metric": _kept(owner.metric, tuple(BY_NAME))}


@_ruled.register
def _(owner: VerdictSection, masks: Masks) -> Changes:
    return {"policy": "policy", "policy_digest": _digest(owner.policy_digest)}


@_ruled.register
def _(owner: Intersection, masks: Masks) -> Changes:
    facets = tuple(masks.column(facet) for facet in owner.facets)
    return {"facets": facets, "cells": tuple(_cell(cell, owner.facets, masks) for cell in owner.cells)}


def _cell(cell: CellBias, crossed: tuple[str, ...], masks: Masks) -> CellBias:
    """A cell's metrics are those of the joined columns."""
    groups = tuple(masks.group(facet, group) for facet, group in zip(crossed, cell.groups, strict=True))
    facet, value = " × ".join(masks.column(name) for name in crossed), " × ".join(groups)

    def named(found: FacetBias | None) -> FacetBias | None:
        return None if found is None else dataclasses.replace(
            _walk(found, masks), facet=facet, value_or_threshold=value
        )  # fmt: skip

    return CellBias(groups, cell.rows, named(cell.pre_training), named(cell.post_training))


@_ruled.register
def _(owner: SegmentBias, masks: Masks) -> Changes:
    segment = DEFAULT if owner.segment == DEFAULT else masks.segment(owner.config_name, owner.segment)
    name = masks.segmentations[owner.config_name]
    return {"config_name": name, "column": masks.column(owner.column), "segment": segment, "alias": segment}


@_ruled.register
def _(owner: ClassBias, masks: Masks) -> Changes:
    return {"label_value": masks.class_of(owner.label_value)}


@_ruled.register
def _(owner: WorstClass, masks: Masks) -> Changes:
    metric = _kept(owner.metric, tuple(BY_NAME))
    return {**_place(owner, masks), "metric": metric, "label_value": masks.class_of(owner.label_value)}


@_ruled.register
def _(owner: ExplanationSection, masks: Masks) -> Changes:
    estimators = tuple((_kept(kind, tuple(ESTIMATORS)), rows) for kind, rows in owner.estimators)
    groups = tuple(
        (masks.column(name), tuple(masks.column(column) for column in columns)) for name, columns in owner.groups
    )
    source = _kept(owner.baseline_source, tuple(BASELINES))
    return {"estimators": estimators, "groups": groups, "baseline_source": source}


@_ruled.register
def _(owner: OutputExplanation, masks: Masks) -> Changes:
    return {"label": masks.outputs[owner.label]}


@_ruled.register
def _(owner: OutputDependence, masks: Masks) -> Changes:
    return {"label": masks.outputs[owner.label]}


@_ruled.register(GlobalAttribution)
@_ruled.register(GroupEffect)
def _(owner: GlobalAttribution | GroupEffect, masks: Masks) -> Changes:
    return {"feature": masks.column(owner.feature)}


@_ruled.register
def _(owner: FacetAttributions, masks: Masks) -> Changes:
    return {**_place(owner, masks), "output": masks.outputs[owner.output]}


@_ruled.register
def _(owner: AttributionSample, masks: Masks) -> Changes:
    return {"output": masks.outputs[owner.output]}


@_ruled.register
def _(owner: SampleStratum, masks: Masks) -> Changes:
    value = masks.group(owner.facet, owner.value_or_threshold) if owner.value_or_threshold else ""
    return {"facet": masks.column(owner.facet), "value_or_threshold": value}


@_ruled.register
def _(owner: SampledFeature, masks: Masks) -> Changes:
    words = tuple(masks.word(owner.feature, word) for word in owner.words)
    return {"feature": masks.column(owner.feature), "words": words}


@_ruled.register
def _(owner: ExplainedRow, masks: Masks) -> Changes:
    """The place of a row in the data would find it again."""
    groups = tuple((masks.column(facet), masks.group(facet, value)) for facet, value in owner.groups)
    return {"output": masks.outputs[owner.output], "row": masks.rows[owner.row], "groups": groups}


@_ruled.register
def _(owner: Contribution, masks: Masks) -> Changes:
    return {"feature": masks.column(owner.feature), "value": ""}


@_ruled.register
def _(owner: PartialDependence, masks: Masks) -> Changes:
    """Points of a numerical grid are numbered: their values would tell the column."""
    return {
        "feature": masks.column(owner.feature),
        "feature_values": tuple(float(place + 1) for place in range(len(owner.feature_values))),
        "categories": tuple(masks.word(owner.feature, word) for word in owner.categories),
        "error": None if owner.error is None else ERROR_HIDDEN,
    }
