"""JSON Schemas of extended.json and comparison.json, read off their types, so that the two cannot part."""

from __future__ import annotations

import dataclasses
import types
from enum import Enum
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from clarify.compared import Comparison
from clarify.report.encoding import INFINITIES
from clarify.results import AnalysisResult

EXTENDED_VERSION = "1.0"
COMPARISON_VERSION = "1.0"
Schema = dict[str, Any]
_COUNT = {"type": "integer", "minimum": 0}
_CODES = {"type": "array", "items": {"type": "integer", "minimum": -1}}
_SCALARS: dict[type, Schema] = {bool: {"type": "boolean"}, int: _COUNT, str: {"type": "string"}}

# Integers of results are counts and positions, but for these.
SIGNED: dict[tuple[str, str], Schema] = {("SampledFeature", "codes"): _CODES}

# What the names alone do not say.
DESCRIPTIONS: dict[str, dict[str, str]] = {
    "ExplanationSection": {
        "estimators": "Rows by what explained them: exact, tree, kernel, kriging, sparse.",
        "num_samples": "The most coalitions that a row could be asked.",
        "calls": "Model rows spent on coalitions.",
        "rows_exact": "Rows whose attributions are not estimated, those from trees among them.",
        "budget_given": "num_samples was configured: every sampled row costs the same.",
        "tolerance": "Predicted relative error at which a row stops; null: no such rule.",
        "rows_within_tolerance": "Sampled rows that stopped because their predicted error was small enough.",
        "rows_at_ceiling": "Sampled rows whose budget ended before their predicted error was small enough.",
        "rows_failed": "Rows without attributions: the model could not answer for them.",
        "estimator_asked": "What was asked for.",
        "estimator_chosen": "What sampled rows are estimated by; auto: no row was sampled.",
        "probe": "How the model answered the same rows when they were asked again, alone and among others.",
        "groups": "Columns explained as one feature: its name, and the columns.",
        "by_facet": "Mean attributions in each group of each facet and in the other rows, output by output.",
        "samples": "Attributions of some rows of each output; empty where single rows are not to be shown.",
        "selected": "Rows chosen by rule: lowest and highest score, nearest to threshold in each group.",
        "threshold": "A higher score, in the unit of the attributions, is predicted positive; null: no score decides.",
    },
    "GroupEffect": {
        "mean_d": "Mean attribution in the named group.",
        "mean_a": "Mean attribution in the other rows.",
        "interval_d": "95 %, over rows drawn like these and the errors of their attributions.",
        "interval_a": "95 %, over rows drawn like these and the errors of their attributions.",
        "gap": "mean_a minus mean_d.",
        "interval": "95 %, of the gap: judge by it, not by whether the other two overlap.",
    },
    "FacetAttributions": {
        "rows_d": "Explained rows in the named group.",
        "rows_a": "Explained rows in none of the listed values; rows without a value are on neither side.",
        "effects": "In the order of the output's features; of very many features the strongest.",
    },
    "SampleStratum": {
        "facet": "Empty for the rows that are in no listed group of the first facet.",
        "value_or_threshold": "Empty for the rows that are in no listed group of the first facet.",
        "rows": "Explained rows of the group.",
        "drawn": "So many of them are in the sample; each stands for rows divided by drawn.",
    },
    "AttributionSample": {
        "strata": "In the order of the rows: the first stratum's come first, each stratum's in dataset order.",
        "features": "The strongest first.",
    },
    "SampledFeature": {
        "attributions": "Row for row, to six significant digits.",
        "codes": (
            "Positions in words; without words the fifth of all rows, 0 the lowest, that the value's rank lies in, by "
            "what the drawn rows stand for; -1: no value."
        ),
        "words": "The most frequent first, the rarest together as other; one word for what has no categories.",
    },
    "Contribution": {
        "value": "Empty for a group of columns of which not exactly one is 1.",
    },
    "ExplainedRow": {
        "row": "Position in the dataset, from 0.",
        "groups": "Facets and listed values that the row belongs to.",
        "score": "Expected value plus all contributions, rest included.",
        "rest": "Sum of all contributions that are not listed.",
        "rest_standard_error": "As if the errors of its features had nothing in common.",
        "order_holds": "Share of redraws that keep the first three features in order; null: nothing is estimated.",
        "first_swaps": "Share of redraws in which the first two features change places; null: nothing is estimated.",
    },
    "GlobalAttribution": {
        "standard_error": (
            "Of mean_abs without mean_abs_excess, over the coalitions that could have been asked; null: not "
            "computed."
        ),
        "exact": "No row's attribution is estimated.",
        "mean_abs_excess": "Errors of the rows push mean_abs up by about so much.",
        "interval": "95 %, of mean_abs without mean_abs_excess; null: not computed.",
    },
    "OutputExplanation": {
        "certain_order": (
            "So many leading features, by mean_abs without mean_abs_excess, keep their order within the errors; "
            "null: not computed."
        ),
    },
    "MetricValue": {
        "evidence": "Against the range that the policy allows; null: it declares none for this metric and group.",
    },
    "Judgement": {
        "reason": "Why an INCONCLUSIVE one could not be decided.",
        "threshold": "What the smaller of the two p-values had to reach, the family counted.",
        "detectable": "What these rows could have shown; null: decided, or not computed.",
        "deciding": (
            "The interval at 1 minus threshold: inside the range exactly when PASS, apart from it when VIOLATION, "
            "across or on a limit of it when INCONCLUSIVE; null: no test was made, or a flip test on a sample."
        ),
    },
    "VerdictSection": {
        "tests": "Pairs of metric and group with a range and an interval: the family over which errors are held.",
        "small_group": "Reports point out groups with fewer rows than this.",
        "family": "holm: the level holds for all verdicts together; none: for each by itself.",
    },
    "OutcomeGap": {
        "outcome": "error: prediction minus label.",
        "sampled_rows": "The quantiles rest on so many rows; null: on all.",
    },
    "PairCounts": {
        "rows": "Rows that both models decided.",
        "to_positive": "Negative for the champion, positive for the challenger.",
        "to_negative": "Positive for the champion, negative for the challenger.",
        "left_out": "Rows that at least one model left undecided.",
    },
    "AccuracyDifference": {
        "interval": "95 %, of the difference, challenger minus champion.",
        "gained": "Rows that only the challenger decides rightly; null: unpaired.",
        "lost": "Rows that only the champion decides rightly; null: unpaired.",
    },
    "MetricDifference": {
        "difference": "Challenger minus champion; null: not_compared says why.",
        "interval": "95 %, of the difference.",
        "evidence": "Against the declared tolerance; null: none was declared.",
        "reason": "Why an INCONCLUSIVE one could not be decided.",
        "threshold": "What the smaller of the two p-values had to reach, the family counted.",
        "deciding": "The interval at 1 minus threshold, which decides; null: no test was made.",
    },
    "GroupComparison": {
        "champion_rows": "Rows of the named group, then of the others.",
        "challenger_rows": "Rows of the named group, then of the others.",
        "pairs_d": "Of the named group; null: unpaired.",
        "pairs_a": "Of the other rows; null: unpaired.",
        "fewer_than": "0 here: the document keeps no count back, as pages may.",
    },
    "Comparison": {
        "unpaired_because": "null: the rows are paired.",
        "agreement": "Over all rows; null: unpaired.",
        "tests": "Differences with a tolerance: the family over which errors are held.",
    },
    "ComparedRun": {
        "evidence": "SHA-256 of the run's extended.json.",
    },
    "Intersection": {
        "unknown_rows": "Rows without a value of one of the facets; they are in no cell.",
    },
}


