"""The documents `constraint_violations.json`, in the shapes of AWS's monitors."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Final

from clarify.records import AttributionDrift, BiasDrift, ConstraintViolation, Rule, Status

VERSION: Final = "1.0"
NDCG_THRESHOLD: Final = 0.9


def bias_violations(drift: BiasDrift, rule: Rule) -> bytes:
    """Violations of bias drift by one rule: AWS's keys, and with ``sagemaker`` AWS's words.

    Two-space indent and keys in alphabetical order, as the service writes it; without violations the list is empty.
    """
    return _document([
        {
            "constraint_check_type": "bias_drift_check",
            "description": series.says(rule).text,
            "facet": series.facet,
            "facet_value": series.value_or_threshold,
            "metric_name": series.metric,
        }
        for series in drift.series
        if series.says(rule).status is Status.VIOLATION
    ])


def feature_attribution_violations(
    drift: AttributionDrift, rule: Rule, *, threshold: float = NDCG_THRESHOLD
) -> bytes:
    """Violations of attribution drift by one rule, one for each output of the model.

    Parameters
    ----------
    threshold : float
        Of nDCG, for the words of ``sagemaker``; other rules describe their findings in their own.
    """
    found = []
    for output in drift.outputs:
        finding = next(finding for finding in output.findings if finding.rule == rule)
        as_aws = f"Feature attribution drift {output.ndcg!r} exceeds threshold {threshold!r}"
        if finding.status is Status.VIOLATION:
            found.append({
                "constraint_check_type": "feature_attribution_drift_check",
                "description": as_aws if rule == "sagemaker" else finding.text,
                "label": output.label,
                "metric_name": "shap",
            })
    return _document(found)


def data_quality_violations(found: Sequence[ConstraintViolation]) -> bytes:
    """Violations of data quality, one for each feature and check; the document has no version."""
    return _written({"violations": [
        {"feature_name": v.subject, "constraint_check_type": v.check, "description": v.description} for v in found
    ]})


def _document(violations: list[dict[str, str]]) -> bytes:
    return _written({"version": VERSION, "violations": violations})


def _written(document: Mapping[str, object]) -> bytes:
    return json.dumps(document, indent=2).encode("ascii")
