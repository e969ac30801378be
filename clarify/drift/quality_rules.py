"""Constraints of a model's quality, and what two rules say of a window that is held against them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Literal

from clarify.drift.model_quality import GroupQuality, ProblemType, QualityStatistics
from clarify.drift.quality_metrics import Measured
from clarify.errors import ConfigError, Problem
from clarify.records import ConstraintViolation, ModelQuality, QualityMetric, Rule, RuleFinding, Status
from clarify.results import Interval, Notice, Reason

Operator = Literal["LessThanThreshold", "GreaterThanThreshold"]

REFERENCE_LEVEL: Final = 0.99        # of the reference's own interval, as for bias drift
WIDEST_LEVEL: Final = 0.05           # of one window, however few windows a month has
SHOWN_LEVEL: Final = 0.95

_WORSE_ABOVE: Final = ("mae", "mse", "rmse", "false_positive_rate", "false_negative_rate")
_CONSTRAINED: Final[Mapping[ProblemType, tuple[str, ...]]] = {
    "Regression": ("mae", "mse", "rmse", "r2"),
    "BinaryClassification": (
        "recall", "precision", "accuracy", "true_positive_rate", "true_negative_rate", "false_positive_rate",
        "false_negative_rate", "auc", "f0_5", "f1", "f2",
    ),
    "MulticlassClassification": (
        "accuracy", "weighted_recall", "weighted_precision", "weighted_f0_5", "weighted_f1", "weighted_f2",
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Constraint:
    """What one metric must not be, in AWS's form."""

    metric: str
    threshold: float
    operator: Operator

    def broken_by(self, value: float) -> bool:
        return value < self.threshold if self.operator == "LessThanThreshold" else value > self.threshold


@dataclass(frozen=True)
class KnownQuality:
    """One metric of the reference with the 99 % interval of its own rows."""

    value: float
    interval: Interval | None = None


@dataclass(frozen=True)
class GroupReference:
    """Constraints of one group, and what the reference knows of it."""

    group: str
    constraints: tuple[Constraint, ...]
    known: Mapping[str, KnownQuality] = field(default_factory=dict)


@dataclass(frozen=True)
class QualityReference:
    """Everything a window is held against, and how the reference's columns were read.

    ``readings``: of label and facet columns, categorical or continuous, so that a small window is read alike;
    ``positive``: the class taken for positive where the config lists none.
    """

    problem_type: ProblemType
    groups: tuple[GroupReference, ...]
    classes: tuple[str, ...] = ()
    positive: str = ""
    readings: Mapping[str, str] = field(default_factory=dict)

    def of(self, group: str) -> GroupReference:
        return next((found for found in self.groups if found.group == group), GroupReference(group, ()))

    @property
    def knows_its_noise(self) -> bool:
        return any(known.interval is not None for group in self.groups for known in group.known.values())


# --- constraints ------------------------------------------------------------------------------------------------------


def suggest_quality_constraints(
    statistics: QualityStatistics, *, positive: str = "", readings: Mapping[str, str] | None = None
) -> QualityReference:
    """Thresholds are the values measured, as AWS suggests them; a metric without a value gets none."""
    groups = tuple(_suggested(group, statistics.problem_type) for group in statistics.groups)
    return QualityReference(statistics.problem_type, groups, statistics.classes, positive, dict(readings or {}))


def _suggested(group: GroupQuality, problem_type: ProblemType) -> GroupReference:
    by_name = {measured.metric: measured for measured in group.metrics}
    constraints, known = [], {}
    for metric in _CONSTRAINED[problem_type]:
        measured = by_name.get(metric)
        if measured is None or measured.value is None:
            continue
        constraints.append(Constraint(metric, measured.value, operator_of(metric)))
        known[metric] = KnownQuality(measured.value, _interval(measured, REFERENCE_LEVEL))
    return GroupReference(group.group, tuple(constraints), known)


