"""The thirteen metrics of a model's predicted labels: pure functions of a folded table, in two readings."""

from __future__ import annotations

from collections.abc import Callable

from clarify.bias.contingency import FlipFailure, FoldedTable
from clarify.bias.pre_training import conditional_demographic_disparity
from clarify.bias.reading import HONEST, Reading
from clarify.errors import UndefinedMetricError
from clarify.results import FlipCounts, GroupCounts, Reason


def difference_in_proportions_of_predicted_labels(table: FoldedTable, reading: Reading = HONEST) -> float:
    r"""Difference in positive proportions in predicted labels (DPPL).

    .. math:: \mathrm{DPPL} = \hat q_a - \hat q_d, \qquad \hat q_g = \hat n_g^{(1)} / n_g

    Returns
    -------
    float in [-1, 1], a proportion
        Positive when facet a is predicted positive more often; 0 when the shares are equal.

    Raises
    ------
    UndefinedMetricError
        If either facet has no rows, or none with a predicted label.

    Examples
    --------
    >>> from clarify.bias.contingency import ContingencyTable
    >>> table = ContingencyTable.from_confusion(a=(50, 10, 10, 30), d=(10, 10, 10, 70))
    >>> difference_in_proportions_of_predicted_labels(table.known())
    0.39999999999999997
    """
    reading.need_facets(
        table, d_text="Facet set is empty.", a_text="Negative facet set is empty.", a_first=True
    )
    return _positive_share(table.a, "a", reading) - _positive_share(table.d, "d", reading)


def disparate_impact(table: FoldedTable, reading: Reading = HONEST) -> float:
    r"""Disparate impact (DI).

    .. math:: \mathrm{DI} = \hat q_d / \hat q_a, \qquad \hat q_g = \hat n_g^{(1)} / n_g

    Returns
    -------
    float in [0, inf), a ratio
        Below 1 when facet d is predicted positive less often; 1 when the shares are equal.

    Raises
    ------
    UndefinedMetricError
        If either facet has no rows, or nobody in facet a is predicted positive.

    Notes
    -----
    AWS's reading gives 0, the worst value, when nobody is predicted positive in either facet.
    """
    reading.need_facets(
        table, d_text="Facet set is empty", a_text="Negated facet set is empty", a_first=True
    )
    q_a, q_d = _positive_share(table.a, "a", reading), _positive_share(table.d, "d", reading)
    return reading.ratio(q_d, q_a, "DI is undefined: positive_predictions_a", empty=Reason.ZERO_DENOMINATOR)


def difference_in_conditional_acceptance(table: FoldedTable, reading: Reading = HONEST) -> float:
    r"""Difference in conditional acceptance (DCA).

    .. math:: \mathrm{DCA} = c_a - c_d, \qquad c_g = n_g^{(1)} / \hat n_g^{(1)}

    Returns
    -------
    float in (-inf, inf), observed positives per predicted positive
        Positive when facet d gets more positive predictions for its positive labels than facet a.

    Raises
    ------
    UndefinedMetricError
        If a facet has no rows or no positive prediction.
    """
    _need_facets(table, reading, prefix="DCO: ")
    return reading.difference(
        conditional_acceptance(table.a, reading, "a"), conditional_acceptance(table.d, reading, "d")
    )


def difference_in_conditional_rejection(table: FoldedTable, reading: Reading = HONEST) -> float:
    r"""Difference in conditional rejection (DCR), d minus a.

    .. math:: \mathrm{DCR} = r_d - r_a, \qquad r_g = n_g^{(0)} / \hat n_g^{(0)}

    Returns
    -------
    float in (-inf, inf), observed negatives per predicted negative
        Negative when facet d gets more negative predictions for its negative labels than facet a.

    Raises
    ------
    UndefinedMetricError
        If a facet has no rows or no negative prediction.
    """
    _need_facets(table, reading, prefix="DCO: ")
    return reading.difference(
        conditional_rejection(table.d, reading, "d"), conditional_rejection(table.a, reading, "a")
    )


def recall_difference(table: FoldedTable, reading: Reading = HONEST) -> float:
    r"""Recall difference (RD).

    .. math:: \mathrm{RD} = \mathrm{TPR}_a - \mathrm{TPR}_d, \qquad \mathrm{TPR} = TP / (TP + FN)

    Returns
    -------
    float in [-1, 1], a proportion
        Positive when the positives of facet d are recognised less often.

    Raises
    ------
    UndefinedMetricError
        If a facet has no rows or no positive label.
    """
    _need_facets(table, reading, prefix="DLA: ")
    return recall(table.a, reading, "a") - recall(table.d, reading, "d")


