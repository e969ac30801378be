"""Expectations derived from a config: what stops a run, what is recorded, and how rows are counted."""

import json
import pickle
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from clarify.config.parse import parse_analysis_config
from clarify.data.coding import ColumnFacts
from clarify.data.expectations import (
    blocking_problems,
    check_profile,
    check_scores,
    check_slab,
    combine,
    derive_expectations,
    score_expectations,
)
from clarify.errors import DataError
from clarify.results import ColumnSummary, ValidationOutcome


def config_of(**changes):
    document = {
        "dataset_type": "text/csv",
        "label": "approved",
        "label_values_or_threshold": ["yes"],
        "facet": [{"name_or_index": "sex", "value_or_threshold": ["f"]}],
        "methods": {"pre_training_bias": {"methods": "all"}},
        **changes,
    }
    return parse_analysis_config(json.dumps(document)).config


def facts_of(table: pa.Table) -> tuple[ColumnFacts, ...]:
    """The profile of a small table, counted here by hand."""
    kinds = {pa.int64(): "int", pa.float64(): "float", pa.string(): "text", pa.bool_(): "bool"}
    return tuple(fact_of(name, table[name].to_pylist(), kinds[table[name].type]) for name in table.column_names)


def fact_of(name: str, cells: list, kind: str) -> ColumnFacts:
    present = [cell for cell in cells if cell is not None]
    finite = [cell for cell in present if kind in ("int", "float") and np.isfinite(cell)]
    distinct = tuple(dict.fromkeys(present))
    extremes = (float(min(finite)), float(max(finite))) if finite else (None, None)
    infinite = len(present) - len(finite) if kind == "float" else 0
    summary = ColumnSummary(
        name, kind, "counted by hand", len(cells), len(cells) - len(present), len(distinct), *extremes, infinite
    )
    counts = tuple(present.count(value) for value in distinct)
    return ColumnFacts(summary, distinct, counts, len(distinct) / len(present) if present else 0.0)


def loans(**columns) -> pa.Table:
    """A hundred loans: half of them to women, every fourth approved; ages 20 to 69."""
    plain = {
        "approved": ["yes", "no", "no", "no"] * 25,
        "sex": ["f", "m"] * 50,
        "age": list(range(20, 70)) * 2,
        "income": [1.5, 2.5] * 50,
        "region": ["north"] * 40 + ["south"] * 60,
    }
    return pa.table({**plain, **columns})


def outcomes_of(config, table: pa.Table, *, facts=None):
    facts = facts_of(table) if facts is None else facts
    return check_profile(derive_expectations(config, facts), facts)


def failures(outcomes) -> dict[tuple[str, str], tuple[str, int]]:
    """(expectation, column) -> (severity, rows that break it), of those that failed."""
    return {(o.expectation, o.column): (o.severity, o.unexpected) for o in outcomes if not o.success}


def problems_of(outcomes):
    return blocking_problems(ValidationOutcome(100, (), tuple(outcomes)))


# Whole datasets.


def test_data_that_fit_the_config_break_nothing():
    config = config_of(group_variable="region", excluded_columns=["age"])

    outcomes = outcomes_of(config, loans())

    assert failures(outcomes) == {}
    assert {o.expectation for o in outcomes} >= {"column_exists", "at_least_one_row", "type_readable", "not_null"}


@pytest.mark.parametrize(
    ("changes", "field", "received", "hint"),
    [
        ({"label": "aproved"}, "label", "'aproved'",
         "did you mean 'approved'? AWS answers: Headers must contain label."),
        ({"facet": [{"name_or_index": "Sex"}]}, "facet[0].name_or_index", "'Sex'",
         "did you mean 'sex'? AWS answers: Unable to locate the facet."),
        ({"group_variable": "zzz"}, "group_variable", "'zzz'",
         "the columns are 'approved', 'sex', 'age', 'income', 'region'"),
        ({"excluded_columns": [0, 5]}, "excluded_columns[1]", "'position 5'",
         "the columns are 'approved', 'sex', 'age', 'income', 'region'"),
    ],
)  # fmt: skip
def test_a_missing_column_stops_the_run_with_the_nearest_name(changes, field, received, hint):
    (problem,) = problems_of(outcomes_of(config_of(**changes), loans()))

    assert (problem.code, problem.field, problem.received) == ("DATA-COLUMN-MISSING", field, received)
    assert problem.hint == hint


