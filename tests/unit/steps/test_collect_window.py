"""A window of live data becomes one file and a config that the ordinary line runs, whatever files it lay in."""

import base64
import csv
import gzip
import io
import json
from dataclasses import replace
from datetime import UTC, datetime

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from clarify.config.monitor import read_monitor
from clarify.config.parse import parse_analysis_config
from clarify.config.settings import RunSettings
from clarify.data import storage
from clarify.data.window_files import window_fingerprint
from clarify.errors import ConfigError, DataError
from clarify.records import Window, WindowCounts
from clarify.steps.collect_window import collect_window
from clarify.steps.line import run_analysis
from clarify.steps.plan import AnalysisRequest

WINDOW = Window("2026-11-01T10:00:00Z", "2026-11-01T11:00:00Z")
NOW = datetime(2026, 11, 1, 11, 0, tzinfo=UTC)
CONFIG = {
    "dataset_type": "text/csv",
    "headers": ["age", "sex", "income", "approved"],
    "label": "approved",
    "label_values_or_threshold": [1],
    "facet": [{"name_or_index": 1, "value_or_threshold": ["f"]}],
    "group_variable": "age",
    "methods": {"pre_training_bias": {"methods": ["DPL"]}, "post_training_bias": {"methods": ["DPPL", "RD"]}},
    "predictor": {"model_name": "models:/m/1"},
}


def config(**changes):
    return parse_analysis_config(json.dumps({k: v for k, v in {**CONFIG, **changes}.items() if v is not None})).config


def monitor(root, *, kind="bias-drift", layout="capture", **changes):
    document = {
        "version": "1.0", "name": "loans", "kind": kind, "schedule": {"cron": "0 * * * *"},
        "window": {"uri": f"{root}/live", "layout": layout, "length": "PT1H"},
        "config": "c", "reference": "r", "output": "o", **changes,
    }  # fmt: skip
    if layout == "table":
        document["window"]["time_column"] = "seen_at"
    if kind in ("bias-drift", "model-quality") and layout != "table":
        document.setdefault("ground_truth", {"uri": f"{root}/truth", "lateness": "PT1H", "duplicates": "first"})
    if kind == "attribution-drift":
        document["model"] = "models:/m/1"
    return read_monitor(json.dumps(document).encode()).monitor


def captured(event, time, asked, answered, *, inference=None, encoding="CSV", content_type="text/csv"):
    metadata = {"eventId": event, "inferenceTime": time}
    metadata |= {} if inference is None else {"inferenceId": inference}
    payloads = {
        name: {"observedContentType": content_type, "mode": mode, "data": data, "encoding": encoding}
        for name, mode, data in (("endpointInput", "INPUT", asked), ("endpointOutput", "OUTPUT", answered))
        if data is not None
    }
    return {"captureData": payloads, "eventMetadata": metadata, "eventVersion": "0"}


def labelled(event, data, encoding="CSV"):
    return {"groundTruthData": {"data": data, "encoding": encoding}, "eventMetadata": {"eventId": event},
            "eventVersion": "0"}


def write(uri, lines):
    content = b"".join((line if isinstance(line, bytes) else orjson.dumps(line)) + b"\n" for line in lines)
    storage.write_bytes(uri, gzip.compress(content) if uri.endswith(".gz") else content)


def capture_file(root, lines, *, hour="10", name="a.jsonl", below="endpoint/AllTraffic/"):
    write(f"{root}/live/{below}2026/11/01/{hour}/{name}", lines)


def truth_file(root, lines, *, hour="10", name="labels.jsonl"):
    write(f"{root}/truth/2026/11/01/{hour}/{name}", lines)


def minute(n, second=0):
    return f"2026-11-01T10:{n:02d}:{second:02d}Z"


def collect(root, wanted=None, parsed=None, **changes):
    return collect_window(
        wanted or monitor(root), parsed or config(), WINDOW, folder_uri=f"{root}/out", now=NOW, **changes
    )


def rows_of(collected):
    content = storage.read_bytes(collected.data_uri)
    if collected.data_uri.endswith(".parquet"):
        return [dict(row) for row in pq.read_table(io.BytesIO(content)).to_pylist()]
    return list(csv.DictReader(io.StringIO(content.decode())))


def codes(collected):
    return {notice.code for notice in collected.notices}


def two_loans(root):
    capture_file(root, [
        captured("e1", minute(1), "40,f,007", "0.9"),
        captured("e2", minute(2), "30,m,", "0.2"),
    ])  # fmt: skip
    truth_file(root, [labelled("e1", "1"), labelled("e2", "0")])


# --- capture ----------------------------------------------------------------------------------------------------------


@pytest.fixture(params=["file", "memory", "s3"])
def root_of_any_kind(request, tmp_path):
    if request.param == "s3":
        return f"s3://{request.getfixturevalue('moto_server').create_bucket()}/prefix"
    return str(tmp_path) if request.param == "file" else f"memory://{tmp_path.name}"