def extended_schema() -> Schema:
    """The schema of the document that ``extended_document`` writes; a key with a default may be missing."""
    return _document("extended", EXTENDED_VERSION, AnalysisResult)


def comparison_schema() -> Schema:
    """The schema of the document that ``comparison_document`` writes; a key with a default may be missing."""
    return _document("comparison", COMPARISON_VERSION, Comparison)


def _document(name: str, version: str, kind: type) -> Schema:
    definitions: Schema = {"Number": {"anyOf": [{"type": "number"}, {"enum": list(INFINITIES)}]}}
    found = _object(kind, definitions)
    found["properties"] = {"version": {"const": version}, **found["properties"]}
    found["required"] = ["version", *found["required"]]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:clarify:{name}:{version}",
        "title": f"{name}.json",
        **found,
        "$defs": dict(sorted(definitions.items())),
    }


def _object(kind: type, definitions: Schema) -> Schema:
    hints = get_type_hints(kind)
    fields = dataclasses.fields(kind)
    no_default = dataclasses.MISSING
    return {
        "type": "object",
        "description": (kind.__doc__ or "").strip().partition("\n\n")[0],
        "properties": {f.name: _described(kind, f.name, _schema(hints[f.name], definitions)) for f in fields},
        "required": [f.name for f in fields if f.default is f.default_factory is no_default],
        "additionalProperties": False,
    }


def _described(kind: type, field: str, schema: Schema) -> Schema:
    schema = SIGNED.get((kind.__name__, field), schema)
    words = DESCRIPTIONS.get(kind.__name__, {}).get(field)
    return schema if words is None else {**schema, "description": words}


def _schema(kind: Any, definitions: Schema) -> Schema:
    origin = get_origin(kind)
    if origin in (Union, types.UnionType):
        return {"anyOf": [_schema(member, definitions) for member in get_args(kind)]}
    if kind is type(None):
        return {"type": "null"}
    if origin is Literal:
        return {"enum": list(get_args(kind))}
    if origin is tuple:
        return _array(get_args(kind), definitions)
    if dataclasses.is_dataclass(kind):
        return _reference(kind, definitions)  # type: ignore[arg-type]
    if isinstance(kind, type) and issubclass(kind, Enum):
        return {"enum": [member.value for member in kind]}
    return {"$ref": "#/$defs/Number"} if kind is float else {**_SCALARS[kind]}


def _array(members: tuple[Any, ...], definitions: Schema) -> Schema:
    if members[-1] is Ellipsis:
        return {"type": "array", "items": _schema(members[0], definitions)}
    places = [_schema(member, definitions) for member in members]
    return {"type": "array", "prefixItems": places, "minItems": len(places), "maxItems": len(places)}


def _reference(kind: type, definitions: Schema) -> Schema:
    if kind.__name__ not in definitions:
        definitions[kind.__name__] = {}         # entered before its fields are, so that a type may hold itself
        definitions[kind.__name__] = _object(kind, definitions)
    return {"$ref": f"#/$defs/{kind.__name__}"}
