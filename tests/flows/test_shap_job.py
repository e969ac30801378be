"""SHAP through the whole job: budgets, estimators, trees, groups, several outputs, rows without an answer."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from clarify.config.presentation import Presentation
from clarify.config.settings import RunSettings
from clarify.config.shap_options import ShapOptions
from clarify.errors import BadPrediction
from clarify.report.document import read_extended
from clarify.steps.line import run_analysis
from clarify.steps.plan import AnalysisRequest
from tests.subjects import PINNED, digests

N_COLUMNS = 12
ROWS = 100
NAMES = [f"x{column}" for column in range(N_COLUMNS)]


@pytest.fixture(scope="module")
def numbers(tmp_path_factory):
    """Numeric rows and a folder for models and configs."""
    folder = tmp_path_factory.mktemp("numbers")
    frame = pd.DataFrame(np.random.default_rng(11).normal(size=(ROWS, N_COLUMNS)).round(4), columns=NAMES)
    frame.to_csv(folder / "data.csv", index=False)
    return folder, frame


def request(folder, model, output, *, options=PINNED, name="config", **shap):
    config = {
        "dataset_type": "text/csv",
        "methods": {"shap": {"save_local_shap_values": True, **shap}},
        "predictor": {"model_name": str(model)},
    }
    path = folder / f"{name}.json"
    path.write_text(json.dumps(config))
    settings = RunSettings(workers=1, in_process_model=True)
    return AnalysisRequest(str(path), str(output), settings, str(folder / "data.csv"), shap=options)


@pytest.fixture(scope="module")
def boosted(numbers):
    """XGBoost regression trees, saved in XGBoost's own format."""
    xgboost = pytest.importorskip("xgboost")
    import mlflow.xgboost
    from mlflow.models import infer_signature

    folder, frame = numbers
    answers = frame["x0"] * frame["x1"] + np.maximum(frame["x2"], 0) + 0.3 * frame["x3"]
    booster = xgboost.train(
        {"max_depth": 4, "nthread": 1, "seed": 0}, xgboost.DMatrix(frame, label=answers), num_boost_round=40
    )
    predictions = booster.predict(xgboost.DMatrix(frame))
    mlflow.xgboost.save_model(booster, str(folder / "boosted"), signature=infer_signature(frame, predictions))
    return booster, folder / "boosted"


class Bumpy:
    """A smooth score of all columns, three classes if asked for, no answer where x5 is large and x4 is negative."""

    def __init__(self, n_outputs=1, silent=False):
        self.n_outputs, self.silent = n_outputs, silent

    def predict(self, frame, params=None):
        rows = np.asarray(frame, dtype=np.float64)
        total = rows[:, 0] * rows[:, 1] * rows[:, 2] + np.sin(2 * rows[:, 3] + rows[:, 4]) + 0.5 * rows.sum(axis=1)
        if self.n_outputs > 1:
            logits = np.stack([total * (k + 1) / 3 + rows[:, k] for k in range(self.n_outputs)], axis=1)
            powers = np.exp(logits - logits.max(axis=1, keepdims=True))
            return powers / powers.sum(axis=1, keepdims=True)
        if self.silent:
            total = np.where((rows[:, 5] > 2) & (rows[:, 4] < 0), np.nan, total)
        return total


def save_bumpy(folder, name, frame, **options):
    import mlflow.pyfunc
    from mlflow.models import infer_signature

    model = Bumpy(**options)

    class Wrapped(mlflow.pyfunc.PythonModel):
        def predict(self, context, model_input, params=None):
            return model.predict(model_input)

    signature = infer_signature(frame, model.predict(frame))
    mlflow.pyfunc.save_model(str(folder / name), python_model=Wrapped(), signature=signature)
    return model, folder / name


def local(output):
    return pd.read_csv(Path(output) / "explanations_shap/out.csv")


# --- trees ------------------------------------------------------------------------------------------------------------


