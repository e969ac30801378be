"""The JSON Schemas of our documents, by the name a user calls them."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from clarify.data import storage
from clarify.errors import ConfigError, Problem


def schema_text(kind: str) -> str:
    """The JSON Schema of one kind of document.

    Raises
    ------
    ConfigError
        RUN-VALUE for a kind that is none of ours.
    """
    if kind not in KINDS:
        raise ConfigError(Problem("RUN-VALUE", "KIND", repr(kind), ", ".join(KINDS), "choose one of these"))
    return json.dumps(KINDS[kind](), indent=2, ensure_ascii=False) + "\n"


def write_schema(kind: str, uri: str) -> None:
    """Write the JSON Schema of one kind of document to a file."""
    storage.write_bytes(uri, schema_text(kind).encode())


def _config() -> dict[str, Any]:
    from clarify.config.analysis import analysis_config_schema

    return analysis_config_schema()


def _policy() -> dict[str, Any]:
    from clarify.config.policy import policy_schema

    return policy_schema()


def _types() -> dict[str, Any]:
    from clarify.config.declared_types import types_schema

    return types_schema()


def _monitor() -> dict[str, Any]:
    from clarify.config.monitor import monitor_schema

    return monitor_schema()


def _extended() -> dict[str, Any]:
    from clarify.report.schema import extended_schema

    return extended_schema()


def _comparison() -> dict[str, Any]:
    from clarify.report.schema import comparison_schema

    return comparison_schema()


KINDS: dict[str, Callable[[], dict[str, Any]]] = {
    "config": _config,
    "policy": _policy,
    "types": _types,
    "monitor": _monitor,
    "extended": _extended,
    "comparison": _comparison,
}
