"""OddSHAP, our port and not the authors' code: a tree model screens odd Fourier terms, least squares fits them.

Written from arXiv 2602.01399 (Fumagalli, Butler, Kang, Ramchandran, Witter: An Odd Estimator for Shapley Values). It is
given our coalitions instead of sampling its own, so that estimators are compared and not designs. Needs lightgbm.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from truths import Matrix, Value

from clarify.explain.coalitions import CoalitionDesign

# One higher term for so many calls, as in the paper.
CALLS_PER_TERM = 10
MAX_DEPTH = 10


def explain_with_odd_shap(value: Value, rows: Matrix, baseline: Matrix, design: CoalitionDesign) -> Matrix:
    """Attributions of every row, shape (n, M)."""
    return np.array([_explain(value, row, baseline[0], design) for row in rows])


def _explain(value: Value, row: Matrix, baseline: Matrix, design: CoalitionDesign) -> Matrix:
    members = np.concatenate([design.members, ~design.members])
    scores = value(np.where(members, row, baseline))[:, 0]
    ends = value(np.stack([row, baseline]))[:, 0]
    halves = (scores[: design.n_pairs] - scores[design.n_pairs :]) / 2
    terms = _singles(design.n_players) + screen(members, scores, -(-design.n_coalitions // CALLS_PER_TERM))
    coefficients = fit_terms(design, terms, halves, (ends[0] - ends[1]) / 2)
    return shapley_of_terms(terms, coefficients, design.n_players)


def _singles(n_players: int) -> list[int]:
    return [1 << player for player in range(n_players)]


def screen(members: NDArray[np.bool_], scores: Matrix, n_terms: int) -> list[int]:
    """The largest odd Fourier terms of three players or more in a boosted tree model of the game, as bit sets."""
    import lightgbm

    model = lightgbm.LGBMRegressor(max_depth=MAX_DEPTH, random_state=0, n_jobs=1, verbose=-1)
    model.fit(members.astype(np.float64), scores)
    leaves = [
        spectrum
        for tree in model.booster_.dump_model()["tree_info"]
        for spectrum in _spectra(tree["tree_structure"], np.zeros(1, dtype=np.uint64), np.ones(1))
    ]
    sets, places = np.unique(np.concatenate([leaf[0] for leaf in leaves]), return_inverse=True)
    sizes = np.bitwise_count(sets)
    total = np.bincount(places, np.concatenate([leaf[1] for leaf in leaves]))
    wanted = (sizes % 2 == 1) & (sizes >= 3) & (total != 0)
    order = np.argsort(-np.abs(total[wanted]), kind="stable")[:n_terms]
    return [int(term) for term in sets[wanted][order]]


def _spectra(node: dict[str, Any], sets: NDArray[np.uint64], signs: Matrix) -> list[tuple[NDArray[np.uint64], Matrix]]:
    """Terms and coefficients of every leaf below a node.

    A leaf is its value times the product over its path of (1 + z_i) / 2 or (1 - z_i) / 2; ``sets`` and ``signs`` are
    that product multiplied out so far, without the halves.
    """
    if "leaf_value" in node:
        return [(sets, signs * (node["leaf_value"] / len(sets)))]
    player = np.uint64(1) << np.uint64(node["split_feature"])
    longer = np.concatenate([sets, sets | player])
    absent, present = np.concatenate([signs, -signs]), np.concatenate([signs, signs])
    return _spectra(node["left_child"], longer, absent) + _spectra(node["right_child"], longer, present)


def fit_terms(design: CoalitionDesign, terms: list[int], halves: Matrix, end: float) -> Matrix:
    """Weighted least squares of the half differences on the terms, whose coefficients sum to ``end`` exactly."""
    columns = np.stack([design.signs[:-1][:, players_of(term)].prod(axis=1) for term in terms], axis=1)
    roots = np.sqrt(design.pair_weights)[:, None]
    start = np.full(len(terms), end / len(terms))
    free = np.linalg.qr(np.ones((len(terms), 1)), mode="complete")[0][:, 1:]
    system = roots * (columns @ free)
    solved = np.linalg.lstsq(system, roots[:, 0] * (halves - columns @ start), rcond=None)[0]
    return np.asarray(start + free @ solved)


def shapley_of_terms(terms: list[int], coefficients: Matrix, n_players: int) -> Matrix:
    """Every odd term gives 2 / size of its coefficient to each of its players."""
    attributions = np.zeros(n_players)
    for term, coefficient in zip(terms, coefficients, strict=True):
        players = players_of(term)
        attributions[players] += 2.0 * coefficient / len(players)
    return attributions


def players_of(term: int) -> list[int]:
    return [player for player in range(term.bit_length()) if term >> player & 1]
