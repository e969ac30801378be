"""``segment_config`` read: which values or intervals of a column make which slice of the rows."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from clarify.config.analysis import Segment
from clarify.config.checks import missing_column
from clarify.config.columns import column_name
from clarify.config.json_text import shown
from clarify.errors import ConfigError, Problem
from clarify.features import Kind

DEFAULT = "__default__"
MOST_SEGMENTS = 100
LONGEST_INTERVAL = 100                # characters

_NUMBER = r"[+-]?(?:inf(?:inity)?|(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?)"
_INTERVAL = re.compile(rf"\s*([\[(])\s*({_NUMBER})\s*,\s*({_NUMBER})\s*([\])])\s*", re.IGNORECASE)


@dataclass(frozen=True)
class Span:
    """An interval of numbers; an end belongs to it when it is closed."""

    low: float
    high: float
    low_closed: bool = True
    high_closed: bool = True

    @property
    def is_empty(self) -> bool:
        return self.low > self.high or (self.low == self.high and not (self.low_closed and self.high_closed))

    def meets(self, other: Span) -> bool:
        """Whether some number lies in both."""
        first = max((self, other), key=lambda span: (span.low, not span.low_closed))
        last = min((self, other), key=lambda span: (span.high, span.high_closed))
        return not Span(first.low, last.high, first.low_closed, last.high_closed).is_empty


@dataclass(frozen=True)
class SegmentRule:
    """One slice: the listed values of a column of words, or the intervals of a column of numbers."""

    text: str                             # as listed, joined by comma
    alias: str
    values: tuple[str | int, ...] = ()
    spans: tuple[Span, ...] = ()


@dataclass(frozen=True)
class Slicing:
    """One entry of ``segment_config``: its slices exclude each other, all other rows are the default slice."""

    name: str
    column: str
    rules: tuple[SegmentRule, ...]
    default_alias: str = DEFAULT


def read_segments(entries: Sequence[Segment], kinds: Mapping[str, Kind]) -> tuple[Slicing, ...]:
    """All entries of ``segment_config`` for a dataset of these columns.

    Raises
    ------
    ConfigError
        With every CFG-SEGMENT problem.
    """
    ConfigError.collect(segment_problems(entries, kinds))
    return tuple(_slicing(entry, kinds) for entry in entries)


def segment_problems(entries: Sequence[Segment], kinds: Mapping[str, Kind]) -> Iterator[Problem]:
    """Everything that is wrong with ``segment_config``, given the dataset's columns in order and their kinds."""
    names: list[str] = []
    for position, entry in enumerate(entries):
        field = f"segment_config[{position}]"
        yield from _counts(entry, field)
        column = column_name(entry.name_or_index, tuple(kinds))
        if column is None:
            yield missing_column(
                f"{field}.name_or_index", entry.name_or_index, tuple(kinds), told="", code="CFG-SEGMENT-COLUMN"
            )
            continue
        yield from _values(entry, field, column, kinds[column])
        name = entry.config_name or column
        if name in names:
            yield Problem("CFG-SEGMENT-NAME", f"{field}.config_name", shown(name), "another name for each entry",
                          "name the entries apart with config_name")
        names.append(name)


def _counts(entry: Segment, field: str) -> Iterator[Problem]:
    n, aliases = len(entry.segments), entry.display_aliases
    if n > MOST_SEGMENTS:
        yield Problem("CFG-SEGMENT-MANY", f"{field}.segments", f"{n} segments", f"at most {MOST_SEGMENTS}",
                      "join values or intervals into fewer segments")
    if aliases is not None and len(aliases) not in (n, n + 1):
        yield Problem("CFG-SEGMENT-ALIASES", f"{field}.display_aliases", f"{len(aliases)} names for {n} segments",
                      f"{n} names, or {n + 1} with one for {DEFAULT}", "name each segment once, in their order")
    if aliases is not None and len(set(aliases)) < len(aliases):
        yield Problem("CFG-SEGMENT-ALIASES", f"{field}.display_aliases", ", ".join(aliases), "each name once",
                      "name the segments apart")
    for at, items in enumerate(entry.segments):
        if not items:
            yield Problem("CFG-SEGMENT-EMPTY", f"{field}.segments[{at}]", "[]", "at least one value or interval",
                          f"remove the segment; rows outside the others are {DEFAULT}")


