"""Local attributions on their way from workers to documents: one part a fragment, in dataset order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from clarify.data.dataset import Fragment, read_fragment
from clarify.explain.aggregate import GlobalColumn, aggregate_column
from clarify.explain.budget import Outcome
from clarify.explain.estimators.base import Estimator
from clarify.explain.explainer import LocalAttributions
from clarify.steps.predict import part_uri_of, read_part

# Columns are aggregated in groups of about so many bytes, so that parts are read a few times and memory stays flat.
BYTES_PER_PASS = 256 * 1024**2
_BYTES_PER_CELL = 16                         # a value and its standard error


@dataclass(frozen=True)
class ExplainedPart:
    """What one fragment cost, and how its rows came out."""

    rows: int
    calls: int
    estimators: tuple[tuple[str, int], ...]
    outcomes: tuple[tuple[str, int], ...]


@dataclass(frozen=True)
class LocalParts:
    """Where the local attributions lie, part by part in dataset order, and which of them are reported."""

    fragments: tuple[Fragment, ...]
    parts_uri: str
    outputs: tuple[str, ...]
    reported: tuple[tuple[int, str], ...]    # position among the players, and name
    join_key: str | None = None              # column of the dataset that rows of side tables were joined by

    def keys(self) -> Iterator[pa.ChunkedArray | None]:
        """The join key of the rows of each part; None where nothing was joined by one."""
        for fragment in self.fragments:
            yield None if self.join_key is None else read_fragment(fragment, [self.join_key])[self.join_key]

    def read(self) -> Iterator[pa.Table]:
        """Local attributions in dataset order."""
        for fragment in self.fragments:
            yield read_part(part_uri_of(self.parts_uri, fragment))

    def aggregate(self) -> Iterator[tuple[GlobalColumn, ...]]:
        """For each output, the summary of every reported player; rows without attributions are left out."""
        wanted = [(output, player) for output in range(len(self.outputs)) for player, _ in self.reported]
        rows = sum(fragment.rows for fragment in self.fragments)
        at_once = max(1, BYTES_PER_PASS // max(rows * _BYTES_PER_CELL, 1))
        columns = [
            column
            for start in range(0, len(wanted), at_once)
            for column in self._aggregate(wanted[start : start + at_once])
        ]
        for start in range(0, len(columns), max(len(self.reported), 1)):
            yield tuple(columns[start : start + len(self.reported)])

    def _aggregate(self, wanted: Sequence[tuple[int, int]]) -> list[GlobalColumn]:
        names = [f"{kind}:{output}:{player}" for output, player in wanted for kind in ("value", "error")]
        parts = [
            np.stack([part[name].to_numpy() for name in names])
            for fragment in self.fragments
            for part in [read_part(part_uri_of(self.parts_uri, fragment), columns=names)]
        ]
        return [
            aggregate_column((part[2 * place], part[2 * place + 1]) for part in parts) for place in range(len(wanted))
        ]


def local_table(local: LocalAttributions) -> pa.Table:
    """Local attributions as one part; failed rows hold nulls."""
    columns: dict[str, pa.Array] = {
        "estimator": pa.array(local.estimator),
        "outcome": pa.array(local.outcome),
        "calls": pa.array(local.calls),
        "relative_error": _numbers(local.relative_errors),
    }
    n_outputs, n_players = local.values.shape[1:]
    for output in range(n_outputs):
        columns[f"score:{output}"] = _numbers(local.scores[:, output])
        for player in range(n_players):
            columns[f"value:{output}:{player}"] = _numbers(local.values[:, output, player])
            columns[f"error:{output}:{player}"] = _numbers(local.standard_errors[:, output, player])
    return pa.table(columns)


def _numbers(numbers: NDArray[np.float64]) -> pa.Array:
    return pa.array(numbers, from_pandas=True)       # NaN becomes null


def summarise_part(part: pa.Table) -> ExplainedPart:
    """What a part cost and how its rows came out."""
    return ExplainedPart(
        rows=part.num_rows,
        calls=int(np.sum(part["calls"].to_numpy())),
        estimators=_counted(Estimator, part.filter(_explained(part))["estimator"]),
        outcomes=_counted(Outcome, part["outcome"]),
    )


def row_facts(part: pa.Table) -> dict[str, pa.ChunkedArray | pa.Array]:
    """What is known of each row besides its attributions, in words where the part has codes."""
    return {
        "shap.estimator": _words(Estimator, part["estimator"]),
        "shap.outcome": _words(Outcome, part["outcome"]),
        "shap.calls": part["calls"],
        "shap.relative_error": part["relative_error"],
    }


def _words(names: type[Estimator] | type[Outcome], codes: pa.ChunkedArray) -> pa.Array:
    words = pa.array([name.name.lower() for name in sorted(names)], pa.string())
    return words.take(codes.combine_chunks().cast(pa.int32()))


def _explained(part: pa.Table) -> pa.Array:
    return pa.array(part["outcome"].to_numpy() != Outcome.FAILED)


def _counted(names: type[Estimator] | type[Outcome], codes: pa.ChunkedArray) -> tuple[tuple[str, int], ...]:
    counts = Counter(codes.to_pylist())
    return tuple((names(code).name.lower(), count) for code, count in sorted(counts.items()))
