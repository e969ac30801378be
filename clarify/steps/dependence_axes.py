"""Which features partial dependence varies, and over which values: named ones, or those that move the score most."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pyarrow as pa

from clarify.config.columns import column_name
from clarify.data.coding import as_numbers, printed
from clarify.errors import ConfigError, Problem
from clarify.explain.partial_dependence import bucket_centres, buckets_of
from clarify.features import FeatureColumn
from clarify.results import ColumnSummary, ExplanationSection
from clarify.steps.plan import AnalysisPlan
from clarify.steps.validate_dataset import PreparedData

MOST_CATEGORIES = 100             # a text column with more different values is free text
DEFAULT_TOP_K = 10                # AWS's

# AWS's words for a column it cannot vary.
UNSUPPORTED = (
    "Detected data type is not supported for PDP. PDP can only be computed for numerical or categorical columns"
)

Bucket = int | str                # the number of a bucket, or a category
Grid = tuple[float, ...] | tuple[str, ...]
DataType = Literal["numerical", "categorical", "free_text"]


@dataclass(frozen=True)
class Axis:
    """One feature to vary: where it sits among the features, what was understood of it, how fine its grid is."""

    position: int
    column: FeatureColumn
    summary: ColumnSummary
    resolution: int

    @property
    def is_categorical(self) -> bool:
        return self.column.kind in ("text", "bool")

    @property
    def error(self) -> str | None:
        """Why the feature cannot be varied; None when it can."""
        if self.summary.distinct == 0:
            return "The column holds no value"
        if self.is_categorical:
            too_many = self.summary.distinct is None or self.summary.distinct > MOST_CATEGORIES
            return UNSUPPORTED if too_many else None
        return "The column holds no finite number" if self.summary.minimum is None else None

    @property
    def data_type(self) -> DataType:
        """AWS's word for the column. Integers are numbers here, however few different ones there are."""
        if self.error == UNSUPPORTED:
            return "free_text"
        return "categorical" if self.is_categorical else "numerical"

    @property
    def range(self) -> tuple[float, float]:
        low, high = self.summary.minimum, self.summary.maximum
        return float(low or 0.0), float(high or 0.0)

    def buckets(self, column: pa.ChunkedArray) -> Counter[Bucket]:
        """How many rows lie in each bucket or category; rows without a finite value in none."""
        if self.is_categorical:
            found = column.value_counts().to_pylist()
            return Counter({printed(item["values"]): item["counts"] for item in found if item["values"] is not None})
        buckets, counts = np.unique(buckets_of(as_numbers(column), *self.range, self.resolution), return_counts=True)
        return Counter(dict(zip(buckets.tolist(), counts.tolist(), strict=True)))

    def grid(self, counts: Counter[Bucket]) -> Grid:
        """Values to set the feature to: centres of the buckets, or the categories in alphabetical order."""
        if self.is_categorical:
            return tuple(sorted(str(word) for word in counts))
        return tuple(bucket_centres(*self.range, self.resolution).tolist())

    def counts_on(self, grid: Grid, counts: Counter[Bucket]) -> tuple[int, ...]:
        """Rows in the bucket or category of each value of the grid."""
        if self.is_categorical:
            return tuple(counts[str(word)] for word in grid)
        return tuple(counts[bucket] for bucket in range(len(grid)))


def choose_axes(plan: AnalysisPlan, data: PreparedData, explained: ExplanationSection | None) -> tuple[Axis, ...]:
    """The configured features in their order, else those with the largest attributions, the largest first."""
    pdp = plan.config.methods.pdp
    if pdp is None:
        return ()
    columns = {column.name: position for position, column in enumerate(data.features)}
    names = _named(pdp.features, data) if pdp.features else top_features(explained, pdp.top_k_features or DEFAULT_TOP_K)
    summaries = {summary.name: summary for summary in data.outcome.columns}
    return tuple(
        Axis(columns[name], data.features[columns[name]], summaries[name], pdp.grid_resolution) for name in names
    )


def _named(references: Sequence[str | int], data: PreparedData) -> tuple[str, ...]:
    """Columns by name or by position in the dataset, each once."""
    seen = {column.name for column in data.features}
    names = [column_name(reference, data.dataset.column_names) or str(reference) for reference in references]
    ConfigError.collect(
        Problem(
            "CFG-CONFLICT", f"methods.pdp.features[{position}]", repr(references[position]),
            f"columns that the model sees: {', '.join(column.name for column in data.features)}",
            "remove the name: label, predicted label and excluded columns are not sent to the model",
        )
        for position, name in enumerate(names) if name not in seen
    )  # fmt: skip
    return tuple(dict.fromkeys(names))


def top_features(explained: ExplanationSection | None, most: int) -> tuple[str, ...]:
    """The features with the largest global attributions summed over the outputs; a group stands for its columns."""
    if explained is None:
        return ()
    sizes: dict[str, float] = {}
    for output in explained.outputs:
        for feature in output.features:
            size = abs(feature.by(explained.aggregation))
            sizes[feature.feature] = sizes.get(feature.feature, 0.0) + size
    groups = dict(explained.groups)
    ranked = sorted(sizes, key=lambda name: -sizes[name])          # equals keep the order of the data
    return tuple(dict.fromkeys(column for name in ranked for column in groups.get(name, (name,))))[:most]
