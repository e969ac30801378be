"""Files of a test, and a real S3 server for the tests that ask for one."""

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from clarify.data.source import Source, open_source

WriteFile = Callable[..., str]


@pytest.fixture
def write_file(tmp_path: Path) -> WriteFile:
    """Write bytes below the test's folder and give the path."""

    def write(content: bytes, name: str = "rows.csv") -> str:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return str(path)

    return write


@pytest.fixture
def open_csv(write_file: WriteFile) -> Callable[..., Source]:
    """Write one CSV file and open it as a source."""

    def write_and_open(content: bytes, name: str = "rows.csv", **options: object) -> Source:
        return open_source(write_file(content, name), dataset_type="text/csv", **options)  # type: ignore[arg-type]

    return write_and_open


@pytest.fixture(scope="session")
def s3_server() -> Iterator[str]:
    """The address of a moto server in a process of its own."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        try:
            address = f"http://127.0.0.1:{port}"
            _wait_for(address, seconds=60)
            yield address
        finally:
            server.kill()


@pytest.fixture
def bucket(s3_server: str, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> str:
    """The URI of an empty bucket; this process and its children find the server through the environment alone."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_ENDPOINT_URL", s3_server)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    import fsspec

    name = f"rows-{abs(hash(request.node.nodeid)) % 10**9}"
    fsspec.filesystem("s3").call_s3("create_bucket", Bucket=name)
    return f"s3://{name}"


def _wait_for(address: str, *, seconds: float) -> None:
    end = time.monotonic() + seconds
    while True:
        try:
            with urllib.request.urlopen(f"{address}/moto-api/", timeout=2):
                return
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.1)
