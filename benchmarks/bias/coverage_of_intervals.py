"""Coverage of the 95 % intervals over 120 designs: how often each interval of simulated tables holds the true value.

    python benchmarks/bias/coverage_of_intervals.py [--tables 2000] [--designs 120] [--processes 2] [--seed 0]

Designs: n_d in 10, 20, 50, 100, 500; n_a = 4 n_d and 50 n_d; P(label) of facet a .02, .1, .3, .5; the log odds of facet
d shifted by 0, -1, +.7, half of it on TPR .7 and FPR .12 (.03 at base .02). Coverage is over the tables whose point is
defined, in designs where more than a fifth of the tables are (KL and JS: all tables, their interval needs no point).
GE is that of both facets together; FT flips f of facet d by the rates of the design's own errors; accuracy and F1 are
facet d's; CDDL has five strata of unequal size. No interval is sorted: it holds the truth exactly when the truth's rank
among the lattice values lies between the ranks of the two quantiles, and a comparison counts that rank. Each distinct
set of counts is judged once. For metrics of two rates exact quadrature of the same posterior settles the tables in
which the truth is nowhere near a limit (tail mass below .012, or above .04); for the others closed limits settle what
is 1.3 standard errors inside or 3.2 outside, given five rows in every cell. Both were checked to change no coverage.
"""

from __future__ import annotations

import argparse
import itertools
import math
import multiprocessing
import os
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(variable, "1")

import numpy as np  # noqa: E402
from scipy.special import expit, logit  # noqa: E402

from clarify.bias.catalog import BY_NAME  # noqa: E402
from clarify.bias.closed_form import StratifiedDisparity, normal_quantile  # noqa: E402
from clarify.bias.critical_counts import mass_at_or_above  # noqa: E402
from clarify.bias.intervals import _binary_js, _binary_kl, observed_per_predicted  # noqa: E402
from clarify.bias.lattice import N_POINTS, beta_logits, three_shares  # noqa: E402
from clarify.bias.parametric_tables import TABLE_METRICS  # noqa: E402
from clarify.bias.performance import _f1, jeffreys_interval  # noqa: E402
from clarify.bias.two_rates import TWO_RATES as BOUNDARIES  # noqa: E402

STRATA = np.array([0.4, 0.25, 0.2, 0.1, 0.05])
STRATUM_SHIFTS = np.array([-0.6, -0.2, 0.0, 0.3, 0.8])
FAR_OUT, FAR_IN = 0.012, 0.04
CLEAR_IN, CLEAR_OUT = 1.3, 3.2                # standard errors
LOWEST, HIGHEST = 0.025 * N_POINTS - 0.5, 0.975 * N_POINTS - 0.5


@dataclass(frozen=True)
class Design:
    n_d: int
    ratio: int
    base: float
    shift: float

    @property
    def n_a(self) -> int:
        return self.n_d * self.ratio

    def rates(self, shift: float) -> tuple[float, float, float]:
        """P(label), TPR and FPR of a facet whose log odds are shifted."""
        fpr = 0.03 if self.base == 0.02 else 0.12
        return tuple(float(expit(logit(p) + part)) for p, part in
                     ((self.base, shift), (0.7, shift / 2), (fpr, shift / 2)))

    def cells(self, shift: float) -> np.ndarray:
        """Probabilities of (TP, FP, FN, TN)."""
        p, tpr, fpr = self.rates(shift)
        return np.array([p * tpr, (1 - p) * fpr, p * (1 - tpr), (1 - p) * (1 - fpr)])


DESIGNS = tuple(
    Design(*parts) for parts in itertools.product((10, 20, 50, 100, 500), (4, 50), (0.02, 0.1, 0.3, 0.5), (0, -1, 0.7))
)


def inside(values: np.ndarray, truth: float) -> bool:
    """Whether the truth lies between the 2.5 % and 97.5 % quantiles of the lattice values."""
    below, at_most = int(np.count_nonzero(values < truth)), int(np.count_nonzero(values <= truth))
    return at_most > LOWEST and below < HIGHEST + 1


