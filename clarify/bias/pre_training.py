"""The eight metrics of the labels before any model: pure functions of a folded table, in two readings."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import xlogy

from clarify.bias.contingency import FoldedTable
from clarify.bias.reading import HONEST, Reading
from clarify.errors import UndefinedMetricError
from clarify.results import GroupCounts, Reason

Shares = NDArray[np.float64]


def class_imbalance(table: FoldedTable, reading: Reading = HONEST) -> float:
    r"""Class imbalance (CI).

    .. math:: \mathrm{CI} = (n_a - n_d) / (n_a + n_d)

    Returns
    -------
    float in (-1, 1), a proportion
        Positive when facet d has fewer rows; 0 when the facets are equally large.

    Raises
    ------
    UndefinedMetricError
        If either facet has no rows.

    References
    ----------
    .. [1] Amazon AI Fairness and Explainability Whitepaper, 2020, "CI".

    Examples
    --------
    >>> from clarify.bias.contingency import ContingencyTable
    >>> class_imbalance(ContingencyTable.from_labels(a=(40, 40), d=(5, 15)).known())
    0.6
    """
    reading.need_facets(
        table,
        d_text="CI: facet set is empty. Check that x[facet] has non-zero length.",
        a_text="CI: negated facet set is empty. Check that x[~facet] has non-zero length.",
        a_first=True,
    )
    n_a, n_d = table.a.rows, table.d.rows
    return (n_a - n_d) / (n_a + n_d)


def difference_in_proportions_of_labels(table: FoldedTable, reading: Reading = HONEST) -> float:
    r"""Difference in positive proportions in labels (DPL).

    .. math:: \mathrm{DPL} = q_a - q_d, \qquad q_g = n_g^{(1)} / n_g

    Returns
    -------
    float in [-1, 1], a proportion
        Positive when facet a has the larger share of positive labels; 0 when the shares are equal.

    Raises
    ------
    UndefinedMetricError
        If either facet has no rows, or none with a label.

    References
    ----------
    .. [1] Amazon AI Fairness and Explainability Whitepaper, 2020, "DPL".

    Examples
    --------
    Of 80 men 40 hold a loan, of 20 women 5 do:

    >>> from clarify.bias.contingency import ContingencyTable
    >>> difference_in_proportions_of_labels(ContingencyTable.from_labels(a=(40, 40), d=(5, 15)).known())
    0.25
    """
    reading.need_facets(
        table, d_text="Facet set is empty.", a_text="Negative facet set is empty.", a_first=True
    )
    q_a = reading.share(table.a.positive_labels, n_labels(table.a), "labels_a")
    q_d = reading.share(table.d.positive_labels, n_labels(table.d), "labels_d")
    return q_a - q_d


def kullback_leibler_divergence(table: FoldedTable, reading: Reading = HONEST) -> float:
    r"""Kullback-Leibler divergence of the labels (KL), in nats.

    .. math:: \mathrm{KL} = \sum_y P_a(y) \ln \frac{P_a(y)}{P_d(y)}

    Returns
    -------
    float in [0, inf)
        0 when the facets share the positive labels alike. AWS's reading sums over the classes both facets
        have, and may be negative.

    Raises
    ------
    UndefinedMetricError
        If facet d lacks a class that facet a has (the divergence is infinite), or a facet has no labels.

    References
    ----------
    .. [1] S. Kullback, R. A. Leibler, "On information and sufficiency", 1951.
    """
    return relative_entropy(*_label_shares(table, reading))


def jensen_shannon_divergence(table: FoldedTable, reading: Reading = HONEST) -> float:
    r"""Jensen-Shannon divergence of the labels (JS), in nats.

    .. math:: \mathrm{JS} = \tfrac12 [\mathrm{KL}(P_a \| P) + \mathrm{KL}(P_d \| P)], \qquad P = \tfrac12 (P_a + P_d)

    Returns
    -------
    float in [0, ln 2]
        0 when the facets share the labels alike; ln 2 when they have no class in common.

    Raises
    ------
    UndefinedMetricError
        If a facet has no labels; in AWS's reading, if they have no class in common.

    References
    ----------
    .. [1] J. Lin, "Divergence measures based on the Shannon entropy", 1991.
    """
    return divergence_to_the_mean(*_label_shares(table, reading))


def lp_norm(table: FoldedTable, reading: Reading = HONEST) -> float:
    r"""Euclidean distance between the label distributions (LP, with p = 2).

    .. math:: \mathrm{LP} = \sqrt{\sum_y (P_a(y) - P_d(y))^2}

    Returns
    -------
    float in [0, sqrt 2]
        sqrt 2 times the absolute DPL when every class is compared.

    Raises
    ------
    UndefinedMetricError
        If a facet has no labels; in AWS's reading, if they have no class in common.
    """
    return euclidean_distance(*_label_shares(table, reading))


def total_variation_distance(table: FoldedTable, reading: Reading = HONEST) -> float:
    r"""Total variation distance of the labels (TVD).

    .. math:: \mathrm{TVD} = \tfrac12 \sum_y |P_a(y) - P_d(y)|

    Returns
    -------
    float in [0, 1], a proportion
        The absolute DPL; AWS's reading halves it when a facet lacks a class.

    Raises
    ------
    UndefinedMetricError
        If a facet has no labels; in AWS's reading, if they have no class in common.
    """
    return half_absolute_distance(*_label_shares(table, reading))


def kolmogorov_smirnov_distance(table: FoldedTable, reading: Reading = HONEST) -> float:
    r"""Largest difference between the label shares of the facets (KS).

    .. math:: \mathrm{KS} = \max_y |P_a(y) - P_d(y)|

    Returns
    -------
    float in [0, 1], a proportion
        The absolute DPL.

    Raises
    ------
    UndefinedMetricError
        If a facet has no labels; in AWS's reading, if they have no class in common.
    """
    return largest_distance(*_label_shares(table, reading))


def conditional_demographic_disparity_in_labels(table: FoldedTable, reading: Reading = HONEST) -> float:
    r"""Conditional demographic disparity in labels (CDDL).

    .. math:: \mathrm{CDDL} = \frac1n \sum_i n_i (r_i^{(0)} - r_i^{(1)}), \qquad r_i^{(y)} = n_{d,i}^{(y)} / n_i^{(y)}

    over the strata i of the group variable; a term without rows is 0.

    Returns
    -------
    float in [-1, 1], a proportion
        Positive when facet d holds a larger part of the negative labels than of the positive ones.

    Raises
    ------
    UndefinedMetricError
        If there is no group variable, a facet has no rows, or all labels are alike.

    References
    ----------
    .. [1] S. Wachter, B. Mittelstadt, C. Russell, "Why fairness cannot be automated", 2021.
    """
    positives = table.a.positive_labels + table.d.positive_labels
    negatives = table.a.negative_labels + table.d.negative_labels
    return conditional_demographic_disparity(table, table.label_strata, positives, negatives, reading)


def conditional_demographic_disparity(
    table: FoldedTable, strata: NDArray[np.int64], positives: int, negatives: int, reading: Reading
) -> float:
    """CDDL and CDDPL: ``strata`` (n_strata, 2 facets, 2 classes); ``positives``, ``negatives`` of the whole set."""
    reading.need(table.has_strata, Reason.NO_GROUP_VARIABLE, "Group variable is empty or not provided")
    reading.need_honestly(table.d.rows > 0, Reason.EMPTY_FACET, "rows_d=0")
    reading.need_honestly(table.a.rows > 0, Reason.SINGLE_GROUP, "rows_a=0")
    reading.need(positives > 0, Reason.SINGLE_CLASS, "No positive labels in set")
    reading.need(negatives > 0, Reason.SINGLE_CLASS, "No negative labels in set")
    in_strata = strata.sum(axis=(0, 1))
    reading.need_honestly(bool(in_strata.sum() > 0), Reason.NO_ROWS, "rows_in_strata=0")
    reading.need_honestly(bool((in_strata > 0).all()), Reason.SINGLE_CLASS, "one class in all strata")
    rejected, accepted = shares_of_facet_d(strata)
    rows = strata.sum(axis=(1, 2))
    return reading.share(np.sum(rows * (rejected - accepted)), int(rows.sum()), "rows_in_strata")


def shares_of_facet_d(strata: NDArray[np.int64]) -> tuple[Shares, Shares]:
    """Share of facet d among the rejected and among the accepted of each stratum; 0 where there is nobody."""
    totals = strata.sum(axis=1)
    shares = np.divide(strata[:, 1], totals, out=np.zeros(totals.shape), where=totals > 0)
    return shares[:, 0], shares[:, 1]


def relative_entropy(p: Shares, q: Shares) -> float:
    """KL of two distributions over the same classes, in nats; undefined when q lacks a class of p."""
    if bool(((q == 0) & (p > 0)).any()):
        raise UndefinedMetricError(Reason.ZERO_DENOMINATOR, "facet d lacks a class that facet a has")
    present = p > 0
    return float(np.sum(p[present] * np.log(p[present] / q[present])))


def divergence_to_the_mean(p: Shares, q: Shares) -> float:
    """JS of two distributions over the same classes, in nats."""
    mean = 0.5 * (p + q)
    some = mean > 0
    p, q, mean = p[some], q[some], mean[some]
    return float(0.5 * (np.sum(xlogy(p, p / mean)) + np.sum(xlogy(q, q / mean))))


def euclidean_distance(p: Shares, q: Shares) -> float:
    return float(np.linalg.norm(p - q, 2))


def half_absolute_distance(p: Shares, q: Shares) -> float:
    return float(0.5 * np.linalg.norm(p - q, 1))


def largest_distance(p: Shares, q: Shares) -> float:
    return float(np.linalg.norm(p - q, np.inf))


def n_labels(group: GroupCounts) -> int:
    """Rows of a group whose label is known."""
    return group.positive_labels + group.negative_labels


def _label_shares(table: FoldedTable, reading: Reading) -> tuple[Shares, Shares]:
    """Shares of the negative and the positive label in facet a and facet d, of the classes to compare."""
    reading.need_honestly(table.d.rows > 0, Reason.EMPTY_FACET, "rows_d=0")
    reading.need_honestly(table.a.rows > 0, Reason.SINGLE_GROUP, "rows_a=0")
    p_a = reading.share(table.a.positive_labels, n_labels(table.a), "labels_a")
    p_d = reading.share(table.d.positive_labels, n_labels(table.d), "labels_d")
    r_a = reading.share(table.a.negative_labels, n_labels(table.a), "labels_a")
    r_d = reading.share(table.d.negative_labels, n_labels(table.d), "labels_d")
    return reading.compared(np.array([r_a, p_a]), np.array([r_d, p_d]))
