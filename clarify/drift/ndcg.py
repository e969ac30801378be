"""How much of the reference's gain is left when features stand in their live order: AWS's measure of drift."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray


def ndcg(reference: ArrayLike, live: ArrayLike) -> float:
    r"""Normalised discounted cumulative gain of the live order of features, scored by the reference's attributions.

    .. math:: \mathrm{nDCG} = \sum_i |a(F'_i)| / \log_2(i + 1) \Big/ \sum_i |a(F_i)| / \log_2(i + 1)

    with F the features by falling reference attribution a, F' by falling live attribution, both in absolute value;
    features that tie share their discounts evenly. 1 when the orders agree, whatever the magnitudes.

    Parameters
    ----------
    reference, live : arrays of shape (n_features,), in the same order of features

    Returns
    -------
    float in [0, 1]
        1 for one feature, or when both are zero throughout; 0 when exactly one of them is.

    Notes
    -----
    As scikit-learn's ``ndcg_score([reference], [live])`` where that exists: it refuses negative gains and one feature.

    References
    ----------
    .. [1] Amazon SageMaker Developer Guide, "Feature Attribution Drift Violations".

    Examples
    --------
    The most important feature of the reference has become the least important:

    >>> round(ndcg([0.70, 0.50, 0.05], [0.10, 0.20, 0.70]), 3)
    0.688
    """
    gains, order = (np.abs(np.asarray(values, dtype=np.float64))[None, :] for values in (reference, live))
    return float(ndcg_rows(gains, order)[0])


def ndcg_rows(gains: NDArray[np.float64], live: NDArray[np.float64]) -> NDArray[np.float64]:
    """:func:`ndcg` of many pairs at once; both of shape (n, n_features), no number negative."""
    order = np.argsort(-live, axis=1, kind="stable")
    discounts = 1.0 / np.log2(np.arange(live.shape[1]) + 2.0)
    ranked = np.take_along_axis(gains, order, axis=1)
    gained = (ranked * _shared_discounts(np.take_along_axis(live, order, axis=1), discounts)).sum(axis=1)
    best = (-np.sort(-gains, axis=1) * discounts).sum(axis=1)
    silent, silent_now = ~(best > 0), ~(live > 0).any(axis=1)
    score = np.minimum(gained / np.where(silent, 1.0, best), 1.0)
    result: NDArray[np.float64] = np.where(silent | silent_now, np.where(silent & silent_now, 1.0, 0.0), score)
    return result


def _shared_discounts(ranked: NDArray[np.float64], discounts: NDArray[np.float64]) -> NDArray[np.float64]:
    """The discount of each rank, its mean over ties; ``ranked`` falls along each row."""
    same = ranked[:, 1:] == ranked[:, :-1]
    if not same.any():
        return np.broadcast_to(discounts, ranked.shape)
    n, m = ranked.shape
    places = np.broadcast_to(np.arange(m), (n, m))
    edge = np.ones((n, 1), dtype=np.bool_)
    first = np.maximum.accumulate(np.where(np.hstack([edge, ~same]), places, 0), axis=1)
    last = np.minimum.accumulate(np.where(np.hstack([~same, edge]), places, m - 1)[:, ::-1], axis=1)[:, ::-1]
    running = np.concatenate([[0.0], np.cumsum(discounts)])
    return np.where(first == last, discounts, (running[last + 1] - running[first]) / (last - first + 1))
