"""The marks of a monitor's drawings as paths: filled and open circles, triangles, crosses."""

from __future__ import annotations

from clarify.report.forest import coordinate


def circle(x: float, y: float, radius: float) -> str:
    r, across = coordinate(radius), coordinate(2 * radius)
    return f"M{coordinate(x - radius)} {coordinate(y)}a{r} {r} 0 1 0 {across} 0a{r} {r} 0 1 0-{across} 0z"


def triangle(x: float, y: float, radius: float) -> str:
    """Never smaller than can be told from a dot."""
    half = max(1.4 * radius, 4.0)
    side, across = coordinate(1.8 * half), coordinate(2 * half)
    return f"M{coordinate(x)} {coordinate(y - 1.03 * half)}l{coordinate(half)} {side}h-{across}z"


def cross(x: float, y: float, radius: float) -> str:
    r, across = radius, coordinate(2 * radius)
    return (
        f"M{coordinate(x - r)} {coordinate(y - r)}l{across} {across}"
        f"M{coordinate(x + r)} {coordinate(y - r)}l-{across} {across}"
    )
