"""The few spellings that AWS refuses and we accept, each with a notice."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

from clarify.config.json_text import Path, field_path, has, shown, value_at
from clarify.results import Notice

CONTENT_TYPES = {"image/jpg": "image/jpeg"}
IMAGE = ("methods", "shap", "image_config")
DATASET_TYPES = {"application/parquet": "application/x-parquet"}


def coerce(document: Any) -> tuple[Any, tuple[Notice, ...]]:
    """A copy of the document in AWS's spelling, and one CFG-COERCED notice for each change."""
    mended = copy.deepcopy(document)
    notices: list[Notice] = []
    for path in _value_lists(mended):
        if has(mended, path) and isinstance(value_at(mended, path), (str, int, float)):
            _replace(mended, path, [value_at(mended, path)], notices, "a list of one")
    for path in _value_lists(mended):
        notices.extend(_booleans(mended, path))
    for stage in ("pre_training_bias", "post_training_bias"):
        path = ("methods", stage, "methods")
        if has(mended, path) and value_at(mended, path) in (["all"], "ALL", "All"):
            _replace(mended, path, "all", notices, '"all"')
    for path in (("probability_threshold",), (*IMAGE, "iou_threshold"), (*IMAGE, "context")):
        _widen(mended, path, notices)
    _rename(mended, ("dataset_type",), DATASET_TYPES, notices)
    _rename(mended, ("predictor", "content_type"), CONTENT_TYPES, notices)
    return mended, tuple(notices)


def _value_lists(document: Any) -> Iterator[Path]:
    yield ("label_values_or_threshold",)
    if has(document, ("facet",)) and isinstance(document["facet"], list):
        for position in range(len(document["facet"])):
            yield ("facet", position, "value_or_threshold")


def _booleans(document: Any, path: Path) -> Iterator[Notice]:
    values = value_at(document, path) if has(document, path) else None
    if isinstance(values, list) and any(isinstance(value, bool) for value in values):
        yield Notice("CFG-COERCED", field_path(path), f"{shown(values)}: booleans match a column of booleans")


def _widen(document: Any, path: Path, notices: list[Notice]) -> None:
    if has(document, path) and type(value_at(document, path)) is int:
        _replace(document, path, float(value_at(document, path)), notices, "a number with decimals")


def _rename(document: Any, path: Path, names: dict[str, str], notices: list[Notice]) -> None:
    value = value_at(document, path) if has(document, path) else None
    if isinstance(value, str) and value.lower() in names:
        _replace(document, path, names[value.lower()], notices, shown(names[value.lower()]))


def _replace(document: Any, path: Path, value: Any, notices: list[Notice], meaning: str) -> None:
    before = shown(value_at(document, path))
    value_at(document, path[:-1])[path[-1]] = value
    notices.append(Notice("CFG-COERCED", field_path(path), f"{before} is read as {meaning}"))