def test_captured_csv_and_its_labels_become_one_file_of_text_as_it_stood(root_of_any_kind):
    root = root_of_any_kind
    two_loans(root)

    collected = collect(root)

    assert storage.read_bytes(collected.data_uri).decode() == (
        "age,sex,income,approved,predicted_label,score\n"
        "40,f,007,1,1,0.9\n"
        "30,m,,0,0,0.2\n"
    )  # fmt: skip
    assert collected.counts == WindowCounts(files=2, requests=2, rows=2, labels=2)
    assert (collected.label, collected.predicted_label, collected.score_column) == (
        "approved", "predicted_label", "score")  # fmt: skip
    assert collected.columns == ("age", "sex", "income", "approved", "predicted_label", "score")


def test_the_same_records_in_other_files_and_another_order_give_the_same_bytes_and_digest(tmp_path):
    lines = [captured(f"e{i}", minute(i % 3), f"{i},f,{i * 10}", f"0.{i}") for i in range(1, 9)]
    labels = [labelled(f"e{i}", str(i % 2)) for i in range(1, 9)]
    one, other = str(tmp_path / "one"), str(tmp_path / "other")
    capture_file(one, lines)
    truth_file(one, labels)
    capture_file(other, lines[5:][::-1], name="z.jsonl.gz")
    capture_file(other, lines[:5], name="b.jsonl", hour="11")
    truth_file(other, labels[3:], name="x.jsonl")
    truth_file(other, labels[:3], name="y.jsonl")

    first, second = collect(one), collect(other)

    assert storage.read_bytes(first.data_uri) == storage.read_bytes(second.data_uri)
    assert first.digest == second.digest
    assert [row["age"] for row in rows_of(first)] == ["3", "6", "1", "4", "7", "2", "5", "8"]


def test_another_value_gives_another_digest(tmp_path):
    one, other = str(tmp_path / "one"), str(tmp_path / "other")
    for root, income in ((one, "5"), (other, "")):
        capture_file(root, [captured("e1", minute(1), f"40,f,{income}", "0.9")])
        truth_file(root, [labelled("e1", "1")])

    assert collect(one).digest != collect(other).digest


def test_the_written_config_is_run_by_the_ordinary_line_as_it_is(tmp_path):
    root = str(tmp_path)
    people = [("f", 1, .9), ("f", 0, .6), ("f", 0, .1), ("f", 1, .2)] * 10 + [("m", 1, .8), ("m", 1, .7)] * 20
    capture_file(root, [
        captured(f"e{i:03}", minute(i % 60), f"{20 + i % 7},{sex},{i}", str(score))
        for i, (sex, _, score) in enumerate(people)
    ])  # fmt: skip
    truth_file(root, [labelled(f"e{i:03}", str(label)) for i, (_, label, _) in enumerate(people)])
    collected = collect(root)

    published = run_analysis(AnalysisRequest(collected.config_uri, f"{root}/analysis", RunSettings(workers=1)))

    found = json.loads(storage.read_bytes(f"{published.output_uri}/analysis.json"))
    pre = found["pre_training_bias_metrics"]["facets"]["sex"][0]["metrics"]
    post = found["post_training_bias_metrics"]["facets"]["sex"][0]["metrics"]
    # All 40 men have label 1, and half of the 40 women; 40 men are predicted 1, and half of the women.
    assert {m["name"]: m["value"] for m in pre} == {"DPL": 0.5}
    # Of the 20 women with label 1 half are predicted 1, of the men all: 1 - 0.5.
    assert {m["name"]: m["value"] for m in post} == {"DPPL": 0.5, "RD": 0.5}


def test_a_bias_window_asks_for_the_same_metrics_of_the_same_groups_and_for_no_model(tmp_path):
    two_loans(str(tmp_path))

    written = json.loads(storage.read_bytes(collect(str(tmp_path)).config_uri))

    assert written == {
        "version": "1.0",
        "dataset_type": "text/csv",
        "dataset_uri": f"{tmp_path}/out/rows.csv",
        "headers": ["age", "sex", "income", "approved", "predicted_label", "score"],
        "label": "approved",
        "predicted_label": "predicted_label",
        "label_values_or_threshold": [1],
        "facet": [{"name_or_index": "sex", "value_or_threshold": ["f"]}],
        "methods": CONFIG["methods"],
        "group_variable": "age",
        "excluded_columns": ["score"],
    }


def test_records_outside_undated_and_in_the_future_are_counted_and_left_out(tmp_path):
    root = str(tmp_path)
    two_loans(root)
    capture_file(root, [
        captured("before", "2026-11-01T09:59:59.999Z", "1,f,1\n2,f,2", "0.1\n0.2"),     # two records
        captured("at-the-end", "2026-11-01T11:00:00Z", "1,f,1", "0.1"),
        captured("1970", 0, "1,f,1", "0.1"),
        captured("no-time", "yesterday", "1,f,1", "0.1"),
        captured("skewed", "2026-11-01T11:05:01Z", "1,f,1", "0.1"),
        captured("zoned", "2026-11-01T12:30:00+02:00", "50,m,1", "0.1"),
    ], name="strange.jsonl", hour="09")  # fmt: skip
    truth_file(root, [labelled("zoned", "0")], name="more.jsonl")

    collected = collect(root)

    assert [row["age"] for row in rows_of(collected)] == ["40", "30", "50"]
    assert (collected.counts.outside, collected.counts.undated, collected.counts.future) == (4, 1, 1)
    assert {"WINDOW-UNDATED", "WINDOW-FUTURE"} <= codes(collected)


