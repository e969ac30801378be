"""One window, one worker: a lock that outlives nobody, held by a heartbeat and stolen by exactly one."""

from __future__ import annotations

import os
import platform
import secrets
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from clarify.data import storage
from clarify.endpoints.lease import ProcessMark
from clarify.errors import Problem, StorageError
from clarify.report.encoding import dump, from_plain, load, to_plain

FOLDER = ".lock"
EXPIRY = timedelta(minutes=10)
BEATS_PER_EXPIRY = 4


def utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True)
class Holder:
    """Who has a window, since when, and until when nobody needs to ask whether they live; times in UTC."""

    token: str
    host: str
    machine: str              # tells machines and containers apart that bear one name
    process: ProcessMark
    digest: str               # of what the holder looks at
    acquired: str
    expires: str
    released: bool = False


@dataclass(frozen=True)
class HeldByOther:
    """Somebody else is at this window."""

    holder: Holder


@dataclass(frozen=True)
class Claimed:
    """The window is ours until the block ends, or until somebody takes it because we were not heard of."""

    holder: Holder
    folder_uri: str
    number: int
    replaced: Holder | None = None            # whom it was taken from, who had not released it

    @property
    def is_held(self) -> bool:
        """Whether nobody else has taken the window; asks the storage."""
        if storage.exists(_path(self.folder_uri, self.number + 1)):
            return False
        # A store that ignores conditions may have let two of us in; the file remembers one.
        return _read(self.folder_uri, self.number).token == self.holder.token

    def make_sure(self) -> None:
        """To be called right before publishing.

        Raises
        ------
        StorageError
            WINDOW-LOCK-LOST, when this process was not heard of for so long that another one has taken the window.
        """
        if not self.is_held:
            raise StorageError(
                Problem("WINDOW-LOCK-LOST", "window", f"{self.folder_uri}, taken by another worker", "a window of ours",
                        "nothing was published here: the other worker does it; give this one more air")
            )


@contextmanager
def claim(
    folder_uri: str, *, digest: str, expiry: timedelta = EXPIRY, now: Callable[[], datetime] = utc_now
) -> Iterator[Claimed | HeldByOther]:
    """Hold a window's folder for the length of the block, or learn who does.

    There is one lock for each window, whatever its inputs: two runs never write to one window at once. Claims are
    files ``.lock/<number>.json`` below the folder, numbered without a gap, and the highest number counts. The next
    number is created exclusively, when the highest one is released, has run out, or belongs to a process of this
    machine that is gone; so of several who take it one wins. No claim is ever removed: a number cannot come again. A
    thread extends the claim every quarter of ``expiry``.

    Parameters
    ----------
    folder_uri : the window's folder, below the monitor's output
    digest : of what the run looks at, for those who find the window held
    expiry : after so long without a heartbeat others may take it; the clocks of all hosts must agree to less than that
    now : the clock

    Notes
    -----
    A holder that was stopped for longer than ``expiry`` and goes on does not know: ``Claimed.make_sure`` tells it.
    """
    outcome = _take(storage.normalise(folder_uri), digest, expiry, now)
    if isinstance(outcome, HeldByOther):
        yield outcome
        return
    stop = threading.Event()
    beat = threading.Thread(target=_beat, args=(outcome, stop, expiry, now), name="window-lock", daemon=True)
    beat.start()
    try:
        yield outcome
    finally:
        stop.set()
        beat.join()
        _release(outcome)


def holder_of(folder_uri: str, *, now: Callable[[], datetime] = utc_now) -> Holder | None:
    """Who is at a window at the moment; None when nobody is, or nobody who lives."""
    number = _highest(folder_uri)
    holder = _read(folder_uri, number) if number else None
    return None if holder is None or _is_free(holder, now()) else holder


# --- taking -----------------------------------------------------------------------------------------------------------


def _take(folder_uri: str, digest: str, expiry: timedelta, now: Callable[[], datetime]) -> Claimed | HeldByOther:
    while True:
        number = _highest(folder_uri)
        holder = _read(folder_uri, number) if number else None
        if holder is not None and not _is_free(holder, now()):
            return HeldByOther(holder)
        mine = _myself(digest, expiry, now())
        if storage.create_exclusively(_path(folder_uri, number + 1), _document(mine)):
            return Claimed(mine, folder_uri, number + 1, None if holder is None or holder.released else holder)
        # Another one was quicker: see who.


def _is_free(holder: Holder, now: datetime) -> bool:
    gone = holder.machine == _machine() and not holder.process.is_alive
    return holder.released or gone or datetime.fromisoformat(holder.expires) <= now


def _myself(digest: str, expiry: timedelta, now: datetime) -> Holder:
    return Holder(
        token=secrets.token_hex(16),
        host=platform.node(),
        machine=_machine(),
        process=ProcessMark.current(),
        digest=digest,
        acquired=_text(now),
        expires=_text(now + expiry),
    )


def _machine() -> str:
    """This boot of this machine, and within it this container: process numbers mean something here only."""
    parts = [platform.node()]
    if platform.system() == "Linux":
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        parts += [boot, os.readlink("/proc/self/ns/pid")]
    return " ".join(parts)


def _highest(folder_uri: str) -> int:
    """The highest number in use, 0 for none; by asking for numbers: a listing may miss a file while others change."""
    taken, free = 0, 1
    while storage.exists(_path(folder_uri, free)):
        taken, free = free, 2 * free
    while free - taken > 1:
        middle = (taken + free) // 2
        taken, free = (middle, free) if storage.exists(_path(folder_uri, middle)) else (taken, middle)
    return taken


def _read(folder_uri: str, number: int) -> Holder:
    path = _path(folder_uri, number)
    return from_plain(Holder, load(storage.read_bytes(path), field=path), field=path)


def _path(folder_uri: str, number: int) -> str:
    return storage.join(folder_uri, FOLDER, f"{number:08d}.json")


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds")


def _document(holder: Holder) -> bytes:
    return dump(to_plain(holder, field="lock"))


# --- holding and letting go -------------------------------------------------------------------------------------------


def _beat(claimed: Claimed, stop: threading.Event, expiry: timedelta, now: Callable[[], datetime]) -> None:
    path = _path(claimed.folder_uri, claimed.number)
    while not stop.wait(expiry.total_seconds() / BEATS_PER_EXPIRY):
        try:
            if not claimed.is_held:
                return
            storage.write_bytes(path, _document(replace(claimed.holder, expires=_text(now() + expiry))))
        except StorageError:
            # The next beat tries again; if none gets through, the lock runs out, which is what it is for.
            continue


def _release(claimed: Claimed) -> None:
    """Mark the lock as free; its file stays, for its number must not come again."""
    try:
        if claimed.is_held:
            path = _path(claimed.folder_uri, claimed.number)
            storage.write_bytes(path, _document(replace(claimed.holder, released=True)))
    except StorageError:
        # What the block did is done, and its own error, if any, matters more: the lock ends with this process.
        return
