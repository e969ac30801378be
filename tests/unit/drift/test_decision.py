"""The rule `decision`: ranges, evidence over windows, and what each window ends in."""

import math
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from clarify.bias.catalog import BY_NAME
from clarify.bias.contingency import ContingencyTable
from clarify.bias.counted import counted_table, pool
from clarify.bias.evaluate import evaluate
from clarify.bias.power import rows_needed
from clarify.config.ranges import AllowedRange
from clarify.drift.allowed import SeriesRange, decision_range
from clarify.drift.bias_drift import check_bias_drift, empty_bias_drift
from clarify.drift.constraints import BiasReference, ReferenceSeries, bias_reference
from clarify.drift.decision import Precision, planned_rows
from clarify.drift.e_values import log_e_values
from clarify.records import MonitorRecord, Status, Window, WindowCounts
from clarify.results import (
    AnalysisResult,
    AwsValue,
    BiasSection,
    DatasetDescription,
    Interval,
    Reason,
    ValidationOutcome,
)

START = datetime(2026, 11, 1, tzinfo=UTC)
POLICY = AllowedRange(-0.3, 0.3)


def labels(a, d, methods=("DPL",)):
    """Positive and negative labels of either facet."""
    table = ContingencyTable.from_labels(a=a, d=d)
    return evaluate(table, facet="sex", value_or_threshold="0", stage="pre_training", methods=methods)


def analysis(*facets) -> AnalysisResult:
    rows = sum(facet.counts.a.rows + facet.counts.d.rows for facet in facets)
    return AnalysisResult(
        config_digest="c",
        dataset=DatasetDescription("rows.csv", "csv", "d", rows, 3, 1),
        validation=ValidationOutcome(rows, (), ()),
        pre_training=BiasSection("pre_training", "label", "1", facets),
    )


def day(number, *, hours=24) -> Window:
    begin = START + timedelta(days=number)
    return Window.between(begin, begin + timedelta(hours=hours))


STEADY = labels((160, 240), (35, 65))              # .40 - .35, as the reference
SHIFTED = labels((160, 240), (10, 90))             # .40 - .10
REFERENCE = bias_reference(analysis(labels((1600, 2400), (350, 650))))


class Monitor:
    """A monitor that looks at one window after the other and keeps its records."""

    def __init__(self, reference=REFERENCE, *, declared=None, tolerance=0.0, alarms_per_month=1.0, windows=30.0):
        self.reference, self.records = reference, []
        self.terms = {
            "rule": "decision", "allowed": lambda facet, group, metric: declared, "tolerance": tolerance,
            "windows_per_month": windows, "alarms_per_month": alarms_per_month,
        }

    def look(self, facet, window, *, revision=1, keep=True):
        past = [record for record in self.records if record.window < window]
        if facet is None:
            drift = empty_bias_drift(self.reference, **self.terms, past=past, window=window)
        else:
            drift = check_bias_drift(
                analysis(facet), self.reference, **self.terms, past=past, window=window, key="rows"
            )
        if keep:
            self.records.append(record(window, drift, revision))
        return drift.series[0]


def record(window, drift, revision=1, status=Status.PASS) -> MonitorRecord:
    return MonitorRecord(
        "m", "bias-drift", "decision", window, revision, status, "", "i", "d", WindowCounts(), bias=drift
    )


# --- ranges -----------------------------------------------------------------------------------------------------------


def held(metric, low, high, *, value=0.1, tolerance=0.0, declared=None):
    series = ReferenceSeries("post_training", "sex", "0", metric, AwsValue(value), value, Interval(low, high, 0.99))
    return decision_range(BY_NAME[metric], series, declared, tolerance=tolerance)


def test_the_range_of_the_reference_is_its_interval_with_the_tolerance_on_either_side():
    allowed = held("RD", 0.02, 0.12, tolerance=0.01)

    assert (allowed.low, allowed.high, allowed.source) == (pytest.approx(0.01), pytest.approx(0.13), "reference")
    assert allowed.blind_zone == pytest.approx(0.06)                     # half of .10, and .01


