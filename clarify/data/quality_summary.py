"""From counted columns to the documents of data quality: statistics, suggested constraints, binned counts."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import Final

import numpy as np
from numpy.typing import NDArray

from clarify.bias.outcome_gaps import Moments
from clarify.data.column_statistics import ColumnStatistics, SourceStatistics
from clarify.data.value_histogram import ValueHistogram
from clarify.drift.quality_values import (
    SKETCH_K,
    Bucket,
    Constraints,
    Distribution,
    FeatureConstraints,
    FeatureStatistics,
    InferredType,
    NumericalStatistics,
    Statistics,
    StringStatistics,
)

BUCKETS: Final = 10
QUANTILES: Final = 20
LISTED_CATEGORIES: Final = 49
FEWEST_LISTED: Final = 5                # rarer texts are "other": they would show nothing, and may name people
MOST_DOMAIN_VALUES: Final = 100
MOST_SINGLE_SHARE: Final = 0.1          # of a domain's values seen once: with more of them, unseen ones are out there
_EXACT_WHOLE: Final = 2.0**53
_MOMENTS_UNIT: Final = 2**1127          # of which Moments.total is a multiple

_TYPES: Final[dict[str, InferredType]] = {"int": "Integral", "float": "Fractional", "bool": "String", "text": "String"}
Values = NDArray[np.float64]


def inferred_type(column: ColumnStatistics) -> InferredType:
    """AWS's word for the kind of a column; truth values are texts of two values."""
    return _TYPES[column.kind] if column.present else "Unknown"


# --- statistics.json --------------------------------------------------------------------------------------------------


def summarise(counted: SourceStatistics) -> Statistics:
    """What ``statistics.json`` says of a dataset."""
    return Statistics(counted.rows, tuple(_feature(column) for column in counted.columns))


def _feature(column: ColumnStatistics) -> FeatureStatistics:
    kind = inferred_type(column)
    numerical, string = None, None
    if kind in ("Integral", "Fractional") and column.moments.rows:
        numerical = _numerical(column)
    elif column.present:
        string = StringStatistics(column.distinct_count, _few_texts(column))
    return FeatureStatistics(column.name, kind, column.present, column.missing, numerical, string)


def _few_texts(column: ColumnStatistics) -> tuple[tuple[str, int], ...]:
    """All texts, the most frequent first, where they are few; else none."""
    texts = column.texts or ()
    return tuple(sorted(texts, key=lambda pair: (-pair[1], pair[0]))) if len(texts) <= MOST_DOMAIN_VALUES else ()


def _numerical(column: ColumnStatistics) -> NumericalStatistics:
    low, high = column.minimum or 0.0, column.maximum or 0.0
    n, mean, variance = column.moments.rows, column.moments.mean or 0.0, column.moments.variance or 0.0
    histogram = column.histogram
    finite = np.isfinite(histogram.values)
    values, counts = histogram.values[finite], histogram.weights[finite]
    return NumericalStatistics(
        mean, _total(column.moments), math.sqrt(variance * (n - 1) / n), low, high,
        tuple(_buckets(values, counts, low, high)), _sketch(values, counts),
    )


def _total(moments: Moments) -> float:
    """The correctly rounded sum; beyond 1.8e308 it is infinite."""
    try:
        return float(Fraction(moments.total, _MOMENTS_UNIT))
    except OverflowError:
        return math.copysign(math.inf, moments.total)


def _buckets(values: Values, counts: NDArray[np.int64], low: float, high: float) -> Iterator[Bucket]:
    """Ten buckets of one width; the last holds its upper bound too."""
    steps = np.arange(BUCKETS + 1) / BUCKETS
    bounds = low * (1 - steps) + high * steps
    places = np.searchsorted(bounds[1:-1], values, side="right")
    sizes = np.bincount(places, weights=counts, minlength=BUCKETS)
    for place in range(BUCKETS):
        yield Bucket(float(bounds[place]), float(bounds[place + 1]), int(sizes[place]))


