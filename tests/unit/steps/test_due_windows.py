"""A run makes up for what was missed, opens again what changed, and looks at its own window; oldest first."""

import json
import uuid
from datetime import UTC, datetime, timedelta

import pytest

from clarify.config.monitor import read_monitor
from clarify.config.schedule import window_of
from clarify.data import storage
from clarify.records import MonitorRecord, Status, WindowCounts
from clarify.results import Reason
from clarify.steps.due_windows import due_windows
from clarify.steps.record_store import (
    Look,
    RunNote,
    begin_revision,
    latest,
    publish_record,
    remember_look,
    window_folder,
)

HOUR = timedelta(hours=1)


def at(clock):
    """A moment of one day in November 2026; hours past 24 are of the days after."""
    return datetime(2026, 11, 1, tzinfo=UTC) + clock * HOUR


class Live:
    """An hourly monitor with an output of its own, whose live data are a fingerprint for each window."""

    def __init__(self, **changes):
        self.output = f"memory://{uuid.uuid4().hex}/loans"
        document = {
            "version": "1.0", "name": "loans", "kind": "bias-drift", "schedule": {"cron": "0 * * * *"},
            "window": {"uri": "u", "layout": "capture", "length": "PT1H"}, "ground_truth": {"uri": "g"},
            "config": "c", "reference": "r", "output": self.output, **changes,
        }  # fmt: skip
        given = {key: value for key, value in document.items() if value is not None}
        self.monitor = read_monitor(json.dumps(given).encode()).monitor
        self.changed, self.asked = {}, []

    def fingerprint(self, window):
        self.asked.append(window)
        return self.changed.get(window, "as it was")

    def window(self, clock):
        return window_of(self.monitor.window, at(clock))

    def publish(self, clock, status=Status.PASS, reason=None, looked_at=None):
        """A record of the window of a tick, by a run that began five minutes after it unless another hour is said."""
        window = self.window(clock)
        revision = begin_revision(self.output, window)
        record = MonitorRecord("loans", "bias-drift", "decision", window, revision.number, status, "", "i", "d",
                               WindowCounts(), reason)
        begun = at(clock if looked_at is None else looked_at) + timedelta(minutes=5)
        note = RunNote(self.fingerprint(window), begun.isoformat(), begun.isoformat())
        publish_record(revision.folder_uri, record, {}, note=note)
        self.asked.clear()

    def due(self, clock, now=None):
        moment = at(clock if now is None else now) + timedelta(minutes=5)
        found = due_windows(self.monitor, at(clock), now=moment, output_uri=self.output, fingerprint=self.fingerprint)
        return [(round((due.tick - at(0)) / HOUR), due.why) for due in found.windows]

    def skipped(self, clock):
        found = due_windows(self.monitor, at(clock), now=at(clock), output_uri=self.output,
                            fingerprint=self.fingerprint)
        return list(found.skipped)


def test_a_first_run_looks_at_the_window_of_its_tick_only():
    assert Live().due(9) == [(9, "scheduled")]


def test_a_run_after_a_run_looks_at_its_own_window():
    live = Live()
    live.publish(8)

    assert live.due(9) == [(9, "scheduled")]


def test_windows_missed_since_the_last_finding_come_first_oldest_first():
    live = Live()
    live.publish(5)

    assert live.due(9) == [(6, "missed"), (7, "missed"), (8, "missed"), (9, "scheduled")]


def test_a_run_that_was_killed_in_the_middle_of_catching_up_goes_on_where_it_was():
    live = Live()
    live.publish(5)
    live.publish(6, looked_at=9)
    begin_revision(live.output, live.window(7))
    storage.write_bytes(f"{window_folder(live.output, live.window(7))}/r1/record.json", b"half")

    assert live.due(9) == [(7, "missed"), (8, "missed"), (9, "scheduled")]


def test_no_more_is_made_up_for_than_the_monitor_says_and_the_rest_is_named():
    live = Live(catch_up=2)
    live.publish(3)

    assert live.due(9) == [(7, "missed"), (8, "missed"), (9, "scheduled")]
    assert live.skipped(9) == [live.window(4), live.window(5), live.window(6)]


def test_a_monitor_that_makes_up_for_nothing_names_all_that_was_missed():
    live = Live(catch_up=0)
    live.publish(6)

    assert live.due(9) == [(9, "scheduled")]
    assert live.skipped(9) == [live.window(7), live.window(8)]


def test_a_very_long_outage_names_its_latest_thousand_windows():
    live = Live(catch_up=1)
    live.publish(0)

    skipped = live.skipped(2_000)

    assert (len(skipped), skipped[0], skipped[-1]) == (1_000, live.window(999), live.window(1_998))


def test_a_first_attempt_that_was_killed_is_missed():
    live = Live()
    storage.write_bytes(f"{window_folder(live.output, live.window(8))}/.lock/00000001.json", b"{}")

    assert live.due(10) == [(8, "missed"), (9, "missed"), (10, "scheduled")]


