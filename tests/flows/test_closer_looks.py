"""Closer looks, all the way to the documents: crossed facets, segments, single classes, continuous outcomes, types."""

import json
import re
import shlex
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

from clarify.config.settings import RunSettings
from clarify.report.document import read_extended
from clarify.results import Reason
from clarify.steps.line import run_analysis
from clarify.steps.plan import AnalysisRequest
from flows.cli import app
from tests.subjects import digests

# 208 people: how many by sex, region, label, predicted label and age.
PEOPLE = [
    ("f", "north", "yes", "yes", 30, 10), ("f", "north", "yes", "no", 30, 5),
    ("f", "north", "no", "yes", 30, 1), ("f", "north", "no", "no", 30, 24),
    ("f", "south", "yes", "yes", 50, 20), ("f", "south", "yes", "no", 50, 10),
    ("f", "south", "no", "yes", 50, 10), ("f", "south", "no", "no", 50, 20),
    ("m", "north", "yes", "yes", 30, 30), ("m", "north", "yes", "no", 30, 10),
    ("m", "north", "no", "yes", 30, 10), ("m", "north", "no", "no", 30, 10),
    ("m", "south", "yes", "yes", 50, 20), ("m", "south", "yes", "no", 50, 5),
    ("m", "south", "no", "yes", 50, 5), ("m", "south", "no", "no", 50, 10),
    ("m", "north", "no", "no", 17, 5), ("m", "north", "no", "no", None, 3),
]  # fmt: skip
# 160 people with a label of three classes: how many by sex, label and predicted label.
GRADES = [
    ("f", "low", "low", 30), ("f", "mid", "low", 10), ("f", "mid", "mid", 10), ("f", "high", "high", 10),
    ("m", "low", "low", 20), ("m", "mid", "mid", 30), ("m", "high", "high", 50),
]  # fmt: skip
# 120 people with a salary and a predicted one, which is 2 too much for women and 1 too much for men.
SALARIES = [("f", pay, pay + 2, 20) for pay in (30.5, 40.5, 50.5)] + [
    ("m", pay, pay + 1, 20) for pay in (40.5, 50.5, 60.5)
]


def frame_of(table, *columns):
    """One row for each of the counted ones, told apart by nothing but their order."""
    return pd.DataFrame([row[:-1] for row in table for _ in range(row[-1])], columns=list(columns))


def config_of(**changes):
    config = {
        "dataset_type": "text/csv",
        "label": "label",
        "label_values_or_threshold": ["yes"],
        "predicted_label": "predicted_label",
        "facet": [{"name_or_index": "sex", "value_or_threshold": ["f"]}],
        "methods": {"pre_training_bias": {"methods": ["DPL"]}, "post_training_bias": {"methods": ["DPPL", "DI"]}},
    }
    return {**config, **changes}


def people():
    frame = frame_of(PEOPLE, "sex", "region", "label", "predicted_label", "age")
    return frame.assign(age=frame["age"].astype("Int64"))


# What is looked at: rows, config, and what the request adds.
CASES = {
    "crossed": (
        people(),
        config_of(facet=[*config_of()["facet"], {"name_or_index": "region"}]),
        {"cross": (("sex", "region"),)},
    ),
    "segments": (
        people(),
        config_of(
            segment_config=[
                {"name_or_index": "age", "segments": [["[18, 40)"], ["[40, 60]"]], "display_aliases": ["young", "old"]}
            ]
        ),
        {},
    ),
    "classes": (
        frame_of(GRADES, "sex", "label", "predicted_label"), config_of(label_values_or_threshold=["high"]), {}
    ),
    "continuous": (
        frame_of(SALARIES, "sex", "label", "predicted_label"), config_of(label_values_or_threshold=[45]), {}
    ),
}  # fmt: skip


