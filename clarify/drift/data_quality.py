"""One window of data against the constraints and distributions of its reference, by AWS's rule and by ours."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from clarify.drift import distances as apart
from clarify.drift.quality_documents import (
    Constraints,
    Distribution,
    FeatureConstraints,
    FeatureStatistics,
    NumericalStatistics,
    Statistics,
    StringStatistics,
)
from clarify.drift.quality_shares import ObservedColumn, ShareCheck, chance, difference, share_checks
from clarify.errors import ConstraintsError, Problem
from clarify.records import (
    ConstraintViolation,
    DataQuality,
    FeatureDistance,
    FeatureShare,
    Rule,
    RuleFinding,
    Status,
)
from clarify.results import Notice, Reason
from clarify.verdicts import Step, holm

FEWEST_ROWS: Final = 50
FLOOR: Final = 0.05                     # smaller distances never alarm, however many rows there are
SINGLE_LEVEL: Final = 0.05              # of one check, and the most for a window of a schedule
NOT_BLOCKING: Final = ("baseline_drift_check", "extra_column_check")

Counts = NDArray[np.int64]


@dataclass(frozen=True)
class QualityReference:
    """What later windows are held to. ``calibrated``: whether the distributions are ours, or buckets of AWS's."""

    constraints: Constraints
    statistics: Statistics | None = None
    distributions: tuple[Distribution, ...] = ()
    calibrated: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(feature.name for feature in self.constraints.features)

    def distribution(self, name: str) -> Distribution | None:
        return next((found for found in self.distributions if found.name == name), None)

    def only(self, names: Sequence[str]) -> QualityReference:
        """The reference of some columns alone."""
        kept = tuple(feature for feature in self.constraints.features if feature.name in names)
        return replace(self, constraints=replace(self.constraints, features=kept))


@dataclass(frozen=True)
class Columns:
    """Columns of the reference that the window lacks, and the other way round; and how many each has."""

    missing: tuple[str, ...]
    extra: tuple[str, ...]
    n_window: int
    n_reference: int


@dataclass(frozen=True)
class QualityTerms:
    """By which rule a window is judged, and what the rule ``decision`` may cost in false alarms."""

    rule: Rule = "decision"
    alarms_per_month: float = 1.0
    windows_per_month: float | None = None   # None: one check by itself
    key: str = ""                            # of the random splits: a digest of the data on both sides

    @property
    def level(self) -> float:
        """Chance of a false alarm in one window."""
        if self.windows_per_month is None:
            return SINGLE_LEVEL
        return min(SINGLE_LEVEL, self.alarms_per_month / self.windows_per_month)


def aws_distributions(statistics: Statistics) -> tuple[Distribution, ...]:
    """Counts by column as AWS's ``statistics.json`` has them: ten buckets, or all texts."""
    found = (
        _of_numbers(feature, feature.numerical) or _of_texts(feature, feature.string)
        for feature in statistics.features
    )
    return tuple(distribution for distribution in found if distribution is not None)


def _of_texts(feature: FeatureStatistics, string: StringStatistics | None) -> Distribution | None:
    if string is None or not string.buckets:
        return None
    counts = tuple(count for _, count in string.buckets)
    categories = tuple(value for value, _ in string.buckets)
    rest = max(0, feature.present - sum(counts))
    return Distribution(feature.name, "categorical", (*counts, rest), feature.missing, categories=categories)


def _of_numbers(feature: FeatureStatistics, numerical: NumericalStatistics | None) -> Distribution | None:
    if numerical is None or not numerical.buckets:
        return None
    cuts: list[float] = []
    counts = [numerical.buckets[0].count]
    for bucket in numerical.buckets[1:]:
        if cuts and bucket.lower <= cuts[-1]:
            counts[-1] += bucket.count       # a bucket without width
        else:
            cuts.append(bucket.lower)
            counts.append(bucket.count)
    return Distribution(feature.name, "numeric", tuple(counts), feature.missing, tuple(cuts))


def checks_of(reference: QualityReference, window: Mapping[str, ObservedColumn]) -> tuple[ShareCheck, ...]:
    """Every constraint that a share of the window's values must meet, in the reference's order."""
    if not reference.constraints.options.evaluate_constraints:
        return ()
    return tuple(
        check
        for asked in reference.constraints.features
        if asked.name in window and asked.options.evaluate_constraints
        for check in share_checks(
            asked,
            window[asked.name],
            reference.statistics.of(asked.name) if reference.statistics is not None else None,
            reference.distribution(asked.name) if reference.calibrated else None,
        )
    )


