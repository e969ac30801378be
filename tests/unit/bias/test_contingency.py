import pickle

import numpy as np
import pytest

from clarify.bias.contingency import ContingencyTable
from clarify.errors import DataError


def one_row_everywhere(n_strata=1):
    return np.ones((3, 3, 3, n_strata), dtype=int)


def test_from_confusion_puts_each_count_where_the_formulas_read_it():
    counts = ContingencyTable.from_confusion(a=(1, 2, 3, 4), d=(5, 6, 7, 8)).facet_counts()

    assert (counts.a.true_positives, counts.a.false_positives) == (1, 2)
    assert (counts.a.false_negatives, counts.a.true_negatives) == (3, 4)
    assert (counts.d.positive_labels, counts.d.positive_predictions) == (5 + 7, 5 + 6)
    assert counts.unknown.rows == 0


def test_label_strata_keep_positives_and_negatives_of_each_facet():
    table = ContingencyTable.from_label_strata(a=[(36, 30), (31, 14)], d=[(4, 10), (9, 6)])

    strata = table.known().label_strata

    assert table.n_strata == 2
    assert strata.tolist() == [[[30, 36], [10, 4]], [[14, 31], [6, 9]]]


def test_aws_fold_moves_null_facets_into_a_and_null_labels_and_predictions_into_negative():
    table = ContingencyTable(one_row_everywhere(), has_predictions=True)

    folded = table.as_aws()

    # facet a takes 2 of 3 facets; of the 9 label cells each positive keeps 1/3, each negative takes 2/3
    assert (folded.a.rows, folded.d.rows) == (18, 9)
    assert (folded.d.positive_labels, folded.d.negative_labels) == (3, 6)
    assert (folded.d.positive_predictions, folded.d.negative_predictions) == (3, 6)
    assert (folded.d.true_positives, folded.d.false_positives) == (1, 2)
    assert (folded.d.false_negatives, folded.d.true_negatives) == (2, 4)


def test_known_fold_lets_each_metric_read_the_rows_whose_coordinates_it_needs():
    table = ContingencyTable(one_row_everywhere(), has_predictions=True)

    known = table.known()

    assert known.a.rows == known.d.rows == 9
    assert known.d.positive_labels + known.d.negative_labels == 6
    assert known.d.true_positives + known.d.true_negatives == 2
    assert known.everyone.rows == 27


def test_rows_without_a_stratum_are_left_out_of_the_strata_and_kept_elsewhere():
    counts = np.zeros((3, 3, 3, 3), dtype=int)
    counts[0, 1, 2] = [5, 6, 70]

    folded = ContingencyTable(counts, has_strata=True).as_aws()

    assert folded.label_strata[:, 0, 1].tolist() == [5, 6]
    assert folded.a.positive_labels == 81


def test_merging_adds_counts():
    left = ContingencyTable.from_labels(a=(1, 2), d=(3, 4))
    right = ContingencyTable.from_labels(a=(10, 20), d=(30, 40))

    assert left + right == ContingencyTable.from_labels(a=(11, 22), d=(33, 44))


def test_merging_tables_of_different_strata_is_refused_with_both_shapes():
    left = ContingencyTable(one_row_everywhere(2), has_strata=True)
    right = ContingencyTable(one_row_everywhere(3), has_strata=True)

    with pytest.raises(DataError, match=r"counts: received \(shape.*3, 3, 3, 3.*\n.*3, 3, 3, 2"):
        left.merge(right)


def test_a_table_of_another_shape_is_refused_with_the_shape_received():
    with pytest.raises(DataError, match=r"received shape \(2, 3, 3, 1\)"):
        ContingencyTable(np.zeros((2, 3, 3, 1), dtype=int))


def test_a_negative_count_is_refused():
    counts = one_row_everywhere()
    counts[0, 0, 0, 0] = -1

    with pytest.raises(DataError, match="smallest count -1"):
        ContingencyTable(counts)


def test_a_table_keeps_its_own_counts():
    counts = one_row_everywhere()
    table = ContingencyTable(counts)

    counts[0, 0, 0, 0] = 99

    assert table.rows == 27


def test_a_table_survives_the_way_to_a_worker():
    table = ContingencyTable.from_confusion(a=(1, 2, 3, 4), d=(5, 6, 7, 8))

    assert pickle.loads(pickle.dumps(table)) == table
