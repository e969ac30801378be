"""`clarify init` and `clarify schema` as their users type them: evidence, questions, exit codes, a terminal."""

import json
import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import jsonschema
import numpy as np
import pandas as pd
import pytest
import typer
import yaml
from typer.testing import CliRunner

from clarify.config.parse import parse_analysis_config
from clarify.config.settings import RunSettings
from clarify.steps import propose, understanding
from clarify.steps.plan import AnalysisRequest
from flows.documents import schema
from flows.propose import init

EXAMPLE = "input_example.json"
ROOT = Path(__file__).parents[2]
APP = [
    sys.executable,
    "-c",
    "import flows.cli as cli; from flows.propose import init; from flows.documents import schema;"
    " cli.app.command()(init); cli.app.command()(schema); cli.main()",
]


app = typer.Typer()
app.command()(init)
app.command()(schema)


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def clarify(*words):
    return CliRunner().invoke(app, [str(word) for word in words])


def on_a_terminal(*words, replies):
    """Run with a terminal as standard input and type one reply whenever a prompt waits; (exit code, screen)."""
    child, terminal = pty.fork()
    if child == 0:
        os.environ["PYTHONPATH"] = str(ROOT)
        os.execv(APP[0], [*APP, *map(str, words)])
    screen, waiting = "", list(replies)
    while chunk := _read(terminal):
        screen += chunk
        if waiting and re.search(r"answer( \[[^\n]*\])?: ?$", screen):
            os.write(terminal, f"{waiting.pop(0)}\n".encode())
            screen += "\n"
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), screen


def _read(terminal):
    try:
        return os.read(terminal, 65_536).decode()
    except OSError:                          # the child closed its side
        return ""


def loans(rows=400):
    """A table of the shape of German Credit: codes everywhere, a label of 1 and 2 in the last column."""
    draw = np.random.default_rng(3)
    return pd.DataFrame({
        "status": draw.choice(["A11", "A12", "A13"], rows),
        "amount": draw.integers(250, 18_000, rows),
        "age": draw.integers(19, 75, rows),
        "foreign_worker": draw.choice(["A201", "A202"], rows, p=[0.95, 0.05]),
        "credit": draw.choice([1, 2], rows, p=[0.7, 0.3]),
    })


@pytest.fixture
def loans_csv(tmp_path):
    loans().to_csv(tmp_path / "loans.csv", index=False)
    return tmp_path / "loans.csv"


def proposed(*words):
    answer = clarify("init", *words, "--json")
    return answer.exit_code, json.loads(answer.stdout)


def guess_of(document, field):
    return next(guess for guess in document["guesses"] if guess["field"] == field)


def test_codes_that_say_nothing_are_asked_and_nothing_is_written(loans_csv, tmp_path):
    answer = clarify("init", "--dataset", loans_csv, "--yes")

    assert answer.exit_code == 2
    assert "all 400 rows read" in answer.stdout
    assert re.search(r"label +credit +\[likely\]", answer.stdout)
    assert "--positive 1; --positive 2" in answer.stderr
    assert "--facet age=NUMBER; --facet 'foreign_worker=A201|A202'" in answer.stderr
    assert not (tmp_path / "analysis_config.json").exists()


def test_what_is_likely_needs_somebody_to_say_yes(loans_csv, tmp_path):
    words = ("--dataset", loans_csv, "--positive", "1", "--facet", "foreign_worker=A201")

    code, document = proposed(*words)
    accepted, written = proposed(*words, "--yes")

    assert (code, document["status"], document["questions"]) == (2, "open", ["label"])
    assert (accepted, written["status"], written["questions"]) == (0, "written", [])
    assert written["config"] == json.loads((tmp_path / "analysis_config.json").read_text())


def test_the_written_config_is_understood_by_the_dry_run(loans_csv, tmp_path):
    clarify("init", "--dataset", loans_csv, "--yes", "--positive", "1", "--facet", "foreign_worker=A201",
            "--facet", "age=30")

    understood = understanding.understand(AnalysisRequest(str(tmp_path / "analysis_config.json"), "", RunSettings()))

    frame = loans()
    assert (understood.label, understood.positive) == ("credit", "1")
    rows = {group.facet: group.rows for group in understood.groups}
    assert rows == {"foreign_worker": (frame["foreign_worker"] == "A201").sum(), "age": (frame["age"] > 30).sum()}


