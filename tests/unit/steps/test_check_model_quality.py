"""Model quality from real files: which problem it is, which groups, which reference, and no exception for one class."""

import json

import numpy as np
import pandas as pd
import pytest

from clarify.config.parse import parse_analysis_config
from clarify.config.settings import RunSettings
from clarify.data.scored_rows import QualityReadings, read_scored_rows
from clarify.drift.quality_rules import model_quality_status
from clarify.errors import ConfigError, ConstraintsError, DataError
from clarify.records import Status, Window
from clarify.results import Reason
from clarify.steps.check_model_quality import QualityColumns, examine_model_quality
from clarify.steps.line import run_analysis
from clarify.steps.model_quality_reference import write_model_quality_reference
from clarify.steps.plan import AnalysisRequest

CONFIG = {
    "dataset_type": "text/csv",
    "label": "paid",
    "label_values_or_threshold": [1],
    "predicted_label": "guess",
    "facet": [
        {"name_or_index": "sex", "value_or_threshold": ["f"]}, {"name_or_index": "age", "value_or_threshold": [40]},
    ],
    "methods": {"post_training_bias": {"methods": ["DPPL"]}},
}  # fmt: skip
COLUMNS = QualityColumns("paid", "guess", "score")
WINDOW = Window("2026-11-01T00:00:00Z", "2026-11-02T00:00:00Z")


def people(n=600, *, right=0.85, seed=2):
    draw = np.random.default_rng(seed)
    paid = draw.integers(0, 2, n)
    guess = np.where(draw.random(n) < right, paid, 1 - paid)
    score = np.round(0.5 * guess + 0.25 + draw.uniform(-0.2, 0.2, n), 3)
    frame = {"sex": draw.choice(["f", "m"], n), "age": draw.integers(18, 80, n)}
    return pd.DataFrame({**frame, "paid": paid, "guess": guess, "score": score})


def config_of(document):
    return parse_analysis_config(json.dumps(document).encode()).config


@pytest.fixture
def written(tmp_path):
    numbers = iter(range(100))

    def write(frame, *, parquet=False):
        path = tmp_path / f"window-{next(numbers)}.{'parquet' if parquet else 'csv'}"
        frame.to_parquet(path) if parquet else frame.to_csv(path, index=False)
        return str(path)

    return write


@pytest.fixture
def analysed(tmp_path):
    """Run a real analysis of the rows; the folder it published to."""

    def analyse(data_uri, document=CONFIG):
        config = tmp_path / "config.json"
        config.write_text(json.dumps(document))
        output = str(tmp_path / "analysis")
        run_analysis(AnalysisRequest(str(config), output, RunSettings(workers=1), dataset_uri=data_uri))
        return output

    return analyse


def values(found, group=""):
    return {m.metric: m.value for m in found.metrics if m.group == group}


def check(data, reference, *, rule="decision", columns=COLUMNS, document=CONFIG):
    return examine_model_quality(
        data, config_of(document), columns, reference, rule=rule, alarms_per_month=1, windows_per_month=30
    ).quality


def test_the_reference_from_counts_holds_the_rates_of_all_rows_and_of_every_group(written, analysed, tmp_path):
    frame = people()
    output = str(tmp_path / "reference")

    found = write_model_quality_reference(analysed(written(frame)), output)

    assert (found.problem_type, found.rows, found.from_counts) == ("BinaryClassification", 600, True)
    constraints = json.loads((tmp_path / "reference/model_quality/constraints.json").read_text())
    right = frame.paid == frame.guess
    assert constraints["binary_classification_constraints"]["accuracy"]["threshold"] == right.mean()
    groups = json.loads((tmp_path / "reference/model_quality/groups.json").read_text())["groups"]
    thresholds = {group["group"]: group["constraints"].get("accuracy", {}).get("threshold") for group in groups}
    assert thresholds == {
        "": None, "sex=f": right[frame.sex == "f"].mean(), "sex=rest": right[frame.sex == "m"].mean(),
        "age>40": right[frame.age > 40].mean(), "age=rest": right[frame.age <= 40].mean(),
    }  # fmt: skip


