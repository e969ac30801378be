"""How many rows one request holds: found by experiment within limits of bytes and time, or fixed by the user."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from statistics import median

from clarify.endpoints.batching import FEWEST_ROWS

START_ROWS = 4_096
MOST_ROWS = 65_536
LONGEST_SECONDS = 2.0
# A larger request must pay for its memory, and for the rows that are asked again when one of them fails.
WORTH_DOUBLING = 1.08
TRIALS = 3
# Below this a second connection costs more than the second worker saves.
FEWEST_SHARED_ROWS = 1_024
MOST_TENSOR_BYTES = 16 * 1024 * 1024
# Containers behind AWS's runtime refuse bodies of more than 6 MB.
MOST_TEXT_BYTES = 5_500_000
TEXT_BYTES_PER_CELL = 22


@dataclass
class RequestSize:
    """Rows of the next request to one endpoint; shared by the threads that ask it.

    Starts at 4,096 rows and doubles as long as the median rows per second of three full requests improves by
    8 % and a doubled request would stay below ``most_seconds``, ``most_bytes`` and 65,536 rows; settles at the
    smaller size otherwise. A size that the server refuses (413, a timeout) or that took too long becomes a ceiling
    for good. Never under 64 rows.

    Sizes therefore depend on time: two runs may cut the same rows differently, and answer the same bytes only for a
    model that answers a row the same in any batch of 64 rows or more. The job probes that, and labels a model that
    does not. ``fixed`` switches the experiment off: boundaries then depend on the data only, and a size that the
    server refuses is an error.
    """

    n_columns: int
    as_text: bool
    fixed: int | None = None
    most_seconds: float = LONGEST_SECONDS
    fewest: int = FEWEST_ROWS                # 1 for a server that takes one record a request
    rows: int = field(init=False)
    most_bytes: int = field(init=False)
    _ceiling: int = field(init=False)
    _settled: bool = field(init=False, default=False)
    _rates: list[float] = field(init=False, default_factory=list)     # rows per second of full requests at this size
    _rate_of_half: float = field(init=False, default=0.0)
    _lock: threading.Lock = field(init=False, default_factory=threading.Lock, repr=False)

    def __post_init__(self) -> None:
        self.most_bytes = MOST_TEXT_BYTES if self.as_text else MOST_TENSOR_BYTES
        bytes_per_row = (TEXT_BYTES_PER_CELL if self.as_text else 8) * max(self.n_columns, 1)
        self._ceiling = in_blocks(min(MOST_ROWS, self.most_bytes // bytes_per_row))
        self.rows = max(self.fixed, self.fewest) if self.fixed is not None else min(START_ROWS, self._ceiling)

    @property
    def is_fixed(self) -> bool:
        return self.fixed is not None

    def next_rows(self, n_rows: int, lanes: int) -> int:
        """Rows of each request for a call of ``n_rows``, shared between ``lanes`` workers that answer at once."""
        if self.is_fixed or lanes <= 1:
            return self.rows
        share = -(-n_rows // lanes)
        return min(self.rows, max(-(-share // FEWEST_ROWS) * FEWEST_ROWS, FEWEST_SHARED_ROWS))

    def may_split(self, n_rows: int) -> bool:
        """Whether a refused request of these rows can be asked again in halves."""
        return not self.is_fixed and n_rows > FEWEST_ROWS

    def exceeds(self, n_rows: int, n_bytes: int) -> bool:
        """Whether an encoded request is over the byte limit; the rows that fit become the ceiling."""
        if self.is_fixed or n_bytes <= self.most_bytes or n_rows <= FEWEST_ROWS:
            return False
        self._lower(in_blocks(n_rows * self.most_bytes // n_bytes))
        return True

    def refused(self, n_rows: int) -> None:
        """The server would not take, or did not finish, a request of these rows: half of them is the most from now."""
        if not self.is_fixed:
            self._lower(in_blocks(n_rows // 2))

    def answered(self, n_rows: int, seconds: float) -> None:
        """A request was answered at the first attempt in ``seconds``; full ones count for the experiment."""
        with self._lock:
            if self.is_fixed or n_rows > self.rows:
                return
            if self._is_slow(n_rows, seconds):
                self._set_ceiling(in_blocks(int(n_rows * self.most_seconds / seconds)))
            elif n_rows == self.rows and not self._settled:
                self._rates.append(n_rows / max(seconds, 1e-9))
                if len(self._rates) == TRIALS:
                    self._decide(median(self._rates))

    def _is_slow(self, n_rows: int, seconds: float) -> bool:
        """Whether a full request at this rate would take too long; a short one that was quick says nothing."""
        says_something = n_rows == self.rows or seconds > self.most_seconds / 4
        return says_something and self.rows > FEWEST_ROWS and seconds * self.rows > self.most_seconds * n_rows

    def _decide(self, rate: float) -> None:
        if rate < WORTH_DOUBLING * self._rate_of_half:
            self.rows, self._settled = in_blocks(self.rows // 2), True
        elif 2 * self.rows > self._ceiling or 2 * self.rows / rate > self.most_seconds:
            self._settled = True
        else:
            self.rows, self._rate_of_half = 2 * self.rows, rate
        self._rates.clear()

    def _lower(self, ceiling: int) -> None:
        with self._lock:
            self._set_ceiling(ceiling)

    def _set_ceiling(self, ceiling: int) -> None:
        self._ceiling = min(self._ceiling, ceiling)
        if self.rows > self._ceiling:
            self.rows, self._settled = self._ceiling, True
            self._rates.clear()


def in_blocks(n_rows: int) -> int:
    """The largest multiple of 64 rows that is no more, and no less than 64."""
    return max(FEWEST_ROWS, n_rows // FEWEST_ROWS * FEWEST_ROWS)
