"""Bad input: an error that names the field, or a finding that names the reason; never a silent number."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from clarify.errors import ConfigError, DataError
from clarify.results import Reason
from clarify.steps.line import run_analysis
from clarify.steps.plan import plan_analysis


def analyse(subject, tmp_path, frame, **changes):
    """An analysis of predictions in the data: no model, so quick."""
    frame.to_csv(tmp_path / "data.csv", index=False)
    config = subject.config(predicted_label="said", **changes)
    del config["predictor"], config["methods"]["shap"]
    return run_analysis(subject.request(tmp_path / "out", config=config, dataset=str(tmp_path / "data.csv"), workers=1))


@pytest.fixture
def frame(subject):
    return subject.frame.assign(said=subject.frame["approved"])


def metrics(section, facet=0):
    return {metric.name: metric for metric in section.facets[facet].metrics}


def test_a_facet_value_that_is_not_in_the_data_is_a_recorded_reason(subject, frame, tmp_path):
    facets = [{"name_or_index": "sex", "value_or_threshold": [value]} for value in ("x", "f")]

    run = analyse(subject, tmp_path, frame, facet=facets)

    absent = metrics(run.result.pre_training)["DPL"]
    assert absent.value is None
    assert absent.interval is None
    assert absent.undefined_because == Reason.EMPTY_FACET
    assert absent.aws.error == "Facet set is empty."
    assert metrics(run.result.pre_training, 1)["DPL"].value is not None
    (told,) = [o for o in run.result.validation.expectations if not o.success and o.column == "sex"]
    assert told.severity == "recorded"


def test_a_single_group_is_a_recorded_reason(subject, frame, tmp_path):
    run = analyse(
        subject, tmp_path, frame.assign(sex="f"), facet=[{"name_or_index": "sex", "value_or_threshold": ["f"]}]
    )

    assert metrics(run.result.post_training)["DPPL"].undefined_because == Reason.SINGLE_GROUP


def test_a_label_with_one_class_leaves_what_needs_both_undefined(subject, frame, tmp_path):
    run = analyse(subject, tmp_path, frame.assign(approved="yes"))

    assert metrics(run.result.post_training)["SD"].undefined_because == Reason.NO_ROWS
    assert metrics(run.result.post_training)["DPPL"].value is not None


def test_null_facets_are_counted_apart_and_fold_into_a_for_aws(subject, frame, tmp_path):
    frame = frame.assign(sex=frame["sex"].where(np.arange(len(frame)) >= 12))

    run = analyse(subject, tmp_path, frame, facet=[{"name_or_index": "sex", "value_or_threshold": ["f"]}])

    known, positive = frame["sex"].notna(), frame["approved"] == "yes"
    women = frame["sex"] == "f"
    dpl = metrics(run.result.pre_training)["DPL"]
    assert run.result.pre_training.facets[0].counts.unknown.rows == 12
    assert dpl.value == pytest.approx(positive[known & ~women].mean() - positive[women].mean(), abs=1e-12)
    assert dpl.aws.value == pytest.approx(positive[~women].mean() - positive[women].mean(), abs=1e-12)


def test_columns_that_are_not_there_are_told_before_any_row_is_read(subject, tmp_path):
    config = subject.config(label="aproved", group_variable="regoin")

    with pytest.raises(DataError) as caught:
        plan_analysis(subject.request(tmp_path / "out", config=config))

    assert [(p.code, p.field, p.hint.split("?")[0]) for p in caught.value.problems] == [
        ("DATA-COLUMN-MISSING", "label", "did you mean 'approved'"),
        ("DATA-COLUMN-MISSING", "group_variable", "did you mean 'region'"),
    ]


def test_an_empty_file_is_refused(subject, frame, tmp_path):
    with pytest.raises(DataError, match="DATA-EMPTY"):
        analyse(subject, tmp_path, frame.head(0))


def test_two_columns_of_one_name_are_refused(subject, tmp_path):
    (tmp_path / "data.csv").write_text("sex,Sex,approved\nf,f,yes\nm,m,no\n")

    with pytest.raises(DataError, match="DATA-DUPLICATE-COLUMN"):
        run_analysis(subject.request(tmp_path / "out", dataset=str(tmp_path / "data.csv")))


@pytest.mark.parametrize("baseline", [[[1, 2]], [[0] * 13]])
def test_a_baseline_of_the_wrong_width_is_refused_with_the_columns(subject, tmp_path, baseline):
    config = subject.config()
    config["methods"]["shap"] = {"baseline": baseline}

    with pytest.raises(ConfigError, match="SHAP-BASELINE-WIDTH") as caught:
        run_analysis(subject.request(tmp_path / "out", config=config, workers=1, in_process_model=True))

    (problem,) = caught.value.problems
    assert problem.field == "methods.shap.baseline[0]"
    assert problem.received == f"{len(baseline[0])} values"
    assert "12 values, in the order x0, x1" in problem.allowed


def test_a_baseline_file_may_have_a_header_or_not(subject, tmp_path):
    features = subject.frame.drop(columns="approved")
    config = subject.config()
    found = []
    for header in (True, False):
        path = tmp_path / f"baseline-{header}.csv"
        features.iloc[[3, 4]].to_csv(path, index=False, header=header)
        config["methods"]["shap"] = {"baseline": str(path), "num_samples": 64}
        run = run_analysis(
            subject.request(tmp_path / f"out-{header}", config=config, workers=1, in_process_model=True)
        )
        found.append(run.result.explanations.outputs)
        assert run.result.explanations.n_baseline_rows == 2

    assert found[0] == found[1]


def save_model(folder, answer, output="double"):
    """A real MLflow model around a function of the frame."""
    import mlflow.pyfunc
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, Schema

    class Answering(mlflow.pyfunc.PythonModel):
        def predict(self, context, model_input, params=None):
            return answer(model_input)

    kinds = {**{f"x{i}": "double" for i in range(8)}, "age": "double", "owns": "boolean", "sex": "string"}
    columns = [ColSpec(kind, name) for name, kind in {**kinds, "region": "string"}.items()]
    signature = ModelSignature(Schema(columns), Schema([ColSpec(output)]))
    mlflow.pyfunc.save_model(str(folder), python_model=Answering(), signature=signature)
    return str(folder)


def test_a_few_scores_that_are_not_numbers_are_counted_and_left_out(subject, tmp_path):
    highest = float(subject.frame["x0"].nlargest(2).iloc[1])
    model = save_model(tmp_path / "model", lambda rows: np.where(rows["x0"] >= highest, np.nan, rows["age"] / 100))
    broken = 2                                              # of 240 rows: below one in a hundred
    config = subject.config()
    del config["methods"]["shap"]

    run = run_analysis(subject.request(tmp_path / "out", config=config, model=model, workers=1, in_process_model=True))

    counts = run.result.post_training.facets[0].counts
    assert counts.a.unknown_predictions + counts.d.unknown_predictions == broken
    assert any(o.unexpected == broken and not o.success for o in run.result.validation.expectations)


def test_many_scores_that_are_not_numbers_end_the_run(subject, tmp_path):
    model = save_model(tmp_path / "model", lambda rows: np.where(rows["x0"] > 1.6, np.nan, rows["age"] / 100))
    config = subject.config()
    del config["methods"]["shap"]

    with pytest.raises(DataError, match="DATA-SCORES"):
        run_analysis(subject.request(tmp_path / "out", config=config, model=model, workers=1, in_process_model=True))
    assert not (Path(tmp_path) / "out" / "manifest.json").exists()


def test_class_labels_are_refused_where_scores_are_explained(subject, tmp_path):
    model = save_model(tmp_path / "model", lambda rows: pd.Series(np.where(rows["x0"] > 0, "yes", "no")), "string")
    request = subject.request(tmp_path / "out", model=model, workers=1, in_process_model=True)

    with pytest.raises(ConfigError, match="pyfunc_predict_fn='predict_proba'"):
        run_analysis(request)


def test_a_model_that_raises_for_too_many_rows_ends_the_run_and_names_the_reason(subject, tmp_path):
    def answer(rows):
        if (rows["x0"] > 2.4).any():
            raise RuntimeError("no such rows please")
        return rows["age"] / 100

    model = save_model(tmp_path / "model", answer)

    with pytest.raises(DataError, match=r"3 of 240 rows break scores_present(.|\n)*no such rows please"):
        run_analysis(subject.request(tmp_path / "out", model=model, workers=1, in_process_model=True))


def test_a_spark_master_elsewhere_cannot_reach_a_server_here(subject, tmp_path):
    request = subject.request(tmp_path / "out", engine="spark", spark_master="spark://10.1.2.3:7077")

    with pytest.raises(ConfigError, match=r"--spark-master: received spark://10.1.2.3:7077  \[CFG-UNSUPPORTED\]"):
        plan_analysis(request)


def test_hostile_names_reach_no_document_unescaped(subject, tmp_path):
    hostile = '<script>pwn()</script>"=cmd()\u202e'
    frame = subject.frame.rename(columns={"sex": hostile}).assign(said=subject.frame["approved"])
    config = subject.config(predicted_label="said", facet=[{"name_or_index": hostile, "value_or_threshold": ["f"]}])
    del config["predictor"], config["methods"]["shap"]
    frame.to_csv(tmp_path / "data.csv", index=False)

    run = run_analysis(
        subject.request(tmp_path / "out", config=config, dataset=str(tmp_path / "data.csv"), workers=1)
    )

    page = Path(run.report_uri).read_text()
    assert "<script" not in page
    assert "\u202e" not in page
    document = json.loads((tmp_path / "out" / "analysis.json").read_text())
    assert hostile in document["pre_training_bias_metrics"]["facets"]
