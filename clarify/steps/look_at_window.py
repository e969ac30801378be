"""One collected window held against the reference, whatever the monitor's kind: a finding, and its documents."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import get_args

from clarify.config.analysis import AnalysisConfig
from clarify.config.input_attributes import live_columns
from clarify.config.parse import parse_analysis_config
from clarify.config.shap_options import EstimatorChoice, ShapOptions
from clarify.data import storage
from clarify.drift.attribution_drift import attribution_status
from clarify.drift.bias_drift import bias_status, check_bias_drift, empty_bias_drift
from clarify.drift.data_quality import data_quality_status
from clarify.drift.quality_documents import statistics_document
from clarify.drift.violations import bias_violations, data_quality_violations, feature_attribution_violations
from clarify.errors import ClarifyError
from clarify.records import AttributionDrift, BiasDrift, DataQuality, Kind, ModelQuality, MonitorRecord, Status
from clarify.results import AnalysisResult, Notice, Reason
from clarify.steps.attribution_reference import (
    AttributionReference,
    read_attribution_reference,
    write_window_baseline,
)
from clarify.steps.check_attribution_drift import check_window_attributions
from clarify.steps.check_data_quality import check_window, open_described
from clarify.steps.check_model_quality import QualityColumns, examine_model_quality, model_quality_status
from clarify.steps.choose_engine import open_engine
from clarify.steps.collect_window import CollectedWindow
from clarify.steps.monitor_plan import MonitorPlan
from clarify.steps.plan import AnalysisRequest
from clarify.steps.quality_reference import read_data_quality_reference
from clarify.steps.reference import TYPES
from clarify.steps.sample_window import rows_to_explain, sample_window

VIOLATIONS = "constraint_violations.json"
STATISTICS = "statistics.json"

Documents = tuple[tuple[str, bytes], ...]


@dataclass(frozen=True)
class Finding:
    """What one window shows; ``documents`` are AWS's, by their names."""

    status: Status
    reason: Reason | None
    headline: str
    documents: Documents = ()
    bias: BiasDrift | None = None
    attribution: AttributionDrift | None = None
    data_quality: DataQuality | None = None
    model_quality: ModelQuality | None = None
    notices: tuple[Notice, ...] = ()


# --- before the check -------------------------------------------------------------------------------------------------


def check_quality(plan: MonitorPlan, collected: CollectedWindow) -> Finding | None:
    """The window's columns and values against the constraints of data quality.

    None when the reference has none, or the window no rows.
    """
    uri = plan.reference.data_quality_uri
    if uri is None or collected.data_uri is None:
        return None
    kept = read_data_quality_reference(uri)
    source = open_described(collected.config_uri, csv_header="present")
    with open_engine(plan.settings, dataset_bytes=source.bytes) as engine:
        checked = check_window(
            source,
            kept,
            engine=engine,
            rule=plan.monitor.rule,
            alarms_per_month=plan.monitor.alarms_per_month,
            windows_per_month=plan.windows_per_month,
            key=Look(plan, collected).key,
            columns=_expected(plan, collected, kept.reference.names),
            ignored=_no_features(plan, collected),
        )
    quality = checked.quality
    violations = data_quality_violations(quality.violations)
    documents = ((STATISTICS, statistics_document(checked.statistics)), (VIOLATIONS, violations))
    return Finding(*data_quality_status(quality), documents, data_quality=quality)


def _expected(plan: MonitorPlan, collected: CollectedWindow, known: Sequence[str]) -> list[str]:
    """Columns of the reference that live data have: the model's features, and the label where there is one."""
    live = live_columns(plan.monitor, plan.config)
    answers = (live.label, live.predicted_label, live.score, plan.config.label, plan.config.predicted_label)
    features = live.features if live.features is not None else tuple(name for name in known if name not in answers)
    return [name for name in known if name in features or name == collected.label]


def _no_features(plan: MonitorPlan, collected: CollectedWindow) -> list[str]:
    """Columns of the window that the model is not asked about."""
    named = (collected.predicted_label, collected.score_column, plan.monitor.window.time_column)
    return [name for name in named if name is not None]