def specificity_difference(table: FoldedTable, reading: Reading = HONEST) -> float:
    r"""Specificity difference (SD), d minus a.

    .. math:: \mathrm{SD} = \mathrm{TNR}_d - \mathrm{TNR}_a, \qquad \mathrm{TNR} = TN / (TN + FP)

    Returns
    -------
    float in [-1, 1], a proportion
        Positive when the negatives of facet d are recognised more often.

    Raises
    ------
    UndefinedMetricError
        If a facet has no rows or no negative label.
    """
    _need_facets(table, reading, prefix="DLA: ")
    return specificity(table.d, reading, "d") - specificity(table.a, reading, "a")


def difference_in_acceptance_rates(table: FoldedTable, reading: Reading = HONEST) -> float:
    r"""Difference in acceptance rates (DAR): of precisions.

    .. math:: \mathrm{DAR} = TP_a / \hat n_a^{(1)} - TP_d / \hat n_d^{(1)}

    Returns
    -------
    float in [-1, 1], a proportion
        Positive when positive predictions are right less often in facet d.

    Raises
    ------
    UndefinedMetricError
        If a facet has no rows or no positive prediction.
    """
    _need_facets(table, reading, prefix="DLR: ")
    return acceptance_rate(table.a, reading, "a") - acceptance_rate(table.d, reading, "d")


def difference_in_rejection_rates(table: FoldedTable, reading: Reading = HONEST) -> float:
    r"""Difference in rejection rates (DRR), d minus a: of negative predictive values.

    .. math:: \mathrm{DRR} = TN_d / \hat n_d^{(0)} - TN_a / \hat n_a^{(0)}

    Returns
    -------
    float in [-1, 1], a proportion
        Positive when negative predictions are right more often in facet d.

    Raises
    ------
    UndefinedMetricError
        If a facet has no rows or no negative prediction.
    """
    _need_facets(table, reading, prefix="DLR: ")
    return rejection_rate(table.d, reading, "d") - rejection_rate(table.a, reading, "a")


def accuracy_difference(table: FoldedTable, reading: Reading = HONEST) -> float:
    r"""Accuracy difference (AD).

    .. math:: \mathrm{AD} = \mathrm{ACC}_a - \mathrm{ACC}_d, \qquad \mathrm{ACC} = (TP + TN) / (TP + FP + FN + TN)

    Returns
    -------
    float in [-1, 1], a proportion
        Positive when predictions are right less often in facet d.

    Raises
    ------
    UndefinedMetricError
        If a facet has no rows, or none with both a label and a predicted label.
    """
    _need_facets(table, reading)
    return accuracy(table.a, reading, "a") - accuracy(table.d, reading, "d")


def treatment_equality(table: FoldedTable, reading: Reading = HONEST) -> float:
    r"""Treatment equality (TE), d minus a.

    .. math:: \mathrm{TE} = FN_d / FP_d - FN_a / FP_a

    Returns
    -------
    float in (-inf, inf), false negatives per false positive
        Positive when the errors in facet d fall more on the side of rejection.

    Raises
    ------
    UndefinedMetricError
        If a facet has no rows, no error, or no false positive.
    """
    _need_facets(table, reading)
    tau_d = reading.ratio(table.d.false_negatives, table.d.false_positives, "false_positives_d")
    tau_a = reading.ratio(table.a.false_negatives, table.a.false_positives, "false_positives_a")
    return reading.difference(tau_d, tau_a)


def conditional_demographic_disparity_in_predicted_labels(table: FoldedTable, reading: Reading = HONEST) -> float:
    """Conditional demographic disparity in predicted labels (CDDPL): CDDL with predictions in place of labels."""
    positives = table.a.positive_predictions + table.d.positive_predictions
    negatives = table.a.negative_predictions + table.d.negative_predictions
    return conditional_demographic_disparity(table, table.predicted_strata, positives, negatives, reading)


def flip_test(table: FoldedTable, reading: Reading = HONEST) -> float:
    r"""Flip test (FT), in the sign of AWS's library.

    .. math:: \mathrm{FT} = (F_{1 \to 0} - F_{0 \to 1}) / n_d

    where :math:`F_{1 \to 0}` rows of facet d are predicted positive while their neighbours in facet a are not.

    Returns
    -------
    float in [-1, 1], a proportion
        Negative when facet d would be predicted positive more often if it were treated as its neighbours in a.

    Raises
    ------
    UndefinedMetricError
        If a facet has no rows, or the neighbours could not be found.

    Notes
    -----
    AWS's documentation and the KDD 2021 paper print the opposite sign; its library and service compute this one.

    References
    ----------
    .. [1] E. Black, S. Yeom, M. Fredrikson, "FlipTest: fairness testing via optimal transport", 2020.
    """
    _need_facets(table, reading)
    flips = table.flips
    if flips is None:
        raise UndefinedMetricError(Reason.NOT_COMPUTED, "the flip test needs the rows and was not run")
    if isinstance(flips, FlipFailure):
        raise UndefinedMetricError(flips.reason, flips.aws_error)
    return flip_share(flips, reading)


