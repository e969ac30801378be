"""Where SHAP's comparison comes from: rows the user gave, or the centre or centres of a sample of the data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from clarify.config.analysis import Shap
from clarify.data.coding import canonical
from clarify.data.dataset import Dataset, Fragment, cut, read_fragment
from clarify.data.feature_matrix import read_features
from clarify.data.json_records import JsonPaths, inline_records
from clarify.data.source import open_source, read_source_file
from clarify.engines.base import Engine
from clarify.errors import ConfigError, DataError, Problem
from clarify.explain.baseline import medoid
from clarify.explain.clusters import cluster_centres
from clarify.explain.row_keys import row_keys
from clarify.features import FeatureColumn, Features
from clarify.results import Notice
from clarify.steps.plan import AnalysisPlan
from clarify.steps.validate_dataset import PreparedData

SAMPLE_ROWS = 2_000
ROWS_PER_SAMPLING = 65_536
MOST_BASELINE_ROWS = 1_000

BaselineSource = Literal["inline", "uri", "medoid", "clusters"]


@dataclass(frozen=True, eq=False)
class Baseline:
    """The rows that every explained row is compared with, and where they come from."""

    rows: Features
    source: BaselineSource
    notices: tuple[Notice, ...] = ()


def find_baseline(plan: AnalysisPlan, data: PreparedData, shap: Shap, sample: Features | None) -> Baseline:
    """The configured rows, else the centres of as many clusters of the sample as asked for, else its medoid.

    Raises
    ------
    ConfigError, DataError
        When given rows do not have the features' columns, or hold a word where a number belongs; when more clusters
        are asked for than a baseline may have rows.
    """
    if isinstance(shap.baseline, str):
        return Baseline(_read_baseline(shap.baseline, plan, data), "uri")
    if shap.baseline is not None:
        return Baseline(_inline_baseline(_given_rows(shap.baseline, plan, data), data.features), "inline")
    if sample is None:
        raise DataError(_no_rows())
    if shap.num_clusters is not None:
        return _clustered_baseline(sample, shap.num_clusters, plan.seed)
    centre = medoid(sample.values, text_columns(sample))
    return Baseline(sample.with_values(sample.values[[centre]]), "medoid")


def text_columns(features: Features) -> NDArray[np.bool_]:
    """Which columns hold codes of words, shape (n_columns,)."""
    return np.array([column.vocabulary is not None for column in features.columns], dtype=np.bool_)


def _clustered_baseline(sample: Features, n_clusters: int, seed: int) -> Baseline:
    """Centres of the sample's clusters; whole numbers and truth values stay such, since the model was trained on them.

    AWS keeps fractions there.
    """
    if n_clusters > MOST_BASELINE_ROWS:
        hint = "ask for a few; AWS takes 1 to 12 of its own accord"
        raise ConfigError(_row_count_problem("methods.shap.num_clusters", f"{n_clusters:,}", hint))
    is_text = text_columns(sample)
    is_integer = np.array([column.kind in ("int", "bool") for column in sample.columns]) & ~is_text
    centres, sizes = cluster_centres(sample.values, is_text, n_clusters, seed, is_integer=is_integer)
    method = "k-prototypes" if is_text.any() else "k-means"
    which = f"a sample of {len(sample):,} rows" if len(sample) >= SAMPLE_ROWS else f"all {len(sample):,} rows"
    fewer = "" if len(sizes) == n_clusters else f" of {n_clusters:,} asked for: no more are different"
    message = f"baseline rows computed as centres of {method} clusters of {which}: {len(sizes):,}{fewer}"
    notice = Notice("SHAP-BASELINE-CLUSTERS", "methods.shap.num_clusters", message)
    return Baseline(sample.with_values(centres), "clusters", (notice,))


def sample_features(dataset: Dataset, columns: Sequence[FeatureColumn], engine: Engine) -> Features:
    """The 2,000 rows with the smallest keys, in the order of their keys: the same rows in whatever order they lie."""
    picked = engine.map(
        partial(sample_fragment, columns=tuple(columns)), cut(dataset, ROWS_PER_SAMPLING), stage="sampling", light=True
    )
    if not picked:
        raise DataError(_no_rows())
    keys = np.concatenate([keys for keys, _ in picked])
    table = pa.concat_tables([rows for _, rows in picked])
    order = np.argsort(keys, kind="stable")[:SAMPLE_ROWS]
    return read_features(table.take(order), columns)


def sample_fragment(fragment: Fragment, *, columns: tuple[FeatureColumn, ...]) -> tuple[NDArray[np.uint64], pa.Table]:
    """Keys and rows of one fragment's smallest keys."""
    table = read_fragment(fragment, columns=[column.name for column in columns])
    keys = row_keys(read_features(table, columns))
    order = np.argsort(keys, kind="stable")[:SAMPLE_ROWS]
    return keys[order], table.take(order)