def test_regression_trees_are_explained_from_the_trees_and_reported_as_such(numbers, boosted, tmp_path):
    folder, frame = numbers
    booster, model = boosted

    run = run_analysis(request(folder, model, tmp_path / "out", num_samples=256))

    section = run.result.explanations
    others = len(frame) - 1                                  # the baseline is a row of the data
    assert dict(section.estimators) == {"tree": len(frame)}
    assert section.calls == 0
    scores = booster.inplace_predict(frame.to_numpy())
    values = local(tmp_path / "out").to_numpy()
    assert values.sum(axis=1) + section.outputs[0].expected_value == pytest.approx(scores, abs=1e-4)
    assert others > 0
    assert all(feature.exact for feature in section.outputs[0].features)


def test_trees_and_enumeration_agree(numbers, boosted, tmp_path):
    folder, _ = numbers
    _, model = boosted

    run_analysis(request(folder, model, tmp_path / "trees"))
    options = ShapOptions(tree_path="off", estimator="kernel")
    asked = run_analysis(request(folder, model, tmp_path / "asked", num_samples=2**N_COLUMNS, options=options))

    assert dict(asked.result.explanations.estimators) == {"exact": ROWS}
    difference = local(tmp_path / "trees").to_numpy() - local(tmp_path / "asked").to_numpy()
    assert np.abs(difference).max() < 1e-5


# --- budgets ----------------------------------------------------------------------------------------------------------


def test_without_num_samples_rows_cost_what_they_need(numbers, tmp_path):
    folder, frame = numbers
    _, model = save_bumpy(folder, "bumpy", frame)

    run = run_analysis(request(folder, model, tmp_path / "out", options=ShapOptions(estimator="sparse")))

    section = run.result.explanations
    assert not section.budget_given
    assert section.tolerance == 0.02
    assert section.num_samples == 2072                       # min(2 x 12 + 2048, 2^12 - 2)
    assert section.rows_exact + section.rows_within_tolerance + section.rows_at_ceiling == len(frame)
    assert section.rows_within_tolerance > 0
    assert 512 * (ROWS - 1) <= section.calls < 2048 * (ROWS - 1)
    parquet = pd.read_parquet(tmp_path / "out/explanations_shap/out.parquet")
    assert len(parquet.filter(like="_standard_error").columns) == N_COLUMNS
    assert parquet["shap.calls"].sum() == section.calls
    assert parquet["shap.outcome"].value_counts()["within_tolerance"] == section.rows_within_tolerance
    assert (parquet["shap.relative_error"][parquet["shap.outcome"] == "within_tolerance"] <= 0.02).all()
    assert set(parquet["shap.estimator"]) <= {"exact", "sparse", "kernel"}
    stricter = run_analysis(
        request(folder, model, tmp_path / "strict", options=ShapOptions(estimator="sparse", tolerance=1e-7))
    )
    assert stricter.result.explanations.calls > section.calls
    assert "SHAP-CEILING" in [notice.code for notice in stricter.result.explanations.notices]


def test_the_automatic_choice_is_said_and_a_killed_run_keeps_it(numbers, tmp_path):
    folder, frame = numbers
    _, model = save_bumpy(folder, "bumpy-auto", frame)

    run = run_analysis(request(folder, model, tmp_path / "out", options=ShapOptions(), num_samples=300))

    section = run.result.explanations
    chosen = section.estimator_chosen
    assert section.estimator_asked == "auto"
    assert chosen in ("kriging", "sparse")
    assert dict(section.estimators)[chosen] > 70             # least squares may overrule a few
    assert "SHAP-ESTIMATOR" in [notice.code for notice in section.notices]
    pinned = ShapOptions(estimator=chosen)
    again = run_analysis(request(folder, model, tmp_path / "again", options=pinned, num_samples=300))
    local_values = "explanations_shap/out.csv"
    assert digests(again.output_uri)[local_values] == digests(run.output_uri)[local_values]


# --- several outputs, groups, missing answers -------------------------------------------------------------------------


