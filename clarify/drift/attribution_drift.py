"""Whether a model explains live data as it did its reference: order, magnitude and scale of attributions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from clarify.drift.attribution_rules import (
    FEWEST_ROWS,
    MATERIAL_RATIO,
    MATERIAL_SHARE,
    SHOWN_FEATURES,
    decide,
    feature_drift,
    service_finding,
    undecided,
)
from clarify.drift.attribution_statistics import compare, permutations_for
from clarify.drift.ndcg import ndcg
from clarify.errors import DataError, Problem
from clarify.records import AttributionDrift, FeatureDrift, OutputDrift, Rule, RuleFinding, Status
from clarify.results import Aggregation, Notice, Reason

__all__ = [
    "NDCG_THRESHOLD",
    "Attributions",
    "attribution_drift",
    "attribution_status",
    "check_attribution_drift",
    "ndcg",
    "window_level",
]

NDCG_THRESHOLD: Final = 0.90                 # AWS's, fixed there
LEVEL: Final = 0.05                          # of one check; the most a scheduled one may have
REFERENCE_ROWS_PER_ROW: Final = 10

Numbers = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Attributions:
    """Local attributions of some rows, and the global values that their analysis published.

    ``values`` has shape (n_rows, n_labels, n_features), in units of the score; rows without attributions hold NaN.
    ``global_values`` has shape (n_labels, n_features), by the analysis's aggregation over all of its rows; None: they
    are those of ``values``. AWS's analysis.json has global values and no rows.
    """

    labels: tuple[str, ...]
    features: tuple[str, ...]
    values: Numbers
    global_values: Numbers | None = None

    @property
    def explained(self) -> Numbers:
        """The rows that have attributions."""
        found: Numbers = self.values[~np.isnan(self.values).any(axis=(1, 2))]
        return found


def window_level(alarms_per_month: float, windows_per_month: float) -> float:
    """The share of windows that may raise a false alarm, so that a month has ``alarms_per_month`` on average.

    >>> window_level(1, 30), window_level(2, 4)
    (0.03333333333333333, 0.05)
    """
    return min(LEVEL, alarms_per_month / windows_per_month) if windows_per_month > 0 else LEVEL


def attribution_drift(
    reference: Attributions,
    live: Attributions,
    *,
    rule: Rule,
    aggregation: Aggregation,
    level: float,
    key: str,
    threshold: float = NDCG_THRESHOLD,
) -> AttributionDrift:
    """Compare every model output of a window with the reference; labels and features are matched by name.

    Parameters
    ----------
    level : joint level of all tests of the window; outputs share it evenly
    key : what the random splits are drawn from, a digest of both inputs

    Raises
    ------
    DataError
        DRIFT-FEATURES, DRIFT-LABELS when the two do not have the same ones; DRIFT-NO-ROWS when no row of the window
        has attributions; DRIFT-INFINITE when an attribution is infinite.
    """
    live = _aligned(live, reference)
    rows, reference_rows = live.explained, reference.explained
    _check_rows(rows, reference_rows)
    outputs = tuple(
        check_attribution_drift(
            reference_rows[:, place],
            rows[:, place],
            features=reference.features,
            label=label,
            aggregation=aggregation,
            level=level / len(reference.labels),
            key=key,
            threshold=threshold,
            reference_global=None if reference.global_values is None else reference.global_values[place],
            live_global=None if live.global_values is None else live.global_values[place],
        )
        for place, label in enumerate(reference.labels)
    )
    return AttributionDrift(
        rule=rule,
        outputs=outputs,
        rows=len(rows),
        reference_rows=len(reference_rows),
        level=level,
        promise=_promise(rule, level, threshold),
        notices=tuple(_notices(reference, live, len(rows), len(reference_rows))),
    )


def check_attribution_drift(
    reference: Numbers,
    live: Numbers,
    *,
    features: Sequence[str],
    label: str,
    aggregation: Aggregation = "mean_abs",
    level: float = LEVEL,
    key: str,
    threshold: float = NDCG_THRESHOLD,
    permutations: int | None = None,
    reference_global: Numbers | None = None,
    live_global: Numbers | None = None,
) -> OutputDrift:
    """Compare the attributions of one model output: what AWS's rule says, and what three permutation tests say.

    The tests ask whether the order of features (nDCG), their shares of all attributions, or the magnitude of any
    feature differs by more than random splits of all rows do. Each runs at a third of ``level``; magnitudes
    are judged family-wise over features. Scores are absolute attributions, squares with ``mean_sq``.

    Parameters
    ----------
    reference, live : shapes (n0, n_features) and (n, n_features), every number finite; the reference may have no rows
    aggregation : of the global values that the rule ``sagemaker`` compares
    permutations : random splits; left out, as many as the level needs
    reference_global, live_global : global values, shape (n_features,); left out, those of the rows

    Notes
    -----
    AWS's fixed threshold sees a change only if it changes the order of features, and not always then: at 0.90 it
    never fired when the top feature doubled. The decision alarms on changes that are both unusual and material.
    """
    then = _global(reference, aggregation) if reference_global is None else reference_global
    now = _global(live, aggregation) if live_global is None else live_global
    fixed = ndcg(then, now)
    service = service_finding(fixed, threshold)
    if len(reference) < 2 or len(live) < 2:
        return _untested(label, features, then, now, fixed, service, has_reference=len(reference) > 0)
    scores, reference_scores = _scores(live, aggregation), _scores(reference, aggregation)
    n_splits = permutations_for(level) if permutations is None else permutations
    found = compare(reference_scores, scores, level=level, permutations=n_splits, key=key)
    drifts = tuple(feature_drift(name, place, found) for place, name in enumerate(features))
    output = OutputDrift(
        label=label,
        ndcg=fixed,
        ndcg_threshold=found.ndcg_threshold,
        p_ndcg=found.p_ndcg,
        share_distance=found.share_distance,
        share_threshold=found.share_threshold,
        p_share=found.p_share,
        scale=found.effect.scale if np.isfinite(found.effect.scale) else None,
        features=drifts,
    )
    decision = decide(output, found, n_window=len(live), n_reference=len(reference))
    return replace(output, findings=(service, decision))


def attribution_status(drift: AttributionDrift) -> tuple[Status, Reason | None, str]:
    """What the monitor's own rule says of the window over all outputs, why, and in one sentence."""
    findings = [(output.label, finding) for output in drift.outputs for finding in _said_by(drift.rule, output)]
    for status in (Status.VIOLATION, Status.INCONCLUSIVE):
        found = [(label, finding) for label, finding in findings if finding.status is status]
        if found:
            named = [f"{label}: {finding.text}" if len(drift.outputs) > 1 else finding.text for label, finding in found]
            return status, found[0][1].reason, "; ".join(named[:SHOWN_FEATURES])
    texts = [f"{label}: {finding.text}" if len(drift.outputs) > 1 else finding.text for label, finding in findings]
    return Status.PASS, None, "; ".join(texts[:SHOWN_FEATURES])


