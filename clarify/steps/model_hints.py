"""What MLflow keeps of a model that tells which columns are which, read without loading the model."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from clarify.endpoints.pinning import PinnedModel, pin_directory, read_mlmodel
from clarify.proposal.evidence import ModelFacts

MOST_BYTES = 16 * 1024 * 1024


def model_facts(uri: str, tracking_uri: str | None = None) -> ModelFacts:
    """Inputs and outputs of a model's signature or example, and the columns of the data its run logged.

    Raises
    ------
    ConfigError
        MODEL-MISSING when there is no such model, MODEL-UNREADABLE when its ``MLmodel`` file is no YAML mapping.
    """
    model = _pinned(uri, tracking_uri)
    described = read_mlmodel(model)
    signature = described.get("signature")
    signature = signature if isinstance(signature, dict) else {}
    inputs, source = _named(signature.get("inputs")), "its signature"
    if not inputs:
        inputs, source = _example_columns(model, described), "its input example"
    outputs = _entries(signature.get("outputs"))
    trained_on, labels = _training_data(described.get("run_id"), tracking_uri)
    return ModelFacts(
        uri,
        inputs or None,
        source if inputs else "",
        tuple(str(entry["name"]) for entry in outputs if entry.get("name")),
        tuple(_kind(entry) for entry in outputs),
        trained_on,
        labels,
    )


def _pinned(uri: str, tracking_uri: str | None) -> PinnedModel:
    directory = uri.removeprefix("file://")
    if os.path.isdir(directory):
        return pin_directory(directory, uri=uri)
    from clarify.endpoints.deployment import pin_model  # brings MLflow along

    return pin_model(uri, tracking_uri)


def _entries(text: object) -> tuple[dict[str, Any], ...]:
    """The columns or tensors of one side of a signature, which MLflow keeps as JSON inside YAML."""
    try:
        entries = json.loads(text) if isinstance(text, str) else text
    except (json.JSONDecodeError, RecursionError):
        return ()
    return tuple(entry for entry in entries if isinstance(entry, dict)) if isinstance(entries, list) else ()


def _named(text: object) -> tuple[str, ...]:
    """Names of columns; none for tensors, which hold several columns without names."""
    entries = _entries(text)
    return tuple(str(entry["name"]) for entry in entries if entry.get("name") and entry.get("type") != "tensor")


def _kind(entry: dict[str, Any]) -> str:
    spec = entry.get("tensor-spec")
    return f"tensor of {spec.get('dtype')}" if isinstance(spec, dict) else str(entry.get("type"))


def _example_columns(model: PinnedModel, described: dict[str, Any]) -> tuple[str, ...]:
    info = described.get("saved_input_example_info")
    name = info.get("artifact_path") if isinstance(info, dict) else None
    path = Path(model.path) / str(name)
    inside = path.resolve().is_relative_to(Path(model.path).resolve())
    if not isinstance(name, str) or not inside or not path.is_file() or path.stat().st_size > MOST_BYTES:
        return ()
    try:
        example = json.loads(path.read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError, RecursionError):
        return ()
    columns = example.get("columns") if isinstance(example, dict) else None
    return tuple(map(str, columns)) if isinstance(columns, list) else ()


def _training_data(run_id: object, tracking_uri: str | None) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Columns of the logged datasets, and the names they give to what is learnt."""
    if not isinstance(run_id, str) or re.fullmatch("[0-9a-f]{32}", run_id) is None or tracking_uri is None:
        return (), ()
    from clarify.endpoints.deployment import logged_schemas

    schemas = tuple(_object(text) for text in logged_schemas(run_id, tracking_uri))
    columns = (name for schema in schemas for name in _named(schema.get("mlflow_colspec")))
    return _once(columns), _once(_label_names(schemas))


def _label_names(schemas: Iterable[dict[str, Any]]) -> Iterator[str]:
    for schema in schemas:
        tensors = schema.get("mlflow_tensorspec")
        # The key is MLflow's own word for the label columns of a logged dataset.
        yield from (str(entry["name"]) for entry in _entries((tensors or {}).get("targets")) if entry.get("name"))


def _object(text: str) -> dict[str, Any]:
    try:
        document = json.loads(text)
    except (json.JSONDecodeError, RecursionError):      # MLflow cuts long schemas
        return {}
    return document if isinstance(document, dict) else {}


def _once(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(names))
