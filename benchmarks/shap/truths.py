"""Exact Shapley values of the benchmark games, and the cache that keeps them between runs."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from math import comb
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]
Value = Callable[[Matrix], Matrix]
Truth = Callable[[Matrix], Matrix]
"""Explained rows (n, M) to exact attributions (n, M)."""

ROWS_PER_CALL = 1 << 15
CACHE = Path(__file__).resolve().parents[2] / ".clarify" / "bench-shap"


def enumerated(value: Value, baseline: Matrix) -> Truth:
    """By all 2^M coalitions: M <= 20, a million model rows per explained row."""

    def truth(rows: Matrix) -> Matrix:
        return np.array([shapley_of_table(table_of(value, row, baseline[0])) for row in rows])

    return truth


def table_of(value: Value, row: Matrix, baseline: Matrix) -> Matrix:
    """v of every coalition, shape (2^M,); bit i of the position says whether player i is in."""
    m = len(row)
    bits = np.arange(m, dtype=np.uint32)
    table = np.empty(1 << m)
    for start in range(0, len(table), ROWS_PER_CALL):
        codes = np.arange(start, min(start + ROWS_PER_CALL, len(table)), dtype=np.uint32)
        members = (codes[:, None] >> bits) & 1 == 1
        table[start : start + len(codes)] = value(np.where(members, row, baseline))[:, 0]
    return table


def shapley_of_table(table: Matrix) -> Matrix:
    r""":math:`\phi_i = \sum_{S \not\ni i} \frac{v(S \cup i) - v(S)}{M \binom{M-1}{|S|}}`, from v of every coalition."""
    m = len(table).bit_length() - 1
    sizes = np.zeros(1, dtype=np.int64)
    for _ in range(m - 1):
        sizes = np.concatenate([sizes, sizes + 1])
    weights = np.array([1.0 / (m * comb(m - 1, s)) for s in range(m)])[sizes]
    attributions = np.empty(m)
    for player in range(m):
        halves = table.reshape(-1, 2, 1 << player)
        attributions[player] = weights @ (halves[:, 1] - halves[:, 0]).ravel()
    return attributions


def tree_shap(model: Any, baseline: Matrix) -> Truth:
    """By shap's interventional TreeSHAP: only for outputs that are sums of trees (margin, regression)."""

    def truth(rows: Matrix) -> Matrix:
        import shap

        explainer = shap.TreeExplainer(model, data=baseline, feature_perturbation="interventional")
        return np.asarray(explainer.shap_values(rows, check_additivity=False), dtype=np.float64)

    return truth


def gaussian_machine(weights: Matrix, centres: Matrix, gamma: float, baseline: Matrix) -> Truth:
    r"""Of :math:`\sum_k w_k \prod_i e^{-\gamma (x_i - c_{ki})^2}`, in closed form.

    A game that is a product of u_i for members and d_i for the others has

    .. math:: \phi_i = \int_0^1 (u_i - d_i) \prod_{j \ne i} (t u_j + (1 - t) d_j)\, dt,

    a polynomial of degree M - 1 in t, which M / 2 Gauss-Legendre nodes integrate exactly.
    """
    nodes, node_weights = np.polynomial.legendre.leggauss(centres.shape[1] // 2 + 1)
    absent = np.exp(-gamma * np.square(baseline - centres))

    def truth(rows: Matrix) -> Matrix:
        return np.array([explain(np.exp(-gamma * np.square(row - centres))) for row in rows])

    def explain(present: Matrix) -> Matrix:
        total = np.zeros(centres.shape[1])
        for node, share in zip((nodes + 1) / 2, node_weights / 2, strict=True):
            mixed = node * present + (1 - node) * absent
            others = mixed.prod(axis=1, keepdims=True) / mixed
            total += share * (weights @ ((present - absent) * others))
        return total

    return truth


def additivity_error(attributions: Matrix, value: Value, rows: Matrix, baseline: Matrix) -> float:
    """Largest gap between a row's attributions and its score minus the baseline's, relative to the attributions."""
    wanted = value(rows)[:, 0] - value(baseline)[0, 0]
    size = np.maximum(np.linalg.norm(attributions, axis=1), 1e-300)
    return float((np.abs(attributions.sum(axis=1) - wanted) / size).max())


def cached(name: str, truth: Truth, value: Value, baseline: Matrix, rows: Matrix, folder: Path = CACHE) -> Matrix:
    """The exact attributions, from the cache where the same model, baseline and rows were seen before.

    The model is known by its scores of the rows and of fixed mixtures of rows and baseline.
    """
    draw = np.random.default_rng(0)
    mixtures = np.where(draw.random((256, rows.shape[1])) < 0.5, rows[draw.integers(len(rows), size=256)], baseline)
    digest = hashlib.sha256()
    for part in (baseline, rows, value(rows), value(mixtures)):
        digest.update(np.ascontiguousarray(part).tobytes())
    path = folder / f"{name}-{len(rows)}-{digest.hexdigest()[:16]}.npy"
    if path.exists():
        return np.asarray(np.load(path), dtype=np.float64)
    attributions = truth(rows)
    folder.mkdir(parents=True, exist_ok=True)
    np.save(path, attributions)
    return attributions
