"""The report as values: every word and coordinate decided here, so that the template only places them."""

from __future__ import annotations

from dataclasses import dataclass

from clarify.config.approval import Approval
from clarify.report.charts import scales_of
from clarify.report.explanations import words as attribution_words
from clarify.report.explanations.dependence import DependenceView, dependence_of, names_in
from clarify.report.explanations.outputs import ExplanationView, explanations_of
from clarify.report.first_screen.checks import Checks, ValuesTable, checks_for, values_table
from clarify.report.first_screen.overview import Overview, overview_of
from clarify.report.groups.further import FurtherTable, further_tables, names_of_looks
from clarify.report.groups.sections import GroupSection, group_sections
from clarify.report.names import LONGEST_DETAIL, Names, clean, name_all
from clarify.report.notes import Fact, LeftOut, how_computed, left_out, provenance_facts
from clarify.report.page_limits import DEFAULT, Limits
from clarify.report.paper.signature_block import SignatureLine, signature_of
from clarify.report.provenance import Provenance
from clarify.report.selection import MOST_CARD_GROUPS, MOST_TABLE_GROUPS, first_metrics, groups_of
from clarify.results import AnalysisResult, Notice


@dataclass(frozen=True)
class Page:
    """One report."""

    overview: Overview
    checks: Checks
    is_judged: bool
    sections: tuple[GroupSection, ...]
    all_values: ValuesTable | None
    further: tuple[FurtherTable, ...]
    explanations: ExplanationView | None
    dependence: DependenceView | None
    left_out: tuple[LeftOut, ...]
    notices: tuple[Notice, ...]
    how: tuple[Fact, ...]
    provenance: tuple[Fact, ...]
    signature: tuple[SignatureLine, ...]


def page_of(
    result: AnalysisResult, provenance: Provenance, *, approval: Approval | None = None, limits: Limits = DEFAULT
) -> Page:
    """Arrange a result for reading: ``limits`` say how much is drawn, ``approval`` fills the block to sign on paper."""
    names = names_of(result)
    groups = groups_of(result)
    detailed = groups[:MOST_CARD_GROUPS]
    drawn = [m for group in detailed for m in first_metrics(group)]
    scales = scales_of((m.metric for m in drawn), (m.judgement for m in drawn if m.judgement is not None))
    return Page(
        overview=overview_of(result, provenance, groups, names),
        checks=checks_for(groups, result.verdicts, names),
        is_judged=result.verdicts is not None,
        sections=group_sections(
            groups, scales, names, result.verdicts, most=MOST_CARD_GROUPS, columns=result.validation.columns
        ),
        all_values=values_table(groups[:MOST_TABLE_GROUPS], groups, names) if len(groups) > len(detailed) else None,
        further=further_tables(result, names),
        explanations=explanations_of(result, names, limits),
        dependence=dependence_of(result, names, limits),
        left_out=left_out(result, groups, names, limits),
        notices=notices_of(result, names),
        how=how_computed(result, groups, names),
        provenance=provenance_facts(result, provenance, names),
        signature=signature_of(approval),
    )


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
    raw += names_of_looks(result)
    raw += [outcome.column for outcome in result.validation.expectations]
    return name_all(raw)


def notices_of(result: AnalysisResult, names: Names) -> tuple[Notice, ...]:
    """All notices of the run once, with their texts cleaned."""
    found = list(result.notices) + list(result.validation.notices)
    for section in (result.pre_training, result.post_training, result.explanations, result.verdicts, result.classes):
        found += section.notices if section is not None else ()
    cleaned = (Notice(clean(n.code), clean(n.field), clean(n.message, longest=LONGEST_DETAIL)) for n in found)
    return tuple(dict.fromkeys(cleaned))
