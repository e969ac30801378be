"""How far each column of a window lies from the reference, and whether AWS's rule and ours call that a change."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from clarify.drift import distances as apart
from clarify.drift.quality_reference import QualityReference
from clarify.drift.quality_shares import ObservedColumn
from clarify.drift.quality_values import Distribution, FeatureConstraints
from clarify.records import FeatureDistance, RuleFinding, Status
from clarify.results import Notice, Reason
from clarify.verdicts import Step, holm

FEWEST_ROWS: Final = 50
FLOOR: Final = 0.05                     # smaller distances never alarm, however many rows there are

Counts = NDArray[np.int64]


@dataclass(frozen=True)
class _Compared:
    """Counts of one column on both sides, and random splits of them where they may be judged."""

    asked: FeatureConstraints
    distribution: Distribution
    reference: Counts
    window: Counts
    undecided: Reason | None
    splits: NDArray[np.float64] | None
    p: float | None

    @property
    def tested(self) -> apart.Distance:
        return "ks" if self.distribution.kind == "numeric" else "tvd"


def measure_distances(
    reference: QualityReference, window: Mapping[str, ObservedColumn], *, level: float, key: str
) -> tuple[tuple[FeatureDistance, ...], tuple[Notice, ...]]:
    """The distance of each column that both sides have, by both rules; a notice names those that cannot be compared.

    Parameters
    ----------
    level : chance of a false alarm over all columns, in the rule ``decision``
    key : of the random splits: a digest of the data on both sides
    """
    compared: list[_Compared] = []
    left_out: list[str] = []
    for asked in reference.constraints.features:
        observed = window.get(asked.name)
        if observed is None or not asked.options.perform_comparison:
            continue
        found = _compared(asked, observed, reference, key)
        if found is None:
            left_out.append(asked.name)
        else:
            compared.append(found)
    steps = iter(holm([found.p for found in compared if found.p is not None], level))
    told = tuple(_distance(found, None if found.p is None else next(steps)) for found in compared)
    message = f"not compared, for want of values or of counts in the reference: {', '.join(map(repr, left_out))}"
    return told, (Notice("DQ-NOT-COMPARED", "distributions", message),) if left_out else ()


def _compared(
    asked: FeatureConstraints, observed: ObservedColumn, reference: QualityReference, key: str
) -> _Compared | None:
    distribution = reference.distribution(asked.name)
    if distribution is None or distribution.present == 0:
        return None
    before, now = np.array(distribution.counts, np.int64), _counts(distribution, observed)
    if now.sum() == 0:
        return None
    undecided = None if reference.calibrated else Reason.NO_REFERENCE
    if undecided is None and min(int(before.sum()), int(now.sum())) < FEWEST_ROWS:
        undecided = Reason.TOO_FEW
    found = _Compared(asked, distribution, before, now, undecided, None, None)
    if undecided is not None:
        return found
    splits = apart.permuted(before, now, kind=found.tested, key=f"{key}/{asked.name}")
    return replace(found, splits=splits, p=apart.refined_p(found.tested, before, now, splits)[1])


def _counts(distribution: Distribution, observed: ObservedColumn) -> Counts:
    """The window's values in the reference's bins; missing ones, and texts among numbers, are findings of their own."""
    if distribution.kind == "numeric":
        return np.array(observed.bins, np.int64)
    named = dict(observed.listed)
    known = [named.get(category, 0) for category in distribution.categories]
    return np.array([*known, observed.present - sum(known)], np.int64)


def _distance(found: _Compared, step: Step | None) -> FeatureDistance:
    before, now = found.reference, found.window
    ks, tvd = float(apart.kolmogorov_smirnov(before, now)), float(apart.total_variation(before, now))
    threshold = None
    if step is not None and found.splits is not None:
        threshold = apart.calibrated_threshold(found.tested, before, now, found.splits, step.threshold)
    gap = _largest_gap(found)
    ours = _by_decision(found, step, ks, tvd, threshold, gap)
    return FeatureDistance(
        found.asked.name, found.distribution.kind, ks, tvd, found.tested, threshold, found.p, gap,
        (_by_sagemaker(found, ks), ours),
    )


def _by_sagemaker(found: _Compared, ks: float) -> RuleFinding:
    options, before, now = found.asked.options, found.reference, found.window
    if found.distribution.kind == "categorical" and options.categorical_method == "ChiSquared":
        return RuleFinding("sagemaker", Status.INCONCLUSIVE, Reason.NOT_COMPUTED, "ChiSquared is not published by AWS")
    if found.distribution.kind == "categorical":
        distance, threshold = apart.largest_share_gap(before, now), options.categorical_threshold
    else:
        threshold = options.comparison_threshold
        is_robust = options.comparison_method == "Robust"
        distance = apart.robust(ks, int(before.sum()), int(now.sum())) if is_robust else ks
    if distance > threshold:
        told = f"Baseline drift distance: {distance} exceeds threshold: {threshold}"
        return RuleFinding("sagemaker", Status.VIOLATION, Reason.DRIFT, told)
    return RuleFinding("sagemaker", Status.PASS)


def _by_decision(
    found: _Compared, step: Step | None, ks: float, tvd: float, threshold: float | None, gap: str
) -> RuleFinding:
    if step is None or threshold is None:
        words = {
            Reason.NO_REFERENCE: "the reference has no distributions.json: distances cannot be calibrated",
            Reason.TOO_FEW: f"fewer than {FEWEST_ROWS} values",
        }
        return RuleFinding("decision", Status.INCONCLUSIVE, found.undecided, words[found.undecided or Reason.TOO_FEW])
    distance = ks if found.tested == "ks" else tvd
    if not step.accepted:
        return RuleFinding("decision", Status.PASS)
    if max(ks, tvd) < FLOOR:
        return RuleFinding("decision", Status.PASS, text=f"a change, but below {FLOOR:g}")
    told = (
        f"Baseline drift distance: {distance} ({found.tested.upper()}) exceeds threshold: {threshold}, "
        f"calibrated for {int(found.window.sum()):,} values; largest gap: {gap}"
    )
    return RuleFinding("decision", Status.VIOLATION, Reason.DRIFT, told)


def _largest_gap(found: _Compared) -> str:
    """The bin whose share changed most, with both shares."""
    before, now = found.reference / found.reference.sum(), found.window / found.window.sum()
    place = int(np.abs(now - before).argmax())
    return f"{found.distribution.bins[place]}: {100 * before[place]:.1f} % before, {100 * now[place]:.1f} % now"
