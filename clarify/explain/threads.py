"""One thread a process: the engine parallelises over rows, and small matrix products oversubscribe cores badly."""

from __future__ import annotations

import sys
from contextlib import AbstractContextManager
from functools import lru_cache

from threadpoolctl import ThreadpoolController


def one_thread() -> AbstractContextManager[object]:
    """Hold BLAS and OpenMP to one thread until the context ends."""
    limiter: AbstractContextManager[object] = _controller(len(sys.modules)).limit(limits=1)
    return limiter


@lru_cache(maxsize=1)
def _controller(n_modules: int) -> ThreadpoolController:
    """The thread pools of this process; looking for them takes 8 ms, so again only when modules were imported."""
    return ThreadpoolController()
