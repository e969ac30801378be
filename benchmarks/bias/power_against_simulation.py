"""The planner's power against the share of simulated tables whose interval excludes the allowed range.

    python benchmarks/bias/power_against_simulation.py [--tables 40000] [--seed 0]

Two-rate metrics: for each simulated count of facet d the counts of facet a at which the house's own interval leaves the
range are found by bisection over the simulated ones, so every table is judged and few intervals are computed. Other
metrics: the change that `detectable_change` names is simulated, and the share of tables that show it is printed beside
the 80 % it promises. Differences are in points; the standard error of a share is printed too.
"""

from __future__ import annotations

import argparse
import math
import time
from dataclasses import dataclass

import numpy as np

from clarify.bias.contingency import ContingencyTable, FoldedTable
from clarify.bias.intervals import plausible_values
from clarify.bias.parametric_tables import TABLE_METRICS, TiltSearch
from clarify.bias.power import TWO_RATES, detectable_change, power_of
from clarify.results import FlipCounts


@dataclass(frozen=True)
class Setting:
    metric: str
    rows_d: int
    rows_a: int
    rate_a: float
    rate_d: float
    low: float | None
    high: float | None
    tests: int = 1


SETTINGS = (
    Setting("DPPL", 20, 80, 0.5, 0.1, -0.1, 0.1),
    Setting("DPPL", 20, 1_000, 0.3, 0.7, -0.1, 0.1),
    Setting("DPPL", 50, 200, 0.5, 0.1973, -0.1, 0.1),
    Setting("DPPL", 100, 400, 0.3, 0.15, -0.1, 0.1),
    Setting("DPPL", 100, 400, 0.3, 0.05, -0.1, 0.1),
    Setting("DPPL", 100, 100, 0.1, 0.3, 0.0, 0.0),
    Setting("DPL", 200, 60, 0.3, 0.55, -0.1, 0.1),
    Setting("DPL", 500, 2_000, 0.5, 0.3322, -0.1, 0.1),
    Setting("DPL", 500, 2_000, 0.5, 0.3006, -0.1, 0.1, tests=52),
    Setting("RD", 500, 25_000, 0.7, 0.55, None, 0.1),
    Setting("SD", 1_000, 4_000, 0.9, 0.95, -0.02, 0.02),
    Setting("DPPL", 1_000, 4_000, 0.1, 0.22, -0.1, 0.1),
    Setting("AD", 2_000, 8_000, 0.8, 0.7, -0.08, 0.08),
    Setting("DPL", 5_000, 20_000, 0.3, 0.182, -0.1, 0.1),
    Setting("DI", 50, 200, 0.5, 0.2, 0.8, 1.25),
    Setting("DI", 300, 1_200, 0.3, 0.18, 0.8, 1.25),
    Setting("DI", 2_000, 8_000, 0.1, 0.065, 0.8, 1.25),
    Setting("KL", 100, 400, 0.3, 0.55, 0.0, 0.02),
    Setting("JS", 300, 1_200, 0.5, 0.35, 0.0, 0.005),
    Setting("TE", 60, 200, 0.5, 0.8, -1.0, 1.0),
)


def table_of(metric: str, x_a: int, n_a: int, x_d: int, n_d: int) -> FoldedTable:
    """A table in which the metric's two rates are these counts."""
    def cells(x: int, n: int) -> tuple[int, int, int, int]:      # (TP, FP, FN, TN)
        return {
            "RD": (x, 0, n - x, 0), "SD": (0, n - x, 0, x), "TE": (0, n - x, x, 0), "AD": (x, n - x, 0, 0),
        }.get(metric, (x, 0, 0, n - x))

    return ContingencyTable.from_confusion(a=cells(x_a, n_a), d=cells(x_d, n_d)).known()


def is_seen(setting: Setting, x_a: int, x_d: int) -> tuple[bool, bool]:
    """Whether the house sees the signed quantity above its range, below it."""
    kind = TWO_RATES[setting.metric]
    rates = x_a / setting.rows_a, x_d / setting.rows_d
    undefined = (setting.metric == "DI" and x_a == 0) or (setting.metric == "TE" and max(rates) == 1)
    undefined = undefined or (setting.metric == "KL" and rates[0] != rates[1] and rates[1] in (0, 1))
    point = None if undefined else kind.value(*rates)
    table = table_of(setting.metric, x_a, setting.rows_a, x_d, setting.rows_d)
    plausible = plausible_values(setting.metric, table, point)
    seen = plausible.tail_p(setting.low, setting.high).outside <= 0.05 / setting.tests
    is_upper = rates[0] > rates[1] if setting.metric != "DI" else rates[1] < rates[0]
    return seen and is_upper, seen and not is_upper


