"""Which rows partial dependence asks the model about: every different one, or the sample with the smallest keys."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial, reduce

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from clarify.data import storage
from clarify.data.dataset import Fragment, cut, read_fragment
from clarify.data.feature_matrix import read_features
from clarify.engines.base import Engine
from clarify.explain.partial_dependence import DistinctRows, count_rows, merge_rows
from clarify.explain.row_keys import row_keys
from clarify.features import FeatureColumn
from clarify.steps.dependence_axes import Axis, Bucket
from clarify.steps.predict import to_parquet
from clarify.steps.validate_dataset import PreparedData

ROWS_PER_LOOK = 65_536
FRAGMENTS_PER_MERGE = 64          # bounds what waits to be merged, however many rows there are
ROWS_PER_SLICE = 8_192            # of the chosen rows in one request; at least 64 by the endpoint's padding

Counts = tuple[Counter[Bucket], ...]


@dataclass(frozen=True, eq=False)
class Look:
    """What one pass over a fragment learns: its rows with the smallest keys, and how the features are distributed."""

    rows: DistinctRows
    counts: Counts


@dataclass(frozen=True, eq=False)
class Wanted:
    """Rows of one fragment, by their offsets in it."""

    fragment: Fragment
    offsets: NDArray[np.int64]

    @property
    def rows(self) -> int:
        return self.fragment.rows


@dataclass(frozen=True)
class ChosenRows:
    """The distinct rows that the model is asked about, in the order of their keys, as one Parquet file."""

    uri: str
    weights_uri: str
    distinct: int
    represented: int                  # rows of the data that they stand for

    def slices(self) -> tuple[Fragment, ...]:
        starts = range(0, self.distinct, ROWS_PER_SLICE)
        return tuple(
            Fragment(i, self.uri, i, 0, min(ROWS_PER_SLICE, self.distinct - start), start)
            for i, start in enumerate(starts)
        )


def look_at_rows(data: PreparedData, axes: Sequence[Axis], engine: Engine, *, most: int) -> Look:
    """Smallest keys and distributions of the whole dataset, a bounded number of fragments at a time."""
    fragments = cut(data.dataset, ROWS_PER_LOOK)
    held = Look(merge_rows((), most=most), tuple(Counter() for _ in axes))
    for start in range(0, len(fragments), FRAGMENTS_PER_MERGE):
        full = len(held.rows) == most
        look = partial(
            look_at_fragment,
            columns=data.features,
            axes=tuple(axes),
            most=most,
            below=int(held.rows.keys[-1]) if full else None,
        )
        some = engine.map(look, fragments[start : start + FRAGMENTS_PER_MERGE], stage="choosing rows", light=True)
        held = Look(
            merge_rows((held.rows, *(part.rows for part in some)), most=most),
            reduce(_add, (part.counts for part in some), held.counts),
        )
    return held


def look_at_fragment(
    fragment: Fragment, *, columns: tuple[FeatureColumn, ...], axes: tuple[Axis, ...], most: int, below: int | None
) -> Look:
    """Keys and distributions of one fragment."""
    table = read_fragment(fragment, columns=[column.name for column in columns])
    keys = row_keys(read_features(table, columns))
    rows = count_rows(keys, fragment.first_row, most=most, below=below)
    return Look(rows, tuple(axis.buckets(table[axis.column.name]) for axis in axes))


def _add(first: Counts, second: Counts) -> Counts:
    return tuple(a + b for a, b in zip(first, second, strict=True))


def store_rows(data: PreparedData, rows: DistinctRows, engine: Engine) -> ChosenRows:
    """Fetch the chosen rows and keep them in the order of their keys, which no order of the data changes."""
    wanted = _wanted(cut(data.dataset, ROWS_PER_LOOK), rows)
    fetch = partial(fetch_rows, columns=tuple(column.name for column in data.features))
    table = pa.concat_tables(engine.map(fetch, wanted, stage="fetching rows", light=True))
    in_key_order = np.argsort(np.argsort(rows.first_rows))
    sink = pa.BufferOutputStream()
    pq.write_table(table.take(in_key_order).combine_chunks(), sink, row_group_size=ROWS_PER_SLICE, compression="zstd")
    chosen = ChosenRows(
        storage.join(data.work_uri, "dependence-rows.parquet"),
        storage.join(data.work_uri, "dependence-weights.parquet"),
        len(rows),
        int(rows.weights.sum()),
    )
    storage.write_bytes(chosen.uri, bytes(sink.getvalue()))
    storage.write_bytes(chosen.weights_uri, to_parquet(pa.table({"weight": rows.weights})))
    return chosen


def _wanted(fragments: Sequence[Fragment], rows: DistinctRows) -> tuple[Wanted, ...]:
    """The chosen rows fragment by fragment, in dataset order."""
    places = np.sort(rows.first_rows)
    ends = np.searchsorted(places, [fragment.first_row + fragment.rows for fragment in fragments])
    starts = np.concatenate([[0], ends[:-1]])
    return tuple(
        Wanted(fragment, places[start:end] - fragment.first_row)
        for fragment, start, end in zip(fragments, starts, ends, strict=True)
        if end > start
    )


def fetch_rows(wanted: Wanted, *, columns: tuple[str, ...]) -> pa.Table:
    """The wanted rows of one fragment, in order."""
    return read_fragment(wanted.fragment, columns=columns).take(wanted.offsets)
