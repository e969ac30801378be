"""The report as values: every word and coordinate decided here, so that the template only places them."""

from __future__ import annotations

from dataclasses import dataclass

from clarify.bias.catalog import BY_NAME
from clarify.report import attribution_words, numbers
from clarify.report.charts import kind_of, scales_of, share_text
from clarify.report.dependence import DependenceView, dependence_of, names_in
from clarify.report.explained import ExplanationView, explanations_of
from clarify.report.forest import Glyph, Scale, glyph
from clarify.report.further import FurtherTable, further_tables
from clarify.report.judged import Chip, allowed_text, chip_of
from clarify.report.names import LONGEST_DETAIL, Names, clean, name_all
from clarify.report.notes import Fact, LeftOut, how_computed, left_out, provenance_facts
from clarify.report.overview import Overview, overview_of
from clarify.report.provenance import Provenance
from clarify.report.rates import SHARES
from clarify.report.sections import GroupSection, section_of
from clarify.report.selection import (
    CLEAREST_ROWS,
    MOST_CARD_GROUPS,
    MOST_TABLE_GROUPS,
    Group,
    Measured,
    clearest_gaps,
    first_metrics,
    group_words,
    groups_of,
    is_crowded,
    matrix_groups,
)
from clarify.report.words import Sentence, some, why_undefined
from clarify.results import AnalysisResult, FacetCounts, Notice

SMALL_GROUP = 50


@dataclass(frozen=True)
class ForestRow:
    """One check of the first screen; ``share_d`` and ``share_a`` are empty where no shares are compared."""

    anchor: str
    name: str
    acronym: str
    glyph: Glyph
    share_d: str
    share_a: str
    value: str
    interval: str
    allowed: str
    reason: str
    chip: Chip


@dataclass(frozen=True)
class ForestGroup:
    """The header of one group and its rows."""

    group: Sentence
    rows_d: str
    rows_a: str
    is_small: bool
    rows: tuple[ForestRow, ...]


@dataclass(frozen=True)
class ValuesRow:
    """One group in a table of values; ``values`` follow the acronyms of its table."""

    group: Sentence
    rows: str
    values: tuple[str, ...]


@dataclass(frozen=True)
class ValuesTable:
    """Groups down, metrics across: the summary of a crowded report, and the full values behind it."""

    acronyms: tuple[tuple[str, str], ...]
    rows: tuple[ValuesRow, ...]
    n_groups: int


@dataclass(frozen=True)
class Page:
    """One report."""

    overview: Overview
    forest: tuple[ForestGroup, ...]
    forest_note: str
    is_judged: bool
    matrix: ValuesTable | None
    sections: tuple[GroupSection, ...]
    all_values: ValuesTable | None
    further: tuple[FurtherTable, ...]
    explanations: ExplanationView | None
    dependence: DependenceView | None
    left_out: tuple[LeftOut, ...]
    notices: tuple[Notice, ...]
    how: tuple[Fact, ...]
    provenance: tuple[Fact, ...]


def page_of(result: AnalysisResult, provenance: Provenance) -> Page:
    """Arrange a result for reading."""
    names = names_of(result)
    groups = groups_of(result)
    is_summary = is_crowded(groups)
    detailed = groups[:MOST_CARD_GROUPS]
    scales = scales_of(m.metric for m in _drawn(groups, is_summary))
    return Page(
        overview=overview_of(result, provenance, groups, names),
        forest=_forest_of_clearest(groups, scales, names) if is_summary else _forest(groups, scales, names),
        forest_note=_forest_note(scales, is_summary),
        is_judged=result.verdicts is not None,
        matrix=_values(matrix_groups(groups), groups, names, only_first=True) if is_summary else None,
        sections=tuple(section_of(i, group, scales, names, result.verdicts) for i, group in enumerate(detailed)),
        all_values=_values(groups[:MOST_TABLE_GROUPS], groups, names) if len(groups) > len(detailed) else None,
        further=further_tables(result),
        explanations=explanations_of(result, names),
        dependence=dependence_of(result, names),
        left_out=left_out(result, groups, names),
        notices=notices_of(result, names),
        how=how_computed(result, groups, names),
        provenance=provenance_facts(result, provenance, names),
    )


def _drawn(groups: tuple[Group, ...], is_summary: bool) -> list[Measured]:
    """The metrics that stand on an axis somewhere on the page; only they decide how far it reaches."""
    in_cards = [m for group in groups[:MOST_CARD_GROUPS] for m in first_metrics(group)]
    clearest = [m for _, m in clearest_gaps(groups, most=CLEAREST_ROWS)] if is_summary else []
    return in_cards + clearest