def test_a_time_without_a_zone_is_utc_and_told(tmp_path):
    capture_file(str(tmp_path), [captured("e1", "2026-11-01T10:30:00", "40,f,1", "0.9")])
    truth_file(str(tmp_path), [labelled("e1", "1")])

    collected = collect(str(tmp_path))

    assert collected.counts.rows == 1
    assert "WINDOW-NAIVE-TIME" in codes(collected)


@pytest.mark.parametrize(("policy", "kept"), [("first", "40"), ("last", "41")])
def test_an_event_that_was_captured_twice_counts_once(policy, kept, tmp_path):
    root = str(tmp_path)
    capture_file(root, [
        captured("e2", minute(9), "41,f,1", "0.9", inference="i"),
        captured("e1", minute(1), "40,f,1", "0.9", inference="i"),
    ])  # fmt: skip
    truth_file(root, [labelled("i", "1")])

    collected = collect(root, monitor(root, duplicates=policy))

    assert [row["age"] for row in rows_of(collected)] == [kept]
    assert collected.counts.duplicates == 1


def test_an_event_that_was_captured_twice_ends_the_run_where_the_monitor_says_so(tmp_path):
    root = str(tmp_path)
    capture_file(root, [captured("e1", minute(m), "40,f,1", "0.9") for m in (1, 2)])

    with pytest.raises(DataError, match=r"duplicates: received 1 requests .*'e1'  \[WINDOW-DUPLICATE-EVENT\]"):
        collect(root, monitor(root, duplicates="fail"))


def test_a_truncated_line_is_counted_and_one_in_nineteen_ends_the_run(tmp_path):
    root = str(tmp_path)
    lines = [captured(f"e{i:02}", minute(i), "40,f,1", "0.9") for i in range(19)]
    truth_file(root, [labelled(f"e{i:02}", "1") for i in range(19)])
    capture_file(root, [*lines, b'{"captureData": {"endpointInp'])
    collected = collect(root)
    assert (collected.counts.rows, collected.counts.unreadable) == (19, 1)
    assert "WINDOW-UNREADABLE" in codes(collected)

    capture_file(root, [*lines[:18], b'{"captureData": {"endpointInp'])

    with pytest.raises(DataError, match=r"1 of 19 lines .*line 19.*\[WINDOW-UNREADABLE\]"):
        collect(root)


def test_json_that_is_nested_without_end_is_no_record(tmp_path):
    root = str(tmp_path)
    capture_file(root, [*(captured(f"e{i:02}", minute(i), "40,f,1", "0.9") for i in range(30)), b"[" * 10_000])
    truth_file(root, [labelled("e01", "1")])

    assert collect(root).counts.unreadable == 1


def test_other_numbers_of_features_are_told_all_at_once(tmp_path):
    root = str(tmp_path)
    capture_file(root, [
        captured("e1", minute(1), "40,f", "0.9"), captured("e2", minute(2), "40,f", "0.9"),
        captured("e3", minute(3), "40,f,1,2", "0.9"), captured("e4", minute(4), "40,f,1", "0.9"),
        captured("e5", minute(5), None, "0.9"),
    ])  # fmt: skip

    with pytest.raises(DataError) as caught:
        collect(root)

    (problem,) = caught.value.problems
    assert problem.code == "WINDOW-FEATURES"
    assert problem.received == (
        "2 of 5 records with 2 values; 1 of 5 records with 4 values; 1 of 5 records with no features")
    assert problem.allowed == "3 features: 'age', 'sex', 'income'"


def test_nothing_in_the_window_is_no_error(tmp_path):
    root = str(tmp_path)
    capture_file(root, [captured("e1", "2026-11-01T09:30:00Z", "40,f,1", "0.9")], hour="09")

    collected = collect(root)

    assert collected.data_uri is None
    assert (collected.counts.rows, collected.counts.outside, collected.counts.labels) == (0, 1, 0)
    assert storage.exists(collected.config_uri)


def test_a_prefix_where_nothing_is_gives_an_empty_window_and_says_so(tmp_path):
    collected = collect(str(tmp_path))

    assert (collected.data_uri, collected.counts.files) == (None, 0)
    assert "WINDOW-NOTHING-THERE" in codes(collected)


@pytest.mark.parametrize("below", ["", "variant/", "endpoint/variant/"])
def test_the_prefix_may_or_may_not_name_endpoint_and_variant(below, tmp_path):
    capture_file(str(tmp_path), [captured("e1", minute(1), "40,f,1", "0.9")], below=below)
    truth_file(str(tmp_path), [labelled("e1", "1")])

    assert collect(str(tmp_path)).counts.rows == 1


# --- encodings --------------------------------------------------------------------------------------------------------


