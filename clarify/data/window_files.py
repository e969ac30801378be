"""Which files may hold rows and labels of a window of live data: listed, never opened."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from clarify.config.columns import listed
from clarify.config.json_text import canonical
from clarify.config.monitor import MonitorConfig
from clarify.data import storage
from clarify.data.dated_folders import DatedFile, dated_roots, files_between, list_or_nothing
from clarify.data.moments import HOUR
from clarify.data.timed_table import is_table
from clarify.records import Window
from clarify.results import Notice


@dataclass(frozen=True)
class WindowFiles:
    """The files that may hold rows and labels of a window, by hour and name.

    ``inputs`` are those of a batch transform that hold what was asked, ``files`` those with answers, too.
    """

    files: tuple[DatedFile, ...]
    inputs: tuple[DatedFile, ...] = ()
    truth: tuple[DatedFile, ...] = ()
    notices: tuple[Notice, ...] = ()

    @property
    def count(self) -> int:
        return len(self.files) + len(self.inputs) + len(self.truth)


def window_files(monitor: MonitorConfig, window: Window) -> WindowFiles:
    """List what may hold rows of a window; no file is opened, and no hour but the window's and its neighbours listed.

    Where a prefix has no folders by hour, all of its files are listed; a table never has any.

    Raises
    ------
    StorageError
        When something cannot be listed; a prefix without anything gives no files and a notice.
    """
    uri, layout = monitor.window.uri, monitor.window.layout
    start, end = window.starts - HOUR, window.ends + HOUR
    inputs: tuple[DatedFile, ...] = ()
    if layout == "table":
        found = tuple(DatedFile(window.starts, file.uri, file.bytes) for file in list_or_nothing(uri))
        files = tuple(file for file in found if is_table(file.uri))
        notices = _nothing_there(uri, "window.uri") if not found else _other_files(found, files, "window.uri")
    elif layout == "capture":
        files, notices = _dated(uri, "window.uri", start, end, window.starts)
    else:
        asked = storage.join(uri, "input")
        inputs, _ = _dated(asked, "window.uri", start, end, window.starts, endings=None, flat=False)
        outputs = storage.join(uri, "output")
        files, notices = _dated(outputs, "window.uri", start, end, window.starts, endings=None, flat=False)
        if not files and not inputs:
            files, notices = _dated(uri, "window.uri", start, end, window.starts, endings=None)
    truth, more = _truth_files(monitor, window)
    return WindowFiles(files, inputs, truth, (*notices, *more))


def window_fingerprint(monitor: MonitorConfig, window: Window) -> str:
    """SHA-256 over names and sizes of the files that may hold rows or labels of a window; none of them is opened.

    As long as it stays the same, a window that was looked at need not be looked at again.
    """
    found = window_files(monitor, window)
    listing = [[[file.uri, file.bytes] for file in sorted(part, key=lambda file: file.uri)]
               for part in (found.files, found.inputs, found.truth)]
    return hashlib.sha256(canonical(listing)).hexdigest()


def lateness(monitor: MonitorConfig) -> timedelta:
    """How long after its event a label may come."""
    return timedelta(seconds=monitor.ground_truth.lateness_seconds if monitor.ground_truth is not None else 0)


def _truth_files(monitor: MonitorConfig, window: Window) -> tuple[tuple[DatedFile, ...], tuple[Notice, ...]]:
    if monitor.ground_truth is None:
        return (), ()
    end = window.ends + lateness(monitor)
    return _dated(monitor.ground_truth.uri, "ground_truth.uri", window.starts, end, window.starts)


def _dated(
    uri: str, where: str, start: datetime, end: datetime, otherwise: datetime,
    *, endings: tuple[str, ...] | None = (".jsonl", ".jsonl.gz"), flat: bool = True,
) -> tuple[tuple[DatedFile, ...], tuple[Notice, ...]]:
    """Files in folders by hour; of a prefix without them all files, if ``flat``."""
    roots = dated_roots(uri)
    notices: tuple[Notice, ...] = ()
    if len(roots) > 1:
        message = f"{uri} has folders by hour in {len(roots)} places, which are read together: {listed(roots, most=5)}"
        notices = (Notice("WINDOW-SEVERAL-PREFIXES", where, message),)
    if roots:
        found = files_between(roots, start, end)
    else:
        found = tuple(DatedFile(otherwise, file.uri, file.bytes) for file in list_or_nothing(uri)) if flat else ()
        notices = () if found else _nothing_there(uri, where)
    kept = found if endings is None else tuple(file for file in found if file.uri.endswith(endings))
    return kept, (*notices, *_other_files(found, kept, where))


def _nothing_there(uri: str, where: str) -> tuple[Notice, ...]:
    message = f"nothing is at {uri} yet; if data should be there, check the spelling"
    return (Notice("WINDOW-NOTHING-THERE", where, message),)


def _other_files(found: Sequence[DatedFile], kept: Sequence[DatedFile], where: str) -> tuple[Notice, ...]:
    if len(found) == len(kept):
        return ()
    first = min(file.uri for file in set(found) - set(kept))
    message = f"{len(found) - len(kept)} files with another ending are not read, the first is {first}"
    return (Notice("WINDOW-OTHER-FILES", where, message),)
