"""The effect on single rows: a dot for each drawn row, by feature and by category."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from clarify.report import numbers
from clarify.report.charts import Tick
from clarify.report.explanations.units import SignedAxis, Unit, signed_axis
from clarify.report.forest import Frame, coordinate
from clarify.report.names import Names
from clarify.report.page_limits import Limits
from clarify.report.words import Sentence, named_group, say, some
from clarify.results import AttributionSample, SampledFeature, SampleStratum

FRAME = Frame(width=320, margin=5, y=15)
DOT = 3.0                          # the diameter of a dot, and the width of a bin
REACH = 12.5                       # of the centre of a dot above and below the line
TIGHTEST = 1.0                     # dots of a bin lie so close before the fullest bin decides alone
MOST_CATEGORIES = 8
MOST_STRATA = 6
MOST_FEATURES = 10

MISSING = -1
SHADES = ("low", "lower", "middle", "higher", "high")
UNORDERED = "unordered"
NO_VALUE = "novalue"

COLUMNS = ("Lowest", "10 %", "Median", "90 %", "Highest", "Mean, lowest fifth", "Mean, highest fifth", "No value")


@dataclass(frozen=True)
class Dots:
    """All dots of one shade as one path of zero-length segments; ``shade`` is their class."""

    shade: str
    path: str


@dataclass(frozen=True)
class SwarmRow:
    """One feature: its dots, and where the middle 80 % of them lie."""

    feature: str
    dots: tuple[Dots, ...]
    middle: str


@dataclass(frozen=True)
class SwarmListed:
    """One feature in the closed table; cells follow ``COLUMNS``."""

    feature: str
    cells: tuple[str, ...]


@dataclass(frozen=True)
class Strip:
    """The drawn rows of one category: mean, and the middle 80 % as a bar ("" for a single row)."""

    category: str
    bar: str
    x: str
    mean: str
    middle: str
    n: str


@dataclass(frozen=True)
class CategoryStrips:
    """A feature without an order, category by category, the most frequent first."""

    feature: str
    strips: tuple[Strip, ...]
    more: str


@dataclass(frozen=True)
class SwarmView:
    """The chart of one output, in the order of its global attributions."""

    rows: tuple[SwarmRow, ...]
    ticks: tuple[Tick, ...]
    caption: Sentence
    unit: str
    shades: tuple[str, ...]
    has_unordered: bool
    has_missing: bool
    columns: tuple[str, ...]
    listed: tuple[SwarmListed, ...]
    by_category: tuple[CategoryStrips, ...]
    zero_x: str


def swarm_of(
    sample: AttributionSample | None, order: Sequence[str], unit: Unit, names: Names, *, limits: Limits, seed: int
) -> SwarmView | None:
    """The sampled features among ``order``, in that order; None when no row was drawn."""
    by_name = {feature.feature: feature for feature in sample.features} if sample is not None else {}
    found = [by_name[feature] for feature in order[:MOST_FEATURES] if feature in by_name]
    if sample is None or not found or not found[0].attributions:
        return None
    n_rows = len(found[0].attributions)
    kept = evenly(n_rows, limits.beeswarm_rows)
    drawn = [_only(feature, kept) for feature in found]
    axis = signed_axis((a for feature in drawn for a in feature.attributions), FRAME, unit)
    codes = {code for feature in drawn if not feature.words for code in feature.codes}
    return SwarmView(
        rows=tuple(SwarmRow(names[f.feature], _dots(f, axis), _middle(f.attributions, unit)) for f in drawn),
        ticks=axis.ticks(),
        caption=drawn_sentence(sample.strata, n_rows, len(kept), names, seed=seed),
        unit=unit.name,
        shades=SHADES if codes - {MISSING} else (),
        has_unordered=any(feature.words for feature in drawn),
        has_missing=any(MISSING in feature.codes for feature in drawn),
        columns=COLUMNS,
        listed=tuple(_listed(feature, unit, names) for feature in drawn),
        by_category=tuple(_by_category(feature, axis, names) for feature in drawn if len(feature.words) > 1),
        zero_x=coordinate(axis.x(0.0)),
    )


def evenly(n: int, most: int) -> tuple[int, ...]:
    """At most ``most`` positions of ``n``, evenly spread, so that every stratum keeps its share.

    Examples
    --------
    >>> evenly(7, 3), evenly(2, 3)
    ((0, 2, 4), (0, 1))
    """
    return tuple(range(n)) if n <= most else tuple(i * n // most for i in range(most))


def _only(feature: SampledFeature, kept: Sequence[int]) -> SampledFeature:
    attributions = tuple(feature.attributions[i] for i in kept)
    return SampledFeature(feature.feature, attributions, tuple(feature.codes[i] for i in kept), feature.words)


def _shade(feature: SampledFeature, code: int) -> str:
    if code == MISSING:
        return NO_VALUE
    return UNORDERED if feature.words else SHADES[min(max(code, 0), len(SHADES) - 1)]


def _dots(feature: SampledFeature, axis: SignedAxis) -> tuple[Dots, ...]:
    """One path a shade, in the order of the shades; within a bin low values lie above high ones."""
    by_shade: dict[str, list[tuple[int, int]]] = {}
    for x, y, code in placed(feature, axis):
        by_shade.setdefault(_shade(feature, code), []).append((x, y))
    order = (NO_VALUE, UNORDERED, *SHADES)
    return tuple(Dots(shade, dotted(by_shade[shade])) for shade in order if shade in by_shade)


def placed(feature: SampledFeature, axis: SignedAxis) -> list[tuple[int, int, int]]:
    """Every row's dot as x, y in tenths and its code: stacked in bins as wide as a dot, symmetric around the line."""
    bins: dict[int, list[int]] = {}
    for attribution, code in zip(feature.attributions, feature.codes, strict=True):
        bins.setdefault(round((axis.x(attribution) - axis.x(0.0)) / DOT), []).append(code)
    fullest = max(len(codes) for codes in bins.values())
    step = min(DOT, max(TIGHTEST, 2 * REACH / max(fullest - 1, 1)))
    return [
        (round(10 * (axis.x(0.0) + DOT * place)), round(10 * y), code)
        for place, codes in sorted(bins.items())
        for y, code in zip(_stack(len(codes), step), sorted(codes), strict=True)
    ]


