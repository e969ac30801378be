"""How a line of steps is walked as tasks: each step has one, and calling the step runs it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ParamSpec, TypeVar

from clarify.steps.line import Call

P = ParamSpec("P")
R = TypeVar("R")


def as_tasks(of_step: Mapping[Callable[..., Any], Any]) -> Call:
    """A way to run steps as their tasks, so that they show in the flow run."""

    def call(step: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
        result: R = of_step[step](*args, **kwargs)
        return result

    return call
