"""Which exact model is meant: a directory, the digest of its bytes, and what its ``MLmodel`` file says of it."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from clarify.errors import ConfigError, Problem

_CHUNK_BYTES = 1024 * 1024
_MOST_BYTES = 16 * 1024 * 1024           # of an MLmodel file


@dataclass(frozen=True)
class PinnedModel:
    """A model that can no longer move under a run: an alias was resolved once, the bytes are here.

    ``uri`` is what the user said, ``pinned_uri`` names the version; ``name`` and ``version`` are None for a model
    outside the registry; ``path`` is the local directory, ``digest`` the SHA-256 of its files.
    """

    uri: str
    pinned_uri: str
    name: str | None
    version: str | None
    path: str
    digest: str


def pin_directory(path: str, *, uri: str | None = None) -> PinnedModel:
    """Pin a local MLflow model directory.

    Raises
    ------
    ConfigError
        MODEL-MISSING, when the directory holds no ``MLmodel`` file.
    """
    directory = Path(path).resolve()
    if not (directory / "MLmodel").is_file():
        raise ConfigError(
            Problem("MODEL-MISSING", "model", uri or path, "a directory with an MLmodel file", f"looked in {directory}")
        )
    return PinnedModel(uri or path, directory.as_uri(), None, None, str(directory), model_digest(str(directory)))


def read_mlmodel(model: PinnedModel) -> dict[str, Any]:
    """What the model's ``MLmodel`` file says: mappings, lists and texts; numbers are texts, too.

    Raises
    ------
    ConfigError
        MODEL-UNREADABLE, when the file is no YAML mapping.
    """
    import yaml

    try:
        # Plain text only: no merge keys, which a hostile file could nest until the memory is full.
        document = yaml.load((Path(model.path) / "MLmodel").read_bytes()[:_MOST_BYTES], Loader=yaml.BaseLoader)
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        raise _unreadable(model.uri, str(error)) from error
    if not isinstance(document, dict):
        raise _unreadable(model.uri, type(document).__name__)
    return document


def _unreadable(uri: str, received: str) -> ConfigError:
    return ConfigError(
        Problem("MODEL-UNREADABLE", "--model", received, "an MLmodel file as MLflow writes it", f"save {uri} again")
    )


def model_digest(path: str) -> str:
    """SHA-256 over the sorted relative paths, sizes and bytes of a model's files.

    Compiled bytecode is left out: Python writes it beside a model's code when the model is loaded.
    """
    total = hashlib.sha256()
    root = Path(path)
    for relative in sorted(_files_below(root)):
        file = root / relative
        total.update(f"{relative}\0{file.stat().st_size}\0".encode())
        with file.open("rb") as stream:
            while chunk := stream.read(_CHUNK_BYTES):
                total.update(chunk)
    return total.hexdigest()


def _files_below(root: Path) -> list[str]:
    found = []
    for folder, folders, files in os.walk(root):
        folders[:] = [name for name in folders if name != "__pycache__"]
        found += [(Path(folder) / name).relative_to(root).as_posix() for name in files]
    return found