def _said_by(rule: Rule, output: OutputDrift) -> list[RuleFinding]:
    return [finding for finding in output.findings if finding.rule == rule]


# --- global values only -----------------------------------------------------------------------------------------------


def _untested(
    label: str,
    features: Sequence[str],
    then: Numbers,
    now: Numbers,
    value: float,
    service: RuleFinding,
    *,
    has_reference: bool,
) -> OutputDrift:
    """Two lists of global values: shares can be shown, chance cannot be told from change."""
    shares, reference_shares = (_shares(np.abs(values)) for values in (now, then))
    total, total_then = float(np.abs(now).sum()), float(np.abs(then).sum())
    text = "the reference has global values only: save local attributions with it (save_local_shap_values)"
    decision = undecided(Reason.NO_REFERENCE, text)
    if has_reference:
        decision = undecided(Reason.TOO_FEW, f"at least {FEWEST_ROWS} rows with attributions are needed on both sides")
    return OutputDrift(
        label=label,
        ndcg=value,
        ndcg_threshold=None,
        p_ndcg=None,
        share_distance=float(np.abs(shares - reference_shares).sum() / 2),
        share_threshold=None,
        p_share=None,
        scale=total / total_then if total_then > 0 else None,
        features=tuple(
            FeatureDrift(
                feature=name,
                reference_share=float(reference_shares[place]),
                share=float(shares[place]),
                ratio=float(abs(now[place]) / abs(then[place])) if then[place] else None,
                p=None,
                material=bool(abs(shares[place] - reference_shares[place]) >= MATERIAL_SHARE),
            )
            for place, name in enumerate(features)
        ),
        findings=(service, decision),
    )


