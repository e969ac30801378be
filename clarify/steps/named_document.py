"""The bytes of a document that a user named, or an error that says by which option it was named."""

from __future__ import annotations

from dataclasses import replace

from clarify.data import storage
from clarify.errors import ConfigError, StorageError


def read_named(uri: str, named_by: str, *, hint: str | None = None) -> bytes:
    """The bytes at a URI; ``named_by`` is the option or argument that held it.

    Raises
    ------
    ConfigError
        CFG-NOT-FOUND under ``named_by`` when nothing is there.
    StorageError
        When it cannot be read for another reason.
    """
    try:
        return storage.read_bytes(uri)
    except StorageError as error:
        hint = hint or f"nothing is at {uri}: check the path"
        ConfigError.collect(
            replace(problem, code="CFG-NOT-FOUND", field=named_by, hint=hint)
            for problem in error.problems
            if problem.code == "STORAGE-NOT-FOUND"
        )
        raise
