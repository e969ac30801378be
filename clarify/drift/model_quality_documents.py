"""AWS's documents of model quality as bytes, and ours beside them for what theirs cannot hold: groups and noise."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final, cast, get_args

from clarify.drift.model_quality import ProblemType, QualityStatistics
from clarify.drift.quality_metrics import Curves, Measured
from clarify.drift.quality_rules import (
    Constraint,
    GroupReference,
    KnownQuality,
    Operator,
    QualityReference,
    operator_of,
)
from clarify.errors import ConstraintsError, Problem, clip
from clarify.records import ModelQuality, Window
from clarify.results import Interval

VERSION: Final = 0.0
GROUPS_VERSION: Final = "1.0"
NOT_A_NUMBER: Final = "NaN"           # AWS's word, a text, for a deviation that was not computed
STATISTICS_FILE: Final = "statistics.json"
CONSTRAINTS_FILE: Final = "constraints.json"
GROUPS_FILE: Final = "groups.json"

_PREFIX: Final[Mapping[ProblemType, str]] = {
    "Regression": "regression",
    "BinaryClassification": "binary_classification",
    "MulticlassClassification": "multiclass_classification",
}


def statistics_document(statistics: QualityStatistics, *, window: Window | None = None) -> bytes:
    """``statistics.json`` of the service: a value and its deviation for every metric, tables and curves.

    Holds no time but the window's own. A metric that is undefined has the value ``"NaN"``, as a text.
    """
    dataset: dict[str, object] = {"item_count": statistics.overall.rows}
    if window is not None:
        dataset |= {"start_time": window.start, "end_time": window.end}
    metrics: dict[str, object] = {}
    if statistics.confusion:
        metrics["confusion_matrix"] = {
            label: dict(zip(statistics.classes, row, strict=True))
            for label, row in zip(statistics.classes, statistics.confusion, strict=True)
        }
    for measured in statistics.overall.metrics:
        if measured.metric == "auc" and statistics.curves is not None:
            metrics |= _curves(statistics.curves)
        metrics[measured.metric] = _with_deviation(measured, statistics.deviations)
    name = f"{_PREFIX[statistics.problem_type]}_metrics"
    return _dump({"version": VERSION, "dataset": dataset, name: metrics})


def _with_deviation(measured: Measured, deviations: Mapping[str, float]) -> dict[str, object]:
    value = NOT_A_NUMBER if measured.value is None else measured.value
    return {"value": value, "standard_deviation": deviations.get(measured.metric, NOT_A_NUMBER)}


def _curves(curves: Curves) -> dict[str, object]:
    return {
        "receiver_operating_characteristic_curve": {
            "false_positive_rates": curves.false_positive_rates,
            "true_positive_rates": curves.true_positive_rates,
        },
        "precision_recall_curve": {"precisions": curves.precisions, "recalls": curves.recalls},
    }


def constraints_document(reference: QualityReference) -> bytes:
    """``constraints.json`` of the service: threshold and operator of every metric of all rows together."""
    name = f"{_PREFIX[reference.problem_type]}_constraints"
    return _dump({"version": VERSION, name: _thresholds(reference.of(""))})


def groups_document(reference: QualityReference) -> bytes:
    """``groups.json``, ours: constraints of every group, the reference's own values with their 99 % intervals."""
    return _dump({
        "version": GROUPS_VERSION,
        "problem_type": reference.problem_type,
        "classes": reference.classes,
        "positive": reference.positive,
        "readings": dict(reference.readings),
        "groups": [
            {
                "group": group.group,
                "constraints": _thresholds(group) if group.group else {},      # of all rows: in constraints.json
                "known": {metric: _known(known) for metric, known in group.known.items()},
            }
            for group in reference.groups
        ],
    })  # fmt: skip


def _thresholds(group: GroupReference) -> dict[str, object]:
    return {
        constraint.metric: {"threshold": constraint.threshold, "comparison_operator": constraint.operator}
        for constraint in group.constraints
    }


def _known(known: KnownQuality) -> dict[str, object]:
    if known.interval is None:
        return {"value": known.value}
    return {"value": known.value, "low": known.interval.low, "high": known.interval.high, "level": known.interval.level}


def violations_document(quality: ModelQuality) -> bytes:
    """``constraint_violations.json`` of the service: what the monitor's own rule calls a violation."""
    return _dump({
        "version": VERSION,
        "violations": [
            {
                "constraint_check_type": violation.check,
                "description": violation.description,
                "metric_name": violation.subject,
            }
            for violation in quality.violations
        ],
    })  # fmt: skip


def _dump(document: dict[str, object]) -> bytes:
    return (json.dumps(document, indent=4, allow_nan=False) + "\n").encode("ascii")


# --- reading ----------------------------------------------------------------------------------------------------------


