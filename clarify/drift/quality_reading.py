"""AWS's statistics.json and constraints.json of data quality, and our distributions.json, read from bytes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Final, TypeVar

from clarify.drift.quality_values import (
    INFINITIES,
    TYPES,
    Bucket,
    Constraints,
    Distribution,
    FeatureConstraints,
    FeatureStatistics,
    InferredType,
    MonitoringOptions,
    NumericalStatistics,
    Statistics,
    StringStatistics,
)
from clarify.errors import ConstraintsError, Problem, clip

_METHODS: Final = {"simple": "Simple", "linf_simple": "Simple", "robust": "Robust", "linf_robust": "Robust"}
_CATEGORICAL: Final = {"linfinity": "LInfinity", "chisquared": "ChiSquared"}
_SWITCH: Final = {"enabled": True, "disabled": False}
T = TypeVar("T")


def read_statistics(content: bytes) -> Statistics:
    """Read ``statistics.json``, AWS's or ours; keys that nobody compares may be absent.

    Raises
    ------
    ConstraintsError
        DQ-UNREADABLE, DQ-FIELD with the path of the key.
    """
    document = _load(content, "statistics.json")
    listed = _items(document, "features", "statistics")
    features = tuple(_read_feature(item, f"statistics.features[{i}]") for i, item in enumerate(listed))
    dataset = _part(document, "dataset", "statistics")
    return Statistics(_count(dataset, "item_count", "statistics.dataset"), features)


def _read_feature(item: Mapping[str, object], field: str) -> FeatureStatistics:
    numerical, texts = (_part(item, key, field) for key in ("numerical_statistics", "string_statistics"))
    common = _part(numerical or texts, "common", field)
    feature = FeatureStatistics(
        _text(item, "name", field), _type(item, field),
        _count(common, "num_present", f"{field}.common"), _count(common, "num_missing", f"{field}.common"),
    )
    if numerical and feature.present:
        return replace(feature, numerical=_read_numerical(numerical, f"{field}.numerical_statistics"))
    if texts:
        at = f"{field}.string_statistics"
        buckets = _items(_part(_part(texts, "distribution", at), "categorical", at), "buckets", at)
        pairs = tuple((_text(bucket, "value", at), _count(bucket, "count", at)) for bucket in buckets)
        return replace(feature, string=StringStatistics(_count(texts, "distinct_count", at), pairs))
    return feature


def _read_numerical(plain: Mapping[str, object], field: str) -> NumericalStatistics:
    kll = _part(_part(plain, "distribution", field), "kll", field)
    buckets = tuple(
        Bucket(_number(b, "lower_bound", field), _number(b, "upper_bound", field), _count(b, "count", field))
        for b in _items(kll, "buckets", field)
    )
    levels = _part(kll, "sketch", field).get("data", [])
    is_sketch = isinstance(levels, list) and all(isinstance(level, list) for level in levels)
    sketch = tuple(tuple(float(value) for value in level) for level in levels) if is_sketch else ()  # type: ignore[attr-defined]
    mean, total, std_dev, low, high = (_number(plain, key, field) for key in ("mean", "sum", "std_dev", "min", "max"))
    return NumericalStatistics(mean, total, std_dev, low, high, buckets, sketch)


def read_constraints(content: bytes) -> Constraints:
    """Read ``constraints.json`` of data quality, AWS's or ours.

    Raises
    ------
    ConstraintsError
        DQ-UNREADABLE, DQ-FIELD with the path of the key and what is allowed there.
    """
    document = _load(content, "constraints.json")
    options = _read_options(_part(document, "monitoring_config", "constraints"), MonitoringOptions(),
                            "constraints.monitoring_config")
    listed = _items(document, "features", "constraints")
    if not listed:
        raise _misfit("constraints.features", "nothing", "a list of columns")
    features = tuple(_read_asked(item, options, f"constraints.features[{i}]") for i, item in enumerate(listed))
    return Constraints(features, options)


def _read_asked(item: Mapping[str, object], options: MonitoringOptions, field: str) -> FeatureConstraints:
    numbers, texts = _part(item, "num_constraints", field), _part(item, "string_constraints", field)
    domains = texts.get("domains")
    if domains is not None and not (isinstance(domains, list) and all(isinstance(d, str) for d in domains)):
        raise _misfit(f"{field}.string_constraints.domains", domains, "a list of texts")
    overrides = _part(item, "monitoringConfigOverrides", field)
    return FeatureConstraints(
        _text(item, "name", field),
        _type(item, field),
        _share(item, "completeness", field) if "completeness" in item else None,
        numbers.get("is_non_negative") is True,
        tuple(domains) if domains is not None else None,  # type: ignore[arg-type]
        _read_options(overrides, options, f"{field}.monitoringConfigOverrides"),
    )


def _read_options(plain: Mapping[str, object], usual: MonitoringOptions, field: str) -> MonitoringOptions:
    """The options of a document, or of one column over those of its document."""
    compared = _part(plain, "distribution_constraints", field)
    at = f"{field}.distribution_constraints"
    return MonitoringOptions(
        _word(plain, "evaluate_constraints", _SWITCH, usual.evaluate_constraints, field),
        _word(plain, "emit_metrics", _SWITCH, usual.emit_metrics, field),
        _share(plain, "datatype_check_threshold", field, usual.datatype_threshold),
        _share(plain, "domain_content_threshold", field, usual.domain_threshold),
        _word(compared, "perform_comparison", _SWITCH, usual.perform_comparison, at),
        _share(compared, "comparison_threshold", at, usual.comparison_threshold),
        _word(compared, "comparison_method", _METHODS, usual.comparison_method, at),  # type: ignore[arg-type]
        _share(compared, "categorical_comparison_threshold", at, usual.categorical_threshold),
        _word(compared, "categorical_drift_method", _CATEGORICAL, usual.categorical_method, at),  # type: ignore[arg-type]
    )


def read_distributions(content: bytes) -> tuple[Distribution, ...]:
    """Read ``distributions.json``.

    Raises
    ------
    ConstraintsError
        DQ-UNREADABLE, DQ-FIELD.
    """
    document = _load(content, "distributions.json")
    listed = _items(document, "features", "distributions")
    return tuple(_read_distribution(item, f"distributions.features[{i}]") for i, item in enumerate(listed))


def _read_distribution(item: Mapping[str, object], field: str) -> Distribution:
    kind = _text(item, "kind", field)
    counts = tuple(_whole(count, f"{field}.counts") for count in _list(item, "counts", field))
    cuts = tuple(_float(cut, f"{field}.cuts") for cut in _list(item, "cuts", field))
    categories = tuple(str(name) for name in _list(item, "categories", field))
    n_bins = len(cuts) + 1 if kind == "numeric" else len(categories) + 1
    if kind not in ("numeric", "categorical"):
        raise _misfit(f"{field}.kind", kind, "numeric, categorical")
    if len(counts) != n_bins or list(cuts) != sorted(set(cuts)):
        raise _misfit(f"{field}.counts", f"{len(counts)} counts", f"{n_bins}: ascending cuts or categories, and one")
    return Distribution(
        _text(item, "name", field), kind, counts, _count(item, "missing", field), cuts, categories,  # type: ignore[arg-type]
        _count(item, "numbers", field),
    )


# --- plain JSON -------------------------------------------------------------------------------------------------------


def _load(content: bytes, name: str) -> Mapping[str, object]:
    try:
        document = json.loads(content)
    except (ValueError, RecursionError) as error:
        hint = "write the reference again"
        raise ConstraintsError(Problem("DQ-UNREADABLE", name, clip(str(error)), "a JSON object", hint)) from error
    if not isinstance(document, dict):
        raise ConstraintsError(Problem("DQ-UNREADABLE", name, clip(repr(document)), "a JSON object"))
    return document


def _part(plain: Mapping[str, object], key: str, field: str) -> Mapping[str, object]:
    """An object below a key; an absent one is empty."""
    found = plain.get(key)
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise _misfit(f"{field}.{key}", found, "an object")
    return found


def _list(plain: Mapping[str, object], key: str, field: str) -> list[object]:
    found = plain.get(key, [])
    if not isinstance(found, list):
        raise _misfit(f"{field}.{key}", found, "a list")
    return found


def _items(plain: Mapping[str, object], key: str, field: str) -> list[Mapping[str, object]]:
    found = _list(plain, key, field)
    for place, item in enumerate(found):
        if not isinstance(item, dict):
            raise _misfit(f"{field}.{key}[{place}]", item, "an object")
    return found  # type: ignore[return-value]


def _text(plain: Mapping[str, object], key: str, field: str) -> str:
    found = plain.get(key)
    if not isinstance(found, str):
        raise _misfit(f"{field}.{key}", found, "a text")
    return found


def _type(plain: Mapping[str, object], field: str) -> InferredType:
    found = plain.get("inferred_type")
    for known in TYPES:
        if found == known:
            return known
    raise _misfit(f"{field}.inferred_type", found, ", ".join(TYPES))


def _float(found: object, field: str) -> float:
    if found in INFINITIES:
        return float(str(found))
    if isinstance(found, bool) or not isinstance(found, int | float):
        raise _misfit(field, found, "a number")
    return float(found)


def _number(plain: Mapping[str, object], key: str, field: str) -> float:
    return _float(plain.get(key), f"{field}.{key}")


def _whole(found: object, field: str) -> int:
    number = _float(found, field)
    if not (number >= 0 and number.is_integer()):
        raise _misfit(field, found, "a count")
    return int(number)


def _count(plain: Mapping[str, object], key: str, field: str) -> int:
    """A count, which AWS writes as a decimal now and then; an absent one is 0."""
    return _whole(plain.get(key, 0), f"{field}.{key}")


def _share(plain: Mapping[str, object], key: str, field: str, usual: float = 1.0) -> float:
    share = _float(plain.get(key, usual), f"{field}.{key}")
    if not 0 <= share <= 1:
        raise _misfit(f"{field}.{key}", share, "a share from 0 to 1")
    return share


def _word(plain: Mapping[str, object], key: str, words: Mapping[str, T], usual: T, field: str) -> T:
    found = plain.get(key)
    if found is None:
        return usual
    if str(found).lower() not in words:
        raise _misfit(f"{field}.{key}", found, ", ".join(words))
    return words[str(found).lower()]


def _misfit(field: str, received: object, allowed: str) -> ConstraintsError:
    return ConstraintsError(Problem("DQ-FIELD", field, clip(str(received)), allowed, "mend the document"))