def simulated(setting: Setting, tables: int, seed: int) -> float:
    rng = np.random.default_rng(seed)
    x_a = rng.binomial(setting.rows_a, setting.rate_a, tables)
    x_d = rng.binomial(setting.rows_d, setting.rate_d, tables)
    seen = 0
    for count in np.unique(x_d):
        drawn = np.sort(x_a[x_d == count])
        distinct = np.unique(drawn)
        # Beyond the upper side facet a's count is high, beyond the lower one it is low.
        first = _first(lambda i, c=count, v=distinct: is_seen(setting, int(v[i]), int(c))[0], len(distinct))
        last = _first(lambda i, c=count, v=distinct: not is_seen(setting, int(v[i]), int(c))[1], len(distinct))
        seen += np.sum(drawn >= distinct[first]) if first < len(distinct) else 0
        seen += np.sum(drawn < distinct[last]) if last < len(distinct) else len(drawn)
    return float(seen / tables)


def _first(holds, n: int) -> int:
    """The first index from which a rising condition holds."""
    low, high = -1, n
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if holds(middle) else (middle, high)
    return high


CHANGES = (
    ("CI", -0.1, 0.1), ("FT", -0.1, 0.1), ("GE", None, 0.1), ("DCA", -0.2, 0.2), ("DCR", -0.3, 0.3),
)
TABLES = {
    "125 rows": ContingencyTable.from_confusion(a=(65, 10, 5, 20), d=(20, 5, 7, 18)),
    "2,400 rows": ContingencyTable.from_confusion(a=(650, 100, 50, 1_200), d=(120, 25, 37, 218)),
}
FLIPS = FlipCounts(6, 14, 100)


def simulated_change(metric: str, table: ContingencyTable, low: float | None, high: float, tables: int, seed: int):
    """Share of simulated tables that show the change named by `detectable_change` above the range."""
    counts = table.facet_counts()
    named = detectable_change(metric, counts, low, high, flips=FLIPS)
    cells = TABLE_METRICS[metric].cells(counts, FLIPS)
    search = TiltSearch(TABLE_METRICS[metric], cells, high, True, 0.025)
    near, far = -30.0, 30.0
    for _ in range(60):
        middle = (near + far) / 2
        near, far = (near, middle) if search.value(middle) >= named.above else (middle, far)
    shares = [(np.array(group) + 0.5) / (np.array(group) + 0.5).sum() for group in cells[:-1]] + [search.shares(far)]
    rng = np.random.default_rng(seed)
    drawn = [rng.multinomial(sum(group), share, tables) for group, share in zip(cells, shares, strict=True)]
    seen = [_shows(metric, [part[i] for part in drawn], low, high) for i in range(tables)]
    return named.above, float(np.mean(seen))


def _shows(metric: str, cells: list[np.ndarray], low: float | None, high: float) -> bool:
    smoothed = [group + 0.0 for group in cells]
    if metric == "CI":
        known = ContingencyTable.from_labels(a=(int(cells[0][0]), 0), d=(int(cells[0][1]), 0)).known()
    elif metric == "FT":
        known = TABLES["125 rows"].known().with_flips(FlipCounts(int(cells[0][1]), int(cells[0][0]), FLIPS.n_d))
    elif metric == "GE":
        fp, fn, right = map(int, cells[0])
        known = ContingencyTable.from_confusion(a=(right, fp, fn, 0), d=(0, 0, 0, 0)).known()
    else:
        groups = [(r, w, m, 0) if metric == "DCA" else (0, m, w, r) for r, w, m in (map(int, g) for g in cells)]
        known = ContingencyTable.from_confusion(a=groups[0], d=groups[1]).known()
        if any(group[0] + group[1] == 0 for group in cells):
            return plausible_values(metric, known, None).tail_p(low, high).outside <= 0.05
    point = float(TABLE_METRICS[metric].value(*smoothed))
    return plausible_values(metric, known, point).tail_p(low, high).outside <= 0.05


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tables", type=int, default=40_000)
    parser.add_argument("--changes", type=int, default=600, help="tables of metrics that are not two rates")
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    start, worst = time.perf_counter(), 0.0
    print("metric  n_d    n_a    rate_a  rate_d  tests   planned  simulated  difference (s.e.), points")
    for s in SETTINGS:
        planned = power_of(s.metric, rows_a=s.rows_a, rows_d=s.rows_d, rate_a=s.rate_a, rate_d=s.rate_d,
                           low=s.low, high=s.high, level=0.05 / s.tests)
        share = simulated(s, asked.tables, asked.seed)
        error = math.sqrt(share * (1 - share) / asked.tables)
        worst = max(worst, abs(planned - share))
        print(f"{s.metric:5} {s.rows_d:6,} {s.rows_a:7,} {s.rate_a:7.3f} {s.rate_d:7.3f} {s.tests:5}"
              f" {planned:10.4f} {share:10.4f} {100 * (planned - share):9.2f} ({100 * error:.2f})", flush=True)
    print(f"largest difference: {100 * worst:.2f} points, {time.perf_counter() - start:.0f} s")
    print("\nmetric  table        range          named    share of tables that show it (planned .80)")
    for name, table in TABLES.items():
        for metric, low, high in CHANGES:
            value, share = simulated_change(metric, table, low, high, asked.changes, asked.seed)
            print(f"{metric:5}   {name:11}  [{low}, {high}]   {value:8.4f}   {share:.3f}", flush=True)
    print(f"{time.perf_counter() - start:.0f} s in all")


if __name__ == "__main__":
    main()