def test_a_threshold_selects_the_same_rows_when_whole_numbers_repeat_often(tmp_path):
    frame = loans(rows=3_000)                # 56 ages in 3,000 rows: read as groups, not as a range
    frame.to_csv(tmp_path / "many.csv", index=False)
    clarify("init", "--dataset", tmp_path / "many.csv", "--yes", "--positive", "1", "--facet", "age=30")

    understood = understanding.understand(AnalysisRequest(str(tmp_path / "analysis_config.json"), "", RunSettings()))

    assert [group.rows for group in understood.groups] == [(frame["age"] > 30).sum()]


def test_words_of_an_outcome_are_likely_and_brackets_of_income_are_not(tmp_path):
    frame = pd.DataFrame({"sex": ["Male", "Female"] * 50, "income-per-year": ["<=50K", ">50K"] * 50})
    frame.to_csv(tmp_path / "adult.csv", index=False)
    frame.assign(**{"income-per-year": ["no", "yes"] * 50}).to_csv(tmp_path / "plain.csv", index=False)

    _, brackets = proposed("--dataset", tmp_path / "adult.csv")
    _, words = proposed("--dataset", tmp_path / "plain.csv")

    assert guess_of(brackets, "label")["answers"] == ["income-per-year"]
    assert guess_of(brackets, "label_values_or_threshold")["certainty"] == "unknown"
    assert guess_of(words, "label_values_or_threshold")["answers"] == ["yes"]


@pytest.mark.parametrize(
    ("name", "positive", "choices"),
    [
        ("breast_cancer", ["1"], ["0", "1"]),            # 0 and 1: 1 is likely
        ("iris", [], ["0", "1", "2"]),                   # three classes: asked
        ("wine", [], ["0", "1", "2"]),
        ("diabetes", [], None),                          # a scale: a threshold is asked, with the quartiles
    ],
)
def test_tables_of_scikit_learn_have_their_label_found_and_the_rest_asked(name, positive, choices, tmp_path):
    from sklearn import datasets

    frame = getattr(datasets, f"load_{name}")(as_frame=True).frame
    frame.to_csv(tmp_path / "data.csv", index=False)

    code, document = proposed("--dataset", tmp_path / "data.csv")

    outcome = guess_of(document, "label_values_or_threshold")
    assert (code, guess_of(document, "label")["answers"]) == (2, ["target"])
    assert outcome["answers"] == positive
    quartiles = [f"{value:g}" for value in np.quantile(frame["target"], [0.25, 0.5, 0.75], method="inverted_cdf")]
    assert [choice["answer"] for choice in outcome["choices"]] == (choices or quartiles)


def test_quartiles_of_a_column_with_thousands_of_values_are_read_from_the_rows(tmp_path):
    score = np.arange(3_000) + 0.5
    pd.DataFrame({"sex": ["f", "m"] * 1_500, "outcome": score}).to_csv(tmp_path / "data.csv", index=False)

    _, document = proposed("--dataset", tmp_path / "data.csv", "--label", "outcome")

    choices = guess_of(document, "label_values_or_threshold")["choices"]
    expected = np.quantile(score, [0.25, 0.5, 0.75], method="lower")
    assert [float(choice["answer"]) for choice in choices] == expected.tolist()


def test_the_model_tells_the_label_and_brings_explanations(subject, tmp_path):
    code, document = proposed("--dataset", subject.data, "--model", subject.model, "--yes", "--facet", "sex=f")

    assert code == 0
    assert guess_of(document, "label")["certainty"] == "certain"
    assert guess_of(document, "label")["answers"] == ["approved"]
    assert document["config"]["predictor"] == {"model_name": subject.model}
    assert "shap" in document["config"]["methods"]
    parse_analysis_config((tmp_path / "analysis_config.json").read_bytes())


