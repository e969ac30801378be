"""Hold the quality of the model in one window against its reference: rows in, findings and documents out."""

from __future__ import annotations

from dataclasses import dataclass

from clarify.config.analysis import AnalysisConfig
from clarify.data import storage
from clarify.data.csv_header import CsvHeader
from clarify.data.scored_rows import QualityColumns, QualityReadings, read_scored_rows
from clarify.drift.model_quality import QualityStatistics, measure_quality
from clarify.drift.model_quality_documents import (
    CONSTRAINTS_FILE,
    GROUPS_FILE,
    read_quality_reference,
    statistics_document,
    violations_document,
)
from clarify.drift.quality_rules import QualityReference, judge_quality, model_quality_status
from clarify.errors import ConstraintsError, Problem
from clarify.records import ModelQuality, Rule, Window

__all__ = [
    "QualityCheck",
    "QualityColumns",
    "examine_model_quality",
    "model_quality_status",
    "open_quality_reference",
]

FOLDER = "model_quality"


@dataclass(frozen=True)
class QualityCheck:
    """What one window showed, and the service's two documents of it."""

    quality: ModelQuality
    statistics: bytes                  # statistics.json
    violations: bytes                  # constraint_violations.json


def examine_model_quality(
    data_uri: str,
    config: AnalysisConfig,
    columns: QualityColumns,
    reference_uri: str,
    *,
    rule: Rule,
    alarms_per_month: float,
    windows_per_month: float,
    window: Window | None = None,
    csv_header: CsvHeader = "guess",
) -> QualityCheck:
    """Measure one window and hold it against the reference's constraints.

    Parameters
    ----------
    data_uri : the window's rows, in the format that the config names
    reference_uri : a folder with ``model_quality/constraints.json`` or ``constraints.json``, or that file itself
    alarms_per_month, windows_per_month : what the rule ``decision`` may spend, and over how many windows
    window : goes into ``statistics.json``, and nowhere else

    Raises
    ------
    ConstraintsError
        QUALITY-REFERENCE when there is none, QUALITY-CONSTRAINTS when it cannot be read.
    ConfigError, DataError
        When columns are missing or cannot be read; a window of one class is no error.
    """
    reference = open_quality_reference(reference_uri)
    known = QualityReadings(reference.problem_type, reference.classes, reference.positive, reference.readings)
    table = read_scored_rows(data_uri, config, columns, known=known, csv_header=csv_header)
    statistics = measure_quality(table.rows)
    quality = judge_quality(
        statistics, reference, rule=rule, alarms_per_month=alarms_per_month, windows_per_month=windows_per_month
    )
    return _documented(quality, statistics, window)


def _documented(quality: ModelQuality, statistics: QualityStatistics, window: Window | None) -> QualityCheck:
    return QualityCheck(quality, statistics_document(statistics, window=window), violations_document(quality))


def open_quality_reference(uri: str) -> QualityReference:
    """The constraints at a URI, with our own file beside them if it is there.

    Raises
    ------
    ConstraintsError
        QUALITY-REFERENCE, QUALITY-CONSTRAINTS.
    """
    places = (storage.join(uri, FOLDER), storage.normalise(uri))
    folder = next((place for place in places if storage.exists(storage.join(place, CONSTRAINTS_FILE))), None)
    if folder is None and uri.endswith(".json") and storage.exists(uri):
        return read_quality_reference(storage.read_bytes(uri))
    if folder is None:
        hint = "write it with clarify constraints suggest, or name AWS's constraints.json"
        allowed = f"a folder with {FOLDER}/{CONSTRAINTS_FILE}, or that file"
        raise ConstraintsError(Problem("QUALITY-REFERENCE", "reference", uri, allowed, hint))
    groups = storage.join(folder, GROUPS_FILE)
    found = storage.read_bytes(groups) if storage.exists(groups) else None
    return read_quality_reference(storage.read_bytes(storage.join(folder, CONSTRAINTS_FILE)), found)
