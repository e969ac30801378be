"""Where the numbers of analysis.json and of extended.json part, said in words: one notice for each cause and group."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from clarify.results import FacetBias, FacetCounts, MetricValue, Notice

DISTANCES: Final = ("KL", "JS", "LP", "TVD", "KS")
_TOLERANCE: Final = 1e-12


def difference_notices(facets: Iterable[FacetBias]) -> tuple[Notice, ...]:
    """Notices on groups whose AWS numbers differ from the honest ones.

    ``AWS-CLASS-MISSING``: divergences over the classes that both facets have; ``AWS-ZERO-OVER-ZERO``: a number
    where there is none; ``AWS-UNKNOWN-FOLDED``: rows without a facet, label or prediction counted as known ones.
    """
    return tuple(notice for facet in facets for notice in _of_group(facet))


def _of_group(facet: FacetBias) -> Iterator[Notice]:
    where = f"{facet.stage}_bias.{facet.facet}[{facet.value_or_threshold}]"
    apart = [metric for metric in facet.metrics if _differs(metric)]
    of_classes = [metric for metric in apart if metric.name in DISTANCES and _class_is_missing(facet.counts)]
    if of_classes:
        message = f"a class of the label is missing in one facet, and AWS leaves it out of both: {_both(of_classes)}"
        yield Notice("AWS-CLASS-MISSING", where, message)
    rest = [metric for metric in apart if metric not in of_classes]
    undefined = [metric for metric in rest if metric.value is None]
    if undefined:
        yield Notice("AWS-ZERO-OVER-ZERO", where, f"AWS prints a number where none exists: {_both(undefined)}")
    folded = [metric for metric in rest if metric.value is not None]
    if folded and (told := _unknown_rows(facet)):
        message = f"of the rows, {told}: AWS counts them to facet a or as negative, we leave them out: {_both(folded)}"
        yield Notice("AWS-UNKNOWN-FOLDED", where, message)


def _differs(metric: MetricValue) -> bool:
    """Whether AWS prints a number that is not the honest one; an error of AWS's misleads nobody."""
    if metric.aws.value is None:
        return False
    return metric.value is None or abs(metric.value - metric.aws.value) > _TOLERANCE * max(1.0, abs(metric.value))


def _class_is_missing(counts: FacetCounts) -> bool:
    pairs = (
        (counts.a.positive_labels, counts.d.positive_labels),
        (counts.a.negative_labels, counts.d.negative_labels),
    )
    return any((in_a == 0) != (in_d == 0) for in_a, in_d in pairs)


def _unknown_rows(facet: FacetBias) -> str:
    counts = facet.counts
    groups = (counts.a, counts.d, counts.unknown)
    unknown = {"facet": counts.unknown.rows, "label": sum(group.unknown_labels for group in groups)}
    if facet.stage == "post_training":
        unknown["prediction"] = sum(group.unknown_predictions for group in groups)
    return ", ".join(f"{rows:,} without a {what}" for what, rows in unknown.items() if rows)


def _both(metrics: Iterable[MetricValue]) -> str:
    told = []
    for metric in metrics:
        ours = f"{metric.value:.4g}" if metric.value is not None else f"undefined ({metric.undefined_because})"
        told.append(f"{metric.name} {metric.aws.value:.4g} in analysis.json, {ours} here")
    return "; ".join(told)
