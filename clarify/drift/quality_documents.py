"""AWS's statistics.json and constraints.json of data quality, and our distributions.json, written as bytes."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Final

from clarify.drift.quality_values import (
    INFINITIES,
    SKETCH_C,
    SKETCH_K,
    Constraints,
    Distribution,
    FeatureConstraints,
    FeatureStatistics,
    MonitoringOptions,
    Statistics,
    StringStatistics,
)

DISTRIBUTIONS_VERSION: Final = "1.0"


def statistics_document(statistics: Statistics) -> bytes:
    """``statistics.json`` as AWS shapes it."""
    features = [_feature_statistics(feature) for feature in statistics.features]
    return _dump({"version": 0.0, "dataset": {"item_count": statistics.item_count}, "features": features})


def _feature_statistics(feature: FeatureStatistics) -> dict[str, object]:
    common = {"num_present": feature.present, "num_missing": feature.missing}
    head: dict[str, object] = {"name": feature.name, "inferred_type": feature.inferred_type}
    found = feature.numerical
    if found is None:
        texts = feature.string or StringStatistics(0)
        buckets = [{"value": value, "count": count} for value, count in texts.buckets]
        distribution: dict[str, object] = {"categorical": {"buckets": buckets}}
        told = {"common": common, "distinct_count": texts.distinct_count, "distribution": distribution}
        return {**head, "string_statistics": told}
    bounds = [{"lower_bound": b.lower, "upper_bound": b.upper, "count": b.count} for b in found.buckets]
    sketch = {"parameters": {"c": SKETCH_C, "k": float(SKETCH_K)}, "data": [list(level) for level in found.sketch]}
    return {
        **head,
        "numerical_statistics": {
            "common": common,
            "mean": _spelled(found.mean),
            "sum": _spelled(found.total),
            "std_dev": _spelled(found.std_dev),
            "min": found.minimum,
            "max": found.maximum,
            "distribution": {"kll": {"buckets": bounds, "sketch": sketch}},
        },
    }


def constraints_document(constraints: Constraints) -> bytes:
    """``constraints.json`` as AWS shapes it."""
    features = [_feature_constraints(feature, constraints.options) for feature in constraints.features]
    told = {"version": 0.0, "features": features, "monitoring_config": _options(constraints.options)}
    return _dump(told)


def _feature_constraints(feature: FeatureConstraints, usual: MonitoringOptions) -> dict[str, object]:
    told: dict[str, object] = {"name": feature.name, "inferred_type": feature.inferred_type}
    if feature.completeness is not None:
        told["completeness"] = feature.completeness
    if feature.inferred_type in ("Fractional", "Integral"):
        told["num_constraints"] = {"is_non_negative": feature.is_non_negative}
    if feature.domains is not None:
        told["string_constraints"] = {"domains": list(feature.domains)}
    told["monitoringConfigOverrides"] = _options(feature.options) if feature.options != usual else {}
    return told


def _options(options: MonitoringOptions) -> dict[str, object]:
    words = {True: "Enabled", False: "Disabled"}
    return {
        "evaluate_constraints": words[options.evaluate_constraints],
        "emit_metrics": words[options.emit_metrics],
        "datatype_check_threshold": options.datatype_threshold,
        "domain_content_threshold": options.domain_threshold,
        "distribution_constraints": {
            "perform_comparison": words[options.perform_comparison],
            "comparison_threshold": options.comparison_threshold,
            "comparison_method": options.comparison_method,
            "categorical_comparison_threshold": options.categorical_threshold,
            "categorical_drift_method": options.categorical_method,
        },
    }


def distributions_document(distributions: Sequence[Distribution]) -> bytes:
    """``distributions.json``, a document of ours: counts in bins, by column."""
    return _dump({"version": DISTRIBUTIONS_VERSION, "features": [asdict(found) for found in distributions]})


def _dump(document: Mapping[str, object]) -> bytes:
    return (json.dumps(document, indent=4, allow_nan=False) + "\n").encode("ascii")


def _spelled(number: float) -> float | str:
    """Sums of numbers near 1e308 are infinite, which JSON cannot say."""
    return number if math.isfinite(number) else INFINITIES[number > 0]
