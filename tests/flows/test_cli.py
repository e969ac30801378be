"""The command line as its users type it: messages, exit codes, JSON, no terminal."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def clarify(*words, cwd=ROOT):
    command = [sys.executable, "-m", "flows.cli", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd, stdin=subprocess.DEVNULL)


def test_help_imports_nothing_heavy():
    script = (
        "import sys, flows.cli\n"
        "heavy = {'numpy', 'pandas', 'pyarrow', 'mlflow', 'prefect', 'pyspark', 'pydantic', 'great_expectations'}\n"
        "print(*sorted(heavy & set(sys.modules)))\n"
    )

    answer = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT)

    assert answer.stdout.strip() == ""


def test_help_names_the_exit_codes():
    answer = clarify("--help")

    assert answer.returncode == 0
    assert "3 inconclusive" in " ".join(answer.stdout.split())


def test_validate_says_what_was_understood(subject, tmp_path):
    request = subject.request(tmp_path / "out")

    answer = clarify("validate", request.config, "--dataset", subject.data)

    assert answer.returncode == 0, answer.stderr
    women = int((subject.frame["sex"] == "f").sum())
    assert f"Facet     sex: f   {women} rows against {240 - women}" in answer.stdout
    assert "Label     approved, positive: yes" in answer.stdout
    assert "at most 65 calls a row, 15,600 in all" in answer.stdout      # 64 coalitions and the row itself, 240 rows
    assert "every value is a whole number" in answer.stdout


def test_validate_counts_the_calls_of_partial_dependence(subject, tmp_path):
    methods = {"shap": {"num_samples": 64}, "pdp": {"grid_resolution": 15, "features": ["age", "sex", "owns"]}}
    request = subject.request(tmp_path / "out", config=subject.config(methods=methods))

    answer = clarify("validate", request.config, "--dataset", subject.data)

    assert f"at most {1 + 64 + 15 + 2 + 2} calls a row" in answer.stdout


def test_validate_tells_every_problem_at_once_and_exits_2(subject, tmp_path):
    config = subject.config(facets=[], label="aproved", label_values_or_threshold=[])
    config["methods"]["shap"] = {"agg_method": "mean", "num_samples": 0}
    request = subject.request(tmp_path / "out", config=config)

    answer = clarify("validate", request.config, "--dataset", subject.data)

    assert answer.returncode == 2
    for part in ("facets", "did you mean facet", "methods.shap.agg_method", "methods.shap.num_samples",
                 "label_values_or_threshold"):
        assert part in answer.stderr, part


def test_a_missing_column_is_named_with_the_nearest_one(subject, tmp_path):
    request = subject.request(tmp_path / "out", config=subject.config(label="aproved"))

    answer = clarify("validate", request.config, "--dataset", subject.data, "--json")

    assert answer.returncode == 2
    (problem,) = json.loads(answer.stdout)["problems"]
    assert problem["code"] == "DATA-COLUMN-MISSING"
    assert problem["field"] == "label"
    assert "approved" in problem["hint"]


@pytest.mark.parametrize(
    ("changes", "named"),
    [({"predictor": {"endpoint_name": "an-endpoint"}}, "predictor.endpoint_name"),
     ({"methods": {"shap": {"text_config": {"granularity": "token", "language": "en"}}}}, "methods.shap.text_config"),
     ({"dataset_type": "application/x-image"}, "dataset_type")],
)  # fmt: skip
def test_what_is_not_built_is_refused_by_name(subject, tmp_path, changes, named):
    request = subject.request(tmp_path / "out", config=subject.config(**changes))

    answer = clarify("validate", request.config, "--dataset", subject.data)

    assert answer.returncode == 2
    assert f"{named}: received" in answer.stderr
    assert "[CFG-UNSUPPORTED]" in answer.stderr


def test_facets_may_lie_in_a_table_of_their_own(subject, tmp_path):
    subject.frame[["sex", "region"]].to_csv(tmp_path / "facets.csv", index=False)
    subject.frame.drop(columns=["sex", "region"]).to_csv(tmp_path / "rest.csv", index=False)
    config = subject.config(facet_dataset_uri=str(tmp_path / "facets.csv"))
    request = subject.request(tmp_path / "out", config=config)

    answer = clarify("validate", request.config, "--dataset", tmp_path / "rest.csv")

    assert answer.returncode == 0, answer.stderr
    women = int((subject.frame["sex"] == "f").sum())
    assert f"Facet     sex: f   {women} rows against {240 - women}" in answer.stdout
    assert "'sex', 'region' joined row by row from 240 rows" in answer.stdout


def test_wrong_segments_are_told_with_wrong_labels(subject, tmp_path):
    segments = [{"name_or_index": "agee", "segments": [["[18, 40)"]]}]
    config = subject.config(segment_config=segments, label_values_or_threshold=["maybe"])
    request = subject.request(tmp_path / "out", config=config)

    answer = clarify("validate", request.config, "--dataset", subject.data, "--json")

    assert answer.returncode == 2
    problems = {problem["code"]: problem for problem in json.loads(answer.stdout)["problems"]}
    assert set(problems) == {"CFG-SEGMENT-COLUMN", "DATA-NO-POSITIVE-LABEL"}
    assert problems["CFG-SEGMENT-COLUMN"]["hint"] == "did you mean 'age'?"


def test_wrong_options_of_shap_are_told_at_once(tmp_path):
    answer = clarify("analyze", tmp_path / "none.json", "--output", tmp_path / "out", "--estimator", "linear",
                     "--tolerance", "2", "--tree-path", "on")  # fmt: skip

    assert answer.returncode == 2
    for option in ("--estimator: received 'linear'", "--tolerance: received 2.0", "--tree-path: received 'on'"):
        assert option in answer.stderr, option


def test_groups_with_gaps_are_told_at_once(tmp_path):
    answer = clarify("analyze", tmp_path / "none.json", "--output", tmp_path / "out", "--group", "a=", "--group", "=b")

    assert answer.returncode == 2
    assert "--group: received 'a='" in answer.stderr
    assert "--group: received '=b'" in answer.stderr


def test_a_missing_config_is_named(tmp_path):
    answer = clarify("validate", tmp_path / "none.json", "--dataset", tmp_path / "none.csv")

    assert answer.returncode == 2
    assert "none.json" in answer.stderr
    assert "[CFG-NOT-FOUND]" in answer.stderr


def test_missing_data_are_named(subject, tmp_path):
    answer = clarify("validate", subject.request(tmp_path / "out").config, "--dataset", tmp_path / "none.csv")

    assert answer.returncode == 4
    assert "none.csv" in answer.stderr
    assert "[STORAGE-NOT-FOUND]" in answer.stderr


def test_analyze_direct_imports_no_prefect_and_logs_no_run(subject, tmp_path):
    subject.frame.assign(said=subject.frame["approved"]).to_csv(tmp_path / "data.csv", index=False)
    config = subject.config(predicted_label="said")
    del config["predictor"], config["methods"]["shap"]
    request = subject.request(tmp_path / "out", config=config)
    script = (
        "import sys; sys.argv = ['clarify', 'analyze', *sys.argv[1:]]\n"
        "from flows.cli import app\n"
        "code = 0\n"
        "try: app()\n"
        "except SystemExit as left: code = left.code\n"
        "print('prefect' in sys.modules, code)\n"
    )

    answer = subprocess.run(
        [sys.executable, "-c", script, request.config, "--dataset", str(tmp_path / "data.csv"), "--output",
         str(tmp_path / "out"), "--direct", "--json"],
        capture_output=True, text=True, cwd=ROOT,
    )  # fmt: skip

    assert answer.stdout.splitlines()[-1] == "False 0", answer.stderr
    document = json.loads("\n".join(answer.stdout.splitlines()[:-1]))
    assert set(document["files"]) == {             # no decisions: these rows were counted and not kept
        "analysis.json", "extended.json", "provenance.json", "report.html", "report.ipynb",
    }  # fmt: skip
    assert json.loads((tmp_path / "out" / "provenance.json").read_text())["run"]["mlflow_run_id"] is None


def test_a_ragged_csv_is_refused_with_its_line(subject, tmp_path):
    lines = Path(subject.data).read_text().splitlines()
    lines[7] += ",one more"
    (tmp_path / "ragged.csv").write_text("\n".join(lines) + "\n")
    request = subject.request(tmp_path / "out", dataset=str(tmp_path / "ragged.csv"))

    answer = clarify("validate", request.config, "--dataset", tmp_path / "ragged.csv")

    assert answer.returncode == 2
    assert "DATA-RAGGED" in answer.stderr
    assert "8" in answer.stderr


def test_a_model_that_cannot_be_loaded_is_exit_4_with_the_servers_words(subject, tmp_path):
    broken = tmp_path / "model"
    broken.mkdir()
    (broken / "MLmodel").write_text("flavors:\n  python_function:\n    loader_module: no_such_module_anywhere\n")
    request = subject.request(tmp_path / "out")

    answer = clarify(
        "analyze", request.config, "--dataset", subject.data, "--output", tmp_path / "out", "--model", broken,
        "--direct", "--quiet",
    )  # fmt: skip

    assert answer.returncode == 4
    assert "ENDPOINT-MODEL-LOAD" in answer.stderr
    assert "no_such_module_anywhere" in answer.stderr
    assert not (tmp_path / "out" / "manifest.json").exists()


