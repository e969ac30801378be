"""What a monitor shows of its newest window outside the record: a page, and a text file for Prometheus."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import datetime

from clarify.config.monitor import MonitorConfig
from clarify.data import storage
from clarify.records import MonitorRecord
from clarify.report.monitor.page import monitor_markdown, monitor_page
from clarify.report.monitor.prometheus import prometheus_text
from clarify.steps.record_store import StoredRecord, read_note, windows_seen

__all__ = ["TEXTFILES", "monitor_markdown", "write_views"]

PAGE, TEXT = "monitor.html", "metrics.prom"
TEXTFILES = "CLARIFY_TEXTFILE_DIR"
"""Environment variable: the folder that a node exporter reads; every monitor has a file of its own there."""


def write_views(monitor: MonitorConfig, stored: StoredRecord, past: Sequence[MonitorRecord]) -> None:
    """Write ``monitor.html`` and ``metrics.prom`` into the monitor's output, unless a later window is there already.

    Raises
    ------
    StorageError
        When they cannot be written.
    """
    if any(window > stored.record.window for window in windows_seen(monitor.output)):
        return
    page = monitor_page(stored.record, past).encode()
    finished = datetime.fromisoformat(read_note(stored).finished_at).timestamp()
    text = prometheus_text(stored.record, finished_at=finished).encode()
    storage.write_bytes(storage.join(monitor.output, PAGE), page)
    storage.write_bytes(storage.join(monitor.output, TEXT), text)
    folder = os.environ.get(TEXTFILES)
    if folder:
        storage.write_bytes(storage.join(folder, f"clarify_{monitor.name}.prom"), text)
