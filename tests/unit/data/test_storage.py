"""Local files and the in-memory store; S3 has a file of its own."""

import gzip
import hashlib
import os
import pickle
from pathlib import Path

import pytest

from clarify.data import storage
from clarify.errors import StorageError


def test_a_plain_path_and_its_file_uri_are_the_same_place(tmp_path: Path):
    path = tmp_path / "two words.csv"
    path.write_bytes(b"a\n")

    assert storage.normalise(path.as_uri()) == storage.normalise(str(path)) == str(path)
    assert storage.read_bytes(path.as_uri()) == b"a\n"


def test_a_relative_path_becomes_absolute_so_that_another_process_can_open_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    assert storage.normalise("rows/part.csv") == str(tmp_path / "rows" / "part.csv")


@pytest.mark.parametrize("uri", ["http://169.254.169.254/latest", "ftp://host/a", "gs://bucket/a", "hdfs://name/a"])
def test_other_schemes_are_refused_by_name(uri):
    with pytest.raises(StorageError, match=rf"(?s)uri: received {uri}  \[STORAGE-SCHEME\].*s3://"):
        storage.read_bytes(uri)


def test_a_key_that_climbs_out_of_its_bucket_is_refused():
    with pytest.raises(StorageError, match="STORAGE-SCHEME"):
        storage.exists("s3://bucket/../other/key")


def test_what_was_written_is_read_and_replaced_whole(tmp_path):
    uri = str(tmp_path / "new" / "folder" / "value.json")
    storage.write_bytes(uri, b"first")
    storage.write_bytes(uri, b"2nd")

    assert storage.read_bytes(uri) == b"2nd"
    assert storage.size(uri) == 3
    assert os.listdir(tmp_path / "new" / "folder") == ["value.json"]


def test_a_reader_of_the_old_file_is_not_disturbed_by_the_new_one(tmp_path):
    uri = str(tmp_path / "value.json")
    storage.write_bytes(uri, b"old")

    with storage.open_input(uri) as reader:
        storage.write_bytes(uri, b"new")
        content = reader.read()

    assert content == b"old"


@pytest.mark.parametrize("root", ["local", "memory://failed-write"])
def test_a_failed_write_leaves_the_old_content_and_no_debris(tmp_path, root):
    uri = storage.join(str(tmp_path) if root == "local" else root, "value.json")
    storage.write_bytes(uri, b"old")

    with pytest.raises(TypeError, match="bytes-like"), storage.open_output(uri) as stream:
        stream.writelines([b"half of the new con", "no bytes"])

    assert storage.read_bytes(uri) == b"old"
    assert [file.uri for file in storage.list_files(uri.rsplit("/", 1)[0])] == [uri]
    assert root != "local" or os.listdir(tmp_path) == ["value.json"]


def test_a_listing_is_recursive_sorted_and_without_hidden_or_marker_files(tmp_path):
    for name in ["b.csv", "a/z.csv", "a/y.csv", "_SUCCESS", ".part.crc", "_temporary/0/x.csv", "a/.tmp/w.csv"]:
        storage.write_bytes(str(tmp_path / name), b"12345")

    found = storage.list_files(str(tmp_path) + "/")

    assert [(file.uri, file.bytes) for file in found] == [
        (str(tmp_path / name), 5) for name in ("a/y.csv", "a/z.csv", "b.csv")
    ]


def test_a_file_lists_itself_even_in_a_hidden_folder(tmp_path):
    uri = str(tmp_path / ".work" / "rows.csv")
    storage.write_bytes(uri, b"a")

    assert [file.uri for file in storage.list_files(uri)] == [uri]
    assert [file.uri for file in storage.list_files(str(tmp_path / ".work"))] == [uri]


@pytest.mark.parametrize("look", [storage.read_bytes, storage.list_files, storage.size, storage.digest])
def test_a_missing_file_is_named(tmp_path, look):
    uri = str(tmp_path / "nothing.csv")

    with pytest.raises(StorageError, match=rf"uri: received {uri}  \[STORAGE-NOT-FOUND\]"):
        look(uri)


def test_a_folder_read_as_a_file_is_a_read_error_with_the_systems_reason(tmp_path):
    with pytest.raises(StorageError, match=r"Is a directory.*\[STORAGE-READ\]"):
        storage.read_bytes(str(tmp_path))


def test_a_write_below_a_file_is_a_write_error(tmp_path):
    storage.write_bytes(str(tmp_path / "file"), b"")

    with pytest.raises(StorageError, match=r"\[STORAGE-WRITE\]"):
        storage.write_bytes(str(tmp_path / "file" / "below"), b"")


def test_delete_removes_a_tree_and_accepts_that_it_is_gone(tmp_path):
    storage.write_bytes(str(tmp_path / "tree" / "a" / "b"), b"")

    storage.delete(str(tmp_path / "tree"))
    storage.delete(str(tmp_path / "tree"))

    assert not storage.exists(str(tmp_path / "tree"))


def test_the_digest_is_sha256_of_the_stored_bytes_also_while_reading_them_unpacked(tmp_path):
    packed = gzip.compress(b"a,b\n" * 100_000)
    uri = str(tmp_path / "rows.csv.gz")
    storage.write_bytes(uri, packed)
    hasher = hashlib.sha256()

    with storage.open_input(uri, hasher=hasher) as stream:
        content = stream.read()

    assert content == b"a,b\n" * 100_000
    assert hasher.hexdigest() == storage.digest(uri) == hashlib.sha256(packed).hexdigest()


def test_a_truncated_gz_file_is_a_read_error(tmp_path):
    uri = str(tmp_path / "rows.csv.gz")
    storage.write_bytes(uri, gzip.compress(os.urandom(10_000))[:5_000])

    with pytest.raises(StorageError, match=r"\[STORAGE-READ\]"), storage.open_input(uri) as stream:
        stream.read()


def test_errors_survive_the_way_back_from_another_process(tmp_path):
    with pytest.raises(StorageError) as caught:
        storage.read_bytes(str(tmp_path / "nothing"))

    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)