def operator_of(metric: str) -> Operator:
    """On which side of the threshold the metric is worse."""
    return "GreaterThanThreshold" if metric in _WORSE_ABOVE else "LessThanThreshold"


def _interval(measured: Measured, level: float) -> Interval | None:
    return None if measured.bounds is None or measured.value is None else measured.bounds.interval(level)


# --- judging ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class QualityBudget:
    """How certain a violation must be: the level of one window, shared by its independent checks."""

    alarms_per_month: float
    windows_per_month: float
    checks: int

    @property
    def window_level(self) -> float:
        return min(self.alarms_per_month / self.windows_per_month, WIDEST_LEVEL)

    @property
    def interval_level(self) -> float:
        return 1 - self.window_level / max(self.checks, 1)


def judge_quality(
    statistics: QualityStatistics,
    reference: QualityReference,
    *,
    rule: Rule,
    alarms_per_month: float,
    windows_per_month: float,
) -> ModelQuality:
    """Hold one window against its constraints.

    ``sagemaker``: the plain comparison with the threshold, of all rows together, as the service does. ``decision``:
    a violation only where the interval lies wholly beyond the threshold, all metrics and groups counted (Bonferroni);
    where the threshold is the reference's own value, beyond the reference's 99 % interval. A pass where the 95 %
    interval lies wholly on the good side. Metrics without an interval are judged by ``sagemaker`` alone.

    Raises
    ------
    ConfigError
        QUALITY-RULE for ``bootstrap_overlap``, which is about bias metrics.
    """
    if rule == "bootstrap_overlap":
        raise ConfigError(
            Problem("QUALITY-RULE", "rule", rule, "sagemaker or decision", "the paper's rule is about bias metrics")
        )
    checks = {
        (group.group, measured.bounds.quantity)
        for group in statistics.groups
        for measured in group.metrics
        if measured.bounds is not None and _constraint(reference, group.group, measured.metric) is not None
    }
    budget = QualityBudget(alarms_per_month, windows_per_month, len(checks))
    metrics = tuple(
        _judged(group, measured, reference.of(group.group), budget, statistics.deviations)
        for group in statistics.groups
        for measured in group.metrics
    )
    violations = tuple(_violation(metric) for metric in metrics if _says(metric, rule) is Status.VIOLATION)
    return ModelQuality(
        rule=rule,
        problem_type=statistics.problem_type,
        rows=statistics.overall.rows,
        metrics=metrics,
        violations=violations,
        findings=(_whole(metrics, "sagemaker"), _whole(metrics, "decision")),
        promise=_promise(rule, budget, reference),
        notices=(*statistics.notices, *_unjudged(metrics), *_approximate(statistics)),
    )


def _constraint(reference: QualityReference, group: str, metric: str) -> Constraint | None:
    return next((found for found in reference.of(group).constraints if found.metric == metric), None)


def _judged(
    group: GroupQuality,
    measured: Measured,
    reference: GroupReference,
    budget: QualityBudget,
    deviations: Mapping[str, float],
) -> QualityMetric:
    found = QualityMetric(
        group=group.group,
        metric=measured.metric,
        value=measured.value,
        standard_deviation=deviations.get(measured.metric) if not group.group else None,
        interval=_interval(measured, SHOWN_LEVEL),
        undefined_because=measured.undefined_because,
    )
    constraint = next((one for one in reference.constraints if one.metric == measured.metric), None)
    if constraint is None:
        return found
    by_decision = _decide(measured, constraint, reference.known.get(measured.metric), budget)
    # The service knows no groups: their plain comparison is left to whoever reads the values.
    by_sagemaker = () if group.group else (_compare(measured, constraint),)
    findings = (*by_sagemaker, *((by_decision,) if by_decision is not None else ()))
    return replace(found, threshold=constraint.threshold, operator=constraint.operator, findings=findings)


