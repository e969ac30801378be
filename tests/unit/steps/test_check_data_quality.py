"""Small windows against small references, through files, Great Expectations and the rules."""

import json
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

from clarify.data.source import open_source
from clarify.drift.data_quality import data_quality_status
from clarify.engines.local import LocalEngine
from clarify.errors import ConfigError, ConstraintsError
from clarify.records import Status
from clarify.results import Reason
from clarify.steps.check_data_quality import check_window, open_described
from clarify.steps.quality_reference import read_data_quality_reference, write_data_quality_reference

ROWS = 600


@pytest.fixture
def people():
    """Rows like those of the reference; every call with another seed is another window."""

    def drawn(seed, rows=ROWS):
        generator = np.random.default_rng(seed)
        return pd.DataFrame({
            "age": generator.integers(18, 70, rows),
            "score": generator.normal(size=rows).round(4),
            "sex": generator.choice(["F", "M"], rows),
        })

    return drawn


@pytest.fixture
def csv(tmp_path):
    def written(frame, name="window.csv"):
        frame.to_csv(tmp_path / name, index=False)
        return open_source(str(tmp_path / name), dataset_type="text/csv", csv_header="present")

    return written


@pytest.fixture
def reference(tmp_path, people, csv, engine):
    write_data_quality_reference(csv(people(1, 3_000), "reference.csv"), str(tmp_path / "reference"), engine=engine)
    return str(tmp_path / "reference")


@pytest.fixture
def check(csv, reference, engine):
    def checked(frame, uri=None, **options):
        kept = read_data_quality_reference(uri or reference)
        return check_window(csv(frame), kept, engine=engine, **options).quality

    return checked


def kinds(quality):
    return [(violation.subject, violation.check) for violation in quality.violations]


@pytest.mark.parametrize("rule", ["sagemaker", "decision"])
def test_a_window_like_its_reference_passes(check, people, rule):
    quality = check(people(2), rule=rule)

    assert data_quality_status(quality) == (Status.PASS, None, "no constraint is violated, 3 columns compared")


@pytest.mark.parametrize("rule", ["sagemaker", "decision"])
def test_a_renamed_column_is_missing_under_one_name_and_extra_under_the_other(check, people, rule):
    quality = check(people(2).rename(columns={"age": "years"}), rule=rule)

    assert kinds(quality) == [("age", "missing_column_check"), ("years", "extra_column_check")]
    assert [violation.subject for violation in quality.blocking] == ["age"]


def test_an_added_column_is_told_and_blocks_nothing(check, people):
    quality = check(people(2).assign(extra=1))

    assert (kinds(quality), quality.blocking) == ([("extra", "extra_column_check")], ())
    assert quality.violations[0].description == (
        "There are extra columns in current dataset. Number of columns in current dataset: 4, "
        "Number of columns in baseline constraints: 3. Extra: 'extra'."
    )


def test_a_column_that_changed_its_type_blocks(check, people):
    frame = people(2)

    quality = check(frame.assign(age="n" + frame["age"].astype(str)))

    assert kinds(quality) == [("age", "data_type_check")]
    assert quality.violations[0].description == (
        "Data type match requirement is not met. Expected data type: Integral, Expected match: 100.0%. "
        "Observed: Only 0.0% of data is Integral."
    )
    assert quality.blocking == quality.violations


def test_integers_beside_nulls_are_still_integers(check, people):
    frame = people(2)
    frame.loc[0, "age"] = None                               # pandas now writes 25.0 for 25

    quality = check(frame, rule="sagemaker")

    assert kinds(quality) == [("age", "completeness_check")]


def test_missing_values_are_an_incomplete_column(check, people):
    frame = people(2)
    frame.loc[:29, "age"] = None

    quality = check(frame)

    assert kinds(quality) == [("age", "completeness_check")]
    assert "Only 95.0% of data is present." in quality.violations[0].description


def test_an_unknown_category_is_told_by_name(check, people):
    frame = people(2)
    frame.loc[:29, "sex"] = "X"

    quality = check(frame)

    assert ("sex", "categorical_values_check") in kinds(quality)
    assert "(unknown: 'X')" in quality.violations[0].description


def test_a_shift_of_a_number_is_drift_and_blocks_nothing(check, people):
    frame = people(2)

    quality = check(frame.assign(score=frame["score"] + 0.5))

    assert (kinds(quality), quality.blocking) == ([("score", "baseline_drift_check")], ())
    assert data_quality_status(quality)[:2] == (Status.VIOLATION, Reason.DRIFT)


def test_few_rows_are_inconclusive(check, people):
    assert data_quality_status(check(people(2, 40)))[:2] == (Status.INCONCLUSIVE, Reason.TOO_FEW)


def test_columns_that_are_not_to_be_compared_are_left_alone(check, people):
    quality = check(people(2).drop(columns="sex").assign(event="e"), columns=("age", "score"), ignored=("event",))

    assert kinds(quality) == []
    assert [distance.feature for distance in quality.distances] == ["age", "score"]


