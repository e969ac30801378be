"""Random splits: the generator of the paper, every split of the size asked for, the same for the same key."""

import hashlib

import numpy as np

from clarify.drift.permutation import BLOCK_CELLS, raw_words, split_blocks, split_indicators

MASK = 2**64 - 1
# Constants of Philox4x64 (Salmon et al., 2011).
MULTIPLIERS = (0xD2E7470EE14C6C93, 0xCA5A826395121157)
WEYL = (0x9E3779B97F4A7C15, 0xBB67AE8584CAA73B)


def philox4x64(counter, key):
    """Ten rounds as the paper has them, in whole numbers."""
    for _ in range(10):
        first, second = MULTIPLIERS[0] * counter[0], MULTIPLIERS[1] * counter[2]
        counter = [
            (second >> 64) ^ counter[1] ^ key[0],
            second & MASK,
            (first >> 64) ^ counter[3] ^ key[1],
            first & MASK,
        ]
        key = [(key[0] + WEYL[0]) & MASK, (key[1] + WEYL[1]) & MASK]
    return counter


def test_words_are_those_of_philox_with_the_digest_of_the_key():
    digest = hashlib.sha256(b"reference:window").digest()
    key = [int.from_bytes(digest[:8], "little"), int.from_bytes(digest[8:16], "little")]

    words = raw_words("reference:window", 8)

    assert words.tolist() == philox4x64([1, 0, 0, 0], key) + philox4x64([2, 0, 0, 0], key)


def test_our_philox_gives_the_published_answer():
    """The known-answer test of Random123 for ten rounds of Philox4x64, counter and key all zero."""
    published = [0x16554D9ECA36314C, 0xDB20FE9D672D0FDC, 0xD7E772CEE186176B, 0x7E68B68AEC7BA23B]

    assert philox4x64([0, 0, 0, 0], [0, 0]) == published


def test_each_split_puts_the_rows_of_its_smallest_words_in_the_window():
    words = raw_words("key", 2 * 7).reshape(2, 7)

    splits = split_indicators(5, 2, 2, "key")

    for split, own in zip(splits, words, strict=True):
        assert set(np.flatnonzero(split)) == set(np.argsort(own)[:2])


def test_every_split_has_the_size_of_the_window():
    splits = split_indicators(90, 10, 200, "key")

    assert splits.shape == (200, 100)
    assert (splits.sum(axis=1) == 10).all()


def test_rows_are_in_the_window_equally_often():
    splits = split_indicators(15, 5, 8_000, "key")

    # 8,000 draws with probability 1/4: mean 2,000, standard deviation 39; 20 rows, so five of them at most.
    assert np.abs(splits.sum(axis=0) - 2_000).max() < 5 * 39


def test_another_key_gives_other_splits():
    assert not np.array_equal(split_indicators(50, 50, 20, "a"), split_indicators(50, 50, 20, "b"))


def test_blocks_are_the_whole_cut_in_pieces():
    n_reference, n_window, permutations = BLOCK_CELLS // 4, 10, 9
    blocks = list(split_blocks(n_reference, n_window, permutations, "key"))

    assert [len(block) for block in blocks] == [3, 3, 3]
    assert np.array_equal(np.concatenate(blocks), split_indicators(n_reference, n_window, permutations, "key"))


def test_a_window_of_all_rows_and_no_permutation_at_all_are_answered():
    assert split_indicators(0, 4, 3, "key").all()
    assert split_indicators(3, 4, 0, "key").shape == (0, 7)