def _compare(measured: Measured, constraint: Constraint) -> RuleFinding:
    if measured.value is None:
        return RuleFinding("sagemaker", Status.INCONCLUSIVE, measured.undefined_because, "no value to compare")
    broken = constraint.broken_by(measured.value)
    relation = "was" if broken else "was not"
    text = f"{measured.value!r} {relation} {constraint.operator} {constraint.threshold!r}"
    return RuleFinding("sagemaker", Status.VIOLATION if broken else Status.PASS, Reason.DRIFT if broken else None, text)


def _decide(
    measured: Measured, constraint: Constraint, known: KnownQuality | None, budget: QualityBudget
) -> RuleFinding | None:
    """What the interval says; None for a metric that has none even with many rows."""
    if measured.value is None:
        return RuleFinding("decision", Status.INCONCLUSIVE, measured.undefined_because, "it has no value")
    if measured.bounds is None:
        return None
    interval = measured.bounds.interval(budget.interval_level)
    if interval is None:
        return RuleFinding("decision", Status.INCONCLUSIVE, Reason.TOO_FEW, "too few rows for an interval")
    edge = _edge(constraint, known)
    shown = f"{100 * interval.level:.6g} % interval {interval.low:.4g} to {interval.high:.4g}"
    widened = f", {edge:.4g} with the reference's noise" if edge != constraint.threshold else ""
    text = f"{shown}; threshold {constraint.threshold:.4g}{widened}"
    status, reason = _side(measured, interval, constraint, edge)
    return RuleFinding("decision", status, reason, text)


def _edge(constraint: Constraint, known: KnownQuality | None) -> float:
    """The threshold; where it is the reference's own value, the far end of that value's interval."""
    if known is None or known.interval is None or known.value != constraint.threshold:
        return constraint.threshold
    return known.interval.low if constraint.operator == "LessThanThreshold" else known.interval.high


def _side(
    measured: Measured, interval: Interval, constraint: Constraint, edge: float
) -> tuple[Status, Reason | None]:
    """VIOLATION by the strict interval; PASS, as for bias drift, by the 95 % one."""
    at_edge = replace(constraint, threshold=edge)
    shown = _interval(measured, SHOWN_LEVEL) or interval
    if at_edge.broken_by(_best(interval, constraint)):
        return Status.VIOLATION, Reason.DRIFT
    if not at_edge.broken_by(shown.low if constraint.operator == "LessThanThreshold" else shown.high):
        return Status.PASS, None
    if at_edge.broken_by(_best(shown, constraint)):
        return Status.INCONCLUSIVE, Reason.FAMILY
    return Status.INCONCLUSIVE, Reason.BLIND if constraint.broken_by(_best(shown, constraint)) else Reason.TOO_FEW


def _best(interval: Interval, constraint: Constraint) -> float:
    """The end of the interval on the good side of the threshold."""
    return interval.high if constraint.operator == "LessThanThreshold" else interval.low


def _says(metric: QualityMetric, rule: Rule) -> Status | None:
    return next((found.status for found in metric.findings if found.rule == rule), None)


def _violation(metric: QualityMetric) -> ConstraintViolation:
    """In the words of AWS's own tool for custom metrics; a group is named beside the metric."""
    subject = f"{metric.metric} [{metric.group}]" if metric.group else metric.metric
    check = str(metric.operator)
    description = f"Metric {subject} with {metric.value!r} was {check} {metric.threshold!r}"
    return ConstraintViolation(subject, check, description)


def _whole(metrics: Sequence[QualityMetric], rule: Rule) -> RuleFinding:
    found = [finding for metric in metrics for finding in metric.findings if finding.rule == rule]
    statuses = Counter(finding.status for finding in found)
    text = f"{statuses[Status.VIOLATION]} of {len(found)} checks violated, {statuses[Status.INCONCLUSIVE]} undecided"
    if statuses[Status.VIOLATION]:
        return RuleFinding(rule, Status.VIOLATION, Reason.DRIFT, text)
    if not found:
        return RuleFinding(rule, Status.INCONCLUSIVE, Reason.NOTHING_JUDGED, text)
    if statuses[Status.INCONCLUSIVE]:
        reasons = Counter(f.reason for f in found if f.status is Status.INCONCLUSIVE)
        return RuleFinding(rule, Status.INCONCLUSIVE, reasons.most_common(1)[0][0], text)
    return RuleFinding(rule, Status.PASS, None, text)