def rate_pair(count_a: tuple[int, int], count_d: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    return expit(beta_logits(*count_a, 1)), expit(beta_logits(*count_d, 2))


def signed_root(divergence: Callable, p_a: np.ndarray, p_d: np.ndarray) -> np.ndarray:
    return np.sign(p_a - p_d) * np.sqrt(np.maximum(divergence(p_a, p_d), 0.0))


def folded_holds(signed: np.ndarray, truth: float) -> bool:
    """Whether the folded interval of a signed quantity holds the truth's size: either sign, or between."""
    if truth == 0.0:
        return inside(signed, 0.0)
    size = abs(truth)
    below_low, above_low = (int(np.count_nonzero(signed < edge)) for edge in (-size, size))
    # low <= -size or high >= size makes the upper end reach it; the lower end is 0 or below it
    reaches = below_low > LOWEST or above_low < HIGHEST + 1
    starts = not (below_low > HIGHEST + 1 or above_low < LOWEST)
    return reaches and starts


TWO_RATES = {                                 # successes and failures among (TP, FP, FN, TN), sign of a minus d
    "DPL": ((0, 2), (1, 3), 1), "DPPL": ((0, 1), (2, 3), 1), "RD": ((0,), (2,), 1), "SD": ((3,), (1,), -1),
    "DAR": ((0,), (1,), 1), "DRR": ((3,), (2,), -1), "AD": ((0, 3), (1, 2), 1),
}


def parts(cells: np.ndarray, name: str) -> tuple[np.ndarray, np.ndarray]:
    yes, no, _ = TWO_RATES[name]
    return cells[..., list(yes)].sum(axis=-1), cells[..., list(no)].sum(axis=-1)


class Judge:
    """Coverage of every metric in one design; equal counts are judged once."""

    def __init__(self, design: Design, tables: int, seed: int) -> None:
        rng = np.random.default_rng([seed, DESIGNS.index(design)])
        self.design, self.tables, self.rng = design, tables, rng
        self.true_a, self.true_d = design.cells(0.0), design.cells(design.shift)
        self.a = rng.multinomial(design.n_a, self.true_a, tables)
        self.d = rng.multinomial(design.n_d, self.true_d, tables)
        self.covered: dict[str, float] = {}

    def run(self) -> dict[str, float]:
        for name in TWO_RATES:
            self._difference(name)
        self._ratio()
        self._divergences()
        self._odds()
        self._outcomes("DCA", (0, 1, 2), 1)
        self._outcomes("DCR", (3, 2, 1), -1)
        self._entropy()
        self._flips()
        self._one_group()
        self._strata()
        return self.covered

    def _record(self, name: str, keys: np.ndarray, defined: np.ndarray, holds: Callable[..., bool]) -> None:
        if defined.mean() <= 0.2:
            return
        distinct, times = np.unique(keys[defined], axis=0, return_counts=True)
        self.covered[name] = float(np.average([holds(*map(int, key)) for key in distinct], weights=times))

    def _record_two_rates(
        self, name: str, keys: np.ndarray, defined: np.ndarray, truth: float, holds: Callable[..., bool]
    ) -> None:
        """As :meth:`_record`; ``keys``: successes and failures in a and in d, ``truth``: rises with a's rate."""
        if defined.mean() <= 0.2:
            return
        distinct, times = np.unique(keys[defined], axis=0, return_counts=True)
        x_a, x_d = distinct[:, 0].astype(float), distinct[:, 2].astype(float)
        n_a, n_d = x_a + distinct[:, 1], x_d + distinct[:, 3]
        boundary, signed = BOUNDARIES[name].boundary(truth, "a"), BOUNDARIES[name].signed
        below = mass_at_or_above(boundary, x_d, n_d, x_a, n_a)      # posterior mass of a signed value below the truth
        point = signed(x_a / n_a, x_d / n_d)
        held = np.where(below < 0.5, (below > FAR_IN) | (point <= truth), (below < 1 - FAR_IN) | (point >= truth))
        tail = np.minimum(below, 1 - below)
        for index in np.flatnonzero((tail > FAR_OUT) & (tail < FAR_IN)):
            held[index] = holds(*map(int, distinct[index]))
        self.covered[name] = float(np.average(held, weights=times))

    def _record_folded(self, name: str, keys: np.ndarray, truth: float, holds: Callable[..., bool]) -> None:
        """As :meth:`_record_two_rates` for a signed truth whose size alone is asked."""
        distinct, times = np.unique(keys, axis=0, return_counts=True)
        x_a, x_d = distinct[:, 0].astype(float), distinct[:, 2].astype(float)
        below, above = (
            mass_at_or_above(BOUNDARIES[name].boundary(edge, "a"), x_d, self.design.n_d, x_a, self.design.n_a)
            for edge in (-abs(truth), abs(truth))
        )
        held = ((below > 0.025) | (above < 0.975)) & (below <= 0.975) & (above >= 0.025)
        tails = [np.minimum(mass, 1 - mass) for mass in (below, above)]
        near = [(tail > FAR_OUT) & (tail < FAR_IN) for tail in tails]
        for index in np.flatnonzero(near[0] | near[1]):
            held[index] = holds(*map(int, distinct[index]))
        self.covered[name] = float(np.average(held, weights=times))

    def _record_by_limits(
        self, metric: str, groups: tuple[np.ndarray, ...], defined: np.ndarray, truth: float,
        holds: Callable[..., bool],
    ) -> None:
        """As :meth:`_record`; with five rows in every cell, closed limits settle truths far inside or far outside."""
        if defined.mean() <= 0.2:
            return
        distinct, times = np.unique(np.concatenate(groups, axis=1)[defined], axis=0, return_counts=True)
        smoothed = [part + 0.5 for part in np.split(distinct, len(groups), axis=1)]
        (low, high), (lowest, highest) = (TABLE_METRICS[metric].limits(*smoothed, z=z) for z in (CLEAR_IN, CLEAR_OUT))
        held = (low < truth) & (truth < high)
        settled = (distinct.min(axis=1) >= 5) & (held | (truth < lowest) | (truth > highest))
        for index in np.flatnonzero(~settled):
            held[index] = holds(*map(int, distinct[index]))
        self.covered[metric] = float(np.average(held, weights=times))

    def _difference(self, name: str) -> None:
        sign = TWO_RATES[name][2]
        (yes_a, no_a), (yes_d, no_d) = parts(self.a, name), parts(self.d, name)
        true_a, true_d = (np.divide(yes, yes + no) for yes, no in (parts(self.true_a, name), parts(self.true_d, name)))
        truth = float(true_a - true_d)
        keys = np.stack([yes_a, no_a, yes_d, no_d], axis=1)

        def holds(y_a: int, n_a: int, y_d: int, n_d: int) -> bool:
            p_a, p_d = rate_pair((y_a, n_a), (y_d, n_d))
            point = y_a / (y_a + n_a) - y_d / (y_d + n_d)
            return inside_or_widened(sign * (p_a - p_d), sign * truth, sign * point)

        self._record_two_rates(name, keys, (yes_a + no_a > 0) & (yes_d + no_d > 0), truth, holds)

    def _ratio(self) -> None:
        (yes_a, no_a), (yes_d, no_d) = parts(self.a, "DPPL"), parts(self.d, "DPPL")
        truth = float(parts(self.true_d, "DPPL")[0] / parts(self.true_a, "DPPL")[0])

        def holds(y_a: int, n_a: int, y_d: int, n_d: int) -> bool:
            p_a, p_d = rate_pair((y_a, n_a), (y_d, n_d))
            return inside_or_widened(p_d / p_a, truth, y_d / (y_d + n_d) / (y_a / (y_a + n_a)))

        keys = np.stack([yes_a, no_a, yes_d, no_d], axis=1)
        self._record_two_rates("DI", keys, yes_a > 0, -truth, holds)

    def _divergences(self) -> None:
        (yes_a, no_a), (yes_d, no_d) = parts(self.a, "DPL"), parts(self.d, "DPL")
        keys = np.stack([yes_a, no_a, yes_d, no_d], axis=1)
        p_a, p_d = (parts(true, "DPL")[0] for true in (self.true_a, self.true_d))
        for name, divergence in (("KL", _binary_kl), ("JS", _binary_js)):
            truth = float(signed_root(divergence, np.array([p_a]), np.array([p_d]))[0])

            def holds(y_a: int, n_a: int, y_d: int, n_d: int, divergence=divergence, truth=truth) -> bool:
                return folded_holds(signed_root(divergence, *rate_pair((y_a, n_a), (y_d, n_d))), truth)

            self._record_folded(name, keys, truth, holds)
        truth_tvd = float(p_a - p_d)

        def holds_tvd(y_a: int, n_a: int, y_d: int, n_d: int) -> bool:
            first, second = rate_pair((y_a, n_a), (y_d, n_d))
            return folded_holds(first - second, truth_tvd)

        self._record_folded("TVD", keys, truth_tvd, holds_tvd)

    def _odds(self) -> None:
        keys = np.concatenate([self.a[:, [2, 1]], self.d[:, [2, 1]]], axis=1)
        truth = float(self.true_d[2] / self.true_d[1] - self.true_a[2] / self.true_a[1])

        def holds(fn_a: int, fp_a: int, fn_d: int, fp_d: int) -> bool:
            values = np.exp(beta_logits(fn_d, fp_d, 2)) - np.exp(beta_logits(fn_a, fp_a, 1))
            return inside_or_widened(values, truth, fn_d / fp_d - fn_a / fp_a)

        self._record_two_rates("TE", keys, (keys[:, 1] > 0) & (keys[:, 3] > 0), -truth, holds)

    def _outcomes(self, name: str, columns: tuple[int, int, int], sign: int) -> None:
        keys = np.concatenate([self.a[:, columns], self.d[:, columns]], axis=1)

        def measure(cells: np.ndarray) -> float:
            right, wrong, missed = cells[list(columns)]
            return float((right + missed) / (right + wrong))

        truth = sign * (measure(self.true_a) - measure(self.true_d))

        def holds(*cells: int) -> bool:
            of_a, of_d = observed_per_predicted(*cells[:3], (1, 2)), observed_per_predicted(*cells[3:], (3, 4))
            point = (cells[0] + cells[2]) / (cells[0] + cells[1]) - (cells[3] + cells[5]) / (cells[3] + cells[4])
            return inside_or_widened(sign * (of_a - of_d), truth, sign * point)

        defined = (keys[:, 0] + keys[:, 1] > 0) & (keys[:, 3] + keys[:, 4] > 0)
        self._record_by_limits(name, (self.a[:, columns], self.d[:, columns]), defined, truth, holds)

    def _entropy(self) -> None:
        pooled = self.a + self.d
        keys = np.stack([pooled[:, 1], pooled[:, 2], pooled[:, 0] + pooled[:, 3]], axis=1)
        weight = self.design.n_a / (self.design.n_a + self.design.n_d)
        true = weight * self.true_a + (1 - weight) * self.true_d

        def index(f, g):
            return ((1 + 3 * f - g) / (1 + f - g) ** 2 - 1) / 2

        truth = float(index(true[1], true[2]))

        def holds(fp: int, fn: int, right: int) -> bool:
            s, t = (expit(part) for part in three_shares(fp, fn, right, (1, 2)))
            rows = fp + fn + right
            return inside_or_widened(index(s * t, s * (1 - t)), truth, index(fp / rows, fn / rows))

        self._record_by_limits("GE", (keys,), np.full(self.tables, True), truth, holds)

    def _flips(self) -> None:
        """Flips to negative as likely as false positives in facet d, flips to positive as false negatives."""
        shares = np.array([self.true_d[1], self.true_d[2], 1 - self.true_d[1] - self.true_d[2]])
        keys = self.rng.multinomial(self.design.n_d, shares, self.tables)
        truth = float(shares[0] - shares[1])

        def holds(down: int, up: int, stay: int) -> bool:
            s, t = (expit(part) for part in three_shares(down, up, stay, (1, 2)))
            return inside_or_widened(s * (2 * t - 1), truth, (down - up) / self.design.n_d)

        self._record_by_limits("FT", (keys,), np.full(self.tables, True), truth, holds)

    def _one_group(self) -> None:
        right, wrong = parts(self.d, "AD")
        truth = float(parts(self.true_d, "AD")[0])

        def holds(yes: int, no: int) -> bool:
            interval = jeffreys_interval(yes, yes + no)
            return interval.low <= truth <= interval.high

        self._record("accuracy", np.stack([right, wrong], axis=1), right + wrong > 0, holds)
        others = self.d[:, 1] + self.d[:, 2]
        true_f1 = _f1(float(self.true_d[0] / self.true_d[:3].sum()))

        def holds_f1(hits: int, other: int) -> bool:
            share = jeffreys_interval(hits, hits + other)
            return _f1(share.low) <= true_f1 <= _f1(share.high)

        self._record("F1", np.stack([self.d[:, 0], others], axis=1), self.d[:, 0] + others > 0, holds_f1)

    def _strata(self) -> None:
        """CDDL over five strata whose base rates differ; the truth is that of the super-population."""
        p = expit(logit(self.design.base) + np.array([0.0, self.design.shift])[:, None] + STRATUM_SHIFTS)
        share = np.array([self.design.n_a, self.design.n_d]) / (self.design.n_a + self.design.n_d)
        cells = share[:, None, None] * STRATA[None, :, None] * np.stack([1 - p, p], axis=-1)
        rejected, accepted = (cells[1, :, side] / cells[:, :, side].sum(axis=0) for side in (0, 1))
        truth = float(np.sum(STRATA * (rejected - accepted)))
        flat = [self.rng.multinomial(n, (cells[side] / share[side]).ravel(), self.tables).reshape(-1, 5, 2)
                for side, n in ((0, self.design.n_a), (1, self.design.n_d))]
        tables = np.stack(flat, axis=2)                     # (tables, strata, facets, classes)
        defined = (tables.sum(axis=(1, 2)) > 0).all(axis=1)
        if defined.mean() <= 0.2:
            return
        z = normal_quantile(0.95)
        held = []
        for table in tables[defined]:
            low, high = StratifiedDisparity(table[table.sum(axis=(1, 2)) > 0]).limits(z)
            held.append(low <= truth <= high)
        self.covered["CDDL"] = float(np.mean(held))


def inside_or_widened(values: np.ndarray, truth: float, point: float) -> bool:
    """The interval is widened to contain the point, so that a truth between it and a quantile is held too."""
    if inside(values, truth):
        return True
    if truth == point:
        return True
    between = np.count_nonzero(values < truth) >= HIGHEST + 1 if point > truth else np.count_nonzero(
        values <= truth) <= LOWEST
    return bool(between)


def run(arguments: tuple[Design, int, int]) -> dict[str, float]:
    return Judge(*arguments).run()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tables", type=int, default=2_000)
    parser.add_argument("--designs", type=int, default=len(DESIGNS), help="every so-manieth, spread over all")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    chosen = [DESIGNS[int(i)] for i in np.unique(np.linspace(0, len(DESIGNS) - 1, asked.designs).round())]
    start, found = time.perf_counter(), defaultdict(list)
    with multiprocessing.Pool(asked.processes) as pool:
        for done, covered in enumerate(
            pool.imap(run, [(design, asked.tables, asked.seed) for design in chosen]), 1
        ):
            for name, share in covered.items():
                found[name].append((share, chosen[done - 1]))
            print(f"\r{done} of {len(chosen)} designs, {time.perf_counter() - start:.0f} s", end="", flush=True)
    error = math.sqrt(0.95 * 0.05 / asked.tables)
    print(f"\n{asked.tables:,} tables a design, standard error of one coverage {error:.4f}\n")
    print("| metric | designs | min | p5 | median | below .91 | worst at |\n|---|---|---|---|---|---|---|")
    order = [*(name for name in BY_NAME if name in found), *(name for name in found if name not in BY_NAME)]
    for name in order:
        shares = np.array([share for share, _ in found[name]])
        worst = found[name][int(shares.argmin())][1]
        summary = " | ".join(f"{share:.3f}" for share in (shares.min(), np.quantile(shares, 0.05), np.median(shares)))
        where = f"n_d {worst.n_d}, n_a {worst.n_a}, P(label) {worst.base:g}, shift {worst.shift:g}"
        print(f"| {name} | {len(shares)} | {summary} | {np.count_nonzero(shares < 0.91)} | {where} |")


if __name__ == "__main__":
    main()