def test_a_dataset_without_rows_stops_the_run():
    table = loans().slice(0, 0)

    found = [(p.code, p.received) for p in problems_of(outcomes_of(config_of(), table))]

    assert ("DATA-EMPTY", "0 of 0 rows break at_least_one_row") in found


@pytest.mark.parametrize(
    ("values", "broken"),
    [
        (["x"], {("facet_values_seen", "sex"): ("recorded", 100)}),
        (["f", "x"], {("facet_values_seen", "sex"): ("recorded", 100)}),
        (["f", "m"], {("facet_rest_seen", "sex"): ("recorded", 100)}),
    ],
)
def test_an_absent_value_and_a_single_group_are_recorded(values, broken):
    config = config_of(facet=[{"name_or_index": "sex", "value_or_threshold": values}])

    assert failures(outcomes_of(config, loans())) == broken


def test_an_absent_value_is_named():
    config = config_of(facet=[{"name_or_index": "sex", "value_or_threshold": ["f", "x"]}])

    (failed,) = (o for o in outcomes_of(config, loans()) if not o.success)

    assert failed.detail == "not in the data: x"


@pytest.mark.parametrize(
    ("threshold", "broken"),
    [(40, None), (69, "facet_values_seen"), (70, "facet_values_seen"), (19, "facet_rest_seen")],
)
def test_a_threshold_needs_rows_on_both_sides(threshold, broken):
    # 69 is the largest age: nobody lies above it, and fifty different ages are a quantity, not codes.
    config = config_of(facet=[{"name_or_index": "age", "value_or_threshold": [threshold]}])

    found = failures(outcomes_of(config, loans()))

    assert found == ({(broken, "age"): ("recorded", 100)} if broken else {})


def test_nobody_lies_above_a_threshold_that_is_the_largest_value():
    config = config_of(facet=[{"name_or_index": "age", "value_or_threshold": [69]}])
    facts = tuple(replace(fact, values=None) if fact.summary.name == "age" else fact for fact in facts_of(loans()))

    found = failures(outcomes_of(config, loans(), facts=facts))

    assert found == {("facet_values_seen", "age"): ("recorded", 100)}


def test_a_facet_of_one_value_is_recorded_as_a_single_group():
    config = config_of(facet=[{"name_or_index": "sex"}])

    found = failures(outcomes_of(config, loans(sex=["f"] * 100)))

    assert found == {("facet_rest_seen", "sex"): ("recorded", 100)}


def test_a_continuous_facet_without_a_threshold_stops_the_run_in_aws_words():
    config = config_of(facet=[{"name_or_index": "income"}])

    (problem,) = problems_of(outcomes_of(config, loans()))

    assert (problem.code, problem.field) == ("DATA-THRESHOLD-MISSING", "income")
    assert problem.hint.endswith("AWS answers: Threshold values must be provided for continuous features")


@pytest.mark.parametrize(
    ("labels", "broken"), [(["no"] * 100, "label_values_seen"), (["yes"] * 100, "label_rest_seen")]
)
def test_a_label_with_one_class_is_recorded(labels, broken):
    found = failures(outcomes_of(config_of(), loans(approved=labels)))

    assert found == {(broken, "approved"): ("recorded", 100)}


def test_values_are_matched_in_the_kind_of_the_column():
    config = config_of(facet=[{"name_or_index": "flag", "value_or_threshold": ["1"]}])
    table = loans(flag=[True, False] * 50)

    assert failures(outcomes_of(config, table)) == {}