def _promise(rule: Rule, budget: QualityBudget, reference: QualityReference) -> str:
    if rule == "sagemaker":
        return (
            "This rule compares numbers and counts no noise: where a threshold is the reference's own value, a metric"
            " lies beyond it in about half of the windows although nothing has changed, and one of all metrics in four"
            " of five (measured)."
        )
    alarms = f"{budget.alarms_per_month:g} false {'alarm' if budget.alarms_per_month == 1 else 'alarms'} a month"
    noise = (
        " The noise of the reference is counted."
        if reference.knows_its_noise
        else " The noise of the reference is not counted: it has no interval of its own."
    )
    return (
        "If no metric has become worse than its threshold, this monitor raises on average at most"
        f" {alarms}, over all its metrics and groups together.{noise}"
    )


def _unjudged(metrics: Sequence[QualityMetric]) -> tuple[Notice, ...]:
    """Metrics that have a threshold and no interval, said once."""
    names = sorted({m.metric for m in metrics if m.operator is not None and m.value is not None
                    and _says(m, "decision") is None})  # fmt: skip
    if not names:
        return ()
    message = f"{', '.join(names)} have no interval: only the plain comparison judges them"
    return (Notice("QUALITY-NO-INTERVAL", "model_quality", message),)


def _approximate(statistics: QualityStatistics) -> tuple[Notice, ...]:
    metrics = {"Regression": "mae, mse and rmse", "BinaryClassification": "auc", "MulticlassClassification": ""}
    named = metrics[statistics.problem_type]
    is_there = any(m.metric in ("mae", "auc") and m.value is not None for m in statistics.overall.metrics)
    if not named or not is_there:
        return ()
    message = f"intervals of {named} are approximate: normal, from the spread over rows"
    return (Notice("QUALITY-APPROXIMATE", "model_quality", message),)


# --- the window -------------------------------------------------------------------------------------------------------


def model_quality_status(quality: ModelQuality) -> tuple[Status, Reason | None, str]:
    """What the window ended in under the monitor's own rule, why, and one sentence for people."""
    if not quality.rows:
        return Status.INCONCLUSIVE, Reason.EMPTY_WINDOW, "No row of the window has both a label and a prediction."
    whole = next(finding for finding in quality.findings if finding.rule == quality.rule)
    statuses = Counter(status for metric in quality.metrics if (status := _says(metric, quality.rule)) is not None)
    total = sum(statuses.values())
    if not total:
        return whole.status, whole.reason, "No metric of the model's quality has a threshold, so nothing was judged."
    worse, kept, open_ones = (statuses[s] for s in (Status.VIOLATION, Status.PASS, Status.INCONCLUSIVE))
    headline = (
        f"Of {total} {'check' if total == 1 else 'checks'} of the model's quality on {quality.rows:,} rows,"
        f" {worse or 'none'} {'is' if worse < 2 else 'are'} worse than the constraints allow,"
        f" {kept or 'none'} {'keeps' if kept < 2 else 'keep'} to them"
        f"{f', {open_ones} cannot be decided' if open_ones else ''}{_worst(quality)}."
    )
    return whole.status, whole.reason, headline


def _worst(quality: ModelQuality) -> str:
    first = next((m for m in quality.metrics if _says(m, quality.rule) is Status.VIOLATION), None)
    if first is None or first.value is None or first.threshold is None:
        return ""
    where = f" of {first.group}" if first.group else ""
    return f"; first {first.metric}{where}, {first.value:.4g} against {first.threshold:.4g}"
