"""Champion and challenger: two published analyses read, compared, and the comparison published."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Final

from clarify.compared import ComparedRun, Comparison, Unpaired
from clarify.config.presentation import Presentation
from clarify.data import storage
from clarify.errors import ConfigError, Problem
from clarify.report.comparison.document import comparison_document
from clarify.report.comparison.held_back import HeldBack, held_back, holds_small_pairs, with_small_strata
from clarify.report.comparison.page import comparison_page
from clarify.report.comparison.shielded import masked_comparison, suppressed_comparison
from clarify.report.comparison.text import comparison_markdown, comparison_text
from clarify.report.document import read_extended
from clarify.report.names import without_secrets
from clarify.steps.compare_metrics import RunResult, compare_results, same_rows
from clarify.steps.decisions import DECISIONS, PairedRows, count_pairs
from clarify.steps.published import PublishedFolder, read_published
from clarify.steps.tolerances import Tolerances

EXTENDED: Final = "extended.json"
DOCUMENT, PAGE, MARKDOWN = "comparison.json", "comparison.html", "comparison.md"


@dataclass(frozen=True)
class CompareRequest:
    """Two folders that ``clarify analyze`` wrote, where the comparison goes, and what its readers may see of it."""

    champion: str
    challenger: str
    output_uri: str
    tolerances: Tolerances = field(default_factory=Tolerances)
    presentation: Presentation = field(default_factory=Presentation)


@dataclass(frozen=True)
class PublishedComparison:
    """What was found, what pages and views show of it, and where it lies."""

    comparison: Comparison
    shown: Comparison
    output_uri: str

    @property
    def page_uri(self) -> str:
        return storage.join(self.output_uri, PAGE)


def compare(request: CompareRequest) -> PublishedComparison:
    """Compare two analyses metric by metric, row by row where the rows are the same.

    Page and Markdown show what ``presentation`` allows; ``comparison.json`` is for machines and holds all, as
    ``extended.json`` does. Where pairs of rows would give small counts away, all of it rests on unpaired counts.

    Raises
    ------
    ConfigError
        PUB-FOLDER when a folder is no published analysis, CMP-RUN when it is one without predictions, CMP-SAME-FOLDER
        when the output is one of the two.
    DataError
        PUB-CHANGED when a file is not what was published.
    """
    _check_folders(request)
    folders = (
        read_published(request.champion, named_by="CHAMPION"), read_published(request.challenger, named_by="CHALLENGER")
    )
    champion, challenger = (_read_run(folder) for folder in folders)
    held = held_back(champion.result, challenger.result, request.presentation.suppress_below)
    rows, held = without_small_pairs(_paired_rows(folders, champion, challenger), held)
    comparison = compare_results(champion, challenger, rows, request.tolerances)
    shown = suppressed_comparison(comparison, held)
    if request.presentation.mask_names:
        shown = masked_comparison(shown, champion.result, challenger.result)
    for name, content in (
        (DOCUMENT, comparison_document(comparison)),
        (PAGE, comparison_page(shown).encode()),
        (MARKDOWN, comparison_markdown(shown).encode()),
    ):
        storage.write_bytes(storage.join(request.output_uri, name), content)
    return PublishedComparison(comparison, shown, request.output_uri)


def _check_folders(request: CompareRequest) -> None:
    output = storage.normalise(request.output_uri)
    if output in (storage.normalise(request.champion), storage.normalise(request.challenger)):
        raise ConfigError(
            Problem("CMP-SAME-FOLDER", "--output", request.output_uri, "another folder than the runs that are compared",
                    "name a folder of its own")
        )  # fmt: skip


# --- reading ----------------------------------------------------------------------------------------------------------


def _read_run(folder: PublishedFolder) -> RunResult:
    result = read_extended(folder.read(EXTENDED))
    if result.post_training is None:
        raise ConfigError(
            Problem("CMP-RUN", folder.named_by, without_secrets(folder.uri),
                    "an analysis with post-training metrics: two models are compared by decisions",
                    "ask for post_training_bias in its config and run the analysis again")
        )  # fmt: skip
    run = ComparedRun(
        without_secrets(folder.uri), folder.files[EXTENDED].sha256, result.config_digest, result.dataset, result.model,
        has_decisions=folder.has(DECISIONS),
    )  # fmt: skip
    return RunResult(run, result)


def _paired_rows(
    folders: tuple[PublishedFolder, PublishedFolder], champion: RunResult, challenger: RunResult
) -> PairedRows | Unpaired:
    """Joint counts of both runs' decisions, or why there are none."""
    if not same_rows(champion.result, challenger.result):
        return Unpaired.ROWS_DIFFER
    if not (champion.run.has_decisions and challenger.run.has_decisions):
        return Unpaired.NO_DECISIONS
    rows = count_pairs(*(folder.checked(DECISIONS) for folder in folders))
    return Unpaired.CODING_DIFFERS if rows is None else rows


def without_small_pairs(rows: PairedRows | Unpaired, held: HeldBack) -> tuple[PairedRows | Unpaired, HeldBack]:
    """Pairs that may be told, and what else is held back then."""
    if not held.below or isinstance(rows, Unpaired):
        return rows, held
    if holds_small_pairs(rows.tables, rows.everyone, held):
        return Unpaired.WITHHELD, held
    return rows, with_small_strata(held, rows.tables)


# --- telling ----------------------------------------------------------------------------------------------------------


def compared_text(published: PublishedComparison) -> str:
    """A few lines for a terminal."""
    return "\n".join((*comparison_text(published.shown), "", f"Comparison: {published.page_uri}"))


def compared_json(published: PublishedComparison) -> str:
    """The same for programs."""
    comparison = published.comparison
    return json.dumps(
        {
            "status": "completed",
            "verdict": comparison.verdict,
            "paired": comparison.is_paired,
            "output": published.output_uri,
            "page": published.page_uri,
            "findings": list(comparison_text(published.shown)),
        },
        indent=2,
    )