def judge(
    reference: QualityReference,
    window: Mapping[str, ObservedColumn],
    columns: Columns,
    checks: Sequence[ShareCheck],
    met: Sequence[bool],
    terms: QualityTerms,
) -> DataQuality:
    """What the constraints say of one window, by both rules; ``terms.rule`` says whose violations count.

    Parameters
    ----------
    window : mapping of ObservedColumn by name
    columns, met
        What Great Expectations found: columns that do not match, and for each of ``checks`` whether it is met.

    Raises
    ------
    ConstraintsError
        DQ-UNSUPPORTED when AWS's rule is asked for categories by ChiSquared, whose statistic AWS does not publish.

    Notes
    -----
    ``decision``: half of the window's level for distances, half for shares, Holm within each; a column that is missing
    or new is a fact and needs no test.
    """
    _refuse_chi_squared(reference, terms)
    structure = tuple(_structure(columns)) if reference.constraints.options.evaluate_constraints else ()
    shares = _judged_shares(checks, met, terms.level / 2)
    measured, notices = _distances(reference, window, terms)
    by_rule: dict[Rule, tuple[ConstraintViolation, ...]] = {
        rule: (*structure, *_share_violations(checks, met, shares, rule), *_drift_violations(measured, rule))
        for rule in ("sagemaker", "decision")
    }
    rule: Rule = "sagemaker" if terms.rule == "sagemaker" else "decision"
    violations = by_rule[rule]
    findings = tuple(_window_finding(each, by_rule[each], measured, notices) for each in by_rule)
    return DataQuality(
        rule, violations, measured, tuple(v for v in violations if v.check not in NOT_BLOCKING), findings,
        quality_promise(terms), notices, tuple(share for share, is_met in zip(shares, met, strict=True) if not is_met),
    )


def data_quality_status(quality: DataQuality) -> tuple[Status, Reason | None, str]:
    """Status, reason and headline of a window whose data quality was judged."""
    own = next(finding for finding in quality.findings if finding.rule == quality.rule)
    return own.status, own.reason, own.text


def quality_promise(terms: QualityTerms) -> str:
    """What the rule promises about false alarms, in words."""
    if terms.rule == "sagemaker":
        return (
            "This rule compares numbers and knows nothing of chance: a single value that breaks a constraint is a"
            " violation, and a distance is held to the same threshold whatever the number of rows."
        )
    about = "over all columns and constraints together; distances below .05 never alarm, however many rows there are"
    if terms.windows_per_month is None:
        return f"If nothing has changed, this check alarms in at most {terms.level:.3g} of the cases, {about}."
    alarms = "one false alarm" if terms.alarms_per_month == 1 else f"{terms.alarms_per_month:g} false alarms"
    return (
        f"If nothing has changed, this monitor raises on average at most {alarms} a month, {about}"
        f" ({terms.windows_per_month:,.4g} windows a month, each tested at {terms.level:.3g})."
    )


# --- columns and shares -----------------------------------------------------------------------------------------------


def _structure(columns: Columns) -> Iterator[ConstraintViolation]:
    counts = (
        f"Number of columns in current dataset: {columns.n_window}, "
        f"Number of columns in baseline constraints: {columns.n_reference}"
    )
    for name in columns.missing:
        told = f"There are missing columns in current dataset. {counts}. Missing: {name!r}."
        yield ConstraintViolation(name, "missing_column_check", told)
    for name in columns.extra:
        told = f"There are extra columns in current dataset. {counts}. Extra: {name!r}."
        yield ConstraintViolation(name, "extra_column_check", told)


def _judged_shares(checks: Sequence[ShareCheck], met: Sequence[bool], level: float) -> tuple[FeatureShare, ...]:
    p_values = [chance(check) for check in checks]
    steps = holm(p_values, level)
    return tuple(_share(*four) for four in zip(checks, met, p_values, steps, strict=True))


def _share(check: ShareCheck, is_met: bool, p: float, step: Step) -> FeatureShare:
    aws = RuleFinding("sagemaker", Status.PASS if is_met else Status.VIOLATION)
    is_violation = not is_met and step.accepted and check.is_material
    if is_met or is_violation:
        text = ""
    elif step.accepted:
        text = "fewer than .01 more than in the reference, which has such values too"
    else:
        text = f"chance explains it: p {p:.2g}, and {step.threshold:.2g} is needed"
    ours = RuleFinding("decision", Status.VIOLATION if is_violation else Status.PASS, text=text)
    return FeatureShare(
        check.feature, check.check, check.required, check.observed, check.rows, check.reference, p,
        None if is_met else difference(check), (aws, ours),
    )


