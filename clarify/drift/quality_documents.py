"""AWS's statistics.json and constraints.json of data quality, and our distributions.json, to and from bytes."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Final, Literal, TypeVar

from clarify.errors import ConstraintsError, Problem, clip
from clarify.records import ConstraintViolation

InferredType = Literal["Fractional", "Integral", "String", "Unknown"]
TYPES: Final[tuple[InferredType, ...]] = ("Fractional", "Integral", "String", "Unknown")
DISTRIBUTIONS_VERSION: Final = "1.0"
SKETCH_C: Final = 0.64
SKETCH_K: Final = 2048
INFINITIES: Final = ("-Infinity", "Infinity")

_METHODS: Final = {"simple": "Simple", "linf_simple": "Simple", "robust": "Robust", "linf_robust": "Robust"}
_CATEGORICAL: Final = {"linfinity": "LInfinity", "chisquared": "ChiSquared"}
_SWITCH: Final = {"enabled": True, "disabled": False}
T = TypeVar("T")


@dataclass(frozen=True)
class Bucket:
    """Values from ``lower`` to below ``upper`` (the last bucket holds ``upper`` too), and how many there are."""

    lower: float
    upper: float
    count: int


@dataclass(frozen=True)
class NumericalStatistics:
    """Of the finite numbers of a column. ``sketch``: values by level; one of level i stands for 2^i values."""

    mean: float
    total: float
    std_dev: float                            # of these values themselves: divided by their number
    minimum: float
    maximum: float
    buckets: tuple[Bucket, ...]
    sketch: tuple[tuple[float, ...], ...] = ()


@dataclass(frozen=True)
class StringStatistics:
    """Different texts of a column, and how often each occurs where they are few."""

    distinct_count: int
    buckets: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True)
class FeatureStatistics:
    """What a column holds; one of ``numerical`` and ``string`` is there unless it has no value at all."""

    name: str
    inferred_type: InferredType
    present: int
    missing: int
    numerical: NumericalStatistics | None = None
    string: StringStatistics | None = None


@dataclass(frozen=True)
class Statistics:
    """AWS's ``statistics.json``."""

    item_count: int
    features: tuple[FeatureStatistics, ...]

    def of(self, name: str) -> FeatureStatistics | None:
        return next((feature for feature in self.features if feature.name == name), None)


@dataclass(frozen=True)
class MonitoringOptions:
    """AWS's ``monitoring_config``, with what its library writes by default.

    ``datatype_threshold`` and ``domain_threshold``: share of the values that must match.
    """

    evaluate_constraints: bool = True
    emit_metrics: bool = True
    datatype_threshold: float = 1.0
    domain_threshold: float = 1.0
    perform_comparison: bool = True
    comparison_threshold: float = 0.1
    comparison_method: Literal["Simple", "Robust"] = "Robust"
    categorical_threshold: float = 0.1
    categorical_method: Literal["LInfinity", "ChiSquared"] = "LInfinity"


@dataclass(frozen=True)
class FeatureConstraints:
    """What is asked of one column; ``options`` are the document's own where the column overrides nothing."""

    name: str
    inferred_type: InferredType
    completeness: float | None = None
    is_non_negative: bool = False
    domains: tuple[str, ...] | None = None
    options: MonitoringOptions = MonitoringOptions()


@dataclass(frozen=True)
class Constraints:
    """AWS's ``constraints.json``."""

    features: tuple[FeatureConstraints, ...]
    options: MonitoringOptions = MonitoringOptions()


@dataclass(frozen=True)
class Distribution:
    """Counts of one column, all that a calibrated distance reads.

    Numeric: ``cuts`` ascending, ``counts`` one longer: values below the first cut, from each cut to the next, from the
    last. Categorical: ``counts`` of each of ``categories``, then of all others. Missing values are counted apart.
    ``numbers``: of a text column, values that look like numbers.
    """

    name: str
    kind: Literal["numeric", "categorical"]
    counts: tuple[int, ...]
    missing: int = 0
    cuts: tuple[float, ...] = ()
    categories: tuple[str, ...] = ()
    numbers: int = 0

    @property
    def present(self) -> int:
        return sum(self.counts)

    @property
    def bins(self) -> tuple[str, ...]:
        """Names of the bins, for people."""
        if self.kind == "categorical":
            return (*(repr(name) for name in self.categories), "all other values")
        if not self.cuts:
            return ("all values",)
        between = (f"[{_brief(a)}, {_brief(b)})" for a, b in zip(self.cuts[:-1], self.cuts[1:], strict=True))
        return (f"below {_brief(self.cuts[0])}", *between, f"from {_brief(self.cuts[-1])}")


# --- to bytes ---------------------------------------------------------------------------------------------------------


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


def violations_document(violations: Sequence[ConstraintViolation]) -> bytes:
    """``constraint_violations.json`` of data quality as AWS shapes it."""
    told = [
        {"feature_name": v.subject, "constraint_check_type": v.check, "description": v.description} for v in violations
    ]
    return _dump({"violations": told})


def _dump(document: Mapping[str, object]) -> bytes:
    return (json.dumps(document, indent=4, allow_nan=False) + "\n").encode("ascii")


def _spelled(number: float) -> float | str:
    """Sums of numbers near 1e308 are infinite, which JSON cannot say."""
    return number if math.isfinite(number) else INFINITIES[number > 0]


def _brief(number: float) -> str:
    return f"{number:.6g}"


# --- from bytes -------------------------------------------------------------------------------------------------------


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
