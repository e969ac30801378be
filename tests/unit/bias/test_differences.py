"""A reader who compares analysis.json with extended.json is told why their numbers part."""

import numpy as np
import pytest

from clarify.bias.contingency import ContingencyTable
from clarify.bias.differences import difference_notices
from clarify.bias.evaluate import evaluate


def notices_of(table, stage="pre_training", methods="all"):
    facet = evaluate(table, facet="sex", value_or_threshold="f", stage=stage, methods=methods)
    return {notice.code: notice for notice in difference_notices([facet])}


def test_nothing_is_said_where_the_numbers_agree():
    table = ContingencyTable.from_confusion(a=(10, 5, 5, 10), d=(4, 3, 2, 1))

    assert notices_of(table) == {}
    assert notices_of(table, "post_training") == {}


def test_a_missing_class_makes_kl_negative_and_halves_tvd_in_awss_numbers():
    # Facet a: 3 of 5 positive; facet d: one negative row. TVD is 3/5, AWS's half of the one common class 3/10.
    found = notices_of(ContingencyTable.from_labels(a=(3, 2), d=(0, 1)), methods=("KL", "TVD", "KS"))

    assert set(found) == {"AWS-CLASS-MISSING"}
    assert found["AWS-CLASS-MISSING"].field == "pre_training_bias.sex[f]"
    assert "KL -0.3665 in analysis.json, undefined (zero_denominator) here" in found["AWS-CLASS-MISSING"].message
    assert "TVD 0.3 in analysis.json, 0.6 here" in found["AWS-CLASS-MISSING"].message
    assert "KS" not in found["AWS-CLASS-MISSING"].message


@pytest.mark.parametrize(("d", "printed"), [((0, 0, 2, 5), "DI 0 in"), ((3, 0, 2, 5), "DI inf in")])
def test_a_ratio_that_does_not_exist_is_told_with_what_aws_prints(d, printed):
    table = ContingencyTable.from_confusion(a=(0, 0, 4, 6), d=d)

    found = notices_of(table, "post_training", ("DI",))

    assert printed in found["AWS-ZERO-OVER-ZERO"].message
    assert "undefined (zero_denominator) here" in found["AWS-ZERO-OVER-ZERO"].message


def test_rows_that_aws_folds_are_counted():
    # Without unknowns 4/8 and 2/4, alike; AWS adds two positive rows without a facet to a, and one unlabelled to d.
    counts = np.zeros((3, 3, 3, 1), dtype=int)
    counts[0, :2, 2, 0] = [4, 4]
    counts[1, :, 2, 0] = [2, 2, 1]
    counts[2, 1, 2, 0] = 2

    found = notices_of(ContingencyTable(counts), methods=("DPL",))

    message = found["AWS-UNKNOWN-FOLDED"].message
    assert message.startswith("of the rows, 2 without a facet, 1 without a label: ")
    assert "DPL 0.2 in analysis.json, 0 here" in message      # 6/10 - 2/5
