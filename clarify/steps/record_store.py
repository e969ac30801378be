"""Where a monitor's records live: one folder for each window and revision, published whole, never touched again."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from clarify.data import storage
from clarify.errors import DataError, Problem, StorageError, clip
from clarify.records import MonitorRecord, Status, Window
from clarify.report.encoding import dump, from_plain, load, to_plain
from clarify.report.provenance import FileRecord, file_record, manifest_document, utc_text

WINDOWS = "windows"
MANIFEST = "manifest.json"
RECORD = "record.json"
RUN = "run.json"
SEEN = "seen.json"
ANALYSIS = "analysis"

_WINDOW = re.compile(r"(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z")


@dataclass(frozen=True)
class RunNote:
    """What is true of the run that wrote a record, and of no rerun; times are ISO 8601 in UTC."""

    fingerprint: str                           # of what lay in the window's places when the run began
    started_at: str
    finished_at: str
    scheduled_at: str | None = None
    seconds: float | None = None
    host: str | None = None
    engine: str = "local"
    command: str = ""
    flow_run_id: str | None = None
    tracking_run_id: str | None = None
    trigger: str = "schedule"                  # why the window was looked at
    since: str = ""                            # start of the first of the windows in a row with this status
    last_success_at: str | None = None         # when a run of this monitor last ended in anything but ERROR


@dataclass(frozen=True)
class StoredRecord:
    """A published record and its folder."""

    record: MonitorRecord
    folder_uri: str

    @property
    def analysis_uri(self) -> str:
        return storage.join(self.folder_uri, ANALYSIS)


@dataclass(frozen=True)
class Revision:
    """A folder to publish one record in."""

    folder_uri: str
    number: int

    @property
    def analysis_uri(self) -> str:
        return storage.join(self.folder_uri, ANALYSIS)


@dataclass(frozen=True)
class Look:
    """What was in a window's places when somebody last looked, and when that was."""

    fingerprint: str
    looked_at: datetime


def window_folder(output_uri: str, window: Window) -> str:
    """The folder of all revisions of a window; also what a run of it locks."""
    return storage.join(output_uri, WINDOWS, window.name)


# --- reading ----------------------------------------------------------------------------------------------------------


def windows_seen(output_uri: str) -> tuple[Window, ...]:
    """Every window that a run has begun, in order of time; one listing of names, however long the history."""
    names = storage.list_folders(storage.join(output_uri, WINDOWS))
    return tuple(window for name in names if (window := _named(name)) is not None)


def find_records(output_uri: str, window: Window) -> tuple[StoredRecord, ...]:
    """The published records of one window, by revision.

    Raises
    ------
    DataError
        RECORD-ALTERED or DOC-..., when a record is not what its manifest vouches for or cannot be read.
    """
    found = (_load(folder) for _, folder in _revisions(output_uri, window))
    return tuple(stored for stored in found if stored is not None)


def latest(output_uri: str, window: Window) -> StoredRecord | None:
    """The published record of the highest revision."""
    return next(_newest_first(output_uri, window), None)


def latest_finding(output_uri: str, window: Window) -> StoredRecord | None:
    """The published record of the highest revision that is not an ERROR: a failed second look hides no first one."""
    return next((s for s in _newest_first(output_uri, window) if s.record.status is not Status.ERROR), None)


def past_records(output_uri: str, before: Window, *, most: int) -> tuple[MonitorRecord, ...]:
    """The most recent ``most`` windows that end before ``before`` starts, or as it does, oldest first.

    Of each its latest finding, or its latest ERROR where there is no finding; windows without a published record are
    left out and do not count.
    """
    earlier = (window for window in reversed(windows_seen(output_uri)) if window.end <= before.start)
    found: list[MonitorRecord] = []
    for window in earlier:
        if len(found) >= most:
            break
        stored = latest_finding(output_uri, window) or latest(output_uri, window)
        found += [stored.record] if stored is not None else []
    return tuple(reversed(found))


def already_done(output_uri: str, window: Window, inputs_digest: str) -> StoredRecord | None:
    """The latest finding of a window, if it is of these very inputs; an ERROR is not done."""
    stored = latest_finding(output_uri, window)
    return stored if stored is not None and stored.record.inputs_digest == inputs_digest else None


