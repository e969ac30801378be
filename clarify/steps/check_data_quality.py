"""Hold one window of data to the reference of data quality: count, let Great Expectations check, judge."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from clarify.config.parse import parse_analysis_config
from clarify.data.addressing import open_dataset
from clarify.data.column_statistics import Against, ColumnStatistics, SourceStatistics
from clarify.data.constraint_checks import check_constraints
from clarify.data.csv_header import CsvHeader
from clarify.data.quality_summary import inferred_type, summarise
from clarify.data.source import Source
from clarify.drift.data_quality import Columns, QualityTerms, checks_of, judge
from clarify.drift.quality_reference import QualityReference
from clarify.drift.quality_shares import ObservedColumn
from clarify.drift.quality_values import Statistics
from clarify.engines.base import Engine
from clarify.errors import ConfigError, Problem
from clarify.records import DataQuality, Rule
from clarify.steps.named_document import read_named
from clarify.steps.quality_reference import KeptReference, count_columns

UNLISTED = 3                              # unknown texts that a violation quotes


@dataclass(frozen=True)
class CheckedWindow:
    """What was found, with AWS's statistics of the window itself and the digest of its rows."""

    quality: DataQuality
    statistics: Statistics
    digest: str


def open_described(config_uri: str, *, dataset_uri: str | None = None, csv_header: CsvHeader = "guess") -> Source:
    """The dataset of an analysis config; the config's own ``dataset_uri`` wins over the one given.

    Raises
    ------
    ConfigError
        CFG-NOT-FOUND, CFG-MISSING, and every problem of the config.
    DataError, StorageError
        What opening the dataset raises.
    """
    config = parse_analysis_config(read_named(config_uri, "config")).config
    uri = config.dataset_uri or dataset_uri
    if uri is None:
        hint = "name the data to check"
        raise ConfigError(Problem("CFG-MISSING", "dataset_uri", "nothing", "the URI of a file or folder", hint))
    return open_dataset(config, uri, csv_header=csv_header)[0]


def check_window(
    window: Source,
    kept: KeptReference,
    *,
    engine: Engine,
    rule: Rule = "decision",
    alarms_per_month: float = 1.0,
    windows_per_month: float | None = None,
    key: str | None = None,
    columns: Sequence[str] | None = None,
    ignored: Sequence[str] = (),
) -> CheckedWindow:
    """Check a window against a reference folder or AWS's ``constraints.json``, as it was read.

    Parameters
    ----------
    windows_per_month : float or None
        How often the monitor looks; None for one check by itself, at level .05.
    key : str or None
        Of the random splits; None: the digests of reference and window.
    columns : sequence of str or None
        Columns of the reference that the window is to have; None: all of them.
    ignored : sequence of str
        Columns of the window that are no data, such as an event's id and time.

    Raises
    ------
    ConstraintsError
        When the reference is not there or unreadable.
    DataError
        DATA-EMPTY for a window without rows, and what reading it raises.
    """
    reference = kept.reference if columns is None else kept.reference.only(columns)
    counted = count_columns(window, engine, asked_of(reference))
    digests = hashlib.sha256(f"{kept.digest} {counted.digest}".encode()).hexdigest()
    terms = QualityTerms(rule, alarms_per_month, windows_per_month, key if key is not None else digests)
    known = {*ignored, *(name for name in kept.reference.names if name not in reference.names)}
    quality = judge_counted(counted, reference, terms, left_out=tuple(known))
    return CheckedWindow(quality, summarise(counted), counted.digest)


def judge_counted(
    counted: SourceStatistics, reference: QualityReference, terms: QualityTerms, *, left_out: Sequence[str] = ()
) -> DataQuality:
    """Judge a window that was counted against :func:`asked_of` the reference; ``left_out``: columns not looked at."""
    asked = asked_of(reference)
    names = tuple(name for name in counted.names if name not in left_out or name in reference.names)
    window = {
        column.name: _observed(column, asked[column.name]) for column in counted.columns if column.name in asked
    }
    checks = checks_of(reference, window)
    outcome = check_constraints(
        [check.observed for check in checks], [check.required for check in checks],
        columns=names, expected=reference.names,
    )
    columns = Columns(outcome.missing, outcome.extra, len(names), len(reference.names))
    return judge(reference, window, columns, checks, outcome.met, terms)


def asked_of(reference: QualityReference) -> dict[str, Against]:
    """What each column of the reference has to be counted against."""
    asked: dict[str, Against] = {}
    for feature in reference.constraints.features:
        distribution = reference.distribution(feature.name)
        categories = distribution.categories if distribution is not None else ()
        listed = tuple(dict.fromkeys((*categories, *(feature.domains or ()))))
        asked[feature.name] = Against(distribution.cuts if distribution is not None else (), listed)
    return asked


def _observed(column: ColumnStatistics, against: Against) -> ObservedColumn:
    known = set(against.listed)
    unknown = sorted((-count, text) for text, count in column.texts or () if text not in known) if known else []
    return ObservedColumn(
        column.name, inferred_type(column), column.rows, column.missing, column.numbers, column.whole, column.negative,
        column.bins, tuple(zip(against.listed, column.listed, strict=True)),
        tuple(text for _, text in unknown[:UNLISTED]),
    )
