"""What the documents of data quality say: AWS's statistics and constraints, and our distributions, as values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

InferredType = Literal["Fractional", "Integral", "String", "Unknown"]
TYPES: Final[tuple[InferredType, ...]] = ("Fractional", "Integral", "String", "Unknown")
SKETCH_C: Final = 0.64
SKETCH_K: Final = 2048
INFINITIES: Final = ("-Infinity", "Infinity")


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


def _brief(number: float) -> str:
    return f"{number:.6g}"