def test_quotes_line_breaks_and_empty_texts_survive(tmp_path):
    root = str(tmp_path)
    capture_file(root, [captured("e1", minute(1), '"40","a ""b"",\nc",""\r\n41,m,\r\n', "0.9\n0.1\n")])
    truth_file(root, [labelled("e1", "1\n0")])

    content = storage.read_bytes(collect(root).data_uri).decode()

    assert content == 'age,sex,income,approved,predicted_label,score\n40,"a ""b"",\nc","",1,1,0.9\n41,m,,0,0,0.1\n'


def test_base64_is_read_by_its_content_type_and_by_its_first_sign(tmp_path):
    root = str(tmp_path)

    def packed(text):
        return base64.b64encode(text.encode()).decode()

    capture_file(root, [
        captured("e1", minute(1), packed("40,f,1"), packed("0.9"), encoding="BASE64", content_type="text/csv"),
        captured("e2", minute(2), packed("41,f,1"), packed("0.9"), encoding="BASE64", content_type="x/unknown"),
    ])  # fmt: skip
    truth_file(root, [labelled("e1", "1"), labelled("e2", "1")])

    assert [row["age"] for row in rows_of(collect(root))] == ["40", "41"]


def test_json_of_several_records_keeps_types_and_missing_values(tmp_path):
    root = str(tmp_path)
    asked = json.dumps({"instances": [{"features": [40, "007", 1.5]}, {"features": [None, "8", 2.0]}]})
    answered = json.dumps({"predictions": [{"predicted_label": 1, "score": 0.9}, {"predicted_label": 0, "score": 0.7}]})
    truth = json.dumps({"instances": [{"label": 1}, {"label": 0}]})
    capture_file(root, [captured("e1", minute(1), asked, answered, encoding="JSON", content_type="application/json")])
    truth_file(root, [labelled("e1", truth, "JSON")])
    parsed = config(
        dataset_type="application/json", features="instances[*].features", label="instances[*].label",
        predictor={"model_name": "m", "content_type": "application/json", "accept_type": "application/json",
                   "content_template": '{"instances":$records}', "record_template": '{"features":$features}',
                   "label": "predictions[*].predicted_label", "probability": "predictions[*].score"},
    )  # fmt: skip

    collected = collect(root, parsed=parsed)

    assert rows_of(collected) == [
        {"age": 40, "sex": "007", "income": 1.5, "approved": 1, "predicted_label": 1, "score": 0.9},
        {"age": None, "sex": "8", "income": 2.0, "approved": 0, "predicted_label": 0, "score": 0.7},
    ]
    assert json.loads(storage.read_bytes(collected.config_uri))["dataset_type"] == "application/x-parquet"


def test_objects_are_read_by_their_keys_and_a_new_key_is_refused(tmp_path):
    root = str(tmp_path)
    asked = [{"sex": "f", "age": 40, "income": 1}, {"age": 41, "sex": "m"}]
    capture_file(root, [
        captured(f"e{i}", minute(i), json.dumps({"row": row}), "0.9", encoding="JSON") for i, row in enumerate(asked)
    ])  # fmt: skip
    wanted = monitor(root, kind="data-quality", attributes={"features_attribute": "row"})
    assert rows_of(collect(root, wanted)) == [
        {"age": 40, "sex": "f", "income": 1}, {"age": 41, "sex": "m", "income": None}]  # fmt: skip

    renamed = {"sex": "f", "age": 40, "salary": 1}
    capture_file(root, [captured("e1", minute(1), json.dumps({"row": renamed}), "0.9", encoding="JSON")])

    with pytest.raises(DataError, match=r"a feature 'salary' besides; 1 of 1 records with no feature 'income'"):
        collect(root, wanted)


def test_requests_of_json_need_the_path_of_the_features(tmp_path):
    capture_file(str(tmp_path), [captured("e1", minute(1), "[1, 2, 3]", "0.9", encoding="JSON")])

    with pytest.raises(ConfigError, match=r"attributes.features_attribute: received nothing"):
        collect(str(tmp_path))


# --- predictions ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("attributes", "answer", "predicted", "score"),
    [
        ({}, "0.5", "0", "0.5"),                                                        # not above the default
        ({"probability_threshold_attribute": 0.4}, "0.5", "1", "0.5"),
        ({"inference_attribute": "0"}, "1,0.1", "1", None),
        ({"inference_attribute": "0", "probability_attribute": "1"}, "1,0.1", "1", "0.1"),
        ({"probability_attribute": "1"}, "x,0.7", "1", "0.7"),
        ({"probability_attribute": "1"}, 'x,"[0.2, 0.8]"', "1", "0.8"),
    ],
)
def test_label_and_score_are_where_the_attributes_say(attributes, answer, predicted, score, tmp_path):
    root = str(tmp_path)
    capture_file(root, [captured("e1", minute(1), "40,f,1", answer)])
    truth_file(root, [labelled("e1", "1")])

    (row,) = rows_of(collect(root, monitor(root, attributes=attributes)))

    assert (row["predicted_label"], row.get("score")) == (predicted, score)


