"""The only door to files and objects: whole reads, atomic writes, sorted listings, errors of one kind.

A URI is a plain path, ``file://``, ``s3://`` or ``memory://`` (tests). Nothing here holds a connection, so
every function can be called in any process that has the same environment. S3 credentials, region and
endpoint come from the environment as botocore reads it (``AWS_ACCESS_KEY_ID``, ``AWS_ENDPOINT_URL``, ...).
"""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import posixpath
import re
import secrets
import threading
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from typing import Any, BinaryIO, Literal, Protocol, cast
from urllib.parse import unquote

from clarify.errors import Problem, StorageError

READ_SIZE = 4 * 1024 * 1024
_SCHEME = re.compile(r"^([A-Za-z][A-Za-z0-9+.-]*):/")
_ALLOWED = "a path, file://, s3:// or memory://"
Compression = Literal["infer", "none"]

_MEMORY = threading.Lock()
_OWNER = "clarify-owner"


class Hasher(Protocol):
    """What ``hashlib`` makes."""

    def update(self, data: bytes, /) -> None: ...


@dataclass(frozen=True)
class StoredFile:
    """One file found by a listing, with its size in bytes as stored (compressed, if it is)."""

    uri: str
    bytes: int


def scheme(uri: str) -> Literal["file", "s3", "memory"]:
    """Where a URI points; anything but files, S3 and memory is refused.

    Raises
    ------
    StorageError
        STORAGE-SCHEME for any other scheme, and for ``..`` inside an object's key.
    """
    match = _SCHEME.match(uri)
    name = match.group(1).lower() if match else "file"
    if name not in ("file", "s3", "memory"):
        raise StorageError(Problem("STORAGE-SCHEME", "uri", uri, _ALLOWED, "copy the files to one of these places"))
    if name != "file" and ".." in uri.split("/"):
        raise StorageError(Problem("STORAGE-SCHEME", "uri", uri, "a key without '..'", "write the key in full"))
    return cast(Literal["file", "s3", "memory"], name)


def normalise(uri: str) -> str:
    """The one spelling of a URI: local ones become absolute plain paths, trailing slashes go.

    >>> normalise("file:///data/rows%201.csv"), normalise("s3://bucket/folder/")
    ('/data/rows 1.csv', 's3://bucket/folder')
    """
    if scheme(uri) != "file":
        head, _, rest = uri.partition("://")
        return f"{head.lower()}://{rest.rstrip('/')}"
    match = re.match(r"^file:(?://(?:localhost)?)?(/.*)$", uri, re.IGNORECASE | re.DOTALL)
    return os.path.abspath(unquote(match.group(1)) if match else uri)


def join(uri: str, *parts: str) -> str:
    """A URI below another one."""
    return posixpath.join(normalise(uri), *parts)


def exists(uri: str) -> bool:
    """Whether a file, object or folder is there."""
    with _reported(uri, "STORAGE-READ"):
        fs, path = _filesystem(uri)
        return bool(fs.exists(path))


def size(uri: str) -> int:
    """Size of one file in bytes, as stored."""
    with _reported(uri, "STORAGE-READ"):
        fs, path = _filesystem(uri)
        return int(fs.size(path))


def list_files(uri: str) -> tuple[StoredFile, ...]:
    """Every file at or below a URI, sorted by name; hidden files and Spark's ``_SUCCESS`` kind are left out.

    Raises
    ------
    StorageError
        STORAGE-NOT-FOUND when nothing is there; an existing folder without files gives ``()``.
    """
    with _reported(uri, "STORAGE-READ"):
        fs, path = _filesystem(uri)
        if fs.isfile(path):
            return (StoredFile(normalise(uri), int(fs.size(path))),)
        if not fs.exists(path):
            raise FileNotFoundError(uri)
        found = fs.find(path, detail=True)
    root = path.rstrip("/") + "/"
    below = ((name[len(root) :], int(info["size"])) for name, info in found.items() if name.startswith(root))
    visible = sorted((name, n_bytes) for name, n_bytes in below if not _is_hidden(name))
    return tuple(StoredFile(join(uri, name), n_bytes) for name, n_bytes in visible)