def read_note(stored: StoredRecord) -> RunNote:
    """What is true of the run that wrote a record."""
    uri = storage.join(stored.folder_uri, RUN)
    return from_plain(RunNote, load(storage.read_bytes(uri), field=uri), field=uri)


def documents_of(stored: StoredRecord) -> dict[str, bytes]:
    """The record and the documents beside it, by their paths; without the analysis."""
    manifest = storage.read_bytes(storage.join(stored.folder_uri, MANIFEST))
    paths = (path for path in _files_of(manifest, stored.folder_uri) if "/" not in path)
    return {path: storage.read_bytes(storage.join(stored.folder_uri, path)) for path in paths}


def last_look(stored: StoredRecord) -> Look:
    """What was in the window's places when a run last looked at them, whether or not it found anything new."""
    uri = storage.join(stored.folder_uri, SEEN)
    content = _read_if_there(uri)
    if content is None:
        note = read_note(stored)
        return Look(note.fingerprint, datetime.fromisoformat(note.started_at))
    seen = load(content, field=uri)
    fingerprint, looked_at = (from_plain(str, seen.get(key), field=f"{uri}: {key}") for key in ("fingerprint", "at"))
    return Look(fingerprint, datetime.fromisoformat(looked_at))


# --- writing ----------------------------------------------------------------------------------------------------------


def begin_revision(output_uri: str, window: Window) -> Revision:
    """The folder for the next record of a window, to be called by who holds its lock.

    What an earlier run left half-written is the folder again, emptied but for the work that a run resumes from.
    """
    numbers = dict(_revisions(output_uri, window))
    number = max(numbers, default=0)
    if number == 0 or storage.exists(storage.join(numbers[number], MANIFEST)):
        number += 1
    folder = storage.join(window_folder(output_uri, window), f"r{number}")
    if number in numbers:
        for file in storage.list_files(folder):
            storage.delete(file.uri)
    return Revision(folder, number)


def publish_record(
    folder_uri: str,
    record: MonitorRecord,
    documents: Mapping[str, bytes],
    *,
    note: RunNote,
    make_sure: Callable[[], None] | None = None,
) -> StoredRecord:
    """Write a record, the documents beside it and the note of the run; then the manifest, which makes them all exist.

    Parameters
    ----------
    folder_uri : of ``begin_revision``; what an analysis published in its ``analysis/`` is vouched for too
    documents : contents by path below the folder, the same whenever the findings are
    note : ``since`` and ``last_success_at`` are found out here
    make_sure : called last before the manifest; ``Claimed.make_sure`` keeps a run that lost its window from publishing
    """
    output_uri = _output_of(folder_uri, record)
    note = _with_history(output_uri, record, note)
    files = _analysis_files(folder_uri)
    for path, content in sorted({**documents, RECORD: dump(to_plain(record, field="record"))}.items()):
        files[path] = _write(folder_uri, path, content, True)
    files[RUN] = _write(folder_uri, RUN, dump(to_plain(note, field="run")), False)
    if make_sure is not None:
        make_sure()
    storage.write_bytes(storage.join(folder_uri, MANIFEST), manifest_document(files))
    for leftover in (".work", f"{ANALYSIS}/.work"):
        storage.delete(storage.join(folder_uri, leftover))
    return StoredRecord(record, folder_uri)


def remember_look(stored: StoredRecord, look: Look) -> None:
    """Note that a published window was looked at again and nothing new came of it; the manifest does not cover that."""
    plain = {"fingerprint": look.fingerprint, "at": utc_text(look.looked_at)}
    storage.write_bytes(storage.join(stored.folder_uri, SEEN), dump({**plain}))


# --- folders and files ------------------------------------------------------------------------------------------------


def _named(name: str) -> Window | None:
    """The window that a folder is called after; None for a folder that is no window's.

    >>> _named("20261101T000000Z-20261102T000000Z")
    Window(start='2026-11-01T00:00:00Z', end='2026-11-02T00:00:00Z')
    """
    found = [_WINDOW.fullmatch(moment) for moment in name.split("-")]
    if len(found) != 2 or not all(found):
        return None
    start, end = ("{}-{}-{}T{}:{}:{}Z".format(*match.groups()) for match in found if match)
    return Window(start, end)


