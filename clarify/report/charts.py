"""Geometry of the report's drawings: the fixed domains, the shares of two groups, a difference, an attribution."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from clarify.bias.catalog import BY_NAME
from clarify.bias.deciding import binding_limits
from clarify.bias.performance import jeffreys_interval
from clarify.report import numbers
from clarify.report.forest import Frame, Glyph, Scale, coordinate, glyph, nice_above
from clarify.report.groups.rates import SHARES, Share, SharePhrase
from clarify.results import Z_95, FacetCounts, GlobalAttribution, Interval, Judgement, MetricValue

Kind = Literal["difference", "balance", "ratio", "open", "distance"]

SHARE_FRAME = Frame(width=240, margin=8, y=10)
DIFFERENCE_FRAME = Frame(width=300, margin=12, y=12)
ATTRIBUTION_FRAME = Frame(width=300, margin=6, y=12)
BEYOND_RANGE = 1.45                # widths of the allowed range that a forest row shows on either side of it
WIDTH_OF_NOTHING = 0.2             # of a range that has no width of its own
_FARTHEST = 1e60
CAP = 6                            # half the height of a cap; the dot is smaller, so that it hides none


@dataclass(frozen=True)
class Tick:
    """A labelled place on an axis."""

    x: str
    text: str
    anchor: Literal["start", "middle", "end"] = "middle"


@dataclass(frozen=True)
class ShareRow:
    """One group in the share chart: path of its bar, place of its mark, and the key's numbers."""

    bar: str
    x: str
    percent: str
    of: str


@dataclass(frozen=True)
class ShareChart:
    """Shares of facet d (circle, above) and facet a (square, below) from 0 to 100 %."""

    heading: str
    d: ShareRow
    a: ShareRow


@dataclass(frozen=True)
class DifferenceChart:
    """A metric in its own units on its fixed domain."""

    glyph: Glyph
    ticks: tuple[Tick, ...]


@dataclass(frozen=True)
class AttributionGlyph:
    """One feature: hairline stem from zero, dot, and, when an error is known, a bar whose caps show beside the dot."""

    stem: str
    bar: str
    dot: str


def kind_of(name: str) -> Kind:
    """What sort of number a metric is; decides the domain it is drawn on."""
    metric = BY_NAME[name]
    if name == "CI":
        return "balance"
    if metric.kind != "difference":
        return "ratio" if metric.kind == "ratio" else "distance"
    return "open" if math.isinf(metric.low) else "difference"


def scales_of(metrics: Iterable[MetricValue], judgements: Iterable[Judgement] = ()) -> dict[str, Scale]:
    """The domain of every metric name, the same for all its groups, so that rows can be compared by eye.

    ``judgements``: those of the metrics; their ranges and the intervals that decide have to fit as well.
    """
    by_name: dict[str, list[MetricValue]] = {}
    for metric in metrics:
        by_name.setdefault(metric.name, []).append(metric)
    drawn = {name: [value for metric in found for value in _finite(metric)] for name, found in by_name.items()}
    for judgement in judgements:
        drawn.setdefault(judgement.metric, []).extend(_judged(judgement))
    wide = any(abs(v) > 0.5 for name, found in drawn.items() if kind_of(name) == "difference" for v in found)
    return {name: _scale(name, found, drawn[name], wide) for name, found in by_name.items()}


def forest_scales(measured: Sequence[tuple[MetricValue, Judgement | None]]) -> tuple[Scale, ...]:
    """The scale of every forest row: its allowed range, or the fixed domain of its metric where none was declared."""
    fixed = scales_of(metric for metric, judgement in measured if judgement is None)
    return tuple(
        fixed[metric.name] if judgement is None else allowed_scale(judgement) for metric, judgement in measured
    )


def allowed_scale(judgement: Judgement) -> Scale:
    """The view on which the allowed range fills the same place in every row: 1.45 of its widths to either side.

    Ratios by their logarithm. A range with one limit is as wide as if it had a second one as far beyond no difference;
    that of a distance begins at 0. A limit that says no difference, or two that are one, get a width of their own.
    """
    metric, allowed = BY_NAME[judgement.metric], judgement.evidence
    low, high = binding_limits(metric.name, allowed.low, allowed.high)
    logarithmic = metric.kind == "ratio" and all(limit is None or limit > 0 for limit in (low, high))
    flat, round_again = (_log, math.exp) if logarithmic else (_bounded, float)
    left, right = _ends_of_range(
        None if low is None else flat(low), None if high is None else flat(high), flat(metric.ideal),
        begins_at_ideal=metric.low == metric.ideal,
    )
    margin = BEYOND_RANGE * (right - left)
    ends = round_again(left - margin), round_again(right + margin)
    return Scale(*ends, metric.ideal, logarithmic, metric.is_mirrored)


def _bounded(limit: float) -> float:
    """Limits that no number can be added to would leave nothing to draw."""
    return min(max(limit, -_FARTHEST), _FARTHEST)


def _log(limit: float) -> float:
    return math.log(min(max(limit, 1 / _FARTHEST), _FARTHEST))


def _ends_of_range(
    low: float | None, high: float | None, ideal: float, *, begins_at_ideal: bool
) -> tuple[float, float]:
    if low is not None and high is not None:
        return (low, high) if low < high else (low - _width(low, ideal) / 2, low + _width(low, ideal) / 2)
    if high is not None:
        return (ideal, high) if begins_at_ideal and high > ideal else (high - _width(high, ideal), high)
    if low is not None:
        return low, low + _width(low, ideal)
    return ideal - WIDTH_OF_NOTHING / 2, ideal + WIDTH_OF_NOTHING / 2


