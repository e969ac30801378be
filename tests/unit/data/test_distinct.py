"""Counting different values: exact when few, close when many, the same whatever the order of merging."""

import numpy as np
import pyarrow as pa
import pytest

from clarify.data.distinct import CAPACITY, DistinctSketch, DistinctTally, hash_numbers, hash_texts, hash_values


def sketch_of(values):
    return DistinctSketch.of(hash_values(values))


def test_few_values_are_counted_exactly():
    sketch = sketch_of(pa.array([f"name {i % 1000}" for i in range(5000)]))

    assert sketch.is_exact
    assert sketch.estimate == 1000


@pytest.mark.parametrize("n", [20_000, 300_000])
def test_many_values_are_estimated_within_five_standard_errors(n):
    estimate = sketch_of(pa.array(np.arange(n) * 7)).estimate

    assert abs(estimate / n - 1) < 5 / np.sqrt(CAPACITY - 2)


def test_more_values_than_fit_are_never_estimated_as_fewer():
    assert sketch_of(pa.array(np.arange(CAPACITY))).estimate >= CAPACITY


def test_merging_in_any_order_gives_the_sketch_of_everything():
    values = np.random.default_rng(1).integers(0, 60_000, 150_000)
    parts = [sketch_of(pa.array(part)) for part in np.array_split(values, 5)]

    forward = parts[0].merge(parts[1]).merge(parts[2]).merge(parts[3]).merge(parts[4])
    other_way = parts[4].merge(parts[2]).merge(parts[0].merge(parts[3])).merge(parts[1])

    assert forward == other_way == sketch_of(pa.array(values))


def test_a_tally_fed_piece_by_piece_has_the_sketch_of_everything():
    hashes = hash_numbers(pa.array(np.random.default_rng(2).integers(0, 10**9, 200_000)))
    tally = DistinctTally()

    for piece in np.array_split(hashes, 37):
        tally.add(piece)

    assert tally.sketch() == DistinctSketch.of(hashes)


def test_a_number_has_one_hash_however_it_is_stored():
    assert list(hash_numbers(pa.array([3, 0, -7]))) == list(hash_numbers(pa.array([3.0, -0.0, -7.0])))


def test_integers_that_floats_cannot_tell_apart_have_different_hashes():
    assert len(set(hash_numbers(pa.array([2**53 + i for i in range(100)])).tolist())) == 100


def test_a_text_has_one_hash_wherever_it_stands_and_different_texts_have_different_ones():
    texts = ["", "a", "b", "ab", "ba", "aa", "a\0", "\0a", "ä", "x" * 1_200_000, "x" * 1_199_999]

    alone = [int(hash_texts(pa.array([text]))[0]) for text in texts]

    assert hash_texts(pa.array(["zz", *texts])).tolist()[1:] == alone
    assert hash_texts(pa.array(["zz", *texts]).slice(1)).tolist() == alone
    assert len(set(alone)) == len(texts)


def test_many_short_texts_do_not_collide():
    texts = pa.array(np.char.add("user-", np.arange(300_000).astype(str)))

    assert len(np.unique(hash_texts(texts))) == 300_000
