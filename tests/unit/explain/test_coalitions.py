"""The nested order of complement pairs, against the published test values of its specification."""

import hashlib
from itertools import islice

import numpy as np
import pytest

from clarify.explain.coalitions import (
    SplitMix64,
    design_coalitions,
    n_pairs_in_all,
    needs_sampling,
    nested_order,
)


def as_bits(n_players: int, subset: tuple[int, ...]) -> str:
    return "".join("1" if player in subset else "0" for player in range(n_players))


def test_generator_gives_the_published_numbers():
    assert SplitMix64(0, 6, 1).next() == 0xFFEEF43FFDCEB85D
    assert SplitMix64(0, 6, 1).permutation(6) == [2, 4, 1, 3, 0, 5]


@pytest.mark.parametrize(
    ("n_players", "expected"),
    [
        (6, "001000 001100 000010 010010 100011 010000 100001 000100 010100 110010 000001 101000"),
        (5, "00001 11000 01000 00101 10000 01001 00100 10100 00010 00110 01100 10001 10010 00011 01010"),
    ],
)
def test_order_starts_as_published(n_players, expected):
    subsets = islice(nested_order(n_players, seed=0), len(expected.split()))

    assert [as_bits(n_players, subset) for subset in subsets] == expected.split()


@pytest.mark.parametrize(
    ("n_players", "n_pairs", "digest"),
    [(20, 256, "b870caa866ca9b78"), (61, 488, "2012086754bf06f6"), (14, 1024, "2c728122461ec45e")],
)
def test_designs_have_the_published_digests(n_players, n_pairs, digest):
    design = design_coalitions(n_players, 2 * n_pairs, 0)

    one_byte_a_player = design.members.astype(np.uint8).tobytes()
    assert hashlib.sha256(one_byte_a_player).hexdigest()[:16] == digest


@pytest.mark.parametrize(
    ("num_samples", "by_size"),
    [(512, [20, *[28] * 7, 27, 13]), (2048, [20, 119, *[118] * 7, 59])],
)
def test_sizes_take_equal_turns_until_they_are_exhausted(num_samples, by_size):
    design = design_coalitions(20, num_samples, 0)

    assert np.bincount(design.sizes)[1:].tolist() == by_size


@pytest.mark.parametrize("n_players", [4, 7, 10, 20, 61])
@pytest.mark.parametrize("seed", [0, 11])
def test_a_smaller_budget_is_a_prefix_of_a_larger_one(n_players, seed):
    longest = design_coalitions(n_players, 4096, seed).members

    for num_samples in (2, 3, 8, 65, 500, 2048):
        members = design_coalitions(n_players, num_samples, seed).members
        assert np.array_equal(members, longest[: len(members)])


@pytest.mark.parametrize("n_players", [3, 6, 9, 20, 61])
def test_no_subset_and_no_complement_comes_twice(n_players):
    members = design_coalitions(n_players, 3000, 5).members

    seen = {row.tobytes() for row in np.concatenate([members, ~members])}
    assert len(seen) == 2 * len(members)
    assert members.any(axis=1).all()
    assert not members.all(axis=1).any()


@pytest.mark.parametrize("n_players", range(1, 11))
def test_a_budget_of_all_coalitions_is_a_complete_design(n_players):
    design = design_coalitions(n_players, 2**n_players - 2, 3)

    assert design.is_complete
    assert design.n_pairs == 2 ** (n_players - 1) - 1 == n_pairs_in_all(n_players)


def test_one_coalition_too_few_is_sampled_in_whole_pairs():
    assert needs_sampling(5, 29)
    assert not needs_sampling(5, 30)
    assert design_coalitions(5, 29, 0).n_coalitions == 28


def test_seeds_give_different_designs():
    assert not np.array_equal(design_coalitions(12, 64, 0).members, design_coalitions(12, 64, 1).members)


def test_pair_weights_share_the_kernel_mass_of_each_size():
    design = design_coalitions(6, 24, 0)   # published order: sizes 1 2 1 2 3 1 2 1 2 3 1 2, so 5, 5 and 2 pairs

    by_size = {1: (5 / (1 * 5)) / 5, 2: (5 / (2 * 4)) / 5, 3: 0.5 * (5 / (3 * 3)) / 2}
    assert design.pair_weights.tolist() == pytest.approx([by_size[s] for s in design.sizes], abs=1e-15)


def test_unsampled_shares_count_the_pairs_left_out():
    design = design_coalitions(6, 24, 0)

    by_size = {1: 1 - 5 / 6, 2: 1 - 5 / 15, 3: 1 - 2 / 10}
    assert design.unsampled_shares.tolist() == pytest.approx([by_size[s] for s in design.sizes], abs=1e-15)
