"""What the models of all documents share: how strict a part is, texts that are not empty, the version."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field


class Part(BaseModel):
    """An object of a document: frozen, without unknown keys, nothing converted; docstrings are the descriptions."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, use_attribute_docstrings=True)


def lower(value: object) -> object:
    """Words that are compared without regard to case."""
    return value.lower() if isinstance(value, str) else value


def _as_version(value: object) -> object:
    """YAML reads an unquoted 1.0 as a number."""
    return "1.0" if type(value) is float and value == 1.0 else value


Text = Annotated[str, Field(min_length=1)]
Version = Annotated[Literal["1.0"], BeforeValidator(_as_version)]
