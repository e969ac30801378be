"""How many windows until drift rules see a change?

The series of ``false_alarms.py``: after 30 windows without a change (alarms in them are not counted) facet d's rate
falls by .05 or .1, so the difference grows from .05 to .10 or .15. Printed: the median number of windows to the first
alarm, and the share of series with an alarm within 30 windows. K is the number of series of the monitor, one of which
moves: it sets the alarm of ``decision`` at 30 K and leaves the other rules as they are.
"""

from __future__ import annotations

import argparse
import os
import platform
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from false_alarms import (
    MONTH,
    RATE_A,
    RATE_D,
    decision_alarms,
    draw_references,
    draw_windows,
    paper_alarms,
    sagemaker_alarms,
)

from clarify.drift.detector import alarm_at

BEFORE = 30
AFTER = 200
SHIFTS = (0.05, 0.1)
WINDOWS = (50, 200, 1000)
REFERENCES = (1000, 5000)
FAMILIES = (1, 52)

# The design's own simulation: medians; (rule, K, reference n_d, window n_d, shift).
PRINTED = {
    **{("sagemaker", 1, 1000, window, shift): "1" for window in WINDOWS for shift in SHIFTS},
    **{("paper", 1, 1000, window, 0.05): text for window, text in zip(WINDOWS, "631", strict=True)},
    **{("paper", 1, 1000, window, 0.1): text for window, text in zip(WINDOWS, "311", strict=True)},
    **{("decision", 1, 1000, window, 0.05): text for window, text in zip(WINDOWS, ("46", "54", "38"), strict=True)},
    **{("decision", 1, 1000, window, 0.1): text for window, text in zip(WINDOWS, "841", strict=True)},
    **{("decision", 1, 5000, window, 0.05): text for window, text in zip(WINDOWS, ("17", "9", "3"), strict=True)},
    ("decision", 52, 1000, 200, 0.1): "8",
    ("decision", 52, 5000, 200, 0.05): "19",
    ("decision", 52, 5000, 200, 0.1): "4",
    ("decision", 52, 5000, 1000, 0.05): "6",
    ("decision", 52, 5000, 1000, 0.1): "1",
}


def first_alarms(alarms: np.ndarray) -> np.ndarray:
    """Windows from the change to the first alarm, 1 for the first; infinite without any."""
    after = alarms[:, BEFORE:]
    return np.where(after.any(axis=1), after.argmax(axis=1) + 1.0, np.inf)


def one_setting(reference: int, window: int, shift: float, *, n_series: int, seed: int) -> list[str]:
    rng = np.random.default_rng((seed, reference, window, round(1000 * shift)))
    references = draw_references(n_series, reference, rng)
    before, after = (
        draw_windows(n_series, n, window, rng, shift=moved) for n, moved in ((BEFORE, 0.0), (AFTER, shift))
    )
    x_a, x_d = (np.concatenate(pair, axis=1) for pair in zip(before, after, strict=True))
    decided = decision_alarms(x_a, x_d, window, references, tuple(alarm_at(MONTH, k) for k in FAMILIES))
    found = {
        ("sagemaker", 1): sagemaker_alarms(x_a, x_d, window, references),
        ("paper", 1): paper_alarms(x_a, x_d, window, references),
        **{("decision", k): alarms for k, alarms in zip(FAMILIES, decided, strict=True)},
    }
    return [
        f"| {reference} | {window} | {shift} | {rule} | {k if rule == 'decision' else 'any'} | {_cells(alarms)} | "
        f"{PRINTED.get((rule, k, reference, window, shift), '')} |"
        for (rule, k), alarms in found.items()
    ]


def _cells(alarms: np.ndarray) -> str:
    delays = first_alarms(alarms)
    median = float(np.median(delays))
    return f"{'> ' + str(AFTER) if np.isinf(median) else f'{median:.0f}'} | {(delays <= MONTH).mean():.2f}"


def rows(n_series: int, seed: int, pool: ProcessPoolExecutor) -> Iterator[str]:
    settings = [(reference, window, shift) for reference in REFERENCES for shift in SHIFTS for window in WINDOWS]
    for lines in pool.map(partial(one_setting, n_series=n_series, seed=seed), *zip(*settings, strict=True)):
        yield from lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--full", action="store_true", help="2,000 series instead of 400")
    parser.add_argument("--processes", type=int, default=2, choices=(1, 2))
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    n_series = 2000 if asked.full else 400
    print(f"{n_series} series a row, rates {RATE_A} and {RATE_D}, n_a = 4 n_d, seed {asked.seed}, "
          f"Python {platform.python_version()}, NumPy {np.__version__}\n")
    print("| reference n_d | window n_d | shift | rule | K | median windows | within 30 | design, median |")
    print("|---|---|---|---|---|---|---|---|")
    start = time.perf_counter()
    with ProcessPoolExecutor(asked.processes) as pool:
        for line in rows(n_series, asked.seed, pool):
            print(line, flush=True)
    print(f"\n{time.perf_counter() - start:.0f} seconds with {asked.processes} processes")


if __name__ == "__main__":
    main()
