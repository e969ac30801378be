"""One day of traffic: requests that an endpoint captured, and the labels that are learnt later, in AWS's layout."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
from simulated import story
from simulated.subject import FACET, GROUP, LABEL, features_of, scores
from sklearn.pipeline import Pipeline


@dataclass(frozen=True)
class Day:
    """A day of the month and the span of real time it is squeezed into."""

    number: int
    start: datetime
    length: timedelta

    @property
    def end(self) -> datetime:
        return self.start + self.length


def patients_of(day: Day, population: pd.DataFrame) -> pd.DataFrame:
    """Who comes on a day, drawn with replacement, as the client sends them: with the day's faults in the values."""
    random = np.random.default_rng([2026, day.number])
    drawn = population.iloc[random.integers(0, len(population), story.ROWS_A_DAY)].reset_index(drop=True)
    if story.on("bias shift", day.number):      # the cuff stays; only a model that has learnt of it is no longer misled
        drawn.loc[drawn[FACET] == GROUP, "bp"] -= story.CUFF_READS_LESS
    if story.on("attribution shift", day.number):
        middle = population["s5"].mean()
        drawn["s5"] = (middle + story.SPREAD * (drawn["s5"] - middle)).round(4)
    return drawn


def write_day(day: Day, drawn: pd.DataFrame, model: Pipeline, *, capture: Path, truth: Path) -> None:
    """Write the day's captured requests, and its labels into the folder of the hour in which they become known."""
    answers = scores(model, drawn)
    sent = features_of(drawn)
    if story.on("schema change", day.number):
        sent = sent.iloc[:, :-1]
    moments = [day.start + day.length * (i + 0.5) / len(drawn) for i in range(len(drawn))]
    names = [f"day{day.number:02d}-{i:05d}" for i in range(len(drawn))]
    rows = sent.to_csv(index=False, header=False).splitlines()
    captured = [
        _captured(name, moment, row, score)
        for name, moment, row, score in zip(names, moments, rows, answers, strict=True)
    ]
    _write(capture, day.start, f"day{day.number:02d}.jsonl", captured)
    write_labels(day, names, drawn[LABEL], truth)


def write_labels(day: Day, names: list[str], labels: pd.Series, truth: Path) -> None:
    """Labels come at the end of the day, or two days later while they are late; a tenth of late ones comes in time."""
    late = story.on("late labels", day.number)
    in_time = [i for i in range(len(names)) if not late or i % 10 == 0]
    delayed = [i for i in range(len(names)) if late and i % 10]
    _write(truth, day.end, f"day{day.number:02d}.jsonl", [_label(names[i], labels[i]) for i in in_time])
    if delayed:
        known = day.end + day.length * story.LABEL_DELAY_DAYS
        lines = [_label(names[i], labels[i]) for i in delayed]
        _write(truth / ".later", known, f"day{day.number:02d}-late.jsonl", lines)


def _captured(name: str, moment: datetime, row: str, score: float) -> dict[str, object]:
    part = {"observedContentType": "text/csv", "encoding": "CSV"}
    return {
        "captureData": {
            "endpointInput": {**part, "mode": "INPUT", "data": row},
            "endpointOutput": {**part, "mode": "OUTPUT", "data": f"{score:.6f}"},
        },
        "eventMetadata": {
            "eventId": name,
            "inferenceTime": moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        },
        "eventVersion": "0",
    }


def _label(name: str, label: str) -> dict[str, object]:
    return {
        "groundTruthData": {"data": label, "encoding": "CSV"},
        "eventMetadata": {"eventId": name},
        "eventVersion": "0",
    }


def _write(root: Path, moment: datetime, name: str, lines: list[dict[str, object]]) -> None:
    folder = root / moment.astimezone(UTC).strftime("%Y/%m/%d/%H")
    folder.mkdir(parents=True, exist_ok=True)
    draft = folder / f".{name}.draft"
    draft.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    draft.rename(folder / name)
