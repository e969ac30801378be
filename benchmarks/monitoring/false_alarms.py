"""How often do drift rules alarm when nothing has changed?

Every series is a rate difference whose true rates (.40 in facet a, .35 in facet d, n_a = 4 n_d) are those of its
reference; only the reference's own sample and the windows' are noise. A month is 30 windows, the budget one alarm a
month, of all K series of a monitor together.

* ``sagemaker``: AWS's comparison, |window| > |reference|, each window.
* ``paper``: the 95 % normal interval of the window lies outside [-|reference|, |reference|]. The normal bootstrap
  has this interval as its limit; it stands for it here, because 1,000 resamples of each window would take days.
* ``decision``: range = 99 % house interval of the reference, exact e-values, Shiryaev-Roberts sums, alarm at 30 K.

``--part all-metrics`` runs the real rule on all 21 metrics x 4 facets = 84 series: tables drawn from the probabilities
of ``benchmarks/bias/verdict_errors.py`` (two strata, flips), one reference, ``log_e_values`` of every window.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np

from clarify.bias.catalog import BY_NAME, METRICS
from clarify.bias.contingency import ContingencyTable, FoldedTable
from clarify.bias.evaluate import estimate
from clarify.bias.intervals import plausible_values
from clarify.drift.detector import alarm_at, update_many
from clarify.drift.e_values import ABOVE, BELOW, DELTAS, is_exact, log_e_difference, log_e_values

sys.path.insert(0, str(Path(__file__).parents[1] / "bias"))
import verdict_errors

RATE_A, RATE_D, ROWS_A_PER_D = 0.40, 0.35, 4
MONTH = 30                                        # windows
FAMILIES = (1, 12, 52)                            # series of one monitor
REFERENCES, WINDOWS = (200, 1000, 5000), (50, 200, 1000)
CHUNK = 100

# The design's own simulation (400 monitors x 1,000 windows, K = 1): alarms per 30 windows, share over budget.
PRINTED = {
    "sagemaker": {(200, 200): (15.0, 0.97), (1000, 200): (15.3, 1.0), (5000, 1000): (15.3, 1.0)},
    "paper": {(200, 200): (1.82, 0.48), (1000, 200): (1.21, 0.45), (5000, 1000): (1.20, 0.42)},
    "decision": {(200, 200): (0.006, 0.0), (1000, 200): (0.013, 0.0), (5000, 1000): (0.005, 0.0)},
}
PRINTED_BY_K = {1: 0.03, 12: 0.21, 52: 0.75}      # decision, reference 200, windows of 1,000


@dataclass(frozen=True)
class References:
    """One sample of each series: rates, and the 99 % house interval as its range."""

    rate_a: np.ndarray
    rate_d: np.ndarray
    low: np.ndarray
    high: np.ndarray

    @property
    def value(self) -> np.ndarray:
        return self.rate_a - self.rate_d


def draw_references(n_series: int, n_d: int, rng: np.random.Generator) -> References:
    x_a, x_d = rng.binomial(ROWS_A_PER_D * n_d, RATE_A, n_series), rng.binomial(n_d, RATE_D, n_series)
    limits = [_range(int(a), int(d), n_d) for a, d in zip(x_a, x_d, strict=True)]
    low, high = (np.array(limit) for limit in zip(*limits, strict=True))
    return References(x_a / (ROWS_A_PER_D * n_d), x_d / n_d, low, high)


def _range(x_a: int, x_d: int, n_d: int) -> tuple[float, float]:
    table = ContingencyTable.from_labels(a=(x_a, ROWS_A_PER_D * n_d - x_a), d=(x_d, n_d - x_d)).known()
    interval = plausible_values("DPL", table, None).interval(0.99)
    return interval.low, interval.high


def on_the_edge(n_series: int) -> References:
    """Ranges that end at the true value: no noise in the reference at all."""
    edge = np.full(n_series, RATE_A - RATE_D)
    return References(np.full(n_series, RATE_A), np.full(n_series, RATE_D), edge - 0.2, edge)


def draw_windows(
    n_series: int, n_windows: int, n_d: int, rng: np.random.Generator, *, shift: float = 0.0
) -> tuple[np.ndarray, np.ndarray]:
    """Counts of facet a and facet d, shape (series, windows); facet d's rate is lower by ``shift``."""
    size = (n_series, n_windows)
    return rng.binomial(ROWS_A_PER_D * n_d, RATE_A, size), rng.binomial(n_d, RATE_D - shift, size)


def sagemaker_alarms(x_a: np.ndarray, x_d: np.ndarray, n_d: int, references: References) -> np.ndarray:
    difference = x_a / (ROWS_A_PER_D * n_d) - x_d / n_d
    return np.abs(difference) > np.abs(references.value)[:, None]


