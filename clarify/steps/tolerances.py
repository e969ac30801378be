"""How far two models' metrics may lie apart: the options of a command to declared bands."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from clarify.bias.paired import COMPARED, SHARES
from clarify.config.columns import listed
from clarify.errors import ConfigError, Problem

HINT = "0.02 for all differences of shares, DI=0.1 for one metric"


@dataclass(frozen=True)
class Tolerances:
    """``shares`` holds for every difference of shares that has none of its own in ``by_metric``; None: no band."""

    shares: float | None = None
    by_metric: tuple[tuple[str, float], ...] = ()

    def of(self, metric: str) -> float | None:
        """Half the width of the band around no difference."""
        own = dict(self.by_metric).get(metric)
        return own if own is not None else self.shares if metric in SHARES else None


def parse_tolerances(texts: Sequence[str]) -> Tolerances:
    """``0.02`` and ``METRIC=0.1``, each given once.

    Raises
    ------
    ConfigError
        CMP-TOLERANCE, with every text that cannot be read.
    """
    ConfigError.collect(_problems(texts))
    numbers = {name.strip(): float(value) for name, _, value in (text.rpartition("=") for text in texts)}
    own = tuple((name, numbers[name]) for name in COMPARED if name in numbers)
    return Tolerances(numbers.get(""), own)


def _problems(texts: Sequence[str]) -> Iterator[Problem]:
    seen: set[str] = set()
    for text in texts:
        name, has_name, value = text.rpartition("=")
        name = name.strip()
        if (has_name or name) and name not in COMPARED:
            yield _problem(text, f"one of {listed(COMPARED)} before the sign =")
        elif not _is_positive(value):
            yield _problem(text, "a number above 0")
        elif name in seen:
            yield _problem(text, "each tolerance once")
        seen.add(name)


def _is_positive(text: str) -> bool:
    try:
        value = float(text)
    except ValueError:
        return False
    return math.isfinite(value) and value > 0


def _problem(received: str, allowed: str) -> Problem:
    return Problem("CMP-TOLERANCE", "--tolerance", received, allowed, HINT)
