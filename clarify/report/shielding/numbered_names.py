"""Names that are not to be shown: which number stands for which, the same everywhere in one report."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar, cast

from clarify.results import (
    AnalysisResult,
    CellBias,
    ExplainedRow,
    Intersection,
    ModelDescription,
    OutputDependence,
    OutputExplanation,
    PartialDependence,
    SampledFeature,
    SegmentBias,
    StratumCounts,
)

T = TypeVar("T")
LABEL = "label"
POSITIVE = "positive class"
REST = "rest"                            # an Intersection's own word for the rows outside the listed values
HIDDEN_COLUMN = "column not listed"


@dataclass(frozen=True)
class Masks:
    """Numbered names by the raw ones."""

    columns: Mapping[str, str]
    groups: Mapping[tuple[str, str], str]
    classes: Mapping[str, str]
    outputs: Mapping[str, str]
    words: Mapping[tuple[str, str], str]
    strata: Mapping[str, str]
    segmentations: Mapping[str, str]
    segments: Mapping[tuple[str, str], str]
    rows: Mapping[int, int]

    def column(self, raw: str) -> str:
        """``facet 1``, ``feature 07``, ``column 12`` or ``label``."""
        return self.columns.get(raw, HIDDEN_COLUMN)

    def group(self, facet: str, raw: str) -> str:
        """``group 1.2``: the second group of the first facet; the rest of a crossing stays the rest."""
        return self.groups.get((facet, raw), REST)

    def class_of(self, raw: str) -> str:
        """``class 2``, or ``positive class`` for several values or a threshold."""
        return self.classes.get(raw, POSITIVE)

    def word(self, feature: str, raw: str) -> str:
        """``value 3`` of a feature; a facet's listed value is called as its group is."""
        return self.groups.get((feature, raw)) or self.words[feature, raw]

    def segment(self, config_name: str, raw: str) -> str:
        return self.segments[config_name, raw]


def masks_of(result: AnalysisResult) -> Masks:
    """Number every name of a result."""
    found = tuple(_all(result))
    places = _places(found, result)
    facets = tuple(dict.fromkeys(facet for facet, _ in places))
    segments = [part for part in found if isinstance(part, SegmentBias)]
    return Masks(
        columns=_columns(result, found, facets),
        groups=_nested("group", places),
        classes=_numbered("class", _classes(result)),
        outputs=_numbered("output", _outputs(found)),
        words=_words(found),
        strata=_numbered("stratum", sorted(part.name for part in found if isinstance(part, StratumCounts))),
        segmentations=_numbered("segments", (segment.config_name for segment in segments)),
        segments=_nested("segment", [(segment.config_name, segment.segment) for segment in segments]),
        rows=_rows(found),
    )


def _all(value: object) -> Iterator[object]:
    """Every value of a result, depth first, in the order of its fields."""
    if isinstance(value, tuple):
        for item in value:
            yield from _all(item)
    elif dataclasses.is_dataclass(value):
        yield value
        for field in dataclasses.fields(value):
            yield from _all(getattr(value, field.name))


def _numbered(kind: str, names: Iterable[T], *, first: int = 1) -> dict[T, str]:
    """``feature 01`` to ``feature 12``: as wide as the last number."""
    different = tuple(dict.fromkeys(names))
    width = len(str(len(different) + first - 1))
    return {name: f"{kind} {number:0{width}d}" for number, name in enumerate(different, start=first)}


def _nested(kind: str, pairs: Iterable[tuple[str, str]]) -> dict[tuple[str, str], str]:
    """``group 1.2``: numbered within each first name."""
    by_first: dict[str, dict[str, None]] = {}
    for first, second in pairs:
        by_first.setdefault(first, {})[second] = None
    numbered: dict[tuple[str, str], str] = {}
    outer = _numbered(kind, by_first)
    for first, seconds in by_first.items():
        inner = _numbered("", seconds)
        numbered |= {(first, second): f"{outer[first]}.{inner[second].strip()}" for second in seconds}
    return numbered


