"""Fragment functions for the engine tests: at module level, so that worker processes can import them."""

import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path

from clarify.errors import DataError, Problem


@dataclass(frozen=True)
class Slice:
    index: int
    rows: int = 3
    marker: str = ""


def square(fragment: Slice) -> int:
    return fragment.index**2


def worker_pid(fragment: Slice) -> int:
    time.sleep(0.05)
    return os.getpid()


def die_once(fragment: Slice) -> int:
    """Kills its own worker the first time fragment 2 is seen."""
    if fragment.index == 2 and not Path(fragment.marker).exists():
        Path(fragment.marker).touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return fragment.index


def always_die(fragment: Slice) -> int:
    os.kill(os.getpid(), signal.SIGKILL)
    return 0


def refuse(fragment: Slice) -> int:
    raise DataError(Problem("DATA-TEST", "column x", "3", "2", "mend it"))
