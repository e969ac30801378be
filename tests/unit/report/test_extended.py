"""extended.json: strict, described by its schema, written and read back without loss."""

import json
import math
from dataclasses import replace
from importlib.resources import files

import jsonschema
import pytest

from clarify.errors import DataError
from clarify.report.document import extended_document, read_extended
from clarify.results import AwsValue, Interval, MetricValue, Reason
from tests.unit.report import report_examples as examples

RESULTS = {
    "credit": examples.credit_result(),
    "empty group": examples.empty_group_result(),
    "hostile names": examples.hostile_result(),
    "explanations only": replace(examples.credit_result(), model=None, pre_training=None, post_training=None),
}
SCHEMA = json.loads((files("clarify.report") / "schemas" / "extended.schema.json").read_text())


def with_first_metric(metric):
    result = examples.credit_result()
    first = replace(result.pre_training.facets[0], metrics=(metric,))
    return replace(result, pre_training=replace(result.pre_training, facets=(first,)))


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_fits_the_schema(reason):
    found = with_first_metric(MetricValue("DI", None, AwsValue(0.0), undefined_because=reason))

    jsonschema.validate(json.loads(extended_document(found)), SCHEMA, cls=jsonschema.Draft202012Validator)


def refuse(token):
    raise AssertionError(token)


@pytest.mark.parametrize("name", RESULTS)
def test_a_result_written_and_read_back_is_equal(name):
    assert read_extended(extended_document(RESULTS[name])) == RESULTS[name]


@pytest.mark.parametrize("name", RESULTS)
def test_the_document_fits_its_schema_and_is_strict_json(name):
    document = json.loads(extended_document(RESULTS[name]), parse_constant=refuse)

    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    jsonschema.validate(document, SCHEMA, cls=jsonschema.Draft202012Validator)


def test_infinite_limits_are_words_in_the_document_and_numbers_again_after_reading():
    found = with_first_metric(MetricValue("DI", math.inf, AwsValue(math.inf), Interval(0.8, math.inf)))

    document = extended_document(found)

    metric = json.loads(document)["pre_training"]["facets"][0]["metrics"][0]
    assert metric["value"] == "Infinity"
    assert metric["interval"] == {"low": 0.8, "high": "Infinity", "level": 0.95}
    assert read_extended(document) == found


def test_a_number_that_is_nan_is_refused_by_its_field():
    found = with_first_metric(MetricValue("DI", math.nan, AwsValue(None)))

    with pytest.raises(DataError, match=r"pre_training\.facets\[0\]\.metrics\[0\]\.value: received NaN"):
        extended_document(found)


def test_credentials_in_uris_are_left_out():
    plain = examples.credit_result()
    found = replace(plain, dataset=replace(plain.dataset, uri="https://me:canary1@host/a.csv?sig=canary2#canary3"))

    document = extended_document(found)

    assert b"canary" not in document
    assert json.loads(document)["dataset"]["uri"] == "https://host/a.csv"


def edited(**changes):
    return json.dumps({**json.loads(extended_document(examples.credit_result())), **changes}).encode()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"{", r"extended\.json: received Expecting property name"),
        (b"[]", r"extended\.json: received \[\]"),
        (b'{"version": NaN}', "the token NaN is not JSON"),
        (b'{"version": "1.0", "version": "1.0"}', "a key occurs twice"),
        (b"[" * 100_000, "DOC-UNREADABLE"),
        (edited(version="9.9"), r"version: received 9\.9"),
        (edited(seed="five"), r"extended\.json\.seed: received five"),
        (edited(seed=True), r"extended\.json\.seed: received True"),
        (edited(surprise=1), "surprise"),
        (edited(notices=3), r"extended\.json\.notices: received 3"),
    ],
)
def test_what_is_not_such_a_document_is_refused_with_field_and_received_value(content, message):
    with pytest.raises(DataError, match=message):
        read_extended(content)
