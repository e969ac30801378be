"""A monitor document is read whole or refused with every problem at once."""

import json

import jsonschema
import pytest

from clarify.config.monitor import monitor_schema, read_monitor
from clarify.errors import ConfigError

MONITOR = {
    "version": "1.0",
    "name": "loans-bias",
    "kind": "bias-drift",
    "schedule": {"cron": "0 * * * *", "timezone": "Europe/Berlin"},
    "window": {"uri": "s3://live/capture", "layout": "capture", "length": "PT1H"},
    "ground_truth": {"uri": "s3://live/labels", "lateness": "P1D", "duplicates": "last"},
    "config": "s3://docs/analysis_config.json",
    "reference": "s3://docs/analysis.json",
    "output": "s3://reports/loans",
}


def document(**changes):
    kept = {key: value for key, value in {**MONITOR, **changes}.items() if value is not None}
    return json.dumps(kept).encode()


def problems(**changes):
    with pytest.raises(ConfigError) as caught:
        read_monitor(document(**changes))
    return {problem.field: problem for problem in caught.value.problems}


def test_a_monitor_is_read_with_its_defaults():
    monitor = read_monitor(document()).monitor

    assert (monitor.rule, monitor.alarms_per_month, monitor.work_pool) == ("decision", 1.0, None)
    assert monitor.ground_truth.duplicates == "last"


def test_yaml_and_json_of_one_monitor_have_one_digest():
    yaml_text = b"""
version: "1.0"
name: loans-bias
kind: bias-drift
schedule: {cron: "0 * * * *", timezone: Europe/Berlin}
window: {uri: "s3://live/capture", layout: capture, length: PT1H}
ground_truth: {uri: "s3://live/labels", lateness: P1D, duplicates: last}
config: s3://docs/analysis_config.json
reference: s3://docs/analysis.json
output: s3://reports/loans
"""

    assert read_monitor(yaml_text) == read_monitor(document())


@pytest.mark.parametrize(
    ("window", "start", "end"),
    [
        ({"length": "PT1H"}, -3600, 0),
        ({"length": "P1D", "offset_end": "-PT6H"}, -(86_400 + 21_600), -21_600),
        ({"offset_start": "-P8D", "offset_end": "-P1D"}, -8 * 86_400, -86_400),
    ],
)
def test_a_window_is_counted_back_from_the_run(window, start, end):
    read = read_monitor(document(window={"uri": "u", "layout": "capture", **window}, rule="sagemaker")).monitor.window

    assert (read.start_seconds, read.end_seconds) == (start, end)


def test_every_problem_is_told_at_once():
    found = problems(
        kind="bias_drift", name="a b", schedule={"cron": "cron(0 * ? * * *)", "timezone": "Mars/Olympus"},
        window={"uri": "u", "layout": "table"}, refrence="x", alarms_per_month=0,
    )  # fmt: skip

    assert {field: problem.code for field, problem in found.items()} == {
        "kind": "CFG-MONITOR-VALUE",
        "name": "CFG-MONITOR-VALUE",
        "schedule.cron": "CFG-MONITOR-VALUE",
        "window": "CFG-MONITOR-MISSING",
        "window.time_column": "CFG-MONITOR-MISSING",
        "refrence": "CFG-MONITOR-UNKNOWN-KEY",
        "alarms_per_month": "CFG-MONITOR-VALUE",
    }
    assert found["kind"].hint == "did you mean bias-drift?"
    assert found["refrence"].hint == "did you mean reference?"
    assert "leave out the last, and write * for ?" in found["schedule.cron"].hint


@pytest.mark.parametrize(
    ("changes", "field", "code"),
    [
        ({"schedule": {}}, "schedule", "MISSING"),
        ({"schedule": {"cron": "0 * * * *", "interval": "PT1H"}}, "schedule", "CONFLICT"),
        ({"schedule": {"interval": "PT5S"}}, "schedule.interval", "VALUE"),
        ({"schedule": {"interval": "1 hour"}}, "schedule.interval", "VALUE"),
        ({"schedule": {"interval": "PT1H", "timezone": "../../etc"}}, "schedule.timezone", "VALUE"),
        ({"window": {"uri": "u", "layout": "capture", "length": "PT1H", "offset_start": "-P1D"}}, "window.length",
         "CONFLICT"),
        ({"window": {"uri": "u", "layout": "capture", "offset_start": "-PT1H", "offset_end": "-P1D"}}, "window",
         "VALUE"),
        ({"window": {"uri": "u", "layout": "capture", "length": "PT1H", "time_column": "t"}}, "window.time_column",
         "CONFLICT"),
        ({"ground_truth": None}, "ground_truth", "MISSING"),
        ({"kind": "data-quality"}, "ground_truth", "CONFLICT"),
        ({"kind": "attribution-drift", "ground_truth": None}, "model", "MISSING"),
        ({"model": "m", "endpoint": "e"}, "endpoint", "CONFLICT"),
        ({"kind": "model-quality", "rule": "bootstrap_overlap"}, "rule", "CONFLICT"),
        ({"kind": "model-quality", "policy": "p"}, "policy", "CONFLICT"),
        ({"rule": "sagemaker", "alarms_per_month": 2.0}, "alarms_per_month", "CONFLICT"),
        ({"reference": None}, "reference", "MISSING"),
        ({"output": 3}, "output", "TYPE"),
    ],
)  # fmt: skip
def test_what_does_not_fit_together_is_refused_under_its_field(changes, field, code):
    found = problems(**changes)

    assert {name: problem.code for name, problem in found.items()} == {field: f"CFG-MONITOR-{code}"}


def test_labels_that_stand_in_the_table_need_no_ground_truth():
    table = {"uri": "u", "layout": "table", "time_column": "seen_at", "length": "PT1H"}

    assert read_monitor(document(window=table, ground_truth=None)).monitor.ground_truth is None


def test_a_document_that_is_no_object_is_refused():
    with pytest.raises(ConfigError, match=r"monitor: received .*\[CFG-MONITOR-TYPE\]"):
        read_monitor(b"[1, 2]")


def test_the_schema_accepts_what_the_parser_accepts_and_refuses_a_wrong_word():
    schema = monitor_schema()

    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(MONITOR, schema)
    with pytest.raises(jsonschema.ValidationError, match="bias_drift"):
        jsonschema.validate({**MONITOR, "kind": "bias_drift"}, schema)
