"""Records are published whole or not at all, found by window, and never touched again."""

import contextlib
import json
import uuid
from datetime import UTC, datetime

import pytest

from clarify.data import storage
from clarify.errors import DataError, StorageError
from clarify.records import MonitorRecord, Status, Window, WindowCounts
from clarify.steps.record_store import (
    Look,
    RunNote,
    already_done,
    begin_revision,
    find_records,
    last_look,
    latest,
    latest_finding,
    past_records,
    publish_record,
    read_note,
    remember_look,
    window_folder,
    windows_seen,
)

DOCUMENTS = {"constraint_violations.json": b"{}\n"}


@pytest.fixture
def output():
    return f"memory://{uuid.uuid4().hex}/loans"


def hour(number):
    return Window(f"2026-11-01T{number:02}:00:00Z", f"2026-11-01T{number + 1:02}:00:00Z")


def record(window, revision=1, status=Status.PASS, inputs="a" * 64):
    return MonitorRecord("loans", "bias-drift", "decision", window, revision, status, "All is as it was.", inputs,
                         "d" * 64, WindowCounts(rows=3))


def note(finished="2026-11-01T12:00:00Z", fingerprint="f1"):
    return RunNote(fingerprint, "2026-11-01T11:59:00Z", finished)


def published(output, window, status=Status.PASS, inputs="a" * 64, **noted):
    revision = begin_revision(output, window)
    return publish_record(
        revision.folder_uri, record(window, revision.number, status, inputs), DOCUMENTS, note=note(**noted)
    )


def test_a_published_record_is_read_back_as_it_was(output):
    stored = published(output, hour(1))

    assert latest(output, hour(1)) == stored
    assert stored.folder_uri == f"{output}/windows/20261101T010000Z-20261101T020000Z/r1"
    assert stored.record == record(hour(1))


def test_the_manifest_vouches_for_every_file_and_calls_the_run_alone_unrepeatable(output):
    stored = published(output, hour(1))

    files = json.loads(storage.read_bytes(f"{stored.folder_uri}/manifest.json"))["files"]

    assert {path: file["reproducible"] for path, file in files.items()} == {
        "constraint_violations.json": True, "record.json": True, "run.json": False
    }
    assert all(storage.digest(f"{stored.folder_uri}/{path}") == file["sha256"] for path, file in files.items())


def test_two_runs_write_the_same_record_whenever_they_run(output):
    first = published(output + "/one", hour(1), finished="2026-11-01T12:00:00Z")
    second = published(output + "/two", hour(1), finished="2027-01-01T00:00:00Z")

    assert storage.digest(f"{first.folder_uri}/record.json") == storage.digest(f"{second.folder_uri}/record.json")


def test_the_files_of_a_published_analysis_are_vouched_for_by_its_own_manifest(output):
    revision = begin_revision(output, hour(1))
    entry = {"sha256": "0" * 64, "bytes": 2, "reproducible": True}
    storage.write_bytes(f"{revision.analysis_uri}/manifest.json",
                        json.dumps({"version": "1.0", "files": {"analysis.json": entry}}).encode())
    storage.write_bytes(f"{revision.analysis_uri}/analysis.json", b"{}")

    publish_record(revision.folder_uri, record(hour(1)), {}, note=note())

    files = json.loads(storage.read_bytes(f"{revision.folder_uri}/manifest.json"))["files"]
    assert files["analysis/analysis.json"] == entry


def test_an_analysis_that_did_not_end_is_cleared_away_and_so_is_all_work(output):
    revision = begin_revision(output, hour(1))
    for path in (".work/rows", "analysis/.work/rows", "analysis/half.json"):
        storage.write_bytes(f"{revision.folder_uri}/{path}", b"")

    publish_record(revision.folder_uri, record(hour(1)), {}, note=note())

    assert [file.uri.removeprefix(revision.folder_uri + "/") for file in storage.list_files(revision.folder_uri)] == [
        "manifest.json", "record.json", "run.json"
    ]
    assert not storage.exists(f"{revision.folder_uri}/.work/rows")
    assert not storage.exists(f"{revision.folder_uri}/analysis/.work/rows")


