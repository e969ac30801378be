"""Pictures that a person has looked at: how they are kept, compared and written anew.

A picture holds on machines with the same fonts alone: the widths of a reference text are kept beside them, and where
this machine's differ the comparison is skipped. After a change that was meant: ``CLARIFY_WRITE_GOLDENS=1 make
test-browser``, then look at every picture that git shows as changed.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image
from playwright.sync_api import Page

GOLDENS = Path(__file__).parent / "goldens"
WRITES = os.environ.get("CLARIFY_WRITE_GOLDENS") == "1"
LARGEST = 60_000              # bytes of a picture
COLOURS = 48                  # that a picture is kept in, chosen so that rare ones stay: at most 21 of 255 off
NOTICED = 48                  # of 255: what is different; less is a palette's rounding
MOST_DIFFERENT = 0.002        # share of pixels
REFERENCE = "Of 1,234,567 checks −0.93 (95 % interval) cannot be decided; WWW iiii"
STACKS = {
    "text": 'Inter, "Segoe UI", system-ui, -apple-system, "Helvetica Neue", Arial, "Liberation Sans", sans-serif',
    "code": 'ui-monospace, SFMono-Regular, Menlo, Consolas, "Liberation Mono", monospace',
}


def widths_of_fonts(tab: Page) -> dict[str, float]:
    """Pixels that the reference text takes in the fonts that a page asks for, regular and bold."""
    tab.set_content("<!doctype html><span></span>")
    return {
        f"{stack} {weight}": tab.evaluate(
            """([text, family, weight]) => {
                const span = document.querySelector("span");
                span.textContent = text;
                span.style.cssText = `font: ${weight} 100px ${family}; white-space: nowrap`;
                return Math.round(span.getBoundingClientRect().width);
            }""",
            [REFERENCE, family, weight],
        )
        for stack, family in STACKS.items()
        for weight in (400, 650)
    }


def measured(kind: str) -> dict[str, float]:
    """``fonts``: widths on the machine that the pictures are from; ``sheets``: how many each document had there."""
    kept = GOLDENS / f"{kind}.json"
    return json.loads(kept.read_text()) if kept.exists() else {}


def keep_measured(kind: str, values: dict[str, float]) -> None:
    text = json.dumps({**measured(kind), **values}, indent=2, sort_keys=True)
    (GOLDENS / f"{kind}.json").write_text(text + "\n")


@dataclass(frozen=True)
class Difference:
    """``share`` of the pixels of two pictures that differ; all of them where their sizes do."""

    share: float
    picture: Image.Image


def keep(name: str, shot: bytes) -> None:
    picture = Image.open(BytesIO(shot)).convert("RGB")
    kept = picture.quantize(COLOURS, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
    kept.save(GOLDENS / f"{name}.png", optimize=True)


def difference(name: str, shot: bytes) -> Difference:
    """How a picture differs from the one that is kept; the pixels that do are white in ``picture``."""
    kept = Image.open(GOLDENS / f"{name}.png").convert("RGB")
    seen = Image.open(BytesIO(shot)).convert("RGB")
    if kept.size != seen.size:
        return Difference(1.0, seen)
    moved = np.abs(np.asarray(kept, int) - np.asarray(seen, int)).max(axis=2) > NOTICED
    return Difference(float(moved.mean()), Image.fromarray(moved.astype(np.uint8) * 255))
