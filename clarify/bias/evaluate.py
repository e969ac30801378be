"""From one contingency table to the metrics of one facet: AWS's value, the honest value or its reason, the interval."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from clarify.bias.catalog import Metric, metrics_of
from clarify.bias.contingency import ContingencyTable, FlipFailure, FoldedTable
from clarify.bias.counted import strata_of
from clarify.bias.intervals import Plausible, StratifiedValues, plausible_values
from clarify.bias.reading import AWS, HONEST
from clarify.errors import ConfigError, Problem, UndefinedMetricError
from clarify.results import AwsValue, FacetBias, FlipCounts, MetricValue, RangeEvidence, Reason, Stage

if TYPE_CHECKING:
    from clarify.config.policy import AllowedRange  # brings pydantic along, which formulas can do without

Flips = FlipCounts | FlipFailure | None


@dataclass(frozen=True, eq=False)
class Estimate:
    """The honest value of a metric, or the reason it has none, with what the counts allow it to be."""

    value: float | None
    plausible: Plausible | None
    undefined_because: Reason | None = None
    detail: str = ""


def evaluate(
    table: ContingencyTable,
    *,
    facet: str,
    value_or_threshold: str,
    stage: Stage,
    methods: tuple[str, ...] | Literal["all"] = "all",
    flips: Flips = None,
    aws_flips: Flips = None,
    level: float = 0.95,
    ranges: Mapping[str, AllowedRange] | None = None,
) -> FacetBias:
    """Compute the requested metrics of one group of one facet.

    Parameters
    ----------
    table : ContingencyTable
        All rows, unknowns included: AWS's value folds them as its library does, the honest value leaves them out.
    facet, value_or_threshold : str
        How the documents name the facet and the group that is facet d.
    methods : tuple of str or "all"
        Names of metrics of this stage.
    flips : FlipCounts, FlipFailure or None
        The flip test's rows; None when nobody looked at them (FT is then undefined, ``not_computed``).
    aws_flips : FlipCounts, FlipFailure or None
        The flip test over the rows as AWS folds them, when unknown facets or predictions make it another; None:
        the same as ``flips``.
    level : float
        Of the intervals.
    ranges : mapping of a metric's name to the values it may take, or None
        Metrics with a range get the evidence that verdicts are made of; :mod:`clarify.verdicts`.

    Returns
    -------
    FacetBias
        Metrics sorted by name.

    Raises
    ------
    ConfigError
        If a metric is not one of the stage, or post-training metrics are asked of a table without predictions.
    """
    metrics = metrics_of(stage, methods)
    if stage == "post_training" and not table.has_predictions:
        raise ConfigError(
            Problem("CFG-PREDICTIONS-MISSING", "predicted_label", "no predicted labels",
                    "predicted_label_column has to be provided for Post training metrics",
                    "name a predicted_label column, or a predictor to compute it")
        )
    folded = table.as_aws().with_flips(flips if aws_flips is None else aws_flips)
    known = table.known().with_flips(flips)
    allowed = ranges or {}
    values = tuple(_metric_value(metric, folded, known, level, allowed.get(metric.name)) for metric in metrics)
    return FacetBias(
        facet, value_or_threshold, stage, table.facet_counts(), values, strata_of(table, stage), _counted(flips)
    )


def _counted(flips: Flips) -> FlipCounts | None:
    return flips if isinstance(flips, FlipCounts) else None


def aws_value(metric: Metric, folded: FoldedTable) -> AwsValue:
    """What AWS's library prints for the metric: a number, perhaps infinite, or null and its error text."""
    try:
        return AwsValue(float(metric.formula(folded, AWS)))
    except UndefinedMetricError as error:
        return AwsValue(None, error.detail)


def estimate(metric: Metric, known: FoldedTable) -> Estimate:
    """The honest value with what the counts allow it to be; verdicts read ``plausible.tail_p`` of the same object."""
    try:
        value = float(metric.formula(known, HONEST))
    except UndefinedMetricError as undefined:
        reason = Reason(undefined.reason)
        plausible = plausible_values(metric.name, known, None)
        return Estimate(None, plausible, reason, _with_smoothing(metric, plausible, undefined.detail))
    return Estimate(value, plausible_values(metric.name, known, value))


def _with_smoothing(metric: Metric, plausible: Plausible | None, detail: str) -> str:
    if metric.name == "KL" and plausible is not None:
        return f"{detail}; the interval describes the divergence smoothed by half a row in each class"
    return detail


def evidence(metric: Metric, plausible: Plausible | None, allowed: AllowedRange) -> RangeEvidence:
    """How the counts speak to an allowed range, by the tail masses that the interval is made of; p None without one.

    An edge that no value of the metric lies beyond is no limit, so a value at the end of its scale does not touch it.

    Raises
    ------
    ConfigError
        If the range has a lower limit above 0 for a distance.
    """
    if plausible is None:
        return RangeEvidence(allowed.low, allowed.high)
    low = None if allowed.low is None or allowed.low <= metric.low else allowed.low
    high = None if allowed.high is None or allowed.high >= metric.high else allowed.high
    p = plausible.tail_p(low, high)
    return RangeEvidence(allowed.low, allowed.high, p.outside, p.inside)


def _metric_value(
    metric: Metric, folded: FoldedTable, known: FoldedTable, level: float, allowed: AllowedRange | None
) -> MetricValue:
    honest = estimate(metric, known)
    return MetricValue(
        name=metric.name,
        value=honest.value,
        aws=aws_value(metric, folded),
        interval=None if honest.plausible is None else honest.plausible.interval(level),
        undefined_because=honest.undefined_because,
        detail=honest.detail,
        sparse_strata=(
            honest.plausible.disparity.sparse_share if isinstance(honest.plausible, StratifiedValues) else None
        ),
        evidence=None if allowed is None else evidence(metric, honest.plausible, allowed),
    )
