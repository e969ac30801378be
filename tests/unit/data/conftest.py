"""Files of a test, and a bucket on the S3 server for the tests that ask for one."""

from collections.abc import Callable
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


@pytest.fixture
def bucket(moto_server) -> str:
    """The URI of an empty bucket; this process and its children find the server through the environment alone."""
    return f"s3://{moto_server.create_bucket()}"