def stopped(gate: Finding | None) -> Finding | None:
    """The ERROR of a window whose data fail their checks; None when they pass, or nobody checks them."""
    quality = gate.data_quality if gate is not None else None
    if quality is None or not quality.blocking:
        return None
    first, n = quality.blocking[0], len(quality.blocking)
    more = f", and {n - 1} more" if n > 1 else ""
    headline = f"the data fail their checks, so nothing was compared: {first.subject}, {first.check}{more}"
    return Finding(Status.ERROR, Reason.DATA_QUALITY, headline, data_quality=quality)


def request_of(plan: MonitorPlan, collected: CollectedWindow, analysis_uri: str) -> AnalysisRequest | None:
    """The analysis of the window's rows that the check reads; None where it reads the rows itself, or there are none.

    The config beside the rows asks for it, so ``clarify analyze`` on that file gives the same documents.
    """
    if collected.data_uri is None or plan.monitor.kind not in ("bias-drift", "attribution-drift"):
        return None
    request = AnalysisRequest(
        collected.config_uri, analysis_uri, plan.settings, types=_types(plan, collected)
    )
    if plan.monitor.kind == "bias-drift":
        return request
    reference = read_attribution_reference(plan.part_uri)
    request = replace(request, config=_explained(plan, collected, reference))
    if reference.facts is None:
        return request
    how = reference.facts.explainer
    estimator: EstimatorChoice = next((name for name in get_args(EstimatorChoice) if name == how.estimator), "auto")
    return replace(request, shap=ShapOptions(estimator=estimator, groups=how.groups), seed=how.seed)


def _types(plan: MonitorPlan, collected: CollectedWindow) -> str | None:
    """Declared types beside the window's rows: its columns are read as those of the reference were."""
    if plan.reference.types_uri is None or collected.data_uri is None:
        return None
    document = json.loads(storage.read_bytes(plan.reference.types_uri))
    known = {name: read for name, read in document["columns"].items() if name in collected.columns}
    if not known:
        return None
    target = storage.join(collected.data_uri.rsplit("/", 1)[0], TYPES)
    storage.write_bytes(target, (json.dumps({**document, "columns": known}, indent=4) + "\n").encode())
    return target


def _explained(plan: MonitorPlan, collected: CollectedWindow, reference: AttributionReference) -> str:
    """A config beside the window's, about so many of its rows and against the reference's own background."""
    folder, name = (collected.data_uri or "").rsplit("/", 1)
    known = 0 if reference.attributions.values is None else len(reference.attributions.values)
    sampled = storage.join(folder, f"explained-{name}")
    sample_window(collected.data_uri or "", rows_to_explain(known, plan.monitor.explained_rows), sampled)
    config = json.loads(storage.read_bytes(collected.config_uri))
    baseline = write_window_baseline(reference, collected.columns, storage.join(folder, f"baseline-{name}"))
    config["dataset_uri"] = sampled
    shap = config["methods"].setdefault("shap", {})
    shap["save_local_shap_values"] = True
    if baseline is not None:
        shap["baseline"] = baseline
    target = storage.join(folder, "explained_config.json")
    storage.write_bytes(target, (json.dumps(config, indent=4) + "\n").encode())
    return target


def is_single_class(error: ClarifyError) -> bool:
    """Whether an analysis refused rows because none has a positive label, or none a positive predicted label.

    AWS's analysis ends there, for its config may be wrong. A monitor's config made its reference; a small window may
    well be so.
    """
    return {problem.code for problem in error.problems} <= {"DATA-NO-POSITIVE-LABEL", "DATA-NO-POSITIVE-PREDICTION"}


# --- the check --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Look:
    """All that a check reads.

    Attributes
    ----------
    gate : of :func:`check_quality`
    result : of the analysis that :func:`request_of` asked for, published at ``analysis_uri``; None without one, and
        for rows of which AWS's metrics of bias say nothing: see :func:`is_single_class`
    past : records of earlier windows, oldest first
    """

    plan: MonitorPlan
    collected: CollectedWindow
    gate: Finding | None = None
    result: AnalysisResult | None = None
    analysis_uri: str = ""
    past: tuple[MonitorRecord, ...] = ()

    @property
    def key(self) -> str:
        """What random words are drawn from: the same whenever reference and rows are."""
        return f"{self.plan.reference.digest}:{self.collected.digest}"