def test_of_several_scores_with_a_label_list_the_largest_names_the_class(tmp_path):
    root = str(tmp_path)
    capture_file(root, [
        captured("e1", minute(1), "40,f,1", "0.2,0.5,0.3"), captured("e2", minute(2), "40,f,1", "0.2,0.1,0.7")])
    truth_file(root, [labelled("e1", "b"), labelled("e2", "a")])
    predictor = {"model_name": "m", "label_headers": ["a", "b", "c"]}
    parsed = config(label_values_or_threshold=["b", "c"], predictor=predictor)

    rows = rows_of(collect(root, parsed=parsed))

    assert [row["predicted_label"] for row in rows] == ["b", "c"]
    assert [float(row["score"]) for row in rows] == pytest.approx([0.8, 0.8], abs=1e-12)     # b and c together


def test_a_score_predicts_the_words_of_the_label(tmp_path):
    root = str(tmp_path)
    capture_file(root, [captured(f"e{i}", minute(i), "40,f,1", score) for i, score in enumerate(("0.9", "0.1"))])
    truth_file(root, [labelled("e0", "bad"), labelled("e1", "good")])

    rows = rows_of(collect(root, parsed=config(label_values_or_threshold=["good"])))

    assert [row["predicted_label"] for row in rows] == ["good", "bad"]


def test_a_column_of_the_name_predicted_label_keeps_it(tmp_path):
    root = str(tmp_path)
    capture_file(root, [captured("e1", minute(1), "40,f,1", "0.9")])
    truth_file(root, [labelled("e1", "1")])

    collected = collect(root, parsed=config(headers=["Predicted_Label", "sex", "score", "approved"],
                                            group_variable=None))

    assert collected.columns == ("Predicted_Label", "sex", "score", "approved", "predicted_label_2", "score_2")


def test_an_answer_that_is_missing_leaves_the_prediction_missing(tmp_path):
    root = str(tmp_path)
    capture_file(root, [captured("e1", minute(1), "40,f,1", "0.9"), captured("e2", minute(2), "41,f,1", None)])
    truth_file(root, [labelled("e1", "1"), labelled("e2", "1")])

    collected = collect(root)

    assert [row["predicted_label"] for row in rows_of(collected)] == ["1", ""]
    assert "WINDOW-MISSING-PREDICTIONS" in codes(collected)


def test_answers_that_are_never_captured_are_an_error(tmp_path):
    root = str(tmp_path)
    capture_file(root, [captured("e1", minute(1), "40,f,1", None)])
    truth_file(root, [labelled("e1", "1")])

    with pytest.raises(DataError, match="WINDOW-NO-PREDICTIONS"):
        collect(root)


# --- labels -----------------------------------------------------------------------------------------------------------


def test_labels_are_joined_by_inference_id_and_what_is_left_out_is_counted(tmp_path):
    root = str(tmp_path)
    capture_file(root, [
        captured("e1", minute(1), "40,f,1", "0.9", inference="i1"),
        captured("e2", minute(2), "41,f,1", "0.9"),
        captured("e3", minute(3), "42,f,1", "0.9"),
        captured("e4", minute(4), "43,f,1", "0.9"),
    ])  # fmt: skip
    truth_file(root, [labelled("i1", "1"), labelled("e1", "0"), labelled("nobody", "1"), labelled("e4", "")])
    truth_file(root, [labelled("e2", "0")], hour="11")
    # Lateness is an hour: labels from 12:00 on are late for e3, which happened at 10:03.
    truth_file(root, [labelled("e3", "1")], hour="12")

    collected = collect(root)

    assert [(row["age"], row["approved"]) for row in rows_of(collected)] == [("40", "1"), ("41", "0")]
    assert collected.counts == WindowCounts(files=3, requests=4, rows=2, labels=2, unlabelled=2, orphan_labels=2)
    assert collected.counts.join_rate == 0.5


def test_a_label_that_came_after_its_lateness_is_counted_and_not_used(tmp_path):
    root = str(tmp_path)
    capture_file(root, [captured("e1", minute(1), "40,f,1", "0.9"), captured("e2", minute(40), "41,f,1", "0.9")])
    truth_file(root, [labelled("e1", "1"), labelled("e2", "1")], hour="11")
    wanted = monitor(root, ground_truth={"uri": f"{root}/truth", "lateness": "PT30M"})

    collected = collect(root, wanted)

    # Of 10:01 half an hour ends at 10:31, of 10:40 at 11:10.
    assert [row["age"] for row in rows_of(collected)] == ["41"]
    assert (collected.counts.late_labels, collected.counts.unlabelled) == (1, 1)


@pytest.mark.parametrize(("policy", "label"), [("first", "0"), ("last", "1")])
def test_of_several_labels_the_first_or_the_last_collected_counts(policy, label, tmp_path):
    root = str(tmp_path)
    capture_file(root, [captured("e1", minute(1), "40,f,1", "0.9")])
    truth_file(root, [labelled("e1", "1")], hour="11", name="a.jsonl")
    truth_file(root, [labelled("e1", "0")], hour="10", name="b.jsonl")
    wanted = monitor(root, ground_truth={"uri": f"{root}/truth", "lateness": "PT1H", "duplicates": policy})

    collected = collect(root, wanted)

    assert [row["approved"] for row in rows_of(collected)] == [label]
    assert collected.counts.duplicate_labels == 1


