"""Requests by template, against the examples of AWS's documents and values that try to break out."""

from __future__ import annotations

import json

import numpy as np
import pytest

from clarify.config.templates import parse_template, template_text
from clarify.endpoints.templates import request_template
from clarify.errors import ConfigError, DataError
from clarify.features import FeatureColumn, Features

NAN = float("nan")


def two() -> Features:
    """AWS's example: headers A and B, features [[0, 1], [3, 4]]."""
    return Features((FeatureColumn("A", "int"), FeatureColumn("B", "int")), np.array([[0, 1], [3, 4.0]]))


def rendered(features: Features, content: str, record: str | None = None, *, lines: bool = False) -> bytes:
    return request_template(content, record, features.names, lines=lines).render(features)


def test_records_of_feature_lists_with_their_names():
    body = rendered(two(), '{"instances": $records, "feature_names": $feature_names}', "$features")

    assert json.loads(body) == {"instances": [[0, 1], [3, 4]], "feature_names": ["A", "B"]}


@pytest.mark.parametrize("record", ["$features_kvp", '{"A": "${A}", "B": "${B}"}', '{"A": ${A}, "B": ${B}}'])
def test_records_of_names_and_values(record):
    body = rendered(two(), "$records", record)

    assert json.loads(body) == [{"A": 0, "B": 1}, {"A": 3, "B": 4}]


def test_numbers_of_quoted_placeholders_come_out_without_quotes():
    assert rendered(two(), "$records", '{"A":"${A}","B":"${B}"}') == b'[{"A":0,"B":1},{"A":3,"B":4}]'


def test_a_single_record_stands_without_brackets():
    first = two().with_values(two().values[:1])

    assert json.loads(rendered(first, '{"row": $record}', "$features_kvp")) == {"row": {"A": 0, "B": 1}}


def test_each_line_of_json_lines_holds_one_row():
    body = rendered(two(), '{"myfeatures":$features}', lines=True)

    assert body == b'{"myfeatures":[0,1]}\n{"myfeatures":[3,4]}\n'


def test_a_template_written_over_several_lines_still_gives_one_line_a_row():
    body = rendered(two(), '{\n  "f": $features,\n  "names": $feature_names\n}', lines=True)

    assert [json.loads(line) for line in body.splitlines()] == [
        {"f": [0, 1], "names": ["A", "B"]}, {"f": [3, 4], "names": ["A", "B"]},
    ]  # fmt: skip


HOSTILE = ('],[', '"}], "admin": true, "x": [{"', "${A}", "$features", "%b%s%%", "\\", "\u2028é\n")


@pytest.mark.parametrize(
    ("content", "record", "lines"),
    [
        ('{"r": $features}', None, True), ("$records", '{"r": $features}', False), ("$records", "$features_kvp", False),
        ("$records", '{"x": "${A}", "y": ["${B}"]}', False),
    ],
)  # fmt: skip
def test_no_word_ends_a_string_a_row_or_a_request(content, record, lines):
    columns = (FeatureColumn("A", "text", HOSTILE), FeatureColumn("B", "int"))
    features = Features(columns, np.column_stack([np.arange(7.0), np.arange(7.0)]))

    body = rendered(features, content, record, lines=lines)

    rows = [json.loads(line) for line in body.split(b"\n")[:-1]] if lines else json.loads(body)
    assert [tuple(_leaves(row)) for row in rows] == [(word, i) for i, word in enumerate(HOSTILE)]


def _leaves(value: object) -> list[object]:
    if isinstance(value, dict):
        return [leaf for item in value.values() for leaf in _leaves(item)]
    return [leaf for item in value for leaf in _leaves(item)] if isinstance(value, list) else [value]


def test_names_are_escaped_as_values_are():
    name = 'a "b" %b \\'
    features = Features((FeatureColumn(name, "int"),), np.array([[1.0]]))

    assert json.loads(rendered(features, "$records", "$features_kvp")) == [{name: 1}]


@pytest.mark.parametrize(("record", "expected"), [
    ("$features", ["x", None, True, 0.5, 2**53 + 1]),
    ("$features_kvp", {"t": "x", "i": None, "b": True, "f": 0.5, "n": 2**53 + 1}),
])  # fmt: skip
def test_cells_keep_their_types_and_missing_ones_are_null(record, expected):
    columns = (
        FeatureColumn("t", "text", ("x",)), FeatureColumn("i", "int"), FeatureColumn("b", "bool"),
        FeatureColumn("f", "float"), FeatureColumn("n", "int", (2**53 + 1,)),
    )  # fmt: skip
    features = Features(columns, np.array([[0, NAN, 1, 0.5, 0]]))

    (row,) = json.loads(rendered(features, "$records", record))

    assert row == expected


@pytest.mark.parametrize("record", ["$features", "$features_kvp"])
def test_infinity_is_refused_rather_than_sent_as_null(record):
    features = Features((FeatureColumn("A", "float"),), np.array([[np.inf]]))

    with pytest.raises(DataError, match="ENDPOINT-INFINITE-INPUT"):
        rendered(features, "$records", record)


def test_two_dollars_are_one_and_a_percent_sign_is_itself():
    body = rendered(two(), '{"rows": $records, "price": "100% of $$5"}', '{"a": "${A}", "unit": "$$%d"}')

    assert json.loads(body) == {"rows": [{"a": 0, "unit": "$%d"}, {"a": 3, "unit": "$%d"}], "price": "100% of $5"}


def test_a_feature_may_have_any_name_a_header_has():
    features = Features((FeatureColumn("Marital Status", "int"), FeatureColumn("a}b", "int")), np.array([[1, 2.0]]))

    body = rendered(features, "$records", '{"m": "${Marital Status}", "c": "${a}b}"}')

    assert json.loads(body) == [{"m": 1, "c": 2}]


def test_a_feature_called_features_is_told_from_the_placeholder_by_its_quotes():
    features = Features((FeatureColumn("features", "int"),), np.array([[7.0]]))

    assert json.loads(rendered(features, "$records", '{"one": "${features}"}')) == [{"one": 7}]


def test_an_object_as_template_holds_placeholders_and_constant_texts():
    text = template_text({"instances": "$records", "signature_name": 'serving "$default"'.replace("$", "€")})

    assert json.loads(rendered(two(), text, "$features")) == {
        "instances": [[0, 1], [3, 4]], "signature_name": 'serving "€default"',
    }  # fmt: skip


def test_a_template_is_cut_into_text_and_gaps():
    template = parse_template('{"a": "${A b}", "n": $feature_names, "$$": ${features}, "x": "$"}')

    assert [(gap.name, gap.is_feature) for gap in template.gaps] == [
        ("A b", True), ("feature_names", False), ("features", False),
    ]  # fmt: skip
    assert template.literals == ('{"a": ', ', "n": ', ', "$": ', ', "x": "$"}')
    assert template.lone_dollars == 1


def test_a_placeholder_of_no_feature_names_those_there_are():
    with pytest.raises(ConfigError, match=r'(?s)received "\$\{C\}"  \[CFG-TEMPLATE\].*a feature: A, B'):
        rendered(two(), "$records", '{"c": "${C}"}')


def test_a_record_without_a_place_for_features_is_refused():
    with pytest.raises(ConfigError, match="a place for the features"):
        rendered(two(), "$records", '{"c": 1}')
