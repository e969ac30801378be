"""A folder that an analysis was published in: what its manifest lists, and files that are still what it vouches for."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TypeVar

from clarify.data import storage
from clarify.errors import ConfigError, DataError, Problem, StorageError
from clarify.report.encoding import from_plain, load
from clarify.report.names import without_secrets
from clarify.report.provenance import FileRecord, evidence_of

MANIFEST = "manifest.json"
T = TypeVar("T")


@dataclass(frozen=True)
class PublishedFolder:
    """The files of a folder by path, as its manifest lists them; ``named_by`` is the option or argument for errors."""

    uri: str
    files: Mapping[str, FileRecord]
    named_by: str

    def has(self, path: str) -> bool:
        """Whether the file was published."""
        return path in self.files

    def read(self, path: str) -> bytes:
        """The bytes of a small file that were published.

        Raises
        ------
        ConfigError
            PUB-FOLDER when the manifest does not list it.
        DataError
            PUB-CHANGED when the bytes are others now, or gone.
        """
        content = self._fetched(path, storage.read_bytes)
        self._compare(path, hashlib.sha256(content).hexdigest())
        return content

    def checked(self, path: str) -> str:
        """The address of a file too large to be held, after its digest was compared; raises as :meth:`read` does."""
        self._compare(path, self._fetched(path, storage.digest))
        return storage.join(self.uri, path)

    @property
    def evidence(self) -> str:
        """SHA-256 over the digests of the reproducible files, as the run that published them gave it."""
        return evidence_of(self.files)

    def _fetched(self, path: str, fetch: Callable[[str], T]) -> T:
        if not self.has(path):
            raise no_analysis(self.uri, f"a folder whose {MANIFEST} lists {path}", named_by=self.named_by)
        try:
            return fetch(storage.join(self.uri, path))
        except StorageError as error:
            if _is_not_found(error):
                raise self._changed(path) from error
            raise

    def _compare(self, path: str, digest: str) -> None:
        if digest != self.files[path].sha256:
            raise self._changed(path)

    def _changed(self, path: str) -> DataError:
        place = without_secrets(storage.join(self.uri, path))
        return DataError(
            Problem("PUB-CHANGED", self.named_by, place, f"the bytes that {MANIFEST} vouches for",
                    "run the analysis again, or copy the whole folder again; edit copies of a file, never the file")
        )  # fmt: skip


def read_published(uri: str, *, named_by: str) -> PublishedFolder:
    """The published folder at ``uri``.

    Raises
    ------
    ConfigError
        PUB-FOLDER when there is no manifest, or none that can be read.
    StorageError
        When the place cannot be reached.
    """
    found = find_published(uri, named_by=named_by)
    if found is None:
        raise no_analysis(uri, f"a folder with {MANIFEST}", named_by=named_by)
    return found


def find_published(uri: str, *, named_by: str) -> PublishedFolder | None:
    """The same; None where there is no manifest."""
    try:
        content = storage.read_bytes(storage.join(uri, MANIFEST))
    except StorageError as error:
        if _is_not_found(error):
            return None
        raise
    try:
        files = _files(content)
    except DataError as error:
        raise no_analysis(uri, f"a readable {MANIFEST}", named_by=named_by) from error
    return PublishedFolder(uri, MappingProxyType(files), named_by)


def no_analysis(uri: str, allowed: str, *, named_by: str) -> ConfigError:
    """PUB-FOLDER: what the folder lacks to be one."""
    return ConfigError(
        Problem("PUB-FOLDER", named_by, without_secrets(uri), allowed,
                "name the folder that clarify analyze --output wrote, and let it finish")
    )  # fmt: skip


def _files(manifest: bytes) -> dict[str, FileRecord]:
    """Records by path, in the order of the paths."""
    plain = load(manifest, field=MANIFEST).get("files")
    if not isinstance(plain, dict):
        raise DataError(Problem("DOC-FIELD", f"{MANIFEST}.files", type(plain).__name__, "an object of files by path"))
    return {path: from_plain(FileRecord, plain[path], field=f"{MANIFEST}.{path}") for path in sorted(plain)}


def _is_not_found(error: StorageError) -> bool:
    return any(problem.code == "STORAGE-NOT-FOUND" for problem in error.problems)
