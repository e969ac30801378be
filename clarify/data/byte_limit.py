"""A stream that ends in an error instead of giving more than so many bytes."""

from __future__ import annotations

import io
from typing import Any, BinaryIO, cast

from clarify.data.storage import READ_SIZE
from clarify.errors import DataError, Problem


def limited(stream: BinaryIO, most: int, problem: Problem) -> BinaryIO:
    """The same bytes; reading more than ``most`` of them raises a DataError with the problem."""
    return cast(BinaryIO, io.BufferedReader(_Limited(stream, most, problem), READ_SIZE))


class _Limited(io.RawIOBase):
    def __init__(self, stream: BinaryIO, most: int, problem: Problem) -> None:
        self._stream = stream
        self._left = most
        self._problem = problem

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        block = self._stream.read(len(buffer))
        self._left -= len(block)
        if self._left < 0:
            raise DataError(self._problem)
        buffer[: len(block)] = block
        return len(block)
