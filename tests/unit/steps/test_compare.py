"""Decisions left by a run, two runs paired by them, and the comparison that comes of it."""

import json
from dataclasses import replace
from io import BytesIO
from types import SimpleNamespace

import jsonschema
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from clarify.bias.deciding import read_off
from clarify.bias.evaluate import evaluate
from clarify.bias.paired import JointTable, paired_difference
from clarify.compared import ComparedRun, NotCompared, Unpaired
from clarify.config.presentation import Presentation
from clarify.data import storage
from clarify.errors import ConfigError, DataError
from clarify.report.comparison.document import comparison_document, read_comparison
from clarify.report.document import extended_document
from clarify.report.provenance import file_record, manifest_document
from clarify.report.schema import comparison_schema
from clarify.results import AnalysisResult, BiasSection, DatasetDescription, Reason, ValidationOutcome, Verdict
from clarify.steps.compare import CompareRequest, compare
from clarify.steps.compare_metrics import RunResult, compare_results
from clarify.steps.decisions import DECISIONS, PairedRows, count_pairs, decisions_wanted, write_decisions
from clarify.steps.tolerances import Tolerances, parse_tolerances
from clarify.steps.validate_dataset import keep_rows

CONFIG = {
    "label": "ok", "label_values_or_threshold": [1], "predicted_label": "said",
    "facet": [{"name_or_index": "sex", "value_or_threshold": ["f"]}], "group_variable": "town",
    "methods": {"post_training_bias": {"methods": "all"}},
}  # fmt: skip
ROWS = pd.DataFrame({
    "sex": ["f", "m", None, "f", "m"], "ok": [1, 0, 1, 1, 0], "said": [0, 0, 1, 1, 1], "other": [1, 0, 0, 1, 1],
    "town": ["b", "a", "b", None, "c"],
})  # fmt: skip


@pytest.fixture
def kept(prepare, engine):
    """As ``prepare``, but the rows are staged, as a run does that reads them more than once."""

    def prepared(frame, config, **options):
        plan, data = prepare(frame, config, **options)
        return plan, replace(data, dataset=keep_rows(data, engine))

    return prepared


def decisions_of(data, scored=None):
    sink = BytesIO()
    write_decisions(data, scored, sink)
    return sink.getvalue()


def table_of(content):
    return pq.read_table(pa.BufferReader(content)).to_pydict()


# --- what a run leaves ------------------------------------------------------------------------------------------------


def test_decisions_are_the_rows_in_order_with_nothing_guessed(kept):
    _, data = kept(ROWS, CONFIG)

    assert table_of(decisions_of(data)) == {
        "label": [1, 0, 1, 1, 0],
        "decision": [0, 0, 1, 1, 1],
        "facet_0": [1, 0, None, 1, 0],
        "stratum": [0, 1, 0, None, 2],
    }


def test_a_models_answers_are_decisions_and_no_answer_is_none(prepare, answer):
    config = {**CONFIG, "methods": {"pre_training_bias": {"methods": "all"}}}
    del config["predicted_label"]
    _, data = prepare(ROWS.drop(columns=["said", "other"]), config)
    kept, scored = answer(data, {"positive": pa.array([1, 2, 0, 1, 0], pa.int8())})

    assert table_of(decisions_of(kept, scored))["decision"] == [1, None, 0, 1, 0]


def test_how_the_rows_are_cut_does_not_show_in_the_bytes(kept):
    rows = pd.concat([ROWS] * 40, ignore_index=True).assign(sex=lambda frame: frame["sex"].fillna("m"))
    whole, parts = kept(rows, CONFIG)[1], kept(rows, CONFIG, n_files=7)[1]

    assert decisions_of(whole) == decisions_of(parts)


@pytest.mark.parametrize(
    ("shown", "wanted"),
    [(Presentation(), True), (Presentation(individual_rows=False), False), (Presentation(suppress_below=10), False)],
)
def test_rows_are_not_left_where_readers_may_not_see_them(shown, wanted, kept):
    plan, data = kept(ROWS, CONFIG)

    assert decisions_wanted(replace(plan, presentation=shown), data, None) is wanted