def list_folders(uri: str) -> tuple[str, ...]:
    """Names of the folders right below a URI, sorted, without looking into them; none where nothing is.

    Hidden ones and those of Spark's ``_temporary`` kind are left out.
    """
    with _reported(uri, "STORAGE-READ"):
        fs, path = _filesystem(uri)
        try:
            found = fs.ls(path, detail=True)
        except (FileNotFoundError, NotADirectoryError):
            return ()
    names = {posixpath.basename(info["name"].rstrip("/")) for info in found if info["type"] == "directory"}
    return tuple(sorted(name for name in names if not _is_hidden(name)))


def read_bytes(uri: str) -> bytes:
    """The whole of a small file."""
    with open_input(uri, compression="none") as stream:
        return stream.read()


def write_bytes(uri: str, content: bytes) -> None:
    """Write a whole file: a reader sees the old one or the new one, never a part.

    Locally a temporary file is renamed into place; on an object store it is one put.
    """
    if scheme(uri) == "file":
        with open_output(uri) as stream:
            stream.write(content)
        return
    with _reported(uri, "STORAGE-WRITE"):
        fs, path = _filesystem(uri)
        fs.pipe_file(path, content)


def create_exclusively(uri: str, content: bytes) -> bool:
    """Write a file that must not be there yet: True for exactly one of all callers; nobody ever sees a part of it.

    Locally a finished file is linked to the name, which fails where the name is taken. On S3 it is one put under the
    condition that the key does not exist (``If-None-Match: *``).

    Notes
    -----
    A server that does not know the condition, as some with an S3 interface do not, takes every put: there the key is
    looked for first and the owner's token read back afterwards, so only callers within the same few milliseconds can
    both be told True. The token also settles a put whose answer was lost and that was sent again.
    """
    place = scheme(uri)
    with _reported(uri, "STORAGE-WRITE"):
        if place == "file":
            return _linked_into_place(normalise(uri), content)
        fs, path = _filesystem(uri)
        if place == "memory":
            with _MEMORY:
                taken = bool(fs.exists(path))
                if not taken:
                    fs.pipe_file(path, content)
                return not taken
        return _put_if_absent(fs, path, content)


@contextmanager
def open_input(uri: str, *, compression: Compression = "infer", hasher: Hasher | None = None) -> Iterator[BinaryIO]:
    """A binary stream; ``.gz`` is unpacked on the way.

    A ``hasher`` sees the stored bytes as they are read, so that a file read to its end needs no second
    reading for its digest. The stream can seek unless it is unpacked or hashed.

    Raises
    ------
    StorageError
        STORAGE-NOT-FOUND, or STORAGE-READ for anything that goes wrong while it is read.
    """
    with _reported(uri, "STORAGE-READ"):
        fs, path = _filesystem(uri)
        options: dict[str, Any] = {"block_size": READ_SIZE} if scheme(uri) == "s3" else {}
        with fs.open(path, "rb", **options) as stored:
            stream = stored if hasher is None else io.BufferedReader(_Hashed(stored, hasher), READ_SIZE)
            packed = compression == "infer" and path.endswith(".gz")
            yield cast(BinaryIO, gzip.GzipFile(fileobj=stream) if packed else stream)


@contextmanager
def open_output(uri: str) -> Iterator[BinaryIO]:
    """A binary stream whose content appears at the URI when the block ends well, and never otherwise."""
    with _reported(uri, "STORAGE-WRITE"):
        if scheme(uri) == "file":
            with _renamed_into_place(normalise(uri)) as stream:
                yield stream
            return
        fs, path = _filesystem(uri)
        # The memory store shows a file from its first byte on, whatever it is asked.
        place = _buffered(fs, path) if scheme(uri) == "memory" else _committed_at_the_end(fs, path)
        with place as stream:
            yield stream


def delete(uri: str) -> None:
    """Remove a file, or a folder with everything in it; what is not there is already removed."""
    with _reported(uri, "STORAGE-WRITE"):
        fs, path = _filesystem(uri)
        if fs.exists(path):
            fs.rm(path, recursive=True)


def digest(uri: str) -> str:
    """SHA-256 of a file's bytes as stored, in hexadecimal."""
    hasher = hashlib.sha256()
    feed(uri, hasher)
    return hasher.hexdigest()


