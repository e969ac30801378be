"""extended.json: strict, described by its schema, written and read back without loss."""

import json
import math
from dataclasses import replace

import jsonschema
import pytest

from clarify.errors import DataError
from clarify.report.document import extended_document, read_extended
from clarify.report.schema import extended_schema
from clarify.results import AwsValue, Interval, MetricValue, Reason
from tests.unit.report import attribution_examples as attributions
from tests.unit.report import report_examples as examples

RESULTS = {
    "credit": examples.credit_result(),
    "empty group": examples.empty_group_result(),
    "hostile names": examples.hostile_result(),
    "exact attributions": attributions.explained_result(attributions.exact_section()),
    "sampled to a tolerance": attributions.explained_result(attributions.adaptive_section()),
    "grouped columns": attributions.explained_result(attributions.grouped_section()),
    "explanations only": replace(examples.credit_result(), model=None, pre_training=None, post_training=None),
}
SCHEMA = extended_schema()


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


NEW_SINCE_FIRST = {
    "ExplanationSection": (
        "budget_given", "tolerance", "rows_within_tolerance", "rows_at_ceiling", "rows_failed", "estimator_asked",
        "estimator_chosen", "probe", "groups",
    ),
    "OutputExplanation": ("certain_order",),
    "GlobalAttribution": ("mean_abs_excess", "interval"),
}  # fmt: skip


def older(result):
    """The document as it was written before attributions had intervals of their own."""
    document = json.loads(extended_document(result))
    del document["partial_dependence"]
    section = document["explanations"]
    for name in NEW_SINCE_FIRST["ExplanationSection"]:
        del section[name]
    for output in section["outputs"]:
        del output["certain_order"]
        for feature in output["features"]:
            del feature["mean_abs_excess"], feature["interval"]
    return document


def test_an_older_document_is_read_with_defaults():
    result = examples.credit_result()

    assert read_extended(json.dumps(older(result)).encode()) == result


def test_an_older_document_fits_the_schema():
    jsonschema.validate(older(examples.credit_result()), SCHEMA, cls=jsonschema.Draft202012Validator)


def test_a_field_without_a_default_must_be_there():
    document = json.loads(extended_document(examples.credit_result()))
    del document["explanations"]["calls"]

    with pytest.raises(DataError, match=r"extended\.json\.explanations: received"):
        read_extended(json.dumps(document).encode())


@pytest.mark.parametrize(("kind", "name"), [(kind, name) for kind, names in NEW_SINCE_FIRST.items() for name in names])
def test_every_new_property_is_described(kind, name):
    described = SCHEMA["$defs"][kind]["properties"][name]

    assert described["description"].endswith(".")


@pytest.mark.parametrize(
    ("name", "wrong"), [("probe", "wobbly"), ("estimator_asked", "best"), ("rows_failed", -1), ("groups", [["a"]])]
)
def test_the_schema_refuses_what_an_explanation_cannot_say(name, wrong):
    document = json.loads(extended_document(examples.credit_result()))
    document["explanations"][name] = wrong

    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(document, SCHEMA, cls=jsonschema.Draft202012Validator)
