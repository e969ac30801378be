"""How often each test on attribution drift sees a change, and how often it sees one where there is none.

    python benchmarks/monitoring/attribution_power.py [--runs 60] [--permutations 199] [--settings top swap] [--seed 0]

Local attributions are drawn, not explained: Laplace and normal features in turn, times the feature's weight
(geometric: 0.8^j, flat: 0.97^j), times a lognormal scale of the row (sigma 0.5). 1,000 rows of reference, one window
per run, the change in the window's weights. Each test runs at .05. Beside ours stand the figures of the design's own
simulation, with 200 runs and 499 permutations.

Printed: shares of runs with an alarm (nDCG below the service's .90, then the three permutation tests; in brackets the
runs in which the changed feature itself is named), medians of nDCG and of its calibrated threshold, false findings on
unchanged features; then the time of one whole check of 2,000 rows and 50 features.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from numpy.typing import NDArray

from clarify.drift.attribution_drift import NDCG_THRESHOLD, check_attribution_drift
from clarify.drift.attribution_statistics import N_TESTS, compare

REFERENCE_ROWS = 1_000
LEVEL = 0.05
DECAYS = {"geom": 0.8, "flat": 0.97}

Numbers = NDArray[np.float64]


@dataclass(frozen=True)
class Setting:
    """One row of the table; ``factors`` multiply weights, ``order`` lists which weight each feature takes."""

    name: str
    what: str
    n_features: int
    profile: str
    n_window: int
    factors: tuple[tuple[int, float], ...] = ()
    order: tuple[int, ...] = ()
    published: tuple[str, str, str, str, str] = ("-", "-", "-", "-", "-")

    @property
    def weights(self) -> Numbers:
        return DECAYS[self.profile] ** np.arange(self.n_features)

    @property
    def changed_weights(self) -> Numbers:
        order = [*self.order, *range(len(self.order), self.n_features)]
        weights = self.weights[order]
        for place, factor in self.factors:
            weights[place] *= factor
        return weights

    @property
    def title(self) -> str:
        return f"M{self.n_features} {self.profile} n{self.n_window}, {self.what}"


@dataclass(frozen=True)
class Found:
    """Of all runs of a setting: p-values, nDCG, its threshold."""

    ndcg: Numbers
    thresholds: Numbers
    p_ndcg: Numbers
    p_share: Numbers
    p_features: Numbers                      # (runs, n_features)


def nulls() -> list[Setting]:
    """Eight settings without a change."""
    published = ("0", ".00-.06", ".03-.07", ".04-.07", "threshold .972 to 1.000")
    return [
        Setting("null", "no change", m, profile, n, published=published)
        for m in (10, 50)
        for profile in DECAYS
        for n in (100, 1_000)
    ]


EVERY = tuple((place, 1.3) for place in range(50))
REVERSED = (4, 3, 2, 1, 0)
CHANGES = [
    Setting("top", "top feature x1.5", 10, "geom", 100, ((0, 1.5),),
            published=("0", ".01", ".80", ".53 (.48)", "1.000 / .992")),
    Setting("swap", "swap of the top two", 10, "geom", 100, order=(1, 0),
            published=("0", ".89", ".75", ".36", ".971 / .976")),
    Setting("sixth", "feature 6 x3", 10, "flat", 100, ((5, 3.0),),
            published=("0", ".34", "1.00", "1.00", ".976 / .973")),
    Setting("swap-many", "swap of the top two", 10, "geom", 1_000, order=(1, 0),
            published=("0", "1.00", "1.00", "1.00", ".971 / .991")),
    Setting("tiny", "feature 26 (share .0006) x3", 50, "geom", 100, ((25, 3.0),),
            published=("0", ".04", ".07", "1.00", "1.000 / .981")),
    Setting("flat-reversed", "top five reversed", 50, "flat", 1_000, order=REVERSED,
            published=("0", ".80", ".62", ".45", ".989 / .993")),
    Setting("scale", "all features x1.3", 50, "geom", 100, EVERY,
            published=("0", ".04", ".04", ".89", "1.000 / .978")),
    Setting("reversed", "top five reversed", 10, "geom", 100, order=REVERSED,
            published=("1.00", "1.00", "1.00", "1.00", ".84 / .98")),
]


def draw(weights: Numbers, n: int, random: np.random.Generator) -> Numbers:
    """Magnitudes of the local attributions of n rows."""
    shape = (n, len(weights))
    # Of mean magnitude 1, both: the weights alone say which feature is larger.
    laplace, normal = random.laplace(size=shape), np.sqrt(np.pi / 2) * random.normal(size=shape)
    mixed = np.where(np.arange(len(weights)) % 2 == 0, laplace, normal)
    return np.abs(mixed * np.exp(0.5 * random.normal(size=(n, 1))) * weights)


def simulate(setting: Setting, *, runs: int, permutations: int, seed: int) -> Found:
    """Compare ``runs`` windows with a reference of their own each."""
    compared = []
    for run in range(runs):
        random = np.random.default_rng((seed, run, setting.n_features, setting.n_window, *setting.title.encode()))
        reference = draw(setting.weights, REFERENCE_ROWS, random)
        window = draw(setting.changed_weights, setting.n_window, random)
        key = f"{setting.title} {seed} {run}"
        # The joint level of three tests, so that each of them has the level of the table.
        level = N_TESTS * LEVEL
        compared.append(compare(reference, window, level=level, permutations=permutations, key=key))
    return Found(
        ndcg=np.array([one.ndcg for one in compared]),
        thresholds=np.array([one.ndcg_threshold for one in compared], dtype=np.float64),
        p_ndcg=np.array([one.p_ndcg for one in compared]),
        p_share=np.array([one.p_share for one in compared]),
        p_features=np.array([one.p_features for one in compared]),
    )


def line(setting: Setting, found: Found) -> str:
    """One row of the table, the published figures beside ours."""
    named = found.p_features <= LEVEL
    is_changed = setting.weights != setting.changed_weights
    unchanged = f"{named[:, ~is_changed].any(axis=1).mean():.2f}" if not is_changed.all() else "-"
    largest = f"{named.any(axis=1).mean():.2f}"
    if is_changed.sum() == 1:
        largest += f" ({named[:, is_changed].mean():.2f})"
    ours = [
        f"{(found.ndcg < NDCG_THRESHOLD).mean():.2f}",
        f"{(found.p_ndcg <= LEVEL).mean():.2f}",
        f"{(found.p_share <= LEVEL).mean():.2f}",
        largest,
        f"{np.median(found.ndcg):.3f} / {np.median(found.thresholds):.3f}",
    ]
    cells = [f"{mine} · {theirs}" for mine, theirs in zip(ours, setting.published, strict=True)]
    return "| " + " | ".join([setting.title, *cells, unchanged]) + " |"


def table(settings: Sequence[Setting], *, runs: int, permutations: int, seed: int) -> None:
    tests = ("fixed .90", "nDCG test", "share test", "max-T (right feature)")
    heads = ("setting", *tests, "nDCG / threshold", "false findings")
    print(f"| {' | '.join(heads)} |\n{'|---' * len(heads)}|")
    for setting in settings:
        print(line(setting, simulate(setting, runs=runs, permutations=permutations, seed=seed)), flush=True)


def time_of_one_check(repeats: int = 5) -> float:
    """Median seconds of one check: 1,800 and 200 rows, 50 features, 999 permutations."""
    random, weights = np.random.default_rng(0), DECAYS["geom"] ** np.arange(50)
    reference, window = draw(weights, 1_800, random), draw(weights, 200, random)
    names = [f"x{place}" for place in range(50)]
    seconds = []
    for _ in range(repeats):
        started = time.perf_counter()
        check_attribution_drift(reference, window, features=names, label="label0", key="timed")
        seconds.append(time.perf_counter() - started)
    return statistics.median(seconds)


def main() -> None:
    settings = [*nulls(), *CHANGES]
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=60)
    parser.add_argument("--permutations", type=int, default=199)
    parser.add_argument("--settings", nargs="+", choices=sorted({setting.name for setting in settings}))
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    chosen = [setting for setting in settings if asked.settings is None or setting.name in asked.settings]
    print(f"{asked.runs} runs, {asked.permutations} permutations, seed {asked.seed}; ours · published\n")
    table(chosen, runs=asked.runs, permutations=asked.permutations, seed=asked.seed)
    print(f"\none check of 2,000 rows and 50 features, 999 permutations: {time_of_one_check():.2f} s")


if __name__ == "__main__":
    main()
