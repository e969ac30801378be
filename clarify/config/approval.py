"""Approval: who decided on an analysis, what, and on which conditions; a short document of a gate or a hand.

::

    name: A. Officer
    role: Model risk
    date: 2026-11-23
    decision: approved
    conditions: until the yearly review
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from datetime import date
from typing import Any, Final

from clarify.config.columns import did_you_mean
from clarify.config.documents import read_document
from clarify.config.json_text import shown
from clarify.errors import Problem

ROOT: Final = "approval"
CODE: Final = "CFG-APPROVAL"


@dataclass(frozen=True)
class Approval:
    """One decision on one analysis; an empty text is a line to write on."""

    name: str = ""
    role: str = ""
    date: str = ""
    decision: str = ""
    conditions: str = ""


KEYS: Final = tuple(field.name for field in fields(Approval))


def read_approval(content: bytes) -> Approval:
    """Read an approval, YAML or JSON.

    Raises
    ------
    ConfigError
        With every problem at once, codes CFG-APPROVAL-*.

    Examples
    --------
    >>> read_approval(b"{name: A. Officer, date: 2026-11-23, decision: approved}").date
    '2026-11-23'
    """
    return read_document(content, _read, root=ROOT, prefix=CODE)[0]


def _read(written: Any) -> tuple[Approval | None, list[Problem]]:
    if not isinstance(written, dict):
        return None, [Problem(f"{CODE}-TYPE", ROOT, shown(written), f"an object with {', '.join(KEYS)}")]
    problems = list(_problems(written))
    if problems:
        return None, problems
    return Approval(**{key: str(value) for key, value in written.items() if value is not None}), []


def _problems(written: dict[Any, Any]) -> Iterator[Problem]:
    for key, value in written.items():
        if key not in KEYS:
            hint = did_you_mean(str(key), KEYS, "leave it out")
            yield Problem(f"{CODE}-KEY", f"{ROOT}.{key}", "an unknown key", ", ".join(KEYS), hint)
        elif not isinstance(value, str | date | None):
            yield Problem(f"{CODE}-TYPE", f"{ROOT}.{key}", shown(value), "a text", "put it in quotes")
