"""The records of the month held against the story: delays, false alarms, what was missed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from simulated import story
from simulated.story import STORY, Episode

from clarify.records import MonitorRecord, Rule

# Which monitors an event is expected to be seen by; the others may see it too, and nobody calls that false.
SEEN_BY = {
    "bias shift": ("bias-drift",),
    "attribution shift": ("attribution-drift",),
    "schema change": ("bias-drift", "attribution-drift", "data-quality", "model-quality"),
}


@dataclass(frozen=True)
class Seen:
    """How one event was seen by one monitor; ``delay`` counts days from its first one, 0 for the same day."""

    episode: Episode
    kind: str
    alarm_day: int | None
    status: str

    @property
    def delay(self) -> int | None:
        return None if self.alarm_day is None else self.alarm_day - self.episode.first


def alarms(records: Sequence[tuple[int, MonitorRecord]]) -> list[tuple[int, MonitorRecord]]:
    """Days that ended in VIOLATION or ERROR."""
    return [(day, record) for day, record in records if record.status in ("VIOLATION", "ERROR")]


def seen(records: Sequence[tuple[int, MonitorRecord]], *, retrained_on: int | None) -> list[Seen]:
    """Every event that a monitor should see, and the first day on which it did."""
    found = []
    for episode in STORY:
        for kind in SEEN_BY.get(episode.event, ()):
            days = [
                (day, record)
                for day, record in alarms(records)
                if record.kind == kind and story.on(episode.event, day, retrained_on=retrained_on)
            ]
            first = min(days, default=None, key=lambda pair: pair[0])
            found.append(Seen(episode, kind, first and first[0], first[1].status if first else "none"))
    return found


CHANGES_DATA = ("data-quality", "attribution-drift")
"""Monitors of what comes in: a model that was trained again does not undo a change for them."""


def false_alarms(
    records: Sequence[tuple[int, MonitorRecord]], *, retrained_on: int | None
) -> list[tuple[int, MonitorRecord]]:
    """Alarms on days on which no event was in force that changes rows or answers."""
    changing = ("bias shift", "attribution shift", "schema change")
    return [
        (day, record)
        for day, record in alarms(records)
        if not any(
            story.on(event, day, retrained_on=None if record.kind in CHANGES_DATA else retrained_on)
            for event in changing
        )
    ]


def windows_in_alarm(records: Sequence[tuple[int, MonitorRecord]], rule: Rule, *, until: int) -> int:
    """Windows of bias drift up to a day in which some series would alarm by a rule; first revisions."""
    first = [record.bias for day, record in records if day <= until and record.revision == 1]
    return sum(any(one.says(rule).status == "VIOLATION" for one in bias.series) for bias in first if bias is not None)


def days_of_feature(records: Sequence[tuple[int, MonitorRecord]], feature: str, *, factor: float) -> list[int]:
    """Days on which a feature's attributions are at least so many times those of the reference."""
    return sorted(
        day
        for day, record in records
        if record.attribution is not None
        for output in record.attribution.outputs
        for drift in output.features
        if drift.feature == feature and drift.ratio is not None and drift.ratio >= factor
    )


def least_ndcg(records: Sequence[tuple[int, MonitorRecord]]) -> float:
    """The lowest nDCG of the month."""
    found = [record.attribution for _, record in records if record.attribution is not None]
    return min(output.ndcg for attribution in found for output in attribution.outputs)
