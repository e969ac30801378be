"""The reference of monitors: written from a published analysis, read from our folder or from AWS's documents."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from clarify.bias.contingency import ContingencyTable
from clarify.bias.evaluate import evaluate
from clarify.drift.constraints import bias_reference
from clarify.errors import ConfigError, ConstraintsError, DataError
from clarify.report.document import analysis_document, extended_document
from clarify.report.provenance import file_record, manifest_document
from clarify.results import AnalysisResult, BiasSection, DatasetDescription, ValidationOutcome
from clarify.steps.reference import read_reference
from clarify.steps.reference_parts import Part, SuggestRequest
from clarify.steps.suggest_constraints import suggest_constraints, suggested_text
from flows.constraints import suggest


def result() -> AnalysisResult:
    table = ContingencyTable.from_confusion(a=(320, 80, 80, 320), d=(70, 0, 30, 100))   # TE is infinite
    facet = evaluate(table, facet="sex", value_or_threshold="0", stage="post_training")
    return AnalysisResult(
        config_digest="config",
        dataset=DatasetDescription("rows.csv", "csv", "data", 1000, 3, 1),
        validation=ValidationOutcome(1000, (), ()),
        post_training=BiasSection("post_training", "approved", "1", (facet,)),
    )


def publish(folder: Path, found: AnalysisResult) -> str:
    files = {"analysis.json": analysis_document(found), "extended.json": extended_document(found)}
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    records = {name: file_record(content, reproducible=True) for name, content in files.items()}
    (folder / "manifest.json").write_bytes(manifest_document(records))
    return str(folder)


@pytest.fixture
def analysis(tmp_path) -> str:
    return publish(tmp_path / "analysis", result())


@pytest.fixture
def folder(analysis, tmp_path) -> Path:
    suggest_constraints(SuggestRequest(analysis, str(tmp_path / "reference")), parts=())
    return tmp_path / "reference"


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def refused(code: str, field: str, call, *arguments) -> str:
    with pytest.raises((ConstraintsError, ConfigError, DataError)) as error:
        call(*arguments)
    problem = error.value.problems[0]
    assert (problem.code, problem.field) == (code, field)
    return str(problem)


def test_what_is_read_is_what_the_analysis_gave(folder):
    reference = read_reference(str(folder))

    assert reference.bias == bias_reference(result())
    assert reference.notices == ()


def test_the_folder_holds_awss_document_as_it_was_and_a_manifest_of_all(folder, analysis):
    held = files(folder)

    assert sorted(held) == ["analysis.json", "constraints.json", "manifest.json"]
    assert held["analysis.json"] == Path(analysis, "analysis.json").read_bytes()
    records = json.loads(held["manifest.json"])["files"]
    assert {path: record["bytes"] for path, record in records.items()} == {
        path: len(held[path]) for path in ("analysis.json", "constraints.json")
    }


def test_suggesting_again_writes_the_same_bytes(folder, analysis):
    before = files(folder)

    suggest_constraints(SuggestRequest(analysis, str(folder)), parts=())

    assert files(folder) == before


def test_the_folder_and_its_constraints_are_the_same_reference(folder):
    assert read_reference(str(folder / "constraints.json")) == read_reference(str(folder))


def test_an_edited_value_loosens_awss_rule_and_is_pointed_out(folder):
    before = read_reference(str(folder))
    document = json.loads((folder / "analysis.json").read_text())
    metrics = document["post_training_bias_metrics"]["facets"]["sex"][0]["metrics"]
    next(metric for metric in metrics if metric["name"] == "RD")["value"] = 0.5
    (folder / "analysis.json").write_text(json.dumps(document))

    after = read_reference(str(folder))

    changed = {new.metric: new.aws.value for new, old in zip(after.bias.series, before.bias.series, strict=True)
               if new != old}
    assert changed == {"RD": 0.5}
    assert [(notice.code, notice.field) for notice in after.notices] == [("REF-EDITED", "analysis.json")]
    assert after.digest != before.digest


def test_other_parts_are_written_listed_and_found(analysis, tmp_path):
    def write(request, found):
        (tmp_path / "reference" / "attributions").mkdir()
        (tmp_path / "reference" / "attributions" / "rows.parquet").write_bytes(b"rows")
        return Part(("attributions/rows.parquet",))

    request = SuggestRequest(analysis, str(tmp_path / "reference"))

    suggested = suggest_constraints(request, parts=(write, lambda request, found: Part(missing_because="no other")))

    assert suggested.files == ("analysis.json", "attributions/rows.parquet", "constraints.json", "manifest.json")
    assert suggested.reference.attributions_uri == str(tmp_path / "reference" / "attributions")
    assert suggested.reference.data_quality_uri is None
    assert suggested.missing == ("no other",)
    assert "attributions/rows.parquet" in json.loads((tmp_path / "reference" / "manifest.json").read_text())["files"]


def test_files_of_an_older_reference_go_and_those_of_others_stay(folder, analysis, tmp_path):
    def write(request, found):
        (folder / "part.json").write_bytes(b"{}")
        return Part(("part.json",))

    suggest_constraints(SuggestRequest(analysis, str(folder)), parts=(write,))
    (folder / "notes.txt").write_text("mine")

    suggest_constraints(SuggestRequest(analysis, str(folder)), parts=())

    assert sorted(files(folder)) == ["analysis.json", "constraints.json", "manifest.json", "notes.txt"]


def test_a_part_that_is_gone_is_named(folder):
    (folder / "analysis.json").unlink()

    assert "analysis.json" in refused("REF-PART-MISSING", "reference", read_reference, str(folder))


def test_constraints_of_another_version_are_refused(folder):
    document = json.loads((folder / "constraints.json").read_text())
    (folder / "constraints.json").write_text(json.dumps(document | {"version": "9.0"}))

    assert "received 9.0" in refused("REF-VERSION", "version", read_reference, str(folder))


def test_an_analysis_that_was_edited_after_it_was_published_is_refused(analysis, tmp_path):
    Path(analysis, "extended.json").write_bytes(Path(analysis, "extended.json").read_bytes() + b"\n")

    request = SuggestRequest(analysis, str(tmp_path / "reference"))
    message = refused("PUB-CHANGED", "--from", suggest_constraints, request)
    assert "extended.json" in message
    assert not (tmp_path / "reference").exists()


def test_a_folder_without_a_manifest_is_no_analysis(analysis, tmp_path):
    Path(analysis, "manifest.json").unlink()

    request = SuggestRequest(analysis, str(tmp_path / "reference"))
    assert analysis in refused("PUB-FOLDER", "--from", suggest_constraints, request)


def test_the_analysis_is_not_overwritten_by_its_reference(analysis):
    refused("REF-SAME-FOLDER", "--output", suggest_constraints, SuggestRequest(analysis, analysis + "/"))


def test_another_published_analysis_is_not_overwritten(analysis, tmp_path):
    other = publish(tmp_path / "other", result())

    refused("REF-OCCUPIED", "--output", suggest_constraints, SuggestRequest(analysis, other))


def test_an_analysis_without_anything_to_compare_is_refused(tmp_path):
    empty = publish(tmp_path / "empty", replace(result(), post_training=None))

    refused("REF-NOTHING", "--from", suggest_constraints, SuggestRequest(empty, str(tmp_path / "reference")))


def test_awss_analysis_is_a_reference_of_values(analysis):
    reference = read_reference(str(Path(analysis, "analysis.json")))

    assert reference.bias.counted == ()
    assert {series.metric: series.aws.value for series in reference.bias.series}["RD"] == pytest.approx(0.8 - 0.7)
    assert reference.attributions_uri is None


@pytest.mark.parametrize(
    ("document", "part"),
    [
        ({"version": 0.0, "features": []}, "data_quality_uri"),
        ({"version": 0.0, "binary_classification_constraints": {}}, "model_quality_uri"),
    ],
)
def test_awss_constraints_of_quality_are_known_by_what_they_hold(tmp_path, document, part):
    (tmp_path / "constraints.json").write_text(json.dumps(document))
    bare = read_reference(str(tmp_path))
    (tmp_path / "statistics.json").write_text("{}")

    beside = read_reference(str(tmp_path / "constraints.json"))

    assert getattr(beside, part) == str(tmp_path)
    assert beside.bias is None
    assert beside.digest != bare.digest


def test_awss_global_shap_values_are_a_reference_of_attributions(tmp_path):
    shap = {"kernel_shap": {"label0": {"global_shap_values": {"age": 0.1}, "expected_value": 0.2}}}
    (tmp_path / "analysis.json").write_text(json.dumps({"version": "1.0", "explanations": shap}))

    reference = read_reference(str(tmp_path / "analysis.json"))

    assert (reference.bias, reference.attributions_uri) == (None, str(tmp_path / "analysis.json"))


def test_nothing_there_says_how_to_write_one(tmp_path):
    message = refused("REF-NOT-FOUND", "reference", read_reference, str(tmp_path / "none"))

    assert "clarify constraints suggest --from ANALYSIS --output FOLDER" in message


def test_what_was_written_is_told_with_the_next_step(analysis, tmp_path):
    text = suggested_text(suggest_constraints(SuggestRequest(analysis, str(tmp_path / "reference"))))

    # 13 metrics, without CDDPL (no group variable) and FT (nobody looked at the rows).
    assert "11 of 13 bias series have an interval" in text
    assert text.endswith(f"  reference: {tmp_path}/reference\nand run\n  clarify monitor run monitor.yaml")


def test_the_command_prints_files_and_digest(analysis, tmp_path):
    app = typer.Typer()
    app.command()(suggest)

    answer = CliRunner().invoke(app, ["--from", analysis, "--output", str(tmp_path / "reference"), "--json"])

    assert answer.exit_code == 0
    told = json.loads(answer.stdout)
    assert told["reference"] == str(tmp_path / "reference")
    assert told["sha256"] == read_reference(str(tmp_path / "reference")).digest
    # The counts of the analysis are enough for the quality of the model; the rest needs attributions and rows.
    quality = [f"model_quality/{name}.json" for name in ("constraints", "groups", "statistics")]
    assert told["files"] == ["analysis.json", *quality, "types.json", "constraints.json", "manifest.json"]
    assert [why.split(":")[0] for why in told["missing"]] == ["no attributions", "no data quality"]
