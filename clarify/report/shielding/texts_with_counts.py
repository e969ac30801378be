"""Texts that may tell a count: which numbers in them count rows cannot be known, so none of them is shown."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace

from clarify.results import MetricValue, Notice

COUNTS_WITHHELD = "These words hold a number that may count rows; they are in extended.json."

_NUMBER = re.compile(r"\d|\b(?:one|two|three|four|five|six|seven|eight|nine|ten|single)\b", re.IGNORECASE)


def holds_number(text: str) -> bool:
    """Whether a text has a number in it, in digits or as a word."""
    return _NUMBER.search(text) is not None


def without_counts(notices: Iterable[Notice]) -> tuple[Notice, ...]:
    """Notices whose words hold a number keep code and field only."""
    return tuple(replace(n, message=COUNTS_WITHHELD) if holds_number(n.message) else n for n in notices)


def plain_metric(metric: MetricValue) -> MetricValue:
    """A metric without a remark that holds a number."""
    return replace(metric, detail="") if holds_number(metric.detail) else metric
