"""Pydantic's complaints in our words: one Problem per field, with what was received and what is allowed."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from clarify.config.analysis import AnalysisConfig
from clarify.config.columns import closest
from clarify.config.json_text import Path, field_path, has, shown, value_at
from clarify.errors import Problem

KINDS = {
    "string_type": "text",
    "int_type": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "tuple_type": "a list",
    "model_type": "an object",
    "model_attributes_type": "an object",
    "dict_type": "an object",
    "none_required": "null",
}

EXAMPLES = {
    "dataset_type": '"text/csv"',
    "methods": '{"pre_training_bias": {"methods": "all"}}',
    "methods.pre_training_bias.methods": '"all"',
    "methods.post_training_bias.methods": '"all"',
    "methods.report.name": '"report"',
    "grid_resolution": "15",
    "name_or_index": '"<column>"',
}

NAME_OR_POSITION = "text or a whole number"

# Keys people expect to find, and where to turn instead.
ELSEWHERE = {
    "has_header": "AWS has no such key: name the columns in headers, or say --csv-header present|absent",
    "model_uri": "name the model with --model",
    "endpoint_url": "name the endpoint with --endpoint",
    "output_uri": "name the output folder with --output",
    "policy": "ranges live in a policy file: --policy",
}


def problems_by_path(error: ValidationError, document: Any) -> dict[Path, Problem]:
    """Every complaint, grouped by field; of a value that could be several things only the nearest miss is told."""
    by_path: dict[Path, list[ErrorDetails]] = {}
    for detail in error.errors(include_url=False, include_input=False):
        path = _real_path(detail, document)
        if not _is_echo(detail, path, document):
            by_path.setdefault(path, []).append(detail)
    inner = {path[:length] for path in by_path for length in range(len(path))}
    return {
        path: _problem(path, details, document)
        for path, details in by_path.items()
        if path not in inner or details[0]["type"] not in KINDS
    }


def _real_path(detail: ErrorDetails, document: Any) -> Path:
    """The location without pydantic's names for the branches of a union, which are no part of the document."""
    path: Path = ()
    for part in detail["loc"]:
        if has(document, (*path, part)):
            path = (*path, part)
    return (*path, str(detail["loc"][-1])) if detail["type"] == "missing" else path


def _is_echo(detail: ErrorDetails, path: Path, document: Any) -> bool:
    """A list whose items failed is also called too short, though it is not."""
    return detail["type"] == "too_short" and len(value_at(document, path)) >= detail["ctx"]["min_length"]


def _problem(path: Path, details: Sequence[ErrorDetails], document: Any) -> Problem:
    # An empty list is nearest to the list that the key may be, whatever else it may be.
    details = [detail for detail in details if detail["type"] == "too_short"] or details
    kind = details[0]["type"]
    if kind == "missing":
        return _missing(path)
    if kind == "extra_forbidden":
        return _unknown_key(path)
    received = value_at(document, path)
    if kind == "too_short" and path[:1] == ("facet",):
        return empty_facet(path)
    is_type = all(detail["type"] in KINDS for detail in details)
    allowed = _kinds(details) if is_type else " or ".join(dict.fromkeys(_allowed(detail) for detail in details))
    return Problem("CFG-TYPE" if is_type else "CFG-VALUE", field_path(path), shown(received), allowed,
                   _hint(received, allowed))


def empty_facet(path: Path) -> Problem:
    """A facet list, or the values of one facet, that names nobody."""
    if len(path) == 1:
        return Problem("CFG-FACET-EMPTY", "facet", "[]", "at least one facet",
                       'name the column: "facet": [{"name_or_index": "..."}]')
    return Problem("CFG-FACET-EMPTY", field_path(path), "[]", "at least one value of the facet's column",
                   "name the group whose treatment you want to measure, or leave the key out to compare each value")


def _missing(path: Path) -> Problem:
    model, key = _model(path[:-1]), str(path[-1])
    description = model.model_fields[key].description if model is not None and key in model.model_fields else None
    allowed = (description or "a value").rstrip(".")
    example = EXAMPLES.get(field_path(path)) or EXAMPLES.get(key, "...")
    return Problem("CFG-MISSING", field_path(path), "nothing", allowed, f'add "{key}": {example}')


def _unknown_key(path: Path) -> Problem:
    key, fields = str(path[-1]), _fields(path[:-1])
    near = next((name for name in fields if name.startswith(f"{key}_")), None) or closest(key, fields)
    hint = ELSEWHERE.get(key) or (f"did you mean {near}?" if near else "remove the key")
    return Problem("CFG-UNKNOWN-KEY", field_path(path), shown(key), ", ".join(fields), hint)


def _kinds(details: Sequence[ErrorDetails]) -> str:
    kinds = list(dict.fromkeys(KINDS[detail["type"]] for detail in details))
    if "a number" in kinds and "a whole number" in kinds:
        kinds.remove("a whole number")
    return " or ".join(kinds)


def _allowed(detail: ErrorDetails) -> str:
    context = detail.get("ctx", {})
    match detail["type"]:
        case "literal_error":
            return str(context["expected"]).replace("'", '"')
        case "greater_than_equal":
            return f"at least {context['ge']:,}"
        case "less_than_equal":
            return f"at most {context['le']:,}"
        case "too_short":
            return "at least one item"
        case "string_too_short":
            return "text that is not empty"
        case "string_too_long":
            return f"at most {context['max_length']} characters"
        case "string_pattern_mismatch":
            return f"text of the form {context['pattern']}"
        case kind if kind in KINDS:
            return KINDS[kind]
        case _:
            return str(detail["msg"])


def _hint(received: object, allowed: str) -> str:
    if received is None:
        return "leave the key out"
    if allowed == NAME_OR_POSITION:
        return "name the column, or count its position from 0"
    if allowed.endswith("a list") and isinstance(received, (str, int, float)):
        return f"put it into a list: [{shown(received)}]"
    if isinstance(received, str):
        return _hint_for_text(received, allowed)
    return f"write {allowed}"


def _hint_for_text(received: str, allowed: str) -> str:
    if "number" in allowed and "text" not in allowed:
        return "write the number without quotes"
    if allowed == "true or false" and received.lower() in ("true", "false"):
        return "write true or false without quotes"
    words = re.findall(r'"([^"]+)"', allowed)
    within = [word for word in words if received and received.lower() in word]
    whole = [word for word in within if word.endswith(f"/{received.lower()}")]
    near = next(iter((*whole, *within)), None) or closest(received, words)
    return f'did you mean "{near}"?' if near else f"write {allowed}"


def _fields(path: Path) -> tuple[str, ...]:
    """The keys that the object at a path may have."""
    model = _model(path)
    return tuple(model.model_fields) if model is not None else ()


def _model(path: Path) -> type[BaseModel] | None:
    """The class of the object at a path."""
    model: type[BaseModel] | None = AnalysisConfig
    for part in path:
        if isinstance(part, str) and model is not None:
            model = next(_models(model.model_fields[part].annotation), None)
    return model


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    """The model classes named anywhere inside an annotation."""
    if isinstance(annotation, type) and not get_args(annotation) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from _models(part)
