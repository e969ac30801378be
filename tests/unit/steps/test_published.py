"""A published folder read: what its manifest lists, and only bytes that it vouches for."""

import json

import pytest

from clarify.data import storage
from clarify.errors import ConfigError, DataError, StorageError
from clarify.report.provenance import FileRecord, file_record, manifest_document
from clarify.steps.published import PublishedFolder, find_published, read_published
from clarify.steps.write_report import PublishedAnalysis
from tests.unit.report.report_examples import credit_result

FILES = {"extended.json": b"{}", "decisions/decisions.parquet": b"rows", "report.html": b"<p>"}


def publish(uri, files=FILES):
    for path, content in files.items():
        storage.write_bytes(storage.join(uri, path), content)
    records = {path: file_record(content, reproducible=path != "report.html") for path, content in files.items()}
    storage.write_bytes(storage.join(uri, "manifest.json"), manifest_document(records))
    return records


@pytest.fixture(params=["a path", "memory"])
def uri(request, tmp_path):
    place = str(tmp_path / "run") if request.param == "a path" else f"memory://published/{tmp_path.name}"
    publish(place)
    return place


def test_files_are_read_as_they_were_published(uri):
    folder = read_published(uri, named_by="RUN")

    assert {path: folder.read(path) for path in folder.files} == FILES
    assert folder.checked("report.html") == storage.join(uri, "report.html")
    assert (folder.has("extended.json"), folder.has("notes.txt")) == (True, False)


def test_records_say_size_and_digest(uri):
    record = read_published(uri, named_by="RUN").files["extended.json"]

    # sha256sum of the two bytes {}
    assert record == FileRecord("44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a", 2, True)


@pytest.mark.parametrize("read", ["read", "checked"])
@pytest.mark.parametrize("change", ["other bytes", "gone"])
def test_bytes_that_the_manifest_does_not_vouch_for_are_refused(uri, read, change):
    place = storage.join(uri, "extended.json")
    storage.delete(place) if change == "gone" else storage.write_bytes(place, b"[]")

    with pytest.raises(DataError, match=r"CHAMPION: received .*extended\.json  \[PUB-CHANGED\]\n  allowed: the bytes"):
        getattr(read_published(uri, named_by="CHAMPION"), read)("extended.json")


@pytest.mark.parametrize("read", ["read", "checked"])
def test_a_file_that_was_not_published_is_not_read(uri, read):
    storage.write_bytes(storage.join(uri, "notes.txt"), b"mine")

    with pytest.raises(ConfigError, match=r"RUN: received .*\[PUB-FOLDER\]\n  allowed: .* lists notes\.txt"):
        getattr(read_published(uri, named_by="RUN"), read)("notes.txt")


def test_a_folder_without_a_manifest_was_not_published(tmp_path):
    assert find_published(str(tmp_path), named_by="RUN") is None
    with pytest.raises(ConfigError, match=r"--from: received .*\[PUB-FOLDER\]\n  allowed: a folder with manifest"):
        read_published(str(tmp_path), named_by="--from")


@pytest.mark.parametrize("manifest", ["{", "[]", "{}", '{"files": []}', '{"files": {"a": {"sha256": 1}}}'])
def test_a_manifest_that_cannot_be_read_is_none(tmp_path, manifest):
    (tmp_path / "manifest.json").write_text(manifest)

    with pytest.raises(ConfigError, match=r"RUN: received .*\[PUB-FOLDER\]\n  allowed: a readable manifest"):
        find_published(str(tmp_path), named_by="RUN")


def test_a_place_that_cannot_be_reached_is_no_missing_folder():
    with pytest.raises(StorageError, match="STORAGE-SCHEME"):
        find_published("ftp://host/run", named_by="RUN")


def test_credentials_in_an_address_are_not_repeated():
    folder = PublishedFolder("s3://key:secret@bucket/run?token=abc", {}, "RUN")

    with pytest.raises(ConfigError) as refused:
        folder.read("extended.json")
    assert [word for word in ("secret", "token") if word in str(refused.value)] == []


def test_the_evidence_is_what_the_run_gave(uri):
    analysis = PublishedAnalysis(credit_result(), uri, tuple(sorted(publish(uri).items())))

    assert read_published(uri, named_by="RUN").evidence == analysis.evidence_digest


def test_the_evidence_does_not_hang_on_the_order_of_the_manifest(uri):
    expected = read_published(uri, named_by="RUN").evidence
    place = storage.join(uri, "manifest.json")
    document = json.loads(storage.read_bytes(place))
    files = dict(reversed(document["files"].items()))
    storage.write_bytes(place, json.dumps({**document, "files": files}).encode())

    assert read_published(uri, named_by="RUN").evidence == expected
