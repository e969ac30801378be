"""The unit that attributions are printed in, and the signed axis that they are drawn on."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from clarify.report import numbers
from clarify.report.charts import Tick
from clarify.report.forest import Frame, coordinate, nice_above
from clarify.results import AnalysisResult, Interval


@dataclass(frozen=True)
class Unit:
    """Percentage points for a probability, else the score's own unit; ``short`` follows a number in a sentence."""

    name: str
    factor: float
    decimals: int
    short: str = ""

    def text(self, value: float) -> str:
        return numbers.decimal(value * self.factor, self.decimals)

    def signed(self, value: float) -> str:
        """With a plus where the value is above 0; what no number of decimals tells from 0 is printed as 0."""
        text = self.text(value)
        if not set(text) & set("123456789i"):
            return f"{0:.{self.decimals}f}"
        return f"+{text}" if value > 0 else text

    def amount(self, value: float) -> str:
        """``11.2 points``."""
        return f"{self.text(value)} {self.short}".rstrip()

    def interval(self, found: Interval) -> str:
        """``10.7 to 11.8``."""
        return numbers.interval(Interval(found.low * self.factor, found.high * self.factor), self.decimals)


def unit_of(result: AnalysisResult) -> Unit:
    """Percentage points when the model answers probabilities and the attributions are of that order."""
    section = result.explanations
    if section is not None and section.use_logit:
        return Unit("log-odds of the score", 1.0, 3, "log-odds")
    is_probability = result.model is not None and result.model.output == "probability"
    return Unit("percentage points of the score", 100.0, 1, "points") if is_probability else Unit(
        "units of the score", 1.0, 3
    )


@dataclass(frozen=True)
class SignedAxis:
    """From ``-half`` to ``half`` in units of the score; what lies beyond, or is infinite, is held at the end."""

    half: float
    frame: Frame
    unit: Unit

    def x(self, value: float) -> float:
        return self.frame.x(0.5 + 0.5 * value / self.half)

    def leaves(self, interval: Interval) -> tuple[bool, bool]:
        """Whether an interval reaches beyond the left and the right end."""
        end = self.half * (1 + 1e-9)
        return interval.low < -end, interval.high > end

    def ticks(self) -> tuple[Tick, ...]:
        shares = (-1.0, -0.5, 0.0, 0.5, 1.0)
        return tuple(Tick(coordinate(self.x(u * self.half)), _tick(u * self.half * self.unit.factor)) for u in shares)


def signed_axis(values: Iterable[float], frame: Frame, unit: Unit) -> SignedAxis:
    """The round axis in printed units that holds all finite values; from -1 to 1 when all of them are 0."""
    largest = max((abs(value) for value in values if math.isfinite(value)), default=0.0)
    return SignedAxis(nice_above(largest * unit.factor) / unit.factor, frame, unit)


def _tick(value: float) -> str:
    text = f"{value:.4g}".replace("-", numbers.MINUS, 1)
    return f"+{text}" if value > 0 else text