def read_quality_reference(constraints: bytes, groups: bytes | None = None) -> QualityReference:
    """The service's constraints, as they stand or as a user edited them, with what our own file knows beside them.

    Raises
    ------
    ConstraintsError
        QUALITY-CONSTRAINTS, with the place, when a document does not have the form; both must be of one problem type.
    """
    document = _load(constraints, CONSTRAINTS_FILE)
    named = [kind for kind in get_args(ProblemType) if f"{_PREFIX[kind]}_constraints" in document]
    if len(named) != 1:
        keys = ", ".join(f"{prefix}_constraints" for prefix in _PREFIX.values())
        raise _misfit(CONSTRAINTS_FILE, ", ".join(map(str, document)) or "no key", f"one of {keys}")
    (problem_type,) = named
    name = f"{_PREFIX[problem_type]}_constraints"
    overall = GroupReference("", _read_constraints(document[name], f"{CONSTRAINTS_FILE}.{name}"))
    if groups is None:
        return QualityReference(problem_type, (overall,))
    return _with_groups(QualityReference(problem_type, (overall,)), _load(groups, GROUPS_FILE))


def _with_groups(reference: QualityReference, document: Mapping[str, object]) -> QualityReference:
    if document.get("version") != GROUPS_VERSION:
        raise _misfit(f"{GROUPS_FILE}.version", document.get("version"), GROUPS_VERSION)
    if document.get("problem_type") != reference.problem_type:
        allowed = f"{reference.problem_type}, as {CONSTRAINTS_FILE} has it"
        raise _misfit(f"{GROUPS_FILE}.problem_type", document.get("problem_type"), allowed)
    (overall,) = reference.groups
    found = []
    for i, plain in enumerate(_list(document.get("groups"), f"{GROUPS_FILE}.groups")):
        where = f"{GROUPS_FILE}.groups[{i}]"
        group = _object(plain, where)
        known = _object(group.get("known", {}), f"{where}.known")
        name = _text(group.get("group"), f"{where}.group")
        constraints = _read_constraints(group.get("constraints", {}), f"{where}.constraints")
        values = {metric: _read_known(value, f"{where}.known.{metric}") for metric, value in known.items()}
        found.append(GroupReference(name, constraints if name else overall.constraints, values))
    readings = _object(document.get("readings", {}), f"{GROUPS_FILE}.readings")
    return replace(
        reference,
        groups=tuple(found) if any(not group.group for group in found) else (overall, *found),
        classes=tuple(_text(c, f"{GROUPS_FILE}.classes") for c in _list(document.get("classes", []), "classes")),
        positive=_text(document.get("positive", ""), f"{GROUPS_FILE}.positive"),
        readings={column: _text(reading, f"{GROUPS_FILE}.readings") for column, reading in readings.items()},
    )


def _read_constraints(plain: object, where: str) -> tuple[Constraint, ...]:
    return tuple(
        _read_constraint(metric, _object(found, f"{where}.{metric}"), f"{where}.{metric}")
        for metric, found in _object(plain, where).items()
    )


def _read_constraint(metric: str, found: Mapping[str, object], where: str) -> Constraint:
    operator = found.get("comparison_operator", operator_of(metric))
    if operator not in get_args(Operator):
        raise _misfit(f"{where}.comparison_operator", operator, " or ".join(get_args(Operator)))
    return Constraint(metric, _number(found.get("threshold"), f"{where}.threshold"), cast(Operator, operator))


def _read_known(plain: object, where: str) -> KnownQuality:
    found = _object(plain, where)
    value = _number(found.get("value"), f"{where}.value")
    if "low" not in found:
        return KnownQuality(value)
    limits = (_number(found.get(key), f"{where}.{key}") for key in ("low", "high", "level"))
    return KnownQuality(value, Interval(*limits))


def _load(content: bytes, name: str) -> Mapping[str, object]:
    try:
        plain = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise _misfit(name, str(error), "one JSON object") from error
    return _object(plain, name)


def _expect(check: Callable[[object], bool], allowed: str) -> Callable[[object, str], object]:
    def expected(plain: object, where: str) -> object:
        if not check(plain):
            raise _misfit(where, plain, allowed)
        return plain

    return expected


_expect_number = _expect(
    lambda plain: isinstance(plain, int | float) and not isinstance(plain, bool) and math.isfinite(plain),
    "a finite number",
)
_expect_object = _expect(lambda plain: isinstance(plain, dict), "an object")
_expect_list = _expect(lambda plain: isinstance(plain, list), "an array")
_expect_text = _expect(lambda plain: isinstance(plain, str), "a text")


def _number(plain: object, where: str) -> float:
    return float(cast(float, _expect_number(plain, where)))


def _object(plain: object, where: str) -> Mapping[str, object]:
    return cast(Mapping[str, object], _expect_object(plain, where))


def _list(plain: object, where: str) -> list[object]:
    return cast(list[object], _expect_list(plain, where))


def _text(plain: object, where: str) -> str:
    return cast(str, _expect_text(plain, where))


def _misfit(where: str, received: object, allowed: str) -> ConstraintsError:
    hint = "suggest the constraints again, or mend the edited file"
    return ConstraintsError(Problem("QUALITY-CONSTRAINTS", where, clip(str(received)), allowed, hint))