def test_a_run_without_decisions_leaves_none(kept):
    config = {**CONFIG, "methods": {"pre_training_bias": {"methods": "all"}}}
    plan, data = kept(ROWS, config)

    assert not decisions_wanted(plan, data, None)


def test_rows_that_were_only_counted_are_not_read_again_to_leave_decisions(prepare):
    plan, data = prepare(ROWS, CONFIG)

    assert data.dataset.fragments == ()
    assert not decisions_wanted(plan, data, None)


# --- two files paired -------------------------------------------------------------------------------------------------


@pytest.fixture
def leave(kept, tmp_path):
    """Write the decisions of one column of the same rows; give the file's address."""

    def left(frame, *, without=(), **changes):
        config = {key: value for key, value in {**CONFIG, **changes}.items() if key not in without}
        _, data = kept(frame, config)
        path = tmp_path / f"{len(list(tmp_path.iterdir()))}.parquet"
        path.write_bytes(decisions_of(data))
        return str(path)

    return left


def test_pairs_are_counted_by_group_label_and_both_decisions(leave):
    rows = count_pairs(leave(ROWS), leave(ROWS, predicted_label="other"))
    counts = rows.tables[("sex", "f")].counts

    # f, label 1: one row 0 then 1 in the first town, one row 1 and 1 without a town
    assert counts[1, 1, 0, 1].tolist() == [1, 0, 0, 0]
    assert counts[1, 1, 1, 1].tolist() == [0, 0, 0, 1]
    # m, label 0: 0 and 0 in the second town, 1 and 1 in the third; nobody knows the third row's sex
    assert counts[0, 0, 0, 0].tolist() == [0, 1, 0, 0]
    assert counts[0, 0, 1, 1].tolist() == [0, 0, 1, 0]
    assert counts[2, 1, 1, 0].tolist() == [1, 0, 0, 0]
    assert (counts.sum(), rows.everyone.sum()) == (5, 5)


def test_rows_whose_labels_differ_are_not_paired(leave):
    assert count_pairs(leave(ROWS), leave(ROWS.assign(ok=[1, 0, 1, 1, 1]))) is None


def test_another_positive_label_is_not_paired(leave):
    assert count_pairs(leave(ROWS), leave(ROWS, label_values_or_threshold=[0])) is None


def test_another_number_of_rows_is_not_paired(leave):
    assert count_pairs(leave(ROWS), leave(ROWS.iloc[:4])) is None


def test_another_group_variable_is_paired_without_strata(leave):
    rows = count_pairs(leave(ROWS), leave(ROWS, group_variable="said", predicted_label="other"))

    assert not rows.same_strata
    assert not rows.tables[("sex", "f")].has_strata


def test_groups_of_one_run_alone_are_left_out(leave):
    more = [{"name_or_index": "town", "value_or_threshold": ["a"]}, *CONFIG["facet"]]
    rows = count_pairs(leave(ROWS), leave(ROWS, facet=more, without=["group_variable"]))

    assert list(rows.tables) == [("sex", "f")]
    assert rows.tables[("sex", "f")].counts[1, 1].sum() == 2


# --- two results compared ---------------------------------------------------------------------------------------------


def joint(scale=1, gained=2):
    """Facet a: 100 rows each way; facet d: 20 each way, of which the challenger turns ``gained`` to positive."""
    counts = np.zeros((3, 3, 3, 3, 1), dtype=int)
    counts[0, 1, :2, :2, 0] = [[20, 0], [0, 80]]
    counts[0, 0, :2, :2, 0] = [[80, 0], [0, 20]]
    counts[1, 1, :2, :2, 0] = [[10 - gained, gained], [0, 10]]
    counts[1, 0, :2, :2, 0] = [[15, 0], [0, 5]]
    return JointTable(counts * scale)