def feed(uri: str, hasher: Hasher) -> None:
    """Show a file's bytes as stored to a hasher."""
    with open_input(uri, compression="none") as stream:
        while block := stream.read(READ_SIZE):
            hasher.update(block)


class _Hashed(io.RawIOBase):
    """A stream that shows every block it reads to a hasher."""

    def __init__(self, stream: BinaryIO, hasher: Hasher) -> None:
        self._stream = stream
        self._hasher = hasher

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        block = self._stream.read(len(buffer))
        self._hasher.update(block)
        buffer[: len(block)] = block
        return len(block)


def _filesystem(uri: str) -> tuple[Any, str]:
    """The fsspec filesystem of a URI and the path inside it."""
    from fsspec.core import url_to_fs

    # Listings are not remembered: another process may have written since.
    options: dict[str, Any] = {"use_listings_cache": False} if scheme(uri) == "s3" else {}
    fs, path = url_to_fs(normalise(uri), **options)
    return fs, path


def _is_hidden(name: str) -> bool:
    return name == "" or name.endswith("/") or any(part.startswith((".", "_")) for part in name.split("/"))


@contextmanager
def _renamed_into_place(path: str) -> Iterator[BinaryIO]:
    folder, name = os.path.split(path)
    os.makedirs(folder, exist_ok=True)
    temporary = os.path.join(folder, f".{name}.{secrets.token_hex(6)}.tmp")
    try:
        with open(temporary, "xb") as stream:
            yield stream
        os.replace(temporary, path)
    finally:
        if os.path.exists(temporary):
            os.unlink(temporary)


def _linked_into_place(path: str, content: bytes) -> bool:
    folder, name = os.path.split(path)
    os.makedirs(folder, exist_ok=True)
    temporary = os.path.join(folder, f".{name}.{secrets.token_hex(6)}.tmp")
    try:
        with open(temporary, "xb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())       # the name must not survive a power cut that the content does not
        try:
            os.link(temporary, path)
        except FileExistsError:
            # A network file system may have linked although its answer was lost: then the file has two names.
            return os.stat(temporary).st_nlink > 1
        return True
    finally:
        if os.path.exists(temporary):
            os.unlink(temporary)


def _put_if_absent(fs: Any, path: str, content: bytes) -> bool:
    if fs.exists(path):
        return False
    token = secrets.token_hex(16)
    try:
        fs.pipe_file(path, content, mode="create", Metadata={_OWNER: token})
    except OSError:
        # Refused, or its answer was lost: who owns the key says which. Nobody does: it was another failure.
        if not fs.exists(path):
            raise
    return bool(fs.metadata(path, refresh=True).get(_OWNER) == token)


@contextmanager
def _committed_at_the_end(fs: Any, path: str) -> Iterator[BinaryIO]:
    stream = fs.open(path, "wb", autocommit=False)
    try:
        yield stream
        stream.close()
    except BaseException:
        # Leaving the block of an fsspec file would commit what was written so far.
        stream.discard()
        raise
    stream.commit()


@contextmanager
def _buffered(fs: Any, path: str) -> Iterator[BinaryIO]:
    stream = io.BytesIO()
    yield stream
    fs.pipe_file(path, stream.getvalue())


@contextmanager
def _reported(uri: str, code: str) -> Iterator[None]:
    """Turn what a filesystem raises into a StorageError that names the URI."""
    try:
        yield
    except FileNotFoundError as error:
        hint = "check the spelling, and that this process sees the same files"
        raise StorageError(
            Problem("STORAGE-NOT-FOUND", "uri", uri, "an existing file or folder", hint)
        ) from error
    except _failures(uri) as error:
        reason = str(error) or type(error).__name__
        allowed = "a place this process may " + ("read" if code == "STORAGE-READ" else "write")
        hint = "check permissions, and for s3:// the AWS_ variables of the environment"
        raise StorageError(Problem(code, "uri", f"{uri} ({reason})", allowed, hint)) from error


def _failures(uri: str) -> tuple[type[Exception], ...]:
    """What can go wrong at a place; botocore has errors of its own, outside OSError."""
    if not uri.lower().startswith("s3:"):
        return OSError, EOFError, zlib.error
    return OSError, EOFError, zlib.error, import_module("botocore.exceptions").BotoCoreError