def test_a_range_of_the_policy_is_taken_as_it_is():
    allowed = held("RD", 0.02, 0.12, tolerance=0.01, declared=AllowedRange(-0.1, 0.1))

    assert (allowed.low, allowed.high, allowed.source, allowed.blind_zone) == (-0.1, 0.1, "policy", None)


def test_a_distance_is_limited_upwards_only():
    allowed = held("TVD", 0.02, 0.12, value=0.05)

    assert (allowed.low, allowed.high) == (None, 0.12)
    assert allowed.blind_zone == pytest.approx(0.07)                     # how far it can grow unseen


def test_the_end_of_a_scale_is_no_limit():
    assert (held("RD", 0.9, 0.99, tolerance=0.05).high, held("DI", 0.02, 0.3, tolerance=0.05).low) == (None, None)


def test_an_infinite_side_is_no_limit_and_has_no_blind_zone():
    allowed = held("TE", 22.0, math.inf)

    assert (allowed.low, allowed.high, allowed.blind_zone) == (22.0, None, None)


def test_a_range_that_nothing_can_leave_is_none():
    assert held("RD", -1.0, 1.0) is None


# --- planned rows -----------------------------------------------------------------------------------------------------


def test_without_a_tolerance_118_percent_of_the_rows_of_the_reference_are_planned():
    known = Precision.of("RD", Interval(-0.05, 0.05, 0.99), 0.0, 1000)

    # ((1.959964 + .841621) / 2.575829)^2 = 1.18297
    assert planned_rows(SeriesRange(-0.05, 0.05, "reference", 0.05, 0.0, 0.05), known) == 1183


def test_a_tolerance_as_large_as_the_noise_needs_a_quarter_of_the_rows():
    known = Precision.of("RD", Interval(-0.05, 0.05, 0.99), 0.0, 1000)

    assert planned_rows(SeriesRange(-0.1, 0.1, "reference", 0.05, 0.05, 0.1), known) == 296    # 1182.97 / 4 = 295.7


def test_the_planned_rows_are_nearly_those_that_the_exact_plan_asks_for():
    series = REFERENCE.series[0]
    allowed = decision_range(BY_NAME["DPL"], series, None, tolerance=0.0)
    known = Precision.of("DPL", series.interval, series.value, 1000)

    exact = rows_needed("DPL", value=allowed.high + allowed.blind_zone, rate_a=0.4, share_d=0.2,
                        low=allowed.low, high=allowed.high)

    # Beyond the other edge the same distance from 0 is much farther away, and needs fewer.
    assert planned_rows(allowed, known) == pytest.approx(max(plan.rows_d for plan in exact), rel=0.1)


# --- evidence over windows --------------------------------------------------------------------------------------------


def test_sums_grow_by_one_and_are_multiplied_by_each_windows_e_values():
    monitor = Monitor()

    first, second = monitor.look(STEADY, day(0)), monitor.look(STEADY, day(1))

    e_1, e_2 = np.exp(first.log_e), np.exp(second.log_e)
    assert np.exp(first.log_m) == pytest.approx(e_1)
    assert np.exp(second.log_m) == pytest.approx((e_1 + 1) * e_2)


def test_alternatives_are_placed_by_the_reference_and_the_windows_before():
    monitor = Monitor()
    monitor.look(labels((300, 100), (70, 30)), day(0))

    series = monitor.look(STEADY, day(1))

    known = counted_table(pool([REFERENCE.counted[0], labels((300, 100), (70, 30))]))
    assert series.log_e == log_e_values("DPL", counted_table(STEADY), series.low, series.high, known)


def test_a_shift_raises_an_alarm_and_the_sums_start_again():
    monitor = Monitor()

    alarm = monitor.look(SHIFTED, day(0))

    assert alarm.says("decision").status is Status.VIOLATION
    assert alarm.says("decision").reason is Reason.DRIFT
    assert (alarm.evidence, alarm.log_m) == (1.0, (-math.inf,) * 8)


def test_the_window_after_an_alarm_pools_and_sums_nothing_from_before():
    monitor = Monitor()
    for number in range(3):
        monitor.look(STEADY, day(number))
    alarm = monitor.look(labels((320, 80), (0, 100)), day(3))

    after = monitor.look(STEADY, day(4))

    assert alarm.says("decision").status is Status.VIOLATION
    assert (alarm.pooled_windows, after.pooled_windows) == (4, 1)
    assert after.log_m == pytest.approx(after.log_e)


