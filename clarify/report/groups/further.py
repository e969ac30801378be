"""Beyond one facet and one positive class: crossed facets, segments, single classes, continuous outcomes as tables."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from clarify.bias.catalog import BY_NAME
from clarify.report import numbers
from clarify.report.names import Names
from clarify.report.selection import RECOMMENDED
from clarify.report.words import NOT_SHOWN, Sentence, name, named_group, say, some, strong, why_undefined
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
REST = "rest"                            # an Intersection's own word for the rows outside the listed values
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


def names_of_looks(result: AnalysisResult) -> Iterator[str]:
    """Every name from outside that these tables show."""
    for crossed in result.intersections:
        yield from crossed.facets
        yield from (group for cell in crossed.cells for group in cell.groups if group != REST)
    for segment in result.segments:
        yield from (segment.column, _called(segment))
        yield from (text for pair, _ in _by_group(segment.pre_training, segment.post_training) for text in pair)
    for worst in result.classes.worst if result.classes is not None else ():
        yield from (worst.facet, worst.value_or_threshold, worst.label_value)
    for gap in result.outcome_gaps:
        yield from (gap.facet, gap.value_or_threshold)


def further_tables(result: AnalysisResult, names: Names) -> tuple[FurtherTable, ...]:
    """Every table of this kind that the result has something for."""
    return (
        *(_intersection(crossed, names) for crossed in result.intersections),
        *_segments(result.segments, names),
        *(_worst_classes(result.classes, names) if result.classes is not None else ()),
        *_outcome_gaps(result.outcome_gaps, names),
    )


def _intersection(crossed: Intersection, names: Names) -> FurtherTable:
    measured = [_metrics(cell.pre_training, cell.post_training) for cell in crossed.cells]
    shown = _shown(measured)
    rows = [
        FurtherRow(_cell_words(crossed.facets, cell.groups, names), (_rows(cell), *_values(metrics, shown)))
        for cell, metrics in zip(crossed.cells, measured, strict=True)
    ]
    heading = say("Crossed: ", *(say(" and " if i else "", name(names[f])) for i, f in enumerate(crossed.facets)))
    unknown = some(crossed.unknown_rows, "row has", "rows have")
    intro = f"Each cell against all rows outside it. {unknown} no known value of one of the facets and lie in no cell."
    return _table(heading, intro, "Cell", (("Rows", "rows of the cell"), *_columns(shown)), rows)


def _rows(cell: CellBias) -> str:
    measured = cell.post_training or cell.pre_training
    is_hidden = measured is not None and measured.counts.d.fewer_than > 0
    return NOT_SHOWN if is_hidden else numbers.count(cell.rows)


def _cell_words(facets: Sequence[str], groups: Sequence[str], names: Names) -> Sentence:
    pairs = zip(facets, groups, strict=True)
    return say(*(say(", " if i else "", _member(facet, group, names)) for i, (facet, group) in enumerate(pairs)))


def _member(facet: str, group: str, names: Names) -> Sentence:
    return say("other ", name(names[facet])) if group == REST else named_group(names[facet], names[group])


def _called(segment: SegmentBias) -> str:
    return segment.alias or segment.segment


def _segments(segments: Sequence[SegmentBias], names: Names) -> Iterator[FurtherTable]:
    by_column: dict[str, list[SegmentBias]] = {}
    for segment in segments:
        by_column.setdefault(segment.column, []).append(segment)
    for column, found in by_column.items():
        lines = [(s, *pair) for s in found for pair in _by_group(s.pre_training, s.post_training)]
        shown = _shown([metrics for *_, metrics in lines])
        rows = [
            FurtherRow(
                say(name(names[_called(segment)]), ": ", named_group(names[facet], names[group])),
                (numbers.count(segment.rows), *_values(metrics, shown)),
            )
            for segment, (facet, group), metrics in lines
        ]  # fmt: skip
        intro = "Every facet within each segment; the last segment holds the rows that no other one names."
        columns = (("Rows", "rows of the segment"), *_columns(shown))
        yield _table(say("Segments of ", name(names[column])), intro, "Segment and group", columns, rows)


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
    if metric.is_withheld:
        return NOT_SHOWN
    if metric.value is None:
        return f"undefined: {why_undefined(metric)}"
    return f"{numbers.decimal(metric.value)}{_limits(metric.interval)}"


def _limits(interval: Interval | None) -> str:
    return "" if interval is None else f" ({numbers.interval(interval)})"


def _worst_classes(section: ClassSection, names: Names) -> Iterator[FurtherTable]:
    rows = [
        FurtherRow(
            say(named_group(names[worst.facet], names[worst.value_or_threshold]), ": ", strong(worst.metric)),
            (names[worst.label_value], f"{numbers.decimal(worst.value)}{_limits(worst.interval)}"),
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


def _outcome_gaps(gaps: Sequence[OutcomeGap], names: Names) -> Iterator[FurtherTable]:
    if not gaps:
        return
    levels = tuple(dict.fromkeys(q.level for gap in gaps for q in gap.quantiles))
    rows = [
        FurtherRow(
            say(named_group(names[gap.facet], names[gap.value_or_threshold]), f": {OUTCOMES[gap.outcome]}"),
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
        return NOT_SHOWN
    return f"{numbers.count(gap.rows_d)} / {numbers.count(gap.rows_a)}"


def _mean_gap(gap: OutcomeGap) -> str:
    if gap.undefined_because is Reason.WITHHELD:
        return NOT_SHOWN
    return "undefined" if gap.gap is None else f"{numbers.decimal(gap.gap)}{_limits(gap.interval)}"


def _quantiles(gap: OutcomeGap, levels: Sequence[float]) -> tuple[str, ...]:
    found = {q.level: f"{numbers.decimal(q.gap)}{_limits(q.interval)}" for q in gap.quantiles}
    return tuple(found.get(level, "–") for level in levels)


def _table(
    heading: Sentence, intro: str, first: str, columns: tuple[tuple[str, str], ...], rows: Sequence[FurtherRow]
) -> FurtherTable:
    return FurtherTable(heading, intro, columns, first, tuple(rows[:MOST_ROWS]), len(rows))
