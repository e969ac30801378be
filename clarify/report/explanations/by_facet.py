"""Whether the model uses features differently by group: mean signed attributions of a group and of the other rows."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from clarify.report import numbers
from clarify.report.charts import Tick
from clarify.report.explanations.units import SignedAxis, Unit, signed_axis
from clarify.report.forest import Frame, coordinate
from clarify.report.names import Names
from clarify.report.words import OTHERS, Sentence, name, named_group, say, some, strong
from clarify.results import FacetAttributions, GroupEffect, Interval

FRAME = Frame(width=300, margin=10, y=13)
Y_D, Y_A = 8, 18
MOST_FEATURES = 8
MOST_LISTED = 40                   # by twelve groups


@dataclass(frozen=True)
class EffectMark:
    """One group's mean and 95 % interval: a bar, arrow heads where it leaves the drawing, the place of the mark."""

    bar: str
    arrows: str
    x: str


@dataclass(frozen=True)
class EffectRow:
    """One drawn feature: the named group above the other rows, and the gap that decides."""

    feature: str
    d: EffectMark
    a: EffectMark
    gap: str
    interval: str


@dataclass(frozen=True)
class EffectListed:
    """One feature in the closed table."""

    feature: str
    cells: tuple[str, ...]


@dataclass(frozen=True)
class FacetChart:
    """One group against the other rows."""

    group: Sentence
    rows_d: str
    rows_a: str
    finding: Sentence
    rows: tuple[EffectRow, ...]
    ticks: tuple[Tick, ...]
    zero_x: str
    listed: tuple[EffectListed, ...]
    n_features: int
    unit: str


def facet_charts(
    found: Sequence[FacetAttributions], order: Sequence[str], unit: Unit, names: Names, *, most: int
) -> tuple[FacetChart, ...]:
    """The first ``most`` groups, all on one axis, features in the order of the global attributions."""
    drawn = found[:most]
    shown = {feature: place for place, feature in enumerate(order)}
    by_size = [sorted(one.effects, key=lambda e: shown.get(e.feature, len(shown))) for one in drawn]
    axis = signed_axis(_places(effect for effects in by_size for effect in effects[:MOST_FEATURES]), FRAME, unit)
    return tuple(_chart(one, effects, axis, names) for one, effects in zip(drawn, by_size, strict=True) if effects)


def _places(effects: Iterable[GroupEffect]) -> Iterable[float]:
    for effect in effects:
        yield from (effect.mean_d, effect.mean_a)
        yield from (limit for found in (effect.interval_d, effect.interval_a) for limit in (found.low, found.high))


def _chart(found: FacetAttributions, effects: Sequence[GroupEffect], axis: SignedAxis, names: Names) -> FacetChart:
    group = named_group(names[found.facet], names[found.value_or_threshold])
    return FacetChart(
        group=group,
        rows_d=some(found.rows_d, "row", "rows"),
        rows_a=some(found.rows_a, "row", "rows"),
        finding=say(gap_sentence(effects, group, axis.unit, names), chance_sentence(effects)),
        rows=tuple(_row(effect, axis, names) for effect in effects[:MOST_FEATURES]),
        ticks=axis.ticks(),
        zero_x=coordinate(axis.x(0.0)),
        listed=tuple(_listed(effect, axis.unit, names) for effect in effects[:MOST_LISTED]),
        n_features=len(effects),
        unit=axis.unit.name,
    )


def _row(effect: GroupEffect, axis: SignedAxis, names: Names) -> EffectRow:
    return EffectRow(
        names[effect.feature],
        _mark(effect.mean_d, effect.interval_d, Y_D, axis),
        _mark(effect.mean_a, effect.interval_a, Y_A, axis),
        axis.unit.signed(effect.gap),
        signed_interval(effect.interval, axis.unit),
    )


def _mark(mean: float, interval: Interval, y: int, axis: SignedAxis) -> EffectMark:
    low, high = axis.x(interval.low), axis.x(interval.high)
    left, right = axis.leaves(interval)
    arrows = (f"M1 {y}l7-3.5v7z" if left else "") + (f"M{FRAME.width - 1} {y}l-7-3.5v7z" if right else "")
    bar = f"M{coordinate(low)} {y}H{coordinate(high)}" if high > low else ""
    return EffectMark(bar, arrows, coordinate(axis.x(mean)))


def signed_interval(found: Interval, unit: Unit) -> str:
    """``−8.6 to +3.2``; an open side keeps its words."""
    is_open = math.isinf(found.low) or math.isinf(found.high)
    return unit.interval(found) if is_open else f"{unit.signed(found.low)} to {unit.signed(found.high)}"


def _listed(effect: GroupEffect, unit: Unit, names: Names) -> EffectListed:
    return EffectListed(
        names[effect.feature],
        (
            unit.signed(effect.gap), signed_interval(effect.interval, unit),
            unit.signed(effect.mean_d), signed_interval(effect.interval_d, unit),
            unit.signed(effect.mean_a), signed_interval(effect.interval_a, unit),
        ),
    )  # fmt: skip


def gap_sentence(effects: Sequence[GroupEffect], group: Sentence, unit: Unit, names: Names) -> Sentence:
    """Which feature has the widest gap, with both means and the gap's interval."""
    widest = max(effects, key=lambda effect: abs(effect.gap))
    if widest.gap == 0:
        return say("No feature moved the two groups' scores apart.")
    limits = signed_interval(widest.interval, unit)
    return say(
        "Widest gap: on average ", name(names[widest.feature]), " moved the score by ",
        strong(unit.signed(widest.mean_d)), " in rows with ", group, " and by ", strong(unit.signed(widest.mean_a)),
        f" in {OTHERS}, a gap of ", strong(f"{unit.signed(widest.gap)} {unit.short}".rstrip()),
        f" (95 % interval {limits}).",
    )  # fmt: skip


def chance_sentence(effects: Sequence[GroupEffect]) -> Sentence:
    """How many gaps leave 0 outside their interval, and how many of them chance alone would give."""
    n = sum(not effect.interval.low <= 0 <= effect.interval.high for effect in effects)
    if len(effects) < 2:
        return ()
    intervals = "interval leaves" if n < 2 else "intervals leave"
    count = "no" if n == 0 else numbers.count(n)
    return say(
        f" Of {numbers.count(len(effects))} gaps, {count} {intervals} 0 outside; chance alone gives one in twenty."
    )
