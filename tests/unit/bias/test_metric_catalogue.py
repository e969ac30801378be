import inspect

import pytest

from clarify.bias.catalog import BY_NAME, METRICS

DESCRIPTIONS = {
    "CDDL": "Conditional Demographic Disparity in Labels (CDDL)",
    "CI": "Class Imbalance (CI)",
    "DPL": "Difference in Positive Proportions in Labels (DPL)",
    "JS": "Jensen-Shannon Divergence (JS)",
    "KL": "Kullback-Liebler Divergence (KL)",
    "KS": "Kolmogorov-Smirnov Distance (KS)",
    "LP": "L-p Norm (LP)",
    "TVD": "Total Variation Distance (TVD)",
    "AD": "Accuracy Difference (AD)",
    "CDDPL": "Conditional Demographic Disparity in Predicted Labels (CDDPL)",
    "DAR": "Difference in Acceptance Rates (DAR)",
    "DCA": "Difference in Conditional Acceptance (DCA)",
    "DCR": "Difference in Conditional Rejection (DCR)",
    "DI": "Disparate Impact (DI)",
    "DPPL": "Difference in Positive Proportions in Predicted Labels (DPPL)",
    "DRR": "Difference in Rejection Rates (DRR)",
    "FT": "Flip Test (FT)",
    "GE": "Generalized Entropy (GE)",
    "RD": "Recall Difference (RD)",
    "SD": "Specificity Difference (SD)",
    "TE": "Treatment Equality (TE)",
}


def test_the_catalogue_holds_the_twenty_one_metrics_with_the_descriptions_of_aws():
    assert {metric.name: metric.description for metric in METRICS} == DESCRIPTIONS


def test_eight_metrics_need_no_model():
    assert sum(metric.stage == "pre_training" for metric in METRICS) == 8


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)
def test_every_metric_says_what_it_cannot_show_in_one_line(metric):
    assert len(metric.blind_spot) > 30
    assert "\n" not in metric.blind_spot
    assert metric.blind_spot.endswith(".")


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)
def test_every_formula_is_spelled_out_and_documented(metric):
    assert "_" in metric.formula.__name__
    assert inspect.getdoc(metric.formula)
    assert metric.title


def test_metrics_that_put_the_named_group_first_are_mirrored():
    # d over a, or d minus a: a larger value means that facet d has more
    assert {metric.name for metric in METRICS if metric.is_mirrored} == {"DI", "SD", "DRR", "DCR", "TE", "FT"}


def test_only_the_ratio_is_ideal_at_one():
    assert BY_NAME["DI"].ideal == 1.0
    assert {metric.ideal for metric in METRICS if metric.name != "DI"} == {0.0}
