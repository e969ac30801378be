"""Write what later windows of model quality are held against, from a published analysis: its counts or its rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from clarify.config.analysis import AnalysisConfig
from clarify.data import storage
from clarify.data.csv_header import CsvHeader
from clarify.data.scored_rows import BINARY, REST, QualityColumns, QualityReadings, group_name, read_scored_rows
from clarify.drift.model_quality import ProblemType, RowGroup, ScoredRows, measure_quality
from clarify.drift.model_quality_documents import (
    CONSTRAINTS_FILE,
    GROUPS_FILE,
    STATISTICS_FILE,
    constraints_document,
    groups_document,
    statistics_document,
)
from clarify.drift.quality_rules import suggest_quality_constraints
from clarify.errors import ConstraintsError, Problem
from clarify.report.document import read_extended
from clarify.results import AnalysisResult, BiasSection, FacetBias, GroupCounts, Notice
from clarify.steps.check_model_quality import FOLDER

MOST_COUNTED_ROWS = 20_000_000        # counts are laid out as rows again: about 40 bytes each


@dataclass(frozen=True)
class WrittenQualityReference:
    """What was written where; ``from_counts``: no row was read, so there is neither a score nor an area."""

    problem_type: ProblemType
    rows: int
    files: tuple[str, ...]
    from_counts: bool
    notices: tuple[Notice, ...] = ()


def write_model_quality_reference(
    analysis_uri: str,
    output_uri: str,
    *,
    config: AnalysisConfig | None = None,
    columns: QualityColumns | None = None,
    data_uri: str | None = None,
    csv_header: CsvHeader = "guess",
) -> WrittenQualityReference:
    """Write ``model_quality/{statistics,constraints,groups}.json``; thresholds are the values of the analysis.

    With ``config`` and ``columns`` the rows are read, from ``data_uri`` or where the analysis found them; else the
    counts in ``extended.json`` are enough for the rates of two classes, and only for those.

    Raises
    ------
    ConstraintsError
        QUALITY-NO-PREDICTIONS when there are no counts of predicted labels and no columns to read; QUALITY-DATA when
        the rows are not those that were analysed.
    """
    result = read_extended(storage.read_bytes(storage.join(analysis_uri, "extended.json")))
    if config is not None and columns is not None:
        table = read_scored_rows(data_uri or result.dataset.uri, config, columns, csv_header=csv_header)
        if table.digest != result.dataset.digest:
            raise ConstraintsError(_other_data(result, table.digest))
        rows, readings = table.rows, table.readings
    else:
        rows, readings = _from_counts(result)
    statistics = measure_quality(rows)
    reference = suggest_quality_constraints(statistics, positive=readings.positive, readings=readings.readings)
    documents = {
        STATISTICS_FILE: statistics_document(statistics),
        CONSTRAINTS_FILE: constraints_document(reference),
        GROUPS_FILE: groups_document(reference),
    }
    for name, content in documents.items():
        storage.write_bytes(storage.join(output_uri, FOLDER, name), content)
    files = tuple(f"{FOLDER}/{name}" for name in documents)
    return WrittenQualityReference(rows.problem_type, rows.rows, files, columns is None, statistics.notices)


def _other_data(result: AnalysisResult, digest: str) -> Problem:
    hint = "name the data that were analysed, or analyse these"
    allowed = f"the rows of the analysis, SHA-256 {result.dataset.digest}"
    return Problem("QUALITY-DATA", "dataset", f"data with SHA-256 {digest}", allowed, hint)


# --- from counts ------------------------------------------------------------------------------------------------------


def _from_counts(result: AnalysisResult) -> tuple[ScoredRows, QualityReadings]:
    """The confusion counts of all facets as rows again, in a fixed order.

    Only the counts of single facets are known, not of facets together, so rows are laid out by the first facet, and
    the groups of the others hold rows of the right kinds in the right numbers.
    """
    section = result.post_training
    if section is None or not section.facets:
        hint = "analyse with methods.post_training_bias, or name the columns of label and prediction"
        allowed = "counts of predicted labels in extended.json"
        raise ConstraintsError(Problem("QUALITY-NO-PREDICTIONS", "reference", "none", allowed, hint))
    totals = _confusion(section.facets[0])
    n_rows = int(totals.sum())
    if n_rows > MOST_COUNTED_ROWS:
        hint = "name the columns of label and prediction, of a sample if need be"
        allowed = f"at most {MOST_COUNTED_ROWS:,} rows"
        raise ConstraintsError(Problem("QUALITY-TOO-MANY-ROWS", "reference", f"{n_rows:,}", allowed, hint))
    cells = np.repeat(np.arange(4), totals)
    groups = tuple(_groups(section, cells))
    known = result.dataset.rows - n_rows
    rows = ScoredRows("BinaryClassification", cells // 2, cells % 2, None, BINARY, groups, known)
    return rows, QualityReadings("BinaryClassification", BINARY, "", _readings(section))


def _confusion(facet: FacetBias) -> NDArray[np.int64]:
    """Rows by label and predicted label: true negatives, false positives, false negatives, true positives."""
    counts = facet.counts
    cells: NDArray[np.int64] = np.array([_cells(group) for group in (counts.a, counts.d, counts.unknown)]).sum(axis=0)
    return cells


def _cells(group: GroupCounts) -> tuple[int, int, int, int]:
    return group.true_negatives, group.false_positives, group.false_negatives, group.true_positives


def _groups(section: BiasSection, cells: NDArray[np.int64]) -> Iterator[RowGroup]:
    groups_of = Counter(facet.facet for facet in section.facets)
    for facet in section.facets:
        threshold = _threshold(facet.value_or_threshold)
        yield RowGroup(group_name(facet.facet, facet.value_or_threshold, threshold), _members(facet.counts.d, cells))
        if groups_of[facet.facet] == 1:
            yield RowGroup(group_name(facet.facet, REST), _members(facet.counts.a, cells))


def _members(group: GroupCounts, cells: NDArray[np.int64]) -> NDArray[np.bool_]:
    """So many rows of every cell as the group has; which ones does not matter for its rates."""
    members = np.zeros(len(cells), dtype=bool)
    starts = np.searchsorted(cells, np.arange(4))
    for start, count in zip(starts, _cells(group), strict=True):
        members[start : start + count] = True
    return members


def _readings(section: BiasSection) -> dict[str, str]:
    texts = {facet.facet: facet.value_or_threshold for facet in section.facets}
    texts[section.label] = section.label_value_or_threshold
    return {column: "categorical" if _threshold(text) is None else "continuous" for column, text in texts.items()}


def _threshold(text: str) -> float | None:
    """The lower end of AWS's text of a range, ``(40.0, 60.0]``; None for listed values."""
    if not (text.startswith("(") and text.endswith("]") and "," in text):
        return None
    try:
        return float(text[1:].split(",")[0])
    except ValueError:
        return None
