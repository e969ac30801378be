"""What later windows' attributions are held against: a sample of local ones, their background, how they were made."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
from numpy.typing import NDArray

from clarify.data import formats, storage
from clarify.data.source import open_source, read_source_file
from clarify.drift.attribution_drift import Attributions
from clarify.errors import ConstraintsError, DataError, Problem
from clarify.report.document import read_extended
from clarify.report.encoding import dump, from_plain, load, to_plain
from clarify.results import Aggregation, AnalysisResult, ExplanationSection, Notice
from clarify.steps.sample_window import draw, row_hashes, take_rows
from clarify.steps.write_report import BASELINE_CSV, LOCAL_PARQUET

VERSION: Final = "1.0"
FOLDER: Final = "attributions"
FACTS_FILE: Final = "attributions.json"
ROWS_FILE: Final = "local.parquet"
BASELINE_FILE: Final = "baseline.csv"

MOST_ROWS: Final = 20_000
MOST_CELLS: Final = 40_000_000               # 320 MB of attributions in memory, however many features there are

NO_LOCAL_VALUES: Final = Notice(
    "DRIFT-NO-LOCAL-VALUES",
    "methods.shap.save_local_shap_values",
    "the analysis kept no local attributions, so drift of attributions can be judged by the rule 'sagemaker' only; set"
    " methods.shap.save_local_shap_values to true and analyse the reference again",
)
"""Why ``write_attribution_reference`` wrote nothing, and what to do."""


@dataclass(frozen=True)
class Explainer:
    """How attributions were made; a window is explained alike."""

    model_digest: str | None
    use_logit: bool
    num_samples: int
    estimator: str                            # the one chosen for sampled rows; "" when no row was sampled
    seed: int
    n_baseline_rows: int
    groups: tuple[tuple[str, tuple[str, ...]], ...] = ()


@dataclass(frozen=True)
class ReferenceFacts:
    """``attributions.json``: what ``local.parquet`` holds, one column for each label and feature in that order."""

    version: str
    labels: tuple[str, ...]
    features: tuple[str, ...]
    aggregation: Aggregation
    rows: int                                 # kept
    rows_explained: int                       # they are drawn from
    expected_values: tuple[float, ...]        # by label
    global_values: tuple[tuple[float, ...], ...]     # by label and feature, over all rows
    explainer: Explainer


@dataclass(frozen=True, eq=False)
class AttributionReference:
    """A reference as it was read; only its global values when it is AWS's ``analysis.json``."""

    attributions: Attributions
    facts: ReferenceFacts | None
    baseline_uri: str | None

    @property
    def rows(self) -> int:
        return len(self.attributions.values)


def write_attribution_reference(
    analysis_uri: str, output_uri: str, *, most_rows: int = MOST_ROWS
) -> tuple[str, ...] | None:
    """Write ``attributions/`` of a reference from a published analysis that kept its local attributions.

    All explained rows are kept, or the ``most_rows`` that their own values draw: the same ones in whatever order the
    data lie. Rows without attributions are left out.

    Returns
    -------
    Paths below ``output_uri``, the one that says what the others are last; None when the analysis explained nothing
    or kept no local attributions (``NO_LOCAL_VALUES`` says what to do).

    Raises
    ------
    StorageError, DataError
        When there is no published analysis, or its documents cannot be read.
    """
    result = read_analysis(analysis_uri)
    section = result.explanations
    if section is None or not section.local_values_saved:
        return None
    labels, features = labels_of(section), features_of(section)
    table, n_explained = _sample(analysis_uri, _columns(labels, features), most_rows)
    facts = ReferenceFacts(
        version=VERSION,
        labels=labels,
        features=features,
        aggregation=section.aggregation,
        rows=table.num_rows,
        rows_explained=n_explained,
        expected_values=tuple(output.expected_value for output in section.outputs),
        global_values=tuple(tuple(row) for row in global_values(section, section.aggregation).tolist()),
        explainer=explainer_of(result, section),
    )
    contents = {
        BASELINE_FILE: storage.read_bytes(storage.join(analysis_uri, BASELINE_CSV)),
        ROWS_FILE: _parquet(table),
        FACTS_FILE: dump(to_plain(facts)),
    }
    for name, content in contents.items():
        storage.write_bytes(storage.join(output_uri, FOLDER, name), content)
    return tuple(f"{FOLDER}/{name}" for name in contents)


