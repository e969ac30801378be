"""Of all who create one file at once exactly one is told so, on every kind of place; and folders are listed by name."""

import multiprocessing
import os
import threading
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest

from clarify.data import storage
from clarify.data.storage import create_exclusively, list_folders
from clarify.errors import StorageError

CALLERS = 8


@pytest.fixture(params=["local", "memory", "s3"])
def place(request, tmp_path):
    if request.param == "local":
        return str(tmp_path)
    return request.getfixturevalue("bucket") if request.param == "s3" else f"memory://{uuid.uuid4().hex}"


def test_the_first_caller_creates_the_file_and_later_ones_leave_it_alone(place):
    uri = storage.join(place, "locks", "one")

    assert create_exclusively(uri, b"first")
    assert not create_exclusively(uri, b"second")
    assert not create_exclusively(uri, b"first")
    assert storage.read_bytes(uri) == b"first"


def test_a_removed_file_can_be_created_again(place):
    uri = storage.join(place, "one")
    create_exclusively(uri, b"first")
    storage.delete(uri)

    assert create_exclusively(uri, b"second")
    assert storage.read_bytes(uri) == b"second"


def test_of_many_threads_at_once_one_creates_the_file_that_all_of_them_see(place):
    uri, start = storage.join(place, "one"), threading.Barrier(CALLERS)

    def attempt(number):
        start.wait()
        created = create_exclusively(uri, str(number).encode())
        return created, storage.read_bytes(uri)

    with ThreadPoolExecutor(CALLERS) as pool:
        outcomes = list(pool.map(attempt, range(CALLERS)))

    winner = [number for number, (created, _) in enumerate(outcomes) if created]
    assert len(winner) == 1
    assert {content for _, content in outcomes} == {str(winner[0]).encode()}


def _attempts(folder, start, results):
    start.wait()
    results.put([create_exclusively(f"{folder}/{number}", b"x" * 100_000) for number in range(50)])


def test_of_two_processes_one_creates_each_file(tmp_path):
    context = multiprocessing.get_context("fork")
    start, results = context.Barrier(2), context.Queue()
    processes = [context.Process(target=_attempts, args=(str(tmp_path), start, results)) for _ in range(2)]
    for process in processes:
        process.start()

    first, second = results.get(timeout=30), results.get(timeout=30)

    for process in processes:
        process.join(30)
    assert [a + b for a, b in zip(first, second, strict=True)] == [1] * 50
    assert sorted(os.listdir(tmp_path)) == sorted(map(str, range(50)))      # no temporary file is left


def test_a_place_that_cannot_be_written_is_an_error_and_no_answer(tmp_path):
    storage.write_bytes(str(tmp_path / "file"), b"")

    with pytest.raises(StorageError, match=r"\[STORAGE-WRITE\]"):
        create_exclusively(str(tmp_path / "file" / "below"), b"")


def test_a_bucket_that_does_not_exist_is_an_error_and_no_answer(bucket):
    with pytest.raises(StorageError, match="no-such-bucket"):
        create_exclusively("s3://no-such-bucket-here/one", b"")


class UnconditionalStore:
    """A server with an S3 interface that ignores the condition of a put; what ``between`` does comes from outside."""

    def __init__(self, between=lambda store: None, answer=None):
        self.kept, self.between, self.answer = {}, between, answer

    def exists(self, path):
        return path in self.kept

    def pipe_file(self, path, content, mode, Metadata):  # noqa: N803 - the S3 API's word
        self.kept[path] = Metadata
        self.between(self)
        if self.answer is not None:
            raise self.answer

    def metadata(self, path, refresh):
        return self.kept[path]


def test_a_server_without_conditions_tells_the_one_whose_put_came_last():
    overwritten = UnconditionalStore(between=lambda store: store.kept.update(one={"clarify-owner": "another's"}))

    assert storage._put_if_absent(UnconditionalStore(), "one", b"")
    assert not storage._put_if_absent(overwritten, "one", b"")


def test_a_put_whose_answer_was_lost_still_belongs_to_its_caller():
    sent_twice = UnconditionalStore(answer=OSError("412: the key exists"))

    assert storage._put_if_absent(sent_twice, "one", b"")


def test_a_put_that_failed_for_another_reason_is_that_failure():
    class Down(UnconditionalStore):
        def pipe_file(self, path, content, mode, Metadata):  # noqa: N803
            raise PermissionError("access denied")

    with pytest.raises(PermissionError, match="access denied"):
        storage._put_if_absent(Down(), "one", b"")


def test_folders_are_listed_one_level_sorted_and_without_hidden_ones_or_files(place):
    for name in ["b/deep/er/x", "a/x", ".work/x", "_temporary/x", "file"]:
        storage.write_bytes(storage.join(place, name), b"")

    assert list_folders(place + "/") == ("a", "b")
    assert list_folders(storage.join(place, "b")) == ("deep",)


def test_where_nothing_is_there_are_no_folders(place):
    assert list_folders(storage.join(place, "nothing", "here")) == ()
