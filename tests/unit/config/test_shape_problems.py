"""What pydantic complains of, in the words that all documents share."""

from typing import Literal

import pytest

from clarify.config.parts import Part
from clarify.config.shape_problems import Shape, valid, validated


class Shelf(Part):
    """A part of the document below."""

    width: float = 1.0
    """Width in metres; the default is that of the shop."""
    books: tuple[str, ...]
    """Titles from left to right; none twice."""


class Room(Part):
    """A document of one list and one word."""

    name: str
    """What people call the room."""
    light: Literal["bright", "dim"] = "dim"
    """How bright it is."""
    shelves: tuple[Shelf, ...] = ()
    """Shelves along the wall."""


IN_YAML = Shape(Room, "room", "CFG-ROOM", whole="name and shelves", examples={"name": "study"})
IN_JSON = Shape(Room, "room", "CFG-ROOM", in_json=True, misspelt_is_missing=True)


def told(written, shape=IN_YAML):
    """Field, code, what is allowed and what to do, of every problem."""
    value, problems = validated(written, shape)
    assert value is None
    return [(found.field, found.code.removeprefix("CFG-ROOM-"), found.allowed, found.hint)
            for found in problems.values()]


@pytest.mark.parametrize(
    ("written", "problem"),
    [
        ([], ("room", "TYPE", "an object", "write name and shelves")),
        ({}, ("name", "MISSING", "What people call the room", "add name: study")),
        ({"name": False}, ("name", "TYPE", "text", "put it in quotes")),
        ({"name": None}, ("name", "TYPE", "text", "write text")),
        ({"name": "x", "light": None}, ("light", "VALUE", "bright or dim", "leave the key out")),
        ({"name": "x", "light": "Brigt"}, ("light", "VALUE", "bright or dim", "did you mean bright?")),
        ({"name": "x", "shelfs": []}, ("shelfs", "UNKNOWN-KEY", "name, light, shelves", "did you mean shelves?")),
        ({"name": "x", "shelves": [None]}, ("shelves[0]", "TYPE", "an object", "write an object")),
        ({"name": "x", "shelves": [{}]},
         ("shelves[0].books", "MISSING", "Titles from left to right", "add books: ...")),
        ({"name": "x", "shelves": [{"books": "Emma"}]},
         ("shelves[0].books", "TYPE", "a list", 'put it into a list: ["Emma"]')),
        ({"name": "x", "shelves": [{"books": [], "width": "2"}]},
         ("shelves[0].width", "TYPE", "a number", "write the number without quotes")),
    ],
)  # fmt: skip
def test_each_complaint_is_told_in_our_words(written, problem):
    assert told(written) == [problem]


def test_words_and_keys_of_json_are_quoted():
    found = told({"light": "dimm"}, IN_JSON)

    assert sorted(found) == [
        ("light", "VALUE", '"bright" or "dim"', 'did you mean "dim"?'),
        ("name", "MISSING", "What people call the room", 'add "name": ...'),
    ]


def test_a_misspelt_key_is_told_as_missing_too_only_where_the_shape_says_so():
    fields = {shape.in_json: {field for field, *_ in told({"nam": "x"}, shape)} for shape in (IN_YAML, IN_JSON)}

    assert fields == {False: {"nam"}, True: {"nam", "name"}}


def test_a_part_that_is_wrong_by_itself_is_no_value():
    assert valid({"books": ["Emma"]}, Shelf) == Shelf(books=("Emma",))
    assert valid({"books": 1}, Shelf) is None
