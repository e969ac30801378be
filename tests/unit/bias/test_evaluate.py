import math

import numpy as np
import pytest

from clarify.bias.contingency import ContingencyTable
from clarify.bias.evaluate import evaluate
from clarify.bias.flip_test import NON_NUMERIC
from clarify.errors import ConfigError
from clarify.results import FlipCounts, Reason

TABLE = ContingencyTable.from_confusion(a=(65, 10, 5, 20), d=(20, 5, 7, 18))


def post_training(table=TABLE, **options):
    result = evaluate(table, facet="sex", value_or_threshold="0", stage="post_training", **options)
    return {metric.name: metric for metric in result.metrics}


def with_unknowns():
    """The docs table and one row each of: unknown facet, d without a label, d without a prediction."""
    counts = TABLE.counts.copy()
    counts[2, 1, 1, 0] = 10        # unknown facet, TP
    counts[1, 2, 1, 0] = 6         # d, unlabelled, predicted positive
    counts[1, 0, 2, 0] = 4         # d, negative, not predicted
    return ContingencyTable(counts, has_predictions=True)


def test_all_metrics_of_a_stage_come_sorted_by_name():
    pre = evaluate(TABLE, facet="sex", value_or_threshold="0", stage="pre_training")
    post = evaluate(TABLE, facet="sex", value_or_threshold="0", stage="post_training")

    assert " ".join(metric.name for metric in pre.metrics) == "CDDL CI DPL JS KL KS LP TVD"
    assert " ".join(metric.name for metric in post.metrics) == "AD CDDPL DAR DCA DCR DI DPPL DRR FT GE RD SD TE"


def test_only_requested_metrics_appear_once_each():
    result = evaluate(TABLE, facet="f", value_or_threshold="1", stage="pre_training", methods=("DPL", "CI", "DPL"))

    assert [metric.name for metric in result.metrics] == ["CI", "DPL"]


def test_the_result_carries_names_stage_and_counts():
    result = evaluate(TABLE, facet="sex", value_or_threshold="0", stage="pre_training", methods=("CI",))

    assert (result.facet, result.value_or_threshold, result.stage) == ("sex", "0", "pre_training")
    assert (result.counts.a.rows, result.counts.d.rows) == (100, 50)


def test_an_unknown_metric_is_refused_in_the_words_of_the_library():
    with pytest.raises(ConfigError) as refused:
        evaluate(TABLE, facet="f", value_or_threshold="1", stage="pre_training", methods=("DPL", "DPPL"))

    assert refused.value.problems[0].received == "DPPL"
    assert refused.value.problems[0].field == "methods.pre_training_bias.methods"
    assert (
        "Invalid metric_name: metrics should be one of the registered metrics"
        "['CI', 'DPL', 'KL', 'JS', 'LP', 'TVD', 'KS', 'CDDL']"
    ) in str(refused.value)


def test_post_training_metrics_of_a_table_without_predictions_are_refused_in_the_words_of_the_library():
    table = ContingencyTable.from_labels(a=(1, 2), d=(3, 4))

    with pytest.raises(ConfigError, match="predicted_label_column has to be provided for Post training metrics"):
        evaluate(table, facet="f", value_or_threshold="1", stage="post_training")


def test_the_aws_value_folds_the_unknowns_and_the_honest_value_leaves_them_out():
    dppl = post_training(with_unknowns())["DPPL"]

    # folded: a 75 + 10 of 110, d 25 + 6 of 50 + 6 + 4; known: a 75 of 100, d 31 of 56
    assert dppl.aws.value == pytest.approx(85 / 110 - 31 / 60, abs=1e-15)
    assert dppl.value == pytest.approx(75 / 100 - 31 / 56, abs=1e-15)


