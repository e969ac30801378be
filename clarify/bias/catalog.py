"""The list of metrics: what each is called, computes, ranges over, and cannot show."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal

from clarify.bias import post_training, pre_training
from clarify.bias.contingency import FoldedTable
from clarify.bias.reading import Reading
from clarify.errors import ConfigError, Problem
from clarify.results import Stage

Direction = Literal["less", "more", "none"]
Kind = Literal["difference", "ratio", "distance", "index"]
Formula = Callable[[FoldedTable, Reading], float]


@dataclass(frozen=True)
class Metric:
    """One metric of the catalogue.

    ``name`` and ``description`` are AWS's, to the letter. ``direction``: what a value above the ideal says of
    facet d: it has less, it has more (a chart that shows less on the right mirrors the value), or nothing.
    ``kind``: when the facets swap, a difference changes sign, a ratio inverts; a distance is an unsigned
    divergence (KL changes its value), an index does not read the facets. ``low``, ``high``: the range of the
    honest value. ``blind_spot``: what the metric cannot show.
    """

    name: str
    description: str
    stage: Stage
    title: str
    formula: Formula
    kind: Kind
    low: float
    high: float
    direction: Direction
    blind_spot: str
    needs_strata: bool = False
    needs_flips: bool = False

    @property
    def ideal(self) -> float:
        return 1.0 if self.kind == "ratio" else 0.0

    @property
    def is_mirrored(self) -> bool:
        """Whether a chart with "facet d has less" on the right must draw the value mirrored."""
        return self.direction == "more"


_PRE: Final = "pre_training"
_POST: Final = "post_training"

# In the order in which AWS's library registers them: its error text for an unknown name lists them so.
METRICS: Final[tuple[Metric, ...]] = (
    Metric("CI", "Class Imbalance (CI)", _PRE, "Group size balance",
           pre_training.class_imbalance, "difference", -1.0, 1.0, "less",
           "Counts rows only. A small group can be treated exactly like a large one."),
    Metric("DPL", "Difference in Positive Proportions in Labels (DPL)", _PRE, "Positive labels",
           pre_training.difference_in_proportions_of_labels, "difference", -1.0, 1.0, "less",
           "Describes the labels as recorded; it cannot tell whether they were assigned rightly."),
    Metric("KL", "Kullback-Liebler Divergence (KL)", _PRE, "Label divergence",
           pre_training.kullback_leibler_divergence, "distance", 0.0, math.inf, "none",
           "Says that the labels differ, not in whose favour; it is infinite when a group lacks a class."),
    Metric("JS", "Jensen-Shannon Divergence (JS)", _PRE, "Symmetric label divergence",
           pre_training.jensen_shannon_divergence, "distance", 0.0, math.log(2), "none",
           "Says that the labels differ, not in whose favour; its unit is not a share of people."),
    Metric("LP", "L-p Norm (LP)", _PRE, "Distance of label shares",
           pre_training.lp_norm, "distance", 0.0, math.sqrt(2), "none",
           "For two classes it is DPL without its sign, times 1.414; it adds no evidence of its own."),
    Metric("TVD", "Total Variation Distance (TVD)", _PRE, "Label shares to be moved",
           pre_training.total_variation_distance, "distance", 0.0, 1.0, "none",
           "For two classes it is DPL without its sign; it adds no evidence of its own."),
    Metric("KS", "Kolmogorov-Smirnov Distance (KS)", _PRE, "Largest gap in label shares",
           pre_training.kolmogorov_smirnov_distance, "distance", 0.0, 1.0, "none",
           "For two classes it is DPL without its sign; it adds no evidence of its own."),
    Metric("CDDL", "Conditional Demographic Disparity in Labels (CDDL)", _PRE, "Negative labels within strata",
           pre_training.conditional_demographic_disparity_in_labels, "difference", -1.0, 1.0, "less",
           "Explains only by the one group variable; opposite gaps in two strata cancel out.", needs_strata=True),
    Metric("DPPL", "Difference in Positive Proportions in Predicted Labels (DPPL)", _POST, "Positive decisions",
           post_training.difference_in_proportions_of_predicted_labels, "difference", -1.0, 1.0, "less",
           "Ignores whether the decisions were right. Equal shares can hide unequal errors."),
    Metric("DI", "Disparate Impact (DI)", _POST, "Ratio of positive decisions",
           post_training.disparate_impact, "ratio", 0.0, math.inf, "more",
           "A ratio exaggerates gaps when both shares are small and hides them when both are large."),
    Metric("DCA", "Difference in Conditional Acceptance (DCA)", _POST, "Good labels per positive decision",
           post_training.difference_in_conditional_acceptance, "difference", -math.inf, math.inf, "less",
           "Compares totals: the right number of positive decisions can go to the wrong people."),
    Metric("DCR", "Difference in Conditional Rejection (DCR)", _POST, "Bad labels per negative decision",
           post_training.difference_in_conditional_rejection, "difference", -math.inf, math.inf, "more",
           "Compares totals: the right number of negative decisions can go to the wrong people."),
    Metric("RD", "Recall Difference (RD)", _POST, "Recall",
           post_training.recall_difference, "difference", -1.0, 1.0, "less",
           "Looks at positive labels only; people once rejected have no true label and are missing or guessed."),
    Metric("SD", "Specificity Difference (SD)", _POST, "Specificity",
           post_training.specificity_difference, "difference", -1.0, 1.0, "more",
           "Looks at negative labels only; it cannot see good cases that were turned away."),
    Metric("DAR", "Difference in Acceptance Rates (DAR)", _POST, "Precision of positive decisions",
           post_training.difference_in_acceptance_rates, "difference", -1.0, 1.0, "less",
           "Judges accepted cases only; people who were rejected have no true label, and it cannot see them."),
    Metric("DRR", "Difference in Rejection Rates (DRR)", _POST, "Precision of negative decisions",
           post_training.difference_in_rejection_rates, "difference", -1.0, 1.0, "more",
           "Judges rejected cases only, whose true label is often unknown or guessed."),
    Metric("AD", "Accuracy Difference (AD)", _POST, "Accuracy",
           post_training.accuracy_difference, "difference", -1.0, 1.0, "less",
           "Adds both kinds of error; two groups can be equally accurate with opposite mistakes. "
           "People once rejected have no true label."),
    Metric("CDDPL", "Conditional Demographic Disparity in Predicted Labels (CDDPL)", _POST,
           "Negative decisions within strata",
           post_training.conditional_demographic_disparity_in_predicted_labels, "difference", -1.0, 1.0, "less",
           "Explains only by the one group variable; opposite gaps in two strata cancel out.", needs_strata=True),
    Metric("TE", "Treatment Equality (TE)", _POST, "Wrong rejections per wrong acceptance",
           post_training.treatment_equality, "difference", -math.inf, math.inf, "more",
           "Compares the mix of errors, not their number; few errors make it swing widely."),
    Metric("FT", "Flip Test (FT)", _POST, "Decisions that neighbours would flip",
           post_training.flip_test, "difference", -1.0, 1.0, "more",
           "Depends on the units of the features: nothing is scaled, and one wide column decides who is near.",
           needs_flips=True),
    Metric("GE", "Generalized Entropy (GE)", _POST, "Inequality of errors over all rows",
           post_training.generalised_entropy, "index", 0.0, math.inf, "none",
           "Does not look at the groups at all: it is the same for every facet."),
)

BY_NAME: Final[Mapping[str, Metric]] = MappingProxyType({metric.name: metric for metric in METRICS})


def metrics_of(stage: Stage, methods: tuple[str, ...] | Literal["all"] = "all") -> tuple[Metric, ...]:
    """The requested metrics of a stage, sorted by name.

    Raises
    ------
    ConfigError
        If a name is not a metric of the stage; the text is the one of AWS's library.
    """
    registered = [metric for metric in METRICS if metric.stage == stage]
    wanted = [metric.name for metric in registered] if methods == "all" else list(methods)
    unknown = sorted(set(wanted) - {metric.name for metric in registered})
    if unknown:
        names = [metric.name for metric in registered]
        raise ConfigError(
            Problem("CFG-METRIC-UNKNOWN", f"methods.{stage}_bias.methods", ", ".join(unknown),
                    f"Invalid metric_name: metrics should be one of the registered metrics{names}",
                    'name metrics of this stage, or write "all"')
        )
    return tuple(sorted((metric for metric in registered if metric.name in wanted), key=lambda metric: metric.name))