def test_a_column_of_the_reference_that_is_not_compared_is_no_extra_one(check, people):
    assert kinds(check(people(2), columns=("age", "score"))) == []


def test_files_and_workers_change_no_number(tmp_path, people, csv, reference, engine):
    frame = people(2)
    (tmp_path / "parts").mkdir()
    for place, start in enumerate((0, 100, 350)):
        frame.iloc[start : (100, 350, ROWS)[place]].to_csv(tmp_path / "parts" / f"{place}.csv", index=False)
    parts = open_source(str(tmp_path / "parts"), dataset_type="text/csv", csv_header="present")
    kept = read_data_quality_reference(reference)

    with LocalEngine(workers=2) as pool:
        cut = check_window(parts, kept, engine=pool, key="k")
    whole = check_window(csv(frame), kept, engine=engine, key="k")

    assert (cut.quality, cut.statistics) == (whole.quality, whole.statistics)


def test_parquet_and_csv_give_the_same_distances(tmp_path, people, check, reference, engine):
    frame = people(2)
    frame.to_parquet(tmp_path / "w.parquet")
    window = open_source(str(tmp_path / "w.parquet"), dataset_type="application/x-parquet")

    parquet = check_window(window, read_data_quality_reference(reference), engine=engine, key="k").quality

    assert parquet == check(frame, key="k")


def test_the_same_reference_is_written_twice_in_the_same_bytes(tmp_path, people, csv, engine):
    source = csv(people(1))
    folders = [str(tmp_path / name) for name in ("one", "two")]

    written = [write_data_quality_reference(source, folder, engine=engine) for folder in folders]

    assert written[0] == ("data_quality/statistics.json", "data_quality/distributions.json",
                          "data_quality/constraints.json")
    for name in written[0]:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_documents_of_aws_are_taken_as_they_are(tmp_path, people, check):
    folder = tmp_path / "aws"
    folder.mkdir()
    bounds = np.linspace(18, 70, 11)
    buckets = [{"lower_bound": a, "upper_bound": b, "count": 300.0} for a, b in pairwise(bounds)]
    age = {"common": {"num_present": 3_000, "num_missing": 0}, "mean": 44.0, "sum": 132_000.0, "std_dev": 15.0,
           "min": 18.0, "max": 70.0, "distribution": {"kll": {"buckets": buckets, "sketch": {
               "parameters": {"c": 0.64, "k": 2048.0}, "data": [[18.0, 70.0]]}}}}
    (folder / "statistics.json").write_text(json.dumps({"version": 0.0, "dataset": {"item_count": 3_000}, "features": [
        {"name": "age", "inferred_type": "Integral", "numerical_statistics": age}]}))
    (folder / "constraints.json").write_text(json.dumps({"version": 0.0, "features": [
        {"name": "age", "inferred_type": "Integral", "completeness": 1.0, "num_constraints": {"is_non_negative": True}},
    ], "monitoring_config": {"distribution_constraints": {"comparison_method": "Robust"}}}))
    uri = str(folder / "constraints.json")
    young = people(2)[["age"]].assign(age=lambda frame: frame["age"] // 2)

    aws = check(young, uri, rule="sagemaker")
    ours = check(people(2)[["age"]], uri, rule="decision")

    assert kinds(aws) == [("age", "baseline_drift_check")]
    assert data_quality_status(ours)[:2] == (Status.INCONCLUSIVE, Reason.NO_REFERENCE)


def test_a_reference_that_is_not_there_is_told_by_its_places(check, people, tmp_path):
    with pytest.raises(ConstraintsError, match=r"reference: received .*nowhere .*DQ-NOT-FOUND"):
        check(people(2), str(tmp_path / "nowhere"))


def test_a_window_is_opened_through_its_config(tmp_path, people, csv, reference, engine):
    csv(people(2))
    document = {"dataset_type": "text/csv", "dataset_uri": str(tmp_path / "window.csv"), "label": "sex",
                "label_values_or_threshold": ["M"], "facet": [{"name_or_index": "age", "value_or_threshold": [40]}],
                "methods": {"pre_training_bias": {"methods": "all"}}}
    (tmp_path / "config.json").write_text(json.dumps(document))

    source = open_described(str(tmp_path / "config.json"))

    assert kinds(check_window(source, read_data_quality_reference(reference), engine=engine).quality) == []


def test_a_config_without_data_is_told(tmp_path):
    (tmp_path / "config.json").write_text(json.dumps({
        "dataset_type": "text/csv", "label": "y", "label_values_or_threshold": [1],
        "facet": [{"name_or_index": "a"}], "methods": {"pre_training_bias": {"methods": "all"}}}))

    with pytest.raises(ConfigError, match="dataset_uri: received nothing"):
        open_described(str(tmp_path / "config.json"))