def _shares(values: Numbers) -> Numbers:
    total = values.sum()
    return values / total if total > 0 else np.zeros_like(values)


def _global(rows: Numbers, aggregation: Aggregation) -> Numbers:
    """Global values of local ones, shape (n_features,); rows in any order."""
    if aggregation == "median":
        return np.asarray(np.median(rows, axis=0), dtype=np.float64)
    scores = np.sort(_scores(rows, aggregation), axis=0)      # sums do not depend on the order of rows then
    return np.asarray(scores.mean(axis=0), dtype=np.float64)


def _scores(rows: Numbers, aggregation: Aggregation) -> Numbers:
    """What the tests average: a median has no mean, so magnitudes stand in for it."""
    return np.square(rows) if aggregation == "mean_sq" else np.abs(rows)


# --- two analyses, side by side ---------------------------------------------------------------------------------------


def _aligned(live: Attributions, reference: Attributions) -> Attributions:
    """The live attributions with the reference's order of labels and features."""
    DataError.collect(
        Problem(code, code.removeprefix("DRIFT-").lower(), _named(now, then), ", ".join(then), hint)
        for code, now, then, hint in (
            ("DRIFT-FEATURES", live.features, reference.features, "explain the features that the reference has"),
            ("DRIFT-LABELS", live.labels, reference.labels, "give the outputs the reference's names (label_headers)"),
        )
        if set(now) != set(then)
    )
    labels = [live.labels.index(label) for label in reference.labels]
    features = [live.features.index(feature) for feature in reference.features]
    published = live.global_values
    return Attributions(
        labels=reference.labels,
        features=reference.features,
        values=live.values[:, labels][:, :, features],
        global_values=None if published is None else published[labels][:, features],
    )


def _named(now: Sequence[str], then: Sequence[str]) -> str:
    missing, added = [name for name in then if name not in now], [name for name in now if name not in then]
    parts = [f"{what} {', '.join(names)}" for what, names in (("without", missing), ("with", added)) if names]
    return f"{', '.join(now)} ({'; '.join(parts)})"


def _check_rows(rows: Numbers, reference_rows: Numbers) -> None:
    if len(rows) == 0:
        hint = "look at why the model did not answer for the window's rows"
        raise DataError(Problem("DRIFT-NO-ROWS", "window", "no row with attributions", "at least one", hint))
    for name, values in (("window", rows), ("reference", reference_rows)):
        if np.isinf(values).any():
            hint = "explain the rows again; without use_logit if scores of 0 or 1 occur"
            raise DataError(Problem("DRIFT-INFINITE", name, "infinite attributions", "finite numbers", hint))


def _notices(reference: Attributions, live: Attributions, n_window: int, n_reference: int) -> list[Notice]:
    notices = []
    for name, all_rows, n_used in (("reference", reference.values, n_reference), ("window", live.values, n_window)):
        if n_used < len(all_rows):
            message = f"{len(all_rows) - n_used:,} of {len(all_rows):,} rows have no attributions and are left out"
            notices.append(Notice("DRIFT-ROWS-LEFT-OUT", name, message))
    if 0 < n_reference < REFERENCE_ROWS_PER_ROW * n_window:
        message = (
            f"the reference has {n_reference:,} rows with attributions, fewer than {REFERENCE_ROWS_PER_ROW} times the"
            f" window's {n_window:,}: alarms of windows that share it come in clusters more often"
        )
        notices.append(Notice("DRIFT-REFERENCE-SMALL", "reference", message))
    return notices


def _promise(rule: Rule, level: float, threshold: float) -> str:
    if rule != "decision":
        return (
            f"This rule compares nDCG with the fixed threshold {threshold}. It promises nothing: a feature whose"
            " attributions double or triple without changing place is never seen, and how low nDCG falls by chance"
            " depends on the model."
        )
    return (
        f"While the rows and what the model makes of them stay as in the reference, on average at most one window in"
        f" {1 / level:,.4g} ends in VIOLATION. PASS: with 95 % confidence no feature that carries"
        f" {MATERIAL_SHARE:.0%} of all attributions has left {MATERIAL_RATIO[0]} to {MATERIAL_RATIO[1]} times its size."
    )
