"""One window of data against the constraints and distributions of its reference, by AWS's rule and by ours."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from clarify.drift.quality_distances import measure_distances
from clarify.drift.quality_reference import QualityReference
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

SINGLE_LEVEL: Final = 0.05              # of one check, and the most for a window of a schedule
NOT_BLOCKING: Final = ("baseline_drift_check", "extra_column_check")


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
    measured, notices = measure_distances(reference, window, level=terms.level / 2, key=terms.key)
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


# --- violations -------------------------------------------------------------------------------------------------------


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
