"""Bias of labels and of predicted labels: one pass counts the rows, formulas read the counts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from clarify.bias.contingency import ContingencyTable
from clarify.bias.differences import difference_notices
from clarify.bias.evaluate import evaluate
from clarify.data.coding import UNKNOWN, Coding
from clarify.data.combinations import Combinations
from clarify.data.dataset import Fragment, fragment_batches, read_fragment
from clarify.engines.base import Engine
from clarify.results import BiasSection, FacetBias, Stage
from clarify.steps.flip_neighbours import flips_of_facets
from clarify.steps.judge import allowed_ranges
from clarify.steps.plan import AnalysisPlan
from clarify.steps.predict import ScoredDataset, read_positive
from clarify.steps.validate_dataset import PreparedData


@dataclass(frozen=True)
class TallyPlan:
    """Which columns become which axis of the tables."""

    facets: tuple[Coding, ...]
    label: Coding
    predicted: Coding | None = None
    group_variable: str | None = None

    @property
    def columns(self) -> tuple[str, ...]:
        named = [facet.column for facet in self.facets] + [self.label.column]
        named += [self.predicted.column] if self.predicted is not None else []
        named += [self.group_variable] if self.group_variable is not None else []
        return tuple(dict.fromkeys(named))


@dataclass(frozen=True, eq=False)
class Tally:
    """Counts of one facet in some rows; ``strata`` names the columns of ``counts`` but the last, the unknown one."""

    strata: tuple[str, ...]
    counts: NDArray[np.int64]        # (3 facets, 3 labels, 3 predicted labels, len(strata) + 1)


def measure_pre_training_bias(plan: AnalysisPlan, data: PreparedData, engine: Engine) -> BiasSection:
    """All requested metrics of the labels, for every group of every facet."""
    tally = TallyPlan(data.facets, data.outcome_label, None, data.group_variable)
    tables = tabulate(engine, data.to_tally, tally, scored=None)
    facets = tuple(
        evaluate(
            table,
            facet=facet.column,
            value_or_threshold=facet.text,
            stage="pre_training",
            methods=plan.config.pre_training_metrics,
            flips=None,
            ranges=allowed_ranges(plan.policy, facet.column, facet.text),
        )
        for facet, table in zip(data.facets, tables, strict=True)
    )
    return _section("pre_training", data, facets)


def measure_post_training_bias(
    plan: AnalysisPlan, data: PreparedData, scored: ScoredDataset | None, engine: Engine
) -> BiasSection:
    """All requested metrics of the predicted labels, from the data's own column or from the model's answers."""
    predicted = data.predicted_label if scored is None else None
    tally = TallyPlan(data.facets, data.outcome_label, predicted, data.group_variable)
    fragments = data.to_tally if scored is None else scored.fragments
    tables = tabulate(engine, fragments, tally, scored=scored)
    flips = flips_of_facets(plan, data, scored, engine, tables)
    facets = tuple(
        _with_note(
            evaluate(
                table,
                facet=facet.column,
                value_or_threshold=facet.text,
                stage="post_training",
                methods=plan.config.post_training_metrics,
                flips=flip.known,
                aws_flips=flip.aws,
                ranges=allowed_ranges(plan.policy, facet.column, facet.text),
            ),
            flip.note,
        )
        for facet, table, flip in zip(data.facets, tables, flips, strict=True)
    )
    return _section("post_training", data, facets)


def tabulate(
    engine: Engine, fragments: Sequence[Fragment | Combinations], tally: TallyPlan, *, scored: ScoredDataset | None
) -> tuple[ContingencyTable, ...]:
    """One contingency table a facet, counted wherever the fragments lie and added here.

    Combinations that were counted with the profile are coded here and now: they are few.
    """
    counted = [tally_combinations(item, tally=tally) for item in fragments if isinstance(item, Combinations)]
    rows = [item for item in fragments if isinstance(item, Fragment)]
    if rows:
        counted += engine.map(
            partial(tally_fragment, tally=tally, scored=scored), rows, stage="counting", light=True
        )
    has_predictions = scored is not None or tally.predicted is not None
    return tuple(
        _table(
            _merge(tallies[facet] for tallies in counted),
            has_predictions=has_predictions,
            has_strata=tally.group_variable is not None,
        )
        for facet in range(len(tally.facets))
    )


def tally_combinations(counted: Combinations, *, tally: TallyPlan) -> tuple[Tally, ...]:
    """Counts of every facet, from combinations of values instead of rows."""
    return _tally(counted.values, tally, _predicted(counted.values, tally), counted.counts)


def tally_fragment(fragment: Fragment, *, tally: TallyPlan, scored: ScoredDataset | None) -> tuple[Tally, ...]:
    """Counts of every facet in one fragment; one reading of its rows serves all facets."""
    if scored is not None:
        table = read_fragment(fragment, columns=tally.columns)
        return _tally(table, tally, read_positive(scored, fragment), None)
    tables = (pa.Table.from_batches([batch]) for batch in fragment_batches(fragment, columns=tally.columns))
    pieces = [_tally(table, tally, _predicted(table, tally), None) for table in tables]
    return tuple(_merge(piece[facet] for piece in pieces) for facet in range(len(tally.facets)))


def _tally(
    table: pa.Table, tally: TallyPlan, predicted: NDArray[np.int8], counts: NDArray[np.int64] | None
) -> tuple[Tally, ...]:
    """Counts of every facet in a table; ``counts`` says how many rows each of its rows stands for (default one)."""
    label = tally.label.code(table[tally.label.column])
    strata, stratum = _strata(table, tally.group_variable)
    return tuple(
        Tally(strata, _count(facet.code(table[facet.column]), label, predicted, stratum, len(strata) + 1, counts))
        for facet in tally.facets
    )


def _predicted(table: pa.Table, tally: TallyPlan) -> NDArray[np.int8]:
    if tally.predicted is not None:
        return tally.predicted.code(table[tally.predicted.column])
    return np.full(table.num_rows, UNKNOWN, dtype=np.int8)


def _strata(table: pa.Table, group_variable: str | None) -> tuple[tuple[str, ...], NDArray[np.int64]]:
    """Names of the strata in these rows, and for every row its position among them (the last: unknown)."""
    if group_variable is None:
        return (), np.zeros(table.num_rows, dtype=np.int64)
    encoded = pa.chunked_array([table[group_variable].combine_chunks()]).dictionary_encode().combine_chunks()
    names = tuple(str(value) for value in encoded.dictionary.to_pylist())
    return names, encoded.indices.fill_null(len(names)).to_numpy(zero_copy_only=False).astype(np.int64)


def _count(
    facet: NDArray[np.int8],
    label: NDArray[np.int8],
    predicted: NDArray[np.int8],
    stratum: NDArray[np.int64],
    n_strata: int,
    counts: NDArray[np.int64] | None,
) -> NDArray[np.int64]:
    cell = ((facet.astype(np.int64) * 3 + label) * 3 + predicted) * n_strata + stratum
    # Weights are added as floats, which is exact up to 2^53 rows.
    total = np.bincount(cell, weights=counts, minlength=27 * n_strata).astype(np.int64)
    return total.reshape(3, 3, 3, n_strata)


def _merge(tallies: Iterable[Tally]) -> Tally:
    """The sum, with strata in the order of their names, so that no order of reading shows."""
    parts = list(tallies)
    names = tuple(sorted({name for part in parts for name in part.strata}))
    position = {name: index for index, name in enumerate(names)}
    total = np.zeros((3, 3, 3, len(names) + 1), dtype=np.int64)
    for part in parts:
        total[..., [*(position[name] for name in part.strata), len(names)]] += part.counts
    return Tally(names, total)


def _table(tally: Tally, *, has_predictions: bool, has_strata: bool) -> ContingencyTable:
    return ContingencyTable(tally.counts, has_predictions, has_strata, tally.strata)


def _with_note(bias: FacetBias, note: str) -> FacetBias:
    """The flip test says itself when it saw a sample only; counts of a sample are kept apart from the facet's."""
    if not note:
        return bias
    metrics = (replace(metric, detail=note) if metric.name == "FT" else metric for metric in bias.metrics)
    return replace(bias, metrics=tuple(metrics), flips=None, sampled_flips=bias.flips)


def _section(stage: Stage, data: PreparedData, facets: tuple[FacetBias, ...]) -> BiasSection:
    label = data.outcome_label
    return BiasSection(stage, label.column, label.text, facets, difference_notices(facets))