def test_a_column_of_too_many_values_to_list_breaks_nothing():
    table = loans(sex=[f"person {number}" for number in range(100)])
    facts = tuple(
        ColumnFacts(fact.summary, None, None, 1.0) if fact.summary.name == "sex" else fact for fact in facts_of(table)
    )

    assert failures(outcomes_of(config_of(), table, facts=facts)) == {}


# Predictions in the data.


def predicted_config(**changes):
    return config_of(predicted_label="guess", methods={"post_training_bias": {"methods": "all"}}, **changes)


def test_predictions_like_labels_break_nothing():
    assert failures(outcomes_of(predicted_config(), loans(guess=["no", "yes"] * 50))) == {}


def test_predictions_of_another_type_than_the_label_stop_the_run_in_aws_words():
    config = predicted_config(label="flag", label_values_or_threshold=[1])
    table = loans(flag=[0, 1] * 50, guess=[0.0, 1.5] * 50)

    (problem,) = problems_of(outcomes_of(config, table))

    assert (problem.code, problem.field) == ("DATA-LABEL-TYPES", "guess")
    assert "Predicted Label Column series datatype is not the same as Label Column series" in problem.hint


def test_a_missing_prediction_does_not_change_the_type():
    config = predicted_config(label="flag", label_values_or_threshold=[1])
    table = loans(flag=[0, 1] * 50, guess=[0, 1] * 49 + [None, 1])

    assert failures(outcomes_of(config, table)) == {("not_null", "guess"): ("recorded", 1)}


def test_predictions_without_a_positive_one_stop_the_run_in_aws_words():
    (problem,) = problems_of(outcomes_of(predicted_config(), loans(guess=["no", "maybe"] * 50)))

    assert (problem.code, problem.received) == (
        "DATA-NO-POSITIVE-PREDICTION", "100 of 100 rows break positive_prediction_seen",
    )  # fmt: skip
    assert "Positive Predicted Index Series contains all False values" in problem.hint


# Rows.


def test_missing_values_are_counted_by_row_and_the_run_goes_on():
    table = loans(approved=[None, "yes", "no", "no"] * 25, sex=["f", None] * 50)

    found = failures(outcomes_of(config_of(), table))

    assert found[("not_null", "approved")] == ("recorded", 25)
    assert found[("not_null", "sex")] == ("recorded", 50)


def test_infinite_values_are_counted():
    config = config_of(facet=[{"name_or_index": "income", "value_or_threshold": [2]}])
    table = loans(income=[1.0, 3.0, float("inf"), float("-inf")] * 25)

    assert failures(outcomes_of(config, table)) == {("finite", "income"): ("recorded", 50)}


def test_values_of_another_type_than_the_column_is_said_to_have_stop_the_run():
    facts = tuple(
        replace(fact, values=(1, 2), summary=replace(fact.summary, kind="text")) if fact.summary.name == "sex" else fact
        for fact in facts_of(loans())
    )

    outcomes = outcomes_of(config_of(), loans(), facts=facts)

    assert failures(outcomes)[("type_readable", "sex")] == ("blocking", 100)
    assert "DATA-TYPE" in [p.code for p in problems_of(outcomes)]


def test_the_type_of_a_column_with_too_many_values_to_list_is_that_of_its_extremes():
    config = config_of(facet=[{"name_or_index": "income", "value_or_threshold": [2]}])
    facts = tuple(replace(fact, values=None, counts=None) for fact in facts_of(loans()))

    assert failures(outcomes_of(config, loans(), facts=facts)) == {}


@pytest.mark.parametrize(
    "cells",
    [[1, None] * 50, [1.5, None] * 50, [True, None] * 50, ["a", None] * 50],
    ids=["int", "float", "bool", "text"],
)
def test_missing_values_leave_the_type_alone(cells):
    config = config_of(group_variable="extra")

    assert set(failures(outcomes_of(config, loans(extra=cells)))) == {("not_null", "extra")}


