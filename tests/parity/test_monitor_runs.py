"""Monitoring runs that AWS published: the same constraints and the same counts give the same violations."""

import json
import re

import numpy as np
import pytest

from clarify.bias.contingency import ContingencyTable
from clarify.bias.evaluate import evaluate
from clarify.drift.bias_drift import bias_status, check_bias_drift
from clarify.drift.constraints import read_aws_analysis
from clarify.drift.sagemaker import compare_as_aws
from clarify.drift.violations import bias_violations
from clarify.records import Status, Window
from clarify.results import AnalysisResult, AwsValue, BiasSection, DatasetDescription, FlipCounts, ValidationOutcome

# 334 records, facet Sex with 0 as facet d: TP, FP, FN, TN.
CONFUSION = {"a": (32, 17, 130, 45), "d": (2, 0, 78, 30)}
# Five copies of every record: a row then finds its own copies of facet d's neighbours in facet a often enough.
FLIPS_OF_FIVE = FlipCounts(to_positive=85, to_negative=10, n_d=550)
FLIPS_OF_ONE = FlipCounts(to_positive=2, to_negative=2, n_d=110)
# Age: predicted 1 and 0 in facet a, predicted 1 and 0 in facet d.
BY_AGE = """17:0,1,0,2 18:0,5,0,4 19:0,4,0,2 20:0,5,0,3 21:0,1,0,4 22:0,5,0,10 23:0,5,0,2 24:0,2,0,0 25:0,5,0,5
26:0,6,0,3 27:0,4,0,2 28:1,4,0,1 29:0,4,0,1 30:1,7,0,6 31:0,6,0,3 32:1,9,0,1 33:0,7,0,1 34:1,9,0,3 35:1,8,0,1
36:1,7,0,4 37:1,6,0,3 38:1,4,0,2 39:2,2,0,5 40:1,2,0,2 41:1,4,0,1 42:3,5,1,1 43:2,0,0,2 44:3,4,0,2 45:3,2,0,2
46:3,3,0,0 47:1,3,0,2 48:2,2,0,1 49:2,1,0,2 50:1,2,0,1 51:1,8,0,2 52:3,4,0,1 53:2,1,1,1 54:0,3,0,3 55:1,3,0,2
56:1,0,0,2 57:1,0,0,1 58:2,0,0,1 59:1,3,0,1 60:0,0,0,1 61:2,3,0,3 62:0,0,0,2 64:0,1,0,0 65:0,1,0,1 66:0,1,0,0
67:1,3,0,1 69:1,0,0,1 70:1,0,0,0 76:0,0,0,1"""

CONSTRAINTS = {
    "AD": -0.15156641604010024, "CDDPL": 0.28176563733194276, "DAR": -0.09508196721311479,
    "DCA": -0.5278688524590163, "DCR": 0.027874251497005953, "DI": 0.17798594847775176,
    "DPPL": 0.2199248120300752, "DRR": 0.12565868263473046, "FT": -0.03333333333333333,
    "GE": 0.0841186702174704, "RD": 0.1308103661044837, "SD": 0.10465328014037645, "TE": 2.916666666666667,
}
PRE_CONSTRAINTS = {
    "CI": 0.36936936936936937, "DPL": 0.2326441102756892, "JS": 0.04508199943437752, "KL": 0.22434464102537785,
    "KS": 0.2326441102756892, "LP": 0.32900845595810163, "TVD": 0.2326441102756892,
}
VIOLATIONS = {
    "CDDPL": "0.3748947825295131", "DAR": "-0.34693877551020413", "DCA": "-36.69387755102041",
    "DCR": "-0.07650793650793647", "FT": "-0.13636363636363635", "GE": "0.9454985573866702",
    "RD": "0.17253086419753086", "SD": "0.27419354838709675", "TE": "Infinity",
}
# Means over rows that the service sums one by one: their last digits depend on how many copies were sent.
SUMMED_OVER_ROWS = {"CDDPL", "GE"}


def live(copies, flips) -> AnalysisResult:
    cells = {facet: tuple(copies * count for count in counts) for facet, counts in CONFUSION.items()}
    table = ContingencyTable.from_confusion(**cells)
    place = {"facet": "Sex", "value_or_threshold": "0"}
    plain = tuple(name for name in CONSTRAINTS if name != "CDDPL")
    post = evaluate(table, **place, stage="post_training", methods=plain, flips=flips)
    by_age = evaluate(stratified(copies), **place, stage="post_training", methods=("CDDPL",))
    pre = evaluate(table, **place, stage="pre_training", methods=tuple(PRE_CONSTRAINTS))
    metrics = tuple(sorted((*post.metrics, *by_age.metrics), key=lambda metric: metric.name))
    return AnalysisResult(
        config_digest="c",
        dataset=DatasetDescription("rows.csv", "csv", "d", 334 * copies, 16, 1),
        validation=ValidationOutcome(334 * copies, (), ()),
        pre_training=BiasSection("pre_training", "Target", "1", (pre,)),
        post_training=BiasSection("post_training", "Target", "1", (type(post)(
            "Sex", "0", "post_training", post.counts, metrics, by_age.strata, flips
        ),)),
    )