def names_of(result: AnalysisResult) -> Names:
    """Every name from outside, cleaned once for the whole report."""
    raw: list[str] = []
    for section in (result.pre_training, result.post_training):
        if section is not None:
            raw += [section.label, section.label_value_or_threshold]
            raw += [text for facet in section.facets for text in (facet.facet, facet.value_or_threshold)]
    if result.explanations is not None:
        raw += attribution_words.names_in(result.explanations)
    raw += names_in(result)
    if result.model is not None:
        raw.append(result.model.name)
    return name_all(raw)


def notices_of(result: AnalysisResult, names: Names) -> tuple[Notice, ...]:
    """All notices of the run once, with their texts cleaned."""
    found = list(result.notices) + list(result.validation.notices)
    for section in (result.pre_training, result.post_training, result.explanations, result.verdicts, result.classes):
        found += section.notices if section is not None else ()
    cleaned = (Notice(clean(n.code), clean(n.field), clean(n.message, longest=LONGEST_DETAIL)) for n in found)
    return tuple(dict.fromkeys(cleaned))


def _forest_note(scales: dict[str, Scale], is_summary: bool) -> str:
    half = max((scale.high for name, scale in scales.items() if kind_of(name) == "difference"), default=0.5)
    which = f"The {CLEAREST_ROWS} clearest gaps. " if is_summary else ""
    ends = f"{numbers.MINUS}{half:g} to {half:g}"
    return f"{which}Drawn: differences from {ends}, group sizes from {numbers.MINUS}1 to 1, ratios from 0.5 to 2."


def _forest(groups: tuple[Group, ...], scales: dict[str, Scale], names: Names) -> tuple[ForestGroup, ...]:
    return tuple(
        _forest_group(group, first_metrics(group), i, scales, names) for i, group in enumerate(groups)
    )


def _forest_of_clearest(groups: tuple[Group, ...], scales: dict[str, Scale], names: Names) -> tuple[ForestGroup, ...]:
    chosen = clearest_gaps(groups, most=CLEAREST_ROWS)
    by_group: dict[int, list[Measured]] = {}
    for group, measured in chosen:
        by_group.setdefault(groups.index(group), []).append(measured)
    return tuple(
        _forest_group(groups[i], tuple(found), i, scales, names) for i, found in sorted(by_group.items())
    )


def _forest_group(
    group: Group, measured: tuple[Measured, ...], index: int, scales: dict[str, Scale], names: Names
) -> ForestGroup:
    rows_d, rows_a = group.counts.d.rows, group.counts.a.rows
    carded = first_metrics(group) if index < MOST_CARD_GROUPS else ()
    anchor = f"g{index}"
    return ForestGroup(
        group_words(group, names),
        some(rows_d, "row", "rows"),
        some(rows_a, "row", "rows"),
        min(rows_d, rows_a) < SMALL_GROUP,
        tuple(_forest_row(m, anchor if m in carded else "", scales[m.metric.name]) for m in measured),
    )


def _forest_row(measured: Measured, anchor: str, scale: Scale) -> ForestRow:
    metric = measured.metric
    share_d, share_a = _shares(metric.name, measured.counts)
    return ForestRow(
        f"{anchor}-{metric.name}" if anchor else "",
        BY_NAME[metric.name].title,
        metric.name,
        glyph(metric, scale, judgement=measured.judgement),
        share_d,
        share_a,
        "" if metric.value is None else numbers.decimal(metric.value),
        "" if metric.interval is None else numbers.interval(metric.interval),
        "" if measured.judgement is None else allowed_text(measured.judgement),
        why_undefined(metric) if metric.value is None else "",
        chip_of(metric, measured.judgement),
    )


def _shares(name: str, counts: FacetCounts) -> tuple[str, str]:
    if name == "CI":
        return numbers.count(counts.d.rows), numbers.count(counts.a.rows)
    phrase = SHARES.get(name)
    if phrase is None:
        return "", ""
    d, a = phrase.of_group(counts.d), phrase.of_group(counts.a)
    return (share_text(d) if d.of else "no rows", share_text(a) if a.of else "no rows")


def _values(
    shown: tuple[Group, ...], groups: tuple[Group, ...], names: Names, *, only_first: bool = False
) -> ValuesTable:
    asked = {m.metric.name for group in groups for m in (first_metrics(group) if only_first else group.measured)}
    acronyms = tuple(name for name in BY_NAME if name in asked)
    return ValuesTable(
        tuple((name, BY_NAME[name].title) for name in acronyms),
        tuple(_values_row(group, acronyms, names) for group in shown),
        len(groups),
    )


def _values_row(group: Group, acronyms: tuple[str, ...], names: Names) -> ValuesRow:
    found = {m.metric.name: m.metric.value for m in group.measured}
    texts = ("–" if (value := found.get(name)) is None else numbers.decimal(value) for name in acronyms)
    return ValuesRow(group_words(group, names), numbers.count(group.counts.d.rows), tuple(texts))