@pytest.mark.parametrize("estimator", ["kernel", "kriging", "sparse"])
def test_all_outputs_come_from_the_same_calls_and_their_attributions_sum_to_zero(numbers, tmp_path, estimator):
    folder, frame = numbers
    native, model = save_bumpy(folder, f"classes-{estimator}", frame, n_outputs=3)

    run = run_analysis(
        request(folder, model, tmp_path / "out", options=ShapOptions(estimator=estimator), num_samples=200)
    )

    section = run.result.explanations
    assert section.calls == 200 * (ROWS - 1)
    assert [output.label for output in section.outputs] == ["label0", "label1", "label2"]
    values = local(tmp_path / "out")
    each = np.stack([values[[f"{name}_label{k}" for name in NAMES]].to_numpy() for k in range(3)])
    expected = np.array([output.expected_value for output in section.outputs])
    assert each.sum(axis=2).T + expected == pytest.approx(native.predict(frame), abs=1e-7)
    assert np.abs(each.sum(axis=0)).max() < 1e-6


def test_columns_of_a_group_are_one_feature(numbers, tmp_path):
    folder, frame = numbers
    native, model = save_bumpy(folder, "grouped", frame)
    options = ShapOptions(estimator="kriging", groups=(("front", ("x0", "x1", "x2")),))

    run = run_analysis(request(folder, model, tmp_path / "out", options=options, num_samples=2**10))

    section = run.result.explanations
    values = local(tmp_path / "out")
    assert list(values.columns) == [f"{name}_label0" for name in ["front", *NAMES[3:]]]
    assert section.n_features == 10
    assert section.groups == (("front", ("x0", "x1", "x2")),)
    assert dict(section.estimators) == {"exact": ROWS}        # ten players: 1,022 coalitions
    scores = native.predict(frame)
    assert values.to_numpy().sum(axis=1) + section.outputs[0].expected_value == pytest.approx(scores, abs=1e-9)


def test_rows_without_an_answer_are_left_out_and_counted(numbers, tmp_path):
    folder, frame = numbers
    _, model = save_bumpy(folder, "silent", frame, silent=True)

    run = run_analysis(request(folder, model, tmp_path / "out", num_samples=128))

    section = run.result.explanations
    values = local(tmp_path / "out")
    silent = ((frame["x5"] > 2) & (frame["x4"] < 0)).to_numpy()
    assert 0 < silent.sum() <= 15
    assert values[silent].isna().all(axis=None)
    assert section.rows_failed >= silent.sum()
    assert values.isna().all(axis=1).sum() == section.rows_failed
    assert section.outputs[0].features[0].mean_abs == pytest.approx(values["x0_label0"].abs().mean())
    assert "SHAP-FAILED-ROWS" in [notice.code for notice in section.notices]


def test_too_many_rows_without_an_answer_end_the_run(numbers, tmp_path):
    folder, frame = numbers
    lifted = frame.assign(x5=frame["x5"] + 3)
    (folder / "lifted").mkdir()
    lifted.to_csv(folder / "lifted" / "data.csv", index=False)
    _, model = save_bumpy(folder, "mostly-silent", frame, silent=True)
    baseline = [[0.0] * N_COLUMNS]

    with pytest.raises(BadPrediction, match=r"(SHAP|ENDPOINT)-FAILED-ROWS"):
        run_analysis(request(folder / "lifted", model, tmp_path / "out", num_samples=128, baseline=baseline))

    assert not (tmp_path / "out" / "manifest.json").exists()


# --- groups and single rows -------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def hiring(numbers):
    """The same rows with a label and a facet of two sizes: one file, and three that hold the same rows."""
    folder, frame = numbers
    labelled = frame.assign(sex=[int(i % 10 == 3) for i in range(ROWS)], hired=(frame["x0"] > 0).astype(int))
    for name, n_files in (("one", 1), ("three", 3)):
        (folder / name).mkdir()
        for part in range(n_files):
            rows = labelled.iloc[part * 40 : (part + 1) * 40] if n_files > 1 else labelled
            rows.to_csv(folder / name / f"part-{part}.csv", index=False)
    _, model = save_bumpy(folder, "hiring", frame.assign(sex=labelled["sex"].astype(float)))
    return folder, labelled, model