def check(look: Look) -> Finding:
    """The window against the reference by the monitor's rule.

    Raises
    ------
    ClarifyError
        When the window cannot be compared: other features, a reference that cannot be used.
    """
    finding = _CHECKS[look.plan.monitor.kind](look)
    if look.collected.data_uri is None:
        headline = f"nothing happened from {look.collected.window.start} to {look.collected.window.end}"
        return replace(finding, status=Status.INCONCLUSIVE, reason=Reason.EMPTY_WINDOW, headline=headline)
    quality = finding.data_quality or (look.gate.data_quality if look.gate is not None else None)
    return _unless_few_labels(look, replace(finding, data_quality=quality))


def _unless_few_labels(look: Look, finding: Finding) -> Finding:
    """A window most of whose labels are still to come decides nothing yet."""
    truth, rate = look.plan.monitor.ground_truth, look.collected.counts.join_rate
    if truth is None or rate is None or rate >= truth.minimum_join_rate:
        return finding
    headline = f"{rate:.0%} of the rows have their label, fewer than the {truth.minimum_join_rate:.0%} asked for"
    return replace(finding, status=Status.INCONCLUSIVE, reason=Reason.LOW_JOIN_RATE, headline=headline)


def _check_bias(look: Look) -> Finding:
    plan, monitor = look.plan, look.plan.monitor
    missing = Reason.EMPTY_WINDOW if look.collected.data_uri is None else Reason.SINGLE_CLASS
    measure = partial(empty_bias_drift, missing=missing)
    if look.result is not None:
        measure = partial(check_bias_drift, look.result, key=look.key)
    drift = measure(
        reference=plan.bias_reference,
        rule=monitor.rule,
        allowed=plan.allowed,
        tolerance=monitor.tolerance,
        windows_per_month=plan.windows_per_month,
        alarms_per_month=monitor.alarms_per_month,
        past=look.past,
        window=look.collected.window,
    )
    documents = ((VIOLATIONS, bias_violations(drift, monitor.rule)),)
    return Finding(*bias_status(drift), documents, bias=drift)


def _check_attributions(look: Look) -> Finding:
    if look.result is None:
        return NOTHING
    plan, monitor = look.plan, look.plan.monitor
    drift = check_window_attributions(
        look.analysis_uri,
        plan.part_uri,
        rule=monitor.rule,
        alarms_per_month=monitor.alarms_per_month,
        windows_per_month=plan.windows_per_month,
        key=look.key,
    )
    documents = ((VIOLATIONS, feature_attribution_violations(drift, monitor.rule)),)
    return Finding(*attribution_status(drift), documents, attribution=drift)


def _check_data_quality(look: Look) -> Finding:
    return look.gate or NOTHING


def _check_model_quality(look: Look) -> Finding:
    plan, collected, monitor = look.plan, look.collected, look.plan.monitor
    if collected.data_uri is None:
        return NOTHING
    config = window_config(collected)
    checked = examine_model_quality(
        collected.data_uri,
        config,
        QualityColumns(str(config.label), str(config.predicted_label), collected.score_column),
        plan.part_uri,
        rule=monitor.rule,
        alarms_per_month=monitor.alarms_per_month,
        windows_per_month=plan.windows_per_month,
        window=collected.window,
        csv_header="present",
    )
    documents = ((STATISTICS, checked.statistics), (VIOLATIONS, checked.violations))
    return Finding(*model_quality_status(checked.quality), documents, model_quality=checked.quality)


def window_config(collected: CollectedWindow) -> AnalysisConfig:
    """The config that lies beside the window's rows."""
    return parse_analysis_config(storage.read_bytes(collected.config_uri)).config


NOTHING = Finding(Status.INCONCLUSIVE, Reason.EMPTY_WINDOW, "")

_CHECKS: Mapping[Kind, Callable[[Look], Finding]] = {
    "bias-drift": _check_bias,
    "attribution-drift": _check_attributions,
    "data-quality": _check_data_quality,
    "model-quality": _check_model_quality,
}