def run_of(table, *, digest="d" * 64, name="m", metrics="all", group="f"):
    facet = evaluate(table, facet="sex", value_or_threshold=group, stage="post_training", methods=metrics)
    before = evaluate(table, facet="sex", value_or_threshold=group, stage="pre_training")
    result = AnalysisResult(
        "c" * 64, DatasetDescription("data.csv", "csv", digest, table.rows, 3, 100), ValidationOutcome(0, (), ()),
        pre_training=BiasSection("pre_training", "ok", "1", (before,)),
        post_training=BiasSection("post_training", "ok", "1", (facet,)),
    )
    return RunResult(ComparedRun(f"runs/{name}", "e" * 64, "c" * 64, result.dataset), result)


def both(table, **changes):
    return run_of(table.of("champion")), run_of(table.of("challenger"), **changes)


def paired_rows(table):
    return PairedRows({("sex", "f"): table}, table.counts.sum(axis=(0, 4)), True)


def metrics_of(comparison):
    return {metric.metric: metric for metric in comparison.groups[0].metrics}


def test_every_metric_of_either_run_has_a_difference_or_a_reason():
    table = joint()
    comparison = compare_results(*both(table), paired_rows(table), Tolerances())

    assert len(metrics_of(comparison)) == 21
    for metric in metrics_of(comparison).values():
        assert (metric.difference is None) is (metric.not_compared is not None), metric.metric


def test_the_reasons_say_what_kind_of_metric_it_is():
    table = joint()
    found = metrics_of(compare_results(*both(table), paired_rows(table), Tolerances()))

    assert found["DPL"].not_compared is NotCompared.SAME_LABELS
    assert found["FT"].not_compared is NotCompared.NEEDS_NEIGHBOURS
    assert found["GE"].not_compared is NotCompared.NOT_OF_GROUPS
    assert (found["CDDPL"].not_compared, found["CDDPL"].undefined_champion) == (
        NotCompared.UNDEFINED, Reason.NO_GROUP_VARIABLE,
    )  # fmt: skip


def test_paired_values_are_those_of_the_runs_when_every_row_is_decided():
    table = joint()
    champion, challenger = both(table)
    found = metrics_of(compare_results(champion, challenger, paired_rows(table), Tolerances()))

    for side, run in (("champion", champion), ("challenger", challenger)):
        for metric in run.result.post_training.facets[0].metrics:
            assert getattr(found[metric.name], side) == metric.value, metric.name


def test_the_difference_is_the_challengers_minus_the_champions():
    table = joint()
    found = metrics_of(compare_results(*both(table), paired_rows(table), Tolerances()))["DPPL"]

    # 100 of 200 against 15 of 40, then 17 of 40
    assert found.difference == pytest.approx((0.5 - 17 / 40) - (0.5 - 15 / 40), abs=1e-12)
    assert found.interval == paired_difference("DPPL", table).plausible.interval()


def test_unpaired_intervals_are_wider_and_the_reason_is_kept():
    table = joint()
    paired = compare_results(*both(table), paired_rows(table), Tolerances())
    alone = compare_results(*both(table), Unpaired.NO_DECISIONS, Tolerances())

    near, far = metrics_of(paired)["DPPL"].interval, metrics_of(alone)["DPPL"].interval
    assert near.high - near.low < far.high - far.low
    assert (paired.unpaired_because, alone.unpaired_because) == (None, Unpaired.NO_DECISIONS)
    assert (alone.agreement, alone.groups[0].pairs_d) == (None, None)


def test_labels_of_other_rows_are_not_compared():
    table = joint()
    runs = both(table, digest="other")

    assert metrics_of(compare_results(*runs, Unpaired.ROWS_DIFFER, Tolerances()))["DPL"].not_compared is (
        NotCompared.LABELS_ONLY
    )


def test_a_metric_of_one_run_alone_says_so():
    table = joint()
    found = metrics_of(compare_results(*both(table, metrics=("DPPL",)), paired_rows(table), Tolerances()))

    assert found["AD"].not_compared is NotCompared.ONLY_CHAMPION
    assert found["DPPL"].not_compared is None