def run_hiring(hiring, output, *, data="one", presentation=None):
    folder, _, model = hiring
    config = {
        "dataset_type": "text/csv",
        "label": "hired",
        "label_values_or_threshold": [1],
        "probability_threshold": 1.5,
        "facet": [{"name_or_index": "sex", "value_or_threshold": [1]}],
        "methods": {
            "post_training_bias": {"methods": ["DPPL"]},
            "shap": {"num_samples": 128, "save_local_shap_values": True},
        },
        "predictor": {"model_name": str(model)},
    }
    (folder / "hiring.json").write_text(json.dumps(config))
    types = {"version": "1.0", "columns": {"sex": {"kind": "int", "reading": "categorical"}}}
    (folder / "types.json").write_text(json.dumps(types))
    return run_analysis(
        AnalysisRequest(
            str(folder / "hiring.json"), str(output), RunSettings(workers=1, in_process_model=True),
            str(folder / data), shap=PINNED, types=str(folder / "types.json"),
            presentation=presentation or Presentation(),
        )
    )  # fmt: skip


@pytest.fixture(scope="module")
def hired(hiring, tmp_path_factory):
    return run_hiring(hiring, tmp_path_factory.mktemp("hired") / "out")


def test_groups_are_compared_by_the_published_attributions(hiring, hired):
    _, frame, _ = hiring
    (found,) = hired.result.explanations.by_facet
    published = local(hired.output_uri)

    women = frame["sex"] == 1
    assert (found.facet, found.value_or_threshold, found.rows_d, found.rows_a) == ("sex", "1", 10, 90)
    for effect in found.effects:
        values = published[f"{effect.feature}_label0"]
        assert effect.mean_d == pytest.approx(values[women].mean(), abs=1e-12)
        assert effect.gap == pytest.approx(values[~women].mean() - values[women].mean(), abs=1e-12)
        assert effect.interval.low < effect.gap < effect.interval.high or effect.interval.low == effect.gap


def test_rows_are_chosen_by_score_and_explained_to_the_last_bit(hiring, hired):
    section = hired.result.explanations
    published = local(hired.output_uri).to_numpy()
    scores = section.outputs[0].expected_value + published.sum(axis=1)

    assert section.threshold == 1.5
    assert section.selected[0].row == scores.argmin()
    assert section.selected[1].row == scores.argmax()
    women = np.arange(3, ROWS, 10)
    assert section.selected[2].row == women[np.abs(scores[women] - 1.5).argmin()]
    for row in section.selected:
        total = section.outputs[0].expected_value + sum(found.attribution for found in row.contributions) + row.rest
        assert total == pytest.approx(row.score, abs=1e-9)
        assert 0 < row.order_holds <= 1


def test_the_document_holds_every_drawn_row(hired):
    document = Path(hired.output_uri) / "extended.json"

    assert read_extended(document.read_bytes()) == hired.result
    (sample,) = hired.result.explanations.samples
    assert [(stratum.rows, stratum.drawn) for stratum in sample.strata] == [(10, 10), (90, 90)]
    assert len(sample.features) == N_COLUMNS + 1


def test_files_change_nothing_about_groups_and_rows(hiring, hired, tmp_path):
    other = run_hiring(hiring, tmp_path / "out", data="three")

    one, same = hired.result.explanations, other.result.explanations
    assert (same.by_facet, same.samples, same.selected) == (one.by_facet, one.samples, one.selected)


def test_a_presentation_without_single_rows_keeps_them_out_of_every_document(hiring, hired, tmp_path):
    run = run_hiring(hiring, tmp_path / "out", presentation=Presentation(individual_rows=False))

    section = run.result.explanations
    assert (section.samples, section.selected) == ((), ())
    assert section.by_facet == hired.result.explanations.by_facet