def test_looking_again_at_a_window_gives_the_same_and_multiplies_nothing_twice():
    monitor = Monitor()
    monitor.look(STEADY, day(0))
    once = monitor.look(STEADY, day(1))

    again = monitor.look(STEADY, day(1), revision=2)
    next_one = monitor.look(STEADY, day(2), keep=False)

    assert again == once
    assert np.exp(next_one.log_m) == pytest.approx((np.exp(once.log_m) + 1) * np.exp(next_one.log_e))


def test_records_of_the_window_itself_and_of_later_ones_are_not_read():
    monitor = Monitor()
    monitor.look(STEADY, day(0))
    once = monitor.look(STEADY, day(1))
    monitor.look(STEADY, day(2))

    again = check_bias_drift(
        analysis(STEADY), REFERENCE, **monitor.terms, past=monitor.records, window=day(1), key="rows"
    )

    assert again.series[0] == once


def test_a_revision_of_an_earlier_window_replaces_what_it_said():
    revised, straight = Monitor(), Monitor()
    revised.look(STEADY, day(0))
    revised.look(labels((200, 200), (30, 70)), day(1))
    revised.look(STEADY, day(1), revision=2)
    straight.look(STEADY, day(0))
    straight.look(STEADY, day(1))

    assert revised.look(STEADY, day(2)) == straight.look(STEADY, day(2))


def test_an_alarm_that_a_revision_takes_back_no_longer_resets_the_sums():
    revised, straight = Monitor(), Monitor()
    for monitor in (revised, straight):
        monitor.look(STEADY, day(0))
    revised.look(SHIFTED, day(1))
    revised.look(STEADY, day(1), revision=2)
    straight.look(STEADY, day(1))

    assert revised.look(STEADY, day(2)).log_m == straight.look(STEADY, day(2)).log_m


def test_old_records_that_are_gone_are_remembered_by_the_sums_of_the_oldest_one_left():
    monitor = Monitor()
    for number in range(4):
        monitor.look(STEADY, day(number))
    full = monitor.look(STEADY, day(4), keep=False)
    monitor.records = monitor.records[2:]

    left = monitor.look(STEADY, day(4), keep=False)

    # The counts that place the alternatives are fewer, so the e-values differ; what they are added to does not.
    assert np.exp(left.log_m) / np.exp(left.log_e) == pytest.approx(np.exp(full.log_m) / np.exp(full.log_e))


def test_a_window_that_could_not_be_looked_at_is_passed_over():
    with_error, without = Monitor(), Monitor()
    for monitor in (with_error, without):
        monitor.look(STEADY, day(0))
    with_error.records.append(record(day(1), None, status=Status.ERROR))

    assert with_error.look(STEADY, day(2)) == without.look(STEADY, day(2))


def test_an_empty_window_carries_the_sums_on():
    monitor = Monitor()
    before = monitor.look(STEADY, day(0))

    empty = monitor.look(None, day(1))

    assert (empty.says("decision").status, empty.says("decision").reason) == (Status.INCONCLUSIVE, Reason.EMPTY_WINDOW)
    assert (empty.log_m, empty.log_e) == (before.log_m, (0.0,) * 8)


def test_many_empty_windows_never_alarm():
    monitor = Monitor(windows=2.0)

    found = [monitor.look(None, day(number)) for number in range(8)]

    assert {series.says("decision").status for series in found} == {Status.INCONCLUSIVE}
    assert found[-1].evidence == 0.0


def test_rows_that_were_counted_before_add_no_evidence():
    monitor = Monitor()
    before = monitor.look(STEADY, day(0))

    overlapping = monitor.look(SHIFTED, Window.between(START + timedelta(hours=12), START + timedelta(hours=36)))

    assert overlapping.says("decision").reason is Reason.OVERLAP
    assert (overlapping.log_m, overlapping.log_e) == (before.log_m, (0.0,) * 8)


def test_a_window_that_overlaps_only_one_that_was_not_counted_is_counted():
    monitor = Monitor()
    monitor.look(STEADY, day(0))
    monitor.look(STEADY, Window.between(START + timedelta(hours=12), START + timedelta(hours=36)))

    third = monitor.look(STEADY, day(1))

    assert third.says("decision").reason is not Reason.OVERLAP
    assert any(third.log_e)


