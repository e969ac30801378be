"""Hold the attributions that a window's own analysis published against those of the reference."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from clarify.data import storage
from clarify.drift.attribution_drift import Attributions, attribution_drift, window_level
from clarify.errors import DataError, Problem
from clarify.records import AttributionDrift, Rule
from clarify.results import Notice
from clarify.steps.attribution_reference import (
    AttributionReference,
    Explainer,
    explainer_of,
    features_of,
    global_values,
    labels_of,
    read_analysis,
    read_attribution_reference,
    read_baseline,
    read_local_values,
)
from clarify.steps.write_report import BASELINE_CSV


def check_window_attributions(
    analysis_uri: str,
    reference_uri: str,
    *,
    rule: Rule,
    alarms_per_month: float,
    windows_per_month: float,
    key: str,
) -> AttributionDrift:
    """Compare the explanations of one window with the reference; features and outputs are matched by name.

    Parameters
    ----------
    analysis_uri : the folder of the window's analysis, which kept its local attributions
    reference_uri : a reference's folder, its ``attributions/``, or AWS's analysis.json
    alarms_per_month, windows_per_month : give the level of this window
    key : what the random splits are drawn from: a digest of the window's and the reference's data

    Raises
    ------
    DataError
        DRIFT-FEATURES, DRIFT-LABELS when window and reference do not have the same; DRIFT-UNITS when only one of them
        explains log-odds; DRIFT-NO-LOCAL-VALUES when the window's analysis kept no local attributions.
    ConstraintsError
        When the reference cannot be used.
    """
    reference = read_attribution_reference(reference_uri)
    result = read_analysis(analysis_uri)
    section = result.explanations
    if section is None or not section.local_values_saved:
        raise DataError(_no_local_values(analysis_uri))
    made = explainer_of(result, section)
    aggregation = section.aggregation if reference.facts is None else reference.facts.aggregation
    if reference.facts is not None:
        DataError.collect(_other_units(made, reference.facts.explainer))
    live = Attributions(
        labels=labels_of(section),
        features=features_of(section),
        values=read_local_values(analysis_uri, section),
        global_values=global_values(section, aggregation),
    )
    drift = attribution_drift(
        reference.attributions,
        live,
        rule=rule,
        aggregation=aggregation,
        level=window_level(alarms_per_month, windows_per_month),
        key=key,
    )
    return replace(drift, notices=(*drift.notices, *_differences(analysis_uri, reference, made)))


def _no_local_values(analysis_uri: str) -> Problem:
    hint = "set methods.shap.save_local_shap_values to true in the window's analysis config"
    return Problem("DRIFT-NO-LOCAL-VALUES", "window", f"{analysis_uri}, without local attributions",
                   "an analysis that kept the attributions of its rows", hint)


def _other_units(made: Explainer, then: Explainer) -> Iterator[Problem]:
    if made.use_logit != then.use_logit:
        units = {True: "log-odds (use_logit)", False: "scores"}
        yield Problem("DRIFT-UNITS", "methods.shap.use_logit", units[made.use_logit], units[then.use_logit],
                      "explain the window as the reference was explained")


def _differences(analysis_uri: str, reference: AttributionReference, made: Explainer) -> Iterator[Notice]:
    """What was not the same when window and reference were explained, so that not only the rows differ."""
    if reference.facts is None:
        return
    then = reference.facts.explainer
    if made.model_digest != then.model_digest:
        message = f"another model explains the window: digest {made.model_digest}, in the reference {then.model_digest}"
        yield Notice("DRIFT-MODEL", "model", message)
    settings = [
        f"{name} {now!r} instead of {before!r}"
        for name, now, before in (
            ("num_samples", made.num_samples, then.num_samples),
            ("estimator", made.estimator, then.estimator),
            ("seed", made.seed, then.seed),
            ("groups", made.groups, then.groups),
        )
        if now != before
    ]
    if settings:
        yield Notice("DRIFT-EXPLAINER", "methods.shap", f"explained by other means: {'; '.join(settings)}")
    if reference.baseline_uri is not None and not _same_rows(storage.join(analysis_uri, BASELINE_CSV), reference):
        message = "the window is explained against another background: give the reference's as methods.shap.baseline"
        yield Notice("DRIFT-BACKGROUND", "methods.shap.baseline", message)


def _same_rows(baseline_uri: str, reference: AttributionReference) -> bool:
    """Whether two backgrounds hold the same rows; 5 and 5.0 are the same number."""
    ours, theirs = read_baseline(baseline_uri), read_baseline(reference.baseline_uri or "")
    if sorted(ours.column_names) != sorted(theirs.column_names):
        return False
    return all(
        [_number_or_text(cell) for cell in ours[name].to_pylist()]
        == [_number_or_text(cell) for cell in theirs[name].to_pylist()]
        for name in ours.column_names
    )


def _number_or_text(cell: str | None) -> float | str | None:
    try:
        return None if cell is None else float(cell)
    except ValueError:
        return cell
