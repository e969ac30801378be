"""How often a report holds a wrong verdict: true values on the edge of their ranges, 13 metrics of 4 facets.

    python benchmarks/bias/verdict_errors.py [--tables 250] [--n-d 50 100 500] [--processes 2] [--seed 0]

Every facet has cell probabilities of its own, over (true positive, false positive, false negative, true negative) and
two strata; facet a has four times the rows of facet d. A metric's true value is its formula at these probabilities, and
the one-sided range of the metric ends at that value. A value on the edge is allowed, so a VIOLATION there is wrong; a
hair further out it is not, so a PASS is wrong. For a range that begins at the value the two change places: its false
VIOLATIONs are the false PASSes of the range that ends there. A second limit can only make a PASS rarer.

"half on the edge": the ranges of two facets allow everything, so that these pass at once and leave the level to the
other two, whose verdicts are counted. Printed: shares of reports with a wrong verdict, with standard errors.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np

from clarify.bias.catalog import Metric, metrics_of
from clarify.bias.contingency import ContingencyTable
from clarify.bias.evaluate import evaluate
from clarify.bias.reading import HONEST
from clarify.config.policy import AllowedRange, Policy, read_policy
from clarify.results import BiasSection, FacetBias, FlipCounts, Verdict
from clarify.verdicts import decide

STAGE = "post_training"
METRICS: tuple[Metric, ...] = metrics_of(STAGE)
VERDICTS = (Verdict.VIOLATION, Verdict.PASS)
ROWS_A_PER_D = 4
SCALE = 10_000_000                    # rows a facet d that stand for its probabilities

# For each facet d: share of positive labels, share of these found, share of the others wrongly accepted, and the
# probabilities of a flip to the positive and to the negative decision. Facet a is the first.
FACET_A = (0.40, 0.70, 0.12)
FACETS_D = ((0.40, 0.70, 0.12), (0.30, 0.60, 0.10), (0.50, 0.75, 0.20), (0.20, 0.65, 0.08))
FLIPS = ((0.10, 0.10), (0.20, 0.05), (0.05, 0.15), (0.12, 0.04))
STRATA = (0.6, 0.4)                   # shares of the rows; labels of the second stratum are positive less often


def cells(labels: float, found: float, wrong: float) -> np.ndarray:
    """Probabilities of (TP, FP, FN, TN) in each stratum, shape (2, 4), summing to 1."""
    rows = []
    for share, factor in zip(STRATA, (1.1, 0.85), strict=True):
        positive = labels * factor
        rows.append(share * np.array([positive * found, (1 - positive) * wrong,
                                      positive * (1 - found), (1 - positive) * (1 - wrong)]))
    return np.array(rows)


def table_of(of_a: np.ndarray, of_d: np.ndarray) -> ContingencyTable:
    """Counts of two facets, each (2 strata, TP FP FN TN), as a table."""
    counts = np.zeros((3, 3, 3, 3), dtype=np.int64)
    for facet, (tp, fp, fn, tn) in enumerate((of_a.T, of_d.T)):
        for label, predicted, cell in ((1, 1, tp), (0, 1, fp), (1, 0, fn), (0, 0, tn)):
            counts[facet, label, predicted, :2] = cell
    return ContingencyTable(counts, has_predictions=True, has_strata=True)


def true_values(facet: int) -> dict[str, float]:
    """Every metric at the probabilities of one facet."""
    of_a, of_d = cells(*FACET_A) * SCALE * ROWS_A_PER_D, cells(*FACETS_D[facet]) * SCALE
    to_positive, to_negative = (round(p * SCALE) for p in FLIPS[facet])
    table = table_of(of_a.round().astype(np.int64), of_d.round().astype(np.int64)).known()
    with_flips = table.with_flips(FlipCounts(to_positive, to_negative, SCALE))
    return {metric.name: float(metric.formula(with_flips, HONEST)) for metric in METRICS}


def ranges_of(facet: int) -> dict[str, AllowedRange]:
    """Ranges that end at the true values of a facet."""
    return {name: AllowedRange(None, value) for name, value in true_values(facet).items()}


EVERYTHING = {metric.name: AllowedRange(None, math.inf) for metric in METRICS}


def policy_of(family: str) -> Policy:
    """Level and family; the ranges are handed to ``evaluate`` directly, one set a facet."""
    names = [metric.name for metric in METRICS]
    body = {"version": "1.0", "name": family, "family": family, "ranges": [{"metric": names, "low": 0.5}]}
    return read_policy(json.dumps(body).encode()).policy


def draw(facet: int, n_d: int, rng: np.random.Generator) -> tuple[ContingencyTable, FlipCounts]:
    of_a = rng.multinomial(ROWS_A_PER_D * n_d, cells(*FACET_A).ravel()).reshape(2, 4)
    of_d = rng.multinomial(n_d, cells(*FACETS_D[facet]).ravel()).reshape(2, 4)
    to_positive, to_negative = FLIPS[facet]
    flips = rng.multinomial(n_d, [to_positive, to_negative, 1 - to_positive - to_negative])
    return table_of(of_a, of_d), FlipCounts(int(flips[0]), int(flips[1]), n_d)


def wrong_verdicts(report: int, *, n_d: int, seed: int) -> dict[tuple[str, Verdict], int]:
    """Number of wrong VIOLATIONs and of wrong PASSes in one report, by rule."""
    rng = np.random.default_rng((seed, n_d, report))
    drawn = [draw(facet, n_d, rng) for facet in range(len(FACETS_D))]
    on_edge = [_measured(facet, *drawn[facet], ranges_of(facet)) for facet in range(len(FACETS_D))]
    easy = [_measured(facet, *drawn[facet], EVERYTHING) for facet in (0, 1)]
    return {
        **_counted("Holm, all on the edge", "holm", on_edge, on_edge),
        **_counted("Holm, half on the edge", "holm", [*easy, *on_edge[2:]], on_edge[2:]),
        **_counted("unadjusted", "none", on_edge, on_edge),
    }


def _counted(
    rule: str, family: str, biases: list[FacetBias], counted: list[FacetBias]
) -> dict[tuple[str, Verdict], int]:
    section = BiasSection(STAGE, "label", "1", tuple(biases))
    found = decide(policy_of(family), "", [section], with_detectable=False).judgements
    facets = {bias.facet for bias in counted}
    return {
        (rule, verdict): sum(item.verdict is verdict and item.facet in facets for item in found)
        for verdict in VERDICTS
    }


def _measured(facet: int, table: ContingencyTable, flips: FlipCounts, ranges: dict[str, AllowedRange]) -> FacetBias:
    return evaluate(table, facet=str(facet), value_or_threshold="d", stage=STAGE, flips=flips, ranges=ranges)


def rows(n_d: int, tables: int, seed: int, pool: ProcessPoolExecutor) -> Iterator[str]:
    """Lines of the printed table for one size of facet d."""
    counted = list(pool.map(partial(wrong_verdicts, n_d=n_d, seed=seed), range(tables), chunksize=5))
    for rule in dict.fromkeys(rule for rule, _ in counted[0]):
        shares = [float(np.mean([found[rule, verdict] > 0 for found in counted])) for verdict in VERDICTS]
        yield f"| {n_d} | {rule} | " + " | ".join(_share(share, tables) for share in shares) + " |"
    tests = len(METRICS) * len(FACETS_D)
    alone = [np.mean([found["unadjusted", verdict] for found in counted]) / tests for verdict in VERDICTS]
    yield f"| {n_d} | one metric alone (K = 1) | " + " | ".join(f"{share:.3f}" for share in alone) + " |"


def _share(share: float, n: int) -> str:
    return f"{share:.3f} ± {math.sqrt(share * (1 - share) / n):.3f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tables", type=int, default=250)
    parser.add_argument("--n-d", type=int, nargs="+", default=[50, 100, 500])
    parser.add_argument("--processes", type=int, default=2, choices=(1, 2))
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    tests = len(METRICS) * len(FACETS_D)
    print(f"{asked.tables} reports a row, {len(METRICS)} metrics x {len(FACETS_D)} facets = {tests} tests, n_a = "
          f"{ROWS_A_PER_D} n_d, level .05, seed {asked.seed}, Python {platform.python_version()}\n")
    print("| n_d | rule | any false VIOLATION | any false PASS |")
    print("|---|---|---|---|")
    start = time.perf_counter()
    with ProcessPoolExecutor(asked.processes) as pool:
        for n_d in asked.n_d:
            for line in rows(n_d, asked.tables, asked.seed, pool):
                print(line, flush=True)
    print(f"\n{time.perf_counter() - start:.0f} seconds with {asked.processes} processes")


if __name__ == "__main__":
    main()
