"""From a published analysis to the reference of monitors: its values, how well they are known, and other parts."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass

from clarify.data import storage
from clarify.drift.constraints import BiasReference, bias_reference
from clarify.errors import ConstraintsError, DataError, Problem
from clarify.report.document import read_extended
from clarify.report.provenance import FileRecord, file_record, manifest_document
from clarify.results import AnalysisResult
from clarify.steps.published import MANIFEST, find_published, read_published
from clarify.steps.reference import (
    ANALYSIS,
    CONSTRAINTS,
    TYPES,
    Constraints,
    PartRecord,
    Reference,
    constraints_document,
    read_reference,
)
from clarify.steps.reference_parts import PARTS, SuggestRequest, WritePart

EXTENDED = "extended.json"


@dataclass(frozen=True)
class Suggested:
    """The reference that was written, its files by path, and which parts it has not, and why."""

    reference: Reference
    files: tuple[str, ...]
    missing: tuple[str, ...] = ()


def suggest_constraints(request: SuggestRequest, *, parts: Sequence[WritePart] = PARTS) -> Suggested:
    """Write the reference of an analysis: its ``analysis.json``, our ``constraints.json``, and every other part.

    The manifest of an older reference goes first and the new one comes last, so a reader who sees it sees all.

    Raises
    ------
    ConfigError
        PUB-FOLDER when the folder is no published analysis.
    DataError
        PUB-CHANGED when a file is not what was published.
    ConstraintsError
        REF-SAME-FOLDER, REF-OCCUPIED, REF-NOTHING when there is nothing to compare with.
    """
    analysis_uri, output_uri = request.analysis_uri, request.output_uri
    if storage.normalise(analysis_uri) == storage.normalise(output_uri):
        raise ConstraintsError(
            Problem("REF-SAME-FOLDER", "--output", output_uri, "another folder than the analysis",
                    "name a folder of its own: a reference has files of the same names")
        )
    analysis = read_published(analysis_uri, named_by="--from")
    contents = {name: analysis.read(name) for name in (EXTENDED, ANALYSIS)}
    result = _result(contents[EXTENDED])
    _remove_older(output_uri)
    storage.write_bytes(storage.join(output_uri, ANALYSIS), contents[ANALYSIS])
    written = [write(request, result) for write in parts]
    paths = (ANALYSIS, *(path for part in written for path in part.paths))
    bias = _bias(result)
    if bias is None and not set(paths) - {ANALYSIS, TYPES}:
        raise ConstraintsError(
            Problem("REF-NOTHING", "--from", analysis_uri, "an analysis with bias metrics or explanations",
                    "ask for bias metrics in the config, run the analysis again")
        )
    _write(output_uri, contents[EXTENDED], result, bias, paths)
    missing = tuple(part.missing_because for part in written if not part.paths)
    return Suggested(read_reference(output_uri), (*sorted(paths), CONSTRAINTS, MANIFEST), missing)


def suggested_text(suggested: Suggested) -> str:
    """What was written, and what to do with it."""
    bias, uri = suggested.reference.bias, suggested.reference.uri
    judged = 0 if bias is None else sum(series.interval is not None for series in bias.series)
    total = 0 if bias is None else len(bias.series)
    return "\n".join([
        f"reference: {uri}",
        *(f"  {path}" for path in suggested.files),
        *suggested.missing,
        f"{judged} of {total} bias series have an interval, which is their allowed range with the rule decision",
        "",
        f"next: name it in monitor.yaml as\n  reference: {uri}\nand run\n  clarify monitor run monitor.yaml",
    ])


def suggested_json(suggested: Suggested) -> str:
    """The same for programs."""
    reference = suggested.reference
    return json.dumps(
        {
            "reference": reference.uri,
            "sha256": reference.digest,
            "files": list(suggested.files),
            "missing": list(suggested.missing),
        },
        indent=2,
    )


def _result(extended: bytes) -> AnalysisResult:
    try:
        return read_extended(extended)
    except DataError as error:
        raise ConstraintsError(*error.problems) from error


def _bias(result: AnalysisResult) -> BiasReference | None:
    bias = bias_reference(result)
    return bias if bias.series else None


def _remove_older(output_uri: str) -> None:
    """The manifest of a reference that is there already, then all it lists."""
    older = find_published(output_uri, named_by="--output")
    if older is None:
        return
    if not older.has(CONSTRAINTS):
        raise ConstraintsError(
            Problem("REF-OCCUPIED", "--output", output_uri, "a folder for the reference alone",
                    f"its {MANIFEST} is of something else that was published there: name another folder")
        )
    storage.delete(storage.join(output_uri, MANIFEST))
    for path in older.files:
        if not path.startswith("/") and ".." not in path.split("/"):
            storage.delete(storage.join(output_uri, path))


def _write(
    output_uri: str, extended: bytes, result: AnalysisResult, bias: BiasReference | None, paths: tuple[str, ...]
) -> None:
    files = {path: _record(storage.join(output_uri, path)) for path in sorted(paths)}
    document = constraints_document(Constraints(
        config_digest=result.config_digest,
        dataset_digest=result.dataset.digest,
        analysis_sha256=hashlib.sha256(extended).hexdigest(),
        bias=bias,
        parts=tuple(PartRecord(path, record.sha256) for path, record in files.items()),
    ))
    storage.write_bytes(storage.join(output_uri, CONSTRAINTS), document)
    files[CONSTRAINTS] = file_record(document, reproducible=True)
    storage.write_bytes(storage.join(output_uri, MANIFEST), manifest_document(files))


def _record(uri: str) -> FileRecord:
    return FileRecord(storage.digest(uri), storage.size(uri), True)
