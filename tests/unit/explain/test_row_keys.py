"""Row keys: the same for the same values, whatever they are stored in."""

import hashlib
import struct

import numpy as np
import pytest

from clarify.explain.row_keys import row_keys, smallest_keys
from clarify.features import FeatureColumn, Features


def features(columns, rows):
    return Features(tuple(columns), np.array(rows, dtype=np.float64))


def number(name="x"):
    return FeatureColumn(name, "float")


def text(*words):
    return FeatureColumn("t", "text", tuple(words))


def test_key_is_the_hash_of_tagged_cells():
    keys = row_keys(features([number(), text("no", "yes")], [[1.5, 1.0]]))

    cells = b"\x00" + struct.pack("<d", 1.5) + b"\x01" + hashlib.blake2b(b"yes", digest_size=8).digest()
    expected = int.from_bytes(hashlib.blake2b(cells, digest_size=8).digest(), "little")
    assert keys.dtype == np.uint64
    assert keys.tolist() == [expected]


def test_the_order_of_the_vocabulary_does_not_matter():
    one = row_keys(features([text("a", "b", "c")], [[0], [1], [2]]))
    other = row_keys(features([text("c", "unused", "a", "b")], [[2], [3], [0]]))

    assert one.tolist() == other.tolist()


def test_both_zeros_and_every_missing_number_are_one():
    odd_nan = struct.unpack("<d", struct.pack("<Q", 0xFFF8000000000123))[0]

    keys = row_keys(features([number()], [[0.0], [-0.0], [np.nan], [odd_nan]]))

    assert keys[0] == keys[1]
    assert keys[2] == keys[3]
    assert keys[0] != keys[2]


def test_missing_text_is_not_the_last_word():
    keys = row_keys(features([text("a", "b")], [[1], [np.nan]]))

    assert keys[0] != keys[1]


def test_the_word_1_is_not_the_number_1():
    assert row_keys(features([text("1")], [[0]]))[0] != row_keys(features([number()], [[1]]))[0]


def test_an_integer_that_a_float_can_hold_is_that_number():
    coded = FeatureColumn("id", "int", (7, 2**53 + 1))

    keys = row_keys(features([coded], [[0], [1]]))

    assert keys[0] == row_keys(features([number()], [[7]]))[0]
    assert keys[1] != row_keys(features([number()], [[float(2**53 + 1)]]))[0]


def test_a_key_does_not_depend_on_the_other_rows():
    rows = np.random.default_rng(0).normal(size=(20_000, 3))
    columns = [number("a"), number("b"), number("c")]

    keys = row_keys(features(columns, rows))

    assert row_keys(features(columns, rows[::-1])).tolist() == keys[::-1].tolist()
    assert len(set(keys.tolist())) == len(rows)


def test_a_vocabulary_without_words_holds_only_missing_cells():
    assert len(row_keys(features([text()], [[np.nan], [np.nan]]))) == 2


def test_no_rows_have_no_keys():
    assert row_keys(features([number()], np.empty((0, 1)))).tolist() == []


def test_smallest_keys_come_in_their_order_with_ties_in_row_order():
    keys = np.array([9, 3, 3, 1, 7], dtype=np.uint64)

    assert smallest_keys(keys, 3).tolist() == [3, 1, 2]
    assert smallest_keys(keys, 99).tolist() == [3, 1, 2, 4, 0]


@pytest.mark.parametrize("column", [FeatureColumn("b", "bool"), FeatureColumn("i", "int")])
def test_kind_takes_no_part(column):
    assert row_keys(features([column], [[1]])).tolist() == row_keys(features([number()], [[1]])).tolist()