def test_a_second_look_is_a_second_revision_and_both_stay(output):
    first = published(output, hour(1), inputs="1" * 64)
    before = {file.uri: storage.digest(file.uri) for file in storage.list_files(first.folder_uri)}

    second = published(output, hour(1), status=Status.VIOLATION, inputs="2" * 64)

    assert [stored.record.revision for stored in find_records(output, hour(1))] == [1, 2]
    assert latest(output, hour(1)) == second
    assert {uri: storage.digest(uri) for uri in before} == before


def test_what_is_half_written_is_not_found_and_its_folder_is_used_again_with_its_work(output):
    revision = begin_revision(output, hour(1))
    for path in (".work/part", "analysis/.work/part", "stale.json", "analysis/stale.json"):
        storage.write_bytes(f"{revision.folder_uri}/{path}", b"x")

    again = begin_revision(output, hour(1))

    assert (find_records(output, hour(1)), latest(output, hour(1))) == ((), None)
    assert again == revision
    assert storage.list_files(revision.folder_uri) == ()
    assert storage.exists(f"{revision.folder_uri}/.work/part")
    assert storage.exists(f"{revision.folder_uri}/analysis/.work/part")


def test_only_the_latest_finding_of_the_same_inputs_is_done(output):
    published(output, hour(1), inputs="1" * 64)
    done = published(output, hour(1), inputs="2" * 64)
    published(output, hour(1), status=Status.ERROR, inputs="3" * 64)

    assert already_done(output, hour(1), "2" * 64) == done
    assert already_done(output, hour(1), "1" * 64) is None
    assert already_done(output, hour(1), "3" * 64) is None
    assert already_done(output, hour(2), "2" * 64) is None


def test_an_error_in_the_second_look_hides_no_finding_of_the_first(output):
    finding = published(output, hour(1))
    error = published(output, hour(1), status=Status.ERROR)

    assert (latest(output, hour(1)), latest_finding(output, hour(1))) == (error, finding)
    assert past_records(output, hour(2), most=9) == (finding.record,)


def test_past_records_are_the_most_recent_windows_that_end_by_the_start_oldest_first(output):
    for number in (1, 2, 3, 4, 5):
        published(output, hour(number))
    begin_revision(output, hour(6))
    storage.write_bytes(f"{window_folder(output, hour(6))}/r1/record.json", b"half")

    found = past_records(output, hour(7), most=3)

    assert [past.window for past in found] == [hour(3), hour(4), hour(5)]
    assert [past.window for past in past_records(output, hour(3), most=9)] == [hour(1), hour(2)]
    overlapping = Window("2026-11-01T02:30:00Z", "2026-11-01T03:30:00Z")
    assert [past.window for past in past_records(output, overlapping, most=9)] == [hour(1)]


def test_a_long_history_is_listed_by_name_alone(output, monkeypatch):
    for number in range(20):
        published(output, hour(number))
    reads = []
    read = storage.read_bytes
    monkeypatch.setattr(storage, "read_bytes", lambda uri: reads.append(uri) or read(uri))

    assert len(windows_seen(output)) == 20
    assert reads == []
    past_records(output, hour(20), most=2)
    assert len(reads) == 4                        # manifest and record of two windows


def test_folders_that_are_no_windows_are_passed_over(output):
    published(output, hour(1))
    storage.write_bytes(f"{output}/windows/notes/readme", b"")
    storage.write_bytes(f"{output}/windows/20261101T010000Z/x", b"")

    assert windows_seen(output) == (hour(1),)


def test_an_altered_record_is_refused_by_name(output):
    stored = published(output, hour(1))
    uri = f"{stored.folder_uri}/record.json"
    storage.write_bytes(uri, storage.read_bytes(uri).replace(b"PASS", b"VIOLATION"))

    with pytest.raises(DataError, match=rf"{uri}: received SHA-256 .*\[RECORD-ALTERED\]"):
        latest(output, hour(1))


