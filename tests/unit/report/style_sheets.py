"""Colours as the style sheets have them: tokens of both schemes, contrast by the WCAG formula, mixing."""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files

SHEETS = ("report.css", "forest.css", "explanations.css", "monitor.css", "compare.css", "paper.css")
DARK = r"@media screen and \(prefers-color-scheme:dark\)\{:root\{(.*?)\}\}"
SCHEMES = ("light", "dark")

Colour = tuple[float, float, float]


@cache
def sheets() -> str:
    return "".join((files("clarify.report") / "templates" / name).read_text(encoding="utf-8") for name in SHEETS)


@cache
def tokens(scheme: str) -> dict[str, Colour]:
    """Token to red, green and blue in 0..1; dark has the light ones that it does not change."""
    light = _declared(re.findall(r"(?:^|\n):root\{(.*?)\}", sheets()))
    return light if scheme == "light" else light | _declared(re.findall(DARK, sheets()))


def _declared(blocks: list[str]) -> dict[str, Colour]:
    return {name: colour(text) for block in blocks for name, text in re.findall(r"--([\w-]+):(#\w+)", block)}


def colour(text: str) -> Colour:
    """``#fff`` or ``#ffffff``."""
    digits = text[1:] if len(text) == 7 else "".join(2 * digit for digit in text[1:])
    red, green, blue = (int(digits[i : i + 2], 16) / 255 for i in (0, 2, 4))
    return red, green, blue


def mixed(over: Colour, under: Colour, opacity: float) -> Colour:
    """What is seen of a colour that lets the one under it through."""
    red, green, blue = (opacity * o + (1 - opacity) * u for o, u in zip(over, under, strict=True))
    return red, green, blue


def linear(shown: Colour) -> Colour:
    """Amounts of light, from what a screen is told."""
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in shown)
    return red, green, blue


def contrast(first: Colour, second: Colour) -> float:
    """(L1 + 0.05) / (L2 + 0.05) of the relative luminances, from 1 to 21."""
    lighter, darker = sorted((_luminance(first), _luminance(second)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(shown: Colour) -> float:
    red, green, blue = linear(shown)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
