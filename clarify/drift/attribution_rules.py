"""The two rules on attribution drift: the service's fixed threshold, and a decision on what is unusual and material."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from clarify.drift.attribution_statistics import Comparison, Effect
from clarify.records import FeatureDrift, OutputDrift, RuleFinding, Status
from clarify.results import Interval, Reason

FEWEST_ROWS: Final = 30

# A change that matters: of a share of all attributions by 0.01, or of a feature with such a share by a fifth; for
# tests of all features together, 0.02 of all attributions has moved from some features to others.
MATERIAL_SHARE: Final = 0.01
MATERIAL_RATIO: Final = (0.8, 1.25)
MATERIAL_DISTANCE: Final = 0.02

SHOWN_FEATURES: Final = 3


def service_finding(value: float, threshold: float) -> RuleFinding:
    """As the service: a point comparison, in its words."""
    if value < threshold:
        text = f"Feature attribution drift {value} exceeds threshold {threshold}"
        return RuleFinding("sagemaker", Status.VIOLATION, Reason.DRIFT, text)
    return RuleFinding("sagemaker", Status.PASS, None, f"nDCG {value} is not below threshold {threshold}")


def decide(output: OutputDrift, found: Comparison, *, n_window: int, n_reference: int) -> RuleFinding:
    """VIOLATION when a change is unusual and material, PASS when material changes are ruled out, else undecided."""
    if min(n_window, n_reference) < FEWEST_ROWS:
        text = f"{n_window:,} rows against {n_reference:,} of the reference; at least {FEWEST_ROWS} of each are needed"
        return undecided(Reason.TOO_FEW, text)
    silent, silent_then = not found.effect.shares.any(), not found.effect.reference_shares.any()
    if silent and silent_then:
        return RuleFinding("decision", Status.PASS, None, "no feature moves the score, as in the reference")
    if silent != silent_then:
        text = "no feature moves the score any more" if silent else "in the reference no feature moved the score"
        return RuleFinding("decision", Status.VIOLATION, Reason.DRIFT, text)
    alarms = _alarms(output, found)
    if alarms:
        return RuleFinding("decision", Status.VIOLATION, Reason.DRIFT, "; ".join(alarms))
    outside = [feature for place, feature in enumerate(output.features) if not _is_inside(found.effect, place)]
    if not outside:
        low, high = MATERIAL_RATIO
        text = f"every feature moves the score as much as in the reference, within a factor of {low} to {high}"
        return RuleFinding("decision", Status.PASS, None, text)
    return undecided(Reason.TOO_FEW, _too_wide(outside, n_window))


def undecided(reason: Reason, text: str) -> RuleFinding:
    return RuleFinding("decision", Status.INCONCLUSIVE, reason, text)


def _alarms(output: OutputDrift, found: Comparison) -> list[str]:
    """What is both unusual and material, in words; the largest changes of shares first."""
    changed = [f for f in output.features if f.material and f.p is not None and f.p <= found.largest_p]
    changed.sort(key=lambda feature: -abs(feature.share - feature.reference_share))
    alarms = [_feature_text(feature) for feature in changed[:SHOWN_FEATURES]]
    if len(changed) > SHOWN_FEATURES:
        alarms.append(f"{len(changed) - SHOWN_FEATURES} more features have changed")
    if found.share_distance < MATERIAL_DISTANCE:
        return alarms
    if found.p_ndcg <= found.largest_p:
        alarms.append(
            f"the order of features has changed: nDCG {found.ndcg:.4g} where rows drawn alike reach"
            f" {found.ndcg_threshold:.4g}"
        )
    if found.p_share <= found.largest_p:
        alarms.append(
            f"{found.share_distance:.1%} of all attributions lie with other features, where rows drawn alike differ by"
            f" {found.share_threshold:.1%}"
        )
    return alarms


def _feature_text(feature: FeatureDrift) -> str:
    times = "none in the reference" if feature.ratio is None else f"{feature.ratio:.3g} times as large"
    return (
        f"{feature.feature!r} has {feature.share:.1%} of all attributions, {feature.reference_share:.1%} in the"
        f" reference ({times}, p {feature.p:.2g})"
    )


def _is_inside(effect: Effect, place: int) -> bool:
    """Whether material changes of a feature are ruled out.

    The ratio of one that carries a share lies inside its limits, the share of a lesser one changes by less than its
    limit: with both limits for all features, a PASS took 4,000 rows a window and 20,000 of reference.
    """
    if max(effect.shares[place], effect.reference_shares[place]) >= MATERIAL_SHARE:
        return bool(effect.ratio_low[place] >= MATERIAL_RATIO[0] and effect.ratio_high[place] <= MATERIAL_RATIO[1])
    return bool(effect.change_low[place] > -MATERIAL_SHARE and effect.change_high[place] < MATERIAL_SHARE)


def _is_material(effect: Effect, place: int) -> bool:
    if abs(effect.shares[place] - effect.reference_shares[place]) >= MATERIAL_SHARE:
        return True
    carries = max(effect.shares[place], effect.reference_shares[place]) >= MATERIAL_SHARE
    return bool(carries and not MATERIAL_RATIO[0] <= effect.ratios[place] <= MATERIAL_RATIO[1])


def _too_wide(outside: Sequence[FeatureDrift], n_window: int) -> str:
    named = ", ".join(repr(feature.feature) for feature in outside[:SHOWN_FEATURES])
    more = "" if len(outside) <= SHOWN_FEATURES else f" and {len(outside) - SHOWN_FEATURES} more"
    return f"{n_window:,} rows neither show a material change nor rule it out, of {named}{more}"


def feature_drift(name: str, place: int, found: Comparison) -> FeatureDrift:
    effect = found.effect
    ratio, high = float(effect.ratios[place]), float(effect.ratio_high[place])
    return FeatureDrift(
        feature=name,
        reference_share=float(effect.reference_shares[place]),
        share=float(effect.shares[place]),
        ratio=ratio if np.isfinite(ratio) else None,
        p=float(found.p_features[place]),
        material=_is_material(effect, place),
        ratio_interval=Interval(float(effect.ratio_low[place]), high) if np.isfinite(high) else None,
        share_change=Interval(float(effect.change_low[place]), float(effect.change_high[place])),
    )