def read_attribution_reference(uri: str) -> AttributionReference:
    """The reference in a folder (its own or the one above it), else the global values of AWS's ``analysis.json``.

    Raises
    ------
    ConstraintsError
        DRIFT-REFERENCE when there is neither, or what is there does not fit together.
    DataError
        When a document cannot be read.
    """
    for folder in (uri, storage.join(uri, FOLDER)):
        if not uri.endswith(".json") and storage.exists(storage.join(folder, FACTS_FILE)):
            return _read_folder(folder)
    document = uri if uri.endswith(".json") else storage.join(uri, "analysis.json")
    if not storage.exists(document):
        hint = "write one from an analysis that kept its local attributions (save_local_shap_values)"
        allowed = f"a folder with {FOLDER}/{FACTS_FILE}, or an analysis.json with explanations"
        raise ConstraintsError(Problem("DRIFT-REFERENCE", "reference", uri, allowed, hint))
    return AttributionReference(_published_globals(document), None, None)


def write_window_baseline(reference: AttributionReference, columns: Sequence[str], target_uri: str) -> str | None:
    """Write the reference's background for a window's ``methods.shap.baseline``, its columns in the window's order.

    A baseline is read in the format of the dataset and by the order of its columns: Parquet when ``target_uri`` ends
    in ``.parquet``, else CSV with a header line.

    Parameters
    ----------
    columns : the window's features, in the order of its file

    Returns
    -------
    ``target_uri``; None when the reference has no background (AWS's analysis.json).

    Raises
    ------
    DataError
        DRIFT-FEATURES when the window has other features than the background.
    """
    if reference.baseline_uri is None:
        return None
    table = read_baseline(reference.baseline_uri)
    if sorted(columns) != sorted(table.column_names):
        names = ", ".join(table.column_names)
        hint = "collect the columns that the reference was explained with"
        raise DataError(Problem("DRIFT-FEATURES", "features", ", ".join(columns), names, hint))
    chosen = table.select(list(columns))
    storage.write_bytes(target_uri, _parquet(chosen) if target_uri.endswith(".parquet") else _csv(chosen))
    return target_uri


# --- parts of an analysis, also read from a window's ------------------------------------------------------------------


def read_analysis(analysis_uri: str) -> AnalysisResult:
    """The findings of a published analysis."""
    return read_extended(storage.read_bytes(storage.join(analysis_uri, "extended.json")))


def labels_of(section: ExplanationSection) -> tuple[str, ...]:
    return tuple(output.label for output in section.outputs)


def features_of(section: ExplanationSection) -> tuple[str, ...]:
    return tuple(feature.feature for feature in section.outputs[0].features)


def global_values(section: ExplanationSection, aggregation: Aggregation) -> NDArray[np.float64]:
    """Shape (n_labels, n_features)."""
    return np.array([[feature.by(aggregation) for feature in output.features] for output in section.outputs])


def explainer_of(result: AnalysisResult, section: ExplanationSection) -> Explainer:
    return Explainer(
        model_digest=result.model.digest if result.model is not None else None,
        use_logit=section.use_logit,
        num_samples=section.num_samples,
        estimator=section.estimator_chosen,
        seed=section.seed,
        n_baseline_rows=section.n_baseline_rows,
        groups=section.groups,
    )


def read_local_values(analysis_uri: str, section: ExplanationSection) -> NDArray[np.float64]:
    """Local attributions of every row, shape (n, n_labels, n_features); NaN where a row has none."""
    labels, features = labels_of(section), features_of(section)
    uri, names = storage.join(analysis_uri, LOCAL_PARQUET), _columns(labels, features)
    parts = [_matrix(batch) for batch in formats.parquet_batches(uri, names)]
    rows = np.concatenate([np.empty((0, len(names))), *parts])
    return rows.reshape(len(rows), len(labels), len(features))


