"""A document that people write, YAML or JSON, to a value and a digest; or every problem of it at once."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from typing import Any, Final, TypeVar

from clarify.config.json_text import canonical, shown
from clarify.config.shape_problems import M, Shape, validated
from clarify.errors import ConfigError, Problem

T = TypeVar("T")

MOST_PROBLEMS: Final = 100


def read_document(
    content: bytes, read: Callable[[Any], tuple[T | None, Iterable[Problem]]], *, root: str, prefix: str
) -> tuple[T, str]:
    """What ``read`` makes of the plain values of a document, and SHA-256 over their canonical JSON.

    Parameters
    ----------
    read : returns the value, None where there is none, and the problems it has found
    root : name of the document, for problems of the whole
    prefix : of the codes of problems found before ``read`` is asked

    Raises
    ------
    ConfigError
        With the first hundred problems, one telling a field.
    """
    from clarify.config.yaml_text import read_yaml  # PyYAML waits for its first document

    written, known = read_yaml(content, root=root, prefix=prefix)
    value, found = read(written)
    told = {problem.field for problem in known}
    ConfigError.collect([*known, *(problem for problem in found if problem.field not in told)][:MOST_PROBLEMS])
    if value is None:
        raise ConfigError(Problem(f"{prefix}-TYPE", root, shown(written), f"a {root}", "mend the file"))
    return value, hashlib.sha256(canonical(written)).hexdigest()


def read_shaped(
    content: bytes, shape: Shape[M], together: Callable[[dict[str, Any]], Iterable[Problem]]
) -> tuple[M, str]:
    """As :func:`read_document`, of a shape that pydantic knows; ``together`` finds what is wrong between keys."""

    def read(written: Any) -> tuple[M | None, Iterable[Problem]]:
        value, wrong = validated(written, shape)
        return value, [*wrong.values(), *(together(written) if isinstance(written, dict) else ())]

    return read_document(content, read, root=shape.root, prefix=shape.prefix)