def test_a_group_of_one_run_alone_says_so():
    table = joint()
    comparison = compare_results(*both(table, group="m"), paired_rows(table), Tolerances())

    assert [group.value_or_threshold for group in comparison.groups] == ["f", "m"]
    assert {metric.not_compared for metric in comparison.groups[0].metrics} == {NotCompared.ONLY_CHAMPION}
    assert {metric.not_compared for metric in comparison.groups[1].metrics} == {NotCompared.ONLY_CHALLENGER}


def test_agreement_counts_decisions_and_leaves_the_undecided_out():
    table = joint()
    counts = table.counts.copy()
    counts[0, 0, 2, 1, 0] = 7
    comparison = compare_results(*both(table), paired_rows(JointTable(counts)), Tolerances())

    assert (comparison.agreement.rows, comparison.agreement.alike, comparison.agreement.left_out) == (240, 238, 7)
    assert (comparison.agreement.to_positive, comparison.agreement.to_negative) == (2, 0)
    assert comparison.notices[0].code == "CMP-LEFT-OUT"


def test_accuracy_counts_all_rows():
    table = joint()
    found = compare_results(*both(table), paired_rows(table), Tolerances()).accuracy

    # right: 80 + 80 of facet a, 10 + 15 of facet d; the challenger gets 2 more positives right
    assert (found.champion, found.challenger) == (185 / 240, 187 / 240)
    assert (found.gained, found.lost) == (2, 0)


def test_without_a_tolerance_there_is_no_verdict():
    table = joint()
    comparison = compare_results(*both(table), paired_rows(table), Tolerances())

    assert (comparison.verdict, comparison.tests) == (None, 0)


@pytest.mark.parametrize(
    ("gained", "scale", "expected"),
    [(0, 20, Verdict.PASS), (8, 20, Verdict.VIOLATION), (1, 1, Verdict.INCONCLUSIVE)],
)
def test_verdicts_follow_the_band_and_the_interval_that_decides(gained, scale, expected):
    # 8 of 40 rows of facet d turned moves the gap by 0.2; none of 800 leaves it within 0.02
    table = joint(scale, gained)
    comparison = compare_results(*both(table), paired_rows(table), Tolerances(by_metric=(("DPPL", 0.02),)))
    found = metrics_of(comparison)["DPPL"]

    assert (found.verdict, comparison.verdict, comparison.tests) == (expected, expected, 1)
    assert read_off(found.deciding, -0.02, 0.02) is expected


def test_one_tolerance_holds_for_all_differences_of_shares_as_one_family():
    table = joint(20)
    comparison = compare_results(*both(table), paired_rows(table), Tolerances(0.05))
    judged = {name for name, metric in metrics_of(comparison).items() if metric.verdict is not None}

    # CDDPL has no group variable: not computed in either run, undecided but no test
    assert judged == {"DPPL", "RD", "SD", "AD", "DAR", "DRR", "CDDPL"}
    assert comparison.tests == 6
    assert metrics_of(comparison)["CDDPL"].reason is Reason.NO_GROUP_VARIABLE


def test_the_document_comes_back_as_it_was():
    table = joint()
    comparison = compare_results(*both(table), paired_rows(table), Tolerances(0.05))

    assert read_comparison(comparison_document(comparison)) == comparison


@pytest.mark.parametrize("rows", [None, *Unpaired])
def test_the_document_fits_its_schema(rows):
    table = joint()
    comparison = compare_results(*both(table), rows or paired_rows(table), Tolerances(0.05))

    schema = comparison_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(json.loads(comparison_document(comparison)), schema, cls=jsonschema.Draft202012Validator)


def test_the_schema_refuses_a_pair_that_is_no_count():
    document = json.loads(comparison_document(compare_results(*both(joint()), paired_rows(joint()), Tolerances())))
    document["agreement"]["rows"] = -1

    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(document, comparison_schema(), cls=jsonschema.Draft202012Validator)


# --- from folder to folder --------------------------------------------------------------------------------------------


def publish(uri, result, *, decisions=None):
    files = {"extended.json": extended_document(result)} | ({} if decisions is None else {DECISIONS: decisions})
    for path, content in files.items():
        storage.write_bytes(storage.join(uri, path), content)
    records = {path: file_record(content, reproducible=True) for path, content in files.items()}
    storage.write_bytes(storage.join(uri, "manifest.json"), manifest_document(records))