def _sketch(values: Values, counts: NDArray[np.int64]) -> tuple[tuple[float, ...], ...]:
    """At most some 2,048 of the sorted values by level, one of level i for 2^i of them; the weights add up to all.

    Values in the middle of runs of equal length, so that a rank is off by half a run at most: no drawing of lots.
    """
    ends = np.cumsum(counts)
    total = int(ends[-1])
    level = max(0, math.ceil(math.log2(total / SKETCH_K)))
    run = 2**level
    levels: list[tuple[float, ...]] = []
    rest, start = total % run, total - total % run
    for lower in range(level):
        size = 2**lower
        has_one = bool(rest & size)
        levels.append((float(values[np.searchsorted(ends, start + size // 2, side="right")]),) if has_one else ())
        start += size if has_one else 0
    ranks = np.arange(total // run) * run + run // 2
    return (*levels, tuple(values[np.searchsorted(ends, ranks, side="right")].tolist()))


# --- constraints.json -------------------------------------------------------------------------------------------------


def suggest(counted: SourceStatistics) -> Constraints:
    """What ``constraints.json`` asks of later data: what holds of these."""
    return Constraints(tuple(_asked(column) for column in counted.columns))


def _asked(column: ColumnStatistics) -> FeatureConstraints:
    kind = inferred_type(column)
    is_number = kind in ("Integral", "Fractional")
    return FeatureConstraints(
        column.name,
        kind,
        column.present / column.rows,
        is_number and column.negative == 0,
        _domain(column) if kind == "String" else None,
    )


def _domain(column: ColumnStatistics) -> tuple[str, ...] | None:
    """The texts of a column that seems to have no others: few, and hardly any of them seen only once."""
    texts = column.texts
    if texts is None or not 0 < len(texts) <= MOST_DOMAIN_VALUES:
        return None
    once = sum(count == 1 for _, count in texts)
    return tuple(text for text, _ in texts) if once <= MOST_SINGLE_SHARE * len(texts) else None


# --- distributions.json -----------------------------------------------------------------------------------------------


def distributions(counted: SourceStatistics) -> tuple[Distribution, ...]:
    """Counts by column in bins that the dataset itself sets; a column without values has none."""
    return tuple(_distribution(column) for column in counted.columns if column.present)


def _distribution(column: ColumnStatistics) -> Distribution:
    if inferred_type(column) == "String":
        return _categorical(column)
    is_whole = column.whole == column.numbers
    cuts, counts = _quantile_bins(column.histogram, _beyond(column, is_whole))
    return Distribution(column.name, "numeric", counts, column.missing, cuts)


def _categorical(column: ColumnStatistics) -> Distribution:
    texts = sorted(column.texts or (), key=lambda pair: (-pair[1], pair[0]))
    listed = [(text, count) for text, count in texts if count >= FEWEST_LISTED][:LISTED_CATEGORIES]
    counts = tuple(count for _, count in listed)
    return Distribution(
        column.name, "categorical", (*counts, column.present - sum(counts)), column.missing,
        categories=tuple(text for text, _ in listed), numbers=column.numbers,
    )


def _quantile_bins(
    histogram: ValueHistogram, beyond: Sequence[float]
) -> tuple[tuple[float, ...], tuple[int, ...]]:
    """Cuts nearest to the 20-quantiles, each once, and exact counts between them; both ends are open.

    A cut ``beyond`` the largest value is among the candidates, so that values never seen before fall into a bin of
    their own where the largest one is frequent.
    """
    values, counts = histogram.values, histogram.weights
    candidates = [*values[np.isfinite(values)].tolist(), *beyond]
    if not candidates:
        return (), (int(counts.sum()),)
    before = np.searchsorted(values, candidates, side="left")
    below = np.concatenate([[0], np.cumsum(counts)])[before]
    wanted = np.arange(1, QUANTILES) * (int(counts.sum()) / QUANTILES)
    nearest = sorted({int(np.abs(below - rows).argmin()) for rows in wanted})
    edges = [0, *below[nearest].tolist(), int(counts.sum())]
    return tuple(candidates[place] for place in nearest), tuple(np.diff(edges).tolist())


def _beyond(column: ColumnStatistics, is_whole: bool) -> Sequence[float]:
    """The least number above all of them; none where they end in infinity."""
    largest = column.maximum
    if largest is None or column.histogram.values[-1] == math.inf:
        return ()
    return (largest + 1.0,) if is_whole and abs(largest) < _EXACT_WHOLE else (math.nextafter(largest, math.inf),)
