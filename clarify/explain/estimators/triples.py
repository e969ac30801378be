"""Interactions of three players that a row shows and its prior does not expect: screened, weighted, estimated."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray
from scipy.linalg.blas import dtrsm
from scipy.linalg.lapack import dpotrf, dpotrs

# Only triples of the most relevant players are looked at.
MAX_SCREENED_PLAYERS = 40
# From nobody to all, a triple changes the game by twice its coefficient, and three players share that.
PLAYER_SHARE = 2.0 / 3.0


@dataclass(frozen=True, eq=False)
class TripleScreen:
    """All triples of min(n_players, 40) players, as places in a list of players sorted by index."""

    signs: NDArray[np.float32]                  # (n_players, n)
    triples: NDArray[np.intp]                   # (3, n_triples), ascending
    places: NDArray[np.intp]                    # (n_triples,): where [pair, third] stands in a flat matrix
    pair_products: NDArray[np.float32] | None   # (n_pairs of players, n) when all players are screened

    @classmethod
    def of(cls, signs: NDArray[np.float64]) -> TripleScreen:
        """The screen of a design with ``signs`` (n, n_players)."""
        n_players = signs.shape[1]
        n_screened = min(n_players, MAX_SCREENED_PLAYERS)
        by_player = np.ascontiguousarray(signs.T, dtype=np.float32)
        triples = np.array(list(combinations(range(n_screened), 3)), dtype=np.intp).reshape(-1, 3).T.copy()
        first, second, third = triples
        # Pairs (i, j), i < j, are numbered row by row.
        pair = first * n_screened - first * (first + 1) // 2 + second - first - 1
        products = _pair_products(by_player) if n_screened == n_players else None
        return cls(by_player, triples, pair * n_screened + third, products)

    def strongest(
        self,
        coefficients: NDArray[np.float64],
        variances: NDArray[np.float64],
        correlations: NDArray[np.float64],
        n_kept: int,
    ) -> NDArray[np.intp]:
        r"""The triples with the largest :math:`|q_A| \sqrt{r_i r_j r_k}`, shape (at most n_kept, 3), in order.

        ``coefficients`` (n_outputs, n) are K^-1 H and q_A their product with the signs of a triple, in units of each
        output's ``variances`` (n_outputs,) and pooled. Single precision is enough for ranking; equals go by index.
        """
        order = np.argsort(-correlations, kind="stable")
        players = np.sort(order[:MAX_SCREENED_PLAYERS])
        signs = self.signs if self.pair_products is not None else self.signs[players]
        pairs = self.pair_products if self.pair_products is not None else _pair_products(signs)
        pooled = np.zeros(len(self.places))
        for line, variance in zip(coefficients.astype(np.float32), variances, strict=True):
            sums = pairs @ (signs * line).T
            pooled += np.square(sums.reshape(-1)[self.places].astype(np.float64)) / variance
        decay = correlations[players]
        first, second, third = self.triples
        scores = pooled * decay[first] * decay[second] * decay[third]
        return players[self.triples[:, _largest(scores, n_kept)].T]


@dataclass(frozen=True, eq=False)
class TripleEffects:
    """The t triples that a row supports, with their prior variances and their posterior effects."""

    members: NDArray[np.intp]           # (t, 3)
    products: NDArray[np.float64]       # (t, n): X, product of the three signs in each pair
    weights: NDArray[np.float64]        # (t,): w, prior variances
    whitened: NDArray[np.float64]       # (t, n): sqrt(w) times L^-1 X, for K = LL'
    factor: NDArray[np.float64]         # (t, t): upper R with R'R = I + the inner products of ``whitened``
    solution: NDArray[np.float64]       # (t, n_outputs): b / sqrt(w)

    def __len__(self) -> int:
        return len(self.members)

    @property
    def effects(self) -> NDArray[np.float64]:
        """Posterior coefficients b, shape (t, n_outputs)."""
        return np.sqrt(self.weights)[:, None] * self.solution

    @property
    def whitened_fit(self) -> NDArray[np.float64]:
        """L^-1 X b, shape (n_outputs, n)."""
        return self.solution.T @ self.whitened

    def player_shares(self, n_players: int) -> NDArray[np.float64]:
        """What each player gets of a unit of each effect, shape (t, n_players)."""
        shares = np.zeros((len(self), n_players))
        np.put_along_axis(shares, self.members, PLAYER_SHARE, axis=1)
        return shares

    def projection(self) -> NDArray[np.float64]:
        """G (t, n) with K2^-1 = L'^-1 (I - G'G) L^-1, where K2 is the covariance with the triples."""
        if len(self) == 0:
            return self.whitened
        projected: NDArray[np.float64] = dtrsm(1.0, self.factor, self.whitened.T, side=1).T
        return projected


def estimate_triples(
    members: NDArray[np.intp],
    signs: NDArray[np.float64],
    factor: NDArray[np.float64],
    coefficients: NDArray[np.float64],
    variances: NDArray[np.float64],
) -> TripleEffects:
    r"""Sparse-Bayes variances of the triples and their posterior effects; triples without support are dropped.

    .. math:: w_A = \max\left(0, (q_A^2 / \sigma^2 - S_A) / S_A^2\right), \qquad S_A = \|L^{-1} X_A\|^2

    ``members`` (t, 3); ``signs`` (n_players, n); ``factor`` is the upper triangle U of K = U'U, Fortran-contiguous;
    ``coefficients`` (n_outputs, n) are K^-1 H and ``variances`` (n_outputs,) their scale.
    """
    products = _products(signs, members)
    whitened = dtrsm(1.0, factor, products.T, trans_a=1).T
    evidence = products @ coefficients.T
    strength = (np.square(evidence) / variances).mean(axis=1)
    precision = np.einsum("ij,ij->i", whitened, whitened)
    supported = strength > precision
    members, products, whitened = members[supported], products[supported], whitened[supported]
    evidence, strength, precision = evidence[supported], strength[supported], precision[supported]
    weights = (strength - precision) / np.square(precision)
    root = np.sqrt(weights)[:, None]
    whitened *= root
    inner_factor, solution = _posterior(whitened, evidence * root)
    return TripleEffects(members, products, weights, whitened, inner_factor, solution)


def _posterior(
    whitened: NDArray[np.float64], evidence: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Upper R with R'R = I + V V', and (R'R)^-1 ``evidence``; eigenvalues are 1 to t n, so that this never fails."""
    inner = whitened @ whitened.T
    if len(inner) == 0:
        return inner, evidence
    inner += np.eye(len(inner))
    factor, _ = dpotrf(inner.T, lower=0, clean=0, overwrite_a=1)
    solution, _ = dpotrs(factor, evidence)
    return factor, solution