def _width(limit: float, ideal: float) -> float:
    return 2 * abs(limit - ideal) or WIDTH_OF_NOTHING


def _finite(metric: MetricValue) -> list[float]:
    limits = (metric.interval.low, metric.interval.high) if metric.interval else ()
    return [value for value in (metric.value, *limits) if value is not None and math.isfinite(value)]


def _judged(judgement: Judgement) -> list[float]:
    """Limits of the allowed range and of the interval that decides, where they are numbers a reader can look for."""
    deciding = judgement.deciding
    ends = () if deciding is None else (deciding.low, deciding.high)
    limits = binding_limits(judgement.metric, judgement.evidence.low, judgement.evidence.high)
    return [value for value in (*limits, *ends) if value is not None and math.isfinite(value)]


def _scale(name: str, metrics: list[MetricValue], drawn: list[float], wide: bool) -> Scale:
    kind = kind_of(name)
    if kind == "ratio":
        return Scale(0.5, 2.0, 1.0, logarithmic=True, mirrored=_is_mirrored(name))
    if kind == "distance":
        return Scale(0.0, nice_above(max(drawn, default=1.0)), 0.0)
    if kind == "open":
        # Limits of a ratio of errors reach far beyond its values; arrow heads say so.
        values = [abs(m.value) for m in metrics if m.value is not None and math.isfinite(m.value)]
        half = nice_above(1.25 * max(values, default=1.0))
    else:
        half = 1.0 if kind == "balance" or wide else 0.5
    return Scale(-half, half, 0.0, mirrored=_is_mirrored(name))


def _is_mirrored(name: str) -> bool:
    return BY_NAME[name].is_mirrored


def difference_chart(metric: MetricValue, scale: Scale, judgement: Judgement | None = None) -> DifferenceChart:
    """The metric on its true scale: nothing mirrored, ends and ideal labelled."""
    true_scale = replace(scale, mirrored=False)
    drawn = glyph(metric, true_scale, DIFFERENCE_FRAME, judgement=judgement)
    return DifferenceChart(drawn, _ticks(true_scale))


def _ticks(scale: Scale) -> tuple[Tick, ...]:
    if scale.logarithmic:
        values = [0.5, 0.8, 1.0, 1.25, 2.0]
    else:
        values = [scale.low + (scale.high - scale.low) * i / 4 for i in range(5)]
    return tuple(_tick(DIFFERENCE_FRAME.x(scale.position(value)), value) for value in values)


def _tick(x: float, value: float) -> Tick:
    return Tick(coordinate(x), f"{value:g}".replace("-", numbers.MINUS))


def share_chart(name: str, counts: FacetCounts) -> ShareChart | None:
    """The two shares a metric compares, or None when it compares none or a group has nobody to count."""
    phrase = SHARES.get(name)
    if phrase is None or not (phrase.of_group(counts.d).of and phrase.of_group(counts.a).of):
        return None
    return _share_chart(phrase, counts)


def _share_chart(phrase: SharePhrase, counts: FacetCounts) -> ShareChart:
    d, a = phrase.of_group(counts.d), phrase.of_group(counts.a)
    return ShareChart(phrase.heading, _share_row(d, y=10), _share_row(a, y=24))


def _share_row(share: Share, *, y: int) -> ShareRow:
    likely = jeffreys_interval(share.count, share.of)
    bar = f"M{coordinate(SHARE_FRAME.x(likely.low))} {y}H{coordinate(SHARE_FRAME.x(likely.high))}"
    return ShareRow(bar, coordinate(SHARE_FRAME.x(share.value)), share_text(share), numbers.count(share.of))


def share_text(share: Share) -> str:
    """``77.6 %``; under 20 rows the counts themselves, for a percentage would claim more than they know."""
    return numbers.percent(share.value) if share.of >= 20 else f"{share.count} of {share.of}"


def attribution_glyph(value: float, interval: Interval | None, top: float) -> AttributionGlyph:
    """One feature on an axis from 0 to ``top``."""
    frame = ATTRIBUTION_FRAME
    x = coordinate(frame.x(value / top))
    stem = f"M{coordinate(frame.x(0))} {frame.y}H{x}"
    if interval is None:
        return AttributionGlyph(stem, "", x)
    low, high = coordinate(frame.x(interval.low / top)), coordinate(frame.x(interval.high / top))
    cap = f"{frame.y - CAP}v{2 * CAP}"
    return AttributionGlyph(stem, f"M{low} {frame.y}H{high}M{low} {cap}M{high} {cap}", x)


def attribution_interval(feature: GlobalAttribution) -> Interval | None:
    """95 % of the estimate's error, around the mean absolute attribution without its excess; None: no error to draw."""
    found = feature.interval
    if found is None and feature.standard_error is not None:
        size, half = feature.mean_abs - feature.mean_abs_excess, Z_95 * feature.standard_error
        found = Interval(max(0.0, size - half), size + half)
    return found if found is not None and found.high > found.low else None


def attribution_ticks(top: float) -> tuple[Tick, ...]:
    """Zero, the middle and the end of the attribution axis."""
    return tuple(_tick(ATTRIBUTION_FRAME.x(u), u * top) for u in (0.0, 0.25, 0.5, 0.75, 1.0))
