"""The decisions of a run, row for row, so that another run on the same rows can be paired with it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import BinaryIO, Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from clarify.bias.paired import JointTable
from clarify.data import formats
from clarify.data.coding import UNKNOWN, Coding, one_array
from clarify.data.dataset import Fragment, cut, read_fragment
from clarify.steps.joint_counts import batches
from clarify.steps.plan import AnalysisPlan
from clarify.steps.predict import ScoredDataset, read_positive
from clarify.steps.validate_dataset import PreparedData

DECISIONS: Final = "decisions/decisions.parquet"
DECISIONS_VERSION: Final = "1.0"
ROWS_PER_GROUP: Final = 262_144
_ABOUT: Final = b"clarify.decisions"

Codes = NDArray[np.int8]


def decisions_wanted(plan: AnalysisPlan, data: PreparedData, scored: ScoredDataset | None) -> bool:
    """Whether the run leaves its decisions: it has some, its rows are at hand, its readers may see rows and few rows.

    Rows that were only counted are not read a second time for it.
    """
    are_at_hand = scored is not None or bool(data.dataset.fragments)
    may_be_seen = plan.presentation.individual_rows and plan.presentation.suppress_below == 0
    return bool(plan.config.post_training_metrics) and are_at_hand and may_be_seen


def write_decisions(data: PreparedData, scored: ScoredDataset | None, sink: BinaryIO) -> None:
    """Label, decision, groups and stratum of every row, in dataset order, as one Parquet file.

    ``label``, ``decision``: 1 positive, 0 not, null unknown. ``facet_0``, ``facet_1``, ... in the config's order: 1 for
    a row of facet d, 0 of facet a, null unknown. ``stratum``, with a group variable: numbered in the order in which its
    values come, null unknown. The same bytes on any engine; at most one row group is held.

    Raises
    ------
    DataError
        DATA-NOT-KEPT for rows that were only counted (``decisions_wanted``).
    """
    columns = _columns(data)
    schema = _schema(data)
    numbers: dict[str, int] = {}
    rows = (_coded(data, scored, fragments, columns, numbers, schema) for fragments in _stretches(data, scored))
    with pq.ParquetWriter(sink, schema, compression="zstd") as writer:
        for table in _whole_groups(rows, schema):
            writer.write_table(table, row_group_size=ROWS_PER_GROUP)


def _stretches(data: PreparedData, scored: ScoredDataset | None) -> Iterator[tuple[Fragment, ...]]:
    if scored is not None:
        return batches(scored.fragments, ROWS_PER_GROUP)
    return batches(cut(data.dataset, ROWS_PER_GROUP), ROWS_PER_GROUP)


def _columns(data: PreparedData) -> tuple[str, ...]:
    codings = (data.outcome_label, *data.facets, *((data.predicted_label,) if data.predicted_label else ()))
    named = [coding.column for coding in codings]
    return tuple(dict.fromkeys([*named, *((data.group_variable,) if data.group_variable is not None else ())]))


def _schema(data: PreparedData) -> pa.Schema:
    fields = [pa.field("label", pa.int8()), pa.field("decision", pa.int8())]
    fields += [pa.field(f"facet_{position}", pa.int8()) for position in range(len(data.facets))]
    fields += [pa.field("stratum", pa.int32())] if data.group_variable is not None else []
    about = {
        "version": DECISIONS_VERSION,
        "label": data.outcome_label.column,
        "label_value_or_threshold": data.outcome_label.text,
        "facets": [[facet.column, facet.text] for facet in data.facets],
        "group_variable": data.group_variable,
    }
    return pa.schema(fields, metadata={_ABOUT: json.dumps(about).encode()})


def _coded(
    data: PreparedData,
    scored: ScoredDataset | None,
    fragments: Sequence[Fragment],
    columns: Sequence[str],
    numbers: dict[str, int],
    schema: pa.Schema,
) -> pa.Table:
    rows = pa.concat_tables([read_fragment(fragment, columns=columns) for fragment in fragments])
    if scored is not None:
        decided = np.concatenate([read_positive(scored, fragment) for fragment in fragments])
    else:
        decided = _codes_of(data.predicted_label, rows)
    coded = [_nullable(_codes_of(data.outcome_label, rows)), _nullable(decided)]
    coded += [_nullable(_codes_of(facet, rows)) for facet in data.facets]
    coded += [_numbered(rows[data.group_variable], numbers)] if data.group_variable is not None else []
    return pa.table(coded, schema=schema)


def _codes_of(coding: Coding | None, rows: pa.Table) -> Codes:
    if coding is None:
        return np.full(rows.num_rows, UNKNOWN, dtype=np.int8)
    return coding.code(rows[coding.column])


def _nullable(codes: Codes) -> pa.Array:
    return pa.array(codes, pa.int8(), mask=codes == UNKNOWN)


def _numbered(column: pa.ChunkedArray, numbers: dict[str, int]) -> pa.Array:
    """Values by the order in which they first come; ``numbers`` remembers them from stretch to stretch."""
    encoded = one_array(column).dictionary_encode()
    own = [numbers.setdefault(str(value), len(numbers)) for value in encoded.dictionary.to_pylist()]
    return pa.array([*own, None], pa.int32()).take(encoded.indices.fill_null(len(own)))


def _whole_groups(tables: Iterable[pa.Table], schema: pa.Schema) -> Iterator[pa.Table]:
    """The same rows in tables of one row group each, so that no cutting of the data shows in the bytes."""
    held = schema.empty_table()
    for table in tables:
        held = pa.concat_tables([held, table])
        while held.num_rows >= ROWS_PER_GROUP:
            yield held.slice(0, ROWS_PER_GROUP).combine_chunks()
            held = held.slice(ROWS_PER_GROUP)
    if held.num_rows:
        yield held.combine_chunks()


# --- two runs on the same rows ----------------------------------------------------------------------------------------

GroupName = tuple[str, str]


@dataclass(frozen=True, eq=False)
class PairedRows:
    """The same rows under two models: every group that both files have, and all rows whatever their group.

    ``everyone``: shape (3 labels, 3 champion's, 3 challenger's decisions). ``same_strata``: both have the same group
    variable, or none.
    """

    tables: Mapping[GroupName, JointTable]
    everyone: NDArray[np.int64]
    same_strata: bool


@dataclass(frozen=True)
class _About:
    """What one file says of its columns."""

    label: tuple[str, str]
    facets: tuple[GroupName, ...]
    group_variable: str | None
    row_groups: tuple[int, ...]


def count_pairs(champion_uri: str, challenger_uri: str) -> PairedRows | None:
    """Joint counts of two files of decisions; None when they differ in rows, label or groups, in any row.

    Both files are read once, a row group at a time.
    """
    with formats.open_parquet(champion_uri) as champion, formats.open_parquet(challenger_uri) as challenger:
        one, other = _about(champion), _about(challenger)
        if one is None or other is None or one.label != other.label or one.row_groups != other.row_groups:
            return None
        names = tuple(name for name in one.facets if name in other.facets)
        columns = [(one.facets.index(name), other.facets.index(name)) for name in names]
        same_strata = one.group_variable == other.group_variable
        has_strata = same_strata and one.group_variable is not None
        everyone = np.zeros((3, 3, 3, 1), dtype=np.int64)
        totals = [np.zeros((3, 3, 3, 3, 1), dtype=np.int64) for _ in names]
        for position in range(len(one.row_groups)):
            rows = [file.read_row_group(position, use_threads=False) for file in (champion, challenger)]
            counted = _count(rows[0], rows[1], columns, has_strata)
            if counted is None:
                return None
            everyone = everyone + counted[0]
            totals = [_sum(total, counts) for total, counts in zip(totals, counted[1:], strict=True)]
    tables = {name: JointTable(total, has_strata) for name, total in zip(names, totals, strict=True)}
    return PairedRows(tables, everyone[..., 0], same_strata)


def _about(file: pq.ParquetFile) -> _About | None:
    """None for a file that is not ours, or of another version."""
    said = (file.schema_arrow.metadata or {}).get(_ABOUT)
    about = json.loads(said) if said is not None else {}
    if about.get("version") != DECISIONS_VERSION:
        return None
    sizes = tuple(file.metadata.row_group(i).num_rows for i in range(file.metadata.num_row_groups))
    facets = tuple((facet, text) for facet, text in about["facets"])
    return _About((about["label"], about["label_value_or_threshold"]), facets, about["group_variable"], sizes)


def _count(
    one: pa.Table, other: pa.Table, columns: Sequence[tuple[int, int]], has_strata: bool
) -> list[NDArray[np.int64]] | None:
    """Joint counts of all rows, then of every group; None when label, group or stratum of a row differ."""
    alike = [("label", "label"), *((f"facet_{i}", f"facet_{j}") for i, j in columns)]
    alike += [("stratum", "stratum")] if has_strata else []
    if not all(one[name].equals(other[again]) for name, again in alike):
        return None
    label, champion, challenger = (_filled(column) for column in (one["label"], one["decision"], other["decision"]))
    outcome = (label * 3 + champion) * 3 + challenger
    counted = [np.bincount(outcome, minlength=27).reshape(3, 3, 3, 1).astype(np.int64)]
    n_strata, stratum = _strata(one["stratum"]) if has_strata else (1, np.zeros_like(label))
    for facet, _ in columns:
        cells = (_filled(one[f"facet_{facet}"]) * 27 + outcome) * n_strata + stratum
        counted.append(np.bincount(cells, minlength=81 * n_strata).reshape(3, 3, 3, 3, n_strata).astype(np.int64))
    return counted


def _filled(column: pa.ChunkedArray) -> NDArray[np.int64]:
    codes: NDArray[np.int64] = column.fill_null(UNKNOWN).to_numpy().astype(np.int64)
    return codes


def _strata(column: pa.ChunkedArray) -> tuple[int, NDArray[np.int64]]:
    """How many strata with the unknown one, which comes last, and the stratum of every row."""
    known = column.drop_null().to_numpy()
    n_known = int(known.max()) + 1 if len(known) else 0
    return n_known + 1, column.fill_null(n_known).to_numpy().astype(np.int64)


def _sum(one: NDArray[np.int64], other: NDArray[np.int64]) -> NDArray[np.int64]:
    """The sum of counts whose last stratum is the unknown one; later rows may know more strata."""
    longest = max(one.shape[-1], other.shape[-1])
    total = np.zeros((*one.shape[:-1], longest), dtype=np.int64)
    for counts in (one, other):
        total[..., : counts.shape[-1] - 1] += counts[..., :-1]
        total[..., -1] += counts[..., -1]
    return total