@pytest.fixture
def folders(tmp_path):
    table = joint()
    champion, challenger = both(table)
    publish(str(tmp_path / "a"), champion.result)
    publish(str(tmp_path / "b"), challenger.result)
    return SimpleNamespace(a=str(tmp_path / "a"), b=str(tmp_path / "b"), out=str(tmp_path / "out"), path=tmp_path)


def test_a_comparison_is_published_as_page_markdown_and_document(folders):
    compare(CompareRequest(folders.a, folders.b, folders.out))

    assert sorted(path.name for path in (folders.path / "out").iterdir()) == [
        "comparison.html", "comparison.json", "comparison.md",
    ]  # fmt: skip


def test_the_document_has_the_same_bytes_again(folders):
    place = folders.path / "out" / "comparison.json"
    compare(CompareRequest(folders.a, folders.b, folders.out))
    first = place.read_bytes()
    compare(CompareRequest(folders.a, folders.b, folders.out))

    assert place.read_bytes() == first
    assert json.loads(first)["version"] == "1.0"


def test_any_storage_will_do(folders):
    compare(CompareRequest(folders.a, folders.b, "memory://compared/out"))

    assert storage.exists("memory://compared/out/comparison.json")


def test_runs_without_decisions_are_compared_unpaired(folders):
    published = compare(CompareRequest(folders.a, folders.b, folders.out))

    assert published.comparison.unpaired_because is Unpaired.NO_DECISIONS


def test_a_changed_file_is_refused(folders):
    place = folders.path / "b" / "extended.json"
    place.write_bytes(place.read_bytes().replace(b'"ok"', b'"no"'))

    with pytest.raises(DataError, match=r"CHALLENGER: received .*extended.json  \[PUB-CHANGED\]"):
        compare(CompareRequest(folders.a, folders.b, folders.out))


def test_a_folder_that_is_no_run_is_named(folders):
    with pytest.raises(ConfigError, match=r"CHAMPION: received .*nowhere  \[PUB-FOLDER\]"):
        compare(CompareRequest(str(folders.path / "nowhere"), folders.b, folders.out))


def test_a_run_without_predictions_is_refused(folders):
    result = replace(both(joint())[0].result, post_training=None)
    publish(folders.a, result)

    with pytest.raises(ConfigError, match=r"(?s)CHAMPION: .*\[CMP-RUN\].*post-training metrics"):
        compare(CompareRequest(folders.a, folders.b, folders.out))


def test_the_output_is_a_folder_of_its_own(folders):
    with pytest.raises(ConfigError, match="CMP-SAME-FOLDER"):
        compare(CompareRequest(folders.a, folders.b, folders.b + "/"))


# --- tolerances -------------------------------------------------------------------------------------------------------


def test_tolerances_are_for_all_shares_and_for_single_metrics():
    found = parse_tolerances(["0.02", "DI=0.1", "RD = 0.05"])

    assert [found.of(name) for name in ("DPPL", "RD", "DI", "TE")] == [0.02, 0.05, 0.1, None]


@pytest.mark.parametrize(
    ("texts", "received"),
    [(["much"], "much"), (["-0.1"], "-0.1"), (["DI="], "DI="), (["FT=0.1"], "FT=0.1"), (["=0.1"], "=0.1"),
     (["0.1", "0.2"], "0.2"), (["nan"], "nan")],
)  # fmt: skip
def test_a_tolerance_that_cannot_be_read_is_quoted(texts, received):
    with pytest.raises(ConfigError, match=rf"--tolerance: received {received}  \[CMP-TOLERANCE\]"):
        parse_tolerances(texts)


def test_an_unused_tolerance_is_said():
    table = joint()
    runs = both(table, metrics=("DPPL",))
    comparison = compare_results(*runs, paired_rows(table), Tolerances(by_metric=(("DI", 0.1),)))

    assert [notice.code for notice in comparison.notices] == ["CMP-UNUSED-TOLERANCE"]
