"""Single rows step by step from the baseline to their score, with how far the order of the steps can be trusted."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from clarify.report import numbers
from clarify.report.charts import Tick
from clarify.report.explanations.units import Unit
from clarify.report.forest import Frame, Scale, coordinate, nice_above
from clarify.report.names import Names
from clarify.report.words import Sentence, name, named_group, say, some, strong
from clarify.results import (
    Z_95,
    AnalysisResult,
    Contribution,
    ExplainedRow,
    ExplanationSection,
    OutputExplanation,
)

FRAME = Frame(width=280, margin=6, y=13)
HALF_BAR = 6
MOST_STEPS = 8
MOST_GROUPS = 4
CERTAIN = 0.05                     # redraws that may disagree before an order is called uncertain

CHOSEN = {
    "lowest": "the lowest score",
    "highest": "the highest score",
    "nearest_threshold": "the score nearest the threshold",
}


@dataclass(frozen=True)
class Step:
    """One line of the chart: a place (baseline, score) or a bar from one running score to the next, with its error."""

    label: Sentence
    kind: Literal["place", "up", "down"]
    path: str
    error: str
    value: str


@dataclass(frozen=True)
class RowChart:
    """One row."""

    row_id: str
    chosen: str
    belongs: Sentence
    steps: tuple[Step, ...]
    ticks: tuple[Tick, ...]
    threshold_x: str
    threshold: str
    has_errors: bool
    remainder: str
    unit: str
    stability: Sentence
    reasons: tuple[Sentence, ...]


@dataclass(frozen=True)
class ScoreAxis:
    """The scale that all selected rows of one output share; 0 to 100 % for a probability."""

    scale: Scale
    is_percent: bool
    labelled: tuple[float, ...] = ()        # empty: both ends and three places between them

    def x(self, score: float) -> float:
        return FRAME.x(self.scale.position(score))

    def text(self, score: float) -> str:
        return numbers.percent(score) if self.is_percent and 0 <= score <= 1 else numbers.decimal(score, 3)

    def ticks(self) -> tuple[Tick, ...]:
        low, high = self.scale.low, self.scale.high
        values = self.labelled or tuple(low + (high - low) * i / 4 for i in range(5))
        return tuple(Tick(coordinate(self.x(value)), self._tick(value)) for value in values)

    def _tick(self, value: float) -> str:
        text = f"{100 * value:.4g} %" if self.is_percent else f"{value:.4g}"
        return text.replace("-", numbers.MINUS, 1)


def row_charts(
    result: AnalysisResult, output: OutputExplanation, unit: Unit, names: Names, *, most: int
) -> tuple[RowChart, ...]:
    """The first ``most`` selected rows of one output; empty when none was selected."""
    section = result.explanations
    if section is None:
        return ()
    rows = [row for row in section.selected if row.output == output.label][:most]
    if not rows:
        return ()
    axis = score_axis(rows, output.expected_value, section.threshold, is_percent=unit.factor != 1.0)
    return tuple(_chart(row, result, section, output.expected_value, axis, unit, names) for row in rows)


def row_id(result: AnalysisResult, row: int) -> str:
    """Eight letters that stand for a row in this run only: they differ with data, configuration and seed."""
    salted = f"{result.config_digest}:{result.dataset.digest}:{result.seed}:{row}"
    return hashlib.sha256(salted.encode()).hexdigest()[:8]


def _chart(
    row: ExplainedRow, result: AnalysisResult, section: ExplanationSection, baseline: float, axis: ScoreAxis,
    unit: Unit, names: Names,
) -> RowChart:  # fmt: skip
    threshold = section.threshold           # on the scale of the steps: log-odds where they are
    steps = steps_of(row, baseline, axis, unit, names)
    return RowChart(
        row_id=row_id(result, row.row),
        chosen=CHOSEN[row.chosen_because] + (
            " in one of its groups" if row.chosen_because == "nearest_threshold" and row.groups else ""
        ),
        belongs=_belongs(row, names),
        steps=steps,
        ticks=axis.ticks(),
        threshold_x="" if threshold is None else coordinate(axis.x(threshold)),
        threshold="" if threshold is None else axis.text(threshold),
        has_errors=any(step.error for step in steps),
        remainder=_remainder(row, baseline, unit),
        unit=unit.name,
        stability=stability_of_row(row, names, is_noisy=section.probe == "noisy"),
        reasons=tuple(reason(found, unit, names) for found in row.contributions[:MOST_STEPS]),
    )


def _belongs(row: ExplainedRow, names: Names) -> Sentence:
    if not row.groups:
        return say("It belongs to no listed group.")
    groups = [
        say("; " if place else "", named_group(names[facet], names[value]))
        for place, (facet, value) in enumerate(row.groups[:MOST_GROUPS])
    ]
    n_more = len(row.groups) - len(groups)
    return say("Its groups: ", *groups, f" and {n_more} more" if n_more else "", ".")


def score_axis(
    rows: Sequence[ExplainedRow], baseline: float, threshold: float | None, *, is_percent: bool
) -> ScoreAxis:
    """0 to 1 for a probability, and as far beyond as running scores go; else round ends around everything drawn."""
    places = [place for row in rows for place in (*_ends(row, baseline), row.score) if math.isfinite(place)]
    places += [baseline] if threshold is None else [baseline, threshold]
    low, high = min(places), max(places)
    if is_percent and low > -1 and high < 2:
        # On the way to the score a sum may leave what a probability can be: room by tenths, the same places labelled.
        start = 0.0 if low >= 0 else (math.ceil(10 * low) - 1) / 10
        end = 1.0 if high <= 1 else (math.floor(10 * high) + 1) / 10
        return ScoreAxis(Scale(start, end, 0.0), True, labelled=(0.0, 0.25, 0.5, 0.75, 1.0))
    step = nice_above((high - low) / 3) if high > low else nice_above(max(abs(high), 1.0) / 3)
    start = math.floor(low / step) * step
    return ScoreAxis(Scale(start, start + 4 * step, 0.0), is_percent)


def _listed(row: ExplainedRow) -> tuple[Contribution, ...]:
    """The drawn contributions; what a longer list holds joins the rest."""
    return row.contributions[:MOST_STEPS]


def _rest(row: ExplainedRow) -> tuple[int, float, float]:
    """How many features are summed, what they add up to, and the error of that sum."""
    beyond = row.contributions[MOST_STEPS:]
    error = math.hypot(row.rest_standard_error, *(found.standard_error for found in beyond))
    return row.n_rest + len(beyond), row.rest + sum(found.attribution for found in beyond), error


def _ends(row: ExplainedRow, baseline: float) -> list[float]:
    """The running score from the baseline on, a place after every step."""
    ends = [baseline]
    for attribution in (*(found.attribution for found in _listed(row)), _rest(row)[1]):
        ends.append(ends[-1] + attribution)
    return ends


def steps_of(row: ExplainedRow, baseline: float, axis: ScoreAxis, unit: Unit, names: Names) -> tuple[Step, ...]:
    """Baseline, the strongest contributions, all others as one, and the score."""
    ends = _ends(row, baseline)
    n_rest, rest, error = _rest(row)
    moves = [(_what(found, names), found.attribution, found.standard_error) for found in _listed(row)]
    if n_rest:
        moves.append((say(some(n_rest, "other feature", "other features")), rest, error))
    steps = [
        _step(label, attribution, standard_error, ends[place], axis, unit)
        for place, (label, attribution, standard_error) in enumerate(moves)
    ]
    first = Step(say("average of the baseline"), "place", _place(baseline, axis), "", axis.text(baseline))
    last = Step(say(strong("score of this row")), "place", _place(row.score, axis), "", axis.text(row.score))
    return (first, *steps, last)


def _remainder(row: ExplainedRow, baseline: float, unit: Unit) -> str:
    """What is missing between the last step and the score, when it could be seen; a noisy model leaves some."""
    away = abs(row.score - _ends(row, baseline)[-1])
    if away * unit.factor < 2 * 10.0**-unit.decimals:
        return ""
    return f"The steps end {unit.amount(away)} away from the score."


def _what(found: Contribution, names: Names) -> Sentence:
    """``month = 45``; a group of columns has no single value."""
    return say(name(names[found.feature]), " = ", name(names[found.value])) if found.value else say(
        name(names[found.feature])
    )


def _step(
    label: Sentence, attribution: float, standard_error: float, start: float, axis: ScoreAxis, unit: Unit
) -> Step:
    end, half = start + attribution, Z_95 * standard_error
    left, right = sorted((axis.x(start), axis.x(end)))
    top = FRAME.y - HALF_BAR
    box = f"M{coordinate(left)} {top}H{coordinate(right)}v{2 * HALF_BAR}H{coordinate(left)}z"
    low, high = axis.x(end - half), axis.x(end + half)
    error = f"M{coordinate(low)} {FRAME.y}H{coordinate(high)}" if half > 0 and high > low else ""
    return Step(label, "down" if attribution < 0 else "up", box, error, unit.signed(attribution))


def _place(score: float, axis: ScoreAxis) -> str:
    return f"M{coordinate(axis.x(score))} {FRAME.y - 8}v16"


def reason(found: Contribution, unit: Unit, names: Names) -> Sentence:
    """What one feature did to the score, in words that name no cause."""
    what = _what(found, names)
    if found.attribution == 0:
        return say(what, " did not move the score.")
    direction = "down" if found.attribution < 0 else "up"
    half = Z_95 * found.standard_error
    error = f", give or take {unit.text(half)}" if half > 0 else ""
    return say(what, f" moved the score {direction} by ", strong(unit.amount(abs(found.attribution))), f"{error}.")


def stability_of_row(row: ExplainedRow, names: Names, *, is_noisy: bool) -> Sentence:
    """Whether the first steps keep their order when the attributions are redrawn within their errors."""
    if len(row.contributions) < 2:
        return ()
    if row.order_holds is None or row.first_swaps is None:
        if is_noisy:
            unsteady = ": the model answered the same rows differently when asked again."
            return say(strong("No order is certain"), unsteady)
        return say(strong("Exact"), ": no error could change the order.")
    n = "first three" if len(row.contributions) > 2 else "first two"
    held = out_of_hundred(row.order_holds)
    first, second = (name(names[found.feature]) for found in row.contributions[:2])
    if row.first_swaps > CERTAIN:
        swaps = out_of_hundred(row.first_swaps)
        return say(
            strong("Order not stable"), ": ", first, " and ", second,
            f" swap in {swaps} redraws of their errors: treat them as equal.",
        )  # fmt: skip
    if 1 - row.order_holds > CERTAIN:
        keep = f", but the {n} keep their places in only {held} redraws of their errors."
        return say(strong("Order partly stable"), ": ", first, " stays before ", second, keep)
    return say(strong("Order stable"), f": the {n} keep their places in {held} redraws of their errors.")


def out_of_hundred(share: float) -> str:
    """``44 of 100``; a share that is neither none nor all does not round to either."""
    rounded = round(100 * share)
    if rounded == 0 and share > 0:
        return "under 1 of 100"
    if rounded == 100 and share < 1:
        return "over 99 of 100"
    return f"{rounded} of 100"
