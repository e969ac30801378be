"""The newest window's series at a glance: one row each, scaled so that every allowed range fills the same band."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from clarify.bias.catalog import BY_NAME
from clarify.records import BiasDrift, SeriesDrift, Status
from clarify.report.forest import coordinate
from clarify.report.judged import Chip
from clarify.report.monitor.marks import circle, triangle
from clarify.report.monitor.scales import View, view_of
from clarify.report.monitor.tables import Cell, between, by_urgency, chip_of, limits, meter, number, status_of
from clarify.report.names import clean
from clarify.report.words import REASONS, Sentence, named_group, row_count, rows_text, some
from clarify.results import Interval

MOST_ROWS = 24
WIDTH, _MARGIN, _MIDDLE = 200, 8.0, 12.0
_RADIUS = 4.2


@dataclass(frozen=True)
class Glyph:
    """Thick: the window's own 95 % interval. Capped: recent windows together. Empty paths are not drawn."""

    band: str
    edges: str
    bar: str
    caps: str
    arrows: str
    mark: str
    state: str


@dataclass(frozen=True)
class NowRow:
    name: str
    acronym: str
    glyph: Glyph
    value: str
    interval: str
    allowed: str
    evidence: Cell
    chip: Chip
    reason: str


@dataclass(frozen=True)
class NowGroup:
    """The series of one group of a facet."""

    group: Sentence
    sizes: str
    rows: tuple[NowRow, ...]


@dataclass(frozen=True)
class Now:
    groups: tuple[NowGroup, ...]
    note: str


def now_of(drift: BiasDrift) -> Now:
    """At most 24 series, the most urgent, by group in the record's order; inside a group the worst first.

    Series that pass are the first to be left out; ``note`` counts them.
    """
    shown = by_urgency(drift.series, drift.rule)[:MOST_ROWS]
    kept = {series.key for series in shown}
    groups = tuple(_groups(drift, [series for series in drift.series if series.key in kept]))
    left_out = len(drift.series) - len(shown)
    if not left_out:
        return Now(groups, "")
    hidden = by_urgency(drift.series, drift.rule)[MOST_ROWS:]
    passing = sum(status_of(series.findings, drift.rule) is Status.PASS for series in hidden)
    return Now(groups, f"{some(left_out, 'more series', 'more series')} in the table below, {passing} of them PASS.")


def _groups(drift: BiasDrift, series: Sequence[SeriesDrift]) -> Iterator[NowGroup]:
    sizes = {(facet.facet, facet.value_or_threshold): facet.counts for facet in drift.counted}
    places = list(dict.fromkeys((one.facet, one.value_or_threshold) for one in series))
    ordered = sorted(series, key=lambda one: places.index((one.facet, one.value_or_threshold)))
    for place, found in groupby(ordered, key=lambda one: (one.facet, one.value_or_threshold)):
        counts = sizes.get(place)
        told = "" if counts is None else f"{rows_text(counts.d)} · others {row_count(counts.a)}"
        rows = by_urgency(found, drift.rule)
        yield NowGroup(named_group(*map(clean, place)), told, tuple(_row(one, drift) for one in rows))


def _row(series: SeriesDrift, drift: BiasDrift) -> NowRow:
    known = BY_NAME.get(series.metric)
    own = next((one for one in series.findings if one.rule == drift.rule), None)
    undecided = own is not None and own.status is Status.INCONCLUSIVE and own.reason is not None
    chip = chip_of(series, drift.rule)
    return NowRow(
        name=known.title if known is not None else clean(series.metric),
        acronym=series.metric if known is not None else "",
        glyph=glyph_of(series, chip.state),
        value="" if series.value is None else number(series.value).text,
        interval="" if series.interval is None else between(series.interval).text,
        allowed=limits(series.low, series.high).text,
        evidence=meter(series.evidence),
        chip=chip,
        reason=REASONS[own.reason] if undecided and own is not None and own.reason is not None else "",
    )


# --- drawing ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Across:
    """Values of a series from left to right; mirrored where a larger value means that the named group has more."""

    view: View
    mirrored: bool

    def at(self, value: float) -> float:
        share = self.view.share(value)
        return 1 - share if self.mirrored else share

    def x(self, value: float) -> float:
        return _MARGIN + min(max(self.at(value), 0.0), 1.0) * (WIDTH - 2 * _MARGIN)

    def span(self, low: float, high: float) -> tuple[float, float]:
        left, right = sorted((self.x(low), self.x(high)))
        return left, right


def glyph_of(series: SeriesDrift, state: str) -> Glyph:
    """As in the report: right means that the named group has less, the band is the range, heads go on beyond."""
    known = BY_NAME.get(series.metric)
    across = _Across(view_of(series), known is not None and known.is_mirrored)
    ends = [end for end in (series.value, *_ends(series.interval), *_ends(series.pooled)) if end is not None]
    edges = [edge for edge in (series.low, series.high) if edge is not None and 0 <= across.at(edge) <= 1]
    return Glyph(
        band=_band(series, across),
        edges="".join(f"M{coordinate(across.x(edge))} 1V23" for edge in edges),
        bar=_line(series.interval, across),
        caps=_capped(series.pooled, across),
        arrows=_arrows([across.at(end) for end in ends]),
        mark=_mark(series.value, across, state),
        state=state if state in ("pass", "violation", "inconclusive") else "",
    )


def _ends(found: Interval | None) -> tuple[float, ...]:
    return () if found is None else (found.low, found.high)


def _band(series: SeriesDrift, across: _Across) -> str:
    if series.low is None and series.high is None:
        return ""
    low = -math.inf if series.low is None else series.low
    left, right = across.span(low, math.inf if series.high is None else series.high)
    return f"M{coordinate(left)} 2H{coordinate(right)}V22H{coordinate(left)}z"


def _line(found: Interval | None, across: _Across) -> str:
    if found is None:
        return ""
    left, right = across.span(found.low, found.high)
    return f"M{coordinate(left)} {_MIDDLE:g}H{coordinate(right)}"


def _capped(found: Interval | None, across: _Across) -> str:
    if found is None:
        return ""
    left, right = across.span(found.low, found.high)
    return f"M{coordinate(left)} 7.5v9M{coordinate(left)} {_MIDDLE:g}H{coordinate(right)}m0-4.5v9"


def _arrows(shares: Sequence[float]) -> str:
    left = "M1 12l7-4.5v9z" if shares and min(shares) < 0 else ""
    return left + (f"M{WIDTH - 1} 12l-7-4.5v9z" if shares and max(shares) > 1 else "")


def _mark(value: float | None, across: _Across, state: str) -> str:
    if value is None or not 0 <= across.at(value) <= 1:
        return ""
    shape = triangle if state == "violation" else circle
    return shape(across.x(value), _MIDDLE, _RADIUS)
