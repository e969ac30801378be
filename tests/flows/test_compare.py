"""Two real models compared from the command line: on the same rows, then on others."""

import json
from dataclasses import dataclass
from pathlib import Path

import mlflow.sklearn
import numpy as np
import pyarrow.parquet as pq
import pytest
from mlflow.models import infer_signature
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from typer.testing import CliRunner

from clarify.config.presentation import Presentation
from clarify.config.settings import RunSettings
from clarify.report.comparison.document import read_comparison
from clarify.report.document import read_extended
from clarify.steps.decisions import DECISIONS
from clarify.steps.line import run_analysis
from clarify.steps.plan import AnalysisRequest
from flows.cli import app
from tests.subjects import digests, make_rows

FEATURES = {"champion": ["age", "x0"], "challenger": ["age", "x0", "x1", "x2"]}


@dataclass(frozen=True)
class Runs:
    """Folders of published analyses: both models on the same rows, the challenger on others too."""

    folder: Path
    rows: int

    def of(self, name):
        return str(self.folder / name)


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("compare")
    frame = make_rows(360).assign(sex=lambda rows: np.where(np.arange(len(rows)) % 3 == 0, "f", "m"))
    frame["owns"] = frame["owns"].astype(int)
    same, other = frame.iloc[:240], frame.iloc[120:]
    same.to_csv(folder / "same.csv", index=False)
    other.to_csv(folder / "other.csv", index=False)
    for name, columns in FEATURES.items():
        save_model(same, columns, folder / f"{name}-model")
    for output, model, data in (
        ("champion", "champion", "same"), ("challenger", "challenger", "same"), ("elsewhere", "challenger", "other"),
    ):  # fmt: skip
        run_analysis(request(folder, output, model, data))
    return Runs(folder, len(same))


def save_model(frame, columns, path):
    """A pipeline that reads some of the columns of the same frame."""
    features = frame.drop(columns="approved")
    choose = make_column_transformer((StandardScaler(), columns))
    model = make_pipeline(choose, LogisticRegression()).fit(features, frame["approved"])
    mlflow.sklearn.save_model(
        model, str(path), signature=infer_signature(features, model.predict(features)),
        pyfunc_predict_fn="predict_proba", serialization_format="cloudpickle", pip_requirements=[],
    )  # fmt: skip


def request(folder, output, model, data, **changes):
    config = {
        "dataset_type": "text/csv", "label": "approved", "label_values_or_threshold": ["yes"],
        "facet": [{"name_or_index": "sex", "value_or_threshold": ["f"]}], "group_variable": "region",
        "methods": {"pre_training_bias": {"methods": ["DPL"]}, "post_training_bias": {"methods": "all"}},
        "predictor": {"model_name": str(folder / f"{model}-model")},
    }  # fmt: skip
    path = folder / f"{output}.json"
    path.write_text(json.dumps(config))
    settings = RunSettings(engine="local", workers=1, in_process_model=True)
    return AnalysisRequest(str(path), str(folder / output), settings, str(folder / f"{data}.csv"), **changes)


def clarify(*arguments):
    return CliRunner().invoke(app, ["compare", *map(str, arguments)])


def compared(folder):
    return read_comparison((Path(folder) / "comparison.json").read_bytes())


def decisions(folder):
    return pq.read_table(Path(folder) / DECISIONS).to_pydict()


def test_a_run_leaves_its_decisions_and_vouches_for_them(runs):
    assert DECISIONS in digests(runs.of("champion"))
    assert len(decisions(runs.of("champion"))["decision"]) == runs.rows


def test_the_decisions_are_those_that_the_metrics_counted(runs):
    counts = read_extended((Path(runs.of("champion")) / "extended.json").read_bytes()).post_training.facets[0].counts
    rows = decisions(runs.of("champion"))
    in_d = [said for said, side in zip(rows["decision"], rows["facet_0"], strict=True) if side == 1]

    assert (in_d.count(1), in_d.count(0)) == (counts.d.positive_predictions, counts.d.negative_predictions)


def test_single_rows_are_not_left_where_readers_may_not_see_them(runs):
    shown = Presentation(individual_rows=False)
    run_analysis(request(runs.folder, "hidden", "champion", "same", presentation=shown))

    assert not (runs.folder / "hidden" / DECISIONS).exists()


def test_on_the_same_rows_every_value_is_the_runs_own_and_pairs_are_counted(runs, tmp_path):
    answer = clarify(runs.of("champion"), runs.of("challenger"), "--output", tmp_path)
    found = compared(tmp_path)

    one, other = decisions(runs.of("champion"))["decision"], decisions(runs.of("challenger"))["decision"]
    alike = sum(before == after for before, after in zip(one, other, strict=True))
    own = {metric.name: metric.value for metric in published(runs, "challenger").post_training.facets[0].metrics}
    assert answer.exit_code == 0, answer.output
    assert found.is_paired
    assert (found.agreement.rows, found.agreement.alike) == (runs.rows, alike)
    assert f"The two models decide alike on {alike} of {runs.rows} rows." in answer.output
    for metric in found.groups[0].metrics:
        if metric.stage == "post_training":
            assert metric.challenger == own[metric.metric], metric.metric