def test_several_labels_of_one_event_end_the_run_by_default(tmp_path):
    root = str(tmp_path)
    capture_file(root, [captured("e1", minute(1), "40,f,1", "0.9")])
    truth_file(root, [labelled("e1", "1"), labelled("e1", "0")])

    with pytest.raises(DataError, match=r"1 events with several labels: 'e1'  \[WINDOW-DUPLICATE-LABEL\]"):
        collect(root, monitor(root, ground_truth={"uri": f"{root}/truth"}))


@pytest.mark.parametrize(("data", "encoding"), [("1\n0", "CSV"), ("1,0", "CSV"), ("[1, 0]", "JSON"), ("1\n0", "JSON")])
def test_a_request_of_several_records_has_a_label_for_each(data, encoding, tmp_path):
    root = str(tmp_path)
    capture_file(root, [captured("e1", minute(1), "40,f,1\n41,m,2", "0.9\n0.1")])
    truth_file(root, [labelled("e1", data, encoding)])

    collected = collect(root)

    assert [row["approved"] for row in rows_of(collected)] == ["1", "0"]
    assert (collected.counts.requests, collected.counts.rows) == (1, 2)


def test_merged_lines_are_those_of_the_merge_job(tmp_path):
    root = str(tmp_path)
    line = captured("e1", minute(1), "40,f,1", "0.9", inference="i1")
    capture_file(root, [line, captured("e2", minute(2), "41,f,1", "0.9")])
    truth_file(root, [labelled("i1", "1")])

    collected = collect(root)

    assert collected.merge_uri == f"{root}/out/merge/part-00000.jsonl"
    merged = [json.loads(text) for text in storage.read_bytes(collected.merge_uri).splitlines()]
    assert merged == [{
        "eventVersion": "0",
        "groundTruthData": {"data": "1", "encoding": "CSV"},
        "captureData": line["captureData"],
        "eventMetadata": {"eventId": "e1", "inferenceId": "i1", "inferenceTime": minute(1)},
    }]  # fmt: skip


# --- kinds ------------------------------------------------------------------------------------------------------------


def test_attribution_drift_has_features_and_shap_alone(tmp_path):
    root = str(tmp_path)
    capture_file(root, [captured("e1", minute(1), "40,f,1", "0.9")])
    shap = {"baseline": [[1, "m", 2]], "num_samples": 50, "agg_method": "median", "features_to_explain": [0, "sex"]}

    collected = collect(root, monitor(root, kind="attribution-drift"), config(methods={"shap": shap}),
                        shap_baseline="s3://b/x.csv")

    written = json.loads(storage.read_bytes(collected.config_uri))
    assert (collected.columns, collected.label, collected.counts.labels) == (("age", "sex", "income"), None, None)
    assert written["methods"] == {"shap": {**shap, "baseline": "s3://b/x.csv", "features_to_explain": ["age", "sex"]}}
    assert written["predictor"] == {"model_name": "models:/m/1"}
    assert "label" not in written


def test_excluded_features_are_left_out(tmp_path):
    root = str(tmp_path)
    capture_file(root, [captured("e1", minute(1), "40,f,1", "0.9")])
    wanted = monitor(root, kind="data-quality", attributes={"exclude_features_attribute": "0, income"})

    assert rows_of(collect(root, wanted)) == [{"sex": "f"}]


def test_a_single_column_with_missing_values_keeps_its_rows(tmp_path):
    root = str(tmp_path)
    incomes = ("1", "", "3")
    capture_file(root, [captured(f"e{i}", minute(i), f"40,f,{income}", "0.9") for i, income in enumerate(incomes)])
    wanted = monitor(root, kind="data-quality", attributes={"exclude_features_attribute": "age,sex"})

    assert rows_of(collect(root, wanted)) == [{"income": 1}, {"income": None}, {"income": 3}]


def test_a_facet_that_is_not_captured_is_refused_before_anything_is_read(tmp_path):
    parsed = config(excluded_columns=["sex"])

    with pytest.raises(ConfigError, match=r"facet\[0\].name_or_index: received 1  \[CFG-MONITOR-COLUMN\]"):
        collect(str(tmp_path), parsed=parsed)


# --- tables -----------------------------------------------------------------------------------------------------------


TABLE = "seen_at,age,sex,income,approved,guess,eventId\n"


def test_rows_of_a_csv_table_are_those_of_the_window(tmp_path):
    root = str(tmp_path)
    storage.write_bytes(f"{root}/live/a.csv", (
        TABLE + "2026-11-01T10:30:00Z,40,f,007,1,0,a\n2026-11-01T09:59:59Z,1,f,1,1,1,b\n"
        f"{1793529000},41,m,,0,1,c\n2026-11-01T11:00:00Z,1,f,1,1,1,d\nsoon,1,f,1,1,1,e\n"
    ).encode())  # fmt: skip
    storage.write_bytes(f"{root}/live/b.csv", (
        TABLE + "2026-11-01T11:10:00+01:00,42,f,5,,1,f\n2026-11-01 10:40,43,m,9,1,1,g\n2030-01-01,1,f,1,1,1,h\n"
        "2026-11-01T10:50:00Z,40,f,8,1,0,a\n"
    ).encode())  # fmt: skip
    wanted = monitor(root, layout="table", attributes={"inference_attribute": "guess"})

    collected = collect(root, wanted)

    assert storage.read_bytes(collected.data_uri).decode() == (
        "age,sex,income,approved,predicted_label\n"
        "40,f,007,1,0\n"            # 1793529000 is 10:30 too; a comes before c
        "41,m,,0,1\n"
        "43,m,9,1,1\n"
    )  # fmt: skip
    assert collected.counts == WindowCounts(
        files=2, requests=4, rows=3, outside=2, undated=1, future=1, duplicates=1, labels=3, unlabelled=1)
    assert "WINDOW-NAIVE-TIME" in codes(collected)