def _revisions(output_uri: str, window: Window) -> tuple[tuple[int, str], ...]:
    """Numbers and folders of a window's revisions, published or not, by number."""
    folder = window_folder(output_uri, window)
    names = (name for name in storage.list_folders(folder) if re.fullmatch(r"r[1-9]\d*", name))
    return tuple(sorted((int(name[1:]), storage.join(folder, name)) for name in names))


def _newest_first(output_uri: str, window: Window) -> Iterator[StoredRecord]:
    for _, folder in reversed(_revisions(output_uri, window)):
        stored = _load(folder)
        if stored is not None:
            yield stored


def _load(folder_uri: str) -> StoredRecord | None:
    """The record that a folder's manifest vouches for; None without a manifest."""
    manifest = _read_if_there(storage.join(folder_uri, MANIFEST))
    if manifest is None:
        return None
    uri = storage.join(folder_uri, RECORD)
    content = _read_if_there(uri) or b""
    vouched = _files_of(manifest, folder_uri).get(RECORD)
    received = hashlib.sha256(content).hexdigest()
    if vouched is None or vouched.sha256 != received:
        allowed = "the bytes that the manifest beside it vouches for"
        raise DataError(Problem("RECORD-ALTERED", clip(uri), f"SHA-256 {received}", allowed,
                                "restore the file, or remove the revision's folder to look at the window again"))
    return StoredRecord(from_plain(MonitorRecord, load(content, field=uri), field=uri), folder_uri)


def _read_if_there(uri: str) -> bytes | None:
    try:
        return storage.read_bytes(uri)
    except StorageError as error:
        if error.problems[0].code != "STORAGE-NOT-FOUND":
            raise
        return None


def _files_of(manifest: bytes, folder_uri: str) -> dict[str, FileRecord]:
    uri = storage.join(folder_uri, MANIFEST)
    files = load(manifest, field=uri).get("files")
    if not isinstance(files, dict):
        raise DataError(Problem("DOC-FIELD", f"{uri}: files", clip(str(files)), "an object of files", "publish again"))
    return {path: from_plain(FileRecord, plain, field=f"{uri}: {path}") for path, plain in files.items()}


def _analysis_files(folder_uri: str) -> dict[str, FileRecord]:
    """What an analysis published below the record, from its own manifest."""
    folder = storage.join(folder_uri, ANALYSIS)
    manifest = _read_if_there(storage.join(folder, MANIFEST))
    if manifest is None:
        storage.delete(folder)                 # an analysis that did not come to its end vouches for nothing
        return {}
    return {f"{ANALYSIS}/{path}": file for path, file in _files_of(manifest, folder).items()}


def _write(folder_uri: str, path: str, content: bytes, reproducible: bool) -> FileRecord:
    storage.write_bytes(storage.join(folder_uri, path), content)
    return file_record(content, reproducible=reproducible)


def _output_of(folder_uri: str, record: MonitorRecord) -> str:
    """The monitor's output; the folder must be the one that the record names."""
    place = f"/{WINDOWS}/{record.window.name}/r{record.revision}"
    folder = storage.normalise(folder_uri)
    if not folder.endswith(place):
        raise DataError(Problem("RECORD-PLACE", "record", f"{record.window.name}, revision {record.revision}",
                                f"what its folder says: {folder}", "publish in the folder of begin_revision"))
    return folder.removesuffix(place)


# --- what a run knows of earlier ones ---------------------------------------------------------------------------------


def _with_history(output_uri: str, record: MonitorRecord, note: RunNote) -> RunNote:
    """The note with what a list of all monitors shows, so that it need not read a history."""
    before = (window for window in reversed(windows_seen(output_uri)) if window < record.window)
    try:
        previous = next((stored for window in before if (stored := latest(output_uri, window)) is not None), None)
        notes = [read_note(stored) for stored in (previous, latest(output_uri, record.window)) if stored is not None]
    except DataError:
        # An unreadable earlier record must not keep this one, which may say just that, from being published.
        previous, notes = None, []
    continues = previous is not None and previous.record.status is record.status
    successes = [earlier.last_success_at for earlier in notes]
    if record.status is not Status.ERROR:
        successes.append(note.finished_at)
    return replace(
        note,
        since=notes[0].since if continues else record.window.start,
        last_success_at=max(filter(None, successes), default=None),
    )