def _stack(n: int, step: float) -> list[float]:
    """Heights of ``n`` dots around the line, closer together where they would leave the row."""
    fitting = min(step, 2 * REACH / max(n - 1, 1))
    return [FRAME.y + (i - (n - 1) / 2) * fitting for i in range(n)]


def dotted(places: Sequence[tuple[int, int]]) -> str:
    """A path that touches every place (in tenths) with a segment of no length; moves are relative, as they are short.

    Examples
    --------
    >>> dotted([(1000, 150), (1000, 180), (1030, 150)])
    'M100 15h0m0 3h0m3-3h0'
    """
    path, (x, y) = f"M{_tenths(places[0][0])} {_tenths(places[0][1])}h0", places[0]
    moves = []
    for next_x, next_y in places[1:]:
        down = _tenths(next_y - y)
        moves.append(f"m{_tenths(next_x - x)}{'' if down.startswith('-') else ' '}{down}h0")
        x, y = next_x, next_y
    return path + "".join(moves)


def _tenths(value: int) -> str:
    text = f"{value / 10:g}"
    return text.replace("0.", ".", 1) if text.startswith(("0.", "-0.")) else text


def quantile(values: Sequence[float], level: float) -> float:
    """Between the sorted values, by straight lines."""
    ordered, place = sorted(values), level * (len(values) - 1)
    low = int(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (place - low) * (ordered[high] - ordered[low])


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def _middle(values: Sequence[float], unit: Unit) -> str:
    return f"{unit.signed(quantile(values, 0.1))} to {unit.signed(quantile(values, 0.9))}"


def _listed(feature: SampledFeature, unit: Unit, names: Names) -> SwarmListed:
    quantiles = (unit.signed(quantile(feature.attributions, level)) for level in (0.0, 0.1, 0.5, 0.9, 1.0))
    fifths = (_mean_of_code(feature, code, unit) for code in (0, len(SHADES) - 1))
    return SwarmListed(names[feature.feature], (*quantiles, *fifths, numbers.count(feature.codes.count(MISSING))))


def _of_code(feature: SampledFeature, wanted: int) -> list[float]:
    return [a for a, code in zip(feature.attributions, feature.codes, strict=True) if code == wanted]


def _mean_of_code(feature: SampledFeature, code: int, unit: Unit) -> str:
    found = [] if feature.words else _of_code(feature, code)
    return unit.signed(_mean(found)) if found else "–"


def _by_category(feature: SampledFeature, axis: SignedAxis, names: Names) -> CategoryStrips:
    by_code = {code: _of_code(feature, code) for code in dict.fromkeys(feature.codes)}
    order = sorted(by_code, key=lambda code: (-len(by_code[code]), code))
    strips = tuple(_strip(_word(feature, code, names), by_code[code], axis) for code in order[:MOST_CATEGORIES])
    n_more = len(order) - len(strips)
    is_drawn = "smaller category is not drawn", "smaller categories are not drawn"
    return CategoryStrips(names[feature.feature], strips, f"{some(n_more, *is_drawn)}." if n_more else "")


def _word(feature: SampledFeature, code: int, names: Names) -> str:
    return "no value" if code == MISSING else names[feature.words[code]]


def _strip(category: str, values: Sequence[float], axis: SignedAxis) -> Strip:
    low, high = (axis.x(quantile(values, level)) for level in (0.1, 0.9))
    return Strip(
        category,
        f"M{coordinate(low)} 10H{coordinate(high)}" if len(values) > 1 else "",
        coordinate(axis.x(_mean(values))),
        axis.unit.signed(_mean(values)),
        _middle(values, axis.unit) if len(values) > 1 else "–",
        numbers.count(len(values)),
    )


def drawn_sentence(
    strata: Sequence[SampleStratum], n_drawn: int, n_shown: int, names: Names, *, seed: int
) -> Sentence:
    """How many rows the dots are, out of how many, and how many rows a dot of each stratum stands for."""
    rows = sum(stratum.rows for stratum in strata)
    shown = f" Of these, {numbers.count(n_shown)} are shown, evenly chosen." if n_shown < n_drawn else ""
    if rows <= n_drawn:
        return say(f"One dot for each of {some(n_drawn, 'row', 'rows')}; right of 0: raised the score.{shown}")
    of = f"{numbers.count(n_drawn)} of {some(rows, 'row', 'rows')}"
    start = f"One dot a row; right of 0: raised the score. {of} drawn"
    if len(strata) == 1:
        return say(f"{start} (seed {seed}).{shown}")
    parts = [say(", " if place else "", _stratum(stratum, names)) for place, stratum in enumerate(strata[:MOST_STRATA])]
    n_more = len(strata) - len(parts)
    rest = f" and {some(n_more, 'more group', 'more groups')}" if n_more > 0 else ""
    each = "; in brackets, how many rows a dot stands for" if any(s.drawn for s in strata) else ""
    return say(f"{start} by group (seed {seed}): ", *parts, f"{rest}{each}.{shown}")


def _stratum(stratum: SampleStratum, names: Names) -> Sentence:
    is_group = bool(stratum.facet)
    where = say("with ", named_group(names[stratum.facet], names[stratum.value_or_threshold])) if is_group else say(
        "in no listed group"
    )
    weight = f" ({stratum.rows / stratum.drawn:.3g})" if stratum.drawn else ""
    return say(f"{numbers.count(stratum.drawn)} of {numbers.count(stratum.rows)} ", where, weight)