def test_the_reference_from_rows_has_the_area_too_and_the_same_rates(written, analysed, tmp_path):
    data = written(people())
    analysis = analysed(data)

    write_model_quality_reference(analysis, str(tmp_path / "counts"))
    found = write_model_quality_reference(
        analysis, str(tmp_path / "rows"), config=config_of(CONFIG), columns=COLUMNS
    )

    places = [tmp_path / name / "model_quality/constraints.json" for name in ("counts", "rows")]
    counts, rows = (json.loads(place.read_text())["binary_classification_constraints"] for place in places)
    assert not found.from_counts
    assert set(rows) - set(counts) == {"auc"}
    assert {name: rows[name] for name in counts} == counts


def test_other_rows_than_those_analysed_are_refused(written, analysed, tmp_path):
    analysis = analysed(written(people()))

    with pytest.raises(ConstraintsError, match="QUALITY-DATA"):
        write_model_quality_reference(
            analysis, str(tmp_path / "r"), config=config_of(CONFIG), columns=COLUMNS, data_uri=written(people(seed=3))
        )


def test_an_analysis_without_predictions_needs_columns(written, analysed, tmp_path):
    document = {**CONFIG, "methods": {"pre_training_bias": {"methods": ["DPL"]}}}
    document.pop("predicted_label")

    with pytest.raises(ConstraintsError, match="QUALITY-NO-PREDICTIONS"):
        write_model_quality_reference(analysed(written(people()), document), str(tmp_path / "r"))


@pytest.fixture
def reference(written, analysed, tmp_path):
    analysis, output = analysed(written(people(4000))), str(tmp_path / "reference")
    write_model_quality_reference(analysis, output, config=config_of(CONFIG), columns=COLUMNS)
    return output


@pytest.mark.parametrize("parquet", [False, True])
def test_a_model_that_got_worse_is_a_violation_and_one_that_did_not_is_none(written, reference, parquet):
    document = {**CONFIG, "dataset_type": "application/x-parquet" if parquet else "text/csv"}

    same = check(written(people(3000, seed=5), parquet=parquet), reference, document=document)
    worse = check(written(people(3000, seed=5, right=0.7), parquet=parquet), reference, document=document)

    assert model_quality_status(same)[0] is not Status.VIOLATION
    assert model_quality_status(worse)[0] is Status.VIOLATION
    assert {"accuracy", "auc", "accuracy [sex=f]"} <= {violation.subject for violation in worse.violations}


def test_values_of_a_group_are_those_of_its_rows(written, reference):
    frame = people(500, seed=9)

    found = check(written(frame), reference)

    older = frame[frame.age > 40]
    assert values(found, "age>40")["accuracy"] == (older.paid == older.guess).mean()
    assert set(values(found, "sex=rest")) == set(values(found))


def test_the_documents_hold_the_window_and_the_violations(written, reference):
    found = examine_model_quality(
        written(people(3000, right=0.6)), config_of(CONFIG), COLUMNS, reference, rule="sagemaker", alarms_per_month=1,
        windows_per_month=30, window=WINDOW,
    )  # fmt: skip

    dataset = json.loads(found.statistics)["dataset"]
    assert dataset == {"item_count": 3000, "start_time": WINDOW.start, "end_time": WINDOW.end}
    violations = json.loads(found.violations)["violations"]
    assert violations[0]["description"].startswith("Metric recall with 0.")


@pytest.mark.parametrize("label", [0, 1])
def test_a_window_of_one_class_is_undecided_and_no_error(written, reference, label):
    frame = people(30)
    frame["paid"] = label

    found = check(written(frame), reference)

    undefined = {m.metric: m.undefined_because for m in found.metrics if not m.group and m.value is None}
    assert undefined["auc"] is Reason.SINGLE_CLASS
    assert undefined["true_negative_rate" if label else "recall"] is Reason.SINGLE_CLASS
    assert values(found)["accuracy"] == (frame.guess == label).mean()


def test_a_small_window_is_read_as_the_reference_was(written, reference):
    # Eight rows: AWS's inference would read both age and label of so few rows in another way.
    frame = people(8, seed=4)

    found = check(written(frame), reference)

    assert found.problem_type == "BinaryClassification"
    older = frame[frame.age > 40]
    assert values(found, "age>40")["accuracy"] == (older.paid == older.guess).mean()