@pytest.mark.parametrize("zone", ["UTC", "Asia/Tokyo", None])
def test_a_parquet_table_keeps_its_types_and_row_groups_outside_are_not_read(zone, tmp_path):
    root = str(tmp_path)
    hours = [datetime(2026, 11, 1, h, m, tzinfo=UTC) for h, m in ((8, 0), (9, 0), (10, 10), (10, 20), (12, 0), (13, 0))]
    seen = pa.array([h.replace(tzinfo=None) for h in hours], pa.timestamp("ms"))
    table = pa.table({
        "seen_at": seen.cast(pa.timestamp("ms", "UTC")).cast(pa.timestamp("ms", zone)) if zone else seen,
        "age": [1, 2, 3, 4, 5, 6], "sex": ["1"] * 6, "income": [0.5] * 6, "approved": [0, 1] * 3, "p": [0.2, 0.7] * 3,
    })  # fmt: skip
    sink = io.BytesIO()
    pq.write_table(table, sink, row_group_size=2)
    storage.write_bytes(f"{root}/live/a.parquet", sink.getvalue())
    wanted = monitor(root, layout="table", attributes={"probability_attribute": "p"})

    collected = collect_window(wanted, config(facet=[{"name_or_index": "sex"}]), WINDOW, folder_uri=f"{root}/out",
                               now=datetime(2026, 11, 1, 14, tzinfo=UTC))

    assert rows_of(collected) == [
        {"age": 3, "sex": "1", "income": 0.5, "approved": 0, "predicted_label": 0, "score": 0.2},
        {"age": 4, "sex": "1", "income": 0.5, "approved": 1, "predicted_label": 1, "score": 0.7},
    ]
    assert (collected.counts.outside, collected.counts.rows) == (4, 2)
    assert ("WINDOW-NAIVE-TIME" in codes(collected)) == (zone is None)


def test_columns_that_a_table_lost_are_told_all_at_once(tmp_path):
    root = str(tmp_path)
    storage.write_bytes(f"{root}/live/a.csv", b"seen_at,age,gender,approved,guess\n2026-11-01T10:30:00Z,40,f,1,0\n")

    with pytest.raises(DataError) as caught:
        collect(root, monitor(root, layout="table", attributes={"inference_attribute": "gess"}))

    assert {(p.code, p.field, p.received.split(",")[0]) for p in caught.value.problems} == {
        ("WINDOW-COLUMNS", "headers", '"sex"'), ("WINDOW-COLUMNS", "headers", '"income"'),
        ("WINDOW-COLUMNS", "attributes.inference_attribute", '"gess"'),
    }  # fmt: skip


def test_every_file_without_the_time_column_is_named(tmp_path):
    root = str(tmp_path)
    for name in ("a", "b"):
        storage.write_bytes(f"{root}/live/{name}.csv", b"when,age,sex\n2026-11-01T10:30:00Z,40,f\n")

    with pytest.raises(DataError) as caught:
        collect(root, monitor(root, layout="table"))

    assert [problem.code for problem in caught.value.problems] == ["WINDOW-TIME-COLUMN"] * 2


def test_labels_that_come_later_are_joined_to_a_table_by_event(tmp_path):
    root = str(tmp_path)
    storage.write_bytes(f"{root}/live/a.csv", (
        b"seen_at,age,sex,income,guess,eventId\n2026-11-01T10:30:00Z,40,f,1,0,a\n2026-11-01T10:31:00Z,41,f,1,0,b\n"
    ))  # fmt: skip
    truth_file(root, [labelled("b", "1")])
    wanted = monitor(root, layout="table", attributes={"inference_attribute": "guess"},
                     ground_truth={"uri": f"{root}/truth", "lateness": "PT1H"})

    collected = collect(root, wanted)

    assert [(row["age"], row["approved"]) for row in rows_of(collected)] == [("41", "1")]
    assert collected.counts.unlabelled == 1


# --- batch transform --------------------------------------------------------------------------------------------------


def batch_line(event, time, features, output):
    return {"SageMakerOutput": output, "features": features, "SageMakerInferenceId": event,
            "SageMakerInferenceTime": time}


