"""The reference of data quality: counted from a dataset and written, or read back, AWS's own documents included."""

from __future__ import annotations

import hashlib
import posixpath
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

from clarify.data import storage
from clarify.data.column_statistics import Against, SourceStatistics, merge_statistics, read_file_statistics
from clarify.data.quality_summary import distributions, suggest, summarise
from clarify.data.source import Source
from clarify.drift.quality_documents import constraints_document, distributions_document, statistics_document
from clarify.drift.quality_reading import read_constraints, read_distributions, read_statistics
from clarify.drift.quality_reference import QualityReference, aws_distributions
from clarify.engines.base import Engine
from clarify.errors import ConstraintsError, Problem

FOLDER = "data_quality"
STATISTICS, CONSTRAINTS, DISTRIBUTIONS = "statistics.json", "constraints.json", "distributions.json"


@dataclass(frozen=True)
class KeptReference:
    """A reference of data quality as it was read; ``digest``: SHA-256 over its documents."""

    uri: str
    reference: QualityReference
    digest: str


def count_columns(source: Source, engine: Engine, against: Mapping[str, Against] | None = None) -> SourceStatistics:
    """Every column of a dataset counted in one pass, also ``against`` cuts and texts by column.

    Raises
    ------
    DataError
        DATA-EMPTY, and what reading the files raises.
    """
    work = partial(read_file_statistics, source, dict(against or {}))
    return merge_statistics(source, engine.map(work, source.files, stage="reading"))


def write_data_quality_reference(source: Source, output_uri: str, *, engine: Engine) -> tuple[str, ...]:
    """Write ``data_quality/{statistics,distributions,constraints}.json`` below a folder, constraints last.

    Returns
    -------
    tuple of str
        Paths below ``output_uri``, in the order they were written.

    Raises
    ------
    DataError
        DATA-EMPTY, and what reading the files raises.
    """
    counted = count_columns(source, engine)
    documents = {
        STATISTICS: statistics_document(summarise(counted)),
        DISTRIBUTIONS: distributions_document(distributions(counted)),
        CONSTRAINTS: constraints_document(suggest(counted)),
    }
    for name, content in documents.items():
        storage.write_bytes(storage.join(output_uri, FOLDER, name), content)
    return tuple(f"{FOLDER}/{name}" for name in documents)


def read_data_quality_reference(uri: str) -> KeptReference:
    """Read the reference at a folder (its ``data_quality`` or itself), or at a ``constraints.json`` and beside it.

    AWS's documents are read as they are: without ``distributions.json`` the buckets of ``statistics.json`` serve.

    Raises
    ------
    ConstraintsError
        DQ-NOT-FOUND, and what reading the documents raises.
    """
    constraints_uri = _constraints_uri(uri)
    folder = posixpath.dirname(constraints_uri)
    content = {CONSTRAINTS: storage.read_bytes(constraints_uri)}
    for name in (STATISTICS, DISTRIBUTIONS):
        if storage.exists(storage.join(folder, name)):
            content[name] = storage.read_bytes(storage.join(folder, name))
    digest = hashlib.sha256()
    for name in sorted(content):
        digest.update(name.encode() + hashlib.sha256(content[name]).digest())
    return KeptReference(constraints_uri, _reference(content), digest.hexdigest())


def _reference(content: Mapping[str, bytes]) -> QualityReference:
    statistics = read_statistics(content[STATISTICS]) if STATISTICS in content else None
    if DISTRIBUTIONS in content:
        counts, is_ours = read_distributions(content[DISTRIBUTIONS]), True
    else:
        counts, is_ours = aws_distributions(statistics) if statistics is not None else (), False
    return QualityReference(read_constraints(content[CONSTRAINTS]), statistics, counts, is_ours)


def _constraints_uri(uri: str) -> str:
    uri = storage.normalise(uri)
    places = [uri] if uri.endswith(".json") else [
        storage.join(uri, FOLDER, CONSTRAINTS), storage.join(uri, CONSTRAINTS)
    ]
    for place in places:
        if storage.exists(place):
            return place
    hint = "write it with `clarify constraints suggest`, or copy AWS's constraints.json and statistics.json there"
    raise ConstraintsError(Problem("DQ-NOT-FOUND", "reference", uri, " or ".join(places), hint))