def _given_rows(given: Any, plan: AnalysisPlan, data: PreparedData) -> Any:
    """Rows as lists; records of JSON Lines, or an object built like a JSON dataset, are read like the dataset."""
    kind, features = plan.source.format, plan.config.features
    if kind not in ("jsonlines", "json") or features is None or all(isinstance(row, tuple) for row in given):
        return given
    names = [column.name for column in data.features]
    table = inline_records(given, field="methods.shap.baseline", kind=kind, features=features, names=names)
    return [tuple(row[name] for name in names) for row in table.to_pylist()]


def _inline_baseline(given: Any, columns: Sequence[FeatureColumn]) -> Features:
    rows = [list(row) for row in given] if not isinstance(given, dict) else []
    problems = [
        _width_problem(f"methods.shap.baseline[{index}]", len(row), columns)
        for index, row in enumerate(rows)
        if len(row) != len(columns)
    ]
    if not rows:
        problems.append(_width_problem("methods.shap.baseline", 0, columns))
    ConfigError.collect(problems)
    arrays = [
        _inline_column([row[position] for row in rows], column, position) for position, column in enumerate(columns)
    ]
    return read_features(pa.table(arrays, names=[column.name for column in columns]), columns)


def _inline_column(cells: Sequence[Any], column: FeatureColumn, position: int) -> pa.Array:
    if column.kind == "text":
        return pa.array([None if cell is None else str(cell) for cell in cells], pa.string())
    problems = [
        Problem(
            code="SHAP-BASELINE-VALUE",
            field=f"methods.shap.baseline[{row}][{position}]",
            received=repr(cell),
            allowed=f"a number, for column '{column.name}'",
            hint="give numbers as JSON numbers, a missing one as null",
        )
        for row, cell in enumerate(cells)
        if cell is not None and _number(cell, column) is None
    ]
    ConfigError.collect(problems)
    if column.vocabulary is not None:
        return pa.array([None if cell is None else int(cell) for cell in cells], pa.int64())
    return pa.array([None if cell is None else _number(cell, column) for cell in cells], pa.float64())


def _number(cell: Any, column: FeatureColumn) -> float | None:
    """A cell as a number; in a column of truth values also true and false as text."""
    if column.kind == "bool":
        cell = canonical(cell, "bool")
    try:
        return float(cell)
    except (TypeError, ValueError):
        return None


def _read_baseline(uri: str, plan: AnalysisPlan, data: PreparedData) -> Features:
    """Rows of a file in the dataset's format, with or without a header line."""
    names = [column.name for column in data.features]
    paths = None if plan.config.features is None else JsonPaths(plan.config.features)
    source = open_source(uri, dataset_type=plan.config.dataset_type, headers=names, paths=paths)
    batches = [batch for file in source.files for batch in read_source_file(source, file)]
    table = pa.Table.from_batches(batches).slice(0, MOST_BASELINE_ROWS + 1)
    if not 1 <= table.num_rows <= MOST_BASELINE_ROWS:
        received = f"{table.num_rows} rows" if table.num_rows == 0 else f"more than {MOST_BASELINE_ROWS:,} rows"
        raise DataError(_row_count_problem("methods.shap.baseline", received, "give few, typical rows"))
    return _inline_baseline([tuple(row[name] for name in names) for row in table.to_pylist()], data.features)


def _row_count_problem(field: str, received: str, hint: str) -> Problem:
    allowed = f"1 to {MOST_BASELINE_ROWS:,} rows: every one multiplies the model calls"
    return Problem("SHAP-BASELINE-ROWS", field, received, allowed, hint)


def _width_problem(field: str, width: int, columns: Sequence[FeatureColumn]) -> Problem:
    names = ", ".join(column.name for column in columns)
    return Problem(
        code="SHAP-BASELINE-WIDTH",
        field=field,
        received=f"{width} values",
        allowed=f"{len(columns)} values, in the order {names}",
        hint="the label and predicted-label columns do not belong in the baseline",
    )


def _no_rows() -> Problem:
    return Problem("DATA-EMPTY", "dataset", "no rows", "at least one row", "check the dataset's URI")
