"""Beyond one facet and one positive class: crossed facets, segments, single classes, continuous outcomes as tables."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from clarify.bias.catalog import BY_NAME
from clarify.report import numbers
from clarify.report.names import clean
from clarify.report.selection import RECOMMENDED
from clarify.report.words import Sentence, name, named_group, say, some, strong, why_undefined
from clarify.results import (
    AnalysisResult,
    CellBias,
    ClassSection,
    FacetBias,
    Intersection,
    Interval,
    MetricValue,
    OutcomeGap,
    Reason,
    SegmentBias,
)

MOST_ROWS = 200
WITHHELD = "not shown"
OUTCOMES = {"label": "label", "prediction": "predicted value", "error": "predicted value minus label"}


@dataclass(frozen=True)
class FurtherRow:
    """A row of such a table: what it is of, and its cells."""

    what: Sentence
    cells: tuple[str, ...]


@dataclass(frozen=True)
class FurtherTable:
    """One table with its words; ``n_rows`` is how many there would be if all fitted."""

    heading: Sentence
    intro: str
    columns: tuple[tuple[str, str], ...]      # acronym or words, and what it stands for
    first_column: str
    rows: tuple[FurtherRow, ...]
    n_rows: int


def further_tables(result: AnalysisResult) -> tuple[FurtherTable, ...]:
    """Every table of this kind that the result has something for."""
    return (
        *(_intersection(crossed) for crossed in result.intersections),
        *_segments(result.segments),
        *(_worst_classes(result.classes) if result.classes is not None else ()),
        *_outcome_gaps(result.outcome_gaps),
    )


def _intersection(crossed: Intersection) -> FurtherTable:
    measured = [_metrics(cell.pre_training, cell.post_training) for cell in crossed.cells]
    shown = _shown(measured)
    rows = [
        FurtherRow(_cell_words(crossed.facets, cell.groups), (_rows(cell), *_values(metrics, shown)))
        for cell, metrics in zip(crossed.cells, measured, strict=True)
    ]
    heading = say("Crossed: ", *(say(" and " if i else "", name(clean(f))) for i, f in enumerate(crossed.facets)))
    unknown = some(crossed.unknown_rows, "row has", "rows have")
    intro = f"Each cell against all rows outside it. {unknown} no known value of one of the facets and lie in no cell."
    return _table(heading, intro, "Cell", (("Rows", "rows of the cell"), *_columns(shown)), rows)


def _rows(cell: CellBias) -> str:
    measured = cell.post_training or cell.pre_training
    is_hidden = measured is not None and measured.counts.d.fewer_than > 0
    return WITHHELD if is_hidden else numbers.count(cell.rows)


def _cell_words(facets: Sequence[str], groups: Sequence[str]) -> Sentence:
    pairs = zip(facets, groups, strict=True)
    return say(*(say(", " if i else "", _member(clean(f), clean(g))) for i, (f, g) in enumerate(pairs)))


def _member(facet: str, group: str) -> Sentence:
    return say("other ", name(facet)) if group == "rest" else named_group(facet, group)


def _segments(segments: Sequence[SegmentBias]) -> Iterator[FurtherTable]:
    by_column: dict[str, list[SegmentBias]] = {}
    for segment in segments:
        by_column.setdefault(segment.column, []).append(segment)
    for column, found in by_column.items():
        lines = [(s, *pair) for s in found for pair in _by_group(s.pre_training, s.post_training)]
        shown = _shown([metrics for *_, metrics in lines])
        rows = [
            FurtherRow(
                say(name(clean(segment.alias or segment.segment)), ": ", named_group(clean(facet), clean(group))),
                (numbers.count(segment.rows), *_values(metrics, shown)),
            )
            for segment, (facet, group), metrics in lines
        ]  # fmt: skip
        intro = "Every facet within each segment; the last segment holds the rows that no other one names."
        columns = (("Rows", "rows of the segment"), *_columns(shown))
        yield _table(say("Segments of ", name(clean(column))), intro, "Segment and group", columns, rows)


Metrics = dict[str, MetricValue]


def _by_group(pre: Sequence[FacetBias], post: Sequence[FacetBias]) -> Iterator[tuple[tuple[str, str], Metrics]]:
    found: dict[tuple[str, str], Metrics] = {}
    for facet in (*pre, *post):
        found.setdefault((facet.facet, facet.value_or_threshold), {}).update(_metrics(facet))
    yield from found.items()


def _metrics(*parts: FacetBias | None) -> Metrics:
    return {metric.name: metric for part in parts if part is not None for metric in part.metrics}


def _shown(measured: Sequence[Metrics]) -> tuple[str, ...]:
    """The recommended metrics that were measured, or the first of the catalogue that were."""
    found = {acronym for metrics in measured for acronym in metrics}
    return tuple(n for n in RECOMMENDED if n in found) or tuple(n for n in BY_NAME if n in found)[: len(RECOMMENDED)]


def _columns(shown: Sequence[str]) -> tuple[tuple[str, str], ...]:
    return tuple((acronym, BY_NAME[acronym].title) for acronym in shown)


def _values(metrics: Metrics, shown: Sequence[str]) -> tuple[str, ...]:
    return tuple(_value(metrics[acronym]) if acronym in metrics else "–" for acronym in shown)


def _value(metric: MetricValue) -> str:
    if metric.undefined_because is Reason.WITHHELD:
        return WITHHELD
    if metric.value is None:
        return f"undefined: {why_undefined(metric)}"
    return f"{numbers.decimal(metric.value)}{_limits(metric.interval)}"


def _limits(interval: Interval | None) -> str:
    return "" if interval is None else f" ({numbers.interval(interval)})"


def _worst_classes(section: ClassSection) -> Iterator[FurtherTable]:
    rows = [
        FurtherRow(
            say(named_group(clean(worst.facet), clean(worst.value_or_threshold)), ": ", strong(worst.metric)),
            (clean(worst.label_value), f"{numbers.decimal(worst.value)}{_limits(worst.interval)}"),
        )
        for worst in section.worst
    ]
    intro = (
        f"The label has {len(section.classes)} classes. Each in turn is the positive one; shown is the class in which "
        f"a metric lies furthest from no difference. Intervals hold at {100 * section.level:g} % for all classes "
        "together."
    )
    columns = (("Class", "class furthest from no difference"), ("Value", "value and interval"))
    yield _table(say("One class against the others"), intro, "Group and metric", columns, rows)


def _outcome_gaps(gaps: Sequence[OutcomeGap]) -> Iterator[FurtherTable]:
    if not gaps:
        return
    levels = tuple(dict.fromkeys(q.level for gap in gaps for q in gap.quantiles))
    rows = [
        FurtherRow(
            say(named_group(clean(gap.facet), clean(gap.value_or_threshold)), f": {OUTCOMES[gap.outcome]}"),
            (_gap_rows(gap), _mean_gap(gap), *_quantiles(gap, levels)),
        )
        for gap in gaps
    ]
    intro = (
        "Other rows minus the named group, in the outcome's own unit, with 95 % intervals: above 0 the named group has "
        "lower values."
    )
    columns = (("Rows", "named group / other rows"), ("Mean", "gap of the means"))
    quantiles = tuple((f"{100 * level:g} %", f"gap of the {100 * level:g} % quantiles") for level in levels)
    yield _table(say("Gaps of a continuous outcome"), intro, "Group and outcome", (*columns, *quantiles), rows)


def _gap_rows(gap: OutcomeGap) -> str:
    if gap.undefined_because is Reason.WITHHELD:
        return WITHHELD
    return f"{numbers.count(gap.rows_d)} / {numbers.count(gap.rows_a)}"


def _mean_gap(gap: OutcomeGap) -> str:
    if gap.undefined_because is Reason.WITHHELD:
        return WITHHELD
    return "undefined" if gap.gap is None else f"{numbers.decimal(gap.gap)}{_limits(gap.interval)}"


def _quantiles(gap: OutcomeGap, levels: Sequence[float]) -> tuple[str, ...]:
    found = {q.level: f"{numbers.decimal(q.gap)}{_limits(q.interval)}" for q in gap.quantiles}
    return tuple(found.get(level, "–") for level in levels)


def _table(
    heading: Sentence, intro: str, first: str, columns: tuple[tuple[str, str], ...], rows: Sequence[FurtherRow]
) -> FurtherTable:
    return FurtherTable(heading, intro, columns, first, tuple(rows[:MOST_ROWS]), len(rows))