def _pair_products(signs: NDArray[np.float32]) -> NDArray[np.float32]:
    """Products of every two rows of ``signs`` (n_players, n), in the order of ``combinations``."""
    n_players, n = signs.shape
    products = np.empty((n_players * (n_players - 1) // 2, n), dtype=np.float32)
    start = 0
    for first in range(n_players - 1):
        stop = start + n_players - 1 - first
        np.multiply(signs[first + 1 :], signs[first], out=products[start:stop])
        start = stop
    return products


def _products(signs: NDArray[np.float64], members: NDArray[np.intp]) -> NDArray[np.float64]:
    """Products of the three rows of ``signs`` (n_players, n) that each line of ``members`` names, shape (t, n)."""
    products = signs[members[:, 0]]
    products *= signs[members[:, 1]]
    products *= signs[members[:, 2]]
    return products


def _largest(scores: NDArray[np.float64], n_kept: int) -> NDArray[np.intp]:
    """Places of the ``n_kept`` largest scores, ascending; the first of equals."""
    if len(scores) <= n_kept:
        return np.arange(len(scores))
    threshold = np.partition(scores, len(scores) - n_kept)[len(scores) - n_kept]
    above, equal = np.flatnonzero(scores > threshold), np.flatnonzero(scores == threshold)
    return np.sort(np.concatenate([above, equal[: n_kept - len(above)]]))
