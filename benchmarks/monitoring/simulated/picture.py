"""The month as one picture: a lane for each monitor, a box for each day, the events above."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
from matplotlib.patches import Patch, Rectangle
from simulated.story import DAYS, STORY

from clarify.records import MonitorRecord

COLOURS = {"PASS": "#2F7DB8", "VIOLATION": "#CC5528", "INCONCLUSIVE": "#E3C76A", "ERROR": "#333333"}
KINDS = ("bias-drift", "attribution-drift", "data-quality", "model-quality")


def draw_month(
    records: Sequence[tuple[int, MonitorRecord]], path: Path, *, retrained_on: int | None, false: set[tuple[int, str]]
) -> None:
    """Write the picture (PNG). A second, smaller box on a day is its revision; a ring marks a false alarm."""
    figure, axes = plt.subplots(figsize=(13, 4.6), dpi=110)
    for lane, episode in enumerate(STORY):
        last = min(episode.last, retrained_on - 1) if episode.ends_by and retrained_on else episode.last
        top = len(KINDS) + 0.75 + 0.42 * lane
        axes.add_patch(Rectangle((episode.first - 0.5, top), last - episode.first + 1, 0.3, color="#8A8F96"))
        axes.text(episode.first - 0.7, top + 0.15, episode.event, ha="right", va="center", fontsize=8)
    for day, record in records:
        lane = len(KINDS) - 1 - KINDS.index(record.kind)
        size = 0.8 if record.revision == 1 else 0.35
        corner = (day - 0.4, lane + 0.1) if record.revision == 1 else (day + 0.05, lane + 0.12)
        axes.add_patch(Rectangle(corner, size, size, facecolor=COLOURS[record.status], edgecolor="white"))
        if (day, record.kind) in false:
            axes.plot(day, lane + 0.5, "o", mfc="none", mec="black", ms=13)
    if retrained_on is not None:
        axes.axvline(retrained_on - 0.5, color="#555555", linestyle=":")
        axes.text(retrained_on - 0.4, -0.25, "retrained model answers", fontsize=8, va="center")
    axes.set_yticks([len(KINDS) - 0.5 - i for i in range(len(KINDS))], KINDS)
    axes.set_xticks(range(1, DAYS + 1))
    axes.set_xlim(-2.5, DAYS + 1)
    axes.set_ylim(-0.5, len(KINDS) + 0.75 + 0.42 * len(STORY))
    axes.set_xlabel("day of the month")
    axes.legend(handles=[Patch(color=colour, label=status) for status, colour in COLOURS.items()],
                loc="upper left", bbox_to_anchor=(1.0, 1.0), frameon=False, fontsize=8)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    figure.savefig(path, bbox_inches="tight", metadata={"Software": None})
    plt.close(figure)
