"""Live data of one window to one file with an analysis_config.json beside it, which the ordinary line can run."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace
from datetime import datetime

from clarify.config.analysis import AnalysisConfig
from clarify.config.input_attributes import input_attributes, live_columns
from clarify.config.monitor import MonitorConfig
from clarify.config.parse import parse_analysis_config
from clarify.config.window_config import window_document
from clarify.data import storage
from clarify.data.moments import Span
from clarify.data.window_files import window_files
from clarify.data.window_writing import columns_digest, write_columns, write_merged
from clarify.records import Window, WindowCounts
from clarify.results import Notice
from clarify.steps.collect_requests import collect_requests
from clarify.steps.collect_table import collect_table
from clarify.steps.window_task import Collected, Task

CONFIG_NAME = "analysis_config.json"


@dataclass(frozen=True)
class CollectedWindow:
    """One window of live data, written; see :func:`collect_window`.

    Attributes
    ----------
    data_uri : the one file of rows, None when the window is empty
    config_uri : the analysis_config.json beside it, which names the file
    columns : of the file, in order
    digest : SHA-256 over the rows, whatever files they came from
    label, predicted_label, score_column : names among the columns, None where there is none
    merge_uri : the requests with their labels as AWS's merge job writes them, None where none were joined
    """

    window: Window
    data_uri: str | None
    config_uri: str
    columns: tuple[str, ...]
    counts: WindowCounts
    digest: str
    notices: tuple[Notice, ...] = ()
    label: str | None = None
    predicted_label: str | None = None
    score_column: str | None = None
    merge_uri: str | None = None


def collect_window(
    monitor: MonitorConfig,
    config: AnalysisConfig,
    window: Window,
    *,
    folder_uri: str,
    now: datetime,
    shap_baseline: str | None = None,
) -> CollectedWindow:
    """Read the live data of a window, join the labels, write one file of rows and the config of their analysis.

    The same records in whatever files, order or number of deliveries give the same bytes and the same digest.

    Parameters
    ----------
    config : the monitor's analysis config
    folder_uri : receives ``rows.csv`` or ``rows.parquet``, ``analysis_config.json`` and ``merge/part-00000.jsonl``
    now : the time of the run; rows dated five minutes later or more are left out, because a clock is wrong
    shap_baseline : URI that replaces the baseline of an attribution monitor's config

    Returns
    -------
    CollectedWindow
        With ``data_uri`` None when nothing happened, or nothing that has its label.

    Raises
    ------
    ConfigError
        With every problem of the monitor's attributes, and of what the config names and live data do not have.
    DataError
        WINDOW-FEATURES for other features than expected; WINDOW-UNREADABLE for more than one broken line in twenty;
        WINDOW-DUPLICATE-EVENT and WINDOW-DUPLICATE-LABEL with the policy ``fail``; and what reading raises.
    StorageError
        When something cannot be listed, read or written.
    """
    files = window_files(monitor, window)
    attributes, names = input_attributes(monitor, config), live_columns(monitor, config)
    task = Task(monitor, config, window, Span.of(window, now), attributes, names, files)
    found = collect_table(task) if monitor.window.layout == "table" else collect_requests(task)
    return _written(task, found, folder_uri, shap_baseline)


def _written(task: Task, found: Collected, folder_uri: str, shap_baseline: str | None) -> CollectedWindow:
    columns, roles = found.columns, found.roles
    data_uri = merge_uri = None
    if columns is not None:
        data_uri, dataset_type = write_columns(columns, folder_uri)
        roles = replace(roles, dataset_uri=data_uri, dataset_type=dataset_type, columns=columns.names)
    document, more = window_document(task.config, task.monitor.kind, roles, shap_baseline=shap_baseline)
    text = json.dumps(document, indent=4, ensure_ascii=False, allow_nan=False).encode()
    if columns is not None:
        parse_analysis_config(text)
    config_uri = storage.join(folder_uri, CONFIG_NAME)
    storage.write_bytes(config_uri, text)
    if found.merged:
        is_batch = task.monitor.window.layout == "batch-transform"
        merge_uri = write_merged(found.merged, folder_uri, is_batch=is_batch)
    return CollectedWindow(
        window=task.window,
        data_uri=data_uri,
        config_uri=config_uri,
        columns=roles.columns,
        counts=found.counts,
        digest=columns_digest(columns) if columns is not None else hashlib.sha256(b"").hexdigest(),
        notices=(*task.files.notices, *found.notices, *more),
        label=roles.label,
        predicted_label=roles.predicted_label,
        score_column=roles.score,
        merge_uri=merge_uri,
    )