def test_the_input_example_of_a_model_stands_in_for_a_signature(loans_csv, tmp_path):
    model = tmp_path / "model"
    model.mkdir()
    (model / "MLmodel").write_text(yaml.safe_dump({"saved_input_example_info": {"artifact_path": EXAMPLE}}))
    (model / EXAMPLE).write_text(json.dumps({"columns": ["status", "amount", "age", "foreign_worker"]}))

    _, document = proposed("--dataset", loans_csv, "--model", model)

    label = guess_of(document, "label")
    assert (label["certainty"], label["answers"]) == ("certain", ["credit"])
    assert "its input example" in label["evidence"][0]


def test_a_config_that_is_there_is_not_overwritten_unless_asked(loans_csv, tmp_path):
    words = ("init", "--dataset", loans_csv, "--yes", "--positive", "1", "--facet", "foreign_worker=A201")
    (tmp_path / "analysis_config.json").write_text("mine")

    refused = clarify(*words)
    kept = (tmp_path / "analysis_config.json").read_text()
    forced = clarify(*words, "--force")

    assert (refused.exit_code, kept) == (2, "mine")
    assert "PROPOSE-EXISTS" in refused.stderr
    assert forced.exit_code == 0
    assert "clarify validate analysis_config.json --csv-header present" in forced.stdout


def test_json_lines_are_refused_with_what_to_do(tmp_path):
    (tmp_path / "rows.jsonl").write_text('{"a": 1}\n')

    answer = clarify("init", "--dataset", tmp_path / "rows.jsonl")

    assert answer.exit_code == 2
    assert "PROPOSE-FORMAT" in answer.stderr


def test_parquet_is_proposed_by_the_types_it_declares(tmp_path):
    loans().to_parquet(tmp_path / "loans.parquet")

    _, document = proposed("--dataset", tmp_path / "loans.parquet")

    assert document["config"]["dataset_type"] == "application/x-parquet"
    assert guess_of(document, "label")["answers"] == ["credit"]


def test_a_terminal_is_asked_until_the_config_can_be_written(loans_csv, tmp_path):
    replies = ("", "x", "a", "2", "A201", "")           # Enter: label; a wrong value; 1; foreign_worker; d; no groups

    code, screen = on_a_terminal("init", "--dataset", loans_csv, replies=replies)

    config = json.loads((tmp_path / "analysis_config.json").read_text())
    assert code == 0
    assert "--positive: received 'x'" in screen
    assert config["label_values_or_threshold"] == [1]
    assert config["facet"] == [{"name_or_index": "foreign_worker", "value_or_threshold": ["A201"]}]


def test_the_end_of_input_leaves_without_a_config(loans_csv, tmp_path):
    code, _ = on_a_terminal("init", "--dataset", loans_csv, replies=("", "\x04"))

    assert code == 130
    assert not (tmp_path / "analysis_config.json").exists()


def test_the_head_that_is_read_is_the_dry_runs():
    assert propose.HEAD_ROWS == understanding.HEAD_ROWS


@pytest.mark.parametrize("kind", ["config", "policy", "monitor", "extended", "comparison"])
def test_every_schema_is_printed_and_is_one(kind, tmp_path):
    answer = clarify("schema", kind)

    schema = json.loads(answer.stdout)
    jsonschema.Draft202012Validator.check_schema(schema)
    assert schema["$id"].startswith("urn:clarify:")


def test_a_schema_is_written_to_a_file_and_an_unknown_one_is_refused(tmp_path):
    written = clarify("schema", "monitor", "--output", tmp_path / "monitor.schema.json")
    refused = clarify("schema", "monitors")

    assert (written.exit_code, written.stdout) == (0, "")
    assert json.loads((tmp_path / "monitor.schema.json").read_text())["title"] == "monitor.yaml"
    assert refused.exit_code == 2
    assert "config, policy, types, monitor, extended" in refused.stderr


def test_the_commands_import_nothing_heavy_before_they_run():
    heavy = "{'numpy', 'pandas', 'pyarrow', 'pydantic', 'mlflow', 'prefect', 'yaml'}"
    program = f"import sys, flows.propose, flows.documents; print(sorted({heavy} & set(sys.modules)))"

    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT)

    assert answer.stdout.strip() == "[]"