def test_missing_feature_values_are_recorded_for_each_feature():
    config = config_of(methods={"shap": {}}, predictor={"model_name": "m"}, excluded_columns=["region"])
    table = loans(age=[None, 30] * 50, income=[float("inf")] + [1.0] * 99, region=[None] + ["north"] * 99)

    assert failures(outcomes_of(config, table)) == {
        ("features_not_null", "age"): ("recorded", 50),
        ("features_finite", "income"): ("recorded", 1),
    }


def test_a_suite_survives_the_way_to_another_process():
    suite = derive_expectations(config_of(), facts_of(loans()))

    assert pickle.loads(pickle.dumps(suite)) == suite


def test_what_is_true_of_every_row_is_told_after_what_is_true_of_the_whole():
    names = [o.expectation for o in outcomes_of(config_of(), loans())]

    assert names.index("facet_rest_seen") < names.index("type_readable")


# Scores.


def score_slab(**columns) -> pa.Table:
    return pa.table({"label0": [0.5, None, float("inf"), 0.25] * 25, **columns})


def test_counts_of_slabs_add_up_in_any_order():
    table, suite = score_slab(), score_expectations(("label0",))
    whole = check_slab(table, suite)

    parts = [check_slab(table.slice(start, 30), suite) for start in (60, 0, 90, 30)]

    assert combine(suite, parts) == combine(suite, [whole])
    assert sum(part.rows for part in parts) == 100


def test_a_slab_may_hold_columns_that_nobody_asks_about():
    table, suite = score_slab(), score_expectations(("label0",))

    assert check_slab(table.append_column("more", pa.array(range(100))), suite) == check_slab(table, suite)


def test_a_slab_without_a_column_is_refused():
    with pytest.raises(DataError, match=r"DATA-SLAB.*\n.*'label0', 'label1'"):
        check_slab(score_slab(), score_expectations(("label0", "label1")))


def scores_with(bad: dict[int, float], rows: int = 200) -> np.ndarray:
    scores = np.full((rows, 1), 0.5)
    for row, value in bad.items():
        scores[row, 0] = value
    return scores


def test_good_scores_break_nothing():
    assert failures(check_scores(scores_with({0: 0.0, 1: 1.0}), ("label0",), output="probability")) == {}


def test_a_few_missing_scores_are_recorded():
    # 2 of 200 rows are the tolerated 1 %.
    outcomes = check_scores(scores_with({3: np.nan, 4: np.nan}), ("label0",))

    assert failures(outcomes) == {("scores_present", "label0"): ("recorded", 2)}


def test_many_non_finite_scores_stop_the_run():
    outcomes = check_scores(scores_with({3: np.inf, 4: -np.inf, 5: np.inf}), ("label0",))

    assert failures(outcomes) == {("scores_finite", "label0"): ("blocking", 3)}
    assert [p.received for p in problems_of(outcomes)] == ["3 of 200 rows break scores_finite"]


@pytest.mark.parametrize(
    ("output", "broken"), [("score", {}), ("probability", {("scores_are_probabilities", "no"): 2})]
)
def test_scores_beyond_0_and_1_are_refused_as_probabilities_only(output, broken):
    scores = np.column_stack([scores_with({0: -0.1, 9: 1.5}), scores_with({})])

    found = failures(check_scores(scores, ("no", "yes"), output=output))

    assert {key: unexpected for key, (_, unexpected) in found.items()} == broken


def test_every_blocking_expectation_has_a_problem():
    suites = (
        *derive_expectations(config_of(), facts_of(loans())),
        *derive_expectations(config_of(facet=[{"name_or_index": "sex"}]), facts_of(loans())),
        *derive_expectations(predicted_config(), facts_of(loans(guess=["no", "yes"] * 50))),
        *score_expectations(("label0",), output="probability"),
    )
    from clarify.data.expectations import BLOCKING

    blocking = {e.name for e in suites if e.severity == "blocking" or e.tolerated_share is not None}

    assert blocking == set(BLOCKING)


def test_importing_great_expectations_does_not_end_a_process_without_a_main_file():
    script = "from clarify.data.expectations import batches; batches(); print('still here')"

    answer = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)

    assert answer.stdout.strip() == "still here"