def _share_violations(
    checks: Sequence[ShareCheck], met: Sequence[bool], shares: Sequence[FeatureShare], rule: Rule
) -> Iterator[ConstraintViolation]:
    for check, share in zip(checks, shares, strict=True):
        if _says(share.findings, rule) is Status.VIOLATION:
            yield ConstraintViolation(check.feature, check.check, check.description)


# --- distances --------------------------------------------------------------------------------------------------------


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


def _distances(
    reference: QualityReference, window: Mapping[str, ObservedColumn], terms: QualityTerms
) -> tuple[tuple[FeatureDistance, ...], tuple[Notice, ...]]:
    compared: list[_Compared] = []
    left_out: list[str] = []
    for asked in reference.constraints.features:
        observed = window.get(asked.name)
        if observed is None or not asked.options.perform_comparison:
            continue
        found = _compared(asked, observed, reference, terms)
        if found is None:
            left_out.append(asked.name)
        else:
            compared.append(found)
    steps = iter(holm([found.p for found in compared if found.p is not None], terms.level / 2))
    told = tuple(_distance(found, None if found.p is None else next(steps)) for found in compared)
    message = f"not compared, for want of values or of counts in the reference: {', '.join(map(repr, left_out))}"
    return told, (Notice("DQ-NOT-COMPARED", "distributions", message),) if left_out else ()


def _compared(
    asked: FeatureConstraints, observed: ObservedColumn, reference: QualityReference, terms: QualityTerms
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
    splits = apart.permuted(before, now, kind=found.tested, key=f"{terms.key}/{asked.name}")
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


def _drift_violations(measured: Sequence[FeatureDistance], rule: Rule) -> Iterator[ConstraintViolation]:
    for distance in measured:
        for finding in distance.findings:
            if finding.rule == rule and finding.status is Status.VIOLATION:
                yield ConstraintViolation(distance.feature, "baseline_drift_check", finding.text)


# --- the window as a whole --------------------------------------------------------------------------------------------


def _window_finding(
    rule: Rule,
    violations: Sequence[ConstraintViolation],
    measured: Sequence[FeatureDistance],
    left_out: Sequence[Notice],
) -> RuleFinding:
    if violations:
        only_drift = all(violation.check == "baseline_drift_check" for violation in violations)
        reason = Reason.DRIFT if only_drift else Reason.DATA_QUALITY
        return RuleFinding(rule, Status.VIOLATION, reason, _headline(violations))
    judged = [d for d in measured if _says(d.findings, rule) is not Status.INCONCLUSIVE]
    reasons = [f.reason for d in measured for f in d.findings if f.rule == rule and f.status is Status.INCONCLUSIVE]
    if measured and not judged:
        text = f"no constraint is violated, but no distribution could be judged: {_why(measured[0], rule)}"
        return RuleFinding(rule, Status.INCONCLUSIVE, reasons[0], text)
    if left_out and not measured:
        text = "no constraint is violated, but no distribution could be compared: the reference has none"
        return RuleFinding(rule, Status.INCONCLUSIVE, Reason.NO_REFERENCE, text)
    rest = f"; {len(reasons)} not judged" if reasons else ""
    return RuleFinding(rule, Status.PASS, text=f"no constraint is violated, {_columns(len(judged))} compared{rest}")


def _headline(violations: Sequence[ConstraintViolation]) -> str:
    subjects = list(dict.fromkeys(violation.subject for violation in violations))
    named = ", ".join(map(repr, subjects[:3])) + (f" and {len(subjects) - 3} more" if len(subjects) > 3 else "")
    checks = ", ".join(dict.fromkeys(violation.check for violation in violations))
    return f"{len(violations)} {'violation' if len(violations) == 1 else 'violations'} in {named}: {checks}"


def _columns(n: int) -> str:
    return "1 column" if n == 1 else f"{n} columns"


def _why(distance: FeatureDistance, rule: Rule) -> str:
    return next(finding.text for finding in distance.findings if finding.rule == rule)


def _says(findings: Sequence[RuleFinding], rule: Rule) -> Status:
    return next(finding.status for finding in findings if finding.rule == rule)


def _refuse_chi_squared(reference: QualityReference, terms: QualityTerms) -> None:
    asked = [f.name for f in reference.constraints.features if f.options.categorical_method == "ChiSquared"]
    if terms.rule != "sagemaker" or not asked:
        return
    field = "monitoring_config.distribution_constraints.categorical_drift_method"
    hint = "write LInfinity, or choose the rule decision"
    raise ConstraintsError(Problem("DQ-UNSUPPORTED", field, "ChiSquared", "LInfinity with rule sagemaker", hint))
