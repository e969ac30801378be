"""S3 against a real server in its own process, found through the environment alone."""

import pickle
import subprocess
import sys

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from clarify.data import storage
from clarify.data.dataset import cut, read_fragment, source_dataset, stage
from clarify.data.profile import profile_source
from clarify.data.source import open_source
from clarify.errors import StorageError

MEBIBYTE = 1024 * 1024


def test_an_object_is_written_whole_listed_read_and_removed(bucket):
    storage.write_bytes(f"{bucket}/out/b.json", b"12")
    storage.write_bytes(f"{bucket}/out/a.json", b"1")
    storage.write_bytes(f"{bucket}/out/_SUCCESS", b"")

    listed = storage.list_files(f"{bucket}/out/")

    assert [(file.uri, file.bytes) for file in listed] == [(f"{bucket}/out/a.json", 1), (f"{bucket}/out/b.json", 2)]
    assert storage.read_bytes(f"{bucket}/out/b.json") == b"12"
    storage.delete(f"{bucket}/out")
    assert not storage.exists(f"{bucket}/out/a.json")


def test_an_object_written_by_another_process_is_seen_at_once(bucket):
    storage.write_bytes(f"{bucket}/out/a.json", b"1")
    assert len(storage.list_files(f"{bucket}/out")) == 1

    program = f"from clarify.data import storage; storage.write_bytes({bucket + '/out/b.json'!r}, b'2')"
    subprocess.run([sys.executable, "-c", program], check=True)

    assert len(storage.list_files(f"{bucket}/out")) == 2


@pytest.mark.parametrize("n_bytes", [10, 60 * MEBIBYTE], ids=["one-put", "multipart"])
def test_a_stream_that_ends_well_is_one_object(bucket, n_bytes):
    with storage.open_output(f"{bucket}/rows") as stream:
        for _ in range(10):
            stream.write(b"x" * (n_bytes // 10))

    assert storage.size(f"{bucket}/rows") == n_bytes


@pytest.mark.parametrize("n_bytes", [10, 60 * MEBIBYTE], ids=["one-put", "multipart"])
def test_a_stream_that_fails_leaves_the_old_object(bucket, n_bytes):
    storage.write_bytes(f"{bucket}/rows", b"old")

    with pytest.raises(TypeError, match="bytes-like"), storage.open_output(f"{bucket}/rows") as stream:
        stream.writelines([b"x" * n_bytes, "no bytes"])

    assert storage.read_bytes(f"{bucket}/rows") == b"old"


def test_a_missing_object_and_a_missing_bucket_are_named(bucket):
    with pytest.raises(StorageError, match=r"nothing\.csv  \[STORAGE-NOT-FOUND\]"):
        storage.read_bytes(f"{bucket}/nothing.csv")
    with pytest.raises(StorageError, match=r"s3://no-such-bucket/rows.*\[STORAGE-NOT-FOUND\]"):
        storage.list_files("s3://no-such-bucket/rows")


def test_without_credentials_the_error_says_where_they_belong(bucket, monkeypatch):
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    program = (
        "from clarify.data import storage; from clarify.errors import StorageError\n"
        f"try: storage.write_bytes({bucket + '/a'!r}, b'')\n"
        "except StorageError as error: print(error)"
    )

    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)

    assert "STORAGE-WRITE" in done.stdout
    assert "AWS_ variables" in done.stdout


def test_csv_parts_on_s3_are_staged_there_and_read_back_by_another_process(bucket):
    for i in range(3):
        rows = "".join(f"{i * 100 + j},{'f' if j % 3 else 'm'}\n" for j in range(100))
        storage.write_bytes(f"{bucket}/in/part-{i}.csv", f"age,sex\n{rows}".encode())

    profile = profile_source(open_source(f"{bucket}/in", dataset_type="text/csv"))
    dataset = stage(profile.source, profile.kinds, f"{bucket}/work")
    fragment = cut(dataset, 40)[-1]

    program = (
        "import pickle, sys; from clarify.data.dataset import read_fragment\n"
        "print(read_fragment(pickle.load(sys.stdin.buffer)).column('age').to_pylist())"
    )
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, input=pickle.dumps(fragment), check=True, capture_output=True)
    assert dataset.rows == 300
    assert fragment.first_row == 280
    assert done.stdout.decode().strip() == str(list(range(280, 300)))


def test_parquet_on_s3_is_read_in_place(bucket):
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table({"age": range(100)}), sink, row_group_size=30)
    storage.write_bytes(f"{bucket}/rows.parquet", sink.getvalue().to_pybytes())

    profile = profile_source(open_source(f"{bucket}/rows.parquet", dataset_type="application/x-parquet"))
    last = cut(source_dataset(profile.source, profile), 20)[-1]

    assert read_fragment(last)["age"].to_pylist() == list(range(90, 100))
