"""Partial dependence as the report shows it: a panel per feature and output on one scale, with a sentence."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from clarify.report import numbers
from clarify.report.charts import Tick
from clarify.report.forest import Scale, coordinate, nice_above
from clarify.report.names import LONGEST_DETAIL, Names, clean
from clarify.report.page_limits import DEFAULT, Limits
from clarify.report.words import Sentence, name, say, some, strong
from clarify.results import AnalysisResult, OutputDependence, PartialDependence

MOST_OUTPUTS = 6
NOT_SHOWN = "–"                    # a count that is withheld
MOST_CATEGORIES = 8
MOST_POINTS = 200                  # a line has no more pixels to show
MOST_LISTED = 40                   # of a numerical grid; categories are all listed
THIN_SHARE = 0.0075                # of the rows, at each end: beyond, the line rests on too few and is dotted

# Places in the view box of a panel, 270 x 190: the plot, and the strip of rows below it.
WIDTH, LEFT, RIGHT, TOP, BOTTOM, STRIP, FLOOR = 270.0, 40.0, 264.0, 6.0, 128.0, 136.0, 164.0
ROW_SCALE_WIDTH = 120.0            # of the drawing in a category's row

CANNOT_SHOW = (
    "Every value is tried on every row, also in combinations that do not occur: where features move together, part of "
    "a line describes rows that do not exist. A mean can also hide rows that move in opposite directions."
)


@dataclass(frozen=True)
class Curve:
    """A numerical feature: paths of bands, line and rows in the view box."""

    wide: str
    narrow: str
    solid: str
    dotted: str
    rows: str
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    threshold: str                         # a path, or nothing


@dataclass(frozen=True)
class Category:
    """One category: its bands, its mean and the threshold on a horizontal axis, and how many rows have it."""

    label: str
    wide: str
    narrow: str
    x: str
    mean: str
    rows: str
    threshold: str


@dataclass(frozen=True)
class Listed:
    """One grid point in the closed table."""

    value: str
    share: str
    cells: tuple[str, ...]


@dataclass(frozen=True)
class Panel:
    """One feature and output; either ``curve`` or ``categories``."""

    feature: str
    curve: Curve | None
    categories: tuple[Category, ...]
    more: str
    sentence: Sentence
    listed: tuple[Listed, ...]
    n_points: int


@dataclass(frozen=True)
class OutputPanels:
    """All panels of one output of the model."""

    label: str
    ends: tuple[str, str]                  # of the scale that all its panels share
    panels: tuple[Panel, ...]


@dataclass(frozen=True)
class Failed:
    """A feature that could not be varied, and why."""

    feature: str
    why: str


@dataclass(frozen=True)
class DependenceView:
    """The section on partial dependence."""

    outputs: tuple[OutputPanels, ...]
    columns: tuple[str, ...]               # of the closed tables, behind value and rows
    basis: str
    rest: str
    failed: tuple[Failed, ...]
    threshold: str                         # as printed; "" when none is drawn
    cannot_show: str = CANNOT_SHOW


@dataclass(frozen=True)
class _Axis:
    """The scale of the score that all panels of one output share, and how its values are printed."""

    scale: Scale
    is_probability: bool
    threshold: float | None = None

    def text(self, value: float) -> str:
        if self.is_probability:
            return numbers.percent(value)
        size = max(abs(self.scale.low), abs(self.scale.high))
        return numbers.decimal(value, 3 if size < 10 else 1 if size < 1_000 else 0)

    def share(self, value: float) -> float:
        return min(max(self.scale.position(value), 0.0), 1.0)

    def y(self, value: float) -> str:
        return coordinate(BOTTOM - self.share(value) * (BOTTOM - TOP))

    def x(self, value: float) -> str:
        return coordinate(4 + self.share(value) * (ROW_SCALE_WIDTH - 8))

    def shown_threshold(self) -> float | None:
        """The threshold, where it lies on this scale."""
        inside = self.threshold is not None and self.scale.low <= self.threshold <= self.scale.high
        return self.threshold if inside else None

    def ticks(self) -> tuple[Tick, ...]:
        low, high = self.scale.low, self.scale.high
        values = (low, (low + high) / 2, high)
        return tuple(Tick(self.y(value), self._tick(value), "end") for value in values)

    def _tick(self, value: float) -> str:
        return f"{100 * value:g} %" if self.is_probability else short(value)


def names_in(result: AnalysisResult) -> Iterable[str]:
    """Every name from outside that the section shows."""
    for varied in result.partial_dependence:
        yield varied.feature
        yield from varied.categories
        yield from (output.label for output in varied.outputs)


def dependence_of(result: AnalysisResult, names: Names, limits: Limits = DEFAULT) -> DependenceView | None:
    """The section, or None when no feature was varied."""
    if not result.partial_dependence:
        return None
    varied = [found for found in result.partial_dependence if found.error is None]
    drawn = varied[: limits.dependence_features]
    n_outputs = len(drawn[0].outputs) if drawn else 0
    axes = tuple(_axis([found.outputs[i] for found in drawn], result) for i in range(min(n_outputs, MOST_OUTPUTS)))
    return DependenceView(
        outputs=tuple(_output(i, drawn, axis, names) for i, axis in enumerate(axes)),
        columns=_columns(varied),
        basis=basis(result),
        rest=_rest(len(varied), n_outputs, limits.dependence_features),
        failed=tuple(
            Failed(names[found.feature], clean(found.error, longest=LONGEST_DETAIL))
            for found in result.partial_dependence if found.error is not None
        ),
        threshold=next((axis.text(at) for axis in axes if (at := axis.shown_threshold()) is not None), ""),
    )  # fmt: skip


def basis(result: AnalysisResult) -> str:
    """Which rows the means are taken over, in a sentence; empty when no feature was varied."""
    varied = [found for found in result.partial_dependence if found.error is None]
    if not varied:
        return ""
    first = varied[0]
    if first.rows_used == first.rows:
        equal = "" if first.distinct_rows == first.rows else ", equal ones asked once"
        return f"Means over all {some(first.rows, 'row', 'rows')}{equal}."
    return (
        f"Means over {some(first.distinct_rows, 'different row', 'different rows')} chosen by a hash of their values; "
        f"they stand for {numbers.count(first.rows_used)} of {some(first.rows, 'row', 'rows')}. "
        "The tables give 95 % intervals for the means over all rows."
    )


def _rest(n_features: int, n_outputs: int, most_features: int) -> str:
    pairs = (("features", n_features, most_features), ("outputs", n_outputs, MOST_OUTPUTS))
    drawn = [f"{most} of {n} {what}" for what, n, most in pairs if n > most]
    more = [f"{n - most} more {what}" for what, n, most in pairs if n > most]
    return f"Drawn: {' and '.join(drawn)}; {' and '.join(more)} in extended.json." if drawn else ""


def _columns(varied: Sequence[PartialDependence]) -> tuple[str, ...]:
    outputs = [output for found in varied for output in found.outputs]
    interval = ("95 % interval",) if any(output.intervals for output in outputs) else ()
    levels = tuple(f"{round(100 * quantile.level)} %" for quantile in outputs[0].quantiles) if outputs else ()
    return ("Mean", *interval, *levels)


def _output(index: int, drawn: Sequence[PartialDependence], axis: _Axis, names: Names) -> OutputPanels:
    panels = tuple(_panel(found, found.outputs[index], axis, names) for found in drawn)
    low, _, high = axis.ticks()
    return OutputPanels(names[drawn[0].outputs[index].label], (low.text, high.text), panels)


def _threshold(result: AnalysisResult) -> float | None:
    """The decision threshold of a single score in its own unit: not one of several outputs, not one in log-odds."""
    section = result.explanations
    if section is None or section.use_logit or len(section.outputs) != 1:
        return None
    return section.threshold


def _axis(outputs: Sequence[OutputDependence], result: AnalysisResult) -> _Axis:
    """0 to 100 % for probabilities; else round ends around everything that is drawn."""
    is_probability = result.model is not None and result.model.output == "probability"
    threshold = _threshold(result)
    values = [value for output in outputs for value in (*output.means, *_band(output, 0.05), *_band(output, 0.95))]
    low, high = min(values), max(values)
    if is_probability and low >= 0 and high <= 1:
        return _Axis(Scale(0.0, 1.0, 0.0), True, threshold)
    if low >= 0:
        return _Axis(Scale(0.0, nice_above(high), 0.0), False, threshold)
    half = nice_above(max(abs(low), abs(high)))
    return _Axis(Scale(-half, 0.0 if high <= 0 else half, 0.0), False, threshold)


def _band(output: OutputDependence, level: float) -> tuple[float, ...]:
    return next((q.values for q in output.quantiles if math.isclose(q.level, level)), output.means)


def _panel(found: PartialDependence, output: OutputDependence, axis: _Axis, names: Names) -> Panel:
    as_rows = bool(found.categories) or len(found.feature_values) == 1
    labels = [names[word] for word in found.categories] or [short(value) for value in found.feature_values]
    by_size = sorted(range(len(labels)), key=lambda i: -found.counts[i]) if as_rows else []
    shown = by_size[:MOST_CATEGORIES]
    n_more = len(by_size) - len(shown)
    return Panel(
        feature=names[found.feature],
        curve=None if as_rows else _curve(found, output, axis),
        categories=tuple(_category(i, labels[i], found, output, axis) for i in shown),
        more=f"{some(n_more, 'smaller category is', 'smaller categories are')} in the table." if n_more > 0 else "",
        sentence=_sentence(labels, found, output, axis),
        listed=tuple(_listed(i, labels[i], found, output, axis) for i in _listed_points(found)),
        n_points=len(labels),
    )


def _some_points(n: int, most: int = MOST_POINTS) -> range:
    return range(0, n, math.ceil(n / most))


def _listed_points(found: PartialDependence) -> range:
    return range(len(found.categories)) if found.categories else _some_points(len(found.feature_values), MOST_LISTED)


def _curve(found: PartialDependence, output: OutputDependence, axis: _Axis) -> Curve:
    points, n = _some_points(len(output.means)), len(output.means)
    xs = [coordinate(LEFT + (i + 0.5) / n * (RIGHT - LEFT)) for i in points]
    threshold = axis.shown_threshold()
    first, last = (position // points.step for position in _well_covered(found.counts))
    line = [f"{x} {axis.y(output.means[i])}" for x, i in zip(xs, points, strict=True)]
    ends = [part for part in (line[: first + 1], line[last:]) if len(part) > 1]
    return Curve(
        wide=_area(xs, points, _band(output, 0.05), _band(output, 0.95), axis),
        narrow=_area(xs, points, _band(output, 0.25), _band(output, 0.75), axis),
        solid=_line(line[first : last + 1]),
        dotted="".join(_line(part) for part in ends),
        rows=_strip(found.counts, points),
        x_ticks=_x_ticks(found.feature_values),
        y_ticks=axis.ticks(),
        threshold="" if threshold is None else f"M{coordinate(LEFT)} {axis.y(threshold)}H{coordinate(RIGHT)}",
    )


def _well_covered(counts: Sequence[int]) -> tuple[int, int]:
    """First and last bucket once so many rows are left out at either end."""
    limit = THIN_SHARE * sum(counts)
    return _reached(counts, limit), len(counts) - 1 - _reached(counts[::-1], limit)


def _reached(counts: Sequence[int], limit: float) -> int:
    seen = 0
    for position, count in enumerate(counts):
        seen += count
        if seen > limit:
            return position
    return 0


def _line(points: Sequence[str]) -> str:
    return f"M{points[0]}" + ("".join(f"L{point}" for point in points[1:]) or "h0")


def _area(xs: Sequence[str], points: range, low: Sequence[float], high: Sequence[float], axis: _Axis) -> str:
    upper = [f"{x} {axis.y(high[i])}" for x, i in zip(xs, points, strict=True)]
    lower = [f"{x} {axis.y(low[i])}" for x, i in zip(xs, points, strict=True)]
    return f"M{'L'.join([*upper, *reversed(lower)])}z"


def _strip(counts: Sequence[int], points: range) -> str:
    """Bars of the rows in each bucket, the fullest one as high as the strip."""
    sums = [sum(counts[i : i + points.step]) for i in points]
    width = (RIGHT - LEFT) / len(sums)
    gap = 1.0 if width > 4 else 0.0
    return "".join(
        f"M{coordinate(LEFT + i * width)} {coordinate(FLOOR)}v-{height}h{coordinate(width - gap)}v{height}z"
        for i, count in enumerate(sums)
        if (height := coordinate(count / max(*sums, 1) * (FLOOR - STRIP))) != "0"
    )


def _x_ticks(values: Sequence[float]) -> tuple[Tick, ...]:
    half = values[1] / 2 - values[0] / 2
    low, high = values[0] - half, values[-1] + half
    places: tuple[tuple[float, float, Literal["start", "middle", "end"]], ...] = (
        (LEFT, low, "start"), ((LEFT + RIGHT) / 2, low / 2 + high / 2, "middle"), (RIGHT, high, "end"),
    )  # fmt: skip
    return tuple(Tick(coordinate(x), short(value), anchor) for x, value, anchor in places)


def _category(i: int, label: str, found: PartialDependence, output: OutputDependence, axis: _Axis) -> Category:
    def bar(low: float, high: float) -> str:
        return f"M{axis.x(_band(output, low)[i])} 10H{axis.x(_band(output, high)[i])}"

    threshold = axis.shown_threshold()
    return Category(
        label,
        bar(0.05, 0.95),
        bar(0.25, 0.75),
        axis.x(output.means[i]),
        axis.text(output.means[i]),
        NOT_SHOWN if found.fewer_than else numbers.count(found.counts[i]),
        "" if threshold is None else f"M{axis.x(threshold)}-9V40",
    )


def _listed(i: int, label: str, found: PartialDependence, output: OutputDependence, axis: _Axis) -> Listed:
    interval = output.intervals[i] if output.intervals else None
    limits = () if interval is None else (f"{axis.text(interval.low)} to {axis.text(interval.high)}",)
    quantiles = (axis.text(quantile.values[i]) for quantile in output.quantiles)
    share = NOT_SHOWN if found.fewer_than else numbers.percent(found.data_distribution[i])
    return Listed(label, share, (axis.text(output.means[i]), *limits, *quantiles))


def _sentence(labels: Sequence[str], found: PartialDependence, output: OutputDependence, axis: _Axis) -> Sentence:
    order = sorted(range(len(labels)), key=lambda i: output.means[i])
    low, high = order[0], order[-1]
    missing = f" {some(found.missing, 'row has', 'rows have')} no value." if found.missing else ""
    if found.fewer_than:
        missing = f" Its counts of rows are not shown: one is below {found.fewer_than}, or would tell one that is."
    missing += " The model refuses fractions here and was asked at whole numbers." if found.rounded else ""
    lowest, highest = axis.text(output.means[low]), axis.text(output.means[high])
    if lowest == highest:
        return say("The mean score stays at ", strong(lowest), f".{missing}")
    return say(
        "The mean score is lowest, ", strong(lowest), ", at ", name(labels[low]), " and highest, ", strong(highest),
        ", at ", name(labels[high]), f".{missing}",
    )  # fmt: skip


def short(value: float) -> str:
    """A number in few letters, for an axis.

    Examples
    --------
    >>> short(20.8667), short(-0.5), short(12345.6), short(2.5e9)
    ('20.9', '−0.5', '12,346', '2.5e+09')
    """
    size = abs(value)
    text = f"{value:,.0f}" if 1_000 <= size < 1_000_000 else f"{value:.3g}"
    return text.replace("-", numbers.MINUS, 1) if value < 0 else text
