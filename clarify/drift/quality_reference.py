"""What later windows of data are held to: constraints, statistics and distributions, AWS's own buckets included."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from clarify.drift.quality_values import (
    Constraints,
    Distribution,
    FeatureStatistics,
    NumericalStatistics,
    Statistics,
    StringStatistics,
)


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
