"""Pydantic's complaints in our words: one Problem per field, with what was received and what is allowed."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Generic, TypeVar, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from clarify.config.columns import closest
from clarify.config.json_text import Path, field_path, has, shown, value_at
from clarify.errors import Problem

M = TypeVar("M", bound=BaseModel)

KINDS: Final = {
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


def _no_words_of_its_own(path: Path, complaint: str, received: Any) -> Problem | None:
    return None


@dataclass(frozen=True)
class Shape(Generic[M]):
    """One kind of document: what pydantic holds it to, and what is particular in the words for its problems.

    ``root`` names the whole document, ``prefix`` begins the codes, ``whole`` is what to write where there is no object
    at all. ``examples`` are values for keys that are missing, by key or by field path; ``elsewhere`` is where to turn
    for keys that people expect to find; ``hints`` are what to do, by what is allowed. ``own`` gets a path, the type of
    pydantic's complaint and the value, and returns the problem where the general words say too little.
    """

    model: type[M]
    root: str
    prefix: str
    whole: str = "an object"
    in_json: bool = False                    # keys and words are quoted; in YAML they need not be
    misspelt_is_missing: bool = False        # a misspelt required key is told a second time, as missing
    examples: Mapping[str, str] = field(default_factory=dict)
    elsewhere: Mapping[str, str] = field(default_factory=dict)
    hints: Mapping[str, str] = field(default_factory=dict)
    own: Callable[[Path, str, Any], Problem | None] = _no_words_of_its_own

    def problem(self, code: str, path: Path, received: str, allowed: str, hint: str) -> Problem:
        return Problem(f"{self.prefix}-{code}", field_path(path) if path else self.root, received, allowed, hint)

    def written(self, word: str) -> str:
        """A key or a word as it stands in the document."""
        return f'"{word}"' if self.in_json else word


def valid(written: object, model: type[M]) -> M | None:
    """The part of a document that was written; None when it is wrong by itself."""
    try:
        return model.model_validate_json(json.dumps(written))
    except ValidationError:
        return None


def validated(written: object, shape: Shape[M]) -> tuple[M | None, dict[Path, Problem]]:
    """The document, or every problem of single keys by the path of its field."""
    try:
        return shape.model.model_validate_json(json.dumps(written)), {}
    except ValidationError as error:
        return None, shape_problems(error, written, shape)


def shape_problems(error: ValidationError, document: Any, shape: Shape[M]) -> dict[Path, Problem]:
    """Every complaint, grouped by field; of a value that could be several things only the nearest miss is told."""
    by_path: dict[Path, list[ErrorDetails]] = {}
    for detail in error.errors(include_url=False, include_input=False):
        path = _real_path(detail, document)
        if not _is_echo(detail, path, document):
            by_path.setdefault(path, []).append(detail)
    inner = {path[:length] for path in by_path for length in range(len(path))}
    misspelt = () if shape.misspelt_is_missing else [path for path, told in by_path.items() if _is_unknown(told)]
    meant = {(*path[:-1], _meant(path, shape)) for path in misspelt}
    return {
        path: _problem(path, details, document, shape)
        for path, details in by_path.items()
        if (path not in inner or details[0]["type"] not in KINDS) and path not in meant
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


def _is_unknown(details: Sequence[ErrorDetails]) -> bool:
    return details[0]["type"] == "extra_forbidden"


def _problem(path: Path, details: Sequence[ErrorDetails], document: Any, shape: Shape[M]) -> Problem:
    # An empty list is nearest to the list that the key may be, whatever else it may be.
    details = [detail for detail in details if detail["type"] == "too_short"] or details
    complaint = details[0]["type"]
    if complaint == "missing":
        return _missing(path, shape)
    if _is_unknown(details):
        return _unknown_key(path, shape)
    received = value_at(document, path)
    in_own_words = shape.own(path, complaint, received)
    if in_own_words is not None:
        return in_own_words
    is_type = all(detail["type"] in KINDS for detail in details)
    allowed = _kinds(details) if is_type else " or ".join(dict.fromkeys(_allowed(detail, shape) for detail in details))
    hint = _hint(path, received, allowed, shape, words=_words(details))
    return shape.problem("TYPE" if is_type else "VALUE", path, shown(received), allowed, hint)


def _missing(path: Path, shape: Shape[M]) -> Problem:
    model, key = _model(path[:-1], shape.model), str(path[-1])
    description = model.model_fields[key].description if model is not None and key in model.model_fields else None
    example = shape.examples.get(field_path(path)) or shape.examples.get(key, "...")
    hint = f"add {shape.written(key)}: {example}"
    return shape.problem("MISSING", path, "nothing", (description or "a value").split(";")[0].rstrip("."), hint)


def _unknown_key(path: Path, shape: Shape[M]) -> Problem:
    key, near = str(path[-1]), _meant(path, shape)
    hint = shape.elsewhere.get(key) or (f"did you mean {near}?" if near else "remove the key")
    return shape.problem("UNKNOWN-KEY", path, shown(key), ", ".join(_keys(path, shape)), hint)


def _meant(path: Path, shape: Shape[M]) -> str | None:
    """The key that an unknown one was meant to be: one that begins with it, or the one most like it."""
    key, keys = str(path[-1]), _keys(path, shape)
    return next((name for name in keys if name.startswith(f"{key}_")), None) or closest(key, keys)


def _kinds(details: Sequence[ErrorDetails]) -> str:
    kinds = list(dict.fromkeys(KINDS[detail["type"]] for detail in details))
    if "a number" in kinds and "a whole number" in kinds:
        kinds.remove("a whole number")
    return " or ".join(kinds)


def _allowed(detail: ErrorDetails, shape: Shape[M]) -> str:
    context = detail.get("ctx", {})
    match detail["type"]:
        case "literal_error":
            return re.sub("'([^']*)'", lambda word: shape.written(word[1]), str(context["expected"]))
        case "greater_than":
            return f"more than {context['gt']:g}"
        case "greater_than_equal":
            return f"at least {context['ge']:,}"
        case "less_than":
            return f"less than {context['lt']:g}"
        case "less_than_equal":
            return f"at most {context['le']:,}"
        case "finite_number":
            return "a finite number"
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


def _words(details: Sequence[ErrorDetails]) -> list[str]:
    """The words that a value may be, where it may be one of several."""
    literals = (str(detail["ctx"]["expected"]) for detail in details if detail["type"] == "literal_error")
    return [word for expected in literals for word in re.findall("'([^']+)'", expected)]


def _hint(path: Path, received: object, allowed: str, shape: Shape[M], *, words: Sequence[str]) -> str:
    if not path:
        return f"write {shape.whole}"
    if received is None and _may_be_left_out(path, shape):
        return "leave the key out"
    if allowed in shape.hints:
        return shape.hints[allowed]
    if allowed.endswith("a list") and isinstance(received, (str, int, float)):
        return f"put it into a list: [{shown(received)}]"
    if allowed == "text" and isinstance(received, (int, float)):
        return "put it in quotes"            # YAML reads an unquoted no as a boolean, too
    if isinstance(received, str):
        return _hint_for_text(received, allowed, shape, words)
    return f"write {allowed}"


def _hint_for_text(received: str, allowed: str, shape: Shape[M], words: Sequence[str]) -> str:
    if "number" in allowed and "text" not in allowed:
        return "write the number without quotes"
    if allowed == "true or false" and received.lower() in ("true", "false"):
        return "write true or false without quotes"
    within = [word for word in words if received and received.lower() in word]
    whole = [word for word in within if word.endswith(f"/{received.lower()}")]
    near = next(iter((*whole, *within)), None) or closest(received, words)
    return f"did you mean {shape.written(near)}?" if near else f"write {allowed}"


def _may_be_left_out(path: Path, shape: Shape[M]) -> bool:
    model, key = _model(path[:-1], shape.model), path[-1]
    found = model.model_fields.get(key) if model is not None and isinstance(key, str) else None
    return found is not None and not found.is_required()


def _keys(path: Path, shape: Shape[M]) -> tuple[str, ...]:
    """The keys of the object that holds the one at a path."""
    model = _model(path[:-1], shape.model)
    return tuple(model.model_fields) if model is not None else ()


def _model(path: Path, root: type[BaseModel]) -> type[BaseModel] | None:
    """The class of the object at a path of a document."""
    model: type[BaseModel] | None = root
    for part in path:
        if isinstance(part, str) and model is not None:
            found = model.model_fields.get(part)
            model = next(_models(found.annotation), None) if found is not None else None
    return model


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    """The model classes named anywhere inside an annotation."""
    if isinstance(annotation, type) and not get_args(annotation) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from _models(part)
