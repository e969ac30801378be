"""How many requests wait for one server at once: as many as it bears, found by adding one and halving."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")

# Answers in a row after which one more request may be in flight.
ANSWERS_BEFORE_ONE_MORE = 8


class Window:
    """The requests in flight to one server, shared by the threads that ask it.

    A busy answer (429, 503) halves the number and holds everybody back until the server's ``Retry-After`` is over;
    eight answers in a row add one, up to ``most``.
    """

    def __init__(self, most: int) -> None:
        self.most = max(most, 1)
        self.limit = self.most
        self._in_flight = 0
        self._answers = 0
        self._resume_at = 0.0                # on the monotonic clock
        self._cut_at = 0.0
        self._changed = threading.Condition()

    def enter(self) -> float:
        """Wait for a free place; returns the seconds waited. Every ``enter`` is followed by one ``leave``."""
        began = time.monotonic()
        with self._changed:
            while (pause := self._resume_at - time.monotonic()) > 0 or self._in_flight >= self.limit:
                self._changed.wait(timeout=pause if pause > 0 else None)
            self._in_flight += 1
        return time.monotonic() - began

    def leave(self) -> None:
        with self._changed:
            self._in_flight -= 1
            self._changed.notify_all()

    def answered(self) -> None:
        """The server answered: after eight in a row it may be asked for one more at once."""
        with self._changed:
            self._answers += 1
            if self._answers >= ANSWERS_BEFORE_ONE_MORE and self.limit < self.most:
                self.limit += 1
                self._answers = 0
                self._changed.notify_all()

    def busy(self, sent_at: float, pause_seconds: float) -> None:
        """The server refused a request sent at ``sent_at`` (monotonic): halve, once for all that were sent before."""
        with self._changed:
            now = time.monotonic()
            self._resume_at = max(self._resume_at, now + pause_seconds)
            self._answers = 0
            if sent_at >= self._cut_at:
                self.limit, self._cut_at = max(1, self.limit // 2), now


def in_order(
    work: Callable[[T], R], items: Iterable[T], pool: ThreadPoolExecutor, *, most_ahead: int
) -> Iterator[R]:
    """Results of ``work`` in the order of the items, at most ``most_ahead`` of them begun and not yet taken.

    An item is drawn only when there is room for it. When the consumer stops, or one fails, what has not begun is
    cancelled.
    """
    ahead: deque[Future[R]] = deque()
    try:
        for item in items:
            ahead.append(pool.submit(work, item))
            if len(ahead) >= most_ahead:
                yield ahead.popleft().result()
        while ahead:
            yield ahead.popleft().result()
    finally:
        for future in ahead:
            future.cancel()