def test_recall_reads_only_rows_with_both_a_label_and_a_prediction():
    metrics = post_training(with_unknowns())

    # folded: the ten unknown-facet hits join a, the unlabelled d rows become false positives
    assert metrics["RD"].value == pytest.approx(65 / 70 - 20 / 27, abs=1e-15)
    assert metrics["RD"].aws.value == pytest.approx(75 / 80 - 20 / 27, abs=1e-15)
    assert metrics["SD"].aws.value == pytest.approx((18 + 4) / (18 + 4 + 5 + 6) - 20 / 30, abs=1e-15)


def test_generalised_entropy_counts_rows_of_unknown_facet_too():
    counts = TABLE.counts.copy()
    counts[2, 0, 1, 0] = 3
    unknown = ContingencyTable(counts, has_predictions=True)
    joined = ContingencyTable.from_confusion(a=(65, 10, 5, 20), d=(20, 5 + 3, 7, 18))

    assert post_training(unknown)["GE"].value == post_training(joined)["GE"].value


def test_an_undefined_metric_carries_its_reason_beside_the_infinity_of_the_library():
    table = ContingencyTable.from_confusion(a=(32, 17, 130, 45), d=(2, 0, 78, 30))

    te = post_training(table)["TE"]

    assert te.value is None
    assert te.undefined_because is Reason.ZERO_DENOMINATOR
    assert te.detail == "false_positives_d=0"
    assert te.aws.value == math.inf
    assert te.interval.high == math.inf


def test_a_failed_flip_test_carries_the_error_text_of_the_library():
    ft = post_training(flips=NON_NUMERIC)["FT"]

    assert ft.aws.error == "FlipTest does not support non-numeric columns"
    assert ft.undefined_because is Reason.NON_NUMERIC_FEATURES
    assert ft.interval is None


def test_flips_over_the_rows_as_aws_folds_them_reach_only_the_aws_value():
    ft = post_training(flips=FlipCounts(1, 4, 10), aws_flips=FlipCounts(0, 5, 20))["FT"]

    assert ft.value == pytest.approx(0.3)
    assert ft.aws.value == pytest.approx(0.25)


def test_the_level_widens_the_interval_and_is_recorded():
    narrow, wide = (post_training(level=level)["DPPL"].interval for level in (0.9, 0.99))

    assert wide.low < narrow.low < narrow.high < wide.high
    assert wide.level == 0.99


def test_sparse_strata_are_reported_for_conditional_metrics_only():
    table = ContingencyTable.from_label_strata(a=[(25, 25), (5, 5)], d=[(25, 25), (6, 4)])

    metrics = evaluate(table, facet="f", value_or_threshold="1", stage="pre_training").metrics
    by_name = {metric.name: metric for metric in metrics}

    assert by_name["CDDL"].sparse_strata == pytest.approx(20 / 120)
    assert by_name["DPL"].sparse_strata is None


def test_an_empty_stratum_changes_nothing():
    full = ContingencyTable.from_label_strata(a=[(36, 30), (31, 14)], d=[(4, 10), (9, 6)])
    padded = ContingencyTable.from_label_strata(a=[(36, 30), (0, 0), (31, 14)], d=[(4, 10), (0, 0), (9, 6)])

    def cddl(table):
        return evaluate(table, facet="f", value_or_threshold="1", stage="pre_training", methods=("CDDL",)).metrics[0]

    assert cddl(padded).value == pytest.approx(cddl(full).value, abs=1e-15)
    assert cddl(padded).interval.low == pytest.approx(cddl(full).interval.low, abs=1e-12)


def test_rows_without_a_stratum_are_left_out_of_both_readings():
    counts = np.zeros((3, 3, 3, 2), dtype=int)
    counts[:2, :2, 2, 0] = [[54, 68], [46, 32]]
    without = ContingencyTable(counts, has_strata=True)
    counts[0, 1, 2, 1] = 500
    table = ContingencyTable(counts, has_strata=True)

    def cddl(table):
        return evaluate(table, facet="f", value_or_threshold="1", stage="pre_training", methods=("CDDL",)).metrics[0]

    assert cddl(table) == cddl(without)
    assert cddl(table).aws.value == pytest.approx(0.14)