def stratified(copies) -> ContingencyTable:
    rows = [[int(n) for n in stratum.split(":")[1].split(",")] for stratum in BY_AGE.split()]
    counts = np.zeros((3, 3, 3, len(rows) + 1), dtype=np.int64)
    for stratum, (positive_a, negative_a, positive_d, negative_d) in enumerate(rows):
        counts[:2, 2, :2, stratum] = [[negative_a, positive_a], [negative_d, positive_d]]
    return ContingencyTable(counts * copies, has_predictions=True, has_strata=True)


def constraints() -> bytes:
    def section(values):
        metrics = [{"name": name, "description": name, "value": value} for name, value in values.items()]
        facets = {"Sex": [{"value_or_threshold": "0", "metrics": metrics}]}
        return {"label": "Target", "facets": facets, "label_value_or_threshold": "1"}

    return json.dumps({"version": "1.0", "post_training_bias_metrics": section(CONSTRAINTS),
                       "pre_training_bias_metrics": section(PRE_CONSTRAINTS)}).encode()


def monitored(copies, flips):
    return check_bias_drift(
        live(copies, flips), read_aws_analysis(constraints()), rule="sagemaker", allowed=lambda *_: None,
        tolerance=0.0, windows_per_month=720.0, alarms_per_month=1.0, past=(), key="rows",
        window=Window("2024-01-19T20:00:00Z", "2024-01-19T21:00:00Z"),
    )


def violations(drift) -> dict[str, str]:
    document = json.loads(bias_violations(drift, "sagemaker"))
    return {violation["metric_name"]: violation["description"] for violation in document["violations"]}


def test_the_endpoint_run_has_the_published_violations_and_no_other():
    drift = monitored(5, FLIPS_OF_FIVE)

    assert list(violations(drift)) == list(VIOLATIONS)
    assert bias_status(drift)[0] is Status.VIOLATION


@pytest.mark.parametrize("metric", sorted(set(VIOLATIONS) - SUMMED_OVER_ROWS))
def test_a_published_violation_is_reproduced_text_for_text(metric):
    text = f"Metric value {VIOLATIONS[metric]} doesn't meet the baseline constraint requirement {CONSTRAINTS[metric]}"

    assert violations(monitored(5, FLIPS_OF_FIVE))[metric] == text


@pytest.mark.parametrize("metric", sorted(SUMMED_OVER_ROWS))
def test_a_mean_over_rows_is_reproduced_but_for_the_rounding_of_its_sum(metric):
    text = violations(monitored(5, FLIPS_OF_FIVE))[metric]

    words = r"Metric value (\S+) doesn't meet the baseline constraint requirement (\S+)"
    value, then = re.fullmatch(words, text).groups()
    assert float(value) == pytest.approx(float(VIOLATIONS[metric]), abs=2e-15)
    assert float(then) == CONSTRAINTS[metric]


def test_a_single_copy_of_the_records_has_no_violation_of_the_flip_test():
    drift = monitored(1, FLIPS_OF_ONE)

    assert set(violations(drift)) == set(VIOLATIONS) - {"FT"}
    assert next(series for series in drift.series if series.metric == "FT").aws.value == 0.0


def test_a_disparate_impact_that_fell_to_less_than_half_is_no_violation():
    drift = monitored(5, FLIPS_OF_FIVE)

    impact = next(series for series in drift.series if series.metric == "DI")
    assert (impact.aws.value, impact.reference.value) == (pytest.approx(0.0831, abs=5e-5), CONSTRAINTS["DI"])
    assert impact.says("sagemaker").status is Status.PASS
    assert impact.says("bootstrap_overlap").status is Status.VIOLATION


@pytest.mark.parametrize(("metric", "now"), [("RD", 0.1945), ("DCR", -0.0651), ("DAR", -0.2653), ("SD", 0.2167)])
def test_the_batch_run_of_json_lines_is_flagged_against_the_same_constraints(metric, now):
    assert compare_as_aws(AwsValue(now), AwsValue(CONSTRAINTS[metric])).status is Status.VIOLATION
