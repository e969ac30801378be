"""Who signed a report, as the gate recorded it: what fills the block that a printed page ends with."""

from __future__ import annotations

from dataclasses import dataclass

from clarify.config.approval import Approval
from clarify.report.names import LONGEST_DETAIL, clean


@dataclass(frozen=True)
class SignatureLine:
    """A term of the block and what stands there; empty: a line to write on."""

    term: str
    text: str


def signature_of(approval: Approval | None) -> tuple[SignatureLine, ...]:
    """The lines of the block: name, role, date, decision, conditions, each cleaned."""
    found = approval or Approval()
    lines = (
        ("Name", found.name), ("Role", found.role), ("Date", found.date), ("Decision", found.decision),
        ("Conditions", found.conditions),
    )  # fmt: skip
    return tuple(SignatureLine(term, clean(text, longest=LONGEST_DETAIL) if text else "") for term, text in lines)
