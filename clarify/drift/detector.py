"""Shiryaev-Roberts sums of e-values: evidence that grows over windows, and the alarm that spends a stated budget."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from clarify.errors import ConstraintsError, Problem

Values = NDArray[np.float64]

LEAST_ALARM: Final = 2.0
_ROUNDING: Final = 1e-12                   # 2, 6, 14, 30: the sum of logarithms must reach the logarithm of 30


@dataclass(frozen=True)
class Detection:
    """State of one series after a window.

    ``log_m``: logarithms of its sums, all -Infinity after an alarm; ``evidence``: logarithm of their mean over the
    logarithm of the alarm, 0 to 1.
    """

    log_m: tuple[float, ...]
    evidence: float
    alarm: bool


def alarm_at(windows_per_month: float, n_series: int, alarms_per_month: float = 1.0) -> float:
    """Evidence that is an alarm: c = windows a month x series / false alarms allowed a month.

    At least :data:`LEAST_ALARM` (2): a budget of an alarm in every window would need no evidence at all. The bound
    only ever makes alarms rarer than the budget allows.
    """
    return max(windows_per_month * n_series / alarms_per_month, LEAST_ALARM)


def start(n: int) -> tuple[float, ...]:
    """The state before the first window and after an alarm: nothing summed in any of ``n`` components."""
    return (-math.inf,) * n


def update(log_m: tuple[float, ...], log_e: tuple[float, ...], alarm_at: float) -> Detection:
    """Take one window into the sums of one series: M <- (M + 1) E; at an alarm all M <- 0.

    While the metric is in its range each M stays below the number of windows in the mean, so alarms come at most
    once in ``alarm_at`` windows on average, however long one looks.

    Parameters
    ----------
    log_m : tuple of float
        State before the window, of :func:`start` or of the window before.
    log_e : tuple of float
        The window's log e-values, of :func:`clarify.drift.e_values.log_e_values`. A component that is exactly 0 says
        nothing and leaves its M alone: otherwise M would count silent windows, and a facet without rows would
        alarm after ``alarm_at`` of them.
    alarm_at : float
        Of :func:`alarm_at`.

    Raises
    ------
    ConstraintsError
        If the state has another number of components than the e-values.
    """
    if len(log_m) != len(log_e):
        raise ConstraintsError(
            Problem("DRIFT-STATE-LENGTH", "log_m", f"{len(log_m)} sums", f"{len(log_e)} sums, one for each e-value",
                    "the state is of another metric or version; start the series again")
        )
    state, evidence, alarm = update_many(np.array(log_m), np.array(log_e), alarm_at)
    return Detection(tuple(float(value) for value in state), float(evidence), bool(alarm))


def replay(
    log_es: Sequence[tuple[float, ...]], alarm_at: float, start: tuple[float, ...] | None = None
) -> Detection:
    """Take several windows into the sums, oldest first; the detection after the last of them.

    Without any window: the state of ``start``, no evidence and no alarm.
    """
    if not log_es:
        return Detection(start or (), 0.0, False)
    state = (-math.inf,) * len(log_es[0]) if start is None else start
    for log_e in log_es:
        detection = update(state, log_e, alarm_at)
        state = detection.log_m
    return detection


def update_many(log_m: Values, log_e: Values, alarm_at: ArrayLike) -> tuple[Values, Values, NDArray[np.bool_]]:
    """As :func:`update` for many series at once.

    Parameters
    ----------
    log_m, log_e : float64, shape (..., n_components)
    alarm_at : float or array of shape (...)

    Returns
    -------
    log_m of shape (..., n_components); evidence and alarm of shape (...)
    """
    summed = np.where(log_e == 0.0, log_m, np.logaddexp(log_m, 0.0) + log_e)
    log_mean = np.logaddexp.reduce(summed, axis=-1) - math.log(summed.shape[-1])
    ratio = log_mean / np.log(np.asarray(alarm_at, dtype=np.float64))
    alarm = ratio >= 1.0 - _ROUNDING
    evidence = np.where(alarm, 1.0, np.maximum(ratio, 0.0))
    return np.where(alarm[..., None], -np.inf, summed), evidence, alarm
