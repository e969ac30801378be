"""How many windows a record says its evidence is summed over, and that older records without the number are read."""

from dataclasses import replace

from clarify.bias.contingency import ContingencyTable
from clarify.bias.evaluate import evaluate
from clarify.drift.bias_drift import check_bias_drift
from clarify.drift.constraints import bias_reference
from clarify.records import MonitorRecord, Status, Window, WindowCounts
from clarify.report.encoding import from_plain, to_plain
from clarify.results import AnalysisResult, BiasSection, DatasetDescription, ValidationOutcome

TERMS = {
    "rule": "decision", "allowed": lambda facet, group, metric: None, "tolerance": 0.0, "windows_per_month": 30.0,
    "alarms_per_month": 2.0, "key": "rows",
}  # fmt: skip


def analysis(a, d):
    facet = evaluate(ContingencyTable.from_labels(a=a, d=d), facet="sex", value_or_threshold="0", stage="pre_training",
                     methods=("DPL",))  # fmt: skip
    return AnalysisResult(
        config_digest="c", dataset=DatasetDescription("rows.csv", "csv", "d", 500, 3, 1),
        validation=ValidationOutcome(500, (), ()), pre_training=BiasSection("pre_training", "label", "1", (facet,)),
    )  # fmt: skip


REFERENCE = bias_reference(analysis((1600, 2400), (350, 650)))
STEADY, SHIFTED = analysis((160, 240), (35, 65)), analysis((320, 80), (5, 95))


def window(day):
    return Window(f"2026-11-{day:02}T00:00:00Z", f"2026-11-{day + 1:02}T00:00:00Z")


def look(live, day, past):
    drift = check_bias_drift(live, REFERENCE, **TERMS, past=past, window=window(day))
    return MonitorRecord("m", "bias-drift", "decision", window(day), 1, Status.PASS, "", "i", "d", WindowCounts(),
                         bias=drift)  # fmt: skip


def days(*lives):
    past = []
    for i, live in enumerate(lives):
        past.append(look(live, i + 1, tuple(past)))
    return past


def since(record):
    return record.bias.series[0].since_reset


def test_windows_are_counted_from_the_first():
    assert [since(one) for one in days(STEADY, STEADY, STEADY)] == [1, 2, 3]


def test_an_alarm_is_counted_and_the_next_window_begins_again():
    found = days(STEADY, SHIFTED, STEADY, STEADY)

    assert found[1].bias.series[0].evidence == 1
    assert [since(one) for one in found] == [1, 2, 1, 2]


def test_windows_that_are_no_longer_read_are_remembered():
    past = days(STEADY, STEADY, STEADY)

    assert since(look(STEADY, 4, past[1:])) == 4


def test_the_budget_is_recorded_as_it_was_configured():
    drift = days(STEADY)[0].bias

    assert (drift.alarms_per_month, drift.windows_per_month) == (2.0, 30.0)


def test_a_record_of_an_earlier_version_is_read_without_the_numbers():
    record = days(STEADY)[0]
    plain = to_plain(record)
    del plain["bias"]["alarms_per_month"], plain["bias"]["windows_per_month"], plain["bias"]["series"][0]["since_reset"]

    old = from_plain(MonitorRecord, plain, field="record")

    series = replace(record.bias.series[0], since_reset=None)
    assert old == replace(record, bias=replace(record.bias, series=(series,), alarms_per_month=None,
                                               windows_per_month=None))  # fmt: skip
    assert since(look(STEADY, 2, [old])) == 2