def test_the_files_that_a_manifest_names_are_read_where_they_lie(tmp_path):
    root = str(tmp_path)
    write(f"{root}/elsewhere/part.jsonl.out", [
        batch_line("b1", minute(1), [40, "f", 1], {"predicted_label": 1, "score": 0.9}),
        batch_line("b2", minute(2), [41, "m", None], {"predicted_label": 0, "score": 0.3}),
        batch_line("b3", "2026-11-01T08:00:00Z", [41, "m", None], {"predicted_label": 0, "score": 0.3}),
    ])  # fmt: skip
    manifest = json.dumps([{"prefix": f"{root}/elsewhere/"}, "/part.jsonl.out"]).encode()
    storage.write_bytes(f"{root}/live/output/2026/11/01/10/x.json", manifest)
    truth_file(root, [labelled("b1", "1"), labelled("b2", "0")])
    wanted = monitor(root, layout="batch-transform", attributes={
        "features_attribute": "features", "inference_attribute": "SageMakerOutput.predicted_label",
        "probability_attribute": "SageMakerOutput.score"})  # fmt: skip

    collected = collect(root, wanted)

    assert rows_of(collected) == [
        {"age": 40, "sex": "f", "income": 1, "approved": 1, "predicted_label": 1, "score": 0.9},
        {"age": 41, "sex": "m", "income": None, "approved": 0, "predicted_label": 0, "score": 0.3},
    ]
    assert collected.counts.outside == 1


def test_output_lines_of_csv_end_with_id_and_time(tmp_path):
    root = str(tmp_path)
    write(f"{root}/live/rows.csv.out", [b"40,f,1,0.9,b1," + minute(1).encode(), b"41,m,,0.2,b2," + minute(2).encode()])
    truth_file(root, [labelled("b1", "1"), labelled("b2", "0")])

    collected = collect(root, monitor(root, layout="batch-transform"))

    assert [(row["income"], row["score"]) for row in rows_of(collected)] == [("1", "0.9"), ("", "0.2")]
    (first, _) = [json.loads(line) for line in storage.read_bytes(collected.merge_uri).splitlines()]
    assert first["captureData"]["batchTransformOutput"] == {"data": f"40,f,1,0.9,b1,{minute(1)}", "encoding": "CSV"}
    assert first["eventMetadata"] == {"eventId": "b1"}


def test_a_manifest_may_not_lead_to_another_kind_of_place(tmp_path):
    root = f"memory://{tmp_path.name}"
    storage.write_bytes(f"{root}/live/output/2026/11/01/10/x.json", b'[{"prefix": "file:///etc/"}, "passwd"]')

    with pytest.raises(DataError, match="WINDOW-MANIFEST"):
        collect(root, monitor(root, layout="batch-transform"))


def test_the_input_alone_serves_where_no_answers_are_read(tmp_path):
    root = str(tmp_path)
    write(f"{root}/rows.csv", [b"40,f,1", b"41,m,2"])
    manifest = json.dumps([{"prefix": f"{root}/"}, "rows.csv"]).encode()
    storage.write_bytes(f"{root}/live/input/2026/11/01/10/x.json", manifest)

    collected = collect(root, monitor(root, layout="batch-transform", kind="data-quality"))

    assert [row["age"] for row in rows_of(collected)] == ["40", "41"]


# --- fingerprint ------------------------------------------------------------------------------------------------------


def test_the_fingerprint_changes_with_the_files_that_can_touch_the_window_and_with_no_others(tmp_path):
    root = str(tmp_path)
    two_loans(root)
    wanted = monitor(root)
    before = window_fingerprint(wanted, WINDOW)

    capture_file(root, [captured("z", minute(1), "1,f,1", "0.9")], hour="14")
    truth_file(root, [labelled("z", "1")], hour="12")
    assert window_fingerprint(wanted, WINDOW) == before

    truth_file(root, [labelled("e2", "1")], hour="11")
    late_label = window_fingerprint(wanted, WINDOW)
    assert late_label != before
    capture_file(root, [captured("late", minute(1), "1,f,1", "0.9")], hour="11")
    assert window_fingerprint(wanted, WINDOW) != late_label


def test_a_window_of_some_hours_lists_by_day_what_it_needs(tmp_path):
    root = str(tmp_path)
    for hour in ("00", "10", "23"):
        capture_file(root, [captured(f"e{hour}", f"2026-11-01T{hour}:30:00Z", "40,f,1", "0.9")], hour=hour)
    day = Window("2026-11-01T02:00:00Z", "2026-11-01T22:30:00Z")
    wanted = monitor(root, kind="data-quality")

    collected = collect_window(wanted, config(), day, folder_uri=f"{root}/out",
                               now=datetime(2026, 11, 2, tzinfo=UTC))

    # 23 is the neighbour of 22; 00 lies two hours before the start.
    assert (collected.counts.files, collected.counts.rows, collected.counts.outside) == (2, 1, 1)


def test_the_digest_does_not_depend_on_where_it_is_written(tmp_path):
    two_loans(str(tmp_path))

    one = collect(str(tmp_path))
    other = collect_window(monitor(str(tmp_path)), config(), WINDOW, folder_uri=f"{tmp_path}/there", now=NOW)

    assert replace(one, data_uri="", config_uri="", merge_uri="") == replace(
        other, data_uri="", config_uri="", merge_uri="")