def paper_alarms(x_a: np.ndarray, x_d: np.ndarray, n_d: int, references: References) -> np.ndarray:
    p_a, p_d = x_a / (ROWS_A_PER_D * n_d), x_d / n_d
    half = 1.959964 * np.sqrt(p_a * (1 - p_a) / (ROWS_A_PER_D * n_d) + p_d * (1 - p_d) / n_d)
    limit = np.abs(references.value)[:, None]
    return (p_a - p_d - half > limit) | (p_a - p_d + half < -limit)


def log_e_of(x_a: np.ndarray, x_d: np.ndarray, n_d: int, references: References) -> np.ndarray:
    """Log e-values of all series and windows, shape (series, windows, 8)."""
    edges = np.concatenate([
        np.repeat(edge[:, None, None], len(DELTAS), axis=2) for edge in (references.high, references.low)
    ], axis=2)
    sides, deltas = np.repeat([ABOVE, BELOW], len(DELTAS)), np.tile(DELTAS, 2)
    known = references.rate_a[:, None, None], references.rate_d[:, None, None]
    return log_e_difference(
        x_a[..., None], ROWS_A_PER_D * n_d, x_d[..., None], n_d, edges, sides, deltas, *known
    )


def decision_alarms(
    x_a: np.ndarray, x_d: np.ndarray, n_d: int, references: References, alarms_at: tuple[float, ...]
) -> list[np.ndarray]:
    """Alarms of shape (series, windows) for each level of alarm."""
    n_series, n_windows = x_a.shape
    states = [np.full((n_series, 2 * len(DELTAS)), -np.inf) for _ in alarms_at]
    alarms = [np.zeros(x_a.shape, dtype=bool) for _ in alarms_at]
    for first in range(0, n_windows, CHUNK):
        chunk = slice(first, first + CHUNK)
        log_e = log_e_of(x_a[:, chunk], x_d[:, chunk], n_d, references)
        for window in range(log_e.shape[1]):
            for index, level in enumerate(alarms_at):
                states[index], _, alarm = update_many(states[index], log_e[:, window], level)
                alarms[index][:, first + window] = alarm
    return alarms


