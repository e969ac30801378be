"""What a batch transform left behind: manifests, or lines of output with ids and times, as captured requests."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson

from clarify.data import storage
from clarify.data.capture import LineFaults, Request, text_lines
from clarify.data.dated_folders import DatedFile
from clarify.data.json_values import parse_json
from clarify.data.moments import UNDATED, microseconds, read_moment
from clarify.data.payloads import Cells, Payload, UnreadablePayload, csv_line, csv_records
from clarify.data.remarks import Remarks
from clarify.errors import DataError, Problem, clip

MOST_MANIFEST_BYTES: Final = 16 * 1024 * 1024
OUTPUT: Final = "SageMakerOutput"
ID, TIME = "SageMakerInferenceId", "SageMakerInferenceTime"
BATCH_OUTPUT: Final = "batchTransformOutput"


@dataclass(frozen=True)
class BatchFile:
    """A file of records; ``is_input`` when nothing was answered in it yet, so that the hour of its manifest counts."""

    file: DatedFile
    is_input: bool


def batch_files(files: Sequence[DatedFile], *, uri: str, is_input: bool) -> Iterator[BatchFile]:
    """The files that manifests name, and those that are no manifest themselves, each once.

    Raises
    ------
    DataError
        WINDOW-MANIFEST for a manifest that is none, or points to another kind of place than ``uri``.
    """
    seen: set[str] = set()
    for file in files:
        for named in _named_by(file, uri):
            if named.uri not in seen:
                seen.add(named.uri)
                yield BatchFile(named, is_input)


def read_batch(
    files: Sequence[BatchFile], faults: LineFaults, *, n_features: int | None
) -> Iterator[tuple[Request, bool]]:
    """One request for each line, and whether its moment names no zone.

    A line is an object with ``SageMakerOutput``, or CSV: features, what was answered, inference id, time. Lines of
    input have neither answer nor time, and are dated by their manifest's hour.
    """
    remarks: Remarks = Counter()
    for batch in files:
        for number, line in text_lines(batch.file, faults):
            try:
                yield _request(line, batch, n_features, remarks)
            except (UnreadablePayload, orjson.JSONDecodeError, UnicodeDecodeError) as error:
                faults.note(batch.file.uri, number, str(error))


def _named_by(file: DatedFile, uri: str) -> Iterator[DatedFile]:
    manifest = _manifest(file)
    if manifest is None:
        yield file
        return
    prefix, *names = manifest
    start = prefix.get("prefix") if isinstance(prefix, dict) else None
    if not isinstance(start, str) or not all(isinstance(name, str) for name in names):
        raise DataError(_bad_manifest(file, clip(str(manifest[:2])), '[{"prefix": "s3://..."}, "file", ...]'))
    if storage.scheme(start) != storage.scheme(uri) or any(".." in name.split("/") for name in names):
        raise DataError(_bad_manifest(file, clip(start), f"files where {uri} is"))
    for name in names:
        named = storage.join(start, name.lstrip("/"))
        yield DatedFile(file.hour, named, storage.size(named))


def _manifest(file: DatedFile) -> list[Any] | None:
    """The array of a manifest; None for a file of records."""
    if file.bytes > MOST_MANIFEST_BYTES or file.uri.endswith(".gz"):
        return None
    content = storage.read_bytes(file.uri)
    if not content.lstrip().startswith(b"["):
        return None
    try:
        found = orjson.loads(content)
    except orjson.JSONDecodeError:
        return None                                      # several lines of JSON, or CSV that begins with a bracket
    is_manifest = isinstance(found, list) and bool(found) and isinstance(found[0], dict) and "prefix" in found[0]
    return found if is_manifest else None


def _request(line: bytes, batch: BatchFile, n_features: int | None, remarks: Remarks) -> tuple[Request, bool]:
    if line.startswith((b"{", b"[")):
        found = parse_json(line, remarks)
        if batch.is_input:
            return Request(microseconds(batch.file.hour), "", None, Payload(found, "VALUE"), None, line), False
        if not isinstance(found, dict) or OUTPUT not in found:
            raise UnreadablePayload(f"no {OUTPUT}")
        moment, is_naive = read_moment(found.get(TIME))
        event = found.get(ID)
        answered = _answer(found[OUTPUT])
        return Request(moment, "" if event is None else str(event), None, Payload(found, "VALUE"), answered, line), (
            is_naive)
    (cells,) = csv_records(line.decode()) or [[]]
    if batch.is_input:
        return Request(microseconds(batch.file.hour), "", None, Payload(cells, "CELLS"), None, line), False
    return _of_cells(cells, n_features, line)


def _answer(output: Any) -> Payload | None:
    """Output of JSON as it is; text is a line of CSV."""
    if output is None:
        return None
    return Payload(output, "CSV") if isinstance(output, str) else Payload(output, "VALUE")


def _of_cells(cells: Cells, n_features: int | None, line: bytes) -> tuple[Request, bool]:
    if len(cells) < 4:
        raise UnreadablePayload(f"{len(cells)} cells: features, answer, {ID} and {TIME} were expected")
    *rest, event, time = cells
    width = n_features if n_features is not None and n_features < len(rest) else len(rest) - 1
    moment, is_naive = read_moment(time) if time is not None else (UNDATED, False)
    answered = Payload(csv_line(rest[width:]), "CSV")
    return Request(moment, event or "", None, Payload(rest[:width], "CELLS"), answered, line), is_naive


def _bad_manifest(file: DatedFile, received: str, allowed: str) -> Problem:
    hint = "mend the manifest, or name other files in window.uri"
    return Problem("WINDOW-MANIFEST", file.uri, received, allowed, hint)
