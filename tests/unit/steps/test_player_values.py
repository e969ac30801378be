"""What a player held: words by weight, free text and columns without categories, and values as one reads them."""

import numpy as np
import pyarrow as pa
import pytest

from clarify.features import FeatureColumn
from clarify.results import ColumnSummary
from clarify.steps.player_values import Player, codes_of, is_free_text, value_in_words


def player(*columns, free_text=False):
    return Player(0, "it", tuple(FeatureColumn(name, kind) for name, kind in columns), free_text)


def codes(who, table, weights=None):
    rows = pa.table(table)
    return codes_of(who, rows, np.ones(rows.num_rows) if weights is None else np.array(weights))


def test_words_come_by_the_rows_they_stand_for_and_missing_ones_are_apart():
    found = codes(player(("job", "text")), {"job": ["a", "b", None, "a"]}, [1.0, 5.0, 1.0, 1.0])

    assert found == ((1, 0, -1, 1), ("b", "a"))


def test_the_rarest_of_many_words_share_one():
    jobs = [f"w{k:02d}" for k in range(14) for _ in range(20 - k)]

    found, words = codes(player(("job", "text")), {"job": jobs})

    assert words == (*(f"w{k:02d}" for k in range(11)), "other")
    assert [words[code] for code in found[-24:]] == ["other"] * 24        # w11, w12 and w13: 9 + 8 + 7 rows


def test_a_word_of_the_data_that_is_called_other_takes_the_rest_in():
    jobs = ["other"] * 50 + [f"w{k:02d}" for k in range(13) for _ in range(20 - k)]

    found, words = codes(player(("job", "text")), {"job": jobs})

    assert words[0] == "other"
    assert words.count("other") == 1
    assert found[-1] == 0


def test_twelve_words_need_no_other():
    _, words = codes(player(("job", "text")), {"job": [f"w{k:02d}" for k in range(12)]})

    assert len(words) == 12
    assert "other" not in words


def test_booleans_are_words_and_numbers_are_not():
    assert codes(player(("flag", "bool")), {"flag": [True, False, True]}) == ((0, 1, 0), ("True", "False"))
    assert codes(player(("n", "int")), {"n": [1, 2, 3, 4, None]}) == ((0, 1, 3, 4, -1), ())


def test_free_text_shows_none_of_its_words():
    found = codes(player(("note", "text"), free_text=True), {"note": ["I am Ada", None, "call me"]})

    assert found == ((0, -1, 0), ("text",))


@pytest.mark.parametrize(
    ("kind", "distinct", "expected"),
    [("text", 100, False), ("text", 101, True), ("text", None, True), ("int", None, False)],
)
def test_a_text_of_many_different_values_is_free_text(kind, distinct, expected):
    assert is_free_text(FeatureColumn("note", kind), ColumnSummary("note", kind, "", 9, 0, distinct)) is expected


def test_long_words_are_cut():
    _, words = codes(player(("job", "text")), {"job": ["x" * 10_000]})

    assert len(words[0]) == 80


@pytest.mark.parametrize(
    ("a", "b", "words"),
    [
        ([1, 0, 0], [0, 1, 0], ("a", "b", "none")),
        ([1, 0, 1], [0, 1, 1], ("2 columns",)),                   # two ones in a row
        ([1, 0, 2], [0, 1, 0], ("2 columns",)),
        ([1, 0, None], [0, 1, 0], ("2 columns",)),
    ],
)  # fmt: skip
def test_a_group_has_words_when_at_most_one_of_its_columns_is_one(a, b, words):
    assert codes(player(("a", "int"), ("b", "int")), {"a": a, "b": b})[1] == words


def test_columns_of_a_group_with_text_are_not_read():
    assert player(("a", "int"), ("b", "text")).read == ()
    assert player(("a", "int"), ("b", "float")).read == ("a", "b")
    assert player(*((f"c{k}", "int") for k in range(101))).read == ()


@pytest.mark.parametrize(
    ("kind", "value", "told"),
    [
        ("int", 12_345_678, "12345678"), ("int", 2**62, str(2**62)), ("float", 36.0, "36"), ("float", 0.1 + 0.2, "0.3"),
        ("float", 1_234_567.89, "1234568"), ("text", "A43", "A43"), ("bool", True, "True"), ("float", None, "missing"),
        ("text", "", ""),
    ],
)  # fmt: skip
def test_values_of_a_row_are_told_as_one_reads_them(kind, value, told):
    types = {"int": pa.int64(), "float": pa.float64(), "text": pa.string(), "bool": pa.bool_()}

    assert value_in_words(player(("it", kind)), pa.table({"it": pa.array([value], types[kind])}), 0) == told


@pytest.mark.parametrize(("row", "told"), [((1, 0), "a"), ((0, 1), "b"), ((0, 0), ""), ((1, 1), ""), ((3, 0), "")])
def test_a_group_is_told_by_the_one_column_that_is_one(row, told):
    table = pa.table({"a": [row[0]], "b": [row[1]]})

    assert value_in_words(player(("a", "int"), ("b", "int")), table, 0) == told
