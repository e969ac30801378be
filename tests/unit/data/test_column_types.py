"""From texts to kinds: the grammar, the decision, and the way of every Arrow type into our four."""

import datetime
import decimal

import numpy as np
import pyarrow as pa
import pytest

from clarify.data.column_types import Shapes, classify, decide, declared_kind, shapes_of, to_kind
from clarify.errors import DataError

SHAPES = {
    "integer": ["0", "5", "-3", "+7", " 5", "5 ", "-0", "9223372036854775807", "-9223372036854775808"],
    "large_integer": ["9223372036854775808", "-9223372036854775809", "18446744073709551616", "1" + "0" * 30],
    "decimal": ["1.5", ".5", "5.", "-1e5", "1E+05", "+.5", "00.5", " 2.50 ", "1e-999"],
    "leading_zero": ["007", "00", "-01", "+04", "0" * 25],
    "boolean": ["True", "TRUE", "true", "False", "FALSE", "false"],
    "other": ["", " ", "?", "NA", "nan", "inf", "-Infinity", "1e999", "0x10", "1_000", "1,5", "tRUE", "1 2", "５", "é"],
}


@pytest.mark.parametrize(("shape", "text"), [(shape, text) for shape, texts in SHAPES.items() for text in texts])
def test_a_text_has_one_shape(shape, text):
    assert shapes_of(pa.array([text])) == Shapes(**{shape: 1})


def test_shapes_do_not_depend_on_the_company_a_value_is_in():
    texts = [text for group in SHAPES.values() for text in group]

    together = shapes_of(pa.array(texts))

    assert together == Shapes(**{shape: len(group) for shape, group in SHAPES.items()})


def test_shapes_are_counted_as_often_as_the_value_occurs():
    assert shapes_of(pa.array(["1", "x"]), np.array([3, 4])) == Shapes(integer=3, other=4)


@pytest.mark.parametrize(
    ("texts", "kind", "reading"),
    [
        (["1", "-2"], "int", "whole number"),
        (["1", "2.0"], "float", "point or an exponent"),
        (["1.5", "99999999999999999999"], "float", "point or an exponent"),
        (["1", "99999999999999999999"], "text", "1 of 2 values are whole numbers beyond 64 bits"),
        (["1", "007"], "text", "1 of 2 values are numbers with leading zeros"),
        (["1.5", "NA", "?"], "text", "2 of 3 values are not numbers"),
        (["a", "b"], "text", "no value is a number"),
        (["True", "FALSE"], "bool", "true or false"),
        (["True", "1"], "text", "1 of 2 values are true or false, the rest are numbers"),
        ([], "float", "no value at all"),
    ],
)
def test_the_kind_follows_from_all_values_and_says_why(texts, kind, reading):
    decided, why = decide(shapes_of(pa.array(texts, pa.string())))

    assert decided == kind
    assert reading in why


def test_every_text_kind_that_pandas_can_cast_to_int64_is_known_as_such():
    assert Shapes(integer=2, leading_zero=1).casts_to_int64
    assert not Shapes(integer=2, decimal=1).casts_to_int64
    assert not Shapes().casts_to_int64


def test_numbers_come_out_of_classification_in_order():
    codes, numbers = classify(pa.array(["x", "1", "007", "2.5", "1e999", "+3"]))

    assert numbers.to_pylist() == [1.0, 2.5, 3.0]
    assert list(codes) == [5, 0, 3, 2, 5, 0]


@pytest.mark.parametrize(
    ("texts", "kind", "values"),
    [
        (["5", None, " -3 ", "+7"], "int", [5, None, -3, 7]),
        (["9223372036854775807"], "int", [9223372036854775807]),
        (["5", "+.5", None, "1e3"], "float", [5.0, 0.5, None, 1000.0]),
        (["True", None, "false"], "bool", [True, None, False]),
        (["007", None, ""], "text", ["007", None, ""]),
    ],
)
def test_texts_become_values_of_their_kind(texts, kind, values):
    assert to_kind(pa.array(texts, pa.string()), kind, "x").to_pylist() == values


@pytest.mark.parametrize(("text", "kind"), [("x", "int"), ("1.5", "int"), ("x", "float"), ("yes", "bool")])
def test_a_value_that_does_not_fit_its_kind_is_an_error_with_column_and_value(text, kind):
    with pytest.raises(DataError, match=rf"(?s)^income: .*{text}.*\[DATA-CONVERSION\].*kind {kind}"):
        to_kind(pa.array([text]), kind, "income")


DAY = datetime.date(2024, 2, 29)
PARQUET = [
    (pa.array([1, None], pa.int8()), "int", [1, None]),
    (pa.array([2**63 - 1], pa.uint64()), "int", [2**63 - 1]),
    (pa.array([1.5, None, float("nan")], pa.float32()), "float", [1.5, None, None]),
    (pa.array(np.array([0.5], np.float16)), "float", [0.5]),
    (pa.array([decimal.Decimal("1.25"), None]), "float", [1.25, None]),
    (pa.array([True, None]), "bool", [True, None]),
    (pa.array(["a", None], pa.large_string()), "text", ["a", None]),
    (pa.array(["a", None], pa.string_view()), "text", ["a", None]),
    (pa.array(["a", None, "a"]).dictionary_encode(), "text", ["a", None, "a"]),
    (pa.array([7, 7]).dictionary_encode(), "int", [7, 7]),
    (pa.array([DAY, None]), "text", ["2024-02-29", None]),
    (pa.array([datetime.datetime(2024, 2, 29, 12, 30)], pa.timestamp("s")), "text", ["2024-02-29 12:30:00"]),
    (pa.array([datetime.datetime(2024, 2, 29)], pa.timestamp("s", "UTC")), "text", ["2024-02-29 00:00:00Z"]),
    (pa.array([datetime.time(12, 30)], pa.time32("s")), "text", ["12:30:00"]),
    (pa.array([None, None]), "text", [None, None]),
]


@pytest.mark.parametrize(("values", "kind", "expected"), PARQUET, ids=[str(row[0].type) for row in PARQUET])
def test_a_parquet_type_declares_its_kind_and_its_values_arrive(values, kind, expected):
    declared, reading = declared_kind(values.type, "x")

    assert declared == kind
    assert reading == f"declared by Parquet as {values.type}"
    assert to_kind(values, kind, "x").to_pylist() == expected


@pytest.mark.parametrize(
    "kind", [pa.list_(pa.int64()), pa.struct([("a", pa.int64())]), pa.binary(), pa.month_day_nano_interval()], ids=str
)
def test_a_nested_or_binary_column_is_refused_by_name(kind):
    with pytest.raises(DataError, match=r"^pixels: received .*\[DATA-TYPE\]"):
        declared_kind(kind, "pixels")


def test_an_unsigned_integer_beyond_64_bits_is_refused_not_wrapped():
    with pytest.raises(DataError, match=r"^id: .*18446744073709551615.*\[DATA-CONVERSION\]"):
        to_kind(pa.array([2**64 - 1], pa.uint64()), "int", "id")
