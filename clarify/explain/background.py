"""Which baseline rows a coalition is averaged over, when there are many and few coalitions."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from clarify.explain.coalitions import SplitMix64, n_pairs_in_all

BLOCK_OF_BASELINE = 10
# Fewer coalitions than this many times the players, all of them on all baseline rows, are worse than more coalitions
# on ten baseline rows each (100 rows, margin output: .12 against .20-.60 at 8,192 model rows; .078 from 81 coalitions).
CROSSED_COALITIONS_PER_PLAYER = 4


def splits_background(n_live: int, n_coalitions: int, n_baseline: int) -> bool:
    """Whether each pair of a row gets ten baseline rows of its own instead of all of them.

    The model rows per explained row stay ``n_coalitions`` x ``n_baseline``. Not when all coalitions are asked, and not
    when there would be more pairs to ask than the game has.
    """
    if n_baseline <= BLOCK_OF_BASELINE or n_coalitions >= CROSSED_COALITIONS_PER_PLAYER * n_live:
        return False
    return n_split_pairs(n_coalitions, n_baseline) < n_pairs_in_all(n_live)


def n_split_pairs(n_coalitions: int, n_baseline: int) -> int:
    """Pairs that cost as much on ten baseline rows as ``n_coalitions`` cost on all of them."""
    return n_coalitions * n_baseline // (2 * BLOCK_OF_BASELINE)


@lru_cache(maxsize=16)
def background_blocks(n_baseline: int, n_pairs: int, seed: int) -> NDArray[np.intp]:
    """Positions of ten baseline rows for each pair, shape (n_pairs, 10), read-only; a prefix for fewer pairs.

    Permutations of the baseline, one after another, cut into tens: every baseline row serves equally often, give or
    take one.
    """
    generator = SplitMix64(seed, n_baseline, 0)
    wanted = n_pairs * BLOCK_OF_BASELINE
    order: list[int] = []
    while len(order) < wanted:
        order += generator.permutation(n_baseline)
    blocks = np.array(order[:wanted], dtype=np.intp).reshape(n_pairs, BLOCK_OF_BASELINE)
    blocks.flags.writeable = False
    return blocks