def published(runs, name):
    return read_extended((Path(runs.of(name)) / "extended.json").read_bytes())


def test_on_other_rows_the_comparison_is_unpaired_and_says_why(runs, tmp_path):
    answer = clarify(runs.of("champion"), runs.of("elsewhere"), "--output", tmp_path)

    assert answer.exit_code == 0, answer.output
    assert "Unpaired: intervals are wider, since the two runs read different rows." in answer.output
    assert "Unpaired: intervals are wider" in (tmp_path / "comparison.html").read_text().replace("</strong>", "")
    assert compared(tmp_path).agreement is None


@pytest.mark.parametrize(
    ("tolerance", "fail_on", "code"),
    [(["0.9", "DI=5"], "inconclusive", 0), (["0.0001"], "inconclusive", 3), (["0.0001"], "violation", 0)],
)
def test_exit_codes_follow_the_verdict(runs, tmp_path, tolerance, fail_on, code):
    options = [part for one in tolerance for part in ("--tolerance", one)]
    answer = clarify(runs.of("champion"), runs.of("challenger"), "--output", tmp_path, *options, "--fail-on", fail_on)

    assert answer.exit_code == code, answer.output


def test_programs_get_one_document(runs, tmp_path):
    answer = clarify(runs.of("champion"), runs.of("challenger"), "--output", tmp_path, "--tolerance", "0.9", "--json")
    said = json.loads(answer.stdout)

    assert (said["status"], said["verdict"], said["paired"]) == ("completed", "PASS", True)
    assert said["page"].endswith("comparison.html")


def test_masked_names_are_in_none_of_what_is_shown_and_in_the_document(runs, tmp_path):
    options = ("--output", tmp_path, "--tolerance", "0.9", "--mask-names")
    told = clarify(runs.of("champion"), runs.of("challenger"), *options)
    machine = clarify(runs.of("champion"), runs.of("challenger"), *options, "--json")

    assert (told.exit_code, machine.exit_code) == (0, 0), told.output
    shown = [(tmp_path / f"comparison.{kind}").read_text() for kind in ("html", "md")]
    names = ("sex", "region", "approved", "-model", ".csv", str(runs.folder))
    for text in (*shown, told.stdout.partition("Comparison:")[0], *json.loads(machine.stdout)["findings"]):
        assert [name for name in names if name in text] == []
    assert all("facet 1" in text for text in shown)
    assert compared(tmp_path).groups[0].facet == "sex"


def test_small_counts_are_withheld_and_the_verdict_stays(runs, tmp_path):
    # 80 rows of facet d: below 1,000 whatever their labels are
    options = ("--output", tmp_path, "--tolerance", "0.9", "--suppress-below", "1000")
    answer = clarify(runs.of("champion"), runs.of("challenger"), *options)
    page, counts = (tmp_path / "comparison.html").read_text(), compared(tmp_path).groups[0].champion_rows

    assert answer.exit_code == 0, answer.output
    assert "Of 7 checks, none is outside the range you allow and 7 are inside." in answer.output
    assert "Withheld: counts too small to be shown" in answer.output
    assert "PAGE-WITHHELD" in page
    assert sum(counts) == runs.rows
    assert [n for n in counts if f">{n} rows" in page or f"<b>{n}" in page] == []


@pytest.mark.parametrize("below", ["1", "2", "-3", "1001"])
def test_a_limit_that_hides_nothing_ends_with_two(runs, tmp_path, below):
    options = ("--output", tmp_path / "out", "--suppress-below", below)
    answer = clarify(runs.of("champion"), runs.of("challenger"), *options)

    assert answer.exit_code == 2
    assert "CFG-SUPPRESS" in answer.output
    assert not (tmp_path / "out").exists()


def test_a_run_that_only_counted_its_rows_leaves_no_decisions_and_is_compared_unpaired(runs, tmp_path):
    rows = make_rows(240).assign(said=lambda frame: frame["approved"])
    rows.to_csv(tmp_path / "rows.csv", index=False)
    config = {
        "dataset_type": "text/csv", "predicted_label": "said",
        "label": "approved", "label_values_or_threshold": ["yes"],
        "facet": [{"name_or_index": "sex", "value_or_threshold": ["f"]}],
        "methods": {"post_training_bias": {"methods": ["DPPL", "AD"]}},
    }  # fmt: skip
    (tmp_path / "config.json").write_text(json.dumps(config))
    for output in ("one", "other"):
        settings = RunSettings(engine="local", workers=1)
        run_analysis(
            AnalysisRequest(str(tmp_path / "config.json"), str(tmp_path / output), settings, str(tmp_path / "rows.csv"))
        )
    answer = clarify(tmp_path / "one", tmp_path / "other", "--output", tmp_path / "out")

    assert DECISIONS not in digests(str(tmp_path / "one"))
    assert answer.exit_code == 0, answer.output
    assert "Unpaired: intervals are wider, since a run did not leave its decisions row by row." in answer.output


def test_a_folder_that_is_no_run_ends_with_two(runs, tmp_path):
    answer = clarify(tmp_path / "nowhere", runs.of("challenger"), "--output", tmp_path / "out", "--json")

    assert answer.exit_code == 2
    assert json.loads(answer.stdout)["problems"][0]["code"] == "PUB-FOLDER"