def _values(entry: Segment, field: str, column: str, kind: Kind) -> Iterator[Problem]:
    is_numeric = kind in ("int", "float")
    read: list[tuple[str, str, list[Span | str]]] = []
    for at, items in enumerate(entry.segments):
        pieces: list[Span | str] = []
        for inner, item in enumerate(items):
            piece = span_of(item) if is_numeric else _word(item, kind)
            if piece is None:
                yield _no_number(f"{field}.segments[{at}][{inner}]", item, column, kind)
            elif isinstance(piece, Span) and piece.is_empty:
                yield Problem("CFG-SEGMENT-INTERVAL", f"{field}.segments[{at}][{inner}]", shown(item),
                              "an interval that holds some number",
                              "write the smaller end first; a single number needs two square brackets: [3, 3]")
            else:
                pieces.append(piece)
        read.append((f"{field}.segments[{at}]", _text(items), pieces))
    yield from _overlaps(read)


def _no_number(field: str, item: str | int, column: str, kind: Kind) -> Problem:
    allowed = f"a number, or an interval: column '{column}' holds {kind}s"
    return Problem("CFG-SEGMENT-VALUE", field, shown(item), allowed,
                   'write "[1, 4]" with its ends, "(1, 4)" without them, "[18, inf)" for all from 18')


def _overlaps(read: Sequence[tuple[str, str, list[Span | str]]]) -> Iterator[Problem]:
    for (_, first, some), (field, second, others) in combinations(read, 2):
        if any(_meet(one, other) for one in some for other in others):
            yield Problem("CFG-SEGMENT-OVERLAP", field, f"{second}, which overlaps {first}", "each row in one segment",
                          "make one end open, such as (4, 8] after [1, 4], or take the value out of one segment")


def _meet(one: Span | str, other: Span | str) -> bool:
    if isinstance(one, Span) and isinstance(other, Span):
        return one.meets(other)
    return one == other


def span_of(item: str | int) -> Span | None:
    """The interval that a number or a text such as ``[1, 4)`` stands for; None when it is neither.

    Examples
    --------
    >>> span_of("(2, inf)")
    Span(low=2.0, high=inf, low_closed=False, high_closed=False)
    >>> span_of(3) == span_of("3") == span_of("[3, 3]")
    True
    """
    text = str(item)
    if len(text) > LONGEST_INTERVAL:
        return None
    found = _INTERVAL.fullmatch(text)
    if found is not None:
        opening, low, high, closing = found.groups()
        return Span(float(low), float(high), opening == "[", closing == "]")
    try:
        number = float(text)
    except ValueError:
        return None
    return Span(number, number) if math.isfinite(number) else None


def _word(item: str | int, kind: Kind) -> str:
    """How a listed value compares with others: booleans have two spellings each."""
    text = str(item)
    return {"1": "true", "0": "false"}.get(text, text.strip().lower()) if kind == "bool" else text


def _text(items: Sequence[str | int]) -> str:
    return ",".join(str(item) for item in items)


def _slicing(entry: Segment, kinds: Mapping[str, Kind]) -> Slicing:
    column = column_name(entry.name_or_index, tuple(kinds)) or ""
    aliases = entry.display_aliases or tuple(_text(items) for items in entry.segments)
    n = len(entry.segments)
    rules = tuple(
        _rule(items, alias, kinds[column]) for items, alias in zip(entry.segments, aliases[:n], strict=True)
    )
    return Slicing(entry.config_name or column, column, rules, aliases[n] if len(aliases) > n else DEFAULT)


def _rule(items: tuple[str | int, ...], alias: str, kind: Kind) -> SegmentRule:
    if kind not in ("int", "float"):
        return SegmentRule(_text(items), alias, values=items)
    spans = tuple(span for span in (span_of(item) for item in items) if span is not None)
    return SegmentRule(_text(items), alias, spans=spans)