def _places(found: Iterable[object], result: AnalysisResult) -> tuple[tuple[str, str], ...]:
    """Facets with their groups: those of the main tables first, as the configuration names them."""
    sections = (result.pre_training, result.post_training)
    places = [(f.facet, f.value_or_threshold) for section in sections if section is not None for f in section.facets]
    cells = [part for part in found if isinstance(part, CellBias)]
    crossed = {id(metrics) for cell in cells for metrics in (cell.pre_training, cell.post_training)}
    for part in found:
        if isinstance(part, Intersection):
            pairs = [(facet, g) for cell in part.cells for facet, g in zip(part.facets, cell.groups, strict=True)]
            places += [(facet, group) for facet, group in pairs if group != REST]
        elif isinstance(part, ExplainedRow):
            places += part.groups
        elif id(part) not in crossed and hasattr(part, "value_or_threshold") and hasattr(part, "facet"):
            place = cast(Any, part)
            places += [(place.facet, place.value_or_threshold)] if place.value_or_threshold else []
    return tuple(dict.fromkeys(places))


def _columns(result: AnalysisResult, found: Iterable[object], facets: tuple[str, ...]) -> dict[str, str]:
    """Facets, label, features, other columns; each column once, by the first of these that it is."""
    sections = [section for section in (result.pre_training, result.post_training) if section is not None]
    data = [column.name for column in result.validation.columns]
    members = dict(result.explanations.groups) if result.explanations is not None else {}
    place = {name: position for position, name in enumerate(data)}

    def by_place(name: str) -> int:
        first = next((column for column in (name, *members.get(name, ())) if column in place), None)
        return len(place) if first is None else place[first]

    features = sorted(dict.fromkeys((*_features(found), *members)), key=by_place)
    others = [*data, *(c for columns in members.values() for c in columns), *_other_columns(found, result)]
    taken = _numbered("facet", facets)
    taken |= {section.label: LABEL for section in sections if section.label not in taken}
    taken |= _numbered("feature", (name for name in features if name not in taken))
    return taken | _numbered("column", (name for name in others if name not in taken))


def _features(found: Iterable[object]) -> Iterator[str]:
    for part in found:
        if hasattr(part, "feature"):
            yield cast(Any, part).feature


def _other_columns(found: Iterable[object], result: AnalysisResult) -> Iterator[str]:
    yield from (part.column for part in found if isinstance(part, SegmentBias))
    yield from (checked.column for checked in result.validation.expectations if checked.column)


def _classes(result: AnalysisResult) -> Iterator[str]:
    if result.classes is not None:
        yield from (found.label_value for found in result.classes.classes)
        yield from (found.label_value for found in result.classes.worst)
    if result.model is not None:
        yield from result.model.classes


def _outputs(found: Iterable[object]) -> Iterator[str]:
    for part in found:
        if isinstance(part, OutputExplanation | OutputDependence):
            yield part.label
        elif hasattr(part, "output") and not isinstance(part, ModelDescription):
            yield cast(Any, part).output


def _words(found: Iterable[object]) -> dict[tuple[str, str], str]:
    """Category words of each feature, those of partial dependence first: it has them all."""
    by_feature: dict[str, list[str]] = {}
    for kind in (PartialDependence, SampledFeature):
        for part in found:
            if isinstance(part, kind):
                words = part.categories if isinstance(part, PartialDependence) else part.words
                by_feature.setdefault(part.feature, []).extend(words)
    return {
        (feature, word): masked
        for feature, words in by_feature.items()
        for word, masked in _numbered("value", words).items()
    }


def _rows(found: Iterable[object]) -> dict[int, int]:
    """Explained rows numbered as they are shown."""
    different = dict.fromkeys(part.row for part in found if isinstance(part, ExplainedRow))
    return {row: number for number, row in enumerate(different, start=1)}