def asked(folder, case, *, n_files=1):
    """The request for a case whose rows lie in a folder of so many files."""
    frame, config, more = CASES[case]
    (folder / "data").mkdir(parents=True)
    size = -(-len(frame) // n_files)
    for number in range(n_files):
        part = frame.iloc[number * size : (number + 1) * size]
        part.to_csv(folder / "data" / f"part-{number}.csv", index=False)
    (folder / "config.json").write_text(json.dumps(config))
    settings = RunSettings(engine="local", workers=1, csv_header="present")
    return AnalysisRequest(str(folder / "config.json"), str(folder / "out"), settings, str(folder / "data"), **more)


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    """Every case analysed once, of one file each."""
    folder = tmp_path_factory.mktemp("closer")
    return {case: run_analysis(asked(folder / case, case)) for case in CASES}


@pytest.fixture
def found(published):
    """What extended.json says of a case."""
    return lambda case: read_extended((Path(published[case].output_uri) / "extended.json").read_bytes())


def value(bias, name):
    return next(metric.value for metric in bias.metrics if metric.name == name)


# --- what is found ----------------------------------------------------------------------------------------------


def test_crossed_facets_have_a_cell_for_each_pair_of_groups(found):
    (crossed,) = found("crossed").intersections

    assert crossed.facets == ("sex", "region")
    rows = {cell.groups: cell.rows for cell in crossed.cells}
    assert rows == {("f", "north"): 40, ("f", "south"): 60, ("rest", "north"): 68, ("rest", "south"): 40}
    assert crossed.unknown_rows == 0


def test_a_cell_is_held_against_everybody_outside_it(found):
    (crossed,) = found("crossed").intersections

    (cell,) = [cell for cell in crossed.cells if cell.groups == ("f", "north")]
    # Of the 40, 15 are approved and 11 predicted to be; of the 168 others 30 + 40 + 25 both times.
    assert value(cell.pre_training, "DPL") == pytest.approx(95 / 168 - 15 / 40, abs=1e-12)
    assert value(cell.post_training, "DPPL") == pytest.approx(95 / 168 - 11 / 40, abs=1e-12)
    assert value(cell.post_training, "DI") == pytest.approx((11 / 40) / (95 / 168), abs=1e-12)


def test_segments_hold_the_rows_of_their_interval_and_the_default_all_others(found):
    segments = found("segments").segments

    told = [(segment.alias, segment.segment, segment.rows, segment.unknown_rows) for segment in segments]
    assert told == [("young", "[18, 40)", 100, 0), ("old", "[40, 60]", 100, 0), ("__default__", "__default__", 8, 3)]


def test_bias_is_measured_within_each_segment(found):
    young, old, default = found("segments").segments

    # Young: 15 of 40 women, 40 of 60 men; old: 30 of 60 women, 25 of 40 men; nobody of the others is a woman.
    assert value(young.pre_training[0], "DPL") == pytest.approx(40 / 60 - 15 / 40, abs=1e-12)
    assert value(old.pre_training[0], "DPL") == pytest.approx(25 / 40 - 30 / 60, abs=1e-12)
    assert value(young.post_training[0], "DPPL") == pytest.approx(40 / 60 - 11 / 40, abs=1e-12)
    (undefined,) = default.pre_training[0].metrics
    assert undefined.undefined_because is Reason.EMPTY_FACET


def test_every_class_is_the_positive_one_in_turn(found):
    section = found("classes").classes

    assert {item.label_value: item.rows for item in section.classes} == {"low": 50, "mid": 50, "high": 60}
    gaps = {item.label_value: value(item.pre_training[0], "DPL") for item in section.classes}
    assert gaps == pytest.approx({"low": 20 / 100 - 30 / 60, "mid": 30 / 100 - 20 / 60, "high": 50 / 100 - 10 / 60})
    predicted = {item.label_value: value(item.post_training[0], "DPPL") for item in section.classes}
    assert predicted == pytest.approx(
        {"low": 20 / 100 - 40 / 60, "mid": 30 / 100 - 10 / 60, "high": 50 / 100 - 10 / 60}
    )


def test_the_worst_class_is_the_one_furthest_from_no_difference(found):
    worst = {item.metric: (item.label_value, item.value) for item in found("classes").classes.worst}

    assert worst["DPL"] == ("high", pytest.approx(1 / 3))            # 0.33 in high, -0.3 in low
    assert worst["DPPL"] == ("low", pytest.approx(0.2 - 2 / 3))      # -0.47 in low, 0.33 in high
    assert worst["DI"] == ("low", pytest.approx(10 / 3))             # 3.33 in low is further from 1 than 1 / 3 in high


def test_a_continuous_outcome_is_compared_in_its_own_unit(found):
    gaps = {gap.outcome: gap for gap in found("continuous").outcome_gaps}

    assert {name: (gap.rows_d, gap.rows_a) for name, gap in gaps.items()} == dict.fromkeys(gaps, (60, 60))
    means = {name: (gap.mean_a, gap.mean_d, gap.gap) for name, gap in gaps.items()}
    assert means == {
        "label": pytest.approx((50.5, 40.5, 10.0)),
        "prediction": pytest.approx((51.5, 42.5, 9.0)),
        "error": pytest.approx((1.0, 2.0, -1.0)),
    }


def test_quantiles_of_a_continuous_outcome_are_those_of_the_rows(found):
    (label,) = [gap for gap in found("continuous").outcome_gaps if gap.outcome == "label"]

    # A third of each sex earns each of three salaries.
    quantiles = {item.level: (item.a, item.d) for item in label.quantiles}
    assert quantiles[0.1] == (40.5, 30.5)
    assert quantiles[0.5] == (50.5, 40.5)
    assert quantiles[0.9] == (60.5, 50.5)


# --- where it is found ------------------------------------------------------------------------------------------


HEADINGS = {
    "crossed": "Crossed: sex and region",
    "segments": "Segments of age",
    "classes": "One class against the others",
    "continuous": "Gaps of a continuous outcome",
}


@pytest.mark.parametrize("case", HEADINGS)
def test_the_report_has_a_table_of_it_and_of_nothing_else(published, case):
    page = Path(published[case].report_uri).read_text()

    words = " ".join(re.sub("<[^>]+>", "", page).split())
    assert [heading for heading in HEADINGS.values() if heading in words] == [HEADINGS[case]]


@pytest.mark.parametrize("case", CASES)
def test_rows_in_two_files_give_the_same_findings(published, tmp_path, case):
    run = run_analysis(asked(tmp_path, case, n_files=2))

    whole = published[case]
    assert digests(run.output_uri)["analysis.json"] == digests(whole.output_uri)["analysis.json"]
    assert replace(run.result, dataset=whole.result.dataset) == whole.result     # only the files have other names


@pytest.mark.parametrize("case", CASES)
def test_two_workers_give_the_same_bytes(published, tmp_path, case):
    request = asked(tmp_path, case)
    elsewhere = replace(request, dataset_uri=str(Path(published[case].output_uri).parent / "data"))

    run = run_analysis(replace(elsewhere, settings=replace(request.settings, workers=2)))

    assert digests(run.output_uri) == digests(published[case].output_uri)


# --- the command line -------------------------------------------------------------------------------------------


def clarify(*words):
    """The command in this process."""
    return CliRunner().invoke(app, [str(word) for word in words])


def analyze(folder, request, *options):
    words = ("--output", folder / "out", "--workers", 1, "--engine", "local", "--direct", "--quiet")
    return clarify("analyze", request.config, "--dataset", request.dataset_uri, *words, *options)


def test_facets_are_crossed_on_request_only(found, tmp_path):
    request = asked(tmp_path, "crossed")

    without = analyze(tmp_path / "without", request)
    crossed = analyze(tmp_path / "with", request, "--cross", "sex, region", "--json")

    assert (without.exit_code, crossed.exit_code) == (0, 0), without.output + crossed.output
    assert read_extended((tmp_path / "without/out/extended.json").read_bytes()).intersections == ()
    told = read_extended((tmp_path / "with/out/extended.json").read_bytes()).intersections
    assert told == found("crossed").intersections


def test_everything_wrong_with_the_crossings_is_told_at_once(tmp_path):
    request = asked(tmp_path, "crossed")

    answer = analyze(tmp_path, request, "--cross", "sex,regoin", "--cross", "sex", "--json")

    assert answer.exit_code == 2
    problems = json.loads(answer.stdout)["problems"]
    assert {problem["code"] for problem in problems} == {"CFG-CROSS"}
    assert [(problem["received"], problem["hint"]) for problem in problems] == [
        ("regoin", "did you mean 'region'?"), ("sex", "name two facets or more"),
    ]  # fmt: skip
    assert not (tmp_path / "out").exists()


def test_everything_wrong_with_config_policy_types_and_crossings_is_told_at_once(tmp_path):
    request = asked(tmp_path, "crossed")
    config = json.loads(Path(request.config).read_text())
    Path(request.config).write_text(json.dumps({**config, "label": "lable"}))
    (tmp_path / "policy.yaml").write_text("{version: 1.0, name: p, ranges: [{metric: DPL, high: 0.1, facet: sx}]}")
    (tmp_path / "types.yaml").write_text("columns: {aeg: continuous}")
    options = ("--policy", tmp_path / "policy.yaml", "--types", tmp_path / "types.yaml", "--cross", "sex,regoin")

    answer = analyze(tmp_path, request, *options, "--json")

    assert answer.exit_code == 2
    assert [(problem["code"], problem["hint"].split("?")[0]) for problem in json.loads(answer.stdout)["problems"]] == [
        ("DATA-COLUMN-MISSING", "did you mean 'label'"),
        ("CFG-POLICY-FACET", "did you mean sex"),
        ("CFG-TYPES-COLUMN", "did you mean 'age'"),
        ("CFG-CROSS", "did you mean 'region'"),
    ]


def test_documents_that_are_not_there_are_told_together(tmp_path):
    request = asked(tmp_path, "crossed")

    answer = analyze(tmp_path, request, "--policy", tmp_path / "a.yaml", "--types", tmp_path / "b.yaml", "--json")

    problems = json.loads(answer.stdout)["problems"]
    assert [(problem["code"], problem["field"]) for problem in problems] == [
        ("CFG-NOT-FOUND", "--policy"), ("CFG-NOT-FOUND", "--types"),
    ]  # fmt: skip


def test_the_command_in_the_provenance_gives_the_same_bytes(tmp_path):
    request = asked(tmp_path, "crossed")
    (tmp_path / "types.yaml").write_text("columns: {age: continuous}")
    options = ("--cross", "sex,region", "--types", tmp_path / "types.yaml", "--policy", "recommended")
    analyze(tmp_path, request, *options, "--fail-on", "never")
    before = digests(tmp_path / "out")
    run = json.loads((tmp_path / "out" / "provenance.json").read_text())["run"]
    program, *words = shlex.split(run["command"])

    answer = clarify(*words, "--fail-on", "never")

    assert (program, answer.exit_code) == ("clarify", 0), answer.output
    assert digests(tmp_path / "out") == before


# --- declared types ---------------------------------------------------------------------------------------------


@pytest.fixture
def codes(tmp_path):
    """Twenty offices by number: AWS reads so many different numbers as a quantity, and 2 as a threshold."""
    rows = [(code, "yes" if i % 2 else "no") for i in range(5) for code in (1, 2, 3, 4)]
    pd.DataFrame(rows, columns=["office", "label"]).to_csv(tmp_path / "data.csv", index=False)
    config = config_of(
        facet=[{"name_or_index": "office", "value_or_threshold": [2]}],
        methods={"pre_training_bias": {"methods": ["DPL"]}},
        predicted_label=None,
    )
    path = tmp_path / "config.json"
    path.write_text(json.dumps({key: item for key, item in config.items() if item is not None}))
    settings = RunSettings(engine="local", workers=1)
    return AnalysisRequest(str(path), str(tmp_path / "out"), settings, str(tmp_path / "data.csv"))


def test_numbers_are_read_as_aws_reads_them_unless_somebody_declares_them(codes):
    run = run_analysis(codes)

    (facet,) = run.result.pre_training.facets
    assert (facet.value_or_threshold, facet.counts.d.rows) == ("(2, 4]", 10)
    assert "TYPE-READ-AS-RANGE" in {notice.code for notice in run.result.validation.notices}


def test_numbers_declared_to_be_categories_are_groups(codes, tmp_path):
    (tmp_path / "types.yaml").write_text("columns:\n  office: categorical\n")

    run = run_analysis(replace(codes, types=str(tmp_path / "types.yaml")))

    (facet,) = run.result.pre_training.facets
    assert (facet.value_or_threshold, facet.counts.d.rows, facet.counts.a.rows) == ("2", 5, 15)
    (told,) = [notice for notice in run.result.validation.notices if notice.code == "TYPE-DECLARED"]
    assert told.message == "column 'office' is categorical by declaration; AWS would read it as continuous"


def test_a_declared_column_that_is_not_there_is_refused_with_the_nearest_one(codes, tmp_path):
    (tmp_path / "types.yaml").write_text("columns:\n  ofice: categorical\n")

    answer = analyze(tmp_path, codes, "--types", tmp_path / "types.yaml")

    assert answer.exit_code == 2
    assert "types.columns.ofice: received 'ofice'" in answer.stderr
    assert "did you mean 'office'?" in answer.stderr
    assert not (tmp_path / "out").exists()


def test_a_document_of_types_that_is_not_there_is_refused_by_its_option(codes, tmp_path):
    answer = analyze(tmp_path, codes, "--types", tmp_path / "none.yaml")

    assert answer.exit_code == 2
    assert "--types: received" in answer.stderr
    assert "[CFG-NOT-FOUND]" in answer.stderr
