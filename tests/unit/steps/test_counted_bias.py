"""Bias without a model: counted in the pass that profiles, the same numbers as from rows, nothing staged."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from clarify.data.combinations import Combinations
from clarify.data.dataset import Fragment, cut
from clarify.errors import DataError
from clarify.steps.measure_bias import TallyPlan, measure_post_training_bias, measure_pre_training_bias, tabulate
from clarify.steps.validate_dataset import keep_rows

CONFIG = {
    "label": "label",
    "label_values_or_threshold": ["1"],
    "predicted_label": "predicted",
    "facet": [{"name_or_index": "sex"}, {"name_or_index": "age", "value_or_threshold": [40]}],
    "group_variable": "region",
    "methods": {"pre_training_bias": {"methods": "all"}, "post_training_bias": {"methods": "all"}},
}


def people(n=600, seed=0) -> pd.DataFrame:
    draw = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "sex": draw.choice(["f", "m", None], n, p=[0.3, 0.6, 0.1]),
            "label": draw.choice(["1", "0", "", " 1"], n, p=[0.4, 0.4, 0.1, 0.1]),
            "predicted": draw.choice(["1", "0"], n),
            "region": draw.choice(["north", "south", "east"], n),
            "age": draw.integers(18, 80, n),
        }
    )
    frame["many"] = [f"person {i}" for i in range(n)]
    return frame


@pytest.mark.parametrize("n_files", [1, 3])
def test_tables_from_combinations_are_those_from_rows(prepare, engine, n_files):
    _, data = prepare(people(), CONFIG, n_files=n_files)
    tally = TallyPlan(data.facets, data.outcome_label, data.predicted_label, data.group_variable)

    counted = tabulate(engine, data.to_tally, tally, scored=None)
    read = tabulate(engine, keep_rows(data, engine).fragments, tally, scored=None)

    assert isinstance(data.to_tally[0], Combinations)
    assert counted == read
    assert [table.rows for table in counted] == [600, 600, 600]


def test_a_run_that_only_counts_reads_its_csv_once_and_stages_nothing(prepare, engine):
    plan, data = prepare(people(), CONFIG)
    Path(plan.source.files[0].uri).unlink()

    pre = measure_pre_training_bias(plan, data, engine)
    post = measure_post_training_bias(plan, data, None, engine)

    assert not list(Path(plan.output_uri).rglob("*.parquet"))
    assert {metric.name for metric in pre.facets[0].metrics} >= {"CI", "DPL", "CDDL"}
    assert {metric.name for metric in post.facets[0].metrics} >= {"DI", "FT"}
    assert data.dataset.describe().rows == 600


def test_rows_that_were_not_kept_are_an_error_and_not_an_empty_dataset(prepare, engine):
    _, data = prepare(people(), CONFIG)

    with pytest.raises(DataError, match="DATA-NOT-KEPT"):
        cut(data.dataset, 100)
    assert sum(fragment.rows for fragment in keep_rows(data, engine).fragments) == 600


def test_a_group_variable_of_too_many_values_is_counted_from_rows(prepare, engine):
    frame = pd.concat([people(seed=seed) for seed in range(2)], ignore_index=True)
    frame["many"] = [f"person {i}" for i in range(len(frame))]

    plan, data = prepare(frame, {**CONFIG, "group_variable": "many"})
    section = measure_pre_training_bias(plan, data, engine)

    assert all(isinstance(item, Fragment) for item in data.to_tally)
    counts = section.facets[0].counts
    assert counts.a.rows + counts.d.rows + counts.unknown.rows == 1_200