def read_baseline(uri: str) -> pa.Table:
    """A published ``baseline.csv``, every cell as text."""
    source = open_source(uri, dataset_type="text/csv", csv_header="present")
    return pa.Table.from_batches([batch for file in source.files for batch in read_source_file(source, file)])


def _columns(labels: Sequence[str], features: Sequence[str]) -> list[str]:
    """Columns of ``out.parquet``, label by label."""
    return [f"{feature}_{label}" for label in labels for feature in features]


def _sample(analysis_uri: str, columns: Sequence[str], most_rows: int) -> tuple[pa.Table, int]:
    most_rows = max(1, min(most_rows, MOST_CELLS // len(columns)))
    hashes = np.concatenate([np.empty(0, np.uint64), *map(row_hashes, _explained_batches(analysis_uri, columns))])
    return take_rows(_explained_batches(analysis_uri, columns), draw(hashes, most_rows)), len(hashes)


def _explained_batches(analysis_uri: str, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
    """The rows that have attributions."""
    for batch in formats.parquet_batches(storage.join(analysis_uri, LOCAL_PARQUET), columns):
        yield batch.filter(pa.array(~np.isnan(_matrix(batch)).any(axis=1)))


def _matrix(batch: pa.RecordBatch) -> NDArray[np.float64]:
    """Numbers of all columns, NaN for nulls; shape (n, n_columns)."""
    columns = [column.cast(pa.float64()).to_numpy(zero_copy_only=False) for column in batch.columns]
    return np.stack(columns, axis=1) if columns else np.empty((batch.num_rows, 0))


def _parquet(table: pa.Table) -> bytes:
    sink = BytesIO()
    pq.write_table(table, sink, compression="zstd")
    return sink.getvalue()


def _csv(table: pa.Table) -> bytes:
    sink = BytesIO()
    pa_csv.write_csv(table, sink)
    return sink.getvalue()


# --- reading ----------------------------------------------------------------------------------------------------------


def _read_folder(folder: str) -> AttributionReference:
    uri = storage.join(folder, FACTS_FILE)
    facts = from_plain(ReferenceFacts, load(storage.read_bytes(uri), field=uri), field=uri)
    columns = _columns(facts.labels, facts.features)
    parts = [_matrix(batch) for batch in formats.parquet_batches(storage.join(folder, ROWS_FILE), columns)]
    rows = np.concatenate([np.empty((0, len(columns))), *parts])
    if facts.version != VERSION or len(rows) != facts.rows:
        received = f"version {facts.version}, {len(rows):,} rows"
        allowed = f"version {VERSION} with {facts.rows:,} rows, as {FACTS_FILE} has it"
        raise ConstraintsError(Problem("DRIFT-REFERENCE", folder, received, allowed, "write the reference again"))
    attributions = Attributions(
        labels=facts.labels,
        features=facts.features,
        values=rows.reshape(len(rows), len(facts.labels), len(facts.features)),
        global_values=np.array(facts.global_values),
    )
    return AttributionReference(attributions, facts, storage.join(folder, BASELINE_FILE))


def _published_globals(uri: str) -> Attributions:
    """``explanations.kernel_shap`` of an analysis.json: global values by label and feature."""
    try:
        shap = json.loads(storage.read_bytes(uri))["explanations"]["kernel_shap"]
        labels = tuple(shap)
        features = tuple(shap[labels[0]]["global_shap_values"])
        values = [[float(shap[label]["global_shap_values"][feature]) for feature in features] for label in labels]
    except (ValueError, LookupError, TypeError) as error:
        received = f"{type(error).__name__}: {error}"
        allowed = "explanations.kernel_shap with global_shap_values of the same features under every label"
        hint = "take the analysis.json of an explainability analysis"
        raise ConstraintsError(Problem("DRIFT-REFERENCE", uri, received, allowed, hint)) from error
    no_rows = np.empty((0, len(labels), len(features)))
    return Attributions(labels, features, no_rows, np.array(values))