def per_month(alarms: np.ndarray, n_series: int) -> tuple[float, float, float]:
    """Alarms in 30 windows of monitors of ``n_series`` series, its standard error, share of monitors above one."""
    monitors = alarms.sum(axis=1)[: len(alarms) // n_series * n_series].reshape(-1, n_series).sum(axis=1)
    rates = monitors * MONTH / alarms.shape[1]
    return float(rates.mean()), float(rates.std(ddof=1) / np.sqrt(len(rates))), float((rates > 1).mean())


def one_setting(reference: int, window: int, *, n_series: int, n_windows: int, seed: int) -> list[str]:
    rng = np.random.default_rng((seed, reference, window))
    references = draw_references(n_series, reference, rng)
    x_a, x_d = draw_windows(n_series, n_windows, window, rng)
    decided = decision_alarms(x_a, x_d, window, references, tuple(alarm_at(MONTH, k) for k in FAMILIES))
    found = {
        "sagemaker": [sagemaker_alarms(x_a, x_d, window, references)] * len(FAMILIES),
        "paper": [paper_alarms(x_a, x_d, window, references)] * len(FAMILIES),
        "decision": decided,
    }
    return [
        f"| {reference} | {window} | {rule} | "
        + " | ".join(_cell(*per_month(alarms, k)) for k, alarms in zip(FAMILIES, by_family, strict=True))
        + f" | {_printed(rule, reference, window)} |"
        for rule, by_family in found.items()
    ]


def _cell(rate: float, error: float, over: float) -> str:
    return f"{_digits(rate)} ± {_digits(error)}; {over:.2f}"


def _digits(rate: float) -> str:
    return f"{rate:.1f}" if rate >= 10 else f"{rate:.2f}" if rate >= 0.1 else f"{rate:.3f}"


def _printed(rule: str, reference: int, window: int) -> str:
    if rule == "decision" and (reference, window) == (200, 1000):
        return " / ".join(f"{rate}" for rate in PRINTED_BY_K.values()) + " (K 1 / 12 / 52)"
    printed = PRINTED[rule].get((reference, window))
    return "" if printed is None else f"{printed[0]}; {printed[1]}"


def print_rules(n_series: int, n_windows: int, seed: int, pool: ProcessPoolExecutor) -> None:
    print(f"### No change: {n_series} series x {n_windows} windows a setting\n")
    print("Alarms in 30 windows of a monitor of K series, with standard error; share of monitors above one.\n")
    print("| reference n_d | window n_d | rule | K = 1 | K = 12 | K = 52 | design, K = 1 |")
    print("|---|---|---|---|---|---|---|")
    settings = [(reference, window) for reference in REFERENCES for window in WINDOWS]
    run = partial(one_setting, n_series=n_series, n_windows=n_windows, seed=seed)
    for lines in pool.map(run, *zip(*settings, strict=True)):
        print("\n".join(lines), flush=True)


def looks(kind: str, *, n_series: int, seed: int) -> str:
    """Many windows of 200 against one reference of 1,000, or a range that ends at the truth."""
    n_windows = 3_000 if kind == "edge" else 10_000
    rng = np.random.default_rng((seed, n_windows))
    references = on_the_edge(n_series) if kind == "edge" else draw_references(n_series, 1000, rng)
    levels = (30.0, 300.0) if kind == "edge" else (30.0, 1560.0)
    x_a, x_d = draw_windows(n_series, n_windows, 200, rng)
    found = decision_alarms(x_a, x_d, 200, references, levels)
    printed = (".08-.27", ".08-.27") if kind == "edge" else (".012", ".003")
    what = "true value on the edge, no noise in the range" if kind == "edge" else "99 % range of a reference of 1,000"
    return "\n".join(
        f"| {what} | {n_windows:,} | {level:.0f} | {_digits(alarms.mean() * level)} | "
        f"{int(alarms.any(axis=1).sum())} of {n_series} | {text} |"
        for level, alarms, text in zip(levels, found, printed, strict=True)
    )


def print_looks(n_series: int, seed: int, pool: ProcessPoolExecutor) -> None:
    print("\n### Many looks, and the edge\n")
    print("Alarms of one series in c windows; the promise is at most 1. Windows of n_d 200.\n")
    print("| range | looks | c | alarms in c windows | series with any alarm | design |")
    print("|---|---|---|---|---|---|")
    for line in pool.map(partial(looks, n_series=n_series, seed=seed), ("reference", "edge")):
        print(line, flush=True)


def one_facet(facet: int, *, reference_n_d: int, n_d: int, n_windows: int, seed: int) -> dict[str, np.ndarray]:
    """Log e-values of all metrics of one facet, each of shape (windows, components)."""
    rng = np.random.default_rng((seed, 84, facet))
    reference = _table(facet, reference_n_d, rng)
    ranges = {metric.name: _range_of(metric.name, reference) for metric in METRICS}
    windows = [_table(facet, n_d, rng) for _ in range(n_windows)]
    return {
        name: np.array([log_e_values(name, window, *limits, reference) for window in windows])
        for name, limits in ranges.items()
    }


def _table(facet: int, n_d: int, rng: np.random.Generator) -> FoldedTable:
    table, flips = verdict_errors.draw(facet, n_d, rng)
    return table.known().with_flips(flips)


def _range_of(name: str, reference: FoldedTable) -> tuple[float, float]:
    interval = estimate(BY_NAME[name], reference).plausible.interval(0.99)
    return interval.low, interval.high


def print_all_metrics(n_windows: int, seed: int, pool: ProcessPoolExecutor) -> None:
    facets = range(len(verdict_errors.FACETS_D))
    n_series = len(METRICS) * len(facets)
    level = alarm_at(MONTH, n_series)
    print(f"\n### All metrics, the real rule: {n_series} series, {n_windows} windows, no change\n")
    print(f"Reference n_d 1,000, windows n_d 200, budget one alarm in 30 windows of all series: c = {level:.0f}.\n")
    print("| metrics | series | mean E, mean over components | largest mean E of a component | alarms | allowed |")
    print("|---|---|---|---|---|---|")
    run = partial(one_facet, reference_n_d=1000, n_d=200, n_windows=n_windows, seed=seed)
    found = list(pool.map(run, facets))
    for title, exact in (("exact", True), ("approximate", False)):
        names = [metric.name for metric in METRICS if is_exact(metric.name) is exact]
        series = [by_metric[name] for by_metric in found for name in names]
        means = np.concatenate([np.exp(log_e[:, np.any(log_e != 0, axis=0)]).mean(axis=0) for log_e in series])
        alarms = sum(_alarms_of(log_e, level) for log_e in series)
        print(f"| {title} | {len(series)} | {means.mean():.3f} | {means.max():.2f} | {alarms} | "
              f"{n_windows / MONTH * len(series) / n_series:.1f} |")


def _alarms_of(log_e: np.ndarray, level: float) -> int:
    state, alarms = np.full(log_e.shape[1], -np.inf), 0
    for window in log_e:
        state, _, alarm = update_many(state, window, level)
        alarms += int(alarm)
    return alarms


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--part", choices=("rules", "looks", "all-metrics", "all"), default="all")
    parser.add_argument("--full", action="store_true", help="four times as many series, three times as many windows")
    parser.add_argument("--processes", type=int, default=2, choices=(1, 2))
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    print(f"seed {asked.seed}, Python {platform.python_version()}, NumPy {np.__version__}\n")
    start, times = time.perf_counter(), 4 if asked.full else 1
    with ProcessPoolExecutor(asked.processes) as pool:
        if asked.part in ("rules", "all"):
            print_rules(1560 * times, 1000, asked.seed, pool)
        if asked.part in ("looks", "all"):
            print_looks(400 * times, asked.seed, pool)
        if asked.part in ("all-metrics", "all"):
            print_all_metrics(3000 if asked.full else 1000, asked.seed, pool)
    print(f"\n{time.perf_counter() - start:.0f} seconds with {asked.processes} processes")


if __name__ == "__main__":
    main()
