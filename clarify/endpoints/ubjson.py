"""Universal Binary JSON, the format XGBoost saves by default: bytes to plain values, with nothing that can run."""

from __future__ import annotations

import struct
from dataclasses import dataclass

import numpy as np

from clarify.errors import DataError, Problem

MAX_NESTING = 64
"""Objects within objects; XGBoost's own documents have 7."""

_NUMBERS = {b"i": ">i1", b"U": ">u1", b"I": ">i2", b"l": ">i4", b"L": ">i8", b"d": ">f4", b"D": ">f8"}
_FORMATS = {b"i": ">b", b"U": ">B", b"I": ">h", b"l": ">i", b"L": ">q", b"d": ">f", b"D": ">d"}
_CONSTANTS = {b"Z": None, b"T": True, b"F": False}


def parse_ubjson(content: bytes) -> object:
    """The value of a document; a typed array of numbers becomes a one-dimensional NumPy array.

    Raises
    ------
    DataError
        UBJSON, for whatever is not a whole document. No length is believed beyond the bytes that are there.

    References
    ----------
    .. [1] Universal Binary JSON Specification, draft 12, https://ubjson.org.

    Examples
    --------
    >>> parse_ubjson(b"{U\\x01aTU\\x01b[U\\x02U\\x03]}")
    {'a': True, 'b': [2, 3]}
    """
    reader = _Reader(content)
    value = reader.read_value(reader.take(1), 0)
    if reader.place != len(content):
        raise reader.wrong("bytes after the end")
    return value


@dataclass
class _Reader:
    content: bytes
    place: int = 0

    def take(self, n_bytes: int) -> bytes:
        taken = self.content[self.place : self.place + n_bytes]
        if n_bytes < 0 or len(taken) < n_bytes:
            raise self.wrong(f"a length of {n_bytes} bytes")
        self.place += n_bytes
        return taken

    def read_value(self, marker: bytes, level: int) -> object:
        if level > MAX_NESTING:
            raise self.wrong(f"more than {MAX_NESTING} levels")
        if marker in _FORMATS:
            return self.read_number(marker)
        if marker in _CONSTANTS:
            return _CONSTANTS[marker]
        if marker == b"S":
            return self.read_text()
        if marker == b"C":
            return self.take(1).decode("latin-1")
        if marker == b"{":
            return self.read_object(level)
        if marker == b"[":
            return self.read_array(level)
        raise self.wrong(f"the marker {marker!r}")

    def read_number(self, marker: bytes) -> int | float:
        found: int | float = struct.unpack(_FORMATS[marker], self.take(struct.calcsize(_FORMATS[marker])))[0]
        return found

    def read_length(self) -> int:
        marker = self.take(1)
        if marker not in (b"i", b"U", b"I", b"l", b"L"):
            raise self.wrong(f"a length of type {marker!r}")
        return int(self.read_number(marker))

    def read_text(self) -> str:
        try:
            return self.take(self.read_length()).decode()
        except UnicodeDecodeError as error:
            raise self.wrong("text that is not UTF-8") from error

    def read_object(self, level: int) -> dict[str, object]:
        found: dict[str, object] = {}
        count = self.read_count()
        while (self.peek() != b"}") if count is None else (len(found) < count):
            key = self.read_text()
            if key in found:
                raise self.wrong("a key given twice")
            found[key] = self.read_value(self.take(1), level + 1)
        if count is None:
            self.take(1)
        return found

    def read_array(self, level: int) -> object:
        if self.peek() == b"$":
            return self.read_typed_array()
        found: list[object] = []
        count = self.read_count()
        while (self.peek() != b"]") if count is None else (len(found) < count):
            found.append(self.read_value(self.take(1), level + 1))
        if count is None:
            self.take(1)
        return found

    def read_typed_array(self) -> object:
        marker = self.take(2)[1:]
        count = self.read_count()
        if marker not in _NUMBERS or count is None:
            raise self.wrong(f"an array of type {marker!r}")
        kind = np.dtype(_NUMBERS[marker])
        return np.frombuffer(self.take(count * kind.itemsize), dtype=kind).astype(kind.newbyteorder("="))

    def read_count(self) -> int | None:
        if self.peek() != b"#":
            return None
        self.take(1)
        return self.read_length()

    def peek(self) -> bytes:
        return self.content[self.place : self.place + 1]

    def wrong(self, received: str) -> DataError:
        allowed = "Universal Binary JSON, whole"
        return DataError(Problem("UBJSON", f"byte {self.place}", received, allowed, "the file is damaged"))