def test_a_record_is_not_published_in_the_folder_of_another_revision(output):
    revision = begin_revision(output, hour(1))

    with pytest.raises(DataError, match=r"record: received 20261101T010000Z-\S+, revision 2  \[RECORD-PLACE\]"):
        publish_record(revision.folder_uri, record(hour(1), 2), {}, note=note())


def test_a_run_that_lost_its_window_publishes_nothing(output):
    revision = begin_revision(output, hour(1))

    def lost():
        raise StorageError

    with pytest.raises(StorageError):
        publish_record(revision.folder_uri, record(hour(1)), DOCUMENTS, note=note(), make_sure=lost)

    assert find_records(output, hour(1)) == ()


def test_a_status_is_noted_since_the_first_window_in_a_row_that_has_it(output):
    statuses = [Status.PASS, Status.VIOLATION, Status.VIOLATION, Status.VIOLATION, Status.PASS]
    stored = [published(output, hour(number), status) for number, status in enumerate(statuses)]

    assert [read_note(one).since[11:13] for one in stored] == ["00", "01", "01", "01", "04"]


def test_the_last_success_is_noted_through_errors(output):
    times = ["2026-11-01T01:05:00Z", "2026-11-01T02:05:00Z", "2026-11-01T03:05:00Z"]
    statuses = [Status.INCONCLUSIVE, Status.ERROR, Status.ERROR]
    stored = [published(output, hour(n), s, finished=times[n]) for n, s in enumerate(statuses)]

    assert [read_note(one).last_success_at for one in stored] == [times[0]] * 3


def test_a_monitor_that_never_succeeded_has_no_last_success(output):
    assert read_note(published(output, hour(0), Status.ERROR)).last_success_at is None


def test_an_unreadable_earlier_record_does_not_keep_the_next_one_back(output):
    broken = published(output, hour(1))
    storage.write_bytes(f"{broken.folder_uri}/record.json", b"{}")

    assert read_note(published(output, hour(2), Status.ERROR)).since == hour(2).start


def test_the_last_look_is_the_runs_own_until_a_later_one_is_remembered(output):
    stored = published(output, hour(1), fingerprint="f1")
    assert last_look(stored) == Look("f1", datetime(2026, 11, 1, 11, 59, tzinfo=UTC))

    later = Look("f2", datetime(2026, 11, 2, tzinfo=UTC))
    remember_look(stored, later)

    assert last_look(stored) == later
    assert latest(output, hour(1)) == stored


WRITES = ("write_bytes", "delete")


@pytest.mark.parametrize("k", range(1, 9))
def test_a_run_that_dies_at_any_write_leaves_nothing_or_all_and_the_next_ends_alike(output, monkeypatch, k):
    undisturbed = published(output + "/undisturbed", hour(1))
    revision = begin_revision(output, hour(1))
    storage.write_bytes(f"{revision.folder_uri}/.work/part", b"")
    calls = []

    def failing(call):
        def fail_at_k(*arguments):
            calls.append(arguments)
            if len(calls) == k:
                raise StorageError
            return call(*arguments)

        return fail_at_k

    with monkeypatch.context() as patch:
        for name in WRITES:
            patch.setattr(storage, name, failing(getattr(storage, name)))
        with contextlib.suppress(StorageError):
            publish_record(revision.folder_uri, record(hour(1)), DOCUMENTS, note=note())

    survivors = find_records(output, hour(1))
    assert len(survivors) <= 1
    if not survivors:
        published(output, hour(1))
    (stored,) = find_records(output, hour(1))
    for path in ("record.json", "constraint_violations.json", "run.json", "manifest.json"):
        assert storage.digest(f"{stored.folder_uri}/{path}") == storage.digest(f"{undisturbed.folder_uri}/{path}")