def test_scores_alone_are_cut_at_the_configs_threshold(written, reference):
    frame = people(300)
    document = {**CONFIG, "probability_threshold": 0.6}
    del document["predicted_label"]
    document["methods"] = {"pre_training_bias": {"methods": ["DPL"]}}

    found = check(written(frame), reference, columns=QualityColumns("paid", score="score"), document=document)

    assert values(found)["accuracy"] == ((frame.score > 0.6) == (frame.paid == 1)).mean()


def test_rows_without_label_or_prediction_are_left_out_and_counted(written, reference):
    frame = people(300).astype({"paid": "Int64", "guess": "Int64"})
    frame.loc[:9, "paid"] = None
    frame.loc[5:14, "guess"] = None

    found = check(written(frame), reference)

    assert found.rows == 285
    (notice,) = [notice for notice in found.notices if notice.code == "QUALITY-UNKNOWN-ROWS"]
    assert "15 rows" in notice.message


def read(frame_uri, document, columns, **known):
    return read_scored_rows(frame_uri, config_of(document), columns, known=QualityReadings(**known)).rows


PLAIN = {"dataset_type": "text/csv", "label": "y", "predicted_label": "p", "methods": {"shap": {}}}
PAIR = QualityColumns("y", "p")


def test_a_quantity_predicted_as_a_quantity_is_a_regression(written):
    draw = np.random.default_rng(0)
    frame = pd.DataFrame({"y": draw.normal(size=90)})
    frame["p"] = frame.y + 1

    rows = read(written(frame), PLAIN, PAIR)

    assert rows.problem_type == "Regression"
    assert np.allclose(rows.predicted - rows.label, 1)


def test_words_of_three_kinds_are_several_classes_and_the_references_come_first(written):
    frame = pd.DataFrame({"y": ["b", "a", "c", "a"], "p": ["b", "b", "d", "a"]})

    rows = read(written(frame), PLAIN, PAIR, problem_type="MulticlassClassification", classes=("a", "b", "z"))

    assert rows.classes == ("a", "b", "z", "c", "d")
    assert rows.label.tolist() == [1, 0, 3, 0]


def test_of_two_unlisted_values_the_last_one_is_positive_and_that_is_said(written):
    frame = pd.DataFrame({"y": ["no", "yes", "yes"], "p": ["no", "no", "yes"]})

    rows = read(written(frame), PLAIN, PAIR)

    assert (rows.problem_type, rows.label.tolist(), rows.predicted.tolist()) == (
        "BinaryClassification", [0, 1, 1], [0, 0, 1]
    )
    assert [notice.code for notice in rows.notices] == ["QUALITY-POSITIVE-CLASS"]


def test_the_positive_class_of_the_reference_stays_when_a_window_lacks_it(written):
    frame = pd.DataFrame({"y": ["no", "no"], "p": ["no", "yes"]})

    rows = read(written(frame), PLAIN, PAIR, problem_type="BinaryClassification", positive="yes")

    assert (rows.label.tolist(), rows.predicted.tolist()) == ([0, 0], [0, 1])


def test_predictions_that_are_no_labels_are_refused(written):
    frame = pd.DataFrame({"y": ["no", "yes", "yes"], "p": [0.1, 0.9, 0.4]})

    with pytest.raises(DataError, match=r"predicted_label: received 0\.1.*QUALITY-LABELS"):
        read(written(frame), PLAIN, PAIR)


def test_no_prediction_at_all_is_refused(written):
    with pytest.raises(ConfigError, match="QUALITY-COLUMNS"):
        read(written(people(9)), CONFIG, QualityColumns("paid"))


def test_a_missing_reference_is_named(written, tmp_path):
    with pytest.raises(ConstraintsError, match=r"reference: received .*nothing.*QUALITY-REFERENCE"):
        check(written(people(9)), str(tmp_path / "nothing"))


def test_aws_own_constraints_are_enough(written, tmp_path):
    path = tmp_path / "constraints.json"
    path.write_text('{"version": 0.0, "binary_classification_constraints": {"recall": {"threshold": 0.99, '
                    '"comparison_operator": "LessThanThreshold"}}}')

    found = check(written(people()), str(path), rule="sagemaker")

    assert [violation.subject for violation in found.violations] == ["recall"]
