"""One line for each monitor: what it said last, since when, and whether it went silent."""

import json
import uuid
from datetime import UTC, datetime

import pytest

from clarify.config.monitor import read_monitor
from clarify.data import storage
from clarify.records import MonitorRecord, Status, Window, WindowCounts
from clarify.steps.fleet import fleet_document, fleet_status, fleet_table, is_silent
from clarify.steps.record_store import RunNote, begin_revision, publish_record, window_folder

NINE = Window("2026-11-02T08:00:00Z", "2026-11-02T09:00:00Z")
TEN = Window("2026-11-02T09:00:00Z", "2026-11-02T10:00:00Z")


def utc(text):
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def monitor(name="loans", **changes):
    document = {
        "version": "1.0", "name": name, "kind": "bias-drift", "schedule": {"cron": "0 * * * *"},
        "window": {"uri": "u", "layout": "capture", "length": "PT1H"}, "ground_truth": {"uri": "g"},
        "config": "c", "reference": "r", "output": f"memory://{uuid.uuid4().hex}/{name}", **changes,
    }  # fmt: skip
    return read_monitor(json.dumps(document).encode()).monitor


def publish(of, window, status=Status.PASS, headline="All is as it was.", finished="2026-11-02T09:06:00Z"):
    revision = begin_revision(of.output, window)
    counts = WindowCounts(rows=90, labels=90, unlabelled=10)
    record = MonitorRecord(of.name, of.kind, of.rule, window, revision.number, status, headline, "i", "d", counts)
    return publish_record(revision.folder_uri, record, {}, note=RunNote("f", window.end, finished))


def test_a_monitor_shows_its_latest_record_and_since_when_it_says_so():
    loans = monitor()
    publish(loans, NINE, Status.VIOLATION, "DPL of sex=2 left its range.")
    latest = publish(loans, TEN, Status.VIOLATION, "DPL of sex=2 is out again.", finished="2026-11-02T10:06:00Z")

    (status,) = fleet_status([loans], utc("2026-11-02T10:30:00"))

    assert (status.status, status.headline, status.silent) == ("VIOLATION", "DPL of sex=2 is out again.", False)
    assert (status.window, status.revision, status.record_uri) == (TEN, 1, latest.folder_uri)
    assert (status.since, status.last_success) == (NINE.start, "2026-11-02T10:06:00Z")
    assert status.join_rate == 0.9


def test_monitors_come_by_name_and_a_broken_one_hides_none():
    broken, fine, new = monitor("b-broken"), monitor("c-fine"), monitor("a-new")
    folder = publish(broken, NINE).folder_uri
    storage.write_bytes(f"{folder}/record.json", b"{}")
    publish(fine, NINE)

    found = fleet_status([fine, broken, new], utc("2026-11-02T09:30:00"))

    assert [(one.name, one.status, one.silent) for one in found] == [
        ("a-new", None, True), ("b-broken", "ERROR", True), ("c-fine", "PASS", False)
    ]
    assert found[0].headline == "no record yet"
    assert "RECORD-ALTERED" in found[1].headline


def test_a_window_that_is_only_begun_shows_the_one_before():
    loans = monitor()
    publish(loans, NINE)
    storage.write_bytes(f"{window_folder(loans.output, TEN)}/r1/record.json", b"half")

    assert fleet_status([loans], utc("2026-11-02T10:01:00"))[0].window == NINE


def test_one_record_of_a_monitor_is_read(monkeypatch):
    loans = monitor()
    for number in range(1, 9):
        publish(loans, Window(f"2026-11-02T{number:02}:00:00Z", f"2026-11-02T{number + 1:02}:00:00Z"))
    reads = []
    read = storage.read_bytes
    monkeypatch.setattr(storage, "read_bytes", lambda uri: reads.append(uri.rpartition("/")[2]) or read(uri))

    fleet_status([loans], utc("2026-11-02T09:30:00"))

    assert reads == ["manifest.json", "record.json", "run.json"]


@pytest.mark.parametrize(
    ("changes", "now", "silent"),
    [
        ({}, "2026-11-02T11:00:00", False),             # two periods, and not more
        ({}, "2026-11-02T11:00:01", True),
        ({"ground_truth": {"uri": "g", "lateness": "P1D"}}, "2026-11-03T11:00:00", False),
        ({"ground_truth": {"uri": "g", "lateness": "P1D"}}, "2026-11-03T11:00:01", True),
        # 2026-11-02 is a Monday; its 09:00 run is followed by those of 11-09 and 11-16.
        ({"schedule": {"cron": "0 9 * * 1"}}, "2026-11-15T00:00:00", False),
        ({"schedule": {"cron": "0 9 * * 1"}}, "2026-11-16T09:00:01", True),
    ],
)
def test_silence_is_more_than_two_periods_and_the_lateness_of_labels(changes, now, silent):
    assert is_silent(monitor(**changes), NINE, utc(now)) is silent


def test_a_monitor_that_waits_for_late_data_is_not_silent_while_it_waits():
    late = monitor(window={"uri": "u", "layout": "capture", "length": "PT1H", "offset_end": "-P1D"})

    # The run of 09:00 on the 3rd looks at the window that ends at 09:00 on the 2nd.
    assert not is_silent(late, NINE, utc("2026-11-03T11:00:00"))
    assert is_silent(late, NINE, utc("2026-11-03T11:00:01"))


def test_the_table_has_a_line_for_each_monitor_in_columns():
    loans, new = monitor(), monitor("new")
    publish(loans, NINE, headline="DPL\x1b[31m of sex=2 stays in its range.")

    lines = fleet_table(fleet_status([loans, new], utc("2026-11-02T12:00:00"))).splitlines()

    assert lines[0].split()[:3] == ["monitor", "kind", "window"]
    assert lines[1].split("  ")[0] == "loans"
    assert all(word in lines[1] for word in ("2026-11-02 09:00", "PASS (silent)", "90.0%", "2026-11-02 08:00"))
    assert "\x1b" not in lines[1]
    assert lines[2].endswith("no record yet")
    assert lines[0].index("verdict") == lines[1].index("PASS") == lines[2].index("- (silent)")


def test_the_document_holds_the_same_for_programs():
    loans = monitor()
    publish(loans, NINE)

    document = json.loads(fleet_document(fleet_status([loans], utc("2026-11-02T09:30:00"))))

    (entry,) = document["monitors"]
    assert (entry["name"], entry["status"], entry["silent"]) == ("loans", "PASS", False)
    assert entry["window"] == {"start": NINE.start, "end": NINE.end}
