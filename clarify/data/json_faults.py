"""What is wrong with single records of JSON: all are counted, the first few of each kind are told."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from clarify.errors import DataError, Problem, clip

SHOWN_FAULTS = 5

_FAULTS = {
    "DATA-JSON-LINE": (
        "{n} not JSON", "one JSON value in every line, UTF-8",
        "complete or remove them; a document over several lines is dataset_type application/json",
    ),
    "DATA-JSON-PATH": (
        "{n} without features", "a list of values, or an object of them, as in the first {unit}",
        "complete them or correct features. AWS answers: Data must contain features.",
    ),
    "DATA-RAGGED": (
        "{n} with other features than the first", "the features of the first {unit}",
        "give every record all features, null where one is missing",
    ),
    "DATA-JSON-VALUE": (
        "values that are lists or objects, {n} in all", "numbers, text, true, false or null", "flatten the records",
    ),
}  # fmt: skip


@dataclass
class Faults:
    """Counts of each fault and the first few of it; ``unit`` is what a record is called, line or record."""

    uri: str
    unit: str
    counts: Counter[str] = field(default_factory=Counter)
    shown: dict[str, list[str]] = field(default_factory=dict)

    def note(self, code: str, number: int, what: str) -> None:
        self.counts[code] += 1
        shown = self.shown.setdefault(code, [])
        if len(shown) < SHOWN_FAULTS:
            shown.append(f"{self.unit} {number:,} {what}")

    @property
    def problems(self) -> tuple[Problem, ...]:
        return tuple(self._problem(code) for code in _FAULTS if self.counts[code])

    def report(self) -> None:
        DataError.collect(self.problems)

    def _problem(self, code: str) -> Problem:
        received, allowed, hint = _FAULTS[code]
        n, shown = self.counts[code], self.shown[code]
        several = f"{n:,}" if code == "DATA-JSON-VALUE" else f"{n:,} {self.unit}{'' if n == 1 else 's'}"
        more = "" if n == len(shown) else ", ..."
        told = f"{received.format(n=several)}: {', '.join(shown)}{more}"
        return Problem(code, self.uri, told, allowed.format(unit=self.unit), hint)


def what_is(found: Any) -> str:
    """What stands where something else was looked for."""
    if found is None:
        return "nothing"
    if isinstance(found, list):
        return f"a list of {len(found):,}"
    if isinstance(found, dict):
        keys = ", ".join(repr(clip(key, 40)) for key in islice(found, 6))
        return f"an object with the keys {keys}" if keys else "an object without keys"
    if isinstance(found, bool):
        return "true" if found else "false"
    return f"the text {clip(found, 40)!r}" if isinstance(found, str) else f"the number {found!r}"