def test_evidence_against_another_range_is_forgotten():
    monitor = Monitor()
    monitor.look(STEADY, day(0))
    monitor.terms["tolerance"] = 0.02

    series = monitor.look(STEADY, day(1))

    assert series.log_m == pytest.approx(series.log_e)


# --- statuses ---------------------------------------------------------------------------------------------------------


def test_a_window_with_fewer_rows_than_planned_has_too_few():
    series = Monitor().look(STEADY, day(0))

    assert (series.says("decision").status, series.says("decision").reason) == (Status.INCONCLUSIVE, Reason.TOO_FEW)
    assert "1,183 rows of facet d are needed" in series.says("decision").text


def test_pooled_windows_pass_once_they_hold_the_planned_rows():
    monitor = Monitor()

    found = [monitor.look(STEADY, day(number)) for number in range(13)]

    # 100 rows of facet d a window: 1,183 are reached with the twelfth.
    statuses = [series.says("decision").status for series in found]
    assert statuses == [Status.INCONCLUSIVE] * 11 + [Status.PASS] * 2
    assert [(series.pooled_windows, series.pooled_rows) for series in found[-2:]] == [(12, 1200), (12, 1200)]


def test_the_fewest_windows_that_are_enough_are_pooled():
    monitor = Monitor(declared=POLICY)
    for number in range(5):
        monitor.look(STEADY, day(number))

    large = monitor.look(labels((1600, 2400), (350, 650)), day(5))

    assert (large.says("decision").status, large.pooled_windows, large.pooled_rows) == (Status.PASS, 1, 1000)


def test_enough_rows_that_reach_beyond_the_noise_of_the_reference_are_blind():
    # The reference knows .05 +- .045; a window of 3,000 rows of facet d says .085 +- .025.
    series = Monitor().look(labels((4800, 7200), (945, 2055)), day(0))

    assert (series.says("decision").status, series.says("decision").reason) == (Status.INCONCLUSIVE, Reason.BLIND)


def test_a_tolerance_above_the_noise_of_the_reference_is_not_blind():
    # Allowed up to .145 with a tolerance of .05; the window says .14 +- .018.
    series = Monitor(tolerance=0.05).look(labels((4800, 7200), (780, 2220)), day(0))

    assert (series.says("decision").status, series.says("decision").reason) == (Status.INCONCLUSIVE, Reason.TOO_FEW)


def test_a_policy_is_enough_without_counts_in_the_reference():
    series = Monitor(BiasReference(()), declared=POLICY).look(labels((1600, 2400), (350, 650)), day(0))

    assert (series.range_from, series.low, series.high) == ("policy", -0.3, 0.3)
    assert series.says("decision").status is Status.PASS


def test_without_counts_and_without_policy_there_is_no_range():
    series = Monitor(BiasReference(())).look(STEADY, day(0))

    assert (series.says("decision").status, series.says("decision").reason) == (
        Status.INCONCLUSIVE, Reason.NO_REFERENCE
    )
    assert (series.low, series.high, series.log_e, series.log_m) == (None, None, (), ())


def test_nobody_in_facet_d_says_why_and_carries_the_sums_on():
    monitor = Monitor()
    before = monitor.look(STEADY, day(0))

    series = monitor.look(labels((160, 240), (0, 0)), day(1))

    assert (series.says("decision").status, series.says("decision").reason) == (
        Status.INCONCLUSIVE, Reason.EMPTY_FACET
    )
    assert series.log_m == before.log_m


def test_one_class_in_the_whole_window_raises_no_error():
    series = Monitor().look(labels((0, 400), (0, 100)), day(0))

    assert series.says("decision").status is Status.INCONCLUSIVE


def test_metrics_that_are_no_line_in_two_rates_are_marked():
    reference = bias_reference(analysis(labels((1600, 2400), (350, 650), ("JS",))))

    series = Monitor(reference).look(labels((160, 240), (35, 65), ("JS",)), day(0))

    assert (series.approximate, len(series.log_e)) == (True, 6)
