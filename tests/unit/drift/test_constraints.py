"""The reference of bias drift: made from an analysis, or read from AWS's document as it is."""

import json
import math

import pytest
from scipy.stats import beta

from clarify.bias.contingency import ContingencyTable
from clarify.bias.evaluate import evaluate
from clarify.drift.constraints import bias_reference, read_aws_analysis, with_edited_values
from clarify.errors import ConstraintsError
from clarify.results import AnalysisResult, BiasSection, DatasetDescription, ValidationOutcome


def analysis(facet) -> AnalysisResult:
    return AnalysisResult(
        config_digest="c",
        dataset=DatasetDescription("rows.csv", "csv", "d", 500, 3, 1),
        validation=ValidationOutcome(500, (), ()),
        pre_training=BiasSection("pre_training", "label", "1", (facet,)),
    )


def labelled(methods="all"):
    table = ContingencyTable.from_labels(a=(160, 240), d=(35, 65))
    return evaluate(table, facet="sex", value_or_threshold="0", stage="pre_training", methods=methods)


def aws_document(*metrics, stage="post_training_bias_metrics") -> bytes:
    facets = {"sex": [{"value_or_threshold": "0", "metrics": list(metrics)}]}
    section = {"label": "y", "facets": facets, "label_value_or_threshold": "1"}
    return json.dumps({"version": "1.0", stage: section}).encode()


def test_the_interval_of_a_reference_is_the_one_that_holds_99_times_in_100():
    series = bias_reference(analysis(labelled(("CI",)))).series[0]

    # CI = 1 - 2q, q the share of facet d with 100 of 500 rows and half a row more for each facet.
    assert series.interval.level == 0.99
    assert series.interval.low == pytest.approx(1 - 2 * beta.ppf(0.995, 100.5, 400.5), abs=1e-4)
    assert series.interval.high == pytest.approx(1 - 2 * beta.ppf(0.005, 100.5, 400.5), abs=1e-4)


def test_a_reference_keeps_the_counts_and_leaves_the_metrics_to_its_series():
    facet = labelled()

    reference = bias_reference(analysis(facet))

    assert [kept.counts for kept in reference.counted] == [facet.counts]
    assert reference.counted[0].metrics == ()
    assert [series.metric for series in reference.series] == [metric.name for metric in facet.metrics]


def test_a_metric_without_rows_behind_it_is_in_the_reference_without_an_interval():
    cddl = bias_reference(analysis(labelled(("CDDL",)))).series[0]

    assert (cddl.aws.value, cddl.interval) == (None, None)
    assert cddl.aws.error == "Group variable is empty or not provided"


@pytest.mark.parametrize(
    ("written", "read"),
    [("0.25", 0.25), ("-3", -3.0), ('"0.25"', 0.25), ("Infinity", math.inf), ('"-Infinity"', -math.inf),
     ("NaN", None), ("null", None)],
)
def test_values_of_aws_are_read_in_every_form_that_its_writers_and_editors_use(written, read):
    document = aws_document({"name": "TE", "value": "HERE"}).replace(b'"HERE"', written.encode())

    assert read_aws_analysis(document).series[0].aws.value == read


def test_an_error_of_aws_is_kept_beside_its_null():
    document = aws_document({"name": "CDDL", "value": None, "error": "no group"}, stage="pre_training_bias_metrics")

    series = read_aws_analysis(document).series[0]

    assert (series.stage, series.aws.value, series.aws.error) == ("pre_training", None, "no group")


def test_a_document_of_aws_gives_values_and_no_counts():
    reference = read_aws_analysis(b"\xef\xbb\xbf" + aws_document({"name": "RD", "value": 0.1}))

    assert reference.counted == ()
    assert [(s.key, s.value, s.interval) for s in reference.series] == [
        (("post_training", "sex", "0", "RD"), 0.1, None)
    ]
    assert reference.labels[0].label == "y"


def test_all_that_was_edited_wrongly_is_said_at_once_with_its_place():
    document = aws_document({"name": "RD", "value": "a lot"}, {"value": 0.1}, {"name": "SD", "value": True})

    with pytest.raises(ConstraintsError) as error:
        read_aws_analysis(document)

    where = "post_training_bias_metrics.facets.sex[0].metrics"
    assert [(problem.field, problem.received) for problem in error.value.problems] == [
        (f"{where}[0].value", "a lot"), (f"{where}[1].name", "None"), (f"{where}[2].value", "True"),
    ]


@pytest.mark.parametrize("content", [b'{"version": "1.0",', b"[]", b"\xff\xfe", b"[" * 100_000])
def test_what_is_no_object_of_json_is_refused(content):
    with pytest.raises(ConstraintsError, match=r"reference: received"):
        read_aws_analysis(content)


def test_edited_values_replace_those_of_aws_and_leave_counts_and_intervals():
    reference = bias_reference(analysis(labelled(("CI", "DPL"))))
    edited = read_aws_analysis(aws_document({"name": "CI", "value": 0.9}, stage="pre_training_bias_metrics"))

    changed = with_edited_values(reference, edited)

    assert [series.aws.value for series in changed.series] == [0.9, None]
    assert [series.interval for series in changed.series] == [series.interval for series in reference.series]
    assert changed.counted == reference.counted
