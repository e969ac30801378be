"""What happens in the simulated month, day by day: the truth that the monitors' verdicts are held against."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Event = Literal["bias shift", "attribution shift", "late labels", "outage", "schema change"]


@dataclass(frozen=True)
class Episode:
    """An event from the first to the last day, both included; ``ends_by``: what may end it before."""

    event: Event
    first: int
    last: int
    what: str
    ends_by: Literal["", "retraining"] = ""


DAYS = 30
ROWS_A_DAY = 600
STORY = (
    Episode("bias shift", 9, 30, "a new cuff reads 20 mmHg less on patients of one sex", ends_by="retraining"),
    Episode("attribution shift", 17, 19, "a laboratory's scale: one feature spreads 1.8 times as wide, ranks stay"),
    Episode("late labels", 21, 22, "labels come two days after their predictions"),
    Episode("outage", 24, 26, "the worker is down"),
    Episode("schema change", 28, 28, "the client leaves out the last feature"),
)
CUFF_READS_LESS, SPREAD = 20.0, 1.8
LABEL_DELAY_DAYS = 2


def on(event: Event, day: int, *, retrained_on: int | None = None) -> bool:
    """Whether an event is in force on a day; ``retrained_on``: the day from which the retrained model answers."""
    for episode in STORY:
        over = episode.ends_by == "retraining" and retrained_on is not None and day >= retrained_on
        if episode.event == event and episode.first <= day <= episode.last and not over:
            return True
    return False