def flip_share(flips: FlipCounts, reading: Reading = HONEST) -> float:
    return reading.ratio(flips.to_negative - flips.to_positive, flips.n_d, "rows_d_in_flip_test")


def generalised_entropy(table: FoldedTable, reading: Reading = HONEST) -> float:
    r"""Generalised entropy index of the benefits (GE), alpha = 2, over all rows whatever their facet.

    .. math:: \mathrm{GE} = \frac{1}{2N} \sum_i \left[(b_i / \bar b)^2 - 1\right], \qquad b = \hat y - y + 1

    Returns
    -------
    float in [0, inf)
        0 when every prediction is right (or every one a false positive). AWS's documentation claims at most
        0.5; one true positive among seven false negatives gives 3.5.

    Raises
    ------
    UndefinedMetricError
        If there are no rows, or every prediction is a false negative.

    References
    ----------
    .. [1] T. Speicher et al., "A unified approach to quantifying algorithmic unfairness", 2018.
    """
    everyone = table.everyone
    n, n_fp, n_fn = n_pairs(everyone), everyone.false_positives, everyone.false_negatives
    reading.need(n > 0, Reason.NO_ROWS, "dataset must be non-empty")
    reading.need(
        n_fn < n,
        Reason.ALL_FALSE_NEGATIVES,
        "All predicted labels are false negatives. There should be at least one prediction that is not false negative.",
    )
    return (n * (n + 3 * n_fp - n_fn) / (n + n_fp - n_fn) ** 2 - 1) / 2


Measure = Callable[[GroupCounts, Reading, str], float]


def recall(group: GroupCounts, reading: Reading = HONEST, of: str = "group") -> float:
    """TP / (TP + FN)."""
    positives = group.true_positives + group.false_negatives
    return reading.share(group.true_positives, positives, f"positive_labels_{of}")


def specificity(group: GroupCounts, reading: Reading = HONEST, of: str = "group") -> float:
    """TN / (TN + FP)."""
    negatives = group.true_negatives + group.false_positives
    return reading.share(group.true_negatives, negatives, f"negative_labels_{of}")


def acceptance_rate(group: GroupCounts, reading: Reading = HONEST, of: str = "group") -> float:
    """TP / (TP + FP), the precision."""
    accepted = group.true_positives + group.false_positives
    return reading.share(group.true_positives, accepted, f"positive_predictions_{of}")


def rejection_rate(group: GroupCounts, reading: Reading = HONEST, of: str = "group") -> float:
    """TN / (TN + FN), the negative predictive value."""
    rejected = group.true_negatives + group.false_negatives
    return reading.share(group.true_negatives, rejected, f"negative_predictions_{of}")


def accuracy(group: GroupCounts, reading: Reading = HONEST, of: str = "group") -> float:
    """(TP + TN) / rows with a label and a prediction."""
    return reading.share(group.true_positives + group.true_negatives, n_pairs(group), f"labelled_predictions_{of}")


def conditional_acceptance(group: GroupCounts, reading: Reading = HONEST, of: str = "group") -> float:
    """Observed positives per predicted positive, (TP + FN) / (TP + FP)."""
    observed = group.true_positives + group.false_negatives
    return reading.ratio(observed, group.true_positives + group.false_positives, f"positive_predictions_{of}")


def conditional_rejection(group: GroupCounts, reading: Reading = HONEST, of: str = "group") -> float:
    """Observed negatives per predicted negative, (TN + FP) / (TN + FN)."""
    observed = group.true_negatives + group.false_positives
    return reading.ratio(observed, group.true_negatives + group.false_negatives, f"negative_predictions_{of}")


def n_predictions(group: GroupCounts) -> int:
    """Rows of a group whose predicted label is known."""
    return group.positive_predictions + group.negative_predictions


def n_pairs(group: GroupCounts) -> int:
    """Rows of a group whose label and predicted label are both known."""
    return group.true_positives + group.false_positives + group.false_negatives + group.true_negatives


def _positive_share(group: GroupCounts, of: str, reading: Reading) -> float:
    return reading.share(group.positive_predictions, n_predictions(group), f"predictions_{of}")


def _need_facets(table: FoldedTable, reading: Reading, *, prefix: str = "") -> None:
    reading.need_facets(
        table, d_text=f"{prefix}Facet set is empty", a_text=f"{prefix}Negated Facet set is empty"
    )
