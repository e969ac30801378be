"""How tasks are retried and what is never cached, named once."""

from __future__ import annotations

from typing import Any

from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State, TaskRun
from prefect.tasks import Task, exponential_backoff

from clarify.errors import EndpointUnavailable, StorageError

RETRIES = 2


def is_transient(task: Task[..., Any], run: TaskRun, state: State[Any]) -> bool:
    """Whether the same step may succeed a moment later: nobody answered, or a store hiccuped."""
    try:
        state.result()
    except (EndpointUnavailable, StorageError):
        return True
    except Exception:                   # any other failure is the step's own and would only repeat itself
        return False
    return False


# Steps resume from their finished parts, so a retry repeats little.
RESUMES: dict[str, Any] = {
    "retries": RETRIES,
    "retry_delay_seconds": exponential_backoff(backoff_factor=2),
    "retry_jitter_factor": 0.5,
    "retry_condition_fn": is_transient,
    "cache_policy": NO_CACHE,
    "persist_result": False,
}

# Provisioning and closing act on processes of this moment: a remembered lease is a dead one.
NEVER_REPEATED: dict[str, Any] = {"retries": 0, "cache_policy": NO_CACHE, "persist_result": False}
