"""Random splits of rows into reference and window, the same on every machine for the same key."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

BLOCK_CELLS = 1 << 21            # 16 MiB of words at a time, whatever the number of permutations


def raw_words(key: str, n: int) -> NDArray[np.uint64]:
    """The first n 64-bit words of the Philox4x64-10 stream whose key is the first 128 bits of the key's SHA-256.

    Raw words are part of the generator's definition: unlike shuffles and floats, no release of numpy changes them.

    References
    ----------
    .. [1] Salmon et al., Parallel Random Numbers: As Easy as 1, 2, 3, 2011.
    """
    return _stream(key).random_raw(n)


def split_indicators(n_reference: int, n_window: int, permutations: int, key: str) -> NDArray[np.bool_]:
    """Random splits of the pooled rows, shape (P, N): each row says which n_window of the N rows are the window.

    Every split of that size is equally likely. Many permutations of many rows: :func:`split_blocks` holds fewer.
    """
    blocks = list(split_blocks(n_reference, n_window, permutations, key))
    return np.concatenate([np.empty((0, n_reference + n_window), dtype=np.bool_), *blocks])


def split_blocks(n_reference: int, n_window: int, permutations: int, key: str) -> Iterator[NDArray[np.bool_]]:
    """The rows of :func:`split_indicators` in blocks of about 2 MiB.

    Each permutation orders the N rows by N words of its own; the rows of the n_window smallest words are the window.
    """
    stream, n = _stream(key), n_reference + n_window
    per_block = max(1, BLOCK_CELLS // max(n, 1))
    for start in range(0, permutations, per_block):
        count = min(per_block, permutations - start)
        words = stream.random_raw(count * n).reshape(count, n)
        chosen = np.argpartition(words, n_window - 1, axis=1)[:, :n_window]
        block = np.zeros((count, n), dtype=np.bool_)
        np.put_along_axis(block, chosen, True, axis=1)
        yield block


def _stream(key: str) -> np.random.Philox:
    digest = hashlib.sha256(key.encode()).digest()
    return np.random.Philox(key=np.frombuffer(digest[:16], dtype="<u8").astype(np.uint64))
