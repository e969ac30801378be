"""The types document: short and long forms, every mistake at once, and the schema that says the same."""

import jsonschema
import pytest
import yaml

from clarify.config.declared_types import DeclaredType, read_declared_types, types_schema, unknown_columns
from clarify.errors import ConfigError

BOTH_FORMS = b"""
version: "1.0"
columns:
  Age: continuous
  zip: text
  grade: {kind: int, reading: categorical}
  score: {kind: float}
  owns: bool
"""


def problems_of(content):
    with pytest.raises(ConfigError) as caught:
        read_declared_types(content)
    return {problem.field: problem for problem in caught.value.problems}


def test_short_and_long_forms_say_kind_reading_or_both():
    types = read_declared_types(BOTH_FORMS)

    assert types.columns == (
        DeclaredType("Age", None, "continuous"),
        DeclaredType("zip", "text", "categorical"),
        DeclaredType("grade", "int", "categorical"),
        DeclaredType("score", "float", None),
        DeclaredType("owns", "bool", "categorical"),
    )


def test_json_and_yaml_of_one_content_have_one_digest():
    as_json = read_declared_types(b'{"columns": {"Age": "continuous"}}')

    assert as_json.digest == read_declared_types(b"columns:\n  Age: continuous\n").digest
    assert as_json.digest != read_declared_types(b"columns:\n  Age: categorical\n").digest


def test_every_mistake_is_told_at_once():
    found = problems_of(
        b"version: '2'\ncolums: 1\ncolumns:\n  a: contnuous\n  b: {kind: integer, raeding: categorical}\n"
        b"  c: {kind: text, reading: continuous}\n  d: 3\n  e: {}\n"
    )

    assert {field: problem.code for field, problem in found.items()} == {
        "version": "CFG-TYPES-VERSION",
        "colums": "CFG-TYPES-UNKNOWN-KEY",
        "columns.a": "CFG-TYPES-VALUE",
        "columns.b.kind": "CFG-TYPES-VALUE",
        "columns.b.raeding": "CFG-TYPES-UNKNOWN-KEY",
        "columns.c.reading": "CFG-TYPES-CONTRADICTION",
        "columns.d": "CFG-TYPES-VALUE",
        "columns.e": "CFG-TYPES-VALUE",
    }
    assert found["columns.a"].hint == "did you mean continuous?"
    assert found["colums"].hint == "did you mean columns?"
    assert found["columns.b.raeding"].hint == "did you mean reading?"
    assert "int" in found["columns.b.kind"].allowed


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"[1, 2]", "CFG-TYPES-TYPE"),
        (b"", "CFG-TYPES-TYPE"),
        (b"version: '1.0'", "CFG-TYPES-COLUMNS"),
        (b"columns: {}", "CFG-TYPES-COLUMNS"),
        (b"columns: [Age]", "CFG-TYPES-COLUMNS"),
        (b"columns: {Age: int, Age: text}", "CFG-TYPES-DUPLICATE-KEY"),
        (b"columns: !!python/object/apply:os.system [ls]", "CFG-TYPES-SYNTAX"),
        (b"columns: {a: [", "CFG-TYPES-SYNTAX"),
    ],
)
def test_what_is_no_types_document_is_refused(content, code):
    assert code in {problem.code for problem in problems_of(content).values()}


def test_an_unknown_column_is_told_with_the_nearest_name():
    types = read_declared_types(b"columns: {Agee: int, zip: text}")

    (problem,) = unknown_columns(types, ("Age", "zip", "sex"))

    assert (problem.code, problem.field, problem.hint) == ("CFG-TYPES-COLUMN", "columns.Agee", "did you mean 'Age'?")


@pytest.mark.parametrize(
    ("content", "valid"),
    [
        (BOTH_FORMS, True),
        (b"columns: {a: {kind: text, reading: continuous}}", False),
        (b"columns: {a: {}}", False),
        (b"columns: {a: number}", False),
        (b"columns: {a: {kind: int, why: because}}", False),
        (b"version: '2'\ncolumns: {a: int}", False),
        (b"{}", False),
    ],
)
def test_the_schema_accepts_what_the_reader_accepts(content, valid):
    schema = jsonschema.Draft202012Validator(types_schema())

    assert schema.is_valid(yaml.safe_load(content)) is valid
    if valid:
        read_declared_types(content)
    else:
        problems_of(content)
