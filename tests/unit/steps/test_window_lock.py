"""One worker has a window; who is gone is replaced, by one alone; who was replaced learns it before publishing."""

import os
import subprocess
import sys
import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from clarify.data import storage
from clarify.endpoints.lease import ProcessMark
from clarify.errors import StorageError
from clarify.report.encoding import dump, to_plain
from clarify.steps.window_lock import Claimed, HeldByOther, Holder, claim, holder_of

START = datetime(2026, 11, 1, 12, tzinfo=UTC)


@pytest.fixture(params=["local", "memory", "s3"])
def folder(request, tmp_path):
    if request.param == "local":
        return str(tmp_path / "window")
    if request.param == "s3":
        return f"s3://{request.getfixturevalue('moto_server').create_bucket()}/window"
    return f"memory://{uuid.uuid4().hex}/window"


@pytest.fixture
def mine(tmp_path):
    """What this process writes into a lock."""
    with claim(str(tmp_path / "elsewhere"), digest="d", now=lambda: START) as claimed:
        return claimed.holder


def left_by(holder, folder, number=1):
    storage.write_bytes(f"{folder}/.lock/{number:08d}.json", dump(to_plain(holder)))


def gone():
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    mark = ProcessMark.of(process.pid)
    process.communicate(b"\n")
    return mark


def test_who_comes_second_learns_who_is_there_and_what_it_looks_at(folder):
    with claim(folder, digest="first") as first, claim(folder, digest="second") as second:
        assert isinstance(first, Claimed)
        assert isinstance(second, HeldByOther)
        assert (second.holder.digest, second.holder.process.pid) == ("first", os.getpid())
        assert holder_of(folder) == second.holder
        assert first.is_held


def test_a_window_is_free_again_after_the_block(folder):
    for _ in range(5):
        with claim(folder, digest="d") as claimed:
            assert isinstance(claimed, Claimed)
            assert claimed.replaced is None
    assert holder_of(folder) is None


def test_a_window_is_free_again_after_an_error(folder):
    with pytest.raises(KeyboardInterrupt), claim(folder, digest="d"):
        raise KeyboardInterrupt

    with claim(folder, digest="d") as claimed:
        assert isinstance(claimed, Claimed)


def test_a_process_of_this_machine_that_is_gone_is_replaced_at_once(folder, mine):
    dead = replace(mine, process=gone())
    left_by(dead, folder)

    with claim(folder, digest="d", now=lambda: START) as claimed:
        assert claimed.replaced == dead


def test_a_later_process_with_the_same_number_is_not_the_holder(folder, mine):
    left_by(replace(mine, process=ProcessMark(os.getpid(), ProcessMark.current().started - 3_600)), folder)

    with claim(folder, digest="d", now=lambda: START) as claimed:
        assert isinstance(claimed, Claimed)


@pytest.mark.parametrize("machine", ["another host", "this host, another container"])
def test_a_worker_elsewhere_is_left_alone_until_it_was_not_heard_of_for_ten_minutes(folder, mine, machine):
    left_by(replace(mine, machine=machine, process=gone()), folder)

    with claim(folder, digest="d", now=lambda: START + timedelta(minutes=9, seconds=59)) as early:
        assert isinstance(early, HeldByOther)
    with claim(folder, digest="d", now=lambda: START + timedelta(minutes=10)) as late:
        assert isinstance(late, Claimed)
        assert late.replaced.machine == machine


def test_of_many_who_take_a_dead_ones_window_one_wins(folder, mine):
    left_by(replace(mine, process=gone()), folder)
    start, end = threading.Barrier(8), threading.Barrier(8)

    def attempt(_):
        start.wait()
        with claim(folder, digest="d", now=lambda: START) as outcome:
            end.wait()
            return isinstance(outcome, Claimed)

    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(attempt, range(8))) == [False] * 7 + [True]


def test_the_heartbeat_extends_the_claim(tmp_path):
    folder, expiry = str(tmp_path), timedelta(seconds=0.8)

    with claim(folder, digest="d", expiry=expiry) as claimed:
        time.sleep(1.2)
        holder = holder_of(folder)
        assert holder.token == claimed.holder.token
        assert datetime.fromisoformat(holder.expires) > datetime.fromisoformat(claimed.holder.expires)
        assert claimed.is_held


def test_a_heartbeat_that_fails_once_is_made_up_for(tmp_path, monkeypatch):
    write, failures = storage.write_bytes, []

    def fail_once(uri, content):
        if not failures:
            failures.append(uri)
            raise StorageError
        write(uri, content)

    with claim(str(tmp_path), digest="d", expiry=timedelta(seconds=0.8)):
        monkeypatch.setattr(storage, "write_bytes", fail_once)
        time.sleep(1.2)
        assert failures
        assert holder_of(str(tmp_path)) is not None


def test_who_was_replaced_learns_it_before_publishing_and_does_not_touch_the_new_claim(folder, mine):
    with claim(folder, digest="d") as slow:
        slow.make_sure()
        left_by(replace(mine, machine="another", token="theirs", expires="2126-01-01T00:00:00+00:00"), folder, 2)

        with pytest.raises(StorageError, match=rf"window: received {folder}, taken by another .*\[WINDOW-LOCK-LOST\]"):
            slow.make_sure()

    assert holder_of(folder).token == "theirs"


def test_on_a_store_that_let_two_in_the_file_says_who_stays(folder, mine):
    with claim(folder, digest="d") as claimed:
        left_by(replace(mine, token="theirs"), folder)

        assert not claimed.is_held


def test_many_claims_cost_few_questions(tmp_path, monkeypatch):
    free = Holder("t", "h", "m", ProcessMark.current(), "d", START.isoformat(), START.isoformat(), released=True)
    for number in range(1, 301):
        left_by(free, str(tmp_path), number)
    asked, exists = [], storage.exists
    monkeypatch.setattr(storage, "exists", lambda uri: asked.append(uri) or exists(uri))

    with claim(str(tmp_path), digest="d") as claimed:
        assert claimed.number == 301
    assert len(asked) < 25
