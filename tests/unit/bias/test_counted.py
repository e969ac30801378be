"""Counts that a result carries are enough to compute its metrics again, alone and pooled."""

from dataclasses import replace

import numpy as np
import pytest

from clarify.bias.catalog import metrics_of
from clarify.bias.contingency import ContingencyTable
from clarify.bias.counted import counted_table, pool
from clarify.bias.evaluate import estimate, evaluate
from clarify.results import FlipCounts

FLIPS = FlipCounts(3, 5, 40)


def random_table(seed: int, names: tuple[str, ...] = ("x", "y", "z")) -> ContingencyTable:
    counts = np.random.default_rng(seed).integers(0, 30, (3, 3, 3, len(names) + 1))
    return ContingencyTable(counts, has_predictions=True, has_strata=True, strata_names=names)


def of_stage(table, stage):
    flips = FLIPS if stage == "post_training" else None
    return evaluate(table, facet="f", value_or_threshold="1", stage=stage, flips=flips)


@pytest.mark.parametrize("stage", ["pre_training", "post_training"])
@pytest.mark.parametrize("seed", range(5))
def test_every_metric_and_its_interval_follow_from_the_counts_in_the_result(stage, seed):
    bias = of_stage(random_table(seed), stage)

    table = counted_table(bias)

    for metric, reported in zip(metrics_of(stage, "all"), bias.metrics, strict=True):
        again = estimate(metric, table)
        interval = again.plausible.interval() if again.plausible is not None else None
        assert (metric.name, again.value, interval) == (reported.name, reported.value, reported.interval)


@pytest.mark.parametrize("stage", ["pre_training", "post_training"])
def test_pooled_counts_are_those_of_all_rows_together_whatever_order_strata_come_in(stage):
    one, other = random_table(1), random_table(2)
    shuffled = replace(other, counts=other.counts[..., [2, 0, 1, 3]], strata_names=("z", "x", "y"))

    pooled = pool([of_stage(one, stage), of_stage(shuffled, stage)])

    together = of_stage(one.merge(other), stage)
    assert (pooled.counts, pooled.strata) == (together.counts, together.strata)
    assert pooled.flips == (FlipCounts(6, 10, 80) if stage == "post_training" else None)


def test_a_flip_test_that_is_missing_once_is_missing_in_the_pool():
    with_flips = of_stage(random_table(1), "post_training")

    assert pool([with_flips, replace(with_flips, flips=None)]).flips is None


def test_without_a_group_variable_there_are_no_strata():
    table = ContingencyTable.from_confusion(a=(1, 2, 3, 4), d=(5, 6, 7, 8))

    bias = of_stage(table, "post_training")

    assert bias.strata is None
    assert not counted_table(bias).has_strata
