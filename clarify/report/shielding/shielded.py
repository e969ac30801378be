"""What a page must not show is taken out of the result before anything is drawn, so that every view is shielded."""

from __future__ import annotations

from dataclasses import replace

from clarify.config.presentation import Presentation
from clarify.report.provenance import Provenance
from clarify.report.shielding.masked import masked, masked_provenance
from clarify.report.shielding.suppressed import suppressed
from clarify.results import AnalysisResult


def shielded(result: AnalysisResult, presentation: Presentation) -> AnalysisResult:
    """The result as the readers of a page may see it; the same object under the default presentation.

    Pages and other views (HTML, notebook, PDF, Markdown, tables, a terminal's findings) draw this result. Documents
    for machines (``analysis.json``, ``extended.json``, local attributions) are written from the full one.
    """
    shown = result
    if presentation.hides_rows:
        shown = _without_rows(shown)
    if presentation.suppress_below:
        shown = suppressed(shown, presentation.suppress_below)      # reads thresholds out of names, so it comes first
    return masked(shown) if presentation.mask_names else shown


def shielded_provenance(provenance: Provenance, presentation: Presentation) -> Provenance:
    """The provenance as a page may show it: with masked names no address, command or host; digests stay."""
    return masked_provenance(provenance) if presentation.mask_names else provenance


def _without_rows(result: AnalysisResult) -> AnalysisResult:
    """Neither rows explained one by one nor clouds in which every dot is a row."""
    section = result.explanations
    if section is None or not (section.samples or section.selected):
        return result
    return replace(result, explanations=replace(section, samples=(), selected=()))