def test_a_window_that_a_later_run_went_past_is_missed_when_its_own_run_died():
    live = Live()
    live.publish(6)
    begin_revision(live.output, live.window(7))
    storage.write_bytes(f"{window_folder(live.output, live.window(7))}/r1/record.json", b"half")
    live.publish(8)

    assert live.due(9) == [(7, "missed"), (9, "scheduled")]


def test_a_window_that_failed_is_tried_three_times_in_all():
    live = Live()
    live.publish(7)
    live.publish(8, Status.ERROR, Reason.FAILED)
    assert live.due(9) == [(8, "retried"), (9, "scheduled")]
    live.publish(8, Status.ERROR, Reason.FAILED, looked_at=9)
    assert live.due(10) == [(8, "retried"), (9, "missed"), (10, "scheduled")]

    live.publish(8, Status.ERROR, Reason.FAILED, looked_at=10)

    assert live.due(11) == [(9, "missed"), (10, "missed"), (11, "scheduled")]


def test_a_window_whose_data_were_refused_is_tried_again_only_when_they_changed():
    live = Live()
    live.publish(7)
    live.publish(8, Status.ERROR, Reason.DATA_QUALITY)
    assert live.due(9) == [(9, "scheduled")]

    live.changed[live.window(8)] = "mended"

    assert live.due(9) == [(8, "retried"), (9, "scheduled")]


def test_a_window_whose_late_labels_came_is_opened_again():
    live = Live(ground_truth={"uri": "g", "lateness": "PT6H"})
    for clock in (5, 6, 7, 8):
        live.publish(clock)
    live.changed[live.window(6)] = "more labels"

    assert live.due(9) == [(6, "reopened"), (9, "scheduled")]


def test_windows_without_change_stay_closed():
    live = Live(ground_truth={"uri": "g", "lateness": "PT6H"})
    live.publish(8)

    assert live.due(9) == [(9, "scheduled")]


def test_after_its_lateness_a_window_is_looked_at_once_more_and_never_again():
    live = Live(ground_truth={"uri": "g", "lateness": "PT3H"})
    for clock in (1, 2, 3, 4):
        live.publish(clock)
    for clock in (1, 2):
        live.changed[live.window(clock)] = "came late"

    # The window of 01:00 closed at 04:00, five minutes before the last run; that of 02:00 closed since.
    assert live.due(5) == [(2, "reopened"), (5, "scheduled")]
    assert live.window(1) not in live.asked


def test_an_outage_longer_than_the_lateness_loses_no_label():
    live = Live(ground_truth={"uri": "g", "lateness": "PT3H"}, catch_up=2)
    live.publish(4)
    live.changed[live.window(4)] = "came during the outage"

    assert live.due(20) == [(4, "reopened"), (18, "missed"), (19, "missed"), (20, "scheduled")]


def test_a_change_that_brought_nothing_new_is_not_looked_at_twice():
    live = Live(ground_truth={"uri": "g", "lateness": "PT6H"})
    live.publish(8)
    live.changed[live.window(8)] = "touched"

    remember_look(latest(live.output, live.window(8)), Look("touched", at(9)))

    assert live.due(9) == [(9, "scheduled")]


def test_a_monitor_without_labels_opens_nothing_again():
    live = Live(kind="data-quality", ground_truth=None)
    live.publish(8)
    live.changed[live.window(8)] = "more"

    assert live.due(9) == [(9, "scheduled")]


def test_its_own_window_is_looked_at_even_if_it_is_done():
    live = Live(ground_truth={"uri": "g", "lateness": "PT6H"})
    live.publish(9)
    live.changed[live.window(9)] = "more labels"

    assert live.due(9) == [(9, "scheduled")]


def test_a_run_for_an_earlier_time_makes_up_for_nothing():
    live = Live()
    live.publish(9)

    assert live.due(4, now=10) == [(4, "scheduled")]


def test_only_windows_of_the_schedule_are_missed():
    live = Live(schedule={"cron": "0 9-11 * * *"})
    live.publish(10)

    # The next day's first: 11 of that day, then 9 and 10 of the next.
    assert live.due(24 + 10) == [(11, "missed"), (24 + 9, "missed"), (24 + 10, "scheduled")]


@pytest.mark.parametrize("length", [1, 1_000])
def test_a_long_history_costs_no_more_reads(length, monkeypatch):
    live = Live(ground_truth={"uri": "g", "lateness": "PT2H"}, catch_up=3)
    for clock in range(6):
        live.publish(clock)
    for clock in range(-length, 0):
        storage.write_bytes(f"{window_folder(live.output, live.window(clock))}/r1/manifest.json", b"never read")
    reads = []
    read = storage.read_bytes
    monkeypatch.setattr(storage, "read_bytes", lambda uri: reads.append(uri) or read(uri))

    assert live.due(6) == [(6, "scheduled")]
    assert len(reads) < 40
