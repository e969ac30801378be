"""Monitors whose worker is killed, or that two workers run at once: one record, whole, the same bytes, nothing held."""

import json
import signal
import time
from pathlib import Path

import pytest

from clarify.results import Reason
from clarify.steps.record_store import window_folder
from clarify.steps.window_lock import holder_of
from flows.states import monitored as monitored_state
from tests.faults.doomed_monitor import Worker
from tests.subjects.monitored import Live, contents, window_of

FATES = (
    "after collect_window",
    "after check_quality",
    "after validate_dataset",
    "after run_analysis",
    "after check",
    "at the manifest",
)
REPRODUCIBLE = ("record.json", "constraint_violations.json", "analysis/analysis.json")


@pytest.fixture(scope="module")
def undisturbed(monitored, tmp_path_factory):
    """What nobody disturbed."""
    live = Live(monitored, tmp_path_factory.mktemp("undisturbed"))
    live.traffic(0)
    live.monitor("bias-drift")
    live.run("bias-drift", 1)
    return contents(live.records("bias-drift", 0)[0].folder_uri)


def only(files):
    return {path: files[path] for path in REPRODUCIBLE}


def claims(live, hour):
    """The claims of a window, in their order."""
    folder = Path(window_folder(live.output("bias-drift"), window_of(hour))) / ".lock"
    return [json.loads(path.read_text()) for path in sorted(folder.iterdir())]


def test_a_worker_killed_at_every_stage_in_turn_publishes_nothing_and_holds_nothing(live, undisturbed):
    document = live.monitor("bias-drift")
    live.traffic(0)

    for number, fate in enumerate(FATES, start=1):
        worker = Worker(document, 1, fate)
        assert worker.end() == -signal.SIGKILL, fate
        assert live.records("bias-drift", 0) == (), fate
        assert len(claims(live, 0)) == number, fate            # each took the window from the one before at once
        assert not claims(live, 0)[-1]["released"], fate
        assert holder_of(window_folder(live.output("bias-drift"), window_of(0))) is None, fate
    run = live.run("bias-drift", 1)

    assert [checked.outcome for checked in run.checked] == ["published"]
    (stored,) = live.records("bias-drift", 0)
    assert stored.record.revision == 1
    assert only(contents(stored.folder_uri)) == only(undisturbed)


def test_a_half_published_record_is_written_anew_from_new_data(live, undisturbed):
    document = live.monitor("bias-drift")
    people = live.traffic(0, n=90)
    assert Worker(document, 1, "at the manifest").end() == -signal.SIGKILL
    (half,) = Path(live.output("bias-drift")).glob("windows/*/r1/record.json")
    assert json.loads(half.read_text())["counts"]["rows"] == 90
    live.traffic(0)

    live.run("bias-drift", 1)

    assert len(people) == 90
    (stored,) = live.records("bias-drift", 0)
    assert only(contents(stored.folder_uri)) == only(undisturbed)


def test_what_a_killed_worker_left_is_not_vouched_for_by_a_window_that_turned_out_empty(live):
    document = live.monitor("bias-drift")
    live.traffic(0)
    assert Worker(document, 1, "at the manifest").end() == -signal.SIGKILL
    (half,) = Path(live.output("bias-drift")).glob("windows/*/r1/analysis/analysis.json")
    live.capture(0, live.patients(0).iloc[:0])

    live.run("bias-drift", 1)

    (stored,) = live.records("bias-drift", 0)
    assert stored.record.reason is Reason.EMPTY_WINDOW
    assert not half.exists()
    vouched = json.loads((Path(stored.folder_uri) / "manifest.json").read_text())["files"]
    assert set(vouched) == {"record.json", "constraint_violations.json", "run.json"}


def test_a_worker_killed_after_publishing_leaves_the_telling_to_the_next_run(live, undisturbed):
    document = live.monitor("bias-drift")
    live.traffic(0)
    told = []

    assert Worker(document, 1, "while telling").end() == -signal.SIGKILL
    (stored,) = live.records("bias-drift", 0)
    run = live.run("bias-drift", 1, tell=lambda news: told.append(news.stored.record) is None)

    assert [checked.outcome for checked in run.checked] == ["already_done"]
    assert told == [stored.record]
    assert only(contents(stored.folder_uri)) == only(undisturbed)


def test_a_worker_killed_while_it_makes_up_for_an_outage_is_continued_where_it_was(live):
    document = live.monitor("bias-drift")
    for hour in range(3):
        live.traffic(hour)
    live.run("bias-drift", 1)

    assert Worker(document, 3, "after publish_record").end() == -signal.SIGKILL      # window 1 is there, 2 is not
    assert [len(live.records("bias-drift", hour)) for hour in range(3)] == [1, 1, 0]
    first = contents(live.records("bias-drift", 1)[0].folder_uri)
    run = live.run("bias-drift", 3)

    found = [(checked.outcome, checked.due.why, checked.due.window) for checked in run.checked]
    assert found[-1] == ("published", "scheduled", window_of(2))
    assert all(outcome == "already_done" for outcome, _, _ in found[:-1])
    now = contents(live.records("bias-drift", 1)[0].folder_uri)
    assert {path: now[path] for path in first} == first


def test_of_two_runs_of_one_tick_exactly_one_publishes(live, undisturbed):
    document = live.monitor("bias-drift")
    live.traffic(0)
    start = time.time() + 1.0

    workers = [Worker(document, 1, start=start) for _ in range(2)]

    said = sorted(outcome for worker in workers for outcome in worker.hear())
    assert [worker.end() for worker in workers] == [0, 0]
    assert said in (["held", "published"], ["already_done", "published"])
    (stored,) = live.records("bias-drift", 0)
    assert only(contents(stored.folder_uri)) == only(undisturbed)


def test_a_run_that_finds_its_window_held_leaves_it_alone_and_says_so(live, tmp_path):
    document = live.monitor("bias-drift")
    live.traffic(0)
    go_on = tmp_path / "go on"
    worker = Worker(document, 1, f"wait {go_on}")
    assert worker.hear() == "waiting"

    run = live.run("bias-drift", 1)
    held = live.records("bias-drift", 0)
    go_on.touch()

    assert [(checked.outcome, checked.stored) for checked in run.checked] == [("held", None)]
    assert (run.status, held) == (None, ())
    assert monitored_state(run).message == f"somebody else is at {window_of(0).name}"
    assert worker.hear() == ["published"]
    assert worker.end() == 0
    assert len(live.records("bias-drift", 0)) == 1
